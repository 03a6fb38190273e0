"""Corpus rules with known answers, windows that keep their promises, a run that learns."""

import json
from pathlib import Path

import numpy as np
import pytest

from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.ensembles import ENSEMBLES, PARTS, Part
from pixmus.model.folder import MODEL_FOLDER
from pixmus.model.voice_network import SILENT
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.voices import UNIT_LAYOUTS
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.corpus import Piece, load_pieces, save_pieces, split_of
from pixmus.training.encoded import fit_tables, hit_points_of
from pixmus.training.export import main as export
from pixmus.training.progress import read_log
from pixmus.training.train import main as train
from pixmus.training.voice_corpus import VoicePiece, encode_voice_piece
from pixmus.training.voice_windows import VoiceSampler
from pixmus.training.voices import find_key, make_piece, one_voice, split_bass

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
def pieces() -> list[VoicePiece]:
    return [encode_voice_piece(scale_piece(name=str(i), bars=12 + i)) for i in range(6)] + [
        encode_voice_piece(drum_piece())
    ]


@pytest.fixture(scope="module")
def sampler(pieces: list[VoicePiece]) -> VoiceSampler:
    return VoiceSampler(pieces, fit_tables(pieces[:-1]), {"pop909": 1.0})


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


def test_windows_keep_their_promises(sampler: VoiceSampler) -> None:
    beats = 8 * BEATS_PER_BAR
    batch = sampler.batch(np.random.default_rng(0), 64 * beats, 8)
    assert batch.tokens.shape[:2] == batch.conditions.shape[:2] == (64, beats)
    assert batch.echo.shape == batch.tokens.shape and len(batch.positions) == beats
    assert batch.num_beats == 64 * beats
    assert batch.targets.any((1, 2)).float().mean() > 0.9
    drums = PARTS.index(Part.DRUMS)
    playing = (batch.states[:, -1] != SILENT)[:, drums]
    assert 0.1 < playing.float().mean() < 0.6  # joint examples with a performance
    struck = batch.tokens[:, :, UNIT_LAYOUTS[Part.DRUMS].voices]
    assert (struck.sum((1, 2)) > 0)[playing].all()
    assert np.isfinite(batch.conditions.numpy()).all()


def test_every_ensemble_without_pad_or_counter_is_trained(sampler: VoiceSampler) -> None:
    batch = sampler.batch(np.random.default_rng(1), 400 * 8 * BEATS_PER_BAR, 8)
    played = [
        {PARTS[p] for p in np.flatnonzero(row)} for row in (batch.states[:, 0] != SILENT).numpy()
    ]
    for name in ("piano", "band", "music box"):
        assert np.mean([parts == set(ENSEMBLES[name].parts) for parts in played]) >= 0.05, name


def test_a_run_learns_is_resumed_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole training path on a few pieces: the losses fall, and the model folder loads."""
    monkeypatch.setattr("pixmus.training.train.PLAN_VALIDATION_BARS", (8, 16))
    monkeypatch.setattr("pixmus.training.train.HALF_BARS_A_BATCH", 128)
    monkeypatch.setattr("pixmus.training.train.VOICE_VALIDATION", (1, 128, 8))
    names = [str(i) for i in range(200) if split_of("pop909", str(i)) != "test"]
    chosen = [n for n in names if split_of("pop909", n) == "validation"][:2] + names[:5]
    pieces = [scale_piece(name=n, bars=16 + i, shift=i % 3) for i, n in enumerate(chosen)]
    save_pieces(pieces, tmp_path / "corpus.npz")
    run, model = tmp_path / "run", tmp_path / "model"
    common = ["--corpus", str(tmp_path / "corpus.npz"), "--out", str(run), "--threads", "1"]
    small = ["--width", "32", "--layers", "1", "--unit-width", "16", "--warmup", "5"]
    small += ["--plan-width", "32", "--plan-layers", "1", "--learning-rate", "0.005"]
    small += ["--beats-per-batch", "128", "--half-bars-per-batch", "128", "--dtype", "float32"]
    train([*common, *small, "--minutes", "9", "--iterations", "3"])
    train([*common, *small, "--minutes", "9", "--iterations", "24"])
    facts = json.loads((run / "training.json").read_text())
    for name in ("plan", "voices"):
        losses = read_log(run / name / "log.csv")["validation_loss"]  # the same windows each time
        assert len(losses) >= 2 and losses[-1] < losses[0] - 0.1
        assert (run / name / "log.png").stat().st_size > 0
        assert facts[name]["iterations"] == 24
    export([str(run), str(model), "--corpus", str(tmp_path / "corpus.npz")])
    pipe = PixMusPipeline.from_pretrained(model)
    assert pipe.voice_network.config.width == pipe.plan_denoiser.config.width == 32
    assert pipe.curve_tables is not None and pipe.descriptor_ranges is not None
    # It samples as a scheduler does of which nothing was asked.
    samples = [json.loads(s.to_json_string()) for s in (pipe.scheduler, UnmaskingScheduler())]
    assert samples[0] == samples[1]
    told = json.loads((model / "training.json").read_text())
    assert told["parameters"] == pipe.num_parameters and told["voices"] == facts["voices"]
    assert "24 | 24" in (model / "README.md").read_text()
    # The encoder goes along whole: its licence, and what was told of its training.
    for path in (MODEL_FOLDER / "encoder").rglob("*"):
        if path.is_file():
            copied = model / "encoder" / path.relative_to(MODEL_FOLDER / "encoder")
            assert copied.read_bytes() == path.read_bytes(), path
