"""Keys: their names, how a person may spell them, and what a name says."""

from __future__ import annotations

TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)

_ENHARMONIC = {
    "C#": "Db", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb",
    "Cb": "B", "B#": "C", "E#": "F", "Fb": "E",
}  # fmt: skip


def spell_key(text: str) -> str:
    """`text` as one of `KEYS` ("c# Minor" is "Db minor"); ValueError where it is no key."""
    words = text.split() if isinstance(text, str) else []
    if len(words) == 2:
        tonic = words[0][:1].upper() + words[0][1:]
        key = f"{_ENHARMONIC.get(tonic, tonic)} {words[1].lower()}"
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
