"""A bundle holds every file, or nothing; nothing is overwritten unasked."""

import json
import zipfile
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from pixmus.check.findings import Check, Finding
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.doors.cli.program import build
from pixmus.doors.page.endpoints import Endpoints
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.visits import Visits
from pixmus.editors import broadcast_wav
from pixmus.editors.read import read_cut_list
from pixmus.ensembles import ENSEMBLES
from pixmus.errors import PixMusError
from pixmus.files import name_as_text
from pixmus.picture.timecode import timecode
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.programs import ensemble_of, programs_of
from pixmus.take.exports import (
    EXPORTS,
    Export,
    add_export,
    chosen_exports,
    remove_export,
    session_of,
    stored_exports,
    write_bundle,
    write_export,
)
from pixmus.take.pipeline import PixMusPipeline
from pixmus.waveform import write_wav

DURATION = 4.0


@dataclass
class Report:
    strengthened: int = 2
    moved: int = 1


class SmallTake:
    """A take of four seconds made by hand; its clip is three bytes."""

    def __init__(self) -> None:
        self.tempo_map = TempoMap.constant(120.0, DURATION)
        self.score = Score(
            {"melody": (Note(0.0, 60, 1.0, 80), Note(4.0, 64, 1.0, 80))},
            self.tempo_map,
            "C major",
            ((2.0, "hit point 1"), (0.0, "opening")),
        )
        self.cue_sheet = CueSheet(
            duration=DURATION,
            frame_rate=Fraction(30000, 1001),
            cuts=(2.0,),
            hit_points=(HitPoint(2.0, 1.0),),
            curves={name: np.full(num_curve_values(DURATION), 0.5, np.float32) for name in CURVES},
            cues=(Cue(0.0, DURATION, "opening"),),
            key="C major",
            tempo_bpm=120.0,
            tempo_fixed=False,
            style="pop",
            ensemble="piano",
            parts=ENSEMBLES["piano"].parts,
            inputs=("colour",),
        )
        generator = np.random.default_rng(0)
        noise = generator.uniform(-0.5, 0.5, (2, int(DURATION * 44100)))
        self.music = noise.astype(np.float32)
        self.stems = {"melody": self.music}
        self.accent_report = Report()
        self.check = Check("pop", ("melody",), 600, 1, (Finding("silence", 0.5, 0, 0.25, 1, 1),))
        self.timings = {"compose": 1.23456}
        self.settings = {"seed": 7, "clip": Path("clip.mp4"), "steps": np.int64(20)}
        self.hashes = {"model": "00ff"}
        self.thumbnails = ()

    def write_video(self, path: Path, overwrite: bool = False) -> None:
        Path(path).write_bytes(b"mp4")


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_bundle_holds_every_file(tmp_path):
    take = SmallTake()
    write_bundle(take, tmp_path / "bundle")
    assert names(tmp_path) == {
        f"bundle/{name}"
        for name in (
            "scored.mp4", "music.wav", "stems/01_Melody.wav", "score.mid", "cues.json",
            "markers.csv", "markers.edl", "timeline.otio", "session.rpp", "session.dawproject",
            "score.musicxml", "cues.png", "pianoroll.png", "spectrogram.png", "take.json",
        )
    }  # fmt: skip
    folder = tmp_path / "bundle"
    music, rate = soundfile.read(folder / "music.wav", always_2d=True)
    assert rate == 44100 and soundfile.info(folder / "music.wav").subtype == "PCM_24"
    np.testing.assert_allclose(music.T, take.music, atol=2**-23)
    assert CueSheet.load(folder / "cues.json").hit_points == take.cue_sheet.hit_points
    assert [note.pitch for note in read_midi(folder / "score.mid").parts["melody"]] == [60, 64]
    description = json.loads((folder / "take.json").read_text())
    assert description["seed"] == 7
    assert description["settings"] == {"seed": 7, "clip": "clip.mp4", "steps": 20}
    assert description["accents"] == {"strengthened": 2, "moved": 1}
    assert description["check"]["outside"] == ["silence"]
    assert description["check"]["descriptors"]["silence"]["value"] == 0.5
    assert description["tempo"]["largest_change_percent"] == 0.0
    assert description["sha256"] == {"model": "00ff"}
    assert "python" in description["versions"]
    write_export(take, "session.dawproject", tmp_path / "alone.dawproject")
    for project in (folder / "session.dawproject", tmp_path / "alone.dawproject"):
        with zipfile.ZipFile(project) as packed:
            stem, _ = soundfile.read(BytesIO(packed.read("audio/01_Melody.wav")), always_2d=True)
        np.testing.assert_allclose(stem.T, take.stems["melody"], atol=2**-23)


