"""Readers of MIDI files: the shared corpora, each in its way, and a folder of anyone's own music.

Every reader yields pieces and enters in a `Ledger` how many files it met, what it set right, and
what it left out and why. Metre: only 4/4 (and 2/2, which has the same bars). Tempo: beats counted
at half tempo (below 55 a minute) are doubled.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pretty_midi

from pixmus.ensembles import PARTS, Part
from pixmus.errors import PixMusError
from pixmus.score.notes import STEPS_PER_BEAT
from pixmus.training.chord_labels import label_rows
from pixmus.training.corpus import (
    MIN_BARS,
    MIN_PITCHED_NOTES,
    GridNote,
    Ledger,
    Piece,
    make_piece,
    one_voice,
    split_bass,
    split_melody,
)

# General MIDI drum to one of the nine that the drums part plays.
DRUM_OF = {
    35: 36, 36: 36, 37: 38, 38: 38, 39: 38, 40: 38, 22: 42, 42: 42, 44: 42, 54: 42, 69: 42, 70: 42,
    26: 46, 46: 46, 41: 45, 43: 45, 45: 45, 58: 45, 47: 48, 48: 48, 50: 50, 49: 49, 52: 49, 55: 49,
    57: 49, 51: 51, 53: 51, 59: 51,
}  # fmt: skip

# Why music is left out.
NOT_MIDI = "not readable as MIDI"
OTHER_METRE = "not in 4/4"
TOO_SHORT = f"shorter than {MIN_BARS} bars or {MIN_PITCHED_NOTES} pitched notes"
TOO_LONG = "longer than 500 bars"
OFF_GRID = "not played to the beats of its file"
OTHER_SCORING = "not scored for the ensemble"
# What is set right.
HALF_TEMPO = "counted at half tempo"
DOUBLE_TEMPO = "counted at double tempo"

SLOWEST_BPM, FASTEST_BPM = 55.0, 220.0


def _read_midi(path: Path) -> pretty_midi.PrettyMIDI | None:
    """The file, or None when it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of every tempo change that is not on the first track
        try:
            return pretty_midi.PrettyMIDI(str(path))
        except Exception:  # mido and pretty_midi raise many kinds for a file that is not MIDI
            return None


def halve_beats(beats: np.ndarray) -> np.ndarray:
    """Beat times with one more in the middle of every two."""
    indices = np.arange(0, len(beats) - 0.5, 0.5)
    return np.interp(indices, np.arange(len(beats)), beats)


def common_time_stretches(midi: pretty_midi.PrettyMIDI) -> Iterator[tuple[float, float]]:
    """Start and end in seconds of every stretch in 4/4 or 2/2.

    Before the first time signature the metre is 4/4 (Standard MIDI Files 1.0).
    """
    changes = sorted(midi.time_signature_changes, key=lambda change: change.time)
    end = midi.get_end_time()
    if not changes or changes[0].time > 0:
        changes.insert(0, pretty_midi.TimeSignature(4, 4, 0.0))
    start = None
    for index, change in enumerate(changes):
        common = change.numerator / change.denominator == 1.0 and change.denominator in (2, 4)
        stop = changes[index + 1].time if index + 1 < len(changes) else end
        if common and start is None:
            start = change.time
        if start is not None and (not common or index + 1 == len(changes)):
            finish = stop if common else change.time
            if finish > start:
                yield start, finish
            start = None


def _stretch_beats(midi: pretty_midi.PrettyMIDI, start: float, end: float) -> np.ndarray:
    """Beat times (quarters) of a stretch, with the one that ends it."""
    first, last = midi.time_to_tick(start), midi.time_to_tick(end)
    ticks = np.arange(first, last + midi.resolution, midi.resolution)
    return np.array([midi.tick_to_time(int(tick)) for tick in ticks])


