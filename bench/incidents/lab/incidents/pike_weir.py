# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A tighter limit against crawlers is set in nginx; the batch that pushes shelf prices from one address through the same door is refused a third of the time."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.Console()],
});
const app = express();
app.use(express.json());
app.get('/api/products/:id', (req, res) => {
  if (Number(req.params.id) > 870) return res.status(404).json({ error: 'no such product' });
  return setTimeout(() => res.json({ id: req.params.id, cents: 1290 }), 60 + Math.random() * 200);
});
app.put('/api/labels/:shelf', (req, res) => setTimeout(() => {
  if (Math.random() < 0.01) log.warn('label battery low', { shelf: req.params.shelf });
  res.status(204).end();
}, 40));
app.post('/api/reports', (req, res) => { log.info('batch report', req.body); res.status(204).end(); });
app.post('/api/baskets', (req, res) => setTimeout(() => res.status(201).end(), 150));
app.use((req, res) => res.status(404).end());
app.listen(8088, '127.0.0.1', () => log.info('store api up', { port: 8088 }));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

PUSH = """#!/bin/bash
# push_labels.sh: today's prices to the shelf labels of the hall, one PUT a shelf (cron, every quarter of an hour)
# runs on the back office's machine too, therefore by the public name
URL=http://weir.example.org
ok=0 bad=0 last=
for shelf in $(seq 1 ${SHELVES:-36}); do
    code=$(curl -s -m 20 -o /dev/null -w '%{http_code}' -A push-labels/1.4 -X PUT -H 'Content-Type: application/json' -d '{"cents": 1290}' "$URL/api/labels/$shelf")
    if [ "$code" = 204 ]; then ok=$((ok + 1)); else bad=$((bad + 1)) last=$code; fi
done
echo "$(date '+%Y-%m-%d %H:%M:%S') pushed $ok of $((ok + bad)) labels${last:+, $bad failed, last answer $last}"
[ $bad -eq 0 ] || echo "$(date '+%Y-%m-%d %H:%M:%S') ERROR shelves show old prices" >&2
"""

CRON = """SHELL=/bin/bash
*/15 * * * *  deploy  /srv/weir/bin/push_labels.sh >> /var/log/weir/push_labels.log 2>&1
*/15 * * * *  deploy  /srv/weir/bin/stocktake.sh
25 * * * *    root    /srv/weir/bin/backup.sh
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    limit_req_zone $binary_remote_addr zone=perip:1m rate=@RATE@;
    limit_req_status 429;
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name weir.example.org;
        location /api/ {
            limit_req zone=perip burst=@BURST@ nodelay;
            proxy_pass http://127.0.0.1:8088;
        }
        location / { return 200 "Pike Weir store\\n"; }
    }
}
"""
OLD, NEW = NGINX.replace("@RATE@", "20r/s").replace("@BURST@", "40"), NGINX.replace("@RATE@", "20r/m").replace("@BURST@", "5")

COMPOSE = """name: weir
services:
  api:
    image: registry.example.org/weir/api:1.18.2
    container_name: weir-api
    network_mode: host
    restart: unless-stopped
  web:
    image: nginx:1.22
    container_name: weir-web
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro
"""

