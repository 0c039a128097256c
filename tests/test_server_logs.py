"""The canonical request in the logs of Caddy, Traefik, Envoy, HAProxy and AWS load balancers, and by ECS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_lines import ALB, CADDY, ECS, ENVOY, ENVOY_JSON, HAPI, HAPROXY, ISTIO, NGINX, OURS, SERVERS, TRAEFIK, parse

from weirlog.models.errors import UnparsableError
from weirlog.models.formats.target import decode_text, split_target
from weirlog.models.request import JSON, Request

LINES = [(name, line) for name, lines in SERVERS.items() for line in lines]
HAPROXY_ALONE = HAPROXY.partition(b": ")[2]
TARGETS = st.lists(
    st.sampled_from([*'/?&=%+\\#|"{}[]<>-.a1', "..", "%27", "\\x22", " HTTP/1.1", '" 200 ', "é", "\x01", "\ud7ff"]),
    max_size=20,
).map(lambda parts: "/" + "".join(parts))


def changed(line: bytes, **fields: object) -> dict[str, Any]:
    """Return a JSON line as an object with other fields; None takes one out."""
    log = json.loads(line) | fields
    return {key: value for key, value in log.items() if value is not None}


@pytest.mark.parametrize(("name", "line"), LINES)
def test_every_server_logs_the_same_canonical_request(name: str, line: bytes) -> None:
    request = parse(line, name)
    assert list(request.visible.items()) == [
        ("method", "get"),
        ("query", {"b": "'"}),
        ("path", "/a"),
        ("statusCode", 404),
        ("requestPayload", None),
    ]
    assert request.client == "198.51.100.2"


@pytest.mark.parametrize(("name", "line"), LINES)
def test_time_host_and_user_agent_are_kept_where_the_log_has_them(name: str, line: bytes) -> None:
    request = parse(line, name)
    if name == "haproxy":  # no zone, and captured headers have no names
        assert (request.time, request.host, request.headers) == (None, None, None)
        return
    assert request.time is not None
    assert abs(request.time - 1760097336) < 1
    assert (request.headers or {})["user-agent"] == "curl/8"
    assert str(request.host).partition(":")[0] == ("None" if line.startswith(b"198.51") else "shop.test")


@pytest.mark.parametrize(
    "prefix",
    [
        b"2025-10-10T11:55:36.493035218+02:00 stdout F ",
        b"Oct  9 11:55:36 edge proxy[7]: ",
        b"<134>Oct 10 11:55:36 edge proxy: ",
        b"2025-10-10T11:55:36.493035+02:00 edge proxy: ",
        b"<134>1 2025-10-10T11:55:36.493Z edge proxy 7 access - ",
        b"2025-10-10T11:55:36Z stderr F <134>Oct 10 11:55:36 edge proxy: ",
    ],
)
def test_a_line_is_read_behind_what_carried_it(prefix: bytes) -> None:
    """What a container runtime or syslog puts in front is none of the server's words."""
    for name, line in [*LINES, ("hapi", HAPI), ("nginx-json", OURS), ("combined", NGINX)]:
        bare = HAPROXY_ALONE if line == HAPROXY else line
        assert parse(prefix + bare, name) == parse(bare, name)
        assert parse(prefix + bare, "auto") == parse(bare, "auto")


@pytest.mark.parametrize("line", [b"Oct 10 ", b"Oct 10 11:55:36 edge proxy", b"<134>1 2025-10-10T11:55:36Z a b c d "])
def test_a_prefix_that_is_cut_short_carries_nothing(line: bytes) -> None:
    with pytest.raises(UnparsableError):
        parse(line + NGINX[: NGINX.index(b"GET")], "auto")


@pytest.mark.parametrize(("name", "line"), LINES)
def test_half_a_line_is_refused_or_read_as_far_as_it_goes(name: str, line: bytes) -> None:
    """Never is the beginning of one target taken for another path."""
    for cut in range(len(line)):
        try:
            path = parse(line[:cut], name).path
        except UnparsableError:
            continue
        assert path in {"/", "/a"}


@settings(deadline=None, max_examples=300)
@given(target=TARGETS)
def test_no_target_can_pose_as_other_fields_of_haproxy(target: str) -> None:
    """HAProxy escapes what could end the request."""
    raw = target.encode()
    written = b"".join(b"%c" % byte if 32 <= byte < 127 and byte not in b'#"' else b"#%02X" % byte for byte in raw)
    line = HAPROXY.replace(b"GET /a?b=%27", b"GET " + written)
    assert parse(line, "haproxy") == parse(line, "auto")
    assert_is(parse(line, "haproxy"), raw)


@settings(deadline=None, max_examples=300)
@given(target=TARGETS)
def test_no_target_can_pose_as_other_fields_of_a_load_balancer(target: str) -> None:
    raw = target.replace("\\", "").encode()
    written = b"".join(b"%c" % byte if 32 <= byte < 127 and byte not in b'"' else b"\\x%02X" % byte for byte in raw)
    line = ALB.replace(b"GET https://shop.test:443/a?b=%27", b"GET " + written)
    assert_is(parse(line, "alb"), raw)


