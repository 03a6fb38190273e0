"""`Views`: the few frames of a clip that an image network looks at, and what each stands for.

Conventions: times are seconds from the first displayed frame; images are uint8 RGB
(VIEW_SIZE, VIEW_SIZE, 3), the whole frame squeezed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pixmus.picture.thumbnails import LUMA_WEIGHTS

VIEW_SIZE = 224  # pixels, what the network was trained on
VIEW_EVERY = 4.0  # s: a longer shot is looked at more than once
LEAST_SPACING = 0.5  # s between the frames that are kept until the cuts are known
MOST_KEPT = 400  # such frames, 60 MB
MOST_A_MINUTE = 20  # views, so that looking costs at most 1.5 processor seconds a minute
LEAST_VIEWS = 12  # however short the clip is

# Exposure and colour of the copy that is looked at for what is shown, whatever the grading.
EVEN_LUMA, EVEN_CHROMA = 0.45, 0.17  # means, 0..1: those of a typical clip
GAMMAS = (0.5, 2.0)
MOST_CHROMA = 4.0  # times: a grey picture stays grey
BRIGHT_SHARE, LEAST_BRIGHT = 98, 8.0  # percentile of luma that is made white, and its least


@dataclass(frozen=True, eq=False)
class Views:
    """Frames that stand for spans of a clip, in order; together the spans cover it."""

    spans: np.ndarray  # (n, 2) start and end, s
    images: np.ndarray  # uint8 (n, VIEW_SIZE, VIEW_SIZE, 3)
    shots: np.ndarray  # (n,) number of the shot that each is of

    def at(self, times: np.ndarray) -> np.ndarray:
        """(times,) the number of the view that stands for each time."""
        places = np.searchsorted(self.spans[:, 0], times, side="right") - 1
        return np.clip(places, 0, len(self.spans) - 1)


def view_spacing(duration: float) -> float:
    """Seconds between the frames of a clip that are kept until its cuts are known."""
    return max(LEAST_SPACING, duration / MOST_KEPT)


def choose_views(
    times: Sequence[float], images: Sequence[np.ndarray], cuts: Sequence[float], duration: float
) -> Views | None:
    """Of kept frames the ones nearest to the middles of shots, and of each `VIEW_EVERY` seconds of
    a long shot; None where nothing was kept.

    Where there would be more than `MOST_A_MINUTE`, the shortest spans are seen as what stands
    before them. A shot so short that no frame of it was kept is seen so too.
    """
    if not len(times):
        return None
    edges = [0.0, *cuts, duration]
    kept = np.asarray(times)
    found: list[tuple[float, float, int, int]] = []  # start, end, kept frame, shot
    for shot, (start, end) in enumerate(pairwise(edges)):
        parts = max(1, math.ceil((end - start) / VIEW_EVERY - 1e-6))
        bounds = np.linspace(start, end, parts + 1)
        inside = np.flatnonzero((kept >= start - 1e-6) & (kept < end - 1e-6))
        for a, b in zip(bounds[:-1], bounds[1:], strict=True):
            if not inside.size:
                continue
            frame = int(inside[np.abs(kept[inside] - (a + b) / 2).argmin()])
            begun = found.pop()[0] if found and found[-1][2] == frame else a
            found.append((begun, b, frame, shot))
    if not found:
        found = [(0.0, duration, 0, 0)]
    most = max(LEAST_VIEWS, int(MOST_A_MINUTE * duration / 60))
    longest = sorted(sorted(range(len(found)), key=lambda k: found[k][0] - found[k][1])[:most])
    chosen = [found[k] for k in longest]
    starts = [0.0, *(start for start, *_ in chosen[1:])]
    return Views(
        np.stack([starts, [*starts[1:], duration]], axis=1),
        np.stack([images[frame] for *_, frame, _ in chosen]),
        np.array([shot for *_, shot in chosen]),
    )


def evened(image: np.ndarray) -> np.ndarray:
    """uint8 copy of a picture whose exposure and saturation are those of a typical one.

    The brightest luma becomes white, a gamma brings the mean to `EVEN_LUMA`, and chroma is scaled
    to `EVEN_CHROMA`, so that the same picture darker or paler gives the same copy but for rounding.
    """
    pixels = image.astype(np.float32)
    luma = pixels @ LUMA_WEIGHTS
    gain = 1 / max(float(np.percentile(luma, BRIGHT_SHARE)), LEAST_BRIGHT)
    light = np.clip(luma * gain, 0, 1)
    mean = float(np.clip(light.mean(), 0.02, 0.98))
    light **= np.clip(math.log(EVEN_LUMA) / math.log(mean), *GAMMAS)
    chroma = (pixels - luma[..., None]) * gain
    spread = float((chroma.max(axis=-1) - chroma.min(axis=-1)).mean())
    chroma *= min(EVEN_CHROMA / max(spread, 1e-3), MOST_CHROMA)
    return np.clip(np.rint((light[..., None] + chroma) * 255), 0, 255).astype(np.uint8)
