"""Who is there, as connections tell; and what is kept to be said to them."""

from __future__ import annotations

import asyncio
from asyncio import Queue
from pathlib import Path
from typing import Any

import pytest

from pixmus.doors.page.presence import Presence, held_by
from pixmus.doors.page.unread import Unread
from pixmus.doors.page.visits import Visits


def scope(path: str, query: bytes = b"", method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "query_string": query}


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (scope("/gradio_api/heartbeat/abc"), ("abc", True)),
        (scope("/gradio_api/queue/data", b"session_hash=abc&x=1"), ("abc", False)),
        (scope("/gradio_api/queue/data"), None),
        (scope("/gradio_api/call/soundtrack/abc"), ("abc", False)),
        (scope("/gradio_api/call/v2/soundtrack/abc"), ("abc", False)),
        (scope("/gradio_api/call/soundtrack", method="POST"), None),
        (scope("/heartbeat/abc/"), ("abc", True)),
        ({**scope("/music/gradio_api/heartbeat/abc"), "root_path": "/music"}, ("abc", True)),
        (scope("/"), None),
        ({"type": "lifespan"}, None),
    ],
)
def test_which_requests_are_held_open(asked: dict[str, Any], held: Any) -> None:
    assert held_by(asked) == held


def test_who_is_there_is_noted_until_the_connection_ends_however_it_does(tmp_path: Path) -> None:
    visits, gone = Visits(tmp_path, 60, 2), list[str]()

    async def app(*_: Any) -> None:
        assert visits.is_there("abc") and not visits.is_there("other")
        raise asyncio.CancelledError

    presence = Presence(app, visits, gone.append)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(presence(scope("/gradio_api/heartbeat/abc"), None, None))
    assert not visits.is_there("abc") and gone == ["abc"]


def test_invented_sessions_take_no_messages_from_those_who_are_there() -> None:
    unread = Unread({"waiting", "too"}.__contains__, most=3)
    unread["waiting"] = kept = Queue[Any]()
    kept.put_nowait("your soundtrack is ready")
    for number in range(50):
        unread[f"invented {number}"] = Queue()
    unread["too"] = Queue()
    assert list(unread) == ["waiting", "invented 49", "too"] and unread["waiting"] is kept
    unread["invented 48"].put_nowait("lost")  # who has gone hears nothing, and nothing breaks
    assert "invented 48" not in unread
