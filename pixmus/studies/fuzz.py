"""Inputs that are damaged or made up at random, by number: media, sheets, lists, models, values.

Each is read right or refused in one sentence; anything else is a fault. The same number makes the
same case. The generators know the formats that they harm, so no library for it is needed.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixmus.choices import CHOICES
from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet
from pixmus.cues.spotting import spot
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.edits import cue_rows, edit, hit_rows
from pixmus.editors.read import read_cut_list
from pixmus.ensembles import PIANO, Part
from pixmus.errors import PixMusError
from pixmus.model.folder import MODEL_FOLDER, write_manifest
from pixmus.picture.footage import NO_BACKBONE, watch
from pixmus.picture.timecode import Counting
from pixmus.picture.video import probe
from pixmus.picture.write import mux
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.programs import programs_of
from pixmus.studies.field_clips import Clip, click
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.spotted import spot_unseen
from pixmus.waveform import SAMPLE_RATE

LONGEST_S = 20.0  # processor seconds of one case
LONGEST_SENTENCE = 1000  # characters
TIMES = tuple(index / 25 for index in range(25))
SOUND = (click(0.5, 1.0),)
# Of a hundred cases; the others are media.
SHARES = {"cue sheet": 12, "MIDI": 12, "cut list": 8, "model folder": 4, "values": 8, "rows": 8}
# Whole cut lists, one of each kind, at 25 frames a second.
CUT_LISTS = {
    "a.edl": """TITLE: REEL
FCM: NON-DROP FRAME
001  A        V     C        01:00:00:00 01:00:02:00 01:00:00:00 01:00:02:00
002  B        V     D    024 02:00:00:00 02:00:03:00 01:00:02:00 01:00:05:00
* LOC: 01:00:03:00 RED the door
003  C        V     C        01:00:05:00 01:00:05:01 01:00:05:00 01:00:05:01
 |C:ResolveColorBlue |M:here |D:50
""",
    "a.csv": "time,timecode,name,strength,end\n1.5,01:00:01:12,a,0.5,\n2,01:00:02:00,b!,,4\n",
    "b.csv": "Marker Name\tIn\tOut\tDuration\nx\t01:00:01:00\t01:00:02:00\t00:00:01:00\n",
    "a.xml": """<?xml version="1.0"?><xmeml version="4"><sequence><duration>100</duration>
<rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate><media><video><track>
<clipitem><start>0</start><end>-1</end></clipitem>
<transitionitem><start>40</start><end>60</end></transitionitem>
<clipitem><start>-1</start><end>100</end></clipitem></track></video></media>
<marker><name>m</name><in>5</in><out>50</out></marker></sequence></xmeml>
""",
    "a.otio": json.dumps(
        {
            "OTIO_SCHEMA": "Timeline.1",
            "global_start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 25.0, "value": 90000.0},
            "tracks": {
                "OTIO_SCHEMA": "Stack.1",
                "markers": [],
                "children": [
                    {
                        "OTIO_SCHEMA": "Track.1",
                        "kind": "Video",
                        "children": [
                            {
                                "OTIO_SCHEMA": "Clip.2",
                                "source_range": {
                                    "start_time": {"rate": 25.0, "value": 10.0},
                                    "duration": {"rate": 25.0, "value": 50.0},
                                },
                                "markers": [
                                    {
                                        "name": "m",
                                        "color": "RED",
                                        "marked_range": {
                                            "start_time": {"rate": 25.0, "value": 20.0},
                                            "duration": {"rate": 25.0, "value": 0.0},
                                        },
                                    }
                                ],
                            }
                        ]
                        * 2,
                    }
                ],
            },
        }
    ),
}

Random = np.random.Generator
Read = Callable[[Path], None]
Attempt = Callable[[], None]


@dataclass(frozen=True)
class Grounds:
    """Whole files of every kind, each with what reads it, and the folder where cases are put."""

    folder: Path
    media: dict[str, Path]
    sheet: Path
    midi: Path
    cut_lists: tuple[Path, ...]

    def attempt(self, number: int) -> tuple[str, Attempt]:
        """What the case of a number is called, and what tries it."""
        random = np.random.default_rng(number)
        draw = random.uniform(0, 100)
        for kind, share in SHARES.items():
            draw -= share
            if draw < 0:
                return kind, self._other(kind, random)
        path = self.media[str(random.choice(list(self.media)))]
        return path.name, self._file(path, read_clip, random)

    def _other(self, kind: str, random: Random) -> Attempt:
        match kind:
            case "cue sheet":
                return self._file(self.sheet, read_sheet, random)
            case "MIDI":
                return self._file(self.midi, read_score, random)
            case "cut list":
                path = self.cut_lists[int(random.integers(len(self.cut_lists)))]
                return self._file(path, read_cuts, random)
            case "model folder":
                return lambda: read_model(harmed_model(self.folder / "model", random))
            case "values":
                return lambda: read_values(random)
        return lambda: read_rows(self.sheet, random)

    def _file(self, path: Path, read: Read, random: Random) -> Attempt:
        case = self.folder / f"case{path.suffix}"
        text = random.random() < 0.5 and path.suffix in (".json", ".otio")
        data = path.read_bytes()
        case.write_bytes(misspelt(data, random) if text else damaged(data, random))
        return lambda: read(case)


def grounds(folder: Path) -> Grounds:
    """Small whole files of every kind in a folder."""
    x264 = {"preset": "veryfast", "bf": "2"}
    vpx = {"deadline": "realtime", "cpu-used": "8"}
    clips = {
        "a.mp4": Clip(options=x264, times=TIMES, sounds=SOUND, sound_codec="aac"),
        "b.mp4": Clip("mpeg4", times=TIMES),
        "a.mov": Clip(options=x264, times=TIMES, sounds=(*SOUND, *SOUND)),
        "a.mkv": Clip(options=x264, times=TIMES, sounds=SOUND, sound_codec="libmp3lame"),
        "a.webm": Clip("libvpx-vp9", options=vpx, times=TIMES),
        "a.avi": Clip("mpeg4", times=TIMES, sounds=SOUND),
        "a.ogv": Clip("libvpx", options=vpx, times=TIMES, container="ogg"),
        "a.ts": Clip(
            options=x264, times=TIMES, sounds=SOUND, sound_codec="mp2", container="mpegts"
        ),
        "a.mpg": Clip("mpeg2video", times=TIMES),
        "a.gif": Clip("gif", "bgr8", times=tuple(index / 10 for index in range(10))),
        "a.flv": Clip(options=x264, times=TIMES, sounds=SOUND, sound_codec="aac"),
    }
    media = {name: clip.paint(folder / name) for name, clip in clips.items()}
    image = Image.effect_noise((64, 48), 60).convert("RGB")
    for name in ("a.jpg", "a.png", "a.webp"):
        image.save(folder / name)
        media[name] = folder / name
    media["b.png"] = folder / "b.png"
    more = [image.rotate(90)] * 9
    image.save(media["b.png"], save_all=True, append_images=more, duration=100)
    sheet = folder / "cues.json"
    spot(watch(media["a.mp4"], backbone=NO_BACKBONE).features).save(sheet)
    score = Score({Part.MELODY: (Note(0.0, 60, 1.0, 80),)}, TempoMap.constant(120.0, 8.0))
    midi = folder / "a.mid"
    write_midi(score, midi, programs_of(PIANO.name, score.parts))
    for name, text in CUT_LISTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Grounds(folder, media, sheet, midi, tuple(folder / name for name in CUT_LISTS))


# ----------------------------------------------------------------------------------- What reads


def read_clip(path: Path) -> None:
    """A clip is watched, and written with another sound."""
    footage = watch(path, still_duration=1.0, backbone=NO_BACKBONE)
    video = footage.video
    assert 0.4 < video.duration < 602 and video.frame_rate > 0, video
    assert video.width > 0 and video.height > 0, video
    if footage.audio is not None:
        assert footage.audio.shape == (2, round(video.duration * SAMPLE_RATE))
        assert np.isfinite(footage.audio).all()
    if video.duration < 10:
        silence = np.zeros((2, round(video.duration * SAMPLE_RATE)), np.float32)
        out = path.with_name("out.mp4")
        mux(video, silence, out, overwrite=True)
        assert abs(probe(out).duration - video.duration) < 0.1, (video, probe(out))


def read_sheet(path: Path) -> None:
    """A cue sheet is loaded, and is what it is once it was saved."""
    sheet = CueSheet.load(path)
    assert CueSheet.from_json(sheet.to_json()).to_json() == sheet.to_json()


def read_score(path: Path) -> None:
    """A MIDI file is read."""
    read_midi(path)


def read_cuts(path: Path) -> None:
    """A cut list is read, and makes a cue sheet where it says how long its programme is."""
    found = read_cut_list(path, Counting(Fraction(25)))
    assert found.edits or found.marks
    if found.end is not None and found.end < 600:
        sheet = spot_unseen(found, Counting(Fraction(25)), Direction())
        assert CueSheet.from_json(sheet.to_json()).to_json() == sheet.to_json()


def read_model(folder: Path) -> None:
    """A model is loaded."""
    PixMusPipeline.from_pretrained(folder)


def read_values(random: Random) -> None:
    """Values of choices are checked as the API checks them."""
    names = [name for name in CHOICES if random.random() < 0.25]
    Commission.read({name: wrong_value(random) for name in names})


def read_rows(path: Path, random: Random) -> None:
    """Rows of the page's tables become a cue sheet that can be saved and loaded."""
    sheet = CueSheet.load(path)
    hits: list[Any] = [list(row) for row in hit_rows(sheet)]
    cues: list[Any] = [list(row) for row in cue_rows(sheet)]
    for rows, width in ((hits, 2), (cues, 5)):
        for _ in range(int(random.integers(0, 4))):
            rows.append([any_value(random) for _ in range(width)])
        if rows and random.random() < 0.5:
            row = rows[int(random.integers(len(rows)))]
            row[int(random.integers(width))] = any_value(random)
    edited = edit(sheet, hits, cues)
    assert CueSheet.from_json(edited.to_json()).to_json() == edited.to_json()


