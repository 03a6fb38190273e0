"""A `Journal`: what a run has used and reached, as log lines, saved states and facts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixmus.training.precision import name_of
from pixmus.training.progress import LOG, append_row, draw_log
from pixmus.training.run import Run

STATE = "state.pt"


class Journal:
    """Keeps log and state of a run in a folder, and measures it on held-out batches."""

    def __init__(self, run: Run, folder: Path, validation: Sequence[Any]) -> None:
        self.run, self.folder, self.validation = run, folder, validation
        self.begun = time.time() - run.spent
        self.cpu_begun = time.process_time() - run.cpu_spent
        self.last_report = self.last_save = time.time()
        self.losses: list[Tensor] = []
        self.beats = 0  # of windows, since the last report

    @property
    def spent(self) -> float:
        """Seconds of this run and those that it goes on from."""
        return time.time() - self.begun

    @property
    def cpu_spent(self) -> float:
        """Seconds of processor time, likewise."""
        return time.process_time() - self.cpu_begun

    def add(self, loss: Tensor, batch: Any) -> None:
        """Count an iteration."""
        self.losses.append(loss)
        self.beats += batch.num_beats

    def report(self) -> None:
        """A line in the log, of what was counted since the last one."""
        seconds = max(time.time() - self.last_report, 1e-9)
        validation_loss, terms = self.run.validate(self.validation)
        row: dict[str, float] = {
            "iteration": self.run.iteration,
            "seconds": round(self.spent),
            "cpu_seconds": round(self.cpu_spent),
            "beats_per_second": round(self.beats / seconds),
            "training_loss": round(float(torch.stack(self.losses).mean()), 5),
            "validation_loss": round(validation_loss, 5),
        }
        named = zip(self.run.lesson.terms, terms, strict=True)
        row |= {name: round(value, 4) for name, value in named}
        append_row(self.folder / LOG, row)
        print(self.run.lesson.name, *row.values(), flush=True)
        self.losses, self.beats, self.last_report = [], 0, time.time()

    def save(self) -> None:
        """The state to go on from, and the picture of the log."""
        self.run.save(self.folder / STATE, self.spent, self.cpu_spent)
        draw_log(self.folder / LOG)
        self.last_save = time.time()

    def facts(self) -> dict[str, Any]:
        """What is told of the run afterwards."""
        return {
            "iterations": self.run.iteration,
            "held_out_loss": round(self.run.kept_loss, 4),
            "wall_minutes": round(self.spent / 60, 1),
            "cpu_minutes": round(self.cpu_spent / 60, 1),
            "dtype": name_of(self.run.dtype),
        }
