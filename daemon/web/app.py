"""The endpoints. Read-only but for scoring, which changes nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from weirlog.daemon.metrics import CONTENT_TYPE
from weirlog.daemon.web.guard import LOOPBACK_NAMES, Guard
from weirlog.daemon.web.state import RefusedError, WebState

BODY_LIMIT_BYTES = 1024**2
ALERTS_DEFAULT, ALERTS_LIMIT = 100, 500
CALL_LIMIT_S = 10.0
"""For a request's body to arrive, and for a thread to become free."""
CALLS_LIMIT = 4
"""Callables that run at once; each takes a thread."""
STREAMS_LIMIT = 8
STREAM_INTERVAL_S = 1.0
STREAM_WINDOW = 100
"""Alerts looked at each time; more than that within one interval is told as a gap."""

Result = TypeVar("Result")


class _Json(Response):
    """JSON in ASCII: what a terminal would obey stays escaped."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode() + b"\n"


def build_app(state: WebState, *, loopback: bool, closing: threading.Event) -> ASGIApp:
    """Return the ASGI application.

    Args:
        state: what it shows.
        loopback: whether it is served to this machine alone, and so under its names alone.
        closing: set when the server stops; ends the streams.
    """
    endpoints = _Endpoints(state, closing)
    routes = [
        Route("/metrics", endpoints.metrics),
        Route("/healthz", endpoints.health),
        Route("/readyz", endpoints.ready),
        Route("/api/alerts", endpoints.alerts),
        Route("/api/stats", endpoints.stats),
        Route("/api/stream", endpoints.stream),
        Route("/api/score", endpoints.score, methods=["POST"]),
        *_page_routes(),
    ]
    names = LOOPBACK_NAMES if loopback else None
    # Around the whole and not as Starlette's middleware, which an answer about a crash would not pass.
    return Guard(Starlette(routes=routes), names)


def _page_routes() -> list[Route]:
    folder = Path(__file__).parent
    files = (
        ("/", "index.html", "text/html"),
        ("/app.js", "app.js", "text/javascript"),
        ("/app.css", "app.css", "text/css"),
    )
    return [
        Route(path, _fixed(Response((folder / name).read_bytes(), media_type=media_type)))
        for path, name, media_type in files
    ]


def _fixed(response: Response) -> Callable[[Request], Any]:
    async def answer(_request: Request) -> Response:
        return Response(response.body, media_type=response.media_type)

    return answer


class _Endpoints:
    """Answers requests, a few at a time."""

    def __init__(self, state: WebState, closing: threading.Event) -> None:
        self._state = state
        self._closing = closing
        self._calls = anyio.CapacityLimiter(CALLS_LIMIT)
        self._streams = 0

    async def metrics(self, _request: Request) -> Response:
        return await self._answer(self._state.metrics, lambda body: Response(body, media_type=CONTENT_TYPE))

    async def health(self, _request: Request) -> Response:
        # Asks nobody: the process runs, and this thread turns.
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        def render(reasons: Any) -> Response:
            return _Json({"ready": not reasons, "reasons": list(reasons)}, 503 if reasons else 200)

        return await self._answer(self._state.readiness, render)

    async def alerts(self, request: Request) -> Response:
        text = request.query_params.get("limit", str(ALERTS_DEFAULT))
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= ALERTS_LIMIT):
            return _Json({"error": f"limit is a whole number from 1 to {ALERTS_LIMIT}"}, 400)
        return await self._answer(
            partial(self._state.alerts, int(text)), lambda alerts: _Json({"alerts": [dict(alert) for alert in alerts]})
        )

    async def stats(self, _request: Request) -> Response:
        return await self._answer(self._state.stats, lambda stats: _Json(dict(stats)))

    async def score(self, request: Request) -> Response:
        if self._state.score is None:
            return _Json({"error": "scoring is not offered here"}, 404)
        try:
            with anyio.fail_after(CALL_LIMIT_S):
                body = await _bounded_body(request)
        except TimeoutError:
            return _Json({"error": f"the request took longer than {CALL_LIMIT_S:g} s to arrive"}, 408)
        if body is None:
            return _Json({"error": "a request log is at most 1 MiB here"}, 413)
        try:
            return await self._answer(partial(self._state.score, body), lambda verdict: _Json(dict(verdict)))
        except RefusedError as error:
            return _Json({"error": str(error)}, 422)

    async def stream(self, _request: Request) -> Response:
        if self._streams >= STREAMS_LIMIT:
            return _Json({"error": f"{STREAMS_LIMIT} streams are open already"}, 503)
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        """Yield every alert from now on, as server-sent events, and a comment each interval without any.

        Nothing is queued for a slow client: it is told of a gap, and reads /api/alerts.
        """
        if self._streams >= STREAMS_LIMIT:
            return
        self._streams += 1
        try:
            seen = {alert["id"] for alert in await self._call(partial(self._state.alerts, STREAM_WINDOW))}
            yield ": from now on\n\n"
            while not self._closing.is_set():
                latest = await self._call(partial(self._state.alerts, STREAM_WINDOW))
                fresh = [alert for alert in reversed(latest) if alert["id"] not in seen]
                if latest and len(fresh) == len(latest) == STREAM_WINDOW:
                    yield "event: gap\ndata: {}\n\n"
                for alert in fresh:
                    yield f"event: alert\ndata: {json.dumps(dict(alert))}\n\n"
                seen = {alert["id"] for alert in latest}
                if not fresh:
                    yield ":\n\n"
                await asyncio.sleep(STREAM_INTERVAL_S)
        except TimeoutError:
            return
        finally:
            self._streams -= 1

    async def _call(self, ask: Callable[[], Result]) -> Result:
        """Run `ask` in a thread; raises TimeoutError when none is free for CALL_LIMIT_S.

        What has begun is waited for: a thread cannot be cut off, and giving it up would let such threads pile up.
        """
        with anyio.fail_after(CALL_LIMIT_S):
            return await run_sync(ask, limiter=self._calls)

    async def _answer(self, ask: Callable[[], Result], render: Callable[[Result], Response]) -> Response:
        try:
            return render(await self._call(ask))
        except TimeoutError:
            return _Json({"error": "busy; try again"}, 503)


async def _bounded_body(request: Request) -> bytes | None:
    """Return the body, or None as soon as it exceeds its limit."""
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > BODY_LIMIT_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            return None
    return bytes(body)