# ----------------------------------------------------------------------------------- What harms


def damaged(data: bytes, random: Random) -> bytes:
    """The data with one to four things done to it."""
    for _ in range(random.integers(1, 5)):
        size = len(data)
        a, b = sorted(int(place) for place in random.integers(0, size + 1, 2))
        b = min(b, a + int(2 ** random.uniform(0, 11)))
        match int(random.integers(7)):
            case 0:
                data = data[: max(1, b)] if random.random() < 0.3 else data
            case 1:  # another byte or two
                changed = bytearray(data)
                for place in random.integers(0, size, int(random.integers(1, 9))):
                    changed[place] = int(random.integers(256))
                data = bytes(changed)
            case 2:
                data = data[:a] + bytes(b - a) + data[b:]
            case 3:
                data = data[:a] + data[b:]
            case 4:
                data = data[:b] + data[a:]
            case 5:  # an extreme number in the beginning, where headers are
                place = int(random.integers(0, min(size, 4000)))
                number = random.choice(np.array([0, 1, 0x7F, 0x80, 0xFF]))
                data = data[:place] + bytes([int(number)]) * 4 + data[place + 4 :]
            case 6:
                data = data[:a] + random.bytes(b - a) + data[b:]
        data = data or b"\0"
    return data


def misspelt(data: bytes, random: Random) -> bytes:
    """JSON with one to three of its values changed, taken away or doubled; it stays JSON."""
    try:
        value = json.loads(data)
    except ValueError:  # it was harmed before
        return damaged(data, random)
    for _ in range(int(random.integers(1, 4))):
        holder, place = _somewhere(value, random)
        if holder is None:
            return json.dumps(any_value(random)).encode("utf-8", "surrogatepass")
        match int(random.integers(4)):
            case 0:
                del holder[place]
            case 1 if isinstance(holder, list):
                holder.insert(place, holder[place])
            case _:
                holder[place] = any_value(random)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _somewhere(value: Any, random: Random) -> tuple[Any, Any]:
    """A list or dictionary inside a value, and a place in it; None where there is none."""
    holder, place = None, None
    while isinstance(value, dict | list) and value and (holder is None or random.random() < 0.7):
        holder = value
        names: Iterable[Any] = value if isinstance(value, dict) else range(len(value))
        place = list(names)[int(random.integers(len(value)))]
        value = value[place]
    return holder, place


