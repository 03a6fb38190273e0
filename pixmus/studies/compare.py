"""PixMus beside what a user would pick instead, in one run on one machine.

    make compare          or: pixmus evaluate compare [--model DIR] [--quick]

The others are those of `text_to_music`, with random weights. Each system runs in a process of its
own. Each stage is run once to warm up and then timed; a call is the sum of its stages, each as
often as a call needs it; a minute of music is as many calls as fill it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pixmus.errors import PixMusError
from pixmus.studies.machine import machine, peak_memory
from pixmus.studies.runner import RESULTS, Result, Run, Study, run_apart, torch_threads
from pixmus.studies.text_to_music import INFERENCE_STEPS, OTHERS, TOLERANCE, Stage, check_size

MINUTE_S = 60.0
NUM_THREADS = 2
REPEATS = 3
MEAN_SHOT_S = 2.5  # of the cue sheets that PixMus composes from; every cut is a hit point


def seconds_per_minute(
    stages: Mapping[str, Mapping[str, float]], seconds_per_call: float, clock: str = "seconds"
) -> float:
    """Seconds for a minute of music: every stage's seconds as often as it runs, in every call.

    `clock` is "seconds" or "processor_s", which counts those of every core.
    """
    call = sum(stage[clock] * stage["times"] for stage in stages.values())
    return call * MINUTE_S / seconds_per_call


def time_stage(stage: Stage, repeats: int = REPEATS) -> dict[str, Any]:
    """Mean seconds of one run after a warm-up, and how often a call runs it."""
    seconds = []
    with torch.inference_mode():
        made = stage.run()
        processor = time.process_time()
        for _ in range(repeats):
            began = time.perf_counter()
            made = stage.run()
            seconds.append(time.perf_counter() - began)
        processor = time.process_time() - processor
    if not bool(torch.isfinite(made).all()):
        raise PixMusError("a network with random weights gave numbers that are not finite.")
    return {
        "seconds": sum(seconds) / len(seconds),
        "processor_s": processor / len(seconds),
        "runs_s": seconds,
        "times": stage.times,
        "makes": list(made.shape),
    }


def measure_other(name: str, is_quick: bool = False) -> dict[str, Any]:
    """Sizes, seconds and peak memory of another system, in this process."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    system = OTHERS[name](is_quick)
    networks = {}
    for label, network in system.networks.items():
        published = None if is_quick else network.published
        networks[label] = {
            "millions": network.millions,
            "published": published,
            "difference": check_size(f"{name}'s {label}", network.millions, published),
            "source": network.source,
            "dtype": str(next(network.module.parameters()).dtype).removeprefix("torch."),
        }
        network.module.eval()
    published = None if is_quick else system.published
    difference = check_size(name, system.millions, published)
    stages = {}
    for label, stage in system.stages.items():
        print(f"{name}: {label}", file=sys.stderr, flush=True)
        stages[label] = {**time_stage(stage), "networks": list(stage.networks)}
    return {
        "millions": system.millions,
        "published": published,
        "difference": difference,
        "source": system.source,
        "networks": networks,
        "stages": stages,
        "seconds_per_call": system.seconds_per_call,
        "seconds_per_minute": seconds_per_minute(stages, system.seconds_per_call),
        "processor_s_per_minute": seconds_per_minute(
            stages, system.seconds_per_call, "processor_s"
        ),
        "download_mb": 4 * system.millions,  # float32
        "peak_mib": peak_memory(),
        "load_average": os.getloadavg()[0],
    }


