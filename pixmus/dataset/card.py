"""The card of a synthetic dataset, and the folder that is put on the Hub.

The card is Markdown with the Hub's front matter, filled from the table's own numbers. It says of
itself, first of all, that nothing in the dataset was filmed, photographed or recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixmus.dataset.looks import FILM_SIZE, FRAME_RATE, STILL_SIZE
from pixmus.dataset.materialize import MADE_WITH, MEDIA, TABLE
from pixmus.dataset.pairing import PAIRING
from pixmus.dataset.recipes import VERSION, Recipe, columns_of, read_recipe
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.table import Row, Table, read_table
from pixmus.errors import PixMusError
from pixmus.hub import CARD
from pixmus.training.corpus import CORPORA
from pixmus.training.prose import fill

TEMPLATE = Path(__file__).parent / "templates" / "card.md.j2"
NAME = "recipes.parquet"
MARK = "recipes.json"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

COLUMNS = {
    "Audio File Name": "the rendition: FLAC, 16 bits, mono, 22.05 kHz",
    "Video File Name": "the film (H.264 without sound, "
    f"{FILM_SIZE[0]}x{FILM_SIZE[1]}, {FRAME_RATE} frames a second) or the still (JPEG, "
    f"{STILL_SIZE[0]}x{STILL_SIZE[1]})",
    "isVideo": "true for a film, false for a still",
    "Video Start Time": "seconds of the film at which the row begins; 0 for a still",
    "Video End Time": "seconds at which it ends; 30 for a still",
    "MeanRGBDiff": "mean absolute RGB difference of consecutive frames, 0 to 255, measured on the "
    "file; 0 for a still; empty where the media have not been made",
    "Segment 1 to 3 Reference": "`{rendition}_{start}_{end}`, thirds of the row's music",
    "Segment 1 to 3 Start, End": "seconds of the rendition",
    "Recipe Seed": "of all that is drawn for the picture",
    "Recipe Scene": "what a still shows, and a film mostly",
    "Recipe Music": "corpus and piece",
    "Recipe Notes": "checksum of the piece's notes: sha256, 8 hex digits",
    "Recipe First Beat": "of the piece, where the rendition begins; always a bar's first",
    "Recipe Tempo": "beats a minute",
    "Recipe Transposition": "semitones from C major or A minor",
    "Recipe Sound": "the instruments",
    "Recipe Clips": "rows of the source; film and rendition last so many times the clip's seconds",
    "Recipe Clip Seconds": "length of a row",
    "Recipe Agreement": "a, see below",
    "Recipe Noise Seconds": "standard deviation of the Gaussian that smooths the slow noise",
    "Recipe Level Share": "L, see below",
    "Recipe Beat Cuts": "chance that a cut is moved to a strong beat nearby",
    "Recipe Version": "of the painters and players; others make other files",
    "Recipe Density, Energy, Valence, Register": "the music's curves, means over the row, 0 to 1, "
    "measured on the notes",
}

# Licences of the SoundFonts that PixMus plays, or has played, by itself.
FONT_LICENCES = {
    "pixmus.sf3": "PixMus' font, made from Fluid (R3), © 2000-2002, 2008 Frank Wen: MIT licence",
    "FluidR3_GM.sf2": "Fluid (R3) General MIDI SoundFont, © 2000-2002, 2008 Frank Wen: MIT licence",
    "TimGM6mb.sf2": "TimGM6mb by Tim Brechbill: GPL 2",
}


def stage_dataset(
    place: Path, table: Path, media: Path | None = None, name: str = "USER/NAME"
) -> None:
    """Put a dataset into the empty folder `place`: the card, the table as Parquet, and media.

    `media` is a folder that `pixmus dataset materialize` filled with rows of the table; their
    `MeanRGBDiff` is then told in the table. Raises PixMusError where the table has rows that are
    no recipes, or the media lack a file or are of another table.
    """
    read = read_table(table)
    rows, recipes = _whole(table, read)
    made_with: dict[str, Any] | None = None
    if media is not None:
        rows, made_with = _with_media(rows, media, place)
    write_rows(columns_of(rows), place / NAME)
    digest = hashlib.sha256((place / NAME).read_bytes()).hexdigest()
    facts = {"synthetic": True, "version": VERSION, "rows": len(rows), "sha256": digest}
    (place / MARK).write_text(json.dumps(facts | ({"made_with": made_with} if made_with else {})))
    text = write_card(rows, recipes, (place / NAME).stat().st_size, name, made_with)
    (place / CARD).write_text(text)


def _whole(path: Path, table: Table) -> tuple[list[Row], dict[str, Recipe]]:
    if table.refused:
        refusal = table.refused[0]
        raise PixMusError(
            f"row {refusal.number} of {path} cannot be used ({refusal.reason.rstrip('.')}); "
            "publish a table of recipes as `pixmus dataset synthesize` writes it."
        )
    recipes: dict[str, Recipe] = {}
    for row in table.rows:
        try:
            recipes.setdefault(row.picture, read_recipe(row))
        except PixMusError as error:
            raise PixMusError(
                f"{path} is no table of recipes, {error}; publish one that `pixmus dataset "
                "synthesize` wrote."
            ) from error
    return list(table.rows), recipes


def _with_media(rows: Sequence[Row], folder: Path, place: Path) -> tuple[list[Row], dict[str, Any]]:
    if not (folder / TABLE).is_file() or not (folder / MADE_WITH).is_file():
        raise PixMusError(
            f"{folder} holds no {TABLE} and {MADE_WITH}; name the folder that `pixmus dataset "
            "materialize` filled."
        )
    made = {row.id: row for row in read_table(folder / TABLE).rows}
    strange = made.keys() - {row.id for row in rows}
    if strange:
        raise PixMusError(
            f"{folder} holds {len(strange)} rows that are not in the table ({min(strange)} is "
            "one); publish them with the table they were made of."
        )
    for name in sorted({name for row in made.values() for name in (row.picture, row.audio)}):
        source = folder / MEDIA / name
        if not source.is_file():
            raise PixMusError(
                f"{source} is missing; make it again with `pixmus dataset materialize`."
            )
        target = place / MEDIA / name
        target.parent.mkdir(exist_ok=True)
        try:
            os.link(source, target)  # media are large, and are only read
        except OSError:
            shutil.copyfile(source, target)
    told = [replace(row, motion=made[row.id].motion) if row.id in made else row for row in rows]
    return told, json.loads((folder / MADE_WITH).read_text()) | {"rows": len(made)}


def write_card(
    rows: Sequence[Row],
    recipes: Mapping[str, Recipe],
    num_bytes: int,
    name: str = "USER/NAME",
    made_with: Mapping[str, Any] | None = None,
) -> str:
    """The card of a table of recipes; `made_with` says who played the media that come along."""
    corpora = _corpora(rows, recipes)
    font = str(made_with.get("font")) if made_with else ""
    pretty_name = "PixMus synthetic: pictures with music"
    front = {
        "pretty_name": pretty_name,
        "license": _licences([corpus["name"] for corpus in corpora]),
        "task_categories": ["text-to-audio", "video-classification"],
        "size_categories": [next((w for most, w in SIZES if len(rows) < most), "1M<n<10M")],
        "tags": ["synthetic", "music", "video", "video-to-music", "symbolic-music"],
        "configs": [{"config_name": "default", "data_files": NAME}],
    }
    return fill(
        TEMPLATE,
        front_matter=_yaml(front),
        pretty_name=pretty_name,
        name=name,
        table=NAME,
        media=MEDIA,
        version=VERSION,
        num_bytes=num_bytes,
        num_rows=len(rows),
        num_videos=sum(row.kind == "video" for row in rows),
        hours=sum(row.duration for row in rows) / 3600,
        scenes=dict(Counter(recipe.scene for recipe in recipes.values()).most_common()),
        columns=COLUMNS,
        settings=sorted(
            {(r.agreement, r.level_share, r.noise_seconds, r.beat_cuts) for r in recipes.values()}
        ),
        pairing=PAIRING,
        corpora=corpora,
        made_with=made_with,
        font_licence=FONT_LICENCES.get(font, f"{font}: see its own licence"),
        with_freedoom=any(corpus["name"] == "freedoom" for corpus in corpora),
    )


def _corpora(rows: Sequence[Row], recipes: Mapping[str, Recipe]) -> list[dict[str, Any]]:
    """The corpora that the rows' music is of, that of most rows first."""
    music = [recipes[row.picture].music for row in rows]
    counts = Counter(name.split("/")[0] for name in music)
    return [
        {
            "name": corpus,
            "facts": CORPORA[corpus],
            "num_pieces": len({name for name in music if name.split("/")[0] == corpus}),
            "num_rows": count,
        }
        for corpus, count in counts.most_common()
    ]


def _licences(corpora: Sequence[str]) -> list[str]:
    found = ["apache-2.0"]
    if "lieder" in corpora or "quartets" in corpora:
        found.append("cc0-1.0")
    return found + (["bsd-3-clause"] if "freedoom" in corpora else [])


def _yaml(front: Mapping[str, Any]) -> str:
    from huggingface_hub.utils import yaml_dump

    return str(yaml_dump(dict(front), sort_keys=False))
