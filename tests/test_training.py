from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
import pytest
from artifacts import random_artifact
from suspicious import ATTACKS, HARMLESS

from weirlog.models import pool as models_pool
from weirlog.models import rival
from weirlog.models.artifact import load
from weirlog.models.corpus import traffic
from weirlog.models.dataset import Row
from weirlog.models.default_quality import files_seen
from weirlog.models.default_thresholds import score_injections, score_texts
from weirlog.models.default_training import main, mean_model, mean_weights
from weirlog.models.engines.numpy import NumpyEngine
from weirlog.models.errors import DatasetError
from weirlog.models.examples import UNKNOWN_KIND, batches, examples
from weirlog.models.pool import LONGEST, Draw, Pool, add_long, add_spliced
from weirlog.models.presets import PRESETS
from weirlog.models.request import Request
from weirlog.models.text import text_preparation
from weirlog.models.tokenizer import Tokenizer, pad
from weirlog.models.training import Settings, kind_indices, kind_names, split_rows, threshold_at, train

RANDOM = np.random.default_rng(0)


def made(texts, limit=100):
    tokenizer = Tokenizer.fit(texts, level="character")
    return tokenizer, examples(texts, [0] * len(texts), [UNKNOWN_KIND] * len(texts), tokenizer, limit=limit)


def test_padding_a_batch_is_what_the_tokenizer_does():
    texts = ["", "a", "abc", "cabbage", "x" * 30]
    tokenizer, data = made(texts)
    rows = np.arange(5)
    assert (data.padded(rows, 10) == pad(tokenizer.encode(texts), 10)).all()
    assert (data.tokens(rows[::-1]).ids == tokenizer.encode(texts[::-1]).ids).all()


def test_a_row_longer_than_the_network_keeps_its_end():
    tokenizer, data = made(["abcdefgh"], limit=3)
    assert data.padded(np.array([0]), 3)[0].tolist() == tokenizer.encode(["fgh"]).ids.tolist()


def test_batches_hold_every_row_once_and_are_wide_enough():
    _, data = made(["x" * int(length) for length in RANDOM.integers(0, 90, 1000)])
    rows = RANDOM.permutation(1000)[:700]
    for shuffle in (None, np.random.default_rng(1)):
        seen = list(batches(data, rows, 64, limit=100, shuffle=shuffle))
        assert sorted(row for batch in seen for row in batch.rows) == sorted(rows)
        assert all(batch.ids.shape == (len(batch.rows), batch.ids.shape[1]) for batch in seen)
        assert all((batch.ids != 0).sum() == data.lengths[batch.rows].sum() for batch in seen)


def test_the_reference_split_has_the_published_sizes():
    split = split_rows(26_773, 0.25, 0.25, seed=1)
    assert (len(split.train), len(split.validation), len(split.test)) == (15_060, 5_020, 6_693)
    assert sorted([*split.train, *split.validation, *split.test]) == list(range(26_773))


def test_a_split_by_origin_keeps_each_on_one_side():
    groups = [f"host{number % 23}" for number in range(2000)]
    split = split_rows(groups, 0.25, 0.25, seed=2)
    sides = [{groups[row] for row in part} for part in (split.train, split.validation, split.test)]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_the_threshold_keeps_to_the_rate_of_false_alerts():
    benign = RANDOM.random(20_000).astype(np.float32) ** 4
    threshold = threshold_at(benign, 0.001)
    assert (benign >= threshold).sum() <= 20
    assert (benign >= threshold - 0.01).sum() > 20


def test_the_threshold_lies_above_every_harmless_row_where_too_few_were_seen():
    benign = np.array([0.1, 0.2, 0.9], np.float32)
    assert benign.max() < threshold_at(benign, 0.0001) < 0.901


def test_mixed_attacks_have_no_kind():
    names = kind_names(["xss", None, "mixed", "sqli", "xss"])
    assert names == ("sqli", "xss")
    assert kind_indices(["xss", "mixed", None, "teapot"], names) == [1, UNKNOWN_KIND, UNKNOWN_KIND, UNKNOWN_KIND]


def test_an_epoch_draws_its_quota_of_each_group_without_repeating_itself():
    groups = ["a"] * 100 + ["b"] * 1000
    draw = Draw(groups, np.arange(1100), {"a": 300, "b": 200}, seed=1)
    epochs = [draw(epoch) for epoch in range(5)]
    assert all((epoch < 100).sum() == 100 and (epoch >= 100).sum() == 200 for epoch in epochs)
    assert len({row for epoch in epochs for row in epoch if row >= 100}) == 1000
    assert (draw(3) == epochs[3]).all()


