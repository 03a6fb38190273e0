"""Dynamics: how loud a take shall be from moment to moment, and what brings it there.

Half of the way is how hard notes are struck, which changes their colour too; the rest is a ride of
all faders together, as a mixer's hand does it, so that a held chord swells as well.

Conventions: times are seconds, levels decibels, onsets beats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pixmus.curves import CURVE_RATE_HZ
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import Note, Score

# Level by energy: 5 LU and more are heard where energy moves by a half, under 3 where it moves by
# less than a quarter. The ends are gentler, so that the softest music is heard on a telephone too.
ENERGIES, LEVELS_DB = (0.0, 0.2, 0.8, 1.0), (-6.4, -4.8, 4.8, 6.4)
SMOOTH_S = 3.0  # what is faster than this is no crescendo
PHRASE_BARS = 4  # the composer's
PHRASE_DB = 1.0  # louder in the third bar of a phrase than where it begins and ends
STRUCK_SHARE = 0.5
STRUCK_LIMIT_DB = 5.0
RIDE_SHARE = 0.9  # of what is missing; the rest is the writing's own
RIDE_LIMIT_DB = 6.0
SOUNDING_DB = -30.0  # what is further below the loudest moment is a rest, and rests are not ridden
SOFTEST, HARDEST = 12, 127  # velocities
VELOCITY_POWER_DB = 40.0  # per factor of ten: amplitude is a square of velocity


@dataclass(frozen=True)
class Dynamics:
    """The level that is wished for, against the mean of a take."""

    energy: NDArray[np.float32]  # 0..1 at `CURVE_RATE_HZ`

    def levels(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """dB at some seconds, from the energy curve. (times,)"""
        count = min(round(SMOOTH_S * CURVE_RATE_HZ) | 1, 2 * len(self.energy) - 1)
        padded = np.pad(self.energy.astype(np.float64), count // 2, mode="edge")
        smooth = np.convolve(padded, _hann(count), mode="valid")
        at = np.interp(times * CURVE_RATE_HZ - 0.5, np.arange(len(smooth)), smooth)
        return np.asarray(np.interp(at, ENERGIES, LEVELS_DB))

    def struck(self, parts: Mapping[str, Sequence[Note]], score: Score) -> dict[str, list[Note]]:
        """The notes, struck harder or softer by half of what their bars lack.

        The change goes smoothly from bar to bar, so stresses inside a bar stay.
        """
        notes = [note for part in parts.values() for note in part]
        if not notes:
            return {}
        onsets = np.array([note.onset for note in notes])
        heard = VELOCITY_POWER_DB * np.log10(np.array([note.velocity for note in notes]) / HARDEST)
        bars = np.floor(onsets / BEATS_PER_BAR).astype(int)
        first, last = int(bars.min()), int(bars.max())
        middles = (np.arange(first, last + 1, dtype=np.float64) + 0.5) * BEATS_PER_BAR
        counts = np.bincount(bars - first, minlength=last - first + 1)
        sums = np.bincount(bars - first, heard, minlength=last - first + 1)
        weights = np.array([0.25, 0.5, 0.25])[: len(middles)]
        counts, sums = (np.convolve(values, weights, mode="same") for values in (counts, sums))
        bar_levels = np.interp(middles, middles[counts > 0], sums[counts > 0] / counts[counts > 0])
        wished = self.levels(np.asarray(score.tempo_map.to_seconds(middles), np.float64))
        lacking = (wished - wished.mean()) - (bar_levels - bar_levels.mean())
        change = np.clip(STRUCK_SHARE * lacking, -STRUCK_LIMIT_DB, STRUCK_LIMIT_DB)

        def played(note: Note) -> Note:
            factor = 10.0 ** (
                (float(np.interp(note.onset, middles, change)) + _hairpin(note.onset))
                / VELOCITY_POWER_DB
            )
            velocity = int(np.clip(round(note.velocity * factor), SOFTEST, HARDEST))
            return replace(note, velocity=velocity)

        return {part: [played(note) for note in parts[part]] for part in parts}

    def ride(
        self, powers: NDArray[np.float64], hop_s: float, cues: Sequence[tuple[float, float]]
    ) -> NDArray[np.float32]:
        """The gain of all stems at every border of frames, from their powers. (frames + 1,)

        Slower than `SMOOTH_S`, by at most `RIDE_LIMIT_DB`, without any change of the mean level.
        """
        times = (np.arange(len(powers), dtype=np.float64) + 0.5) * hop_s
        kernel = _hann(2 * round(SMOOTH_S / hop_s) + 1)
        sounding = powers > powers.max(initial=0.0) * 10.0 ** (SOUNDING_DB / 10.0)
        wished = self.levels(times)
        lacking, weight = np.zeros(len(powers)), np.zeros(len(powers))
        for start, end in cues:  # what sounds in another cue is not heard together with it
            inside = sounding & (times >= start) & (times < end)
            if not inside.any():
                continue
            share = _smoothed(inside.astype(np.float64), kernel)
            level = _smoothed(np.where(inside, powers, 0.0), kernel) / np.maximum(share, 1e-9)
            here = inside & (share > 0)
            lacking[here] = wished[here] - 10.0 * np.log10(np.maximum(level[here], 1e-12))
            weight[here] = 1.0
        known = weight > 0
        if not known.any():
            return np.ones(len(powers) + 1, np.float32)
        missing = lacking[known] - lacking[known].mean()
        missing = np.clip(RIDE_SHARE * missing, -RIDE_LIMIT_DB, RIDE_LIMIT_DB)
        gain_db = np.interp(times, times[known], missing)
        half = len(kernel) // 4
        gain_db = np.convolve(np.pad(gain_db, half, mode="edge"), _hann(2 * half + 1), "valid")
        borders = np.interp(np.arange(len(powers) + 1) * hop_s, times, gain_db)
        return (10.0 ** (borders / 20.0)).astype(np.float32)


def _hairpin(onset: float) -> float:
    """dB of a note by its place in its phrase: up to the third bar, and down again."""
    place = (onset / BEATS_PER_BAR) % PHRASE_BARS
    return float(np.interp(place, (0.0, 2.75, PHRASE_BARS), (-0.5, 0.5, -0.5))) * PHRASE_DB


def _smoothed(values: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    half = len(kernel) // 2
    return np.convolve(np.pad(values, half), kernel, mode="valid")


def _hann(count: int) -> NDArray[np.float64]:
    shape = np.hanning(count + 2)[1:-1]
    return np.asarray(shape / shape.sum())
