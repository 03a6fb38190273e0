"""Who plays: `Part`, `Style` and `Ensemble`, each with everything that is known of it.

An ensemble is added here and nowhere else (`add_ensemble` does it while a program runs): spotting,
the wish box, the command line, the page, the sound and the check of a take read this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from pixmus.curves import Curve
from pixmus.errors import PixMusError

# General MIDI's numbers of drums.
KICK, SNARE, CLOSED_HAT, OPEN_HAT, CRASH, RIDE = 36, 38, 42, 46, 49, 51
# The nine drums that the drums part may play, in the order of its piano-roll rows.
DRUM_NAMES = {
    KICK: "kick",
    SNARE: "snare",
    CLOSED_HAT: "closed hat",
    OPEN_HAT: "open hat",
    45: "low tom",
    48: "mid tom",
    50: "high tom",
    CRASH: "crash",
    RIDE: "ride",
}
DRUM_PITCHES = tuple(DRUM_NAMES)


class Part(StrEnum):
    """One instrument's notes, by its name; in the order of the piano-roll."""

    MELODY = "melody"
    COUNTER = "counter"
    HARMONY = "harmony"
    BASS = "bass"
    PAD = "pad"
    DRUMS = "drums"

    @property
    def lowest_pitch(self) -> int:
        """A pitched part plays from here; a note outside its range moves by octaves."""
        return _PART_FACTS[self].lowest_pitch

    @property
    def num_pitches(self) -> int:
        """How many pitches it plays; of the drums, how many drums."""
        return _PART_FACTS[self].num_pitches

    @property
    def has_one_voice(self) -> bool:
        """Whether it plays one note at a time."""
        return _PART_FACTS[self].has_one_voice

    @property
    def onset_weight(self) -> float:
        """How much an onset weighs beside other parts'; slow attacks weigh little."""
        return _PART_FACTS[self].onset_weight

    @property
    def colour(self) -> str:
        """In every picture: Okabe and Ito's colour-blind-safe set (2008), drums in grey."""
        return _PART_FACTS[self].colour


@dataclass(frozen=True)
class _PartFacts:
    lowest_pitch: int
    num_pitches: int
    has_one_voice: bool
    onset_weight: float
    colour: str


_PART_FACTS = {
    Part.MELODY: _PartFacts(48, 48, True, 1.0, "#d55e00"),
    Part.COUNTER: _PartFacts(48, 48, True, 0.8, "#cc79a7"),
    Part.HARMONY: _PartFacts(36, 60, False, 0.8, "#0072b2"),
    Part.BASS: _PartFacts(24, 36, True, 1.2, "#009e73"),
    Part.PAD: _PartFacts(36, 48, False, 0.2, "#8fc7ea"),
    Part.DRUMS: _PartFacts(0, len(DRUM_PITCHES), False, 1.0, "#59616d"),
}
# Names, as scores and cue sheets have them; `Part(name)` is the part.
PARTS: tuple[str, ...] = tuple(Part)
PITCHED: tuple[str, ...] = tuple(part for part in Part if part != Part.DRUMS)
ONE_VOICE_PARTS: tuple[str, ...] = tuple(part for part in Part if part.has_one_voice)


class Style(StrEnum):
    """What the music is like, by the corpus that it was learned from."""

    POP = "pop"
    SONG = "song"
    QUARTET = "quartet"
    GAME = "game"

    @property
    def players(self) -> tuple[str, str]:
        """The ensembles that play it where only the style is known: a calm and a busy one."""
        return {
            Style.POP: (PIANO.name, BAND.name),
            Style.SONG: (PIANO.name, PIANO.name),
            Style.QUARTET: (STRINGS.name, STRINGS.name),
            Style.GAME: (PIANO.name, BAND.name),
        }[self]

    @property
    def has_dynamics(self) -> bool:
        """Whether its corpus says how hard a note is struck."""
        return self in (Style.POP, Style.GAME)


STYLES: tuple[str, ...] = tuple(Style)

LARGEST_ADVANCE_S = 0.080  # a note starts at most this much earlier than written
FAST_ATTACK_S = 0.020
DRUM_BANK = 128


