"""End to end with a tiny real model; the model folder; same seed, same take."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
import torch
from tiny_model import pipeline_of

from pixmus.check.findings import check_score
from pixmus.check.ranges import Ranges, RangeTable
from pixmus.compose.writing import Writers
from pixmus.cues.direction import Direction
from pixmus.cues.encoder import ConditioningEncoder
from pixmus.cues.sheet import CueSheet
from pixmus.cues.spotting import spot
from pixmus.errors import PixMusError
from pixmus.model.folder import MANIFEST, write_manifest
from pixmus.picture.footage import watch
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi
from pixmus.take.description import describe_take
from pixmus.take.exports import stem_files
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.soundtrack import Soundtrack

STEPS = 2
# As if real music were never silent, and always on the scale.
RANGES = Ranges({"any": {("melody",): RangeTable(100, {"silence": (0, 0), "off_scale": (0, 0)})}})

WAY = ["picture", "cues", "compose", "check", "sound"]  # the rooms from a clip to its soundtrack


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory, writers: Writers) -> Path:
    """A tiny model with random weights, saved as a real one is."""
    pipe = pipeline_of(writers)
    pipe.descriptor_ranges = RANGES
    folder = tmp_path_factory.mktemp("model")
    pipe.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pipe(model_folder: Path) -> PixMusPipeline:
    return PixMusPipeline.from_pretrained(model_folder)


@pytest.fixture
def clip(paint_video: Callable[..., Path]) -> Path:
    return paint_video([(2.0, 40), (2.5, 200), (1.5, 90)])


def test_a_clip_becomes_a_scored_clip_and_a_bundle(
    pipe: PixMusPipeline, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[str] = []
    take = pipe(
        clip,
        num_inference_steps=STEPS,
        seed=3,
        on_stage=lambda name, share: stages.append(name) if share is None else None,
    )
    assert stages == ["watch", "spot", "fit", "compose", "render", "mix"] == list(take.timings)
    assert take.cue_sheet.cuts == pytest.approx((2.0, 4.5))
    assert take.music.shape == take.sound.shape == (2, round(take.video.duration * 44100))
    take.write_video(tmp_path / "first.mp4")
    with monkeypatch.context() as patch:  # the clip is not encoded a second time
        patch.setattr("pixmus.take.soundtrack.mux", None)
        take.save(tmp_path / "take")
    scored = probe(tmp_path / "take" / "scored.mp4")
    assert (tmp_path / "first.mp4").read_bytes() == scored.path.read_bytes()
    (tmp_path / "first.mp4").write_bytes(b"of somebody else")
    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr("pixmus.take.soundtrack.mux", None)
        take.save(tmp_path / "other")
    assert scored.duration == pytest.approx(probe(clip).duration, abs=0.001)
    sound = read_audio(scored)
    assert sound is not None and np.abs(sound).max() > 0.05
    written = {str(p.relative_to(tmp_path / "take")) for p in (tmp_path / "take").rglob("*.*")}
    expected = "music.wav score.mid cues.json markers.csv cues.png pianoroll.png spectrogram.png"
    assert {"scored.mp4", "take.json", *expected.split()} <= written
    assert {f"stems/{name}" for name in stem_files(take.stems).values()} <= written
    facts = json.loads((tmp_path / "take" / "take.json").read_text())
    assert facts["seed"] == 3 and facts["settings"]["num_inference_steps"] == STEPS
    assert facts["sha256"]["model"] == pipe.model_sha256
    assert pipe.descriptor_ranges == RANGES and take.check is not None
    assert facts["check"] == take.check.describe() and facts["check"]["real_windows"] == 100
    assert facts["check"] == check_score(take.score, RANGES, take.cue_sheet.style).describe()
    assert {"guidance_scale", "timing_guidance_scale", "synth", "font"} <= facts["settings"].keys()
    assert CueSheet.load(tmp_path / "take" / "cues.json").cuts == take.cue_sheet.cuts
    played = read_midi(tmp_path / "take" / "score.mid").parts
    assert {part: len(notes) for part, notes in played.items()} == {
        part: len(notes) for part, notes in take.score.parts.items()
    }


def notes_of(take: Soundtrack) -> dict:
    return take.score.parts


def test_same_seed_same_take_whatever_was_made_in_between(pipe: PixMusPipeline, clip: Path) -> None:
    footage = watch(clip)
    first = pipe(footage, num_inference_steps=STEPS, seed=5)
    other = pipe(footage, num_inference_steps=STEPS, generator=torch.Generator().manual_seed(1))
    again = pipe(footage, num_inference_steps=STEPS, seed=5)
    assert notes_of(first) == notes_of(again) != notes_of(other)
    # FluidSynth starts its voices up to a block's rounding apart from call to call: 54 dB below.
    difference = first.music - again.music
    assert np.sqrt((difference**2).mean()) < 2e-3 * np.sqrt((first.music**2).mean())


def test_the_way_from_picture_to_sound_enters_each_room_once(
    pipe: PixMusPipeline, clip: Path
) -> None:
    """Each room takes what the one before made; what the pipeline asks of them goes one way."""
    rooms: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back.f_globals.get("__name__") if frame.f_back else None
        if event == "call" and caller == PixMusPipeline.__module__:
            room = frame.f_globals["__name__"].split(".")[1:2]
            if room and room[0] in WAY and rooms[-1:] != room:
                rooms.extend(room)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        pipe(clip, seed=1, num_inference_steps=2)
    finally:
        sys.setprofile(before)
    if rooms[0] == "sound":  # who plays is found before anything is done
        del rooms[0]
    assert rooms == WAY


def test_direction_and_edited_cue_sheets_are_followed(pipe: PixMusPipeline, clip: Path) -> None:
    footage = watch(clip)
    direction = Direction(key="D minor", ensemble="strings", tempo_bpm=90.0)
    take = pipe(footage, direction=direction, num_inference_steps=STEPS, seed=1)
    assert take.score.key == "D minor" and set(take.score.parts) == set(take.cue_sheet.parts)
    same = pipe(footage, cue_sheet=take.cue_sheet, num_inference_steps=STEPS, seed=1)
    assert notes_of(same) == notes_of(take)
    score = pipe.compose(take.cue_sheet, num_inference_steps=STEPS, seed=1)
    assert score.parts == take.score.parts


def test_a_kept_score_changes_only_where_it_is_redone(pipe: PixMusPipeline, clip: Path) -> None:
    footage = watch(clip)
    take = pipe(footage, num_inference_steps=STEPS, seed=1, direction=Direction(tempo_bpm=120.0))
    assert take.settings["keep"] is None
    asked = {"keep": take.score, "redo_bars": (2,), "redo_parts": "harmony"}
    again = pipe(footage, cue_sheet=take.cue_sheet, **asked, num_inference_steps=STEPS, seed=2)
    start, end = take.tempo_map.bar_starts[1], take.tempo_map.bar_starts[2]
    for part, notes in take.score.parts.items():
        changed = set(notes) ^ set(again.score.parts[part])
        assert bool(changed) == (part == "harmony")
        assert all(start <= note.onset < end for note in changed)
    assert again.tempo_map == take.tempo_map
    assert again.settings["keep"]["bars"] == "2"
    assert describe_take(again)["settings"]["keep"]["parts"] == ["harmony"]
    alone = pipe.compose(take.cue_sheet, **asked, num_inference_steps=STEPS, seed=2)
    assert alone.parts == again.score.parts
    with pytest.raises(PixMusError, match="score that is kept"):
        pipe.compose(take.cue_sheet, redo_bars="2")


def test_the_callback_sees_every_inference_step(pipe: PixMusPipeline, clip: Path) -> None:
    heard: list[tuple[int, float]] = []
    shapes = set()

    def hear(_: object, step: int, share: float, kept: dict[str, torch.Tensor]) -> None:
        heard.append((step, share))
        shapes.add(tuple(kept["latents"].shape))

    pipe(clip, num_inference_steps=4, seed=1, callback_on_step_end=hear)
    steps, shares = zip(*heard, strict=True)
    assert steps[:8] == tuple(range(8)) and list(steps) == sorted(steps)  # the plan, drawn twice
    assert shares[0] == 0 and shares[-1] < 1 and list(shares) == sorted(shares)
    assert len(shapes) >= 2  # tokens of the plan, and of a window of voices


def test_saved_weights_are_smaller_and_the_pipeline_stays_whole(
    model_folder: Path, pipe: PixMusPipeline, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in pipe.plan_denoiser.state_dict().items()}
    pipe.save_pretrained(tmp_path / "again")
    assert pipe.plan_denoiser.dtype == pipe.voice_network.dtype == torch.float32
    again = PixMusPipeline.from_pretrained(tmp_path / "again")
    for name, value in again.plan_denoiser.state_dict().items():
        assert torch.equal(value, before[name]), name  # it was loaded from halves itself
    for name, value in again.voice_network.state_dict().items():  # bytes, of a scale a row
        old = pipe.voice_network.state_dict()[name]
        assert (value - old).abs().max() <= 0.01 * old.abs().max(), name


def copy_of(folder: Path, target: Path) -> Path:
    import shutil

    return Path(shutil.copytree(folder, target))


def test_a_flipped_byte_is_found(model_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(model_folder, tmp_path / "model")
    shard = next((folder / "voice_network").glob("*.safetensors"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(PixMusError, match=f"damaged: voice_network/{shard.name}"):
        PixMusPipeline.from_pretrained(folder)


def test_a_missing_file_is_named(model_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(model_folder, tmp_path / "model")
    (folder / "scheduler" / "scheduler_config.json").unlink()
    with pytest.raises(PixMusError, match="incomplete: scheduler/scheduler_config.json is missing"):
        PixMusPipeline.from_pretrained(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(PixMusError, match="no PixMus model: it holds no manifest.json"):
        PixMusPipeline.from_pretrained(folder)
    with pytest.raises(PixMusError, match="neither a folder here nor a Hub id"):
        PixMusPipeline.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"num_inference_steps": 0}, "number of inference steps is 0"),
        ({"guidance_scale": -1.0}, "guidance scale is -1"),
        ({"timing_guidance_scale": float("nan")}, "timing guidance scale is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"original_audio": "loud"}, "choose one of keep, duck, drop"),
    ],
)
def test_wrong_settings_are_refused_before_the_clip_is_watched(
    pipe: PixMusPipeline, wrong: dict, sentence: str
) -> None:
    with pytest.raises(PixMusError, match=sentence):
        pipe("missing.mp4", **wrong)


def test_a_cue_sheet_of_another_clip_is_refused(pipe: PixMusPipeline, clip: Path) -> None:
    footage = watch(clip)
    other = replace(footage, video=replace(footage.video, duration=4.0))
    with pytest.raises(PixMusError, match="for a clip of 6.00 s"):
        pipe(other, cue_sheet=spot(footage.features), num_inference_steps=STEPS)


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"curve_tables.json": ""}', '{"model_index.json": ""}'],
)
def test_a_manifest_that_names_too_little_is_refused(
    model_folder: Path, tmp_path: Path, text: str
) -> None:
    folder = copy_of(model_folder, tmp_path / "model")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(PixMusError, match="does not name all of it"):
        PixMusPipeline.from_pretrained(folder)


@pytest.mark.parametrize("change", [{"num_conditions": 7}, {"field_sizes": [2, 3]}])
def test_a_model_of_another_version_is_refused(
    model_folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = copy_of(model_folder, tmp_path / "model")
    config = folder / "plan_denoiser" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    write_manifest(folder)
    with pytest.raises(PixMusError, match="another version of PixMus"):
        PixMusPipeline.from_pretrained(folder)


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ("model_index.json", "{}"),
        ("model_index.json", "[" * 100_000),
        ("plan_denoiser/config.json", '{"width": "wide"}'),
        ("voice_network/config.json", "\0"),
        ("scheduler/scheduler_config.json", "[1]"),
        ("curve_tables.json", "{}"),
        ("curve_tables.json", '{"density": [1, 0]}'),
        ("voice_network/diffusion_pytorch_model.safetensors", "no tensors"),
        ("descriptor_ranges.json", "[]"),
        ("manifest.json", "[" * 100_000),
        ("manifest.json", '{"model_index.json": 1, "curve_tables.json": []}'),
        ("manifest.json", '{"model_index.json": "", "curve_tables.json": "", '
         '"../secret": ""}'),
    ],
)  # fmt: skip
def test_whatever_is_wrong_in_a_model_folder_is_one_sentence(
    model_folder: Path, tmp_path: Path, file: str, wrong: str
) -> None:
    folder = copy_of(model_folder, tmp_path / "model")
    (folder / file).write_text(wrong)
    if file != MANIFEST:
        write_manifest(folder)
    with pytest.raises(PixMusError) as raised:
        PixMusPipeline.from_pretrained(folder)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize("file", ["plan_denoiser/config.json", "voice_network/config.json"])
def test_settings_that_are_a_name_ask_no_other_host_for_a_model_of_that_name(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *where, **_: asked.append(where) or [])
    folder = copy_of(model_folder, tmp_path / "model")
    (folder / file).write_text('"somebody/model"')
    write_manifest(folder)
    with pytest.raises(PixMusError, match=f"{file} holds no settings"):
        PixMusPipeline.from_pretrained(folder)
    assert not asked


@pytest.mark.parametrize("network", ["plan_denoiser", "voice_network"])
def test_weights_that_are_no_numbers_are_refused(
    writers: Writers, tmp_path: Path, network: str
) -> None:
    whole = pipeline_of(writers)
    with torch.no_grad():
        next(getattr(whole, network).parameters()).view(-1)[0] = float("nan")
    whole.save_pretrained(tmp_path)
    with pytest.raises(PixMusError, match="cannot be loaded"):
        PixMusPipeline.from_pretrained(tmp_path)


def test_a_model_with_an_encoder_spots_by_it_and_one_without_by_rules(
    pipe: PixMusPipeline, writers: Writers, tmp_path: Path, clip: Path
) -> None:
    footage = watch(clip)
    assert pipe.encoder is None
    assert pipe.spot(footage.features).to_json() == spot(footage.features).to_json()
    encoder = ConditioningEncoder()
    encoder.curve_mean.data.fill_(-0.3)
    encoder.eval()
    whole = pipeline_of(writers, encoder=encoder)
    whole.save_pretrained(tmp_path)
    loaded = PixMusPipeline.from_pretrained(tmp_path)
    sheet = loaded.spot(footage.features)
    assert sheet.to_json() == encoder.spot(footage.features).to_json()
    assert sheet.to_json() != spot(footage.features).to_json()
    assert any(
        name.startswith("encoder/") for name in json.loads((tmp_path / MANIFEST).read_text())
    )
    take = loaded(footage, num_inference_steps=STEPS, seed=1, text="slow and dark, no drums")
    assert take.settings["text"] and "text" in take.cue_sheet.inputs
    assert "drums" not in take.cue_sheet.parts


def test_a_model_that_is_saved_again_names_no_folder_of_this_machine(
    pipe: PixMusPipeline, tmp_path: Path
) -> None:
    pipe.save_pretrained(tmp_path / "again")
    again = PixMusPipeline.from_pretrained(tmp_path / "again")
    again.save_pretrained(tmp_path / "once more")
    written = [path.read_text() for path in (tmp_path / "once more").rglob("*.json")]
    assert written and not any(str(tmp_path) in text for text in written)
