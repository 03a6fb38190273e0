"""`pixmus dataset ...`: arguments only; what the commands do is elsewhere in this folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixmus.errors import PixMusError
from pixmus.files import check_new_file

if TYPE_CHECKING:
    from pixmus.dataset.table import Row, Table

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
    from pixmus.dataset.inspection_report import to_markdown, write_inspection
    from pixmus.dataset.table import read_table

    inspection = inspect_table(read_table(table, revision=revision))
    typer.echo(to_markdown(inspection))
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


@app.command()
def fetch(
    table: TableName,
    store: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that the media go to; a rerun goes on.")
    ],
    from_folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Folder that holds files the rows name."),
    ] = None,
    hub: Annotated[
        str | None,
        typer.Option(metavar="USER/NAME", help="Hub dataset that holds files the rows name."),
    ] = None,
    videos: Annotated[
        bool, typer.Option("--videos", help="Fetch video ids and pages too, with yt-dlp.")
    ] = False,
    rate: Annotated[
        float, typer.Option(metavar="X", min=0.01, max=50.0, help="Requests a second to one host.")
    ] = 2.0,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the first N rows.")
    ] = None,
    retry_failed: Annotated[
        bool | None,
        typer.Option(
            "--retry-failed/--no-retry-failed",
            help="Try again what failed before; else where trying again may help.",
        ),
    ] = None,
    revision: Revision = None,
) -> None:
    """Bring the pictures and the music of a table's rows here; say what became of each."""
    from pixmus.dataset.downloads import Manners
    from pixmus.dataset.fetch import fetch as fetch_rows
    from pixmus.dataset.table import read_table

    read = read_table(table, revision=revision)
    rows = read.rows[:limit]
    with _counted("fetching") as on_name:
        report = fetch_rows(
            rows,
            store,
            from_folder=from_folder,
            hub=hub,
            videos=videos,
            manners=Manners(rate=rate),
            retry_failed=retry_failed,
            on_name=on_name,
        )
    _tell_refused(read)
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"each name: {store / 'fetch.jsonl'}; each row: {store / 'rows.jsonl'}")


@app.command()
def verify(
    table: TableName,
    media: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that fetch filled, or one of plain files.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Findings, JSON lines; else verify.jsonl in the media."),
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="A:B", help='Rows A up to B alone, such as "0:100".')
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Processes at a time.")
    ] = 1,
    revision: Revision = None,
) -> None:
    """Check that each row's picture and music are what they claim; find duplicates."""
    from pixmus.dataset.media import Media
    from pixmus.dataset.table import read_table
    from pixmus.dataset.verify import summary_lines
    from pixmus.dataset.verify import verify as verify_rows

    read = read_table(table, revision=revision)
    chosen = read.chosen(rows)
    place = out if out is not None else media / "verify.jsonl"
    with _counted("checking") as on_row:
        findings = verify_rows(chosen, Media(media), place, workers=workers, on_row=on_row)
    _tell_refused(read)
    for line in summary_lines(findings):
        typer.echo(line)
    typer.echo(f"each row: {place}")


def _tell_refused(table: Table) -> None:
    if table.refused:
        typer.echo(f"{len(table.refused)} rows of the table cannot be used; `inspect` says why.")


@contextmanager
def _counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback that shows how many of how many are done; silent where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        "{task.description}",
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


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
    verified: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What `verify` wrote; rows it found fault with stay out."
        ),
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
    latents: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Besides, what `train thesis` learns from, by a model folder or Hub id of it.",
        ),
    ] = None,
    revision: Revision = None,
) -> None:
    """Measure every row's picture and music into Parquet shards; run again, it goes on."""
    from pixmus.dataset.extract import count_workers, extract
    from pixmus.dataset.split import read_split
    from pixmus.dataset.table import read_table
    from pixmus.dataset.verify import good_rows

    read = read_table(table, revision=revision)
    chosen = read.chosen(rows)
    if verified is not None:
        good = good_rows(verified)
        chosen = [row for row in chosen if row.id in good]
    extraction = extract(
        chosen,
        media,
        out,
        split=None if split_file is None else read_split(split_file),
        engine=engine,
        workers=count_workers(engine, ray_address) if workers is None else workers,
        ray_address=ray_address,
        on_row=_told_now_and_then(),
    )
    _tell_refused(read)
    typer.echo(extraction.to_text(out))
    if latents is not None:
        _write_latents(chosen, media, out, latents, split_file)
    if chosen and extraction.failed == len(chosen):
        raise PixMusError(f"none of {len(chosen)} rows could be measured in {media}, see above.")


