"""`PageBlocks`: Gradio's Blocks whose every call ends in its values or in one sentence.

Gradio calls a handler between steps of its own, which take what came apart and put files where
they are served from. What goes wrong there is told as what goes wrong in a handler is. Files that
are named by their address are fetched here, within limits that Gradio's own way has not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from pixmus.doors.page.gradio_base import (
    App,
    FileData,
    InvalidPathError,
    StateHolder,
    ValidationError,
    gr,
)
from pixmus.doors.page.showing import sentence
from pixmus.doors.page.unread import States, Steps
from pixmus.errors import PixMusError
from pixmus.files import DISK_TROUBLE

MOST_REDIRECTS = 5
WAITING_S = 20.0  # for another host's next bytes
NOT_OURS = "This file was not uploaded to this page; upload it and try again."
DEEPEST = 20  # lists within lists of what a call may bring


class PageBlocks(gr.Blocks):
    """The page; `uploads` is where files lie that came, `largest` how many bytes one may have.

    `is_there` tells whether somebody holds a connection of a session.
    """

    uploads: Path | None = None
    largest: int = 0
    is_there: Callable[[str], bool] = staticmethod(lambda session: False)

    @property
    def app(self) -> App:
        """The server, which Gradio makes when the page is launched."""
        return self._app

    @app.setter
    def app(self, app: App) -> None:
        app.iterators = Steps()
        self._app = app

    @property
    def state_holder(self) -> StateHolder:
        """What Gradio keeps of sessions, which it sets when the page is served."""
        return self._state_holder

    @state_holder.setter
    def state_holder(self, holder: StateHolder) -> None:
        holder.session_data = States(self.is_there)
        self._state_holder = holder

    def handle_streaming_diffs(
        self,
        block_fn: Any,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        """Gradio's own, but what changed inside a value is told as a whole new value.

        Where a handler shows something in steps, the browser changes the value of the step before
        in its place, which a widget may hold by now: a clip that a later step leaves alone would
        lose its path.
        """
        streams = self.pending_diff_streams[session_hash] if session_hash is not None else {}
        is_first, whole = run not in streams, list(data)
        told = super().handle_streaming_diffs(
            block_fn, data, session_hash, run, final, simple_format
        )
        if session_hash is None or run is None or is_first or final or simple_format:
            return told
        return [
            [["replace", [], value]] if any(place for _, place, _ in edits) else edits
            for edits, value in zip(told, whole, strict=True)
        ]

    async def process_api(self, block_fn: Any, inputs: list[Any], *others: Any, **how: Any) -> Any:
        """Gradio's own, with errors in a visitor's words."""
        try:
            inputs = [await self._fetched(value) for value in inputs]
            return await super().process_api(block_fn, inputs, *others, **how)
        except gr.Error:
            raise
        except (StopIteration, StopAsyncIteration):
            raise
        except InvalidPathError as error:
            raise gr.Error(NOT_OURS, print_exception=False) from error
        except ValidationError as error:
            raise gr.Error(_unfit(block_fn.inputs, inputs), print_exception=False) from error
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error

    async def _fetched(self, value: Any, depth: int = 0) -> Any:
        """What came, with a file of our own in the place of one that is named by its address."""
        if depth > DEEPEST:
            raise PixMusError("What was sent is nested too deeply to be understood.")
        if isinstance(value, list):
            return [await self._fetched(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        address = value.get("path")
        if isinstance(address, str) and address.lower().startswith(("http://", "https://")):
            assert self.uploads is not None
            return {**value, "path": str(await fetch(address, self.uploads, self.largest))}
        return {name: await self._fetched(each, depth + 1) for name, each in value.items()}


def _unfit(widgets: Sequence[Any], values: Sequence[Any]) -> str:
    """Which widget was sent what it cannot hold."""
    for widget, value in zip(widgets, values, strict=False):
        model = getattr(widget, "data_model", None)
        if model is None or value is None:
            continue
        try:
            model.model_validate(value, context={"validate_meta": True})
        except ValidationError:
            what = "a file that was uploaded" if issubclass(model, FileData) else "what it shows"
            return f'"{widget.label}" takes {what}, and something else was sent.'
    return "A value that was sent is not what the page takes there."


class Pinned(httpx.AsyncHTTPTransport):
    """Asks the host whose address was looked at, whatever its name leads to by now."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        request.url = request.url.copy_with(host=self.address)
        request.extensions = {**request.extensions, "sni_hostname": host}
        return await super().handle_async_request(request)


async def fetch(address: str, folder: Path, largest: int) -> Path:
    """The file at an address of a public host, in a new folder; PixMusError where it cannot be.

    Where an address leads is settled before it is asked, so no host of a private network is.
    """
    try:
        for _ in range(MOST_REDIRECTS):
            url = httpx.URL(address)
            place = Pinned(await public_address(url.host))
            async with (
                httpx.AsyncClient(transport=place, timeout=WAITING_S) as client,
                client.stream("GET", url) as answer,
            ):
                if answer.has_redirect_location:
                    address = str(url.join(answer.headers["location"]))
                    continue
                answer.raise_for_status()
                return await _stored(answer, _name(url), folder, largest)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in DISK_TROUBLE:
            raise
        raise PixMusError(
            "The address of the file does not lead to a file of a public host; upload the file "
            "instead."
        ) from error
    raise PixMusError("The address of the file leads on too often; upload the file instead.")


async def public_address(host: str) -> str:
    """The address that a host's name leads to; ValueError where it is none of the public net."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    for *_, place in found:
        if ipaddress.ip_address(str(place[0])).is_global:
            return str(place[0])
    raise ValueError(f"{host} is no public host")


async def _stored(answer: httpx.Response, name: str, folder: Path, largest: int) -> Path:
    """What a host answers, written to a file."""
    path = folder / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    came = 0
    try:
        with open(path, "wb") as file:
            async for part in answer.aiter_bytes():
                came += len(part)
                if came > largest:
                    raise PixMusError(
                        f"The file at this address is larger than {largest // 10**6} MB; give a "
                        "smaller one."
                    )
                file.write(part)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _name(url: httpx.URL) -> str:
    """The name of a file at an address, as any disk takes it."""
    found = "".join(c for c in Path(url.path).name if c.isalnum() or c in "._- ")
    return found.lstrip(".")[-100:] or "file"
