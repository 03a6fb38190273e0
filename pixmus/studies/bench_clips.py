"""The clips of the bench, made of the shared ones: a minute of 1080p, ten of it, real 4K HEVC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.waveform import SAMPLE_RATE

WIDTH, HEIGHT, FRAME_RATE = 1920, 1080, 30
BIT_RATE = 8_000_000  # bits a second
MINUTE_S = 60.0
SHOT_S = 3.75
# Wide footage of many kinds; shots are taken from them in turn.
FOOTAGE = (
    "sam2__01_dog.mp4",
    "sam2__02_cups.mp4",
    "editly-assets__dancer1.webm",
    "sam2__05_default_juggle.mp4",
    "shared-assets__flower.mp4",
    "sam2__04_coffee.mp4",
    "sam2__bedroom.mp4",
    "editly-assets__kohlipe1.mp4",
    "sam2__03_blocks.mp4",
)
SOUND = "shared-assets__tears-of-steel-battle-clip-medium.webm"
HEVC_4K = "editly-assets__changi.mp4"


def make_minute(videos: Path, path: Path, duration: float = MINUTE_S) -> None:
    """Write the 1080p clip: shots of `FOOTAGE` enlarged and cut together, with a film's sound."""
    unfinished = path.with_suffix(".part.mp4")
    sound = read_audio(probe(videos / SOUND))
    assert sound is not None, SOUND
    with av.open(str(unfinished), "w", format="mp4") as out:
        picture = out.add_stream("libx264", rate=FRAME_RATE)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.bit_rate = BIT_RATE
        rates = {"maxrate": str(BIT_RATE), "minrate": str(BIT_RATE), "bufsize": str(BIT_RATE)}
        picture.options = {"preset": "veryfast", **rates}
        track = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=128_000)
        samples = sound[:, : round(duration * SAMPLE_RATE)]
        for index, frame in enumerate(shots(videos, round(duration * FRAME_RATE))):
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            out.mux(picture.encode(frame))
            block = slice(*(round(n * SAMPLE_RATE / FRAME_RATE) for n in (index, index + 1)))
            heard = np.ascontiguousarray(samples[:, block])
            if heard.shape[1]:
                part = av.AudioFrame.from_ndarray(heard, "fltp", "stereo")
                part.sample_rate, part.pts = SAMPLE_RATE, block.start
                part.time_base = Fraction(1, SAMPLE_RATE)
                out.mux(track.encode(part))
        out.mux(picture.encode(None))
        out.mux(track.encode(None))
    unfinished.replace(path)


def shots(videos: Path, num_frames: int) -> Iterator[av.VideoFrame]:
    """`num_frames` frames of 1080p, a new clip every `SHOT_S`, later parts of it when it is back.

    Grain as of a camera is added: enlarged pictures alone would not need 8 Mbit/s.
    """
    reformatter = VideoReformatter()
    generator = np.random.default_rng(0)
    grain = generator.normal(0, 3.0, (HEIGHT + 64, WIDTH + 64)).round().astype(np.int16)
    shot = 0
    while num_frames > 0:
        name, turn = FOOTAGE[shot % len(FOOTAGE)], shot // len(FOOTAGE)
        rate = float(probe(videos / name).frame_rate)
        length = min(round(SHOT_S * FRAME_RATE), num_frames)
        made = 0
        with av.open(str(videos / name)) as source:
            for number, frame in enumerate(source.decode(video=0)):
                time = number / rate - turn * SHOT_S
                while made < length and time >= made / FRAME_RATE:
                    big = reformatter.reformat(
                        frame, WIDTH, HEIGHT, "yuv420p", interpolation=Interpolation.BICUBIC
                    )
                    yield grained(big, grain, generator)
                    made += 1
                if made == length:
                    break
        num_frames -= made
        shot += 1


def grained(
    frame: av.VideoFrame, grain: np.ndarray, generator: np.random.Generator
) -> av.VideoFrame:
    """The frame with a random part of the grain on its luma."""
    planes = frame.to_ndarray()  # (height * 3 / 2, width)
    down, right = generator.integers(0, 64, 2)
    luma = planes[:HEIGHT] + grain[down : down + HEIGHT, right : right + WIDTH]
    planes[:HEIGHT] = np.clip(luma, 0, 255)
    return av.VideoFrame.from_ndarray(planes, "yuv420p")


def repeat_clip(source: Path, path: Path, times: int) -> None:
    """Write a clip `times` over, packet by packet."""
    unfinished = path.with_suffix(".part.mp4")
    seconds = probe(source).duration
    with av.open(str(unfinished), "w", format="mp4") as out:
        streams: dict[int, Any] = {}
        for turn in range(times):
            with av.open(str(source)) as container:
                for packet in container.demux():
                    stream = packet.stream
                    if packet.pts is None or packet.dts is None or stream.time_base is None:
                        continue
                    if stream.index not in streams:
                        streams[stream.index] = out.add_stream_from_template(stream)
                    shift = round(turn * seconds / stream.time_base)
                    packet.stream = streams[stream.index]
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    out.mux(packet)
    unfinished.replace(path)


def clips_to_measure(videos: Path, folder: Path, everything: bool) -> dict[str, Path]:
    """Row names and clips, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    minute = folder / "minute-1080p.mp4"
    if not minute.is_file():
        print(f"making {minute}", flush=True)
        make_minute(videos, minute)
    clips = {"60 s, 1080p H.264": minute}
    if everything:
        clips["9 s, 4K HEVC"] = videos / HEVC_4K
        long = folder / "ten-minutes-1080p.mp4"
        if not long.is_file():
            print(f"making {long}", flush=True)
            repeat_clip(minute, long, 10)
        clips["10 min, 1080p H.264"] = long
    return clips
