"""The conditioning encoder by its numbers, beside the rules, a constant and shuffled videos.

    pixmus evaluate encoder --data ../shared/data --results docs/results

writes `encoder.json`, `encoder.md` and two pictures. Everything that was fitted is judged on what
it was not fitted on: MuVi-Sync by song and OASIS by theme in ten folds; truths by construction also
on the shared clips that nothing was tuned on. Intervals are 95 % bootstraps over songs,
photographs or clips.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pixmus.cues.encoder import WHOLE, ConditioningEncoder
from pixmus.cues.sheet import CueSheet, Direction, HitPoint, rule_curves, shot_novelties, spot
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.model.folder import MODEL_FOLDER
from pixmus.picture.features import FEATURE_CURVES, Features, extract_features
from pixmus.picture.frames import Frame
from pixmus.picture.moments import find_moments
from pixmus.picture.palette import measure_palette
from pixmus.picture.thumbnails import Reducer, Thumbnails
from pixmus.picture.transitions import Transition
from pixmus.score.curves import bar_seconds, measure_curves
from pixmus.score.tempo import fit_tempo_map
from pixmus.studies.encoder_pictures import draw_five, draw_ranges
from pixmus.studies.encoder_tables import to_markdown
from pixmus.take.pipeline import PixMusPipeline, load_encoder
from pixmus.training.films import (
    Film,
    Photographs,
    load_films,
    load_photographs,
    montage_clips,
    montage_features,
    slide_spans,
    slideshow_features,
)
from pixmus.training.montages import is_tuned_on
from pixmus.training.music_videos import (
    MusicVideos,
    fit_pairs,
    inside_inputs,
    load_music_videos,
    motion_pairs,
    quantile_map,
    whole_inputs,
)
from pixmus.training.train_encoder import make_encoder
from pixmus.training.visual_mood import fit_mood, only

NUM_FOLDS = 10
NUM_BOOTSTRAPS = 1000
TRUTH_SECONDS = 12.0  # of every clip
NUM_EXCERPTS = 60
EXCERPT_S = 10.0
MOMENTS_PUT_IN = ("flash", "stop", "fall", "slow stop", "thrown up")
PAN_SPEED, PAN_SECONDS = 1.2, 1.5  # picture widths a second
FALL_SECONDS = 0.45  # about a metre
SLIDESHOWS_A_FOLD = 10
SLIDES = 5
CLEARLY = 2.0  # points of 7 between two ratings that anyone would put in the same order
RETRIEVAL_BPM = 100.0
RETRIEVAL_SEEDS = (7, 8, 9, 10, 11)  # each a search of its own

Report = dict[str, Any]


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; ties share the middle of theirs."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")) / 2


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where one of the two does not vary."""
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 1e-12 else 0.0


def interval(statistic: Callable[[np.ndarray], float], count: int) -> list[float]:
    """95 % bootstrap interval of a statistic of drawn rows."""
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(0, count, count)) for _ in range(NUM_BOOTSTRAPS)]
    return [round(float(value), 4) for value in np.quantile(drawn, [0.025, 0.975])]


def mean_interval(values: Sequence[float] | np.ndarray) -> list[float]:
    """95 % bootstrap interval of a mean."""
    each = np.asarray(values, dtype=float)
    return interval(lambda rows: float(each[rows].mean()), len(each))


def folds_of(groups: Sequence[Any]) -> np.ndarray:
    """(n,) fold of each row; rows of one group stand in one fold."""
    names = sorted(set(groups))
    fold = dict(
        zip(names, np.random.default_rng(0).permutation(len(names)) % NUM_FOLDS, strict=True)
    )
    return np.array([fold[group] for group in groups])


# ------------------------------------------------------------------------------------ MuVi-Sync


