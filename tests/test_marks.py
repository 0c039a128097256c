"""What is remembered of files that are not there at present."""

from __future__ import annotations

from msgspec.structs import replace

from weirlog.pipeline.sources.checkpoint import MAX_MARKS, Mark
from weirlog.pipeline.sources.marks import KEEP_S, MAX_GONE, Marks


def mark(inode: int, fingerprint: str = "ab", seen: float = 0.0, position: int = 10) -> Mark:
    return Mark(inode, fingerprint, position, "/var/log/access.log", seen)


def test_a_file_is_known_by_its_inode_and_its_first_line_together() -> None:
    marks = Marks([mark(1), mark(2, "cd")])
    assert marks.take(1, "cd") is None
    assert marks.take(3, "ab") is None
    assert marks.take(1, "ab") == mark(1)


def test_a_file_that_is_back_is_no_longer_absent() -> None:
    marks = Marks([mark(1)])
    assert marks.take(1, "ab") == mark(1)
    assert marks.take(1, "ab") is None
    assert marks.fresh(0.0) == []


def test_a_file_that_had_no_whole_line_yet_is_known_by_its_inode_alone() -> None:
    unread = mark(1, "", position=0)
    assert Marks([unread]).take(1, "written by now") == unread


def test_the_latest_word_on_a_file_stands() -> None:
    marks = Marks([mark(1, position=10)])
    marks.keep(mark(1, position=20))
    assert marks.of_inode(1) == [mark(1, position=20)]


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    marks = Marks([mark(1, seen=0.0), mark(2, seen=1.0)])
    assert marks.fresh(KEEP_S) == [mark(2, seen=1.0)]
    assert marks.take(1, "ab") is None


def test_of_too_many_those_that_went_away_first_are_forgotten() -> None:
    marks = Marks()
    for inode in range(MAX_MARKS + 2):
        marks.keep(mark(inode))
    assert [one.inode for one in marks.fresh(0.0)] == list(range(2, MAX_MARKS + 2))


def test_a_deleted_file_is_known_to_its_copies_and_not_to_its_inode() -> None:
    gone = Mark(0, "ab", 10, "/var/log/access.log", 0.0, origin=1)
    marks = Marks([gone])
    assert marks.take(1, "ab") is None
    assert marks.take(0, "ab") is None
    assert marks.of_first_line("ab") == [gone]
    assert (marks.drop(gone), marks.drop(gone)) == (True, False)


def test_the_mark_of_another_file_that_got_the_inode_is_not_dropped_for_the_former_one() -> None:
    former, other = mark(1), replace(mark(1), origin=7)
    marks = Marks([other])
    assert not marks.drop(former)
    assert marks.drop(other)


def test_deleted_files_with_the_same_first_line_are_told_apart() -> None:
    marks = Marks(Mark(0, "ab", 10, "/var/log/access.log", 0.0, origin=n) for n in (1, 2))
    assert [mark.origin for mark in marks.of_first_line("ab")] == [1, 2]


def test_of_too_many_deleted_files_those_that_went_first_are_forgotten() -> None:
    """Containers delete logs all day: these must not push out files that can come back."""
    marks = Marks([mark(1)])
    for origin in range(1, MAX_GONE + 3):
        marks.keep(Mark(0, "ab", 10, "/var/log/access.log", 0.0, origin=origin))
    kept = marks.fresh(0.0)
    assert [one.origin for one in kept if not one.inode] == list(range(3, MAX_GONE + 3))
    assert mark(1) in kept
