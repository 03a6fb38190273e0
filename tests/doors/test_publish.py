"""What is uploaded is whole and checked, arrives as one commit, and replaces nothing else."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import use_hub
from loopback_hub import TOKEN, LoopbackHub, Repository, dead_address
from short_music import music_of
from typer.testing import CliRunner

from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.doors import cli
from pixmus.doors.publish import (
    LARGEST_SPACE_FILE,
    MARKS,
    SPACE_NEEDS,
    SPACE_TAKES,
    SPACE_TORCH,
    check_card,
    check_space_readme,
    front_matter,
    listing,
    stage_model,
    stage_space,
    staging,
    upload,
)
from pixmus.errors import PixMusError
from pixmus.model.folder import write_manifest
from pixmus.take.pipeline import PixMusPipeline

REPOSITORY = Path(__file__).parents[2]
NAME = "someone/mine"


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def staged(tiny_model: Path, tmp_path: Path) -> Path:
    """A tiny model as it is uploaded."""
    with staging(tmp_path / "staged") as place:
        stage_model(tiny_model, place)
    return tmp_path / "staged"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the real README and requirements and a small app."""
    made = tmp_path / "root"
    (made / "pixmus" / "__pycache__").mkdir(parents=True)
    for name in ("README.md", "requirements.txt", "packages.txt"):
        shutil.copyfile(REPOSITORY / name, made / name)
    (made / "app.py").write_text("print()\n")
    (made / "pixmus" / "__init__.py").write_text("")
    (made / "pixmus" / "__pycache__" / "pipeline.pyc").write_bytes(b"")
    (made / "docs").mkdir()
    (made / "docs" / "experiments.md").write_text("")
    (made / "tests").mkdir()
    (made / "tests" / "test_pipeline.py").write_text("")
    return made


