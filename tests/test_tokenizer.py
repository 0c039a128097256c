"""Tokenizing as Keras does, a whole micro-batch at once."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weirlog.models.engines import TokenBatch
from weirlog.models.errors import ArtifactError
from weirlog.models.tokenizer import WORD_FILTERS, Level, Tokenizer, pad

TEXTS = st.lists(st.text(st.sampled_from('abcAB \n\t"{}:é€İΣςß😀\ud800'), max_size=30), max_size=6)


def keras_tokens(text: str, level: Level, lower: bool) -> list[str]:
    """Keras' own steps, spelt out: lower-case, and for words filter and split at spaces."""
    text = text.lower() if lower else text
    if level == "character":
        return list(text)
    for character in WORD_FILTERS:
        text = text.replace(character, " ")
    return [word for word in text.split(" ") if word]


def keras_index(texts: Sequence[str], level: Level, lower: bool) -> dict[str, int]:
    """Frequency ranks from 1, ties in order of first appearance."""
    counts: dict[str, int] = {}
    for text in texts:
        for token in keras_tokens(text, level, lower):
            counts[token] = counts.get(token, 0) + 1
    return {token: rank for rank, (token, _) in enumerate(sorted(counts.items(), key=lambda item: -item[1]), start=1)}


def rows(batch: TokenBatch) -> list[list[int]]:
    return [row.tolist() for row in np.split(batch.ids, np.cumsum(batch.lengths)[:-1])] if len(batch) else []


@settings(deadline=None, max_examples=150)
@given(
    fitted=TEXTS,
    texts=TEXTS,
    level=st.sampled_from(["character", "word"]),
    lower=st.booleans(),
    num_words=st.none() | st.integers(1, 8),
)
def test_fitting_and_encoding_are_keras_definition(
    fitted: list[str], texts: list[str], level: Level, lower: bool, num_words: int | None
) -> None:
    tokenizer = Tokenizer.fit(fitted, level=level, lower=lower, num_words=num_words)
    index = keras_index(fitted, level, lower)
    assert dict(tokenizer.index) == index
    expected = [
        [
            index[token]
            for token in keras_tokens(text, level, lower)
            if token in index and (num_words is None or index[token] < num_words)
        ]
        for text in texts
    ]
    batch = tokenizer.encode(texts)
    assert rows(batch) == expected
    assert batch.ids.dtype == batch.lengths.dtype == np.int32
    assert all(0 < number < tokenizer.size for number in batch.ids.tolist())


@settings(deadline=None, max_examples=150)
@given(text=st.text(max_size=60), level=st.sampled_from(["character", "pair", "word"]), lower=st.booleans())
def test_offsets_are_the_encoding_with_the_place_of_every_token(text: str, level: Level, lower: bool) -> None:
    tokenizer = Tokenizer.fit([text[::2], text], level=level, lower=lower)
    ids, starts = tokenizer.offsets(text)
    assert ids.tolist() == tokenizer.encode([text]).ids.tolist()
    tokens = {number: token for token, number in tokenizer.index.items()}
    for number, start in zip(ids.tolist(), starts.tolist(), strict=True):
        # "İ" is two characters in lower case, which start at the same place; a final "Σ" is written "ς".
        origin = text[start].lower() if lower else text[start]
        own = number % (len(tokens) + 1) if level == "pair" else number
        assert tokens[own][0] in origin + "ς"
    assert starts.tolist() == sorted(starts.tolist())


def test_the_reference_line_has_the_published_first_ids() -> None:
    order = '"et:asour,dlphyqc{}m'
    tokenizer = Tokenizer(level="character", lower=True, index={token: rank for rank, token in enumerate(order, 1)})
    line = '{"method":"post","query":{},"path":"/login","statusCode":401}'
    expected = [18, 1, 20, 2, 3, 14, 7, 11, 1, 4, 1, 13, 7, 6, 3, 1, 10, 1, 16, 8]
    assert tokenizer.encode([line]).ids[:20].tolist() == expected


def test_cased_characters_stay_apart() -> None:
    """Keras 2.0.5, which the deployed reference models come from, did not lower-case characters."""
    cased = Tokenizer.fit(["aAa"], level="character", lower=False)
    assert dict(cased.index) == {"a": 1, "A": 2}
    assert cased.encode(["Aa"]).ids.tolist() == [2, 1]


