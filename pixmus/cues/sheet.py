"""`CueSheet`: what the music shall do and when; the one seam of PixMus that a person edits.

Conventions: times are seconds from the first displayed frame; every curve is 0..1 in quantile
units (0.5 is a typical training bar) on the 4 Hz clock of `features`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.choices import CHOICES
from pixmus.cues.wishes import NO_WISHES, Wishes
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve, num_curve_values
from pixmus.ensembles import (
    AMBIENT,
    BAND,
    ENSEMBLES,
    MUSIC_BOX,
    ORCHESTRA,
    PARTS,
    PIANO,
    PIANO_AND_STRINGS,
    STRINGS,
    STYLES,
    Style,
)
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.picture.features import Features
from pixmus.picture.transitions import Transition

SCHEMA_VERSION = 2  # 2 added sections and reasons; files of version 1 have neither
INPUTS = ("colour", "motion", "cuts", "embedding", "direction", "text")
TEMPO_RANGE_BPM = (CHOICES["tempo_bpm"].low, CHOICES["tempo_bpm"].high)

LARGEST_INT = 2**53  # beyond it an integer is no float any more, and may have no end
FRAME_RATE = re.compile(r"-?[0-9]{1,7}(/[0-9]{1,7}|\.[0-9]{1,9})?")


@dataclass(frozen=True)
class HitPoint:
    """An instant in the picture that the music acknowledges; strength 0..1."""

    time: float
    strength: float


@dataclass(frozen=True)
class Cue:
    """One continuous span of music with one intent; between cues there is no music."""

    start: float
    end: float
    name: str


@dataclass(frozen=True)
class Section:
    """A span of picture with one look; sections with the same theme ("A") look alike."""

    start: float
    end: float
    theme: str


@dataclass(frozen=True, eq=False)
class CueSheet:
    """What the music of one video shall do (the trade says spotting notes: no rights report).

    A wrong value raises ValueError with a sentence that names it.
    """

    duration: float
    frame_rate: Fraction
    cuts: tuple[float, ...]
    hit_points: tuple[HitPoint, ...]
    curves: dict[str, np.ndarray]  # name -> float32 (num_curve_values,)
    cues: tuple[Cue, ...]
    key: str
    tempo_bpm: float  # the wish; the tempo map may differ by some per cent
    tempo_fixed: bool  # the person asked for exactly this tempo
    style: str
    ensemble: str
    parts: tuple[str, ...]
    inputs: tuple[str, ...]  # what the proposals were made from
    sections: tuple[Section, ...] = ()  # in order; the composer may bring back a section's theme
    reasons: Mapping[str, str] = field(default_factory=dict)  # of key, tempo_bpm, style, ...
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> str:
        """The cue sheet as JSON that a person can read: one line a hit point, a cue or a curve."""
        head = {
            "schema_version": self.schema_version,
            "duration": self.duration,
            "frame_rate": str(self.frame_rate),
            "key": self.key,
            "tempo_bpm": self.tempo_bpm,
            "tempo_fixed": self.tempo_fixed,
            "style": self.style,
            "ensemble": self.ensemble,
            "parts": list(self.parts),
            "inputs": list(self.inputs),
        }
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        cues = [{"start": c.start, "end": c.end, "name": c.name} for c in self.cues]
        hit_points = [{"time": h.time, "strength": h.strength} for h in self.hit_points]
        sections = [{"theme": s.theme, "start": s.start, "end": s.end} for s in self.sections]
        lines.append(f'  "cues": {_rows(cues)}')
        lines.append(f'  "hit_points": {_rows(hit_points)}')
        lines.append(f'  "sections": {_rows(sections)}')
        reasons = [f"    {json.dumps(n)}: {json.dumps(r)}" for n, r in self.reasons.items()]
        lines.append('  "reasons": ' + ("{\n" + ",\n".join(reasons) + "\n  }" if reasons else "{}"))
        lines.append(f'  "cuts": {json.dumps(list(self.cuts))}')
        curves = [
            f'    "{name}": {json.dumps([round(float(v), 4) for v in self.curves[name]])}'
            for name in CURVES
        ]
        lines.append(f'  "curve_rate_hz": {CURVE_RATE_HZ}')
        lines.append('  "curves": {\n' + ",\n".join(curves) + "\n  }")
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def save(self, path: str | Path) -> None:
        """Write the cue sheet as JSON."""
        try:
            Path(path).write_text(self.to_json(), encoding="utf-8")
        except OSError as error:
            raise PixMusError(
                f"{path}: the cue sheet could not be written ({error.strerror}); "
                "choose a folder that can be written to."
            ) from error

    @staticmethod
    def from_json(text: str, name: str = "cues.json") -> CueSheet:
        """The cue sheet in `text`; what is wrong is said in one sentence led by `name`."""
        try:
            raw = json.loads(
                text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates
            )
        except RecursionError:
            raise PixMusError(f"{name} is nested too deeply to be a cue sheet.") from None
        except json.JSONDecodeError as error:
            raise PixMusError(
                f"{name} is not valid JSON: {error.msg} in line {error.lineno}; "
                "correct that line or write the file again with `pixmus spot`."
            ) from error
        except ValueError as error:
            raise PixMusError(f"{name}: {error}.") from error
        try:
            return _from_raw(raw)
        except ValueError as error:
            raise PixMusError(f"{name}: {error}.") from error

    @staticmethod
    def load(path: str | Path) -> CueSheet:
        """The cue sheet in a file."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise PixMusError(
                f"{path} does not exist; write a cue sheet with `pixmus spot CLIP -o {path.name}`."
            ) from None
        except UnicodeDecodeError as error:
            raise PixMusError(
                f"{path} is not a text file; a cue sheet is the JSON that `pixmus spot` writes."
            ) from error
        except OSError as error:
            raise PixMusError(f"{path} could not be read ({error.strerror}).") from error
        return CueSheet.from_json(text, name=str(path))


