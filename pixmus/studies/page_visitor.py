"""`PageVisitor`: somebody on a running page, who speaks to it as its programs in a browser do."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 600.0
# Of the page's buttons what they send in the place of what stands there.
Chosen = dict[str, Any]


class Told(Exception):
    """What the page said instead of a result."""


class PageVisitor:
    """One open page: a session of its own, which the page hears the heart of until it leaves."""

    def __init__(self, url: str, config: dict[str, Any] | None = None) -> None:
        """`config` is the page's, where another visitor has it already."""
        self.session = secrets.token_hex(8)
        self.http = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self.config: dict[str, Any] = config or self.http.get("/config").json()
        self.components = {each["id"]: each["props"] for each in self.config["components"]}
        self.functions = {each["api_name"]: each for each in self.config["dependencies"]}
        place = self.http.base_url
        self._heart = socket.create_connection((place.host, place.port or 80), timeout=PATIENCE_S)
        asked = f"GET /gradio_api/heartbeat/{self.session} HTTP/1.1\r\nHost: {place.host}\r\n\r\n"
        self._heart.sendall(asked.encode())
        self._heart.recv(1)  # the page has heard it

    def leave(self) -> None:
        """Close the page; it hears that as it would of a browser's tab."""
        self._heart.close()
        self.http.close()

    def upload(self, path: Path) -> dict[str, Any]:
        """Upload a file; how the page names it. `Told` where it takes none."""
        with path.open("rb") as file:
            answer = self.http.post("/gradio_api/upload", files={"files": (path.name, file)})
        if answer.status_code != httpx.codes.OK:
            raise Told(answer.text)
        (stored,) = answer.json()
        return {"path": stored, "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}

    def join(self, function: str, chosen: Chosen) -> str:
        """Press a button, or call a function of the API; the number of what was begun."""
        known = self.functions[function]
        data = [self._value(number, chosen) for number in known["inputs"]]
        body = {"data": data, "fn_index": known["id"], "session_hash": self.session}
        answer = self.http.post("/gradio_api/queue/join", json=body)
        if answer.status_code != httpx.codes.OK:
            raise Told(str(answer.json().get("detail", answer.text)))
        return str(answer.json()["event_id"])

    def cancel(self, event: str) -> None:
        """Press Cancel, which ends the work, and have the queue forget it."""
        known = self.functions["on_cancel"]
        body = {"data": [], "fn_index": known["id"], "session_hash": self.session}
        self.http.post("/gradio_api/run/predict", json=body)
        fn = {"fn_index": 0, "session_hash": self.session, "event_id": event}
        self.http.post("/gradio_api/cancel", json=fn)

    def result(self, event: str) -> list[Any]:
        """What comes of it in the end; `Told` where that is a sentence."""
        query = {"session_hash": self.session}
        with self.http.stream("GET", "/gradio_api/queue/data", params=query) as answer:
            for line in answer.iter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] == "process_completed" and message["event_id"] == event:
                    if message["success"]:
                        return list(message["output"]["data"])
                    raise Told(str(message["output"].get("error")))
                if message["msg"] == "unexpected_error":
                    raise Told(str(message.get("message")))
        raise Told("the page said nothing more")

    def call(self, function: str, chosen: Chosen) -> list[Any]:
        """`join` and its `result`."""
        return self.result(self.join(function, chosen))

    def fetch(self, file: dict[str, Any]) -> bytes:
        """A file that the page offers."""
        return self.http.get(f"/gradio_api/file={file['path']}").raise_for_status().content

    def _value(self, number: int, chosen: Chosen) -> Any:
        """What a widget holds: what was chosen by its name or label, else what stands there."""
        props = self.components[number]
        for name in (props.get("elem_id"), props.get("label")):
            if name in chosen:
                return chosen[name]
        return props.get("value")
