"""The page through its API, as a program calls it."""

from __future__ import annotations

import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from running_page import Page

from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi

# Gradio and its parts warn about each other's futures.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio's client makes a folder of a random name among the temporary files for each upload."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def client(page: Page) -> Any:
    from gradio_client import Client

    return Client(page.url, verbose=False)


def test_a_program_has_a_soundtrack_made(
    page: Page, clips: dict[str, Path], tmp_path: Path, client: Any
) -> None:
    from gradio_client import handle_file

    job = client.submit(
        handle_file(clips["eight"]),
        text="dark",
        seed=4,
        num_inference_steps=4,
        api_name="/soundtrack",
    )
    video, midi, sheet, everything, facts = job.result()
    assert probe(video).duration == pytest.approx(8.0, abs=0.05)
    sound = read_audio(probe(video))
    assert sound is not None and np.abs(sound).max() > 0.1
    assert facts["seed"] == 4 and "--text dark" in facts["shell"]
    assert any(read_midi(midi).parts.values())
    assert json.loads(Path(sheet).read_text())["duration"] == 8.0
    assert zipfile.is_zipfile(everything)


def test_a_program_spots_edits_and_composes(clips: dict[str, Path], client: Any) -> None:
    from gradio_client import handle_file

    path, reasons = client.predict(handle_file(clips["eight"]), api_name="/spot")
    sheet = json.loads(Path(path).read_text())
    assert sheet["cuts"] == [3.0, 5.0] and reasons["key"]
    sheet["key"] = "E minor"
    Path(path).write_text(json.dumps(sheet))
    midi, wav, seed = client.predict(
        handle_file(path), seed=6, num_inference_steps=4, api_name="/compose"
    )
    score = read_midi(midi)
    assert score.key == "E minor" and seed == 6
    assert Path(wav).stat().st_size > 8 * 44100 * 6


def test_a_program_brings_an_editors_cuts(
    clips: dict[str, Path], client: Any, tmp_path: Path
) -> None:
    from gradio_client import handle_file

    listed = tmp_path / "my cuts.csv"
    listed.write_text("time,name,colour\n0.5,door slams,red\n1.25,she turns,green\n")
    path, _ = client.predict(
        handle_file(clips["eight"]), cuts=handle_file(listed), api_name="/spot"
    )
    hits = {
        hit["time"]: hit["strength"] for hit in json.loads(Path(path).read_text())["hit_points"]
    }
    assert hits[0.5] == 1.0 and 1.25 in hits


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"clip": "words"}, "words.mp4 is not a video"),
        ({"clip": "eight", "tempo_bpm": 3}, "tempo"),
        ({"clip": "eight", "tempo_bpm": "abc"}, "tempo is 'abc'; give a number from 40 to 240 bpm"),
        ({"clip": "eight", "seed": 2**63}, "seed is far too large"),
        ({"clip": "eight", "seed": 1.5}, "seed is 1.5"),
        ({"clip": "eight", "valence": [1]}, "valence of the mood is a list"),
        ({"clip": "eight", "key": {}}, "key is neither a number nor words; give words"),
        ({"clip": "eight", "parts": 7}, "parts are 7; name some of melody"),
        ({"clip": "eight", "parts": ["kazoo"]}, "parts is 'kazoo'"),
        ({"clip": "eight", "accents": "loud"}, "accents can be on or off"),
        ({"clip": "eight", "text": "x" * 301}, "301 characters"),
        ({"clip": None}, "There is no file"),
    ],
)
def test_a_program_reads_what_went_wrong(
    clips: dict[str, Path], client: Any, asked: dict[str, Any], told: str
) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    clip = asked.pop("clip")
    file = handle_file(clips[clip]) if clip else None
    with pytest.raises(AppError, match=told):
        client.predict(file, **asked, api_name="/soundtrack")


