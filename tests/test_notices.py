"""Notices as documents: in the schema of alerts, bounded, the same id for the same thing, and fit for whoever reads alerts."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import httpx
import pytest
from fakes import FakeClock
from outboxes import open_outbox
from rich.console import Console
from typer.testing import CliRunner

from weirlog.daemon.cli import app
from weirlog.daemon.demo import TerminalSink
from weirlog.models.request import JSON
from weirlog.pipeline import gaps
from weirlog.pipeline.alerts import LIMIT_BYTES, Alert, encoded
from weirlog.pipeline.archive import Archive
from weirlog.pipeline.dead_letters import DeadLetter
from weirlog.pipeline.gaps import Gap
from weirlog.pipeline.notices import Condition, ConditionKind, begin_notice, end_notice, gap_notice, spoken
from weirlog.pipeline.sinks.file import FileSink
from weirlog.pipeline.sinks.webhook import WebhookSink

BEGAN = 1_700_000_000.0
FAILING = Condition("weirlog.sink-failing", "hook", BEGAN)
GAP = Gap("access", "/var/log/access.log", "17:ab", 1_000_000, 7_000, gaps.TRUNCATED)
HOSTILE = "x\n\x1b[2J\x9b\u202e\ud800" + "\U0001f600" * 5_000
ALERT_KEYS = {
    *("schema", "id", "time", "score", "threshold", "kind", "client", "request", "source", "model", "explanation"),
    "count",
}


def every_notice(name: str = "hook", message: str = "it is away; bring it back") -> list[Alert]:
    conditions = [Condition(kind, name, BEGAN) for kind in get_args(ConditionKind)]
    return [
        *(begin_notice(condition, message, BEGAN + 300) for condition in conditions),
        *(end_notice(condition, BEGAN + 5_000) for condition in conditions),
        gap_notice(replace(GAP, source=name, partition=name, key=name), BEGAN),
    ]


def inner(document: dict[str, JSON], key: str) -> dict[str, JSON]:
    value = document[key]
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("notice", every_notice(), ids=lambda notice: notice.kind)
def test_a_notice_has_every_key_of_an_alert_and_null_where_there_is_nothing(notice: Alert) -> None:
    document = notice.document()
    assert document.keys() >= ALERT_KEYS
    assert (document["schema"], document["id"], document["count"]) == ("weirlog.alert/v1", notice.id, 1)
    assert (document["client"], document["request"], document["score"]) == ({"address": None}, None, None)
    assert notice.is_notice
    assert str(document["kind"]).startswith("weirlog.")


@pytest.mark.parametrize("notice", every_notice(HOSTILE, HOSTILE), ids=lambda notice: notice.kind)
def test_hostile_names_and_reasons_stay_bounded_one_line_and_ascii(notice: Alert) -> None:
    """A broker's error text, or a file's name, may hold anything."""
    assert len(notice.body) <= LIMIT_BYTES
    assert notice.body.isascii()
    assert notice.body.decode().isprintable()
    json.dumps(notice.document(), ensure_ascii=False).encode()


def test_no_two_things_have_one_id_and_the_same_thing_has_the_same() -> None:
    notices = [
        *every_notice("a"),
        *every_notice("b"),
        begin_notice(replace(FAILING, began=BEGAN + 0.001), "m", BEGAN),
        *(
            gap_notice(replace(GAP, **changes), BEGAN)  # type: ignore[arg-type]  # mypy takes no union of values here
            for changes in ({"position": 1}, {"bytes_at_most": 1}, {"reason": gaps.DELETED}, {"key": "18:ab"})
        ),
    ]
    assert len({notice.id for notice in notices}) == len(notices)
    assert begin_notice(FAILING, "it says 502", BEGAN + 1).id == begin_notice(FAILING, "it says 503", BEGAN + 9).id
    assert end_notice(FAILING, BEGAN + 1).id == end_notice(FAILING, BEGAN + 9).id
    assert gap_notice(GAP, BEGAN).id == gap_notice(GAP, BEGAN + 9).id


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    document = end_notice(FAILING, BEGAN - 100).document()
    assert (document["duration_s"], document["message"]) == (0, "sink hook takes alerts again, after 0 s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.9, "60 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86_400, "1 d"),
        (190_000, "2 d 4 h"),
    ],
)
def test_spans_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


def test_a_gap_says_how_much_where_why_and_what_to_do() -> None:
    document = gap_notice(GAP, BEGAN).document()
    assert document["message"] == (
        "source access: up to 7,000 bytes of /var/log/access.log from byte 1,000,000 on may never have been read: the "
        "file was cut off before it was read to its end, and no copy of the rest was found; rotate it by renaming "
        "(logrotate's create, not copytruncate)"
    )
    assert document["source"] == {
        "type": "file",
        "name": "/var/log/access.log",
        "partition": "17:ab",
        "position": 1_000_000,
    }
    assert (document["bytes_at_most"], document["reason"]) == (7_000, "truncated")


@pytest.mark.parametrize("reason", [gaps.TRUNCATED, gaps.DELETED, gaps.DAMAGED, gaps.REPLACED, gaps.MISSING])
def test_every_reason_of_a_gap_has_its_remedy(reason: str) -> None:
    message = str(gap_notice(replace(GAP, reason=reason), BEGAN).document()["message"])
    assert ";" in message.rpartition(": ")[2]


def test_a_gap_of_unknown_size_says_so() -> None:
    message = gap_notice(replace(GAP, bytes_at_most=0), BEGAN).document()["message"]
    assert "an unknown number of bytes" in str(message)
    assert "up to 0" not in str(message)


# --- whoever reads alerts ------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with one notice of each kind in it."""
    outbox = open_outbox(tmp_path / "outbox.db", group_by=["client", "kind"])
    for notice in every_notice():
        outbox.tell(notice)
    outbox.close()
    return tmp_path


