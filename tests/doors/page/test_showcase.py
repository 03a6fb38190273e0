"""Examples and tables as the page finds them."""

import json
from pathlib import Path

from pixmus.doors.page.showcase import find_examples, find_results, model_card
from pixmus.model.folder import MODEL_FOLDER


def test_an_example_is_a_clip_with_a_finished_result(tmp_path: Path) -> None:
    for name in ("a-clip.mp4", "b.mp4", "c.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a-clip.json").write_text(json.dumps({"title": "Dawn", "intent": "Slow light"}))
    for name in ("a-clip", "c"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "scored.mp4").write_bytes(b"x")
    (tmp_path / "outputs" / "a-clip" / "pianoroll.png").write_bytes(b"x")
    first, second = find_examples(tmp_path)
    assert (first.name, first.title, first.intent) == ("a-clip", "Dawn", "Slow light")
    assert set(first.pictures()) == {"pianoroll"} and first.take() == {}
    assert (second.name, second.title, second.clip.suffix) == ("c", "C", ".jpg")


def test_no_examples_are_no_error(tmp_path: Path) -> None:
    assert find_examples(tmp_path / "missing") == []


def test_the_tables_of_the_project_are_found_the_most_asked_for_first() -> None:
    tables = find_results()
    assert len(tables) > 5
    assert all("![" not in table.markdown for table in tables)
    assert any("cut" in table.title.lower() for table in tables[:1])
    assert tables[0].pictures


def test_the_model_card_has_no_front_matter() -> None:
    card = model_card(MODEL_FOLDER)
    assert "POP909" in card and "license: apache" not in card
    assert "no card" in model_card(Path("missing"))
