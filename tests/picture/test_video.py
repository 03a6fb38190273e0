"""Clips of every kind keep their frames' times, and a click stays where it was put.

The kinds that the shared clips lack are encoded here: MPEG-4, HEVC, VP9, AV1, GIF, AVI, ogv (with
VP8), rotation, pixel aspect, variable rate, start offsets, edit lists, 10 bits. Theora is not
tested: PyAV's wheel decodes it but has no encoder for it.
"""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import PaintVideo
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.picture.video import Video, mux, probe, read_audio, read_frames
from pixmus.waveform import SAMPLE_RATE

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "video"
SHOTS = ((1.0, 40), (1.5, 200), (0.5, 90))
B_FRAMES = {"bf": "3", "preset": "veryfast", "b-pyramid": "normal"}
H264 = {"codec": "libx264", "options": B_FRAMES, "moving": True}
FINE = Fraction(1, 24000)  # ticks that hold 24 frames a second and 1.4 s alike
QUIET_HEVC = {"x265-params": "log-level=none"}
FAST_VPX = {"deadline": "realtime", "cpu-used": "8"}
UNEVEN = (0, 0.1, 0.15, 0.3, 0.31, 0.6, 0.9, 1.2, 1.25, 1.8, 2.2, 2.9)  # seconds


def click_at(time: float, duration: float) -> np.ndarray:
    waveform = np.zeros((2, round(duration * SAMPLE_RATE)), np.float32)
    start = round(time * SAMPLE_RATE)
    waveform[:, start : start + 8] = 0.9
    return waveform


def silence(video: Video) -> np.ndarray:
    return np.zeros((2, round(video.duration * SAMPLE_RATE)), np.float32)


def time_of_click(waveform: np.ndarray | None) -> float:
    assert waveform is not None
    return float(np.abs(waveform).sum(0).argmax()) / SAMPLE_RATE


def times_and_levels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    frames = list(read_frames(probe(path)))
    return (
        np.array([frame.time for frame in frames]),
        np.array([frame.image.mean() for frame in frames]),
    )


def cuts_of(path: Path) -> list[float]:
    times, levels = times_and_levels(path)
    return [float(times[i]) for i in range(1, len(times)) if abs(levels[i] - levels[i - 1]) > 20]


def picture_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def picture_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


# What a clip is


@pytest.mark.parametrize(
    ("name", "how", "codec"),
    [
        ("a.mp4", {}, "mpeg4"),
        ("a.mov", H264, "h264"),
        ("a.mkv", H264, "h264"),
        ("a.avi", H264, "h264"),
        ("b.avi", {"options": {"bf": "2"}, "moving": True}, "mpeg4"),
        ("a.webm", {"codec": "libvpx", "options": FAST_VPX, "moving": True}, "vp8"),
        ("b.webm", {"codec": "libvpx-vp9", "options": FAST_VPX}, "vp9"),
        ("c.webm", {"codec": "libsvtav1", "options": {"preset": "11"}}, "av1"),
        ("b.mp4", {"codec": "libsvtav1", "options": {"preset": "11"}}, "av1"),
        ("b.mkv", {"codec": "libx265", "options": QUIET_HEVC, "moving": True}, "hevc"),
        ("a.ogv", {"codec": "libvpx", "options": FAST_VPX, "container_format": "ogg"}, "vp8"),
        ("c.mp4", {"codec": "libx264", "pixel_format": "yuv420p10le"}, "h264"),
    ],
)
def test_kinds(paint_video: PaintVideo, tmp_path: Path, name: str, how: dict, codec: str) -> None:
    path = paint_video(SHOTS, name, **how)
    video = probe(path)
    assert video.codec == codec
    assert video.duration == pytest.approx(3.0, abs=1e-6)
    assert video.frame_rate == 24
    assert (video.width, video.height) == (96, 64)
    assert not video.has_audio and not video.is_still and video.rotation == 0
    times, _ = times_and_levels(path)
    assert np.allclose(times, np.arange(72) / 24, atol=1e-3)
    assert cuts_of(path) == pytest.approx([1.0, 2.5], abs=1e-3)

    out = tmp_path / "scored.mp4"
    report = mux(video, click_at(2.0, 3.0), out)
    scored = probe(out)
    assert report.copied == (codec == "h264" and video.pixel_format == "yuv420p")
    assert scored.codec == "h264" and scored.pixel_format == "yuv420p"
    assert scored.duration == pytest.approx(3.0, abs=1e-3)
    assert np.allclose(times_and_levels(out)[0], times, atol=1e-3)
    assert cuts_of(out) == pytest.approx([1.0, 2.5], abs=1e-3)
    assert time_of_click(read_audio(scored)) == pytest.approx(2.0, abs=0.005)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("a.mkv", Fraction(30000, 1001)), ("a.mkv", 25), ("a.mkv", 60), ("a.mp4", 30)],
)
def test_exact_rates(paint_video: PaintVideo, name: str, rate: Fraction) -> None:
    video = probe(paint_video(SHOTS, name, frame_rate=rate, **H264))
    assert video.frame_rate == rate
    assert video.duration == pytest.approx(round(3 * rate) / rate, abs=1e-6)


