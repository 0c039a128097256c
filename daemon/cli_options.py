"""Options that several commands have, and what they may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from weirlog.daemon.printable import printable
from weirlog.daemon.threshold import OWN, Threshold, ThresholdError, parse_threshold

if TYPE_CHECKING:
    from weirlog.daemon.config_formats import FieldMapping


def _check_format(name: str) -> str:
    from weirlog.models.formats import FORMATS

    if name not in FORMATS:
        raise typer.BadParameter(f"{printable(name, 40)!r} is no log format; there are {', '.join(sorted(FORMATS))}")
    return name


def _check_engine(name: str) -> str:
    from weirlog.models.engines import ENGINES

    if name not in ENGINES:
        raise typer.BadParameter(f"{printable(name, 40)!r} is no engine; there are {', '.join(sorted(ENGINES))}")
    return name


def _parse_threshold(text: str) -> Threshold:
    try:
        return parse_threshold(text)
    except ThresholdError as error:
        raise typer.BadParameter(str(error)) from None


def _parse_format(text: str) -> str | FieldMapping:
    if not text.lstrip().startswith("{"):
        return _check_format(text)
    from pydantic import ValidationError

    from weirlog.daemon.config_errors import problems_of
    from weirlog.daemon.config_formats import FieldMapping
    from weirlog.daemon.yaml_file import YamlError, parse_yaml

    try:
        document = parse_yaml(text)
    except YamlError as error:
        raise typer.BadParameter(f"the mapping {error}") from None
    try:
        return FieldMapping.model_validate(document.content)
    except ValidationError as error:
        found = problems_of(error, document, {(): FieldMapping})
        raise typer.BadParameter("; ".join(f"{problem.path}: {problem.message}" for problem in found)) from None


FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        callback=_check_format,
        help="auto, or one of the log formats by name: hapi, combined, nginx-json, caddy, …",
    ),
]
LogFormatOption = Annotated[
    Any,  # str | FieldMapping: pydantic is loaded only where there is a mapping
    typer.Option(
        "--format",
        parser=_parse_format,
        metavar="FORMAT",
        help="auto, a log format by name (hapi, combined, nginx-json, caddy, …), or a mapping as the configuration has "
        "it: '{method: $.req.verb, path: $.req.url}'.",
    ),
]
EngineOption = Annotated[
    str, typer.Option("--engine", callback=_check_engine, help="auto, numba, numpy or tensorflow.")
]
ModelOption = Annotated[str, typer.Option("--model", metavar="REF", help="A bundled model's name, or a directory.")]
ThresholdOption = Annotated[
    Threshold | None,
    typer.Option(
        "--threshold",
        parser=_parse_threshold,
        metavar="T",
        help="From which score on a request is an attack: a number; fp-rate:1e-5, so that about one benign request in "
        "100,000 reaches it; or alerts-per-day:20@1e6, so that about 20 of a million benign requests a day do. The "
        "model's own by default.",
    ),
]


def resolve(threshold: Threshold | None) -> tuple[float | None, float | None]:
    """Return the score or else the false-positive rate that `threshold` asks for; neither means the model's own.

    Raises:
        BadParameter: it depends on how many requests a day there are.
    """
    chosen = threshold or OWN
    try:
        return chosen.score, chosen.rate()
    except ThresholdError as error:
        raise typer.BadParameter(str(error)) from None
