"""Train the conditioning encoder: seconds of arithmetic, minutes of decoding the first time.

    pixmus train encoder --data ../shared/data --out checkpoints/pixmus --force
    pixmus train encoder --init checkpoints/pixmus --pairs shards --out my-model

The second moves the encoder of a model folder by pictures paired with music (`fine_tune.py`); with
`--data` and `--pairs` both happen, one after the other.

Everything is least squares in closed form, so the same data give the same weights. Sources and
what of the encoder they may touch:

- OASIS (634 photographs, valence and arousal rated by about 100 people each) and gradings of the
  same photographs: the visual mood.
- MuVi-Sync (676 music videos: motion, cuts, a CLIP projection; loudness, note density and key of
  the soundtrack): how density and energy move inside a clip, and what a clip's look says. Colour is
  masked, it is not in the data. These weights go to a file of their own, `muvi_sync.safetensors`;
  `--without-muvi-sync` leaves it out.
- Shared clips that may be tuned on, montages of them, slideshows of OASIS: the spread of the
  curves, so that they cover the range of the score model's training music.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pixmus.cues.encoder import (
    INSIDE,
    LIGHT_RATIOS,
    LOOK_S,
    MOODS,
    PACE_CUTS_S,
    PACE_MOTION_S,
    RATIOS,
    WHOLE,
    ConditioningEncoder,
    Paired,
    least_weights,
    mood_terms,
    pace_bank,
    picture_ratios,
)
from pixmus.cues.sheet import smooth
from pixmus.curves import CURVES, Curve
from pixmus.errors import PixMusError
from pixmus.model.folder import ENCODER, MODEL_FOLDER, MODEL_INDEX, write_manifest
from pixmus.picture.features import Features
from pixmus.training.films import (
    Film,
    Photographs,
    load_films,
    load_photographs,
    montage_clips,
    montage_features,
    slideshow_features,
)
from pixmus.training.fine_tune import agreement, fine_tune
from pixmus.training.model_card import add_encoder_section
from pixmus.training.montages import is_tuned_on

if TYPE_CHECKING:
    from pixmus.training.pairs import Pair

NUM_COMPONENTS = 48  # of the image embedding; more predict whole songs worse (experiment 31)
COMPONENTS_OF_WHOLE = (48, 48, 32)  # of them, for each of WHOLE
MOOD_RIDGE = 120.0  # in photographs
GRADED = ((0.5, 0.5, 0.3), (0.7, 0.7, 0.2))  # gain, chroma, how much valence falls at least
GRADED_WEIGHT = 0.15
PACE_RIDGE = 3000.0  # in seconds of video
LOOK_RIDGE = 300.0  # in songs
# For each of WHOLE: which columns of `whole_inputs` pace has a say with, and its ridge in songs.
WHOLE_PACE = (((0, 4, 5), 2000.0), (tuple(range(9)), 30.0), (tuple(range(9)), 30.0))
SPREAD: dict[str, float] = {
    Curve.DENSITY: 0.95,
    Curve.ENERGY: 0.95,
    Curve.VALENCE: 0.8,
    Curve.REGISTER: 0.9,
}  # of the full range
NUM_MONTAGES = 12
NUM_SLIDESHOWS = 12
MEAN_SHOTS = (1.5, 2.5, 4.0, 6.0)
FIRST_SEED = 500
NUM_QUANTILES = 33


@dataclass(frozen=True, eq=False)
class MusicVideos:
    """MuVi-Sync, one row a second, songs one after another."""

    songs: tuple[slice, ...]
    log_motion: np.ndarray  # (rows,) log of mean RGB difference (0..255) + 0.5
    cuts: np.ndarray  # (rows,) 1 where a cut falls in the second
    since_cut: np.ndarray  # (rows,) log seconds since the last cut + 1
    components: np.ndarray  # (rows, NUM_COMPONENTS)
    loudness: np.ndarray  # (rows,) as normal scores over all rows
    note_density: np.ndarray  # (rows,) the same
    minor: np.ndarray  # (songs,) 1 for a minor key
    mean: np.ndarray  # (width,) of unit-norm embeddings
    basis: np.ndarray  # (NUM_COMPONENTS, width)

    @property
    def inside_targets(self) -> np.ndarray:
        """(rows, len(INSIDE)) with every song's mean taken out."""
        targets = np.stack([self.note_density, self.loudness], axis=1)
        return without_means(targets, self.songs)

    @property
    def whole_targets(self) -> np.ndarray:
        """(songs, len(WHOLE)): song means in normal scores; the mode as a standardised 0 or 1."""
        minor = (self.minor - self.minor.mean()) / self.minor.std()
        means = song_means(np.stack([self.note_density, self.loudness], axis=1), self.songs)
        return np.concatenate([means, minor[:, None]], axis=1)


