# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A new rate limit against scrapers also meets the shop's own price job, which sends its lines through the public name."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');

const log = pino({ name: 'saddle-api', level: 'info', base: undefined, timestamp: () => `,"time":"${new Date().toISOString()}"` });
const prices = new Map();
const app = express();
app.use(express.json());
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/saddles/:sku', (req, res) => {
  if (Number(req.params.sku) > 870) return res.sendStatus(404);
  return setTimeout(() => res.json({ sku: req.params.sku, price: prices.get(req.params.sku) ?? null }), 40 + Math.random() * 90);
});
app.put('/saddles/:sku/price', (req, res) => {
  prices.set(req.params.sku, req.body.price);
  log.info({ sku: req.params.sku, price: req.body.price }, 'price set');
  res.sendStatus(204);
});
const server = app.listen(3400, '127.0.0.1', () => log.info('listening on 3400'));
setInterval(() => log.info({ rss: Math.round(process.memoryUsage().rss / 1e6), prices: prices.size }, 'stats'), 120000);
process.on('SIGTERM', () => { log.info('SIGTERM'); server.close(() => process.exit(0)); setTimeout(() => process.exit(0), 4000); });
"""

JOB = r"""#!/bin/bash
# Push changed prices from the warehouse export to the shop (cron, */20).
# One PUT per SKU; the API has no bulk call yet.
API=http://saddles.example.com
LOG=/srv/saddle/log/push-prices.log
ok=0 failed=0
for sku in $(/srv/saddle/jobs/changed-skus.sh); do
  price=$(( (sku * 7919) % 400 + 60 ))
  code=$(curl -s -o /dev/null -w '%{http_code}' -m 10 -A saddle-push/1.2 -X PUT -H 'Content-Type: application/json' -d "{\"price\": $price}" "$API/saddles/$sku/price")
  if [ "$code" = 204 ]; then
    ok=$((ok + 1))
  else
    failed=$((failed + 1))
    echo "$(date '+%Y/%m/%d %H:%M:%S') sku $sku: HTTP $code, price stays as it was" >> "$LOG"
  fi
done
echo "$(date '+%Y/%m/%d %H:%M:%S') done: $ok prices set, $failed failed" >> "$LOG"
"""

SKUS = """#!/bin/bash
# SKUs of the last export whose price changed
shuf -i 1-870 -n 60 --random-source=<(yes "$(date +%H%M)") | sort -n
"""

SITE = """# saddles.example.com
server {
    listen 80 default_server;
    server_name saddles.example.com;
    location / {
        proxy_pass http://127.0.0.1:3400;
        proxy_set_header Host $host;
        proxy_read_timeout 30s;
    }
}
"""

LIMITED = """# saddles.example.com
# 2026-06-09 wendell: the scraper again, 20 requests a minute are plenty for a person
limit_req_zone $binary_remote_addr zone=perip:5m rate=20r/m;
server {
    listen 80 default_server;
    server_name saddles.example.com;
    location / {
        limit_req zone=perip burst=8 nodelay;
        proxy_pass http://127.0.0.1:3400;
        proxy_set_header Host $host;
        proxy_read_timeout 30s;
    }
}
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format shop '$time_iso8601 $remote_addr "$request" $status $body_bytes_sent ua="$http_user_agent" rt=$request_time urt=$upstream_response_time';
    access_log /var/log/nginx/access.log shop;
    include /etc/nginx/conf.d/*.conf;
}
"""

COMPOSE = """name: saddle
services:
  api:
    image: ghcr.example.com/saddle/api:5.0.3
    container_name: saddle-api-1
    network_mode: host
    restart: always
    healthcheck:
      test: ["CMD-SHELL", "curl -fsS http://127.0.0.1:3400/healthz"]
      interval: 30s
      timeout: 5s
      retries: 3
  nginx:
    image: nginx:1.22
    container_name: saddle-nginx-1
    network_mode: host
    restart: always
    volumes: ["./nginx/conf.d:/etc/nginx/conf.d:ro", "./nginx/nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

CRON = """# saddle room, user deploy
*/20 * * * * /srv/saddle/jobs/push-prices.sh
35 * * * * /srv/saddle/jobs/sitemap.sh
"""

HISTORY = """  512  2026-05-27 10:02:11  docker compose logs --tail 50 api
  513  2026-05-27 10:02:49  vim nginx/conf.d/saddles.conf
  514  2026-05-27 10:03:30  git diff
