"""Gates of the voices: windows of validation pieces written again, measured beside the real ones.

`python -m pixmus.studies.voice_gates CORPUS.npz RUN/state.pt`. Validation pieces, so that the
windows of the score model's table stay unseen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pixmus.check.voicing import measure_all
from pixmus.chords import Chord
from pixmus.compose.sampling import Guidance, Sampling
from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.compose.voice_conditions import (
    CHORD_COLUMNS,
    LIKENESS_COLUMNS,
    NUM_LIKENESS,
    PLAN_COLUMNS,
    add_plan,
    form_columns,
)
from pixmus.compose.voice_writing import blocks_of, write_blocks
from pixmus.ensembles import PARTS, Part, Style
from pixmus.model.voice_network import KNOWN, MASKED, SILENT
from pixmus.score.chords import chords_of_rows
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.voices import decode_voices
from pixmus.training.encoded import DRUMS, hit_points_of, measured_conditions
from pixmus.training.lessons import VOICES
from pixmus.training.voice_corpus import (
    DYNAMIC,
    LENGTH,
    PLACE,
    RETURN,
    VoicePiece,
    load_voice_pieces,
)

PER_CORPUS = {"pop909": 10, "lieder": 6, "quartets": 4}


@dataclass
class GateWindow:
    """A stretch of a validation piece, its conditions and its own notes."""

    name: str
    tokens: np.ndarray
    conditions: np.ndarray
    chords: list[Chord | None]
    parts: list[int]
    minor: bool
    has_velocity: bool
    sources: np.ndarray  # (bars,): the bar that each returns to, -1 = none

    @property
    def num_bars(self) -> int:
        return len(self.tokens) // BEATS_PER_BAR


def gate_windows(
    pieces: Sequence[VoicePiece], tables: CurveTables, num_bars: int, seed: int = 5
) -> list[GateWindow]:
    """One window of `num_bars` bars of some validation pieces, with all their parts."""
    rng = np.random.default_rng(seed)
    windows = []
    for corpus, number in PER_CORPUS.items():
        own = [p for p in pieces if p.piece.corpus == corpus and p.piece.split == "validation"]
        own = [p for p in own if p.num_bars >= num_bars + 8 and len(p.present) >= 3]
        for index in rng.permutation(len(own))[:number]:
            piece = own[index]
            for _ in range(20):  # a place where the melody plays
                start = int(rng.integers(4, piece.num_bars - num_bars + 1))
                if piece.plays[2 * start : 2 * (start + num_bars), 0].mean() > 0.7:
                    break
            windows.append(gate_window(piece, tables, start, num_bars))
    return windows


def gate_window(piece: VoicePiece, tables: CurveTables, start: int, num_bars: int) -> GateWindow:
    parts = [part for part in piece.present if part != DRUMS]
    beats = np.arange(num_bars * BEATS_PER_BAR)
    struck = hit_points_of(piece.strengths[:, parts]).reshape(-1, STEPS_PER_BEAT)
    hits = struck[start * BEATS_PER_BAR :][: len(beats)].ravel()
    base = measured_conditions(
        tables,
        piece,
        parts,
        start,
        beats,
        piece.piece.tempo_bpm,
        hits,
    )
    halves, bars = 2 * start + beats // 2, start + beats // BEATS_PER_BAR
    rows = np.concatenate([piece.chords, np.full((2, 3), -1, np.int8)])
    told = np.zeros((len(beats), len(PARTS)), bool)
    told[:, parts] = True
    like = piece.likeness[bars].reshape(len(beats), len(PARTS), NUM_LIKENESS)
    like = np.where(told[..., None], like, np.nan)
    sources = piece.sources[start : start + num_bars]
    sources = np.where(sources >= start, sources - start, -1)  # what lies before is not shown
    like[..., NUM_LIKENESS - 2 :][sources[bars - start] < 0] = np.nan
    form = piece.form[bars]
    conditions = add_plan(
        base,
        rows[halves],
        rows[halves + 1],
        like,
        piece.plays[halves],
        told,
        form_columns(
            form[:, PLACE],
            form[:, LENGTH],
            form[:, DYNAMIC],
            np.where(sources[bars - start] >= 0, form[:, RETURN], np.nan),
        ),
    )
    first = start * BEATS_PER_BAR
    return GateWindow(
        f"{piece.piece.corpus}/{piece.piece.name}",
        piece.tokens[first : first + len(beats)],
        conditions,
        chords_of_rows(piece.chords[2 * start : 2 * (start + num_bars)]),
        parts,
        piece.piece.minor,
        Style(piece.piece.style).has_dynamics,
        sources,
    )


def without(conditions: np.ndarray, *columns: slice) -> np.ndarray:
    """Conditions with columns not told."""
    dropped = conditions.copy()
    for some in columns:
        dropped[:, some] = 0
    return dropped


WAYS = {  # how windows are written: what is not told, what is given, block, known bars
    "plan": ((), (), 4, 0),
    "no chords": ((CHORD_COLUMNS,), (), 4, 0),
    "no plan": ((LIKENESS_COLUMNS, PLAN_COLUMNS), (), 4, 0),
    "no likeness": ((LIKENESS_COLUMNS,), (), 4, 0),
    "whole window": ((), (), 99, 0),
    "harmony given": ((), (Part.HARMONY, Part.BASS, Part.PAD, Part.COUNTER), 4, 0),
    "melody given": ((), (Part.MELODY,), 4, 0),
    "continuation": ((), (), 4, 4),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--ways", default="plan,no plan,harmony given")
    parser.add_argument("--bars", type=int, default=8)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top", type=float, default=0.98)
    parser.add_argument("--choice", type=float, default=4.0)
    parser.add_argument("--second", type=float, default=0.1)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--save", type=Path)
    a = parser.parse_args(argv)
    torch.set_num_threads(1)
    network = VOICES.load(a.state)
    pieces = load_voice_pieces(a.corpus)
    tables = CurveTables.load(a.state.parents[1] / "curve_tables.json")
    windows = gate_windows(pieces, tables, a.bars)[: a.windows]
    table = {
        "real": [
            measure_all(decode_voices(w.tokens), w.num_bars, w.minor, w.chords) for w in windows
        ]
    }
    saved = {}
    for way in a.ways.split(","):
        dropped, given, block, known = WAYS[way]
        begun = time.process_time()
        rows = []
        for seed, w in enumerate(windows):
            states = np.full((len(w.tokens), len(PARTS)), SILENT)
            states[:, w.parts] = MASKED
            states[: known * BEATS_PER_BAR, w.parts] = KNOWN
            states[:, [p for p in w.parts if PARTS[p] in given]] = KNOWN
            shown = w.tokens.copy()
            made = write_blocks(
                network,
                UnmaskingScheduler(choice_temperature=a.choice, second_look=a.second),
                shown,
                states,
                without(w.conditions, *dropped),
                np.arange(0, len(w.tokens), BEATS_PER_BAR),
                w.sources if LIKENESS_COLUMNS not in dropped else None,
                blocks=blocks_of(w.num_bars, seed=seed, block_bars=block),
                guidance=Guidance(a.guidance),
                sampling=Sampling(a.steps, a.temperature, top=a.top, has_dynamics=w.has_velocity),
            )
            notes = decode_voices(made)
            rows.append(measure_all(notes, w.num_bars, w.minor, w.chords))
            saved[f"{way}|{seed}"] = notes
        table[way] = rows
        print(f"{way}: {time.process_time() - begun:.0f} s", flush=True)
    if a.save:
        np.savez_compressed(a.save, allow_pickle=False, **saved)
    print(f"{'':22}" + "".join(f"{way[:14]:>15}" for way in table))
    for name in table["real"][0]:
        values = [np.nanmean([row[name] for row in rows]) for rows in table.values()]
        print(f"{name:22}" + "".join(f"{value:15.3f}" for value in values))


if __name__ == "__main__":
    main()
