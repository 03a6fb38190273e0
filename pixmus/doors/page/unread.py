"""`Unread`: what Gradio's queue has to say to each session until it is heard.

Gradio keeps it for 2,000 sessions in the order in which they came, heard or not: whoever invents
as many takes it from those who wait, and who left without hearing it leaves it there.
"""

from __future__ import annotations

from asyncio import Queue
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from gradio.utils import LRUCache

MOST_SESSIONS = 200


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
