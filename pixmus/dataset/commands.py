"""`pixmus dataset ...`: arguments only; what the commands do is elsewhere in this folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="dataset",
    help="Read, check, learn from and make tables of pictures with music.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

TableName = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="A .csv, .csv.gz or .parquet file, a folder of them, or a dataset on the Hub.",
        show_default=False,
    ),
]
Revision = Annotated[
    str | None,
    typer.Option(metavar="REV", help="Branch, tag or commit of a Hub dataset; else main."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]

# ------------------------------------------------------------------------------- inspect, split


@app.command()
def inspect(
    table: TableName,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Write inspection.json, .md and .png."),
    ] = None,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Count what a table holds, what repeats in it, and what of it cannot be used and why."""
    from pixmus.dataset.inspection import inspect as inspect_table
    from pixmus.dataset.inspection import write_inspection
    from pixmus.dataset.table import read_table

    inspection = inspect_table(read_table(table, revision=revision))
    typer.echo(inspection.to_markdown())
    if out is not None:
        for path in write_inspection(inspection, out, force):
            typer.echo(path)


@app.command()
def split(
    table: TableName,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="A .csv, .csv.gz or .parquet to write."),
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help='"source" keeps rows of one source together; "thesis" draws rows as it did.',
        ),
    ] = "source",
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, another split.")] = 42,
    share: Annotated[
        float, typer.Option(metavar="X", help="Share held out for validation, and for test.")
    ] = 0.025,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Say which rows train, validate and test, and how many held-out rows leak."""
    from pixmus.bundle import check_new_file
    from pixmus.dataset.split import (
        compare_splits,
        comparison_to_markdown,
        split_table,
        write_split,
    )
    from pixmus.dataset.table import read_table

    check_new_file(out, force)
    rows = read_table(table, revision=revision)
    found = split_table(rows, by, seed, share)
    write_split(found, out, force)
    splits = {by: found}
    if by == "source" and rows.num_rows > 2:
        splits["thesis"] = split_table(rows, "thesis")
    elif by == "thesis":
        splits["source"] = split_table(rows)
    typer.echo(comparison_to_markdown(compare_splits(rows, splits)))
    typer.echo(out)


# -------------------------------------------------------------------------------- fetch, verify

# --------------------------------------------------------------------------------------- features


@app.command()
def features(
    table: TableName,
    media: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Where the media lie: what `fetch` filled, or any folder."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="SHARDS", help="Folder of shards, new or to go on with."
        ),
    ],
    split_file: Annotated[
        Path | None,
        typer.Option("--split", metavar="FILE", help="What `split` wrote; else all rows train."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="Rows A to B of the table, from 0, B not among them."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Processes at a time; else one for every core."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help='"processes" of this machine, or "ray".')
    ] = "processes",
    ray_address: Annotated[
        str | None,
        typer.Option(metavar="ADDR", help="A Ray cluster to join; else one is started here."),
    ] = None,
    revision: Revision = None,
) -> None:
    """Measure every row's picture and music into Parquet shards; run again, it goes on."""
    from pixmus.dataset.extract import chosen_rows, count_workers, extract
    from pixmus.dataset.split import read_split
    from pixmus.dataset.table import read_table

    read = read_table(table, revision=revision)
    shown = [0.0]

    def show(through: int, total: int) -> None:
        if through == total or time.monotonic() - shown[0] > 5:
            shown[0] = time.monotonic()
            typer.echo(f"{through} of {total} rows", err=True)

    extraction = extract(
        chosen_rows(read, rows),
        media,
        out,
        split=None if split_file is None else read_split(split_file),
        engine=engine,
        workers=count_workers(engine, ray_address) if workers is None else workers,
        ray_address=ray_address,
        on_row=show,
    )
    if read.refused:
        typer.echo(f"{len(read.refused)} rows of the table cannot be used; `inspect` says why.")
    typer.echo(extraction.to_text(out))


# ------------------------------------------------------------------------ synthesize, materialize