def test_a_dry_run_writes_the_whole_model_without_a_network(
    hub: LoopbackHub, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub(monkeypatch, dead_address())
    out = tmp_path / "out"
    (tiny_model / "notes.txt").write_text("not part of the model")
    asked = ["publish", NAME, "--model", str(tiny_model), "--dry-run", "--out", str(out)]
    done = CliRunner().invoke(cli.build(), asked)
    (tiny_model / "notes.txt").unlink()
    assert done.exit_code == 0, done.output
    assert files_of(out) == files_of(tiny_model) and hub.requests == []
    assert music_of(PixMusPipeline.from_pretrained(out)) == music_of(
        PixMusPipeline.from_pretrained(tiny_model)
    )
    lines = done.stdout.splitlines()
    for name in files_of(out):
        size = (out / name).stat().st_size
        assert any(line.split() == [f"{size:,}", name] for line in lines), name
    total = sum((out / name).stat().st_size for name in files_of(out))
    assert lines[-2].split() == [f"{total:,}", "bytes", "in", str(len(files_of(out))), "files"]
    again = CliRunner().invoke(cli.build(), asked)
    assert "is there already; name a new folder with --out" in str(again.exception)
    stray = CliRunner().invoke(cli.build(), [word for word in asked if word != "--dry-run"])
    assert "is the folder of a dry run; add --dry-run" in str(stray.exception)


def test_published_and_loaded_again_it_writes_the_same_take(
    hub: LoopbackHub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    done = CliRunner().invoke(
        cli.build(), ["publish", NAME, "--model", str(tiny_model), "--private"]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == f"{hub.address}/{NAME}"
    repository = hub.repositories["model", NAME]
    assert repository.is_private and len(repository.commits) == 1
    assert set(repository.commits[0][1]) == files_of(tiny_model)
    here, there = PixMusPipeline.from_pretrained(tiny_model), PixMusPipeline.from_pretrained(NAME)
    assert any(music_of(here).values()) and music_of(there) == music_of(here)


def test_published_again_only_stale_weights_go(hub: LoopbackHub, staged: Path) -> None:
    upload(staged, NAME, "model", token=TOKEN)
    repository = hub.repositories["model", NAME]
    old = dict(repository.commits[-1][1])
    repository.commit(old | {"plan_denoiser/of-more-shards.safetensors": b"", "mine.txt": b"kept"})
    upload(staged, NAME, "model", token=TOKEN)
    assert repository.commits[-1][1] == old | {"mine.txt": b"kept"}
    assert len(repository.commits) == 3


def hold_something_else(hub: LoopbackHub) -> None:
    hub.repositories["model", NAME] = Repository()
    hub.repositories["model", NAME].commit({"config.json": b"{}", "README.md": b""})


def be_public(hub: LoopbackHub) -> None:
    hub.repositories["model", NAME] = Repository()
    hub.repositories["model", NAME].commit({"manifest.json": b"{}"})


def want_payment(hub: LoopbackHub) -> None:
    hub.refuse_to_create = 402


def break_down(hub: LoopbackHub) -> None:
    hub.fail_with = 503


@pytest.mark.parametrize(
    "happens, asked, words",
    [
        (
            None,
            {"token": None},
            "the Hub does not let you write there; log in with `hf auth login`",
        ),
        (None, {"token": "hf_wrong"}, "the Hub does not let you write there"),
        (None, {"repository": "mine"}, "'mine' is no name that the Hub allows; write USER/NAME"),
        (None, {"repository": "a b/c"}, "is no name that the Hub allows; write USER/NAME"),
        (hold_something_else, {}, r"holds something else \(config.json\); choose another name"),
        (be_public, {"private": True}, "is on the Hub already and is public; make it private"),
        (want_payment, {}, "the Hub wants a paid plan for it"),
        (break_down, {}, "the Hub answered with error 503"),
    ],
)
def test_what_keeps_it_from_being_published_is_one_sentence(
    hub: LoopbackHub,
    staged: Path,
    happens: Callable[[LoopbackHub], None] | None,
    asked: dict,
    words: str,
) -> None:
    if happens is not None:
        happens(hub)
    before = {name: len(repository.commits) for name, repository in hub.repositories.items()}
    keywords = {"repository": NAME, "token": TOKEN, "repo_type": "model", **asked}
    with pytest.raises(PixMusError, match=words) as caught:
        upload(staged, **keywords)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert before == {name: len(found.commits) for name, found in hub.repositories.items()}


def test_without_a_network_it_says_so_at_once(
    hub: LoopbackHub, staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    use_hub(monkeypatch, dead_address())
    with pytest.raises(PixMusError, match="the Hub cannot be reached; check the network, or add"):
        upload(staged, NAME, "model", token=TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PixMusError, match="offline mode .HF_HUB_OFFLINE. forbids it"):
        upload(staged, NAME, "model", token=TOKEN)


@pytest.mark.parametrize(
    "before, after, lacking",
    [
        (r"^license: .*\n", "", "license in its front matter"),
        (r"^pipeline_tag: .*\n", "", "pipeline_tag in its front matter"),
        (r"\A---\n.*?^---\n", "", "license in its front matter, library_name in"),
        (r"^## Limits\n", "## Other\n", "a section Limits"),
        (r"^## Intended use\n", "", "a section Intended use"),
        (r"^\| data \|.*?\n\n", "\n", "a table of data and licences under Training"),
    ],
)
def test_a_card_that_lacks_something_is_refused(
    tiny_model: Path, tmp_path: Path, before: str, after: str, lacking: str
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    card = tmp_path / "model" / "README.md"
    text = card.read_text()
    card.write_text(re.sub(before, after, text, count=1, flags=re.M | re.S))
    assert card.read_text() != text
    with pytest.raises(PixMusError, match=f"lacks .*{lacking}"):
        stage_model(tmp_path / "model", tmp_path)
    card.unlink()
    with pytest.raises(PixMusError, match="has no card; write"):
        stage_model(tmp_path / "model", tmp_path)


def test_what_a_card_leaves_open_is_told(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    text = (REPOSITORY / "checkpoints" / "pixmus" / "README.md").read_text()
    card.write_text(text)
    assert check_card(card) == []
    card.write_text(
        re.sub(r"(## Figures\n).*?(?=\n## )", r"\1\nNot measured yet.\n", text, flags=re.S)
    )
    assert check_card(card) == ["the card says of Figures: Not measured yet"]


def test_the_card_of_a_model_of_ones_own_is_whole(tmp_path: Path) -> None:
    from pixmus.training.model_card import write_card

    UnmaskingScheduler().save_config(tmp_path / "scheduler")
    sizes = {"width": 16, "num_layers": 1, "unit_width": 8}
    learned = dict.fromkeys(("iterations", "held_out_loss", "wall_minutes"), 1)
    facts = {
        **dict.fromkeys(("plan", "voices"), learned | {"dtype": "float32"}),
        "device": "cpu",
        "parameters": 1000,
        "corpus_weights": {"own": 1.0},
        "arguments": {"corpus": "my-midi", "beats_per_batch": 64, "half_bars_per_batch": 64},
    }
    for name, told in (
        ("training.json", facts),
        ("plan_denoiser/config.json", sizes),
        ("voice_network/config.json", sizes),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(told))
    write_card(tmp_path)
    assert "--corpus my-midi" in (tmp_path / "README.md").read_text()
    assert check_card(tmp_path / "README.md") == [
        "the card says of Figures: Not measured yet",
        "the card says of Training: yours to know",
    ]


def test_a_broken_model_is_not_published(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    config = tmp_path / "model" / "plan_denoiser" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_conditions": 7}))
    write_manifest(tmp_path / "model")
    with pytest.raises(PixMusError, match="made for another version of PixMus"):
        stage_model(tmp_path / "model", tmp_path / "place")


def test_the_repository_is_a_valid_space(root: Path) -> None:
    facts = check_space_readme(root / "README.md")
    pins = (REPOSITORY / "constraints.txt").read_text()
    assert f"gradio=={facts['sdk_version']}\n" in pins
    assert facts["app_file"] == "app.py" and facts["python_version"] == "3.12"
    assert (REPOSITORY / "packages.txt").read_text().split() == ["libfluidsynth3"]
    taken = [REPOSITORY / name for name in (*SPACE_NEEDS, *SPACE_TAKES)]
    sizes = [path.stat().st_size for place in taken for path in (place, *place.rglob("*"))
             if path.is_file()]  # fmt: skip
    assert len(sizes) > 50 and max(sizes) <= LARGEST_SPACE_FILE


def test_a_staged_space_is_whole(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "space"
    assert stage_space(place, root=root) == {}
    needed = {"README.md", "app.py", "requirements.txt", "packages.txt", "pixmus/__init__.py"}
    assert files_of(place) == needed | {"docs/experiments.md"}
    assert MARKS["space"] in needed  # by which it is known again, whatever version put it there
    assert (REPOSITORY / MARKS["space"]).is_file()
    assert (place / "README.md").read_text() == (root / "README.md").read_text()
    mine, theirs = (
        (folder / "requirements.txt").read_text().splitlines() for folder in (root, place)
    )
    assert set(theirs) - set(mine) == {SPACE_TORCH} and len(mine) == len(theirs)


def test_a_space_arrives_with_the_model_that_it_loads(
    hub: LoopbackHub, root: Path, tmp_path: Path
) -> None:
    place = tmp_path / "space"
    variables = stage_space(place, "someone/model", root)
    facts = front_matter(place / "README.md")
    assert facts["models"] == facts["preload_from_hub"] == ["someone/model"]
    assert check_space_readme(place / "README.md") == facts
    address = upload(place, NAME, "space", token=TOKEN, variables=variables)
    made = hub.repositories["space", NAME]
    assert address == f"{hub.address}/spaces/{NAME}" and made.sdk == "gradio"
    assert made.variables == {"PIXMUS_MODEL": "someone/model"} and not made.is_private
    assert set(made.commits[-1][1]) == files_of(place)


def enlarge(root: Path) -> None:
    (root / "docs" / "film.mp4").write_bytes(bytes(LARGEST_SPACE_FILE + 1))


def edit(before: str, after: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        readme = root / "README.md"
        assert before in readme.read_text()
        readme.write_text(readme.read_text().replace(before, after, 1))

    return change


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda root: (root / "app.py").unlink(), "is no Space: it holds no app.py; publish"),
        (enlarge, "film.mp4 has 9.0 MB, and a Space takes plain files up to 9 MB"),
        (edit("sdk: gradio", "sdk: docker"), "sdk docker instead of gradio"),
        (edit("sdk_version: ", "sdk_version: '>=6' #"), "instead of an exact one"),
        (edit("app_file: app.py", "app_file: page.py"), "app_file page.py that is not there"),
        (edit("title: PixMus\n", ""), "has no title; mend"),
        (edit("short_description: ", f"short_description: {'very ' * 12}"), "more than 60"),
        (edit("title: PixMus", "title: [PixMus"), "is no YAML"),
    ],
)
def test_a_space_that_the_hub_would_refuse_is_refused(
    root: Path, tmp_path: Path, change: Callable[[Path], object], words: str
) -> None:
    change(root)
    with pytest.raises(PixMusError, match=words):
        stage_space(tmp_path / "space", root=root)


def test_listing_counts(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(1234))
    (tmp_path / "c").write_bytes(b"1")
    assert [line.split() for line in listing(tmp_path)] == [
        ["1,234", "a/b"],
        ["1", "c"],
        ["1,235", "bytes", "in", "2", "files"],
    ]
