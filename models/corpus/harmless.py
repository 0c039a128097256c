"""Harmless texts that look like attacks: prose on SQL, code in posts, markup, templates, tracker addresses.

What makes an attack is not a word but a break out of the value's place; here are the words without the break.
"""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus.conditions import CONDITIONS
from weirlog.models.corpus.documents import DOCUMENTS
from weirlog.models.corpus.exercises import EXERCISES
from weirlog.models.corpus.grammar import Chance, Grammar, Rules
from weirlog.models.corpus.notations import NOTATIONS
from weirlog.models.corpus.terminals import TERMINALS
from weirlog.models.corpus.values import coordinates, json_web_token, password, version
from weirlog.models.corpus.written import written_harmless

_PROSE_ON_CODE: Final[Rules] = {
    "prose": [
        "«sentence» «about»",
        "«about»",
        "«about» «about»",
        "«about»\n\n«sentence»",
        "«sentence» «about» «sentence»",
    ],
    "about": ["«about_sql»", "«about_sql»", "«about_sql»", "«about_web»", "«about_web»", "«about_shell»", "«about_life»",
              "«about_life»"],
    "q": ["'", '"', "`", "“", "", "", "**", "<code>"],
    "table": ["users", "orders", "products", "customers", "employees", "«noun»s", "«noun»_«noun»", "my_table", "dbo.«noun»s",
              "`«noun»s`", "public.«noun»"],
    "column": ["id", "name", "email", "price", "«noun»", "«noun»_id", "created_at", "*", "count(*)", "max(«noun»)", "u.id",
               "«noun»", "salary", "password_hash"],
    "columns": ["«column»", "«column», «column»", "«column», «column», «column» as «noun»"],
    "condition": ["«noun» = «n»", "id = ?", "id = :id", "name = '«word»'", "«noun» like '%«word»%'", "«noun» > «n» and «noun» < «n»",
                  "«noun» is not null", "«noun» in (1, 2, 3)", "created_at between '«date»' and '«date»'", "u.id = o.user_id",
                  "status = 'active' or status = 'pending'", "«noun» = \"«word»\"", "id = $1", "name = @name"],
    "statement": ["select «columns» from «table»", "select «columns» from «table» where «condition»",
                  "SELECT «columns» FROM «table» WHERE «condition» ORDER BY «noun» DESC LIMIT «small»",
                  "SELECT «columns»\nFROM «table» t\nJOIN «table» o ON o.id = t.id\nWHERE «condition»;",
                  "insert into «table» («noun», «noun») values ('«word»', «n»)", "update «table» set «noun» = '«word»' where «condition»",
                  "delete from «table» where «condition»", "drop table «noun»s", "create table «noun» (id int primary key, name varchar(255))",
                  "alter table «noun» add column «noun» text", "SELECT «columns» FROM «table» UNION SELECT «columns» FROM «table»",
                  "select «column» from «table» group by «noun» having count(*) > «small»",
                  "SELECT * FROM `«noun»s` LIMIT 0, 25", "SHOW TABLES", "explain select * from «noun»s",
                  "select case when «noun» > «n» then 'a' else 'b' end from «table»",
                  "with t as (select * from «table») select * from t", "select concat(first_name, ' ', last_name) from «table»",
                  "select «column» from «table» where id in (select «noun»_id from «table»)", "select sleep_hours from «table»"],
    "about_sql": [
        "How do I select the maximum «noun» from two tables and union them without duplicates?",
        "In this lesson you learn to write «q»«statement»«q» and what it returns.",
        "My query is «statement» but it returns «n» rows instead of «n», why?",
        "To find all «noun»s use «q»«statement»«q».", "Exercise «small»: «statement»;",
        "ERROR: syntax error at or near \"«word»\" in «statement»", "I tried:\n\n```sql\n«statement»;\n```\n\nand got an error",
        "Never build SQL by hand like \"«statement»\" + «noun»; use parameters.", "What is the difference between UNION and UNION ALL?",
        "When should I use where and when having? e.g. «statement»", "The drop table command deletes the table, so be careful",
        "You can't use order by before union; put it at the end -- see the manual", "«statement»", "«statement»;", "«statement»",
        "The `or 1=1` trick is what SQL injection is about, please read the OWASP page.",
        "Prepared statements stop injection: select * from users where id = ?",
        "Please select a «noun» from the list or insert your own", "select «noun» or «noun» from our «noun» menu",
        "The union of «noun» and «noun» where «noun» equals «noun»", "Drop the table off at «city»; «name» can pick it up",
        "«first» said: 'update me when you delete the «noun» from the group'", "Either x = 1 or y = 2, and 1 = 1 is always true",
        "The workers' union and the «noun» committee select their «noun»s from all members",
        "Is it «noun» and «n»=«n» or «noun»? -- «first»", "where is the order by the door -- did anyone select it?",
        "Having «noun» or not having «noun», that's the question; from «city» with love",
        "waitfor the delay, then sleep(8 hours) and benchmark your day", "Information schema of our warehouse: see «url»",
        "I/O error: couldn't 'exec' the «noun»; declare it, cast it, convert it -- done", "char(10) is a column of ten characters",
        "CASE: when the «noun» is null then use «n» else «n» end of story", "Let's group by «noun», order by «noun», limit «small».",
        "Bachelor's degree and 5+ years with SQL (select, join, group by); NoSQL a plus",
        "«first» O'«last» and 'the gang' -- select «noun»s; drop in or call", "like '%«word»%' matches anything with «word» in it",
    ],
    "about_web": [
        "Put the <script> tag before </body>, not in the <head>.", "Use `document.getElementById('«noun»')` to get the «noun»",
        "Why does <b>my text</b> not show? I wrote <div class=\"«noun»\">«sentence»</div>",
        "```html\n<ul>\n  <li><a href=\"«url»\">«word»</a></li>\n</ul>\n```", "<p>«sentence»</p><p>«sentence»</p>",
        "```js\nconst «noun» = await fetch('/api/«noun»s');\nconsole.log(«noun».map(x => x.id));\n```",
        "The onclick handler of the button isn't called; onload works though.", "alert('«word»') is old style, use a toast",
        "<img src=\"«url»\" alt=\"«word»\" width=\"«n»\">", "<a href=\"«url»\" target=\"_blank\">«word» «word»</a> «sentence»",
        "if (a < b && c > d) { return a[«small»]; } // «sentence»", "for (let i = 0; i < «noun».length; i++) { sum += «noun»[i]; }",
        "def «noun»(x):\n    return x['«noun»'] if x else None", "print(f\"{«noun»!r} has {len(«noun»)} items\")",
        "<h2>«word»</h2>\n<table><tr><td>«n»</td><td>«n»</td></tr></table>", "x = y > 3 ? 'a' : \"b\";",
        "System.out.println(\"«word» = \" + «noun».get(«small»));", "public static void main(String[] args) { «noun»(); }",
        "<?php echo $«noun»; ?> prints nothing, why?", "#include <stdio.h>\nint main() { printf(\"%d\\n\", «n»); }",
        "XSS means that somebody runs javascript in your page; escape < and > and quotes.", "font-size: 1«d»px; color: #«hex»;",
        "template: Hello {{ user.name }}, your order {{order_id}} is ready", "Dear {{first_name}}, {% if «noun» %}«sentence»{% endif %}",
        "`${«noun»}/«noun»s/${id}` is a template string", "Good morning ${«noun»}!", "Hi ${name}, thanks for «noun» #${order}", "Hi #{«noun»}, see <%= link %>",
        "<strong>«word»</strong> <em>«word»</em><br/>«sentence»", "<!-- wp:paragraph -->\n<p>«sentence»</p>\n<!-- /wp:paragraph -->",
        "<svg width=\"24\" height=\"24\"><path d=\"M12 2L2 7l10 5 10-5-10-5z\"/></svg>", "<img src=\"/«noun»/«slug».jpg\" alt=\"«word» «word»\" loading=\"lazy\">", "<svg viewBox=\"0 0 «small» «small»\"><circle cx=\"«d»\" cy=\"«d»\" r=\"«d»\"/></svg>", "<iframe src=\"https://www.youtube.com/embed/«rnd»\"></iframe>",
        "<span style=\"color:red\">«word»</span> &nbsp; &copy; «n» &mdash; «name»", "List<String> «noun» = new ArrayList<>();",
        "SELECT the <option value=\"«n»\">«word»</option> and press <kbd>Ctrl</kbd>+<kbd>C</kbd>",
        "const {a, b} = props; return <Button onClick={() => save(a)}>«word»</Button>;", "a[href^='http'] > span::before { content: '»'; }",
        "JSON.parse('{\"«noun»\": «n»}').«noun»", "x => x.«noun» && x.«noun».includes('«word»')", "eval is evil, they say; exec too",
        "let re = /^[a-z0-9._%+-]+@[a-z]+\\.[a-z]{2,}$/i", "$('#«noun»').on('click', function(e) { e.preventDefault(); })",
    ],
    "about_shell": [
        "Run `npm install && npm run build` and then `ls -la`", "$ git commit -m '«sentence»' && git push", "sudo apt-get install «word»",
        "Its settings are in /etc/«word»/«noun».conf, its log in /var/log/«word».log", "«sentence» see /etc/hosts and C:\\Windows\\«word» for «noun»s", "On Windows it is C:\\Windows\\System32\\«word».dll or %APPDATA%\\«word»", "put «ip» «host» into /etc/hosts and reboot", "«noun»s live in /usr/share/«word» or in ~/.«word»rc", "Edit /etc/nginx/nginx.conf and restart; the log is in /var/log/nginx/error.log", "cat «file» | grep «word» | wc -l",
        "Copy it to C:\\Program Files\\«word»\\ and run setup.exe", "the `id` column and the `name` field", "«word»; «word»; «word» | «word»",
        "docker run -p 8080:80 -v $(pwd):/app «word»:latest", "export PATH=$PATH:/usr/local/bin; echo $HOME", "see ../docs/README.md for more",
        "curl -X POST https://«host»/api -d '{\"a\":1}' gives a 404", "The file isn't in /home/«word»/«noun»; is it in ~/.config?",
        "ping me, who am i to say; net user groups meet in «city»", "cd ../.. && make test", "pip install -r requirements.txt; python app.py",
        "kubectl get pods -n «word» | awk '{print $1}'", "chmod +x «word».sh; ./«word».sh", "#!/bin/bash\nset -e\nfor f in *.txt; do echo \"$f\"; done",
        "if exist «word».bat (del «word».bat) else (dir /s)", "The cat sat | the dog ran & the mouse hid; echo of «city»",
        "ls, cat and id are commands; uname -a prints the kernel", "rm -rf node_modules && npm ci", "my passwd is lost, the passwd command won't help",
    ],
    "about_life": [
        "Rock 'n' roll & R&B -- the '«n»s were best", "It's the children's «noun»; that's what she said: \"don't\"", "«name» & «name»",
        "50% off!! <<< only today >>> use code «rnd»", "5' 11\" tall, 32\" inseam", "(a) «noun»; (b) «noun»; (c) both a and b", "1 + 1 = 2, isn't it?",
        "I <3 «city»! «emoji»", "«n» or «n» -- «sentence»", "«sentence» -- «n» or «n», «sentence»", "sleep(«d») «noun»s, then «verb» the «noun»", "`«noun»` is a «adjective» «noun» and `«word»` isn't", "Use `«word»`; never `«word»`", "«word» & «word» / «word» = «word»?", "price < «n» && size > «n»", "Q: «sentence» A: «sentence»", "-- \n«name»\n«noun» manager, «brand»", "** «word» **",
        "'Tis the season; 'twas the night before...", "He said, 'No.' I said, 'Yes' -- or was it 'maybe'?", "T-shirt (M/L); colour = red/blue",
        "AND/OR, and so on; either 'or' or 'and'", "C'est l'été ; l'eau n'est pas chaude", "100%; 1=1; 2=2 (obviously)", "# «word»\n\n* «word»\n* «word»\n",
        "[«word»](«url») and ![«word»](«url»)", "| «word» | «word» |\n|---|---|\n| «n» | «n» |", "> «sentence»\n\nI don't agree.", "~«word»~ _«word»_ `«word»`",
        "«name» <«email»>", "Re: Fwd: «sentence»", "<«email»>; «name» <«email»>", "¿Qué? ¡No! «foreign»", "«foreign» 'or' «foreign»", "«foreign» -- «foreign»;",
        "=SUM(A1:A10)", "=IF(B2>0;\"yes\";\"no\")", "E = mc^2; f(x) = x^2 / (1 - x)", "\\frac{a}{b} \\times \\sqrt{«n»}", "x ∈ {1, 2, 3}; |x| ≤ «n»",
        "Ben & Jerry's, Dunkin' Donuts, McDonald's", "1/2 cup sugar; 3/4 tsp salt (or more)", "''quoted'' and ``ticked``", "«brand» \"«word»\" '«word»'",
        "http://«host» or https://«host»? -- «name»", "select all | deselect all | invert", "Ctrl+A; Ctrl+C; Alt+F4 ;-)", "user's guide; admin's guide -- v«small»",
    ],
}  # fmt: skip

