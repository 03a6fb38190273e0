"""What a scored clip keeps of its source beside picture and sound, and what is said to be lost."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from painted import silence

from pixmus.picture.video import Chapter, probe
from pixmus.picture.write import mux, trim

RATE = Fraction(30000, 1001)
CHAPTERS: list[Any] = [
    {
        "id": number,
        "start": 1000 * number,
        "end": 1000 * number + 1000,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }
    for number, title in enumerate(("One", "Zwei"))
]


def camera_clip(path: Path, codec: str) -> Path:
    """Two seconds that start at 00:59:58;00 and have two chapters."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.metadata["timecode"] = "00:59:58;00"
        out.set_chapters(CHAPTERS)
        for index in range(60):
            image = np.full((64, 96, 3), 90, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, 1 / RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def with_subtitles(path: Path, source: Path) -> Path:
    """The picture of a clip with one that is shown from 0.5 to 9.5 s."""
    words = path.with_suffix(".srt")
    words.write_text("1\n00:00:00,500 --> 00:00:09,500\nA word\n")
    with av.open(str(source)) as film, av.open(str(words)) as text, av.open(str(path), "w") as out:
        picture = out.add_stream_from_template(film.streams.video[0])
        track = out.add_stream_from_template(text.streams.subtitles[0])
        for container, stream in ((film, picture), (text, track)):
            for packet in container.demux():
                if packet.size and packet.stream.type in ("video", "subtitle"):
                    packet.stream = stream
                    out.mux(packet)
    return path


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("name", ["a.mov", "a.mp4"])
def test_timecode_and_chapters(tmp_path: Path, codec: str, name: str) -> None:
    video = probe(camera_clip(tmp_path / name, codec))
    assert video.timecode == "00:59:58;00" and video.notices == ()
    assert [chapter.title for chapter in video.chapters] == ["One", "Zwei"]
    assert mux(video, silence(video), tmp_path / "out.mp4").copied == (codec == "libx264")
    scored = probe(tmp_path / "out.mp4")
    assert scored.timecode == "00:59:58;00" and scored.notices == ()
    assert scored.duration == pytest.approx(video.duration, abs=1e-3)
    for had, has in zip(video.chapters, scored.chapters, strict=True):
        assert has.title == had.title and has.start == pytest.approx(had.start, abs=2e-3)


def test_a_part_has_the_timecode_of_its_first_frame(tmp_path: Path) -> None:
    video = probe(camera_clip(tmp_path / "a.mov", "libx264"))
    trim(video, 1.5, 2.002, tmp_path / "part.mp4")
    part = probe(tmp_path / "part.mp4")
    assert part.timecode == "00:59:59;15"
    assert [chapter.title for chapter in part.chapters] == ["Zwei"]
    assert part.chapters[0] == Chapter(0.0, pytest.approx(0.502, abs=0.02), "Zwei")  # type: ignore[arg-type]


def test_subtitles_that_outlast_the_picture_are_left_out_and_said(tmp_path: Path) -> None:
    plain = camera_clip(tmp_path / "plain.mkv", "libx264")
    video = probe(with_subtitles(tmp_path / "a.mkv", plain))
    assert video.duration == pytest.approx(2.002, abs=2e-3)
    assert video.notices == ("The clip has a subtitle track, which the scored clip leaves out.",)
    mux(video, silence(video), tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").notices == ()
