# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A redeployed container gets another address; nginx resolved its name at start and keeps asking the old one."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { format } = winston;
const logger = winston.createLogger({
  format: format.combine(format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), format.printf((i) => `${i.timestamp} ${i.level} [menu] ${i.message}`)),
  transports: [new winston.transports.Console(), new winston.transports.File({ filename: '/data/log/menu.log' })],
});
const app = express();
app.get('/api/menu/:day', (req, res) => setTimeout(() => res.json({ soup: 'lentil' }), 80 + Math.random() * 300));
app.post('/api/orders', (req, res) => {
  logger.info('order taken');
  setTimeout(() => res.status(201).end(), 350);
});
const server = app.listen(3000, process.env.BIND_ADDRESS, () => logger.info(`menu api listening on ${process.env.BIND_ADDRESS}:3000`));
process.on('SIGTERM', () => {
  logger.info('SIGTERM, finishing open requests');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    upstream menu {
        server menu:3000;
    }
    server {
        listen 80;
        server_name mensa.example.edu.tw;
        location /api/ { proxy_pass http://menu; }
        location / { return 200 "mensa\\n"; }
    }
}
"""

COMPOSE = """services:
  menu:
    image: mensa/menu:latest
    container_name: menu
    restart: unless-stopped
    networks: [mensa]
  web:
    image: nginx:1.22
    container_name: web
    restart: unless-stopped
    networks: [mensa]
    depends_on: [menu]
networks:
  mensa:
    ipam:
      config: [{subnet: 172.18.0.0/16}]
"""

RELEASE = r"""#!/bin/sh
# weekly release of the menu service
set -e
cd /srv/mensa
echo "$(date '+%F %T %z') release: pulling and recreating menu"
docker compose up -d --force-recreate menu
sleep 8
docker ps --format json > /dev/null
echo "$(date '+%F %T %z') release: done"
"""

INCIDENT = Incident(
    host="mensa-host", start="2026-09-21T11:28:15+08:00", minutes=50, factor=20, zone="Asia/Taipei", apps=["/srv/mensa/app"],
    files={"/srv/mensa/app/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/srv/mensa/docker-compose.yml": COMPOSE,
           "/srv/mensa/release.sh": RELEASE, "/srv/mensa/sync-menu.sh": "#!/bin/sh\nsleep 2\necho \"$(date '+%F %T') menu plan in sync\"\n"},
    crontabs={"root": "*/10 * * * * /srv/mensa/sync-menu.sh >> /var/log/mensa-sync.log\n52 11 * * 1 /srv/mensa/release.sh >> /var/log/mensa-release.log 2>&1\n"},
    prepare="mkdir -p /data/log",
    services={"menu": {"image": "mensa/menu:latest", "command": ["node", "server.js"], "directory": "/srv/mensa/app", "restart": "unless-stopped",
                       "addresses": ["172.18.0.2", "172.18.0.4"], "wait": 12},
              "web": {**NGINX_CONTAINER}},
    visitors={"base": "http://127.0.0.1", "host": "mensa.example.edu.tw",
              "visits": [{"perSecond": 0.5, "bots": 0.05, "paths": [[5, "GET", "/api/menu/today"], [2, "POST", "/api/orders", '{"n":{n}}'], [1, "GET", "/"]]}]},
    collect="""mkdir -p log docker
cp /data/log/menu.log /var/log/mensa-*.log log/; cp /var/log/nginx/access.log log/nginx_access.log; cp /var/log/nginx/error.log log/nginx_error.log
cp /srv/mensa/*.sh /srv/mensa/docker-compose.yml .; cp /etc/nginx/nginx.conf .; crontab -l > crontab
docker ps > docker/ps.txt; docker inspect menu > docker/inspect-menu.json; docker events --since 2h --until 0s > docker/events.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    upstream, recreate = (
        case.at("nginx.conf", "server menu:3000;"),
        case.at("release.sh", "docker compose up -d --force-recreate menu"),
    )
    moved, refused = (
        case.at("log/menu.log", "listening on 172.18.0.4:3000"),
        case.at("log/nginx_error.log", 'upstream: "http://172.18.0.2:3000'),
    )
    begin = case.times("log/mensa-release.log", "pulling and recreating")
    return {
        "root_cause_kind": "upstream-address-stale",
        "root_cause": "release.sh recreated the menu container, which came back with another address (172.18.0.4 instead of .2); nginx had resolved "
        "the name menu at its start and was not reloaded, so from 11:52 every API request goes to the old address.",
        "verdict": "root-cause", "culprit": recreate, "culprit_alternatives": [upstream, case.at("release.sh", "sleep 8")],
        "culprit_related": [case.at("crontab", "release.sh"), moved],
        "chain": [
            hop("job_runs_script", case.at("crontab", "release.sh"), case.at("log/mensa-release.log", "pulling and recreating menu")),
            hop("deploy_changes_configuration", recreate, case.at("docker/events.txt", "container create", nth=3), moved,
                case.at("log/mensa-release.log", "pulling and recreating menu")),
            hop("configuration_mismatch", upstream, moved, refused, case.at("docker/inspect-menu.json", "172.18.0.4")),
            hop("failure_reaches_clients", case.at("log/nginx_access.log", '" 502 '), refused),
        ],
        "mechanism": [
            "cron runs release.sh on Monday at 11:52, once", "the container menu is recreated: SIGTERM, then 'listening on 172.18.0.4:3000'",
            "nginx resolved 'server menu:3000' to 172.18.0.2 when it started and keeps it",
            "connect() to 172.18.0.2 fails (111): 502 for every /api/ request until the end of the logs; the service itself is well",
        ],
        "contributing": [case.at("release.sh", "docker ps --format json", why="looks at nothing: no request through nginx after the release")],
        "innocent": [case.at("crontab", "sync-menu.sh", why="every 10 minutes"),
                     case.at("log/menu.log", "SIGTERM, finishing open requests", why="the planned release's own, one only")],
        "period_s": None, "lag_s": 5,
        "lags": {"release -> first refused": case.lag(begin, case.times("log/nginx_error.log", "111: Connection refused"))},
        "step_change_at": str(begin[0]),
        "measured": [case.measure("log/nginx_error.log", "111: Connection refused"), case.measure("log/nginx_access.log", '" 502 '),
                     case.measure("log/menu.log", "listening on")],
        "timezones": {"log/menu.log": "Asia/Taipei (no zone written)", "docker/": "UTC (Z)", "log/nginx_*": "Asia/Taipei (+08:00)"},
        "how_made": REAL + "; docker is the lab's supervisor, its network the machine's loopback: the old address refuses (111) where a real "
        "bridge may answer 113.",
    }  # fmt: skip
