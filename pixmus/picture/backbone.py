"""Image embeddings, one a second, by a CLIP image backbone that a person asks for.

The backbone is a folder or a Hub id that `transformers` can load as a CLIP vision model with its
projection, `openai/clip-vit-large-patch14-336` for the weights that the encoder was fitted on. A
folder never touches the network; a Hub id is looked for in the local cache first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.hub import Kind, local_folder
from pixmus.picture.frames import read_frames
from pixmus.picture.video import Video

DEFAULT_BACKBONE = "openai/clip-vit-large-patch14-336"
BACKBONE_KIND = Kind(
    name="backbone",
    index="config.json",
    files=("preprocessor_config.json", "model.safetensors.index.json"),
    weights=("model*.safetensors", "pytorch_model.bin"),  # older repositories have only the latter
    example=f"the folder of a CLIP model, the id of one such as {DEFAULT_BACKBONE}, or no backbone",
)
FRAME_WIDTH = 640  # pixels of the longer side that frames are read at
BATCH = 8
# CLIP's own normalisation (Radford et al. 2021), where the folder's preprocessor names no other.
CHANNEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
CHANNEL_STD = (0.26862954, 0.26130258, 0.27577711)


class Backbone:
    """A loaded CLIP vision model; `embed(video)` gives what `ConditioningEncoder.spot` takes."""

    def __init__(self, model: Any, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        self.model = model.eval()
        self.mean = np.array(mean, dtype=np.float32)
        self.std = np.array(std, dtype=np.float32)

    @staticmethod
    def load(
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> Backbone:
        """The backbone of a folder or a Hub id; one sentence says why it cannot be had."""
        try:
            from transformers import CLIPVisionModelWithProjection
        except ImportError as error:
            raise PixMusError(
                "--backbone needs the package transformers; install it with: pip install "
                "transformers, or leave --backbone out."
            ) from error
        folder = local_folder(
            name,
            BACKBONE_KIND,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            cache_first=True,  # the weights that the encoder was fitted on do not change
        )
        with _quiet():
            try:
                model = CLIPVisionModelWithProjection.from_pretrained(
                    str(folder), local_files_only=True
                )
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise PixMusError(
                    f"{name} could not be read as a CLIP image model; give the folder or the Hub "
                    f"id of one such as {DEFAULT_BACKBONE}."
                ) from error
        mean, std = CHANNEL_MEAN, CHANNEL_STD
        preprocessor = folder / "preprocessor_config.json"
        if preprocessor.is_file():
            settings = json.loads(preprocessor.read_text())
            mean = tuple(settings.get("image_mean", mean))
            std = tuple(settings.get("image_std", std))
        return Backbone(model, mean, std)

    def embed(self, video: Video) -> np.ndarray:
        """float32 (seconds, width): the embedding of the frame at the middle of every second."""
        found = self.embed_frames(one_a_second(video))
        if video.is_still:
            found = np.repeat(found[:1], max(1, math.ceil(video.duration)), axis=0)
        return found

    def embed_frames(self, frames: Iterable[np.ndarray]) -> np.ndarray:
        """float32 (frames, width): the embeddings of RGB frames."""
        pixels, embeddings = [], []
        for image in frames:
            pixels.append(self._prepare(image))
            if len(pixels) == BATCH:
                embeddings.append(self._run(pixels))
                pixels = []
        if pixels:
            embeddings.append(self._run(pixels))
        return np.concatenate(embeddings)

    def _run(self, pixels: list[np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            batch = torch.from_numpy(np.stack(pixels)).to(next(self.model.parameters()).dtype)
            return self.model(pixel_values=batch).image_embeds.float().numpy()

    def _prepare(self, image: np.ndarray) -> np.ndarray:
        """float32 (3, size, size): the shorter side scaled to `size` (bicubic), the middle cut
        out, channels normalised, as CLIP was trained."""
        size = int(self.model.config.image_size)
        height, width = image.shape[:2]
        scale = size / min(height, width)
        wide, tall = max(size, round(width * scale)), max(size, round(height * scale))
        resized = Image.fromarray(image).resize((wide, tall), Image.Resampling.BICUBIC)
        left, top = (wide - size) // 2, (tall - size) // 2
        middle = np.asarray(resized.crop((left, top, left + size, top + size)), dtype=np.float32)
        return ((middle / 255 - self.mean) / self.std).transpose(2, 0, 1)


def one_a_second(video: Video) -> Iterator[np.ndarray]:
    """RGB frames: what is shown at the middle of each second, the last also where one is cut."""
    second, shown = 0, None
    for frame in read_frames(video, max_width=FRAME_WIDTH):
        while shown is not None and frame.time > second + 0.5:
            yield shown
            second += 1
        shown = frame.image
        if video.is_still:
            break
    while shown is not None and second < max(1, math.ceil(video.duration - 1e-6)):
        yield shown
        second += 1
        if video.is_still:
            return


class _quiet:
    """No progress bars and load reports of transformers while in use."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self._level = logging.get_verbosity()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging

        logging.set_verbosity(self._level)
