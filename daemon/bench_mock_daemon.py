"""`weirlog run` for a mock Kafka cluster, which `weirlog bench` measures where there is no other.

    python -m weirlog.daemon.bench_mock_daemon CONFIG

The mock understands no newer protocol than that of Kafka 2.3 and cannot say so, and the configuration has no key for what
no real broker needs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from weirlog.daemon import running
from weirlog.daemon.bench_kafka import MOCK_VERSION
from weirlog.pipeline.kafka_client import kafka

if __name__ == "__main__":
    kafka.KafkaConsumer.DEFAULT_CONFIG["api_version"] = MOCK_VERSION
    sys.exit(running.run(Path(sys.argv[1])))
