"""General MIDI programmes: which one plays each part here, and the ensemble that a file names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pixmus.ensembles import ENSEMBLES
from pixmus.score.midi_events import read_midi_events
from pixmus.score.midi_parts import FAMILY
from pixmus.sound.renderer import Renderer, find_renderer
from pixmus.sound.soundfont import SoundFontRenderer


def programs_of(
    ensemble: str, parts: Iterable[str], renderer: Renderer | str | None = None
) -> dict[str, int]:
    """The General MIDI programme that plays each part of an ensemble here.

    A renderer that plays no programmes leaves each voice the first one that it wishes for.
    """
    voices = {part: ENSEMBLES[ensemble].voice(part) for part in parts}
    chosen = find_renderer(renderer)
    if isinstance(chosen, SoundFontRenderer):
        return {part: chosen.sound_of(voice).program for part, voice in voices.items()}
    return {part: voice.programs[0] for part, voice in voices.items()}


def ensemble_of(midi_path: str | Path, parts: Iterable[str]) -> str:
    """The ensemble whose programmes a MIDI file names most; of equals, the smallest that fits."""
    parts = list(parts)
    named: dict[str, int] = {}
    for track in read_midi_events(midi_path).tracks:
        if track.programs:
            named.setdefault(track.name.strip().lower(), track.programs[0])

    def fit(ensemble: str) -> tuple[int, int, int]:
        programs = programs_of(ensemble, parts)
        agreed = sum(named.get(part) == program for part, program in programs.items())
        missing = len(set(parts) - set(ENSEMBLES[ensemble].parts))
        return agreed, -missing, -len(ENSEMBLES[ensemble].parts)

    return max(ENSEMBLES, key=fit)


def ensemble_for(programs: Mapping[str, int], parts: Iterable[str]) -> str:
    """The ensemble whose players are of the same families of programmes as a file's parts.

    Of equals the one that lacks fewest of the `parts`, then the smallest.
    """
    parts = list(parts)

    def fit(ensemble: str) -> tuple[int, int, int]:
        players = ENSEMBLES[ensemble]
        alike = sum(
            any(program // FAMILY == own // FAMILY for own in players.voice(part).programs)
            for part, program in programs.items()
            if part in players.parts
        )
        missing = len(set(parts) - set(players.parts))
        return alike - missing, -missing, -len(players.parts)

    return max(ENSEMBLES, key=fit)
