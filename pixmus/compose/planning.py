"""From what is wanted to a `Plan`: conditions, and the masked diffusion that fills tokens in.

Writing starts with every token masked but those that are given. In each step the network says what
the masked ones may be, values are drawn, and the share that the step has to reveal is kept. What is
given (chords, phrases, who plays, bars) is a token that was never masked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixmus.chords import Chord, Quality
from pixmus.compose.cadences import draw_approach
from pixmus.compose.plan_leaning import PlanLeaning
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Style
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.plan import HALVES, Plan, tonic_of
from pixmus.score.plan_tokens import (
    CHORD_COLUMNS,
    LETTER_COLUMN,
    MASKS,
    PHRASE_COLUMNS,
    PLACE_COLUMN,
    PLAYS_COLUMNS,
    ROOT_COLUMN,
    chord_tokens,
    decode_phrases,
    decode_plan,
    masked_tokens,
)

HIT_HORIZON = 16  # half bars: a hit further away is not felt
# With little noise the likeliest tokens come first and pull the rest after them: chords that stay,
# no inversions. With much the order is chance, and chords are as various as real ones.
CHOICE_NOISE = 20.0
# Of phrases after the first, the share that returns to an earlier one at least, and the level of
# `LIKENESS_LEVELS`. Game music's is that of training pieces' first 32 bars, and so was pop's (0.35
# and 2), of which takes of a minute return to too little (experiment 129). Where it is not told,
# as drawn: 0.1 of plans' phrases in game music, and what songs and quartets have.
RETURNS: dict[str, tuple[float, int]] = {Style.GAME: (0.9, 3), Style.POP: (0.8, 3)}
# The second drawing fills in the chords of phrases that do not return: in fewer steps.
SECOND_DRAWING = 0.5
AS_DENSE = 0.5  # between two phrases' density, of the whole range of 2: one may return to the other
DENSITY = CURVES.index(Curve.DENSITY)
ALIKE = 0.5  # likeness from which a phrase is a return
LOOK_LIKENESS = 2  # level of `LIKENESS_LEVELS`: half of the notes and more
NEAR, FAR = 8, 64  # bars from a cue's border, on two scales
OPPOSED_MODE = 0.2  # of the mode that is told where guidance leads away from
MOOD = slice(0, len(CURVES) + 1)  # the curves, and whether they are known
TIMING = slice(MOOD.stop, MOOD.stop + 4)  # hit points, and whether they are known
_PLACE = slice(TIMING.stop, TIMING.stop + 9)
MODE_COLUMN = _PLACE.stop
STYLE_COLUMNS = slice(MODE_COLUMN + 1, MODE_COLUMN + 1 + len(STYLES))
_PARTS = slice(STYLE_COLUMNS.stop, STYLE_COLUMNS.stop + len(PARTS))
NUM_PLAN_CONDITIONS = _PARTS.stop


def _hit_distances(hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half bars since the last and until the next hit, int, HIT_HORIZON at most."""
    index = np.arange(len(hits))
    there = np.flatnonzero(hits > 0)
    if not len(there):
        return np.full(len(hits), HIT_HORIZON), np.full(len(hits), HIT_HORIZON)
    after = np.searchsorted(there, index)
    until = np.where(
        after < len(there), there[np.minimum(after, len(there) - 1)] - index, HIT_HORIZON
    )
    before = np.searchsorted(there, index, "right") - 1
    since = np.where(before >= 0, index - there[np.maximum(before, 0)], HIT_HORIZON)
    return np.minimum(since, HIT_HORIZON), np.minimum(until, HIT_HORIZON)


