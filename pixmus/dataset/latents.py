"""`write_latents`: rows of a table as the thesis' system learns them, beside the shards.

The rule of half a minute: of a row the first 30 s count, of a still the 30 s of music that it
stands for; where a row is shorter, what follows is silence.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pixmus.dataset.media import Media, check_length, probe_picture, row_music
from pixmus.dataset.split import Split
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.files import file_sha256, new_file
from pixmus.picture.backbone import Backbone, one_a_second
from pixmus.sound.replay_models import weights_sha256
from pixmus.thesis.conditions import rgb_difference, text_states
from pixmus.thesis.mel import CLIP_S, RATE, segments_of
from pixmus.thesis.pipeline import ThesisPipeline
from pixmus.training.latents import (
    ROWS_PER_GROUP,
    latent_paths,
    latent_schema,
    packed,
    read_latents,
)

if TYPE_CHECKING:
    from pixmus.picture.video import Video

ROWS_PER_FILE = 512  # about 150 MB


def half_minute(row: Row) -> Row:
    """The row cut to its first half minute."""
    seconds = min(row.duration, CLIP_S)
    return replace(row, end=row.start + seconds, audio_end=row.audio_start + seconds)


def frames_of(row: Row, video: Video) -> list[np.ndarray]:
    """The pictures of a row, one a second; of a still the one."""
    frames = one_a_second(video)
    if video.is_still:
        return [next(frames)]
    first = round(row.start)
    return list(itertools.islice(frames, first, max(first + 1, round(row.end))))


def model_sha256(folder: Path) -> str:
    """One hash for what latents depend on: every file of the model's weights but the denoiser's."""
    digest = hashlib.sha256()
    for name, sha256 in weights_sha256(folder).items():
        if not name.startswith(("unet/", "conditions/", "vocoder/")):
            digest.update(f"{name} {sha256}\n".encode())
    digest.update(file_sha256(folder / "vae" / "config.json").encode())
    return digest.hexdigest()[:16]


def write_latents(
    rows: Sequence[Row],
    media: str | Path,
    out: str | Path,
    model: str | Path,
    *,
    split: Split | None = None,
    on_row: Callable[[int, int], object] | None = None,
) -> tuple[int, list[str]]:
    """Write the latents of rows that are not there yet; how many there are now, and what failed.

    `model` is the folder or Hub id of the thesis' system whose frozen networks make them.
    """
    pipe = ThesisPipeline.from_pretrained(model)
    folder, found = Path(out), Media(Path(media).resolve())
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = model_sha256(Path(pipe.config._name_or_path))
    there: set[str] = set()
    if latent_paths(folder):
        known = read_latents(folder)
        if known.model != sha256:
            raise PixMusError(
                f"{folder} holds latents of another model; remove latents-*.parquet, or choose "
                "another folder."
            )
        there = set(known.ids)
    todo = [row for row in rows if row.id not in there]
    failed: list[str] = []
    made = _made(todo, found, pipe, sha256, split, failed, on_row)
    while batch := list(itertools.islice(made, ROWS_PER_FILE)):
        _write(batch, folder / f"latents-{len(latent_paths(folder)):05d}.parquet")
        there |= {record["id"] for record in batch}
    return len(there), failed


def _made(
    rows: Sequence[Row],
    media: Media,
    pipe: ThesisPipeline,
    model: str,
    split: Split | None,
    failed: list[str],
    on_row: Callable[[int, int], object] | None,
) -> Iterator[dict[str, Any]]:
    backbone = pipe.backbone()
    for number, row in enumerate(rows, start=1):
        try:
            record = _record(half_minute(row), media, pipe, backbone)
        except PixMusError as error:
            failed.append(f"{row.id}: {error}")
        else:
            side = split[row.id].split if split and row.id in split else ""
            yield {**record, "split": side, "model": model}
        if on_row is not None:
            on_row(number, len(rows))


def _record(row: Row, media: Media, pipe: ThesisPipeline, backbone: Backbone) -> dict[str, Any]:
    sound = row_music(row, media, RATE)
    video = probe_picture(row, media)
    check_length(row, video)
    frames = frames_of(row, video)
    waveform = torch.from_numpy(np.ascontiguousarray(sound[: round(CLIP_S * RATE)]))
    arrays = {
        "latents": pipe.encode_mel(segments_of(waveform)[None])[0],
        "text": text_states(pipe.tokenizer, pipe.text_encoder, [row.caption])[0],
        "picture": backbone.embed_frames(frames).mean(0),
    }
    record: dict[str, Any] = {
        "id": row.id,
        "kind": row.kind,
        "caption": row.caption,
        "seconds": row.duration,
        "motion": rgb_difference(frames),
    }
    for name, array in arrays.items():
        record[name], record[f"{name}_shape"] = packed(array)
    return record


def _write(records: Sequence[dict[str, Any]], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(list(records), schema=latent_schema())
    with new_file(path) as place:
        pyarrow.parquet.write_table(table, place, compression="zstd", row_group_size=ROWS_PER_GROUP)
