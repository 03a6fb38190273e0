"""`Features`: what the picture does, as transitions (to the frame) and curves on one 4 Hz clock.

Conventions: times are seconds from the first displayed frame; curve value i covers
[i/4, (i+1)/4) seconds; a transition's time is the first frame of the new shot for a cut and the
middle for a dissolve or a fade.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixmus.curves import CURVE_RATE_HZ, num_curve_values
from pixmus.picture.moments import Moment, find_moments
from pixmus.picture.motion import motion_curve
from pixmus.picture.palette import measure_palette
from pixmus.picture.thumbnails import Reducer, Thumbnails
from pixmus.picture.transitions import Transition, find_transitions
from pixmus.picture.views import Views, choose_views

if TYPE_CHECKING:
    from pixmus.picture.frames import Frame

# The files whose code decides what is measured.
MEASURING = (
    "cuts", "evened", "features", "moments", "motion", "palette", "thumbnails", "transitions",
    "views",
)  # fmt: skip
FEATURE_CURVES = ("motion", "brightness", "contrast", "saturation", "warmth", "edges")


@dataclass(frozen=True, eq=False)
class Features:
    """Transitions and curves of one video; every curve is float32 of shape (num_curve_values,)."""

    duration: float
    frame_rate: Fraction
    transitions: tuple[Transition, ...]
    motion: np.ndarray  # picture widths a second, exposure and contrast taken out
    brightness: np.ndarray  # mean luma, 0..1
    contrast: np.ndarray  # standard deviation of luma, 0..0.5
    saturation: np.ndarray  # mean chroma (largest minus smallest channel), 0..1
    warmth: np.ndarray  # mean red minus blue, -1..1
    edges: np.ndarray  # mean luma gradient, 0..1
    palette: np.ndarray | None = None  # float32 (num_curve_values, len(PALETTE))
    moments: tuple[Moment, ...] = ()
    views: Views | None = None  # for the image network, where frames brought some

    @property
    def cuts(self) -> tuple[float, ...]:
        """The times of all transitions, of whatever kind."""
        return tuple(transition.time for transition in self.transitions)


def extract_features(frames: Iterable[Frame], duration: float, frame_rate: Fraction) -> Features:
    """Measure frames as they come (about 1 kB is kept of each) and find the transitions at the end.

    Frames are uint8 RGB of any one size; 160 pixels of width are enough.
    """
    extractor = FeatureExtractor(duration, frame_rate)
    for frame in frames:
        extractor.add(frame)
    return extractor.result()


class FeatureExtractor:
    """`extract_features` for frames that are handed in one by one."""

    def __init__(self, duration: float, frame_rate: Fraction) -> None:
        self._duration = duration
        self._frame_rate = frame_rate
        self._times: list[float] = []
        self._reducer = Reducer()
        self._kept: list[tuple[float, np.ndarray]] = []

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        self._times.append(frame.time)
        self._reducer.add(frame.image)
        if frame.square is not None:
            self._kept.append((frame.time, frame.square))

    def result(self) -> Features:
        """What all frames so far say."""
        duration, length = self._duration, num_curve_values(self._duration)
        if not self._times:
            empty = np.zeros(length, dtype=np.float32)
            return Features(
                duration,
                self._frame_rate,
                (),
                **{name: empty.copy() for name in FEATURE_CURVES},
                palette=None,
                moments=(),
                views=None,
            )
        luma, chroma, colours = self._reducer.result()
        thumbs = Thumbnails(np.array(self._times), luma, chroma)
        transitions = find_transitions(thumbs)
        cuts = [transition.time for transition in transitions]
        kept = [time for time, _ in self._kept], [square for _, square in self._kept]
        colour_curves = _average(thumbs.times, colours, duration)
        return Features(
            duration,
            self._frame_rate,
            transitions,
            motion=motion_curve(thumbs, transitions, duration),
            **dict(zip(FEATURE_CURVES[1:], colour_curves.T.astype(np.float32), strict=True)),
            palette=measure_palette(thumbs, length),
            moments=find_moments(thumbs, transitions),
            views=choose_views(*kept, cuts, duration),
        )


def _frame_spans(times: np.ndarray, duration: float) -> np.ndarray:
    """How long each frame stands, seconds."""
    ends = np.append(times[1:], max(duration, times[-1] + 1e-3))
    return np.maximum(ends - times, 1e-6)


def _average(times: np.ndarray, values: np.ndarray, duration: float) -> np.ndarray:
    """(frames, n) values, each standing until the next frame, averaged over the 4 Hz clock."""
    length = num_curve_values(duration)
    spans = _frame_spans(times, duration)
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values * spans[:, None], 0)])
    knots = np.append(times, times[-1] + spans[-1])
    edges = np.arange(length + 1) / CURVE_RATE_HZ
    edges[-1] = min(edges[-1], max(knots[-1], edges[-2] + 1e-3))
    integral = np.stack([np.interp(edges, knots, column) for column in total.T], axis=1)
    inside = np.diff(np.clip(edges, knots[0], knots[-1]))[:, None]
    curve = np.diff(integral, axis=0) / np.maximum(inside, 1e-9)
    first_good = np.flatnonzero(inside[:, 0] > 1e-6)
    if first_good.size == 0:
        return np.repeat(values[:1], length, axis=0)
    nearest = np.clip(np.arange(length), first_good[0], first_good[-1])
    return curve[nearest]


@cache
def measuring_version() -> str:
    """Eight hex digits that change with the code that measures pictures."""
    digest = hashlib.sha256()
    for name in MEASURING:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:8]
