"""Same seed, same score; what is given stays; no beat is left out; the end is the tonic chord."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from pixmus.compose.canvas import play_by_rule, prepare
from pixmus.compose.cells import GIVEN, OFF, TO_MAKE, to_x0
from pixmus.compose.conditions import COLUMNS, MODE_COLUMN, NUM_CONDITIONS
from pixmus.compose.draft import blank_draft
from pixmus.compose.endings import last_chord
from pixmus.compose.sampling import Decoding, Guidance, default_scheduler, sample, settle
from pixmus.compose.seeds import window_seed
from pixmus.compose.texture import COLUMNS_PER_PART, NUM_VALUES, TextureBank
from pixmus.compose.windows import CONTEXT_BARS, WINDOW_BARS, window_bounds
from pixmus.compose.writing import compose
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES, PARTS
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.score.notes import IS_VELOCITY, NUM_CELLS, PART_LAYOUTS, Note, Score, encode_score
from pixmus.score.spans import cue_span
from pixmus.score.tempo import TempoMap


def sheet(duration: float = 30.0, key: str = "C major", ensemble: str = "band") -> CueSheet:
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=(HitPoint(min(4.0, duration / 2), 0.9),),
        curves={name: np.full(num_curve_values(duration), 0.5, np.float32) for name in CURVES},
        cues=(Cue(0.0, duration, "all"),),
        key=key,
        tempo_bpm=120.0,
        tempo_fixed=False,
        style="pop",
        ensemble=ensemble,
        parts=ENSEMBLES[ensemble].parts,
        inputs=("motion",),
    )


def make(denoiser: ScoreDenoiser, cue_sheet: CueSheet, seed: int = 1, guidance: float = 2) -> Score:
    return compose(
        denoiser,
        default_scheduler(),
        blank_draft(cue_sheet, TempoMap.constant(120, cue_sheet.duration)),
        seed=seed,
        guidance=Guidance(guidance),
        num_inference_steps=3,
    )


def test_same_seed_same_score_and_other_seed_other_score(denoiser: ScoreDenoiser) -> None:
    first = make(denoiser, sheet())
    assert make(denoiser, sheet()).parts == first.parts
    assert make(denoiser, sheet(), seed=2).parts != first.parts


def test_the_scheduler_handed_in_is_left_as_it_was(denoiser: ScoreDenoiser) -> None:
    scheduler = default_scheduler()
    before = {name: str(value) for name, value in vars(scheduler).items()}
    tempo_map = TempoMap.constant(120, 10.0)
    compose(denoiser, scheduler, blank_draft(sheet(10.0), tempo_map), seed=1, num_inference_steps=2)
    assert {name: str(value) for name, value in vars(scheduler).items()} == before


@pytest.mark.parametrize("key", ["C major", "A minor", "G minor", "F# major"])
def test_ends_on_a_tonic_downbeat_that_rings_to_the_end(denoiser: ScoreDenoiser, key: str) -> None:
    score = make(denoiser, sheet(key=key))
    tempo_map = score.tempo_map
    final = cue_span(tempo_map, sheet().cues[0]).final_beat
    assert final in tempo_map.bar_starts
    assert 27.0 <= tempo_map.to_seconds(final) <= 29.0
    last_bass = score.parts["bass"][-1]
    tonic = {"C": 0, "A": 9, "G": 7, "F#": 6}[key.split()[0]]
    assert last_bass.onset == final and last_bass.pitch % 12 == tonic
    assert tempo_map.to_seconds(last_bass.onset + last_bass.duration) == pytest.approx(30.0)
    for notes in score.parts.values():
        assert all(note.onset <= final for note in notes)


def test_every_part_of_the_ensemble_and_no_other(denoiser: ScoreDenoiser) -> None:
    score = make(denoiser, sheet(ensemble="piano"))
    assert set(score.parts) == set(ENSEMBLES["piano"].parts)


@pytest.mark.parametrize("num_bars", [1, 3, 12, 15, 16, 17, 40, 301])
def test_windows_cover_every_beat_and_share_their_context(num_bars: int) -> None:
    bounds = window_bounds(np.arange(num_bars) * 4, num_bars * 4)
    assert bounds[0][0] == 0 and bounds[-1][1] == num_bars * 4
    for (_, end), (first, _) in zip(bounds, bounds[1:], strict=False):
        assert end - first == CONTEXT_BARS * 4
    assert all(end - first <= (WINDOW_BARS + CONTEXT_BARS - 1) * 4 for first, end in bounds)


def test_a_window_is_given_what_the_one_before_wrote(
    denoiser: ScoreDenoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pixmus.compose.writing as module

    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def watching(*arguments, **settings):  # noqa: ANN002, ANN003, ANN202
        result = sample(*arguments, **settings)
        seen.append((arguments[2].copy(), arguments[3].copy(), result))
        return result

    monkeypatch.setattr(module, "sample", watching)
    make(denoiser, sheet(60.0))
    assert len(seen) == 4
    for _, states, _ in seen[1:]:
        context = CONTEXT_BARS * 4
        assert (states[:context] != TO_MAKE).all()
        assert (states[context] == TO_MAKE).any()
    first_written = Decoding().cells(seen[0][2])
    melody = PART_LAYOUTS["melody"].cells
    assert (seen[1][0][:16, melody] == first_written[16:32, melody]).all()


def test_sampling_keeps_what_is_given_and_leaves_off_at_zero(denoiser: ScoreDenoiser) -> None:
    tempo_map = TempoMap.constant(120, 8.0)
    notes = tuple(Note(float(beat), 60 + beat, 1.0, 90) for beat in range(8))
    cells = encode_score(Score({"melody": notes}, tempo_map))
    states = np.full((len(cells), len(PARTS)), OFF)
    states[:, PARTS.index("melody")] = GIVEN
    states[:, PARTS.index("bass")] = TO_MAKE
    result = sample(
        denoiser,
        default_scheduler(),
        cells,
        states,
        np.zeros((len(cells), NUM_CONDITIONS), np.float32),
        generator=torch.Generator().manual_seed(0),
        guidance=Guidance(1.0),
        num_inference_steps=2,
    )
    melody, pad = PART_LAYOUTS["melody"].cells, PART_LAYOUTS["pad"].cells
    assert (result[:, melody] == to_x0(torch.from_numpy(cells)).numpy()[:, melody]).all()
    assert not result[:, pad].any()
    assert (Decoding().cells(result)[:, melody] == cells[:, melody]).all()


class KnownDenoiser:
    """Answers with x0 of its own: whatever the noise, sampling must end there."""

    def __init__(self, answer: torch.Tensor) -> None:
        self.answer = answer

    def __call__(self, x: torch.Tensor, *_: object) -> torch.Tensor:
        return self.answer.expand(len(x), -1, -1)


@pytest.mark.parametrize("num_inference_steps", [1, 4, 20])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_sampling_ends_where_the_denoiser_points(num_inference_steps: int, scale: float) -> None:
    answer = torch.rand(8, NUM_CELLS, generator=torch.Generator().manual_seed(1)) * 2 - 1
    result = sample(
        KnownDenoiser(answer),  # type: ignore[arg-type]
        default_scheduler(),
        np.zeros((8, NUM_CELLS), np.uint8),
        np.full((8, len(PARTS)), TO_MAKE),
        np.zeros((8, NUM_CONDITIONS), np.float32),
        generator=torch.Generator().manual_seed(2),
        guidance=Guidance(scale),
        num_inference_steps=num_inference_steps,
    )
    assert np.abs(result - settle(answer).numpy()).max() < 1e-4


def test_velocities_are_not_guided() -> None:
    guidance = Guidance(3.0, timing_scale=2.0)
    predicted = torch.stack([torch.full((4, NUM_CELLS), value) for value in (0.5, 0.25, 0.0)])
    assert list(guidance.weights) == ["full", "timing", "none"]
    mixed = guidance.combine(predicted)
    is_velocity = torch.from_numpy(IS_VELOCITY)
    assert (mixed[:, is_velocity] == 0.5).all()
    assert (mixed[:, ~is_velocity] == 3 * 0.5 - 0.25).all()


def test_guidance_of_one_needs_one_pass_and_other_scales_mix() -> None:
    conditions = np.ones((4, NUM_CONDITIONS), np.float32)

    def mix(guidance: Guidance) -> tuple[int, float]:
        """Predictions of how many conditions are known, mixed."""
        asked = guidance.variants(conditions)
        known = asked[:, :, 4] + asked[:, :, 11]
        mixed = guidance.combine(known[..., None].expand(-1, -1, NUM_CELLS))
        assert mixed.shape == (4, NUM_CELLS)
        return len(asked), float(mixed[0, 0])

    assert mix(Guidance(1.0)) == (1, 2.0)
    assert mix(Guidance(3.0)) == (2, pytest.approx(0 + 3 * 2))
    assert mix(Guidance(3.0, timing_scale=1.0)) == (2, pytest.approx(1 + 3 * 1))


def test_guidance_leads_away_from_the_other_mode() -> None:
    conditions = np.ones((4, NUM_CONDITIONS), np.float32)
    full, none = Guidance(2.0).variants(conditions)[:, :, MODE_COLUMN]
    assert (full == 1).all() and (none == -1).all()
    assert (Guidance(1.0).variants(conditions)[:, :, MODE_COLUMN] == 1).all()


def test_parts_move_as_the_bank_says(denoiser: ScoreDenoiser) -> None:
    """Every part of the cue is told the one texture that the bank has; a part it lacks is not."""
    texture = np.zeros((1, len(PARTS), NUM_VALUES), np.uint8)
    texture[:, :, 0] = 255
    has_part = np.ones((1, len(PARTS)), np.uint8)
    has_part[0, PARTS.index("bass")] = 0
    bank = TextureBank(
        texture,
        has_part,
        np.ones((1, len(PARTS)), np.float32),
        np.zeros(1, np.int32),
        np.zeros(1, np.uint8),
        np.full(1, 120, np.float32),
        np.linspace(0, 10, 11).astype(np.float32),
    )
    cue_sheet = sheet()
    tempo_map = TempoMap.constant(120, cue_sheet.duration)
    span = cue_span(tempo_map, cue_sheet.cues[0])
    told = prepare(cue_sheet, tempo_map, span, bank).conditions[:, COLUMNS["textures"]]
    told = told.reshape(len(told), len(PARTS), COLUMNS_PER_PART)
    playing = [PARTS.index(part) for part in ("melody", "harmony", "drums")]
    assert (told[:, playing, -1] == 1).all()
    assert (told[::4, playing, 0] == 1).all() and (told[1::4, playing, 0] == -1).all()
    assert not told[:, PARTS.index("bass")].any()
    assert not prepare(cue_sheet, tempo_map, span).conditions[:, COLUMNS["textures"]].any()


def test_decoding_keeps_one_voice_where_there_is_one() -> None:
    x0 = np.full((1, NUM_CELLS), -1.0, np.float32)
    melody, harmony = PART_LAYOUTS["melody"].onsets, PART_LAYOUTS["harmony"].onsets
    x0[0, [melody.start + 3, melody.start + 9]] = [0.4, 0.6]
    x0[0, [harmony.start + 3, harmony.start + 9]] = [0.4, 0.6]
    cells = Decoding().cells(x0)
    assert np.flatnonzero(cells[0, melody]).tolist() == [9]
    assert np.flatnonzero(cells[0, harmony]).tolist() == [3, 9]


def test_calibrated_log_odds_shift_one_part_and_spare_velocities() -> None:
    x0 = torch.zeros(1, NUM_CELLS)
    x0[:, PART_LAYOUTS["bass"].velocities] = 1.7
    shifted = Decoding(log_odds={"bass": 1.0}).shift(x0)
    assert shifted[0, PART_LAYOUTS["bass"].onsets.start] == pytest.approx(np.tanh(0.5))
    assert (shifted[0, PART_LAYOUTS["bass"].velocities] == 1.7).all()
    assert not shifted[0, PART_LAYOUTS["harmony"].cells].any()
    certain = Decoding(log_odds={"bass": 1.0}).shift(torch.ones(1, NUM_CELLS))
    assert torch.allclose(certain, torch.ones(1, NUM_CELLS))


def test_the_last_chord_is_known_to_the_model() -> None:
    tempo_map = TempoMap.constant(120, 30.0)
    span = cue_span(tempo_map, sheet().cues[0])
    canvas = prepare(sheet(), tempo_map, span)
    final = span.final_beat - span.first_beat
    playing = [PARTS.index(part) for part in ENSEMBLES["band"].parts]
    assert (canvas.states[final:, playing] == GIVEN).all()
    assert (canvas.states[:final, playing] == TO_MAKE).all()
    assert (np.delete(canvas.states, playing, 1) == OFF).all()
    chord = last_chord(ENSEMBLES["band"].parts, False, 0.0, 4.0, 0.5, 0.5)
    assert {note.pitch % 12 for note in chord["harmony"]} == {0, 4, 7}


def test_styles_without_dynamics_are_played_by_energy_and_metre() -> None:
    tempo_map = TempoMap.constant(120, 8.0)
    canvas = prepare(sheet(8.0), tempo_map, cue_span(tempo_map, sheet(8.0).cues[0]))
    velocities = PART_LAYOUTS["melody"].velocities
    canvas.cells[:, velocities] = [1, 0, 1, 0]
    play_by_rule(canvas)
    played = canvas.cells[:, velocities]
    assert played[0].tolist() == [80, 0, 72, 0]  # energy 0.5: 72, and 8 on the downbeat
    assert played[1].tolist() == [76, 0, 72, 0]


def test_seeds_of_windows_differ() -> None:
    def seeds() -> Iterator[int]:
        for seed in range(5):
            for cue in range(3):
                for window in range(7):
                    yield window_seed(seed, cue, window)

    assert len(set(seeds())) == 5 * 3 * 7


@pytest.mark.parametrize("duration", [0.6, 1.0, 2.0, 3.5, 5.0])
def test_short_clips_get_a_gesture(denoiser: ScoreDenoiser, duration: float) -> None:
    score = make(denoiser, sheet(duration))
    assert any(score.parts.values())
    for notes in score.parts.values():
        for note in notes:
            assert score.tempo_map.to_seconds(note.onset) < duration


def test_cues_do_not_meet_and_one_without_a_beat_has_no_music(denoiser: ScoreDenoiser) -> None:
    """Beats lie half a second apart: none in the second cue, and the third follows at once."""
    cues = (Cue(0.0, 5.9, "a"), Cue(6.1, 6.3, "b"), Cue(6.3, 12.0, "c"), Cue(12.0, 20.0, "d"))
    score = make(denoiser, replace(sheet(20.0), cues=cues))
    for part, notes in score.parts.items():
        ends: dict[int, float] = {}
        for note in notes:
            start = score.tempo_map.to_seconds(note.onset)
            cue = next(cue for cue in cues if cue.start <= start < cue.end)
            assert cue.name != "b"
            assert note.onset >= ends.get(note.pitch, 0.0) or part == "drums"
            ends[note.pitch] = note.onset + note.duration
            assert score.tempo_map.to_seconds(ends[note.pitch]) <= cue.end + 1e-6 or part == "drums"
