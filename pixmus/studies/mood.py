"""The mood that people hear in a score: valence and arousal by a regressor fitted to VGMIDI.

    python -m pixmus.studies.mood VGMIDI_FOLDER [--curves TABLES] [--out mood.json]

prints the regressor's skill in cross-validation by game, and how the shipped valence curve stands
beside it. VGMIDI (Ferreira & Whitehead, ISMIR 2019) is 200 piano arrangements of game music, each
rated by about 30 people bar by bar. It has no licence: it is read for measuring, the regressor is
fitted anew from the folder each time, and nothing of it goes into weights.

Conventions: ratings are the raters' mean, -1..1; times are seconds. Features are of the notes
alone: no instruments, no drums, and no velocities, which in half of VGMIDI's files never change.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pretty_midi
from scipy.stats import rankdata
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from pixmus.curves import Curve
from pixmus.ensembles import Part
from pixmus.errors import PixMusError
from pixmus.score.curves import CurveTables, bar_seconds, beat_statistics, measure_bars
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import Note, Score, encode_score
from pixmus.score.tempo import TempoMap

RATINGS = (Curve.VALENCE, "arousal")
KEY_WINDOW_S, KEY_HOP_S = 8.0, 4.0
SNAPSHOT_S = 0.2  # what sounds together is looked at this often
TOGETHER_S = 0.03  # onsets this close are one chord
INTERVAL_CLASSES = ("minor_second", "major_second", "minor_third", "major_third", "fourth",
                    "tritone")  # fmt: skip
TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7), "diminished": (0, 3, 6)}
NUM_FOLDS = 10
RATING_LAG_S = 2.0  # continuous ratings follow the music by 1 to 3 s (Schubert 2004)
EXCERPT_S = 30.0
NUM_RESAMPLES = 1000

# Every feature and its definition. Weights are durations; the top line is the highest note of every
# chord (onsets within 30 ms); a snapshot is what sounds at an instant.
FEATURES: dict[str, str] = {
    "majorness": "best major minus best minor key correlation (Krumhansl & Kessler 1982)",
    "key_clarity": "best key correlation",
    "local_majorness": "mean of majorness over windows of 8 s, one every 4 s",
    "major_share": "share of those windows that are nearer to major",
    "local_clarity": "mean key correlation of those windows",
    "key_changes": "share of neighbouring windows with another best key",
    "pitch_class_entropy": "bits, of the pitch classes' weights",
    "chromatic": "share of weight outside the seven strongest pitch classes",
    "off_scale": "share of weight outside the key's scale (natural minor)",
    "log_density": "log of notes a second",
    "log_onset_rate": "log of chords a second",
    "log_tempo": "log of the median tempo, beats a minute",
    "mean_pitch": "weighted mean pitch",
    "pitch_deviation": "weighted standard deviation of pitch",
    "low": "share of weight below pitch 48",
    "high": "share of weight from pitch 72",
    "voices": "mean notes in a snapshot that is not silent",
    "silence": "share of silent snapshots",
    "top": "mean highest pitch of a snapshot",
    "bottom": "mean lowest pitch of a snapshot",
    "spread": "mean of highest minus lowest pitch of a snapshot",
    **{
        f"{name}s": f"share of {name.replace('_', ' ')}s among the interval classes in snapshots"
        for name in INTERVAL_CLASSES
    },
    **{f"{name}_triads": f"share of snapshots that hold a {name} triad" for name in TRIADS},
    "log_length": "median log of note lengths in seconds",
    "short": "share of notes below 0.2 s",
    "long": "share of notes above 1 s",
    "articulation": "mean length over the time to the next chord, at most 4",
    "log_gap": "log of the median time between chords",
    "gap_deviation": "standard deviation of the log of those times",
    "chord_size": "notes per chord",
    "leaps": "share of moves of the top line above 4 semitones",
    "repeats": "share of moves of the top line that repeat a pitch",
    "steps": "share of moves of the top line of 1 or 2 semitones",
    "semitones": "share of moves of the top line of 1 semitone",
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


@dataclass(frozen=True)
class Mood:
    """Valence (sad to happy) and arousal (calm to excited), both about -1..1."""

    valence: float
    arousal: float


# ------------------------------------------------------------------------------------- Features


def mood_features(score: Score, start: float = 0.0, end: float = float("inf")) -> np.ndarray:
    """All of `FEATURES` in their order, float64; NaN everywhere with fewer than eight notes.

    Of the pitched parts' notes that begin between `start` and `end`; `log_tempo` is that stretch's.
    """
    tempo_map = score.tempo_map
    notes = [note for part, notes in score.parts.items() if part != Part.DRUMS for note in notes]
    onsets = np.asarray(tempo_map.to_seconds(np.array([note.onset for note in notes])))
    ends = tempo_map.to_seconds(np.array([note.onset + note.duration for note in notes]))
    pitches = np.array([note.pitch for note in notes], int)
    inside = (onsets >= start) & (onsets < end)
    if inside.sum() < 8:
        return np.full(len(FEATURES), np.nan)
    onsets, ends, pitches = onsets[inside], np.minimum(ends[inside], end), pitches[inside]
    order = np.lexsort((pitches, onsets))
    onsets, ends, pitches = onsets[order], ends[order], pitches[order]
    ends = np.maximum(ends, onsets + 1e-3)
    beats = np.diff(tempo_map.beat_times)
    played = (tempo_map.beat_times[:-1] < ends.max()) & (tempo_map.beat_times[1:] > onsets[0])
    values = {"log_tempo": float(np.log(60 / np.median(beats[played] if played.any() else beats)))}
    values |= _tonality(onsets, ends, pitches)
    values |= _snapshots(onsets, ends, pitches)
    values |= _rhythm_and_line(onsets, ends, pitches)
    return np.array([values[name] for name in FEATURES])


def _tonality(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """Key, scale and register, weighted by durations."""
    lengths = ends - onsets
    weights = np.bincount(pitches % 12, weights=lengths, minlength=12)
    weights = weights / weights.sum()
    correlations = key_correlations(weights)
    key = int(correlations.argmax())
    scale = [(key + degree) % 12 for degree in SCALES["major" if key < 12 else "minor"]]
    local = []
    for begin in np.arange(onsets[0], ends.max(), KEY_HOP_S):
        sounding = np.minimum(ends, begin + KEY_WINDOW_S) - np.maximum(onsets, begin)
        window = np.bincount(pitches % 12, weights=np.maximum(sounding, 0), minlength=12)
        if window.sum() > 0:
            local.append(key_correlations(window))
    keys = np.array(local)  # (windows, 24)
    local_majorness = keys[:, :12].max(1) - keys[:, 12:].max(1)
    best = keys.argmax(1)
    heard = weights[weights > 0]
    mean_pitch = float(np.average(pitches, weights=lengths))
    return {
        "majorness": float(correlations[:12].max() - correlations[12:].max()),
        "key_clarity": float(correlations.max()),
        "local_majorness": float(local_majorness.mean()),
        "major_share": float((local_majorness > 0).mean()),
        "local_clarity": float(keys.max(1).mean()),
        "key_changes": float((best[1:] != best[:-1]).mean()) if len(best) > 1 else 0.0,
        "pitch_class_entropy": float(-(heard * np.log2(heard)).sum()),
        "chromatic": float(np.sort(weights)[:5].sum()),
        "off_scale": float(1 - weights[scale].sum()),
        "mean_pitch": mean_pitch,
        "pitch_deviation": float(np.average((pitches - mean_pitch) ** 2, weights=lengths) ** 0.5),
        "low": float(lengths[pitches < 48].sum() / lengths.sum()),
        "high": float(lengths[pitches >= 72].sum() / lengths.sum()),
    }


def _snapshots(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """Voices, spacing, intervals and triads that sound together."""
    first = np.ceil((onsets - onsets[0]) / SNAPSHOT_S).astype(int)
    last = np.ceil((ends - onsets[0]) / SNAPSHOT_S).astype(int)
    changes = np.zeros((int(last.max()) + 1, 128), np.int32)
    np.add.at(changes, (first, pitches), 1)
    np.add.at(changes, (last, pitches), -1)
    roll = changes.cumsum(0)[:-1] > 0  # (snapshots, pitches)
    heard = roll.any(1)
    silence = float(1 - heard.mean())
    roll = roll[heard]
    top, bottom = 127 - roll[:, ::-1].argmax(1), roll.argmax(1)
    classes = np.stack([roll[:, pitch_class::12].any(1) for pitch_class in range(12)], axis=1)
    intervals = np.array(
        [(classes & np.roll(classes, -size, axis=1)).sum() for size in range(1, 7)], float
    )
    intervals[5] /= 2  # a tritone is found from both of its ends
    intervals /= max(1.0, intervals.sum())
    values = {
        "voices": float(roll.sum(1).mean()),
        "silence": silence,
        "top": float(top.mean()),
        "bottom": float(bottom.mean()),
        "spread": float((top - bottom).mean()),
    }
    values |= {f"{n}s": float(v) for n, v in zip(INTERVAL_CLASSES, intervals, strict=True)}
    for name, tones in TRIADS.items():
        held = np.all([np.roll(classes, -tone, axis=1) for tone in tones], axis=0)
        values[f"{name}_triads"] = float(held.any(1).mean())
    return values


def _rhythm_and_line(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> dict[str, float]:
    """Density, lengths, chords and the moves of the top line."""
    lengths = ends - onsets
    seconds = float(ends.max() - onsets[0])
    starts_chord = np.append(True, np.diff(onsets) > TOGETHER_S)
    chord = np.cumsum(starts_chord) - 1  # of each note
    times = onsets[starts_chord]
    top = np.maximum.reduceat(pitches, np.flatnonzero(starts_chord))
    moves = np.abs(np.diff(top)) if len(top) > 1 else np.zeros(1)
    gaps = np.log(np.clip(np.diff(times), TOGETHER_S, 4.0)) if len(times) > 1 else np.zeros(1)
    until_next = np.append(times[1:], ends.max())[chord] - onsets
    return {
        "log_density": float(np.log(len(onsets) / seconds)),
        "log_onset_rate": float(np.log(len(times) / seconds)),
        "log_length": float(np.median(np.log(lengths))),
        "short": float((lengths < 0.2).mean()),
        "long": float((lengths > 1.0).mean()),
        "articulation": float(np.clip(lengths / np.maximum(until_next, TOGETHER_S), 0, 4).mean()),
        "log_gap": float(np.median(gaps)),
        "gap_deviation": float(gaps.std()),
        "chord_size": len(onsets) / len(times),
        "leaps": float((moves > 4).mean()),
        "repeats": float((moves == 0).mean()),
        "steps": float(((moves > 0) & (moves < 3)).mean()),
        "semitones": float((moves == 1).mean()),
    }


# --------------------------------------------------------------------------------------- VGMIDI


@dataclass(frozen=True, eq=False)
class RatedPiece:
    """A piece with its ratings; `ratings` is (raters, bars, 2), -1..1, in the order of `RATINGS`.

    `score` has all notes in the harmony part. `game` is the series, or the game where it is alone.
    """

    name: str
    game: str
    score: Score
    ratings: np.ndarray
    duration: float


def read_vgmidi(folder: Path | str) -> list[RatedPiece]:
    """The rated pieces of VGMIDI: `annotations/vgmidi_raw_*.json` and `midi/*.mid`.

    Raters whose curve is not as long as most are left out.
    """
    folder = Path(folder)
    files = sorted(folder.glob("annotations/vgmidi_raw_*.json"))
    if not files:
        raise PixMusError(
            f"{folder} holds no annotations/vgmidi_raw_*.json; give the folder of VGMIDI."
        )
    pieces = []
    for path in files:
        document = json.loads(path.read_text())
        raters: dict[str, list[np.ndarray]] = {}
        for name, rating in document["annotations"].items():
            curves = [rating[key] for key in RATINGS]
            if len(curves[0]) == len(curves[1]):
                raters.setdefault(name.split("_")[0], []).append(np.array(curves, float).T)
        for name, about in document["pieces"].items():
            midi_path = folder / "midi" / about["midi"]
            if not midi_path.exists() or name not in raters:
                continue
            lengths = [len(curve) for curve in raters[name]]
            usual = int(np.bincount(lengths).argmax())
            ratings = np.stack([curve for curve in raters[name] if len(curve) == usual])
            series, _, game = [*about["midi"].split("_"), "", ""][:3]
            pieces.append(
                RatedPiece(
                    Path(about["midi"]).stem,
                    game if series == "Other" else series,
                    read_any_midi(midi_path),
                    ratings,
                    float(about["duration"]),
                )
            )
    return pieces


def read_any_midi(path: Path) -> Score:
    """A MIDI file's notes, drums aside, as one harmony part on its quarter beats, unquantised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tempo changes off track 0, which are read all the same
        midi = pretty_midi.PrettyMIDI(str(path))
    quarters = midi.time_to_tick(midi.get_end_time()) // midi.resolution + 2
    beats = np.array([midi.tick_to_time(beat * midi.resolution) for beat in range(quarters)])
    places = np.arange(len(beats))
    notes = []
    for track in midi.instruments:
        for note in [] if track.is_drum else track.notes:
            start, stop = np.interp([note.start, note.end], beats, places)
            if stop > start:
                notes.append(Note(float(start), note.pitch, float(stop - start), note.velocity))
    tempo_map = TempoMap(beats, tuple(range(0, len(beats) - 1, 4)))
    return Score({Part.HARMONY: tuple(sorted(notes))}, tempo_map)


