"""`Split`: which rows train, which choose between models and which test them.

Two ways. The thesis' own draws rows at random, so pieces of one video stand on both sides. The
default keeps together what shares a source: groups are the connected components of rows that
share a picture file, an audio file or a segment's reference, and a hash of the group's name says
where it goes. `leakage` counts what the one lets through and the other does not.

Conventions: spans are seconds of the file that is named. Files are one source where their names
differ in the suffix alone (`forest.mp4` and its thumbnail `forest.jpg`).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pixmus.dataset.layouts import ROUNDING_S
from pixmus.dataset.sheets import read_rows, write_rows
from pixmus.dataset.table import Row, Table
from pixmus.errors import PixMusError
from pixmus.training.prose import fill
from pixmus.training.splits import HELD_OUT, SPLITS

TEMPLATE = Path(__file__).parent / "templates" / "split.md.j2"
WAYS = ("source", "thesis")
THESIS_SEED = 42
HELD_OUT_SHARE = 0.025  # of all rows, for validation and again for test, as in the thesis
LARGEST_HELD_OUT_GROUP = 200  # rows; a larger group trains, or one source would be the whole test
SPLIT_COLUMNS = ("id", "split", "group")
SEGMENT_NAME = re.compile(r"(.+)_[\d.]+_[\d.]+")
MEDIA_SUFFIXES = frozenset(
    ("mp4", "m4v", "mkv", "webm", "mov", "avi", "mpg", "mpeg")  # pictures that move,
    + ("gif", "jpg", "jpeg", "png", "webp", "bmp")  # that do not,
    + ("wav", "mp3", "flac", "m4a", "ogg", "opus", "aac")  # music
)

Span = tuple[float, float]


class Assignment(NamedTuple):
    """Where a row stands, and the group of rows that must stand together with it."""

    split: str  # one of SPLITS
    group: str


Split = dict[str, Assignment]  # by the rows' ids


# ------------------------------------------------------------------------------------- the splits


def thesis_split(num_rows: int) -> list[str]:
    """Which of `SPLITS` each row of a table is in, by the thesis' loader.

    All rows of the file count, in its order, those that cannot be used too. scikit-learn's
    `train_test_split` draws 2.5 % for the test, then of the rest as many for validation, both with
    seed 42. Raises PixMusError where there are fewer than three rows.
    """
    from sklearn.model_selection import train_test_split

    if num_rows < 3:
        raise PixMusError(f"{num_rows} rows cannot be split into training, validation and test.")
    rest, test = train_test_split(
        range(num_rows), test_size=HELD_OUT_SHARE, random_state=THESIS_SEED
    )
    _, validation = train_test_split(
        rest, test_size=HELD_OUT_SHARE / (1 - HELD_OUT_SHARE), random_state=THESIS_SEED
    )
    found = ["training"] * num_rows
    for number in validation:
        found[number] = "validation"
    for number in test:
        found[number] = "test"
    return found


def grouped_split(
    rows: Iterable[Row], seed: int = THESIS_SEED, share: float = HELD_OUT_SHARE
) -> Split:
    """Rows with a common source on one side: `share` of the groups test, as many validate.

    A group is named after the picture of its first row in the table, and sha256("seed/name") as a
    number from 0 to 1 says where it goes: below `share` test, below twice that validation. So rows
    that are added at the end move no others, unless they join two groups. A group of more than
    `LARGEST_HELD_OUT_GROUP` rows always trains. As groups differ in size, the shares of rows are
    met on average only.
    """
    if not 0 < share < 0.5:
        raise PixMusError(f"The share held out is {share:g}; give more than 0 and less than 0.5.")
    rows = list(rows)
    groups = source_groups(rows)
    sizes = Counter(groups)
    side = {
        name: "training" if size > LARGEST_HELD_OUT_GROUP else _drawn(f"{seed}/{name}", share)
        for name, size in sizes.items()
    }
    return {row.id: Assignment(side[name], name) for row, name in zip(rows, groups, strict=True)}


def split_table(
    table: Table, by: str = "source", seed: int = THESIS_SEED, share: float = HELD_OUT_SHARE
) -> Split:
    """The split of a table's usable rows, one of `WAYS`; groups are the same in both."""
    if by not in WAYS:
        raise PixMusError(f"There is no split by {by!r}; there are: {', '.join(WAYS)}.")
    if not table.rows:
        raise PixMusError(f"{table.source} has no row that can be used, so nothing can be split.")
    if by == "source":
        return grouped_split(table.rows, seed, share)
    if (seed, share) != (THESIS_SEED, HELD_OUT_SHARE):
        raise PixMusError("The thesis' split has its own seed and shares; leave them out.")
    sides = thesis_split(table.num_rows)
    groups = source_groups(table.rows)
    return {
        row.id: Assignment(sides[row.number], group)
        for row, group in zip(table.rows, groups, strict=True)
    }


