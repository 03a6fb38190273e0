"""`SoundFontRenderer`: a synth and the SoundFont that it plays, as one renderer of scores.

Conventions: events are sorted by sample, times are seconds, waveforms float32 (2, samples) at
44.1 kHz.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixmus.cues.sheet import CueSheet
from pixmus.curves import Curve
from pixmus.ensembles import DRUM_BANK, DRUM_PITCHES, PARTS, Ensemble, Voice
from pixmus.errors import PixMusError
from pixmus.score.notes import Note, Score
from pixmus.sound.dynamics import Dynamics
from pixmus.sound.expression import cue_window, follow_energy, stress
from pixmus.sound.loudness import from_db
from pixmus.sound.masking import dips, loudness_lost
from pixmus.sound.measurement import (
    MEASURED_PITCHES,
    MEASUREMENTS,
    Measurement,
    measure_sound,
    measurement_name,
    stored_measurements,
)
from pixmus.sound.performance import (
    PlayedNote,
    Timed,
    events_of,
    final_chords,
    open_low_chords,
    parts_to_double,
    play_notes,
)
from pixmus.sound.room import HOP, HOP_S, Dip, octave_powers, place
from pixmus.sound.stems import Stems
from pixmus.sound.synth import FONT_VARIABLE, SYNTHS, Event, Sound, Synth, installed_synths
from pixmus.waveform import SAMPLE_RATE, Waveform

OWN_FONT = Path(__file__).with_name("font") / "pixmus.sf3"
NUM_PROGRAMS = 128
RING_S = 2.5  # how long a score without a cue sheet rings after its last note

ACCENT_DB = 3.0  # of the harp that doubles an accent of slow instruments, over their loudness
REFERENCE_LUFS = -20.0  # of the melody's stem
VELOCITY_DB = 0.08  # a part struck one velocity harder than the score's mean is this much louder
VELOCITY_LIMIT_DB = 3.0


@dataclass(frozen=True)
class SoundFontRenderer:
    """A synth by name and the SoundFont that it plays; `Renderer` says what it promises.

    `strength`, 0 to 1, is how much of our timing and dynamics is heard. With `keeps_notes` every
    note is played as it is written, and low chords are not opened.
    """

    synth: str
    font: Path
    strength: float = 1.0
    keeps_notes: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """What plays, for take.json."""
        return {"synth": self.synth, "font": self.font.name}

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the SoundFont."""
        return {"font": self.sha256}

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
        name = measurement_name(sound, pitch)
        stored = stored_measurements(self.synth, self.font.name, self.font.stat().st_size)
        return stored[name] if name in stored else measure_sound(self, sound, pitch)

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

    def render(
        self,
        score: Score,
        players: Ensemble,
        *,
        hits: Sequence[Timed] = (),
        strokes: Sequence[Timed] = (),
        cue_sheet: CueSheet | None = None,
        seed: int = 0,
    ) -> Stems:
        """The stem of every part that has notes: played, levelled, placed in the ensemble's room.

        Notes on `hits` are played exactly in time; at `strokes`, the accents among them, all parts
        are stressed. Without a cue sheet the stems ring for `RING_S` after the last note.
        """
        opened = dict(score.parts) if self.keeps_notes else open_low_chords(score.parts)
        parts = {part: opened[part] for part in PARTS if opened.get(part)}
        dynamics = Dynamics(cue_sheet.curves[Curve.ENERGY]) if cue_sheet is not None else None
        struck = self._struck(dynamics, parts, score)
        duration, cues = _length(score, parts, cue_sheet)
        num_samples = round(duration * SAMPLE_RATE)
        finals = final_chords(parts, score, cues)
        hit_times = np.array(sorted(hit.time for hit in hits))
        played = {
            part: play_notes(
                notes,
                score,
                part,
                finals,
                hit_times,
                seed,
                players.voice(part).roll_ms / 1000.0,
                self.strength,
                players.voice(part).tie_ms / 1000.0,
            )
            for part, notes in struck.items()
        }
        doubled = parts_to_double(played, players, self)
        envelope = cue_window(cues, played, num_samples)
        stress(envelope, [stroke.time for stroke in strokes])
        levels = {
            part: REFERENCE_LUFS + level for part, level in _levels_db(parts, players).items()
        }
        octaves: dict[str, NDArray[np.float64]] = {}
        powers: dict[str, NDArray[np.float64]] = {}

        def make(part: str) -> Waveform:
            voice = players.voice(part)
            dry = self._perform(played[part], doubled.get(part, ()), voice, num_samples)
            if cue_sheet is not None:
                depth = self.strength * voice.expression_db
                follow_energy(dry, cue_sheet.curves[Curve.ENERGY], depth)
            octaves[part] = octave_powers(dry, voice)
            return dry

        stems = Stems.made(parts, num_samples, make)
        hz, depths = dips(octaves, levels)

        def put(part: str, dry: Waveform) -> Waveform:
            dip = Dip(hz, round(depths.get(part, 0.0), 1))
            level = levels[part] - loudness_lost(octaves[part], *dip)
            wet, powers[part] = place(dry, players.voice(part), players.room, level, dip)
            wet *= envelope
            return wet

        stems.change(put)
        if dynamics is not None and parts:
            together = np.sum([powers[part] for part in parts], axis=0)
            stems.apply_gain(dynamics.ride(together, HOP_S, cues) ** self.strength, HOP)
        return stems

    def _struck(
        self, dynamics: Dynamics | None, parts: Mapping[str, Sequence[Note]], score: Score
    ) -> Mapping[str, Sequence[Note]]:
        """The notes as hard as the dynamics strike them, as far as `strength` goes."""
        if dynamics is None or self.strength == 0:
            return parts
        struck = dynamics.struck(parts, score)
        if self.strength == 1:
            return struck
        return {
            part: [
                replace(new, velocity=round(old + self.strength * (new.velocity - old)))
                for old, new in zip((note.velocity for note in parts[part]), notes, strict=True)
            ]
            for part, notes in struck.items()
        }

    def _perform(
        self,
        notes: Sequence[PlayedNote],
        doubled: Sequence[PlayedNote],
        voice: Voice,
        num_samples: int,
    ) -> Waveform:
        """The dry sound of a part."""
        sound = self.sound_of(voice)
        waveform = self.play(events_of(notes, sound, self), [sound], num_samples)
        if doubled:
            accent = Sound(0, voice.accent)
            # The harp gives the attack, the section the body.
            gain = from_db(self.measure(sound).loudness - self.measure(accent).loudness + ACCENT_DB)
            waveform += np.float32(gain) * self.play(
                events_of(doubled, accent, self), [accent], num_samples
            )
        return waveform


