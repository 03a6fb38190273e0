"""Keys: their names, how a person may spell them, and what a name says."""

from __future__ import annotations

import re

TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"♯": "#", "♭": "b", "\N{MUSICAL SYMBOL DOUBLE SHARP}": "##", " sharp": "#",
                "-sharp": "#", " flat": "b", "-flat": "b"}  # fmt: skip
_TONIC = re.compile(r"([A-G])([#b]*)")
_MODES = {"maj": "major", "min": "minor"}


def pitch_class(name: str) -> int:
    """The pitch class, C = 0, of a letter with any accidentals: "C#", "B♭", "E##", "A flat".

    ValueError where it is none.
    """
    for sign, plain in _ACCIDENTALS.items():
        name = name.replace(sign, plain)
    found = _TONIC.fullmatch(name[:1].upper() + name[1:])
    if found is None:
        raise ValueError(f"{name!r} names no pitch")
    return (_LETTERS[found[1]] + found[2].count("#") - found[2].count("b")) % 12


def spell_key(text: str) -> str:
    """`text` as one of `KEYS`, whatever its spelling: "c# Minor" is "Db minor", "Cb major" B major.

    ValueError where it is no key.
    """
    tonic, _, mode = text.strip().lower().rpartition(" ") if isinstance(text, str) else ("",) * 3
    try:
        key = f"{TONICS[pitch_class(tonic.strip())]} {_MODES.get(mode, mode)}"
    except ValueError:
        key = ""
    if key in KEYS:
        return key
    raise ValueError(f'the key {text!r} is none; write it like "C major", "F# minor" or "Bb major"')


def key_tonic(key: str) -> int:
    """The pitch class of a key's tonic, C = 0."""
    return TONICS.index(spell_key(key).split()[0])


def key_is_major(key: str) -> bool:
    """Whether the key is a major one."""
    return spell_key(key).endswith("major")


def transposition(key: str) -> int:
    """Semitones, -6 to 5, from C major or A minor, in which the model writes, to a key."""
    home = 0 if key_is_major(key) else 9
    return (key_tonic(key) - home + 6) % 12 - 6
