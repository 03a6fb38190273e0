"""Stems are played again by audio diffusion models: their length, their timing, what is said."""

import copy
import json
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from songs import sheet, song
from typer.testing import CliRunner

from pixmus.check.onsets import flux_peaks, hit_rate, strong_onsets
from pixmus.cues.sheet import Cue
from pixmus.doors.cli.program import build
from pixmus.ensembles import ENSEMBLES
from pixmus.errors import PixMusError
from pixmus.renderers import REPLAYERS, REPLAYING_VARIABLE, make_renderer
from pixmus.score.midi import write_midi
from pixmus.sound import model_memory, replay_models, replaying
from pixmus.sound.programs import programs_of
from pixmus.sound.replay_models import Told, load_model
from pixmus.sound.replay_pieces import accent_gain, join, pieces
from pixmus.sound.replaying import Replayer
from pixmus.sound.soundfont import soundfont_renderer
from pixmus.studies.random_renderers import save_tiny
from pixmus.take.pipeline import PixMusPipeline
from pixmus.waveform import SAMPLE_RATE

PLAYERS = ENSEMBLES["band"]


@dataclass(frozen=True)
class At:
    time: float


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Renderer -> folder of a tiny model that plays 20 s at once."""
    return {name: save_tiny(name, tmp_path_factory.mktemp("audio") / name) for name in REPLAYERS}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    for model in replay_models.MODELS.values():
        monkeypatch.setattr(model, "num_steps", property(lambda self: 2))


class Model:
    """Stands in for a loaded model: `play(sound, strength)` at half the usual rate."""

    sample_rate, longest_s, num_steps = SAMPLE_RATE // 2, 3.0, 4

    def __init__(self, play):
        self.play, self.told = play, []

    def replay(self, sound, told, on_step):
        self.told.append(told)
        for step in range(self.num_steps):
            on_step(step)
        return self.play(sound, told.strength)


@pytest.fixture
def rendered(monkeypatch):
    """What the synth has rendered, before anything else could touch it.

    Rendered a second time it may differ in its last bits: transforms depend on where arrays lie.
    """
    synth, found = type(soundfont_renderer()), []
    render = synth.render

    def recording(self, *given, **how):
        stems = render(self, *given, **how)
        found.append(copy.deepcopy(stems))
        return stems

    monkeypatch.setattr(synth, "render", recording)
    return found


@pytest.fixture
def replayed(models, monkeypatch, rendered):
    """`replayed(play, **render)`: the synth's stems, and those that a stand-in plays again."""

    def run(play, score=None, strength=0.6, **how):
        model = Model(play)
        monkeypatch.setattr(replaying, "load_model", lambda *_: model)
        score = score or song(bars=4, parts=("melody", "pad", "drums"))
        how = {"cue_sheet": sheet(8.0), "seed": 3, **how}
        after = Replayer("ace-step", models["ace-step"], strength).render(score, PLAYERS, **how)
        return rendered[-1], after, model

    return run


# ------------------------------------------------------------------------------- The real classes


@pytest.mark.parametrize("name", list(REPLAYERS))
def test_a_minute_goes_through_a_model_to_the_sample(name, models, rendered):
    duration = 61.5
    score = song(bars=30, parts=("melody", "drums"))
    cues = [Cue(0.0, 33.0, "one"), Cue(34.0, duration, "two")]
    told = sheet(duration, cues=cues)
    heard = []
    stems = Replayer(name, models[name], 0.5).render(
        score, PLAYERS, cue_sheet=told, seed=1, on_share=heard.append
    )
    synth = rendered[-1]
    assert stems.num_samples == round(duration * SAMPLE_RATE)
    assert all(stems[part].shape == (2, stems.num_samples) for part in stems)
    assert heard == sorted(heard) and heard[-1] <= 1.0 and len(heard) >= 4
    assert np.array_equal(stems["drums"], synth["drums"])
    assert stems.replayed == {"melody": 0.5} and not stems.notices
    assert np.isfinite(stems["melody"]).all()
    assert not np.allclose(stems["melody"], synth["melody"], atol=1e-3)
    gap = slice(round(33.2 * SAMPLE_RATE), round(33.8 * SAMPLE_RATE))
    assert np.abs(stems["melody"][:, gap]).max() < 1e-3
    assert np.sqrt(np.mean(stems["melody"] ** 2)) == pytest.approx(
        np.sqrt(np.mean(synth["melody"] ** 2)), rel=0.35
    )


