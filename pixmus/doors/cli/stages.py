"""The stages of a command, shown to whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

OnStage = Callable[[str, float | None], None]  # stage ("" for none), share of it that is done


@contextmanager
def stages() -> Iterator[OnStage]:
    """A callback that shows each stage as a line with its seconds; silent where nobody watches."""
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}
    current = ""

    def on_stage(name: str, fraction: float | None) -> None:
        nonlocal current
        if current and name != current:
            progress.update(tasks[current], total=1, completed=1)
        if name and name != current:
            if name in tasks:
                progress.reset(tasks[name], total=None)
            else:
                tasks[name] = progress.add_task(name, total=None)
        if name and fraction is not None:
            progress.update(tasks[name], total=1, completed=min(fraction, 1.0))
        current = name

    with progress:
        yield on_stage
        on_stage("", None)
