"""What becomes of attacks: the section `alerts`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from weirlog.daemon.config_sections import Section
from weirlog.daemon.config_types import Duration, refuse, shown

GROUP_KEYS = ("client", "kind", "path", "source")


class Redaction(Section):
    """What is blotted out of alerts."""

    enabled: bool = True
    extra_keys: tuple[str, ...] = ()


def _parse_redaction(value: object) -> Redaction:
    if isinstance(value, Redaction):
        return value
    if value == "default":
        return Redaction()
    if value == "off" or value is False:
        return Redaction(enabled=False)
    if not isinstance(value, list) or not all(isinstance(key, str) and key for key in value):
        refuse(f"is {shown(value)}; expected default, off, or a list of key names to redact beside the default ones")
    return Redaction(extra_keys=tuple(value))


def _written_redaction(value: Redaction) -> object:
    return list(value.extra_keys) or ("default" if value.enabled else "off")


def _check_group_by(value: tuple[str, ...]) -> tuple[str, ...]:
    for key in value:
        if key not in GROUP_KEYS:
            refuse(f"{shown(key)} is nothing to group by; expected some of {', '.join(GROUP_KEYS)}")
    if len(set(value)) < len(value):
        refuse("names a key twice")
    return value


class Alerts(Section):
    """What becomes of attacks."""

    redact: Annotated[
        Redaction,
        PlainValidator(_parse_redaction),
        PlainSerializer(_written_redaction),
        WithJsonSchema({"oneOf": [{"enum": ["default", "off"]}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field(default=Redaction(), description="default, off, or a list of keys to redact beside the default ones")
    group_by: Annotated[
        tuple[str, ...],
        AfterValidator(_check_group_by),
        WithJsonSchema({"type": "array", "items": {"enum": list(GROUP_KEYS)}, "uniqueItems": True}),
    ] = Field(default=("client", "kind"), description="attacks that agree in these are one alert; [] groups nothing")
    repeat_after: Duration = Field(default=600.0, description="a group that goes on gives another alert after so long")
    explain: bool = Field(default=True, description="say which part of the request drove the score", strict=True)
