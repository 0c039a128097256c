import json
from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from weirlog.models.character_counts import counts_accuracy
from weirlog.models.corpus.reference_api import CHARACTERS, csv_row, reference_logs
from weirlog.models.corpus.reference_words import opinions
from weirlog.models.dataset import read_rows
from weirlog.models.examples import Examples
from weirlog.models.network import Sequence
from weirlog.models.plain_script import PlainRun, PlainScript
from weirlog.models.presets import PRESETS
from weirlog.models.reference_page import REFERENCE, Line, markdown
from weirlog.models.reference_table import PlainLimits, main, rows_for
from weirlog.models.text import text_preparation
from weirlog.models.training import Split

NETWORK = PRESETS["simple-rnn"].network
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
    """Read word by word with what the first thousand taught, the next say their label: there is something to be learnt."""
    told = Counter()
    for text, label in opinions(7, 4000):
        told.update(dict.fromkeys(set(text.split()), 2 * label - 1))
    telling = {word: count for word, count in told.items() if abs(count) > 250}
    assert 20 < len(telling) < 80
    right = 0
    for text, label in opinions(8, 1000):
        said = sum((telling.get(word, 0) > 0) - (telling.get(word, 0) < 0) for word in text.split())
        right += said != 0 and (said > 0) == (label == 1)
    assert 780 < right < 950


def texts_of(count, seed=9):
    prepare = text_preparation("reference-1").prepare
    rows = rows_for(PRESETS["lstm"], count, seed)
    return [prepare(row.request).text for row in rows], np.array([row.label for row in rows], np.int32)


def test_the_simulated_rows_have_the_characters_of_the_published_dictionary():
    """62 lower-cased and 87 cased, so that the networks trained on them have exactly the presets' parameters."""
    joined = "".join(texts_of(20_000)[0])
    assert set(joined) <= set(CHARACTERS)
    assert (len(set(joined.lower())), len(set(joined))) == (62, 87)


def test_an_attack_is_not_told_by_a_character_of_its_own():
    texts, labels = texts_of(8000)
    harmless = [set(text.lower()) for text, label in zip(texts, labels, strict=True) if not label]
    attacks = [set(text.lower()) for text, label in zip(texts, labels, strict=True) if label]
    common = Counter(character for text in harmless for character in text)
    usual = {character for character, count in common.items() if count >= 0.01 * len(harmless)}
    assert all(attack <= common.keys() for attack in attacks)
    assert np.mean([attack <= usual for attack in attacks]) >= 0.15


@pytest.mark.parametrize("field", ["statusCode", "path", "method"])
def test_a_label_is_not_told_by_one_field(field):
    seen = Counter((json.dumps(log[field]), label) for log, label in reference_logs(4, 8000))
    best = sum(max(seen[value, 0], seen[value, 1]) for value in {value for value, _ in seen})
    assert best / 8000 < 0.62


def test_no_text_is_both_harmless_and_an_attack():
    labels = {}
    for text, label in zip(*texts_of(8000), strict=True):
        assert labels.setdefault(text, label) == label


def test_counting_characters_is_not_enough():
    """What a network reaches beyond this comes of the order that characters stand in."""
    texts, labels = texts_of(8000)
    reached = counts_accuracy(texts, labels, np.arange(6000), np.arange(6000, 8000))
    assert 0.9 < reached < 0.984


def test_counts_that_tell_the_label_are_found_to_do_so():
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 400).astype(np.int32)
    texts = ["ab" * int(random.integers(1, 20)) + "'" * int(label) for label in labels]
    assert counts_accuracy(texts, labels, np.arange(300), np.arange(300, 400)) == 1.0
    shuffled = random.permutation(labels)
    assert counts_accuracy(texts, shuffled, np.arange(300), np.arange(300, 400)) < 0.7


def test_each_preset_gets_rows_of_its_kind():
    for name in ("lstm", "words-lstm"):
        preset = PRESETS[name]
        text = text_preparation(preset.text).prepare(rows_for(preset, 1, 1)[0].request).text
        assert text.startswith('{"method":') == (preset.level == "character")


def test_every_preset_of_the_reference_systems_stands_in_the_table():
    assert set(PRESETS) - set(REFERENCE) == {"detector"}
    assert len(REFERENCE) == 8


