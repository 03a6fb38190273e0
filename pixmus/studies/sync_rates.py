"""What was heard in scored clips, as rates beside their baselines; where missed cuts were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pixmus.check.onsets import hit_rate, nearest_offsets

TOLERANCES_S = (0.040, 0.070, 0.100)
NEAR_S = 0.100  # the nearest onset this close gives a cut's offset
NUM_SHIFTS = 200
SMALLEST_SHIFT_S = 0.5
NUM_RESAMPLES = 2000
SLOW_ROW = "2.5 s and longer, and real"
# The first stage that did not hand a missed cut on; sync.md says what each means.
STAGES = ("spotting", "cue sheet", "tempo map", "spacing", "accent", "weak", "late")


@dataclass(frozen=True)
class Measured:
    """What was heard in one scored clip, and how far each stage had handed on its cuts."""

    name: str
    row: str
    duration: float
    frame: float  # length of a frame
    truth: list[tuple[float, str]]  # time and kind
    spotted: list[float]
    hit_points: list[float]
    placed: list[float]
    chosen: list[float]  # placed and far enough apart to get an accent
    accented: list[float]
    peaks: list[float]
    onsets: list[float]  # the strong ones of the peaks
    log_onsets: list[float]  # strong ones of the logarithmic flux
    alone: list[float]  # strong onsets of the same take without accents
    tempo_bpm: float

    @property
    def times(self) -> list[float]:
        """Times of the true cuts."""
        return [time for time, _ in self.truth]


def missed_at(clip: Measured, time: float) -> str:
    """The stage that lost a cut which the music does not meet (one of `STAGES`)."""
    frame = clip.frame * 1.01

    def has(times: Sequence[float], reach: float) -> bool:
        return abs(float(nearest_offsets([time], times)[0])) <= reach + 1e-6

    if not has(clip.spotted, frame):
        return "spotting"
    if not has(clip.hit_points, frame):
        return "cue sheet"
    for stage, times in (
        ("tempo map", clip.placed),
        ("spacing", clip.chosen),
        ("accent", clip.accented),
    ):
        if not has(times, frame):
            return stage
    return "weak" if has(clip.peaks, TOLERANCES_S[0]) else "late"


def summarise(clips: Sequence[Measured], num_resamples: int = NUM_RESAMPLES) -> dict[str, Any]:
    """One row of the table: rates pooled over all cuts, intervals over resampled clips."""
    clips = [clip for clip in clips if clip.truth]
    counts = np.array([len(clip.truth) for clip in clips])
    generator = np.random.default_rng(0)
    draws = generator.integers(0, len(clips), (num_resamples, len(clips)))

    def pooled(hits: np.ndarray) -> dict[str, Any]:
        """Rate and its 95 % interval, of hits per clip."""
        rates = hits[draws].sum(axis=1) / counts[draws].sum(axis=1)
        low, high = np.quantile(rates, [0.025, 0.975])
        return {"rate": _share(hits, counts), "low": float(low), "high": float(high)}

    row: dict[str, Any] = {"clips": len(clips), "cuts": int(counts.sum())}
    row["mean_shot_s"] = float(sum(c.duration for c in clips) / sum(counts + 1))
    seconds = sum(clip.duration for clip in clips)
    row["onsets_per_s"] = sum(len(clip.onsets) for clip in clips) / seconds
    row["onsets_per_s_alone"] = sum(len(clip.alone) for clip in clips) / seconds
    for tolerance in TOLERANCES_S:
        shifted = np.array(
            [_shifted_hits(clip, clip.onsets, tolerance) for clip in clips]
        )  # (clips, shifts)
        log_shifted = np.array([_shifted_hits(clip, clip.log_onsets, tolerance) for clip in clips])
        hits = _hits(clips, [clip.onsets for clip in clips], tolerance)
        rates = shifted.sum(axis=0) / counts.sum()
        row[f"{1000 * tolerance:.0f}"] = {
            "music": pooled(hits),
            "log_flux": pooled(_hits(clips, [clip.log_onsets for clip in clips], tolerance)),
            "log_shifted": pooled(log_shifted.mean(axis=1)),
            "alone": pooled(_hits(clips, [clip.alone for clip in clips], tolerance)),
            "shifted": {**pooled(shifted.mean(axis=1)), "highest": float(rates.max())},
            "above_shifted": pooled(hits - shifted.mean(axis=1)),
            "metronome": pooled(np.array([_metronome_hits(c, tolerance) for c in clips])),
            "beats": pooled(np.array([_beat_hits(c, tolerance) for c in clips])),
            "cuts_only": _only_cuts(clips, tolerance),
        }
    offsets = np.concatenate([nearest_offsets(clip.times, clip.onsets) for clip in clips])
    near = offsets[np.abs(offsets) <= NEAR_S]
    row["offset_ms"] = 1000 * float(near.mean()) if len(near) else None
    row["offset_median_ms"] = 1000 * float(np.median(near)) if len(near) else None
    row["offset_spread_ms"] = 1000 * float(near.std()) if len(near) else None
    row["missed"] = dict(Counter(stage for _, stage in _misses(clips)))
    row["handed_on"] = _handed_on(clips)
    return row


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum())


def _hits(
    clips: Sequence[Measured], onsets: Sequence[Sequence[float]], tolerance: float
) -> np.ndarray:
    return np.array(
        [
            len(c.truth) * hit_rate(c.times, times, tolerance)
            for c, times in zip(clips, onsets, strict=True)
        ]
    )


def _shifted_hits(clip: Measured, onsets: Sequence[float], tolerance: float) -> np.ndarray:
    """Hits of the same music on the cuts, all shifted round the clip by one random time. (200,)"""
    generator = np.random.default_rng(len(clip.truth))
    reach = clip.duration - 2 * SMALLEST_SHIFT_S
    shifts = SMALLEST_SHIFT_S + reach * generator.random(NUM_SHIFTS)
    moved = (np.array(clip.times) + shifts[:, None]) % clip.duration
    near = np.abs(nearest_offsets(moved.ravel().tolist(), onsets)) <= tolerance + 1e-9
    return np.asarray(near.reshape(moved.shape).sum(axis=1))


def _metronome_hits(clip: Measured, tolerance: float) -> float:
    """Hits of as many clicks as the music has strong onsets, evenly spaced, phase left open."""
    spacing = clip.duration / max(len(clip.onsets), 1)
    return len(clip.truth) * min(1.0, 2 * tolerance / spacing)


def _beat_hits(clip: Measured, tolerance: float) -> float:
    """Hits of a metronome at the music's tempo from 0 s."""
    beats = np.arange(0, clip.duration, 60 / clip.tempo_bpm)
    return len(clip.truth) * hit_rate(clip.times, beats.tolist(), tolerance)


