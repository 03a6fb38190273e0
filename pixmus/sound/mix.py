"""The mix: stems summed and brought to their loudness, and the clip's own sound beside them.

Conventions: a waveform is float32 (2, samples) at 44.1 kHz; what is returned has exactly
round(duration * 44100) samples, -14 LUFS, and its true peak below -1 dBTP. Pieces under 3 s, for
which loudness means little, have a peak of -3 dBTP instead.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pixmus.choices import Mode
from pixmus.cues.sheet import CueSheet
from pixmus.sound.loudness import apply_gain, block_powers, from_db, master, to_db, true_peak_db
from pixmus.waveform import SAMPLE_RATE, Waveform

TARGET_LUFS = -14.0
CEILING_DBTP = -1.0
SHORT_S = 3.0
SHORT_PEAK_DBTP = -3.0
CUT_FADE_S = 0.5  # where stems outlast the picture
CHUNK = 1 << 20  # samples summed at once

DUCK_DB = 10.0
DUCK_ATTACK_S = 0.150
DUCK_RELEASE_S = 0.600
DUCK_HOP = 441  # samples, 10 ms
BRIDGE_S = 0.300  # a pause shorter than this, as between two words, is no pause
PRESENT_DBFS = -50.0  # quieter than this nothing is there
HIGHEST_FLOOR_DBFS = -40.0  # a steady sound above this is sound, not a noise floor
ABOVE_FLOOR_DB = 8.0
FLOOR_QUANTILE = 0.1
SILENT_DBFS = -60.0


def mix(stems: Mapping[str, Waveform], cue_sheet: CueSheet | None, duration: float) -> Waveform:
    """The music alone, mastered; silent outside the cues of the cue sheet."""
    return _finish(sum_stems(stems, cue_sheet, duration))


def sum_stems(
    stems: Mapping[str, Waveform], cue_sheet: CueSheet | None, duration: float
) -> Waveform:
    """The mix before mastering. (2, round(duration * 44100))"""
    num_samples = round(duration * SAMPLE_RATE)
    total = np.zeros((2, num_samples), np.float32)
    for part in stems:
        stem = stems[part]
        for start in range(0, min(num_samples, stem.shape[1]), CHUNK):
            stop = min(start + CHUNK, num_samples, stem.shape[1])
            total[:, start:stop] += stem[:, start:stop]
        if stem.shape[1] > num_samples:
            fade = min(round(CUT_FADE_S * SAMPLE_RATE), num_samples)
            total[:, num_samples - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    if cue_sheet is not None:
        for begin, end in _gaps(cue_sheet, duration):
            total[:, round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0.0
    return total


def blend(
    music: Waveform, clip_audio: Waveform | None, mode: Mode, level_db: float = 0.0
) -> Waveform:
    """The final sound of the clip: its own sound and the music, mastered together.

    `keep` sums them, `duck` lowers the music while the clip's sound is present, `drop` leaves the
    clip's sound out. `level_db` is the gain of the clip's own sound.
    """
    if mode == "drop" or clip_audio is None:
        return _finish(music)
    own = np.zeros_like(music)
    length = min(music.shape[1], clip_audio.shape[1])
    own[:, :length] = clip_audio[:, :length]
    ducked = np.array(music)
    if mode == "duck":
        apply_gain(ducked, duck_gain(own), DUCK_HOP)
    ducked += own * np.float32(10 ** (level_db / 20))
    return _finish(ducked)


def default_mode(clip_audio: Waveform | None) -> Mode:
    """`drop` for no sound or one below -60 dBFS (RMS of its loudest 400 ms), else `duck`."""
    if clip_audio is None or not clip_audio.size:
        return "drop"
    powers = block_powers(clip_audio, round(0.4 * SAMPLE_RATE)) / 2.0
    return "drop" if to_db(float(np.sqrt(powers.max()))) < SILENT_DBFS else "duck"


def duck_gain(clip_audio: Waveform) -> NDArray[np.float32]:
    """Gain of the music every 10 ms: -10 dB while the clip's sound is present. (blocks + 1,)

    The gain falls to -10 dB in 150 ms and comes back in 600 ms, both linear in dB.
    """
    present = sound_present(clip_audio).tolist()
    hop_s = DUCK_HOP / SAMPLE_RATE
    fall, rise = DUCK_DB * hop_s / DUCK_ATTACK_S, DUCK_DB * hop_s / DUCK_RELEASE_S
    reduction, curve_db = 0.0, [0.0]
    for is_present in present:
        reduction = min(reduction + fall, DUCK_DB) if is_present else max(reduction - rise, 0.0)
        curve_db.append(-reduction)
    return (10.0 ** (np.array(curve_db) / 20.0)).astype(np.float32)


def sound_present(clip_audio: Waveform) -> NDArray[np.bool_]:
    """Whether the clip's sound stands out of its own noise floor, every 10 ms; pauses bridged."""
    powers = block_powers(clip_audio, DUCK_HOP) / 2.0
    levels_db = 10.0 * np.log10(np.maximum(powers, 1e-12))
    sounding = levels_db[levels_db > -100.0]
    if not len(sounding):
        return np.zeros(len(levels_db), bool)
    floor_db = min(float(np.quantile(sounding, FLOOR_QUANTILE)), HIGHEST_FLOOR_DBFS)
    present = levels_db > max(PRESENT_DBFS, floor_db + ABOVE_FLOOR_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.view(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    bridge = round(BRIDGE_S * SAMPLE_RATE / DUCK_HOP)
    for stop, start in zip(stops[:-1].tolist(), starts[1:].tolist(), strict=True):
        if start - stop < bridge:
            present[stop:start] = True
    return present


def _finish(waveform: Waveform) -> Waveform:
    """The waveform at -14 LUFS and below -1 dBTP, or with a peak of -3 dBTP when under 3 s."""
    if waveform.shape[1] >= round(SHORT_S * SAMPLE_RATE):
        return master(waveform, TARGET_LUFS, CEILING_DBTP)
    peak_db = true_peak_db(waveform)
    if not np.isfinite(peak_db):
        return np.zeros(waveform.shape, np.float32)
    return waveform * np.float32(from_db(SHORT_PEAK_DBTP - peak_db))


def _gaps(cue_sheet: CueSheet, duration: float) -> list[tuple[float, float]]:
    """Spans without music, less the 0.1 s in which an attack may begin before its cue."""
    borders = [0.0]
    for cue in sorted(cue_sheet.cues, key=lambda cue: cue.start):
        borders += [max(cue.start - 0.1, borders[-1]), max(cue.end, borders[-1])]
    borders.append(max(float(duration), borders[-1]))
    return [(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True) if b > a]