def _length(
    score: Score, parts: Mapping[str, Sequence[Note]], cue_sheet: CueSheet | None
) -> tuple[float, list[tuple[float, float]]]:
    """Duration and cues (start, end): the cue sheet's, or one that rings after the last note."""
    if cue_sheet is not None:
        return cue_sheet.duration, [(cue.start, cue.end) for cue in cue_sheet.cues]
    ends = [note.onset + note.duration for notes in parts.values() for note in notes]
    duration = score.tempo_map.to_seconds(max(ends)) + RING_S if ends else 0.0
    return duration, [(0.0, duration)]


def _levels_db(parts: Mapping[str, Sequence[Note]], players: Ensemble) -> dict[str, float]:
    """Each part's level against the melody's: its voice's, and how hard it is struck on average."""
    mean = float(np.mean([note.velocity for notes in parts.values() for note in notes] or [0]))
    levels = {}
    for part, notes in parts.items():
        offset = VELOCITY_DB * (float(np.mean([note.velocity for note in notes])) - mean)
        offset = float(np.clip(offset, -VELOCITY_LIMIT_DB, VELOCITY_LIMIT_DB))
        levels[part] = players.voice(part).level_db + offset
    return levels


def soundfont_renderer() -> SoundFontRenderer:
    """The renderer of this machine: FluidSynth where its library is installed, else tinysoundfont.

    Both play the font that comes along, unless `PIXMUS_SOUNDFONT` names another.
    """
    synths = installed_synths()
    if not synths:
        raise PixMusError(
            "no synthesiser is installed: run `pip install --no-deps tinysoundfont`, "
            "or install libfluidsynth3"
        )
    wanted = os.environ.get(FONT_VARIABLE)
    if wanted and not Path(wanted).is_file():
        raise PixMusError(
            f"{wanted} is not a file: set {FONT_VARIABLE} to a SoundFont (.sf2 or .sf3)"
        )
    return SoundFontRenderer(synths[0], Path(wanted) if wanted else OWN_FONT)


def _everything() -> list[tuple[Sound, int | None]]:
    programs: list[tuple[Sound, int | None]] = [(Sound(0, p), None) for p in range(NUM_PROGRAMS)]
    return programs + [(Sound(DRUM_BANK, 0), pitch) for pitch in DRUM_PITCHES]


def measure_font(renderer: SoundFontRenderer) -> dict[str, Any]:
    """Attack and loudness of every programme and of the drums of the standard kit, as JSON data."""
    programs = {}
    for sound, pitch in _everything():
        with suppress(PixMusError):  # a small font lacks some programmes
            programs[measurement_name(sound, pitch)] = asdict(measure_sound(renderer, sound, pitch))
    return {
        "synth": renderer.synth,
        "font": renderer.font.name,
        "size": renderer.font.stat().st_size,
        "sha256": renderer.sha256,
        "pitches": list(MEASURED_PITCHES),
        "programs": programs,
    }


def write_measurements(path: Path = MEASUREMENTS) -> list[SoundFontRenderer]:
    """Measure each renderer of this machine into the JSON file; return them.

    Those of other synths and fonts stay in the file.
    """
    renderers = [SoundFontRenderer(synth, OWN_FONT) for synth in installed_synths()]
    entries = json.loads(path.read_text()) if path.is_file() else []
    for renderer in renderers:
        entry = measure_font(renderer)
        key = (entry["synth"], entry["font"])
        entries = [old for old in entries if (old["synth"], old["font"]) != key] + [entry]
    heads = [
        json.dumps({name: value for name, value in entry.items() if name != "programs"})[:-1]
        + ', "programs": {\n'
        + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in entry["programs"].items())
        + "\n }}"
        for entry in entries
    ]
    path.write_text("[\n " + ",\n ".join(heads) + "\n]\n")
    stored_measurements.cache_clear()
    return renderers


@lru_cache(maxsize=8)
def _idle_synths(renderer: SoundFontRenderer) -> SimpleQueue[Synth]:
    return SimpleQueue()


@lru_cache(maxsize=8)
def _file_hash(path: Path, size: int, modified_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
