"""Hit points of the encoder: scenes cut together, moments put into clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from PIL import Image

from pixmus.cues.encoder import ConditioningEncoder
from pixmus.cues.sections import shot_novelties
from pixmus.cues.sheet import HitPoint
from pixmus.picture.features import Features
from pixmus.studies.encoder_statistics import Report, mean_interval
from pixmus.studies.encoder_truths import TRUTH_SECONDS, features_of
from pixmus.training.films import Film

MOMENTS_PUT_IN = ("flash", "stop", "fall", "slow stop", "thrown up")
PAN_SPEED, PAN_SECONDS = 1.2, 1.5  # picture widths a second
FALL_SECONDS = 0.45  # about a metre


def evaluate_hits(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """New scenes against cuts inside one; flashes and sudden stops put into clips.

    A scene is made of two clips cut against each other (A B A B) before a third one (C): the cut
    to C must outweigh the cuts back to what was just seen.
    """
    rng = np.random.default_rng(3)
    usable = [
        film
        for film in films
        if not film.features.transitions and film.duration >= 4 and 20 <= film.frame_rate <= 31
    ]
    wins: dict[str, list[float]] = {"encoder": [], "rules before": []}
    for _ in range(40):
        a, b, c = rng.choice(len(usable), 3, replace=False)
        shots = [usable[a], usable[b], usable[a], usable[b], usable[c]]
        features = _edited(shots, 2.0)
        if len(features.transitions) != 4:
            continue
        hits = encoder.spot(features).hit_points
        found = _nearest_strengths(hits, features)
        wins["encoder"].append(float(found[3] > max(found[1:3])))
        bare = replace(features, moments=())
        novelties = shot_novelties(bare)
        before = [s / (1 - 0.3 * (1 - n)) for s, n in zip(found, novelties, strict=True)]
        wins["rules before"].append(float(before[3] > max(before[1:3])))
    report: Report = {
        "new scene outweighs cuts inside one": {
            who: {
                "share": round(float(np.mean(won)), 4),
                "interval": mean_interval(won),
                "films": len(won),
            }
            for who, won in wins.items()
        }
    }
    for kind in MOMENTS_PUT_IN:
        found_all, offsets, named = [], [], []
        for film in usable:
            others = [other for other in usable if other is not film]
            features, at = with_moment(film, others[rng.integers(len(others))], kind, rng)
            near = [m for m in features.moments if abs(m.time - at) <= 0.1]
            found_all.append(float(bool(near)))
            offsets += [abs(m.time - at) for m in near]
            named += [float(m.kind == kind) for m in near]
        report[kind] = {
            "put in": len(found_all),
            "found within 0.1 s": round(float(np.mean(found_all)), 4),
            "interval": mean_interval(found_all),
            "median offset, s": round(float(np.median(offsets)), 4) if offsets else None,
            "called so": round(float(np.mean(named)), 4) if named else None,
        }
    minutes = sum(film.duration for film in films) / 60
    moments = [(film.name, m.kind) for film in films for m in film.features.moments]
    report["moments in clips as they are"] = {
        "minutes": round(minutes, 2),
        "a minute": round(len(moments) / minutes, 3),
        "where": [f"{name} {kind}" for name, kind in moments],
    }
    return report


def _edited(shots: Sequence[Film], seconds: float) -> Features:
    """Features of shots of `seconds` each, every shot going on where its film was left."""
    rate = Fraction(24)
    length = round(seconds * rate)
    frames, left = [], dict.fromkeys((film.name for film in shots), 0.0)
    for film in shots:
        for step in range(length):
            time_in = (left[film.name] + step / 24) % max(film.duration - 0.1, 0.1)
            row = max(0, int(np.searchsorted(film.times, time_in + 1e-6)) - 1)
            frames.append(_squeezed(film.images[row]))
        left[film.name] += seconds
    times = np.arange(len(frames)) / 24
    return features_of(np.stack(frames), times, len(frames) / 24, rate)


def _squeezed(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((160, 90), Image.Resampling.BOX))


def _nearest_strengths(hits: Sequence[HitPoint], features: Features) -> list[float]:
    times = np.array([hit.time for hit in hits])
    return [
        hits[int(np.abs(times - transition.time).argmin())].strength
        for transition in features.transitions
    ]


def with_moment(
    film: Film, other: Film, kind: str, rng: np.random.Generator
) -> tuple[Features, float]:
    """A clip with a moment put in at an instant known, and that instant.

    A flash is two frames mostly white. A stop is the end of a pan of `PAN_SECONDS` at `PAN_SPEED`
    over the clip, which plays on; "slow stop" is the same pan that takes a second to come to rest,
    which is no moment. A fall is the middle of another clip that drops from the top of the picture
    to its foot as things fall, and lies there; "thrown up" is the same backwards.
    """
    rows = film.times <= TRUTH_SECONDS
    images, times = film.images[rows].copy(), film.times[rows]
    place = int(rng.integers(len(images) // 3, 2 * len(images) // 3))
    before = times - times[place]
    width = images.shape[2]
    if kind == "flash":
        for row in (place, place + 1):
            images[row] = (0.25 * images[row] + 0.75 * 255).astype(np.uint8)
    elif kind in ("stop", "slow stop"):
        speed = np.where(before < 0, PAN_SPEED, 0.0)
        if kind == "slow stop":
            speed = PAN_SPEED * np.clip(0.5 - before, 0, 1)
        speed = np.where(before < -PAN_SECONDS, 0.0, speed)
        way = np.cumsum(speed * np.diff(times, prepend=times[0]))
        for row, offset in enumerate(np.rint(way * width).astype(int)):
            # to and fro, so that no edge comes into the picture
            whole = np.concatenate([images[row], images[row][:, ::-1]], axis=1)
            images[row] = np.roll(whole, -offset, axis=1)[:, :width]
    else:
        size = images.shape[1] // 2, width // 2
        patch = other.images[len(other.images) // 2]
        patch = np.asarray(Image.fromarray(patch).resize(size[::-1], Image.Resampling.BOX))
        share = np.clip(1 + before / FALL_SECONDS, 0, 1) ** 2  # of the way down
        if kind == "thrown up":
            share = 1 - np.clip(1 + before / FALL_SECONDS, 0, 1)
        for row, top in enumerate(np.rint(share * (images.shape[1] - size[0])).astype(int)):
            images[row, top : top + size[0], width // 4 : width // 4 + size[1]] = patch
    duration = min(film.duration, TRUTH_SECONDS)
    return features_of(images, times, duration, film.frame_rate), float(times[place])
