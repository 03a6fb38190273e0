"""What is spotted in a clip: by the encoder of a model, or by the rules, and by a cut list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixmus.cues.cut_list import CUT_LIST, CutList, unseen_picture, with_edits, with_marks
from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet, tidy_rate
from pixmus.cues.spotting import spot
from pixmus.cues.wishes import read_wishes
from pixmus.editors.read import read_cut_list
from pixmus.errors import PixMusError
from pixmus.model.folder import ENCODER, loading, model_folder
from pixmus.picture.features import Features
from pixmus.picture.timecode import Counting

if TYPE_CHECKING:
    from pixmus.cues.encoder import ConditioningEncoder
    from pixmus.picture.video import Video


def load_encoder(
    model: str | Path | None = None, revision: str | None = None
) -> ConditioningEncoder | None:
    """The encoder of a model, if it has one; the model is named as in `from_pretrained`.

    Nothing else of the model is read, so this is quick.
    """
    folder, _ = model_folder(model, revision)
    if not (folder / ENCODER).is_dir():
        return None
    # Spotting by the rules goes without torch, and by the encoder without all that composes.
    from pixmus.cues.encoder import ConditioningEncoder
    from pixmus.diffusers_base import diffusers_logging

    diffusers_logging.disable_progress_bar()
    with loading(folder):
        return ConditioningEncoder.from_pretrained(folder / ENCODER)


def spot_with(
    encoder: ConditioningEncoder | None,
    features: Features,
    direction: Direction,
    text: str = "",
    embedding: np.ndarray | None = None,
    cut_list: CutList | None = None,
) -> CueSheet:
    """What `encoder` proposes for features, or the rules where there is none.

    The cuts and markers of a `cut_list`, placed on the clip, are obeyed.
    """
    if cut_list is not None:
        cut_list = cut_list.within(features.duration, float(1 / features.frame_rate))
        features = with_edits(features, cut_list)
    wishes = read_wishes(text)
    if encoder is not None:
        sheet = encoder.spot(features, direction, wishes, embedding)
    elif embedding is not None:
        raise PixMusError(
            "This model has no encoder, so it cannot use an image backbone; leave --backbone out."
        )
    else:
        sheet = spot(features, direction, wishes)
    return sheet if cut_list is None else with_marks(sheet, cut_list)


def spot_unseen(
    cut_list: CutList, rate: Counting, direction: Direction, text: str = ""
) -> CueSheet:
    """The cue sheet of a placed cut list alone, by the rules: nothing is known of the looks."""
    features = unseen_picture(cut_list, tidy_rate(rate.rate))
    sheet = spot_with(None, features, direction, text, cut_list=cut_list)
    told = tuple(name for name in sheet.inputs if name in ("cuts", "direction", "text", CUT_LIST))
    return replace(sheet, inputs=told)


def cut_list_of(
    path: str | Path,
    video: Video,
    rate: str | None = None,
    start: str | None = None,
    with_seen: bool = False,
) -> CutList:
    """The cut list of a clip, placed on it; `rate` and `start` as a person writes them.

    Timecodes count by `rate`, else by the list's own words, else by the clip's frame rate.
    """
    counting = counting_of(rate)
    if counting is None and video.frame_rate.denominator in (1, 1001):
        counting = Counting(video.frame_rate)
    found = read_cut_list(path, counting, start, video.timecode)
    return replace(found, with_seen=with_seen)


def read_alone(
    path: str | Path, rate: str | None, start: str | None, end: str | None
) -> tuple[CutList, Counting]:
    """A cut list without a clip, placed on its own programme, and how it counts frames.

    `end` is the timecode at which the programme ends, where the list does not say so.
    """
    counting = counting_of(rate)
    found = read_cut_list(path, counting, start)
    counting = found.counting or counting
    if counting is None:
        raise PixMusError(
            f"{found.name} does not say its frame rate; say it with --rate, such as 25 or 29.97df."
        )
    if end is None:
        return found, counting
    try:
        last = counting.seconds(counting.count(end))
    except ValueError as error:
        raise PixMusError(f"The end of the programme is wrong: {error}.") from error
    return replace(found, end=last - found.origin), counting


def counting_of(rate: str | None) -> Counting | None:
    """How frames are counted at a rate that a person wrote; None where nobody did."""
    if rate is None:
        return None
    try:
        return Counting.read(rate)
    except ValueError as error:
        raise PixMusError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
