# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A limit per client address behind a balancer: nginx sees one address for everybody and turns visitors away in busy minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const app = express();
app.get('/seeds/:n', (req, res) => setTimeout(() => res.json({ viable: true }), 60));
app.get('/search', (req, res) => setTimeout(() => res.json([]), 120));
app.listen(6200, '127.0.0.1', () => console.log(JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: 'seed bank ready' })));
setInterval(() => console.log(JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: 'stock synchronised' })), 300000);
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format lb '$remote_addr ($http_x_forwarded_for) [$time_local] "$request" $status $body_bytes_sent "$http_user_agent"';
    access_log /var/log/nginx/access.log lb;
    # one visitor may ask twice a second
    limit_req_zone $binary_remote_addr zone=visitor:1m rate=2r/s;
    server {
        listen 80;
        server_name seeds.example.no;
        location / {
            limit_req zone=visitor burst=6 nodelay;
            proxy_pass http://127.0.0.1:6200;
        }
    }
}
"""

INCIDENT = Incident(
    host="froe2", start="2026-03-23T08:55:00+01:00", minutes=44, factor=22, kind="systemd", zone="Europe/Oslo", apps=["/srv/seeds"],
    files={"/srv/seeds/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/srv/seeds/labels.sh": "#!/bin/sh\nsleep 3\necho \"$(date -Is) labels printed\"\n"},
    crontabs={"root": "*/5 * * * * /srv/seeds/labels.sh >> /var/log/labels.log\n"},
    services={"seeds": {"description": "Seed bank", "command": ["node", "server.js"], "directory": "/srv/seeds", "restart": "always", "log": {"kind": "plain", "path": "/var/log/seeds.log"}},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "seeds.example.no", "delay": 60, "visits": [],
              "monitors": [
                  *({"every": 9, "jitter": 6, "offset": n, "path": f"/seeds/{40 + n}", "address": "192.0.2.10", "headers": {"X-Forwarded-For": f"203.0.113.{11 * n + 3}"}} for n in range(12)),
                  *({"every": 420, "jitter": 60, "offset": 500 + n / 4, "path": f"/search?q=rye&page={n}", "address": "192.0.2.10",
                     "headers": {"X-Forwarded-For": f"198.51.100.{5 * n + 2}"}} for n in range(36)),
              ]},
    collect="""cp /var/log/seeds.log /var/log/labels.log /srv/seeds/server.js /srv/seeds/labels.sh /etc/nginx/nginx.conf .; cp /var/log/nginx/access.log nginx.access.log
cp /var/log/nginx/error.log nginx.error.log; crontab -l > crontab; rotate nginx.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    zone, limit = case.at("nginx.conf", "limit_req_zone $binary_remote_addr"), case.at("nginx.conf", "limit_req zone=visitor")
    turned, refused = case.at("nginx.error.log", "limiting requests"), case.at("nginx.access.log", '" 503 ')
    return {
        "root_cause_kind": "limit-key-behind-balancer",
        "root_cause": "limit_req_zone counts by $binary_remote_addr, but all requests come through a balancer (192.0.2.10; the visitors stand in X-Forwarded-For and no set_real_ip_from "
        "is set): everybody shares two requests a second, and visitors get 503 when several come at once.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": zone, "culprit_alternatives": [limit], "culprit_related": [turned],
        "chain": [hop("limit_rejects_requests", zone, limit, turned), hop("failure_reaches_clients", refused, turned)],
        "mechanism": ["a balancer hands all visitors over from one address", "nginx counts them as one visitor", "busy moments pass 2 r/s and the burst of 6: limiting requests, 503"],
        "innocent": [case.at("crontab", "labels.sh", why="every 5 minutes, only prints"), case.whole("labels.sh", "touches nothing"), case.whole("server.js", "answers all it is asked"),
                     case.at("seeds.log", "stock synchronised", why="every five minutes, harmless")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure("nginx.error.log", "limiting requests", join=60), case.measure("nginx.access.log", '" 503 ', join=60)],
        "how_made": REAL + "; the balancer is one address of the lab's visitors with X-Forwarded-For.",
    }  # fmt: skip
