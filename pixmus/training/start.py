"""A `Start`: weights that training begins with, of a model folder or of another run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixmus.errors import PixMusError
from pixmus.model.byte_weights import from_bytes, read_weights
from pixmus.training.journal import STATE
from pixmus.training.lessons import PLAN, VOICES, Lesson


@dataclass(frozen=True)
class Start:
    """Weights to begin with, and what the network that they are of was made with."""

    path: Path
    weights: dict[str, Tensor]
    config: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> dict[str, Start]:
        """By lesson's name, of a model folder or a training run; PixMusError when it is neither.

        A run that was stopped before its voices began has those of the plan alone.
        """
        found = {lesson.name: cls._of(path, lesson) for lesson in (PLAN, VOICES)}
        starts = {name: start for name, start in found.items() if start is not None}
        if not starts:
            raise PixMusError(f"{path} is neither a model folder nor a training run.")
        return starts

    @classmethod
    def _of(cls, path: Path, lesson: Lesson) -> Start | None:
        folder, state = path / lesson.component, path / lesson.name / STATE
        if (folder / "config.json").is_file():
            config = json.loads((folder / "config.json").read_text())
            return cls(path, from_bytes(read_weights(folder)), config)
        if state.is_file():
            data = torch.load(state, weights_only=True, map_location="cpu")
            return cls(path, data["kept"], data["config"])
        return None

    def copy_to(self, network: nn.Module) -> None:
        """Load the weights; what they lack stays as it is, what does not fit is an error."""
        own = network.state_dict()
        wrong = [n for n, w in self.weights.items() if n not in own or own[n].shape != w.shape]
        if wrong:
            raise PixMusError(
                f"the weights of {self.path} do not fit ({wrong[0]} and {len(wrong) - 1} more); "
                "leave out the widths and layers, or begin without --init."
            )
        new = [name for name in own if name not in self.weights]
        weights = {name: value.float() for name, value in self.weights.items()}
        network.load_state_dict(weights, strict=False)
        if new:
            print(f"{len(new)} of {len(own)} tensors are new and begin untrained.", flush=True)
