"""Wakes a file source up when something is created or renamed in a directory that it watches."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import structlog
from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

log = structlog.get_logger(__name__)

# Not modifications: an event a write costs a quarter of a core at 10,000 lines a second, and polling sees them anyway.
EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileMovedEvent, DirCreatedEvent, DirMovedEvent]


class _Waker(FileSystemEventHandler):
    def __init__(self, wake: threading.Event) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - the handler's signature
        self._wake.set()


class DirectoryWatch:
    """Watches directories with watchdog, as far as the system can. Belongs to one thread.

    Args:
        wake: set when something happens in one of them.
    """

    def __init__(self, wake: threading.Event) -> None:
        self._handler = _Waker(wake)
        self._observer: BaseObserver | None = None
        self._watches: dict[str, tuple[int, ObservedWatch]] = {}
        self._complained = False

    def follow(self, folders: Iterable[str]) -> None:
        """Watch exactly `folders`; those that do not exist are tried again at the next call.

        A watched directory that is removed and made again goes silent without an error, so a directory whose inode
        has changed is watched anew.
        """
        present = {folder: inode for folder in folders if (inode := _inode(folder)) is not None}
        for folder, (inode, watch) in list(self._watches.items()):
            if present.get(folder) != inode:
                del self._watches[folder]
                if self._observer is not None:
                    self._observer.unschedule(watch)
        for folder, inode in present.items():
            if folder not in self._watches:
                self._schedule(folder, inode)

    def close(self) -> None:
        """End the watching. Idempotent."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        self._watches.clear()

    def _schedule(self, folder: str, inode: int) -> None:
        try:
            if self._observer is None:
                observer = Observer()
                observer.start()
                self._observer = observer
            watch = self._observer.schedule(self._handler, folder, recursive=False, event_filter=EVENTS)
        except OSError as error:
            if not self._complained:
                log.warning(
                    "a directory cannot be watched; polling alone finds new files", path=folder, reason=str(error)
                )
            self._complained = True
        else:
            self._watches[folder] = (inode, watch)


def _inode(folder: str) -> int | None:
    try:
        return Path(folder).stat().st_ino
    except OSError:
        return None
