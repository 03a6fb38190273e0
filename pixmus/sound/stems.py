"""`Stems`: the sound of every part, humanised, levelled, placed in a room, as long as the picture.

Conventions: times are seconds, onsets and durations beats, pitches MIDI numbers, waveforms float32
(2, samples) at 44.1 kHz. The stems of a score sum to its mix before mastering.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import IO, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, Curve
from pixmus.ensembles import (
    DRUM_BANK,
    ENSEMBLES,
    FAST_ATTACK_S,
    LARGEST_ADVANCE_S,
    PARTS,
    Ensemble,
    Part,
    Room,
    Voice,
)
from pixmus.errors import PixMusError
from pixmus.score.notes import Note, Score
from pixmus.sound.loudness import apply_gain, filter_spectrum, from_db, gated_loudness, k_weighting
from pixmus.sound.renderer import DRUM_CHANNEL, Event, Renderer, Sound, find_renderer
from pixmus.waveform import SAMPLE_RATE, Waveform

DISK_ABOVE_S = 150.0  # longer pieces keep their stems on disk
NUM_WORKERS = 2
HIT_TOLERANCE_S = 0.020
RING_S = 2.5  # how long a score without a cue sheet rings after its last note
LONGEST_FADE_S = 2.0
SOUNDING_S = 0.05  # a note that ends this soon after another starts does not belong to its chord
LAST_CHORD_S = 4.0  # what sounds at the last onset is held to the cue's end if that is this close
ENTRY_S = 0.1  # sound may start this much before its cue: an attack that was moved forward

REFERENCE_LUFS = -20.0  # of the melody's stem
VELOCITY_DB = 0.08  # a part struck one velocity harder than the score's mean is this much louder
VELOCITY_LIMIT_DB = 3.0

LOW_LIMIT = 48  # C3: below it thirds and seconds growl
CLOSE_INTERVAL = 4  # semitones
LOWEST_PITCH = 28
SHARED_BEATS = 0.0625  # notes that overlap less than this do not sound together

# Deviation from the grid (ms) at equally spaced quantiles, for each sixteenth of the beat: 372,448
# onsets of Groove (Gillick et al. 2019), scaled to 8 ms where drummers reach about 35 ms. Made by
# `python -m pixmus.training.groove_timing ../shared/data/music/groove`.
MICRO_TIMING_MS = (
    (-6.8, -4.4, -2.9, -1.8, -0.8, 0.2, 1.2, 2.3, 3.7, 6.1),
    (-7.0, -4.1, -2.3, -0.9, 0.3, 1.5, 2.7, 4.1, 5.7, 8.0),
    (-7.2, -4.8, -3.4, -2.2, -1.1, -0.0, 0.9, 2.1, 3.5, 6.3),
    (-7.5, -4.8, -3.1, -1.7, -0.5, 0.7, 1.9, 3.2, 5.0, 7.6),
)


# An accent's swell: dips by so much, rises around its instant, and falls back.
STRESS_DIP_DB, STRESS_DB = 3.0, 4.0
STRESS_BEFORE_S, STRESS_RISE_S, STRESS_AFTER_S = 0.120, 0.008, 0.350


class Timed(Protocol):
    """Anything that happens at a time: a hit point or a placed hit."""

    @property
    def time(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Stems(Mapping[str, Waveform]):
    """Part -> waveform (2, samples); those of a long piece are read from unnamed files on disk."""

    num_samples: int
    waveforms: dict[str, Waveform] = field(default_factory=dict)
    files: dict[str, IO[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, self.files)

    def __getitem__(self, part: str) -> Waveform:
        if part in self.files:
            # Mapped anew at each access, so that what was read counts as memory only while in use.
            return np.memmap(self.files[part], np.float32, "r", shape=(2, self.num_samples))
        return self.waveforms[part]

    def __iter__(self) -> Iterator[str]:
        return iter([part for part in PARTS if part in self.waveforms or part in self.files])

    def __len__(self) -> int:
        return len(self.waveforms) + len(self.files)


def render(
    score: Score,
    ensemble: str,
    *,
    renderer: Renderer | None = None,
    hits: Sequence[Timed] = (),
    strokes: Sequence[Timed] = (),
    cue_sheet: CueSheet | None = None,
    seed: int = 0,
) -> Stems:
    """The stem of every part that has notes.

    With a cue sheet the stems are as long as the picture, follow its energy curve and fall silent
    at the end of each cue; without one they ring for `RING_S` after the last note. Notes on `hits`
    are played exactly in time; at `strokes`, the accents among them, all parts are stressed.
    """
    if ensemble not in ENSEMBLES:
        raise PixMusError(f"there is no ensemble {ensemble!r}: choose {', '.join(ENSEMBLES)}")
    players = ENSEMBLES[ensemble]
    renderer = renderer or find_renderer()
    parts = {part: open_low_chords(score.parts).get(part, ()) for part in PARTS}
    parts = {part: notes for part, notes in parts.items() if notes}
    hit_times = np.array(sorted(hit.time for hit in hits))
    if cue_sheet is not None:
        duration, cues = cue_sheet.duration, [(cue.start, cue.end) for cue in cue_sheet.cues]
    else:
        ends = [note.onset + note.duration for notes in parts.values() for note in notes]
        duration = score.tempo_map.to_seconds(max(ends)) + RING_S if ends else 0.0
        cues = [(0.0, duration)]
    num_samples = round(duration * SAMPLE_RATE)
    finals = _final_chords(parts, score, cues)
    played = {
        part: _played(notes, score, part, finals, hit_times, seed) for part, notes in parts.items()
    }
    doubled = _parts_to_double(played, players, renderer)
    envelope = _window(cues, played, num_samples)
    _stress(envelope, [stroke.time for stroke in strokes])
    mean_velocity = np.mean([n.velocity for notes in parts.values() for n in notes] or [0])

    def make(part: str) -> Waveform:
        voice = players.voice(part)
        dry = _perform(played[part], doubled.get(part, ()), voice, renderer, num_samples)
        if cue_sheet is not None:
            _express(dry, cue_sheet.curves[Curve.ENERGY], voice.expression_db)
        offset_db = VELOCITY_DB * (np.mean([n.velocity for n in parts[part]]) - mean_velocity)
        level = voice.level_db + float(np.clip(offset_db, -VELOCITY_LIMIT_DB, VELOCITY_LIMIT_DB))
        wet = _place(dry, voice, players.room, REFERENCE_LUFS + level)
        wet *= envelope
        return wet

    stems = Stems(num_samples)
    on_disk = duration > DISK_ABOVE_S
    with ThreadPoolExecutor(min(NUM_WORKERS, os.cpu_count() or 1)) as pool:
        if on_disk:
            written = pool.map(lambda part: _to_disk(make(part)), parts)
            stems.files.update(zip(parts, written, strict=True))
        else:
            stems.waveforms.update(zip(parts, pool.map(make, parts), strict=True))
    return stems


def open_low_chords(parts: Mapping[str, Sequence[Note]]) -> dict[str, tuple[Note, ...]]:
    """The parts without thirds or seconds whose lower note is below C3.

    The melody keeps its notes: what sounds too close to one of them ends where it starts. Any other
    note that is too close to one that sounds moves by an octave, or is dropped where no octave
    fits. A line that merely overlaps itself is cut short instead. Drums stay as they are.
    """
    rank: dict[str, int] = {
        part: index
        for index, part in enumerate((Part.MELODY, Part.BASS, Part.COUNTER, Part.HARMONY, Part.PAD))
    }
    kept: dict[str, list[Note]] = {part: [] for part in parts}
    low: list[tuple[Note, str]] = []  # notes below C3 plus a third that may still sound
    pitched = [(note, part) for part, notes in parts.items() if part in rank for note in notes]
    pitched.sort(key=lambda item: (item[0].onset, rank[item[1]], item[0].pitch))
    for note, part in pitched:
        low = [item for item in low if _end(item[0]) > note.onset + SHARED_BEATS]
        if note.pitch >= LOW_LIMIT + CLOSE_INTERVAL:
            kept[part].append(note)
            continue
        for index, (other, other_part) in enumerate(low):
            if part == other_part and other.onset < note.onset and _clash(note, other):
                shorter = replace(other, duration=note.onset - other.onset)
                kept[part][kept[part].index(other)] = shorter
                low[index] = (shorter, part)
        low = [item for item in low if _end(item[0]) > note.onset + SHARED_BEATS]
        sounding = [other for other, _ in low]
        octaves = (
            (0,) if part == Part.MELODY else (0, -12, 12) if part == Part.BASS else (0, 12, 24)
        )
        for octave in octaves:
            moved = replace(note, pitch=note.pitch + octave)
            if moved.pitch >= LOWEST_PITCH and not any(_clash(moved, other) for other in sounding):
                if octave and any(
                    n.pitch == moved.pitch and _end(n) > note.onset for n in kept[part][-12:]
                ):
                    break  # the part plays that pitch already
                kept[part].append(moved)
                low.append((moved, part))
                break
        else:
            if part == Part.MELODY:  # the line is kept, what lies too close to it is not
                for other, other_part in [item for item in low if _clash(note, item[0])]:
                    shorter = replace(other, duration=note.onset - other.onset)
                    place = kept[other_part].index(other)
                    kept[other_part][place : place + 1] = [shorter] if shorter.duration > 0 else []
                    low.remove((other, other_part))
                kept[part].append(note)
                low.append((note, part))
    return {
        part: tuple(sorted(kept[part])) if part in rank else tuple(notes)
        for part, notes in parts.items()
    }


def _end(note: Note) -> float:
    return note.onset + note.duration


def _clash(note: Note, other: Note) -> bool:
    interval = abs(note.pitch - other.pitch)
    return 0 < interval <= CLOSE_INTERVAL and min(note.pitch, other.pitch) < LOW_LIMIT


@dataclass(frozen=True)
class _Played:
    """A note in seconds, before its attack is moved forward."""

    start: float
    end: float
    pitch: int
    velocity: int
    hit: int  # index of the hit point on which it falls, or -1


def _played(
    notes: Sequence[Note],
    score: Score,
    part: str,
    final_chords: Sequence[tuple[float, float]],
    hit_times: NDArray[np.float64],
    seed: int,
) -> list[_Played]:
    """The notes in seconds: a few ms off the grid except on hits, the last chord held to the end.

    Every note of a part that starts together is moved together.
    """
    generator = np.random.default_rng((seed, PARTS.index(part)))
    quantiles = np.linspace(0.0, 1.0, len(MICRO_TIMING_MS[0]))
    starts = score.tempo_map.to_seconds(np.array([note.onset for note in notes]))
    ends = score.tempo_map.to_seconds(np.array([_end(note) for note in notes]))
    moves: dict[float, float] = {}
    played = []
    for note, start, end in zip(notes, starts.tolist(), ends.tolist(), strict=True):
        near = np.flatnonzero(np.abs(hit_times - start) <= HIT_TOLERANCE_S)
        hit = int(near[0]) if len(near) else -1
        if note.onset not in moves:
            table = MICRO_TIMING_MS[round(note.onset * 4) % 4]
            moves[note.onset] = float(np.interp(generator.random(), quantiles, table)) / 1000.0
        is_last = False
        for last, cue_end in final_chords if part != Part.DRUMS else ():
            if last - 1e-6 <= start < cue_end or start < last < end - SOUNDING_S:
                is_last, end = True, max(end, cue_end)
        move = 0.0 if hit >= 0 or is_last or note.onset == 0.0 else moves[note.onset]
        played.append(_Played(max(start + move, 0.0), end, note.pitch, note.velocity, hit))
    return played


def _final_chords(
    parts: Mapping[str, Sequence[Note]], score: Score, cues: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Last onset and end of each cue whose last onset is close enough to its end to be held."""
    onsets = sorted({n.onset for part, notes in parts.items() if part != Part.DRUMS for n in notes})
    starts = score.tempo_map.to_seconds(np.array(onsets))
    found = []
    for start, end in cues:
        inside = starts[(starts >= start - 1e-6) & (starts < end)]
        if len(inside) and end - float(inside[-1]) <= LAST_CHORD_S:
            found.append((float(inside[-1]), end))
    return found


