"""What the trunk of a `VoiceNetwork` is told of a window, and what it makes of it.

B = batch, T = beats, D = width, d = unit width, as in `voice_network`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pixmus.model.blocks import BlockTold


@dataclass(frozen=True)
class Told:
    """What a window is written from that does not change while it is written."""

    condition: Tensor  # (B, T, D)
    echoes: tuple[Tensor, ...]  # per part (B, T, d): the unit that it returns to, 0 = none
    returning: Tensor  # (B, T, D): what they come to
    blocks: tuple[BlockTold, ...]
    final_modulation: Tensor  # (B, T, 2 * D)

    def of(self, batch: slice) -> Told:
        """What some of the batch are told."""
        return Told(
            self.condition[batch],
            tuple(echo[batch] for echo in self.echoes),
            self.returning[batch],
            tuple(block.of(batch) for block in self.blocks),
            self.final_modulation[batch],
        )


@dataclass
class Heard:
    """What the trunk made of a window: inputs of the decoders."""

    beats: Tensor  # (B, T, D)
    units: list[Tensor]  # per part (B, T, d): what is known of each unit
    echoes: tuple[Tensor, ...]  # those of `Told`