def plan_conditions(
    curves: np.ndarray,
    hits: np.ndarray,
    tempo_bpm: np.ndarray,
    cue_starts: Sequence[int],
    *,
    minor: bool,
    style: str,
    parts: Sequence[str],
    bars_before: int = 0,
    bars_after: int = 0,
) -> np.ndarray:
    """What is wanted of a plan, float32 (half bars, NUM_PLAN_CONDITIONS).

    `curves` is (bars, 4), 0..1 in the order of CURVES; `hits` (half bars,) the strength 0..1 of the
    strongest hit point in each; `tempo_bpm` (bars,); `cue_starts` the bars that begin a cue, 0 the
    first. `bars_before` and `bars_after` are those of the first and last cue outside the plan.
    """
    num_bars = len(curves)
    assert len(hits) == HALVES * num_bars, f"{len(hits)=} {num_bars=}"
    bars = np.arange(num_bars)
    starts = np.array(cue_starts, int)
    cue = np.searchsorted(starts, bars, "right") - 1
    first = np.where(cue == 0, -bars_before, starts[cue])
    ends = np.append(starts[1:], num_bars + bars_after)[cue]
    since, to_end = bars - first, ends - 1 - bars
    columns = np.zeros((HALVES * num_bars, NUM_PLAN_CONDITIONS), np.float32)
    columns[:, : len(CURVES)] = np.repeat(2 * curves - 1, HALVES, 0)
    columns[:, MOOD.stop - 1] = 1
    since_hit, until_hit = _hit_distances(hits)
    columns[:, TIMING.start] = hits
    columns[:, TIMING.start + 1] = 1 - until_hit / HIT_HORIZON
    columns[:, TIMING.start + 2] = 1 - since_hit / HIT_HORIZON
    columns[:, TIMING.stop - 1] = 1
    place = [
        np.log2(tempo_bpm / 100),
        np.minimum(since, NEAR) / NEAR,
        np.minimum(to_end, NEAR) / NEAR,
        np.minimum(since, FAR) / FAR,
        np.minimum(to_end, FAR) / FAR,
        since == 0,
        to_end == 0,
        np.log2((ends - first) / 32),
    ]
    columns[:, _PLACE.start : _PLACE.stop - 1] = np.repeat(np.stack(place, 1), HALVES, 0)
    columns[1::HALVES, _PLACE.stop - 1] = 1
    columns[:, MODE_COLUMN] = 1 if minor else -1
    columns[:, STYLE_COLUMNS.start + STYLES.index(style)] = 1
    columns[:, [_PARTS.start + PARTS.index(part) for part in parts]] = 1
    return columns


def give_ending(
    tokens: np.ndarray, rng: np.random.Generator, *, minor: bool, style: str, end_bar: int
) -> np.ndarray:
    """Tokens whose last bar before `end_bar` is the tonic, and before it what leads to it.

    The half bar before the last bar holds the dominant, the subdominant or the subtonic, drawn by
    `ENDING_SHARES` without the other approaches, which have no chord of their own.
    """
    tonic = tonic_of(minor)
    last = Chord(tonic, Quality.MINOR if minor else Quality.MAJOR)
    ending: list[Chord | None] = [draw_approach(rng, minor, style).transposed(tonic), last, last]
    first = HALVES * (end_bar - 1) - 1
    return give_chords(tokens, ending[max(0, -first) :], max(0, first))


def without_wishes(conditions: np.ndarray | Tensor) -> np.ndarray | Tensor:
    """Conditions with curves and hit points unknown."""
    dropped = conditions.clone() if isinstance(conditions, Tensor) else conditions.copy()
    dropped[..., MOOD] = 0
    dropped[..., TIMING] = 0
    return dropped


def give_chords(tokens: np.ndarray, chords: Sequence[Chord | None], first: int = 0) -> np.ndarray:
    """Tokens with the chords of the half bars from `first` on given."""
    given = tokens.copy()
    given[first : first + len(chords), CHORD_COLUMNS] = [chord_tokens(chord) for chord in chords]
    return given


