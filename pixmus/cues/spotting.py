"""`spot`: the rules that propose a `CueSheet` of a picture.

Conventions: times are seconds from the first displayed frame, curves are 0..1 on the 4 Hz clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixmus.cues.direction import Direction
from pixmus.cues.hit_points import find_hit_points
from pixmus.cues.moods import PLAIN_CHANGE, in_words, moods_in_turn
from pixmus.cues.players import choose_players
from pixmus.cues.rule_curves import curve_rows, rule_curves, wished_curves, with_mood
from pixmus.cues.sections import find_sections, shot_novelties
from pixmus.cues.sheet import Cue, CueSheet, tidy_rate
from pixmus.cues.tempo_and_key import choose_key, choose_tempo
from pixmus.cues.wishes import NO_WISHES, Wishes
from pixmus.curves import Curve
from pixmus.ensembles import ENSEMBLES
from pixmus.errors import PixMusError
from pixmus.picture.features import Features

if TYPE_CHECKING:  # the rules need no torch
    from pixmus.cues.sight import Seen

MIN_CUE = 20.0  # s: shorter spans cannot hold a beginning and an ending of their own
MOST_SAID = 5  # things that are said to be seen


def spot(
    features: Features,
    direction: Direction = Direction(),  # noqa: B008
    wishes: Wishes = NO_WISHES,
) -> CueSheet:
    """Propose what the music shall do, by the rules above; what `direction` asks for is obeyed."""
    return make_cue_sheet(features, rule_curves(features), direction, wishes)


def make_cue_sheet(
    features: Features,
    curves: dict[str, np.ndarray],
    direction: Direction,
    wishes: Wishes,
    *,
    more_inputs: tuple[str, ...] = (),
    with_moments: bool = False,
    seen: Seen | None = None,
) -> CueSheet:
    """The cue sheet of curves (0..1, (num_curve_values,)) that somebody made of the picture.

    `direction` wins over `wishes`, and they over the rules; every choice comes with its reason.
    `with_moments` makes hit points of flashes, falls and stops too. `seen` is what the views of
    the features show: it is said, may choose who plays, and gives like sections one theme.
    """
    curves = wished_curves(curves, wishes, direction)
    curves = with_mood(curves, direction.valence, direction.energy)
    energy, valence = float(curves[Curve.ENERGY].mean()), float(curves[Curve.VALENCE].mean())
    reasons: dict[str, str] = {}
    mostly: tuple[str, ...] = ()
    if seen is not None and features.views is not None:
        mostly = seen.mostly(features.views)
        if said := seen.said(features.views):
            reasons["sight"] = f"seen: {', '.join(said[:MOST_SAID])}"
    tempo, reasons["tempo_bpm"] = choose_tempo(features, energy, direction, wishes)
    key, reasons["key"] = choose_key(
        features, valence, float(curves[Curve.REGISTER].mean()), direction, wishes
    )
    ensemble, style, reasons["ensemble"], reasons["style"] = choose_players(
        features,
        energy,
        valence,
        moods_in_turn(curves[Curve.ENERGY], curves[Curve.VALENCE]),
        direction,
        wishes,
        mostly,
    )
    inputs = ["colour"]
    if features.motion.any():
        inputs.append("motion")
    if features.transitions:
        inputs.append("cuts")
    inputs += more_inputs
    if direction != Direction():
        inputs.append("direction")
    if wishes.text:
        inputs.append("text")
        reasons["text"] = wishes.told()
    left = tuple(part for part in ENSEMBLES[ensemble].parts if part not in wishes.without)
    parts = direction.parts or left or ENSEMBLES[ensemble].parts
    return CueSheet(
        duration=features.duration,
        frame_rate=tidy_rate(features.frame_rate),
        cuts=tuple(round(time, 4) for time in features.cuts),
        hit_points=find_hit_points(features, with_moments),
        curves=curves,
        cues=find_cues(features, curves, direction),
        key=key,
        tempo_bpm=tempo,
        tempo_fixed=direction.tempo_bpm is not None,
        style=style,
        ensemble=ensemble,
        parts=parts,
        inputs=tuple(inputs),
        sections=find_sections(features, seen),
        reasons=reasons,
    )


def find_cues(
    features: Features, curves: dict[str, np.ndarray], direction: Direction
) -> tuple[Cue, ...]:
    """One cue, or several where a long clip changes its intent at a new scene.

    The music of every cue has an ending of its own, so both sides must be `MIN_CUE` long and
    differ plainly in mean energy or valence. A cue is called by its mood, or its moods in turn.
    """
    duration = features.duration
    start = direction.music_from or 0.0
    end = duration if direction.music_to is None else min(direction.music_to, duration)
    if start >= duration:
        raise PixMusError(
            f"The music is to start at {start:g} s, but the clip lasts {duration:.2f} s; "
            "choose an earlier start."
        )
    if end <= start:
        raise PixMusError(
            f"The music is to end at {end:g} s, not after its start at {start:g} s; "
            "choose a later end."
        )
    edges = [start]
    for time, novelty in zip(features.cuts, shot_novelties(features), strict=True):
        if novelty < 0.5 or time - edges[-1] < MIN_CUE or end - time < MIN_CUE:
            continue
        before = _means(curves, edges[-1], time)
        after = _means(curves, time, min(time + MIN_CUE, end))
        if max(abs(a - b) for a, b in zip(before, after, strict=True)) >= PLAIN_CHANGE:
            edges.append(round(time, 4))
    edges.append(end)
    return tuple(
        Cue(a, b, in_words(_moods(curves, a, b)))
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    )


def _means(curves: dict[str, np.ndarray], start: float, end: float) -> tuple[float, float]:
    """Mean energy and valence between two times."""
    rows = curve_rows(start, end, len(curves[Curve.ENERGY]))
    return float(curves[Curve.ENERGY][rows].mean()), float(curves[Curve.VALENCE][rows].mean())


def _moods(
    curves: dict[str, np.ndarray], start: float, end: float
) -> tuple[tuple[float, float], ...]:
    """(energy, valence) between two times: one mood, or two in turn."""
    rows = curve_rows(start, end, len(curves[Curve.ENERGY]))
    return moods_in_turn(curves[Curve.ENERGY][rows], curves[Curve.VALENCE][rows])
