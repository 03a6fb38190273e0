"""`Features`: what the picture does, as transitions (to the frame) and curves on one 4 Hz clock.

Conventions: times are seconds from the first displayed frame; curve value i covers
[i/4, (i+1)/4) seconds; a transition's time is the first frame of the new shot for a cut and the
middle for a dissolve or a fade.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pixmus.curves import CURVE_RATE_HZ, num_curve_values

if TYPE_CHECKING:
    from pixmus.picture.video import Frame
TRANSITION_KINDS = ("cut", "dissolve", "fade")
MOMENT_KINDS = ("flash", "fall", "stop")
HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")  # 0, 60, ... 300 degrees
LAYOUT = (
    "light above", "light below", "light in the middle", "blue above", "green below",
    "warmth in the middle", "colour in the middle", "patches",
)  # fmt: skip
PALETTE = HUES + LAYOUT

THUMB_SIZE = (24, 40)  # rows, columns of the luma thumbnail kept of every frame
CHROMA_SIZE = (6, 10)
NOISE_LEVELS = 1.0  # luma change of a thumbnail cell that compression noise makes
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Transition:
    """One shot giving way to the next, from `start` to `end` (equal for a cut)."""

    time: float
    start: float
    end: float
    kind: str


@dataclass(frozen=True)
class Moment:
    """An instant inside a shot that the eye jumps at: a flash, the end of a fall, a sudden stop."""

    time: float
    kind: str
    size: float  # 0..1


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
    palette: np.ndarray | None = None  # float32 (num_curve_values, len(PALETTE)), see `_palette`
    moments: tuple[Moment, ...] = ()

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
        self._reducer = _Reducer()

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        self._times.append(frame.time)
        self._reducer.add(frame.image)

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
            )
        luma, chroma, colours = self._reducer.result()
        thumbs = Thumbnails(np.array(self._times), luma, chroma)
        transitions = find_transitions(thumbs)
        colour_curves = _average(thumbs.times, colours, duration)
        return Features(
            duration,
            self._frame_rate,
            transitions,
            motion=_motion_curve(thumbs, transitions, duration),
            **dict(zip(FEATURE_CURVES[1:], colour_curves.T.astype(np.float32), strict=True)),
            palette=_palette(thumbs, length),
            moments=find_moments(thumbs, transitions),
        )


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """What is kept of every frame: luma uint8 (frames, 24, 40), chroma int8 (frames, 6, 10, 2)."""

    times: np.ndarray
    luma: np.ndarray
    chroma: np.ndarray


class _Reducer:
    """Reduces frames to thumbnails by two matrix products, the cheapest box average in numpy.

    The rest is done for `BATCH` frames at a time: one frame's arrays are too small to be quick.
    """

    BATCH = 32

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._cells = np.empty((self.BATCH, THUMB_SIZE[0], THUMB_SIZE[1] * 3), dtype=np.float32)
        self._waiting = 0
        self._done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, image: np.ndarray) -> None:
        """Take the next frame, uint8 (height, width, 3)."""
        height, width, _ = image.shape
        if image.shape != self._shape:
            self._shape = image.shape
            self._pixels = np.empty((height, width * 3), dtype=np.float32)
            self._rows = _box_weights(height, THUMB_SIZE[0])  # (24, height)
            self._columns = np.kron(
                _box_weights(width, THUMB_SIZE[1]).T, np.eye(3, dtype=np.float32)
            )  # (width * 3, 40 * 3)
        np.copyto(self._pixels, image.reshape(height, width * 3))
        np.matmul(self._rows @ self._pixels, self._columns, out=self._cells[self._waiting])
        self._waiting += 1
        if self._waiting == self.BATCH:
            self._flush()

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Luma and chroma thumbnails, and (frames, 5) brightness, contrast, saturation, warmth,
        edges, of all frames so far."""
        self._flush()
        luma, chroma, colours = (np.concatenate(part) for part in zip(*self._done, strict=True))
        return luma, chroma, colours

    def _flush(self) -> None:
        if self._waiting == 0:
            return
        cells = self._cells[: self._waiting].reshape(-1, *THUMB_SIZE, 3)
        self._waiting = 0
        red, green, blue = (np.ascontiguousarray(cells[..., k]) for k in range(3))
        luma = LUMA_WEIGHTS[0] * red + LUMA_WEIGHTS[1] * green + LUMA_WEIGHTS[2] * blue
        chroma = np.stack([_coarse(red - luma), _coarse(blue - luma)], axis=-1)
        high = np.maximum(np.maximum(red, green), blue)
        low = np.minimum(np.minimum(red, green), blue)
        edges = np.abs(np.diff(luma, axis=1)).mean((1, 2))
        edges += np.abs(np.diff(luma, axis=2)).mean((1, 2))
        colours = np.stack(
            [
                luma.mean((1, 2)),
                luma.std((1, 2)),
                (high - low).mean((1, 2)),
                (red - blue).mean((1, 2)),
                edges,
            ],
            axis=1,
        )
        self._done.append(
            (
                np.rint(luma).astype(np.uint8),
                np.clip(np.rint(chroma / 2), -127, 127).astype(np.int8),
                colours / 255,
            )
        )