def _to_grid(notes: list, beat_of_second: np.ndarray, velocity: bool = True) -> list[GridNote]:
    """Notes of a PrettyMIDI track on the grid of the given beat times, up to the last of them."""
    indices = np.arange(len(beat_of_second))
    starts = np.interp([n.start for n in notes], beat_of_second, indices)
    ends = np.interp([n.end for n in notes], beat_of_second, indices)
    grid = []
    for note, start, end in zip(notes, starts, ends, strict=True):
        if not beat_of_second[0] - 0.1 <= note.start < beat_of_second[-1]:
            continue
        onset = round(start * STEPS_PER_BEAT)
        length = max(1, round(end * STEPS_PER_BEAT) - onset)
        grid.append((onset, length, note.pitch, note.velocity if velocity else 0))
    return sorted(grid)


# ----------------------------------------------------------------------------------------- POP909

CHORD_TONES = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "sus4": (0, 5, 7),
    "sus2": (0, 2, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10),
    "hdim7": (0, 3, 6, 10), "dim7": (0, 3, 6, 9), "maj6": (0, 4, 7, 9), "min6": (0, 3, 7, 9),
}  # fmt: skip
PITCH_CLASSES = {
    "C": 0, "C#": 1, "Db": 1, "D": 2, "D#": 3, "Eb": 3, "E": 4, "F": 5, "F#": 6, "Gb": 6, "G": 7,
    "G#": 8, "Ab": 8, "A": 9, "A#": 10, "Bb": 10, "B": 11, "Cb": 11,
}  # fmt: skip
PAD_VELOCITY = 60


def pad_from_chords(lines: list[list[str]], beats: np.ndarray) -> list[GridNote]:
    """Sustained chords near middle C, each voiced closest to the one before."""
    notes: list[GridNote] = []
    before: list[int] = [55, 60, 64]
    for start, end, name in lines:
        root, _, quality = name.partition(":")
        quality = quality.split("/")[0].split("(")[0]
        if root not in PITCH_CLASSES:
            continue
        tones = CHORD_TONES.get(quality, (0, 4, 7))
        onset, stop = (
            round(float(np.interp(float(t), beats, np.arange(len(beats)))) * STEPS_PER_BEAT)
            for t in (start, end)
        )
        if stop <= onset:
            continue
        voicing = []
        for tone in tones:
            pitch_class = (PITCH_CLASSES[root] + tone) % 12
            centre = np.mean(before)
            candidates = [p for p in range(48, 72) if p % 12 == pitch_class]
            near = min(candidates, key=lambda p: abs(p - centre))
            if near not in voicing:
                voicing.append(near)
        before = sorted(voicing)
        notes += [(onset, stop - onset, pitch, PAD_VELOCITY) for pitch in before]
    return sorted(notes)


def read_pop909(folder: Path, ledger: Ledger) -> Iterator[Piece]:
    """POP909: melody, bridge as counter, piano as harmony and bass, chords as pad.

    Beats come from `beat_midi.txt`: the time-signature events of its MIDI files mean nothing.
    """
    for song in sorted(folder.glob("songs/*")):
        ledger.files["pop909"] += 1
        lines = np.loadtxt(song / "beat_midi.txt", ndmin=2)
        beats, downbeats = lines[:, 0], np.flatnonzero(lines[:, 2] > 0)
        if len(downbeats) < 8 or (np.diff(downbeats) == 4).mean() < 0.85:
            ledger.leave_out("pop909", OTHER_METRE)
            continue
        phase = int(np.bincount(downbeats % 4).argmax())
        beats = beats[phase:]
        tempo = 60 / float(np.median(np.diff(beats)))
        if tempo < SLOWEST_BPM:
            beats = halve_beats(beats)
            tempo *= 2
            ledger.correct("pop909", HALF_TEMPO)
        midi = pretty_midi.PrettyMIDI(str(song / f"{song.name}.mid"))
        tracks = {track.name: track.notes for track in midi.instruments}
        bass, harmony = split_bass(_to_grid(tracks.get("PIANO", []), beats))
        chords = [line.split() for line in (song / "chord_midi.txt").read_text().splitlines()]
        labels = [line.split() for line in (song / "key_audio.txt").read_text().splitlines()]
        label = max(labels, key=lambda row: float(row[1]) - float(row[0]))[2] if labels else None
        piece = make_piece(
            "pop909",
            song.name,
            {
                Part.MELODY: one_voice(_to_grid(tracks.get("MELODY", []), beats)),
                Part.COUNTER: one_voice(_to_grid(tracks.get("BRIDGE", []), beats)),
                Part.HARMONY: harmony,
                Part.BASS: bass,
                Part.PAD: pad_from_chords([c for c in chords if len(c) == 3], beats),
            },
            tempo,
            label,
            chords=label_rows([c for c in chords if len(c) == 3], beats),
        )
        if piece:
            yield piece
        else:
            ledger.leave_out("pop909", TOO_SHORT)


