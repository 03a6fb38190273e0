"""The thesis' own metrics between composed and true soundtracks, on clips that have real music.

    pixmus evaluate thesis-metrics ../shared/data/video [--clap FOLDER_OR_HUB_ID]

Chroma, spectral centroid and spectral contrast
as the thesis' notebook computes them: both sounds mono at 16 kHz, librosa's defaults, cut to the
shorter, each feature scaled to 0..1 over its file, root mean square and mean absolute difference
over all frames, averaged over clips. Beside them stand the same music against another clip's
true soundtrack (*shuffled*) and another true soundtrack in the music's place (*other true*): a
wrong real soundtrack scores about what models report.

CLAP similarity (cosine of audio embeddings) and the Fréchet distance of those embeddings need a
CLAP network, which `--clap` names; without it they are not measured. The thesis' FAD is over
VGGish, which no package used here provides: it is not measured.

Waveforms are float (samples,) at `SAMPLE_RATE` unless it says otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch

from pixmus.errors import PixMusError
from pixmus.hub import Kind, local_folder
from pixmus.model.folder import MODEL_FOLDER
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.studies.runner import VIDEOS, Result, Run, Study, check_folder
from pixmus.take.pipeline import PixMusPipeline

SAMPLE_RATE = 16000  # Hz, the thesis'
CLAP = Kind(
    name="CLAP network",
    index="config.json",
    files=("*.json",),
    weights=("*.safetensors", "*.bin"),
    example="a folder with its config.json and weights, or a Hub id such as laion/clap-htsat-fused",
)
CLAP_WINDOW_S = 10.0
# Clips of the shared folder whose sound holds music, judged by sustained harmonic partials in their
# spectrograms; the first is a film's soundtrack with its effects. The others are silent, or hold
# the noise of a room or speech.
WITH_MUSIC = (
    "shared-assets__tears-of-steel-battle-clip-medium.webm",
    "editly-assets__lofoten.mp4",
    "editly-assets__changi.mp4",
)
# Thesis, table of results: 481 test samples, 100 steps, guidance 3.5. RMSE.
THESIS = {
    "audioldm2-music": {"chroma": 0.414, "centroid": 0.275, "contrast": 0.1458},
    "PixMus thesis": {"chroma": 0.390, "centroid": 0.269, "contrast": 0.1463},
}

FEATURES = {  # and their names in librosa, which loads them when they are asked for
    "chroma": "chroma_stft",
    "centroid": "spectral_centroid",
    "contrast": "spectral_contrast",
}


def scaled(feature: np.ndarray) -> np.ndarray:
    """The feature between 0 and 1 over the whole file; 0 where it never changes."""
    low, high = float(feature.min()), float(feature.max())
    return (feature - low) / (high - low) if high > low else np.zeros_like(feature)


def differences(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """Root mean square (`rmse`) and mean absolute (`mae`) difference of arrays of one shape."""
    difference = reference - estimate
    return {
        "rmse": float(np.sqrt((difference**2).mean())),
        "mae": float(np.abs(difference).mean()),
    }


def spectral_distances(reference: np.ndarray, estimate: np.ndarray) -> dict[str, dict[str, float]]:
    """`rmse` and `mae` of chroma, centroid and contrast between two waveforms."""
    length = min(len(reference), len(estimate))
    if length < SAMPLE_RATE // 2:
        raise PixMusError("half a second of sound at least is needed on both sides to compare.")
    return {
        name: differences(
            *(
                scaled(getattr(librosa.feature, extract)(y=y[:length], sr=SAMPLE_RATE))
                for y in (reference, estimate)
            )
        )
        for name, extract in FEATURES.items()
    }


def averaged(distances: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean over pairs of what `spectral_distances` gives."""
    return {
        name: {
            kind: float(np.mean([pair[name][kind] for pair in distances]))
            for kind in ("rmse", "mae")
        }
        for name in FEATURES
    }


