"""A listening test: pairs of scored clips, judged blind on a page of its own, and its tally.

    pixmus evaluate listening --prepare ours=runs/a theirs=runs/b    # writes the page and its key
    pixmus evaluate listening --answers anna.json ben.json           # tallies what came back

A system is a folder of scored clips; clips of one name in two folders are a pair. The page shows
each pair as A and B, in an order and on sides drawn from the seed, and says nowhere which is which:
that stands in `key.json` alone, which listeners are not given. It needs a browser and no network;
its answers are saved as a file. No pair can be answered before both of its clips were heard to the
end. No listener is invented here: without answers there is nothing to tally.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from pixmus.errors import PixMusError
from pixmus.files import new_folder
from pixmus.studies.runner import RUNS, Result, Run, Study
from pixmus.studies.tables import TEMPLATES

FOLDER = RUNS / "listening"
ENDINGS = (".mp4", ".webm", ".mov")
QUESTIONS = {
    "fits": "Which music fits the picture better?",
    "music": "Which is the better music, whatever the picture?",
}
SIDES = ("A", "B")
NEITHER = "same"
Z_95 = 1.959964


def pairs_of(systems: Mapping[str, Path]) -> list[tuple[str, tuple[str, str]]]:
    """The name of each clip that two systems scored, with the two."""
    clips = {
        name: {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in ENDINGS}
        for name, folder in systems.items()
    }
    return [
        (clip, (one, other))
        for one, other in combinations(systems, 2)
        for clip in clips[one]
        if clip in clips[other]
    ]


def prepare(systems: Mapping[str, Path], out: Path, seed: int) -> dict[str, Any]:
    """Write `out/page` (to be given to listeners) and `out/key.json`; returns the key.

    `out` must not be there yet: without its key the answers to an earlier page tell nothing.
    """
    if (out / "key.json").exists():
        raise PixMusError(f"{out} holds a page and its key already; name another --folder.")
    pairs = pairs_of(systems)
    if not pairs:
        raise PixMusError(
            "No two of the folders hold a scored clip of the same name; name at least two folders "
            "with clips to compare, as SYSTEM=FOLDER."
        )
    chance = random.Random(seed)
    chance.shuffle(pairs)
    key: dict[str, dict[str, str]] = {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(out) as place:
        page = place / "page"
        page.mkdir()
        for number, (clip, both) in enumerate(pairs, start=1):
            sides = dict(zip(SIDES, chance.sample(both, 2), strict=True))
            for side, system in sides.items():
                found = next(p for p in systems[system].glob(f"{clip}.*") if p.suffix in ENDINGS)
                shutil.copyfile(found, page / f"{number}{side}{found.suffix}")
            key[str(number)] = {"clip": clip, **sides}
        files = sorted(path.name for path in page.iterdir())
        told = {"pairs": len(pairs), "files": files, "questions": QUESTIONS, "sides": SIDES}
        text = (TEMPLATES / "listening.html").read_text(encoding="utf-8")
        (page / "index.html").write_text(text.replace("TOLD", json.dumps(told)), encoding="utf-8")
        (place / "key.json").write_text(json.dumps(key, indent=2) + "\n", encoding="utf-8")
    return key


def tally(key: Mapping[str, Mapping[str, str]], answers: Sequence[Mapping[str, Any]]) -> Result:
    """By question and pair of systems how often the first was preferred, with 95 % intervals.

    "The same" counts half for each. Answers are what the page saved: `pairs` from the number of a
    pair to the side, or "same", by question.
    """
    counts: dict[str, dict[tuple[str, str], list[float]]] = {name: {} for name in QUESTIONS}
    for sheet in answers:
        for number, said in sheet["pairs"].items():
            sides = key[number]
            first, other = sorted(sides[side] for side in SIDES)
            for question, side in said.items():
                won = 0.5 if side == NEITHER else float(sides[side] == first)
                counts[question].setdefault((first, other), []).append(won)
    return {
        question: [
            {
                "system": first,
                "beside": other,
                "answers": len(won),
                "preferred": sum(won) / len(won),
                "interval": wilson(sum(won), len(won)),
            }
            for (first, other), won in sorted(rows.items())
        ]
        for question, rows in counts.items()
    }


def wilson(wins: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, 0..1."""
    share, square = wins / count, Z_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    reach = share * (1 - share) / count + square / (4 * count**2)
    half = Z_95 * math.sqrt(reach) / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def read_answers(path: Path, key: Mapping[str, Any]) -> dict[str, Any]:
    """A file that the page saved; PixMusError where it is none, or of another page."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fits = all(
            number in key
            and set(said) <= set(QUESTIONS)
            and set(said.values()) <= {*SIDES, NEITHER}
            for number, said in found["pairs"].items()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        fits = False
    if not fits:
        raise PixMusError(f"{path} holds no answers to this page; give the file that it saved.")
    return dict(found)


def measure(run: Run) -> Result:
    """The page and its key written, or the answers to it tallied."""
    asked = run.arguments
    if asked.prepare:
        key = prepare(_systems(asked.prepare), asked.folder, asked.seed)
        return {"page": str(asked.folder / "page" / "index.html"), "pairs": len(key)}
    if not asked.answers:
        raise PixMusError("Name systems to --prepare a page, or files of --answers to tally.")
    try:
        key = json.loads((asked.folder / "key.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise PixMusError(f"{asked.folder} holds no key.json; --prepare the page first.") from None
    answers = [read_answers(path, key) for path in asked.answers]
    return {"listeners": len(answers), "questions": QUESTIONS, "tally": tally(key, answers)}


def _systems(words: Sequence[str]) -> dict[str, Path]:
    found = {name: Path(place) for name, _, place in (word.partition("=") for word in words)}
    for name, folder in found.items():
        if not name or not folder.is_dir():
            raise PixMusError(f"{name}={folder} names no folder of clips; write SYSTEM=FOLDER.")
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--prepare", nargs="+", metavar="SYSTEM=FOLDER", help="folders of clips")
    parser.add_argument("--answers", nargs="+", type=Path, metavar="FILE", help="saved by the page")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the page and its key")
    parser.add_argument("--seed", type=int, default=1, help="of the order and the sides")


STUDY = Study(
    "listening", "A blind listening test: its page, and its tally.", measure, arguments, out=None
)
