"""Cuts: the frames at which one shot gives way to another at once, found in thumbnails.

Conventions: frames are indices; changes are luma levels of thumbnails that are `evened`.
"""

from __future__ import annotations

import numpy as np

from pixmus.picture.thumbnails import THUMB_SIZE, Thumbnails

# A cut is a frame that differs from the one before, more than frames around it do (camera shake,
# whip pans), and from which no frame just before comes back just after (flashes, repeated frames).
# "Differs" is measured after moving every block to where it fits best, so that motion counts
# little. The weights are a logistic regression on candidates of 30 montages of the clips that may
# be tuned on (`Clip.tuned_on`), fitted once with a ridge of 0.3; the bias was then raised by 0.15.
CUT_WEIGHTS = (16.4, 1.88, 1.66, 1.47, 0.88)  # see `_score`
CUT_BIAS = -17.4
# The same without colour, fitted on 36 such montages without their colours, ridge 0.1, bias raised
# by 0.2. In them a step out of stillness is nearly always a cut; elsewhere a window may open.
GREY_WEIGHTS = (14.6, 0.0, 1.29, 1.56, 0.95)
GREY_BIAS = -11.04
GREY_UNLIKE = 0.25  # from which on that counts
LEAST_UNLIKE = 0.12  # below it the same picture has moved or is lit otherwise, whatever its colours
COLOURLESS = (1.5, 4.0)  # chroma levels of spread: colours say nothing, colours say all
MIN_CHANGE = 2.0  # luma levels a cut changes at least, on average
PEAK = 0.09  # s to either side in which a cut's change is the largest
# Frames before (1 = the last one) and after (0 = the new one) that are compared across a candidate.
COMPARED_LAGS = (
    (1, 0), (1, 1), (1, 2), (1, 4), (1, 6), (2, 0), (3, 0), (5, 0), (7, 0), (2, 1), (3, 2),
)  # fmt: skip
LONGEST_LAG = 0.5  # s: what lies further away says nothing of a flash
# A shot may be shorter than the lags reach, and the next one may show the last one's picture again.
# A flash is over sooner, has lost the picture's texture, or fades while it lasts.
SHORTEST_SHOT = 0.1  # s
STEADY = 0.35  # of the smaller change at a short shot's ends: what changes inside it at most
TEXTURED = 0.5  # of the contrast beside it: what a short shot has at least
NEIGHBOURHOOD = 0.35  # s on each side that a cut's change is compared with
LONGEST_GAP = 2.0  # s: a frame that stood longer is no neighbour
MOST_CONTRAST = 2.5  # log ratio
CLEARLY = 0.5  # score from which a candidate is likely a cut for others beside it
MOVING_LEVELS = 0.3  # change of a frame in which something moves
PLAIN_CONTRAST = 3.0  # luma levels of standard deviation
LEVEL_STEP = (8.0, 28.0)  # luma levels: no evidence, full evidence
BLOCK = (6, 8)  # thumbnail cells
BLOCK_REACH = (2, 4)  # thumbnail cells that a block may move

# Slides of which only the text changes: out of a picture that stood quite still comes another that
# does the same, and what has changed lies all over it. A window that opens covers one place.
STILL_LEVELS = 0.6  # mean change of a frame, a pointer or a coder's noise at most
STILL_LENGTH = 1.5  # s on each side
STILL_CHANGE = 4.0  # luma levels on average
STILL_UNLIKE = 0.1
CHANGED_LEVELS = 12.0  # luma levels that a cell has changed by
CHANGED_SPREAD = 0.25  # share of the picture that changed cells lie spread over
WINDOW_FILL, WINDOW_SPREAD = 0.75, 0.8  # a window fills what it covers, and not the whole picture


def changes(thumbs: Thumbnails) -> np.ndarray:
    """(frames,) mean luma plus chroma difference of each frame to the one before, in levels."""
    change = np.zeros(len(thumbs.times), dtype=np.float32)
    for first in range(1, len(change), 1024):
        rows = slice(first, min(first + 1024, len(change)))
        before = slice(rows.start - 1, rows.stop - 1)
        luma = np.abs(thumbs.luma[rows].astype(np.int16) - thumbs.luma[before]).mean((1, 2))
        chroma = np.abs(thumbs.chroma[rows].astype(np.int16) - thumbs.chroma[before])
        change[rows] = luma + 2 * chroma.mean((1, 2, 3))
    return change


