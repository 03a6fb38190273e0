"""Commands that begin with a clip: `soundtrack`, `spot` and `trim`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixmus.asked import Asked
from pixmus.choice import Step
from pixmus.choices import SEED, TEMPO
from pixmus.cues.alternatives import direction_of_take
from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet
from pixmus.cues.wishes import read_wishes
from pixmus.curves import Curve
from pixmus.doors.cli.kept import redone
from pixmus.doors.cli.options import (
    Backbone,
    Clip,
    CutsAndSeen,
    CutsFile,
    EndsAt,
    Exports,
    Force,
    Keep,
    Model,
    Mood,
    Rate,
    RedoBars,
    RedoParts,
    Revision,
    StartsAt,
)
from pixmus.doors.cli.places import Place, places_of
from pixmus.doors.cli.stages import OnStage, stages
from pixmus.errors import PixMusError
from pixmus.files import new_file

if TYPE_CHECKING:
    import numpy as np

    from pixmus.check.findings import Check
    from pixmus.cues.cut_list import CutList
    from pixmus.picture.video import Video
    from pixmus.take.pipeline import PixMusPipeline
    from pixmus.take.soundtrack import Soundtrack


def soundtrack(
    clip: Clip,
    asked: Asked,
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
    export: Exports = None,
    mood: Mood = None,
    backbone: Backbone = None,
    cues: Annotated[
        Path | None,
        typer.Option(metavar="CUES", help="An edited cue sheet, instead of spotting the clip."),
    ] = None,
    cuts: CutsFile = None,
    cuts_and_seen: CutsAndSeen = False,
    rate: Rate = None,
    start: StartsAt = None,
    keep: Keep = None,
    redo_bars: RedoBars = None,
    redo_parts: RedoParts = None,
    model: Model = None,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Compose for a clip and write it with its soundtrack."""
    from pixmus.picture.video import probe
    from pixmus.take.exports import chosen_exports

    direction = _direction(asked, mood)
    cue_sheet = None if cues is None else _given_sheet(cues, direction, asked, backbone, cuts)
    # A bad clip is refused before the model is loaded, and so is a bad cut list.
    video = probe(clip, still_duration=asked.still_duration, length=asked.length)
    cut_list = _cut_list(cuts, video, rate, start, cuts_and_seen)
    chosen = chosen_exports(export) if export else ()
    places = places_of(clip, out, bundle, asked.num_takes, force, bool(chosen))
    if keep is not None and cue_sheet is None:
        raise PixMusError(f"--keep {keep} needs the cue sheet of that score; name it with --cues.")
    arguments = {
        **asked.of(Step.WATCH, Step.WISH, Step.COMPOSE, Step.MIX),
        **redone(cue_sheet, keep, redo_bars, redo_parts),
        "direction": direction,
        "backbone": backbone,
        "cue_sheet": cue_sheet,
        "cuts": cut_list,
    }
    checks: list[tuple[str, Check]] = []
    with stages() as on_stage:
        on_stage("model", None)
        from pixmus.picture.footage import watch
        from pixmus.take.pipeline import PixMusPipeline

        pipe = PixMusPipeline.from_pretrained(model, revision=revision)
        footage: Any = clip
        if len(places) > 1:  # watched once for all of them
            on_stage("watch", None)
            footage = watch(clip, asked.still_duration, backbone, asked.length, asked.tracks)
        first = secrets.randbelow(2**31) if asked.seed is None else asked.seed
        made = _takes(pipe, footage, arguments, first, asked.text, on_stage)
        for seed, (place, take) in enumerate(zip(places, made, strict=False), start=first):
            if seed == first:
                on_stage("", None)
                for line in take.settings["notices"]:
                    typer.echo(line, err=True)
                if cue_sheet is None:
                    _tell(take.cue_sheet)
            checks += _write(take, place, seed, force, on_stage, chosen)
        on_stage("", None)
    for line in _ranking(checks):
        typer.echo(line)


def _takes(
    pipe: PixMusPipeline,
    footage: Any,
    arguments: dict[str, Any],
    seed: int,
    words: str | None,
    on_stage: OnStage,
) -> Iterator[Soundtrack]:
    """Takes by this seed and those that follow it, for as long as somebody wants another.

    They differ on purpose where no cue sheet says what they are.
    """
    asked, wishes = arguments["direction"], read_wishes(words or "")
    spotted: CueSheet | None = None
    for number in count(1):
        direction = asked
        if spotted is not None and arguments["cue_sheet"] is None:
            direction = direction_of_take(number, spotted, asked, wishes)
        chosen = {**arguments, "direction": direction, SEED.name: seed + number - 1}
        take = pipe(footage, **chosen, on_stage=on_stage)
        spotted = spotted or take.cue_sheet
        yield take


