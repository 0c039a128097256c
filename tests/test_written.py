import json
import re
from pathlib import Path

import looks
import msgspec
import pytest
from suspicious import ATTACKS, HARMLESS

from weirlog.models.corpus import KINDS, written
from weirlog.models.corpus.grammar import Chance
from weirlog.models.corpus.sites import site_request
from weirlog.models.corpus.written import (
    WrittenRequest,
    attack_request,
    attack_requests,
    attacks,
    harmless_texts,
    paths,
    redrawn,
    requests,
    written_attack,
    written_digest,
    written_harmless,
    written_path,
)
from weirlog.models.default_quality import ATTACKS_FILE, HARMLESS_FILE, REQUESTS_FILE
from weirlog.models.samples import read_requests

TEXTS = Path(written.__file__).parent / "texts"


def test_there_are_thousands_and_each_is_another():
    for texts, least in (
        (harmless_texts(), 2_000),
        (paths(), 400),
        ([text for kind in attacks().values() for text in kind], 2_000),
    ):
        assert len(texts) >= least
        assert len(set(texts)) == len(texts)
    assert len(requests()) >= 500
    assert len({request.app for request in requests()}) >= 60


def test_every_kind_of_attack_is_written_and_no_other():
    assert set(attacks()) == set(KINDS)
    assert min(map(len, attacks().values())) >= 20


def test_whole_requests_are_of_known_kinds_and_most_kinds_have_some():
    made = attack_requests()
    assert set(made) <= set(KINDS)
    assert len(made) >= 12
    assert sum(map(len, made.values())) >= 400
    for attack in sum(made.values(), ()):
        assert attack.path.startswith("/"), attack
        assert attack.method == attack.method.lower()


def test_a_whole_request_keeps_its_names_and_shape():
    chance = Chance(8)
    named = {name for made in attack_requests().values() for attack in made for name in attack.query}
    drawn = [attack_request(chance, "sqli") for _ in range(200)]
    assert {name for attack in drawn if attack for name in attack.query} <= named
    assert len(set(map(msgspec.json.encode, drawn))) > 30
    assert attack_request(chance, "teapot") is None


def test_none_is_a_text_that_models_are_measured_by():
    """A model that has been trained on its test is not measured."""
    measured = {text for _, text in ATTACKS} | set(HARMLESS)
    for folder in looks.FOLDERS:
        for name in (HARMLESS_FILE, ATTACKS_FILE):
            measured |= {json.loads(line)["text"] for line in (folder / name).read_bytes().splitlines()}
    measured = {text.strip().lower() for text in measured}
    taught = {text.strip().lower() for text in (*harmless_texts(), *paths(), *sum(attacks().values(), ()))}
    assert not taught & measured


def test_no_text_is_both_an_attack_and_harmless():
    assert not {text.lower() for kind in attacks().values() for text in kind} & {
        text.lower() for text in (*harmless_texts(), *paths())
    }


def test_no_request_is_one_that_models_are_measured_by():
    measured = visible([file for folder in looks.FOLDERS if (file := folder / REQUESTS_FILE).exists()])
    assert len(measured) == 861 + 598 + 596 + 791 + 836 + 825 + 1_183
    assert not visible([TEXTS / written.REQUESTS_FILE]) & measured


def visible(files):
    return {msgspec.json.encode(request.visible) for file in files for request in read_requests(file)}


def test_a_body_that_is_no_object_becomes_one():
    def payload(body):
        return WrittenRequest(app="a shop", method="post", path="/", query={}, body=body).payload

    assert payload(["a"]) == {"items": ["a"]}
    assert payload("a=b") == {"raw": "a=b"}
    assert payload({"a": 1}) == {"a": 1}
    assert payload(None) is None


def test_requests_are_as_a_log_gives_them():
    for request in requests():
        assert request.path.startswith("/"), request
        assert "?" not in request.path, request
        assert request.method == request.method.lower()


def test_numbers_are_drawn_anew_and_equal_ones_stay_equal():
    chance = Chance(3)
    drawn = {str(redrawn("row 41 of 41, page 7", chance)) for _ in range(60)}
    whole = [re.fullmatch(r"\w+ (\d\d) of (\d\d), \w+ \d", text) for text in drawn]
    numbers = [match for match in whole if match]
    assert len({match[1] for match in numbers}) > 10
    assert all(match[1] == match[2] for match in numbers)


def test_digits_that_are_part_of_something_stay():
    text = "%27 \\x41 &#39; 10.0.0.1 0x7e char2 1e9 v1.25.3 a%3Db"
    chance = Chance(4)
    kept = [redrawn(text, chance) for _ in range(40)]
    assert kept.count(text) > 30, "but for those few that are replaced whole"


def test_documents_keep_their_shape():
    document = {"a": [{"b": "text"}, True, None, 1.5], "c": ""}
    for seed in range(20):
        drawn = redrawn(document, Chance(seed))
        assert isinstance(drawn, dict)
        assert list(drawn) == ["a", "c"]
        assert drawn["c"] == ""
        assert isinstance(drawn["a"], list)
        assert drawn["a"][1:] == [True, None, 1.5]


def test_what_is_written_is_drawn_from_and_varied():
    chance = Chance(5)
    for draw, source in ((written_harmless, harmless_texts()), (written_path, paths())):
        drawn = [draw(chance) for _ in range(400)]
        assert 100 < sum(text in source for text in drawn) < 400
    with pytest.raises(KeyError):
        written_attack(chance, "teapot")


def test_sites_are_drawn_from_them():
    chance = Chance(6)
    known = {request.path for request in requests()}
    assert 100 < sum(site_request(chance).address in known for _ in range(1000)) < 600


def test_their_digest_is_one_of_all_files(monkeypatch, tmp_path):
    digests = {written_digest()}
    for name in written.FILES:
        (tmp_path / name).write_text('"a"\n')
    monkeypatch.setattr(written, "_FOLDER", tmp_path)
    digests.add(written_digest())
    for name in written.FILES:
        (tmp_path / name).write_text('"b"\n')
        digests.add(written_digest())
    assert len(digests) == 2 + len(written.FILES)
