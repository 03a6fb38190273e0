"""Make a model folder of a training run: the weights that it kept, tables, ranges, an encoder.

`python -m pixmus.training.export RUN MODEL_FOLDER --corpus runs/corpus.npz`. `pixmus evaluate
score-model --card` measures the model and writes the figures into its card.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.errors import PixMusError
from pixmus.model.folder import CURVE_TABLES, ENCODER, MODEL_FOLDER, write_manifest
from pixmus.score.curves import CurveTables
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.spotted import load_encoder
from pixmus.training.corpus import load_pieces
from pixmus.training.journal import STATE
from pixmus.training.lessons import PLAN, VOICES
from pixmus.training.model_card import TRAINING, write_card
from pixmus.training.ranges import fit_descriptor_ranges


def load_run(run: Path) -> PixMusPipeline:
    """The pipeline of a training run's kept weights, without an encoder."""
    states = {lesson: run / lesson.name / STATE for lesson in (PLAN, VOICES)}
    for lesson, state in states.items():
        if not state.is_file():
            raise PixMusError(f"{run} has not learned its {lesson.name} yet; go on training.")
    pipe = PixMusPipeline(
        PLAN.load(states[PLAN]), VOICES.load(states[VOICES]), UnmaskingScheduler()
    )
    pipe.curve_tables = CurveTables.load(run / CURVE_TABLES)
    return pipe


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path, help="folder to write")
    parser.add_argument("--corpus", type=Path, required=True, help="whose ranges go along")
    parser.add_argument(
        "--encoder", type=Path, default=MODEL_FOLDER, help="model whose encoder goes along"
    )
    arguments = parser.parse_args(argv)

    pipe = load_run(arguments.run)
    pipe.descriptor_ranges = fit_descriptor_ranges(load_pieces(arguments.corpus))
    encoder = load_encoder(arguments.encoder)
    pipe.register_modules(encoder=encoder)
    pipe.save_pretrained(arguments.model)
    if encoder is not None:  # whole, with its licence and what was told of its training
        source = arguments.encoder / ENCODER
        shutil.copytree(source, arguments.model / ENCODER, dirs_exist_ok=True)
    facts = json.loads((arguments.run / TRAINING).read_text())
    facts["parameters"] = pipe.num_parameters
    (arguments.model / TRAINING).write_text(json.dumps(facts, indent=2) + "\n")
    write_manifest(arguments.model)
    write_card(arguments.model)
    size = sum(path.stat().st_size for path in arguments.model.rglob("*") if path.is_file())
    print(f"{arguments.model}: {size / 1e6:.1f} MB, {facts['parameters'] / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
