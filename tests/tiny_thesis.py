"""The thesis' system in little: networks of one layer with random weights, as real ones lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pixmus.studies.random_renderers import tiny_tokenizer
from pixmus.thesis.networks import TINY, Sizes, components
from pixmus.thesis.pipeline import ThesisPipeline

# Sixteen times shorter in both directions than a mel, so that a whole half minute costs little.
COARSE = replace(TINY, autoencoder=(4, 4, 4, 4, 4))


def tiny_thesis(sizes: Sizes = COARSE, seed: int = 0) -> ThesisPipeline:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pipe = ThesisPipeline(**components(sizes, tiny_tokenizer(64)))
        for weights in pipe.vocoder.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, std=0.1)  # else it is silent
    return pipe


def saved_thesis(folder: Path, sizes: Sizes = COARSE) -> Path:
    tiny_thesis(sizes).save_pretrained(str(folder))
    return folder
