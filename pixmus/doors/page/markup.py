"""The pieces of HTML that the page is made of: stages, player, facts of a take, rights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from pixmus.choices import ENSEMBLE, KEY, ORIGINAL_AUDIO, SEED, STYLE, TEMPO, TEXT
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.doors.page.inline import jpeg_url
from pixmus.doors.page.jobs import WAITING, Progress
from pixmus.doors.page.said import music_line, sentences
from pixmus.doors.page.showcase import RESULTS, Credit, Example
from pixmus.doors.page.takes import Take, describe
from pixmus.files import shipped
from pixmus.picture.footage import Footage
from pixmus.score.curves import CurveTables
from pixmus.score.tempo import TempoMap

ASSETS = Path(__file__).with_name("assets")
STAGES = {
    "watch": "Watching the clip",
    "spot": "Spotting",
    "fit": "Fitting the tempo",
    "compose": "Composing",
    "render": "Playing",
    "mix": "Mixing",
    "video out": "Writing the video",
}
PAPERS = {
    "Report (PDF)": shipped("docs/report") / "report.pdf",
    "Slides (PDF)": shipped("docs/slides") / "slides.pdf",
}
THESIS = "https://github.com/Tilak1114/music-diffusion"  # as CITATION.cff names it
THUMBNAIL_HEIGHT = 72  # pixels
NUM_TIMELINE_FRAMES = 14


@lru_cache
def asset(name: str) -> str:
    """The text of a file in `assets/`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def file_url(path: Path) -> str:
    """Where the page serves a file from; relative, so that it holds behind a proxy's path too."""
    return f"gradio_api/file={quote(str(path))}"


def idle(text: str) -> str:
    """The place of the stages before anything runs."""
    return f'<div class="pm-status pm-idle" role="status">{escape(text)}</div>'


def going(text: str) -> str:
    """The place of the stages while something is being made, and none of them is told of."""
    return f'<div class="pm-status pm-idle pm-going" role="status">{escape(text)}</div>'


def failed(text: str) -> str:
    """One sentence on what went wrong and what to do."""
    return f'<div class="pm-status pm-failed" role="alert">{escape(text)}</div>'


def stages(progress: Progress, seconds: float) -> str:
    """The stages with the one being done, its share and its detail."""
    if progress.stage == WAITING:
        return (
            '<div class="pm-status pm-waiting" role="status" aria-live="polite">'
            f'<p><span>{escape(progress.detail)}</span><span class="pm-seconds">{seconds:.0f} s'
            "</span></p></div>"
        )
    names = list(STAGES)
    current = names.index(progress.stage) if progress.stage in STAGES else 0
    items = []
    for index, name in enumerate(names):
        state = "done" if index < current else "now" if index == current else "next"
        mark = ' aria-current="step"' if state == "now" else ""
        items.append(f'<li class="pm-{state}"{mark}>{escape(STAGES[name])}</li>')
    share = progress.share or 0.0
    whole = (current + share) / len(names)
    detail = progress.detail or STAGES.get(progress.stage, progress.stage)
    return (
        '<div class="pm-status" role="status" aria-live="polite">'
        f'<ol class="pm-stages">{"".join(items)}</ol>'
        f'<div class="pm-bar" role="progressbar" aria-label="Progress" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * whole:.0f}">'
        f'<span style="width:{100 * whole:.1f}%"></span></div>'
        f'<p><span>{escape(detail)}</span><span class="pm-seconds">{seconds:.1f} s</span></p>'
        "</div>"
    )


def watching(progress: Progress, seconds: float) -> str:
    """How far a clip is that is watched before anything was asked of it."""
    share = 100 * (progress.share or 0.0)
    return (
        '<div class="pm-status" role="status" aria-live="polite">'
        '<div class="pm-bar" role="progressbar" aria-label="Watching the clip" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share:.0f}"><span style="width:{share:.1f}%"></span>'
        f"</div><p><span>Watching your clip: {escape(progress.detail)}</span>"
        f'<span class="pm-seconds">{seconds:.1f} s</span></p></div>'
    )


