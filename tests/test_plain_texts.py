"""Models of words read texts, not requests: from labelled files, from the command line, and a line at a time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from commands import weirlog

from weirlog.models.artifact import Artifact, load
from weirlog.models.dataset import read_rows
from weirlog.models.errors import DatasetError
from weirlog.models.network import Lstm
from weirlog.models.presets import PRESETS
from weirlog.models.request import Request
from weirlog.models.text import PlainText, ReferenceText
from weirlog.models.tokenizer import Tokenizer

TEXTS = ["a wonderful film, I loved it", "dull and far too long", 'they said "never again"', "line one\nline two"]
CSV = 'a wonderful film,1\n"dull, far too long",0\n"they said ""never again""",0\n'


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("above", ["", "text,label\n", "\ufeffText,Label\n"])
def test_a_csv_of_texts_is_read_with_or_without_a_line_above(tmp_path: Path, name: str, above: str) -> None:
    path = tmp_path / name
    content = (above + CSV).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    rows = list(read_rows([path]))
    read = [PlainText().prepare(row.request).text for row in rows]
    assert read == ["a wonderful film", "dull, far too long", 'they said "never again"']
    assert [row.label for row in rows] == [1, 0, 0]


def test_json_lines_may_hold_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": 1, "origin": "me"}) + "\n" for text in TEXTS))
    rows = list(read_rows([path]))
    assert [PlainText().prepare(row.request).text for row in rows] == TEXTS
    assert {row.origin for row in rows} == {"me"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good,1\nbad\n", "row 2: expected 2 columns, a text and a label, found 1"),
        ("good,maybe\n", "row 1: expected the label 0 .* found 'maybe'"),
        ('good,1\n"open,0\n', "row 2: expected a text and a label"),
    ],
)
def test_a_row_that_is_no_text_with_a_label_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(DatasetError, match=message):
        list(read_rows([path]))


def test_a_text_in_json_lines_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": 5, "label": 1}\n')
    with pytest.raises(DatasetError, match="row 1: expected text for `text`, found int"):
        list(read_rows([path]))


def test_a_request_reads_as_in_the_reference_system() -> None:
    request = Request({"method": "get", "query": {}, "path": "/a", "text": "x"})
    assert PlainText().prepare(request) == ReferenceText().prepare(request)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small network over words with random weights."""
    preset = PRESETS["words-lstm"]
    network = msgspec.structs.replace(preset.network, recurrent=(Lstm(4),)).with_sizes(vocabulary=40)
    random = np.random.default_rng(3)
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in network.shapes().items()}
    Artifact(
        name="words",
        created="2026-01-01",
        network=network,
        tokenizer=Tokenizer.fit(TEXTS, level="word", num_words=40),
        text=preset.text,
        threshold=0.5,
        weights=weights,
    ).save(tmp_path / "words")
    return tmp_path / "words"


def test_a_text_typed_by_the_user_is_explained(model: Path) -> None:
    ended = weirlog("explain", "--text", "A wonderful film\x1b[2J, dull", "--model", str(model))
    assert ended.returncode == 0, ended.stderr
    assert "score" in ended.stdout
    assert "wonderful" in ended.stdout
    assert ended.stdout.split()[:2] == ["format", "text"]
    assert "\x1b" not in ended.stdout


def test_every_line_is_a_text_for_a_model_of_texts(model: Path) -> None:
    lines = "".join(f"{text}\n" for text in TEXTS[:3]) + "\n"
    ended = weirlog("score", "--model", str(model), "--full", "-", stdin=lines)
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [row["n"] for row in rows] == [1, 2, 3, 4]
    assert len({row["score"] for row in rows}) == 4
    assert [row["request"] for row in rows] == [{"text": text} for text in [*TEXTS[:3], ""]]


def test_a_model_of_requests_takes_no_text() -> None:
    ended = weirlog("explain", "--text", "hello")
    assert ended.returncode == 2
    assert "reads request logs" in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["line", "--text", "text"]])
def test_explain_wants_one_line_or_one_text(arguments: list[str]) -> None:
    assert weirlog("explain", *arguments).returncode == 2


@pytest.mark.tensorflow
def test_a_model_of_words_is_trained_on_a_csv_of_texts_and_scores_what_it_learnt(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    pytest.importorskip("matplotlib", reason="the extra `train` is not installed")
    data = tmp_path / "reviews.csv"
    random = np.random.default_rng(1)
    with data.open("w") as file:
        for number in range(240):
            words = random.choice(["film", "actor", "scene", "plot", "night"], 6).tolist()
            words[int(random.integers(6))] = "wonderful" if number % 2 else "dull"
            file.write(f'"{" ".join(words)}, really",{number % 2}\n')
    out = tmp_path / "model"
    command = ["train", str(data), "--preset", "words-lstm", "--out", str(out), "--epochs", "4"]
    ended = weirlog(*command, "--batch-size", "8", "--report", str(tmp_path / "report"), timeout_s=110)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "report" / "index.html").stat().st_size > 10_000
    model = load(out)
    assert model.network.parameters() == 1_411_713
    scored = weirlog("score", "--model", str(out), "-", stdin="wonderful plot, really\ndull plot, really\n")
    good, bad = (json.loads(line)["score"] for line in scored.stdout.splitlines())
    assert good > 0.5 > bad
