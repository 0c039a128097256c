"""Harmless texts in notations that attacks borrow from: queries over trees and services, filters, patterns, paths, logs."""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus.grammar import Rules

NOTATIONS: Final[Rules] = {
    "notation": [
        "«path_query»", "«service_query»", "«filter»", "«pattern»", "«style»", "«script»", "«shell_talk»", "«relative»", "«address_talk»",
        "«excerpt»", "«template»", "«measure»", "«sentence» «path_query»", "«sentence» «shell_talk»", "«sentence» «pattern»",
        "«address_talk» «sentence»", "«script»\n«sentence»", "«style»\n«style»", "«excerpt»\n«excerpt»", "«sentence» «relative»",
    ],
    "axis": ["/", "//", "/", "//", "/descendant::", "/child::", "/following-sibling::", "/ancestor::", "/@"],
    "step": ["«noun»", "«noun»s", "div", "a", "li", "td", "text()", "*", "@id", "@href", "node()"],
    "predicate": [
        "[@«noun»='«word»']", "[«d»]", "[last()]", "[position()<«small»]", "[contains(@class,'«word»')]", "[«noun»='«word»']", "[@id=\"«slug»\"]",
        "[starts-with(@href, '«word»')]", "[text()='«word»']", "[@year>«nn»]", "[not(@«noun»)]", "[@a='«word»' and @b='«word»']", "",
    ],
    "path_query": [
        "/«noun»s/«noun»«predicate»/«step»", "//«step»«predicate»", "//«noun»«predicate»/«step»", "count(//«noun»«predicate»)", "string(//«noun»/@«noun»)",
        "/«noun»«axis»«step»«axis»«step»", "sum(//«noun»/«noun»)", "//«noun»[«noun»>«n»]/«step» | //«noun»/«step»", "normalize-space(//h1)",
        "for $x in //«noun» where $x/«noun» > «n» return $x/«noun»", "$.«noun»s[?(@.«noun» > «small»)].«noun»", "$..«noun»[0,1]", ".«noun»s[] | select(.«noun» == \"«word»\") | .«noun»",
        "jq '.«noun»s[] | {«noun», «noun»}'", "div.«noun» > ul li:nth-child(«d») a[href$='.pdf']", "«noun»s.0.«noun»", "exercise: what does //«noun»/../«noun» select?",
    ],
    "service_query": [
        "$select=«noun»,«noun»&$expand=«noun»", "$filter=«noun» eq '«word»' and «noun» gt «n»&$orderby=«noun» desc", "$filter=contains(«noun»,'«word»') or startswith(«noun»,'«word»')",
        "«noun»s(«n»)/«noun»", "«noun»s('«word»')?$expand=«noun»($select=«noun»)", "filter[«noun»][eq]=«word»&filter[«noun»][gt]=«n»", "fields[«noun»s]=«noun»,«noun»&include=«noun».«noun»",
        "«noun»=in=(«word»,«word»);«noun»=gt=«n»", "q=«noun»:«word» AND («noun»:[«n» TO *] OR -«noun»:\"«word»\")~2", "fq={!geofilt sfield=«noun»}&sort=score desc", "«noun».eq.«word»,«noun».gte.«n»",
        "project = \"«word»\" and status != Closed order by created desc", "from:«email» subject:(«word» OR «word») has:attachment", "site:«host» \"«word» «word»\" -«word» filetype:pdf",
        "MATCH (n:«noun»)-[:«noun»]->(m) WHERE n.name = '«word»' RETURN m LIMIT «small»", "rate(«noun»_total{job=\"«word»\"}[5m]) > 0", "index=«word» sourcetype=«word» | stats count by «noun» | sort -count",
        "SELECT ?x WHERE { ?x rdf:type :«noun» . FILTER(?x > «n») }", "{__name__=~\"«word».*\", «noun»!=\"«word»\"}", "«noun» | where «noun» > ago(1h) | summarize count() by «noun»",
    ],
    "filter": [
        "{\"«noun»\":{\"min\":«n»,\"max\":«n»},\"«noun»\":\"«word»|«word»\"}", "{\"«noun»\":{\"$gte\":«n»,\"$lt\":«n»}}", "{\"$and\":[{\"«noun»\":\"«word»\"},{\"«noun»\":{\"$in\":[«n»,«n»]}}]}",
        "{\"$schema\":\"https://«host»/«noun».json\",\"type\":\"object\",\"required\":[\"«noun»\"]}", "{\"$ref\":\"#/definitions/«noun»\"}", "{\"query\":{\"bool\":{\"must_not\":[{\"term\":{\"«noun»\":\"«word»\"}}]}}}",
        "db.«noun»s.find({«noun»: {$gt: «n»}}).sort({«noun»: -1}).limit(«small»)", "db.«noun»s.aggregate([{$match: {«noun»: '«word»'}}, {$group: {_id: '$«noun»', total: {$sum: 1}}}])",
        "db.«noun»s.updateOne({_id: «n»}, {$set: {«noun»: '«word»'}})", "await «noun».find({ «noun»: { $ne: null } }).exec();", "where: { «noun»: { not: null }, OR: [{ «noun»: '«word»' }, { «noun»: «n» }] }",
        "[[\"«noun»\",\"=\",\"«word»\"],\"or\",[\"«noun»\",\">\",«n»]]", "{\"op\":\"replace\",\"path\":\"/«noun»/«d»/«noun»\",\"value\":\"«word»\"}", "{\"$oid\":\"«hex»\"}", "{\"$date\":«n»}", "{\"@type\":\"Product\",\"@context\":\"https://schema.org\"}",
    ],
    "pattern": [
        "^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d@$!%*?&]{8,}$", "/^\\s*(«word»|«word»)\\s*=\\s*[\"']?([^\"']+)/gm", "(?i)\\b«word»\\b.*?(?:«word»|$)", "^[^<>'\"/;`%]*$", "\\d{3}-\\d{4}|\\(\\d+\\)", "s/«word»/«word»/g", "(['\"`])(.*?)\\1",
        "^(\\+\\d{1,3}[- ]?)?\\(?\\d{3}\\)?[- ]?\\d{3}[- ]?\\d{4}$", "/<[^>]+>/g", "[^\\x00-\\x7F]+", "%d/%b/%Y:%H:%M:%S %z", "«word»(?!«word»)", "^/«noun»/([0-9]+)/?$", "~* \\.(gif|jpe?g|png)$", "{0,«small»}",
        "grep -E '^(«word»|«word»)' «word».txt", "sed -e 's/«word»/«word»/' «word».conf", "awk -F: '$3 > «nn» {print $1}' «word».txt", "LIKE '%\\_%' ESCAPE '\\'",
    ],
    "style": [
        "<style>@media (max-width: «n»px){.«noun»{width:100%!important}}</style>", "<style type=\"text/css\">body{margin:0;padding:0} a{color:#«hex»}</style>", "@import url('https://fonts.googleapis.com/css?family=«word»');", "background:url(data:image/svg+xml;base64,PHN2Zw==) no-repeat",
        "<table width=\"«n»\" cellpadding=\"0\" style=\"border-collapse:collapse\"><tr><td align=\"center\">«sentence»</td></tr></table>", "<!--[if mso]><table><tr><td><![endif]-->", "<body style=\"margin:0\" bgcolor=\"#«hex»\"><center>«sentence»</center></body>", ".«noun»::after{content:'\\201C'}", "<link rel=\"stylesheet\" href=\"/«noun»/«word».css\">",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">", "calc(100% - «small»px)", "filter: progid:DXImageTransform.Microsoft.Alpha(opacity=«n»)", "<font color=\"red\" size=\"«d»\">«word»</font>", "<input type=\"text\" name=\"«noun»\" value=\"«word»\" required>", "<form action=\"/«noun»\" method=\"post\"><button>«word»</button></form>",
    ],
    "script": [
        "$(document).on('change', '#«noun»', function () { $(this).val(''); });", "document.querySelector('.«noun»').addEventListener('click', () => alert('«word»'));", "window.addEventListener('load', «noun»);", "<button onclick=\"«noun»()\">«word»</button> does nothing when clicked", "setTimeout(() => «noun»(), «n»);", "const out = execSync('ls -la').toString();",
        "import os\nfor «noun» in os.listdir('.'):\n    print(«noun»)", "subprocess.run(['«word»', '--«word»'], check=True)", "with open('/etc/hosts') as f:\n    lines = f.readlines()", "fs.readFile('./«word».json', (err, data) => console.log(data));", "System.getProperty(\"user.home\")", "Class.forName(\"com.«word».Driver\");", "require('./«word»').«verb»()", "console.log(process.env.NODE_ENV)",
        "<?php foreach ($«noun»s as $«noun»): ?>\n<li><?= $«noun»->name ?></li>\n<?php endforeach; ?>", "echo htmlspecialchars($_GET['«noun»']);", "$stmt = $pdo->prepare('SELECT * FROM «noun»s WHERE id = ?');", "cursor.execute(\"SELECT * FROM «noun»s WHERE id = %s\", (id,))", "eval() is slow: use JSON.parse instead", "pickle.load(open('«word».pkl', 'rb'))", "os.path.join('..', '«word»')",
        "printf(\"%s\\n\", argv[1]);", "SELECT pg_size_pretty(pg_database_size('«word»'));", "CREATE INDEX ON «noun»s («noun»);", "if (x == 1 || y == 1) return;", "1 == 1 is true and 1 == 0 is false", "p or not p; 1=1, 0=0, 1=0 is false", "assert 1 + 1 == 2 and 'a' == 'a'",
    ],
    "shell_talk": [
        "ls | wc -l counts files", "what does $(date +%F) do in a script", "how do I use && and || in bash", "/etc/fstab explained", "where is /etc/passwd documented? see man 5 passwd", "ps aux | grep «word» | grep -v grep", "cat «word».log | tail -n «small»", "ssh «invented»@«host» 'uptime; df -h'", "tar czf «word».tar.gz «word»/; scp «word».tar.gz «host»:",
        "whoami prints your user name; id prints your groups", "find . -name '*.«word»' -exec rm {} \\;", "the ping command: ping 8.8.8.8 -c 4", "nslookup and dig ask a name server", "net user lists accounts on Windows; ipconfig /all lists adapters", "sleep 5; echo done", "curl http://localhost:«nn»/health | jq .", "wget https://«host»/«word».tar.gz && tar xf «word».tar.gz", "docker exec -it «word» bash -c 'env | sort'",
        "echo $PATH | tr ':' '\\n'", "`uname -r` tells the kernel's version", "sudo systemctl restart nginx; journalctl -u nginx -f", "git diff HEAD~1 -- src/ | less", "powershell Get-ChildItem -Recurse | Select-String '«word»'", "crontab: */5 * * * * /usr/local/bin/«word».sh >/dev/null 2>&1", "rm -i *.tmp # careful", "chmod 644 «word»; chown root:root «word»", "make && make install || echo failed",
    ],
    "relative": [
        "/assets/css/../img/«word».png", "/static/js/../../«word»/«word».svg", "../include/«word».h", "src/../include/«word».h:«small»:«d»: error: expected ';'", "import «noun» from '../../«noun»/«word»'", "@import '../«word»/«word».scss';", "background: url(../img/«word».png)", "require('../../package.json').version", "<img src=\"../images/«word».jpg\">", "see ../«word»/README.md", "sourceMappingURL=../maps/«word».js.map", "./../«word»",
        "«noun»/../«noun»", "webpack:///../src/«word».ts",
    ],
    "address_talk": [
        "ping 192.168.0.«small» works", "open http://192.168.1.1/ and log in to the router", "my server is at http://10.0.0.«small»:«nn»/ behind the VPN", "http://localhost:«nn»/«word» gives a 404", "curl http://127.0.0.1:«nn»/ works locally", "Listen 0.0.0.0:«nn»", "DB_HOST=127.0.0.1 DB_PORT=5432", "redirect_uri=http://localhost:«nn»/callback", "proxy_pass http://127.0.0.1:«nn»;", "the gateway is 192.168.«small».1, mask 255.255.255.0",
        "jdbc:postgresql://localhost:5432/«word»", "redis://localhost:6379/0", "mongodb://localhost:27017/«word»", "postgres://«word»:«word»@db:5432/«word»", "http://«host»/«word».txt", "http://«host»/«word».php?id=«n»", "ftp://ftp.«host»/pub/«word».zip", "https://«host»/«word».jsp", "bind to ldap://ldap.«host»:389/dc=«word»,dc=com", "it listens on http://[::1]:«nn»/ too", "what is 169.254.x.x?", "https://«ip»/",
    ],
    "excerpt": [
        "«ip» - - [12/Mar/2026:10:11:12 +0000] \"GET /«word»?id=«n» HTTP/1.1\" 200 «n» \"-\" \"Mozilla/5.0\"", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: «n»\r\n\r\n{\"ok\":true}", "GET /«word» HTTP/1.1\nHost: «host»\nAccept: */*", "Content-Disposition: attachment; filename=\"«word».pdf\"", "Set-Cookie: «word»=«token»; Path=/; HttpOnly", "From: «name» <«email»>\nTo: «email»\nSubject: «sentence»",
        "> GET / HTTP/2\n> host: «host»\n< HTTP/2 301\n< location: https://www.«host»/", "[error] 1234#0: *«n» open() \"/usr/share/nginx/html/«word»\" failed (2: No such file or directory)", "ORA-00942: table or view does not exist", "ERROR 1064 (42000): You have an error in your SQL syntax near '«word»'", "Warning: mysqli_query() expects parameter 1 in /var/www/html/«word».php on line «small»", "sshd[«nn»]: Failed password for root from «ip» port «nn» ssh2",
        "Exception in thread \"main\" java.io.FileNotFoundException: /etc/«word».conf", "at Object.<anonymous> (/app/src/../lib/«word».js:«small»:«small»)", "<13>Mar 12 10:11:12 «word» «word»[«nn»]: «sentence»", "WARN «noun»: value='«word»' <null> -- skipped", "BEGIN; UPDATE «noun»s SET «noun»=«n» WHERE id=«n»; COMMIT;",
    ],
    "template": [
        "${DB_USER:«word»}", "${«noun».«noun»}", "jdbc:${db.url}?user=${db.user}", "{{ .Values.«noun».«noun» }}", "{{ «noun» | default('«word»') }}", "{% for «noun» in «noun»s %}<li>{{ «noun».name }}</li>{% endfor %}", "<%= link_to '«word»', «noun»_path %>", "#{«noun».«noun»}", "@{/«noun»/{id}(id=${«noun».id})}", "[[${«noun»}]]", "{$smarty.now|date_format}", "<c:out value=\"${«noun».name}\"/>", "%{«noun»}", "Hello {0}, you have {1} «noun»s", "{{#if «noun»}}«word»{{/if}}", "$!{«noun»}", "<#if «noun»??>${«noun»}</#if>", "{{count}} of {{total}}", "<esi-free>«word»</esi-free>", "<!-- include «word» here -->",
    ],
    "measure": [
        "5'-«dna» «dna»-3'", "5' 10\" x 3' 2\"", "40°26'46\"N 79°58'56\"W", "1.e4 e5 2.Nf3 Nc6 3.Bb5 a6", "e4; d5!? (or c5) -- O-O-O#", "f'(x) = 2x; f''(x) = 2", "∫₀¹ x² dx = 1/3", "a || b; a ∧ b; ¬a", "x=«d»; y=«d»; x+y=«small»", "(«n»)+(«n»)=«n»", "«d»>«d» and «d»<«d»", "C₆H₁₂O₆ + 6 O₂", "K&R, R&D; Q&A", "C'mon y'all, it's rock'n'roll o'clock",
        "¯\\_(ツ)_/¯", "<(^.^)> (>'-')> <('-'<)", ":-) ;-) :'( <3 </3", "=^..^= \\o/ >:(", "--==«word»==--", "*** «word» ***", "/!\\ «word» /!\\", "<<<<<<< HEAD\n«sentence»\n=======\n«sentence»\n>>>>>>> «word»", "1) «word»; 2) «word»; 3) «word» & «word»",
    ],
    "dna": ["ATG", "GCC", "TTA", "CGG", "AAT"],
    "formula": ["=SUM(«cell»:«cell»)", "=IF(«cell»>«n»;\"«word»\";\"«word»\")", "=VLOOKUP(«cell»,«noun»!«cell»:«cell»,«d»,FALSE)", "=«cell»*(1+«cell»)", "=COUNTIF(«cell»:«cell»,\">«n»\")", "=CONCATENATE(«cell»,\" \",«cell»)", "=LEFT(«cell»,«d»)&\"«word»\"", "=A1-B1", "=ROUND(«cell»/«n»,2)", "=TEXT(«cell»;\"yyyy-mm-dd\")"],
    "cell": ["A1", "B«d»", "C«small»", "$A$«d»", "D$«d»", "AA«small»"],
    "called": ["ascii(«nn»)", "char(«nn»)", "chr(«nn»)", "len(«noun»)", "abs(-«n»)", "sin(«d».«d»)", "substr(«noun», «d», «d»)", "left(«noun», «d»)", "int(\"«n»\")", "«noun»(«n»)", "«noun»()", "«noun».«noun»(«word»)", "lower(«noun»)", "print(\"«word»\")", "round(«n»/«d»)", "count(*)", "concat(«noun», «noun»)", "sleep() in «word»", "f(«d»)=«n»", "log(«n»)", "rgb(«n»,«n»,«n»)", "rgba(«n», «n», «n», 0.«d»)", "max(«n», «n»)", "what does «noun»(«n») return?", "hex(«n») is 0x«hex»", "md5(«word»)"],
    "local_file": ["file:///C:/Users/«word»/Desktop/«noun».html", "file:///C:/Users/«word»/Documents/«noun».pdf", "file:///home/«word»/«noun»/index.html", "file:///Users/«word»/Downloads/«noun»-«small».pdf", "file:///D:/«noun»s/«noun».jpg", "file:///android_asset/www/index.html", "file:///storage/emulated/0/«word»/«noun».html", "file://«word»/share/«noun».docx", "«sentence» file:///home/«word»/«noun».txt"],
    "page_script": ["<script type=\"module\" src=\"/assets/index-«hex».js\"></script> «sentence»", "«sentence» <script src=\"/«noun»/«word».js\" defer></script>", "<script src=\"«noun»/«word».min.js\"></script>\n<link rel=\"stylesheet\" href=\"/«noun».css\">\n«sentence»", "do I put <script src=\"«word».js\"></script> before </body>? «sentence»", "const url = `${«noun»}/«noun»s/${id}?«noun»=${«noun».join(',')}`;", "fetch(`/api/${«noun»}/${id}`).then(r => r.json()).then(«noun» => console.log(«noun»));", "const «noun» = await fetch(url).then(res => res.text());", "`${«noun».«noun»}-${«noun»}`", "console.log(`«word» ${«noun»} «word»`);", "onClick={() => set«noun»(!«noun»)}", "fetch('/api/«noun»s?«noun»=' + id).then(console.log)"],
    "windows_path": ["C:\\Users\\«word»\\«noun»s\\«noun».docx", "C:\\Program Files\\«word»\\«noun».exe", "%APPDATA%\\«word»\\«noun»", "D:\\«noun»s\\«noun».log", "\\\\«word»\\«noun»s\\«noun».xlsx", "C:\\«word»\\«word»\\«noun»"],
    "windows_talk": ["«windows_path»", "«windows_path» «sentence»", "can i delete «windows_path»", "can i delete c:\\windows\\«word»", "C:\\Windows\\System32\\«word».dll is missing", "«windows_path» can i delete", "«windows_path» missing", "where is «windows_path»?", "«sentence» «windows_path»", "..\\«noun»s\\«word».png", "..\\..\\«noun»\\«word».css", "copy «windows_path» «windows_path»"],
    "steps_talk": ["«sentence» ../../../«noun» «sentence»", "the path ../../«noun» is «sentence»", "../../«noun»/«word».css", "../«noun»s/«word».png «sentence»", "is ../../«noun» the same as «unix_path»?", "import «noun» from '../../../«noun»/«word»'"],
    "ops_talk": ["«sentence» ssh -i ~/.ssh/«word».pem «invented»@«ip» «sentence»", "first ./«word».sh && tail -f /var/log/«word».log", "«sentence» cd «unix_path» && git pull && systemctl restart «word» «sentence»", "we run ./«word».sh; then «sentence»", "«sentence» with open('«unix_path»') as f: print(f.read()) «sentence»", "«noun» = open('«unix_path»').read().strip()", "log in with ssh «invented»@«host», then sudo -i; «sentence»"],
    "everyday_query": ["«windows_talk»", "«steps_talk»", "«ops_talk»", "«conditions»", "«conditions»", "«conditions»", "«formula»", "«called»", "«called»", "«local_file»", "«page_script»", "«page_script»"],
}  # fmt: skip