def _parts_to_double(
    played: Mapping[str, Sequence[_Played]], players: Ensemble, renderer: Renderer
) -> dict[str, list[_Played]]:
    """Notes on hit points that need a harp's attack, as no part with a fast one plays there."""
    fast: set[int] = set()
    slow: dict[int, dict[str, list[_Played]]] = {}
    for part, notes in played.items():
        sound = renderer.sound_of(players.voice(part))
        for note in (note for note in notes if note.hit >= 0):
            attack = 0.0 if part == Part.DRUMS else renderer.measure(sound).attack(note.pitch)
            if attack < FAST_ATTACK_S:
                fast.add(note.hit)
            else:
                slow.setdefault(note.hit, {}).setdefault(part, []).append(note)
    doubled: dict[str, list[_Played]] = {}
    for hit, parts in slow.items():
        if hit not in fast:
            part = next(
                p
                for p in (Part.HARMONY, Part.BASS, Part.MELODY, Part.COUNTER, Part.PAD)
                if p in parts
            )
            doubled.setdefault(part, []).extend(parts[part])
    return doubled


def _perform(
    notes: Sequence[_Played],
    doubled: Sequence[_Played],
    voice: Voice,
    renderer: Renderer,
    num_samples: int,
) -> Waveform:
    """The dry sound of a part."""
    sound = renderer.sound_of(voice)
    waveform = renderer.play(_events(notes, sound, renderer), [sound], num_samples)
    if doubled:
        accent = Sound(0, voice.accent)
        # Both at one loudness: the harp gives the attack, the section the body.
        gain = from_db(renderer.measure(sound).loudness - renderer.measure(accent).loudness)
        waveform += np.float32(gain) * renderer.play(
            _events(doubled, accent, renderer), [accent], num_samples
        )
    return waveform


