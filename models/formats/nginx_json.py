"""`nginx-json`: an access log of nginx with `escape=json`, in our own spelling or in those seen elsewhere.

Our own log_format has the keys time ($msec), remote_addr, host, method, uri ($request_uri), protocol, status,
bytes_sent, request_time, referer, user_agent, x_forwarded_for, content_type and body ($request_body).
"""

from __future__ import annotations

import json
import re
from typing import Final

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.json_fields import first_text, first_value
from weirlog.models.formats.json_line import decode_json, decode_object
from weirlog.models.formats.moments import any_time
from weirlog.models.formats.request_parts import request_of
from weirlog.models.formats.target import Target, decode_form, split_request_line, split_target
from weirlog.models.request import JSON, Request

# In each row our own key first, then others' in order of preference.
METHOD: Final = ("method", "request_method", "http_method", "verb")
RAW_TARGET: Final = ("request_uri", "uri", "url", "request_url", "request_path")
REQUEST_LINE: Final = ("request", "request_line")
ARGUMENTS: Final = ("args", "query_string", "query")
CLIENT: Final = ("remote_addr", "client_ip", "remote_ip", "client", "clientip", "client_addr", "src_ip")
TIME: Final = ("time", "msec", "time_iso8601", "timestamp", "@timestamp", "time_local", "ts")
HOST: Final = ("host", "http_host", "server_name", "vhost")
STATUS: Final = ("status", "status_code", "response_code")
BODY: Final = ("body", "request_body", "post_data")
HEADERS: Final = {
    "user-agent": ("user_agent", "http_user_agent", "agent", "ua"),
    "referer": ("referer", "http_referer", "http_referrer", "referrer"),
    "x-forwarded-for": ("x_forwarded_for", "http_x_forwarded_for"),
    "content-type": ("content_type", "http_content_type"),
}
_FORM = re.compile(r"[\w.\[\]%+-]+=", re.ASCII)


class NginxJsonFormat:
    """JSON access logs. nginx leaves bytes from 0x80 as they are, so a line may be no UTF-8: then it is Latin-1.

    A body that is JSON becomes what it says, a form its parameters, anything else {"raw": text}.
    """

    name = "nginx-json"

    def parse(self, line: bytes) -> Request:
        return self.read(decode_object(line))

    def read(self, log: dict[str, JSON]) -> Request:
        """Return the request of a line already decoded."""
        method, target = _method_and_target(log)
        headers = {name: value for name, keys in HEADERS.items() if (value := first_text(log, keys))}
        return request_of(
            method,
            target,
            status=first_value(log, STATUS),
            body=read_body(first_value(log, BODY), headers.get("content-type", "")),
            client=first_text(log, CLIENT),
            time=any_time(first_value(log, TIME)),
            host=first_text(log, HOST),
            headers=headers,
        )


def read_body(body: JSON, content_type: str) -> JSON:
    """Return a logged request body in canonical form, by what its type says and its shape confirms."""
    if body is None or body in ("", "-"):
        return None
    if isinstance(body, dict):
        return body
    if isinstance(body, list):
        return {"items": body}
    return _read_text_body(body, content_type) if isinstance(body, str) else {"raw": json.dumps(body)}


def _read_text_body(body: str, content_type: str) -> JSON:
    if body.lstrip()[:1] in {"{", "["}:
        try:
            value = decode_json(body.encode())
        except UnparsableError:
            return {"raw": body}  # cut short, too deep, or only looking like it: still to be judged as text
        return value if isinstance(value, dict) else {"items": value}
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded" or (not kind and _FORM.match(body)):
        return dict(decode_form(body.encode()))
    return {"raw": body}


def _method_and_target(log: dict[str, JSON]) -> tuple[str, Target]:
    method = first_text(log, METHOD)
    raw = first_text(log, RAW_TARGET)
    if method and raw:
        arguments = first_text(log, ARGUMENTS)
        # `$uri` is decoded already, but it cannot be told from `$request_uri` once logged; a model undoes further
        # layers anyhow, so that decoding it again costs nothing.
        if arguments and "?" not in raw:
            raw = f"{raw}?{arguments}"
        return method.lower(), split_target(raw.encode())
    line = first_text(log, REQUEST_LINE)
    if line:
        method, target = split_request_line(line.encode())
        return method, split_target(target)
    raise UnparsableError(
        "the object has neither `method` and `uri` nor `request`, in any known spelling, or they are empty"
    )
