"""What MuVi-Sync's music videos say: how music moves with a clip's pace, and with its look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pixmus.cues.encoder import INSIDE, LOOK_S, WHOLE, Paired, pace_bank
from pixmus.cues.rule_curves import smooth
from pixmus.training.films import Film

NUM_COMPONENTS = 48  # of the image embedding; more predict whole songs worse (experiment 31)
COMPONENTS_OF_WHOLE = (48, 48, 32)  # of them, for each of WHOLE
PACE_RIDGE = 3000.0  # in seconds of video
LOOK_RIDGE = 300.0  # in songs
# For each of WHOLE: which columns of `whole_inputs` pace has a say with, and its ridge in songs.
WHOLE_PACE = (((0, 4, 5), 2000.0), (tuple(range(9)), 30.0), (tuple(range(9)), 30.0))
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
    scores: np.ndarray = torch.special.ndtri(torch.from_numpy(ranks)).numpy()
    return scores


def song_means(values: np.ndarray, songs: Sequence[slice]) -> np.ndarray:
    """(songs, n) means of (rows, n)."""
    return np.stack([values[song].mean(axis=0) for song in songs])


def without_means(values: np.ndarray, songs: Sequence[slice]) -> np.ndarray:
    """`values` (rows, n) with every song's mean taken out."""
    values = values.copy()
    for song in songs:
        values[song] -= values[song].mean(axis=0)
    return values


@dataclass(frozen=True, eq=False)
class VideoWeights:
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
) -> VideoWeights:
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
    return VideoWeights(
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
    videos: MusicVideos,
    pairs: VideoWeights,
    motion: tuple[np.ndarray, np.ndarray],
    pace: np.ndarray,
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
