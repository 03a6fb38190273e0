"""`thesis_soundtrack`: a take whose music is sound of the thesis' system, without any notes."""

from __future__ import annotations

from typing import Any

from pixmus.asked import Asked
from pixmus.compose.accents import accent
from pixmus.compose.draft import Draft
from pixmus.picture.footage import Footage
from pixmus.sound.mix import blend, default_mode, mix
from pixmus.sound.stems import Stems
from pixmus.take.soundtrack import Soundtrack
from pixmus.take.stages import Stages
from pixmus.thesis.sounding import OnStep, thesis_hashes, thesis_sound


def thesis_soundtrack(
    footage: Footage,
    draft: Draft,
    settings: dict[str, Any],
    asked: Asked,
    seed: int,
    on_step: OnStep,
    stages: Stages,
) -> Soundtrack:
    """The take of a clip: cue sheet and tempo map as ever, an empty score, no stems.

    The choices of guidance and inference steps are the system's.
    """
    sheet = draft.cue_sheet
    with stages("compose"):
        waveform = thesis_sound(
            footage.video,
            asked.text,
            asked.num_inference_steps,
            asked.guidance_scale,
            seed,
            on_step,
        )
    with stages("mix"):
        music = mix({asked.engine: waveform}, sheet, sheet.duration)
        mode = asked.original_audio or default_mode(footage.audio)
        sound = blend(music, footage.audio, mode, asked.original_level_db)
    score, report = accent(draft.score, [])
    said = "This music is sound of the thesis' system: it has no notes, no stems and no hit points."
    return Soundtrack(
        video=footage.video,
        features=footage.features,
        cue_sheet=sheet,
        tempo_map=score.tempo_map,
        score=score,
        accent_report=report,
        check=None,
        stems=Stems(music.shape[1]),
        music=music,
        sound=sound,
        own_sound=footage.audio,
        thumbnails=footage.thumbnails,
        settings={
            **settings,
            "seed": seed,
            "original_audio": mode,
            "notices": [*settings["notices"], said],
        },
        hashes=thesis_hashes(),
        timings=dict(stages.seconds),
    )
