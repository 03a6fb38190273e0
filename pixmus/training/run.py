"""`Run`: one network in training, with all that it needs to be stopped and gone on with.

AdamW; the weights are averaged, and of the averages the one that does best on held-out windows is
kept, so that what was learned by heart goes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.training.lessons import Lesson
from pixmus.training.precision import DTYPES, computed_in, name_of

WEIGHT_DECAY = 0.05  # of matrices
DROPPED_OUT = ("attention_out", "mlp_out", "inside_out")  # layers whose answers may be dropped


def make_optimiser(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW for all. (Muon's square roots are taken in bfloat16: a second a matrix without AMX.)"""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), fused=True)


def add_dropout(network: nn.Module, share: float) -> None:
    """Drop a share of what the layers `DROPPED_OUT` answer while the network is in training."""

    def drop(layer: nn.Module, _: Any, answer: Tensor) -> Tensor:
        return F.dropout(answer, share, layer.training)

    for name, layer in network.named_modules():
        if name.rpartition(".")[2] in DROPPED_OUT:
            layer.register_forward_hook(drop)


class Run:
    """The weights that learn, their average, the optimiser, where the training stands."""

    def __init__(
        self,
        lesson: Lesson,
        config: dict[str, Any],
        network: nn.Module,
        device: torch.device,
        seed: int,
        learning_rate: float,
    ) -> None:
        self.lesson, self.config, self.device, self.seed = lesson, config, device, seed
        self.network = network.to(device)
        self.optimiser = make_optimiser(network, learning_rate)
        # Of a state that is loaded it is the rate that the last run had fallen to.
        self.base_rate = learning_rate
        self.dtype = torch.float32
        self.average = {name: value.clone() for name, value in network.state_dict().items()}
        self.kept, self.kept_loss = self.average, float("inf")
        self.iteration, self.spent, self.cpu_spent = 0, 0.0, 0.0
        self.rng = np.random.default_rng(seed)

    def save(self, path: Path, spent: float, cpu_spent: float) -> None:
        """Write the state, whole or not at all."""
        state = {
            "config": self.config,
            "dtype": name_of(self.dtype),
            "weights": self.network.state_dict(),
            "average": self.average,
            "kept": self.kept,
            "kept_loss": self.kept_loss,
            "optimiser": self.optimiser.state_dict(),
            "iteration": self.iteration,
            "spent": spent,
            "cpu_spent": cpu_spent,
            # So that going on is as if never stopped (on the same kind of machine, when no workers
            # draw the batches).
            "rng": json.dumps(self.rng.bit_generator.state),
            "device": self.device.type,
        }
        with new_file(path, overwrite=True) as place:
            torch.save(state, place)

    def load(self, path: Path) -> None:
        """Go on from a state, in the numbers that it was made in; of another device, draw anew."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        was = {name: state["config"].get(name) for name in self.config}
        if was != self.config:
            told = ", ".join(f"{k} {v}" for k, v in was.items() if self.config[k] != v)
            raise PixMusError(
                f"{path.parents[1]} holds a run of another network ({told}); give that, or a new "
                "--out."
            )
        self.network.load_state_dict(state["weights"])
        self.average = state["average"]
        self.kept, self.kept_loss = state["kept"], state["kept_loss"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.iteration, self.spent = state["iteration"], state["spent"]
        self.cpu_spent = state["cpu_spent"]
        self.dtype = DTYPES[state["dtype"]]
        if state["device"] == self.device.type:
            self.rng.bit_generator.state = json.loads(state["rng"])
        else:
            self.rng = np.random.default_rng(self.seed + self.iteration)

    def computing(self) -> AbstractContextManager[Any]:
        """The numbers that losses are computed in, as a context."""
        return computed_in(self.dtype, self.device)

    def step(self, batch: Any, rate: float, ema: float) -> Tensor:
        """One iteration at `rate` times the learning rate; returns the loss (a scalar tensor)."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.base_rate * rate
        torch.manual_seed(self.seed + self.iteration)  # what is dropped follows from where it is
        self.network.train()
        with self.computing():
            loss, _ = self.lesson.loss(self.network, batch)
        if loss.requires_grad:  # of a small batch there may be nothing that is masked
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.iteration += 1
        keep = min(ema, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return loss.detach()

    @torch.no_grad()
    def validate(self, batches: Sequence[Any]) -> tuple[float, list[float]]:
        """Loss of the averaged weights, which are kept if it is the least, and its terms."""
        network = copy.deepcopy(self.network).eval()
        network.load_state_dict(self.average)
        losses, sums = [], np.zeros((len(self.lesson.terms), 2))
        for batch in batches:
            with self.computing():
                loss, terms = self.lesson.loss(network, batch)
            losses.append(float(loss))
            sums += terms.cpu().numpy()
        mean = float(np.mean(losses))
        if mean < self.kept_loss:
            self.kept_loss = mean
            self.kept = {name: value.clone() for name, value in self.average.items()}
        return mean, (sums[:, 0] / np.maximum(sums[:, 1], 1)).tolist()
