"""Clips as cameras, recorders and broadcasts leave them, painted with PyAV; their truth is known.

Conventions: a clip is grey, its levels change at its cuts; its sound is silent but for a click.
Times are seconds from the first displayed frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from PIL import Image

from pixmus.picture.tone import HLG, PQ
from pixmus.waveform import SAMPLE_RATE

RATE = Fraction(25)
SIZE = (96, 64)
FINE = Fraction(1, 16000)
TS_PACKET = 188  # bytes
LEVELS = ((0.0, 40), (1.0, 200), (2.0, 90))  # from when, what grey
SYLLABLES_HZ = 4


@dataclass(frozen=True)
class Clip:
    """How a clip is painted."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    times: Sequence[float] = tuple(index / 25 for index in range(75))
    levels: Sequence[tuple[float, int]] = LEVELS
    size: tuple[int, int] = SIZE
    sounds: Sequence[np.ndarray] = ()  # (samples,) each
    sound_codec: str = "pcm_s16le"
    container: str | None = None
    default: Sequence[int] = ()  # numbers of the tracks that are flagged
    start: float = 0.0
    transfer: int = 0  # of HDR
    is_interlaced: bool = False

    def paint(self, path: Path) -> Path:
        with av.open(str(path), "w", format=self.container) as out:
            picture = cast(
                av.VideoStream, out.add_stream(self.codec, rate=RATE, options=self.options)
            )
            (picture.width, picture.height), picture.pix_fmt = self.size, self.pixel_format
            context = picture.codec_context
            context.time_base = 1 / RATE if self.codec == "mpeg2video" else FINE
            if self.transfer:
                context.colorspace = context.color_primaries = 9  # BT.2020
                context.color_trc = self.transfer
            tracks = [
                cast(
                    av.AudioStream,
                    out.add_stream(self.sound_codec, rate=SAMPLE_RATE, layout="mono"),
                )
                for _ in self.sounds
            ]
            for number, track in enumerate(tracks):
                flag = av.stream.Disposition.default
                track.disposition = flag if number in self.default else av.stream.Disposition(0)
            self._paint_picture(out, picture)
            for sound, track in zip(self.sounds, tracks, strict=True):
                self._paint_sound(out, track, sound)
        return path

    def _paint_picture(self, out: av.container.OutputContainer, stream: av.VideoStream) -> None:
        interlace = _interlacer(self.size) if self.is_interlaced else None
        base = stream.codec_context.time_base
        assert base is not None
        packets = []
        for time in self.times:
            level = [grey for since, grey in self.levels if since <= time + 1e-6][-1]
            image = np.full((self.size[1], self.size[0], 3), level, np.uint8)
            place = int(40 * time) % (self.size[0] - 8)
            for line in (0, 1):  # a bar that moves from field to field
                left = place + (4 * line if self.is_interlaced else 0)
                image[line + 8 : 40 : 2, left : left + 8] = 230
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=self.pixel_format)
            frame.pts, frame.time_base = round(time / base), base
            packets += stream.encode(interlace(frame) if interlace else frame)
        for packet in [*packets, *stream.encode(None)]:
            shift = round(self.start / packet.time_base)
            packet.pts, packet.dts = (packet.pts or 0) + shift, (packet.dts or 0) + shift
            out.mux(packet)

    def _paint_sound(
        self, out: av.container.OutputContainer, stream: av.AudioStream, sound: np.ndarray
    ) -> None:
        context = stream.codec_context
        whole = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], "fltp", "mono")
        whole.sample_rate, whole.pts, whole.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        resampler = av.AudioResampler(
            context.format.name, "mono", SAMPLE_RATE, context.frame_size or 1024
        )
        for piece in [*resampler.resample(whole), *resampler.resample(None), None]:
            for packet in stream.encode(piece):
                shift = round(self.start / packet.time_base)
                packet.pts, packet.dts = (packet.pts or 0) + shift, (packet.dts or 0) + shift
                out.mux(packet)


def _interlacer(size: tuple[int, int]) -> Callable[[av.VideoFrame], av.VideoFrame]:
    graph = Graph()
    source = graph.add_buffer(
        width=size[0], height=size[1], format=VideoFormat("yuv420p"), time_base=1 / RATE
    )
    field_order, sink = graph.add("setfield", mode="tff"), graph.add("buffersink")
    source.link_to(field_order)
    field_order.link_to(sink)
    graph.configure()

    def interlaced(frame: av.VideoFrame) -> av.VideoFrame:
        graph.push(frame)
        found = graph.pull()
        assert isinstance(found, av.VideoFrame)
        return found

    return interlaced


