"""The webhook sink: signed, bounded in time, and clear on what may pass and what will not."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from alerts_by_hand import an_alert
from contracts.sink import RefusingReceiver, RefusingSinkContract
from fakes import FakeClock
from servers import require_program
from standardwebhooks import Webhook, WebhookVerificationError

from weirlog.pipeline.errors import PermanentError, RetryableError, StopError
from weirlog.pipeline.sinks.webhook import WebhookSink
from weirlog.pipeline.timing import SystemClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATH = "/services/T000/SECRETPATH"


class Endpoint(RefusingReceiver):
    """An HTTP server on loopback that answers as it is told."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.status = 204
        self.answer_headers: dict[str, str] = {}
        self.answer_body = b""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                endpoint.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if endpoint.status < 300:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    endpoint.requests.append(({**headers, ":path": self.path}, body))
                self.send_response(endpoint.status)
                for name, value in endpoint.answer_headers.items():
                    self.send_header(name, value)
                if endpoint.status != 204:
                    self.send_header("content-length", str(len(endpoint.answer_body)))
                self.end_headers()
                # Of a long answer the sink reads the beginning, and hangs up.
                with suppress(ConnectionError):
                    self.wfile.write(b"" if endpoint.status == 204 else endpoint.answer_body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}{PATH}"

    def sink(self, secret: str | None = SECRET) -> WebhookSink:
        return WebhookSink("webhook-0", self.url, clock=SystemClock(), secret=secret, timeout_s=5)

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.requests]

    def fail(self) -> None:
        self.status = 503

    def recover(self) -> None:
        self.status = 204

    def refuse(self) -> None:
        self.status = 422

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


class TestContract(RefusingSinkContract):
    """The webhook sink holds the contract."""


def answering(
    status: int = 204, headers: Mapping[str, str | bytes] | None = None, clock: FakeClock | None = None
) -> WebhookSink:
    encoded = [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in (headers or {}).items()
    ]
    transport = httpx.MockTransport(lambda request: httpx.Response(status, headers=encoded))
    return WebhookSink("webhook-0", f"https://hooks.example{PATH}", clock=clock or FakeClock(), transport=transport)


