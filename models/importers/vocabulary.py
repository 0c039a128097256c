"""A vocabulary file → the tokenizer that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from weirlog.models.errors import ArtifactError
from weirlog.models.tokenizer import VOCABULARY_LIMIT, Tokenizer
from weirlog.models.untrusted_file import parse_json, read

LIMIT_BYTES: Final = 64 << 20
"""A vocabulary of a million words takes 20 MiB."""


def character_vocabulary(content: bytes, where: str) -> Tokenizer:
    """Return the tokenizer of a cased character → index object.

    Raises:
        ArtifactError: it is no such object.
    """
    return _tokenizer(_index(parse_json(content, where), where), where, cased=True)


def read_vocabulary(path: Path, *, entries: int) -> Tokenizer:
    """Return the tokenizer of our own description, or of a Keras `word_index`: token → index.

    A `word_index` does not say all. Tokens of one character each make a character vocabulary, others a word vocabulary
    with Keras' default filters; texts are lower-cased unless a token has capitals; at word level, ids from `entries`
    on are never given out, as `num_words` has it. Our own description says each of these.

    Args:
        path: the file.
        entries: of the model's embedding, the pad counted.

    Raises:
        ArtifactError: it is neither, or holds a token that no text gives, as a mark for unknown words is.
    """
    where = str(path)
    value = parse_json(read(path, LIMIT_BYTES), where)
    if isinstance(value, dict) and isinstance(value.get("level"), str):
        try:
            return Tokenizer.from_json(value)
        except ArtifactError as error:
            raise ArtifactError(f"{where}: {error}") from error
    index = _index(value, where)
    words = max(index.values()) >= entries and any(len(token) != 1 for token in index)
    return _tokenizer(index, where, cased=False, num_words=entries if words else None)


def _tokenizer(index: Mapping[str, int], where: str, *, cased: bool, num_words: int | None = None) -> Tokenizer:
    characters = cased or all(len(token) == 1 for token in index)
    lower = not cased and all(token == token.lower() for token in index)
    try:
        tokenizer = Tokenizer(
            level="character" if characters else "word", lower=lower, index=index, num_words=num_words
        )
    except ArtifactError as error:
        raise ArtifactError(f"{where}: {error}") from error
    for token, number in index.items():
        kept = [number] if num_words is None or number < num_words else []
        if tokenizer.encode([token]).ids.tolist() != kept:
            raise ArtifactError(
                f"{where}: {token!r} → {number} is a token that no text gives; a mark for unknown words cannot be "
                "served. For other filters give weirlog's own tokenizer description"
            )
    return tokenizer


def _index(value: Any, where: str) -> Mapping[str, int]:
    if not isinstance(value, dict) or not value:
        raise ArtifactError(f"{where}: expected an object of tokens and their ids, as Keras' word_index")
    for token, number in value.items():
        if type(number) is not int or not 1 <= number <= VOCABULARY_LIMIT:
            raise ArtifactError(f"{where}: {token!r} → {number!r}: an id is a number from 1 to {VOCABULARY_LIMIT}")
    if len(set(value.values())) != len(value):
        raise ArtifactError(f"{where}: one id is given to two tokens; save the vocabulary again")
    return value
