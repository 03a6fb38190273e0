"""`CueSheet`: what the music shall do and when; the one seam of PixMus that a person edits.

Conventions: times are seconds from the first displayed frame; every curve is 0..1 in quantile
units (0.5 is a typical training bar) on the 4 Hz clock of `features`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.errors import PixMusError
from pixmus.features import CURVE_RATE_HZ, num_curve_values

SCHEMA_VERSION = 1

CURVES = ("density", "energy", "valence", "register")
STYLES = ("pop", "song", "quartet", "game")
PARTS = ("melody", "counter", "harmony", "bass", "pad", "drums")
ENSEMBLES: dict[str, tuple[str, ...]] = {
    "piano": ("melody", "harmony", "bass"),
    "strings": ("melody", "counter", "harmony", "bass"),
    "piano and strings": ("melody", "harmony", "bass", "pad"),
    "orchestra": ("melody", "counter", "harmony", "bass", "pad"),
    "band": ("melody", "harmony", "bass", "drums"),
    "ambient": ("melody", "harmony", "pad"),
    "music box": ("melody", "harmony"),
}
TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
INPUTS = ("colour", "motion", "cuts", "embedding", "direction")
TEMPO_RANGE_BPM = (40.0, 240.0)

_ENHARMONIC = {
    "C#": "Db", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb",
    "Cb": "B", "B#": "C", "E#": "F", "Fb": "E",
}  # fmt: skip


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
        lines.append(f'  "cues": {_rows(cues)}')
        lines.append(f'  "hit_points": {_rows(hit_points)}')
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
        try:
            if self.tempo_bpm is not None:
                _number(self.tempo_bpm, "the tempo", *TEMPO_RANGE_BPM)
            if self.key is not None:
                object.__setattr__(self, "key", spell_key(self.key))
            if self.style is not None:
                _choice(self.style, "the style", STYLES)
            if self.ensemble is not None:
                _choice(self.ensemble, "the ensemble", tuple(ENSEMBLES))
            if self.parts is not None:
                object.__setattr__(self, "parts", _check_parts(self.parts, PARTS, "of all"))
            for value, name in ((self.valence, "the valence"), (self.energy, "the energy")):
                if value is not None:
                    _number(value, f"{name} of the mood", 0.0, 1.0)
            for value, name in ((self.music_from, "start"), (self.music_to, "end")):
                if value is not None:
                    _number(value, f"the {name} of the music", 0.0, math.inf)
        except ValueError as error:
            message = str(error)
            raise PixMusError(f"{message[0].upper()}{message[1:]}.") from error


def spell_key(text: str) -> str:
    """`text` as one of `KEYS` ("c# Minor" is "Db minor"); ValueError where it is no key."""
    words = text.split() if isinstance(text, str) else []
    if len(words) == 2:
        tonic = words[0][:1].upper() + words[0][1:]
        key = f"{_ENHARMONIC.get(tonic, tonic)} {words[1].lower()}"
        if key in KEYS:
            return key
    raise ValueError(f'the key {text!r} is none; write it like "C major", "F# minor" or "Bb major"')


def key_tonic(key: str) -> int:
    """The pitch class of a key's tonic, C = 0."""
    return TONICS.index(spell_key(key).split()[0])


def key_is_major(key: str) -> bool:
    """Whether the key is a major one."""
    return spell_key(key).endswith("major")


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
    if sheet.key not in KEYS:
        raise ValueError(f'"key" is {sheet.key!r}; write it like "C major" or "F# minor"')
    _number(sheet.tempo_bpm, '"tempo_bpm"', *TEMPO_RANGE_BPM)
    if not isinstance(sheet.tempo_fixed, bool):
        raise ValueError('"tempo_fixed" must be true or false')
    _choice(sheet.style, '"style"', STYLES)
    _choice(sheet.ensemble, '"ensemble"', tuple(ENSEMBLES))
    _check_parts(sheet.parts, ENSEMBLES[sheet.ensemble], f'of the ensemble "{sheet.ensemble}"')
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
    _names(
        raw,
        "the cue sheet",
        (
            "schema_version", "duration", "frame_rate", "key", "tempo_bpm", "tempo_fixed", "style",
            "ensemble", "parts", "inputs", "cues", "hit_points", "cuts", "curve_rate_hz", "curves",
        ),
    )  # fmt: skip
    if raw["curve_rate_hz"] != CURVE_RATE_HZ:
        raise ValueError(f'"curve_rate_hz" must be {CURVE_RATE_HZ:g}')
    try:
        frame_rate = Fraction(str(raw["frame_rate"]))
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