class TestRequest:
    def test_the_receiver_can_verify_the_signature(self, receiver: Endpoint) -> None:
        sink = receiver.sink()
        sink.deliver([an_alert(7)])
        sink.close()
        headers, body = receiver.requests[0]
        assert Webhook(SECRET).verify(body, headers)["id"] == an_alert(7).id
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body + b" ", headers)

    def test_the_alert_is_the_body_as_it_is_and_its_id_the_message_id(self, receiver: Endpoint) -> None:
        sink = receiver.sink(secret=None)
        sink.deliver([an_alert(7)])
        sink.close()
        headers, body = receiver.requests[0]
        assert body == an_alert(7).body
        assert headers["webhook-id"] == an_alert(7).id
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"] == "weirlog"
        assert headers[":path"] == PATH
        assert "webhook-signature" not in headers

    def test_a_repeated_alert_keeps_its_id_and_gets_a_new_time(self) -> None:
        seen: list[httpx.Headers] = []

        def handler(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return httpx.Response(200)

        clock = FakeClock()
        sink = WebhookSink("w", "https://h/", clock=clock, secret=SECRET, transport=httpx.MockTransport(handler))
        sink.deliver([an_alert(1)])
        clock.advance(90)
        sink.deliver([an_alert(1)])
        assert seen[0]["webhook-id"] == seen[1]["webhook-id"]
        assert int(seen[1]["webhook-timestamp"]) - int(seen[0]["webhook-timestamp"]) == 90
        assert seen[0]["webhook-signature"] != seen[1]["webhook-signature"]

    def test_one_connection_serves_many_alerts(self, receiver: Endpoint) -> None:
        receiver.status, receiver.answer_body = 200, b"thank you"
        sink = receiver.sink()
        for number in range(5):
            sink.deliver([an_alert(number)])
        sink.close()
        assert (len(receiver.requests), receiver.connections) == (5, 1)


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_any_success_is_success(self, receiver: Endpoint, status: int) -> None:
        receiver.status = status
        sink = receiver.sink()
        sink.deliver([an_alert(1)])
        sink.close()
        assert receiver.bodies() == [an_alert(1).body]

    @pytest.mark.parametrize("status", [401, 403, 404, 408, 410, 425, 429, 500, 502, 503, 504, 599])
    def test_what_may_pass_is_retryable(self, status: int) -> None:
        with pytest.raises(RetryableError, match=str(status)):
            answering(status).deliver([an_alert(1)])

    @pytest.mark.parametrize("status", [400, 406, 413, 415, 422])
    def test_what_will_not_pass_is_permanent(self, status: int) -> None:
        with pytest.raises(PermanentError, match=str(status)):
            answering(status).deliver([an_alert(1)])

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed_and_loses_nothing(self, status: int) -> None:
        """It tells where the endpoint went, nothing about the alert: the alert waits for a new url."""
        asked: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.host)
            return httpx.Response(status, headers={"location": "https://elsewhere.example/"})

        sink = WebhookSink("w", "https://h.example/", clock=FakeClock(), transport=httpx.MockTransport(handler))
        with pytest.raises(RetryableError, match="new address"):
            sink.deliver([an_alert(1)])
        assert asked == ["h.example"]

    def test_an_answer_of_many_megabytes_is_not_read(self, receiver: Endpoint) -> None:
        receiver.status, receiver.answer_body = 200, b"x" * 8_000_000
        sink = receiver.sink()
        started = time.monotonic()
        sink.deliver([an_alert(1)])
        sink.close()
        assert receiver.bodies() == [an_alert(1).body]
        assert time.monotonic() - started < 5


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "wait_s"),
        [
            ("30", 30.0),
            ("0", 0.0),
            ("9" * 5000, 3600.0),
            ("86400", 3600.0),
            ("-5", None),
            ("soon", None),
            ("1e9", None),
            ("", None),
            ("²", None),
            ("Tue, 99 Foo 99999 99:99:99 GMT", None),
        ],
    )
    def test_seconds_are_honoured_up_to_an_hour(self, text: str, wait_s: float | None) -> None:
        with pytest.raises(RetryableError) as raised:
            answering(503, {"retry-after": text.encode("latin-1")}).deliver([an_alert(1)])
        assert raised.value.retry_after_s == wait_s

    @pytest.mark.parametrize(("ahead_s", "wait_s"), [(120, 120.0), (-120, 0.0), (10**7, 3600.0)])
    def test_a_date_is_honoured_too(self, ahead_s: int, wait_s: float) -> None:
        clock = FakeClock()
        date = datetime.fromtimestamp(clock.time(), UTC) + timedelta(seconds=ahead_s)
        with pytest.raises(RetryableError) as raised:
            answering(429, {"retry-after": format_datetime(date, usegmt=True)}, clock).deliver([an_alert(1)])
        assert raised.value.retry_after_s == pytest.approx(wait_s, abs=1)


