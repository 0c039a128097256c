import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from artifacts import random_artifact

from weirlog.models.epochs import Epoch
from weirlog.models.fitting import Settings
from weirlog.models.presets import PRESETS
from weirlog.models.report import render, write_report
from weirlog.models.report_page import TEXT_CHARACTERS, shown
from weirlog.models.report_plots import history_plot, rates
from weirlog.models.training import Split, TrainedModel

HOSTILE = "get /</pre><script>alert(1)</script>\x1b[2J\u202e&amp;\nq=\ud800<img src=http://evil.example/x onerror=1>"
"""A text with all that a page, a terminal or a reader could be tricked by."""


def trained(count=400, seed=1):
    random = np.random.default_rng(seed)
    labels = (random.random(count) < 0.3).astype(np.int32)
    scores = np.clip(random.normal(0.2 + 0.6 * labels, 0.2), 0, 1).astype(np.float32)
    scores[0], labels[0] = 1.0, 0
    texts = (HOSTILE, *(f"get /row/{row}" for row in range(1, count)))
    empty = np.zeros(0, np.int64)
    history = (Epoch(1, 0.6, 0.7, 0.5, 0.8, 3.0), Epoch(2, 0.4, 0.85, 0.45, 0.9, 3.0))
    return TrainedModel(random_artifact("lstm"), history, Split(empty, empty, np.arange(count)), scores, labels, texts)


@pytest.fixture(scope="module")
def html():
    pytest.importorskip("matplotlib", reason="the extra `train` is not installed")
    return render(trained(), PRESETS["lstm"], Settings(seed=7))


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_holds_every_plot_and_asks_for_nothing_from_elsewhere(html):
    tags = Tags(html).found
    pictures = [attributes for tag, attributes in tags if tag == "img"]
    assert [picture["alt"] for picture in pictures] == [
        "Loss and accuracy by epoch",
        "ROC: recall against false positives",
        "Precision against recall",
        "Scores by class",
        "Calibration",
        "False positives a day against the threshold",
    ]
    for picture in pictures:
        kind, _, content = picture["src"].partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "form", "svg", "a"} == set()
    assert not any(name.startswith("on") or name in {"style", "href"} for _, values in tags for name in values)


def test_the_policy_of_the_page_allows_its_own_style_and_pictures_alone(html):
    policy = next(values["content"] for tag, values in Tags(html).found if values.get("http-equiv"))
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy


def test_a_hostile_request_is_shown_and_does_nothing(html):
    assert (
        "get /&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;<b>\\x1b</b>[2J<b>\\u202e</b>&amp;amp;<b>⏎</b>\n" in html
    )
    assert "<b>\\ud800</b>&lt;img src=http://evil.example/x onerror=1&gt;" in html
    assert not set(html) & {"\x1b", "\u202e", "\ud800"}


def test_a_long_request_is_cut_and_says_by_how_much():
    assert shown("a" * (TEXT_CHARACTERS + 5)) == "a" * TEXT_CHARACTERS + "<b>… (+5)</b>"


def test_network_settings_and_provenance_stand_on_the_page(html):
    model = random_artifact("lstm")
    for fact in (model.digest, *model.network.layers(), f"{model.network.parameters():,} parameters"):
        assert fact in html
    assert "<th>seed</th><td>7</td>" in html
    assert "<th>batch_size</th><td>128</td>" in html
    assert "1,000,000 harmless requests a day" in html


def test_the_worst_errors_come_first(html):
    model = trained()
    false_alerts = html[html.index("Worst false alerts") : html.index("Worst misses")]
    found = [float(score) for score in re.findall(r"<td>(\d\.\d+)</td>", false_alerts)]
    threshold = model.artifact.threshold
    expected = sorted(model.scores[(model.labels == 0) & (model.scores >= threshold)].tolist(), reverse=True)[:20]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_same_training_gives_the_same_page(html):
    assert render(trained(), PRESETS["lstm"], Settings(seed=7)) == html


def test_a_perfect_model_has_a_page_without_errors(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `train` is not installed")
    outcome = trained()
    labels = outcome.labels
    perfect = TrainedModel(
        outcome.artifact, outcome.history[:1], outcome.split, labels.astype(np.float32), labels, outcome.texts
    )
    path = write_report(tmp_path / "new" / "report", perfect, PRESETS["lstm"], Settings())
    assert "no harmless test row reached the threshold" in path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("changed", ["loss", "accuracy", "validation_loss", "validation_accuracy"])
def test_loss_and_accuracy_of_training_and_of_validation_are_all_drawn(changed):
    pytest.importorskip("matplotlib", reason="the extra `train` is not installed")
    history = trained().history
    other = (history[0], replace(history[1], **{changed: 0.123}))
    assert history_plot(history).png == history_plot(history).png
    assert history_plot(other).png != history_plot(history).png


def test_the_settings_told_are_those_that_training_went_by(html):
    for name, value in (
        ("learning_rate", "0.02"),
        ("warm_up", "0.1"),
        ("decay", "true"),
        ("initial, memory_steps", "150"),
    ):
        assert f"<th>{name}</th><td>{value}</td>" in html


def test_equal_scores_alert_together():
    thresholds, wrong, found = rates(np.array([0.9, 0.5, 0.5, 0.1], np.float32), np.array([1, 0, 1, 0]))
    np.testing.assert_allclose(thresholds[1:], [0.9, 0.5, 0.1], rtol=1e-6)
    assert wrong.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert found.tolist() == [0.0, 0.5, 1.0, 1.0]
