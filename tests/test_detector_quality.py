"""What the shipped model holds on texts written by hand that no model was trained on, nor tuned to.

The bounds are what is asked of a detector, not what this one reaches.
`make evaluate-default` tells every figure with its interval, and lists the failures.
"""

from itertools import islice
from pathlib import Path

import looks
import pytest

from weirlog.models.corpus.documentation import passages
from weirlog.models.corpus.encodings import ENCODINGS, PLAIN
from weirlog.models.corpus.traffic import plain_traffic, quotations
from weirlog.models.default_quality import ATTACKS_FILE, HARMLESS_FILE, REPORT_SEED, REQUESTS_FILE, harmless_texts
from weirlog.models.detector import load_detector
from weirlog.models.quality import judge_attacks, judge_bodies, judge_harmless, mark_attacks, share
from weirlog.models.quality_page import told
from weirlog.models.request import Request
from weirlog.models.samples import FORMS, UPLOAD, read_attacks, read_harmless, read_requests
from weirlog.models.share import Share

HERE = Path(__file__).parent
HARMLESS_FLAGGED = 0.03
ORDINARY_FLAGGED = 0.005
HARD_FLAGGED = 0.05
PASSAGES_FLAGGED = 0.01
PLAIN_FLAGGED = 0.0002
FOUND_PLAIN = 0.97
FOUND_ENCODED = 0.90
NAMED = 0.90
OVERLAPPING = 0.90
GENERATED = 8_000


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture(scope="module")
def attacks(detector):
    return [attack for attack in read_attacks(HERE / ATTACKS_FILE) if attack.kind in detector.kinds]


@pytest.fixture(scope="module")
def judged(detector, attacks):
    return judge_attacks(detector, attacks)


@pytest.fixture(scope="module")
def bodies(detector, attacks):
    return judge_bodies(detector, attacks, attacks_a_cell=2, clean_a_cell=3)


def found(outcomes, encoding):
    return share([each for each in outcomes if each.encoding == encoding], lambda each: each.flagged)


def test_every_kind_that_the_model_names_is_measured(detector, attacks):
    assert {attack.kind for attack in attacks} == set(detector.kinds)


def test_few_harmless_texts_that_look_like_attacks_are_flagged(detector):
    texts = [text for group in harmless_texts(HERE).values() for text in group]
    flagged = share(judge_harmless(detector, texts), lambda each: each.flagged)
    assert flagged.of == 500
    assert flagged.value <= HARMLESS_FLAGGED, told(flagged)


def test_attacks_are_found_as_they_are_written(judged):
    assert found(judged, PLAIN).value >= FOUND_PLAIN, told(found(judged, PLAIN))


@pytest.mark.parametrize("encoding", [encoding.name for encoding in ENCODINGS])
def test_attacks_are_found_in_a_single_encoding(judged, encoding):
    assert found(judged, encoding).of > 40
    assert found(judged, encoding).value >= FOUND_ENCODED, told(found(judged, encoding))


@pytest.mark.parametrize("look", looks.LATER)
def test_few_harmless_texts_of_a_later_look_are_flagged(detector, look):
    """Written after a model was made: all but the last were then looked at by those who extend generators."""
    flagged = share(judge_harmless(detector, read_harmless(HERE / look / HARMLESS_FILE)), lambda each: each.flagged)
    assert flagged.of > 200
    assert flagged.value <= HARMLESS_FLAGGED, told(flagged)


