"""The mel spectrogram of a waveform, its cuts marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from pixmus.take.figure import (
    INK,
    LEFT_IN,
    PAGE,
    QUIET,
    RULE,
    counted,
    draw_cuts,
    panels_of,
    without_rules,
)
from pixmus.waveform import SAMPLE_RATE

MEL_BANDS = 160
MEL_LOW_HZ, MEL_HIGH_HZ = 40.0, 12000.0
FFT_SIZE = 4096  # samples: 93 ms at 44.1 kHz, enough to part semitones above C3
DYNAMIC_RANGE_DB = 80.0
SPECTROGRAM_COLOURS = LinearSegmentedColormap.from_list(
    "dusk", ["#0b1020", "#1d2b64", "#6a3d9a", "#d1495b", "#f6a04d", "#fdf3c7"]
)


def plot_spectrogram(
    waveform: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    cuts: Sequence[float] = (),
    title: str = "Mel spectrogram",
) -> Figure:
    """The mel spectrogram of a waveform (channels, samples), in dB below its loudest point."""
    duration = waveform.shape[-1] / sample_rate
    levels = mel_spectrogram_db(waveform, sample_rate)
    details = [f"{duration:.1f} s", f"{sample_rate / 1000:g} kHz"]
    if len(cuts):
        details.append(f"{counted(len(cuts), 'cut')} marked above")
    figure, (axes,) = panels_of([3.6], duration, title, details)
    low, high = float(_mel(MEL_LOW_HZ)), float(_mel(_highest_hz(sample_rate)))
    picture = axes.imshow(
        levels.T,
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
        extent=(0.0, max(duration, 1e-3), low, high),
        cmap=SPECTROGRAM_COLOURS,
        vmin=-DYNAMIC_RANGE_DB,
        vmax=0.0,
    )
    without_rules(axes)
    marks = [hz for hz in (200, 500, 1000, 2000, 4000, 8000) if low < _mel(hz) < high]
    axes.yaxis.set_major_locator(FixedLocator([float(_mel(hz)) for hz in marks]))
    axes.set_yticklabels([f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz" for hz in marks])
    axes.tick_params(axis="y", labelsize=9.5, colors=QUIET, length=3, color=RULE, pad=4)
    axes.set_xlim(0.0, max(duration, 1e-3))
    axes.scatter(
        list(cuts),
        [1.008] * len(cuts),
        s=25,
        marker="v",
        color=INK,
        edgecolors=PAGE,
        linewidths=0.4,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    draw_cuts(axes, cuts, PAGE)
    _draw_colour_key(figure, picture)
    return figure


def mel_spectrogram_db(waveform: np.ndarray, sample_rate: int, columns: int = 1400) -> np.ndarray:
    """Mel power (at most `columns`, bands) in dB below its maximum, floored at -DYNAMIC_RANGE_DB.

    Written with NumPy alone: librosa's first mel spectrogram waits half a minute for a JIT.
    Mel scale: O'Shaughnessy 1987, 2595 log10(1 + f / 700); triangular bands of unit sum.
    """
    mono = np.atleast_2d(waveform)
    samples = mono.shape[-1]
    hop = int(np.clip(samples // (2 * columns), 128, FFT_SIZE // 2))
    centres = np.arange(0, max(samples, 1), hop)
    window = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)
    bands = _mel_bands(sample_rate)
    powers = np.empty((len(centres), MEL_BANDS), dtype=np.float32)
    for first in range(0, len(centres), 256):  # blocks keep a ten-minute piece small in memory
        block = centres[first : first + 256]
        start, stop = block[0] - FFT_SIZE // 2, block[-1] + FFT_SIZE // 2
        piece = np.zeros(stop - start, dtype=np.float32)
        inside = slice(max(start, 0), min(stop, samples))
        piece[inside.start - start : inside.stop - start] = mono[:, inside].mean(axis=0)
        frames = np.lib.stride_tricks.sliding_window_view(piece, FFT_SIZE)[:: int(hop)]
        spectrum = np.fft.rfft(frames * window, axis=1)
        spectrum = spectrum[: len(block)]
        powers[first : first + len(block)] = (spectrum.real**2 + spectrum.imag**2) @ bands
    if len(powers) > columns:
        edges = np.linspace(0, len(powers), columns + 1).astype(int)[:-1]
        widths = np.diff(np.append(edges, len(powers)))[:, None]
        powers = (np.add.reduceat(powers, edges) / widths).astype(np.float32)
    loudest = float(powers.max(initial=0.0))
    if loudest <= 0.0:
        return np.full_like(powers, -DYNAMIC_RANGE_DB)
    floor = 10.0 ** (-DYNAMIC_RANGE_DB / 10.0)
    return 10.0 * np.log10(np.maximum(powers / loudest, floor))


def _mel(hz: float | np.ndarray) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)


def _highest_hz(sample_rate: int) -> float:
    return min(MEL_HIGH_HZ, sample_rate / 2.0)


def _mel_bands(sample_rate: int) -> np.ndarray:
    """Triangular filters, (FFT bins, bands); none is narrower than a bin."""
    bins = _mel(np.fft.rfftfreq(FFT_SIZE, 1.0 / sample_rate))[:, None]
    edges = np.linspace(_mel(MEL_LOW_HZ), _mel(_highest_hz(sample_rate)), MEL_BANDS + 2)
    bin_width = np.gradient(bins[:, 0])[:, None]
    half_width = np.maximum(edges[1] - edges[0], bin_width)
    triangles = np.maximum(0.0, 1.0 - np.abs(bins - edges[1:-1]) / half_width)
    return (triangles / triangles.sum(axis=0)).astype(np.float32)


def _draw_colour_key(figure: Figure, picture: object) -> None:
    """A small scale of levels under the spectrogram."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((LEFT_IN / width, 0.17 / height, 1.5 / width, 0.09 / height))
    axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=SPECTROGRAM_COLOURS)
    axes.set_axis_off()
    figure.text(
        (LEFT_IN + 1.6) / width,
        0.12 / height,
        f"-{DYNAMIC_RANGE_DB:.0f} to 0 dB of the loudest point",
        fontsize=8.5,
        color=QUIET,
        va="bottom",
    )
