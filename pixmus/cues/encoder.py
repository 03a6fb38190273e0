"""`ConditioningEncoder`: the learned half of spotting; what the picture asks of the music.

`encoder.spot(features)` is what `cues.spot` is by rules. Learned are the visual mood (from people's
ratings of photographs), how energy and density move inside a clip (from music videos and their
soundtracks), and, where an image embedding is there, what a clip's look says of density, energy and
mode. Pace, register and who plays stay rules: nothing was found that beats them
(`docs/results/encoder.md`). With an image network of its own (`sight`) the mood is that of what is
shown, and its arousal enters energy; without it, of light and colour, of which only valence does.

Conventions: curves run on the 4 Hz clock of `features`; inside, quantities are z-scores against
the reference films of training, and become quantiles (0..1) at the end. Embeddings come one a
second, float32 (seconds, width), as an image backbone gives them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pixmus.cues.direction import Direction
from pixmus.cues.rule_curves import climax, rule_curves, smooth
from pixmus.cues.sheet import CueSheet
from pixmus.cues.sight import HEAD_WEIGHTS, Seen, Sight
from pixmus.cues.spotting import make_cue_sheet
from pixmus.cues.wishes import NO_WISHES, Wishes
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.diffusers_base import ConfigMixin, ModelMixin, register_to_config
from pixmus.errors import PixMusError
from pixmus.picture.features import Features
from pixmus.picture.palette import HUES, PALETTE

PAIRED_WEIGHTS = "muvi_sync.safetensors"
TUNED_WEIGHTS = "pairs.safetensors"  # there where the encoder was fine-tuned on pairs

MOODS = (Curve.VALENCE, "arousal")
LIGHT_FLOOR, COLOUR_FLOOR = 0.02, 0.03  # added to brightness and chroma before the logarithm
MOTION_FLOOR = 0.004  # the same for motion, picture widths a second
GATE = 0.1  # brightness or chroma at which ratios count half
RATIO_LIMIT = 1.5  # z-scores of ratios are cut here
# Ratios that mean little in a dark picture, and those that mean little in a grey one.
LIGHT_RATIOS = ("contrast", "detail", "light above", "light below", "light in the middle",
                "patches")  # fmt: skip
COLOUR_RATIOS = (*HUES, "blue above", "green below", "warmth in the middle", "colour in the middle")
RATIOS = LIGHT_RATIOS + COLOUR_RATIOS

PACE_MOTION_S = (1.0, 4.0, 12.0)  # s, standard deviations of the smoothing of motion ...
PACE_CUTS_S = (2.0, 6.0)  # ... and of the cut rate
LOOK_S = (3.0, 10.0)  # s, of the smoothing of embeddings
WHOLE = (Curve.DENSITY, Curve.ENERGY, "minor")
INSIDE = (Curve.DENSITY, Curve.ENERGY)
# What fine-tuning may add to the curves that are not the mood's, and from what of the picture.
TUNED = (Curve.DENSITY, Curve.ENERGY, Curve.REGISTER)
PICTURE = ("motion", "cuts", "light", "contrast", "chroma", "warmth", "edges", "light above")
NEVER_CALMER = 2  # the first terms of PICTURE, whose weights are not negative
# How much of a clip's own ups and downs is learned; the rest are the rules' (see experiment 33).
INSIDE_SPREAD = 0.6
LOOK_SPREAD = 0.8
AROUSAL_SPREAD = 0.5  # of what is shown, in energy (experiment 78)
# Music that plays is never next to nothing, and broad where something great is shown for long.
LEAST_PACE, GREAT_PACE = 0.1, 0.3
GREAT = ("sea or lake", "mountains", "geyser", "castle", "monuments", "flight")


@dataclass(frozen=True, eq=False)
class Paired:
    """What was fitted on music videos and their soundtracks; a file of its own, and optional.

    `pace` (len(INSIDE), len(PACE_MOTION_S) + len(PACE_CUTS_S)) is not negative: more motion and
    more cuts never mean less. `inside` (len(INSIDE), len(LOOK_S) * k) and `whole` (len(WHOLE), k)
    read the embedding's first k principal components, (x / |x| - mean) @ basis.T.
    """

    pace: np.ndarray
    inside: np.ndarray
    whole: np.ndarray
    mean: np.ndarray  # (width,)
    basis: np.ndarray  # (k, width)
    whole_mean: np.ndarray  # (k,) of the components, over music videos
    motion_ours: np.ndarray  # (n,) our motion at quantiles, picture widths a second ...
    motion_theirs: np.ndarray  # (n,) ... and the same frames' mean RGB difference, 0..255

    def save(self, path: Path) -> None:
        """Write the arrays, float16 where they are large."""
        from safetensors.numpy import save_file

        save_file(
            {
                name: np.ascontiguousarray(
                    value.astype(np.float16 if value.size > 500 else np.float32)
                )
                for name, value in vars(self).items()
            },
            path,
        )

    @staticmethod
    def load(path: Path) -> Paired:
        """The arrays of a file, float32."""
        from safetensors.numpy import load_file

        return Paired(**{name: v.astype(np.float32) for name, v in load_file(path).items()})

    def their_motion(self, motion: np.ndarray) -> np.ndarray:
        """Our motion as the logarithm of what MuVi-Sync measured, by quantiles."""
        return np.log(np.interp(motion, self.motion_ours, self.motion_theirs) + 0.5)

    def components(self, embedding: np.ndarray) -> np.ndarray:
        """(seconds, k) principal components of raw embeddings (seconds, width)."""
        if embedding.ndim != 2 or embedding.shape[1] != len(self.mean):
            width = embedding.shape[-1]
            raise PixMusError(
                f"The backbone gives embeddings of {width} numbers, but this encoder reads "
                f"{len(self.mean)}, as openai/clip-vit-large-patch14-336 gives them; choose that "
                "backbone, or leave --backbone out."
            )
        unit = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-9)
        return (unit - self.mean) @ self.basis.T


def picture_terms(features: Features) -> np.ndarray:
    """(n, len(PICTURE)) what fine-tuned weights read, each smooth over a phrase.

    Log motion, cuts a second, brightness, contrast, log chroma, warmth, edges, and where the light
    stands: its share above less below, 0 where that was not measured.
    """
    above = np.zeros(len(features.motion))
    if features.palette is not None:
        above = (
            features.palette[:, PALETTE.index("light above")]
            - features.palette[:, PALETTE.index("light below")]
        )
    columns = (
        np.log(features.motion + MOTION_FLOOR),
        cuts_in(features) * CURVE_RATE_HZ,
        features.brightness,
        features.contrast,
        np.log(features.saturation + COLOUR_FLOOR),
        features.warmth,
        features.edges,
        above,
    )
    return np.stack([smooth(np.asarray(column, dtype=float)) for column in columns], axis=1)


def cuts_in(features: Features) -> np.ndarray:
    """(n,) the number of cuts in each value of the 4 Hz clock."""
    length = len(features.motion)
    places = np.minimum((np.array(features.cuts) * CURVE_RATE_HZ).astype(int), length - 1)
    return np.bincount(places, minlength=length).astype(float)


def pace_bank(log_motion: np.ndarray, cuts: np.ndarray, rate: float) -> np.ndarray:
    """(n, len(PACE_MOTION_S) + len(PACE_CUTS_S)) motion and cut rate, smoothed, their means out.

    `cuts` is the number of cuts in each value of a clock of `rate` values a second.
    """
    columns = [smooth(log_motion, s * rate) for s in PACE_MOTION_S]
    columns += [smooth(cuts * rate, s * rate) for s in PACE_CUTS_S]
    bank = np.stack(columns, axis=1)
    return bank - bank.mean(axis=0)


def picture_ratios(features: Features) -> np.ndarray:
    """(n, len(RATIOS)) of the picture, none of which exposure or saturation as a whole changes."""
    light = np.maximum(features.brightness, 1e-3)
    columns = {
        "contrast": features.contrast / light,
        "detail": features.edges / light,
    }
    if features.palette is not None:
        columns |= {name: features.palette[:, k] for k, name in enumerate(PALETTE)}
    none = np.full(len(light), np.nan)
    return np.stack([columns.get(name, none) for name in RATIOS], axis=1)


class ConditioningEncoder(ModelMixin, ConfigMixin):
    """Features, and embeddings where there are any, to curves and to a cue sheet.

    The visual mood is linear in log brightness, log chroma and the ratios of `picture_ratios`,
    each ratio gated by the light or colour that it is a ratio of. For valence the weights of
    brightness and chroma are at least 0.36 of all that the gated ratios could lose, so that
    darker and greyer is never happier, whatever the other weights are: d/dlog s of log(s + floor)
    is s / (s + floor), of the gate s GATE / (s + GATE)^2, and the largest ratio of the second to
    the first is GATE / (4 (GATE - floor)), 0.313 and 0.358.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self,
        num_ratios: int = len(RATIOS),
        num_moods: int = len(MOODS),
        num_curves: int = len(CURVES),
    ) -> None:
        super().__init__()
        # of valence and arousal: weights of z-scored log brightness, log chroma, and ratios
        self.light = nn.Parameter(torch.zeros(num_moods))
        self.colour = nn.Parameter(torch.zeros(num_moods))
        self.ratio_weights = nn.Parameter(torch.zeros(num_moods, num_ratios))
        self.bias = nn.Parameter(torch.zeros(num_moods))
        self.ratio_mean = nn.Parameter(torch.zeros(num_ratios))
        self.ratio_scale = nn.Parameter(torch.ones(num_ratios))
        # mean and spread of every curve's z-scores over the reference films
        self.curve_mean = nn.Parameter(torch.zeros(num_curves))
        self.curve_scale = nn.Parameter(torch.ones(num_curves))
        self.requires_grad_(False)
        object.__setattr__(self, "sight", None)
        object.__setattr__(self, "paired", None)
        object.__setattr__(self, "tuned", None)

    sight: Sight | None
    paired: Paired | None
    tuned: np.ndarray | None  # (len(TUNED), len(PICTURE)), added to raw curves

    # ------------------------------------------------------------------------------ loading

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> ConditioningEncoder:
        """The encoder of a folder; without the file of music videos where there is none."""
        encoder = super().from_pretrained(folder, **kwargs)
        path = Path(folder) / (kwargs.get("subfolder") or "") / PAIRED_WEIGHTS
        if path.is_file():
            encoder.set_paired(Paired.load(path))
        if (path := path.with_name(TUNED_WEIGHTS)).is_file():
            from safetensors.numpy import load_file

            encoder.set_tuned(load_file(path)["picture"].astype(float))
        if path.with_name(HEAD_WEIGHTS).is_file():
            encoder.set_sight(Sight.load(path.parent))
        return encoder

    def save_pretrained(self, folder: str | Path, **kwargs: Any) -> None:
        """Write config, weights, and beside them those of music videos and of pairs."""
        from safetensors.numpy import save_file

        super().save_pretrained(folder, **kwargs)
        path = Path(folder) / PAIRED_WEIGHTS
        path.unlink(missing_ok=True)
        if self.paired is not None:
            self.paired.save(path)
        path = path.with_name(TUNED_WEIGHTS)
        path.unlink(missing_ok=True)
        if self.tuned is not None:
            save_file({"picture": self.tuned.astype(np.float32)}, path)
        path.with_name(HEAD_WEIGHTS).unlink(missing_ok=True)
        if self.sight is not None:
            self.sight.save(path.parent)

    def set_sight(self, sight: Sight | None) -> None:
        """Look at the views of clips with this, or at none."""
        object.__setattr__(self, "sight", sight)

    def set_paired(self, paired: Paired | None) -> None:
        """Use these weights of music videos, or none."""
        object.__setattr__(self, "paired", paired)

    def set_tuned(self, tuned: np.ndarray | None) -> None:
        """Add these weights of `picture_terms` to the curves of `TUNED`, or none."""
        object.__setattr__(self, "tuned", tuned)

    # ------------------------------------------------------------------------------ what it says

    def mood(self, features: Features) -> np.ndarray:
        """(n, 2) valence and arousal as people would rate a still of the picture, z-scores."""
        terms = mood_terms(features, _array(self.ratio_mean), _array(self.ratio_scale))
        weights = np.concatenate(
            [_array(self.light)[:, None], _array(self.colour)[:, None], _array(self.ratio_weights)],
            axis=1,
        )
        return terms @ weights.T + _array(self.bias)

    def raw_curves(
        self, features: Features, embedding: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The four curves before they are set against the reference films: name -> (n,)."""
        rules = rule_curves(features, as_z=True)
        mood = self.mood(features)
        curves = dict(rules)
        curves[Curve.VALENCE] = mood[:, 0]
        if self.paired is not None:
            inside = self._inside(features, embedding)
            for k, name in enumerate(INSIDE):
                middle = rules[name].mean()
                own = rules[name] - middle
                curves[name] = middle + (1 - INSIDE_SPREAD) * own + INSIDE_SPREAD * inside[:, k]
            if embedding is not None:
                look = self.paired.components(embedding).mean(axis=0) - self.paired.whole_mean
                density, energy, minor = self.paired.whole @ look
                curves[Curve.DENSITY] = curves[Curve.DENSITY] + LOOK_SPREAD * density
                curves[Curve.ENERGY] = curves[Curve.ENERGY] + LOOK_SPREAD * energy
                curves[Curve.VALENCE] = curves[Curve.VALENCE] - LOOK_SPREAD * minor
        if self.sight is not None and features.views is not None:
            shown = self.sight.mood(features)
            k = CURVES.index(Curve.VALENCE)
            mean, scale = _array(self.curve_mean)[k], _array(self.curve_scale)[k]
            curves[Curve.VALENCE] = mean + scale * shown[:, 0] + curves[Curve.VALENCE] - mood[:, 0]
            curves[Curve.ENERGY] = curves[Curve.ENERGY] + AROUSAL_SPREAD * shown[:, 1]
        if self.tuned is not None:
            added = picture_terms(features) @ self.tuned.T
            for k, name in enumerate(TUNED):
                curves[name] = curves[name] + added[:, k]
        return {name: smooth(curves[name]) for name in CURVES}

    def curves(
        self, features: Features, embedding: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The four curves as quantiles: name -> float32 (num_curve_values,), 0..1, smooth."""
        raw = self.raw_curves(features, embedding)
        mean, scale = _array(self.curve_mean), _array(self.curve_scale)
        quantiles = {
            name: _normal_quantile((raw[name] - mean[k]) / scale[k])
            for k, name in enumerate(CURVES)
        }
        arch = climax(len(features.motion), features.duration)
        for name, weight in ((Curve.ENERGY, 1.0), (Curve.DENSITY, 0.5)):
            moved = quantiles[name] + weight * (arch - arch.mean())
            quantiles[name] = np.clip(moved, self._least_pace(features), 1)
        return {name: curve.astype(np.float32) for name, curve in quantiles.items()}

    def spot(
        self,
        features: Features,
        direction: Direction = Direction(),  # noqa: B008
        wishes: Wishes = NO_WISHES,
        embedding: np.ndarray | None = None,
    ) -> CueSheet:
        """Propose what the music shall do; what `direction` and `wishes` ask for is obeyed.

        An `embedding` that the encoder has no weights for (no file of music videos) is refused.
        """
        if embedding is not None and self.paired is None:
            raise PixMusError(
                f"This model has no {PAIRED_WEIGHTS}, so it cannot use an image backbone; leave "
                "--backbone out."
            )
        seen = self.see(features)
        more_inputs = () if embedding is None else ("embedding",)
        return make_cue_sheet(
            features,
            self.curves(features, embedding),
            direction,
            wishes,
            more_inputs=more_inputs if seen is None else ("sight", *more_inputs),
            with_moments=True,
            seen=seen,
        )

    def see(self, features: Features) -> Seen | None:
        """What the views of a clip show; None where it has none, or there is no network."""
        if self.sight is None or features.views is None:
            return None
        return self.sight.see(features.views)

    def _least_pace(self, features: Features) -> np.ndarray:
        """(n,) the least density and energy, quantiles."""
        least = np.full(len(features.motion), LEAST_PACE)
        seen = self.see(features)
        if seen is None or features.views is None:
            return least
        times = (np.arange(len(least)) + 0.5) / CURVE_RATE_HZ
        columns = [seen.things.index(name) for name in GREAT]
        great = seen.shares[:, columns].sum(axis=1)[features.views.at(times)]
        return smooth(least + (GREAT_PACE - LEAST_PACE) * np.clip(great, 0, 1))

    def _inside(self, features: Features, embedding: np.ndarray | None) -> np.ndarray:
        """(n, len(INSIDE)) how density and energy move inside the clip, mean 0, z-scores."""
        paired = self.paired
        assert paired is not None
        bank = pace_bank(paired.their_motion(features.motion), cuts_in(features), CURVE_RATE_HZ)
        inside = bank @ paired.pace.T
        if embedding is not None:
            components = paired.components(embedding)
            columns = [smooth(column, s) for s in LOOK_S for column in components.T]
            seconds = (np.arange(len(bank)) + 0.5) / CURVE_RATE_HZ
            at = np.arange(len(components)) + 0.5
            look = np.stack([np.interp(seconds, at, column) for column in columns], axis=1)
            inside = inside + (look - look.mean(axis=0)) @ paired.inside.T
        return inside


def mood_terms(features: Features, ratio_mean: np.ndarray, ratio_scale: np.ndarray) -> np.ndarray:
    """(n, 2 + len(RATIOS)) what the visual mood is linear in: log brightness, log chroma, ratios.

    A ratio that was not measured is a typical one (0).
    """
    ratios = np.clip(
        (picture_ratios(features) - ratio_mean) / ratio_scale, -RATIO_LIMIT, RATIO_LIMIT
    )
    ratios = np.nan_to_num(ratios)
    light, colour = features.brightness.astype(float), features.saturation.astype(float)
    gates = np.where(
        np.arange(len(RATIOS)) < len(LIGHT_RATIOS),
        (light / (light + GATE))[:, None],
        (colour / (colour + GATE))[:, None],
    )
    logs = np.stack([np.log(light + LIGHT_FLOOR), np.log(colour + COLOUR_FLOOR)], axis=1)
    return np.concatenate([logs, gates * ratios], axis=1)


def least_weights(ratio_weights: np.ndarray) -> tuple[float, float]:
    """The least weights of log brightness and log chroma that keep darker and greyer from being
    happier, for valence's weights (len(RATIOS),) of the ratios."""
    split = len(LIGHT_RATIOS)
    losses = RATIO_LIMIT * np.abs(ratio_weights)
    return 0.36 * float(losses[:split].sum()), 0.36 * float(losses[split:].sum())


def _array(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().cpu().double().numpy()


def _normal_quantile(z: np.ndarray) -> np.ndarray:
    """The normal distribution function."""
    return np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z])
