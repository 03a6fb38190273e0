"""Any MIDI file performed: its own notes with our timing, dynamics and sound.

Conventions: times are seconds, curves 0..1 at `CURVE_RATE_HZ`.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from pixmus.choices import ENSEMBLE, STRENGTH, TEMPO
from pixmus.cues.sheet import Cue, CueSheet
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve, num_curve_values
from pixmus.ensembles import ENSEMBLES, Part
from pixmus.score.midi import read_any_midi
from pixmus.score.notes import Score
from pixmus.sound.mix import mix
from pixmus.sound.programs import ensemble_for
from pixmus.sound.renderer import Renderer, find_renderer, render
from pixmus.sound.soundfont import RING_S, SoundFontRenderer
from pixmus.waveform import Waveform

ENERGY_S = 8.0  # over which the music's own liveliness is smoothed, about a phrase
ENERGY_SPAN = (0.3, 0.7)  # of the energy curve: half a crescendo of ours, for the music has its own


def perform(
    midi: str | Path,
    ensemble: str | None = None,
    strength: float = STRENGTH.default,
    renderer: Renderer | str | None = None,
    seed: int = 0,
) -> tuple[Waveform, str]:
    """The music (2, samples) of any MIDI file, and the ensemble that plays it.

    At `strength` 0 onsets, lengths and velocities are the file's, at 1 they are played as PixMus
    plays its own scores: off the grid by what drummers are, low to high through chords, swelling
    where the music itself grows denser and louder. No note is left out or moved to another pitch.
    PixMusError where the file cannot be read.
    """
    score, programs = read_any_midi(midi)
    ensemble = ENSEMBLE.check(ensemble) or ensemble_for(programs, score.parts)
    player = find_renderer(renderer)
    if isinstance(player, SoundFontRenderer):
        player = replace(player, strength=strength, keeps_notes=True)
    sheet = sheet_of(score, ensemble)
    stems = render(score, ensemble, renderer=player, cue_sheet=sheet, seed=seed, hits=())
    return mix(stems, sheet, sheet.duration), ensemble


def sheet_of(score: Score, ensemble: str) -> CueSheet:
    """A cue sheet of one cue that ends when a score has rung, with the score's own energy."""
    ends = [note.onset + note.duration for notes in score.parts.values() for note in notes]
    duration = float(score.tempo_map.to_seconds(max(ends))) + RING_S
    curves = {name: np.full(num_curve_values(duration), 0.5, np.float32) for name in CURVES}
    curves[Curve.ENERGY] = energy_of(score, duration)
    players = ENSEMBLES[ensemble]
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(25),
        cuts=(),
        hit_points=(),
        curves=curves,
        cues=(Cue(0.0, duration, "music"),),
        key=score.key,
        tempo_bpm=float(np.clip(np.median(score.tempo_map.local_tempo_bpm), TEMPO.low, TEMPO.high)),
        tempo_fixed=False,
        style=players.style,
        ensemble=ensemble,
        parts=players.parts,
        inputs=(),
    )


def energy_of(score: Score, duration: float) -> np.ndarray:
    """How lively a score is along time, float32 (values,), within `ENERGY_SPAN`.

    The sum of the velocities that are struck, smoothed over `ENERGY_S` by a Hann window, of which
    the least and the most are the ends of the span; all in the middle where it does not change.
    """
    struck = np.zeros(num_curve_values(duration))
    for part, notes in score.parts.items():
        onsets = score.tempo_map.to_seconds(np.array([note.onset for note in notes], float))
        places = np.clip((onsets * CURVE_RATE_HZ).astype(int), 0, len(struck) - 1)
        weights = Part(part).onset_weight * np.array([note.velocity for note in notes], float)
        np.add.at(struck, places, weights)
    count = min(round(ENERGY_S * CURVE_RATE_HZ), len(struck)) | 1
    window = np.hanning(count + 2)[1:-1]
    smooth = np.convolve(np.pad(struck, count // 2, mode="edge"), window / window.sum(), "valid")
    low, high = float(smooth.min()), float(smooth.max())
    share = (smooth - low) / (high - low) if high > low else np.full(len(smooth), 0.5)
    return np.interp(share, (0.0, 1.0), ENERGY_SPAN).astype(np.float32)
