"""The training command: what it needs, what it goes on from, whose music it takes."""

import argparse
import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
import pytest
import torch
from torch import nn

from pixmus.errors import PixMusError
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.batches import draw_batches
from pixmus.training.corpus import Piece, load_pieces, save_pieces, split_of
from pixmus.training.encoded import fit_tables
from pixmus.training.export import load_run
from pixmus.training.lessons import PLAN, VOICES, Lesson
from pixmus.training.precision import DTYPES, faster_dtype, name_of
from pixmus.training.progress import append_row, draw_log, read_log
from pixmus.training.run import Run
from pixmus.training.train import main as train
from pixmus.training.train import make_run
from pixmus.training.voice_corpus import load_voice_pieces, measured_beside
from pixmus.training.voice_windows import VoiceBatch, VoiceSampler
from pixmus.training.voices import make_piece

SIZES = ["--width", "16", "--layers", "1", "--unit-width", "8"]
SIZES += ["--plan-width", "16", "--plan-layers", "1"]
REST = ["--beats-per-batch", "64", "--half-bars-per-batch", "64", "--threads", "1"]
REST += ["--warmup", "2", "--device", "cpu", "--dtype", "float32"]
TINY = [*SIZES, *REST]
CPU = torch.device("cpu")


def walk(seed: int, bars: int = 16) -> list[tuple[int, int, int, int]]:
    """A melody that wanders over the white keys: onset step, steps, pitch, velocity."""
    rng = np.random.default_rng(seed)
    places = np.clip(np.cumsum(rng.integers(-2, 3, bars * 8)), -6, 6)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    pitches = 72 + 12 * (places // 7) + scale[places % 7]
    return [(2 * i, 2, int(p), 60 + int(rng.integers(40))) for i, p in enumerate(pitches)]


def piece_of(seed: int, name: str) -> Piece:
    chords = [(s, 16, 48 + t, 64) for s in range(0, 256, 16) for t in (0, 4, 7)]
    bass = [(s, 8, 36, 70) for s in range(0, 256, 8)]
    piece = make_piece(
        "pop909", name, {"melody": walk(seed), "harmony": chords, "bass": bass}, tempo_bpm=100.0
    )
    assert piece is not None
    return piece


@pytest.fixture(autouse=True)
def few_validation_windows_and_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches of two windows; the picture of the log is for tests of its own."""
    monkeypatch.setattr("pixmus.training.train.PLAN_VALIDATION_BARS", (8,))
    monkeypatch.setattr("pixmus.training.train.HALF_BARS_A_BATCH", 32)
    monkeypatch.setattr("pixmus.training.train.VOICE_VALIDATION", (2, 64, 8))
    monkeypatch.setattr("pixmus.training.journal.draw_log", lambda path: None)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus file of three pieces to train on and one to validate with."""
    names = [str(i) for i in range(100)]
    chosen = [n for n in names if split_of("pop909", n) == "training"][:3]
    chosen += [n for n in names if split_of("pop909", n) == "validation"][:1]
    path = tmp_path_factory.mktemp("corpus") / "corpus.npz"
    save_pieces([piece_of(i, name) for i, name in enumerate(chosen)], path)
    return path


def write_song(path: Path, seed: int = 0, metre: tuple[int, int] = (4, 4)) -> None:
    """A piano piece of 16 bars on one track at 100 bpm."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=100.0)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(*metre, 0.0))
    piano = pretty_midi.Instrument(0, name="Piano")
    chords = [(s, 16, 48 + t, 64) for s in range(0, 256, 16) for t in (-12, 0, 4, 7)]
    for onset, length, pitch, velocity in walk(seed) + chords:
        start, end = onset * 0.15, (onset + length) * 0.15
        piano.notes.append(pretty_midi.Note(velocity, pitch, start, end))
    midi.instruments.append(piano)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))


def state_of(run: Path, lesson: Lesson) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(run / lesson.name / "state.pt", weights_only=True)
    return state


def iterations(run: Path) -> dict[str, int]:
    facts = json.loads((run / "training.json").read_text())
    return {name: facts[name]["iterations"] for name in ("plan", "voices") if name in facts}


def states_are_equal(first: Path, second: Path, lesson: Lesson) -> bool:
    a, b = state_of(first, lesson), state_of(second, lesson)
    same = [torch.equal(a[k][n], b[k][n]) for k in ("weights", "average") for n in a[k]]
    return all(same) and a["rng"] == b["rng"]


def test_going_on_is_as_if_never_stopped(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--minutes", "60", "--dropout", "0.1", *TINY]
    train([*common, "--out", str(tmp_path / "straight"), "--iterations", "4"])
    train([*common, "--out", str(tmp_path / "resumed"), "--iterations", "2"])
    for lesson in (PLAN, VOICES):
        assert not states_are_equal(tmp_path / "straight", tmp_path / "resumed", lesson)
    train([*common, "--out", str(tmp_path / "resumed"), "--iterations", "4"])
    for lesson in (PLAN, VOICES):
        assert states_are_equal(tmp_path / "straight", tmp_path / "resumed", lesson)
        log = read_log(tmp_path / "resumed" / lesson.name / "log.csv")
        assert log["iteration"].tolist() == [2, 4]
        assert set(lesson.terms) < set(log)


def test_a_run_of_another_device_is_gone_on_from(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--out", str(tmp_path), "--minutes", "60", *TINY]
    train([*common, "--iterations", "1"])
    state = state_of(tmp_path, VOICES)
    before = state["rng"]
    torch.save({**state, "device": "cuda", "rng": "{}"}, tmp_path / "voices" / "state.pt")
    train([*common, "--iterations", "2"])
    state = state_of(tmp_path, VOICES)
    assert state["iteration"] == 2 and state["device"] == "cpu" and state["rng"] != before
    assert iterations(tmp_path) == {"plan": 2, "voices": 2}


def test_a_run_goes_on_in_the_numbers_that_it_began_in(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    timed: list[tuple[str, str]] = []

    def seconds(lesson: Lesson, network: nn.Module, batch: Any, dtype: torch.dtype) -> float:
        timed.append((lesson.name, name_of(dtype)))
        return {"bfloat16": 0.1, "float32": 0.2}[name_of(dtype)]

    monkeypatch.setattr("pixmus.training.precision.seconds_an_iteration", seconds)

    def trained(iterations: int, *more: str) -> set[str]:
        common = ["--corpus", str(corpus), "--out", str(tmp_path), *TINY]
        train([*common, "--dtype", "auto", "--iterations", str(iterations), *more])
        facts = json.loads((tmp_path / "training.json").read_text())
        found = set()
        for lesson in (PLAN, VOICES):
            state = state_of(tmp_path, lesson)
            assert state["dtype"] == facts[lesson.name]["dtype"]
            assert {value.dtype for value in state["weights"].values()} == {torch.float32}
            found.add(state["dtype"])
        return found

    assert trained(1) == {"bfloat16"}
    assert sorted(timed) == [(n, d) for n in ("plan", "voices") for d in ("bfloat16", "float32")]
    said = capsys.readouterr().out
    assert "The plan: trained in bfloat16, the faster one here (bfloat16 100 ms, float32" in said
    assert trained(2) == {"bfloat16"}
    assert trained(3, "--dtype", "float32") == {"float32"}
    assert trained(4) == {"float32"}
    assert len(timed) == 4  # a run that goes on times nothing


@pytest.fixture(scope="module")
def sampler(corpus: Path) -> VoiceSampler:
    pieces = load_voice_pieces(corpus)
    return VoiceSampler(pieces, fit_tables(pieces), {"pop909": 1.0})


def test_timing_draws_no_random_number_of_the_run(sampler: VoiceSampler) -> None:
    batch = sampler.batch(np.random.default_rng(0), 64, 8)
    sizes = {"num_conditions": VOICES.fixed["num_conditions"], "width": 16, "num_layers": 1}
    network = VOICES.kind(**sizes, num_heads=1, unit_width=8)
    before = torch.get_rng_state()
    dtype, seconds = faster_dtype(VOICES, network, batch)
    assert torch.equal(torch.get_rng_state(), before)
    assert seconds.keys() == DTYPES.keys() and min(seconds.values()) > 0
    assert seconds[name_of(dtype)] == min(seconds.values())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_run_of_another_size_is_not_gone_on_with(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--out", str(tmp_path), "--iterations", "1", *TINY]
    train(common)
    with pytest.raises(PixMusError, match=r"another network \(width 16\)"):
        train([*common, "--width", "32"])
    with pytest.raises(PixMusError, match=r"another network \(num_layers 1\)"):
        train([*common, "--plan-layers", "2"])


def test_a_folder_of_somebody_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(PixMusError, match="holds other files"):
        train(["--corpus", str(corpus), "--out", str(tmp_path), "--iterations", "1", *TINY])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("in_hand", ["plan", "voices"])
def test_interrupted_it_saves_and_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_hand: str
) -> None:
    arguments = ["--corpus", str(corpus), "--out", str(tmp_path), *TINY]
    handler = signal.getsignal(signal.SIGINT)
    step = Run.step

    def interrupted(run: Run, *rest: Any) -> torch.Tensor:
        if run.lesson.name == in_hand and run.iteration == 2:
            signal.raise_signal(signal.SIGINT)
        return step(run, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "step", interrupted)
        with pytest.raises(SystemExit, match="130"):
            train([*arguments, "--iterations", "4"])
    assert signal.getsignal(signal.SIGINT) is handler
    # The iteration in hand was finished, and what comes after the plan was not begun.
    done = {"plan": {"plan": 3}, "voices": {"plan": 4, "voices": 3}}[in_hand]
    assert iterations(tmp_path) == done
    if in_hand == "plan":
        with pytest.raises(PixMusError, match="has not learned its voices yet"):
            load_run(tmp_path)
    train([*arguments, "--iterations", "4"])
    assert iterations(tmp_path) == {"plan": 4, "voices": 4}


def test_the_plan_has_its_share_of_the_time(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--out", str(tmp_path), *TINY]
    train([*common, "--minutes", "0.05"])
    seconds = {lesson: state_of(tmp_path, lesson)["spent"] for lesson in (PLAN, VOICES)}
    assert seconds[PLAN] >= 0.15 * 3 and seconds[VOICES] >= 0.85 * 3


def test_what_does_best_on_held_out_windows_is_kept(corpus: Path, sampler: VoiceSampler) -> None:
    parser = argparse.Namespace(
        width=16, layers=1, unit_width=8, seed=1, learning_rate=3e-3, dropout=0.0
    )
    run = make_run(VOICES, parser, None, CPU)
    fixed = [sampler.batch(np.random.default_rng(5), 64, 8)]
    first, _ = run.validate(fixed)
    for _ in range(5):
        run.step(sampler.batch(run.rng, 64, 8), 1.0, 0.5)
    better, _ = run.validate(fixed)
    kept = {name: value.clone() for name, value in run.kept.items()}
    assert better < first and run.kept_loss == better
    for value in run.average.values():
        value.add_(5 * torch.randn_like(value))
    worse, _ = run.validate(fixed)
    assert worse > better and run.kept_loss == better
    assert all(torch.equal(run.kept[name], value) for name, value in kept.items())


def test_a_run_begins_with_the_weights_of_another(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--iterations", "1", *REST]
    train([*common, "--out", str(tmp_path / "first"), *SIZES])
    load_run(tmp_path / "first").save_pretrained(tmp_path / "model")
    for start in ("first", "model"):
        out = tmp_path / f"from {start}"
        # At rate 0 the weights stay what they began as.
        quiet = ["--learning-rate", "0", "--init", str(tmp_path / start)]
        train([*common, "--out", str(out), *quiet])
        for lesson in (PLAN, VOICES):
            first, second = state_of(tmp_path / "first", lesson), state_of(out, lesson)
            assert first["config"] == second["config"]
            for name, value in first["kept"].items():
                # The model folder holds float16 and bytes.
                assert torch.allclose(second["weights"][name], value, rtol=4e-3, atol=4e-3), name
        tables = [(tmp_path / run / "curve_tables.json").read_text() for run in ("first", out.name)]
        assert json.loads(tables[0]) == json.loads(tables[1])
    with pytest.raises(PixMusError, match="do not fit"):
        train(
            ["--corpus", str(corpus), "--out", str(tmp_path / "wide"), "--iterations", "1"]
            + [*TINY, "--width", "32", "--init", str(tmp_path / "first")]
        )
    with pytest.raises(PixMusError, match="neither a model folder nor a training run"):
        train([*common, "--out", str(tmp_path / "none"), "--init", str(corpus)])
    assert not (tmp_path / "none").exists()


def test_a_corpus_is_measured_once_and_anew_when_it_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "corpus.npz"
    save_pieces([piece_of(0, "a")], path)
    made = load_voice_pieces(path)
    assert "Measuring 1 pieces" in capsys.readouterr().out and measured_beside(path).exists()
    (read,) = load_voice_pieces(path)
    assert capsys.readouterr().out == ""
    for name in ("tokens", "statistics", "strengths", "chords", "plays", "plan", "form"):
        assert np.array_equal(getattr(made[0], name), getattr(read, name)), name
    save_pieces([piece_of(1, "b"), piece_of(2, "c")], path)
    assert [piece.piece.name for piece in load_voice_pieces(path)] == ["b", "c"]


NO_OTHER_PACKAGES = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NAMES}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from pixmus.training import train
train.PLAN_VALIDATION_BARS, train.VOICE_VALIDATION = (8,), (1, 64, 8)
train.main(sys.argv[1:])
"""


def test_torch_numpy_and_scipy_are_enough_to_train(corpus: Path, tmp_path: Path) -> None:
    names = {"diffusers", "transformers", "accelerate", "safetensors", "huggingface_hub", "gradio"}
    names |= {"mido", "pretty_midi", "fluidsynth", "av", "librosa", "soundfile", "matplotlib"}
    names |= {"PIL", "typer", "rich"}
    code = NO_OTHER_PACKAGES.replace("{NAMES}", repr(names))
    run = subprocess.run(
        [sys.executable, "-c", code, "--corpus", str(corpus), "--out", str(tmp_path)]
        + ["--iterations", "2", *TINY],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    assert {"plan", "voices", "curve_tables.json"} <= {p.name for p in tmp_path.iterdir()}
    for name in ("plan", "voices"):
        assert {p.name for p in (tmp_path / name).iterdir()} == {"state.pt", "log.csv"}


def test_anyones_own_music_is_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music = tmp_path / "my music"
    for number in range(3):
        write_song(music / "songs" / f"{number}.mid", number)
    write_song(music / "waltz.MID", 3, metre=(3, 4))
    (music / "broken.midi").write_bytes(b"MThd but not for long")
    run = tmp_path / "run"
    train(
        ["--corpus", str(music), "--out", str(run), "--style", "game", "--iterations", "2", *TINY]
    )
    said = capsys.readouterr().out
    assert "3 of 5 MIDI files, 3 stretches in 4/4" in said
    assert "1 not readable as MIDI" in said and "1 not in 4/4" in said
    assert "No piece fell to the validation split" in said
    pieces = load_pieces(run / "corpus.npz")
    assert {piece.style for piece in pieces} == {"game"}
    assert json.loads((run / "training.json").read_text())["corpus_weights"] == {"own": 1.0}
    load_run(run).save_pretrained(tmp_path / "model")
    assert PixMusPipeline.from_pretrained(tmp_path / "model").voice_network.config.width == 16


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    def said(corpus: Path, *more: str) -> str:
        with pytest.raises(PixMusError) as error:
            train(["--corpus", str(corpus), "--out", str(tmp_path / "run"), *TINY, *more])
        assert not (tmp_path / "run").exists()
        return str(error.value)

    (tmp_path / "empty").mkdir()
    assert "holds no MIDI file" in said(tmp_path / "empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.mid").write_bytes(b"\x00" * 100)
    text = said(tmp_path / "broken")
    assert "none of 1 MIDI files can be trained on (1 not readable as MIDI)" in text
    assert "does not exist" in said(tmp_path / "nowhere")
    (tmp_path / "notes.npz").write_text("not an array")
    assert "is no corpus file" in said(tmp_path / "notes.npz")
    assert "choose from pop" in said(tmp_path / "empty", "--style", "polka")
    if not torch.cuda.is_available():
        assert "no GPU" in said(tmp_path / "empty", "--device", "cuda")


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
def test_workers_draw_the_same_again(sampler: VoiceSampler) -> None:
    def first(seed: int, workers: int) -> list[torch.Tensor]:
        draw = partial(sampler.batch, beats=64)
        batches = draw_batches(VoiceBatch, draw, np.random.default_rng(seed), CPU, workers)
        return [next(batches).conditions for _ in range(4)]

    once, again, other = first(1, 2), first(1, 2), first(2, 2)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(once, other, strict=True)
    )
    assert {told.shape[2] for told in once} == {told.shape[2] for told in first(1, 0)}


def test_a_log_is_read_without_a_row_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "voices" / "log.csv"
    path.parent.mkdir()
    names = ("iteration", "seconds", "training_loss", "validation_loss", "some part")
    for number in (1, 2, 3):
        append_row(path, dict.fromkeys(names, float(number)))
    assert path.read_text().startswith("iteration,seconds,")
    with open(path, "a") as file:
        file.write("4,5")
    assert {name: column.tolist() for name, column in read_log(path).items()} == dict.fromkeys(
        names, [1, 2, 3]
    )
    draw_log(path)
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
