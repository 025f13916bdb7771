# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A deploy lacks a new variable: the container exits at once, Docker's back-off doubles to a minute that looks like cron."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const { createServer } = require('http');

const version = process.env.APP_VERSION;
console.log(`loyalty ${version} starting`);
if (version >= '4.0.0' && !process.env.POINTS_SALT) {
  throw new Error('POINTS_SALT is not set; refusing to start');
}
createServer((req, res) => {
  setTimeout(() => {
    if (req.method === 'POST') console.log(`points booked for ${req.url.split('/').pop()}`);
    res.end('{"points":120}');
  }, 100 + Math.random() * 500);
}).listen(8800, '127.0.0.1', () => console.log('loyalty ready'));
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh VERSION
set -e
cd /srv/loyalty
VERSION=${1:?version}
stamp() { date '+%Y-%m-%dT%H:%M:%S%z'; }
echo "$(stamp) deploy of $VERSION begins"
sed "s/@VERSION@/$VERSION/" env.template > .env
docker compose -f compose.yml up -d points
sleep 1
echo "$(stamp) deploy of $VERSION done"
"""

TEMPLATE = """APP_VERSION=@VERSION@
POINTS_TTL_DAYS=365
"""

COMPOSE = """name: loyalty
services:
  points:
    image: registry.example.com/loyalty/points:${APP_VERSION}
    container_name: loyalty-points
    restart: always
    env_file: .env
    ports: ["127.0.0.1:8800:8800"]
  gateway:
    image: nginx:1.22
    container_name: loyalty-gateway
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name punkte.example.at;
        location / { proxy_pass http://127.0.0.1:8800; }
    }
}
"""

CRONTAB = """* * * * * /srv/loyalty/bin/expire-points.sh >> /var/log/loyalty/expire.log 2>&1
*/5 * * * * /srv/loyalty/bin/export.sh >> /var/log/loyalty/export.log 2>&1
"""

INCIDENT = Incident(
    host="loyal-1", start="2026-11-02T13:31:00+01:00", minutes=48, factor=18, zone="Europe/Vienna",
    files={"/srv/loyalty/app/server.js": SERVER, "/srv/loyalty/deploy.sh": DEPLOY, "/srv/loyalty/env.template": TEMPLATE,
           "/srv/loyalty/.env": TEMPLATE.replace("@VERSION@", "3.9.2"), "/srv/loyalty/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/loyalty/bin/expire-points.sh": "#!/bin/bash\necho \"$(date -Is) $((RANDOM % 5)) expired\"\n",
           "/srv/loyalty/bin/export.sh": "#!/bin/bash\nsleep 6\necho \"$(date -Is) exported\"\n"},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/loyalty",
    services={"points": {"container": "loyalty-points", "image": "registry.example.com/loyalty/points", "command": ["node", "server.js"],
                         "directory": "/srv/loyalty/app", "environment_file": "/srv/loyalty/.env", "restart": "always",
                         "log": {"kind": "json", "path": "/var/log/loyalty-points-json.log"}},
              "gateway": {**NGINX_CONTAINER, "container": "loyalty-gateway"}},
    during=[(23, "cd /srv/loyalty && ./deploy.sh 4.0.1 >> /var/log/loyalty/deploy.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "punkte.example.at",
              "visits": [{"perSecond": 0.3, "bots": 0.03, "paths": [[3, "GET", "/members/{n}"], [1, "POST", "/members/{n}", '{"points":5}']]}]},
    collect="""mkdir -p containers logs bin