def _events(notes: Sequence[_Played], sound: Sound, renderer: Renderer) -> list[Event]:
    """Starts and ends of notes, each start earlier by the programme's attack at its pitch."""
    is_drums = sound.bank == DRUM_BANK
    channel = DRUM_CHANNEL if is_drums else 0
    attacks = {
        pitch: min(renderer.measure(sound, pitch if is_drums else None).attack(pitch),
                   LARGEST_ADVANCE_S)
        for pitch in {note.pitch for note in notes}
    }  # fmt: skip
    by_pitch: dict[int, list[tuple[int, int, int]]] = {}
    for note in notes:
        start = round(max(note.start - attacks[note.pitch], 0.0) * SAMPLE_RATE)
        stop = max(round(note.end * SAMPLE_RATE), start + 1)
        by_pitch.setdefault(note.pitch, []).append((start, stop, note.velocity))
    events = []
    for pitch, spans in by_pitch.items():
        spans.sort()
        starts = [span[0] for span in spans[1:]] + [max(span[1] for span in spans)]
        for (start, stop, velocity), following in zip(spans, starts, strict=True):
            if start == following and velocity:  # the same key twice at once
                continue
            events.append(Event(start, velocity, channel, pitch))
            events.append(Event(min(stop, following), 0, channel, pitch))
    events.sort()  # at one sample ends come before starts
    return events


