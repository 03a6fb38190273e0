"""What is said in a visitor's words: of a clip that was watched, and of a take how it sounds, what
it meets and where it turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmus.choices import ENSEMBLE, KEY
from pixmus.curves import Curve

if TYPE_CHECKING:
    from pixmus.doors.page.takes import CutsMet, Source, Take
    from pixmus.score.curves import CurveTables

TURN = 0.12  # of a curve's range, from two bars to the next two, that is worth a word
OFF = 0.25  # between what was wanted on average and what came that is worth a word
WORDS = {  # what more and less of a curve are called
    Curve.ENERGY: ("stronger", "calmer"),
    Curve.DENSITY: ("busier", "sparser"),
    Curve.VALENCE: ("brighter", "darker"),
}


def ready(source: Source, seconds: float) -> str:
    """A clip that was watched, and about how many `seconds` its soundtrack will take."""
    video = source.footage.video
    if video.is_still:
        return f"Your picture is ready. Press Make the soundtrack: {_about(seconds)}."
    count = len(source.footage.features.cuts)
    cuts = "no cuts" if count == 0 else "1 cut" if count == 1 else f"{count} cuts"
    part = " of it" if source.span else ""
    return (
        f"Your clip is ready: {clock(video.duration)}{part}, {cuts}. Press Make the soundtrack: "
        f"{_about(seconds)}."
    )


def _about(seconds: float) -> str:
    """A rough time: "it takes about 20 s"."""
    if seconds < 90:
        return f"it takes about {max(5 * round(seconds / 5), 5)} s"
    return f"it takes about {round(seconds / 60)} minutes"


def sentences(take: Take, tables: CurveTables) -> list[str]:
    """A few sentences on a take."""
    made = take.soundtrack
    sheet = made.cue_sheet
    tempos = np.asarray(made.tempo_map.local_tempo_bpm)
    wanted, measured = take.wanted_and_measured(tables)
    bars = made.tempo_map.to_seconds(np.asarray(made.tempo_map.bar_starts, float))
    told = [
        f"{sheet.ensemble.capitalize()} in {made.score.key}, {_tempo(tempos)}.",
        _cuts(take.cuts_met()),
        _turn(np.asarray(bars), wanted, measured),
        _level({name: (float(np.mean(v)), float(np.nanmean(measured[name])))
                for name, v in wanted.items()}),
    ]  # fmt: skip
    return [line for line in told if line]


def music_line(take: Mapping[str, Any]) -> str:
    """One line of what the music does, from what a `take.json` holds; "" where that is too little.

    "Band in A minor at 143 bpm; it marks all 7 moments that count."
    """
    settings, tempo = take.get("settings") or {}, take.get("tempo") or {}
    ensemble, key = settings.get(ENSEMBLE.name), settings.get(KEY.name)
    if not ensemble or not key:
        return ""
    line = f"{str(ensemble).capitalize()} in {key}"
    if "median_bpm" in tempo:
        line += f" at {tempo['median_bpm']:.0f} bpm"
    accents = take.get("accents") or {}
    met, placed = accents.get("accented"), accents.get("placed")
    if placed:
        count = f"all {placed}" if met == placed else f"{met} of {placed}"
        line += f"; it marks {count} moments that count" if placed > 1 else ""
    return f"{line}."


def _tempo(tempos: np.ndarray) -> str:
    low, high = round(float(tempos.min())), round(float(tempos.max()))
    return f"{low} beats a minute" if low == high else f"{low} to {high} beats a minute"


def _cuts(found: CutsMet) -> str:
    """How many cuts the music marks."""
    count = len(found.cuts)
    if not count:
        return ""
    if found.met == count:
        return "The cut falls on a note." if count == 1 else f"All {count} cuts fall on a note."
    return f"{found.met} of {count} cuts fall on a note."


def _turn(bars: np.ndarray, wanted: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """Where the picture turns most, and whether the music does too: "calmer at 0:12"."""
    best, told = TURN, ""
    for name, (more, less) in WORDS.items():
        want, have = np.asarray(wanted[name], float), np.asarray(measured[name], float)
        for bar in range(2, min(len(bars), len(want)) - 1):
            change = float(np.mean(want[bar : bar + 2]) - np.mean(want[bar - 2 : bar]))
            if abs(change) <= best:
                continue
            came = float(np.nanmean(have[bar : bar + 2]) - np.nanmean(have[bar - 2 : bar]))
            best, word = abs(change), more if change > 0 else less
            follows = came * change > 0
            told = f"It grows {word} at {clock(float(bars[bar]))}, as the picture does."
            if not follows:
                told = f"The picture grows {word} at {clock(float(bars[bar]))}; the music does not."
    return told


def _level(levels: Mapping[str, tuple[float, float]]) -> str:
    """What came out otherwise than it was wanted on the whole."""
    off = [
        (more if have > want else less)
        for name, (more, less) in WORDS.items()
        for want, have in (levels[name],)
        if abs(have - want) > OFF
    ]
    return f"On the whole it came out {' and '.join(off)} than the picture asks." if off else ""


def clock(seconds: float) -> str:
    """Seconds as a player shows them: 0:12."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
