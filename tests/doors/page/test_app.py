"""The page in a real browser and through its API, started as a visitor's machine starts it."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi
from pixmus.take.pipeline import PixMusPipeline

REPOSITORY = Path(__file__).parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium; install it with: apt-get install chromium"
)
# Gradio and its parts warn about each other's futures.
pytestmark = pytest.mark.filterwarnings("default")


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


class Page:
    """A running page and its address."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "page.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        begun = time.monotonic()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port), *options],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.temporary)},
            )
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - begun < 240, self.log.read_text()
            try:
                urllib.request.urlopen(self.url, timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def clips(
    tmp_path_factory: pytest.TempPathFactory, paint_clip: Callable[..., Path]
) -> dict[str, Path]:
    """Clips of known cuts: one as phones make them, with sound, and a few that must be refused."""
    folder = tmp_path_factory.mktemp("clips")
    sound = 0.2 * np.sin(np.arange(8 * 44100) / 12)[None].astype(np.float32)
    shots = [(3.0, (30, 60, 120)), (2.0, (220, 120, 40)), (3.0, (60, 160, 90))]
    how: dict[str, Any] = {"codec": "libx264", "size": (320, 180), "moving": True}
    words = folder / "words.mp4"
    words.write_text("These are words, and no video at all.\n" * 100)
    return {
        "eight": paint_clip(folder / "eight.mp4", shots, sound=sound, **how),
        "ten": paint_clip(folder / "ten.mp4", [(4.0, 200), (3.0, (90, 20, 20)), (3.0, 240)], **how),
        "long": paint_clip(folder / "long.mp4", [(182.0, 90)], frame_rate=2),
        "words": words,
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Path]) -> Iterator[Page]:
    """The page with one example of its own."""
    examples = tmp_path_factory.mktemp("examples")
    shutil.copyfile(clips["eight"], examples / "squares.mp4")
    facts = {"title": "Three squares", "intent": "A square crosses three colours."}
    (examples / "squares.json").write_text(json.dumps(facts))
    (examples / "outputs").mkdir()
    pipe = PixMusPipeline.from_pretrained()
    pipe(examples / "squares.mp4", seed=21, num_inference_steps=6).save(
        examples / "outputs" / "squares"
    )
    found = Page(tmp_path_factory.mktemp("page"), "--examples", str(examples))
    yield found
    found.close()


# ------------------------------------------------------------------------------------ In a browser


class Visitor:
    """One browser page, which remembers what went wrong on it."""

    def __init__(self, browser: Any, url: str, width: int = 1280, height: int = 800) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True
        )
        self.tab = self.context.new_page()
        self.trouble: list[str] = []
        self.tab.on("pageerror", lambda error: self.trouble.append(f"page error: {error}"))
        self.tab.on("console", self._hear)
        self.tab.on("request", self._watch)
        self.tab.on("response", self._read)
        self.tab.set_default_timeout(120_000)  # ms; a busy machine is no error
        self.tab.goto(url)
        self.tab.wait_for_selector("#make")
        self.tab.wait_for_timeout(500)

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.trouble.append(f"console: {message.text}")

    def _read(self, response: Any) -> None:
        if response.status >= 400:
            self.trouble.append(f"{response.status}: {response.url}")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.trouble.append(f"another host was asked: {request.url}")

    def upload(self, clip: Path) -> None:
        self.tab.set_input_files("#clip input[type=file]", str(clip))
        self.tab.wait_for_selector("#clip video", state="attached")

    def sampling(self, **values: int) -> None:
        """Opens the sampling choices and sets steps, seed or num-takes."""
        if not self.tab.locator("#seed").count():
            self.tab.get_by_text("Sampling: guidance, steps, seed, takes").click()
            self.tab.wait_for_selector("#seed")
        for name, value in values.items():
            box = f"#{name.replace('_', '-')}"
            field = (
                f"{box} textarea, {box} input" if name == "seed" else f"{box} input[type=number]"
            )
            self.tab.locator(field).first.fill(str(value))
            self.tab.keyboard.press("Tab")

    def status(self) -> str:
        return str(self.tab.inner_text("#status"))

    def wait_for_status(self, text: str, seconds: float = 240) -> None:
        self.tab.wait_for_function(
            "text => document.querySelector('#status').innerText.includes(text)",
            arg=text,
            timeout=1000 * seconds,
        )

    def make(self, done: str = "Done in") -> None:
        self.tab.click("#make")
        self.tab.wait_for_timeout(200)
        self.wait_for_status(done)

    def source(self) -> str:
        return str(self.tab.get_attribute("#result video", "src"))

    def facts(self) -> dict[str, str]:
        return dict(
            self.tab.evaluate(
                "[...document.querySelectorAll('#facts dl > div')].map(row => "
                "[row.children[0].textContent, row.children[1].textContent])"
            )
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, page: Page) -> Iterator[Callable[..., Visitor]]:
    """`visit()` opens the page; at the end none of the visitors may have seen anything amiss."""
    visitors: list[Visitor] = []

    def open_page(**how: Any) -> Visitor:
        visitors.append(Visitor(browser, page.url, **how))
        return visitors[-1]

    yield open_page
    for visitor in visitors:
        visitor.context.close()
    assert [line for visitor in visitors for line in visitor.trouble] == []