# ------------------------------------------------------------------------------------- OpenScore


def read_openscore(folder: Path, corpus: str, ledger: Ledger) -> Iterator[Piece]:
    """Lieder (voice; piano as harmony and bass) or string quartets; no velocities."""
    for path in sorted((folder / "midi").glob("*.mid")):
        ledger.files[corpus] += 1
        midi = _read_midi(path)
        if midi is None:
            ledger.leave_out(corpus, NOT_MIDI)
            continue
        stretches = list(common_time_stretches(midi))
        if not stretches:
            ledger.leave_out(corpus, OTHER_METRE)
        for number, (start, end) in enumerate(stretches):
            beats = _stretch_beats(midi, start, end)
            if len(beats) < 4 * MIN_BARS:
                ledger.leave_out(corpus, TOO_SHORT)
                continue
            grids = [_to_grid(t.notes, beats, velocity=False) for t in midi.instruments]
            parts: dict[str, list[GridNote]] = {}
            if corpus == "quartets":
                if len(grids) != 4:
                    ledger.leave_out(corpus, OTHER_SCORING)
                    continue
                roles = (Part.MELODY, Part.COUNTER, Part.HARMONY, Part.BASS)
                parts = {
                    role: grid if role == Part.HARMONY else one_voice(grid)
                    for role, grid in zip(roles, grids, strict=True)
                }
            else:
                voices = [
                    g for t, g in zip(midi.instruments, grids, strict=True) if "Piano" not in t.name
                ]
                piano = sorted(
                    note
                    for t, g in zip(midi.instruments, grids, strict=True)
                    if "Piano" in t.name
                    for note in g
                )
                if not voices or not piano:
                    ledger.leave_out(corpus, OTHER_SCORING)
                    continue
                parts[Part.MELODY] = one_voice(voices[0])
                if len(voices) > 1:
                    parts[Part.COUNTER] = one_voice(voices[1])
                parts[Part.BASS], parts[Part.HARMONY] = split_bass(piano)
            tempo = 60 / float(np.median(np.diff(beats)))
            name = path.stem if number == 0 else f"{path.stem}#{number}"
            piece = make_piece(corpus, name, parts, tempo)
            if piece:
                yield piece
            else:
                ledger.leave_out(corpus, TOO_SHORT)


# -------------------------------------------------------------------------------------- Freedoom


def drums_to_grid(notes: list, beats: np.ndarray) -> list[GridNote]:
    """Drum notes on the grid, each as one of the nine drums."""
    grid: dict[tuple[int, int], int] = {}
    for onset, _, pitch, velocity in _to_grid(notes, beats):
        drum = DRUM_OF.get(pitch)
        if drum is not None:
            grid[onset, drum] = max(velocity, grid.get((onset, drum), 0))
    return [(onset, 1, drum, velocity) for (onset, drum), velocity in sorted(grid.items())]


