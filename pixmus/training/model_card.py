"""The model card of a model folder, written from its training and from what was measured of it."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from pixmus.compose.voice_writing import CONTEXT_BARS
from pixmus.model.folder import PLAN_DENOISER, VOICE_NETWORK
from pixmus.score.voices import CHORD_VOICES
from pixmus.training.corpus import CORPORA, CorpusFacts
from pixmus.training.prose import fill

TRAINING = "training.json"  # what the run said of itself, kept in the model folder
SCHEDULER = "scheduler"
TOLD_ARGUMENTS = (
    "corpus",
    "out",
    "minutes",
    "iterations",
    "init",
    "beats_per_batch",
    "half_bars_per_batch",
    "learning_rate",
    "warmup",
    "decay",
    "ema",
    "dropout",
    "workers",
    "seed",
)
ENCODER_HEADING = "## The conditioning encoder"
TEMPLATES = Path(__file__).parent / "templates"


def write_card(folder: Path, table: str | None = None, command: str = "") -> None:
    """Write `README.md` of a model folder; `table` holds what `command` measured."""
    facts = json.loads((folder / TRAINING).read_text())
    configs = {
        name: json.loads((folder / name / file).read_text())
        for name, file in (
            (PLAN_DENOISER, "config.json"),
            (VOICE_NETWORK, "config.json"),
            (SCHEDULER, "scheduler_config.json"),
        )
    }
    arguments = facts["arguments"]
    # Of a path only its name: where the files lay says nothing.
    words = [
        f"--{name.replace('_', '-')} {PurePath(str(arguments[name])).name}"
        for name in TOLD_ARGUMENTS
        if arguments.get(name) is not None
    ]
    text = fill(
        TEMPLATES / "model_card.md.j2",
        parameters=facts["parameters"],
        plan=configs[PLAN_DENOISER],
        voices=configs[VOICE_NETWORK],
        scheduler=configs[SCHEDULER],
        temperatures=configs[SCHEDULER].get("temperatures") or {},
        chord_voices=CHORD_VOICES,
        context_bars=CONTEXT_BARS,
        plan_mb=_bytes_of_weights(folder / PLAN_DENOISER) / 1e6,
        voices_mb=_bytes_of_weights(folder / VOICE_NETWORK) / 1e6,
        facts=facts,
        arguments=arguments,
        device=facts["device"],
        command=" ".join(words),
        remarks=facts.get("remarks", ""),
        measured_by=command,
        table=table,
        data=trained_on(facts["corpus_weights"]),
    )
    (folder / "README.md").write_text(text)
    add_encoder_section(folder)


def _bytes_of_weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


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