@pytest.mark.parametrize("name", list(REPLAYERS))
def test_the_same_seed_plays_the_same_and_more_strength_goes_further(name, models):
    model = load_model(name, models[name])
    time = np.arange(model.sample_rate) / model.sample_rate
    sound = np.tile(np.sin(2 * np.pi * 440 * time).astype(np.float32) * 0.5, (2, 1))

    def play(strength, seed=5):
        return model.replay(sound, Told("strings", strength, seed, 96, "A minor"), lambda _: None)

    first = play(0.3)
    assert abs(first.shape[1] - sound.shape[1]) <= 1 or name == "ace-step"
    assert first.shape[1] >= sound.shape[1] - 1
    np.testing.assert_array_equal(first, play(0.3))
    assert not np.array_equal(first, play(0.3, seed=6))
    if name != "stable-audio-open":  # whose untrained network answers whatever the noise is
        little, much = (np.abs(play(s) - play(s, seed=6)).mean() for s in (0.02, 0.9))
        assert little < much  # the less noise, the less another seed changes


def test_stable_audio_open_starts_from_little_noise(models):
    """Of its own 500 a sound of deviation 1 is nothing (huggingface/diffusers issue 10861)."""
    model = load_model("stable-audio-open", models["stable-audio-open"])
    assert model.pipe.scheduler.init_noise_sigma > 400
    sigmas = [
        model._own_pipe(Told("", strength, 0, 96, "")).scheduler.init_noise_sigma
        for strength in (0.0, 0.5, 1.0)
    ]
    assert sigmas == sorted(sigmas) and sigmas[0] >= 0.5 and sigmas[-1] < 5.2
    assert model.pipe.scheduler.init_noise_sigma > 400  # nobody else's call is changed


# ------------------------------------------------------------------------------------ The pieces


def test_pieces_end_at_cues_and_come_back_to_the_sample():
    random = np.random.default_rng(0)
    whole = random.standard_normal((2, 10 * SAMPLE_RATE)).astype(np.float32)
    cues, bars = [[round(t * SAMPLE_RATE) for t in ts] for ts in ((2.5, 9.0), (1, 3, 5, 7))]
    found = pieces(whole.shape[1], [cues, bars], 4 * SAMPLE_RATE)
    middles = [(a[1] + b[0]) / 2 / SAMPLE_RATE for a, b in zip(found, found[1:], strict=False)]
    assert middles[0] == pytest.approx(2.5, abs=1e-3)  # a cue border
    assert middles[1] == pytest.approx(5.0, abs=1e-3)  # no cue in reach: a bar
    assert all(stop - start <= 4 * SAMPLE_RATE for start, stop in found)
    assert found[0][0] == 0 and found[-1][1] == whole.shape[1]
    joined = join(whole.shape[1], found, lambda _, start, stop: whole[:, start:stop])
    np.testing.assert_allclose(joined, whole, atol=1e-6)
    assert pieces(100, [[]], 1000) == [(0, 100)]


def test_a_piece_as_long_as_any_is_cut_where_nothing_lies():
    found = pieces(100_000, [[], []], 9_000)
    assert all(stop - start <= 9_000 for start, stop in found)
    assert found[0][0] == 0 and found[-1][1] == 100_000
    assert all(a[1] > b[0] for a, b in zip(found, found[1:], strict=False))


# ------------------------------------------------------------------------------------ The timing


def test_what_comes_back_as_it_was_is_taken(replayed):
    hits = [At(t) for t in (0.0, 2.0, 4.0)]
    shares = []
    before, after, model = replayed(lambda sound, _: sound, hits=hits, on_share=shares.append)
    assert after.replayed == {"melody": 0.6, "pad": 0.6} and not after.notices
    assert np.array_equal(after["drums"], before["drums"])
    np.testing.assert_allclose(after["melody"], before["melody"], atol=0.03)
    assert len(model.told) == 8 and model.told[0].prompt.startswith("grand piano")
    assert model.told[0].bpm == 120 and model.told[0].key == "C major"
    assert "film music, band" in model.told[0].prompt
    assert max(shares) <= 1.0 and shares == sorted(shares)