@dataclass(frozen=True)
class Voice:
    """How a part is played: General MIDI programmes in order of wish, level, place, room."""

    programs: tuple[int, ...]  # the first one whose attack is short enough in this font is taken
    level_db: float = 0.0  # loudness of the stem against the melody's
    pan: float = 0.0  # -1 left, 1 right
    send_db: float = -10.0  # energy of the room against the dry sound
    high_pass_hz: float = 0.0
    expression_db: float = 2.0  # louder at energy 1, softer at energy 0
    attack_limit: float = LARGEST_ADVANCE_S
    attack_pitch: int = 60  # where the part mostly plays
    accent: int = 46  # harp: doubles a slow attack on a hit point
    bank: int = 0
    width: float = 1.0  # of what the SoundFont has in stereo; 0 is one point
    roll_ms: float = 0.0  # between the notes of a chord, from below; not on hits
    low_pass_hz: float = 0.0
    low_mid_db: float = 0.0  # around 250 Hz, where parts pile up
    tie_ms: float = 0.0  # a held note of a line sounds on into the next one; quick ones end sooner


@dataclass(frozen=True)
class Room:
    """A synthetic room: seconds until it has fallen by 60 dB, and the wait before it starts."""

    decay: float = 1.4
    predelay: float = 0.015


# General MIDI: 0 grand piano, 4 electric piano, 8 celesta, 9 glockenspiel, 10 music box,
# 11 vibraphone, 14 tubular bells, 24 and 25 guitars, 32 and 33 basses, 43 contrabass, 45 pizzicato,
# 46 harp, 48 to 51 string ensembles, 60 horn, 73 flute, 89 to 95 pads. Levels were set on the
# measured balance of a hand-written score: the melody 2 to 4 dB above harmony and pad together.
STRING_PROGRAMS = (48, 49, 50)
GRAND = Voice((0,), expression_db=1.5, roll_ms=5.0)
SECTION = Voice(
    STRING_PROGRAMS,
    send_db=-8.0,
    expression_db=4.0,
    high_pass_hz=110.0,
    attack_limit=0.1,
    width=0.75,
    tie_ms=40.0,
)  # what is beyond 80 ms stays late
# FluidR3's contrabass (43) falls silent above C3; the string section is even over the whole range.
LOW_STRINGS = Voice(
    STRING_PROGRAMS, -4.0, 0.08, -12.0, 0.0, 3.0, attack_limit=0.13, attack_pitch=48, tie_ms=40.0
)
USUAL: Mapping[str, Voice] = {
    Part.MELODY: replace(GRAND, pan=0.08, high_pass_hz=90.0),
    Part.COUNTER: replace(SECTION, level_db=-5.0, pan=-0.3, high_pass_hz=150.0),
    Part.HARMONY: replace(GRAND, level_db=-3.0, pan=-0.15, high_pass_hz=90.0),
    Part.BASS: replace(GRAND, level_db=-4.5, pan=0.0, send_db=-16.0, width=0.3),
    Part.PAD: replace(SECTION, level_db=-8.0, pan=0.2, high_pass_hz=150.0),
    Part.DRUMS: Voice((0,), level_db=-4.0, send_db=-16.0, expression_db=1.5, bank=DRUM_BANK),
}


@dataclass(frozen=True)
class Ensemble:
    """Who plays together, how each part sounds, in what room, and the words that ask for it.

    `voices` says how a part is played where that is not `USUAL`; any part may be rendered, only
    `parts` are composed. `words` are groups joined by spaces, words of one group by `_`; the name
    itself is always one. `asks` is what those words ask of the curves besides. `instead` names who
    may play where another take is to differ, near in mood, the nearest first.
    """

    name: str
    parts: tuple[str, ...]
    style: Style
    voices: Mapping[str, Voice] = field(default_factory=dict)
    room: Room = Room()
    words: str = ""
    asks: Mapping[str, float] = field(default_factory=dict)
    asks_style: bool = False  # whether its words ask for its style too
    instead: tuple[str, ...] = ()

    def voice(self, part: str) -> Voice:
        """How a part is played."""
        return self.voices.get(part) or USUAL[part]