def measure_pixmus(
    model: str | None = None, is_quick: bool = False, repeats: int = REPEATS
) -> dict[str, Any]:
    """Seconds of composing and rendering a minute of music, and peak memory, in this process."""
    import numpy as np

    from pixmus.model.folder import model_folder
    from pixmus.sound.mix import mix
    from pixmus.sound.renderer import render
    from pixmus.sound.soundfont import soundfont_renderer
    from pixmus.studies.placement import WISH_BPM, draw_cue_sheet
    from pixmus.take.pipeline import PixMusPipeline

    folder, sha256 = model_folder(model)
    pipe = PixMusPipeline.from_pretrained(folder)
    duration, steps = (8.0, 2) if is_quick else (MINUTE_S, 20)
    names = ("compose", "render", "mix")
    runs = []  # (seconds, processor seconds) of each stage
    for seed in range(1 + repeats):
        rng = np.random.default_rng([5, seed])
        sheet = draw_cue_sheet(rng, MEAN_SHOT_S, duration, round(float(rng.uniform(*WISH_BPM))))
        times = [_clocks()]
        score = pipe.compose(sheet, seed=seed, num_inference_steps=steps)
        times.append(_clocks())
        stems = render(score, hits=(), cue_sheet=sheet, seed=seed)
        times.append(_clocks())
        music = mix(stems, sheet, duration)
        times.append(_clocks())
        if seed:  # the first one warms up
            runs.append(np.diff(times, axis=0))
    spent = np.mean(runs, axis=0)  # (stages, 2)
    stages: dict[str, dict[str, Any]] = {
        name: {
            "seconds": float(spent[i, 0]),
            "processor_s": float(spent[i, 1]),
            "runs_s": [float(run[i, 0]) for run in runs],
            "times": 1,
        }
        for i, name in enumerate(names)
    }
    renderer = soundfont_renderer()
    return {
        "millions": pipe.num_parameters / 1e6,
        "model": sha256,
        "renderer": str(renderer),
        "inference_steps": steps,
        "stages": stages,
        "makes": list(music.shape),
        "seconds_per_call": duration,
        "seconds_per_minute": seconds_per_minute(stages, duration),
        "processor_s_per_minute": seconds_per_minute(stages, duration, "processor_s"),
        "download_mb": 1e-6 * sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()),
        "font_mb": 1e-6 * renderer.font.stat().st_size,
        "peak_mib": peak_memory(),
        "load_average": os.getloadavg()[0],
    }


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def measure_here(
    name: str, model: str | None, is_quick: bool = False, threads: int | None = None
) -> Result:
    """A system measured in this process."""
    with torch_threads(threads):
        if name == "PixMus":
            return measure_pixmus(model, is_quick)
        return measure_other(name, is_quick)


def measure_apart(name: str, model: str | None, is_quick: bool = False) -> Result:
    """A system measured in a process of its own, with `NUM_THREADS` threads."""
    measured: Result = run_apart(
        "pixmus.studies.compare:measure_here", name, model, is_quick, NUM_THREADS,
        threads=NUM_THREADS,
    )  # fmt: skip
    return measured


def read_sync(path: Path) -> Result | None:
    """What `sync.json` says of cuts that PixMus' music meets, beside music that knows no cut."""
    if not path.is_file():
        return None
    row = json.loads(path.read_text(encoding="utf-8"))["rows"]["all"]
    return {"cuts": row["cuts"], "music": row["40"]["music"], "shifted": row["40"]["shifted"]}


def measure(run: Run) -> Result:
    """All three systems."""
    asked = run.arguments
    systems = {
        # Tiny networks measure nothing, so they need no process of their own.
        name: measure_here(name, asked.model, True)
        if asked.quick
        else measure_apart(name, asked.model)
        for name in ("PixMus", *OTHERS)
    }
    return {
        "machine": machine(),
        "threads": NUM_THREADS,
        "repeats": REPEATS,
        "tolerance": TOLERANCE,
        "inference_steps": INFERENCE_STEPS,
        "sync": read_sync(RESULTS / "sync.json"),
        "systems": systems,
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--model", help="model folder; else the one that came along")


STUDY = Study(
    "compare", "PixMus beside two text-to-music systems.", measure, arguments, has_quick=True
)
