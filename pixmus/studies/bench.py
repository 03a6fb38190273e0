"""Seconds per stage and peak memory of one warm call, beside plain decoding of the same clip.

    make bench          or: python -m pixmus.studies.bench [--all] [--model DIR]

writes `bench.json` and `bench.md`. The clips are made once from the shared ones, in `runs/bench/`:
a minute of real footage cut together at 1080p, 30 frames a second and about 8 Mbit/s, with a film's
sound; with `--all` also ten minutes of it, and a real 4K HEVC clip. Every clip is measured in a
process of its own: one call to warm up, one that counts. A finished row is kept until the code, the
model or the machine changes, unless `--again` is given.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.studies.sync import code_sha256
from pixmus.waveform import SAMPLE_RATE

WIDTH, HEIGHT, FRAME_RATE = 1920, 1080, 30
BIT_RATE = 8_000_000  # bits a second
MINUTE_S = 60.0
SHOT_S = 3.75
DECODING_THREADS = 2
NUM_DECODINGS = 3
SEED = 7
# Wide footage of many kinds; shots are taken from them in turn.
FOOTAGE = (
    "sam2__01_dog.mp4",
    "sam2__02_cups.mp4",
    "editly-assets__dancer1.webm",
    "sam2__05_default_juggle.mp4",
    "shared-assets__flower.mp4",
    "sam2__04_coffee.mp4",
    "sam2__bedroom.mp4",
    "editly-assets__kohlipe1.mp4",
    "sam2__03_blocks.mp4",
)
SOUND = "shared-assets__tears-of-steel-battle-clip-medium.webm"
HEVC_4K = "editly-assets__changi.mp4"
TARGET_RATIO = 2.0
STAGES = ("watch", "spot", "fit", "compose", "render", "mix", "mux")
INSIDE_WATCH = ("probe", "frames and features", "sound")


# --------------------------------------------------------------------------------------- Clips


def make_minute(videos: Path, path: Path, duration: float = MINUTE_S) -> None:
    """Write the 1080p clip: shots of `FOOTAGE` enlarged and cut together, with a film's sound."""
    sound = read_audio(probe(videos / SOUND))
    assert sound is not None, SOUND
    with new_file(path, overwrite=True) as place, av.open(str(place), "w", format="mp4") as out:
        picture = out.add_stream("libx264", rate=FRAME_RATE)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.bit_rate = BIT_RATE
        rates = {"maxrate": str(BIT_RATE), "minrate": str(BIT_RATE), "bufsize": str(BIT_RATE)}
        picture.options = {"preset": "veryfast", **rates}
        track = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=128_000)
        samples = sound[:, : round(duration * SAMPLE_RATE)]
        for index, frame in enumerate(_shots(videos, round(duration * FRAME_RATE))):
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            out.mux(picture.encode(frame))
            block = slice(*(round(n * SAMPLE_RATE / FRAME_RATE) for n in (index, index + 1)))
            heard = np.ascontiguousarray(samples[:, block])
            if heard.shape[1]:
                part = av.AudioFrame.from_ndarray(heard, "fltp", "stereo")
                part.sample_rate, part.pts = SAMPLE_RATE, block.start
                part.time_base = Fraction(1, SAMPLE_RATE)
                out.mux(track.encode(part))
        out.mux(picture.encode(None))
        out.mux(track.encode(None))


def _shots(videos: Path, num_frames: int) -> Iterator[av.VideoFrame]:
    """`num_frames` frames of 1080p, a new clip every `SHOT_S`, later parts of it when it is back.

    Grain as of a camera is added: enlarged pictures alone would not need 8 Mbit/s.
    """
    reformatter = VideoReformatter()
    generator = np.random.default_rng(0)
    grain = generator.normal(0, 3.0, (HEIGHT + 64, WIDTH + 64)).round().astype(np.int16)
    shot = 0
    while num_frames > 0:
        name, turn = FOOTAGE[shot % len(FOOTAGE)], shot // len(FOOTAGE)
        rate = float(probe(videos / name).frame_rate)
        length = min(round(SHOT_S * FRAME_RATE), num_frames)
        made = 0
        with av.open(str(videos / name)) as source:
            for number, frame in enumerate(source.decode(video=0)):
                time = number / rate - turn * SHOT_S
                while made < length and time >= made / FRAME_RATE:
                    big = reformatter.reformat(
                        frame, WIDTH, HEIGHT, "yuv420p", interpolation=Interpolation.BICUBIC
                    )
                    yield _grained(big, grain, generator)
                    made += 1
                if made == length:
                    break
        num_frames -= made
        shot += 1


