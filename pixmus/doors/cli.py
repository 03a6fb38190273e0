"""The command line: arguments, progress and one-line errors; what the commands do is elsewhere.

Heavy imports (torch, diffusers, matplotlib) stand inside the commands that need them, so that
`--help` and `spot` answer at once. Exit codes: 0 done, 2 bad input or arguments, 130 interrupted.
"""

from __future__ import annotations

import importlib
import json
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet
from pixmus.dataset.commands import app as dataset
from pixmus.errors import PixMusError
from pixmus.files import (
    check_new_file,
    check_new_folder,
    disk_told,
    new_file,
)
from pixmus.waveform import write_wav

if TYPE_CHECKING:
    import numpy as np

    from pixmus.check.findings import Check
    from pixmus.doors.publish import RepoType
    from pixmus.picture.video import Video

STILL_DURATION_S = 30.0
NUM_INFERENCE_STEPS = 20

OnStage = Callable[[str, float | None], None]

app = typer.Typer(
    name="pixmus",
    help="Compose a soundtrack for a video with a diffusion model that follows the picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Clip = Annotated[
    Path, typer.Argument(metavar="CLIP", help="A video or a still image.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there already.")]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        max=2**32 - 1,
        help="The same seed gives the same music; else a new one.",
    ),
]
Steps = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Inference steps.")]
Guidance = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0.0,
        max=30.0,
        help="How closely the music follows the picture; 1 is no guidance.",
    ),
]
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
Tempo = Annotated[
    float | None, typer.Option(metavar="BPM", help="Beats per minute; else chosen from the cuts.")
]
Key = Annotated[str | None, typer.Option(metavar="KEY", help='For example "A minor".')]
Style = Annotated[str | None, typer.Option(metavar="NAME", help="pop, song, quartet or game.")]
Ensemble = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="piano, strings, piano and strings, orchestra, band, ambient or music box.",
    ),
]
Parts = Annotated[
    str | None,
    typer.Option(metavar="LIST", help='The parts that play, such as "melody,harmony,bass".'),
]
Mood = Annotated[
    str | None,
    typer.Option(metavar="V,E", help='Valence and energy, each 0 to 1: "0.2,0.8" is dark, strong.'),
]
Text = Annotated[
    str,
    typer.Option(metavar="WORDS", help='What you want, such as "dark, not too fast, no drums".'),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="CLIP",
        help="Folder or Hub id of a CLIP image model that tells spotting what the picture shows.",
    ),
]
Duration = Annotated[
    float,
    typer.Option(metavar="S", min=0.5, max=600.0, help="Seconds that a still image stands for."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        metavar="MIDI", help="A score to keep: only --redo-bars and --redo-parts of it are new."
    ),
]
RedoBars = Annotated[
    str | None,
    typer.Option(metavar="LIST", help='Bars from 1, such as "9-12", "3,7-8" or "13-" to the end.'),
]
RedoParts = Annotated[
    str | None, typer.Option(metavar="LIST", help='Parts of the cue sheet: "harmony,bass".')
]
MusicFrom = Annotated[float | None, typer.Option(metavar="S", help="Second at which music enters.")]
MusicTo = Annotated[
    float | None, typer.Option(metavar="S", help="Second at which music has ended.")
]


