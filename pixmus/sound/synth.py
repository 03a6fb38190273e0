"""`Synth`: FluidSynth and tinysoundfont alike, and which of them this machine has.

Conventions: events are sorted by sample; a waveform is float32 (2, samples) at 44.1 kHz. Notes
start on blocks of 64 samples (1.5 ms) in both: FluidSynth cannot do else, and where a note meets
the end of the one before, half a block decides whether they add up.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
import threading
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from pixmus.ensembles import DRUM_BANK
from pixmus.errors import PixMusError
from pixmus.sound.played_font import played_font, squared
from pixmus.waveform import SAMPLE_RATE, Waveform

FONT_VARIABLE = "PIXMUS_SOUNDFONT"
BLOCK = 64  # samples; FluidSynth handles events between such blocks
FLUID_COMPLAINTS = (1, 2)  # of fluid_log_level: errors, which are raised here, and warnings
FLUID_POLYPHONY = 32  # stereo voices count twice; more are inaudible tails that cost time
DRUM_CHANNEL = 9
_STARTING = threading.Lock()


class Event(NamedTuple):
    """A note that starts (velocity > 0) or ends (velocity 0) on one of the synth's channels."""

    sample: int
    velocity: int
    channel: int
    pitch: int


class Sound(NamedTuple):
    """A General MIDI programme, or a drum kit when `bank` is `DRUM_BANK`."""

    bank: int
    program: int


class Synth(Protocol):
    """What PixMus needs of a synth; no call of `play` hears anything of another."""

    def play(
        self, events: Sequence[Event], sounds: Sequence[Sound], num_samples: int
    ) -> Waveform: ...


