"""Text of unknown origin, made fit for a terminal, a log file and a journal."""

from __future__ import annotations

import re

# What moves a cursor, ends a line or turns text around: C0, DEL and C1, the line and paragraph separators, the
# bidirectional marks, embeddings, overrides and isolates ("Trojan Source", CVE-2021-42574), zero-width and invisible
# characters that hide text, and lone surrogates, which no UTF-8 stream can carry.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str, limit: int = 512) -> str:
    r"""Return `text` on one line with unsafe characters as `\xNN` or `\uNNNN`, cut to `limit` characters.

    What is cut says how much: "… (+1200)". Works on no more than `limit` characters, however long the text is.
    """
    kept = _UNSAFE.sub(_escaped, text[:limit])
    if len(text) <= limit and len(kept) <= limit:
        return kept
    # Escapes lengthen: a flood of control characters must not become six times the limit.
    kept = kept[:limit]
    return f"{kept}… (+{max(len(text) - limit, 0)})"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
