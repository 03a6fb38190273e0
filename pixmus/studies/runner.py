"""The one way to run a study: arguments, threads, cache, JSON, Markdown and pictures.

    pixmus evaluate NAME [--out DIR] [--quick] [--again] [--cache DIR] [--threads N] ...

A study measures and returns a dictionary. The runner adds the command, writes the dictionary to
NAME.json, fills the template NAME.md.j2 with what that file holds into NAME.md, draws the pictures
and prints the Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmus.errors import PixMusError
from pixmus.files import PACKAGE
from pixmus.studies import STUDIES
from pixmus.studies.tables import to_markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Result = dict[str, Any]

RESULTS = Path("docs/results")
RUNS = Path("runs")
VIDEOS = Path("../shared/data/video")  # where the studies of clips look for them
# Options that change where and how a study runs, not what it measures.
NOT_TOLD = ("out", "cache", "again", "only", "recordings")


@dataclass(frozen=True)
class Study:
    """What is measured and what is made of it.

    `measure` returns what NAME.json is to hold; `arguments` adds the study's own options; a picture
    is a file name with the function that draws it from the result, or returns None. With `out` None
    nothing is
    written unless `--out` names a folder. `passes` decides the exit code: 0 or 1.
    """

    name: str
    about: str
    measure: Callable[[Run], Result]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    pictures: Mapping[str, Callable[[Result], Figure | None]] = field(default_factory=dict)
    out: Path | None = RESULTS
    has_quick: bool = False
    threads: int | None = None
    passes: Callable[[Result], bool] = lambda result: True

    @property
    def parser(self) -> argparse.ArgumentParser:
        """The study's own options, and those that every study has."""
        parser = argparse.ArgumentParser(
            prog=f"pixmus evaluate {self.name}", description=self.about
        )
        self.arguments(parser)
        told = f"folder of {self.name}.json and {self.name}.md; "
        told += f"else {self.out}" if self.out else "else they are not written"
        parser.add_argument("--out", "--results", type=Path, metavar="DIR", help=told)
        parser.add_argument(
            "--cache", type=Path, metavar="DIR", default=RUNS / self.name, help="what is kept"
        )
        parser.add_argument(
            "--again", action="store_true", help="measure what the cache holds, too"
        )
        parser.add_argument(
            "--threads", type=int, metavar="N", default=self.threads, help="of torch"
        )
        parser.add_argument("--only", "--sections", nargs="+", help=argparse.SUPPRESS)
        if self.has_quick:
            parser.add_argument("--quick", action="store_true", help="small: shows that it runs")
        return parser


@dataclass
class Run:
    """One run of a study: what was asked, and where things are kept."""

    study: Study
    arguments: argparse.Namespace
    out: Path | None

    @property
    def command(self) -> str:
        """The command line that measures the same again."""
        words, parser = ["pixmus", "evaluate", self.study.name], self.study.parser
        for action in parser._actions:
            value = getattr(self.arguments, action.dest, None)
            if action.dest in (*NOT_TOLD, "help") or value in (None, False, action.default):
                continue
            values = value if isinstance(value, list) else [value]
            shown = [] if value is True else [shlex.quote(str(one)) for one in values]
            words += [*action.option_strings[-1:], *shown]
        return " ".join(words)

    def cached(self, name: str, depends_on: Any, make: Callable[[], Any]) -> Any:
        """What `make` returns (JSON), or returned before by the same code from the same things."""
        known = json.dumps([code_sha256(), depends_on], sort_keys=True)
        key = hashlib.sha256(known.encode()).hexdigest()[:16]
        path: Path = self.arguments.cache / f"{name}-{key}.json"
        if self.arguments.again or not path.is_file():
            write_json(path, make())
        return json.loads(path.read_text(encoding="utf-8"))

    def sections(self, result: Result, sections: Mapping[str, Callable[[], Any]]) -> Result:
        """`result` with every section, or those of `--only`, the others as NAME.json has them.

        Each is written as soon as it is there.
        """
        wanted = self.arguments.only or list(sections)
        for name in wanted:
            if name not in sections:
                raise PixMusError(f"there is no section {name!r}: {', '.join(sections)}.")
        path = None if self.out is None else self.out / f"{self.study.name}.json"
        if path is not None and path.is_file() and self.arguments.only:
            result = {**json.loads(path.read_text(encoding="utf-8")), **result}
        for name in wanted:
            begun = time.monotonic()
            result[name] = sections[name]()
            if path is not None:
                write_json(path, result)
            self.tell(f"{name}: {time.monotonic() - begun:.0f} s")
        return result

    def picture(self, name: str, figure: Figure | None) -> None:
        """Write a picture beside the tables, where they are written."""
        if self.out is not None and figure is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            colour = figure.get_facecolor()
            figure.savefig(self.out / name, dpi=figure.dpi, format="png", facecolor=colour)

    def tell(self, line: str) -> None:
        """A line about how far it is."""
        print(line, file=sys.stderr, flush=True)


def code_sha256() -> str:
    """Hash of the whole package, so that nothing cached outlives a change."""
    digest = hashlib.sha256()
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.json")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


APART = (
    "import importlib, json, sys; module, name = sys.argv[1].split(':'); "
    "made = getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2])); "
    "print(json.dumps(made))"
)


def run_apart(function: str, *arguments: Any, threads: int | None = None) -> Any:
    """What a function, `module:name`, returns in a process of its own; all of it JSON."""
    environment = dict(os.environ)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    done = subprocess.run(
        [sys.executable, "-c", APART, function, json.dumps(arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    return json.loads(done.stdout.splitlines()[-1])


def check_folder(path: Path) -> None:
    """Raise where the folder of clips is not there."""
    if not path.is_dir():
        raise PixMusError(f"{path} is no folder; name the folder of the clips.")


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """So many threads of torch, where a number is given, and those of before afterwards."""
    if number is None:
        yield
        return
    if number < 1:
        raise PixMusError(f"There must be at least 1 thread, not {number}.")
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load_study(name: str) -> Study:
    """The study of a name as it is typed."""
    name = name.replace("_", "-")
    if name not in STUDIES:
        raise PixMusError(f"there is no evaluation {name!r}; there are: {', '.join(STUDIES)}.")
    try:
        study = importlib.import_module(STUDIES[name]).STUDY
    except ModuleNotFoundError as error:
        raise PixMusError(
            f"`pixmus evaluate {name}` needs the package {error.name}; install it with: pip "
            "install -r requirements-dev.txt"
        ) from error
    assert isinstance(study, Study) and study.name == name, f"{STUDIES[name]} holds {study}"
    return study


def run(name: str, words: Sequence[str]) -> int:
    """Run a study with the words of its command line; 0, or 1 where it does not pass."""
    study = load_study(name)
    arguments = study.parser.parse_args(list(words))
    out = arguments.out
    if out is None and study.out is not None:
        out = RUNS / study.name if getattr(arguments, "quick", False) else study.out
    current = Run(study, arguments, out)
    with torch_threads(arguments.threads):
        result: Result = {"command": current.command, **study.measure(current)}
    result = json.loads(json.dumps(result))  # as the file holds it
    text = to_markdown(study.name, result)
    if out is not None:
        write_json(out / f"{study.name}.json", result)
        (out / f"{study.name}.md").write_text(text, encoding="utf-8")
        for picture, draw in study.pictures.items():
            current.picture(picture, draw(result))
    print(text)
    return 0 if study.passes(result) else 1
