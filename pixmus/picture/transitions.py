"""A `Transition`: where one shot gives way to the next, found in thumbnails.

Conventions: times are seconds from the first displayed frame; a transition's time is the first
frame of the new shot for a cut and the middle for a dissolve or a fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixmus.picture.cuts import compare, find_cuts
from pixmus.picture.evened import evened
from pixmus.picture.thumbnails import Thumbnails, coarse


@dataclass(frozen=True)
class Transition:
    """One shot giving way to the next, from `start` to `end` (equal for a cut)."""

    time: float
    start: float
    end: float
    kind: str


DISSOLVE_LENGTHS = (0.3, 0.5, 0.8, 1.2, 1.7)  # s, tried one by one
MIN_DISSOLVE_LENGTH = 0.22  # s
MIN_DISSOLVE_CHANGE = 8.0  # luma levels
MAX_MIX_ERROR = 0.36  # of the change: how far the middle may be from the mean of both ends
MOST_KEPT_CONTRAST = 0.8  # of what mixing takes from the contrast (see `_kept_contrast`)
MUCH_MIXED = 0.88  # of the contrast: mixing must take away so much for that to tell
SAME_CONTRAST = 1.15  # ratio up to which both ends may be one texture
MIN_UNLIKE = 0.27  # unlikeness (see `compare`) of the two shots of a dissolve
MIN_UNLIKE_COLOURED = 0.42  # the same plus a 50th of the chroma change (10 levels at most)
MIN_DISSOLVE_AREA = 0.45  # share of the picture
MAX_FADED_CONTRAST = 5.0  # luma levels of standard deviation
MAX_FADE_REACH = 1.2  # s from full picture to none


def find_transitions(thumbs: Thumbnails) -> tuple[Transition, ...]:
    """Every cut, fade through a plain colour, and dissolve, in order of time."""
    if len(thumbs.times) < 3:
        return ()
    thumbs = evened(thumbs)
    cuts = find_cuts(thumbs)
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
    if rest[inner].mean() > MAX_MIX_ERROR or _kept_contrast(luma, share) > MOST_KEPT_CONTRAST:
        return None
    ends = np.array([[low], [high]])
    unlike, colour = compare(thumbs, ends[:1], ends[1:])
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


def _kept_contrast(luma: np.ndarray, share: np.ndarray) -> float:
    """How much of the contrast that mixing the ends takes away the middle has after all: about 0
    in a dissolve, about 1 where the camera moves over a fine texture; luma is (frames, cells)."""
    middle = int(np.argmin(np.abs(share - 0.5)))
    part = float(share[middle])
    whole = math.sqrt((1 - part) * float(luma[0].var()) + part * float(luma[-1].var()))
    mixed = float(((1 - part) * luma[0] + part * luma[-1]).std())
    ends = sorted((float(luma[0].std()), float(luma[-1].std())))
    # Alike in the large, as two skies over a sea; or no one texture, which keeps its contrast.
    if mixed > MUCH_MIXED * whole or ends[1] > SAME_CONTRAST * ends[0]:
        return 0.0
    return (float(luma[middle].std()) - mixed) / max(whole - mixed, 0.5)


def _coarse_share(thumbs: Thumbnails, first: int, last: int) -> np.ndarray:
    """(frames,) how far each frame is on the way from `first` (0) to `last` (1), from coarse cells,
    which movement inside the shots changes less than fine ones."""
    luma = coarse(thumbs.luma[first : last + 1].astype(np.float32)).reshape(last - first + 1, -1)
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
