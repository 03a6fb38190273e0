"""The compact corpus: every training piece as notes on the grid, in one array file.

`python -m pixmus.training.corpus MUSIC_FOLDER OUT.npz` reads POP909, OpenScore Lieder and
Quartets, Freedoom and Groove. Pieces are cut to their 4/4 stretches and transposed to C major or
A minor. The split is by sha1("corpus/piece") mod 20: 0 test, 1 validation, the rest training.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi

from pixmus.conditioning import key_correlations
from pixmus.cues import PARTS
from pixmus.score import NUM_CELLS, PART_LAYOUTS, STEPS_PER_BEAT, Note, encode_notes

MIN_BARS = 8
CORPORA = ("pop909", "lieder", "quartets", "freedoom", "groove")
STYLE_OF_CORPUS = {"pop909": "pop", "lieder": "song", "quartets": "quartet", "freedoom": "game"}

# General MIDI drum to one of the nine that the drums part plays.
DRUM_OF = {
    35: 36, 36: 36, 37: 38, 38: 38, 39: 38, 40: 38, 22: 42, 42: 42, 44: 42, 54: 42, 69: 42, 70: 42,
    26: 46, 46: 46, 41: 45, 43: 45, 45: 45, 58: 45, 47: 48, 48: 48, 50: 50, 49: 49, 52: 49, 55: 49,
    57: 49, 51: 51, 53: 51, 59: 51,
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """One stretch in 4/4 on the grid.

    `notes` is int16 (notes, 5): part, onset step, duration in steps, pitch, velocity (0 = the
    corpus gives none).
    """

    corpus: str
    name: str
    style: str
    tempo_bpm: float
    minor: bool
    num_beats: int
    notes: np.ndarray

    @property
    def has_velocity(self) -> bool:
        return bool((self.notes[:, 4] > 0).any())

    @property
    def split(self) -> str:
        return split_of(self.corpus, self.name)

    def cells(self) -> np.ndarray:
        """The piece's piano-roll, uint8 (num_beats, NUM_CELLS)."""
        cells = np.zeros((self.num_beats, NUM_CELLS), np.uint8)
        for index, part in enumerate(PARTS):
            rows = self.notes[self.notes[:, 0] == index]
            notes = [
                Note(onset / STEPS_PER_BEAT, int(pitch), length / STEPS_PER_BEAT, int(velocity))
                for _, onset, length, pitch, velocity in rows
            ]
            cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, self.num_beats)
        return cells


def split_of(corpus: str, name: str) -> str:
    """ "test", "validation" or "training" by sha1("corpus/name") mod 20."""
    bucket = int(hashlib.sha1(f"{corpus}/{name}".encode()).hexdigest(), 16) % 20
    return {0: "test", 1: "validation"}.get(bucket, "training")


GridNote = tuple[int, int, int, int]  # onset step, duration steps, pitch, velocity


def _to_grid(notes: list, beat_of_second: np.ndarray, velocity: bool = True) -> list[GridNote]:
    """Notes of a PrettyMIDI track on the grid of the given beat times."""
    indices = np.arange(len(beat_of_second))
    starts = np.interp([n.start for n in notes], beat_of_second, indices)
    ends = np.interp([n.end for n in notes], beat_of_second, indices)
    grid = []
    for note, start, end in zip(notes, starts, ends, strict=True):
        if not beat_of_second[0] - 0.1 <= note.start <= beat_of_second[-1]:
            continue
        onset = round(start * STEPS_PER_BEAT)
        length = max(1, round(end * STEPS_PER_BEAT) - onset)
        grid.append((onset, length, note.pitch, note.velocity if velocity else 0))
    return sorted(grid)


def one_voice(notes: list[GridNote]) -> list[GridNote]:
    """The highest note of every onset, cut where the next begins."""
    top: dict[int, GridNote] = {}
    for note in notes:
        if note[0] not in top or note[2] > top[note[0]][2]:
            top[note[0]] = note
    line = [top[onset] for onset in sorted(top)]
    return [
        (onset, min(length, line[i + 1][0] - onset) if i + 1 < len(line) else length, pitch, vel)
        for i, (onset, length, pitch, vel) in enumerate(line)
    ]


