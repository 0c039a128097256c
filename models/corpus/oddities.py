"""Addresses as careless clients and old sites have them: parameters in paths, mangled links, what is left of a script.

Crawlers take for a link whatever stands between quotes in a script, mail programs break lines, programs forget to fill in
their templates, and logs escape what they do not know. None of it is an attack, and real logs are full of it.
"""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.drafts import Draft
from weirlog.models.corpus.grammar import Chance, Grammar

_NAMELESS: Final = (values.url, values.url, values.token, values.word, values.file_path, values.email, values.slug, values.invented, values.date)  # fmt: skip
_PROGRAMS: Final = ("id", "id", "id", "ls", "ps", "w", "cat", "top", "sort", "date", "time", "host", "file", "find", "more", "set", "who", "env", "cut", "head", "tail", "test", "at", "last", "type", "dir", "ver", "net", "ping")  # fmt: skip
"""Names of parameters that are names of programs too: behind `;` or `&` they are no command where a value follows."""
_ENDS: Final = ('"', ")", ">", ",", "\\", '"}', '">', ".", ");", "]", "&quot;", "%22", "…", "%", "%2", "*", "**", "_", "\\n", " (", "|", "\u200b", "\xad", "</a>", "<br", "\\\\")  # fmt: skip
"""What stays behind an address that was cut out of a text or a document."""
_STRANGE: Final = ("\x10", "\x03", "\xe4", "\ufffd", "Ã¼", "\\", "%", "%u00fc", "\\x16", "&amp;", "%25", "\t", "\x7f", "+", "%E4")  # fmt: skip
"""What a character becomes that went wrong on its way."""
_LEFT_OVER: Final = Grammar(
    {
        "name": ("«word»", "«word»", "«invented»", "«word»Id", "«word»«title»", "url", "id", "i", "a", "e", "t", "n", "this", "data", "item", "baseUrl"),
        "word": values.word,
        "invented": values.invented,
        "title": lambda chance: values.word(chance).title(),
        "digits": lambda chance: str(chance.number(0, 99)),
        "member": ("«name»", "«name»", "get«title»", "to«title»", "length", "«word»«title»", "value", "href", "src"),
        "chain": ("«name»", "«name».«member»", "«name».«member»", "«name».«member»[«index»].«member»", "«title».«member».«member»"),
        "index": ("i", "0", "«digits»", "'«word»'", "n-1"),
        "text": ("'«word»'", '"«word»"', "'/'", "''", "'#«word»'", "'«digits»x«digits»'", '".«word»"'),
        "argument": ("«text»", "«chain»", "«digits»", "!0", "null", "function(){", "{«name»:«chain»}"),
        "call": ("«chain»(«argument»)", "«chain»(«argument»,«argument»)", "«chain»()"),
        "value": ("«call»", "«chain»", "«chain»", "«text»", "«digits»", "«chain»+«text»"),
        "test": ("!«name»", "«chain»===«text»", "«name»<«digits»", "«name»&&«chain»", "«name»!==null"),
        "statement": ("«name»=«value»;", "return «value»", "return «value»}", "«call»;", "if(«test»)return «value»;", "var «name»=«value»;"),
        "joined": ("'+«value»+'", '"+«value»+"', "' + «chain» + '", "' «chain» '", '" «chain» "', "'+«value»", "+«chain»+", "'.$«name».'", "{$«name»}", "'%2B«name»%2B'"),
        "slot": ("{{«chain»}}", "{{ «chain» }}", "${«chain»}", "<%= «chain» %>", "#{«chain»}", "{«name»}", ":«name»", "<«name»>", "[«name»]", "%«name»%", "@«name»", "$«name»", "__«name»__", "{{=«call»}}", "{«digits»}", "%s", "%d", "%7B«name»%7D", "{%«name»%}"),
        "nothing": ("undefined", "null", "NaN", "[object Object]", "[object%20Object]", "undefinedundefined", "None", "false", "(none)", "#"),
        "script": (
            "function(«name»){«statement»", "function(){«statement»}", "function («name», «name») {", "javascript:«call»;", "javascript:void(0)",
            "javascript:;", "javascript:__doPostBack('«member»$«name»','')", "javascript:__doPostBack('«member»«digits»','«digits»')",
            "javascript:history.back()", "javascript:window.print();", "javascript:«member»('/«word»/«digits»',«digits»,«digits»)", "«call»;", "«call»", "«chain».«member»", "«statement»«statement»", "«name»|«name»|«name»/,", "«name»,«name»,«name»",
            "^«name»$/i", "[^/]+/«name»", "«test»)", "«value»;«statement»", "about:blank", "tel:+49«digits»«digits»«digits»", "mailto:«name»@«word».de",
            "«name»:hover", "//«name»", "/*«name»*/", "«name»?«text»:«text»", "data-«word»", "},«name»:«value»", "«name»={«name»:«text»",
        ),
    }
)  # fmt: skip


def left_over(chance: Chance) -> str:
    """Return what a crawler took for a link in a script, or a place in a template that nothing was filled into."""
    return _LEFT_OVER.draw(chance, chance.pick(("joined", "joined", "slot", "slot", "nothing", "script", "script")))


def garbled(text: str, chance: Chance) -> str:
    """Return a text cut short, with something left behind it, or with a character that went wrong."""
    match chance.number(0, 4):
        case 0:
            return text[: chance.number(1, max(1, len(text)))]
        case 1:
            return text[chance.number(0, len(text) // 2) :]
        case 2:
            place = chance.number(0, len(text))
            return text[:place] + chance.pick(_STRANGE) + text[place + chance.number(0, 1) :]
    return text + chance.pick(_ENDS)


def ask_oddly(draft: Draft, chance: Chance) -> None:
    """Change an address into one that is odd."""
    match chance.number(0, 9):
        case 0 | 1:
            draft.query[_nameless(chance)] = ""
        case 2 if draft.path:
            draft.path[-1] += chance.pick((";jsessionid=", ";sid=", ";v=")) + values.token(chance)
        case 3 if draft.path:
            joint = chance.pick((";", ";", "&", "&amp;", "/&amp;", "/&"))
            draft.path[-1] += "".join(joint + "=".join(_named(chance)) for _ in range(chance.number(1, 2)))
        case 4:
            for _ in range(chance.number(1, 3)):
                name, value = _named(chance)
                draft.query["amp;" + name] = value
        case 5:
            draft.path.insert(chance.number(0, len(draft.path)), left_over(chance))
        case 6 if draft.query:
            draft.query[chance.pick(tuple(draft.query))] = left_over(chance)
        case 7 if draft.path:
            draft.path[-1] = garbled(draft.path[-1], chance)
        case 8 if texts := [(name, value) for name, value in draft.query.items() if isinstance(value, str) and value]:
            name, value = chance.pick(texts)
            draft.query[name] = garbled(value, chance)
        case _:
            draft.path.insert(chance.number(0, len(draft.path)), chance.pick(("", "", values.url(chance), ".", "*~1*")))


def _nameless(chance: Chance) -> str:
    """Return what stands in a query in place of a name: the address to go on to, a number that defeats caches, a page."""
    if chance.maybe(0.7):
        return chance.pick(_NAMELESS)(chance)
    return str(chance.number(10**9, 2 * 10**12))


def _named(chance: Chance) -> tuple[str, str]:
    """Return a short parameter: its name and its value."""
    name = chance.pick(_PROGRAMS) if chance.maybe(0.6) else values.word(chance)
    if chance.maybe(0.4):
        return name, chance.pick((values.word, values.slug, values.date))(chance)
    return name, str(chance.number(0, 9_999))
