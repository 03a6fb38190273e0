"""`Window`: some seconds of a piece of the open corpora, their curves, and how they sound.

Only corpora whose music may be passed on are used (`OPEN_CORPORA`). The curves are those of the
design, quantiles among training bars measured on the notes by `compose.conditions`; the sound is
one dry rendition whose loudness follows the energy.

Conventions: curves have one value a second, the mean over that second; waveforms are float32
(samples,) at `SOUND_RATE`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixmus.curves import CURVES, Curve
from pixmus.ensembles import BAND, DRUM_BANK, ORCHESTRA, PARTS, PIANO, STRINGS, Part
from pixmus.errors import PixMusError
from pixmus.score.curves import CurveTables, beat_statistics, measure_bars
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.sound.soundfont import SoundFontRenderer
from pixmus.sound.synth import DRUM_CHANNEL, SYNTHS, Event, Sound
from pixmus.training.corpus import Ledger, Piece, load_pieces
from pixmus.waveform import SAMPLE_RATE

OPEN_CORPORA = ("lieder", "quartets", "freedoom")
SOUND_RATE = 22_050  # Hz, half of the synth's

# General MIDI programmes of the parts, by the name of the sound; drums are the standard kit.
SOUNDS: dict[str, dict[str, int]] = {
    PIANO.name: {Part.MELODY: 0, Part.COUNTER: 0, Part.HARMONY: 0, Part.BASS: 0, Part.PAD: 48},
    "flute and piano": {
        Part.MELODY: 73,
        Part.COUNTER: 68,
        Part.HARMONY: 0,
        Part.BASS: 0,
        Part.PAD: 48,
    },
    "cello and piano": {
        Part.MELODY: 42,
        Part.COUNTER: 40,
        Part.HARMONY: 0,
        Part.BASS: 0,
        Part.PAD: 48,
    },
    "clarinet and harp": {
        Part.MELODY: 71,
        Part.COUNTER: 73,
        Part.HARMONY: 46,
        Part.BASS: 46,
        Part.PAD: 49,
    },
    STRINGS.name: {
        Part.MELODY: 48,
        Part.COUNTER: 48,
        Part.HARMONY: 48,
        Part.BASS: 48,
        Part.PAD: 49,
    },
    "solo strings": {
        Part.MELODY: 40,
        Part.COUNTER: 40,
        Part.HARMONY: 41,
        Part.BASS: 42,
        Part.PAD: 48,
    },
    "woodwinds": {Part.MELODY: 73, Part.COUNTER: 68, Part.HARMONY: 71, Part.BASS: 70, Part.PAD: 60},
    BAND.name: {Part.MELODY: 27, Part.COUNTER: 4, Part.HARMONY: 25, Part.BASS: 33, Part.PAD: 89},
    "synths": {Part.MELODY: 80, Part.COUNTER: 81, Part.HARMONY: 4, Part.BASS: 38, Part.PAD: 90},
    ORCHESTRA.name: {
        Part.MELODY: 48,
        Part.COUNTER: 60,
        Part.HARMONY: 46,
        Part.BASS: 43,
        Part.PAD: 49,
    },
}
SOUNDS_OF_CORPUS = {
    "lieder": (PIANO.name, "flute and piano", "cello and piano", "clarinet and harp"),
    "quartets": (STRINGS.name, "solo strings", "woodwinds"),
    "freedoom": (BAND.name, "synths", ORCHESTRA.name),
}

# Velocity of a note: the energy of its moment, its place in the bar, its part.
SOFTEST, ENERGY_VELOCITY = 38.0, 66.0
BEAT_STRESS = (7.0, 0.0, 3.0, 0.0)
OFFBEAT_STRESS = -4.0
OWN_VELOCITY = 0.35  # share of what the piece's own velocities deviate from their mean
PART_VELOCITY: dict[str, float] = {
    Part.MELODY: 1.0, Part.COUNTER: 0.88, Part.HARMONY: 0.85, Part.BASS: 0.92, Part.PAD: 0.72,
    Part.DRUMS: 0.85,
}  # fmt: skip
# RMS of the louder half of the blocks, dB of full scale, of a window of middling energy; and how
# many dB lie between the windows of least and most energy.
LEVEL_DB, ENERGY_DB = -21.0, 14.0
HIGHEST_PEAK = 0.94
LEVEL_BLOCK_S = 0.2
FADE_S = 0.25
TAIL_TAPS = 63  # of the filter before every other sample is left out


def load_music(music: str | Path) -> dict[str, Piece]:
    """The pieces of the open corpora by `{corpus}/{name}`.

    `music` is the folder of the corpora (reading it takes a minute) or a corpus file that
    `pixmus corpus make` wrote. Near-duplicates are left out, and so is what may not be passed on.
    """
    music = Path(music)
    if music.is_dir():
        from pixmus.training.duplicates import drop_near_duplicates
        from pixmus.training.readers import read_freedoom, read_openscore

        ledger = Ledger()
        pieces = [
            *read_openscore(music / "openscore_lieder", "lieder", ledger),
            *read_openscore(music / "openscore_quartets", "quartets", ledger),
            *read_freedoom(music / "freedoom", ledger),
        ]
        pieces = drop_near_duplicates(pieces, ledger) if pieces else []
    elif music.exists():
        pieces = load_pieces(music)
    else:
        raise PixMusError(
            f"{music} is not there; name the folder of the open corpora, or a corpus file that "
            "`pixmus corpus make` wrote."
        )
    found = {f"{piece.corpus}/{piece.name}": piece for piece in pieces}
    kept = {name: piece for name, piece in found.items() if piece.corpus in OPEN_CORPORA}
    if not kept:
        raise PixMusError(
            f"{music} holds no piece of the corpora that may be passed on "
            f"({', '.join(OPEN_CORPORA)}); name a folder or a corpus file that does."
        )
    return kept


def checksum(piece: Piece) -> str:
    """8 hex digits that tell a piece's notes from others'."""
    return hashlib.sha256(piece.notes.astype("<i2").tobytes()).hexdigest()[:8]


@dataclass(frozen=True)
class Window:
    """`seconds` of a piece from the bar at `first_beat` on, at one tempo, transposed.

    Notes that began before the window are left out. The curves do not know the transposition: in
    the design's units the register is that of the piece in C major or A minor.
    """

    piece: Piece
    first_beat: int
    tempo_bpm: float
    transposition: int  # semitones
    seconds: float

    @cached_property
    def beat_times(self) -> NDArray[np.float64]:
        """Seconds of the window's beats, 0 the first downbeat."""
        return np.arange(self.num_beats, dtype=np.float64) * (60.0 / self.tempo_bpm)

    @property
    def num_beats(self) -> int:
        """Beats that begin inside the window, whole bars of them as far as the piece goes."""
        wanted = int(np.ceil(self.seconds * self.tempo_bpm / 60.0 - 1e-6))
        whole = -(-wanted // BEATS_PER_BAR) * BEATS_PER_BAR
        return min(whole, self.piece.num_beats - self.first_beat)

    def bar_curves(
        self, tables: CurveTables, statistics: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """The four curves, one value a bar; `statistics` are the whole piece's, where known."""
        if statistics is None:
            statistics = beat_statistics(self.piece.cells()).sum(1)
        part = statistics[self.first_beat : self.first_beat + self.num_beats]
        bar = BEATS_PER_BAR * 60.0 / self.tempo_bpm
        starts = np.arange(0, len(part), BEATS_PER_BAR)
        lengths = np.diff(np.append(starts, len(part))) / BEATS_PER_BAR * bar
        raw = measure_bars(part, starts, lengths)
        # Three of four corpora have no dynamics: energy is that of the voices in all of them.
        return tables.curves(raw, has_velocity=False)

    def curves(
        self, tables: CurveTables, statistics: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """The four curves, one value a second: each bar's value over the time that it lasts."""
        bars = self.bar_curves(tables, statistics)
        bar = BEATS_PER_BAR * 60.0 / self.tempo_bpm
        edges = np.arange(round(self.seconds) + 1, dtype=float)
        knots = np.arange(len(bars[Curve.DENSITY]) + 1) * bar
        knots[-1] = max(knots[-1], edges[-1])
        found = {}
        for name in CURVES:
            total = np.concatenate([[0.0], np.cumsum(bars[name] * np.diff(knots))])
            found[name] = np.diff(np.interp(edges, knots, total))
        return found


def events_of(
    window: Window, energy: NDArray[np.float64], sound: str
) -> tuple[list[Event], list[Sound]]:
    """What the synth is told: notes at 44.1 kHz, struck as hard as the energy (one value a bar)."""
    step = 60.0 / window.tempo_bpm / STEPS_PER_BEAT * SAMPLE_RATE
    first = window.first_beat * STEPS_PER_BEAT
    notes = window.piece.notes.astype(int)
    inside = (notes[:, 1] >= first) & (notes[:, 1] < first + window.num_beats * STEPS_PER_BEAT)
    notes = notes[inside]
    own = notes[:, 4][notes[:, 4] > 0]
    own_mean = float(own.mean()) if len(own) else 0.0
    smooth = np.interp(
        np.arange(window.num_beats), np.arange(len(energy)) * BEATS_PER_BAR + 1.5, energy
    )
    num_samples = round(window.seconds * SAMPLE_RATE)
    programs = SOUNDS[sound]
    events, sounds = [], []
    parts = [part for part in PARTS if (notes[:, 0] == PARTS.index(part)).any()]
    for channel, part in enumerate(parts):
        is_drums = part == Part.DRUMS
        sounds.append(Sound(DRUM_BANK, 0) if is_drums else Sound(0, programs[part]))
        to = DRUM_CHANNEL if is_drums else channel
        up = 0 if is_drums else window.transposition
        for _, onset, length, pitch, velocity in notes[notes[:, 0] == PARTS.index(part)]:
            at = int(onset) - first
            beat, rest = divmod(at, STEPS_PER_BEAT)
            stress = BEAT_STRESS[beat % BEATS_PER_BAR] if rest == 0 else OFFBEAT_STRESS
            struck = SOFTEST + ENERGY_VELOCITY * smooth[beat] + stress
            if velocity:
                struck += OWN_VELOCITY * (velocity - own_mean)
            struck = int(np.clip(round(struck * PART_VELOCITY[part]), 1, 127))
            start = round(at * step)
            end = min(max(start + 1, round((at + int(length)) * step) - 1), num_samples)
            if start < num_samples:
                events.append(Event(start, struck, to, int(pitch) + up))
                events.append(Event(end, 0, to, int(pitch) + up))
    return sorted(events), sounds


def render(
    window: Window, tables: CurveTables, sound: str, renderer: SoundFontRenderer
) -> NDArray[np.float32]:
    """The window's sound (round(seconds * SOUND_RATE),): dry, mono, its level set by its energy.

    A synth of its own plays each window, so that the same window sounds the same to the sample.
    """
    energy = window.bar_curves(tables)[Curve.ENERGY]
    events, sounds = events_of(window, energy, sound)
    synth = SYNTHS[renderer.synth](renderer.font)
    stereo = synth.play(events, sounds, round(window.seconds * SAMPLE_RATE))
    waveform = halve_rate(stereo.mean(axis=0, dtype=np.float64))
    level = loud_level(waveform)
    if level > 0:
        wanted = 10 ** ((LEVEL_DB + ENERGY_DB * (float(energy.mean()) - 0.5)) / 20)
        gain = min(wanted / level, HIGHEST_PEAK / float(np.abs(waveform).max()))
        waveform *= gain
    fade = round(FADE_S * SOUND_RATE)
    waveform[-fade:] *= np.linspace(1, 0, fade)
    return waveform.astype(np.float32)


def halve_rate(waveform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every other sample, after a low-pass at 0.45 of the new rate (a windowed sinc)."""
    taps = np.arange(TAIL_TAPS) - TAIL_TAPS // 2
    response = np.sinc(0.45 * taps) * np.hamming(TAIL_TAPS)
    return np.convolve(waveform, response / response.sum(), "same")[::2]


def loud_level(waveform: NDArray[np.float64]) -> float:
    """RMS of the louder half of a waveform's blocks of 0.2 s, so that rests do not count."""
    block = round(LEVEL_BLOCK_S * SOUND_RATE)
    num = max(1, len(waveform) // block)
    powers = np.square(waveform[: num * block]).reshape(num, -1).mean(1)
    return float(np.sqrt(np.sort(powers)[num // 2 :].mean()))


def statistics_of(
    pieces: Mapping[str, Piece], names: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """`beat_statistics` of whole pieces, summed over their parts."""
    return {name: beat_statistics(pieces[name].cells()).sum(1) for name in names}