BASS_TOP = 57  # A3: a lowest voice above it is no bass


def split_bass(notes: list[GridNote]) -> tuple[list[GridNote], list[GridNote]]:
    """Bass (the lowest voice while it is low) and the rest, from keyboard music."""
    bass, rest = [], []
    sounding: list[GridNote] = []
    by_onset: dict[int, list[GridNote]] = {}
    for note in notes:
        by_onset.setdefault(note[0], []).append(note)
    for onset in sorted(by_onset):
        sounding = [n for n in sounding if n[0] + n[1] > onset]
        group = sorted(by_onset[onset], key=lambda n: n[2])
        floor = min((n[2] for n in sounding), default=128)
        lowest = group[0]
        if lowest[2] <= BASS_TOP and (lowest[2] <= floor):
            bass.append(lowest)
            rest += group[1:]
        else:
            rest += group
        sounding += group
    return one_voice(bass), rest


def find_key(rows: np.ndarray, label: str | None = None) -> int:
    """The key 0..23 (majors, minors) of pitched note rows, cross-checked with a label like "B:maj".

    The label decides only when its profile correlation is within 0.1 of the best one.
    """
    pitched = rows[rows[:, 0] != PARTS.index("drums")]
    weights = np.bincount(pitched[:, 3] % 12, weights=pitched[:, 2], minlength=12)
    correlations = key_correlations(weights)
    best = int(correlations.argmax())
    if label and ":" in label:
        tonic, mode = label.split(":")
        names = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
        if tonic[0] in names:
            pitch_class = (names[tonic[0]] + tonic.count("#") - tonic.count("b")) % 12
            named = pitch_class + (12 if mode.startswith("min") else 0)
            if correlations[named] > correlations[best] - 0.1:
                best = named
    return best


def make_piece(
    corpus: str,
    name: str,
    parts: dict[str, list[GridNote]],
    tempo_bpm: float,
    label: str | None = None,
) -> Piece | None:
    """A piece transposed to C major or A minor, its silent ends cut; None when it is too short."""
    rows = np.array(
        [(PARTS.index(part), *note) for part, notes in parts.items() for note in notes], np.int16
    ).reshape(-1, 5)
    rows = rows[rows[:, 1] >= 0]
    pitched = rows[rows[:, 0] != PARTS.index("drums")]
    if not len(rows) or (corpus != "groove" and len(pitched) < 32):
        return None
    bar = 4 * STEPS_PER_BEAT
    first = rows[:, 1].min() // bar * bar
    rows[:, 1] -= first
    num_beats = int(-(-(rows[:, 1].max() + 1) // bar)) * 4
    if num_beats < 4 * MIN_BARS and corpus != "groove":
        return None
    minor = False
    if len(pitched):
        key = find_key(rows, label)
        minor = key >= 12
        shift = ((9 if minor else 0) - key % 12 + 6) % 12 - 6
        rows[rows[:, 0] != PARTS.index("drums"), 3] += shift
    rows[:, 2] = np.minimum(rows[:, 2], num_beats * STEPS_PER_BEAT - rows[:, 1])
    order = np.lexsort((rows[:, 3], rows[:, 1], rows[:, 0]))
    style = STYLE_OF_CORPUS.get(corpus, "")
    return Piece(corpus, name, style, float(tempo_bpm), minor, num_beats, rows[order])


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


def read_pop909(folder: Path) -> Iterator[Piece]:
    """POP909: melody, bridge as counter, piano as harmony and bass, chords as pad."""
    for song in sorted((folder / "songs").iterdir()):
        lines = np.loadtxt(song / "beat_midi.txt", ndmin=2)
        beats, downbeats = lines[:, 0], np.flatnonzero(lines[:, 2] > 0)
        if len(downbeats) < 8 or (np.diff(downbeats) == 4).mean() < 0.85:
            continue  # not in 4/4
        phase = int(np.bincount(downbeats % 4).argmax())
        beats = beats[phase:]
        tempo = 60 / float(np.median(np.diff(beats)))
        if tempo < 55:  # counted at half tempo
            indices = np.arange(0, len(beats) - 0.5, 0.5)
            beats = np.interp(indices, np.arange(len(beats)), beats)
            tempo *= 2
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
                "melody": one_voice(_to_grid(tracks.get("MELODY", []), beats)),
                "counter": one_voice(_to_grid(tracks.get("BRIDGE", []), beats)),
                "harmony": harmony,
                "bass": bass,
                "pad": pad_from_chords([c for c in chords if len(c) == 3], beats),
            },
            tempo,
            label,
        )
        if piece:
            yield piece


