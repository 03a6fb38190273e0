"""`pixmus soundtrack-many`: arguments only; what it does is elsewhere in this folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from pixmus.asked import Asked
from pixmus.errors import PixMusError


def soundtrack_many(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="A folder of clips, a pattern such as 'clips/*.mp4', or a manifest (.csv, "
            ".parquet) with a column clip and options of soundtrack in the others; also as a URL "
            "that fsspec reads (s3://, gs://, hf://).",
            show_default=False,
        ),
    ],
    asked: Asked,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="A folder for all soundtracks.")
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="The clips and what is asked for each; IN is where."),
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Processes, each with the model.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Ray cluster that works instead of this machine's processes, e.g. auto; the "
            "clips are sent to it, so its machines need no common path.",
        ),
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help='As of soundtrack; "all" is every file of a bundle.'),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed before.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Make at most so many.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", envvar="PIXMUS_MODEL", help="Folder or Hub id of the model."),
    ] = None,
) -> None:
    """Compose for a whole library of clips; what is done is skipped, a bad clip ends nothing."""
    from pixmus.library.jobs import find_jobs
    from pixmus.library.many import KEPT, RESULTS, make_many, plan_many
    from pixmus.take.exports import chosen_exports

    exports = chosen_exports([*export, "take.json"]) if export else KEPT
    jobs = list(find_jobs(source, asked, manifest))
    if dry_run:
        for piece in plan_many(jobs, out, model, retry_failed, limit):
            typer.echo(f"{piece.job.told} -> {out / piece.name}")
        return
    if out.exists() and not out.is_dir():
        raise PixMusError(f"{out} is a file; name a folder for the soundtracks.")
    tally = make_many(
        jobs,
        out,
        model=model,
        workers=workers,
        exports=exports,
        retry_failed=retry_failed,
        limit=limit,
        by=None if ray is None else partial(_by_cluster, address=ray),
        tell=typer.echo,
    )
    before = (
        f", {tally.failed_before} failed before (--retry-failed)" if tally.failed_before else ""
    )
    typer.echo(
        f"{tally.made} made, {tally.there} were there, {tally.failed} failed{before}; "
        f"{out / RESULTS} has a row for each."
    )


def _by_cluster(pieces: Iterable[Any], workers: int, *, address: str) -> Iterator[Any]:
    """Ray is loaded where it is asked for, and nowhere else."""
    from pixmus.library.cluster import make_on_cluster

    return make_on_cluster(pieces, workers, address)
