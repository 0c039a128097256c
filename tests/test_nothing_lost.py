"""Nothing that was written is lost, whatever happens to logs, disks and processes. `make soak` runs it for hours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from soak.log_machine import LogMachine, NaiveMachine
from soak.programs import run_program
from soak.steps import NAMES

LogMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, derandomize=True, database=None
)
TestEveryLineOfALogIsSettled = LogMachine.TestCase


def test_the_machine_finds_what_a_naive_tailer_loses() -> None:
    """Else it would prove nothing of ours."""
    quick = settings(max_examples=100, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    with pytest.raises(AssertionError, match="lost"):
        run_state_machine_as_test(NaiveMachine, settings=quick)


def test_killed_between_any_two_steps_it_alerts_every_attack_and_under_one_id(tmp_path: Path) -> None:
    crashes = run_program("crash_points", str(tmp_path))
    assert {crash["name"] for crash in crashes} >= NAMES, "every kind of step was the last one once"
    assert len(crashes) > 30
    wrong = [crash for crash in crashes if crash["lost"] or crash["ambiguous"] or crash["status"]]
    assert wrong == []


def test_the_crashes_find_what_a_naive_tailer_loses(tmp_path: Path) -> None:
    crashes = run_program("crash_points", str(tmp_path), "naive")
    assert any(crash["lost"] for crash in crashes if crash["name"] is not None)
    assert any(not crash["lost"] for crash in crashes if crash["name"] is None), "without a crash it loses nothing"


def test_killed_at_random_moments_under_traffic_and_rotation_it_loses_nothing(tmp_path: Path) -> None:
    (outcome,) = run_program("random_kills", str(tmp_path), environment={"SOAK_KILLS": "4", "SOAK_LINES_PER_S": "1000"})
    assert outcome["attacks"] > 0
    assert (outcome["lost"], outcome["ambiguous"], outcome["status"]) == ([], [], 0)
