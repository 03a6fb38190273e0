"""Mood: known notes have the features they must, and a rating that follows them is learnt."""

import json

import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.score.curves import CurveTables
from pixmus.score.midi import write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.studies import mood
from pixmus.studies.mood import MoodRegressor
from pixmus.studies.mood_features import FEATURES, mood_features
from pixmus.studies.mood_ratings import RatedPiece, read_vgmidi


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(mood, "NUM_RESAMPLES", 50)


def piece(major: bool, notes_per_beat: int, seed: int = 0, tempo_bpm: float = 120.0) -> Score:
    """Chords a bar and a line above them, 8 bars."""
    rng = np.random.default_rng(seed)
    third = 4 if major else 3
    scale = [0, 2, third, 5, 7, 9 if major else 8, 12]
    parts: dict[str, tuple[Note, ...]] = {
        "harmony": tuple(
            Note(4 * bar, 48 + root + tone, 4, 60)
            for bar, root in enumerate((0, 5, 7, 0) * 2)
            for tone in (0, third if root != 7 else 4, 7)
        ),
        "melody": tuple(
            Note(i / notes_per_beat, 72 + int(rng.choice(scale)), 0.9 / notes_per_beat, 80)
            for i in range(32 * notes_per_beat)
        ),
    }
    beats = np.arange(33) * 60 / tempo_bpm
    return Score(parts, TempoMap(beats, tuple(range(0, 32, 4))))


def value(score: Score, name: str, **stretch: float) -> float:
    return float(mood_features(score, **stretch)[list(FEATURES).index(name)])


def test_features_of_known_notes():
    score = piece(major=True, notes_per_beat=2)
    assert len(mood_features(score)) == len(FEATURES)
    assert value(score, "majorness") > 0.1
    assert value(piece(False, 2), "majorness") < -0.1
    assert value(score, "log_tempo") == pytest.approx(np.log(120))
    assert value(score, "log_density") == pytest.approx(np.log((64 + 24) / 16), abs=0.02)
    assert value(score, "log_onset_rate") == pytest.approx(np.log(64 / 16), abs=0.02)
    assert value(score, "silence") == 0
    assert value(score, "off_scale") == 0
    assert value(score, "major_triads") > 0.9
    assert value(score, "bottom") == pytest.approx(48 + 3, abs=0.2)
    assert value(score, "chord_size") == pytest.approx((64 + 24) / 64)


def test_features_follow_transposition_speed_and_stretch():
    score = piece(major=True, notes_per_beat=2)
    higher = Score(
        {
            part: tuple(Note(n.onset, n.pitch + 5, n.duration, n.velocity) for n in notes)
            for part, notes in score.parts.items()
        },
        score.tempo_map,
    )
    assert value(higher, "mean_pitch") == pytest.approx(value(score, "mean_pitch") + 5)
    assert value(higher, "majorness") == pytest.approx(value(score, "majorness"))
    slow = piece(major=True, notes_per_beat=2, tempo_bpm=60)
    difference = value(score, "log_density") - value(slow, "log_density")
    assert difference == pytest.approx(np.log(2), abs=0.02)
    half = value(score, "log_onset_rate", end=8.0)
    assert half == pytest.approx(value(score, "log_onset_rate"), abs=0.05)


def test_drums_and_velocities_do_not_count():
    score = piece(True, 2)
    drummed = Score(score.parts | {"drums": (Note(0, 36, 0.25, 120),)}, score.tempo_map)
    assert (mood_features(drummed) == mood_features(score)).all()


def test_too_few_notes_have_no_mood():
    score = Score({"melody": (Note(0, 60, 1, 80),)}, TempoMap(np.arange(5) / 2, (0,)))
    assert np.isnan(mood_features(score)).all()
    assert np.isnan(mood_features(Score({}, score.tempo_map))).all()
    scores = [piece(seed % 2 == 0, 1 + seed % 3, seed) for seed in range(8)]
    features = np.array([mood_features(score) for score in scores])
    regressor = MoodRegressor(features, np.zeros((8, 2)))
    assert np.isnan(regressor.predict(score).valence)


def rated(num_pieces: int = 24) -> list[RatedPiece]:
    """Major pieces rated happy, fast ones excited, by three raters who differ a little."""
    rng = np.random.default_rng(0)
    pieces = []
    for seed in range(num_pieces):
        major, speed = bool(seed % 2), 1 + seed // 2 % 3
        truth = np.array([0.5 if major else -0.5, speed / 2 - 1])
        ratings = truth + rng.normal(0, 0.1, (3, 8, 2))
        score = piece(major, speed, seed)
        pieces.append(RatedPiece(f"piece {seed}", f"game {seed // 4}", score, ratings, 16.0))
    return pieces


