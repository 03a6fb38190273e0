"""Fonts are what they were after writing and reading, as PCM and as Vorbis."""

from dataclasses import replace

import numpy as np
import pytest
from fonts import tone_font

from pixmus.sound.font_file import SAMPLE, VELOCITY, Zone, read_font, signed, unsigned, write_font


def test_a_font_is_the_same_after_writing_and_reading(tmp_path):
    font = tone_font()
    write_font(tmp_path / "a.sf2", font, "Tones", "nobody")
    assert read_font(tmp_path / "a.sf2") == font
    again = read_font(tmp_path / "a.sf2")
    write_font(tmp_path / "b.sf2", again, "Tones", "nobody")
    assert (tmp_path / "a.sf2").read_bytes() == (tmp_path / "b.sf2").read_bytes()


def test_vorbis_keeps_the_sound_and_the_loop_and_is_smaller(tmp_path):
    font = tone_font()
    coded = replace(font, samples=tuple(s.with_pcm(s.pcm, 0.4) for s in font.samples))
    write_font(tmp_path / "a.sf3", coded, "Tones", "nobody")
    read = read_font(tmp_path / "a.sf3")
    for before, after in zip(font.samples, read.samples, strict=True):
        assert after.is_vorbis and after.loop == before.loop
        assert len(after.data) < len(before.data) / 2
        error = after.pcm - before.pcm
        assert np.square(error).mean() < 0.001 * np.square(before.pcm).mean()


@pytest.mark.parametrize("data", [b"", b"nothing of the kind" * 100, b"RIFF" + bytes(5000)])
def test_what_is_no_font_is_told(tmp_path, data):
    (tmp_path / "noise.sf2").write_bytes(data)
    with pytest.raises(ValueError, match="noise.sf2 is not a SoundFont"):
        read_font(tmp_path / "noise.sf2")


def test_a_changed_zone_keeps_the_order_of_the_specification():
    zone = Zone(((43, 127 << 8), (8, 9000), (SAMPLE, 3)))
    changed = zone.changed({VELOCITY: 64 | 127 << 8, 52: unsigned(-7)}, without=(8,))
    assert [number for number, _ in changed.generators] == [43, VELOCITY, 52, SAMPLE]
    assert signed(changed[52] or 0) == -7 and changed.range(VELOCITY) == (64, 127)
    assert Zone(()).range(VELOCITY) == (0, 127)
