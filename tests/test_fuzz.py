"""Any bytes at all, all the way from a log line to an alert: a Request or UnparsableError, and everything in bounds.

Work is counted, not timed: calls, bytes allocated and characters given, which are the same on every machine.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest
from artifacts import random_artifact
from hypothesis import given, settings
from hypothesis import strategies as st
from log_lines import SAMPLES

from weirlog.daemon.printable import printable
from weirlog.models.errors import UnparsableError
from weirlog.models.formats import FORMATS, log_format
from weirlog.models.request import Request
from weirlog.models.text import TEXT_CHARACTERS, text_preparation
from weirlog.models.tokenizer import Tokenizer
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.alerts import LIMIT_BYTES, Alert, build_alert
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record
from weirlog.pipeline.redaction import Limits, Redactor, Showing

VERSIONS = ("detection-1", "plain-1", "reference-1", "reference-js-1")
TOKENIZERS = (random_artifact("lstm").tokenizer, Tokenizer.fit(["get post select union a b"], level="word"))
REASON_CHARACTERS = 400
ESCAPED = 12
"""The most characters of ASCII that one byte of a line can become: half of a surrogate pair, twice escaped."""

COMBINED = (
    b'192.0.2.1 - anna [10/Oct/2025:13:55:36 +0000] "GET /a?b=c&d=%27 HTTP/1.1" 200 12 "https://e.example/" "agent/1"'
)
HAPI = (
    b'{"method":"get","query":{"a":["b",1,null]},"path":"/a","statusCode":200,"headers":{"user-agent":"x"},'
    b'"source":{"remoteAddress":"192.0.2.1"},"requestPayload":{"user":{"password":"hunter2"}}}'
)
NGINX_JSON = (
    b'{"request_method":"POST","request_uri":"/a?b=c","status":"200","time_iso8601":"2025-10-10T13:55:36+00:00",'
    b'"remote_addr":"192.0.2.1","http_user_agent":"agent/1","request_body":"a=b&token=c"}'
)
HOSTILE = (
    *(
        b"%25",
        b"%",
        b"%u0027",
        b"\\u0027",
        b"\\x27",
        b"&#x27;",
        b"&lt",
        b"+",
        b"\xc0\xaf",
        b"\xff",
        b"\xed\xa0\x80",
        b"\0",
    ),
    *(
        b"\\",
        b'"',
        b'\\"',
        b"\\ud800",
        b"[",
        b"{",
        b'{"a":',
        b"[[",
        b"]",
        b"}",
        b",",
        b":",
        b"=",
        b"&",
        b"?a=",
        b"a[b]=",
    ),
    *(
        b"\xe2\x80\xae",
        b"\x1b[2J",
        b"\x9b",
        b"\r",
        b"\t",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa6",
        b"\xc4\xb0",
        b"\xf0\x9f\x92\xa3",
    ),
    *(b"password=", b"token:", b"eyJhbGciOi.", b"4111111111111111", b"://a:b@", b"bearer ", b"PHNjcmlwdD4=", b"-1e999"),
    *(
        b"9" * 20,
        b"a" * 50,
        b"/../",
        b" HTTP/1.1",
        b'" "',
        b"[10/Oct/2025:13:55:36 +0000]",
        b'"method":"get",',
        b'"path":"/",',
    ),
)
"""What some step on the way reads as more than a character."""

SOUP = st.lists(st.sampled_from(HOSTILE) | st.binary(max_size=4), max_size=40).map(b"".join)
LINES = st.one_of(
    st.binary(max_size=300),
    SOUP,
    st.builds(
        lambda line, at, length, soup: line[:at] + soup + line[at + length :],
        st.sampled_from([COMBINED, HAPI, NGINX_JSON, *SAMPLES]),
        st.integers(0, 250),
        st.integers(0, 40),
        SOUP,
    ),
)


def read(name: str, line: bytes) -> Request | None:
    """Return the request that a format reads, or None where it refuses with a reason that is fit to be shown."""
    try:
        return log_format(name).parse(line)
    except UnparsableError as error:
        reason = str(error)
        assert reason.isprintable()
        assert 0 < len(reason) < REASON_CHARACTERS
        return None


def alert(request: Request, explanation: Explanation | None) -> Alert:
    record = Record(b"", Ledger(Partition("file-0", "file", "/var/log/a.log", "1:ab"), 0).open(9), 0.0)
    return build_alert(
        record,
        request,
        Verdict(1.0, 0.5, "sqli"),
        explanation,
        model_name="default",
        model_digest="d" * 64,
        redactor=Redactor(),
        time=1_700_000_000.0,
    )


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=100, deadline=None)
@given(line=LINES)
def test_any_line_is_a_request_that_all_can_use_or_is_refused(name: str, line: bytes) -> None:
    request = read(name, line)
    if request is None:
        return
    for version in VERSIONS:
        text = text_preparation(version).prepare(request)
        assert len(text.text) <= ESCAPED * len(line) + 200
        end = 0
        for field in text.fields:
            assert end <= field.start <= field.end <= len(text.text)
            end = field.end
        for tokenizer in TOKENIZERS:
            check_tokens(tokenizer, text.text)
    check_alert(alert(request, None))


def check_tokens(tokenizer: Tokenizer, text: str) -> None:
    batch = tokenizer.encode([text, "", text])
    ids, starts = tokenizer.offsets(text)
    length = int(batch.lengths[0])
    assert batch.lengths.tolist() == [length, 0, length]
    assert np.array_equal(batch.ids, np.concatenate([ids, ids])), "offsets are those of the encoding"
    assert length <= len(text.lower())
    assert ((ids > 0) & (ids < tokenizer.size)).all()
    assert (np.diff(starts) >= 0).all()
    assert not length or (starts[0] >= 0 and starts[-1] < len(text))


def check_alert(made: Alert) -> None:
    assert len(made.body) <= LIMIT_BYTES
    assert made.body.isascii()
    assert made.body.decode().isprintable(), "nothing that moves a terminal's cursor"
    json.loads(made.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@settings(max_examples=100, deadline=None)
@given(soup=SOUP, field=SOUP, start=st.integers(-5, 400), length=st.integers(-5, 400))
def test_any_explanation_and_any_request_make_a_bounded_alert(
    soup: bytes, field: bytes, start: int, length: int
) -> None:
    text, name = soup.decode("utf-8", "surrogateescape"), field.decode("latin-1")
    visible: Any = {"method": text, "path": text, "query": {name: text, text: [text]}, "requestPayload": {"raw": text}}
    request = Request(visible, client=text, host=name, headers={name: text}, time=float(start) * 10.0**12)
    made = alert(request, Explanation(name, text, start, start + length))
    check_alert(made)
    explanation: Any = made.document()["explanation"]
    assert 0 <= explanation["start"] <= explanation["end"] <= len(explanation["excerpt"])


@settings(max_examples=100, deadline=None)
@given(soup=SOUP, limit=st.integers(0, 100))
def test_any_text_is_redacted_and_printed_within_its_limit(soup: bytes, limit: int) -> None:
    text = soup.decode("utf-8", "surrogateescape")
    redactor = Redactor()
    for start, end in redactor.spans(text):
        assert 0 <= start < end <= len(text)
    shown = Showing(redactor, Limits(text_chars=limit)).text(text)
    assert len(shown) <= limit + len(f"… (+{len(text)} characters cut)")
    shown.encode()
    assert printable(text, limit).isprintable()
    assert len(printable(text, limit)) <= limit + len(f"… (+{len(text)})")


# --- in bounded time and memory ---


def filled(unit: bytes, size: int) -> list[bytes]:
    """Lines of about `size` bytes that are nearly nothing but `unit`: bare, and within each good one."""
    flood = unit * (size // len(unit))
    # JSON takes quotes and backslashes only escaped, and that is how a server writes what it was sent.
    escaped = json.dumps(flood.decode("latin-1")).encode()[1:-1]
    return [
        flood,
        COMBINED.replace(b"b=c", flood),
        COMBINED.replace(b"agent/1", flood),
        HAPI.replace(b"hunter2", escaped),
        HAPI.replace(b'"a":', b'"' + escaped + b'":'),
        NGINX_JSON.replace(b"b=c", escaped),
        NGINX_JSON.replace(b"a=b", escaped),
    ]


def journey(line: bytes) -> int:
    """Take a line all the way, in the format that it has; return how many characters came of it."""
    request = read("auto", line)
    if request is None:
        return 0
    made = sum(len(text_preparation(version).prepare(request).text) for version in VERSIONS)
    return made + len(alert(request, Explanation("path", request.path, 0, 9)).body)


def calls(work: Callable[[], object]) -> int:
    """Return how many functions were called by `work`, built-in ones too."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_four_times_the_line_is_four_times_the_work(unit: bytes) -> None:
    """What is quadratic would be sixteen times as much."""
    for small, large in zip(filled(unit, 1_000), filled(unit, 4_000), strict=True):
        journey(small)  # what is made once is made now
        few, many = calls(lambda: journey(small)), calls(lambda: journey(large))  # noqa: B023 - called here
        assert many <= 6 * few + 2_000
        assert journey(large) <= len(VERSIONS) * (ESCAPED * len(large) + 200) + LIMIT_BYTES
        little, much = peak_bytes(lambda: journey(small)), peak_bytes(lambda: journey(large))  # noqa: B023 - called here
        assert much <= 6 * little + 200_000


@pytest.mark.parametrize("unit", [b"a ", b"%25", b"&a=b"], ids=ascii)
def test_a_megabyte_becomes_no_longer_text_than_a_model_reads(unit: bytes) -> None:
    preparation = text_preparation("detection-1")
    requests = [request for line in filled(unit, 1 << 20) if (request := read("auto", line))]
    assert requests
    for request in requests:
        assert len(preparation.prepare(request).text) <= TEXT_CHARACTERS