class TestTime:
    def test_an_endpoint_that_is_not_there_is_retryable(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        sink = WebhookSink("webhook-0", f"http://127.0.0.1:{port}{PATH}", clock=SystemClock())
        with pytest.raises(RetryableError, match="webhook-0 cannot be reached"):
            sink.deliver([an_alert(1)])
        sink.close()

    @pytest.mark.parametrize("drip", [b"", b"H"])
    def test_an_endpoint_that_hangs_is_given_up_in_time(self, drip: bytes) -> None:
        """Also one that sends a byte now and then, which no limit on a single read would ever notice."""
        stop = threading.Event()

        def hang(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            with connection:
                while not stop.wait(0.05):
                    try:
                        connection.sendall(drip)
                    except OSError:
                        return

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=hang, args=(listener,))
            thread.start()
            port = listener.getsockname()[1]
            sink = WebhookSink("webhook-0", f"http://127.0.0.1:{port}/", clock=SystemClock(), timeout_s=0.4)
            started = time.monotonic()
            with pytest.raises(RetryableError, match="no answer within 0.4 s"):
                sink.deliver([an_alert(1)])
            took_s = time.monotonic() - started
            sink.close()
            stop.set()
            thread.join()
        assert 0.3 < took_s < 3

    def test_a_garbled_answer_is_retryable_and_not_quoted_raw(self) -> None:
        def garble(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x1b[2J\x9b nonsense\r\n\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=garble, args=(listener,))
            thread.start()
            port = listener.getsockname()[1]
            sink = WebhookSink("webhook-0", f"http://127.0.0.1:{port}/", clock=SystemClock(), timeout_s=5)
            with pytest.raises(RetryableError) as raised:
                sink.deliver([an_alert(1)])
            sink.close()
            thread.join()
        assert str(raised.value).isprintable()


class TestSecrets:
    def test_neither_key_nor_address_shows(self, receiver: Endpoint) -> None:
        sink = receiver.sink()
        receiver.fail()
        with pytest.raises(RetryableError) as failed:
            sink.deliver([an_alert(1)])
        receiver.refuse()
        with pytest.raises(PermanentError) as refused:
            sink.deliver([an_alert(1)])
        sink.close()
        for text in (repr(sink), str(failed.value), str(refused.value)):
            assert "SECRETPATH" not in text
            assert SECRET[6:] not in text

    @pytest.mark.parametrize("secret", ["", "whsec_", "not base64!", "c2hvcnQ="])
    def test_a_key_that_signs_nothing_is_refused_and_not_quoted(self, secret: str) -> None:
        with pytest.raises(StopError, match="openssl rand -base64 32") as raised:
            WebhookSink("webhook-0", "https://h/", clock=FakeClock(), secret=secret)
        assert "c2hvcnQ=" not in str(raised.value)

    def test_a_key_without_its_prefix_is_the_same_key(self, receiver: Endpoint) -> None:
        sink = receiver.sink(secret=SECRET.removeprefix("whsec_"))
        sink.deliver([an_alert(1)])
        sink.close()
        headers, body = receiver.requests[0]
        assert Webhook(SECRET).verify(body, headers) == json.loads(body)


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """A certificate that nobody else has signed, with its key in one file."""
        openssl = require_program("openssl")
        path = tmp_path / "server.pem"
        arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(tmp_path / "ca.pem")]
        subprocess.run([openssl, *arguments.split(), *names], check=True, capture_output=True)
        with path.open("ab") as file:
            file.write((tmp_path / "ca.pem").read_bytes())
        return path

    def test_only_a_trusted_certificate_is_taken(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        endpoint = Endpoint(context)
        try:
            stranger = WebhookSink("w", endpoint.url, clock=SystemClock(), timeout_s=5)
            with pytest.raises(RetryableError, match="certificate verify failed"):
                stranger.deliver([an_alert(1)])
            stranger.close()
            trusting = WebhookSink(
                "w", endpoint.url, clock=SystemClock(), timeout_s=5, ca_file=certificate.with_name("ca.pem")
            )
            trusting.deliver([an_alert(2)])
            trusting.close()
        finally:
            endpoint.close()
        assert endpoint.bodies() == [an_alert(2).body]

    def test_a_ca_file_that_cannot_be_read_stops(self, tmp_path: Path) -> None:
        broken = tmp_path / "ca.pem"
        broken.write_text("no certificate")
        for path in (broken, tmp_path / "missing.pem"):
            with pytest.raises(StopError, match=path.name):
                WebhookSink("w", "https://h/", clock=FakeClock(), ca_file=path)
