"""Text → token ids with the semantics of Keras' legacy `Tokenizer`, at character and at word level.

Keras: https://github.com/keras-team/keras/blob/v2.15.0/keras/preprocessing/text.py. Index 0 pads; index 1 is the most
frequent token, ties in order of first appearance; what fitting has not seen is dropped. At character level Keras
applies no filters. Keras 2.0.5 did not lower-case characters: that is `lower=False`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from weirlog.models.engines import IntArray, TokenBatch
from weirlog.models.errors import ArtifactError

Level = Literal["character", "pair", "word"]

WORD_FILTERS: Final = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
"""What Keras takes out of texts at word level by default."""
VOCABULARY_LIMIT: Final = 10_000_000
"""The largest id that an artifact may name."""


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A fitted tokenizer. Thread-safe.

    Attributes:
        level: whether a token is a character, a character with the one before it, or a word between spaces. A pair's id is
            the id before × (all characters + 1) + its own; before a text's first character stands 0.
        lower: whether texts are lower-cased first.
        index: token → id, from 1.
        num_words: only ids below this are given out (Keras keeps num_words − 1 tokens), or None.
        filters: at word level, characters that count as a space.
    """

    level: Level
    lower: bool
    index: Mapping[str, int]
    num_words: int | None = None
    filters: str = WORD_FILTERS
    _single: int = field(init=False, repr=False, compare=False)
    _table: IntArray = field(init=False, repr=False, compare=False)
    _spaces: Mapping[int, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for token, number in self.index.items():
            if number < 1 or (self.level != "word" and len(token) != 1):
                raise ArtifactError(f"tokenizer: {token!r} → {number} is no {self.level} with an id of at least 1")
        object.__setattr__(self, "index", MappingProxyType(dict(self.index)))
        single = max(self.index.values(), default=0) + 1 if self.num_words is None else self.num_words
        object.__setattr__(self, "_single", single)
        table = np.zeros(0, np.int32)
        if self.level != "word":
            kept = {ord(token): number for token, number in self.index.items() if self._keeps(number)}
            table = np.zeros(max(kept, default=0) + 2, np.int32)  # the last stands for every code beyond
            table[list(kept)] = list(kept.values())
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_spaces", str.maketrans(dict.fromkeys(self.filters, " ")))

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        level: Level,
        lower: bool = True,
        num_words: int | None = None,
        filters: str = WORD_FILTERS,
    ) -> Tokenizer:
        """Return the tokenizer that Keras' `fit_on_texts(texts)` makes. Memory grows with the vocabulary alone."""
        empty = cls(level=level, lower=lower, index={}, num_words=num_words, filters=filters)
        counts: Counter[str] = Counter()  # keeps first appearance; sorting is stable
        for text in texts:
            counts.update(empty._tokens(text))
        ranked = sorted(counts, key=counts.__getitem__, reverse=True)
        index = {token: number for number, token in enumerate(ranked, start=1)}
        return cls(level=level, lower=lower, index=index, num_words=num_words, filters=filters)

    @property
    def size(self) -> int:
        """The input dimension of the network's embedding: above every id, the pad id 0 counted; `num_words` if given."""
        return self._single**2 if self.level == "pair" else self._single

    def encode(self, texts: Sequence[str]) -> TokenBatch:
        """Return the ids of `texts`, what is unknown dropped. At character level Python does nothing per character."""
        if self.level == "word":
            rows = [[self.index[word] for word in self._tokens(text) if self._knows(word)] for text in texts]
            lengths = np.fromiter(map(len, rows), np.int32, len(rows))
            return TokenBatch(np.fromiter((number for row in rows for number in row), np.int32), lengths)
        if self.lower:
            texts = [text.lower() for text in texts]
        ids = self._lookup("".join(texts))
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
        known = ids != 0
        if not known.all():
            ends, ids = np.concatenate(([0], np.cumsum(known)))[ends], ids[known]
        return TokenBatch(self._paired(ids, ends[:-1]), np.diff(ends, prepend=0).astype(np.int32))

    def offsets(self, text: str) -> tuple[IntArray, IntArray]:
        """Return the ids of one text and, for each, the character of `text` where its token starts."""
        if self.level == "word":
            return self._word_offsets(text)
        starts = np.arange(len(text), dtype=np.int32)
        if self.lower:
            lowered = text.lower()
            if len(lowered) != len(text):  # "İ" has two characters in lower case
                # Lower-casing depends on neighbours (final sigma) but never in how many characters come of one.
                starts = np.repeat(starts, [len(character.lower()) for character in text])
            text = lowered
        ids = self._lookup(text)
        known = ids != 0
        return self._paired(ids[known], np.zeros(0, np.int64)), starts[known]

    def to_json(self) -> dict[str, object]:
        """Return what `from_json` reads."""
        return {
            "level": self.level,
            "lower": self.lower,
            "index": dict(self.index),
            "num_words": self.num_words,
            "filters": self.filters,
        }

    @classmethod
    def from_json(cls, value: object) -> Tokenizer:
        """Return the tokenizer that `to_json` described.

        Raises:
            ArtifactError: a field is missing, unknown, of the wrong type or out of its range.
        """
        fields = {"level", "lower", "index", "num_words", "filters"}
        if not isinstance(value, dict) or value.keys() != fields:
            raise ArtifactError(f"tokenizer: expected an object with exactly {', '.join(sorted(fields))}")
        level, lower, index, num_words, filters = (
            value[key] for key in ("level", "lower", "index", "num_words", "filters")
        )
        if level not in ("character", "pair", "word") or not isinstance(lower, bool) or not isinstance(filters, str):
            raise ArtifactError("tokenizer: `level` is character, pair or word, `lower` true or false, `filters` text")
        if num_words is not None and (type(num_words) is not int or num_words < 1):
            raise ArtifactError(f"tokenizer: `num_words` is null or at least 1, not {num_words!r}")
        if not isinstance(index, dict) or not all(
            isinstance(token, str) and type(number) is int and 1 <= number <= VOCABULARY_LIMIT
            for token, number in index.items()
        ):
            raise ArtifactError(f"tokenizer: `index` maps tokens to ids from 1 to {VOCABULARY_LIMIT}")
        if len(set(index.values())) != len(index):
            raise ArtifactError("tokenizer: `index` gives one id to two tokens")
        return cls(level=level, lower=lower, index=index, num_words=num_words, filters=filters)

    def _keeps(self, number: int) -> bool:
        return self.num_words is None or number < self.num_words

    def _knows(self, token: str) -> bool:
        number = self.index.get(token)
        return number is not None and self._keeps(number)

    def _tokens(self, text: str) -> Sequence[str]:
        """Return a text's tokens in Keras' order of steps: lower-case, filter, split."""
        if self.lower:
            text = text.lower()
        if self.level != "word":
            return text
        return [word for word in text.translate(self._spaces).split(" ") if word]

    def _paired(self, ids: IntArray, starts: npt.NDArray[np.int64]) -> IntArray:
        """Return the ids of what characters are tokens of; `starts`: where texts begin behind the first."""
        if self.level != "pair" or not len(ids):
            return ids
        before = np.zeros_like(ids)
        before[1:] = ids[:-1]
        before[starts[starts < len(ids)]] = 0
        return before * self._single + ids

    def _lookup(self, text: str) -> IntArray:
        """Return the id of every character, 0 for an unknown one."""
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        return self._table.take(codes, mode="clip")

    def _word_offsets(self, text: str) -> tuple[IntArray, IntArray]:
        origins = None
        lowered = text.lower() if self.lower else text
        if len(lowered) != len(text):
            origins = np.repeat(np.arange(len(text)), [len(character.lower()) for character in text])
        ids, starts = [], []
        position = 0
        for word in lowered.translate(self._spaces).split(" "):
            if word and self._knows(word):
                ids.append(self.index[word])
                starts.append(position if origins is None else int(origins[position]))
            position += len(word) + 1
        return np.asarray(ids, np.int32), np.asarray(starts, np.int32)


def pad(
    batch: TokenBatch,
    length: int,
    *,
    padding: Literal["pre", "post"] = "pre",
    truncating: Literal["pre", "post"] = "pre",
) -> IntArray:
    """Return (n, length) int32 as Keras' `pad_sequences` does: zeros in front, the last ids kept."""
    rows = np.zeros((len(batch), length), np.int32)
    ends = np.cumsum(batch.lengths, dtype=np.int64)
    for row, end, count in zip(rows, ends.tolist(), batch.lengths.tolist(), strict=True):
        kept = min(count, length)
        if not kept:
            continue
        start = end - kept if truncating == "pre" else end - count
        row[length - kept if padding == "pre" else 0 : length if padding == "pre" else kept] = batch.ids[
            start : start + kept
        ]
    return rows
