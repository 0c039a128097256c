from itertools import pairwise

import pytest

from weirlog.models.corpus.reference_api import csv_row, reference_logs
from weirlog.models.corpus.reference_words import opinions
from weirlog.models.dataset import read_rows
from weirlog.models.presets import PRESETS
from weirlog.models.reference_table import REFERENCE, main, rows_for
from weirlog.models.text import text_preparation

KEYS = {
    *("timestamp", "method", "query", "path", "statusCode", "source", "route", "headers", "requestPayload"),
    "responsePayload",
}


def test_the_simulated_api_logs_in_the_reference_schema_and_form(tmp_path):
    logs = list(reference_logs(1, 300))
    assert all(log.keys() == KEYS for log, _ in logs)
    path = tmp_path / "dev-access.csv"
    path.write_text("".join(csv_row(log, label) for log, label in logs))
    rows = list(read_rows([path]))
    assert [row.label for row in rows] == [label for _, label in logs]
    assert [row.request.path for row in rows] == [log["path"] for log, _ in logs]
    assert rows[0].request.visible.keys() == {"method", "query", "path", "statusCode", "requestPayload"}


def test_about_half_of_the_simulated_rows_are_attacks():
    labels = [label for _, label in reference_logs(2, 4000)]
    assert 0.45 < sum(labels) / len(labels) < 0.55


def test_an_attack_always_stands_in_a_value():
    assert all(log["query"] or log["requestPayload"] for log, label in reference_logs(3, 2000) if label)


@pytest.mark.parametrize("draw", [lambda seed: list(reference_logs(seed, 200)), lambda seed: list(opinions(seed, 50))])
def test_a_seed_gives_the_same_rows_again_and_another_gives_others(draw):
    assert draw(5) == draw(5)
    assert draw(5) != draw(6)


def test_most_opinions_say_what_their_label_says():
    """At most one label in twenty is wrong, so there is something to be learnt."""
    praise = {"wonderful", "moving", "superb", "charming", "brilliant", "gripping", "delightful", "witty", "masterful"}
    blame = {"dull", "clumsy", "tedious", "awful", "hollow", "shallow", "lifeless", "forgettable", "annoying"}
    right = 0
    for text, label in opinions(7, 1000):
        words = ["", *text.split()]
        said = 0
        for before, word in pairwise(words):
            worth = (word in praise) - (word in blame)
            said += -worth if before == "not" else worth
        right += said != 0 and (said > 0) == (label == 1)
    assert right > 800


def test_each_preset_gets_rows_of_its_kind():
    for name in ("lstm", "words-lstm"):
        preset = PRESETS[name]
        text = text_preparation(preset.text).prepare(rows_for(preset, 1, 1)[0].request).text
        assert text.startswith('{"method":') == (preset.level == "character")


def test_every_preset_of_the_reference_systems_stands_in_the_table():
    assert set(PRESETS) - set(REFERENCE) == {"detector"}
    assert len(REFERENCE) == 8


@pytest.mark.tensorflow
def test_the_command_writes_a_table_that_says_how_it_was_made(tmp_path):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    out = tmp_path / "REFERENCE.md"
    assert main(["--quick", "--presets", "simple-rnn", "words-lstm-small", "--out", str(out)]) == 0
    page = out.read_text()
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line.split(" | ")[:2] for line in lines] == [
        ["| `simple-rnn`", "4,129"],
        ["| `words-lstm-small`", "213,301"],
    ]
    assert "0.0666 / 0.9840 and 0.1250 / 0.9597" in lines[0]
    assert "**The rows are simulated.**" in page
    assert "reference_table --presets simple-rnn words-lstm-small --rows 400" in page
    assert (
        "Not measured in this run: `lstm`, `stacked-lstm`, `lstm-dense`, `web-traffic`, `words-rnn`, `words-lstm`."
        in page
    )
    assert str(tmp_path) not in page