@dataclass(frozen=True)
class Direction:
    """What the person asked for; None leaves the choice to the rules of `spot`."""

    tempo_bpm: float | None = None
    key: str | None = None
    style: str | None = None
    ensemble: str | None = None
    parts: tuple[str, ...] | None = None
    valence: float | None = None
    energy: float | None = None
    music_from: float | None = None
    music_to: float | None = None

    def __post_init__(self) -> None:
        for choice in fields(self):
            value = CHOICES[choice.name].check(getattr(self, choice.name))
            object.__setattr__(self, choice.name, value)


# --- rules of spotting -----------------------------------------------------------------------
#
# Everything below is a rule that can be read and argued with. Picture curves become z-scores
# against 59 real clips (median and spread of the clips' means), z-scores
# become quantiles, so that a typical clip comes out near 0.5.

TYPICAL_BRIGHTNESS = (0.45, 0.11)  # median and spread of mean luma
TYPICAL_SHADOW = (0.27, 0.12)  # of brightness minus contrast, about the 16th percentile of luma
TYPICAL_LOG_CHROMA = (math.log(0.17), 0.6)  # of log(mean chroma + 0.03)
TYPICAL_LOG_MOTION = (math.log(0.03), 0.95)  # of log(picture widths a second + 0.004)
TYPICAL_EDGES = (0.109, 0.04)  # of mean luma gradient
TYPICAL_LOG_SHOT = (math.log(4.0), 0.7)  # of log(shot length in seconds)
MAX_Z = 2.5
CLIP_SPREAD = 0.75  # clips differ less in their means than bars do, whose quantiles curves are
COLOURLESS = 0.015  # mean chroma of black-and-white film, whose colour says nothing
COOL = 0.15  # blue minus red of a plainly cool picture
PHRASE = 2.0  # s, standard deviation of the smoothing: curves move over phrases, not frames
ARCH_HEIGHT = 0.05  # energy leads to a gentle climax ...
ARCH_PEAK = 0.66  # ... two thirds into clips of at least ARCH_FROM
ARCH_FROM = 12.0  # s

SLOWEST_BPM, FASTEST_BPM = 60.0, 150.0  # tempo wish at energy 0 and 1
# Fast cutting needs a fine grid: at a wish of 70, 90, 110 beats a minute the tempo map places 0.68,
# 0.80, 0.87 of cuts 1.5 s apart. (Mean seconds between hit points, least wish.)
LEAST_BPM = ((2.0, 4.0), (110.0, SLOWEST_BPM))
MAJOR_FROM = 0.42  # mean valence: major keys are the commoner ones in every training corpus
# Flat keys for dark pictures, sharp keys for bright ones (Steblin 2002, "A History of Key
# Characteristics"), by mean register from low to high.
MAJOR_TONICS = ("Eb", "Bb", "F", "C", "G", "D", "A")
MINOR_TONICS = ("F", "C", "G", "D", "A", "E", "B")

