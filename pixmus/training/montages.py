"""Montages of real clips with a known truth: every transition, and every trap that is none.

Conventions: times are seconds from the first frame; a cut's time is the first frame of the new
shot, a dissolve's or fade's time its middle. Shots are resampled by repeating or dropping frames,
as editing programs do, so 24 fps in a 30 fps montage repeats every fourth frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.transitions import Transition
from pixmus.picture.video import Video, probe

MONTAGE_SIZE = (90, 160)  # rows, columns
MIN_SOURCE_RATE_HZ = 14.9  # slower clips look cut at every frame
MIN_SHOT = 0.5  # s
# Clips that hold cuts of their own, found by looking at frame strips of all shared clips.
CLIPS_WITH_CUTS = (
    "samples__mixed-content.webm",
    "shared-assets__tears-of-steel-battle-clip-medium.webm",
)
TRAPS = ("flash", "shake", "whip pan", "freeze", "exposure")
TRAP_SHARE = 0.5  # of shots long enough to hold one
GRADUAL_SHARE = {"dissolve": 0.15, "fade": 0.08}  # of transitions


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip decoded once: images uint8 (frames, *MONTAGE_SIZE, 3) with their times."""

    name: str
    times: np.ndarray
    images: np.ndarray

    @property
    def duration(self) -> float:
        return float(self.times[-1])

    @property
    def tuned_on(self) -> bool:
        """Whether the detector may be tuned on this clip."""
        return is_tuned_on(self.name)


def is_tuned_on(name: str) -> bool:
    """Whether the detector may be tuned on a clip of this name (parity of the name's sha1)."""
    return hashlib.sha1(name.encode()).digest()[-1] % 2 == 0


@dataclass(frozen=True)
class Shot:
    """One shot of a montage, in montage frames, with the trap that it holds, if any."""

    clip: int
    first_frame: int
    num_frames: int
    clip_start: float
    trap: str
    trap_first: int
    trap_frames: int


@dataclass(frozen=True, eq=False)
class Montage:
    """A planned montage; `frames` paints it one frame at a time."""

    clips: Sequence[Clip]
    shots: tuple[Shot, ...]
    frame_rate: Fraction
    num_frames: int
    transitions: tuple[Transition, ...]
    seed: int

    @property
    def duration(self) -> float:
        return float(self.num_frames / self.frame_rate)

    def frames(self) -> Iterator[Frame]:
        """The montage's frames in order."""
        spans = [
            (round(float(t.start * self.frame_rate)), round(float(t.end * self.frame_rate)))
            for t in self.transitions
        ]
        shot = 0  # the last shot that has begun
        for index in range(self.num_frames):
            while shot < len(spans) and index >= spans[shot][1]:
                shot += 1
            if shot < len(spans) and index >= spans[shot][0]:
                first, last = spans[shot]
                image = self._blend(shot, index, (index - first + 0.5) / (last - first))
            else:
                image = self._paint(shot, index)
            yield Frame(float(index / self.frame_rate), image)

    def _blend(self, shot: int, index: int, share: float) -> np.ndarray:
        old = self._paint(shot, index).astype(np.float32)
        new = self._paint(shot + 1, index).astype(np.float32)
        if self.transitions[shot].kind == "dissolve":
            image = (1 - share) * old + share * new
        else:  # down to black in the first 40 %, up in the last 40 %
            image = old * max(0.0, 1 - share / 0.4) + new * max(0.0, (share - 0.6) / 0.4)
        return image.astype(np.uint8)

    def _paint(self, number: int, index: int) -> np.ndarray:
        shot = self.shots[number]
        clip = self.clips[shot.clip]
        trap_at = index - shot.trap_first  # frames into the trap
        inside = 0 <= trap_at < shot.trap_frames
        if shot.trap == "freeze" and inside:
            index = shot.trap_first
        time = shot.clip_start + float((index - shot.first_frame) / self.frame_rate)
        row = int(np.searchsorted(clip.times, time + 1e-6)) - 1
        image: np.ndarray = clip.images[min(max(row, 0), len(clip.images) - 1)]
        share = trap_at / max(shot.trap_frames, 1)
        if shot.trap == "whip pan" and trap_at >= 0:
            return _whip(image, min(1.0, share), 1.0 / max(shot.trap_frames, 1))
        if not inside:
            return image
        if shot.trap == "flash":
            weight = 0.9 if trap_at < 2 else 0.5
            white: np.ndarray = (image * (1 - weight) + 255 * weight).astype(np.uint8)
            return white
        if shot.trap == "shake":
            generator = np.random.default_rng((self.seed, number, index))
            down, right = generator.integers(-6, 7, 2)
            return np.roll(
                np.pad(image, ((6, 6), (6, 6), (0, 0)), "reflect"), (down, right), (0, 1)
            )[6:-6, 6:-6]
        if shot.trap == "exposure":
            gain = 1 + 0.5 * np.sin(np.pi * share)
            exposed: np.ndarray = np.minimum(image * gain, 255).astype(np.uint8)
            return exposed
        return image


def load_clips(folder: str | Path, *, max_seconds: float = 12.0) -> list[Clip]:
    """The clips of a folder that can stand in a montage, cropped to `MONTAGE_SIZE`, by name."""
    clips = []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix not in (".mp4", ".webm", ".mkv", ".mov") or path.name in CLIPS_WITH_CUTS:
            continue
        video = probe(path)
        if video.is_still or video.frame_rate < MIN_SOURCE_RATE_HZ:
            continue
        clips.append(_load_clip(video, max_seconds))
    return clips


