"""How far drummers play off the grid: the table of `pixmus.sound.performance.MICRO_TIMING_MS`.

python -m pixmus.training.groove_timing ../shared/data/music/groove
"""

from __future__ import annotations

import sys
from pathlib import Path

import mido
import numpy as np

POSITIONS = 4  # sixteenths of a beat
LARGEST_MS = 8.0
SEARCH_S = 0.045  # an onset further from the grid than this is another figure (a flam, a triplet)
QUANTILES = np.linspace(0.05, 0.95, 10)
MIN_ONSETS = 100  # a performance shorter than this has no stable median


def timing_quantiles(folder: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Deviations (s) at `QUANTILES` for each position, their RMS and the number of onsets.

    Each performance's own median is taken out first: that is latency, not feel.
    """
    deviations: list[list[np.ndarray]] = [[] for _ in range(POSITIONS)]
    for path in sorted(folder.rglob("*_beat_4-4.mid")):
        midi = mido.MidiFile(path)
        tempo = next((m.tempo for m in midi.tracks[0] if m.type == "set_tempo"), 500000)
        ticks = []
        for track in midi.tracks:
            now = 0
            for message in track:
                now += message.time
                if message.type == "note_on" and message.velocity > 0:
                    ticks.append(now)
        if len(ticks) < MIN_ONSETS:
            continue
        beats = np.array(ticks) / midi.ticks_per_beat
        steps = np.round(beats * POSITIONS).astype(int)
        seconds = (beats - steps / POSITIONS) * tempo / 1e6
        seconds = seconds - np.median(seconds)
        near = np.abs(seconds) < SEARCH_S
        for position in range(POSITIONS):
            deviations[position].append(seconds[near & (steps % POSITIONS == position)])
    pooled = [np.concatenate(each) for each in deviations]
    quantiles = np.array([np.quantile(each, QUANTILES) for each in pooled])
    return quantiles, np.array([each.std() for each in pooled]), sum(map(len, pooled))


def main() -> None:
    """Print the table, scaled so that its largest value is `LARGEST_MS`."""
    quantiles, spread, count = timing_quantiles(Path(sys.argv[1]))
    print(f"{count} onsets; spread in ms: {np.round(1000 * spread, 1)}")
    for row in quantiles * LARGEST_MS / np.abs(quantiles).max():
        print(f"    ({', '.join(f'{value:.1f}' for value in row)}),")


if __name__ == "__main__":
    main()
