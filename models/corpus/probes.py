"""Requests for what should not be there, each a path alone, and harmless paths that look like them.

A probe is no injection: what gives it away is the name that it asks for. Tools whose pages are in daily use on some sites
(phpMyAdmin, a WordPress login) are left to those sites' own judgement.
"""

from __future__ import annotations

from typing import Final

from weirlog.models.corpus import values
from weirlog.models.corpus.grammar import Chance, Grammar
from weirlog.models.corpus.written import written_path

WRITTEN: Final = 0.4
"""Share of harmless paths that were written one by one."""
PROBE_GRAMMAR: Final = Grammar(
    {
        "word": values.word,
        "host": values.host,
        "year": lambda chance: str(chance.number(2009, 2026)),
        "digits": lambda chance: str(chance.number(1, 99)),
        "hex": lambda chance: chance.letters("0123456789abcdef", 38, 38),
        "month": lambda chance: f"{chance.number(1, 12):02d}",
        "invented": values.invented,
        "short": lambda chance: chance.letters("abcdefghijklmnopqrstuvwxyz0123456789", 2, 8),
        "probe": (
            "/«under»«secret»", "/«under»«secret»", "/«under»«vcs»", "/«under»«copy»", "/«under»«copy»", "/«under»«dump»",
            "/«under»«console»", "/«under»«console»", "/«under»«shell»", "/«under»«shell»", "/«under»«flawed»",
        ),
        "under": (
            "", "", "", "", "", "«word»/", "«word»/", "api/", "app/", "admin/", "public/", "www/", "web/", "backend/", "old/",
            "laravel/", "wordpress/", "blog/", "site/", "dev/", "test/", "src/", "«word»/«word»/", "v«digits»/", "html/",
        ),
        "secret": (
            ".env", ".env", ".env.«stage»", ".env.«stage»", ".env«mark»", "«stage».env", ".aws/credentials", ".aws/config",
            ".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/authorized_keys", ".ssh/known_hosts", "id_rsa", "id_dsa", ".bash_history",
            ".zsh_history", ".mysql_history", ".psql_history", ".pgpass", ".my.cnf", ".netrc", ".npmrc", ".pypirc",
            ".dockercfg", ".docker/config.json", ".kube/config", ".htpasswd", ".htaccess", ".DS_Store", ".vscode/sftp.json",
            ".vscode/settings.json", ".idea/workspace.xml", ".idea/dataSources.xml", ".ftpconfig", "sftp-config.json",
            ".git-credentials", ".config/gcloud/credentials.db", ".terraform/terraform.tfstate", "terraform.tfstate",
            "secrets.yml", "config/secrets.yml", "config/master.key", "credentials.json", "service-account.json",
            "WEB-INF/web.xml", "META-INF/context.xml", "web.config", "wp-config.php", "config/database.yml",
            "app/config/parameters.yml", "docker-compose.yml", "docker-compose.«stage».yml", "Dockerfile", ".gitlab-ci.yml",
            ".travis.yml", ".circleci/config.yml", "appsettings.json", "appsettings.«stage».json", "local.settings.json",
            "application.properties", "application-«stage».yml", "config.inc.php", "configuration.php", "settings.py",
        ),
        "stage": ("local", "dev", "development", "prod", "production", "staging", "stage", "test", "example", "live", "qa"),
        "vcs": (
            ".git/config", ".git/HEAD", ".git/index", ".git/logs/HEAD", ".git/refs/heads/master", ".git/refs/heads/main",
            ".git/objects/«digits»/«hex»", ".git/", ".git", ".gitignore", ".svn/entries", ".svn/wc.db", ".hg/hgrc",
            ".hg/store/00manifest.i", ".bzr/branch/branch.conf", "CVS/Root", "CVS/Entries",
        ),
        "file": (
            "index.php", "config.php", "wp-config.php", "configuration.php", "settings.php", "database.php", "db.php",
            "login.php", "admin.php", "web.config", "config.json", "settings.py", "application.yml", "config.yml", "«word».php",
            "config.inc.php", ".env", ".htaccess", "connect.php", "main.js", "app.py", "index.jsp", "default.aspx",
        ),
        "mark": (".bak", ".bak", ".old", ".save", ".swp", ".orig", ".backup", "~", ".1", ".copy", ".tmp", ".txt", "_old", "-backup"),
        "copy": ("«file»«mark»", "«file»«mark»", "«file»«mark»", ".«file».swp", "copy-of-«file»", "«file».«digits».bak"),
        "archive": (".zip", ".tar.gz", ".tgz", ".rar", ".7z", ".sql", ".sql.gz", ".sql.zip", ".tar", ".bak", ".gz"),
        "dump": (
            "«stem»«archive»", "«stem»«archive»", "«stem»-«year»«archive»", "«stem»_«year»«archive»", "«host»«archive»", "dump.sql",
            "database.sql", "db.sql", "mysql.sql", "users.sql", "data.sql", "«word».sql", "backup/«stem»«archive»",
            "backups/«stem»«archive»", "db.sqlite3", "database.sqlite", "error_log", "debug.log", "storage/logs/laravel.log",
            "logs/error.log", "wp-content/debug.log", "core.«digits»", "heapdump", "phpinfo.php", "info.php", "test.php",
        ),
        "panel": (
            "index", "admin", "edit", "post", "post-new", "upload", "options-general", "plugins", "themes", "customize", "users",
            "profile", "edit-comments", "load-styles", "load-scripts", "update-core", "setup-config", "tools", "nav-menus", "media-new",
        ),
        "stem": ("backup", "www", "web", "site", "db", "database", "dump", "html", "public_html", "wwwroot", "«word»", "old", "archive"),
        "console": (
            "actuator/env", "actuator/heapdump", "actuator/gateway/routes", "actuator/mappings", "actuator/jolokia",
            "manager/html", "manager/text/list", "host-manager/html", "jmx-console/", "web-console/", "invoker/JMXInvokerServlet",
            "admin-console/", "solr/admin/cores", "solr/admin/info/system", "jenkins/script", "server-status",
            "server-info", "_cluster/health", "_cat/indices", "_all/_search", "console/login/LoginForm.jsp",
            "wls-wsat/CoordinatorPortType", "_profiler/phpinfo", "telescope/requests",
            "adminer.php", "adminer-«digits».php", "pma/index.php", "phpMyAdmin-«digits»/index.php", "mysql/admin/index.php",
            "dbadmin/index.php", "sqlmanager/index.php", "cgi-bin/printenv", "cgi-bin/test-cgi", "cgi-bin/luci/;stok=/locale",
            "remote/login", "dana-na/auth/url_default/welcome.cgi", "HNAP1/", "boaform/admin/formLogin", "setup.cgi",
            "GponForm/diag_Form", "hudson/script", "nagios/cgi-bin/statusjson.cgi", "zabbix/setup.php", "ecp/Current/exporttool/",
            "debug/pprof/", "debug/default/view", "druid/index.html", "v1/agent/self", "containers/json", "trace.axd", "elmah.axd",
        ),
        "shell": (
            "«shellname».«page»", "«shellname».«page»", "«shellname»«digits».«page»", "wp-content/uploads/«shellname».php",
            "wp-content/plugins/«word»/«shellname».php", "uploads/«shellname».«page»", "images/«shellname».«page»",
            "«taken»/«anything».«page»", "«taken»/«anything».«page»", "cgi-bin/«anything».sh", "cgi-bin/«anything»-«word».sh",
            "upload/«short».php.«picture»", "files/«shellname».«page»", "tmp/«shellname».«page»", "wp-includes/«shellname».php",
            "wp-admin/«shellname».php", ".well-known/«shellname».php", "css/«shellname».php",
        ),
        # What visitors send is kept here; a page that runs is not of those who own the site.
        "taken": ("uploads", "wp-content/uploads/«year»/«month»", "wp-content/uploads", "sites/default/files", "media/uploads", "userfiles"),
        "anything": ("«short»", "«invented»", "«word»", "«word»-«word»", "«word»_«digits»", "«shellname»-«invented»"),
        "picture": ("jpg", "png", "gif"),
        "page": ("php", "php", "php", "php3", "php5", "php7", "phar", "pht", "phtml", "jsp", "jspx", "asp", "aspx", "cfm"),
        "shellname": (
            "shell", "webshell", "c99", "c99shell", "r57", "wso", "b374k", "alfa", "alfashell", "mini", "cmd", "cmdshell", "backdoor",
            "up", "uploader", "indoxploit", "0x", "1337", "x", "eval", "evil", "hack", "phpspy", "adminshell", "simple-backdoor", "gel4y",
            "marijuana", "cmdjsp", "jspspy", "chopper", "antsword", "behinder", "godzilla", "weevely",
        ),
        "flawed": (
            "vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "vendor/phpunit/Util/PHP/eval-stdin.php",
            "lib/phpunit/Util/PHP/eval-stdin.php", "wp-content/plugins/wp-file-manager/lib/php/connector.minimal.php",
            "wp-content/plugins/revslider/temp/update_extract/", "wp-json/wp/v2/users/", "sites/default/settings.php~",
            "struts2-showcase/index.action", "phpmoadmin/moadmin.php", "fckeditor/editor/filemanager/connectors/php/upload.php",
            "ckfinder/core/connector/php/connector.php", "kcfinder/upload.php", "elfinder/php/connector.minimal.php",
            "jolokia/list", "xampp/phpinfo.php", "thinkphp/library/think/App.php", "owa/auth/logon.aspx~", "autodiscover.json~",
        ),
        # Names that hold the same words and are asked for by everybody, or by those whose page it is.
        "likeness": (
            "/.well-known/acme-challenge/«hex»", "/.well-known/security.txt", "/.well-known/openid-configuration",
            "/.well-known/assetlinks.json", "/.well-known/apple-app-site-association", "/.well-known/change-password", "/robots.txt",
            "/favicon.ico", "/sitemap.xml", "/sitemap-«year».xml.gz", "/feed.xml", "/humans.txt", "/ads.txt", "/manifest.json",
            "/blog/«year»/how-to-back-up-a-database", "/docs/environment-variables", "/docs/env", "/docs/git-config",
            "/articles/git-«word»-explained", "/help/«word»-backup", "/downloads/«word»-«digits».«digits».zip",
            "/releases/«word»-v«digits».tar.gz", "/downloads/«word»-setup.7z", "/files/«word»-«year».zip", "/export/«word».zip",
            "/api/backups", "/api/backups/«digits»", "/api/v«digits»/environment", "/api/config", "/api/settings", "/admin",
            "/admin/", "/admin/login", "/admin/users/«digits»", "/administrator/index.php", "/wp-login.php", "/wp-admin/",
            "/wp-admin/admin-ajax.php", "/wp-content/uploads/«year»/«digits»/«word».jpg", "/wp-json/wp/v2/posts",
            "/wp-content/plugins/«word»/assets/style.css", "/wp-includes/js/jquery/jquery.min.js", "/wp-cron.php",
            "/phpmyadmin/index.php", "/phpmyadmin/db_structure.php", "/phpmyadmin/themes/pmahomme/img/b_«word».png",
            "/phpmyadmin/js/vendor/jquery/jquery.min.js", "/phpmyadmin/tbl_sql.php", "/phpmyadmin/sql.php",
            "/info", "/about/info.php", "/test", "/tests/«digits»", "/shell", "/products/shell-«word»", "/console", "/console/«word»",
            "/login/console", "/static/js/config.js", "/assets/app.«hex».js", "/static/main.«short».js.map", "/js/env.js",
            "/env", "/environment/«word»", "/old/«word».html", "/archive/«year»", "/archive/«year»/«digits»", "/logs", "/api/logs",
            "/actuator/health", "/actuator/info", "/actuator/prometheus", "/health", "/healthz", "/metrics", "/status",
            "/server/status", "/uploads/«word».jpg", "/upload", "/upload.php", "/uploads/avatars/«digits».png", "/index.php",
            "/config", "/settings/config", "/users/«word»/settings", "/«word»/id_card", "/cgi-bin/«word».cgi", "/cgi-bin/«word».pl", "/cgi-bin/«word»/«word».cgi",
            "/uploads/index.php", "/upload/«word».php", "/files/download.php", "/images/captcha.php", "/media/thumb.php", "/wp-content/uploads/«year»/«month»/«word»-«word».pdf", "/sites/default/files/«year»-«month»/«word».pdf", "/userfiles/«word».doc",
            "/script.js",
            "/scripts/«word».js", "/«word»/.«short»", "/git", "/git/«word»", "/«word».git/info/refs", "/docker", "/docs/docker-compose",
            "/database", "/databases/«digits»", "/sql", "/learn/sql", "/dump-truck", "/manager", "/manager/team", "/jenkins/job/«word»/",
            "/«under»index.php", "/«under»app.php", "/«under»app.php/«word»", "/«under»«word».php", "/«under»login.php", "/«under»config.js",
            "/«under»wp-admin/install.php", "/«under»wp-admin/«panel».php", "/«under»wp-admin/«panel».php", "/«under»wp-content/index.php",
            "/«under»wp-content/themes/«word»/style.css", "/«under»css/«short».css", "/«under»css/css.css", "/«under»assets/css/styles.css",
            "/asset/css/styles.css", "/«under»storage/«word»/«hex».«picture»", "/«under»storage/app/public/«word»/«hex».jpeg",
            "/_ignition/health-check", "/_ignition/execute-solution", "/_ignition/scripts/«word»", "/_debugbar/assets/«word».js",
            "/«under»images/«short».«picture»", "/«under»img/«word»/«short».jpg", "/«under»icons/«short».png", "/«under»vite.svg",
            "/«word»/«short».«short»", "/@fs/usr/src/app/node_modules/«word»/dist/client/env.mjs", "/«under»tools/«short».pdf",
            "/docs/etc/«word»", "/wiki/Passwd_(«word»)", "/man/man5/passwd.5.html", "/man«digits»/«word».html", "/reference/etc/hosts", "/pkg/etc/«word».conf.html", "/blog/etc/passwd-and-shadow-explained", "/learn/proc/self-«word»", "/solr", "/search/solr", "/x", "/up", "/cmd", "/mini", "/package.json", "/swagger.json", "/openapi.yaml", "/v«digits»/api-docs",
        ),
    }
)  # fmt: skip


def probe(chance: Chance) -> str:
    """Return a path that asks for a secret, a backup, a console or another's web shell."""
    return PROBE_GRAMMAR.draw(chance, "probe")


def likeness(chance: Chance) -> str:
    """Return a harmless path whose words probes have, too."""
    return written_path(chance) if chance.maybe(WRITTEN) else PROBE_GRAMMAR.draw(chance, "likeness")
