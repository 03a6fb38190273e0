"""Which routes the page serves: each is listed, and what it does not need is closed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from awaited import awaited

from pixmus.doors.page.gate import LARGEST_REQUEST, OPEN, Gate, first_word
from pixmus.doors.page.room import Room


def answer(path: str, kind: str = "http") -> int:
    """The status for a path before an application that says 200 to everything."""
    told: list[Any] = []

    async def everything(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def hear(message: Any) -> None:
        told.append(message)

    scope = {"type": kind, "path": path, "method": "POST", "headers": []}
    awaited(Gate(everything)(scope, None, hear))
    return int(told[0]["status"])


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/process_recording",
        "/process_recording",
        "//gradio_api/process_recording",
        "/gradio_api/process_recording/",
        "/monitoring/summary",
        "/gradio_api/monitoring/summary",
        "/gradio_api/monitoring",
        "/gradio_api/proxy=https://example.org",
        "/gradio_api/component_server",
        "/gradio_api/vibe-edit/",
        "/gradio_api/vibe-code/",
        "/gradio_api/profiling/traces",
        "/gradio_api/run-history/records",
        "/gradio_api/deep_link",
        "/gradio_api/stream/a/1/2/playlist.m3u8",
        "/gradio_api/gradio_api/process_recording",
        "/gradio_api/dev/reload",
        "/gradio_api/mcp/sse",
        "/gradio_api/mcp/messages/?session_id=1",
        "/token",
        "/login",
        "/new_route",
        "/pwa_icon/100000",
    ],
)
def test_what_the_page_does_not_need_is_closed(path: str) -> None:
    assert answer(path) == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/config",
        "/assets/index.js",
        "/gradio_api/upload",
        "/gradio_api/file=/tmp/a b/clip.mp4",
        "/gradio_api/queue/join",
        "/gradio_api/queue/data",
        "/gradio_api/call/soundtrack",
        "/gradio_api/run/predict",
        "/gradio_api/heartbeat/abc",
        "/gradio_api/mcp/",
        "/gradio_api/mcp/schema",
        "/gradio_api/info",
        "/gradio_api/startup-events",
    ],
)
def test_what_the_page_needs_is_open(path: str) -> None:
    assert answer(path) == 200


def test_every_open_route_is_listed() -> None:
    listed = (
        "api app_id assets call cancel config custom_component favicon.ico file heartbeat info "
        "manifest.json mcp openapi.json queue reset robots.txt run startup-events static "
        "svelte theme.css upload upload_progress"
    )
    assert {"", *listed.split()} == OPEN
    assert first_word("/gradio_api") == first_word("/gradio_api/") == ""


def post(path: str, sizes: list[int], announced: int | None = None, **how: Any) -> tuple[int, str]:
    """Status and text of a request whose body comes in parts, before one that reads all of it."""
    app = how.pop("app", None)
    parts = [{"body": b"x" * size, "more_body": True} for size in sizes] + [{"body": b""}]
    told: list[Any] = []

    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"taken"})

    async def receive() -> Any:
        return {"type": "http.request", **parts.pop(0)}

    async def hear(message: Any) -> None:
        told.append(message)

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    scope = {"type": "http", "path": path, "method": "POST", "headers": headers}
    awaited(Gate(app or read_all, **how)(scope, receive, hear))
    return int(told[0]["status"]), b"".join(m.get("body", b"") for m in told).decode()


def test_what_is_no_upload_is_small() -> None:
    join = "/gradio_api/queue/join"
    assert post(join, [1000, 1000]) == (200, "taken")
    status, text = post(join, [LARGEST_REQUEST // 4] * 5)
    assert status == 413 and text == "This request is larger than 2 MB; give a smaller one."
    assert post(join, [10], announced=LARGEST_REQUEST + 1)[0] == 413


def test_an_upload_is_as_large_as_is_promised() -> None:
    upload = "/gradio_api/upload"
    assert post(upload, [2_500_000] * 2, largest_upload=5_000_000)[0] == 200
    status, text = post(upload, [2_600_000] * 2, largest_upload=5_000_000)
    assert status == 413 and "This file is larger than 5 MB" in text


def test_an_upload_without_room_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x" * 900)
    room = Room(tmp_path, most=1000, spare=0)
    how: Any = {"check_upload": room.check, "largest_upload": 5000}
    assert post("/gradio_api/upload", [50], announced=50, **how)[0] == 200
    status, text = post("/gradio_api/upload", [200], announced=200, **how)
    assert status == 507 and text.startswith("This page has no room for more files just now;")
    assert "/" not in text
    nothing_left = Room(tmp_path, spare=10**18)
    how["check_upload"] = nothing_left.check
    assert post("/gradio_api/upload", [50], announced=50, **how)[0] == 507


def test_a_full_disk_is_one_sentence_without_a_path() -> None:
    async def full(scope: Any, receive: Any, send: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/secret/clip.mp4")

    status, text = post("/gradio_api/upload", [50], app=full)
    assert status == 507 and "no room" in text and "secret" not in text and "Errno" not in text