MIN_HIT_TIME = 0.25  # s: an earlier change belongs to the first chord
LAST_HIT_MARGIN = 1.0  # s before the end, where music rings out and marks little
OLD_SCENE_LOSS = 0.3  # share of its strength that a cut back to what was just seen loses
SCENE_MEMORY = 10.0  # s
MOMENT_STRENGTH = 0.4  # a flash, a fall's end, a sudden stop: never above the strongest cuts
MIN_SECTION = 4.0  # s
ALIKE = 0.35  # mean scaled difference (see `shot_looks`) below which two sections are alike
MIN_CUE = 20.0  # s: shorter spans cannot hold a beginning and an ending of their own
CUE_CHANGE = 0.35  # of mean energy or valence: then a new scene is a new intent
SOFTNESS = {"cut": 1.0, "dissolve": 0.8, "fade": 0.9}

HIGH_ENERGY, LOW_ENERGY = 0.62, 0.38
BRIGHT, DARK = 0.60, 0.42  # valence; what is dark is in minor
LONG_CLIP = 20.0  # s: time for a pad to unfold
SHORT_CLIP = 9.0  # s
MOODS = (  # rows dark, neither, bright; columns calm, neither, busy
    ("sombre", "tense", "dark and driving"),
    ("still", "easy", "driving"),
    ("serene", "cheerful", "exuberant"),
)


def spot(
    features: Features,
    direction: Direction = Direction(),  # noqa: B008
    wishes: Wishes = NO_WISHES,
) -> CueSheet:
    """Propose what the music shall do, by the rules above; what `direction` asks for is obeyed."""
    return make_cue_sheet(features, rule_curves(features), direction, wishes)


