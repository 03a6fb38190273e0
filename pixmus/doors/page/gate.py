"""`Gate`: which of Gradio's routes the page serves; all others are not found.

Gradio has routes that the page does not need and that do more than it promises: one hands uploads
to `ffmpeg`, which follows playlists to other files, others fetch from other hosts, tell of other
visitors or change the program. A route that a later Gradio adds is closed until it is named here.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse

PREFIX = "gradio_api"  # of most routes; the page's own have none
# By the first word of the path behind the prefix.
OPEN = frozenset(
    {
        *("", "config", "info", "openapi.json", "theme.css", "favicon.ico", "robots.txt"),
        *("manifest.json", "pwa_icon", "static", "assets", "svelte", "custom_component"),
        *("file", "upload", "upload_progress", "heartbeat", "startup-events", "app_id"),
        *("queue", "call", "run", "api", "reset", "cancel", "mcp"),
    }
)


class Gate:
    """ASGI middleware that answers 404 wherever the path begins with no word of `OPEN`."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            path = str(scope["path"]).removeprefix(str(scope.get("root_path") or ""))
            if first_word(path) not in OPEN:
                await PlainTextResponse("Not Found", 404)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def first_word(path: str) -> str:
    """What a path asks for: "file" of "/gradio_api/file=/tmp/a.mp4"."""
    words = path.lstrip("/").split("/")
    if words[0] == PREFIX:
        words = words[1:] or [""]
    return words[0].split("=")[0]
