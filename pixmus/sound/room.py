"""A dry part placed: high-pass, balance and a synthetic room, at its loudness.

Conventions: a waveform is float32 (2, samples), loudness LUFS. Everything is one product of
spectra (`placement`), made once for a place in a room.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pixmus.ensembles import Room, Voice
from pixmus.sound.loudness import filter_spectrum, from_db, gated_loudness, k_weighting
from pixmus.sound.masking import OCTAVES_HZ
from pixmus.waveform import SAMPLE_RATE, Waveform

LOW_MID_HZ = 250.0
BELL_Q = 1.05
# How far a part may lean from its place, as pianos do with their pitch, and how far it is moved.
LEAN_DB, LEAN_LIMIT_DB = 1.5, 4.0
FRAME, HOP = 1 << 11, 1 << 12  # samples of which a stem's level is judged, and how often
HOP_S = HOP / SAMPLE_RATE


class Dip(NamedTuple):
    """An octave, by its middle, and how much softer it is."""

    hz: float = 1000.0
    depth_db: float = 0.0


NO_DIP = Dip()


def place(
    dry: Waveform, voice: Voice, room: Room, target_lufs: float, dip: Dip = NO_DIP
) -> tuple[Waveform, NDArray[np.float64]]:
    """The dry sound filtered, panned and in its room, at its loudness; and its power by `HOP`.

    The powers are K-weighted. At `dip`, an octave, it gives way to another part.
    """
    spectrum = placement(voice, room)
    if dip.depth_db:
        spectrum = spectrum * _bell(dip.hz, -dip.depth_db, 2 * (spectrum.shape[-1] - 1))
    placed = filter_spectrum(dry, spectrum, round((room.predelay + room.decay) * SAMPLE_RATE))
    _centre(placed, voice)
    powers = _frame_powers(placed, np.ones((FRAME // 2 + 1, 1)))[:, 0]
    level = gated_loudness(powers) if len(powers) else -np.inf
    if not np.isfinite(level):
        return np.zeros_like(dry), np.zeros(len(powers))
    gain = from_db(target_lufs - level)
    placed *= np.float32(gain)
    return placed, powers * gain**2


def _centre(placed: Waveform, voice: Voice) -> None:
    """Take away what samples lean to one side beyond the voice's place by more than `LEAN_DB`."""
    left, right = (float(np.vdot(side, side)) for side in placed)
    if min(left, right) <= 0.0:
        return
    wished_db = -20.0 * np.log10(np.tan((voice.pan + 1.0) * np.pi / 4.0))
    lean_db = 10.0 * np.log10(left / right) - wished_db
    excess_db = np.clip(
        np.sign(lean_db) * max(abs(lean_db) - LEAN_DB, 0.0), -LEAN_LIMIT_DB, LEAN_LIMIT_DB
    )
    placed[0] *= np.float32(from_db(-excess_db / 2.0))
    placed[1] *= np.float32(from_db(excess_db / 2.0))


def octave_powers(dry: Waveform, voice: Voice) -> NDArray[np.float64]:
    """Powers of a dry part by octave (`OCTAVES_HZ`), as loud as its filters let them through."""
    frequency = np.fft.rfftfreq(FRAME, 1.0 / SAMPLE_RATE)
    passed = _colour(voice, FRAME)
    half = np.sqrt(2.0)
    inside = [(frequency >= hz / half) & (frequency < hz * half) for hz in OCTAVES_HZ]
    return _frame_powers(dry, np.stack(inside, axis=1) * np.square(np.abs(passed))[:, None])


def _frame_powers(waveform: Waveform, bands: NDArray[np.float64]) -> NDArray[np.float64]:
    """K-weighted mean squares, near enough to set levels, of 46 ms every 93 ms. (frames, bands)

    `bands` are the shares of frequencies. (frequencies, bands)
    """
    num_frames = waveform.shape[1] // HOP
    weight = np.abs(k_weighting(FRAME)) ** 2 * 2.0 / FRAME**2
    weights = torch.from_numpy((weight[:, None] * bands).astype(np.float32))
    powers = np.zeros((num_frames, bands.shape[1]))
    step = 256
    for first in range(0, num_frames, step):
        part = waveform[:, first * HOP : min(first + step, num_frames) * HOP]
        spectra = torch.fft.rfft(torch.from_numpy(part.reshape(2, -1, HOP)[:, :, :FRAME].copy()))
        power = (spectra.real.square() + spectra.imag.square()).sum(dim=0)
        powers[first : first + len(power)] = (power @ weights).numpy()
    return powers


