"""`hapi`: the reference schema, one JSON object a line."""

from __future__ import annotations

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.json_fields import header_texts
from weirlog.models.formats.json_line import decode_object
from weirlog.models.formats.request_parts import ADDRESS_CHARACTERS
from weirlog.models.request import DESCRIPTIVE_FIELDS, JSON, Request

_TIME_LIMIT_MS = 1e14  # the year 5138


class HapiFormat:
    """Lines of the reference system: `{"timestamp", "method", "query", "path", "statusCode", "source", …}`.

    `visible` is the object without its descriptive fields, untouched and in its own order, for the reference models
    read exactly that; what the line lacks stays absent. Only `method` and `path` are required. The client is
    `source.remoteAddress`, else the header x-real-ip, else the last entry of x-forwarded-for.
    """

    name = "hapi"

    def parse(self, line: bytes) -> Request:
        return self.read(decode_object(line))

    def read(self, log: dict[str, JSON]) -> Request:
        """Return the request of a line already decoded."""
        for key in ("method", "path"):
            if not isinstance(log.get(key), str):
                raise UnparsableError(f"the object has no text `{key}`, which the reference schema requires")
        headers = header_texts(log.get("headers"))
        source = log.get("source")
        address = None
        if isinstance(source, dict):
            address = source.get("remoteAddress")
            for key, name in (("referer", "referer"), ("userAgent", "user-agent")):
                value = source.get(key)
                if isinstance(value, str):
                    headers.setdefault(name, value)
        if not isinstance(address, str) or not address:
            address = headers.get("x-real-ip") or headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return Request(
            visible={key: value for key, value in log.items() if key not in DESCRIPTIVE_FIELDS},
            client=address[:ADDRESS_CHARACTERS] or None,
            time=_seconds(log.get("timestamp")),
            host=headers.get("host"),
            headers=headers or None,
        )


def _seconds(timestamp: JSON) -> float | None:
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool) and 0 <= timestamp < _TIME_LIMIT_MS:
        return timestamp / 1000
    return None
