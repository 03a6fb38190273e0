"""Gradio writes no stubs into its package while it is loaded, and all is as before afterwards."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import pixmus
from pixmus.doors.page.gradio_base import gr, without_files


def test_no_stub_is_made_of_a_component(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio.component_meta import create_or_modify_pyi

    def read_text(path: Path, **how: str) -> str:
        raise PermissionError(f"{path} was read")

    monkeypatch.setattr(Path, "read_text", read_text)
    plain = inspect.getfile
    with without_files():
        create_or_modify_pyi(gr.Button, "Button", gr.Button.EVENTS)
        assert inspect.getfile(Path) == plain(Path)
    assert inspect.getfile is plain
    with pytest.raises(PermissionError, match="button.py"):
        create_or_modify_pyi(gr.Button, "Button", gr.Button.EVENTS)


def test_the_page_takes_gradio_from_one_module() -> None:
    for path in Path(pixmus.__file__).parent.rglob("*.py"):
        if path.name == "gradio_base.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "gradio" for name in names), (
                f"{path}:{getattr(node, 'lineno', 0)}: take Gradio's names from "
                "pixmus/doors/page/gradio_base.py, which loads it in two thirds of the time"
            )
