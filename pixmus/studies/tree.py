"""The tree of the package in docs/architecture.md, from the first line of every file's docstring.

    pixmus evaluate tree

Rooms stand in the order in which they may import: downwards.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.files import PACKAGE, REPOSITORY
from pixmus.studies.runner import Result, Run, Study

PAGE = REPOSITORY / "docs" / "architecture.md"
BLOCK = re.compile(r"```text\npixmus/\n.*?```", re.DOTALL)
ORDER = (
    "picture",
    "cues",
    "score",
    "model",
    "compose",
    "check",
    "sound",
    "take",
    "doors",
    "training",
    "dataset",
    "studies",
)
COLUMN = 30  # where the words begin


def first_line(path: Path) -> str:
    """What a module says of itself in one line, without a full stop; "" for what is no module."""
    if path.suffix != ".py":
        return ""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return told.split("\n", 1)[0].rstrip(".")


def lines_of(folder: Path, indent: str) -> Iterator[str]:
    """The lines of a folder: its files by name, then its folders."""

    def line(name: str, told: str) -> str:
        return f"{indent + name:<{COLUMN}} {told}".rstrip()

    files = [path for path in folder.iterdir() if path.suffix in (".py", ".json")]
    for path in sorted(files):
        if path.name != "__init__.py":
            yield line(path.name, first_line(path))
    rooms = [path for path in folder.iterdir() if (path / "__init__.py").is_file()]
    for room in sorted(rooms, key=lambda path: (ORDER.index(path.name), "")
                       if path.name in ORDER else (len(ORDER), path.name)):  # fmt: skip
        yield line(f"{room.name}/", first_line(room / "__init__.py"))
        yield from lines_of(room, indent + "  ")


def tree() -> str:
    """The tree as a block of text in Markdown."""
    return "\n".join(["```text", "pixmus/", *lines_of(PACKAGE, "  "), "```"])


def measure(run: Run) -> Result:
    """Write the tree into its page."""
    text = PAGE.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        raise PixMusError(f"{PAGE} holds no block of text that begins with pixmus/.")
    PAGE.write_text(BLOCK.sub(lambda _: tree(), text, count=1), encoding="utf-8")
    return {"page": str(PAGE.relative_to(REPOSITORY))}


STUDY = Study("tree", "The tree of the package in docs/architecture.md.", measure, out=None)