def make_cue_sheet(
    features: Features,
    curves: dict[str, np.ndarray],
    direction: Direction,
    wishes: Wishes,
    *,
    more_inputs: tuple[str, ...] = (),
    with_moments: bool = False,
) -> CueSheet:
    """The cue sheet of curves (0..1, (num_curve_values,)) that somebody made of the picture.

    `direction` wins over `wishes`, and they over the rules; every choice comes with its reason.
    `with_moments` makes hit points of flashes, falls and stops too.
    """
    curves = _wished_curves(curves, wishes, direction)
    curves = with_mood(curves, direction.valence, direction.energy)
    energy, valence = float(curves[Curve.ENERGY].mean()), float(curves[Curve.VALENCE].mean())
    reasons: dict[str, str] = {}
    tempo, reasons["tempo_bpm"] = _choose_tempo(features, energy, direction, wishes)
    key, reasons["key"] = _choose_key(
        features, valence, float(curves[Curve.REGISTER].mean()), direction, wishes
    )
    ensemble, style, reasons["ensemble"], reasons["style"] = _choose_players(
        features, energy, valence, direction, wishes
    )
    inputs = ["colour"]
    if features.motion.any():
        inputs.append("motion")
    if features.transitions:
        inputs.append("cuts")
    inputs += more_inputs
    if direction != Direction():
        inputs.append("direction")
    if wishes.text:
        inputs.append("text")
        reasons["text"] = wishes.told()
    left = tuple(part for part in ENSEMBLES[ensemble].parts if part not in wishes.without)
    parts = direction.parts or left or ENSEMBLES[ensemble].parts
    return CueSheet(
        duration=features.duration,
        frame_rate=features.frame_rate,
        cuts=tuple(round(time, 4) for time in features.cuts),
        hit_points=_hit_points(features, with_moments),
        curves=curves,
        cues=_cues(features, curves, direction),
        key=key,
        tempo_bpm=tempo,
        tempo_fixed=direction.tempo_bpm is not None,
        style=style,
        ensemble=ensemble,
        parts=parts,
        inputs=tuple(inputs),
        sections=find_sections(features),
        reasons=reasons,
    )


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

    A clip without a transition says little about pace: its one shot counts as at most 6 s.
    """
    edges = np.array([0.0, *features.cuts, features.duration])
    middles = (np.arange(len(features.motion)) + 0.5) / CURVE_RATE_HZ
    shot = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2)
    lengths = np.diff(edges)[shot]
    if not features.cuts:
        lengths = np.clip(lengths, 4.0, 6.0)
    return np.maximum(lengths, 0.3)


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


def _wished_curves(
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


def _hit_points(features: Features, with_moments: bool = False) -> tuple[HitPoint, ...]:
    """One hit point a transition; the strongest change has strength 1, others down to 0.2.

    A change is strong when the two shots look and move differently and when the shot before was
    long: a cut after long stillness is an event, the tenth of a quick run is not. A new scene, one
    that looks like no shot of the last seconds, outweighs a cut back to what was just seen.
    """
    moments = [
        HitPoint(round(m.time, 4), round(MOMENT_STRENGTH * (0.5 + 0.5 * m.size), 3))
        for m in features.moments
        if with_moments and MIN_HIT_TIME <= m.time < features.duration - LAST_HIT_MARGIN
    ]
    kept = [t for t in features.transitions if t.time >= MIN_HIT_TIME]
    if not kept:
        return tuple(moments)
    edges = [0.0, *features.cuts]
    novelties = dict(zip(features.cuts, shot_novelties(features), strict=True))
    raw = []
    for transition in kept:
        before = transition.time - max(e for e in edges if e < transition.time)
        length = min(before / 6.0, 1.0)
        value = SOFTNESS[transition.kind] * (
            0.25 + 0.45 * _visible_change(features, transition) + 0.30 * length
        )
        value *= 1 - OLD_SCENE_LOSS * (1 - novelties[transition.time])
        left = features.duration - transition.time
        raw.append(value * min(1.0, 0.3 + 0.7 * left / LAST_HIT_MARGIN))
    highest = max(raw)
    cuts = [
        HitPoint(round(t.time, 4), round(min(max(value / highest, 0.2), 1.0), 3))
        for t, value in zip(kept, raw, strict=True)
    ]
    return tuple(sorted([*cuts, *moments], key=lambda hit: hit.time))


def shot_looks(features: Features) -> np.ndarray:
    """(shots, n) what each shot looks like on average: light, colours and their places, scaled so
    that 1 is a plain difference."""
    columns = [
        features.brightness / 0.12,
        features.contrast / 0.08,
        np.log(features.saturation + 0.03) / 0.5,
        features.warmth / 0.12,
        features.edges / 0.04,
    ]
    if features.palette is not None:
        gate = (features.saturation / (features.saturation + 0.1))[:, None]
        columns += list((features.palette[:, :-1] * gate / 0.25).T / 2)
    look = np.stack(columns, axis=1)
    edges = np.array([0.0, *features.cuts, features.duration])
    looks = []
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        first = min(math.ceil(start * CURVE_RATE_HZ - 1e-6), len(look) - 1)
        last = max(first + 1, math.floor(end * CURVE_RATE_HZ + 1e-6))
        looks.append(look[first:last].mean(axis=0))
    return np.stack(looks)


def shot_novelties(features: Features) -> list[float]:
    """0..1 for every transition: how unlike the new shot is to all shots of the last
    `SCENE_MEMORY` seconds and the one before; 0 is a cut back to what was just seen."""
    looks = shot_looks(features)
    edges = [0.0, *features.cuts, features.duration]
    novelties = []
    for shot in range(1, len(looks)):
        recent = [k for k in range(shot) if edges[k + 1] > edges[shot] - SCENE_MEMORY]
        unlike = min(_unlike(looks[shot], looks[k]) for k in recent)
        novelties.append(float(np.clip((unlike - 0.15) / 0.45, 0, 1)))
    return novelties


def _unlike(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


def find_sections(features: Features) -> tuple[Section, ...]:
    """Spans of picture with one look, at least `MIN_SECTION` long; those that look alike share a
    theme: A, B, C in order of appearance.

    Neighbouring shots are joined, the most alike first, until every section is long enough and
    differs plainly from the next one.
    """
    looks = list(shot_looks(features))
    edges = [0.0, *features.cuts, features.duration]
    spans = [[a, b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    while len(spans) > 1:
        lengths = [b - a for a, b in spans]
        costs = [
            _unlike(looks[k], looks[k + 1])
            - (10.0 if min(lengths[k], lengths[k + 1]) < MIN_SECTION else 0.0)
            for k in range(len(spans) - 1)
        ]
        k = int(np.argmin(costs))
        if costs[k] > ALIKE:
            break
        share = lengths[k] / (lengths[k] + lengths[k + 1])
        looks[k] = share * looks[k] + (1 - share) * looks[k + 1]
        spans[k][1] = spans[k + 1][1]
        del looks[k + 1], spans[k + 1]
    themes: list[np.ndarray] = []
    sections = []
    for (start, end), look in zip(spans, looks, strict=True):
        distances = [_unlike(look, theme) for theme in themes]
        if distances and min(distances) < ALIKE:
            number = int(np.argmin(distances))
        else:
            number = len(themes)
            themes.append(look)
        sections.append(
            Section(round(start, 4), min(round(end, 4), features.duration), _letter(number))
        )
    return tuple(sections)


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def _visible_change(features: Features, transition: Transition) -> float:
    """0..1: how differently the second before and the second after a transition look and move."""
    rate = CURVE_RATE_HZ
    last = len(features.motion)
    first_after = math.ceil(transition.end * rate - 1e-6)  # values wholly in the new shot
    last_before = math.floor(transition.start * rate + 1e-6)
    after = slice(min(first_after, last - 1), min(first_after + 4, last))
    before = slice(max(last_before - 4, 0), max(last_before, 1))

    def step(curve: np.ndarray) -> float:
        return abs(float(curve[after].mean()) - float(curve[before].mean()))

    change = (
        step(features.brightness) / 0.15
        + step(features.contrast) / 0.10
        + step(features.saturation) / 0.15
        + step(features.warmth) / 0.15
        + step(np.log(features.motion + 0.02)) / 1.0
    )
    return 1 - math.exp(-change / 3)


def _choose_tempo(
    features: Features, energy: float, direction: Direction, wishes: Wishes
) -> tuple[float, str]:
    """Beats a minute and why: energy sets it, fast cutting its least, a wish multiplies it."""
    if direction.tempo_bpm is not None:
        return direction.tempo_bpm, "asked for"
    spacing = features.duration / (1 + len(features.transitions))
    tempo = SLOWEST_BPM * (FASTEST_BPM / SLOWEST_BPM) ** energy
    if features.transitions:
        tempo = max(tempo, float(np.interp(spacing, *LEAST_BPM)))
    tempo *= wishes.tempo_factor
    tempo = float(round(min(max(tempo, TEMPO_RANGE_BPM[0]), TEMPO_RANGE_BPM[1])))
    cutting = f"a cut every {spacing:.1f} s" if features.transitions else "no cut"
    level = _word(features.motion.mean(), (0.015, 0.05, 0.12), ("no", "little", "some", "high"))
    energies = _word(energy, (LOW_ENERGY, HIGH_ENERGY), ("low", "middling", "high"))
    asked = "" if wishes.tempo_factor == 1 else f", times {wishes.tempo_factor:.2f} for your words"
    return tempo, f"{cutting}, {level} motion, {energies} energy{asked}: {tempo:.0f} bpm"


def _word(value: float, limits: tuple[float, ...], words: tuple[str, ...]) -> str:
    return words[sum(float(value) >= limit for limit in limits)]


def _choose_players(
    features: Features, energy: float, valence: float, direction: Direction, wishes: Wishes
) -> tuple[str, str, str, str]:
    """(ensemble, style, why, why) by the tables above, in accord with whatever was asked for.

    The first row that is true decides; change a row to change who plays.
    """
    calm, busy = energy < LOW_ENERGY, energy >= HIGH_ENERGY
    colourful = float(features.saturation.mean()) >= math.exp(TYPICAL_LOG_CHROMA[0])
    long, short = features.duration >= LONG_CLIP, features.duration < SHORT_CLIP
    wanted = direction.style or wishes.style
    table = (
        (direction.ensemble is not None, direction.ensemble, "asked for"),
        (
            wishes.ensemble is not None and direction.style is None,
            wishes.ensemble,
            "your words name it",
        ),
        (
            wanted is not None,
            Style(wanted or Style.POP).players[energy >= 0.5],
            f"it plays the style {wanted}",
        ),
        (busy and valence < DARK and short, PIANO_AND_STRINGS.name, "dark and strong, but short"),
        (busy and valence < DARK, ORCHESTRA.name, "dark and strong"),
        (busy, BAND.name, "much happens, and it is not dark"),
        (calm and valence < BRIGHT and long, AMBIENT.name, "calm for long, and not bright"),
        (valence < DARK and long, PIANO_AND_STRINGS.name, "dark for long"),
        (valence < DARK, STRINGS.name, "dark"),
        (
            short and colourful and valence >= BRIGHT and not calm,
            MUSIC_BOX.name,
            "short, colourful and bright",
        ),
        (calm and long, PIANO_AND_STRINGS.name, "calm and bright for long"),
        (valence < BRIGHT and not calm, PIANO_AND_STRINGS.name, "neither bright nor calm"),
        (True, PIANO.name, "bright or calm, and nothing more is needed"),
    )

    def avoided(name: str) -> bool:
        return bool({name, *name.split(" and ")} & set(wishes.avoid))

    ensemble, why = next(
        ((name, why) for is_so, name, why in table if is_so and name and not avoided(name)),
        (MUSIC_BOX.name, "every other ensemble that fits was ruled out"),
    )
    if direction.parts is not None:
        before = ensemble
        ensemble = _ensemble_with(direction.parts, ensemble, direction.ensemble is not None)
        why = why if ensemble == before else "it has the parts asked for"
    if direction.style is not None:
        return ensemble, direction.style, why, "asked for"
    if wishes.style is not None:
        return ensemble, wishes.style, why, "your words name it"
    if ensemble == PIANO.name and valence >= BRIGHT:
        return ensemble, Style.POP, why, "a bright piano plays pop"
    return ensemble, ENSEMBLES[ensemble].style, why, f"what the ensemble {ensemble} plays"


def _ensemble_with(parts: tuple[str, ...], ensemble: str, is_fixed: bool) -> str:
    """`ensemble` where it has all the parts, else the first that has them."""
    if set(parts) <= set(ENSEMBLES[ensemble].parts):
        return ensemble
    others = [name for name, has in ENSEMBLES.items() if set(parts) <= set(has.parts)]
    if is_fixed:
        raise PixMusError(
            f'The ensemble "{ensemble}" has the parts {", ".join(ENSEMBLES[ensemble].parts)}; '
            "leave out the others or choose another ensemble."
        )
    if not others:
        raise PixMusError(
            f"No ensemble has all the parts {', '.join(parts)}; leave out one of them."
        )
    return others[0]


def _choose_key(
    features: Features, valence: float, register: float, direction: Direction, wishes: Wishes
) -> tuple[str, str]:
    """The key and why: the mode by valence, the tonic by register."""
    if direction.key is not None:
        return direction.key, "asked for"
    is_major = valence >= MAJOR_FROM if wishes.major is None else wishes.major
    tonics = MAJOR_TONICS if is_major else MINOR_TONICS
    tonic = tonics[min(int(register * len(tonics)), len(tonics) - 1)]
    mode = "major" if is_major else "minor"
    light = _word(features.brightness.mean(), (0.3, 0.55), ("dark", "half-light", "light"))
    colour = _word(
        features.saturation.mean(), (0.05, 0.12, 0.28), ("grey", "pale", "plain", "rich")
    )
    mood = _word(valence, (DARK, BRIGHT), ("low", "middling", "high"))
    why = f"{light} picture, {colour} colours, {mood} valence"
    if wishes.major is not None:
        why = "your words name it"
    height = _word(register, (0.34, 0.67), ("low", "middling", "high"))
    return f"{tonic} {mode}", f"{why}: {mode}; {height} register: {tonic}"


def _mood(energy: float, valence: float) -> str:
    row = int(valence >= DARK) + int(valence >= BRIGHT)
    column = int(energy >= LOW_ENERGY) + int(energy >= HIGH_ENERGY)
    return MOODS[row][column]


def _cues(
    features: Features, curves: dict[str, np.ndarray], direction: Direction
) -> tuple[Cue, ...]:
    """One cue, or several where a long clip changes its intent at a new scene.

    The music of every cue has an ending of its own, so both sides must be `MIN_CUE` long and
    differ by `CUE_CHANGE` in mean energy or valence.
    """
    duration = features.duration
    start = direction.music_from or 0.0
    end = duration if direction.music_to is None else min(direction.music_to, duration)
    if start >= duration:
        raise PixMusError(
            f"The music is to start at {start:g} s, but the clip lasts {duration:.2f} s; "
            "choose an earlier start."
        )
    if end <= start:
        raise PixMusError(
            f"The music is to end at {end:g} s, not after its start at {start:g} s; "
            "choose a later end."
        )
    edges = [start]
    for time, novelty in zip(features.cuts, shot_novelties(features), strict=True):
        if novelty < 0.5 or time - edges[-1] < MIN_CUE or end - time < MIN_CUE:
            continue
        before = _means(curves, edges[-1], time)
        after = _means(curves, time, min(time + MIN_CUE, end))
        if max(abs(a - b) for a, b in zip(before, after, strict=True)) >= CUE_CHANGE:
            edges.append(round(time, 4))
    edges.append(end)
    return tuple(
        Cue(a, b, _mood(*_means(curves, a, b))) for a, b in zip(edges[:-1], edges[1:], strict=True)
    )


def _means(curves: dict[str, np.ndarray], start: float, end: float) -> tuple[float, float]:
    """Mean energy and valence between two times."""
    rows = curve_rows(start, end, len(curves[Curve.ENERGY]))
    return float(curves[Curve.ENERGY][rows].mean()), float(curves[Curve.VALENCE][rows].mean())


def curve_rows(start: float, end: float, count: int) -> slice:
    """Which of a curve's `count` values lie between two times; at least one."""
    first = min(int(start * CURVE_RATE_HZ), count - 1)
    return slice(first, max(first + 1, math.ceil(end * CURVE_RATE_HZ - 1e-6)))


