import json
import string
import subprocess
import sys
from itertools import islice

import pytest

from weirlog.models.canonical import Canonicaliser
from weirlog.models.corpus import KINDS, demo_traffic, to_hapi_line, traffic
from weirlog.models.corpus.attacks import attack_value
from weirlog.models.corpus.conditions import filtering, in_brackets
from weirlog.models.corpus.drafts import Draft
from weirlog.models.corpus.grammar import Chance, Grammar
from weirlog.models.corpus.harmless import harmless
from weirlog.models.corpus.mutation import respelt
from weirlog.models.corpus.oddities import ask_oddly
from weirlog.models.corpus.sites import site_request
from weirlog.models.corpus.values import host
from weirlog.models.formats.hapi import HapiFormat
from weirlog.models.text import text_preparation


def texts(seed, count):
    prepare = text_preparation("detection-1").prepare
    return [(prepare(made.request).text, made.label) for made in islice(traffic(seed), count)]


def test_the_same_seed_gives_the_same_traffic():
    assert texts(3, 200) == texts(3, 200)


def test_another_seed_gives_other_traffic():
    assert not {text for text, _ in texts(3, 200) if len(text) > 30} & {text for text, _ in texts(4, 200)}


def test_no_text_is_both_harmless_and_an_attack():
    """An attack that the text preparation hides would teach that harmless requests are attacks."""
    labels = {}
    for text, label in texts(5, 4000):
        assert labels.setdefault(text, label) == label


def test_every_kind_occurs_and_the_shares_are_as_asked():
    made = list(islice(traffic(6, attack_share=0.3), 4000))
    assert {row.kind for row in made} == {*KINDS, "benign"}
    assert 0.26 < sum(row.label for row in made) / len(made) < 0.34
    assert all((row.kind == "benign") == (row.label == 0) for row in made)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_many_forms(kind):
    chance = Chance(7)
    values = {attack_value(chance, kind) for _ in range(300)}
    assert len(values) > 60
    assert "" not in values


def test_an_unknown_kind_is_refused():
    with pytest.raises(KeyError):
        attack_value(Chance(1), "teapot")


def test_harmless_texts_hold_what_attacks_are_made_of():
    chance = Chance(8)
    joined = "\n".join(harmless(chance) for _ in range(3000)).lower()
    for part in ("select", "union", "--", "'", "<script>", "{{", "/etc/", " or ", "&&", "drop table"):
        assert part in joined


def test_conditions_are_asked_for_in_every_way_that_interfaces_take_them():
    chance = Chance(8)
    made = [filtering(chance) for _ in range(200)]
    queries = [query for query, body in made if body is None]
    assert any("[$" in name for query in queries for name in query), "in brackets"
    (written, *_) = (value for query in queries for value in query.values() if value.startswith("{"))
    assert isinstance(json.loads(written), dict)
    assert any("$" in json.dumps(body) for _, body in made if body is not None)
    assert in_brackets("where", {"price": {"$gte": 5}, "tag": ["a", "b"]}) == {
        "where[price][$gte]": "5",
        "where[tag][0]": "a",
        "where[tag][1]": "b",
    }


def test_odd_addresses_are_those_that_real_logs_hold():
    chance = Chance(9)
    paths, names, asked = [], [], []
    for _ in range(2_000):
        draft = Draft("get", ["shop", "item"], {"q": "lamps"})
        ask_oddly(draft, chance)
        paths.append(draft.address)
        names += draft.query
        asked.append(draft.query["q"])
    assert any(";jsessionid=" in path for path in paths), "a session"
    assert any("&amp;" in path for path in paths), "a link escaped once too often"
    assert any("'+" in path or '"+' in path for path in paths), "what is left of a script"
    assert any("{{" in path or "${" in path for path in paths), "a template that was not filled in"
    assert any(name.startswith("amp;") for name in names), "a name escaped once too often"
    assert {text for text in asked if "lamps".startswith(text)} > {"lamps"}, "values cut short"
    assert sum(text == "lamps" for text in asked) > 200, "most values are as they were"


def test_pages_are_handed_addresses_in_base64_as_honest_ones_are():
    chance = Chance(9)
    drafts = [site_request(chance, written=False) for _ in range(2000)]
    canonical = Canonicaliser().canonical
    for asked in ([draft.query for draft in drafts], [draft.body for draft in drafts if isinstance(draft.body, dict)]):
        values = [value for named in asked for value in named.values() if isinstance(value, str)]
        said = [canonical(value).partition("⟦")[2] for value in values]
        assert any(text.startswith("http") for text in said)
        assert any("index.php" in text for text in said)


def test_some_honest_hosts_begin_as_machines_do_that_forged_addresses_name():
    chance = Chance(10)
    drawn = [host(chance) for _ in range(100_000)]
    assert any(name.startswith("international.") for name in drawn)
    assert any(name.startswith("www.consult") for name in drawn)
    assert all(name.endswith(tuple(string.ascii_lowercase)) and "." in name for name in drawn)


def test_a_request_survives_as_a_line_of_the_reference_schema():
    prepare = text_preparation("detection-1").prepare
    for made in islice(traffic(9), 300):
        line = to_hapi_line(made.request)
        assert b"\n" not in line
        assert prepare(HapiFormat().parse(line)).text == prepare(made.request).text


def test_demo_traffic_is_endless_lines_with_the_share_of_attacks_asked_for():
    lines = list(islice(demo_traffic(attack_share=0.2), 2000))
    assert all(isinstance(json.loads(line), dict) for line, _ in lines)
    assert 0.16 < sum(is_attack for _, is_attack in lines) / len(lines) < 0.24


def test_generators_are_light_to_import():
    code = "import sys, weirlog.models.corpus; print('numpy' in sys.modules, 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_respelling_touches_its_share_of_values():
    chance = Chance(10)
    changed = sum(respelt("select your seat' please", chance, 0.5) != "select your seat' please" for _ in range(1000))
    assert 400 < changed < 560
    assert respelt("a b", chance, 0.0) == "a b"


def test_a_grammar_refuses_a_slot_without_a_rule():
    with pytest.raises(ValueError, match="'word' names 'verb', which has no rule"):
        Grammar({"word": ["«verb»"]})


def test_a_grammar_that_recurs_comes_to_an_end():
    grammar = Grammar({"list": ["«list»,x", "x"]})
    assert all(len(grammar.draw(Chance(seed), "list")) < 40 for seed in range(200))