@in_a_browser
def test_a_clip_is_uploaded_scored_and_plays(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(seed=5)
    visitor.make()
    video = "document.querySelector('#result video')"
    visitor.tab.evaluate(f"{video}.play()")
    visitor.tab.wait_for_function(f"{video}.currentTime > 1")
    assert visitor.tab.evaluate(f"{video}.webkitAudioDecodedByteCount") > 5000
    assert visitor.tab.evaluate(f"{video}.videoWidth") == 320
    facts = visitor.facts()
    assert facts["Seed"] == "5" and "2 cuts met within 40 ms" in facts["Cuts"]
    assert "--seed 5" in visitor.tab.inner_text("#shell")
    for name in ("spectrogram", "own-spectrogram", "pianoroll", "agreement", "cues"):
        image = visitor.tab.wait_for_selector(f"#picture-{name} img")
        image.scroll_into_view_if_needed()
        visitor.tab.wait_for_function("image => image.naturalWidth == 1600", arg=image)


@in_a_browser
def test_an_example_shows_its_finished_result_at_once(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.tab.click("#examples .pm-card")
    visitor.tab.wait_for_selector("#result video")
    assert "outputs/squares/scored.mp4" in visitor.source()
    assert visitor.facts()["Seed"] == "21"
    visitor.tab.wait_for_selector("#picture-pianoroll img")
    visitor.tab.wait_for_selector("#clip video")  # and can be scored anew
    visitor.sampling(steps=4)
    visitor.make()
    assert "outputs" not in visitor.source()


@in_a_browser
def test_a_hit_point_is_moved_and_composed_from(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4, seed=3)
    visitor.tab.click("#spot")
    visitor.wait_for_status("Spotted")
    pins = visitor.tab.locator(".pm-hit")
    assert pins.count() == 2
    assert not visitor.tab.locator("#result video").count()
    pins.nth(0).focus()
    visitor.tab.keyboard.press("Shift+ArrowRight")  # ten frames
    visitor.tab.wait_for_function("document.querySelector('#hits').innerText.includes('3.417')")
    box = pins.nth(1).locator(".pm-grip").bounding_box()  # and the other by the mouse
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + 10
    visitor.tab.mouse.move(x, y)
    visitor.tab.mouse.down()
    visitor.tab.mouse.move(x + 120, y, steps=5)
    visitor.tab.mouse.up()
    visitor.tab.click(".pm-add")
    visitor.tab.wait_for_function("document.querySelectorAll('.pm-hit').length == 3")
    visitor.tab.click("#recompose")
    visitor.wait_for_status("Done in")
    assert "--cues cues.json" in visitor.tab.inner_text("#shell")
    with visitor.tab.expect_download() as download:
        visitor.tab.click("#get-cues")
    sheet = json.loads(Path(download.value.path()).read_text())
    times = [hit["time"] for hit in sheet["hit_points"]]
    assert len(times) == 3 and 3.417 in times and 5.0 not in times and max(times) > 5.3


@in_a_browser
def test_bars_are_redone_and_the_rest_stays(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["ten"])
    visitor.sampling(steps=4, seed=8)
    visitor.make()

    def score() -> dict[str, set[tuple[float, int]]]:
        with visitor.tab.expect_download() as download:
            visitor.tab.click("#get-midi")
        parts = read_midi(Path(download.value.path())).parts
        return {part: {(n.onset, n.pitch) for n in notes} for part, notes in parts.items()}

    before, source = score(), visitor.source()
    visitor.tab.fill("#redo-bars textarea, #redo-bars input", "2")
    visitor.sampling(seed=9)
    visitor.tab.click("#redo")
    visitor.tab.wait_for_function(
        "before => document.querySelector('#result video').getAttribute('src') != before",
        arg=source,
    )
    visitor.wait_for_status("Done in")
    after = score()
    changed = {onset for part in before for onset, _ in before[part] ^ after[part]}
    assert changed and all(4 <= onset < 8 for onset in changed)


@in_a_browser
def test_cancel_ends_the_work_and_frees_the_queue(
    visit: Callable[..., Visitor], clips: dict[str, Path], page: Page
) -> None:
    visitor = visit()
    visitor.upload(clips["ten"])
    visitor.sampling(steps=50, num_takes=4)
    visitor.tab.click("#make")
    visitor.wait_for_status("inference step")
    visitor.tab.click("#cancel")
    visitor.wait_for_status("Cancelled")
    visitor.tab.wait_for_timeout(500)
    written = list(page.temporary.rglob("ten-scored.mp4"))
    visitor.tab.wait_for_timeout(6000)  # in which at least the first take would be written
    assert "Cancelled" in visitor.status()
    assert list(page.temporary.rglob("ten-scored.mp4")) == written
    visitor.sampling(steps=4, num_takes=1)
    visitor.make()


@in_a_browser
def test_four_takes_are_switched_while_they_play(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4, num_takes=4, seed=30)
    visitor.make(done="4 takes made")
    labels = visitor.tab.locator("#takes label")
    visitor.tab.wait_for_function("document.querySelectorAll('#takes label').length == 4")
    told = [str(labels.nth(i).inner_text()) for i in range(4)]
    seeds = [re.search(r"seed (\d+)", line).group(1) for line in told]  # type: ignore[union-attr]
    assert sorted(seeds) == ["30", "31", "32", "33"]
    visitor.tab.evaluate("document.querySelector('#result video').play()")
    visitor.tab.wait_for_function("document.querySelector('#result video').currentTime > 1")
    labels.nth(2).click()
    visitor.tab.wait_for_function("!document.querySelectorAll('#result video')[2].hidden")
    shown = visitor.tab.evaluate(
        "[...document.querySelectorAll('#result video')].map(v => "
        "[v.hidden, v.paused, v.currentTime])"
    )
    assert [hidden for hidden, *_ in shown] == [True, True, False, True]
    assert shown[2][1] is False and shown[2][2] > shown[0][2] - 0.5  # it goes on, not anew
    visitor.tab.wait_for_function(
        "seed => document.querySelector('#facts dd').textContent == seed", arg=seeds[2]
    )


@in_a_browser
def test_everything_is_taken_away_in_one_zip(
    visit: Callable[..., Visitor], clips: dict[str, Path], tmp_path: Path
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4, seed=12)
    visitor.make()
    with visitor.tab.expect_download() as download:
        visitor.tab.click("#pack-all")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "eight-pixmus"
    names = {path.name for path in folder.iterdir()}
    assert {"scored.mp4", "music.wav", "score.mid", "cues.json", "take.json", "stems"} <= names
    assert json.loads((folder / "take.json").read_text())["seed"] == 12
    assert probe(folder / "scored.mp4").duration == pytest.approx(8.0, abs=0.05)
    assert any(read_midi(folder / "score.mid").parts.values())


@in_a_browser
@pytest.mark.parametrize(
    ("clip", "told"),
    [
        (None, "There is no clip yet; upload one or choose an example."),
        ("words", "words.mp4 is not a video or image that can be read"),
        ("long", "long.mp4 lasts 182 s; give a clip of at most 180 s"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(
    visit: Callable[..., Visitor], clips: dict[str, Path], clip: str | None, told: str
) -> None:
    visitor = visit()
    if clip is not None:
        visitor.tab.set_input_files("#clip input[type=file]", str(clips[clip]))
        visitor.tab.wait_for_timeout(1500)
    visitor.tab.click("#make")
    visitor.wait_for_status(told)
    assert "/" not in visitor.status()
    if clip == "words":  # the browser cannot play it either, and says so
        visitor.trouble.clear()


@in_a_browser
def test_a_still_image_is_scored(visit: Callable[..., Visitor], tmp_path: Path) -> None:
    from PIL import Image

    ramp = np.linspace(0, 255, 320, dtype=np.uint8)[None, :, None].repeat(180, 0).repeat(3, 2)
    Image.fromarray(ramp).save(tmp_path / "dusk.jpg")
    visitor = visit()
    visitor.tab.get_by_role("tab", name="Still image").click()
    visitor.tab.set_input_files("#still input[type=file]", str(tmp_path / "dusk.jpg"))
    visitor.tab.wait_for_selector("#still img")
    visitor.sampling(steps=4)
    visitor.make()
    assert visitor.tab.evaluate("document.querySelector('#result video').duration") == (
        pytest.approx(20, abs=0.1)
    )


@in_a_browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_nothing_overflows_and_the_button_is_in_sight(
    visit: Callable[..., Visitor], clips: dict[str, Path], width: int, height: int
) -> None:
    visitor = visit(width=width, height=height)
    fits = "document.documentElement.scrollWidth <= window.innerWidth"
    assert visitor.tab.evaluate(fits)
    box = visitor.tab.locator("#make").bounding_box()
    assert box and box["y"] + box["height"] <= height
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4)
    visitor.make()
    visitor.tab.wait_for_selector("#picture-cues img")
    assert visitor.tab.evaluate(fits)
    visitor.tab.screenshot(full_page=True)


@in_a_browser
def test_the_page_is_worked_by_the_keyboard_alone(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.tab.focus("#text textarea, #text input")
    visitor.tab.keyboard.type("calm strings")
    for _ in range(3):
        visitor.tab.keyboard.press("Tab")
        if visitor.tab.evaluate("document.activeElement.id") == "make":
            break
    visitor.tab.keyboard.press("Enter")
    visitor.wait_for_status("Done in")
    assert visitor.facts()["Players"].startswith("strings")
    nameless = visitor.tab.evaluate(
        "[...document.querySelectorAll('button, input, textarea, video, img, [role=slider]')]"
        ".filter(e => e.offsetParent && !e.closest('[aria-hidden=true]') && "
        "!(e.getAttribute('aria-label') || e.alt || e.title ||"
        " e.innerText || e.placeholder || (e.labels && e.labels.length) ||"
        " e.getAttribute('aria-labelledby') || e.closest('label'))).map(e => e.outerHTML)"
    )
    assert [html for html in nameless if "svelte" not in html] == []


@in_a_browser
def test_fields_that_were_looked_at_stay_empty_and_nonsense_is_named(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    for name in ("Music: tempo", "Sampling: guidance", "Clip: part"):
        visitor.tab.get_by_text(name).click()
    visitor.tab.wait_for_selector("#to")
    typed = "[...document.querySelectorAll('#tempo, #seed, #from, #to')].map(box => "
    typed += "box.querySelector('textarea, input').value)"
    assert visitor.tab.evaluate(typed) == ["", "", "", ""]
    visitor.sampling(steps=4)
    visitor.make()
    for box, value, told in (
        ("#tempo", "5", "The tempo is 5"),
        ("#tempo", "quick", "The tempo is 'quick'; give a number"),
        ("#seed", "1.5", "The seed is '1.5'; give a whole number"),
        ("#from", "9", "cannot be trimmed"),
    ):
        field = visitor.tab.locator(f"{box} textarea, {box} input").first
        field.fill(value)
        visitor.tab.keyboard.press("Tab")
        visitor.tab.click("#make")
        visitor.wait_for_status(told)
        field.fill("")


@in_a_browser
def test_a_take_that_is_heard_stays_chosen_when_others_arrive(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(steps=8, num_takes=3, seed=40)
    visitor.tab.click("#make")
    visitor.tab.wait_for_selector("#result video")
    source = visitor.source()
    visitor.tab.evaluate("document.querySelector('#result video').play()")
    visitor.wait_for_status("3 takes made")
    visitor.tab.wait_for_timeout(2000)
    heard = "[...document.querySelectorAll('#result video')].findIndex(v => !v.hidden)"
    index = visitor.tab.evaluate(heard)
    assert visitor.tab.evaluate(
        "i => document.querySelectorAll('#result video')[i].getAttribute('src')", index
    ) == (source)
    assert visitor.tab.evaluate("i => document.querySelectorAll('#takes input')[i].checked", index)
    assert visitor.facts()["Seed"] == "40"


@in_a_browser
def test_results_and_rights_are_shown(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.tab.get_by_role("tab", name="Examples and experiments").click()
    visitor.tab.wait_for_selector("h3:has-text('Three squares')")
    text = visitor.tab.inner_text("body")
    assert "compositions belong to others" in text and "composed lines" in text
    visitor.tab.get_by_text("Does the music meet the cuts?").click()
    visitor.tab.wait_for_selector("text=hit@40")


# --------------------------------------------------------------------------------- Through the API


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


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"clip": "words"}, "words.mp4 is not a video"),
        ({"clip": "eight", "tempo_bpm": 3}, "tempo"),
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


def test_what_was_uploaded_and_made_is_removed(tmp_path: Path, clips: dict[str, Path]) -> None:
    from gradio_client import Client, handle_file

    page = Page(tmp_path, "--keep-minutes", "0.1")
    try:
        client = Client(page.url, verbose=False)
        client.predict(handle_file(clips["eight"]), num_inference_steps=4, api_name="/soundtrack")

        def there() -> list[Path]:
            kinds = (".mp4", ".wav", ".mid", ".zip", ".json", ".png")
            return [p for p in page.temporary.rglob("*") if p.suffix in kinds]

        assert there()
        end = time.monotonic() + 200
        while there() and time.monotonic() < end:
            time.sleep(0.5)
        assert not there()
    finally:
        page.close()
