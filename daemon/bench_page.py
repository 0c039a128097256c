"""The result of `weirlog bench` for people: a table, and a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from weirlog.daemon.printable import printable

REFERENCE_COLOUR = "#8a94a3"
COLOUR = "#2b6cb0"


def show(report: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    machine, requests, model = report["machine"], report["requests"], report["model"]
    origin = "generated" if requests["log"] is None else f"from {printable(requests['log'])}"
    console.print(f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}")
    console.print(
        f"{requests['different']:,} different requests, {origin}, {requests['characters']:.0f} characters on average; "
        f"micro-batches of {requests['batch']}; rounds: {report['rounds']}"
    )
    console.print(f"engines run {printable(model['name'])}: {', '.join(model['layers'])}")
    console.print()
    console.print(_engines(report))
    console.print(
        "different requests on all cores, and pinned to one; repeats: where a part came before; × Keras: of its `predict`; "
        "difference: the largest to it; peak: part of the matrix product's, on one core"
    )
    for row in report["rows"]:
        if row["absent"] is not None:
            console.print(f"{row['engine']}: {printable(row['absent'])}", soft_wrap=True)
    console.print()
    console.print(_pipeline(report))
    if report["kafka"]["absent"] is not None:
        console.print(f"Kafka: {printable(report['kafka']['absent'])}", soft_wrap=True)
    elif report["kafka"]["brokers"] is not None:
        console.print(f"Kafka: {printable(report['kafka']['brokers'])}", soft_wrap=True)
    console.print()
    console.print(_latency(report))
    console.print()
    console.print(
        f"sgemm, one core: {_number(report['sgemm_gflops'])} GF/s; "
        f"of that the best engine that skips nothing reaches {_share(report['fraction_of_peak'])}"
    )


def _engines(report: dict[str, Any]) -> Table:
    table = _table(("engine", "req/s", "one core", "repeats", "× Keras", "difference", "peak", "MiB", "start"))
    for row in report["rows"]:
        difference = row["max_abs_diff"]
        table.add_row(
            row["engine"],
            _number(row["requests_per_s"]),
            _number(row["requests_per_s_one_core"]),
            _number(row["requests_per_s_repeating"]),
            _factor(row["ratio"]),
            "–" if difference is None else f"{difference:.1e}",
            _share(row["fraction_of_peak"]),
            _number(row["rss_mb"]),
            "–" if row["start_s"] is None else f"{row['start_s']:.1f} s",
        )
    return table


def _pipeline(report: dict[str, Any]) -> Table:
    table = _table(("the whole daemon, shipped model", "req/s", "repeats", "× Keras"))
    whole, kafka = report["end_to_end"], report["kafka"]
    table.add_row(
        "file to alert file",
        _number(whole["requests_per_s"]),
        _number(whole["requests_per_s_repeating"]),
        _factor(whole["ratio"]),
    )
    table.add_row("Kafka to alert file", _number(kafka["requests_per_s"]), "–", _factor(kafka["ratio"]))
    return table


def _latency(report: dict[str, Any]) -> Table:
    table = _table(("line to alert, lines/s", "p50, ms", "p99, ms", "alerts", "missing", "drained, s"))
    for row in report["latency"]:
        drain = row["drain_s"]
        table.add_row(
            f"{row['lines_per_s']:,}",
            _number(row["p50_ms"]),
            _number(row["p99_ms"]),
            _number(row["alerts"]),
            _number(row["missing"]),
            "–" if drain is None else f"{drain:.2f}",
        )
    return table


def draw(report: dict[str, Any], figure: Callable[..., Any], path: Path) -> None:
    """Write a picture, in the format that the path's ending names.

    Args:
        report: what `measure` returned.
        figure: matplotlib's `Figure`.
        path: where it goes.

    Raises:
        OSError: it cannot be written.
        ValueError: matplotlib knows no format of this ending.
    """
    bars = [(row["engine"], row["requests_per_s"], row["ratio"]) for row in report["rows"]]
    whole, kafka = report["end_to_end"], report["kafka"]
    bars += [("file to alert file", whole["requests_per_s"], whole["ratio"])]
    bars += [("Kafka to alert file", kafka["requests_per_s"], kafka["ratio"])]
    known = [bar for bar in bars if bar[1]]
    picture = figure(figsize=(8, 7), layout="constrained")
    speed, times = picture.subplots(2, 1, height_ratios=(3, 2))
    colours = [REFERENCE_COLOUR if name == "keras-predict" else COLOUR for name, _, _ in known]
    drawn = speed.barh([name for name, _, _ in known], [rate for _, rate, _ in known], color=colours)
    labels = [f"{rate:,.0f}" + (f"  ({ratio:,.1f}×)" if ratio else "") for _, rate, ratio in known]
    speed.bar_label(drawn, labels, padding=4)
    speed.invert_yaxis()
    speed.margins(x=0.2)
    speed.set_xlabel("requests a second, all cores (× Keras predict)")
    machine = report["machine"]
    speed.set_title(f"{machine['processor']}, {machine['cores']} cores")
    for name, colour in (("p50_ms", COLOUR), ("p99_ms", "#c0392b")):
        points = [(row["lines_per_s"], row[name]) for row in report["latency"] if row[name] is not None]
        times.plot([rate for rate, _ in points], [ms for _, ms in points], "o-", color=colour, label=name[:3])
    times.set_yscale("log")
    times.set_xlabel("lines a second")
    times.set_ylabel("line to alert, ms")
    times.legend()
    picture.savefig(path, dpi=120)


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _factor(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