def _rows(items: list[dict[str, Any]]) -> str:
    if not items:
        return "[]"
    return "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in items) + "\n  ]"


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number that a cue sheet can hold")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'"{name}" stands there twice; keep one of them')
    return dict(pairs)


def _check(sheet: CueSheet) -> None:
    """Raise ValueError with a sentence (no full stop) for the first value that cannot be."""
    _number(sheet.duration, '"duration"', 0.0, math.inf, above=True)
    if not isinstance(sheet.frame_rate, Fraction) or not 0 < sheet.frame_rate <= 1000:
        raise ValueError(f'"frame_rate" is {sheet.frame_rate}; it must be above 0, at most 1000')
    _times(sheet.cuts, '"cuts"', sheet.duration)
    _times(tuple(h.time for h in sheet.hit_points), '"hit_points"', sheet.duration)
    for hit in sheet.hit_points:
        _number(hit.strength, f"the strength of the hit point at {hit.time} s", 0.0, 1.0)
    _names(sheet.curves, '"curves"', CURVES)
    length = num_curve_values(sheet.duration)
    for name in CURVES:
        curve = np.asarray(sheet.curves[name])
        if curve.shape != (length,):
            raise ValueError(
                f'the curve "{name}" has {curve.size} values; {sheet.duration} s at '
                f"{CURVE_RATE_HZ:g} a second need {length}"
            )
        wrong = np.flatnonzero(~((curve >= 0) & (curve <= 1)))  # also catches NaN
        if wrong.size:
            raise ValueError(
                f'value {wrong[0]} of the curve "{name}" is {curve[wrong[0]]:g}; '
                "it must lie within 0 and 1"
            )
    end = 0.0
    for cue in sheet.cues:
        if not isinstance(cue.name, str):
            raise ValueError(f"the name of the cue at {cue.start} s must be text")
        _number(cue.start, f'the start of the cue "{cue.name}"', 0.0, sheet.duration)
        _number(cue.end, f'the end of the cue "{cue.name}"', 0.0, sheet.duration)
        if cue.end <= cue.start:
            raise ValueError(f'the cue "{cue.name}" ends at {cue.end} s, not after its start')
        if cue.start < end:
            raise ValueError(
                f'the cue "{cue.name}" starts at {cue.start} s, before the one ahead of it ends'
            )
        end = cue.end
    end = 0.0
    for section in sheet.sections:
        if not isinstance(section.theme, str) or not section.theme:
            raise ValueError(f"the theme of the section at {section.start} s must be text")
        name = f'the section "{section.theme}"'
        _number(section.start, f"the start of {name}", 0.0, sheet.duration)
        _number(section.end, f"the end of {name}", 0.0, sheet.duration)
        if section.end <= section.start:
            raise ValueError(f"{name} ends at {section.end} s, not after its start")
        if section.start < end:
            raise ValueError(f"{name} starts at {section.start} s, before the one ahead of it ends")
        end = section.end
    if not isinstance(sheet.reasons, Mapping):
        raise ValueError('"reasons" must be a JSON object')
    for name, reason in sheet.reasons.items():
        if not isinstance(reason, str):
            raise ValueError(f'the reason of "{name}" must be text')
    if sheet.key not in KEYS:
        raise ValueError(f'"key" is {sheet.key!r}; write it like "C major" or "F# minor"')
    _number(sheet.tempo_bpm, '"tempo_bpm"', *TEMPO_RANGE_BPM)
    if not isinstance(sheet.tempo_fixed, bool):
        raise ValueError('"tempo_fixed" must be true or false')
    _choice(sheet.style, '"style"', STYLES)
    _choice(sheet.ensemble, '"ensemble"', tuple(ENSEMBLES))
    _check_parts(
        sheet.parts, ENSEMBLES[sheet.ensemble].parts, f'of the ensemble "{sheet.ensemble}"'
    )
    for name in sheet.inputs:
        _choice(name, '"inputs"', INPUTS)
    if type(sheet.schema_version) is not int or sheet.schema_version < 1:
        raise ValueError(f'"schema_version" is {sheet.schema_version!r}; it must be a whole number')
    if sheet.schema_version > SCHEMA_VERSION:
        raise ValueError(
            f"it has schema version {sheet.schema_version} and this PixMus reads up to "
            f"{SCHEMA_VERSION}; update PixMus or write the cue sheet again with `pixmus spot`"
        )


