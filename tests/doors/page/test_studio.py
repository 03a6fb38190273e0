"""Soundtracks made for visits: stages told, takes ranked, nothing decoded twice, all stoppable."""

import json
import resource
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pixmus.check.onsets import strong_onsets
from pixmus.cues.sheet import Cue
from pixmus.doors.page.cards import shelf_json
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.edits import edit
from pixmus.doors.page.jobs import Progress, reported
from pixmus.doors.page.room import FULL
from pixmus.doors.page.showing import sentence
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.takes import CutsMet, Source, Take, ranked
from pixmus.doors.page.visits import Stopped, Visit
from pixmus.ensembles import ENSEMBLES
from pixmus.errors import PixMusError
from pixmus.picture.efficientnet import EfficientNetLite0
from pixmus.picture.tone import HLG
from pixmus.picture.video import probe
from pixmus.score.notes import Note
from pixmus.studies.field_clips import hdr
from pixmus.take.exports import Export, add_export, remove_export, stem_files
from pixmus.take.pipeline import PixMusPipeline

QUICK = {"num_inference_steps": 4}


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(PixMusPipeline.from_pretrained(), longest_s=20.0)


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    return Visit(tmp_path / "visit")


@pytest.fixture
def clip(paint_video: Callable[..., Path]) -> Path:
    return paint_video([(3.0, 40), (2.5, (200, 60, 30)), (2.5, 90)])


@pytest.fixture(scope="module")
def had(
    studio: Studio, tmp_path_factory: pytest.TempPathFactory, paint_clip: Callable[..., Path]
) -> Visit:
    """A visit with one take, for tests that change nothing of it."""
    folder = tmp_path_factory.mktemp("had")
    visit = Visit(folder / "visit")
    make(studio, visit, paint_clip(folder / "clip.mp4", [(1.5, 40), (1.5, 90)]), seed=1)
    return visit


def make(studio: Studio, visit: Visit, clip: Path, **asked: object) -> list[Progress | Take]:
    commission = Commission(**{**QUICK, **asked})  # type: ignore[arg-type]
    return list(reported(lambda r: studio.soundtracks(visit, clip, commission, r), every_s=0.0))


def notes_of(take: Take) -> dict[str, tuple[Note, ...]]:
    return {part: tuple(notes) for part, notes in take.soundtrack.score.parts.items()}


def test_every_stage_and_every_inference_step_is_told(
    studio: Studio, visit: Visit, clip: Path
) -> None:
    events = make(studio, visit, clip, seed=1)
    told = [event for event in events if isinstance(event, Progress)]
    stages = list(dict.fromkeys(event.stage for event in told))
    assert stages == ["watch", "spot", "fit", "compose", "render", "mix", "video out"]
    steps = [event.detail for event in told if "inference step" in event.detail]
    numbers = [int(step.split()[2]) for step in steps]
    (total,) = {int(step.split(" of ")[1]) for step in steps}
    # phrases that return make more blocks than were counted: their steps are told closer together
    assert numbers == sorted(numbers) and numbers[0] == 1 and 0.7 * total < numbers[-1] <= total
    take = events[-1]
    assert isinstance(take, Take) and probe(take.clip).duration == pytest.approx(8.0, abs=0.05)


