"""An engine that scores while a faster one is still being compiled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from artifacts import random_artifact
from contracts.engine import ragged
from fakes import eventually
from structlog.testing import capture_logs

from weirlog.models.detector import Detector
from weirlog.models.engines import Engine, Scores, TokenBatch, engine
from weirlog.models.engines import machine_code as code
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.engines.standby import StandbyEngine
from weirlog.models.errors import UnsupportedError
from weirlog.models.request import Request

ARTIFACT = random_artifact("detector")
BATCH = ragged([[1, 2, 3], [4]])


class FasterEngine(NumpyEngine):
    """Says that it is another one, and that everything is an attack."""

    name = "faster"

    def score(self, batch: TokenBatch) -> Scores:
        return Scores(np.ones(len(batch), np.float32))


@pytest.fixture
def compiling() -> Iterator[tuple[threading.Event, Callable[[], Engine]]]:
    """Yield an event, and what makes the faster engine once that is set."""
    done = threading.Event()

    def prepare() -> Engine:
        assert done.wait(10)
        return FasterEngine(ARTIFACT)

    yield done, prepare
    done.set()


def test_numpy_scores_until_the_other_engine_is_ready(
    compiling: tuple[threading.Event, Callable[[], Engine]],
) -> None:
    done, prepare = compiling
    standby = StandbyEngine(NumpyEngine(ARTIFACT), prepare)
    expected = NumpyEngine(ARTIFACT).score(BATCH).probability
    assert standby.name == "numpy"
    assert standby.score(BATCH).probability.tolist() == expected.tolist()
    done.set()
    assert eventually(lambda: standby.name == "faster")
    assert standby.score(BATCH).probability.tolist() == [1.0, 1.0]


def test_a_detector_explains_all_the_while(compiling: tuple[threading.Event, Callable[[], Engine]]) -> None:
    done, prepare = compiling
    standby = StandbyEngine(NumpyEngine(ARTIFACT), prepare)
    detector = Detector(ARTIFACT, standby)
    attack = Request({"method": "get", "path": "/<script>", "query": {}, "requestPayload": None})
    before = detector.explain(attack)
    done.set()
    assert eventually(lambda: detector.engine == "faster")
    assert detector.explain(attack) == before == Detector(ARTIFACT, NumpyEngine(ARTIFACT)).explain(attack)


def test_where_nothing_can_be_compiled_numpy_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))

    def failing(*_: object) -> bytes:
        raise UnsupportedError("no compiler here")

    monkeypatch.setattr(code, "compile_kernels", failing)
    with capture_logs() as logs:
        chosen = engine("auto", ARTIFACT, compile_beside=True)
        assert eventually(lambda: any(entry["log_level"] == "warning" for entry in logs))
    assert (chosen.name, len(chosen.score(BATCH).probability)) == ("numpy", 2)
    assert [entry["event"].partition(";")[0] for entry in logs] == [
        "numpy scores until a faster engine is ready",
        "kernels are being compiled",
        "the faster engine cannot be used",
    ]
    assert logs[-1]["reason"] == "no compiler here"
