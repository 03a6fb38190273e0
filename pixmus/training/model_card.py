"""The model card of a model folder, written from its training and from what was measured of it."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from pixmus.training.corpus import CORPORA, CorpusFacts
from pixmus.training.prose import fill

TRAINING = "training.json"  # what the run said of itself, kept in the model folder
ENCODER_HEADING = "## The conditioning encoder"
TEMPLATES = Path(__file__).parent / "templates"


def write_card(folder: Path, table: str | None = None, command: str = "") -> None:
    """Write `README.md` of a model folder; `table` holds what `command` measured."""
    training = json.loads((folder / TRAINING).read_text())
    config = json.loads((folder / "denoiser" / "config.json").read_text())
    arguments = training["arguments"]
    named = ("corpus", "out", "minutes", "init", "learning_rate", "decay", "threads", "seed")
    # Of a path only its name: where the files lay says nothing.
    words = [
        f"--{name.replace('_', '-')} {PurePath(str(arguments[name])).name}"
        for name in named
        if arguments.get(name) is not None
    ]
    text = fill(
        TEMPLATES / "model_card.md.j2",
        parameters=training["parameters"],
        width=config["width"],
        layers=config["num_layers"],
        lane_width=config["lane_width"],
        iterations=training["iterations"],
        cpu_minutes=training["cpu_minutes"],
        device=training["device"],
        dtype=training.get("dtype", "bfloat16"),  # earlier runs knew no other
        command=" ".join(words),
        calibration=training["calibration windows"],
        measured_by=command,
        table=table,
        data=trained_on(training["corpus_weights"]),
    )
    (folder / "README.md").write_text(text)
    add_encoder_section(folder)


def add_encoder_section(folder: Path) -> None:
    """Write what the encoder was made of at the end of the card, in place of what stood there."""
    card = folder / "README.md"
    facts_file = folder / "encoder" / "training.json"
    text = card.read_text().split(ENCODER_HEADING)[0].rstrip() + "\n"
    if facts_file.is_file():
        facts = json.loads(facts_file.read_text())
        size = sum(path.stat().st_size for path in (folder / "encoder").rglob("*"))
        text += "\n" + fill(
            TEMPLATES / "encoder.md.j2",
            heading=ENCODER_HEADING,
            kilobytes=size / 1000,
            photographs=facts["photographs"],
            films=facts["reference films"],
            videos=facts.get("music videos", 0),
            pairs=facts.get("pairs"),
            sight=facts.get("sight", {}).get("correlation held out by theme"),
        )
    card.write_text(text)


def trained_on(shares: dict[str, float]) -> list[tuple[CorpusFacts, float | None]]:
    """The corpora that were trained on, each with its share of the training windows.

    Groove has none (None): it goes along with the shared ones.
    """
    return [
        (facts, shares.get(name))
        for name, facts in CORPORA.items()
        if name in shares or (name == "groove" and set(shares) != {"own"})
    ]
