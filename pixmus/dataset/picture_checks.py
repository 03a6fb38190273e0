"""What is wrong with the picture of a row: each check returns a sentence or None.

`watch` decodes a row's picture once and keeps what the checks and the fingerprint need.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pixmus.dataset.table import Row
from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.video import Video

STEP_S = 0.5  # between the frames that are compared
BLOCK = 10  # pixels of the small frames, a sixteenth of the longer side
# Grey levels (of 255) by which the block that changes most must change within a step. Stills coded
# as video (H.264 at crf 23 to 35, MPEG-4 at 200 kbit/s, with camera noise or without) stay below
# 1.6; of 57 real clips the quietest has a median of 5.8.
MOVING_LEVEL = 2.0
SMALLEST_MOVING_SHARE = 0.1  # of the steps; surveillance cameras with nobody in sight have more
MISSING_END = 0.5  # seconds that a file may lack of its row
LONGEST_GAP_S = 2.0  # between frames that could be decoded
NUM_MOMENTS = 5  # frames kept for the fingerprint, evenly spaced
MOMENT_SIZE = 32  # pixels, square


@dataclass(frozen=True)
class Sight:
    """What was seen of a row's picture."""

    video: Video
    times: np.ndarray  # of the frames, seconds from the row's start
    changes: np.ndarray  # grey levels by which the block that changes most changes, each step
    moments: np.ndarray  # (NUM_MOMENTS, MOMENT_SIZE, MOMENT_SIZE) grey levels, evenly spaced
    wanted: float  # seconds that the row claims


def watch(row: Row, video: Video) -> Sight:
    """Decode the row's part of its picture; a video that a still row names is watched whole."""
    start = row.start if row.kind == "video" and not video.is_still else 0.0
    wanted = row.duration if row.kind == "video" or video.is_still else video.duration
    times: list[float] = []
    changes: list[float] = []
    moments: list[np.ndarray] = []
    before: np.ndarray | None = None
    last: Frame | None = None
    for frame in read_frames(video):
        time = frame.time - start
        if time >= wanted:
            break
        if time < -1e-9:
            continue
        times.append(time)
        if time >= (len(moments) + 0.5) / NUM_MOMENTS * wanted and len(moments) < NUM_MOMENTS:
            moments.append(_small(frame.image))
        if before is None or time >= (len(changes) + 1) * STEP_S - 1e-6:
            blocks = _blocks(frame.image)
            if before is not None:
                changes.append(float(np.abs(blocks - before).max()))
            before = blocks
        last = frame
        if video.is_still:  # every other frame is the same
            moments = [_small(frame.image)] * NUM_MOMENTS
            break
    while last is not None and len(moments) < NUM_MOMENTS:
        moments.append(_small(last.image))
    size = (NUM_MOMENTS, MOMENT_SIZE, MOMENT_SIZE)
    return Sight(
        video=video,
        times=np.array(times),
        changes=np.array(changes),
        moments=np.array(moments, np.float32).reshape(-1, *size[1:]),
        wanted=wanted,
    )


def too_short(sight: Sight, row: Row) -> str | None:
    """Whether the picture ends before its row does."""
    if sight.video.is_still or row.kind == "still" or sight.video.duration >= row.end - MISSING_END:
        return None
    return f"its picture lasts {sight.video.duration:.1f} s, but the row ends at {row.end:g} s"


def undecodable(sight: Sight) -> str | None:
    """Whether frames are missing: none at all, or none for more than 2 s."""
    if not len(sight.times):
        return "no frame of its picture can be decoded"
    if sight.video.is_still:
        return None
    end = min(sight.wanted, max(sight.video.duration, sight.times[-1]))
    edges = np.concatenate([[0.0], sight.times, [end]])
    gaps = np.diff(edges)
    worst = int(gaps.argmax())
    if gaps[worst] <= LONGEST_GAP_S:
        return None
    return (
        f"its picture has no frame that can be decoded from {edges[worst]:.1f} to "
        f"{edges[worst + 1]:.1f} s"
    )


def moving_share(sight: Sight) -> float:
    """The share of steps of half a second in which something moves, 0..1."""
    return float(np.mean(sight.changes >= MOVING_LEVEL)) if len(sight.changes) else 0.0


def frozen(sight: Sight, row: Row) -> str | None:
    """Whether a row that claims to be a video shows a picture that stands still."""
    if row.kind != "video":
        return None
    if sight.video.is_still:
        return "it claims to be a video, but its picture is a still image"
    share = moving_share(sight)
    if len(sight.changes) < 2 or share >= SMALLEST_MOVING_SHARE:
        return None
    return f"it claims to be a video, but its picture stands still {1 - share:.0%} of the time"


def moving(sight: Sight, row: Row) -> str | None:
    """Whether a row that claims to be a still names a video."""
    if row.kind != "still" or sight.video.is_still:
        return None
    if moving_share(sight) >= SMALLEST_MOVING_SHARE:
        return "it claims to be a still, but its file is a video that moves"
    return "it claims to be a still, but its file is a video (that stands still)"


def several(path: Path, row: Row) -> str | None:
    """Whether a row that claims to be a still names a file of several images."""
    number = num_images(path) if row.kind == "still" else 1
    return f"it claims to be a still, but its file holds {number} images" if number > 1 else None


def num_images(path: Path) -> int:
    """How many images a file holds (animated WebP and PNG hold several); 1 where it is no image."""
    try:
        with Image.open(path) as file:
            return int(getattr(file, "n_frames", 1))
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return 1


def _blocks(image: np.ndarray) -> np.ndarray:
    """Mean grey level of every block of 10 pixels square."""
    grey = image.mean(axis=2, dtype=np.float32)
    height, width = (max(BLOCK, side // BLOCK * BLOCK) for side in grey.shape)
    grey = np.pad(
        grey, [(0, max(0, height - grey.shape[0])), (0, max(0, width - grey.shape[1]))], "edge"
    )
    blocks = grey[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    means: np.ndarray = blocks.mean((1, 3), dtype=np.float32)
    return means


def _small(image: np.ndarray) -> np.ndarray:
    """The image as a small grey square."""
    grey = Image.fromarray(image).convert("L")
    return np.asarray(grey.resize((MOMENT_SIZE, MOMENT_SIZE), Image.Resampling.BOX), np.float32)