def test_gif(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(
        SHOTS, "a.gif", codec="gif", pixel_format="bgr8", frame_rate=10, size=(97, 63)
    )
    video = probe(path)
    assert (video.duration, video.frame_rate, video.width, video.height) == (3.0, 10, 97, 63)
    assert cuts_of(path) == pytest.approx([1.0, 2.5])
    out = tmp_path / "scored.mp4"
    mux(video, silence(video), out)
    assert cuts_of(out) == pytest.approx([1.0, 2.5])
    assert abs(probe(out).width - 97) <= 1


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9")])
def test_variable_rate(paint_video: PaintVideo, tmp_path: Path, name: str, codec: str) -> None:
    options = B_FRAMES if codec == "libx264" else FAST_VPX
    path = paint_video(
        SHOTS, name, codec=codec, options=options, times=UNEVEN, time_base=Fraction(1, 1000)
    )
    video = probe(path)
    assert np.allclose(times_and_levels(path)[0], UNEVEN, atol=1e-3)
    out = tmp_path / "scored.mp4"
    mux(video, click_at(1.2, video.duration), out)
    assert np.allclose(times_and_levels(out)[0], UNEVEN, atol=1e-3)
    assert probe(out).duration == pytest.approx(video.duration, abs=1e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(1.2, abs=0.005)


@pytest.mark.parametrize(
    ("rotation", "codec"), [(90, "libx264"), (180, "mpeg4"), (270, "libx264"), (90, "mpeg4")]
)
def test_rotation(paint_video: PaintVideo, tmp_path: Path, rotation: int, codec: str) -> None:
    path = paint_video(((1, 20),), codec=codec, rotation=rotation, moving=True)
    video = probe(path)
    assert video.rotation == rotation
    assert (video.width, video.height) == ((96, 64) if rotation == 180 else (64, 96))
    image = next(read_frames(video)).image
    assert image.shape == (video.height, video.width, 3)
    # The square is stored at the left edge: clockwise turns take it to the top, right, bottom.
    edges = {90: image[:16], 180: image[:, -16:], 270: image[-16:]}
    assert edges[rotation].mean() > 1.5 * image.mean()
    out = tmp_path / "scored.mp4"
    mux(video, silence(video), out)
    turned = next(read_frames(probe(out))).image
    assert np.abs(turned.astype(int) - image).mean() < 4
    assert probe(out).rotation == rotation


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "mpeg4")])
def test_pixel_aspect(paint_video: PaintVideo, tmp_path: Path, name: str, codec: str) -> None:
    video = probe(paint_video(SHOTS, name, codec=codec, sample_aspect=Fraction(4, 3)))
    assert (video.width, video.height) == (128, 64)
    out = tmp_path / "scored.mp4"
    mux(video, silence(video), out)
    assert (probe(out).width, probe(out).height) == (128, 64)


def test_small_frames(paint_video: PaintVideo) -> None:
    video = probe(paint_video(((0.5, 90),), size=(640, 360)))
    assert next(read_frames(video)).image.shape == (90, 160, 3)
    tall = probe(paint_video(((0.5, 90),), "tall.mp4", size=(360, 640)))
    assert next(read_frames(tall)).image.shape == (160, 90, 3)
    assert next(read_frames(tall, max_width=64)).image.shape == (64, 36, 3)


