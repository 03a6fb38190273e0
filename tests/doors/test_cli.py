"""Arguments reach the pipeline, mistakes are one line and exit code 2, nothing is half-written."""

import json
import os
import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from pixmus.check.findings import Check, Finding
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.doors import cli
from pixmus.ensembles import ENSEMBLES, STRINGS
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap

REPOSITORY = Path(__file__).parents[2]


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
    checks: dict[int, Check] = {}  # by seed
    others: list[Path] = []  # what another run writes while a take is composed

    @classmethod
    def from_pretrained(
        cls, folder: str | None, revision: str | None = None
    ) -> "RecordingPipeline":
        cls.calls = []
        return cls()

    def __call__(self, clip: Path, **arguments: object) -> SimpleNamespace:
        self.calls.append({"clip": clip, **arguments})
        for path in self.others:
            path.write_bytes(b"another's")
        arguments["on_stage"]("compose", 0.5)

        def write_video(path: Path, overwrite: bool = False) -> SimpleNamespace:
            Path(path).write_bytes(b"mp4")
            return SimpleNamespace(note="")

        return SimpleNamespace(
            write_video=write_video,
            score=SimpleNamespace(key="A minor"),
            cue_sheet=SimpleNamespace(
                inputs=("colour",), reasons={}, key="A minor", ensemble=STRINGS.name
            ),
            settings={"notices": ()},
            check=self.checks.get(arguments["seed"]),
        )


@pytest.fixture
def pipeline(monkeypatch):
    """The command line with a pipeline that only remembers."""
    module = SimpleNamespace(PixMusPipeline=RecordingPipeline, watch=lambda clip, *_: clip)
    monkeypatch.setitem(sys.modules, "pixmus.take.pipeline", module)
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
        "from pixmus.doors.cli import main\n"
        "sys.argv = ['pixmus', '--help']\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert left.code == 0, left.code\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'matplotlib'}\n"
        "heavy |= {'av', 'scipy', 'librosa', 'gradio', 'PIL'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "import pixmus.picture.features, pixmus.take.spotted\n"  # and what watches and spots
        "heavy -= {'av', 'PIL'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert b"soundtrack" in done.stdout


def test_every_command_of_the_issue_is_there():
    text = CliRunner().invoke(cli.build(), ["--help"]).output
    for command in ("soundtrack", "spot", "compose", "render", "measure-font", "evaluate", "bench"):
        assert f" {command} " in text


def test_spot_writes_a_cue_sheet(clip, tmp_path, monkeypatch, capsys):
    out = tmp_path / "cues.json"
    done = run("spot", clip, "-o", out, "--key", "a minor", "--ensemble", "strings")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    told = done.stderr.splitlines()  # what it saw, and why it chose what it chose
    assert told[0].startswith("seen: colour") and any(
        line.startswith("key A minor") for line in told
    )
    sheet = CueSheet.load(out)
    assert sheet.key == "A minor" and sheet.ensemble == "strings"
    assert sheet.duration == pytest.approx(2.0, abs=0.05)
    assert main(monkeypatch, "spot", clip, "-o", out) == 2
    assert "already" in capsys.readouterr().err
    assert json.loads(out.read_text())["key"] == "A minor"
    assert main(monkeypatch, "spot", clip, "-o", out, "--key", "C major", "--force") == 0
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

    monkeypatch.setattr("pixmus.picture.features.extract_features", interrupted)
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
    assert [call["direction"].ensemble for call in pipeline.calls] == [None, STRINGS.instead[0]]
    assert main(monkeypatch, "soundtrack", clip) == 0
    expected = {f"two shots-scored-{number}.mp4" for number in (1, 2, 3)}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_a_number_that_another_run_takes_meanwhile_is_left_to_it(
    clip, tmp_path, monkeypatch, pipeline, capsys
):
    monkeypatch.chdir(tmp_path)
    taken = tmp_path / "two shots-scored-1.mp4"
    monkeypatch.setattr(pipeline, "others", [taken])
    assert main(monkeypatch, "soundtrack", clip, "--seed", 1, "--force") == 0
    assert taken.read_bytes() == b"another's"
    assert capsys.readouterr().out.startswith("two shots-scored-2.mp4  (seed 1")
    assert (tmp_path / "two shots-scored-2.mp4").read_bytes() == b"mp4"
    out = tmp_path / "named.mp4"
    monkeypatch.setattr(pipeline, "others", [])
    assert main(monkeypatch, "soundtrack", clip, "-o", out, "--force") == 0 and out.exists()


