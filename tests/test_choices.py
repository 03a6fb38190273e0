"""Every choice through every door: the same values, the same refusals, one place to add one."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pixmus.choice import Choice, Step
from pixmus.choices import CHOICES, add_choice, choices_of, remove_choice
from pixmus.cues.direction import Direction
from pixmus.doors import cli
from pixmus.doors.page.again import python_lines, shell_line
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.endpoints import Endpoints
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.panels.controls import Controls, asked_in
from pixmus.doors.page.showcase import EXAMPLES, Example, find_examples
from pixmus.doors.page.showing import sentence
from pixmus.doors.page.visits import Visits
from pixmus.ensembles import PIANO, Ensemble, Part, Style, add_ensemble, remove_ensemble
from pixmus.errors import PixMusError
from pixmus.renderers import REPLAYING_VARIABLE, THESIS_VARIABLE
from pixmus.score.midi import write_midi

pytestmark = pytest.mark.filterwarnings("default")  # Gradio warns of its own future


@pytest.fixture(scope="module", autouse=True)
def loops_of_gradio_go() -> Iterator[None]:
    """Gradio leaves an event loop behind, whose end would warn in somebody else's test."""
    yield
    asyncio.set_event_loop(None)
    gc.collect()


COMPOSED = (Step.WISH, Step.SPOT, Step.WATCH, Step.COMPOSE, Step.MIX)
TRIMMED = {"start", "end"}


WRONG: tuple[Any, ...] = (
    "abc", "x" * 100_000, "\ud800", "-1e999", "-", float("nan"), float("inf"), -(10**400), 10**400,
    2**63, -1,
    1.5, True, None, "", (), [], [1], [[]], ["drums"] * 3, {}, {"a": 1}, [None], object(),
)  # fmt: skip


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", list(CHOICES))
def test_whatever_is_given_is_a_value_or_one_short_sentence(name: str, shared: bool) -> None:
    choice = CHOICES[name]
    refused = 0
    for value in WRONG:
        for take in (choice.check, choice.read):
            try:
                found = take(value, shared)
            except PixMusError as error:
                refused += 1
                assert choice.noun in str(error) and str(error).endswith(".")
                assert len(str(error).encode()) < 500 and "\n" not in str(error)
            else:
                assert found is None or isinstance(found, choice.kind)
                assert choice.check(found, shared) == found
    assert refused > 20


def lowest(choice: Choice) -> Any:
    if choice.kind is bool:
        return False
    if choice.options is not None:
        return choice.options()[:1] if choice.kind is tuple else choice.options()[0]
    if choice.kind is str:
        return "a"
    return choice.kind(choice.low) if choice.name != "end" else 0.5  # it ends after its start


def highest(choice: Choice) -> Any:
    if choice.kind is bool:
        return True
    if choice.options is not None:
        return tuple(choice.options()) if choice.kind is tuple else choice.options()[-1]
    high = choice.highest(shared=True)
    if choice.kind is str:
        return "a" * int(high)
    return choice.kind(min(high, 1e6))


def wrong(choice: Choice) -> Any:
    """A value that no door may take, None where whatever is typed is right."""
    if choice.kind is bool:
        return None
    if choice.options is not None:
        return ("kazoo",) if choice.kind is tuple else "kazoo"
    if choice.kind is str:
        return "a" * 301
    return choice.low - 1


VALUES = [
    pytest.param(choice, value, id=f"{choice.name}-{which}")
    for choice in CHOICES.values()
    for which, value in (
        ("default", choice.default),
        ("lowest", lowest(choice)),
        ("highest", highest(choice)),
    )
]