# ------------------------------------------------------------------------------------- OpenScore


def common_time_stretches(midi: pretty_midi.PrettyMIDI) -> Iterator[tuple[float, float]]:
    """Start and end in seconds of every stretch in 4/4 or 2/2."""
    changes = sorted(midi.time_signature_changes, key=lambda change: change.time)
    end = midi.get_end_time()
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
    """Beat times (quarters) of a stretch."""
    first, last = midi.time_to_tick(start), midi.time_to_tick(end)
    ticks = np.arange(first, last + midi.resolution, midi.resolution)
    return np.array([midi.tick_to_time(int(tick)) for tick in ticks])


def read_openscore(folder: Path, corpus: str) -> Iterator[Piece]:
    """Lieder (voice; piano as harmony and bass) or string quartets; no velocities."""
    for path in sorted((folder / "midi").glob("*.mid")):
        midi = pretty_midi.PrettyMIDI(str(path))
        for number, (start, end) in enumerate(common_time_stretches(midi)):
            beats = _stretch_beats(midi, start, end)
            if len(beats) < 4 * MIN_BARS:
                continue
            grids = [_to_grid(t.notes, beats, velocity=False) for t in midi.instruments]
            parts: dict[str, list[GridNote]] = {}
            if corpus == "quartets":
                if len(grids) != 4:
                    continue
                roles = ("melody", "counter", "harmony", "bass")
                parts = {
                    role: grid if role == "harmony" else one_voice(grid)
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
                    continue
                parts["melody"] = one_voice(voices[0])
                if len(voices) > 1:
                    parts["counter"] = one_voice(voices[1])
                parts["bass"], parts["harmony"] = split_bass(piano)
            tempo = 60 / float(np.median(np.diff(beats)))
            name = path.stem if number == 0 else f"{path.stem}#{number}"
            piece = make_piece(corpus, name, parts, tempo)
            if piece:
                yield piece


# -------------------------------------------------------------------------------------- Freedoom


def drums_to_grid(notes: list, beats: np.ndarray) -> list[GridNote]:
    """Drum notes on the grid, each as one of the nine drums."""
    grid: dict[tuple[int, int], int] = {}
    for onset, _, pitch, velocity in _to_grid(notes, beats):
        drum = DRUM_OF.get(pitch)
        if drum is not None:
            grid[onset, drum] = max(velocity, grid.get((onset, drum), 0))
    return [(onset, 1, drum, velocity) for (onset, drum), velocity in sorted(grid.items())]


def read_freedoom(folder: Path) -> Iterator[Piece]:
    """Freedoom: parts by programme, register and number of voices."""
    for path in sorted(folder.glob("musics/*.mid")):
        try:
            midi = pretty_midi.PrettyMIDI(str(path))
        except (OSError, ValueError, EOFError, IndexError, KeyError):
            continue
        changes = midi.time_signature_changes
        if any(change.numerator != 4 or change.denominator != 4 for change in changes):
            continue
        beats = _stretch_beats(midi, 0.0, midi.get_end_time())
        if not 4 * MIN_BARS <= len(beats) <= 2000:
            continue
        parts: dict[str, list[GridNote]] = {}
        for track in midi.instruments:
            if track.is_drum:
                parts.setdefault("drums", []).extend(drums_to_grid(track.notes, beats))
                continue
            grid = _to_grid(track.notes, beats)
            if len(grid) < 16 or track.program >= 112:
                continue
            pitch = np.mean([n[2] for n in grid])
            onsets = len({n[0] for n in grid})
            voices = len(grid) / onsets
            length = np.mean([n[1] for n in grid])
            if 32 <= track.program <= 39 or pitch < 45:
                role = "bass"
            elif voices > 1.3 and length >= 6:
                role = "pad"
            elif voices > 1.3 or pitch < 57:
                role = "harmony"
            else:
                role = "melody" if "melody" not in parts else "counter"
            if role in ("melody", "counter", "bass"):
                grid = one_voice(grid)
                if role in parts and role != "melody":
                    continue
            parts[role] = sorted(set(parts.get(role, []) + grid))
        piece = make_piece("freedoom", path.stem, parts, 60 / float(np.median(np.diff(beats))))
        if piece:
            yield piece


# ---------------------------------------------------------------------------------------- Groove


def read_groove(folder: Path) -> Iterator[Piece]:
    """Groove: 4/4 drum performances; the name ends in beat or fill."""
    for path in sorted(folder.glob("drummer*/**/*.mid")):
        _, style, tempo, kind, metre = path.stem.split("_")[:5]
        if metre != "4-4":
            continue
        midi = pretty_midi.PrettyMIDI(str(path))
        end = midi.get_end_time()
        beats = np.arange(0, end + 120 / float(tempo), 60 / float(tempo))
        notes = [note for track in midi.instruments for note in track.notes]
        name = f"{path.parent.parent.name}/{path.parent.name}/{path.stem}"
        piece = make_piece("groove", name, {"drums": drums_to_grid(notes, beats)}, float(tempo))
        if piece:
            yield piece


# --------------------------------------------------------------------------------------- The file


def read_all(music: Path) -> Iterator[Piece]:
    """Every usable piece of the shared corpora."""
    yield from read_pop909(music / "pop909")
    yield from read_openscore(music / "openscore_lieder", "lieder")
    yield from read_openscore(music / "openscore_quartets", "quartets")
    yield from read_freedoom(music / "freedoom")
    yield from read_groove(music / "groove")


def save_pieces(pieces: list[Piece], path: Path) -> None:
    """Write the compact corpus file (compressed arrays; duplicates left out)."""
    seen: set[bytes] = set()
    unique = []
    for piece in pieces:
        digest = hashlib.sha1(piece.notes[:, :4].tobytes()).digest()
        if digest not in seen:
            seen.add(digest)
            unique.append(piece)
    np.savez_compressed(
        path,
        notes=np.concatenate([piece.notes for piece in unique]),
        num_notes=np.array([len(piece.notes) for piece in unique]),
        num_beats=np.array([piece.num_beats for piece in unique]),
        tempo_bpm=np.array([piece.tempo_bpm for piece in unique], np.float32),
        minor=np.array([piece.minor for piece in unique]),
        corpus=np.array([piece.corpus for piece in unique]),
        name=np.array([piece.name for piece in unique]),
        style=np.array([piece.style for piece in unique]),
    )


def load_pieces(path: Path) -> list[Piece]:
    """The pieces of a compact corpus file."""
    with np.load(path) as file:
        data = {key: file[key] for key in file.files}
    ends = np.cumsum(data["num_notes"])
    return [
        Piece(
            str(data["corpus"][i]),
            str(data["name"][i]),
            str(data["style"][i]),
            float(data["tempo_bpm"][i]),
            bool(data["minor"][i]),
            int(data["num_beats"][i]),
            data["notes"][end - data["num_notes"][i] : end],
        )
        for i, end in enumerate(ends)
    ]


def main() -> None:
    import collections
    import warnings

    warnings.simplefilter("ignore")  # pretty_midi warns of every tempo change off track 0
    music, out = Path(sys.argv[1]), Path(sys.argv[2])
    pieces = list(read_all(music))
    save_pieces(pieces, out)
    pieces = load_pieces(out)
    for corpus in CORPORA:
        chosen = [piece for piece in pieces if piece.corpus == corpus]
        splits = collections.Counter(piece.split for piece in chosen)
        beats = sum(piece.num_beats for piece in chosen)
        minor = sum(piece.minor for piece in chosen) / max(1, len(chosen))
        print(
            f"{corpus:9} {len(chosen):5} pieces {beats:7} beats {minor:5.2f} minor {dict(splits)}"
        )
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
