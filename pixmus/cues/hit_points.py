"""The hit points of a picture: which of its changes the music acknowledges, and how strongly.

Conventions: times are seconds from the first displayed frame, strengths 0..1.
"""

from __future__ import annotations

import math

import numpy as np

from pixmus.cues.sections import shot_novelties
from pixmus.cues.sheet import HitPoint
from pixmus.curves import CURVE_RATE_HZ
from pixmus.picture.features import Features
from pixmus.picture.transitions import Transition

MIN_HIT_TIME = 0.25  # s: an earlier change belongs to the first chord
LAST_HIT_MARGIN = 1.0  # s before the end, where music rings out and marks little
OLD_SCENE_LOSS = 0.3  # share of its strength that a cut back to what was just seen loses
MOMENT_STRENGTH = 0.4  # a flash, a fall's end, a sudden stop: never above the strongest cuts
SOFTNESS = {"cut": 1.0, "dissolve": 0.8, "fade": 0.9}


def find_hit_points(features: Features, with_moments: bool = False) -> tuple[HitPoint, ...]:
    """One hit point a transition; the strongest change has strength 1, others down to 0.2.

    A change is strong when the two shots look and move differently and when the shot before was
    long: a cut after long stillness is an event, the tenth of a quick run is not. A new scene, one
    that looks like no shot of the last seconds, outweighs a cut back to what was just seen.
    """
    moments = [
        HitPoint(round(m.time, 4), round(MOMENT_STRENGTH * (0.5 + 0.5 * m.size), 3))
        for m in features.moments
        if with_moments and MIN_HIT_TIME <= m.time < features.duration - LAST_HIT_MARGIN
    ]
    kept = [t for t in features.transitions if t.time >= MIN_HIT_TIME]
    if not kept:
        return tuple(moments)
    edges = [0.0, *features.cuts]
    novelties = dict(zip(features.cuts, shot_novelties(features), strict=True))
    raw = []
    for transition in kept:
        before = transition.time - max(e for e in edges if e < transition.time)
        length = min(before / 6.0, 1.0)
        value = SOFTNESS[transition.kind] * (
            0.25 + 0.45 * _visible_change(features, transition) + 0.30 * length
        )
        value *= 1 - OLD_SCENE_LOSS * (1 - novelties[transition.time])
        left = features.duration - transition.time
        raw.append(value * min(1.0, 0.3 + 0.7 * left / LAST_HIT_MARGIN))
    highest = max(raw)
    cuts = [
        HitPoint(round(t.time, 4), round(min(max(value / highest, 0.2), 1.0), 3))
        for t, value in zip(kept, raw, strict=True)
    ]
    return tuple(sorted([*cuts, *moments], key=lambda hit: hit.time))


def _visible_change(features: Features, transition: Transition) -> float:
    """0..1: how differently the second before and the second after a transition look and move."""
    rate = CURVE_RATE_HZ
    last = len(features.motion)
    first_after = math.ceil(transition.end * rate - 1e-6)  # values wholly in the new shot
    last_before = math.floor(transition.start * rate + 1e-6)
    after = slice(min(first_after, last - 1), min(first_after + 4, last))
    before = slice(max(last_before - 4, 0), max(last_before, 1))

    def step(curve: np.ndarray) -> float:
        return abs(float(curve[after].mean()) - float(curve[before].mean()))

    change = (
        step(features.brightness) / 0.15
        + step(features.contrast) / 0.10
        + step(features.saturation) / 0.15
        + step(features.warmth) / 0.15
        + step(np.log(features.motion + 0.02)) / 1.0
    )
    return 1 - math.exp(-change / 3)
