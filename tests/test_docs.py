"""README and docs: links lead somewhere, pages are what is stored and what files there are."""

import re
from pathlib import Path

import pytest

from pixmus.studies.summary import readme, results_page
from pixmus.studies.tree import BLOCK, tree

REPOSITORY = Path(__file__).parents[1]
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CHANGELOG.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / "docs" / "results").glob("*.md")),
]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def addresses(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, address = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name} links to {target}, which is not there; mend the link"
        if address:
            assert address in addresses(there), f"{page.name}: {there.name} has no #{address}"


def test_the_readme_is_short():
    size = len((REPOSITORY / "README.md").read_bytes())
    assert size < 16 * 1024, f"README.md has {size} bytes; move what is not the front door to docs/"


def test_results_and_readme_are_what_is_stored():
    told = "is not what is stored; write it by `pixmus evaluate summary`"
    stored = (REPOSITORY / "docs/results.md").read_text(encoding="utf-8")
    assert stored == results_page(), f"docs/results.md {told}"
    assert (REPOSITORY / "README.md").read_text(encoding="utf-8") == readme(), f"README.md {told}"


def test_the_tree_is_what_the_files_say():
    page = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    found = BLOCK.search(page)
    assert found, "docs/architecture.md holds no block of text that begins with pixmus/"
    assert found[0] == tree(), "the tree is out of date; write it by `pixmus evaluate tree`"


def test_experiments_are_all_in_the_index():
    text = (REPOSITORY / "docs/experiments.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^(\d+)\. \*\*", text, re.MULTILINE))
    index = re.findall(r"^\| [^|]* \| (\d+) \| [\d-]* \| [^|]* \| (\w+) \|", text, re.MULTILINE)
    assert len(index) == len({number for number, _ in index})
    missing = sorted(told - {number for number, _ in index}, key=int)
    assert not missing, f"experiments without a line in the index: {', '.join(missing)}"
    assert {outcome for _, outcome in index} <= {"kept", "dropped", "negative"}
