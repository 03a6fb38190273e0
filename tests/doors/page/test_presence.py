"""Who is there, as connections tell; and what is kept to be said to them."""

from __future__ import annotations

import asyncio
from asyncio import Queue
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from awaited import awaited
from gradio.queueing import Queue as GradioQueue

from pixmus.doors.page.blocks import PageBlocks
from pixmus.doors.page.gradio_base import StateHolder
from pixmus.doors.page.presence import CALLER, Presence, held_by, is_mcp_call
from pixmus.doors.page.unread import Steps, Unread
from pixmus.doors.page.visits import Visits


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """To its end in a thread: a browser that other tests left open has the loop of this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


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
        run(presence(scope("/gradio_api/heartbeat/abc"), None, None))
    assert not visits.is_there("abc") and gone == ["abc"]


@pytest.mark.parametrize("path", ["/gradio_api/mcp/", "/gradio_api/mcp", "/gradio_api/mcp/http"])
def test_each_call_of_mcp_has_a_name_of_its_own_which_is_there_while_it_goes_on(
    tmp_path: Path, path: str
) -> None:
    visits, gone, names = Visits(tmp_path, 60, 2), list[str](), list[str]()

    async def app(asked: Any, *_: Any) -> None:
        (name,) = (value for key, value in asked["headers"] if key == CALLER.encode())
        names.append(name.decode())
        assert visits.is_there(names[-1]) and (b"accept", b"*/*") in asked["headers"]

    presence = Presence(app, visits, gone.append)
    headers = [(b"accept", b"*/*"), (b"X-PixMus-Caller", b"somebody else")]
    for _ in range(2):
        run(presence({**scope(path, method="POST"), "headers": headers}, None, None))
    assert gone == names and len({*names, "somebody else"}) == 3
    assert not any(map(visits.is_there, names))


def test_only_calls_of_mcp_are_named() -> None:
    assert is_mcp_call(scope("/gradio_api/mcp/", method="POST"))
    for other in ("/gradio_api/mcp/sse", "/gradio_api/mcp/schema", "/gradio_api/queue/join"):
        assert not is_mcp_call(scope(other, method="POST"))
    assert not is_mcp_call(scope("/gradio_api/mcp/"))


@pytest.mark.filterwarnings("default")  # Gradio's Blocks leave an event loop open
def test_gradio_keeps_what_widgets_show_of_those_who_are_there_and_of_few_others() -> None:
    here = {"first"}
    holder = StateHolder()
    page = PageBlocks()
    page.state_session_capacity = 3
    page.is_there = here.__contains__
    holder.set_blocks(page)
    kept = holder["first"]
    for number in range(50):
        assert holder[f"invented {number}"] is holder[f"invented {number}"]
    assert list(holder.session_data) == ["first", "invented 48", "invented 49"]
    assert holder["first"] is kept and page.state_holder is holder
    here |= {f"real {number}" for number in range(3)}
    for number in range(3):
        assert holder[f"real {number}"] is holder[f"real {number}"]
    assert len(holder.session_data) == 3  # however many there are


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


@pytest.mark.parametrize("kept", [dict, Steps])
def test_a_call_that_is_cancelled_while_it_ends_ends_well(kept: Any) -> None:
    class Working:
        async def aclose(self) -> None:  # its thread takes a while to end
            await asyncio.sleep(0.02)

    async def end_twice() -> list[Any]:
        app = SimpleNamespace(iterators=kept({"call": Working()}), lock=asyncio.Lock())
        queue: Any = SimpleNamespace(server_app=app)
        ends = (GradioQueue.reset_iterators(queue, "call") for _ in range(2))
        return await asyncio.gather(*ends, return_exceptions=True)

    found = awaited(end_twice())
    assert found[0] is None
    if kept is dict:  # as Gradio has it; where this fails, `Steps` is no longer needed
        assert isinstance(found[1], KeyError)
    else:
        assert found[1] is None


def test_the_page_has_calls_end_well() -> None:
    page = PageBlocks.__new__(PageBlocks)  # a whole one leaves event loops behind
    app: Any = SimpleNamespace(iterators={})
    page.app = app
    assert page.app is app and isinstance(app.iterators, Steps)
