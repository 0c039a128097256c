"""What the benchmark says: its page, and the figures that count."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from weirlog.daemon.bench import Options, names, run
from weirlog.daemon.bench_children import Child
from weirlog.daemon.bench_engines import Contestant, Entry, flop_per_request, rows
from weirlog.daemon.bench_latency import report
from weirlog.daemon.bench_machine import sgemm_gflops
from weirlog.daemon.bench_page import draw, show
from weirlog.daemon.bench_turns import Turns, in_turn, plan
from weirlog.daemon.cli import app
from weirlog.models.engines import ENGINES
from weirlog.models.errors import MissingExtraError
from weirlog.models.presets import PRESETS
from weirlog.models.report_plots import import_figure


class TestPage:
    def test_what_was_not_measured_shows_as_a_dash_and_says_why(self) -> None:
        page = _shown(_report())
        assert re.search(r"^abacus +–", page, re.MULTILINE)
        assert "abacus: no beads" in page
        assert "Kafka: no broker" in page
        assert re.search(r"^numpy +4,000 +2,500 +– +20\.0 +1\.0e-07 +50% +60 +0\.4 s$", page, re.MULTILINE)
        assert re.search(r"^10,000 +900 +– +49 +1 +10\.00$", page, re.MULTILINE)

    def test_names_from_files_cannot_move_the_cursor(self) -> None:
        report = _report()
        report["model"]["name"] = report["requests"]["log"] = "a\x1b[2Jb"
        assert "\x1b" not in _shown(report)

    def test_the_table_of_engines_fits_an_ordinary_terminal(self) -> None:
        assert "…" not in _shown(_report())

    def test_a_picture_is_drawn_of_what_there_is(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        draw(_report(), import_figure(), tmp_path / "bench.svg")
        drawn = (tmp_path / "bench.svg").read_text()
        assert "<svg" in drawn

    def test_without_matplotlib_a_picture_is_refused_before_anything_is_measured(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'weirlog\[train\]'"):
            run(Options(3600.0), as_json=True, plot=tmp_path / "bench.png")

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["--plot", "bench.txt"], "neither with .png"),
            (["--plot", "nowhere/bench.png"], "is no directory"),
            (["--kafka", "broker"], "is no broker"),
            (["--format", "runes"], "is no log format"),
            (["--seconds", "0"], "--seconds"),
        ],
    )
    def test_bad_options_are_told_at_once(self, arguments: list[str], reason: str) -> None:
        ended = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
        assert ended.exit_code == 2
        assert reason in ended.output


def _shown(report: dict[str, Any]) -> str:
    console = Console(width=80, highlight=False, markup=False, record=True, file=io.StringIO())
    show(report, console)
    return console.export_text()


def _report() -> dict[str, Any]:
    row = {
        "engine": "numpy",
        "requests_per_s": 4000.0,
        "requests_per_s_one_core": 2500.0,
        "requests_per_s_repeating": None,
        "ratio": 20.0,
        "max_abs_diff": 1e-7,
        "fraction_of_peak": 0.5,
        "rss_mb": 60.0,
        "start_s": 0.4,
        "absent": None,
    }
    paced = {"lines_per_s": 10_000, "written_per_s": 1e4, "p50_ms": 900.0, "p99_ms": None}
    return {
        "machine": {"processor": "Abacus", "cores": 2, "python": "3.11"},
        "model": {"name": "reference-lstm", "digest": "0", "layers": ["LSTM(64)"]},
        "requests": {"log": None, "different": 300, "repeated_share": 0.2, "characters": 200.0, "batch": 128},
        "rounds": 3,
        "rows": [
            row,
            {**row, "engine": "keras-predict", "requests_per_s": 23_456.0, "requests_per_s_one_core": 12_345.0},
            {**dict.fromkeys(row), "engine": "abacus", "absent": "no beads"},
        ],
        "end_to_end": {"requests_per_s": 3000.0, "requests_per_s_repeating": 3500.0, "ratio": 15.0},
        "kafka": {"requests_per_s": None, "ratio": None, "brokers": None, "absent": "no broker"},
        "latency": [{**paced, "alerts": 49, "missing": 1, "drain_s": 10.0}],
        "sgemm_gflops": 40.0,
        "fraction_of_peak": 0.5,
    }


class TestFigures:
    def test_the_unavoidable_work_is_the_recurrent_products(self) -> None:
        """64 × 256 multiplications and additions a character for the reference's LSTM, and above it the input too."""
        assert flop_per_request(PRESETS["lstm"].network, 100) == 2 * 64 * 256 * 100
        assert flop_per_request(PRESETS["stacked-lstm"].network, 1) == 2 * 3 * 64 * 256

    def test_turns_are_short_and_take_the_time_given(self) -> None:
        rounds, turn_s = plan([1.0, 1.0, 2.0], 30.0)
        assert rounds > 2
        assert rounds * 4 * turn_s == pytest.approx(30.0)
        assert plan([1.0] * 20, 1.0) == (1, pytest.approx(0.05))

    def test_all_take_turns_round_after_round(self) -> None:
        order: list[str] = []

        def taker(name: str, result: float | None) -> Callable[[float], float | None]:
            def take(_: float) -> float | None:
                order.append(name)
                return result

            return take

        first, second = Turns("a", taker("a", 3.0)), Turns("b", taker("b", None))
        in_turn([first, second], 6.0, tell=lambda _: None)
        assert order == ["a", "b"] * 3
        assert (first.median, second.median) == (3.0, None)

    def test_every_engine_has_a_row_and_keras_too(self) -> None:
        listed = names(None)
        assert set(ENGINES) - {"auto"} <= set(listed)
        assert listed[-1] == "keras-predict"
        assert listed.count("numba-shared") == 1

    def test_rows_are_held_to_keras(self) -> None:
        keras = _contestant("keras-predict", [100.0, 300.0, 200.0], [0.5, 0.25])
        fast = _contestant("numba", [1000.0, 5000.0, 4000.0], [0.5, 0.125])
        first, second, third = rows(
            [Entry("numba", fast, fast), Entry("keras-predict", keras, keras), Entry("abacus", absent="no beads")]
        )
        assert (first["requests_per_s"], first["ratio"], first["max_abs_diff"]) == (4000.0, 20.0, 0.125)
        assert (second["ratio"], second["max_abs_diff"]) == (1.0, 0.0)
        assert (third["requests_per_s"], third["absent"]) == (None, "no beads")

    def test_without_keras_there_are_rates_and_no_ratios(self) -> None:
        (row,) = rows([Entry("numpy", one := _contestant("numpy", [10.0], [0.5]), one)])
        assert (row["requests_per_s"], row["ratio"], row["max_abs_diff"]) == (10.0, None, None)

    def test_a_quantile_among_missing_alerts_is_none(self) -> None:
        written = dict.fromkeys(range(10), 1.0)
        seen = dict.fromkeys(range(9), 1.25)
        row = report(1000, 999.0, written, seen, ended=1.0)
        assert (row["p50_ms"], row["p99_ms"]) == (250.0, None)
        assert (row["alerts"], row["missing"], row["drain_s"]) == (9, 1, 0.25)

    def test_the_machine_does_some_arithmetic(self) -> None:
        assert 0 < sgemm_gflops(0.0, size=64) < float("inf")


def _contestant(engine: str, rates: list[float], scores: list[float]) -> Contestant:
    child = Child(engine, ["-c", ""])
    child.close()
    return Contestant(engine, False, child, 1.0, scores, 100.0, {"unique": rates, "repeating": rates}, 50.0)  # type: ignore[arg-type]  # never asked
