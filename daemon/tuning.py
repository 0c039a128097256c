"""The tuning file: what `weirlog tune` found in a site's ordinary traffic, as `model: {tuning: FILE}` loads it.

YAML, which JSON is too:

    version: 1
    model: {name: default, digest: 0123…}
    requests_per_day: 120000
    threshold: 0.9812
    known_benign:
      - {method: get, path: "/search/{text}", field: query.q, ceiling: 0.9971}
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError

from weirlog.daemon.config_errors import ConfigurationError, Problem, problems_of, read_document
from weirlog.daemon.config_types import refuse, shown

MOST_PATTERNS: Final = 200
"""A site with more needs another threshold, or a model trained with its own requests: every pattern is a small hole."""
TEXT_CHARACTERS: Final = 2_048


def _check_text(value: str) -> str:
    if not value or len(value) > TEXT_CHARACTERS or not value.isprintable():
        refuse(f"{shown(value)} is empty, too long, or holds control characters")
    return value


def _check_digest(value: str) -> str:
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        refuse(f"{shown(value)} is no digest of a model; expected 64 hexadecimal digits")
    return value


Text = Annotated[str, AfterValidator(_check_text)]
Score = Annotated[float, Strict(), Field(gt=0, le=1, allow_inf_nan=False)]


class _Section(BaseModel):
    """A mapping in the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TunedModel(_Section):
    """The model whose scores the file speaks of; no other model's scores mean the same."""

    name: Text = Field(description="its name")
    digest: Annotated[str, AfterValidator(_check_digest)] = Field(description="64 hexadecimal digits")


class KnownPattern(_Section):
    """Requests that are benign up to a score."""

    method: Text = Field(description="in lower case")
    path: Text = Field(description="the path's shape, such as /users/{number}")
    field: Text = Field(description="the field that drove the score, such as query.q")
    ceiling: Score = Field(description="the highest score at which they are benign")


def _distinct(patterns: tuple[KnownPattern, ...]) -> tuple[KnownPattern, ...]:
    seen = set()
    for pattern in patterns:
        place = (pattern.method, pattern.path, pattern.field)
        if place in seen:
            refuse(f"names {shown(f'{pattern.method} {pattern.path} {pattern.field}', 200)} twice; remove one")
        seen.add(place)
    return patterns


class Tuning(_Section):
    """All of a tuning file."""

    version: Literal[1] = Field(description="1")
    model: TunedModel = Field(description="the model's name and digest")
    requests_per_day: Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="how many requests the site has a day"
    )
    threshold: Score = Field(description="score from which a request is an attack")
    known_benign: Annotated[tuple[KnownPattern, ...], AfterValidator(_distinct)] = Field(
        default=(), max_length=MOST_PATTERNS, description="patterns of requests that are benign up to a score"
    )


@dataclass(frozen=True, slots=True)
class TuningFile:
    """A tuning with the file that it was read from."""

    path: Path
    tuning: Tuning


def read_tuning(path: Path) -> TuningFile:
    """Read and validate a tuning file.

    Raises:
        ConfigurationError: with everything that is wrong.
    """
    document = read_document(path)
    if not isinstance(document.content, dict):
        raise ConfigurationError(path, [Problem("", "is no tuning; let `weirlog tune --out FILE` write one")])
    try:
        tuning = Tuning.model_validate(document.content)
    except ValidationError as error:
        models: dict[tuple[str, ...], type[BaseModel]] = {
            (): Tuning,
            ("model",): TunedModel,
            ("known_benign",): KnownPattern,
        }
        raise ConfigurationError(path, problems_of(error, document, models)) from None
    return TuningFile(path, tuning)


def write_tuning(tuning: Tuning, path: Path) -> None:
    """Write a tuning file, as JSON where its name ends so; it is whole and durable there, or the old one is.

    Raises:
        OSError: it cannot be written.
    """
    content = tuning.model_dump(mode="json")
    if path.suffix == ".json":
        text = json.dumps(content, indent=2) + "\n"
    else:
        # ASCII, with escapes: a path's words come from a log.
        text = "# Made by `weirlog tune`. In the configuration: model: {tuning: FILE}. Read it before you use it.\n"
        text += yaml.safe_dump(content, sort_keys=False, allow_unicode=False, width=1_000)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's 0600 would keep it from the daemon's own user; it holds no secrets.
        partial.chmod(0o644)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
