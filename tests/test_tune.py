"""Living with the detector: a site's own log says which threshold and which habits suit it, and attackers in it do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from configurations import LEAST, load_text

from weirlog.daemon import tune, tune_proposal
from weirlog.daemon.lines import Line
from weirlog.daemon.threshold import Threshold
from weirlog.daemon.tune import Survey, score_of, step_of
from weirlog.daemon.tune_proposal import Proposal, ProposalError, Tuner, to_tuning
from weirlog.daemon.tune_report import report
from weirlog.daemon.tuning import write_tuning
from weirlog.daemon.volume import DAY_S
from weirlog.models.calibration import Calibration
from weirlog.models.errors import UnparsableError
from weirlog.models.known_benign import Place
from weirlog.models.request import Request
from weirlog.models.verdict import Explanation, Verdict
from weirlog.pipeline.redaction import Redactor

START = 1_700_000_000.0
THRESHOLD = 0.9
CERTAIN = 0.999


class ToldDetector:
    """Gives each request the score that its query says, for the reason that it says."""

    name = "told"
    digest = "d" * 64
    reads_plain_texts = False

    def __init__(self, threshold: float = THRESHOLD, calibration: Calibration | None = None) -> None:
        self.threshold = threshold
        self.calibration = calibration

    def classify(self, requests: Sequence[Request]) -> list[Verdict]:
        return [Verdict(float(self._told(request)["score"]), self.threshold, "sqli") for request in requests]

    def explain_all(self, requests: Sequence[Request]) -> list[Explanation | None]:
        fields = [str(self._told(request)["field"]) for request in requests]
        return [Explanation(field, "password=hunter2", 0, 4) if field else None for field in fields]

    @staticmethod
    def _told(request: Request) -> dict[str, Any]:
        query = request.query
        assert isinstance(query, dict)
        return query


class ToldFormat:
    """Lines of JSON: path, score, field, client, time."""

    name = "told"

    def parse(self, line: bytes) -> Request:
        try:
            told = json.loads(line)
        except ValueError:
            raise UnparsableError("no JSON") from None
        return Request({"method": "get", "path": told["path"], "query": told}, client=told["client"], time=told["time"])


class Site:
    """A log of so many days, which begins as 500 quiet requests a day, and to which others are added."""

    def __init__(self, days: float = 10) -> None:
        self.lines: list[dict[str, Any]] = []
        self.span_s = days * DAY_S
        self.add(round(days * 500), score=0.01)

    def add(
        self,
        times: int,
        *,
        score: float,
        path: str = "/",
        field: str = "query.q",
        clients: int = 50,
        client: str = "192.0.2.{}",
    ) -> None:
        self.lines += [
            {
                "path": path,
                "score": score,
                "field": field,
                "client": client.format(number % clients),
                "time": START + self.span_s * number / max(1, times - 1),
            }
            for number in range(times)
        ]

    def survey(self, detector: ToldDetector | None = None, certain: float | None = CERTAIN) -> Survey:
        survey = Survey(detector or ToldDetector(), ToldFormat(), Redactor(), certain)  # type: ignore[arg-type]
        survey.read("site.log", (Line(json.dumps(line).encode()) for line in self.lines), lambda: None)
        return survey

    def proposal(self, alerts_per_day: float, *, accepted: Sequence[str] = ()) -> Proposal:
        return Tuner(self.survey(), alerts_per_day, accepted=accepted).propose()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "MOST_PLACES", 50)


# --- what is proposed --------------------------------------------------------------------------------------------------


def test_a_habit_of_the_site_is_learnt_and_the_threshold_stays() -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports/17/run", field="query.sql")
    proposal = site.proposal(alerts_per_day=20)
    assert proposal.threshold == THRESHOLD
    (pattern,) = proposal.patterns
    assert pattern.place == Place("get", "/reports/{number}/run", "query.sql")
    assert 0.97 < pattern.ceiling < 0.99
    assert proposal.alerts_per_day == 0.0


def test_only_as_many_habits_are_learnt_as_the_alerts_a_day_ask_for() -> None:
    site = Site()
    site.add(1000, score=0.97, path="/busy")
    site.add(100, score=0.97, path="/quiet")
    proposal = site.proposal(alerts_per_day=20)
    assert [found.place.path for found in proposal.learnt] == ["/busy"]
    assert proposal.alerts_per_day == pytest.approx(10, rel=0.05)


def test_a_site_that_keeps_to_its_alerts_is_taught_nothing() -> None:
    site = Site()
    site.add(100, score=0.97, path="/quiet")
    assert site.proposal(alerts_per_day=20).patterns == ()


def test_an_attacker_in_the_log_cannot_teach_that_his_attack_is_benign() -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports", field="query.sql")
    site.add(5000, score=0.9999, path="/login", field="body.user")
    proposal = site.proposal(alerts_per_day=20)
    assert [pattern.place.path for pattern in proposal.patterns] == ["/reports"]
    (looked_at,) = proposal.not_learnt
    assert (looked_at.suspicion.place.path, looked_at.reason) == ("/login", "all scored 0.998993 or more")
    assert proposal.certain_per_day == pytest.approx(500, rel=0.1)


def test_an_attacker_in_the_log_cannot_raise_the_threshold() -> None:
    quiet, attacked = Site(), Site()
    for site in (quiet, attacked):
        site.add(100, score=0.97)
    attacked.add(50_000, score=0.9999, path="/login")
    assert attacked.proposal(alerts_per_day=20).threshold == quiet.proposal(alerts_per_day=20).threshold


def test_at_a_learnt_place_what_scores_very_high_is_still_an_attack_and_named() -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports", field="query.sql")
    site.add(7, score=0.9999, path="/reports", field="query.sql")
    proposal = site.proposal(alerts_per_day=20)
    (pattern,) = proposal.patterns
    assert pattern.ceiling < CERTAIN
    (looked_at,) = proposal.not_learnt
    assert looked_at.reason == "7 of 1007 scored 0.998993 or more"


def test_two_clients_cannot_raise_a_places_ceiling() -> None:
    site = Site()
    site.add(1000, score=0.92, path="/reports", field="query.sql")
    site.add(1000, score=0.998, path="/reports", field="query.sql", clients=2, client="203.0.113.{}")
    (pattern,) = site.proposal(alerts_per_day=200).patterns
    assert pattern.ceiling < 0.96


def test_a_place_that_one_client_alone_asks_for_is_not_learnt() -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports", clients=1)
    proposal = site.proposal(alerts_per_day=20)
    assert proposal.patterns == ()
    assert "fewer than 3 clients" in proposal.not_learnt[0].reason


def test_one_host_with_many_ipv6_addresses_is_one_client() -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports", client="2001:db8::{}")
    assert site.proposal(alerts_per_day=20).patterns == ()


@pytest.mark.parametrize("field", ["query.<script>", "query.a b", ""])
def test_a_place_whose_name_an_attacker_made_up_is_not_learnt(field: str) -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports", field=field)
    proposal = site.proposal(alerts_per_day=20)
    assert proposal.patterns == ()
    assert "nothing that a site makes up" in proposal.not_learnt[0].reason


def test_where_nothing_can_be_learnt_the_threshold_rises_below_what_is_certain() -> None:
    site = Site()
    for number in range(40):
        site.add(25, score=0.95, path=f"/word/{'abcdefgh'[number % 8]}/{'pqrst'[number // 8]}", clients=2)
    proposal = site.proposal(alerts_per_day=20)
    assert proposal.patterns == ()
    assert 0.95 < proposal.threshold < CERTAIN
    assert proposal.alerts_per_day <= 20


def test_no_pattern_is_proposed_that_the_risen_threshold_makes_idle() -> None:
    site = Site()
    site.add(1000, score=0.92, path="/habit")
    site.add(5000, score=0.99, path="/other", clients=2)
    proposal = site.proposal(alerts_per_day=20)
    assert proposal.threshold > 0.99
    assert proposal.patterns == ()


def test_where_many_more_alerts_are_bearable_the_threshold_falls() -> None:
    site = Site()
    site.add(1000, score=0.7, path="/a")
    site.add(2000, score=0.6, path="/b")
    proposal = site.proposal(alerts_per_day=150)
    assert 0.6 < proposal.threshold <= 0.7
    assert proposal.alerts_per_day == pytest.approx(100, rel=0.05)


def test_a_short_log_does_not_lower_the_threshold() -> None:
    """In an hour in which one alert may stand, no score at all says nothing about the day."""
    assert Site(days=1 / 24).proposal(alerts_per_day=20).threshold == THRESHOLD


def test_a_place_that_a_person_has_accepted_is_learnt_whatever_it_scored() -> None:
    site = Site()
    site.add(50, score=0.9999, path="/console", field="body.code", clients=1)
    (looked_at,) = site.proposal(alerts_per_day=20).not_learnt
    proposal = site.proposal(alerts_per_day=20, accepted=[looked_at.suspicion.id])
    (pattern,) = proposal.patterns
    assert pattern.ceiling > 0.9999
    assert proposal.not_learnt == ()
    assert proposal.certain_per_day == 0.0


def test_more_accepted_places_than_a_tuning_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_proposal, "MOST_PATTERNS", 1)
    site = Site()
    site.add(10, score=0.9999, path="/a")
    site.add(10, score=0.9999, path="/b")
    both = [looked_at.suspicion.id for looked_at in site.proposal(alerts_per_day=20).not_learnt]
    with pytest.raises(ProposalError, match="2 places are accepted, and a tuning holds at most 1"):
        site.proposal(alerts_per_day=20, accepted=both)


def test_a_ceiling_in_the_file_stays_below_what_is_certain() -> None:
    site = Site()
    site.add(1000, score=0.9985, path="/reports")
    survey = site.survey()
    (pattern,) = to_tuning(Tuner(survey, 20).propose(), survey).known_benign
    assert 0.9985 < pattern.ceiling < survey.certain


def test_an_id_that_no_place_has_is_refused() -> None:
    with pytest.raises(ProposalError, match="no suspicious place has the id 0badcafe"):
        Site().proposal(alerts_per_day=20, accepted=["0badcafe"])


def test_what_counts_as_certain_follows_from_the_models_own_rates() -> None:
    table = Calibration({"x": 10**6}, (-9.0, 4.0), (1.0, 1e-3), scale=1.0, shape=0.0)
    survey = Site(days=0.2).survey(ToldDetector(calibration=table), certain=None)
    assert table.fp_rate(survey.certain) == pytest.approx(1e-4, rel=0.06)
    assert Site(days=0.2).survey(certain=None).certain == pytest.approx(0.999, abs=1e-4)


@pytest.mark.parametrize("name", ["tuning.yaml", "tuning.json"])
def test_what_was_proposed_is_what_the_configuration_loads(tmp_path: Path, name: str) -> None:
    site = Site()
    site.add(1000, score=0.97, path="/reports/17/run", field="query.sql")
    site.add(1000, score=0.96, path="/café/ü", field="query.größe")
    survey = site.survey()
    tuning = to_tuning(Tuner(survey, 20).propose(), survey)
    assert len(tuning.known_benign) == 2
    write_tuning(tuning, tmp_path / name)
    assert (tmp_path / name).read_bytes().isascii()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    model = load_text(tmp_path, LEAST + f"model: {{tuning: {name}}}\n").model
    assert model.tuning is not None
    assert model.tuning.tuning == tuning
    assert model.chosen_threshold == Threshold(score=tuning.threshold)


# --- what is read ------------------------------------------------------------------------------------------------------


def test_a_flood_of_made_up_paths_is_bounded_and_stays_in_the_totals() -> None:
    names = ["".join("abcdefghij"[int(digit)] for digit in f"{number:04}") for number in range(1000)]
    site = Site(days=1)
    for name in names:
        site.add(1, score=0.95, path=f"/{name}")
    site.add(30, score=0.95, path="/habit")
    survey = site.survey()
    assert len(survey.suspicions) <= 2 * tune.MOST_PLACES
    assert survey.alerts == 1030
    assert survey.let_go >= 900


def test_a_habit_survives_a_flood_of_made_up_paths() -> None:
    site = Site(days=1)
    site.add(30, score=0.95, path="/habit")
    for number in range(1000):
        site.add(1, score=0.95, path="/" + "".join("abcdefghij"[int(digit)] for digit in f"{number:04}"))
    assert Place("get", "/habit", "query.q") in site.survey().suspicions


def test_lines_that_do_not_parse_are_counted_and_lines_keep_their_numbers() -> None:
    survey = Survey(ToldDetector(), ToldFormat(), Redactor(), CERTAIN)  # type: ignore[arg-type]
    site = Site(days=0.2)
    site.add(1, score=0.95, path="/last")
    lines = [Line(b"half a li"), *(Line(json.dumps(line).encode()) for line in site.lines)]
    survey.read("site.log", lines, lambda: None)
    (found,) = survey.suspicions.values()
    assert (survey.unparsable, survey.lines, found.line) == (1, len(lines), len(lines))


def test_evidence_is_redacted() -> None:
    site = Site(days=0.1)
    site.add(5, score=0.95)
    survey = site.survey()
    assert "hunter2" not in json.dumps(report(survey, Tuner(survey, 5).propose()))


def test_scores_and_steps_agree_at_the_ends_and_between() -> None:
    assert score_of(step_of(1.0) + 1) == 1.0
    for score in (1e-7, 0.1, 0.5, 0.95468, 0.9999999):
        assert score_of(step_of(score)) <= score * (1 + 1e-12)
        assert score_of(step_of(score) + 1) > score


def test_a_log_without_times_asks_for_the_volume() -> None:
    site = Site(days=0.1)
    for line in site.lines:
        line["time"] = None
    with pytest.raises(ProposalError, match="give --per-day REQUESTS"):
        Tuner(site.survey(), 20)
    assert Tuner(site.survey(), 20, requests_per_day=5e4).propose().requests_per_day == 5e4


def test_a_log_without_requests_is_refused() -> None:
    with pytest.raises(ProposalError, match="no line of the log is a request"):
        Tuner(Site(days=0).survey(), 20, requests_per_day=100)
