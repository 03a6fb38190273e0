"""`Measurement`: how soon and how loud an instrument sounds, measured on its own notes.

Conventions: attacks are milliseconds where stored and seconds where asked; loudness is LUFS. What
is known of the usual fonts stands in `font_measurements.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from pixmus.ensembles import DRUM_BANK
from pixmus.sound.loudness import block_powers, filter_spectrum, gated_loudness, k_weighting
from pixmus.sound.synth import DRUM_CHANNEL, Event, Sound
from pixmus.waveform import SAMPLE_RATE, Waveform

MEASUREMENTS = Path(__file__).with_name("font_measurements.json")

MEASURED_PITCHES = (36, 48, 60, 72, 84)
MEASURED_VELOCITIES = (64, 100)
MEASURED_NOTE_S = 1.0
ATTACK_WINDOW_S = 0.5  # a programme that swells longer than this has no attack worth the name
ENVELOPE_S = 0.010


class Player(Protocol):
    """What can be measured: it plays events."""

    def play(
        self, events: Sequence[Event], sounds: Sequence[Sound], num_samples: int
    ) -> Waveform: ...


@dataclass(frozen=True)
class Measurement:
    """Attack (ms, at `MEASURED_PITCHES`) and loudness (LUFS of one note) of a programme."""

    attack_ms: tuple[float, ...]
    loudness: float

    def attack(self, pitch: int) -> float:
        """Seconds from the start of a note to half of its first peak's amplitude."""
        if len(self.attack_ms) == 1:
            return self.attack_ms[0] / 1000.0
        return float(np.interp(pitch, MEASURED_PITCHES, self.attack_ms)) / 1000.0


def attack_time(waveform: Waveform, start: int = 0) -> float:
    """Seconds from sample `start` until the envelope reaches half of its maximum within 0.5 s.

    The envelope is the RMS over both channels in a window of 10 ms around each sample.
    """
    half = round(ENVELOPE_S * SAMPLE_RATE / 2)
    length = round(ATTACK_WINDOW_S * SAMPLE_RATE)
    square = np.zeros(length + 2 * half)
    low, high = max(start - half, 0), min(start + length + half, waveform.shape[1])
    heard = waveform[:, low:high].astype(np.float64)
    square[low - start + half : high - start + half] = np.square(heard).sum(axis=0)
    sums = np.concatenate([[0.0], np.cumsum(square)])
    power = sums[2 * half :] - sums[: -2 * half]  # power[i]: window centred on sample start + i
    return float(np.argmax(power >= 0.25 * power.max())) / SAMPLE_RATE


@lru_cache(maxsize=512)
def measure_sound(player: Player, sound: Sound, pitch: int | None) -> Measurement:
    pitches = MEASURED_PITCHES if pitch is None else (pitch,)
    num_samples = round(MEASURED_NOTE_S * SAMPLE_RATE)
    channel = DRUM_CHANNEL if sound.bank == DRUM_BANK else 0
    attacks, powers = [], []
    for each in pitches:
        times = []
        for velocity in MEASURED_VELOCITIES:
            note = player.play([Event(0, velocity, channel, each)], [sound], num_samples)
            times.append(attack_time(note))
        attacks.append(round(1000.0 * float(np.mean(times)), 1))
        weighted = filter_spectrum(note, k_weighting())
        powers.append(block_powers(weighted, SAMPLE_RATE // 10))
    levels = [gated_loudness(power) for power in powers]
    heard = [level for level in levels if np.isfinite(level)]
    return Measurement(tuple(attacks), round(float(np.mean(heard)), 1) if heard else -70.0)


def measurement_name(sound: Sound, pitch: int | None) -> str:
    return str(sound.program) if sound.bank != DRUM_BANK else f"kit {sound.program} drum {pitch}"


@lru_cache(maxsize=8)
def stored_measurements(synth: str, font: str, size: int) -> dict[str, Measurement]:
    if not MEASUREMENTS.is_file():
        return {}
    for entry in json.loads(MEASUREMENTS.read_text()):
        if (entry["synth"], entry["font"], entry["size"]) == (synth, font, size):
            return {
                name: Measurement(tuple(value["attack_ms"]), value["loudness"])
                for name, value in entry["programs"].items()
            }
    return {}
