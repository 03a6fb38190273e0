"""The lines that make a take again: run for real, they make the same notes."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixmus.cues.sheet import CueSheet
from pixmus.doors.cli import main
from pixmus.doors.page.again import python_lines, shell_line
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.jobs import reported
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Visit
from pixmus.ensembles import PARTS
from pixmus.score.midi import read_midi
from pixmus.take.pipeline import PixMusPipeline


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(PixMusPipeline.from_pretrained(), longest_s=60.0)


@pytest.fixture
def clip(paint_video: Callable[..., Path]) -> Path:
    return paint_video([(2.0, 40), (2.5, (200, 60, 30)), (2.0, 90)], name="my clip.mp4")


def made(studio: Studio, visit: Visit, clip: Path, commission: Commission) -> Take:
    list(reported(lambda report: studio.soundtracks(visit, clip, commission, report)))
    return visit.takes[0]


def notes(path: Path) -> dict[str, list[tuple[float, float, int, int]]]:
    score = read_midi(path)
    return {
        part: [(n.onset, n.duration, n.pitch, n.velocity) for n in found]
        for part, found in score.parts.items()
    }


def changed_bars(first: Take, second: Take) -> set[int]:
    """The bars, from 1, in which a note starts that only one of two takes has."""
    bars = np.asarray(first.soundtrack.tempo_map.bar_starts)
    found = set()
    for part in PARTS:
        one, two = (
            {
                (note.onset, note.pitch, round(note.duration, 2), note.velocity)
                for note in take.soundtrack.score.parts.get(part, ())
            }  # the last chord ends off the grid, and MIDI has 480 ticks a beat
            for take in (first, second)
        )
        found |= {int(np.searchsorted(bars, onset, "right")) for onset, *_ in one ^ two}
    return found


def run_shell(take: Take, folder: Path, monkeypatch: pytest.MonkeyPatch | None = None) -> Path:
    """Runs the take's shell line in `folder`, with a bundle asked for besides; the MIDI file.

    In processes of their own, as a shell does, or with `monkeypatch` in this one.
    """
    line = take.shell_line
    for command in line.split(" && "):
        words = shlex.split(command)
        if words[1] == "soundtrack":
            words += ["--bundle", "bundle"]
        if monkeypatch is None:
            program = [sys.executable, "-m", *words]
            subprocess.run(program, cwd=folder, check=True, capture_output=True)
            continue
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
    return folder / "bundle" / "score.mid"


def test_the_shell_line_makes_the_same_notes(studio: Studio, clip: Path, tmp_path: Path) -> None:
    asked = Commission(
        text="calm, no drums",
        seed=5,
        num_inference_steps=6,
        guidance_scale=1.5,
        key="D minor",
        tempo_bpm=96,
        parts=("melody", "harmony", "pad", "counter"),
        valence=0.3,  # without an energy
        music_from=0.75,
        timing_guidance_scale=3.125,
        accents=False,
        start=1.0,
        end=6.0,
    )
    take = made(studio, Visit(tmp_path / "visit"), clip, asked)
    for words in ("--valence 0.3", "--music-from 0.75", "--timing-guidance 3.125 --no-accents"):
        assert words in take.shell_line
    assert "--from 1 --to 6" in take.shell_line and "'my clip.mp4'" in take.shell_line
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / clip.name).write_bytes(clip.read_bytes())
    assert notes(run_shell(take, folder)) == notes(take.quick_files()["midi"])


@pytest.mark.usefixtures("no_pictures")
def test_the_python_lines_make_the_same_notes(
    studio: Studio, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Commission(seed=9, num_inference_steps=5, ensemble="strings", text="dark", music_to=5.5)
    take = made(studio, Visit(tmp_path / "visit"), clip, asked)
    monkeypatch.chdir(clip.parent)
    code = take.python_lines.replace(".write_video('scored.mp4')", ".save('bundle')")
    exec(compile(code, "again", "exec"), {})
    assert notes(clip.parent / "bundle" / "score.mid") == notes(take.quick_files()["midi"])


@pytest.mark.usefixtures("no_pictures")
def test_a_take_of_an_edited_cue_sheet_with_kept_bars_needs_its_files(
    studio: Studio, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = Visit(tmp_path / "visit")
    first = made(studio, visit, clip, Commission(seed=2, num_inference_steps=5))
    assert isinstance(visit.cue_sheet, CueSheet)
    asked = Commission(seed=3, num_inference_steps=5)
    (second,) = [
        event
        for event in reported(lambda r: studio.redo(visit, 1, "2", (), asked, r))
        if isinstance(event, Take)
    ]
    assert "--cues cues.json --keep kept.mid --redo-bars 2" in second.shell_line
    assert changed_bars(first, second) == {2}
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / clip.name).write_bytes(clip.read_bytes())
    assert second.kept_midi is not None
    (folder / "kept.mid").write_bytes(second.kept_midi.read_bytes())
    (folder / "cues.json").write_bytes(second.quick_files()["cues"].read_bytes())
    assert notes(run_shell(second, folder, monkeypatch)) == notes(second.quick_files()["midi"])


def test_a_file_whose_name_begins_with_a_dash_is_no_option() -> None:
    settings = {"clip": "-o.mp4", "direction": {}, "keep": None, **Commission()}
    words = shlex.split(shell_line(settings, "--force.mov", (1.0, 2.0)))
    assert words[:4] == ["pixmus", "trim", "./--force.mov", "./-o.mp4"]
    assert words[words.index("soundtrack") + 1] == "./-o.mp4"


def test_tracks_and_length_are_said_of_the_clip_before_its_part_is_taken_out() -> None:
    settings = {
        "clip": "part.mp4", "direction": None, "keep": None, "tracks": "1,3", "length": "picture",
    }  # fmt: skip
    trim, soundtrack = shell_line(settings, "my.mkv", (1.0, 2.0)).split(" && ")
    assert trim.endswith("--from 1 --to 2 --length picture --tracks 1,3")
    assert "--tracks" not in soundtrack
    first, *_, last = python_lines(settings, "my.mkv", (1.0, 2.0)).splitlines()[-3:]
    assert first == "trim(probe('my.mkv', length='picture', tracks='1,3'), 1.0, 2.0, 'part.mp4')"
    assert "tracks" not in last
    assert "--tracks 1,3" in shell_line(settings, "my.mkv")
