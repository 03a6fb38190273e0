"""`Replayer`: the stems of the synth played again by an audio diffusion model, note for note.

Pitched stems go through the model; drums, and what sounds around accents, stay the synth's. What
meets fewer hit points than the synth's stem is played again with less strength, and where that
does not help it stays as the synth played it.

Conventions: waveforms are float32 (2, samples) at 44.1 kHz, times seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pixmus.check.onsets import flux_peaks, hit_rate, strong_onsets
from pixmus.choices import RENDERER_STRENGTH
from pixmus.cues.moods import mood_of
from pixmus.cues.sheet import CueSheet
from pixmus.curves import Curve
from pixmus.ensembles import PITCHED, Ensemble
from pixmus.renderers import RENDERERS, make_renderer
from pixmus.score.notes import Score
from pixmus.sound.loudness import apply_gain
from pixmus.sound.performance import Timed
from pixmus.sound.replay_models import (
    AceStep,
    AudioModel,
    StableAudio3,
    StableAudioOpen,
    Told,
    find_model,
    load_model,
    weights_sha256,
)
from pixmus.sound.replay_pieces import (
    BLOCK,
    accent_gain,
    fitted,
    join,
    matched_level,
    pieces,
    playing_gain,
)
from pixmus.sound.stems import Stems
from pixmus.waveform import SAMPLE_RATE, Waveform

OnShare = Callable[[float], None]
TOLERANCE_S = 0.040  # in which a strong onset meets a hit point, as everywhere
FEWER = 0.05  # of the hit points, by which a stem may meet fewer than the synth's
LOWERED = (1.0, 2 / 3, 1 / 3)  # of the strength that is asked for: what is tried in turn
PEAK = 0.7  # of full scale, to which a stem is brought for the model, which heard loud music
# General MIDI's families of eight programmes, as an audio model may have heard them called.
FAMILIES = (
    *("grand piano", "celesta and vibraphone", "organ", "guitars", "deep bass", "solo strings"),
    *("string ensemble", "brass", "woodwinds", "flute", "synth lead", "warm synth pad"),
    *("synth texture", "plucked strings", "tuned percussion", "sound effects"),
)


def prompt_of(players: Ensemble, cue_sheet: CueSheet | None) -> str:
    """What a model is told of the whole: mood, style and ensemble in words."""
    mood = ""
    if cue_sheet is not None:
        energy, valence = (
            float(np.mean(cue_sheet.curves[c])) for c in (Curve.ENERGY, Curve.VALENCE)
        )
        mood = f"{mood_of(energy, valence)} "
    style = cue_sheet.style if cue_sheet is not None else players.style
    return f"{mood}{style} film music, {players.name}, instrumental, high quality recording"


def instrument_of(players: Ensemble, part: str) -> str:
    """What plays a part, in a word or two."""
    return FAMILIES[players.voice(part).programs[0] // 8]


@dataclass(frozen=True)
class Replayer:
    """The renderer of a kind of model, of the model that a person named."""

    name: str
    model: str | Path
    strength: float
    prompt: str = ""  # of a person; else `prompt_of`

    def __post_init__(self) -> None:
        find_model(self.name, self.model)  # what is not there is said before anything is made

    @cached_property
    def synth(self) -> object:
        """What plays the score first."""
        return make_renderer(next(iter(RENDERERS)))

    @property
    def settings(self) -> Mapping[str, str]:
        """What plays, for take.json."""
        return {**self.synth.settings, "replayed_by": self.name}  # type: ignore[attr-defined]

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of the SoundFont and of the model's weights."""
        weights = weights_sha256(find_model(self.name, self.model))
        return {
            **self.synth.hashes,  # type: ignore[attr-defined]
            **{f"renderer/{place}": sha256 for place, sha256 in weights.items()},
        }

    def __str__(self) -> str:
        return f"{self.synth}, played again by {self.name} ({Path(self.model).name})"

    def render(
        self,
        score: Score,
        players: Ensemble,
        *,
        hits: Sequence[Timed] = (),
        strokes: Sequence[Timed] = (),
        cue_sheet: CueSheet | None = None,
        seed: int = 0,
        on_share: OnShare = lambda share: None,
    ) -> Stems:
        """The synth's stems, its pitched ones played again; their `notices` say what was not."""
        stems: Stems = self.synth.render(  # type: ignore[attr-defined]
            score, players, hits=hits, strokes=strokes, cue_sheet=cue_sheet, seed=seed
        )
        if self.strength > 0.0:
            self.replay(
                stems,
                score,
                self.prompt or prompt_of(players, cue_sheet),
                self.strength,
                _Moments(hits, strokes, cue_sheet),
                {part: instrument_of(players, part) for part in stems},
                seed,
                on_share,
            )
        return stems

    def replay(
        self,
        stems: Stems,
        score: Score,
        prompt: str,
        strength: float,
        moments: _Moments | None = None,
        instruments: Mapping[str, str] | None = None,
        seed: int = 0,
        on_share: OnShare = lambda share: None,
    ) -> None:
        """Put what the model plays in the place of the pitched stems, one after the other."""
        moments = moments or _Moments()
        model = load_model(self.name, self.model)
        parts = [part for part in stems if part in PITCHED]
        bpm = round(float(np.median(score.tempo_map.local_tempo_bpm)))
        spans = _spans(stems.num_samples, score, moments, model)
        for number, part in enumerate(parts):
            stem = np.array(stems[part])
            said = f"{(instruments or {}).get(part, part)}, {prompt}"
            told = Told(said, strength, seed + number, bpm, score.key)

            def progress(share: float, number: int = number) -> None:
                on_share((number + share) / len(parts))

            _Stem(part, stem, spans, moments).replay_into(stems, model, told, progress)


