"""A web server on 127.0.0.1 that is busy, breaks off, asks to wait or resumes, as it is told."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What lies at one path, and how it is served."""

    content: bytes
    content_type: str = "video/mp4"
    statuses: list[int] = field(default_factory=list)  # of the first answers, instead of 200
    retry_after: str | None = None  # header of those answers
    break_after: list[int] = field(default_factory=list)  # bytes after which answers break off
    resumes: bool = True  # whether Range is understood
    validator: str | None = '"v1"'
    redirect: str | None = None
    pause_s: float = 0.0  # after every ten bytes


class UnsteadyServer:
    """Pages by path, and every request that came: (time, path, range)."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[float, str, str | None]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.address = f"http://{self.host}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def put(self, path: str, content: bytes, **how: object) -> str:
        """Let `content` lie at `path`; return its address."""
        self.pages[path] = Page(content, **how)  # type: ignore[arg-type]
        return self.address + path

    def ranges(self, path: str) -> list[str | None]:
        """The Range header of every request for that path."""
        return [asked for _, there, asked in self.requests if there == path]


def _handler(server: UnsteadyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            path = self.path
            server.requests.append((time.monotonic(), path, wanted))
            page = server.pages.get(path)
            if page is None:
                return self.answer(404, b"")
            if page.redirect:
                return self.answer(302, b"", Location=page.redirect)
            if page.statuses:
                headers = {"Retry-After": page.retry_after} if page.retry_after else {}
                return self.answer(page.statuses.pop(0), b"", **headers)
            headers = {"Content-Type": page.content_type}
            if page.validator:
                headers["ETag"] = page.validator
            content, status = page.content, 200
            is_same = self.headers.get("If-Range") in (None, page.validator)
            if wanted and page.resumes and is_same:
                first = int(wanted.removeprefix("bytes=").partition("-")[0])
                total = len(content)
                if first >= total:
                    return self.answer(416, b"", **{"Content-Range": f"bytes */{total}"})
                headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
                content, status = content[first:], 206
            breaks = page.break_after.pop(0) if page.break_after else None
            self.answer(status, content, breaks, page.pause_s, **headers)

        def answer(
            self,
            status: int,
            body: bytes,
            breaks: int | None = None,
            pause_s: float = 0.0,
            **headers: str,
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            with suppress(ConnectionError):
                for start in range(0, len(body), 10) if pause_s else ():
                    self.wfile.write(body[start : start + 10])
                    time.sleep(pause_s)
                if not pause_s:
                    self.wfile.write(body[:breaks])
            if breaks is not None:
                self.close_connection = True

    return Handler
