"""The compact corpus: every training piece as notes on the grid, in one array file.

Pieces are 4/4 stretches, transposed to C major or A minor. The split is by sha1("corpus/piece")
mod 20: 0 test, 1 validation, the rest training. What reads MIDI files is in `readers`; here nothing
but numpy is needed, so a corpus file can be trained on wherever torch runs.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from pixmus.ensembles import PARTS, Part, Style
from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, encode_notes


@dataclass(frozen=True)
class CorpusFacts:
    """What a table says of a corpus; the licence is as its source states it."""

    title: str
    style: str  # of the pieces that have none of their own
    weight: float  # share of training windows when every corpus is there
    licence: str
    source: str
    role: str


CORPORA = {
    "pop909": CorpusFacts(
        "POP909 (Wang et al., ISMIR 2020)",
        Style.POP,
        0.60,
        "MIT for the arrangements; the songs belong to others",
        "github.com/music-x-lab/POP909-Dataset, LICENSE",
        "melody, counter, harmony, bass, pad from chord labels",
    ),
    "lieder": CorpusFacts(
        "OpenScore Lieder",
        Style.SONG,
        0.16,
        "CC0 1.0",
        "github.com/OpenScore/Lieder, LICENSE.txt",
        "voice and piano",
    ),
    "quartets": CorpusFacts(
        "OpenScore String Quartets",
        Style.QUARTET,
        0.12,
        "CC0 1.0",
        "github.com/OpenScore/StringQuartets, LICENSE.txt",
        "four strings",
    ),
    "freedoom": CorpusFacts(
        "Freedoom",
        Style.GAME,
        0.12,
        "BSD 3-Clause",
        "github.com/freedoom/freedoom, COPYING.adoc",
        "game music with drums",
    ),
    "groove": CorpusFacts(
        "Groove (Gillick et al., ICML 2019)",
        "",
        0.0,  # joined to windows without drums
        "CC BY 4.0",
        "magenta.tensorflow.org/datasets/groove, LICENSE",
        Part.DRUMS,
    ),
    "own": CorpusFacts(
        "your own MIDI files", Style.POP, 1.0, "yours to know", "the folder given", "parts as found"
    ),
}
LARGEST_FREEDOOM_SHARE = 0.15  # of training windows, all of which have pitched parts


def corpus_shares(present: Iterable[str]) -> dict[str, float]:
    """Share of training windows of each corpus that is there, in the order of `CORPORA`.

    By their weights, Freedoom held at `LARGEST_FREEDOOM_SHARE` unless it stands alone. Groove has
    no share: it has no pitched parts.
    """
    there = set(present)
    weights = {n: facts.weight for n, facts in CORPORA.items() if n in there and facts.weight > 0}
    others = sum(weight for name, weight in weights.items() if name != "freedoom")
    if "freedoom" in weights and others:
        most = others * LARGEST_FREEDOOM_SHARE / (1 - LARGEST_FREEDOOM_SHARE)
        weights["freedoom"] = min(weights["freedoom"], most)
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


@dataclass(frozen=True)
class Piece:
    """One stretch in 4/4 on the grid.

    `notes` is int16 (notes, 5): part, onset step, duration in steps, pitch, velocity (0 = the
    corpus gives none), in C major or A minor; `tonic` is the pitch class that it was in, -1 where
    that is not known.
    """

    corpus: str
    name: str
    style: str
    tempo_bpm: float
    minor: bool
    num_beats: int
    notes: np.ndarray
    tonic: int = -1
    # Chords that the corpus notes, int16 (chords, 4): onset step, then a row of `chord_rows`, each
    # until the next; none where it notes none.
    chords: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int16))

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


# --------------------------------------------------------------------------------------- The file


@dataclass
class Ledger:
    """What was met on the way to a corpus file, counted per corpus.

    A piece is a stretch in 4/4; a file can hold several or none.
    """

    files: Counter[str] = field(default_factory=Counter)
    corrected: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)

    def correct(self, corpus: str, what: str) -> None:
        self.corrected.setdefault(corpus, Counter())[what] += 1

    def leave_out(self, corpus: str, why: str) -> None:
        self.left_out.setdefault(corpus, Counter())[why] += 1

    def to_json(self) -> str:
        return json.dumps(
            {"files": self.files, "corrected": self.corrected, "left_out": self.left_out}
        )

    @classmethod
    def from_json(cls, text: str) -> Ledger:
        data = json.loads(text)
        return cls(
            Counter(data["files"]),
            {corpus: Counter(counts) for corpus, counts in data["corrected"].items()},
            {corpus: Counter(counts) for corpus, counts in data["left_out"].items()},
        )


def save_pieces(pieces: list[Piece], path: Path, ledger: Ledger | None = None) -> None:
    """Write the compact corpus file (compressed arrays; exact duplicates left out)."""
    ledger = ledger or Ledger()
    seen: set[bytes] = set()
    unique = []
    for piece in pieces:
        digest = hashlib.sha1(piece.notes[:, :4].tobytes()).digest()
        if digest in seen:
            ledger.leave_out(piece.corpus, EXACT_DUPLICATE)
        else:
            seen.add(digest)
            unique.append(piece)
    arrays = {
        "notes": np.concatenate([piece.notes for piece in unique]),
        "num_notes": np.array([len(piece.notes) for piece in unique]),
        "num_beats": np.array([piece.num_beats for piece in unique]),
        "tempo_bpm": np.array([piece.tempo_bpm for piece in unique], np.float32),
        "minor": np.array([piece.minor for piece in unique]),
        "corpus": np.array([piece.corpus for piece in unique]),
        "name": np.array([piece.name for piece in unique]),
        "tonic": np.array([piece.tonic for piece in unique], np.int8),
        "style": np.array([piece.style for piece in unique]),
        "chords": np.concatenate([piece.chords for piece in unique]),
        "num_chords": np.array([len(piece.chords) for piece in unique]),
        "ledger": np.array(ledger.to_json()),
    }
    # A name would get .npz appended.
    with new_file(path, overwrite=True) as place, open(place, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


EXACT_DUPLICATE = "the same notes as another piece"


def _read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a corpus file; PixMusError when it is none."""
    try:
        with np.load(path) as file:
            data = {key: file[key] for key in file.files}
        data["num_notes"], data["notes"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise PixMusError(
            f"{path} is no corpus file; make one with `pixmus corpus make`, or name a folder of "
            "MIDI files."
        ) from error
    return data


def load_pieces(path: Path) -> list[Piece]:
    """The pieces of a compact corpus file."""
    data = _read_arrays(path)
    ends = np.cumsum(data["num_notes"])  # files made before tonics or chords were kept have none
    counts = data.get("num_chords", np.zeros(len(ends), int))
    chords = np.split(data.get("chords", np.zeros((0, 4), np.int16)), np.cumsum(counts)[:-1])
    return [
        Piece(
            str(data["corpus"][i]),
            str(data["name"][i]),
            str(data["style"][i]),
            float(data["tempo_bpm"][i]),
            bool(data["minor"][i]),
            int(data["num_beats"][i]),
            data["notes"][end - data["num_notes"][i] : end],
            int(data["tonic"][i]) if "tonic" in data else -1,
            chords[i],
        )
        for i, end in enumerate(ends)
    ]


def load_ledger(path: Path) -> Ledger:
    """What was met when a corpus file was made; empty when the file does not say."""
    data = _read_arrays(path)
    return Ledger.from_json(str(data["ledger"])) if "ledger" in data else Ledger()


class OfCorpus(Protocol):
    """A piece, or what was measured of one."""

    @property
    def corpus(self) -> str: ...

    @property
    def split(self) -> str: ...


P = TypeVar("P", bound=OfCorpus)


def split_pieces(pieces: list[P]) -> tuple[list[P], list[P]]:
    """Training and validation pieces; what a small corpus lacks is said and made up for."""
    training = [piece for piece in pieces if piece.split == "training"]
    validation = [piece for piece in pieces if piece.split == "validation"]
    if not any(piece.corpus != "groove" for piece in training):
        print("All pieces fell to the held-out splits: they are trained on.", flush=True)
        training = pieces
    if not any(piece.corpus != "groove" for piece in validation):
        print(
            "No piece fell to the validation split: the validation loss is that of windows that "
            "are trained on, and cannot show when the model learns them by heart.",
            flush=True,
        )
        validation = training
    return training, validation
