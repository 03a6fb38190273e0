"""`Recipe`: all that is needed to make a synthetic picture and its music, and tables of recipes.

A source is one picture (a film of one to six clips, or a still) and one rendition of a window of
music, equally long; its rows are its clips, or 30 s of the music each, beside the still. A table of
recipes has the thesis' columns and `RECIPE_COLUMNS`, which say how to make each source; the names
of its files end in a checksum of the recipe. Everything in such a table is synthetic.

How picture and music agree is written in `pairing`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixmus.curves import CURVES
from pixmus.dataset.layouts import SEGMENTS, STILL_END
from pixmus.dataset.renditions import (
    SOUNDS,
    SOUNDS_OF_CORPUS,
    Window,
    checksum,
    statistics_of,
)
from pixmus.dataset.scenes import SCENES
from pixmus.dataset.table import Row, thesis_columns
from pixmus.errors import PixMusError
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.training.corpus import Piece

# The units of the music's curves: those of the model that PixMus came with when version 1 was made,
# kept here so that a later model changes no recipe.
CURVE_TABLES = Path(__file__).with_name("curve_tables.json")
VERSION = 1  # of the painters and players: a later one makes other files of the same recipe
THESIS_ROWS, THESIS_VIDEOS = 53_378, 22_482
CLIP_SECONDS = 30.0
CLIPS = (1, 2, 3, 4, 5, 6)  # of a source ...
CLIP_SHARES = (0.25, 0.22, 0.19, 0.14, 0.11, 0.09)  # ... and how often, where the piece is long
CORPUS_SHARES = {"lieder": 0.45, "quartets": 0.33, "freedoom": 0.22}
TEMPO_RANGE_BPM = (45.0, 200.0)
TEMPO_JITTER = 0.04  # standard deviation of the logarithm
LARGEST_TRANSPOSITION = 4  # semitones

AGREEMENT = 0.8
NOISE_SECONDS = 6.0
LEVEL_SHARE = 0.5
BEAT_CUTS = 0.6


@dataclass(frozen=True)
class Recipe:
    """How one source is made; the fields are the recipe columns, in their order."""

    kind: str  # "video" or "still"
    seed: int  # of all that is drawn for the picture
    scene: str  # one of SCENES; a film shows a second one now and then
    music: str  # "{corpus}/{piece}"
    notes: str  # checksum of the piece's notes
    first_beat: int
    tempo_bpm: float
    transposition: int  # semitones
    sound: str  # one of SOUNDS
    clips: int
    clip_seconds: float
    agreement: float  # 0..1
    noise_seconds: float
    level_share: float  # 0..1
    beat_cuts: float  # chance that a cut falls on a strong beat nearby
    version: int

    @property
    def seconds(self) -> float:
        """How long the rendition lasts, and the film."""
        return self.clips * self.clip_seconds

    @property
    def stem(self) -> str:
        """The name of its files without suffix: its kind, and a checksum of all else."""
        told = "\x1f".join(_plain(value) for value in astuple(self))
        return f"{self.kind}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    @property
    def picture(self) -> str:
        """The name of its film or still."""
        return self.stem + (".mp4" if self.kind == "video" else ".jpg")

    @property
    def audio(self) -> str:
        """The name of its rendition."""
        return self.stem + ".flac"

    def window(self, piece: Piece) -> Window:
        """The music; PixMusError where the piece is not the one that the recipe was made of."""
        if checksum(piece) != self.notes:
            raise PixMusError(
                f"{self.music} has other notes than in the music that the table was made of"
            )
        return Window(piece, self.first_beat, self.tempo_bpm, self.transposition, self.seconds)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# Column of the table, and the recipe's field.
RECIPE_COLUMNS = {
    f"Recipe {field.name.replace('_bpm', '').replace('_', ' ').title()}": field.name
    for field in fields(Recipe)
    if field.name != "kind"
}
_READERS: dict[str, Callable[[str], Any]] = {
    field.name: {"int": int, "float": float, "str": str}[str(field.type)]
    for field in fields(Recipe)
}
# The music's curves, means over the row, 0..1: not needed to make anything, but the truth.
TRUTH_COLUMNS = {f"Recipe {name.title()}": name for name in CURVES}


# ---------------------------------------------------------------------------------------- drawing


def synthesize(
    num_rows: int,
    seed: int,
    pieces: Mapping[str, Piece],
    tables: CurveTables,
    agreement: float = AGREEMENT,
    noise_seconds: float = NOISE_SECONDS,
    level_share: float = LEVEL_SHARE,
    beat_cuts: float = BEAT_CUTS,
    clip_seconds: float = CLIP_SECONDS,
) -> dict[str, list[Any]]:
    """The columns of a table of recipes: the thesis' ones, `RECIPE_COLUMNS` and `TRUTH_COLUMNS`.

    Videos have the thesis' share of the rows, 22,482 of 53,378. The rows of a source stand
    together, the sources in random order. A piece that is shorter than a source at its tempo is
    not taken for it; pieces are drawn by their length within a corpus, corpora by `CORPUS_SHARES`.
    `MeanRGBDiff` is empty: nothing has been painted yet.
    """
    _check(num_rows, agreement, noise_seconds, level_share, beat_cuts, clip_seconds)
    rng = np.random.default_rng(seed)
    draw = _Draws(rng, pieces, clip_seconds)
    settings = (round(agreement, 4), noise_seconds, round(level_share, 4), round(beat_cuts, 4))
    num_videos = round(num_rows * THESIS_VIDEOS / THESIS_ROWS)
    sources = []
    for kind, wanted in (("video", num_videos), ("still", num_rows - num_videos)):
        while wanted > 0:
            recipe = draw.recipe(kind, wanted, *settings)
            sources.append(recipe)
            wanted -= recipe.clips
    order = rng.permutation(len(sources))
    return recipe_rows([sources[index] for index in order], pieces, tables)


def _check(
    num_rows: int,
    agreement: float,
    noise_seconds: float,
    level_share: float,
    beat_cuts: float,
    clip_seconds: float,
) -> None:
    if num_rows < 1:
        raise PixMusError(f"a table of {num_rows} rows is none; ask for at least one.")
    for name, value in (
        ("agreement", agreement), ("level share", level_share), ("chance of beat cuts", beat_cuts),
    ):  # fmt: skip
        if not 0 <= value <= 1:
            raise PixMusError(f"the {name} is {value:g}; give a number from 0 to 1.")
    if not 0.5 <= noise_seconds <= 60:
        raise PixMusError(f"the noise changes over {noise_seconds:g} s; give 0.5 to 60 s.")
    if not 2 <= clip_seconds <= 60 or clip_seconds != round(clip_seconds):
        raise PixMusError(f"clips of {clip_seconds:g} s; give whole seconds from 2 to 60.")


class _Draws:
    """Draws recipes, the pieces' lengths worked out once."""

    def __init__(
        self, rng: np.random.Generator, pieces: Mapping[str, Piece], clip_seconds: float
    ) -> None:
        self.rng, self.pieces, self.clip_seconds = rng, pieces, clip_seconds
        self.names = sorted(pieces)
        self.checksums = {name: checksum(piece) for name, piece in pieces.items()}
        self.seconds = np.array(
            [pieces[n].num_beats * 60.0 / _tempo(pieces[n].tempo_bpm) for n in self.names]
        )
        weights = self.seconds.copy()
        corpora = np.array([pieces[name].corpus for name in self.names])
        for corpus in set(corpora.tolist()):
            weights[corpora == corpus] *= CORPUS_SHARES[corpus] / weights[corpora == corpus].sum()
        self.weights = weights

    def recipe(
        self,
        kind: str,
        most: int,
        agreement: float,
        noise_seconds: float,
        level_share: float,
        beat_cuts: float,
    ) -> Recipe:
        """A recipe of at most `most` rows."""
        rng = self.rng
        clip_seconds = self.clip_seconds if kind == "video" else STILL_END
        tempo_factor = math.exp(rng.normal(0, TEMPO_JITTER))
        clips = min(int(rng.choice(CLIPS, p=CLIP_SHARES)), most)
        while True:
            # One bar is left for a tempo that the jitter or its limits made faster.
            fits = self.seconds > clips * clip_seconds * 1.2 + 4
            if fits.any():
                break
            if clips == 1:
                raise PixMusError(
                    f"no piece lasts the {clip_seconds:g} s of a clip; give more music."
                )
            clips -= 1
        weights = np.where(fits, self.weights, 0.0)
        name = self.names[int(rng.choice(len(self.names), p=weights / weights.sum()))]
        piece = self.pieces[name]
        tempo = round(_tempo(piece.tempo_bpm * tempo_factor), 1)
        needed = math.ceil(clips * clip_seconds * tempo / 60.0)
        last = (piece.num_beats - needed) // BEATS_PER_BAR
        return Recipe(
            kind=kind,
            seed=int(rng.integers(2**32)),
            scene=str(rng.choice(list(SCENES))),
            music=name,
            notes=self.checksums[name],
            first_beat=BEATS_PER_BAR * int(rng.integers(max(0, last) + 1)),
            tempo_bpm=tempo,
            transposition=int(rng.integers(-LARGEST_TRANSPOSITION, LARGEST_TRANSPOSITION + 1)),
            sound=str(rng.choice(SOUNDS_OF_CORPUS[piece.corpus])),
            clips=clips,
            clip_seconds=clip_seconds,
            agreement=agreement,
            noise_seconds=noise_seconds,
            level_share=level_share,
            beat_cuts=beat_cuts,
            version=VERSION,
        )


