"""A song and a cue sheet that several tests of the sound play."""

from fractions import Fraction

import numpy as np

from pixmus.cues.sheet import Cue, CueSheet
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import PARTS
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap


def song(bars=4, parts=PARTS):
    """Four chords with everything that an arrangement has, 120 beats a minute, a last chord."""
    chords = [(48, 60, 64, 67), (45, 57, 60, 64), (41, 57, 60, 65), (43, 59, 62, 67)]
    notes = {part: [] for part in PARTS}
    for bar in range(bars):
        root, *chord = chords[bar % 4] if bar < bars - 1 else chords[0]
        beat, length = 4.0 * bar, 4.0 if bar < bars - 1 else 2.0
        notes["pad"] += [Note(beat, pitch, length, 64) for pitch in chord]
        notes["bass"] += [Note(beat, root - 12, 1.9, 80)]
        notes["counter"] += [Note(beat, chord[1] - 1 + 1, length, 70)]
        notes["harmony"] += [Note(beat, pitch, 1.0, 70) for pitch in chord]
        notes["melody"] += [Note(beat, chord[2] + 12, 1.0, 84)]
        if bar < bars - 1:
            notes["harmony"] += [Note(beat + 2, pitch, 1.0, 70) for pitch in chord]
            notes["melody"] += [Note(beat + i, chord[i % 3] + 12, 1.0, 84) for i in (1, 2, 3)]
        notes["drums"] += [Note(beat + i / 2, 42, 0.25, 60) for i in range(8)]
        notes["drums"] += [Note(beat, 36, 0.25, 95), Note(beat + 1, 38, 0.25, 95)]
    return Score(
        {part: tuple(sorted(notes[part])) for part in parts}, TempoMap.constant(120.0, 2.0 * bars)
    )


def sheet(duration, energy=0.5, cues=None):
    count = num_curve_values(duration)
    curves = {name: np.full(count, 0.5, np.float32) for name in CURVES}
    curves["energy"] = np.broadcast_to(np.float32(energy), count).copy()
    return CueSheet(
        duration=duration, frame_rate=Fraction(25), cuts=(), hit_points=(), curves=curves,
        cues=tuple(cues or [Cue(0.0, duration, "all")]), key="C major", tempo_bpm=120.0,
        tempo_fixed=False, style="pop", ensemble="piano", parts=("melody",), inputs=("colour",),
    )  # fmt: skip