@pytest.mark.parametrize(
    ("look", "count", "bound"),
    [
        pytest.param(".", 861, HARD_FLAGGED, id="the hardest of a hundred applications"),
        pytest.param("fourth_look", 598, ORDINARY_FLAGGED, id="ordinary ones of seventy sites"),
        pytest.param("fifth_look", 596, ORDINARY_FLAGGED, id="ordinary ones of a hundred and eleven sites"),
        pytest.param(
            "sixth_look",
            791,
            ORDINARY_FLAGGED,
            id="ordinary ones of a hundred and sixty sites",
        ),
        pytest.param(
            "seventh_look",
            836,
            ORDINARY_FLAGGED,
            id="ordinary ones of a hundred and eighty-nine sites",
        ),
        pytest.param(
            "eighth_look",
            825,
            ORDINARY_FLAGGED,
            id="ordinary ones of two hundred and two sites",
        ),
        pytest.param("ninth_look", 1_183, ORDINARY_FLAGGED, id="ordinary ones of two hundred and ninety-five sites"),
    ],
)
def test_few_requests_of_applications_alert(detector, look, count, bound):
    """Written as applications receive them; the last look's were judged for the first time by the model that is shipped."""
    verdicts = detector.classify(read_requests(HERE / look / REQUESTS_FILE))
    flagged = Share(sum(verdict.is_attack for verdict in verdicts), len(verdicts))
    assert flagged.of == count
    assert flagged.value <= bound, told(flagged)


@pytest.mark.parametrize("look", looks.LATER)
def test_attacks_of_a_later_look_are_found_as_they_are_written(detector, look):
    attacks = found(judge_attacks(detector, read_attacks(HERE / look / ATTACKS_FILE)), PLAIN)
    assert attacks.of > 150
    assert attacks.value >= FOUND_PLAIN, told(attacks)


def test_parameters_that_are_named_as_programs_are_no_commands(detector):
    """In a path, or behind an ampersand that was escaped once too often: `;id` would be one."""
    addresses = (
        ("/index.php", {"page": "show", "amp;id": "12", "amp;sort": "asc"}),
        ("/viewtopic.php", {"f": "2", "amp;t": "11", "amp;sid": "ab12cd34ef"}),
        ("/spielplan/&amp;id=412", {}),
        ("/list;id=5;sort=asc", {}),
    )
    asked = [Request({"method": "get", "path": path, "query": query}) for path, query in addresses]
    assert not any(verdict.is_attack for verdict in detector.classify(asked))


def test_few_written_passages_that_were_held_out_are_flagged(detector):
    drawn = islice(quotations(REPORT_SEED, passages(held_out=True)), 3_000)
    verdicts = detector.classify([made.request for made in drawn])
    flagged = Share(sum(verdict.is_attack for verdict in verdicts), len(verdicts))
    assert flagged.value <= PASSAGES_FLAGGED, told(flagged)


def test_attacks_that_are_found_are_named_rightly(judged):
    named = share([each for each in judged if each.encoding == PLAIN and each.flagged], lambda each: each.named)
    assert named.value >= NAMED, told(named)


def test_explanations_mark_the_attack_between_harmless_words(detector, attacks):
    markings = mark_attacks(detector, attacks)
    overlapping = Share(sum(each.overlaps for each in markings), len(markings))
    assert overlapping.value >= OVERLAPPING, told(overlapping)


@pytest.mark.parametrize("form", FORMS)
def test_attacks_are_found_anywhere_in_long_bodies(bodies, form):
    hidden = [each for each in bodies if each.form == form and each.attack is not None]
    flagged = Share(sum(each.verdict.is_attack for each in hidden), len(hidden))
    assert flagged.of > 40
    assert flagged.value >= FOUND_PLAIN, told(flagged)


@pytest.mark.parametrize("form", [*FORMS, UPLOAD])
def test_few_harmless_long_bodies_are_flagged(bodies, form):
    clean = [each for each in bodies if each.form == form and each.attack is None]
    flagged = Share(sum(each.verdict.is_attack for each in clean), len(clean))
    assert flagged.of > 20
    assert flagged.value <= HARMLESS_FLAGGED, told(flagged)


def test_plain_requests_of_any_length_seldom_alert(detector):
    """The longest have several windows, each a chance. What is shown, at 95 %, to be above the rate is above it."""
    drawn = islice(plain_traffic(REPORT_SEED), GENERATED)
    verdicts = detector.classify([made.request for made in drawn])
    alerts = Share(sum(verdict.is_attack for verdict in verdicts), len(verdicts))
    assert alerts.interval[0] <= PLAIN_FLAGGED, told(alerts)
