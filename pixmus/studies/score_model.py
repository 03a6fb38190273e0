"""`pixmus evaluate score-model`: the score model by its numbers, beside real music and baselines.

    pixmus evaluate score-model --corpus runs/corpus.npz --vgmidi MUSIC/vgmidi

Everything is composed with the
weights of the model folder, on held-out pieces: the test split, and the validation split of
corpora that have too few test pieces. Calibration used training pieces alone.

Windows are 8 bars of a held-out piece with all its parts; the model is asked for the curves, hit
points, tempo, mode and place that the real window has, and is given no notes. Real windows pass
through the same codec and decoding. Notes are judged as decoded, before accents and humanising.
Intervals are 95 % bootstrap intervals over pieces.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmus.choices import DEFAULT_GUIDANCE_SCALE
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import Part
from pixmus.errors import PixMusError
from pixmus.model.folder import MODEL_FOLDER
from pixmus.score.notes import Score
from pixmus.studies.runner import Result, Run, Study
from pixmus.studies.score_model_control import control, modes, sampling
from pixmus.studies.score_model_harmony import harmony
from pixmus.studies.score_model_notes import notes, phrases, whole_takes
from pixmus.studies.score_model_pictures import draw_sampling
from pixmus.studies.score_model_realism import classifiers, distributions, draw_shown, styles
from pixmus.studies.score_model_takes import (
    checks,
    compose_takes,
    copying,
    drums,
    endings,
    form,
    mood,
)
from pixmus.studies.score_model_windows import HeldOut
from pixmus.studies.tables import to_markdown
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.corpus import load_pieces
from pixmus.training.model_card import write_card


def measure(run: Run) -> Result:
    """The sections that are asked for."""
    asked = run.arguments
    if not asked.corpus.is_file():
        raise PixMusError(
            f"{asked.corpus} does not exist; make it with `pixmus corpus make MUSIC OUT.npz`."
        )
    pipe = PixMusPipeline.from_pretrained(asked.model)
    study = HeldOut(pipe, load_pieces(asked.corpus), asked.windows)
    scale, few = asked.guidance, max(1, asked.windows // 3)
    takes: list[tuple[CueSheet, Score]] = []

    def all_takes() -> list[tuple[CueSheet, Score]]:
        if not takes:
            takes.extend(compose_takes(pipe, asked.takes, scale))
        return takes

    def distributions_and_picture() -> Result:
        run.picture("score-model-descriptors.png", draw_shown(study, scale))
        return distributions(study, scale)

    sections = {
        "control": lambda: control(study, scale),
        "modes": lambda: modes(study, scale),
        "distributions": distributions_and_picture,
        "classifiers": lambda: classifiers(study, scale),
        "styles": lambda: styles(study, scale, few),
        str(Part.DRUMS): lambda: drums(study, scale, few),
        "notes": lambda: notes(study, scale),
        str(Part.HARMONY): lambda: harmony(study, scale, 2 * asked.windows),
        "phrases": lambda: phrases(study, all_takes()),
        "whole takes": lambda: whole_takes(study, all_takes()),
        "checks": lambda: checks(study, all_takes()),
        "endings": lambda: endings(study, all_takes()[: asked.takes // 2]),
        "copying": lambda: copying(study, [score for _, score in all_takes()]),
        "form": lambda: form(study, scale, asked.long_takes),
        "sampling": lambda: sampling(study, scale, max(2, few // 3)),
    }
    if asked.vgmidi is not None:
        sections["mood"] = lambda: mood(study, scale, asked.vgmidi)
    facts = {
        "model_sha256": pipe.model_sha256,
        "parameters": pipe.num_parameters,
        "guidance": scale,
        "held-out windows": len(study.windows),
        "held-out pieces": len(set(study.names)),
    }
    result = run.sections(facts, sections)
    if asked.card:
        design = to_markdown("score-model-design", result)
        write_card(Path(asked.model), design.strip(), run.command)
    return result


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--model", default=str(MODEL_FOLDER), help="model folder")
    parser.add_argument("--corpus", type=Path, required=True, help="compact corpus file")
    parser.add_argument("--vgmidi", type=Path, help="folder of VGMIDI, for the mood")
    parser.add_argument("--windows", type=int, default=72, help="held-out windows of each style")
    parser.add_argument("--takes", type=int, default=100)
    parser.add_argument("--long-takes", type=int, default=8, help="takes of three minutes")
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE_SCALE)
    parser.add_argument("--card", action="store_true", help="write the table into the model card")


STUDY = Study(
    "score-model",
    "The score model by its numbers, beside real music and baselines.",
    measure,
    arguments,
    pictures={"score-model-sampling.png": draw_sampling},
    threads=2,
)
