# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A deploy recreates two containers in the other order and they swap addresses; nginx, which resolved the names at its start, asks each at the other's door."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

API = r"""const express = require('express');
const say = (level, text) => console.log(`${level} ${text}`);
const app = express();
let orders = 4100;
app.get('/api/health', (req, res) => res.json({ service: 'api', version: process.env.VERSION }));
app.get('/api/rounds/:n', (req, res) => setTimeout(() => {
  if (req.params.n % 90 === 0) { say('WARN', `round ${req.params.n} has no driver`); return res.status(409).end(); }
  return res.json({ round: req.params.n, stops: 38 });
}, 60));
app.post('/api/orders', express.json(), (req, res) => setTimeout(() => { orders += 1; say('INFO', `order ${orders} taken, ${req.body.pints} pints`); res.status(201).json({ order: orders }); }, 90));
app.use((req, res) => { say('WARN', `no such route: ${req.method} ${req.url}`); res.status(404).json({ error: 'not found', service: 'api' }); });
app.listen(3000, process.env.BIND_ADDRESS, () => say('INFO', `api ${process.env.VERSION} up, port 3000`));
process.on('SIGTERM', () => { say('INFO', 'SIGTERM'); process.exit(0); });
"""
OFFICE = r"""const express = require('express');
const say = (level, text) => console.log(`[office] ${level}: ${text}`);
const app = express();
app.get('/office/login', (req, res) => res.send('<form>'));
app.get('/office/rounds', (req, res) => setTimeout(() => res.send('<table>'), 150));
app.get('/office/invoices/:n', (req, res) => setTimeout(() => { if (req.params.n % 30 === 0) say('warn', `invoice ${req.params.n} is overdue`); res.send('<p>'); }, 120));
app.use((req, res) => { say('warn', `unknown page ${req.method} ${req.url}`); res.status(404).send('<h1>This page does not exist</h1>'); });
app.listen(3000, process.env.BIND_ADDRESS, () => say('info', `back office ready on 3000`));
process.on('SIGTERM', () => { say('info', 'stopping'); process.exit(0); });
"""

COMPOSE = """name: dairy
services:
  web:
    image: nginx:1.22
    ports: ["80:80"]
    volumes: ["./nginx/nginx.conf:/etc/nginx/nginx.conf:ro"]
    restart: unless-stopped
  api:
    image: dairy/api:${TAG}
    expose: ["3000"]
    restart: unless-stopped
  office:
    image: dairy/office:${TAG}
    expose: ["3000"]
    restart: unless-stopped
networks:
  default:
    ipam:
      config: [{subnet: 172.18.0.0/16}]
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh TAG SERVICE...
# Only what changed; the proxy stays up so that nobody sees a gap.
set -e
cd /opt/dairy
tag=$1; shift
sed -i "s/^TAG=.*/TAG=$tag/" .env
log() { echo "[$(date '+%d/%m/%Y %H:%M:%S')] $*" | tee -a /var/log/dairy/deploy.log; }
log "deploy $tag: $*"
docker compose up -d --force-recreate "$@" 2>&1 | tee -a /var/log/dairy/deploy.log
sleep 15
for service in "$@"; do
    # asked by name on the compose network
    path=/api/health; [ "$service" = office ] && path=/office/login
    log "$service answers $(curl -s -m 60 -o /dev/null -w '%{http_code}' "http://$service:3000$path")"
done
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
    log_format up '$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time $upstream_addr "$http_user_agent"';
    access_log /var/log/nginx/access.log up;
    upstream api    { server api:3000; }
    upstream office { server office:3000; }
    server {
        listen 80 default_server;
        server_name milk.example.ie;
        location /api/    { proxy_pass http://api; proxy_read_timeout 20s; }
        location /office/ { proxy_pass http://office; proxy_read_timeout 60s; }
        location / { return 200 "<h1>The Dairy Round</h1>"; }
    }
}
"""