TRAINED = PlainRun(seconds=60.0, steps=300, epochs=3, validation_loss=0.25, validation_accuracy=0.9)
TIMED = PlainRun(seconds=50.0, steps=12)


def line(name, plain, **values):
    usual = {"rows": 1000, "epochs": 3, "vocabulary": 63, "loss": 0.05, "accuracy": 0.985, "validation_loss": 0.04}
    return Line(preset=PRESETS[name], plain=plain, **{**usual, "seconds": 10.0, "counts_accuracy": 0.97, **values})


def page_of(*lines):
    return markdown(lines, command="the command", date="2026-01-01", texts="Texts are opinions.")


def test_the_page_says_what_an_epoch_costs_and_what_both_losses_are():
    page = page_of(line("lstm", TRAINED), line("simple-rnn", TIMED))
    assert "| 0.0400 | 0.2500 (3 epochs) | 10.0 | 60 (300) | 6.0× |" in page
    assert "| 0.0400 | – | 10.0 | 50 (12) | 5.0× |" in page
    assert (
        "`lstm`: after 3 epochs on the same rows the validation loss is 0.0400, the plain script's 0.2500 after 3, "
        "and an epoch costs 10.0 s in place of 60 s: 6.0 times less." in page
    )
    assert page.count("on the same rows the validation loss") == 1


def test_the_page_says_how_hard_the_rows_are_and_which_presets_had_fewer():
    page = page_of(
        line("lstm", TIMED), line("web-traffic", TIMED, rows=300), line("words-rnn", TIMED, counts_accuracy=None)
    )
    assert "reaches 0.9700 on the test rows of `lstm`" in page
    assert "`web-traffic`: on fewer rows" in page
    assert "Texts are opinions." in page
    assert (
        "Not measured in this run: `simple-rnn`, `stacked-lstm`, `lstm-dense`, `words-lstm`, `words-lstm-small`."
        in page
    )


@pytest.mark.parametrize(
    ("name", "epochs", "expected"), [("lstm", None, 3), ("lstm", 1, 1), ("lstm", 0, 0), ("simple-rnn", None, 0)]
)
def test_the_plain_script_trains_in_full_where_it_is_asked_to(name, epochs, expected):
    assert PlainLimits(30.0, epochs, ("lstm",)).epochs_of(PRESETS[name], 3) == expected


@pytest.mark.tensorflow
def test_the_plain_script_trains_on_whole_rows_and_learns(tmp_path):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    preset = replace(PRESETS["simple-rnn"], network=msgspec.structs.replace(NETWORK, sequence=Sequence(40)))
    lengths = np.full(120, 12, np.int32)
    labels = np.arange(120, dtype=np.int32) % 2
    ids = np.repeat(labels + 1, 12).astype(np.int32)
    data = Examples(ids, np.arange(0, 1440, 12), lengths, labels, np.full(120, -1, np.int32))
    split = Split(np.arange(80), np.arange(80, 120), np.arange(0))
    script = PlainScript(preset.network, data, split, optimizer="adam", batch_size=8, seed=1)
    timed = script.time(0.0)
    assert timed.seconds > 0
    assert (timed.epochs, timed.validation_loss) == (0, None)
    run = script.train(6)
    assert (run.epochs, run.steps) == (6, 60)
    assert run.validation_loss < 0.5
    assert run.validation_accuracy > 0.9


@pytest.mark.tensorflow
def test_the_command_writes_a_table_that_says_how_it_was_made(tmp_path):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    out = tmp_path / "REFERENCE.md"
    assert (
        main(
            [
                "--quick",
                "--presets",
                "simple-rnn",
                "words-lstm-small",
                "--plain-trained",
                "simple-rnn",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    page = out.read_text()
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line.split(" | ")[:2] for line in lines] == [
        ["| `simple-rnn`", "4,129"],
        ["| `words-lstm-small`", "213,301"],
    ]
    assert "0.0666 / 0.9840 and 0.1250 / 0.9597" in lines[0]
    assert "**The rows are simulated.**" in page
    assert "reference_table --presets simple-rnn words-lstm-small --rows 400" in page
    assert "--plain-trained simple-rnn` on" in page
    assert "`simple-rnn`: after 1 epochs on the same rows" in page
    assert (
        "Not measured in this run: `lstm`, `stacked-lstm`, `lstm-dense`, `web-traffic`, `words-rnn`, `words-lstm`."
        in page
    )
    assert str(tmp_path) not in page