# ------------------------------------------------------------------------------------ Regressor


class MoodRegressor:
    """Valence and arousal from `mood_features`: the mean of a ridge regression and an RBF support
    vector regression on standardised features, the second so that unusual scores are not
    extrapolated without end.
    """

    def __init__(self, features: np.ndarray, ratings: np.ndarray) -> None:
        """Fit to `features` (pieces, features) and `ratings` (pieces, 2)."""
        assert len(features) == len(ratings), f"{features.shape=} {ratings.shape=}"
        self._models: list[list[Pipeline]] = [
            [model.fit(features, ratings[:, column]) for model in _models()] for column in (0, 1)
        ]
        self._low, self._high = np.percentile(features, [1, 99], axis=0)

    def predict_features(self, features: np.ndarray) -> np.ndarray:
        """Ratings (rows, 2) of features (rows, features); NaN rows stay NaN."""
        predicted = np.full((len(features), 2), np.nan)
        known = ~np.isnan(features).any(1)
        if known.any():
            for column, models in enumerate(self._models):
                each = [model.predict(features[known]) for model in models]
                predicted[known, column] = np.mean(each, axis=0)
        return predicted

    def predict(self, score: Score, start: float = 0.0, end: float = float("inf")) -> Mood:
        """The mood that people would likely name for a score, or for its stretch start..end.

        NaN with fewer than eight notes.
        """
        valence, arousal = self.predict_features(mood_features(score, start, end)[None])[0]
        return Mood(float(valence), float(arousal))

    def unfamiliar(self, score: Score) -> dict[str, float]:
        """Features of a score outside the 1st-99th percentiles of the fitted pieces."""
        values = mood_features(score)
        outside = (values < self._low) | (values > self._high)
        return {name: float(values[i]) for i, name in enumerate(FEATURES) if outside[i]}


