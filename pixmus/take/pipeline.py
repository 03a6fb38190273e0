"""`PixMusPipeline`: a clip in, a `Soundtrack` out; the table of contents of the way.

Loads and saves the diffusers way, from a folder or a Hub id, and checks the weights against the
folder's manifest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixmus.asked import Asked
from pixmus.check.findings import Check, check_score
from pixmus.check.ranges import Ranges
from pixmus.choice import Step
from pixmus.choices import (
    DEFAULT_GUIDANCE_SCALE,
    NUM_INFERENCE_STEPS,
    RENDERER,
    choices_of,
)
from pixmus.chords import Chord
from pixmus.compose.accents import AccentReport, accent, stressed_hits
from pixmus.compose.bars import Bars
from pixmus.compose.draft import Draft, Names, begin_draft
from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.compose.writing import OnStep, Writers, compose
from pixmus.cues.cut_list import CUT_LIST, CutList
from pixmus.cues.direction import Direction
from pixmus.cues.encoder import ConditioningEncoder
from pixmus.cues.sheet import CueSheet
from pixmus.diffusers_base import (
    DiffusionPipeline,
    diffusers_logging,
    loading_components,
)
from pixmus.errors import PixMusError
from pixmus.files import name_as_text
from pixmus.model.byte_weights import store_as_bytes
from pixmus.model.folder import (
    CURVE_TABLES,
    DESCRIPTOR_RANGES,
    ENCODER,
    MODEL_INDEX,
    PLAN_DENOISER,
    VOICE_NETWORK,
    loading,
    model_folder,
    write_manifest,
)
from pixmus.model.plan_network import PlanDenoiser
from pixmus.model.voice_network import VoiceNetwork
from pixmus.picture.backbone import Backbone
from pixmus.picture.features import Features
from pixmus.picture.footage import Footage, watch
from pixmus.renderers import THESIS
from pixmus.score.chord_chart import given_over_bars, over_bars, read_chart, told_chords
from pixmus.score.curves import CurveTables
from pixmus.score.notes import Score
from pixmus.score.spans import PlacedHit
from pixmus.sound.mix import blend, default_mode, mix
from pixmus.sound.renderer import Renderer, asked_renderer, render
from pixmus.sound.stems import Stems
from pixmus.take.model_checks import check_numbers, speaks_this_grid
from pixmus.take.soundtrack import Soundtrack
from pixmus.take.spotted import cut_list_of, spot_with
from pixmus.take.stages import OnStage, Stages
from pixmus.take.thesis_take import thesis_soundtrack


class PixMusPipeline(DiffusionPipeline):
    """Composes soundtracks: `PixMusPipeline.from_pretrained(folder)("clip.mp4").save("take")`.

    `curve_tables` are the quantiles of training music, `descriptor_ranges` what its windows are
    like. A model without an encoder spots by rules. No call leaves anything behind in the pipeline.
    """

    _optional_components = [ENCODER]

    def __init__(
        self,
        plan_denoiser: PlanDenoiser,
        voice_network: VoiceNetwork,
        scheduler: UnmaskingScheduler,
        encoder: ConditioningEncoder | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(
            plan_denoiser=plan_denoiser,
            voice_network=voice_network,
            scheduler=scheduler,
            encoder=encoder,
        )
        self.curve_tables: CurveTables | None = None
        self.descriptor_ranges: Ranges | None = None
        self.model_sha256 = ""

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path | None = None,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **kwargs: Any,
    ) -> PixMusPipeline:
        """The pipeline of a model folder or a Hub id.

        Without a name it is the model that `PIXMUS_MODEL` names, else the one that comes along.
        `revision` (branch, tag or commit), `token`, `cache_dir` and `local_files_only` are the
        Hub's; other keywords are `DiffusionPipeline.from_pretrained`'s.
        """
        folder, sha256 = model_folder(
            pretrained_model_name_or_path, revision, token, cache_dir, local_files_only
        )
        diffusers_logging.disable_progress_bar()
        with loading(folder):
            with loading_components():
                pipe = super().from_pretrained(
                    str(folder),
                    **{
                        "dtype": torch.float32,
                        "local_files_only": True,
                        "use_safetensors": True,  # no pickle, even where a file is missing
                        **kwargs,
                    },
                )
            if not speaks_this_grid(pipe):
                raise PixMusError(
                    f"The model in {folder} was made for another version of PixMus; get the model "
                    "again."
                )
            pipe.curve_tables = CurveTables.load(folder / CURVE_TABLES)
            if (folder / DESCRIPTOR_RANGES).is_file():  # a model of one's own may have none
                pipe.descriptor_ranges = Ranges.load(folder / DESCRIPTOR_RANGES)
            check_numbers(pipe)
        pipe.model_sha256 = sha256
        return pipe

    @classmethod
    def load_config(cls, *args: Any, **kwargs: Any) -> Any:
        """The model index, whose components of ours are looked for where they are now.

        An index names the module of each class as it was when the model was saved.
        """
        loaded = super().load_config(*args, **kwargs)
        config = loaded[0] if isinstance(loaded, tuple) else loaded
        ours: tuple[tuple[str, type], ...] = (
            (ENCODER, ConditioningEncoder),
            (PLAN_DENOISER, PlanDenoiser),
            (VOICE_NETWORK, VoiceNetwork),
            ("scheduler", UnmaskingScheduler),
        )
        for name, kind in ours:
            home, own = config.get(name, [None, None])
            if home is not None and (name != "scheduler" or own == kind.__name__):
                config[name] = [kind.__module__, kind.__name__]
        return loaded

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:
        """Write the model folder: sharded safetensors in float16 or bytes, tables, manifest."""
        folder = Path(save_directory)
        networks = {PLAN_DENOISER: self.plan_denoiser, VOICE_NETWORK: self.voice_network}
        kept = {}
        for name, network in networks.items():
            for stale in (folder / name).glob("*.safetensors"):  # of a save with more shards
                stale.unlink()
            kept[name] = {key: value.clone() for key, value in network.state_dict().items()}
            network.half()
        try:
            kwargs = {"max_shard_size": "4MB", **kwargs}
            super().save_pretrained(str(folder), **kwargs)
        finally:
            for name, network in networks.items():
                network.float()
                network.load_state_dict(kept[name])
        store_as_bytes(folder / VOICE_NETWORK, kwargs["max_shard_size"])
        # Where the model was loaded from is a folder of this machine.
        for config in (folder / MODEL_INDEX, *folder.glob("*/config.json")):
            facts = json.loads(config.read_text())
            if facts.pop("_name_or_path", None) is not None:
                config.write_text(json.dumps(facts, indent=2) + "\n")
        if self.curve_tables is not None:
            (folder / CURVE_TABLES).write_text(self.curve_tables.to_json() + "\n")
        if self.descriptor_ranges is not None:
            (folder / DESCRIPTOR_RANGES).write_text(self.descriptor_ranges.to_json())
        write_manifest(folder)

    def __call__(
        self,
        clip: str | Path | Footage,
        *,
        direction: Direction | None = None,
        backbone: Backbone | str | Path | None = None,
        cue_sheet: CueSheet | None = None,
        cuts: CutList | Path | str | None = None,
        keep: Score | Path | str | None = None,
        redo_bars: Bars | None = None,
        redo_parts: Names | None = None,
        generator: torch.Generator | None = None,
        renderer: Renderer | str | None = None,
        callback_on_step_end: Callable[[Any, int, Any, dict[str, Tensor]], Any] | None = None,
        on_stage: OnStage | None = None,
        **choices: Any,
    ) -> Soundtrack:
        """Compose a soundtrack for a clip, or for footage that was watched before.

        `direction` is what the person asks for of spotting; `choices` are all others but those of
        trimming and of takes, by name (`text`, `seed`, `original_audio`, ...: see
        `choices.CHOICES`); `direction` wins over words, `seed` over `generator`. `backbone`, a CLIP
        folder or Hub id, lets spotting see with it too, "none" not by the model's own network.
        `cuts`, an editor's cut list or its file, says cuts and hit points; `cue_sheet` replaces all
        spotting. With `keep`, a score or MIDI file, only `redo_bars` ("9-12") or `redo_parts`
        ("harmony,bass") of it are composed (see `compose`). `renderer`, one or its name, plays.
        `callback_on_step_end` gets the pipeline, inference step, share done, tokens.
        """
        stages = Stages(on_stage)
        choices[RENDERER.name] = renderer if isinstance(renderer, str) else None  # for take.json
        asked = Asked(choices, choices_of(Step.WATCH, Step.WISH, Step.COMPOSE, Step.MIX))
        read_chart(asked.chords)  # what is no chord is said before anything is made
        seed = _seed(asked.seed, generator)
        playing = asked_renderer(asked) if isinstance(renderer, str | None) else renderer
        with stages("watch"):  # the clip's frames, cuts, movement, light and own sound
            footage = _footage(clip, asked, backbone)
        direction = direction or Direction()
        with stages("spot"):  # cues, hit points, curves, key and tempo
            sheet = self._cue_sheet(footage, cue_sheet, direction, asked.text, cuts)
        with stages("fit"):  # the tempo map to the hit points, or the kept one to the picture
            draft = begin_draft(sheet, keep, redo_bars, redo_parts)
            sheet, hits = draft.cue_sheet, draft.hits if asked.accents else []
        settings = self._settings(asked, footage, draft, None if cue_sheet else direction)
        reporter = self._reporter(callback_on_step_end, stages)
        if asked.engine == THESIS:
            return thesis_soundtrack(footage, draft, settings, asked, seed, reporter, stages)
        with stages("compose"):  # accent the hit points, and hold the score against real music
            score, report = self._write(draft, hits, seed, asked, reporter)
            sheet = _with_chords(sheet, score, _asked_chords(draft, asked.chords))
            strokes = stressed_hits(hits, report, draft.region)
            check = self._check(score, sheet.style)
        with stages("render"):
            told: dict[str, Any] = {
                "cue_sheet": sheet,
                "hits": hits,
                "strokes": strokes,
                "seed": seed,
            }
            stems = render(score, renderer=playing, on_share=stages.progress, **told)
        with stages("mix"):
            music = mix(stems, sheet, sheet.duration)
            mode = asked.original_audio or default_mode(footage.audio)
            sound = blend(music, footage.audio, mode, asked.original_level_db)
        return Soundtrack(
            video=footage.video,
            features=footage.features,
            cue_sheet=sheet,
            tempo_map=draft.score.tempo_map,
            score=score,
            accent_report=report,
            check=check,
            stems=stems,
            music=music,
            sound=sound,
            own_sound=footage.audio,
            thumbnails=footage.thumbnails,
            settings={**_played(settings, playing, stems), "seed": seed, "original_audio": mode},
            hashes={"model": self.model_sha256, **playing.hashes},
            timings=dict(stages.seconds),
        )

    @property
    def num_parameters(self) -> int:
        """Weights of what composes: of plan and voices."""
        return int(self.plan_denoiser.num_parameters() + self.voice_network.num_parameters())

    def compose(
        self,
        cue_sheet: CueSheet,
        *,
        keep: Score | Path | str | None = None,
        redo_bars: Bars | None = None,
        redo_parts: Names | None = None,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[[Any, int, Any, dict[str, Tensor]], Any] | None = None,
        **choices: Any,
    ) -> Score:
        """The score of a cue sheet, accents on its hit points, without any video.

        `choices` are those of composing, by name (`seed`, `num_inference_steps`, ...).
        With `keep`, a score or a MIDI file, only the bars `redo_bars` ("9-12", "3", "13-" to the
        end, from 1, ends included) and the parts `redo_parts` ("harmony,bass") of it are composed
        anew; where only one of the two is named, all of the other. Every other note, the tempo map
        and the key stay. So a melody is harmonised (`redo_parts`), an opening continued
        (`redo_bars="9-"`); `draft.keep_score(...).notices()` says what of the cue sheet a kept
        score cannot follow.
        """
        asked = Asked(choices, choices_of(Step.COMPOSE))
        draft = begin_draft(cue_sheet, keep, redo_bars, redo_parts)
        hits = draft.hits if asked.accents else []
        reporter = self._reporter(callback_on_step_end, Stages(None))
        return self._write(draft, hits, _seed(asked.seed, generator), asked, reporter)[0]

    def write(
        self,
        draft: Draft,
        *,
        seed: int,
        guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
        timing_guidance_scale: float | None = None,
        num_inference_steps: int = NUM_INFERENCE_STEPS,
        chords: str = "",
        on_step: OnStep | None = None,
    ) -> Score:
        """The score of a draft without accents; `chords` as `read_chart` reads them.

        Where there are none, those that the cue sheet gives are played.
        """
        return compose(
            Writers(self.plan_denoiser, self.voice_network, self.scheduler),
            draft,
            seed=seed,
            guidance_scale=guidance_scale,
            timing_guidance_scale=timing_guidance_scale,
            num_inference_steps=num_inference_steps,
            chords=_asked_chords(draft, chords),
            on_step=on_step,
        )

    def spot(
        self,
        features: Features,
        direction: Direction | None = None,
        text: str = "",
        embedding: np.ndarray | None = None,
        cuts: CutList | None = None,
    ) -> CueSheet:
        """The cue sheet that the encoder proposes, or the rules where the model has none."""
        return spot_with(self.encoder, features, direction or Direction(), text, embedding, cuts)

    def _cue_sheet(
        self,
        footage: Footage,
        cue_sheet: CueSheet | None,
        direction: Direction | None,
        text: str,
        cuts: CutList | Path | str | None,
    ) -> CueSheet:
        """The cue sheet that was given, if it is one of this clip, else what spotting proposes."""
        if cue_sheet is None:
            if isinstance(cuts, str | Path):
                cuts = cut_list_of(cuts, footage.video)
            return self.spot(footage.features, direction, text, footage.embedding, cuts)
        video = footage.video
        if abs(cue_sheet.duration - video.duration) > 1 / video.frame_rate:
            raise PixMusError(
                f"The cue sheet is for a clip of {cue_sheet.duration:.2f} s, but "
                f"{video.path.name} lasts {video.duration:.2f} s; spot this clip instead."
            )
        return cue_sheet

    def _write(
        self,
        draft: Draft,
        hits: Sequence[PlacedHit],
        seed: int,
        asked: Asked,
        on_step: OnStep | None = None,
    ) -> tuple[Score, AccentReport]:
        """The score with its accents, which leave the last chords and kept notes as they are."""
        score = self.write(
            draft,
            seed=seed,
            guidance_scale=asked.guidance_scale,
            timing_guidance_scale=asked.timing_guidance_scale,
            num_inference_steps=asked.num_inference_steps,
            chords=asked.chords,
            on_step=on_step,
        )
        key, rings = draft.cue_sheet.key, draft.rings
        return accent(score, hits, key, draft.last_chords, draft.region, rings)

    def _check(self, score: Score, style: str) -> Check | None:
        """The score beside real music, or None where the model has no ranges of it."""
        return check_score(score, self.descriptor_ranges, style) if self.descriptor_ranges else None

    def _settings(
        self, asked: Asked, footage: Footage, draft: Draft, direction: Direction | None
    ) -> dict[str, Any]:
        """What the take is made with, for take.json; without a direction none was spotted with."""
        sheet = draft.cue_sheet
        return {
            **asked,
            "clip": name_as_text(footage.video.path),
            "notices": list(footage.notices),
            "timecode": footage.video.timecode,
            "cuts": sheet.reasons.get(CUT_LIST),
            "still_duration": asked.still_duration if footage.video.is_still else None,
            "keep": draft.facts,
            "direction": asdict(direction) if direction else None,
            "text": asked.text if direction else None,
            "key": sheet.key,
            "style": sheet.style,
            "ensemble": sheet.ensemble,
            "parts": list(sheet.parts),
            "scheduler": dict(self.scheduler.config),
        }

    def _reporter(
        self, callback: Callable[..., Any] | None, stages: Stages
    ) -> Callable[[int, int, Tensor], None]:
        """Progress of the sampling to the stage display and to a diffusers-style callback."""

        def report(step: int, total: int, x: Tensor) -> None:
            stages.progress((step + 1) / total)
            if callback is not None:
                callback(self, step, step / total, {"latents": x})

        return report


def _with_chords(sheet: CueSheet, score: Score, asked: Sequence[Chord | None]) -> CueSheet:
    """The cue sheet with the chords of the score's plan; those that were asked for are given."""
    told = told_chords(score, asked)
    return replace(sheet, chords=tuple(each for each in told if each.start < sheet.duration))


def _asked_chords(draft: Draft, chart: str) -> list[Chord | None]:
    """The chords that are asked for of every half bar: the chart's, else the cue sheet's."""
    tempo_map = draft.score.tempo_map
    return over_bars(read_chart(chart), len(tempo_map.bar_starts)) or given_over_bars(
        draft.cue_sheet.chords, tempo_map
    )


def _footage(
    clip: str | Path | Footage, asked: Asked, backbone: Backbone | str | Path | None
) -> Footage:
    """The clip, watched, where it was not before."""
    if isinstance(clip, Footage):
        return clip
    return watch(clip, asked.still_duration, backbone, asked.length, asked.tracks)


def _played(settings: dict[str, Any], playing: Renderer, stems: Stems) -> dict[str, Any]:
    """The settings with what played, and what of it a person shall hear."""
    said = {"notices": [*settings["notices"], *stems.notices]}
    return {**settings, **playing.settings, **said, "replayed": dict(stems.replayed)}


def _seed(seed: int | None, generator: torch.Generator | None) -> int:
    return int(torch.randint(2**31, (1,), generator=generator)) if seed is None else seed
