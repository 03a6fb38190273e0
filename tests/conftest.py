"""Things that several tests need: a painted video whose truth is known to the frame."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pixmus  # noqa: F401  # says how OpenMP waits, before torch loads it

if "PYTEST_XDIST_WORKER" in os.environ:
    # Two test processes that fill numba's cache of compiled functions at once crash.
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="pixmus-numba-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)

# isort: split
import av
import numpy as np
import pytest
from loopback_hub import LoopbackHub
from tiny_model import pipeline_of, tiny_writers

from pixmus.compose.writing import Writers
from pixmus.waveform import SAMPLE_RATE

Colour = int | tuple[int, int, int]
PaintVideo = Callable[..., Path]


def _image(colour: Colour, size: tuple[int, int], square: int | None) -> np.ndarray:
    """One image of one colour, with a bright square `square` pixels from its left if given."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:] = colour
    if square is not None:
        left = square % (size[0] - 16)
        image[size[1] // 2 - 8 : size[1] // 2 + 8, left : left + 16] = (255, 220, 40)
    return image


@contextlib.contextmanager
def _as_urgent_as_before() -> Iterator[None]:
    """For root SVT-AV1 makes the thread that it is called by real-time, and leaves it so.

    What it starts later is real-time, too: a page and its browser that let nobody else run.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def _paint(
    path: Path,
    shots: Sequence[tuple[float, Colour]],
    *,
    codec: str = "mpeg4",
    frame_rate: int | Fraction = 24,
    size: tuple[int, int] = (96, 64),
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: Sequence[float] | None = None,
    time_base: Fraction | None = None,
    start: float = 0.0,
    hidden: float = 0.0,
    moving: bool = False,
    rotation: int = 0,
    sample_aspect: Fraction | None = None,
    sound: np.ndarray | None = None,
    sound_codec: str = "aac",
    container_format: str | None = None,
) -> Path:
    frame_rate = Fraction(frame_rate)
    time_base = time_base or 1 / frame_rate
    colours = [c for seconds, c in shots for _ in range(round(seconds * frame_rate))]
    if times is None:
        times = [float(index / frame_rate) for index in range(len(colours))]
    else:
        ends = np.cumsum([seconds for seconds, _ in shots])
        colours = [shots[min(np.searchsorted(ends, t, "right"), len(shots) - 1)][1] for t in times]
    with _as_urgent_as_before(), av.open(str(path), "w", format=container_format) as out:
        stream = out.add_stream(codec, rate=frame_rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        if sample_aspect:
            stream.codec_context.sample_aspect_ratio = sample_aspect
        if rotation:
            stream.set_display_rotation(-rotation)
        track = None
        if sound is not None:
            layout = "stereo" if sound.shape[0] == 2 else "mono"
            rate = 48000 if sound_codec == "libopus" else SAMPLE_RATE
            track = out.add_stream(sound_codec, rate=rate, layout=layout)

        def write(packets: list[av.Packet]) -> None:
            for packet in packets:
                shift = round((start - hidden) / packet.time_base)
                packet.pts += shift
                packet.dts += shift
                out.mux(packet)

        for index, (time, colour) in enumerate(zip(times, colours, strict=True)):
            image = _image(colour, size, 2 * index if moving else None)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = round(time / time_base), time_base
            write(stream.encode(frame))
        write(stream.encode(None))
        if track is not None and sound is not None:
            context = track.codec_context
            whole = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound, np.float32), "fltp", layout
            )
            whole.sample_rate, whole.pts, whole.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
            resampler = av.AudioResampler(
                context.format.name, layout, context.sample_rate, context.frame_size or 1024
            )
            for piece in [*resampler.resample(whole), *resampler.resample(None), None]:
                for packet in track.encode(piece):
                    packet.pts += round(start / packet.time_base)
                    packet.dts += round(start / packet.time_base)
                    out.mux(packet)
    return path


# Files whose tests share a running page and a browser. They come first, for they take longest.
ONE_PAGE = tuple(f"tests/doors/page/test_{name}.py" for name in ("access", "api", "app"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest, so that no process is left with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(ONE_PAGE))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With --dist loadfile: files that share a page are tried by one process, too."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return ONE_PAGE[0] if file in ONE_PAGE else file

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def nobody_became_urgent() -> Iterator[None]:
    """A test that made its process real-time would slow down all that follow."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(scope="session")
def paint_clip() -> PaintVideo:
    """`paint_clip(path, shots, **how)`: as `paint_video`, at a path of one's own choice."""
    return _paint


@pytest.fixture
def paint_video(tmp_path: Path) -> PaintVideo:
    """`paint_video(shots, name=..., **how)` writes a clip of plain shots and returns its path.

    `shots` holds (seconds, grey level or RGB); the clip is mpeg4 in mp4, 96x64 at 24 frames a
    second unless `codec`, `size`, `frame_rate`, ... say otherwise. `times` gives every frame its
    own time (variable rate), `start` is the file's first time, `hidden` as many seconds at the
    beginning that an edit list hides (mp4), `moving` adds a square that moves two pixels a frame,
    `rotation` turns the display clockwise, `sound` is a waveform (1 or 2, samples) at 44.1 kHz.
    """

    def paint(
        shots: Sequence[tuple[float, Colour]] = ((2, 40), (3, 200), (1, 90)),
        name: str = "painted.mp4",
        **how: object,
    ) -> Path:
        return _paint(tmp_path / name, shots, **how)  # type: ignore[arg-type]

    return paint


@pytest.fixture(scope="session")
def writers() -> Writers:
    """Tiny real ones that are untrained and say something."""
    return tiny_writers()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, writers: Writers) -> Path:
    """The folder of a tiny model with random weights, saved as a real one is, and a whole card."""
    from pixmus.model.folder import MODEL_FOLDER

    folder = tmp_path_factory.mktemp("tiny") / "model"
    pipeline_of(writers).save_pretrained(folder)
    shutil.copyfile(MODEL_FOLDER / "README.md", folder / "README.md")
    return folder


@pytest.fixture
def no_pictures() -> Iterator[None]:
    """Bundles without pictures, which take a second each and have tests of their own."""
    from pixmus.take.exports import EXPORTS, add_export, remove_export

    written = list(EXPORTS.values())
    for export in written:
        remove_export(export.name)
    for export in written:
        if not export.name.endswith(".png"):
            add_export(export)
    yield
    for name in list(EXPORTS):
        remove_export(name)
    for export in written:
        add_export(export)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A Hub on 127.0.0.1 that huggingface_hub asks in this test, with an empty cache of its own."""
    from huggingface_hub import constants

    made = LoopbackHub()
    use_hub(monkeypatch, made.address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PIXMUS_MODEL"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.stop()


def use_hub(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Do what HF_ENDPOINT does, where huggingface_hub was imported before."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP vision model of random weights with the width of the real one's embedding."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, projection_dim=768, num_hidden_layers=2,
        num_attention_heads=2, image_size=28, patch_size=14,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIPVisionModelWithProjection(config)
    folder = tmp_path_factory.mktemp("clip")
    model.save_pretrained(folder)
    return folder
