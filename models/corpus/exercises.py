"""Harmless texts on what attacks are made of: logic, conditions, lessons on SQL, mail templates, quoted headers, errors."""

from __future__ import annotations

from string import punctuation
from typing import Final

from weirlog.models.corpus.grammar import Chance, Rules


def _symbols(chance: Chance) -> str:
    """Return what a cat types: so many signs that it is no attempt at a break out."""
    return chance.letters(punctuation, 10, 36)


EXERCISES: Final[Rules] = {
    "exercise": [
        "«logic»", "«logic»", "«where»", "«where»", "«lesson»", "«lesson»", "«letter»", "«letter»", "«quoted_header»", "«quoted_header»",
        "«symbols»", "«dimension»", "«complaint»", "«on_calls»", "«on_tags»",
    ],
    "truth": ["true", "false", "True", "TRUE", "«d»=«d»", "«d» = «d»", "«d»>«d»", "«d» < «d»", "x=«d»", "«d»==«d»", "x>y", "p", "q", "«noun»=«noun»", "1=1", "1=0", "2=2", "'a'='a'", "x=x"],
    "connective": ["and", "or", "and", "or", "AND", "OR", "xor", "&&", "||", "∧", "∨", "implies", "and not", "or not"],
    "claim": ["«truth»", "«truth» «connective» «truth»", "«truth» «connective» «truth»", "«truth» «connective» «truth» «connective» «truth»", "(«truth» «connective» «truth») «connective» «truth»", "not («truth» «connective» «truth»)"],
    "verdict": ["true", "false", "always true", "never true", "a tautology", "wrong", "unknown", "TRUE", "0", "1"],
    "logic": [
        "«claim» is «verdict»", "«claim» is «verdict» and «claim» too", "Is «claim» «verdict»?", "Simplify: «claim»", "«d») «claim»  «d») «claim»", "Exercise «small»: show that «claim» is «verdict»", "If x=«d» and y=«d», then «claim».", "truth table of «claim»", "we say that «claim» is «verdict» in «word»", "«sentence» «claim»: «verdict». «sentence»",
        "while («claim») { «noun»++; }", "assert «claim»", "«claim» → «claim»", "if «claim» then «noun» else «noun»", "In logic, «claim» is «verdict» whatever «noun» is", "let p be «claim» and q be «claim»; «sentence»", "Proof by cases: «claim»; «claim». «sentence»",
    ],
    "comparison": [
        "«noun» = '«word»'", "«noun»='«word»'", "«noun» != '«word»'", "«noun» <> «n»", "«noun» >= «n»", "«noun»>=«date»", "«noun» < «date»", "«noun» like '«word»%'", "«noun» ILIKE '%«word»%'", "«noun» in ('«word»','«word»')", "«noun» IN («n», «n», «n»)", "«noun» not in («n»)", "«noun» is null", "«noun» IS NOT NULL",
        "«noun» between «n» and «n»", "«noun» between '«date»' and '«date»'", "«noun»_«noun» = \"«word»\"", "«noun».«noun» = «n»", "not «noun» = '«word»'", "«noun» contains '«word»'", "«noun» ~ \"«word»\"", "lower(«noun») = '«word»'", "«noun» = true", "«noun» >= now() - 7d", "«noun»<«n»", "«noun» = currentUser()", "«noun»:\"«word»\"", "«noun» eq '«word»'", "len(«noun») > «small»",
    ],
    "where": [
        "«comparison» and «comparison»", "«comparison» or «comparison»", "«comparison» AND «comparison»", "«comparison» OR «comparison»", "«comparison» AND «comparison» AND «comparison»", "(«comparison» OR «comparison») AND «comparison»", "«comparison» AND «comparison» ORDER BY «noun» DESC", "«comparison» order by «noun»", "«comparison» && «comparison»", "«comparison» || «comparison»",
        "where «comparison» and «comparison»", "filter: «comparison»", "«comparison»", "«noun»s where «comparison» or «comparison»", "search for «comparison» and «comparison», please",
    ],
    "sql_text": [
        "«statement» UNION ALL «statement»", "«statement»\nUNION\n«statement»", "SELECT «columns» FROM «table» WHERE «comparison» UNION SELECT «columns» FROM «table» WHERE «comparison»", "SELECT «columns» FROM «table» WHERE «comparison» AND «comparison»", "SELECT «columns» FROM «table» WHERE «comparison» OR «comparison»", "SELECT «column» FROM «table» WHERE «column» = (SELECT MAX(«column») FROM «table»)", "SELECT «columns» FROM «table» WHERE «comparison»; -- «sentence»", "INSERT INTO «table» SELECT «columns» FROM «table» WHERE «comparison»",
        "IF EXISTS (SELECT 1 FROM «table» WHERE «comparison») DROP TABLE «noun»s", "SELECT «columns» FROM «table» GROUP BY «noun» HAVING COUNT(*) > «small»", "UPDATE «table» SET «noun» = «n» WHERE «comparison»", "DELETE FROM «table» WHERE «comparison»", "SELECT «columns» FROM «table» WHERE EXISTS (SELECT * FROM «table» WHERE «comparison»)", "SELECT «columns» FROM «table» LEFT JOIN «table» USING («noun») WHERE «comparison»", "«statement»", "«statement»",
    ],
    "lesson": [
        "Chapter «small», question «d»: describe the result of «sql_text».", "«sql_text» -- this prints «n» rows, «sentence»", "«sql_text»;\n\n«sentence»", "«sentence» «q»«sql_text»«q» «sentence»", "Compare «sql_text» with «sql_text».", "«sentence»\n\n    «sql_text»;\n\n«sentence»", "The view «noun» is defined as «sql_text».", "slow query («n» ms): «sql_text»", "In `«sql_text»` the second «noun» is never used.", "Please review «sql_text» before «date». «sentence»",
        "My teacher wrote «q»«sql_text»«q» on the board", "We ran «sql_text» and «sentence»", "«sql_text»", "«sql_text» # «sentence»",
    ],
    "slot": [
        "{{«noun»}}", "{{ «noun» }}", "{{«noun»}}", "{{ «noun» }}", "{{«noun».«noun»}}", "{{ «noun»_«noun» }}", "{«noun»}", "{$«noun»}", "${«noun»}", "#{«noun»}", "%«noun»%", "%%«noun»%%", "[[«noun»]]", "*|«noun»|*", "<%= «noun» %>", "<%=«noun».«noun»%>", "{{{«noun»}}}", "{{«noun»|«pipe»}}", "{{ «noun» | «pipe» }}", "[% «noun» %]", "<<«noun»>>", "{{> «noun»}}", "{{t \"«word»\"}}", "{{ «noun».«noun» | «pipe» }}", "${«noun».«noun»}",
    ],
    "pipe": ["e", "upper", "title", "escape", "trim", "date('d.m.Y')", "default('«word»')", "length", "json", "capitalize", "truncate(«small»)", "date:'short'", "currency:'EUR'", "translate", "join(', ')"],
    "block": [
        "{% if «noun» %}«said»{% endif %}", "{% for «noun» in «noun»s %}«said»{% endfor %}", "{{#if «noun»}}«said»{{/if}}", "{{#each «noun»s}}«said»{{/each}}", "{if $«noun»}«said»{else}«said»{/if}", "<% if «noun» %>«said»<% end %>", "{% extends \"«noun».html\" %}", "{% block «noun» %}«said»{% endblock %}", "{% include '«noun»/«noun».twig' %}", "{{#«noun»}}«said»{{/«noun»}}", "<#if «noun»??>«said»</#if>", "<#list «noun»s as «noun»>«said»</#list>", "@if(«noun») «said» @endif", "#if($«noun») «said» #end",
        "{foreach $«noun»s as $«noun»}«said»{/foreach}", "<div v-if=\"«noun»\" :class=\"{«word»: «noun»}\" @click=\"«verb»\">«said»</div>", "<li *ngFor=\"let «noun» of «noun»s\">«said»</li>", "<p th:text=\"${«noun».«noun»}\">«word»</p>", "<div style={{«noun»: «n»}} dangerouslySetInnerHTML={{__html: «noun»}} />", "{% set «noun» = «n» %}", "{{ «said» }}",
    ],
    "said": ["«slot»", "«slot»", "«word» «slot»", "Hello «slot»", "«slot»: «slot»", "«slot» «word»", "«block»", "<td>«slot»</td>", "«sentence»", "«word»"],
    "letter": [
        "Hello «slot», «sentence»", "Dear «slot» «slot»,\n«sentence»", "«said»", "«said» «said»", "«block»\n«block»", "«block»«block»", "Your «noun» «slot» is «adjective». «slot»", "We wrote to «slot» on «slot»: «sentence»", "«sentence» «slot».", "Hi «slot», your «noun» «slot» arrives on «slot».", "<p>«said»</p><p>«said»</p>", "«slot» «noun» for «slot»", "\"«slot»\" isn't replaced in my «noun», why?",
    ],
    "field": ["Content-Type: text/html; charset=utf-8", "Content-Type: application/json", "Content-Length: «n»", "Location: https://«host»/«word»", "Location: «url»", "Cache-Control: max-age=«n»", "Server: nginx", "Date: «date»", "Set-Cookie: «noun»=«rnd»; Path=/; HttpOnly", "X-«word»: «word»", "Host: «host»", "Accept: */*", "User-Agent: curl/8.5.0", "Authorization: Bearer «token»", "Connection: keep-alive", "Access-Control-Allow-Origin: *", "ETag: W/\"«hex»\"", "Vary: Origin", "Transfer-Encoding: chunked"],
    "newline": ["\r\n", "\n", "\n"],
    "fields": ["«field»", "«field»«newline»«field»", "«field»«newline»«field»", "«field»\r\n«field»\r\n«field»", "«field»\n«field»\n«field»\n«field»"],
    "first_line": ["HTTP/1.1 200 OK", "HTTP/1.1 301 Moved Permanently", "HTTP/1.0 404 Not Found", "HTTP/2 302", "HTTP/1.1 500 Internal Server Error", "GET /«word» HTTP/1.1", "POST /api/«noun»s HTTP/1.1", "HEAD / HTTP/1.1", "< HTTP/1.1 401 Unauthorized"],
    "mail_field": ["From: «name» <«email»>", "From: «email»", "To: «email»", "To: «name» <«email»>", "Cc: «email»", "Subject: «sentence»", "Subject: Re: [«word»] «sentence»", "Date: «date»", "Reply-To: «email»", "Message-ID: <«token»@«host»>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "List-Id: «word» <«host»>"],
    "mail_fields": ["From: «email»«newline»To: «email»«newline»Subject: «sentence»", "From: «name» <«email»>«newline»«mail_field»", "«mail_field»«newline»«mail_field»«newline»«mail_field»", "To: «email»«newline»Subject: Re: [«word»] «sentence»"],
    "quoted_header": [
        "«first_line»«newline»«fields»", "«first_line»\r\n«fields»\r\n\r\n«sentence»", "«first_line»\n«fields»\n\n«sentence» «sentence»", "«fields»\n\n«sentence»", "«mail_fields»\n\n«sentence»", "«mail_fields»\n\n«sentence»\n\n-- \n«name»", "«sentence»\n\n> «mail_fields»\n> «sentence»", "----- Original Message -----\n«mail_fields»\n\n«sentence»", "«host» answers:\n\n«first_line»\n«fields»", "«sentence»\n\n«first_line»\n«fields»", "«mail_fields»",
    ],
    "symbols": _symbols,
    "dimension": ["«small»' by «small»', «d»/«d»\" thick", "«small»' «small»\" x «small»' «small»\"", "«small»\" x «small»\" «noun»", "«d» «d»/«d»\" «noun»; «small»\" «noun»", "x' = «d»x + «d»y", "y'' - «d»y' + «d»y = 0", "f'(«d») = «d» and f''(«d») > «d»", "A' ∪ B' = (A ∩ B)'", "«small»°«small»'«small»\" N, «small»°«small»'«small»\" E", "«small»'-«small»\"", "«d»'; «d»'; «d»' boards, «small»\" apart", "a'b' + ab = 1", "«noun» «d»/«d»\" x «small»' ('«word»')"],
    "fragment": ["", "'", "''", "«word»", "«noun» = '«word»'", "«word»' limit «small»", ")"],
    "complaint": [
        "PDOException: SQLSTATE[42000]: Syntax error or access violation: 1064 near '«fragment»' at line «d»", "Warning: «word»_«word»(): «sentence» in /srv/www/«word»/«word».php on line «small»", "Fatal error: Uncaught «word»: «sentence» in «unix_path»:«small»\nStack trace:\n#0 {main}", "Notice: Undefined index: «noun» in «unix_path» on line «small»", "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '«fragment»' at line «d»",
        "ERROR:  syntax error at or near \"«word»\"\nLINE 1: «statement»\n        ^", "ORA-00933: SQL command not properly ended", "Unclosed quotation mark after the character string '«fragment»'.", "sqlite3.OperationalError: near \"«word»\": syntax error", "make: *** [«noun»] Error «d»: `cp -r «word»/* «word»/ && «word» «word»`", "error Command \"«word»\" exited with «d»: «word» «word» || «word» «word»", "sh: 1: «word»: not found", "bash: «unix_path»: Permission denied", "TypeError: «noun» is not a function\n    at «noun» («unix_path»:«small»:«small»)", "Call to undefined function mysql_«word»()", "SQL (0.«d»ms)  «statement»  [[\"«noun»\", «n»]]",
    ],
    "call": ["os.system(\"«shell_command»\")", "os.system(«noun»)", "subprocess.run([\"«word»\", \"-«word»\"])", "exec('«word»')", "eval(\"«d» + «d»\")", "eval(«noun»)", "system('«word»')", "fs.readFileSync('«word».json')", "Runtime.getRuntime().exec(«noun»)", "require('«word»').«verb»(«noun»)", "open('«word».txt').read()", "os.popen('«word»')", "shell_exec($«noun»)", "unserialize($«noun»)", "pickle.loads(«noun»)", "setTimeout(«noun», «n»)", "alert(«noun»)", "document.write('«word»')", "print(«noun»)", "include '«word».php'", "$_GET['«noun»']", "innerHTML", "LOAD DATA INFILE", "xp_cmdshell"],
    "on_calls": ["When do I need «call», and when «call»?", "«call» takes longer than «call», «sentence»", "Don't use «call», it is unsafe; use «call».", "The docs of `«call»` say: «sentence»", "How do I test `«call»` in «word»?", "«call» vs. «call»", "Since version «version» `«call»` and `«call»` do the same. «sentence»", "Is «call» a security problem? «sentence»", "Replace «call» by «call» (#«nn»)"],
    "element_name": ["script", "script", "b", "iframe", "img", "noscript", "body", "svg", "object", "style", "a", "form", "textarea"],
    "on_tags": ["a page with two <«element_name»> elements: «sentence»", "<«element_name»> vs <«element_name»>", "Put the <«element_name»> before </«element_name»>. «sentence»", "my <«element_name»> is ignored by «word»", "Lesson «small»: an <«element_name»> can have an onload, an <«element_name»> can't.", "«sentence» <«element_name»> «sentence»", "Does <«element_name»> need a closing </«element_name»>?", "How old is <«element_name»>? «sentence»", "Escape <«element_name»> as &lt;«element_name»&gt; and «sentence»"],
}  # fmt: skip
