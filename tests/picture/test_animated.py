"""Animated WebP files are clips: every frame at its time, transparent over black."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.picture.frames import read_frames
from pixmus.picture.video import probe
from pixmus.picture.write import mux

SIZE = (64, 48)


def paint(path: Path, levels: list[int], lengths: list[int], alpha: int = 255) -> Path:
    """A frame a level, shown for so many milliseconds."""
    images = [Image.new("RGBA", SIZE, (level, level, level, alpha)) for level in levels]
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=lengths, loop=3, lossless=True
    )
    return path


def test_each_frame_stands_at_its_time_and_the_last_as_long_as_it_says(tmp_path: Path) -> None:
    clip = paint(tmp_path / "a.webp", [40, 200, 90], [130, 470, 900])
    video = probe(clip)
    assert not video.is_still and not video.has_audio and video.codec == "webp"
    assert video.duration == pytest.approx(1.5, abs=1e-3)
    frames = list(read_frames(video))
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.13, 0.6], abs=1e-3)
    assert [frame.image.mean() for frame in frames] == pytest.approx([40, 200, 90], abs=2)
    report = mux(video, np.zeros((2, 66150), np.float32), tmp_path / "out.mp4")
    assert "from 64x48 WebP to 64x48 H.264" in report.note
    scored = probe(tmp_path / "out.mp4")
    assert scored.duration == pytest.approx(1.5, abs=2e-3)
    times = [frame.time for frame in read_frames(scored)]
    assert times[:3] == pytest.approx([0.0, 0.13, 0.6], abs=1e-3)


def test_what_is_transparent_is_black_everywhere(tmp_path: Path) -> None:
    video = probe(paint(tmp_path / "a.webp", [240, 120], [500, 500], alpha=128))
    levels = [float(frame.image.mean()) for frame in read_frames(video)]
    assert levels == pytest.approx([120, 60], abs=2)
    report = mux(video, np.zeros((2, 44100), np.float32), tmp_path / "out.mp4")
    assert "laid over black" in report.note
    with av.open(str(tmp_path / "out.mp4")) as scored:
        first = next(scored.decode(video=0)).to_ndarray(format="rgb24")
    assert first.mean() == pytest.approx(120, abs=4)


def test_frames_of_no_length_are_shown_as_browsers_do(tmp_path: Path) -> None:
    video = probe(paint(tmp_path / "a.webp", [40, 200, 90, 20, 180], [0, 10, 11, 0, 200]))
    times = [frame.time for frame in read_frames(video)]
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.211, 0.311], abs=1e-3)


def test_one_frame_is_a_still(tmp_path: Path) -> None:
    image = Image.new("RGBA", SIZE, (90, 90, 90, 255))
    image.save(tmp_path / "a.webp", save_all=True, append_images=[image] * 3, duration=100)
    assert probe(tmp_path / "a.webp", still_duration=2.0).is_still


@pytest.mark.parametrize("kept", [22, 40, 60, 120, -30, -1])
def test_what_is_cut_off_is_one_sentence_or_what_is_there(tmp_path: Path, kept: int) -> None:
    generator = np.random.default_rng(2)
    noise = [generator.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(4)]
    images = [Image.fromarray(pixels) for pixels in noise]
    path = tmp_path / "a.webp"
    images[0].save(path, save_all=True, append_images=images[1:], duration=300)
    path.write_bytes(path.read_bytes()[:kept])
    try:
        assert 0 < probe(path).duration < 20.1
    except PixMusError as error:
        assert str(error).endswith(".") and "a.webp" in str(error)


def test_a_canvas_too_large_is_one_sentence(tmp_path: Path) -> None:
    path = paint(tmp_path / "a.webp", [40, 200], [500, 500])
    data = bytearray(path.read_bytes())
    data[24:30] = (16382).to_bytes(3, "little") * 2  # its width and height less one
    path.write_bytes(data)
    with pytest.raises(PixMusError, match=r"too many pixels|damaged"):
        probe(path)