def load_music_videos(folder: Path) -> MusicVideos:
    """MuVi-Sync as it lies in `muvi_sync`."""
    data = np.load(folder / "muvi_sync.npz", allow_pickle=False)
    ends = np.cumsum(data["seconds"])
    songs = tuple(slice(int(a), int(b)) for a, b in zip(ends - data["seconds"], ends, strict=True))
    since = data["scene_offset"].astype(float)
    scale = data["pca_scale"][:NUM_COMPONENTS]
    return MusicVideos(
        songs=songs,
        log_motion=np.log(data["motion"].astype(float) + 0.5),
        cuts=(since == 0).astype(float),
        since_cut=np.log(since + 1),
        components=data["clip_pca"][:, :NUM_COMPONENTS].astype(float) * scale,
        loudness=normal_scores(data["loudness"]),
        note_density=normal_scores(data["note_density"]),
        minor=np.array([key.endswith("minor") for key in data["key"]]).astype(float),
        mean=data["pca_mean"].astype(float),
        basis=data["pca_basis"][:NUM_COMPONENTS].astype(float),
    )


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal quantiles of ranks; ties share the middle of their ranks."""
    ordered = np.sort(values)
    low = np.searchsorted(ordered, values, side="left")
    high = np.searchsorted(ordered, values, side="right")
    ranks = (low + high) / 2 / len(values)
    return torch.special.ndtri(torch.from_numpy(ranks)).numpy()


def song_means(values: np.ndarray, songs: Sequence[slice]) -> np.ndarray:
    """(songs, n) means of (rows, n)."""
    return np.stack([values[song].mean(axis=0) for song in songs])


def without_means(values: np.ndarray, songs: Sequence[slice]) -> np.ndarray:
    """`values` (rows, n) with every song's mean taken out."""
    values = values.copy()
    for song in songs:
        values[song] -= values[song].mean(axis=0)
    return values


# ------------------------------------------------------------------------------------- The mood


@dataclass(frozen=True, eq=False)
class Mood:
    """The weights of the visual mood, rows valence and arousal."""

    light: np.ndarray
    colour: np.ndarray
    ratios: np.ndarray
    bias: np.ndarray
    ratio_mean: np.ndarray
    ratio_scale: np.ndarray

    def predict(self, features: Features) -> np.ndarray:
        """(n, 2) z-scores."""
        terms = mood_terms(features, self.ratio_mean, self.ratio_scale)
        weights = np.concatenate([self.light[:, None], self.colour[:, None], self.ratios], axis=1)
        return terms @ weights.T + self.bias


def graded(features: Features, gain: float, chroma: float) -> Features:
    """The curves of the same pictures, darker by `gain` and with `chroma` of their colour left."""
    return replace(
        features,
        brightness=features.brightness * gain,
        contrast=features.contrast * gain,
        edges=features.edges * gain,
        saturation=features.saturation * gain * chroma,
        warmth=features.warmth * gain * chroma,
    )


def fit_mood(photographs: Photographs, rows: np.ndarray | None = None) -> Mood:
    """Ridge regression of the ratings, and of what grading must do to valence, on `rows`."""
    rows = np.arange(len(photographs.names)) if rows is None else rows
    ratings = np.stack([photographs.valence[rows], photographs.arousal[rows]], axis=1)
    ratings = (ratings - ratings.mean(axis=0)) / ratings.std(axis=0)
    features = only(photographs.features, rows)
    ratios = picture_ratios(features)
    mean, scale = ratios.mean(axis=0), ratios.std(axis=0)
    terms = mood_terms(features, mean, scale)
    middle = terms.mean(axis=0)
    centred = terms - middle
    weights = np.zeros((len(MOODS), terms.shape[1]))
    ridge = MOOD_RIDGE * np.diag([0.1, 0.1, *[1.0] * len(RATIOS)])
    for mood in range(len(MOODS)):
        design, target = [centred], [ratings[:, mood]]
        if mood == MOODS.index(Curve.VALENCE):
            for gain, chroma, fall in GRADED:
                darker = mood_terms(graded(features, gain, chroma), mean, scale)
                design.append(np.sqrt(GRADED_WEIGHT) * (terms - darker))
                target.append(np.full(len(terms), np.sqrt(GRADED_WEIGHT) * fall))
        x, y = np.concatenate(design), np.concatenate(target)
        weights[mood] = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    least_light, least_colour = least_weights(weights[0, 2:])
    weights[0, 0] = max(weights[0, 0], least_light)
    weights[0, 1] = max(weights[0, 1], least_colour)
    return Mood(
        light=weights[:, 0],
        colour=weights[:, 1],
        ratios=weights[:, 2:],
        bias=-weights @ middle,
        ratio_mean=mean,
        ratio_scale=scale,
    )


