"""Models, Spaces and datasets put on the Hub, by way of a folder of exactly what is uploaded.

`stage_model` and `stage_space` fill that folder and check it (`dataset.card.stage_dataset` does it
for a dataset); `upload` puts it on the Hub as one
commit, so that nobody ever loads one half of a model. Without a network everything but `upload`
works.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY, new_folder
from pixmus.hub import CARD
from pixmus.model.folder import MANIFEST, model_folder
from pixmus.take.pipeline import PixMusPipeline

RepoType = Literal["model", "space", "dataset"]

CARD_FACTS = ("license", "library_name", "pipeline_tag", "tags")
CARD_SECTIONS = ("Training", "Figures", "Intended use", "Limits")

SPACE_NEEDS = ("README.md", "app.py", "requirements.txt", "packages.txt", "pixmus")
SPACE_TAKES = ("LICENSE", "CITATION.cff", "CHANGELOG.md", "checkpoints/pixmus", "examples", "docs")
SPACE_FACTS = ("title", "emoji", "sdk", "sdk_version", "python_version", "app_file", "license")
# The newest torch that Spaces with a GPU take (ZeroGPU) is 2.11; those without take any.
SPACE_TORCH = "torch>=2.8,<2.12"
LARGEST_SPACE_FILE = 9_000_000  # bytes; the Hub refuses plain files above 10 MiB
LONGEST_DESCRIPTION = 60  # characters that the Hub allows

# What tells a repository that may be written again from one that holds something else.
MARKS: Mapping[RepoType, str] = {
    "model": MANIFEST,
    "space": "pixmus/__init__.py",
    "dataset": "recipes.json",
}
# Files of an earlier version that are taken away where the new one has none of that name.
REPLACED: Mapping[RepoType, str] = {
    "model": r".*\.safetensors",
    "space": r"(pixmus|checkpoints)/.*",
    "dataset": r"media/.*",
}


@contextmanager
def staging(out: Path | None) -> Iterator[Path]:
    """An empty folder to stage in: `out`, which must be new and stays, or one that vanishes."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="pixmus-") as place:
            yield Path(place)
        return
    if out.exists():
        raise PixMusError(f"{out} is there already; name a new folder with --out.")
    with new_folder(out) as folder:
        yield folder


def stage_model(model: str | Path | None, place: Path, revision: str | None = None) -> list[str]:
    """Put the files of a model into the empty folder `place`; what its card leaves open is told.

    The model (named as in `PixMusPipeline.from_pretrained`) is loaded, its card checked complete.
    """
    folder, _ = model_folder(model, revision)
    card = folder / CARD
    if not card.is_file():
        raise PixMusError(
            f"The model in {folder} has no card; write {card} from the one in checkpoints/pixmus."
        )
    notices = check_card(card)
    PixMusPipeline.from_pretrained(folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in [CARD, MANIFEST, *(name for name in manifest if name != "format")]:
        _copy(folder / name, place / name)
    return notices


def check_card(card: Path) -> list[str]:
    """What the card leaves open, said in lines; a card that lacks something is refused."""
    text = card.read_text()
    facts = front_matter(card)
    lacking = [f"{name} in its front matter" for name in CARD_FACTS if not facts.get(name)]
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    lacking += [f"a section {name}" for name in CARD_SECTIONS if not sections.get(name, "").strip()]
    table = r"^\|.*\bdata\b.*\blicence\b.*\|\n\|[-| ]+\|\n\|"
    if "Training" in sections and not re.search(table, sections["Training"], re.M):
        lacking.append("a table of data and licences under Training")
    if lacking:
        raise PixMusError(f"The card {card} lacks {', '.join(lacking)}; write it, then publish.")
    open_questions = {"Figures": "Not measured yet", "Training": "yours to know"}
    return [
        f"the card says of {name}: {words}"
        for name, words in open_questions.items()
        if words in sections[name]
    ]


def stage_space(place: Path, model: str | None = None, root: Path = REPOSITORY) -> dict[str, str]:
    """Put the Space into the empty folder `place`; returns the variables that it is to have.

    `root` is the repository. With `model`, a Hub id, the Space loads that one, which its build
    fetches beforehand, in place of the one that comes along.
    """
    missing = [name for name in SPACE_NEEDS if not (root / name).exists()]
    if missing:
        raise PixMusError(
            f"{root} is no Space: it holds no {' and no '.join(missing)}; publish a Space from a "
            "whole copy of the PixMus repository."
        )
    check_space_readme(root / CARD)
    for name in (*SPACE_NEEDS, *SPACE_TAKES):
        for path in _files(root / name):
            if path.stat().st_size > LARGEST_SPACE_FILE:
                raise PixMusError(
                    f"{path} has {path.stat().st_size / 1e6:.1f} MB, and a Space takes plain files "
                    "up to 9 MB; make it smaller or take it away."
                )
            _copy(path, place / path.relative_to(root))
    requirements = place / "requirements.txt"
    text = re.sub(r"^torch\b.*$", SPACE_TORCH, requirements.read_text(), flags=re.M)
    requirements.write_text(text)
    if model is None:
        return {}
    check_repository_name(model)
    readme = place / CARD
    begin, facts, rest = readme.read_text().split("---\n", 2)
    facts += f"models:\n- {model}\npreload_from_hub:\n- {model}\n"
    readme.write_text("---\n".join((begin, facts, rest)))
    return {"PIXMUS_MODEL": model}


def check_space_readme(readme: Path) -> dict[str, Any]:
    """The front matter of a Space's README; raise where the Hub would refuse it."""
    facts = front_matter(readme)
    wrong = [f"no {name}" for name in SPACE_FACTS if not facts.get(name)]
    if facts.get("sdk") not in (None, "gradio"):
        wrong.append(f"sdk {facts['sdk']} instead of gradio")
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(facts.get("sdk_version", "0.0.0"))):
        wrong.append(f"sdk_version {facts['sdk_version']} instead of an exact one")
    if len(str(facts.get("short_description", ""))) > LONGEST_DESCRIPTION:
        wrong.append(f"a short_description of more than {LONGEST_DESCRIPTION} characters")
    if not (readme.parent / str(facts.get("app_file", ""))).is_file():
        wrong.append(f"an app_file {facts.get('app_file')} that is not there")
    if wrong:
        raise PixMusError(f"The front matter of {readme} has {', '.join(wrong)}; mend it there.")
    return facts


