"""Corpus rules with known answers, windows that keep their promises, a run that learns."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pixmus.compose.cells import GIVEN, OFF, TO_MAKE
from pixmus.compose.conditions import COLUMNS, ECHO_COLUMN
from pixmus.compose.texture import COLUMNS_PER_PART
from pixmus.ensembles import ENSEMBLES, PARTS
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.corpus import Piece, load_pieces, save_pieces, split_of
from pixmus.training.encoded import EncodedPiece, encode_piece, fit_tables, hit_points_of, likeness
from pixmus.training.export import main as export
from pixmus.training.progress import read_log
from pixmus.training.train import main as train
from pixmus.training.voices import find_key, make_piece, one_voice, split_bass
from pixmus.training.windows import WindowSampler

C_SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def scale_piece(corpus: str = "pop909", name: str = "a", shift: int = 0, bars: int = 24) -> Piece:
    """A scale over its tonic's octave and triad, in the key of C plus `shift`."""
    steps = range(bars * 16)
    melody = [(s, 2, C_SCALE[s // 2 % 8] + shift, 60 + s % 40) for s in steps if s % 2 == 0]
    bass = [(s, 8, 36 + shift, 70) for s in steps if s % 8 == 0]
    harmony = [(s, 16, 48 + shift + t, 64) for s in steps if s % 16 == 0 for t in (0, 4, 7)]
    piece = make_piece(
        corpus, name, {"melody": melody, "bass": bass, "harmony": harmony}, tempo_bpm=100.0
    )
    assert piece is not None
    return piece


def drum_piece(name: str = "x/y/1_rock_100_beat_4-4") -> Piece:
    drums = [(s, 1, 36 if s % 8 == 0 else 42, 90) for s in range(16 * 16) if s % 2 == 0]
    piece = make_piece("groove", name, {"drums": drums}, 100.0)
    assert piece is not None
    return piece


@pytest.fixture(scope="module")
def pieces() -> list[EncodedPiece]:
    return [encode_piece(scale_piece(name=str(i), bars=12 + i)) for i in range(6)] + [
        encode_piece(drum_piece())
    ]


@pytest.mark.parametrize("shift", [-5, -1, 3, 6])
def test_pieces_are_brought_to_c_major(shift: int) -> None:
    assert set(scale_piece(shift=shift).notes[:, 3] % 12) == {0, 2, 4, 5, 7, 9, 11}


def test_a_label_decides_only_near_ties() -> None:
    rows = scale_piece().notes
    assert find_key(rows) == 0
    assert find_key(rows, "F#:maj") == 0
    assert find_key(rows, "C:maj") == 0


def test_voices_are_told_apart() -> None:
    chord = [(0, 4, 40, 80), (0, 4, 60, 80), (0, 4, 64, 80), (4, 4, 43, 80), (4, 4, 67, 80)]
    bass, rest = split_bass(chord)
    assert [note[2] for note in bass] == [40, 43] and len(rest) == 3
    line = one_voice([(0, 8, 60, 80), (0, 8, 64, 80), (4, 4, 62, 80)])
    assert line == [(0, 4, 64, 80), (4, 4, 62, 80)]


def test_the_split_is_the_documented_one() -> None:
    splits = [split_of("pop909", f"{i:03}") for i in range(1000)]
    assert 30 < splits.count("test") < 70 and 30 < splits.count("validation") < 70
    assert split_of("pop909", "001") == split_of("pop909", "001")


def test_a_corpus_file_reads_back_without_duplicates(tmp_path: Path) -> None:
    first, second = scale_piece(name="1"), drum_piece()
    save_pieces([first, second, scale_piece(name="2")], tmp_path / "corpus.npz")
    back = load_pieces(tmp_path / "corpus.npz")
    assert [piece.name for piece in back] == ["1", second.name]
    assert (back[0].notes == first.notes).all() and back[0].style == "pop"


def test_hit_points_need_two_parts_together() -> None:
    strengths = np.zeros((64, 3), np.float32)
    strengths[::4, 0] = 60
    strengths[[16, 48], 1] = [90, 120]
    hits = hit_points_of(strengths, percentile=40.0)
    assert np.flatnonzero(hits).tolist() == [16, 48] or np.flatnonzero(hits).tolist() == [48]
    assert hits.argmax() == 48 and hits.max() <= 1.0


def test_windows_keep_their_promises(pieces: list[EncodedPiece]) -> None:
    tables = fit_tables(pieces[:-1])
    sampler = WindowSampler(pieces, tables, {"pop909": 1.0})
    rng = np.random.default_rng(0)
    batch = sampler.batch(rng, 64, 8)
    tokens = 8 * BEATS_PER_BAR
    assert batch.cells.shape[:2] == batch.conditions.shape[:2] == (64, tokens)
    assert batch.echo.shape == batch.cells.shape and len(batch.positions) == tokens
    assert (batch.states == TO_MAKE).any((1, 2)).float().mean() > 0.9
    assert (batch.states == GIVEN).any() and (batch.states == OFF).any()
    drums = PARTS.index("drums")
    playing = (batch.states[:, -1] != OFF)[:, drums]
    assert 0.1 < playing.float().mean() < 0.6  # joint examples with a performance
    cells = batch.cells[:, :, PART_LAYOUTS["drums"].onsets]
    assert (cells.sum((1, 2)) > 0)[playing].all()
    assert np.isfinite(batch.conditions.numpy()).all()


def test_an_echo_is_as_like_its_window_as_the_window_is_told(pieces: list[EncodedPiece]) -> None:
    sampler = WindowSampler(pieces, fit_tables(pieces[:-1]), {"pop909": 1.0})
    batch = sampler.batch(np.random.default_rng(2), 64, 8)
    told = batch.conditions[..., ECHO_COLUMN].numpy()
    assert 0.1 < (told > 0).mean() < 0.7 and told.max() <= 1.0
    checked = 0
    for window, echo, states, likenesses in zip(
        batch.cells.numpy(), batch.echo.numpy(), batch.states.numpy(), told, strict=True
    ):
        pitched = [p for p in np.flatnonzero(states[0] != OFF) if PARTS[p] != "drums"]
        for first in range(0, 32, 16):
            amount = likenesses[first : first + 16]
            if amount[0] <= 0.02 or (amount != amount[0]).any():
                continue
            found = likeness(window[first : first + 16], echo[first : first + 16], pitched)
            assert found == pytest.approx(amount[0], abs=1e-5)
            checked += 1
    assert checked > 10


def test_the_most_alike_bars_are_found() -> None:
    pitches = np.random.default_rng(0).choice(C_SCALE, 8 * 16)
    rows = [(step, 1, int(pitch), 80) for step, pitch in enumerate(pitches)]
    returned = [(s + 7 * 16, length, p, v) for s, length, p, v in rows if 16 <= s < 5 * 16]
    piece = make_piece("pop909", "x", {"melody": rows + returned}, tempo_bpm=100.0)
    assert piece is not None
    encoded = encode_piece(piece)
    assert encoded.most_alike[8] == 1 and encoded.most_alike[1] == 8
    assert (encoded.most_alike[9:] == -1).all()


def test_textures_of_a_window_are_those_of_its_own_bars(pieces: list[EncodedPiece]) -> None:
    sampler = WindowSampler(pieces, fit_tables(pieces[:-1]), {"pop909": 1.0})
    batch = sampler.batch(np.random.default_rng(3), 32, 16)
    known = batch.conditions[..., COLUMNS["textures"]].unflatten(-1, (len(PARTS), -1))
    assert known.shape[-1] == COLUMNS_PER_PART
    melody = PARTS.index("melody")
    told = known[:, :, melody]
    onsets = batch.cells[..., PART_LAYOUTS["melody"].onsets].unflatten(-1, (STEPS_PER_BEAT, -1))
    struck = onsets.amax(-1).float()  # (windows, beats, steps)
    whole = (batch.conditions[..., COLUMNS["short_bar"]] == 0).all((1, 2)) & (told[:, 0, -1] == 1)
    assert whole.any() and (told[..., -1] == 0).any()
    for block in (slice(0, 32), slice(32, 64)):
        share = struck[whole][:, block].unflatten(1, (8, BEATS_PER_BAR)).mean(1)
        said = (told[whole][:, block.start : block.start + 4, :STEPS_PER_BEAT] + 1) / 2
        assert torch.allclose(said, share, atol=1e-5)


def test_every_ensemble_without_pad_or_counter_is_trained(pieces: list[EncodedPiece]) -> None:
    sampler = WindowSampler(pieces, fit_tables(pieces[:-1]), {"pop909": 1.0})
    batch = sampler.batch(np.random.default_rng(1), 400, 8)
    played = [
        {PARTS[p] for p in np.flatnonzero(row)} for row in (batch.states[:, 0] != OFF).numpy()
    ]
    for name in ("piano", "band", "music box"):
        assert np.mean([parts == set(ENSEMBLES[name].parts) for parts in played]) >= 0.05, name


def test_a_run_learns_is_resumed_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole training path on a few pieces: the loss falls, and the model folder loads."""
    monkeypatch.setattr("pixmus.training.train.VALIDATION_WINDOWS", 6)
    names = [str(i) for i in range(200) if split_of("pop909", str(i)) != "test"]
    chosen = [n for n in names if split_of("pop909", n) == "validation"][:2] + names[:5]
    pieces = [scale_piece(name=n, bars=16 + i, shift=i % 3) for i, n in enumerate(chosen)]
    save_pieces(pieces, tmp_path / "corpus.npz")
    run = tmp_path / "run"
    common = ["--corpus", str(tmp_path / "corpus.npz"), "--out", str(run), "--threads", "1"]
    small = ["--width", "32", "--layers", "1", "--tokens-per-batch", "512", "--warmup", "5"]
    small += ["--learning-rate", "0.01", "--lane-width", "8", "--dtype", "float32"]
    train([*common, *small, "--minutes", "9", "--iterations", "3"])
    train([*common, *small, "--minutes", "9", "--iterations", "24"])
    losses = read_log(run / "log.csv")["validation_high_noise"]  # the same windows each time
    assert len(losses) >= 2 and losses[-1] < losses[0] - 0.2
    assert (run / "log.png").stat().st_size > 0
    assert json.loads((run / "training.json").read_text())["iterations"] == 24
    export(
        [str(run), str(tmp_path / "model"), "--corpus", str(tmp_path / "corpus.npz")]
        + ["--windows", "1"]
    )
    pipe = PixMusPipeline.from_pretrained(tmp_path / "model")
    assert pipe.denoiser.config.width == 32 and pipe.curve_tables is not None
