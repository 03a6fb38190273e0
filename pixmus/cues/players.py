"""The ensemble and the style that play, by tables, in accord with whatever was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pixmus.cues.direction import Direction
from pixmus.cues.moods import BRIGHT, DARK, HIGH_ENERGY, LOW_ENERGY, in_words
from pixmus.cues.rule_curves import TYPICAL_LOG_CHROMA
from pixmus.cues.wishes import Wishes
from pixmus.ensembles import (
    AMBIENT,
    BAND,
    DARK_DRONE,
    ENSEMBLES,
    HYBRID,
    MUSIC_BOX,
    ORCHESTRA,
    PIANO,
    PIANO_AND_STRINGS,
    STRINGS,
    Ensemble,
    Style,
)
from pixmus.errors import PixMusError
from pixmus.picture.features import Features

VERY_DARK = 0.1  # valence: hardly anything is seen
LONG_CLIP = 20.0  # s: time for a pad to unfold
SHORT_CLIP = 9.0  # s


# What is plainly seen for half of a clip may say who plays: thing, with calm, middling and high
# energy. None leaves it to the mood. A judgement of what a composer would reach for.
SEEN_PLAYERS: dict[str, tuple[Ensemble | None, Ensemble | None, Ensemble | None]] = {
    "toys": (MUSIC_BOX, MUSIC_BOX, None),
    "sea or lake": (AMBIENT, ORCHESTRA, ORCHESTRA),
    "mountains": (AMBIENT, ORCHESTRA, ORCHESTRA),
    "flight": (AMBIENT, ORCHESTRA, ORCHESTRA),
    "castle": (STRINGS, ORCHESTRA, ORCHESTRA),
    "monuments": (STRINGS, ORCHESTRA, ORCHESTRA),
    "church": (STRINGS, STRINGS, ORCHESTRA),
    "wedding": (PIANO_AND_STRINGS, PIANO_AND_STRINGS, None),
    "sport": (None, BAND, BAND),
    "vehicles": (None, BAND, BAND),
    "stage": (None, BAND, BAND),
}


def choose_players(
    features: Features,
    energy: float,
    valence: float,
    moods: Sequence[tuple[float, float]],
    direction: Direction,
    wishes: Wishes,
    mostly: Sequence[str] = (),
) -> tuple[str, str, str, str]:
    """(ensemble, style, why, why) by the tables above, in accord with whatever was asked for.

    The first row that is true decides; change a row to change who plays. `mostly` is what is
    plainly seen for half of the clip; `moods` are its mood (energy, valence), or two in turn,
    and `energy` and `valence` the means of the whole.
    """
    turns = len(moods) > 1 and max(mood[0] for mood in moods) >= HIGH_ENERGY
    calm, busy = energy < LOW_ENERGY, energy >= HIGH_ENERGY
    colourful = float(features.saturation.mean()) >= math.exp(TYPICAL_LOG_CHROMA[0])
    long, short = features.duration >= LONG_CLIP, features.duration < SHORT_CLIP
    wanted = direction.style or wishes.style
    level = int(not calm) + int(busy)
    shown = [
        (player.name, f"{thing} is seen")
        for thing in mostly
        if (player := SEEN_PLAYERS.get(thing, (None,) * 3)[level]) is not None
    ]
    table = (
        (direction.ensemble is not None, direction.ensemble, "asked for"),
        (
            wishes.ensemble is not None and direction.style is None,
            wishes.ensemble,
            "your words name it",
        ),
        (
            wanted is not None,
            Style(wanted or Style.POP).players[energy >= 0.5],
            f"it plays the style {wanted}",
        ),
        *((True, name, why) for name, why in shown),
        (turns and not short, ORCHESTRA.name, in_words(moods)),
        (busy and valence < VERY_DARK and long, HYBRID.name, "very dark and strong, for long"),
        (busy and valence < DARK and short, PIANO_AND_STRINGS.name, "dark and strong, but short"),
        (busy and valence < DARK, ORCHESTRA.name, "dark and strong"),
        (busy, BAND.name, "much happens, and it is not dark"),
        (calm and valence < VERY_DARK and long, DARK_DRONE.name, "calm for long, and very dark"),
        (calm and valence < BRIGHT and long, AMBIENT.name, "calm for long, and not bright"),
        (valence < DARK and long, PIANO_AND_STRINGS.name, "dark for long"),
        (valence < DARK, STRINGS.name, "dark"),
        (
            short and colourful and valence >= BRIGHT and not calm,
            MUSIC_BOX.name,
            "short, colourful and bright",
        ),
        (calm and long, PIANO_AND_STRINGS.name, "calm and bright for long"),
        (valence < BRIGHT and not calm, PIANO_AND_STRINGS.name, "neither bright nor calm"),
        (True, PIANO.name, "bright or calm, and nothing more is needed"),
    )

    def avoided(name: str) -> bool:
        return bool({name, *name.split(" and ")} & set(wishes.avoid))

    ensemble, why = next(
        ((name, why) for is_so, name, why in table if is_so and name and not avoided(name)),
        (MUSIC_BOX.name, "every other ensemble that fits was ruled out"),
    )
    if direction.parts is not None:
        before = ensemble
        ensemble = _ensemble_with(direction.parts, ensemble, direction.ensemble is not None)
        why = why if ensemble == before else "it has the parts asked for"
    if direction.style is not None:
        return ensemble, direction.style, why, "asked for"
    if wishes.style is not None:
        return ensemble, wishes.style, why, "your words name it"
    if ensemble == PIANO.name and valence >= BRIGHT:
        return ensemble, Style.POP, why, "a bright piano plays pop"
    return ensemble, ENSEMBLES[ensemble].style, why, f"what the ensemble {ensemble} plays"


def _ensemble_with(parts: tuple[str, ...], ensemble: str, is_fixed: bool) -> str:
    """`ensemble` where it has all the parts, else the first that has them."""
    if set(parts) <= set(ENSEMBLES[ensemble].parts):
        return ensemble
    others = [name for name, has in ENSEMBLES.items() if set(parts) <= set(has.parts)]
    if is_fixed:
        raise PixMusError(
            f'The ensemble "{ensemble}" has the parts {", ".join(ENSEMBLES[ensemble].parts)}; '
            "leave out the others or choose another ensemble."
        )
    if not others:
        raise PixMusError(
            f"No ensemble has all the parts {', '.join(parts)}; leave out one of them."
        )
    return others[0]
