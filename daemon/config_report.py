"""What a configuration means and what is doubtful in it, for `weirlog check-config`; never shows a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from weirlog.daemon.config import Config, FileSink, FileSource, Secret, Security, Sink, Source, WebhookSink
from weirlog.daemon.config_types import format_duration, format_size, is_loopback, parse_host_port
from weirlog.daemon.printable import printable
from weirlog.daemon.threshold import OWN
from weirlog.daemon.tuning import TuningFile


def describe(config: Config) -> list[str]:
    """Return lines that say what would run."""
    return [printable(line, 1000) for line in _lines(config)]


def find_warnings(config: Config, file: Path) -> list[str]:
    """Return what is allowed and probably not meant, one line each.

    Args:
        config: what `file` says.
        file: looked at for who may read it.
    """
    return [printable(line, 1000) for line in _warnings(config, file)]


def _lines(config: Config) -> Iterator[str]:
    for source in config.sources:
        yield f"source {source.name}: {_source(source)}"
    chosen = config.model.chosen_threshold
    threshold = "its own threshold" if chosen == OWN else f"threshold {chosen}"
    yield f"model: {config.model.ref}, {threshold}, engine {config.model.engine}"
    if config.model.shadow is not None:
        yield f"shadow: {config.model.shadow} reads along and alerts nobody"
    if config.model.tuning is not None:
        yield _tuning(config.model.tuning)
    batch = config.batch
    yield (
        f"batch: up to {batch.max_records} records, {format_size(batch.max_bytes)}, {batch.max_delay_ms:g} ms of waiting"
    )
    alerts = config.alerts
    grouped = f"grouped by {', '.join(alerts.group_by)}" if alerts.group_by else "one for each attack"
    repeated = f", repeated after {format_duration(alerts.repeat_after)}" if alerts.group_by else ""
    extra = f" and {', '.join(alerts.redact.extra_keys)}" if alerts.redact.extra_keys else ""
    redacted = f"default keys{extra} redacted" if alerts.redact.enabled else "nothing redacted"
    yield f"alerts: {grouped}{repeated}; {redacted}; {'with' if alerts.explain else 'without'} explanation"
    for sink in config.sinks:
        yield f"sink {sink.name}: {_sink(sink)}"
    yield f"state: {config.state_dir}"
    outbox = config.outbox
    yield f"outbox: up to {format_size(outbox.max_size)}, delivered alerts kept {format_duration(outbox.keep)}"
    watch = config.selfwatch
    yield (
        f"self-watch: told when a source is stuck for {format_duration(watch.stuck_after)}, or a source or a sink fails "
        f"for {format_duration(watch.failing_after)}"
    )
    for source in config.sources:
        if source.silent_after is not None:
            yield f"self-watch: told when source {source.name} is silent for {format_duration(source.silent_after)}"
    yield f"web: http://{config.listen}/" if config.listen else "web: none"


def _tuning(file: TuningFile) -> str:
    tuning = file.tuning
    volume = "" if tuning.requests_per_day is None else f", {tuning.requests_per_day:,.0f} requests a day"
    return (
        f"tuning: {file.path}: threshold {tuning.threshold:g}, {len(tuning.known_benign)} patterns known to be benign"
        f"{volume}; for model {tuning.model.name} {tuning.model.digest[:12]} alone"
    )


def _source(source: Source) -> str:
    if isinstance(source, FileSource):
        where = f"files {', '.join(source.paths)}"
        return f"{where}; format {source.format}; new files from their {source.start_at}; lines up to {format_size(source.max_line)}"
    return (
        f"Kafka {', '.join(source.brokers)}, topics {', '.join(source.topics)}, group {source.group}, {source.client}"
        f"{_security(source.security)}; format {source.format}; without offsets from the {source.start_at}"
    )


def _sink(sink: Sink) -> str:
    if isinstance(sink, FileSink):
        return f"file {sink.path}"
    if isinstance(sink, WebhookSink):
        signed = f"signed (secret from {sink.secret.origin})" if sink.secret else "not signed"
        return f"webhook {sink.destination}/…, {sink.template}, {signed}, timeout {format_duration(sink.timeout)}"
    return f"Kafka {', '.join(sink.brokers)}, topic {sink.topic}{_security(sink.security)}"


def _security(security: Security | None) -> str:
    if security is None:
        return ", PLAINTEXT"
    user = f", user {security.username}" if security.username else ""
    password = f", password from {security.password.origin}" if security.password else ""
    mechanism = f" {security.mechanism}" if security.mechanism else ""
    return f", {security.protocol}{mechanism}{user}{password}"


def _warnings(config: Config, file: Path) -> Iterator[str]:
    secrets: list[tuple[str, Secret]] = []
    for index, entry in enumerate((*config.sources, *config.sinks)):
        kind, number = ("sources", index) if index < len(config.sources) else ("sinks", index - len(config.sources))
        path = f"{kind}[{number}]"
        if isinstance(entry, WebhookSink):
            if entry.secret is None:
                yield f"{path}.secret: is missing: receivers cannot tell weirlog's alerts from anyone else's"
            else:
                secrets.append((f"{path}.secret", entry.secret))
            host = entry.destination.removeprefix("http://")
            if host != entry.destination and not is_loopback(host.rpartition(":")[0] or host):
                yield f"{path}.url: http:// sends alerts, which quote requests, unencrypted; use https://"
        elif not isinstance(entry, FileSource | FileSink):
            if entry.security and entry.security.password:
                secrets.append((f"{path}.security.password", entry.security.password))
            yield from _plain_kafka(path, entry.brokers, entry.security)
    yield from _open_secrets(secrets, file)
    if not config.alerts.redact.enabled:
        yield "alerts.redact: off: alerts will carry the passwords and cookies of the requests they quote"
    if config.listen and not config.listen.is_loopback:
        yield f"http.listen: {config.listen} can be reached from other machines and asks for no password"


def _plain_kafka(path: str, brokers: tuple[str, ...], security: Security | None) -> Iterator[str]:
    if security and security.protocol == "SASL_PLAINTEXT" and security.mechanism == "PLAIN":
        yield f"{path}.security.protocol: SASL_PLAINTEXT with PLAIN sends the password unencrypted; use SASL_SSL"
    elif (security is None or not security.protocol.endswith("SSL")) and not all(
        parse_host_port(broker).is_loopback for broker in brokers
    ):
        yield f"{path}.security: log lines and alerts travel unencrypted to {', '.join(brokers)}"


def _open_secrets(secrets: list[tuple[str, Secret]], file: Path) -> Iterator[str]:
    try:
        mode = file.stat().st_mode
    except OSError:
        return
    for path, secret in secrets:
        if secret.origin == "configuration file" and mode & 0o004:
            yield f"{path}: stands in a file that everyone can read; use {{env: NAME}} or {{file: PATH}}, or chmod o-r"
