"""`weirlog bench`: the options of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weirlog.daemon.cli_options import FormatOption
from weirlog.daemon.printable import printable


def _check_brokers(text: str | None) -> str | None:
    for broker in text.split(",") if text else ():
        host, _, port = broker.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise typer.BadParameter(f"{printable(broker, 80)!r} is no broker; expected HOST:PORT, several with commas")
    return text


def _check_plot(path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in {".png", ".svg", ".pdf"}:
        raise typer.BadParameter(f"{printable(path.name, 80)!r} ends neither with .png nor with .svg or .pdf")
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"{printable(str(path.parent), 200)!r} is no directory")
    return path


def bench(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="Of measuring, in all, about; starting up comes on top.")
    ] = 120.0,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="REF", help="What engines run; the reference network `lstm` by default."),
    ] = None,
    log: Annotated[
        str | None, typer.Option("--log", metavar="FILE", help="Take requests from a log, instead of generated ones.")
    ] = None,
    format: FormatOption = "auto",  # noqa: A002 - the option's name
    kafka: Annotated[
        str | None,
        typer.Option(
            "--kafka",
            metavar="BROKERS",
            callback=_check_brokers,
            help="Read from a new topic on these, HOST:PORT,…; else from librdkafka's mock cluster, where installed.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", callback=_check_plot, help="Draw a picture as well.")
    ] = None,
) -> None:
    """Measure every engine and the whole pipeline, interleaved in one run against Keras `predict`."""
    from weirlog.daemon import bench as benchmark

    options = benchmark.Options(
        seconds=seconds,
        model=model,
        log=log,
        log_format=format,
        brokers=tuple(kafka.split(",")) if kafka else (),
    )
    benchmark.run(options, as_json=as_json, plot=plot)
