"""Where the clip and the bundle of each take go, checked before anything is computed."""

from __future__ import annotations

from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.files import check_new_file, check_new_folder

Place = tuple[Path | None, Path | None]  # the scored clip, the bundle's folder


def places_of(
    clip: Path, out: Path | None, bundle: Path | None, takes: int, force: bool
) -> list[Place]:
    """Where each take's clip and bundle go, checked before anything is computed."""
    if out is not None and out.suffix.lower() != ".mp4":
        raise PixMusError(f"{out}: the scored clip is an mp4; give it a name that ends in .mp4.")
    clips: list[Path | None] = [None] * takes
    if out is not None:
        clips = [out if takes == 1 else _numbered(out, i + 1) for i in range(takes)]
    elif bundle is None:
        free = (_numbered(Path(f"{clip.stem}-scored.mp4"), i) for i in range(1, 1_000_000))
        unused = (path for path in free if not path.exists())
        clips = [next(unused) for _ in range(takes)]
    folders: list[Path | None] = [None] * takes
    if bundle is not None:
        folders = [bundle if takes == 1 else _numbered(bundle, i + 1) for i in range(takes)]
    for folder in filter(None, folders):
        check_new_folder(folder, force)
    for path in filter(None, clips):
        check_new_file(path, force)
    for path in [*filter(None, clips), *(folder / "scored.mp4" for folder in folders if folder)]:
        if path.exists() and path.samefile(clip):
            raise PixMusError(f"{path} is the clip itself; choose another name.")
    return list(zip(clips, folders, strict=True))


def free_folder(clip: Path) -> Path:
    """A folder for exports that is not there yet."""
    numbered = (Path(f"{clip.stem}-exports-{i}") for i in range(1, 1_000_000))
    return next(path for path in numbered if not path.exists())


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
