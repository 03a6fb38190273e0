"""PyAV beside decord on real clips: what opens, how many frames, when they are shown, how fast.

    python -m pixmus.studies.decoders CLIP_FOLDER [--out docs/results]

Writes `decoders.md` and `decoders.json`: the clips of the folder, and clips of kinds that are rare
there, encoded on the spot. Each clip is decoded by each library in a process of its own, so that a
crash or a hang is a result and not an end. Both give frames whose longer side is 160 pixels, with
two threads; PyAV's column is PixMus's own `probe` and `read_frames`; decord opens each clip twice,
since it must be told a size before it tells one. Seconds are of processor time in all threads,
which other work on the machine disturbs little. Times count from each library's first frame. Needs
`pip install decord2`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream

from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.video import probe

LIBRARIES = ("PyAV", "decord")
LONGEST_SIDE = 160  # pixels
NUM_THREADS = 2
PATIENCE = 300.0  # seconds that one clip may take
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".ogv", ".gif")
OTHER_LEVEL = 3.0  # of 255, by which the mean of a frame may differ
SAME_TIME = 0.0015  # seconds by which two libraries may differ on one frame


HARD_FRAMES, HARD_RATE, HARD_SIZE = 72, 24, (96, 64)
# name: encoder, container, first time in seconds (before 0: hidden by an edit list)
HARD_CLIPS = {
    "edit list hides 0.5 s.mp4": ("libx264", "mp4", -0.5),
    "starts at 1.5 s.mp4": ("libx264", "mp4", 1.5),
    "H.264 with B-frames.avi": ("libx264", "avi", 0.0),
    "MPEG-4 with B-frames.avi": ("mpeg4", "avi", 0.0),
    "H.264.ts": ("libx264", "mpegts", 0.0),
    "HEVC.mkv": ("libx265", "matroska", 0.0),
    "VP8.ogv": ("libvpx", "ogg", 0.0),
    "VP9.webm": ("libvpx-vp9", "webm", 0.0),
    "AV1.mp4": ("libsvtav1", "mp4", 0.0),
}
ENCODER_OPTIONS = {
    "libx264": {"bf": "3"},
    "mpeg4": {"bf": "2"},
    "libx265": {"x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "11"},
}


@dataclass(frozen=True)
class Decoding:
    """What one library made of one clip; `error` is empty where it succeeded."""

    error: str
    num_frames: int
    seconds: float  # of processor time, opening included
    times: list[float]  # of each frame, from the first
    levels: list[float]  # mean of each frame's image, 0..255


def encode_hard_clip(path: Path, encoder: str, container: str, start: float) -> None:
    """Write a clip whose grey rises from frame to frame, with B-frames where the codec has them."""
    with av.open(str(path), "w", format=container) as out:
        stream = cast(
            VideoStream, out.add_stream(encoder, HARD_RATE, options=ENCODER_OPTIONS[encoder])
        )
        stream.width, stream.height = HARD_SIZE
        for index in [*range(HARD_FRAMES), None]:
            frame = None
            if index is not None:
                grey = np.full((HARD_SIZE[1], HARD_SIZE[0], 3), 3 * index, np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format="yuv420p")
                frame.pts = index
            for packet in stream.encode(frame):
                assert packet.time_base and packet.pts is not None and packet.dts is not None
                packet.pts += round(start / packet.time_base)
                packet.dts += round(start / packet.time_base)
                out.mux(packet)


def decode_with_pyav(path: Path) -> list[Frame]:
    """Return every displayed frame as PixMus reads it."""
    return list(read_frames(probe(path), LONGEST_SIDE))


def decode_with_decord(path: Path) -> list[Frame]:
    """Return every frame that decord gives, in its order."""
    import decord

    plain = decord.VideoReader(str(path), num_threads=NUM_THREADS)
    height, width = plain[0].shape[:2]
    del plain
    scale = LONGEST_SIDE / max(width, height)
    reader = decord.VideoReader(
        str(path),
        width=round(width * scale),
        height=round(height * scale),
        num_threads=NUM_THREADS,
    )
    times = reader.get_frame_timestamp(range(len(reader)))[:, 0]
    return [
        Frame(float(moment - times[0]), reader.next().asnumpy()) for moment in times.astype(float)
    ]


def decode_here(library: str, path: Path) -> Decoding:
    """Decode one clip in this process."""
    start = time.process_time()
    try:
        frames = decode_with_pyav(path) if library == "PyAV" else decode_with_decord(path)
    except Exception as error:  # noqa: BLE001  whatever a library raises is its result
        return Decoding(
            str(error).strip().splitlines()[0].split("]")[-1].strip()[:90], 0, 0.0, [], []
        )
    seconds = time.process_time() - start
    levels = [round(float(np.mean(frame.image)), 2) for frame in frames]
    return Decoding("", len(frames), seconds, [frame.time for frame in frames], levels)


def decode_apart(library: str, path: Path) -> Decoding:
    """Decode one clip in a process of its own."""
    command = [sys.executable, "-m", "pixmus.studies.decoders", str(path), "--only", library]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Decoding(f"gave nothing in {PATIENCE:.0f} s", 0, 0.0, [], [])
    if done.returncode:
        return Decoding(f"the process ended with {done.returncode}", 0, 0.0, [], [])
    return Decoding(**json.loads(done.stdout.splitlines()[-1]))


def compare(clip: str, ours: Decoding, theirs: Decoding) -> dict:
    """Return one row of the table: both results, and where they differ."""
    row: dict[str, object] = {"clip": clip}
    for library, result in zip(LIBRARIES, (ours, theirs), strict=True):
        row[library] = {
            "error": result.error,
            "frames": result.num_frames,
            "seconds": round(result.seconds, 3),
            "repeated_times": int(np.sum(np.diff(result.times) <= 0)) if result.times else 0,
        }
    if not ours.error and not theirs.error:
        count = min(ours.num_frames, theirs.num_frames)
        times = np.abs(np.subtract(ours.times[:count], theirs.times[:count]))
        levels = np.abs(np.subtract(ours.levels[:count], theirs.levels[:count]))
        row["largest_time_difference"] = round(float(times.max()), 4)
        row["frames_at_other_times"] = int(np.sum(times > SAME_TIME))
        row["largest_level_difference"] = round(float(levels.max()), 2)
    return row


def summarise(rows: list[dict]) -> dict:
    """Return the totals over all clips."""
    both = [row for row in rows if not any(row[library]["error"] for library in LIBRARIES)]
    ratios = [row["decord"]["seconds"] / row["PyAV"]["seconds"] for row in both]
    return {
        "clips": len(rows),
        "opened": {
            library: sum(not row[library]["error"] for row in rows) for library in LIBRARIES
        },
        "seconds": {
            library: round(sum(row[library]["seconds"] for row in both), 1) for library in LIBRARIES
        },
        "median_ratio_of_seconds": round(statistics.median(ratios), 2) if ratios else None,
        "opened_by_decord_alone": [
            row["clip"] for row in rows if row["PyAV"]["error"] and not row["decord"]["error"]
        ],
        "clips_with_other_frame_count": [
            row["clip"] for row in both if row["PyAV"]["frames"] != row["decord"]["frames"]
        ],
        "clips_with_other_times": sum(row["frames_at_other_times"] > 0 for row in both),
        "clips_with_other_pictures": sum(
            row["largest_level_difference"] > OTHER_LEVEL for row in both
        ),
    }


def conclude(summary: dict, hard: dict) -> str:
    """Return what follows from the totals over real and encoded clips, in words."""
    ratio = summary["median_ratio_of_seconds"]
    is_enough = (
        not summary["opened_by_decord_alone"] + hard["opened_by_decord_alone"] and ratio >= 0.95
    )
    verdict = "PyAV alone is enough" if is_enough else "decord does something that PyAV does not"
    differing = ", ".join(summary["clips_with_other_frame_count"]) or "none"
    return (
        f"**{verdict}.** Of {summary['clips']} real clips PyAV opens {summary['opened']['PyAV']}, "
        f"decord {summary['opened']['decord']}; decord takes {ratio} times PyAV's seconds "
        f"(median). Another number of frames: {differing}; frames at other times: "
        f"{summary['clips_with_other_times']} clips; another picture (mean level off by more than "
        f"{OTHER_LEVEL:.0f} of 255): {summary['clips_with_other_pictures']} clips. Of "
        f"{hard['clips']} rarer kinds PyAV opens {hard['opened']['PyAV']}, decord "
        f"{hard['opened']['decord']}; another number of frames: "
        f"{', '.join(hard['clips_with_other_frame_count']) or 'none'} (decord gives the frames "
        f"that an edit list hides, so its times are late by what is hidden); other times: "
        f"{hard['clips_with_other_times']}; another picture: {hard['clips_with_other_pictures']}. "
        "PyAV is needed in any case for pixel aspect and sound and to write the finished clip."
    )


def table(rows: list[dict]) -> list[str]:
    """Return the lines of a Markdown table of the clips."""
    lines = [
        "| clip | PyAV frames | decord frames | largest time difference, s | "
        "largest level difference | PyAV s | decord s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, theirs = row["PyAV"], row["decord"]
        repeated = theirs["repeated_times"]
        cells = [
            row["clip"],
            ours["error"] or ours["frames"],
            theirs["error"] or theirs["frames"],
            f"{repeated} times repeated" if repeated else row.get("largest_time_difference", ""),
            row.get("largest_level_difference", ""),
            ours["seconds"],
            theirs["seconds"],
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return lines


def page(real: list[dict], hard: list[dict]) -> str:
    """Return the Markdown page."""
    summary = summarise(real)
    seconds = summary["seconds"]
    lines = [
        "# PyAV beside decord",
        "",
        "`python -m pixmus.studies.decoders ../shared/data/video`",
        "",
        f"av {version('av')}, decord2 {version('decord2')}. Frames with their longer side at "
        f"{LONGEST_SIDE} pixels, {NUM_THREADS} threads, one process for each clip and library. "
        "Seconds are processor time in all threads, opening included (decord opens each clip "
        "twice, since it must be told a size before it tells one). Times count from the first "
        "frame.",
        "",
        conclude(summary, summarise(hard)),
        "",
        "## Clips of rarer kinds, encoded on the spot",
        "",
        f"{HARD_FRAMES} frames at {HARD_RATE} a second, of which the edit list hides 12.",
        "",
        *table(hard),
        "",
        "## Real clips",
        "",
        f"All that both open: PyAV {seconds['PyAV']} s, decord {seconds['decord']} s.",
        "",
        *table(real),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare PyAV with decord on a folder of clips.")
    parser.add_argument("clips", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--only", choices=LIBRARIES, help="decode one clip and print the result")
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(asdict(decode_here(arguments.only, arguments.clips))))
        return
    found = sorted(path for path in arguments.clips.iterdir() if path.suffix in SUFFIXES)
    with tempfile.TemporaryDirectory() as folder:
        made = [Path(folder) / name for name in HARD_CLIPS]
        for path in made:
            encode_hard_clip(path, *HARD_CLIPS[path.name])
        real, hard = (
            [compare(path.name, *(decode_apart(one, path) for one in LIBRARIES)) for path in paths]
            for paths in (found, made)
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    result = {
        "real": {"summary": summarise(real), "clips": real},
        "rarer kinds": {"summary": summarise(hard), "clips": hard},
    }
    (arguments.out / "decoders.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.out / "decoders.md").write_text(page(real, hard))


if __name__ == "__main__":
    main()
