"""Whose picture is this music? Pieces against the wanted curves of many pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet
from pixmus.cues.spotting import spot
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.picture.features import Features
from pixmus.score.curves import bar_seconds, measure_curves
from pixmus.score.fit import fit_tempo_map
from pixmus.studies.encoder_statistics import Report, mean_interval
from pixmus.studies.encoder_truths import features_of
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.films import Film, montage_clips, montage_features

NUM_EXCERPTS = 60
EXCERPT_S = 10.0
RETRIEVAL_BPM = 100.0
RETRIEVAL_SEEDS = (7, 8, 9, 10, 11)  # each a search of its own


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
                features_of(film.images[rows], inside - inside[0], EXCERPT_S, film.frame_rate)
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
