"""What the commands that run the pipeline do: `run`, `demo` and `send-test`."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import structlog
from rich.console import Console

from weirlog.daemon import exit_status
from weirlog.daemon.assemble import Assembly
from weirlog.daemon.config import Config, ConfigurationError, load_config
from weirlog.daemon.connect import build_sink
from weirlog.daemon.demo import ATTACK_SHARE, SETTLE_S, TerminalSink, Traffic, summary, wait_until
from weirlog.daemon.logs import configure_logging
from weirlog.daemon.printable import printable
from weirlog.daemon.service import Service
from weirlog.daemon.systemd import Notifier
from weirlog.models.errors import ModelError
from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.alerts import Alert, build_alert
from weirlog.pipeline.errors import PipelineError
from weirlog.pipeline.ledger import Ledger
from weirlog.pipeline.records import Partition, Record
from weirlog.pipeline.redaction import Redactor
from weirlog.pipeline.timing import Deadline, SystemClock

log = structlog.get_logger(__name__)


def run(path: Path) -> int:
    """Run the daemon until it is told to stop; return the exit status.

    Raises:
        ConfigurationError: the configuration cannot be used.
        ArtifactError: the model cannot be used.
        StopError: the state directory or the web address cannot be used.
    """
    config = load_config(path)
    configure_logging()
    clock = SystemClock()
    assembly = Assembly(config, clock)

    def reload() -> None:
        try:
            assembly.reload(load_config(path))
        except (ConfigurationError, ModelError) as error:
            log.error("the reload failed; everything stays as it was", reason=str(error))

    # What was loaded so far stays for good. Records hold no cycles: looking for some every 700 objects took a tenth of the
    # time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return Service(assembly, reload=reload, notifier=Notifier.from_environment(clock), clock=clock).run()


def demo(seconds: float | None, port: int, seed: int) -> int:
    """Run everything embedded until the time is over or Ctrl-C; return the exit status."""
    from weirlog.models.corpus.traffic import demo_traffic  # noqa: PLC0415 - only the demo makes traffic

    configure_logging(level="warning")
    console = Console(highlight=False, markup=False)
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="weirlog-demo-") as folder:
        log_path = Path(folder, "access.log")
        log_path.touch()
        config = Config.model_validate(
            {
                "sources": [{"type": "file", "paths": [str(log_path)], "format": "hapi", "start_at": "beginning"}],
                "sinks": [{"type": "file", "path": f"{folder}/alerts.jsonl"}],
                "alerts": {"group_by": []},
                "state_dir": f"{folder}/state",
                "http": {"listen": f"127.0.0.1:{port}"},
            }
        )
        sink = TerminalSink(console)
        assembly = Assembly(config, clock, extra_sinks=[sink])
        traffic = Traffic(log_path, demo_traffic(seed, ATTACK_SHARE, assembly.detector.kinds), clock)

        def begin() -> None:
            console.print(f"Traffic goes to {log_path}, the web page is {assembly.web_address}")
            traffic.start()

        def finish() -> None:
            traffic.stop()
            wait_until(lambda: assembly.records_read >= traffic.written, Deadline(clock, SETTLE_S), clock)

        notifier = Notifier(None, None, clock)
        service = Service(
            assembly,
            reload=None,
            notifier=notifier,
            clock=clock,
            run_for_s=seconds,
            on_ready=begin,
            before_drain=finish,
        )
        status = service.run()
        console.print(summary(traffic, sink))
    return status


def send_test(path: Path) -> int:
    """Send one marked test alert through every configured sink; return the exit status."""
    config = load_config(path)
    configure_logging(level="warning")
    console = Console(highlight=False, markup=False)
    failed = 0
    alert = _marked_alert(SystemClock().time())
    for section in config.sinks:
        try:
            sink = build_sink(section, SystemClock())
            try:
                sink.deliver([alert])
            finally:
                sink.close()
        except PipelineError as error:
            failed += 1
            console.print(f"{section.name}: failed: {printable(str(error))}")
        else:
            console.print(f"{section.name}: delivered test alert {alert.id}")
    return exit_status.FAILED if failed else exit_status.DONE


def _marked_alert(time: float) -> Alert:
    """Return an alert of the kind "test", with an id of its own each time: receivers drop ids that they have seen."""
    position = int(time * 1000)
    ledger = Ledger(Partition("send-test", "file", "weirlog send-test", "0:0"), 0)
    request = Request({"method": "get", "path": "/weirlog-test-alert", "query": {}}, client="192.0.2.1", time=time)
    return build_alert(
        Record(b"", ledger.open(position), 0.0),
        request,
        Verdict(score=1.0, threshold=0.5, kind="test"),
        Explanation("path", "/weirlog-test-alert", 0, 19),
        model_name="none",
        model_digest="0" * 64,
        redactor=Redactor(),
        time=time,
    )