class FluidSynth:
    """FluidSynth through pyfluidsynth, its own reverb and chorus off.

    Every call plays on a synth of its own. One that has played before keeps what no reset reaches:
    the same notes come out different, by -46 to -110 dB of the music where calls follow one
    another. A new one takes 15 ms.
    """

    def __init__(self, font: Path) -> None:
        self._font = played_font(font, "fluidsynth")

    def play(self, events: Sequence[Event], sounds: Sequence[Sound], num_samples: int) -> Waveform:
        """The events played; `sounds[i]` is on channel i, drum kits on channel 9."""
        fluidsynth = _fluidsynth()
        # Dynamic loading reads only the presets in use: 0.03 s instead of 0.4 s for 148 MB.
        synth = fluidsynth.Synth(
            gain=0.5,
            samplerate=float(SAMPLE_RATE),
            channels=16,
            **{
                "synth.reverb.active": 0,
                "synth.chorus.active": 0,
                "synth.dynamic-sample-loading": 1,
                "synth.polyphony": FLUID_POLYPHONY,
            },
        )
        try:
            font_id = synth.sfload(str(self._font))
            if font_id < 0:
                raise PixMusError(_unreadable_font(self._font))
            return self._play_on(synth, fluidsynth._fl, font_id, events, sounds, num_samples)
        finally:
            synth.delete()

    def _play_on(
        self,
        synth: Any,
        library: Any,
        font_id: int,
        events: Sequence[Event],
        sounds: Sequence[Sound],
        num_samples: int,
    ) -> Waveform:
        handle = ctypes.c_void_p(synth.synth)
        for channel, sound in _channels(sounds):
            if synth.program_select(channel, font_id, *sound) != 0:
                raise PixMusError(_missing_sound(sound))
        num_blocks = -(-num_samples // BLOCK)
        out = np.zeros((2, num_blocks * BLOCK), np.float32)
        left, right = (ctypes.c_void_p(row.ctypes.data) for row in out)
        write = library.fluid_synth_write_float
        position = 0
        for event in events:
            at = min(_on_block(event.sample), num_blocks * BLOCK)
            if at > position:
                write(handle, at - position, left, position, 1, right, position, 1)
                position = at
            if event.velocity:
                synth.noteon(event.channel, event.pitch, event.velocity)
            else:
                synth.noteoff(event.channel, event.pitch)
        if position < out.shape[1]:
            write(handle, out.shape[1] - position, left, position, 1, right, position, 1)
        return out[:, :num_samples]


class TinySoundFont:
    """tinysoundfont: one wheel without any system library.

    Its amplitude is linear in velocity, where General MIDI's (and FluidSynth's) is a square: it is
    given squares.
    """

    def __init__(self, font: Path) -> None:
        import tinysoundfont

        self._synth = tinysoundfont.Synth(gain=-6, samplerate=SAMPLE_RATE)
        try:
            self._font_id = self._synth.sfload(str(played_font(font, "tinysoundfont")))
        except Exception as error:
            raise PixMusError(_unreadable_font(font)) from error

    def play(self, events: Sequence[Event], sounds: Sequence[Sound], num_samples: int) -> Waveform:
        """The events played; `sounds[i]` is on channel i, drum kits on channel 9."""
        for channel, sound in _channels(sounds):
            is_drums = sound.bank == DRUM_BANK
            try:
                self._synth.program_select(
                    channel, self._font_id, 0 if is_drums else sound.bank, sound.program, is_drums
                )
            except RuntimeError as error:
                raise PixMusError(_missing_sound(sound)) from error
        out = np.zeros((num_samples, 2), np.float32)
        buffer = out.reshape(-1).data.cast("B")
        frame = 2 * out.itemsize
        position = 0
        for event in events:
            at = min(_on_block(event.sample), num_samples)
            if at > position:
                self._synth.generate_simple(at - position, buffer[position * frame : at * frame])
                position = at
            if event.velocity:
                self._synth.noteon(event.channel, event.pitch, squared(event.velocity))
            else:
                self._synth.noteoff(event.channel, event.pitch)
        if position < num_samples:
            self._synth.generate_simple(num_samples - position, buffer[position * frame :])
        self._synth.sounds_off()
        self._synth.generate_simple(SAMPLE_RATE // 10)  # what fades out belongs to no later call
        return np.ascontiguousarray(out.T)


def _on_block(sample: int) -> int:
    return (sample + BLOCK // 2) // BLOCK * BLOCK


SYNTHS: dict[str, type[FluidSynth] | type[TinySoundFont]] = {
    "fluidsynth": FluidSynth,
    "tinysoundfont": TinySoundFont,
}


@lru_cache(maxsize=1)
def installed_synths() -> tuple[str, ...]:
    """Names of the synths that this machine has, the better one first."""
    found = []
    with suppress(ImportError):  # pyfluidsynth raises it too when libfluidsynth is missing
        if hasattr(_fluidsynth()._fl, "fluid_synth_write_float"):
            found.append("fluidsynth")
    if importlib.util.find_spec("tinysoundfont") is not None:
        found.append("tinysoundfont")
    return tuple(found)


def _fluidsynth() -> Any:
    """The module pyfluidsynth, ready to make synths in any thread."""
    # An import that fails hands another thread that waits for it the half-made module.
    with _STARTING:
        return _started_fluidsynth()


@lru_cache(maxsize=1)
def _started_fluidsynth() -> Any:
    # It prints where it found its library when the variable CI is set, as build services set it:
    # in the midst of what a program writes to its standard output.
    with redirect_stdout(sys.stderr):
        fluidsynth = importlib.import_module("fluidsynth")
    # It warns on stderr of modulators that it has no use for, and of every missing programme.
    for level in FLUID_COMPLAINTS:
        fluidsynth._fl.fluid_set_log_function(level, None, None)
    # The first synth of a process fills what all of them use, such as the modulators of velocity,
    # and a second one that is made meanwhile does not wait for it: it would play without them.
    fluidsynth.Synth(channels=16, **{"synth.polyphony": 1}).delete()
    return fluidsynth


def _channels(sounds: Sequence[Sound]) -> list[tuple[int, Sound]]:
    return [
        (DRUM_CHANNEL if sound.bank == DRUM_BANK else channel, sound)
        for channel, sound in enumerate(sounds)
    ]


def _missing_sound(sound: Sound) -> str:
    return f"the SoundFont has no programme {sound.program} in bank {sound.bank}: use a GM font"


def _unreadable_font(font: Path) -> str:
    return f"{font} is not a SoundFont that can be read: set {FONT_VARIABLE} to another .sf2 file"
