"""`Sight`: what a clip shows, by an image network of our own and what people feel at such pictures.

The network (`EfficientNetLite0`, ImageNet's weights) looks at the views of a clip. Two ridges,
fitted on rated photographs, say valence and arousal of what its layers give; the names that it has
for things say what is seen. Mood is read from a copy of each view whose exposure and saturation are
those of a typical picture, so that grading moves only the terms of light and colour, whose weights
are not negative: the same picture darker and greyer is never happier.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from pixmus.curves import CURVE_RATE_HZ
from pixmus.picture.efficientnet import HEAD, EfficientNetLite0
from pixmus.picture.features import Features
from pixmus.picture.things import SAID_FROM, things_seen
from pixmus.picture.views import Views, evened
from pixmus.two_threads import second_thread

NETWORK = "backbone"  # the folder of the network, inside the encoder's
HEAD_WEIGHTS = "sight.safetensors"
LIGHT_FLOOR, COLOUR_FLOOR = 0.02, 0.03  # added to brightness and chroma before the logarithm


@dataclass(frozen=True, eq=False)
class Head:
    """Ridges over pooled layers and terms of light and colour; rows valence and arousal."""

    weights: np.ndarray  # (2, POOLED)
    mean: np.ndarray  # (POOLED,) of the pooled layers
    grading: np.ndarray  # (2, 2) of log brightness and log chroma, valence's not negative
    grading_mean: np.ndarray  # (2,)
    skill: np.ndarray  # (2,) correlation with people, held out; the z-scores spread by it
    middle: np.ndarray  # (2,) the z-scores of ratings at which curves stand in their middle ...
    scale: np.ndarray  # (2,) ... and what z-scores are divided by

    def mood(self, looks: np.ndarray) -> np.ndarray:
        """(n, 2) z-scores of people's ratings, of pooled layers (n, POOLED)."""
        found: np.ndarray = (looks - self.mean) @ self.weights.T
        return found

    def save(self, path: Path) -> None:
        """Write the arrays, float32."""
        from safetensors.numpy import save_file

        arrays = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in vars(self).items()}
        save_file(arrays, path)

    @staticmethod
    def load(path: Path) -> Head:
        """The arrays of a file."""
        from safetensors.numpy import load_file

        return Head(**load_file(path))


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network says of each view."""

    mood: np.ndarray  # (views, 2) z-scores of valence and arousal, without light and colour
    looks: np.ndarray  # (views, HEAD) the last layer, the mean photograph's taken out
    things: tuple[str, ...]
    shares: np.ndarray  # (views, things) 0..1

    def said(self, views: Views) -> tuple[str, ...]:
        """Things that some shot shows plainly, the longest seen first."""
        length = np.diff(views.spans, axis=1)[:, 0] @ self._plain(views)
        order = np.argsort(-length, kind="stable")
        return tuple(self.things[k] for k in order if length[k] > 0)

    def _plain(self, views: Views) -> np.ndarray:
        """bool (views, things): whether the shot of each view shows a thing plainly on average."""
        lengths = np.diff(views.spans, axis=1)
        plain = np.zeros(self.shares.shape, dtype=bool)
        for shot in set(views.shots.tolist()):
            rows = views.shots == shot
            mean = (lengths[rows] * self.shares[rows]).sum(axis=0) / max(lengths[rows].sum(), 1e-9)
            plain[rows] = mean >= SAID_FROM
        return plain

    def mostly(self, views: Views) -> tuple[str, ...]:
        """Things that are plainly seen for at least half of the clip."""
        length = np.diff(views.spans, axis=1)[:, 0]
        share = length @ self._plain(views) / max(float(length.sum()), 1e-9)
        return tuple(name for name, part in zip(self.things, share, strict=True) if part >= 0.5)


@dataclass(eq=False)
class Sight:
    """The network and the head; `see` looks at views once and remembers."""

    network: EfficientNetLite0
    head: Head
    _known: WeakKeyDictionary[Views, Seen] = field(default_factory=WeakKeyDictionary)

    def see(self, views: Views) -> Seen:
        """What is seen in each view; views that were seen before are not looked at again."""
        seen = self._known.get(views)
        if seen is None:
            even = np.stack([evened(image) for image in views.images])
            with second_thread() as beside:
                looks, classes = self._look(even, beside)
            things, shares = things_seen(classes)
            seen = Seen(
                self.head.mood(looks), looks[:, :HEAD] - self.head.mean[:HEAD], things, shares
            )
            self._known[views] = seen
        return seen

    def _look(self, images: np.ndarray, beside: Executor | None) -> tuple[np.ndarray, np.ndarray]:
        """What the network says of images, half of them looked at on a second thread."""
        if beside is None:
            return self.network.look(images)
        half = len(images) // 2
        later = beside.submit(self.network.look, images[half:])
        first = self.network.look(images[:half])
        looks, classes = (np.concatenate(both) for both in zip(first, later.result(), strict=True))
        return looks, classes

    def mood(self, features: Features) -> np.ndarray:
        """(n, 2) valence and arousal on the 4 Hz clock, z-scores against the reference films."""
        assert features.views is not None
        times = (np.arange(len(features.motion)) + 0.5) / CURVE_RATE_HZ
        shown = self.see(features.views).mood[features.views.at(times)]
        graded = (grading_terms(features) - self.head.grading_mean) @ self.head.grading.T
        mood: np.ndarray = (shown + graded - self.head.middle) / self.head.scale
        return mood

    @staticmethod
    def load(folder: Path) -> Sight:
        """The sight of an encoder's folder."""
        return Sight(EfficientNetLite0.load(folder / NETWORK), Head.load(folder / HEAD_WEIGHTS))

    def save(self, folder: Path) -> None:
        """Write network and head."""
        self.network.save(folder / NETWORK)
        self.head.save(folder / HEAD_WEIGHTS)


def grading_terms(features: Features) -> np.ndarray:
    """(n, 2) log brightness and log chroma."""
    return np.stack(
        [
            np.log(features.brightness.astype(float) + LIGHT_FLOOR),
            np.log(features.saturation.astype(float) + COLOUR_FLOOR),
        ],
        axis=1,
    )
