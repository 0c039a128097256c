"""Harmless texts as files hold them: markup of editors and mails, configuration, shell scripts, headers, paths."""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance, Rules, Terminal

_CELLS: Final[tuple[Terminal, ...]] = (
    lambda chance: str(chance.number(0, 10 ** chance.number(1, 6))),
    lambda chance: f"{chance.uniform(-999, 999):.{chance.number(0, 3)}f}",
    lambda chance: chance.letters("0123456789ABCDEF", 2, 8),
    lambda chance: chance.letters("0123456789abcdef", 4, 4),
    lambda chance: chance.pick("MLHVCQZmlhvcqz") + str(chance.number(0, 400)),
    lambda chance: f"{chance.number(0, 90)}%",
    values.word,
    values.invented,
    values.date,
    values.name,
)


def _table(chance: Chance) -> str:
    """Return rows of figures or words as programs print and paste them, perhaps one a line, perhaps under a heading."""
    columns = tuple(chance.pick(_CELLS) for _ in range(chance.pick((1, 1, 1, 2, 3, 4, 8))))
    if chance.maybe(0.5):
        columns = columns[:1] * len(columns)
    between = chance.pick((",", ", ", "\t", ";", " ", " ", "  ", "|", " | "))
    rows = [between.join(cell(chance) for cell in columns) for _ in range(chance.number(1, 16))]
    if chance.maybe(0.2):
        rows.insert(0, between.join(values.word(chance) for _ in columns))
    return chance.pick(("\n", "\n", "\n", "\r\n", " ", ",")).join(rows)


