"""Clips from the field: what each condition should give and what it gives.

    pixmus evaluate field

Every clip is painted, probed, watched and written with a new sound; lengths, cuts and a click are
measured in the source and in the scored clip, what is said is read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixmus.errors import PixMusError
from pixmus.picture.footage import NO_BACKBONE, Footage, watch
from pixmus.picture.frames import read_frames
from pixmus.picture.tone import HLG, PQ
from pixmus.picture.video import Video, probe
from pixmus.picture.write import mux
from pixmus.studies import field_clips as clips
from pixmus.studies.field_clips import Clip, click
from pixmus.studies.runner import Result, Run, Study
from pixmus.waveform import SAMPLE_RATE

CUT = 12  # levels of grey by which a picture changes at a cut
LENGTH_OFF_S, CUT_OFF_S, CLICK_OFF_S = 0.03, 0.003, 0.012
B_FRAMES = {"bf": "3", "preset": "veryfast"}
HOLE = tuple(index / 25 for index in range(25)) + tuple(11 + index / 25 for index in range(25))


@dataclass(frozen=True)
class Condition:
    """One kind of clip and what a person may expect of it; times in seconds."""

    what: str
    name: str  # of the file
    paint: Clip | Callable[[Path], Path]
    duration: float | None = 3.0  # None: it is refused
    cuts: Sequence[float] | None = (1.0, 2.0)  # None: not looked at
    click: float | None = None
    copied: bool | None = None
    tracks: str = ""  # that are asked for
    said: str = ""  # words that stand in what is said of it


CONDITIONS = (
    Condition("H.264 with B-frames", "a.mp4", Clip(options=B_FRAMES), copied=True),
    Condition(
        "stands still for 10 s, B-frames",
        "a.mp4",
        Clip(options=B_FRAMES, times=HOLE),
        12.0,
        (11.0,),
        copied=True,
    ),
    Condition("the same in WebM", "a.webm", Clip("libvpx-vp9", times=HOLE), 12.0, (11.0,)),
    Condition(
        "one frame, then 4 s of sound",
        "a.mov",
        Clip(times=(0.0,), sounds=(click(3.0, 4.0),)),
        4.0,
        (),
        3.0,
        said="the last frame stays",
    ),
    Condition(
        "sound 2 s longer than the picture",
        "a.mov",
        Clip(sounds=(click(4.5, 5.0),)),
        5.0,
        click=4.5,
        copied=True,
        said="the last frame stays",
    ),
    Condition(
        "four tracks, the flagged one silent",
        "a.mkv",
        Clip(
            sounds=(click(1, 3) * 0, clips.speech(), click(1, 3) * 0, click(2, 3) * 0.1),
            default=(0,),
        ),
        click=1.5,
        said="number 2 is its own sound",
    ),
    Condition(
        "two tracks, the second flagged",
        "a.mkv",
        Clip(sounds=(click(0.5), click(1.5)), default=(1,)),
        click=1.5,
        said="number 2",
    ),
    Condition(
        "two tracks, both asked for",
        "a.mkv",
        Clip(sounds=(click(0.5) * 0.5, click(1.5)), default=(0,)),
        click=1.5,
        tracks="all",
        said="its own sound is 1 and 2 together",
    ),
    Condition("a thumbnail before the film", "a.mov", clips.thumbnail_first),
    Condition(
        "transport streams joined", "a.ts", clips.joined, 6.0, (1, 2, 3, 4), 1.5, said="starts anew"
    ),
    Condition(
        "a transport stream with lost packets",
        "a.ts",
        clips.with_losses,
        3.0,
        None,
        1.5,
        said="damaged",
    ),
    Condition(
        "a clock that wraps",
        "a.ts",
        Clip(
            sounds=(click(0.5),), sound_codec="mp2", container="mpegts", start=2**33 / 90000 - 2.9
        ),
        click=0.5,
    ),
    Condition("cut off in the middle", "a.mkv", clips.cut_short, None, said="is cut off"),
    Condition(
        "interlaced MPEG-2",
        "a.mpg",
        Clip("mpeg2video", options={"flags": "+ilme+ildct", "qscale": "2"}, is_interlaced=True),
        said="deinterlaced",
    ),
    Condition("HDR, HLG", "a.mov", clips.hdr(HLG), said="brought from HDR to BT.709"),
    Condition("HDR, PQ", "a.mov", clips.hdr(PQ), said="brought from HDR to BT.709"),
    Condition("transparent", "a.mkv", clips.transparent, cuts=(), said="laid over black"),
    Condition("an animated PNG", "a.png", clips.moving_images),
    Condition("an animated WebP", "a.webp", clips.moving_images),
    Condition("a PNG of 16 bits of grey", "a.png", clips.deep_grey, 20.0, ()),
)


def cuts_of(video: Video) -> list[float]:
    """When the picture changes at once."""
    found, before = [], None
    for frame in read_frames(video):
        level = float(np.median(frame.image))
        if before is not None and abs(level - before) > CUT:
            found.append(frame.time)
        before = level
    return found


def worst(wanted: Sequence[float], found: Sequence[float]) -> float:
    """Seconds by which the worst of some times is off; infinite where their number differs."""
    if len(wanted) != len(found):
        return float("inf")
    return max((abs(a - b) for a, b in zip(wanted, found, strict=True)), default=0.0)


def measure_one(condition: Condition, folder: Path) -> Result:
    """A row: what is expected in words, what was measured, and whether it holds."""
    path = folder / condition.name
    if isinstance(condition.paint, Clip):
        condition.paint.paint(path)
    else:
        condition.paint(path)
    row: Result = {"condition": condition.what, "expected": _expected(condition)}
    try:
        footage = watch(path, backbone=NO_BACKBONE, tracks=condition.tracks)
    except PixMusError as error:
        told = str(error).replace(f"{path}", condition.name)
        return {**row, "measured": f"refused: {told}", "holds": _is_refused_as(condition, told)}
    return {**row, **_measured(condition, footage, folder)}


def _measured(condition: Condition, footage: Footage, folder: Path) -> Result:
    video, out = footage.video, folder / "scored.mp4"
    report = mux(video, np.zeros((2, round(video.duration * SAMPLE_RATE)), np.float32), out)
    scored = probe(out)
    said = " ".join([*footage.notices, report.note])
    told, holds = (
        [f"{video.duration:.3f} s, scored {scored.duration:.3f} s"],
        [condition.said in said],
    )
    wanted = condition.duration if condition.duration is not None else float("inf")
    off = max(abs(video.duration - wanted), abs(scored.duration - video.duration))
    holds.append(off <= LENGTH_OFF_S)
    if condition.cuts is not None:
        both = [worst(condition.cuts, cuts_of(each)) for each in (video, scored)]
        told.append("cuts off by " + " and ".join(f"{1000 * each:.1f}" for each in both) + " ms")
        holds.append(max(both) <= CUT_OFF_S)
    if condition.click is not None:
        sound = footage.audio
        heard = -1.0 if sound is None else float(np.abs(sound[0]).argmax()) / SAMPLE_RATE
        told.append(f"click off by {1000 * abs(heard - condition.click):.1f} ms")
        holds.append(abs(heard - condition.click) <= CLICK_OFF_S)
    if condition.copied is not None:
        holds.append(report.copied == condition.copied)
    told.append("copied" if report.copied else "encoded")
    if footage.notices or "," in report.note:
        told.append("said: " + " ".join([*footage.notices, *report.note.split(", ", 1)[1:]]))
    return {"measured": "; ".join(told), "holds": all(holds)}


def _expected(condition: Condition) -> str:
    if condition.duration is None:
        return f'refused with "{condition.said}"'
    told = [f"{condition.duration:g} s"]
    if condition.cuts:
        told.append("cuts at " + ", ".join(f"{cut:g}" for cut in condition.cuts))
    if condition.click is not None:
        told.append(f"click at {condition.click:g}")
    if condition.copied is not None:
        told.append("copied" if condition.copied else "encoded")
    return "; ".join([*told, *([f'"{condition.said}"'] if condition.said else [])])


def _is_refused_as(condition: Condition, told: str) -> bool:
    return condition.duration is None and condition.said in told


def measure(run: Run) -> Result:
    """All rows."""
    rows = []
    for condition in CONDITIONS:
        with tempfile.TemporaryDirectory(prefix="pixmus-field-") as folder:
            rows.append(measure_one(condition, Path(folder)))
        run.tell(f"{condition.what}: {'holds' if rows[-1]['holds'] else 'does not hold'}")
    return {"rows": rows, "holding": sum(row["holds"] for row in rows)}


STUDY = Study(
    "field",
    "Clips as cameras, recorders and broadcasts leave them: expected and measured.",
    measure,
    passes=lambda result: result["holding"] == len(result["rows"]),
)