def _coarse(values: np.ndarray) -> np.ndarray:
    """(frames, 24, 40) averaged to (frames, 6, 10)."""
    tall = THUMB_SIZE[0] // CHROMA_SIZE[0]
    rows = values.reshape(-1, CHROMA_SIZE[0], tall, THUMB_SIZE[1]).mean(axis=2)
    return rows @ _box_weights(THUMB_SIZE[1], CHROMA_SIZE[1]).T


def _box_weights(length: int, cells: int) -> np.ndarray:
    """float32 (cells, length): how much each pixel counts in each cell's average."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(overlap, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


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


# --- transitions -----------------------------------------------------------------------------
#
# A cut is a frame that differs from the one before, more than frames around it do (camera shake,
# whip pans), and from which no frame just before comes back just after (flashes, repeated frames).
# "Differs" is measured after moving every block to where it fits best, so that motion counts
# little. The weights are a logistic regression on candidates of 30 montages of the clips that may
# be tuned on (`Clip.tuned_on`), fitted once with a ridge of 0.3; the bias was then raised by 0.15.

CUT_WEIGHTS = (16.4, 1.88, 1.66, 1.47, 0.88)  # see `_score`
CUT_BIAS = -17.4
MIN_CHANGE = 2.0  # luma levels a cut changes at least, on average
# Frames before (1 = the last one) and after (0 = the new one) that are compared across a candidate.
COMPARED_LAGS = (
    (1, 0), (1, 1), (1, 2), (1, 4), (1, 6), (2, 0), (3, 0), (5, 0), (7, 0), (2, 1), (3, 2),
)  # fmt: skip
NEIGHBOURHOOD = 0.35  # s on each side that a cut's change is compared with
LEVEL_STEP = (8.0, 28.0)  # luma levels: no evidence, full evidence
BLOCK = (6, 8)  # thumbnail cells
BLOCK_REACH = (2, 4)  # thumbnail cells that a block may move

DISSOLVE_LENGTHS = (0.3, 0.5, 0.8, 1.2, 1.7)  # s, tried one by one
MIN_DISSOLVE_LENGTH = 0.22  # s
MIN_DISSOLVE_CHANGE = 8.0  # luma levels
MAX_MIX_ERROR = 0.36  # of the change: how far the middle may be from the mean of both ends
MIN_UNLIKE = 0.27  # unlikeness (see `_unlikeness`) of the two shots of a dissolve
MIN_UNLIKE_COLOURED = 0.42  # the same plus a 50th of the chroma change (10 levels at most)
MIN_DISSOLVE_AREA = 0.45  # share of the picture
MAX_FADED_CONTRAST = 5.0  # luma levels of standard deviation
MAX_FADE_REACH = 1.2  # s from full picture to none


def find_transitions(thumbs: Thumbnails) -> tuple[Transition, ...]:
    """Every cut, fade through a plain colour, and dissolve, in order of time."""
    if len(thumbs.times) < 3:
        return ()
    change = _changes(thumbs)
    cuts = _find_cuts(thumbs, change)
    fades = _find_fades(thumbs, cuts)
    cuts = [c for c in cuts if not any(first < c < last for first, last in fades)]
    dissolves = _find_dissolves(thumbs, cuts, fades)
    times = thumbs.times
    found = [Transition(float(times[c]), float(times[c]), float(times[c]), "cut") for c in cuts]
    for spans, kind in ((fades, "fade"), (dissolves, "dissolve")):
        for first, last in spans:
            start, end = np.interp([first, last], np.arange(len(times)), times)
            middle = times[min(round((first + last) / 2), len(times) - 1)]
            found.append(Transition(float(middle), float(start), float(end), kind))
    return tuple(sorted(found, key=lambda transition: transition.time))


def _changes(thumbs: Thumbnails) -> np.ndarray:
    """(frames,) mean luma plus chroma difference of each frame to the one before, in levels."""
    change = np.zeros(len(thumbs.times), dtype=np.float32)
    for first in range(1, len(change), 1024):
        rows = slice(first, min(first + 1024, len(change)))
        before = slice(rows.start - 1, rows.stop - 1)
        luma = np.abs(thumbs.luma[rows].astype(np.int16) - thumbs.luma[before]).mean((1, 2))
        chroma = np.abs(thumbs.chroma[rows].astype(np.int16) - thumbs.chroma[before])
        change[rows] = luma + 2 * chroma.mean((1, 2, 3))
    return change


def _find_cuts(thumbs: Thumbnails, change: np.ndarray) -> list[int]:
    """Indices of the first frames of new shots."""
    num_frames = len(change)
    padded = np.pad(change, 2)
    peak = np.max([padded[k : k + num_frames] for k in range(5)], axis=0)
    candidates = np.flatnonzero((change > MIN_CHANGE) & (change >= peak))
    candidates = candidates[candidates > 0]
    rate = (num_frames - 1) / (thumbs.times[-1] - thumbs.times[0])
    reach = max(2, round(rate * NEIGHBOURHOOD))
    contrast = np.array([_contrast(change, int(c), reach) for c in candidates]).reshape(-1, 2)
    # First against the nearest frames only: a cheap upper bound that rejects nearly all.
    for lags in (COMPARED_LAGS[:1], COMPARED_LAGS):
        back, forth = np.array(lags).T
        before = np.maximum(candidates[:, None] - back, 0)
        after = np.minimum(candidates[:, None] + forth, num_frames - 1)
        unlike, colour = _compare(thumbs, before, after)
        unlike = np.maximum(unlike, _level_evidence(thumbs.luma, before, after))
        keep = _score(unlike, colour, contrast, change[candidates]) > 0
        candidates, contrast = candidates[keep], contrast[keep]
    return [int(index) for index in candidates]


def _score(
    unlike: np.ndarray, colour: np.ndarray, contrast: np.ndarray, change: np.ndarray
) -> np.ndarray:
    """Above 0 for a cut; arguments for each candidate, lowest over all compared pairs first."""
    columns = (
        unlike,
        np.sqrt(colour),
        np.minimum(contrast[:, 0], 2.5),
        np.minimum(contrast[:, 1], 2.5),
        np.minimum(np.log(change), 4.0),
    )
    return CUT_BIAS + sum(w * column for w, column in zip(CUT_WEIGHTS, columns, strict=True))


def _contrast(change: np.ndarray, index: int, reach: int) -> tuple[float, float]:
    """Log ratio of a candidate's change to the largest one just before and just after."""
    sides = (change[max(1, index - reach) : index], change[index + 1 : index + 1 + reach])
    highest = [float(side.max(initial=0.0)) for side in sides]
    before, after = (float(np.log((change[index] + 1) / (high + 1))) for high in highest)
    return before, after


