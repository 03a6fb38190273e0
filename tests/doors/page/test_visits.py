"""Visits: apart from each other, stoppable, and gone after a while."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from pixmus.doors.page.room import Room
from pixmus.doors.page.takes import Source
from pixmus.doors.page.visits import Check, Stopped, Visits, own_root
from pixmus.errors import PixMusError


def with_visitors(
    folder: Path, *sessions: str, keep_s: float = 60, capacity: int = 5, **how: Any
) -> Visits:
    """Visits of a page that is open in a tab for each of these sessions."""
    visits = Visits(folder, keep_s=keep_s, capacity=capacity, **how)
    for session in sessions:
        visits.come(session, is_heart=True)
    return visits


def test_each_session_has_a_folder_of_its_own_that_nobody_can_guess(tmp_path: Path) -> None:
    visits = Visits(tmp_path, keep_s=60, capacity=5)
    one, two = visits.of("one"), visits.of("two")
    assert one is visits.of("one")
    assert one.folder != two.folder and one.folder.is_dir()
    assert len(one.folder.name) == 32
    assert visits.of(None) is not visits.of(None)


def test_work_ends_when_it_is_stopped_or_other_work_begins(tmp_path: Path) -> None:
    visit = Visits(tmp_path, keep_s=60, capacity=5).of("one")
    check = visit.start()
    check()
    later = visit.start()
    with pytest.raises(Stopped):
        check()
    later()
    visit.stop()
    with pytest.raises(Stopped):
        later()


def test_leaving_stops_the_work_and_removes_the_files(tmp_path: Path) -> None:
    visits = Visits(tmp_path, keep_s=60, capacity=5)
    visit = visits.of("one")
    (visit.new_folder() / "clip.mp4").write_bytes(b"x")
    check = visit.start()
    visits.end("one")
    with pytest.raises(Stopped):
        check()
    with pytest.raises(Stopped):  # work that has not checked since leaves no files behind
        visit.new_folder()
    assert not visit.folder.exists()
    visits.end("never seen")


def test_a_page_that_is_loaded_anew_comes_back_to_its_visit_by_its_key(tmp_path: Path) -> None:
    visits = with_visitors(tmp_path, "before", "after")
    visit, other = visits.of("before"), visits.of("other")
    visit.watched = cast(Any, object())
    check = visit.start()
    visits.go("before", is_heart=True)
    check()  # what is made goes on
    assert visit.folder.exists() and visit.key != other.key
    assert visits.come_back("guessed", "thief") is None and visits.come_back("", "thief") is None
    assert visits.come_back(visit.key, "after") is visit
    assert visits.find("after") is visit and visits.find("before") is not visit
    visits.leave("before")  # which may be told later than the return
    visits.leave("other")  # and has nothing
    assert visit.left is None and visit.folder.exists() and not other.folder.exists()


def test_who_left_and_does_not_come_back_makes_room_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = Visits(tmp_path, keep_s=1800, capacity=1)
    gone = visits.of("gone")
    gone.watched = cast(Any, object())
    check = gone.start()
    visits.leave("gone")
    with pytest.raises(PixMusError, match="1 visitors"):
        visits.of("next")
    clock.now += 61
    visits.sweep()
    with pytest.raises(Stopped):
        check()
    assert visits.come_back(gone.key, "again") is gone  # it is kept as long as there is room
    visits.leave("again")
    clock.now += 61
    assert visits.of("next").folder.exists() and not gone.folder.exists()


def test_what_was_not_used_for_a_while_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("pixmus.doors.page.visits.time.monotonic", lambda: now)
    visits = Visits(tmp_path, keep_s=60, capacity=5)
    old, new = visits.of("old"), visits.of("new")
    now += 50
    check = new.start()
    check()  # work keeps a visit alive
    now += 30
    visits.sweep()
    assert not old.folder.exists() and new.folder.exists()
    now += 1000
    visits.sweep()
    assert new.folder.exists()  # however long a step of it takes
    new.finish(check)
    visits.of("new")
    now += 61
    visits.sweep()
    assert not new.folder.exists()


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("pixmus.doors.page.visits.time.monotonic", lambda: self.now)


def test_those_that_hold_nothing_make_room_the_longest_unused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = Visits(tmp_path, keep_s=1e9, capacity=2)
    one = visits.of("one")
    clock.now += 1
    two = visits.of("two")
    clock.now += 1
    visits.of("one")
    three = visits.of("three")
    assert [visit.folder.exists() for visit in (one, two, three)] == [True, False, True]


def test_whoever_invents_sessions_takes_nothing_from_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = with_visitors(tmp_path, "watched", "working", keep_s=1800, capacity=3)
    watched, working = visits.of("watched"), visits.of("working")
    watched.watched = cast(Any, object())
    check = working.start()
    for number in range(50):
        clock.now += 1
        check()
        visits.of(f"invented {number}")
    assert visits.of("watched") is watched and visits.of("working") is working
    assert len(list(tmp_path.iterdir())) == 3
    visits.come("third", is_heart=True)
    visits.of("third").watched = cast(Any, object())
    with pytest.raises(PixMusError, match="3 visitors .* free in 30 minutes at the latest"):
        visits.of("late")
    assert watched.folder.exists() and working.folder.exists()
    clock.now += 61
    with pytest.raises(PixMusError, match="3 visitors"):
        visits.of("late")  # a long step of the work is no end of it
    working.finish(check)
    late = visits.of("late")
    assert late.folder.exists() and not working.folder.exists()


def test_a_visit_without_a_session_goes_when_its_files_were_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = Visits(tmp_path, keep_s=1800, capacity=1)
    program = visits.of(None)
    program.watched = cast(Any, object())
    with pytest.raises(PixMusError, match="1 visitors"):
        visits.of("next")
    clock.now += 61
    assert visits.of("next").folder.exists() and not program.folder.exists()


def test_nobody_takes_the_place_of_work_that_is_about_to_begin(tmp_path: Path) -> None:
    visits = with_visitors(tmp_path, "one", "two", "three", keep_s=1800, capacity=2)
    begun = [visits.begin("one"), visits.begin("two", beside=True)]
    with pytest.raises(PixMusError, match="2 visitors"):
        visits.begin("three")
    for visit, check in begun:
        check()
        visit.new_folder()
        visit.finish(check)


def test_work_that_is_cancelled_before_its_turn_does_not_begin(tmp_path: Path) -> None:
    visit, check = with_visitors(tmp_path, "one").begin("one")
    visit.stop()
    later = visit.start()
    with pytest.raises(Stopped):
        check()
    later()


def test_programs_have_several_things_made_at_once(tmp_path: Path) -> None:
    visits = with_visitors(tmp_path, "program", capacity=1)
    (visit, one), (_, two) = (visits.begin("program", beside=True) for _ in range(2))
    one()
    two()
    visit.finish(two)
    one()
    button = visit.start()
    one()
    visit.stop()
    for check in (one, two, button):
        with pytest.raises(Stopped):
            check()


def test_whoever_holds_a_connection_has_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = Visits(tmp_path, keep_s=1800, capacity=1)
    visits.come("one", is_heart=True)
    visit, check = visits.begin("one")

    def wait() -> None:
        clock.now += 61
        visits.sweep()

    visits.come("one", is_heart=False)  # waits for the result
    visits.go("one", is_heart=True)  # the page did not answer within the client's patience
    wait()
    check()
    with pytest.raises(PixMusError, match="1 visitors"):
        visits.of("other")
    visits.go("one", is_heart=False)  # a laptop slept
    visits.come("one", is_heart=True)
    wait()
    check()
    visits.come("one", is_heart=True)  # a network changed: the old one ends later
    visits.go("one", is_heart=True)
    wait()
    check()
    visits.go("one", is_heart=True)
    visits.sweep()
    check()
    wait()
    with pytest.raises(Stopped):
        check()
    assert visit.left is not None


def test_a_program_without_a_heart_leaves_when_it_hangs_up_and_not_when_it_has_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = Visits(tmp_path, keep_s=1800, capacity=2)
    for name in ("patient", "impatient"):
        visits.come(name, is_heart=False)
    works = {name: visits.begin(name, beside=True) for name in ("patient", "impatient")}
    visit, check = works["patient"]
    visit.finish(check)
    for name in works:
        visits.go(name, is_heart=False)
    clock.now += 61
    visits.sweep()
    check()
    with pytest.raises(Stopped):
        works["impatient"][1]()


def test_work_that_nobody_waits_for_is_not_begun_and_takes_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixmus.doors.page.visits.COMES_S", 0.2)
    visits = with_visitors(tmp_path, "honest", capacity=2)
    for number in range(5):
        with pytest.raises(Stopped):  # whether it was invented or left while its turn came
            visits.begin(f"invented {number}")
    assert list(tmp_path.iterdir()) == []
    threading.Timer(0.1, visits.come, ("slow", False)).start()
    slow, _ = visits.begin("slow")  # opens its connection a moment after it asked
    honest, _ = visits.begin("honest")
    assert honest.left is slow.left is None


def test_who_is_gone_whichever_connection_ended_last_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = with_visitors(tmp_path, "gone", "next", keep_s=1800, capacity=1)
    visits.come("gone", is_heart=False)
    gone, check = visits.begin("gone")
    gone.watched = cast(Any, object())
    gone.finish(check)
    visits.go("gone", is_heart=True)
    visits.go("gone", is_heart=False)
    clock.now += 9
    with pytest.raises(PixMusError, match="1 visitors"):
        visits.begin("next")
    clock.now += 2
    assert visits.begin("next")[0].folder.exists() and not gone.folder.exists()


def test_a_page_that_came_back_and_has_gone_by_then_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = with_visitors(tmp_path, "first", "next", keep_s=1800, capacity=1)
    visit, _ = visits.begin("first")
    visits.go("first", is_heart=True)
    assert visits.come_back(visit.key, "second") is visit
    clock.now += 11
    assert visits.begin("next")[0] is not visit and not visit.folder.exists()


def test_a_program_that_had_its_result_makes_room_when_it_has_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    visits = with_visitors(tmp_path, "next", keep_s=1800, capacity=1)
    visits.come("call", is_heart=False)
    call, check = visits.begin("call", beside=True)
    call.watched = cast(Any, object())
    call.finish(check)
    visits.go("call", is_heart=False)
    clock.now += 59
    with pytest.raises(PixMusError, match="1 visitors"):
        visits.begin("next")
    clock.now += 2
    assert visits.begin("next")[0].folder.exists() and not call.folder.exists()


def test_looking_begins_no_visit(tmp_path: Path) -> None:
    visits = Visits(tmp_path, keep_s=60, capacity=1)
    with pytest.raises(PixMusError, match="removed after a while"):
        visits.find("one").take(1)
    visits.find("one").stop()
    assert not list(tmp_path.iterdir())
    assert visits.find(None).takes == []
    assert visits.find("one") is not visits.of("one")
    assert visits.find("one") is visits.of("one")


def test_a_take_that_is_gone_says_so(tmp_path: Path) -> None:
    visit = Visits(tmp_path, keep_s=60, capacity=5).of("one")
    with pytest.raises(PixMusError, match="removed after a while"):
        visit.take(1)


def test_folders_of_pages_that_are_gone_are_removed_and_ones_own_at_the_end(
    tmp_path: Path,
) -> None:
    code = "from pixmus.doors.page.visits import own_root; print(own_root(), flush=True); input()"
    how: dict = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    how["env"] = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    killed, ended = (subprocess.Popen([sys.executable, "-c", code], **how) for _ in range(2))
    roots = [Path(process.stdout.readline().strip()) for process in (killed, ended)]
    assert all(root.is_dir() for root in roots)
    killed.kill()
    killed.communicate()
    assert roots[0].is_dir()
    third = subprocess.Popen([sys.executable, "-c", code], **how)
    third.stdout.readline()
    assert not roots[0].exists() and roots[1].is_dir()
    for process in (ended, third):
        process.terminate()
        process.communicate()
    assert not list(tmp_path.iterdir())


def test_old_uploads_are_removed_but_for_the_clip_of_a_live_visit(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    for name in ("old", "new", "used"):
        (uploads / name).mkdir(parents=True)
        (uploads / name / "clip.mp4").write_bytes(b"x")
    for name in ("old", "used"):
        for path in (uploads / name / "clip.mp4", uploads / name):
            os.utime(path, (1e9, 1e9))
    visits = Visits(tmp_path / "visits", keep_s=60, capacity=5, uploads=uploads)
    visits.of("one").watched = Source(cast(Any, None), uploads / "used" / "clip.mp4")
    visits.sweep()
    assert not (uploads / "old" / "clip.mp4").exists()
    assert (uploads / "new" / "clip.mp4").exists() and (uploads / "used" / "clip.mp4").exists()


def test_uploads_are_removed_by_several_threads_at_once(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    visits = Visits(tmp_path / "visits", keep_s=60, capacity=5, uploads=uploads)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for name in range(100):
                (uploads / str(name) / "inner").mkdir(parents=True)
                (uploads / str(name) / "inner" / "clip.mp4").write_bytes(b"x")
            for done in [pool.submit(visits.drop_uploads, -1) for _ in range(8)]:
                done.result()
            assert list(uploads.iterdir()) == []


def test_uploads_that_nobody_began_to_work_on_make_room_for_others(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    for name in ("old", "new", "used"):
        (uploads / name).mkdir(parents=True)
        (uploads / name / "clip.mp4").write_bytes(b"x" * 1000)
    for name in ("old", "used"):
        os.utime(uploads / name / "clip.mp4", (1e9, 1e9))
    visits = Visits(tmp_path / "visits", 1e9, 5, uploads, Room(tmp_path, most=3500, spare=0))
    visits.of("one").watched = Source(cast(Any, None), uploads / "used" / "clip.mp4")
    visits.check_upload(400)
    assert (uploads / "old" / "clip.mp4").exists()  # there was room
    visits.check_upload(1400)
    left = {path.parent.name for path in uploads.rglob("clip.mp4")}
    assert left == {"new", "used"}
    with pytest.raises(PixMusError, match="no room for more files"):
        visits.check_upload(1600)
    (uploads / "new" / "clip.mp4").write_bytes(b"x" * 4000)
    with pytest.raises(PixMusError, match="no room for more files"):
        visits.of("two")
    assert visits.find("one").watched  # what is there can be looked at


def test_a_visit_has_its_share_of_the_disk(tmp_path: Path) -> None:
    visit = Visits(tmp_path, keep_s=60, capacity=5).of("one")
    visit.quota = 1000
    (visit.new_folder() / "take.wav").write_bytes(b"x" * 1100)
    with pytest.raises(PixMusError, match="remove results from the shelf"):
        visit.new_folder()


def test_a_temporary_folder_that_cannot_be_written_to_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: Any) -> str:
        raise OSError(30, "Read-only file system", "/tmp/pixmus-page")

    monkeypatch.setattr("pixmus.doors.page.visits.tempfile.mkdtemp", refuse)
    with pytest.raises(PixMusError, match=r"needs a folder .*\(Read-only file system\); name one"):
        own_root()


def test_the_clips_of_a_program_stay_until_each_was_worked_on(tmp_path: Path) -> None:
    visits = with_visitors(tmp_path / "visits", "program", uploads=tmp_path / "uploads")
    clips, works = list[Path](), list[Check]()
    for name in ("one", "two"):
        clips.append(tmp_path / "uploads" / name / "clip.mp4")
        clips[-1].parent.mkdir(parents=True)
        clips[-1].write_bytes(b"x")
        os.utime(clips[-1], (1e9, 1e9))
        visit, check = visits.begin("program", beside=True)
        visit.work_with(check, clips[-1])
        works.append(check)
    visits.sweep()
    assert all(clip.exists() for clip in clips)
    visit.finish(works[0])
    visits.sweep()
    assert [clip.exists() for clip in clips] == [False, True]


def test_the_clip_of_who_waits_in_the_line_stays(tmp_path: Path) -> None:
    clip = tmp_path / "uploads" / "a" / "clip.mp4"
    clip.parent.mkdir(parents=True)
    clip.write_bytes(b"x")
    os.utime(clip, (1e9, 1e9))
    visits = Visits(tmp_path / "visits", keep_s=60, capacity=5, uploads=tmp_path / "uploads")
    visit = visits.of("one")
    visit.asked = clip, cast(Any, None)
    visits.sweep()
    assert clip.exists()
    visit.asked = None
    visits.sweep()
    assert not clip.exists()
