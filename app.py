"""The page: upload a clip, hear its soundtrack, understand it, take it away.

Widgets and wiring only; what they do is in `pixmus/doors/page/`. Start it with `make demo`.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing leaves the machine
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import argparse
import importlib.util
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from pixmus.curves import Curve
from pixmus.doors.page import markup
from pixmus.doors.page.commission import (
    LONGEST_TEXT,
    MOST_STEPS,
    MOST_TAKES,
    Commission,
    read_number,
)
from pixmus.doors.page.edits import CUE_HEADERS, HIT_HEADERS, cue_rows, edit, hit_rows
from pixmus.doors.page.endpoints import Endpoints
from pixmus.doors.page.showcase import (
    EXAMPLES,
    RESULTS,
    Example,
    find_examples,
    find_results,
    model_card,
)
from pixmus.doors.page.showing import CANCELLED, sentence
from pixmus.doors.page.studio import Progress, Report, Studio, reported
from pixmus.doors.page.takes import Take
from pixmus.doors.page.timeline import hits_json, read_hits
from pixmus.doors.page.visits import Stopped, Visit, Visits, own_root
from pixmus.ensembles import ENSEMBLES, PARTS, STYLES
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.model.folder import MODEL_FOLDER, model_folder
from pixmus.sound.soundfont import soundfont_renderer
from pixmus.take.pipeline import PixMusPipeline

LONGEST_S = 180.0  # seconds of a clip, and
LARGEST_MB = 200  # megabytes of an upload: two cores serve several visitors
KEEP_MINUTES = 30.0  # after which what a visitor uploaded or made is removed
MOST_VISITS = 8  # with footage and takes in memory at a time
AT_ONCE = 2  # soundtracks made at the same time
QUEUE_SIZE = 12

AUTO = "auto"
IDLE = "Upload a clip or choose an example, then press Make the soundtrack."
SOUND_CHOICES = [
    ("auto: step back for it", AUTO),
    ("keep both", "keep"),
    ("music steps back", "duck"),
    ("music alone", "drop"),
]
NUMBER_FIELDS = {
    "tempo_bpm": "The tempo",
    "seed": "The seed",
    "start": "From",
    "end": "To",
}  # fields in which a visitor types a number or nothing
PICTURE_NAMES = {
    "spectrogram": "Mel spectrogram of the music, cuts marked",
    "own-spectrogram": "Mel spectrogram of the clip's own sound",
    "pianoroll": "Piano-roll by part, with bar lines, cuts and hit points",
    "agreement": "What the cue sheet wanted, and what the music does",
    "cues": "The cue sheet that was composed from",
}
SHOW_STATUS = """() => {
  const box = document.querySelector('#status').getBoundingClientRect();
  if (box.top < 0 || box.bottom > window.innerHeight) {
    document.querySelector('#result').scrollIntoView({ behavior: 'smooth', block: 'start' });
  }
}"""  # where a button stands far from what it sets going
THEME = gr.themes.Soft(
    primary_hue="rose",
    secondary_hue="slate",
    neutral_hue="slate",
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    block_title_background_fill="none",
    block_title_text_color="*body_text_color",
    block_title_padding="0",
    block_label_background_fill="*background_fill_primary",
    block_label_text_color="*body_text_color",
    block_label_background_fill_dark="*background_fill_primary",
    block_label_text_color_dark="*body_text_color",
    block_title_background_fill_dark="none",
    block_title_text_color_dark="*body_text_color",
    block_border_width="1px",
    block_shadow="none",
)

try:  # on ZeroGPU machines of Hugging Face
    import spaces

    @spaces.GPU(duration=1)
    def _on_gpu() -> None:
        """ZeroGPU wants one such function; composing is quicker than the wait for a GPU."""
except ImportError:
    pass


def build_page(
    studio: Studio, visits: Visits, examples: Sequence[Example], model: Path
) -> gr.Blocks:
    """The page as Gradio Blocks, ready to be launched; `model` is the model's folder."""
    with gr.Blocks(
        title="PixMus",
        analytics_enabled=False,
    ) as page:
        gr.HTML(
            '<div class="pm-title"><h1>PixMus</h1><p>Music composed for your clip by a diffusion '
            "model that follows the picture: cuts land on beats, and all of it stays "
            "editable.</p></div>"
        )
        with gr.Tabs():
            with gr.Tab("Soundtrack", id="soundtrack"):
                _build_soundtrack(page, studio, visits, examples)
            with gr.Tab("Examples and experiments", id="experiments"):
                _build_experiments(examples, model)
        _build_endpoints(Endpoints(studio, visits))

        def on_leave(request: gr.Request) -> None:
            visits.end(request.session_hash)

        page.unload(on_leave)
    return page


