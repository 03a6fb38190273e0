"""One study that is made here goes the whole way: arguments, cache, sections, files, exit code."""

import json

import pytest
from matplotlib.figure import Figure

from pixmus.errors import PixMusError
from pixmus.studies import STUDIES, runner, tables
from pixmus.studies.runner import Run, Study

CALLS: list[str] = []


def measure(run: Run) -> dict[str, object]:
    def slow() -> int:
        CALLS.append("slow")
        return run.arguments.size

    kept = run.cached("size", run.arguments.size, slow)
    return run.sections({"kept": kept}, {"one": lambda: len(CALLS), "two": lambda: "two"})


@pytest.fixture
def study(tmp_path, monkeypatch) -> Study:
    made = Study(
        "trial",
        "A trial.",
        measure,
        lambda parser: parser.add_argument("--size", type=int, default=3),
        pictures={"trial.png": lambda result: Figure((1, 1))},
        has_quick=True,
        passes=lambda result: result["kept"] < 9,
    )
    (tmp_path / "trial.md.j2").write_text("{{ command }}: {{ kept }}, {{ two }}\n")
    monkeypatch.setattr(tables, "TEMPLATES", tmp_path)
    monkeypatch.setitem(STUDIES, "trial", "pixmus.studies.trial")
    monkeypatch.setattr(runner, "load_study", lambda name: made)
    monkeypatch.chdir(tmp_path)
    CALLS.clear()
    return made


def test_a_study_writes_its_files_and_keeps_what_it_measured(study, tmp_path, capsys):
    for _ in range(2):
        assert runner.run("trial", ["--size", "4"]) == 0
    assert CALLS == ["slow"]
    out = tmp_path / "docs/results"
    told = "pixmus evaluate trial --size 4: 4, two\n"
    assert (out / "trial.md").read_text() == told and told in capsys.readouterr().out
    assert json.loads((out / "trial.json").read_text())["kept"] == 4
    assert (out / "trial.png").stat().st_size > 0
    assert runner.run("trial", ["--size", "4", "--again"]) == 0
    assert CALLS == ["slow", "slow"]


def test_a_section_alone_leaves_the_others(study, tmp_path):
    runner.run("trial", ["--out", str(tmp_path / "out")])
    CALLS.append("more")
    runner.run("trial", ["--out", str(tmp_path / "out"), "--only", "one"])
    result = json.loads((tmp_path / "out/trial.json").read_text())
    assert (result["one"], result["two"]) == (2, "two")
    with pytest.raises(PixMusError, match="no section 'three': one, two"):
        runner.run("trial", ["--only", "three"])


def test_quick_writes_elsewhere_and_the_exit_code_says_what_failed(study, tmp_path):
    assert runner.run("trial", ["--quick", "--size", "10"]) == 1
    assert (tmp_path / "runs/trial/trial.md").is_file()
    assert not (tmp_path / "docs").exists()


def test_threads_are_set_for_the_study_only(study):
    import torch

    before = torch.get_num_threads()
    with runner.torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(PixMusError, match="at least 1 thread"):
        runner.run("trial", ["--threads", "0"])


def test_a_function_runs_in_a_process_of_its_own():
    assert runner.run_apart("math:hypot", 3, 4) == 5.0


def test_an_unknown_study_is_named():
    with pytest.raises(PixMusError, match="no evaluation 'taste'; there are: bench"):
        runner.load_study("taste")
