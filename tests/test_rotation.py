"""The names that rotation gives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from weirlog.pipeline.sources.rotation import MAX_SIBLINGS, is_current, is_related, is_rotated, siblings

ROTATED = [
    *("access.log.1", "access.log.12.gz", "access.log-20261121", "access.log-20261121-1764547200.zst"),
    *(
        "access-20261121.log",
        "access-20261121.log.gz",
        "access.1.log",
        "access.log.2026-11-21T00:00:00",
        "access.log.old",
    ),
    "access.log.gz",
]


@pytest.mark.parametrize("name", ROTATED)
def test_a_rotated_name_is_known_and_related_to_every_other_of_its_log(name: str) -> None:
    assert is_rotated(name, "access.log")
    assert not is_current(Path(name))
    assert all(is_related(f"/var/log/{other}", f"/var/log/{name}") for other in [*ROTATED, "access.log"])


@pytest.mark.parametrize("name", ["access.log", "error.log.1", "access2.log", "access.log.bak", "my-access.log.1", "1"])
def test_other_names_are_none_of_this_log(name: str) -> None:
    assert not is_rotated(name, "access.log")


def test_a_file_of_the_same_name_in_another_folder_is_another_log() -> None:
    assert not is_related("/var/log/a/access.log.1.gz", "/var/log/b/access.log")


def test_siblings_come_oldest_first_and_no_folders_or_links_among_them(tmp_path: Path) -> None:
    for age, name in enumerate(["access.log", "access.log.1", "access.log.2.gz", "other.log", "renamed"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "access.d").mkdir()
    (tmp_path / "access.link").symlink_to("access.log")
    found = siblings(str(tmp_path), {"access.log"}, {(tmp_path / "renamed").stat().st_ino})
    assert [Path(sibling.path).name for sibling in found] == [
        "renamed",
        "access.log.2.gz",
        "access.log.1",
        "access.log",
    ]


def test_a_folder_that_is_gone_has_no_siblings(tmp_path: Path) -> None:
    assert siblings(str(tmp_path / "gone"), {"access.log"}, {1}) == []


def test_of_very_many_siblings_the_newest_are_looked_at(tmp_path: Path) -> None:
    for number in range(MAX_SIBLINGS + 3):
        (tmp_path / f"access.log.{number}").touch()
        os.utime(tmp_path / f"access.log.{number}", (number, number))
    found = siblings(str(tmp_path), {"access.log"}, ())
    assert (len(found), found[0].written) == (MAX_SIBLINGS, 3.0)