def _express(waveform: Waveform, energy: NDArray[np.float32], depth_db: float) -> None:
    """Let the waveform swell with the energy curve, smoothed over a second; in place."""
    hop = round(SAMPLE_RATE / CURVE_RATE_HZ)
    padded = np.pad(energy.astype(np.float64), 2, mode="edge")
    smooth = np.convolve(padded, np.full(5, 0.2), mode="valid")
    num_blocks = -(-waveform.shape[1] // hop)
    level = np.interp(np.arange(num_blocks + 1), np.arange(len(smooth)) + 0.5, smooth)
    gain = (10.0 ** (depth_db * (2.0 * level - 1.0) / 20.0)).astype(np.float32)
    apply_gain(waveform, gain, hop)


def _place(dry: Waveform, voice: Voice, room: Room, target_lufs: float) -> Waveform:
    """The dry sound filtered, panned and in its room, at its loudness."""
    spectrum = _placement(voice.pan, voice.send_db, voice.high_pass_hz, room)
    placed = filter_spectrum(dry, spectrum, round((room.predelay + room.decay) * SAMPLE_RATE))
    level = _frame_loudness(placed)
    if not np.isfinite(level):
        return np.zeros_like(dry)
    placed *= np.float32(from_db(target_lufs - level))
    return placed


def _frame_loudness(waveform: Waveform) -> float:
    """Loudness of a stem, near enough to set its level, from a spectrum of 46 ms every 93 ms."""
    frame, hop = 1 << 11, 1 << 12
    num_frames = waveform.shape[1] // hop
    if not num_frames:
        return -np.inf
    weight = np.abs(k_weighting(frame)) ** 2 * 2.0 / frame**2
    weights = torch.from_numpy(weight.astype(np.float32))
    powers = np.zeros(num_frames)
    step = 256
    for first in range(0, num_frames, step):
        part = waveform[:, first * hop : min(first + step, num_frames) * hop]
        spectra = torch.fft.rfft(torch.from_numpy(part.reshape(2, -1, hop)[:, :, :frame].copy()))
        power = spectra.real.square() + spectra.imag.square()
        powers[first : first + power.shape[1]] = (power @ weights).sum(dim=0).numpy()
    return gated_loudness(powers)


def _high_pass(cutoff_hz: float, num_fft: int) -> NDArray[np.complex128]:
    """Spectrum of a second-order Butterworth high-pass (bilinear transform); 0 Hz passes all."""
    if not cutoff_hz:
        return np.ones(num_fft // 2 + 1, np.complex128)
    z = np.exp(-2j * np.pi * np.arange(num_fft // 2 + 1) / num_fft)
    k = np.tan(np.pi * cutoff_hz / SAMPLE_RATE)
    denominator = 1.0 + np.sqrt(2.0) * k + k * k
    return ((1.0 - z) ** 2 / denominator) / (
        1.0
        + 2.0 * (k * k - 1.0) / denominator * z
        + (1.0 - np.sqrt(2.0) * k + k * k) / denominator * z**2
    )


@lru_cache(maxsize=64)
def _placement(
    pan: float, send_db: float, high_pass_hz: float, room: Room
) -> NDArray[np.complex64]:
    """Spectra from dry to placed sound: high-pass, balance, room. (2, 2, frequencies)"""
    tail = round((room.predelay + room.decay) * SAMPLE_RATE)
    num_fft = 1 << int(np.ceil(np.log2(3 * tail)))
    angle = (pan + 1.0) * np.pi / 4.0
    balance = np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])
    wet = np.fft.rfft(_impulse_response(room), num_fft) * from_db(send_db)
    matrix = np.empty((2, 2, num_fft // 2 + 1), np.complex128)
    matrix[:] = 0.5 * wet[:, None, :]
    matrix[0, 0] += balance[0]
    matrix[1, 1] += balance[1]
    return (matrix * _high_pass(high_pass_hz, num_fft)).astype(np.complex64)


@lru_cache(maxsize=8)
def _impulse_response(room: Room) -> NDArray[np.float64]:
    """Decaying noise of unit energy a side, the highs dying sooner, always the same. (2, samples)

    Moorer 1979, "About this reverberation business": decaying noise sounds like a concert hall.
    """
    num_samples = round(room.decay * SAMPLE_RATE)
    generator = np.random.default_rng(1)
    noise = np.fft.rfft(generator.standard_normal((2, num_samples)))
    frequency = np.fft.rfftfreq(num_samples, 1.0 / SAMPLE_RATE)
    time = np.arange(num_samples) / SAMPLE_RATE
    response = np.zeros((2, num_samples))
    # Bands with their own decay; together 200 Hz to 9 kHz: mud and hiss stay out of the room.
    bands = ((200.0, 600.0, 1.0), (600.0, 2500.0, 0.9), (2500.0, 9000.0, 0.5))
    for low, high, share in bands:
        slope = 1.0 / (1.0 + (low / np.maximum(frequency, 1.0)) ** 4)
        slope /= 1.0 + (frequency / high) ** 4
        decay = 10.0 ** (-3.0 * time / (room.decay * share))
        response += np.fft.irfft(noise * slope, num_samples) * decay
    response *= 1.0 - np.exp(-time / 0.004)
    response *= np.minimum(1.0, (num_samples - np.arange(num_samples)) / (0.05 * SAMPLE_RATE))
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    return np.pad(response, ((0, 0), (round(room.predelay * SAMPLE_RATE), 0)))


def _stress(envelope: NDArray[np.float32], times: Sequence[float]) -> None:
    """Make all parts swell into an accent: softer just before it, louder from it on, both brief.

    A conductor's sforzato: velocities alone cannot lift an accent out of a held chord.
    """
    before, rise = round(STRESS_BEFORE_S * SAMPLE_RATE), round(STRESS_RISE_S * SAMPLE_RATE)
    after = round(STRESS_AFTER_S * SAMPLE_RATE)
    dip = np.linspace(0.0, -STRESS_DIP_DB, before)
    decay = STRESS_DB * (1 - np.linspace(0.0, 1.0, after)) ** 2
    shape = np.concatenate([dip, np.linspace(-STRESS_DIP_DB, STRESS_DB, rise), decay])
    gain = np.power(10.0, shape / 20).astype(np.float32)
    for time in times:
        start = round(time * SAMPLE_RATE) - before - rise // 2
        low, high = max(start, 0), min(start + len(gain), len(envelope))
        if low < high:
            envelope[low:high] *= gain[low - start : high - start]


def _window(
    cues: Sequence[tuple[float, float]],
    played: Mapping[str, Sequence[_Played]],
    num_samples: int,
) -> NDArray[np.float32]:
    """1 inside the cues, 0 between them; each last chord's tail falls to 0 at its cue's end."""
    starts = np.array(sorted(note.start for notes in played.values() for note in notes))
    window = np.zeros(num_samples, np.float32)
    for start, end in cues:
        first = max(round((start - ENTRY_S) * SAMPLE_RATE), 0)
        last = min(round(end * SAMPLE_RATE), num_samples)
        window[first:last] = 1.0
        inside = starts[(starts >= start) & (starts < end)]
        ringing = end - float(inside.max()) if len(inside) else 0.0
        fade = round(min(LONGEST_FADE_S, max(0.7 * ringing, 0.05)) * SAMPLE_RATE)
        fade = min(fade, last - first)
        if fade > 0:
            shape = 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 1.0) / fade)
            window[last - fade : last] *= shape.astype(np.float32)
    return window


def _to_disk(waveform: Waveform) -> IO[bytes]:
    """An unnamed temporary file with the samples; it is gone when nobody has it open."""
    try:
        file = tempfile.TemporaryFile(prefix="pixmus-")  # noqa: SIM115
        file.write(waveform.data)
        file.flush()
    except OSError as error:
        raise PixMusError(
            f"the temporary folder {tempfile.gettempdir()} cannot hold the stems "
            f"({error.strerror}): free some space or set TMPDIR"
        ) from error
    return file


def _close(files: dict[str, IO[bytes]]) -> None:
    for file in files.values():
        file.close()
