"""The HTML of the page: what is written by people is escaped, and errors name no folder."""

import json
import re
from pathlib import Path

import pytest

from pixmus.doors.page import markup
from pixmus.doors.page.jobs import Progress
from pixmus.doors.page.showing import CANCELLED, SURPRISE, sentence
from pixmus.doors.page.visits import Stopped
from pixmus.errors import PixMusError


def test_the_stage_being_done_is_marked_and_the_share_grows() -> None:
    def share(html: str) -> float:
        found = re.search(r'aria-valuenow="(\d+)"', html)
        assert found
        return float(found.group(1))

    order = [Progress("watch"), Progress("compose", 0.2), Progress("compose", 0.9), Progress("mix")]
    pages = [markup.stages(progress, 1.0) for progress in order]
    assert [share(page) for page in pages] == sorted(share(page) for page in pages)
    assert '<li class="pm-now" aria-current="step">Composing</li>' in pages[1]
    assert pages[1].count("pm-done") == 3


def test_what_a_visitor_wrote_is_escaped() -> None:
    assert "<script>" not in markup.failed("<script>alert(1)</script>")
    assert "<b>" not in markup.stages(Progress("watch", None, "<b>x</b>"), 0.0)
    facts = markup.Facts((("Players", "<img src=x>"),), ("<i>",), ("<u>",)).html()
    assert not re.search(r"<(img|i|u)\b", facts)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PixMusError("/tmp/pixmus-x/uploads/ab/notes.mp4 is empty."), "notes.mp4 is empty."),
        (PixMusError("The part starts at 1/2 of it."), "The part starts at 1/2 of it."),
        (Stopped(), CANCELLED),
        (RuntimeError("/home/someone/secret"), SURPRISE),
    ],
)
def test_an_error_is_one_sentence_without_places(error: Exception, told: str) -> None:
    assert sentence(error) == told


def test_the_copying_figures_are_those_of_the_table(tmp_path: Path) -> None:
    made = {"melodies": 12, "copied share": 0.0234}
    table = {"copying": {"made": made, "real": {"copied share": 0.5}}}
    (tmp_path / "score-model.json").write_text(json.dumps(table))
    told = markup.rights("Some.sf2", results=tmp_path)
    assert "12 composed lines: 2.3 %" in told and "50.0 %" in told and "Some.sf2" in told
    assert "%" not in markup.rights("Some.sf2", results=tmp_path / "missing")


def test_of_another_model_only_its_card_knows_the_training_music() -> None:
    told = markup.rights("Some.sf2", is_shipped=False)
    assert "POP909" not in told and "model card" in told


def test_files_are_named_from_where_the_page_is() -> None:
    assert markup.file_url(Path("/tmp/a b/c.mp4")) == "gradio_api/file=/tmp/a%20b/c.mp4"


def test_no_asset_names_another_host() -> None:
    for path in markup.ASSETS.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.", text), path.name
