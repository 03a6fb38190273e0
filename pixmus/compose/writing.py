"""From a cue sheet and its tempo map to a score: conditioning, sampling, continuation, decoding.

A cue is written window by window. Each window is given the bars before it, is shown the earlier
bars that its phrases echo, and at the end is given the last chord, towards which the model leads.
Nothing is kept between calls: the scheduler is copied, and the noise of every window comes from a
generator of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SchedulerMixin
from torch import Tensor

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.compose.conditions import (
    ECHO_COLUMN,
    GIVEN,
    OFF,
    TO_MAKE,
    VELOCITY_CENTRE,
    VELOCITY_SCALE,
    BeatConditions,
    add_textures,
    condition,
    echo_x0,
    in_other_mode,
    to_x0,
    without_mood,
    without_mood_and_timing,
)
from pixmus.compose.form import Echoes, blocks_of, plan_echoes
from pixmus.compose.texture import TEXTURE_BARS, TextureBank
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import ONE_VOICE_PARTS, PARTS, Part, Style
from pixmus.keys import key_is_major, key_tonic
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.score.notes import (
    CELL_PARTS,
    IS_VELOCITY,
    NUM_CELLS,
    PART_LAYOUTS,
    STEPS_PER_BEAT,
    Note,
    Score,
    decode_notes,
    encode_notes,
)
from pixmus.score.tempo import CueSpan, TempoMap, cue_span, place_hits

# One window is at most so long, and shows so much of what stands before it. The first is shorter,
# so that what follows may echo it.
WINDOW_BARS, FIRST_WINDOW_BARS = 12, 8
CONTEXT_BARS = 4

_IS_VELOCITY = torch.from_numpy(IS_VELOCITY)
_CELL_PARTS = torch.from_numpy(CELL_PARTS)

OnStep = Callable[[int, int, Tensor], None]  # window's inference step, all of them, cells


@dataclass(frozen=True)
class Decoding:
    """How predicted cells become notes; every rule can be switched off.

    `log_odds` are added to every prediction of a part's roll cells while sampling, calibrated once
    so that the part's density at guidance 1 is the data's. (A threshold on the finished cells would
    do nothing: they end at -1 or 1.)
    """

    log_odds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    one_voice: tuple[str, ...] = ONE_VOICE_PARTS

    def shift(self, x0: Tensor) -> Tensor:
        """Predicted cells (tokens, NUM_CELLS) with `log_odds` added to their roll cells."""
        offsets = torch.tensor([self.log_odds.get(part, 0.0) for part in PARTS])[_CELL_PARTS]
        certain = x0.clamp(-1, 1)
        sounding, silent = (1 + certain) * offsets.exp(), 1 - certain
        shifted = 2 * sounding / (sounding + silent).clamp(min=1e-6) - 1
        return torch.where(_IS_VELOCITY, x0, shifted)

    def cells(self, x0: np.ndarray) -> np.ndarray:
        """Piano-roll uint8 (beats, NUM_CELLS) of predicted values float (beats, NUM_CELLS)."""
        cells = np.zeros(x0.shape, np.uint8)
        for part, layout in PART_LAYOUTS.items():
            shape = (len(x0) * STEPS_PER_BEAT, layout.num_pitches)
            values = x0[:, layout.onsets].reshape(shape)
            onset = values > 0
            if part in self.one_voice:
                onset &= values >= values.max(1, keepdims=True)
            cells[:, layout.onsets] = onset.reshape(len(x0), -1)
            if layout.has_sounding:
                sounding = (x0[:, layout.sounding].reshape(shape) > 0) | onset
                cells[:, layout.sounding] = sounding.reshape(len(x0), -1)
            velocity = VELOCITY_CENTRE + VELOCITY_SCALE * x0[:, layout.velocities].reshape(-1)
            velocity = np.clip(np.round(velocity), 1, 127) * onset.any(1)
            cells[:, layout.velocities] = velocity.reshape(len(x0), -1)
        return cells


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance (Ho & Salimans 2022): of the mood (curves) and the timing (hits).

    1 is none. `timing_scale` None takes `scale`. What is led away from has neither, and the other
    mode: so the mode is heard as asked, without another prediction.
    """

    scale: float = DEFAULT_GUIDANCE_SCALE
    timing_scale: float | None = None

    @property
    def weights(self) -> dict[str, float]:
        """Weight of the prediction with all conditions, without mood, and without mood and timing.

        x0 = none + timing_scale (timing - none) + scale (full - timing); what weighs nothing is
        left out.
        """
        timing_scale = self.scale if self.timing_scale is None else self.timing_scale
        weights = {
            "full": self.scale,
            "timing": timing_scale - self.scale,
            "none": 1 - timing_scale,
        }
        return {name: weight for name, weight in weights.items() if weight != 0}

    def variants(self, conditions: np.ndarray) -> Tensor:
        """The conditions of each prediction, (variants, tokens, conditions): dropped nested."""
        drop = {
            "full": lambda array: array,
            "timing": without_mood,
            "none": lambda array: in_other_mode(without_mood_and_timing(array)),
        }
        return torch.from_numpy(np.stack([drop[name](conditions) for name in self.weights]))

    def combine(self, predicted: Tensor) -> Tensor:
        """The guided clean cells (tokens, cells) of the predictions (variants, tokens, cells)."""
        share = torch.tensor(list(self.weights.values()))
        return (share[:, None, None] * predicted).sum(0)


def settle(x0: Tensor) -> Tensor:
    """Predicted cells within their range; velocity cells fade where the part has no onset.

    In training a velocity cell is 0 without an onset and no loss says what to predict there.
    """
    settled = x0.clamp(-1, 1)
    for layout in PART_LAYOUTS.values():
        onsets = settled[..., layout.onsets].unflatten(-1, (STEPS_PER_BEAT, -1))
        struck = (onsets.amax(-1) + 1) / 2  # (..., steps)
        velocity = x0[..., layout.velocities].clamp(
            (1 - VELOCITY_CENTRE) / VELOCITY_SCALE, (127 - VELOCITY_CENTRE) / VELOCITY_SCALE
        )
        settled[..., layout.velocities] = velocity * struck
    return settled


@torch.inference_mode()
def sample(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    cells: np.ndarray,
    states: np.ndarray,
    conditions: np.ndarray,
    *,
    generator: torch.Generator,
    guidance: Guidance,
    num_inference_steps: int,
    echo: np.ndarray | None = None,
    decoding: Decoding | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> np.ndarray:
    """Predicted cells, float32 (beats, NUM_CELLS): what is given stays, what is off is 0.

    `cells` uint8 and `states` describe the beats; `echo`, cells like them, holds what is echoed
    where the conditions name a likeness. The scheduler is a diffusers flow-matching one, fresh
    from its config.
    """
    part_states = torch.from_numpy(states.astype(np.int64))
    cell_states = part_states[:, _CELL_PARTS]
    known = torch.where(cell_states == OFF, 0.0, to_x0(torch.from_numpy(cells)))
    to_make = cell_states == TO_MAKE
    noise = torch.randn(known.shape, generator=generator)
    x = torch.where(to_make, noise, known)
    asked = guidance.variants(conditions)
    num = len(asked)
    echoed: Tensor | None = None
    if echo is not None and conditions[:, ECHO_COLUMN].any():
        likeness = torch.from_numpy(conditions[:, ECHO_COLUMN])
        echoed = echo_x0(torch.from_numpy(echo), likeness, part_states)[None]
    fixed = (asked, part_states.expand(num, -1, -1), torch.arange(len(cells)), echoed)
    previous: Tensor | None = None
    scheduler.set_timesteps(num_inference_steps)
    for step, timestep in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[step])
        noisy = x.expand(num, -1, -1)
        predicted = denoiser(noisy, torch.full((num,), sigma), *fixed, previous)
        previous = torch.where(to_make, predicted, known)
        x0 = guidance.combine(predicted)
        x0 = settle(decoding.shift(x0) if decoding else x0)
        flow = (x - x0) / sigma
        stepped = scheduler.step(flow, timestep, x, return_dict=False)[0]
        x = torch.where(to_make, stepped, known)
        if on_step is not None:
            on_step(step, x)
    return x.numpy()


# ---------------------------------------------------------------------------------------- Endings

MAJOR_TRIAD, MINOR_TRIAD = (0, 4, 7), (0, 3, 7)
CRASH, BASS_DRUM = 49, 36


def last_chord(
    parts: Sequence[str], minor: bool, onset: float, duration: float, register: float, energy: float
) -> dict[str, list[Note]]:
    """The tonic chord on which a cue ends, in C major or A minor, as notes of each part.

    A rule, not the model: the chord is given to the model, which leads to it. `register` and
    `energy` (0..1) choose the melody's octave and the velocity.
    """
    tonic = 57 if minor else 60
    triad = MINOR_TRIAD if minor else MAJOR_TRIAD
    velocity = round(56 + 32 * energy)
    high = tonic + (12 if register > 0.35 else 0) + (12 if register > 0.85 else 0)
    pitches: dict[str, list[int]] = {
        Part.MELODY: [high],
        Part.COUNTER: [high - 12 + triad[1]],
        Part.HARMONY: [tonic + tone for tone in triad] + [tonic - 12 + triad[2]],
        Part.BASS: [tonic - 24],
        Part.PAD: [tonic + tone for tone in triad],
        Part.DRUMS: [CRASH, BASS_DRUM] if energy > 0.3 else [BASS_DRUM],
    }
    return {
        part: [Note(onset, pitch, duration, velocity) for pitch in pitches[part]] for part in parts
    }


