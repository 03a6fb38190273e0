"""How the picture of a recipe follows its music.

For every quantity p of the picture (`PAIRING`), in normal scores,

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

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pixmus.curves import CURVES, Curve
from pixmus.dataset.looks import FRAME_RATE, Look, Shot
from pixmus.dataset.recipes import Recipe
from pixmus.dataset.scenes import DAY_SCENES, NIGHT_SCENES, SCENES
from pixmus.score.grid import BEATS_PER_BAR

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
    weighted = [weight * music[name] for name, weight in tie.weights.items()]
    found: NDArray[np.float64] = np.sum(weighted, axis=0)
    return found


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