def _models() -> list[Pipeline]:
    """The two regressors, unfitted; their settings are scikit-learn's but for little shrinkage."""
    return [
        make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 3.5, 15))),
        make_pipeline(StandardScaler(), SVR(C=0.3, epsilon=0.05, gamma=0.01)),
    ]


def rated_features(pieces: Sequence[RatedPiece]) -> tuple[np.ndarray, np.ndarray]:
    """Features (pieces, features) and mean ratings (pieces, 2) of pieces with enough notes."""
    features = np.array([mood_features(piece.score) for piece in pieces])
    ratings = np.array([piece.ratings.mean((0, 1)) for piece in pieces])
    known = ~np.isnan(features).any(1)
    return features[known], ratings[known]


# ---------------------------------------------------------------------------------------- Skill


@dataclass(frozen=True)
class Skill:
    """How predicted ratings of pieces agree with people's; each with a 95 % interval.

    `agreement` is the correlation of one half of the raters with the other, stepped up to all
    (Spearman-Brown): the reliability of the ratings, and what a regressor could reach;
    None for excerpts.
    """

    spearman: float
    spearman_interval: tuple[float, float]
    r2: float
    r2_interval: tuple[float, float]
    agreement: float | None
    num_rated: int


def agreement(ratings: np.ndarray, estimates: np.ndarray) -> tuple[float, float]:
    """Spearman's correlation and R2 (1 - squared error / variance); NaN below three values."""
    if len(ratings) < 3 or np.ptp(ratings) == 0:
        return float("nan"), float("nan")
    errors = ((ratings - estimates) ** 2).sum() / ((ratings - ratings.mean()) ** 2).sum()
    if np.ptp(estimates) == 0:
        return float("nan"), float(1 - errors)
    ranks = rankdata(ratings), rankdata(estimates)
    return float(np.corrcoef(*ranks)[0, 1]), float(1 - errors)


