"""The sections of a picture: spans of one look, told apart by what its shots look like.

Conventions: times are seconds from the first displayed frame.
"""

from __future__ import annotations

import math

import numpy as np

from pixmus.cues.sheet import Section
from pixmus.curves import CURVE_RATE_HZ
from pixmus.picture.features import Features

SCENE_MEMORY = 10.0  # s
MIN_SECTION = 4.0  # s
ALIKE = 0.35  # mean scaled difference (see `shot_looks`) below which two sections are alike


def shot_looks(features: Features) -> np.ndarray:
    """(shots, n) what each shot looks like on average: light, colours and their places, scaled so
    that 1 is a plain difference."""
    columns = [
        features.brightness / 0.12,
        features.contrast / 0.08,
        np.log(features.saturation + 0.03) / 0.5,
        features.warmth / 0.12,
        features.edges / 0.04,
    ]
    if features.palette is not None:
        gate = (features.saturation / (features.saturation + 0.1))[:, None]
        columns += list((features.palette[:, :-1] * gate / 0.25).T / 2)
    look = np.stack(columns, axis=1)
    edges = np.array([0.0, *features.cuts, features.duration])
    looks = []
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        first = min(math.ceil(start * CURVE_RATE_HZ - 1e-6), len(look) - 1)
        last = max(first + 1, math.floor(end * CURVE_RATE_HZ + 1e-6))
        looks.append(look[first:last].mean(axis=0))
    return np.stack(looks)


def shot_novelties(features: Features) -> list[float]:
    """0..1 for every transition: how unlike the new shot is to all shots of the last
    `SCENE_MEMORY` seconds and the one before; 0 is a cut back to what was just seen."""
    looks = shot_looks(features)
    edges = [0.0, *features.cuts, features.duration]
    novelties = []
    for shot in range(1, len(looks)):
        recent = [k for k in range(shot) if edges[k + 1] > edges[shot] - SCENE_MEMORY]
        unlike = min(_unlike(looks[shot], looks[k]) for k in recent)
        novelties.append(float(np.clip((unlike - 0.15) / 0.45, 0, 1)))
    return novelties


def _unlike(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


def find_sections(features: Features) -> tuple[Section, ...]:
    """Spans of picture with one look, at least `MIN_SECTION` long; those that look alike share a
    theme: A, B, C in order of appearance.

    Neighbouring shots are joined, the most alike first, until every section is long enough and
    differs plainly from the next one.
    """
    looks = list(shot_looks(features))
    edges = [0.0, *features.cuts, features.duration]
    spans = [[a, b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    while len(spans) > 1:
        lengths = [b - a for a, b in spans]
        costs = [
            _unlike(looks[k], looks[k + 1])
            - (10.0 if min(lengths[k], lengths[k + 1]) < MIN_SECTION else 0.0)
            for k in range(len(spans) - 1)
        ]
        k = int(np.argmin(costs))
        if costs[k] > ALIKE:
            break
        share = lengths[k] / (lengths[k] + lengths[k + 1])
        looks[k] = share * looks[k] + (1 - share) * looks[k + 1]
        spans[k][1] = spans[k + 1][1]
        del looks[k + 1], spans[k + 1]
    themes: list[np.ndarray] = []
    sections = []
    for (start, end), look in zip(spans, looks, strict=True):
        distances = [_unlike(look, theme) for theme in themes]
        if distances and min(distances) < ALIKE:
            number = int(np.argmin(distances))
        else:
            number = len(themes)
            themes.append(look)
        sections.append(
            Section(round(start, 4), min(round(end, 4), features.duration), _letter(number))
        )
    return tuple(sections)


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")
