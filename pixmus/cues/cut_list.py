"""`CutList`: the cuts and markers of an editor, and what of them the music shall meet.

Conventions: times are exact seconds (`Fraction`); of a list that was read they count on the list's
own clock, of one that was `placed` from the first frame of the picture. A marker becomes a hit
point whose strength its colour says, a range a cue. Cuts that are given win over cuts seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from pixmus.cues.checks import LONGEST_TEXT, MOST_ROWS
from pixmus.cues.sheet import LONGEST_S, SHORTEST_S, Cue, CueSheet, HitPoint
from pixmus.curves import num_curve_values
from pixmus.errors import PixMusError
from pixmus.picture.features import Features
from pixmus.picture.timecode import Counting
from pixmus.picture.transitions import Transition

CUT_LIST = "cut list"  # among a cue sheet's inputs and reasons
# How strongly the music acknowledges a marker, by its colour in any editor. Blue is what Resolve
# gives a marker that nobody coloured, green what Premiere and Final Cut do.
STRENGTHS = {
    "red": 1.0, "fuchsia": 0.9, "rose": 0.9, "orange": 0.85, "magenta": 0.8, "pink": 0.8,
    "yellow": 0.75, "lemon": 0.75, "purple": 0.7, "violet": 0.7, "lavender": 0.7,
    "blue": 0.6, "green": 0.6, "cyan": 0.5, "sky": 0.5, "mint": 0.5, "cerulean": 0.5,
    "iris": 0.5, "caribbean": 0.5, "forest": 0.5, "mango": 0.85, "sand": 0.4, "cocoa": 0.4,
    "brown": 0.4, "cream": 0.3, "white": 0.3, "grey": 0.2, "gray": 0.2, "black": 0.2,
}  # fmt: skip
STRONGEST, USUAL = 1.0, 0.6
OFFERED = ("Red", "Fuchsia", "Pink", "Yellow", "Purple", "Blue", "Cyan", "Sand", "Cream")
SHORTEST_CUE = 2  # s: a shorter range is a moment
NEAR_SEEN = 0.25  # s: a seen cut so near to a given one is the same
# Flat curves of a picture that nobody has seen: those of a typical clip, see `rule_curves`.
TYPICAL_PICTURE = {
    "motion": 0.026, "brightness": 0.45, "contrast": 0.18, "saturation": 0.14, "warmth": 0.0,
    "edges": 0.109,
}  # fmt: skip

OWN_CUE = "cue: "  # how PixMus' own markers name the beginning of a cue ...
OWN_HIT = re.compile(r"hit (0\.\d{1,3}|1\.0{1,3})")  # ... and a hit point


@dataclass(frozen=True)
class Edit:
    """One shot giving way to the next, from `start` to `end` (equal for a cut)."""

    start: Fraction
    end: Fraction
    kind: str = "cut"  # or "dissolve" or "fade", as of a `Transition`

    @property
    def time(self) -> Fraction:
        """When the new shot has come: the middle of a dissolve."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Mark:
    """A marker with its strength 0..1; with a length it is a range. None goes to the next range."""

    time: Fraction
    name: str
    strength: float = USUAL
    length: Fraction | None = Fraction(0)