def late(sound, strength):
    """Everything comes 120 ms late where the strength is above 0.3."""
    away = round(0.12 * Model.sample_rate) if strength > 0.3 else 0
    return np.pad(sound, ((0, 0), (away, 0)))[:, : sound.shape[1]]


def test_a_stem_that_loses_its_hit_points_is_played_with_less_strength(replayed):
    score = song(bars=4, parts=("melody", "drums"))
    hits = [At(t) for t in (0.0, 2.0, 4.0)]
    _, after, model = replayed(late, score, hits=hits)
    assert [t.strength for t in model.told[::4]] == pytest.approx([0.6, 0.4, 0.2])
    assert after.replayed["melody"] == pytest.approx(0.2)
    assert "a strength of 0.20 in place of 0.60" in after.notices[0]


def test_else_the_synths_stem_stays_and_the_take_says_so(replayed):
    score = song(bars=4, parts=("melody", "drums"))
    hits = [At(t) for t in (0.0, 2.0, 4.0)]
    before, after, _ = replayed(lambda sound, _: late(sound, 1.0), score, hits=hits)
    assert np.array_equal(after["melody"], before["melody"])
    assert after.replayed == {"melody": 0.0}
    assert after.notices == [
        "The melody is the synth's: played again, even with a strength of 0.20, it met fewer hit "
        "points."
    ]


def test_numbers_that_are_none_never_sound(replayed):
    before, after, _ = replayed(lambda sound, _: sound * np.nan)
    assert np.array_equal(after["pad"], before["pad"]) and after.replayed["pad"] == 0.0


def test_around_an_accent_the_synth_sounds(replayed):
    hits = [At(2.0), At(4.0)]
    before, after, _ = replayed(
        lambda sound, _: -sound, song(bars=4, parts=("melody", "drums")), hits=hits, strokes=hits
    )
    inside = slice(round(1.99 * SAMPLE_RATE), round(2.18 * SAMPLE_RATE))
    np.testing.assert_allclose(after["melody"][:, inside], before["melody"][:, inside], atol=1e-6)
    outside = slice(round(2.6 * SAMPLE_RATE), round(3.6 * SAMPLE_RATE))
    assert (after["melody"][:, outside] * before["melody"][:, outside]).sum() < 0
    rates = [
        hit_rate([2.0, 4.0], strong_onsets(*flux_peaks(s["melody"])), 0.04) for s in (before, after)
    ]
    assert rates[1] >= rates[0]
    assert accent_gain(SAMPLE_RATE, []).max() == 0.0


def test_work_ends_where_it_is_cancelled(replayed):
    class Stop(Exception):
        pass

    def on_share(share):
        if share > 0.2:
            raise Stop

    with pytest.raises(Stop):
        replayed(lambda sound, _: sound, on_share=on_share)


# -------------------------------------------------------------------------------------- The doors


