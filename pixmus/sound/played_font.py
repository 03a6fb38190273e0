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
VERSION = 2  # of what is put right; part of the file's name
NUM_HASH_DIGITS = 16

RESONANCE, PAN, DECAY, RELEASE = 9, 17, 36, 38  # generators
VELOCITY, ATTENUATION, EXCLUSIVE = 44, 48, 57
# FluidSynth takes 3.01 dB off a filter's resonance, and the root of what is left off the whole
# voice, filtered or not. With this much more its filters are tinysoundfont's to 0.03 dB.
FLUID_RESONANCE = 30  # centibels
RIGHT_CLASSES = 64  # exclusive classes of right sides, from here on
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
        return zone.changed({RESONANCE: unsigned(_resonance(zone, general) + FLUID_RESONANCE)})

    return _with_zones(font, resonant)


def for_tinysoundfont(font: FontFile) -> FontFile:
    """Decays as fast as FluidSynth's, velocity layers that the squared velocities reach.

    A resonance takes half of itself off the voice, as FluidSynth has it. And a voice silences
    those of its exclusive class, the other side of its own note among them, so that of a stereo
    hi-hat one side was heard: each side has classes of its own.
    """

    def faster(zone: Zone, general: Zone) -> Zone:
        changes = {}
        for number in (DECAY, RELEASE):
            own = zone[number]
            value = own if own is not None else general[number]
            if value is not None:
                changes[number] = unsigned(signed(value) + TINY_DECAY)
        if resonance := _resonance(zone, general):
            own = zone[ATTENUATION]
            value = signed(own if own is not None else general[ATTENUATION] or 0)
            changes[ATTENUATION] = unsigned(value + resonance // 2)
        own = zone[EXCLUSIVE]
        group = own if own is not None else general[EXCLUSIVE]
        if group and signed(zone[PAN] or 0) > 0:
            changes[EXCLUSIVE] = group + RIGHT_CLASSES
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


def _resonance(zone: Zone, general: Zone) -> int:
    """Centibels of a zone's filter."""
    own = zone[RESONANCE]
    return signed(own if own is not None else general[RESONANCE] or 0)


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
