"""Threads that judge micro-batches side by side: while one parses, another's engine computes without the GIL."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from weirlog.pipeline.records import Record
from weirlog.pipeline.scoring import Judge, Judgement

_Work: TypeAlias = tuple[Judge, Sequence[Record], "Future[Judgement]"]


class JudgePool:
    """Runs `Judge.judge` on some threads. `submit` and `close` belong to one thread.

    The threads are daemons, which an executor's are not: one that is stuck must not keep the process from ending.

    Args:
        threads: how many batches are judged at once.
        done: called after each, from its thread; must not block.
    """

    def __init__(self, threads: int, done: Callable[[], None]) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()  # bounded by whoever submits
        self._done = done
        self._threads = [
            threading.Thread(target=self._run, name=f"judge {number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, judge: Judge, batch: Sequence[Record]) -> Future[Judgement]:
        """Have a batch judged; what `judge` raises, the future raises."""
        future: Future[Judgement] = Future()
        self._work.put((judge, batch, future))
        return future

    def close(self) -> None:
        """Let the threads end once they have done what was submitted; does not wait for them."""
        for _ in self._threads:
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            judge, batch, future = work
            try:
                judgement = judge.judge(batch)
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(judgement)
            self._done()
