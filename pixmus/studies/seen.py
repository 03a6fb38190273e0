"""What is seen in every shared clip, and what spotting makes of it: words, curves, key, ensemble.

    pixmus evaluate seen --data ../shared/data

Three frames of the clips that may be shown stand in `seen.jpg`. Whether words and proposal fit was
judged by looking at three frames of each clip; the judgements are kept in `seen_judgements.json`,
with the proposal that they were given to, so that a judgement of another proposal is not counted.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pixmus.cues.moods import in_words, moods_in_turn
from pixmus.curves import CURVES, Curve
from pixmus.model.folder import MODEL_FOLDER
from pixmus.studies.runner import Result, Run, Study
from pixmus.take.spotted import load_encoder
from pixmus.training.films import Film, load_films

JUDGEMENTS = Path(__file__).with_name("seen_judgements.json")
VERDICTS = ("fits", "odd", "wrong")
PLACES = (1 / 6, 1 / 2, 5 / 6)  # of the frames in a clip
THUMB = (128, 72)
COLUMNS = 4
SHOWN_TIERS = ("A",)  # footage under an explicit open licence


def look_at(film: Film, sheet: Any, judged: dict[str, Any]) -> dict[str, Any]:
    """One row of the table."""
    means = {name: round(float(sheet.curves[name].mean()), 3) for name in CURVES}
    moods = moods_in_turn(sheet.curves[Curve.ENERGY], sheet.curves[Curve.VALENCE])
    row = {
        "clip": film.name,
        "seconds": round(film.duration, 1),
        "seen": sheet.reasons.get("sight", "").removeprefix("seen: "),
        "curves": means,
        "mood": in_words(moods),
        "key": sheet.key,
        "tempo_bpm": round(sheet.tempo_bpm),
        "ensemble": sheet.ensemble,
    }
    judgement = judged.get(film.name)
    if judgement is None or judgement["proposal"] != proposal(row):  # judged before it changed
        return row
    return {**row, **{key: judgement[key] for key in ("verdict", "words", "why")}}


def proposal(row: dict[str, Any]) -> str:
    """What a judgement was given to, in a line."""
    return f"{row['seen'] or '-'}; {row['mood']}; {row['key'].split()[1]}; {row['ensemble']}"


def contact_sheet(films: Sequence[Film]) -> Image.Image:
    """Three frames of each film in a row, named, `COLUMNS` films beside one another."""
    width, height = THUMB[0] * len(PLACES), THUMB[1] + 14
    rows = -(-len(films) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + 6), rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, film in enumerate(films):
        left, top = number % COLUMNS * (width + 6), number // COLUMNS * height
        for k, place in enumerate(PLACES):
            image = film.images[np.abs(film.times - place * film.duration).argmin()]
            sheet.paste(Image.fromarray(image).resize(THUMB), (left + k * THUMB[0], top))
        draw.text((left, top + THUMB[1] + 1), film.name[:60], fill="black")
    return sheet


def measure(run: Run) -> Result:
    """Every clip spotted by the shipped encoder."""
    data = run.arguments.data / "video"
    encoder = load_encoder(run.arguments.model)
    assert encoder is not None and encoder.sight is not None, "the model has no image network"
    films = load_films(data, run.arguments.cache / "clips")
    judged = json.loads(JUDGEMENTS.read_text()) if JUDGEMENTS.is_file() else {}
    rows = [look_at(film, encoder.spot(film.features), judged) for film in films]
    with (data / "manifest.csv").open(newline="") as file:
        tiers = {row["file"]: row["tier"] for row in csv.DictReader(file)}
    shown = [film for film in films if tiers.get(film.name) in SHOWN_TIERS]
    if run.out is not None:
        run.out.mkdir(parents=True, exist_ok=True)
        contact_sheet(shown).save(run.out / "seen.jpg", quality=70)
    if run.arguments.frames is not None:
        run.arguments.frames.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(films), 20):
            sheet = contact_sheet(films[start : start + 20])
            sheet.save(run.arguments.frames / f"frames-{start}.jpg", quality=85)
    words = Counter(row["words"] for row in rows if row.get("words"))
    return {
        "clips": rows,
        "shown": [film.name for film in shown],
        "verdicts": {
            verdict: sum(r.get("verdict") == verdict for r in rows) for verdict in VERDICTS
        },
        "judged": sum("verdict" in row for row in rows),
        "words": dict(words),
        "spoke": sum(bool(row["seen"]) for row in rows),
        "minor": sum(row["key"].endswith("minor") for row in rows),
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--frames", type=Path, help="also put three frames of every clip here")


STUDY = Study(
    "seen",
    "What is seen in every shared clip, and what spotting makes of it.",
    measure,
    arguments,
    threads=1,
)