def test_a_rating_that_follows_the_notes_is_learnt():
    pieces = rated()
    skill = mood.cross_validate(pieces)
    for name in mood.RATINGS:
        assert skill[name].spearman > 0.8
        assert skill[name].r2 > 0.7
        assert skill[name].r2_interval[0] <= skill[name].r2 <= skill[name].r2_interval[1]
        assert skill[name].agreement > 0.9
        assert skill[name].num_rated == 24
    excerpts = mood.cross_validate(pieces, excerpt_s=7.0)
    assert excerpts["valence"].num_rated == 48
    assert excerpts["valence"].r2 > 0.6
    regressor = MoodRegressor(*mood.rated_features(pieces))
    happy, sad = regressor.predict(piece(True, 3, 99)), regressor.predict(piece(False, 1, 99))
    assert happy.valence > 0.2 > -0.2 > sad.valence
    assert happy.arousal > sad.arousal + 0.5


def test_ratings_that_follow_nothing_are_not_learnt():
    rng = np.random.default_rng(1)
    pieces = [
        RatedPiece(p.name, p.game, p.score, rng.normal(0, 1, (3, 1, 2)), 16.0) for p in rated()
    ]
    skill = mood.cross_validate(pieces)["valence"]
    assert skill.r2 < 0.2
    assert skill.spearman_interval[0] < 0.4


def test_an_unusual_score_is_named():
    regressor = MoodRegressor(*mood.rated_features(rated()))
    assert "log_tempo" not in regressor.unfamiliar(piece(True, 2, 50))
    assert "log_tempo" in regressor.unfamiliar(piece(True, 2, 50, tempo_bpm=30))


def test_agreement_perfect_empty_and_off():
    ratings = np.array([0.0, 1.0, 2.0])
    assert mood.agreement(ratings, ratings) == pytest.approx((1, 1))
    assert mood.agreement(ratings, ratings + 1) == pytest.approx((1, 1 - 3 / 2))
    assert np.isnan(mood.agreement(ratings[:0], ratings[:0])).all()


def test_the_valence_curve_beside_ratings_made_of_majorness():
    table = np.linspace(-1, 1, 101)
    tables = CurveTables(
        {
            "majorness": table,
            "density": np.linspace(0, 10, 101),
            "register": np.linspace(30, 90, 101),
            "voices": np.linspace(0, 10, 101),
            "velocity": np.linspace(0, 127, 101),
        }
    )
    figures = mood.rate_valence_curve(rated(), tables)
    assert figures.terms["majorness"] > 0.6
    assert figures.weights["majorness"] > 0.6
    assert figures.shipped > 0.6
    assert sum(abs(weight) for weight in figures.weights.values()) == pytest.approx(1)
    assert figures.density_arousal > 0.8


@pytest.fixture
def vgmidi(tmp_path):
    """A folder laid out as VGMIDI, with two pieces and one rater who stopped early."""
    (tmp_path / "midi").mkdir()
    (tmp_path / "annotations").mkdir()
    names = ["Zelda_N64_Zelda 1_Field.mid", "Other_PC_Lone_Cave.mid"]
    for name, major in zip(names, (True, False), strict=True):
        write_midi(piece(major, 2), tmp_path / "midi" / name)
    about = {
        f"piece{i}": {"midi": name, "duration": 16, "measures": 8} for i, name in enumerate(names)
    }
    about["piece2"] = {"midi": "Gone_PC_Gone_Gone.mid", "duration": 16, "measures": 8}
    notes = {
        f"piece{i}_{rater}": {"valence": [sign * 0.5] * 8, "arousal": [0.1 * rater] * 8}
        for i, sign in enumerate((1, -1, 1))
        for rater in (1, 2, 3)
    }
    notes["piece0_4"] = {"valence": [1.0] * 3, "arousal": [1.0] * 3}
    document = {"pieces": about, "annotations": notes}
    (tmp_path / "annotations" / "vgmidi_raw_1.json").write_text(json.dumps(document))
    return tmp_path


def test_the_folder_is_read(vgmidi):
    first, second = read_vgmidi(vgmidi)
    assert (first.game, second.game) == ("Zelda", "Lone")
    assert first.ratings.shape == (3, 8, 2)
    assert first.ratings.mean((0, 1)) == pytest.approx([0.5, 0.2])
    assert second.ratings[..., 0].mean() == -0.5
    written = piece(True, 2)
    assert mood_features(first.score) == pytest.approx(mood_features(written), abs=0.05)


def test_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(PixMusError, match="VGMIDI"):
        read_vgmidi(tmp_path)
