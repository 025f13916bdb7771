# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two nginx logs and a line of chat: three times, at no interval, every answer of the one upstream is late. Why, these files cannot say."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const app = express();
app.get('/ping', (req, res) => res.send('pong'));
app.get('/lanes/:n', (req, res) => setTimeout(() => res.json({ lane: req.params.n % 8, free: req.params.n % 5 }), 120 + Math.random() * 260));
app.post('/lanes/:n/book', (req, res) => setTimeout(() => res.status(201).end(), 350));
app.listen(3900, '127.0.0.1');
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format pool '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time $upstream_response_time';
    access_log /var/log/nginx/access.log pool;
    server {
        listen 80;
        server_name pool.example.net;
        location /lanes/ { proxy_pass http://127.0.0.1:3900; proxy_read_timeout 20s; }
        location /ping { proxy_pass http://127.0.0.1:3900; proxy_read_timeout 20s; }
        location / { return 200 "Heron pool\\n"; }
    }
}
"""
CHAT = """[15:20] nina: booking hangs again. third time today. somebody should look at this
[15:21] rob: restart it?
[15:21] nina: works again by itself
[15:34] rob: these are the nginx logs of the last hour, I have nothing else from there. marta has the server, she is on leave
"""


def standstill(seconds: int) -> str:
    return f"docker pause pool > /dev/null; sleep {seconds}; docker unpause pool > /dev/null"


INCIDENT = Incident(
    host="heron", start="2026-03-24T14:26:00+00:00", minutes=67, factor=27,
    apps=["/srv/pool"], files={"/srv/pool/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/root/chat.txt": CHAT},
    services={"pool": {"container": "pool", "image": "heron/pool:8", "command": ["node", "server.js"], "directory": "/srv/pool", "restart": "always"}, "web": {**NGINX_CONTAINER, "container": "web"}},
    during=[(13.6, standstill(66)), (37.9, standstill(118)), (53.2, standstill(47))],
    visitors={"base": "http://127.0.0.1", "host": "pool.example.net", "delay": 50,
              "visits": [{"perSecond": 0.3, "bots": 0.07, "aborts": 0.03, "paths": [[6, "GET", "/lanes/{n}"], [2, "POST", "/lanes/{n}/book", "{}"], [2, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/ping", "address": "192.0.2.9", "agent": "statuspage/1.2", "timeout": 30}]},
    collect="cp /var/log/nginx/error.log error.log; tail -n 1000 /var/log/nginx/access.log > access.log; cp /root/chat.txt .",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-upstream-stall",
        "root_cause": "Not to be known: three times (for about 1, 2 and 1 minutes, 24 and 15 minutes apart) nothing that goes to 127.0.0.1:3900 is answered, /ping included, then all of it at once; pages that nginx answers itself are well. The process is not restarted, for no connection is refused or reset. "
        "A blocked event loop, a lock, a long garbage collection, a pause or snapshot of the container would all look like this (in truth: docker pause by hand).",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.whole("chat.txt", "nobody restarted anything")],
        "ask_for": ["the application's log of these minutes", "crontabs, timers, backup and snapshot jobs of the server and its host", "docker events / journal", "CPU, memory, steal and disk figures", "whether a database is behind it, and its slow log", "logs of a longer time: is there a period"],
        "measured": [case.measure("error.log", "110: Connection timed out", join=120), case.measure("access.log", '" 504 ', join=120), case.measure("access.log", '" 499 '), case.measure("access.log", '" 502 ')],
        "timezones": {"all": "UTC"},
        "how_made": REAL.replace(", cron, bash and curl", "") + " (with express); docker is the lab's supervisor, which really stopped the process (SIGSTOP). Of the access log the last 1000 lines were kept.",
    }  # fmt: skip