def test_it_is_chosen_on_the_command_line(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    score = song(bars=2, parts=("melody", "drums"))
    write_midi(score, "score.mid", programs_of("piano", score.parts))
    sheet(4.0).save(tmp_path / "cues.json")
    line = ["render", "score.mid", "--cues", "cues.json", "--renderer-strength", "0.4", "--out"]
    words = [*line, "a.wav", "--renderer", "ace-step", "--renderer-model", str(models["ace-step"])]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 0, done.output
    music, _ = soundfile.read("a.wav", always_2d=True)
    assert len(music) == 4 * SAMPLE_RATE
    monkeypatch.setenv(REPLAYING_VARIABLE, str(models["ace-step"]))
    done = CliRunner().invoke(build(), [*line, "b.wav", "--renderer", "ace-step"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    done = CliRunner().invoke(build(), [*line, "c.wav"])  # off unless it is asked for
    assert (tmp_path / "c.wav").read_bytes() != (tmp_path / "a.wav").read_bytes()
    done = CliRunner().invoke(build(), [*line, "d.wav", "--renderer", "synth"])
    assert (tmp_path / "c.wav").read_bytes() == (tmp_path / "d.wav").read_bytes()


def test_a_take_says_what_played_it(models, tiny_model, paint_video, tmp_path):
    pipe = PixMusPipeline.from_pretrained(tiny_model)
    take = pipe(
        paint_video([(2.0, 40), (2.0, 200)]),
        renderer_model=str(models["ace-step"]),
        renderer_prompt="a warm quartet",
        renderer_strength=0.3,
        num_inference_steps=2,
        seed=1,
    )
    take.save(tmp_path / "take")
    told = json.loads((tmp_path / "take" / "take.json").read_text())
    assert told["settings"]["replayed_by"] == "ace-step"
    assert set(told["settings"]["replayed"]) <= set(take.stems)
    assert told["settings"]["renderer_prompt"] == "a warm quartet"
    assert any(name.startswith("renderer/") for name in told["sha256"])
    assert take.stems.notices == [n for n in take.settings["notices"] if "synth's" in n or "played"
                                  in n]  # fmt: skip


# ------------------------------------------------------------------------------------ What is said


def test_what_is_missing_is_one_sentence(models, hub, monkeypatch, tmp_path):
    monkeypatch.delenv(REPLAYING_VARIABLE, raising=False)

    def said(name, model, start):
        with pytest.raises(PixMusError) as refused:
            make_renderer(name, model)
        told = str(refused.value)
        assert start in told and told.endswith(".") and "\n" not in told

    said("ace-step", None, "plays with a model that is not chosen; name its folder or Hub id")
    said("stable-audio-3", models["ace-step"], "is a model for ace-step, not for stable-audio-3")
    said(None, "somebody/sound", "cannot be told from here; name it too")
    hub.add("stable/gated", models["stable-audio-3"], is_gated=True)
    said("stable-audio-3", "stable/gated", "is gated; accept its terms on its Hub page, then log")
    hub.add("stable/private", models["stable-audio-3"], is_private=True)
    said("stable-audio-3", "stable/private", "or log in with `hf auth login` if it is private")
    said("stable-audio-3", "stable/none", "is neither a folder here nor a repository")
    (tmp_path / "model_index.json").write_text('{"_class_name": "AudioLDM2Pipeline"}')
    said("ace-step", tmp_path, "is no model that plays stems again")


def test_a_model_comes_from_the_hub(models, hub):
    hub.add("ace/step", models["ace-step"])
    renderer = make_renderer("ace-step", "ace/step")
    score = song(bars=1, parts=("melody",))
    assert renderer.render(score, PLAYERS, cue_sheet=sheet(2.0)).replayed == {"melody": 0.5}
    assert "renderer/vae/diffusion_pytorch_model.safetensors" in renderer.hashes


def test_a_model_that_does_not_fit_into_memory_is_refused(models, monkeypatch):
    monkeypatch.setattr(model_memory, "free_memory", lambda: 1000)
    replay_models._loaded.cache_clear()
    with pytest.raises(PixMusError, match=r"needs about 0.0 GB of memory and 0.0 GB are free"):
        load_model("ace-step", models["ace-step"])


def test_memory_that_gives_out_while_it_plays_is_one_sentence(models, monkeypatch):
    replay_models._loaded.cache_clear()
    model = load_model("ace-step", models["ace-step"])

    def out_of_memory(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")

    monkeypatch.setattr(model, "_call", out_of_memory)
    with pytest.raises(PixMusError, match="Memory was not enough for the model in ace-step"):
        model.replay(np.zeros((2, 100), np.float32), Told("", 0.5, 0, 96, ""), lambda _: None)


def test_a_damaged_model_is_one_sentence(models, tmp_path):
    import shutil

    folder = shutil.copytree(models["ace-step"], tmp_path / "damaged")
    next((folder / "vae").glob("*.safetensors")).write_bytes(b"nothing")
    with pytest.raises(PixMusError, match="cannot be loaded .*get it again"):
        load_model("ace-step", folder)