PIANO = Ensemble(
    "piano",
    (Part.MELODY, Part.HARMONY, Part.BASS),
    Style.SONG,
    words="pianos",
    instead=("felt piano", "piano and strings"),
)
STRINGS = Ensemble(
    "strings",
    (Part.MELODY, Part.COUNTER, Part.HARMONY, Part.BASS),
    Style.QUARTET,
    {
        Part.MELODY: replace(SECTION, pan=-0.3, high_pass_hz=150.0),
        Part.COUNTER: replace(SECTION, level_db=-5.0, pan=0.25, high_pass_hz=130.0),
        Part.HARMONY: replace(SECTION, level_db=-5.0, pan=0.05),
        Part.BASS: LOW_STRINGS,
    },
    Room(1.8, 0.020),
    words="violin violins cello",
    instead=("strings and choir", "piano and strings"),
)
PIANO_AND_STRINGS = Ensemble(
    "piano and strings",
    (Part.MELODY, Part.HARMONY, Part.BASS, Part.PAD),
    Style.POP,  # of the corpora only pop songs have pads throughout
    {Part.PAD: replace(SECTION, level_db=-6.5, pan=0.1)},
    Room(1.7, 0.018),
    instead=("strings and choir", "piano"),
)
ORCHESTRA = Ensemble(
    "orchestra",
    (Part.MELODY, Part.COUNTER, Part.HARMONY, Part.BASS, Part.PAD),
    Style.POP,
    {
        Part.MELODY: replace(SECTION, pan=-0.25, high_pass_hz=150.0),
        Part.COUNTER: replace(SECTION, programs=(60, 48), level_db=-5.0, pan=0.2),
        Part.HARMONY: Voice((46,), -5.0, -0.15, -9.0, 90.0, expression_db=2.0, roll_ms=12.0),
        Part.BASS: LOW_STRINGS,
        Part.PAD: replace(SECTION, level_db=-8.0, pan=0.15),
    },
    Room(2.0, 0.022),
    words="orchestral symphonic cinematic film",
    instead=("strings and choir", "piano and strings"),
)
BAND = Ensemble(
    "band",
    (Part.MELODY, Part.HARMONY, Part.BASS, Part.DRUMS),
    Style.POP,
    {
        Part.HARMONY: Voice(
            (25, 24),
            -2.5,
            -0.2,
            -13.0,
            100.0,
            1.5,
            FAST_ATTACK_S,
            low_mid_db=-4.0,
            roll_ms=8.0,
        ),
        Part.BASS: Voice((33, 32), -3.0, 0.0, -24.0, expression_db=1.5, low_mid_db=-3.0),
    },
    Room(0.9, 0.010),
    words="rock",
    asks={Curve.ENERGY: 0.2},
    asks_style=True,
    instead=("acoustic guitar", "orchestra"),
)
AMBIENT = Ensemble(
    "ambient",
    (Part.MELODY, Part.HARMONY, Part.PAD),
    Style.POP,
    {
        Part.MELODY: Voice((11, 4), 0.0, 0.05, -6.0, 120.0, 2.0, FAST_ATTACK_S),
        Part.HARMONY: Voice((4, 0), -3.5, -0.1, -8.0, 90.0, 2.0, FAST_ATTACK_S, low_mid_db=-3.0),
        Part.PAD: Voice((89, 91, 95), -7.0, 0.0, -7.0, 110.0, 4.0, low_mid_db=-3.0),
    },
    Room(2.8, 0.025),
    words="atmospheric synth pads",
    instead=("felt piano", "strings and choir"),
)
MUSIC_BOX = Ensemble(
    "music box",
    (Part.MELODY, Part.HARMONY),
    Style.POP,
    {
        Part.MELODY: Voice((10, 8, 9), 0.0, 0.05, -8.0, 150.0, 1.0, FAST_ATTACK_S),
        Part.HARMONY: Voice(
            (46, 8), -2.5, -0.1, -9.0, 90.0, 1.0, FAST_ATTACK_S, low_mid_db=-3.0, roll_ms=12.0
        ),
    },
    Room(1.6, 0.015),
    words="celesta lullaby",
    asks={Curve.ENERGY: -0.3},
    instead=("mallets", "acoustic guitar"),
)