def _given_sheet(
    cues: Path, direction: Direction, asked: Asked, backbone: str | None, cuts: Path | None
) -> CueSheet:
    """The cue sheet that replaces spotting; PixMusError where more is asked of spotting."""
    cue_sheet = CueSheet.load(cues)
    if direction != Direction():
        raise PixMusError(f"{cues} already says key, tempo, mood and parts; edit them there.")
    if asked.text or backbone:
        raise PixMusError(f"{cues} replaces spotting, so --text and --backbone have no say.")
    if cuts is not None:
        raise PixMusError(f"{cues} says its own cuts, so --cuts has no say; edit them there.")
    return cue_sheet


def _write(
    take: Soundtrack,
    place: Place,
    seed: int,
    force: bool,
    on_stage: OnStage,
    chosen: Sequence[str],
) -> Iterator[tuple[str, Check]]:
    """Write a take where it belongs; yields its name and its check, where it has one."""
    from pixmus.take.exports import write_bundle

    clip_name, folder_name = place
    scored_clip: Path | None = None
    folder: Path | None = None

    def write_clip(path: Path, overwrite: bool) -> None:
        report = take.write_video(path, overwrite=overwrite)
        if report.note:
            typer.echo(report.note, err=True)

    def write_folder(path: Path, overwrite: bool) -> None:
        made = {"scored.mp4": scored_clip}
        write_bundle(take, path, overwrite=overwrite, made=made, names=chosen)

    if clip_name is not None:
        on_stage("video out", None)
        scored_clip = clip_name.write(write_clip, force)
    if folder_name is not None:
        on_stage("bundle", None)
        folder = folder_name.write(write_folder, force)
    for written in filter(None, (scored_clip, folder)):
        on_stage("", None)
        typer.echo(f"{written}  (seed {seed}, {take.score.key}, {take.cue_sheet.ensemble})")
    if take.check is not None:
        yield f"{scored_clip or folder}  (seed {seed})", take.check


def spot(
    asked: Asked,
    clip: Annotated[
        Path | None,
        typer.Argument(metavar="[CLIP]", help="A video or a still image.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The cue sheet, JSON.")] = Path(
        "cues.json"
    ),
    mood: Mood = None,
    backbone: Backbone = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Spot by the hand-written rules, without the encoder.")
    ] = False,
    cuts: CutsFile = None,
    cuts_and_seen: CutsAndSeen = False,
    rate: Rate = None,
    start: StartsAt = None,
    end: EndsAt = None,
    model: Model = None,
    revision: Revision = None,
    force: Force = False,
) -> None:
    """Write the cue sheet of a clip: cuts, hit points, curves, key and tempo, ready to edit.

    Without a clip it is made of a cut list alone, by the rules.
    """
    direction = _direction(asked, mood)
    if clip is None:
        if cuts is None:
            raise PixMusError("Name a clip, or a cut list with --cuts.")
        if backbone or cuts_and_seen:
            raise PixMusError("Without a clip nothing is seen; leave --backbone and "
                              "--cuts-and-seen out.")  # fmt: skip
        with new_file(out, force) as place:
            sheet = _spot_unseen(cuts, rate, start, end, direction, asked.text)
            sheet.save(place)
    else:
        if end is not None:
            raise PixMusError("The clip says where it ends; leave --end out.")
        with new_file(out, force) as place, stages() as on_stage:
            video = _probed(clip, asked)
            cut_list = _cut_list(cuts, video, rate, start, cuts_and_seen)
            sheet = _spot_clip(
                video, direction, asked.text, backbone, rules, model, revision, cut_list, on_stage
            )
            sheet.save(place)
    _tell(sheet)
    typer.echo(out)


def _probed(clip: Path, asked: Asked) -> Video:
    from pixmus.picture.video import probe

    return probe(
        clip, still_duration=asked.still_duration, length=asked.length, tracks=asked.tracks
    )


