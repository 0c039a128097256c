"""Where secrets stand in a text: as values of sensitive names, or by their own form.

Every rule runs in time linear in the text, whatever the text is: quantifiers are possessive or bounded, and no two
scans of a rule overlap. Where the text was cut, a secret that lost its end is still found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]

_FORMS = (
    # Private keys: what follows the head as long as it can be part of a PEM block, so a missing end hides nothing.
    re.compile(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY-----([A-Za-z0-9+/=\s\\:,%-]*+)", re.IGNORECASE),
    # RFC 6750, RFC 7617: the scheme stays, the credentials go.
    re.compile(r"\b(?:bearer|basic)(?:\s|\+|%20){1,4}([\w.~+/=%-]{6,}+)", re.IGNORECASE),
    # JSON Web Tokens, and whatever else is base64 of a JSON object.
    re.compile(r"\b(eyJ[\w-]{10,}+(?:\.[\w-]*+){0,4})", re.IGNORECASE),
    # User and password of a URL (RFC 3986, userinfo), up to the last @ of the authority.
    re.compile(r"""://([^\s/?#"'<>\\]*)@"""),
    # Keys of well-known services, by the prefixes that they document.
    re.compile(
        r"\b((?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b|gh[pousr]_\w{20,}+|github_pat_\w{20,}+|glpat-[\w-]{16,}+"
        r"|xox[abeprs]-[\w-]{10,}+|[sr]k_(?:live|test)_\w{10,}+|sk-[\w-]{20,}+|AIza[\w-]{35}|whsec_[\w+/=-]{16,}+)",
        re.IGNORECASE,
    ),
)

_PAIR = re.compile(
    r"""(?<![\w.\-%\[\]$]) ([\w.\-%\[\]$]{1,128}+)      # a name …
        (\\{0,7}["'])? \s{0,4}+ (=>|:=|={1,2}|:) \s{0,4}+  # … perhaps in quotes, and what binds a value to it""",
    re.VERBOSE,
)
_ENCODED_PAIR = re.compile(
    r"""(?:(?<=%[0-9A-Fa-f]{2})|(?<![\w.\-%])) ([\w.\-]{1,128}+) %(?:25){0,4}3[dD]
        ((?:[^&\s"'%]|%(?!(?:25){0,4}26))*+)""",
    re.VERBOSE,
)
_ELEMENT = re.compile(
    r"<(?:\w{1,32}:)?([\w.-]{1,64}+)(?:\s[^<>]{0,512}+)?>(?:\s{0,8}<!\[CDATA\[((?:[^\]]|\](?!\]>))*+)|([^<]*+))"
)
_FORM_PART = re.compile(
    r"""\bname="?([^"\r\n;]{1,128}+)"?[^\r\n]{0,256}+\r?\n(?:[^\r\n]{1,256}+\r?\n){0,4}\r?\n((?:[^\n]|\n(?!--))*+)"""
)
_OPENING = re.compile(r"""\\{0,7}["']""")
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_END_OF_JSON = re.compile(r"[,}\]\r\n]|\Z")
_END_OF_LINE = re.compile(r"[\r\n]|\Z")
_END_OF_FIELD = re.compile(r"[&\r\n]|\Z")
_END_OF_WORD = re.compile(r"[\s&;,]|\Z")

_CARD = re.compile(r"(?<!\d)[2-6](?:\d{12,18}+(?!\d)|\d{3}(?:(?:[ \t+._/-]|%20)\d{2,7}(?!\d)){2,4})")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit sum of twice the index
_DIGITS = re.compile(r"(?:%20)?(\d+)")
_CUT_OFF = re.compile(
    # A user name and the beginning of a password, but no host and port; more digits of a card than its issuer's six.
    r"""://([^\s/?#"'<>\\:]*+:(?!\d{0,5}\Z)[^\s/?#"'<>\\]*+)\Z|((?:\d[ \t+._/-]?+){7,}+)\Z"""
)

SHORTEST_CHARS = 12
"""What has no sign of a name and its value, and is shorter, can be no secret: the shortest is "basic " and six more."""
_SIGN = re.compile("[=:%<]")


