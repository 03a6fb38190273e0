"""`along`: a result along time as the page draws it, on one axis from picture to sound.

What is written is JSON: seconds from the first displayed frame, curves 0..1, peaks and levels as
whole numbers of 0..100. Chords are the cue sheet's, or, where it has none, read from the notes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.doors.page.inline import jpeg_url, spectrum_url
from pixmus.doors.page.showcase import Example
from pixmus.ensembles import PARTS, Part
from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.picture.frames import Frame
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.chords import read_chords
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.midi import read_midi
from pixmus.score.notes import Score

NUM_FRAMES = 16
FRAME_HEIGHT = 54  # pixels
NUM_PEAKS = 1200
SPECTROGRAM_SIZE = (1000, 80)  # pixels
CHORD_BEATS = 2


def along(
    sheet: CueSheet,
    score: Score,
    music: np.ndarray | None,
    own: np.ndarray | None,
    frames: Sequence[Frame],
) -> str:
    """A result along time, as JSON; `music` and `own` are waveforms (2, samples) or None."""
    tempo_map = score.tempo_map
    bars = tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, float))
    curves = {n: _whole(sheet.curves[n]) for n in CURVES if n != Curve.REGISTER}
    told: dict[str, Any] = {
        "duration": sheet.duration,
        "rate": float(sheet.frame_rate),
        "key": score.key,
        "frames": [[round(f.time, 3), jpeg_url(_small(f.image))] for f in _spread(frames)],
        "cuts": [round(cut, 3) for cut in sheet.cuts],
        "hits": [[round(hit.time, 3), round(hit.strength, 2)] for hit in sheet.hit_points],
        "cues": [[cue.start, cue.end, cue.name] for cue in sheet.cues],
        "curves": [
            {"name": name, "colour": Curve(name).colour, "values": v} for name, v in curves.items()
        ],
        "beats": _rounded(tempo_map.beat_times),
        "bars": _rounded(bars),
        "chords": _told(sheet) or _chords(score, sheet.duration),
        "parts": [
            {"name": part, "colour": Part(part).colour, "notes": _notes(score, part)}
            for part in PARTS
            if score.parts.get(part)
        ],
    }
    if music is not None:
        told["music"] = _peaks(music)
        told["spectrogram"] = spectrum_url(music, SPECTROGRAM_SIZE)
    if own is not None:
        told["own"] = _peaks(own)
    return json.dumps(told, separators=(",", ":"))


def along_example(example: Example, folder: Path) -> Path | None:
    """The file in `folder` that says an example along time, made once; None where it cannot be."""
    path = folder / f"{example.name}.json"
    if path.exists():
        return path
    try:
        sheet = CueSheet.load(example.outputs / "cues.json")
        score = read_midi(example.outputs / "score.mid", unnamed_key=sheet.key)
        sound = read_audio(probe(example.scored))
        told = along(sheet, score, sound, None, _frames(example.scored, sheet.duration))
    except (PixMusError, OSError, av.FFmpegError):
        return None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with new_file(path, overwrite=True) as partial:  # two may make it at once
        partial.write_text(told, encoding="utf-8")
    return path


def _frames(film: Path, duration: float) -> list[Frame]:
    """Frames along a film."""
    frames: list[Frame] = []
    with av.open(str(film)) as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.time >= (len(frames) + 0.5) * duration / NUM_FRAMES:
                frames.append(Frame(frame.time, frame.to_ndarray(format="rgb24")))
    return frames


def _spread(frames: Sequence[Frame]) -> Sequence[Frame]:
    return frames[:: max(1, len(frames) // NUM_FRAMES)]


def _small(image: np.ndarray) -> Image.Image:
    picture = Image.fromarray(image)
    picture.thumbnail((4 * FRAME_HEIGHT, FRAME_HEIGHT))
    return picture


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]


def _whole(values: Any) -> list[int]:
    return [round(100 * float(value)) for value in values]


def _notes(score: Score, part: str) -> list[list[float]]:
    """Start and end in seconds, pitch, velocity of each note."""
    notes = score.parts[part]
    starts = score.tempo_map.to_seconds(np.array([note.onset for note in notes], float))
    ends = score.tempo_map.to_seconds(np.array([n.onset + n.duration for n in notes], float))
    return [
        [round(float(start), 3), round(float(end), 3), note.pitch, note.velocity]
        for start, end, note in zip(starts, ends, notes, strict=True)
    ]


def _told(sheet: CueSheet) -> list[list[Any]]:
    """Start, end and name of every chord of a cue sheet."""
    ends = [*(chord.start for chord in sheet.chords[1:]), sheet.duration]
    return [
        [round(each.start, 3), round(end, 3), each.chord.name(sheet.key)]
        for each, end in zip(sheet.chords, ends, strict=False)
        if each.chord is not None
    ]


def _chords(score: Score, duration: float) -> list[list[Any]]:
    """Start, end and name of every stretch of one chord."""
    rows = [
        (PARTS.index(part), n.onset * STEPS_PER_BEAT, n.duration * STEPS_PER_BEAT, n.pitch)
        for part, notes in score.parts.items()
        if part in PARTS
        for n in notes
    ]
    if not rows:
        return []
    tempo_map = score.tempo_map
    found = read_chords(np.rint(rows).astype(int), tempo_map.num_beats * STEPS_PER_BEAT)
    spans: list[list[Any]] = []
    for i, chord in enumerate(found):
        name = "" if chord is None else chord.name(score.key)
        beats = np.array([CHORD_BEATS * i, CHORD_BEATS * (i + 1)], float)
        start, end = (min(float(t), duration) for t in tempo_map.to_seconds(beats))
        if spans and spans[-1][2] == name:
            spans[-1][1] = round(end, 3)
        elif end > start:
            spans.append([round(max(start, 0.0), 3), round(end, 3), name])
    return [span for span in spans if span[2]]


def _peaks(waveform: np.ndarray) -> list[int]:
    """The largest sample of each of `NUM_PEAKS` stretches."""
    edges = np.linspace(0, waveform.shape[-1], NUM_PEAKS + 1).astype(int)
    return [
        min(100, round(100 * float(np.abs(waveform[:, a:b]).max(initial=0.0))))
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
