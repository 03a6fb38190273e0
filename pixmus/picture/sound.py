"""`ClipSound`: the sound that a clip brings along, as one waveform as long as its picture.

Conventions: a waveform is float32 (2, samples), sample 0 sounds with the first displayed frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer

from pixmus.picture.stream import frames_of, open_clip, packets_of
from pixmus.picture.video import Video
from pixmus.waveform import SAMPLE_RATE

AUDIO_GAP = 0.03  # seconds by which the clip's sound may drift from its timestamps unnoticed
JOINT_GAP = 0.005  # where parts are joined, whose sounds overlap by a block or so
LARGEST_SAMPLE = 1000.0  # 60 dB over full scale; what lies beyond is no sound


@dataclass(frozen=True, eq=False)
class ClipSound:
    """A clip's own sound, every sample a finite number."""

    waveform: np.ndarray | None  # float32 (2, samples); None where the clip has no sound
    num_bad: int = 0  # samples of the file that were no numbers; they are silent here

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of it, in sentences."""
        if not self.num_bad:
            return ()
        samples = "1 sample that is" if self.num_bad == 1 else f"{self.num_bad:,} samples that are"
        return (
            f"The clip's own sound is damaged: silence stands for {samples} NaN, infinite or far "
            "beyond full scale.",
        )


def read_audio(video: Video, sample_rate: int = SAMPLE_RATE) -> np.ndarray | None:
    """The waveform of `read_sound`, or None where the clip has no sound."""
    return read_sound(video, sample_rate).waveform


def read_sound(
    video: Video, sample_rate: int = SAMPLE_RATE, span: tuple[float, float] = (-math.inf, math.inf)
) -> ClipSound:
    """Return the clip's own sound, cut and padded to the picture; several tracks are added up.

    Bad samples are silent everywhere and counted in frames that sound within `span`, seconds.
    """
    if video.track is None:
        return ClipSound(None)
    found = [_read_track(video, index, sample_rate, span) for index in video.track.indices]
    waveforms = [sound.waveform for sound in found if sound.waveform is not None]
    for other in waveforms[1:]:
        waveforms[0] += other
    return ClipSound(waveforms[0], sum(sound.num_bad for sound in found))


def _read_track(video: Video, index: int, sample_rate: int, span: tuple[float, float]) -> ClipSound:
    """`read_sound` of one stream."""
    num_bad = 0
    waveform = np.zeros((2, round(video.duration * sample_rate)), np.float32)
    with open_clip(video.path) as container:
        stream = next(s for s in container.streams.audio if s.index == index)
        resampler, kind = av.AudioResampler("fltp", "stereo", sample_rate), None
        gap = AUDIO_GAP if len(video.shifts) == 1 else JOINT_GAP
        position, expected = 0, -math.inf  # samples written, and seconds that they reach
        for frame in _decoded_sound(container, video, stream):
            bad_here = _silence_bad(frame)
            time = expected
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - video.start_time
            if video.start_time >= 0:  # what lies before 0 is what decoders need to begin with
                time = max(time, -video.start_time)
            this_kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if this_kind != kind or abs(time - expected) > gap:
                if kind is not None:
                    _place(waveform, resampler.resample(None), position)
                # FFmpeg would lower a mono sound by 3 dB on its way to two channels.
                layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
                resampler, kind = av.AudioResampler("fltp", layout, sample_rate), this_kind
                position, expected = round(time * sample_rate), time
            expected += frame.samples / frame.sample_rate
            if time < span[1] and expected > span[0]:
                num_bad += bad_here
            frame.pts = None
            position = _place(waveform, resampler.resample(frame), position)
        if kind is not None:
            _place(waveform, resampler.resample(None), position)
    return ClipSound(waveform, num_bad)


def _silence_bad(frame: av.AudioFrame) -> int:
    """Silence the samples of a frame that are no numbers, in place; returns how many those are.

    It is done before resampling, whose filter would spread one NaN over its neighbours.
    """
    kind = frame.format.name
    if not kind.startswith(("flt", "dbl")):
        return 0
    num_samples = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
    num_bad = 0
    for plane in frame.planes:
        dtype = np.float64 if kind.startswith("dbl") else np.float32
        samples = np.frombuffer(cast(Any, plane), dtype)[:num_samples]  # what follows is padding
        is_bad = ~(np.abs(samples) <= LARGEST_SAMPLE)  # True for NaN too
        if is_bad.any():
            samples[is_bad] = 0
            num_bad += int(is_bad.sum())
    return num_bad


def _decoded_sound(
    container: InputContainer, video: Video, stream: av.AudioStream
) -> Iterator[av.AudioFrame]:
    for packet in packets_of(container, video.path, stream, shifts=video.shifts):
        # A damaged packet leaves silence.
        yield from cast(Sequence[av.AudioFrame], frames_of(packet, stream))


def _place(waveform: np.ndarray, frames: list[av.AudioFrame], position: int) -> int:
    """Write resampled frames at `position` (samples; may lie outside) and return their end."""
    for frame in frames:
        block = frame.to_ndarray()
        start, end = max(0, position), min(waveform.shape[1], position + block.shape[1])
        if start < end:
            waveform[:, start:end] = block[:, start - position : end - position]
        position += block.shape[1]
    return position
