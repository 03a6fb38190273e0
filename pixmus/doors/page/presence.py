"""`Presence`: which visitors are there, by the connections that they hold open.

A page in a browser and a client of Gradio's keep one open as long as they are there, their heart;
whoever waits for results keeps one open, too. A heart may stop although the visitor is there: a
laptop slept, a network changed, or the page was too busy to answer within a client's patience. So
only who holds no connection at all has left, and a new one tells that somebody is back.

All tools of MCP are called in one session of Gradio's. Each call is given a name of its own, which
Gradio hands on with the call's headers, so that who called is there while the call goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from pixmus.doors.page.gate import PREFIX
from pixmus.doors.page.visits import Visits

HEART = "heartbeat"
MCP = "mcp"
CALLER = "x-pixmus-caller"  # a header with the name of a call of MCP


class Presence:
    """ASGI middleware that tells `visits` of the connections that come and go.

    `forget` is called with a session of which the last one has ended.
    """

    def __init__(self, app: Any, visits: Visits, forget: Callable[[str], None]) -> None:
        self.app = app
        self.visits = visits
        self.forget = forget

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        held = held_by(scope)
        if is_mcp_call(scope):
            held = secrets.token_urlsafe(24), False
            scope = {**scope, "headers": _named(scope["headers"], held[0])}
        if held is None:
            await self.app(scope, receive, send)
            return
        self.visits.come(*held)
        try:
            await self.app(scope, receive, send)
        finally:
            self.visits.go(*held)
            if not self.visits.is_there(held[0]):
                self.forget(held[0])


def held_by(scope: Any) -> tuple[str, bool] | None:
    """The session that a request holds a connection of, and whether it is its heart; else None."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    match _words(scope):
        case [word, session] if word == HEART:
            return session, True
        case ["queue", "data"]:
            asked = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
            sessions = asked.get("session_hash")
            return (sessions[0], False) if sessions else None
        case ["call", _, event] | ["call", "v2", _, event]:  # whose session bears the same name
            return event, False
    return None


def is_mcp_call(scope: Any) -> bool:
    """Whether a request is one to the page's MCP server, which is open until it is answered."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return _words(scope) in ([MCP], [MCP, "http"])


def _words(scope: Any) -> list[str]:
    """The path in words, without what all of Gradio's own begin with."""
    path = str(scope["path"]).removeprefix(str(scope.get("root_path") or ""))
    words = [word for word in path.split("/") if word]
    return words[1:] if words[:1] == [PREFIX] else words


def _named(headers: Any, caller: str) -> list[tuple[bytes, bytes]]:
    """Headers with the name of the call that they belong to, and no other one."""
    name = CALLER.encode()
    return [*(each for each in headers if each[0].lower() != name), (name, caller.encode())]