def compare(true: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> dict[str, Any]:
    """Rows `matched`, `shuffled` and `other true`, averaged, and the matched ones one by one.

    The pairs of the last two are all pairs of different clips, so none is chosen.
    """
    matched = [spectral_distances(t, m) for t, m in zip(true, made, strict=True)]
    apart = [(i, j) for i in range(len(true)) for j in range(len(true)) if i != j]
    rows = {"matched": averaged(matched)}
    if apart:
        rows["shuffled"] = averaged([spectral_distances(true[i], made[j]) for i, j in apart])
        rows["other true"] = averaged([spectral_distances(true[i], true[j]) for i, j in apart])
    return {"rows": rows, "matched": matched}


def frechet_distance(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Fréchet distance of two sets of embeddings (items, width) taken as Gaussians.

    |mu_r - mu_e|^2 + Tr(S_r + S_e - 2 (S_r S_e)^(1/2)); Kilgour et al. 2019, Eq. 1.
    """
    means = reference.mean(0) - estimate.mean(0)
    of_reference, of_estimate = (np.cov(x, rowvar=False) for x in (reference, estimate))
    # The root of the product has the trace of a symmetric one's, which may be singular.
    values, vectors = np.linalg.eigh(of_reference)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    product = np.linalg.eigvalsh(root @ of_estimate @ root)
    shared = np.sqrt(np.clip(product, 0, None)).sum()
    spread = np.trace(of_reference) + np.trace(of_estimate) - 2 * shared
    return float(means @ means + spread)


class Clap:
    """A CLAP network's audio half (transformers' `ClapModel`)."""

    def __init__(self, folder: Path) -> None:
        from transformers import ClapFeatureExtractor, ClapModel

        self.model: Any = ClapModel.from_pretrained(folder)
        self.model.eval()  # type: ignore[no-untyped-call]
        self.extractor = ClapFeatureExtractor.from_pretrained(folder)

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        """Unit embeddings (windows, width) of windows of 10 s, the last one whatever is left."""
        rate = self.extractor.sampling_rate
        sound = librosa.resample(waveform, orig_sr=SAMPLE_RATE, target_sr=rate)
        size = round(CLAP_WINDOW_S * rate)
        windows = [sound[i : i + size] for i in range(0, max(len(sound) - size // 2, 1), size)]
        inputs = self.extractor(windows, sampling_rate=rate, return_tensors="pt")
        with torch.inference_mode():
            found = self.model.get_audio_features(**inputs)
        vectors = getattr(found, "pooler_output", found).numpy()
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def compare(self, true: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> dict[str, Any]:
        """Mean cosine of matched windows, and the Fréchet distance of all windows."""
        pairs = [(self.embed(t), self.embed(m)) for t, m in zip(true, made, strict=True)]
        cosines = [(t[: len(m)] * m[: len(t)]).sum(1).mean() for t, m in pairs]
        of_true, of_made = (np.concatenate(side) for side in zip(*pairs, strict=True))
        distance = (
            frechet_distance(of_true, of_made) if min(len(of_true), len(of_made)) > 1 else None
        )
        return {"similarity": float(np.mean(cosines)), "frechet distance": distance}


def mono(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """(channels, samples) to (samples,) at `SAMPLE_RATE`."""
    return librosa.resample(waveform.mean(0), orig_sr=sample_rate, target_sr=SAMPLE_RATE)


def measure_clips(
    folder: Path, pipe: PixMusPipeline, clips: Sequence[str] = WITH_MUSIC, clap: Clap | None = None
) -> Result:
    """The distances between what is composed for clips of a folder and their own music."""
    true, made = [], []
    for name in clips:
        video = probe(folder / name)
        sound = read_audio(video, SAMPLE_RATE)
        if sound is None:
            raise PixMusError(f"{name} has no sound to compare with; leave it out.")
        true.append(sound.mean(0))
        made.append(mono(pipe(video.path, seed=1, original_audio="drop").music, 44100))
    compared = compare(true, made)
    return {
        "clips": [
            {"clip": name, "seconds": round(len(sound) / SAMPLE_RATE, 1), **distances}
            for name, sound, distances in zip(clips, true, compared["matched"], strict=True)
        ],
        "n": len(clips),
        "rows": compared["rows"],
        "thesis": THESIS,
        "clap": clap.compare(true, made) if clap else None,
    }


def measure(run: Run) -> Result:
    """The thesis' metrics on the clips of a folder that have music."""
    asked = run.arguments
    check_folder(asked.videos)
    clap = Clap(local_folder(asked.clap, CLAP)) if asked.clap else None
    return measure_clips(asked.videos, PixMusPipeline.from_pretrained(asked.model), clap=clap)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("videos", type=Path, nargs="?", default=VIDEOS, help="folder of the clips")
    parser.add_argument("--model", default=str(MODEL_FOLDER))
    parser.add_argument("--clap", help="a CLAP network: a folder or Hub id")


STUDY = Study(
    "thesis-metrics",
    "Chroma, centroid and contrast between composed and true soundtracks.",
    measure,
    arguments,
)