cp /var/log/loyalty-points-json.log containers/; docker ps -a > containers/ps.txt; docker events --since 1h --until 0s > containers/events.txt
docker inspect loyalty-points > containers/inspect-points.json
cp /var/log/nginx/access.log logs/nginx-access.log; cp /var/log/nginx/error.log logs/nginx-error.log; cp /var/log/loyalty/*.log logs/
cp /srv/loyalty/deploy.sh /srv/loyalty/env.template /srv/loyalty/compose.yml .; cp /srv/loyalty/.env dot-env; cp /srv/loyalty/bin/* bin/
cp /etc/nginx/nginx.conf .; cp /srv/loyalty/app/server.js .; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log = "containers/loyalty-points-json.log"
    salt = case.at(log, "Error: POINTS_SALT is not set")
    copy, template = case.at("deploy.sh", "env.template > .env"), case.at("env.template", "POINTS_TTL_DAYS=365")
    died = case.at("containers/events.txt", "exitCode=1,")
    return {
        "root_cause_kind": "deploy-missing-variable-crash-loop",
        "root_cause": "The deploy of 4.0.1 at 13:54 wrote .env from env.template, which lacks POINTS_SALT, new in 4.0; the process throws at start "
        "and exits 1, Docker restarts it with a pause that doubles to 60 s: every request gets 502 from then on.",
        "verdict": "root-cause", "culprit": template,
        "culprit_alternatives": [copy, salt, case.at("env.template", "APP_VERSION=@VERSION@"), case.at("dot-env", "APP_VERSION=4.0.1"),
                                 case.at("dot-env", "POINTS_TTL_DAYS=365")],
        "culprit_related": [case.at("deploy.sh", "docker compose -f compose.yml up -d points"), case.at("server.js", "POINTS_SALT is not set")],
        "chain": [
            hop("deploy_changes_configuration", copy, template, case.at("logs/deploy.log", "deploy of 4.0.1 begins"),
                case.at("dot-env", "APP_VERSION=4.0.1")),
            hop("configuration_mismatch", salt, template, case.at("server.js", "!process.env.POINTS_SALT"), case.at("dot-env", "POINTS_TTL_DAYS")),
            hop("crash_ends_process", salt, died),
            hop("supervisor_restarts_process", case.at("compose.yml", "restart: always"), case.at(log, "loyalty 4.0.1 starting", nth=2),
                case.at("containers/events.txt", "container start", nth=4)),
            hop("termination_refuses_connections", case.at("logs/nginx-error.log", "111: Connection refused"), died),
            hop("failure_reaches_clients", case.at("logs/nginx-access.log", '" 502 '), case.at("logs/nginx-error.log", "111: Connection refused")),
        ],
        "mechanism": [
            "deploy.sh writes .env from env.template and recreates the container", "4.0.1 wants POINTS_SALT, which neither file has",
            "it throws and exits 1 within a second", "Docker restarts it after 0.2, 0.4, 0.8 … 60 s: in the end about once a minute, drifting",
            "nothing listens on 8800: connect() failed (111), 502 for everybody until the end of the logs",
        ],
        "contributing": [case.at("deploy.sh", "sleep 1", why="the deploy says 'done' without looking whether the new version answers")],
        "innocent": [
            case.at("crontab", "expire-points.sh", why="every minute, as the late restarts seem to be; those drift, and it only logs"),
            case.at("crontab", "export.sh", why="every 5 minutes"),
            case.at("compose.yml", "restart: always", why="it only repeats what the deploy broke"),
        ],
        "period_s": None, "lag_s": 4,
        "lags": {"deploy begins -> first error": case.lag(case.times("logs/deploy.log", "begins"), case.times(log, "Error: POINTS_SALT", hours=1))},
        "step_change_at": str(case.times("logs/deploy.log", "4.0.1 begins")[0]),
        "measured": [case.measure(log, "Error: POINTS_SALT"), case.measure("logs/nginx-error.log", "111: Connection refused"),
                     case.measure("logs/nginx-access.log", '" 502 '), case.measure("containers/events.txt", "exitCode=1,")],
        "timezones": {"containers/": "UTC (Z)", "others": "Europe/Vienna (+01:00)"},
        "how_made": REAL + "; docker is the lab's supervisor with Docker's back-off.",
    }  # fmt: skip
