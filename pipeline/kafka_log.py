"""What kafka-python tells only its log: overheard for the true reason of a failure, and kept from flooding ours.

When no connection comes about, the library raises a timeout and nothing else. That the password was refused, the name is
unknown or the certificate is not trusted stands in its log alone, some ten lines a second while a broker is away (109 in
the 10 s of one attempt, measured with 3.0.12).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET_S = 300.0
"""The same complaint of the same client is told once in so long; the source or sink itself says that it fails."""


class Overheard(logging.Filter):
    """Listens to what one client's threads log. `filter` may be called from any thread.

    Args:
        client_id: kafka-python's name of the client, which names its network thread too.
        refusals: errors that outrank all others: with several failed attempts they are the reason.
        symptoms: errors that are never the reason, such as a timeout of all attempts together.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        client_id: str,
        refusals: tuple[type[Exception], ...],
        symptoms: tuple[type[Exception], ...] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.client_id = client_id
        # Of a consumer, and of a producer.
        self.threads = {f"kafka-io-{client_id}", f"{client_id}-network-thread"}
        self.reason: Exception | None = None
        self._refusals = refusals
        self._symptoms = symptoms
        self._monotonic = monotonic
        self._told_at: dict[tuple[str, int], float] = {}  # one entry for each place in the library that logs

    def filter(self, record: logging.LogRecord) -> bool:
        if record.threadName not in self.threads:
            return True
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, Exception) and not isinstance(argument, self._symptoms):
                self.reason = self.reason if isinstance(self.reason, self._refusals) else argument
        now, place = self._monotonic(), (record.pathname, record.lineno)
        if now - self._told_at.get(place, -QUIET_S) < QUIET_S:
            return False
        self._told_at[place] = now
        return True


@contextmanager
def overhearing(
    client_id: str, refusals: tuple[type[Exception], ...], symptoms: tuple[type[Exception], ...] = ()
) -> Iterator[Overheard]:
    """Listen to the client of that name while it is made in this thread; for the arguments see Overheard.

    Its own threads are kept from flooding the log for as long as the process runs. There is one listener for each name:
    a client that is made anew with the same name gets the same one, with no reason heard so far.
    """
    # A logger's filter does not see what its descendants log, so each of them gets it.
    loggers = [
        logger
        for name, logger in logging.Logger.manager.loggerDict.items()
        if name.split(".", 1)[0] == "kafka" and isinstance(logger, logging.Logger)
    ]
    present = (found for logger in loggers for found in logger.filters)
    heard = next(
        (found for found in present if isinstance(found, Overheard) and found.client_id == client_id),
        Overheard(client_id, refusals, symptoms),
    )
    for logger in loggers:
        logger.addFilter(heard)  # which does nothing where it is already
    heard.reason = None
    # A producer connects in the thread that makes it, which may make another one later.
    maker = threading.current_thread().name
    heard.threads.add(maker)
    try:
        yield heard
    finally:
        heard.threads.discard(maker)
