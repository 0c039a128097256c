"""The command line: every command, thin. Work, and what it needs to import, starts inside the command.

Exit status: 0 done, 1 failed while running, 2 bad usage or configuration; of the daemon also 3, stopped before everything
that was read could be kept: it is read again at the next start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from weirlog.daemon import cli_alerts, cli_bench, cli_models, cli_options, cli_training, cli_tune, exit_status
from weirlog.daemon.cli_options import EngineOption, LogFormatOption, ModelOption, ThresholdOption
from weirlog.daemon.threshold import OWN

app = typer.Typer(
    name="weirlog",
    help="Watch HTTP request logs and say which requests are attacks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_alerts.app, name="alerts")
app.command("train")(cli_training.train)
app.command("evaluate")(cli_training.evaluate)
app.command("tune")(cli_tune.tune)
app.command("bench")(cli_bench.bench)

ConfigOption = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, YAML.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"weirlog {version('weirlog')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Watch HTTP request logs and say which requests are attacks."""


@app.command()
def run(config: ConfigOption) -> None:
    """Run the daemon in the foreground, until SIGTERM; SIGHUP reloads model, threshold, alerts and redaction."""
    from weirlog.daemon import running

    raise typer.Exit(running.run(config))


@app.command("check-config")
def check_config(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The configuration, YAML.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a configuration instead.")] = False,
) -> None:
    """Validate a configuration and print what would run."""
    import json

    from weirlog.daemon.config import json_schema, load_config
    from weirlog.daemon.config_report import describe, find_warnings

    if schema:
        typer.echo(json.dumps(json_schema(), indent=2))
        return
    if file is None:
        raise typer.BadParameter("name the configuration file, or give --schema")
    config = load_config(file)
    for line in describe(config):
        typer.echo(line)
    for warning in find_warnings(config, file):
        typer.echo(f"warning: {warning}", err=True)


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option("--seconds", min=1, help="Stop by itself after so long.")] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the web page; 0 takes any.")] = 9464,
    seed: Annotated[int, typer.Option("--seed", help="Of the synthetic traffic.")] = 1,
) -> None:
    """Run everything embedded on synthetic live traffic, and show alerts as they come."""
    from weirlog.daemon import running

    raise typer.Exit(running.demo(seconds, port, seed))


@app.command()
def score(
    inputs: Annotated[list[str] | None, typer.Argument(metavar="[INPUT]…", help="Files, .gz, .zst, or -.")] = None,
    format: LogFormatOption = "auto",  # noqa: A002 - the option's name
    model: ModelOption = "default",
    threshold: ThresholdOption = None,
    engine: EngineOption = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Standard output by default.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Add the request, redacted, and the explanation.")] = False,
) -> None:
    """Score finished logs: one JSON object a line out, in order; a summary on standard error.

    With alerts-per-day:N, how many requests a day there are is read from the times in the inputs first.
    """
    from weirlog.daemon import scoring_run

    raise typer.Exit(
        scoring_run.score(
            inputs or ["-"], format, model=model, threshold=threshold or OWN, engine=engine, output=output, full=full
        )
    )


@app.command()
def explain(
    line: Annotated[str | None, typer.Argument(help="One log line; - reads it from standard input.")] = None,
    format: LogFormatOption = "auto",  # noqa: A002 - the option's name
    model: ModelOption = "default",
    threshold: ThresholdOption = None,
    text: Annotated[
        str | None, typer.Option("--text", help="A text instead of a log line, for a model of texts.")
    ] = None,
) -> None:
    """Follow one line from parse to verdict, with the part that drove the score marked."""
    from rich.console import Console

    from weirlog.daemon.explain import explain as explain_line
    from weirlog.daemon.log_formats import parser_of
    from weirlog.models.detector import load_detector
    from weirlog.models.formats.plain import PlainFormat

    if (line is None) == (text is None):
        raise typer.BadParameter("give one log line, or one text with --text")
    score, fp_rate = cli_options.resolve(threshold)
    detector = load_detector(model, threshold=score, fp_rate=fp_rate)
    if text is not None and not detector.reads_plain_texts:
        raise typer.BadParameter(f"model {detector.name} reads request logs, not texts: give it a log line")
    given = text if line is None else line
    payload = sys.stdin.buffer.readline() if given == "-" else str(given).encode("utf-8", "surrogateescape")
    explain_line(
        payload.rstrip(b"\r\n"),
        parser_of(format) if text is None else PlainFormat(),
        detector,
        Console(highlight=False, markup=False),
    )


@app.command("send-test")
def send_test(config: ConfigOption) -> None:
    """Send one marked test alert through every configured sink, and report each."""
    from weirlog.daemon import running

    raise typer.Exit(running.send_test(config))


@contextmanager
def _told_errors() -> Iterator[None]:
    """Turn the errors that are meant for people into one clear message and an exit status."""
    from weirlog.daemon.config import ConfigurationError
    from weirlog.daemon.lines import InputError
    from weirlog.daemon.logs import configure_logging
    from weirlog.daemon.printable import printable
    from weirlog.models.errors import ArtifactError, DatasetError, MissingExtraError, ModelError, UnparsableError
    from weirlog.pipeline.errors import PipelineError

    configure_logging(level="warning")  # standard output is for results; the daemon says more, once it runs
    try:
        yield
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        sys.exit(exit_status.USAGE)
    except (ArtifactError, DatasetError, MissingExtraError, UnparsableError, InputError) as error:
        typer.echo(f"weirlog: {printable(str(error), 2000)}", err=True)
        sys.exit(exit_status.USAGE)
    except (ModelError, PipelineError) as error:
        typer.echo(f"weirlog: {printable(str(error), 2000)}", err=True)
        sys.exit(exit_status.FAILED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exit_status.FAILED)
    except OSError as error:
        name = f"{error.filename}: " if error.filename is not None else ""
        typer.echo(f"weirlog: {printable(f'{name}{error.strerror or error}', 2000)}", err=True)
        sys.exit(exit_status.FAILED)


def main() -> None:
    """Run the console script."""
    with _told_errors():
        app()


if __name__ == "__main__":
    main()