CRON = """# m h dom mon dow command
*/10 * * * * /opt/dairy/bin/export-orders.sh >> /var/log/dairy/export.log 2>&1
25,55 * * * * /opt/dairy/bin/prune.sh
20 4 * * * docker restart dairy-web-1
"""
EXPORT = """#!/bin/bash
# round sheets for the drivers' printers
sleep 3
echo "$(date '+%d/%m/%Y %H:%M') api: $(curl -s -m 60 -o /dev/null -w '%{http_code}' http://api:3000/api/rounds/7), $((RANDOM % 50 + 10)) sheets"
"""
PRUNE = """#!/bin/sh
# stopped containers and dangling images only
sleep 5
logger -t prune "Total reclaimed space: 0B"
"""
NOTE = """# From: Aoife  To: ops  Subject: app

Since lunch the customers' app says "not found" for everything, orders too. The site's front page is fine.
Office screens show an error page as well. Both containers are up, I looked (docker ps), and the deploy said 200 for both.
Sent logs. Did not touch anything.
"""

INCIDENT = Incident(
    host="dairy", start="2026-05-13T11:31:20+01:00", minutes=92, factor=32, zone="Europe/Dublin", apps=["/opt/dairy/src"], users=["aoife"],
    project={"project": "dairy", "config_files": "/opt/dairy/compose.yaml", "working_dir": "/opt/dairy"},
    files={"/opt/dairy/src/api.js": API, "/opt/dairy/src/office.js": OFFICE, "/opt/dairy/compose.yaml": COMPOSE, "/opt/dairy/.env": "TAG=2.10.3\n", "/opt/dairy/bin/deploy.sh": DEPLOY, "/opt/dairy/bin/export-orders.sh": EXPORT, "/opt/dairy/bin/prune.sh": PRUNE, "/etc/nginx/nginx.conf": NGINX, "/opt/dairy/mail.txt": NOTE,
           "/var/log/dairy/deploy.log": "[28/04/2026 10:02:14] deploy 2.10.3: api\n Container dairy-api-1  Started\n[28/04/2026 10:02:30] api answers 200\n"},
    crontabs={"root": CRON},
    services={"api": {"container": "dairy-api-1", "image": "dairy/api:2.11", "command": ["node", "api.js"], "directory": "/opt/dairy/src", "environment": {"VERSION": "2.11"}, "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/dairy/api-json.log"}, "wait": 10, "ports": "3000/tcp", "addresses": ["172.18.0.3", "172.18.0.3", "172.18.0.4"]},
              "office": {"container": "dairy-office-1", "image": "dairy/office:2.11", "command": ["node", "office.js"], "directory": "/opt/dairy/src", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/dairy/office-json.log"}, "wait": 10, "ports": "3000/tcp", "addresses": ["172.18.0.4", "172.18.0.4", "172.18.0.3"]},
              "web": {**NGINX_CONTAINER, "container": "dairy-web-1", "ports": "0.0.0.0:80->80/tcp"}},
    during=[(17.2, "/opt/dairy/bin/deploy.sh 2.11.0 api office > /dev/null"), (47.6, "/opt/dairy/bin/deploy.sh 2.11.1 office api > /dev/null")],
    visitors={"base": "http://127.0.0.1", "host": "milk.example.ie", "delay": 60,
              "visits": [{"perSecond": 0.4, "bots": 0.05, "aborts": 0.006, "paths": [[6, "GET", "/api/rounds/{n}"], [2, "POST", "/api/orders", '{"pints":{n}}'], [2, "GET", "/"], [1, "GET", "/office/rounds"], [1, "GET", "/office/invoices/{n}"]]}],
              "monitors": [{"every": 60, "path": "/api/health", "address": "192.0.2.120", "agent": "Better Uptime Bot", "log": "/var/log/dairy/betteruptime.txt", "name": "milk"}]},
    collect="""mkdir -p nginx logs bin; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /opt/dairy/bin/*.sh bin/; cp /opt/dairy/compose.yaml /opt/dairy/mail.txt .; cp /opt/dairy/.env dotenv; cp /var/log/dairy/* logs/; mv logs/betteruptime.txt .; cp /var/log/syslog logs/; crontab -l > crontab.txt
docker ps > docker-ps.txt; docker inspect dairy-api-1 dairy-office-1 > docker-inspect.json; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, deploys, site, access = "bin/deploy.sh", "logs/deploy.log", "nginx/nginx.conf", "nginx/access.log"
    upstream, recreate = case.at(site, "upstream api    { server api:3000; }"), case.at(script, "--force-recreate")
    second = case.at(deploys, "deploy 2.11.1: office api")
    asked, unknown, lost = (
        case.at(access, " 172.18.0.3:3000 ", why="the address nginx asks for /api/ all day"),
        case.at("logs/office-json.log", "unknown page POST /api/orders"),
        case.at("logs/api-json.log", "no such route: GET /office/"),
    )
    addresses = [
        case.at("docker-inspect.json", '"IPAddress": "172.18.0.4"'),
        case.at("docker-inspect.json", '"IPAddress": "172.18.0.3"'),
    ]
    failed = case.at(access, '" 404 33 ')
    return {
        "root_cause_kind": "stale-upstream-address",
        "root_cause": "The deploy of 2.11.1 recreated office and api, office first, and they got each other's address. nginx (web, up since morning) resolved `api` and `office` once, at its start, and is never reloaded: since 12:19 it sends /api/ to the back office's container and /office/ to the api's, each of which knows no such path: 404 for everybody, "
        "no 502 and nothing in nginx' error log after the seconds of the deploy itself.",
        "verdict": "root-cause", "culprit": upstream, "culprit_alternatives": [case.at(site, "upstream office { server office:3000; }"), recreate, second], "culprit_related": [unknown, lost, *addresses, case.at(script, "the proxy stays up")],
        "chain": [
            hop("deploy_changes_configuration", second, recreate, *addresses),
            hop("configuration_mismatch", upstream, unknown, lost, asked, *addresses),
            hop("failure_reaches_clients", case.at("betteruptime.txt", "DOWN 404"), failed, case.at("nginx/access.log.1.gz", '" 404 33 '), unknown, case.at("mail.txt", "not found")),
        ],
        "mechanism": ["nginx resolves upstream names at its start: api 172.18.0.3, office 172.18.0.4", "11:48 deploy 2.11.0 recreates both, `api office`: same addresses, a few 502, well afterwards", "12:19 deploy 2.11.1 recreates both, `office api`: addresses swapped (docker inspect)", "access log: /api/ still goes to 172.18.0.3:3000, from where 404 comes; the office's log says unknown page GET /api/...",
                      "deploy.sh asks by name, past nginx, and reports 200"],
        "contributing": [case.at(script, "curl -s -m 60", why="asks past nginx and is content")],
        "innocent": [case.at("crontab.txt", "export-orders.sh", why="asks api by name, 200 all the time"), case.at("crontab.txt", "prune.sh", why="at :25 and :55, reclaims nothing"), case.at("crontab.txt", "docker restart dairy-web-1", why="at 04:20; tonight it would even mend it"), case.at(deploys, "deploy 2.11.0: api office", why="the release before, harmless"),
                     case.whole("bin/prune.sh", "reclaims nothing"), case.at("compose.yaml", "restart: unless-stopped", why="nothing crashed")],
        "period_s": None, "lag_s": None, "step_change_at": "2026-05-13 12:18:53",
        "measured": [case.measure("logs/office-json.log", "unknown page (GET|POST) /api"), case.measure("logs/api-json.log", "no such route: GET /office"), case.measure("betteruptime.txt", "DOWN 404"), case.measure("nginx/access.log.1.gz", r'/api/orders HTTP/1.1" 404'), case.measure("nginx/access.log.1.gz", r'/api/orders HTTP/1.1" 201')],
        "timezones": {"*-json.log, betteruptime.txt, docker-inspect.json": "UTC (Z)", "others": "Europe/Dublin (+01:00); deploy.log day first, without zone"},
        "how_made": REAL + " (with express); docker is the lab's supervisor, the containers' network are addresses on the loopback. The mail is the story as the office would tell it.",
    }  # fmt: skip
