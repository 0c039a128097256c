"""What is wrong with a configuration, in words for whoever wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from weirlog.daemon.config_types import shown
from weirlog.daemon.printable import printable
from weirlog.daemon.yaml_file import KeyPath, YamlDocument, YamlError, read_yaml

PROBLEM_LIMIT = 50
"""Problems shown; whoever has more has given us another program's file."""


_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text, in quotes where it looks like a number",
    "bool_type": "true or false",
    "none_required": "null",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: the key at fault as one would name it: "sources[0].start_at"; empty for the file as a whole.
        message: what is wrong with it and what is expected; one line, without secrets.
        line: where it stands in the file, from 1, where that is known.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class ConfigurationError(Exception):
    """A configuration that cannot be run; `str` gives one line for each problem. Exit status 2."""

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        name = printable(str(file), 300)
        lines = [f"{name}: {problem}" for problem in self.problems[:PROBLEM_LIMIT]]
        if len(self.problems) > PROBLEM_LIMIT:
            lines.append(f"{name}: … and {len(self.problems) - PROBLEM_LIMIT} more")
        super().__init__("\n".join(lines))


def read_document(path: Path) -> YamlDocument:
    """Read one YAML document.

    Raises:
        ConfigurationError: it cannot be read, or is no YAML.
    """
    try:
        return read_yaml(path)
    except YamlError as error:
        raise ConfigurationError(path, [Problem("", str(error), error.line)]) from None


def render_path(path: KeyPath) -> str:
    """Return ("sources", 0, "start_at") as "sources[0].start_at"."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + printable(part, 64)
    return text


def problems_of(
    error: ValidationError, document: YamlDocument, models: Mapping[tuple[str, ...], type[BaseModel]]
) -> list[Problem]:
    """Return pydantic's findings in our words, in the order of the file.

    Args:
        error: the findings.
        document: what was validated.
        models: the model at each place, under its keys without list indices but with the `type` of a source or sink:
            ("sources", "file").
    """
    problems = []
    # Never with the input: it may be a secret, and `ctx` holds what is needed.
    for found in error.errors(include_url=False):
        if found["type"] == "too_short" and found["input"]:
            continue  # not empty: its entries were refused, one by one
        place = tuple(part if isinstance(part, int) else str(part) for part in found["loc"])
        path, message = _worded(place, found, models)
        problems.append(Problem(render_path(path), message, document.line_of(path)))
    return sorted(problems, key=lambda problem: problem.line or 0)


def _without_type(place: KeyPath) -> KeyPath:
    """Drop the `type` that pydantic writes behind the index of a source or sink, and the sort of its format."""
    if len(place) < 3 or place[0] not in {"sources", "sinks"}:
        return place
    place = place[:2] + place[3:]
    return place[:3] + place[4:] if place[2:3] == ("format",) else place


def _worded(
    place: KeyPath, found: Mapping[str, Any], models: Mapping[tuple[str, ...], type[BaseModel]]
) -> tuple[KeyPath, str]:
    path, context, value = _without_type(place), found.get("ctx", {}), found["input"]
    parent = models.get(tuple(part for part in place[:-1] if isinstance(part, str)))
    match found["type"]:
        case "weirlog":
            message = str(context["message"])
        case "extra_forbidden":
            message = _unknown_key(str(place[-1]), parent)
        case "missing":
            message = _missing_key(str(place[-1]), parent)
        case "union_tag_not_found":
            path, message = (*path, "type"), f"is missing; expected {_types(path)}"
        case "union_tag_invalid":
            path, message = (*path, "type"), f"is {shown(str(context['tag']))}; expected {_types(path)}"
        case "too_short":
            message = "is an empty list; name at least one"
        case "model_type" | "model_attributes_type" | "dict_type":
            # A mapping may hold a secret, and so may what stands in its place: say its sort alone.
            message = f"is {'text' if isinstance(value, str) else shown(value)}; expected a mapping of keys"
        case "tuple_type" | "list_type":
            message = f"is {shown(value)}; expected a list: [ … ]"
        case "literal_error":
            message = f"is {shown(value)}; expected {context['expected']}"
        case _:
            expected = _EXPECTED.get(found["type"]) or re.sub(r"^(Input|Value|String) should be ", "", found["msg"])
            message = f"is {shown(value)}; expected {printable(expected, 200)}"
    return path, message


def _types(path: KeyPath) -> str:
    return "file or kafka" if path[0] == "sources" else "file, kafka or webhook"


def _unknown_key(key: str, parent: type[BaseModel] | None) -> str:
    known = list(parent.model_fields) if parent else []
    # Bounded: the comparison grows with the square of the length.
    nearest = difflib.get_close_matches(key[:64], known, n=1, cutoff=0.6)
    guess = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"unknown key{guess} (keys here: {', '.join(known)})"


def _missing_key(key: str, parent: type[BaseModel] | None) -> str:
    field = parent.model_fields.get(key) if parent else None
    return f"is missing; expected {field.description}" if field and field.description else "is missing"
