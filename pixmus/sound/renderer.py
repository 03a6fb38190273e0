"""`Renderer`: what turns a score into sound (`pixmus.renderers` lists them by name).

Conventions: stems are waveforms (2, samples) at 44.1 kHz; times are seconds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pixmus.choices import RENDERER, RENDERER_MODEL, RENDERER_PROMPT, RENDERER_STRENGTH
from pixmus.compose.accents import choose_accents
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import ENSEMBLES, Ensemble
from pixmus.errors import PixMusError
from pixmus.renderers import make_renderer
from pixmus.score.notes import Score
from pixmus.score.spans import hits_in_cues, place_hits
from pixmus.sound.performance import Timed
from pixmus.sound.stems import Stems

OnShare = Callable[[float], None]  # the share of the work that is done; raising ends the work


class Renderer(Protocol):
    """Makes the stems of scores; no call hears anything of another.

    `str()` of it names it in a report. A renderer that has programmes of General MIDI may have
    `sound_of` too (see `programs`); the `render` of one that takes long may take `on_share`.
    """

    @property
    def settings(self) -> Mapping[str, str]:
        """What plays, for take.json."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of what it plays with, by name, for take.json."""

    def render(
        self,
        score: Score,
        players: Ensemble,
        *,
        hits: Sequence[Timed] = (),
        strokes: Sequence[Timed] = (),
        cue_sheet: CueSheet | None = None,
        seed: int = 0,
    ) -> Stems:
        """The stem of every part that has notes.

        With a cue sheet the stems are as long as the picture, follow its energy curve and fall
        silent at the end of each cue. Notes on `hits` are played exactly in time; at `strokes`,
        the accents among them, all parts are stressed. `seed` is how it is played.
        """


def find_renderer(wanted: Renderer | str | None = None) -> Renderer:
    """The renderer of a name, else the default; one that is given itself is returned as it is.

    Raises `PixMusError` where there is none of that name or what it needs is not installed.
    """
    if wanted is not None and not isinstance(wanted, str):
        return wanted
    made: Renderer = make_renderer(wanted)
    return made


def asked_renderer(asked: Mapping[str, Any]) -> Renderer:
    """The renderer that the choices name, with what they say to it; else the default."""
    made: Renderer = make_renderer(
        asked.get(RENDERER.name),
        asked.get(RENDERER_MODEL.name) or None,
        asked.get(RENDERER_STRENGTH.name),
        asked.get(RENDERER_PROMPT.name) or "",
    )
    return made


def render(
    score: Score,
    ensemble: str | None = None,
    *,
    renderer: Renderer | str | None = None,
    cue_sheet: CueSheet | None = None,
    hits: Sequence[Timed] | None = None,
    strokes: Sequence[Timed] = (),
    seed: int = 0,
    on_share: OnShare | None = None,
) -> Stems:
    """The stems of a score, played by an ensemble, else the cue sheet's.

    Without `hits` they are the cue sheet's hit points that lie on the score's grid, and `strokes`
    the accents among them. Raises `PixMusError` for an ensemble that is not there.
    """
    ensemble = ensemble or (cue_sheet.ensemble if cue_sheet else next(iter(ENSEMBLES)))
    if ensemble not in ENSEMBLES:
        raise PixMusError(f"there is no ensemble {ensemble!r}: choose {', '.join(ENSEMBLES)}")
    if hits is None:
        placed = place_hits(score.tempo_map, hits_in_cues(cue_sheet)) if cue_sheet else []
        hits, strokes = placed, choose_accents(placed)
    playing = find_renderer(renderer)
    heard: dict[str, Any] = {}
    if on_share is not None and "on_share" in inspect.signature(playing.render).parameters:
        heard["on_share"] = on_share
    return playing.render(
        score,
        ENSEMBLES[ensemble],
        hits=hits,
        strokes=strokes,
        cue_sheet=cue_sheet,
        seed=seed,
        **heard,
    )