_FELT = replace(GRAND, low_pass_hz=1800.0, expression_db=2.5, roll_ms=9.0, send_db=-12.0)
FELT_PIANO = Ensemble(
    "felt piano",
    PIANO.parts,
    Style.SONG,
    {
        Part.MELODY: replace(_FELT, pan=0.05, high_pass_hz=90.0),
        Part.HARMONY: replace(_FELT, level_db=-4.0, pan=-0.08, high_pass_hz=90.0, low_mid_db=-2.0),
        Part.BASS: replace(_FELT, level_db=-6.0, pan=0.0, width=0.3, send_db=-16.0),
    },
    Room(1.1, 0.012),
    words="felt intimate",
    asks={Curve.ENERGY: -0.3},
    instead=("piano", "ambient"),
)
ACOUSTIC_BASS = Voice((32,), -4.5, 0.0, -18.0, expression_db=1.5)
ACOUSTIC_GUITAR = Ensemble(
    "acoustic guitar",
    PIANO.parts,
    Style.POP,
    {
        Part.MELODY: Voice((25,), 0.0, 0.1, -11.0, 100.0, 2.0, FAST_ATTACK_S),
        Part.HARMONY: Voice(
            (24,), -2.0, -0.15, -12.0, 90.0, 2.0, FAST_ATTACK_S, low_mid_db=-2.0, roll_ms=10.0
        ),
        Part.BASS: ACOUSTIC_BASS,
    },
    Room(1.0, 0.010),
    words="guitar guitars acoustic folk",
    instead=("piano", "mallets"),
)
MALLETS = Ensemble(
    "mallets",
    PIANO.parts,
    Style.POP,
    {
        Part.MELODY: Voice((12,), 0.0, 0.1, -10.0, 150.0, 2.0, FAST_ATTACK_S),
        Part.HARMONY: Voice((11, 12), -2.5, -0.15, -10.0, 90.0, 2.0, FAST_ATTACK_S, roll_ms=4.0),
        Part.BASS: ACOUSTIC_BASS,
    },
    Room(1.3, 0.014),
    words="marimba vibraphone xylophone",
    instead=("acoustic guitar", "music box"),
)
STRINGS_AND_CHOIR = Ensemble(
    "strings and choir",
    PIANO_AND_STRINGS.parts,
    Style.POP,
    {
        Part.MELODY: replace(SECTION, pan=-0.15, high_pass_hz=150.0),
        Part.HARMONY: Voice((46,), -5.0, -0.15, -9.0, 90.0, expression_db=2.0, roll_ms=12.0),
        Part.BASS: LOW_STRINGS,
        Part.PAD: replace(SECTION, programs=(52,), level_db=-6.0, pan=0.1, attack_limit=0.15),
    },
    Room(2.4, 0.025),
    words="choir choral sacred",
    instead=("strings", "orchestra"),
)

