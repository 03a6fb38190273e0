"""`played_font`: a SoundFont as one synth has to be given it to sound as the other does.

A font with Vorbis samples is decoded once and written to the user's cache: FluidSynth would decode
it anew for every synth (2 s), tinysoundfont for every thread (1 s). What the two read differently
is put right on the way. Fonts with PCM samples, which are large, are played as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pixmus.files import file_sha256, replaced_file
from pixmus.sound.font_file import (
    SAMPLE,
    FontFile,
    Zone,
    read_font,
    signed,
    unsigned,
    write_font,
)

CACHE_VARIABLE = "XDG_CACHE_HOME"
VERSION = 1  # of what is put right; part of the file's name
NUM_HASH_DIGITS = 16

CUTOFF, RESONANCE, DECAY, RELEASE, VELOCITY = 8, 9, 36, 38, 44  # generators
# FluidSynth takes 3.01 dB off a filter's resonance, and off the whole the root of what is left;
# measured, this much brings its filters nearest to tinysoundfont's (0.2 dB over thirds of octaves,
# 0.5 dB without).
FLUID_RESONANCE = 15  # centibels
# An envelope falls by 96 dB in its decay in FluidSynth, by 80 dB (exp(-9.226)) in tinysoundfont.
TINY_DECAY = -313  # timecents


def squared(velocity: int) -> int:
    """The velocity whose share of 127 is the square of this one's; never 0, which ends a note."""
    return max(1, round(velocity * velocity / 127))


def played_font(font: Path, synth: str) -> Path:
    """The file that a synth plays for this font; the font itself where the cache takes nothing."""
    status = font.stat() if font.is_file() else None
    if status is None or font.suffix.lower() != ".sf3":
        return font
    return _played(font, synth, status.st_size, status.st_mtime_ns)


def cache_folder() -> Path:
    """Where the fonts lie that were decoded."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache") / "pixmus"


@lru_cache(maxsize=8)
def _played(font: Path, synth: str, size: int, modified_ns: int) -> Path:
    folder = cache_folder()
    name = f"{font.stem}-{synth}-{VERSION}-{file_sha256(font)[:NUM_HASH_DIGITS]}.sf2"
    if (folder / name).is_file():
        return folder / name
    with suppress(OSError, RuntimeError, ValueError):  # no place to write, or no font
        read = read_font(font)
        samples = tuple(sample.with_pcm(sample.pcm) for sample in read.samples)
        made = ADAPTED[synth](replace(read, samples=samples))
        folder.mkdir(parents=True, exist_ok=True)
        with replaced_file(folder / name) as beside:
            write_font(beside, made, font.stem, "")
        return folder / name
    return font


def for_fluidsynth(font: FontFile) -> FontFile:
    """Filters with the resonance that tinysoundfont gives them."""

    def resonant(zone: Zone, general: Zone) -> Zone:
        if zone[CUTOFF] is None and general[CUTOFF] is None:
            return zone
        own = zone[RESONANCE]
        value = signed(own if own is not None else general[RESONANCE] or 0)
        return zone.changed({RESONANCE: unsigned(value + FLUID_RESONANCE)})

    return _with_zones(font, resonant)


def for_tinysoundfont(font: FontFile) -> FontFile:
    """Decays as fast as FluidSynth's, and velocity layers that the squared velocities reach."""

    def faster(zone: Zone, general: Zone) -> Zone:
        changes = {}
        for number in (DECAY, RELEASE):
            own = zone[number]
            value = own if own is not None else general[number]
            if value is not None:
                changes[number] = unsigned(signed(value) + TINY_DECAY)
        return _squared_layer(zone.changed(changes))

    made = _with_zones(font, faster)
    presets = [
        replace(preset, zones=tuple(_squared_layer(zone) for zone in preset.zones))
        for preset in made.presets
    ]
    instruments = [
        replace(each, zones=tuple(_squared_layer(zone) if zone[SAMPLE] is None else zone
                                  for zone in each.zones))
        for each in made.instruments
    ]  # fmt: skip
    return replace(made, presets=tuple(presets), instruments=tuple(instruments))


ADAPTED: dict[str, Callable[[FontFile], FontFile]] = {
    "fluidsynth": for_fluidsynth,
    "tinysoundfont": for_tinysoundfont,
}


def _squared_layer(zone: Zone) -> Zone:
    """The zone for the squares of its velocities; the layers of a key stay side by side."""
    if zone[VELOCITY] is None:
        return zone
    low, high = zone.range(VELOCITY)
    low = squared(low) if low > 1 else low
    high = 127 if high >= 127 else squared(high + 1) - 1
    return zone.changed({VELOCITY: low | max(high, 0) << 8})


def _with_zones(font: FontFile, change: Callable[[Zone, Zone], Zone]) -> FontFile:
    """The font with every zone of an instrument that plays a sample changed."""
    instruments = []
    for instrument in font.instruments:
        general = instrument.general
        zones = [zone if zone[SAMPLE] is None else change(zone, general)
                 for zone in instrument.zones]  # fmt: skip
        instruments.append(replace(instrument, zones=tuple(zones)))
    return replace(font, instruments=tuple(instruments))
