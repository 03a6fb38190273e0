"""MIDI messages in any order are read or refused; scores of any notes are written and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import midi_bytes
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from made_up import right_or_one_sentence, tried

from pixmus.ensembles import PARTS
from pixmus.keys import KEYS
from pixmus.score.midi import read_any_midi, read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap

BYTE, DATA = st.integers(0, 255), st.integers(0, 127)
AFTER = st.integers(0, 2000) | st.integers(0, 2**28 - 1)  # ticks behind the message before


def message(status: int, *strategies: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    """A message of one of two channels or the drums'."""
    channel = st.sampled_from((0, 1, 9))
    return st.builds(
        lambda after, on, *data: midi_bytes.number(after) + bytes([status | on, *data]),
        AFTER, channel, *strategies,
    )  # fmt: skip


def meta(kind: int, body: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda data, after: midi_bytes.meta(kind, data, after), body, AFTER)


PITCH = st.integers(58, 61)
MESSAGES = st.one_of(
    message(0x90, PITCH, DATA),
    message(0x80, PITCH, DATA),
    message(0xA0, PITCH, DATA),
    message(0xB0, st.sampled_from((7, 64, 120, 123)), DATA),
    message(0xC0, DATA),
    message(0xD0, DATA),
    message(0xE0, DATA, DATA),
    message(0x90, BYTE, BYTE),
    meta(0x03, st.sampled_from([str(part).encode() for part in PARTS]) | st.binary(max_size=9)),
    meta(0x06, st.sampled_from((b"first downbeat", b"chord Am", b"hit")) | st.binary(max_size=9)),
    meta(0x51, st.binary(min_size=3, max_size=3) | st.just(b"\x07\xa1\x20")),
    meta(0x58, st.binary(min_size=2, max_size=4) | st.just(b"\x03\x02\x18\x08")),
    meta(0x59, st.binary(min_size=2, max_size=2)),
    st.builds(midi_bytes.meta, BYTE, st.binary(max_size=9), AFTER),
    st.sampled_from((b"\x00\xf0\x02\x01\xf7", b"\x00\xf7\x01\x00", b"\x00\xf1\x01", b"\x00\xf8")),
)
TRACKS = st.lists(MESSAGES, max_size=30).map(lambda found: b"".join(found) + midi_bytes.END)
DIVISIONS = st.sampled_from((96, 480, 1, 32767, 0xE728, 0xE350)) | st.integers(0, 65535)


def same(score: Score, again: Score) -> bool:
    """Whether notes, metre, key and marks are the same, and times nearly so."""
    times, others = score.tempo_map.beat_times, again.tempo_map.beat_times
    return (
        score.parts == again.parts
        and score.key == again.key
        and score.tempo_map.bar_starts == again.tempo_map.bar_starts
        and len(times) == len(others)
        and float(np.abs(times - others).max()) < 1e-4
        and [name for _, name in score.markers] == [name for _, name in again.markers]
    )


def read_and_write(read: Callable[[Path], Score], data: bytes, folder: Path) -> None:
    """A score that is read is the same when it was written and read once more."""
    path = folder / "a.mid"
    path.write_bytes(data)
    with right_or_one_sentence():
        score = read(path)
        write_midi(score, path)
        again = read(path)
        assert {part: len(notes) for part, notes in again.parts.items()} == {
            part: len(notes) for part, notes in score.parts.items()
        }


@tried
@given(tracks=st.lists(TRACKS, max_size=3), division=DIVISIONS, by=st.integers(-9, 9))
def test_messages_in_any_order(tracks: list[bytes], division: int, by: int, tmp_path: Path) -> None:
    chunks = [midi_bytes.track(body, wrong_by=max(by, -len(body))) for body in tracks]
    data = midi_bytes.file(*chunks, division=division)
    read_and_write(read_midi, data, tmp_path)
    read_and_write(lambda path: read_any_midi(path)[0], data, tmp_path)


@tried
@given(data=st.binary(max_size=60), whole=st.booleans())
def test_bytes_that_may_be_no_midi(data: bytes, whole: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(midi_bytes.file(midi_bytes.track(data)) if whole else data)
    with right_or_one_sentence():
        read_midi(path)
    with right_or_one_sentence():
        read_any_midi(path)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """A score of notes at whole ticks, none of which meets itself, on a map of any tempos."""
    lengths = draw(st.lists(st.sampled_from((1, 2, 3, 4, 5, 7)), min_size=1, max_size=6))
    periods = draw(
        st.lists(st.integers(250_000, 1_500_000), min_size=sum(lengths), max_size=sum(lengths))
    )
    offset = draw(st.sampled_from((0, 70_000, 400_000, 1_700_000)))
    times = np.array([offset, *(offset + np.cumsum(periods))]) / 1e6
    parts: dict[str, tuple[Note, ...]] = {}
    for part in draw(st.lists(st.sampled_from(PARTS), unique=True, max_size=4)):
        notes = []
        for pitch in draw(st.lists(st.integers(0, 127), unique=True, max_size=4)):
            ticks = sorted(
                draw(st.lists(st.integers(0, 480 * sum(lengths)), unique=True, max_size=6))
            )
            notes += [
                Note(start / 480, pitch, (end - start) / 480, draw(st.integers(1, 127)))
                for start, end in zip(ticks[::2], ticks[1::2], strict=False)
            ]
        parts[str(part)] = tuple(sorted(notes))
    starts = tuple(int(start) for start in np.cumsum([0, *lengths[:-1]]))
    names = draw(st.lists(st.text(min_size=1, max_size=20), max_size=3))
    markers = tuple((float(times[0]) + index, name) for index, name in enumerate(names))
    markers = tuple(mark for mark in markers if mark[0] < times[-1])
    return Score(parts, TempoMap(times, starts), draw(st.sampled_from(KEYS)), markers)


@tried
@given(score=scores())
def test_a_score_is_written_and_read_back(score: Score, tmp_path: Path) -> None:
    write_midi(score, tmp_path / "a.mid")
    assert same(score, read_midi(tmp_path / "a.mid"))
