"""`Presence`: which visitors are there, by the connections that they hold open.

A page in a browser and a client of Gradio's keep one open as long as they are there, their heart;
whoever waits for results keeps one open, too. A heart may stop although the visitor is there: a
laptop slept, a network changed, or the page was too busy to answer within a client's patience. So
only who holds no connection at all has left, and a new one tells that somebody is back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from pixmus.doors.page.gate import PREFIX
from pixmus.doors.page.visits import Visits

HEART = "heartbeat"


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
    path = str(scope["path"]).removeprefix(str(scope.get("root_path") or ""))
    words = [word for word in path.split("/") if word]
    if words[:1] == [PREFIX]:
        words = words[1:]
    match words:
        case [word, session] if word == HEART:
            return session, True
        case ["queue", "data"]:
            asked = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
            sessions = asked.get("session_hash")
            return (sessions[0], False) if sessions else None
        case ["call", _, event] | ["call", "v2", _, event]:  # whose session bears the same name
            return event, False
    return None
