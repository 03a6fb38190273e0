"""Make a model folder of a plan and voices: `python -m pixmus.training.export_voices`.

`--plan RUN/plan_denoiser --voices RUN/state.pt OUT`. The tables of curves are those of the voices'
run; the encoder and the ranges of real music come from another model, the one that comes along.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from pixmus.check.ranges import Ranges
from pixmus.compose.voice_writing import UnmaskingScheduler
from pixmus.model.folder import (
    CURVE_TABLES,
    DESCRIPTOR_RANGES,
    ENCODER,
    MODEL_FOLDER,
    write_manifest,
)
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.curves import CurveTables
from pixmus.take.pipeline import PixMusPipeline, load_encoder
from pixmus.training.model_card import TRAINING
from pixmus.training.train_voices import load_average


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder to write")
    parser.add_argument("--plan", type=Path, required=True, help="folder of a PlanDenoiser")
    parser.add_argument("--voices", type=Path, required=True, help="state.pt of a run of voices")
    parser.add_argument(
        "--like", type=Path, default=MODEL_FOLDER, help="model whose encoder and ranges go along"
    )
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="of the scheduler, in JSON: by_confidence=true temperature=1.0 block_bars=4",
    )
    arguments = parser.parse_args(argv)

    voices = load_average(arguments.voices)
    chosen = {name: json.loads(value) for name, value in (s.split("=") for s in arguments.set)}
    pipe = PixMusPipeline(
        None,
        UnmaskingScheduler(**{"by_confidence": False, **chosen}),
        encoder=load_encoder(arguments.like),
        plan_denoiser=PlanDenoiser.from_pretrained(arguments.plan).eval(),
        voice_network=voices,
    )
    pipe.curve_tables = CurveTables.load(arguments.voices.parent / CURVE_TABLES)
    pipe.descriptor_ranges = Ranges.load(arguments.like / DESCRIPTOR_RANGES)
    pipe.save_pretrained(arguments.model)
    state = torch.load(arguments.voices, weights_only=True, map_location="cpu")
    facts = {
        "parameters": voices.num_parameters() + pipe.plan_denoiser.num_parameters(),
        "iterations": int(state.get("iteration", 0)),
        "processor minutes": round(float(state.get("cpu_spent", 0)) / 60, 1),
    }
    (arguments.model / TRAINING).write_text(json.dumps(facts, indent=2) + "\n")
    encoder_facts = arguments.like / ENCODER / TRAINING
    if encoder_facts.is_file():
        (arguments.model / ENCODER / TRAINING).write_text(encoder_facts.read_text())
    write_manifest(arguments.model)
    size = sum(path.stat().st_size for path in arguments.model.rglob("*") if path.is_file())
    print(f"{arguments.model}: {size / 1e6:.1f} MB, {facts['parameters'] / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
