"""Lines of access logs, one or more a format, and the short way to parse one."""

from __future__ import annotations

import json
from typing import Any

from weirlog.models.formats import log_format
from weirlog.models.request import Request

HAPI = (
    b'{"timestamp":1502738402847,"method":"post","query":{},"path":"/login","statusCode":401,'
    b'"source":{"remoteAddress":"203.0.113.7","referer":"http://localhost/enter"},"route":"/login",'
    b'"headers":{"Host":"localhost:8002","User-Agent":"curl/8","x-forwarded-for":"192.0.2.1, 192.0.2.2"},'
    b'"requestPayload":{"username":"Carl2","password":"bo"},"responsePayload":{"statusCode":401}}'
)
NGINX = b'198.51.100.2 - - [10/Oct/2025:13:55:36 +0200] "GET /a%2Fb?q=x+y&q=%27&e HTTP/1.1" 200 512 "-" "curl/8"'
OURS = json.dumps(
    {
        "time": "1760097336.123",
        "remote_addr": "198.51.100.2",
        "host": "shop.test",
        "method": "POST",
        "uri": "/pay?step=2",
        "protocol": "HTTP/1.1",
        "status": "201",
        "bytes_sent": "12",
        "request_time": "0.004",
        "referer": "https://shop.test/cart",
        "user_agent": "curl/8",
        "x_forwarded_for": "-",
        "content_type": "application/json",
        "body": '{"card":{"n":1}}',
    }
).encode()
CADDY = (
    b'{"level":"info","ts":1760097336.5,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":'
    b'"192.0.2.9","remote_port":"4","client_ip":"198.51.100.2","proto":"HTTP/2.0","method":"GET","host":"shop.test",'
    b'"uri":"/a?b=%27","headers":{"User-Agent":["curl/8"],"Cookie":["REDACTED"]}},"duration":0.1,"status":404}'
)
TRAEFIK = (
    b'{"ClientAddr":"198.51.100.2:4","ClientHost":"198.51.100.2","DownstreamStatus":404,"RequestHost":"shop.test",'
    b'"RequestMethod":"GET","RequestPath":"/a?b=%27","StartUTC":"2025-10-10T11:55:36.500000000Z","request_User-Agent":'
    b'"curl/8","level":"info","msg":"","time":"2025-10-10T11:55:37Z"}'
)
TRAEFIK_TEXT = (
    b'198.51.100.2 - - [10/Oct/2025:11:55:36 +0000] "GET /a?b=%27 HTTP/1.1" 404 5 "-" "curl/8" 7 "web@docker" '
    b'"http://10.0.0.3:80" 0ms'
)
ENVOY = (
    b'[2025-10-10T11:55:36.500Z] "GET /a?b=%27 HTTP/1.1" 404 - 0 5 3 1 "192.0.2.1, 198.51.100.2" "curl/8" "f4d" '
    b'"shop.test" "10.0.0.3:80"'
)
ISTIO = (
    b'[2025-10-10T11:55:36.500Z] "GET /a?b=%27 HTTP/1.1" 404 - via_upstream - "-" 0 5 3 1 "192.0.2.1" "curl/8" "f4d" '
    b'"shop.test" "10.0.0.3:80" inbound|80|| 127.0.0.6:3 10.0.0.3:80 198.51.100.2:4 outbound_.80_._.web default'
)
ENVOY_JSON = (
    b'{":authority":"shop.test","downstream_remote_address":"198.51.100.2:4","method":"GET","response_code":404,'
    b'"start_time":"2025-10-10T11:55:36.500Z","user-agent":"curl/8","x-envoy-origin-path":"/a?b=%27"}'
)
HAPROXY = (
    b"Oct 10 11:55:36 edge haproxy[7]: 198.51.100.2:4 [10/Oct/2025:11:55:36.500] web~ app/one 0/0/1/63/64 404 5 - - "
    b'---- 9/9/3/4/0 0/0 {shop.test|curl/8} {} "GET /a?b=%27 HTTP/1.1"'
)
ALB = (
    b"https 2025-10-10T11:55:36.500000Z app/web/50dc 198.51.100.2:4 10.0.0.1:80 0.086 0.048 0.037 404 404 0 57 "
    b'"GET https://shop.test:443/a?b=%27 HTTP/1.1" "curl/8" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x "Root=1-5" '
    b'"shop.test" "arn:aws:acm" 1 2025-10-10T11:55:36.000000Z "forward" "-" "-" "10.0.0.1:80" "404" "-" "-"'
)
ECS = (
    b'{"@timestamp":"2025-10-10T11:55:36.500Z","http":{"request.method":"GET","response":{"status_code":404}},'
    b'"url.original":"/a?b=%27","url":{"domain":"shop.test"},"client":{"ip":"198.51.100.2"},'
    b'"user_agent":{"original":"curl/8"}}'
)
SERVERS = {
    "caddy": (CADDY,),
    "traefik": (TRAEFIK, TRAEFIK_TEXT),
    "envoy": (ENVOY, ISTIO, ENVOY_JSON),
    "haproxy": (HAPROXY,),
    "alb": (ALB,),
    "ecs": (ECS,),
}
"""By format, lines that all log the same request."""
SAMPLES = (HAPI, NGINX, OURS, *(line for lines in SERVERS.values() for line in lines))


def parse(line: bytes | str | dict[str, Any], name: str = "auto") -> Request:
    if isinstance(line, dict):
        line = json.dumps(line)
    return log_format(name).parse(line if isinstance(line, bytes) else line.encode())
