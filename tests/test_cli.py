"""Arguments reach the pipeline, mistakes are one line and exit code 2, nothing is half-written."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from pixmus import cli
from pixmus.cues import CueSheet
from pixmus.score import Note, Score, write_midi
from pixmus.tempo import TempoMap

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Two shots of one second each, dark then light."""
    path = tmp_path_factory.mktemp("clip") / "two shots.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(24):
            image = np.full((64, 96, 3), 40 if index < 12 else 200, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    return path


class RecordingPipeline:
    """Stands in for the slow one: remembers each call and writes three bytes as the clip."""

    calls: list[dict] = []

    @classmethod
    def from_pretrained(cls, folder: str | None) -> "RecordingPipeline":
        cls.calls = []
        return cls()

    def __call__(self, clip: Path, **arguments: object) -> SimpleNamespace:
        self.calls.append({"clip": clip, **arguments})
        arguments["on_stage"]("compose", 0.5)

        def write_video(path: Path, overwrite: bool = False) -> SimpleNamespace:
            Path(path).write_bytes(b"mp4")
            return SimpleNamespace(note="")

        return SimpleNamespace(write_video=write_video, score=SimpleNamespace(key="A minor"))


@pytest.fixture
def pipeline(monkeypatch):
    """The command line with a pipeline that only remembers."""
    module = SimpleNamespace(PixMusPipeline=RecordingPipeline, watch=lambda clip, _: clip)
    monkeypatch.setitem(sys.modules, "pixmus.pipeline", module)
    return RecordingPipeline


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pixmus", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        **options,
    )


def main(monkeypatch, *arguments: object) -> int:
    """The exit code of the command line, run in this process."""
    monkeypatch.setattr(sys, "argv", ["pixmus", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


def test_help_answers_without_the_heavy_imports():
    code = (
        "import sys\n"
        "from pixmus.cli import main\n"
        "sys.argv = ['pixmus', '--help']\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert left.code == 0, left.code\n"
        "heavy = {'torch', 'diffusers', 'matplotlib', 'av', 'scipy', 'librosa'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert b"soundtrack" in done.stdout


def test_every_command_of_the_issue_is_there():
    text = CliRunner().invoke(cli.app, ["--help"]).output
    for command in ("soundtrack", "spot", "compose", "render", "measure-font", "evaluate", "bench"):
        assert f" {command} " in text


def test_spot_writes_a_cue_sheet(clip, tmp_path):
    out = tmp_path / "cues.json"
    done = run("spot", clip, "-o", out, "--key", "a minor", "--ensemble", "strings")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out) and done.stderr == ""
    sheet = CueSheet.load(out)
    assert sheet.key == "A minor" and sheet.ensemble == "strings"
    assert sheet.duration == pytest.approx(2.0, abs=0.05)
    again = run("spot", clip, "-o", out)
    assert again.returncode == 2 and "already" in again.stderr
    assert json.loads(out.read_text())["key"] == "A minor"
    assert run("spot", clip, "-o", out, "--key", "C major", "--force").returncode == 0
    assert json.loads(out.read_text())["key"] == "C major"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["soundtrack", "missing.mp4"], ["missing.mp4"]),
        (["soundtrack", "{clip}", "-o", "out.avi"], ["out.avi", ".mp4"]),
        (["soundtrack", "{clip}", "--mood", "sad"], ["sad", "0.2,0.8"]),
        (["soundtrack", "{clip}", "--mood", "3,0"], ["valence"]),
        (["soundtrack", "{clip}", "--key", "H dur"], ["H dur"]),
        (["soundtrack", "{clip}", "--ensemble", "kazoo"], ["kazoo", "strings"]),
        (["soundtrack", "{clip}", "--parts", "melody,kazoo"], ["kazoo"]),
        (["soundtrack", "{clip}", "--tempo", "9000"], ["tempo", "240"]),
        (["soundtrack", "{clip}", "-o", "{clip}", "--force"], ["the clip itself"]),
        (["soundtrack", "{clip}", "-o", "no/such/out.mp4"], ["no folder"]),
        (["soundtrack", "{clip}", "--bundle", "{folder}"], ["not empty"]),
        (["spot", "{text}"], ["text.mp4"]),
        (["compose", "missing.json"], ["missing.json"]),
        (["compose", "{text}"], ["text.mp4", "JSON"]),
        (["render", "missing.mid"], ["missing.mid"]),
        (["render", "{text}"], ["text.mp4", "MIDI"]),
        (["evaluate", "taste"], ["taste"]),
    ],
)
def test_a_mistake_is_one_line_and_code_2(arguments, words, clip, tmp_path, monkeypatch, capsys):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    text = tmp_path / "text.mp4"
    text.write_text("this is no clip")
    names = {"{clip}": str(clip), "{text}": str(text), "{folder}": str(tmp_path)}
    assert main(monkeypatch, *(names.get(word, word) for word in arguments)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]
    assert list(work.iterdir()) == []


def test_a_mistake_in_a_real_process_prints_no_traceback(tmp_path):
    done = run("soundtrack", "missing.mp4", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "missing.mp4" in done.stderr
    assert run("soundtrack", cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(clip, tmp_path):
    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    done = run("spot", clip, "-o", tmp_path / "cues.json", preexec_fn=small_files_only)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "cues.json" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_interrupting_leaves_nothing(clip, tmp_path, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pixmus.features.extract_features", interrupted)
    assert main(monkeypatch, "spot", clip, "-o", tmp_path / "cues.json") == 130
    assert list(tmp_path.iterdir()) == []


def test_evaluations_are_listed_and_get_their_own_arguments(monkeypatch, capsys):
    assert main(monkeypatch, "evaluate") == 0
    assert "placement" in capsys.readouterr().out
    assert main(monkeypatch, "evaluate", "placement", "--help") == 0
    assert "usage: pixmus evaluate placement" in capsys.readouterr().out


def test_render_plays_a_score_where_it_stands(tmp_path, monkeypatch):
    """Two piano notes at 0.5 s and 1.5 s: silence, then sound at those places."""
    tempo_map = TempoMap.constant(120.0, 4.0)
    score = Score({"melody": (Note(1.0, 72, 0.5, 100), Note(3.0, 72, 0.5, 100))}, tempo_map)
    write_midi(score, tmp_path / "score.mid")
    code = main(monkeypatch, "render", tmp_path / "score.mid", "-o", tmp_path / "music.wav",
                "--ensemble", "piano")  # fmt: skip
    assert code == 0
    music, rate = soundfile.read(tmp_path / "music.wav")
    assert rate == 44100 and music.shape[1] == 2
    level = np.abs(music).max(axis=1)
    assert level[: int(0.38 * rate)].max() < 0.01 * level.max()
    assert level[int(0.5 * rate) : int(0.7 * rate)].max() > 0.3 * level.max()
    empty = Score({"melody": ()}, tempo_map)
    write_midi(empty, tmp_path / "empty.mid")
    assert main(monkeypatch, "render", tmp_path / "empty.mid", "-o", tmp_path / "no.wav") == 2
    assert not (tmp_path / "no.wav").exists()


def test_options_reach_the_pipeline(clip, tmp_path, monkeypatch, pipeline, capsys):
    out = tmp_path / "scored.mp4"
    code = main(
        monkeypatch, "soundtrack", clip, "-o", out, "--seed", 5, "--steps", 7, "--guidance", 2.5,
        "--tempo", 100, "--key", "Bb major", "--style", "game", "--ensemble", "orchestra",
        "--parts", "melody, bass", "--mood", "0.2,0.8", "--music-from", 0.5, "--music-to", 1.5,
        "--original-audio", "keep", "--duration", 4,
    )  # fmt: skip
    assert code == 0 and out.read_bytes() == b"mp4"
    (call,) = pipeline.calls
    assert call["clip"] == clip and call["seed"] == 5 and call["num_inference_steps"] == 7
    assert call["guidance_scale"] == 2.5 and call["original_audio"] == "keep"
    assert call["still_duration"] == 4
    direction = call["direction"]
    assert (direction.tempo_bpm, direction.key, direction.style) == (100, "Bb major", "game")
    assert direction.parts == ("melody", "bass")
    assert (direction.valence, direction.energy) == (0.2, 0.8)
    assert (direction.music_from, direction.music_to) == (0.5, 1.5)
    assert "seed 5" in capsys.readouterr().out


def test_without_names_takes_are_numbered_in_the_current_folder(
    clip, tmp_path, monkeypatch, pipeline
):
    monkeypatch.chdir(tmp_path)
    assert main(monkeypatch, "soundtrack", clip, "--takes", 2, "--seed", 10) == 0
    assert [call["seed"] for call in pipeline.calls] == [10, 11]
    assert main(monkeypatch, "soundtrack", clip) == 0
    expected = {f"two shots-scored-{number}.mp4" for number in (1, 2, 3)}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_takes_with_a_name_are_numbered_after_it(clip, tmp_path, monkeypatch, pipeline):
    out = tmp_path / "scored.mp4"
    assert main(monkeypatch, "soundtrack", clip, "-o", out, "--takes", 2) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"scored-1.mp4", "scored-2.mp4"}