def find_cuts(thumbs: Thumbnails) -> list[int]:
    """The first frames of new shots."""
    change, times = changes(thumbs), thumbs.times
    num_frames = len(change)
    rate = (num_frames - 1) / (times[-1] - times[0])
    width = min(2, round(rate * PEAK))
    padded = np.pad(change, width)
    peak = np.max([padded[k : k + num_frames] for k in range(2 * width + 1)], axis=0)
    candidates = np.flatnonzero((change > MIN_CHANGE) & (change >= peak))
    candidates = candidates[candidates > 0]
    reach = max(2, round(rate * NEIGHBOURHOOD))
    still = [int(c) for c in candidates if _is_new_slide(thumbs, change, int(c))]
    # First against the nearest frames only and beside frames that are no candidates: a cheap upper
    # bound that rejects nearly all.
    contrast = _contrasts(change, times, candidates, reach, without=candidates)
    for lags in (COMPARED_LAGS[:1], COMPARED_LAGS):
        before, after = _compared(times, candidates, lags)
        if len(lags) > 1:
            short = _short_shots(thumbs, change, candidates, reach)
            before, after = _inside(candidates, short, before, after)
        unlike, colour = compare(thumbs, before, after)
        unlike[_are_plain(thumbs.luma, candidates)] = 0.0
        unlike = np.maximum(unlike, _level_evidence(thumbs.luma, before, after))
        keep = _score(thumbs, candidates, unlike, colour, contrast, change[candidates]) > 0
        candidates, contrast = candidates[keep], contrast[keep]
        unlike, colour = unlike[keep], colour[keep]
    # Where shots are shorter than the neighbourhood, cuts make room for one another: those that are
    # found, and those that clearly would be if no other candidate stood beside them.
    arguments = (thumbs, candidates, unlike, colour)
    alone = _contrasts(change, times, candidates, reach, without=candidates)
    is_likely = _score(*arguments, alone, change[candidates]) > CLEARLY
    likely = candidates[is_likely & _is_moving_beside(change, candidates, reach)]
    cuts = np.array(sorted(still), dtype=int)
    while True:
        room = np.union1d(cuts, likely).astype(int)
        contrast = _contrasts(change, times, candidates, reach, without=room)
        score = _score(*arguments, contrast, change[candidates])
        found = np.union1d(candidates[score > 0], still).astype(int)
        if len(found) == len(cuts):
            return [int(cut) for cut in cuts]
        cuts = found


def _compared(
    times: np.ndarray, candidates: np.ndarray, lags: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, np.ndarray]:
    """(candidates, lags) frames before and after each candidate that are compared."""
    back, forth = np.array(lags).T
    before = np.maximum(candidates[:, None] - back, 0)
    after = np.minimum(candidates[:, None] + forth, len(times) - 1)
    here = times[candidates][:, None]
    before = np.where(here - times[before] > LONGEST_LAG, candidates[:, None] - 1, before)
    after = np.where(times[after] - here > LONGEST_LAG, candidates[:, None], after)
    return before, after


def _short_shots(
    thumbs: Thumbnails, change: np.ndarray, candidates: np.ndarray, reach: int
) -> np.ndarray:
    """(candidates,) whether what lies between a candidate and the next one is a shot of its own,
    too short for the lags to stay inside it."""
    times = thumbs.times
    result = np.zeros(len(candidates), dtype=bool)
    moving = _is_moving_beside(change, candidates, reach)
    longest = max(max(lag) for lag in COMPARED_LAGS)
    for row in np.flatnonzero(moving[:-1] & moving[1:] & (np.diff(candidates) <= longest)):
        first, end = (int(c) for c in candidates[row : row + 2])
        if times[end] - times[first] < SHORTEST_SHOT - 1e-6:
            continue
        steady = STEADY * min(change[first], change[end])
        contrast = thumbs.luma[first - 1 : end + 1].std(axis=(1, 2))
        beside = TEXTURED * min(contrast[0], contrast[-1])
        is_steady = change[first + 1 : end].max(initial=0.0) <= steady
        result[row] = is_steady and contrast[1:-1].min() >= beside
    return result


