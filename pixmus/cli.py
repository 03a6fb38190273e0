"""The command line: arguments, progress and one-line errors; what the commands do is elsewhere.

Heavy imports (torch, diffusers, matplotlib) stand inside the commands that need them, so that
`--help` and `spot` answer at once. Exit codes: 0 done, 2 bad input or arguments, 130 interrupted.
"""

from __future__ import annotations

import importlib
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

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

from pixmus.bundle import (
    DISK_TROUBLE,
    SAMPLE_RATE,
    check_new_file,
    check_new_folder,
    ensemble_of,
    new_file,
    programs_of,
    write_wav,
)
from pixmus.cues import CueSheet, Direction
from pixmus.errors import PixMusError

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
        metavar="DIR", help="Folder (or Hub id) of the model; else the one that came along."
    ),
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
Duration = Annotated[
    float,
    typer.Option(metavar="S", min=0.5, max=600.0, help="Seconds that a still image stands for."),
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
    takes: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How many, by seed.")] = 1,
    duration: Duration = STILL_DURATION_S,
    music_from: MusicFrom = None,
    music_to: MusicTo = None,
    original_audio: Annotated[
        Literal["keep", "duck", "drop"] | None,
        typer.Option(help="The clip's own sound; else duck under it, or drop it if silent."),
    ] = None,
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES", help="An edited cue sheet, instead of spotting the clip."),
    ] = None,
    model: Model = None,
    force: Force = False,
) -> None:
    """Compose for a clip and write it with its soundtrack."""
    from pixmus.video import probe

    direction = _direction(tempo, key, style, ensemble, parts, mood, music_from, music_to)
    cue_sheet = None if cues is None else CueSheet.load(cues)
    if cue_sheet is not None and direction != Direction():
        raise PixMusError(f"{cues} already says key, tempo, mood and parts; edit them there.")
    probe(clip, still_duration=duration)  # a bad clip is refused before the model is loaded
    places = _places(clip, out, bundle, takes, force)
    first_seed = secrets.randbelow(2**31) if seed is None else seed
    with _stages() as on_stage:
        on_stage("model", None)
        from pixmus.bundle import write_bundle
        from pixmus.pipeline import PixMusPipeline, watch

        pipe = PixMusPipeline.from_pretrained(model)
        footage: Any = clip
        if takes > 1:  # watched once for all of them
            on_stage("watch", None)
            footage = watch(clip, duration)
        for take_seed, (scored_clip, folder) in enumerate(places, start=first_seed):
            take = pipe(
                footage,
                num_inference_steps=steps,
                guidance_scale=guidance,
                seed=take_seed,
                direction=direction,
                cue_sheet=cue_sheet,
                original_audio=original_audio,
                still_duration=duration,
                on_stage=on_stage,
            )
            if scored_clip is not None:
                on_stage("video out", None)
                report = take.write_video(scored_clip, overwrite=force)
                if report.note:
                    typer.echo(report.note, err=True)
            if folder is not None:
                on_stage("bundle", None)
                write_bundle(take, folder, overwrite=force, scored_clip=scored_clip)
            for written in filter(None, (scored_clip, folder)):
                on_stage("", None)
                typer.echo(f"{written}  (seed {take_seed}, {take.score.key})")


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
    duration: Duration = STILL_DURATION_S,
    music_from: MusicFrom = None,
    music_to: MusicTo = None,
    force: Force = False,
) -> None:
    """Write the cue sheet of a clip: cuts, hit points, curves, key and tempo, ready to edit."""
    from pixmus.cues import spot as spot_features
    from pixmus.features import extract_features
    from pixmus.video import probe, read_frames

    direction = _direction(tempo, key, style, ensemble, parts, mood, music_from, music_to)
    video = probe(clip, still_duration=duration)
    with new_file(out, force) as place, _stages() as on_stage:
        on_stage("video", None)
        features = extract_features(read_frames(video), video.duration, video.frame_rate)
        on_stage("cues", None)
        spot_features(features, direction).save(place)
    typer.echo(out)


