"""The encoder and the rules against MuVi-Sync's soundtracks, by song in ten folds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pixmus.cues.encoder import WHOLE
from pixmus.cues.rule_curves import rule_curves
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.picture.features import FEATURE_CURVES, Features
from pixmus.picture.transitions import Transition
from pixmus.studies.encoder_statistics import (
    NUM_FOLDS,
    Report,
    correlation,
    folds_of,
    mean_interval,
    spearman,
)
from pixmus.training.music_videos import MusicVideos, fit_pairs, inside_inputs, whole_inputs


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
            label: correlation(values, targets[:, k]) for label, values in by_answer.items()
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


def _inside(values: np.ndarray, target: np.ndarray, songs: Sequence[slice]) -> Report:
    """Mean over songs of the correlation inside each."""
    each = np.array([spearman(values[s], target[s]) for s in songs if target[s].std() > 0])
    return {
        "spearman": round(float(each.mean()), 4),
        "interval": mean_interval(each),
    }


def _stretched(values: np.ndarray, length: int) -> np.ndarray:
    places = np.linspace(0, 1, len(values))
    return np.asarray(np.interp(np.linspace(0, 1, length), places, values))


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
        **{name: np.full(length, value) for name, value in typical.items()},  # type: ignore[arg-type]
        palette=None,
        moments=(),
    )
    curves = rule_curves(features)
    return {name: curves[name].reshape(-1, quarter).mean(axis=1) for name in CURVES}
