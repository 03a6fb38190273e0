"""Painted clips: how they are made and what is read back from them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pixmus.picture.features import Features, extract_features
from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.video import Video, probe
from pixmus.training.montages import MONTAGE_SIZE
from pixmus.waveform import SAMPLE_RATE

CLIPS = Path(__file__).parents[2] / "shared" / "data" / "video"
SHOTS = ((1.0, 40), (1.5, 200), (0.5, 90))
B_FRAMES = {"bf": "3", "preset": "veryfast", "b-pyramid": "normal"}
H264 = {"codec": "libx264", "options": B_FRAMES, "moving": True}
FINE = Fraction(1, 24000)  # ticks that hold 24 frames a second and 1.4 s alike
QUIET_HEVC = {"x265-params": "log-level=none"}
FAST_VPX = {"deadline": "realtime", "cpu-used": "8"}
RATE = Fraction(25)
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


def scenery(seed: int, num_frames: int = 200, speed: float = 0.6) -> np.ndarray:
    """uint8 (frames, 90, 160, 3): a smooth random landscape that drifts to the left."""
    generator = np.random.default_rng(seed)
    rows, columns = MONTAGE_SIZE
    width = columns + round(speed * num_frames) + 1
    land = np.zeros((rows, width, 3))
    for cell in (40, 18, 8):
        coarse = generator.normal(size=(rows // cell + 2, width // cell + 2, 3))
        land += np.kron(coarse, np.ones((cell, cell, 1)))[:rows, :width] * cell**0.5
    land = 45 * land / land.std() + generator.uniform(80, 160, 3)
    land = np.clip(land, 0, 255).astype(np.uint8)
    return np.stack(
        [land[:, round(k * speed) : round(k * speed) + columns] for k in range(num_frames)]
    )


def features_of(images: Iterable[np.ndarray], rate: Fraction = RATE) -> Features:
    frames = [Frame(float(k / rate), image) for k, image in enumerate(images)]
    return extract_features(iter(frames), float(len(frames) / rate), rate)
