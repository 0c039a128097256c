"""The texts that a model is measured by: read, many, different, and known to no training."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import looks
import pytest
from suspicious import ATTACKS, HARMLESS

from weirlog.models.corpus import KINDS
from weirlog.models.default_quality import ATTACKS_FILE, HARMLESS_FILE, HARMLESS_TEXTS, harmless_texts
from weirlog.models.errors import DatasetError
from weirlog.models.samples import drawn_harmless, read_attacks, read_harmless

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [('{"place": "footer", "text": "x"}', "footer"), ('{"text": "x"}', "place"), ("{", "malformed|truncated")],
)
def test_a_wrong_line_of_texts_is_named(tmp_path, line, wrong):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"place": "query", "text": "x"}\n' + line + "\n")
    with pytest.raises(DatasetError, match=rf"texts\.jsonl, line 2: .*({wrong})"):
        read_harmless(path)


def test_a_missing_file_of_texts_is_named(tmp_path):
    with pytest.raises(DatasetError, match="none.jsonl: cannot be read: No such file"):
        read_attacks(tmp_path / "none.jsonl")


def test_the_hand_written_texts_are_many_and_different_and_not_the_development_set():
    by_hand = [text.text for text in read_harmless(HERE / HARMLESS_FILE)]
    assert len(by_hand) >= 250
    assert len(set(by_hand)) == len(by_hand)
    assert not set(by_hand) & set(HARMLESS)
    attacks = read_attacks(HERE / ATTACKS_FILE)
    assert not {attack.text for attack in attacks} & {text for _, text in ATTACKS}
    assert not {attack.text for attack in attacks} & set(by_hand)


def test_each_look_is_at_other_texts():
    for read, name in ((read_harmless, HARMLESS_FILE), (read_attacks, ATTACKS_FILE)):
        texts = [[each.text for each in read(folder / name)] for folder in looks.FOLDERS]
        assert min(map(len, texts)) > 90
        together = [text for look in texts[1:] for text in look]
        assert len(set(together)) == len(together)
        assert not set(texts[0]) & set(together)


def test_every_kind_has_a_dozen_different_attacks():
    attacks = read_attacks(HERE / ATTACKS_FILE)
    assert {attack.kind for attack in attacks} == set(KINDS)
    for kind in KINDS:
        assert len({(attack.name, attack.text) for attack in attacks if attack.kind == kind}) >= 12


def test_the_harmless_texts_are_five_hundred_all_told():
    groups = harmless_texts(HERE)
    texts = [text.text for group in groups.values() for text in group]
    assert len(texts) == len(set(texts)) == HARMLESS_TEXTS


def test_the_same_seed_draws_the_same_harmless_texts():
    assert drawn_harmless(3, 50) == drawn_harmless(3, 50)
    assert drawn_harmless(3, 50) != drawn_harmless(4, 50)


def test_no_training_knows_what_is_measured_by():
    """What a model has learnt by heart measures nothing."""
    apart = {"samples", "corpus.everyday", "corpus.encodings", "quality"}
    allowed = {"samples.py", "quality.py", "quality_page.py", "default_quality.py"}
    for path in MODELS.rglob("*.py"):
        names = {
            node.module.removeprefix("weirlog.models.")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module
        }
        assert not names & apart or path.name in allowed, path
    trained = json.loads((MODELS / "shipped" / "default" / "manifest.json").read_text())["training"]["files"]
    assert not {HARMLESS_FILE, ATTACKS_FILE} & set(trained)
