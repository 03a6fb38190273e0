"""How the two synths sound: every ensemble by both, from the same scores.

    pixmus evaluate sound [--model DIR] [--takes 3] [--duration 20] [--before JSON]
                          [--recordings DIR]

For every ensemble some cue sheets are drawn, each
is composed once, and its score is rendered and mixed twice, with the font that comes along: by
FluidSynth, and by tinysoundfont, which pip alone brings.

- *level*: LUFS of the sum of the stems, before the mix is brought to -14 LUFS.
- *spectral centroid*: Hz, magnitude-weighted mean frequency of a frame, mean over frames weighted
  by their energy. Finished mix, both channels summed.
- *crest factor*: dB of the highest sample above the root mean square. Finished mix.
- *spread where energy moves, where it is steady*: as the loudness spread; the notes of the first
  take rendered with an energy curve that rises (by a half in means of 3 s), and with a flat one.
- *attack*: of the part that carries hits, the fastest one.

What a film mixer asks besides is in `sound_measures`. `--before` sets an earlier run of this study
beside it, as one of another version of PixMus.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pixmus.check.onsets import flux_peaks, hit_rate
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, Curve
from pixmus.ensembles import ENSEMBLES, FAST_ATTACK_S, KICK, Ensemble, Part
from pixmus.errors import PixMusError
from pixmus.score.notes import Score
from pixmus.score.spans import hits_in_cues, place_hits
from pixmus.sound.loudness import loudness, to_db
from pixmus.sound.mix import mix, sum_stems
from pixmus.sound.renderer import render
from pixmus.sound.soundfont import OWN_FONT, SoundFontRenderer
from pixmus.sound.synth import Sound, installed_synths
from pixmus.studies.runner import RESULTS, Result, Run, Study
from pixmus.studies.score_model_takes import draw_cue_sheet
from pixmus.studies.sound_measures import (
    AIR_HZ,
    LOW_MID_HZ,
    PRESENCE_HZ,
    balance,
    energy_movement,
    energy_share,
    lead_of_melody,
    loudness_spread,
    stereo_width,
    tail,
)
from pixmus.studies.sound_recordings import measure_recordings, still_listed
from pixmus.studies.sound_spectrogram import draw_spectrograms, spectrogram_text
from pixmus.take.figure import DPI, INK, PAGE, PANEL, QUIET, RULE, WIDTH_PX
from pixmus.take.pipeline import PixMusPipeline
from pixmus.waveform import SAMPLE_RATE, Waveform

FFT_SIZE = 4096
MEASURES = {
    "loudness spread": "LU",
    "energy movement": "",
    "melody lead": "dB",
    "low mids": "%",
    "presence": "dB",
    "air": "dB",
    "stereo width": "dB",
    "balance": "dB",
    "tail step": "dB",
    "spread where energy moves": "LU",
    "spread where it is steady": "LU",
    "attack": "ms",
    "ring": "s",
    "hits at 40 ms": "",
    "spectral centroid": "Hz",
    "crest factor": "dB",
    "level": "LUFS",
}
DRAWN = ("loudness spread", "melody lead", "tail step", "spectral centroid")
BEFORE = RESULTS / "sound-before.json"
COLOURS = {"shipped": "#c2185b", "pip only": "#0072b2"}
PLAYED_BY = {"shipped": "fluidsynth", "pip only": "tinysoundfont"}
SMALLEST = 1e-12
MOVING = (0.15, 0.85)  # a rise that moves by a half in means of 3 s


def spectral_centroid(waveform: Waveform) -> float:
    """Hz: the mean frequency of the magnitudes of a frame, mean over frames by energy."""
    mono = waveform.mean(axis=0, dtype=np.float64)
    count = max(1, (len(mono) - FFT_SIZE) // (FFT_SIZE // 2) + 1)
    mono = np.pad(mono, (0, max(0, FFT_SIZE - len(mono))))
    window = np.hanning(FFT_SIZE)
    frequencies = np.fft.rfftfreq(FFT_SIZE, 1 / SAMPLE_RATE)
    centroids, energies = np.zeros(count), np.zeros(count)
    for frame in range(count):
        start = frame * FFT_SIZE // 2
        magnitudes = np.abs(np.fft.rfft(window * mono[start : start + FFT_SIZE]))
        centroids[frame] = frequencies @ magnitudes / max(magnitudes.sum(), SMALLEST)
        energies[frame] = magnitudes @ magnitudes
    return float(centroids @ energies / max(energies.sum(), SMALLEST))


def crest_factor(waveform: Waveform) -> float:
    """dB of the highest sample of either channel above the root mean square of both."""
    rms = float(np.sqrt(np.mean(waveform.astype(np.float64) ** 2)))
    return to_db(max(float(np.abs(waveform).max()), SMALLEST) / max(rms, SMALLEST))


def renderers() -> dict[str, SoundFontRenderer]:
    """Both synths with the font that comes along."""
    if any(synth not in installed_synths() for synth in PLAYED_BY.values()):
        raise PixMusError(
            "both synths are needed to compare them: install libfluidsynth3 and tinysoundfont."
        )
    return {name: SoundFontRenderer(synth, OWN_FONT) for name, synth in PLAYED_BY.items()}


def measure_sounds(
    pipe: PixMusPipeline, names: Sequence[str], takes: int, duration: float, steps: int = 20
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What every ensemble measures by both renderers: ensemble -> renderer -> measure -> takes.

    And the spectrogram of each one's first take, as text, by the first renderer.
    """
    rows: dict[str, Any] = {}
    spectrograms: dict[str, list[str]] = {}
    for ensemble in names:
        rows[ensemble] = {name: {measure: [] for measure in MEASURES} for name in COLOURS}
        for seed in range(takes):
            drawn = draw_cue_sheet(
                np.random.default_rng([6, seed]), duration, ENSEMBLES[ensemble].style
            )
            sheet = replace(drawn, ensemble=ensemble, parts=ENSEMBLES[ensemble].parts)
            score = pipe.compose(sheet, seed=seed, num_inference_steps=steps)
            for name, renderer in renderers().items():
                measured, music = measure_take(score, sheet, renderer, seed)
                for measure, value in measured.items():
                    rows[ensemble][name][measure].append(value)
                if ensemble not in spectrograms:
                    spectrograms[ensemble] = spectrogram_text(music)
        print(ensemble, flush=True)
    return rows, spectrograms


