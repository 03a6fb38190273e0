"""The examples made again: what differs is found, and the shipped ones come out as stored."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.studies.reproduce import (
    EXAMPLES,
    Example,
    compare_scores,
    difference_db,
    examples_of,
)
from pixmus.studies.runner import run
from pixmus.take.exports import stored_exports

SHIPPED = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def score_of(*notes: Note, bpm: float = 120.0) -> Score:
    beats = np.arange(9) * 60 / bpm
    return Score({"melody": notes}, TempoMap(beats, (0, 4)))


SCALE = tuple(Note(onset=float(i), pitch=60 + i, duration=1.0, velocity=80) for i in range(8))


def test_a_score_is_identical_with_itself():
    difference = compare_scores(score_of(*SCALE), score_of(*SCALE))
    assert difference.is_identical and difference.is_alike
    assert difference.f1 == 1.0 and not difference.lines()


def test_a_moved_note_is_missing_once_and_added_once():
    moved = (*SCALE[:3], replace(SCALE[3], onset=3.25), *SCALE[4:])
    difference = compare_scores(score_of(*SCALE), score_of(*moved))
    assert difference.f1 == pytest.approx(7 / 8)  # seven agree of eight on either side
    assert difference.missing == ("melody, pitch 63 on beat 3 at 1.500 s",)
    assert difference.added == ("melody, pitch 63 on beat 3.25 at 1.625 s",)
    assert not difference.is_alike


def test_one_note_of_two_hundred_may_differ_but_not_be_called_identical():
    many = tuple(Note(i / 32, 40 + i % 32, 0.03125, 80) for i in range(200))
    difference = compare_scores(score_of(*many), score_of(*many[1:]))
    assert difference.f1 == pytest.approx(2 * 199 / 399)
    assert difference.is_alike and not difference.is_identical


def test_a_louder_or_longer_note_is_named_though_f1_is_one():
    louder = (replace(SCALE[0], velocity=81), replace(SCALE[1], duration=0.5), *SCALE[2:])
    difference = compare_scores(score_of(*SCALE), score_of(*louder))
    assert difference.f1 == 1.0 and difference.num_differing == 2
    assert "1 beats at velocity 80 to 1 at 81" in difference.changed[0]
    assert not difference.is_identical


def test_two_notes_on_one_key_are_two_notes():
    doubled = (SCALE[0], *SCALE)
    difference = compare_scores(score_of(*SCALE), score_of(*doubled))
    assert len(difference.added) == 1 and not difference.missing


def test_another_tempo_is_no_like_score():
    difference = compare_scores(score_of(*SCALE), score_of(*SCALE, bpm=100.0))
    assert difference.f1 == 1.0  # the notes stand on the same beats
    assert difference.beat_shift == pytest.approx(8 * (0.6 - 0.5))
    assert not difference.is_alike


def test_the_level_of_a_difference():
    noise = np.random.default_rng(0).normal(size=(2, 44100))
    assert difference_db(noise, noise) == 0.0
    assert difference_db(noise, 0.5 * noise) == pytest.approx(6.02, abs=0.01)
    assert difference_db(noise, noise[:, 1:]) == np.inf
    silence = np.zeros_like(noise)
    assert difference_db(silence, silence) == 0.0


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"settings": {"seed": 1}}, "does not say `clip`"),
        ({"clip": "a.mp4", "settings": {}}, "names no seed"),
        ({"clip": "a.mp4", "settings": {"seed": 1, "sed": 2}}, "'sed'"),
        ({"clip": "a.mp4", "settings": {"seed": 1, "direction": {"keys": "C"}}}, "'keys'"),
    ],
)
def test_what_is_wrong_with_an_example_is_said(tmp_path, facts, told):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(facts))
    with pytest.raises(PixMusError, match=told):
        Example.load(path)


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    (tmp_path / "one.json").write_text("{}")
    with pytest.raises(PixMusError, match="no example two in .*; there are: one"):
        examples_of(tmp_path, ["two"])


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory, paint_clip):
    """A folder with one short example of two shots, and its output as `--write` stores it."""
    folder = tmp_path_factory.mktemp("examples")
    paint_clip(folder / "short.mp4", ((2, 40), (2, 200)))
    facts = {"clip": "short.mp4", "settings": {"seed": 5, "direction": {"ensemble": "piano"}}}
    (folder / "short.json").write_text(json.dumps(facts))
    assert run("reproduce", ["--examples", str(folder), "--write"]) == 0
    return folder


def test_what_is_stored_is_made_again_note_for_note(reproduced, capsys):
    stored = reproduced / "outputs" / "short"
    assert sorted(path.name for path in stored.iterdir()) == sorted(stored_exports())
    for threads in ("1", "2"):
        arguments = ["--examples", str(reproduced), "--identical", "--threads", threads]
        assert run("reproduce", arguments) == 0, capsys.readouterr().out
    assert "passes" in capsys.readouterr().out


def test_a_moved_note_in_the_stored_score_is_reported(reproduced, tmp_path, capsys):
    shutil.copytree(reproduced, tmp_path / "examples")
    path = tmp_path / "examples" / "outputs" / "short" / "score.mid"
    score = read_midi(path)
    part = max(score.parts, key=lambda name: len(score.parts[name]))
    first, *others = score.parts[part]
    moved = replace(first, onset=first.onset + 0.25, duration=first.duration / 2)
    line = tuple(sorted([moved, *others], key=lambda note: (note.onset, note.pitch)))
    write_midi(replace(score, parts={**score.parts, part: line}), path)
    assert run("reproduce", ["--examples", str(tmp_path / "examples"), "--identical"]) == 1
    told = capsys.readouterr().out
    assert f"missing: {part}, pitch {first.pitch} on beat {moved.onset:g}" in told
    assert f"added: {part}, pitch {first.pitch} on beat {first.onset:g}" in told
    assert "fails" in told


def test_a_stored_output_that_is_incomplete_is_named(reproduced, tmp_path):
    shutil.copytree(reproduced, tmp_path / "examples")
    (tmp_path / "examples" / "outputs" / "short" / "cues.json").unlink()
    with pytest.raises(PixMusError, match=r"holds no cues\.json"):
        run("reproduce", ["--examples", str(tmp_path / "examples")])


def test_the_examples_say_what_they_are():
    assert len(SHIPPED) == 6
    for name in SHIPPED:
        facts = json.loads((EXAMPLES / f"{name}.json").read_text())
        assert {"title", "intent", "licence", "cuts", "settings"} <= set(facts)
        assert Example.load(EXAMPLES / f"{name}.json").clip.is_file()
        assert all((EXAMPLES / "outputs" / name / file).is_file() for file in stored_exports())
        assert 0 <= facts["poster"] < probe(EXAMPLES / facts["clip"]).duration
        assert (EXAMPLES / facts["made_by"]).is_file()
    files = [path for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) < 14 * 2**20
    assert max(path.stat().st_size for path in files) < 9e6


def test_a_film_of_others_says_whose_it_is():
    credits = (EXAMPLES / "CREDITS.md").read_text()
    readme = (EXAMPLES.parent / "README.md").read_text()
    told = {}
    for name in SHIPPED:
        facts = json.loads((EXAMPLES / f"{name}.json").read_text())
        if facts["licence"].startswith("own work"):
            assert "credit" not in facts
            continue
        credit = told[name] = facts["credit"]
        assert facts["licence"].startswith(f"the clip and its soundtrack {credit['licence']}")
        for piece in ("work", "by", "licence", "terms", "source", "changed"):
            assert credit[piece] in credits.replace("\\|", "|"), (name, piece)
        assert credit["by"] in readme and credit["terms"] in readme
        with av.open(str(EXAMPLES / facts["clip"])) as clip:
            assert clip.metadata["artist"] == credit["by"]
            assert clip.metadata["copyright"] == f"{credit['licence']}, {credit['terms']}"
    assert {name: credit["licence"] for name, credit in told.items()} == {
        "dog": "CC BY 4.0",
        "steel": "CC BY 3.0",
    }


@pytest.mark.parametrize("name", ["dog", "steel"])
def test_another_film_is_not_cut(name, tmp_path):
    film = tmp_path / "other.webm"
    film.write_bytes(b"another film")
    script = EXAMPLES / "make" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, script, film, tmp_path / "out.mp4"], capture_output=True, text=True
    )
    assert done.returncode == 1 and not (tmp_path / "out.mp4").exists()
    assert done.stderr.startswith(f"{film} is not the film that the example was cut from; fetch ")
    assert done.stderr.count("\n") == 1


def test_a_shipped_example_is_made_again(capsys):
    """One of the six here, all of them with `make reproduce`."""
    assert run("reproduce", ["city"]) == 0, capsys.readouterr().out


def test_the_folder_of_the_examples_is_the_repository_s():
    assert Path(__file__).parents[2] / "examples" == EXAMPLES
