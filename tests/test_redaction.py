"""Redaction: no secret survives, wherever it stands; everything is bounded; hostile text costs linear time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weirlog.models.request import JSON, Request
from weirlog.models.verdict import Explanation
from weirlog.pipeline.redaction import REDACTED, Limits, Redactor, Showing
from weirlog.pipeline.secret_spans import SHORTEST_CHARS, is_card_number, secret_spans

SECRET = "hunter2XyZ"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
KEY_BLOCK = f"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA{SECRET}\n-----END RSA PRIVATE KEY-----"


def show(value: JSON, limits: Limits | None = None, redactor: Redactor | None = None) -> JSON:
    return Showing(redactor or Redactor(), limits or Limits()).value(value)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Passwd", "PWD", "pass", "user_password", "newPassword2", "passwords", "PassWord", "pass-phrase"),
        *("token", "accessToken", "access_token", "accesstoken", "X-CSRF-Token", "refresh.token", "client_secret"),
        *("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "session", "PHPSESSID", "jsessionid"),
        *("api_key", "apiKey", "API-Key", "X-API-KEY", "APIKey", "access key", "AWSAccessKeyId", "private_key"),
        *("credential", "credentials", "otp", "pin", "user[pin]", "cvv", "CVV2", "ssn", "card_number", "cardNumber"),
        *("creditCard", "cc-number", "ｐａｓｓｗｏｒｄ", "pass%77ord"),
    ],
)
def test_names_of_secrets_are_known_whatever_their_case_and_separators(name: str) -> None:
    assert Redactor().is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    ["pinned", "spinner", "shopping", "tokenizer", "compass", "author", "monkey", "id"],
)
def test_names_that_only_contain_such_letters_are_not(name: str) -> None:
    assert not Redactor().is_sensitive(name)


def test_extra_names_are_matched_like_the_default_ones() -> None:
    redactor = Redactor(["patient-id"])
    assert redactor.is_sensitive("patientId")
    assert redactor.is_sensitive("the_patient_id")
    assert not redactor.is_sensitive("patient")


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"a=1&user[password]={SECRET}%20{SECRET}&b=2",
        f"https://shop.example/?q=1&api_key={SECRET}#top",
        f"https://shop.example/login?next=%2Fx%3Ftoken%3D{SECRET}%26y%3D1",
        f"https://shop.example/login?next=%252Fx%253Ftoken%253D{SECRET}",
        f"https://anna:{SECRET}@shop.example/",
        f"https://anna:p@ss{SECRET}@shop.example/",
        f"/cart;jsessionid={SECRET}?x=1",
        f"Authorization: Basic {SECRET}==",
        f"x Bearer {SECRET} y",
        f"Cookie: a=b; c={SECRET}; d=e",
        f'{{"user":"anna","password":"{SECRET}"}}',
        f'{{"password" : "a\\"{SECRET}" , "user":1}}',
        f'{{"password":{{"old":{{"v":"x"}},"new":"{SECRET}"}},"user":1}}',
        f'{{"tokens":["x",["y"],"{SECRET}"]}}',
        f'{{"payload":"{{\\"password\\":\\"{SECRET}\\",\\"x\\":1}}"}}',
        f"{{'secret': '{SECRET}'}}",
        f'{{"broken": "password": "{SECRET}',
        f"password: {SECRET} and {SECRET}\nnext: 1",
        f"$password => '{SECRET}'",
        f"<login><soap:Password Type='x'>{SECRET}</soap:Password></login>",
        f"<password><![CDATA[a]b{SECRET}]]></password>",
        f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b--',
        f'--b\r\nContent-Disposition: form-data; name="pin"\r\nContent-Type: text/plain\r\n\r\n{SECRET}\r\n--b--',
        KEY_BLOCK,
        KEY_BLOCK.split("-----END", maxsplit=1)[0],
        f"ghp_{SECRET}{SECRET}0000",
    ],
)
def test_a_secret_in_text_is_blotted_out(text: str) -> None:
    shown = Redactor().text(text)
    assert SECRET not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a=1&password=x&b=2", "a=1&password=[redacted]&b=2"),
        ("https://a:b@host/p?q", "https://[redacted]@host/p?q"),
        (f"jwt {JWT}!", "jwt [redacted]!"),
        ("key AKIAIOSFODNN7EXAMPLE.", "key [redacted]."),
        ("pay 4111 1111 1111 1111 now", "pay [redacted] now"),
        ("pay 4111-1111-1111-1111, 378282246310005", "pay [redacted], [redacted]"),
        ("1 5555555555554444", "1 [redacted]"),
        ("2222 4111 1111 1111 1111", "2222 [redacted]"),
        ("4111%201111%201111%201111", "[redacted]"),
        ("6011+1111+1111+1117", "[redacted]"),
    ],
)
def test_what_surrounds_a_secret_stays(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "id=17' UNION SELECT login FROM staff-- -",
        "the token ring; a basket of passwords is no secret here",
        "4111 1111 1111 1112",
        "1700000000000",
        "2024-11-20 10:20:30.123456",
        "https://shop.example:8080/a@b",
        "key=value&page=3",
    ],
)
def test_harmless_text_is_shown_as_it_is(text: str) -> None:
    assert Redactor().text(text) == text


def test_values_of_sensitive_keys_vanish_at_any_depth() -> None:
    body: JSON = {"a": [{"b": {"Password": {"deep": [SECRET, 1]}}}], "items": [["x", {"token": [SECRET]}]], "ok": True}
    assert show(body) == {"a": [{"b": {"Password": REDACTED}}], "items": [["x", {"token": REDACTED}]], "ok": True}


def test_a_name_and_value_pair_counts_as_a_key() -> None:
    assert show({"name": "password", "value": SECRET}) == {"name": "password", "value": REDACTED}
    assert show({"name": "colour", "value": "red"}) == {"name": "colour", "value": "red"}


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert show({"password": "", "token": None}) == {"password": "", "token": None}


def test_card_numbers_are_hidden_where_they_are_numbers() -> None:
    assert show([4111111111111111, 4111111111111111.0, 4111111111111112, 17]) == [
        REDACTED,
        REDACTED,
        4111111111111112,
        17,
    ]


def test_numbers_that_json_cannot_carry_become_text() -> None:
    shown = show([float("nan"), float("-inf"), 10**5000])
    assert json.loads(json.dumps(shown, allow_nan=False)) == ["nan", "-inf", "(a number of 16610 bits)"]


def test_switched_off_it_shows_secrets_but_still_bounds_them() -> None:
    redactor = Redactor(enabled=False)
    assert show({"password": SECRET, "card": 4111111111111111}, redactor=redactor) == {
        "password": SECRET,
        "card": 4111111111111111,
    }
    assert len(redactor.text("x" * 9000)) == Limits().text_chars


def test_lone_surrogates_are_replaced() -> None:
    assert Redactor().text("a\ud800b") == "a\ufffdb"


def test_what_is_cut_says_how_much() -> None:
    showing = Showing(Redactor(), Limits(text_chars=20, values=4, depth=1))
    assert showing.text("x" * 30) == "x" * 13 + "… (+17)"
    assert showing.cut
    assert show([1, 2, 3, 4, 5], Limits(values=4)) == [1, 2, 3, "… (+2)"]
    assert show({"a": 1, "b": 2, "c": 3}, Limits(values=3)) == {"a": 1, "b": 2, "…": "… (+1)"}
    assert show([[1, 2]], Limits(depth=1)) == ["… (+2)"]


@pytest.mark.parametrize(
    "text",
    [
        f"https://anna:{SECRET}@shop.example/",
        f"pay {'4111111111111111'}",
        f"jwt {JWT}",
        KEY_BLOCK,
        f'{{"password":"{SECRET}"}}',
    ],
)
def test_a_secret_that_is_cut_in_two_does_not_show_its_first_half(text: str) -> None:
    for length in range(len(text)):
        shown = Showing(Redactor(), Limits(text_chars=length)).text(text)
        for secret in (SECRET, "4111111111111111", JWT):
            assert secret[:7] not in shown, (length, shown)


class TestExplanation:
    def test_an_excerpt_of_a_sensitive_field_shows_the_field_alone(self) -> None:
        explained = Redactor().explanation(Explanation("body.user.password", "x' or 1=1", 1, 5))
        assert explained == {"field": "body.user.password", "excerpt": REDACTED, "start": 0, "end": len(REDACTED)}

    def test_start_and_end_move_with_what_is_blotted_out_before_them(self) -> None:
        text = f"token={SECRET}&id=1 union select"
        start = text.index("union")
        explained = Redactor().explanation(Explanation("text", text, start, start + 5))
        excerpt, start, end = _parts(explained)
        assert excerpt == "token=[redacted]&id=1 union select"
        assert excerpt[start:end] == "union"

    def test_a_part_inside_a_secret_is_the_marker(self) -> None:
        text = f"pwd={SECRET}&a=1"
        excerpt, start, end = _parts(Redactor().explanation(Explanation("text", text, 6, 9)))
        assert excerpt[start:end] == REDACTED

    def test_an_excerpt_torn_out_of_the_middle_of_a_secret_is_recognised_by_the_request(self) -> None:
        request = Request({"method": "post", "requestPayload": {"password": f"correct {SECRET} staple", "q": "1"}})
        redactor = Redactor()
        for excerpt in (f'ct {SECRET.lower()} staple","q":"1"', f"{SECRET.lower()} sta", SECRET.lower()[2:]):
            shown, _, _ = _parts(redactor.explanation(Explanation("text", excerpt, 0, 4), request))
            assert SECRET.lower()[2:] not in shown
        assert '"q":"1"' in _parts(redactor.explanation(Explanation("text", 'staple","q":"1"', 0, 4), request))[0]

    @given(st.text(max_size=700), st.integers(-5, 900), st.integers(-5, 900), st.sampled_from(["text", "query.pin"]))
    def test_start_and_end_always_lie_in_the_excerpt(self, text: str, start: int, end: int, field: str) -> None:
        excerpt, new_start, new_end = _parts(Redactor().explanation(Explanation(field, text, start, end)))
        assert 0 <= new_start <= new_end <= len(excerpt)


def _parts(explained: dict[str, Any]) -> tuple[str, int, int]:
    return explained["excerpt"], explained["start"], explained["end"]


SECRETS = st.text("abcdefghijkXYZ0123456789", min_size=8, max_size=30).map(lambda text: f"s3{text}")
NOISE = st.text("abc &=?;:,.'\"\\<>[]{}()%/-_0123456789\r\n\t", max_size=40)
NAMES = st.sampled_from(["password", "userToken", "api_key", "X-Secret", "session"])


@given(NOISE, NAMES, SECRETS, NOISE)
def test_no_form_value_of_a_sensitive_name_survives(before: str, name: str, secret: str, after: str) -> None:
    assert secret not in Redactor().text(f"{before}&{name}={secret}&{after}").replace(before, "").replace(after, "")


@given(NAMES, SECRETS, st.recursive(NOISE, lambda inner: st.dictionaries(NOISE, inner, max_size=3), max_leaves=5))
def test_no_json_value_of_a_sensitive_name_survives_in_a_tree_or_in_its_text(
    name: str, secret: str, beside: JSON
) -> None:
    tree: JSON = {"a": [beside, {name: {"x": [secret]}}], "b": beside}
    assert secret not in json.dumps(show(tree))
    text = json.dumps({name: {"x": [secret]}, "b": beside})
    assert secret not in Redactor().text(text)
    assert secret not in json.dumps(show({"raw": json.dumps({"inner": json.dumps({name: secret})})}))


@given(st.text(max_size=300), st.integers(0, 200))
def test_text_never_exceeds_its_limit(text: str, limit: int) -> None:
    shown = Redactor().text(text, limit)
    assert len(shown) <= max(limit, len("… (+1000)"))
    shown.encode()


@given(st.text("0123456789", min_size=12, max_size=18), st.sampled_from("23456"))
def test_a_number_is_a_card_number_when_its_check_digit_is_right(digits: str, first: str) -> None:
    number = first + digits[:-1]
    right = [digit for digit in "0123456789" if is_card_number(number + digit)]
    assert len(right) == 1


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1 ", "4111 ", "4111", "://", "://a@", "://a:", 'password="', "password=\\", '\\"', "password:[", "[{"),
        *(
            "%3D",
            "%25",
            "token%3D",
            "<password ",
            "<password>",
            "<password><![CDATA[",
            'name="a"\r\nb\r\n',
            "eyJaaaaaaaaaaa.",
        ),
        *("-----BEGIN PRIVATE KEY-----", "bearer ", "a=", "password=a&", "a-", "AKIA", "aB", "\\\\"),
    ],
)
def test_hostile_text_costs_linear_time(unit: str) -> None:
    """Four times the text may take eight times as long, on a busy machine; quadratic time would take sixteen."""
    redactor = Redactor()

    def cost_s(chars: int) -> float:
        text = (unit * chars)[:chars]
        costs = []
        for _ in range(3):
            start = time.process_time()
            redactor.spans(text, cut=True)
            costs.append(time.process_time() - start)
        return min(costs)

    assert cost_s(40_000) < max(8 * cost_s(10_000), 0.02)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=400))
def test_a_request_of_any_bytes_can_be_shown(payload: bytes) -> None:
    text = payload.decode("utf-8", "surrogateescape")
    shown = show({text: [text, {"raw": text}], "raw": text})
    json.dumps(shown, ensure_ascii=False).encode("utf-8")


@settings(deadline=None, max_examples=500)
@given(
    text=st.lists(
        st.sampled_from(("basic ", "bearer", "eyJ", "sk-", "AKIA", "4111", "1", " ", "pw", '"', "-", "name", "@", "/")),
        max_size=6,
    ).map(lambda pieces: "".join(pieces)[: SHORTEST_CHARS - 1])
)
def test_what_is_too_short_for_a_secret_holds_none_behind_anything_either(text: str) -> None:
    """Short texts are not looked at; a longer one that ends in them is."""
    names = {"pw", "name"}
    assert secret_spans(text, names) == secret_spans(" " * SHORTEST_CHARS + text, names) == []