@settings(deadline=None, max_examples=300)
@given(target=TARGETS)
def test_no_target_can_pose_as_other_fields_of_envoy(target: str) -> None:
    """Envoy escapes nothing, but no target holds a space."""
    raw = target.replace(" ", "").encode()
    assert_is(parse(ENVOY.replace(b"/a?b=%27", raw), "envoy"), raw)


@settings(deadline=None, max_examples=300)
@given(target=TARGETS)
def test_any_target_comes_through_json(target: str) -> None:
    log = json.loads(CADDY)
    for name, line in (
        ("caddy", changed(CADDY, request=log["request"] | {"uri": target})),
        ("traefik", changed(TRAEFIK, RequestPath=target)),
        ("envoy", changed(ENVOY_JSON, **{"x-envoy-origin-path": target})),
        ("ecs", changed(ECS, **{"url.original": target})),
    ):
        assert_is(parse(line, name), target.encode())


def assert_is(request: Request, target: bytes) -> None:
    expected = split_target(target)
    assert (request.method, request.path, request.query) == ("get", expected.path, expected.query)
    assert (request.status, request.client) == (404, "198.51.100.2")


# Caddy


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ({"level": "info", "msg": "serving initial configuration"}, "no object `request`: give Caddy's access log"),
        (changed(CADDY, request={"method": "GET"}), "no text `request.uri`: take the filter off"),
        (changed(CADDY, request={"method": 5, "uri": "/"}), "no text `request.method`: take the filter off"),
        (changed(CADDY, status=None), "no `status`: a message of one of Caddy's handlers"),
    ],
)
def test_what_caddys_access_log_does_not_hold_is_refused(log: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnparsableError, match=reason):
        parse(log, "caddy")


def test_old_caddys_address_loses_its_port() -> None:
    request = {"remote_addr": "[2001:db8::1]:50", "method": "GET", "uri": "/", "headers": {"X-A": ["1", 2, "3"]}}
    read = parse({"request": request, "status": 0, "ts": "2025-10-10T11:55:36Z"}, "caddy")
    assert (read.client, read.status, read.time) == ("2001:db8::1", None, 1760097336.0)
    assert read.headers == {"x-a": "1, 3"}


# Traefik


@pytest.mark.parametrize("field", ["RequestMethod", "RequestPath"])
def test_a_field_that_traefik_was_told_to_drop_is_named(field: str) -> None:
    for name in ("traefik", "auto"):
        with pytest.raises(UnparsableError, match=f"no text `{field}`: keep it in accessLog.fields"):
            parse(changed(TRAEFIK, **{field: "-"}), name)


# Envoy


@pytest.mark.parametrize("agent", ['" "', '" "a" "b', 'x" "f4d" "evil.test" "10.0.0.9:1', '"', ""])
def test_a_user_agent_with_quotes_moves_no_other_field_of_envoy(agent: str) -> None:
    for line in (ENVOY, ISTIO):
        request = parse(line.replace(b"curl/8", agent.encode()), "envoy")
        assert (request.host, request.client, request.path) == ("shop.test", "198.51.100.2", "/a")
        assert (request.headers or {}).get("user-agent", "") == agent


def test_fields_of_ones_own_behind_the_status_are_no_headers() -> None:
    request = parse('[2025-10-10T11:55:36.500Z] "GET /a HTTP/2" 200 - mine "x"', "envoy")
    assert (request.path, request.status, request.headers, request.client) == ("/a", 200, None, None)


def test_envoys_addresses_are_told_from_their_ports() -> None:
    for address, client in (
        ("[2001:db8::1]:50", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
        (None, "192.0.2.7"),
    ):
        log = changed(ENVOY_JSON, downstream_remote_address=address, x_forwarded_for="10.1.1.1, 192.0.2.7")
        assert parse(log, "envoy").client == client


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "no start time such as"),
        (b'[2025-10-10T11:55:36.500Z] "- - -" 0 UF 0 0 1 - "-" "-" "-" "-" "10.0.0.1:3306"', "TCP, or cut short"),
        (b'[2025-10-10T11:55:36.500Z] "GET /a HTTP/1.1', "TCP, or cut short"),
        (b'{"method":"GET","response_code":200}', "no text `path`.*%REQ"),
        (b'{"path":"/","response_code":200}', "no text `method`.*%REQ"),
    ],
)
def test_what_envoy_logs_of_no_request_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(UnparsableError, match=reason):
        parse(line, "envoy")


# HAProxy


