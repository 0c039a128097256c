"""An engine that scores while a faster one is still being made ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from weirlog.models.engines import Engine, FloatArray, Reuse, Scores, TokenBatch
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.errors import UnsupportedError

log = structlog.get_logger(__name__)


class StandbyEngine:
    """Scores with NumPy until another engine is ready, and with that one from the next batch on.

    Both give the same numbers within 1e-5. Making one starts a thread, which ends once the other engine is ready or is
    known never to be; NumPy goes on then.

    Args:
        ready: scores at once, and traces always.
        prepare: returns the other engine, or raises UnsupportedError or ImportError. Called in the thread.

    Attributes:
        name: of the engine at work.
    """

    def __init__(self, ready: NumpyEngine, prepare: Callable[[], Engine]) -> None:
        self.name = ready.name
        self._tracer = ready
        self._engine: Engine = ready
        self._prepare = prepare
        log.info("numpy scores until a faster engine is ready; its kernels are compiled once, beside the work")
        threading.Thread(target=self._make_ready, name="compile", daemon=True).start()

    @property
    def reuse(self) -> Reuse | None:
        """What the engine at work has spared."""
        return self._engine.reuse

    def score(self, batch: TokenBatch) -> Scores:
        """As `Engine.score`."""
        return self._engine.score(batch)

    def trace(self, batch: TokenBatch) -> list[FloatArray]:
        """As `NumpyEngine.trace`."""
        return self._tracer.trace(batch)

    def _make_ready(self) -> None:
        begun = time.monotonic()
        try:
            made = self._prepare()
        except (UnsupportedError, ImportError) as error:
            log.warning("the faster engine cannot be used; numpy goes on", reason=str(error))
            return
        if isinstance(made, NumpyEngine):
            self._tracer = made
        self._engine = made
        self.name = made.name
        log.info("the faster engine takes over", engine=made.name, after_s=round(time.monotonic() - begun, 1))
