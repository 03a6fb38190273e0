"""What went wrong, shown to a visitor: one sentence with the name of the file, never its place."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.room import FULL
from pixmus.doors.page.visits import Stopped
from pixmus.errors import DiskError, PixMusError
from pixmus.files import DISK_TROUBLE
from pixmus.take.figure import counted

CANCELLED = "Cancelled. Nothing of it was kept."
SURPRISE = (
    "Something went wrong that PixMus did not foresee; try once more, and if it happens again, "
    "report it with the clip."
)


def cancelled(num_made: int) -> str:
    """What a visitor reads who cancelled work that had made so many takes by then."""
    return CANCELLED if num_made == 0 else ended_early(num_made, True)


def ended_early(num_made: int, was_cancelled: bool) -> str:
    """The same of work that made some of its takes and then was cancelled, or failed."""
    how = "Cancelled" if was_cancelled else "Ended before all takes were made"
    return f"{how}. What was made until then stays: {counted(num_made, 'take')}."


def sentence(error: BaseException) -> str:
    """What a visitor reads of an error."""
    if isinstance(error, Stopped):
        return CANCELLED
    is_disk = isinstance(error, OSError) and error.errno in DISK_TROUBLE
    if is_disk or isinstance(error, DiskError):  # a visitor cannot choose another folder
        logging.getLogger(__name__).error("the disk is in trouble", exc_info=error)
        return FULL
    if isinstance(error, PixMusError):
        return _without_places(str(error))
    logging.getLogger(__name__).error("an error that was not foreseen", exc_info=error)
    return SURPRISE


@contextmanager
def in_visitors_words() -> Iterator[None]:
    """Turns errors into `gr.Error`s that a visitor or a program can read."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(sentence(error), print_exception=False) from error


def _without_places(text: str) -> str:
    """`text` with absolute paths cut down to the name at their end."""
    return re.sub(r"""(?<![^\s"'(])/(?:[^/\s]+/)+(?=[^/\s])""", "", text)
