"""Times as access logs write them, to seconds since 1970-01-01 UTC. What cannot be read is None: a time decides nothing."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from weirlog.models.request import JSON

_LIMIT_S: Final = 1e11  # the year 5138; larger numbers are milliseconds
_TEXT_CHARACTERS: Final = 64
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_COMMON = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII)


def common_time(text: str) -> float | None:
    """Read `10/Oct/2000:13:55:36 -0700`."""
    match = _COMMON.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(int(year), _MONTHS[match[2]], int(day), int(hour), int(minute), min(int(second), 59), 0, zone)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None


def any_time(value: JSON) -> float | None:
    """Read seconds or milliseconds, as a number or as text, ISO 8601 or the common log format."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return _seconds(value)
    if not isinstance(value, str) or len(value) > _TEXT_CHARACTERS:
        return None
    try:
        return _seconds(float(value))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return common_time(value)


def _seconds(number: float) -> float | None:
    if not 0 <= number < _LIMIT_S * 1000 or not math.isfinite(number):
        return None
    return float(number if number < _LIMIT_S else number / 1000)
