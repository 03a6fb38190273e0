"""A table in the thesis' layout, with its oddities, from reading to a fine-tuned encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from thesis_table import Cells, thesis_row, write_thesis_table
from typer.testing import CliRunner

from pixmus.curves import CURVES
from pixmus.dataset.split import read_split
from pixmus.doors.cli import build
from pixmus.model.folder import MODEL_FOLDER
from pixmus.take.spotted import load_encoder
from pixmus.training.music import MUSIC_RATE
from pixmus.training.pairs import read_shards
from pixmus.training.train_encoder import main as train_encoder

NUM_FILMS, NUM_STILLS = 4, 12  # each with two rows


def table_rows() -> list[Cells]:
    """Rows of films and stills, then: one again, one of lost files, one that ends early."""
    rows = []
    for number in range(NUM_FILMS):
        for start in (0, 30):
            rows.append(thesis_row(f"film{number}.wav", f"film{number}.mp4", True, start, start))
    for number in range(NUM_STILLS):
        for start in (0, 30):
            rows.append(
                thesis_row(f"still{number}.wav", f"still{number}.png", "False", None, start)
            )
    rows.append(dict(rows[0]))  # a repeated row
    rows.append(thesis_row("gone.wav", "gone.mp4"))
    rows.append(dict(rows[1]) | {"Video End Time": 20})  # refused
    return rows


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, paint_clip: Callable[..., Path]) -> Path:
    """A folder with the table, media/, and all that the commands make of them."""
    folder = tmp_path_factory.mktemp("way")
    media = folder / "media"
    media.mkdir()
    rng = np.random.default_rng(0)
    for number in range(NUM_FILMS):
        shades = rng.integers(30, 230, (12, 3))
        shots = [(5.0, tuple(int(level) for level in shade)) for shade in shades]
        paint_clip(media / f"film{number}.mp4", shots, frame_rate=6, moving=True)
        soundfile.write(media / f"film{number}.wav", music(rng), MUSIC_RATE)
    for number in range(NUM_STILLS):
        shade = tuple(int(level) for level in rng.integers(20, 240, 3))
        Image.new("RGB", (64, 48), shade).save(media / f"still{number}.png")
        soundfile.write(media / f"still{number}.wav", music(rng), MUSIC_RATE)
    write_thesis_table(folder / "table.csv", table_rows())
    table, store = str(folder / "table.csv"), str(folder / "store")
    run("inspect", table, "--out", str(folder / "inspection"))
    run("fetch", table, "--store", store, "--from", str(media))
    run("verify", table, "--media", store, "--out", str(folder / "verify.jsonl"), "--workers", "1")
    run("split", table, "--out", str(folder / "split.csv"), "--share", "0.1")
    run(
        *("features", table, "--media", store, "--split", str(folder / "split.csv")),
        *("--out", str(folder / "shards"), "--workers", "1"),
    )
    return folder


def music(rng: np.random.Generator) -> np.ndarray:
    """60 s of struck notes, no two bars alike, louder and softer."""
    times = np.arange(60 * MUSIC_RATE) / MUSIC_RATE
    beat = rng.uniform(0.3, 0.8)
    pitches = rng.integers(45, 80, round(60 / beat) + 2)[(times / beat).astype(int)]
    tone = np.sin(2 * np.pi * 440 * 2 ** ((pitches - 69) / 12) * times)
    level = np.interp(times, np.linspace(0, 60, 7), rng.uniform(0.02, 0.4, 7))
    return np.asarray(level * np.exp(-3 * (times % beat) / beat) * tone, dtype=np.float32)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build(), ["dataset", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_it_is_read_and_what_is_odd_is_told(way: Path) -> None:
    report = (way / "inspection" / "inspection.md").read_text()
    num_rows = 2 * (NUM_FILMS + NUM_STILLS) + 3
    assert f"{num_rows} rows in the thesis layout: {num_rows - 1} can be used" in report
    outcomes = [
        json.loads(line) for line in (way / "store" / "rows.jsonl").read_text().splitlines()
    ]
    assert sum(row["status"] != "done" for row in outcomes) == 1  # gone.mp4


def test_it_is_checked(way: Path) -> None:
    found = [json.loads(line) for line in (way / "verify.jsonl").read_text().splitlines()]
    problems = {row["number"]: {p["check"] for p in row["problems"]} for row in found}
    repeated = 2 * (NUM_FILMS + NUM_STILLS)  # the row after those of films and stills
    assert "duplicate" in problems.pop(repeated)
    assert problems.pop(repeated + 1) >= {"picture missing", "music missing"}
    # Lone tones over flat colours may be taken for speech, or for each other; they are there.
    assert set().union(*problems.values()) <= {"music speech", "duplicate"}
    assert len(problems) == repeated


def test_no_source_stands_on_two_sides(way: Path) -> None:
    sides: dict[str, set[str]] = {}
    for assignment in read_split(way / "split.csv").values():
        sides.setdefault(assignment.group, set()).add(assignment.split)
    assert all(len(side) == 1 for side in sides.values())
    assert len(sides) == NUM_FILMS + NUM_STILLS + 1


def test_every_row_with_media_is_in_the_shards_once(way: Path) -> None:
    pairs = list(read_shards(way / "shards"))
    assert len({pair.id for pair in pairs}) == len(pairs) == 2 * (NUM_FILMS + NUM_STILLS) + 1
    for pair in pairs:
        assert all(pair.curves[name].shape == (30,) for name in CURVES)
        assert len(pair.features.motion) == 120
    assert any(pair.features.cuts for pair in pairs if pair.kind == "video")
    failed = [
        json.loads(line) for line in (way / "shards" / "failed.jsonl").read_text().splitlines()
    ]
    assert len(failed) == 1 and "gone" in failed[0]["reason"]


def test_the_encoder_is_trained_on_it(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = way / "tuned"
    train_encoder(["--init", str(MODEL_FOLDER), "--pairs", str(way / "shards"), "--out", str(out)])
    facts = json.loads(capsys.readouterr().out)["pairs"]
    split = read_split(way / "split.csv")
    training = [pair for pair in read_shards(way / "shards") if split[pair.id].split == "training"]
    assert facts["rows"] == len(training)
    encoder = load_encoder(out)
    assert encoder is not None and encoder.tuned is not None
    card = (out / "README.md").read_text()
    assert f"fine-tuned on {len(training)} rows" in card
    shipped = load_encoder(MODEL_FOLDER)
    assert shipped is not None and shipped.tuned is None  # the one that it began with is as it was
