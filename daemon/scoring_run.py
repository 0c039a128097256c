"""What `weirlog score` does around the scoring: inputs, output, progress, summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console

from weirlog.daemon import exit_status
from weirlog.daemon.config_formats import FieldMapping
from weirlog.daemon.lines import STANDARD_INPUT, InputError, read_lines, size_of
from weirlog.daemon.log_formats import parser_of
from weirlog.daemon.printable import printable
from weirlog.daemon.progress import progress_bar
from weirlog.daemon.score import LineScorer, Tally
from weirlog.daemon.threshold import Threshold, ThresholdError
from weirlog.daemon.volume import LEAST_SPAN_S, Volume
from weirlog.models.detector import load_detector
from weirlog.models.errors import UnparsableError
from weirlog.models.formats import LogFormat
from weirlog.models.formats.plain import PlainFormat
from weirlog.pipeline.redaction import Redactor


def score(
    inputs: Sequence[str],
    chosen: str | FieldMapping,
    *,
    model: str,
    threshold: Threshold,
    engine: str,
    output: Path | None,
    full: bool,
) -> int:
    """Score every input in turn; return the exit status. An input that fails does not keep the others from being read.

    Raises:
        ModelError: the model cannot be used.
        InputError: the threshold depends on how many requests a day there are, and the inputs do not tell.
    """
    if threshold.needs_volume:
        threshold = threshold.at_volume(_volume(inputs, parser_of(chosen), threshold))
    try:
        fp_rate = threshold.rate()
    except ThresholdError as error:
        raise InputError(str(error)) from None
    detector = load_detector(model, engine=engine, threshold=threshold.score, fp_rate=fp_rate)
    # A model of texts reads a text a line, unless it is told that these are logs.
    lines_are = PlainFormat() if detector.reads_plain_texts and chosen == "auto" else parser_of(chosen)
    scorer = LineScorer(detector, lines_are, Redactor(), full=full)
    errors = Console(stderr=True, highlight=False, markup=False)
    failures: list[str] = []
    started = time.monotonic()
    with _opened(output) as target, progress_bar(errors, size_of(inputs)) as bar:
        for name in inputs:
            try:
                lines = read_lines(name, bar.advance)
                scorer.score(
                    lines, target, lambda tally: bar.tell(_found(tally)), **({"input": name} if len(inputs) > 1 else {})
                )
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


def _found(tally: Tally) -> str:
    return f"{tally.lines:,} lines, {tally.attacks:,} attacks"


def _volume(inputs: Sequence[str], lines_are: LogFormat, threshold: Threshold) -> float:
    """Return requests a day, from the times in all inputs: one more pass over them, without scoring."""
    volume = Volume()
    for name in inputs:
        if name == STANDARD_INPUT:
            raise InputError(f"standard input can be read only once: write {threshold}@REQUESTS, as in {threshold}@1e6")
        with suppress(InputError):  # the pass that scores will tell
            for line in read_lines(name, lambda _: None):
                with suppress(UnparsableError):  # no request, hence no part of the volume
                    volume.add(lines_are.parse(line.payload).time)
    if volume.per_day is None:
        raise InputError(
            f"the times in the inputs span less than {LEAST_SPAN_S / 60:.0f} minutes, or there are none: write "
            f"{threshold}@REQUESTS, with the number of requests a day"
        )
    return volume.per_day


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
