"""`weirlog score`: finished logs in, one JSON object a line out, in order and in constant memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from weirlog.daemon.lines import Line
from weirlog.models.detector import Detector
from weirlog.models.errors import UnparsableError
from weirlog.models.formats import LogFormat
from weirlog.models.request import Request
from weirlog.models.text import plain_text
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.alerts import request_document
from weirlog.pipeline.redaction import Redactor

BATCH_LINES = 512
"""Larger than the daemon's micro-batches: nobody waits for a single line here."""
BATCH_BYTES = 4 << 20


@dataclass(slots=True)
class Tally:
    """What was found in all lines so far."""

    lines: int = 0
    attacks: int = 0
    unparsable: int = 0

    @property
    def benign(self) -> int:
        return self.lines - self.attacks - self.unparsable


class LineScorer:
    """Scores lines in batches and writes what it found.

    Args:
        detector: the model at work.
        log_format: how a line is read.
        redactor: what is blotted out of requests that `full` shows.
        full: add the redacted request, and what drove its score.
    """

    def __init__(self, detector: Detector, log_format: LogFormat, redactor: Redactor, *, full: bool) -> None:
        self.tally = Tally()
        self._detector = detector
        self._format = log_format
        self._redactor = redactor
        self._full = full

    def score(self, lines: Iterable[Line], output: TextIO, progressed: Callable[[Tally], None], **extra: str) -> None:
        """Write one object for each line, numbered from 1, with the `extra` keys in each; the tally goes on counting.

        Raises:
            OSError: the output takes no more.
        """
        number = 0
        for batch in batches(lines):
            rows = self._judge(batch)
            # ASCII alone: nothing that an attacker wrote reaches a terminal as a control sequence.
            output.writelines(
                json.dumps({"n": number + index, **extra, **row}) + "\n" for index, row in enumerate(rows, start=1)
            )
            number += len(batch)
            progressed(self.tally)
        output.flush()

    def _judge(self, batch: Sequence[Line]) -> list[dict[str, Any]]:
        parsed = [self._parse(line) for line in batch]
        requests = [outcome for outcome in parsed if isinstance(outcome, Request)]
        judged = iter(zip(requests, self._detector.classify(requests), self._explanations(requests), strict=True))
        rows = [
            self._row(*next(judged)) if isinstance(outcome, Request) else _unparsable(outcome) for outcome in parsed
        ]
        self.tally.lines += len(rows)
        self.tally.attacks += sum(row["verdict"] == "attack" for row in rows)
        self.tally.unparsable += len(parsed) - len(requests)
        return rows

    def _parse(self, line: Line) -> Request | str:
        if line.flaw is not None:
            return line.flaw
        try:
            return self._format.parse(line.payload)
        except UnparsableError as error:
            return str(error)

    def _explanations(self, requests: Sequence[Request]) -> Sequence[Explanation | None]:
        return self._detector.explain_all(requests) if self._full else [None] * len(requests)

    def _row(self, request: Request, verdict: Verdict, explanation: Explanation | None) -> dict[str, Any]:
        row: dict[str, Any] = {
            "score": verdict.score,
            "verdict": "attack" if verdict.is_attack else "benign",
            "kind": verdict.kind if verdict.is_attack else None,
            "error": None,
        }
        if self._full:
            text = plain_text(request)
            row["request"] = (
                request_document(request, self._redactor) if text is None else {"text": self._redactor.text(text)}
            )
            row["explanation"] = explanation and self._redactor.explanation(explanation, request)
        return row


def _unparsable(reason: str) -> dict[str, Any]:
    return {"score": None, "verdict": "unparsable", "kind": None, "error": reason}


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield `lines` in lists of at most BATCH_LINES and about BATCH_BYTES."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line.payload)
        if len(batch) == BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
