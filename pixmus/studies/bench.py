"""Seconds per stage and peak memory of one warm call, beside plain decoding of the same clip.

    make bench          or: pixmus bench [--all] [--model DIR]

The clips are made once from the shared ones, in `runs/bench/`:
a minute of real footage cut together at 1080p, 30 frames a second and about 8 Mbit/s, with a film's
sound; with `--all` also ten minutes of it, and a real 4K HEVC clip. Every clip is measured in a
process of its own: one call to warm up, three in turn with plain decoding of which the best counts,
then two at once and one beside a busy neighbour. A finished row is kept until the code, the
model or the machine changes, unless `--again` is given.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.studies.bench_clips import clips_to_measure
from pixmus.studies.machine import machine, peak_memory
from pixmus.studies.runner import VIDEOS, Result, Run, Study, check_folder, run_apart
from pixmus.waveform import SAMPLE_RATE

DECODING_THREADS = 2
NUM_TURNS = 3  # of calls and decodings, by turns: of each the best counts
SEED = 7
WANTED = {"watch": 0.9, "ratio": 1.5, "with_bundle": 1.7, "mib": 2048}
STAGES = ("watch", "spot", "fit", "compose", "render", "mix", "mux")
INSIDE_WATCH = ("probe", "frames and features", "sound")


# ----------------------------------------------------------------------------------- Measuring


def decode_plainly(clip: Path) -> tuple[float, float]:
    """Seconds to decode the picture with PyAV and two threads, and to do nothing else: by the clock
    on the wall and of the processor."""
    began, cpu = time.perf_counter(), time.process_time()
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = DECODING_THREADS
        for _ in container.decode(stream):
            pass
    return time.perf_counter() - began, time.process_time() - cpu


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """Meanwhile another process does nothing but compute, as a second program would."""
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def time_disturbed(call: Callable[[int], object]) -> dict[str, float]:
    """Seconds of a warm `call` (told its number) when it is not alone: of two at once until both
    are done, and of one beside a busy neighbour."""
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(call, (0, 1)))
    both = time.perf_counter() - began
    with busy_neighbour():
        began = time.perf_counter()
        call(0)
        beside = time.perf_counter() - began
    return {"two_at_once": both, "busy_neighbour": beside}


def best_of(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The smallest of each quantity: what else the machine did only ever adds."""
    return {name: min(turn[name] for turn in turns) for name in turns[0]}


def _turn(
    call: Callable[[], tuple[Any, dict[str, float], float]], clip: Path
) -> tuple[Any, dict[str, float]]:
    """A take, and the seconds of its stages, of its whole call and of plain decoding beside it."""
    cpu = time.process_time()
    take, stages, seconds = call()
    cpu = time.process_time() - cpu
    decoding, decoding_cpu = decode_plainly(clip)
    whole = {"call_s": seconds, "call_cpu_s": cpu}
    return take, {**stages, **whole, "decode_s": decoding, "decode_cpu_s": decoding_cpu}