def only(features: Features, rows: np.ndarray) -> Features:
    """Some of the photographs in a row."""
    names = ("motion", "brightness", "contrast", "saturation", "warmth", "edges", "palette")
    return replace(
        features,
        duration=len(rows) / 4,
        **{name: getattr(features, name)[rows] for name in names},
    )


# ----------------------------------------------------------------------------- The music videos


@dataclass(frozen=True, eq=False)
class Pairs:
    """Weights fitted on some songs; `predict_*` for any."""

    pace: np.ndarray
    look_inside: np.ndarray
    pace_whole: np.ndarray
    pace_mean: np.ndarray
    pace_scale: np.ndarray
    look_whole: np.ndarray
    look_mean: np.ndarray


def inside_inputs(videos: MusicVideos) -> tuple[np.ndarray, np.ndarray]:
    """(rows, ...) of pace and of the look, smoothed inside each song, song means out."""
    pace = np.concatenate(
        [pace_bank(videos.log_motion[song], videos.cuts[song], 1.0) for song in videos.songs]
    )
    look = np.concatenate(
        [
            np.stack(
                [smooth(column, s) for s in LOOK_S for column in videos.components[song].T], axis=1
            )
            for song in videos.songs
        ]
    )
    return pace, without_means(look, videos.songs)


def whole_inputs(videos: MusicVideos) -> tuple[np.ndarray, np.ndarray]:
    """(songs, 9) of pace and (songs, NUM_COMPONENTS) of the look.

    Pace is the mean, spread, 10th and 90th percentile of log motion, the cut rate, and the same
    four of log seconds since the last cut.
    """

    def spread(values: np.ndarray) -> np.ndarray:
        tenths = np.quantile(values, [0.1, 0.9])
        return np.array([values.mean(), values.std(), *tenths])

    pace = [
        np.concatenate(
            [spread(videos.log_motion[s]), [videos.cuts[s].mean()], spread(videos.since_cut[s])]
        )
        for s in videos.songs
    ]
    return np.stack(pace), song_means(videos.components, videos.songs)


