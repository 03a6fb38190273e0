"""`Wishes`: what a person's words ask of the music, by a vocabulary that can be read and extended.

`read_wishes("very dark, not too fast, no drums")` knows the words of `vocabulary()`, the degrees of
`DEGREES` and the negations of `NEGATIONS`; every other word is said back, none is guessed at.
Words move the proposals that the picture made; options such as `--tempo` win over words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pixmus.curves import Curve
from pixmus.ensembles import (
    AMBIENT,
    BAND,
    CHAMBER,
    ENSEMBLES,
    ORCHESTRA,
    STRING_QUINTET,
    Part,
    Style,
)

SHIFTED = (Curve.DENSITY, Curve.ENERGY, Curve.VALENCE, Curve.REGISTER)


@dataclass(frozen=True)
class Effect:
    """What a word does at degree 1.

    `tempo` is a power of `TEMPO_RATIO`; density, energy, valence and register say how much of the
    way to the end of their range the mean of the curve moves (-1..1).
    """

    tempo: float = 0.0
    density: float = 0.0
    energy: float = 0.0
    valence: float = 0.0
    register: float = 0.0
    ensemble: str | None = None
    style: str | None = None
    major: bool | None = None
    part: str | None = None  # a part that "no ..." leaves out


TEMPO_RATIO = 1.25

# The vocabulary. Values are judgements of what a musician would do on reading the word; the
# adjectives of mood stand where Hevner (1936, "Experimental studies of the elements of expression
# in music", Am. J. Psychol. 48) and Russell's circumplex (1980) put them.
_MEANINGS: tuple[tuple[str, Effect], ...] = (
    # tempo
    ("fast quick quickly faster allegro upbeat speedy swift brisk", Effect(tempo=1.0, energy=0.15)),
    ("presto rapid rushing hectic frantic breathless racing", Effect(tempo=1.6, energy=0.35,
     density=0.3)),
    ("slow slowly slower adagio unhurried leisurely lazy", Effect(tempo=-1.0, energy=-0.15)),
    ("largo lento", Effect(tempo=-1.6, energy=-0.2)),
    ("andante moderate", Effect(tempo=-0.3)),
    # light and dark
    ("dark darker darkly darkness gloomy gloom shadowy night nocturnal", Effect(valence=-0.5,
     register=-0.2)),
    ("sombre somber brooding bleak desolate grim lonely", Effect(valence=-0.6, energy=-0.2,
     tempo=-0.4)),
    ("sad sadder sadly sadness sorrow sorrowful tragic tragedy mournful grief heartbreaking",
     Effect(valence=-0.6, energy=-0.3, tempo=-0.8)),
    ("melancholic melancholy wistful nostalgic nostalgia bittersweet longing reflective "
     "thoughtful", Effect(valence=-0.35, energy=-0.2)),
    ("ominous threatening menacing menace sinister eerie scary creepy horror spooky frightening "
     "terrifying haunting evil",
     Effect(valence=-0.7, register=-0.3)),
    ("tense tension suspense suspenseful nervous anxious anxiety uneasy thriller danger "
     "dangerous", Effect(valence=-0.4, energy=0.25)),
    ("angry anger furious rage aggressive fierce violent brutal", Effect(valence=-0.5,
     energy=0.6, density=0.3)),
    ("bright brighter brightly sunny sunshine radiant shining light", Effect(valence=0.5,
     register=0.2)),
    ("happy happier happily happiness joy joyful joyous cheerful merry jolly glad festive fun",
     Effect(valence=0.6, energy=0.2, tempo=0.4)),
    ("hopeful hope optimistic positive uplifting inspiring inspirational motivational",
     Effect(valence=0.5, energy=0.15)),
    ("playful funny comic comedy comedic quirky cute whimsical bouncy childlike silly cartoon",
     Effect(valence=0.4, energy=0.15, density=0.2, register=0.2)),
    ("romantic romance tender warm loving love sweet gentle gently delicate heartfelt",
     Effect(valence=0.3, energy=-0.25)),
    ("triumphant triumph victorious victory heroic hero majestic glorious noble",
     Effect(valence=0.5, energy=0.5, density=0.2)),
    # strength
    ("epic grand dramatic drama powerful big massive huge colossal battle blockbuster trailer",
     Effect(energy=0.6, density=0.3)),
    ("energetic energy exciting excited lively driving dynamic loud louder strong intense "
     "vigorous action adventure adventurous danceable",
     Effect(energy=0.5, density=0.2, tempo=0.4)),
    ("calm calmer calming calmly peaceful peace relaxing relaxed serene quiet quieter soft "
     "softer softly still soothing tranquil mellow",
     Effect(energy=-0.5, density=-0.3, tempo=-0.6)),
    ("dreamy dreamlike floating ethereal meditative meditation hypnotic spacious space underwater",
     Effect(energy=-0.4, density=-0.2, tempo=-0.5, ensemble=AMBIENT.name)),
    ("mysterious mystery mystical magical enigmatic strange weird", Effect(valence=-0.3,
     energy=-0.2)),
    # density and register
    ("busy busier dense full rich complex", Effect(density=0.5)),
    ("sparse sparser simple minimal minimalist empty bare", Effect(density=-0.5)),
    ("high higher", Effect(register=0.5)),
    ("low lower deep deeper", Effect(register=-0.5)),
    # mode
    ("major", Effect(major=True, valence=0.2)),
    ("minor", Effect(major=False, valence=-0.2)),
    # who plays
    ("string_quartet quartet", Effect(ensemble=STRING_QUINTET.name, style=Style.QUARTET)),
    ("lofi lo_fi chill chillout chilled laid_back",
     Effect(energy=-0.35, density=-0.15, tempo=-0.8, ensemble=BAND.name, style=Style.POP)),
    ("brass brassy trumpet trumpets horn horns trombone fanfare",
     Effect(energy=0.35, valence=0.1, ensemble=ORCHESTRA.name)),
    ("flute oboe woodwind woodwinds", Effect(energy=-0.1, ensemble=CHAMBER.name)),
    ("electronic electronica techno", Effect(energy=0.2, density=0.2, style=Style.GAME)),
    (Style.POP, Effect(style=Style.POP)),
    ("song lied lieder", Effect(style=Style.SONG)),
    ("game videogame chiptune arcade", Effect(style=Style.GAME)),
    ("drums drum percussion percussive beats", Effect(ensemble=BAND.name, part=Part.DRUMS)),
    (Part.BASS, Effect(part=Part.BASS)),
    (Part.PAD, Effect(ensemble=AMBIENT.name, part=Part.PAD)),
    (Part.MELODY, Effect(part=Part.MELODY)),
)  # fmt: skip


def _asking(curves: Mapping[str, float]) -> Effect:
    return Effect(
        energy=curves.get(Curve.ENERGY, 0.0),
        density=curves.get(Curve.DENSITY, 0.0),
        valence=curves.get(Curve.VALENCE, 0.0),
        register=curves.get(Curve.REGISTER, 0.0),
    )


def vocabulary() -> dict[str, Effect]:
    """Every word and phrase that is understood, those of the ensembles there are included."""
    players: list[tuple[str, Effect]] = [
        (
            f"{ensemble.name.replace(' ', '_')} {ensemble.words}",
            replace(
                _asking(ensemble.asks),
                ensemble=ensemble.name,
                style=ensemble.style if ensemble.asks_style else None,
            ),
        )
        for ensemble in ENSEMBLES.values()
    ]
    return {
        word.replace("_", " "): effect
        for words, effect in (*players, *_MEANINGS)
        for word in words.split()
    }


DEGREES = {
    "very": 1.5, "really": 1.5, "much": 1.5, "highly": 1.5, "strongly": 1.5,
    "extremely": 2.0, "super": 2.0, "ultra": 2.0,
    "rather": 0.8, "quite": 0.8, "fairly": 0.8, "pretty": 0.8, "more": 1.0, "too": 1.0, "so": 1.0,
    "slightly": 0.5, "somewhat": 0.5, "little": 0.5, "bit": 0.5, "touch": 0.5, "mildly": 0.5,
}  # fmt: skip
# A negated mood moves half as far the other way: "not dark" is no "bright".
NEGATIONS = {"not": -0.5, "no": -0.5, "without": -0.5, "never": -0.5, "less": -0.5, "non": -0.5}
# "not too fast" asks for a little less than "not fast" does.
NOT_TOO = -0.35
_FILLERS = """
    a an the and with of for in on to please some something like feel feeling mood music sound
    sounds sounding tempo key make it is be should i want would style piece track soundtrack score
    or as at this that my video clip picture scene plus then instruments instrument playing played
    solo only just kind sort"""
FILLERS = frozenset(_FILLERS.split())
CLAUSE_END = frozenset((",", ".", ";", ":", "!", "?", "but"))


@dataclass(frozen=True)
class Wishes:
    """What was asked for in words; the empty one asks for nothing."""

    text: str = ""
    tempo_factor: float = 1.0
    shifts: Mapping[str, float] = field(default_factory=dict)  # curve -> share of the way, -1..1
    ensemble: str | None = None
    style: str | None = None
    major: bool | None = None
    without: tuple[str, ...] = ()  # parts
    avoid: tuple[str, ...] = ()  # ensembles
    understood: tuple[str, ...] = ()  # phrases, as they were written
    not_understood: tuple[str, ...] = ()  # words

    def told(self) -> str:
        """One sentence a person can check: what was understood and what was not."""
        told = f"understood {', '.join(map(repr, self.understood))}" if self.understood else ""
        if self.not_understood:
            told += "; " if told else ""
            told += f"not understood {', '.join(map(repr, self.not_understood))}"
        return told or "nothing was asked"


NO_WISHES = Wishes()


def read_wishes(text: str) -> Wishes:
    """The wishes in `text`, lower or upper case, in any order."""
    tokens = re.findall(
        r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[.,;:!?]", text.lower().replace("n't", " not")
    )
    known = vocabulary()
    longest = max(len(phrase.split()) for phrase in known)
    tempo = 0.0
    shifts = dict.fromkeys(SHIFTED, 0.0)
    ensemble = style = major = None
    without: list[str] = []
    avoid: list[str] = []
    understood: list[str] = []
    unknown: list[str] = []
    negation: float | None = None
    degree, is_too = 1.0, False
    before: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        size = next(
            (
                size
                for size in range(longest, 0, -1)
                if " ".join(tokens[place : place + size]) in known
            ),
            0,
        )
        if size:
            phrase = " ".join(tokens[place : place + size])
            effect = known[phrase]
            amount = degree
            if negation is not None:
                amount = NOT_TOO if is_too else negation * degree
            tempo += amount * effect.tempo
            for name in SHIFTED:
                shifts[name] += amount * getattr(effect, name)
            if negation is None:
                ensemble = effect.ensemble or ensemble
                style = effect.style or style
                major = effect.major if effect.major is not None else major
            elif effect.part is not None:
                without.append(effect.part)
            else:
                avoid += [effect.ensemble] if effect.ensemble else []
                major = major if effect.major is None else not effect.major
            understood.append(" ".join([*before, phrase]))
            place += size
            if tokens[place : place + 1] != ["or"]:  # "not fast or loud" negates both
                negation = None
            degree, is_too, before = 1.0, False, []
            continue
        if token in NEGATIONS:
            negation = NEGATIONS[token]
            before.append(token)
        elif token in DEGREES:
            degree, is_too = DEGREES[token], token == "too"
            before.append(token)
        elif token in CLAUSE_END:
            negation, degree, is_too, before = None, 1.0, False, []
        elif token not in FILLERS:
            unknown.append(token)
            negation, degree, is_too, before = None, 1.0, False, []
        place += 1
    return Wishes(
        text=text.strip(),
        tempo_factor=round(TEMPO_RATIO ** max(-2.5, min(tempo, 2.5)), 4),
        shifts={name: max(-0.9, min(value, 0.9)) for name, value in shifts.items() if value},
        ensemble=ensemble,
        style=style,
        major=major,
        without=tuple(dict.fromkeys(without)),
        avoid=tuple(dict.fromkeys(avoid)),
        understood=tuple(understood),
        not_understood=tuple(dict.fromkeys(unknown)),
    )
