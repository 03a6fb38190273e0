"""`pixmus evaluate score-model`: the score model by its numbers, beside real music and baselines.

    pixmus evaluate score-model --corpus runs/corpus.npz --vgmidi MUSIC/vgmidi --out docs/results

writes `score-model.json`, `score-model.md` and `score-model-*.png`. Everything is composed with the
weights of the model folder, on held-out pieces: the test split, and the validation split of
corpora that have too few test pieces. Calibration used training pieces alone.

Windows are 8 bars of a held-out piece with all its parts; the model is asked for the curves, hit
points, tempo, mode and place that the real window has, and is given no notes. Real windows pass
through the same codec and decoding. Notes are judged as decoded, before accents and humanising.
Intervals are 95 % bootstrap intervals over pieces.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from pixmus.check.descriptors import DESCRIPTORS, describe_window
from pixmus.check.findings import check_score
from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.compose.cells import to_x0
from pixmus.compose.conditions import CURVE_COLUMNS, MODE_COLUMN
from pixmus.compose.sampling import Guidance
from pixmus.compose.writing import compose
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, Curve, num_curve_values
from pixmus.ensembles import BAND, ENSEMBLES, PARTS, PIANO, STYLES, Part, Style
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.model.folder import MODEL_FOLDER
from pixmus.score.curves import CurveTables, beat_statistics, measure_bars
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import PART_LAYOUTS, Score
from pixmus.score.tempo import fit_tempo_map
from pixmus.sound.mix import mix
from pixmus.sound.renderer import render
from pixmus.studies.copying import (
    NUM_NOTES,
    LineIndex,
    NearestLine,
    line_of_rows,
    line_of_score,
    work_of,
)
from pixmus.studies.form import (
    bass_on_chord,
    drum_agreement,
    ending,
    key_drift,
    last_frame_level_db,
    phrase_match,
    score_cells,
    score_ending,
    separation,
    shuffle_bass,
    swap_drums,
)
from pixmus.studies.mood import MoodRegressor, cross_validate, rated_features, read_vgmidi
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
from pixmus.studies.score_tables import (
    design_table,
    draw_distributions,
    draw_sampling,
    write_tables,
)
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.bootstrap import interval
from pixmus.training.calibrate import WINDOW_BEATS, Window, draw_windows, generate, only_made
from pixmus.training.corpus import Piece, load_pieces
from pixmus.training.encoded import encode_piece
from pixmus.training.model_card import write_card
from pixmus.training.windows import BEATS_PER_BAR
from pixmus.waveform import SAMPLE_RATE

FEWEST_TEST_PIECES = 5
DRUM_BARS = 32  # shorter stretches say little of how drums go with the others
WITH_ENDINGS = ("pop909", "lieder")  # stretches of quartets and loops have no real endings


def held_out_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """Test pieces; of a corpus with fewer than five of them, the validation pieces."""
    chosen: list[Piece] = []
    for corpus in sorted({piece.corpus for piece in pieces}):
        test = [p for p in pieces if p.corpus == corpus and p.split == "test"]
        if len(test) < FEWEST_TEST_PIECES:
            test = [p for p in pieces if p.corpus == corpus and p.split == "validation"]
        chosen += test
    return chosen


def mean_known(values: ArrayLike) -> float:
    """Mean of what could be measured, NaN when nothing could."""
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")


VELOCITY_COLUMNS = np.array([name.startswith("velocity") for name in DESCRIPTORS])


def describe(cells: Sequence[np.ndarray], windows: Sequence[Window]) -> np.ndarray:
    """Descriptors of windows (windows, descriptors).

    Velocities are left out (NaN) where the data has none: a rule plays those styles.
    """
    rows = np.stack([describe_window(c, w.minor) for c, w in zip(cells, windows, strict=True)])
    silent = ~np.array([window.has_velocity for window in windows])
    rows[np.ix_(silent, VELOCITY_COLUMNS)] = np.nan
    return rows


class Study:
    """What the sections share: the model, held-out windows, and what was composed for them."""

    def __init__(
        self, pipe: PixMusPipeline, pieces: Sequence[Piece], per_style: int, seed: int = 0
    ) -> None:
        assert pipe.curve_tables is not None
        self.pipe, self.tables = pipe, pipe.curve_tables
        self.all_pieces = list(pieces)
        pitched = [piece for piece in pieces if piece.corpus != "groove"]
        self.pieces = [encode_piece(piece) for piece in held_out_pieces(pitched)]
        self.windows = draw_windows(self.pieces, self.tables, per_style, seed=seed)
        self.names = [window.piece for window in self.windows]
        self.real = [self.decode(window) for window in self.windows]
        self._made: dict[tuple[float, int], list[np.ndarray]] = {}

    def decode(self, window: Window) -> np.ndarray:
        """A real window through the codec and the decoding that composed ones pass through."""
        cells = self.pipe.decoding.cells(to_x0(torch.from_numpy(window.cells)).numpy())
        return only_made(window.states, cells)

    def made(self, scale: float, steps: int = NUM_INFERENCE_STEPS) -> list[np.ndarray]:
        """What the model composes for every window at a guidance scale."""
        if (scale, steps) not in self._made:
            self._made[scale, steps] = [
                generate(self.pipe, window, seed, scale, steps)
                for seed, window in enumerate(self.windows)
            ]
        return self._made[scale, steps]

    def rows_of(self, style: str) -> np.ndarray:
        """Numbers of the windows of a style, or of all."""
        return np.array([i for i, w in enumerate(self.windows) if style in (ALL, w.style)], int)


Section = dict[str, Any]
ALL = "all"


# ------------------------------------------------------------------------------------- Sections


def wanted_curves(window: Window) -> np.ndarray:
    """Curves (bars, 4) that were asked for."""
    return (window.conditions[::BEATS_PER_BAR, CURVE_COLUMNS] + 1) / 2


def measured_curves(window: Window, cells: np.ndarray, tables: CurveTables) -> np.ndarray:
    """Curves (bars, 4) that the cells of a window have."""
    statistics = beat_statistics(cells).sum(1)
    starts = range(0, len(cells), BEATS_PER_BAR)
    seconds = np.full(len(starts), BEATS_PER_BAR * 60 / window.tempo_bpm)
    curves = tables.curves(measure_bars(statistics, starts, seconds), window.has_velocity)
    return np.stack([curves[name] for name in CURVES], 1)


def rank_correlation(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Spearman's correlation, NaN where one side does not vary."""
    if len(reference) < 2 or np.ptp(reference) == 0 or np.ptp(estimate) == 0:
        return float("nan")
    return float(spearmanr(reference, estimate).statistic)


