"""HTTP/1.1 that does not wait for ever for a request to arrive."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

REQUEST_LIMIT_S = 10.0


class ImpatientProtocol(H11Protocol):
    """uvicorn's protocol, which on its own lets a client take any time over its first byte and its header lines.

    A few dozen such connections ("slowloris") would use up the connection limit, and nobody could see the alerts.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Run the timer while a request's head is incomplete, and only then."""
        if self._is_answering():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
        elif self._timer is None:
            self._timer = self.loop.call_later(REQUEST_LIMIT_S, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if not self._is_answering():
            self.transport.abort()

    def _is_answering(self) -> bool:
        # Declared as never None, and None until the first request.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete
