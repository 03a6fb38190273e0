"""The wished tempo and the key, by rules, each with the reason for it."""

from __future__ import annotations

import numpy as np

from pixmus.cues.direction import Direction
from pixmus.cues.moods import BRIGHT, DARK, HIGH_ENERGY, LOW_ENERGY, word_of
from pixmus.cues.sheet import TEMPO_RANGE_BPM
from pixmus.cues.wishes import Wishes
from pixmus.picture.features import Features

SLOWEST_BPM, FASTEST_BPM = 60.0, 150.0  # tempo wish at energy 0 and 1
# Fast cutting needs a fine grid: at a wish of 70, 90, 110 beats a minute the tempo map places 0.68,
# 0.80, 0.87 of cuts 1.5 s apart. (Mean seconds between hit points, least wish.)
LEAST_BPM = ((2.0, 4.0), (110.0, SLOWEST_BPM))
MAJOR_FROM = 0.42  # mean valence: major keys are the commoner ones in every training corpus
# Flat keys for dark pictures, sharp keys for bright ones (Steblin 2002, "A History of Key
# Characteristics"), by mean register from low to high.
MAJOR_TONICS = ("Eb", "Bb", "F", "C", "G", "D", "A")
MINOR_TONICS = ("F", "C", "G", "D", "A", "E", "B")


def choose_tempo(
    features: Features, energy: float, direction: Direction, wishes: Wishes
) -> tuple[float, str]:
    """Beats a minute and why: energy sets it, fast cutting its least, a wish multiplies it."""
    if direction.tempo_bpm is not None:
        return direction.tempo_bpm, "asked for"
    spacing = features.duration / (1 + len(features.transitions))
    tempo = SLOWEST_BPM * (FASTEST_BPM / SLOWEST_BPM) ** energy
    if features.transitions:
        tempo = max(tempo, float(np.interp(spacing, *LEAST_BPM)))
    tempo *= wishes.tempo_factor
    tempo = float(round(min(max(tempo, TEMPO_RANGE_BPM[0]), TEMPO_RANGE_BPM[1])))
    cutting = f"a cut every {spacing:.1f} s" if features.transitions else "no cut"
    level = word_of(features.motion.mean(), (0.015, 0.05, 0.12), ("no", "little", "some", "high"))
    energies = word_of(energy, (LOW_ENERGY, HIGH_ENERGY), ("low", "middling", "high"))
    asked = "" if wishes.tempo_factor == 1 else f", times {wishes.tempo_factor:.2f} for your words"
    return tempo, f"{cutting}, {level} motion, {energies} energy{asked}: {tempo:.0f} bpm"


def choose_key(
    features: Features, valence: float, register: float, direction: Direction, wishes: Wishes
) -> tuple[str, str]:
    """The key and why: the mode by valence, the tonic by register."""
    if direction.key is not None:
        return direction.key, "asked for"
    is_major = valence >= MAJOR_FROM if wishes.major is None else wishes.major
    tonics = MAJOR_TONICS if is_major else MINOR_TONICS
    tonic = tonics[min(int(register * len(tonics)), len(tonics) - 1)]
    mode = "major" if is_major else "minor"
    light = word_of(features.brightness.mean(), (0.3, 0.55), ("dark", "half-light", "light"))
    colour = word_of(
        features.saturation.mean(), (0.05, 0.12, 0.28), ("grey", "pale", "plain", "rich")
    )
    mood = word_of(valence, (DARK, BRIGHT), ("low", "middling", "high"))
    why = f"{light} picture, {colour} colours, {mood} valence"
    if wishes.major is not None:
        why = "your words name it"
    height = word_of(register, (0.34, 0.67), ("low", "middling", "high"))
    return f"{tonic} {mode}", f"{why}: {mode}; {height} register: {tonic}"
