"""The bench: its clips are what they claim."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import av
import pytest

from pixmus.picture.video import probe
from pixmus.studies import bench, bench_clips
from pixmus.studies.machine import peak_memory

SHARED = Path(__file__).parents[3] / "shared" / "data" / "video"


def test_repeated_clip_is_as_long_as_its_copies(paint_video, tmp_path: Path) -> None:
    source = paint_video([(1, 40), (1, 200)], codec="libx264", frame_rate=24)
    bench_clips.repeat_clip(source, tmp_path / "long.mp4", 3)
    video = probe(tmp_path / "long.mp4")
    assert video.duration == pytest.approx(6.0, abs=0.05)
    with av.open(str(tmp_path / "long.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3 * 48


def test_plain_decoding_takes_time(paint_video) -> None:
    seconds, cpu = bench.decode_plainly(paint_video())
    assert 0 < seconds < 30 and 0 < cpu < 30
    assert peak_memory() > 10


def test_a_call_is_timed_beside_another_and_beside_a_busy_neighbour() -> None:
    held = 0.05  # seconds that a call takes, whatever else runs
    calls: list[tuple[int, float, float]] = []

    def call(number: int) -> None:
        begun = time.monotonic()
        time.sleep(held)
        calls.append((number, begun, time.monotonic()))

    found = bench.time_disturbed(call)
    assert sorted(number for number, *_ in calls) == [0, 0, 1]
    one, other = sorted(calls[:2], key=lambda each: each[1])
    assert other[1] < one[2], "the second begins before the first has ended"
    assert found["two_at_once"] >= held and found["busy_neighbour"] >= held


def test_the_neighbour_computes_and_goes() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with bench.busy_neighbour():
        time.sleep(0.5)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > before + 0.02


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared clips")
def test_bench_clip_is_full_hd_with_sound(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    bench_clips.make_minute(SHARED, path, duration=0.6)
    video = probe(path)
    assert (video.width, video.height, video.codec) == (1920, 1080, "h264")
    assert video.has_audio and video.duration == pytest.approx(0.6, abs=0.01)


def test_of_calls_and_decodings_the_best_counts(paint_video) -> None:
    clip = paint_video()
    slow = {"watch": 3.0, "mux": 0.5}
    take, measured = bench._turn(lambda: ("take", slow, 4.0), clip)
    assert take == "take" and measured["call_s"] == 4.0 and measured["watch"] == 3.0
    assert measured["decode_s"] > 0
    assert bench.best_of([{"a": 3.0, "b": 1.0}, {"a": 2.0, "b": 5.0}]) == {"a": 2.0, "b": 1.0}
