"""Fingerprints that tell the same picture or music again after it was coded anew.

Picture: 64 bits for each of five moments, the signs of its lowest cosine coefficients about their
median (Zauner 2010, "pHash"). Music: 32 bits every quarter of a second, the signs of energy
differences along frequency and time (Haitsma and Kalker 2002, "A highly robust audio
fingerprinting system"). 0 stands for a moment that has no print: flat, or silent.

Rows are compared through an index of parts of their prints: only rows that share some are looked
at, so 53,378 rows need no 1.4 thousand million comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pixmus.dataset.speech import SAMPLE_RATE

NUM_COEFFICIENTS = 8  # a side
NOISE_SHARE = 0.01  # of the largest coefficient
FLAT_LEVEL = 2.0  # grey levels of deviation below which an image has no print
# 34 clips and 317 photographs coded anew (half the size, crf 33 or JPEG 40) differ from themselves
# in 0.063 at most; of the photographs the nearest two differ in 0.206, of the clips in 0.349.
LARGEST_PICTURE_DISTANCE = 0.125  # of the bits
# Of 296 stretches of other music the nearest two differ in 0.43; after AAC at 48 kbit/s a stretch
# differs from itself in 0.20 at most, shifted by 60 ms in 0.32. Haitsma and Kalker take 0.35 too.
LARGEST_MUSIC_DISTANCE = 0.35  # of the bits
SMALLEST_OVERLAP = 0.6  # of the moments of the longer print that both rows have
MUSIC_FRAME = 8192  # samples, 0.5 s; long beside what a coder delays
MUSIC_HOP = 4000  # samples, 0.25 s
MUSIC_BAND = (300.0, 3000.0)  # Hz, 33 bands
QUIET_LEVEL = 1e-3  # of full scale, below which a frame has no print
KEY_BITS = 16
LARGEST_LAG = 16  # each row is compared with so many before it that share a part,
LARGEST_BUCKET = 1000  # and with two where more rows than this share it (a plain ground, say)
SMALLEST_SHARED = 3  # parts of the music's print that a pair must share to be looked at


def picture_print(moments: np.ndarray) -> np.ndarray:
    """The print of a picture's moments (moments, side, side), grey levels. (moments,) uint64"""
    side = moments.shape[-1]
    basis = _cosines(side)
    coefficients = (basis @ moments.astype(np.float64) @ basis.T).reshape(len(moments), -1)
    coefficients = coefficients[:, 1:]  # all but the mean
    # A little above the median: plain shapes have many coefficients of nearly 0, whose signs would
    # be those of the coder's noise.
    least = NOISE_SHARE * np.abs(coefficients).max(axis=1, keepdims=True)
    is_set = coefficients > np.median(coefficients, axis=1, keepdims=True) + least
    is_flat = moments.std(axis=(1, 2)) < FLAT_LEVEL
    return np.where(is_flat, 0, _packed(is_set)).astype(np.uint64)


def music_print(mono: np.ndarray) -> np.ndarray:
    """The print of a sound at `speech.SAMPLE_RATE`. (quarter seconds,) uint64 of 32 bits"""
    if len(mono) < MUSIC_FRAME:
        return np.zeros(0, np.uint64)
    frames = np.lib.stride_tricks.sliding_window_view(mono, MUSIC_FRAME)[:: MUSIC_HOP // 4]
    edges = np.geomspace(*MUSIC_BAND, 34) * MUSIC_FRAME / SAMPLE_RATE
    starts = np.round(edges).astype(int)
    window = np.hanning(MUSIC_FRAME).astype(np.float32)
    energies = np.concatenate(
        [
            np.add.reduceat(np.abs(np.fft.rfft(frames[i : i + 64] * window)) ** 2, starts, axis=1)[
                :, :33
            ]
            for i in range(0, len(frames), 64)
        ]
    )
    steps = np.diff(energies, axis=1)  # along frequency
    is_set = np.diff(steps, axis=0) > 0  # and time: neighbours are a quarter of a hop apart
    is_quiet = np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1))[1:] < QUIET_LEVEL
    bits = np.where(is_quiet, 0, _packed(is_set))
    return bits[::4].astype(np.uint64)


