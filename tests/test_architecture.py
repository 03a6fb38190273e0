"""Each stage may import only stages above it, so the data's way reads down one list.

The README shows the same list; the requirements name what is imported, and nothing is vendored.
"""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

import pixmus

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "pixmus"

# The data's way: each may import what stands above it.
WAY = (
    "errors",
    "hub",
    "video",
    "features",
    "wishes",
    "cues",
    "backbone",
    "footage",
    "encoder",
    "tempo",
    "score",
    "texture",
    "conditioning",
    "descriptors",
    "check",
    "network",
    "denoiser",
    "form",
    "compose",
    "redo",
    "accents",
    "loudness",
    "renderer",
    "stems",
    "audio",
    "plots",
    "bundle",
    "pipeline",
    "publish",
    "cli",
)
BESIDE = {
    "training",
    "evaluation",
    "page",
    "dataset",
}  # subpackages that the way never imports; cli may
REQUIREMENTS = {
    "training": ["requirements.txt", "requirements-train.txt"],
    "dataset": ["requirements.txt", "requirements-train.txt", "requirements-dataset.txt"],
    "evaluation": ["requirements.txt", "requirements-train.txt", "requirements-dev.txt"],
}
KNOWS_NOTHING = {"errors", "network", "loudness", "form"}  # import nothing of ours
EMPTY_NAMES = {"utils.py", "common.py", "helpers.py", "types.py", "misc.py"}


def imported_modules(path: Path) -> set[str]:
    """Names of the pixmus modules that a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import in line {node.lineno}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {f"{name}.__init__".split(".")[1] for name in names if name.split(".")[0] == "pixmus"}


def third_party_imports(path: Path) -> set[str]:
    """Top-level names of other people's packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"pixmus", "__future__"}


def required(*files: str) -> set[str]:
    """Names in requirement files, spelt as packages are compared."""
    lines = [line for name in files for line in (REPOSITORY / name).read_text().splitlines()]
    names = [
        re.match(r"[A-Za-z0-9_.-]+", line) for line in lines if not line.startswith(("#", "-"))
    ]
    return {canonical(name.group()) for name in names if name}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def readme_tree() -> list[str]:
    """Paths under pixmus/ in the README's tree, in its order."""
    text = (REPOSITORY / "README.md").read_text()
    block = re.search(r"```text\n(pixmus/\n.*?)```", text, re.DOTALL)
    assert block, "README.md holds no tree that begins with pixmus/"
    paths: list[str] = []
    folder = ""
    for line in block.group(1).splitlines()[1:]:
        entry = re.match(r"(?P<indent> *)(?P<name>[\w.]+/?)", line)
        if entry is None or not line.startswith("  "):
            break
        if len(entry["indent"]) == 2:
            folder = ""
        if entry["name"].endswith("/"):
            folder = entry["name"]
        else:
            paths.append(folder + entry["name"])
    return paths


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_module_is_listed():
    there = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert there <= set(WAY), f"not in the order of the way: {sorted(there - set(WAY))}"


@pytest.mark.parametrize("path", [path for path in PACKAGE.glob("*.py")], ids=lambda p: p.stem)
def test_a_module_imports_only_what_stands_above_it(path):
    name = path.stem
    if name == "__init__":
        allowed = set(WAY) - {"cli"}
    elif name == "__main__":
        allowed = {"cli"}
    elif name in KNOWS_NOTHING:
        allowed = set()
    else:
        allowed = set(WAY[: WAY.index(name)]) | (BESIDE if name == "cli" else set())
    assert imported_modules(path) <= allowed


def test_what_stands_beside_the_way_imports_no_command_line():
    for name in BESIDE:
        for path in (PACKAGE / name).rglob("*.py"):
            assert "cli" not in imported_modules(path), path


def test_no_file_has_a_name_that_says_nothing():
    assert not [path for path in modules() if path.name in EMPTY_NAMES]


def test_all_is_what_is_exported():
    exported = set(getattr(pixmus, "__all__", ()))
    for name in exported:
        assert getattr(pixmus, name) is not None
    public = {
        name
        for name, value in vars(pixmus).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    } - {"annotations", "TYPE_CHECKING", "Any"}
    assert public == exported


def test_what_is_imported_is_required():
    providers = packages_distributions()
    for path in modules():
        files = REQUIREMENTS.get(path.parent.name, ["requirements.txt"])
        known = required(*files) | {"tinysoundfont"}  # installed by the Makefile, without pyaudio
        for name in third_party_imports(path):
            sources = {canonical(source) for source in providers.get(name, [name])}
            assert sources & known, f"{path.name} imports {name}, which {files} do not name"


def test_every_requirement_is_pinned_and_explained():
    pins = (REPOSITORY / "constraints.txt").read_text()
    assert not re.search(r"https?:|file:|/", "\n".join(re.findall(r"^[^#].*$", pins, re.M)))
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==", pins, re.M)}
    names = required(*(f"requirements{kind}.txt" for kind in ("", "-train", "-dataset", "-dev")))
    assert names <= pinned, f"without a pin: {sorted(names - pinned)}"
    readme = (REPOSITORY / "README.md").read_text().lower()
    unexplained = [name for name in required("requirements.txt") if f"| {name} |" not in readme]
    assert not unexplained, f"not in the README's table: {unexplained}"


def test_readme_tree_is_the_files_there_are():
    there = {
        str(path.relative_to(PACKAGE))
        for pattern in ("*.py", "*.json")
        for path in PACKAGE.rglob(pattern)
        if path.name != "__init__.py"
    }
    tree = readme_tree()
    assert set(tree) == there
    assert len(tree) == len(set(tree))
    way = [Path(name).stem for name in tree if "/" not in name and Path(name).stem in WAY]
    assert way == [name for name in WAY if name in way], "the tree is not in the data's order"