@dataclass(frozen=True)
class _Moments:
    """When something happens: hit points, the accents among them, and cue borders."""

    hits: Sequence[Timed] = ()
    strokes: Sequence[Timed] = ()
    cue_sheet: CueSheet | None = None

    @property
    def hit_times(self) -> list[float]:
        return [hit.time for hit in self.hits]

    @property
    def borders(self) -> list[float]:
        """Where cues begin and end."""
        cues = self.cue_sheet.cues if self.cue_sheet is not None else ()
        return sorted({time for cue in cues for time in (cue.start, cue.end)})


def _spans(
    num_samples: int, score: Score, moments: _Moments, model: AudioModel
) -> list[tuple[int, int]]:
    """The pieces that the model can play at once, cut at cue borders, else at bars."""
    bars = score.tempo_map.to_seconds(np.asarray(score.tempo_map.bar_starts, dtype=float))
    borders = [[round(t * SAMPLE_RATE) for t in times] for times in (moments.borders, bars)]
    return pieces(num_samples, borders, int(model.longest_s * SAMPLE_RATE))


@dataclass(frozen=True)
class _Stem:
    """The synth's stem of a part, and how it is played again."""

    part: str
    stem: Waveform
    spans: Sequence[tuple[int, int]]
    moments: _Moments

    def replay_into(self, stems: Stems, model: AudioModel, told: Told, on_share: OnShare) -> None:
        """Play it with the strength asked for, and with less where onsets are lost."""
        times = self.moments.hit_times
        wanted = self._met(self.stem, times)
        for attempt, share in enumerate(LOWERED):
            strength = told.strength * share

            def progress(done: float, attempt: int = attempt) -> None:
                on_share((attempt + done) / len(LOWERED))

            lowered = Told(told.prompt, strength, told.seed, told.bpm, told.key)
            made = self._replayed(model, lowered, progress)
            if np.isfinite(made).all() and self._met(made, times) >= wanted - FEWER:
                stems.replace(self.part, made)
                stems.replayed[self.part] = strength
                on_share(1.0)
                if attempt:
                    stems.notices.append(
                        f"The {self.part} was played again with a strength of {strength:.2f} in "
                        f"place of {told.strength:.2f}, at which it met fewer hit points."
                    )
                return
        stems.replayed[self.part] = 0.0
        on_share(1.0)
        stems.notices.append(
            f"The {self.part} is the synth's: played again, even with a strength of "
            f"{told.strength * LOWERED[-1]:.2f}, it met fewer hit points."
        )

    @staticmethod
    def _met(stem: Waveform, times: Sequence[float]) -> float:
        """The share of the hit points that strong onsets of a stem meet; 1 where there are none."""
        if not len(times):
            return 1.0
        return hit_rate(times, strong_onsets(*flux_peaks(stem)), TOLERANCE_S)

    def _replayed(self, model: AudioModel, told: Told, on_share: OnShare) -> Waveform:
        """The stem as the model plays it: as long, as loud, silent where the stem is."""
        peak = float(np.abs(self.stem).max(initial=0.0))
        if peak <= 0.0:
            return self.stem
        rates = model.sample_rate, SAMPLE_RATE
        steps, pieces_left = model.num_steps, len(self.spans)

        def play(number: int, start: int, stop: int) -> Waveform:
            piece = self.stem[:, start:stop]
            on_share(number / pieces_left)
            if np.abs(piece).max() <= 1e-4 * peak:
                return piece
            loud = resampled(piece * np.float32(PEAK / peak), SAMPLE_RATE, rates[0])
            made = model.replay(
                loud,
                Told(told.prompt, told.strength, told.seed + 1000 * number, told.bpm, told.key),
                lambda step: on_share((number + min(step + 1, steps) / steps) / pieces_left),
            )
            made = made - made.mean(axis=1, keepdims=True)  # what nobody hears is no level
            return matched_level(fitted(resampled(made, *rates), stop - start), piece)

        made = join(self.stem.shape[1], self.spans, play)
        apply_gain(made, playing_gain(self.stem), BLOCK)
        accents = accent_gain(self.stem.shape[1], [stroke.time for stroke in self.moments.strokes])
        if accents.any():
            kept = np.array(self.stem)
            apply_gain(kept, accents, BLOCK)
            apply_gain(made, 1.0 - accents, BLOCK)
            made += kept
        return made


def resampled(waveform: Waveform, rate: int, wanted_rate: int) -> Waveform:
    """The sound at another sample rate, by a polyphase filter: (2, about as long)."""
    if rate == wanted_rate:
        return waveform
    from scipy.signal import resample_poly  # 2.6 s, which a take by the synth does not need

    shared = math.gcd(rate, wanted_rate)
    made = resample_poly(waveform, wanted_rate // shared, rate // shared, axis=1)
    return np.ascontiguousarray(made, dtype=np.float32)


def _made(name: str, model: str | Path, strength: float | None, prompt: str) -> Replayer:
    return Replayer(
        name, model, RENDERER_STRENGTH.default if strength is None else strength, prompt
    )


def stable_audio_3(model: str | Path, strength: float | None = None, prompt: str = "") -> Replayer:
    """Stable Audio 3 plays the stems again."""
    return _made(StableAudio3.renderer, model, strength, prompt)


def ace_step(model: str | Path, strength: float | None = None, prompt: str = "") -> Replayer:
    """ACE-Step 1.5 plays the stems again."""
    return _made(AceStep.renderer, model, strength, prompt)


def stable_audio_open(
    model: str | Path, strength: float | None = None, prompt: str = ""
) -> Replayer:
    """Stable Audio Open plays the stems again."""
    return _made(StableAudioOpen.renderer, model, strength, prompt)