def skill_of(
    ratings: np.ndarray, estimates: np.ndarray, games: Sequence[str], halves: float | None = None
) -> Skill:
    """Skill with intervals from 1000 resamplings of whole games."""
    rng = np.random.default_rng(0)
    names = sorted(set(games))
    rows = [np.flatnonzero(np.array(games) == name) for name in names]
    drawn = []
    for _ in range(NUM_RESAMPLES):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        drawn.append(agreement(ratings[chosen], estimates[chosen]))
    bounds = np.nanpercentile(np.array(drawn), [2.5, 97.5], axis=0)
    rank, r2 = agreement(ratings, estimates)
    return Skill(
        rank,
        (float(bounds[0, 0]), float(bounds[1, 0])),
        r2,
        (float(bounds[0, 1]), float(bounds[1, 1])),
        halves,
        len(ratings),
    )


def rater_agreement(pieces: Sequence[RatedPiece], column: int) -> float:
    """Split-half correlation of the raters' means over pieces, stepped up (Spearman-Brown)."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        halves = []
        for piece in pieces:
            means = piece.ratings[:, :, column].mean(1)
            order = rng.permutation(len(means))
            halves.append((means[order[::2]].mean(), means[order[1::2]].mean()))
        correlation = float(np.corrcoef(np.array(halves).T)[0, 1])
        found.append(2 * correlation / (1 + correlation))
    return float(np.mean(found))


def cross_validate(
    pieces: Sequence[RatedPiece], excerpt_s: float | None = None
) -> dict[str, Skill]:
    """Skill of the regressor per rating, each game predicted from the other games.

    With `excerpt_s` the pieces that are left out are cut into excerpts of so many seconds, each
    with its own bars' ratings: what a prediction of a stretch (`predict` with start and end) is
    worth. Ratings are read `RATING_LAG_S` late, since raters need time to react.
    """
    features = np.array([mood_features(piece.score) for piece in pieces])
    known = ~np.isnan(features).any(1)
    features = features[known]
    pieces = [piece for piece, keep in zip(pieces, known, strict=True) if keep]
    ratings = np.array([piece.ratings.mean((0, 1)) for piece in pieces])
    games = np.array([piece.game for piece in pieces])
    tested, truths, owners = features, ratings, np.arange(len(pieces))
    if excerpt_s is not None:
        tested, truths, owners = _excerpts(pieces, excerpt_s)
    estimates = np.zeros_like(truths)
    for fitted, held_out in GroupKFold(min(NUM_FOLDS, len(set(games)))).split(games, groups=games):
        regressor = MoodRegressor(features[fitted], ratings[fitted])
        rows = np.isin(owners, held_out)
        estimates[rows] = regressor.predict_features(tested[rows])
    return {
        name: skill_of(
            truths[:, column],
            estimates[:, column],
            list(games[owners]),
            rater_agreement(pieces, column) if excerpt_s is None else None,
        )
        for column, name in enumerate(RATINGS)
    }


def _excerpts(
    pieces: Sequence[RatedPiece], excerpt_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, ratings and number of the piece of every excerpt with enough notes."""
    features, ratings, owners = [], [], []
    for index, piece in enumerate(pieces):
        curve = piece.ratings.mean(0)  # (bars, 2)
        middles = (np.arange(len(curve)) + 0.5) / len(curve) * piece.duration
        for start in np.arange(0.0, piece.duration - excerpt_s, excerpt_s):
            heard = (middles >= start + RATING_LAG_S) & (middles < start + excerpt_s + RATING_LAG_S)
            values = mood_features(piece.score, start, start + excerpt_s)
            if heard.any() and not np.isnan(values).any():
                features.append(values)
                ratings.append(curve[heard].mean(0))
                owners.append(index)
    return np.array(features), np.array(ratings), np.array(owners, int)


