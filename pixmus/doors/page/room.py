"""`Room`: how much of the disk the page's visitors may take, all together and each."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pixmus.errors import DiskError

VISIT_BYTES = 3 * 10**9  # of one visit: four takes of a long film with all that is made of them
ALL_BYTES = 20 * 10**9  # of all visits and uploads together
SPARE_BYTES = 10**9  # that stay free on the disk for others
FULL = (
    "This page has no room for more files just now; what others left is removed within the hour, "
    "so please try again a little later."
)


@dataclass(frozen=True)
class Room:
    """The folder where everything of visitors lies, and what it may take."""

    root: Path
    most: int = ALL_BYTES
    spare: int = SPARE_BYTES

    def check(self, num_bytes: int = 0) -> None:
        """DiskError with a visitor's sentence where so many bytes more find no room."""
        is_over = bytes_in(self.root) + num_bytes > self.most
        if is_over or shutil.disk_usage(self.root).free < self.spare + num_bytes:
            raise DiskError(FULL)


def bytes_in(folder: Path) -> int:
    """The size of all files in a folder, 0 where it is not there."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:  # somebody else removed it at this moment
                continue
    return total


def gigabytes(num_bytes: int) -> str:
    """Bytes as a person reads them."""
    return f"{num_bytes / 1e9:.1f} GB"
