"""The sound that a clip brings along, as one waveform as long as its picture.

Conventions: a waveform is float32 (2, samples), sample 0 sounds with the first displayed frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress

import av
import numpy as np
from av.container import InputContainer

from pixmus.picture.video import Video, open_clip
from pixmus.waveform import SAMPLE_RATE

AUDIO_GAP = 0.03  # seconds by which the clip's sound may drift from its timestamps unnoticed


def read_audio(video: Video, sample_rate: int = SAMPLE_RATE) -> np.ndarray | None:
    """Return the clip's own sound, cut and padded to the picture, or None where it has none."""
    if not video.has_audio:
        return None
    waveform = np.zeros((2, round(video.duration * sample_rate)), np.float32)
    with open_clip(video.path) as container:
        stream = next(s for s in container.streams.audio if s.codec_context is not None)
        resampler, kind = av.AudioResampler("fltp", "stereo", sample_rate), None
        position, expected = 0, -math.inf  # samples written, and seconds that they reach
        for frame in _decoded_sound(container, stream):
            time = expected
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - video.start_time
            time = max(time, -video.start_time)
            this_kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if this_kind != kind or abs(time - expected) > AUDIO_GAP:
                if kind is not None:
                    _place(waveform, resampler.resample(None), position)
                # FFmpeg would lower a mono sound by 3 dB on its way to two channels.
                layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
                resampler, kind = av.AudioResampler("fltp", layout, sample_rate), this_kind
                position, expected = round(time * sample_rate), time
            expected += frame.samples / frame.sample_rate
            frame.pts = None
            position = _place(waveform, resampler.resample(frame), position)
        if kind is not None:
            _place(waveform, resampler.resample(None), position)
    return waveform


def _decoded_sound(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in container.demux(stream):
        with suppress(av.error.InvalidDataError):  # a damaged packet leaves silence
            yield from stream.decode(packet)


def _place(waveform: np.ndarray, frames: list[av.AudioFrame], position: int) -> int:
    """Write resampled frames at `position` (samples; may lie outside) and return their end."""
    for frame in frames:
        block = frame.to_ndarray()
        start, end = max(0, position), min(waveform.shape[1], position + block.shape[1])
        if start < end:
            waveform[:, start:end] = block[:, start - position : end - position]
        position += block.shape[1]
    return position
