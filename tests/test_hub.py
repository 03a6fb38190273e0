"""Models by folder and by Hub id, through the real client against a Hub on 127.0.0.1."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import use_hub
from loopback_hub import TOKEN, LoopbackHub, Repository, dead_address
from short_music import cue_sheet, music_of

from pixmus.curves import Curve
from pixmus.doors.cli import main
from pixmus.errors import PixMusError
from pixmus.model.folder import write_manifest
from pixmus.picture.backbone import Backbone
from pixmus.score.curves import RAW_CURVES, CurveTables
from pixmus.score.midi import read_midi
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.spotted import load_encoder

NAME = "someone/tiny"
PATIENCE_S = 12.0  # on a busy machine; far below the 23 s of the client's own retries


def changed(folder: Path, target: Path, change: Callable[[Path], object]) -> Path:
    """A copy of a model folder with something else in it, under a manifest that fits."""
    shutil.copytree(folder, target)
    change(target)
    write_manifest(target)
    return target


def refusal(load: Callable[[], object]) -> str:
    """The one sentence that a load ends with, quickly."""
    begun = time.perf_counter()
    with pytest.raises(PixMusError) as caught:
        load()
    assert time.perf_counter() - begun < PATIENCE_S
    told = str(caught.value)
    assert told.endswith(".") and "\n" not in told
    return told


def test_by_id_it_is_the_model_of_the_folder(hub: LoopbackHub, tiny_model: Path) -> None:
    hub.add(NAME, tiny_model)
    here, there = PixMusPipeline.from_pretrained(tiny_model), PixMusPipeline.from_pretrained(NAME)
    assert there.model_sha256 == here.model_sha256
    assert any(music_of(here).values()) and music_of(there) == music_of(here)
    assert load_encoder(NAME) is None


@pytest.mark.parametrize("name", ["v1", "draft", "commit"])
def test_by_revision_it_is_the_model_of_that_version(
    hub: LoopbackHub, tiny_model: Path, tmp_path: Path, name: str
) -> None:
    repository = hub.add(NAME, tiny_model)
    first = repository.names["main"]
    repository.names |= {"v1": first, "draft": first}
    second = changed(tiny_model, tmp_path / "second", stretch_curves)
    files = {str(p.relative_to(second)): p.read_bytes() for p in second.rglob("*") if p.is_file()}
    repository.commit(files)
    revision = first if name == "commit" else name
    assert largest_density(PixMusPipeline.from_pretrained(NAME)) == 2
    assert largest_density(PixMusPipeline.from_pretrained(NAME, revision=revision)) == 1


def stretch_curves(folder: Path) -> None:
    (folder / "curve_tables.json").write_text(
        CurveTables({name: np.linspace(0, 2, 5) for name in RAW_CURVES}).to_json()
    )


def largest_density(pipe: PixMusPipeline) -> float:
    assert pipe.curve_tables is not None
    return float(pipe.curve_tables.tables[Curve.DENSITY][-1])


def test_what_is_in_the_cache_needs_no_hub(
    hub: LoopbackHub, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    repository = hub.add(NAME, tiny_model)
    cache = tmp_path / "elsewhere"
    sha = PixMusPipeline.from_pretrained(NAME, cache_dir=cache).model_sha256
    assert list(cache.glob("models--someone--tiny/snapshots/*/manifest.json"))
    hub.requests.clear()
    local = PixMusPipeline.from_pretrained(NAME, cache_dir=cache, local_files_only=True)
    commit = repository.names["main"]
    pinned = PixMusPipeline.from_pretrained(NAME, cache_dir=cache, revision=commit)
    assert local.model_sha256 == pinned.model_sha256 == sha and hub.requests == []
    begun = time.perf_counter()
    hub.fail_with = 503
    assert PixMusPipeline.from_pretrained(NAME, cache_dir=cache).model_sha256 == sha
    use_hub(monkeypatch, dead_address())
    assert PixMusPipeline.from_pretrained(NAME, cache_dir=cache).model_sha256 == sha
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert PixMusPipeline.from_pretrained(NAME, cache_dir=cache).model_sha256 == sha
    assert time.perf_counter() - begun < PATIENCE_S


def test_a_private_model_wants_a_token(hub: LoopbackHub, tiny_model: Path) -> None:
    hub.add(NAME, tiny_model, is_private=True)
    assert "neither a folder here nor a repository that the Hub shows you" in refusal(
        lambda: PixMusPipeline.from_pretrained(NAME)
    )
    assert "want of a valid token" in refusal(
        lambda: PixMusPipeline.from_pretrained(NAME, token="hf_wrong")
    )
    assert PixMusPipeline.from_pretrained(NAME, token=TOKEN).curve_tables


def test_the_model_that_the_environment_names(
    hub: LoopbackHub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(NAME, tiny_model)
    shipped = PixMusPipeline.from_pretrained().model_sha256
    monkeypatch.setenv("PIXMUS_MODEL", NAME)
    named = PixMusPipeline.from_pretrained().model_sha256
    assert named == PixMusPipeline.from_pretrained(tiny_model).model_sha256 != shipped


def test_the_command_line_asks_the_hub_that_the_environment_names(
    hub: LoopbackHub,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository = hub.add(NAME, tiny_model)
    repository.names["v1"] = repository.names.pop("main")
    cue_sheet().save(tmp_path / "cues.json")
    environment = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    environment |= {"PIXMUS_MODEL": NAME, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    words = ["compose", "cues.json", "--seed", "3", "--steps", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "pixmus", *words, "--revision", "v1"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = read_midi(tmp_path / "score.mid").parts
    heard = music_of(PixMusPipeline.from_pretrained(tiny_model))
    assert any(heard.values())
    assert {part: len(notes) for part, notes in written.items()} == {
        part: len(notes) for part, notes in heard.items()
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXMUS_MODEL", NAME)
    monkeypatch.setattr(sys, "argv", ["pixmus", *words, "--out", "other.mid"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and not (tmp_path / "other.mid").exists()
    assert capsys.readouterr().err == (
        f"pixmus: The PixMus model {NAME} has no revision main; name a branch, tag or commit that "
        "it has.\n"
    )


def gate(hub: LoopbackHub, repository: Repository) -> None:
    repository.is_gated = True


def break_down(hub: LoopbackHub, repository: Repository) -> None:
    hub.fail_with = 503


def damage(hub: LoopbackHub, repository: Repository) -> None:
    files = repository.commits[-1][1]
    name = next(name for name in files if name.endswith(".safetensors"))
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


def lose_a_file(hub: LoopbackHub, repository: Repository) -> None:
    del repository.commits[-1][1]["curve_tables.json"]


def be_newer(hub: LoopbackHub, repository: Repository) -> None:
    files = repository.commits[-1][1]
    files["manifest.json"] = json.dumps({"format": 2, "models": []}).encode()


def be_another_kind(hub: LoopbackHub, repository: Repository) -> None:
    del repository.commits[-1][1]["manifest.json"]


@pytest.mark.parametrize(
    "happens, asked, words",
    [
        (None, {"name": "someone/else"}, "nor a repository that the Hub shows you; check the name"),
        (None, {"revision": "v9"}, "has no revision v9; name a branch"),
        (None, {"revision": "9" * 40}, f"has no revision {'9' * 40}; name a branch"),
        (None, {"local_files_only": True}, "not on this machine yet and offline mode forbids"),
        (None, {"name": "not/a name"}, "nor a name that the Hub allows; write it as USER/NAME"),
        (None, {"name": "no/such/folder"}, "no/such/folder is neither a folder here nor a Hub id"),
        (gate, {}, "is gated; accept its terms on its Hub page"),
        (break_down, {}, "the Hub answered with error 503; try again later"),
        (
            damage,
            {},
            r"is damaged: .*safetensors is not what manifest.json says; remove .*models--",
        ),
        (lose_a_file, {}, "is incomplete: curve_tables.json is missing; remove .*models--"),
        (be_newer, {}, "was made by a newer PixMus than this one; update PixMus"),
        (be_another_kind, {}, "on the Hub but is no PixMus model: it holds no manifest.json"),
    ],
)
def test_each_failure_has_its_own_sentence(
    hub: LoopbackHub,
    tiny_model: Path,
    happens: Callable[[LoopbackHub, Repository], None] | None,
    asked: dict,
    words: str,
) -> None:
    repository = hub.add(NAME, tiny_model)
    if happens is not None:
        happens(hub, repository)
    name, keywords = asked.get("name", NAME), {k: v for k, v in asked.items() if k != "name"}
    told = refusal(lambda: PixMusPipeline.from_pretrained(name, **keywords))
    assert re.search(words, told), told
    if happens is be_another_kind:
        assert hub.fetched() == set()  # nothing of another model is downloaded


@pytest.mark.parametrize("revision", [None, "v1", "a" * 40])
def test_a_dead_network_is_noticed_at_once(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    from huggingface_hub import constants

    use_hub(monkeypatch, dead_address())
    told = refusal(lambda: PixMusPipeline.from_pretrained(NAME, revision=revision))
    assert "is not on this machine yet and the Hub cannot be reached; check the network" in told
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    told = refusal(lambda: PixMusPipeline.from_pretrained(NAME, revision=revision))
    assert "offline mode forbids fetching it" in told
    assert (f"at revision {revision}" in told) == (revision is not None)


def test_a_hub_that_keeps_silent_is_not_waited_for(
    hub: LoopbackHub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixmus.hub.ANSWER_TIMEOUT_S", 0.2)
    hub.add(NAME, tiny_model)
    hub.silence_s = 1.0
    assert "the Hub cannot be reached" in refusal(lambda: PixMusPipeline.from_pretrained(NAME))
    hub.silence_s = 0.0
    sha = PixMusPipeline.from_pretrained(NAME).model_sha256
    hub.silence_s = 1.0
    assert PixMusPipeline.from_pretrained(NAME).model_sha256 == sha


def test_a_folder_has_no_revision(tiny_model: Path, tmp_path: Path) -> None:
    told = refusal(lambda: PixMusPipeline.from_pretrained(tiny_model, revision="v1"))
    assert "is a folder here, so it has no revision v1" in told
    told = refusal(lambda: PixMusPipeline.from_pretrained(tmp_path))
    assert f"{tmp_path} is no PixMus model: it holds no manifest.json" in told


@pytest.fixture(scope="module")
def clip_folder(tiny_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP whose repository holds its weights in other formats too."""
    import torch
    from safetensors.torch import load_file

    folder = tmp_path_factory.mktemp("clip") / "model"
    shutil.copytree(tiny_clip, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "tf_model.h5").write_bytes(b"of another framework")
    return folder


def test_backbones_come_through_the_same_door(hub: LoopbackHub, clip_folder: Path) -> None:
    import torch

    both, old = hub.add("someone/clip", clip_folder), hub.add("someone/old-clip", clip_folder)
    del old.commits[-1][1]["model.safetensors"]
    found = {name: Backbone.load(name) for name in ("someone/clip", "someone/old-clip")}
    first, second = (backbone.model.state_dict() for backbone in found.values())
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert {"model.safetensors", "pytorch_model.bin"} <= hub.fetched()
    assert "tf_model.h5" not in hub.fetched()
    hub.requests.clear()
    Backbone.load("someone/clip")
    Backbone.load("someone/old-clip")
    assert hub.requests == []  # the cache is asked first
    both.is_private = True
    both.names.clear()
    told = refusal(lambda: Backbone.load("someone/clip", revision="v1"))
    assert told.startswith("The backbone someone/clip is neither a folder here nor a repository")


def test_a_gated_backbone_says_so(hub: LoopbackHub, clip_folder: Path) -> None:
    hub.add("someone/clip", clip_folder, is_gated=True)
    told = refusal(lambda: Backbone.load("someone/clip"))
    assert "The backbone someone/clip is gated; accept its terms" in told
