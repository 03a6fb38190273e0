"""How takes of one clip differ on purpose: another ensemble, a key a third away."""

from __future__ import annotations

from dataclasses import replace

from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet
from pixmus.cues.wishes import Wishes
from pixmus.ensembles import ENSEMBLES
from pixmus.keys import TONICS

# Semitones from the first take's tonic, the mode the same: all four thirds have common tones with
# it and none is a neighbour on the circle of fifths, so that each sounds like another place.
THIRDS = (-3, 4, 3, -4)
# Which ensemble and which third each take after the first has, 0 its own: first one of the two
# differs, then both.
ORDER = ((1, 0), (0, 1), (2, 2), (1, 3), (2, 4))


def direction_of_take(
    number: int, first: CueSheet, direction: Direction, wishes: Wishes
) -> Direction:
    """What is asked for the take of that number, 1 the first, whose cue sheet is `first`.

    What `direction` and `wishes` say stays; only what the rules chose is chosen otherwise: who
    plays, and the tonic. Takes differ by their seed besides, so by plan and notes.
    """
    players = _players(first, direction, wishes)
    thirds = THIRDS if direction.key is None else ()
    if number == 1 or not (players or thirds):
        return direction
    who, third = ORDER[(number - 2) % len(ORDER)]
    if not players or not thirds:  # one alone is free: it differs each time
        who = third = number - 1
    if players and who:
        direction = replace(direction, ensemble=players[(who - 1) % len(players)])
    if thirds and third:
        tonic, mode = first.key.split()
        place = (TONICS.index(tonic) + thirds[(third - 1) % len(thirds)]) % len(TONICS)
        direction = replace(direction, key=f"{TONICS[place]} {mode}")
    return direction


def _players(first: CueSheet, direction: Direction, wishes: Wishes) -> tuple[str, ...]:
    """Ensembles that may play instead, nearest in mood first; none where somebody chose."""
    asked = (direction.ensemble, direction.style, direction.parts, wishes.ensemble, wishes.style)
    if any(asked) or wishes.without:
        return ()
    here = ENSEMBLES[first.ensemble]
    alike = [name for name, other in ENSEMBLES.items() if other.style == here.style]
    offered = [name for name in (*here.instead, *alike) if name in ENSEMBLES]
    return tuple(
        name
        for name in dict.fromkeys(offered)
        if name != here.name and not {name, *name.split(" and ")} & set(wishes.avoid)
    )
