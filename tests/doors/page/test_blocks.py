"""Whatever goes wrong in a call of the page is one sentence, and addresses are kept in bounds."""

from __future__ import annotations

import errno
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from awaited import awaited

from pixmus.doors.page import blocks
from pixmus.doors.page.blocks import PageBlocks, fetch, public_address
from pixmus.doors.page.gradio_base import InvalidPathError, gr
from pixmus.doors.page.showing import SURPRISE
from pixmus.errors import DiskError, PixMusError


def call(monkeypatch: pytest.MonkeyPatch, step: Any, value: Any) -> Any:
    """What comes of a call in which Gradio's steps and the handler do `step`."""

    async def process(self: gr.Blocks, block_fn: Any, inputs: list[Any]) -> Any:
        return step(inputs)

    monkeypatch.setattr(gr.Blocks, "process_api", process)
    page = PageBlocks.__new__(PageBlocks)  # a whole one leaves event loops behind
    return awaited(page.process_api(0, [value]))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/a/b.mp4"), "no room"),
        (OSError(errno.EROFS, "Read-only file system", "/tmp/a/b.mp4"), "no room"),
        (DiskError("/tmp/a/b.mp4 could not be written (choose another folder)."), "no room"),
        (PixMusError("/tmp/a/b.mp4 is cut off."), "b.mp4 is cut off."),
        (RecursionError("/tmp/a: maximum recursion"), SURPRISE),
        (FileNotFoundError(2, "No such file", "/tmp/a/b.mp4"), SURPRISE),
        (MemoryError(), SURPRISE),
        (InvalidPathError("Cannot move /tmp/secret"), "was not uploaded to this page; upload it"),
    ],
)
def test_every_error_is_a_sentence_without_a_place(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise error

    with pytest.raises(gr.Error) as raised:
        call(monkeypatch, fail, 1)
    text = str(raised.value.message)
    assert told in text and text.endswith(".")
    assert "/tmp" not in text and "Errno" not in text and "folder" not in text


@pytest.mark.parametrize("value", ["abc", 2**63, [1], {}, {"path": 5}, {"path": "a.edl"}])
def test_what_is_no_file_is_told_by_the_name_of_what_takes_one(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = [gr.Textbox(label="text"), gr.File(label="cuts", type="filepath")]

    async def process(self: gr.Blocks, function: Any, inputs: list[Any]) -> None:
        """What Gradio does before it calls a handler."""
        for widget, each in zip(function.inputs, inputs, strict=True):
            if model := getattr(widget, "data_model", None):
                model.model_validate(each, context={"validate_meta": True})

    monkeypatch.setattr(gr.Blocks, "process_api", process)
    page = PageBlocks.__new__(PageBlocks)
    with pytest.raises(gr.Error) as raised:
        awaited(page.process_api(SimpleNamespace(inputs=takes), ["a", value]))
    told = '"cuts" takes a file that was uploaded, and something else was sent.'
    assert str(raised.value.message) == told


def test_what_is_nested_deeply_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    nested: Any = 1
    for _ in range(50):
        nested = [nested]
    assert call(monkeypatch, list, {"a": [nested[0][0] and 1]}) == [{"a": [1]}]
    with pytest.raises(gr.Error, match="nested too deeply"):
        call(monkeypatch, list, nested)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "::1"])
def test_no_host_of_a_private_network_is_asked(host: str) -> None:
    with pytest.raises(ValueError, match="no public host"):
        awaited(public_address(host))


class Host(BaseHTTPRequestHandler):
    """A host with a file of 3,000 bytes, and one that leads to itself for ever."""

    def do_GET(self) -> None:
        if self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
            return
        self.send_response(200 if self.path == "/a%20clip.mp4" else 404)
        self.end_headers()
        self.wfile.write(b"x" * 3000)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_file_by_address_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def anywhere(host: str) -> str:
        return host

    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(PixMusError, match="does not lead to a file of a public host"):
        awaited(fetch(f"{address}/a%20clip.mp4", tmp_path, 5000))
    monkeypatch.setattr(blocks, "public_address", anywhere)
    found = awaited(fetch(f"{address}/a%20clip.mp4", tmp_path, 5000))
    assert found.name == "a clip.mp4" and found.read_bytes() == b"x" * 3000
    found.unlink()
    with pytest.raises(PixMusError, match="larger than"):
        awaited(fetch(f"{address}/a%20clip.mp4", tmp_path, 2000))
    with pytest.raises(PixMusError, match="does not lead to a file"):
        awaited(fetch(f"{address}/none.mp4", tmp_path, 5000))
    with pytest.raises(PixMusError, match="leads on too often"):
        awaited(fetch(f"{address}/round", tmp_path, 5000))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    server.shutdown()
    server.server_close()


def test_what_changed_inside_a_value_is_told_as_a_new_value() -> None:
    page = PageBlocks.__new__(PageBlocks)
    page.pending_diff_streams = defaultdict(dict)
    three = SimpleNamespace(outputs=[None] * 3)
    clip, rows, said = {"path": "a.mp4", "meta": {}}, [[1.0], [2.0]], "Composing"

    def tell(*data: Any) -> list[Any]:
        return page.handle_streaming_diffs(three, list(data), "session", "run", False)  # type: ignore[arg-type]

    assert tell(clip, rows, said) == [clip, rows, said]
    left = gr.skip()  # which the browser would make of the very clip that it shows
    assert tell(left, [[1.0], [3.0]], said) == [
        [["replace", [], left]],
        [["replace", [], [[1.0], [3.0]]]],
        [],
    ]
    assert tell(left, [[1.0]], "Composing now") == [
        [],
        [["replace", [], [[1.0]]]],
        [["append", [], " now"]],
    ]