def test_a_pair_is_a_character_and_the_one_before_it() -> None:
    tokenizer = Tokenizer.fit(["aab"], level="pair")
    assert dict(tokenizer.index) == {"a": 1, "b": 2}
    assert tokenizer.size == 9
    # Nothing stands before a text's first character, and what is unknown stands before none.
    assert rows(tokenizer.encode(["ab", "b", "", "xbxa"])) == [[1, 3 + 2], [2], [], [2, 2 * 3 + 1]]
    assert rows(tokenizer.encode(["ba", "", ""])) == [[2, 7], [], []]


def test_size_counts_the_pad_and_follows_num_words() -> None:
    assert Tokenizer.fit(["abc"], level="character").size == 4
    assert Tokenizer.fit([], level="character").size == 1
    assert Tokenizer.fit(["a b"], level="word", num_words=10_000).size == 10_000


def test_an_empty_batch_and_empty_texts_have_no_ids() -> None:
    tokenizer = Tokenizer.fit(["ab"], level="character")
    assert len(tokenizer.encode([])) == 0
    assert tokenizer.encode(["", "xyz", ""]).lengths.tolist() == [0, 0, 0]


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 9), max_size=5),
    length=st.integers(0, 6),
    padding=st.sampled_from(["pre", "post"]),
    truncating=st.sampled_from(["pre", "post"]),
)
def test_padding_is_keras_pad_sequences(lengths: list[int], length: int, padding: str, truncating: str) -> None:
    sequences = [list(range(1, count + 1)) for count in lengths]
    batch = TokenBatch(
        np.asarray([number for sequence in sequences for number in sequence], np.int32), np.asarray(lengths, np.int32)
    )
    expected = []
    for sequence in sequences:
        kept = (sequence[-length:] if truncating == "pre" else sequence[:length]) if length else []
        zeros = [0] * (length - len(kept))
        expected.append(zeros + kept if padding == "pre" else kept + zeros)
    padded = pad(batch, length, padding=padding, truncating=truncating)  # type: ignore[arg-type]  # drawn literals
    assert padded.shape == (len(lengths), length)
    assert padded.tolist() == expected


@pytest.mark.parametrize("level", ["character", "pair", "word"])
def test_json_brings_back_the_same_tokenizer(level: Level) -> None:
    tokenizer = Tokenizer.fit(['the "cat"\ud800', "the dog"], level=level, num_words=3)
    assert Tokenizer.from_json(json.loads(json.dumps(tokenizer.to_json()))) == tokenizer


@pytest.mark.parametrize(
    "change",
    [
        {"level": "sentence"},
        {"level": ["word"]},
        {"lower": 1},
        {"filters": None},
        {"num_words": 0},
        {"num_words": True},
        {"index": []},
        {"index": {"a": 0}},
        {"index": {"a": 1.0}},
        {"index": {"a": True}},
        {"index": {"a": 2**40}},
        {"index": {"a": 1, "b": 1}},
        {"index": {"ab": 1}},
        {"index": {"": 1}},
        {"extra": 1},
    ],
)
def test_a_malformed_tokenizer_is_an_artifact_error(change: dict[str, object]) -> None:
    good = Tokenizer.fit(["ab"], level="character").to_json()
    assert Tokenizer.from_json(good).size == 3
    with pytest.raises(ArtifactError, match="tokenizer"):
        Tokenizer.from_json(good | change)


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_tokenizer_at_all_is_an_artifact_error(value: object) -> None:
    with pytest.raises(ArtifactError, match="expected an object"):
        Tokenizer.from_json(value)


@pytest.mark.tensorflow
def test_keras_own_legacy_tokenizer_agrees() -> None:
    pytest.importorskip("keras")
    from keras.src.legacy.preprocessing.text import Tokenizer as KerasTokenizer  # noqa: PLC0415  # loads for seconds

    fitted = ['{"method":"post","query":{}}', "Été\n\tà 'l’OR' 1=1--", "the cat. The CAT, a dog"]
    texts = [*fitted, "dog cat zebra €", ""]
    theirs = KerasTokenizer(filters="\t\n", char_level=True)
    theirs.fit_on_texts(fitted)
    ours = Tokenizer.fit(fitted, level="character")
    assert dict(ours.index) == theirs.word_index
    assert rows(ours.encode(texts)) == theirs.texts_to_sequences(texts)
    theirs = KerasTokenizer(num_words=4)
    theirs.fit_on_texts(fitted)
    ours = Tokenizer.fit(fitted, level="word", num_words=4)
    assert dict(ours.index) == theirs.word_index
    assert rows(ours.encode(texts)) == theirs.texts_to_sequences(texts)
