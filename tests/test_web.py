"""The HTTP interface: what it answers, to whom, and what the page makes of it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers import require_program
from web_interface import HOSTILE, Asker, FakeDaemon, in_parts

from weirlog.daemon.web import app as app_module
from weirlog.daemon.web.guard import HEADERS
from weirlog.daemon.web.state import WebState

WEB = Path(app_module.__file__).parent


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


# --- endpoints -----------------------------------------------------------------------------------------------------


def test_metrics_are_served_as_prometheus_reads_them(daemon: FakeDaemon) -> None:
    answer = Asker(daemon.state()).get("/metrics")
    assert answer.text == "weirlog_alerts_total 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_alive_asks_nobody(daemon: FakeDaemon) -> None:
    def fail() -> Any:
        raise AssertionError

    state = WebState(fail, fail, lambda _: fail(), fail)
    assert Asker(state).get("/healthz").text == "ok\n"


def test_ready_is_200_and_not_ready_503_with_the_reasons(daemon: FakeDaemon) -> None:
    asker = Asker(daemon.state())
    assert (asker.get("/readyz").status_code, asker.get("/readyz").json()) == (200, {"ready": True, "reasons": []})
    daemon.reasons.append("source file-0 fails")
    answer = asker.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "reasons": ["source file-0 fails"]})


def test_alerts_come_newest_first_and_as_many_as_asked_for(daemon: FakeDaemon) -> None:
    daemon.stored = [{"id": str(number)} for number in range(5)]
    asker = Asker(daemon.state())
    assert asker.get("/api/alerts?limit=2").json() == {"alerts": [{"id": "4"}, {"id": "3"}]}
    asker.get("/api/alerts")
    assert daemon.asked == [2, 100]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "", "1e2", "9" * 5000, "٣"])
def test_a_wrong_limit_is_refused_and_not_asked_for(daemon: FakeDaemon, limit: str) -> None:
    answer = Asker(daemon.state()).get("/api/alerts", params={"limit": limit})
    assert answer.status_code == 400
    assert "from 1 to 500" in answer.json()["error"]
    assert daemon.asked == []


def test_json_is_ascii_so_that_a_terminal_obeys_nothing_in_it(daemon: FakeDaemon) -> None:
    answer = Asker(daemon.state()).get("/api/stats")
    assert answer.json()["note"] == HOSTILE
    assert answer.content.rstrip().isascii()
    assert answer.content.rstrip().decode().isprintable()


def test_a_request_log_is_scored(daemon: FakeDaemon) -> None:
    answer = Asker(daemon.state()).post("/api/score", content=b'{"method":"get"}')
    assert answer.json() == {"score": 0.5, "verdict": "attack"}
    assert daemon.scored == [b'{"method":"get"}']


def test_what_cannot_be_scored_is_422_with_the_reason(daemon: FakeDaemon) -> None:
    answer = Asker(daemon.state()).post("/api/score", content=b"nonsense")
    assert (answer.status_code, answer.json()) == (422, {"error": "this is no request log"})


def test_scoring_can_be_left_out(daemon: FakeDaemon) -> None:
    assert Asker(replace(daemon.state(), score=None)).post("/api/score", content=b"x").status_code == 404


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_past_1_mib_is_refused_unread(daemon: FakeDaemon, chunked: bool) -> None:
    limit = app_module.BODY_LIMIT_BYTES
    asker = Asker(daemon.state())
    content = in_parts(b"x" * limit, b"y") if chunked else b"x" * (limit + 1)
    assert asker.post("/api/score", content=content).status_code == 413
    assert asker.post("/api/score", content=b"x" * limit).status_code == 200
    assert len(daemon.scored) == 1


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/readyz", "/api/alerts", "/api/stats", "/api/stream"])
def test_everything_but_scoring_can_only_be_read(daemon: FakeDaemon, path: str) -> None:
    asker = Asker(daemon.state())
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert asker.request(method, path).status_code == 405
    assert asker.get("/api/score").status_code == 405


# --- the guard -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/alerts", "/api/alerts?limit=x", "/nowhere", "/api/score"])
def test_every_answer_carries_the_security_headers(daemon: FakeDaemon, path: str) -> None:
    answer = Asker(daemon.state()).get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_refusals_carry_them_too(daemon: FakeDaemon) -> None:
    answer = Asker(daemon.state()).get("/", headers={"host": "attacker.example"})
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_the_policy_allows_no_script_but_the_pages_own_and_no_frame() -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert (HEADERS["X-Content-Type-Options"], HEADERS["Cache-Control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9464", "LOCALHOST:1", "127.0.0.1:9464", "[::1]:9464", "[::1]"]
)
def test_on_loopback_its_own_names_are_served(daemon: FakeDaemon, host: str) -> None:
    assert Asker(daemon.state()).get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:9464",
        "localhost.attacker.example",
        "127.0.0.1.nip.io",
        "",
        "[::1",
        "localhost@x",
    ],
)
def test_on_loopback_a_foreign_name_is_refused(daemon: FakeDaemon, host: str) -> None:
    """DNS rebinding: the name of an attacker's page, made to resolve to 127.0.0.1."""
    assert Asker(daemon.state()).get("/api/alerts", headers={"host": host}).status_code == 421
    assert daemon.asked == []