# FluidR3's solo strings swell over a quarter of a second, as bows do; they are heard at once.
SOLO = Voice((40,), 0.0, 0.0, -9.0, 150.0, 3.0, attack_limit=0.3, width=0.6, tie_ms=60.0)
CELLO = replace(SOLO, programs=(42,), high_pass_hz=60.0, attack_pitch=52)
STRING_QUINTET = Ensemble(
    "string quintet",
    STRINGS.parts,
    Style.QUARTET,
    {
        Part.MELODY: replace(SOLO, pan=-0.3, attack_pitch=67),
        Part.COUNTER: replace(SOLO, programs=(41,), level_db=-4.0, pan=0.3, high_pass_hz=130.0),
        Part.HARMONY: replace(SOLO, programs=(41,), level_db=-5.0, pan=-0.05, high_pass_hz=110.0),
        Part.BASS: replace(CELLO, level_db=-3.0, pan=0.08, send_db=-13.0, high_pass_hz=0.0),
    },
    Room(1.5, 0.016),
    words="quintet",
    instead=("strings", "chamber"),
)
CHAMBER = Ensemble(
    "chamber",
    STRINGS.parts,
    Style.POP,
    {
        Part.MELODY: replace(SOLO, programs=(71,), pan=0.15, high_pass_hz=120.0, send_db=-8.0),
        Part.COUNTER: replace(CELLO, level_db=-4.0, pan=-0.25),
        Part.HARMONY: Voice((46,), -4.0, 0.25, -9.0, 90.0, expression_db=2.0, roll_ms=10.0),
        Part.BASS: replace(GRAND, level_db=-5.0, pan=-0.05, width=0.5, send_db=-13.0),
    },
    Room(1.6, 0.016),
    words="clarinet",
    asks={Curve.ENERGY: -0.1},
    instead=("string quintet", "piano and strings"),
)
HYBRID = Ensemble(
    "hybrid",
    BAND.parts,
    Style.POP,
    {
        Part.MELODY: replace(SECTION, pan=-0.2, high_pass_hz=150.0),
        Part.HARMONY: Voice(
            (38,), -4.0, 0.15, -11.0, 140.0, 2.0, FAST_ATTACK_S, low_pass_hz=2200.0
        ),
        Part.BASS: replace(LOW_STRINGS, level_db=-3.0),
        # What is left of a kit below its cymbals, far back in the room, is one of large drums.
        Part.DRUMS: Voice(
            (0,), -3.0, 0.0, -8.0, expression_db=2.0, bank=DRUM_BANK, low_pass_hz=450.0
        ),
    },
    Room(2.2, 0.022),
    words="taiko pulse pulsing",
    asks={Curve.ENERGY: 0.2},
    instead=("orchestra", "band"),
)
DARK_DRONE = Ensemble(
    "dark drone",
    PIANO_AND_STRINGS.parts,
    Style.POP,
    {
        Part.MELODY: replace(CELLO, pan=-0.1, send_db=-5.0, low_pass_hz=2500.0),
        Part.HARMONY: replace(
            SECTION, programs=(52,), level_db=-5.0, attack_limit=0.15, low_pass_hz=900.0
        ),
        Part.BASS: replace(LOW_STRINGS, level_db=-2.0, send_db=-9.0, low_pass_hz=900.0),
        Part.PAD: Voice((91,), -5.0, 0.1, -5.0, 90.0, 4.0, low_pass_hz=1500.0),
    },
    Room(3.2, 0.028),
    words="drone drones",
    asks={Curve.ENERGY: -0.3, Curve.DENSITY: -0.4, Curve.VALENCE: -0.4, Curve.REGISTER: -0.3},
    instead=("ambient", "strings and choir"),
)

_ENSEMBLES: dict[str, Ensemble] = {}
ENSEMBLES: Mapping[str, Ensemble] = MappingProxyType(_ENSEMBLES)  # in the order they are offered


def add_ensemble(ensemble: Ensemble) -> None:
    """Offer an ensemble everywhere from now on; raises `PixMusError` where the name is taken."""
    if ensemble.name in _ENSEMBLES:
        raise PixMusError(f'There is an ensemble "{ensemble.name}" already; choose another name.')
    if not ensemble.parts or len(set(ensemble.parts)) != len(ensemble.parts):
        raise PixMusError(f'The ensemble "{ensemble.name}" needs parts, each of them once.')
    _ENSEMBLES[ensemble.name] = ensemble


def remove_ensemble(name: str) -> None:
    """Offer an ensemble no longer."""
    del _ENSEMBLES[name]


def pitched(parts: Iterable[str]) -> tuple[str, ...]:
    """The parts that have pitches, in their order."""
    return tuple(part for part in parts if part != Part.DRUMS)


for _ensemble in (
    *(PIANO, STRINGS, PIANO_AND_STRINGS, ORCHESTRA, BAND, AMBIENT, MUSIC_BOX),
    *(FELT_PIANO, ACOUSTIC_GUITAR, MALLETS, STRINGS_AND_CHOIR),
    *(STRING_QUINTET, CHAMBER, HYBRID, DARK_DRONE),
):
    add_ensemble(_ensemble)
