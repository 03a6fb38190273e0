"""`Recipe`: all that is needed to make a synthetic picture and its music, and tables of recipes.

A source is one picture (a film of one to six clips, or a still) and one rendition of a window of
music, equally long; its rows are its clips, or 30 s of the music each, beside the still. A table of
recipes has the thesis' columns and `RECIPE_COLUMNS`, which say how to make each source; the names
of its files end in a checksum of the recipe. Everything in such a table is synthetic.

How picture and music agree. For every quantity p of the picture (`PAIRING`), in normal scores,

    z_p(t) = a_p m_p(t) + sqrt(1 - a_p^2) e_p(t)
    m_p(t) = (sum_c w_pc z_c(t) - mean_p) / sd_p
    e_p(t) = sqrt(L) level_p + sqrt(1 - L) slow_p(t)

where z_c is the normal score of the music's curve c (a quantile among training bars, cut to
`LARGEST_QUANTILE`), mean_p and sd_p are those of the sum over all seconds of the whole table, so
that a_p is the correlation of picture and music over it; a_p is the agreement (times `loosely`
where the tie says so), level_p one normal number a source, slow_p white noise smoothed by a
Gaussian of `noise_seconds` to variance 1, and L the `level_share`. t runs over seconds. A still
shows the mean look of its whole rendition.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixmus.compose.conditions import CurveTables
from pixmus.curves import CURVES, Curve
from pixmus.dataset.renditions import (
    BEATS_PER_BAR,
    SOUNDS,
    SOUNDS_OF_CORPUS,
    Window,
    checksum,
    statistics_of,
)
from pixmus.dataset.scenes import (
    DAY_SCENES,
    FRAME_RATE,
    NIGHT_SCENES,
    SCENES,
    Look,
    Shot,
)
from pixmus.dataset.table import SEGMENTS, STILL_END, Row, thesis_columns
from pixmus.errors import PixMusError
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
LARGEST_QUANTILE = 0.98


@dataclass(frozen=True)
class Tie:
    """What a quantity of the picture follows: curves of the music by weight, and how closely."""

    weights: dict[str, float]
    mean: float  # of the weighted normal scores over the table of 53,378 rows with seed 0
    deviation: float
    loosely: float = 1.0  # times the agreement


PAIRING = {
    "motion": Tie({Curve.DENSITY: 1.0}, -0.132, 1.105),
    "cutting": Tie({Curve.DENSITY: 0.8, Curve.ENERGY: 0.6}, -0.535, 1.148),
    "light": Tie({Curve.ENERGY: 0.8, Curve.VALENCE: 0.6}, -0.602, 0.887),
    "contrast": Tie({Curve.ENERGY: 1.0}, -0.715, 0.778),
    "saturation": Tie({Curve.VALENCE: 0.8, Curve.ENERGY: 0.6}, -0.469, 0.941),
    "warmth": Tie({Curve.VALENCE: 1.0}, -0.050, 0.975),
    "height": Tie({Curve.REGISTER: 1.0}, 0.110, 1.140, loosely=0.6),
}


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


def _rows_of(recipe: Recipe, curves: Mapping[str, NDArray]) -> Iterator[dict[str, Any]]:
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


# ---------------------------------------------------------------------------------------- pairing


def normal_scores(quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal scores of quantiles, cut to 1 - `LARGEST_QUANTILE` .. `LARGEST_QUANTILE`."""
    inverse = NormalDist().inv_cdf
    cut = np.clip(quantiles, 1 - LARGEST_QUANTILE, LARGEST_QUANTILE)
    return np.array([inverse(float(value)) for value in cut])


def picture_scores(
    recipe: Recipe, curves: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """z_p(t) for every p of `PAIRING`, one value a second; see the formula at the top."""
    music = {name: normal_scores(curves[name]) for name in CURVES}
    found = {}
    for index, (name, tie) in enumerate(PAIRING.items()):
        agreement = recipe.agreement * tie.loosely
        rng = np.random.default_rng([recipe.seed, index])
        follows = (_weighted(tie, music) - tie.mean) / tie.deviation
        noise = math.sqrt(recipe.level_share) * rng.normal() + math.sqrt(
            1 - recipe.level_share
        ) * slow_noise(rng, len(follows), recipe.noise_seconds)
        found[name] = agreement * follows + math.sqrt(1 - agreement**2) * noise
    return found


def _weighted(tie: Tie, music: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.sum([weight * music[name] for name, weight in tie.weights.items()], axis=0)


def slow_noise(rng: np.random.Generator, length: int, seconds: float) -> NDArray[np.float64]:
    """White noise smoothed by a Gaussian of `seconds` standard deviation, of variance 1."""
    reach = math.ceil(3 * seconds)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / seconds) ** 2)
    white = rng.normal(size=length + 2 * reach)
    return np.convolve(white, kernel / math.sqrt(float((kernel**2).sum())), "valid")


