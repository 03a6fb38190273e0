"""What the chains of the network count in music: how notes go on, what is struck together or next.

All of it is counted once before training; a part counts in the pieces in which it plays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pixmus.ensembles import PARTS
from pixmus.model.network import ScoreNetwork
from pixmus.score.notes import PART_LAYOUTS
from pixmus.training.encoded import EncodedPiece

INTERVAL_PRIOR = 0.05  # of a count, added to every pair of pitches


def fill_chain_tables(network: ScoreNetwork, pieces: Sequence[EncodedPiece]) -> None:
    """Set the buffers of the network's chains to what the pieces' parts do."""
    if network.voices:
        voices = network.voice_chain
        for row, part in enumerate(network.voices):
            intervals, held_share = count_voice(pieces, part)
            size = len(intervals) - 1
            voices.intervals[row] = 0
            voices.intervals[row, : size + 1, :size] = torch.from_numpy(intervals)
            voices.intervals[row, size + 1 :, :size] = 1 / size  # never reached
            voices.held_share[row] = held_share
            voices.stroke_share[row] = count_strokes(pieces, part)[0]
    if network.chords:
        chords = network.chord_chain
        shares = []
        for row, part in enumerate(network.chords):
            chords.transitions[row] = torch.from_numpy(count_transitions(pieces, part))
            stroke_share, pitch_share = count_strokes(pieces, part)
            chords.stroke_share[row] = stroke_share
            shares.append(pitch_share)
        chords.pitch_share.copy_(torch.from_numpy(np.concatenate(shares)))


def _rolls(pieces: Sequence[EncodedPiece], part: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Onsets and sounding cells, bool (steps, pitches), of the pieces in which a part plays."""
    layout = PART_LAYOUTS[PARTS[part]]
    shape = (-1, layout.num_pitches)
    for piece in pieces:
        if part in piece.present:
            yield (
                piece.cells[:, layout.onsets].reshape(shape) > 0,
                piece.cells[:, layout.sounding].reshape(shape) > 0,
            )


def count_transitions(pieces: Sequence[EncodedPiece], part: int) -> np.ndarray:
    """How the notes of one pitch go on, (3, 3): from silent, struck, held to the same.

    Counted over steps and pitches, half a count added to each.
    """
    counts = np.full(9, 0.5)
    for onset, sounding in _rolls(pieces, part):
        state = np.where(onset, 1, np.where(sounding, 2, 0))
        counts += np.bincount((3 * state[:-1] + state[1:]).ravel(), minlength=9)
    table = counts.reshape(3, 3)
    shares: np.ndarray = table / table.sum(1, keepdims=True)
    return shares


def count_strokes(pieces: Sequence[EncodedPiece], part: int) -> tuple[float, np.ndarray]:
    """Share of steps at which the part is struck, and of those that strike each pitch (pitches,).

    As if each pitch had been struck once in twenty strokes more.
    """
    steps, strokes = 1.0, 0.5
    pitches = np.zeros(PART_LAYOUTS[PARTS[part]].num_pitches)
    for onset, _ in _rolls(pieces, part):
        steps += len(onset)
        strokes += onset.any(1).sum()
        pitches += onset.sum(0)
    return strokes / steps, (pitches + 1) / (strokes + 20)


def count_voice(pieces: Sequence[EncodedPiece], part: int) -> tuple[np.ndarray, float]:
    """Which pitch is struck after which, (pitches + 1, pitches), and how often one is held on.

    Row 0 is for the first pitch after silence, row i + 1 follows pitch i; rows sum to 1. The held
    share is of steps after a sounding one that are not struck.
    """
    size = PART_LAYOUTS[PARTS[part]].num_pitches
    counts = np.full((size + 1) * size, INTERVAL_PRIOR)
    held, left = 1.0, 1.0
    for onset, sounding in _rolls(pieces, part):
        struck, sounds = (np.asarray(roll.any(1)) for roll in (onset, sounding))
        steps = np.flatnonzero(struck)
        if not len(steps):
            continue
        pitches = onset[steps].argmax(1)
        # A pitch that has ended before the next stroke leaves silence behind.
        gap = np.add.reduceat(~sounds, steps)[:-1] > 0
        before = np.concatenate([[0], np.where(gap, 0, pitches[:-1] + 1)])
        counts += np.bincount(before * size + pitches, minlength=len(counts))
        after = sounds[:-1] & ~struck[1:]
        held += (after & sounds[1:]).sum()
        left += (after & ~sounds[1:]).sum()
    table = counts.reshape(size + 1, size)
    shares: np.ndarray = table / table.sum(1, keepdims=True)
    return shares, float(held / (held + left))
