"""The wheel: the package with the model, the examples and the results that the page shows.

`make wheel` runs it. What lies beside the package in a checkout lies in `pixmus/shipped` inside the
wheel, where `pixmus.files.shipped` finds it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY

BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "requirements.txt", "pixmus")
SHIPPED = ("checkpoints/pixmus", "examples", "docs/results")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.pyc", "make")  # `make` makes the examples


def build_wheel(folder: Path, root: Path = REPOSITORY) -> Path:
    """Build the wheel of the repository `root` into `folder`; returns its path.

    Nothing is fetched: setuptools has to be installed. Raises `PixMusError` where `root` is no
    whole copy of the repository or the build fails.
    """
    missing = [name for name in (*BUILT_FROM, *SHIPPED) if not (root / name).exists()]
    if missing:
        raise PixMusError(
            f"{root} holds no {' and no '.join(missing)}; build the wheel from a whole copy of the "
            "PixMus repository."
        )
    with tempfile.TemporaryDirectory(prefix="pixmus-wheel-") as place:
        stage = Path(place) / "stage"
        for name in BUILT_FROM:
            _copy(root / name, stage / name)
        for name in SHIPPED:
            _copy(root / name, stage / "pixmus" / "shipped" / name)
        made = Path(place) / "made"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(made)),
                str(stage),
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            told = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
            raise PixMusError(f"The wheel could not be built: {told[0]}")
        (wheel,) = made.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(wheel, folder / wheel.name))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=LEFT_OUT)
    else:
        shutil.copyfile(source, target)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the wheel as the command line says."""
    parser = argparse.ArgumentParser(description="Build the wheel of this repository.")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist", metavar="DIR")
    wheel = build_wheel(parser.parse_args(arguments).out)
    print(f"{wheel}  ({wheel.stat().st_size / 1e6:.0f} MB)")
    print(
        f"Install it with `pip install {wheel}`; on a machine without libfluidsynth3 add "
        "`pip install --no-deps tinysoundfont`."
    )


if __name__ == "__main__":
    main()
