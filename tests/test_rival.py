"""The cheap rival that a model is compared with."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from weirlog.models.default_training import data_name
from weirlog.models.rival import compare, main, train_rival

ATTACKS = [f"get /item\nid={number}' or '1'='1" for number in range(20)]
HARMLESS = [f"get /item\nid={number}&name=blue" for number in range(20)]


def _write(path: Path, numbers: range) -> None:
    rows = []
    for number in numbers:
        for label, value in ((1, f"{number}' or '1'='1"), (0, f"{number} blue")):
            rows.append(f'|{{"method":"get","path":"/item","query":{{"id":"{value}"}}}}|,{label}\n')
    with gzip.open(path, "wt") as file:
        file.writelines(rows)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two files of labelled rows, "seen" and "unseen"."""
    monkeypatch.setattr("weirlog.models.rival.GENERATED_ROWS", 200)
    _write(tmp_path / "seen.csv.gz", range(40))
    _write(tmp_path / "unseen.csv.gz", range(40, 60))
    return sorted(tmp_path.iterdir())


def _by_quotes(texts: Sequence[str]) -> np.ndarray:
    """Stands for a model: what has a quote is an attack."""
    return np.array([0.9 if "'" in text else 0.1 for text in texts], np.float32)


def test_harmless_rows_that_were_made_of_attacks_are_left_out_in_a_second_count(
    files: list[Path], tmp_path: Path
) -> None:
    origins = ["a scanner", "same address, values replaced (synthetic)", "a scanner", "a host"]
    with gzip.open(tmp_path / "unseen.meta.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"kind": None, "origin": origin, "n": 1}) + "\n" for origin in origins * 10)

    every, logged = compare(files, ["unseen"], _by_quotes)
    assert (every[0], every[1].rows) == ("unseen", 40)
    assert (logged[0], logged[1].rows, logged[2].rows) == ("unseen, logged rows", 30, 30)


def test_it_tells_attacks_from_harmless_texts_by_their_characters() -> None:
    rival = train_rival([*ATTACKS, *HARMLESS], [1] * len(ATTACKS) + [0] * len(HARMLESS))
    attack, harmless = rival(["post /user\nname=x' or '1'='1", "post /user\nname=blue 7"])
    assert attack > 0.5 > harmless


def test_both_are_measured_on_the_files_that_are_left_out_alone(files: list[Path]) -> None:
    asked: list[str] = []

    def ours(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return _by_quotes(texts)

    ((name, measured, rival),) = compare(files, ["unseen"], ours)
    assert name == "unseen"
    assert measured.rows == rival.rows == len(asked) == 40
    assert measured.auc == 1.0
    assert rival.auc is not None
    assert rival.auc > 0.9


def test_a_model_that_is_not_there_is_refused_by_name(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(files[0].parent), "--without", data_name(files[0]), "--model", "no-such-model"])
    assert "no-such-model" in capsys.readouterr().err
