"""`weirlog tune`: fit threshold and known benign requests to a site, from its own logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from weirlog.daemon import exit_status
from weirlog.daemon.cli_options import EngineOption, LogFormatOption, ModelOption, ThresholdOption, resolve
from weirlog.daemon.printable import printable


def tune(
    logs: Annotated[
        list[str],
        typer.Option("--log", metavar="FILE", help="Ordinary traffic of the site: .gz, .zst, or -; repeatable."),
    ],
    alerts_per_day: Annotated[
        float, typer.Option("--alerts-per-day", min=0.001, max=1e9, help="How many false alerts a day are bearable.")
    ],
    format: LogFormatOption = "auto",  # noqa: A002 - the option's name
    model: ModelOption = "default",
    engine: EngineOption = "auto",
    threshold: ThresholdOption = None,
    per_day: Annotated[
        float | None,
        typer.Option("--per-day", min=1, max=1e12, help="Requests a day, where the log's times do not tell."),
    ] = None,
    certain: Annotated[
        float | None,
        typer.Option(
            "--certain",
            min=0.5,
            max=1,
            help="From this score on a request is never learnt unless its place is accepted.",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="ID", help="You have looked at this place, and it is benign; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write what is proposed: `model: {tuning: FILE}` loads it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Read a site's ordinary traffic; propose a threshold, and which requests are known to be benign.

    Attacks in the log teach nothing: what scores very high, or comes from one or two clients alone, is listed to be
    looked at instead. Nothing changes before the file that --out writes is named in the configuration.
    """
    from weirlog.daemon.lines import InputError, read_lines, size_of
    from weirlog.daemon.log_formats import parser_of
    from weirlog.daemon.progress import progress_bar
    from weirlog.daemon.tune import Survey
    from weirlog.daemon.tune_proposal import ProposalError, Tuner, to_tuning
    from weirlog.daemon.tune_report import report, show
    from weirlog.daemon.tuning import write_tuning
    from weirlog.models.detector import load_detector
    from weirlog.pipeline.redaction import Redactor

    score, fp_rate = resolve(threshold and threshold.at_volume(per_day))
    detector = load_detector(model, engine=engine, threshold=score, fp_rate=fp_rate)
    survey = Survey(detector, parser_of(format), Redactor(), certain)
    errors = Console(stderr=True, highlight=False, markup=False)
    failures = []
    with progress_bar(errors, size_of(logs)) as bar:
        for name in logs:
            try:
                survey.read(
                    name,
                    read_lines(name, bar.advance),
                    lambda: bar.tell(f"{survey.lines:,} lines, {survey.alerts:,} alerts"),
                )
            except InputError as error:
                failures.append(str(error))
            bar.next_input()
    for failure in failures:
        errors.print(f"weirlog: {printable(failure, 2000)}", soft_wrap=True)
    if failures:
        # Half a log would tell a wrong number of requests a day, and nobody would notice in a file that looks well.
        raise typer.Exit(exit_status.FAILED)
    try:
        proposal = Tuner(survey, alerts_per_day, per_day, frozenset(accept or ())).propose()
    except ProposalError as error:
        raise InputError(str(error)) from error
    if as_json:
        typer.echo(json.dumps(report(survey, proposal)))
    else:
        show(survey, proposal, Console(highlight=False, markup=False))
    if out is not None:
        write_tuning(to_tuning(proposal, survey), out)
        errors.print(f"{printable(str(out), 300)}: written; load it with model: {{tuning: FILE}}", soft_wrap=True)