def example_player(example: Example) -> str:
    """The finished result of an example."""
    return f'<div class="pm-player">{_video(example.scored, example.title, True)}</div>'


def credit_line(credit: Credit | None, is_whole: bool = False) -> str:
    """Whose a picture is and its licence; if `is_whole` what it is and what was done to it too."""
    if credit is None:
        return ""
    licence = escape(credit.licence)
    if credit.terms.startswith("https://"):
        address = f'href="{escape(credit.terms)}" target="_blank" rel="noreferrer"'
        licence = f"<a {address}>{licence}</a>"
    changed = f" Changed: {escape(credit.changed)}." if is_whole and credit.changed else ""
    work = f"Picture: {escape(credit.work)}, " if is_whole else ""
    told = f"{work}{escape(credit.by)}, {licence}.{changed}"
    return f'<span class="pm-credit">{told}</span>'


def gallery(examples: Sequence[Example]) -> str:
    """The examples as cards; `gallery.js` tells which of them was chosen."""
    cards = "".join(
        f'<button type="button" class="pm-card" data-index="{index}">{_preview(example)}'
        f"<span>{escape(example.title)}</span></button>"
        for index, example in enumerate(examples)
    )
    return (
        '<div class="pm-gallery"><h2>Or open an example: its clip, settings and result</h2>'
        f'<div class="pm-cards">{cards}</div></div>'
    )


def _preview(example: Example) -> str:
    if example.is_still:
        return f'<img src="{file_url(example.clip)}" alt="" loading="lazy">'
    return (  # nothing of it is loaded before it is seen: see gallery.js
        f'<video src="{file_url(example.clip)}#t=1" muted loop playsinline preload="none" '
        'tabindex="-1" aria-hidden="true"></video>'
    )


def links() -> str:
    """Where to read on: the report and the slides, where they are here, and the thesis."""
    papers = {title: path for title, path in PAPERS.items() if path.is_file()}
    shown = [f'<a href="{file_url(path)}" target="_blank">{t}</a>' for t, path in papers.items()]
    shown.append(f'<a href="{THESIS}" target="_blank" rel="noreferrer">Thesis and its code</a>')
    return f'<nav class="pm-links" aria-label="Read on">{"".join(shown)}</nav>'


def figure(path: Path, told: str) -> str:
    """A picture that opens alone, at its full size, when it is clicked."""
    url = file_url(path)
    return (
        f'<a class="pm-figure" href="{url}" target="_blank"><img src="{url}" '
        f'alt="{escape(told)}" loading="lazy"></a>'
    )


def _video(path: Path, label: str, is_shown: bool) -> str:
    hidden = "" if is_shown else " hidden"
    return (
        f'<video controls playsinline preload="{"auto" if is_shown else "metadata"}" '
        f'src="{file_url(path)}" aria-label="{escape(label)}"{hidden}></video>'
    )


@dataclass(frozen=True)
class Facts:
    """What is said of a take beside its video."""

    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    notices: tuple[str, ...]
    lines: tuple[str, ...] = ()  # the same in a visitor's words, before the numbers
    credit: Credit | None = None  # of the picture, where it is not the visitor's

    def html(self) -> str:
        """The facts as a list of terms, with warnings under them."""
        rows = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in self.rows)
        notes = "".join(f"<li>{escape(line)}</li>" for line in self.notices)
        notes = f'<ul class="pm-notices">{notes}</ul>' if notes else ""
        if self.warnings:
            lines = "".join(f"<li>{escape(line)}</li>" for line in self.warnings)
            checked = f'<details class="pm-warnings"><summary>{_count_outside(self.warnings)}'
            checked += f"</summary><ul>{lines}</ul></details>"
        else:
            checked = '<p class="pm-checked">Checked against real music: nothing stands out.</p>'
        numbers = f'<dl class="pm-facts">{rows}</dl>'
        if not self.lines:
            return f"{numbers}{notes}{checked}"
        said = "".join(f"<li>{escape(line)}</li>" for line in self.lines)
        return (
            f'<ul class="pm-lines">{said}</ul>{credit_line(self.credit, True)}{notes}'
            '<details class="pm-numbers"><summary>'
            f"The numbers</summary>{numbers}{checked}</details>"
        )


