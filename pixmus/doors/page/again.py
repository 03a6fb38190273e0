"""The line of shell and the lines of Python that make a take again, note for note."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from pixmus.choice import Choice, Step
from pixmus.choices import CHOICES, LENGTH, TRACKS, choices_of

OF_THE_WHOLE = (LENGTH, TRACKS)  # what is said of a clip before a part of it is taken out
Span = tuple[float, float]  # of a clip, seconds


def shell_line(
    settings: Mapping[str, Any],
    upload: str,
    span: Span | None = None,
    model: str | None = None,
    cuts: str | None = None,
) -> str:
    """The command that makes the take of these `Soundtrack.settings` again.

    `span` is the part of the `upload` (seconds) that was trimmed out first, `model` the folder or
    Hub id of a model that did not come along, `cuts` the file of an editor's cut list. A take of an
    edited cue sheet needs the take's `cues.json`, one with kept bars or parts its `kept.mid`
    besides.
    """
    clip, upload = _no_option(settings["clip"]), _no_option(upload)
    words: list[str] = []
    if span is not None:
        words += ["pixmus", "trim", upload, clip]
        for choice, value in zip(choices_of(Step.TRIM), span, strict=True):
            words += [f"--{choice.spelt}", choice.shell_value(value)]
        for choice in OF_THE_WHOLE:
            words += choice.shell_words(settings.get(choice.name))
        words.append("&&")
    words += ["pixmus", "soundtrack", clip, "-o", "scored.mp4"]
    for choice, value in _chosen(settings):
        if span is None or choice is not TRACKS:  # a part has but one
            words += choice.shell_words(value)
    if settings["direction"] is None:
        words += ["--cues", "cues.json"]
    if cuts is not None:
        words += ["--cuts", _no_option(cuts)]
    kept = settings["keep"]
    if kept:
        words += ["--keep", "kept.mid", "--redo-bars", kept["bars"]]
        words += ["--redo-parts", ",".join(kept["parts"])]
    if model is not None:
        words += ["--model", model]
    return " ".join(word if word == "&&" else shlex.quote(word) for word in words)


def python_lines(
    settings: Mapping[str, Any],
    upload: str,
    span: Span | None = None,
    model: str | None = None,
    cuts: str | None = None,
) -> str:
    """The lines of Python that make the take again; see `shell_line`."""
    imports = {"from pixmus import PixMusPipeline"}
    lines = []
    clip = settings["clip"]
    if span is not None:
        imports.add("from pixmus.picture.video import probe")
        imports.add("from pixmus.picture.write import trim")
        ways = "".join(
            f", {choice.name}={settings[choice.name]!r}"
            for choice in OF_THE_WHOLE
            if settings.get(choice.name) not in (None, choice.default)
        )
        lines.append(f"trim(probe({upload!r}{ways}), {span[0]!r}, {span[1]!r}, {clip!r})")
    told: list[str] = []
    direction: list[str] = []
    for choice, value in _chosen(settings):
        if span is not None and choice is TRACKS:
            continue
        (direction if choice.step == Step.SPOT else told).append(f"{choice.name}={value!r}")
    if direction:
        imports.add("from pixmus import Direction")
        told.append(f"direction=Direction({', '.join(direction)})")
    if settings["direction"] is None:
        imports.add("from pixmus import CueSheet")
        told.append("cue_sheet=CueSheet.load('cues.json')")
    if cuts is not None:
        told.append(f"cuts={cuts!r}")
    kept = settings["keep"]
    if kept:
        told.append(f"keep='kept.mid', redo_bars={kept['bars']!r}")
        told.append(f"redo_parts={','.join(kept['parts'])!r}")
    lines.append(f"pipe = PixMusPipeline.from_pretrained({'' if model is None else repr(model)})")
    lines.append(f"pipe({clip!r}, {', '.join(told)}).write_video('scored.mp4')")
    return "\n".join([*sorted(imports), *lines])


def _no_option(name: str) -> str:
    """The name of a file as no program takes it for an option."""
    return f"./{name}" if name.startswith("-") else name


def _chosen(settings: Mapping[str, Any]) -> Iterator[tuple[Choice, Any]]:
    """The choices of these settings that differ from what they are where nobody chooses."""
    direction = settings["direction"]
    said = {**settings, **(direction or {})}
    for name, choice in CHOICES.items():
        if direction is None and choice.step in (Step.SPOT, Step.WISH):
            continue  # the cue sheet says it
        value = said.get(name)
        if value is not None and value != choice.default:
            yield choice, tuple(value) if choice.kind is tuple else value
