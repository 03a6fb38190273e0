"""`Gate`: which of Gradio's routes the page serves, and how much it takes in; else not found.

Gradio has routes that the page does not need and that do more than it promises: one hands uploads
to `ffmpeg`, which follows playlists to other files, others fetch from other hosts, tell of other
visitors or change the program. A route that a later Gradio adds is closed until it is named here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from starlette.responses import PlainTextResponse

from pixmus.doors.page.room import FULL
from pixmus.errors import PixMusError
from pixmus.files import DISK_TROUBLE

PREFIX = "gradio_api"  # of most routes; the page's own have none
# By the first word of the path behind the prefix.
OPEN = frozenset(
    {
        *("", "config", "info", "openapi.json", "theme.css", "favicon.ico", "robots.txt"),
        *("manifest.json", "static", "assets", "svelte", "custom_component"),
        *("file", "upload", "upload_progress", "heartbeat", "startup-events", "app_id"),
        *("queue", "call", "run", "api", "reset", "cancel", "mcp"),
    }
)
# MCP over a stream of its own, which clients no longer use: nobody knows there who waits for what.
CLOSED = (("mcp", "sse"), ("mcp", "messages"))
UPLOAD = "upload"
LARGEST_REQUEST = 2 << 20  # bytes of whatever is no upload: rows of a cue sheet, choices
AROUND_A_FILE = 64 << 10  # bytes that an upload has beside its file
NOT_FOUND, TOO_LARGE, NO_ROOM = 404, 413, 507


class TooMuch(Exception):
    """More bytes came than may."""


class Gate:
    """ASGI middleware: 404 where the path begins with no word of `OPEN`, and one sentence where a
    request brings too much or the disk has no room for it.

    `check_upload` raises PixMusError where an upload of so many bytes finds no room.
    """

    def __init__(
        self,
        app: Any,
        largest_upload: int = LARGEST_REQUEST,
        check_upload: Callable[[int], None] = lambda num_bytes: None,
    ) -> None:
        self.app = app
        self.largest_upload = largest_upload
        self.check_upload = check_upload

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix(str(scope.get("root_path") or ""))
        word = first_word(path)
        if word not in OPEN or words(path)[:2] in CLOSED:
            await PlainTextResponse("Not Found", NOT_FOUND)(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self._bounded(scope, receive, send, word == UPLOAD)

    async def _bounded(self, scope: Any, receive: Any, send: Any, is_upload: bool) -> None:
        most = self.largest_upload + AROUND_A_FILE if is_upload else LARGEST_REQUEST
        came, has_begun = 0, False

        async def counted() -> Any:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise TooMuch
            return message

        async def noted(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        async def refuse(text: str, status: int) -> None:
            if not has_begun:
                await PlainTextResponse(text, status)(scope, receive, send)

        try:
            announced = _announced(scope)
            if announced is not None and announced > most:
                raise TooMuch
            if is_upload:
                self.check_upload(most if announced is None else announced)
            await self.app(scope, counted, noted)
        except TooMuch:
            unit = f"{most // 10**6} MB"
            kind = "This file is" if is_upload else "This request is"
            await refuse(f"{kind} larger than {unit}; give a smaller one.", TOO_LARGE)
        except PixMusError as error:
            await refuse(str(error), NO_ROOM)
        except OSError as error:
            if error.errno not in DISK_TROUBLE:
                raise
            logging.getLogger(__name__).error("the disk is in trouble", exc_info=error)
            await refuse(FULL, NO_ROOM)


def _announced(scope: Any) -> int | None:
    """How many bytes a request says that it brings."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def first_word(path: str) -> str:
    """What a path asks for: "file" of "/gradio_api/file=/tmp/a.mp4"."""
    return words(path)[0].split("=")[0]


def words(path: str) -> tuple[str, ...]:
    """The words of a path behind the prefix, "" where there is none."""
    found = tuple(path.lstrip("/").split("/"))
    return (found[1:] or ("",)) if found[0] == PREFIX else found
