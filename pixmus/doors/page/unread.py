"""`Unread`, `States`, `Steps`: what Gradio keeps of sessions and calls, bounded and safe to end.

Gradio keeps what its queue has to say for 2,000 sessions in the order in which they came, heard or
not: whoever invents as many takes it from those who wait, and who left without hearing it leaves it
there. Of every session that ever asked for something, up to 10,000, it keeps what all widgets show:
half a megabyte on this page. Of each call that goes on it keeps the generator that the next step
is asked of, which two of its coroutines may end at once.
"""

from __future__ import annotations

from asyncio import Queue
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pixmus.doors.page.gradio_base import LRUCache

MOST_SESSIONS = 200
MOST_STATES = 64  # of sessions, in all


class Unread(LRUCache[str, Queue[Any]]):
    """Queues of messages by session; those of sessions that are not there make room for others."""

    def __init__(self, is_there: Callable[[str], bool], most: int = MOST_SESSIONS) -> None:
        super().__init__(most)
        self.is_there = is_there

    def __setitem__(self, session: str, messages: Queue[Any]) -> None:
        if session not in self and len(self) >= self.max_size:
            spare = next((name for name in self if not self.is_there(name)), None)
            if spare is not None:
                del self[spare]
        OrderedDict.__setitem__(self, session, messages)  # those who are there all stay

    def __missing__(self, session: str) -> Queue[Any]:
        """Nobody hears what is said to a session that has gone."""
        return Queue()


class States(OrderedDict[str, Any]):
    """What widgets show, by session; those of sessions that are not there make room for others.

    It takes the place of the dictionary of Gradio's `StateHolder`, which has the first leave.
    """

    def __init__(self, is_there: Callable[[str], bool]) -> None:
        super().__init__()
        self.is_there = is_there

    def popitem(self, last: bool = True) -> tuple[str, Any]:
        """As of any other, but the first to go is one that is not there and did not come just
        now, where there is one.
        """
        older = list(self)[:-1]
        spare = None if last else next((n for n in older if not self.is_there(n)), None)
        return super().popitem(last) if spare is None else (spare, self.pop(spare))


class Steps(dict[str, Any]):
    """The generators of calls that go on, by event.

    Whoever cancels a call and the call itself, when it ends, both look for its generator, wait for
    each other while it is closed, and remove it: who comes second finds it gone, which is no error.
    """

    def __delitem__(self, event: str) -> None:
        self.pop(event, None)