# -------------------------------------------------------------------------------------- Composing


@dataclass
class Canvas:
    """One cue while it is written: beats count from the cue's first beat."""

    cells: np.ndarray  # uint8 (beats, NUM_CELLS)
    states: np.ndarray  # (beats, parts)
    conditions: np.ndarray  # float32 (beats, NUM_CONDITIONS)
    bar_starts: np.ndarray  # beats that open a bar
    echoes: Echoes

    def edges(self) -> list[int]:
        """The beats between bars, from the first to the end."""
        return [*self.bar_starts.tolist(), len(self.cells)]

    def echo(self) -> tuple[np.ndarray, np.ndarray]:
        """The cells that every beat echoes, and how like them it is to be (beats,), 0 = nothing.

        Bars that are not written yet, or not wholly, are no echo.
        """
        cells = np.zeros_like(self.cells)
        likeness = np.zeros(len(cells), np.float32)
        edges = self.edges()
        for bar, source in enumerate(self.echoes.sources):
            if source < 0 or (self.states[edges[source] : edges[source + 1]] == TO_MAKE).any():
                continue
            beats = min(edges[bar + 1] - edges[bar], edges[source + 1] - edges[source])
            mine = slice(edges[bar], edges[bar] + beats)
            cells[mine] = self.cells[edges[source] : edges[source] + beats]
            likeness[mine] = self.echoes.likeness[bar]
        return cells, likeness


def compose(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    cue_sheet: CueSheet,
    tempo_map: TempoMap,
    *,
    seed: int,
    guidance: Guidance | None = None,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
    decoding: Decoding | None = None,
    textures: TextureBank | None = None,
    with_echoes: bool = True,
    on_step: OnStep | None = None,
) -> Score:
    """The score of every cue of the sheet, in its key, on the tempo map.

    Each cue's parts move as `textures` drawn from the bank say, as the model likes without one.
    """
    guidance = guidance or Guidance()
    decoding = decoding or Decoding()
    spans, ends = playable_spans(cue_sheet, tempo_map)
    canvases = [
        prepare(cue_sheet, tempo_map, span, textures, window_seed(seed, index, -1), with_echoes)
        for index, span in enumerate(spans)
    ]
    windows = [window_bounds(canvas.bar_starts, len(canvas.cells)) for canvas in canvases]
    write_canvases(
        denoiser,
        scheduler,
        canvases,
        windows,
        seed=seed,
        guidance=guidance,
        num_inference_steps=num_inference_steps,
        decoding=decoding,
        on_step=on_step,
    )
    notes: dict[str, list[Note]] = {part: [] for part in cue_sheet.parts}
    for canvas, span, end_beat in zip(canvases, spans, ends, strict=True):
        if not Style(cue_sheet.style).has_dynamics:
            play_by_rule(canvas)
        for part, part_notes in read_canvas(canvas, cue_sheet, span, end_beat).items():
            notes[part] += part_notes
    return Score(
        {part: tuple(sorted(part_notes)) for part, part_notes in notes.items()},
        tempo_map,
        cue_sheet.key,
        markers_of(cue_sheet),
    )


def write_canvases(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    canvases: Sequence[Canvas],
    windows: Sequence[Sequence[tuple[int, int]]],
    *,
    seed: int,
    guidance: Guidance,
    num_inference_steps: int,
    decoding: Decoding,
    on_step: OnStep | None = None,
) -> None:
    """Write what is to be made on each canvas, window by window (first beat, end beat)."""
    total = num_inference_steps * sum(len(bounds) for bounds in windows)
    done = 0
    for index, (canvas, bounds) in enumerate(zip(canvases, windows, strict=True)):
        for number, (first, end) in enumerate(bounds):

            def report(step: int, x: Tensor, offset: int = done) -> None:
                if on_step is not None:
                    on_step(offset + step, total, x)

            write_window(
                denoiser,
                fresh_scheduler(scheduler),
                canvas,
                first,
                end,
                generator=torch.Generator().manual_seed(window_seed(seed, index, number)),
                guidance=guidance,
                num_inference_steps=num_inference_steps,
                decoding=decoding,
                on_step=report,
            )
            done += num_inference_steps


