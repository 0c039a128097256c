"""Metrics: one table, and what Prometheus reads of it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from weirlog.daemon.metrics import CHILDREN_LIMIT, COUNTERS, GAUGES, HISTOGRAMS, PREFIX, PrometheusMetrics
from weirlog.pipeline import metrics as names


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics("1.2.3")


def samples(metrics: PrometheusMetrics) -> dict[str, float]:
    """Return what is rendered, as value by `name{label="value"}`."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_the_table_has_every_name_that_the_pipeline_measures_and_no_other() -> None:
    assert set(COUNTERS) == set(get_args(names.Counter))
    assert set(GAUGES) == set(get_args(names.Gauge))
    assert set(HISTOGRAMS) == set(get_args(names.Histogram))


def test_the_labels_are_those_that_the_pipelines_comments_promise() -> None:
    source = Path(names.__file__).read_text()
    promised = {}
    for line in source.splitlines():
        name, _, comment = line.partition(",  #")
        first = comment.strip().split(":")[0].split(" ")[0]
        promised[name.strip().strip('",')] = (first,) if first in {"source", "sink", "kind", "stage"} else ()
    for table in (COUNTERS, GAUGES, HISTOGRAMS):
        for name, spec in table.items():
            assert spec.labels == promised[name], name  # type: ignore[index]


def test_every_metric_has_a_sentence_of_help_and_rising_buckets() -> None:
    for table in (COUNTERS, GAUGES, HISTOGRAMS):
        for spec in table.values():
            assert spec.help.endswith(".") or "." in spec.help
    for spec in HISTOGRAMS.values():
        assert list(spec.buckets) == sorted(set(spec.buckets))


def test_figures_arrive_under_the_prefix_and_their_labels(metrics: PrometheusMetrics) -> None:
    metrics.count("alerts_total")
    metrics.count("records_read_total", 41, source="file-0")
    metrics.count("records_read_total", source="file-0")
    metrics.gauge("sink_up", 1, sink="kafka-1")
    metrics.observe("delivery_seconds", 0.02, sink="kafka-1")
    found = samples(metrics)
    assert found["weirlog_alerts_total{}"] == 1
    assert found["weirlog_records_read_total{source=file-0}"] == 42
    assert found["weirlog_sink_up{sink=kafka-1}"] == 1
    assert found["weirlog_delivery_seconds_bucket{le=0.01,sink=kafka-1}"] == 0
    assert found["weirlog_delivery_seconds_bucket{le=0.025,sink=kafka-1}"] == 1
    assert found["weirlog_delivery_seconds_sum{sink=kafka-1}"] == pytest.approx(0.02)


def test_version_model_and_process_are_told(metrics: PrometheusMetrics) -> None:
    metrics.set_model("default", "abc")
    metrics.set_model("other", "def")
    found = samples(metrics)
    assert found["weirlog_build_info{version=1.2.3}"] == 1
    assert [name for name in found if name.startswith("weirlog_model_info")] == [
        "weirlog_model_info{digest=def,name=other}"
    ]
    assert found["process_resident_memory_bytes{}"] > 1e6


def test_two_keepers_do_not_share_figures(metrics: PrometheusMetrics) -> None:
    other = PrometheusMetrics("1.2.3")
    metrics.count("alerts_total")
    assert samples(other)["weirlog_alerts_total{}"] == 0


def test_series_of_what_is_configured_begin_at_zero(metrics: PrometheusMetrics) -> None:
    metrics.expect(["file-0"], ["kafka-0"])
    found = samples(metrics)
    assert found["weirlog_records_read_total{source=file-0}"] == 0
    assert found["weirlog_alerts_delivered_total{sink=kafka-0}"] == 0
    assert found["weirlog_dead_letters_total{stage=parse}"] == 0


@pytest.mark.parametrize("labels", [{}, {"sink": "x"}, {"source": "x", "sink": "y"}])
def test_wrong_labels_are_an_error_even_after_right_ones(metrics: PrometheusMetrics, labels: dict[str, str]) -> None:
    metrics.count("records_read_total", source="x")
    with pytest.raises(KeyError, match="has the labels"):
        metrics.count("records_read_total", **labels)


def test_an_unknown_metric_is_an_error(metrics: PrometheusMetrics) -> None:
    with pytest.raises(KeyError):
        metrics.count("nonsense_total")  # type: ignore[arg-type]


def test_label_values_are_bounded_in_length_and_number(metrics: PrometheusMetrics) -> None:
    metrics.count("attacks_total", kind="\x1b\n" + "k" * 10_000)
    for number in range(3 * CHILDREN_LIMIT):
        metrics.count("attacks_total", kind=f"kind{number}")
    kinds = [name for name in samples(metrics) if name.startswith("weirlog_attacks_total")]
    assert len(kinds) == CHILDREN_LIMIT + 1
    assert samples(metrics)["weirlog_attacks_total{kind=other}"] == 2 * CHILDREN_LIMIT + 1
    assert max(map(len, kinds)) < 200


def test_counting_from_many_threads_loses_nothing(metrics: PrometheusMetrics) -> None:
    def count() -> None:
        for _ in range(1000):
            metrics.count("attacks_total", kind="sqli")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert samples(metrics)["weirlog_attacks_total{kind=sqli}"] == 4000


def test_the_snapshot_is_plain_json_by_metric_and_label(metrics: PrometheusMetrics) -> None:
    metrics.count("attacks_total", 2, kind="sqli")
    metrics.gauge("source_lag", 7, source="file-0")
    snapshot = metrics.snapshot()
    assert json.loads(json.dumps(snapshot)) == snapshot
    assert snapshot["attacks_total"] == {"sqli": 2}
    assert snapshot["source_lag"] == {"file-0": 7}
    assert snapshot["alerts_total"] == {"": 0}


def test_the_example_rules_ask_for_metrics_that_exist(metrics: PrometheusMetrics) -> None:
    metrics.expect(["s"], ["s"])
    metrics.count("attacks_total", kind="k")
    known = {name.split("{")[0] for name in samples(metrics)}
    rules: Any = yaml.safe_load((Path(__file__).parents[1] / "deploy/prometheus-rules.yaml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    words = {
        word for text in expressions for word in text.replace("(", " ").replace("[", " ").replace(")", " ").split()
    }
    asked = {word.split("{")[0] for word in words if word.startswith(PREFIX)}
    assert len(asked) > 5
    assert asked <= known
