"""Examples and tables as the page finds them."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from pixmus.doors.page import markup
from pixmus.doors.page.films import films, poster
from pixmus.doors.page.showcase import (
    EXAMPLES,
    Credit,
    find_examples,
    find_results,
    model_card,
)
from pixmus.model.folder import MODEL_FOLDER


def test_an_example_is_a_clip_with_a_finished_result(tmp_path: Path) -> None:
    for name in ("a-clip.mp4", "b.mp4", "c.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    credit = {"work": "A", "by": "B", "licence": "CC BY 4.0", "terms": "https://c", "more": 1}
    told: dict[str, Any] = {"title": "Dawn", "intent": "Slow light", "credit": credit, "poster": 3}
    (tmp_path / "a-clip.json").write_text(json.dumps(told))
    for name in ("a-clip", "c"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "scored.mp4").write_bytes(b"x")
    (tmp_path / "outputs" / "a-clip" / "pianoroll.png").write_bytes(b"x")
    first, second = find_examples(tmp_path)
    assert (first.name, first.title, first.intent) == ("a-clip", "Dawn", "Slow light")
    assert set(first.pictures()) == {"pianoroll"} and first.take() == {}
    assert first.credit == Credit("A", "B", "CC BY 4.0", "https://c") and first.poster_at == 3.0
    assert second.credit is None and second.poster_at is None and second.sight() == ""
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


@pytest.mark.parametrize(
    "facts", [None, "B", {"work": "A", "by": "B"}, {"work": "A", "by": "", "licence": "CC0"}]
)
def test_half_a_credit_is_none(facts: object) -> None:
    assert Credit.read(facts) is None and markup.credit_line(Credit.read(facts)) == ""


def test_a_credit_is_text_and_leads_to_its_licence() -> None:
    told = Credit("<i>", "B | b.org", "CC BY 3.0", "https://c/by", "cut")
    link = '<a href="https://c/by" target="_blank" rel="noreferrer">CC BY 3.0</a>'
    assert markup.credit_line(told) == f'<span class="pm-credit">B | b.org, {link}.</span>'
    assert f"Picture: &lt;i&gt;, B | b.org, {link}. Changed: cut." in markup.credit_line(told, True)
    elsewhere = Credit("A", "B", "CC BY 3.0", "javascript:alert(1)")
    assert "href" not in markup.credit_line(elsewhere)


SHIPPED = find_examples(EXAMPLES)


def test_all_six_films_stand_at_first_sight_with_their_credit() -> None:
    assert [e.name for e in SHIPPED] == ["city", "dawn", "dog", "steel", "storm", "toy"]
    html = films(SHIPPED)
    assert html.count("<figure") == html.count('poster="data:image/jpeg') == 6
    assert html.count("pm-credit") == 2
    assert "(CC) Blender Foundation | mango.blender.org, " in html and "SA-V, Meta, " in html
    cards = markup.gallery(SHIPPED)
    assert all(example.title in cards and example.title in html for example in SHIPPED)


def test_what_was_asked_of_an_example_and_what_was_not_is_said() -> None:
    told = {example.name: markup.example_facts(example) for example in SHIPPED}
    nothing = "Nothing was asked: key, tempo and players come from the picture"
    assert told["dog"].lines[-1] == f"{nothing} (seen: dog)."
    assert told["steel"].lines[-1] == f"{nothing} (seen: church)."
    assert "Set by hand: D minor, orchestra." in told["storm"].lines[-1]
    html = told["steel"].html()
    assert "Picture: Tears of Steel, (CC) Blender Foundation | mango.blender.org, " in html
    assert "23 s of it, encoded anew" in html and "pm-credit" not in told["storm"].html()


def test_the_poster_is_the_frame_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "three.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
        for grey in [20] * 10 + [120] * 10 + [220] * 10:
            frame = av.VideoFrame.from_ndarray(np.full((36, 64, 3), grey, np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    def grey_of(address: str) -> float:
        data = base64.b64decode(address.partition(",")[2])
        return float(np.asarray(Image.open(io.BytesIO(data)).convert("L")).mean())

    assert grey_of(poster(path, 0.5)) == pytest.approx(20, abs=4)
    assert grey_of(poster(path, 2.5)) == pytest.approx(220, abs=4)
    assert grey_of(poster(path)) == pytest.approx(120, abs=4)
    assert grey_of(poster(path, 99.0)) == pytest.approx(220, abs=4)  # past the end: the last
