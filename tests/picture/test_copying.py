"""A copied picture keeps its packets and its frames' times, and a click stays where it was put."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
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
    picture_frames,
    picture_packets,
    time_of_click,
    times_and_levels,
)

from pixmus.picture import copying, scan
from pixmus.picture.scan import Packet, Scan
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.picture.write import mux


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_copied_packets_are_identical(paint_video: PaintVideo, tmp_path: Path, name: str) -> None:
    path = paint_video(SHOTS, name, sound=click_at(1, 3), **H264)
    out = tmp_path / "scored.mp4"
    assert mux(probe(path), click_at(2.0, 3.0), out).copied
    assert picture_packets(out) == picture_packets(path)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "faststart"


def test_a_clip_is_read_again_only_where_it_has_changed(
    paint_video: PaintVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paint_video(SHOTS, **H264)
    video = probe(path)
    read: list[Path] = []
    scan_file = copying._scan

    def noting(place: Path) -> Scan:
        read.append(place)
        return scan_file(place)

    monkeypatch.setattr(copying, "_scan", noting)
    assert mux(video, click_at(2.0, 3.0), tmp_path / "a.mp4").copied
    assert len(read) == 1 and path not in read, "what was written is checked"
    os.utime(path, ns=(1, 1))
    assert mux(video, click_at(2.0, 3.0), tmp_path / "b.mp4").copied
    assert len(read) == 3 and read[1] == path
    assert picture_packets(tmp_path / "a.mp4") == picture_packets(tmp_path / "b.mp4")


def test_copied_avi_shows_the_same_frames(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(SHOTS, "a.avi", **H264)
    out = tmp_path / "scored.mp4"
    assert mux(probe(path), click_at(2.0, 3.0), out).copied
    reference, estimate = picture_frames(path), picture_frames(out)
    assert len(reference) == len(estimate)
    assert all(np.array_equal(a, b) for a, b in zip(reference, estimate, strict=True))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("start", [0.0, 1.4])
def test_click_stays_in_its_place(
    paint_video: PaintVideo, tmp_path: Path, name: str, start: float
) -> None:
    video = probe(paint_video(SHOTS, name, time_base=FINE, start=start, **H264))
    out = tmp_path / "scored.mp4"
    assert mux(video, click_at(2.5, 3.0), out).copied
    assert cuts_of(out) == pytest.approx([1.0, 2.5], abs=1e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(2.5, abs=0.005)


def test_edit_list_that_hides_the_beginning(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(SHOTS, time_base=FINE, hidden=0.5, **H264)
    video = probe(path)
    assert video.duration == pytest.approx(2.5, abs=1e-3)
    assert cuts_of(path) == pytest.approx([0.5, 2.0], abs=1e-3)
    out = tmp_path / "scored.mp4"
    assert mux(video, click_at(2.0, 2.5), out).copied
    assert picture_packets(out) == picture_packets(path)
    assert cuts_of(out) == pytest.approx([0.5, 2.0], abs=1e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(2.0, abs=0.005)


@pytest.mark.parametrize("kept", [0.5, 0.56])
def test_edit_list_that_hides_the_end(paint_video: PaintVideo, tmp_path: Path, kept: float) -> None:
    path = paint_video(SHOTS, **H264)
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 12
    length = struct.unpack_from(">I", data, place)[0]
    struct.pack_into(">I", data, place, round(length * kept))
    path.write_bytes(data)
    video = probe(path)
    times, _ = times_and_levels(path)
    assert video.duration == pytest.approx(times[-1] + 1 / 24)
    assert 3 * kept - 0.001 <= video.duration < 3 * kept + 1 / 24
    out = tmp_path / "scored.mp4"
    assert mux(video, click_at(1.0, video.duration), out).copied
    assert np.allclose(times_and_levels(out)[0], times, atol=1e-3)
    assert probe(out).duration == pytest.approx(video.duration, abs=1e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(1.0, abs=0.005)


def test_edit_list_of_two_pieces(paint_video: PaintVideo, tmp_path: Path) -> None:
    """The first and the third second; no copy can hold them, so they are encoded."""
    path = paint_video(SHOTS, codec="libx264", options={"bf": "3", "g": "12"}, moving=True)
    data = bytearray(path.read_bytes())
    place = data.index(b"elst")
    _, start = struct.unpack_from(">Ii", data, place + 12)
    with av.open(str(path)) as container:
        ticks = container.streams.video[0].time_base.denominator
    edits = [(1000, start, 1 << 16), (1000, start + 2 * ticks, 1 << 16)]
    data[place + 8 : place + 24] = struct.pack(">I", 2) + b"".join(
        struct.pack(">IiI", *edit) for edit in edits
    )
    for kind in (b"elst", b"edts", b"trak", b"moov"):
        size = data.rindex(kind, 0, place + 4) - 4
        struct.pack_into(">I", data, size, struct.unpack_from(">I", data, size)[0] + 12)
    path.write_bytes(data)
    assert probe(path).duration == pytest.approx(2.0)
    assert cuts_of(path) == pytest.approx([1.0, 1.5])
    out = tmp_path / "scored.mp4"
    assert not mux(probe(path), click_at(1.5, 2.0), out).copied
    assert cuts_of(out) == pytest.approx([1.0, 1.5], abs=1e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(1.5, abs=0.005)


def test_full_hd_is_copied(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(
        ((0.5, 90),),
        size=(1920, 1080),
        codec="libx264",
        options={"preset": "ultrafast"},
        frame_rate=8,
    )
    assert mux(probe(path), click_at(0.2, 0.5), tmp_path / "scored.mp4").copied


def test_a_scan_is_kept_of_a_file_that_is_there_and_not_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"clip")
    scanned = Scan(Fraction(1, 30), packets=[Packet(0, 0, 1, True)] * 3)
    scan.remember(path, scanned)
    kept = scan.remembered(path)
    assert kept is not None and kept is not scanned and kept.packets == scanned.packets
    monkeypatch.setattr(scan, "_MOST_PACKETS", 2)
    other = tmp_path / "long.mp4"
    other.write_bytes(b"long")
    scan.remember(other, scanned)
    assert scan.remembered(other) is None
    path.unlink()
    assert scan.remembered(path) is None  # whoever opens it says so
