"""The wheel works without the checkout: `pixmus soundtrack` and the page, offline."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from pixmus.doors.wheel import build_wheel
from pixmus.errors import PixMusError
from pixmus.picture.video import probe


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ of an environment that has PixMus from the wheel and all else from this one."""
    place = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(place)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install"]
    told = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run([*pip, *told], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    # A .pth file names the folder only: the editable PixMus in it stays unseen.
    (packages / "beside.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return programs


def run(program: Path, *arguments: str, folder: Path) -> str:
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PIXMUS_MODEL")
    }
    env |= {"HF_HUB_OFFLINE": "1", "HOME": str(folder)}
    done = subprocess.run(
        [str(program), *arguments], cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_wheel_carries_the_model_and_what_the_page_shows(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in (
        "pixmus/shipped/checkpoints/pixmus/manifest.json",
        "pixmus/shipped/examples/outputs/city/scored.mp4",
        "pixmus/shipped/docs/results/sync.json",
        "pixmus/doors/page/assets/page.css",
        "pixmus/sound/font_measurements.json",
        "pixmus/dataset/curve_tables.json",
        "pixmus/training/templates/model_card.md.j2",
    ):
        assert name in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]
    assert wheel.stat().st_size < 60e6


def test_a_soundtrack_is_made_without_the_checkout(
    programs: Path, paint_video, tmp_path: Path
) -> None:
    clip = paint_video([(1.0, 40), (1.0, 200)])
    where = run(programs / "python", "-c", "import pixmus; print(pixmus.__file__)", folder=tmp_path)
    assert where.startswith(str(programs.parent))
    run(programs / "pixmus", "soundtrack", str(clip), "--out", "scored.mp4", "--seed", "1",
        folder=tmp_path)  # fmt: skip
    scored = probe(tmp_path / "scored.mp4")
    assert scored.has_audio and scored.duration == pytest.approx(2.0, abs=0.05)


def test_the_page_finds_its_examples_without_the_checkout(programs: Path, tmp_path: Path) -> None:
    program = """
from pixmus.doors.page import serve, showcase
print(len(showcase.find_examples(showcase.EXAMPLES)), (showcase.RESULTS / "sync.json").is_file())
"""
    assert run(programs / "python", "-c", program, folder=tmp_path).split() == ["6", "True"]


def test_half_a_repository_makes_no_wheel(tmp_path: Path) -> None:
    with pytest.raises(PixMusError, match="holds no pyproject.toml and no README.md"):
        build_wheel(tmp_path / "dist", tmp_path)
