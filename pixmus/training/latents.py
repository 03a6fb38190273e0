"""`LatentRows`: what the thesis' system learns from, read from files beside the shards of a folder.

`pixmus dataset features --latents MODEL` writes `latents-00000.parquet`, ...: of every row the mel
of its half minute as the model's autoencoder has it, its caption as T5's tokens, its pictures as
CLIP's mean vector, its movement. Numbers are float16; read a group of rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pixmus.errors import PixMusError
from pixmus.thesis.conditions import Conditions
from pixmus.training.splits import HELD_OUT

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_GROUP = 16
ARRAYS = ("latents", "text", "picture")


def latent_schema() -> pyarrow.Schema:
    """The columns: arrays are bytes of float16 with their shapes beside them."""
    import pyarrow as pa

    text, shape = pa.string(), pa.list_(pa.int32())
    return pa.schema(
        {
            **dict.fromkeys(("id", "kind", "split", "caption", "model"), text),
            "seconds": pa.float64(),  # of the half minute that are not silence by rule
            "motion": pa.float64(),
            **dict.fromkeys(ARRAYS, pa.binary()),
            **{f"{name}_shape": shape for name in ARRAYS},
        }
    )


def latent_paths(folder: Path) -> list[Path]:
    """The files of a folder in their order."""
    return sorted(folder.glob("latents-[0-9][0-9][0-9][0-9][0-9].parquet"))


def packed(array: np.ndarray | Tensor) -> tuple[bytes, list[int]]:
    """An array as bytes of float16, and its shape."""
    made = np.asarray(array, np.float16)
    return made.tobytes(), list(made.shape)


@dataclass(frozen=True, eq=False)
class Learned:
    """A batch: latents (clips, channels, segments, frames, bands) and their conditions."""

    latents: Tensor
    conditions: Conditions


@dataclass(frozen=True, eq=False)
class LatentRows:
    """Rows by place; their arrays are read when they are asked for."""

    folder: Path
    places: tuple[tuple[int, int, int], ...]  # (file, group of rows, row in the group)
    ids: tuple[str, ...]
    model: str  # SHA-256 of the autoencoder that made them

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, rows: Sequence[int]) -> Learned:
        """These rows together."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
        motion = []
        for row in rows:
            file, group, place = self.places[row]
            table = _group(latent_paths(self.folder)[file], group)
            for name in ARRAYS:
                bytes_, shape = table[name][place].as_py(), table[f"{name}_shape"][place].as_py()
                found[name].append(np.frombuffer(bytes_, np.float16).reshape(shape))
            motion.append(table["motion"][place].as_py())
        stacked = {n: torch.from_numpy(np.stack(a).astype(np.float32)) for n, a in found.items()}
        told = Conditions(
            stacked["text"], stacked["picture"], torch.tensor(motion, dtype=torch.float32)
        )
        return Learned(stacked["latents"], told)


@lru_cache(64)
def _group(path: Path, group: int) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path).read_row_group(group)


def read_latents(folder: str | Path, held_out: bool | None = None) -> LatentRows:
    """The rows of a folder: those to learn from, those held out, or (None) all.

    Raises PixMusError where there are none, or where they were made with several models.
    """
    import pyarrow.parquet

    folder = Path(folder)
    places: list[tuple[int, int, int]] = []
    ids: list[str] = []
    models: set[str] = set()
    for number, path in enumerate(latent_paths(folder)):
        try:
            file = pyarrow.parquet.ParquetFile(path)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, ["id", "split", "model"])
                models |= set(table["model"].to_pylist())
                for place, (name, split) in enumerate(
                    zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True)
                ):
                    if held_out is None or (split in HELD_OUT) == held_out:
                        places.append((number, group, place))
                        ids.append(name)
        except (pyarrow.ArrowInvalid, OSError, KeyError) as error:
            raise PixMusError(
                f"{path} cannot be read; remove it, and `pixmus dataset features --latents` makes "
                "it again."
            ) from error
    if not models:
        raise PixMusError(
            f"{folder} holds no latents; make them with `pixmus dataset features --latents MODEL`."
        )
    if len(models) > 1:
        raise PixMusError(
            f"{folder} mixes latents of several models; remove latents-*.parquet and make them "
            "again."
        )
    return LatentRows(folder, tuple(places), tuple(ids), models.pop())