@app.command()
def soundtrack(
    clip: Clip,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="MP4", help="The scored clip; else a new numbered name here."
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for clip, WAV, stems, MIDI, cue sheet, markers and pictures.",
        ),
    ] = None,
    seed: Seed = None,
    steps: Steps = NUM_INFERENCE_STEPS,
    guidance: Guidance = None,
    tempo: Tempo = None,
    key: Key = None,
    style: Style = None,
    ensemble: Ensemble = None,
    parts: Parts = None,
    mood: Mood = None,
    text: Text = "",
    backbone: Backbone = None,
    takes: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="How many, ranked by check.")
    ] = 1,
    duration: Duration = STILL_DURATION_S,
    music_from: MusicFrom = None,
    music_to: MusicTo = None,
    original_audio: Annotated[
        Literal["keep", "duck", "drop"] | None,
        typer.Option(help="The clip's own sound; else duck under it, or drop it if silent."),
    ] = None,
    original_level: Annotated[
        float,
        typer.Option(metavar="DB", min=-40, max=20, help="Gain of the clip's own sound."),
    ] = 0.0,
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES", help="An edited cue sheet, instead of spotting the clip."),
    ] = None,
    keep: Keep = None,
    redo_bars: RedoBars = None,
    redo_parts: RedoParts = None,
    model: Model = None,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Compose for a clip and write it with its soundtrack."""
    from pixmus.picture.video import probe

    direction = _direction(tempo, key, style, ensemble, parts, mood, music_from, music_to)
    cue_sheet = None if cues is None else CueSheet.load(cues)
    if cue_sheet is not None and direction != Direction():
        raise PixMusError(f"{cues} already says key, tempo, mood and parts; edit them there.")
    if cue_sheet is not None and (text or backbone):
        raise PixMusError(f"{cues} replaces spotting, so --text and --backbone have no say.")
    probe(clip, still_duration=duration)  # a bad clip is refused before the model is loaded
    places = _places(clip, out, bundle, takes, force)
    if keep is not None and cue_sheet is None:
        raise PixMusError(f"--keep {keep} needs the cue sheet of that score; name it with --cues.")
    redone = _redone(cue_sheet, keep, redo_bars, redo_parts)
    first_seed = secrets.randbelow(2**31) if seed is None else seed
    with _stages() as on_stage:
        on_stage("model", None)
        from pixmus.picture.footage import watch
        from pixmus.take.exports import write_bundle
        from pixmus.take.pipeline import PixMusPipeline

        pipe = PixMusPipeline.from_pretrained(model, revision=revision)
        footage: Any = clip
        if takes > 1:  # watched once for all of them
            on_stage("watch", None)
            footage = watch(clip, duration, backbone)
        checks = []
        for take_seed, (scored_clip, folder) in enumerate(places, start=first_seed):
            take = pipe(
                footage,
                num_inference_steps=steps,
                guidance_scale=guidance,
                seed=take_seed,
                direction=direction,
                text=text,
                backbone=backbone,
                cue_sheet=cue_sheet,
                **redone,
                original_audio=original_audio,
                original_level_db=original_level,
                still_duration=duration,
                on_stage=on_stage,
            )
            if take_seed == first_seed:
                on_stage("", None)
                for line in take.settings["notices"]:
                    typer.echo(line, err=True)
                if cue_sheet is None:
                    _tell(take.cue_sheet)
            if scored_clip is not None:
                on_stage("video out", None)
                report = take.write_video(scored_clip, overwrite=force)
                if report.note:
                    typer.echo(report.note, err=True)
            if folder is not None:
                on_stage("bundle", None)
                write_bundle(take, folder, overwrite=force, made={"scored.mp4": scored_clip})
            for written in filter(None, (scored_clip, folder)):
                on_stage("", None)
                typer.echo(f"{written}  (seed {take_seed}, {take.score.key})")
            if take.check is not None:
                checks.append((f"{scored_clip or folder}  (seed {take_seed})", take.check))
        on_stage("", None)
    for line in _ranking(checks):
        typer.echo(line)


@app.command()
def spot(
    clip: Clip,
    out: Annotated[Path, typer.Option("--out", "-o", help="The cue sheet, JSON.")] = Path(
        "cues.json"
    ),
    tempo: Tempo = None,
    key: Key = None,
    style: Style = None,
    ensemble: Ensemble = None,
    parts: Parts = None,
    mood: Mood = None,
    text: Text = "",
    backbone: Backbone = None,
    duration: Duration = STILL_DURATION_S,
    music_from: MusicFrom = None,
    music_to: MusicTo = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Spot by the hand-written rules, without the encoder.")
    ] = False,
    model: Model = None,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Write the cue sheet of a clip: cuts, hit points, curves, key and tempo, ready to edit."""
    from pixmus.picture.features import extract_features
    from pixmus.picture.frames import read_frames
    from pixmus.picture.video import probe
    from pixmus.take.pipeline import load_encoder, spot_with

    direction = _direction(tempo, key, style, ensemble, parts, mood, music_from, music_to)
    video = probe(clip, still_duration=duration)
    with new_file(out, force) as place, _stages() as on_stage:
        on_stage("video", None)
        embedding = _embedding(backbone, video)
        features = extract_features(read_frames(video), video.duration, video.frame_rate)
        on_stage("cues", None)
        encoder = None if rules else load_encoder(model, revision)
        sheet = spot_with(encoder, features, direction, text, embedding)
        sheet.save(place)
    _tell(sheet)
    typer.echo(out)


