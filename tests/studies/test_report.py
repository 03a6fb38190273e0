"""The report's build: what is measured is filled in; what is missing ends it with a sentence."""

import json
import shutil

import av
import numpy as np
import pytest
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.studies.report import (
    DOCUMENTS,
    Builder,
    Measured,
    build,
    clip_frames,
    markdown_table,
    slides_page,
    to_html,
)
from pixmus.studies.tables import fill, fixed, percent


@pytest.fixture
def repository(tmp_path):
    """A small repository: one result file with its tables, one picture."""
    results = tmp_path / "docs" / "results"
    results.mkdir(parents=True)
    rows = {"all": {"40": {"rate": 0.8485, "interval": [0.81, 0.89]}}}
    (results / "sync.json").write_text(json.dumps({"rows": rows, "seeds": [3, 5]}))
    (results / "sync.md").write_text("# Sync\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nText\n")
    Image.new("RGB", (400, 100), "white").save(results / "sync.png")
    return tmp_path


def filled(text, repository):
    return fill(text, "report.md", Builder(repository).names())


def test_numbers_come_from_the_files(repository):
    text = (
        "{{ results.sync.rows.all['40'].rate | fixed(2) }} "
        "({{ results.sync.rows.all['40'].interval | interval }}), "
        "{{ results.sync.rows.all['40'].rate | percent }}, {{ results.sync.seeds[1] }}"
        "{% for name, row in results.sync.rows %}; {{ name }}{% endfor %}"
    )
    assert filled(text, repository) == "0.85 (0.81–0.89), 85\u00a0%, 5; all"


@pytest.mark.parametrize(
    "asked, sentence",
    [
        ("results.sync.rows.al", "docs/results/sync.json holds no 'rows / al'"),
        ("results.sync.rows.all['70'].rate", "docs/results/sync.json holds no 'rows / all / 70'"),
        ("results.sync.seeds[2]", "docs/results/sync.json holds no 'seeds / 2'"),
        ("results.bench.rows", "docs/results/bench.json is missing"),
        ("table('sync', 1, 'x', 'y')", "docs/results/sync.md holds no table 1"),
        ("picture('docs/results/other.png')", "docs/results/other.png is missing"),
        ("constant('pixmus.score.tempo.NO_SUCH')", "the code holds no pixmus.score.tempo.NO_SUCH"),
        ("results.sync.rows | fixed", "as a number, which it is not"),
        ("nothing", "report.md cannot be filled: 'nothing' is undefined"),
    ],
)
def test_what_is_missing_ends_the_build(repository, asked, sentence):
    with pytest.raises(PixMusError) as raised:
        filled("{{ " + asked + " }}", repository)
    assert sentence in str(raised.value)


def test_only_numbers_are_formatted():
    assert fixed(2.345, 1) == "2.3" and percent(0.5) == "50\u00a0%"
    for value in (None, True, "2"):
        with pytest.raises(PixMusError):
            fixed(value)


def test_a_list_and_a_dictionary_can_be_walked():
    walked = list(Measured([{"a": 1}, 2], "f.json"))
    assert walked[0].a == 1 and walked[1] == 2 and "a" in walked[0] and len(walked[0]) == 1


def test_tables_are_found_in_order():
    text = "| a |\n|---|\n| 1 |\n\nwords\n\n| b |\n|---|\n| 2 |\n"
    assert markdown_table(text, 1, "f.md") == "| b |\n|---|\n| 2 |"


def test_figures_and_tables_are_numbered_and_traced(repository):
    text = (
        "{{ table('sync', 0, 'Rates', 'pixmus evaluate sync') }}"
        "{{ figure(picture('docs/results/sync.png', 200), 'Cuts', 'docs/results/sync.png', 'x') }}"
        "{{ caption('Own', 'docs/results/sync.json', 'y') }}\n\n{{ sources() }}"
    )
    page = to_html(filled(text, repository))
    assert "<b>Table 1.</b> Rates" in page and "<b>Table 2.</b> Own" in page
    assert "<b>Figure 1.</b> Cuts" in page and "data:image/png;base64," in page
    assert page.count("<table>") == 2 and "<code>pixmus evaluate sync</code>" in page


def test_frames_are_those_that_are_shown(tmp_path, paint_video):
    clip = paint_video([(1.0, 20), (1.0, 220)], size=(64, 48))
    shutil.copyfile(clip, tmp_path / "clip.mp4")
    builder = Builder(tmp_path)
    assert builder.frames("clip.mp4", [1.5, 0.2]).count("data:image/jpeg") == 2
    bright, dark = (np.asarray(p).mean() for p in clip_frames(clip, [1.5, 0.2]))
    assert dark < 60 and bright > 180
    with pytest.raises(PixMusError, match="no frame at 9 s"):
        builder.frames("clip.mp4", [9.0])
    with av.open(str(clip)) as container:
        assert container.streams.video[0].frames == 48


def test_slides_are_parted(repository):
    page = slides_page("<!-- title -->\n# One\n\n---\n\n# Two\n", "h1 {}", Builder(repository))
    assert page.count("<section") == 2 and '<section class="title">' in page and "2 / 2" in page


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_shipped_can_be_filled(name):
    """Every key, table, picture and constant that the shipped texts ask for is there."""
    builder = Builder(REPOSITORY)
    builder.frames = lambda *_, **__: ""  # type: ignore[method-assign]
    builder.picture = lambda path, *_, **__: str((REPOSITORY / path).stat().st_size)  # type: ignore[method-assign]
    text = fill((REPOSITORY / DOCUMENTS[name]).read_text(encoding="utf-8"), name, builder.names())
    assert "{{" not in text and "{%" not in text and "None" not in re_numbers(text)


def re_numbers(text: str) -> list[str]:
    """What stands alone between spaces or table bars."""
    return [word.strip() for line in text.splitlines() for word in line.split("|")]


@pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")),
    reason="there is no Chromium; install it with: sudo apt-get install chromium",
)
def test_a_document_is_printed(repository):
    for name, text in {"report": "# T\n\n[contents]\n\n## A b\n\nx\n"}.items():
        template = repository / DOCUMENTS[name]
        template.parent.mkdir(parents=True)
        template.write_text(text)
        template.with_suffix(".css").write_text("@page { size: A4 }")
        page, pdf = build(name, repository)
        assert '<a href="#a-b">A b</a>' in page.read_text()
        assert pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("document", ["report/report.md", "slides/slides.md"])
def test_no_line_of_text_runs_into_the_next(document):
    """A block at a line's end takes the line break with it, unless it ends in a plus."""
    lines = (REPOSITORY / "docs" / document).read_text(encoding="utf-8").splitlines()
    runs_on = [
        line[-80:]
        for line in lines
        if not line.startswith("{%") and line.endswith("%}") and not line.endswith("+%}")
    ]
    assert not runs_on
