"""Which of several sound tracks, and which of several pictures, is the clip's own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.picture.sound import read_audio
from pixmus.picture.track import RATE, voice
from pixmus.picture.video import probe
from pixmus.waveform import SAMPLE_RATE

SECONDS = 4
TIME = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
SILENCE = np.zeros_like(TIME)
BED = 0.3 * np.sin(2 * np.pi * 440 * TIME)  # a steady tone
# Four syllables a second, softer than the bed.
SPEECH = 0.15 * np.sin(2 * np.pi * 700 * TIME) * np.clip(np.sin(2 * np.pi * 4 * TIME), 0, 1)
DEFAULT = av.stream.Disposition.default


def tracks(path: Path, sounds: Sequence[np.ndarray], default: Sequence[int]) -> Path:
    """A Matroska file of these sounds; those whose numbers stand in `default` are flagged."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        streams = [out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono") for _ in sounds]
        for number, stream in enumerate(streams):
            stream.disposition = DEFAULT if number in default else av.stream.Disposition(0)
        for index in range(SECONDS * 10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        for sound, stream in zip(sounds, streams, strict=True):
            samples = (sound * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, 0
            frame.time_base = Fraction(1, SAMPLE_RATE)
            out.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize(
    ("sounds", "default", "number"),
    [
        ((SILENCE, SPEECH, SILENCE, BED), (0,), 2),  # the flagged one is silent
        ((BED, SPEECH), (0,), 1),  # the flagged one is heard
        ((BED, SPEECH), (1,), 2),
        ((BED, SPEECH), (), 2),  # none is flagged: people are listened for
        ((BED, SPEECH), (0, 1), 2),
        ((SPEECH, SPEECH * 1.2), (), 1),  # about the same: the first, as players do
        ((SILENCE, BED), (), 2),
        ((SILENCE, SILENCE), (), 1),
    ],
)
def test_the_track_that_is_taken(
    tmp_path: Path, sounds: tuple[np.ndarray, ...], default: tuple[int, ...], number: int
) -> None:
    video = probe(tracks(tmp_path / "a.mkv", sounds, default))
    assert video.track is not None and video.track.number == number
    assert video.notices == (
        f"The clip has {len(sounds)} sound tracks; number {number} is its own sound.",
    )
    heard = read_audio(video)
    assert heard is not None and np.allclose(heard[0], sounds[number - 1], atol=1e-3)


@pytest.mark.parametrize(
    ("asked", "numbers", "told"),
    [
        ("2", [2], "number 2 is its own sound"),
        ("3,1", [1, 3], "its own sound is 1 and 3 together"),
        ("1 2 2", [1, 2], "its own sound is 1 and 2 together"),
        ("all", [1, 2, 3], "its own sound is 1, 2 and 3 together"),
    ],
)
def test_tracks_that_are_asked_for_sound_together(
    tmp_path: Path, asked: str, numbers: list[int], told: str
) -> None:
    sounds = (SPEECH * 0.5, BED, BED[::-1].copy())
    video = probe(tracks(tmp_path / "a.mkv", sounds, (1,)), tracks=asked)
    assert told in video.notices[0]
    heard = read_audio(video)
    assert heard is not None
    assert np.allclose(heard[0], sum(sounds[number - 1] for number in numbers), atol=3e-3)


@pytest.mark.parametrize("asked", ["3", "0", "1,3", "both", "-1", "1;2"])
def test_a_track_that_is_not_there_is_one_sentence(tmp_path: Path, asked: str) -> None:
    path = tracks(tmp_path / "a.mkv", (SPEECH, BED), (0,))
    with pytest.raises(PixMusError, match='has 2 sound tracks and no .* such as "1,2", or "all"'):
        probe(path, tracks=asked)


def test_one_track_needs_no_word(tmp_path: Path) -> None:
    assert probe(tracks(tmp_path / "a.mkv", (BED,), ())).notices == ()


def test_voice_measures_what_comes_and_goes_as_syllables_do() -> None:
    """A tone of amplitude 1 that swells fully at 4 Hz has an envelope of 0.5 / sqrt(2) there."""
    time = np.arange(8 * RATE) / RATE
    tone = np.sin(2 * np.pi * 1000 * time)
    assert voice(tone * (1 + np.cos(2 * np.pi * 4 * time)) / 2) == pytest.approx(0.25, rel=0.05)
    assert voice(tone) < 0.01
    assert voice(tone * (1 + np.cos(2 * np.pi * 0.5 * time)) / 2) < 0.02
    assert voice(np.sin(2 * np.pi * 60 * time) * (1 + np.cos(2 * np.pi * 4 * time)) / 2) < 0.01
    assert voice(np.zeros(100)) == 0


def test_the_picture_that_is_flagged_and_moves(tmp_path: Path) -> None:
    """A thumbnail of one frame stands before the film."""
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as out:
        thumb = out.add_stream("mjpeg", rate=25)
        thumb.width, thumb.height, thumb.pix_fmt = 32, 24, "yuvj420p"
        thumb.disposition = av.stream.Disposition(0)
        film = out.add_stream("libx264", rate=25)
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        film.disposition = DEFAULT
        for stream, count, size in ((thumb, 1, (24, 32)), (film, 50, (64, 96))):
            for index in range(count):
                image = np.full((*size, 3), 90, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = index, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    video = probe(path)
    assert (video.width, video.height, video.duration) == (96, 64, 2.0)