def test_notices_are_never_grouped(state: Path) -> None:
    """All of them have no client, and those of a kind may come from several sinks."""
    outbox = open_outbox(state / "outbox.db", group_by=["client", "kind"])
    outbox.tell(begin_notice(replace(FAILING, name="other"), "m", BEGAN))
    outbox.release_groups()
    assert len(outbox.pending("a", 100)) == len(every_notice()) + 1
    outbox.close()


def test_the_archive_finds_labels_and_redelivers_a_notice(state: Path) -> None:
    archive = Archive(state / "outbox.db")
    wanted = every_notice()[3]
    found = archive.find(wanted.id)
    assert found is not None
    assert (found.alert.body, found.pending) == (wanted.body, ("a", "b"))
    outbox = open_outbox(state / "outbox.db")
    outbox.delivered("a", [found.seq])
    outbox.close()
    assert archive.redeliver([wanted.id], sink="a") == 1
    archive.close()


def test_the_command_line_lists_and_shows_notices(state: Path) -> None:
    plain = CliRunner().invoke(app, ["alerts", "list", "--state-dir", str(state)])
    assert plain.exit_code == 0, plain.output
    assert plain.output.count("weirlog.") == len(every_notice())
    as_json = CliRunner().invoke(app, ["alerts", "list", "--json", "--state-dir", str(state)])
    assert {json.loads(line)["id"] for line in as_json.output.splitlines()} == {n.id for n in every_notice()}
    shown = CliRunner().invoke(app, ["alerts", "show", every_notice()[3].id, "--state-dir", str(state)])
    assert json.loads(shown.output)["message"] == "it is away; bring it back"


ATTACK = Alert(
    *("0" * 32, BEGAN, "sqli", "192.0.2.1", 0.9),
    encoded({"time": "2023-11-14T22:13:20.000Z", "score": 0.9, "count": 1}),
)


def listed(state: Path, *options: str, columns: str = "80") -> list[str]:
    environment = {"COLUMNS": columns}
    ended = CliRunner().invoke(app, ["alerts", "list", *options, "--state-dir", str(state)], env=environment)
    assert ended.exit_code == 0, ended.output
    return ended.output.splitlines()


def test_the_list_shows_each_notices_message_whole_below_its_line(state: Path) -> None:
    lines = listed(state)
    for notice in every_notice():
        (at,) = [number for number, line in enumerate(lines) if line.startswith(notice.id)]
        assert lines[at + 1] == f"  {notice.document()['message']}"


def test_the_list_has_no_message_for_an_attack_and_keeps_every_line_with_its_own(state: Path) -> None:
    outbox = open_outbox(state / "outbox.db", sinks=["a", "b with blanks"])
    outbox.take([ATTACK], [])
    outbox.close()
    head, attack, first, message, *_ = listed(state)
    assert (head.split()[0], attack.split()[0]) == ("id", ATTACK.id)
    assert first.startswith(every_notice()[-1].id)
    assert message == f"  {every_notice()[-1].document()['message']}"
    rows = [json.loads(line) for line in listed(state, "--json", "--limit", "2")]
    assert [row["message"] for row in rows] == [None, every_notice()[-1].document()["message"]]


def test_on_a_narrow_terminal_a_line_stays_one_line_and_its_figures_whole(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes of the output a terminal
    monkeypatch.setenv("TERM", "dumb")
    outbox = open_outbox(state / "outbox.db", sinks=["a", "b", "one of a long name"])
    outbox.take([ATTACK], [])
    outbox.close()
    head, attack, first, message, *_ = listed(state, columns="60")
    assert {"score", "count"} <= set(head.split())
    assert "0.9" in attack.split()
    assert first[:8] == every_notice()[-1].id[:8]
    assert message.startswith("  source hook: ")


def test_a_dead_letters_reason_stands_below_it_whole(tmp_path: Path) -> None:
    reason = "it is not JSON, " * 20 + "in the end"
    outbox = open_outbox(tmp_path / "outbox.db")
    outbox.take([], [DeadLetter("parse", reason, "/var/log/access.log", "17:ab", 9, b"nonsense", BEGAN)])
    outbox.close()
    head, letter, below = listed(tmp_path, "--dead")
    assert "reason" not in head.split()
    assert letter.split()[1:] == ["parse", "/var/log/access.log", "9", "nonsense"]
    assert below == f"  {reason}"


def test_the_list_prints_what_a_message_holds_safely(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "outbox.db")
    for notice in every_notice("hook", HOSTILE):
        outbox.tell(notice)
    outbox.close()
    lines = listed(tmp_path)
    assert len(lines) == 1 + 2 * len(every_notice())
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[2J" in line for line in lines)


def test_the_file_sink_and_the_webhook_take_notices_as_they_are(tmp_path: Path) -> None:
    sent: list[bytes] = []

    def receive(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(204)

    file = FileSink("file", tmp_path / "alerts.jsonl")
    hook = WebhookSink("hook", "https://h.example/x", clock=FakeClock(), transport=httpx.MockTransport(receive))
    for sink in (file, hook):
        sink.deliver(every_notice())
        sink.close()
    assert (tmp_path / "alerts.jsonl").read_bytes().splitlines() == sent == [n.body for n in every_notice()]


def test_the_demos_terminal_shows_the_message(tmp_path: Path) -> None:
    screen = io.StringIO()
    sink = TerminalSink(Console(file=screen, highlight=False, markup=False, width=200))
    sink.deliver(every_notice())
    assert screen.getvalue().count("weirlog: it is away; bring it back") == len(get_args(ConditionKind))
    assert sink.positions == set(), "a notice is no false alarm of the model's"
