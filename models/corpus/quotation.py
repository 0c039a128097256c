"""Written passages as people quote them in posts, tickets and searches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance

_BRACES: Final = (
    (re.compile(r"\bself\b"), "this"),
    (re.compile(r"\bNone\b"), "null"),
    (re.compile(r"\bTrue\b"), "true"),
    (re.compile(r"\bFalse\b"), "false"),
    (re.compile(r"\bnot "), "!"),
    (re.compile(r" and "), " && "),
    (re.compile(r" or "), " || "),
    (re.compile(r"\bdef (\w+\(.*\)).*:$", re.MULTILINE), r"function \1 {"),
    (re.compile(r"\b(if|while|for) (.*):$", re.MULTILINE), r"\1 (\2) {"),
    (re.compile(r"\belse:$", re.MULTILINE), "} else {"),
    (re.compile(r"([\w)\]\"'])$", re.MULTILINE), r"\1;"),
    (re.compile(r"# "), "// "),
)


def quotation(chance: Chance, passages: Sequence[str]) -> str:
    """Return a passage as people quote it: whole or some lines of it, in two or alone, in another language's signs."""
    text = chance.pick(passages)
    lines = text.split("\n")
    if len(lines) > 1 and chance.maybe(0.3):
        start = chance.number(0, len(lines) - 1)
        text = "\n".join(lines[start : start + chance.number(1, 4)]).strip() or text
    if chance.maybe(0.2):
        text = with_braces(text)
    match chance.number(0, 9):
        case 0:
            return f"{values.sentence(chance)}{chance.pick((' ', chr(10)))}{text}"
        case 1:
            return f"{text}{chance.pick((' ', chr(10) * 2))}{chance.pick(passages)}"
        case 2:
            return chance.pick(("```\n{}\n```", "> {}", "<pre>{}</pre>", "`{}`", "“{}”", "{}?")).format(text)
    return text


def with_braces(program: str) -> str:
    """Return a program rewritten with the signs of languages that have braces: no compiler would take it, readers do."""
    for pattern, replacement in _BRACES:
        program = pattern.sub(replacement, program)
    return program
