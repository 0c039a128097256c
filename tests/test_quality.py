import base64
from dataclasses import dataclass, field

import pytest

from weirlog.models.canonical import Canonicaliser
from weirlog.models.corpus.encodings import ENCODINGS, PLAIN
from weirlog.models.corpus.everyday import reading_matter
from weirlog.models.corpus.grammar import Chance
from weirlog.models.dataset import Row
from weirlog.models.quality import (
    Outcome,
    judge_attacks,
    judge_bodies,
    judge_harmless,
    mark_attacks,
    measure_file,
    share,
)
from weirlog.models.quality_page import Quality, page, told
from weirlog.models.request import Request
from weirlog.models.samples import (
    FORMS,
    PLACES,
    POSITIONS,
    UPLOAD,
    Attack,
    Harmless,
    long_body,
    place,
    spread,
)
from weirlog.models.share import Share
from weirlog.models.text import text_preparation
from weirlog.models.verdict import Explanation, Verdict


@dataclass
class SignDetector:
    """Takes for an attack what holds a sign, and says that the sign, wherever `marks` points, gave it away."""

    sign: str = "!"
    threshold: float = 0.5
    marks: str | None = None
    seen: list[Request] = field(default_factory=list)

    def text(self, request):
        return text_preparation("detection-1").prepare(request)

    def classify(self, requests):
        self.seen += requests
        flags = [self.sign in self.text(request).text for request in requests]
        return [Verdict(0.9 if flag else 0.1, self.threshold, "sqli") for flag in flags]

    def explain_all(self, requests):
        return [self._explanation(self.text(request)) for request in requests]

    def _explanation(self, text):
        at = -1 if self.marks is None else text.text.find(self.marks)
        if at < 0:
            return None
        (owner,) = [each for each in text.fields if each.start <= at < each.end]
        left = max(owner.start, at - 5)
        return Explanation(owner.name, text.text[left : owner.end], at - left, at - left + len(self.marks))


def row(path, label, origin=None):
    return Row(Request({"method": "get", "path": path, "query": {}, "requestPayload": None}), label, None, origin, "f")


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (97, 100, 0.9155, 0.9897)],
)
def test_the_interval_of_a_share_is_wilsons(found, of, low, high):
    """Figures of Wilson's formula worked out apart, at z = 1.96."""
    assert Share(found, of).interval == pytest.approx((low, high), abs=1e-4)


def test_of_nothing_counted_nothing_is_known():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval == (0.0, 1.0)
    assert told(Share(0, 0)) == told(None) == "–"


def test_a_share_is_told_with_its_counts_and_its_interval():
    assert told(Share(35, 36)) == "97.2 % (35 of 36; 85.8–99.5)"


def test_a_file_is_measured_at_the_threshold_and_by_host_on_different_requests():
    rows = [row("/a!", 1), row("/b", 1), row("/c!", 0, "h/one"), row("/c!", 0, "h/one"), row("/d", 0, "h/one")]
    rows += [row("/e", 0, "h/two"), row("/f!", 0, "made (synthetic)"), row("/g", 0)]
    quality = measure_file(SignDetector(), "f", rows)
    assert quality.recall == Share(1, 2)
    assert quality.alerts == Share(3, 6)
    assert quality.hosts == {"h/one": Share(1, 2), "h/two": Share(0, 1)}
    assert quality.measures.auc == pytest.approx(0.5)


def test_recall_at_a_rate_that_a_file_cannot_show_is_not_told():
    rows = [row(f"/{number}", 0) for number in range(200)] + [row("/x!", 1)]
    quality = measure_file(SignDetector(), "f", rows)
    assert quality.recall_at(1e-2) == Share(1, 1)
    assert quality.recall_at(1e-3) is None


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_an_encoding_is_another_spelling_of_the_same_text(encoding):
    """The text preparation undoes it: nearly all, for `+` and comments only a server or a database undoes."""
    canonical = Canonicaliser().canonical
    text = "1' AND (SELECT 2)=2 -- <b>ok</b>"
    spelt = encoding.spell(text)
    assert spelt != text
    if encoding.name in {"Base64", "Base64 twice", "hexadecimal"}:
        assert canonical(spelt).endswith(f"⟦{canonical(text)}⟧")
    elif encoding.name in {"+ for spaces", "SQL comments"}:
        assert spelt.replace("+", " ").replace("/**/", " ") == text
    else:
        assert canonical(spelt) == canonical(text)


