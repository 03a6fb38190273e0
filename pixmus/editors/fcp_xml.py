"""Final Cut Pro 7 XML ("xmeml", which Premiere and Resolve write too), read: cuts and markers.

Times are whole frames of the sequence's rate (`timebase`, and `ntsc` for 1000/1001 of it). A clip
beside a transition has -1 for the end that the transition says.
"""

from __future__ import annotations

import re
from fractions import Fraction
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pixmus.cues.cut_list import CutList, Edit, Mark, check_size, mark
from pixmus.errors import PixMusError
from pixmus.picture.timecode import NTSC, Counting

WHOLE = re.compile(r"-?\d{1,12}")
MOST_ELEMENTS = 200_000


def read_fcp_xml(text: str, name: str) -> CutList:
    """The cut list of the first sequence. PixMusError with one sentence where there is none."""
    if "<!ENTITY" in text or "<!entity" in text:
        raise PixMusError(f"{name} defines entities of its own, which no editor writes.")
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)  # it was decoded already
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PixMusError(f"{name} is not valid XML ({error}); export it again.") from error
    if root.tag == "fcpxml":
        raise PixMusError(
            f"{name} is XML of Final Cut Pro X; export an EDL, or Final Cut Pro 7 XML (xmeml)."
        )
    sequence = root if root.tag == "sequence" else root.find(".//sequence")
    if root.tag != "xmeml" or sequence is None:
        raise PixMusError(f"{name} has no sequence of Final Cut Pro 7 XML (xmeml).")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise PixMusError(f"{name} holds more than {MOST_ELEMENTS:,} elements; give one reel.")
    try:
        counting, first = _counting(sequence)
        edits, end = _edits(sequence, counting)
        marks = [_mark(one, counting) for one in sequence.findall("marker")]
    except ValueError as error:
        raise PixMusError(f"{name}: {error}.") from error
    check_size(name, len(edits) + len(marks))
    if not edits and not marks:
        raise PixMusError(f"{name} has no clip of a picture and no marker.")
    start = counting.seconds(first)
    duration = _number(sequence, "duration") or end
    moved = CutList(name, tuple(edits), tuple(marks)).placed(-start)
    return CutList(
        name, moved.edits, moved.marks, start=start,
        end=start + counting.seconds(duration) if duration > 0 else None, counting=counting,
    )  # fmt: skip


def _counting(sequence: Element) -> tuple[Counting, int]:
    """How the sequence counts, and the number of its first frame."""
    timecode = sequence.find("timecode")
    rate = sequence.find("rate")
    rate = rate if rate is not None or timecode is None else timecode.find("rate")
    base = None if rate is None else _number(rate, "timebase")
    if rate is None or base is None or not 1 <= base <= 1000:
        raise ValueError("its sequence does not say its frame rate")
    is_ntsc = (rate.findtext("ntsc") or "").strip().upper() == "TRUE"
    drops = timecode is not None and (timecode.findtext("displayformat") or "").strip() == "DF"
    counting = Counting(base * NTSC if is_ntsc else Fraction(base))
    if drops and counting.may_drop:
        counting = Counting(counting.rate, True)
    first = None if timecode is None else _number(timecode, "frame")
    if first is None and timecode is not None and (text := timecode.findtext("string")):
        first = counting.count(text)
    return counting, first or 0


def _edits(sequence: Element, counting: Counting) -> tuple[list[Edit], int]:
    """Edits of all video tracks, and the frame at which the last clip ends."""
    found: list[Edit] = []
    last = 0
    for track in sequence.findall("media/video/track"):
        spans = []
        for item in track:
            if item.tag == "transitionitem":
                start, end = _number(item, "start"), _number(item, "end")
                if start is not None and end is not None and 0 <= start <= end:
                    spans.append((start, end))
                    found.append(Edit(counting.seconds(start), counting.seconds(end), "dissolve"))
            elif item.tag in ("clipitem", "generatoritem"):
                if (item.findtext("enabled") or "").strip().upper() == "FALSE":
                    continue
                last = max(last, _number(item, "end") or 0)
        last = max([last, *(end for _, end in spans)])
        ends = {frame for item in track for tag in ("start", "end")
                if item.tag in ("clipitem", "generatoritem")
                and (item.findtext("enabled") or "").strip().upper() != "FALSE"
                and (frame := _number(item, tag)) is not None and frame >= 0}  # fmt: skip
        # Where the last clip of a track ends the picture ends, or what lies under it is seen again.
        for frame in sorted(ends):
            if not any(start <= frame <= end for start, end in spans):
                found.append(Edit(counting.seconds(frame), counting.seconds(frame)))
    found = [edit for edit in found if edit.time < counting.seconds(last)]
    return sorted(found, key=lambda edit: edit.time), last


def _mark(element: Element, counting: Counting) -> Mark:
    first, last = _number(element, "in"), _number(element, "out")
    if first is None or first < 0:
        raise ValueError("a marker has no frame at which it is")
    length = max(0, last - first) if last is not None and last >= 0 else 0
    name = (element.findtext("name") or "").strip() or (element.findtext("comment") or "").strip()
    colour = element.find("color")
    return mark(
        counting.seconds(first),
        name,
        None if colour is None else _colour(colour),
        counting.seconds(length) if length > 1 else Fraction(0),
    )


def _colour(element: Element) -> str | None:
    """The name of a colour of red, green and blue, each 0..255."""
    red, green, blue = (_number(element, name) or 0 for name in ("red", "green", "blue"))
    if red > 180 and green < 90 and blue < 90:
        return "red"
    if red > 180 and 90 <= green < 180 and blue < 90:
        return "orange"
    if red > 180 and green >= 180 and blue < 120:
        return "yellow"
    if red > 120 and blue > 120 and green < 120:
        return "purple"
    if blue > 150 and red < 120:
        return "blue" if green < 160 else "cyan"
    return "green" if green > red and green > blue else None


def _number(element: Element, tag: str) -> int | None:
    """The whole number in a child; None where there is none."""
    text = (element.findtext(tag) or "").strip()
    if not text:
        return None
    if not WHOLE.fullmatch(text):
        raise ValueError(f"<{tag}> is {text[:20]!r}, which is no number of frames")
    return int(text)
