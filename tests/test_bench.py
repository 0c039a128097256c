"""The benchmark: what it measures with, whom it starts and ends, its arithmetic. How fast anything is, is never asserted."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import eventually
from rich.console import Console
from typer.testing import CliRunner

from weirlog.daemon.bench import Options, flop_per_request, measure, names, run
from weirlog.daemon.bench_children import Answering, Child, pinned
from weirlog.daemon.bench_engines import Contestant, Entry, rows
from weirlog.daemon.bench_latency import report
from weirlog.daemon.bench_machine import sgemm_gflops
from weirlog.daemon.bench_page import draw, show
from weirlog.daemon.bench_pipeline import MARK_EVERY, Alerts, blocks, mark, marks_in
from weirlog.daemon.bench_requests import REPEAT_SHARE, Requests, from_log, generated, reference_artifact, repeating
from weirlog.daemon.bench_turns import Turns, in_turn, plan
from weirlog.daemon.bench_worker import Stream, Worker, maker
from weirlog.daemon.cli import app
from weirlog.daemon.lines import InputError
from weirlog.models.corpus.grammar import Chance
from weirlog.models.detector import load_detector
from weirlog.models.engines import ENGINES, FloatArray
from weirlog.models.errors import MissingExtraError
from weirlog.models.formats import log_format
from weirlog.models.presets import PRESETS
from weirlog.models.report_plots import import_figure
from weirlog.pipeline.errors import StopError

HAPI = b'{"method":"get","path":"/%d","query":{}}'


@pytest.fixture(scope="module")
def requests() -> Requests:
    return generated("reference-1", 300)


@pytest.fixture
def worker_files(tmp_path: Path, requests: Requests) -> tuple[str, Path]:
    reference_artifact(requests.texts).save(tmp_path / "model")
    requests.save(tmp_path / "requests.json")
    return str(tmp_path / "model"), tmp_path / "requests.json"


class TestRequests:
    def test_generated_ones_differ_in_what_a_model_reads(self, requests: Requests) -> None:
        assert len(requests.lines) == len(set(requests.texts)) == 300

    def test_lines_and_texts_belong_together(self, requests: Requests) -> None:
        again = generated("reference-1", 300)
        assert again == requests
        first = json.loads(requests.lines[0])
        assert json.loads(requests.texts[0])["path"] == first["path"]

    def test_the_repeating_stream_says_everything_once_and_a_fifth_again(self) -> None:
        order = list(repeating(5_000, Chance(1)))
        assert list(dict.fromkeys(order)) == list(range(5_000))
        assert 1 - 5_000 / len(order) == pytest.approx(REPEAT_SHARE, abs=0.02)

    def test_most_of_what_repeats_repeats_soon_and_some_of_it_late(self) -> None:
        order = list(repeating(5_000, Chance(1)))
        newest = np.maximum.accumulate(order)
        gaps = [
            new - index for new, index, before in zip(newest[1:], order[1:], newest, strict=False) if index <= before
        ]
        assert np.median(gaps) < 200
        assert max(gaps) > 2_000

    def test_a_log_gives_its_different_requests_and_its_own_order(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log"
        log.write_bytes(b"\n".join([HAPI % 1, HAPI % 2, b"no request", HAPI % 1]) + b"\n")
        taken = from_log(str(log), "auto", "detection-1")
        assert taken.lines == (HAPI % 1, HAPI % 2)
        assert taken.order == (0, 1, 0)
        assert taken.repeated == [HAPI % 1, HAPI % 2, HAPI % 1]

    def test_a_log_without_requests_is_refused_by_name(self, tmp_path: Path) -> None:
        log = tmp_path / "empty.log"
        log.write_bytes(b"no request\n")
        with pytest.raises(InputError, match=r"empty\.log.*--format"):
            from_log(str(log), "hapi", "detection-1")

    def test_no_more_of_a_log_is_read_than_asked_for(self, tmp_path: Path) -> None:
        log = tmp_path / "long.log"
        log.write_bytes(b"".join(HAPI % number + b"\n" for number in range(100)))
        assert len(from_log(str(log), "hapi", "detection-1", 10).lines) == 10

    def test_the_yardstick_is_the_reference_network(self, requests: Requests) -> None:
        model = reference_artifact(requests.texts)
        assert model.network == PRESETS["lstm"].network
        assert model.tokenizer.size == model.network.embedding.vocabulary
        assert model.digest == reference_artifact(requests.texts).digest


class TestWorker:
    def test_a_stream_gives_every_text_once_a_pass(self) -> None:
        stream = Stream([str(number) for number in range(10)], 4)
        taken = list(iter(stream.take, []))
        assert [len(part) for part in taken] == [4, 4, 2]
        assert stream.exhausted
        stream.rewind()
        assert list(stream.take()) == ["0", "1", "2", "3"]

    def test_whoever_remembers_starts_every_pass_without_memories(self) -> None:
        passes: list[list[str]] = []

        def make() -> Any:
            seen: list[str] = []
            passes.append(seen)

            def score(texts: Any) -> FloatArray:
                seen.extend(texts)
                return np.zeros(len(texts), np.float32)

            return score

        worker = Worker(make, {"unique": Stream(["a", "b", "c"], 2), "repeating": Stream(["a"], 2)}, threads=2)
        worker.run("unique", 0.02)
        worker.run("repeating", 0.02)
        assert len(passes) > 3
        assert all(len(seen) == len(set(seen)) for seen in passes)

    @pytest.mark.parametrize("engine", ["numpy", "numba", "numba-shared"])
    def test_engines_give_the_same_scores_text_by_text(self, engine: str, requests: Requests) -> None:
        model = reference_artifact(requests.texts)
        texts = [*requests.texts[:40], *requests.texts[:3]]
        scores = maker(engine, model)()(texts)
        alone = maker("numpy", model)()
        expected = np.concatenate([alone([text]) for text in texts])
        np.testing.assert_allclose(scores, expected, atol=1e-5)

    def test_it_says_how_it_started_and_how_fast_it_is(self, worker_files: tuple[str, Path]) -> None:
        contestant = Contestant.start("numpy", *worker_files, one_core=True)
        with contestant.child:
            for stream in ("unique", "repeating", "unique"):
                contestant.turn(stream, 0.05)
        assert len(contestant.scores) == 256
        assert all(0 <= score <= 1 for score in contestant.scores)
        assert [len(rates) for rates in contestant.rates.values()] == [2, 1]
        assert min(contestant.rates["unique"]) > 0
        assert contestant.start_s > 0
        assert contestant.characters > 50

    def test_its_memory_is_its_own_and_not_that_of_who_started_it(self, worker_files: tuple[str, Path]) -> None:
        held = np.ones(30_000_000)  # 240 MB, which the engine has no part in
        contestant = Contestant.start("numpy", *worker_files, one_core=True)
        with contestant.child:
            contestant.turn("unique", 0.01)
        assert 20 < contestant.rss_mb < held.nbytes / 2**20

    def test_one_that_cannot_start_is_told_as_such(self, worker_files: tuple[str, Path]) -> None:
        with pytest.raises(StopError, match="engine abacus ended early: .*abacus"):
            Contestant.start("abacus", *worker_files, one_core=False)


class TestChildren:
    def test_a_closed_child_has_ended(self) -> None:
        with Child("sleeper", ["-c", "import time; time.sleep(60)"]) as child:
            assert child.running
        assert child.process.returncode is not None

    def test_a_mortal_child_ends_with_a_killed_parent(self) -> None:
        script = (
            "import os, signal\n"
            "from weirlog.daemon.bench_children import Child\n"
            "child = Child('sleeper', ['-c', 'import time; print(1, flush=True); time.sleep(60)'], mortal=True, output=-1)\n"
            "child.process.stdout.readline()\n"
            "print(child.process.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
        assert eventually(lambda: not _is_alive(int(parent.stdout)))

    def test_silence_has_an_end(self) -> None:
        with (
            Answering("the silent one", ["-c", "import time; time.sleep(60)"]) as child,
            pytest.raises(StopError, match="the silent one gives no answer"),
        ):
            child.hear(limit_s=0.05)

    def test_the_last_words_of_a_child_are_fit_for_a_terminal(self) -> None:
        with (
            Answering("the dying one", ["-c", r"import sys; sys.exit('\x1b[2Jout of breath')"]) as child,
            pytest.raises(StopError, match=r"the dying one ended early: \\x1b\[2Jout of breath"),
        ):
            child.hear(limit_s=10)

    def test_a_pinned_child_has_one_core_and_its_parent_keeps_its_own(self) -> None:
        before = os.sched_getaffinity(0)
        script = "import os, json; print(json.dumps({'cores': len(os.sched_getaffinity(0))}))"
        with pinned(one_core=True), Answering("core", ["-c", script]) as child:
            assert child.hear(limit_s=10) == {"cores": 1}
        assert os.sched_getaffinity(0) == before


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class TestMarks:
    def test_the_shipped_model_takes_a_mark_for_an_attack(self) -> None:
        """The whole pipeline is measured by the alerts that marks raise."""
        parsed = [log_format(form).parse(mark(7).rstrip()) for form in ("hapi", "auto")]
        assert [verdict.is_attack for verdict in load_detector("default").classify(parsed)] == [True, True]

    def test_blocks_end_with_a_mark_and_lose_no_line_of_them(self) -> None:
        lines = [b"%d" % number for number in range(2 * MARK_EVERY)]
        made = list(blocks(lines))
        assert len(made) == marks_in(lines) == 2
        assert [block.count(b"\n") for block in made] == [MARK_EVERY, MARK_EVERY]
        assert made[0].endswith(mark(0))
        assert b"".join(made).replace(mark(0), b"").replace(mark(1), b"") == b"".join(
            line + b"\n" for line in lines[: 2 * (MARK_EVERY - 1)]
        )

    def test_marks_are_found_in_an_alert_file_as_it_grows(self, tmp_path: Path) -> None:
        path = tmp_path / "alerts.jsonl"
        alerts = Alerts(path)
        assert alerts.poll() == []
        with path.open("ab", buffering=0) as stream:
            stream.write(mark(3) + b'{"path":"/other"}\n' + mark(4)[:60])
            assert alerts.poll() == [3]
            stream.write(mark(4)[60:])
            assert alerts.poll() == [4]
        assert alerts.poll() == []
        alerts.close()


class TestWhole:
    def test_a_run_over_a_log_measures_every_part(self, tmp_path: Path, requests: Requests) -> None:
        log = tmp_path / "access.log"
        log.write_bytes(b"".join(line + b"\n" for line in (*requests.lines, *requests.lines)))
        told: list[str] = []
        options = Options(1.0, log=str(log), log_format="hapi", engines=("numpy", "abacus"), paces=(500,))
        found = measure(options, told.append)
        assert found["requests"]["different"] == 300
        assert found["requests"]["repeated_share"] == pytest.approx(0.5)
        numpy, abacus = found["rows"]
        assert (numpy["engine"], numpy["absent"], numpy["ratio"]) == ("numpy", None, None)
        assert numpy["requests_per_s"] > 0
        assert numpy["requests_per_s_one_core"] > 0
        assert 0 < found["fraction_of_peak"] == numpy["fraction_of_peak"] < 1
        assert "abacus" in abacus["absent"]
        assert found["end_to_end"]["requests_per_s"] > 0
        assert found["end_to_end"]["requests_per_s_repeating"] > 0
        assert (found["kafka"]["requests_per_s"] is None) == (importlib.util.find_spec("confluent_kafka") is None)
        assert (found["kafka"]["absent"] is None) == (found["kafka"]["requests_per_s"] is not None)
        (paced,) = found["latency"]
        assert (paced["lines_per_s"], paced["missing"]) == (500, 0)
        assert 0 < paced["p50_ms"] <= paced["p99_ms"]
        assert "round 1 of 1: numpy, unique, one core" in told
        json.dumps(found, allow_nan=False)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ended_early_it_leaves_nothing_behind(self, number: int, tmp_path: Path, requests: Requests) -> None:
        log = tmp_path / "access.log"
        log.write_bytes(b"".join(line + b"\n" for line in requests.lines))
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        bench = subprocess.Popen(
            [sys.executable, "-P", "-m", "weirlog.daemon.cli", "bench", "--log", str(log), "--json"],
            env={**os.environ, "TMPDIR": str(scratch)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        children = Path(f"/proc/{bench.pid}/task/{bench.pid}/children")
        assert eventually(lambda: children.read_text().split() != [], within_s=30)
        pids = [int(pid) for pid in children.read_text().split()]
        bench.send_signal(number)
        assert bench.wait(30) != 0
        # One that was being started at that moment ends by itself, with its standard input.
        assert eventually(lambda: not any(map(_is_alive, pids)), within_s=10)
        assert list(scratch.iterdir()) == []


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