# --------------------------------------------------------------------- The shipped valence curve

VALENCE_TERMS = ("majorness", Curve.DENSITY, Curve.REGISTER)


@dataclass(frozen=True)
class ValenceCurve:
    """The valence curve's three terms against people's valence.

    `shipped` is Spearman's correlation of a piece's mean valence curve (`CurveTables.curves`) with
    its rated valence; `refitted` the same of a weighted sum of the terms' mean quantiles, weights
    fitted to the other games. `weights` are those fitted to all games, their sizes scaled to add to
    1. `terms` are the terms alone; the last two those of energy and density with arousal.
    """

    shipped: float
    shipped_interval: tuple[float, float]
    refitted: float
    refitted_interval: tuple[float, float]
    weights: dict[str, float]
    terms: dict[str, float]
    energy_arousal: float
    density_arousal: float


def rate_valence_curve(pieces: Sequence[RatedPiece], tables: CurveTables) -> ValenceCurve:
    """How the documented valence curve agrees with people, and what weights would do best."""
    rows, valences, energies = [], [], []
    for piece in pieces:
        tempo_map = piece.score.tempo_map
        statistics = beat_statistics(encode_score(piece.score)).sum(1)
        raw = measure_bars(statistics, tempo_map.bar_starts, bar_seconds(tempo_map))
        quantiles = {
            name: tables.quantile(name, raw[name][~np.isnan(raw[name])]) for name in VALENCE_TERMS
        }
        rows.append([quantiles[name].mean() for name in VALENCE_TERMS])
        curves = tables.curves(raw, has_velocity=False)  # half of VGMIDI's velocities are constant
        valences.append(curves[Curve.VALENCE].mean())
        energies.append(curves[Curve.ENERGY].mean())
    terms = np.array(rows)
    ratings = np.array([piece.ratings.mean((0, 1)) for piece in pieces])
    games = [piece.game for piece in pieces]
    estimates = np.zeros(len(pieces))
    for fitted, held_out in GroupKFold(min(NUM_FOLDS, len(set(games)))).split(terms, groups=games):
        model = LinearRegression().fit(terms[fitted], ratings[fitted, 0])
        estimates[held_out] = model.predict(terms[held_out])
    slopes = LinearRegression().fit(terms, ratings[:, 0]).coef_
    shipped = skill_of(ratings[:, 0], np.array(valences), games)
    refitted = skill_of(ratings[:, 0], estimates, games)
    weights = slopes / np.abs(slopes).sum()
    return ValenceCurve(
        shipped.spearman,
        shipped.spearman_interval,
        refitted.spearman,
        refitted.spearman_interval,
        {name: float(weight) for name, weight in zip(VALENCE_TERMS, weights, strict=True)},
        {n: agreement(ratings[:, 0], terms[:, i])[0] for i, n in enumerate(VALENCE_TERMS)},
        agreement(ratings[:, 1], np.array(energies))[0],
        agreement(ratings[:, 1], terms[:, VALENCE_TERMS.index(Curve.DENSITY)])[0],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="skill of the mood regressor on VGMIDI")
    parser.add_argument("folder", type=Path, help="the folder of VGMIDI")
    parser.add_argument("--curves", type=Path, help="a model's curve_tables.json")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON too")
    arguments = parser.parse_args()
    if arguments.out and arguments.out.exists():
        parser.error(f"{arguments.out} is there already; give another --out.")
    try:
        pieces = read_vgmidi(arguments.folder)
    except PixMusError as error:
        parser.error(str(error))
    figures: dict[str, Any] = {n: asdict(skill) for n, skill in cross_validate(pieces).items()}
    excerpts = cross_validate(pieces, EXCERPT_S)
    figures["excerpts"] = {"seconds": EXCERPT_S} | {n: asdict(s) for n, s in excerpts.items()}
    figures["num_games"] = len({piece.game for piece in pieces})
    if arguments.curves:
        tables = CurveTables.load(arguments.curves)
        figures["valence_curve"] = asdict(rate_valence_curve(pieces, tables))
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
