"""What of a request may be shown: secrets blotted out, everything bounded."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from weirlog.models.request import JSON, Request
from weirlog.models.verdict import Explanation
from weirlog.pipeline.secret_spans import is_card_number, merged, secret_spans
from weirlog.pipeline.sensitive_names import SensitiveNames

REDACTED = "[redacted]"
LIMIT_TEXT_CHARS = 4096
LIMIT_EXCERPT_CHARS = 600

_SURROGATES = re.compile("[\ud800-\udfff]")
_LEAST_KNOWN_CHARS = 4
"""A secret shorter than this is not looked for in an excerpt: it would blot out half the words."""
_MOST_KNOWN = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a request is shown.

    Attributes:
        text_chars: of one text or name; what is cut ends with "… (+characters cut)".
        all_chars: of all texts and names together, so that a request of a megabyte costs no more than one of 16 kB.
        values: texts, numbers and containers altogether; the rest of a container is counted under "…".
        depth: of containers in containers.
    """

    text_chars: int = LIMIT_TEXT_CHARS
    all_chars: int = 16_000
    values: int = 1000
    depth: int = 16


class Redactor:
    """Blots out secrets. Stateless, for any thread.

    Values of sensitive names become "[redacted]" at any depth: in JSON, forms, headers, XML, URLs and cookies; so do
    credentials, tokens, keys and card numbers that show by their own form, in any text.

    Args:
        extra_keys: sensitive names beside the default ones.
        enabled: False shows everything, still bounded.
    """

    def __init__(self, extra_keys: Iterable[str] = (), *, enabled: bool = True) -> None:
        self._names = SensitiveNames(extra_keys)
        self.enabled = enabled

    def is_sensitive(self, name: str) -> bool:
        """Whether what `name` stands for is hidden."""
        return self.enabled and name in self._names

    def spans(self, text: str, *, cut: bool = False) -> list[tuple[int, int]]:
        """Return where secrets stand in `text`; see `secret_spans`."""
        return secret_spans(text, self._names, cut=cut) if self.enabled else []

    def text(self, text: str, limit_chars: int = LIMIT_TEXT_CHARS) -> str:
        """Return `text` redacted, at most `limit_chars` long, fit for UTF-8."""
        return Showing(self, Limits(text_chars=limit_chars)).text(text)

    def explanation(self, explanation: Explanation, request: Request | None = None) -> dict[str, JSON]:
        """Return `explanation` as the alert shows it; start and end cover the marker of a secret that they touch.

        Args:
            explanation: its field decides on the whole excerpt, which was torn out of the value of that field.
            request: what is hidden of it is hidden in the excerpt too, which may begin in the middle of a secret.
        """
        excerpt = explanation.excerpt[:LIMIT_EXCERPT_CHARS]
        start = min(max(explanation.start, 0), len(excerpt))
        end = min(max(explanation.end, start), len(excerpt))
        if self.is_sensitive(explanation.field):
            spans = [(0, len(excerpt))]
        else:
            spans = self.spans(excerpt, cut=True)
            if request is not None and self.enabled:
                spans = merged([*spans, *_known_secrets(excerpt, self._secrets_of(request))])
        text, start, end = _blotted(excerpt, spans, start, end)
        return {"field": self.text(explanation.field, 256), "excerpt": _encodable(text), "start": start, "end": end}

    def _secrets_of(self, request: Request) -> list[str]:
        showing = Showing(self, Limits())
        show_request(request, showing)
        return showing.secrets


