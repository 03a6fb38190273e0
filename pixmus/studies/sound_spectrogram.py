"""Spectrograms of takes, small enough to lie in a result as text, and their picture.

A row of text is a band, low ones first, a character a frame: its code less 35 is the level in
decibels above the floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pixmus.take.figure import DPI, INK, PAGE, QUIET, WIDTH_PX
from pixmus.waveform import SAMPLE_RATE, Waveform

FFT_SIZE = 8192
NUM_FRAMES, BANDS_PER_OCTAVE = 200, 6
LOWEST_HZ, NUM_OCTAVES = 40.0, 8.5
FLOOR_DB = 80.0  # below the loudest cell
FIRST_CHARACTER = 35  # "#"
COLUMNS = 3


def spectrogram_text(waveform: Waveform) -> list[str]:
    """The spectrogram as text, one string a band."""
    mono = waveform.mean(axis=0, dtype=np.float64)
    mono = np.pad(mono, (FFT_SIZE // 2, FFT_SIZE))
    starts = np.linspace(0, len(mono) - FFT_SIZE, NUM_FRAMES).astype(int)
    window = np.hanning(FFT_SIZE)
    power = np.array(
        [np.abs(np.fft.rfft(window * mono[start : start + FFT_SIZE])) ** 2 for start in starts]
    )
    num_bands = round(NUM_OCTAVES * BANDS_PER_OCTAVE)
    edges = LOWEST_HZ * 2.0 ** (np.arange(num_bands + 1) / BANDS_PER_OCTAVE)
    bins = np.round(edges * FFT_SIZE / SAMPLE_RATE).astype(int)
    bands = [power[:, low : max(high, low + 1)].sum(axis=1)
             for low, high in zip(bins[:-1], bins[1:], strict=True)]  # fmt: skip
    levels = 10.0 * np.log10(np.maximum(np.array(bands), 1e-12))
    above = np.clip(np.rint(levels - levels.max() + FLOOR_DB), 0, FLOOR_DB).astype(int)
    return ["".join(chr(FIRST_CHARACTER + level) for level in row) for row in above]


def draw_spectrograms(
    drawn: Mapping[str, Sequence[str]], duration: float, title: str
) -> Figure | None:
    """One panel an ensemble."""
    if not drawn:
        return None
    rows = -(-len(drawn) // COLUMNS)
    figure = Figure(figsize=(WIDTH_PX / DPI, 0.6 + 1.9 * rows), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    panels = np.ravel(figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False))
    height = figure.get_figheight()
    figure.subplots_adjust(
        left=0.07, right=0.99, top=1 - 0.75 / height, bottom=0.4 / height, hspace=0.28, wspace=0.06
    )
    for axes, (name, text) in zip(panels, drawn.items(), strict=False):
        levels = np.array([[ord(each) - FIRST_CHARACTER for each in row] for row in text])
        axes.imshow(levels - FLOOR_DB, origin="lower", aspect="auto", cmap="magma", vmin=-FLOOR_DB,
                    vmax=0.0, extent=(0.0, duration, 0.0, NUM_OCTAVES),
                    interpolation="nearest")  # fmt: skip
        axes.set_title(name, fontsize=9, color=INK, loc="left")
        axes.tick_params(length=0, labelsize=7, colors=QUIET)
        for spine in axes.spines.values():
            spine.set_visible(False)
    for axes in panels[len(drawn) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(drawn) - COLUMNS) : len(drawn)]:  # the lowest of each column
        axes.tick_params(labelbottom=True)
    hertz = {50: "50 Hz", 200: "200 Hz", 800: "800 Hz", 3200: "3.2 kHz", 12800: "12.8 kHz"}
    panels[0].set_yticks([np.log2(each / LOWEST_HZ) for each in hertz], list(hertz.values()))
    seconds = np.arange(0.0, duration, 5.0)  # not the last: it would meet the next panel's first
    panels[0].set_xticks(seconds, [f"{second:g} s" for second in seconds])
    figure.text(0.012, 1 - 0.14 / height, title, fontsize=13, fontweight="bold", color=INK,
                va="top")  # fmt: skip
    return figure