def _build_soundtrack(
    page: gr.Blocks, studio: Studio, visits: Visits, examples: Sequence[Example]
) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            with gr.Tabs():
                with gr.Tab("Clip"):
                    clip = gr.Video(
                        label="Your clip",
                        sources=["upload", "webcam"],
                        height=230,
                        elem_id="clip",
                    )
                with gr.Tab("Still image"):
                    still = gr.Image(
                        label="Your picture",
                        sources=["upload"],
                        type="filepath",
                        image_mode=None,
                        height=230,
                        elem_id="still",
                    )
            text = gr.Textbox(
                label="What do you want to hear? (optional)",
                placeholder="very dark, not too fast, strings, no drums",
                info="Mood, tempo, ensemble, style; a word not understood is said back.",
                max_length=LONGEST_TEXT,
                elem_id="text",
            )
            with gr.Row():
                make = gr.Button("Make the soundtrack", variant="primary", scale=3, elem_id="make")
                spot = gr.Button("Spot first", scale=1, min_width=126, elem_id="spot")
                cancel = gr.Button(
                    "Cancel", variant="stop", scale=1, min_width=90, elem_id="cancel"
                )
            if examples:
                gallery = gr.HTML(
                    markup.gallery(examples),
                    js_on_load=markup.asset("gallery.js"),
                    elem_id="examples",
                )
            controls, dice = _build_controls()
            controls["text"] = text
            gr.HTML(
                f'<p class="pm-checked">Clips up to {studio.longest_s:.0f} s and {LARGEST_MB} MB. '
                "What you upload or make here is removed after "
                f"{visits.keep_s / 60:.0f} minutes and goes to no other machine.</p>"
            )
        with gr.Column(scale=6, min_width=320):
            player = gr.HTML(
                markup.player([]),
                js_on_load=markup.asset("player.js"),
                elem_id="result",
            )
            status = gr.HTML(markup.idle(IDLE), elem_id="status")
            take_number = gr.Radio(
                [],
                label="Takes",
                info="The best first, or the newest after a redo; all equally loud, switch freely.",
                visible=False,
                elem_id="takes",
            )
            facts = gr.HTML("", elem_id="facts")
            with gr.Row(visible=False) as downloads:
                files = {
                    name: gr.DownloadButton(label, size="sm", min_width=96, elem_id=f"get-{name}")
                    for name, label in (
                        ("video", "Video"),
                        ("wav", "WAV"),
                        ("midi", "MIDI"),
                        ("cues", "Cue sheet"),
                    )
                }
                pack_stems = gr.Button("Stems (zip)", size="sm", min_width=96, elem_id="pack-stems")
                pack_all = gr.Button(
                    "Everything (zip)", size="sm", min_width=120, elem_id="pack-all"
                )
                keep_seed = gr.Button(
                    "Keep this seed", size="sm", min_width=96, elem_id="keep-seed"
                )
            stems_zip = gr.DownloadButton(visible="hidden", elem_id="get-stems")
            all_zip = gr.DownloadButton(visible="hidden", elem_id="get-all")
    # Below here nothing folds: Gradio loses what is sent to widgets in a closed tab.
    with gr.Column(elem_id="sheet", elem_classes="pm-section"):
        spotting = _build_spotting()
    with gr.Column(elem_id="pictures", elem_classes="pm-section"):
        gr.Markdown("## See it")
        seen = gr.Markdown("", elem_classes="pm-prose")
        pictures = {
            name: gr.Image(
                show_label=False,
                visible=False,
                interactive=False,
                buttons=["download", "fullscreen"],
                alt_text=label,
                elem_id=f"picture-{name}",
            )
            for name, label in PICTURE_NAMES.items()
        }
    with gr.Column(elem_id="again", elem_classes="pm-section"):
        gr.Markdown("## Redo a part of it")
        gr.Markdown(
            "Bars or parts of the chosen take are composed anew with another seed; every "
            "other note stays exactly as it is. Bar numbers stand above the piano-roll.",
            elem_classes="pm-prose",
        )
        with gr.Row():
            bars = gr.Textbox(
                label="Bars",
                placeholder="9-12",
                info='Such as "3", "9-12,17-20", or "13-" to the end; empty for all.',
                elem_id="redo-bars",
            )
            redo_parts = gr.CheckboxGroup(
                list(PARTS), label="Parts", info="None ticked: all.", elem_id="redo-parts"
            )
        redo = gr.Button("Redo only these", elem_id="redo")
        gr.Markdown("## Make it again")
        gr.Markdown(
            "These lines make exactly this take again, note for note. Where they name "
            "`cues.json` or `kept.mid`, those files are in the zip with everything.",
            elem_classes="pm-prose",
        )
        shell, python = (
            gr.Code(
                label=name,
                language=language,
                lines=lines,
                interactive=False,
                wrap_lines=True,
                elem_id=language,
            )
            for name, language, lines in (("Shell", "shell", 1), ("Python", "python", 3))
        )

    names = list(controls)
    asked = list(controls.values())

    def commission_of(values: Sequence[Any]) -> Commission:
        return _commission(dict(zip(names, values, strict=True)))

    def result_of(take: Take) -> dict[Any, Any]:
        """What is shown of one take, but for its pictures."""
        quick = take.quick_files()
        return {
            facts: markup.take_facts(take, take.levels(studio.tables)).html(),
            downloads: gr.update(visible=True),
            files["video"]: str(take.clip),
            **{files[name]: str(quick[name]) for name in ("wav", "midi", "cues")},
            shell: take.shell_line,
            python: take.python_lines,
        }

    def pictures_of(take: Take) -> dict[Any, Any]:
        drawn = take.draw(studio.tables)
        return {
            seen: f"{take.cuts_met()}. "
            + "Seconds run from left to right in every picture, one under another.",
            **{
                image: gr.update(value=str(drawn[name]), visible=True)
                if name in drawn
                else gr.update(visible=False)
                for name, image in pictures.items()
            },
        }

    def sheet_of(visit: Visit, take: Take | None = None) -> dict[Any, Any]:
        """The cue sheet of a visit in the editor, with the tempo of a take."""
        sheet, footage = visit.cue_sheet, visit.footage
        if sheet is None or footage is None:
            return {}
        tempo_map = take.soundtrack.tempo_map if take else None
        rows = hit_rows(sheet)
        return {
            spotting["timeline"]: gr.update(
                value=hits_json(rows), scene=markup.scene(sheet, footage, tempo_map)
            ),
            spotting["hits"]: rows,
            spotting["cues"]: cue_rows(sheet),
            spotting["reasons"]: markup.reasons(sheet),
        }

    def run(visit: Visit, work: Callable[[Report], Iterator[Take]]) -> Iterator[dict[Any, Any]]:
        """Runs a piece of work and shows its stages, then its takes, then their pictures."""
        begun = time.monotonic()
        made: list[Take] = []
        try:
            for event in reported(work):
                if isinstance(event, Progress):
                    yield {status: markup.stages(event, time.monotonic() - begun)}
                    continue
                made.append(event)
                if len(made) == 1:
                    yield {
                        player: markup.player(made),
                        status: markup.idle(f"First sound after {time.monotonic() - begun:.1f} s."),
                        take_number: gr.update(visible=False),
                    }
                    yield result_of(event)
            takes = list(visit.takes)
            labels = markup.take_names(takes)
            choices = list(zip(labels, range(1, len(labels) + 1), strict=True))
            yield {
                status: markup.idle(_done(len(made), time.monotonic() - begun)),
                take_number: gr.update(choices=choices, value=1, visible=len(takes) > 1),
                **result_of(takes[0]),
                **sheet_of(visit, takes[0]),
            }
            if len(takes) > 1:  # player.js chooses the take that is being heard, if there is one
                yield {player: markup.player(takes)}
            yield pictures_of(takes[0])
        except Stopped:
            if visit.is_idle:  # else another piece of work took its place and tells its own
                yield {status: markup.idle(CANCELLED)}
        except Exception as error:
            if not made or made[0] in visit.takes:  # else the takes went while they were drawn
                yield {status: markup.failed(sentence(error))}

    def on_make(
        request: gr.Request, clip_path: str | None, still_path: str | None, *values: Any
    ) -> Iterator[dict[Any, Any]]:
        visit = visits.of(request.session_hash)
        try:
            path = _clip_of(clip_path, still_path)
            commission = commission_of(values)
        except Exception as error:
            yield {status: markup.failed(sentence(error))}
            return
        work = lambda report: studio.soundtracks(visit, path, commission, report)  # noqa: E731
        yield from run(visit, work)

    def on_spot(
        request: gr.Request, clip_path: str | None, still_path: str | None, *values: Any
    ) -> Iterator[dict[Any, Any]]:
        visit = visits.of(request.session_hash)
        begun = time.monotonic()
        try:
            path = _clip_of(clip_path, still_path)
            commission = commission_of(values)

            def work(report: Report) -> Iterator[bool]:
                studio.spot(visit, path, commission, report)
                yield True

            for event in reported(work):
                if isinstance(event, Progress):
                    yield {status: markup.stages(event, time.monotonic() - begun)}
            yield {
                status: markup.idle("Spotted. Change the cue sheet below, then compose from it."),
                **sheet_of(visit),
            }
        except Stopped:
            if visit.is_idle:
                yield {status: markup.idle(CANCELLED)}
        except Exception as error:
            yield {status: markup.failed(sentence(error))}

    def on_recompose(
        request: gr.Request, hit_table: list[list[Any]], cue_table: list[list[Any]], *values: Any
    ) -> Iterator[dict[Any, Any]]:
        visit = visits.of(request.session_hash)
        try:
            if visit.cue_sheet is None:
                raise PixMusError("There is no cue sheet yet; spot the clip first.")
            sheet = edit(visit.cue_sheet, hit_table, cue_table)
            commission = commission_of(values)
        except Exception as error:
            yield {status: markup.failed(sentence(error))}
            return
        work = lambda report: studio.recompose(visit, sheet, commission, report)  # noqa: E731
        yield from run(visit, work)

    def on_redo(
        request: gr.Request, number: int | None, which: str, parts: list[str], *values: Any
    ) -> Iterator[dict[Any, Any]]:
        visit = visits.of(request.session_hash)
        try:
            commission = commission_of(values)
        except Exception as error:
            yield {status: markup.failed(sentence(error))}
            return
        work = lambda report: studio.redo(  # noqa: E731
            visit, number or 1, which, parts, commission, report
        )
        yield from run(visit, work)

    def on_ask() -> None:
        waiting = len(page._queue)  # Gradio's own refusal tells a visitor nothing to do
        if waiting >= QUEUE_SIZE:
            raise gr.Error(
                f"{waiting} soundtracks are being made or waited for just now. Everything you "
                "set stays here; please press the button again in a minute.",
                print_exception=False,
            )

    def on_cancel(request: gr.Request) -> str:
        visits.of(request.session_hash).stop()
        return markup.idle(CANCELLED)

    def on_choose(request: gr.Request, number: int | None) -> Iterator[dict[Any, Any]]:
        try:
            take = visits.of(request.session_hash).take(number or 1)
            yield result_of(take)
            yield pictures_of(take)
        except Exception as error:
            yield {status: markup.failed(sentence(error))}

    def packed(which: Callable[[Take], Path]) -> Callable[..., str]:
        def pack(request: gr.Request, number: int | None) -> str:
            try:
                return str(which(visits.of(request.session_hash).take(number or 1)))
            except Exception as error:
                raise gr.Error(sentence(error), print_exception=False) from error

        return pack

    def on_keep_seed(request: gr.Request, number: int | None) -> int | None:
        takes = visits.of(request.session_hash).takes
        return takes[(number or 1) - 1].seed if takes else None

    def on_example(request: gr.Request, event: gr.EventData) -> dict[Any, Any]:
        example = examples[int(event.index)]
        visit = visits.of(request.session_hash)
        visit.stop()
        visit.replace_takes([])
        visit.cue_sheet = None
        lines = example.lines()
        drawn = example.pictures()
        return {
            clip: None if example.is_still else str(example.clip),
            still: str(example.clip) if example.is_still else None,
            player: markup.example_player(example),
            status: markup.idle(f"{example.title}: a finished result. Press Make for another one."),
            take_number: gr.update(visible=False),
            facts: markup.example_facts(example).html(),
            downloads: gr.update(visible=False),
            seen: example.intent,
            shell: lines[0],
            python: lines[1],
            spotting["timeline"]: gr.update(value="[]", scene=""),
            spotting["hits"]: [],
            spotting["cues"]: [],
            spotting["reasons"]: "",
            **{
                image: gr.update(value=str(drawn[name]), visible=True)
                if name in drawn
                else gr.update(visible=False)
                for name, image in pictures.items()
            },
        }

    shown = [
        player, status, take_number, facts, downloads, *files.values(), shell, python, seen,
        *pictures.values(), *spotting.values(),
    ]  # fmt: skip
    working: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": "studio",
        "concurrency_limit": AT_ONCE,
        "show_progress": "minimal",
        "show_progress_on": [status],
        "trigger_mode": "multiple",  # the later work stops the earlier
    }
    quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    running = [
        button.click(on_ask, None, None, js=SHOW_STATUS, **quick).success(
            work, inputs, shown, **working
        )
        for button, work, inputs in (
            (make, on_make, [clip, still, *asked]),
            (spot, on_spot, [clip, still, *asked]),
            (spotting["recompose"], on_recompose, [spotting["hits"], spotting["cues"], *asked]),
            (redo, on_redo, [take_number, bars, redo_parts, *asked]),
        )
    ]
    cancel.click(on_cancel, None, [status], cancels=running, **quick)
    take_number.input(None, [take_number], None, js="(n) => { window.pixmusShowTake(n); }", **quick)
    take_number.input(
        on_choose, [take_number], shown, api_visibility="private", show_progress="hidden"
    )
    for button, target, which in (
        (pack_stems, stems_zip, Take.zip_stems),
        (pack_all, all_zip, Take.zip_all),
    ):
        button.click(
            packed(which), [take_number], [target], api_visibility="private", concurrency_limit=2
        ).success(
            None,
            None,
            None,
            js=f"() => {{ setTimeout(() => document.querySelector('#{target.elem_id} a, "
            f"#{target.elem_id}').click(), 150); }}",
            api_visibility="private",
        )
    keep_seed.click(on_keep_seed, [take_number], [controls["seed"]], **quick)
    dice.click(lambda: str(random.randrange(2**31)), None, [controls["seed"]], **quick)
    spotting["timeline"].input(
        lambda value: read_hits(value), [spotting["timeline"]], [spotting["hits"]], **quick
    )
    spotting["hits"].input(
        lambda rows: hits_json(rows), [spotting["hits"]], [spotting["timeline"]], **quick
    )
    clip.input(lambda: None, None, [still], **quick)
    still.input(lambda: None, None, [clip], **quick)
    if examples:
        gallery.select(on_example, None, [clip, still, *shown], api_visibility="private")


