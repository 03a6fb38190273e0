"""What is asked of a plan, and tokens that are filled in around what is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixmus.chords import QUALITIES, Chord, parse_chord
from pixmus.compose import plan_leaning, planning
from pixmus.compose.cadences import ENDING_SHARES
from pixmus.compose.planning import (
    DENSITY,
    MODE_COLUMN,
    MOOD,
    NUM_PLAN_CONDITIONS,
    RETURNS,
    STYLE_COLUMNS,
    TIMING,
    bring_chords_back,
    bring_looks_back,
    bring_phrases_back,
    draw_plan,
    give_chords,
    give_ending,
    give_parts,
    plan_conditions,
    unmask,
    without_wishes,
)
from pixmus.curves import CURVES
from pixmus.ensembles import PARTS, STYLES, Part, Style
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.plan import LETTERS, Approach, Phrase, Plan, is_dominant
from pixmus.score.plan_tokens import (
    CHORD_COLUMNS,
    FIELD_SIZES,
    MASKS,
    PHRASE_COLUMNS,
    ROOT_COLUMN,
    decode_phrases,
    encode_plan,
    masked_tokens,
)

TRIO = (Part.MELODY, Part.HARMONY, Part.BASS)


def conditions(num_bars: int = 8, minor: bool = False, cue_starts: tuple[int, ...] = (0,), **more):
    hits = np.zeros(2 * num_bars)
    hits[5] = 0.8
    return plan_conditions(
        np.full((num_bars, len(CURVES)), 0.75),
        hits,
        np.full(num_bars, 100.0),
        cue_starts,
        minor=minor,
        style=Style.POP,
        parts=TRIO,
        **more,
    )


@pytest.fixture(scope="module")
def planner() -> PlanDenoiser:
    """A tiny one, shaken so that its answers differ."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny = PlanDenoiser(FIELD_SIZES, NUM_PLAN_CONDITIONS, width=16, num_layers=2, num_heads=2)
        with torch.no_grad():
            for parameter in tiny.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return tiny.eval()


def test_conditions_say_what_is_wanted() -> None:
    array = conditions(minor=True)
    assert array.shape == (16, NUM_PLAN_CONDITIONS) and array.dtype == np.float32
    assert (array[:, : len(CURVES)] == 0.5).all() and (array[:, MODE_COLUMN] == 1).all()
    hit, until, since, known = array[:, TIMING].T
    assert hit.argmax() == 5 and until[5] == since[5] == 1 and (known == 1).all()
    assert until[4] == since[6] == pytest.approx(15 / 16) and until[6] == since[4] == 0
    free = without_wishes(array)
    assert not free[:, MOOD].any() and not free[:, TIMING].any() and array[:, MOOD].any()


def test_places_count_from_cue_borders() -> None:
    one, two = conditions(), conditions(cue_starts=(0, 4))
    assert np.array_equal(two[:8, MODE_COLUMN:], one[:8, MODE_COLUMN:])
    assert not np.array_equal(one, two)
    place = slice(TIMING.stop + 1, MODE_COLUMN - 2)  # since, to the end, first, last
    assert np.array_equal(two[8:, place], two[:8, place])
    inside = conditions(bars_before=16, bars_after=16)
    assert inside[0, TIMING.stop + 1] == inside[-1, TIMING.stop + 2] == 1


def test_everything_is_filled_in_and_what_is_given_stays(planner: PlanDenoiser) -> None:
    given = give_parts(masked_tokens(8), TRIO)
    wanted = [parse_chord(name) for name in ("C", "C", "F", "Dm7/F", "G7", "N.C.")]
    given = give_chords(given, wanted, first=4)
    for steps in (1, 3, 200):
        plan = draw_plan(
            planner,
            conditions(),
            torch.Generator().manual_seed(1),
            given,
            num_inference_steps=steps,
        )
        assert list(plan.chords[4:10]) == wanted
        assert not plan.plays[:, PARTS.index(Part.DRUMS)].any() and plan.num_bars == 8


def test_one_seed_one_plan_whatever_is_beside_it(planner: PlanDenoiser) -> None:
    wished = conditions(minor=True)
    plans = [
        draw_plan(planner, wished, torch.Generator().manual_seed(seed), num_inference_steps=8)
        for seed in (3, 3, 4)
    ]
    assert plans[0].chords == plans[1].chords != plans[2].chords
    assert plans[0].minor


