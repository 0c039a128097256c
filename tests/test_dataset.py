import gzip
import json

import pytest

from weirlog.models.dataset import read_rows
from weirlog.models.errors import DatasetError

LOG = {"timestamp": 1, "method": "post", "query": {}, "path": "/a", "statusCode": 200, "requestPayload": {"q": "x|y"}}


def csv_row(log, label):
    return "|" + json.dumps(log, separators=(",", ":")).replace("|", "||") + f"|,{label}\n"


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_the_reference_csv_is_read_row_by_row(tmp_path, name):
    path = write(tmp_path / name, csv_row(LOG, 0) + csv_row({**LOG, "path": "/b"}, 1))
    rows = list(read_rows([path]))
    assert [(row.request.path, row.label, row.file) for row in rows] == [("/a", 0, name), ("/b", 1, name)]
    assert rows[0].request.body == {"q": "x|y"}
    assert "timestamp" not in rows[0].request.visible


def test_a_side_file_tells_kind_and_origin(tmp_path):
    path = write(tmp_path / "a.csv.gz", csv_row(LOG, 0) + csv_row(LOG, 1))
    write(tmp_path / "a.meta.jsonl.gz", '{"kind":"benign","origin":"shop"}\n{"kind":"sqli","origin":"tool","n":3}\n')
    assert [(row.kind, row.origin) for row in read_rows([path])] == [("benign", "shop"), ("sqli", "tool")]


def test_a_side_file_that_is_too_short_is_an_error(tmp_path):
    path = write(tmp_path / "a.csv", csv_row(LOG, 0) * 2)
    write(tmp_path / "a.meta.jsonl", '{"kind":"benign"}\n')
    with pytest.raises(DatasetError, match="ends before row 2 of a.csv"):
        list(read_rows([path]))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_json_lines_hold_request_label_and_perhaps_kind(tmp_path, name):
    lines = [{"request": LOG, "label": 1, "kind": "xss", "origin": "me"}, {"request": LOG, "label": 0}]
    path = write(tmp_path / name, "\n".join(json.dumps(line) for line in lines) + "\n\n")
    assert [(row.label, row.kind, row.origin) for row in read_rows([path])] == [(1, "xss", "me"), (0, None, None)]


def test_rows_come_one_at_a_time(tmp_path):
    path = write(tmp_path / "a.csv", csv_row(LOG, 0) + "not a row\n")
    assert next(read_rows([path])).label == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|{}|,0\n", "row 1: the object has no text `method`"),
        (csv_row(LOG, 0) + csv_row(LOG, 2), "row 2: expected the label 0 .* found '2'"),
        (csv_row(LOG, ""), "row 1: expected the label"),
        ("|[1]|,0\n", "row 1: expected the request log as an object, found list"),
        ("|{|,0\n", "row 1: expected a JSON object between"),
        ('{"a":1}\n', "row 1: expected 2 columns, .* found 1"),
        ("|{}|,0,1\n", "row 1: expected 2 columns, .* found 3"),
        ("|{}\n", "row 1: expected `|{json}|,label`"),
    ],
)
def test_a_row_of_another_form_is_named_with_its_place(tmp_path, text, message):
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(DatasetError, match=message) as caught:
        list(read_rows([path]))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "line", ["[]", '{"label": 0}', '{"request": {}, "label": 0}', '{"request": 1, "label": 0}', "{"]
)
def test_a_json_line_of_another_form_is_named_with_its_place(tmp_path, line):
    with pytest.raises(DatasetError, match="a.jsonl, row 1"):
        list(read_rows([write(tmp_path / "a.jsonl", line + "\n")]))


@pytest.mark.parametrize("label", [True, None, "attack", 0.5])
def test_a_label_is_0_or_1(tmp_path, label):
    path = write(tmp_path / "a.jsonl", json.dumps({"request": LOG, "label": label}))
    with pytest.raises(DatasetError, match="expected the label"):
        list(read_rows([path]))


def test_files_that_cannot_be_read_are_named(tmp_path):
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(csv_row(LOG, 0).encode() * 50)[:60])
    latin = tmp_path / "latin.csv"
    latin.write_bytes(b"\xff\xfe\n")
    for path in (cut, latin, tmp_path / "none.csv", tmp_path / "none.csv.gz"):
        with pytest.raises(DatasetError, match=path.name):
            list(read_rows([path]))


def test_a_file_is_known_by_its_ending(tmp_path):
    for name in ("a.txt", "a.meta.jsonl.gz"):
        with pytest.raises(DatasetError, match=name):
            list(read_rows([write(tmp_path / name, "")]))
