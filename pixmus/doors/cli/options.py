"""Options of the command line: those of choices, made from the list, and those that commands share.

The command line hands the words of choices to `Choice.read` as they were typed, so a wrong one is
told in the same sentence as everywhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pixmus.asked import Asked
from pixmus.choice import Choice

Clip = Annotated[
    Path, typer.Argument(metavar="CLIP", help="A video or a still image.", show_default=False)
]
Cues = Annotated[Path, typer.Argument(metavar="CUES", help="A cue sheet.", show_default=False)]
MidiFile = Annotated[Path, typer.Argument(metavar="SCORE", help="A MIDI file.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        envvar="PIXMUS_MODEL",
        help="Folder or Hub id of the model; else the one that came along.",
    ),
]
Revision = Annotated[
    str | None,
    typer.Option(metavar="REV", help="Branch, tag or commit of the model's Hub id; else main."),
]
Mood = Annotated[
    str | None,
    typer.Option(metavar="V,E", help='Valence and energy in one, "0.2,0.8" is dark and strong.'),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="CLIP",
        help='Folder or Hub id of a CLIP image model that spotting asks too; "none" asks not even '
        "the model's own what the picture shows.",
    ),
]
Exports = Annotated[
    list[str] | None,
    typer.Option(
        "--export",
        metavar="NAME",
        help='A file for another program, such as "session.rpp"; "all" is every one, another NAME '
        "lists them. Give it again for more. In --bundle, else in a new folder.",
    ),
]
CutsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Cuts and markers of an editor: EDL, .otio, Final Cut Pro 7 XML, markers.csv or MIDI. "
        "Its cuts replace those seen, its markers are hit points, its ranges are cues.",
    ),
]
CutsAndSeen = Annotated[
    bool, typer.Option("--cuts-and-seen", help="Cuts that are seen fill in what --cuts leaves out.")
]
Rate = Annotated[
    str | None,
    typer.Option(
        metavar="FPS",
        help="Frame rate of the timecodes of --cuts, such as 25, 23.976 or 29.97df; else the "
        "clip's.",
    ),
]
StartsAt = Annotated[
    str | None,
    typer.Option(
        metavar="TIMECODE",
        help="What --cuts calls the first frame, such as 01:00:00:00; else the clip's own "
        "timecode, or where the list starts.",
    ),
]
EndsAt = Annotated[
    str | None,
    typer.Option(
        metavar="TIMECODE", help="Where a programme without a clip ends; else with its last shot."
    ),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        metavar="MIDI", help="A score to keep: only --redo-bars and --redo-parts of it are new."
    ),
]
RedoBars = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help='Bars from 1, such as "9-12", "3,7-8" or "13-" to the end; "-4" is four new ones '
        "before the first.",
    ),
]
RedoParts = Annotated[
    str | None, typer.Option(metavar="LIST", help='Parts of the cue sheet: "harmony,bass".')
]


def with_choices(command: Callable[..., None], choices: Sequence[Choice]) -> Callable[..., None]:
    """`command` with an option for each choice, whose values it gets as `asked`.

    The options stand where the parameter `asked` stands in its signature.
    """
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if parameter.name == "asked":
            parameters += map(_parameter, choices)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    def run(**arguments: Any) -> None:
        typed = {choice.name: choice.read(arguments.pop(choice.name)) for choice in choices}
        command(asked=Asked(typed, choices), **arguments)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameter(choice: Choice) -> inspect.Parameter:
    if choice.kind is bool:
        spelt = f"--{choice.spelt}/--no-{choice.spelt}"
        option = typer.Option(spelt, help=choice.told(), show_default=False)
    else:
        option = typer.Option(f"--{choice.spelt}", metavar=choice.metavar, help=choice.told())
    kind = bool if choice.kind is bool else str
    return inspect.Parameter(
        choice.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )
