"""`make soak`: the proofs of tests/test_nothing_lost.py for hours.

The environment says how much: SOAK_KILLS (1000), SOAK_SEED (1), SOAK_LINES_PER_S (2000), SOAK_SECONDS (3600) at full
speed, SOAK_EXAMPLES (20000) histories of a log. TMPDIR says where: on a small ext4 of its own an inode comes again at once,
on tmpfs never.
"""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test

from soak.log_machine import LogMachine
from soak.programs import run_program

GROWTH_LIMIT_MIB = 8.0
"""Over the measured time; allocators breathe by a few MiB."""
DESCRIPTORS_LIMIT = 8
"""Between the least and the most: rotated logs come and go."""
ROUND = 500
"""Histories with one seed: Hypothesis remembers them all while it looks for more like them."""


def test_every_line_of_a_log_is_settled() -> None:
    """Many short searches rather than one.

    Which inode comes again is the file system's affair. A history that goes another way when it is begun again only
    ends its search.
    """
    first, rounds = int(os.environ.get("SOAK_SEED", "1")), -(-int(os.environ.get("SOAK_EXAMPLES", "20000")) // ROUND)
    ended_early = 0
    for number in range(rounds):
        machine = seed(f"{first}/{number}")(type(LogMachine.__name__, (LogMachine,), {}))
        try:
            run_state_machine_as_test(
                machine, settings=settings(max_examples=ROUND, stateful_step_count=100, deadline=None, database=None)
            )
        except FlakyStrategyDefinition:
            ended_early += 1
    assert ended_early <= rounds // 5, "too many searches went another way when a history was repeated"


def test_nothing_is_lost_and_no_alert_changes_its_id_over_random_kills(tmp_path: Path) -> None:
    (outcome,) = run_program("random_kills", str(tmp_path))
    assert outcome["attacks"] > 0
    assert (outcome["lost"], outcome["ambiguous"], outcome["status"]) == ([], [], 0)


def test_memory_and_descriptors_stay_flat_at_full_speed(tmp_path: Path) -> None:
    (outcome,) = run_program("steady_state", str(tmp_path))
    assert outcome["lines"] > 0
    assert outcome["memory_growth_mib"] < GROWTH_LIMIT_MIB
    least, most = outcome["descriptors"]
    assert most - least <= DESCRIPTORS_LIMIT
    assert outcome["status"] == 0