def test_elsewhere_any_name_is_served(daemon: FakeDaemon) -> None:
    assert Asker(daemon.state(), loopback=False).get("/healthz", headers={"host": "weirlog.example"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://attacker.example", "null", "http://localhost:80", "http://localhost:9464.attacker.example"]
)
def test_other_sites_may_not_ask(daemon: FakeDaemon, origin: str) -> None:
    answer = Asker(daemon.state()).post("/api/score", content=b"x", headers={"origin": origin})
    assert answer.status_code == 403
    assert daemon.scored == []


def test_the_page_itself_may_ask(daemon: FakeDaemon) -> None:
    answer = Asker(daemon.state()).post("/api/score", content=b"x", headers={"origin": "http://localhost:9464"})
    assert answer.status_code == 200


# --- the page ------------------------------------------------------------------------------------------------------


def test_the_page_and_its_files_are_served(daemon: FakeDaemon) -> None:
    asker = Asker(daemon.state())
    page = asker.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path, kind in (("app.js", "text/javascript"), ("app.css", "text/css")):
        assert f'"{path}"' in page.text
        assert asker.get(f"/{path}").headers["content-type"] == f"{kind}; charset=utf-8"


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    page = (WEB / "index.html").read_text()
    everything = page + (WEB / "app.js").read_text() + (WEB / "app.css").read_text()
    assert re.findall(r"https?://|//[a-z]+\.|@import|url\(", everything) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|javascript:", page) == []


def test_text_of_attackers_never_becomes_markup() -> None:
    script = (WEB / "app.js").read_text()
    assert "textContent" in script
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|\.src\b|\.href\b", script)
        == []
    )


def test_the_page_asks_only_what_is_served(daemon: FakeDaemon) -> None:
    script = (WEB / "app.js").read_text()
    asked = set(re.findall(r"ask\([\"`]([a-z/]+)", script))
    assert asked == {"readyz", "api/alerts", "api/stats"}
    asker = Asker(daemon.state())
    assert {asker.get(f"/{path}").status_code for path in asked} == {200}


BROWSER = """
const parts = {};
const made = (tag) => ({tag, children: [], className: "", hidden: null, textContent: "",
  append(...nodes) { this.children.push(...nodes); }, replaceChildren(...nodes) { this.children = nodes; }});
const text = (node) => node.textContent + node.children.map(text).join("|");
globalThis.document = {hidden: false, createElement: made, getElementById: (id) => (parts[id] ??= made(id))};
const answers = JSON.parse(process.argv[1]);
globalThis.fetch = async (path) => ({json: async () => answers[path.split("?")[0]]});
let left = 2;
globalThis.setTimeout = (next) => {
  if (--left) { answers["api/stats"].figures.records_scored_total[""] += 1000; next(); return; }
  console.log(JSON.stringify(Object.fromEntries(Object.keys(parts).map((id) => [id, text(parts[id])]))));
  process.exit(0);  // AbortSignal.timeout would keep it waiting
};
"""


@pytest.mark.server
def test_the_page_shows_state_figures_and_alerts() -> None:
    alert = {
        "id": "1",
        "time": "2026-01-02T03:04:05Z",
        "score": 0.98765,
        "kind": "xss",
        "client": {"address": "203.0.113.7"},
        "request": {"method": "get", "path": "/a", "query": {"q": HOSTILE}, "requestPayload": None},
        "explanation": {"field": "query.q", "excerpt": "ab<script>cd", "start": 2, "end": 10},
        "count": 3,
    }
    notice = {
        "id": "3",
        "score": None,
        "kind": "weirlog.sink-failing",
        "client": {"address": None},
        "request": None,
        "explanation": None,
        "message": "sink a fails " + HOSTILE,
    }
    answers = {
        "readyz": {"ready": False, "reasons": ["source file-0 fails", HOSTILE]},
        "api/alerts": {"alerts": [alert, {"id": "2"}, notice]},
        "api/stats": {
            "version": "1.2.3",
            "model": {"name": "default"},
            "figures": {
                "records_scored_total": {"": 5},
                "source_lag": {"file-0": 7},
                "outbox_pending": {"a": 1, "b": 2},
            },
        },
    }
    script = BROWSER + (WEB / "app.js").read_text()
    command = [require_program("node"), "-e", script, json.dumps(answers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout)
    assert page["state"].startswith("not ready: source file-0 fails; </script><img")
    assert page["state"].isprintable()
    assert "0.9877|xss|203.0.113.7|GET /a" in page["alerts"]
    assert "query.q: ab|<script>|cd" in page["alerts"]
    assert "weirlog.sink-failing||sink a fails " in page["alerts"]
    assert page["alerts"].isprintable()
    for figure in (
        "Requests scored|1,005",
        "Alerts waiting|3",
        "Not yet read: file-0|7",
        "Model|default",
        "Version|1.2.3",
    ):
        assert figure in page["figures"]
    assert re.search(r"Requests a second\|[1-9]", page["figures"])