def write_split(split: Split, path: str | Path, overwrite: bool = False) -> None:
    """Write `SPLIT_COLUMNS` as .csv, .csv.gz or .parquet."""
    columns = {
        "id": list(split),
        "split": [assignment.split for assignment in split.values()],
        "group": [assignment.group for assignment in split.values()],
    }
    write_rows(columns, path, overwrite)


def read_split(path: str | Path) -> Split:
    """What `write_split` wrote, in its order; raise PixMusError where the file is no split."""
    columns = read_rows(path)
    lacking = [name for name in SPLIT_COLUMNS if name not in columns]
    if lacking:
        raise PixMusError(
            f"{path} is no split: it lacks the columns {', '.join(lacking)}; make it with "
            "`pixmus dataset split`."
        )
    ids, sides, groups = (columns[name] for name in SPLIT_COLUMNS)
    strange = next((side for side in sides if side not in SPLITS), None)
    if strange is not None:
        raise PixMusError(f"{path} names a split {strange!r}; there are: {', '.join(SPLITS)}.")
    split = {
        name: Assignment(side, group) for name, side, group in zip(ids, sides, groups, strict=True)
    }
    if len(split) < len(ids):
        twice = next(name for name, times in Counter(ids).items() if times > 1)
        raise PixMusError(f"{path} names the row {twice} twice.")
    return split


def _drawn(text: str, share: float) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
    return "test" if number < share else "validation" if number < 2 * share else "training"


# ------------------------------------------------------------------------------------- the sources


def source_of(name: str) -> str:
    """A file's name without the suffix of a medium: what the file is a form of."""
    stem, _, suffix = name.rpartition(".")
    return stem if stem and suffix.lower() in MEDIA_SUFFIXES else name


def audio_source(row: Row) -> str:
    """The piece that a row's music is from: its audio file's, else its first segment's."""
    if row.audio:
        return source_of(row.audio)
    return _piece(row.segments[0].reference) if row.segments else ""


def source_keys(row: Row) -> set[tuple[str, str]]:
    """Everything that a row is taken from: ("picture" | "audio" | "segment", name)."""
    keys = {("picture", source_of(row.picture)), ("audio", audio_source(row))}
    for segment in row.segments:
        keys |= {("segment", segment.reference), ("audio", _piece(segment.reference))}
    return keys


def source_groups(rows: Iterable[Row]) -> list[str]:
    """For each row the name of its group: rows that share sources, however many steps apart.

    A group has the name of the picture of its row that stands first in the table. Groups are found
    by union-find over the sources.
    """
    rows = list(rows)
    above: dict[tuple[str, str], tuple[str, str]] = {}

    def top(key: tuple[str, str]) -> tuple[str, str]:
        while (parent := above.setdefault(key, key)) != key:
            above[key] = key = above[parent]  # halves the way for the next who asks
        return key

    first_keys = []
    for row in rows:
        first, *others = source_keys(row)
        first_keys.append(first)
        for key in others:
            above[top(key)] = top(first)
    tops = [top(key) for key in first_keys]
    names: dict[tuple[str, str], str] = {}
    for row, key in sorted(zip(rows, tops, strict=True), key=lambda pair: pair[0].number):
        names.setdefault(key, source_of(row.picture))
    return [names[key] for key in tops]


def _piece(reference: str) -> str:
    """What a segment is cut from, where its name has the form {piece}_{start}_{end}."""
    found = SEGMENT_NAME.fullmatch(source_of(reference))
    return found[1] if found else reference


# ------------------------------------------------------------------------------------ what leaks


@dataclass(frozen=True)
class Leakage:
    """How many held-out rows (validation or test) have something in common with training rows."""

    rows: int
    shared_source: int  # any source
    shared_picture: int  # the same video or still
    shared_audio: int  # the same audio file or piece
    same_music: int  # the very same span of music, or one of its segments
    overlapping_music: int  # spans of one piece that overlap by more than ROUNDING_S; the same too
    overlapping_picture: int  # spans of one video that do; a still's always do
    same_pair: int  # the very same span of picture and of music


