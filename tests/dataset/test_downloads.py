"""Downloads from a server that misbehaves in known ways."""

import email.utils
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from unsteady_server import UnsteadyServer

from pixmus.dataset.downloads import Downloads, FetchFailed, Manners, WebPage, part_of

QUICK = Manners(rate=1000, retries=3, backoff=0.01, timeout=5, unreached_limit=4)
CONTENT = bytes(range(256)) * 4000  # 1 MB


@pytest.fixture
def server() -> Iterator[UnsteadyServer]:
    made = UnsteadyServer()
    yield made
    made.stop()


def test_a_busy_server_is_asked_again(server: UnsteadyServer, tmp_path: Path) -> None:
    url = server.put("/a b.mp4", CONTENT, statuses=[503, 503])
    server.pages["/a%20b.mp4"] = server.pages["/a b.mp4"]
    Downloads(QUICK).download(url, tmp_path / "x.part")
    assert (tmp_path / "x.part").read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_a_download_that_broke_off_goes_on(server: UnsteadyServer, tmp_path: Path) -> None:
    url = server.put("/a.mp4", CONTENT, break_after=[300_000, 200_000])
    Downloads(QUICK).download(url, tmp_path / "x.part")
    assert (tmp_path / "x.part").read_bytes() == CONTENT
    first, *others = server.ranges("/a.mp4")
    assert first is None and others == ["bytes=300000-", "bytes=500000-"]


def test_a_part_of_an_earlier_run_is_used(server: UnsteadyServer, tmp_path: Path) -> None:
    part = part_of(tmp_path, "a")
    url = server.put("/a.mp4", CONTENT, break_after=[300_000])
    none = Manners(rate=1000, retries=0, timeout=5)
    with pytest.raises(FetchFailed, match="broke off") as failed:
        Downloads(none).download(url, part)
    assert failed.value.transient and part.stat().st_size == 300_000
    Downloads(none).download(url, part)
    assert part.read_bytes() == CONTENT
    # Whole, but the run ended before it was taken in.
    Downloads(none).download(url, part)
    assert part.read_bytes() == CONTENT
    assert server.ranges("/a.mp4")[-1] == f"bytes={len(CONTENT)}-"


@pytest.mark.parametrize(
    "how", [{"resumes": False}, {"validator": None}, {"validator": 'W/"weak"'}]
)
def test_it_begins_anew_where_it_cannot_go_on(
    server: UnsteadyServer, tmp_path: Path, how: dict[str, object]
) -> None:
    url = server.put("/a.mp4", CONTENT, break_after=[300_000], **how)
    Downloads(QUICK).download(url, tmp_path / "x.part")
    assert (tmp_path / "x.part").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_begins_anew(server: UnsteadyServer, tmp_path: Path) -> None:
    url = server.put("/a.mp4", CONTENT, break_after=[300_000])
    with pytest.raises(FetchFailed):
        Downloads(Manners(rate=1000, retries=0)).download(url, tmp_path / "x.part")
    server.put("/a.mp4", CONTENT[::-1], validator='"v2"')
    Downloads(QUICK).download(url, tmp_path / "x.part")
    assert (tmp_path / "x.part").read_bytes() == CONTENT[::-1]


def test_it_waits_as_long_as_it_is_asked_to(server: UnsteadyServer, tmp_path: Path) -> None:
    url = server.put("/a.mp4", b"1", statuses=[429], retry_after="1")
    Downloads(QUICK).download(url, tmp_path / "x.part")
    (first, *_), (second, *_) = server.requests
    assert 0.95 < second - first < 3
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)
    url = server.put("/b.mp4", b"1", statuses=[503], retry_after=date)
    with pytest.raises(FetchFailed, match=r"asks to wait 3[56]\d\d s") as failed:
        Downloads(QUICK).download(url, tmp_path / "y.part")
    assert failed.value.transient


def test_a_server_that_drips_is_left(server: UnsteadyServer, tmp_path: Path) -> None:
    url = server.put("/a.mp4", CONTENT, pause_s=0.02)
    manners = Manners(rate=1000, retries=1, backoff=0.01, timeout=0.2)
    with pytest.raises(FetchFailed, match="too slowly") as failed:
        Downloads(manners).download(url, tmp_path / "x.part")
    assert failed.value.transient and len(server.requests) == 2


def test_requests_keep_their_distance(server: UnsteadyServer, tmp_path: Path) -> None:
    downloads = Downloads(Manners(rate=10))
    begun = time.monotonic()  # on this side: a busy server may note a request late
    for index in range(4):
        downloads.download(server.put(f"/{index}", b"1"), tmp_path / f"{index}.part")
    assert time.monotonic() - begun > 0.29


def test_what_will_not_pass_is_not_tried_again(server: UnsteadyServer, tmp_path: Path) -> None:
    downloads = Downloads(QUICK)
    with pytest.raises(FetchFailed, match=r"answered 404 \(Not Found\)") as failed:
        downloads.download(server.address + "/none", tmp_path / "x.part")
    assert not failed.value.transient and len(server.requests) == 1
    with pytest.raises(WebPage, match="web page"):
        downloads.download(
            server.put("/page", b"<html>", content_type="text/html; charset=utf-8"),
            tmp_path / "x.part",
        )
    with pytest.raises(FetchFailed, match="empty"):
        downloads.download(server.put("/empty", b""), tmp_path / "x.part")
    with pytest.raises(FetchFailed, match="larger than"):
        Downloads(Manners(rate=1000, largest_file=1000)).download(
            server.put("/large", CONTENT), tmp_path / "large.part"
        )
    with pytest.raises(FetchFailed, match="address"):
        downloads.download("http://127.0.0.1:abc/x", tmp_path / "x.part")


def test_a_redirect_never_leads_to_a_local_file(server: UnsteadyServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    url = server.put("/away", b"", redirect=f"file://{secret}")
    with pytest.raises(FetchFailed):
        Downloads(Manners(rate=1000, retries=0)).download(url, tmp_path / "x.part")
    assert not (tmp_path / "x.part").exists()


def test_a_host_that_is_gone_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    downloads = Downloads(QUICK)
    reasons = []
    for index in range(20):
        with pytest.raises(FetchFailed) as failed:
            downloads.download(f"http://127.0.0.1:{port}/{index}", tmp_path / "x.part")
        assert failed.value.transient
        reasons.append(failed.value.reason)
    assert downloads.is_lost(f"127.0.0.1:{port}")
    assert reasons[-1] == f"127.0.0.1:{port} cannot be reached (it refused the connection)"


def test_a_host_that_only_says_no_is_given_up(server: UnsteadyServer, tmp_path: Path) -> None:
    downloads = Downloads(QUICK)
    for index in range(10):
        url = server.put(f"/{index}", b"1", statuses=[500] * 9)
        with pytest.raises(FetchFailed):
            downloads.download(url, tmp_path / "x.part")
    assert len(server.requests) == 4 * 4  # four names, each tried four times
    assert downloads.is_lost(server.host)
