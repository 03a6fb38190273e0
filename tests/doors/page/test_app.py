"""The page in a real browser, started as a visitor's machine starts it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from running_page import Page, Visitor

from pixmus.picture.video import probe
from pixmus.score.midi import read_midi

# Gradio and its parts warn about each other's futures.
pytestmark = pytest.mark.filterwarnings("default")


def test_a_clip_is_uploaded_scored_and_plays_and_nothing_overflows(scored: Visitor) -> None:
    visitor = scored
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
    visitor.tab.evaluate(f"{video}.pause()")
    assert visitor.tab.evaluate(FITS)
    visitor.tab.screenshot(full_page=True)


FITS = "document.documentElement.scrollWidth <= window.innerWidth"
HEARD = "[...document.querySelectorAll('#result *')].find(e => e.pmHeard)"


def test_one_timeline_follows_what_is_heard_and_the_parts_are_heard_alone(
    scored: Visitor,
) -> None:
    tab, video = scored.tab, "document.querySelector('#result video:not([hidden])')"
    tab.wait_for_selector(".pm-chip button")
    view = tab.locator(".pm-along-view")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    assert box
    gutter = 76  # pixels: the names of the rows
    at = {"x": gutter + (box["width"] - gutter) * 0.5, "y": 150}
    view.click(position=at)  # where eight seconds have their middle
    tab.wait_for_function(f"Math.abs({video}.currentTime - 4) < 0.05")
    told = tab.inner_text(".pm-told")
    assert "bar " in told and "beat " in told and "00:00:0" in told
    view.focus()
    tab.keyboard.press("Shift+ArrowRight")
    tab.wait_for_function(f"Math.abs({video}.currentTime - 5) < 0.05")
    tab.keyboard.press("Home")
    tab.mouse.move(0, 0)
    tab.evaluate(f"{video}.loop = true; {video}.play()")
    tab.wait_for_function(f"{video}.currentTime > 0.8")
    off = tab.evaluate(  # by where it stands, in the frame that the screen shows
        "gutter => new Promise(done => requestAnimationFrame(() => {"
        "const box = document.querySelector('.pm-along-view').getBoundingClientRect();"
        "const x = document.querySelector('.pm-playhead').getBoundingClientRect().x - box.x + 1;"
        f"done((x - gutter) / (box.width - gutter) * 8 - {video}.currentTime); }}))",
        gutter,
    )
    assert abs(off) < 0.05
    part = tab.locator(".pm-chip").first.inner_text().split()[0].lower()
    tab.click(f"[aria-label='Solo {part}']")
    tab.wait_for_function(f"{HEARD}.pmHeard() !== null")
    gains = tab.evaluate(f"{HEARD}.pmGains()")
    assert {name for name, gain in gains.items() if gain > 0} == {part, "own"}
    assert tab.evaluate(f"{video}.muted")  # the film itself keeps still
    tab.wait_for_timeout(600)
    tab.wait_for_function(f"Math.abs({HEARD}.pmHeard() - {video}.currentTime) < 0.05")
    tab.click(".pm-modes button:has-text('Music')")
    tab.wait_for_function(f"{HEARD}.pmGains().own < 0.05")
    tab.click(".pm-modes button:has-text('Both')")
    tab.click(f"[aria-label='Solo {part}']")  # and the film sounds as it was made again
    tab.wait_for_function(f"!{video}.muted && {HEARD}.pmHeard() === null")
    tab.click("[aria-label='Zoom in']")
    tab.evaluate(f"{video}.loop = false; {video}.pause()")


def test_at_first_sight_all_fits_and_the_finished_film_plays(
    visit: Callable[..., Visitor],
) -> None:
    visitor = visit()
    assert visitor.tab.evaluate(FITS) and visitor.is_make_in_sight()
    told = visitor.tab.inner_text("#films figcaption")
    assert "Three squares" in told and "Strings in E minor at 9" in told
    assert "A Painter | squares.org, CC BY 4.0." in told  # whose it is stands on its card
    licence = visitor.tab.get_attribute("#films .pm-credit a", "href")
    assert licence == "https://creativecommons.org/licenses/by/4.0/"
    film = "document.querySelector('#films video')"
    assert visitor.tab.evaluate(f"{film}.poster.startsWith('data:image/jpeg')")
    assert visitor.tab.evaluate("document.querySelector('#films img').naturalWidth") == 400
    assert not visitor.tab.is_visible("#result")  # no empty box beside it
    visitor.tab.click("#films .pm-play")
    visitor.tab.wait_for_function(f"{film}.currentTime > 0.3")
    assert visitor.tab.evaluate(f"{film}.controls && !{film}.muted")
    assert visitor.tab.evaluate(f"getComputedStyle({film}).objectFit") == "contain"  # all of it
    place = visitor.tab.locator("#films").bounding_box()
    large = visitor.tab.locator(".pm-film.pm-playing").bounding_box()
    assert place and large and (large["x"], large["width"]) == (place["x"], place["width"])
    assert visitor.tab.evaluate(f"{film}.webkitAudioDecodedByteCount") > 1000
    assert visitor.tab.locator("#guidance input[type=number]").is_visible()
    icon = visitor.tab.get_attribute("link[rel~=icon]", "href")
    kind = visitor.tab.evaluate("u => fetch(u).then(r => r.headers.get('content-type'))", icon)
    assert kind == "image/svg+xml"
    told = "metas => metas.map(meta => meta.content).join(' ')"
    head = visitor.tab.eval_on_selector_all("meta[property^='og:']", told)
    assert "PixMus: music composed for your clip" in head and "follows the picture" in head


def test_an_example_shows_its_finished_result_at_once_and_is_made_again_note_for_note(
    visit: Callable[..., Visitor], page: Page
) -> None:
    visitor = visit()
    assert not visitor.tab.is_visible("#examples")  # nothing is shown twice
    visitor.tab.click("#films .pm-open")
    visitor.tab.wait_for_selector("#result video")
    assert not visitor.tab.is_visible("#films") and visitor.tab.is_visible("#examples")
    card = "document.querySelector('#examples .pm-card video')"  # its picture is the film's
    visitor.tab.wait_for_function(f"{card}.poster.startsWith('data:image/jpeg')")
    credit = visitor.tab.inner_text("#facts .pm-credit")
    assert credit.startswith("Picture: Squares, A Painter | squares.org, CC BY 4.0.")
    assert credit.endswith("Changed: shortened.")
    visitor.tab.wait_for_selector("#shell .cm-content")
    for dead in ("#redo", "#recompose"):  # what an example cannot be asked is not offered
        assert not visitor.tab.is_visible(dead)
    told = visitor.tab.inner_text("#facts .pm-lines")
    assert "Strings in E minor at 9" in told and "Words: “dark”." in told
    assert "outputs/squares/scored.mp4" in visitor.source()
    facts = visitor.facts()
    assert facts["Seed"] == "21" and facts["Words"] == "dark"
    assert facts["Set by hand"] == "96.0, E minor, strings, 0.4, 0.7"
    visitor.tab.wait_for_selector("#picture-pianoroll img")
    visitor.tab.wait_for_selector("#clip video")
    visitor.make()  # with nothing touched: the controls ask for what the example was asked for
    assert "outputs" not in visitor.source()
    again = visitor.score()
    stored = read_midi(page.examples / "outputs" / "squares" / "score.mid").parts
    assert again == {part: list(notes) for part, notes in stored.items()}
    assert any(again.values())
    visitor.tab.get_by_text("Music: tempo").click()  # and say so
    tempo = visitor.tab.wait_for_selector("#tempo textarea, #tempo input")
    assert tempo.input_value() == "96"
    assert visitor.tab.input_value("#key input") == "E minor"
    assert visitor.tab.is_visible("#energy input[type=number]")
    visitor.sampling()
    assert visitor.tab.input_value("#seed textarea, #seed input") == "21"


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


def test_a_clip_is_ready_before_it_is_asked_for_and_cancel_ends_the_work_and_frees_the_queue(
    visit: Callable[..., Visitor], clips: dict[str, Path], page: Page
) -> None:
    visitor = visit()
    visitor.upload(clips["ten"])
    visitor.wait_for_status("Your clip is ready: 0:10, 2 cuts.")
    assert "it takes about" in visitor.status()
    visitor.sampling(steps=50, num_takes=4)
    visitor.tab.click("#make")
    visitor.wait_for_status("inference step")
    ties = json.loads(urlopen(f"{page.url}config").read())["dependencies"]
    assert not any(tie["cancels"] for tie in ties), "stopped work tells its last word itself"
    visitor.tab.click("#cancel")
    visitor.wait_for_status("Cancelled")
    visitor.tab.wait_for_timeout(500)
    written = page.files("ten-scored.mp4")
    visitor.tab.wait_for_timeout(6000)  # in which at least the first take would be written
    assert "Cancelled" in visitor.status()
    assert page.files("ten-scored.mp4") == written
    visitor.sampling(steps=4, num_takes=1)
    visitor.make()


def test_a_take_that_is_heard_stays_chosen_when_others_arrive_and_all_are_switched_while_they_play(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4, num_takes=4, seed=30)
    visitor.tab.click("#make")
    visitor.tab.wait_for_selector("#result video")
    assert visitor.tab.is_visible("#cancel"), "there is something to cancel between takes, too"
    source = visitor.source()
    heard = "document.querySelector('#result video:not([hidden])')"
    visitor.tab.evaluate(f"{heard}.play()")
    visitor.wait_for_status("4 takes made")
    visitor.tab.wait_for_function("document.querySelectorAll('.pm-row').length == 4")
    visitor.tab.wait_for_timeout(500)  # in which it is asked for again: the best was shown
    visitor.tab.wait_for_function("document.querySelector('#facts dd').textContent == '30'")
    assert visitor.source() == source
    assert visitor.names() == ["Take 4", "Take 3", "Take 2", "Take 1"]
    assert sum("ranks best" in told for told in visitor.cards()) == 1
    visitor.tab.evaluate(f"{heard}.currentTime = 0; {heard}.play()")
    visitor.tab.wait_for_function(f"{heard}.currentTime > 1")
    visitor.tab.click("[aria-label='Show Take 3']")  # it goes on, not anew
    assert visitor.source() != source
    assert visitor.tab.evaluate(f"[{heard}.paused, {heard}.currentTime > 0.9]") == [False, True]
    visitor.tab.wait_for_function("document.querySelector('#facts dd').textContent == '32'")
    visitor.tab.click("[aria-label='Compare with Take 1']")  # two at once, by a switch
    visitor.tab.click(".pm-ab:has-text('Take 1')")
    assert visitor.source() == source
    both = visitor.tab.evaluate(
        "[...document.querySelectorAll('#result video')].filter(v => !v.paused)"
        ".map(v => [v.muted, v.hidden, v.currentTime])"
    )
    assert sorted(pair[:2] for pair in both) == [[False, False], [True, True]]
    assert abs(both[0][2] - both[1][2]) < 0.3
    visitor.tab.wait_for_function("document.querySelector('#facts dd').textContent == '30'")
    assert visitor.tab.inner_text(".pm-ab[aria-pressed=true]") == "Take 1"


def test_nothing_is_lost_by_an_example_a_redo_or_a_reload_in_the_middle(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["ten"])
    visitor.sampling(steps=4, seed=8)
    visitor.make()
    before, source = _onsets(visitor), visitor.source()
    visitor.tab.fill("#redo-bars textarea, #redo-bars input", "2")
    visitor.sampling(seed=9)
    visitor.tab.click("#redo")
    visitor.tab.wait_for_function("document.querySelectorAll('.pm-row').length == 2")
    visitor.wait_for_status("Done in")
    after = _onsets(visitor)
    changed = {onset for part in before for onset, _ in before[part] ^ after[part]}
    assert changed and all(4 <= onset < 8 for onset in changed)
    assert "redo of bar 2 of Take 1" in visitor.cards()[0]

    visitor.tab.click("[aria-label='Pin Take 1']")
    visitor.tab.click("[aria-label='Rename Take 2']")
    visitor.tab.keyboard.type("The calm one")
    visitor.tab.keyboard.press("Enter")
    visitor.tab.wait_for_selector("[aria-label='Show The calm one']")
    visitor.tab.click("#examples .pm-card")  # an example takes nothing away
    visitor.tab.wait_for_selector("[aria-label='Show Three squares']")
    assert "outputs/squares" in visitor.source()
    visitor.tab.wait_for_selector("#back-to-own")
    visitor.tab.click("[aria-label='Show Take 1']")
    assert visitor.source() == source
    visitor.tab.wait_for_function("document.querySelector('#facts dd').textContent == '8'")
    visitor.tab.click("[aria-label^='Ask again as for Take 1']")
    visitor.tab.wait_for_function("document.querySelector('#clip video').src.includes('ten')")
    visitor.tab.wait_for_function(
        "document.querySelector('#seed input, #seed textarea').value == 8"
    )

    visitor.sampling(steps=50, seed=11, num_takes=2)  # longer than a page takes to load
    visitor.tab.click("#make")
    visitor.wait_for_status("inference step")
    visitor.reload()
    visitor.wait_for_status("2 takes made")  # it went on, and is shown again
    assert visitor.names() == ["Take 4", "Take 3", "Three squares", "The calm one", "Take 1"]
    assert visitor.tab.get_attribute("[aria-label='Unpin Take 1']", "aria-pressed") == "true"
    assert "ten" in str(visitor.tab.get_attribute("#clip video", "src"))
    visitor.tab.click("[aria-label='Remove Take 3']")
    visitor.tab.wait_for_function("document.querySelectorAll('.pm-row').length == 4")
    visitor.sampling(steps=4, num_takes=1)
    visitor.make()  # of the clip that was shown again
    assert visitor.names()[0] == "Take 5" and "ten" in visitor.source()


def _onsets(visitor: Visitor) -> dict[str, set[tuple[float, int]]]:
    return {part: {(n.onset, n.pitch) for n in notes} for part, notes in visitor.score().items()}


def test_everything_is_taken_away_in_one_zip(scored: Visitor, tmp_path: Path) -> None:
    with scored.tab.expect_download() as download:
        scored.tab.click("#pack-all")
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "eight-pixmus"
    names = {path.name for path in folder.iterdir()}
    assert {"scored.mp4", "music.wav", "score.mid", "cues.json", "take.json", "stems"} <= names
    assert json.loads((folder / "take.json").read_text())["seed"] == 5
    assert probe(folder / "scored.mp4").duration == pytest.approx(8.0, abs=0.05)
    assert any(read_midi(folder / "score.mid").parts.values())


@pytest.mark.parametrize(
    ("clip", "told"),
    [
        ("words", "words.mp4 is not a video or image that can be read"),
        ("long", "long.mp4 lasts 182 s; give a clip of at most 180 s here, or choose a part"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence_before_anything_is_pressed(
    visit: Callable[..., Visitor], clips: dict[str, Path], clip: str, told: str
) -> None:
    visitor = visit()
    visitor.tab.click("#make")
    visitor.wait_for_status("There is no clip yet; upload one or choose an example.")
    visitor.tab.set_input_files("#clip input[type=file]", str(clips[clip]))
    visitor.wait_for_status(told)
    assert "/" not in visitor.status()
    assert not visitor.tab.locator(".toast-body:visible").count()  # and it is said once
    visitor.tab.click("#make")
    visitor.tab.wait_for_timeout(500)
    visitor.wait_for_status(told)
    if clip == "words":  # the browser cannot play it either, and says so
        visitor.trouble.clear()


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


def test_the_page_is_worked_by_the_keyboard_alone(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit()
    visitor.upload(clips["eight"])
    visitor.sampling(steps=4)
    visitor.tab.focus("#text textarea, #text input")
    visitor.tab.keyboard.type("cal")
    visitor.tab.wait_for_selector(".pm-words button:has-text('calmer')")  # words are offered
    visitor.tab.keyboard.press("ArrowDown")
    visitor.tab.keyboard.press("Enter")
    assert visitor.tab.input_value("#text textarea, #text input") == "calm"
    visitor.tab.keyboard.type(" strings")
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


def test_on_a_phone_all_fits_fields_looked_at_stay_empty_and_nonsense_is_named(
    visit: Callable[..., Visitor], clips: dict[str, Path]
) -> None:
    visitor = visit(width=390, height=844)
    assert visitor.tab.evaluate(FITS) and visitor.is_make_in_sight()
    film, clip = (visitor.tab.locator(name).bounding_box() for name in ("#films", "#clip"))
    assert film and clip and film["y"] < clip["y"]  # what is finished comes first
    visitor.upload(clips["eight"])
    for name in ("Music: tempo", "Sampling: seed", "Clip: part"):
        visitor.tab.get_by_text(name).click()
    visitor.tab.wait_for_selector("#to")
    typed = "[...document.querySelectorAll('#tempo, #seed, #from, #to')].map(box => "
    typed += "box.querySelector('textarea, input').value)"
    assert visitor.tab.evaluate(typed) == ["", "", "", ""]
    visitor.sampling(steps=4)
    visitor.make()
    visitor.tab.wait_for_selector("#picture-cues img")
    assert visitor.tab.evaluate(FITS)
    visitor.tab.screenshot(full_page=True)
    rows = "document.querySelector('.pm-along canvas').clientHeight"  # one at a time
    assert visitor.tab.evaluate(rows) < 200
    visitor.tab.select_option(".pm-row-choice", "frames")
    visitor.tab.wait_for_function(f"{rows} < 100")
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


def test_results_and_rights_are_shown_and_a_link_fills_in_the_choices(
    visit: Callable[..., Visitor],
) -> None:
    visitor = visit(link="?text=dark+strings&guidance=3.5")
    visitor.wait_for_status("The link filled in every choice")
    assert visitor.tab.input_value("#text textarea, #text input") == "dark strings"
    assert visitor.tab.input_value("#guidance input[type=number]") == "3.5"
    visitor.tab.get_by_role("tab", name="Examples and experiments").click()
    visitor.tab.wait_for_selector("h3:has-text('Three squares')")
    report = visitor.tab.get_attribute(".pm-links a", "href")
    kind = visitor.tab.evaluate("u => fetch(u).then(r => r.headers.get('content-type'))", report)
    assert kind == "application/pdf"
    text = visitor.tab.inner_text("body")
    assert "compositions belong to others" in text and "composed lines" in text
    visitor.tab.get_by_text("Does the music meet the cuts?").click()
    visitor.tab.wait_for_selector("text=hit@40")