# Sound


@pytest.mark.parametrize(
    ("name", "sound_codec"),
    [("a.mp4", "aac"), ("a.mkv", "libmp3lame"), ("b.mkv", "libopus"), ("a.avi", "pcm_s16le")],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_own_sound(paint_video: PaintVideo, name: str, sound_codec: str, channels: int) -> None:
    sound = click_at(1.25, 3.0)[:channels]
    video = probe(paint_video(SHOTS, name, sound=sound, sound_codec=sound_codec))
    waveform = read_audio(video)
    assert video.has_audio and waveform is not None
    assert waveform.shape == (2, 3 * SAMPLE_RATE) and waveform.dtype == np.float32
    assert time_of_click(waveform) == pytest.approx(1.25, abs=0.002)
    assert 0.6 < np.abs(waveform).max() < 1.2  # a mono sound is as loud as it was
    assert np.allclose(waveform[0], waveform[1], atol=1e-3)


def test_own_sound_counts_from_the_first_frame(paint_video: PaintVideo) -> None:
    sound = click_at(1.25, 3.0)
    late = probe(paint_video(SHOTS, time_base=FINE, start=1.4, sound=sound, **H264))
    assert late.start_time == pytest.approx(1.4, abs=1e-3)
    assert time_of_click(read_audio(late)) == pytest.approx(1.25, abs=0.002)


def test_no_sound(paint_video: PaintVideo) -> None:
    assert read_audio(probe(paint_video(SHOTS))) is None


# The scored clip


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_copied_packets_are_identical(paint_video: PaintVideo, tmp_path: Path, name: str) -> None:
    path = paint_video(SHOTS, name, sound=click_at(1, 3), **H264)
    out = tmp_path / "scored.mp4"
    assert mux(probe(path), click_at(2.0, 3.0), out).copied
    assert picture_packets(out) == picture_packets(path)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "faststart"


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


@pytest.mark.parametrize("length", [0.0, 2.99, 7.0])
def test_sound_is_as_long_as_the_picture(
    paint_video: PaintVideo, tmp_path: Path, length: float
) -> None:
    video = probe(paint_video(SHOTS, **H264))
    out = tmp_path / "scored.mp4"
    mux(video, np.full((2, round(length * SAMPLE_RATE)), 0.1, np.float32), out)
    with av.open(str(out)) as container:
        for stream in container.streams:
            assert float(stream.duration * stream.time_base) == pytest.approx(3.0, abs=1e-3)
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    assert 3 * SAMPLE_RATE <= decoded < 3 * SAMPLE_RATE + 2 * 1024
    assert probe(out).duration == pytest.approx(3.0, abs=1e-6)


def test_large_pictures_become_1080p(paint_video: PaintVideo, tmp_path: Path) -> None:
    out = tmp_path / "scored.mp4"
    shots, fast = ((0.5, 90),), {"preset": "ultrafast"}
    for name, size, codec, options in (
        ("4k.mp4", (3840, 2160), "libx264", fast),
        ("tall.mp4", (2160, 3840), "mpeg4", {}),
    ):
        path = paint_video(shots, name, size=size, codec=codec, options=options, frame_rate=4)
        report = mux(probe(path), click_at(0.2, 0.5), out, overwrite=True)
        scored = probe(out)
        assert sorted((scored.width, scored.height)) == [1080, 1920]
        assert (scored.width > scored.height) == (size[0] > size[1])
        assert not report.copied and "3840" in report.note and "H.264" in report.note


def test_full_hd_is_copied(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(
        ((0.5, 90),),
        size=(1920, 1080),
        codec="libx264",
        options={"preset": "ultrafast"},
        frame_rate=8,
    )
    assert mux(probe(path), click_at(0.2, 0.5), tmp_path / "scored.mp4").copied


# Still images


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_still(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"still.{suffix}"
    Image.new("RGB", (401, 301), (200, 40, 40)).save(path)
    video = probe(path, still_duration=2.0)
    assert video.is_still and not video.has_audio and video.duration == 2.0
    assert (video.width, video.height) == (401, 301)
    frames = list(read_frames(video))
    assert len(frames) == 48 and frames[1].time == pytest.approx(1 / 24)
    assert frames[0].image.shape == (120, 160, 3)
    assert np.allclose(frames[-1].image.mean((0, 1)), (200, 40, 40), atol=3)
    assert read_audio(video) is None
    out = tmp_path / "scored.mp4"
    report = mux(video, click_at(1.5, 2.0), out)
    scored = probe(out)
    assert not report.copied
    assert scored.codec == "h264" and scored.duration == pytest.approx(2.0, abs=1e-3)
    image = next(read_frames(scored)).image
    assert np.allclose(image.mean((0, 1)), (200, 40, 40), atol=6)
    assert time_of_click(read_audio(scored)) == pytest.approx(1.5, abs=0.005)


def test_still_is_upright_and_opaque(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise for display
    Image.new("RGB", (400, 300), "white").save(path, exif=exif)
    assert (probe(path).width, probe(path).height) == (300, 400)
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (40, 30), (255, 255, 255, 0)).save(clear)
    assert next(read_frames(probe(clear))).image.max() == 0
    gif = tmp_path / "one.gif"
    Image.new("RGB", (40, 30), "white").save(gif)
    assert probe(gif).is_still


# What cannot be used


def refused(path: Path, words: str) -> None:
    with pytest.raises(PixMusError, match=words) as caught:
        probe(path)
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")


def test_unusable_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", "does not exist")
    refused(tmp_path, "is not a file")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    refused(empty, "is empty")
    text = tmp_path / "text.mp4"
    text.write_text("This is not a video.\n" * 100)
    refused(text, "not a video or image")
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n")
    refused(playlist, "not a video or image")
    image = tmp_path / "cut.jpg"
    Image.effect_noise((200, 200), 50).save(image)
    image.write_bytes(image.read_bytes()[:2000])
    refused(image, "cut off or damaged")


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44100), np.float32), "fltp", "stereo")
        frame.sample_rate = SAMPLE_RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    refused(path, "no picture")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {**H264}),
        ("a.mkv", {**H264}),
        ("a.webm", {"codec": "libvpx", "options": FAST_VPX, "moving": True}),
        ("a.avi", {"moving": True}),
        ("b.avi", {"moving": True, "size": (480, 320)}),
    ],
)
def test_truncated(paint_video: PaintVideo, name: str, how: dict) -> None:
    path = paint_video(SHOTS, name, **how)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, "cut off")