def parts_of_tracks(
    tracks: list[pretty_midi.Instrument], beats: np.ndarray
) -> dict[str, list[GridNote]]:
    """The parts of a file's tracks, by this rule, track after track:

    1. a drum track (channel 10) is drums;
    2. one with fewer than 16 notes, or a programme of percussion or effects (113 to 128, counted
       from 1), is left out;
    3. a track named as a part is that part;
    4. a bass programme (33 to 40) or a mean pitch below A2 is bass;
    5. more than 1.3 notes an onset is a pad when they last a beat and a half, else harmony;
    6. one voice with a mean pitch below A3 is harmony; above it the first is melody, the others
       are counter.

    Melody, counter and bass keep the highest note of every onset; a second bass or counter is left
    out, a second melody (by name) joins the first.
    """
    parts: dict[str, list[GridNote]] = {}
    for track in tracks:
        if track.is_drum:
            parts.setdefault(Part.DRUMS, []).extend(drums_to_grid(track.notes, beats))
            continue
        grid = _to_grid(track.notes, beats)
        if len(grid) < 16 or track.program >= 112:
            continue
        pitch = np.mean([n[2] for n in grid])
        voices = len(grid) / len({n[0] for n in grid})
        length = np.mean([n[1] for n in grid])
        if track.name in PARTS and track.name != Part.DRUMS:
            role = track.name
        elif 32 <= track.program <= 39 or pitch < 45:
            role = Part.BASS
        elif voices > 1.3 and length >= 6:
            role = Part.PAD
        elif voices > 1.3 or pitch < 57:
            role = Part.HARMONY
        else:
            role = Part.MELODY if Part.MELODY not in parts else Part.COUNTER
        if role in (Part.MELODY, Part.COUNTER, Part.BASS):
            grid = one_voice(grid)
            if role in parts and role != Part.MELODY:
                continue
        parts[role] = sorted(set(parts.get(role, []) + grid))
    return parts


def read_freedoom(folder: Path, ledger: Ledger) -> Iterator[Piece]:
    """Freedoom: whole files in 4/4, parts by `parts_of_tracks`."""
    for path in sorted(folder.glob("musics/*.mid")):
        ledger.files["freedoom"] += 1
        midi = _read_midi(path)
        if midi is None:
            ledger.leave_out("freedoom", NOT_MIDI)
            continue
        changes = midi.time_signature_changes
        if any(change.numerator != 4 or change.denominator != 4 for change in changes):
            ledger.leave_out("freedoom", OTHER_METRE)
            continue
        beats = _stretch_beats(midi, 0.0, midi.get_end_time())
        if not 4 * MIN_BARS <= len(beats) <= 2000:
            ledger.leave_out("freedoom", TOO_SHORT if len(beats) < 4 * MIN_BARS else TOO_LONG)
            continue
        parts = parts_of_tracks(midi.instruments, beats)
        piece = make_piece("freedoom", path.stem, parts, 60 / float(np.median(np.diff(beats))))
        if piece:
            yield piece
        else:
            ledger.leave_out("freedoom", TOO_SHORT)


# ---------------------------------------------------------------------------------------- Groove


def read_groove(folder: Path, ledger: Ledger) -> Iterator[Piece]:
    """Groove: 4/4 drum performances; the name ends in beat or fill."""
    for path in sorted(folder.glob("drummer*/**/*.mid")):
        _, style, tempo, kind, metre = path.stem.split("_")[:5]
        ledger.files["groove"] += 1
        if metre != "4-4":
            ledger.leave_out("groove", OTHER_METRE)
            continue
        midi = _read_midi(path)
        if midi is None:
            ledger.leave_out("groove", NOT_MIDI)
            continue
        end = midi.get_end_time()
        beats = np.arange(0, end + 120 / float(tempo), 60 / float(tempo))
        notes = [note for track in midi.instruments for note in track.notes]
        name = f"{path.parent.parent.name}/{path.parent.name}/{path.stem}"
        piece = make_piece("groove", name, {Part.DRUMS: drums_to_grid(notes, beats)}, float(tempo))
        if piece:
            yield piece
        else:
            ledger.leave_out("groove", "no notes")


# ------------------------------------------------------------------------------------- Own music

# Mean distance of onsets from the nearest step, in steps, above which a file was not played to its
# beats: on the grid it is 0, anywhere at all it is 0.25, triplets have 0.22.
LARGEST_GRID_DISTANCE = 0.2