def test_two_programs_at_once_get_what_each_would_get_alone(
    page: Page, clips: dict[str, Path]
) -> None:
    from gradio_client import Client, handle_file

    def ask(name: str, seed: int) -> Any:
        return Client(page.url, verbose=False).submit(
            handle_file(clips[name]), seed=seed, num_inference_steps=6, api_name="/soundtrack"
        )

    def score(job: Any) -> dict[str, Any]:
        return {part: list(notes) for part, notes in read_midi(job.result()[1]).parts.items()}

    together = [ask("eight", 1), ask("ten", 2)]
    both = [score(job) for job in together]
    assert both == [score(ask("eight", 1)), score(ask("ten", 2))]
    assert both[0] != both[1]


def test_the_endpoints_say_what_they_take(client: Any) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/soundtrack", "/spot", "/compose"}
    for endpoint in endpoints.values():
        first, *others = endpoint["parameters"]
        assert not first["parameter_has_default"]
        assert all(parameter["parameter_has_default"] for parameter in others)


def test_arguments_by_place_are_where_version_0_1_had_them(client: Any) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    places = {
        name: " ".join(p["parameter_name"] for p in endpoint["parameters"])
        for name, endpoint in named.items()
    }
    players = "tempo_bpm key style ensemble"
    assert places["/soundtrack"].startswith(
        f"clip text seed num_inference_steps guidance_scale {players} parts valence energy "
        "original_audio still_duration "
    )
    assert places["/spot"].startswith(f"clip text {players} still_duration ")
    assert places["/compose"].startswith("cue_sheet seed num_inference_steps guidance_scale ")


@pytest.mark.parametrize(
    "path", ["gradio_api/process_recording", "monitoring/summary", "gradio_api/monitoring/summary"]
)
def test_routes_that_the_page_does_not_need_are_closed(page: Page, path: str) -> None:
    for data in (None, b"#EXTM3U"):
        with pytest.raises(HTTPError) as raised:
            urlopen(page.url + path, data, timeout=60)
        raised.value.close()
        assert raised.value.code == 404


def test_what_visitors_bring_lies_where_only_this_user_reads(
    page: Page, clips: dict[str, Path], client: Any
) -> None:
    from gradio_client import handle_file

    client.predict(handle_file(clips["eight"]), api_name="/spot")
    found = list(page.temporary.iterdir())
    assert found and all(path.name.startswith("pixmus-page-") for path in found)
    for root in found:
        assert root.stat().st_mode & 0o077 == 0
        assert any((root / "uploads").rglob("eight.mp4"))


def test_what_was_uploaded_and_made_is_removed(
    tmp_path: Path, clips: dict[str, Path], page: Page
) -> None:
    from gradio_client import Client, handle_file

    page = Page(tmp_path, "--keep-minutes", "0.2", examples=page.examples)
    try:
        client = Client(page.url, verbose=False)
        client.predict(handle_file(clips["eight"]), num_inference_steps=4, api_name="/soundtrack")

        def there() -> list[Path]:
            kinds = (".mp4", ".wav", ".mid", ".zip", ".json", ".png")
            found = [path for path in page.files() if path.suffix in kinds]
            return [path for path in found if path.parent.name != "examples"]  # the page's own

        assert there()
        end = time.monotonic() + 200
        while there() and time.monotonic() < end:
            time.sleep(0.5)
        assert not there()
        # A page that is told to end does so in the midst of work, and leaves nothing.
        job: Any = None
        end = time.monotonic() + 100
        while not page.files("eight-scored.mp4") and time.monotonic() < end:
            if job is None or job.done():  # on a busy machine the clip may be gone before the work
                job = client.submit(
                    handle_file(clips["eight"]),
                    num_inference_steps=100,
                    num_takes=4,
                    api_name="/soundtrack",
                )
            time.sleep(0.1)
        assert not job.done()
        begun = time.monotonic()
        page.process.terminate()
        page.process.wait(30)
        assert time.monotonic() - begun < 5
        assert not list(page.temporary.iterdir())
    finally:
        page.close()