class Showing:
    """One pass over one thing to be shown.

    Args:
        redactor: what is hidden.
        limits: how much is shown.
    """

    def __init__(self, redactor: Redactor, limits: Limits) -> None:
        self.cut = False
        """Whether anything was left out for its size."""
        self.secrets: list[str] = []
        """Some of the texts that were hidden."""
        self._redactor = redactor
        self._limits = limits
        self._left = limits.values
        self._chars_left = limits.all_chars

    def text(self, text: str) -> str:
        limit = min(self._limits.text_chars, max(self._chars_left, 0))
        kept = text[:limit]
        self._chars_left -= len(kept) + 1
        spans = self._redactor.spans(kept, cut=len(text) > limit)
        for start, end in spans:
            self._remember(kept[start:end])
        kept = _encodable(_blotted(kept, spans, 0, 0)[0])
        if len(text) <= limit and len(kept) <= limit:
            return kept
        self.cut = True
        whole = max(len(text), len(kept))
        room = max(limit - len(_marker(whole)), 0)
        return kept[:room] + _marker(whole - room)

    def value(self, value: JSON, depth: int = 0) -> JSON:
        self._left -= 1
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple):
            return self._sequence(value, depth)
        return self._number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def named(self, name: str, value: JSON, depth: int = 0) -> JSON:
        """Show `value` as the value of `name`."""
        if value in (None, "") or not self._redactor.is_sensitive(name):
            return self.value(value, depth)
        self._left -= 1
        for text in _texts(value):
            self._remember(text)
        return REDACTED

    def _mapping(self, mapping: Mapping[str, JSON], depth: int) -> JSON:
        if depth >= self._limits.depth:
            return self._left_out(len(mapping))
        # {"name": "password", "value": …} is how HAR files and many form libraries write a pair.
        pair_name = next((name for key in ("name", "key") if isinstance(name := mapping.get(key), str)), "")
        shown: dict[str, JSON] = {}
        for index, (key, value) in enumerate(mapping.items()):
            if self._full:
                shown["…"] = self._left_out(len(mapping) - index)
                break
            name = self.text(str(key))
            shown[name] = self.named(f"{key} {pair_name}" if key == "value" else str(key), value, depth + 1)
        return shown

    def _sequence(self, items: list[JSON] | tuple[JSON, ...], depth: int) -> JSON:
        if depth >= self._limits.depth:
            return self._left_out(len(items))
        shown: list[JSON] = []
        for index, item in enumerate(items):
            if self._full:
                shown.append(self._left_out(len(items) - index))
                break
            shown.append(self.value(item, depth + 1))
        return shown

    def _number(self, number: float) -> JSON:
        if not isinstance(number, int):
            if not math.isfinite(number):
                return str(number)  # JSON has neither NaN nor infinity
        elif number.bit_length() > 64:
            return f"(a number of {number.bit_length()} bits)"
        if self._redactor.enabled and is_card_number(str(abs(int(number)))):
            self._remember(str(abs(int(number))))
            return REDACTED
        return number

    @property
    def _full(self) -> bool:
        return self._left <= 0 or self._chars_left <= 0

    def _left_out(self, count: int) -> str:
        self.cut = True
        return _marker(count)

    def _remember(self, secret: str) -> None:
        if len(self.secrets) < _MOST_KNOWN and len(secret) >= _LEAST_KNOWN_CHARS:
            self.secrets.append(secret)


def show_request(request: Request, showing: Showing) -> dict[str, JSON]:
    """Return the parts of `request` that people see, without its time."""
    shown: dict[str, JSON] = {
        "method": showing.text(request.method),
        "path": showing.text(request.path),
        "status": request.status if request.status is not None and -1 < request.status < 1000 else None,
        "host": None if request.host is None else showing.text(request.host),
        "query": showing.value(request.query),
        "headers": showing.value(dict(request.headers or {})),
        "body": showing.value(request.body),
    }
    return shown


def _marker(left_out: int) -> str:
    return f"… (+{left_out})"


def _encodable(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


def _blotted(text: str, spans: list[tuple[int, int]], start: int, end: int) -> tuple[str, int, int]:
    """Return `text` with REDACTED for each of `spans`, and where `start` and `end` went."""
    parts: list[str] = []
    position = shift = 0
    new_start, new_end = start, end
    for left, right in spans:
        marker = left + shift
        parts += [text[position:left], REDACTED]
        shift += len(REDACTED) - (right - left)
        if left < start:
            new_start = marker if start < right else start + shift
        if left < end:
            new_end = marker + len(REDACTED) if end <= right else end + shift
        position = right
    parts.append(text[position:])
    return "".join(parts), new_start, new_end


def _texts(value: JSON) -> Iterator[str]:
    """Yield some of the texts and numbers in `value`, without recursion: its depth is the attacker's choice."""
    waiting = [value]
    for _ in range(_MOST_KNOWN):
        if not waiting:
            return
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting += list(item.values())[:_MOST_KNOWN]
        elif isinstance(item, list):
            waiting += item[:_MOST_KNOWN]
        elif isinstance(item, str):
            yield item[:LIMIT_TEXT_CHARS]


def _known_secrets(excerpt: str, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield where `secrets`, or what an edge of `excerpt` left of them, stand in it."""
    lowered = excerpt.lower()
    for secret in {secret.lower() for secret in secrets}:
        if lowered in secret:
            yield 0, len(excerpt)
        position = lowered.find(secret)
        while position >= 0:
            yield position, min(position + len(secret), len(excerpt))
            position = lowered.find(secret, position + len(secret))
        longest = min(len(secret), len(lowered)) - 1
        for length in range(longest, _LEAST_KNOWN_CHARS - 1, -1):
            if lowered.startswith(secret[-length:]):
                yield 0, length
                break
        for length in range(longest, _LEAST_KNOWN_CHARS - 1, -1):
            if lowered.endswith(secret[:length]):
                yield len(excerpt) - length, len(excerpt)
                break
