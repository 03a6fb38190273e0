"""The limits that SECURITY.md names are those that hold."""

from __future__ import annotations

from pathlib import Path

from pixmus.choices import TAKES
from pixmus.cues import checks
from pixmus.doors.page import decoding, gate, room, serve, studio, unread, visits, wiring
from pixmus.sandbox import Limits

TEXT = (Path(__file__).parents[3] / "SECURITY.md").read_text(encoding="utf-8")


def test_the_limits_are_those_that_hold() -> None:
    lines = [line.strip("| ") for line in TEXT.splitlines() if line.startswith("| ")]
    rows = dict(line.split(" | ") for line in lines)
    limits: Limits = decoding.LIMITS
    wanted = {
        "length of a clip": f"{serve.LONGEST_S:g} s",
        "size of an upload, or of a file named by its address": f"{serve.LARGEST_MB} MB",
        "size of any other request": f"{gate.LARGEST_REQUEST >> 20} MiB",
        "visits that hold something": f"{serve.MOST_VISITS}",
        "soundtracks made at a time; waiting": f"{studio.AT_ONCE}; {studio.MOST_WAITING}",
        "requests followed at a time; waiting": f"{wiring.FOLLOWERS}; {4 * wiring.FOLLOWERS}",
        "what a program is kept after its result, where others need its place": (
            f"{visits.GONE_QUIET_S:g} s"
        ),
        "after a visitor's last connection: others go first; work ends": (
            f"{visits.RELOAD_S:g} s; {visits.WORK_ALONE_S:g} s"
        ),
        "for a connection to come, once work was asked for": f"{visits.COMES_S:g} s",
        "sessions that widgets' contents and unheard messages are kept of": (
            f"{unread.MOST_STATES}; {unread.MOST_SESSIONS}"
        ),
        "takes at a time": f"{TAKES.highest(shared=True)}",
        "disk of one visit; of all with their uploads; left free for others": "; ".join(
            f"{size / 1e9:g} GB" for size in (room.VISIT_BYTES, room.ALL_BYTES, room.SPARE_BYTES)
        ),
        "processor seconds of decoding or writing: at first, more for each second of the clip, "
        "at most": f"{limits.first_seconds:g}; {limits.per_second:g}; {limits.most_seconds:g}",
        "memory of such a process": f"{limits.memory >> 30} GiB",
        "pixels of all frames: at most; of any file, and more for each byte of it": (
            f"{decoding.MOST_PIXELS / 1e9:g}e9; {decoding.FEW_PIXELS / 1e9:g}e9, "
            f"{decoding.PIXELS_PER_BYTE}"
        ),
        "cue sheet: size, numbers, depth": (
            f"{checks.LARGEST_SHEET / 1e6:g} MB; {checks.MOST_NUMBERS}; {checks.DEEPEST}"
        ),
        "kept after it was last used": f"{visits.KEEP_MINUTES:g} min",
    }
    assert {name: rows.get(name) for name in wanted} == wanted
    assert set(rows) == {"limit", *wanted}
    assert f"within {round(visits.GOES_AFTER_S + 2)} seconds" in TEXT
    assert f"after {['no', 'one', 'two'][round(visits.UNCLAIMED_S / 60)]} minutes where" in TEXT
