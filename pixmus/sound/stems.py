"""`Stems`: the sound of every part, all equally long; those of a long piece lie on disk.

Conventions: waveforms are float32 (2, samples) at 44.1 kHz. The stems of a score sum to its mix
before mastering.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pixmus.ensembles import (
    PARTS,
)
from pixmus.errors import DiskError
from pixmus.sound.loudness import apply_gain
from pixmus.waveform import SAMPLE_RATE, Waveform

DISK_ABOVE_S = 150.0  # longer pieces keep their stems on disk
NUM_WORKERS = 2


@dataclass(frozen=True, eq=False)
class Stems(Mapping[str, Waveform]):
    """Part -> waveform (2, samples); those of a long piece are read from unnamed files on disk."""

    num_samples: int
    waveforms: dict[str, Waveform] = field(default_factory=dict)
    files: dict[str, IO[bytes]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)  # what a person shall hear of how they came
    replayed: dict[str, float] = field(default_factory=dict)  # part -> strength; 0: the synth's

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, self.files)

    @classmethod
    def made(cls, parts: Iterable[str], num_samples: int, make: Callable[[str], Waveform]) -> Stems:
        """The stems that `make` gives for the parts, made side by side."""
        stems, parts = cls(num_samples), list(parts)
        on_disk = num_samples > DISK_ABOVE_S * SAMPLE_RATE
        with ThreadPoolExecutor(min(NUM_WORKERS, os.cpu_count() or 1)) as pool:
            if on_disk:
                written = pool.map(lambda part: _to_disk(make(part)), parts)
                stems.files.update(zip(parts, written, strict=True))
            else:
                stems.waveforms.update(zip(parts, pool.map(make, parts), strict=True))
        return stems

    def change(self, make: Callable[[str, Waveform], Waveform]) -> None:
        """Put what `make` gives for a part and its stem in the stem's place, side by side."""

        def changed(part: str) -> None:
            self.replace(part, make(part, self[part]))

        with ThreadPoolExecutor(min(NUM_WORKERS, os.cpu_count() or 1)) as pool:
            list(pool.map(changed, list(self)))

    def replace(self, part: str, made: Waveform) -> None:
        """Put another waveform, as long as it, in a stem's place."""
        if part in self.files:
            written, old = _to_disk(made), self.files[part]
            self.files[part] = written
            old.close()
        else:
            self.waveforms[part] = made

    def apply_gain(self, border_gain: NDArray[np.float32], block: int) -> None:
        """Multiply every stem by one gain, given at borders of blocks; what follows keeps the last.

        Those on disk are written anew in place.
        """
        blocks = -(-self.num_samples // block)
        gains = np.pad(border_gain, (0, max(blocks + 1 - len(border_gain), 0)), mode="edge")
        for part in self:
            if part in self.files:
                mapped = np.memmap(self.files[part], np.float32, "r+", shape=(2, self.num_samples))
                apply_gain(mapped, gains, block)
                mapped.flush()
            else:
                apply_gain(self.waveforms[part], gains, block)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / SAMPLE_RATE

    def __getitem__(self, part: str) -> Waveform:
        if part in self.files:
            # Mapped anew at each access, so that what was read counts as memory only while in use.
            return np.memmap(self.files[part], np.float32, "r", shape=(2, self.num_samples))
        return self.waveforms[part]

    def __iter__(self) -> Iterator[str]:
        return iter([part for part in PARTS if part in self.waveforms or part in self.files])

    def __len__(self) -> int:
        return len(self.waveforms) + len(self.files)


def _to_disk(waveform: Waveform) -> IO[bytes]:
    """An unnamed temporary file with the samples; it is gone when nobody has it open."""
    try:
        file = tempfile.TemporaryFile(prefix="pixmus-")  # noqa: SIM115
        file.write(np.ascontiguousarray(waveform).data)
        file.flush()
    except OSError as error:
        raise DiskError(
            f"The temporary folder {tempfile.gettempdir()} cannot hold the stems "
            f"({error.strerror}); free some space or set TMPDIR."
        ) from error
    return file


def _close(files: dict[str, IO[bytes]]) -> None:
    for file in files.values():
        file.close()
