"""The training command: what it needs, what it goes on from, whose music it takes."""

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

from pixmus.compose.conditions import NUM_CONDITIONS
from pixmus.errors import PixMusError
from pixmus.model.network import ScoreNetwork
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.batches import draw_batch, draw_batches
from pixmus.training.corpus import Piece, load_pieces, save_pieces, split_of
from pixmus.training.encoded import encode_piece, fit_tables
from pixmus.training.export import load_run
from pixmus.training.precision import DTYPES, faster_dtype, name_of
from pixmus.training.progress import COLUMNS, append_row, draw_log, read_log
from pixmus.training.run import Run
from pixmus.training.train import main as train
from pixmus.training.voices import make_piece
from pixmus.training.windows import Batch, WindowSampler

TINY = ["--width", "16", "--layers", "1", "--lane-width", "8"]
TINY += ["--tokens-per-batch", "128", "--threads", "1", "--warmup", "2", "--device", "cpu"]
TINY += ["--dtype", "float32"]


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
    """Four windows in two batches; the picture of the log is for tests of its own."""
    monkeypatch.setattr("pixmus.training.train.VALIDATION_WINDOWS", 4)
    monkeypatch.setattr("pixmus.training.train.NUM_VALIDATION_BATCHES", 2)
    monkeypatch.setattr("pixmus.training.train.draw_log", lambda path: None)


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


def states_are_equal(first: Path, second: Path) -> bool:
    a, b = (torch.load(path / "state.pt", weights_only=True) for path in (first, second))
    same = [torch.equal(a[k][n], b[k][n]) for k in ("weights", "average") for n in a[k]]
    return all(same) and a["rng"] == b["rng"] and torch.equal(a["generator"], b["generator"])


