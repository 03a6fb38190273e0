"""`Shelf`: every result of a visit as a card, and what was changed from one to the next.

Cards are numbered as they come and keep their numbers. At most `MOST_CARDS` are kept; the oldest
that is not held by the visitor goes first.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pixmus.choice import Step
from pixmus.choices import CHOICES, ENSEMBLE, KEY, SEED, TAKES, TEMPO, TEXT
from pixmus.errors import PixMusError

if TYPE_CHECKING:
    from pixmus.doors.page.takes import Take

MOST_CARDS = 12
MOST_HELD = 8  # so that all takes of a new request find a place
MOST_SECONDS = 720.0  # of sound on one shelf: long films leave it sooner
LONGEST_NAME = 40  # characters
GONE = "This take is gone: results are removed after a while; make the soundtrack again."


@dataclass(eq=False)
class Card:
    """One result: a take, what it is called, what was asked for it and what changed."""

    number: int
    take: Take
    name: str
    change: str  # "redo of bars 3-4 of take 2"
    is_held: bool = False
    at: float = field(default_factory=time.time)  # when it was put on the shelf

    @property
    def asked(self) -> str:
        """What was asked for, in a few words."""
        return asked_for(self.take.soundtrack.settings)


@dataclass
class Shelf:
    """The cards of a visit, in order."""

    cards: list[Card] = field(default_factory=list)
    num_made: int = 0

    def add(self, take: Take, of: str = "") -> list[Card]:
        """Put a take on the shelf; returns the cards that leave it for lack of room.

        `of` says what it is where it was made from another ("redo of bars 3-4 of take 2").
        """
        upload = take.source.upload
        before = next((c for c in reversed(self.cards) if c.take.source.upload == upload), None)
        change = of
        if before is not None and not of:
            change = change_between(before.take.soundtrack.settings, take.soundtrack.settings)
        self.num_made += 1
        self.cards.append(Card(self.num_made, take, f"Take {self.num_made}", change))
        gone = []
        while self._is_too_full() and (spare := self._spare()) is not None:
            self._take_down(spare)
            gone.append(spare)
        return gone

    def find(self, number: int | None) -> Card:
        """The card of that number; PixMusError where it is gone."""
        for card in self.cards:
            if card.number == number:
                return card
        raise PixMusError(GONE)

    def hold(self, number: int, is_held: bool) -> None:
        """Keep a card, or let it go when its turn comes; PixMusError where too many are kept."""
        card = self.find(number)
        if is_held and sum(c.is_held for c in self.cards if c is not card) >= MOST_HELD:
            raise PixMusError(
                f"{MOST_HELD} results are kept already; let one of them go to keep this one."
            )
        card.is_held = is_held

    def rename(self, number: int, name: str) -> None:
        """Call a card something else; an empty name gives it its first one back."""
        name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
        self.find(number).name = name[:LONGEST_NAME] or f"Take {number}"

    def remove(self, number: int) -> None:
        """Take a card and its files away."""
        self._take_down(self.find(number))

    def clear(self) -> None:
        """Take all cards down; their files go with the visit's folder."""
        self.cards.clear()

    def number_of(self, take: Take) -> int:
        """The number of a take's card, 0 where it has none."""
        return next((card.number for card in self.cards if card.take is take), 0)

    def _is_too_full(self) -> bool:
        seconds = sum(card.take.soundtrack.cue_sheet.duration for card in self.cards)
        return len(self.cards) > MOST_CARDS or seconds > MOST_SECONDS

    def _spare(self) -> Card | None:
        """The oldest card that may go, never the newest."""
        return next((card for card in self.cards[:-1] if not card.is_held), None)

    def _take_down(self, card: Card) -> None:
        self.cards.remove(card)
        shutil.rmtree(card.take.folder, ignore_errors=True)


def told_gone(gone: list[Card]) -> str:
    """That cards had to leave, as a sentence; "" where none did."""
    if not gone:
        return ""
    names = ", ".join(card.name for card in gone)
    return (
        f"{names} left the shelf to make room: it keeps the {MOST_CARDS} newest results and those "
        "that you pin."
    )


def asked_for(settings: Mapping[str, Any]) -> str:
    """What was asked for, in a few words: "“dark”, E minor, strings"."""
    direction = settings.get("direction")
    told = [f"“{settings[TEXT.name]}”"] if settings.get(TEXT.name) else []
    if direction is None:
        told.append("your cue sheet")
    else:
        told += [
            _said(choice.name, direction[choice.name])
            for choice in CHOICES.values()
            if choice.step == Step.SPOT and direction.get(choice.name) is not None
        ]
    return ", ".join(told) or "the picture alone"


def change_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What was asked otherwise than before: "strings instead of band"; or "another seed"."""
    told = []
    is_other_way = (before.get("direction") is None) != (after.get("direction") is None)
    if is_other_way:
        sheet = after.get("direction") is None
        told.append("from your cue sheet" if sheet else "from the picture again")
    old = {**before, **(before.get("direction") or {})}
    new = {**after, **(after.get("direction") or {})}
    for name, choice in CHOICES.items():
        if name in (SEED.name, TAKES.name) or old.get(name) == new.get(name):
            continue
        if choice.step in (Step.TRIM, Step.TAKES):
            continue
        if is_other_way and (choice.step == Step.SPOT or name == TEXT.name):
            continue  # a cue sheet has what was found in the place of what was asked
        value, was = new.get(name), old.get(name)
        if name == TEXT.name:
            told.append(f"“{value}”" if value else "without words")
        elif value is None:
            told.append(f"{choice.noun} left to PixMus")
        elif was is None or choice.kind is bool:
            told.append(_said(name, value))
        else:
            told.append(f"{_said(name, value)} instead of {_said(name, was, short=True)}")
    if not told and before.get(SEED.name) != after.get(SEED.name):
        return "another seed"
    return ", ".join(told) or "the same again"


def _said(name: str, value: Any, short: bool = False) -> str:
    """A value as one says it of music: "strings", "96 bpm", "guidance scale 3"."""
    choice = CHOICES[name]
    if choice.kind is bool:
        return f"{'with' if value else 'without'} {choice.noun}"
    if choice.kind is tuple:
        return f"only {', '.join(value)}"
    told = f"{value:g}" if isinstance(value, float | int) else str(value)
    if name == TEMPO.name:
        return f"{told} bpm"
    if short or name in (KEY.name, ENSEMBLE.name):
        return told
    if choice.kind is str:
        return f"{choice.noun} {told}"
    return f"{choice.noun} {told}{f' {choice.unit}' if choice.unit else ''}"