def give_parts(tokens: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """Tokens in which all parts but these are silent."""
    given = tokens.copy()
    for index, part in enumerate(PARTS):
        if part not in parts:
            given[:, PLAYS_COLUMNS.start + index] = 0
    return given


@torch.no_grad()
def unmask(
    denoiser: PlanDenoiser,
    tokens: Tensor,
    conditions: Tensor,
    generator: torch.Generator,
    num_inference_steps: int = 48,
    guidance_scale: float = 1.0,
    choice_noise: float = CHOICE_NOISE,
    temperature: float = 1.0,
    evidence: Tensor | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Tokens (B, T, F) with every mask filled in; `conditions` is (B, T, NUM_PLAN_CONDITIONS).

    The tokens that a step reveals are those drawn with most confidence, log probability plus
    Gumbel noise times `choice_noise`, which fades (MaskGIT, Chang et al. 2022); with much noise the
    order is all but random. Guidance leads away from unknown curves, hit points and mode (Ho &
    Salimans 2022).
    `evidence` (B, T, 12, qualities) are log odds of chords by what is known to sound.
    """
    tokens = tokens.clone()
    masks = torch.as_tensor(MASKS, device=tokens.device)
    total = (tokens == masks).flatten(1).sum(1)
    opposed = _opposed(conditions)
    leaning = PlanLeaning.of(conditions[..., MODE_COLUMN] > 0, conditions[..., STYLE_COLUMNS])
    for step in range(num_inference_steps):
        masked = tokens == masks
        if guidance_scale == 1:
            logits = denoiser(tokens, conditions)
        else:
            both = denoiser(torch.cat([tokens, tokens]), torch.cat([conditions, opposed]))
            pairs = [field.chunk(2) for field in both]
            logits = [free + guidance_scale * (told - free) for told, free in pairs]
        if evidence is not None:
            logits = _heard_chords(logits, tokens, evidence)
        drawn: list[Tensor] = []
        confidence: list[Tensor] = []
        for column, field in enumerate(logits):
            field = leaning.lean(column, field, tokens, drawn)
            odds = (field / temperature).log_softmax(-1)
            value = (odds + _gumbel(odds.shape, generator)).argmax(-1)
            drawn.append(value)
            confidence.append(odds.gather(-1, value[..., None])[..., 0])
        left = 1 - step / num_inference_steps
        order = torch.stack(confidence, -1)
        order = order + choice_noise * left * _gumbel(order.shape, generator)
        order = order.masked_fill(~masked, -torch.inf)
        kept = (total * (1 - (step + 1) / num_inference_steps)).long()  # masked after this step
        reveal = masked.flatten(1).sum(1) - kept
        rank = order.flatten(1).argsort(1, descending=True).argsort(1)
        chosen = (rank < reveal[:, None]).view_as(masked) & masked
        tokens = torch.where(chosen, torch.stack(drawn, -1), tokens)
        if on_step is not None:
            on_step(step, tokens)
    return tokens


def _opposed(conditions: Tensor) -> Tensor:
    """What guidance leads away from: nothing wished for, the mode not quite told.

    With the mode as it is asked for, guidance by the curves leads half of the minor plans to major.
    """
    free = torch.as_tensor(without_wishes(conditions))
    free[..., MODE_COLUMN] *= OPPOSED_MODE
    return free


def _heard_chords(logits: list[Tensor], tokens: Tensor, evidence: Tensor) -> list[Tensor]:
    """Log odds of roots and qualities with what speaks for each chord added.

    A root counts by all its qualities, a quality by the root that is known.
    """
    root, quality, *others = logits
    roots = tokens[..., ROOT_COLUMN]
    root, quality = root.clone(), quality.clone()
    root[..., :12] += evidence.logsumexp(-1)
    known = roots < 12
    own = evidence.gather(2, roots.clamp(max=11)[..., None, None].expand_as(evidence[:, :, :1]))
    quality[..., : evidence.shape[-1]] += torch.where(known[..., None], own[:, :, 0], 0.0)
    return [root, quality, *others]


def _gumbel(shape: torch.Size, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(shape, generator=generator).clamp(1e-9, 1 - 1e-7)
    return -torch.log(-torch.log(uniform))


def bring_looks_back(tokens: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Tokens in which bars return to those that the picture looked alike under.

    `looks` int (bars,) numbers what the picture looks like, 0 where it is not known. Bars under a
    look that was there before take the letters and places of the bars that it began with, and are
    like them at least as `LOOK_LIKENESS` says.
    """
    found = tokens.copy()
    starts = [0, *(np.flatnonzero(np.diff(looks)) + 1).tolist(), len(looks)]
    runs = list(pairwise(starts))
    for index, (first, end) in enumerate(runs):
        same = [run for run in runs[:index] if looks[run[0]] == looks[first] != 0]
        if not same:
            continue
        source, source_end = same[0]
        num = HALVES * min(end - first, source_end - source)
        rows = slice(HALVES * first, HALVES * first + num)
        found[rows, PHRASE_COLUMNS] = found[HALVES * source : HALVES * source + num, PHRASE_COLUMNS]
        likeness = found[rows, PHRASE_COLUMNS.stop - 1]
        found[rows, PHRASE_COLUMNS.stop - 1] = np.maximum(likeness, LOOK_LIKENESS)
        # A phrase begins with the look, so none may begin in the bar before.
        found[HALVES * first : HALVES * (first + 1), PLACE_COLUMN] = 0
        last = found[HALVES * (first - 1) : HALVES * first, PLACE_COLUMN]
        last[last == 0] = 1
    return found


def bring_phrases_back(
    tokens: np.ndarray,
    conditions: np.ndarray,
    generator: torch.Generator,
    cue_starts: Sequence[int] = (0,),
) -> np.ndarray:
    """Tokens in which as many phrases return as in real pieces of the style (see `RETURNS`).

    `conditions` (half bars, NUM_PLAN_CONDITIONS) are the plan's. A phrase returns to that one
    before it whose curves are most like its own, of those that are not shorter where there are any.
    """
    share, level = RETURNS.get(STYLES[int(conditions[0, STYLE_COLUMNS].argmax())], (0.0, 0))
    found = tokens.copy()
    phrases = decode_phrases(tokens, cue_starts)
    draws = torch.rand(len(phrases), generator=generator).tolist()
    for index, (phrase, draw) in enumerate(zip(phrases, draws, strict=True)):
        returns = phrase.source >= 0 and phrase.likeness >= ALIKE
        if draw >= share or index == 0 or returns:
            continue
        rows = [slice(HALVES * each.first_bar, HALVES * each.end_bar) for each in phrases]
        own = rows[index]
        moods = [conditions[row, MOOD].mean(0) for row in rows[: index + 1]]
        apart = [float(np.abs(mood - moods[index]).mean()) for mood in moods[:index]]
        shorter = [max(0, phrase.num_bars - other.num_bars) for other in phrases[:index]]
        # What returns has about as many notes as it had: it is to be asked for as many.
        busier = [abs(float(mood[DENSITY] - moods[index][DENSITY])) for mood in moods[:index]]
        fit = [i for i in range(index) if busier[i] <= AS_DENSE]
        if not fit:
            continue
        best = min(fit, key=lambda i: (shorter[i], apart[i]))
        found[own, LETTER_COLUMN] = found[rows[best], LETTER_COLUMN][0]
        likeness = found[own, PHRASE_COLUMNS.stop - 1]
        found[own, PHRASE_COLUMNS.stop - 1] = np.maximum(likeness, level)
    return found


def bring_chords_back(
    tokens: np.ndarray,
    given: np.ndarray,
    generator: torch.Generator,
    cue_starts: Sequence[int] = (0,),
) -> np.ndarray:
    """Tokens whose phrases that return have their source's chords, or masks in the chords' place.

    A bar's chords return with the phrase's likeness as probability: real phrases of likeness 0.4,
    0.6 and 0.8 have the same chord in 0.43, 0.62 and 0.83 of their half bars (1,632 returns in
    every sixth training piece). What is `given` stays.
    """
    found = tokens.copy()
    masks = np.asarray(MASKS)[CHORD_COLUMNS]
    phrases = decode_phrases(tokens, cue_starts)
    for phrase in phrases:
        if phrase.source < 0 or phrase.likeness < ALIKE:
            continue  # its chords are its own
        source = phrases[phrase.source]
        draws = torch.rand(phrase.num_bars, generator=generator).tolist()
        for bar, draw in enumerate(draws):
            for half in range(HALVES):
                row = HALVES * (phrase.first_bar + bar) + half
                if (given[row, CHORD_COLUMNS] != masks).any():
                    continue
                returns = bar < source.num_bars and draw < phrase.likeness
                other = found[HALVES * (source.first_bar + bar) + half] if returns else None
                found[row, CHORD_COLUMNS] = masks if other is None else other[CHORD_COLUMNS]
    return found


def second_steps(num_inference_steps: int) -> int:
    """Steps of a plan's second drawing."""
    return max(1, round(SECOND_DRAWING * num_inference_steps))


def draw_plans(
    denoiser: PlanDenoiser,
    conditions: np.ndarray,
    generator: torch.Generator,
    given: np.ndarray | None = None,
    cue_starts: Sequence[int] = (0,),
    looks: np.ndarray | None = None,
    num_inference_steps: int = 48,
    on_step: Callable[[int, Tensor], None] | None = None,
    **how: Any,
) -> list[Plan]:
    """Plans for conditions (plans, half bars, NUM_PLAN_CONDITIONS), each in its own mode.

    `given` are tokens (plans, half bars, NUM_FIELDS) that hold what is decided already; `looks` are
    those of `bring_looks_back`; `how` is what `unmask` takes. What one plan becomes depends on the
    others beside it. The second drawing takes `SECOND_DRAWING` of the first one's steps.
    """
    if given is None:
        given = np.tile(masked_tokens(conditions.shape[1] // HALVES), (len(conditions), 1, 1))
    wanted = torch.as_tensor(conditions)
    steps = count()

    def tell(_: int, tokens: Tensor) -> None:
        if on_step is not None:
            on_step(next(steps), tokens)

    how["on_step"] = tell
    filled = unmask(denoiser, torch.as_tensor(given), wanted, generator, num_inference_steps, **how)
    if looks is not None:
        filled = torch.as_tensor(np.stack([bring_looks_back(t, looks) for t in filled.numpy()]))
    filled = torch.as_tensor(
        np.stack(
            [
                bring_phrases_back(tokens, own, generator, cue_starts)
                for tokens, own in zip(filled.numpy(), conditions, strict=True)
            ]
        )
    )
    stays = given.copy()
    if how.get("evidence") is not None:  # chords that were drawn to what sounds return nowhere
        heard = how["evidence"].numpy().any((-2, -1))
        stays[heard, CHORD_COLUMNS] = filled.numpy()[heard, CHORD_COLUMNS]
    again = np.stack(
        [
            bring_chords_back(tokens, own, generator, cue_starts)
            for tokens, own in zip(filled.numpy(), stays, strict=True)
        ]
    )
    num_again = second_steps(num_inference_steps)
    filled = unmask(denoiser, torch.as_tensor(again), wanted, generator, num_again, **how)
    minor = conditions[:, 0, MODE_COLUMN] > 0
    return [decode_plan(t.numpy(), bool(m), cue_starts) for t, m in zip(filled, minor, strict=True)]


def draw_plan(
    denoiser: PlanDenoiser,
    conditions: np.ndarray,
    generator: torch.Generator,
    given: np.ndarray | None = None,
    cue_starts: Sequence[int] = (0,),
    **how: Any,
) -> Plan:
    """`draw_plans` for one plan: without the first axis of conditions and given tokens."""
    many = None if given is None else given[None]
    return draw_plans(denoiser, conditions[None], generator, many, cue_starts, **how)[0]
