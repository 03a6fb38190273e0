"""The pictures show what is in the data, at its second, on one common axis."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from PIL import Image
from planned import planned

from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES, Part
from pixmus.picture.features import extract_features
from pixmus.picture.frames import Frame
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.take.cue_timeline import plot_cue_timeline
from pixmus.take.figure import RULES, WIDTH_PX, save_figure
from pixmus.take.piano_roll import plot_piano_roll
from pixmus.take.spectrogram import (
    DYNAMIC_RANGE_DB,
    MEL_BANDS,
    MEL_HIGH_HZ,
    MEL_LOW_HZ,
    mel_spectrogram_db,
    plot_spectrogram,
)
from pixmus.take.way import plot_way
from pixmus.waveform import SAMPLE_RATE


def cue_sheet(duration: float = 12.0, num_cuts: int = 3) -> CueSheet:
    cuts = tuple(np.linspace(0, duration, num_cuts + 2)[1:-1].tolist())
    length = num_curve_values(duration)
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(25),
        cuts=cuts,
        hit_points=tuple(HitPoint(cut, 0.8) for cut in cuts[:2]),
        curves={name: np.linspace(0, 1, length, dtype=np.float32) for name in CURVES},
        cues=(Cue(0.0, duration, "all"),),
        key="A minor",
        tempo_bpm=120.0,
        tempo_fixed=False,
        style="pop",
        ensemble="band",
        parts=ENSEMBLES["band"].parts,
        inputs=("colour",),
    )


def score(duration: float = 12.0) -> Score:
    melody = tuple(Note(float(beat), 72 + beat % 5, 1.0, 90) for beat in range(8))
    drums = tuple(Note(beat / 2, 42, 0.25, 70) for beat in range(16))
    return Score({"melody": melody, "drums": drums}, TempoMap.constant(120.0, duration), "A minor")


def tone(frequency_hz: float, seconds: float) -> np.ndarray:
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.tile(0.5 * np.sin(2 * np.pi * frequency_hz * times), (2, 1)).astype(np.float32)


@pytest.mark.parametrize("frequency_hz", [110.0, 440.0, 1000.0, 5000.0])
def test_a_tone_stands_in_its_mel_band(frequency_hz):
    levels = mel_spectrogram_db(tone(frequency_hz, 2.0), SAMPLE_RATE)
    edges = np.linspace(*(2595 * np.log10(1 + np.array([MEL_LOW_HZ, MEL_HIGH_HZ]) / 700)),
                        MEL_BANDS + 2)  # fmt: skip
    centres_hz = 700 * (10 ** (edges[1:-1] / 2595) - 1)
    loudest = int(levels.mean(axis=0).argmax())
    assert abs(loudest - int(np.abs(centres_hz - frequency_hz).argmin())) <= 1
    assert levels.max() == pytest.approx(0.0, abs=1e-4)


def test_a_click_stands_at_its_second():
    waveform = np.zeros((2, 10 * SAMPLE_RATE), np.float32)
    waveform[:, 4 * SAMPLE_RATE] = 1.0
    levels = mel_spectrogram_db(waveform, SAMPLE_RATE)
    column = levels.mean(axis=1).argmax()
    assert column / len(levels) * 10 == pytest.approx(4.0, abs=0.05)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5])
def test_silence_of_any_length_is_the_floor(seconds):
    levels = mel_spectrogram_db(np.zeros((2, int(seconds * SAMPLE_RATE)), np.float32), SAMPLE_RATE)
    assert levels.shape[1] == MEL_BANDS
    assert (levels == -DYNAMIC_RANGE_DB).all()


def test_blocks_join_without_a_seam():
    """A steady tone has the same level in every column, wherever the blocks of frames meet."""
    levels = mel_spectrogram_db(tone(1000.0, 30.0), SAMPLE_RATE)
    inside = levels[20:-20].max(axis=1)
    assert np.ptp(inside) < 0.01


def test_every_picture_is_as_wide_as_promised_and_shares_its_margins(tmp_path):
    sheet = cue_sheet()
    frames = [Frame(t, np.full((90, 160, 3), int(20 * t), np.uint8)) for t in np.arange(0, 12, 1.5)]
    figures = [
        plot_cue_timeline(sheet, TempoMap.constant(120.0, 12.0), frames),
        plot_piano_roll(score(), sheet.cuts, sheet.hit_points, sheet.duration),
        plot_spectrogram(tone(440.0, 12.0), SAMPLE_RATE, sheet.cuts),
        plot_way(
            extract_features(frames, 12.0, Fraction(25)), sheet, score(), tone(440.0, 12.0), frames
        ),
    ]
    for index, figure in enumerate(figures):
        save_figure(figure, tmp_path / f"{index}.png")
        with Image.open(tmp_path / f"{index}.png") as picture:
            assert picture.width == WIDTH_PX
        box = figure.axes[0].get_position()
        assert (box.x0, box.x1) == pytest.approx((0.1, 0.97), abs=1e-6)
        assert figure.axes[0].get_xlim() == pytest.approx((0.0, 12.0))


def test_piano_roll_draws_every_note_once_at_its_second():
    figure = plot_piano_roll(score(), duration=12.0)
    roll, lane = figure.axes[:2]
    (notes,) = [item for item in roll.collections if isinstance(item, PolyCollection)]
    starts = [path.vertices[:, 0].min() for path in notes.get_paths()]
    ends = [path.vertices[:, 0].max() for path in notes.get_paths()]
    assert starts == pytest.approx([beat * 0.5 for beat in range(8)])  # 120 bpm
    assert ends == pytest.approx([(beat + 1) * 0.5 for beat in range(8)])
    (strokes,) = [item for item in lane.collections if isinstance(item, PolyCollection)]
    assert len(strokes.get_paths()) == 16


def test_piano_roll_names_the_plans_chords_where_they_begin():
    plan = planned(["Am", "Am", "Dm", "E7", "F", "F"], (0, 4, 8), key="A minor")
    figure = plot_piano_roll(replace(score(), key="A minor", plan=plan))
    row = figure.axes[1]
    assert row.get_ylabel() == "chords"
    named = {text.get_text(): text.get_position()[0] for text in row.texts}
    assert list(named) == ["Am", "Dm", "E7", "F"]
    beat_s = score().tempo_map.to_seconds(4.0) / 4
    assert list(named.values()) == pytest.approx(np.array([0, 4, 6, 8]) * beat_s, abs=0.15)


def test_every_panel_is_ruled_where_the_last_is_labelled():
    figure = plot_cue_timeline(cue_sheet(), score().tempo_map)
    labelled = figure.axes[-1].get_xticks().tolist()
    assert len(labelled) > 5 and labelled[0] == 0
    for axes in figure.axes[1:]:
        (rules,) = [each for each in axes.collections if each.get_gid() == RULES]
        assert [line.vertices[0, 0] for line in rules.get_paths()] == labelled
    (cues, *_) = figure.axes
    assert not [each for each in cues.collections if each.get_gid() == RULES]
    assert all(len(axes.get_xticks()) == 0 for axes in figure.axes[:-1])


def test_the_way_names_stages_and_verbs_and_shows_the_sound_at_its_second():
    sheet = cue_sheet()
    frames = [Frame(float(t), np.full((90, 160, 3), 40 * (t % 3), np.uint8)) for t in range(12)]
    waveform = tone(440.0, 12.0)
    waveform[:, : 6 * SAMPLE_RATE] = 0
    figure = plot_way(extract_features(frames, 12.0, Fraction(1)), sheet, score(), waveform, frames)
    labels = [axes.texts[-1].get_text() for axes in figure.axes[:6]]
    assert labels == ["clip", "features", "cue sheet", "tempo map", "score", "soundtrack"]
    verbs = [
        text.get_text().split(" \u2193")[0] for text in figure.texts if "\u2193" in text.get_text()
    ]
    assert verbs == ["extract", "spot", "fit", "compose", "render, mix"]
    drawn = next(each for each in figure.axes[5].collections if each.get_gid() != RULES)
    outline = drawn.get_paths()[0].vertices
    assert np.abs(outline[outline[:, 0] < 5.9, 1]).max() == 0
    assert np.abs(outline[outline[:, 0] > 6.1, 1]).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("duration", [0.5, 3.0, 600.0])
def test_short_long_and_empty_pieces_are_drawn(duration, tmp_path):
    tempo_map = TempoMap.constant(100.0, duration)
    save_figure(plot_cue_timeline(cue_sheet(duration, 0), tempo_map), tmp_path / "cues.png")
    save_figure(plot_piano_roll(Score({}, tempo_map), duration=duration), tmp_path / "roll.png")


def test_colours_of_parts_differ():
    assert len({part.colour for part in Part}) == len(Part)
