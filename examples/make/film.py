"""A small film studio: shots drawn by a fragment shader, cut together, developed and encoded.

A world is a GLSL file with `vec3 shade(vec2 pixel)`, the light that reaches a pixel, in linear
Rec. 709. `film.glsl` stands before it (camera, noise) and around it (smoothing of edges, bloom,
tone curve, dither). A shot is a span of film time with the uniforms of each instant; where two
shots overlap they dissolve. OpenGL runs in software (EGL, Mesa's llvmpipe), so no GPU is needed.

Conventions: times are seconds from the first frame, y points up, one unit is what the world says.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")  # the same pictures with and without a GPU

import av
import moderngl
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

HERE = Path(__file__).parent
FRAME_RATE = 24
SIZE = (640, 360)
STILL_SIZE = (1280, 720)
BT709 = 1  # the code of primaries, transfer and matrix in H.264's video usability information

Uniforms = Mapping[str, Any]


@dataclass(frozen=True)
class Shot:
    """What the camera sees from `start` to `end`; `at(time)` gives the shader's uniforms."""

    start: float
    end: float
    at: Callable[[float], Uniforms]


@dataclass(frozen=True)
class Film:
    """Shots in order. The next one starts where one ends (a cut) or before that (a dissolve)."""

    world: str  # a GLSL file of this folder
    shots: Sequence[Shot]
    crf: float = 23.0
    exposures: int = 1  # instants that one frame averages while the shutter is open; 1 is no blur
    shutter: float = 0.5  # share of a frame's time that it is open

    @property
    def duration(self) -> float:
        return self.shots[-1].end

    @property
    def cuts(self) -> list[float]:
        """Times of the first frame of each new shot that is not dissolved into."""
        pairs = zip(self.shots, self.shots[1:], strict=False)
        return [after.start for before, after in pairs if after.start >= before.end]

    @property
    def dissolves(self) -> list[tuple[float, float]]:
        pairs = zip(self.shots, self.shots[1:], strict=False)
        return [(after.start, before.end) for before, after in pairs if after.start < before.end]


class Studio:
    """The GL context, the world's shader and the developing tank for one picture size."""

    def __init__(self, world: str, size: tuple[int, int] = SIZE) -> None:
        self.size = size
        self.context = moderngl.create_context(standalone=True, backend="egl")
        library = (HERE / "film.glsl").read_text()
        corners = np.array([-1, -1, 3, -1, -1, 3], "f4")
        buffer = self.context.buffer(corners.tobytes())
        self.passes = {}
        for name, source in (
            ("SCENE", (HERE / world).read_text()),
            ("MIX", ""),
            ("DEVELOP", ""),
        ):
            program = self.context.program(
                vertex_shader="#version 330\nin vec2 corner;\n"
                "void main() { gl_Position = vec4(corner, 0.0, 1.0); }",
                fragment_shader=f"#version 330\n#define {name}\n{library}\n{source}",
            )
            self.passes[name] = (
                program,
                self.context.vertex_array(program, [(buffer, "2f", "corner")]),
            )
        self.light = [self._texture() for _ in range(4)]
        self.picture = self.context.texture(size, 4)

    def _texture(self) -> moderngl.Texture:
        texture = self.context.texture(self.size, 4, dtype="f4")
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)  # until it has mipmaps
        texture.repeat_x = texture.repeat_y = False
        return texture

    def _draw(
        self, name: str, onto: moderngl.Texture, inputs: Sequence[moderngl.Texture], **values: Any
    ) -> None:
        program, triangle = self.passes[name]
        framebuffer = self.context.framebuffer([onto])
        framebuffer.use()
        for unit, texture in enumerate(inputs):
            texture.use(unit)
            values[("first", "second")[unit]] = unit
        for key, value in {"resolution": self.size, **values}.items():
            if key in program:
                program[key] = value
        triangle.render()
        framebuffer.release()

    def expose(self, film: Film, shot: Shot, time: float, place: int) -> moderngl.Texture:
        """The light of one frame of a shot, edges smoothed, in the texture `place`, 0 or 1."""
        rough, light = self.light[3], self.light[place]
        if film.exposures == 1:
            uniforms = {"time": time, **shot.at(time)}
            self._draw("SCENE", rough, [light], smoothing=0, **uniforms)
            self._draw("SCENE", light, [rough], smoothing=1, **uniforms)
            return light
        mean, other = light, self.light[2]
        for k in range(film.exposures):  # each from another place in the pixel
            instant = time + film.shutter * k / film.exposures / FRAME_RATE
            shift = (((k + 0.5) / film.exposures) - 0.5, (0.5 + k * 0.618) % 1.0 - 0.5)
            self._draw(
                "SCENE", rough, [], smoothing=2, shift=shift, time=instant, **shot.at(instant)
            )
            is_last = k == film.exposures - 1
            self._draw("MIX", other, [mean, rough], share=1 / (k + 1), untame=is_last)
            mean, other = other, mean
        if mean is not light:
            self._draw("MIX", light, [mean, mean], share=0.0, untame=False)
        return light

    def frame(self, film: Film, time: float) -> np.ndarray:
        """The finished picture at a time, (height, width, 3) uint8."""
        shots = [shot for shot in film.shots if shot.start <= time < shot.end]
        images = [self.expose(film, shot, time, place) for place, shot in enumerate(shots)]
        share = 0.0
        if len(shots) == 2:
            share = ease((time - shots[1].start) / (shots[0].end - shots[1].start))
        self._draw("MIX", self.light[2], [images[0], images[-1]], share=share, untame=False)
        self.light[2].build_mipmaps()
        uniforms = {**shots[0].at(time)}
        self._draw("DEVELOP", self.picture, [self.light[2]], time=time, **uniforms)
        width, height = self.size
        pixels = np.frombuffer(self.picture.read(), np.uint8).reshape(height, width, 4)
        return np.ascontiguousarray(pixels[::-1, :, :3])