"""

INCIDENT = Incident(
    host="saddle", start="2026-06-09T07:52:00-05:00", minutes=92, factor=38, zone="America/Chicago", apps=["/srv/saddle/api"],
    project={"project": "saddle", "config_files": "/srv/saddle/compose.yml", "working_dir": "/srv/saddle"},
    files={"/srv/saddle/api/server.js": SERVER, "/srv/saddle/jobs/push-prices.sh": JOB, "/srv/saddle/jobs/changed-skus.sh": SKUS, "/srv/saddle/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/saddles.conf": SITE, "/usr/lib/lab/limited.conf": LIMITED, "/srv/saddle/history.txt": HISTORY,
           "/srv/saddle/jobs/sitemap.sh": "#!/bin/sh\nsleep 20\nlogger -t sitemap 'sitemap.xml: 871 addresses'\n"},
    crontabs={"deploy": CRON},
    owners={"/srv/saddle": "deploy"},
    prepare="mkdir -p /srv/saddle/log; grep -v saddles.example.com /etc/hosts > /tmp/h; echo '127.0.1.1 saddles.example.com' >> /tmp/h; cat /tmp/h > /etc/hosts",
    services={"api": {"container": "saddle-api-1", "image": "ghcr.example.com/saddle/api:5.0.3", "command": ["node", "server.js"], "directory": "/srv/saddle/api", "environment": {"TZ": "UTC"}, "restart": "always", "log": {"kind": "json", "path": "/srv/saddle/log/api-json.log"}, "wait": 10,
                      "health": {"command": "curl -fsS http://127.0.0.1:3400/healthz", "interval": 30, "timeout": 20, "retries": 3}},
              "nginx": {**NGINX_CONTAINER, "container": "saddle-nginx-1"}},
    during=[(13.0, "docker restart api > /dev/null; echo \"  588  $(date '+%F %T')  docker compose restart api   # memory looked high\" >> /srv/saddle/history.txt"),
            (33.4, "cp /usr/lib/lab/limited.conf /etc/nginx/conf.d/saddles.conf; docker kill -s HUP saddle-nginx-1; { echo \"  589  $(date -d '-3 min' '+%F %T')  vim nginx/conf.d/saddles.conf\"; echo \"  590  $(date '+%F %T')  docker kill -s HUP saddle-nginx-1\"; } >> /srv/saddle/history.txt")],
    visitors={"base": "http://127.0.0.1", "host": "saddles.example.com", "delay": 50, "visits": [{"perSecond": 0.22, "bots": 0.04, "aborts": 0.03, "abortAfter": 0.1, "paths": [[9, "GET", "/saddles/{n}"]]}],
              "monitors": [{"every": 1.7, "jitter": 1.2, "offset": 400, "path": "/saddles/77", "address": "203.0.113.201", "agent": "PriceHound/0.9"}]},
    collect="""mkdir -p nginx/conf.d jobs log; cp /srv/saddle/compose.yml .; cp /srv/saddle/history.txt bash-history-deploy.txt; cp /srv/saddle/jobs/* jobs/; cp /var/spool/cron/crontabs/deploy crontab-deploy.txt; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/conf.d/saddles.conf nginx/conf.d/
cp /var/log/nginx/*.log nginx/; rotate nginx/access.log; cp /srv/saddle/log/*.log log/; cp /var/log/syslog log/; docker ps -a > docker-ps.txt; cp /etc/hosts hosts.txt; cp /srv/saddle/api/server.js .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    site, script, log, errors = "nginx/conf.d/saddles.conf", "jobs/push-prices.sh", "log/push-prices.log", "nginx/error.log"
    limit, zone, job = (
        case.at(site, "limit_req zone=perip burst=8"),
        case.at(site, "limit_req_zone"),
        case.at("crontab-deploy.txt", "push-prices.sh"),
    )
    refused, lost = case.at(errors, "limiting requests, excess: 8.", nth=1), case.at(log, "HTTP 503, price stays")
    own = case.at(errors, '"PUT /saddles/')
    change = case.at("bash-history-deploy.txt", "docker kill -s HUP saddle-nginx-1")
    return {
        "root_cause_kind": "own-batch-job-rate-limited",
        "root_cause": "The new limit_req (20 requests a minute and address, burst 8, loaded by HUP at 08:25) counts the shop's own price job as well: it sends 60 PUTs in a row through the public name from one address. nginx rejects 32 to 44 of the 60 with 503 and the prices stay as they were.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": limit, "culprit_alternatives": [zone, own], "culprit_related": [change, job, lost, refused, case.at(script, "API=http://saddles.example.com"), case.at(script, "for sku in")],
        "chain": [
            hop("deploy_changes_configuration", change, case.at("bash-history-deploy.txt", "vim nginx/conf.d/saddles.conf", nth=2), limit, zone),
            hop("job_runs_script", job, case.at("log/syslog", "CMD (/srv/saddle/jobs/push-prices.sh)")),
            hop("limit_rejects_requests", limit, zone, own, refused),
            hop("failure_reaches_clients", lost, case.at("nginx/access.log", ' 503 '), own),
        ],
        "mechanism": ["08:25: wendell adds limit_req against a scraper and sends nginx HUP", "cron, */20: push-prices.sh, one PUT per SKU, all from 127.0.0.1", "after the burst of 8 only one request in three seconds passes: 503 for the rest", "the job notes each and goes on: most prices are not set", "at 08:00 and 08:20, before the change, all 60 were set"],
        "contributing": [case.at(script, "API=http://saddles.example.com", why="through the public name, not to port 3400"), case.at(script, "for sku in", why="one request per SKU, no pause, no second try")],
        "innocent": [
            case.at(errors, "client: 203.0.113.201", why="the scraper: the limit is meant for it"), case.at("bash-history-deploy.txt", "docker compose restart api", why="at 08:05; the run at 08:20 was whole"),
            case.at("crontab-deploy.txt", "sitemap.sh", why="touches nothing"), case.whole("jobs/sitemap.sh", "touches nothing"), case.whole("server.js", "never answered 503"), case.whole("jobs/changed-skus.sh", "as many lines before the change"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(log, "HTTP 503")[0]),
        "lags": {},
        "measured": [case.measure(log, r"HTTP 503, price", join=300), case.measure(log, "done: "), case.measure(errors, r'limiting requests.*"PUT ', join=300), case.measure(errors, "limiting requests.*client: 203")],
        "timezones": {"nginx, jobs, syslog": "America/Chicago (-05:00)", "log/api-json.log": "UTC"},
        "how_made": REAL + " (with express and pino); docker is the lab's supervisor. The public name is an address of the loopback.",
    }  # fmt: skip
