"""What is wrong with the sound of a row: each check takes a sound and returns a sentence or None.

Thresholds were tried on rendered corpora, on 77 tracks of three games' soundtracks, and on both
clipped by known amounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pixmus.dataset.speech import SAMPLE_RATE, speech_share
from pixmus.errors import PixMusError

SILENT_DBFS = -60.0  # as pixmus.sound.mix: the level below which a clip's own sound counts as none
SILENCE_BLOCK_S = 0.1
LARGEST_SILENT_SHARE = 0.5  # of the time; music rests, but not for half of a row
FULL_SCALE = 0.999
FLAT = 2e-5  # neighbours that differ by less lie on a plateau: under one step of 16 bits
SHORTEST_PLATEAU = 4  # samples; the crest of a tone of 30 Hz that touches full scale has three
# Of five pieces 6 dB over full scale 0.34 to 3.2 % lie on plateaus. Lossy coding rounds plateaus
# off: there what reaches over full scale is counted. Of 77 soundtracks the loudest has 0.08 %; of
# 12 dB of clipping AAC at 128 kbit/s leaves 0.07 to 1.7 %, mp3 0.04 to 0.25 %, so much is missed.
LARGEST_CLIPPED_SHARE = 1e-3
LARGEST_SPEECH_SHARE = 0.5  # of the windows that sound
MISSING_END = 0.5  # seconds that a file may lack of its row


@dataclass(frozen=True)
class Sound:
    """A stretch of sound as it is stored, and as it is measured."""

    stored: np.ndarray  # float32 (channels, samples) at the file's own rate
    stored_rate: int  # Hz
    mono: np.ndarray  # float32 (samples,) at speech.SAMPLE_RATE

    @property
    def duration(self) -> float:
        return len(self.mono) / SAMPLE_RATE


def read_stored(path: Path, start: float, end: float) -> Sound:
    """The sound of any file from `start` to `end` seconds, shorter where the file is."""
    stored: list[np.ndarray] = []
    mono: list[np.ndarray] = []
    rate, layout, position = 0, "", 0
    keep, measure = None, av.AudioResampler("flt", "mono", SAMPLE_RATE)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise PixMusError(f"{path.name} has no sound")
            for frame in container.decode(container.streams.audio[0]):
                frame.pts = None
                if keep is None:
                    rate, layout = frame.sample_rate, frame.layout.name
                    keep = av.AudioResampler("fltp", layout, rate)
                position += frame.samples
                mono += [part.to_ndarray()[0] for part in measure.resample(frame)]
                if position > start * rate:
                    stored += [part.to_ndarray() for part in keep.resample(frame)]
                if position >= end * rate:
                    break
            mono += [part.to_ndarray()[0] for part in measure.resample(None)]
    except (av.FFmpegError, OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error  # without the path
        raise PixMusError(f"{path.name} cannot be decoded ({told})") from error
    if keep is None:
        raise PixMusError(f"{path.name} has no sound that can be decoded")
    whole = np.concatenate(mono) if mono else np.zeros(0, np.float32)
    span = slice(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
    kept = np.concatenate(stored, axis=1) if stored else np.zeros((1, 0), np.float32)
    # The first frame that was kept may begin before `start`, by less than a frame.
    first = max(0, kept.shape[1] - (position - round(start * rate)))
    return Sound(kept[:, first:], rate, whole[span].astype(np.float32))


def too_short(sound: Sound, wanted: float) -> str | None:
    """Whether less than `wanted` seconds are there."""
    if sound.duration >= wanted - MISSING_END:
        return None
    return f"its music lasts {sound.duration:.1f} of {wanted:.1f} s"


def silent(sound: Sound) -> str | None:
    """Whether the whole, or most of the time, is below -60 dBFS."""
    if not len(sound.mono):
        return "its music is silent"
    level = _dbfs(np.sqrt(np.mean(sound.mono.astype(np.float64) ** 2)))
    if level < SILENT_DBFS:
        return f"its music is silent ({level:.0f} dBFS)" if level > -120 else "its music is silent"
    share = silent_share(sound.mono)
    if share > LARGEST_SILENT_SHARE:
        return f"its music is silent for {share:.0%} of the time"
    return None


def silent_share(mono: np.ndarray) -> float:
    """The share of blocks of 0.1 s below -60 dBFS, 0..1."""
    block = round(SILENCE_BLOCK_S * SAMPLE_RATE)
    whole = max(1, len(mono) // block)
    blocks = mono[: whole * block].reshape(whole, -1).astype(np.float64)
    return float(np.mean(np.mean(blocks**2, axis=1) < 10 ** (SILENT_DBFS / 10)))


def clipped(sound: Sound) -> str | None:
    """Whether more than 0.1 % of the samples lie on plateaus at, or reach over, full scale."""
    share = clipped_share(sound.stored)
    if share <= LARGEST_CLIPPED_SHARE:
        return None
    return f"its music is clipped ({share:.1%} of it at full scale)"


def clipped_share(stored: np.ndarray) -> float:
    """The share of samples at full scale: on plateaus, or, where any reaches beyond, all.

    Only what was coded with loss reaches over full scale; its plateaus are rounded off.
    """
    if stored.shape[1] < 2:
        return 0.0
    level = np.abs(stored)
    full = level >= FULL_SCALE
    if level.max() > 1.001:
        return float(full.mean())
    flat = full[:, 1:] & full[:, :-1] & (np.abs(np.diff(stored, axis=1)) <= FLAT)
    run = SHORTEST_PLATEAU - 1  # pairs of neighbours in a row
    padded = np.pad(flat, ((0, 0), (run - 1, run - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, run, axis=1)
    starts = windows.all(axis=2)  # whether a plateau's shortest form begins here
    in_run = np.lib.stride_tricks.sliding_window_view(starts, run, axis=1).any(axis=2)
    return float(in_run.mean())


def spoken(sound: Sound) -> str | None:
    """Whether most of what sounds is speech."""
    share = speech_share(sound.mono)
    if share <= LARGEST_SPEECH_SHARE:
        return None
    return f"its music is mostly speech ({share:.0%} of what sounds)"


def _dbfs(level: float) -> float:
    return 20.0 * float(np.log10(max(level, 1e-10)))