def read_folder(folder: Path, style: str, ledger: Ledger) -> Iterator[Piece]:
    """Anyone's own MIDI files (.mid, .midi), searched for in all subfolders.

    Every stretch in 4/4 of at least eight bars is a piece (a file without a time signature is in
    4/4, as the MIDI standard has it). Parts are those of `parts_of_tracks`; where it finds no
    melody or no bass, they are the highest and lowest voices of the harmony, or else of the pad,
    which is how a single piano track becomes three parts.
    """
    paths = [p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi") and p.is_file()]
    for path in sorted(paths):
        ledger.files["own"] += 1
        midi = _read_midi(path)
        if midi is None:
            ledger.leave_out("own", NOT_MIDI)
            continue
        stretches = list(common_time_stretches(midi))
        if not stretches:
            ledger.leave_out("own", OTHER_METRE)
        for number, (start, end) in enumerate(stretches):
            beats = _stretch_beats(midi, start, end)
            tempo = 60 / float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0
            if tempo > FASTEST_BPM:
                beats, tempo = beats[::2], tempo / 2
                ledger.correct("own", DOUBLE_TEMPO)
            elif 0 < tempo < SLOWEST_BPM:
                beats, tempo = halve_beats(beats), tempo * 2
                ledger.correct("own", HALF_TEMPO)
            if len(beats) <= 4 * MIN_BARS:
                ledger.leave_out("own", TOO_SHORT)
                continue
            if grid_distance(midi.instruments, beats) > LARGEST_GRID_DISTANCE:
                ledger.leave_out("own", OFF_GRID)
                continue
            name = path.relative_to(folder).with_suffix("").as_posix()
            piece = make_piece(
                "own",
                name if number == 0 else f"{name}#{number}",
                complete_parts(parts_of_tracks(midi.instruments, beats)),
                tempo,
                style=style,
            )
            if piece:
                yield piece
            else:
                ledger.leave_out("own", TOO_SHORT)


def complete_parts(parts: dict[str, list[GridNote]]) -> dict[str, list[GridNote]]:
    """Melody and bass taken from the outer voices of the harmony or pad where there are none."""
    chords = next((part for part in (Part.HARMONY, Part.PAD) if parts.get(part)), None)
    if chords is None:
        return parts
    parts = dict(parts)
    if Part.BASS not in parts:
        parts[Part.BASS], parts[chords] = split_bass(parts[chords])
    if Part.MELODY not in parts:
        parts[Part.MELODY], parts[chords] = split_melody(parts[chords])
    return parts


def grid_distance(tracks: list[pretty_midi.Instrument], beats: np.ndarray) -> float:
    """Mean distance of onsets from the nearest step, in steps: 0 to 0.5."""
    onsets = np.array([note.start for track in tracks for note in track.notes])
    onsets = onsets[(onsets >= beats[0]) & (onsets <= beats[-1])]
    if not len(onsets):
        return 0.0
    steps = np.interp(onsets, beats, np.arange(len(beats))) * STEPS_PER_BEAT
    return float(np.abs(steps - np.round(steps)).mean())


def read_own_music(folder: Path, style: str) -> tuple[list[Piece], str]:
    """The pieces of a folder and a sentence or two of what was read and left out.

    Raises PixMusError when nothing in it can be used.
    """
    ledger = Ledger()
    pieces = list(read_folder(folder, style, ledger))
    files = ledger.files["own"]
    if not files:
        raise PixMusError(f"{folder} holds no MIDI file (.mid or .midi), in no subfolder either.")
    why = ", ".join(f"{count} {what}" for what, count in ledger.left_out.get("own", {}).items())
    if not pieces:
        raise PixMusError(f"{folder}: none of {files} MIDI files can be trained on ({why}).")
    used = len({piece.name.split("#")[0] for piece in pieces})
    text = f"{folder}: {used} of {files} MIDI files, {len(pieces)} stretches in 4/4"
    text += f"; left out: {why}." if why else "."
    for what, count in ledger.corrected.get("own", {}).items():
        text += f" {count} {what}, set right."
    return pieces, text


# ------------------------------------------------------------------------------------------- All


def read_all(music: Path, ledger: Ledger) -> Iterator[Piece]:
    """Every usable piece of the shared corpora."""
    yield from read_pop909(music / "pop909", ledger)
    yield from read_openscore(music / "openscore_lieder", "lieder", ledger)
    yield from read_openscore(music / "openscore_quartets", "quartets", ledger)
    yield from read_freedoom(music / "freedoom", ledger)
    yield from read_groove(music / "groove", ledger)
