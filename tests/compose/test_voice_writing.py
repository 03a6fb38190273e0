"""The voices' network and its writing: what is known stays, what is masked is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pixmus.compose.sampling import Guidance, Sampling
from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.compose.voice_conditions import (
    CHORD_COLUMNS,
    NUM_VOICE_CONDITIONS,
    chord_vectors,
    without_wishes,
)
from pixmus.compose.voice_writing import blocks_of, write_blocks
from pixmus.ensembles import PARTS, Part
from pixmus.model.drawing import Leaning, draw
from pixmus.model.voice_network import KNOWN, MASKED, SILENT, Unit, VoiceNetwork
from pixmus.score.voices import FIRST_PITCH, UNIT_LAYOUTS, Gate, decode_voices, encode_voices
from pixmus.two_threads import second_thread

BARS = 3
BAR_STARTS = np.arange(0, 4 * BARS, 4)
MELODY, HARMONY, DRUMS = (PARTS.index(p) for p in (Part.MELODY, Part.HARMONY, Part.DRUMS))


@pytest.fixture(scope="module")
def network() -> VoiceNetwork:
    torch.manual_seed(0)
    network = VoiceNetwork(NUM_VOICE_CONDITIONS, width=32, num_layers=1, num_heads=2, unit_width=16)
    for unit in network.units:
        for head in unit.heads.values():  # untrained heads say nothing: let them say something
            torch.nn.init.normal_(head.weight, std=0.3)
    return network.eval()


def a_song() -> np.ndarray:
    notes = [(MELODY, 4 * i, 3, 60 + i, 80) for i in range(4 * BARS)]
    notes += [(HARMONY, 8 * i, 8, 48 + p, 70) for i in range(2 * BARS) for p in (0, 4, 7)]
    return encode_voices(np.array(notes), 4 * BARS)


def write(
    network: VoiceNetwork, tokens: np.ndarray, states: np.ndarray, seed: int = 0
) -> np.ndarray:
    return write_blocks(
        network,
        UnmaskingScheduler(),
        tokens,
        states,
        np.zeros((len(tokens), NUM_VOICE_CONDITIONS), np.float32),
        BAR_STARTS,
        blocks=blocks_of(BARS, seed=seed, block_bars=2),
        guidance=Guidance(1.5),
        sampling=Sampling(num_steps=3),
    )


def test_what_is_known_stays_and_what_is_masked_is_written(network: VoiceNetwork) -> None:
    tokens = a_song()
    states = np.full((len(tokens), len(PARTS)), SILENT)
    states[:, [MELODY, HARMONY]] = KNOWN
    states[4:8, HARMONY] = MASKED
    made = write(network, tokens, states)
    outside = np.ones(len(tokens), bool)
    outside[4:8] = False
    harmony = UNIT_LAYOUTS[Part.HARMONY].tokens
    assert np.array_equal(np.delete(made, np.r_[harmony], 1), np.delete(tokens, np.r_[harmony], 1))
    assert np.array_equal(made[outside, harmony], tokens[outside, harmony])
    assert not np.array_equal(made[4:8, harmony], tokens[4:8, harmony])


def test_masked_tokens_are_not_heard(network: VoiceNetwork) -> None:
    tokens, other = a_song(), a_song()
    states = np.full((len(tokens), len(PARTS)), SILENT)
    states[:, MELODY] = MASKED
    other[:, UNIT_LAYOUTS[Part.MELODY].tokens] = 0
    assert np.array_equal(write(network, tokens, states), write(network, other, states))


def test_a_seed_decides_and_a_part_that_is_silent_stays_so(network: VoiceNetwork) -> None:
    states = np.full((4 * BARS, len(PARTS)), MASKED)
    states[:, DRUMS] = SILENT
    nothing = np.zeros_like(a_song())
    made = write(network, nothing, states, seed=3)
    assert np.array_equal(made, write(network, nothing, states, seed=3))
    assert not np.array_equal(made, write(network, nothing, states, seed=4))
    assert DRUMS not in decode_voices(made)[:, 0]


def test_a_tokens_loss_is_what_sampling_draws_it_with(network: VoiceNetwork) -> None:
    """The chain rule: the teacher-forced loss of drawn tokens is their log probability."""
    unit = network.units[HARMONY]
    assert isinstance(unit, Unit)
    torch.manual_seed(1)
    prepared = torch.randn(5, 16)
    tokens, mean = unit.sample(
        prepared[None], torch.ones(1), torch.ones(1), 1.0, torch.Generator().manual_seed(0)
    )
    losses = unit.log_losses(prepared, tokens, torch.ones(5, dtype=torch.bool))
    gates, voices = losses[:, 1:5], losses[:, 5:-4]
    counted = unit.counts(tokens, torch.ones(5, dtype=torch.bool))[:, 1:-4].sum(1)
    # where a hold is forbidden sampling is surer than the loss
    free = (tokens[:, 1:5] != 2).all(1)
    told = -(gates.sum(1) + voices.sum(1)) / counted
    assert torch.allclose(told[free], mean[free], atol=1e-4)
    assert (told <= mean + 1e-4).all()


def test_what_a_voice_brings_into_a_beat() -> None:
    layout = UNIT_LAYOUTS[Part.MELODY]
    unit = Unit(layout, 8, 4, 3)
    tokens = torch.from_numpy(a_song()[None, :3].astype(np.int64))[..., layout.tokens]
    known = torch.ones(1, 3, dtype=torch.bool)
    # three steps of a pitch, then a rest: the pitch has ended before the next beat
    brought = unit.carried(tokens, known)[0, :, 0].tolist()
    row = 60 - layout.lowest_pitch
    assert brought == [0, 2 + row + layout.num_pitches, 2 + row + 1 + layout.num_pitches]
    known[0, 1] = False
    assert unit.carried(tokens, known)[0, 2, 0] == 0
    assert tokens[0, 0, 1] == FIRST_PITCH + row


def test_every_unit_is_uncovered_and_no_two_of_a_beat_at_once() -> None:
    scheduler = UnmaskingScheduler()
    scheduler.set_timesteps(4)
    beats = torch.arange(8).repeat(2)
    generator = torch.Generator().manual_seed(0)
    first = scheduler.step(torch.zeros(16), beats, 0, 16, generator)
    assert 0 < first.sum() <= 8 and len(beats[first].unique()) == first.sum()
    assert scheduler.step(torch.zeros(5), beats[:5], 3, 16, generator).all()


def test_it_reads_back_what_it_wrote(network: VoiceNetwork, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    back = VoiceNetwork.from_pretrained(tmp_path)
    for name, value in network.state_dict().items():
        assert torch.equal(back.state_dict()[name], value), name


def test_chords_as_the_network_sees_them() -> None:
    vectors = chord_vectors(np.array([[9, 1, 0], [-1, -1, -1], [-2, -2, -2]]))
    assert np.flatnonzero(vectors[0]).tolist() == [0, 4, 9, 12 + 9, 24, 36]
    assert np.flatnonzero(vectors[1]).tolist() == [36] and not vectors[2].any()
    told = np.ones((2, NUM_VOICE_CONDITIONS), np.float32)
    assert not without_wishes(told)[:, CHORD_COLUMNS].any() and told.all()


def test_values_are_drawn_as_torch_draws_them() -> None:
    torch.manual_seed(4)
    p = torch.randn(64, 50).softmax(-1)
    of_torch = torch.multinomial(p, 1, generator=torch.Generator().manual_seed(5))[:, 0]
    assert torch.equal(draw(p, torch.Generator().manual_seed(5)), of_torch)


def test_what_is_added_hangs_on_the_last_pitch_and_the_way_there() -> None:
    layout = UNIT_LAYOUTS[Part.MELODY]
    low = FIRST_PITCH + 10
    leaning = Leaning(
        intervals=torch.tensor([-1.0, 0.5, 0.25]),
        going_on=2.0,
        wanted_ways=torch.tensor([[2], [1], [1]]),
        repeating=4.0,
    )
    last, way = torch.tensor([-1, low, low]), torch.tensor([1, -1, 0])
    nothing = torch.zeros(3, layout.num_voice_values)
    added = leaning.added(nothing, None, last, way, 0, layout)
    assert not added[0].any(), "nothing was struck before"
    assert not added[:, :FIRST_PITCH].any(), "rest and hold are no pitches"
    told = [low - 3, low - 1, low, low + 1, low + 3]
    assert added[1, told].tolist() == [2.25, 2.5, -1.0, 2.5, 2.25]
    assert added[2, told].tolist() == [0.25, 0.5, -1.0, 4.5, 4.25]
    some = leaning.added(nothing[1:], torch.tensor([1, 2]), last, way, 0, layout)
    assert torch.equal(some, added[1:])


def test_a_second_thread_changes_no_note(network: VoiceNetwork) -> None:
    """Nor does what was read before of parts that did not change."""
    states = torch.full((1, 8, len(PARTS)), MASKED)
    tokens = torch.from_numpy(a_song()[:8].astype(np.int64))[None]
    told = network.tell(
        states.expand(2, -1, -1),
        torch.randn(2, 8, NUM_VOICE_CONDITIONS),
        torch.arange(8),
        tokens.expand(2, -1, -1),
        torch.zeros(2, 8, dtype=torch.bool),
    )
    read: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode(), second_thread() as beside:
            assert beside is not None and torch.get_num_threads() == 1
            assert beside.submit(torch.get_num_threads).result() == 1
            plain = network.hear(tokens, states, told)
            both = network.hear(tokens, states, told, read, beside)
            states = states.clone()
            states[..., MELODY] = KNOWN
            del read[MELODY]
            again = network.hear(tokens, states, told, read, beside)
            anew = network.hear(tokens, states, told)
            asked = torch.arange(8) % 2 == 0
            some = network.hear(tokens, states, told, read, beside, asked)
            few = network.hear(tokens, states, told, read, beside, torch.arange(8) == 3)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        with second_thread() as beside:
            assert beside is None
    finally:
        torch.set_num_threads(threads)
    assert torch.allclose(plain.beats, both.beats, atol=1e-5)
    assert torch.allclose(anew.beats, again.beats, atol=1e-5)
    assert torch.allclose(some.beats[:, asked], anew.beats[:, asked], atol=1e-5)
    assert not some.beats[:, ~asked].any()
    assert torch.allclose(few.beats, anew.beats, atol=1e-5)
    assert not torch.allclose(plain.beats, anew.beats, atol=1e-3)


def test_pitches_are_sharpened_among_themselves(network: VoiceNetwork) -> None:
    """However cool pitches are drawn, a voice strikes as often."""
    unit = network.units[MELODY]
    assert isinstance(unit, Unit)
    torch.manual_seed(2)
    prepared = torch.randn(1, 1, 16).expand(1, 4000, 16)
    struck, kinds = [], []
    for temperature, top in ((1.0, 1.0), (0.2, 0.9)):
        tokens, _ = unit.sample(
            prepared,
            torch.ones(1),
            torch.ones(1),
            temperature,
            torch.Generator().manual_seed(0),
            top=top,
        )
        first = tokens[:, 1]
        struck.append(float((first >= FIRST_PITCH).double().mean()))
        kinds.append(len(first[first >= FIRST_PITCH].unique()))
    assert abs(struck[0] - struck[1]) < 0.03 and kinds[1] < kinds[0] / 2


def drawn(network: VoiceNetwork, part: int, leaning: Leaning, count: int = 2000) -> torch.Tensor:
    """Tokens of so many units of a part that are all told the same."""
    unit = network.units[part]
    assert isinstance(unit, Unit)
    torch.manual_seed(2)
    prepared = torch.randn(1, 1, 16).expand(1, count, 16)
    one = torch.ones(1)
    generator = torch.Generator().manual_seed(0)
    return unit.sample(prepared, one, one, 1.0, generator, leaning=leaning)[0]


def test_a_melody_leans_to_the_intervals_that_it_is_told(network: VoiceNetwork) -> None:
    last = torch.full((2000,), FIRST_PITCH + 20)

    def repeats(of_repeats: float) -> float:
        intervals = torch.tensor([of_repeats, 0.0])
        first = drawn(network, MELODY, Leaning(last=last, intervals=intervals))[:, 1]
        struck = first[first >= FIRST_PITCH]
        return float((struck == FIRST_PITCH + 20).double().mean())

    assert repeats(-9.0) < repeats(0.0) < repeats(3.0)
    unknown = Leaning(last=0 * last - 1, intervals=torch.tensor([9.0, 0.0]))
    assert torch.equal(
        drawn(network, MELODY, unknown)[:, 1], drawn(network, MELODY, Leaning())[:, 1]
    )


def test_chords_are_thinner_and_none_falls_silent(network: VoiceNetwork) -> None:
    harmony = PARTS.index(Part.HARMONY)
    layout = UNIT_LAYOUTS[Part.HARMONY]
    voices = slice(layout.voices.start - layout.start, layout.voices.stop - layout.start)

    def struck(thinner: float) -> torch.Tensor:
        tokens = drawn(network, harmony, Leaning(thinner=thinner))[:, voices]
        return (tokens.unflatten(1, (-1, layout.num_voices)) >= FIRST_PITCH).double().mean((0, 1))

    full, thin = struck(0.0), struck(5.0)
    assert (thin[1:] < full[1:] / 2).all() and abs(float(thin[0] - full[0])) < 0.05


def test_rhythms_go_on_where_bars_are_written_again_beside_others(network: VoiceNetwork) -> None:
    """What both bars beside strike is struck: in one step nothing but a later look knows them."""
    states = np.full((4 * BARS, len(PARTS)), SILENT)
    states[:, HARMONY] = MASKED
    gates = UNIT_LAYOUTS[Part.HARMONY].gates

    def strokes(parts: tuple[str, ...]) -> np.ndarray:
        made = write_blocks(
            network,
            UnmaskingScheduler(second_look=0.0, looked_beside=parts),
            np.zeros_like(a_song()),
            states,
            np.zeros((4 * BARS, NUM_VOICE_CONDITIONS), np.float32),
            BAR_STARTS,
            blocks=blocks_of(BARS, seed=0),
            sampling=Sampling(num_steps=1, steady={Part.HARMONY: 60.0}),
        )
        return made[:, gates].reshape(BARS, -1) == Gate.STROKE

    first, middle, last = strokes(())
    assert (middle != first).any() and (middle != last).any()
    first, middle, last = strokes((Part.HARMONY,))
    alike = first == last
    assert alike.any() and np.array_equal(middle[alike], first[alike])