def test_each_attack_is_judged_in_each_place_in_each_spelling_that_changes_it():
    detector = SignDetector()
    outcomes = judge_attacks(detector, [Attack("sqli", "id", "a!b"), Attack("xxe", "x", "c d", places=("body",))])
    plain = [each for each in outcomes if each.encoding == PLAIN]
    assert [(each.kind, each.place) for each in plain] == [*(("sqli", place) for place in PLACES), ("xxe", "body")]
    spellings = {each.encoding for each in outcomes if each.kind == "sqli"}
    assert "overlong UTF-8" in spellings
    assert not spellings & {"+ for spaces", "SQL comments", "Base64"}
    assert share(plain, lambda each: each.flagged) == Share(3, 4)
    assert share(plain, lambda each: each.named) == Share(3, 4)


def test_an_attack_in_a_parameters_name_is_spelt_there():
    detector = SignDetector()
    judge_attacks(detector, [Attack("nosqli", "login[$ne]", "x", hostile_name=True, places=("query",))])
    names = {name for request in detector.seen for name in request.visible["query"]}
    assert {"login[$ne]", "login%5B%24ne%5D"} <= names


def test_dots_in_a_name_nest_objects_in_a_body():
    body = place("", "body", "user.pass.$ne", 0).request.body
    assert body["user"] == {"pass": {"$ne": ""}}


def test_a_probe_is_the_whole_path():
    assert place("/.env", "path", "", 3).request.path == "/.env"


def test_a_name_that_every_request_has_is_refused():
    with pytest.raises(ValueError, match="'limit' stands in every such request"):
        place("x", "query", "limit", 0)


@pytest.mark.parametrize("where", PLACES)
def test_a_harmless_text_is_judged_in_its_own_place(where):
    detector = SignDetector()
    (outcome,) = judge_harmless(detector, [Harmless(where, "don't panic!")])
    assert outcome.flagged
    assert outcome.place == where
    assert outcome.kind is None
    texts = detector.text(detector.seen[0])
    (owner,) = [each.name for each in texts.fields if "don't panic!" in texts.text[each.start : each.end]]
    assert owner.partition(".")[0] == where


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("position", POSITIONS)
def test_a_long_body_hides_its_text_where_it_is_told(form, position):
    text = text_preparation("detection-1").prepare(long_body(1, 8_000, form, "<payload>", position)).text
    at = text.index("<payload>") / len(text)
    low, high = {"front": (0.0, 0.05), "middle": (0.4, 0.6), "end": (0.95, 1.0)}[position]
    assert low <= at <= high


@pytest.mark.parametrize("size_bytes", [1_000, 3_210, 64_000])
def test_a_long_body_holds_as_much_prose_as_it_is_told(size_bytes):
    assert len(reading_matter(Chance(1), size_bytes)) == size_bytes
    body = long_body(1, size_bytes, "form").body
    assert sum(map(len, body.values())) == size_bytes
    assert all("  " not in value for value in body.values())


def test_an_upload_is_random_bytes_in_base64():
    content = long_body(1, 4_000, UPLOAD).body["content"]
    assert len(base64.b64decode(content, validate=True)) == 3_000


def test_every_cell_of_the_long_bodies_is_judged():
    attacks = [Attack("xss", "q", "one!"), Attack("ssrf", "q", "two!"), Attack("sqli", "q", "three!")]
    outcomes = judge_bodies(SignDetector(), attacks, sizes_bytes=(1_000, 2_000), attacks_a_cell=2, clean_a_cell=1)
    hidden = [each for each in outcomes if each.attack is not None]
    assert len(hidden) == 2 * len(FORMS) * len(POSITIONS) * 2
    assert {each.attack.kind for each in hidden} == {"xss", "sqli"}
    assert all(each.verdict.is_attack for each in hidden)
    clean = [each for each in outcomes if each.attack is None]
    assert {(each.size_bytes, each.form) for each in clean} == {
        (s, f) for s in (1_000, 2_000) for f in (*FORMS, UPLOAD)
    }
    assert not any(each.verdict.is_attack for each in clean)