def _count_outside(warnings: Sequence[str]) -> str:
    things = "descriptor lies" if len(warnings) == 1 else "descriptors lie"
    return f"Checked: {len(warnings)} {things} outside real music"


def take_facts(take: Take, tables: CurveTables) -> Facts:
    """What is said of a take that was just made."""
    levels = take.levels(tables)
    made = take.soundtrack
    sheet = made.cue_sheet
    tempos = np.asarray(made.tempo_map.local_tempo_bpm)
    rows = (
        ("Seed", str(take.seed)),
        ("Key", made.score.key),
        ("Tempo", f"{tempos.min():.0f} to {tempos.max():.0f} bpm"),
        ("Players", f"{sheet.ensemble} ({', '.join(sheet.parts)}), {sheet.style}"),
        ("Cuts", str(take.cuts_met())),
        ("Wanted → measured", describe(levels)),
        (
            "Own sound",
            _own_sound(made.settings[ORIGINAL_AUDIO.name], made.own_sound is not None),
        ),
        ("Font", f"{made.settings['font']} ({made.settings['synth']})"),
    )
    words = sheet.reasons.get(TEXT.name)
    notices = (*((f"Your words: {words}",) if words else ()), *take.notices)
    return Facts(rows, tuple(take.warnings()), notices, tuple(sentences(take, tables)))


def _own_sound(mode: str, has_sound: bool) -> str:
    if not has_sound:
        return "the clip has none"
    return {
        "keep": "kept beside the music",
        "duck": "kept; the music steps back for it",
        "drop": "left out",
    }[mode]


def example_facts(example: Example) -> Facts:
    """What is said of an example, from its `take.json`."""
    found: dict[str, Any] = example.take()
    settings = found.get("settings") or {}
    tempo = found.get("tempo") or {}
    check = found.get("check") or {}
    rows = [("Seed", settings.get(SEED.name)), ("Key", settings.get(KEY.name))]
    if tempo:
        rows.append(("Tempo", f"{tempo['lowest_bpm']:.0f} to {tempo['highest_bpm']:.0f} bpm"))
    if settings:
        rows.append(("Players", f"{settings.get(ENSEMBLE.name)}, {settings.get(STYLE.name)}"))
        rows.append(("Font", f"{settings.get('font')} ({settings.get('synth')})"))
    by_hand = [value for value in (settings.get("direction") or {}).values() if value is not None]
    if by_hand:
        rows.append(("Set by hand", ", ".join(map(str, by_hand))))
    if settings.get(TEXT.name):
        rows.append(("Words", settings[TEXT.name]))
    if example.intent:
        rows.append(("Intent", example.intent))
    told = tuple((name, str(value)) for name, value in rows if value is not None)
    wished = f"Words: “{settings[TEXT.name]}”." if settings.get(TEXT.name) else ""
    set_by_hand = f"Set by hand: {', '.join(map(str, by_hand))}." if by_hand else ""
    asked = " ".join(filter(None, (wished, set_by_hand)))
    if settings and not asked:
        seen = f" ({example.sight()})" if example.sight() else ""
        asked = f"Nothing was asked: key, tempo and players come from the picture{seen}."
    lines = tuple(filter(None, (music_line(found), asked)))
    return Facts(told, tuple(check.get("outside") or ()), (), lines, example.credit)