def _grained(
    frame: av.VideoFrame, grain: np.ndarray, generator: np.random.Generator
) -> av.VideoFrame:
    """The frame with a random part of the grain on its luma."""
    planes = frame.to_ndarray()  # (height * 3 / 2, width)
    down, right = generator.integers(0, 64, 2)
    luma = planes[:HEIGHT] + grain[down : down + HEIGHT, right : right + WIDTH]
    planes[:HEIGHT] = np.clip(luma, 0, 255)
    return av.VideoFrame.from_ndarray(planes, "yuv420p")


def repeat_clip(source: Path, path: Path, times: int) -> None:
    """Write a clip `times` over, packet by packet."""
    seconds = probe(source).duration
    with new_file(path, overwrite=True) as place, av.open(str(place), "w", format="mp4") as out:
        streams: dict[int, Any] = {}
        for turn in range(times):
            with av.open(str(source)) as container:
                for packet in container.demux():
                    stream = packet.stream
                    if packet.pts is None or packet.dts is None or stream.time_base is None:
                        continue
                    if stream.index not in streams:
                        streams[stream.index] = out.add_stream_from_template(stream)
                    shift = round(turn * seconds / stream.time_base)
                    packet.stream = streams[stream.index]
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    out.mux(packet)


def clips_to_measure(videos: Path, folder: Path, everything: bool) -> dict[str, Path]:
    """Row names and clips, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    minute = folder / "minute-1080p.mp4"
    if not minute.is_file():
        print(f"making {minute}", flush=True)
        make_minute(videos, minute)
    clips = {"60 s, 1080p H.264": minute}
    if everything:
        clips["9 s, 4K HEVC"] = videos / HEVC_4K
        long = folder / "ten-minutes-1080p.mp4"
        if not long.is_file():
            print(f"making {long}", flush=True)
            repeat_clip(minute, long, 10)
        clips["10 min, 1080p H.264"] = long
    return clips


# ----------------------------------------------------------------------------------- Measuring


def decode_plainly(clip: Path) -> float:
    """Seconds to decode the picture with PyAV and two threads, and to do nothing else."""
    began = time.perf_counter()
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = DECODING_THREADS
        for _ in container.decode(stream):
            pass
    return time.perf_counter() - began


def measure_here(clip: Path, model: str | None, steps: int) -> dict[str, Any]:
    """Seconds and peak memory of one warm call on a clip, in this process.

    Single take: clip in, scored clip out. Pictures and the bundle come on top.
    """
    from pixmus.take.exports import write_bundle
    from pixmus.take.pipeline import PixMusPipeline

    began = time.perf_counter()
    pipe = PixMusPipeline.from_pretrained(model)
    loading = time.perf_counter() - began
    with tempfile.TemporaryDirectory(prefix="pixmus-bench-") as place:
        scored = Path(place) / "scored.mp4"

        def take_once() -> tuple[Any, dict[str, float], float]:
            begun = time.perf_counter()
            take = pipe(clip, seed=SEED, num_inference_steps=steps)
            composed = time.perf_counter()
            take.write_video(scored, overwrite=True)
            ended = time.perf_counter()
            return take, {**take.timings, "mux": ended - composed}, ended - begun

        _, _, first = take_once()
        load = os.getloadavg()[0]
        cpu = time.process_time()
        take, stages, seconds = take_once()
        cpu = time.process_time() - cpu
        call_memory = peak_memory()
        began = time.perf_counter()
        write_bundle(take, Path(place) / "bundle", made={"scored.mp4": scored})
        bundle = time.perf_counter() - began
        pictures = _time_pictures(take, Path(place))
        inside = _time_inside_watch(clip)
    best = min(decode_plainly(clip) for _ in range(NUM_DECODINGS))
    video = take.video
    return {
        "duration_s": video.duration,
        "picture": f"{video.width}x{video.height} {video.codec}, {float(video.frame_rate):.4g} fps",
        "mbit_per_s": 8e-6 * clip.stat().st_size / video.duration,
        "notes": sum(len(notes) for notes in take.score.parts.values()),
        "parts": len(take.score.parts),
        "ensemble": take.cue_sheet.ensemble,
        "original_audio": take.settings["original_audio"],
        "stages_s": stages,
        "inside_watch_s": inside,
        "call_s": seconds,
        "call_cpu_s": cpu,
        "first_call_s": first,
        "load_model_s": loading,
        "decode_s": best,
        "ratio": seconds / best,
        "bundle_s": bundle,
        "pictures_s": pictures,
        "ratio_with_bundle": (seconds + bundle) / best,
        "call_peak_mib": call_memory,
        "peak_mib": peak_memory(),
        "load_average": load,
    }


def _time_pictures(take: Any, place: Path) -> float:
    """Seconds for the three pictures of a bundle, matplotlib being loaded."""
    from pixmus.take.cue_timeline import plot_cue_timeline
    from pixmus.take.figure import save_figure
    from pixmus.take.piano_roll import plot_piano_roll
    from pixmus.take.spectrogram import plot_spectrogram

    sheet = take.cue_sheet
    began = time.perf_counter()
    figures = (
        plot_cue_timeline(sheet, take.tempo_map, take.thumbnails),
        plot_piano_roll(take.score, sheet.cuts, sheet.hit_points, sheet.duration),
        plot_spectrogram(take.music, SAMPLE_RATE, sheet.cuts),
    )
    for figure in figures:
        save_figure(figure, place / "picture.png")
    return time.perf_counter() - began


def _time_inside_watch(clip: Path) -> dict[str, float]:
    """What watching is made of: reading the packets, small frames with features, the sound."""
    from threadpoolctl import threadpool_limits

    from pixmus.picture.features import extract_features
    from pixmus.picture.frames import read_frames

    times = [time.perf_counter()]
    video = probe(clip)
    times.append(time.perf_counter())
    with threadpool_limits(1, user_api="blas"):  # as `footage.watch` has it
        extract_features(read_frames(video), video.duration, video.frame_rate)
    times.append(time.perf_counter())
    read_audio(video)
    times.append(time.perf_counter())
    return dict(zip(INSIDE_WATCH, np.diff(times).tolist(), strict=True))


def peak_memory() -> float:
    """The most memory (MiB) that this process has held at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_cold(clip: Path, model: str | None, steps: int) -> float:
    """Seconds of `pixmus soundtrack` in a fresh process."""
    with tempfile.TemporaryDirectory(prefix="pixmus-bench-") as place:
        command = [sys.executable, "-m", "pixmus", "soundtrack", str(clip)]
        command += ["-o", str(Path(place) / "scored.mp4")]
        command += ["--seed", str(SEED), "--steps", str(steps)]
        command += ["--model", model] if model else []
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began