def test_kinds_take_turns():
    attacks = [Attack(kind, "q", str(number)) for kind in ("a", "b") for number in range(2)] + [Attack("c", "q", "0")]
    assert [each.kind for each in spread(attacks)] == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize(
    ("marks", "inside"), [("<evil>", 1.0), ("evil", 1.0), ("> p", 1 / 3), ("newest", 0.0), (None, 0.0)]
)
def test_a_marking_overlaps_the_attack_where_its_characters_do(marks, inside):
    (marking,) = mark_attacks(SignDetector(marks=marks), [Attack("xss", "note", "<evil>", places=("query",))])
    assert marking.marked == marks
    assert marking.inside == pytest.approx(inside)
    assert marking.overlaps == (inside > 0)


def test_words_before_an_attack_are_none_of_it_in_any_place():
    attack = Attack("xss", "note", "<evil>")
    for where, words in (("query", "weekly"), ("body", "morning"), ("path", "archive")):
        outcomes = {each.place: each for each in mark_attacks(SignDetector(marks=words), [attack])}
        assert outcomes[where].marked == words
        assert not outcomes[where].overlaps


def test_a_name_that_attacks_is_part_of_the_attack():
    attack = Attack("nosqli", "login[$ne]", "x", hostile_name=True, places=("query",))
    (marking,) = mark_attacks(SignDetector(marks="[$ne]"), [attack])
    assert marking.inside == 1.0


def test_the_page_lists_what_counts_against_the_detector_with_its_signs_made_harmless():
    missed = Outcome("xss", PLAIN, "query", "<b>|\x1b[31m`x`", Verdict(0.1, 0.5, "xss"))
    flagged = Outcome(None, PLAIN, "body", "don't *worry*", Verdict(0.7, 0.5, "sqli"))
    again = Outcome("xss", PLAIN, "path", missed.text, Verdict(0.2, 0.5, "xss"))
    quality = Quality("m", 0.5, harmless={"by hand": [flagged]}, attacks=[missed, again])
    text = page(quality)
    assert "<code>&#60;b&#62;&#124;&#92;x1b&#91;31m&#96;x&#96;</code> | xss | query 0.1000, path 0.2000 |" in text
    assert "don't &#42;worry&#42;" in text
    assert "\x1b" not in text
    assert "| xss | 0.0 % (0 of 2; 0.0–65.8) | – | – |" in text
    assert "| by hand | 100.0 % (1 of 1; 20.7–100.0) |" in text


def test_the_page_says_which_files_the_model_was_trained_on():
    files = [measure_file(SignDetector(), name, [row("/a!", 1), row("/b", 0, "a/host")]) for name in ("old", "new")]
    text = page(Quality("m", 0.5, files=files, trained_on=frozenset({"old"})))
    assert "| old * | 1 | 1 | 1.0000 |" in text
    assert "| new | 1 | 1 | 1.0000 |" in text
    assert "<code>a/host</code> | 1 | 0 | 0.0 | 0.0–7934.5 |" in text


def test_a_page_of_everything_has_every_part():
    detector = SignDetector(marks="one!")
    attacks = [Attack("xss", "q", "one!")]
    quality = Quality(
        "m",
        0.5,
        files=[measure_file(detector, "f", [row("/a", 0, "a/host")])],
        harmless={"by hand": judge_harmless(detector, [Harmless("query", "hi")])},
        attacks=judge_attacks(detector, attacks),
        bodies=judge_bodies(detector, attacks, sizes_bytes=(1_000,), attacks_a_cell=1, clean_a_cell=1),
        markings=mark_attacks(detector, attacks),
    )
    text = page(quality)
    heads = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(heads) == 7
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