def measure_here(path: str, model: str | None, steps: int) -> dict[str, Any]:
    """Seconds and peak memory of one warm call on a clip, in this process.

    Single take: clip in, scored clip out. Pictures and the bundle come on top.
    """
    from pixmus.take.pipeline import PixMusPipeline

    clip = Path(path)
    began = time.perf_counter()
    pipe = PixMusPipeline.from_pretrained(model)
    loading = time.perf_counter() - began
    with tempfile.TemporaryDirectory(prefix="pixmus-bench-") as place:
        scored = Path(place) / "scored.mp4"

        def take_once(number: int = 0) -> tuple[Any, dict[str, float], float]:
            place_of_it = scored if number == 0 else scored.with_name("other.mp4")
            begun = time.perf_counter()
            take = pipe(clip, seed=SEED, num_inference_steps=steps)
            composed = time.perf_counter()
            take.write_video(place_of_it, overwrite=True)
            ended = time.perf_counter()
            return take, {**take.timings, "mux": ended - composed}, ended - begun

        _, _, first = take_once()
        load = os.getloadavg()[0]
        turns: list[dict[str, float]] = []
        take: Any = None
        for _ in range(NUM_TURNS):
            take = None  # memory is that of one
            take, measured = _turn(take_once, clip)
            turns.append(measured)
        best = best_of(turns)
        call_memory = peak_memory()
        bundle = min(_time_bundle(take, Path(place), scored) for _ in range(NUM_TURNS))
        pictures = _time_pictures(take, Path(place))
        peak = peak_memory()
        inside = _time_inside_watch(clip)
        disturbed = time_disturbed(take_once)
    decoding = best["decode_s"]
    video = take.video
    return {
        "duration_s": video.duration,
        "picture": f"{video.width}x{video.height} {video.codec}, {float(video.frame_rate):.4g} fps",
        "mbit_per_s": 8e-6 * clip.stat().st_size / video.duration,
        "notes": sum(len(notes) for notes in take.score.parts.values()),
        "parts": len(take.score.parts),
        "ensemble": take.cue_sheet.ensemble,
        "original_audio": take.settings["original_audio"],
        "stages_s": {stage: best[stage] for stage in STAGES},
        "inside_watch_s": inside,
        "call_s": best["call_s"],
        "call_cpu_s": best["call_cpu_s"],
        "first_call_s": first,
        "load_model_s": loading,
        "decode_s": decoding,
        "decode_cpu_s": best["decode_cpu_s"],
        "watch_ratio": best["watch"] / decoding,
        "ratio": best["call_s"] / decoding,
        "bundle_s": bundle,
        "pictures_s": pictures,
        "ratio_with_bundle": (best["call_s"] + bundle) / decoding,
        "call_peak_mib": call_memory,
        "peak_mib": peak,
        **{f"{name}_ratio": taken / decoding for name, taken in disturbed.items()},
        "load_average": load,
    }


def _time_bundle(take: Any, place: Path, scored: Path) -> float:
    """Seconds to write everything that a take has, beside the scored clip that is there."""
    from pixmus.take.exports import write_bundle

    with tempfile.TemporaryDirectory(dir=place) as folder:
        began = time.perf_counter()
        write_bundle(take, Path(folder) / "bundle", made={"scored.mp4": scored})
        return time.perf_counter() - began


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
        extract_features(read_frames(video, with_views=True), video.duration, video.frame_rate)
    times.append(time.perf_counter())
    read_audio(video)
    times.append(time.perf_counter())
    return dict(zip(INSIDE_WATCH, np.diff(times).tolist(), strict=True))


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


def measure_row(clip: Path, model: str | None, steps: int) -> Result:
    """One row: a warm call in a process of its own, and a cold start in another."""
    row: Result = run_apart("pixmus.studies.bench:measure_here", str(clip), model, steps)
    return {**row, "cold_start_s": measure_cold(clip, model, steps)}


def measure(run: Run) -> Result:
    """A row for every clip."""
    from pixmus.model.folder import model_folder
    from pixmus.sound.soundfont import soundfont_renderer

    asked = run.arguments
    check_folder(asked.videos)
    _, sha256 = model_folder(asked.model)
    facts: Result = {
        "machine": machine(),
        "renderer": str(soundfont_renderer()),
        "steps": asked.steps,
        "model": sha256,
        "turns": NUM_TURNS,
        "wanted": WANTED,
    }
    rows = {}
    for name, clip in clips_to_measure(asked.videos, asked.cache, asked.all).items():
        run.tell(name)
        measured = partial(measure_row, clip, asked.model, asked.steps)
        rows[name] = run.cached("row", [facts, name], measured)
    return {**facts, "rows": rows}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--videos", type=Path, default=VIDEOS, help="folder of the clips")
    parser.add_argument("--model", help="model folder; else the one that came along")
    parser.add_argument("--steps", type=int, default=20, help="inference steps")
    parser.add_argument("--all", action="store_true", help="also 4K HEVC and ten minutes")


STUDY = Study("bench", "Seconds per stage and peak memory of one warm call.", measure, arguments)