def _spot_clip(
    video: Video,
    direction: Direction,
    text: str,
    backbone: str | None,
    rules: bool,
    model: str | None,
    revision: str | None,
    cut_list: CutList | None,
    on_stage: OnStage,
) -> CueSheet:
    """The cue sheet of a clip."""
    from pixmus.picture.features import extract_features
    from pixmus.picture.footage import NO_BACKBONE
    from pixmus.picture.frames import read_frames
    from pixmus.take.spotted import load_encoder, spot_with

    on_stage("video", None)
    with_views = backbone != NO_BACKBONE and not rules
    embedding = _embedding(backbone, video)
    frames = read_frames(video, with_views=with_views)
    features = extract_features(frames, video.duration, video.frame_rate)
    on_stage("cues", None)
    encoder = None if rules else load_encoder(model, revision)
    return spot_with(encoder, features, direction, text, embedding, cut_list)


def _spot_unseen(
    cuts: Path,
    rate: str | None,
    start: str | None,
    end: str | None,
    direction: Direction,
    text: str,
) -> CueSheet:
    """The cue sheet of a cut list without a clip."""
    from pixmus.take.spotted import read_alone, spot_unseen

    cut_list, counting = read_alone(cuts, rate, start, end)
    return spot_unseen(cut_list, counting, direction, text)


def _cut_list(
    cuts: Path | None, video: Video, rate: str | None, start: str | None, with_seen: bool
) -> CutList | None:
    """The cut list of a clip, placed on it, where one is given."""
    if cuts is None:
        for option, is_there in (
            ("--rate", rate),
            ("--start", start),
            ("--cuts-and-seen", with_seen),
        ):
            if is_there:
                raise PixMusError(f"{option} says how --cuts is read; name a list with --cuts.")
        return None
    from pixmus.take.spotted import cut_list_of

    return cut_list_of(cuts, video, rate, start, with_seen)


def trim(
    clip: Clip,
    out: Annotated[
        Path, typer.Argument(metavar="MP4", help="The part, a new clip.", show_default=False)
    ],
    asked: Asked,
    force: Force = False,
) -> None:
    """Write a part of a clip as a clip of its own."""
    from pixmus.picture.video import probe
    from pixmus.picture.write import trim as write_part

    start, end = asked.start, asked.end
    if start is None and end is None:
        raise PixMusError("Say which part of the clip is meant, with --from, --to or both.")
    video = probe(clip, length=asked.length, tracks=asked.tracks)
    end = video.duration if end is None else end
    for line in write_part(video, start or 0.0, end, out, overwrite=force):
        typer.echo(line, err=True)
    typer.echo(out)


def _direction(asked: Asked, mood: str | None) -> Direction:
    """What spotting is told; `mood` is valence and energy in one."""
    told = asked.of(Step.SPOT)
    if mood is not None:
        told[Curve.VALENCE], told[Curve.ENERGY] = _pair(mood)
    return Direction(**told)


def _pair(mood: str) -> tuple[float, float]:
    try:
        valence, energy = (float(number) for number in mood.split(","))
    except ValueError:
        raise PixMusError(
            f'--mood {mood!r} is not two numbers; write valence and energy like "0.2,0.8".'
        ) from None
    return valence, energy


def _embedding(backbone: str | None, video: Video) -> np.ndarray | None:
    from pixmus.picture.footage import NO_BACKBONE

    if backbone in (None, NO_BACKBONE):
        return None
    from pixmus.picture.backbone import Backbone as ImageBackbone

    return ImageBackbone.load(backbone).embed(video)


def _tell(sheet: CueSheet) -> None:
    """What the proposals were made from and why, on stderr, one line each."""
    typer.echo(f"seen: {', '.join(sheet.inputs)}", err=True)
    for name, reason in sheet.reasons.items():
        chosen = getattr(sheet, name, None)
        told = "" if chosen is None else f" {chosen:g}" if name == TEMPO.name else f" {chosen}"
        typer.echo(f"{name}{told}: {reason}", err=True)


def _ranking(checks: list[tuple[str, Check]]) -> list[str]:
    """Lines that rank takes by their checks, and say of each what lies outside real music."""
    told = []
    for name, found in sorted(checks, key=lambda entry: entry[1].rank):
        warnings = "; ".join(map(str, [*found.outside, *found.odd]))
        told.append(f"{name}: " + (f"outside are {warnings}" if warnings else "like real music"))
    if len(told) < 2:
        return told if any(found.outside or found.odd for _, found in checks) else []
    return ["Ranked:", *(f"{place}. {line}" for place, line in enumerate(told, start=1))]
