# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: three releases restart two replicas in turn; nginx meets refused connections and asks the other one, so nobody notices."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const name = process.env.REPLICA;
const say = (text) => console.log(`${new Date().toISOString()} ${name} ${text}`);
const server = http.createServer((req, res) => {
  if (req.url.startsWith('/skates/9')) say(`WARN size not in stock: ${req.url}`);
  setTimeout(() => res.end('{}'), 80);
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => say(`release ${process.env.RELEASE} ready`));
process.on('SIGTERM', () => { say('SIGTERM: finishing open requests'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

COMPOSE = """x-rink: &rink
  image: eis/rink:12
  restart: always
services:
  rink-a:
    <<: *rink
    container_name: rink-a
    environment: {REPLICA: a, PORT: 8101, RELEASE: "12"}
  rink-b:
    <<: *rink
    container_name: rink-b
    environment: {REPLICA: b, PORT: 8102, RELEASE: "12"}
  proxy:
    image: nginx:1.22
    container_name: proxy
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

RELEASE = """#!/bin/sh
# release: one replica after the other; nginx asks the other one meanwhile
for replica in rink-a rink-b; do
    echo "$(date -u +%FT%TZ) release: $replica"
    docker compose -f /srv/rink/compose.yaml up -d --no-deps --force-recreate "$replica"
    sleep 40
done
echo "$(date -u +%FT%TZ) release: done"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format up '$remote_addr - [$time_local] "$request" $status $upstream_addr $upstream_status';
    access_log /var/log/nginx/access.log up;
    upstream rink {
        server 127.0.0.1:8101 max_fails=1 fail_timeout=5s;
        server 127.0.0.1:8102 max_fails=1 fail_timeout=5s;
    }
    server {
        listen 80;
        server_name eisbahn.example.ch;
        location / {
            proxy_pass http://rink;
            proxy_next_upstream error timeout non_idempotent;
        }
    }
}
"""

RINK = {"image": "eis/rink:12", "command": ["node", "server.js"], "directory": "/srv/rink", "restart": "always", "wait": 6}
RUN = "/srv/rink/release.sh >> /srv/rink/release.log 2>&1"

INCIDENT = Incident(
    host="eis", start="2026-12-13T13:37:00+01:00", minutes=50, factor=24, zone="Europe/Zurich",
    files={"/srv/rink/server.js": SERVER, "/srv/rink/compose.yaml": COMPOSE, "/srv/rink/release.sh": RELEASE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/rink/zamboni.sh": "#!/bin/sh\nsleep 6\nlogger -t zamboni 'ice is smooth, 0 errors'\n"},
    crontabs={"root": "*/10 * * * * /srv/rink/zamboni.sh\n"},
    services={"rink-a": {**RINK, "environment": {"REPLICA": "a", "PORT": "8101", "RELEASE": "12"}, "log": {"kind": "compose", "path": "/srv/rink/compose.log"}},
              "rink-b": {**RINK, "environment": {"REPLICA": "b", "PORT": "8102", "RELEASE": "12"}, "log": {"kind": "compose", "path": "/srv/rink/compose.log"}},
              "proxy": NGINX_CONTAINER},
    during=[(11.2, RUN), (19.7, RUN), (37.4, RUN)],
    visitors={"base": "http://127.0.0.1", "host": "eisbahn.example.ch", "delay": 60,
              "visits": [{"perSecond": 0.8, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.05, "paths": [[4, "GET", "/slots/{n}"], [2, "GET", "/skates/{n}"]]}]},
    collect="""cp /srv/rink/compose.yaml /srv/rink/compose.log /srv/rink/*.sh /srv/rink/release.log /srv/rink/server.js /etc/nginx/nginx.conf .
cp /var/log/nginx/access.log proxy-access.log; cp /var/log/nginx/error.log proxy-error.log; cp /var/log/syslog .; docker ps -a > docker-ps.txt; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    failures = case.measure("proxy-access.log", '" 5[0-9][0-9] ')
    assert failures["lines"] == 0, failures
    return {
        "root_cause": "No incident: three releases by hand restarted two replicas in turn; nginx was refused now and then and asked the other replica; no client got an error.",
        "expected_no_incident": True,
        "innocent": [
            case.at("release.sh", "docker compose -f", why="run by hand, one replica at a time"), case.at("proxy-error.log", "111: Connection refused", why="retried at the other replica: 502, 200 in the access log"),
            case.at("crontab", "zamboni.sh", why="every ten minutes, only logs"), case.at("compose.log", "SIGTERM: finishing", why="the releases' own"),
            case.at("compose.yaml", "restart: always", why="nothing crashed"), case.whole("zamboni.sh", "touches nothing"), case.whole("server.js", "healthy"),
        ],
        "measured": [case.measure("compose.log", "SIGTERM: finishing"), case.measure("proxy-error.log", "111: Connection refused", join=30), failures, case.measure("proxy-access.log", '" 200 ')],
        "how_made": REAL + "; docker is the lab's supervisor.",
    }  # fmt: skip