@app.command()
def compose(
    cues: Annotated[Path, typer.Argument(metavar="CUES", help="A cue sheet.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The score, MIDI.")] = Path("score.mid"),
    seed: Seed = None,
    steps: Steps = NUM_INFERENCE_STEPS,
    guidance: Guidance = None,
    model: Model = None,
    force: Force = False,
) -> None:
    """Compose the score of a cue sheet."""
    cue_sheet = CueSheet.load(cues)
    with new_file(out, force) as place, _stages() as on_stage:
        on_stage("model", None)
        from pixmus.pipeline import PixMusPipeline
        from pixmus.score import write_midi

        pipe = PixMusPipeline.from_pretrained(model)
        take_seed = secrets.randbelow(2**31) if seed is None else seed
        on_stage("compose", None)
        score = pipe.compose(
            cue_sheet, num_inference_steps=steps, guidance_scale=guidance, seed=take_seed
        )
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
    from pixmus.score import read_midi
    from pixmus.tempo import hits_in_cues, place_hits

    cue_sheet = None if cues is None else CueSheet.load(cues)
    music = read_midi(score)
    if not any(music.parts.values()):
        raise PixMusError(f"{score} holds no notes of PixMus' parts; there is nothing to play.")
    with new_file(out, force) as place, _stages() as on_stage:
        on_stage("render", None)
        from pixmus import audio
        from pixmus.accents import choose_accents

        placed = place_hits(music.tempo_map, hits_in_cues(cue_sheet)) if cue_sheet else []
        stems = audio.render(
            music,
            ensemble or (cue_sheet.ensemble if cue_sheet else ensemble_of(score, music.parts)),
            hits=placed,
            strokes=choose_accents(placed),
            cue_sheet=cue_sheet,
            seed=seed,
        )
        on_stage("mix", None)
        duration = next(iter(stems.values())).shape[1] / SAMPLE_RATE
        write_wav(place, audio.mix(stems, cue_sheet, duration))
    typer.echo(out)


@app.command("measure-font")
def measure_font(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="JSON", help="Else the table that rendering reads."),
    ] = None,
) -> None:
    """Measure each programme's attack time and loudness, for each synth and SoundFont here."""
    from pixmus.renderer import MEASUREMENTS, write_measurements

    check_new_file(out or MEASUREMENTS, overwrite=True)
    for renderer in write_measurements(out or MEASUREMENTS):
        typer.echo(f"{renderer.synth} with {renderer.font}")
    typer.echo(out or MEASUREMENTS)


PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=PASS_ON)
def evaluate(context: typer.Context, name: Annotated[str, typer.Argument()] = "--help") -> None:
    """Measure one thing and write its table: `pixmus evaluate sync`; without a name, list them."""
    folder = Path(__file__).parent / "evaluation"
    names = sorted(path.stem for path in folder.glob("*.py") if "\ndef main(" in path.read_text())
    if name == "--help":
        typer.echo(f"Usage: pixmus evaluate NAME [OPTIONS]\n\nNAME: {', '.join(names)}")
        return
    module = name.replace("-", "_")
    if module not in names:
        raise PixMusError(f"there is no evaluation {name!r}; there are: {', '.join(names)}.")
    _run_module(f"evaluate {name}", f"pixmus.evaluation.{module}", context.args)


@app.command(context_settings=PASS_ON)
def bench(context: typer.Context) -> None:
    """Measure seconds per stage and peak memory."""
    _run_module("bench", "pixmus.evaluation.bench", context.args)


@app.command(context_settings=PASS_ON)
def train(context: typer.Context) -> None:
    """Train the score model."""
    _run_module("train", "pixmus.training.train", context.args)


def main() -> NoReturn:
    """Run the command line; what a person did wrong is one line on stderr and exit code 2."""
    # A plain `kill` unwinds as Ctrl-C does, so that unfinished files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app(prog_name="pixmus")
    except PixMusError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        _fail(
            f"{error.filename or 'the output'} could not be written ({DISK_TROUBLE[error.errno]})."
        )
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _fail(message: str) -> NoReturn:
    line = " ".join(message.split())
    print(f"pixmus: {line}", file=sys.stderr)
    sys.exit(2)


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


def _pair(mood: str) -> tuple[float, float]:
    try:
        valence, energy = (float(number) for number in mood.split(","))
    except ValueError:
        raise PixMusError(
            f'--mood {mood!r} is not two numbers; write valence and energy like "0.2,0.8".'
        ) from None
    return valence, energy


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