def evaluate_music_videos(videos: MusicVideos, motion: tuple[np.ndarray, np.ndarray]) -> Report:
    """Spearman of what is predicted with what the soundtracks do, by song in ten folds."""
    songs = videos.songs
    inside, whole = inside_inputs(videos), whole_inputs(videos)
    fold = folds_of(range(len(songs)))
    shape = (len(songs), len(WHOLE))
    whole_pace, whole_look, whole_all = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    inside_pace = np.zeros_like(videos.inside_targets)
    inside_all = np.zeros_like(inside_pace)
    for number in range(NUM_FOLDS):
        pairs = fit_pairs(videos, inside, whole, np.flatnonzero(fold != number))
        held = np.flatnonzero(fold == number)
        whole_pace[held] = (
            (whole[0][held] - pairs.pace_mean) / pairs.pace_scale @ pairs.pace_whole.T
        )
        whole_look[held] = (whole[1][held] - pairs.look_mean) @ pairs.look_whole.T
        for song in held:
            rows = songs[song]
            inside_pace[rows] = inside[0][rows] @ pairs.pace.T
            inside_all[rows] = inside_pace[rows] + inside[1][rows] @ pairs.look_inside.T
    whole_all = whole_look + 0.3 * whole_pace
    by_rules = [_rules_of_song(videos, song, motion) for song in songs]
    rules_whole = np.array([[c[Curve.DENSITY].mean(), c[Curve.ENERGY].mean()] for c in by_rules])
    targets = videos.whole_targets
    report: Report = {"songs": len(songs), "whole": {}, "inside": {}}
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(len(songs))
    for k, name in enumerate(("note density", "loudness", "minor key")):
        by_answer = {
            "encoder, motion and cuts": whole_pace[:, k],
            "encoder, look": whole_look[:, k],
            "encoder, all": whole_all[:, k],
            "shuffled videos": whole_look[shuffled, k],
        }
        if k < 2:
            by_answer["rules, motion and cuts"] = rules_whole[:, k]
        report["whole"][name] = {
            label: _correlation(values, targets[:, k]) for label, values in by_answer.items()
        }
        report["whole"][name]["constant"] = {"spearman": 0.0}
    for k, name in enumerate(("note density", "loudness")):
        curve = (Curve.DENSITY, Curve.ENERGY)[k]
        target = videos.inside_targets[:, k]
        rules_rows = np.concatenate([c[curve] for c in by_rules])
        other = np.concatenate(
            [
                _stretched(inside_all[songs[shuffled[i]], k], song.stop - song.start)
                for i, song in enumerate(songs)
            ]
        )
        report["inside"][name] = {
            label: _inside(values, target, songs)
            for label, values in (
                ("encoder, motion and cuts", inside_pace[:, k]),
                ("encoder, all", inside_all[:, k]),
                ("rules, motion and cuts", rules_rows),
                ("shuffled videos", other),
            )
        }
        report["inside"][name]["constant"] = {"spearman": 0.0}
    return report


def _correlation(values: np.ndarray, target: np.ndarray) -> Report:
    return {
        "spearman": round(spearman(values, target), 4),
        "interval": interval(lambda rows: spearman(values[rows], target[rows]), len(values)),
    }


def _inside(values: np.ndarray, target: np.ndarray, songs: Sequence[slice]) -> Report:
    """Mean over songs of the correlation inside each."""
    each = np.array([spearman(values[s], target[s]) for s in songs if target[s].std() > 0])
    return {
        "spearman": round(float(each.mean()), 4),
        "interval": mean_interval(each),
    }


def _stretched(values: np.ndarray, length: int) -> np.ndarray:
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(values)), values)