def leakage(rows: Iterable[Row], split: Mapping[str, Assignment]) -> dict[str, Leakage]:
    """For validation and test, what their rows share with training rows; rows without a place in
    the split do not count."""
    sides: dict[str, list[Row]] = {name: [] for name in SPLITS}
    for row in rows:
        if row.id in split:
            sides[split[row.id].split].append(row)
    training = _Known(sides["training"])
    return {side: training.meet(sides[side]) for side in HELD_OUT}


class _Known:
    """What the training rows hold."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.keys: set[tuple[str, str]] = set()
        self.pairs = {_pair(row) for row in rows}
        self.music = {_music(row) for row in rows}
        pictures, pieces = defaultdict(list), defaultdict(list)
        for row in rows:
            self.keys |= source_keys(row)
            pictures[source_of(row.picture)].append((row.start, row.end))
            pieces[audio_source(row)].append((row.audio_start, row.audio_end))
        self.pictures = {name: union(spans) for name, spans in pictures.items()}
        self.pieces = {name: union(spans) for name, spans in pieces.items()}

    def meet(self, rows: Sequence[Row]) -> Leakage:
        counts: Counter[str] = Counter()
        for row in rows:
            shared = source_keys(row) & self.keys
            kinds = {kind for kind, _ in shared}
            picture, piece = source_of(row.picture), audio_source(row)
            counts["shared_source"] += bool(shared)
            counts["shared_picture"] += "picture" in kinds
            counts["shared_audio"] += "audio" in kinds
            counts["same_music"] += "segment" in kinds or _music(row) in self.music
            counts["overlapping_music"] += "segment" in kinds or overlaps(
                (row.audio_start, row.audio_end), self.pieces.get(piece, [])
            )
            counts["overlapping_picture"] += overlaps(
                (row.start, row.end), self.pictures.get(picture, [])
            )
            counts["same_pair"] += _pair(row) in self.pairs
        return Leakage(
            rows=len(rows), **{name: counts[name] for name in Leakage.__match_args__[1:]}
        )


def _music(row: Row) -> tuple[str, float, float]:
    return audio_source(row), row.audio_start, row.audio_end


def _pair(row: Row) -> tuple[object, ...]:
    return source_of(row.picture), row.start, row.end, *_music(row)


def union(spans: Iterable[Span]) -> list[Span]:
    """The same seconds as spans that touch no others, in order."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def overlaps(span: Span, apart: Sequence[Span]) -> bool:
    """Whether a span has more than `ROUNDING_S` in common with one of the spans of a `union`."""
    start, end = span
    place = bisect_left(apart, end - ROUNDING_S, key=lambda other: other[0])
    return place > 0 and apart[place - 1][1] > start + ROUNDING_S


# ------------------------------------------------------------------------------------- the report


LEAKS = {
    "shared_source": "share any source with training rows",
    "shared_picture": "the same video or still",
    "shared_audio": "the same audio file",
    "same_music": "the very same music, or a segment of it",
    "overlapping_music": "music that overlaps",
    "overlapping_picture": "a picture that overlaps",
    "same_pair": "the very same picture with the same music",
}


def compare_splits(table: Table, splits: Mapping[str, Split]) -> dict[str, Any]:
    """Rows and groups on each side of named splits of one table, and what leaks in each."""
    groups = Counter(source_groups(table.rows))
    found: dict[str, Any] = {
        "source": table.source,
        "rows": len(table.rows),
        "groups": len(groups),
        "largest_group": max(groups.values(), default=0),
        "rows_in_groups_that_always_train": sum(
            size for size in groups.values() if size > LARGEST_HELD_OUT_GROUP
        ),
        "splits": {},
    }
    for name, split in splits.items():
        sides = Counter(assignment.split for assignment in split.values())
        found["splits"][name] = {
            "rows": {side: sides[side] for side in SPLITS},
            "groups": {
                side: len({a.group for a in split.values() if a.split == side}) for side in SPLITS
            },
            "leakage": {side: asdict(leak) for side, leak in leakage(table.rows, split).items()},
        }
    return found


def comparison_to_markdown(report: Mapping[str, Any]) -> str:
    """The report of `compare_splits` as two tables, and a sentence where a side is empty."""
    return fill(
        TEMPLATE,
        **report,
        sides=SPLITS,
        held_out=HELD_OUT,
        largest_held_out=LARGEST_HELD_OUT_GROUP,
        leaks=LEAKS,
    )