INCIDENT = Incident(
    host="weir", start="2026-09-15T10:10:30+00:00", minutes=112, factor=50, apps=["/srv/weir/app"],
    project={"project": "weir", "config_files": "/srv/weir/docker-compose.yml", "working_dir": "/srv/weir"},
    files={"/srv/weir/app/server.js": SERVER, "/srv/weir/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": OLD, "/root/new.conf": NEW, "/etc/cron.d/weir": CRON, "/srv/weir/bin/push_labels.sh": PUSH,
           "/srv/weir/bin/stocktake.sh": "#!/bin/sh\nsleep 15\nlogger -t stocktake \"$(shuf -i 0-9 -n 1) differences\"\n", "/srv/weir/bin/backup.sh": "#!/bin/sh\nsleep 25\nlogger -t backup 'weir.sql.gz 18 MB'\n",
           "/srv/weir/OPS.md": "# Ops diary\n\n- 2026-09-15 08:55 api 1.18.2 (label battery warnings), Ola\n"},
    prepare="mkdir -p /var/log/weir; chown deploy: /var/log/weir; echo '127.0.0.1 weir.example.org' >> /etc/hosts",
    services={"api": {"container": "weir-api", "image": "registry.example.org/weir/api:1.18.2", "command": ["node", "server.js"], "directory": "/srv/weir/app", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/weir/api-json.log"}, "wait": 6},
              "web": {**NGINX_CONTAINER, "container": "weir-web"}},
    visitors={"base": "http://127.0.0.1", "host": "weir.example.org", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.07, "aborts": 0.03, "abortAfter": 0.08, "paths": [[7, "GET", "/api/products/{n}"], [2, "POST", "/api/baskets", '{"id":{n}}'], [1, "GET", "/"]]}]},
    during=[(42, "cp /root/new.conf /etc/nginx/nginx.conf; echo '- 2026-09-15 10:52 nginx: crawlers take 10 pages a second again, perip now 20r/m burst 5, reloaded, Ola' >> /srv/weir/OPS.md; docker kill -s HUP weir-web"),
            (93, "echo '- 2026-09-15 11:43 hall: shelf labels show prices of this morning. Labels and api fine, push_labels.sh says 429. Ola' >> /srv/weir/OPS.md")],
    collect="""mkdir -p nginx bin log; cp /srv/weir/docker-compose.yml /srv/weir/OPS.md /srv/weir/app/server.js .; cp /srv/weir/bin/* bin/; cp /etc/cron.d/weir bin/cron.d-weir; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/
cp /var/log/weir/* /var/log/syslog log/; docker ps -a > docker-ps.txt; docker events > docker-events.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    job_log, errors, access = "log/push_labels.log", "nginx/error.log", "nginx/access.log"
    zone, use, diary = (
        case.at("nginx/nginx.conf", "limit_req_zone"),
        case.at("nginx/nginx.conf", "limit_req zone=perip"),
        case.at("OPS.md", "perip now 20r/m"),
    )
    limiting, refused, said, old = (
        case.at(errors, "limiting requests"),
        case.at(access, '" 429 '),
        case.at(job_log, "last answer 429"),
        case.at(job_log, "ERROR shelves show old prices"),
    )
    job, call = case.at("bin/cron.d-weir", "push_labels.sh"), case.at("bin/push_labels.sh", "curl -s -m 20")
    hup = case.at("docker-events.txt", "signal=1")
    pushes = case.times(job_log, "last answer 429")
    return {
        "root_cause_kind": "rate-limit-tightened-refuses-batch",
        "root_cause": "At 10:52 the limit per address in nginx was lowered from 20 a second to 20 a minute with a burst of 5, against crawlers. push_labels.sh sends one PUT a shelf, 36 in a row, from one address through the same location every fifteen minutes; from 11:00 on some ten to fifteen of them get 429 (limiting requests, zone perip) and the labels keep old prices.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": zone, "culprit_alternatives": [use, diary, limiting], "culprit_related": [call, job, said, hup],
        "chain": [
            hop("deploy_changes_configuration", diary, zone, hup),
            hop("job_runs_script", job, case.at("log/syslog", "/srv/weir/bin/push_labels.sh"), call),
            hop("limit_rejects_requests", limiting, zone, use, refused),
            hop("failure_reaches_clients", said, old, refused),
        ],
        "mechanism": ["10:52 rate=20r/m burst=5 nodelay for /api/, nginx reloaded", "every fifteen minutes 36 PUTs in a row from 127.0.0.1", "a dozen pass on the burst, then one every three seconds; ten to fifteen get 429", "labels stay old"],
        "contributing": [case.at("bin/push_labels.sh", "if [ \"$code\" = 204 ]", why="no second try, no pause")],
        "innocent": [
            case.at("bin/cron.d-weir", "stocktake.sh", why="the same minutes; a line"), case.whole("bin/stocktake.sh", "a line"), case.at("bin/cron.d-weir", "backup.sh", why="hourly at :25"), case.at("OPS.md", "api 1.18.2", why="hours before; pushes were whole until 10:45"),
            case.at("docker-compose.yml", "weir/api:1.18.2", why="the api answers all it gets"), case.at(access, '" 404 ', why="bots and unknown products"),
        ],
        "period_s": 900, "lag_s": case.lag(case.times("log/syslog", "push_labels.sh"), case.times(errors, "limiting requests")), "step_change_at": "2026-09-15 10:52:30",
        "lags": {"cron -> first 429": case.lag(case.times("log/syslog", "push_labels.sh"), case.times(errors, "limiting requests")), "reload -> first failed push": round((pushes[0] - case.times("docker-events.txt", "signal=1")[0]).total_seconds(), 1)},
        "measured": [case.measure(errors, "limiting requests", join=200), case.measure(access, '" 429 ', join=200), case.measure(job_log, "last answer 429"), case.measure(job_log, "pushed 36 of 36")],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " (with express and winston); docker is the lab's supervisor; the name weir.example.org is the machine itself.",
    }  # fmt: skip
