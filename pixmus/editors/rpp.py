"""REAPER sessions (`.rpp`), written: picture, stems, notes, tempo map and markers.

The format is REAPER's own text: nested lists that open with `<NAME` and end with `>`. Notes are
MIDI items in ticks of a quarter note, which follow the session's tempo map; the tempo of a point
holds until the next (shape 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pixmus.editors.session import Session, SessionMarker
from pixmus.ensembles import PARTS, Part
from pixmus.score.midi import DRUM_CHANNEL
from pixmus.score.notes import Note
from pixmus.waveform import SAMPLE_RATE

SQUARE = 1  # a tempo that holds until the next point
REGION_COLOUR, HIT_COLOUR = 0x1000000 | 0x80A040, 0x1000000 | 0x3030C0  # REAPER's blue, green, red


def write_rpp(path: str | Path, session: Session) -> None:
    """Write the session; its files are beside it, where `session.picture` and `stems` say."""
    tempo = 60.0 / float(np.diff(session.beat_times()[:2])[0])
    _, first_bar = session.bars()[0]
    lines = [
        '<REAPER_PROJECT 0.1 "7.0" 0',
        f"  PROJOFFS {session.start:.9f} 0 0",
        f"  SAMPLERATE {SAMPLE_RATE} 1 0",
        f"  TEMPO {tempo:.10f} {first_bar} 4",
        "  <TEMPOENVEX",
        "    ACT 1 -1",
        "    VIS 1 0 1",
        "    DEFSHAPE 1 -1 -1",
        *(f"    {point}" for point in _tempo_points(session)),
        "  >",
        *(f"  {line}" for line in _markers(session.markers)),
        *_track("Picture", _item(0.0, session, session.picture, "VIDEO"), is_muted=True),
    ]
    for part, file in session.stems.items():
        lines += _track(part.capitalize(), _item(0.0, session, file, "WAVE"))
    for part, notes in session.score.parts.items():
        lines += _track(f"{part.capitalize()} (notes)", _midi_item(part, notes, session))
    Path(path).write_text("\n".join([*lines, ">"]) + "\n", encoding="utf-8")


def _tempo_points(session: Session) -> list[str]:
    """A point wherever the tempo or the bar's length changes."""
    times = session.beat_times()
    tempos = 60.0 / np.diff(times)
    signatures = dict(session.bars())
    points, metre, before = [], 0, 0.0
    for beat, tempo in enumerate(tempos):
        changed = signatures.get(beat, metre)
        if changed == metre and abs(tempo - before) < 1e-9:
            continue
        point = f"PT {times[beat]:.12f} {tempo:.10f} {SQUARE}"
        points.append(f"{point} {4 << 16 | changed}" if changed != metre else point)
        metre, before = changed, tempo
    return points


def _markers(markers: Sequence[SessionMarker]) -> list[str]:
    """Hit points are markers, cues are regions, which are two lines of one number."""
    lines = []
    for number, marker in enumerate(markers, start=1):
        name = _quoted(marker.name)
        if marker.end is None:
            lines.append(f"MARKER {number} {marker.time:.9f} {name} 0 {HIT_COLOUR}")
        else:
            lines.append(f"MARKER {number} {marker.time:.9f} {name} 1 {REGION_COLOUR}")
            lines.append(f'MARKER {number} {marker.end:.9f} "" 1')
    return lines


def _track(name: str, item: list[str], is_muted: bool = False) -> list[str]:
    return [
        "  <TRACK",
        f"    NAME {_quoted(name)}",
        f"    MUTESOLO {int(is_muted)} 0 0",
        *(f"    {line}" for line in item),
        "  >",
    ]


def _item(start: float, session: Session, file: str, kind: str) -> list[str]:
    return [
        "<ITEM",
        f"  POSITION {start:.9f}",
        f"  LENGTH {session.duration:.9f}",
        "  LOOP 0",
        f"  NAME {_quoted(file)}",
        f"  <SOURCE {kind}",
        f"    FILE {_quoted(file)}",
        "  >",
        ">",
    ]


def _midi_item(part: str, notes: Sequence[Note], session: Session) -> list[str]:
    """The notes of a part as one item from the first frame to the end of the last bar."""
    ticks = session.score.ticks_per_beat
    channel = DRUM_CHANNEL if part == Part.DRUMS else PARTS.index(part)
    events = [(0, 0, f"{0xC0 | channel:02x} {session.programs.get(part, 0):02x} 00")]
    for note in notes:
        start = max(0, round((note.onset + session.pickup) * ticks))
        end = max(start + 1, round((note.onset + note.duration + session.pickup) * ticks))
        events.append((start, 2, f"{0x90 | channel:02x} {note.pitch:02x} {note.velocity:02x}"))
        events.append((end, 1, f"{0x80 | channel:02x} {note.pitch:02x} 00"))
    times = session.beat_times()
    last = max((len(times) - 1) * ticks, max(when for when, _, _ in events))
    events.append((last, 3, "b0 7b 00"))
    lines, now = [], 0
    for when, _, message in sorted(events):
        lines.append(f"    E {when - now} {message}")
        now = when
    return [
        "<ITEM",
        "  POSITION 0",
        f"  LENGTH {times[-1]:.9f}",
        "  LOOP 0",
        f"  NAME {_quoted(part)}",
        "  <SOURCE MIDI",
        f"    HASDATA 1 {ticks} QN",
        *lines,
        "  >",
        ">",
    ]


def _quoted(text: str) -> str:
    """A text as REAPER quotes it: by a mark that does not stand in it."""
    text = " ".join(text.split())
    mark = next((mark for mark in "\"'`" if mark not in text), None)
    return f"{mark}{text}{mark}" if mark else "`" + text.replace("`", "'") + "`"