def _told_now_and_then() -> Callable[[int, int], None]:
    """A callback that says every 5 s how many rows are through."""
    shown = [0.0]

    def show(through: int, total: int) -> None:
        if through == total or time.monotonic() - shown[0] > 5:
            shown[0] = time.monotonic()
            typer.echo(f"{through} of {total} rows", err=True)

    return show


def _write_latents(
    rows: list[Row], media: Path, out: Path, model: str, split_file: Path | None
) -> None:
    from pixmus.dataset.latents import write_latents
    from pixmus.dataset.split import read_split

    split = None if split_file is None else read_split(split_file)
    with _counted("latents") as on_row:
        there, failed = write_latents(rows, media, out, model, split=split, on_row=on_row)
    for reason in failed:
        typer.echo(reason, err=True)
    typer.echo(f"{there} rows have latents, {len(failed)} could not be had.")


# ------------------------------------------------------------------------ synthesize, materialize

Music = Annotated[
    Path,
    typer.Option(
        metavar="MUSIC",
        help="Folder of the open corpora, or a corpus file of `pixmus corpus make`.",
        show_default=False,
    ),
]


@app.command()
def synthesize(
    rows: Annotated[int, typer.Option(help="How many.", show_default=False)],
    music: Music,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help=".csv, .csv.gz or .parquet")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Another one, other rows.")] = 0,
    agreement: Annotated[
        float, typer.Option(help="Correlation of picture and music, 0 to 1.")
    ] = 0.8,
    noise_seconds: Annotated[
        float, typer.Option(help="How slowly the picture strays from the music.")
    ] = 6.0,
    level_share: Annotated[
        float, typer.Option(help="Share of that noise which a whole source has in common.")
    ] = 0.5,
    beat_cuts: Annotated[
        float, typer.Option(help="Chance that a cut falls on a strong beat.")
    ] = 0.6,
    clip_seconds: Annotated[float, typer.Option(help="Length of a video's rows.")] = 30.0,
    force: Force = False,
) -> None:
    """Write a table of the thesis' shape whose rows are recipes of synthetic media."""
    check_new_file(out, force)
    from pixmus.dataset import recipes
    from pixmus.dataset.renditions import load_music
    from pixmus.dataset.sheets import write_rows
    from pixmus.score.curves import CurveTables

    columns = recipes.synthesize(
        rows,
        seed,
        load_music(music),
        CurveTables.load(recipes.CURVE_TABLES),
        agreement,
        noise_seconds,
        level_share,
        beat_cuts,
        clip_seconds,
    )
    write_rows(columns, out, force)
    videos = sum(columns["isVideo"])
    sources = len(set(columns["Video File Name"]))
    typer.echo(
        f"{out}: {rows} synthetic rows, {videos} of videos and {rows - videos} of stills, from "
        f"{sources} sources; {out.stat().st_size:,} bytes"
    )


@app.command()
def materialize(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A table of recipes.")],
    music: Music,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Filled, or filled on.")],
    rows: Annotated[str, typer.Option(metavar="A:B", help="Rows A to B, B not included.")] = ":",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Make the films, stills and music of a table's rows, the same bytes for the same recipe."""
    from pixmus.dataset.materialize import Made, make_rows
    from pixmus.dataset.renditions import load_music
    from pixmus.dataset.table import read_table

    def tell(made: Made, number: int, total: int) -> None:
        told = made.reason or f"{made.seconds:.1f} s"
        typer.echo(f"{number}/{total} {made.source}: {made.status}, {told}", err=True)

    report = make_rows(read_table(table), rows, load_music(music), out, workers, tell)
    typer.echo(report.told())
