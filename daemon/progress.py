"""A progress bar over finished logs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """A progress bar over the bytes of all inputs, as they lie on disk."""

    def __init__(self, progress: Progress, total_bytes: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("reading", total=total_bytes, found="")
        self._before = 0
        self._position = 0

    def advance(self, position: int) -> None:
        """Say how much of the present input has been read."""
        self._position = position
        self._progress.update(self._task, completed=self._before + position)

    def next_input(self) -> None:
        self._before += self._position
        self._position = 0

    def tell(self, found: str) -> None:
        """Say what has been found so far."""
        self._progress.update(self._task, found=found)


@contextmanager
def progress_bar(console: Console, total_bytes: int | None) -> Iterator[Bar]:
    """Show a bar while the context lasts, where `console` is a terminal."""
    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.fields[found]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress, total_bytes)
