"""Text of unknown origin, made fit for a terminal, a log file and a journal."""

from __future__ import annotations


def printable(text: str, limit: int = 512) -> str:
    r"""Return `text` on one line with unsafe characters as `\xNN` or `\uNNNN`, cut to `limit` characters.

    Unsafe is whatever Unicode does not count as printable: what moves a cursor, ends a line, hides or turns text around
    (bidirectional overrides, "Trojan Source", CVE-2021-42574), lone surrogates, unassigned code points, odd spaces.

    What is cut says how much: "… (+1200)". Works on no more than `limit` characters, however long the text is.
    """
    kept = text[:limit]
    if not kept.isprintable():
        kept = "".join(character if character.isprintable() else _escaped(character) for character in kept)
    if len(text) <= limit and len(kept) <= limit:
        return kept
    # Escapes lengthen: a flood of control characters must not become six times the limit.
    return f"{kept[:limit]}… (+{max(len(text) - limit, 0)})"


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