def measure_control(
    windows: Sequence[Window], made: Sequence[np.ndarray], tables: CurveTables
) -> Section:
    """Spearman per bar between the curves asked for and those of the notes.

    `pooled` over all windows, with its interval; `inside` the median over pieces of three windows
    or more; `shuffled` against the curves of another window.
    """
    wanted = np.stack([wanted_curves(window) for window in windows])  # (windows, bars, curves)
    got = np.stack(
        [measured_curves(w, cells, tables) for w, cells in zip(windows, made, strict=True)]
    )
    names = np.array([window.piece for window in windows])
    section: Section = {}
    for column, curve in enumerate(CURVES):
        a, b = wanted[..., column], got[..., column]

        def pooled(rows: np.ndarray, a: np.ndarray = a, b: np.ndarray = b) -> float:
            return rank_correlation(a[rows].ravel(), b[rows].ravel())

        inside = [
            rank_correlation(a[names == name].ravel(), b[names == name].ravel())
            for name in np.unique(names)
            if (names == name).sum() >= 3
        ]
        section[curve] = {
            "pooled": pooled(np.arange(len(windows))),
            "interval": interval(pooled, names.tolist()),
            "inside": float(np.nanmedian(inside)) if inside else float("nan"),
            "shuffled": rank_correlation(np.roll(a, 1, axis=0).ravel(), b.ravel()),
        }
    return section


def control(study: Study, scale: float) -> Section:
    """Curve control at guidance 1 and at the default, for notes before accents and humanising."""
    return {
        f"guidance {value:g}": measure_control(study.windows, study.made(value), study.tables)
        for value in (1.0, scale)
    }


def asks_minor(window: Window) -> bool:
    """Whether the conditions of a window ask for the minor mode."""
    return bool(window.conditions[0, MODE_COLUMN] > 0)


