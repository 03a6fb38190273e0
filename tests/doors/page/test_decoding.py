"""Clips decoded apart: the same footage, and one sentence where the decoder comes to harm."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from pixmus import sandbox
from pixmus.doors.page import decoding
from pixmus.doors.page.decoding import mux_apart, trim_apart, watch_apart
from pixmus.doors.page.visits import Stopped
from pixmus.errors import DiskError, PixMusError
from pixmus.picture.footage import watch
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.sandbox import Limits, TookTooLong, run_apart


def children() -> set[int]:
    """Processes that this one has started and that are still there."""
    task = Path(f"/proc/{os.getpid()}/task")
    return {
        int(child)
        for thread in task.iterdir()
        for child in (thread / "children").read_text().split()
    }


def test_footage_is_the_same_as_when_it_is_watched_here(paint_video: Callable[..., Path]) -> None:
    sound = np.sin(np.arange(3 * 44100) / 20)[None].astype(np.float32) * 0.3
    clip = paint_video([(1.5, 40), (1.5, 200)], sound=sound)
    here, apart = watch(clip), watch_apart(clip, still_duration=20.0)
    assert apart.video == here.video
    assert apart.features.transitions == here.features.transitions
    for field in fields(here.features):
        value = getattr(here.features, field.name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(apart.features, field.name), value)
    assert here.audio is not None and apart.audio is not None
    np.testing.assert_array_equal(apart.audio, here.audio)
    assert len(apart.thumbnails) == len(here.thumbnails)


def test_a_part_and_a_scored_clip_are_written_apart(
    paint_video: Callable[..., Path], tmp_path: Path
) -> None:
    clip = paint_video([(2.0, 40), (2.0, 200)])
    part, scored = tmp_path / "part.mp4", tmp_path / "scored.mp4"
    trim_apart(clip, 1.0, 3.0, part)
    assert probe(part).duration == pytest.approx(2.0, abs=0.02)
    assert watch(part).features.cuts == (1.0,)
    video = probe(part)
    music = 0.2 * np.sin(np.arange(2 * 44100) / 9)[None].repeat(2, 0).astype(np.float32)
    mux_apart(video, music, scored)
    sound = read_audio(probe(scored))
    assert sound is not None and np.abs(sound).max() == pytest.approx(0.2, abs=0.03)


def test_a_clip_that_is_too_long_is_refused_before_it_is_watched(
    paint_video: Callable[..., Path],
) -> None:
    clip = paint_video([(6.0, 40)])
    with pytest.raises(PixMusError, match="lasts 6 s; give a clip of at most 4 s"):
        watch_apart(clip, still_duration=20.0, longest=4.0)


def test_no_video_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("These are words, and no video at all. " * 50)
    with pytest.raises(PixMusError, match="notes.mp4"):
        watch_apart(path, still_duration=20.0)


def test_a_decoder_that_swells_ends_alone(
    paint_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(memory=150 << 20)  # less than PyAV itself takes
    monkeypatch.setattr(decoding, "LIMITS", limits)
    with pytest.raises(PixMusError, match="made the decoder stop"):
        watch_apart(paint_video(), still_duration=20.0)


def test_a_decoder_that_takes_too_long_is_ended(
    paint_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(first_seconds=0.1, per_second=0.0)  # less than Python takes to start
    monkeypatch.setattr(decoding, "LIMITS", limits)
    before = children()
    with pytest.raises(PixMusError, match="could not be decoded within"):
        watch_apart(paint_video(), still_duration=20.0)
    assert children() <= before


def test_stopping_ends_the_process_at_once(paint_video: Callable[..., Path]) -> None:
    clip = paint_video([(30.0, 40), (30.0, 200)], moving=True)
    waits, before = 0, children()

    def stop() -> None:
        nonlocal waits
        waits += 1
        if waits == 10:
            assert children() - before
            raise Stopped

    with pytest.raises(Stopped):
        watch_apart(clip, still_duration=20.0, on_wait=stop)
    assert children() <= before


def spin(tell_length: Callable[[float], object], length: float) -> None:
    """Keeps the processor busy for ever, once it has told its length."""
    tell_length(length)
    while True:
        pass


def overfill(tell_length: Callable[[float], object]) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")


def test_processor_seconds_are_limited_by_the_length_of_the_file() -> None:
    limits = Limits(first_seconds=1.0, per_second=1.0, most_seconds=3.0)
    assert (limits.seconds(), limits.seconds(1.5), limits.seconds(100.0)) == (1.0, 2.5, 3.0)
    with pytest.raises(TookTooLong, match="after 3 s"):
        run_apart(spin, 100.0, limits=limits)


def test_a_full_disk_is_told_as_such() -> None:
    with pytest.raises(DiskError, match="could not be written"):
        run_apart(overfill)


def whose(tell_length: Callable[[float], object], module: str) -> tuple[int, bool]:
    """The process that this is done in, and whether a module was loaded before."""
    return os.getpid(), module in sys.modules


def test_a_process_stands_by_that_has_loaded_what_is_needed_and_each_does_one_piece_of_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_keeper", None)
    sandbox.keep_spare("wave")
    keeper = sandbox._keeper
    assert keeper is not None
    seen = []
    for _ in range(2):
        while (spare := keeper._spare) is None:
            time.sleep(0.02)
        done = threading.Thread(  # from a thread that ends: the process outlives it
            target=lambda: seen.append((spare.process.pid, *run_apart(whose, "wave")))
        )
        done.start()
        done.join()
    assert [pid for pid, _, _ in seen] == [pid for _, pid, _ in seen]
    assert all(loaded for _, _, loaded in seen) and seen[0][0] != seen[1][0]
    while (spare := keeper.take(sandbox.MEMORY_LIMIT)) is None:
        time.sleep(0.02)
    assert spare.process.stdin is not None
    spare.process.stdin.close()  # as it is where its program has gone
    assert spare.process.wait(20) == 0
    spare.end()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for it")
def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pixmus.sandbox import run_apart\n"
        "from test_decoding import spin\n"
        "run_apart(spin, 1000.0)"
    )
    mine = Path(__file__).parent
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(mine)],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while not list(tmp_path.glob("pixmus-apart-*/length")):
        assert parent.poll() is None
        time.sleep(0.1)
    (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 20
    while Path(f"/proc/{child}/cmdline").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}/cmdline").exists()


def test_a_clip_that_is_long_for_its_sound_alone_is_cut_with_the_picture(
    paint_video: Callable[..., Path],
) -> None:
    sound = 0.1 * np.sin(np.arange(6 * 44100) / 20)[None].astype(np.float32)
    clip = paint_video([(3.0, 40)], sound=sound)
    footage = watch_apart(clip, still_duration=20.0, longest=4.0)
    assert footage.video.duration == pytest.approx(3.0, abs=0.05)
    assert "is cut where the picture ends" in " ".join(footage.notices)
    assert watch_apart(clip, still_duration=20.0, longest=8.0).video.duration > 5.9


def test_a_small_file_of_far_too_many_pixels_is_refused_unwatched(
    paint_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = probe(paint_video())
    decoding.check_size(video)
    monkeypatch.setattr(decoding, "FEW_PIXELS", 1e5)
    monkeypatch.setattr(decoding, "PIXELS_PER_BYTE", 1)
    with pytest.raises(PixMusError, match="144 frames of 96x64, which is more than this page"):
        decoding.check_size(video)
