"""docs/results.md and the README's table of six results, from what the other studies stored.

pixmus evaluate summary
"""

from __future__ import annotations

import re
from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.studies.report import Files, markdown_table
from pixmus.studies.runner import Result, Run, Study
from pixmus.studies.tables import TEMPLATES, fill

BLOCK = re.compile(r"(<!-- six results -->\n).*?(<!-- /six results -->)", re.DOTALL)


def filled(template: str, root: Path, **names: object) -> str:
    """A template with the stored results, and the first table of a study as `table(name, 0)`."""
    stored = root / "docs" / "results"

    def table(name: str, index: int) -> str:
        path = stored / f"{name}.md"
        return markdown_table(path.read_text(encoding="utf-8"), index, str(path.relative_to(root)))

    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return fill(text, template, {"results": Files(stored, root), "table": table, **names})


def results_page(root: Path = REPOSITORY) -> str:
    """docs/results.md."""
    six = filled("six-results.md.j2", root, at="results/")
    return filled("results.md.j2", root, six=six)


def readme(root: Path = REPOSITORY) -> str:
    """README.md with the six results as they are now."""
    text = (root / "README.md").read_text(encoding="utf-8")
    if not BLOCK.search(text):
        raise PixMusError("README.md holds no <!-- six results --> ... <!-- /six results -->.")
    six = filled("six-results.md.j2", root, at="docs/results/")
    return BLOCK.sub(lambda found: f"{found[1]}\n{six}\n{found[2]}", text)


def measure(run: Run) -> Result:
    """Write both."""
    pages = {"docs/results.md": results_page(), "README.md": readme()}
    for name, text in pages.items():
        (REPOSITORY / name).write_text(text, encoding="utf-8")
    return {"pages": list(pages)}


STUDY = Study("summary", "docs/results.md and the README's six results.", measure, out=None)