def in_other_mode(window: Window) -> Window:
    """The same wishes in the other mode, with the valence curve mirrored, as spotting would ask."""
    conditions = window.conditions.copy()
    conditions[:, MODE_COLUMN] *= -1
    conditions[:, CURVES.index(Curve.VALENCE)] *= -1
    return replace(window, conditions=conditions)


def hears_minor(cells: np.ndarray) -> bool:
    """Whether the notes are nearer to A minor than to C major, by key profiles."""
    correlations = key_correlations(beat_statistics(cells).sum((0, 1))[5:])
    return bool(correlations[12 + 9] > correlations[0])


def modes(study: Study, scale: float) -> Section:
    """Share of windows whose notes are in the mode asked for; asked as the data, and the other."""
    flipped = [in_other_mode(window) for window in study.windows]
    made = study.made(scale)
    other = [generate(study.pipe, w, seed, scale) for seed, w in enumerate(flipped)]
    asked = np.array([asks_minor(w) for w in [*study.windows, *flipped]])
    heard = np.array([hears_minor(cells) for cells in [*made, *other]])
    real_asked = np.array([w.minor for w in study.windows])
    real_heard = np.array([hears_minor(cells) for cells in study.real])
    right = asked == heard
    names = study.names * 2
    return {
        "share": float(right.mean()),
        "interval": interval(lambda rows: float(right[rows].mean()), names),
        "asked major": float(right[~asked].mean()),
        "asked minor": float(right[asked].mean()),
        "asked as the data": float(right[: len(study.windows)].mean()),
        "asked the other": float(right[len(study.windows) :].mean()),
        "real": float((real_asked == real_heard).mean()),
    }


DISTRIBUTIONS = ("pitch_class_entropy", "groove_similarity")


def distributions(study: Study, scale: float) -> Section:
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


def classifiers(study: Study, scale: float) -> Section:
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
        section[style] = {
            "best single": float(np.abs(alone - 0.5).max() + 0.5),
            "mean single": float(np.abs(alone - 0.5).mean() + 0.5),
            "strongest": {
                names[i]: {
                    "auc": float(alone[i]),
                    "real": mean_known(real[rows, i]),
                    "made": mean_known(made[rows, i]),
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


def styles(study: Study, scale: float, per_style: int) -> Section:
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
        without_velocity(describe([study.decode(w) for w in learnt], learnt)),
        [w.style for w in learnt],
    )
    able = [p for p in study.pieces if set(COMMON_PARTS) <= set(p.present)]
    windows = draw_windows(able, study.tables, per_style, COMMON_PARTS)
    asked = [window.style for window in windows]
    made = [generate(study.pipe, w, seed, scale) for seed, w in enumerate(windows)]
    return {
        "training windows": len(learnt),
        "windows": len(windows),
        "made": classifier.accuracy(without_velocity(describe(made, windows)), asked),
        "real": classifier.accuracy(
            without_velocity(describe([study.decode(w) for w in windows], windows)), asked
        ),
    }


def without_velocity(rows: np.ndarray) -> np.ndarray:
    """Descriptors with those of velocity left out (NaN) everywhere."""
    return np.where(VELOCITY_COLUMNS, np.nan, rows)


def draw_pieces(pieces: Sequence[Piece], count: int, seed: int = 0) -> list[Piece]:
    """At most `count` of the pieces, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(pieces))[:count]
    return [pieces[i] for i in sorted(chosen)]


def drums(study: Study, scale: float, count: int) -> Section:
    """Drums beside bass and harmony: real Freedoom, the same with other pieces' drums, and made.

    Real Freedoom is taken from all splits: it is only the ruler. Composed: takes of the band, pop
    and game in turn. All are 32 bars long, or what there is of them.
    """
    band = {PARTS.index(part) for part in ENSEMBLES[BAND.name].parts}
    real = [
        piece.cells()[: DRUM_BARS * BEATS_PER_BAR]
        for piece in study.all_pieces
        if piece.corpus == "freedoom" and band <= set(piece.notes[:, 0].tolist())
    ]
    real = [cells for cells in real if len(cells) >= DRUM_BARS * BEATS_PER_BAR // 2]
    swapped = [swap_drums(cells, real[i - 1]) for i, cells in enumerate(real)]
    made = []
    for seed in range(count):
        rng = np.random.default_rng([7, seed])
        tempo = round(float(rng.uniform(90, 140)))
        duration = DRUM_BARS * BEATS_PER_BAR * 60 / tempo
        sheet = draw_cue_sheet(rng, round(duration, 2), (Style.POP, Style.GAME)[seed % 2])
        sheet = replace(
            sheet, ensemble=BAND.name, parts=ENSEMBLES[BAND.name].parts, tempo_bpm=tempo
        )
        made.append(score_cells(compose_take(study.pipe, sheet, seed, scale))[0])
    agreement = {
        name: np.array([drum_agreement(cells).overall for cells in group])
        for name, group in (("real", real), ("other drums", swapped), ("made", made))
    }
    return {
        "pieces": {name: int((~np.isnan(v)).sum()) for name, v in agreement.items()},
        "mean": {name: mean_known(values) for name, values in agreement.items()},
        "AUC, real above other drums": separation(agreement["real"], agreement["other drums"]),
        "AUC, made above other drums": separation(agreement["made"], agreement["other drums"]),
    }


def copying(study: Study, scores: Sequence[Score]) -> Section:
    """Melody notes in runs of eight that a training piece has too, beside held-out real songs.

    Real melodies are cut to the median length of the composed ones, since both measures grow with
    the length of a line. Composed melodies of takes with more than sixteen notes count.
    """
    training = [p for p in study.all_pieces if p.split == "training" and p.corpus != "groove"]
    lines = [line_of_rows(piece.notes) for piece in training]
    groups = [work_of(piece.corpus, piece.name) for piece in training]
    index, nearest = LineIndex(lines, groups), NearestLine(lines, groups)
    made = [line_of_score(score) for score in scores]
    made = [line for line in made if len(line) > 2 * NUM_NOTES]
    length = int(np.median([len(line) for line in made])) if made else 0
    real = [line_of_rows(encoded.piece.notes)[:length] for encoded in study.pieces]
    real = [line for line in real if len(line) > 2 * NUM_NOTES]
    section: Section = {"notes a melody": length}
    for name, group in (("made", made), ("real", real)):
        found = [index.copied(line) for line in group]
        near = [nearest.nearest(line).similarity for line in group]
        section[name] = {
            "melodies": len(group),
            "copied share": float(np.mean([f.share for f in found])),
            "longest run, median": float(np.median([f.longest for f in found])),
            "longest run, largest": int(max(f.longest for f in found)),
            "nearest melody, mean similarity": mean_known(near),
            "nearest melody, 95th percentile": float(np.nanpercentile(near, 95)),
        }
    return section


# ---------------------------------------------------------------------------------------- Takes

MEAN_SHOT_S = 4.0
SILENT_DB = -60.0


def draw_cue_sheet(rng: np.random.Generator, duration: float, style: str) -> CueSheet:
    """A cue sheet as spotting might make it: slow curves, cuts as hit points, any key."""
    ensembles = [name for name in ENSEMBLES if ENSEMBLES[name].style == style]
    ensemble = str(rng.choice(ensembles or [PIANO.name]))
    num_values = num_curve_values(duration)
    bends = max(3, round(duration / 10))
    curves = {
        name: np.interp(
            np.linspace(0, 1, num_values), np.linspace(0, 1, bends), rng.uniform(0.1, 0.9, bends)
        ).astype(np.float32)
        for name in CURVES
    }
    shots = np.maximum(rng.gamma(4.0, MEAN_SHOT_S / 4.0, int(duration)), 0.5)
    cuts = [round(float(t), 2) for t in np.cumsum(shots) if t < duration - 0.5]
    minor = float(curves[Curve.VALENCE].mean()) < 0.5
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(25),
        cuts=tuple(cuts),
        hit_points=tuple(HitPoint(cut, round(float(rng.uniform(0.4, 1)), 3)) for cut in cuts),
        curves=curves,
        cues=(Cue(0.0, duration, "all"),),
        key=KEYS[int(rng.integers(12)) + (12 if minor else 0)],
        tempo_bpm=round(float(rng.uniform(70, 140))),
        tempo_fixed=False,
        style=style,
        ensemble=ensemble,
        parts=ENSEMBLES[ensemble].parts,
        inputs=("cuts",),
    )


def compose_take(
    pipe: PixMusPipeline, cue_sheet: CueSheet, seed: int, scale: float, echoes: bool = True
) -> Score:
    """The score of a cue sheet, before accents."""
    return compose(
        pipe.denoiser,
        pipe.scheduler,
        cue_sheet,
        fit_tempo_map(cue_sheet),
        seed=seed,
        guidance=Guidance(scale),
        decoding=pipe.decoding,
        textures=pipe.textures,
        with_echoes=echoes,
    )


def compose_takes(pipe: PixMusPipeline, count: int, scale: float) -> list[tuple[CueSheet, Score]]:
    """`count` takes of 15 to 60 s, styles and ensembles in turn, each from its own cue sheet."""
    takes = []
    for seed in range(count):
        rng = np.random.default_rng([3, seed])
        duration = round(float(rng.uniform(15, 60)), 2)
        sheet = draw_cue_sheet(rng, duration, STYLES[seed % len(STYLES)])
        takes.append((sheet, compose_take(pipe, sheet, seed, scale)))
    return takes


def checks(study: Study, takes: Sequence[tuple[CueSheet, Score]]) -> Section:
    """How many descriptors of `pixmus check` lie outside real music's ranges, over the takes."""
    ranges = study.pipe.descriptor_ranges
    assert ranges is not None
    found = [check_score(score, ranges, sheet.style) for sheet, score in takes]
    outside = [len(check.outside) for check in found]
    names = Counter(finding.name for check in found for finding in check.outside)
    return {
        "takes": len(takes),
        "most outside in any": max(outside),
        "takes with more than two outside": sum(count > 2 for count in outside),
        "mean outside": float(np.mean(outside)),
        "outside": dict(names.most_common()),
    }


def endings(study: Study, takes: Sequence[tuple[CueSheet, Score]]) -> Section:
    """Whether takes end on a tonic downbeat and in silence, beside 50 real endings."""
    pieces = [p for p in study.all_pieces if p.corpus in WITH_ENDINGS and p.split == "training"]
    real = [ending(piece.cells(), piece.minor) for piece in draw_pieces(pieces, 50)]
    made = [score_ending(score) for _, score in takes]
    levels = []
    for sheet, score in takes:
        stems = render(score, hits=(), cue_sheet=sheet)
        music = mix(stems, sheet, sheet.duration)
        levels.append(last_frame_level_db(music, SAMPLE_RATE, sheet.frame_rate))
    silent = np.array(levels) < SILENT_DB
    on_tonic = np.array([e is not None and e.on_tonic_downbeat for e in made])
    return {
        "takes": len(takes),
        "on a tonic downbeat": float(on_tonic.mean()),
        "silent at the last frame": float(silent.mean()),
        "both": float((on_tonic & silent).mean()),
        "real on a tonic downbeat": float(
            np.mean([e is not None and e.on_tonic_downbeat for e in real])
        ),
        "real, last bar on the tonic": float(
            np.mean([e is not None and e.final_bar_tonic for e in real])
        ),
    }


def form(study: Study, scale: float, count: int) -> Section:
    """Phrases that return, hold on the key, and bass on the chord: three-minute takes, real pieces.

    With and without the earlier bars that phrases echo.
    """
    sheets = [
        draw_cue_sheet(np.random.default_rng([4, seed]), 180.0, STYLES[seed % len(STYLES)])
        for seed in range(count)
    ]
    groups: dict[str, list[tuple[np.ndarray, bool, float]]] = {
        "real": [
            (e.cells[: 90 * BEATS_PER_BAR], e.piece.minor, e.piece.tempo_bpm)
            for e in study.pieces
            if e.num_bars >= 40
        ]
    }
    for name, echoes in (("made", True), ("made without echoes", False)):
        scores = [
            compose_take(study.pipe, sheet, seed, scale, echoes)
            for seed, sheet in enumerate(sheets)
        ]
        groups[name] = [
            (*score_cells(score), sheet.tempo_bpm)
            for score, sheet in zip(scores, sheets, strict=True)
        ]
    section: Section = {}
    rng = np.random.default_rng(5)
    for name, group in groups.items():
        matches = [phrase_match(cells) for cells, _, _ in group]
        drifts = [key_drift(cells, minor, tempo) for cells, minor, tempo in group]
        section[name] = {
            "pieces": len(group),
            "best phrase match": mean_known([m.transposed for m in matches]),
            "mean phrase match": mean_known([m.mean_transposed for m in matches]),
            "mean rhythm match": mean_known([m.mean_rhythm for m in matches]),
            "bass on root or fifth": mean_known([bass_on_chord(c) for c, _, _ in group]),
            "the same, bars of bass mixed": mean_known(
                [bass_on_chord(shuffle_bass(c, rng)) for c, _, _ in group]
            ),
            "windows in a foreign key": mean_known([d.foreign_share for d in drifts]),
            "change of key correlation": mean_known([d.change for d in drifts]),
        }
    return section


def mood(study: Study, scale: float, folder: Path, count: int = 48) -> Section:
    """How the mood that people would hear moves with the wanted mood.

    The regressor is fitted to VGMIDI's ratings; its cross-validated skill stands first. Takes of
    20 s, key mode by the wanted valence as spotting chooses it, tempo by the wanted energy.
    """
    pieces = read_vgmidi(folder)
    skills = cross_validate(pieces)
    regressor = MoodRegressor(*rated_features(pieces))
    rng = np.random.default_rng(6)
    wanted = rng.uniform(0.05, 0.95, (count, 2))  # valence, energy
    heard = np.zeros((count, 2))
    for seed, (valence, energy) in enumerate(wanted):
        sheet = draw_cue_sheet(np.random.default_rng([6, seed]), 20.0, STYLES[seed % len(STYLES)])
        flat = np.ones(num_curve_values(sheet.duration), np.float32)
        moods: dict[str, float] = {
            Curve.VALENCE: valence,
            Curve.ENERGY: energy,
            Curve.DENSITY: energy,
            Curve.REGISTER: 0.5,
        }
        sheet = replace(
            sheet,
            curves={name: flat * np.float32(moods[name]) for name in CURVES},
            key=KEYS[int(rng.integers(12)) + (12 if valence < 0.5 else 0)],
            tempo_bpm=round(70 + 60 * float(energy)),
        )
        found = regressor.predict(compose_take(study.pipe, sheet, seed, scale))
        heard[seed] = found.valence, found.arousal
    section: Section = {"pieces": len(pieces), "takes": count}
    for column, name in enumerate((Curve.VALENCE, "arousal")):
        section[name] = {
            "spearman": skills[name].spearman,
            "spearman interval": skills[name].spearman_interval,
            "r2": skills[name].r2,
            "agreement of raters": skills[name].agreement,
            "made against wanted": rank_correlation(wanted[:, column], heard[:, column]),
        }
    return section


# ------------------------------------------------------------------------------------- Sampling


def sampling(study: Study, scale: float, per_style: int) -> Section:
    """Control, realism and time by number of inference steps and by guidance scale."""
    rows = np.concatenate([study.rows_of(style)[:per_style] for style in STYLES])
    windows = [study.windows[i] for i in rows]
    real = describe([study.real[i] for i in rows], windows)
    onsets = sum(count_onsets(study.real[i]) for i in rows)

    def point(value: float, steps: int) -> Section:
        begun = time.process_time()
        made = [generate(study.pipe, w, seed, value, steps) for seed, w in enumerate(windows)]
        cpu = time.process_time() - begun
        seconds = sum(WINDOW_BEATS * 60 / w.tempo_bpm for w in windows)
        aucs = feature_aucs(real, describe(made, windows))
        curves = measure_control(windows, made, study.tables)
        return {
            **{f"{name} control": curves[name]["pooled"] for name in CURVES},
            "best single AUC": float(aucs.max()),
            "mean single AUC": float(aucs.mean()),
            "onsets over the data's": sum(map(count_onsets, made)) / onsets,
            "CPU seconds a minute of music": cpu / (seconds / 60),
        }

    return {
        "windows": len(windows),
        "steps": {str(steps): point(scale, steps) for steps in TRIED_STEPS},
        "guidance": {f"{value:g}": point(value, NUM_INFERENCE_STEPS) for value in TRIED_SCALES},
    }


TRIED_STEPS = (4, 8, 12, 20, 50)
TRIED_SCALES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def count_onsets(cells: np.ndarray) -> int:
    """Notes that start, drums included."""
    return int(sum(cells[:, layout.onsets].sum() for layout in PART_LAYOUTS.values()))


# -------------------------------------------------------------------------------------- The way

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


def draw_shown(study: Study, scale: float, path: Path) -> None:
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
    draw_distributions(columns, path)


def measure(study: Study, arguments: argparse.Namespace, keep: Callable[[Section], None]) -> None:
    """Run the sections asked for, handing each to `keep` as soon as it is there."""
    scale, few = arguments.guidance, max(1, arguments.windows // 3)
    takes: list[tuple[CueSheet, Score]] = []

    def all_takes() -> list[tuple[CueSheet, Score]]:
        if not takes:
            takes.extend(compose_takes(study.pipe, arguments.takes, scale))
        return takes

    sections: dict[str, Callable[[], Section]] = {
        "control": lambda: control(study, scale),
        "modes": lambda: modes(study, scale),
        "distributions": lambda: distributions(study, scale),
        "classifiers": lambda: classifiers(study, scale),
        "styles": lambda: styles(study, scale, few),
        Part.DRUMS: lambda: drums(study, scale, few),
        "checks": lambda: checks(study, all_takes()),
        "endings": lambda: endings(study, all_takes()[: arguments.takes // 2]),
        "copying": lambda: copying(study, [score for _, score in all_takes()]),
        "form": lambda: form(study, scale, arguments.long_takes),
        "sampling": lambda: sampling(study, scale, max(2, few // 3)),
    }
    if arguments.vgmidi is not None:
        sections["mood"] = lambda: mood(study, scale, arguments.vgmidi)
    for name, section in sections.items():
        if arguments.sections and name not in arguments.sections:
            continue
        begun = time.time()
        keep({name: section()})
        print(f"{name}: {time.time() - begun:.0f} s", flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """`pixmus evaluate score-model`."""
    parser = argparse.ArgumentParser(prog="pixmus evaluate score-model", description=__doc__)
    parser.add_argument("--model", default=str(MODEL_FOLDER), help="model folder")
    parser.add_argument("--corpus", type=Path, required=True, help="compact corpus file")
    parser.add_argument("--vgmidi", type=Path, help="folder of VGMIDI, for the mood")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--windows", type=int, default=72, help="held-out windows of each style")
    parser.add_argument("--takes", type=int, default=100)
    parser.add_argument("--long-takes", type=int, default=8, help="takes of three minutes")
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE_SCALE)
    parser.add_argument("--sections", nargs="+", help="only these; the others stay as they were")
    parser.add_argument("--card", action="store_true", help="write the table into the model card")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    if not arguments.corpus.is_file():
        raise PixMusError(
            f"{arguments.corpus} does not exist; make it with `pixmus corpus make MUSIC OUT.npz`."
        )
    pipe = PixMusPipeline.from_pretrained(arguments.model)
    study = Study(pipe, load_pieces(arguments.corpus), arguments.windows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "score-model.json"
    report: Section = {}
    if arguments.sections and file.exists():
        report = json.loads(file.read_text())
    named = ("corpus", "vgmidi", "windows", "takes", "long_takes", "guidance", "threads")
    words = [
        f"--{name.replace('_', '-')} {value}"
        for name in named
        if (value := getattr(arguments, name)) not in (None, parser.get_default(name))
    ]
    command = "pixmus evaluate score-model " + " ".join(words)
    report |= {
        "command": command,
        "model_sha256": pipe.model_sha256,
        "parameters": pipe.denoiser.num_parameters(),
        "guidance": arguments.guidance,
        "held-out windows": len(study.windows),
        "held-out pieces": len(set(study.names)),
    }

    def keep(section: Section) -> None:
        report.update(section)
        file.write_text(json.dumps(report, indent=1) + "\n")
        write_tables(report, arguments.out / "score-model.md", command)

    measure(study, arguments, keep)
    if arguments.card:
        write_card(Path(arguments.model), design_table(report), command)
    if "sampling" in report:
        draw_sampling(report, arguments.out / "score-model-sampling.png")
    if not arguments.sections or "distributions" in arguments.sections:
        draw_shown(study, arguments.guidance, arguments.out / "score-model-descriptors.png")


if __name__ == "__main__":
    main()
