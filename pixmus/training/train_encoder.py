"""Train the conditioning encoder: seconds of arithmetic, minutes of decoding the first time.

    pixmus train encoder --data ../shared/data --out checkpoints/pixmus --force
    pixmus train encoder --init checkpoints/pixmus --pairs shards --out my-model

The second moves the encoder of a model folder by pictures paired with music (`fine_tune.py`); with
`--data` and `--pairs` both happen, one after the other.

Everything is least squares in closed form, so the same data give the same weights. Sources and
what of the encoder they may touch:

- OASIS (634 photographs, valence and arousal rated by about 100 people each) and gradings of the
  same photographs: the visual mood.
- The same ratings and the layers of EfficientNet-Lite0: the mood of what is shown.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pixmus.cues.encoder import (
    INSIDE,
    LIGHT_RATIOS,
    MOODS,
    PACE_CUTS_S,
    PACE_MOTION_S,
    RATIOS,
    WHOLE,
    ConditioningEncoder,
    Paired,
)
from pixmus.cues.sight import NETWORK, Sight
from pixmus.curves import CURVES, Curve
from pixmus.errors import PixMusError
from pixmus.model.folder import ENCODER, MODEL_FOLDER, MODEL_INDEX, write_manifest
from pixmus.picture.efficientnet import EfficientNetLite0
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
from pixmus.training.music_videos import (
    fit_pairs,
    inside_inputs,
    load_music_videos,
    motion_pairs,
    quantile_map,
    whole_inputs,
    whole_paired,
)
from pixmus.training.sight_head import fit_head, held_out, set_against, skill_of
from pixmus.training.visual_mood import Mood, fit_mood

if TYPE_CHECKING:
    from pixmus.training.pairs import Pair
SPREAD: dict[str, float] = {
    Curve.DENSITY: 0.95,
    Curve.ENERGY: 0.95,
    Curve.VALENCE: 0.3,
    Curve.REGISTER: 0.9,
}  # of the full range; of valence by light and colour, its correlation with people
NUM_MONTAGES = 12
NUM_SLIDESHOWS = 12
MEAN_SHOTS = (1.5, 2.5, 4.0, 6.0)
FIRST_SEED = 500
NETWORK_FOLDER = MODEL_FOLDER / ENCODER / NETWORK


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
    encoder: ConditioningEncoder = ConditioningEncoder()
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
    encoder.eval()
    return encoder


def train(
    data: Path, cache: Path, with_muvi_sync: bool = True, backbone: Path = NETWORK_FOLDER
) -> tuple[ConditioningEncoder, dict[str, Any]]:
    """The encoder, and what it was trained on."""
    network = EfficientNetLite0.load(backbone)
    photographs = load_photographs(data / "affect" / "oasis", cache, network)
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
    sight = Sight(network, fit_head(photographs))
    skill = skill_of(held_out(photographs), photographs)
    set_against(sight, [film.features for film in films if is_tuned_on(film.name)], skill)
    facts["sight"] = {
        "correlation held out by theme": dict(zip(MOODS, np.round(skill, 3).tolist(), strict=True)),
        "valence by log brightness and log chroma": np.round(sight.head.grading[0], 3).tolist(),
    }
    reference = reference_features(films, photographs)
    set_spread(encoder, reference)
    encoder.set_sight(sight)
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
    parser.add_argument(
        "--backbone",
        type=Path,
        default=NETWORK_FOLDER,
        help="folder of the image network, made by `python -m pixmus.training.import_backbone`",
    )
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
        encoder, facts = train(
            arguments.data, arguments.cache, not arguments.without_muvi_sync, arguments.backbone
        )
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
    from pixmus.take.spotted import load_encoder

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
