# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: the end of nginx's error log only, which begins in the middle of an outage."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

INCIDENT = Incident(
    host="toll", start="2026-02-08T06:01:00-06:00", minutes=34, factor=26, kind="systemd", zone="America/Mexico_City",
    files={"/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n"
           "access_log /var/log/nginx/access.log;\nserver { listen 80; server_name peaje.example.mx; location / { proxy_pass http://127.0.0.1:7900; } }\n}\n",
           "/srv/toll/server.js": "require('http').createServer((q, s) => s.end('ok')).listen(7900, '127.0.0.1');\n"},
    services={"toll": {"description": "Toll", "command": ["node", "server.js"], "directory": "/srv/toll", "restart": "no"}, "nginx": NGINX_UNIT},
    during=[(6, "systemctl stop toll")],
    visitors={"base": "http://127.0.0.1", "host": "peaje.example.mx", "visits": [{"perSecond": 0.5, "bots": 0.02, "paths": [[1, "POST", "/gate/{n}", "{}"]]}]},
    collect="tail -c 120000 /var/log/nginx/error.log > error.log; cp /etc/nginx/nginx.conf .",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-upstream-down",
        "root_cause": "Not to be known: nobody listens on 127.0.0.1:7900 from the first line to the last (in truth somebody stopped the service before); "
        "the log was cut, so the beginning is missing.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.at("nginx.conf", "proxy_pass http://127.0.0.1:7900", why="nothing shows that the port is wrong")],
        "ask_for": ["the log before its first line: when did it begin", "state and log of the service on port 7900", "what was deployed or stopped"],
        "measured": [case.measure("error.log", "111: Connection refused")],
        "how_made": REAL + "; systemctl is the lab's supervisor. The last 120 000 bytes were kept, so the first line is a half one.",
    }  # fmt: skip