def plan_montage(
    clips: Sequence[Clip],
    seed: int,
    mean_shot: float,
    frame_rate: Fraction,
    *,
    duration: float = 30.0,
    traps: bool = True,
) -> Montage:
    """A montage of random shots: lengths are `MIN_SHOT` plus an exponential rest."""
    generator = np.random.default_rng(seed)
    rate = float(frame_rate)
    num_frames = round(duration * rate)
    starts, at = [0], 0
    while True:
        length = MIN_SHOT + generator.exponential(max(mean_shot - MIN_SHOT, 0.05))
        at += round(length * rate)
        if at > num_frames - MIN_SHOT * rate:
            break
        starts.append(at)
    lengths = np.diff([*starts, num_frames])
    kinds = generator.choice(
        ["cut", *GRADUAL_SHARE],
        len(starts) - 1,
        p=[1 - sum(GRADUAL_SHARE.values()), *GRADUAL_SHARE.values()],
    )
    half = np.zeros(len(starts) + 1, dtype=int)  # half lengths of the transitions around each shot
    transitions = []
    for number, kind in enumerate(kinds, start=1):
        room = min(lengths[number - 1] - half[number - 1], lengths[number]) / rate
        first = last = starts[number]
        if kind != "cut" and room > 0.9:
            wanted = (
                generator.uniform(0.3, 1.2) if kind == "dissolve" else generator.uniform(0.6, 1.5)
            )
            half[number] = max(3, round(min(wanted, room - 0.5) * rate / 2))
            first, last = starts[number] - half[number], starts[number] + half[number]
        else:
            kind = "cut"
        time, start, end = (float(n / frame_rate) for n in (starts[number], first, last))
        transitions.append(Transition(time, start, end, str(kind)))
    shots: list[Shot] = []
    for number, (first, length) in enumerate(zip(starts, lengths, strict=True)):
        lead = half[number] / rate
        needed = lead + (length + half[number + 1]) / rate
        others = [i for i in range(len(clips)) if not shots or i != shots[-1].clip]
        fits = [i for i in others if clips[i].duration >= needed]
        index = int(generator.choice(fits or others))  # a clip that is too short ends in a freeze
        spare = max(0.0, clips[index].duration - needed)
        clip_start = lead + generator.uniform(0, spare)
        trap, trap_first, trap_frames = "", 0, 0
        room = length - half[number] - half[number + 1] - round(0.5 * rate)
        if traps and room > 0.5 * rate and generator.random() < TRAP_SHARE:
            trap = str(generator.choice(TRAPS))
            if trap == "flash":
                trap_frames = int(generator.integers(1, 5))
            else:
                trap_frames = round(rate * generator.uniform(0.2, 0.5))
            earliest = first + half[number] + round(0.25 * rate)
            trap_first = int(generator.integers(earliest, earliest + room - trap_frames + 1))
        shots.append(Shot(index, first, int(length), clip_start, trap, trap_first, trap_frames))
    return Montage(clips, tuple(shots), frame_rate, num_frames, tuple(transitions), seed)


def write_montage(
    clips: Sequence[Clip],
    seed: int,
    mean_shot: float,
    frame_rate: Fraction,
    path: str | Path,
    *,
    duration: float = 30.0,
    scale: int = 2,
) -> tuple[Transition, ...]:
    """Write a montage as silent H.264, enlarged `scale` times, and return its true transitions."""
    import av

    montage = plan_montage(clips, seed, mean_shot, frame_rate, duration=duration)
    rows, columns = MONTAGE_SIZE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=frame_rate)
        stream.width, stream.height, stream.pix_fmt = columns * scale, rows * scale, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23"}
        for frame in montage.frames():
            image = frame.image.repeat(scale, 0).repeat(scale, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return montage.transitions


def _load_clip(video: Video, max_seconds: float) -> Clip:
    times, images = [], []
    for frame in read_frames(video, max_width=2 * MONTAGE_SIZE[1]):
        if frame.time > max_seconds:
            break
        times.append(frame.time)
        images.append(fill_frame(frame.image))
    return Clip(video.path.name, np.array(times), np.stack(images))


def fill_frame(image: np.ndarray) -> np.ndarray:
    """`image` cropped to the montage's aspect around its centre and resized to `MONTAGE_SIZE`."""
    from PIL import Image

    rows, columns = MONTAGE_SIZE
    height, width = image.shape[:2]
    crop_height = min(height, round(width * rows / columns))
    crop_width = min(width, round(height * columns / rows))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    crop = image[top : top + crop_height, left : left + crop_width]
    resized = Image.fromarray(crop).resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(resized)


def _whip(image: np.ndarray, share: float, step: float) -> np.ndarray:
    """`image` after `share` of a whip pan to its own mirror image, smeared by the pan's speed."""
    columns = image.shape[1]
    strip = np.concatenate([image, image[:, ::-1]], axis=1)  # the scene that the camera pans over

    def place(at: float) -> float:
        at = min(max(at, 0.0), 1.0)
        return float(columns * (3 * at**2 - 2 * at**3))  # gently in and out

    if share >= 1.0:
        return image[:, ::-1]
    start, end = place(share), place(share + step / 2)  # shutter open for half of the frame
    shifts = np.unique(np.linspace(start, end, 6).round().astype(int))
    views = [np.roll(strip, -shift, axis=1)[:, :columns].astype(np.float32) for shift in shifts]
    smeared: np.ndarray = np.mean(views, axis=0).astype(np.uint8)
    return smeared
