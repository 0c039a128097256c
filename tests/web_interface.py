"""The web interface as tests ask it: a scripted daemon behind it, with a server or without."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from weirlog.daemon.web.app import build_app
from weirlog.daemon.web.server import WebServer
from weirlog.daemon.web.state import RefusedError, WebState
from weirlog.pipeline.timing import Deadline, SystemClock

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[2J\x9b\u202e"


@dataclass
class FakeDaemon:
    """What the web interface asks, scripted."""

    reasons: list[str] = field(default_factory=list)
    stored: list[Mapping[str, Any]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    scored: list[bytes] = field(default_factory=list)

    def alerts(self, count: int) -> Sequence[Mapping[str, Any]]:
        self.asked.append(count)
        return self.stored[-count:][::-1]

    def score(self, body: bytes) -> Mapping[str, Any]:
        self.scored.append(body)
        if body == b"nonsense":
            raise RefusedError("this is no request log")
        return {"score": 0.5, "verdict": "attack"}

    def state(self) -> WebState:
        return WebState(
            metrics=lambda: b"weirlog_alerts_total 1\n",
            readiness=lambda: list(self.reasons),
            alerts=self.alerts,
            stats=lambda: {"version": "1", "note": HOSTILE},
            score=self.score,
        )


class Asker:
    """Asks the application without a server; each request has an event loop of its own."""

    def __init__(self, state: WebState, *, loopback: bool = True) -> None:
        self._state = state
        self._loopback = loopback

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            app = build_app(self._state, loopback=self._loopback, closing=threading.Event())
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:9464") as asker:
                return await asker.request(method, path, **options)

        return anyio.run(ask)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


async def in_parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@contextlib.contextmanager
def serving(state: WebState, **options: Any) -> Iterator[tuple[WebServer, str]]:
    server = WebServer(state, "127.0.0.1", 0, **options)
    address = server.start()
    try:
        yield server, f"http://{address}"
    finally:
        assert server.stop(Deadline(SystemClock(), 10))
