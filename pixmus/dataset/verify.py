"""`verify`: what is wrong with each row's picture and music, and which rows are the same.

Rows are examined in processes of their own and written to a file as they come (JSON lines), so a
run that was stopped goes on; rows whose media or entries changed are examined again. When all are
there, duplicates are found among all findings and the file is written anew, in the table's order.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.dataset import picture_checks, sound_checks
from pixmus.dataset.fingerprints import music_print, picture_print, same_music, same_pictures
from pixmus.dataset.media import Media
from pixmus.dataset.pool import Lost, Pool
from pixmus.dataset.sound_checks import Sound, read_stored
from pixmus.dataset.store import StoreFull, disk_explained
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.files import replaced_file
from pixmus.picture.video import MIN_DURATION, probe
from pixmus.sandbox import FIRST_LIMIT_S, LIMIT_PER_SECOND

VERSION = 1  # of the checks; findings of another are made anew
CHECKS = (
    "picture missing", "picture unreadable", "picture short", "picture frozen", "picture moving",
    "music missing", "music unreadable", "music short", "music silent", "music clipped",
    "music speech", "unchecked", "duplicate",
)  # fmt: skip

OnRow = Callable[[int, int], None]  # how many rows have been examined, of how many


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a row."""

    check: str  # one of CHECKS
    sentence: str


@dataclass(frozen=True)
class Finding:
    """What was found of one row."""

    id: str
    number: int  # of its place in the table
    ok: bool
    problems: tuple[Problem, ...] = ()
    same_picture_as: str = ""  # id of the first row with the same picture
    same_music_as: str = ""  # id of the first row with the same music
    picture_print: str = ""  # hexadecimal
    music_print: str = ""
    key: str = ""  # of the row's entries and files when it was examined


def verify(
    rows: Sequence[Row],
    media: Media,
    out: str | Path | None = None,
    *,
    workers: int = 1,
    on_row: OnRow | None = None,
) -> list[Finding]:
    """The findings of all rows, in their order; kept in the file `out` where it is given.

    Findings of other rows in `out` stay there, and duplicates are sought among them too.
    """
    path = Path(out) if out is not None else None
    kept = _read(path) if path is not None else {}
    keys = {row.id: _key(row, media) for row in rows}
    waiting = [row for row in rows if row.id not in kept or kept[row.id].key != keys[row.id]]
    num_known = len(rows) - len(waiting)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    jobs = (
        ([row], time_limit(max(row.duration, row.audio_end - row.audio_start))) for row in waiting
    )
    with Pool(partial(_examine_rows, media=media), workers, preload=[__name__]) as pool:
        for count, (row, result) in enumerate(pool.run(jobs), start=1):
            if isinstance(result, Lost):
                problem = Problem("unchecked", f"it could not be checked: {result.reason}")
                result = Finding(row.id, row.number, False, (problem,))
            kept[row.id] = replace(result, key=keys[row.id])
            if path is not None:
                _append(path, kept[row.id])
            if on_row is not None:
                on_row(num_known + count, len(rows))
    ordered = mark_duplicates(sorted(kept.values(), key=lambda finding: finding.number))
    if path is not None:
        _write(path, ordered)
    found = {finding.id: finding for finding in ordered}
    return [found[row.id] for row in rows]


def time_limit(seconds: float) -> float:
    """Seconds that a row of so many seconds may take, as for an upload."""
    return FIRST_LIMIT_S + LIMIT_PER_SECOND * seconds


def examine(row: Row, media: Media) -> Finding:
    """What is wrong with one row by itself, and its fingerprints."""
    problems: list[Problem] = []
    problems += (picture := _Picture(row, media)).problems
    problems += (music := _Music(row, media)).problems
    return Finding(
        id=row.id,
        number=row.number,
        ok=not problems,
        problems=tuple(problems),
        picture_print=_hexadecimal(picture.bits, 16),
        music_print=_hexadecimal(music.bits, 8),
    )


