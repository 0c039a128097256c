"""The terminals of every grammar: ordinary values by the names that rules call them."""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Rules
from weirlog.models.corpus.words import ADJECTIVES, BRANDS, CITIES, EMOJI, FIRST_NAMES, LAST_NAMES, NOUNS, VERBS

TERMINALS: Final[Rules] = {
    "n": values.number,
    "d": lambda chance: str(chance.number(0, 9)),
    "small": lambda chance: str(chance.number(1, 30)),
    "nn": lambda chance: str(chance.number(1000, 9999)),
    "word": values.word,
    "noun": lambda chance: chance.pick(NOUNS),
    "verb": lambda chance: chance.pick(VERBS),
    "adjective": lambda chance: chance.pick(ADJECTIVES),
    "invented": values.invented,
    "name": values.name,
    "first": lambda chance: chance.pick(FIRST_NAMES),
    "last": lambda chance: chance.pick(LAST_NAMES),
    "city": lambda chance: chance.pick(CITIES),
    "brand": lambda chance: chance.pick(BRANDS),
    "slug": values.slug,
    "token": values.token,
    "hex": lambda chance: chance.letters(values.HEXADECIMAL, 6, 40),
    "rnd": lambda chance: chance.letters(values.ALPHANUMERIC, 3, 10),
    "host": values.host,
    "ip": values.ip,
    "email": values.email,
    "file": values.file_path,
    "date": values.date,
    "url": values.url,
    "local": values.development_url,
    "value": values.plain_value,
    "sentence": values.sentence,
    "paragraph": values.paragraph,
    "search": values.search,
    "foreign": values.foreign_words,
    "phone": values.phone,
    "json": values.json_text,
    "emoji": lambda chance: chance.pick(EMOJI),
}
