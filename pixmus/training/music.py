"""`MusicCurves`: what the music does, measured on its sound, a value a second.

Conventions: value i covers [i, i + 1) seconds. It is taken under a Hann window around the middle of
that second: `BAR_S` long for onsets, loudness and brightness (it weighs like 2 s, one bar at 120
bpm), `KEY_S` long for majorness (like 8 s, four bars). Where the row begins or ends inside the
window, what is there counts alone.

Of librosa only what needs no compiled code of its own is called: no beat tracker (it compiles for 6
to 8 s where it was never run, and its beats are not needed), no constant-Q transform. What is left
takes 4 to 12 s in a fresh environment, when librosa compiles its helpers, and 1 s in each process
later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixmus.curves import Curve
from pixmus.keys import KEYS
from pixmus.score.curves import VALENCE_WEIGHTS, CurveTables
from pixmus.score.key_finding import key_correlations
from pixmus.sound.loudness import ABSOLUTE_GATE_LUFS, k_weighting
from pixmus.waveform import SAMPLE_RATE

MUSIC_RATE = 22050  # Hz; what lies above 11 kHz moves none of the curves
MUSIC_CURVES = ("onset_density", "loudness", "brightness", "majorness")

BAR_S = 4.0
KEY_S = 16.0
FRAME, HOP = 2048, 256  # samples at MUSIC_RATE; 12 ms tell 120 bpm from 122
KEY_FRAME, KEY_HOP = 4096, 1024  # semitones are apart from 120 Hz on
# Onsets, chosen on 40 rendered pieces: what their scores strike a second, ranked, is met best by
# these among levels of 60 and 80 dB, lags of 1 to 4 hops and rises of 0.1 to 3 dB.
RANGE_DB, LAG, MIN_RISE_DB = 60.0, 2, 0.4
SILENCE_LUFS = ABSOLUTE_GATE_LUFS
MIN_ONSETS = 4  # fewer have no tempo


@dataclass(frozen=True, eq=False)
class MusicCurves:
    """The music of one row; every curve is float32 of shape (num_seconds(duration),)."""

    duration: float
    onset_density: np.ndarray  # onsets a second
    loudness: np.ndarray  # LKFS of the sound as one channel, SILENCE_LUFS or more
    brightness: np.ndarray  # log2 of the spectral centroid in Hz; NaN in silence
    majorness: np.ndarray  # best major minus best minor key correlation; NaN in silence
    tempo_bpm: float  # of the whole row; NaN where there are hardly any onsets
    key: str  # of the whole row, one of `cues.KEYS`; "" in silence


def num_seconds(duration: float) -> int:
    """How many values cover `duration` seconds (rounding noise in it starts no new value)."""
    return max(1, math.ceil(duration - 1e-6))


def measure_music(waveform: np.ndarray, sample_rate: int) -> MusicCurves:
    """The curves of a mono waveform (samples,) in [-1, 1].

    - Onset density: peaks of the spectral flux of a mel spectrogram in dB
      (`librosa.onset.onset_strength`, Böck & Widmer 2013 without the maximum filter), picked as
      `librosa.onset.onset_detect` does, but where the mean rise over the mel bands stands
      `MIN_RISE_DB` above its surroundings: librosa's own threshold is a share of the row's
      largest rise, and one stroke would hide all others.
    - Loudness: K-weighted mean square in dB (ITU-R BS.1770-5, as in `pixmus.sound.loudness`), the
      weighting applied to the power spectrum. Not A-weighted: that follows the ear at 40 phon and
      takes 19 dB from a bass at 100 Hz, and the mix is held to BS.1770 too.
    - Brightness: log2 of the centroid of the magnitude spectrum (`librosa.feature.
      spectral_centroid`), frames weighted by their K-weighted power.
    - Majorness: as `compose.conditions.measure_bars` has it, on `librosa.feature.chroma_stft` of
      the magnitude spectrum with the tuning estimated; a tone's overtones count too.
    - Tempo: the strongest period of the flux under librosa's prior, log-normal around 120 bpm
      (`librosa.feature.tempo`, Ellis 2007); it may be a half or a double of what one would tap.
    - Key: the best correlation of the whole row (Krumhansl & Schmuckler).
    """
    import librosa

    assert waveform.ndim == 1, f"{waveform.shape=}"
    duration = len(waveform) / sample_rate
    seconds = num_seconds(duration)
    sound = np.asarray(waveform, np.float32)
    if sample_rate != MUSIC_RATE:
        sound = librosa.resample(sound, orig_sr=sample_rate, target_sr=MUSIC_RATE)
    sound = np.pad(sound, (0, max(0, KEY_FRAME - len(sound))))  # librosa wants a whole frame

    magnitude = np.abs(librosa.stft(sound, n_fft=FRAME, hop_length=HOP))  # (1 + FRAME / 2, frames)
    power = magnitude**2
    times = np.arange(power.shape[1]) * HOP / MUSIC_RATE
    heard = _k_weights() @ power  # (frames,) mean square
    bars = _Windows(times, seconds, BAR_S, duration)
    mean_square = bars.average(heard)
    loudness = np.full(seconds, SILENCE_LUFS)
    sounding = mean_square > 10 ** ((SILENCE_LUFS + 0.691) / 10)
    loudness[sounding] = -0.691 + 10 * np.log10(mean_square[sounding])

    centroid = librosa.feature.spectral_centroid(S=magnitude, sr=MUSIC_RATE)[0]
    bright = bars.average(heard * np.log2(np.maximum(centroid, 1.0)))
    brightness = np.full(seconds, np.nan)
    brightness[sounding] = bright[sounding] / mean_square[sounding]

    onsets, flux = _onsets(power, times)
    is_silent = not sounding.any()
    if is_silent:
        onsets = onsets[:0]
    tempo = math.nan
    if len(onsets) >= MIN_ONSETS:
        tempo = float(librosa.feature.tempo(onset_envelope=flux, sr=MUSIC_RATE, hop_length=HOP)[0])
    chroma, chroma_times = _chroma(sound, is_silent)
    around = _Windows(chroma_times, seconds, KEY_S, duration).average(chroma)  # (seconds, 12)
    majorness = np.where(sounding & (around.sum(1) > 0), _majorness(around), np.nan)
    key = "" if is_silent else KEYS[int(key_correlations(chroma.sum(0)).argmax())]
    return MusicCurves(
        duration,
        onset_density=bars.rate(onsets).astype(np.float32),
        loudness=loudness.astype(np.float32),
        brightness=brightness.astype(np.float32),
        majorness=majorness.astype(np.float32),
        tempo_bpm=tempo,
        key=key,
    )


class _Windows:
    """Hann windows around the middle of every second, over frames at `times`."""

    def __init__(self, times: np.ndarray, seconds: int, length: float, duration: float) -> None:
        self._length = length
        self._middles = np.minimum(np.arange(seconds) + 0.5, max(duration - 1e-3, 0.0))
        self._times = times
        self._duration = duration
        self._first = np.searchsorted(times, self._middles - length / 2)
        self._last = np.searchsorted(times, np.minimum(self._middles + length / 2, duration))

    def average(self, values: np.ndarray) -> np.ndarray:
        """(seconds, ...) weighted means of values (frames, ...)."""
        means = np.zeros((len(self._middles), *values.shape[1:]))
        for second, middle in enumerate(self._middles):
            span = slice(self._first[second], self._last[second])
            weights = _hann(self._times[span] - middle, self._length)
            means[second] = weights @ values[span] / max(weights.sum(), 1e-12)
        return means

    def rate(self, events: np.ndarray) -> np.ndarray:
        """(seconds,) events a second, each weighted by where it lies in the window."""
        found = _hann(events[None] - self._middles[:, None], self._length).sum(1)
        low = np.clip(-self._middles, -self._length / 2, 0)
        high = np.clip(self._duration - self._middles, 0, self._length / 2)
        inside = _hann_integral(high, self._length) - _hann_integral(low, self._length)
        rates: np.ndarray = found / np.maximum(inside, 1e-9)
        return rates


def _hann(offset: np.ndarray, length: float) -> np.ndarray:
    """A Hann window of that length around 0, its height 1."""
    inside = np.abs(offset) < length / 2
    return np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * offset / length), 0.0)


def _hann_integral(offset: np.ndarray, length: float) -> np.ndarray:
    return 0.5 * offset + 0.25 * length / np.pi * np.sin(2 * np.pi * offset / length)


def _k_weights() -> np.ndarray:
    """(1 + FRAME / 2,) what each bin of a power spectrum gives to the frame's mean square."""
    import librosa

    bins = librosa.fft_frequencies(sr=MUSIC_RATE, n_fft=FRAME)
    response = np.abs(k_weighting())
    gain = np.interp(bins, np.linspace(0, SAMPLE_RATE / 2, len(response)), response)
    window = librosa.filters.get_window("hann", FRAME)
    sides = np.full(len(bins), 2.0)  # both halves of the spectrum
    sides[[0, -1]] = 1.0
    weights: np.ndarray = sides * gain**2 / (FRAME * (window**2).sum())
    return weights.astype(np.float32)


