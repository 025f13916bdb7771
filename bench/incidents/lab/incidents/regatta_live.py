# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""More and more viewers keep a stream open; nginx has 64 connections in all, two a viewer, and then closes new ones unanswered."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""// Zwischenzeiten der Regatta, live
const http = require('http');
const viewers = new Set();
const when = () => new Date().toISOString();
const say = (level, text) => console.log(`${when()} ${level.padEnd(5)} regatta: ${text}`);
const server = http.createServer((req, res) => {
  if (req.url === '/live') {
    viewers.add(res);
    res.on('close', () => viewers.delete(res));
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    res.write(': welcome\n\n');
    return;
  }
  setTimeout(() => res.end('<h1>Regatta</h1>'), 30);
});
setInterval(() => viewers.forEach((res) => res.write(`data: ${Date.now()}\n\n`)), 10000);
setInterval(() => say('info', `${viewers.size} viewers`), 120000);
server.listen(6100, '127.0.0.1', () => say('info', 'on air'));
process.on('SIGTERM', () => { say('warn', 'SIGTERM'); process.exit(0); });
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;

events {
    worker_connections 64;
}

http {
    log_format kv 'ts="$time_iso8601" ip=$remote_addr method=$request_method uri="$request_uri" status=$status bytes=$bytes_sent dur=$request_time ua="$http_user_agent"';
    access_log /var/log/nginx/regatta.log kv;
    keepalive_timeout 5s;

    server {
        listen 80 default_server;
        location / {
            proxy_pass http://127.0.0.1:6100;
        }
        location /live {
            proxy_pass http://127.0.0.1:6100;
            proxy_buffering off;
            proxy_read_timeout 1h;
        }
    }
}
"""

INCIDENT = Incident(
    host="bojen", start="2026-06-27T08:36:00+00:00", minutes=54, factor=24, kind="systemd",
    files={"/srv/regatta/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX,
           "/srv/regatta/release.log": "2026-06-20T17:02:11Z 2.3.0 live\n2026-06-26T19:44:02Z 2.4.0 live (bigger start clock)\n",
           "/srv/regatta/buoys.sh": "#!/bin/sh\nsleep 5\nlogger -t buoys 'positions read'\n",
           "/etc/systemd/system/regatta.service": "[Unit]\nDescription=Regatta live\n\n[Service]\nExecStart=/usr/bin/node /srv/regatta/server.js\nStandardOutput=append:/var/log/regatta.log\nRestart=on-failure\nLimitNOFILE=65536\n"},
    crontabs={"root": "*/5 * * * * /srv/regatta/buoys.sh\n"},
    services={"regatta": {"description": "Regatta live", "command": ["/usr/bin/node", "/srv/regatta/server.js"], "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/regatta.log"}, "wait": 6},
              "nginx": NGINX_UNIT},
    during=[(19.5, "echo \"$(date -u +%FT%TZ) 2.4.1 live (colours)\" >> /srv/regatta/release.log; systemctl restart regatta")],
    visitors={"base": "http://127.0.0.1", "host": "live.regatta.example.de", "delay": 60, "visits": [{"perSecond": 0.45, "bots": 0.04, "paths": [[3, "GET", "/"], [2, "GET", "/boats/{n}"]]}],
              "monitors": [{"every": 60, "path": "/", "address": "192.0.2.33", "agent": "hydrozoa-uptime/3", "timeout": 10, "log": "/srv/regatta/uptime.log", "name": "check"}],
              "streams": [{"path": "/live", "count": 33, "spread": 68}]},
    collect="""mkdir log conf; cp /etc/nginx/nginx.conf /etc/systemd/system/regatta.service conf/; cp /srv/regatta/server.js /srv/regatta/buoys.sh /srv/regatta/release.log /srv/regatta/uptime.log .; crontab -l > conf/crontab
cp /var/log/nginx/regatta.log log/nginx-regatta.log; cp /var/log/nginx/error.log log/nginx-error.log; cp /var/log/regatta.log /var/log/syslog log/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, full = (
        case.at("conf/nginx.conf", "worker_connections 64"),
        case.at("log/nginx-error.log", "64 worker_connections are not enough"),
    )
    failed = case.at("uptime.log", "DOWN")
    viewers = case.at("log/regatta.log", "31 viewers")
    return {
        "root_cause_kind": "worker-connections-exhausted",
        "root_cause": "nginx may have 64 connections in all (worker_processes 1, worker_connections 64) and each viewer of /live holds two of them, one from the browser and one to the server; with some 30 viewers "
        "none is left: '64 worker_connections are not enough', new connections are closed without an answer (so the access log shows no errors, only fewer requests).",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [case.at("conf/nginx.conf", "worker_processes 1")], "culprit_related": [full],
        "chain": [hop("resource_exhausted", limit, full, viewers), hop("failure_reaches_clients", failed, full)],
        "mechanism": ["viewers of /live stay, each holding two of nginx's connections", "with some 30 of them: 64 worker_connections are not enough", "new connections are closed unanswered; the outside check says DOWN; the access log grows thin"],
        "innocent": [case.at("release.log", "2.4.1 live", why="twenty minutes before the first refusal, one ordered restart; the connections alone ran out"), case.at("conf/crontab", "buoys.sh", why="every five minutes, only logs"),
                     case.whole("buoys.sh", "touches nothing"), case.at("conf/nginx.conf", "proxy_read_timeout 1h", why="long enough, and a beat each 10 s"), case.at("conf/regatta.service", "LimitNOFILE=65536", why="never reached")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times("log/nginx-error.log", "worker_connections are not enough")[0]),
        "measured": [case.measure("log/nginx-error.log", "worker_connections are not enough"), case.measure("uptime.log", " DOWN "), case.measure("log/regatta.log", " viewers")],
        "how_made": REAL + "; systemctl is the lab's supervisor.",
    }  # fmt: skip