def _tempo(tempo_bpm: float) -> float:
    """A tempo within `TEMPO_RANGE_BPM`, halved or doubled where it is not."""
    low, high = TEMPO_RANGE_BPM
    while tempo_bpm > high:
        tempo_bpm /= 2
    while tempo_bpm < low:
        tempo_bpm *= 2
    return float(tempo_bpm)


def recipe_rows(
    recipes: Sequence[Recipe], pieces: Mapping[str, Piece], tables: CurveTables
) -> dict[str, list[Any]]:
    """The columns of the rows of recipes."""
    statistics = statistics_of(pieces, sorted({recipe.music for recipe in recipes}))
    rows = [
        row
        for recipe in recipes
        for row in _rows_of(
            recipe, recipe.window(pieces[recipe.music]).curves(tables, statistics[recipe.music])
        )
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _rows_of(recipe: Recipe, curves: Mapping[str, NDArray[np.float64]]) -> Iterator[dict[str, Any]]:
    told = {column: getattr(recipe, name) for column, name in RECIPE_COLUMNS.items()}
    picture, audio, stem = recipe.picture, recipe.audio, recipe.stem
    third = recipe.clip_seconds / len(SEGMENTS)
    for clip in range(recipe.clips):
        start = clip * recipe.clip_seconds
        shown = start if recipe.kind == "video" else 0.0
        spans = {k: (start + (k - 1) * third, start + k * third) for k in SEGMENTS}
        row: dict[str, Any] = {
            "Audio File Name": audio,
            "Video File Name": picture,
            "isVideo": recipe.kind == "video",
            "Video Start Time": shown,
            "Video End Time": shown + recipe.clip_seconds,
            "MeanRGBDiff": None,
        }
        for k, (first, last) in spans.items():
            row[f"Segment {k} Reference"] = f"{stem}_{first:g}_{last:g}"
        for k, (first, last) in spans.items():
            row[f"Segment {k} Start"], row[f"Segment {k} End"] = first, last
        heard = slice(round(start), round(start + recipe.clip_seconds))
        truth = {
            c: round(float(curves[name][heard].mean()), 2) for c, name in TRUTH_COLUMNS.items()
        }
        yield row | told | truth


def columns_of(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """The columns of rows of recipes that were read, typed as `synthesize` makes them."""
    columns = thesis_columns(rows)
    for column, name in RECIPE_COLUMNS.items():
        columns[column] = [_READERS[name](row.extra[column]) for row in rows]
    for column in rows[0].extra:
        if column in TRUTH_COLUMNS:
            columns[column] = [float(row.extra[column]) for row in rows]
        elif column not in columns:
            columns[column] = [row.extra.get(column, "") for row in rows]
    return columns


def read_recipe(row: Row) -> Recipe:
    """The recipe of a row of a table; PixMusError where it has none or was changed."""
    lacking = [column for column in RECIPE_COLUMNS if not row.extra.get(column)]
    if lacking:
        raise PixMusError(f"row {row.number} is no recipe: {lacking[0]} is missing")
    values: dict[str, Any] = {"kind": row.kind}
    for column, name in RECIPE_COLUMNS.items():
        try:
            values[name] = _READERS[name](row.extra[column])
        except ValueError as error:
            raise PixMusError(
                f"row {row.number} is no recipe: {column} is {row.extra[column]!r}"
            ) from error
    recipe = Recipe(**values)
    if recipe.version != VERSION:
        raise PixMusError(
            f"row {row.number} is of version {recipe.version} of the recipes, and this PixMus "
            f"makes version {VERSION}"
        )
    if (row.picture, row.audio) != (recipe.picture, recipe.audio):
        raise PixMusError(
            f"the recipe of row {row.number} was changed: its files would be called "
            f"{recipe.stem}, not {row.picture}"
        )
    if recipe.scene not in SCENES or recipe.sound not in SOUNDS:
        raise PixMusError(f"row {row.number} names an unknown scene or sound")
    return recipe
