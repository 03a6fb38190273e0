"""The command line put together from its commands, and its one-line errors."""

from __future__ import annotations

import codecs
import io
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import typer

from pixmus.choice import Choice, Step
from pixmus.choices import (
    ENSEMBLE,
    LENGTH,
    RENDERER,
    RENDERER_MODEL,
    RENDERER_PROMPT,
    RENDERER_STRENGTH,
    RESTYLE,
    SEED,
    STRENGTH,
    STYLE,
    TRACKS,
    choices_of,
)
from pixmus.doors.cli import clips, publishing, scores, wings
from pixmus.doors.cli.options import with_choices
from pixmus.errors import PixMusError
from pixmus.files import disk_told

SEED_OF_A_TAKE = replace(
    SEED, help="The take's seed, by which it is played", default=0, otherwise=""
)
PLAYING_AGAIN = (RENDERER, RENDERER_MODEL, RENDERER_STRENGTH, RENDERER_PROMPT)


def build() -> typer.Typer:
    """The command line, with the choices that there are now."""
    app = typer.Typer(
        name="pixmus",
        help="Compose a soundtrack for a video with a diffusion model that follows the picture.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    spotting = (Step.WISH, Step.SPOT, Step.WATCH)
    commands: list[tuple[Callable[..., None], list[Choice]]] = [
        (clips.soundtrack, choices_of(*spotting, Step.COMPOSE, Step.MIX, Step.TAKES)),
        (clips.spot, choices_of(*spotting)),
        (clips.trim, [*choices_of(Step.TRIM), LENGTH, TRACKS]),
        (scores.compose, [*choices_of(Step.COMPOSE), RESTYLE]),
        (scores.render, [ENSEMBLE, *PLAYING_AGAIN, SEED_OF_A_TAKE]),
        (scores.perform, [ENSEMBLE, STRENGTH, RENDERER, SEED_OF_A_TAKE]),
        (scores.check, [STYLE]),
        (publishing.publish, []),
        (publishing.publish_space, []),
        (publishing.publish_dataset, []),
        (scores.measure_font, []),
        (wings.page, []),
        *((many, choices_of(*spotting, Step.COMPOSE, Step.MIX)) for many in wings.libraries()),
    ]
    for command, choices in commands:
        wanted = with_choices(command, choices) if choices else command
        app.command(command.__name__.replace("_", "-"))(wanted)
    for program in (wings.evaluate, wings.bench, wings.reproduce, wings.train, wings.corpus):
        app.command(context_settings=wings.PASS_ON)(program)
    for more in wings.groups():
        app.add_typer(more)
    return app


def main() -> NoReturn:
    """Run the command line; what a person did wrong is one line on stderr and exit code 2."""
    # A plain `kill` unwinds as Ctrl-C does, so that unfinished files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("as_given", _as_given)
        sys.stdout.reconfigure(errors="as_given")
    try:
        with disk_told("the output"):
            build()(prog_name="pixmus")
    except PixMusError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if sys.argv[1:2] not in (["dataset"], ["publish-dataset"], ["soundtrack-many"]):
            raise
        _fail(
            f"`pixmus {sys.argv[1]}` needs the package {error.name}; install it with: pip install "
            "-r requirements-dataset.txt"
        )
    except KeyboardInterrupt:
        if sys.argv[1:2] in (["dataset"], ["soundtrack-many"]):
            print("stopped; what is done is kept, the same command goes on", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def _as_given(error: UnicodeError) -> tuple[str | bytes, int]:
    """Bytes of a file's name that are no characters come out as they came in, so that a shell finds
    the file again; characters that the terminal has not as their number.
    """
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.backslashreplace_errors(error)


def _fail(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"pixmus: {line}", file=sys.stderr)
    sys.exit(2)