def test_takes_with_a_name_are_numbered_after_it(clip, tmp_path, monkeypatch, pipeline):
    out = tmp_path / "scored.mp4"
    assert main(monkeypatch, "soundtrack", clip, "-o", out, "--takes", 2) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"scored-1.mp4", "scored-2.mp4"}


def a_check(*outside: str) -> Check:
    """A check with these descriptors outside by as much as they come late."""
    findings = tuple(
        Finding(name, 0.9, 0.0, 0.4, 1.0 + place, 5) for place, name in enumerate(outside)
    )
    return Check("pop", ("melody",), 600, 3, findings)


def test_takes_are_ranked_by_their_checks(clip, tmp_path, monkeypatch, pipeline, capsys):
    monkeypatch.setattr(
        pipeline,
        "checks",
        {1: a_check("silence", "off_scale"), 2: a_check(), 3: a_check("melody_leaps")},
    )
    out = tmp_path / "scored.mp4"
    assert main(monkeypatch, "soundtrack", clip, "-o", out, "--takes", 3, "--seed", 1) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "Ranked:"
    assert lines[4] == f"1. {tmp_path / 'scored-2.mp4'}  (seed 2): like real music"
    assert "scored-3.mp4" in lines[5] and "melody_leaps 0.9, real music 0 to 0.4" in lines[5]
    assert lines[5].endswith("from bar 5")
    assert lines[6].startswith("3. ") and lines[6].index("off_scale") < lines[6].index("silence")
    assert len(lines) == 7


def test_one_take_is_warned_of_and_not_ranked(clip, tmp_path, monkeypatch, pipeline, capsys):
    monkeypatch.setattr(pipeline, "checks", {1: a_check("silence"), 2: a_check()})
    for seed, told in ((1, 2), (2, 1), (3, 1)):
        out = tmp_path / f"scored-{seed}.mp4"
        assert main(monkeypatch, "soundtrack", clip, "-o", out, "--seed", seed) == 0
        assert len(capsys.readouterr().out.splitlines()) == told


def a_song(path: Path, key: str = "C major") -> Path:
    """A score of eight bars: a scale over two chords."""
    melody = [Note(beat, 60 + (0, 2, 4, 5, 7, 5, 4, 2)[beat % 8], 1, 80) for beat in range(32)]
    bass = [Note(4 * bar, 36 + 7 * (bar % 2), 4, 70) for bar in range(8)]
    harmony = [
        Note(4 * bar, pitch + 7 * (bar % 2), 4, 60) for bar in range(8) for pitch in (52, 55, 60)
    ]
    parts = {"melody": tuple(melody), "harmony": tuple(harmony), "bass": tuple(bass)}
    write_midi(Score(parts, TempoMap.constant(100.0, 19.2), key), path)
    return path


