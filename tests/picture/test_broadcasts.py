"""Transport streams as they come: joined, with lost packets, with a clock that wraps."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from conftest import PaintVideo
from painted import (
    FINE,
    H264,
    SHOTS,
    click_at,
    cuts_of,
    picture_packets,
    time_of_click,
    times_and_levels,
)

from pixmus.errors import PixMusError
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.picture.write import mux

TS = {**H264, "container_format": "mpegts", "sound_codec": "mp2"}
PACKET = 188  # bytes of a transport stream's packet


def test_a_stream(paint_video: PaintVideo) -> None:
    video = probe(paint_video(SHOTS, "a.ts", sound=click_at(1.25, 3.0), **TS))
    assert video.duration == pytest.approx(3.0, abs=1e-3) and video.frame_rate == 24
    assert video.notices == () and video.shifts == (0.0,)
    assert time_of_click(read_audio(video)) == pytest.approx(1.25, abs=0.005)


def test_two_streams_joined(paint_video: PaintVideo, tmp_path: Path) -> None:
    """The clock starts anew at the joint; picture and sound go on together."""
    first = paint_video(SHOTS, "a.ts", sound=click_at(0.5, 3.0), **TS)
    second = paint_video(((2.0, 240), (1.0, 60)), "b.ts", sound=2 * click_at(2.25, 3.0), **TS)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    video = probe(joined)
    assert video.duration == pytest.approx(6.0, abs=2e-3) and video.frame_rate == 24
    assert "starts anew (2 parts)" in video.notices[0]
    times, _ = times_and_levels(joined)
    assert np.allclose(times, np.arange(144) / 24, atol=2e-3)
    assert cuts_of(joined) == pytest.approx([1.0, 2.5, 3.0, 5.0], abs=2e-3)
    assert time_of_click(read_audio(video)) == pytest.approx(5.25, abs=0.012)
    out = tmp_path / "out.mp4"
    mux(video, click_at(5.25, video.duration), out)
    assert cuts_of(out) == pytest.approx([1.0, 2.5, 3.0, 5.0], abs=2e-3)
    assert probe(out).duration == pytest.approx(6.0, abs=2e-3)


def test_two_sizes_joined_are_encoded_anew(paint_video: PaintVideo, tmp_path: Path) -> None:
    first = paint_video(SHOTS, "a.ts", **TS)
    second = paint_video(SHOTS, "b.ts", **{**TS, "size": (128, 96)})
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    video = probe(joined)
    out = tmp_path / "out.mp4"
    assert not mux(video, click_at(1.0, video.duration), out).copied
    assert (probe(out).width, probe(out).height) == (96, 64)
    assert cuts_of(out) == pytest.approx([1.0, 2.5, 3.0, 4.0, 5.5], abs=2e-3)


def test_packets_that_were_lost(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(SHOTS, "a.ts", sound=click_at(2.75, 3.0), **{**TS, "size": (320, 240)})
    data = path.read_bytes()
    count = len(data) // PACKET
    packets = [data[n * PACKET : (n + 1) * PACKET] for n in range(count)]
    picture = [n for n, p in enumerate(packets) if p[1] & 31 == 1 and p[2] == 0]  # its number: 256
    lost = picture[len(picture) // 3 :][:3]
    path.write_bytes(b"".join(p for n, p in enumerate(packets) if n not in lost))
    video = probe(path)
    assert video.duration == pytest.approx(3.0, abs=0.01)
    assert any("is damaged in" in told for told in video.notices)
    assert time_of_click(read_audio(video)) == pytest.approx(2.75, abs=0.03)
    times, _ = times_and_levels(path)
    assert len(times) >= 60
    mux(video, click_at(1.0, video.duration), tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(video.duration, abs=0.05)


def test_a_stream_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes(bytes(PACKET * 50))
    with pytest.raises(PixMusError):
        probe(path)


def test_a_clock_that_wraps(paint_video: PaintVideo) -> None:
    """It counts to 2^33 ticks; what lies before is below zero to FFmpeg, sound and all."""
    start = 2**33 / 90000 - 1.5 - 1.4
    path = paint_video(SHOTS, "a.ts", start=start, time_base=FINE, sound=click_at(0.5, 3.0), **TS)
    with av.open(str(path)) as container:
        assert container.streams.video[0].start_time is not None
    video = probe(path)
    assert video.duration == pytest.approx(3.0, abs=2e-3)
    assert len(picture_packets(path)) == 72
    assert time_of_click(read_audio(video)) == pytest.approx(0.5, abs=0.005)
