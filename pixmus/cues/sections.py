"""The sections of a picture: spans of one look, told apart by what its shots look like.

Conventions: times are seconds from the first displayed frame.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pixmus.cues.sheet import Section
from pixmus.curves import CURVE_RATE_HZ
from pixmus.picture.features import Features

if TYPE_CHECKING:  # the rules need no torch
    from pixmus.cues.sight import Seen

SCENE_MEMORY = 10.0  # s
MIN_SECTION = 4.0  # s
ALIKE = 0.35  # mean scaled difference (see `shot_looks`) below which two sections are alike

# Cosine of what two sections show from which they share a theme: of photographs of unrelated things
# 0.02 % reach it, of the same thing 10 %.
SAME_SHOWN = 0.5


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


def find_sections(features: Features, seen: Seen | None = None) -> tuple[Section, ...]:
    """Spans of picture with one look, at least `MIN_SECTION` long; those that look alike, or show
    alike as far as that was `seen`, share a theme: A, B, C in order of appearance.

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
    themes: list[tuple[np.ndarray, np.ndarray | None]] = []
    sections = []
    for (start, end), look in zip(spans, looks, strict=True):
        shown = _shown(features, seen, start, end)
        distances = [_unlike(look, theme) for theme, _ in themes]
        cosines = [
            -1.0 if shown is None or other is None else _cosine(shown, other) for _, other in themes
        ]
        if distances and min(distances) < ALIKE:
            number = int(np.argmin(distances))
        elif cosines and max(cosines) >= SAME_SHOWN:
            number = int(np.argmax(cosines))
        else:
            number = len(themes)
            themes.append((look, shown))
        sections.append(
            Section(round(start, 4), min(round(end, 4), features.duration), _letter(number))
        )
    return tuple(sections)


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of what two sections show; about 0 for unrelated ones."""
    return float(first @ second / max(np.linalg.norm(first) * np.linalg.norm(second), 1e-9))


def _shown(features: Features, seen: Seen | None, start: float, end: float) -> np.ndarray | None:
    """What is shown from `start` to `end`, the mean over views by their length; None if unseen."""
    if seen is None or features.views is None:
        return None
    spans = np.clip(features.views.spans, start, end)
    lengths = np.diff(spans, axis=1)[:, 0]
    total = float(lengths.sum())
    mean: np.ndarray = lengths @ seen.looks / max(total, 1e-9)
    return mean if total > 0 else None


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")
