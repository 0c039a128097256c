"""Harmless texts with the signs and words of attacks, for measuring alone: no model may be trained on them.

They share no rule and no word list with the generators of training (`harmless`, `values`): a detector that has merely
learnt those by heart is found out here.
"""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus.grammar import Chance, Grammar, Rules

_RULES: Final[Rules] = {
    "who": ["Aoife", "Tom O'Hare", "Mr D'Amico", "Renée", "Kwame", "the neighbour's kid", "Bjørn", "our plumber", "Ms Ng"],
    "thing": ["kettle", "bicycle", "garden shed", "tent", "piano", "bookshelf", "lamp", "raincoat", "boat", "wheelbarrow"],
    "place": ["Galway", "Val-d'Oise", "Leith", "the harbour", "Porto", "Sant'Anna", "King's Cross", "the old mill"],
    "verb": ["select", "drop", "insert", "join", "update", "order", "delete", "grant", "execute", "sort", "load", "echo"],
    "past": ["selected", "dropped off", "inserted", "joined", "updated", "ordered", "deleted", "granted", "echoed"],
    "field": ["weight", "colour", "arrival", "height_cm", "author", "grade", "rainfall", "seat", "postcode"],
    "relation": ["parcels", "birds", "timetable", "lodgers", "harvest_2023", "rivers", "choir", "ferries"],
    "digit": list("23456789"),
    "number": ["«digit»", "«digit»«digit»", "«digit»0", "1«digit»«digit»", "«digit».5"],
    "tool": ["sed", "jq", "ffmpeg", "pandoc", "rsync", "make", "convert", "xargs", "less"],
    "package": ["tideline", "hayloft", "moorhen", "saltmarsh", "fieldfare", "brook-js"],
    "town": ["Galway", "Leith", "the harbour", "Porto", "the old mill"],
    "reader": ["Aoife", "Tom", "the neighbour", "Kwame", "our plumber", "Ms Ng"],
    "plain": [
        "The «thing» stood in «town» for «number» years.", "We «past» a «thing» and left by the side door.",
        "In the morning «reader» went to «town» to look for the «thing».", "Nobody in «town» had seen so much rain.",
        "It takes about «number» minutes to walk from «town» to the station.", "The meeting moved to «number» o'clock.",
        "Please bring the «thing» back before the weekend, as «reader» needs it.", "There was bread, soup and a little cheese.",
    ],
    "reading": ["«plain» «plain» «plain» «plain»", "«plain» «plain» «plain»", "«plain» «plain» «plain» «plain» «plain» «plain»"],
    "query": [
        "SELECT «field» FROM «relation»", "SELECT «field», «field» FROM «relation» WHERE «field» > «number»",
        "SELECT MAX(«field») FROM «relation» GROUP BY «field»", "UPDATE «relation» SET «field» = «number» WHERE «field» = '«place»'",
        "SELECT a.«field» FROM «relation» a LEFT JOIN «relation» b USING («field»)",
        "DELETE FROM «relation» WHERE «field» IS NULL OR «field» < «number»",
        "SELECT «field» FROM «relation» WHERE «field» LIKE 'S%' UNION ALL SELECT «field» FROM «relation»",
    ],
    "lesson": [
        "Unit «number»: what does `«query»` give if «field» is empty?", "Task «digit» -- rewrite \"«query»\" without the condition.",
        "The solution to question «digit» is:\n\n    «query»;\n\nbecause «field» isn't unique.",
        "«who» asks: why is «query» so slow on «number» million rows?", "Hint: «verb» first, then «verb»; «query» comes last.",
        "Grading scheme: «digit» points for «query», one point off if «field» isn't quoted.",
    ],
    "chatter": [
        "«who» said \"«verb» it or «verb» it\" & left -- isn't that odd?", "can u «verb» the «thing»?? it's > «number» kg & won't fit ;(",
        "Table «digit»: «who» + «digit» guests; no nuts, 'no' gluten -- thanks!", "«thing» ('used', £«number») or «thing» (new; €«number»)?",
        "«place» -> «place»: «number» km; «place» <- «place»: «number» km", "It's «who»'s «thing»; «who»'s one is in «place» #«number»",
        "Where and when do we «verb»? From «place» or from «place»? Having a «thing» helps.", "100% of «number» = «number»; 1 = 1, of course",
        "Choir: 'Auld Lang Syne' and/or \"Danny Boy\"; «who» plays the «thing»", "«number»' x «number»' plot; «digit» 1/2\" nails; «number»% off",
        "P.S. «who» hasn't «past» the «thing»; I've «past» mine -- all good :-)", "«verb» | «verb» | «verb» & a «thing»: pick «digit»",
    ],
    "terminal": [
        "How do I pipe «tool» into «tool»? I tried `«tool» -r notes.txt | «tool» > out.txt`", "`«tool» --help && «tool» --version` works for me; `«tool»` alone doesn't",
        "Makefile:«number»: recipe for target 'all' failed; see ~/logs/«package».log", "pip install '«package»>=«digit».«digit»,<«digit»' -- mind the quotes",
        "for f in *.svg; do «tool» \"$f\" \"${f%.svg}.png\"; done is in the readme of «package»", "export «package»_HOME=$HOME/opt; then run bin/«tool» -j«digit»",
        "«package»/src/../include/«field».h:«number»:«digit»: error: expected ';' before '}' token", "Config is read from /etc/«package»/«package».toml, else ~/.config/«package»",
    ],
    "source": [
        "const «field» = rows.map(({ «field» }) => `${«field»}px`).join(', ');", "if («field» != null && «field».length > «digit») { «verb»(«field»[0]); }",
        "assert «package».«verb»('«thing»') == {'«field»': [«digit», «digit»]}, \"wrong «field»\"", "let «field» = «relation».iter().filter(|r| r.«field» > «number»).count();",
        "<li v-for=\"r in «relation»\" :key=\"r.id\">{{ r.«field» }}</li> shows nothing", "<button type=\"submit\" class=\"btn\" disabled>«verb» the «thing»</button>",
        "«field» = \"«place»\" # don't «verb» before «package» «digit».«digit»", "(?:«thing»|«thing»)s?\\b[^\"']{0,«digit»}$", "printf '%s\\n' \"«who»\" | sort -u",
        "@include «verb»($«field»: «number»px) { &:not(.«field») > a::after { content: \"\\201C\"; } }",
    ],
    "record": [
        "{\"«field»\": \"«who»\", \"«field»\": [«number», null, \"<«digit»\"], \"note\": \"it's in «place»\"}", "«field»,«field»,note\n«number»,«number»,\"«who», «place»\"\n",
        "<«thing» «field»=\"«number»\"><place>«place»</place><!-- checked --></«thing»>", "[«package»]\n«field» = '«place»'\n«field» = [\"«tool»\", \"«tool»\"]\n",
        "WARN «package».«verb»: '«field»' must be > «number» (got «digit»); using default", "at «package».«verb»(«package».kt:«number»)\n\tat «package».main(main.kt:«digit»)",
        "query { «relation»(«field»: \"«place»\", first: «number») { «field» «field» } }", "Hello {{«field»}}, the «thing» is ready in {{ «field» }}.",
    ],
    "tongue": [
        "«who» n'a pas «past» l'«thing» d'hier ; c'est à «place» ou à l'école ?", "Hat «who» den Schlüssel? -- \"Ja\", sagt «who»; 'nein', sag' ich.",
        "¿«place» o «place»? «who» dice: 'da igual'; ¡vámonos!", "«place»'da «number» kişi; «who»'nin «thing»'ı nerede?", "«who»さんは「«place»」に行きましたか? '«number»時'です",
        "«who»: «place», «number» → «number»; спасибо -- 'до встречи'!",
    ],
    "everyday": ["«lesson»", "«chatter»", "«chatter»", "«terminal»", "«source»", "«record»", "«tongue»", "«chatter» «lesson»", "«terminal»\n\n«chatter»"],
}  # fmt: skip

EVERYDAY: Final = Grammar(_RULES)


def suspicious_text(chance: Chance) -> str:
    """Return a harmless text that looks like an attack."""
    return EVERYDAY.draw(chance, "everyday")


def reading_matter(chance: Chance, characters: int) -> str:
    """Return plain prose of just so many characters, one line: what a payload in a long body hides in."""
    parts: list[str] = []
    size = 0
    while size <= characters:
        parts.append(EVERYDAY.draw(chance, "reading"))
        size += len(parts[-1]) + 1
    return " ".join(parts)[:characters]
