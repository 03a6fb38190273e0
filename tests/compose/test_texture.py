"""A texture says when notes start and how the line moves; the bank gives what fits."""

from pathlib import Path

import numpy as np
import pytest

from pixmus.compose.texture import (
    COLUMNS_PER_PART,
    DRUMS,
    MEASURES,
    NUM_VALUES,
    TextureBank,
    measure_texture,
    texture_columns,
)
from pixmus.ensembles import PARTS, STYLES
from pixmus.score.grid import STEPS_PER_BAR
from pixmus.score.notes import NUM_CELLS, Note, Score, encode_score
from pixmus.score.tempo import TempoMap

MELODY, BASS = PARTS.index("melody"), PARTS.index("bass")


def value(texture: np.ndarray, part: int, name: str) -> float:
    return float(texture[part, STEPS_PER_BAR + MEASURES.index(name)])


def test_a_texture_measures_what_it_says() -> None:
    """Two bars: quarters C D D G, then a chord of two on the first beat alone."""
    line = [(0, 60), (1, 62), (2, 62), (3, 67)]
    notes = [Note(float(beat), pitch, 0.5, 80) for beat, pitch in line]
    notes += [Note(4.0, 60, 1.0, 80), Note(4.0, 64, 1.0, 80)]
    cells = encode_score(Score({"melody": tuple(notes)}, TempoMap.constant(120, 4.0)))
    texture = measure_texture(cells, [MELODY, BASS])
    assert texture[MELODY, :STEPS_PER_BAR:4].tolist() == [1.0, 0.5, 0.5, 0.5]
    assert not np.delete(texture[MELODY, :STEPS_PER_BAR], slice(0, None, 4)).any()
    assert value(texture, MELODY, "notes at once") == pytest.approx(6 / 5 / 4)
    assert value(texture, MELODY, "sounding") == pytest.approx((4 * 2 + 4) / 32)
    # Intervals of the highest notes: 2, 0, 5, 3.
    assert value(texture, MELODY, "repeats") == 0.25
    assert value(texture, MELODY, "steps") == 0.25
    assert value(texture, MELODY, "leaps") == 0.25
    assert value(texture, MELODY, "span") == pytest.approx(np.std([60, 62, 62, 67, 64]) / 12)
    assert not texture[BASS].any()  # asked for and silent: known to be
    assert np.isnan(texture[PARTS.index("pad")]).all()


def test_columns_tell_each_beat_its_own_steps_and_nothing_unknown() -> None:
    textures = np.full((2, len(PARTS), NUM_VALUES), np.nan, np.float32)
    textures[1, MELODY] = np.arange(NUM_VALUES) / NUM_VALUES
    columns = texture_columns(textures, np.array([0, 1, 1]), np.array([0, 0, 3]))
    told = columns.reshape(3, len(PARTS), COLUMNS_PER_PART)
    assert not told[0].any() and not told[:, BASS].any()
    assert told[1, MELODY, :4] == pytest.approx(2 * np.arange(4) / NUM_VALUES - 1)
    assert told[2, MELODY, :4] == pytest.approx(2 * np.arange(12, 16) / NUM_VALUES - 1)
    assert told[1:, MELODY, -1].tolist() == [1.0, 1.0]


def bank() -> TextureBank:
    """Pop at 100 bpm with 1 and 4 notes a beat, song with 2, and two grooves without notes."""
    has_part = np.zeros((5, len(PARTS)), np.uint8)
    has_part[:3, [MELODY, BASS]] = 1
    has_part[3:, DRUMS] = 1
    onsets = np.zeros((5, len(PARTS)), np.float32)
    onsets[:3, MELODY] = [1, 4, 2]
    onsets[3:, DRUMS] = 3
    textures = np.zeros((5, len(PARTS), NUM_VALUES), np.uint8)
    textures[:3, MELODY, 0] = [10, 40, 20]
    textures[:3, BASS, [2, 10]] = 255
    textures[3, DRUMS, [0, 8]] = 255
    textures[4, DRUMS, [2, 10]] = 255
    return TextureBank(
        textures,
        has_part,
        onsets,
        np.array([0, 0, 1, 2, 3], np.int32),
        np.array([STYLES.index(s) for s in ("pop", "pop", "song", "pop", "pop")], np.uint8),
        np.full(5, 100, np.float32),
        np.linspace(0, 10, 11).astype(np.float32),
    )


def test_the_bank_gives_the_style_and_follows_the_density() -> None:
    # Quantiles of 0..10 onsets a second; 0.17 is one a beat at 100 bpm, 0.67 four.
    drawn = bank().draw(
        np.random.default_rng(0), "pop", [MELODY, BASS], 100.0, np.array([0.17, 0.67, 0.17])
    )
    assert np.round(drawn[:, MELODY, 0] * 255).tolist() == [10, 40, 10]
    song = bank().draw(np.random.default_rng(0), "song", [MELODY], 100.0, np.array([0.67]))
    assert round(float(song[0, MELODY, 0]) * 255) == 20
    assert np.isnan(song[0, BASS]).all()  # not asked for


def test_a_block_in_which_a_part_is_silent_is_the_last_choice() -> None:
    silent = bank()
    silent.onsets[0, BASS] = 0.5  # the block that is further off in density, but with a bass
    silent.onsets[1, BASS] = 0.0
    silent.onsets[0, MELODY] = 2.0
    drawn = silent.draw(np.random.default_rng(0), "pop", [MELODY, BASS], 100.0, np.array([0.67]))
    assert np.round(drawn[0, MELODY, 0] * 255) == 10
    alone = silent.draw(np.random.default_rng(0), "pop", [MELODY], 100.0, np.array([0.67]))
    assert np.round(alone[0, MELODY, 0] * 255) == 40


def test_drums_that_a_piece_lacks_are_struck_with_its_bass() -> None:
    parts = [MELODY, BASS, DRUMS]
    drawn = bank().draw(np.random.default_rng(0), "pop", parts, 100.0, np.array([0.2]))
    assert np.flatnonzero(drawn[0, DRUMS]).tolist() == [2, 10]


def test_a_style_that_the_bank_lacks_says_nothing() -> None:
    drawn = bank().draw(np.random.default_rng(0), "game", [MELODY], 100.0, np.array([0.2, 0.3]))
    assert drawn.shape == (2, len(PARTS), NUM_VALUES) and np.isnan(drawn).all()


def test_a_bank_reads_back(tmp_path: Path) -> None:
    bank().save(tmp_path / "textures.safetensors")
    back = TextureBank.load(tmp_path / "textures.safetensors")
    for name, array in vars(bank()).items():
        assert (getattr(back, name) == array).all() and getattr(back, name).dtype == array.dtype


def test_silence_has_a_texture_too() -> None:
    texture = measure_texture(np.zeros((32, NUM_CELLS), np.uint8), range(len(PARTS)))
    assert texture.shape == (len(PARTS), NUM_VALUES) and not texture.any()
