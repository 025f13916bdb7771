# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A snapshot job pauses the container of the results store for most of a minute; the application behind it times out."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

API = r"""const http = require('http');
const winston = require('winston');
const stamp = () => new Date().toLocaleString('sv-SE', { timeZone: 'Asia/Kolkata' }); // the laboratory reads its own time
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: stamp }), winston.format.printf((i) => `${i.timestamp} | ${i.level} | ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/vet/api.log' })],
});
const STORE = process.env.STORE_URL;
http.createServer((req, res) => {
  const ask = http.get(STORE + req.url, { timeout: 8000 }, (reply) => { reply.pipe(res); });
  ask.on('timeout', () => ask.destroy(new Error(`store did not answer ${req.url} within 8000 ms`)));
  ask.on('error', (error) => { log.error(error.message); if (!res.headersSent) res.writeHead(504).end(); });
}).listen(5400, '127.0.0.1', () => log.info('results api on 5400'));
process.on('SIGTERM', () => process.exit(0));
"""

STORE = """import http.server
import time


class Store(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.05)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 5401), Store).serve_forever()
"""

SNAPSHOT = """#!/bin/bash
# A consistent copy of the results store.
set -e
trap 'docker unpause store > /dev/null' EXIT
logger -t snapshot "begin"
docker pause store > /dev/null
sleep 45 # rsync -a /srv/vet/data/ backup:/vet/
logger -t snapshot "copied 3.1G"
"""

COMPOSE = """services:
  api:
    image: vet/results-api:7
    environment:
      STORE_URL: http://127.0.0.1:5401
    network_mode: host
    restart: always
  store:
    image: vet/store:3
    network_mode: host
    restart: always
  web:
    image: nginx:1.22
    network_mode: host
"""

NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format j escape=json '{"@timestamp":"$time_iso8601","client":"$remote_addr","verb":"$request_method","path":"$uri","code":$status,"took":$request_time,"upstream":"$upstream_addr"}';
    access_log /var/log/nginx/access.log j;
    server {
        listen 80;
        server_name vet.example.in;
        location / { proxy_pass http://127.0.0.1:5400; proxy_read_timeout 20s; }
    }
}
"""

CRONTAB = """# UTC
30 * * * * /srv/vet/snapshot.sh
*/15 * * * * /srv/vet/label-printer.sh
0 2 * * * /srv/vet/monthly.sh
"""

INCIDENT = Incident(
    host="pune-lab", start="2026-07-15T04:16:00+00:00", minutes=140, factor=50, apps=["/srv/vet"],
    files={"/srv/vet/api.js": API, "/srv/vet/store.py": STORE, "/srv/vet/snapshot.sh": SNAPSHOT, "/srv/vet/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/vet/label-printer.sh": "#!/bin/sh\nsleep 5\nlogger -t labels 'spool empty'\n", "/srv/vet/monthly.sh": "#!/bin/sh\nlogger -t monthly 'nothing to do'\n"},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/vet",
    services={"store": {"image": "vet/store:3", "command": ["python3", "store.py"], "directory": "/srv/vet", "restart": "always"},
              "api": {"image": "vet/results-api:7", "command": ["node", "api.js"], "directory": "/srv/vet", "restart": "always", "environment": {"STORE_URL": "http://127.0.0.1:5401"}},
              "web": NGINX_CONTAINER},
    visitors={"base": "http://127.0.0.1", "host": "vet.example.in", "delay": 90,
              "visits": [{"perSecond": 0.3, "bots": 0.03, "paths": [[3, "GET", "/results/{n}"], [1, "GET", "/animals/{n}"]]}]},
    collect="""mkdir app logs; cp /srv/vet/api.js /srv/vet/store.py /srv/vet/*.sh /srv/vet/compose.yaml /etc/nginx/nginx.conf app/
cp /var/log/vet/api.log /var/log/syslog logs/; cp /var/log/nginx/access.log logs/web-access.log; cp /var/log/nginx/error.log logs/web-error.log
docker events > docker-events.log; docker ps > docker-ps.txt; crontab -l > crontab; rotate logs/web-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    pause, wait, job = (
        case.at("app/snapshot.sh", "docker pause store"),
        case.at("app/snapshot.sh", "sleep 45"),
        case.at("crontab", "snapshot.sh"),
    )
    late, failed = case.at("logs/api.log", "store did not answer"), case.at("logs/web-access.log", '"code":504')
    paused, begins = case.at("docker-events.log", "container pause"), case.at("logs/syslog", "begin")
    return {
        "root_cause_kind": "backup-job-stalls-service",
        "root_cause": "snapshot.sh, run by cron at half past each hour (UTC), pauses the container store for 45 s; the API's requests to it pass 8 s and clients get 504.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": pause, "culprit_alternatives": [wait], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, begins, case.at("logs/syslog", "/srv/vet/snapshot.sh")),
            hop("job_stalls_service", pause, paused, wait, begins, late, failed),
            hop("failure_reaches_clients", failed, late, case.at("app/api.js", "timeout: 8000")),
        ],
        "mechanism": ["cron runs snapshot.sh at :30", "docker pause store: the process stands still, its socket accepts and says nothing",
                      "after 8 s the API gives up: 'store did not answer', 504", "45 s later docker unpause; nothing restarts"],
        "innocent": [case.at("crontab", "label-printer.sh", why="every quarter of an hour, at :30 too; prints nothing, touches nothing"), case.whole("app/label-printer.sh", "touches nothing"),
                     case.at("crontab", "monthly.sh", why="did not run"), case.at("app/compose.yaml", "restart: always", why="nothing restarted")],
        "period_s": 3600, "lag_s": case.lag(case.times("logs/syslog", "snapshot: begin"), case.times("logs/api.log", "store did not answer", hours=-5.5)),
        "measured": [case.measure("logs/api.log", "store did not answer", join=300), case.measure("logs/syslog", "snapshot: begin"),
                     case.measure("docker-events.log", "container pause"), case.measure("logs/web-access.log.1.gz", '"code":504', join=300)],
        "timezones": {"logs/api.log": "Asia/Kolkata (+05:30), unmarked", "others": "UTC"},
        "how_made": REAL + " (with winston), and Python 3.11; docker is the lab's supervisor (pause is SIGSTOP), rsync a sleep.",
    }  # fmt: skip
