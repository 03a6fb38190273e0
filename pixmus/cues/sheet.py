"""`CueSheet`: what the music shall do and when; the one seam of PixMus that a person edits.

Conventions: times are seconds from the first displayed frame; every curve is 0..1 in quantile
units (0.5 is a typical training bar) on the 4 Hz clock of `features`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.choices import TEMPO
from pixmus.cues.checks import (
    LARGEST_SHEET,
    check_bounds,
    check_choice,
    check_list,
    check_names,
    check_number,
    check_parts,
    check_text,
    check_times,
    refuse_constant,
    refuse_duplicates,
    said,
)
from pixmus.cues.sheet_chords import SheetChord, check_chords, chord_of_row
from pixmus.curves import CURVE_RATE_HZ, CURVES, num_curve_values
from pixmus.ensembles import (
    ENSEMBLES,
    STYLES,
)
from pixmus.errors import PixMusError
from pixmus.files import named
from pixmus.keys import KEYS, spell_key

SCHEMA_VERSION = 3  # 2 added sections and reasons, 3 chords; files of version 1 have none of them
INPUTS = ("colour", "motion", "cuts", "sight", "embedding", "direction", "text", "cut list")
TEMPO_RANGE_BPM = (TEMPO.low, TEMPO.high)
SHORTEST_S, LONGEST_S = 0.1, 1e6
LARGEST_RATE = 1_000_000  # frames a second; cameras of laboratories reach a few hundred thousand
LARGEST_TERM = 9_999_999
FRAME_RATE = re.compile(r"-?[0-9]{1,7}(/[0-9]{1,7}|\.[0-9]{1,9})?")


def tidy_rate(rate: Fraction) -> Fraction:
    """A frame rate as a cue sheet can say it, in seven digits above and below the line."""
    rate = min(rate, Fraction(LARGEST_RATE))
    tidied = rate.limit_denominator(LARGEST_TERM // max(1, math.ceil(rate)))
    return max(tidied, Fraction(1, LARGEST_TERM))


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
    chords: tuple[SheetChord, ...] = ()  # in order; the given ones are played
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
        lines = [f"  {_dumps(name)}: {_dumps(value)}" for name, value in head.items()]
        cues = [{"start": c.start, "end": c.end, "name": c.name} for c in self.cues]
        hit_points = [{"time": h.time, "strength": h.strength} for h in self.hit_points]
        sections = [{"theme": s.theme, "start": s.start, "end": s.end} for s in self.sections]
        lines.append(f'  "cues": {_rows(cues)}')
        lines.append(f'  "hit_points": {_rows(hit_points)}')
        lines.append(f'  "sections": {_rows(sections)}')
        lines.append(f'  "chords": {_rows([chord.to_row(self.key) for chord in self.chords])}')
        reasons = [f"    {_dumps(n)}: {_dumps(r)}" for n, r in self.reasons.items()]
        lines.append('  "reasons": ' + ("{\n" + ",\n".join(reasons) + "\n  }" if reasons else "{}"))
        lines.append(f'  "cuts": {_dumps(list(self.cuts))}')
        curves = [
            f'    "{name}": {_dumps([round(float(v), 4) for v in self.curves[name]])}'
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
        text = text.removeprefix("\ufeff")
        try:
            check_bounds(text)
            raw = json.loads(
                text, parse_constant=refuse_constant, object_pairs_hook=refuse_duplicates
            )
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
        path = named(path)
        try:
            with open(path, "rb") as file:
                data = file.read(4 * LARGEST_SHEET + 1)
            # UTF-8 or UTF-16, with or without a byte order mark, by the zeros among its first bytes
            text = data.decode(json.detect_encoding(data))
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


def _dumps(value: Any) -> str:
    return json.dumps(value, default=float)  # numpy's numbers are numbers too


def _rows(items: list[dict[str, Any]]) -> str:
    if not items:
        return "[]"
    return "[\n" + ",\n".join(f"    {_dumps(item)}" for item in items) + "\n  ]"


def _check(sheet: CueSheet) -> None:
    """Raise ValueError with a sentence (no full stop) for the first value that cannot be."""
    check_number(sheet.duration, '"duration"', SHORTEST_S, math.inf)
    if sheet.duration > LONGEST_S:
        raise ValueError(f'"duration" is {sheet.duration:g}; it must be at most {LONGEST_S:g}')
    if not isinstance(sheet.frame_rate, Fraction) or not 0 < sheet.frame_rate <= LARGEST_RATE:
        raise ValueError(
            f'"frame_rate" is {sheet.frame_rate}; it must be above 0, at most {LARGEST_RATE}'
        )
    check_times(sheet.cuts, '"cuts"', sheet.duration)
    check_times(tuple(h.time for h in sheet.hit_points), '"hit_points"', sheet.duration)
    for hit in sheet.hit_points:
        check_number(hit.strength, f"the strength of the hit point at {hit.time} s", 0.0, 1.0)
    check_names(sheet.curves, '"curves"', CURVES)
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
        check_text(cue.name, "the name of a cue")
        check_number(cue.start, f'the start of the cue "{cue.name}"', 0.0, sheet.duration)
        check_number(cue.end, f'the end of the cue "{cue.name}"', 0.0, sheet.duration)
        if cue.end <= cue.start:
            raise ValueError(f'the cue "{cue.name}" ends at {cue.end} s, not after its start')
        if cue.start < end:
            raise ValueError(
                f'the cue "{cue.name}" starts at {cue.start} s, before the one ahead of it ends'
            )
        end = cue.end
    end = 0.0
    for section in sheet.sections:
        check_text(section.theme, "the theme of a section")
        if not section.theme:
            raise ValueError("the theme of a section must be text")
        name = f'the section "{section.theme}"'
        check_number(section.start, f"the start of {name}", 0.0, sheet.duration)
        check_number(section.end, f"the end of {name}", 0.0, sheet.duration)
        if section.end <= section.start:
            raise ValueError(f"{name} ends at {section.end} s, not after its start")
        if section.start < end:
            raise ValueError(f"{name} starts at {section.start} s, before the one ahead of it ends")
        end = section.end
    check_chords(sheet.chords, sheet.duration)
    if not isinstance(sheet.reasons, Mapping):
        raise ValueError('"reasons" must be a JSON object')
    for name, reason in sheet.reasons.items():
        check_text(name, "the name of a reason")
        check_text(reason, f'the reason of "{name}"')
    if sheet.key not in KEYS:
        raise ValueError(f'"key" is {said(sheet.key)}; write it like "C major" or "F# minor"')
    check_number(sheet.tempo_bpm, '"tempo_bpm"', *TEMPO_RANGE_BPM)
    if not isinstance(sheet.tempo_fixed, bool):
        raise ValueError('"tempo_fixed" must be true or false')
    check_choice(sheet.style, '"style"', STYLES)
    check_choice(sheet.ensemble, '"ensemble"', tuple(ENSEMBLES))
    check_parts(sheet.parts, ENSEMBLES[sheet.ensemble].parts, f'of the ensemble "{sheet.ensemble}"')
    for name in sheet.inputs:
        check_choice(name, '"inputs"', INPUTS)
    if type(sheet.schema_version) is not int or sheet.schema_version < 1:
        raise ValueError(
            f'"schema_version" is {said(sheet.schema_version)}; it must be a whole number'
        )
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
    if version in (1, 2):
        raw = {"chords": [], **raw}
    check_names(
        raw,
        "the cue sheet",
        (
            "schema_version", "duration", "frame_rate", "key", "tempo_bpm", "tempo_fixed", "style",
            "ensemble", "parts", "inputs", "cues", "hit_points", "sections", "chords", "reasons",
            "cuts", "curve_rate_hz", "curves",
        ),
    )  # fmt: skip
    if raw["curve_rate_hz"] != CURVE_RATE_HZ:
        raise ValueError(f'"curve_rate_hz" must be {CURVE_RATE_HZ:g}')
    try:
        text = str(raw["frame_rate"]) if isinstance(raw["frame_rate"], str | int | float) else ""
        if not FRAME_RATE.fullmatch(text):  # a Fraction of "1e-300000000" is never done
            raise ValueError
        frame_rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f'"frame_rate" is {said(raw["frame_rate"])}; write it like "25" or "30000/1001"'
        ) from None
    check_names(raw["curves"], '"curves"', CURVES)
    curves = {}
    for name in CURVES:
        values = check_list(raw["curves"][name], f'the curve "{name}"', is_curve=True)
        for value in values:
            check_number(value, f'a value of the curve "{name}"', 0.0, 1.0)
        curves[name] = np.array(values, dtype=np.float32)
    cues = check_list(raw["cues"], '"cues"')
    hit_points = check_list(raw["hit_points"], '"hit_points"')
    for cue in cues:
        check_names(cue, "a cue", ("start", "end", "name"))
    sections = check_list(raw["sections"], '"sections"')
    for section in sections:
        check_names(section, "a section", ("theme", "start", "end"))
    for hit in hit_points:
        check_names(hit, "a hit point", ("time", "strength"))
        check_number(hit["time"], "the time of a hit point", 0.0, math.inf)
    return CueSheet(
        duration=raw["duration"],
        frame_rate=frame_rate,
        cuts=tuple(check_list(raw["cuts"], '"cuts"')),
        hit_points=tuple(HitPoint(hit["time"], hit["strength"]) for hit in hit_points),
        curves=curves,
        cues=tuple(Cue(cue["start"], cue["end"], cue["name"]) for cue in cues),
        key=_spelt(raw["key"]),
        tempo_bpm=raw["tempo_bpm"],
        tempo_fixed=raw["tempo_fixed"],
        style=raw["style"],
        ensemble=raw["ensemble"],
        parts=tuple(check_list(raw["parts"], '"parts"')),
        inputs=tuple(check_list(raw["inputs"], '"inputs"')),
        sections=tuple(Section(s["start"], s["end"], s["theme"]) for s in sections),
        reasons=raw["reasons"],
        chords=tuple(map(chord_of_row, check_list(raw["chords"], '"chords"'))),
        schema_version=raw["schema_version"],
    )


def _spelt(key: Any) -> Any:
    """A key as PixMus spells it; what is none stays as it is."""
    try:
        return spell_key(key)
    except ValueError:
        return key
