"""Apache Kafka itself, one broker in KRaft mode, fetched from Maven Central once and then started where a test asks.

It listens twice: in plain text, and with SASL for the user `weirlog`, who may do everything, too.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes import eventually
from servers import missing, require_program

from weirlog.pipeline.kafka_client import kafka

VERSION = "4.1.2"
"""Runs on Java 17."""
USER, PASSWORD = "weirlog", "correct horse"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>weirlog</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""


def kafka_jars() -> Path:
    """Return the folder with Kafka's jars, fetched if need be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weirlog-tests" / f"kafka-{VERSION}"
    if cache.is_dir():
        return cache
    maven = require_program("mvn")
    staging = cache.with_name(f"{cache.name}.{uuid.uuid4().hex}")
    staging.mkdir(parents=True)
    try:
        (staging / "pom.xml").write_text(POM)
        fetched = subprocess.run(
            [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={staging}/jars"],
            cwd=staging,
            capture_output=True,
            text=True,
            timeout=110,
        )
        if fetched.returncode != 0:
            missing(f"Apache Kafka {VERSION} from Maven Central ({fetched.stdout[-300:].strip()})")
        if not cache.is_dir():  # another run may have been faster
            (staging / "jars").rename(cache)
    except subprocess.TimeoutExpired:
        missing(f"Apache Kafka {VERSION} from Maven Central (no answer in time)")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return cache


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class KafkaBroker:
    """A broker with a folder of its own; it can be killed and started again with what it has stored.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._java = require_program("java")
        self._jars = kafka_jars()
        plain, sasl, controller = free_ports(3)
        self.brokers = [f"127.0.0.1:{plain}"]
        self.sasl_brokers = [f"127.0.0.1:{sasl}"]
        (folder / "server.properties").write_text(
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{USER}="{PASSWORD}";
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=2
"""
        )
        cluster = base64.urlsafe_b64encode(b"w" + uuid.uuid4().bytes[1:]).rstrip(b"=").decode()  # may not begin with -
        arguments = ["format", "-t", cluster, "-c", f"{folder}/server.properties"]
        formatted = subprocess.run(
            self._command("kafka.tools.StorageTool", *arguments), capture_output=True, text=True, timeout=60
        )
        assert formatted.returncode == 0, formatted.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                self._command("kafka.Kafka", f"{self.folder}/server.properties"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        assert eventually(self._answers, within_s=60), self.output

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Have it accept connections, and say nothing, as a host that swaps or a network that drops does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """End it and delete what it has stored."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")[-3000:]

    def create_topic(self, name: str, partitions: int = 1) -> None:
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.brokers)
        try:
            admin.create_topics([kafka.admin.NewTopic(name, partitions, 1)])
        finally:
            admin.close()

    def send(self, topic: str, *values: bytes | None, partition: int | None = None) -> None:
        """Append messages, to all partitions in turn unless one is named."""
        producer = kafka.KafkaProducer(bootstrap_servers=self.brokers)
        try:
            count = len(producer.partitions_for(topic))
            pending = [
                producer.send(topic, value, key=b"key", partition=number % count if partition is None else partition)
                for number, value in enumerate(values)
            ]
            for answer in pending:
                answer.get(timeout=20)
        finally:
            producer.close(timeout=5)

    def read(self, topic: str) -> list[tuple[bytes | None, bytes | None]]:
        """Return key and value of every message of a topic."""
        consumer = kafka.KafkaConsumer(bootstrap_servers=self.brokers, auto_offset_reset="earliest", group_id=None)
        try:
            partitions = [
                kafka.TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))
            ]
            ends = consumer.end_offsets(partitions)
            consumer.assign(partitions)
            found: list[tuple[bytes | None, bytes | None]] = []

            def all_read() -> bool:
                for messages in consumer.poll(200).values():
                    found.extend((message.key, message.value) for message in messages)
                return all(consumer.position(partition) >= end for partition, end in ends.items())

            assert eventually(all_read, within_s=20)
            return found
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the position that a group has committed in each partition, where it has."""
        consumer = kafka.KafkaConsumer(bootstrap_servers=self.brokers, group_id=group, enable_auto_commit=False)
        try:
            numbers = sorted(consumer.partitions_for_topic(topic))
            positions = {number: consumer.committed(kafka.TopicPartition(topic, number)) for number in numbers}
            return {number: position for number, position in positions.items() if position is not None}
        finally:
            consumer.close()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output
        with socket.socket() as probe:
            host, port = self.brokers[0].split(":")
            return probe.connect_ex((host, int(port))) == 0

    def _command(self, main: str, *arguments: str) -> list[str]:
        # Small and quick to start; what it does in a test is not worth compiling well.
        options = ["-Xmx256m", "-Xms96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        return [self._java, *options, "-cp", f"{self._jars}/*", main, *arguments]