def _rules_of_song(
    videos: MusicVideos, song: slice, motion: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """The rules' density and energy a second, from motion and cuts; colour is a typical one."""
    theirs = np.exp(videos.log_motion[song]) - 0.5
    ours = np.interp(theirs, motion[1] + 1e-9 * np.arange(len(motion[1])), motion[0])
    quarter = int(CURVE_RATE_HZ)
    length = len(ours) * quarter
    cuts = [float(at) for at in np.flatnonzero(videos.cuts[song]) if at > 0]
    typical = dict(zip(FEATURE_CURVES[1:], (0.45, 0.2, 0.17, 0.02, 0.109), strict=True))
    features = Features(
        float(len(ours)),
        Fraction(25),
        tuple(Transition(at, at, at, "cut") for at in cuts),
        motion=np.repeat(ours, quarter),
        **{name: np.full(length, value) for name, value in typical.items()},
        palette=None,
        moments=(),
    )
    curves = rule_curves(features)
    return {name: curves[name].reshape(-1, quarter).mean(axis=1) for name in CURVES}


# ---------------------------------------------------------------------------------------- OASIS


def evaluate_photographs(photographs: Photographs) -> Report:
    """Spearman with people's ratings, by theme in ten folds."""
    fold = folds_of(photographs.themes)
    predicted = np.zeros((len(fold), 2))
    for number in range(NUM_FOLDS):
        mood = fit_mood(photographs, np.flatnonzero(fold != number))
        held = np.flatnonzero(fold == number)
        predicted[held] = mood.predict(only(photographs.features, held))
    rules = rule_curves(photographs.features, as_z=True)
    shuffled = np.random.default_rng(1).permutation(len(fold))
    report: Report = {"photographs": len(fold), "themes": len(set(photographs.themes))}
    for k, name, curve in ((0, Curve.VALENCE, Curve.VALENCE), (1, "arousal", Curve.ENERGY)):
        target = getattr(photographs, name)
        report[name] = {
            "encoder": _correlation(predicted[:, k], target),
            "rules": _correlation(rules[curve], target),
            "constant": {"spearman": 0.0},
            "shuffled photographs": _correlation(predicted[shuffled, k], target),
        }
    return report


# ------------------------------------------------------------------------- Truths by construction


def graded_images(images: np.ndarray, gain: float, chroma: float) -> np.ndarray:
    """uint8 images, darker by `gain` and with `chroma` of their colour left (BT.601 luma)."""
    pixels = images.astype(np.float32) * gain
    luma = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.clip(np.rint(luma[..., None] + chroma * (pixels - luma[..., None])), 0, 255).astype(
        np.uint8
    )


def _measure(images: np.ndarray, times: np.ndarray, duration: float, rate: Fraction) -> Features:
    return extract_features(map(Frame, times.tolist(), images), duration, rate)


def evaluate_truths(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """What a change of the picture must do to the music, on every clip; broken, and by how much."""
    truths: dict[str, list[dict[str, Any]]] = {}
    for film in films:
        rows = film.times <= TRUTH_SECONDS
        images, times = film.images[rows], film.times[rows]
        duration = min(film.duration, TRUTH_SECONDS)
        rate = film.frame_rate
        height, width = images.shape[1:3]
        top, left = round(0.15 * height), round(0.15 * width)
        middle = images[:, top : height - top, left : width - left]
        plain = _measure(images, times, duration, rate)
        changed = {
            "darker: not happier": _measure(graded_images(images, 0.6, 1), times, duration, rate),
            "greyer: not happier": _measure(graded_images(images, 1, 0.4), times, duration, rate),
            "darker and greyer: not happier": _measure(
                graded_images(images, 0.5, 0.4), times, duration, rate
            ),
            "twice as fast: not calmer": _measure(images, times / 2, duration / 2, rate * 2),
            "half as fast: not livelier": _measure(images, times * 2, duration * 2, rate / 2),
            "cropped to its middle: not calmer": _measure(middle, times, duration, rate),
        }
        half = "tuned on" if is_tuned_on(film.name) else "held out"
        for truth, other in changed.items():
            curve = Curve.VALENCE if "happier" in truth else Curve.ENERGY
            sign = -1 if "livelier" in truth or "happier" in truth else 1
            row: dict[str, Any] = {"clip": film.name, "half": half}
            for who, say in (("encoder", encoder.spot), ("rules", spot)):
                before, after = say(plain), say(other)
                change = float(after.curves[curve].mean() - before.curves[curve].mean())
                row[who] = round(sign * change, 4)
                if curve == Curve.ENERGY:
                    row[f"{who} tempo"] = sign * (after.tempo_bpm - before.tempo_bpm)
            truths.setdefault(truth, []).append(row)
    report: Report = {}
    for truth, each in truths.items():
        report[truth] = {"clips": len(each)}
        for who in ("encoder", "rules"):
            values = np.array([row[who] for row in each])
            broken = values < -0.005
            report[truth][who] = {
                "kept": round(float(1 - broken.mean()), 4),
                "interval": mean_interval(~broken),
                "median change": round(float(np.median(values)), 4),
                "worst": [each[int(values.argmin())]["clip"], float(values.min())],
                "kept held out": round(
                    float(
                        np.mean([row[who] >= -0.005 for row in each if row["half"] == "held out"])
                    ),
                    4,
                ),
            }
            tempi = [row[f"{who} tempo"] for row in each if f"{who} tempo" in row]
            if tempi:
                kept = float(np.mean([t >= -0.5 for t in tempi]))
                report[truth][who]["tempo kept"] = round(kept, 4)
    return report


@dataclass(frozen=True, eq=False)
class Slideshow:
    """Rated photographs shown one after another, their order and spans known."""

    fold: int  # whose themes the photographs are of
    order: np.ndarray  # (SLIDES,) photographs
    spans: list[tuple[float, float]]  # s
    features: Features


def make_slideshows(photographs: Photographs) -> list[Slideshow]:
    """`SLIDESHOWS_A_FOLD` slideshows of the photographs of each fold, every one with a photograph
    out of each fifth of that fold's valence ratings, in any order."""
    fold = folds_of(photographs.themes)
    slideshows = []
    for number in range(NUM_FOLDS):
        held = np.flatnonzero(fold == number)
        fifths = np.array_split(held[np.argsort(photographs.valence[held])], SLIDES)
        for k in range(SLIDESHOWS_A_FOLD):
            seed = 1000 + SLIDESHOWS_A_FOLD * number + k
            rng = np.random.default_rng(seed)
            order = rng.permutation([rng.choice(fifth) for fifth in fifths])
            features = slideshow_features(photographs, order.tolist(), seed)
            slideshows.append(Slideshow(number, order, slide_spans(SLIDES, seed), features))
    return slideshows


def span_means(curve: np.ndarray, spans: Sequence[tuple[float, float]]) -> np.ndarray:
    """(spans,) mean of a curve over the values whose middles lie in each span."""
    middles = (np.arange(len(curve)) + 0.5) / CURVE_RATE_HZ
    return np.array([curve[(middles >= a) & (middles < b)].mean() for a, b in spans])


def ordered_pairs(values: np.ndarray, ratings: np.ndarray, apart: float) -> list[float]:
    """For each pair whose ratings lie `apart` or further: 1 where `values` have the same order, 0
    where the other, a half where they are equal."""
    return [
        0.5 + 0.5 * float(np.sign(values[a] - values[b]))
        for a in range(len(ratings))
        for b in range(len(ratings))
        if ratings[a] - ratings[b] >= apart
    ]


def evaluate_slideshows(photographs: Photographs, encoder: ConditioningEncoder) -> Report:
    """Whether valence goes up and down with the ratings of the photographs that are shown.

    Each slideshow is spotted by an encoder whose mood never saw a photograph of its themes. Its
    curves' spread is the shipped one, which cannot change their order. *Alone* is the same mood
    of the same photographs as stills: what is lost from there on is lost to smoothing.
    """
    fold = folds_of(photographs.themes)
    slideshows = make_slideshows(photographs)
    encoders, moods = [], np.zeros(len(fold))
    for number in range(NUM_FOLDS):
        mood = fit_mood(photographs, np.flatnonzero(fold != number))
        held = np.flatnonzero(fold == number)
        moods[held] = mood.predict(only(photographs.features, held))[:, 0]
        other = make_encoder(mood, encoder.paired)
        other.curve_mean.data.copy_(encoder.curve_mean)
        other.curve_scale.data.copy_(encoder.curve_scale)
        encoders.append(other)
    said: dict[str, dict[str, list[np.ndarray]]] = {Curve.VALENCE: {}, Curve.ENERGY: {}}
    for show in slideshows:
        for who, say in (("encoder", encoders[show.fold].spot), ("rules", spot)):
            curves = say(show.features).curves
            for curve, answers in said.items():
                answers.setdefault(who, []).append(span_means(curves[curve], show.spans))
        said[Curve.VALENCE].setdefault("alone", []).append(moods[show.order])
    frame = 1 / float(slideshows[0].features.frame_rate)
    cuts = [
        (
            [a for a, _ in show.spans[1:]],
            [transition.time for transition in show.features.transitions],
        )
        for show in slideshows
    ]
    found = [_near(true, got, frame) for true, got in cuts]
    right = [_near(got, true, frame) for true, got in cuts]
    report: Report = {
        "slideshows": len(slideshows),
        "slides": SLIDES,
        "cuts": {
            "true": sum(len(true) for true, _ in cuts),
            "recall": _share(found),
            "precision": _share(right),
        },
    }
    for curve, ratings in (
        (Curve.VALENCE, photographs.valence),
        (Curve.ENERGY, photographs.arousal),
    ):
        truth = [ratings[show.order] for show in slideshows]
        answers = said[curve]
        answers["shuffled slideshows"] = [*answers["encoder"][1:], answers["encoder"][0]]
        answers["constant"] = [np.zeros(SLIDES) for _ in slideshows]
        report[curve] = {}
        for who, values in answers.items():
            each = [spearman(v, t) for v, t in zip(values, truth, strict=True)]
            pairs = [ordered_pairs(v, t, CLEARLY) for v, t in zip(values, truth, strict=True)]
            report[curve][who] = {
                "spearman": round(float(np.mean(each)), 4),
                "interval": mean_interval(each),
                "pairs": _share(pairs),
            }
    return report


def _near(some: Sequence[float], others: Sequence[float], within: float) -> list[float]:
    """1 for each of `some` that has one of `others` within so many seconds, else 0."""
    return [float(any(abs(a - b) <= within + 1e-6 for b in others)) for a in some]


def _share(lists: Sequence[Sequence[float]]) -> Report:
    """The mean over all values of many lists, its interval over lists."""
    sums = np.array([sum(each) for each in lists])
    counts = np.array([len(each) for each in lists])
    return {
        "share": round(float(sums.sum() / counts.sum()), 4),
        "interval": interval(lambda rows: float(sums[rows].sum() / counts[rows].sum()), len(sums)),
        "count": int(counts.sum()),
    }


# ------------------------------------------------------------------------------------ Hit points


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
    return _measure(np.stack(frames), times, len(frames) / 24, rate)


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
    return _measure(images, times, duration, film.frame_rate), float(times[place])


# ------------------------------------------------------------------------------------- Retrieval


def excerpts(films: Sequence[Film]) -> tuple[list[str], list[Features]]:
    """60 pictures of exactly 10 s: clips of 8 s and more (up to three of a long one; one between
    8 and 10 s is shown a little slower), then montages of those clips."""
    names, found = [], []
    long = [film for film in films if film.duration >= 8.0]
    for film in long:
        count = int(min(3, max(1, film.duration // (2 * EXCERPT_S))))
        for k in range(count):
            start = k * (film.duration - EXCERPT_S) / max(count - 1, 1) if count > 1 else 0.0
            stretch = max(1.0, EXCERPT_S / film.duration)
            times = (film.times - start) * stretch
            rows = (times >= 0) & (times < EXCERPT_S)
            inside = times[rows]
            found.append(
                _measure(film.images[rows], inside - inside[0], EXCERPT_S, film.frame_rate)
            )
            names.append(f"{film.name} from {start:.0f} s")
    clips = montage_clips(long)
    seed = 900
    while len(found) < NUM_EXCERPTS:
        mean_shot = (1.5, 2.5, 4.0)[seed % 3]
        found.append(montage_features(clips, seed, mean_shot, EXCERPT_S))
        names.append(f"montage {seed}, mean shot {mean_shot:g} s")
        seed += 1
    return names[:NUM_EXCERPTS], found[:NUM_EXCERPTS]


def evaluate_retrieval(films: Sequence[Film], pipe: PixMusPipeline) -> Report:
    """Whose picture is this music? Each piece against the wanted curves of all 60 pictures."""
    assert pipe.curve_tables is not None
    names, pictures = excerpts(films)
    report: Report = {"excerpts": len(names), "seconds": EXCERPT_S, "bpm": RETRIEVAL_BPM}
    report |= {"montages": sum(name.startswith("montage") for name in names)}
    report["seeds"] = len(RETRIEVAL_SEEDS)
    all_places = {}
    for who in ("rules", "encoder"):
        say = spot if who == "rules" else pipe.encoder.spot
        places, shuffled = [], []
        for seed in RETRIEVAL_SEEDS:
            both = [_wanted_and_measured(features, say, pipe, seed) for features in pictures]
            wanted, measured = np.array([w for w, _ in both]), np.array([m for _, m in both])
            places.append(_places(wanted, measured))
            mixed = np.random.default_rng(2).permutation(len(pictures))
            shuffled.append(_places(wanted, measured[mixed]))
        all_places[who] = np.array(places)
        report[who] = _precision(all_places[who])
        report[f"{who}, music shuffled"] = _precision(np.array(shuffled))
    report["encoder above rules"] = {}
    for k in (1, 5):
        more = ((all_places["encoder"] < k) * 1.0 - (all_places["rules"] < k)).mean(axis=0)
        report["encoder above rules"] |= {
            f"P@{k}": round(float(more.mean()), 4),
            f"P@{k} interval": mean_interval(more),
        }
    report["chance"] = {
        "P@1": round(1 / len(names), 4),
        "P@5": round(5 / len(names), 4),
    }
    return report


def _wanted_and_measured(
    features: Features, say: Callable[..., CueSheet], pipe: PixMusPipeline, seed: int
) -> tuple[list[list[float]], list[list[float]]]:
    """(curves, bars) that a picture asks for, and that the music composed for it has."""
    assert pipe.curve_tables is not None
    # nothing but the curves may tell: no hit points, so that every tempo map is the same
    sheet = say(features, Direction(tempo_bpm=RETRIEVAL_BPM))
    sheet = replace(sheet, hit_points=(), cuts=())
    score = pipe.compose(sheet, seed=seed, accents=False)
    music = measure_curves(score, pipe.curve_tables)
    bars = bar_seconds(fit_tempo_map(sheet))
    edges = np.concatenate([[0.0], np.cumsum(bars)])[: len(music[Curve.DENSITY]) + 1]
    grid = (np.arange(len(sheet.curves[Curve.DENSITY])) + 0.5) / CURVE_RATE_HZ
    middles = (edges[:-1] + edges[1:]) / 2
    wanted = [np.interp(middles, grid, sheet.curves[name]).tolist() for name in CURVES]
    return wanted, [list(music[name][: len(edges) - 1]) for name in CURVES]


def _places(wanted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """(n,) the place of the right picture among all, 0 = first; (n, curves, bars) arrays.

    The distance is the mean absolute difference over curves and bars but the last, which ends.
    """
    last = max(1, wanted.shape[2] - 1)
    distances = np.abs(measured[:, None, :, :last] - wanted[None, :, :, :last]).mean((2, 3))
    right = np.diagonal(distances)
    return (distances < right[:, None]).sum(axis=1)


def _precision(places: np.ndarray) -> Report:
    """Of (seeds, pictures) places; intervals over pictures."""
    report: Report = {}
    for k in (1, 5):
        hit = (places < k).mean(axis=0)
        report[f"P@{k}"] = round(float(hit.mean()), 4)
        report[f"P@{k} interval"] = mean_interval(hit)
        report[f"P@{k} by seed"] = np.round((places < k).mean(axis=1), 4).tolist()
    report["median place"] = float(np.median(places)) + 1
    return report


# ------------------------------------------------------------------------------- Motion and range


def evaluate_motion(films: Sequence[Film]) -> Report:
    """Whether our motion, put through the quantiles, is what MuVi-Sync's definition measures."""
    tuned = [film for film in films if is_tuned_on(film.name)]
    rest = [film for film in films if not is_tuned_on(film.name)]
    ours, theirs = quantile_map(*motion_pairs(tuned))
    report: Report = {}
    for name, some in (("tuned on", tuned), ("held out", rest)):
        a, b = motion_pairs(some)
        mapped = np.interp(a, ours, theirs)
        error = np.abs(np.log(mapped + 0.5) - np.log(b + 0.5))
        report[name] = {
            "quarter-seconds": len(a),
            "spearman": round(spearman(a, b), 4),
            "median factor off": round(float(np.exp(np.median(error))), 3),
            "median ours, mapped": round(float(np.median(mapped)), 3),
            "median theirs": round(float(np.median(b)), 3),
        }
    return report


def evaluate_range(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """How the curves fill 0..1 over clips and montages that nothing was tuned on, and over all."""
    held = [film for film in films if not is_tuned_on(film.name)]
    clips = montage_clips(held)
    montages = [montage_features(clips, 700 + k, (1.5, 2.5, 4.0)[k % 3], 24.0) for k in range(9)]
    groups = {
        "held-out clips and montages": [film.features for film in held] + montages,
        "all shared clips": [film.features for film in films],
    }
    report: Report = {}
    for name, group in groups.items():
        report[name] = {}
        for who in ("encoder", "rules"):
            say = encoder.curves if who == "encoder" else rule_curves
            curves = [say(features) for features in group]
            weights = np.concatenate(
                [np.full(len(c[Curve.DENSITY]), 1 / len(c[Curve.DENSITY])) for c in curves]
            )
            report[name][who] = {}
            for curve in CURVES:
                values = np.concatenate([c[curve] for c in curves])
                counts, _ = np.histogram(values, bins=10, range=(0, 1), weights=weights)
                shares = counts / counts.sum()
                steps = np.concatenate([np.abs(np.diff(c[curve])) for c in curves])
                report[name][who][curve] = {
                    "shares of tenths": np.round(shares, 4).tolist(),
                    "furthest from uniform": round(
                        float(np.abs(np.cumsum(shares) - np.arange(1, 11) / 10).max()), 4
                    ),
                    "largest change in a second": round(4 * float(steps.max()), 4),
                }
    return report


def evaluate_cost(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """Seconds of processor time that the encoder adds to 60 s of picture, median of several."""
    film = max((f for f in films if f.duration >= 59), key=lambda f: len(f.times))
    rows = film.times < 60
    images, times = film.images[rows], film.times[rows]
    features = _measure(images, times, 60.0, film.frame_rate)
    say = {"encoder.spot": lambda: encoder.spot(features), "rules": lambda: spot(features)}
    report: Report = {"clip": film.name, "seconds": 60, "frames": int(rows.sum())}
    for name, call in say.items():
        spent = []
        for _ in range(7):
            start = time.process_time()
            call()
            spent.append(time.process_time() - start)
        report[name] = round(float(np.median(spent)), 4)
    reducer = Reducer()
    for image in images:
        reducer.add(image)
    luma, chroma, _ = reducer.result()
    thumbs = Thumbnails(times, luma, chroma)
    spent = []
    for _ in range(3):
        start = time.process_time()
        measure_palette(thumbs, 240)
        find_moments(thumbs, features.transitions)
        spent.append(time.process_time() - start)
    report["palette and moments"] = round(float(np.median(spent)), 4)
    report["added"] = round(
        report["encoder.spot"] - report["rules"] + report["palette and moments"], 4
    )
    return report


# ----------------------------------------------------------------------------------- The command


def main() -> None:
    """Run the evaluation, or some of its sections, and write its files."""
    sections = (
        "motion", "music videos", "photographs", "truths", "slideshows", "hits", "range", "cost",
        "retrieval", "five",
    )  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--cache", type=Path, default=Path("runs/encoder_cache"))
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--only", nargs="*", choices=sections, default=list(sections))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data, results, wanted = arguments.data, arguments.results, arguments.only
    results.mkdir(parents=True, exist_ok=True)
    encoder = load_encoder(arguments.model)
    assert encoder is not None, f"{arguments.model} has no encoder"
    films = load_films(data / "video", arguments.cache / "clips")
    place = results / "encoder.json"
    report: Report = json.loads(place.read_text()) if place.is_file() else {}
    tuned = [film for film in films if is_tuned_on(film.name)]
    steps: dict[str, Callable[[], Report]] = {
        "motion": lambda: evaluate_motion(films),
        "music videos": lambda: evaluate_music_videos(
            load_music_videos(data / "muvi_sync"), quantile_map(*motion_pairs(tuned))
        ),
        "photographs": lambda: evaluate_photographs(
            load_photographs(data / "affect" / "oasis", arguments.cache)
        ),
        "truths": lambda: evaluate_truths(films, encoder),
        "slideshows": lambda: evaluate_slideshows(
            load_photographs(data / "affect" / "oasis", arguments.cache), encoder
        ),
        "hits": lambda: evaluate_hits(films, encoder),
        "range": lambda: evaluate_range(films, encoder),
        "cost": lambda: evaluate_cost(films, encoder),
        "retrieval": lambda: evaluate_retrieval(
            films, PixMusPipeline.from_pretrained(arguments.model)
        ),
        "five": lambda: draw_five(
            films, PixMusPipeline.from_pretrained(arguments.model), results / "encoder-five.png"
        ),
    }
    for name in wanted:
        report[name] = steps[name]()
        place.write_text(json.dumps(report, indent=1) + "\n")
        print(name, "done", flush=True)
    if "range" in report:
        draw_ranges(report["range"], results / "encoder-ranges.png")
    (results / "encoder.md").write_text(to_markdown(report))
    print(to_markdown(report))


if __name__ == "__main__":
    main()
