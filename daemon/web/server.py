"""Serves the web interface from a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from weirlog.daemon.config_types import Listen, is_loopback
from weirlog.daemon.web.state import WebState
from weirlog.pipeline.errors import StopError
from weirlog.pipeline.timing import Deadline

if TYPE_CHECKING:
    import uvicorn

log = structlog.get_logger(__name__)

CONNECTIONS_LIMIT = 64
KEEP_ALIVE_S = 5
HEADER_LIMIT_BYTES = 16 * 1024
GRACE_S = 2
"""For answers under way when the server stops."""


class WebServer:
    """One HTTP server. `start` and `stop` belong to the main thread.

    Args:
        state: what it shows.
        host: a name or address to listen on.
        port: a port, or 0 for any that is free.
        on_crash: called from the server's thread with what ended it unasked.
    """

    def __init__(
        self, state: WebState, host: str, port: int, on_crash: Callable[[BaseException], None] | None = None
    ) -> None:
        self._state = state
        self._host = host
        self._port = port
        self._on_crash = on_crash
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Listen:
        """Listen, and return where; answers come as soon as the thread has loaded its libraries.

        Raises:
            StopError: the address is in use, not this machine's, or not allowed.
        """
        self._socket = self._bound()
        self._thread = threading.Thread(target=self._run, args=(self._socket,), name="web", daemon=True)
        self._thread.start()
        return Listen(*self._socket.getsockname()[:2])

    def stop(self, deadline: Deadline) -> bool:
        """Stop, with a short grace for answers under way; return whether it ended by `deadline`. Idempotent."""
        self._closing.set()
        with self._lock:
            if self._server is not None:
                self._server.should_exit = True
        if self._thread is None or self._socket is None:
            return True
        self._thread.join(deadline.remaining_s)
        self._socket.close()
        return not self._thread.is_alive()

    def _bound(self) -> socket.socket:
        name = str(Listen(self._host, self._port))
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        except OSError as error:
            raise StopError(f"{name} is no address to listen on ({error}); change http.listen") from error
        try:
            # A port in TIME_WAIT after a restart is free; one that another process listens on stays taken.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise StopError(
                f"cannot listen on {name} ({error.strerror}); stop what uses it (`ss -ltnp`), or change http.listen"
            ) from error
        return listener

    def _run(self, listener: socket.socket) -> None:
        try:
            server = self._load()
            with self._lock:
                self._server = server
                server.should_exit = self._closing.is_set()
            server.run(sockets=[listener])
            if not self._closing.is_set():
                raise StopError("the web server ended by itself")
        except BaseException as error:
            log.critical("the web server has crashed", exc_info=error)
            if self._on_crash is not None:
                self._on_crash(error)

    def _load(self) -> uvicorn.Server:
        # Here and not at the top: 90 ms that every other command would pay as well.
        import uvicorn  # noqa: PLC0415

        from weirlog.daemon.web.app import build_app  # noqa: PLC0415
        from weirlog.daemon.web.protocol import ImpatientProtocol  # noqa: PLC0415

        app = build_app(self._state, loopback=is_loopback(self._host), closing=self._closing)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=ImpatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_LIMIT,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=HEADER_LIMIT_BYTES,
        )
        return uvicorn.Server(config)
