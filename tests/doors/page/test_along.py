"""A result along time: what the page draws of an example, and of a score alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from pixmus.cues.sheet import CueSheet
from pixmus.doors.page.along import along, along_example
from pixmus.doors.page.showcase import EXAMPLES, find_examples
from pixmus.score.midi import read_midi

EXAMPLE = next(iter(find_examples(EXAMPLES)), None)


@pytest.mark.skipif(EXAMPLE is None, reason="there are no examples here")
def test_an_example_is_told_once_from_its_files(tmp_path: Path) -> None:
    assert EXAMPLE is not None
    path = along_example(EXAMPLE, tmp_path / "new")
    assert path is not None
    told = json.loads(path.read_text())
    sheet = CueSheet.load(EXAMPLE.outputs / "cues.json")
    assert told["cuts"] == [round(cut, 3) for cut in sheet.cuts]
    assert told["bars"] == sorted(told["bars"]) and set(told["bars"]) <= set(told["beats"])
    assert len(told["frames"]) == 16 and told["spectrogram"].startswith("data:image/jpeg")
    assert path.stat().st_size < 250_000
    before = path.stat().st_mtime_ns
    assert along_example(EXAMPLE, tmp_path / "new") == path
    assert path.stat().st_mtime_ns == before
    score = read_midi(EXAMPLE.outputs / "score.mid", unnamed_key=sheet.key)
    alone = json.loads(along(sheet, score, None, None, []))
    assert alone["parts"] == told["parts"] and "music" not in alone
    half = np.full((2, 44100), 0.5, np.float32)
    assert set(json.loads(along(sheet, score, half, half, []))["own"]) == {50}
