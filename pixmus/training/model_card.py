"""The model card of a model folder, written from its training and from what was measured of it."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from pixmus.training.corpus import CORPORA

CARD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-audio
tags: [music, symbolic-music, video-to-music, diffusion, piano-roll]
---

# PixMus score denoiser

A diffusion model of multi-part scores, conditioned on what a picture asks of its music: density,
energy, valence and register through time, hit points, tempo, mode, style and the parts that play.
It writes notes; a SoundFont plays them. `PixMusPipeline.from_pretrained(folder)` loads it.

## The model

A transformer over beats ({parameters:.1f} million parameters, width {width}, {layers} layers, a
lane of {lane_width} units beside it for every part), float16 on disk. It predicts the clean
piano-roll: the network gives the log odds that the other notes and the conditions speak for; what a
noisy cell says of itself, and what a part's cells say of each other as a chain of notes, is added
by exact inference. It hears its own last prediction. `textures.safetensors` holds how the parts of
training pieces move (when in the bar they start notes, how many at once, how long, by what kind of
interval), of which every cue draws one; no note of a piece can be read from it.
Sampling: flow matching, `FlowMatchEulerDiscreteScheduler`, 20 inference steps, guidance 2.

## Training

{iterations} iterations, {cpu_minutes:.0f} minutes of CPU time in the last run ({device},
bfloat16), on windows of 8 to 16 bars: `pixmus train {command}`. It began with the weights of
earlier runs (`docs/experiments.md`).

| data | licence | share of windows | part |
|---|---|---|---|
{data}

Pieces are split by sha1("corpus/piece") mod 20: 0 test, 1 validation, the rest training. OpenScore
has no dynamics, so velocities come from POP909, Freedoom and Groove alone. The log odds that set
the density of every part were calibrated on {calibration} windows of training pieces.

## Figures

{figures}

## Intended use

Background music for videos, films and games: from a first draft to a finished bed, by itself or as notes
that a composer goes on with (MIDI, stems and cue sheet come along). Not meant for imitating a named
artist or work, nor for long-term listening without a picture.

## The sound

The model writes notes only. No SoundFont is part of it or of PixMus: with FluidSynth and FluidR3_GM (MIT; Debian's
`fluid-soundfont-gm`) it sounds as in the examples. Where they are missing, tinysoundfont plays TimGM6mb, a font under
the **GPL, version 2, that comes with the dependency pretty_midi and is not shipped here**. `PIXMUS_SOUNDFONT` names
any other. `docs/results/sound.md` sets the two side by side.

## Limits

Four-four time (a 2/4 bar may stand before a hit point), western major and minor keys, the styles above, at most
six parts; no singing, no sound effects. Composed music can be told from real music by the descriptors in
`docs/results/score-model.md`; nothing was judged by listeners. The songs behind POP909 belong to others: the
copying figures say how near composed lines come to training pieces on held-out windows, not that none ever
comes nearer.

## Load it, publish your own

```python
from pixmus.take.pipeline import PixMusPipeline

pipe = PixMusPipeline.from_pretrained("USER/NAME")  # or a folder; revision="..." for one version
pipe("clip.mp4", seed=7).write_video("scored.mp4")
```

A model of your own music in three commands, after `hf auth login`:

```sh
pixmus train --corpus my-midi --init checkpoints/pixmus --out runs/mine --minutes 30
python -m pixmus.training.export runs/mine my-model --corpus runs/mine/corpus.npz
pixmus publish USER/NAME --model my-model
```
"""

TRAINING = "training.json"  # what the run said of itself, kept in the model folder
NOT_MEASURED = "Not measured yet: `pixmus evaluate score-model --card` writes them here."


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
    figures = NOT_MEASURED
    if table is not None:
        figures = (
            "Measured by `" + command + "` on held-out windows of 8 bars, nothing given, notes as\n"
            "decoded; all tables are in `docs/results/score-model.md`.\n\n" + table
        )
    text = CARD.format(
        parameters=training["parameters"] / 1e6,
        width=config["width"],
        layers=config["num_layers"],
        lane_width=config["lane_width"],
        iterations=training["iterations"],
        cpu_minutes=training["cpu_minutes"],
        device=training["device"],
        command=" ".join(words),
        calibration=training["calibration windows"],
        figures=figures,
        data=data_rows(training["corpus_weights"]),
    )
    (folder / "README.md").write_text(text)
    add_encoder_section(folder)


ENCODER_HEADING = "## The conditioning encoder"
ENCODER_SECTION = """
What a picture asks of its music (`encoder/`, {kilobytes:.0f} kB): curves, key, tempo, ensemble and hit
points from light, colour, motion and cuts, and with `--backbone` from CLIP image embeddings. Trained in
seconds by `pixmus train encoder`; measured by `pixmus evaluate encoder`
(`docs/results/encoder.md`).

| file | fitted on | licence |
|---|---|---|
| `encoder/diffusion_pytorch_model.safetensors` | OASIS (Kurdi, Lozano & Banaji 2017): {photographs} photographs rated for valence and arousal; the spread of the curves on {films} reference films: shared clips, montages, slideshows | OASIS is open access for research, its repository carries no licence file; no photograph is in the weights |
| `encoder/muvi_sync.safetensors` | MuVi-Sync (Kang, Poria & Herremans 2023): {videos} music videos, their motion, cuts and a CLIP projection beside loudness, note density and key of the soundtrack; it holds the projection's basis | **unconfirmed**: read from a copy without a licence file |

Without `encoder/muvi_sync.safetensors` the encoder works: delete it and write the manifest again
(`pixmus.model.folder.write_manifest`). Then `--backbone` is refused, and a clip's ups and downs follow the
rules. Without the whole folder (and its line in `model_index.json`) spotting is done by the rules alone.

The CLIP projection was made with `openai/clip-vit-large-patch14-336`, whose weights are not part of this
model. The path from picture to embedding has been run with a tiny randomly initialised CLIP of the same
class only, never with the real weights on real pictures. Ratings are those of mostly North American
online participants; music videos are mostly vocal pop.
"""


PAIRS_SECTION = """
Then fine-tuned on {rows} rows of pictures paired with music (`pixmus train encoder --pairs`), from {groups}
sources: both files hold weights of them. Whose pictures and music they were is for whoever trained to say.
"""


def add_encoder_section(folder: Path) -> None:
    """Write what the encoder was made of at the end of the card, in place of what stood there."""
    card = folder / "README.md"
    facts_file = folder / "encoder" / "training.json"
    text = card.read_text().split(ENCODER_HEADING)[0].rstrip() + "\n"
    if facts_file.is_file():
        facts = json.loads(facts_file.read_text())
        size = sum(path.stat().st_size for path in (folder / "encoder").iterdir())
        section = ENCODER_SECTION.format(
            kilobytes=size / 1000,
            photographs=facts["photographs"],
            films=facts["reference films"],
            videos=facts.get("music videos", 0),
        )
        text += f"\n{ENCODER_HEADING}\n{section}"
        if "pairs" in facts:
            text += PAIRS_SECTION.format(**facts["pairs"])
    card.write_text(text)


def data_rows(shares: dict[str, float]) -> str:
    """A table row for each corpus that was trained on; Groove goes along with the shared ones."""
    rows = []
    for name, facts in CORPORA.items():
        share = (
            f"{shares[name]:.0%}"
            if name in shares
            else "joined to a third of the windows without drums"
        )
        if name in shares or (name == "groove" and set(shares) != {"own"}):
            rows.append(f"| {facts.title} | {facts.licence} | {share} | {facts.role} |")
    return "\n".join(rows)