def measure_take(
    score: Score, sheet: CueSheet, renderer: SoundFontRenderer, seed: int
) -> tuple[dict[str, float], Waveform]:
    """What one take measures by one renderer, and the take."""
    stems = render(score, renderer=renderer, cue_sheet=sheet, seed=seed)
    music = mix(stems, sheet, sheet.duration)
    pitched = [note for part, notes in score.parts.items() if part != Part.DRUMS for note in notes]
    last = score.tempo_map.to_seconds(max(note.onset for note in pitched))
    rings, step = tail(music, last)
    placed = place_hits(score.tempo_map, hits_in_cues(sheet))

    def spread_at(energy: NDArray[np.float32]) -> float:
        other = replace(sheet, curves={**sheet.curves, Curve.ENERGY: energy})
        played = render(score, renderer=renderer, cue_sheet=other, seed=seed)
        return loudness_spread(mix(played, other, sheet.duration), last)

    spreads = {}
    if seed == 0:
        num_values = len(sheet.curves[Curve.ENERGY])
        rising = np.linspace(*MOVING, num_values, dtype=np.float32)
        spreads["spread where energy moves"] = spread_at(rising)
        spreads["spread where it is steady"] = spread_at(np.full(num_values, 0.5, np.float32))
    return {
        **spreads,
        "loudness spread": loudness_spread(music, last),
        "attack": 1000.0 * fastest_attack(ENSEMBLES[sheet.ensemble], renderer),
        "energy movement": energy_movement(sheet.curves[Curve.ENERGY], CURVE_RATE_HZ),
        "melody lead": lead_of_melody(stems)[0],
        "low mids": 100.0 * 10.0 ** (energy_share(music, LOW_MID_HZ) / 10.0),
        "presence": energy_share(music, PRESENCE_HZ),
        "air": energy_share(music, AIR_HZ),
        "stereo width": stereo_width(music),
        "balance": abs(balance(music)),
        "tail step": step,
        "ring": rings,
        "hits at 40 ms": hit_rate([hit.time for hit in placed], flux_peaks(music)[0], 0.040),
        "spectral centroid": spectral_centroid(music),
        "crest factor": crest_factor(music),
        "level": loudness(sum_stems(stems, sheet, sheet.duration)),
    }, music


def fastest_attack(players: Ensemble, renderer: SoundFontRenderer) -> float:
    """Seconds of the part that carries hits: the fastest, or what doubles it where all are slow."""
    attacks = []
    for part in players.parts:
        voice = players.voice(part)
        sound = renderer.sound_of(voice)
        pitch = KICK if part == Part.DRUMS else None
        attacks.append(renderer.measure(sound, pitch).attack(voice.attack_pitch))
    if min(attacks) < FAST_ATTACK_S:
        return min(attacks)
    voice = players.voice(Part.MELODY)
    return renderer.measure(Sound(0, voice.accent)).attack(voice.attack_pitch)


