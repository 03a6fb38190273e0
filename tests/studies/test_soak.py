"""What the soak writes down of the page's log."""

from __future__ import annotations

import pytest

from pixmus.studies.soak import without_folders


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("at /home/me/.venv/lib/gradio/queueing.py:773> KeyError('96')",
         "at queueing.py:773> KeyError('96')"),
        ("""OSError: '/tmp/a b.mp4' and "/tmp/x/y.wav\"""", """OSError: 'a b.mp4' and "y.wav\""""),
        ("asked http://127.0.0.1:80/a/b of and/or", "asked http://127.0.0.1:80/a/b of and/or"),
    ],
)  # fmt: skip
def test_only_names_of_files_are_written_down(line: str, told: str) -> None:
    assert without_folders(line) == told