def _build_controls() -> tuple[dict[str, Any], gr.Button]:
    """The folded choices, by the name of the field of `Commission` that each sets, and the dice."""
    found: dict[str, Any] = {}
    with gr.Accordion("Music: tempo, key, mood, players", open=False):
        with gr.Row():
            found["tempo_bpm"] = gr.Textbox(  # a gr.Number that is left empty becomes 0
                label="Tempo (bpm)",
                placeholder="auto",
                info="Empty: chosen so that cuts fall on beats.",
                elem_id="tempo",
            )
            found["key"] = gr.Dropdown(
                [AUTO, *KEYS], value=AUTO, label="Key", info="Auto: bright pictures in major."
            )
        with gr.Row():
            found["style"] = gr.Dropdown(
                [AUTO, *STYLES],
                value=AUTO,
                label="Style",
                info="What it was learnt from.",
            )
            found["ensemble"] = gr.Dropdown(
                [AUTO, *ENSEMBLES], value=AUTO, label="Ensemble", info="Who plays."
            )
        found["parts"] = gr.CheckboxGroup(
            list(PARTS), value=list(PARTS), label="Parts", info="Untick those that shall not play."
        )
        found["is_mood_set"] = gr.Checkbox(
            False, label="Set the mood myself", info="Else it follows the picture."
        )
        with gr.Row(visible=False) as moods:
            found[Curve.VALENCE] = gr.Slider(
                0, 1, 0.5, step=0.05, label="Valence", info="Dark to bright."
            )
            found[Curve.ENERGY] = gr.Slider(
                0, 1, 0.5, step=0.05, label="Energy", info="Calm to strong."
            )
        found["is_mood_set"].change(
            lambda on: gr.update(visible=on),
            [found["is_mood_set"]],
            [moods],
            queue=False,
            api_visibility="private",
        )
    with gr.Accordion("Sampling: guidance, steps, seed, takes", open=False):
        with gr.Row():
            found["guidance_scale"] = gr.Slider(
                1, 6, 2, step=0.25, label="Guidance", info="How closely it follows the picture.",
                elem_id="guidance",
            )  # fmt: skip
            found["num_inference_steps"] = gr.Slider(
                4, MOST_STEPS, 20, step=1, label="Inference steps", info="More: slower and finer.",
                elem_id="steps",
            )  # fmt: skip
        with gr.Row():
            found["seed"] = gr.Textbox(
                label="Seed",
                placeholder="new each time",
                info="The same seed makes the same music.",
                elem_id="seed",
            )
            found["num_takes"] = gr.Slider(
                1, MOST_TAKES, 1, step=1, label="Takes", info="Ranked against real music.",
                elem_id="num-takes",
            )  # fmt: skip
        dice = gr.Button("Roll a seed", size="sm", elem_id="dice")
    with gr.Accordion("Clip: part, length, its own sound", open=False):
        with gr.Row():
            found["start"] = gr.Textbox(
                label="From (s)", placeholder="start", info="Use a part.",
                elem_id="from",
            )  # fmt: skip
            found["end"] = gr.Textbox(
                label="To (s)", placeholder="end", info="Empty: to the end.",
                elem_id="to",
            )  # fmt: skip
            found["still_duration"] = gr.Slider(
                2, LONGEST_S, 20, step=1, label="Length of a still (s)", info="For a picture."
            )
        with gr.Row():
            found["original_audio"] = gr.Dropdown(
                SOUND_CHOICES, value=AUTO, label="The clip's own sound", info="Beside the music."
            )
            found["original_level_db"] = gr.Slider(
                -24, 12, 0, step=1, label="Its level (dB)", info="0 is as recorded."
            )
    return found, dice


