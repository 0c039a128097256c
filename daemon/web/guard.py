"""What every HTTP request must pass before anything looks at it, and what every answer carries."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The page loads its own files and nothing else; alerts quote attackers, so that no markup and no script of theirs may
# ever run. The data: image is the empty icon that keeps browsers from asking for /favicon.ico.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, adds HEADERS to every answer.

    Args:
        app: what is guarded.
        names: the host names under which it may be asked for, any port; None allows all. On loopback only those of
            loopback: otherwise a page of attacker.example, whose name is made to resolve to 127.0.0.1 after it was
            loaded, could read the alerts (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, names: Collection[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refusal(Headers(scope=scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return PlainTextResponse("one Host header is needed\n", 400)
        if self._names is not None and re.sub(r":[0-9]*$", "", hosts[0]).lower() not in self._names:
            return PlainTextResponse("this host is not served here; ask for localhost\n", 421)
        # A browser names the page that asks in Origin; pages of other sites have nothing to ask here.
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != hosts[0].lower():
            return PlainTextResponse("other sites may not ask\n", 403)
        return None