@app.command()
def trim(
    clip: Clip,
    out: Annotated[
        Path, typer.Argument(metavar="MP4", help="The part, a new clip.", show_default=False)
    ],
    start: Annotated[float, typer.Option("--from", metavar="S", min=0, help="Its first second.")],
    end: Annotated[float, typer.Option("--to", metavar="S", min=0, help="Its last second.")],
    force: Force = False,
) -> None:
    """Write a part of a clip as a clip of its own."""
    from pixmus.picture.video import probe
    from pixmus.picture.write import trim as write_part

    write_part(probe(clip), start, end, out, overwrite=force)
    typer.echo(out)


@app.command()
def compose(
    cues: Annotated[Path, typer.Argument(metavar="CUES", help="A cue sheet.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The score, MIDI.")] = Path("score.mid"),
    seed: Seed = None,
    steps: Steps = NUM_INFERENCE_STEPS,
    guidance: Guidance = None,
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
    redone = _redone(cue_sheet, keep, redo_bars, redo_parts, report, force)
    with new_file(out, force) as place, _stages() as on_stage:
        on_stage("model", None)
        from pixmus.score.midi import write_midi
        from pixmus.take.pipeline import PixMusPipeline

        pipe = PixMusPipeline.from_pretrained(model, revision=revision)
        take_seed = secrets.randbelow(2**31) if seed is None else seed
        on_stage("compose", None)
        score = pipe.compose(
            cue_sheet, num_inference_steps=steps, guidance_scale=guidance, seed=take_seed, **redone
        )
        from pixmus.sound.programs import programs_of

        write_midi(score, place, programs_of(cue_sheet.ensemble, score.parts))
    typer.echo(f"{out}  (seed {take_seed}, {score.key})")


@app.command()
def render(
    score: Annotated[
        Path, typer.Argument(metavar="SCORE", help="A MIDI file.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The music, WAV.")] = Path("music.wav"),
    ensemble: Ensemble = None,
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES", help="The cue sheet: its length, energy and ensemble."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The take's seed: how it is played.")] = 0,
    force: Force = False,
) -> None:
    """Play a score with the SoundFont: stereo, 44.1 kHz, -14 LUFS."""
    from pixmus.score.midi import read_midi

    cue_sheet = None if cues is None else CueSheet.load(cues)
    music = read_midi(score)
    if not any(music.parts.values()):
        raise PixMusError(f"{score} holds no notes of PixMus' parts; there is nothing to play.")
    with new_file(out, force) as place, _stages() as on_stage:
        on_stage("render", None)
        from pixmus.sound import renderer as players
        from pixmus.sound.mix import mix
        from pixmus.sound.programs import ensemble_of

        if ensemble is None and cue_sheet is None:
            ensemble = ensemble_of(score, music.parts)
        stems = players.render(music, ensemble, cue_sheet=cue_sheet, seed=seed)
        on_stage("mix", None)
        write_wav(place, mix(stems, cue_sheet, stems.duration))
    typer.echo(out)


@app.command()
def check(
    score: Annotated[
        Path, typer.Argument(metavar="SCORE", help="A MIDI file.", show_default=False)
    ],
    style: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="pop, song, quartet or game; else what take.json or cues.json beside it names, "
            "else all of them together.",
        ),
    ] = None,
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
    from pixmus.check.findings import (
        DEFINITIONS,
        EVERY_STYLE,
        SHIPPED_RANGES,
        Ranges,
        check_score,
        style_beside,
    )
    from pixmus.model.folder import DESCRIPTOR_RANGES
    from pixmus.score.midi import read_midi

    ranges_file = SHIPPED_RANGES
    if model is not None:
        from pixmus.model.folder import model_folder

        ranges_file = model_folder(model, revision)[0] / DESCRIPTOR_RANGES
    ranges = Ranges.load(ranges_file)
    found = check_score(read_midi(score), ranges, style or style_beside(score))
    if as_json:
        typer.echo(json.dumps({"score": str(score), **found.describe()}, indent=2))
        return
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
    name = "all styles" if found.style == EVERY_STYLE else f"the style {found.style}"
    judged = sum(finding.is_judged for finding in found.findings)
    console.print(
        f"{len(found.outside)} of {judged} descriptors outside; {found.num_windows} windows of the "
        f"take, {found.num_real_windows} real ones of {name} with "
        f"{', '.join(found.compared_parts) or 'no parts'}.",
        highlight=False,
    )


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