def _from_raw(raw: Any) -> CueSheet:
    """The cue sheet of parsed JSON; ValueError with a sentence (no full stop) where it is none."""
    if not isinstance(raw, dict):
        raise ValueError("a cue sheet is a JSON object; write one with `pixmus spot`")
    version = raw.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:  # before its new keys are called unknown
        raise ValueError(
            f"it has schema version {version} and this PixMus reads up to {SCHEMA_VERSION}; "
            "update PixMus or write the cue sheet again with `pixmus spot`"
        )
    if version == 1:
        raw = {"sections": [], "reasons": {}, **raw}
    _names(
        raw,
        "the cue sheet",
        (
            "schema_version", "duration", "frame_rate", "key", "tempo_bpm", "tempo_fixed", "style",
            "ensemble", "parts", "inputs", "cues", "hit_points", "sections", "reasons", "cuts",
            "curve_rate_hz", "curves",
        ),
    )  # fmt: skip
    if raw["curve_rate_hz"] != CURVE_RATE_HZ:
        raise ValueError(f'"curve_rate_hz" must be {CURVE_RATE_HZ:g}')
    try:
        text = str(raw["frame_rate"])
        if not FRAME_RATE.fullmatch(text):  # a Fraction of "1e-300000000" is never done
            raise ValueError
        frame_rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f'"frame_rate" is {raw["frame_rate"]!r}; write it like "25" or "30000/1001"'
        ) from None
    _names(raw["curves"], '"curves"', CURVES)
    curves = {}
    for name in CURVES:
        values = _list(raw["curves"][name], f'the curve "{name}"')
        for value in values:
            _number(value, f'a value of the curve "{name}"', 0.0, 1.0)
        curves[name] = np.array(values, dtype=np.float32)
    cues = _list(raw["cues"], '"cues"')
    hit_points = _list(raw["hit_points"], '"hit_points"')
    for cue in cues:
        _names(cue, "a cue", ("start", "end", "name"))
    sections = _list(raw["sections"], '"sections"')
    for section in sections:
        _names(section, "a section", ("theme", "start", "end"))
    for hit in hit_points:
        _names(hit, "a hit point", ("time", "strength"))
        _number(hit["time"], "the time of a hit point", 0.0, math.inf)
    return CueSheet(
        duration=raw["duration"],
        frame_rate=frame_rate,
        cuts=tuple(_list(raw["cuts"], '"cuts"')),
        hit_points=tuple(HitPoint(hit["time"], hit["strength"]) for hit in hit_points),
        curves=curves,
        cues=tuple(Cue(cue["start"], cue["end"], cue["name"]) for cue in cues),
        key=raw["key"],
        tempo_bpm=raw["tempo_bpm"],
        tempo_fixed=raw["tempo_fixed"],
        style=raw["style"],
        ensemble=raw["ensemble"],
        parts=tuple(_list(raw["parts"], '"parts"')),
        inputs=tuple(_list(raw["inputs"], '"inputs"')),
        sections=tuple(Section(s["start"], s["end"], s["theme"]) for s in sections),
        reasons=raw["reasons"],
        schema_version=raw["schema_version"],
    )


def _names(value: Any, what: str, known: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object with {', '.join(known)}")
    for name in value:
        if name not in known:
            raise ValueError(f'{what} has the unknown key "{name}"; known are {", ".join(known)}')
    for name in known:
        if name not in value:
            raise ValueError(f'{what} lacks the key "{name}"')


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list")
    return value


def _number(value: Any, what: str, low: float, high: float, *, above: bool = False) -> None:
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool):
        raise ValueError(f"{what} is {value!r}; it must be a number")
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise ValueError(f"{what} is far too large a number")
    if not (low <= value <= high) or (above and value == low) or math.isinf(value):
        limits = f"{'above' if above else 'at least'} {low:g}"
        if high < math.inf:
            limits = f"within {low:g} and {high:g}"
        raise ValueError(f"{what} is {value:g}; it must be {limits}")


def _times(times: tuple[float, ...], what: str, duration: float) -> None:
    before = -1.0
    for time in times:
        _number(time, f"a time in {what}", 0.0, duration)
        if time <= before:
            raise ValueError(f"{what} are not in order of time at {time:g} s")
        before = time


def _choice(value: Any, what: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{what} is {value!r}; choose one of {', '.join(known)}")


def _check_parts(parts: tuple[str, ...], known: tuple[str, ...], whose: str) -> tuple[str, ...]:
    if not parts:
        raise ValueError(f"no part is chosen; the parts {whose} are {', '.join(known)}")
    for part in parts:
        _choice(part, f"one of the parts {whose}", known)
    if len(set(parts)) < len(parts):
        raise ValueError("one of the parts is named twice")
    return tuple(part for part in PARTS if part in parts)
