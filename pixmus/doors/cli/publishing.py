"""Commands that put a model, the page or a dataset on the Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmus.doors.cli.options import Model, Revision
from pixmus.doors.cli.wings import wing
from pixmus.errors import PixMusError

if TYPE_CHECKING:
    from pixmus.doors.publish import RepoType

Repository = Annotated[
    str, typer.Argument(metavar="USER/NAME", help="The repository on the Hub.", show_default=False)
]
Private = Annotated[bool, typer.Option("--private", help="Make the repository a private one.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Upload nothing: write the folder that would be, and list it."),
]
Staged = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="With --dry-run: that folder; else NAME-upload."),
]


def publish(
    repository: Repository,
    model: Model = None,
    revision: Revision = None,
    private: Private = False,
    dry_run: DryRun = False,
    out: Staged = None,
) -> None:
    """Put a model with its card on the Hub, after `hf auth login`."""
    place = _staged(repository, dry_run, out)
    from pixmus.doors.publish import stage_model

    def stage(folder: Path) -> None:
        for line in stage_model(model, folder, revision):
            typer.echo(line, err=True)

    _put(repository, "model", place, private, stage)


def publish_space(
    repository: Repository,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="USER/NAME", help="Hub id of the model that it loads; else the one it brings."
        ),
    ] = None,
    private: Private = False,
    dry_run: DryRun = False,
    out: Staged = None,
) -> None:
    """Put the page on the Hub as a Space, after `hf auth login`."""
    place = _staged(repository, dry_run, out)
    from pixmus.doors.publish import stage_space

    _put(repository, "space", place, private, lambda folder: stage_space(folder, model))


def publish_dataset(
    repository: Repository,
    table: Annotated[
        Path,
        typer.Option("--table", metavar="FILE", help="A table of recipes.", show_default=False),
    ],
    media: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder that `pixmus dataset materialize` filled of it."),
    ] = None,
    private: Private = False,
    dry_run: DryRun = False,
    out: Staged = None,
) -> None:
    """Put a synthetic dataset with its card on the Hub, after `hf auth login`."""
    place = _staged(repository, dry_run, out)
    stage_dataset = wing("dataset.card").stage_dataset

    _put(
        *(repository, "dataset", place, private),
        lambda folder: stage_dataset(folder, table, media, repository),
    )


def _put(
    repository: str,
    repo_type: RepoType,
    place: Path | None,
    private: bool,
    stage: Callable[[Path], dict[str, str] | None],
) -> None:
    """Fill a folder by `stage`, list it, and upload it; with `place` that folder stays instead.

    What `stage` returns are variables of a Space.
    """
    from pixmus.doors.publish import listing, staging, upload

    with staging(place) as folder:
        variables = stage(folder) or {}
        for line in [*listing(folder), *(f"variable {k}={v}" for k, v in variables.items())]:
            typer.echo(line)
        if place is None:
            done = upload(folder, repository, repo_type, private=private, variables=variables)
            typer.echo(done)
    if place is not None:
        typer.echo(place)


def _staged(repository: str, dry_run: bool, out: Path | None) -> Path | None:
    """The folder of a dry run, None where it is to be uploaded."""
    from pixmus.doors.publish import check_repository_name

    check_repository_name(repository)
    if out is not None and not dry_run:
        raise PixMusError(f"--out {out} is the folder of a dry run; add --dry-run.")
    return (out or Path(f"{repository.split('/')[1]}-upload")) if dry_run else None
