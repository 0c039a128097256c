"""The training report as HTML: everything inside the page, nothing from elsewhere, and every text escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

TEXT_CHARACTERS: Final = 1_200
"""How much of a request is shown; the rest is counted."""

_STYLE: Final = """
:root { color-scheme: light dark; --text: light-dark(#1c2330, #dfe5ee); --faint: light-dark(#5b6675, #93a0b3);
  --ground: light-dark(#f7f9fb, #12161d); --card: light-dark(#fff, #1a202a); --line: light-dark(#dde3ea, #2b3442);
  --mark: light-dark(#a8201a, #ff9088); }
body { margin: 0 auto; max-width: 76rem; padding: 1rem 1.2rem 3rem; background: var(--ground); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
p, figcaption { color: var(--faint); margin: .3rem 0; max-width: 60rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 32rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: .7rem; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
figure img { width: 100%; height: auto; border-radius: 4px; background: #fff; }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--line); }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--faint); font-weight: 500; } td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
pre { margin: .2rem 0; font: .85rem/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  max-height: 16rem; overflow: auto; direction: ltr; unicode-bidi: bidi-override; }
b { color: var(--mark); font-weight: 600; }
"""


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture of the report.

    Attributes:
        title: what it shows, which is its description for those who cannot see it as well.
        caption: how to read it.
        png: the picture.
    """

    title: str
    caption: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Mistake:
    """A request that the model judged wrongly: its score, and its text as the model read it."""

    score: float
    text: str


def page(title: str, *sections: str) -> str:
    """Return the whole page. `title` is escaped here; the sections are HTML already."""
    # The style is allowed by its hash, pictures as data alone: whatever a request text holds, nothing is run or loaded.
    style_hash = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'"
    body = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def heading(title: str, note: str = "") -> str:
    return f"<h2>{escape(title)}</h2>" + (f"\n<p>{escape(note)}</p>" if note else "")


def pictures(plots: Iterable[Plot]) -> str:
    return "<main>\n" + "\n".join(_picture(plot) for plot in plots) + "\n</main>"


def _picture(plot: Plot) -> str:
    encoded = base64.b64encode(plot.png).decode()
    return (
        f'<figure><img alt="{escape(plot.title)}" src="data:image/png;base64,{encoded}">'
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
    )


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values."""
    cells = "\n".join(f"<tr><th>{escape(name)}</th><td>{shown(value)}</td></tr>" for name, value in rows)
    return f"<table>\n{cells}\n</table>"


def mistakes(found: Sequence[Mistake], none: str) -> str:
    """Return the requests with their scores, or the sentence `none`."""
    if not found:
        return f"<p>{escape(none)}</p>"
    rows = "\n".join(f"<tr><td>{row.score:.6f}</td><td><pre>{shown(row.text)}</pre></td></tr>" for row in found)
    return f"<table>\n<tr><th>score</th><th>text</th></tr>\n{rows}\n</table>"


def shown(text: str) -> str:
    r"""Return `text` as HTML in which every character is to be seen: `\xNN` and `\uNNNN` for what does not print.

    A line ends with a ⏎ of its own. At most `TEXT_CHARACTERS` are shown; what is cut says how much.
    """
    parts = [
        escape(character)
        if character.isprintable()
        else "<b>⏎</b>\n"
        if character == "\n"
        else f"<b>{_escape(character)}</b>"
        for character in text[:TEXT_CHARACTERS]
    ]
    if len(text) > TEXT_CHARACTERS:
        parts.append(f"<b>… (+{len(text) - TEXT_CHARACTERS})</b>")
    return "".join(parts)


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