@dataclass(frozen=True)
class CutList:
    """What a list of cuts and markers says."""

    name: str  # of its file
    edits: tuple[Edit, ...] = ()
    marks: tuple[Mark, ...] = ()
    start: Fraction = Fraction(0)  # of the programme, on the list's clock, as the list has it
    end: Fraction | None = None  # of the programme, where the list says it
    counting: Counting | None = None  # of its timecode; without one its clock begins at 0
    with_seen: bool = False  # cuts that are seen fill in
    origin: Fraction = Fraction(0)  # of a placed list: what its clock shows at the first frame
    num_outside: int = 0  # cuts and markers that lay outside the clip

    def placed(self, start: Fraction | None = None) -> CutList:
        """The list in seconds from the first frame, which its clock shows at `start`."""
        origin = self.start if start is None else start
        return replace(
            self,
            edits=tuple(Edit(e.start - origin, e.end - origin, e.kind) for e in self.edits),
            marks=tuple(replace(mark, time=mark.time - origin) for mark in self.marks),
            start=Fraction(0),
            end=None if self.end is None else self.end - origin,
            origin=origin,
        )

    def within(self, duration: float, frame: float) -> CutList:
        """What of a placed list lies in a picture of `duration` with frames of `frame` seconds.

        Of several edits or markers at one frame one stays. PixMusError where nothing lies in it.
        """
        last = duration - frame / 2
        edits: list[Edit] = []
        for edit in sorted(self.edits, key=lambda edit: (edit.time, edit.kind)):
            if frame / 2 < edit.time < last and (
                not edits or edit.time - edits[-1].time > frame / 2
            ):
                edits.append(edit)
        marks = [
            mark
            for mark in sorted(self.marks, key=lambda mark: mark.time)
            if -frame / 2 < mark.time < last
            or (mark.time < last and (mark.length is None or mark.time + mark.length > frame))
        ]
        if (self.edits or self.marks) and not edits and not marks and not self._begins_only():
            raise PixMusError(
                f"{self.name}: none of its cuts and markers lies within the {duration:.2f} s of "
                "the clip; say with --start which timecode the first frame has."
            )
        times = [edit.time for edit in self.edits]
        times += [mark.time for mark in self.marks if mark not in marks]
        outside = sum(not -frame < time < duration + frame for time in times)
        return replace(self, edits=tuple(edits), marks=tuple(marks), num_outside=outside)

    def _begins_only(self) -> bool:
        """Whether it has no marker, and no edit but where its programme begins."""
        return not self.marks and all(edit.time == 0 for edit in self.edits)

    def told(self) -> str:
        """What it brings, as a person is told it."""
        counts = [f"{len(self.edits)} cuts"] if self.edits else []
        counts += [f"{len(self.marks)} markers"] if self.marks else []
        left_out = f", {self.num_outside} outside the clip left out" if self.num_outside else ""
        seen = ", and cuts that were seen" if self.with_seen else ""
        return f"{' and '.join(counts) or 'no cut'} of {self.name}{seen}{left_out}"


def strength_of(name: str, colour: str | None = None) -> float:
    """How strong a marker is: `!` in its name or red is strongest, see `STRENGTHS`."""
    if own := OWN_HIT.fullmatch(name):
        return float(own[1])
    if "!" in name:
        return STRONGEST
    return STRENGTHS.get((colour or "").strip().lower(), USUAL)


def colour_of(strength: float) -> str:
    """The colour of Resolve's that says a strength most nearly."""
    return min(OFFERED, key=lambda name: abs(STRENGTHS[name.lower()] - strength))


def mark(
    time: Fraction, name: str, colour: str | None = None, length: Fraction = Fraction(0)
) -> Mark:
    """The marker of a list; one that PixMus named as a cue's beginning goes to the next of them."""
    name = " ".join(name.split())[:LONGEST_TEXT].encode("utf-8", "replace").decode()
    is_cue = name.startswith(OWN_CUE) or name == OWN_CUE.strip(": ")
    if is_cue:
        return Mark(time, name.removeprefix(OWN_CUE), USUAL, length or None)
    return Mark(time, name, strength_of(name, colour), length)


def check_size(name: str, count: int) -> None:
    """PixMusError where a list holds more cuts and markers than a cue sheet does."""
    if count > MOST_ROWS:
        raise PixMusError(
            f"{name} holds more than {MOST_ROWS:,} cuts and markers; give the list of one reel."
        )


def hour_before(time: Fraction, counting: Counting) -> Fraction:
    """The whole hour of timecode at or before a time: where programmes start by custom."""
    hours = counting.spell(int(time * counting.rate))[:2]
    return counting.seconds(counting.count(f"{hours}:00:00:00"))


# ------------------------------------------------------------------------------ What becomes of it


def with_edits(features: Features, cut_list: CutList) -> Features:
    """The features with the transitions of a placed list, where it has any."""
    if not cut_list.edits:
        return features
    given = [
        Transition(
            float(edit.time), float(max(edit.start, Fraction(0))), float(edit.end), edit.kind
        )
        for edit in cut_list.edits
    ]
    seen = [
        transition
        for transition in (features.transitions if cut_list.with_seen else ())
        if not any(g.start - NEAR_SEEN < transition.time < g.end + NEAR_SEEN for g in given)
    ]
    moments = tuple(
        moment
        for moment in features.moments
        if not any(abs(g.time - moment.time) < NEAR_SEEN for g in given)
    )
    merged = tuple(sorted([*given, *seen], key=lambda transition: transition.time))
    return replace(features, transitions=merged, moments=moments)


def with_marks(sheet: CueSheet, cut_list: CutList) -> CueSheet:
    """The cue sheet with the markers of a placed list: hit points, and cues where it has ranges.

    A marker at the frame of a cut says how strong the cut is. Cues lie within those of `sheet`.
    """
    frame = float(1 / sheet.frame_rate)
    moments = [m for m in cut_list.marks if m.length is not None and m.length < SHORTEST_CUE]
    hits = list(sheet.hit_points)
    for moment in sorted(moments, key=lambda moment: (moment.strength, -moment.time)):
        time = round(max(float(moment.time), 0.0), 4)
        near = [hit.time for hit in hits if abs(hit.time - time) <= frame / 2]
        hits = [hit for hit in hits if hit.time not in near]
        hits.append(
            HitPoint(min(near, key=lambda at: abs(at - time), default=time), moment.strength)
        )
    hits = [hit for hit in hits if hit.time < sheet.duration]
    inputs = (*(name for name in sheet.inputs if name != CUT_LIST), CUT_LIST)
    return replace(
        sheet,
        hit_points=tuple(sorted(hits, key=lambda hit: hit.time)),
        cues=_cues_of(sheet, [m for m in cut_list.marks if m not in moments]) or sheet.cues,
        inputs=inputs,
        reasons={**sheet.reasons, CUT_LIST: cut_list.told()},
    )


def _cues_of(sheet: CueSheet, ranges: list[Mark]) -> tuple[Cue, ...]:
    """A cue for each range, each ending where the next begins at the latest."""
    if not ranges or not sheet.cues:
        return ()
    first, last = sheet.cues[0].start, sheet.cues[-1].end
    found: list[Cue] = []
    for number, span in enumerate(ranges):
        following = float(ranges[number + 1].time) if number + 1 < len(ranges) else last
        end = following if span.length is None else float(span.time + span.length)
        start, end = max(float(span.time), first), min(end, following, last)
        if end - start >= SHORTEST_S:
            found.append(Cue(round(start, 4), min(round(end, 4), sheet.duration), span.name))
    return tuple(found)


def unseen_picture(cut_list: CutList, frame_rate: Fraction) -> Features:
    """The features of a picture of which only a placed list is known; its looks are typical ones.

    PixMusError where the list does not say how long it is.
    """
    if cut_list.end is None:
        raise PixMusError(
            f"{cut_list.name} does not say how long the picture is; say with --end at which "
            "timecode it ends."
        )
    duration = float(cut_list.end)
    if not SHORTEST_S <= duration <= LONGEST_S:
        raise PixMusError(
            f"{cut_list.name}: the programme would last {duration:.2f} s; say with --start and "
            "--end where it starts and ends."
        )
    length = num_curve_values(duration)
    flat = {name: np.full(length, value, np.float32) for name, value in TYPICAL_PICTURE.items()}
    return Features(duration, frame_rate, (), **flat, palette=None, moments=(), views=None)