class Recorder:
    """Stands in for the pipeline and for the studio, and remembers what it is asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def from_pretrained(self, *_: object, **__: object) -> Recorder:
        return self

    def __call__(self, _clip: object, *, direction: Direction, **asked: Any) -> SimpleNamespace:
        told = {choice.name: getattr(direction, choice.name) for choice in choices_of(Step.SPOT)}
        self.asked = {**asked, **told}
        return SimpleNamespace(
            write_video=lambda path, overwrite: SimpleNamespace(note=""),
            score=SimpleNamespace(key="C major"),
            cue_sheet=SimpleNamespace(ensemble="piano", inputs=(), reasons={}),
            check=None,
            settings={"notices": ()},
        )

    def soundtracks(
        self, _visit: object, _clip: object, asked: Commission, *_: object, **__: object
    ) -> Any:
        self.asked = dict(asked)
        yield from ()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    module = SimpleNamespace(PixMusPipeline=made)
    monkeypatch.setitem(sys.modules, "pixmus.take.pipeline", module)
    monkeypatch.setattr("pixmus.picture.video.probe", lambda *_, **__: None)
    monkeypatch.setattr("pixmus.picture.footage.watch", lambda clip, *_: clip)
    return made


def shell(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of the command line."""
    monkeypatch.setattr(sys, "argv", ["pixmus", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def controls() -> Iterator[Controls]:
    with pytest.MonkeyPatch.context() as patch, gr.Blocks():
        patch.setenv(REPLAYING_VARIABLE, "somebody/sound")  # so that every choice is shown
        patch.setenv(THESIS_VARIABLE, "somebody/thesis")
        made = Controls()
        made.add_text(gr.Textbox("", elem_id="text"))
        yield made


def typed(controls: Controls, name: str, value: Any) -> list[Any]:
    """What the page sends with one control set as a visitor would."""
    values = {key: widget.value for key, widget in controls.widgets.items()}
    if isinstance(controls.widgets[name], gr.Textbox):
        value = "" if value is None else CHOICES[name].shell_value(value)
    if value is not None:
        values[name] = list(value) if isinstance(value, tuple) else value
    return [value is not None and name in ("valence", "energy"), *values.values()]


@pytest.mark.parametrize("example", find_examples(EXAMPLES), ids=lambda example: example.name)
def test_an_example_that_is_chosen_fills_the_controls_with_all_that_was_asked(
    example: Example, controls: Controls
) -> None:
    facts = json.loads(example.clip.with_suffix(".json").read_text())
    wanted = {**facts["settings"], **facts["settings"].get("direction", {})}
    wanted.pop("direction", None)
    shown = controls.show(asked_in(example.settings()))
    read = controls.read([shown[widget] for widget in controls.inputs])
    assert {name: read[name] for name in wanted} == wanted
    direction = read.direction()  # and what was not asked is left to PixMus
    assert direction == Direction(**facts["settings"].get("direction", {}))


@pytest.mark.parametrize(("choice", "value"), VALUES)
def test_a_value_goes_through_every_door(
    choice: Choice,
    value: Any,
    recorder: Recorder,
    controls: Controls,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert choice.check(value) == value
    if choice.is_local and value != choice.default:
        with pytest.raises(PixMusError, match="chosen by whoever runs this page"):
            Commission(**{choice.name: value})
    if choice.is_local:
        ask = Endpoints(recorder, Visits(tmp_path, 60.0, 4)).function("soundtrack")  # type: ignore[arg-type]
        assert choice.name not in inspect.signature(ask).parameters
        assert choice.name not in controls.widgets
        return
    if choice.kind is not bool and value is not None:
        assert choice.read(choice.shell_value(value)) == value
    assert Commission(**{choice.name: value})[choice.name] == value  # Python
    if choice.name in {c.name for c in choices_of(*COMPOSED)}:  # the command line
        monkeypatch.chdir(tmp_path)
        words = choice.shell_words(value)
        assert shell(monkeypatch, "soundtrack", "clip.mp4", *words) == 0
        assert recorder.asked.get(choice.name) == value or choice.name == "seed"
    ask = Endpoints(recorder, Visits(tmp_path, 60.0, 4)).function("soundtrack")  # type: ignore[arg-type]
    sent = list(value) if isinstance(value, tuple) else value
    with pytest.raises(gr.Error):  # the recorder made nothing, which is gone
        ask("clip.mp4", **{choice.name: sent})
    assert recorder.asked[choice.name] == value
    from_page = controls.read(typed(controls, choice.name, value))[choice.name]
    if choice.kind is tuple and value is None:
        assert set(from_page) == set(choice.options())  # type: ignore[misc]
    else:
        assert from_page == value


@pytest.mark.parametrize("choice", CHOICES.values(), ids=lambda choice: choice.name)
def test_every_door_refuses_in_the_same_sentence(
    choice: Choice,
    controls: Controls,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    recorder: Recorder,
) -> None:
    value = wrong(choice)
    if choice.is_local:
        return
    if value is None:
        with pytest.raises(PixMusError, match="can be on or off"):
            choice.check("perhaps")
        return
    with pytest.raises(PixMusError) as refused:
        choice.check(value, shared=True)
    told = str(refused.value)
    assert told.endswith(".") and "\n" not in told
    ask = Endpoints(recorder, Visits(tmp_path, 60.0, 4)).function("soundtrack")  # type: ignore[arg-type]
    with pytest.raises(gr.Error) as from_api:
        ask("clip.mp4", **{choice.name: list(value) if isinstance(value, tuple) else value})
    assert from_api.value.message == told == sentence(refused.value)
    with pytest.raises(PixMusError) as from_page:
        controls.read(typed(controls, choice.name, value))
    assert str(from_page.value) == told
    with pytest.raises(PixMusError) as here:
        choice.check(value)
    command = ["trim", "clip.mp4", "out.mp4"] if choice.name in TRIMMED else ["soundtrack", "a.mp4"]
    assert shell(monkeypatch, *command, f"--{choice.spelt}", choice.shell_value(value)) == 2
    assert capsys.readouterr().err.strip() == f"pixmus: {here.value}"


def test_the_page_offers_to_play_again_where_a_model_is_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = {"renderer", "renderer_strength", "renderer_prompt"}
    monkeypatch.delenv(REPLAYING_VARIABLE, raising=False)
    with gr.Blocks():
        assert not names & Controls().widgets.keys()
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableAudio3Pipeline"}')
    monkeypatch.setenv(REPLAYING_VARIABLE, str(tmp_path))
    with gr.Blocks():
        widgets = Controls().widgets
    assert names <= widgets.keys() and "renderer_model" not in widgets
    offered = [value for _, value in widgets["renderer"].choices]
    assert offered == ["auto", "soundfont", "stable-audio-3"]
    with pytest.raises(PixMusError, match="chosen by whoever runs this page"):
        Commission(renderer_model="somebody/else")


def test_directions_and_functions_have_the_choices_of_the_list() -> None:
    assert sorted(f.name for f in fields(Direction)) == sorted(
        c.name for c in choices_of(Step.SPOT)
    )
    ask = Endpoints(Recorder(), Visits(Path("none"), 1.0, 1))  # type: ignore[arg-type]
    spot = inspect.signature(ask.function("spot")).parameters
    assert {"parts", "valence", "energy", "music_from", "music_to"} <= spot.keys()
    assert "more is slower and finer (1 to 100)" in (ask.function("compose").__doc__ or "")


@pytest.mark.parametrize(("choice", "value"), VALUES)
def test_both_lines_say_the_value_digit_for_digit(choice: Choice, value: Any) -> None:
    if choice.step not in COMPOSED:
        return
    settings: dict[str, Any] = {c.name: c.default for c in CHOICES.values()}
    settings |= {"clip": "clip.mp4", "keep": None, "seed": 1, choice.name: value}
    settings["direction"] = {c.name: settings[c.name] for c in choices_of(Step.SPOT)}
    words = shlex.split(shell_line(settings, "clip.mp4"))
    if value is not None and value != choice.default:
        assert all(word in words for word in choice.shell_words(value))
        assert f"{choice.name}={value!r}" in python_lines(settings, "clip.mp4")
    else:
        assert f"--{choice.spelt}" not in words or choice.name == "seed"


@pytest.fixture
def swing() -> Iterator[Choice]:
    choice = Choice(
        "swing",
        float,
        Step.COMPOSE,
        "swing",
        "How late every second eighth comes",
        default=0.5,
        low=0.5,
        high=0.75,
        slide=(0.5, 0.75, 0.05),
    )
    add_choice(choice)
    yield choice
    remove_choice(choice.name)


def test_a_choice_is_added_in_one_place(
    swing: Choice, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell(monkeypatch, "soundtrack", "clip.mp4", "--swing", "0.6") == 0
    assert recorder.asked["swing"] == 0.6
    ask = Endpoints(recorder, Visits(tmp_path, 60.0, 4))  # type: ignore[arg-type]
    for name in ("soundtrack", "compose"):
        assert inspect.signature(ask.function(name)).parameters["swing"].default == 0.5
    with pytest.raises(gr.Error):  # of a studio that makes nothing
        ask.function("soundtrack")("clip.mp4", swing=0.65)
    assert recorder.asked["swing"] == 0.65
    assert Commission(swing=0.7)["swing"] == 0.7
    with gr.Blocks():
        widget = Controls().widgets["swing"]
    assert isinstance(widget, gr.Slider) and widget.label == "Swing"
    settings = {"clip": "a.mp4", "keep": None, "seed": 1, "direction": {}, "swing": 0.6}
    assert "--swing 0.6" in shell_line(settings, "a.mp4")
    assert "swing=0.6" in python_lines(settings, "a.mp4")
    with pytest.raises(PixMusError, match="already"):
        add_choice(swing)


def test_python_takes_a_choice_that_was_added(
    swing: Choice, tiny_model: Path, paint_video: Any
) -> None:
    from pixmus.take.pipeline import PixMusPipeline

    pipe = PixMusPipeline.from_pretrained(tiny_model)
    given = {"num_inference_steps": 1, "swing": 0.6}
    assert pipe(paint_video([(1.0, 40), (1.0, 200)]), **given).settings["swing"] == 0.6
    with pytest.raises(PixMusError, match="The swing is 0.9; give a number from 0.5 to 0.75"):
        pipe("missing.mp4", swing=0.9)
    with pytest.raises(TypeError, match="no choice 'swung'"):
        pipe("missing.mp4", swung=0.6)


@pytest.fixture
def duo() -> Iterator[Ensemble]:
    made = Ensemble("duo", (Part.MELODY, Part.BASS), Style.SONG, words="duet", room=PIANO.room)
    add_ensemble(made)
    yield made
    remove_ensemble(made.name)


def test_an_ensemble_is_added_in_one_place(
    duo: Ensemble, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell(monkeypatch, "soundtrack", "clip.mp4", "--ensemble", "duo") == 0
    assert recorder.asked["ensemble"] == "duo"
    assert Direction(ensemble="duo").ensemble == "duo"
    ask = Endpoints(recorder, Visits(tmp_path, 60.0, 4))  # type: ignore[arg-type]
    with pytest.raises(gr.Error):
        ask.function("soundtrack")("clip.mp4", ensemble="duo")
    assert recorder.asked["ensemble"] == "duo"
    with gr.Blocks():
        assert ("duo", "duo") in Controls().widgets["ensemble"].choices


def test_an_ensemble_that_was_added_is_spotted_and_plays(
    duo: Ensemble,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    paint_video: Any,
    tiny_model: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = paint_video([(2.0, 40), (2.0, 200)])
    words = ["spot", str(clip), "--text", "a duet", "--rules"]
    assert shell(monkeypatch, *words) == 0
    assert '"ensemble": "duo"' in Path("cues.json").read_text()
    words = ["compose", "cues.json", "--steps", "1", "--seed", "1", "--model", str(tiny_model)]
    assert shell(monkeypatch, *words) == 0

    from pixmus.take.pipeline import PixMusPipeline

    pipe = PixMusPipeline.from_pretrained(tiny_model)
    take = pipe(clip, direction=Direction(ensemble="duo"), seed=1, num_inference_steps=1)
    assert set(take.score.parts) == {"melody", "bass"} == set(take.stems)
    write_midi(take.score, "duo.mid")
    assert shell(monkeypatch, "render", "duo.mid", "--ensemble", "duo", "--out", "duo.wav") == 0
    assert Path("duo.wav").stat().st_size > 44
