"""`read_cut_list`: the cut list of any file that an editor or a music program writes.

What a file is, its content says, not its name.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from fractions import Fraction
from pathlib import Path

from pixmus.cues.checks import LARGEST_SHEET
from pixmus.cues.cut_list import CutList, check_size, mark
from pixmus.editors.edl import EVENT, LONGEST_LINE, read_edl
from pixmus.editors.fcp_xml import read_fcp_xml
from pixmus.editors.marker_rows import columns_of, read_marker_rows
from pixmus.editors.otio import read_otio
from pixmus.errors import PixMusError
from pixmus.files import name_as_text, named
from pixmus.picture.timecode import Counting
from pixmus.score.midi import is_of_the_film
from pixmus.score.midi_events import read_midi_events

READABLE = "an EDL (CMX3600), .otio, Final Cut Pro 7 XML, markers.csv or a MIDI file with markers"
MICROSECONDS = 1_000_000
USUAL_TEMPO = 500_000  # microseconds a beat, where a MIDI file says none


def read_cut_list(
    path: str | Path,
    counting: Counting | None = None,
    start: str | None = None,
    shown: str | None = None,
) -> CutList:
    """The cut list of a file in seconds from the first frame.

    Timecodes count by `counting` where the list does not say better. `start` is the timecode of the
    first frame; without it the clip's own, `shown`, where the list's timecodes lie behind it, or
    else where the list's programme starts. PixMusError with one sentence for every fault.
    """
    path = Path(path)
    data = _bytes_of(path)
    if data[:4] in (b"MThd", b"RIFF"):
        found = _midi_markers(path)
    else:
        found = _read_text(_decoded(data, path), name_as_text(path), counting)
    return found.placed(_origin(found, start, shown))


def _origin(found: CutList, start: str | None, shown: str | None) -> Fraction | None:
    """What the list's clock shows at the first frame; None for what the list says itself."""
    if found.counting is None:
        if start is not None:
            raise PixMusError(
                f"{found.name} counts from the first frame and has no timecode, so --start has no "
                "say; leave it out."
            )
        return None
    if start is not None:
        try:
            return found.counting.seconds(found.counting.count(start))
        except ValueError as error:
            raise PixMusError(f"The start of the programme is wrong: {error}.") from error
    try:
        first = found.counting.seconds(found.counting.count(shown or ""))
    except ValueError:
        return None
    times = [edit.start for edit in found.edits] + [one.time for one in found.marks]
    return first if times and first <= min(times) else None


def _bytes_of(path: Path) -> bytes:
    try:
        with open(named(path), "rb") as file:
            data = file.read(2 * LARGEST_SHEET + 1)
    except FileNotFoundError:
        raise PixMusError(f"{path} does not exist; check the name and the folder.") from None
    except OSError as error:
        raise PixMusError(f"{path} could not be read ({error.strerror}).") from error
    if not data.strip():
        raise PixMusError(f"{path} is empty; give {READABLE}.")
    return data


def _decoded(data: bytes, path: Path) -> str:
    """The text of UTF-8, UTF-16 with a byte order mark, or of Windows, as older editors write."""
    if data[:4] == b"PK\x03\x04":
        raise PixMusError(f"{path.name} is packed; export the list itself, such as .otio.")
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = data.decode("utf-16")
        else:
            text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if len(text) > LARGEST_SHEET:
        raise PixMusError(f"{path.name} is larger than {LARGEST_SHEET // 1_000_000} MB.")
    if "\0" in text:
        raise PixMusError(f"{path.name} is not text; give {READABLE}.")
    return text


def _read_text(text: str, name: str, counting: Counting | None) -> CutList:
    begun = text.lstrip()
    if begun.startswith("{"):
        return read_otio(text, name)
    if begun.startswith("<"):
        return read_fcp_xml(text, name)
    lines = begun.splitlines()
    if lines[0].upper().startswith(("TITLE:", "FCM:")) or any(
        EVENT.fullmatch(line[:LONGEST_LINE]) for line in lines[:100]
    ):
        return read_edl(text, name, counting)
    if columns_of(lines[0]) is not None:
        return read_marker_rows(begun, name, counting)
    raise PixMusError(f"{name} is no list of cuts or markers that can be read; give {READABLE}.")


def _midi_markers(path: Path) -> CutList:
    """The markers of a MIDI file, whose tick 0 is the first frame; its end is the last event's."""
    events = read_midi_events(path)
    changes = sorted(events.tempos)
    at, tick, length = Fraction(0), 0, USUAL_TEMPO
    placed: list[tuple[int, Fraction, int]] = []  # tick, its seconds, microseconds a beat from it
    for change, tempo in changes:
        at += Fraction((change - tick) * length, MICROSECONDS * events.ticks_per_beat)
        tick, length = change, tempo
        placed.append((tick, at, length))

    def seconds(when: int) -> Fraction:
        place = bisect_right(placed, when, key=lambda entry: entry[0])
        begin, begun, beat = placed[place - 1] if place else (0, Fraction(0), USUAL_TEMPO)
        return begun + Fraction((when - begin) * beat, MICROSECONDS * events.ticks_per_beat)

    named = [(when, text) for when, text in events.markers if is_of_the_film(text)]
    if not named:
        raise PixMusError(f"{path.name} has no marker.")
    check_size(path.name, len(named))
    marks = sorted((mark(seconds(when), text) for when, text in named), key=lambda one: one.time)
    last = max([when for when, _ in named] + [track.end_tick for track in events.tracks])
    return CutList(name_as_text(path), marks=tuple(marks), end=seconds(last))