def fit_pairs(
    videos: MusicVideos,
    inside: tuple[np.ndarray, np.ndarray],
    whole: tuple[np.ndarray, np.ndarray],
    songs: np.ndarray,
) -> Pairs:
    """Ridge regressions on `songs`, each with the look dropped half of the time.

    Every row stands there twice, once with its look and once with zeros in its place, which is
    what dropping it at random half of the time amounts to when a sum of squares is minimised.
    """
    rows = np.concatenate([np.arange(s.start, s.stop) for s in (videos.songs[k] for k in songs)])
    pace, look = inside[0][rows], inside[1][rows]
    targets = videos.inside_targets[rows]
    num_pace = pace.shape[1]
    # scaled so that one ridge suits both
    scale = np.concatenate([pace.std(axis=0), np.full(look.shape[1], look.std())])
    x = np.concatenate([pace, look], axis=1) / scale
    gram = x.T @ x / 2
    gram[:num_pace, :num_pace] *= 2  # seen with the look and without
    cross = x.T @ targets / 2
    cross[:num_pace] *= 2
    weights = np.zeros((len(INSIDE), x.shape[1]))
    for k in range(len(INSIDE)):
        used = np.ones(x.shape[1], dtype=bool)
        while True:  # active set: a pace that would count against is left out
            solved = np.linalg.solve(
                gram[np.ix_(used, used)] + PACE_RIDGE * np.eye(used.sum()), cross[used, k]
            )
            weights[k] = 0
            weights[k, used] = solved
            wrong = np.flatnonzero(weights[k, :num_pace] < 0)
            if wrong.size == 0:
                break
            used[wrong] = False
    weights /= scale
    # whole songs
    pace_whole, look_whole = whole[0][songs], whole[1][songs]
    goals = videos.whole_targets[songs]
    goals = goals - goals.mean(axis=0)
    pace_mean, pace_scale = pace_whole.mean(axis=0), pace_whole.std(axis=0)
    of_pace = (pace_whole - pace_mean) / pace_scale
    look_mean, look_scale = look_whole.mean(axis=0), look_whole.std(axis=0)
    of_look = (look_whole - look_mean) / look_scale
    pace_weights = np.zeros((len(WHOLE), of_pace.shape[1]))
    look_weights = np.zeros((len(WHOLE), of_look.shape[1]))
    for k, ((columns, ridge), num_used) in enumerate(
        zip(WHOLE_PACE, COMPONENTS_OF_WHOLE, strict=True)
    ):
        pace_weights[k, columns] = _ridge(of_pace[:, columns], goals[:, k], ridge)
        look_weights[k, :num_used] = _ridge(of_look[:, :num_used], goals[:, k], LOOK_RIDGE)
    return Pairs(
        pace=weights[:, :num_pace],
        look_inside=weights[:, num_pace:],
        pace_whole=pace_weights,
        pace_mean=pace_mean,
        pace_scale=pace_scale,
        look_whole=look_weights / look_scale,
        look_mean=look_mean,
    )


def _ridge(x: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    return np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)


def their_motion(images: np.ndarray, times: np.ndarray, length: int) -> np.ndarray:
    """(length,) on the 4 Hz clock: mean RGB difference (0..255) of consecutive frames, as
    MuVi-Sync's LICENSE_SOURCE.txt defines motion; median over each value's frames."""
    change = np.array(
        [np.abs(images[k].astype(np.int16) - images[k - 1]).mean() for k in range(1, len(images))]
    )
    place = np.minimum((times[1:] * 4).astype(int), length - 1)
    found = np.full(length, np.nan)
    for value in np.unique(place):
        found[value] = np.median(change[place == value])
    return found


