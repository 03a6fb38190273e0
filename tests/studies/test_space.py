"""The check of the Space: what pip says is read, a real app is started, asked and stopped."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.picture.video import probe
from pixmus.studies.space import (
    ask_for_soundtracks,
    check_packages,
    check_scored,
    make_clip,
    read_resolution,
    resident_mib,
    resolve,
    space_requirements,
    started,
)

APP = """
import gradio as gr

with gr.Blocks() as demo:
    clip, words, scored, key = gr.Video(), gr.Textbox("calm"), gr.Video(), gr.Textbox()
    gr.Button().click(
        lambda clip, words: (clip, "A minor"), [clip, words], [scored, key], api_name="NAME"
    )
demo.launch()
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    folder = tmp_path / "space"
    folder.mkdir()
    (folder / "README.md").write_text("---\nsdk_version: 6.31.0\napp_file: app.py\n---\n")
    (folder / "app.py").write_text(APP.replace("NAME", "soundtrack"))
    return folder


@pytest.fixture
def tune() -> np.ndarray:
    return 0.3 * np.sin(np.linspace(0, 4000, 2 * 44100, dtype=np.float32))[None]


def test_an_app_is_started_asked_and_stopped(
    space: Path, paint_video: Callable[..., Path], tune: np.ndarray
) -> None:
    clip = paint_video([(2.0, 90)], sound=tune)
    with started(Path(sys.executable), space) as (address, process, seconds):
        assert seconds > 0 and 20 < resident_mib(process) < 5000
        takes = ask_for_soundtracks(Path(sys.executable), address, clip, times=2)
        assert len(takes) == 2 and all(0 < seconds < 60 for seconds in takes)
        silent = paint_video([(2.0, 90)], name="silent.mp4")
        with pytest.raises(PixMusError, match="is silent"):
            ask_for_soundtracks(Path(sys.executable), address, silent, times=1)
    assert not process.is_running()


def test_an_app_without_the_endpoint_or_that_ends_is_told(space: Path, tmp_path: Path) -> None:
    (space / "app.py").write_text(APP.replace("NAME", "spot"))
    with (
        started(Path(sys.executable), space) as (address, _, _),
        pytest.raises(PixMusError, match="no endpoint /soundtrack; its endpoints are: /spot"),
    ):
        ask_for_soundtracks(Path(sys.executable), address, tmp_path, times=1)
    (space / "app.py").write_text("raise RuntimeError('no model')\n")
    with (
        pytest.raises(PixMusError, match="ended before it answered: RuntimeError: no model"),
        started(Path(sys.executable), space),
    ):
        pass


def test_a_scored_clip_of_another_length_is_refused(
    paint_video: Callable[..., Path], tune: np.ndarray
) -> None:
    clip, scored = paint_video([(2.0, 90)], sound=tune), paint_video([(3.0, 90)], name="other.mp4")
    check_scored(clip, clip)
    with pytest.raises(PixMusError, match="lasts 3.00 s, but painted.mp4 2.00 s"):
        check_scored(scored, clip)


def test_the_versions_that_pip_picks_are_read() -> None:
    output = "Collecting a\nWould install PyYAML-6.0.3 hf-xet-1.8.0 pretty_midi-0.2.11.post0\n"
    assert read_resolution(output) == {
        "pyyaml": "6.0.3",
        "hf-xet": "1.8.0",
        "pretty-midi": "0.2.11.post0",
    }
    with pytest.raises(PixMusError, match="did not say"):
        read_resolution("Collecting a\n")


def test_the_requirements_are_those_of_the_space(space: Path) -> None:
    asked = space_requirements(space)
    assert asked[:2] == ["-r", str(space / "requirements.txt")]
    assert "gradio[oauth,mcp]==6.31.0" in asked


def test_requirements_that_do_not_go_together_are_told(space: Path) -> None:
    with (space / "README.md").open("w") as readme:
        readme.write("---\nsdk_version: 6.31.0\npython_version: '3.12'\n---\n")
    (space / "requirements.txt").write_text("./no-such-package\n")
    with pytest.raises(PixMusError, match="no versions for Python 3.12 .*no-such-package"):
        resolve(space, sys.executable)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="packages.txt is for apt-get")
def test_packages_are_looked_for(tmp_path: Path) -> None:
    packages = tmp_path / "packages.txt"
    packages.write_text("libc6\nno-such-package-anywhere\n")
    with pytest.raises(PixMusError, match="packages.txt names: .*no-such-package-anywhere"):
        check_packages(packages)
    packages.write_text("libc6\n")
    assert check_packages(packages) == ["libc6"]


def test_the_clip_that_is_made(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", duration=1.0)
    video = probe(tmp_path / "clip.mp4")
    assert video.duration == pytest.approx(1.0) and video.frame_rate == 25
