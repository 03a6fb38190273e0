"""What is stored as JSON makes the stored tables, by the templates; what is wrong is an error."""

import json
from pathlib import Path

import pytest

from pixmus.errors import PixMusError
from pixmus.studies import STUDIES
from pixmus.studies.runner import load_study
from pixmus.studies.tables import TEMPLATES, fixed, to_markdown

RESULTS = Path(__file__).parents[2] / "docs" / "results"
STORED = sorted(path.stem for path in RESULTS.glob("*.json") if path.stem in STUDIES)


@pytest.mark.parametrize("name", STORED)
def test_the_stored_result_makes_the_stored_table(name):
    result = json.loads((RESULTS / f"{name}.json").read_text())
    assert to_markdown(name, result) == (RESULTS / f"{name}.md").read_text(), (
        f"docs/results/{name}.md is not what {name}.md.j2 makes of {name}.json; run the study again"
    )


def test_most_studies_have_stored_results():
    assert len(STORED) >= 13


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_its_name_a_template_and_options(name):
    study = load_study(name)
    assert (TEMPLATES / f"{name}.md.j2").is_file()
    told = study.parser.format_help()
    assert study.about in told and "--out" in told and "--again" in told


def test_a_key_that_is_missing_ends_it():
    with pytest.raises(PixMusError, match="page.md cannot be written: .*'served_s'"):
        to_markdown("page", {"command": "c", "machine": {"cores": 1, "processor": "p"},
                             "load_average": 1.0})  # fmt: skip
    with pytest.raises(PixMusError, match="which it is not"):
        fixed("0.5")