def _build_spotting() -> dict[str, Any]:
    """The cue sheet as a timeline and as tables."""
    gr.Markdown("## Spot, then compose")
    gr.Markdown(
        "The cue sheet says what the music shall do. Drag a hit point (sideways: time, up and "
        "down: strength), double-click to add one, or edit the tables; then compose from it. The "
        "clip is not decoded again. Where no cue is, there is silence.",
        elem_classes="pm-prose",
    )
    timeline = gr.HTML(
        "[]",
        html_template='<div class="pm-timeline"></div><div class="pm-tools">'
        '<button type="button" class="pm-add">Add a hit point</button>'
        '<button type="button" class="pm-remove" disabled>Remove it</button>'
        '<span class="pm-chosen-line" role="status"></span></div>',
        js_on_load=markup.asset("timeline.js"),
        scene="",
        elem_id="timeline",
    )
    with gr.Row():
        hits = gr.Dataframe(
            headers=list(HIT_HEADERS),
            datatype=["number", "number"],
            type="array",
            interactive=True,
            label="Hit points: moments that the music marks",
            max_height=280,
            elem_id="hits",
        )
        cues = gr.Dataframe(
            headers=list(CUE_HEADERS),
            datatype=["number", "number", "str", "number", "number"],
            type="array",
            interactive=True,
            label="Cues: spans of music with one mood (0 to 1)",
            max_height=280,
            elem_id="cues",
        )
    recompose = gr.Button("Compose from this cue sheet", variant="primary", elem_id="recompose")
    reasons = gr.HTML("", elem_id="reasons")
    return {
        "timeline": timeline,
        "hits": hits,
        "cues": cues,
        "reasons": reasons,
        "recompose": recompose,
    }


