"""A cut list comes in by the command line and by Python, with a clip and without one."""

import json

import pytest
from typer.testing import CliRunner

from pixmus.cues.sheet import CueSheet
from pixmus.doors.cli.program import build
from pixmus.errors import PixMusError
from pixmus.take.pipeline import PixMusPipeline

EDL = """TITLE: X
FCM: {fcm}
001  AX       V     C        00:00:00:00 00:00:01:00 01:00:00:00 01:00:01:00
002  AX       V     C        00:00:00:00 00:00:01:00 01:00:01:00 01:00:02:12
* LOC: 01:00:01:00 RED     now
003  AX       V     C        00:00:00:00 00:00:01:00 01:00:02:12 01:00:04:00
"""


def run(*words: object):
    return CliRunner().invoke(build(), list(map(str, words)), catch_exceptions=True)


@pytest.fixture
def edl(tmp_path):
    path = tmp_path / "cut.edl"
    path.write_text(EDL.format(fcm="NON-DROP FRAME"))
    return path


@pytest.fixture
def clip(paint_video):
    return paint_video([(1.5, 40), (2.5, 200)])  # its cut is not where the list says


def test_a_clip_is_spotted_by_its_list(clip, edl, tmp_path):
    done = run("spot", clip, "--rules", "--cuts", edl, "-o", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    sheet = CueSheet.load(tmp_path / "a.json")
    assert sheet.cuts == (1.0, 2.5)  # at the clip's 24 frames a second
    assert {hit.time: hit.strength for hit in sheet.hit_points}[1.0] == 1.0
    words = ("--rules", "--cuts", edl, "--cuts-and-seen", "-o", tmp_path / "b.json")
    assert run("spot", clip, *words).exit_code == 0
    assert CueSheet.load(tmp_path / "b.json").cuts == (1.0, 1.5, 2.5)


def test_a_list_is_spotted_without_a_clip(edl, tmp_path):
    words = ("--cuts", edl, "--rate", "29.97df", "--start", "01:00:00:00", "-o")
    done = run("spot", *words, tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    sheet = CueSheet.load(tmp_path / "a.json")
    assert sheet.cuts == tuple(round(frame * 1001 / 30000, 4) for frame in (30, 72))
    assert str(sheet.frame_rate) == "30000/1001"
    assert sheet.inputs == ("cuts", "cut list")
    longer = run("spot", *words, tmp_path / "b.json", "--end", "01:00:10:00")
    assert longer.exit_code == 0
    assert CueSheet.load(tmp_path / "b.json").duration == pytest.approx(300 * 1001 / 30000)


def test_a_take_follows_its_list(clip, edl, tmp_path, tiny_model):
    words = ("--cuts", edl, "--model", tiny_model, "--steps", 1, "--seed", 1, "--text", "calm")
    done = run("soundtrack", clip, *words, "--bundle", tmp_path / "line")
    assert done.exit_code == 0, done.output
    assert CueSheet.load(tmp_path / "line" / "cues.json").cuts == (1.0, 2.5)
    told = json.loads((tmp_path / "line" / "take.json").read_text())["settings"]["cuts"]
    assert told == "2 cuts and 1 markers of cut.edl"
    take = PixMusPipeline.from_pretrained(tiny_model)(clip, cuts=edl, seed=1, num_inference_steps=1)
    assert take.cue_sheet.cuts == (1.0, 2.5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("spot",), "Name a clip, or a cut list"),
        (("spot", "CLIP", "--rate", "25"), "name a list with --cuts"),
        (("spot", "--cuts", "EDL"), "say it with --rate"),
        (("spot", "--cuts", "EDL", "--rate", "fast"), "The frame rate 'fast' is none"),
        (("spot", "--cuts", "EDL", "--rate", "24", "--start", "x"), "start of the programme"),
        (("spot", "--cuts", "EDL", "--rate", "24", "--end", "x"), "end of the programme"),
        (("spot", "--cuts", "EDL", "--rate", "24", "--end", "00:00:00:01"), "would last"),
        (("spot", "--cuts", "EDL", "--rate", "24", "--cuts-and-seen"), "nothing is seen"),
        (("spot", "CLIP", "--cuts", "EDL", "--start", "05:00:00:00"), "none of its cuts"),
        (("spot", "CLIP", "--end", "00:00:01:00"), "leave --end out"),
    ],
)
def test_mistakes_are_one_sentence(words, told, clip, edl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"CLIP": clip, "EDL": edl}
    done = run(*(names.get(word, word) for word in words))
    assert isinstance(done.exception, PixMusError) and told in str(done.exception), done.output
    assert not (tmp_path / "cues.json").exists()
