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
from pixmus.doors.publish import CARD
from pixmus.errors import PixMusError
from pixmus.training.corpus import CORPORA

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

FREEDOOM_NOTICE = """\
Copyright © 2001-2024 Contributors to the Freedoom project.  All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted
provided that the following conditions are met:

  * Redistributions of source code must retain the above copyright notice, this list of conditions
    and the following disclaimer.
  * Redistributions in binary form must reproduce the above copyright notice, this list of
    conditions and the following disclaimer in the documentation and/or other materials provided
    with the distribution.
  * Neither the name of the Freedoom project nor the names of its contributors may be used to
    endorse or promote products derived from this software without specific prior written
    permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS “AS IS” AND ANY EXPRESS OR
IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND
FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE,
DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER
IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF
THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

For a list of contributors to the Freedoom project, see its file CREDITS; for the music,
CREDITS-MUSIC (github.com/freedoom/freedoom)."""

# Licences of the SoundFonts that PixMus finds by itself.
FONT_LICENCES = {
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
    videos = sum(row.kind == "video" for row in rows)
    hours = sum(row.duration for row in rows) / 3600
    corpora: Counter[str] = Counter()
    pieces: dict[str, set[str]] = {}
    for row in rows:
        corpus = recipes[row.picture].music.split("/")[0]
        corpora[corpus] += 1
        pieces.setdefault(corpus, set()).add(recipes[row.picture].music)
    scenes = Counter(recipe.scene for recipe in recipes.values())
    size = next((word for most, word in SIZES if len(rows) < most), "1M<n<10M")
    settings = {
        (r.agreement, r.level_share, r.noise_seconds, r.beat_cuts) for r in recipes.values()
    }
    told_settings = "; ".join(
        f"a = {a:g}, L = {share:g}, slow noise of {seconds:g} s, {100 * cuts:.0f} % of cuts drawn "
        "to beats"
        for a, share, seconds, cuts in sorted(settings)
    )
    licences = "\n".join(
        f"| {CORPORA[corpus].title} | {CORPORA[corpus].licence} | {CORPORA[corpus].source} | "
        f"{len(pieces[corpus])} | {count:,} |"
        for corpus, count in corpora.most_common()
    )
    columns = "\n".join(f"| {column} | {meaning} |" for column, meaning in COLUMNS.items())
    ties = "\n".join(
        f"| {quantity} | {' + '.join(f'{w:g} {curve}' for curve, w in tie.weights.items())} | "
        f"{tie.mean:g} | {tie.deviation:g} | {'a' if tie.loosely == 1 else f'{tie.loosely:g} a'} |"
        for quantity, tie in PAIRING.items()
    )
    front = {
        "pretty_name": "PixMus synthetic: pictures with music",
        "license": _licences(corpora),
        "task_categories": ["text-to-audio", "video-classification"],
        "size_categories": [size],
        "tags": ["synthetic", "music", "video", "video-to-music", "symbolic-music"],
        "configs": [{"config_name": "default", "data_files": NAME}],
    }
    what_media = (
        f"Media of {made_with['rows']:,} rows come along in `{MEDIA}/`; "
        if made_with
        else "No media come along; "
    )
    return f"""---
{_yaml(front)}---

# {front["pretty_name"]}

**Everything in this dataset is synthetic.** No picture was filmed, photographed or made by a
learned model: films and stills are painted by a program from a seed. No music was recorded: scores
of open corpora are played by a synthesiser. Picture and music do not belong together in any work of
anyone; they were paired by the rule below. Use it to test a pipeline, to compare methods where the
truth is known, and to train before real pairs are at hand, never as evidence of how people set
pictures to music.

It has the columns, the shares of films and stills and the segments of the PixMus thesis' dataset
(T. Sharma, University at Buffalo, 2024), of which it contains nothing: {len(rows):,} rows,
{videos:,} of films and {len(rows) - videos:,} of stills, {hours:,.0f} hours, from {len(recipes):,}
sources (a film of one to six clips, or a still that stands for several windows of one piece).
A row is a *recipe*: what is needed to make its film or still and its music. The table has
{num_bytes / 1e6:.1f} MB. {what_media}any others are made by

    pixmus dataset materialize {NAME} --rows 0:100 --music MUSIC --out DIR

where MUSIC holds the corpora named below. The same recipe gives the same bytes on one machine with
the same versions, and what looks and sounds the same on others.

## Columns

| column | meaning |
|---|---|
{columns}

The part of a file's name after the dash is the beginning of the sha256 of its recipe.

## How picture and music agree

The music's curves (density of onsets, energy, valence, register) are measured on the notes, a value
a second, each as its quantile among the training bars of PixMus; z_c is the normal score of curve
c. Every quantity p of the picture follows them as

    z_p(t) = a_p m_p(t) + sqrt(1 - a_p^2) e_p(t)
    m_p(t) = (sum_c w_pc z_c(t) - mean_p) / sd_p
    e_p(t) = sqrt(L) level_p + sqrt(1 - L) slow_p(t)

with level_p a normal number for the source and slow_p smooth noise of variance 1. Here
{told_settings}.

| quantity p | sum | mean | sd | a_p |
|---|---|---|---|---|
{ties}

Motion is the camera's speed, cutting the rate of cuts, height where the light lies. A still shows
the mean of the look over its rendition.

Scenes, by sources: {", ".join(f"{kind} {count:,}" for kind, count in scenes.most_common())}.

## Sources and licences

The recipes, films and stills are PixMus' own, Apache 2.0. The music keeps the licence of
its corpus:

| corpus | licence | source | pieces | rows |
|---|---|---|---|---|
{licences}
{_font_told(made_with)}
{_freedoom_told(corpora)}
## Limits

- The pictures are simple, and alike in their making: nothing can be learnt from them of textures,
  objects or people. There are no people, no speech, no story and no noise of a scene.
- The music is European art song and chamber music of the 18th to 20th century and game music, in
  4/4, by one synthesiser. OpenScore's scores have no dynamics here; how hard notes are struck
  follows their energy, which is the quantile of how many voices sound.
- {sum(len(names) for names in pieces.values()):,} pieces make {len(rows):,} rows: the same
  bars come back in other rows at another tempo, in another key and beside another picture. Rows of
  one source share picture and music: split by `Video File Name`, and by `Recipe Music`
  where nothing of a piece may be seen before.
- The agreement is a rule with noise. A model that learns it has learnt the rule.

## Made by

`pixmus dataset synthesize` of PixMus, recipes of version {VERSION}; this card by
`pixmus publish-dataset {name}`.
"""


def _licences(corpora: Mapping[str, int]) -> list[str]:
    found = ["apache-2.0"]
    if "lieder" in corpora or "quartets" in corpora:
        found.append("cc0-1.0")
    return found + (["bsd-3-clause"] if "freedoom" in corpora else [])


def _font_told(made_with: Mapping[str, Any] | None) -> str:
    if made_with is None:
        return ""
    font = str(made_with.get("font"))
    licence = FONT_LICENCES.get(font, f"{font}: see its own licence")
    return f"\nThe music was played by {made_with.get('synth')} with a SoundFont: {licence}.\n"


def _freedoom_told(corpora: Mapping[str, int]) -> str:
    if "freedoom" not in corpora:
        return ""
    indented = "\n".join(f"    {line}".rstrip() for line in FREEDOOM_NOTICE.splitlines())
    return f"\nFreedoom's notice, which goes with its music:\n\n{indented}\n"


def _yaml(front: Mapping[str, Any]) -> str:
    from huggingface_hub.utils import yaml_dump

    return str(yaml_dump(dict(front), sort_keys=False))