def _inside(
    candidates: np.ndarray, short: np.ndarray, before: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of all pairs; those that reach beyond a short shot at the nearest frames."""
    number = np.arange(len(candidates))
    earliest = np.where(np.roll(short, 1) & (number > 0), np.roll(candidates, 1), 0)
    latest = np.where(short, np.roll(candidates, -1) - 1, np.iinfo(candidates.dtype).max)
    beyond = (before < earliest[:, None]) | (after > latest[:, None])
    nearest = candidates[:, None]
    return np.where(beyond, nearest - 1, before), np.where(beyond, nearest, after)


def _score(
    thumbs: Thumbnails,
    candidates: np.ndarray,
    unlike: np.ndarray,
    colour: np.ndarray,
    contrast: np.ndarray,
    change: np.ndarray,
) -> np.ndarray:
    """Above 0 for a cut; arguments for each candidate, lowest over all compared pairs first."""
    columns = (
        unlike,
        np.sqrt(colour),
        np.minimum(contrast[:, 0], MOST_CONTRAST),
        np.minimum(contrast[:, 1], MOST_CONTRAST),
        np.minimum(np.log(change), 4.0),
    )
    coloured, grey = (
        bias + sum(w * column for w, column in zip(weights, columns, strict=True))
        for weights, bias in ((CUT_WEIGHTS, CUT_BIAS), (GREY_WEIGHTS, GREY_BIAS))
    )
    # Pictures of one tint have no colours to differ in: that they do not is no evidence.
    pairs = np.stack([thumbs.chroma[candidates - 1], thumbs.chroma[candidates]], axis=1)
    spread = 2 * pairs.astype(np.float32).std(axis=(1, 2, 3)).mean(axis=1)
    low, high = COLOURLESS
    share = np.clip((high - spread) / (high - low), 0, 1)
    share *= unlike >= GREY_UNLIKE
    score = coloured + share * np.maximum(0, grey - coloured)
    return np.where(unlike < LEAST_UNLIKE, -np.inf, score)


def _contrasts(
    change: np.ndarray,
    times: np.ndarray,
    candidates: np.ndarray,
    reach: int,
    without: np.ndarray,
) -> np.ndarray:
    """(candidates, 2) log ratio of a candidate's change to the largest one just before and after,
    not counting the frames `without`."""
    is_cut = np.zeros(len(change), dtype=bool)
    is_cut[without] = True
    contrast = np.zeros((len(candidates), 2))
    for row, index in enumerate(candidates):
        highest = []
        for side in (slice(max(1, index - reach), index), slice(index + 1, index + 1 + reach)):
            near = np.abs(times[side] - times[index]) <= LONGEST_GAP
            other = near & ~is_cut[side]
            # Between cuts at every frame nothing tells what moves and what is cut.
            nothing = change[index] if near.any() else 0.0
            highest.append(float(change[side][other].max(initial=0.0) if other.any() else nothing))
        contrast[row] = np.log(change[index] + 1) - np.log1p(highest)
    return contrast


def _is_moving_beside(change: np.ndarray, candidates: np.ndarray, reach: int) -> np.ndarray:
    """Whether most frames around each candidate differ from the one before. They do not where a
    film of few frames a second is shown at many, each jump of which looks like a cut."""
    sides = [change[max(1, c - reach) : c + 1 + reach] for c in candidates]
    return np.array([np.median(side) > MOVING_LEVELS for side in sides], dtype=bool)


def _is_new_slide(thumbs: Thumbnails, change: np.ndarray, index: int) -> bool:
    """Whether a candidate parts two pictures that stand still, as slides do."""
    times = thumbs.times
    if change[index] < STILL_CHANGE:
        return False
    low = int(np.searchsorted(times, times[index] - STILL_LENGTH, side="right"))
    high = int(np.searchsorted(times, times[index] + STILL_LENGTH))
    around = np.concatenate([change[max(low, 1) : index], change[index + 1 : high]])
    is_whole = times[index] - times[0] >= STILL_LENGTH
    if not is_whole or around.size == 0 or around.max() > STILL_LEVELS:
        return False
    pair = thumbs.luma[index - 1 : index + 1]
    if _unlikeness(pair[:1], pair[1:])[0] < STILL_UNLIKE:
        return False
    changed = np.abs(np.diff(pair.astype(np.int16), axis=0)[0]) > CHANGED_LEVELS
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        return False
    spread = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    is_window = changed.sum() > WINDOW_FILL * spread and spread < WINDOW_SPREAD * changed.size
    return bool(spread >= CHANGED_SPREAD * changed.size and not is_window)


def compare(
    thumbs: Thumbnails, before: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest unlikeness and lowest chroma difference of each row of frame pairs."""
    if before.size == 0:
        return np.zeros(0), np.zeros(0)
    unlike = _unlikeness(thumbs.luma[before.ravel()], thumbs.luma[after.ravel()])
    chroma = np.abs(thumbs.chroma[before].astype(np.int16) - thumbs.chroma[after])
    return unlike.reshape(before.shape).min(axis=1), 2 * chroma.mean((2, 3, 4)).min(axis=1)


def _are_plain(luma: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Whether both pictures at each candidate show next to nothing but noise, as faded ones do."""
    spreads = (luma[candidates - 1].std(axis=(1, 2)), luma[candidates].std(axis=(1, 2)))
    return np.maximum(*spreads) < PLAIN_CONTRAST


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