def measure(clip: Path, model: str | None, steps: int) -> dict[str, Any]:
    """One row: a warm call in a process of its own, and a cold start in another."""
    command = [sys.executable, "-m", "pixmus.studies.bench", "--worker", str(clip)]
    command += ["--steps", str(steps)] + (["--model", model] if model else [])
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    row["cold_start_s"] = measure_cold(clip, model, steps)
    return row


def machine() -> dict[str, Any]:
    """What the numbers depend on beside the code."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
    return {"processor": model, "cores": len(os.sched_getaffinity(0))}


# ----------------------------------------------------------------------------------- The tables


def to_markdown(result: dict[str, Any]) -> str:
    """The tables of `bench.md`."""
    rows = result["rows"]
    where = result["machine"]
    lines = [
        "# How long does it take?",
        "",
        f"Made by `{result['command']}` on {where['cores']} cores of {where['processor']}, "
        f"{result['steps']} inference steps, {result['renderer']}.",
        "",
        "One warm call: the clip is watched, scored and written as mp4, once, in a process that "
        "did it once before. *Plain decoding* is the same clip decoded by PyAV with two threads "
        f"and nothing else, best of {NUM_DECODINGS}. The 1080p clips are real footage, enlarged, "
        "grained and cut together, with a film's sound, under which the music is ducked; the 4K "
        "clip comes as it is and is encoded anew as 1080p H.264. Seconds:",
        "",
        "| | " + " | ".join(rows) + " |",
        "|---|" + len(rows) * "---|",
    ]

    def line(name: str, value: Callable[[dict[str, Any]], str]) -> None:
        lines.append(f"| {name} | " + " | ".join(value(row) for row in rows.values()) + " |")

    line("clip", lambda row: f"{row['picture']}, {row['mbit_per_s']:.1f} Mbit/s")
    line("music", lambda row: f"{row['ensemble']}, {row['notes']} notes")
    for stage in STAGES:
        line(stage, partial(_inner, "stages_s", stage))
        if stage == "watch":
            for name in INSIDE_WATCH:
                line(f"- {name}, measured again", partial(_inner, "inside_watch_s", name))
    line("**one warm call**", lambda row: f"**{row['call_s']:.2f}**")
    line("its processor time", lambda row: f"{row['call_cpu_s']:.2f}")
    line("plain decoding", lambda row: f"{row['decode_s']:.2f}")
    line("**call over decoding**", lambda row: f"**{row['ratio']:.2f}**")
    line("bundle on top (WAVs, MIDI, pictures)", lambda row: f"{row['bundle_s']:.2f}")
    line("- the three pictures alone", lambda row: f"{row['pictures_s']:.2f}")
    line("call and bundle over decoding", lambda row: f"{row['ratio_with_bundle']:.2f}")
    line("first call", lambda row: f"{row['first_call_s']:.2f}")
    line("loading the model", lambda row: f"{row['load_model_s']:.2f}")
    line("cold start: the command in a fresh process", lambda row: f"{row['cold_start_s']:.2f}")
    line("peak memory of the call, MiB", lambda row: f"{row['call_peak_mib']:.0f}")
    line("with the bundle, MiB", lambda row: f"{row['peak_mib']:.0f}")
    line("load average at the call", lambda row: f"{row['load_average']:.1f}")
    lines += [
        "",
        f"Wanted: call over decoding of at most {TARGET_RATIO:g} for the minute, at most 2048 MiB "
        "for ten. Numbers count only where nothing else ran: a load average above the number of "
        "busy cores of the call itself says that something did.",
        "",
    ]
    return "\n".join(lines)


def _inner(group: str, name: str, row: dict[str, Any]) -> str:
    return f"{row[group][name]:.2f}"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write `bench.json` and `bench.md`."""
    parser = argparse.ArgumentParser(description="Seconds per stage and peak memory.")
    parser.add_argument("--videos", type=Path, default=Path("../shared/data/video"))
    parser.add_argument("--model", help="model folder; else the one that came along")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--clips", type=Path, default=Path("runs/bench"), help="where clips lie")
    parser.add_argument("--steps", type=int, default=20, help="inference steps")
    parser.add_argument("--all", action="store_true", help="also 4K HEVC and ten minutes")
    parser.add_argument("--again", action="store_true", help="measure rows that are known, too")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.worker:
        row = measure_here(arguments.worker, arguments.model, arguments.steps)
        print(json.dumps(row))
        return
    if not arguments.videos.is_dir():
        raise PixMusError(f"{arguments.videos} is no folder; name the shared clips with --videos.")
    from pixmus.model.folder import model_folder
    from pixmus.sound.renderer import find_renderer

    _, sha256 = model_folder(arguments.model)
    result: dict[str, Any] = {
        "command": "make bench" + (" ARGS=--all" if arguments.all else ""),
        "machine": machine(),
        "renderer": str(find_renderer()),
        "steps": arguments.steps,
        "model": sha256,
        "rows": {},
    }
    known = [code_sha256(), sha256, arguments.steps, result["machine"], result["renderer"]]
    for name, clip in clips_to_measure(arguments.videos, arguments.clips, arguments.all).items():
        key = hashlib.sha256(json.dumps([known, name]).encode()).hexdigest()[:16]
        kept = arguments.clips / f"row-{key}.json"
        if arguments.again or not kept.is_file():
            print(f"measuring {name}", flush=True)
            kept.write_text(json.dumps(measure(clip, arguments.model, arguments.steps)))
        result["rows"][name] = json.loads(kept.read_text())
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1) + "\n"
    (arguments.out / "bench.json").write_text(text, encoding="utf-8")
    (arguments.out / "bench.md").write_text(to_markdown(result), encoding="utf-8")
    print(to_markdown(result))


if __name__ == "__main__":
    main()