class _Picture:
    """A row's picture, checked."""

    def __init__(self, row: Row, media: Media) -> None:
        self.problems: list[Problem] = []
        self.bits = np.zeros(0, np.uint64)
        path = media.find(row.picture)
        if path is None:
            told = f"its picture {row.picture} is missing" if row.picture else "it names no picture"
            self.problems.append(Problem("picture missing", told))
            return
        if several := picture_checks.several(path, row):
            self.problems.append(Problem("picture moving", several))
            return
        try:
            sight = picture_checks.watch(
                row, probe(path, max(row.duration, MIN_DURATION), length="picture")
            )
        except PixMusError as error:
            told = str(error).replace(str(path), row.picture)
            self.problems.append(Problem("picture unreadable", told))
            return
        self.bits = picture_print(sight.moments) if len(sight.moments) else self.bits
        short = picture_checks.too_short(sight, row)
        for check, sentence in (
            ("picture short", short),
            ("picture unreadable", None if short else picture_checks.undecodable(sight)),
            ("picture frozen", picture_checks.frozen(sight, row)),
            ("picture moving", picture_checks.moving(sight, row)),
        ):
            if sentence is not None:
                self.problems.append(Problem(check, sentence))


class _Music:
    """A row's music, checked."""

    def __init__(self, row: Row, media: Media) -> None:
        self.problems: list[Problem] = []
        self.bits = np.zeros(0, np.uint64)
        path = media.find(row.audio)
        places = [(s.reference, media.find(s.reference), s.end - s.start) for s in row.segments]
        lost = [name for name, place, _ in places if place is None]
        if path is None and (lost or not places):
            names = ", ".join(lost) or row.audio
            told = f"its music {names} is missing" if names else "it names no music"
            self.problems.append(Problem("music missing", told))
            return
        try:
            if path is not None:
                sound = read_stored(path, row.audio_start, row.audio_start + row.duration)
            else:
                sound = _joined(
                    [read_stored(place, 0.0, length) for _, place, length in places if place]
                )
        except PixMusError as error:
            told = str(error).replace(path.name, row.audio) if path is not None else str(error)
            self.problems.append(Problem("music unreadable", told))
            return
        self.bits = music_print(sound.mono)
        silent = sound_checks.silent(sound)
        for check, sentence in (
            ("music short", sound_checks.too_short(sound, row.duration)),
            ("music silent", silent),
            ("music clipped", sound_checks.clipped(sound)),
            ("music speech", None if silent else sound_checks.spoken(sound)),
        ):
            if sentence is not None:
                self.problems.append(Problem(check, sentence))


