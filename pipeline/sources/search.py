"""Where the rest of a file has gone that was rotated away, compressed, or copied and truncated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from weirlog.pipeline.errors import RetryableError
from weirlog.pipeline.gaps import MISSING, REPLACED, TRUNCATED, Gap
from weirlog.pipeline.sources.checkpoint import Mark
from weirlog.pipeline.sources.files import Files
from weirlog.pipeline.sources.identity import Claims, fits, holds_at, is_known_by_more, was_read_amid
from weirlog.pipeline.sources.rotation import Sibling, is_related, is_rotated, siblings
from weirlog.pipeline.sources.tail import Tail, end_of_lines
from weirlog.pipeline.sources.turns import Inode

log = structlog.get_logger(__name__)

SEEN_SLACK_S = 2.0
"""A file's time stamp may lag behind the clock that a mark's `seen` was taken from (a kernel tick, a file server)."""


class Search:
    """Finds the rest of files by what was read of them, among those beside them. Belongs to the source's thread.

    What is looked for and found nowhere is a gap.

    Args:
        files: those that are followed and remembered.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._sought: dict[str, tuple[Mark, Gap]] = {}  # by key: the rest of a file, and what it is if not found
        self._rotated: list[Mark] = []  # beside these there may be files that came and went while nobody watched
        self._looked = False
        self._until: float | None = None

    @property
    def goes_on(self) -> bool:
        """Whether something is looked for."""
        return bool(self._sought)

    def begin(self) -> None:
        """Look for every file that has a mark and is not followed: it was rotated away while nobody watched."""
        away = [mark for mark in self._files.marks.fresh(self._files.clock.time()) if mark.inode or not mark.ended]
        # By inode first: a file that is found so needs no copy of it.
        for sibling in self._siblings(away):
            self._resume_renamed(sibling)
        unread = [mark for mark in away if not mark.ended]
        self._rotated += unread
        for mark in unread:
            if mark.fingerprint and mark in self._files.marks:
                self._seek(mark, MISSING)

    def close(self) -> None:
        """Look for nothing any more."""
        self._sought.clear()
        self._rotated.clear()
        self._looked, self._until = False, None

    def read_on(self, tail: Tail, mark: Mark, otherwise: Literal["begin", "drop"] = "begin") -> bool:
        """Begin where `mark`, of the same inode and first line, says; return whether there is something to follow.

        Args:
            tail: of the file; a plain one `is_its_own`.
            mark: no longer among the marks.
            otherwise: what to do with a compressed file when it turns out to be another one.
        """
        content = tail.content
        if content.packing is not None:
            if self.is_finished(tail, mark):
                self._files.finish(tail.inode, msgspec.structs.replace(mark, path=str(tail.path)))
                return False
            others = [other for other in self.related(tail) if other.key != mark.key]
            if is_known_by_more(content, mark) or was_read_amid(content, mark):
                # An inode comes again soon after its file was compressed and removed: what was read must be in it.
                tail.claims = Claims(content, str(tail.path), [self.disown(mark), *others], otherwise)
                return True
            if others:
                self._files.marks.keep(mark)
                tail.claims = Claims(content, str(tail.path), others, otherwise, own=mark)
                return True
        elif not is_known_by_more(content, mark):
            # Only its header tells that this is the file: that one may have been rotated away, and be read by nobody.
            self._rotated.append(mark)
        tail.begin(mark.position, mark)
        return True

    def is_finished(self, tail: Tail, mark: Mark) -> bool:
        """Whether a compressed file was read to its end and has not grown since."""
        packed = tail.content.packing is not None
        return packed and mark.ended and mark.packed_bytes == tail.content.status().st_size

    def is_its_own(self, tail: Tail, mark: Mark) -> bool:
        """Whether a plain file is that of `mark`, which has its inode and first line.

        A header and an inode that came again are less than what is known of a file that is looked for, or is gone.
        """
        if not fits(tail.content, mark):
            log.warning("a file is not what it was when it was read", path=str(tail.path), was=mark.path)
            return False
        if was_read_amid(tail.content, mark):
            return False
        if is_known_by_more(tail.content, mark):
            return True
        sought, gone = self._originals(tail)
        claims = Claims(tail.content, str(tail.path), [one for one in (*sought, *gone) if one.key != mark.key])
        return not (claims.decided() and claims.known)

    def disown(self, mark: Mark, gap: Gap | None = None) -> Mark:
        """The inode of `mark` may hold something else now: look for what it held by that alone."""
        gone = mark.without_inode
        self._files.marks.keep(gone)
        _, known = self._sought.pop(mark.key, (mark, None))
        if not mark.ended:
            self._seek(gone, REPLACED, gap or known)
        return gone

    def related(self, tail: Tail) -> list[Mark]:
        """Return the marks that a file may continue, by its first line and its name."""
        path = str(tail.path)
        return [mark for mark in self._files.marks.of_first_line(tail.fingerprint) if is_related(path, mark.path)]

    def claim(self, tail: Tail, otherwise: Literal["begin", "finish", "drop"]) -> list[Mark]:
        """Let it be decided which mark a compressed file continues; return those that it may."""
        if marks := self.related(tail):
            tail.claims = Claims(tail.content, str(tail.path), marks, otherwise)
        return marks

    def continue_copied(self, tail: Tail) -> bool:
        """Let a plain file continue one that is looked for or gone, if it is a copy of that; return whether it does."""
        sought, gone = self._originals(tail)
        claims = Claims(tail.content, str(tail.path), [*sought, *gone])
        if not claims.decided() or (best := self._taken(claims, sought)) is None:
            return False
        self._continue(tail, best)
        return True

    def _originals(self, tail: Tail) -> tuple[list[Mark], list[Mark]]:
        """Return the marks of what a plain file may be a copy of: those that are looked for, and of others that are gone.

        Nobody asks for the rest of the latter; yet what was read of them is not to be alerted on again.
        """
        related = self.related(tail)
        sought = [mark for mark in related if mark.key in self._sought]
        others = [mark for mark in related if mark not in sought]
        return sought, [
            mark for mark in others if self._is_gone(mark) and is_rotated(tail.path.name, Path(mark.path).name)
        ]

    def _is_gone(self, mark: Mark) -> bool:
        """Whether nothing more is to be read of a mark's file, or it is not there, as when its folder came back without it.

        Nor is what was cut off.
        """
        if mark.ended or not mark.inode or any(inode == mark.inode for _, inode in self._files.tails):
            return True  # the last: it is followed, and holds something else by now
        try:
            status = Path(mark.path).stat()
        except OSError:
            return True
        return status.st_ino != mark.inode or status.st_size < mark.furthest

    def decided(self, inode: Inode) -> bool:
        """Go on deciding where a file is begun; return whether it can be read now. It may be let go by this."""
        tail = self._files.tails[inode]
        if tail.claims is None:
            return True
        if not tail.claims.decided():
            return False
        otherwise, own = tail.claims.otherwise, tail.claims.own
        best = self._taken(tail.claims, tail.claims.marks if own is None else ())
        if best is None and own is not None and self._files.marks.drop(own):
            best = own
        if best is not None:
            self._continue(tail, best)
            return True
        if otherwise == "begin":
            tail.begin(0)
            return True
        if otherwise == "finish":
            self._files.finish(inode, tail.mark(self._files.clock.time(), ended=True))
        self._files.let_go(inode)
        return False

    def go_on(self) -> None:
        """Look for what is sought among the siblings, and tell what nobody can hold any more."""
        if not self._sought and not self._rotated:
            return
        self._looked = self._looked or self._look()
        now = self._files.clock.monotonic()
        self._until = self._until or now + self._files.pace.grace_s
        undecided = any(tail.claims is not None for tail in self._files.tails.values())
        if undecided or (not self._looked and now < self._until):
            return
        for mark, gap in self._sought.values():
            if not self._files.marks.drop(mark):
                continue  # its file is back
            # Where nothing stands in its place, the whole folder may be away, and come back.
            there = gap.reason == TRUNCATED or Path(mark.path).exists()
            if there:
                self._files.gaps.found(gap)
            self._files.marks.keep(msgspec.structs.replace(mark, ended=there))
        self.close()

    def _look(self) -> bool:
        """Follow the siblings that may be what is sought; return whether all of them could be looked at."""
        complete = True
        sought = [mark for mark, _ in self._sought.values()]
        for sibling in self._siblings([*sought, *self._rotated]):
            unseen = self._is_unseen(sibling)
            if not unseen and not any(is_related(sibling.path, mark.path) for mark in sought):
                continue
            tail = self._opened_sibling(sibling)
            if tail is None:
                complete = False
            elif self._continues(tail, unseen=unseen):
                self._read_to_end(tail)
            else:
                tail.close()
        return complete

    def _is_known(self, tail: Tail) -> bool:
        """Whether a file has been read, for its inode and first line, or the former holder of that inode is let go."""
        mark = self._files.marks.pop(tail.content.inode, tail.fingerprint)
        if mark is None:
            return False
        content = tail.content
        # A rotated file may have been read to its end amid a line; nobody writes to it any more.
        is_read = mark.ended and content.size() == mark.position and holds_at(content, mark.position, mark.before)
        if content.packing is None and not is_read and not self.is_its_own(tail, mark):
            self.disown(mark)
            return False
        self._files.marks.keep(mark)
        return True

    def _taken(self, claims: Claims, asked: Sequence[Mark]) -> Mark | None:
        """Take the best of the marks that fit and nobody has taken meanwhile; of those not asked for only known ones."""
        marks, keys = self._files.marks, {mark.key for mark in asked}
        fitting = [mark for mark in claims.fitting if mark.key in claims.known or mark.key in keys]
        # While a file was being unpacked, the inode of what it continues may have come again.
        return next((mark for mark in fitting if marks.drop(mark) or marks.drop(mark.without_inode)), None)

    def _seek(self, mark: Mark, reason: str, gap: Gap | None = None) -> None:
        gap = gap or Gap(self._files.source, mark.path, mark.key, mark.position, 0, reason)
        self._sought.setdefault(mark.key, (mark, gap))
        self._looked, self._until = False, None

    def _continue(self, tail: Tail, mark: Mark) -> None:
        _, gap = self._sought.pop(mark.key, (mark, None))
        tail.begin(mark.position, mark)
        tail.lacks = gap if gap is not None and gap.bytes_at_most else None
        if tail.lacks is not None and tail.content.packing is None:
            self._files.tell_lacking(tail, end_of_lines(tail.content, tail.content.size()))
        log.info("reading the rest of a file in a copy", path=str(tail.path), was=mark.path, position=mark.position)

    def _is_unseen(self, sibling: Sibling) -> bool:
        """Whether a file came and went while nobody watched: rotated, and written to after its successor's was seen."""
        name = Path(sibling.path).name
        return any(
            is_rotated(name, Path(mark.path).name)
            and Path(sibling.path).parent == Path(mark.path).parent
            and sibling.written >= mark.seen - SEEN_SLACK_S
            for mark in self._rotated
        )

    def _continues(self, tail: Tail, *, unseen: bool) -> bool:
        """Begin a sibling that no pattern names; return whether there is something to follow."""
        content = tail.content
        if self._is_known(tail) or self._files.is_copy_of_followed(tail):
            return False
        if content.packing is None:
            return self.continue_copied(tail) or unseen
        marks = self.claim(tail, "begin" if unseen else "drop")
        return unseen or any(mark.key in self._sought for mark in marks)

    def _siblings(self, marks: Sequence[Mark]) -> list[Sibling]:
        """Return the files that stand where those of `marks` stood and are not followed, the oldest first."""
        names: dict[str, set[str]] = {}
        for mark in marks:
            names.setdefault(str(Path(mark.path).parent), set()).add(Path(mark.path).name)
        inodes = {mark.inode for mark in marks}
        known = {inode for _, inode in (*self._files.tails, *self._files.finished)}
        found = [sibling for folder in names for sibling in siblings(folder, names[folder], inodes)]
        return sorted((one for one in found if one.inode not in known), key=lambda sibling: sibling.written)

    def _resume_renamed(self, sibling: Sibling) -> None:
        """Read a file to its end that was renamed while nobody watched: its inode is known."""
        tail = self._opened_sibling(sibling)
        if tail is None:
            return
        mark = self._files.marks.take(sibling.inode, tail.fingerprint)
        content = tail.content
        if mark is None:
            tail.close()
        elif content.packing is None and content.size() <= mark.position:
            # Shorter, it is another file, and what was read may still be in a copy.
            self._files.marks.keep(msgspec.structs.replace(mark, ended=content.size() == mark.position))
            tail.close()
        elif not mark.fingerprint:
            tail.close()  # nothing but its inode was known of it
        elif content.packing is None and not self.is_its_own(tail, mark):
            self.disown(mark)
            tail.close()
        elif self.read_on(tail, mark, "drop"):
            self._read_to_end(tail)
        else:
            tail.close()

    def _opened_sibling(self, sibling: Sibling) -> Tail | None:
        try:
            return self._files.opened(sibling.path)
        except (OSError, RetryableError) as error:
            self._files.complaints.about(sibling.path, str(error))
            return None

    def _read_to_end(self, tail: Tail) -> None:
        """Follow a file that no pattern names, before all others: what is older comes first."""
        tail.left_since = self._files.clock.monotonic()
        others = dict(self._files.tails)
        self._files.tails.clear()
        self._files.tails |= {tail.inode: tail, **others}
        log.info("reading a rotated file to its end", path=str(tail.path), position=tail.position)