def secret_spans(text: str, names: Container[str], *, cut: bool = False) -> list[Span]:
    """Return where secrets stand in `text`: disjoint, in order, none empty.

    Args:
        text: anything.
        names: the sensitive names.
        cut: `text` is the beginning of a longer one: also take what may be the beginning of a secret.
    """
    if len(text) < SHORTEST_CHARS and not cut and _SIGN.search(text) is None:
        return []  # as most names and many values of a request: the rules would take 8 µs
    spans = [span for rule in _RULES for span in rule(text, names)]
    if cut:
        spans += [match.span(1 if match[1] else 2) for match in _CUT_OFF.finditer(text)]
    return merged(spans)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return `spans` in order, those that touch as one, without empty ones."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def is_card_number(digits: str) -> bool:
    """Whether `digits` can be a payment card's number: 13 to 19 of them, a scheme's first digit, a valid check digit.

    ISO/IEC 7812-1, annex B: from the right, every second digit is doubled and the digits of all are summed.
    """
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456":
        return False
    total = sum(map(int, digits[::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def _forms(text: str, names: Container[str]) -> Iterator[Span]:  # noqa: ARG001 - one signature for all rules
    for form in _FORMS:
        for match in form.finditer(text):
            yield match.span(1)


def _pairs(text: str, names: Container[str]) -> Iterator[Span]:
    position = 0
    while match := _PAIR.search(text, position):
        position = match.end()
        if match[1] in names:
            span = _value_span(text, match)
            yield span
            position = max(position, span[1])


def _value_span(text: str, pair: re.Match[str]) -> Span:
    """Where the value of a `name=value` in a form, `"name": value` in JSON, or `name: value` in a header stands."""
    start = pair.end()
    before = text[pair.start() - 1] if pair.start() else "&"
    if pair[2] is None and pair[3] == "=" and before in "?&":
        return start, _find(_END_OF_FIELD, text, start)
    if opening := _OPENING.match(text, start):
        return opening.end(), _closing_quote(text, opening)
    if text[start : start + 1] in {"[", "{"}:
        return start, _closing_bracket(text, start)
    if pair[2] is not None:
        return start, _find(_END_OF_JSON, text, start)
    return start, _find(_END_OF_LINE if pair[3] == ":" else _END_OF_WORD, text, start)


def _find(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.search(text, start)
    return match.start() if match else len(text)


def _closing_quote(text: str, opening: re.Match[str]) -> int:
    """Where the quote that `opening` began ends: the same quote behind as many backslashes, or the text's end."""
    depth = len(opening[0]) - 1
    previous = opening.end()
    while (index := text.find(opening[0][-1], previous)) >= 0:
        bare = len(text[previous:index].rstrip("\\"))
        slashes = index - previous - bare
        if slashes == depth if depth else slashes % 2 == 0:
            return index - depth
        previous = index + 1
    return len(text)


def _closing_bracket(text: str, start: int) -> int:
    depth = 0
    for match in _NESTING.finditer(text, start):
        depth += (match[1] is not None) - (match[2] is not None)
        if depth == 0 and (match[1] or match[2]):
            return match.end()
    return len(text)


def _named(pattern: re.Pattern[str]) -> Callable[[str, Container[str]], Iterator[Span]]:
    """A rule from a pattern whose first group is the name and whose others are the value."""

    def spans(text: str, names: Container[str]) -> Iterator[Span]:
        for match in pattern.finditer(text):
            if match[1] in names:
                yield from (match.span(group) for group in range(2, pattern.groups + 1) if match[group])

    return spans


def _cards(text: str, names: Container[str]) -> Iterator[Span]:  # noqa: ARG001 - one signature for all rules
    position = 0
    while match := _CARD.search(text, position):
        position = match.start() + 1
        # Numbers written in groups may be followed by other digits: the longest that is a card's counts.
        digits, end = "", None
        for group in _DIGITS.finditer(match[0]):
            digits += group[1]
            if is_card_number(digits):
                end = match.start() + group.end()
        if end is not None:
            yield match.start(), end
            position = end


_RULES = (_forms, _pairs, _named(_ENCODED_PAIR), _named(_ELEMENT), _named(_FORM_PART), _cards)
