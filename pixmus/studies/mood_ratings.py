"""VGMIDI: pieces with their ratings of valence and arousal."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi

from pixmus.curves import Curve
from pixmus.ensembles import Part
from pixmus.errors import PixMusError
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap

RATINGS = (Curve.VALENCE, "arousal")


@dataclass(frozen=True, eq=False)
class RatedPiece:
    """A piece with its ratings; `ratings` is (raters, bars, 2), -1..1, in the order of `RATINGS`.

    `score` has all notes in the harmony part. `game` is the series, or the game where it is alone.
    """

    name: str
    game: str
    score: Score
    ratings: np.ndarray
    duration: float


def read_vgmidi(folder: Path | str) -> list[RatedPiece]:
    """The rated pieces of VGMIDI: `annotations/vgmidi_raw_*.json` and `midi/*.mid`.

    Raters whose curve is not as long as most are left out.
    """
    folder = Path(folder)
    files = sorted(folder.glob("annotations/vgmidi_raw_*.json"))
    if not files:
        raise PixMusError(
            f"{folder} holds no annotations/vgmidi_raw_*.json; give the folder of VGMIDI."
        )
    pieces = []
    for path in files:
        document = json.loads(path.read_text())
        raters: dict[str, list[np.ndarray]] = {}
        for name, rating in document["annotations"].items():
            curves = [rating[key] for key in RATINGS]
            if len(curves[0]) == len(curves[1]):
                raters.setdefault(name.split("_")[0], []).append(np.array(curves, float).T)
        for name, about in document["pieces"].items():
            midi_path = folder / "midi" / about["midi"]
            if not midi_path.exists() or name not in raters:
                continue
            lengths = [len(curve) for curve in raters[name]]
            usual = int(np.bincount(lengths).argmax())
            ratings = np.stack([curve for curve in raters[name] if len(curve) == usual])
            series, _, game = [*about["midi"].split("_"), "", ""][:3]
            pieces.append(
                RatedPiece(
                    Path(about["midi"]).stem,
                    game if series == "Other" else series,
                    read_any_midi(midi_path),
                    ratings,
                    float(about["duration"]),
                )
            )
    return pieces


def read_any_midi(path: Path) -> Score:
    """A MIDI file's notes, drums aside, as one harmony part on its quarter beats, unquantised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tempo changes off track 0, which are read all the same
        midi = pretty_midi.PrettyMIDI(str(path))
    quarters = midi.time_to_tick(midi.get_end_time()) // midi.resolution + 2
    beats = np.array([midi.tick_to_time(beat * midi.resolution) for beat in range(quarters)])
    places = np.arange(len(beats))
    notes = []
    for track in midi.instruments:
        for note in [] if track.is_drum else track.notes:
            start, stop = np.interp([note.start, note.end], beats, places)
            if stop > start:
                notes.append(Note(float(start), note.pitch, float(stop - start), note.velocity))
    tempo_map = TempoMap(beats, tuple(range(0, len(beats) - 1, 4)))
    return Score({Part.HARMONY: tuple(sorted(notes))}, tempo_map)
