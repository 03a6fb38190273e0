"""The bench: its clips are what they claim, and its table holds every line."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from pixmus.picture.video import probe
from pixmus.studies import bench

SHARED = Path(__file__).parents[3] / "shared" / "data" / "video"


def test_repeated_clip_is_as_long_as_its_copies(paint_video, tmp_path: Path) -> None:
    source = paint_video([(1, 40), (1, 200)], codec="libx264", frame_rate=24)
    bench.repeat_clip(source, tmp_path / "long.mp4", 3)
    video = probe(tmp_path / "long.mp4")
    assert video.duration == pytest.approx(6.0, abs=0.05)
    with av.open(str(tmp_path / "long.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3 * 48


def test_plain_decoding_takes_time(paint_video) -> None:
    assert 0 < bench.decode_plainly(paint_video()) < 30
    assert bench.peak_memory() > 10


def test_table() -> None:
    row = {
        "picture": "1920x1080 h264, 30 fps",
        "mbit_per_s": 8.0,
        "ensemble": "piano",
        "notes": 300,
        "stages_s": dict.fromkeys(bench.STAGES, 1.0),
        "inside_watch_s": dict.fromkeys(bench.INSIDE_WATCH, 0.5),
        "call_s": 7.0,
        "call_cpu_s": 9.0,
        "decode_s": 5.0,
        "ratio": 1.4,
        "bundle_s": 2.0,
        "pictures_s": 1.5,
        "ratio_with_bundle": 1.8,
        "first_call_s": 8.0,
        "load_model_s": 1.0,
        "cold_start_s": 11.0,
        "call_peak_mib": 900.0,
        "peak_mib": 1000.0,
        "load_average": 2.0,
    }
    result = {
        "command": "make bench",
        "machine": bench.machine(),
        "renderer": "synth",
        "steps": 20,
        "rows": {"60 s": row, "10 min": row},
    }
    table = [line for line in bench.to_markdown(result).splitlines() if line.startswith("|")]
    assert all(line.count("|") == 4 for line in table)
    for name in (*bench.STAGES, "**call over decoding**", "peak memory of the call, MiB"):
        assert any(line.startswith(f"| {name} |") for line in table), name


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared clips")
def test_bench_clip_is_full_hd_with_sound(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    bench.make_minute(SHARED, path, duration=0.6)
    video = probe(path)
    assert (video.width, video.height, video.codec) == (1920, 1080, "h264")
    assert video.has_audio and video.duration == pytest.approx(0.6, abs=0.01)