def any_value(random: Random) -> Any:
    """A value of any kind, among them those that programs forget."""
    pool: list[Any] = [
        *(None, True, False, "", " ", "abc", "-v", "--force", "\ud800", "\0", "x" * 5000, "nan"),
        *(0, -1, 1, 7, 2**31, 2**63, -(2**63), 10**400, 0.0, -0.0, 1e-9, 1e308, 0.5, 100.0),
        *(math.nan, math.inf, -math.inf, [], [1], {}, {"a": 1}, [[]], "1e999", "1,5", "٣"),
    ]
    return pool[int(random.integers(len(pool)))]


def wrong_value(random: Random) -> Any:
    """`any_value` that JSON can hold in all programs' ways of writing it."""
    value = any_value(random)
    is_odd = isinstance(value, float) and not math.isfinite(value)
    return "abc" if is_odd or value in ("\ud800", 10**400) else value


def harmed_model(folder: Path, random: Random) -> Path:
    """The model that comes along with one to three of its files harmed.

    The manifest vouches for the harm in most of the cases: else nothing behind it would be reached.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(MODEL_FOLDER, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for _ in range(int(random.integers(1, 4))):
        path = files[int(random.integers(len(files)))]
        if not path.exists():
            continue
        data = path.read_bytes()
        if random.random() < 0.1:
            path.unlink()
        elif path.suffix == ".json" and random.random() < 0.7:
            path.write_bytes(misspelt(data, random))
        else:
            path.write_bytes(damaged(data, random))
    if random.random() < 0.8:
        write_manifest(folder)
    return folder


# ------------------------------------------------------------------------------- What comes of it


def outcome(attempt: Attempt) -> str:
    """What came of a case: "right", "refused", or what else, in words."""
    begun = time.process_time()
    try:
        attempt()
        found = "right"
    except PixMusError as error:
        told = str(error)
        is_sentence = "\n" not in told and told.endswith(".") and len(told) < LONGEST_SENTENCE
        found = "refused" if is_sentence else f"no sentence: {told[:200]}"
    except Exception as error:  # whatever it is, it is a fault
        found = f"{type(error).__name__}: {error}"
    spent = time.process_time() - begun
    return found if spent < LONGEST_S else f"took {spent:.0f} s"


def tally(ground: Grounds, numbers: Iterable[int]) -> tuple[dict[str, dict[str, int]], list[str]]:
    """How many cases of each kind came out how, and every fault with its number."""
    counts: dict[str, Counter[str]] = {}
    faults = []
    for number in numbers:
        name, attempt = ground.attempt(number)
        found = outcome(attempt)
        is_known = found in ("right", "refused")
        kind = name if name in SHARES else "media"
        counts.setdefault(kind, Counter())[found if is_known else "fault"] += 1
        if not is_known:
            faults.append(f"{number} ({name}): {found[:500]}")
    return {kind: dict(counted) for kind, counted in sorted(counts.items())}, faults
