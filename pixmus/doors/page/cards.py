"""What the player and the shelf are told, as JSON: the cards of a visit, or one more example."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixmus.choices import ORIGINAL_AUDIO
from pixmus.doors.page import markup
from pixmus.doors.page.films import poster
from pixmus.doors.page.inline import jpeg_url
from pixmus.doors.page.links import query_of
from pixmus.doors.page.panels.controls import asked_in
from pixmus.doors.page.shelf import MOST_CARDS, MOST_HELD, Card
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Visit

THUMBNAIL_SIZE = (128, 72)  # pixels
THUMBNAIL_AT = 0.4  # of the clip


def shelf_json(visit: Visit, chosen: int | None) -> str:
    """The cards of a visit, the key that brings it back, and the card to be seen.

    `at`, in microseconds, tells which of two states is the later one: answers may overtake.
    """
    at = round(1e6 * time.time())
    made = [visit.shelf.number_of(take) for take in visit.takes]
    best = made[0] if visit.is_ranked and len(made) > 1 else None
    return json.dumps(
        {
            "at": at,
            "key": visit.key if visit.folder.exists() else "",
            "cards": [_card(card, best) for card in visit.shelf.cards],
            "chosen": chosen and f"t{chosen}",
            "latest": [f"t{number}" for number in made],
            "most": MOST_CARDS,
            "mostHeld": MOST_HELD,
        }
    )


def example_json(example: Example, index: int, now: float, along: Path | None) -> str:
    """One more card, of an example, to be seen; the cards of the visit stay as they are."""
    card = {
        "id": f"e{index}",
        "index": index,
        "at": now,
        "name": example.title,
        "change": "example",
        "asked": example.intent,
        "src": markup.file_url(example.scored),
        "clip": example.clip.name,
        "poster": poster(example.scored, example.poster_at),
        "along": markup.file_url(along) if along else "",
    }
    return json.dumps({"example": card, "chosen": card["id"]})


def _card(card: Card, best: int | None) -> dict[str, Any]:
    take = card.take
    return {
        "id": f"t{card.number}",
        "number": card.number,
        "at": card.at,
        "name": card.name,
        "change": card.change,
        "asked": card.asked,
        "seed": take.seed,
        "link": query_of(asked_in(take.soundtrack.settings)),
        "held": card.is_held,
        "best": card.number == best,
        "src": markup.file_url(take.clip),
        "file": take.clip.name,
        "clip": take.source.upload.name,
        "seconds": round(take.soundtrack.cue_sheet.duration, 3),
        "poster": _thumbnail(take.soundtrack.thumbnails),
        "along": markup.file_url(take.along) if take.along.exists() else "",
        "sounds": _sounds(take),
        "musicAlone": take.soundtrack.settings[ORIGINAL_AUDIO.name] == "drop",
    }


def _sounds(take: Take) -> dict[str, Any] | None:
    """Where the sounds of a take are, to be mixed anew; None where they were not asked for yet."""
    if take.sounds is None:
        return None
    found = take.sounds
    parts = {part: markup.file_url(path) for part, path in found.parts.items()}
    return {
        "music": markup.file_url(found.music),
        "own": markup.file_url(found.own) if found.own else "",
        "parts": parts,
        "gain": found.gain,
    }


def _thumbnail(frames: Any) -> str:
    """A frame of the clip as the address of a small JPEG picture; "" where there is none."""
    if not frames:
        return ""
    image: np.ndarray = frames[int(THUMBNAIL_AT * (len(frames) - 1))].image
    picture = Image.fromarray(image)
    picture.thumbnail(THUMBNAIL_SIZE)
    return jpeg_url(picture)
