"""Which routes the page serves: each is listed, and what it does not need is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pixmus.doors.page.gate import OPEN, Gate, first_word


def answer(path: str, kind: str = "http") -> int:
    """The status for a path before an application that says 200 to everything."""
    told: list[Any] = []

    async def everything(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def hear(message: Any) -> None:
        told.append(message)

    scope = {"type": kind, "path": path, "method": "POST", "headers": []}
    asyncio.run(Gate(everything)(scope, None, hear))
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
        "/token",
        "/login",
        "/new_route",
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
        "/gradio_api/info",
        "/gradio_api/startup-events",
    ],
)
def test_what_the_page_needs_is_open(path: str) -> None:
    assert answer(path) == 200


def test_every_open_route_is_listed() -> None:
    listed = (
        "api app_id assets call cancel config custom_component favicon.ico file heartbeat info "
        "manifest.json mcp openapi.json pwa_icon queue reset robots.txt run startup-events static "
        "svelte theme.css upload upload_progress"
    )
    assert {"", *listed.split()} == OPEN
    assert first_word("/gradio_api") == first_word("/gradio_api/") == ""
