"""Files that are damaged at random are read right or refused in one sentence, and nothing else.

`make fuzz N=5000` tries so many; here 200. A case that fails is tried again by its number alone:
`PIXMUS_FUZZ_ONLY=137 pytest tests/test_fuzz.py`.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixmus.cues.sheet import CueSheet
from pixmus.errors import PixMusError
from pixmus.picture.footage import NO_BACKBONE, watch
from pixmus.picture.video import probe
from pixmus.picture.write import mux
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.programs import programs_of
from pixmus.studies.field_clips import Clip, click
from pixmus.waveform import SAMPLE_RATE

COUNT = int(os.environ.get("PIXMUS_FUZZ", 200))
ONLY = os.environ.get("PIXMUS_FUZZ_ONLY")
LONGEST_S = 20.0  # processor seconds of one case
LONGEST_SENTENCE = 1000  # characters
TIMES = tuple(index / 25 for index in range(25))
SOUND = (click(0.5, 1.0),)

Read = Callable[[Path], None]


def bases(folder: Path) -> list[tuple[Path, Read]]:
    """Small whole files of every kind, each with what reads it."""
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
    found = [(clip.paint(folder / name), read_clip) for name, clip in clips.items()]
    image = Image.effect_noise((64, 48), 60).convert("RGB")
    for name in ("a.jpg", "a.png", "a.webp"):
        image.save(folder / name)
        found.append((folder / name, read_clip))
    apng = folder / "b.png"
    image.save(apng, save_all=True, append_images=[image.rotate(90)] * 9, duration=100)
    found.append((apng, read_clip))
    sheet = watch_sheet(folder / "a.mp4")
    (folder / "cues.json").write_text(json.dumps(sheet), encoding="utf-8")
    score = Score({"melody": (Note(0.0, 60, 1.0, 80),)}, TempoMap.constant(120.0, 8.0))
    write_midi(score, folder / "a.mid", programs_of("piano", score.parts))
    found += [(folder / "cues.json", read_sheet), (folder / "a.mid", read_score)] * 3
    return found


def watch_sheet(path: Path) -> object:
    """The cue sheet of a clip by rules, as JSON holds it."""
    from pixmus.cues.spotting import spot

    return json.loads(spot(watch(path, backbone=NO_BACKBONE).features).to_json())


def read_clip(path: Path) -> None:
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
    sheet = CueSheet.load(path)
    assert CueSheet.from_json(sheet.to_json()).to_json() == sheet.to_json()


def read_score(path: Path) -> None:
    read_midi(path)


def damaged(data: bytes, random: np.random.Generator) -> bytes:
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


def outcome(path: Path, read: Read) -> str:
    """What came of it: "right", "refused", or what else, in words."""
    begun = time.process_time()
    try:
        read(path)
        found = "right"
    except PixMusError as error:
        told = str(error)
        is_sentence = "\n" not in told and told.endswith(".") and len(told) < LONGEST_SENTENCE
        found = "refused" if is_sentence else f"no sentence: {told[:200]}"
    except Exception as error:  # whatever it is, it is a fault
        found = f"{type(error).__name__}: {error}"
    spent = time.process_time() - begun
    return found if spent < LONGEST_S else f"took {spent:.0f} s"


def test_damaged_files(tmp_path: Path) -> None:
    known = bases(tmp_path)
    whole = {path: path.read_bytes() for path, _ in known}
    for path, read in known:
        assert outcome(path, read) == "right", path.name
    counts: Counter[str] = Counter()
    faults = []
    for number in [int(ONLY)] if ONLY else range(COUNT):
        random = np.random.default_rng(number)
        path, read = known[int(random.integers(len(known)))]
        case = tmp_path / f"case{path.suffix}"
        case.write_bytes(damaged(whole[path], random))
        found = outcome(case, read)
        counts[found if found in ("right", "refused") else "fault"] += 1
        if found not in ("right", "refused"):
            faults.append(f"{number} ({path.name}): {found}")
    print(dict(counts))
    assert not faults, "\n".join(faults)
    assert ONLY or min(counts["right"], counts["refused"]) > COUNT / 20


@pytest.mark.parametrize("name", ["a.mp4", "cues.json"])
def test_damage_is_the_same_each_time(name: str) -> None:
    data = name.encode() * 400
    assert damaged(data, np.random.default_rng(3)) == damaged(data, np.random.default_rng(3))
    assert damaged(data, np.random.default_rng(3)) != damaged(data, np.random.default_rng(4))