def _build_experiments(examples: Sequence[Example], model: Path) -> None:
    if examples:
        for pair in (examples[i : i + 2] for i in range(0, len(examples), 2)):
            with gr.Row():
                for example in pair:
                    with gr.Column(min_width=320):
                        gr.Markdown(f"### {example.title}\n{example.intent}")
                        gr.HTML(markup.example_player(example))
                        drawn = example.pictures()
                        for name in ("spectrogram", "pianoroll"):
                            if name in drawn:
                                told = f"{example.title}: {PICTURE_NAMES[name]}"
                                gr.HTML(markup.figure(drawn[name], told))
    gr.Markdown("## Rights")
    gr.Markdown(
        markup.rights(soundfont_renderer().font.name, is_shipped=model == MODEL_FOLDER),
        elem_classes="pm-prose",
    )
    gr.Markdown("## Experiments")
    for table in find_results():
        with gr.Accordion(table.title, open=False):
            for path in table.pictures:
                gr.HTML(markup.figure(path, table.title))
            gr.Markdown(table.markdown, elem_classes="pm-table")
    with gr.Accordion("Model card", open=False):
        gr.Markdown(model_card(model), elem_classes="pm-table")


def _build_endpoints(endpoints: Endpoints) -> None:
    """Widgets that nobody sees, for the three functions that programs call."""
    with gr.Row(visible=False):
        clip = gr.File(label="clip", type="filepath")
        sheet_in = gr.File(label="cue_sheet", type="filepath")
        text = gr.Textbox(label="text", value="")
        seed = gr.Number(label="seed", value=None, precision=0)
        steps = gr.Number(label="num_inference_steps", value=20, precision=0)
        guidance = gr.Number(label="guidance_scale", value=2)
        tempo = gr.Number(label="tempo_bpm", value=None)
        key = gr.Dropdown(list(KEYS), label="key", value=None)
        style = gr.Dropdown(list(STYLES), label="style", value=None)
        ensemble = gr.Dropdown(list(ENSEMBLES), label="ensemble", value=None)
        parts = gr.CheckboxGroup(list(PARTS), label="parts", value=[])
        valence = gr.Number(label=Curve.VALENCE, value=None)
        energy = gr.Number(label=Curve.ENERGY, value=None)
        sound = gr.Dropdown(["keep", "duck", "drop"], label="original_audio", value=None)
        still = gr.Number(label="still_duration", value=20)
        video, bundle = gr.File(label="scored video"), gr.File(label="everything (zip)")
        midi, sheet, wav = (gr.File(label=name) for name in ("score", "cue sheet", "music"))
        told, number = gr.JSON(label="facts"), gr.Number(label="seed used")
        calls = [gr.Button() for _ in range(3)]
    shared: dict[str, Any] = {"concurrency_id": "studio", "concurrency_limit": AT_ONCE}
    calls[0].click(
        endpoints.soundtrack,
        [clip, text, seed, steps, guidance, tempo, key, style, ensemble, parts, valence, energy]
        + [sound, still],
        [video, midi, sheet, bundle, told],
        api_name="soundtrack",
        **shared,
    )
    calls[1].click(
        endpoints.spot,
        [clip, text, tempo, key, style, ensemble, still],
        [sheet, told],
        api_name="spot",
        **shared,
    )
    calls[2].click(
        endpoints.compose,
        [sheet_in, seed, steps, guidance],
        [midi, wav, number],
        api_name="compose",
        **shared,
    )


