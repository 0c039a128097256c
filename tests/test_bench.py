"""The benchmark: what it measures with, whom it starts and ends, its arithmetic. How fast anything is, is never asserted."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from children import child
from fakes import eventually

from weirlog.daemon.bench import Options, measure
from weirlog.daemon.bench_children import Answering, Child, pinned
from weirlog.daemon.bench_engines import Contestant
from weirlog.daemon.bench_pipeline import MARK_EVERY, Alerts, blocks, mark, marks_in
from weirlog.daemon.bench_requests import REPEAT_SHARE, Requests, from_log, generated, reference_artifact, repeating
from weirlog.daemon.bench_worker import Stream, Worker, maker
from weirlog.daemon.lines import InputError
from weirlog.models.corpus.grammar import Chance
from weirlog.models.detector import load_detector
from weirlog.models.engines import FloatArray
from weirlog.models.formats import log_format
from weirlog.models.presets import PRESETS
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
        with child(
            [sys.executable, "-P", "-m", "weirlog.daemon.cli", "bench", "--log", str(log), "--json"],
            env={**os.environ, "TMPDIR": str(scratch)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as bench:
            children = Path(f"/proc/{bench.pid}/task/{bench.pid}/children")
            assert eventually(lambda: children.read_text().split() != [], within_s=30)
            pids = [int(pid) for pid in children.read_text().split()]
            bench.send_signal(number)
            assert bench.wait(30) != 0
        # One that was being started at that moment ends by itself, with its standard input.
        assert eventually(lambda: not any(map(_is_alive, pids)), within_s=10)
        assert list(scratch.iterdir()) == []