def playable_spans(cue_sheet: CueSheet, tempo_map: TempoMap) -> tuple[list[CueSpan], list[float]]:
    """The spans of the cues that a beat falls in, and the beats at which their music has ended.

    A cue ends before the next one enters; one that is over before its first beat has no music.
    """
    spans: list[CueSpan] = []
    ends: list[float] = []
    for cue in cue_sheet.cues:
        span = cue_span(tempo_map, cue)
        if tempo_map.to_seconds(span.first_beat) >= cue.end:
            continue
        if spans:
            if span.first_beat <= spans[-1].final_beat:
                continue
            ends[-1] = min(ends[-1], span.first_beat)
        spans.append(span)
        ends.append(tempo_map.to_beats(cue.end))
    return spans, ends


def fresh_scheduler(scheduler: SchedulerMixin) -> SchedulerMixin:
    """A scheduler with the same config and no state, so that calls cannot disturb each other."""
    return type(scheduler).from_config(scheduler.config)


def default_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Euler steps along the flow, spread towards high noise by `shift` (Esser et al. 2024)."""
    return FlowMatchEulerDiscreteScheduler(shift=3.0)


def window_seed(seed: int, cue: int, window: int) -> int:
    """A generator seed for one window: other windows and cues do not change it."""
    digest = hashlib.sha256(f"{seed}/{cue}/{window}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def prepare(
    cue_sheet: CueSheet,
    tempo_map: TempoMap,
    span: CueSpan,
    textures: TextureBank | None = None,
    seed: int = 0,
    with_echoes: bool = True,
) -> Canvas:
    """An empty canvas for one cue: its conditions, what is to be made, and its last chord given.

    The seed draws its form: which bars echo which, and the textures.
    """
    placed = place_hits(tempo_map, cue_sheet.hit_points)
    conditions = condition(cue_sheet, tempo_map, span, placed)
    num_beats = len(conditions.curves)
    parts = [part for part in PARTS if part in cue_sheet.parts]
    cells = np.zeros((num_beats, NUM_CELLS), np.uint8)
    states = np.full((num_beats, len(PARTS)), OFF)
    states[:, [PARTS.index(part) for part in parts]] = TO_MAKE
    final = span.final_beat - span.first_beat
    if 0 <= final < num_beats:
        chord = _chord_for(conditions, parts, final, num_beats)
        for part, notes in chord.items():
            layout = PART_LAYOUTS[part].cells
            cells[final:, layout] = encode_notes(part, notes, num_beats)[final:]
            states[final:, PARTS.index(part)] = GIVEN
    bar_of_beat = np.cumsum(conditions.beat_in_bar == 0) - (conditions.beat_in_bar[0] == 0)
    bar_starts = np.flatnonzero(np.diff(bar_of_beat, prepend=-1))
    rng = np.random.default_rng(seed)
    echoes = plan_echoes(
        rng,
        conditions.curves[bar_starts],
        looks_of(cue_sheet, tempo_map.beat_times[span.first_beat + bar_starts]),
    )
    if not with_echoes:
        echoes = Echoes.none(len(bar_starts))
    array = conditions.array
    if textures is not None:
        taken = blocks_of(echoes, TEXTURE_BARS)
        blocks = np.minimum(bar_of_beat // TEXTURE_BARS, len(taken) - 1)
        density = conditions.curves[:, CURVES.index(Curve.DENSITY)]
        drawn = textures.draw(
            rng,
            cue_sheet.style,
            [PARTS.index(part) for part in parts],
            float(conditions.tempo_bpm.mean()),
            np.array([density[blocks == block].mean() for block in range(len(taken))]),
        )
        array = add_textures(array, drawn[taken], blocks, conditions.beat_in_bar)
    return Canvas(cells, states, array, bar_starts, echoes)


def looks_of(cue_sheet: CueSheet, times: np.ndarray) -> np.ndarray:
    """Which look the picture has at each time (seconds), a number; 0 where no section is."""
    themes = sorted({section.theme for section in cue_sheet.sections})
    looks = np.zeros(len(times), int)
    for section in cue_sheet.sections:
        inside = (times >= section.start) & (times < section.end)
        looks[inside] = 1 + themes.index(section.theme)
    return looks


def _chord_for(
    conditions: BeatConditions, parts: Sequence[str], final: int, num_beats: int
) -> dict[str, list[Note]]:
    curves = dict(zip(CURVES, conditions.curves[final], strict=True))
    length = num_beats - final
    return last_chord(
        parts,
        conditions.minor,
        final,
        length,
        float(curves[Curve.REGISTER]),
        float(curves[Curve.ENERGY]),
    )


def window_bounds(bar_starts: np.ndarray, num_beats: int) -> list[tuple[int, int]]:
    """First and end beat of every window, each sharing `CONTEXT_BARS` with the one before."""
    edges = [*bar_starts.tolist(), num_beats]
    num_bars = len(bar_starts)
    bounds = []
    first = 0
    while True:
        end = first + (WINDOW_BARS if first else FIRST_WINDOW_BARS)
        if num_bars - end < CONTEXT_BARS:  # a short rest is taken along
            end = num_bars
        bounds.append((edges[first], edges[end]))
        if end == num_bars:
            return bounds
        first = end - CONTEXT_BARS


def write_window(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    canvas: Canvas,
    first: int,
    end: int,
    *,
    generator: torch.Generator,
    guidance: Guidance,
    num_inference_steps: int,
    decoding: Decoding,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> None:
    """Write the beats first..end of the canvas that are to be made; they are given from then on."""
    cells, states = canvas.cells[first:end], canvas.states[first:end]
    if not (states == TO_MAKE).any():
        return
    conditions = canvas.conditions[first:end]
    echo, likeness = canvas.echo()
    conditions = conditions.copy()
    conditions[:, ECHO_COLUMN] = likeness[first:end]
    x0 = sample(
        denoiser,
        scheduler,
        cells,
        states,
        conditions,
        generator=generator,
        guidance=guidance,
        num_inference_steps=num_inference_steps,
        echo=echo[first:end],
        decoding=decoding,
        on_step=on_step,
    )
    made = canvas.states[first:end] == TO_MAKE
    made_cells = made[:, CELL_PARTS]
    canvas.cells[first:end][made_cells] = decoding.cells(x0)[made_cells]
    canvas.states[first:end][made] = GIVEN


def play_by_rule(canvas: Canvas) -> None:
    """Give every struck step the velocity that energy and metre ask for.

    48 to 96 with energy, 8 more on a downbeat, 4 more on the bar's other beats.
    """
    energy = (canvas.conditions[:, CURVES.index(Curve.ENERGY)] + 1) / 2  # (beats,)
    opens_bar = np.zeros(len(energy), bool)
    opens_bar[canvas.bar_starts] = True
    velocity = np.repeat(48 + 48 * energy, STEPS_PER_BEAT).reshape(len(energy), STEPS_PER_BEAT)
    velocity[:, 0] += np.where(opens_bar, 8, 4)
    for layout in PART_LAYOUTS.values():
        cells = canvas.cells[:, layout.velocities]
        canvas.cells[:, layout.velocities] = np.where(cells > 0, velocity.round(), 0)


def transposition(key: str) -> int:
    """Semitones, -6 to 5, from C major or A minor, in which the model writes, to a key."""
    home = 0 if key_is_major(key) else 9
    return (key_tonic(key) - home + 6) % 12 - 6


def read_canvas(
    canvas: Canvas, cue_sheet: CueSheet, span: CueSpan, end_beat: float
) -> dict[str, list[Note]]:
    """The canvas' notes in the cue's key, on the piece's beats.

    The last chord rings to `end_beat`, the cue's end; what sounds before it stops there.
    """
    shift = transposition(cue_sheet.key)
    final = span.final_beat - span.first_beat
    ring_end = end_beat - span.first_beat
    parts: dict[str, list[Note]] = {}
    for part in cue_sheet.parts:
        notes = []
        for note in decode_notes(part, canvas.cells[:, PART_LAYOUTS[part].cells]):
            end = note.onset + note.duration
            if note.onset > final:
                continue
            if note.onset < final:
                end = min(end, final)
            elif part != Part.DRUMS:
                end = max(ring_end, note.onset + 1 / STEPS_PER_BEAT)
            pitch = note.pitch if part == Part.DRUMS else note.pitch + shift
            onset = note.onset + span.first_beat
            notes.append(Note(onset, pitch, end - note.onset, note.velocity))
        parts[part] = notes
    return parts


def markers_of(cue_sheet: CueSheet) -> tuple[tuple[float, str], ...]:
    """Markers for cues and hit points: seconds and name, in order."""
    markers = [(cue.start, f"cue: {cue.name}" if cue.name else "cue") for cue in cue_sheet.cues]
    markers += [(hit.time, f"hit {hit.strength:.2f}") for hit in cue_sheet.hit_points]
    return tuple(sorted(markers))