def _commission(values: dict[str, Any]) -> Commission:
    """What the controls say; "auto" and empty leave the choice to PixMus."""
    has_mood = values.pop("is_mood_set")
    asked = {k: v for k, v in values.items() if v not in (None, "", AUTO)}
    if not has_mood:
        asked.pop(Curve.VALENCE, None)
        asked.pop(Curve.ENERGY, None)
    for name, field in NUMBER_FIELDS.items():
        asked[name] = read_number(values[name], field, whole=name == "seed")
    for name in ("num_takes", "num_inference_steps"):
        asked[name] = int(asked[name])
    asked["parts"] = tuple(values["parts"])
    return Commission(**asked)


def _clip_of(clip: str | None, still: str | None) -> Path:
    path = clip or still
    if not path:
        raise PixMusError("There is no clip yet; upload one or choose an example.")
    return Path(path)


def _done(num_takes: int, seconds: float) -> str:
    made = "Done" if num_takes == 1 else f"{num_takes} takes made"
    return f"{made} in {seconds:.1f} s."


def main() -> None:
    parser = argparse.ArgumentParser(description="The PixMus page.")
    parser.add_argument("--model", default=os.environ.get("PIXMUS_MODEL"))
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--examples", type=Path, default=EXAMPLES)
    parser.add_argument("--keep-minutes", type=float, default=KEEP_MINUTES)
    arguments = parser.parse_args()
    root = own_root()
    uploads = root / "uploads"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    folder, _ = model_folder(arguments.model)
    pipe = PixMusPipeline.from_pretrained(folder)
    studio = Studio(pipe, LONGEST_S, model=None if folder == MODEL_FOLDER else arguments.model)
    visits = Visits(root / "visits", arguments.keep_minutes * 60, MOST_VISITS, uploads)
    visits.sweep_for_ever()
    threading.Thread(target=studio.warm_up, name="warm-up", daemon=True).start()
    page = build_page(studio, visits, find_examples(arguments.examples), folder)
    page.queue(max_size=2 * QUEUE_SIZE, default_concurrency_limit=4)
    page.launch(
        server_port=arguments.port,
        theme=THEME,
        css=markup.asset("page.css"),
        max_file_size=f"{LARGEST_MB}mb",
        allowed_paths=[str(root / "visits"), str(arguments.examples), str(RESULTS)],
        run_history=False,
        show_error=True,  # each is one sentence: see showing.py
        footer_links=["api"],
        ssr_mode=False,
        mcp_server=importlib.util.find_spec("mcp") is not None,
    )


if __name__ == "__main__":
    main()