def test_going_on_is_as_if_never_stopped(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--minutes", "60", *TINY]
    train([*common, "--out", str(tmp_path / "straight"), "--iterations", "4"])
    train([*common, "--out", str(tmp_path / "resumed"), "--iterations", "2"])
    assert not states_are_equal(tmp_path / "straight", tmp_path / "resumed")
    train([*common, "--out", str(tmp_path / "resumed"), "--iterations", "4"])
    assert states_are_equal(tmp_path / "straight", tmp_path / "resumed")
    log = read_log(tmp_path / "resumed" / "log.csv")
    assert log["iteration"].tolist() == [2, 4]


def test_a_state_without_generators_is_gone_on_from(corpus: Path, tmp_path: Path) -> None:
    """States of earlier versions: no generators, and a config with entries that are gone."""
    common = ["--corpus", str(corpus), "--out", str(tmp_path), "--minutes", "60", *TINY]
    train([*common, "--iterations", "1"])
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    for name in ("rng", "generator", "device", "dtype"):
        del state[name]
    state["config"] |= {"representation": 1, "num_heads": 4, "_use_default_values": ["num_heads"]}
    torch.save(state, tmp_path / "state.pt")
    log = (tmp_path / "log.csv").read_text().splitlines()
    (tmp_path / "log.csv").write_text("\n".join(log[1:]) + "\n")
    train([*common, "--iterations", "2"])
    assert torch.load(tmp_path / "state.pt", weights_only=True)["iteration"] == 2
    assert read_log(tmp_path / "log.csv")["iteration"].tolist() == [1, 2]


def test_a_run_goes_on_in_the_numbers_that_it_began_in(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    timed: list[str] = []

    def seconds(network: ScoreNetwork, batch: Batch, dtype: torch.dtype) -> float:
        timed.append(name_of(dtype))
        return {"bfloat16": 0.1, "float32": 0.2}[timed[-1]]

    monkeypatch.setattr("pixmus.training.precision.seconds_an_iteration", seconds)

    def trained(iterations: int, *more: str) -> str:
        common = ["--corpus", str(corpus), "--out", str(tmp_path), *TINY]
        train([*common, "--dtype", "auto", "--iterations", str(iterations), *more])
        state = torch.load(tmp_path / "state.pt", weights_only=True)
        facts = json.loads((tmp_path / "training.json").read_text())
        assert state["dtype"] == facts["dtype"]
        assert state["weights"]["state_embedding"].dtype == torch.float32
        return str(state["dtype"])

    assert trained(1) == "bfloat16" and sorted(timed) == ["bfloat16", "float32"]
    said = capsys.readouterr().out
    assert "Trained in bfloat16, the faster one here (bfloat16 100 ms, float32 200 ms)." in said
    assert trained(2) == "bfloat16"
    assert trained(3, "--dtype", "float32") == "float32"
    assert trained(4) == "float32"
    assert len(timed) == 2  # a run that goes on times nothing


def test_timing_draws_no_random_number_of_the_run(corpus: Path) -> None:
    encoded = [encode_piece(piece) for piece in load_pieces(corpus)]
    sampler = WindowSampler(encoded, fit_tables(encoded), {"pop909": 1.0})
    batch = sampler.batch(np.random.default_rng(0), 6, 8)
    layouts = PART_LAYOUTS.values()
    network = ScoreNetwork(
        tuple(layout.num_roll_cells for layout in layouts), STEPS_PER_BEAT, NUM_CONDITIONS,
        width=16, num_layers=1, lane_width=8,
    )  # fmt: skip
    before = torch.get_rng_state()
    dtype, seconds = faster_dtype(network, batch)
    assert torch.equal(torch.get_rng_state(), before)
    assert seconds.keys() == DTYPES.keys() and min(seconds.values()) > 0
    assert seconds[name_of(dtype)] == min(seconds.values())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_run_of_another_size_is_not_gone_on_with(corpus: Path, tmp_path: Path) -> None:
    common = ["--corpus", str(corpus), "--out", str(tmp_path), "--iterations", "1"]
    train([*common, *TINY])
    with pytest.raises(PixMusError, match=r"another network \(width 16\)"):
        train([*common, *TINY, "--width", "32"])


def test_a_folder_of_somebody_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(PixMusError, match="holds other files"):
        train(["--corpus", str(corpus), "--out", str(tmp_path), "--iterations", "1", *TINY])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_interrupted_it_saves_and_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--corpus", str(corpus), "--out", str(tmp_path), "--minutes", "5", *TINY]
    handler = signal.getsignal(signal.SIGINT)
    step = Run.step

    def interrupted(run: Run, *rest: Any) -> torch.Tensor:
        if run.iteration == 2:
            signal.raise_signal(signal.SIGINT)
        return step(run, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "step", interrupted)
        with pytest.raises(SystemExit, match="130"):
            train(arguments)
    assert signal.getsignal(signal.SIGINT) is handler
    done = torch.load(tmp_path / "state.pt", weights_only=True)["iteration"]
    assert done == 3  # the iteration in hand was finished
    train([*arguments, "--iterations", str(done + 1)])
    assert json.loads((tmp_path / "training.json").read_text())["iterations"] == done + 1


def test_a_run_begins_with_the_weights_of_another(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--corpus", str(corpus), "--iterations", "1", *TINY[6:]]
    train([*common, "--out", str(tmp_path / "first"), *TINY[:6]])
    load_run(tmp_path / "first").save_pretrained(tmp_path / "model")
    for start in ("first", "model"):
        out = tmp_path / f"from {start}"
        # At rate 0 the weights stay what they began as.
        quiet = ["--learning-rate", "0", "--init", str(tmp_path / start)]
        train([*common, "--out", str(out), *quiet])
        first = torch.load(tmp_path / "first" / "state.pt", weights_only=True)["average"]
        second = torch.load(out / "state.pt", weights_only=True)["weights"]
        for name, value in first.items():
            # The model folder holds float16.
            assert torch.allclose(second[name], value, rtol=1e-3, atol=1e-4), name
        tables = [(tmp_path / run / "curve_tables.json").read_text() for run in ("first", out.name)]
        assert tables[0] == tables[1]
    with pytest.raises(PixMusError, match="do not fit"):
        train(
            ["--corpus", str(corpus), "--out", str(tmp_path / "wide"), "--iterations", "1"]
            + [*TINY, "--width", "32", "--init", str(tmp_path / "first")]
        )
    with pytest.raises(PixMusError, match="neither a model folder nor a training run"):
        train([*common, "--out", str(tmp_path / "none"), "--init", str(corpus)])
    assert not (tmp_path / "none").exists()


NO_OTHER_PACKAGES = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NAMES}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from pixmus.training import train
train.VALIDATION_WINDOWS = 4
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
    assert {"state.pt", "log.csv", "curve_tables.json"} <= {p.name for p in tmp_path.iterdir()}


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
    assert PixMusPipeline.from_pretrained(tmp_path / "model").denoiser.config.width == 16


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
def test_workers_draw_the_same_again(corpus: Path) -> None:
    encoded = [encode_piece(piece) for piece in load_pieces(corpus)]
    sampler = WindowSampler(encoded, fit_tables(encoded), {"pop909": 1.0})
    device = torch.device("cpu")

    def first(seed: int, workers: int) -> list[torch.Tensor]:
        batches = draw_batches(
            Batch,
            partial(draw_batch, sampler, tokens_per_batch=256),
            np.random.default_rng(seed),
            device,
            workers,
        )
        return [next(batches).cells for _ in range(4)]

    once, again, other = first(1, 2), first(1, 2), first(2, 2)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(once, other, strict=True)
    )
    assert {cells.shape[2] for cells in once} == {cells.shape[2] for cells in first(1, 0)}


def test_a_log_is_read_with_and_without_its_header(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    draw_log_of = [dict.fromkeys(COLUMNS, float(number)) for number in (1, 2, 3)]
    for row in draw_log_of:
        append_row(path, row)
    assert path.read_text().startswith("iteration,seconds,")
    with_header = read_log(path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]) + "4,5")
    without = read_log(path)
    for name in COLUMNS:
        assert with_header[name].tolist() == without[name].tolist() == [1, 2, 3]
    draw_log(path)
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