def click(time: float, duration: float = 3.0) -> np.ndarray:
    """Silence with a click."""
    sound = np.zeros(round(duration * SAMPLE_RATE))
    start = round(time * SAMPLE_RATE)
    sound[start : start + 8] = 0.9
    return sound


def speech(duration: float = 3.0) -> np.ndarray:
    """Something that comes and goes as syllables do, with a click in its first pause."""
    time = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
    voice = 0.1 * np.sin(2 * np.pi * 700 * time)
    swell = np.clip(np.sin(2 * np.pi * SYLLABLES_HZ * time), 0, 1)
    return np.asarray(voice * swell + click(1.5, duration))


def joined(path: Path) -> Path:
    """Two transport streams one after the other, whose clocks begin alike."""
    clip = Clip(sounds=(click(1.5),), sound_codec="mp2", container="mpegts")
    one = clip.paint(path.with_name("one.ts"))
    other = Clip(
        levels=((0.0, 240), (1.0, 60)),
        sounds=(click(1.5) * 0.5,),
        sound_codec="mp2",
        container="mpegts",
    ).paint(path.with_name("other.ts"))
    path.write_bytes(one.read_bytes() + other.read_bytes())
    return path


def with_losses(path: Path) -> Path:
    """A transport stream without three packets of its picture."""
    Clip(sounds=(click(1.5),), sound_codec="mp2", container="mpegts", size=(320, 240)).paint(path)
    data = path.read_bytes()
    packets = [data[at : at + TS_PACKET] for at in range(0, len(data), TS_PACKET)]
    picture = [n for n, p in enumerate(packets) if p[1] & 31 == 1 and p[2] == 0]  # number 256
    lost = picture[-len(picture) // 6 :][:3]
    path.write_bytes(b"".join(p for n, p in enumerate(packets) if n not in lost))
    return path


def cut_short(path: Path) -> Path:
    """The first half of a file."""
    Clip(sounds=(click(1.5),)).paint(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def thumbnail_first(path: Path) -> Path:
    """A picture of one frame before the film, which is flagged."""
    with av.open(str(path), "w") as out:
        thumb, film = out.add_stream("mjpeg", rate=RATE), out.add_stream("libx264", rate=RATE)
        (thumb.width, thumb.height), thumb.pix_fmt = (32, 24), "yuvj420p"
        (film.width, film.height), film.pix_fmt = SIZE, "yuv420p"
        thumb.disposition = av.stream.Disposition(0)
        film.disposition = av.stream.Disposition.default
        for stream, count in ((thumb, 1), (film, 75)):
            for index in range(count):
                grey = [level for since, level in LEVELS if since <= index / 25][-1]
                image = np.full((stream.height, stream.width, 3), grey, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = index, 1 / RATE
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def transparent(path: Path) -> Path:
    """FFV1 whose right half is transparent and hides white."""
    image = np.full((SIZE[1], SIZE[0], 4), 255, np.uint8)
    image[:, : SIZE[0] // 2, :3], image[:, SIZE[0] // 2 :, 3] = 120, 0
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=RATE)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "bgra"
        for index in range(75):
            frame = av.VideoFrame.from_ndarray(image, "rgba").reformat(format="bgra")
            frame.pts, frame.time_base = index, 1 / RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def moving_images(path: Path) -> Path:
    """An animated PNG or WebP, by the name."""
    images = [
        Image.new("RGB", SIZE, (level,) * 3)
        for index in range(30)
        for level in [[grey for since, grey in LEVELS if since <= index / 10][-1]]
    ]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100, loop=0)
    return path


def deep_grey(path: Path) -> Path:
    """A PNG of 16 bits, all of it a third of white."""
    Image.fromarray(np.full((SIZE[1], SIZE[0]), 65535 // 3, np.uint16)).save(path)
    return path


def hdr(transfer: int) -> Clip:
    """HEVC of 10 bits in BT.2020."""
    quiet = {"x265-params": "log-level=none"}
    assert transfer in (HLG, PQ)
    return Clip("libx265", "yuv420p10le", quiet, transfer=transfer)
