"""Windows of voices keep their promises, and a run on them learns and goes on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pixmus.compose.voice_conditions import CHORD_COLUMNS, CHORD_WIDTH, NUM_VOICE_CONDITIONS
from pixmus.ensembles import PARTS, Part
from pixmus.model.voice_network import KNOWN, MASKED, SILENT
from pixmus.score.voices import decode_voices
from pixmus.training.corpus import Piece
from pixmus.training.encoded import fit_tables
from pixmus.training.lessons import VOICES, voice_loss
from pixmus.training.run import Run
from pixmus.training.voice_corpus import (
    RETURN,
    SOURCE,
    VoicePiece,
    encode_voice_piece,
)
from pixmus.training.voice_windows import VoiceSampler, draw_states
from pixmus.training.voices import make_piece

C_SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
PLAYING = (Part.MELODY, Part.HARMONY, Part.BASS)


def a_piece(name: str = "a", bars: int = 24) -> Piece:
    """A scale over two bars of C and two of G, again and again."""
    steps = range(bars * 16)
    melody = [(s, 2, C_SCALE[s // 2 % 8], 60 + s % 40) for s in steps if s % 2 == 0]
    bass = [(s, 8, 36 if s // 32 % 2 == 0 else 43, 70) for s in steps if s % 8 == 0]
    harmony = [
        (s, 16, pitch, 64)
        for s in steps
        if s % 16 == 0
        for pitch in ((60, 64, 67) if s // 32 % 2 == 0 else (59, 62, 67))
    ]
    piece = make_piece(
        "pop909", name, dict(zip(PLAYING, (melody, harmony, bass), strict=True)), 100
    )
    assert piece is not None
    return piece


@pytest.fixture(scope="module")
def pieces() -> list[VoicePiece]:
    return [encode_voice_piece(a_piece(name)) for name in "abc"]


@pytest.fixture(scope="module")
def sampler(pieces: list[VoicePiece]) -> VoiceSampler:
    return VoiceSampler(pieces, fit_tables(pieces), {"pop909": 1.0})


def test_a_piece_is_measured_once(pieces: list[VoicePiece]) -> None:
    piece = pieces[0]
    assert decode_voices(piece.tokens)[:, :4].tolist() == piece.piece.notes[:, :4].tolist()
    roots = (piece.chords[:8, 0] - piece.chords[0, 0]) % 12  # the key is found, not told
    assert roots.tolist() == [0, 0, 0, 0, 7, 7, 7, 7]
    # every bar is wholly like the one four bars before, its melody like the one before too
    assert (piece.likeness[8:, PARTS.index(Part.BASS), 2] == 1).all()
    assert (piece.likeness[8:, PARTS.index(Part.MELODY), 0] == 1).all()
    returning = piece.form[:, SOURCE] >= 0
    assert returning.any() and (piece.form[returning, RETURN] > 0.5).all()


@pytest.mark.parametrize("seed", range(30))
def test_targets_are_masked_and_what_is_silent_stays_so(seed: int) -> None:
    bars = np.repeat(np.arange(8), 4)
    states, targets = draw_states(np.random.default_rng(seed), [0, 2, 3], bars)
    assert (states[:, [1, 4, 5]] == SILENT).all()
    assert (states[targets] == MASKED).all()
    assert set(np.unique(states)) <= {KNOWN, MASKED, SILENT}


def test_windows_tell_their_own_chords(sampler: VoiceSampler) -> None:
    batch = sampler.batch(np.random.default_rng(0), 512, 8)
    assert batch.conditions.shape == (16, 32, NUM_VOICE_CONDITIONS)
    assert torch.isfinite(batch.conditions).all()
    told = batch.conditions[..., CHORD_COLUMNS][..., :CHORD_WIDTH]
    roots = told[..., 12:24]
    bass = batch.tokens[..., 0]
    assert bass.shape == told.shape[:2] and (roots.sum(-1) <= 1).all()
    assert 0.5 < float(told[..., 36].mean()) < 1  # most are told, not all


def test_a_run_learns_and_goes_on(sampler: VoiceSampler, tmp_path: Path) -> None:
    config = {**VOICES.fixed, "width": 32, "num_layers": 1, "num_heads": 2, "unit_width": 16}

    def a_run(seed: int) -> Run:
        torch.manual_seed(seed)
        network = VOICES.kind(**config)
        return Run(VOICES, config, network, torch.device("cpu"), seed, 3e-3)

    run = a_run(1)
    fixed = sampler.batch(np.random.default_rng(5), 256, 8)
    before = float(voice_loss(run.network, fixed)[0].detach())
    for _ in range(20):
        run.step(sampler.batch(run.rng, 256, 8), 1.0, 0.9)
    run.validate([fixed])
    run.save(tmp_path / "state.pt", 0.0, 0.0)
    assert float(voice_loss(run.network, fixed)[0].detach()) < 0.8 * before
    again = a_run(2)
    again.load(tmp_path / "state.pt")
    batches = [sampler.batch(some.rng, 256, 8) for some in (run, again)]
    losses = [some.step(batch, 1.0, 0.9) for some, batch in zip((run, again), batches, strict=True)]
    assert again.iteration == 21 and losses[0] == losses[1]
    assert not VOICES.load(tmp_path / "state.pt").training
