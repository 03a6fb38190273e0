"""A `Job`: one clip of a library with what is asked for it, named by what both are.

Clips come from a folder, a pattern of names or a manifest: a table (.csv, .csv.gz, .parquet) with a
column `clip` and, in any others, the options of `pixmus soundtrack` by name. Folder, pattern and
manifest may be at a URL that fsspec reads.
"""

from __future__ import annotations

import glob
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pixmus.asked import Asked
from pixmus.choice import Choice, Step
from pixmus.choices import SEED, choices_of
from pixmus.dataset.sheets import TABLE_SUFFIXES, read_rows
from pixmus.errors import PixMusError
from pixmus.files import file_sha256
from pixmus.library.places import fetch, files_at, is_url

CLIP, CUTS = "clip", "cuts"  # columns of a manifest beside the choices
# Files of a folder that are clips; any other is passed over.
CLIP_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ogv", ".flv", ".wmv", ".ts", ".m2ts",
    ".mts", ".mpg", ".mpeg", ".gif", ".jpg", ".jpeg", ".png", ".webp", ".avif",
)  # fmt: skip
ID_DIGITS = 20  # hex digits of a job's name
SEEDS = 2**31


def job_choices() -> list[Choice]:
    """What may be asked for a clip of a library: all of `soundtrack` but several takes."""
    return choices_of(Step.WATCH, Step.WISH, Step.SPOT, Step.COMPOSE, Step.MIX)


@dataclass(frozen=True)
class Job:
    """One clip, and what is asked for it that is not as usual."""

    clip: Path
    asked: Mapping[str, Any] = field(default_factory=dict)  # choice -> value
    cuts: Path | None = None
    url: str = ""  # of a clip that is elsewhere; `clip` is then its name alone, until it is staged
    cuts_url: str = ""

    @property
    def told(self) -> str:
        """The clip as a person named it."""
        return self.url or str(self.clip)

    def staged(self, folder: Path) -> Job:
        """The job with its files in this machine's `folder`, if they were elsewhere."""
        clip, cuts = self.clip, self.cuts
        for url, name in ((self.url, CLIP), (self.cuts_url, CUTS)):
            if url:
                (folder / name).mkdir(parents=True)
        if self.url:
            clip = fetch(self.url, folder / CLIP)
        if self.cuts_url:
            cuts = fetch(self.cuts_url, folder / CUTS)
        return replace(self, clip=clip, cuts=cuts)

    def name(self, model: str) -> str:
        """The folder of its soundtrack: a hash of the clip's bytes, of what is asked, of the model.

        PixMusError where a file cannot be read.
        """
        asked = {name: value for name, value in sorted(self.asked.items()) if value is not None}
        try:
            facts = [
                file_sha256(self.clip),
                json.dumps(asked, default=str),
                file_sha256(self.cuts) if self.cuts else "",
                model,
            ]
        except OSError as error:
            raise PixMusError(
                f"{error.filename} could not be read ({error.strerror}); check the name."
            ) from error
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:ID_DIGITS]

    def seed(self, name: str) -> int:
        """The seed that is asked for, or one that its name gives: the same each time."""
        asked = self.asked.get(SEED.name)
        return int(name, 16) % SEEDS if asked is None else int(asked)


def find_jobs(source: str, asked: Asked, manifest: Path | None = None) -> Iterator[Job]:
    """A job for every clip of a folder, a pattern or a manifest, in order of their names.

    What a manifest says of a clip wins over `asked`. PixMusError where there is none, or where a
    manifest says what cannot be.
    """
    usual = {name: value for name, value in asked.items() if value is not None}
    is_table = source.endswith(TABLE_SUFFIXES)
    if manifest is None and is_table and is_url(source):
        with tempfile.TemporaryDirectory(prefix="pixmus-") as name:
            yield from _of_manifest(fetch(source, Path(name)), source.rpartition("/")[0], usual)
        return
    if manifest is None and is_table and Path(source).is_file():
        manifest, source = Path(source), str(Path(source).parent)
    if manifest is not None:
        yield from _of_manifest(manifest, source, usual)
        return
    if is_url(source):
        urls = files_at(source, CLIP_SUFFIXES)
        if not urls:
            raise PixMusError(f"{source}: there is no clip; name a folder with clips or a pattern.")
        for url in urls:
            yield Job(asked=usual, **_at("", url))
        return
    found = sorted(_clips(source))
    if not found:
        raise PixMusError(
            f"{source}: there is no clip; name a folder with clips, a pattern such as "
            "'clips/*.mp4', or a manifest."
        )
    for clip in found:
        yield Job(clip, usual)


def _clips(source: str) -> list[Path]:
    folder = Path(source)
    if folder.is_dir():
        paths = [path for path in folder.rglob("*") if path.suffix.lower() in CLIP_SUFFIXES]
    else:
        paths = [Path(name) for name in glob.glob(source, recursive=True)]
    return [path for path in paths if path.is_file() and not path.name.startswith(".")]


def _at(folder: str, name: str, kind: str = CLIP) -> dict[str, Any]:
    """Where the file of a name is, as a `Job` has it: a path here, or a URL."""
    if is_url(name) or is_url(folder):
        url = name if is_url(name) else f"{folder.rstrip('/')}/{name}"
        return {kind: Path(url.rpartition("/")[2]), "url" if kind == CLIP else f"{CUTS}_url": url}
    return {kind: Path(folder) / name}


def _of_manifest(manifest: Path, folder: str, usual: Mapping[str, Any]) -> Iterator[Job]:
    columns = read_rows(manifest)
    known = {choice.name: choice for choice in job_choices()}
    known |= {choice.spelt: choice for choice in job_choices()}
    if CLIP not in columns:
        raise PixMusError(f"{manifest} has no column {CLIP}, which names the clips.")
    for name in columns:
        if name not in known and name not in (CLIP, CUTS):
            raise PixMusError(
                f"{manifest} has a column {name!r}, which is no option of soundtrack; known are "
                f"{CLIP}, {CUTS}, {', '.join(choice.spelt for choice in job_choices())}."
            )
    for row in range(len(columns[CLIP])):
        asked = dict(usual)
        for name, values in columns.items():
            if name in known and values[row].strip():
                choice = known[name]
                try:
                    asked[choice.name] = _read(choice, values[row])
                except PixMusError as error:
                    raise PixMusError(f"{manifest}, row {row + 1}: {error}") from error
        cuts = columns[CUTS][row].strip() if CUTS in columns else ""
        listed = _at(folder, cuts, CUTS) if cuts else {}
        yield Job(asked=asked, **_at(folder, columns[CLIP][row].strip()), **listed)


def _read(choice: Choice, text: str) -> Any:
    if choice.kind is bool:
        word = text.strip().lower()
        return choice.check({"true": True, "yes": True, "1": True}.get(word, False if word in
                            ("false", "no", "0") else text))  # fmt: skip
    return choice.read(text)
