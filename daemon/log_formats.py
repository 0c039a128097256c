"""A log format as the configuration or the command line names it, to its parser."""

from __future__ import annotations

from collections.abc import Mapping

from weirlog.daemon.config_formats import FieldMapping, JsonPath
from weirlog.models.formats import LogFormat, log_format
from weirlog.models.formats.mapped import FieldPaths, KeyPath, MappedFormat


def parser_of(chosen: str | FieldMapping) -> LogFormat:
    """Return a new parser of the format with this name, or of lines mapped like this.

    Raises:
        ValueError: no format has this name.
    """
    return log_format(chosen) if isinstance(chosen, str) else MappedFormat(_field_paths(chosen))


def _field_paths(mapping: FieldMapping) -> FieldPaths:
    headers = mapping.headers
    return FieldPaths(
        method=mapping.method.keys,
        path=mapping.path.keys,
        query=_keys(mapping.query),
        status=_keys(mapping.status),
        body=_keys(mapping.body),
        client=_keys(mapping.client),
        time=_keys(mapping.time),
        host=_keys(mapping.host),
        headers={name: path.keys for name, path in headers.items()} if isinstance(headers, Mapping) else _keys(headers),
    )


def _keys(path: JsonPath | None) -> KeyPath | None:
    return None if path is None else path.keys