def _compare(
    thumbs: Thumbnails, before: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest unlikeness and lowest chroma difference of each row of frame pairs."""
    if before.size == 0:
        return np.zeros(0), np.zeros(0)
    unlike = _unlikeness(thumbs.luma[before.ravel()], thumbs.luma[after.ravel()])
    chroma = np.abs(thumbs.chroma[before].astype(np.int16) - thumbs.chroma[after])
    return unlike.reshape(before.shape).min(axis=1), 2 * chroma.mean((2, 3, 4)).min(axis=1)


def _level_evidence(luma: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What a lasting step of the median luma is worth as unlikeness: plain pictures (title cards,
    empty skies) differ in nothing else."""
    if before.size == 0:
        return np.zeros(0)
    old, new = luma[before], luma[after]  # (candidates, pairs, 24, 40)
    step = np.abs(np.median(old, axis=(2, 3)) - np.median(new, axis=(2, 3))).min(axis=1)
    # Where there is texture, exposure may step too: more is asked for.
    step -= np.minimum(old[:, 0].std(axis=(1, 2)), 16.0)
    low, high = LEVEL_STEP
    return 0.5 * np.clip((step - low) / (high - low), 0, 1)


def _unlikeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """0 for one picture however lit, about 0.5 for unrelated ones; (pairs, 24, 40) -> (pairs,).

    Sum of absolute differences of blocks, each moved to where it fits best, over their texture.
    """
    rows, columns = THUMB_SIZE
    tall, wide = BLOCK
    down, right = BLOCK_REACH
    gather = np.kron(np.eye(columns // wide), np.ones((wide, 1))).astype(np.float32)

    def block_sums(values: np.ndarray) -> np.ndarray:
        sums = (values.reshape(-1, columns) @ gather).reshape(len(values), rows // tall, tall, -1)
        return sums.sum(axis=2)

    result = []
    for start in range(0, len(first), 64):  # small batches stay in the processor's cache
        one = _standardise(first[start : start + 64])
        other = _standardise(second[start : start + 64])
        padded = np.pad(other, ((0, 0), (down, down), (right, right)), "edge")
        best = np.full((len(one), rows // tall, columns // wide), np.inf, dtype=np.float32)
        for y in range(2 * down + 1):
            for x in range(2 * right + 1):
                moved = padded[:, y : y + rows, x : x + columns]
                np.minimum(best, block_sums(np.abs(one - moved)), out=best)
        texture = block_sums(np.abs(one) + np.abs(other)).sum((1, 2))
        result.append(best.sum((1, 2)) / (texture + 1e-3))
    return np.concatenate(result)


def _standardise(luma: np.ndarray) -> np.ndarray:
    """Luma without exposure and contrast; plain pictures stay plain."""
    luma = luma.astype(np.float32)
    centred = luma - luma.mean((1, 2), keepdims=True)
    return centred / (centred.std((1, 2), keepdims=True) + 6)


def _find_fades(thumbs: Thumbnails, cuts: list[int]) -> list[tuple[int, int]]:
    """(first, last) frames of fades from one shot through a plain colour to the next.

    A shot that only begins or ends so (the clip's first and last fade) is no transition.
    """
    num_frames = len(thumbs.times)
    luma = thumbs.luma.reshape(num_frames, -1)
    contrast = luma.std(axis=1, dtype=np.float32)
    plain = np.flatnonzero(contrast < MAX_FADED_CONTRAST)
    if plain.size == 0:
        return []
    rate = (num_frames - 1) / (thumbs.times[-1] - thumbs.times[0])
    reach = round(MAX_FADE_REACH * rate)
    runs = np.split(plain, np.flatnonzero(np.diff(plain) > 1) + 1)
    fades = []
    for run in runs:
        first, last = int(run[0]), int(run[-1])
        down = _ramp(contrast, first, -1, reach, cuts)
        up = _ramp(contrast, last, 1, reach, cuts)
        if down and up:
            fades.append((down, up))
    return fades


def _ramp(contrast: np.ndarray, edge: int, step: int, reach: int, cuts: list[int]) -> int:
    """The frame where the picture is whole, walking away from the plain run; 0 if it is no ramp."""
    index, steps = edge, 0
    while 0 < index + step < len(contrast) and steps < reach:
        crossed = index if step < 0 else index + 1  # the later frame of the pair looked at
        if crossed in cuts and contrast[index] < 0.5 * contrast[index + step]:
            break
        if contrast[index + step] < contrast[index] * 1.01 + 0.05:
            break
        index, steps = index + step, steps + 1
    return index if steps >= 3 and contrast[index] > 3 * MAX_FADED_CONTRAST else 0


def _find_dissolves(
    thumbs: Thumbnails, cuts: list[int], fades: list[tuple[int, int]]
) -> list[tuple[float, float]]:
    """(first, last) frame positions of dissolves.

    Halfway through a dissolve the picture is the mean of both shots; halfway through a pan it is
    another picture. Lighting changes are told apart by the likeness of both ends.
    """
    num_frames = len(thumbs.times)
    rate = (num_frames - 1) / (thumbs.times[-1] - thumbs.times[0])
    # What no dissolve may span: the number of cuts and of faded frames before each frame.
    barrier = np.zeros(num_frames + 1, dtype=int)
    for cut in cuts:
        barrier[cut + 1 :] += 1
    for first, last in fades:
        barrier[first + 1 : last + 2] += np.arange(1, last - first + 2)
        barrier[last + 2 :] += last - first + 1
    proposals = []
    for number, length in enumerate(DISSOLVE_LENGTHS):
        half = max(2, round(length * rate / 2))
        middle = np.arange(half, num_frames - half)
        middle = middle[barrier[middle + half + 1] == barrier[middle - half + 1]]
        if middle.size == 0:
            continue
        change, error = _mix_error(thumbs.luma, middle, half)
        good = (change > MIN_DISSOLVE_CHANGE) & (error < MAX_MIX_ERROR)
        for index, gain in zip(middle[good], (change * (1 - error))[good], strict=True):
            proposals.append((float(gain), int(index), number, half))
    proposals.sort(reverse=True)
    found: list[tuple[float, float]] = []
    tried = np.zeros((len(DISSOLVE_LENGTHS), num_frames), dtype=bool)
    for _, index, number, half in proposals:
        if tried[number, index]:
            continue
        tried[number, max(0, index - half) : index + half + 1] = True
        span = _fit_dissolve(thumbs, index, half, barrier)
        if span is None or (span[1] - span[0]) < MIN_DISSOLVE_LENGTH * rate:
            continue
        if not any(first < span[1] and span[0] < last for first, last in found):
            found.append(span)
            tried[:, max(0, index - half) : index + half + 1] = True
    return found


def _mix_error(luma: np.ndarray, middle: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Change across each window, and how far its middle is from its ends' mean, over the change."""
    change = np.empty(len(middle), dtype=np.float32)
    error = np.empty(len(middle), dtype=np.float32)
    for start in range(0, len(middle), 256):
        rows = middle[start : start + 256]
        before = luma[rows - half].astype(np.int16)
        after = luma[rows + half].astype(np.int16)
        here = slice(start, start + len(rows))
        change[here] = np.abs(after - before).mean((1, 2))
        mixed = np.abs(2 * luma[rows].astype(np.int16) - before - after).mean((1, 2)) / 2
        error[here] = mixed / np.maximum(change[here], 1)
    return change, error


def _fit_dissolve(
    thumbs: Thumbnails, index: int, half: int, barrier: np.ndarray
) -> tuple[float, float] | None:
    """(first, last) of the dissolve around frame `index`, or None where there is none."""
    num_frames = len(thumbs.times)
    # Some frames further out, so that both ends are whole; never past another transition.
    far = half + max(2, half // 2)
    low = max(0, index - far)
    high = min(num_frames - 1, index + far)
    while barrier[low + 1] != barrier[index + 1]:
        low += 1
    while barrier[high + 1] != barrier[index + 1]:
        high -= 1
    luma = thumbs.luma[low : high + 1].reshape(high - low + 1, -1).astype(np.float32)
    before, after = luma[0], luma[-1]
    way = after - before
    if min(before.std(), after.std()) < MAX_FADED_CONTRAST:  # the clip's own first or last fade
        return None
    # Where only the exposure has changed, or things have moved before a still background, most
    # of the picture changes by one amount.
    if (np.abs(way - np.median(way)) > MIN_DISSOLVE_CHANGE).mean() < MIN_DISSOLVE_AREA:
        return None
    share = (luma - before) @ way / max(float(way @ way), 1.0)  # 0 before, 1 after
    inner = (share > 0.15) & (share < 0.85)
    if inner.sum() < 3 or share.min() < -0.25 or share.max() > 1.25:
        return None
    rest = np.abs(luma - before - share[:, None] * way).mean(axis=1) / np.abs(way).mean()
    if rest[inner].mean() > MAX_MIX_ERROR:
        return None
    ends = np.array([[low], [high]])
    unlike, colour = _compare(thumbs, ends[:1], ends[1:])
    if unlike[0] < MIN_UNLIKE or unlike[0] + 0.02 * min(colour[0], 10.0) < MIN_UNLIKE_COLOURED:
        return None
    first, last = _ramp_ends(share, inner)
    if not 3 <= last - first <= 2 * (high - low):
        return None
    # The middle once more, from a window centred on it and from coarse cells: while the dissolve
    # lasts the shots themselves move on, which looks like more of it, to both sides alike.
    length = last - first
    reach = math.ceil(length / 2) + 2
    for _ in range(3):
        middle = low + (first + last) / 2
        near, beyond = round(middle - reach), round(middle + reach)
        if near < 0 or beyond >= num_frames or barrier[near + 1] != barrier[beyond + 1]:
            break
        share = _coarse_share(thumbs, near, beyond)
        inner = (share > 0.15) & (share < 0.85)
        if inner.sum() < 3:
            break
        again = _ramp_ends(share, inner)
        moved = near + (again[0] + again[1]) / 2 - middle
        if not 0.6 < (again[1] - again[0]) / length < 1.4 or abs(moved) > length / 4:
            break
        first, last = near + again[0] - low, near + again[1] - low
    return max(low + first, 0.0), min(low + last, num_frames - 1.0)


def _coarse_share(thumbs: Thumbnails, first: int, last: int) -> np.ndarray:
    """(frames,) how far each frame is on the way from `first` (0) to `last` (1), from coarse cells,
    which movement inside the shots changes less than fine ones."""
    luma = _coarse(thumbs.luma[first : last + 1].astype(np.float32)).reshape(last - first + 1, -1)
    chroma = 2 * thumbs.chroma[first : last + 1].astype(np.float32).reshape(len(luma), -1)
    cells = np.concatenate([luma, chroma], axis=1)
    way = cells[-1] - cells[0]
    return (cells - cells[0]) @ way / max(float(way @ way), 1.0)


def _ramp_ends(share: np.ndarray, inner: np.ndarray) -> tuple[float, float]:
    """Where the line through the inner shares is 0 and 1, in frames; equal if it falls."""
    slope, offset = np.polyfit(np.flatnonzero(inner), share[inner], 1)
    if slope <= 0:
        return 0.0, 0.0
    return float(-offset / slope), float((1 - offset) / slope)


# --- motion ----------------------------------------------------------------------------------


def _displacement(thumbs: Thumbnails) -> np.ndarray:
    """(frames,) how far the picture moved since the frame before, in picture widths.

    Luma change over luma gradient: the mean normal flow (Horn & Schunck 1981, Eq. 2).
    """
    moved = np.zeros(len(thumbs.times), dtype=np.float32)
    for first in range(1, len(moved), 1024):
        rows = slice(first, min(first + 1024, len(moved)))
        luma = thumbs.luma[rows.start - 1 : rows.stop].astype(np.float32)
        change = np.diff(luma, axis=0)
        change -= change.mean((1, 2), keepdims=True)  # exposure is no motion
        change = np.maximum(np.abs(change) - NOISE_LEVELS, 0).mean((1, 2))
        luma = luma[1:]
        gradient = np.abs(np.diff(luma, axis=1)).mean((1, 2))
        gradient += np.abs(np.diff(luma, axis=2)).mean((1, 2))
        moved[rows] = change / (gradient + 2.0) / THUMB_SIZE[1]
    return moved


def _motion_curve(
    thumbs: Thumbnails, transitions: tuple[Transition, ...], duration: float
) -> np.ndarray:
    """float32 curve of motion in picture widths a second; transitions themselves do not count."""
    times = thumbs.times
    moved = _displacement(thumbs)
    spans = np.append(0.0, np.diff(times))
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    for transition in transitions:
        inside = (times > transition.start - 0.5 * gap) & (times < transition.end + 0.5 * gap)
        moved[inside], spans[inside] = 0.0, 0.0
    length = num_curve_values(duration)
    place = np.minimum((times * CURVE_RATE_HZ).astype(int), length - 1)
    distance = np.bincount(place, moved, length)
    seconds = np.bincount(place, spans, length)
    known = np.flatnonzero(seconds > 1e-6)
    if known.size == 0:
        return np.zeros(length, dtype=np.float32)
    speed = distance[known] / np.maximum(seconds[known], 0.5 / CURVE_RATE_HZ)
    return np.interp(np.arange(length), known, speed).astype(np.float32)


# --- palette: hues and where the light and the colours lie ------------------------------------


def _palette(thumbs: Thumbnails, length: int) -> np.ndarray:
    """float32 (length, len(PALETTE)): what stands in the picture, whatever its exposure.

    Each is a ratio of means over 6 x 10 cells, so that brightening and greying the whole picture
    leave it where it is. The hues are shares of all colour (chroma), each cell counted for the two
    hues beside its own; the rest says how much lighter, more blue, more green, warmer or more
    colourful one region is than the whole picture, and how much the light varies between cells.
    """
    middles = (np.arange(length) + 0.5) / CURVE_RATE_HZ
    shown = np.clip(np.searchsorted(thumbs.times, middles, side="right") - 1, 0, None)
    luma = _coarse(thumbs.luma[shown].astype(np.float32))
    colour = 2 * thumbs.chroma[shown].astype(np.float32)
    red, blue = luma + colour[..., 0], luma + colour[..., 1]
    green = (luma - LUMA_WEIGHTS[0] * red - LUMA_WEIGHTS[2] * blue) / LUMA_WEIGHTS[1]
    channels = np.stack([red, green, blue])
    chroma = channels.max(axis=0) - channels.min(axis=0)
    hue = np.arctan2(np.sqrt(3) / 2 * (green - blue), red - (green + blue) / 2)
    all_light = np.maximum(luma.mean((1, 2)), 0.5)
    all_colour = np.maximum(chroma.mean((1, 2)), 0.5)

    def share(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return values.mean((1, 2)) / whole

    columns = []
    for number in range(len(HUES)):
        turned = (hue - number * np.pi / 3 + np.pi) % (2 * np.pi) - np.pi
        columns.append(share(np.maximum(0, 1 - np.abs(turned) / (np.pi / 3)) * chroma, all_colour))
    above, below, middle = np.s_[:, :2], np.s_[:, 4:], np.s_[:, 1:5, 2:8]
    columns += [
        share(luma[above], all_light),
        share(luma[below], all_light),
        share(luma[middle], all_light),
        share(np.maximum(0, blue - red)[above], all_colour),
        share(np.maximum(0, green - np.maximum(red, blue))[below], all_colour),
        share((red - blue)[middle], all_colour),
        share(chroma[middle], all_colour),
        luma.std((1, 2)) / all_light,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


# --- moments: what happens inside a shot -------------------------------------------------------

FLASH_LEVELS = 25.0  # mean luma that a flash adds at least, of 255
FLASH_LENGTH = 0.35  # s within which it has gone again
STOP_WINDOW = 0.5  # s before and after a stop that are compared
STOP_SPEED = 0.08  # picture widths a second before a stop, mean over the picture, at least
STOP_RATIO = 4.0  # how much slower the picture is afterwards
FALL_SHARE = 0.6  # of the movement before a stop that went down: then it was a fall
MOMENT_GAP = 1.0  # s between moments, and between a moment and a transition


def find_moments(thumbs: Thumbnails, transitions: tuple[Transition, ...]) -> tuple[Moment, ...]:
    """Flashes, ends of falls and sudden stops away from transitions, in order of time."""
    times = thumbs.times
    if len(times) < 8:
        return ()
    found = _find_flashes(thumbs) + _find_stops(thumbs)
    kept: list[Moment] = []
    for moment in sorted(found, key=lambda moment: -moment.size):
        near = [t for t in transitions if t.start - MOMENT_GAP < moment.time < t.end + MOMENT_GAP]
        if not near and all(abs(moment.time - other.time) >= MOMENT_GAP for other in kept):
            kept.append(moment)
    return tuple(sorted(kept, key=lambda moment: moment.time))


def _find_flashes(thumbs: Thumbnails) -> list[Moment]:
    """First frames of bursts of light that are gone within `FLASH_LENGTH`."""
    times = thumbs.times
    level = thumbs.luma.mean((1, 2))
    found = []
    last = -1.0
    for index in np.flatnonzero(np.diff(level) > FLASH_LEVELS) + 1:
        if times[index] < last:
            continue
        before = level[index - 1]
        until = int(np.searchsorted(times, times[index] + FLASH_LENGTH, side="right"))
        after = level[index + 1 : until]
        rise = float(level[index:until].max() - before)
        if after.size and float(after.min()) - before < 0.3 * rise:
            found.append(Moment(float(times[index]), "flash", min(1.0, rise / 120)))
            last = float(times[index]) + FLASH_LENGTH
    return found


def _find_stops(thumbs: Thumbnails) -> list[Moment]:
    """First still frames after fast movement; a fall where the movement went down."""
    times = thumbs.times
    gap = float(np.median(np.diff(times)))
    reach = round(STOP_WINDOW / max(gap, 1e-3))
    if reach < 3 or len(times) < 2 * reach + 2:
        return []
    speed = _displacement(thumbs) / gap
    total = np.concatenate([[0.0], np.cumsum(speed)])
    index = np.arange(reach, len(times) - reach)
    before = (total[index] - total[index - reach]) / reach
    after = (total[index + reach] - total[index]) / reach
    just = speed[index - 1]  # it was still moving in the frame before
    is_stop = (before > STOP_SPEED) & (before > STOP_RATIO * (after + 0.01))
    is_stop &= (just > 0.4 * before) & (speed[index] < 0.3 * before)
    found = []
    last = -1.0
    for place in index[is_stop]:
        if times[place] < last:
            continue
        rows = slice(place - reach, place)
        down = _downward_share(thumbs.luma[rows].astype(np.float32))
        kind = "fall" if down > FALL_SHARE else "stop"
        found.append(Moment(float(times[place]), kind, float(min(1.0, before[place - reach]))))
        last = float(times[place]) + MOMENT_GAP
    return found


def _downward_share(luma: np.ndarray) -> float:
    """-1 (all movement up) to 1 (all down): mean vertical over mean absolute optical flow of
    (frames, 24, 40), by least squares over blocks (Lucas & Kanade 1981)."""
    change = np.diff(luma, axis=0)[:, 1:-1, 1:-1]
    rows = (luma[1:, 2:, 1:-1] - luma[1:, :-2, 1:-1]) / 2
    columns = (luma[1:, 1:-1, 2:] - luma[1:, 1:-1, :-2]) / 2
    squares = float((rows**2).sum()), float((rows * columns).sum()), float((columns**2).sum())
    determinant = squares[0] * squares[2] - squares[1] ** 2
    if determinant < 1e-6:
        return 0.0
    down = 0.0
    size = 0.0
    for t in range(len(change)):
        vector = -float((rows[t] * change[t]).sum()), -float((columns[t] * change[t]).sum())
        vertical = (squares[2] * vector[0] - squares[1] * vector[1]) / determinant
        horizontal = (squares[0] * vector[1] - squares[1] * vector[0]) / determinant
        down += vertical
        size += float(np.hypot(vertical, horizontal))
    return down / size if size > 1e-9 else 0.0