def _share(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of normal scores."""
    return np.array([NormalDist().cdf(float(value)) for value in scores])


SPEED, SPEED_SPREAD = 0.03, 0.85  # picture widths a second at z = 0; of its logarithm
SPEED_RANGE = (0.006, 0.14)
LIGHT_RANGE = (0.14, 0.68)  # mean luma
CONTRAST_RANGE = (0.24, 0.58)  # standard deviation of luma over sqrt(light (1 - light))
SATURATION_RANGE = (0.08, 0.66)  # mean chroma over the same
WARMTH_RANGE = (-0.11, 0.15)  # mean red minus blue
SHOT_SECONDS, SHOT_SPREAD = 4.5, 0.65  # at z = 0; of its logarithm
SHOT_RANGE_S = (0.8, 16.0)
SHOT_JITTER = 0.25  # standard deviation of the logarithm
SNAP_SHARE = 0.5  # of the shot's length: a strong beat no further away takes the cut
DISSOLVES, FADES = 0.14, 0.03  # of all transitions
FLASHES = 0.12  # of downbeats while the music's energy is above FLASH_ENERGY
FLASH_ENERGY = 0.8
OTHER_SCENES = 0.3  # of shots show another scene than the film's own


def look_of(scores: Mapping[str, NDArray[np.float64]], num_frames: int) -> Look:
    """The look that z scores (one a second) stand for, one value a frame."""
    share = {name: _share(z) for name, z in scores.items()}

    def between(name: str, low_high: tuple[float, float]) -> NDArray[np.float64]:
        low, high = low_high
        return low + (high - low) * share[name]

    speed = np.clip(SPEED * np.exp(SPEED_SPREAD * scores["motion"]), *SPEED_RANGE)
    light = between("light", LIGHT_RANGE)
    room = np.sqrt(light * (1 - light))
    warmth = between("warmth", WARMTH_RANGE)
    # No picture is warmer than it is colourful.
    saturation = np.maximum(room * between("saturation", SATURATION_RANGE), 1.25 * np.abs(warmth))
    values = {
        "speed": speed,
        "light": light,
        "contrast": room * between("contrast", CONTRAST_RANGE),
        "saturation": saturation,
        "warmth": warmth,
        "height": 2 * share["height"] - 1,
    }
    times = (np.arange(num_frames) + 0.5) / FRAME_RATE
    middles = np.arange(len(speed)) + 0.5
    return Look(**{k: np.interp(times, middles, v).astype(np.float32) for k, v in values.items()})


def cut_film(
    recipe: Recipe,
    scores: Mapping[str, NDArray[np.float64]],
    look: Look,
    energy: NDArray[np.float64],
    beat_times: NDArray[np.float64],
) -> tuple[list[Shot], list[int]]:
    """The shots of a film and the frames of its flashes.

    A shot is as long as the cutting score wants at its start, jittered; its end is moved to the
    nearest strong beat (1 and 3 of a bar) with the chance `beat_cuts`.
    """
    rng = np.random.default_rng([recipe.seed, len(PAIRING)])
    strong = np.round(beat_times[::2] * FRAME_RATE).astype(int)
    num_frames = len(look.light)
    other = str(rng.choice([kind for kind in SCENES if kind != recipe.scene]))
    shots: list[Shot] = []
    start = 0
    while start < num_frames:
        z = float(scores["cutting"][min(start // FRAME_RATE, len(scores["cutting"]) - 1)])
        seconds = float(np.clip(SHOT_SECONDS * math.exp(-SHOT_SPREAD * z), *SHOT_RANGE_S))
        length = max(
            FRAME_RATE // 2, round(seconds * math.exp(rng.normal(0, SHOT_JITTER)) * FRAME_RATE)
        )
        end = start + length
        is_moved = rng.random() < recipe.beat_cuts
        nearest = int(strong[np.abs(strong - end).argmin()])
        if is_moved and abs(nearest - end) <= SNAP_SHARE * length and nearest > start + 5:
            end = nearest
        if end > num_frames - FRAME_RATE // 2:
            end = num_frames
        kind = other if rng.random() < OTHER_SCENES else recipe.scene
        kind = _fitting(rng, kind, float(look.light[start]))
        way, seed = rng.random(), int(rng.integers(2**32))
        dissolve = 0
        if shots and way < DISSOLVES + FADES:
            dissolve = min(
                int(rng.integers(7, 16)), (end - start) // 2, shots[-1].end - shots[-1].start
            )
        shots.append(Shot(start, end, kind, seed, dissolve, DISSOLVES <= way < DISSOLVES + FADES))
        start = end
    downbeats = np.round(beat_times[::BEATS_PER_BAR] * FRAME_RATE).astype(int)
    starts = np.array([shot.start for shot in shots])
    flashes = [
        int(frame)
        for frame in downbeats
        if frame < num_frames
        and energy[min(frame // FRAME_RATE, len(energy) - 1)] > FLASH_ENERGY
        and rng.random() < FLASHES
        and np.abs(starts - frame).min() > FRAME_RATE
    ]
    return shots, flashes


def _fitting(rng: np.random.Generator, kind: str, light: float) -> str:
    """The scene, or another one where it would look wrong in that light."""
    if light < 0.24 and kind in DAY_SCENES:
        return str(rng.choice(NIGHT_SCENES))
    return kind