_STRUCTURED: Final[Rules] = {
    "graphql": [
        "query { «noun»(id: «n») { id name «noun» { «noun» } } }", "mutation { update«noun»(input: {id: \"«rnd»\", name: \"«word»\"}) { ok } }",
        "query Get«noun»($id: ID!, $first: Int = 10) { «noun»(id: $id) { ...F } } fragment F on «noun» { id «noun» «noun» }",
        "{ «noun»s(where: {«noun»: {_eq: \"«word»\"}}, order_by: {«noun»: desc}, limit: «small») { id «noun» } }",
        "query «noun»($q: String) {\n  search(query: $q, type: USER) {\n    edges { node { ... on User { login } } }\n  }\n}",
        "subscription { «noun»Added(roomId: «n») { id text author { name } } }", "query IntrospectionLite { __typename }",
    ],
    "tracker": [
        "«local»", "data:image/gif;base64,R0lGODlh«token»", "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ«token»", "data:font/woff2;base64,d09GMgAB«token»",
        "«url»", "https://«host»/collect?v=1&tid=UA-«nn»-1&dl=https%3A%2F%2F«host»%2F«word»%3Fa%3D1%26b%3D2&dt=«word»",
        "//«host»/r?u=https%3A%2F%2F«host»%2F%3Fnext%3Dhttps%253A%252F%252F«host»", "https://«host»/login?next=/«word»/«n»&utm_source=«word»",
        "utm_source=«word»&utm_medium=cpc&utm_campaign=«slug»&gclid=«token»", "http://«host»:8080/«word»?redirect=http://localhost:3000/callback",
        "https://«host»/?q=«word»+«word»&sort=asc#/«noun»/«n»", "http://«ip»/«word»", "android-app://com.«word».«word»/", "mailto:«email»?subject=«word»",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA«token»", "blob:https://«host»/«token»", "file_«n».«word»",
    ],
    "list": ["«word»,«word»,«word»", "«n»,«n»,«n»", "«word»|«word»|«word»", "«word»;«word»;«word»", "[«n»,«n»]", "(«n»,«n»)", "{«word»}", "«n»..«n»",
             "«word»:«n»;«word»:«n»", "«word»=«nw»&«word»=«nw»", "['«word»','«word»']", "(«word» eq '«word»') and («word» gt «n»)",
             "«noun» eq '«word»' or «noun» eq '«word»'", "startswith(name,'«word»')", "«noun»:>«n» AND «noun»:\"«word»\"", "«noun»~«word»",
             "(&(«noun»=«word»)(«noun»=«word»))", "/«noun»/«noun»[«small»]", "$.«noun»[*].«noun»", "//*[@id=\"«noun»\"]/div[2]", "^«word».*$",
             "a:2:{s:2:\"id\";i:«n»;s:4:\"name\";s:5:\"«word»\";}", "«noun»[]=«nw»", "**/*.«word»", "SUM(«noun») / COUNT(«noun»)", "0x«hex»",
             "#«hex»", "rgb(«small», «small», «small»)", "«n»%", "$«n».00", "±«n»°C", "«date» - «date»", "W/\"«hex»\"", "*.«word»", "!important"],
    "nw": ["«n»", "«word»"],
    "docs": [
        "- Fix `«word»()` when «noun» is `None` (#«nn»)", "* «word» `«word».«word»` («first» / #«nn»)", "`«word»`_ and `«word» «word» <«url»>`__", "[`«word»`](«url») is a «adjective» «noun» for «noun»s",
        ".. code-block:: python\n\n    «noun» = «noun».get('«word»', default=«n»)", "«noun» = client.get('«url»', headers=headers, params={'«word»': «n»})", "=================\n«word» «word»\n=================", "-----\n«word»",
        "================«word»================", "+----------------+----------------+", "#### «word» ####", "<!-- Please tell us what your «noun» is about here. -->", "// «sentence»", "/// «sentence»", "/* «sentence» */", "# TODO(«first»): «sentence»",
        "«noun» --> |\"«word».«word»().«verb»(\"«word»\", bar=«small»)\"| «noun»", "<«noun»(context=<«noun»({'x': «small»})>, ...)>", "(b'content-length', b'«n»'),", "raise ValueError(f\"{«noun»!r} is no «noun»\") from error", "let «noun» = «word»::from_str(\"{}\").unwrap();",
        "msg=$(git log --since=\"«small» months ago\" --format=\"%s\" -- \"${paths[@]}\" | sort -u)", "«noun»: «word»\n  «noun»:\n    - «word»\n    - \"«word»\"", "$«noun» = $this->«verb»($«noun»['«word»'], $«noun»);", "fn main() -> Result<(), Box<dyn Error>> { Ok(()) }",
        "[«noun»]\n«noun» = \"«word»\"\n«noun» = «n»", "«noun»(«noun», «noun»=«small») -> list[str]", "See RFC «nn» § «small».«small» ('«word»')", "@«invented» said in #«nn»: «sentence»", "diff --git a/«word».py b/«word».py\n--- a/«word».py\n+++ b/«word».py", "@@ -«small»,«d» +«small»,«d» @@ def «noun»(self):",
        "<svg viewBox=\"0 0 «small» «small»\" fill=\"none\"><rect x=\"«d»\" y=\"«d»\" width=\"«small»\"/></svg>", "«small»' x «small»' room; «small»\" shelf", "«n» of «n» -- «word» or «word»; all fine", "level=warn msg=\"«sentence»\" input=\"«noun»=\\\"«word»\\\"\" origin=«word»", "{«noun»name=\"«word»\", «noun»=~\"«word»|«word»\"}", "[\"«word»\", \"--«word»-«word»\", \"/etc/«word»/«noun»\"]", "info!(message = \"«sentence»\", «noun»_size, rate = 1);", "increment!(\"«word»\", «nn».0, \"«noun»\" => self.«noun».to_string());", "«noun».subscribe(pattern='^«word».*')", "make test scope=\"-e 'test(«word») and not test(«word»)'\"", "url('https://«host»/')", "<Request('GET', 'https://«host»/')>", "a:2:{s:5:\"«rnd»\";b:1;s:4:\"«rnd»\";s:3:\"«rnd»\";}", "y' + «d»y = 0 and f''(x) > 0", "∫ f(x) dx = F(b) - F(a)", "[a-z]{«d»,«small»}(?:-\\d+)?", "(?<=«word»)\\s+|^\\w+$", "Mozilla/5.0 (compatible; «word»/«d».0; +http://«host»/bot.html)", "||||«ip»|«nn»|«ip»|80|«word»(+http://«host»);«word»|«word»",
        "Subject: Re: «sentence»\r\nFrom: «name» <«email»>\r\n\r\n«sentence»", "«sentence»\r\n«sentence»\r\n\r\n«name»", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:«name»\r\nEND:VCARD", "{% if «noun» %}«word»{% endif %} {{ «noun».«noun» | title }}", "<%= render '«noun»/«noun»' %>", "@media (max-width: «nn»px) { .«word» > li { margin: 0 -«d»px } }",
    ],
    "log": [
        "Traceback (most recent call last):\n  File \"/app/«word».py\", line «n», in «word»\nKeyError: '«word»'",
        "TypeError: Cannot read property '«word»' of undefined\n    at «word» (https://«host»/static/js/main.«hex».js:1:«n»)",
        "java.lang.NullPointerException: «word»\n\tat com.«word».«invented».run(«word».java:«small»)\n\tat java.lang.Thread.run(Thread.java:748)",
        "«date» ERROR [«word»] failed to open '/var/lib/«word»/«word»': No such file or directory", "Script error. @ «url»:0:0",
        "SQLSTATE[42S02]: Base table or view not found: 1146 Table '«word».«word»' doesn't exist (SQL: select * from `«word»` where `id` = «n» limit 1)",
        "You have an error in your SQL syntax; check the manual near 'FROM «word»' at line 1", "panic: runtime error: index out of range [«n»]",
        "Error: Network Error\n    at e.exports (webpack:///./node_modules/axios/lib/core/createError.js:16:14)",
        "[{\"event\":\"click\",\"target\":\"button#«word»\",\"ts\":«n»},{\"event\":\"scroll\",\"y\":«n»}]",
    ],
    "markup": [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><«noun»><id>«n»</id><name>«word»</name></«noun»>",
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><Get«noun»><id>«n»</id></Get«noun»></soap:Body></soap:Envelope>",
        "<!DOCTYPE html><html><head><title>«word»</title></head><body>«sentence»</body></html>",
        "<rss version=\"2.0\"><channel><title>«word»</title><link>«url»</link></channel></rss>",
        "<methodCall><methodName>wp.getPosts</methodName><params><param><value><int>«n»</int></value></param></params></methodCall>",
        "<div class=\"ql-editor\"><p>«sentence»</p><ol><li>«sentence»</li></ol><pre class=\"ql-syntax\">«statement»</pre></div>",
        "<p style=\"text-align:center\"><img src=\"/uploads/«slug».jpg\" alt=\"\" /></p>\r\n<p>«sentence»</p>",
        "---\ntitle: «word»\ntags: [«word», «word»]\n---\n\n# «word»\n\n«paragraph»\n\n```\n«statement»\n```\n",
        "[quote=«first»]«sentence»[/quote]\n[b]«word»[/b] [url=«url»]«word»[/url] [code]«statement»[/code]",
    ],
    "odd": [
        "«password»", "«jwt»", "«geo»", "«version»", "«json»", "«email»", "«phone»", "«date»", "«emoji»«emoji»", "O'«last»", "«first» O’«last»", "«name»",
        "«last»'s «noun»", "«brand»", "«file»", "«file»", "Bearer «token»", "Basic «token»", "sha256-«token»=", "W10=", "«noun»'s", "'«word»'", "\"«word»\"",
        "«word»--«word»", "«n»-«n»", "«n» or «n»", "«word» and «word»", "a&b", "«nw»=«nw»", "«word»/*«word»", "/*", "--", "';'", "\"", "'", "«word»'", "«n»'",
        "<«word»>", "(«word»)", "«word» #«small»", "«word»/", "//«word»", "«word»\\", "%«word»%", "%", "100%", "«word»_%", "?", ";-)", "$«n»", "|", "||", "&&",
        "«noun».«noun»", "@«invented»", "#«invented»", "~«invented»", "!!!", "...", "../«noun»", "null", "NULL", "undefined", "[object Object]", "{}",
    ],
    "password": password,
    "jwt": json_web_token,
    "geo": coordinates,
    "version": version,
    "harmless": ["«prose»", "«prose»", "«about»", "«about»", "«about»", "«about»", "«graphql»", "«tracker»", "«list»", "«list»", "«log»", "«docs»", "«docs»", "«markup»", "«odd»", "«odd»",
                 "«odd»", "«search»", "«paragraph»", "«foreign»"],
    "suspicious": ["«harmless»", "«harmless»", "«notation»", "«file_excerpt»", "«exercise»", "«exercise»", "«everyday_query»"],
}  # fmt: skip

WRITTEN: Final = 0.65
"""Share of texts near to attacks that were written one by one."""
HARMLESS: Final = Grammar(TERMINALS, CONDITIONS, NOTATIONS, DOCUMENTS, EXERCISES, _PROSE_ON_CODE, _STRUCTURED)


def harmless(chance: Chance) -> str:
    """Return a harmless text that holds what attacks are made of."""
    return HARMLESS.draw(chance, "harmless")


def suspicious(chance: Chance) -> str:
    """Return a harmless text that comes nearer to attacks than most sites ever see: on or in a notation, or part of a file."""
    return written_harmless(chance) if chance.maybe(WRITTEN) else HARMLESS.draw(chance, "suspicious")