def mark_duplicates(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with what is the same said: rows whose picture and music both are those of an
    earlier row have the problem "duplicate"; one of the two alone is noted, and no problem."""
    pictures = _first_alike(
        len(findings), same_pictures([_numbers(f.picture_print, 16) for f in findings])
    )
    music = _first_alike(len(findings), same_music([_numbers(f.music_print, 8) for f in findings]))
    firsts: dict[tuple[int, int], int] = {}
    marked = []
    for index, finding in enumerate(findings):
        problems = tuple(p for p in finding.problems if p.check != "duplicate")
        has_both = bool(finding.picture_print.strip("0") and finding.music_print.strip("0"))
        first = firsts.setdefault((pictures[index], music[index]), index) if has_both else index
        if first != index:
            told = f"its picture and music are those of row {findings[first].id}"
            problems += (Problem("duplicate", told),)
        marked.append(
            replace(
                finding,
                ok=not problems,
                problems=problems,
                same_picture_as=_other(findings, pictures[index], index),
                same_music_as=_other(findings, music[index], index),
            )
        )
    return marked


def summary_lines(findings: Sequence[Finding]) -> list[str]:
    """How many rows have which problem, in lines."""
    total = len(findings)
    if not total:
        return ["no rows"]
    good = sum(finding.ok for finding in findings)
    counts = Counter(check for f in findings for check in {p.check for p in f.problems})
    lines = [f"{good} of {total} rows are good ({good / total:.1%})"]
    lines += [
        f"  {check:<20}{counts[check]:>8}  {counts[check] / total:6.1%}"
        for check in CHECKS
        if counts[check]
    ]
    for what, number in (
        ("picture", sum(bool(finding.same_picture_as) for finding in findings)),
        ("music", sum(bool(finding.same_music_as) for finding in findings)),
    ):
        if number:
            have = "row has" if number == 1 else "rows have"
            lines.append(f"{number} {have} the {what} of an earlier row")
    return lines


def _first_alike(number: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each row the first of those that it is the same as, by way of others too."""
    first = list(range(number))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
            index = first[index]
        return index

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return [root(index) for index in range(number)]


def _other(findings: Sequence[Finding], first: int, index: int) -> str:
    return findings[first].id if first != index else ""


def _joined(sounds: list[Sound]) -> Sound:
    """Segments one after another."""
    mono = np.concatenate([sound.mono for sound in sounds])
    channels = min(len(sound.stored) for sound in sounds)
    stored = np.concatenate([sound.stored[:channels] for sound in sounds], axis=1)
    return Sound(stored, sounds[0].stored_rate, mono)


def _examine_rows(
    rows: Sequence[Row], beat: Callable[[], object], media: Media
) -> Iterator[tuple[Row, Finding]]:
    """What the processes do; their limit is on the whole of a row, so nothing beats."""
    for row in rows:
        yield row, examine(row, media)


def _key(row: Row, media: Media) -> str:
    """What tells whether a row, its files or the checks have changed."""
    states: list[Any] = []
    for name in (row.picture, row.audio, *(segment.reference for segment in row.segments)):
        path = media.find(name)
        if path is None:
            states.append(None)
        else:
            state = path.stat()
            states.append((str(path.name), state.st_size, state.st_mtime_ns))
    told = [VERSION, row.kind, row.picture, row.audio, row.start, row.end, row.audio_start]
    segments = [asdict(segment) for segment in row.segments]
    return hashlib.sha256(json.dumps([told, segments, states]).encode()).hexdigest()[:16]


def _hexadecimal(bits: np.ndarray, digits: int) -> str:
    return "".join(f"{int(number):0{digits}x}" for number in bits)


def _numbers(text: str, digits: int) -> np.ndarray:
    starts = range(0, len(text), digits)
    return np.array([int(text[i : i + digits], 16) for i in starts], np.uint64)


def good_rows(path: Path) -> set[str]:
    """Ids of the rows that `verify` wrote to `path` as good."""
    if not path.is_file():
        raise PixMusError(f"{path} does not exist; make it with `pixmus dataset verify`.")
    return {name for name, finding in _read(path).items() if finding.ok}


def _read(path: Path) -> dict[str, Finding]:
    """Findings of an earlier run, by id; the last line of an id counts, broken lines do not."""
    if not path.exists():
        return {}
    found: dict[str, Finding] = {}
    lines = path.read_text(errors="replace").split("\n")
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            values = json.loads(line)
            problems = tuple(Problem(**problem) for problem in values.pop("problems"))
            finding = Finding(**values, problems=problems)
            found[finding.id] = finding
    if any(lines) and not found and len(lines) > 1:
        raise PixMusError(
            f"{path} is there already and holds no findings; name another with --out."
        )
    return found


def _line(finding: Finding) -> str:
    return json.dumps(asdict(finding), ensure_ascii=False) + "\n"


def _append(path: Path, finding: Finding) -> None:
    with _explained(path), path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # of a run that was killed
                file.write(b"\n")
        file.write(_line(finding).encode())


def _write(path: Path, findings: Sequence[Finding]) -> None:
    with _explained(path), replaced_file(path) as place:
        place.write_text("".join(map(_line, findings)))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what to do where the disk is full."""
    try:
        with disk_explained(path.parent):
            yield
    except StoreFull as error:
        raise PixMusError(
            f"{path} cannot be written, the disk is full: the findings so far are kept; free some "
            "space, then run the same command again to go on."
        ) from error
