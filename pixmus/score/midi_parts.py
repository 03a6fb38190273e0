"""Which part plays what of any program's MIDI file, by General MIDI's programmes and by pitch.

A *player* is what one channel of one track plays. Programmes are numbered from 0 (General MIDI 1,
MIDI Manufacturers Association, RP-003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixmus.ensembles import PARTS, Part
from pixmus.score.notes import Note

DRUM_CHANNEL = 9
FAMILY = 8  # programmes
# What the 16 families of programmes play, where a piece leaves it open; effects play nothing.
FAMILY_PARTS = (
    Part.HARMONY, Part.HARMONY, Part.PAD, Part.HARMONY,  # pianos, mallets, organs, guitars
    Part.BASS, Part.MELODY, Part.PAD, Part.MELODY,  # basses, strings, sections and voices, brass
    Part.MELODY, Part.MELODY, Part.MELODY, Part.PAD,  # reeds, pipes, leads, pads
    Part.PAD, Part.HARMONY, Part.DRUMS, None,  # effects, plucked ones, drums, noises
)  # fmt: skip
LOW_PITCH = 45  # a line whose notes lie below A2 on average is a bass
ONE_VOICE = 1.15  # notes sounding at once, on average, up to which a player has one voice


@dataclass(frozen=True)
class Player:
    """What one channel of a track plays, in order of onset."""

    track: str  # its name
    channel: int
    program: int
    notes: tuple[Note, ...]

    @property
    def pitch(self) -> float:
        """The mean pitch of its notes."""
        return sum(note.pitch for note in self.notes) / len(self.notes)

    @property
    def num_voices(self) -> float:
        """How many notes sound at once, on average over the time in which any does."""
        sounding, covered, end = 0.0, 0.0, float("-inf")
        for note in sorted(self.notes):
            last = note.onset + note.duration
            sounding += note.duration
            covered += max(0.0, last - max(note.onset, end))
            end = max(end, last)
        return sounding / covered if covered else 0.0


def parts_of_players(players: Sequence[Player]) -> dict[str, list[Player]]:
    """The players of every part, in the order of `PARTS`.

    A track that is named after a part plays it, the drum channel the drums, any other what its
    family of programmes plays. Of those that play melodies the highest has the melody, others are
    counter-melodies. Where nothing has a melody, it is the highest player that has one voice; a
    low one of these is a bass. Noises are left out.
    """
    found: dict[str, list[Player]] = {part: [] for part in PARTS}
    for player in players:
        name = player.track.strip().lower()
        part = Part(name) if name in PARTS else FAMILY_PARTS[player.program // FAMILY]
        if player.channel == DRUM_CHANNEL:
            part = Part.DRUMS
        elif part == Part.MELODY and name not in PARTS and player.num_voices > ONE_VOICE + 1:
            part = Part.PAD  # a section that plays chords
        if part is not None and (part != Part.DRUMS or player.channel == DRUM_CHANNEL):
            found[part].append(player)
    lines = [p for p in found[Part.HARMONY] + found[Part.PAD] if p.num_voices <= ONE_VOICE]
    for player in lines:
        if not found[Part.BASS] and player.pitch < LOW_PITCH:
            _move(found, player, Part.BASS)
    if not found[Part.MELODY]:
        open_lines = [p for p in lines if p not in found[Part.BASS]]
        if open_lines:
            _move(found, max(open_lines, key=lambda p: p.pitch), Part.MELODY)
    melodies = sorted(found[Part.MELODY], key=lambda p: (p.track.lower() != Part.MELODY, -p.pitch))
    found[Part.MELODY], more = melodies[:1], melodies[1:]
    found[Part.COUNTER] += more
    return {part: those for part, those in found.items() if those}


def _move(found: dict[str, list[Player]], player: Player, part: str) -> None:
    for those in found.values():
        if player in those:
            those.remove(player)
    found[part].append(player)
