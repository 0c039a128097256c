"""Attack values by kind, and the spellings that people try them in."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from weirlog.models.corpus.command_injection import COMMAND_GRAMMAR
from weirlog.models.corpus.grammar import Chance, Grammar
from weirlog.models.corpus.markup_injection import MARKUP_GRAMMAR
from weirlog.models.corpus.probes import PROBE_GRAMMAR
from weirlog.models.corpus.sql_injection import SQL_GRAMMAR
from weirlog.models.corpus.written import written_attack

_RULES: Final = MappingProxyType(
    {
        "sqli": (SQL_GRAMMAR, "sqli", 30),
        "nosqli": (SQL_GRAMMAR, "nosqli", 14),
        "xss": (MARKUP_GRAMMAR, "xss", 18),
        "path-traversal": (MARKUP_GRAMMAR, "traversal", 12),
        "cmdi": (COMMAND_GRAMMAR, "cmdi", 18),
        "ssti": (MARKUP_GRAMMAR, "ssti", 8),
        "code": (COMMAND_GRAMMAR, "code", 10),
        "ssrf": (MARKUP_GRAMMAR, "ssrf", 14),
        "rfi": (MARKUP_GRAMMAR, "rfi", 8),
        "xxe": (MARKUP_GRAMMAR, "xxe", 4),
        "crlf": (COMMAND_GRAMMAR, "crlf", 7),
        "jndi": (COMMAND_GRAMMAR, "jndi", 4),
        "ldapi": (COMMAND_GRAMMAR, "ldapi", 3),
        "xpath": (COMMAND_GRAMMAR, "xpath", 3),
        "ssi": (MARKUP_GRAMMAR, "ssi", 4),
        "deserialization": (COMMAND_GRAMMAR, "deserialization", 8),
        "probe": (PROBE_GRAMMAR, "probe", 24),
    }
)
KINDS: Final = tuple(_RULES)
"""Every kind of attack, by the name that the field uses."""
SELF_CONTAINED: Final = ("sqli", "xss", "cmdi", "ssti", "code", "jndi", "xxe", "ssi")
"""Attacks wherever they stand. An internal address in prose is none, nor is a line feed."""
WRITTEN: Final = 0.55
"""Share of attacks that were written one by one."""
_WEIGHTED: Final = tuple(kind for kind, (_, _, weight) in _RULES.items() for _ in range(weight))


def attack_kind(chance: Chance) -> str:
    """Return a kind, the common ones more often."""
    return chance.pick(_WEIGHTED)


def attack_value(chance: Chance, kind: str) -> str:
    """Return one attack of a kind, as its grammar spells it or as it was written.

    Raises:
        KeyError: `kind` is none of `KINDS`.
    """
    grammar: Grammar
    grammar, rule, _ = _RULES[kind]
    if chance.maybe(WRITTEN):
        return written_attack(chance, kind)
    return grammar.draw(chance, rule)