def reasons(sheet: CueSheet) -> str:
    """Why the music is to be as the cue sheet says, and what it was made from."""
    rows = [
        ("Key", sheet.key, sheet.reasons.get(KEY.name, "")),
        ("Tempo", f"{sheet.tempo_bpm:.0f} bpm", sheet.reasons.get(TEMPO.name, "")),
        ("Ensemble", sheet.ensemble, sheet.reasons.get(ENSEMBLE.name, "")),
        ("Style", sheet.style, sheet.reasons.get(STYLE.name, "")),
    ]
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd><strong>{escape(value)}</strong> {escape(why)}</dd></div>"
        for name, value, why in rows
    )
    others = [
        f"{name}: {why}"
        for name, why in sheet.reasons.items()
        if name not in {c.name for c in (KEY, TEMPO, ENSEMBLE, STYLE)}
    ]
    more = "".join(f"<li>{escape(line)}</li>" for line in others)
    seen = escape(", ".join(sheet.inputs))
    return (
        f'<dl class="pm-facts pm-reasons">{cells}</dl>'
        + (f'<ul class="pm-notices">{more}</ul>' if more else "")
        + f'<p class="pm-checked">Made from: {seen}.</p>'
    )


def scene(sheet: CueSheet, footage: Footage, tempo_map: TempoMap | None = None) -> str:
    """What the timeline draws behind the hit points, as JSON."""
    step = max(1, len(footage.thumbnails) // NUM_TIMELINE_FRAMES)
    frames = [
        {"time": round(frame.time, 3), "src": _jpeg(frame.image)}
        for frame in footage.thumbnails[::step]
    ]
    tempo = None
    if tempo_map is not None:
        tempo = {
            "times": [round(float(t), 3) for t in tempo_map.beat_times],
            "bpm": [round(float(b), 2) for b in tempo_map.local_tempo_bpm],
        }
    return json.dumps(
        {
            "duration": sheet.duration,
            "frame": float(1 / sheet.frame_rate),
            "cuts": list(sheet.cuts),
            "cues": [[cue.start, cue.end, cue.name] for cue in sheet.cues],
            "curves": {
                name: [round(float(v), 3) for v in sheet.curves[name]]
                for name in CURVES
                if name != Curve.REGISTER
            },
            "colours": {str(curve): curve.colour for curve in Curve},
            "frames": frames,
            "tempo": tempo,
        }
    )


def _jpeg(image: np.ndarray) -> str:
    picture = Image.fromarray(image)
    width = max(1, round(picture.width * THUMBNAIL_HEIGHT / picture.height))
    return jpeg_url(picture.resize((width, THUMBNAIL_HEIGHT)))


def rights(font: str, is_shipped: bool = True, results: Path = RESULTS) -> str:
    """One plain paragraph on rights; the figures come from the table of the evaluation.

    Of a model that did not come along (not `is_shipped`) its own card alone knows the music.
    """
    learnt = (
        "The weights were trained on POP909 (its arrangements are under the MIT licence, the "
        "compositions belong to others), OpenScore Lieder and String Quartets (CC0), Freedoom "
        "(BSD) and the Groove drum recordings (CC BY 4.0)." + _copying(results)
        if is_shipped
        else "What music the weights were trained on stands in the model card below."
    )
    return (
        f"{learnt} The sound here comes from the font {font}. PixMus claims no rights in what it "
        "makes for you; the picture stays yours, and whether a melody is too near to a song that "
        "you know is yours to judge."
    )


def _copying(results: Path) -> str:
    try:
        copying = json.loads((results / "score-model.json").read_text(encoding="utf-8"))["copying"]
        made, real = copying["made"], copying["real"]
        return (
            f" How much is copied was measured on {made['melodies']} composed lines: "
            f"{100 * made['copied share']:.1f} % of their notes lie in a pattern of 8 or more "
            f"notes that a training piece has in any transposition; between real pieces it is "
            f"{100 * real['copied share']:.1f} %. That is a measurement, no promise."
        )
    except (OSError, ValueError, KeyError):
        return ""
