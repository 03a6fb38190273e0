"""`pixmus.sf3`: the SoundFont that comes along, made from FluidR3_GM (MIT; Frank Wen).

python -m pixmus.training.soundfont /usr/share/sounds/sf2/FluidR3_GM.sf2 [--out FILE]

The programmes in use are taken, each made to sound alike in FluidSynth and tinysoundfont:
attenuations become part of the samples (FluidSynth takes 0.4 of them, tinysoundfont all) and
modulators go (tinysoundfont has none). The piano is narrowed, pizzicato and choir are tuned.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixmus.ensembles import DRUM_BANK, DRUM_PITCHES
from pixmus.sound.font_file import (
    INSTRUMENT,
    KEY,
    SAMPLE,
    FontFile,
    Instrument,
    Modulator,
    Preset,
    Sample,
    Zone,
    read_font,
    signed,
    unsigned,
    write_font,
)
from pixmus.sound.loudness import LIMITER_BLOCK, apply_gain, limiter_gain
from pixmus.sound.soundfont import OWN_FONT

NOTICE = "Fluid (R3), (c) 2000-2002, 2008 Frank Wen, (c) 2008 Toby Smithe; MIT licence"
QUALITY = 0.4  # of Vorbis; 0.2 is 15 % smaller, 0.6 a quarter larger
KEYS = range(28, 97)
KIT_KEYS = DRUM_PITCHES
# Pianos, keyed percussion, guitars and basses, strings, choir, brass, winds, pads: see
# `pixmus.ensembles`; and what the players of `pixmus.dataset.renditions` have besides.
PROGRAMS = (
    *(0, 4, 8, 9, 10, 11, 12, 14, 24, 25, 27, 32, 33, 38, 40, 41, 42, 43, 45, 46, 47, 48, 49, 50),
    *(52, 56, 60, 61, 68, 70, 71, 73, 80, 81, 89, 90, 91, 95),
)
KITS = (0, 48)
# No ensemble plays them, only renditions of the corpora do: coded at half of the quality.
SELDOM = (27, 38, 40, 41, 42, 43, 47, 56, 61, 68, 70, 80, 81, 90)
WIDTHS = {0: 0.45}  # programme -> share of the side signal that stays
TUNED = (45, 52)  # programmes whose samples are out of tune
LARGEST_TUNING = 60  # cents, of a sample either way
TUNING_S, HARMONICS = 2, (1, 2, 3, 4)  # seconds listened to, and what of them
# FluidR3's harp falls by 10 dB a second after its key is up, which piles up dozens of voices;
# here it falls four times as fast.
RELEASES = {46: -2400}  # timecents

FILTER_CUTOFF, RELEASE, ATTENUATION = 8, 38, 48  # generators
FINE_TUNE, SAMPLE_MODES, ROOT = 52, 54, 58
LOOPS, LOOPS_UNTIL_RELEASE = 1, 3
AFTER_LOOP = 64  # samples
# A loop that comes back at up to 20 Hz is heard to pulse where its level moves.
SHORTEST_LEVELLED_S = 0.05
LEVELLED_HARMONICS = 3  # of the loop's rate; what is faster is the players' own
LEVELLING_ROUNDS = 4
LOWEST_LEVEL_DB = -12.0  # against a loop's mean: what lies below is not turned up further
LEVELLING_FADE_S = 0.25
LIMITER_RELEASE = 400.0  # dB a second: what is turned up beyond full scale is held below it
MONO = 1  # a sample's kind
BOTH = 2 + 4  # right and left
EMU_FACTOR = 0.4  # of an attenuation that the EMU8000, and FluidSynth, apply
# Without these FluidSynth lowers the filter of soft notes by up to two octaves.
NO_MODULATORS: tuple[Modulator, ...] = tuple(
    (0x102, FILTER_CUTOFF, 0, m, 0) for m in (0xD02, 0x502, 0)
)


@dataclass
class _Making:
    """What was taken so far."""

    font: FontFile
    quality: float
    instruments: list[Instrument] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    places: dict[tuple[object, ...], int] = field(default_factory=dict)  # of treated samples
    made: dict[tuple[object, ...], int] = field(default_factory=dict)  # the same of an instrument


def make_font(font: FontFile, quality: float = QUALITY) -> FontFile:
    """The font of the programmes and drums in use, with Vorbis samples."""
    making = _Making(font, quality)
    presets = [_take(making, font.preset(0, program), KEYS) for program in PROGRAMS]
    presets += [_take(making, font.preset(DRUM_BANK, kit), KIT_KEYS) for kit in KITS]
    return FontFile(tuple(presets), tuple(making.instruments), tuple(making.samples))


def _take(making: _Making, preset: Preset, keys: Sequence[int]) -> Preset:
    """The preset with the instruments that it needs for the keys."""
    general = preset.general
    least = min(_attenuations(making.font, preset, keys))
    release = RELEASES.get(preset.program, 0) if preset.bank != DRUM_BANK else 0
    zones = []
    if release or general.generators:
        zones.append(_cleared(general, {RELEASE: unsigned(release)} if release else {}))
    for zone in preset.zones:
        index = zone[INSTRUMENT]
        if index is None:
            continue
        attenuation = _attenuation(zone, general)
        made = _take_instrument(making, index, _treatment(preset, attenuation - least), keys)
        if made is not None:
            zones.append(_cleared(zone, {INSTRUMENT: made}))
    return replace(preset, zones=tuple(zones))


@dataclass(frozen=True)
class _Treatment:
    """What is done to the samples of an instrument."""

    attenuation: int  # centibels
    width: float = 1.0
    is_tuned: bool = False
    is_seldom: bool = False


def _treatment(preset: Preset, attenuation: int) -> _Treatment:
    if preset.bank == DRUM_BANK:
        return _Treatment(attenuation)
    program = preset.program
    return _Treatment(attenuation, WIDTHS.get(program, 1.0), program in TUNED, program in SELDOM)


def _take_instrument(
    making: _Making, index: int, treatment: _Treatment, keys: Sequence[int]
) -> int | None:
    """Index of an instrument whose samples are treated; None where it has none for the keys."""
    key = (index, treatment)
    if key in making.made:
        return making.made[key]
    source = making.font.instruments[index]
    general = source.general
    zones = [replace(_cleared(general, {}), modulators=NO_MODULATORS)]
    for zone in source.zones:
        number = zone[SAMPLE]
        low, high = zone.range(KEY)
        if number is None or not any(low <= each <= high for each in keys):
            continue
        modes = zone[SAMPLE_MODES]
        modes = (general[SAMPLE_MODES] or 0) if modes is None else modes
        softer = treatment.attenuation + _attenuation(zone, general)
        place = _take_sample(making, number, replace(treatment, attenuation=softer), modes & 3)
        changes: dict[int, int] = {SAMPLE: place}
        if treatment.is_tuned:
            root = zone[ROOT] if zone[ROOT] is not None else general[ROOT]
            changes[FINE_TUNE] = unsigned(-round(deviation(sides_of(making.font, number), root)))
        zones.append(_cleared(zone, changes))
    if len(zones) == 1:
        return None
    making.made[key] = len(making.instruments)
    making.instruments.append(Instrument(source.name, tuple(zones)))
    return making.made[key]


def _take_sample(making: _Making, number: int, treatment: _Treatment, modes: int) -> int:
    """Index of a sample, treated, cut behind its loop and coded."""
    key = (number, treatment, modes)
    if key in making.places:
        return making.places[key]
    sides = sides_of(making.font, number)
    sample, pcm = sides[0], sides[0].pcm
    start, end = sample.loop
    if not 0 <= start < end <= len(pcm):
        start = end = 0
    if treatment.width != 1.0 and len(sides) == 2:
        pcm = narrowed(pcm, sides[1].pcm, treatment.width)
    if modes in (LOOPS, LOOPS_UNTIL_RELEASE) and end - start >= SHORTEST_LEVELLED_S * sample.rate:
        pcm = levelled(pcm, (start, end), round(LEVELLING_FADE_S * sample.rate))
    if modes == LOOPS and end:
        pcm = pcm[: end + AFTER_LOOP]
    gain = 10.0 ** (-EMU_FACTOR * treatment.attenuation / 200.0)
    coded = replace(sample, loop=(start, end), kind=MONO, link=0).with_pcm(
        pcm * np.float32(gain), making.quality * (0.5 if treatment.is_seldom else 1.0)
    )
    making.places[key] = len(making.samples)
    making.samples.append(coded)
    return making.places[key]


def sides_of(font: FontFile, number: int) -> tuple[Sample, ...]:
    """A sample, and the other side of one that is half of a stereo pair and has one.

    Most halves in FluidR3 name no other side (their link is 0, the first sample of all): theirs is
    the neighbour of the same name but for its last letter.
    """
    sample = font.samples[number]
    if sample.kind == MONO:
        return (sample,)
    for other in (sample.link, number + 1, number - 1):
        if 0 <= other < len(font.samples) and other != number:
            found = font.samples[other]
            linked = sample.link == other and found.link == number
            if found.kind + sample.kind == BOTH and (linked or _stem(found) == _stem(sample)):
                return (sample, found)
    return (sample,)


def _stem(sample: Sample) -> str:
    """The name of a half without what tells its side."""
    return re.sub(r"\W*[LR]\W*$", "", sample.name)


def narrowed(
    own: NDArray[np.float32], other: NDArray[np.float32], width: float
) -> NDArray[np.float32]:
    """One side of a stereo pair of which only a share `width` of the difference stays."""
    length = min(len(own), len(other))
    half = np.float32(0.5)
    middle, side = half * (own[:length] + other[:length]), half * (own[:length] - other[:length])
    return middle + np.float32(width) * side


def levelled(pcm: NDArray[np.float32], loop: tuple[int, int], fade: int) -> NDArray[np.float32]:
    """The samples with a loop whose level neither rises nor falls as often as the loop comes back.

    What is done to the loop goes on backwards from it, less and less, over `fade` samples, as the
    loop is mostly one turn of a vibrato; and likewise behind it.
    """
    start, end = loop
    turn = pcm[start:end].astype(np.float64)
    gain = np.ones(len(turn))
    for _ in range(LEVELLING_ROUNDS):
        spectrum = np.fft.rfft(np.square(turn * gain))
        spectrum[LEVELLED_HARMONICS + 1 :] = 0.0
        power = np.fft.irfft(spectrum, len(turn))
        mean = spectrum[0].real / len(turn)
        if mean <= 0.0:
            return pcm
        lowest = mean * 10.0 ** (LOWEST_LEVEL_DB / 10.0)
        gain *= np.sqrt(mean / np.maximum(power, lowest))
    before, after = min(fade, start), min(fade, len(pcm) - end)
    whole = np.ones(len(pcm))
    shares = np.arange(before) / max(before, 1), 1.0 - np.arange(after) / max(after, 1)
    whole[start - before : start] = gain[np.arange(-before, 0) % len(gain)] ** shares[0]
    whole[start:end] = gain
    whole[end : end + after] = gain[np.arange(after) % len(gain)] ** shares[1]
    made = np.atleast_2d((pcm * whole).astype(np.float32))
    blocks = np.pad(np.abs(made[0]), (0, -len(pcm) % LIMITER_BLOCK)).reshape(-1, LIMITER_BLOCK)
    apply_gain(made, limiter_gain(blocks.max(axis=1), 1.0, LIMITER_RELEASE), LIMITER_BLOCK)
    return np.asarray(made[0])


def deviation(sides: Sequence[Sample], root: int | None = None) -> float:
    """Cents that a sample, mono or stereo, sounds above `root`, else above its header's pitch.

    The tuning whose first harmonics are strongest in the spectrum of the loudest two seconds.
    """
    sample = sides[0]
    root = sample.root if root is None else root
    named_hz = 440.0 * 2.0 ** ((root - 69 - sample.correction / 100.0) / 12.0)
    num_fft = 1 << 19
    spectrum = np.zeros(num_fft // 2 + 1)
    for side in sides:
        pcm = side.pcm.astype(np.float64)
        start = min(int(np.argmax(np.abs(pcm))), max(len(pcm) - TUNING_S * side.rate // 4, 0))
        part = pcm[start : start + TUNING_S * side.rate]
        spectrum += np.abs(np.fft.rfft(part * np.hanning(len(part)), num_fft))
    spectrum = np.sqrt(spectrum)
    cents = np.arange(-LARGEST_TUNING, LARGEST_TUNING + 1)
    strength = np.zeros(len(cents))
    for harmonic in HARMONICS:
        hz = harmonic * named_hz * 2.0 ** (cents / 1200.0)
        if hz[-1] < 0.45 * sample.rate:
            bins = np.rint(hz * num_fft / sample.rate).astype(int)
            strength += spectrum[bins] / harmonic
    return float(cents[int(np.argmax(strength))]) if strength.any() else 0.0


def _attenuations(font: FontFile, preset: Preset, keys: Sequence[int]) -> set[int]:
    """Every attenuation (centibels) that a note of the preset has."""
    general = preset.general
    found = set()
    for zone in preset.zones:
        index = zone[INSTRUMENT]
        if index is None:
            continue
        instrument = font.instruments[index]
        for each in instrument.zones:
            low, high = each.range(KEY)
            if each[SAMPLE] is not None and any(low <= key <= high for key in keys):
                found.add(_attenuation(zone, general) + _attenuation(each, instrument.general))
    return found


def _attenuation(zone: Zone, general: Zone) -> int:
    own = zone[ATTENUATION]
    return signed(own if own is not None else general[ATTENUATION] or 0)


def _cleared(zone: Zone, changes: dict[int, int]) -> Zone:
    """The zone without attenuation and modulators, some generators changed or added."""
    return replace(zone.changed(changes, without=(ATTENUATION,)), modulators=())


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the font as the command line says and print its size."""
    parser = argparse.ArgumentParser(description="Make pixmus.sf3 from FluidR3_GM.")
    parser.add_argument("font", type=Path, help="FluidR3_GM.sf2")
    parser.add_argument("--out", type=Path, default=OWN_FONT)
    parser.add_argument("--quality", type=float, default=QUALITY)
    asked = parser.parse_args(arguments)
    made = make_font(read_font(asked.font), asked.quality)
    write_font(asked.out, made, "PixMus", NOTICE)
    size = asked.out.stat().st_size / 1e6
    print(f"{asked.out}: {size:.2f} MB, {len(made.presets)} presets, {len(made.samples)} samples")


if __name__ == "__main__":
    main()