def test_splicing_keeps_the_label_and_every_line():
    pool = Pool()
    pool.add("get /a\nq=' or 1=1", 1, "sqli", "file")
    pool.add("get /b\nx=1\ny=2", 0, None, "file")
    add_spliced(pool, seed=1, share=1.0)
    assert len(pool.texts) == 4
    assert pool.labels == [1, 0, 1, 0]
    assert pool.kinds == ["sqli", None, "sqli", None]
    assert {"get /a", "q=' or 1=1"} <= set(pool.texts[2].split("\n"))


def test_windows_of_long_bodies_fit_the_network_and_hold_both_labels():
    pool = Pool()
    add_long(pool, seed=4, count=200, group="long")
    assert len(pool.texts) == 200
    assert max(map(len, pool.texts)) <= LONGEST
    assert 40 < sum(pool.labels) < 120
    assert all((kind is not None) == bool(label) for kind, label in zip(pool.kinds, pool.labels, strict=True))


def test_a_window_holds_the_whole_attack_or_nothing_of_it(monkeypatch):
    attack = "<<the attack of " + "x" * 12 + " and no other>>"
    monkeypatch.setattr(models_pool, "attack_value", lambda chance, kind: attack)
    pool = Pool()
    add_long(pool, seed=4, count=300, group="long")
    assert [attack in text for text in pool.texts] == [bool(label) for label in pool.labels]
    assert not any("attack of" in text for text, label in zip(pool.texts, pool.labels, strict=True) if not label)
    front, back = ([attack in half(text) for text in pool.texts].count(True) for half in (first_half, second_half))
    assert min(front, back) > 30, "anywhere in it"


def test_what_a_training_keeps_is_the_mean_of_its_rounds():
    ends = [{"a": np.float32([1, 2]), "b": np.float32([[0]])}, {"a": np.float32([3, 6]), "b": np.float32([[1]])}]
    mean = mean_weights(ends)
    assert {name: array.tolist() for name, array in mean.items()} == {"a": [2, 4], "b": [[0.5]]}
    assert {array.dtype for array in mean.values()} == {np.dtype(np.float32)}


def test_the_mean_of_models_names_them_and_all_that_they_were_trained_with():
    models = [trained(random_artifact("detector", seed=seed), f"{seed}.csv") for seed in (1, 2)]
    mean = mean_model(models, "2026-01-01")
    for name, array in mean.weights.items():
        assert np.allclose(array, (models[0].weights[name] + models[1].weights[name]) / 2)
    assert set(mean.training["mean_of"]) == {model.digest for model in models}
    assert files_seen(mean) == {"1.csv": "digest of 1.csv", "2.csv": "digest of 2.csv"}
    assert mean.digest not in {model.digest for model in models}
    assert not mean.metrics


def trained(artifact, file):
    return replace(artifact, training={"files": {file: f"digest of {file}"}}, metrics={"measured": 1}, digest="")


