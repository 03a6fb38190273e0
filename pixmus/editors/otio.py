"""OpenTimelineIO files (`.otio`): cuts, transitions and markers read, a take's timeline written.

The file is JSON; its schemas (Timeline, Stack, Track, Clip, Gap, Transition, Marker) are those that
OpenTimelineIO documents. Times are `RationalTime`s: a value over a rate that is a float, which
`exact_rate` makes exact again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from pixmus.cues.checks import check_bounds, refuse_constant
from pixmus.cues.cut_list import CutList, Edit, Mark, check_size, colour_of, mark
from pixmus.editors.session import Session
from pixmus.errors import PixMusError
from pixmus.picture.timecode import Counting, exact_rate
from pixmus.waveform import SAMPLE_RATE

DEEPEST = 100  # stacks in stacks, and other programs' metadata
MOST_ITEMS = 100_000
ZERO = Fraction(0)
# What every item has: nothing of it is used here.
PLAIN: dict[str, Any] = {
    "metadata": {}, "source_range": None, "effects": [], "markers": [], "enabled": True,
}  # fmt: skip
# The colours that OpenTimelineIO knows, for those of `colour_of`.
OTIO_COLOURS = {
    "Red": "RED", "Fuchsia": "MAGENTA", "Pink": "PINK", "Yellow": "YELLOW", "Purple": "PURPLE",
    "Blue": "BLUE", "Cyan": "CYAN", "Sand": "ORANGE", "Cream": "WHITE",
}  # fmt: skip


@dataclass
class _Found:
    """What was found in a timeline so far; times count from its beginning."""

    edits: list[Edit] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    num_items: int = 0


def read_otio(text: str, name: str) -> CutList:
    """The cut list of a timeline. PixMusError with one sentence where it is none."""
    try:
        check_bounds(text, DEEPEST)
        raw = json.loads(text, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise PixMusError(
            f"{name} is not valid JSON: {error.msg} in line {error.lineno}; export it again."
        ) from error
    except ValueError as error:
        raise PixMusError(f"{name}: {error}.") from error
    if not _is(raw, "Timeline"):
        raise PixMusError(
            f"{name} is not a timeline of OpenTimelineIO; export the timeline itself as .otio."
        )
    try:
        stack = raw.get("tracks")
        if not _is(stack, "Stack"):
            raise ValueError("it has no tracks")
        global_start = _time(raw.get("global_start_time"), "the start of the timeline")
        found = _Found()
        end = _read_stack(stack, ZERO, found)
        for one in _marks(raw, ZERO, ZERO):
            found.marks.append(one)
        counting = _counting(raw.get("global_start_time"))
    except ValueError as error:
        raise PixMusError(f"{name}: {error}.") from error
    check_size(name, len(found.edits) + len(found.marks))
    if not found.marks and not end:
        raise PixMusError(f"{name} has no clip of a picture and no marker.")
    start = global_start or ZERO
    edits = sorted(found.edits, key=lambda edit: edit.time)
    marks = sorted(found.marks, key=lambda one: one.time)
    moved = CutList(name, tuple(edits), tuple(marks)).placed(-start)
    return CutList(
        name, moved.edits, moved.marks, start=start, end=start + end if end else None,
        counting=counting,
    )  # fmt: skip


def _read_stack(stack: dict[str, Any], at: Fraction, found: _Found) -> Fraction:
    """The length of the longest video track of a stack that begins at a time."""
    found.marks += _marks(stack, at, _start_of(stack))
    longest = ZERO
    for track in _children(stack, found):
        if _is(track, "Track"):
            is_picture = track.get("kind", "Video") == "Video"
            length = _read_track(track, at, found if is_picture else None, found)
            if is_picture:
                longest = max(longest, length)
    return longest


def _read_track(
    track: dict[str, Any], at: Fraction, picture: _Found | None, found: _Found
) -> Fraction:
    """The length of a track that begins at a time; its edits go to `picture`."""
    found.marks += _marks(track, at, _start_of(track))
    now = ZERO
    gradual: tuple[Fraction, Fraction] | None = None
    was_gap = True
    for child in _children(track, found):
        if _is(child, "Transition"):
            gradual = (
                _time(child.get("in_offset"), "a transition") or ZERO,
                _time(child.get("out_offset"), "a transition") or ZERO,
            )
            continue
        length = _length(child, found, 0)
        found.marks += _marks(child, at + now, _start_of(child))
        is_gap = _is(child, "Gap")
        if picture is not None and not (is_gap and was_gap):
            picture.edits.append(_edit(at + now, gradual, is_gap or was_gap))
        was_gap, gradual = is_gap, None
        now += length
    return now


def _edit(time: Fraction, gradual: tuple[Fraction, Fraction] | None, with_black: bool) -> Edit:
    if gradual is None or gradual == (ZERO, ZERO):
        return Edit(time, time)
    start = max(time - gradual[0], ZERO)
    return Edit(start, max(start, time + gradual[1]), "fade" if with_black else "dissolve")


def _length(item: Any, found: _Found, depth: int) -> Fraction:
    """How long an item plays."""
    span = item.get("source_range")
    if span is not None:
        return _duration(span)
    if _is(item, "Stack") or _is(item, "Track"):
        lengths = [
            _length(child, found, depth + 1)
            for child in _children(item, found)
            if not _is(child, "Transition")
        ]
        return sum(lengths, ZERO) if _is(item, "Track") else max(lengths, default=ZERO)
    media = item.get("media_reference")
    references = item.get("media_references")
    if media is None and isinstance(references, dict):
        media = references.get(str(item.get("active_media_reference_key")))
    available = media.get("available_range") if isinstance(media, dict) else None
    if available is None:
        raise ValueError(
            f"the clip {str(item.get('name'))[:40]!r} does not say how long it is; export it with "
            "source ranges"
        )
    return _duration(available)


def _duration(span: Any) -> Fraction:
    if not isinstance(span, dict):
        raise ValueError("a range of time is no object")
    length = _time(span.get("duration"), "the duration of a clip")
    if length is None or length < 0:
        raise ValueError("the duration of a clip is missing or below 0")
    return length


def _start_of(item: dict[str, Any]) -> Fraction:
    """Where an item's own clock stands at its beginning."""
    span = item.get("source_range")
    start = span.get("start_time") if isinstance(span, dict) else None
    return _time(start, "the start of a clip") or ZERO