def motion_pairs(films: Sequence[Film]) -> tuple[np.ndarray, np.ndarray]:
    """Our motion and theirs on the same quarter-seconds of clips at usual frame rates."""
    ours, theirs = [], []
    for film in films:
        if not 20 <= film.frame_rate <= 31:
            continue
        measured = their_motion(film.images, film.times, len(film.features.motion))
        known = np.isfinite(measured)
        share = max(1, known.sum() // 120)  # no clip counts for more than 30 s
        ours.append(film.features.motion[known][::share])
        theirs.append(measured[known][::share])
    return np.concatenate(ours), np.concatenate(theirs)


def quantile_map(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matching quantiles, from 0 on, increasing."""
    shares = np.linspace(0, 1, NUM_QUANTILES)
    a = np.maximum.accumulate(np.quantile(ours, shares) + 1e-6 * np.arange(NUM_QUANTILES))
    b = np.maximum.accumulate(np.quantile(theirs, shares))
    return np.concatenate([[0.0], a + 1e-6]), np.concatenate([[0.0], b])


def whole_paired(
    videos: MusicVideos, pairs: Pairs, motion: tuple[np.ndarray, np.ndarray], pace: np.ndarray
) -> Paired:
    """The file's arrays. Predictions are spread as widely as what they predict is, or the curves
    would shrink to their middle."""
    spread = videos.inside_targets.std(axis=0) / (pace @ pairs.pace.T).std(axis=0)
    look = song_means(videos.components, videos.songs) - pairs.look_mean
    of_whole = np.array([1.0, 1.0, 1.0]) / (look @ pairs.look_whole.T).std(axis=0)
    return Paired(
        pace=pairs.pace * spread[:, None],
        inside=pairs.look_inside * spread[:, None],
        whole=pairs.look_whole * of_whole[:, None],
        mean=videos.mean,
        basis=videos.basis,
        whole_mean=pairs.look_mean,
        motion_ours=motion[0],
        motion_theirs=motion[1],
    )


# ------------------------------------------------------------------------------------ The spread


def reference_features(films: Sequence[Film], photographs: Photographs) -> list[Features]:
    """Clips that may be tuned on, montages of them, slideshows of photographs."""
    tuned = [film for film in films if is_tuned_on(film.name)]
    clips = montage_clips(tuned)
    rng = np.random.default_rng(FIRST_SEED)
    montages = [
        montage_features(clips, FIRST_SEED + k, MEAN_SHOTS[k % len(MEAN_SHOTS)], 24.0)
        for k in range(NUM_MONTAGES)
    ]
    slideshows = [
        slideshow_features(
            photographs, rng.choice(len(photographs.names), 5, replace=False).tolist(), k
        )
        for k in range(NUM_SLIDESHOWS)
    ]
    return [film.features for film in tuned] + montages + slideshows


def set_spread(encoder: ConditioningEncoder, reference: Sequence[Features]) -> None:
    """Set the curves' means and spreads, every film counting alike."""
    raw = [encoder.raw_curves(features) for features in reference]
    for k, name in enumerate(CURVES):
        means = np.array([curves[name].mean() for curves in raw])
        squares = np.array([(curves[name] ** 2).mean() for curves in raw])
        mean = float(means.mean())
        encoder.curve_mean.data[k] = mean
        encoder.curve_scale.data[k] = float(np.sqrt(squares.mean() - mean**2)) / SPREAD[name]


# ----------------------------------------------------------------------------------- The command


def make_encoder(mood: Mood, paired: Paired | None) -> ConditioningEncoder:
    """An encoder with these weights, its curves not yet set against reference films."""
    encoder = ConditioningEncoder()
    for name, value in (
        ("light", mood.light),
        ("colour", mood.colour),
        ("ratio_weights", mood.ratios),
        ("bias", mood.bias),
        ("ratio_mean", mood.ratio_mean),
        ("ratio_scale", mood.ratio_scale),
    ):
        getattr(encoder, name).data.copy_(torch.from_numpy(value))
    encoder.set_paired(paired)
    return encoder.eval()


def train(
    data: Path, cache: Path, with_muvi_sync: bool = True
) -> tuple[ConditioningEncoder, dict[str, Any]]:
    """The encoder, and what it was trained on."""
    photographs = load_photographs(data / "affect" / "oasis", cache)
    films = load_films(data / "video", cache / "clips")
    mood = fit_mood(photographs)
    facts: dict[str, Any] = {
        "photographs": len(photographs.names),
        "films": len(films),
        "films tuned on": sum(is_tuned_on(film.name) for film in films),
    }
    paired = None
    if with_muvi_sync:
        videos = load_music_videos(data / "muvi_sync")
        inside, whole = inside_inputs(videos), whole_inputs(videos)
        pairs = fit_pairs(videos, inside, whole, np.arange(len(videos.songs)))
        tuned = [film for film in films if is_tuned_on(film.name)]
        motion = quantile_map(*motion_pairs(tuned))
        paired = whole_paired(videos, pairs, motion, inside[0])
        facts |= {"music videos": len(videos.songs), "seconds": len(videos.cuts)}
        facts["pace weights"] = {
            name: dict(
                zip(
                    [f"motion {s:g} s" for s in PACE_MOTION_S]
                    + [f"cuts {s:g} s" for s in PACE_CUTS_S],
                    np.round(paired.pace[k], 3).tolist(),
                    strict=True,
                )
            )
            for k, name in enumerate(INSIDE)
        }
        facts["predicted of whole songs"] = list(WHOLE)
    encoder = make_encoder(mood, paired)
    reference = reference_features(films, photographs)
    set_spread(encoder, reference)
    facts["reference films"] = len(reference)
    facts["mood weights"] = {
        name: {
            "light": round(float(mood.light[k]), 3),
            "colour": round(float(mood.colour[k]), 3),
            **dict(zip(RATIOS, np.round(mood.ratios[k], 3).tolist(), strict=True)),
        }
        for k, name in enumerate(MOODS)
    }
    facts["ratios of light"] = len(LIGHT_RATIOS)
    facts["curves"] = {
        name: [round(float(encoder.curve_mean[k]), 3), round(float(encoder.curve_scale[k]), 3)]
        for k, name in enumerate(CURVES)
    }
    return encoder, facts


def add_to_model(encoder: ConditioningEncoder, facts: dict[str, Any], folder: Path) -> None:
    """Write the encoder into a model folder and name it there."""
    encoder.save_pretrained(folder / ENCODER)
    (folder / ENCODER / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    index = json.loads((folder / MODEL_INDEX).read_text())
    index[ENCODER] = ["pixmus.cues.encoder", "ConditioningEncoder"]
    (folder / MODEL_INDEX).write_text(json.dumps(index, indent=2) + "\n")
    write_manifest(folder)
    if (folder / "README.md").is_file():
        add_encoder_section(folder)


def main(argv: Sequence[str] | None = None) -> None:
    """Train or fine-tune and write the encoder into a model folder."""
    parser = argparse.ArgumentParser(
        prog="pixmus train encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="holds muvi_sync, affect, video")
    parser.add_argument("--init", type=Path, help="fine-tune the encoder of this model folder")
    parser.add_argument("--pairs", type=Path, help="shards made by `pixmus dataset features`")
    parser.add_argument("--out", type=Path, required=True, help="a model folder; may be new")
    parser.add_argument("--force", action="store_true", help="replace the encoder that --out has")
    parser.add_argument("--cache", type=Path, default=Path("runs/encoder_cache"))
    parser.add_argument("--without-muvi-sync", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.data is None and arguments.init is None:
        raise PixMusError("name --data to train anew, or --init to fine-tune a model folder.")
    if arguments.data is not None and arguments.init is not None:
        raise PixMusError("name either --data (train anew) or --init (fine-tune), not both.")
    if arguments.init is not None and arguments.pairs is None:
        raise PixMusError("--init has nothing to learn from; name the shards with --pairs.")
    if (arguments.out / ENCODER).exists() and not arguments.force:
        raise PixMusError(
            f"{arguments.out} has an encoder; name a new folder, or replace it with --force."
        )
    torch.set_num_threads(1)
    training, held_out = split_shards(arguments.pairs) if arguments.pairs else ((), ())
    if arguments.data is not None:
        encoder, facts = train(arguments.data, arguments.cache, not arguments.without_muvi_sync)
    else:
        encoder, facts = load_trained(arguments.init)
    if training:
        tuned, facts["pairs"] = fine_tune(encoder, training)
        if held_out:
            facts["pairs"]["held out"] = {
                "before": agreement(encoder, held_out),
                "after": agreement(tuned, held_out),
            }
        encoder = tuned
    start_folder(arguments.out, arguments.init or MODEL_FOLDER)
    add_to_model(encoder, facts, arguments.out)
    print(json.dumps(facts, indent=1))
    for name, kind, before, after in _moved(facts):
        print(f"{name}, {kind}s held out: {before:.2f} before, {after:.2f} now", file=sys.stderr)
    print(f"the model with this encoder: {arguments.out}", file=sys.stderr)


def _moved(facts: dict[str, Any]) -> Iterator[tuple[str, str, float, float]]:
    """Correlation with held-out rows' music before and after, of every curve and kind of row."""
    held_out = facts.get("pairs", {}).get("held out")
    for name in CURVES if held_out else ():
        for kind, was in held_out["before"][name].items():
            yield name, kind, was["pooled"], held_out["after"][name][kind]["pooled"]


def split_shards(folder: Path) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """Rows that may be trained on, and rows of the other splits."""
    from pixmus.training.pairs import read_shards
    from pixmus.training.splits import HELD_OUT

    pairs = list(read_shards(folder))
    training = [pair for pair in pairs if pair.split not in HELD_OUT]
    return training, [pair for pair in pairs if pair.split in HELD_OUT]


def load_trained(folder: Path) -> tuple[ConditioningEncoder, dict[str, Any]]:
    """The encoder of a model folder and what was written of its training."""
    from pixmus.take.pipeline import load_encoder

    encoder = load_encoder(folder)
    if encoder is None:
        raise PixMusError(
            f"{folder} has no encoder to fine-tune; name a model folder that has one."
        )
    facts = folder / ENCODER / "training.json"
    return encoder, json.loads(facts.read_text()) if facts.is_file() else {}


def start_folder(folder: Path, source: Path) -> None:
    """Make `folder` a copy of the model folder `source` where it is not a model folder yet."""
    if (folder / MODEL_INDEX).is_file():
        return
    if folder.exists() and any(folder.iterdir()):
        raise PixMusError(f"{folder} holds other files; name a new folder or a model folder.")
    shutil.copytree(source, folder, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
