"""What tells composed windows from real ones, and whether a style is heard as asked."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from pixmus.check.descriptors import DESCRIPTORS
from pixmus.curves import Curve
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.studies.realism import (
    StyleClassifier,
    bars_shuffled,
    feature_aucs,
    overlap,
    pitches_moved,
    random_in_key,
    signed_aucs,
    together_auc,
)
from pixmus.studies.score_model_pictures import draw_distributions
from pixmus.studies.score_model_windows import (
    ALL,
    HeldOut,
    Section,
    describe,
    draw_pieces,
    mean_known,
    without_velocity,
)
from pixmus.training.bootstrap import interval
from pixmus.training.encoded import encode_piece
from pixmus.training.real_windows import draw_windows, write_for

DISTRIBUTIONS = ("pitch_class_entropy", "groove_similarity")
OFTEN = 1 / 3  # of the windows: an AUC of fewer is partly chance


def distributions(study: HeldOut, scale: float) -> Section:
    """Mean and overlap of pitch-class entropy and groove similarity with real music, by style.

    Beside it random notes in key, and real music against itself (pieces dealt into two halves).
    """
    names = list(DESCRIPTORS)
    rng = np.random.default_rng(1)
    real = describe(study.real, study.windows)
    made = describe(study.made(scale), study.windows)
    noise = describe([random_in_key(cells, rng) for cells in study.real], study.windows)
    section: Section = {}
    for style in (ALL, *STYLES):
        rows = study.rows_of(style)
        pieces = sorted({study.names[i] for i in rows})
        half = {name for name in pieces[::2]}
        first = [i for i in rows if study.names[i] in half]
        second = [i for i in rows if study.names[i] not in half]
        section[style] = {"windows": len(rows)}
        for name in DISTRIBUTIONS:
            column = names.index(name)
            mean = mean_known(real[rows, column])
            section[style][name] = {
                "real": mean,
                "made": mean_known(made[rows, column]),
                "difference": float(abs(mean_known(made[rows, column]) / mean - 1)),
                "overlap": overlap(real[rows, column], made[rows, column]),
                "random notes in key": mean_known(noise[rows, column]),
                "overlap of random notes": overlap(real[rows, column], noise[rows, column]),
                "overlap of real halves": overlap(real[first, column], real[second, column]),
            }
    return section


def classifiers(study: HeldOut, scale: float) -> Section:
    """What tells composed from real windows: each descriptor alone, and all together.

    The power of the same ruler stands beside it: random notes in key, a tenth of the pitches moved
    by a semitone, bars in another order, each against the real windows they were made of.
    """
    rng = np.random.default_rng(2)
    real = describe(study.real, study.windows)
    made = describe(study.made(scale), study.windows)
    pieces = study.names
    names = list(DESCRIPTORS)
    section: Section = {"descriptors": len(names), "windows": len(real)}
    for style in (ALL, *STYLES):
        rows = study.rows_of(style)
        alone = signed_aucs(real[rows], made[rows])
        order = np.argsort(-np.abs(alone - 0.5))
        heard_in = [np.isfinite(windows[rows]).sum(0) for windows in (real, made)]
        often = next(i for i in order if min(heard_in[0][i], heard_in[1][i]) >= OFTEN * len(rows))
        section[style] = {
            "best single": float(np.abs(alone - 0.5).max() + 0.5),
            "mean single": float(np.abs(alone - 0.5).mean() + 0.5),
            "best single heard often": {names[often]: float(abs(alone[often] - 0.5) + 0.5)},
            "strongest": {
                names[i]: {
                    "auc": float(alone[i]),
                    "real": mean_known(real[rows, i]),
                    "made": mean_known(made[rows, i]),
                    "heard in": [int(count[i]) for count in heard_in],
                }
                for i in order[:10]
            },
        }
    # Of the one descriptor that was found: the largest of resampled ones would always lie higher.
    best = names.index(next(iter(section[ALL]["strongest"])))
    section["best single interval"] = interval(
        lambda rows: float(feature_aucs(real[rows, best, None], made[rows, best, None])[0]), pieces
    )
    together, probabilities = together_auc(real, made, pieces, pieces)
    section["together"] = together
    section["together interval"] = interval(
        lambda rows: float(
            feature_aucs(probabilities[rows, None], probabilities[len(real) + rows, None])[0]
        ),
        pieces,
    )
    spoilers = {
        "random notes in key": random_in_key,
        "a tenth of pitches moved a semitone": pitches_moved,
        "bars shuffled": bars_shuffled,
    }
    section["power"] = {}
    for name, spoil in spoilers.items():
        spoilt = describe([spoil(cells, rng) for cells in study.real], study.windows)
        section["power"][name] = {
            "together": together_auc(real, spoilt, pieces, pieces)[0],
            "best single": float(feature_aucs(real, spoilt).max()),
        }
    return section


COMMON_PARTS = tuple(PARTS.index(part) for part in (Part.MELODY, Part.HARMONY, Part.BASS))
STYLE_WINDOWS = 500  # real training windows of each style that the classifier learns from


def styles(study: HeldOut, scale: float, per_style: int) -> Section:
    """Whether a classifier of real music names the style that the model was asked for.

    All windows are reduced to melody, harmony and bass, so that the parts do not give the answer
    away; it learns from training pieces and is first tried on held-out ones. Tempo and velocities
    are not seen.
    """
    training = [
        encode_piece(piece)
        for style in STYLES
        for piece in draw_pieces(
            [p for p in study.all_pieces if p.style == style and p.split == "training"], 120
        )
        if set(COMMON_PARTS) <= set(piece.notes[:, 0].tolist())
    ]
    learnt = draw_windows(training, study.tables, STYLE_WINDOWS, COMMON_PARTS)
    classifier = StyleClassifier(
        without_velocity(describe([w.cells for w in learnt], learnt)),
        [w.style for w in learnt],
    )
    able = [p for p in study.pieces if set(COMMON_PARTS) <= set(p.present)]
    windows = draw_windows(able, study.tables, per_style, COMMON_PARTS)
    asked = [window.style for window in windows]
    made = [write_for(study.pipe, w, seed, scale) for seed, w in enumerate(windows)]
    return {
        "training windows": len(learnt),
        "windows": len(windows),
        "made": classifier.accuracy(without_velocity(describe(made, windows)), asked),
        "real": classifier.accuracy(
            without_velocity(describe([w.cells for w in windows], windows)), asked
        ),
    }


SHOWN = (  # descriptors whose distributions are drawn
    "pitch_class_entropy",
    "groove_similarity",
    Curve.DENSITY,
    "melody_interonset_entropy",
    "melody_length_sixteenth",
    "melody_steps",
    "rhythm_change",
    "harsh_strong",
    "voices",
)


def draw_shown(study: HeldOut, scale: float) -> Figure:
    """Histograms of some descriptors of real and composed windows."""
    names = list(DESCRIPTORS)
    groups = {
        "real": describe(study.real, study.windows),
        "made": describe(study.made(scale), study.windows),
    }
    columns = {
        name: {group: rows[:, names.index(name)] for group, rows in groups.items()}
        for name in SHOWN
    }
    return draw_distributions(columns)
