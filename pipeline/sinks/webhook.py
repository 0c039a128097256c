"""Alerts to an HTTP endpoint, signed as Standard Webhooks are (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import httpx
from standardwebhooks import Webhook

from weirlog.pipeline.alerts import Alert
from weirlog.pipeline.errors import PermanentError, RetryableError, StopError
from weirlog.pipeline.timing import Clock

LEAST_SECRET_BYTES = 16
LIMIT_BODY_BYTES = 16 * 1024
RETRY_AFTER_LIMIT_S = 3600.0
_RETRYABLE_STATUS: Final = frozenset({401, 403, 404, 405, 407, 408, 410, 421, 423, 425, 429})
"""Answers below 500 that say nothing about the alert: wrong credentials, an address that is not there (any more, or yet),
too much at once. An administrator repairs these, and no alert may be lost until then."""
_DIGITS_OF_SECONDS = 9


class WebhookSink:
    """Posts each alert's document on its own. The receiver knows a repeated one by its `webhook-id`, the alert's id.

    2xx is success, whatever its body. What says nothing about the alert is tried again: broken connections, 5xx, wrong
    credentials, an address that is not there. So is a redirect, which is not followed, since it would carry alerts to an
    address that nobody configured. Every other answer (400, 413, 422, …) refuses the alert for good.

    Args:
        name: see Sink.
        url: where to; held secret, as its path may be what lets one write there.
        clock: the time that is signed.
        secret: the signing key, base64 after an optional "whsec_", or None to send unsigned.
        timeout_s: for one whole exchange.
        ca_file: PEM of the authorities to trust; None trusts the system's.
        transport: replaces the network in tests.

    Raises:
        StopError: the secret or `ca_file` cannot be used.
    """

    max_alerts = 1
    """One request each: were they more, a failure in the middle would repeat those before it."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        clock: Clock,
        secret: str | None = None,
        timeout_s: float = 10.0,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._clock = clock
        self._timeout_s = timeout_s
        self._signer = None if secret is None else _signer(name, secret)
        self._guard = _Guard(timeout_s)
        self._client = httpx.Client(
            headers={"user-agent": "weirlog", "content-type": "application/json"},
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=1),
            verify=_tls(name, ca_file),
            follow_redirects=False,
            transport=transport,
        )

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """See Sink. Blocks for at most `timeout_s` an alert."""
        for alert in alerts:
            self._post(alert)

    def close(self) -> None:
        self._client.close()

    def _post(self, alert: Alert) -> None:
        request = self._client.build_request(
            "POST",
            self._url,
            content=alert.body,
            headers=self._headers(alert),
            extensions={"trace": self._guard.trace, "timeout": httpx.Timeout(self._timeout_s).as_dict()},
        )
        try:
            with self._guard:
                response = self._client.send(request, stream=True)
                _read_off(response)
        except httpx.TransportError as error:
            reason = (
                f"no answer within {self._timeout_s:g} s"
                if self._guard.fired or isinstance(error, httpx.TimeoutException)
                else f"{type(error).__name__}: {str(error)[:200]}"
            )
            raise RetryableError(f"webhook {self.name} cannot be reached: {reason}") from error
        self._judge(response)

    def _headers(self, alert: Alert) -> dict[str, str]:
        now = datetime.fromtimestamp(int(self._clock.time()), UTC)
        headers = {"webhook-id": alert.id, "webhook-timestamp": str(int(now.timestamp()))}
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(alert.id, now, alert.body.decode("ascii"))
        return headers

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        if 300 <= status < 400:
            raise RetryableError(f"webhook {self.name} answers {status}, a redirect; put the new address into its url")
        if status in _RETRYABLE_STATUS or status >= 500:
            wait_s = _retry_after_s(response.headers.get("retry-after"), self._clock.time())
            raise RetryableError(f"webhook {self.name} answers {status}", retry_after_s=wait_s)
        raise PermanentError(f"webhook {self.name} answers {status}")


class _Guard:
    """Ends an exchange that takes too long, as a context manager.

    The time limits of httpx are for each single read: an endpoint that sends a byte now and then would never meet them.
    Shutting the socket down from another thread wakes a read that waits on it.
    """

    def __init__(self, limit_s: float) -> None:
        self.fired = False
        self._limit_s = limit_s
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn which socket is in use; httpx calls it at each step of an exchange."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")

    def __enter__(self) -> None:
        self.fired = False
        self._timer = threading.Timer(self._limit_s, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self.fired = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already: there is nothing left to end


def _read_off(response: httpx.Response) -> None:
    """Read a short body away, so that the connection can be used again; the answer is its status alone."""
    if response.is_stream_consumed:
        return
    size = 0
    try:
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > LIMIT_BODY_BYTES:
                break
    except httpx.TransportError:
        pass  # the status has come: to try again for the sake of its body would repeat what was taken
    finally:
        response.close()


def _signer(name: str, secret: str) -> Webhook:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < LEAST_SECRET_BYTES:
        raise StopError(
            f"the secret of webhook {name} is not base64 of at least {LEAST_SECRET_BYTES} bytes, with or without "
            "whsec_ before it; make one with `openssl rand -base64 32`"
        )
    return Webhook(key)


def _tls(name: str, ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise StopError(f"the ca_file of webhook {name} cannot be used: {ca_file}: {error}") from error


def _retry_after_s(text: str | None, now: float) -> float | None:
    """Return the wait that a Retry-After header asks for (RFC 9110, 10.2.3), at most an hour; None for none."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:_DIGITS_OF_SECONDS]), RETRY_AFTER_LIMIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - now, 0.0), RETRY_AFTER_LIMIT_S)
