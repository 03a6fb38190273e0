"""Commands that begin with a cue sheet or a score, and `measure-font`."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pixmus.asked import Asked
from pixmus.choices import RESTYLE, SEED
from pixmus.cues.sheet import CueSheet
from pixmus.doors.cli.kept import redone
from pixmus.doors.cli.options import (
    Cues,
    Force,
    Keep,
    MidiFile,
    Model,
    RedoBars,
    RedoParts,
    Revision,
)
from pixmus.doors.cli.places import check_other_file
from pixmus.doors.cli.stages import stages
from pixmus.errors import PixMusError
from pixmus.files import check_new_file, new_file
from pixmus.waveform import write_wav

if TYPE_CHECKING:
    from pixmus.check.findings import Check


def compose(
    cues: Cues,
    asked: Asked,
    out: Annotated[Path, typer.Option("--out", "-o", help="The score, MIDI.")] = Path("score.mid"),
    keep: Keep = None,
    redo_bars: RedoBars = None,
    redo_parts: RedoParts = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="With --keep: what of the cue sheet it cannot follow."),
    ] = None,
    model: Model = None,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Compose the score of a cue sheet, or only bars or parts of a score that is kept."""
    cue_sheet = CueSheet.load(cues)
    style = asked[RESTYLE.name]
    if style is not None:
        if keep is None:
            raise PixMusError("--restyle needs a score that is kept; name it with --keep MIDI.")
        from pixmus.compose.draft import restyled

        cue_sheet, parts = restyled(cue_sheet, style, redo_parts)
        redo_parts = ",".join(parts)
    check_new_file(out, force)  # before the report is written
    if report is not None:
        check_other_file(out, report)
    kept = redone(cue_sheet, keep, redo_bars, redo_parts, report, force)
    with new_file(out, force) as place, stages() as on_stage:
        on_stage("model", None)
        from pixmus.score.midi import write_midi
        from pixmus.take.pipeline import PixMusPipeline

        pipe = PixMusPipeline.from_pretrained(model, revision=revision)
        seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
        on_stage("compose", None)
        chosen = {name: asked[name] for name in asked if name != RESTYLE.name}
        score = pipe.compose(cue_sheet, **{**chosen, SEED.name: seed}, **kept)
        from pixmus.sound.programs import programs_of

        write_midi(score, place, programs_of(cue_sheet.ensemble, score.parts))
    typer.echo(f"{out}  (seed {seed}, {score.key})")


def render(
    score: MidiFile,
    asked: Asked,
    out: Annotated[Path, typer.Option("--out", "-o", help="The music, WAV.")] = Path("music.wav"),
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES", help="The cue sheet: its length, energy and ensemble."),
    ] = None,
    force: Force = False,
) -> None:
    """Play a score: stereo, 44.1 kHz, -14 LUFS."""
    from pixmus.score.midi import read_midi

    cue_sheet = None if cues is None else CueSheet.load(cues)
    music = read_midi(score)
    if not any(music.parts.values()):
        raise PixMusError(f"{score} holds no notes of PixMus' parts; there is nothing to play.")
    with new_file(out, force) as place, stages() as on_stage:
        on_stage("render", None)
        from pixmus.sound import renderer as players
        from pixmus.sound.mix import mix
        from pixmus.sound.programs import ensemble_of

        ensemble = asked.ensemble
        if ensemble is None and cue_sheet is None:
            ensemble = ensemble_of(score, music.parts)
        stems = players.render(
            music,
            ensemble,
            renderer=players.asked_renderer(asked),
            cue_sheet=cue_sheet,
            seed=asked.seed,
            on_share=lambda share: on_stage("render", share),
        )
        for line in stems.notices:
            typer.echo(line, err=True)
        on_stage("mix", None)
        write_wav(place, mix(stems, cue_sheet, stems.duration))
    typer.echo(out)


def perform(
    score: MidiFile,
    asked: Asked,
    out: Annotated[Path, typer.Option("--out", "-o", help="The music, WAV.")] = Path("music.wav"),
    force: Force = False,
) -> None:
    """Perform any MIDI file with PixMus' timing, dynamics and sound."""
    with new_file(out, force) as place, stages() as on_stage:
        on_stage("render", None)
        from pixmus.sound.perform import perform as play

        music, ensemble = play(score, **asked)
        write_wav(place, music)
    typer.echo(f"{out}  ({ensemble})")


def check(
    score: MidiFile,
    asked: Asked,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            envvar="PIXMUS_MODEL",
            help="Folder or Hub id of the model whose training music it is beside.",
        ),
    ] = None,
    revision: Revision = None,
) -> None:
    """Compare a score with real music: keys, harshness, leaps, rests, crossings, grooves."""
    from pixmus.check.findings import check_score, style_beside
    from pixmus.check.ranges import SHIPPED_RANGES, Ranges
    from pixmus.model.folder import DESCRIPTOR_RANGES
    from pixmus.score.midi import read_midi

    ranges_file = SHIPPED_RANGES
    if model is not None:
        from pixmus.model.folder import model_folder

        ranges_file = model_folder(model, revision)[0] / DESCRIPTOR_RANGES
    ranges = Ranges.load(ranges_file)
    found = check_score(read_midi(score), ranges, asked.style or style_beside(score))
    if as_json:
        typer.echo(json.dumps({"score": str(score), **found.describe()}, indent=2))
        return
    _print_check(score, found)


def _print_check(score: Path, found: Check) -> None:
    """The findings as a table, what is outside explained below it."""
    from pixmus.check.ranges import DEFINITIONS, EVERY_STYLE

    table = Table(title=f"{score.name} beside real music", title_justify="left")
    for name in ("descriptor", "take", "1 % to 99 %", ""):
        table.add_column(name, justify="left" if name in ("descriptor", "") else "right")
    for finding in found.findings:
        if not finding.is_judged:
            table.add_row(finding.name, "-", "-", "not judged", style="dim")
            continue
        told = "" if not finding.is_outside else f"outside by {finding.distance:.2f} of the range"
        if finding.worst_bar is not None:
            told += f", most from bar {finding.worst_bar}"
        numbers = f"{finding.value:.3f}", f"{finding.low:.3f} to {finding.high:.3f}"
        table.add_row(finding.name, *numbers, told, style="bold" if told else None)
    console = Console(soft_wrap=True)
    console.print(table)
    for finding in found.outside:
        console.print(f"{finding.name}: {DEFINITIONS[finding.name]}", highlight=False)
    for remark in found.remarks:
        style = "bold" if remark.is_odd else None
        console.print(
            f"{remark}{', unlike real music' * remark.is_odd}", style=style, highlight=False
        )
    name = "all styles" if found.style == EVERY_STYLE else f"the style {found.style}"
    judged = sum(finding.is_judged for finding in found.findings)
    console.print(
        f"{len(found.outside)} of {judged} descriptors outside; {found.num_windows} windows of the "
        f"take, {found.num_real_windows} real ones of {name} with "
        f"{', '.join(found.compared_parts) or 'no parts'}.",
        highlight=False,
    )


def measure_font(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="JSON", help="Else the table that rendering reads."),
    ] = None,
) -> None:
    """Measure each programme's attack time and loudness, for each synth and SoundFont here."""
    from pixmus.sound.measurement import MEASUREMENTS
    from pixmus.sound.soundfont import write_measurements

    check_new_file(out or MEASUREMENTS, overwrite=True)
    for renderer in write_measurements(out or MEASUREMENTS):
        typer.echo(f"{renderer.synth} with {renderer.font}")
    typer.echo(out or MEASUREMENTS)