def _marks(item: dict[str, Any], at: Fraction, first: Fraction) -> list[Mark]:
    """The markers of an item that begins at a time, when its own clock shows `first`."""
    raw = item.get("markers") or []
    if not isinstance(raw, list):
        raise ValueError("the markers are no list")
    marks = []
    for one in raw:
        span = one.get("marked_range") if isinstance(one, dict) else None
        if not isinstance(span, dict):
            raise ValueError("a marker has no range of time")
        time = _time(span.get("start_time"), "the time of a marker")
        if time is None:
            raise ValueError("a marker has no time")
        length = _time(span.get("duration"), "the duration of a marker") or ZERO
        rate = _rate(span["start_time"].get("rate"))
        colour, name = one.get("color"), one.get("name")
        marks.append(
            mark(
                at + time - first,
                name if isinstance(name, str) else "",
                colour if isinstance(colour, str) else None,
                length if length * rate > 1 else ZERO,
            )
        )
    return marks


def _children(item: dict[str, Any], found: _Found) -> Iterator[dict[str, Any]]:
    children = item.get("children") or []
    if not isinstance(children, list):
        raise ValueError("the items of a track are no list")
    for child in children:
        found.num_items += 1
        if found.num_items > MOST_ITEMS:
            raise ValueError(f"it holds more than {MOST_ITEMS:,} clips")
        if not isinstance(child, dict) or not isinstance(child.get("OTIO_SCHEMA"), str):
            raise ValueError("an item of a track is none that OpenTimelineIO knows")
        yield child


def _is(value: Any, schema: str) -> bool:
    """Whether a value is of a schema, in whatever version."""
    if not isinstance(value, dict):
        return False
    return str(value.get("OTIO_SCHEMA", "")).split(".")[0] == schema


def _rate(rate: Any) -> Fraction:
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 0.001 < rate <= 10_000_000:
        raise ValueError(f"the rate {str(rate)[:20]} is none; a time needs frames a second")
    return exact_rate(rate)


def _time(raw: Any, what: str) -> Fraction | None:
    """The seconds of a `RationalTime`, exactly; None for none."""
    if raw is None:
        return None
    value: Any = raw.get("value") if isinstance(raw, dict) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > 1e12:
        raise ValueError(f"{what} is no time")
    return Fraction(value).limit_denominator(10**6) / _rate(raw.get("rate"))


def _counting(start: Any) -> Counting | None:
    """How a timeline with a start of its own counts; the file does not say whether it drops."""
    if not isinstance(start, dict):
        return None
    rate = _rate(start.get("rate"))
    return Counting(rate) if 1 <= rate <= 1000 else None


def write_otio(path: str | Path, session: Session) -> None:
    """Write the picture, a track for each stem and the markers as a timeline."""
    rate = float(session.counting.rate)
    frames = float(math.ceil(session.duration * session.counting.rate - Fraction(1, 1000)))
    tracks = [_track("Picture", "Video", session.picture, _span(0.0, frames, rate))]
    sound = _span(0.0, float(session.num_samples), float(SAMPLE_RATE))
    tracks += [
        _track(part.capitalize(), "Audio", file, sound) for part, file in session.stems.items()
    ]
    markers = []
    for marker in session.markers:
        first = session.frame(marker.time) - session.first_frame
        last = first if marker.end is None else session.frame(marker.end) - session.first_frame
        colour = "GREEN" if marker.strength is None else OTIO_COLOURS[colour_of(marker.strength)]
        markers.append(
            {
                "OTIO_SCHEMA": "Marker.2",
                "metadata": {"pixmus": {"strength": marker.strength}},
                "name": marker.name,
                "color": colour,
                "marked_range": _span(float(first), float(last - first), rate),
                "comment": "",
            }
        )
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", **PLAIN, "markers": markers}
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {},
        "name": session.title,
        "global_start_time": _rational(float(session.first_frame), rate),
        "tracks": {**stack, "children": tracks},
    }
    Path(path).write_text(json.dumps(timeline, indent=1) + "\n", encoding="utf-8")


def _track(name: str, kind: str, file: str, span: dict[str, Any]) -> dict[str, Any]:
    """A track with one clip that plays a file from its beginning."""
    media = {
        "OTIO_SCHEMA": "ExternalReference.1",
        "metadata": {},
        "name": "",
        "available_range": span,
        "available_image_bounds": None,
        "target_url": file,
    }
    clip = {
        "OTIO_SCHEMA": "Clip.2",
        "name": name,
        **PLAIN,
        "source_range": span,
        "media_references": {"DEFAULT_MEDIA": media},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }
    return {"OTIO_SCHEMA": "Track.1", "name": name, **PLAIN, "children": [clip], "kind": kind}


def _rational(value: float, rate: float) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": value}


def _span(start: float, length: float, rate: float) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "duration": _rational(length, rate),
        "start_time": _rational(start, rate),
    }
