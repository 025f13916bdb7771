# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: a proxy's JSON access log alone, with three short spells of 502 at no special moments."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format json escape=json '{"ts":"$time_iso8601","ip":"$remote_addr","method":"$request_method","uri":"$request_uri","status":$status,"rt":$request_time,"ua":"$http_user_agent"}';
    access_log /var/log/nginx/access.json json;
    server { listen 80; server_name moths.example.nz; location / { proxy_pass http://127.0.0.1:6060; } }
}
"""

SERVER = """import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 6060), Handler).serve_forever()
"""

INCIDENT = Incident(
    host="moth", start="2026-01-20T20:31:00+13:00", minutes=74, factor=45, kind="systemd", zone="Pacific/Auckland",
    files={"/etc/nginx/nginx.conf": NGINX, "/srv/moth/app.py": SERVER},
    services={"moth": {"description": "Moth trap", "command": ["python3", "app.py"], "directory": "/srv/moth", "restart": "no"}, "nginx": NGINX_UNIT},
    during=[(13.4, "systemctl stop moth"), (15.1, "systemctl start moth"), (41, "systemctl stop moth"), (41.8, "systemctl start moth"),
            (60.2, "systemctl stop moth"), (63, "systemctl start moth")],
    visitors={"base": "http://127.0.0.1", "host": "moths.example.nz", "delay": 90,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "paths": [[3, "GET", "/catch/{n}"], [1, "POST", "/catch", '{"n":{n}}']]}]},
    collect="cp /var/log/nginx/access.json .",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-upstream-down",
        "root_cause": "Not to be known from one access log: three spells of 502, of one to three minutes (in truth an operator stopped and started the service by hand).",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [],
        "ask_for": ["nginx error log: refused, reset or timed out", "the application's log", "journal: who stopped it", "crontab"],
        "measured": [case.measure("access.json", '"status":502', join=120)],
        "how_made": REAL + "; the backend is Python's http.server, systemctl the lab's supervisor. Only the access log was handed over.",
    }  # fmt: skip