def test_batches_unmask_each_its_own_masks(planner: PlanDenoiser) -> None:
    tokens = torch.as_tensor(np.stack([masked_tokens(4)] * 2))
    tokens[1] = 0
    wished = torch.as_tensor(conditions(4)).expand(2, -1, -1)
    filled = unmask(planner, tokens, wished, torch.Generator().manual_seed(0), 5, 2.0)
    assert (filled < torch.as_tensor(MASKS)).all() and (filled[1] == 0).all()


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_an_ending_leads_to_the_tonic(style: str, minor: bool) -> None:
    rng = np.random.default_rng(0)
    tonic = 9 if minor else 0
    led = []
    for _ in range(200):
        tokens = give_ending(masked_tokens(8), rng, minor=minor, style=style, end_bar=8)
        assert (tokens[:13] == MASKS).all() and (tokens[14:, 0] == tonic).all()
        root, quality, bass = tokens[13, CHORD_COLUMNS]
        assert root != tonic and bass == 0
        led.append(is_dominant(Chord(int(root), QUALITIES[quality]), tonic))
    shares = ENDING_SHARES[style][int(minor)]
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)
    with_dominant = shares[Approach.DOMINANT] / (1 - shares[Approach.OTHER])
    assert np.mean(led) == pytest.approx(with_dominant, abs=0.1)


def test_an_ending_fits_into_one_bar() -> None:
    rng = np.random.default_rng(0)
    tokens = give_ending(masked_tokens(1), rng, minor=False, style=Style.POP, end_bar=1)
    assert (tokens[:, 0] == 0).all()


