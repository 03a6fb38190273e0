"""The line of shell and the lines of Python that make a take again, note for note."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.curves import Curve

OPTIONS = {  # field of `Direction` -> option of the command line
    "tempo_bpm": "--tempo",
    "key": "--key",
    "style": "--style",
    "ensemble": "--ensemble",
}


def shell_line(
    settings: Mapping[str, Any],
    upload: str,
    span: tuple[float, float] | None = None,
    model: str | None = None,
) -> str:
    """The command that makes the take of these `Soundtrack.settings` again.

    `span` is the part of the `upload` (seconds) that was trimmed out first, `model` the folder or
    Hub id of a model that did not come along. A take of an edited cue
    sheet needs the take's `cues.json`, one with kept bars or parts its `kept.mid` besides.
    """
    clip = settings["clip"]
    words: list[str] = []
    if span is not None:
        words += ["pixmus", "trim", upload, clip]
        words += ["--from", f"{span[0]:g}", "--to", f"{span[1]:g}", "&&"]
    words += ["pixmus", "soundtrack", clip, "-o", "scored.mp4", "--seed", str(settings["seed"])]
    if settings["num_inference_steps"] != NUM_INFERENCE_STEPS:
        words += ["--steps", str(settings["num_inference_steps"])]
    if settings["guidance_scale"] != DEFAULT_GUIDANCE_SCALE:
        words += ["--guidance", f"{settings['guidance_scale']:g}"]
    words += ["--original-audio", settings["original_audio"]]
    if settings["original_level_db"]:
        words += ["--original-level", f"{settings['original_level_db']:g}"]
    if settings["still_duration"] is not None:
        words += ["--duration", f"{settings['still_duration']:g}"]
    direction = settings["direction"]
    if direction is None:
        words += ["--cues", "cues.json"]
        kept = settings["keep"]
        if kept:
            words += ["--keep", "kept.mid", "--redo-bars", kept["bars"]]
            words += ["--redo-parts", ",".join(kept["parts"])]
    else:
        for name, option in OPTIONS.items():
            if direction[name] is not None:
                value = direction[name]
                words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        if direction["parts"] is not None:
            words += ["--parts", ",".join(direction["parts"])]
        mood = (direction[Curve.VALENCE], direction[Curve.ENERGY])
        if None not in mood:
            words += ["--mood", f"{mood[0]:g},{mood[1]:g}"]
        if settings["text"]:
            words += ["--text", settings["text"]]
    if model is not None:
        words += ["--model", model]
    return " ".join(word if word == "&&" else shlex.quote(word) for word in words)


def python_lines(
    settings: Mapping[str, Any],
    upload: str,
    span: tuple[float, float] | None = None,
    model: str | None = None,
) -> str:
    """The lines of Python that make the take again; see `shell_line`."""
    lines = ["from pixmus.take.pipeline import PixMusPipeline"]
    clip = settings["clip"]
    if span is not None:
        lines.append("from pixmus.picture.video import probe")
        lines.append("from pixmus.picture.write import trim")
        lines.append(f"trim(probe({upload!r}), {span[0]:g}, {span[1]:g}, {clip!r})")
    asked = {"seed": settings["seed"], "original_audio": settings["original_audio"]}
    if settings["num_inference_steps"] != NUM_INFERENCE_STEPS:
        asked["num_inference_steps"] = settings["num_inference_steps"]
    if settings["guidance_scale"] != DEFAULT_GUIDANCE_SCALE:
        asked["guidance_scale"] = settings["guidance_scale"]
    if settings["original_level_db"]:
        asked["original_level_db"] = settings["original_level_db"]
    if settings["still_duration"] is not None:
        asked["still_duration"] = settings["still_duration"]
    told = {name: repr(value) for name, value in asked.items()}
    direction = settings["direction"]
    if direction is None:
        lines.append("from pixmus.cues.sheet import CueSheet")
        told["cue_sheet"] = "CueSheet.load('cues.json')"
        kept = settings["keep"]
        if kept:
            told["keep"] = "'kept.mid'"
            told["redo_bars"] = repr(kept["bars"])
            told["redo_parts"] = repr(",".join(kept["parts"]))
    else:
        said = {name: value for name, value in direction.items() if value is not None}
        if said:
            lines.append("from pixmus.cues.sheet import Direction")
            inner = ", ".join(f"{name}={value!r}" for name, value in said.items())
            told["direction"] = f"Direction({inner})"
        if settings["text"]:
            told["text"] = repr(settings["text"])
    named = "" if model is None else repr(model)
    lines.append(f"pipe = PixMusPipeline.from_pretrained({named})")
    arguments = ", ".join(f"{name}={value}" for name, value in told.items())
    lines.append(f"pipe({clip!r}, {arguments}).write_video('scored.mp4')")
    imports = sorted(line for line in lines if line.startswith("from "))
    return "\n".join([*imports, *(line for line in lines if not line.startswith("from "))])
