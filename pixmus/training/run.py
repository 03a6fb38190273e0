"""`Run`: a training run, with all that it needs to be stopped and gone on with.

AdamW for small tensors, Muon (Jordan et al. 2024) for the matrices of blocks and lanes; the weights
are averaged (EMA).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.model.network import ScoreNetwork
from pixmus.training.loss import denoising_loss, draw_sigma
from pixmus.training.precision import DTYPES, name_of
from pixmus.training.windows import Batch

RECALL_SHARE = 0.5  # of iterations that hear a first prediction, as all but one step of sampling do


def make_optimisers(
    network: ScoreNetwork, learning_rate: float, muon: bool
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of blocks and lanes when asked, AdamW for the rest."""
    layers = [*network.blocks, *network.lanes]
    matrices = [p for layer in layers for p in layer.parameters() if p.ndim == 2]
    matrices = [p for p in matrices if min(p.shape) > 8]
    if not muon:
        return [torch.optim.AdamW(network.parameters(), learning_rate, betas=(0.9, 0.98))]
    taken = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in taken]
    return [
        torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
        torch.optim.Muon(
            matrices, lr=learning_rate * 2, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
    ]


class Run:
    """A training run: the weights that learn, their average, the optimisers, where it stands."""

    def __init__(
        self,
        config: dict[str, Any],
        network: ScoreNetwork,
        optimisers: list[torch.optim.Optimizer],
        device: torch.device,
        seed: int,
    ) -> None:
        self.config, self.network, self.device, self.seed = config, network, device, seed
        self.optimisers = optimisers
        # Read before a state is loaded: its rates are those that the last run had fallen to.
        self.base_rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
        self.run_in(torch.float32)
        self.average = {name: value.clone() for name, value in network.state_dict().items()}
        self.iteration, self.spent, self.cpu_spent = 0, 0.0, 0.0
        self._seed_generators()

    def run_in(self, dtype: torch.dtype) -> None:
        """Run the network in numbers of that kind; the weights that learn stay float32."""
        self.dtype = dtype
        self.runner = copy.deepcopy(self.network).to(dtype)

    def _seed_generators(self) -> None:
        self.rng = np.random.default_rng(self.seed + self.iteration)
        self.generator = torch.Generator(self.device).manual_seed(self.seed + self.iteration)

    def save(self, path: Path, spent: float, cpu_spent: float) -> None:
        """Write the state, whole or not at all."""
        state = {
            "config": self.config,
            "dtype": name_of(self.dtype),
            "weights": self.network.state_dict(),
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "iteration": self.iteration,
            "spent": spent,
            "cpu_spent": cpu_spent,
            # Both generators, so that going on is as if never stopped (on the same machine, when
            # no workers draw the batches).
            "rng": json.dumps(self.rng.bit_generator.state),
            "generator": self.generator.get_state(),
            "device": self.device.type,
        }
        with new_file(path, overwrite=True) as place:
            torch.save(state, place)

    def load(self, path: Path) -> None:
        """Go on from a state, in the numbers that it was made in.

        One without generators, or from another device, draws anew. Earlier states do not say their
        numbers: those were bfloat16.
        """
        state = torch.load(path, weights_only=True, map_location=self.device)
        sizes = {name: state["config"].get(name, 0) for name in self.config}
        if sizes != self.config:
            was = ", ".join(f"{k} {v}" for k, v in sizes.items() if self.config[k] != v)
            raise PixMusError(
                f"{path.parent} holds a run of another network ({was}); give that, or a new --out."
            )
        self.network.load_state_dict(state["weights"])
        self.average = state["average"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.iteration, self.spent = state["iteration"], state["spent"]
        self.cpu_spent = state["cpu_spent"]
        self._seed_generators()
        if "rng" in state and state["device"] == self.device.type:
            self.rng.bit_generator.state = json.loads(state["rng"])
            self.generator.set_state(state["generator"].cpu())
        self.run_in(DTYPES[state.get("dtype", "bfloat16")])

    def step(self, batch: Batch, rate: float, ema: float) -> Tensor:
        """One iteration at `rate` times the learning rates; returns the loss (a scalar tensor)."""
        for optimiser, base_rate in zip(self.optimisers, self.base_rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base_rate * rate
        sigma = draw_sigma(self.generator, len(batch.cells))
        noise = torch.randn(batch.cells.shape, generator=self.generator, device=self.device)
        recall = bool(torch.rand((), generator=self.generator, device=self.device) < RECALL_SHARE)
        loss, _ = denoising_loss(self.runner, batch, sigma, noise, recall)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter, run in zip(self.network.parameters(), self.runner.parameters(), strict=True):
            parameter.grad = None if run.grad is None else run.grad.float()
            run.grad = None
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        copy_weights(self.network, self.runner)
        self.iteration += 1
        keep = min(ema, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return loss.detach()


@torch.no_grad()
def copy_weights(source: ScoreNetwork, target: ScoreNetwork) -> None:
    for value, copied in zip(source.parameters(), target.parameters(), strict=True):
        copied.copy_(value)


@torch.no_grad()
def validate(run: Run, batches: Sequence[Batch]) -> list[float]:
    """Loss of the averaged weights at noise levels below 0.5, 0.5-0.8 and above, in thousandths.

    The same noise every time; half of the batches hear a first prediction.
    """
    run.runner.load_state_dict(run.average)
    sums, counts = np.zeros(3), np.zeros(3)
    for index, batch in enumerate(batches):
        generator = torch.Generator().manual_seed(index)
        sigma = torch.linspace(0.1, 0.98, len(batch.cells))
        noise = torch.randn(batch.cells.shape, generator=generator).to(run.device)
        recall = index >= len(batches) // 2
        _, per_window = denoising_loss(run.runner, batch, sigma.to(run.device), noise, recall)
        bands = np.digitize(sigma.numpy(), (0.5, 0.8))
        sums += np.bincount(bands, per_window.cpu().numpy(), minlength=3)
        counts += np.bincount(bands, minlength=3)
    copy_weights(run.network, run.runner)
    return [float(value) for value in sums / counts]
