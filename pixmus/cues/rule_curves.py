"""The four curves of a picture by rules that can be read and argued with.

Conventions: curves are 0..1 on the 4 Hz clock. Picture curves become z-scores against 59 real clips
(median and spread of the clips' means), z-scores become quantiles, so that a typical clip comes out
near 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pixmus.cues.direction import Direction
from pixmus.cues.wishes import Wishes
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.picture.features import Features

TYPICAL_BRIGHTNESS = (0.45, 0.11)  # median and spread of mean luma
TYPICAL_SHADOW = (0.27, 0.12)  # of brightness minus contrast, about the 16th percentile of luma
TYPICAL_LOG_CHROMA = (math.log(0.17), 0.6)  # of log(mean chroma + 0.03)
TYPICAL_LOG_MOTION = (math.log(0.03), 0.95)  # of log(picture widths a second + 0.004)
TYPICAL_EDGES = (0.109, 0.04)  # of mean luma gradient
TYPICAL_LOG_SHOT = (math.log(4.0), 0.7)  # of log(shot length in seconds)
LONG_SHOT = 6.0  # s: as much as a take counts for in a clip of one transition or none
MAX_Z = 2.5
CLIP_SPREAD = 0.75  # clips differ less in their means than bars do, whose quantiles curves are
COLOURLESS = 0.015  # mean chroma of black-and-white film, whose colour says nothing
COOL = 0.15  # blue minus red of a plainly cool picture
PHRASE = 2.0  # s, standard deviation of the smoothing: curves move over phrases, not frames
ARCH_HEIGHT = 0.05  # energy leads to a gentle climax ...
ARCH_PEAK = 0.66  # ... two thirds into clips of at least ARCH_FROM
ARCH_FROM = 12.0  # s


def rule_curves(features: Features, as_z: bool = False) -> dict[str, np.ndarray]:
    """The four curves of a picture by rules: quantiles, or with `as_z` z-scores not yet smooth."""
    brightness = _z(features.brightness, TYPICAL_BRIGHTNESS)
    shadow = _z(features.brightness - features.contrast, TYPICAL_SHADOW)
    chroma = _z(np.log(features.saturation + 0.03), TYPICAL_LOG_CHROMA)
    if features.saturation.mean() < COLOURLESS:
        chroma = np.zeros_like(chroma)
    coolness = np.clip(-features.warmth / COOL, 0, 1.5)
    motion = _z(np.log(features.motion + 0.004), TYPICAL_LOG_MOTION)
    edges = _z(features.edges, TYPICAL_EDGES)
    haste = -_z(np.log(_shot_lengths(features)), TYPICAL_LOG_SHOT)
    # Colour and affect: Valdez & Mehrabian 1994, "Effects of color on emotions",
    # J. Exp. Psychol. General 123(4), Eq. for pleasure and arousal, on standardised values.
    # A picture's brightness is half its mean and half its shadows: low-key light is dark in mood
    # whatever its highlights. Blue and green are the pleasant hues (same source, experiment 2).
    light = 0.5 * (brightness + shadow)
    pleasure = _mix((0.69, light), (0.22, chroma)) + 0.3 * coolness
    arousal = _mix((-0.31, brightness), (0.60, chroma))
    # Pace is motion and shot length together (Adams, Dorai & Venkatesh 2000, "Study of shot
    # length and motion as contributing factors to movie tempo"); motion by itself raises arousal
    # (Detenber, Simons & Bennett 1998), so do edits (Lang et al. 2000). Weights by judgement.
    energy = _mix((0.60, motion), (0.45, haste), (0.20, arousal))
    # Density follows pace and the amount of detail; high goes with bright and with fine detail
    # (pitch and lightness: Marks 1974, Spence 2011).
    density = _mix((0.80, energy), (0.35, edges), (0.25, motion))
    register = _mix((0.80, brightness), (0.30, edges), (0.15, chroma))
    z_scores: dict[str, np.ndarray] = {
        Curve.DENSITY: density,
        Curve.ENERGY: energy,
        Curve.VALENCE: pleasure,
        Curve.REGISTER: register,
    }
    if as_z:
        return z_scores
    curves = {name: _quantile(CLIP_SPREAD * smooth(z_scores[name])) for name in CURVES}
    arch = climax(len(energy), features.duration)
    for name, weight in ((Curve.ENERGY, 1.0), (Curve.DENSITY, 0.5)):
        curves[name] = np.clip(curves[name] + weight * arch, 0, 1)
    return {name: curve.astype(np.float32) for name, curve in curves.items()}


def climax(length: int, duration: float) -> np.ndarray:
    """(length,) what is added to energy so that it leads to a gentle climax; 0 in short clips."""
    if duration < ARCH_FROM:
        return np.zeros(length)
    place = (np.arange(length) + 0.5) / CURVE_RATE_HZ / duration
    return np.interp(place, (0.0, ARCH_PEAK, 1.0), (-1.0, 1.0, -0.5)) * ARCH_HEIGHT


def _shot_lengths(features: Features) -> np.ndarray:
    """(n,) length of the shot that holds each value's middle, seconds, at least 0.3.

    A clip with one transition or none says little about pace, so shots count as at most 6 s in it,
    and as longer the more transitions there are: one cut more never makes one long take calm.
    """
    edges = np.array([0.0, *features.cuts, features.duration])
    middles = (np.arange(len(features.motion)) + 0.5) / CURVE_RATE_HZ
    shot = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2)
    lengths = np.diff(edges)[shot]
    if not features.cuts:
        lengths = np.maximum(lengths, 4.0)
    return np.clip(lengths, 0.3, LONG_SHOT * max(1, len(features.cuts)))


def _z(values: np.ndarray, typical: tuple[float, float]) -> np.ndarray:
    middle, spread = typical
    return np.clip((np.asarray(values, dtype=np.float64) - middle) / spread, -MAX_Z, MAX_Z)


def _mix(*terms: tuple[float, np.ndarray]) -> np.ndarray:
    """The weighted sum of independent z-scores as a z-score."""
    norm = math.sqrt(sum(weight**2 for weight, _ in terms))
    total = np.zeros_like(terms[0][1])
    for weight, values in terms:
        total = total + weight / norm * values
    return total


def _quantile(z: np.ndarray) -> np.ndarray:
    """Normal quantiles of z-scores (logistic approximation, error below 0.01)."""
    return 1 / (1 + np.exp(-1.702 * z))


def smooth(values: np.ndarray, deviation: float = PHRASE * CURVE_RATE_HZ) -> np.ndarray:
    """`values` smoothed by a Gaussian, by default over a phrase, mirrored at the ends.

    `deviation` is its standard deviation in values, at most a sixth of all of them.
    """
    deviation = min(deviation, len(values) / 6)
    reach = min(len(values) - 1, math.ceil(3 * deviation))
    if reach < 1:
        return values
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return np.convolve(np.pad(values, reach, "reflect"), taps / taps.sum(), "valid")


def with_mood(
    curves: Mapping[str, np.ndarray], valence: float | None, energy: float | None
) -> dict[str, np.ndarray]:
    """The curves with the means that were asked for; density follows an asked energy by 0.7."""
    curves = dict(curves)
    if valence is not None:
        curves[Curve.VALENCE] = with_mean(curves[Curve.VALENCE], valence)
    if energy is not None:
        more = energy - float(curves[Curve.ENERGY].mean())
        density = min(max(float(curves[Curve.DENSITY].mean()) + 0.7 * more, 0.0), 1.0)
        curves[Curve.ENERGY] = with_mean(curves[Curve.ENERGY], energy)
        curves[Curve.DENSITY] = with_mean(curves[Curve.DENSITY], density)
    return curves


def wished_curves(
    curves: dict[str, np.ndarray], wishes: Wishes, direction: Direction
) -> dict[str, np.ndarray]:
    """The curves moved as the words ask, where no option already says how they shall be."""
    curves = dict(curves)
    for name, shift in wishes.shifts.items():
        given = {str(Curve.VALENCE): direction.valence, str(Curve.ENERGY): direction.energy}
        asked = given.get(name)
        if shift and asked is None:
            mean = float(curves[name].mean())
            # part of the way to the end of the range, so that "very" still has somewhere to go
            goal = mean + shift * ((1 - mean) if shift > 0 else mean)
            curves[name] = with_mean(curves[name], goal)
    return curves


def with_mean(curve: np.ndarray, mean: float) -> np.ndarray:
    """`curve` (0..1) shifted so that, cut to 0..1, its mean is `mean`."""
    low, high = -1.0, 1.0
    for _ in range(30):
        shift = (low + high) / 2
        if np.clip(curve + shift, 0, 1).mean() < mean:
            low = shift
        else:
            high = shift
    return np.clip(curve + (low + high) / 2, 0, 1).astype(np.float32)


def curve_rows(start: float, end: float, count: int) -> slice:
    """Which of a curve's `count` values lie between two times; at least one."""
    first = min(int(start * CURVE_RATE_HZ), count - 1)
    return slice(first, max(first + 1, math.ceil(end * CURVE_RATE_HZ - 1e-6)))
