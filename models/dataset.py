"""Labelled requests from disk: the reference CSV, or JSON lines; and labelled texts, for models of words."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count, repeat
from pathlib import Path
from typing import Final, TextIO

from weirlog.models.errors import DatasetError, UnparsableError
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.request import JSON, Request
from weirlog.models.text import plain_request

ROW_LIMIT_CHARACTERS: Final = 64 << 20
"""A longer row is refused rather than held in memory."""
CSV_SUFFIXES: Final = (".csv", ".csv.gz")
JSON_LINES_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
SYNTHETIC: Final = "(synthetic)"
"""In the name of an origin: its rows were made, not logged."""
_HEADER: Final = ("text", "label")
_META_SUFFIXES: Final = (".meta.jsonl.gz", ".meta.jsonl")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled request.

    Attributes:
        request: as the reference schema's format reads it.
        label: 0 harmless, 1 attack.
        kind: of attack where the data says it, else None; "benign" and the like say nothing more than the label.
        origin: the host, tool or list that it comes from, for splits by origin; None where the data does not say.
        file: name of the file, without its folder.
    """

    request: Request
    label: int
    kind: str | None = None
    origin: str | None = None
    file: str = ""


def read_rows(paths: Iterable[Path]) -> Iterator[Row]:
    """Yield the rows of every file, in order, one at a time.

    `NAME.csv` (`.gz` too) is the reference CSV: no header, two columns, quote character `|`: the request log as a JSON
    object, and the label. Beside it may stand `NAME.meta.jsonl` (`.gz` too): a line for each row, with `kind` and
    `origin`. `NAME.jsonl` holds objects with `request`, `label` and, if known, `kind` and `origin`.

    A CSV that begins with neither `|` nor `{` holds texts instead of requests: two columns in ordinary quotes, the text
    and the label, and perhaps a line `text,label` above them. JSON lines have `text` in place of `request`.

    Raises:
        DatasetError: a file or a row is not of its format; names the file, the row from 1 and what was expected.
    """
    for path in paths:
        name = path.name
        if name.endswith(_META_SUFFIXES):
            raise DatasetError(f"{path}: describes the rows of another file; give that one")
        if name.endswith(CSV_SUFFIXES):
            yield from _read_csv(path)
        elif name.endswith(JSON_LINES_SUFFIXES):
            yield from _read_json_lines(path)
        else:
            known = ", ".join((*CSV_SUFFIXES, *JSON_LINES_SUFFIXES))
            raise DatasetError(f"{path}: what it holds is told by its name, which must end in one of {known}")


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """Open a file as text, unpacked. An error of the disk or of gzip becomes a DatasetError, whenever it comes."""
    try:
        raw = gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")
        with raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 at byte {error.start} of a block; convert it first") from error
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(ROW_LIMIT_CHARACTERS)
    with _text(path) as text:
        first = text.readline(ROW_LIMIT_CHARACTERS).removeprefix("\ufeff")
        lines = chain([first], text) if first else iter(())
        yield from _requests(path, lines) if first.startswith(("|", "{")) else _texts(path, lines)


def _pairs(path: Path, reader: Iterator[list[str]], expected: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield each row's number from 1, its place in words, and its two columns.

    Raises:
        DatasetError: the CSV is broken, or a row has not two columns; says that `expected` was.
    """
    for number in count(1):
        where = f"{path}, row {number}"
        try:
            columns = next(reader, None)
        except csv.Error as error:
            raise DatasetError(f"{where}: expected {expected} ({error})") from error
        if columns is None:
            break
        if len(columns) != 2:
            raise DatasetError(f"{where}: expected 2 columns, {expected}, found {len(columns)}")
        yield number, where, columns[0], columns[1]


def _texts(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    for number, where, content, label in _pairs(path, csv.reader(lines, strict=True), "a text and a label"):
        if number > 1 or (content.lower(), label.strip().lower()) != _HEADER:
            yield Row(plain_request(content), _label(label.strip(), where), file=path.name)


def _requests(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    meta = _meta_path(path)
    form = HapiFormat()
    descriptions = repeat((None, None)) if meta is None else _read_meta(meta)
    reader = csv.reader(lines, quotechar="|", strict=True)
    for number, where, content, label in _pairs(path, reader, "`|{json}|,label`"):
        description = next(descriptions, None)
        if description is None:
            raise DatasetError(f"{meta}: ends before row {number} of {path.name}")
        kind, origin = description
        log = _json(content, where, "a JSON object between `|` and `|`")
        yield Row(_request(form, log, where), _label(label.strip(), where), kind, origin, path.name)


def _read_json_lines(path: Path) -> Iterator[Row]:
    form = HapiFormat()
    with _text(path) as text:
        for number in count(1):
            where = f"{path}, row {number}"
            line = text.readline(ROW_LIMIT_CHARACTERS)
            if not line:
                break
            if not line.strip():
                continue
            document = _json(line, where, "an object with `request` and `label`")
            if isinstance(document, dict) and {"text", "label"} <= document.keys() and "request" not in document:
                request = _plain(document["text"], where)
            elif isinstance(document, dict) and {"request", "label"} <= document.keys():
                request = _request(form, document["request"], where)
            else:
                raise DatasetError(f"{where}: expected an object with `request` (or `text`) and `label`")
            kind, origin = _description(document, where)
            yield Row(request, _label(document["label"], where), kind, origin, path.name)


def _read_meta(path: Path) -> Iterator[tuple[str | None, str | None]]:
    with _text(path) as text:
        for number, line in enumerate(text, start=1):
            where = f"{path}, row {number}"
            document = _json(line, where, "an object with `kind` and `origin`")
            if not isinstance(document, dict):
                raise DatasetError(f"{where}: expected an object with `kind` and `origin`")
            yield _description(document, where)


def _description(document: dict[str, JSON], where: str) -> tuple[str | None, str | None]:
    kind, origin = document.get("kind"), document.get("origin")
    if not isinstance(kind, str | None) or not isinstance(origin, str | None):
        raise DatasetError(f"{where}: expected text or null for `kind` and `origin`")
    return kind, origin


def _meta_path(path: Path) -> Path | None:
    stem = path.name.removesuffix(".gz").removesuffix(".csv")
    candidates = (path.with_name(stem + suffix) for suffix in _META_SUFFIXES)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _json(text: str, where: str, expected: str) -> JSON:
    try:
        value: JSON = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: expected {expected} ({error})") from error
    return value


def _request(form: HapiFormat, log: JSON, where: str) -> Request:
    if not isinstance(log, dict):
        raise DatasetError(f"{where}: expected the request log as an object, found {type(log).__name__}")
    try:
        return form.read(log)
    except UnparsableError as error:
        raise DatasetError(f"{where}: {error}") from error


def _plain(text: JSON, where: str) -> Request:
    if not isinstance(text, str):
        raise DatasetError(f"{where}: expected text for `text`, found {type(text).__name__}")
    return plain_request(text)


def _label(value: JSON, where: str) -> int:
    if isinstance(value, bool) or value not in ("0", "1", 0, 1):
        raise DatasetError(f"{where}: expected the label 0 (harmless) or 1 (attack), found {str(value)[:40]!r}")
    return int(value)
