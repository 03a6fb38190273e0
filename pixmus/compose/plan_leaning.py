"""What chords of a plan are leaned to when they are drawn: taken from the log odds of each value.

Plans of the network alone stay on the tonic a third longer than real pieces (experiment 128), hide
the mode by chords of the relative key, few dominants and roots outside the scale (experiment 129),
and have tones outside the scale and basses other than the root too often (experiment 133).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from pixmus.chords import QUALITIES
from pixmus.ensembles import STYLES, Style
from pixmus.score.plan_tokens import FIELD_SIZES, LOWEST_COLUMN, QUALITY_COLUMN, ROOT_COLUMN

WHITE_KEYS = (0, 2, 4, 5, 7, 9, 11)  # the scale of C major and A minor
DOMINANT_OF_MINOR, ITS_THIRD = 4, 8
LESS_IN_MAJOR = {0: 0.5, 9: 0.2}  # of roots
LESS_IN_MINOR = {9: 0.25, 0: 0.4, 4: -0.3}
LESS_FOREIGN = 0.6  # of roots outside the scale
# Of a root and a quality for each tone outside the scale: pop has them in a tenth of its half bars,
# the other styles in a third.
LESS_OUTSIDE: dict[str, float] = {Style.POP: 2.0, Style.GAME: 1.0}
LESS_INVERTED: dict[str, float] = {
    Style.POP: 1.0,
    Style.QUARTET: 0.6,
    Style.GAME: 0.7,
    Style.SONG: 0.3,
}  # of basses other than the root


def _tones_outside() -> np.ndarray:
    """Tones outside the scale, float32 (major or minor, 12 roots and none, qualities and none).

    In minor the dominant's third belongs to it.
    """
    found = np.zeros((2, FIELD_SIZES[ROOT_COLUMN], FIELD_SIZES[QUALITY_COLUMN]), np.float32)
    for root, (index, quality) in product(range(12), enumerate(QUALITIES)):
        tones = [(root + tone) % 12 for tone in quality.tones]
        found[:, root, index] = sum(tone not in WHITE_KEYS for tone in tones)
        found[1, root, index] -= root == DOMINANT_OF_MINOR and ITS_THIRD in tones
    return found


TONES_OUTSIDE = _tones_outside()


@dataclass(frozen=True)
class PlanLeaning:
    """What is taken from the log odds of chords, for each half bar of a batch (B, T)."""

    roots: Tensor  # (B, T, roots)
    outside: Tensor  # (B, T, roots, qualities)
    basses: Tensor  # (B, T, basses above the root)

    @classmethod
    def of(cls, minor: Tensor, styles: Tensor) -> PlanLeaning:
        """That of half bars in minor, bool (B, T), and in styles, one-hot (B, T, STYLES)."""
        roots = torch.zeros(*minor.shape, FIELD_SIZES[ROOT_COLUMN])
        roots[..., [root for root in range(12) if root not in WHITE_KEYS]] = LESS_FOREIGN
        for asked, less in ((minor, LESS_IN_MINOR), (~minor, LESS_IN_MAJOR)):
            for root, taken in less.items():
                roots[..., root] += taken * asked
        outside = _by_style(styles, LESS_OUTSIDE)[..., None, None]
        basses = torch.zeros(*minor.shape, FIELD_SIZES[LOWEST_COLUMN])
        basses[..., 1:12] = _by_style(styles, LESS_INVERTED)[..., None]
        return cls(roots, outside * torch.as_tensor(TONES_OUTSIDE)[minor.long()], basses)

    def lean(self, column: int, field: Tensor, tokens: Tensor, drawn: Sequence[Tensor]) -> Tensor:
        """The log odds of a field of tokens, (B, T, values), with what is taken from them.

        `drawn` (B, T) are the fields before it as this step draws them. A quality goes with the
        root that is known, else with the one that is drawn beside it.
        """
        if column == ROOT_COLUMN:
            return field - self.roots - _beside(self.outside, tokens[..., QUALITY_COLUMN])
        if column == QUALITY_COLUMN:
            root = tokens[..., ROOT_COLUMN]
            is_known = root < FIELD_SIZES[ROOT_COLUMN]
            root = torch.where(is_known, root, drawn[ROOT_COLUMN])
            return field - _beside(self.outside.mT, root)
        return field - self.basses if column == LOWEST_COLUMN else field


def _beside(outside: Tensor, known: Tensor) -> Tensor:
    """What is taken beside a value (B, T) of the last axis; a mask, not known, takes nothing."""
    size = outside.shape[-1]
    index = known.clamp(max=size - 1)[..., None, None].expand(*outside.shape[:-1], 1)
    return torch.where((known < size)[..., None], outside.gather(-1, index)[..., 0], 0.0)


def _by_style(styles: Tensor, values: dict[str, float]) -> Tensor:
    """Each half bar's value, (B, T), by the style that it is asked in."""
    return styles @ torch.tensor([values.get(style, 0.0) for style in STYLES])
