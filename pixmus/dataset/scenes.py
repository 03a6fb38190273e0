"""The scenes that recipes name, and which of them suit the light."""

from __future__ import annotations

from pixmus.dataset.cityscapes import City, Lights, Shapes, Tunnel
from pixmus.dataset.landscapes import Clouds, Forest, Plain, Ridges, Sea
from pixmus.dataset.scene import Scene

SCENES: dict[str, type[Scene]] = {
    "ridges": Ridges, "sea": Sea, "clouds": Clouds, "city": City, "forest": Forest,
    "tunnel": Tunnel, "lights": Lights, "plain": Plain, "shapes": Shapes,
}  # fmt: skip
NIGHT_SCENES = ("city", "lights", "tunnel")  # that look well in the dark
DAY_SCENES = ("clouds", "shapes", "plain")  # that do not
