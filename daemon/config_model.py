"""Which model decides, and how: the section `model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from weirlog.daemon.config_errors import ConfigurationError
from weirlog.daemon.config_sections import Section, check_name
from weirlog.daemon.config_types import SizeOrNone, is_number, located, refuse, shown
from weirlog.daemon.threshold import FORMS, OWN, Threshold, ThresholdError, parse_threshold
from weirlog.daemon.tuning import TuningFile, read_tuning


def _located_model(value: str, info: ValidationInfo) -> str:
    """Return a bundled model's name as it is, a directory (whatever holds a /) as an absolute path."""
    if "/" not in value:
        return check_name(value)
    return located(value, info)


def _check_threshold(value: object) -> float | str | None:
    if value is None:
        return None
    if is_number(value):
        score = float(value)  # type: ignore[arg-type]  # is_number says so
        if not 0.0 < score < 1.0:
            refuse(f"is {shown(value)}; expected less than 1 and greater than 0, or {FORMS}")
        return score
    if not isinstance(value, str) or ":" not in value:
        refuse(f"is {shown(value)}; expected {FORMS}; a number without quotes")
    try:
        parse_threshold(value)
    except ThresholdError as error:
        refuse(str(error))
    return value


def _read_tuning(value: object, info: ValidationInfo) -> TuningFile | None:
    if value is None or isinstance(value, TuningFile):
        return value
    if not isinstance(value, str):
        refuse(f"is {shown(value)}; expected the path of a file that `weirlog tune --out FILE` wrote")
    try:
        return read_tuning(Path(located(value, info)))
    except ConfigurationError as error:
        refuse("; ".join(str(error).splitlines()))


class Model(Section):
    """Which model decides, and how."""

    ref: Annotated[str, AfterValidator(_located_model)] = Field(
        default="default", description="a bundled model's name, or a directory (then with a /)"
    )
    threshold: Annotated[
        float | str | None,
        PlainValidator(_check_threshold),
        WithJsonSchema(
            {
                "oneOf": [
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                    {"type": "string", "pattern": "^(fp-rate:[0-9.eE+-]+|alerts-per-day:[0-9.eE+-]+(@[0-9.eE+-]+)?)$"},
                    {"type": "null"},
                ],
                "examples": [0.98, "fp-rate:1e-5", "alerts-per-day:20@1e6"],
            }
        ),
    ] = Field(
        default=None,
        description="score from which a request is an attack, or fp-rate:1e-5, or alerts-per-day:20@1e6 (of a million "
        "requests; without @, of as many as `tuning` says); null takes that of `tuning`, or else the model's own",
    )
    tuning: Annotated[
        TuningFile | None,
        PlainValidator(_read_tuning),
        PlainSerializer(lambda value: value and str(value.path)),
        WithJsonSchema({"type": ["string", "null"]}),
    ] = Field(default=None, description="a file that `weirlog tune` wrote: a threshold and known benign requests")
    engine: Literal["auto", "numba", "numpy", "tensorflow"] = "auto"
    share_prefixes: bool = Field(default=True, description="requests of a batch share the work on a common beginning")
    prefix_memory: SizeOrNone = Field(
        default=4 << 20, description="for beginnings kept for later batches; 0 keeps none"
    )
    duplicate_memory: SizeOrNone = Field(
        default=4 << 20, description="for verdicts of requests that come again; 0 keeps none"
    )
    shadow: Annotated[str, AfterValidator(_located_model)] | None = Field(
        default=None,
        description="another model that reads along, as `ref` names one: counted where it differs, and alerting nobody",
    )

    @model_validator(mode="after")
    def _shadow_is_another(self) -> Self:
        if self.shadow == self.ref:
            refuse(f"shadow is {shown(self.ref)}, the model at work; name another, or leave it out")
        return self

    @model_validator(mode="after")
    def _threshold_is_told(self) -> Self:
        try:
            self.chosen_threshold.rate()
        except ThresholdError as error:
            refuse(f"threshold {error}, or give `tuning` a file that tells it")
        return self

    @property
    def chosen_threshold(self) -> Threshold:
        """What `threshold` says, with the volume that `tuning` tells; else the threshold of `tuning`."""
        tuning = None if self.tuning is None else self.tuning.tuning
        if self.threshold is None:
            return OWN if tuning is None else Threshold(score=tuning.threshold)
        if isinstance(self.threshold, str):
            return parse_threshold(self.threshold).at_volume(None if tuning is None else tuning.requests_per_day)
        return Threshold(score=self.threshold)
