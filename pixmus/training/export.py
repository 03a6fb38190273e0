"""Make a model folder of a training run: averaged weights, calibrated log odds, tables, textures.

`python -m pixmus.training.export RUN MODEL_FOLDER --corpus runs/corpus.npz`. Calibrated on windows
of training pieces, so that held-out ones stay unseen; `pixmus evaluate score-model --card` measures
the model and writes the figures into its card.
"""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path

import torch

from pixmus.compose.sampling import Decoding, default_scheduler
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.model.folder import ENCODER, MODEL_FOLDER, write_manifest
from pixmus.score.curves import CurveTables
from pixmus.take.pipeline import PixMusPipeline, load_encoder
from pixmus.training.calibrate import calibrate, draw_windows
from pixmus.training.corpus import load_pieces, split_pieces
from pixmus.training.encoded import encode_piece
from pixmus.training.model_card import TRAINING, write_card
from pixmus.training.ranges import fit_descriptor_ranges
from pixmus.training.texture_bank import collect_textures

# Log loss is least at 1; a little above it rhythm is as steady as real music's, for a loss that is
# hardly higher (docs/experiments.md 26).
CHAIN_TRUST = 1.35
PIECES_PER_WINDOW = 3  # pieces that calibration windows are drawn from


def load_run(run: Path) -> PixMusPipeline:
    """The pipeline of a training run's averaged weights."""
    state = torch.load(run / "state.pt", weights_only=True, map_location="cpu")
    known = inspect.signature(ScoreDenoiser.__init__).parameters
    denoiser = ScoreDenoiser(**{k: v for k, v in state["config"].items() if k in known})
    denoiser.load_state_dict(state["average"])
    pipe = PixMusPipeline(denoiser.eval(), default_scheduler())
    pipe.curve_tables = CurveTables.load(run / "curve_tables.json")
    return pipe


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument(
        "--chain-trust",
        type=float,
        default=CHAIN_TRUST,
        help="times as far as training has learned to trust the chains",
    )
    parser.add_argument(
        "--encoder", type=Path, default=MODEL_FOLDER, help="model whose encoder goes along"
    )
    parser.add_argument("--windows", type=int, default=20, help="calibration windows of a style")
    arguments = parser.parse_args(argv)

    pipe = load_run(arguments.run)
    pipe.register_modules(encoder=load_encoder(arguments.encoder))
    encoder_facts = arguments.encoder / ENCODER / TRAINING
    encoder_words = encoder_facts.read_text() if encoder_facts.is_file() else None
    if pipe.denoiser.has_chains:
        pipe.denoiser.trust_chains(arguments.chain_trust)
    assert pipe.curve_tables is not None
    pieces = load_pieces(arguments.corpus)
    pipe.descriptor_ranges = fit_descriptor_ranges(pieces)
    training, _ = split_pieces(pieces)
    pipe.textures = collect_textures([encode_piece(p) for p in training], pipe.curve_tables)
    pitched = [piece for piece in training if piece.corpus != "groove"]
    every = max(1, len(pitched) // (PIECES_PER_WINDOW * 4 * arguments.windows))
    encoded = [encode_piece(piece) for piece in pitched[::every]]
    windows = draw_windows(encoded, pipe.curve_tables, arguments.windows)
    pipe.decoding = Decoding(log_odds=calibrate(pipe, windows))
    pipe.save_pretrained(arguments.model)
    facts = json.loads((arguments.run / TRAINING).read_text())
    facts["parameters"] = pipe.denoiser.num_parameters()
    facts["chain trust"] = arguments.chain_trust
    facts["calibration windows"] = len(windows)
    (arguments.model / TRAINING).write_text(json.dumps(facts, indent=2) + "\n")
    if encoder_words is not None:
        (arguments.model / ENCODER / TRAINING).write_text(encoder_words)
    write_manifest(arguments.model)
    write_card(arguments.model)
    print(json.dumps({"windows": len(windows), "log_odds": pipe.decoding.log_odds}, indent=2))


if __name__ == "__main__":
    main()