@app.command()
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


@app.command("publish-space")
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


@app.command("publish-dataset")
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
    from pixmus.dataset.card import stage_dataset

    _put(
        *(repository, "dataset", place, private),
        lambda folder: stage_dataset(folder, table, media, repository),
    )


@app.command("measure-font")
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


PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=PASS_ON)
def evaluate(context: typer.Context, name: Annotated[str, typer.Argument()] = "--help") -> None:
    """Measure one thing and write its table: `pixmus evaluate sync`; without a name, list them."""
    if name == "--help":
        from pixmus.studies import STUDIES

        typer.echo(f"Usage: pixmus evaluate NAME [OPTIONS]\n\nNAME: {', '.join(STUDIES)}")
        return
    _run_study(name, context.args)


@app.command(context_settings=PASS_ON)
def bench(context: typer.Context) -> None:
    """Measure seconds per stage and peak memory."""
    _run_study("bench", context.args)


@app.command(context_settings=PASS_ON)
def reproduce(context: typer.Context) -> None:
    """Make the examples again from clip and settings, and compare them with what is stored."""
    _run_study("reproduce", context.args)


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train the score model on a corpus or your own MIDI files; `train encoder`: the encoder."""
    if context.args[:1] == ["encoder"]:
        _run_module("train encoder", "pixmus.training.train_encoder", context.args[1:])
    _run_module("train", "pixmus.training.train", context.args)


@app.command(context_settings=PASS_ON)
def corpus(context: typer.Context) -> None:
    """Make a corpus file of the training music, or report on one."""
    _run_module("corpus", "pixmus.training.make_corpus", context.args)


app.add_typer(dataset)


def main() -> NoReturn:
    """Run the command line; what a person did wrong is one line on stderr and exit code 2."""
    # A plain `kill` unwinds as Ctrl-C does, so that unfinished files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with disk_told("the output"):
            app(prog_name="pixmus")
    except PixMusError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        if sys.argv[1:2] not in (["dataset"], ["publish-dataset"]):
            raise
        _fail(
            f"`pixmus {sys.argv[1]}` needs the package {error.name}; install it with: pip install "
            "-r requirements-dataset.txt"
        )
    except KeyboardInterrupt:
        if sys.argv[1:2] == ["dataset"]:
            print("stopped; what is done is kept, the same command goes on", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)


def _fail(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"pixmus: {line}", file=sys.stderr)
    sys.exit(2)


def _run_study(name: str, arguments: list[str]) -> None:
    from pixmus.studies.runner import run

    raise typer.Exit(run(name, arguments))


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


def _direction(
    tempo: float | None,
    key: str | None,
    style: str | None,
    ensemble: str | None,
    parts: str | None,
    mood: str | None,
    music_from: float | None,
    music_to: float | None,
) -> Direction:
    valence, energy = (None, None) if mood is None else _pair(mood)
    names = tuple(name.strip() for name in parts.split(",")) if parts is not None else None
    return Direction(
        tempo_bpm=tempo,
        key=key,
        style=style,
        ensemble=ensemble,
        parts=names,
        valence=valence,
        energy=energy,
        music_from=music_from,
        music_to=music_to,
    )


def _embedding(backbone: str | None, video: Video) -> np.ndarray | None:
    if backbone is None:
        return None
    from pixmus.picture.backbone import Backbone as ImageBackbone

    return ImageBackbone.load(backbone).embed(video)


def _tell(sheet: CueSheet) -> None:
    """What the proposals were made from and why, on stderr, one line each."""
    typer.echo(f"seen: {', '.join(sheet.inputs)}", err=True)
    for name, reason in sheet.reasons.items():
        chosen = getattr(sheet, name, None)
        told = "" if chosen is None else f" {chosen:g}" if name == "tempo_bpm" else f" {chosen}"
        typer.echo(f"{name}{told}: {reason}", err=True)


def _redone(
    cue_sheet: CueSheet | None,
    keep: Path | None,
    redo_bars: str | None,
    redo_parts: str | None,
    report: Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """What the pipeline is told of a kept score, checked; what it cannot follow is printed."""
    if keep is None or cue_sheet is None:
        for value, name in (
            (redo_bars, "--redo-bars"),
            (redo_parts, "--redo-parts"),
            (report, "--report"),
        ):
            if value is not None:
                raise PixMusError(f"{name} needs a score that is kept; name it with --keep MIDI.")
        return {}
    from pixmus.compose.kept import keep_score

    kept = keep_score(cue_sheet, keep, redo_bars, redo_parts)
    for line in kept.report.notices():
        typer.echo(line, err=True)
    if report is not None:
        with new_file(report, force) as place:
            place.write_text(json.dumps(kept.report.to_dict(), indent=2) + "\n")
    return {"keep": keep, "redo_bars": redo_bars, "redo_parts": redo_parts}


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


def _pair(mood: str) -> tuple[float, float]:
    try:
        valence, energy = (float(number) for number in mood.split(","))
    except ValueError:
        raise PixMusError(
            f'--mood {mood!r} is not two numbers; write valence and energy like "0.2,0.8".'
        ) from None
    return valence, energy


def _ranking(checks: list[tuple[str, Check]]) -> list[str]:
    """Lines that rank takes by their checks, and say of each what lies outside real music."""
    told = []
    for name, found in sorted(checks, key=lambda entry: entry[1].rank):
        warnings = "; ".join(map(str, found.outside))
        told.append(f"{name}: " + (f"outside are {warnings}" if warnings else "like real music"))
    if len(told) < 2:
        return [line for line, (_, found) in zip(told, checks, strict=True) if found.outside]
    return ["Ranked:", *(f"{place}. {line}" for place, line in enumerate(told, start=1))]


def _places(
    clip: Path, out: Path | None, bundle: Path | None, takes: int, force: bool
) -> list[tuple[Path | None, Path | None]]:
    """Where each take's clip and bundle go, checked before anything is computed."""
    if out is not None and out.suffix.lower() != ".mp4":
        raise PixMusError(f"{out}: the scored clip is an mp4; give it a name that ends in .mp4.")
    clips: list[Path | None] = [None] * takes
    if out is not None:
        clips = [out if takes == 1 else _numbered(out, i + 1) for i in range(takes)]
    elif bundle is None:
        free = (_numbered(Path(f"{clip.stem}-scored.mp4"), i) for i in range(1, 1_000_000))
        unused = (path for path in free if not path.exists())
        clips = [next(unused) for _ in range(takes)]
    folders: list[Path | None] = [None] * takes
    if bundle is not None:
        folders = [bundle if takes == 1 else _numbered(bundle, i + 1) for i in range(takes)]
    for folder in filter(None, folders):
        check_new_folder(folder, force)
    for path in filter(None, clips):
        check_new_file(path, force)
    for path in [*filter(None, clips), *(folder / "scored.mp4" for folder in folders if folder)]:
        if path.exists() and path.samefile(clip):
            raise PixMusError(f"{path} is the clip itself; choose another name.")
    return list(zip(clips, folders, strict=True))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


@contextmanager
def _stages() -> Iterator[OnStage]:
    """A callback that shows each stage as a line with its seconds; silent where nobody watches."""
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}
    current = ""

    def on_stage(name: str, fraction: float | None) -> None:
        nonlocal current
        if current and name != current:
            progress.update(tasks[current], total=1, completed=1)
        if name and name != current:
            if name in tasks:
                progress.reset(tasks[name], total=None)
            else:
                tasks[name] = progress.add_task(name, total=None)
        if name and fraction is not None:
            progress.update(tasks[name], total=1, completed=min(fraction, 1.0))
        current = name

    with progress:
        yield on_stage
        on_stage("", None)
