"""The house: rooms in the data's order, wings beside them, each noun in one place.

Every message says what to do. The requirements name what is imported, and nothing is vendored.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

import pixmus
from pixmus.choices import CHOICES
from pixmus.curves import CURVES
from pixmus.ensembles import ENSEMBLES, PARTS

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "pixmus"

# The data's way. Each room imports what stands before it; files at the top are rooms of their own.
ROOMS = (
    "errors",
    "files",
    "hub",
    "sandbox",
    "curves",
    "ensembles",
    "keys",
    "chords",
    "waveform",
    "plain_base",
    "diffusers_base",
    "two_threads",
    "renderers",
    "choice",
    "choices",
    "asked",
    "picture",
    "cues",
    "score",
    "model",
    "compose",
    "check",
    "sound",
    "thesis",
    "editors",
    "take",
    "pipeline",
    "doors",
)
# The wings, in their order: each imports the rooms and the wings before it.
WINGS = ("training", "dataset", "library", "studies")
# The names of what is known in one place, and that place.
NOUNS = {
    "part": (set(PARTS), "ensembles.py"),
    "ensemble": (set(ENSEMBLES), "ensembles.py"),
    "curve": (set(CURVES), "curves.py"),
}
REQUIREMENTS = {
    "training": ["requirements.txt", "requirements-train.txt"],
    "dataset": ["requirements.txt", "requirements-train.txt", "requirements-dataset.txt"],
    "library": ["requirements.txt", "requirements-train.txt", "requirements-dataset.txt"],
    "studies": [
        "requirements.txt",
        "requirements-train.txt",
        "requirements-dataset.txt",
        "requirements-dev.txt",
    ],  # fmt: skip
}
KNOWS_NOTHING = {"errors", "model.blocks"}
EMPTY_NAMES = {"utils.py", "common.py", "helpers.py", "types.py", "misc.py"}
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_README_BYTES = 500, 80, 16_000


@cache
def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def python_files() -> list[Path]:
    return [*modules(), REPOSITORY / "app.py"]


def name_of(path: Path) -> str:
    """`cues.sheet` of pixmus/cues/sheet.py; `cues` of a room's __init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(tree_of(path)))


def is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def nodes(tree: ast.AST, with_typing: bool) -> Iterator[ast.AST]:
    """Every node, without those that only a type checker sees unless asked."""
    waiting = [tree]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            if with_typing or not is_typing(child):
                yield child
                waiting.append(child)


@cache
def names_there() -> set[str]:
    return {name_of(path) for path in modules()}


def imported_modules(path: Path, with_typing: bool = True) -> set[str]:
    """Names of the pixmus modules that a file imports, wherever in the file it does so."""
    there = names_there()
    names: set[str] = set()
    for node in nodes(tree_of(path), with_typing):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner.removeprefix("pixmus.") in there else str(node.module))
    return {
        name.removeprefix("pixmus.") if name != "pixmus" else "__init__"
        for name in names
        if name.split(".")[0] == "pixmus"
    }


def room_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_rooms_import_downwards_and_wings_in_their_order(path):
    name = name_of(path)
    room = room_of(name)
    imported = {room_of(other) for other in imported_modules(path)} - {room}
    if name == "__init__":
        allowed = set(ROOMS) - {"doors"}
    elif name == "__main__":
        allowed = {"doors"}
    elif room in WINGS:
        allowed = set(ROOMS) | {"__init__"} | set(WINGS[: WINGS.index(room)])
    else:
        assert room in ROOMS, f"pixmus/{room} is no room: put {path.name} into one of {ROOMS}"
        allowed = set() if name in KNOWS_NOTHING else set(ROOMS[: ROOMS.index(room)])
        allowed |= {"__init__"} if room == "doors" else set()
    wrong = imported - allowed
    assert not wrong, (
        f"{name} imports {sorted(wrong)}, which stand after it: move what it needs into a room "
        f"before {room}, or hand it in as an argument"
    )


def test_no_module_imports_itself_by_a_circle():
    graph = {name_of(path): imported_modules(path, with_typing=False) for path in modules()}
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, (
            f"{' -> '.join([*way[way.index(name) :], name])}: what both need goes into a module "
            "that imports neither"
        )
        if name not in done:
            for other in graph.get(name, set()) - {"__init__"}:
                walk(other, (*way, name))
            done.add(name)

    for name in graph:
        walk(name, ())


def literals(path: Path) -> list[tuple[int, str]]:
    """Strings of a file by line, but for those inside f-strings and texts longer than a name."""
    inside = {
        id(part)
        for node in nodes_of(path)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
    }
    return [
        (node.lineno, node.value)
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside
    ]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_name_is_a_literal_in_one_file(noun):
    names, home = NOUNS[noun]
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} {text!r}"
        for path in python_files()
        if path != PACKAGE / home
        for line, text in literals(path)
        if text in names
    ]
    assert not found, f"take the {noun} from pixmus/{home} in place of its name: " + "; ".join(
        found
    )


def test_a_choice_is_described_in_one_file():
    """What is said of a choice to a person stands in choices.py alone."""
    told = {choice.help for choice in CHOICES.values()}
    found = [
        f"{path.relative_to(REPOSITORY)}:{line} {text!r}"
        for path in python_files()
        if path != PACKAGE / "choices.py"
        for line, text in literals(path)
        if text in told
    ]
    assert not found, "take the words from the choice: " + "; ".join(found)


def test_a_private_name_stays_in_its_file():
    found = [
        f"{path.relative_to(REPOSITORY)}: {node.module}.{alias.name}"
        for path in python_files()
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pixmus")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert not found, "a name that others use has no underscore: " + "; ".join(found)


def test_no_file_is_long():
    files = [*python_files(), *(REPOSITORY / "tests").rglob("*.py")]
    long = {
        str(path.relative_to(REPOSITORY)): count
        for path in files
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long, f"more than {MOST_LINES} lines: split each by what it makes: {long}"


def test_no_function_is_long():
    long = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name} ({length})"
        for path in python_files()
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long, (
        f"more than {MOST_LINES_OF_A_FUNCTION} lines: give each step a function of its own: "
        + "; ".join(long)
    )


def test_readme_is_short():
    size = (REPOSITORY / "README.md").stat().st_size
    assert size < MOST_README_BYTES, f"README.md has {size} bytes: move what is detail into docs/"


def test_no_file_has_a_name_that_says_nothing():
    assert not [path for path in modules() if path.name in EMPTY_NAMES]


def test_every_file_of_a_room_has_said_what_it_makes():
    silent = [
        str(path.relative_to(REPOSITORY))
        for path in python_files()
        if path.name != "__init__.py" and "TODO" in (ast.get_docstring(tree_of(path)) or "TODO")
    ]
    assert not silent, f"begin each with a docstring that says what it makes: {silent}"


def test_tests_mirror_the_rooms():
    homes = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    strange = [
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "tests").iterdir()
        if path.is_dir() and path.name not in homes | {"data", "fuzz", "__pycache__"}
    ]
    assert not strange, f"a folder of tests is named after a room, or `fuzz`, of all: {strange}"


def test_all_is_what_is_exported():
    exported = set(getattr(pixmus, "__all__", ()))
    for name in exported:
        assert getattr(pixmus, name) is not None
    public = {
        name
        for name, value in vars(pixmus).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    } - {"annotations", "TYPE_CHECKING", "Any"}
    assert public <= exported


def third_party_imports(path: Path) -> set[str]:
    """Top-level names of other people's packages that a file imports."""
    names: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return (
        names - set(sys.stdlib_module_names) - {"pixmus", "__future__", "spaces"}
    )  # spaces: on the Hub alone


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(*files: str) -> set[str]:
    """Names in requirement files, spelt as packages are compared."""
    lines = [line for name in files for line in (REPOSITORY / name).read_text().splitlines()]
    names = [
        re.match(r"[A-Za-z0-9_.-]+", line) for line in lines if not line.startswith(("#", "-"))
    ]
    return {canonical(name.group()) for name in names if name}


def test_what_is_imported_is_required():
    providers = packages_distributions()
    for path in python_files():
        files = ["requirements.txt"]
        if path != REPOSITORY / "app.py":
            files = REQUIREMENTS.get(room_of(name_of(path)), files)
        known = required(*files) | {"tinysoundfont"}  # installed by the Makefile, without pyaudio
        for name in third_party_imports(path):
            sources = {canonical(source) for source in providers.get(name, [name])}
            assert sources & known, f"{path} imports {name}, which {files} do not name"


def test_every_requirement_is_pinned_and_explained():
    pins = (REPOSITORY / "constraints.txt").read_text()
    assert not re.search(r"https?:|file:|/", "\n".join(re.findall(r"^[^#].*$", pins, re.M)))
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==", pins, re.M)}
    names = required(*(f"requirements{kind}.txt" for kind in ("", "-train", "-dataset", "-dev")))
    assert names <= pinned, f"without a pin: {sorted(names - pinned)}"
    text = (REPOSITORY / "docs" / "architecture.md").read_text().lower()
    unexplained = [name for name in required("requirements.txt") if f"| {name} |" not in text]
    assert not unexplained, f"say in the table of docs/architecture.md why: {unexplained}"