def test_a_bundle_makes_its_stems_once(tmp_path, no_pictures, monkeypatch):
    written = []
    write = broadcast_wav.write_broadcast_wav

    def counted(path, *told):
        written.append(path)
        write(path, *told)

    monkeypatch.setattr(broadcast_wav, "write_broadcast_wav", counted)
    write_bundle(SmallTake(), tmp_path / "bundle")
    assert len(written) == 1


def test_a_finished_clip_is_copied(tmp_path, no_pictures):
    (tmp_path / "out.mp4").write_bytes(b"finished")
    write_bundle(SmallTake(), tmp_path / "bundle", made={"scored.mp4": tmp_path / "out.mp4"})
    assert (tmp_path / "bundle" / "scored.mp4").read_bytes() == b"finished"


@pytest.fixture
def key_export(no_pictures):
    def write_key(take, path):
        path.write_text(take.score.key)

    add_export(Export("key.txt", write_key, "the key", is_stored=True))
    with pytest.raises(PixMusError, match="already"):
        add_export(Export("key.txt", write_key, "the key again"))
    yield "key.txt"
    if "key.txt" in EXPORTS:
        remove_export("key.txt")


def test_an_export_that_is_added_comes_through_every_door(
    key_export, tmp_path, tiny_model, paint_video
):
    clip = paint_video([(1.0, 40), (1.0, 200)])
    pipe = PixMusPipeline.from_pretrained(tiny_model)
    take = pipe(clip, num_inference_steps=1, seed=1)
    take.save(tmp_path / "python")
    line = ["soundtrack", clip, "--bundle", tmp_path / "line", "--model", tiny_model]
    line += ["--steps", 1, "--seed", 1]
    done = CliRunner().invoke(build(), list(map(str, line)))
    assert done.exit_code == 0, done.output
    soundtrack = Endpoints(Studio(pipe, longest_s=20.0), Visits(tmp_path, 60.0, 4)).function(
        "soundtrack"
    )
    *_, everything, _ = soundtrack(str(clip), num_inference_steps=1, seed=1)
    for folder in ("python", "line"):
        assert (tmp_path / folder / key_export).read_text() == take.score.key
    with zipfile.ZipFile(everything) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(key_export))
        assert archive.read(name).decode() == take.score.key


def test_an_export_is_added_in_one_place(key_export, tmp_path):
    write_export(SmallTake(), "key.txt", tmp_path / "key.txt")
    write_bundle(SmallTake(), tmp_path / "bundle")
    assert "key.txt" in stored_exports()
    remove_export("key.txt")
    assert (tmp_path / "key.txt").read_text() == "C major"
    assert (tmp_path / "bundle" / "key.txt").read_text() == "C major"
    with pytest.raises(PixMusError, match='no export "key.txt"; choose one of scored.mp4'):
        write_export(SmallTake(), "key.txt", tmp_path / "other.txt")


def test_every_export_says_what_it_is_for():
    for export in EXPORTS.values():
        assert export.purpose and not export.purpose.endswith(".")


def test_a_full_folder_is_refused_and_replaced_only_with_overwrite(tmp_path, no_pictures):
    folder = tmp_path / "bundle"
    (folder / "stems").mkdir(parents=True)
    (folder / "stems" / "02_Drums.wav").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(PixMusError, match="not empty"):
        write_bundle(SmallTake(), folder)
    assert names(folder) == {"stems/02_Drums.wav", "notes.txt"}
    write_bundle(SmallTake(), folder, overwrite=True)
    assert "stems/02_Drums.wav" not in names(folder)
    assert {"stems/01_Melody.wav", "notes.txt", "take.json"} <= names(folder)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, PixMusError("no")])
def test_a_failure_leaves_nothing(tmp_path, failure, monkeypatch):
    take = SmallTake()

    def fail(path: Path, overwrite: bool = False) -> None:
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(take, "write_video", fail)
    with pytest.raises(failure if isinstance(failure, type) else type(failure)):
        write_bundle(take, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("time", "rate", "expected"),
    [
        (0.0, Fraction(25), "00:00:00:00"),
        (1.0, Fraction(25), "00:00:01:00"),
        (3661.52, Fraction(25), "01:01:01:13"),
        (1001 / 1000, Fraction(30000, 1001), "00:00:01:00"),
        (1001 / 30000 * 7, Fraction(30000, 1001), "00:00:00:07"),
        (2.5, Fraction(1, 2), "00:00:02:00"),
        (10.0, Fraction(1, 2), "00:00:10:00"),
        (8.0, Fraction(1, 4), "00:00:08:00"),
        (10.0, Fraction(25, 2), "00:00:10:00"),
        (1.04, Fraction(25, 2), "00:00:01:00"),
        (1.12, Fraction(25, 2), "00:00:01:01"),
    ],
)
def test_timecode_is_the_nearest_frame(time, rate, expected):
    assert timecode(time, rate) == expected


