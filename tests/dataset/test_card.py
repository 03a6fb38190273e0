"""The card says what is in the dataset, from its own numbers; what is published is whole."""

import json
from pathlib import Path

import pytest
from conftest import use_hub
from loopback_hub import TOKEN, LoopbackHub, Repository, dead_address
from open_music import write_pieces
from typer.testing import CliRunner

from pixmus.dataset.card import COLUMNS, MARK, NAME, stage_dataset
from pixmus.dataset.materialize import MEDIA, TABLE, make_rows
from pixmus.dataset.recipes import CURVE_TABLES, RECIPE_COLUMNS, read_recipe, synthesize
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.table import read_table
from pixmus.doors import cli
from pixmus.doors.publish import front_matter
from pixmus.errors import PixMusError
from pixmus.hub import CARD
from pixmus.score.curves import CurveTables

TABLES = CurveTables.load(CURVE_TABLES)
PIECES = {f"{piece.corpus}/{piece.name}": piece for piece in write_pieces(3)}
ID = "someone/pairs"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "recipes.csv.gz"
    write_rows(synthesize(40, 4, PIECES, TABLES, clip_seconds=2.0), path)
    return path


@pytest.fixture(scope="module")
def media(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    read = read_table(table)
    film = next(row.number for row in read.rows if row.kind == "video")
    make_rows(read, f"{film}:{film + 1}", PIECES, out)
    return out


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_card_tells_the_tables_own_numbers(table: Path, tmp_path: Path) -> None:
    stage_dataset(tmp_path, table, name=ID)
    assert files_of(tmp_path) == {CARD, MARK, NAME}
    facts, text = front_matter(tmp_path / CARD), (tmp_path / CARD).read_text()
    assert facts["license"] == ["apache-2.0", "cc0-1.0", "bsd-3-clause"]
    assert facts["size_categories"] == ["n<1K"] and "synthetic" in facts["tags"]
    assert facts["configs"] == [{"config_name": "default", "data_files": NAME}]
    assert facts["pretty_name"] and facts["task_categories"]
    rows = read_table(table).rows
    videos = sum(row.kind == "video" for row in rows)
    assert "**Everything in this dataset is synthetic.**" in text
    assert f"40 rows,\n{videos} of films and {40 - videos} of stills" in text
    for name, count in (("Lieder", "lieder"), ("String Quartets", "quartets")):
        used = [read_recipe(row).music for row in rows if count in read_recipe(row).music]
        assert f"OpenScore {name} | CC0 1.0 |" in text
        assert f"| {len(set(used))} | {len(used)} |" in text
    assert "Copyright © 2001-2024 Contributors to the Freedoom project." in text
    assert "a = 0.8, L = 0.5" in text and "No media come along" in text
    for line in text.splitlines():
        assert len(line) <= 100 or line.startswith(("|", "    ")), line
    told = " ".join(COLUMNS)
    for column in RECIPE_COLUMNS:
        assert column in COLUMNS, f"{column} is not explained"
    assert "Segment 1 to 3 Reference" in told
    mark = json.loads((tmp_path / MARK).read_text())
    assert mark["synthetic"] is True and mark["rows"] == 40


def test_a_card_without_freedoom_has_no_notice_of_it(tmp_path: Path) -> None:
    pieces = {name: piece for name, piece in PIECES.items() if piece.corpus != "freedoom"}
    write_rows(synthesize(10, 0, pieces, TABLES), tmp_path / "t.csv")
    (tmp_path / "staged").mkdir()
    stage_dataset(tmp_path / "staged", tmp_path / "t.csv")
    assert "Freedoom" not in (tmp_path / "staged" / CARD).read_text()
    assert front_matter(tmp_path / "staged" / CARD)["license"] == ["apache-2.0", "cc0-1.0"]


def test_a_dry_run_writes_the_whole_dataset_without_a_network(
    hub: LoopbackHub, table: Path, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub(monkeypatch, dead_address())
    out = tmp_path / "out"
    asked = ["publish-dataset", ID, "--table", str(table), "--media", str(media), "--dry-run"]
    done = CliRunner().invoke(cli.build(), [*asked, "--out", str(out)])
    assert done.exit_code == 0, done.output
    made = {f"{MEDIA}/{path.name}" for path in (media / MEDIA).iterdir()}
    assert files_of(out) == {CARD, MARK, NAME, *made} and hub.requests == []
    rows, filmed = read_table(out).rows, read_table(media / TABLE).rows
    assert [row.id for row in rows] == [row.id for row in read_table(table).rows]
    assert {row.id: row.motion for row in rows if row.motion is not None} == {
        row.id: row.motion for row in filmed
    }
    text = (out / CARD).read_text()
    assert f"Media of {len(filmed)} rows come along" in text and "with a SoundFont" in text


def test_published_it_is_read_from_the_hub_again(
    hub: LoopbackHub, table: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    asked = ["publish-dataset", ID, "--table", str(table)]
    done = CliRunner().invoke(cli.build(), [*asked, "--media", str(media)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == f"{hub.address}/datasets/{ID}"
    repository = hub.repositories["dataset", ID]
    assert len(repository.commits) == 1
    films = {name for name in repository.commits[0][1] if name.startswith(MEDIA)}
    assert len(films) == 2
    rows = read_table(ID, token=TOKEN).rows
    assert [row.id for row in rows] == [row.id for row in read_table(table).rows]
    again = CliRunner().invoke(cli.build(), asked)  # without media: those of before go
    assert again.exit_code == 0, again.output
    assert set(repository.commits[-1][1]) == {CARD, MARK, NAME}


def test_a_repository_that_holds_something_else_is_left_alone(
    hub: LoopbackHub, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repositories["dataset", ID] = Repository()
    hub.repositories["dataset", ID].commit({"train.csv": b"theirs"})
    done = CliRunner().invoke(cli.build(), ["publish-dataset", ID, "--table", str(table)])
    assert isinstance(done.exception, PixMusError)
    assert "holds something else (train.csv); choose another name" in str(done.exception)
    assert len(hub.repositories["dataset", ID].commits) == 1


def test_what_cannot_be_published_is_one_sentence(table: Path, media: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    rows = read_table(table).rows
    columns = synthesize(4, 9, PIECES, TABLES)
    write_rows({k: v for k, v in columns.items() if "Seed" not in k}, tmp_path / "other.csv")
    with pytest.raises(PixMusError, match="is no table of recipes, row 0 is no recipe"):
        stage_dataset(place, tmp_path / "other.csv")
    broken = {name: [*values] for name, values in columns.items()}
    broken["Segment 2 Start"][1] = "soon"
    write_rows(broken, tmp_path / "broken.csv")
    with pytest.raises(PixMusError, match="row 1 of .* cannot be used"):
        stage_dataset(place, tmp_path / "broken.csv")
    write_rows(columns, tmp_path / "whole.csv")
    with pytest.raises(PixMusError, match="rows that are not in the table"):
        stage_dataset(place, tmp_path / "whole.csv", media)
    with pytest.raises(PixMusError, match="holds no table.csv and made_with.json"):
        stage_dataset(place, table, tmp_path)
    film = next(row for row in rows if (media / MEDIA / row.picture).is_file())
    hidden = (media / MEDIA / film.picture).rename(tmp_path / "hidden")
    with pytest.raises(PixMusError, match="is missing; make it again"):
        stage_dataset(place, table, media)
    hidden.rename(media / MEDIA / film.picture)