def distance(first: np.ndarray, second: np.ndarray, num_bits: int) -> float:
    """The share of bits in which two prints differ, 0..1; 1 where too few moments have both."""
    length = min(len(first), len(second))
    both = (first[:length] != 0) & (second[:length] != 0)
    if not length or both.sum() < SMALLEST_OVERLAP * max(len(first), len(second)):
        return 1.0
    differing = np.bitwise_count(first[:length][both] ^ second[:length][both]).sum()
    return float(differing) / (num_bits * int(both.sum()))


def same_pictures(prints: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of rows whose pictures are the same; an empty print is like none.

    Of many that are the same, each is in a pair with one of the others at least.
    """
    return _same(prints, 63, 64 // KEY_BITS, 1, LARGEST_PICTURE_DISTANCE)


def same_music(prints: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of rows whose music is the same recording."""
    return _same(prints, 32, 32 // KEY_BITS, SMALLEST_SHARED, LARGEST_MUSIC_DISTANCE)


def _same(
    prints: Sequence[np.ndarray],
    num_bits: int,
    num_parts: int,
    smallest_shared: int,
    largest_distance: float,
) -> list[tuple[int, int]]:
    return [
        pair
        for pair in _candidates(prints, num_parts, smallest_shared)
        if distance(prints[pair[0]], prints[pair[1]], num_bits) <= largest_distance
    ]


def _candidates(
    prints: Sequence[np.ndarray], num_parts: int, smallest_shared: int
) -> list[tuple[int, int]]:
    """Pairs of rows that share at least so many parts of 16 bits at the same moments.

    Of many rows that are all alike, each is paired with its neighbours among them.
    """
    keys, rows = [], []
    for row, bits in enumerate(prints):
        moments = np.flatnonzero(bits)
        for part in range(num_parts):
            values = (bits[moments] >> np.uint64(part * KEY_BITS)) & np.uint64(0xFFFF)
            place = (
                moments.astype(np.uint64) * np.uint64(num_parts) + np.uint64(part)
            ) << np.uint64(KEY_BITS)
            keys.append(place | values)
            rows.append(np.full(len(moments), row, np.int64))
    if not keys:
        return []
    key, row_of = np.concatenate(keys), np.concatenate(rows)
    order = np.argsort(key, kind="stable")  # rows stay in order within a key
    key, row_of = key[order], row_of[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(key)]]))
    pairs = []
    for lag in range(1, LARGEST_LAG + 1):
        usable = (lengths > lag) & ((lengths <= LARGEST_BUCKET) | (lag <= 2))
        firsts = _ranges(starts[usable], lengths[usable] - lag)
        pairs.append(row_of[firsts] * len(prints) + row_of[firsts + lag])
    codes, counts = np.unique(np.concatenate(pairs), return_counts=True)
    found = codes[counts >= smallest_shared]
    first, second = found // len(prints), found % len(prints)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """start, start + 1, ... for each start and length, one after another."""
    before = np.concatenate([[0], np.cumsum(lengths)])
    return np.repeat(starts - before[:-1], lengths) + np.arange(before[-1])


@lru_cache(maxsize=1)
def _cosines(side: int) -> np.ndarray:
    """The lowest rows of the cosine transform (DCT-II). (8, side)"""
    moments = np.arange(side) + 0.5
    return np.cos(np.pi / side * np.arange(NUM_COEFFICIENTS)[:, None] * moments)


def _packed(is_set: np.ndarray) -> np.ndarray:
    """Rows of up to 64 booleans as numbers."""
    values = np.uint64(1) << np.arange(is_set.shape[1], dtype=np.uint64)
    packed: np.ndarray = (is_set * values).sum(axis=1, dtype=np.uint64)
    return packed
