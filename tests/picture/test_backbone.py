"""The image backbone with a tiny CLIP of the real class, random weights; what cannot be had."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.picture.backbone import Backbone
from pixmus.picture.video import probe


def test_one_embedding_a_second_of_what_is_shown(
    tiny_clip: Path, paint_video: Callable[..., Path]
) -> None:
    backbone = Backbone.load(tiny_clip)
    found = backbone.embed(probe(paint_video([(2.0, 30), (2.5, (200, 40, 40))])))
    assert found.shape == (5, 768) and found.dtype == np.float32
    assert np.allclose(found[0], found[1], atol=0.02) and np.allclose(found[2], found[3], atol=0.02)
    assert np.abs(found[1] - found[2]).max() > 0.1


def test_a_still_is_looked_at_once(tiny_clip: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (90, 60), (20, 90, 160)).save(tmp_path / "still.png")
    found = Backbone.load(tiny_clip).embed(probe(tmp_path / "still.png", still_duration=3.0))
    assert found.shape == (3, 768) and (found == found[0]).all()


def test_the_shipped_encoder_reads_it(tiny_clip: Path, paint_video: Callable[..., Path]) -> None:
    from pixmus.cues.direction import Direction
    from pixmus.picture.footage import watch
    from pixmus.take.spotted import load_encoder, spot_with

    footage = watch(paint_video([(2.0, 30), (2.0, (200, 40, 40))]), backbone=tiny_clip)
    assert footage.embedding is not None
    sheet = spot_with(load_encoder(), footage.features, Direction(), "", footage.embedding)
    assert "embedding" in sheet.inputs
    with pytest.raises(PixMusError, match="no encoder.*leave --backbone out"):
        spot_with(None, footage.features, Direction(), "", footage.embedding)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda folder: folder, "holds no config.json"),
        (lambda folder: folder / "not" / "there" / "at all", "neither a folder here nor a Hub id"),
        (lambda folder: (folder / "config.json").write_text("{}") and folder, "could not be read"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(PixMusError, match=message) as caught:
        Backbone.load(make(tmp_path))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
