"""A small SoundFont of tones for tests."""

from __future__ import annotations

import numpy as np

from pixmus.sound.font_file import FontFile, Instrument, Preset, Sample, Zone

RATE = 22050
LEFT, RIGHT, MONO = 4, 2, 1


def tone(pitch: float, kind: int = MONO, link: int = 0, level: float = 0.5) -> Sample:
    """One second of a tone with three harmonics, headed as the nearest pitch."""
    time = np.arange(RATE) / RATE
    hz = 440.0 * 2 ** ((pitch - 69) / 12)
    pcm = sum(level / h * np.sin(2 * np.pi * h * hz * time) for h in (1, 2, 3))
    empty = Sample("tone", b"", False, (1000, 20000), RATE, round(pitch), 0, link, kind)
    return empty.with_pcm(np.asarray(pcm, np.float32) / 2)


def tone_font(program: int = 0, cents: float = 0.0) -> FontFile:
    """One stereo pair under a programme, soft notes under a filter, and a drum 36 of kit 0.

    The two sides differ in level; the instrument is attenuated by 5 dB and has a modulator.
    """
    left, right = tone(60 + cents / 100, LEFT, 1), tone(60 + cents / 100, RIGHT, 0, 0.2)
    modulator = (0x0502, 48, 960, 0, 0)
    general = Zone(((34, 0xE000), (36, 1200), (38, 600)), (modulator,))
    sides = tuple(
        Zone(((43, 24 | 96 << 8), (17, pan & 0xFFFF), (48, 50), (54, 1), (53, number)))
        for number, pan in ((0, -500), (1, 500))
    )
    drum = Zone(((43, 36 | 36 << 8), (54, 0), (53, 2)))
    presets = (
        Preset("Tone", 0, program, (
            Zone(((44, 0 | 63 << 8), (8, (-2400) & 0xFFFF), (41, 0))),
            Zone(((44, 64 | 127 << 8), (41, 0))),
        )),
        Preset("Kit", 128, 0, (Zone(((41, 1),)),)),
    )  # fmt: skip
    instruments = (Instrument("Tone", (general, *sides)), Instrument("Drum", (drum,)))
    return FontFile(presets, instruments, (left, right, tone(36)))