def frames(film: Film) -> Iterator[np.ndarray]:
    studio = Studio(film.world)
    for index in range(round(film.duration * FRAME_RATE)):
        yield studio.frame(film, index / FRAME_RATE + 1e-6)


def encode(film: Film, path: Path) -> None:
    """Write the film as H.264, 8-bit 4:2:0, Rec. 709."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, FRAME_RATE)
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        context.options = {
            "crf": str(film.crf),
            "preset": "veryslow",
            "x264-params": "aq-mode=3:aq-strength=0.9:threads=2:keyint=120",
        }
        for index, pixels in enumerate(frames(film)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


# ------------------------------------------------------------------------------------ Camera moves


def ease(x: float) -> float:
    """0 to 1, at rest at both ends."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


def blend(a: Sequence[float], b: Sequence[float], share: float) -> tuple[float, ...]:
    return tuple(p + (q - p) * share for p, q in zip(a, b, strict=True))


def camera(
    eye: Sequence[float], target: Sequence[float], focal: float = 1.5, roll: float = 0.0
) -> dict[str, Any]:
    """Uniforms of a camera; focal length in half picture heights, roll in degrees."""
    return {
        "eye": tuple(eye),
        "target": tuple(target),
        "focal": focal,
        "roll": math.radians(roll),
    }


# ------------------------------------------------------------------------------------ Command line


def main(film: Film, still_at: float | None = None) -> None:
    """`NAME.py out.mp4` renders all; `out.png --at S` or `out.jpg --at S` one frame, larger for a
    still; `out.png --sheet N` a contact sheet of N frames."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--at", type=float, help="one frame at this second")
    parser.add_argument("--sheet", type=int, help="a contact sheet of so many frames")
    parser.add_argument("--scale", type=float, default=1.0, help="size of a frame or a sheet")
    arguments = parser.parse_args()
    if arguments.out.suffix == ".mp4":
        encode(film, arguments.out)
        return
    if arguments.out.suffix == ".jpg" and arguments.at is None:
        arguments.at = still_at
    size = STILL_SIZE if arguments.out.suffix == ".jpg" else SIZE
    width, height = (round(side * arguments.scale / 2) * 2 for side in size)
    studio = Studio(film.world, (width, height))
    if arguments.sheet:
        times = [(i + 0.5) * film.duration / arguments.sheet for i in range(arguments.sheet)]
        columns = min(4, arguments.sheet)
        rows = math.ceil(arguments.sheet / columns)
        sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
        for i, time in enumerate(times):
            row, column = divmod(i, columns)
            sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = (
                studio.frame(film, time)
            )
    else:
        sheet = studio.frame(film, arguments.at or 0.0)
    Image.fromarray(sheet).save(arguments.out, quality=92)