def front_matter(card: Path) -> dict[str, Any]:
    """What the YAML block at the top of a Markdown file says; empty where there is none."""
    from huggingface_hub.repocard import metadata_load

    try:
        return metadata_load(card) or {}
    except ValueError as error:  # YAML that is no mapping
        raise PixMusError(f"The front matter of {card} is no list of names and values.") from error
    except Exception as error:  # what the YAML reader raises has no class of the standard library
        if type(error).__module__.split(".")[0] != "yaml":
            raise
        told = " ".join(str(error).split())
        raise PixMusError(f"The front matter of {card} is no YAML ({told}); mend it.") from error


def check_repository_name(repository: str) -> None:
    """Raise unless the Hub allows the name, which is USER/NAME."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
        is_allowed = repository.count("/") == 1
    except HFValidationError:
        is_allowed = False
    if not is_allowed:
        raise PixMusError(
            f"{repository!r} is no name that the Hub allows; write USER/NAME with letters, digits, "
            "dashes, dots and underscores."
        )


def listing(folder: Path) -> list[str]:
    """Size and name of every file in a staged folder, and their sum; a line each."""
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in _files(folder)}
    lines = [f"{size:>12,}  {name}" for name, size in sorted(sizes.items())]
    return [*lines, f"{sum(sizes.values()):>12,}  bytes in {len(sizes)} files"]


def upload(
    folder: Path,
    repository: str,
    repo_type: RepoType,
    *,
    private: bool = False,
    variables: Mapping[str, str] | None = None,
    token: str | None = None,
) -> str:
    """Put a staged folder on the Hub as one commit; returns the repository's address.

    The repository is made where there is none. One that holds something else is left alone, and
    one that is public where `private` is asked for.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import (
        HTTPError,
        RepositoryNotFoundError,
    )

    check_repository_name(repository)
    api = HfApi(token=token)
    try:
        try:
            info = api.repo_info(repository, repo_type=repo_type)
        except RepositoryNotFoundError:
            there = set()
        else:
            there = {entry.rfilename for entry in getattr(info, "siblings", None) or ()}
            _check_may_write(
                repository, repo_type, there, private and not getattr(info, "private", False)
            )
        address = api.create_repo(
            repository,
            repo_type=repo_type,
            private=private,
            exist_ok=True,
            space_sdk="gradio" if repo_type == "space" else None,
        )
        for name, value in (variables or {}).items():
            api.add_space_variable(repository, name, value)
        added = {str(path.relative_to(folder)): path for path in _files(folder)}
        stale = {name for name in there - added.keys() if re.fullmatch(REPLACED[repo_type], name)}
        api.create_commit(
            repository,
            operations=[
                *(CommitOperationAdd(name, str(path)) for name, path in sorted(added.items())),
                *(CommitOperationDelete(name) for name in sorted(stale)),
            ],
            commit_message=f"PixMus {repo_type}",
            repo_type=repo_type,
        )
    except PixMusError:
        raise
    except (HTTPError, OSError, ValueError) as error:
        _fail(repository, error)
    return str(address)


def _check_may_write(
    repository: str, repo_type: RepoType, there: set[str], is_public: bool
) -> None:
    others = there - {CARD, ".gitattributes"}
    if others and MARKS[repo_type] not in there:
        raise PixMusError(
            f"{repository} is on the Hub already and holds something else ({sorted(others)[0]}); "
            "choose another name."
        )
    if is_public:
        raise PixMusError(
            f"{repository} is on the Hub already and is public; make it private in its settings, "
            "or leave --private out."
        )


def _fail(repository: str, error: Exception) -> NoReturn:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.OfflineModeIsEnabled):
        told = "offline mode (HF_HUB_OFFLINE) forbids it; switch it off, or add --dry-run"
    elif isinstance(error, errors.LocalTokenNotFoundError) or status in (401, 403):
        told = (
            "the Hub does not let you write there; log in with `hf auth login` and a token that "
            "may write, or choose a name under your own"
        )
    elif status == 402:
        told = "the Hub wants a paid plan for it; choose other hardware or another account there"
    elif status is not None:
        said = getattr(error, "server_message", None) or "no reason given"
        told = f"the Hub answered with error {status} ({' '.join(said.split())}); try again later"
    elif isinstance(error, errors.HTTPError):
        told = "the Hub cannot be reached; check the network, or add --dry-run"
    else:
        told = f"{' '.join(str(error).split())}; try again"
    raise PixMusError(f"{repository} could not be published: {told}.") from error


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or every file below a folder but hidden and compiled ones."""
    if path.is_file():
        yield path
    elif path.is_dir():
        for entry in sorted(path.iterdir()):
            if not entry.name.startswith(".") and entry.name != "__pycache__":
                yield from _files(entry)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
