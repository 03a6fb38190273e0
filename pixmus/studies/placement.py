"""How many hit points the tempo map can place, on random cut lists of known mean shot length.

    pixmus evaluate placement [--seeds 40]

Shot lengths are drawn from a gamma distribution of
shape 4 with a floor of `SHORTEST_SHOT_S`, rounded to frames at 25 a second; strengths are uniform
in 0.4..1; the wished tempo is uniform in 80..140. Seconds are processor time of one fit of a
60 s clip.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import BAND, PIANO, Part, Style
from pixmus.score.fit import fit_tempo_map
from pixmus.score.spans import EIGHTHS, PLACED_TOLERANCE_S, cue_span, place_hits
from pixmus.studies.runner import Result, Run, Study

FRAME_RATE = Fraction(25)
SHORTEST_SHOT_S = 0.32
MEAN_SHOTS_S = (1.5, 2.5, 4.0)
CLIP_S = 60.0
WISH_BPM = (80.0, 140.0)
STRENGTHS = (0.4, 1.0)
# The design's own simulation of these bounds.
REFERENCE = {1.5: 0.86, 2.5: 0.94, 4.0: 0.98}


def draw_cue_sheet(
    rng: np.random.Generator, mean_shot: float, duration: float, tempo_bpm: float
) -> CueSheet:
    """A cue sheet with random cuts, every one a hit point, and nothing else of interest."""
    num_shots = int(3 * duration / mean_shot) + 20
    shots = np.maximum(rng.gamma(4.0, mean_shot / 4.0, num_shots), SHORTEST_SHOT_S)
    times = np.round(np.cumsum(shots) * float(FRAME_RATE)) / float(FRAME_RATE)
    cuts = [float(cut) for cut in times[times < duration - SHORTEST_SHOT_S]]
    strengths = rng.uniform(*STRENGTHS, len(cuts))
    return CueSheet(
        duration=duration,
        frame_rate=FRAME_RATE,
        cuts=tuple(cuts),
        hit_points=tuple(
            HitPoint(cut, round(float(strength), 3))
            for cut, strength in zip(cuts, strengths, strict=True)
        ),
        curves={name: np.full(num_curve_values(duration), 0.5, np.float32) for name in CURVES},
        cues=(Cue(0.0, duration, "all"),),
        key="C major",
        tempo_bpm=tempo_bpm,
        tempo_fixed=False,
        style=Style.POP,
        ensemble=PIANO.name,
        parts=(Part.MELODY, Part.HARMONY, Part.BASS),
        inputs=("cuts",),
    )


def measure_fit(sheet: CueSheet) -> dict[str, float]:
    """What one fit placed and how far it bent the tempo for it."""
    began = time.process_time()
    tempo_map = fit_tempo_map(sheet)
    seconds = time.process_time() - began
    placed = place_hits(tempo_map, sheet.hit_points, EIGHTHS)
    strong = [hit for hit in placed if hit.strength >= 0.8]
    steady = steady_share(sheet)
    tempo = tempo_map.local_tempo_bpm
    change = 100 * np.abs(tempo[1:] / tempo[:-1] - 1)
    errors = [abs(tempo_map.to_seconds(hit.beat) - hit.time) for hit in placed]
    final = cue_span(tempo_map, sheet.cues[0], sheet.hit_points).final_beat
    return {
        "hits": len(sheet.hit_points),
        "placed_hits": len(placed) / max(1, len(sheet.hit_points)),
        "placed_strength": sum(hit.strength for hit in placed)
        / max(1e-9, sum(hit.strength for hit in sheet.hit_points)),
        "placed_at_steady_tempo": steady,
        "strong_on_beats": float(np.mean([float(hit.beat % 1 == 0) for hit in strong] or [np.nan])),
        "strong_on_downbeats": float(
            np.mean([float(hit.beat in tempo_map.bar_starts) for hit in strong] or [np.nan])
        ),
        "mean_error_ms": 1000 * float(np.mean(errors or [0.0])),
        "largest_change_percent": float(change.max()),
        "rms_change_percent": float(np.sqrt(np.mean(change**2))),
        "tempo_from_wish_percent": 100 * abs(float(tempo.mean()) / sheet.tempo_bpm - 1),
        "tempo_spread_percent": 100 * float(tempo.std() / tempo.mean()),
        "offset_s": float(tempo_map.beat_times[0]),
        "last_chord_on_downbeat": float(final in tempo_map.bar_starts),
        "seconds_per_fit": seconds,
    }


def steady_share(sheet: CueSheet) -> float:
    """Share of the hit points that the wished tempo places as it is, from time 0."""
    eighth = 30.0 / sheet.tempo_bpm
    times = np.array([hit.time for hit in sheet.hit_points])
    off = np.abs((times + eighth / 2) % eighth - eighth / 2)
    return float(np.mean(off <= PLACED_TOLERANCE_S)) if len(times) else 0.0


def measure_row(mean_shot: float, has_drums: bool, num_lists: int) -> dict[str, Any]:
    """Means over the cut lists of a mean shot length, without or with drums."""
    fits = []
    for seed in range(num_lists):
        rng = np.random.default_rng(seed)
        sheet = draw_cue_sheet(rng, mean_shot, CLIP_S, float(rng.uniform(*WISH_BPM)))
        if has_drums:
            sheet = replace(sheet, ensemble=BAND.name, parts=(*sheet.parts, Part.DRUMS))
        fits.append(measure_fit(sheet))
    row: dict[str, Any] = {"mean_shot_s": mean_shot, Part.DRUMS: has_drums}
    row |= {name: float(np.nanmean([fit[name] for fit in fits])) for name in fits[0]}
    for name in ("largest_change_percent", "seconds_per_fit"):
        row[name.replace("largest_", "") + "_max"] = max(fit[name] for fit in fits)
    row["placed_hits_sd"] = float(np.std([fit["placed_hits"] for fit in fits]))
    return row


def measure(run: Run) -> Result:
    """One row for each mean shot length, without and with drums."""
    count = run.arguments.seeds
    return {
        "settings": {
            "cut_lists": count,
            "clip_s": CLIP_S,
            "wish_bpm": WISH_BPM,
            "shots": f"gamma of shape 4, at least {SHORTEST_SHOT_S} s, whole frames at 25 a second",
            "strengths": STRENGTHS,
            "tolerance_s": PLACED_TOLERANCE_S,
            "reference": {str(mean_shot): share for mean_shot, share in REFERENCE.items()},
        },
        "rows": [
            measure_row(mean_shot, has_drums, count)
            for has_drums in (False, True)
            for mean_shot in MEAN_SHOTS_S
        ],
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--seeds", type=int, default=40, help="random cut lists a row")


STUDY = Study("placement", "Share of hit points that the tempo map places.", measure, arguments)