def plot(result: dict[str, Any]) -> Figure:
    """One panel a measure, one row an ensemble: each take a dot, each renderer a colour."""
    rows = result["rows"]
    figure = Figure(figsize=(WIDTH_PX / DPI, 1.5 + 0.42 * len(rows)), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(DRAWN), sharey=True, gridspec_kw={"wspace": 0.1})
    height = figure.get_figheight()
    figure.subplots_adjust(left=0.145, right=0.985, top=1 - 1.0 / height, bottom=0.5 / height)
    places = np.arange(len(rows))
    for axes, measure in zip(panels, DRAWN, strict=True):
        for offset, (name, colour) in zip((-0.16, 0.16), COLOURS.items(), strict=True):
            for place, row in zip(places, rows.values(), strict=True):
                values = row[name][measure]
                at = np.full(len(values), place + offset)
                axes.plot([min(values), max(values)], at[:2], color=colour, lw=1.2, alpha=0.5)
                axes.plot(values, at, "o", ms=4.5, mew=0, color=colour, alpha=0.65, zorder=3)
        axes.set_title(f"{measure}, {MEASURES[measure]}", fontsize=9.5, color=INK, loc="left")
        axes.set_facecolor(PANEL)
        axes.grid(axis="x", color=RULE, lw=0.7)
        for place in places[:-1]:
            axes.axhline(place + 0.5, color=PAGE, lw=2, zorder=1)
        axes.margins(x=0.08)
        axes.tick_params(length=0, labelsize=8, colors=QUIET)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
    panels[0].set_yticks(places, list(rows), color=INK, fontsize=9)
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    top = 1 - 0.14 / height
    figure.text(0.012, top, "Two synths, the same scores", fontsize=13, fontweight="bold",
                color=INK, va="top")  # fmt: skip
    figure.text(0.012, top - 0.32 / height, f"{result['takes']} takes an ensemble, one dot each",
                fontsize=8.5, color=QUIET, va="top")  # fmt: skip
    right = 0.985
    for name, colour in reversed(COLOURS.items()):
        label = figure.text(right, top, f"● {result['renderers'][name]}", fontsize=8.5,
                            color=colour, va="top", ha="right")  # fmt: skip
        box = label.get_window_extent().transformed(figure.transFigure.inverted())
        right = box.x0 - 0.02
    return figure


def measure(run: Run) -> Result:
    """Both sounds of every ensemble."""
    asked = run.arguments
    both = renderers()
    pipe = PixMusPipeline.from_pretrained(asked.model)
    before = {}
    if asked.before.is_file():
        old = json.loads(asked.before.read_text(encoding="utf-8"))
        before = {key: old[key] for key in ("model", "fonts")}
        before["rows"] = {  # of the same cue sheets
            ensemble: {
                name: {measure: values[: asked.takes] for measure, values in row.items()}
                for name, row in both_rows.items()
            }
            for ensemble, both_rows in old["rows"].items()
        }
    rows, spectrograms = measure_sounds(pipe, list(ENSEMBLES), asked.takes, asked.duration)
    recordings = measure_recordings(asked.recordings) if asked.recordings else []
    stored = RESULTS / "sound.json"
    if not asked.recordings and stored.is_file():
        recordings = still_listed(json.loads(stored.read_text(encoding="utf-8"))["recordings"])
    return {
        "before": before,
        "recordings": recordings,
        "spectrograms": spectrograms,
        "model": pipe.model_sha256,
        "renderers": {name: str(renderer) for name, renderer in both.items()},
        "fonts": {name: renderer.sha256 for name, renderer in both.items()},
        "takes": asked.takes,
        "duration": asked.duration,
        "rows": rows,
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--model", help="model folder; else the one that came along")
    parser.add_argument("--takes", type=int, default=3, help="cue sheets for every ensemble")
    parser.add_argument("--duration", type=float, default=20.0, help="seconds of each")
    parser.add_argument(
        "--before", type=Path, metavar="JSON", default=BEFORE, help="an earlier run to set beside"
    )
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="DIR",
        help="where recordings lie; else what an earlier run measured of them is kept",
    )


def plot_spectrograms(result: Result) -> Figure | None:
    """The first take of every ensemble."""
    return draw_spectrograms(
        result["spectrograms"], result["duration"], "Every ensemble's first take, finished mix"
    )


STUDY = Study(
    "sound",
    "The two synths, every ensemble by numbers.",
    measure,
    arguments,
    pictures={"sound.png": plot, "sound-spectrograms.png": plot_spectrograms},
)