@lru_cache(maxsize=32)
def _bell(hz: float, gain_db: float, num_fft: int) -> NDArray[np.complex64]:
    """Spectrum of a peaking filter an octave and a third wide (Bristow-Johnson's cookbook)."""
    z = _unit_delay(num_fft)
    amplitude = 10.0 ** (gain_db / 40.0)
    angle = 2.0 * np.pi * hz / SAMPLE_RATE
    alpha = np.sin(angle) / (2.0 * BELL_Q)
    middle = -2.0 * np.cos(angle) * z
    above = 1.0 + alpha * amplitude + middle + (1.0 - alpha * amplitude) * z**2
    below = 1.0 + alpha / amplitude + middle + (1.0 - alpha / amplitude) * z**2
    return (above / below).astype(np.complex64)


def _colour(voice: Voice, num_fft: int) -> NDArray[np.complex128]:
    """Spectrum of a voice's filters: high-pass, low-pass and low mids."""
    spectrum = np.ones(num_fft // 2 + 1, np.complex128)
    if voice.high_pass_hz:
        spectrum *= _butterworth(voice.high_pass_hz, num_fft, is_high_pass=True)
    if voice.low_pass_hz:
        spectrum *= _butterworth(voice.low_pass_hz, num_fft, is_high_pass=False)
    if voice.low_mid_db:
        spectrum *= _bell(LOW_MID_HZ, voice.low_mid_db, num_fft)
    return spectrum


def _butterworth(cutoff_hz: float, num_fft: int, is_high_pass: bool) -> NDArray[np.complex128]:
    """Spectrum of a second-order Butterworth filter (bilinear transform)."""
    z = _unit_delay(num_fft)
    k = np.tan(np.pi * cutoff_hz / SAMPLE_RATE)
    denominator = 1.0 + np.sqrt(2.0) * k + k * k
    numerator = (1.0 - z) ** 2 if is_high_pass else k * k * (1.0 + z) ** 2
    return (numerator / denominator) / (
        1.0
        + 2.0 * (k * k - 1.0) / denominator * z
        + (1.0 - np.sqrt(2.0) * k + k * k) / denominator * z**2
    )


@lru_cache(maxsize=32)
def placement(voice: Voice, room: Room) -> NDArray[np.complex64]:
    """Spectra from dry to placed: colour, width, balance, room. (2, 2, frequencies)"""
    wet = _room_spectrum(room)
    num_fft = 2 * (wet.shape[-1] - 1)
    angle = (voice.pan + 1.0) * np.pi / 4.0
    balance = np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])
    dry = balance[:, None] * (np.eye(2) * voice.width + 0.5 * (1.0 - voice.width))
    matrix = np.repeat((0.5 * from_db(voice.send_db)) * wet[:, None, :], 2, axis=1)
    matrix += dry[:, :, None]
    matrix *= _colour(voice, num_fft).astype(np.complex64)
    return matrix.astype(np.complex64, copy=False)


@lru_cache(maxsize=4)
def _room_spectrum(room: Room) -> NDArray[np.complex64]:
    """Spectrum of the room's response, long enough that few transforms do. (2, frequencies)"""
    tail = round((room.predelay + room.decay) * SAMPLE_RATE)
    num_fft = 1 << int(np.ceil(np.log2(4 * tail)))
    response = torch.from_numpy(_impulse_response(room).astype(np.float32))
    return np.asarray(torch.fft.rfft(response, num_fft).numpy(), np.complex64)


@lru_cache(maxsize=2)
def _unit_delay(num_fft: int) -> NDArray[np.complex128]:
    """1/z of every frequency of a transform. (frequencies,)"""
    return np.exp(-2j * np.pi * np.arange(num_fft // 2 + 1) / num_fft)


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