def _onsets(power: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times of onsets, seconds, and the flux (frames,) that they are peaks of."""
    import librosa

    mel = librosa.feature.melspectrogram(S=power, sr=MUSIC_RATE, n_fft=FRAME)
    level = librosa.power_to_db(mel, ref=np.max, top_db=RANGE_DB)
    flux = librosa.onset.onset_strength(
        S=level, sr=MUSIC_RATE, n_fft=FRAME, hop_length=HOP, lag=LAG
    )
    peaks = librosa.onset.onset_detect(
        onset_envelope=flux, sr=MUSIC_RATE, hop_length=HOP, normalize=False, delta=MIN_RISE_DB
    )
    return times[peaks], flux


def _chroma(sound: np.ndarray, is_silent: bool) -> tuple[np.ndarray, np.ndarray]:
    """Chroma (frames, 12), C first, and the frames' times."""
    import librosa

    spectrum = np.abs(librosa.stft(sound, n_fft=KEY_FRAME, hop_length=KEY_HOP))
    tuning = 0.0
    if not is_silent:
        tuning = float(librosa.estimate_tuning(S=spectrum, sr=MUSIC_RATE, n_fft=KEY_FRAME))
    chroma = librosa.feature.chroma_stft(
        S=spectrum, sr=MUSIC_RATE, n_fft=KEY_FRAME, norm=None, tuning=tuning
    )
    return chroma.T, np.arange(chroma.shape[1]) * KEY_HOP / MUSIC_RATE


def _majorness(chroma: np.ndarray) -> np.ndarray:
    """Best major minus best minor key correlation of chroma (..., 12)."""
    correlations = key_correlations(chroma)
    found: np.ndarray = correlations[..., :12].max(-1) - correlations[..., 12:].max(-1)
    return found


# --------------------------------------------------------------------------- the design's units

# The curve that stands for each of the score's. Brightness stands in for register: on 40 rendered
# pieces it follows the mean pitch inside a piece (rank correlation 0.48) but hardly across pieces
# (0.25), where the instruments decide.
STANDS_FOR: dict[str, str] = {
    Curve.DENSITY: "onset_density",
    Curve.ENERGY: "loudness",
    Curve.REGISTER: "brightness",
}
QUANTILE_ENTRIES = 201


def fit_quantiles(rows: Sequence[MusicCurves]) -> CurveTables:
    """Tables over every second of the rows, for `quantile_curves`."""
    grid = np.linspace(0, 1, QUANTILE_ENTRIES)

    def quantiles(values: np.ndarray) -> np.ndarray:
        known = values[~np.isnan(values)]
        return np.quantile(known, grid) if len(known) else grid

    tables = CurveTables(
        {
            name: quantiles(np.concatenate([getattr(row, name) for row in rows] or [np.zeros(0)]))
            for name in MUSIC_CURVES
        }
    )
    valence = [_valence(_ranks(row, tables)) for row in rows]
    tables.tables[Curve.VALENCE] = quantiles(np.concatenate(valence or [np.zeros(0)]))
    return tables


def quantile_curves(music: MusicCurves, tables: CurveTables) -> dict[str, np.ndarray]:
    """Density, energy, valence and register in the design's units, float32 (seconds,), 0..1.

    Each is the quantile over training seconds; valence is that of the same weighted sum as in
    `CurveTables.curves`. What cannot be measured takes 0.5.
    """
    ranks = _ranks(music, tables)
    curves = {
        Curve.DENSITY: ranks[Curve.DENSITY],
        Curve.ENERGY: ranks[Curve.ENERGY],
        Curve.VALENCE: tables.quantile(Curve.VALENCE, _valence(ranks)),
        Curve.REGISTER: ranks[Curve.REGISTER],
    }
    return {name: values.astype(np.float32) for name, values in curves.items()}


def _ranks(music: MusicCurves, tables: CurveTables) -> dict[str, np.ndarray]:
    ranks = {}
    for name, measured in (STANDS_FOR | {"majorness": "majorness"}).items():
        values = getattr(music, measured).astype(np.float64)
        quantiles = tables.quantile(measured, np.nan_to_num(values))
        ranks[name] = np.where(np.isnan(values), 0.5, quantiles)
    return ranks


def _valence(ranks: dict[str, np.ndarray]) -> np.ndarray:
    sums: np.ndarray = np.sum([w * ranks[name] for name, w in VALENCE_WEIGHTS.items()], axis=0)
    return sums
