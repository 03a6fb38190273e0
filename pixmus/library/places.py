"""Places of clips that are no paths of this machine: URLs that fsspec reads, and staging them.

`s3://`, `gs://`, `hf://`, `https://` and others are read where the package that fsspec names for
them is installed. A clip of such a place is copied into a folder of this machine, used, and gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pixmus.errors import PixMusError

MARK = "://"
OF_THIS_PROCESS = ("memory", "file", "local")  # no other machine reads the same there
BLOCK = 1 << 20  # bytes


def is_url(place: str) -> bool:
    """Whether a place is a URL."""
    return MARK in place


def is_read_everywhere(url: str) -> bool:
    """Whether another machine reads the same at a URL."""
    return url.split(MARK)[0].split("::")[0] not in OF_THIS_PROCESS


def files_at(url: str, suffixes: Sequence[str]) -> list[str]:
    """The URLs of the files with these suffixes below a folder, or of a pattern, in order."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
        if any(sign in path for sign in "*?["):
            found = [name for name in system.glob(path) if not system.isdir(name)]
        else:
            found = system.find(path)
            found = [name for name in found if PurePosixPath(name).suffix.lower() in suffixes]
    except Exception as error:  # each kind of place has errors of its own
        raise _unread(url, error) from error
    named = (name for name in found if not PurePosixPath(name).name.startswith("."))
    return sorted(str(system.unstrip_protocol(name)) for name in named)


def fetch(url: str, folder: Path) -> Path:
    """The file at a URL, copied into a folder under its name; PixMusError where it cannot be."""
    import fsspec

    path = folder / (PurePosixPath(url.split("?")[0]).name or "clip")
    try:
        with fsspec.open(url, "rb") as source, path.open("wb") as target:
            while block := source.read(BLOCK):
                target.write(block)
    except Exception as error:
        path.unlink(missing_ok=True)
        raise _unread(url, error) from error
    return path


def _unread(url: str, error: Exception) -> PixMusError:
    told = " ".join(str(error).split())[:200] or type(error).__name__
    return PixMusError(f"{url} could not be read ({told}); check the address and who may read it.")