def test_check_compares_a_score_with_real_music(tmp_path, monkeypatch, capsys):
    assert main(monkeypatch, "check", a_song(tmp_path / "song.mid"), "--style", "pop") == 0
    told = capsys.readouterr().out
    assert "melody_leaps" in told and "the style pop" in told
    assert told.splitlines()[-1].startswith("0 of 16 descriptors outside; 1 windows of the take")
    wrong = a_song(tmp_path / "wrong.mid", "F# major")
    assert main(monkeypatch, "check", wrong) == 0
    assert "Share of sounding time off the scale" in capsys.readouterr().out
    assert main(monkeypatch, "check", wrong, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["style"] == "any" and "off_scale" in found["outside"]
    assert found["descriptors"]["key_correlation"]["distance"] > 0


def test_check_takes_the_style_that_stands_beside_the_score(tmp_path, monkeypatch, capsys):
    song = a_song(tmp_path / "song.mid")

    def style_told(*arguments: object) -> str:
        assert main(monkeypatch, "check", song, "--json", *arguments) == 0
        return json.loads(capsys.readouterr().out)["style"]

    (tmp_path / "cues.json").write_text('{"style": "song"}')
    assert style_told() == "song"
    (tmp_path / "take.json").write_text('{"settings": {"style": "quartet"}}')
    assert style_told() == "quartet"
    assert style_told("--style", "game") == "game"
    (tmp_path / "take.json").write_text("not JSON")
    assert style_told() == "song"


def test_check_refuses_what_it_cannot_read(tmp_path, monkeypatch, capsys):
    song = a_song(tmp_path / "song.mid")
    (tmp_path / "text.mid").write_text("no notes")
    for arguments in (
        (tmp_path / "nowhere.mid",),
        (tmp_path / "text.mid",),
        (song, "--style", "polka"),
        (song, "--model", tmp_path),
    ):
        assert main(monkeypatch, "check", *arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def redone(tmp_path, tiny_model):
    """A folder with a tiny model, a cue sheet and a score of six bars to keep."""
    (tmp_path / "model").symlink_to(tiny_model)
    curves = {name: np.full(num_curve_values(12.0), 0.5, np.float32) for name in CURVES}
    CueSheet(
        duration=12.0, frame_rate=Fraction(24), cuts=(), hit_points=(HitPoint(5.1, 0.9),),
        curves=curves, cues=(Cue(0.0, 12.0, "all"),), key="A minor", tempo_bpm=120.0,
        tempo_fixed=False, style="pop", ensemble="piano", parts=ENSEMBLES["piano"].parts,
        inputs=("motion",),
    ).save(tmp_path / "cues.json")  # fmt: skip
    notes = tuple(Note(beat + 0.01, 60 + beat % 7, 0.9, 60 + beat) for beat in range(24))
    parts = {"melody": notes, "harmony": notes[:20], "bass": ()}
    kept = Score(parts, TempoMap.constant(120.0, 12.0), "E minor")
    write_midi(kept, tmp_path / "kept.mid")
    return tmp_path


def test_bars_and_parts_of_a_kept_score_are_redone(redone, monkeypatch, capsys):
    monkeypatch.chdir(redone)
    code = main(
        monkeypatch, "compose", "cues.json", "--keep", "kept.mid", "--redo-bars", "2-3",
        "--redo-parts", "harmony", "-o", "new.mid", "--report", "report.json", "--seed", 3,
        "--steps", 2, "--model", redone / "model",
    )  # fmt: skip
    told = capsys.readouterr()
    assert code == 0, told.err
    before, after = read_midi("kept.mid"), read_midi("new.mid")
    assert after.tempo_map == before.tempo_map and after.key == "E minor"
    assert after.parts["melody"] == before.parts["melody"] and not after.parts["bass"]

    def outside(score: Score) -> list[Note]:
        return [note for note in score.parts["harmony"] if not 4 <= note.onset < 12]

    assert outside(after) == outside(before)
    assert after.parts["harmony"] != before.parts["harmony"]
    assert "E minor" in told.err and "5.10 s by 25 ms (moved or new)" in told.err
    report = json.loads(Path("report.json").read_text())
    assert report["bars"] == "2-3" and report["parts"] == ["harmony"]
    assert report["hits_off_map"][0]["time"] == 5.1
    again = main(monkeypatch, "compose", "cues.json", "--keep", "kept.mid", "--redo-bars", "2",
                 "-o", "kept.mid")  # fmt: skip
    assert again == 2 and "already" in capsys.readouterr().err


def test_a_tune_is_led_up_to_and_kept_in_another_style(redone, monkeypatch, capsys):
    monkeypatch.chdir(redone)
    usual = ["--keep", "kept.mid", "--seed", 3, "--steps", 2, "--model", redone / "model"]
    before = read_midi("kept.mid").parts["melody"]
    code = main(monkeypatch, "compose", "cues.json", *usual, "--redo-bars", "-1", "-o", "led.mid")
    assert code == 0, capsys.readouterr().err
    led = [note for note in read_midi("led.mid").parts["melody"] if note.onset >= 4]
    assert [note.pitch for note in led] == [note.pitch for note in before]
    code = main(monkeypatch, "compose", "cues.json", *usual, "--restyle", "game", "-o", "game.mid")
    assert code == 0, capsys.readouterr().err
    after = read_midi("game.mid")
    assert after.parts["melody"] == before
    assert after.parts["harmony"] != read_midi("kept.mid").parts["harmony"]
    assert main(monkeypatch, "compose", "cues.json", *usual, "--restyle", "polka") == 2
    assert "The style is 'polka'; choose one of" in capsys.readouterr().err


def test_any_midi_is_performed(redone, monkeypatch, capsys):
    monkeypatch.chdir(redone)
    assert main(monkeypatch, "perform", "kept.mid", "-o", "a.wav", "--strength", "0,5") == 0
    assert capsys.readouterr().out.startswith("a.wav  (piano")
    assert Path("a.wav").stat().st_size > 1_000_000
    assert main(monkeypatch, "perform", "kept.mid", "-o", "b.wav", "--strength", 2) == 2
    assert "The strength is" in capsys.readouterr().err and not Path("b.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--restyle", "game"], ["--restyle", "--keep"]),
        (["--keep", "kept.mid"], ["nothing to redo", "--redo-bars 9-12"]),
        (["--redo-bars", "9-12"], ["--redo-bars", "--keep"]),
        (["--report", "r.json"], ["--report", "--keep"]),
        (["--keep", "kept.mid", "--redo-bars", "9-"], ["bar 9", "6 bars"]),
        (["--keep", "kept.mid", "--redo-bars", "last"], ["'last'", "9-12"]),
        (["--keep", "kept.mid", "--redo-parts", "drums"], ["'drums'", "melody, harmony, bass"]),
        (["--keep", "missing.mid", "--redo-bars", "1"], ["missing.mid"]),
        (["--keep", "cues.json", "--redo-bars", "1"], ["cues.json is not a MIDI file"]),
    ],
)
def test_a_redo_that_cannot_be_is_one_line(arguments, words, redone, monkeypatch, capsys):
    monkeypatch.chdir(redone)
    before = sorted(redone.iterdir())
    assert main(monkeypatch, "compose", "cues.json", *arguments, "-o", "new.mid") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in words), line
    assert sorted(redone.iterdir()) == before


