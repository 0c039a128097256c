"""`weirlog explain`: one line from parse to verdict, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from weirlog.daemon.printable import printable
from weirlog.models.detector import Detector
from weirlog.models.formats import LogFormat
from weirlog.models.formats.auto import AutoFormat
from weirlog.models.formats.plain import PlainFormat
from weirlog.models.request import Request
from weirlog.models.text import CanonicalText, TextField
from weirlog.models.verdict import Explanation

SHOWN_CHARACTERS = 4_000


def explain(line: bytes, log_format: LogFormat, detector: Detector, console: Console) -> None:
    """Print the format found, the canonical text with what drove the score marked, and the verdict.

    Raises:
        UnparsableError: the line is of no known format.
    """
    if isinstance(log_format, AutoFormat):
        found, request = log_format.identify(line)
    else:
        found, request = log_format.name, log_format.parse(line)
    verdict = detector.classify([request])[0]
    explanation = detector.explain(request)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("format", found)
    if found != PlainFormat.name:
        table.add_row("client", printable(request.client or "unknown"))
        table.add_row("request", printable(_request_line(request), 200))
    table.add_row("text", _marked(detector.text(request), explanation))
    if explanation is not None:
        table.add_row("evidence", _evidence(explanation))
    judged = f"attack ({verdict.kind or 'kind unknown'})" if verdict.is_attack else "benign"
    table.add_row("score", f"{verdict.score:.6f}, threshold {verdict.threshold:.6f}")
    table.add_row("verdict", Text(judged, style="bold red" if verdict.is_attack else "bold green"))
    table.add_row("model", f"{detector.name} {detector.digest[:12]}")
    console.print(table)


def _request_line(request: Request) -> str:
    status = "" if request.status is None else f" → {request.status}"
    return f"{request.method.upper()} {request.path}{status}"


def _evidence(explanation: Explanation) -> Text:
    marked = Text(f"{printable(explanation.field, 100)}: ")
    for part, style in _parts(explanation.excerpt, explanation.start, explanation.end):
        marked.append(printable(part), style)
    return marked


def _marked(text: CanonicalText, explanation: Explanation | None) -> Text:
    """Return the canonical text, its lines kept apart, with the explanation's part marked where it stands."""
    start, end = (0, 0) if explanation is None else _locate(text, explanation)
    marked = Text()
    for part, style in _parts(text.text[:SHOWN_CHARACTERS], start, end):
        for index, line in enumerate(part.split("\n")):
            marked.append("\n" if index else "")
            marked.append(printable(line, SHOWN_CHARACTERS), style)
    if len(text.text) > SHOWN_CHARACTERS:
        marked.append(f"… (+{len(text.text) - SHOWN_CHARACTERS})", "dim")
    return marked


def _locate(text: CanonicalText, explanation: Explanation) -> tuple[int, int]:
    whole = [TextField("text", 0, len(text.text))]
    for field in [field for field in text.fields if field.name == explanation.field] or whole:
        found = text.text.find(explanation.excerpt, field.start, field.end)
        if found >= 0:
            return found + explanation.start, found + explanation.end
    return 0, 0


def _parts(text: str, start: int, end: int) -> Iterator[tuple[str, str]]:
    """Yield `text` before, inside and after the marked part, which is framed so that it shows without colours too."""
    yield text[:start], ""
    if end > start:
        yield f"»{text[start:end]}«", "bold reverse"
    yield text[end:], ""
