"""Verdicts of texts that come again: a health check, a home page, a scanner that repeats itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from weirlog.models.verdict import Verdict

TEXT_CHARACTERS: Final = 4096
"""A longer text is not kept: it hardly comes again, and would push out hundreds that do."""
ENTRY_BYTES: Final = 250
"""What an entry takes beside its text, about."""

FORGOTTEN_SHARE: Final = 16
"""One part in so many is forgotten at a time."""


class VerdictCache:
    """Verdicts by their whole text, the least recently seen forgotten first. Thread-safe.

    Equal texts have equal scores, so what it answers is exact.

    Args:
        limit_bytes: how much texts and verdicts may take, about; 0 keeps nothing.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.asked = 0
        """How many texts were looked for since the start, and how many of them were `found`."""
        self.found = 0
        self._limit = limit_bytes
        self._bytes = 0
        self._verdicts: dict[str, Verdict] = {}
        self._lock = threading.Lock()

    def find(self, texts: Iterable[str]) -> dict[str, Verdict]:
        """Return the verdicts of those texts that are known."""
        known: dict[str, Verdict] = {}
        with self._lock:
            for text in texts:
                self.asked += 1
                verdict = self._verdicts.pop(text, None)
                if verdict is not None:
                    self._verdicts[text] = known[text] = verdict  # now the last to be forgotten
            self.found += len(known)
        return known

    def keep(self, texts: Sequence[str], verdicts: Sequence[Verdict]) -> None:
        """Remember verdicts, and forget the least recently seen ones beyond the limit."""
        if not self._limit:
            return
        with self._lock:
            for text, verdict in zip(texts, verdicts, strict=True):
                if len(text) <= TEXT_CHARACTERS and text not in self._verdicts:
                    self._verdicts[text] = verdict
                    self._bytes += _bytes(text)
            while self._bytes > self._limit:
                # Many at once: to find the oldest, a dictionary steps over the places of all that were taken out before.
                for oldest in list(islice(self._verdicts, len(self._verdicts) // FORGOTTEN_SHARE + 1)):
                    del self._verdicts[oldest]
                    self._bytes -= _bytes(oldest)

    def __len__(self) -> int:
        return len(self._verdicts)


def _bytes(text: str) -> int:
    return sys.getsizeof(text) + ENTRY_BYTES