def test_chords_of_a_phrase_that_returns_return_as_often_as_it_is_like_its_source() -> None:
    names = ("C", "F", "G", "Am")
    chords = tuple(parse_chord(names[half // 2 % 4]) for half in range(32))
    phrases = (Phrase(0, 8, "A"), Phrase(8, 8, "A", 0, 0.9))
    plays = np.ones((32, len(PARTS)), bool)
    tokens = encode_plan(Plan(False, chords, phrases, plays, np.zeros(16, int)))
    other = tokens[:16, CHORD_COLUMNS][::-1]
    tokens[16:, CHORD_COLUMNS] = other
    given = masked_tokens(16)
    given[16:18, CHORD_COLUMNS] = other[:2]  # the second phrase's first bar
    masks = np.asarray(MASKS)[CHORD_COLUMNS]
    shares = []
    for seed in range(40):
        found = bring_chords_back(tokens, given, torch.Generator().manual_seed(seed))
        assert np.array_equal(found[:18], tokens[:18])  # the source, and what is given
        rows = found[18:, CHORD_COLUMNS]
        returned = (rows == tokens[2:16, CHORD_COLUMNS]).all(1)
        assert (returned | (rows == masks).all(1)).all()
        assert np.array_equal(returned[::2], returned[1::2])  # bars, not half bars
        shares.append(returned.mean())
    assert np.mean(shares) == pytest.approx(0.875, abs=0.04)  # its level of likeness


@pytest.mark.parametrize(
    ("style", "share"), [(Style.GAME, RETURNS[Style.GAME][0]), (Style.SONG, 0)]
)
def test_phrases_return_as_often_as_the_styles_do(style: Style, share: float) -> None:
    """Four phrases of four bars, none of which returns, each in another mood but the last two."""
    chords = tuple(parse_chord("C") for _ in range(32))
    phrases = tuple(Phrase(4 * i, 4, LETTERS[i]) for i in range(4))
    plays = np.ones((32, len(PARTS)), bool)
    tokens = encode_plan(Plan(False, chords, phrases, plays, np.zeros(16, int)))
    asked = conditions(16)
    asked[:, STYLE_COLUMNS] = 0
    asked[:, STYLE_COLUMNS.start + STYLES.index(style)] = 1
    asked[:, DENSITY] = np.repeat([0.0, 0.4, 0.2, 0.2], 8)
    busier = asked.copy()
    busier[:, DENSITY] = np.repeat([-1.0, -0.4, 0.2, 0.8], 8)  # than all before, so none fits
    returned = []
    for seed in range(40):
        found = bring_phrases_back(tokens, asked, torch.Generator().manual_seed(seed))
        assert np.array_equal(
            np.delete(found, PHRASE_COLUMNS, 1), np.delete(tokens, PHRASE_COLUMNS, 1)
        )
        assert np.array_equal(
            bring_phrases_back(tokens, busier, torch.Generator().manual_seed(seed)), tokens
        )
        made = decode_phrases(found)
        assert [phrase.first_bar for phrase in made] == [0, 4, 8, 12]
        returned += [phrase.source >= 0 for phrase in made[1:]]
        assert made[3].source in (-1, 2) or made[2].letter == made[made[3].source].letter
        assert all(phrase.likeness > 0.5 for phrase in made if phrase.source >= 0)
    assert np.mean(returned) == pytest.approx(share, abs=0.08)


def test_a_phrase_that_returns_already_is_left_as_it_is() -> None:
    chords = tuple(parse_chord("C") for _ in range(24))
    phrases = (Phrase(0, 4, "A"), Phrase(4, 4, "B"), Phrase(8, 4, "A", 0, 0.9))
    plays = np.ones((24, len(PARTS)), bool)
    tokens = encode_plan(Plan(False, chords, phrases, plays, np.zeros(12, int)))
    for seed in range(10):
        found = bring_phrases_back(tokens, conditions(12), torch.Generator().manual_seed(seed))
        assert np.array_equal(found[16:], tokens[16:])


def test_plans_lean_away_from_the_tonic_the_relative_key_and_foreign_roots(
    planner: PlanDenoiser,
) -> None:
    def roots(minor: bool) -> np.ndarray:
        asked = torch.as_tensor(np.tile(conditions(16, minor), (16, 1, 1)))
        masked = torch.as_tensor(np.tile(masked_tokens(16), (16, 1, 1)))
        made = unmask(planner, masked, asked, torch.Generator().manual_seed(0), 8)
        return (
            np.bincount(made[..., ROOT_COLUMN].flatten().numpy(), minlength=13)
            / made[..., 0].numel()
        )

    for minor in (False, True):
        leaning = roots(minor)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan_leaning, "LESS_FOREIGN", 0.0)
            wandering = roots(minor)
        foreign = [1, 3, 6, 8, 10]
        assert leaning[foreign].sum() < wandering[foreign].sum()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan_leaning, "LESS_IN_MAJOR", {})
            patch.setattr(plan_leaning, "LESS_IN_MINOR", {})
            alone = roots(minor)
        assert leaning[0] < alone[0]  # the tonic of major, the relative key's of minor
        if minor:
            assert leaning[4] > alone[4]  # its dominant
        else:
            assert leaning[9] < alone[9]


@pytest.mark.parametrize("minor", [False, True])
def test_tones_outside_the_scale_are_rarer_where_a_style_leans_away_from_them(
    planner: PlanDenoiser, minor: bool
) -> None:
    def outside(lean: float) -> float:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan_leaning, "LESS_OUTSIDE", {Style.POP: lean})
            plan = draw_plan(
                planner,
                conditions(64, minor),
                torch.Generator().manual_seed(3),
                num_inference_steps=12,
            )
        chords = [chord for chord in plan.chords if chord is not None]
        scale = {0, 2, 4, 5, 7, 9, 11}
        foreign = [
            set(chord.pitch_classes) - scale - ({8} if minor and chord.root == 4 else set())
            for chord in chords
        ]
        return float(np.mean([len(tones) for tones in foreign]))

    assert outside(6.0) < 0.75 * outside(0.0)


def test_a_second_drawing_takes_half_of_the_steps_of_the_first() -> None:
    assert [planning.second_steps(steps) for steps in (1, 2, 20, 48)] == [1, 1, 10, 24]


def test_a_phrase_begins_where_a_look_returns() -> None:
    rng = np.random.default_rng(0)
    looks = np.repeat([1, 2, 1], 5)
    for _ in range(20):
        tokens = np.stack([rng.integers(mask, size=30) for mask in MASKS], 1)
        found = decode_phrases(bring_looks_back(tokens, looks))
        assert 10 in [phrase.first_bar for phrase in found]
