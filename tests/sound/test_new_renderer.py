"""A renderer that is added while the program runs plays wherever one is named."""

import numpy as np
import pytest
import soundfile
from songs import sheet, song
from typer.testing import CliRunner

from pixmus.doors.cli.program import build
from pixmus.doors.page.endpoints import Endpoints
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.visits import Visits
from pixmus.errors import PixMusError
from pixmus.renderers import RENDERER_VARIABLE, add_renderer, remove_renderer
from pixmus.score.midi import write_midi
from pixmus.sound.mix import mix
from pixmus.sound.programs import programs_of
from pixmus.sound.renderer import find_renderer, render
from pixmus.sound.stems import Stems
from pixmus.take.pipeline import PixMusPipeline
from pixmus.waveform import SAMPLE_RATE


class Sines:
    """Every note is a sine; drums are left out."""

    settings = {"oscillator": "sine"}
    hashes = {}

    def __str__(self):
        return "sines"

    def render(self, score, players, *, hits=(), strokes=(), cue_sheet=None, seed=0):
        num_samples = round(cue_sheet.duration * SAMPLE_RATE)

        def make(part):
            waveform = np.zeros((2, num_samples), np.float32)
            for note in score.parts[part]:
                start, end = score.tempo_map.to_seconds(
                    np.array([note.onset, note.onset + note.duration])
                )
                first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
                times = np.arange(min(last, num_samples) - first) / SAMPLE_RATE
                pitch_hz = 440.0 * 2 ** ((note.pitch - 69) / 12)
                waveform[:, first:last] += 0.1 * np.sin(2 * np.pi * pitch_hz * times)
            return waveform

        parts = [part for part in score.parts if score.parts[part] and part != "drums"]
        return Stems.made(parts, num_samples, make)


@pytest.fixture
def sines():
    add_renderer("sines", Sines)
    yield "sines"
    remove_renderer("sines")


def loudest_hz(waveform):
    spectrum = np.abs(np.fft.rfft(waveform.mean(0)))
    return np.fft.rfftfreq(waveform.shape[1], 1 / SAMPLE_RATE)[spectrum.argmax()]


def test_it_plays_a_score_in_python(sines):
    score = song(bars=2, parts=("melody",))
    stems = render(score, renderer=sines, cue_sheet=sheet(4.0))
    assert list(stems) == ["melody"] and stems.duration == 4.0
    assert loudest_hz(mix(stems, sheet(4.0), 4.0)) == pytest.approx(784.0, rel=0.01)


@pytest.mark.parametrize("named_by", ["option", "variable"])
def test_it_plays_a_score_on_the_command_line(sines, named_by, tmp_path, monkeypatch):
    score = song(bars=2)
    write_midi(score, tmp_path / "score.mid", programs_of("piano", score.parts, sines))
    sheet(4.0).save(tmp_path / "cues.json")
    line = ["render", "score.mid", "--cues", "cues.json", "--out", "sines.wav"]
    if named_by == "option":
        line += ["--renderer", sines]
    else:
        monkeypatch.setenv(RENDERER_VARIABLE, sines)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(build(), line)
    assert done.exit_code == 0, done.output
    music, _ = soundfile.read(tmp_path / "sines.wav", always_2d=True)
    expected = mix(render(score, renderer=sines, cue_sheet=sheet(4.0)), sheet(4.0), 4.0)
    np.testing.assert_allclose(music.T, expected, atol=1e-3)


def test_a_renderer_that_is_not_there_is_named():
    with pytest.raises(PixMusError, match='no renderer "kazoo"; choose one of soundfont'):
        find_renderer("kazoo")
    with pytest.raises(PixMusError, match="already"):
        add_renderer("soundfont", Sines)


def test_one_that_is_given_is_taken():
    given = Sines()
    assert find_renderer(given) is given


def test_it_plays_a_soundtrack_by_the_api(sines, tiny_model, paint_video, tmp_path):
    studio = Studio(PixMusPipeline.from_pretrained(tiny_model), longest_s=20.0)
    soundtrack = Endpoints(studio, Visits(tmp_path, 60.0, 4)).function("soundtrack")
    clip = paint_video([(2.0, 40), (2.0, 200)])
    *_, facts = soundtrack(str(clip), renderer=sines, num_inference_steps=2)
    assert "--renderer sines" in facts["shell"]
    with pytest.raises(Exception, match="choose one of soundfont, .*, sines"):
        soundtrack(str(clip), renderer="kazoo")


def test_it_plays_a_soundtrack(sines, tiny_model, paint_video):
    pipe = PixMusPipeline.from_pretrained(tiny_model)
    given = {"num_inference_steps": 2, "seed": 1, "original_audio": "drop"}
    take = pipe(paint_video([(2.0, 40), (2.0, 200)]), renderer=sines, **given)
    assert take.settings["oscillator"] == "sine" and "font" not in take.hashes
    assert take.music.any() and "drums" not in take.stems