@pytest.mark.parametrize(
    ("frames", "rate", "start", "expected"),
    [
        (0, Fraction(30000, 1001), "00:59:58;00", "00:59:58;00"),
        (60, Fraction(30000, 1001), "00:59:58;00", "01:00:00;00"),  # a tenth minute is whole
        (0, Fraction(30000, 1001), "00:00:59;29", "00:00:59;29"),
        (1, Fraction(30000, 1001), "00:00:59;29", "00:01:00;02"),  # 0 and 1 are left out
        (1799, Fraction(30000, 1001), "00:01:00;02", "00:02:00;03"),
        (17982, Fraction(30000, 1001), "01:00:00;00", "01:10:00;00"),  # ten minutes to the frame
        (3, Fraction(60000, 1001), "00:00:59;57", "00:01:00;04"),
        (60, Fraction(30000, 1001), "00:59:58:00", "01:00:00:00"),  # not dropped
        (25, Fraction(25), "10:00:00:00", "10:00:01:00"),
        (24, Fraction(24), "23:59:59:00", "00:00:00:00"),
        (5, Fraction(25), "no timecode", "00:00:00:05"),
    ],
)
def test_timecode_counts_from_the_clips_own(frames, rate, start, expected):
    assert timecode(float(frames / rate), rate, start) == expected


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_a_midi_file_names_its_ensemble(ensemble, tmp_path):
    parts = dict.fromkeys(ENSEMBLES[ensemble].parts, (Note(0.0, 48, 1.0, 80),))
    score = Score(parts, TempoMap.constant(120.0, DURATION))
    write_midi(score, tmp_path / "score.mid", programs_of(ensemble, parts))
    found = ensemble_of(tmp_path / "score.mid", parts)
    same = [name for name, one in ENSEMBLES.items() if one.parts == ENSEMBLES[ensemble].parts
            and programs_of(name, parts) == programs_of(ensemble, parts)]  # fmt: skip
    assert found == same[0]  # General MIDI has one grand piano: felt is no programme
    assert same == [ensemble] or set(same) == {"piano", "felt piano"}


def test_exports_are_chosen_by_name(tmp_path, no_pictures):
    assert chosen_exports(["all"]) == tuple(EXPORTS) == chosen_exports([])
    assert chosen_exports(["session.rpp"]) == ("scored.mp4", "stems", "session.rpp")
    with pytest.raises(PixMusError, match='no export "x"; choose all or some of scored.mp4'):
        chosen_exports(["score.mid", "x"])
    write_bundle(SmallTake(), tmp_path / "some", names=["score.mid", "markers.csv"])
    assert names(tmp_path / "some") == {"score.mid", "markers.csv"}


def test_a_wave_beyond_full_scale_is_not_clipped(tmp_path):
    loud = np.array([[0.0, 1.5, -2.0], [0.0, 0.1, 0.2]], np.float32)
    write_wav(tmp_path / "loud.wav", loud)
    read, _ = soundfile.read(tmp_path / "loud.wav", always_2d=True)
    np.testing.assert_array_equal(read.T.astype(np.float32), loud)


@pytest.mark.parametrize(
    "odd", ["a\udce9b", "a\x01b\x0cc", "two\nlines\t\r", "\ufffe<&\"']]>|", "\u2028x", "\n"]
)
def test_names_of_any_characters_stay_readable_in_every_file(odd, tmp_path, no_pictures):
    take = SmallTake()
    take.settings["clip"] = name_as_text(f"{odd}.mp4")
    if "\udce9" not in odd:  # no sheet holds half of a character
        take.cue_sheet = replace(take.cue_sheet, cues=(Cue(0.0, DURATION, odd),))
        take.score = replace(take.score, markers=((2.0, "hit point 1"), (0.0, odd)))
    write_bundle(take, tmp_path / "bundle")
    folder = tmp_path / "bundle"
    assert CueSheet.load(folder / "cues.json").cues == take.cue_sheet.cues
    counting = session_of(take).counting
    for name in ("markers.csv", "markers.edl", "timeline.otio", "score.mid"):
        assert [round(mark.time, 1) for mark in read_cut_list(folder / name, counting).marks][
            -1
        ] == 2.0
    ElementTree.fromstring((folder / "score.musicxml").read_bytes())
    with zipfile.ZipFile(folder / "session.dawproject") as packed:
        for name in ("project.xml", "metadata.xml"):
            ElementTree.fromstring(packed.read(name))
    lines = (folder / "session.rpp").read_text().splitlines()
    assert [line.split()[0] for line in lines].count("MARKER") == 3  # a region has two