DOCUMENTS: Final[Rules] = {
    "file_excerpt": [
        "«shell_script»", "«shell_script»", "«markup_part»", "«markup_part»", "«markup_part»", "«configuration»", "«configuration»", "«path_talk»", "«path_talk»", "«header_file»", "«page_source»", "«badge»", "«data_table»", "«data_table»", "«manual»",
    ],
    "markup_part": [
        "<div «attributes»>\n«markup_part»\n«markup_part»\n</div>", "<table «attributes»><tbody><tr><td>«inline»</td><td «attributes»>«inline»</td></tr></tbody></table>", "<ul «attributes»><li>«inline»</li><li>«inline»</li></ul>", "<blockquote>«markup_part»</blockquote>", "<dl><dt><span «attributes»>«inline»</span></dt><dd>«inline»</dd></dl>",
        "<pre «attributes»>«noun» («noun» <a href=\"«link»\">«invented»</a> «noun», <br/>\n\t\t«noun» *«invented»);</pre>", "<h2 «attributes»>«inline»</h2>\n<p>«inline»</p>", "<p>«inline»</p>\n<p>«inline»</p>", "<p «attributes»>«inline» «inline»</p>", "«inline»<br />\n«inline»<br />\n«inline»<br>", "<section><header>«inline»</header>«inline»</section>", "«inline»</a></li>\n<li>«inline»", "«inline»",
    ],
    "inline": [
        "<a href=\"«link»\">«inline»</a>", "<a href=\"«link»\" «attributes»>«word»</a>", "<a «attributes» href='«link»'>«inline»</a>", "<b>«inline»</b>", "<em>«word»</em> «inline»", "<span «attributes»>«inline»</span>", "<code>«noun».«noun»(«noun»[, «noun»])</code> «inline»", "<img src=\"«link»\" alt=\"«word» «word»\" «attributes»>", "<font color=\"#«hex»\">«inline»</font>", "«sentence» <a href=\"«link»\">«word» «word»</a> «sentence»", "<kbd>«word»</kbd>", "&nbsp;", "&lt;«word»&gt; «word»", "«invented»", "«word» «word»", "«sentence»", "«sentence»",
    ],
    "link": ["«noun»/«noun»-«invented».html#«invented»«noun»", "#«invented»", "#«noun»-«noun»", "/«slug»", "«url»", "«url»", "mailto:«email»", "../«noun».html", "«noun».html", "irc://irc.«host»/«noun»", "?«noun»=«n»&amp;«noun»=«word»", "/«noun»/«n»", "tel:«phone»"],
    "attributes": ["class=\"«noun»\"", "class=\"«noun» «noun»-«noun»\" id=\"«slug»\"", "style=\"color: #«hex»; margin: «d»px 0\"", "style='font-family: \"«word»\", serif'", "data-«noun»=\"«n»\"", "aria-label=\"«word» «word»\"", "target=\"_blank\" rel=\"noopener\"", "title=\"«word»\"", "width=\"«n»\" height='«n»'", "align=center", "lang=\"de\" dir=\"ltr\"", "role='button' tabindex=\"0\"", "id=\"«invented»\"", "cellspacing=\"0\" border=0"],
    "unix_path": [
        "/usr/share/doc/«invented»/html/«noun».html", "/etc/«word»/«word».conf", "/etc/ssl/certs/«invented».pem", "/var/lib/«word»/«noun»", "/var/log/«word».log", "/usr/bin/«invented»", "/usr/lib/«invented»/«word».so.«d»", "/opt/«word»/bin/«invented»", "~/.config/«word»/«noun».toml", "/etc/«word».d/«small»-«word»", "/dev/«word»", "/run/«word».sock", "/tmp/«rnd»", "/home/«word»/«noun»s", "/srv/www/«host»", "/usr/local/share/«word»", "/etc/default/«word»", "$HOME/.«word»rc", "/sys/class/«noun»",
    ],
    "path_talk": [
        "«sentence» «unix_path» «sentence»", "see `«unix_path»`", "«unix_path» and «unix_path» «sentence»", "«unix_path»: «sentence»", "«sentence» (e.g. «unix_path»).", "«word» «unix_path»\n«word» «unix_path»", "file:///usr/share/doc/«invented»/«noun».html", "Put it into «unix_path» or «unix_path»; then restart «word».", "«unix_path»:«small»: warning: «sentence»", "$ ls «unix_path»\n«word» «word» «word».«word»", "«sentence»\n  «unix_path»\n  «unix_path»", "mv «unix_path» «unix_path».«word»",
    ],
    "configuration": [
        "«noun»_«noun» «unix_path»;\n«noun»_«noun» «unix_path»;", "«word» = «unix_path»", "; «word» = «n» # «sentence»", "# «sentence»\n«noun» «word»", "[«word»]\n«noun»=«word»\n«noun»=«unix_path»", "location ~ \\.«word»$ {\n  «noun» «word»;\n}", "auth.«word» «unix_path»", "«noun»: «word»\n«noun»:\n  - «word»\n  - «unix_path»", "ServerName «host»\nDocumentRoot «unix_path»", "*.«word»;«noun».none -«unix_path»", "127.0.0.1 localhost\n«ip» «host» «word»",
        "<policy user=\"«word»\">\n  <allow own=\"org.«word».«invented»\"/>\n</policy>", "/^«word»\\s/ REJECT", "include \"«word».conf\";", "«d» «d» * * * root test -x «unix_path» && «unix_path» --«word»", "option «word» \"«word»\";", "%«word» ALL=(ALL) NOPASSWD: «unix_path»", "Match User «word»\n    «word» no", "«noun»[«n»]: «word»=\"«word»\" «noun»='«word»'", "--- «host» «word» statistics ---\n«small» packets «word», «small» received, 0% loss", "{\n  \"«noun»\": \"«unix_path»\",\n  \"«noun»\": [\"«word»\"]\n}", "«noun» «n» «n» «ip» # «word»",
    ],
    "badge": [".. |«word»-«noun»| image:: «url»\n   :target: «url»", ".. _«word»: «url»", ":«noun»:`«word» <«noun»>`", "[«word» «word»][«d»] and [«word»](«url») on [«word»](irc://irc.«host»/«word»)", "[![«word»](«url»)](«url»)", "[«d»]: «url» \"«word»\""],
    "shell_script": [
        "#!/bin/sh\n«shell_line»\n«shell_line»\n«shell_line»", "«shell_line»\n«shell_line»", "«shell_line»\n«shell_line»\n«shell_line»\n«shell_line»", "«shell_line»", "«sentence»\n\n    «shell_line»\n    «shell_line»",
        "«noun»() {\n  «shell_line»\n  «shell_line»\n}", "if «shell_test»; then\n  «shell_line»\nelse\n  «shell_line»\nfi", "for «noun» in «shell_list»; do\n  «shell_line»\ndone", "case \"$«shell_name»\" in\n  «word») «shell_line» ;;\n  *) «shell_line» ;;\nesac",
        "while read -r «noun»; do\n  «shell_line»\ndone < \"$«shell_name»\"", "# «sentence»\n«shell_line»",
    ],
    "shell_name": ["1", "@", "HOME", "PATH", "TMPDIR", "EDITOR", "OPTARG", "{1:-«word»}", "{«noun»}", "«noun»", "«noun»", "{«noun»%.«word»}", "{#«noun»}", "{LANG:=C}", "?", "$"],
    "shell_test": ["[ -f \"$«shell_name»\" ]", "[ -z \"$«shell_name»\" ]", "[ \"$«shell_name»\" = \"«word»\" ]", "test -d /usr/share/«word»", "[[ $«shell_name» =~ ^[0-9]+$ ]]", "command -v «word» >/dev/null 2>&1", "[ $# -lt «d» ]", "! grep -q '^«word»' /etc/«word».conf", "[ \"$(id -u)\" -ne 0 ]", "[ -x /usr/bin/«word» ]", "((«noun» > «small»))"],
    "shell_list": ["*.«word»", "\"$@\"", "$(ls /etc/«word».d)", "\"${«noun»[@]}\"", "1 2 3", "$(seq 1 «small»)", "/usr/lib/«word»/*.so", "«word» «word» «word»"],
    "shell_command": ["echo", "cp -a", "mv", "mkdir -p", "rm -f", "chmod «d»55", "grep -v", "sed -e 's/«word»/«word»/'", "cut -d: -f«d»", "«invented» --«word»", "«invented» -«d»", "install -m 644", "tar -xzf", "find", "sort -u", "exec", "printf '%s\\n'", "dirname", "cat", "awk '{print $«d»}'", "ln -sf", "test -n", "curl -fsSL", "systemctl restart", "tee -a"],
    "shell_file": ["\"$«shell_name»\"", "$«shell_name»", "/etc/«word»/«word».conf", "/usr/local/bin/«invented»", "\"${«noun»}/«word».«word»\"", "/var/lib/«word»", "«word».«word»", "~/.«word»", "/dev/null", "\"$(«shell_command» $0)\"", "`«shell_command» $1`", "../«word»/«word».in"],
    "shell_line": [
        "«shell_command» «shell_file»", "«shell_command» «shell_file» «shell_file»", "«shell_command» «shell_file» | «shell_command»", "«shell_command» «shell_file» > «shell_file»", "«shell_command» «shell_file» >/dev/null 2>&1 || exit 1", "«noun»=$(«shell_command» «shell_file» | «shell_command»)", "«noun»=\"«word»\"", "export «noun»=«shell_file»", "«shell_test» && «shell_command» «shell_file»", "«shell_test» || return 1",
        "«shell_command» «shell_file»; «shell_command» «shell_file»", "set -eu", ". «shell_file»", "trap 'rm -f «shell_file»' EXIT", "local «noun»=$1; shift", "# «sentence»", "echo \"«sentence»\" >&2", "usage() { echo \"usage: $0 [-«d»] «word»\"; exit 2; }", "«noun»=$((«noun» + 1))", "eval \"«noun»=\\$«noun»\"", "«shell_command» «shell_file» &", "wait $!", "cat <<EOF > «shell_file»\n«sentence»\nEOF", "done < <(«shell_command» «shell_file»)", "complete -F _«invented» «invented»", "COMPREPLY=( $(compgen -W '«word» «word»' -- \"$cur\") )",
        "echo \"Usage: $0 {start|stop|restart}\" >&2", "exec «unix_path» \"$@\"", "[ $# = 0 ] && exec «unix_path» \"$0\" --«word»", "exit $«noun»", "esac", "'-«word»'|'--«word»')\n\t\t«shell_line»\n\t\t;;", "        \"«word»\")  «shell_line» ;;\n        \"«word»\")  «shell_line» ;;", "return 0\n\t;;\n\t'--«word»')", "    ;;\n  -«d»|--«word»)\n    «shell_line»", "«noun»=\"${«noun» } «word»\"", "«noun»=${«noun»#=}", "dpkg-divert --add «unix_path»",
    ],
    "data_table": _table,
    "manual": [
        ".TH «invented» «d» «date»\n.SH NAME\n«invented» \\- «sentence»", "\\-\\-«word»\\-«noun», \\-\\-«word»,\n\\-\\-«noun»\\-«noun», \\-\\-«noun»\n«sentence»", ".TP\n\\fB\\-\\-«word»\\fR=\\fI«noun»\\fR\n«sentence»", "SYNOPSIS\n       «invented» [-«d»] [--«word»=«noun»] «noun»...", "NAME\n       «invented» - «sentence»\n\nDESCRIPTION\n       «sentence»", "OPTIONS\n       -«d», --«word»\n              «sentence»", "SEE ALSO\n       «invented»(«d»), «invented»(«d»)", "«sentence»:\n       --«word», --«noun», --«word»-«noun»",
        "usage: «invented» [--«word» «noun»] [--«noun» {«word»,«word»}]\n\n  --«word» «noun»   «sentence»", "Note: «sentence»\nSee also: «invented», «invented»", "«noun»: «sentence»\n«noun»: «sentence»", "Author: «name»\nVersion: «version»\nLicense: «word»",
    ],
    "header_file": [
        "#define «invented»_«noun»(x) ((x) & 0x«hex»)", "#ifndef _«noun»_H\n#define _«noun»_H\n\n#include <«word».h>", "extern int «invented» (const char *__«noun», size_t __n) __THROW __nonnull ((1));", "typedef struct {\n  unsigned int «noun» : «d»;\n  char *«noun»[«small»];\n} «invented»_t;", "/* «sentence» */\n#if defined(__«noun»__) && !defined(«noun»)\n# error \"«word»\"\n#endif", "static inline void «noun»(struct «noun» *p) { p->«noun» |= 1 << «d»; }", "template <typename T> const T& «noun»(const std::vector<T>& v) { return v[0]; }", "enum { «noun» = 0x«hex», «noun» = '«d»' };",
        "my ($self, %«noun») = @_;\nreturn $self->{«noun»} unless @{$«noun»};", "if ($line =~ /^\\s*(\\w+)\\s*=\\s*(.*)$/) { $«noun»{$1} = $2; }", "print STDERR \"$0: $«noun»\\n\" if $«noun» eq '«word»';", "local $/ = undef; my $«noun» = <$fh>;", "foreach my $«noun» (sort keys %«noun») { push @«noun», $«noun»; }", "impl<T> From<«noun»> for Option<T> { fn from(x: «noun») -> Self { None } }", "func («d»x *«noun») «verb»() error { if err != nil { return err } }", "SELECT * INTO «noun» FROM «noun»s; -- «sentence»",
    ],
    "page_source": [
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>«word»</title></head>", "<script type=\"application/json\" id=\"«noun»\">{\"«noun»\": «n»}</script>", "<nav class=\"«noun» «noun»--«word»\"><ul><li><a href=\"/«word»\">«word»</a></li></ul></nav>", "<td class=\"«noun»\"><code>«word»</code></td>",
        "  <«noun»:«noun» xmlns:«noun»=\"http://«host»/«word»\" «noun»=\"«n»\"/>", "<link href=\"«url»\" rel=\"stylesheet\" type=\"text/css\"/>", ".«noun» > .«noun»:hover { background: #«hex» url('../img/«word».png') no-repeat; }", "@media print { .«noun», .«noun» a[href]::after { content: \" (\" attr(href) \")\"; } }", "var «noun» = document.getElementById('«noun»'); «noun».innerHTML = '<b>' + «noun» + '</b>';", "module.exports = function («noun», cb) { if (!«noun») return cb(null); «noun».«verb»(cb); };", "Object.keys(«noun»).forEach(k => { delete «noun»[k]; });", "export default { data() { return { «noun»: '' } }, methods: { «verb»() {} } }",
    ],
}  # fmt: skip
