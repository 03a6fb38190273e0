"""What the chains count in music is what the music does."""

import numpy as np
import pytest
import torch

from pixmus.ensembles import PARTS
from pixmus.model.network import ScoreNetwork
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS
from pixmus.training.chain_tables import (
    count_strokes,
    count_transitions,
    count_voice,
    fill_chain_tables,
)
from pixmus.training.encoded import EncodedPiece, encode_piece
from pixmus.training.voices import make_piece

MELODY, HARMONY, PAD = (PARTS.index(part) for part in ("melody", "harmony", "pad"))


@pytest.fixture
def piece() -> EncodedPiece:
    """C and D in turn, half a bar apart, a beat long; chords of C and E at the start of bars."""
    melody = [(8 * i, 4, 60 + 2 * (i % 2), 80) for i in range(64)]
    harmony = [(16 * i, 16, pitch, 80) for i in range(32) for pitch in (60, 64)]
    made = make_piece("pop909", "a", {"melody": melody, "harmony": harmony}, 100.0)
    assert made is not None
    return encode_piece(made)


def test_notes_go_on_as_they_do_in_the_data(piece: EncodedPiece) -> None:
    table = count_transitions([piece], MELODY)
    assert table.shape == (3, 3) and np.allclose(table.sum(1), 1)
    assert table[1, 2] > 0.98  # struck, then held
    assert table[2, 2] == pytest.approx(2 / 3, abs=0.02)  # three steps held, then silence
    assert np.allclose(count_transitions([piece], PAD), 1 / 3)  # none in the data


def test_strokes_are_counted_by_step_and_by_pitch(piece: EncodedPiece) -> None:
    share, pitches = count_strokes([piece], HARMONY)
    assert share == pytest.approx(1 / 16, rel=0.05)
    lowest = PART_LAYOUTS["harmony"].lowest_pitch
    struck = pitches > 0.5
    assert (np.flatnonzero(struck) + lowest).tolist() == [60, 64]
    assert pitches[~struck].max() < 0.05


def test_a_voice_goes_from_pitch_to_pitch_and_rests_between(piece: EncodedPiece) -> None:
    intervals, held_share = count_voice([piece], MELODY)
    lowest = PART_LAYOUTS["melody"].lowest_pitch
    assert np.allclose(intervals.sum(1), 1)
    # Every note is followed by silence: C and D come from there, each half of the time.
    assert intervals[0, [60 - lowest, 62 - lowest]] == pytest.approx([0.5, 0.5], abs=0.03)
    assert held_share == pytest.approx(3 / 4, abs=0.02)
    legato = [(4 * i, 4, 60 + 2 * (i % 2), 80) for i in range(128)]
    made = make_piece("pop909", "b", {"melody": legato}, 100.0)
    assert made is not None
    intervals, held_share = count_voice([encode_piece(made)], MELODY)
    assert intervals[60 - lowest + 1, 62 - lowest] > 0.9
    assert held_share > 0.95


def test_the_network_is_told_all_of_it(piece: EncodedPiece) -> None:
    layouts = list(PART_LAYOUTS.values())
    network = ScoreNetwork(
        tuple(layout.num_roll_cells for layout in layouts),
        STEPS_PER_BEAT,
        num_conditions=5,
        width=16,
        num_layers=1,
        num_heads=2,
        lane_width=4,
        voices=(0, 1, 3),
    )
    fill_chain_tables(network, [piece])
    voices, chords = network.voice_chain, network.chord_chain
    intervals, held_share = count_voice([piece], MELODY)
    assert torch.allclose(voices.intervals[0].double(), torch.from_numpy(intervals), atol=1e-6)
    assert float(voices.held_share[0]) == pytest.approx(held_share)
    bass = layouts[3].num_pitches
    assert not voices.intervals[2, :, bass:].any()  # narrower than the widest voice
    assert torch.allclose(voices.intervals[2].sum(1), torch.ones(49))
    assert float(chords.stroke_share[0]) == pytest.approx(count_strokes([piece], HARMONY)[0])
    assert len(chords.pitch_share) == layouts[2].num_pitches + layouts[4].num_pitches
