"""What `weirlog score` does around the scoring: inputs, output, progress, summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from weirlog.daemon import exit_status
from weirlog.daemon.lines import InputError, read_lines, size_of
from weirlog.daemon.printable import printable
from weirlog.daemon.score import LineScorer, Tally
from weirlog.models.detector import load_detector
from weirlog.models.formats import log_format
from weirlog.models.formats.plain import PlainFormat
from weirlog.pipeline.redaction import Redactor


def score(
    inputs: Sequence[str],
    format_name: str,
    *,
    model: str,
    threshold: float | None,
    engine: str,
    output: Path | None,
    full: bool,
) -> int:
    """Score every input in turn; return the exit status. An input that fails does not keep the others from being read.

    Raises:
        ModelError: the model cannot be used.
    """
    detector = load_detector(model, engine=engine, threshold=threshold)
    # A model of texts reads a text a line, unless it is told that these are logs.
    lines_are = PlainFormat() if detector.reads_plain_texts and format_name == "auto" else log_format(format_name)
    scorer = LineScorer(detector, lines_are, Redactor(), full=full)
    errors = Console(stderr=True, highlight=False, markup=False)
    failures: list[str] = []
    started = time.monotonic()
    with _opened(output) as target, _progress(errors, size_of(inputs)) as bar:
        for name in inputs:
            try:
                lines = read_lines(name, bar.advance)
                scorer.score(lines, target, bar.tell, **({"input": name} if len(inputs) > 1 else {}))
            except InputError as error:
                failures.append(str(error))
            bar.next_input()
    elapsed_s = time.monotonic() - started
    tally = scorer.tally
    errors.print(
        f"{tally.lines} lines: {tally.attacks} attacks, {tally.benign} benign, {tally.unparsable} unparsable, "
        f"in {elapsed_s:.1f} s ({tally.lines / elapsed_s:.0f} a second)",
        soft_wrap=True,
    )
    for failure in failures:
        errors.print(f"weirlog: {printable(failure)}", soft_wrap=True)
    return exit_status.FAILED if failures else exit_status.DONE


class _Bar:
    """A progress bar over the bytes of all inputs, as they lie on disk."""

    def __init__(self, progress: Progress, total_bytes: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("scoring", total=total_bytes, found="")
        self._before = 0
        self._position = 0

    def advance(self, position: int) -> None:
        """Say how much of the present input has been read."""
        self._position = position
        self._progress.update(self._task, completed=self._before + position)

    def next_input(self) -> None:
        self._before += self._position
        self._position = 0

    def tell(self, tally: Tally) -> None:
        """Say what has been found so far."""
        self._progress.update(self._task, found=f"{tally.lines:,} lines, {tally.attacks:,} attacks")


@contextmanager
def _progress(console: Console, total_bytes: int | None) -> Iterator[_Bar]:
    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.fields[found]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress, total_bytes)


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        stream = output.open("w", encoding="ascii")
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from error
    with stream:
        yield stream
