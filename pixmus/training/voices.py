"""Pieces made of grid notes: keyboard music taken apart into voices, and the key that it is in."""

from __future__ import annotations

import numpy as np

from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.key_finding import key_correlations
from pixmus.training.corpus import CORPORA, Piece

MIN_BARS = 8
MIN_PITCHED_NOTES = 32


GridNote = tuple[int, int, int, int]  # onset step, duration steps, pitch, velocity


def one_voice(notes: list[GridNote]) -> list[GridNote]:
    """The highest note of every onset, cut where the next begins."""
    top: dict[int, GridNote] = {}
    for note in notes:
        if note[0] not in top or note[2] > top[note[0]][2]:
            top[note[0]] = note
    line = [top[onset] for onset in sorted(top)]
    return [
        (onset, min(length, line[i + 1][0] - onset) if i + 1 < len(line) else length, pitch, vel)
        for i, (onset, length, pitch, vel) in enumerate(line)
    ]


BASS_TOP = 57  # A3: a lowest voice above it is no bass, a highest one below it no melody


def split_bass(notes: list[GridNote]) -> tuple[list[GridNote], list[GridNote]]:
    """Bass (the lowest voice while it is low) and the rest, from keyboard music."""
    bass, rest = [], []
    sounding: list[GridNote] = []
    by_onset: dict[int, list[GridNote]] = {}
    for note in notes:
        by_onset.setdefault(note[0], []).append(note)
    for onset in sorted(by_onset):
        sounding = [n for n in sounding if n[0] + n[1] > onset]
        group = sorted(by_onset[onset], key=lambda n: n[2])
        floor = min((n[2] for n in sounding), default=128)
        lowest = group[0]
        if lowest[2] <= BASS_TOP and (lowest[2] <= floor):
            bass.append(lowest)
            rest += group[1:]
        else:
            rest += group
        sounding += group
    return one_voice(bass), rest


def split_melody(notes: list[GridNote]) -> tuple[list[GridNote], list[GridNote]]:
    """Melody (the highest voice while it is high) and the rest: `split_bass` seen in a mirror."""
    mirror = 2 * BASS_TOP

    def reflect(some: list[GridNote]) -> list[GridNote]:
        return sorted((onset, length, mirror - pitch, vel) for onset, length, pitch, vel in some)

    melody, rest = split_bass(reflect(notes))
    return reflect(melody), reflect(rest)


def find_key(rows: np.ndarray, label: str | None = None) -> int:
    """The key 0..23 (majors, minors) of pitched note rows, cross-checked with a label like "B:maj".

    The label decides only when its profile correlation is within 0.1 of the best one.
    """
    pitched = rows[rows[:, 0] != PARTS.index(Part.DRUMS)]
    weights = np.bincount(pitched[:, 3] % 12, weights=pitched[:, 2], minlength=12)
    correlations = key_correlations(weights)
    best = int(correlations.argmax())
    if label and ":" in label:
        tonic, mode = label.split(":")
        names = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
        if tonic[0] in names:
            pitch_class = (names[tonic[0]] + tonic.count("#") - tonic.count("b")) % 12
            named = pitch_class + (12 if mode.startswith("min") else 0)
            if correlations[named] > correlations[best] - 0.1:
                best = named
    return best


def make_piece(
    corpus: str,
    name: str,
    parts: dict[str, list[GridNote]],
    tempo_bpm: float,
    label: str | None = None,
    style: str = "",
    chords: np.ndarray | None = None,
) -> Piece | None:
    """A piece transposed to C major or A minor, its silent ends cut; None when it is too short.

    `chords` are those of `Piece`, in the key and on the grid of the notes as they come.
    """
    rows = np.array(
        [(PARTS.index(part), *note) for part, notes in parts.items() for note in notes], np.int16
    ).reshape(-1, 5)
    rows = rows[rows[:, 1] >= 0]
    pitched = rows[rows[:, 0] != PARTS.index(Part.DRUMS)]
    if not len(rows) or (corpus != "groove" and len(pitched) < MIN_PITCHED_NOTES):
        return None
    bar = 4 * STEPS_PER_BEAT
    first = rows[:, 1].min() // bar * bar
    rows[:, 1] -= first
    num_beats = int(-(-(rows[:, 1].max() + 1) // bar)) * 4
    if num_beats < 4 * MIN_BARS and corpus != "groove":
        return None
    minor, tonic = False, -1
    if len(pitched):
        key = find_key(rows, label)
        minor, tonic = key >= 12, key % 12
        shift = ((9 if minor else 0) - key % 12 + 6) % 12 - 6
        rows[rows[:, 0] != PARTS.index(Part.DRUMS), 3] += shift
        if chords is not None and len(chords):
            chords = _move_chords(chords, first, shift)
    rows[:, 2] = np.minimum(rows[:, 2], num_beats * STEPS_PER_BEAT - rows[:, 1])
    order = np.lexsort((rows[:, 3], rows[:, 1], rows[:, 0]))
    return Piece(
        corpus,
        name,
        style or CORPORA[corpus].style,
        float(tempo_bpm),
        minor,
        num_beats,
        rows[order],
        tonic,
        *(() if chords is None else (chords,)),
    )


def _move_chords(chords: np.ndarray, first: int, shift: int) -> np.ndarray:
    """Chords as `Piece` has them, counted from step `first` and transposed."""
    moved: np.ndarray = chords.copy()
    moved[:, 0] = np.maximum(moved[:, 0] - first, 0)
    there = moved[:, 1] >= 0
    for column in (1, 3):
        moved[there, column] = (moved[there, column] + shift) % 12
    last_of_step = np.append(np.diff(moved[:, 0]) > 0, True)
    kept: np.ndarray = moved[last_of_step]
    return kept
