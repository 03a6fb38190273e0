"""What is taught: the network of plans and the network of voices, each with its sizes and its loss.

Both fill in what is masked (Austin et al. 2021; Sahoo et al. 2024), so both losses are the log loss
of masked tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmus.compose.planning import NUM_PLAN_CONDITIONS
from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.ensembles import PARTS
from pixmus.model.folder import PLAN_DENOISER, VOICE_NETWORK
from pixmus.model.plan_network import PlanDenoiser
from pixmus.model.voice_network import VoiceNetwork
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.plan_tokens import FIELD_SIZES, MASKS
from pixmus.score.voices import UNIT_LAYOUTS
from pixmus.training.plan_windows import GROUPS, PlanBatch
from pixmus.training.voice_windows import VoiceBatch

UNCOUNTED = -100  # in place of a token that is not asked for
LEVEL_WEIGHT, ACCENT_WEIGHT = 0.25, 0.5  # of dynamics against notes; a level stands in every beat


@dataclass(frozen=True, eq=False)
class Lesson:
    """A network to train: how it is made, what it is taught by, where it is kept."""

    name: str  # of its folder in a run
    component: str  # of its folder in a model
    kind: type[nn.Module]
    batch: type[Any]
    loss: Callable[[Any, Any], tuple[Tensor, Tensor]]  # of network and batch, see the two below
    terms: tuple[str, ...]  # what the loss consists of
    fixed: dict[str, Any]  # of the config: what the music decides
    sizes: dict[str, int]  # of the config: what may be chosen
    head_width: int
    rate: float  # times the learning rate that is asked for

    def load(self, state: Path) -> Any:
        """The weights that a run kept, ready to write."""
        data = torch.load(state, weights_only=True, map_location="cpu")
        network = self.kind(**data["config"])
        network.load_state_dict(data["kept"])
        return network.eval()


def plan_loss(denoiser: PlanDenoiser, batch: PlanBatch) -> tuple[Tensor, Tensor]:
    """Mean log loss of masked tokens in nats, and of every group its sum and their number, (5, 2).

    Tokens that are unknown in the piece itself (dynamics without velocities) do not count.
    """
    masks = torch.as_tensor(MASKS, device=batch.tokens.device)
    logits = denoiser(torch.where(batch.masked, masks, batch.tokens), batch.conditions)
    counted = batch.masked & (batch.tokens < masks)
    wanted = torch.where(counted, batch.tokens, UNCOUNTED)
    groups, sums = [], []
    for fields in GROUPS.values():
        losses = [
            F.cross_entropy(
                logits[f].flatten(0, 1).float(),
                wanted[..., f].flatten(),
                ignore_index=UNCOUNTED,
                reduction="sum",
            )
            for f in fields
        ]
        groups.append(torch.stack(losses).sum())
        sums.append(torch.stack([groups[-1].detach(), counted[..., fields].sum()]))
    return torch.stack(groups).sum() / counted.sum().clamp(min=1), torch.stack(sums)


def token_weights(part: str) -> Tensor:
    """How much each token of a unit counts, (n,)."""
    weights = torch.ones(UNIT_LAYOUTS[part].num_tokens)
    weights[0] = LEVEL_WEIGHT
    weights[-STEPS_PER_BEAT:] = ACCENT_WEIGHT
    return weights


def voice_loss(network: VoiceNetwork, batch: VoiceBatch) -> tuple[Tensor, Tensor]:
    """Nats a masked unit, and the sums by part: (parts, 2), nats of notes alone and units."""
    found = network(
        batch.tokens,
        batch.states,
        batch.conditions,
        batch.positions,
        batch.has_velocity,
        batch.targets,
        batch.echo,
        batch.echoed,
    )
    device = batch.tokens.device
    total, units = torch.zeros((), device=device), 0
    sums = torch.zeros(len(PARTS), 2, device=device)
    for index, ((at, losses), part) in enumerate(zip(found, PARTS, strict=True)):
        if len(at):
            total = total + (losses.float() * token_weights(part).to(device)).sum()
            units += len(at)
            sums[index, 0] = losses.detach()[:, 1:-STEPS_PER_BEAT].sum()
            sums[index, 1] = len(at)
    return total / max(units, 1), sums


PLAN = Lesson(
    "plan",
    PLAN_DENOISER,
    PlanDenoiser,
    PlanBatch,
    plan_loss,
    tuple(GROUPS),
    {"field_sizes": FIELD_SIZES, "num_conditions": NUM_PLAN_CONDITIONS},
    {"width": 128, "num_layers": 6},
    head_width=32,
    rate=1.5,
)
VOICES = Lesson(
    "voices",
    VOICE_NETWORK,
    VoiceNetwork,
    VoiceBatch,
    voice_loss,
    PARTS,
    {"num_conditions": NUM_VOICE_CONDITIONS},
    {"width": 256, "num_layers": 8, "unit_width": 128},
    head_width=64,
    rate=1.0,
)
