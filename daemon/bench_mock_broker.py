"""A mock Kafka cluster for `weirlog bench`: librdkafka's, which confluent-kafka carries. Ends with standard input.

    python -m weirlog.daemon.bench_mock_broker

says where it listens, {"address"}, as one JSON line. It keeps 5 MB a partition, and makes topics of four partitions when
it first hears of them.
"""

from __future__ import annotations

import json
import sys

BROKERS_LIMIT_S = 10.0


def main() -> None:
    # Only this process needs it, and it is installed for tests at most.
    from confluent_kafka import Producer  # noqa: PLC0415

    producer = Producer({"test.mock.num.brokers": 1, "log_level": 2})
    broker = next(iter(producer.list_topics(timeout=BROKERS_LIMIT_S).brokers.values()))
    print(json.dumps({"address": f"{broker.host}:{broker.port}"}), flush=True)  # noqa: T201 - the protocol
    sys.stdin.read()


if __name__ == "__main__":
    main()