def test_keeping_reaches_the_pipeline_of_a_clip(redone, clip, monkeypatch, pipeline, capsys):
    monkeypatch.chdir(redone)
    choice = ["--keep", "kept.mid", "--redo-bars", "2-3"]
    assert main(monkeypatch, "soundtrack", clip, *choice) == 2
    assert "--cues" in capsys.readouterr().err
    assert main(monkeypatch, "soundtrack", clip, *choice, "--cues", "cues.json") == 0
    (call,) = pipeline.calls
    assert call["keep"] == Path("kept.mid")
    assert call["redo_bars"] == "2-3" and call["redo_parts"] is None


def test_spot_by_words_says_back_what_it_does_not_know(clip, tmp_path, monkeypatch, capsys):
    out = tmp_path / "cues.json"
    words = ("--text", "slow glorp, strings")
    assert main(monkeypatch, "spot", clip, "-o", out, *words, "--rules") == 0
    assert "not understood 'glorp'" in capsys.readouterr().err
    sheet = CueSheet.load(out)
    assert sheet.ensemble == "strings" and "text" in sheet.inputs


def test_a_backbone_that_cannot_be_had_is_one_line(clip, tmp_path, monkeypatch, capsys):
    options = ("-o", tmp_path / "cues.json", "--backbone", tmp_path / "none")
    assert main(monkeypatch, "spot", clip, *options) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "neither a folder here nor a Hub id" in told
