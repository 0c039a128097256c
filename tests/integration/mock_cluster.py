"""librdkafka's mock cluster, which the confluent-kafka wheel carries: brokers in this process that fail on cue.

It speaks no newer protocol than kafka-python calls (2, 3): give the clients `api_version=(2, 3)`.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import missing

MOCK_API_VERSION = (2, 3)
PRODUCE, OFFSET_COMMIT, FIND_COORDINATOR = 0, 8, 10
"""Kafka's numbers of the requests that tests make fail."""
_PRODUCER = 0
_BROKER = 1

_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "rd_kafka_conf_new": (ctypes.c_void_p, ()),
    "rd_kafka_new": (
        ctypes.c_void_p,
        (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ),
    "rd_kafka_destroy": (None, (ctypes.c_void_p,)),
    "rd_kafka_mock_cluster_new": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "rd_kafka_mock_cluster_destroy": (None, (ctypes.c_void_p,)),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "rd_kafka_mock_topic_create": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)),
    "rd_kafka_mock_broker_set_down": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
    "rd_kafka_mock_broker_set_up": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32)),
    "rd_kafka_mock_broker_set_rtt": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (ctypes.c_void_p, ctypes.c_int32)),
    "rd_kafka_mock_push_request_errors_array": (
        None,
        (ctypes.c_void_p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)),
    ),
}


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        missing("the package confluent-kafka")
    # The import loads the libraries that librdkafka itself needs.
    importlib.import_module("confluent_kafka")
    bundled = sorted((Path(spec.origin).parents[1] / "confluent_kafka.libs").glob("librdkafka-*.so*"))
    if not bundled:
        missing("librdkafka within the package confluent-kafka")
    library = ctypes.CDLL(str(bundled[0]))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, list(arguments)
    return library


class MockCluster:
    """Brokers in this process."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle

    @property
    def address(self) -> str:
        address: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._handle)
        return address.decode()

    def create_topic(self, name: str, partitions: int = 1) -> None:
        code = self._library.rd_kafka_mock_topic_create(self._handle, name.encode(), partitions, 1)
        assert code == 0, code

    def fail(self, request: int, *codes: int) -> None:
        """Answer the next requests of this kind with these error codes of Kafka."""
        self._library.rd_kafka_mock_push_request_errors_array(
            self._handle, request, len(codes), (ctypes.c_int * len(codes))(*codes)
        )

    def go_away(self) -> None:
        """Close all connections and refuse new ones, until `come_back`."""
        assert self._library.rd_kafka_mock_broker_set_down(self._handle, _BROKER) == 0

    def come_back(self) -> None:
        """Be there, and answer at once."""
        assert self._library.rd_kafka_mock_broker_set_up(self._handle, _BROKER) == 0
        self.delay(0)

    def delay(self, milliseconds: int) -> None:
        """Accept connections and requests, and let this pass before each answer."""
        assert self._library.rd_kafka_mock_broker_set_rtt(self._handle, _BROKER, milliseconds) == 0


@contextmanager
def mock_cluster() -> Iterator[MockCluster]:
    """Run a cluster of one broker."""
    library = _library()
    reason = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(_PRODUCER, library.rd_kafka_conf_new(), reason, len(reason))
    assert client, reason.value
    handle = library.rd_kafka_mock_cluster_new(client, 1)
    assert handle
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(handle, 0)
    try:
        yield MockCluster(library, handle)
    finally:
        library.rd_kafka_mock_cluster_destroy(handle)
        library.rd_kafka_destroy(client)
