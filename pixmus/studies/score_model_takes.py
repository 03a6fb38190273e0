"""Whole takes: checks, endings, form, copying, drums and mood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from pixmus.check.findings import check_score
from pixmus.compose.draft import blank_draft
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, Curve, num_curve_values
from pixmus.ensembles import BAND, ENSEMBLES, PARTS, PIANO, STYLES, Style
from pixmus.keys import KEYS
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import Score
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
    key_drift,
    phrase_match,
    score_cells,
    separation,
    shuffle_bass,
)
from pixmus.studies.form_drums import drum_agreement, swap_drums
from pixmus.studies.form_ending import ending, last_frame_level_db, score_ending
from pixmus.studies.mood import MoodRegressor, cross_validate, rated_features
from pixmus.studies.mood_ratings import read_vgmidi
from pixmus.studies.score_model_windows import (
    HeldOut,
    Section,
    draw_pieces,
    mean_known,
    rank_correlation,
)
from pixmus.take.pipeline import PixMusPipeline
from pixmus.waveform import SAMPLE_RATE

DRUM_BARS = 32  # shorter stretches say little of how drums go with the others
WITH_ENDINGS = ("pop909", "lieder")  # stretches of quartets and loops have no real endings


def drums(study: HeldOut, scale: float, count: int) -> Section:
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


def copying(study: HeldOut, scores: Sequence[Score]) -> Section:
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


def compose_take(pipe: PixMusPipeline, cue_sheet: CueSheet, seed: int, scale: float) -> Score:
    """The score of a cue sheet, before accents."""
    return pipe.write(blank_draft(cue_sheet), seed=seed, guidance_scale=scale)


def compose_takes(pipe: PixMusPipeline, count: int, scale: float) -> list[tuple[CueSheet, Score]]:
    """`count` takes of 15 to 60 s, styles and ensembles in turn, each from its own cue sheet."""
    takes = []
    for seed in range(count):
        rng = np.random.default_rng([3, seed])
        duration = round(float(rng.uniform(15, 60)), 2)
        sheet = draw_cue_sheet(rng, duration, STYLES[seed % len(STYLES)])
        takes.append((sheet, compose_take(pipe, sheet, seed, scale)))
    return takes


def checks(study: HeldOut, takes: Sequence[tuple[CueSheet, Score]]) -> Section:
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


def endings(study: HeldOut, takes: Sequence[tuple[CueSheet, Score]]) -> Section:
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


def form(study: HeldOut, scale: float, count: int) -> Section:
    """Phrases that return, hold on the key, bass on the chord: long takes beside real pieces.

    Styles count alike on both sides: every figure is the mean of the styles' means. Most of the
    held-out pieces are of pop, which leaves its key least.
    """
    long = [e for e in study.pieces if e.num_bars >= 40]
    groups: dict[str, list[tuple[str, np.ndarray, bool, float]]] = {
        "real": [
            (e.piece.style, e.cells[: 90 * BEATS_PER_BAR], e.piece.minor, e.piece.tempo_bpm)
            for e in long
        ],
        "made": [],
    }
    for seed in range(count):
        style = STYLES[seed % len(STYLES)]
        sheet = draw_cue_sheet(np.random.default_rng([4, seed]), 180.0, style)
        score = compose_take(study.pipe, sheet, seed, scale)
        groups["made"].append((style, *score_cells(score), sheet.tempo_bpm))
    rng = np.random.default_rng(5)
    section: Section = {}
    for name, group in groups.items():
        rows = [
            (style, _form_of(cells, minor, tempo_bpm, rng))
            for style, cells, minor, tempo_bpm in group
        ]
        means = {
            style: {
                what: mean_known([row[what] for s, row in rows if s == style])
                for what in rows[0][1]
            }
            for style in STYLES
            if any(s == style for s, _ in rows)
        }
        section[name] = {"pieces": len(rows)}
        for what in rows[0][1]:
            section[name][what] = mean_known([mean[what] for mean in means.values()])
        for style, mean in means.items():
            foreign = "windows in a foreign key"
            section[name][f"{foreign}, {style}"] = mean[foreign]
    return section


def _form_of(
    cells: np.ndarray, minor: bool, tempo_bpm: float, rng: np.random.Generator
) -> dict[str, float]:
    """What `form` measures of one piece."""
    match, drift = phrase_match(cells), key_drift(cells, minor, tempo_bpm)
    return {
        "best phrase match": match.transposed,
        "mean phrase match": match.mean_transposed,
        "mean rhythm match": match.mean_rhythm,
        "bass on root or fifth": bass_on_chord(cells),
        "the same, bars of bass mixed": bass_on_chord(shuffle_bass(cells, rng)),
        "windows in a foreign key": drift.foreign_share,
        "change of key correlation": drift.change,
    }


def mood(study: HeldOut, scale: float, folder: Path, count: int = 48) -> Section:
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
