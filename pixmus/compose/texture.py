"""Textures: how each part moves over some bars, measured on music and drawn for a new cue.

A texture says when in the bar a part starts notes and how surely, how many at once, how long they
sound and by what intervals the line moves; it says nothing of harmony or melody. The denoiser is
told textures of `TEXTURE_BARS` bars. In training they are measured on the window itself; composing
draws them from a bank of real pieces' textures, so that rhythm is as steady and as varied as music
is. P = parts, V = `NUM_VALUES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS

TEXTURE_BARS = 8

# After the shares of bars in which each of 16 steps is struck.
MEASURES = ("notes at once", "sounding", "repeats", "steps", "leaps", "span")
NUM_VALUES = STEPS_PER_BAR + len(MEASURES)
# What one beat is told of one part: its own steps, the measures, and whether anything is known.
COLUMNS_PER_PART = STEPS_PER_BEAT + len(MEASURES) + 1
NUM_COLUMNS = len(PARTS) * COLUMNS_PER_PART

MOST_AT_ONCE = 4.0  # notes struck together that count as 1
WIDEST_SPAN = 12.0  # standard deviation of the line's pitches, in semitones, that counts as 1
DRUMS, MELODY = PARTS.index(Part.DRUMS), PARTS.index(Part.MELODY)


def measure_texture(cells: np.ndarray, parts: Sequence[int]) -> np.ndarray:
    """The texture of whole 4/4 bars, float32 (P, V) of 0..1; NaN for parts not among `parts`.

    `cells` is uint8 (beats, NUM_CELLS). Per part: share of bars in which each step of the bar is
    struck; notes struck together on average over `MOST_AT_ONCE`; share of steps in which it sounds;
    of the intervals between its successive highest struck notes the shares of repeats, of one or
    two semitones, and of more than four; standard deviation of those notes over `WIDEST_SPAN`.
    Drums have the first two alone. A part that is silent throughout is 0.
    """
    texture = np.full((len(PARTS), NUM_VALUES), np.nan, np.float32)
    for index in parts:
        layout = PART_LAYOUTS[PARTS[index]]
        roll = cells[:, layout.onsets].reshape(-1, layout.num_pitches)
        struck = roll.any(1)
        values = texture[index]
        values[:] = 0
        if not struck.any():
            continue
        values[:STEPS_PER_BAR] = struck.reshape(-1, STEPS_PER_BAR).mean(0)
        values[STEPS_PER_BAR] = roll.sum() / struck.sum() / MOST_AT_ONCE
        if layout.has_sounding:
            sounding = cells[:, layout.sounding].reshape(-1, layout.num_pitches).any(1)
            values[STEPS_PER_BAR + 1] = sounding.mean()
            line = layout.num_pitches - 1 - roll[struck, ::-1].argmax(1)
            intervals = np.abs(np.diff(line.astype(np.int64)))
            if len(intervals):
                values[STEPS_PER_BAR + 2] = (intervals == 0).mean()
                values[STEPS_PER_BAR + 3] = ((intervals >= 1) & (intervals <= 2)).mean()
                values[STEPS_PER_BAR + 4] = (intervals > 4).mean()
            values[STEPS_PER_BAR + 5] = line.std() / WIDEST_SPAN
    return np.clip(texture, 0, 1)


def texture_columns(
    textures: np.ndarray, blocks: np.ndarray, beat_in_bar: np.ndarray
) -> np.ndarray:
    """What every beat is told, float32 (beats, NUM_COLUMNS), -1..1; 0 where nothing is known.

    `textures` is (blocks, P, V), NaN where unknown; `blocks` (beats,) says which one counts.
    """
    steps = textures[..., :STEPS_PER_BAR].reshape(-1, len(PARTS), BEATS_PER_BAR, STEPS_PER_BEAT)
    columns = np.ones((len(blocks), len(PARTS), COLUMNS_PER_PART), np.float32)
    columns[..., :STEPS_PER_BEAT] = 2 * steps[blocks, :, beat_in_bar] - 1
    columns[..., STEPS_PER_BEAT:-1] = 2 * textures[blocks][..., STEPS_PER_BAR:] - 1
    return np.nan_to_num(
        np.where(np.isnan(columns[..., :1]), 0, columns).reshape(len(blocks), NUM_COLUMNS)
    )


# ------------------------------------------------------------------------------------- The bank

CANDIDATES = 12  # pieces, those that fit best, of which one is drawn
TEMPO_WEIGHT = 0.5  # of an octave of tempo beside a factor of e in density
MISSING_PART = 2.0  # what a part costs that the piece does not have
SILENT_PART = 1.0  # what a part costs that is silent in the block,
SILENT_MELODY = 8.0  # and a melody that starts less than `SCARCE` notes a beat: it is to play
SCARCE = 0.3
NO_STYLE = 255
_ARRAYS = ("textures", "has_part", "onsets", "piece", "style", "tempo_bpm", "density_table")


@dataclass(frozen=True)
class TextureBank:
    """Textures of real pieces, block by block, of which composing draws."""

    textures: np.ndarray  # uint8 (blocks, P, V): 0..255 for 0..1
    has_part: np.ndarray  # uint8 (blocks, P): whether the part belongs to the piece
    onsets: np.ndarray  # float32 (blocks, P): notes started a beat
    piece: np.ndarray  # int32 (blocks,): from 0, blocks of one piece one after another
    style: np.ndarray  # uint8 (blocks,): index of `STYLES`, `NO_STYLE` of grooves
    tempo_bpm: np.ndarray  # float32 (blocks,)
    density_table: np.ndarray  # float32: quantiles of onsets a second, as in the curve tables

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.flatnonzero(np.diff(self.piece, prepend=-1))

    def values(self, block: int) -> np.ndarray:
        """A block's texture, float32 (P, V), NaN where the piece lacks the part."""
        known = self.has_part[block].astype(bool)[:, None]
        return np.where(known, self.textures[block] / np.float32(255), np.float32(np.nan))

    def draw(
        self,
        rng: np.random.Generator,
        style: str,
        parts: Sequence[int],
        tempo_bpm: float,
        density: np.ndarray,
    ) -> np.ndarray:
        """Textures for successive blocks with these mean densities 0..1, float32 (blocks, P, V).

        All of one piece, drawn from the `CANDIDATES` of the style that fit best: with the parts, at
        a tempo and with densities near the wanted ones; in each block its nearest in density, and
        rather one in which every part plays, the melody above all. Drums that the piece lacks are
        one groove of another, that which goes best with bass and chords.
        """
        pitched = [part for part in parts if part != DRUMS]
        quantiles = np.linspace(0, 1, len(self.density_table))
        wanted = np.interp(density, quantiles, self.density_table) * 60 / tempo_bpm
        offered = self.onsets[:, pitched].sum(1)
        off = np.abs(np.log((offered[None] + 0.1) / (wanted[:, None] + 0.1)))  # (wanted, bank)
        off = off + SILENT_PART * (self.onsets[:, pitched] == 0).sum(1)
        if MELODY in parts:
            off = off + SILENT_MELODY * (self.onsets[:, MELODY] < SCARCE)
        starts = self._starts
        nearest = np.minimum.reduceat(off, starts, axis=1).mean(0)  # (pieces,)
        missing = (self.has_part[starts][:, parts] == 0).sum(1)
        octaves = np.abs(np.log2(self.tempo_bpm[starts] / tempo_bpm))
        cost = nearest + TEMPO_WEIGHT * octaves + MISSING_PART * missing
        cost = np.where(self.style[starts] == STYLES.index(style), cost, np.inf)
        cost = np.where(self.onsets[starts][:, pitched].any(1), cost, np.inf)
        if not np.isfinite(cost).any():
            return np.full((len(density), len(PARTS), NUM_VALUES), np.nan, np.float32)
        order = np.argsort(cost, kind="stable")[: min(CANDIDATES, int(np.isfinite(cost).sum()))]
        chosen = int(rng.choice(order))
        blocks = np.flatnonzero(self.piece == self.piece[starts[chosen]])
        picked = blocks[off[:, blocks].argmin(1)]
        textures = np.stack([self.values(block) for block in picked])
        if DRUMS in parts and not self.has_part[starts[chosen], DRUMS]:
            textures[:, DRUMS] = self._groove(rng, textures, tempo_bpm)
        textures[:, [part for part in range(len(PARTS)) if part not in parts]] = np.nan
        return textures

    def _groove(
        self, rng: np.random.Generator, textures: np.ndarray, tempo_bpm: float
    ) -> np.ndarray:
        """Of a few grooves near the tempo the one that is struck with bass and chords, (V,)."""
        with_drums = np.flatnonzero(self.onsets[:, DRUMS] > 0)
        if not len(with_drums):
            return np.full(NUM_VALUES, np.nan, np.float32)
        octaves = np.abs(np.log2(self.tempo_bpm[with_drums] / tempo_bpm))
        near = with_drums[np.argsort(octaves + 0.1 * rng.random(len(octaves)))[:CANDIDATES]]
        low = [PARTS.index(part) for part in (Part.BASS, Part.HARMONY, Part.PAD)]
        pattern = np.nan_to_num(textures[:, low, :STEPS_PER_BAR]).mean((0, 1))
        drums = self.textures[near, DRUMS, :STEPS_PER_BAR].astype(np.float64)
        pattern = pattern - pattern.mean()
        drums = drums - drums.mean(1, keepdims=True)
        norms = np.linalg.norm(drums, axis=1) * np.linalg.norm(pattern)
        best = near[int((drums @ pattern / np.maximum(norms, 1e-9)).argmax())]
        return np.asarray(self.textures[best, DRUMS] / np.float32(255))

    def save(self, path: Path | str) -> None:
        """Write the bank as safetensors."""
        from safetensors.numpy import save_file  # here: training needs neither

        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}, path)

    @classmethod
    def load(cls, path: Path | str) -> TextureBank:
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            return cls(**{name: file.get_tensor(name) for name in _ARRAYS})
