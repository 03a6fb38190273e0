"""`Renderer`: a SoundFont and the synth that plays it, and what was measured about its programmes.

Conventions: events are sorted by sample; a waveform is float32 (2, samples) at 44.1 kHz. FluidSynth
starts notes on blocks of 64 samples (1.5 ms), tinysoundfont on the sample.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

import numpy as np

from pixmus.ensembles import DRUM_BANK, DRUM_PITCHES, Voice
from pixmus.errors import PixMusError
from pixmus.sound.loudness import block_powers, filter_spectrum, gated_loudness, k_weighting
from pixmus.waveform import SAMPLE_RATE, Waveform

FONT_VARIABLE = "PIXMUS_SOUNDFONT"
FLUID_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
MEASUREMENTS = Path(__file__).with_name("font_measurements.json")
FLUID_BLOCK = 64  # samples; FluidSynth handles events between such blocks
FLUID_WARNING = 2  # of fluid_log_level
FLUID_POLYPHONY = 48  # stereo voices count twice; more are inaudible tails that cost time
VOLUME_RELEASE = 38  # SoundFont generator
# FluidR3's harp falls by 10 dB a second after its key is up, which piles up dozens of voices;
# in FluidSynth it falls four times as fast.
RELEASE_CENTS = {46: -2400.0}
DRUM_CHANNEL = 9
NUM_PROGRAMS = 128
_LOOKING = threading.Lock()

MEASURED_PITCHES = (36, 48, 60, 72, 84)
MEASURED_VELOCITIES = (64, 100)
MEASURED_NOTE_S = 1.0
ATTACK_WINDOW_S = 0.5  # a programme that swells longer than this has no attack worth the name
ENVELOPE_S = 0.010


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
    the same notes come out different, by -50 to -110 dB of the music where calls follow one
    another, by -13 dB where two threads share the kept synths. A new one takes 15 ms.
    """

    def __init__(self, font: Path) -> None:
        self._font = font

    def play(self, events: Sequence[Event], sounds: Sequence[Sound], num_samples: int) -> Waveform:
        """The events played; `sounds[i]` is on channel i, drum kits on channel 9."""
        import fluidsynth

        # It warns on stderr of modulators in FluidR3 that it has no use for.
        fluidsynth._fl.fluid_set_log_function(FLUID_WARNING, None, None)
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
                raise PixMusError(
                    f"the SoundFont has no bank {sound.bank} programme {sound.program}"
                )
            library.fluid_synth_set_gen(
                handle,
                channel,
                VOLUME_RELEASE,
                ctypes.c_float(RELEASE_CENTS.get(sound.program, 0.0)),
            )
        num_blocks = -(-num_samples // FLUID_BLOCK)
        out = np.zeros((2, num_blocks * FLUID_BLOCK), np.float32)
        left, right = (ctypes.c_void_p(row.ctypes.data) for row in out)
        write = library.fluid_synth_write_float
        position = 0
        for event in events:
            at = min((event.sample + FLUID_BLOCK // 2) // FLUID_BLOCK, num_blocks) * FLUID_BLOCK
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
    """tinysoundfont: one wheel without any system library."""

    def __init__(self, font: Path) -> None:
        import tinysoundfont

        self._synth = tinysoundfont.Synth(gain=-6, samplerate=SAMPLE_RATE)
        try:
            self._font_id = self._synth.sfload(str(font))
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
            at = min(event.sample, num_samples)
            if at > position:
                self._synth.generate_simple(at - position, buffer[position * frame : at * frame])
                position = at
            if event.velocity:
                self._synth.noteon(event.channel, event.pitch, event.velocity)
            else:
                self._synth.noteoff(event.channel, event.pitch)
        if position < num_samples:
            self._synth.generate_simple(num_samples - position, buffer[position * frame :])
        self._synth.sounds_off()
        self._synth.generate_simple(SAMPLE_RATE // 10)  # what fades out belongs to no later call
        return np.ascontiguousarray(out.T)


SYNTHS: dict[str, type[FluidSynth] | type[TinySoundFont]] = {
    "fluidsynth": FluidSynth,
    "tinysoundfont": TinySoundFont,
}


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


@dataclass(frozen=True)
class Renderer:
    """A synth by name and the SoundFont that it plays."""

    synth: str
    font: Path

    def __str__(self) -> str:
        return f"{self.synth} with {self.font.name}"

    @cached_property
    def sha256(self) -> str:
        """Hash of the SoundFont's bytes."""
        status = self.font.stat()
        return _file_hash(self.font, status.st_size, status.st_mtime_ns)

    def play(self, events: Sequence[Event], sounds: Sequence[Sound], num_samples: int) -> Waveform:
        """The events played by a synth that nobody else is using, kept for later calls."""
        idle = _idle_synths(self)
        try:
            synth: Synth = idle.get_nowait()
        except Empty:
            synth = SYNTHS[self.synth](self.font)
        waveform = synth.play(events, sounds, num_samples)
        idle.put(synth)
        return waveform

    def measure(self, sound: Sound, pitch: int | None = None) -> Measurement:
        """What is known of a programme or of one drum (`pitch`) of a kit; measured when unknown."""
        name = _measurement_name(sound, pitch)
        stored = _stored_measurements(self.synth, self.font.name, self.font.stat().st_size)
        return stored[name] if name in stored else _measure(self, sound, pitch)

    def sound_of(self, voice: Voice) -> Sound:
        """The programme that a voice plays with this font, by measured attack."""
        if voice.bank == DRUM_BANK:
            return Sound(voice.bank, voice.programs[0])
        sounds = [Sound(voice.bank, program) for program in voice.programs]
        attacks = [self.measure(sound).attack(voice.attack_pitch) for sound in sounds]
        for sound, attack in zip(sounds, attacks, strict=True):
            if attack <= voice.attack_limit:
                return sound
        return sounds[int(np.argmin(attacks))]


def find_renderer() -> Renderer:
    """The renderer of this machine: `PIXMUS_SOUNDFONT`, else FluidR3_GM, else TimGM6mb.

    FluidSynth plays where its library is installed, else tinysoundfont.
    """
    synths = installed_synths()
    if not synths:
        raise PixMusError(
            "no synthesiser is installed: run `pip install --no-deps tinysoundfont`, "
            "or install libfluidsynth3"
        )
    wanted = os.environ.get(FONT_VARIABLE)
    if wanted:
        if not Path(wanted).is_file():
            raise PixMusError(f"{wanted} is not a file: set {FONT_VARIABLE} to a SoundFont (.sf2)")
        return Renderer(synths[0], Path(wanted))
    if synths[0] == "fluidsynth" and FLUID_FONT.is_file():
        return Renderer("fluidsynth", FLUID_FONT)
    tim = tim_font()
    if tim is None:
        raise PixMusError(
            f"no SoundFont was found: install fluid-soundfont-gm ({FLUID_FONT}) or the pretty_midi "
            f"package, or set {FONT_VARIABLE} to a SoundFont (.sf2)"
        )
    return Renderer(synths[-1], tim)


def installed_synths() -> tuple[str, ...]:
    """Names of the synths that this machine has, the better one first."""
    # An import that fails hands another thread that waits for it the half-made module.
    with _LOOKING:
        return _find_synths()


@lru_cache(maxsize=1)
def _find_synths() -> tuple[str, ...]:
    found = []
    with suppress(ImportError):  # pyfluidsynth raises it too when libfluidsynth is missing
        import fluidsynth

        if hasattr(fluidsynth._fl, "fluid_synth_write_float"):
            found.append("fluidsynth")
    if importlib.util.find_spec("tinysoundfont") is not None:
        found.append("tinysoundfont")
    return tuple(found)


def tim_font() -> Path | None:
    """TimGM6mb.sf2 inside the pretty_midi package, found without importing it."""
    spec = importlib.util.find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        return None
    font = Path(spec.origin).with_name("TimGM6mb.sf2")
    return font if font.is_file() else None


def measure_font(renderer: Renderer) -> dict[str, Any]:
    """Attack and loudness of every programme and of the drums of the standard kit, as JSON data."""
    programs = {}
    for sound, pitch in _everything():
        with suppress(PixMusError):  # a small font lacks some programmes
            programs[_measurement_name(sound, pitch)] = asdict(_measure(renderer, sound, pitch))
    return {
        "synth": renderer.synth,
        "font": renderer.font.name,
        "size": renderer.font.stat().st_size,
        "sha256": renderer.sha256,
        "pitches": list(MEASURED_PITCHES),
        "programs": programs,
    }


def write_measurements(path: Path = MEASUREMENTS) -> list[Renderer]:
    """Measure each renderer of this machine into the JSON file; return them.

    Measurements of fonts that are not here stay in the file.
    """
    fonts = [font for font in (FLUID_FONT, tim_font()) if font is not None and font.is_file()]
    renderers = [Renderer(synth, font) for font in fonts for synth in installed_synths()]
    entries = json.loads(path.read_text()) if path.is_file() else []
    for renderer in renderers:
        entry = measure_font(renderer)
        key = (entry["synth"], entry["sha256"])
        entries = [old for old in entries if (old["synth"], old["sha256"]) != key] + [entry]
    heads = [
        json.dumps({name: value for name, value in entry.items() if name != "programs"})[:-1]
        + ', "programs": {\n'
        + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in entry["programs"].items())
        + "\n }}"
        for entry in entries
    ]
    path.write_text("[\n " + ",\n ".join(heads) + "\n]\n")
    _stored_measurements.cache_clear()
    return renderers


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


def _everything() -> list[tuple[Sound, int | None]]:
    programs: list[tuple[Sound, int | None]] = [(Sound(0, p), None) for p in range(NUM_PROGRAMS)]
    return programs + [(Sound(DRUM_BANK, 0), pitch) for pitch in DRUM_PITCHES]


@lru_cache(maxsize=512)
def _measure(renderer: Renderer, sound: Sound, pitch: int | None) -> Measurement:
    pitches = MEASURED_PITCHES if pitch is None else (pitch,)
    num_samples = round(MEASURED_NOTE_S * SAMPLE_RATE)
    channel = DRUM_CHANNEL if sound.bank == DRUM_BANK else 0
    attacks, powers = [], []
    for each in pitches:
        times = []
        for velocity in MEASURED_VELOCITIES:
            note = renderer.play([Event(0, velocity, channel, each)], [sound], num_samples)
            times.append(attack_time(note))
        attacks.append(round(1000.0 * float(np.mean(times)), 1))
        weighted = filter_spectrum(note, k_weighting())
        powers.append(block_powers(weighted, SAMPLE_RATE // 10))
    levels = [gated_loudness(power) for power in powers]
    heard = [level for level in levels if np.isfinite(level)]
    return Measurement(tuple(attacks), round(float(np.mean(heard)), 1) if heard else -70.0)


def _measurement_name(sound: Sound, pitch: int | None) -> str:
    return str(sound.program) if sound.bank != DRUM_BANK else f"kit {sound.program} drum {pitch}"


@lru_cache(maxsize=8)
def _stored_measurements(synth: str, font: str, size: int) -> dict[str, Measurement]:
    if not MEASUREMENTS.is_file():
        return {}
    for entry in json.loads(MEASUREMENTS.read_text()):
        if (entry["synth"], entry["font"], entry["size"]) == (synth, font, size):
            return {
                name: Measurement(tuple(value["attack_ms"]), value["loudness"])
                for name, value in entry["programs"].items()
            }
    return {}


@lru_cache(maxsize=8)
def _idle_synths(renderer: Renderer) -> SimpleQueue[Synth]:
    return SimpleQueue()


@lru_cache(maxsize=8)
def _file_hash(path: Path, size: int, modified_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _channels(sounds: Sequence[Sound]) -> list[tuple[int, Sound]]:
    return [
        (DRUM_CHANNEL if sound.bank == DRUM_BANK else channel, sound)
        for channel, sound in enumerate(sounds)
    ]


def _missing_sound(sound: Sound) -> str:
    return f"the SoundFont has no programme {sound.program} in bank {sound.bank}: use a GM font"


def _unreadable_font(font: Path) -> str:
    return f"{font} is not a SoundFont that can be read: set {FONT_VARIABLE} to another .sf2 file"
