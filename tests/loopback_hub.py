"""A Hub on 127.0.0.1 that speaks what the real huggingface_hub client asks of one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TOKEN = "hf_good"  # the one token that may read what is private, and write


@dataclass
class Repository:
    """Commits in order (sha, files by path), names of commits, and who may see it."""

    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    is_private: bool = False
    is_gated: bool = False
    sdk: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits.append((sha, files))
        self.names["main"] = sha
        return sha

    def files_at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        sha = self.names.get(revision, revision)
        return next(((found, files) for found, files in self.commits if found == sha), None)


class LoopbackHub:
    """Repositories by (type, id), every request that came, and how it fails where it is told to."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[tuple[str, str]] = []
        self.fail_with: int | None = None  # status of every answer
        self.refuse_to_create: int | None = None  # status of the answer to who wants to create
        self.silence_s = 0.0  # seconds before a question about a repository is answered
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def add(self, name: str, folder: Path, repo_type: str = "model", **about: bool) -> Repository:
        """A repository with the files of a folder as its first commit."""
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        made = self.repositories[repo_type, name] = Repository(**about)
        made.commit(files)
        return made

    def fetched(self) -> set[str]:
        """Paths of the files whose bytes were asked for."""
        found = (re.fullmatch(r"/.+?/resolve/[^/]+/(.+)", path) for _, path in self.requests)
        asked = zip(self.requests, found, strict=True)
        return {match[1] for (method, _), match in asked if method == "GET" and match}


def _handler(hub: LoopbackHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(
            self, status: int, body: object = None, error: str | None = None, **headers: str
        ) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
            self.send_response(status)
            if error is not None:
                self.send_header("X-Error-Code", error)
                self.send_header("X-Error-Message", error)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                with suppress(ConnectionError):  # of a client that no longer waits
                    self.wfile.write(data)

        def is_known(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def repository(self, repo_type: str, name: str) -> Repository | None:
            """The repository, or None after the answer that there is none to be seen."""
            found = hub.repositories.get((repo_type, name))
            if "Authorization" in self.headers and not self.is_known():
                self.answer(401, {"error": "Invalid credentials in Authorization header"})
                return None
            if found is None or (found.is_private and not self.is_known()):
                self.answer(404 if self.is_known() else 401, error="RepoNotFound")
                return None
            return found

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            if hub.fail_with is not None:
                return self.answer(hub.fail_with)
            about = re.fullmatch(
                r"/api/(model|space|dataset)s/([^/]+/[^/]+)(?:/(revision|tree)/(.+))?", path
            )
            if about:
                return self.tell_about(about[1], about[2], about[3], about[4] or "main")
            file = re.fullmatch(r"/(?:(space|dataset)s/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            if file:
                return self.give(file[1] or "model", file[2], file[3], file[4])
            self.answer(404, error="EntryNotFound")

        def tell_about(self, repo_type: str, name: str, what: str | None, revision: str) -> None:
            time.sleep(hub.silence_s)
            found = self.repository(repo_type, name)
            if found is None:
                return
            version = found.files_at(revision)
            if version is None and not found.commits:
                version = ("0" * 40, {})
            if version is None:
                return self.answer(404, error="RevisionNotFound")
            sha, files = version
            if what == "tree":
                entries = [
                    {"type": "file", "path": path, "size": len(data), "oid": _oid(data)}
                    for path, data in files.items()
                ]
                return self.answer(200, json.dumps(entries).encode())
            siblings = [{"rfilename": path} for path in files]
            self.answer(
                200, {"id": name, "sha": sha, "private": found.is_private, "siblings": siblings}
            )

        def give(self, repo_type: str, name: str, revision: str, path: str) -> None:
            found = self.repository(repo_type, name)
            if found is None:
                return
            if found.is_gated and not self.is_known():
                return self.answer(401, error="GatedRepo")
            version = found.files_at(revision)
            if version is None:
                return self.answer(404, error="RevisionNotFound")
            sha, files = version
            if path not in files:
                return self.answer(404, error="EntryNotFound", X_Repo_Commit=sha)
            self.answer(200, files[path], ETag=f'"{_oid(files[path])}"', X_Repo_Commit=sha)

        def do_POST(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(("POST", path))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if hub.fail_with is not None:
                return self.answer(hub.fail_with)
            if path == "/api/validate-yaml":
                return self.answer(200, {"errors": [], "warnings": []})
            if not self.is_known():
                return self.answer(401, {"error": "Invalid username or password."})
            if path == "/api/repos/create":
                return self.create(json.loads(body))
            asked = re.fullmatch(
                r"/api/(model|space|dataset)s/([^/]+/[^/]+)/(preupload|commit|variables)(?:/(.+))?",
                path,
            )
            found = asked and self.repository(asked[1], asked[2])
            if not asked or found is None:
                return self.answer(404, error="EntryNotFound") if not asked else None
            if asked[3] == "variables":
                given = json.loads(body)
                found.variables[given["key"]] = given["value"]
                return self.answer(200, {given["key"]: {"value": given["value"]}})
            if asked[3] == "preupload":
                files = json.loads(body)["files"]
                plain = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in files
                ]
                return self.answer(200, {"files": plain})
            self.commit(found, asked[1], asked[2], body)

        def create(self, given: dict[str, str]) -> None:
            if hub.refuse_to_create is not None:
                return self.answer(hub.refuse_to_create, {"error": "refused"})
            name = f"{given['organization']}/{given['name']}"
            key = (given.get("type", "model"), name)
            place = f"{hub.address}/{'' if key[0] == 'model' else key[0] + 's/'}{name}"
            if key in hub.repositories:
                return self.answer(409, {"error": "You already created this repo", "url": place})
            hub.repositories[key] = Repository(
                is_private=given.get("visibility") == "private" or bool(given.get("private")),
                sdk=given.get("sdk"),
            )
            self.answer(200, {"url": place, "name": name})

        def commit(self, found: Repository, repo_type: str, name: str, body: bytes) -> None:
            files = dict(found.commits[-1][1]) if found.commits else {}
            for line in body.splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "deletedFile":
                    del files[value["path"]]
            sha = found.commit(files)
            self.answer(
                200,
                {
                    "commitUrl": f"{hub.address}/{name}/commit/{sha}",
                    "commitOid": sha,
                    "hookOutput": "",
                },
            )

    return Handler


def _oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def dead_address() -> str:
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