def test_truncated_scored_clip(paint_video: PaintVideo, tmp_path: Path) -> None:
    out = tmp_path / "scored.mp4"  # its index stands first
    mux(probe(paint_video(SHOTS, **H264)), click_at(1, 3), out)
    out.write_bytes(out.read_bytes()[: out.stat().st_size * 2 // 3])
    refused(out, "cut off")


def test_too_short_and_too_long(paint_video: PaintVideo, tmp_path: Path) -> None:
    refused(paint_video(((1 / 24, 40),), "one.mp4"), "too short")
    assert probe(paint_video(((0.5, 40),), "half.mp4")).duration == 0.5
    long = {"frame_rate": 1, "size": (32, 32)}
    refused(paint_video(((660, 40),), "long.mp4", **long), "too long .11.0 minutes.")
    assert probe(tmp_path / "long.mp4", max_duration=math.inf).duration == 660.0
    assert probe(paint_video(((600, 40),), "ten.mp4", **long)).duration == 600.0
    still = tmp_path / "still.png"
    Image.new("RGB", (40, 30)).save(still)
    with pytest.raises(PixMusError, match="too long"):
        probe(still, still_duration=700)


def test_unknown_codec(paint_video: PaintVideo) -> None:
    path = paint_video(SHOTS, "a.mkv")
    data = path.read_bytes()
    assert data.count(b"V_MPEG4/ISO/ASP") == 1
    path.write_bytes(data.replace(b"V_MPEG4/ISO/ASP", b"V_MYSTERY/CODEC"))
    refused(path, "cannot be decoded")


def test_odd_names(tmp_path: Path, paint_video: PaintVideo, monkeypatch) -> None:  # noqa: ANN001
    path = paint_video(((0.5, 40),), "take: 2 %d é.mp4")
    monkeypatch.chdir(tmp_path)
    video = probe(path.name)
    mux(video, silence(video), "out: 1.mp4")
    assert probe("out: 1.mp4").duration == 0.5


# What cannot be written


def test_refuses_to_write(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(SHOTS, **H264)
    video, out = probe(path), tmp_path / "scored.mp4"
    out.write_text("precious")
    with pytest.raises(PixMusError, match="already there"):
        mux(video, silence(video), out)
    assert out.read_text() == "precious"
    mux(video, silence(video), out, overwrite=True)
    assert probe(out).duration == pytest.approx(3.0)
    with pytest.raises(PixMusError, match="is the clip itself"):
        mux(video, silence(video), path, overwrite=True)
    with pytest.raises(PixMusError, match="not a folder"):
        mux(video, silence(video), tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(PixMusError, match="ends in .mp4"):
        mux(video, silence(video), tmp_path / "out.avi")
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, out.name]


def test_unwritable_folder(paint_video: PaintVideo, tmp_path: Path) -> None:
    video = probe(paint_video(SHOTS))
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    is_root = os.geteuid() == 0  # who may write everywhere, so becomes somebody else
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(PixMusError, match="may not be written"):
            mux(video, silence(video), folder / "out.mp4")
    finally:
        if is_root:
            os.seteuid(0)


ATTEMPT = """
import resource, signal, sys
from pathlib import Path
import numpy as np
import pixmus.picture.video
from pixmus.errors import PixMusError
from pixmus.picture.video import mux, probe
from pixmus.waveform import SAMPLE_RATE
video = probe(sys.argv[1])
noise = np.random.default_rng(0).uniform(-1, 1, (2, int(video.duration * 44100)))
if sys.argv[3] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
else:
    # A job in the background of a shell begins with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    encode = pixmus.picture.video._encode_sound
    def interrupted(*arguments):
        for number, packet in enumerate(encode(*arguments)):
            if number == 20:
                print(len([*Path(sys.argv[2]).parent.iterdir()]), "files")
                signal.raise_signal(signal.SIGINT)
            yield packet
    pixmus.picture.video._encode_sound = interrupted
try:
    mux(video, noise.astype("float32"), sys.argv[2], overwrite=True)
except PixMusError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("what", "said"), [("full", "the disk is full"), ("interrupt", "2 files\ninterrupted")]
)
def test_leaves_nothing_behind(
    paint_video: PaintVideo, tmp_path: Path, what: str, said: str
) -> None:
    """A file size limit stands for the full disk: the write fails in the same place."""
    path = paint_video(((300, 40),), frame_rate=2)
    out = tmp_path / "scored.mp4"
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT, str(path), str(out), what],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said in done.stdout, done.stdout + done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# Real clips


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the shared clips are not here")
@pytest.mark.parametrize(
    ("name", "copied"),
    [
        ("editly-assets__lofoten.mp4", True),  # an edit list that hides the last frame
        ("sample-videos__bird.mkv", True),  # starts at 0.033 s, no decoding times
        ("videocomposer__motion_transfer.mp4", True),  # variable rate
        ("shared-assets__friday.mp4", True),  # B-frames and sound
        ("learning-area__rabbit.mp4", True),  # tracks that are neither picture nor sound
    ],
)
def test_real_clips(tmp_path: Path, name: str, copied: bool) -> None:
    path, out = CLIPS / name, tmp_path / "scored.mp4"
    video = probe(path)
    times, levels = times_and_levels(path)
    assert mux(video, click_at(1.0, video.duration), out).copied == copied
    scored_times, scored_levels = times_and_levels(out)
    assert times[0] == 0.0 and np.all(np.diff(times) > 0) and times[-1] < video.duration
    assert np.allclose(times, scored_times, atol=1e-3)
    assert np.allclose(levels, scored_levels)
    assert probe(out).duration == pytest.approx(video.duration, abs=2e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(1.0, abs=0.005)