@pytest.mark.parametrize(
    ("line", "client"),
    [
        (HAPROXY_ALONE, "198.51.100.2"),
        (b"<134>" + HAPROXY, "198.51.100.2"),
        (b"2025-10-10T11:55:36.123456+02:00 edge haproxy[7]: " + HAPROXY_ALONE, "198.51.100.2"),
        (HAPROXY.replace(b"198.51.100.2", b"2001:db8::1"), "2001:db8::1"),
        (HAPROXY + b" 0/0000000000000000/0/0/1 shop.test/TLSv1.3/TLS_AES_128_GCM_SHA256", "198.51.100.2"),
    ],
)
def test_haproxys_log_is_read_with_and_without_syslog_and_tls(line: bytes, client: str) -> None:
    for name in ("haproxy", "auto"):
        request = parse(line, name)
        assert (request.client, request.path, request.query) == (client, "/a", {"b": "'"})


@pytest.mark.parametrize("captured", ["", " {}", " {a [b]: c|d - -} {x}", ' {#22GET /fake HTTP/1.1#22 200} "'[:-2]])
def test_captured_headers_do_not_hide_or_feign_the_request(captured: str) -> None:
    line = HAPROXY.replace(b" {shop.test|curl/8} {}", captured.encode())
    assert parse(line, "haproxy").path == "/a"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"198.51.100.2:4 [10/Oct/2025:11:55:36.500] web/1: SSL handshake failure", "no HTTP"),
        (
            b"198.51.100.2:4 [10/Oct/2025:11:55:36.500] web~ app/one 0/0/64 5 -- 9/9/3/4/0 0/0",
            "not by `option httplog`",
        ),
        (HAPROXY.replace(b"GET /a?b=%27 HTTP/1.1", b"<BADREQ>"), "no HTTP request line"),
        (b"Proxy web started.", "no `client:port \\[time\\]`.*option httplog"),
    ],
)
def test_what_haproxy_logs_of_no_request_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(UnparsableError, match=reason):
        parse(line, "haproxy")


# ALB


def test_a_classic_load_balancers_line_has_no_type_in_front() -> None:
    assert parse(ALB.removeprefix(b"https "), "alb") == parse(ALB, "alb") == parse(ALB.removeprefix(b"https "), "auto")


def test_a_backslash_before_a_letter_is_the_clients_own() -> None:
    line = ALB.replace(b"/a?b=%27", rb"/..\boot.ini?q=\x22\"")
    assert (parse(line, "alb").path, parse(line, "alb").query) == ("/..\\boot.ini", {"q": '""'})


def test_a_user_agent_that_is_cut_short_does_not_hide_the_request() -> None:
    line = ALB[: ALB.index(b"curl/8") + 3]
    assert (parse(line, "alb").path, parse(line, "alb").headers) == ("/a", None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ALB.replace(b'"GET https://shop.test:443/a?b=%27 HTTP/1.1"', b'"- http://shop.test:80- -"'), "refused"),
        (ALB.replace(b'"GET https://shop.test:443/a?b=%27 HTTP/1.1"', b'"-"'), "no HTTP request line"),
        (ALB[:90], "cut short"),
        (b"Enable AccessLog for ELB: 1234 at 2025", "no `type time load-balancer client:port` at the beginning"),
    ],
)
def test_what_a_load_balancer_logs_of_no_request_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(UnparsableError, match=reason):
        parse(line, "alb")


# ECS


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ({"url": {"path": "/a", "query": "b=c"}}, "/a", {"b": "c"}),
        ({"url.path": "/a"}, "/a", {}),
        ({"url": {"full": "https://shop.test/a?b=c"}}, "/a", {"b": "c"}),
        ({"url.original": ["/a?b=c"]}, "/a", {"b": "c"}),
    ],
)
def test_ecs_targets_in_their_usual_spellings(url: dict[str, Any], path: str, query: dict[str, JSON]) -> None:
    request = parse({"http": {"request": {"method": "POST"}}} | url, "ecs")
    assert (request.method, request.path, request.query) == ("post", path, query)


def test_ecs_bodies_and_headers_are_read() -> None:
    log = {
        "http.request": {"method": "POST", "body": {"content": "a=1&b=%27"}, "headers": {"X-Real-IP": ["192.0.2.1"]}},
        "http.request.mime_type": "application/x-www-form-urlencoded",
        "url.path": "/",
    }
    request = parse(log, "ecs")
    assert request.body == {"a": "1", "b": "'"}
    assert request.headers == {"x-real-ip": "192.0.2.1", "content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ({"message": "started"}, "no text `http.request.method`"),
        ({"http.request.method": "GET"}, "none of `url.original`, `url.full` and `url.path`"),
        ({"http": {"request": {"method": ["GET"]}}, "url": "/"}, "none of `url.original`"),
    ],
)
def test_what_ecs_lines_lack_is_named(log: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnparsableError, match=reason):
        parse(log, "ecs")


def test_bytes_beyond_ascii_come_through_text_logs() -> None:
    for name, line in (("envoy", ENVOY), ("alb", ALB), ("haproxy", HAPROXY)):
        assert parse(line.replace(b"/a", b"/\xe9"), name).path == decode_text(b"/\xe9")
