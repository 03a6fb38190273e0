"""The model folder: which files it holds, where it is found, and the manifest that vouches for it.

A folder holds `model_index.json` and one folder a component, as diffusers writes them, beside the
tables that composing and checking read. `manifest.json` names every file with its SHA-256.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.files import file_sha256, shipped
from pixmus.hub import Kind, local_folder

MODEL_FOLDER = shipped("checkpoints/pixmus")
MODEL_VARIABLE = "PIXMUS_MODEL"  # a folder or Hub id in place of the model that comes along
FORMAT = 1  # of the model folder; one that an older PixMus cannot read has a higher one

MANIFEST = "manifest.json"
MODEL_INDEX = "model_index.json"
ENCODER = "encoder"  # a folder; a model without one spots by the rules
CURVE_TABLES = "curve_tables.json"  # quantiles of training music
PLAN_DENOISER, VOICE_NETWORK = "plan_denoiser", "voice_network"  # folders
DESCRIPTOR_RANGES = "descriptor_ranges.json"  # of training music; may be absent

MODEL_KIND = Kind(
    name="PixMus model",
    index=MANIFEST,
    files=("*.json", "*.md"),
    weights=("*.safetensors",),
    example=f"a model folder (one that holds {MANIFEST})",
)


def model_folder(
    name: str | Path | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> tuple[Path, str]:
    """The checked folder of a model that is named as in `from_pretrained`, and its SHA-256."""
    chosen = name or os.environ.get(MODEL_VARIABLE) or MODEL_FOLDER
    folder = local_folder(
        chosen,
        MODEL_KIND,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
    )
    is_here = Path(chosen).is_dir()  # else it is a snapshot in the cache: .../snapshots/COMMIT
    remedy = "get the model again" if is_here else f"remove {folder.parents[1]} and load it again"
    with loading(folder):
        return folder, check_manifest(folder, remedy)


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Whatever is wrong in a model folder becomes one sentence.

    Its files come from outside, and what diffusers, transformers, safetensors and torch raise for
    one that was changed is of every kind; the cause stays with the sentence.
    """
    try:
        yield
    except PixMusError:
        raise
    except Exception as error:
        raise PixMusError(
            f"The model in {folder} cannot be loaded ({type(error).__name__}): it was changed, or "
            "made for another version of PixMus; get the model again."
        ) from error


def write_manifest(folder: Path) -> None:
    """Write the format and the SHA-256 of every file of the model folder but its card."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".json", ".safetensors") and path.name != MANIFEST
    )
    sums = {str(path.relative_to(folder)): file_sha256(path) for path in files}
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, **sums}, indent=2) + "\n")


def _holds_settings(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (ValueError, RecursionError):
        return False


def check_manifest(folder: Path, remedy: str = "get the model again") -> str:
    """The SHA-256 of the manifest, every file of which was found unchanged."""
    manifest = folder / MANIFEST
    try:
        sums: Mapping[str, str] = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        raise PixMusError(
            f"{folder} is no complete model folder: {MANIFEST} is missing or unreadable; {remedy}."
        ) from error
    if isinstance(sums, dict) and sums.pop("format", FORMAT) != FORMAT:
        raise PixMusError(
            f"The model in {folder} was made by a newer PixMus than this one; update PixMus, or "
            "choose an older revision of the model."
        )
    needed = {MODEL_INDEX, CURVE_TABLES}
    if not isinstance(sums, dict) or not sums.keys() >= needed:
        raise PixMusError(
            f"{folder} is no complete model folder: {MANIFEST} does not name all of it; {remedy}."
        )
    for name, expected in sums.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise PixMusError(
                f"{folder} is no model folder: {MANIFEST} names a file outside it; {remedy}."
            )
        if not (folder / name).is_file():
            raise PixMusError(f"The model in {folder} is incomplete: {name} is missing; {remedy}.")
        if file_sha256(folder / name) != expected:
            raise PixMusError(
                f"The model in {folder} is damaged: {name} is not what {MANIFEST} says; {remedy}."
            )
        # A text in the place of a network's settings is the name of a model to diffusers, which
        # would ask the Hub for it.
        if Path(name).suffix == ".json" and not _holds_settings(folder / name):
            raise PixMusError(
                f"The model in {folder} is damaged: {name} holds no settings; {remedy}."
            )
    return file_sha256(manifest)
