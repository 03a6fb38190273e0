"""Commands of what stands beside the product: training, dataset, studies; and the page.

The product imports none of them. They are looked up by name where they are asked for, so a PixMus
that came without them says what is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from pixmus.doors.cli.options import Model
from pixmus.doors.page.visits import KEEP_MINUTES
from pixmus.errors import PixMusError

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def wing(name: str) -> ModuleType:
    """A module of a wing, such as "dataset.card"."""
    return importlib.import_module(f"pixmus.{name}")


def groups() -> list[typer.Typer]:
    """The groups of commands that wings bring."""
    there = importlib.util.find_spec("pixmus.dataset") is not None
    return [wing("dataset.commands").app] if there else []


def libraries() -> list[Callable[..., None]]:
    """Commands that make soundtracks of many clips, which take the choices of one."""
    there = importlib.util.find_spec("pixmus.library") is not None
    return [wing("library.commands").soundtrack_many] if there else []


def page(
    model: Model = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Else the first free one.")] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of examples; else the project's.")
    ] = None,
    keep_minutes: Annotated[
        float, typer.Option(metavar="MIN", help="How long what visitors bring and take is kept.")
    ] = KEEP_MINUTES,
) -> None:
    """Serve the page on this machine."""
    from pixmus.doors.page.start import start

    start(model, port, examples, keep_minutes)


def evaluate(context: typer.Context, name: Annotated[str, typer.Argument()] = "--help") -> None:
    """Measure one thing and write its table: `pixmus evaluate sync`; without a name, list them."""
    if name == "--help":
        names = ", ".join(wing("studies").STUDIES)
        typer.echo(f"Usage: pixmus evaluate NAME [OPTIONS]\n\nNAME: {names}")
        return
    _run_study(name, context.args)


def bench(context: typer.Context) -> None:
    """Measure seconds per stage and peak memory."""
    _run_study("bench", context.args)


def reproduce(context: typer.Context) -> None:
    """Make the examples again from clip and settings, and compare them with what is stored."""
    _run_study("reproduce", context.args)


def train(context: typer.Context) -> None:
    """Train the score model on a corpus or your own MIDI files; `train encoder`, `train thesis`."""
    if context.args[:1] == ["thesis"]:
        _run_module("train thesis", "pixmus.training.train_thesis", context.args[1:])
    if context.args[:1] == ["encoder"]:
        _run_module("train encoder", "pixmus.training.train_encoder", context.args[1:])
    _run_module("train", "pixmus.training.train", context.args)


def corpus(context: typer.Context) -> None:
    """Make a corpus file of the training music, or report on one."""
    _run_module("corpus", "pixmus.training.make_corpus", context.args)


def _run_study(name: str, arguments: list[str]) -> None:
    raise typer.Exit(wing("studies.runner").run(name, arguments))


def _run_module(command: str, module: str, arguments: list[str]) -> None:
    """Run `main()` of a module beside the way, as `python -m` would."""
    sys.argv = [f"pixmus {command}", *arguments]
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        raise PixMusError(
            f"`pixmus {command}` needs the package {error.name}; install it with: pip install -r "
            "requirements-train.txt"
        ) from error
    raise typer.Exit(main() or 0)