def test_there_is_no_mean_of_models_of_another_shape(tmp_path, capsys):
    for name in ("detector", "lstm"):
        random_artifact(name).save(tmp_path / name)
    with pytest.raises(SystemExit) as ended:
        main(["mean", str(tmp_path / "detector"), str(tmp_path / "lstm"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "give models that refine the same one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def first_half(text):
    return text[: len(text) // 2]


def second_half(text):
    return text[len(text) // 2 :]


@dataclass
class Heard:
    steps: list = field(default_factory=list)
    epochs: list = field(default_factory=list)

    def step(self, **values):
        self.steps.append(values)

    def epoch(self, outcome):
        self.epochs.append(outcome)


def generated_rows(count):
    return [
        Row(row.request, row.label, row.kind, row.origin, "generated")
        for row in islice(traffic(11), 3 * count)
        if len(str(row.request.visible)) < 400
    ][:count]


@pytest.mark.tensorflow
def test_training_gives_an_artifact_that_serves_what_it_learnt(tmp_path):
    pytest.importorskip("tensorflow", reason="the extra `train` is not installed")
    heard = Heard()
    rows = generated_rows(240)
    settings = Settings(epochs=2, batch_size=32, seed=3, warm_up=0.1, decay=True, tensorboard=tmp_path / "boards")
    outcome = train(rows, PRESETS["detector"], name="tiny", created="2026-01-01", settings=settings, progress=heard)
    again = train(
        rows,
        PRESETS["detector"],
        name="tiny",
        created="2026-01-01",
        settings=Settings(epochs=2, batch_size=32, seed=3, warm_up=0.1, decay=True),
    )
    assert [epoch.number for epoch in heard.epochs] == [1, 2]
    assert heard.steps[-1]["step"] == heard.steps[-1]["steps"]
    assert heard.steps[-1]["epoch"] == heard.steps[-1]["epochs"] == 2
    assert outcome.history[1].loss < outcome.history[0].loss
    assert list((tmp_path / "boards").iterdir())
    assert again.artifact.digest == outcome.artifact.digest

    outcome.artifact.save(tmp_path / "model")
    served = load(tmp_path / "model")
    prepare = text_preparation(served.text).prepare
    texts = [prepare(rows[row].request).text for row in outcome.split.test]
    scores = NumpyEngine(served).score(served.tokenizer.encode(texts)).probability
    # Training pads to its batch's width, serving to 1024: the state over pads has converged by then.
    np.testing.assert_allclose(scores, outcome.scores, atol=2e-3)


def test_too_few_rows_are_refused_before_anything_is_loaded():
    rows = [Row(Request({"method": "get", "path": "/"}), 0)] * 10
    with pytest.raises(DatasetError, match="the training part has 6 rows, not both labels"):
        train(rows, PRESETS["lstm"], name="x", created="2026-01-01")


def requests_with(value):
    yield {"method": "get", "query": {"q": value}, "path": "/search", "requestPayload": None}
    yield {
        "method": "post",
        "query": {},
        "path": "/api/v1/comments",
        "requestPayload": {"author": "Kim", "text": value},
    }
    yield {
        "method": "put",
        "query": {},
        "path": "/profile/12",
        "requestPayload": {"user": {"name": value, "lang": "en"}},
    }


@pytest.fixture(scope="module")
def shipped():
    return load("default")


def alerts(artifact, values):
    """Return (values, 3): whether each value alerts in each of three requests."""
    prepare = text_preparation(artifact.text).prepare
    texts = [prepare(Request(visible)).text for value in values for visible in requests_with(value)]
    return (score_texts(artifact, texts) >= artifact.threshold).reshape(-1, 3)


def test_the_shipped_model_lets_most_harmless_texts_pass_that_look_like_attacks(shipped):
    assert len(HARMLESS) > 100
    assert alerts(shipped, HARMLESS).mean() <= 0.03


def test_the_shipped_model_finds_attacks_of_every_family(shipped):
    assert len(ATTACKS) > 60
    assert alerts(shipped, [value for _, value in ATTACKS]).mean() >= 0.97


def test_a_request_for_what_should_not_be_there_is_no_injection(shipped):
    """Labelled files call injections attacks: a model that is measured on them is not asked about probes."""
    prepare = text_preparation(shipped.text).prepare
    asked = [{"method": "get", "path": "/.env"}, {"method": "get", "path": "/item", "query": {"id": "7' or '1'='1"}}]
    texts = [prepare(Request({"query": {}, **visible})).text for visible in asked]
    assert (score_texts(shipped, texts) >= shipped.threshold).tolist() == [True, True]
    probe, injection = score_injections(shipped, texts).tolist()
    assert probe < 0.1
    assert injection > shipped.threshold


def test_the_shipped_model_finds_attacks_in_new_synthetic_traffic(shipped):
    prepare = text_preparation(shipped.text).prepare
    taught = {*shipped.kinds, "benign"}
    # Harmless texts that look like attacks are another matter: test_detector_quality.py.
    drawn = traffic(424_242, attack_share=0.2, hard_share=0.0)
    rows = list(islice((row for row in drawn if row.kind in taught), 3000))
    scores = score_texts(shipped, [prepare(row.request).text for row in rows])
    labels = np.array([row.label for row in rows])
    found = scores >= shipped.threshold
    assert found[labels == 1].mean() >= 0.9
    assert found[labels == 0].mean() <= 0.003


@pytest.mark.parametrize(("command", "words"), [(main, ["train", "--out", "model"]), (rival.main, [])])
def test_a_file_to_leave_out_that_is_not_there_is_refused_by_its_name(tmp_path, capsys, command, words):
    """Each `--without` adds to those before it; of a misspelt one the figures would be of a model that had seen it."""
    (tmp_path / "shop.csv.gz").touch()
    (tmp_path / "portal.csv.gz").touch()
    left_out = ["--without", "shop", "--without", "portall"]
    with pytest.raises(SystemExit) as ended:
        command([*words, "--data", str(tmp_path), *left_out])
    assert ended.value.code == 2
    assert "--without portall: no such file; there are portal, shop" in capsys.readouterr().err


def test_a_model_of_another_shape_is_not_refined_and_its_layers_are_named(tmp_path, capsys):
    random_artifact("lstm").save(tmp_path / "other")
    with pytest.raises(SystemExit) as ended:
        main(["train", "--data", str(tmp_path), "--refine", str(tmp_path / "other"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "LSTM(64" in said
    assert "LSTM(80" in said
    assert not (tmp_path / "out").exists()