def test_a_clip_that_was_watched_ahead_is_not_watched_again_and_another_ends_it(
    studio: Studio,
    visit: Visit,
    clip: Path,
    paint_video: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Commission(**QUICK, seed=1)  # type: ignore[arg-type]
    other = paint_video([(2.0, 40), (2.0, 90)], "other.mp4")
    given_up = studio.watcher.begin(visit, other, asked)
    *_, found = studio.watcher.begin(visit, clip, asked).follow()
    assert isinstance(found, Source)
    assert len(found.footage.features.cuts) == 2
    with pytest.raises(Stopped):
        list(given_up.follow())
    with monkeypatch.context() as nothing_is_left:  # for the network to look at
        nothing_is_left.setattr(EfficientNetLite0, "look", None)
        *_, take = make(studio, visit, clip, seed=1)
    assert isinstance(take, Take) and take.source is found
    *_, part = make(studio, visit, clip, seed=1, end=3.0)  # what was seen is not what is asked for
    assert isinstance(part, Take) and part.source.span == (0.0, 3.0)
    assert studio.estimate(10.0, asked.but(num_takes=2)) == pytest.approx(20 * studio.pace)


def test_a_part_of_a_clip_with_bad_samples_says_so(
    studio: Studio, visit: Visit, paint_video: Callable[..., Path]
) -> None:
    sound = np.full((1, 4 * 44100), 0.1, np.float32)
    sound[:, 44100:44107] = np.nan
    clip = paint_video([(4.0, 40)], "bad.mov", sound=sound, sound_codec="pcm_f32le")
    *_, take = make(studio, visit, clip, start=0.5, end=2.0)
    assert isinstance(take, Take) and "silence stands for 7 samples" in " ".join(take.notices)
    *_, take = make(studio, visit, clip, start=2.0, end=3.5)
    assert isinstance(take, Take) and not take.notices


def test_what_was_done_to_the_picture_is_said_as_on_the_command_line(
    studio: Studio, visit: Visit, tmp_path: Path
) -> None:
    clip = tmp_path / "bright.mov"
    hdr(HLG).paint(clip)
    *_, take = make(studio, visit, clip, seed=1)
    assert isinstance(take, Take)
    assert "The picture was brought from HDR to BT.709." in take.notices


def test_a_disk_that_is_full_is_one_sentence_and_takes_stay(
    studio: Studio, had: Visit, clip: Path
) -> None:
    before, soft, hard = list(had.takes), *resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # bytes of any file
    try:
        with pytest.raises(Exception) as raised:  # noqa: PT011
            make(studio, had, clip, seed=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sentence(raised.value) == FULL and "/" not in FULL
    assert had.takes == before and before[0].clip.exists()


def test_takes_differ_are_ranked_and_equally_loud(studio: Studio, visit: Visit, clip: Path) -> None:
    from pixmus.sound.loudness import loudness

    make(studio, visit, clip, seed=7, num_takes=3)
    assert sorted(take.seed for take in visit.takes) == [7, 8, 9]
    checks = [take.soundtrack.check for take in visit.takes]
    assert all(checks)
    ranks = [check.rank for check in checks if check]
    assert ranks == sorted(ranks)
    assert ranked(list(reversed(visit.takes)))[0].soundtrack.check.rank == ranks[0]  # type: ignore[union-attr]
    levels = [loudness(take.soundtrack.sound) for take in visit.takes]
    assert max(levels) - min(levels) < 0.2
    assert notes_of(visit.takes[0]) != notes_of(visit.takes[1])


def test_composing_again_from_an_edited_cue_sheet_decodes_nothing(
    studio: Studio, visit: Visit, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(studio, visit, clip, seed=1)
    sheet = visit.cue_sheet
    assert sheet is not None
    edited = edit(sheet, [[4.25, 1.0]], [[2.0, 8.0, "late", 0.5, 0.5]])

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the clip was decoded again")

    monkeypatch.setattr("pixmus.doors.page.ahead.watch_apart", refuse)
    again = Commission(seed=1, **QUICK)
    list(reported(lambda r: studio.recompose(visit, edited, again, r)))
    (take,) = visit.takes
    assert [(hit.time, hit.strength) for hit in take.soundtrack.cue_sheet.hit_points] == [(4.25, 1)]
    silent = take.soundtrack.music[:, : int(1.8 * 44100)]
    assert np.abs(silent).max() < 1e-4  # music enters at 2 s
    assert take.soundtrack.cue_sheet.cues == (Cue(2.0, 8.0, "late"),)
    # another take of the same clip does not decode it either
    make(studio, visit, clip, seed=2)
    with pytest.raises(AssertionError, match="decoded again"):
        make(studio, visit, clip, seed=2, start=1.0)


def test_a_stopped_visit_ends_at_its_next_inference_step(
    studio: Studio, visit: Visit, clip: Path
) -> None:
    seen: list[str] = []

    def report(event: Progress) -> None:
        seen.append(event.detail)
        if event.detail.startswith("inference step 3"):
            visit.stop()

    with pytest.raises(Stopped):
        list(studio.soundtracks(visit, clip, Commission(seed=1, num_inference_steps=30), report))
    assert seen[-1].startswith("inference step 3")
    assert not visit.takes


def test_every_take_stays_on_the_shelf_and_what_it_sounds_like_rests_on_disk(
    studio: Studio, visit: Visit, clip: Path
) -> None:
    make(studio, visit, clip, seed=1, num_takes=2)
    before = list(visit.takes)

    def stop(event: Progress) -> None:
        if "inference step" in event.detail:
            visit.stop()

    with pytest.raises(Stopped):
        list(studio.soundtracks(visit, clip, Commission(seed=5, **QUICK), stop))
    assert visit.takes == before and all(take.clip.exists() for take in before)
    music = np.array(before[0].soundtrack.music)
    make(studio, visit, clip, seed=5, ensemble="strings")
    assert [take.seed for take in visit.takes] == [5] and visit.takes[0].clip.exists()
    assert [card.number for card in visit.shelf.cards] == [1, 2, 3]
    assert [card.take.seed for card in visit.shelf.cards] == [1, 2, 5]
    spotted = visit.shelf.cards[0].take.soundtrack.cue_sheet
    other = ENSEMBLES[spotted.ensemble].instead[0]
    told = [card.change for card in visit.shelf.cards]
    assert told == ["", other, f"strings instead of {other}"]
    assert [take.is_resting for take in before] == [True, True]
    assert isinstance(before[0].soundtrack.music, np.memmap)
    assert isinstance(visit.takes[0].source.footage.audio, np.memmap | None)
    np.testing.assert_array_equal(before[0].soundtrack.music, music)
    with zipfile.ZipFile(visit.take(1).zip_stems()) as archive:
        names = [Path(name).name for name in archive.namelist()]
        assert names == list(stem_files(before[0].soundtrack.stems).values())
    (redone,) = studio.redo(visit, 2, "2", (), Commission(seed=9, **QUICK), lambda _: None)
    assert visit.shelf.cards[-1].change == "redo of bar 2 of Take 2" and visit.take(4) is redone
    visit.remove(2)
    assert not visit.takes[0].folder.samefile(before[0].folder) and before[0].folder.exists()
    with pytest.raises(PixMusError, match="gone"):
        visit.take(2)


def test_two_visits_at_once_get_what_each_would_get_alone(
    studio: Studio, tmp_path: Path, paint_video: Callable[..., Path]
) -> None:
    clips = [
        paint_video([(1.0, 40), (2.0, 220)], name="one.mp4"),
        paint_video([(2.0, (30, 60, 200)), (2.0, 10)], name="two.mp4", moving=True),
    ]

    def visits() -> list[Visit]:
        return [Visit(tmp_path / str(time.monotonic_ns()) / str(i)) for i in range(2)]

    alone, together = visits(), visits()
    for i in range(2):
        make(studio, alone[i], clips[i], seed=10 + i, num_takes=2)
    threads = [
        threading.Thread(
            target=make,
            args=(studio, together[i], clips[i]),
            kwargs={"seed": 10 + i, "num_takes": 2},
        )
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert len(together[i].takes) == 2
        for one, two in zip(alone[i].takes, together[i].takes, strict=True):
            assert notes_of(one) == notes_of(two)
            np.testing.assert_array_equal(one.soundtrack.tempo_map.beat_times,
                                          two.soundtrack.tempo_map.beat_times)  # fmt: skip


def test_parts_that_may_not_play_do_not(studio: Studio, visit: Visit, clip: Path) -> None:
    make(studio, visit, clip, seed=1, parts=("melody", "bass", "harmony", "drums"))
    sheet = visit.takes[0].soundtrack.cue_sheet
    assert set(sheet.parts) <= {"melody", "bass", "harmony", "drums"}
    assert not visit.takes[0].soundtrack.score.parts.get("pad")


def test_an_editors_cut_list_beside_the_clip_is_obeyed_and_comes_along(
    studio: Studio, visit: Visit, clip: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "my cuts.csv"
    listed.write_text("time,name,colour\n0.5,door slams,red\n1.25,she turns,green\n")
    commission = Commission(**QUICK)  # type: ignore[arg-type]
    list(reported(lambda r: studio.soundtracks(visit, clip, commission, r, cuts=listed)))
    (take,) = visit.takes
    listed.unlink()  # what was uploaded goes before what was made of it
    assert visit.cuts == take.cuts is not None  # what the page shows again after a reload
    hits = {hit.time: hit.strength for hit in take.soundtrack.cue_sheet.hit_points}
    assert hits[0.5] == 1.0 and 1.25 in hits
    assert "cut list" in take.soundtrack.cue_sheet.inputs
    assert "--cuts 'cuts/my cuts.csv'" in take.shell_line
    assert "cuts='cuts/my cuts.csv'" in take.python_lines
    with zipfile.ZipFile(take.zip_all()) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/cuts/my cuts.csv")]
        assert b"door slams" in archive.read(name)
    sheet = studio.spot(visit, clip, commission, lambda _: None, cuts=take.cuts)
    assert 0.5 in {hit.time for hit in sheet.hit_points}
    (tmp_path / "bad.edl").write_text("this is no list")
    with pytest.raises(PixMusError, match="bad.edl is no list of cuts"):
        studio.spot(visit, clip, commission, lambda _: None, cuts=tmp_path / "bad.edl")
    part = Commission(**{**QUICK, "start": 0.5})  # type: ignore[arg-type]
    with pytest.raises(PixMusError, match="goes with the whole clip"):
        studio.spot(visit, clip, part, lambda _: None, cuts=take.cuts)


def test_a_clip_that_is_too_long_is_refused(
    studio: Studio, visit: Visit, paint_video: Callable[..., Path]
) -> None:
    with pytest.raises(PixMusError, match="lasts 22 s; give a clip of at most 20 s"):
        make(studio, visit, paint_video([(22.0, 40)]))


def test_redoing_nothing_is_refused(studio: Studio, had: Visit) -> None:
    with pytest.raises(PixMusError, match="Say which bars"):
        list(studio.redo(had, 1, "  ", (), Commission(), lambda _: None))


def test_a_cue_sheet_is_composed_from_for_the_clip_that_it_was_spotted_for(
    studio: Studio, visit: Visit, paint_video: Callable[..., Path]
) -> None:
    first = paint_video([(1.5, 40), (1.5, 90)], "first.mp4")
    other = paint_video([(1.0, 200), (2.0, 90)], "other.mp4")
    make(studio, visit, first, seed=1)
    sheet, commission = visit.cue_sheet, Commission(**QUICK)  # type: ignore[arg-type]
    assert sheet is not None

    def stop(progress: Progress) -> None:
        if progress.stage == "compose":
            raise Stopped

    with pytest.raises(Stopped):
        list(studio.soundtracks(visit, other, commission, stop))
    (take,) = studio.recompose(visit, sheet, commission, lambda _: None)
    assert take.source.upload == first


def test_takes_are_ranked_once_all_are_made_and_a_removed_one_does_not_come_back(
    studio: Studio, visit: Visit, paint_video: Callable[..., Path]
) -> None:
    clip, ranks = paint_video([(1.0, 40), (1.0, 90)]), list[bool]()
    commission = Commission(**QUICK, num_takes=3, seed=1)  # type: ignore[arg-type]
    for number, _ in enumerate(studio.soundtracks(visit, clip, commission, lambda _: None)):
        ranks.append(visit.is_ranked)
        cards = json.loads(shelf_json(visit, None))["cards"]
        assert not any(card["best"] for card in cards)
        if number == 1:
            visit.remove(1)
    assert ranks == [False] * 3 and visit.is_ranked
    assert {take.seed for take in visit.takes} == {2, 3}
    assert sum(card["best"] for card in json.loads(shelf_json(visit, None))["cards"]) == 1


def test_a_visit_whose_clip_is_gone_says_so(
    studio: Studio, had: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = had.cue_sheet
    assert sheet is not None
    monkeypatch.setattr(had, "spotted", None)
    with pytest.raises(PixMusError, match="upload it again"):
        list(studio.recompose(had, sheet, Commission(), lambda _: None))


def test_pictures_and_files_of_a_take(studio: Studio, visit: Visit, paint_video: Callable) -> None:
    sound = 0.3 * np.sin(np.arange(6 * 44100) / 15)[None].astype(np.float32)
    clip = paint_video([(3.0, 40), (3.0, 200)], sound=sound)
    make(studio, visit, clip, seed=4)
    take = visit.takes[0]
    told = json.loads(take.along.read_text())
    assert told["duration"] == 6.0 and told["cuts"] == [3.0] and len(told["frames"]) > 3
    notes = {part["name"]: part["notes"] for part in told["parts"]}
    assert {p: len(n) for p, n in notes.items()} == {
        p: len(n) for p, n in notes_of(take).items() if n
    }
    assert min(len(told[row]) for row in ("music", "own")) == 1200 and told["chords"]
    assert all(0 <= start < end <= 6.0 for start, end, _ in told["chords"])
    sounds = take.write_sounds()
    assert take.write_sounds() is sounds
    heard = {part: soundfile.read(path)[0] for part, path in sounds.parts.items()}
    assert set(heard) == set(take.soundtrack.stems)
    together = sounds.gain * sum(heard.values())
    music = soundfile.read(sounds.music)[0]
    assert together.shape == music.shape == (6 * 44100, 2) and sounds.own is not None
    assert np.sqrt((together**2).mean()) == pytest.approx(np.sqrt((music**2).mean()), rel=0.01)
    drawn = take.draw(studio.tables)
    assert set(drawn) == {"spectrogram", "own-spectrogram", "pianoroll", "cues", "agreement"}
    assert all(path.stat().st_size > 10_000 for path in drawn.values())
    before = {path: path.stat().st_mtime_ns for path in drawn.values()}
    take.draw(studio.tables)
    assert before == {path: path.stat().st_mtime_ns for path in drawn.values()}
    add_export(Export("key.txt", lambda take, path: path.write_text(take.score.key), "the key"))
    try:
        with zipfile.ZipFile(take.zip_all()) as archive:
            names = {Path(name).name for name in archive.namelist()}
            assert archive.testzip() is None
    finally:
        remove_export("key.txt")
    assert "key.txt" in names, "an export that was added is missing in the zip"
    assert {"scored.mp4", "music.wav", "score.mid", "cues.json", "take.json", "again.txt"} <= names
    with zipfile.ZipFile(take.zip_stems()) as archive:
        names = [Path(name).name for name in archive.namelist()]
        assert names == list(stem_files(take.soundtrack.stems).values())


def test_cuts_met_are_counted_within_40_ms() -> None:
    found = CutsMet((1.0, 2.0, 3.0), (0.01, -0.04, 0.041))
    assert found.met == 2
    assert str(found) == "2 of 3 cuts met within 40 ms, half of them within 25 ms"
    assert str(CutsMet((), ())) == "no cuts to meet"
    assert str(CutsMet((1.0,), (float("inf"),))) == "0 of 1 cuts met within 40 ms"
    assert not len(strong_onsets(np.zeros(0), np.zeros(0)))


def test_a_score_is_played_without_any_video(studio: Studio, visit: Visit, clip: Path) -> None:
    sheet = studio.spot(visit, clip, Commission(), lambda _: None)
    score, music, seed = studio.play(visit, sheet, Commission(seed=3, **QUICK))
    assert seed == 3 and any(score.parts.values())
    assert music.shape == (2, round(sheet.duration * 44100))
    make(studio, visit, clip, seed=3)
    assert notes_of(visit.takes[0]) == {p: tuple(n) for p, n in score.parts.items()}