def _only_cuts(clips: Sequence[Measured], tolerance: float) -> float | None:
    """Hit rate on hard cuts, dissolves and fades left aside."""
    near = [
        abs(float(nearest_offsets([time], clip.onsets)[0])) <= tolerance + 1e-9
        for clip in clips
        for time, kind in clip.truth
        if kind == "cut"
    ]
    return float(np.mean(near)) if near else None


def _misses(clips: Sequence[Measured]) -> Iterator[tuple[tuple[str, float, str], str]]:
    """Every cut missed at 40 ms as (clip, time, kind), and the stage that lost it."""
    for clip in clips:
        offsets = nearest_offsets(clip.times, clip.onsets)
        for (time, kind), offset in zip(clip.truth, offsets, strict=True):
            if abs(offset) > TOLERANCES_S[0] + 1e-9:
                yield (clip.name, time, kind), missed_at(clip, time)


def _handed_on(clips: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """For each stage that a cut reached last: how many, and how many of them the music meets."""
    reached: dict[str, list[int]] = {stage: [0, 0] for stage in (*STAGES, "accented")}
    for clip in clips:
        offsets = nearest_offsets(clip.times, clip.onsets)
        for (time, _), offset in zip(clip.truth, offsets, strict=True):
            stage = missed_at(clip, time)
            stage = "accented" if stage in ("weak", "late") else stage
            reached[stage][0] += 1
            reached[stage][1] += int(abs(offset) <= TOLERANCES_S[0] + 1e-9)
    return {stage: {"cuts": count, "met": met} for stage, (count, met) in reached.items() if count}


def tabulate(clips: Sequence[Measured], num_resamples: int = NUM_RESAMPLES) -> dict[str, Any]:
    """All rows, and every missed cut with the stage that lost it."""
    groups: dict[str, list[Measured]] = {}
    for clip in clips:
        groups.setdefault(clip.row, []).append(clip)
    rows = {name: summarise(group, num_resamples) for name, group in groups.items()}
    slow = [clip for clip in clips if clip.row == "real" or float(clip.row.split()[0]) >= 2.5]
    if slow:
        rows[SLOW_ROW] = summarise(slow, num_resamples)
    rows["all"] = summarise(clips, num_resamples)
    missed = [
        {"clip": name, "time": round(time, 4), "kind": kind, "stage": stage}
        for (name, time, kind), stage in _misses(clips)
    ]
    return {"rows": rows, "missed": missed}


def offset_histogram(clips: Sequence[Measured]) -> dict[str, list[float]]:
    """How often the nearest strong onset lies how many milliseconds after its cut, by 5 ms."""
    every = np.concatenate([nearest_offsets(clip.times, clip.onsets) for clip in clips])
    counts, edges = np.histogram(1000 * every[np.abs(every) <= NEAR_S], np.arange(-102.5, 103, 5))
    return {"edges_ms": edges.tolist(), "counts": counts.tolist()}
