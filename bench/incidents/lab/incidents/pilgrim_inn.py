# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Each half hour cron asks the application for a report that it works out in its only thread; meanwhile nobody else gets an answer: 504, no restart."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { occupancy } = require('./lib/report');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  level: 'info',
  format: combine(timestamp(), printf((i) => `[${i.timestamp}] ${i.level.toUpperCase()} ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.get('/api/rooms/:n', (req, res) => setTimeout(() => res.json({ room: req.params.n, free: true }), 60));
app.post('/api/stays', express.json(), (req, res) => setTimeout(() => { log.info(`stay booked, room ${req.body.room}`); res.status(201).end(); }, 120));
app.get('/internal/reports/occupancy.csv', (req, res) => {
  const begin = Date.now();
  log.info('report occupancy: start');
  const csv = occupancy(Number(req.query.years || 1));
  log.info(`report occupancy: ${csv.length} rows, ${Math.round((Date.now() - begin) / 1000)} s`);
  res.type('csv').send(csv.slice(0, 400).join('\n'));
});
app.get('/', (req, res) => res.send('<h1>Pilgrim Inn</h1>'));
let last = Date.now();
setInterval(() => {
  const late = Date.now() - last - 5000;
  if (late > 2000) log.warn(`event loop was blocked for ${(late / 1000).toFixed(1)} s`);
  last = Date.now();
}, 5000);
app.listen(3040, '127.0.0.1', () => log.info('inn 7.2.1 listening on 3040'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

LIBRARY = r"""// nights occupied per house and day; one row a house and day
const HOUSES = 24;

function stays(house, years) {
  const found = [];
  let seed = house + 1;
  for (let i = 0; i < 900 * years; i += 1) {
    seed = (seed * 48271) % 2147483647;
    found.push({ from: seed % (365 * years), nights: 1 + (seed % 9), guests: 1 + (seed % 4) });
  }
  return found;
}

function occupancy(years) {
  const rows = [];
  for (let house = 0; house < HOUSES; house += 1) {
    const all = stays(house, years);
    for (let day = 0; day < 365 * years; day += 1) {
      const here = all.filter((stay) => stay.from <= day && day < stay.from + stay.nights);
      rows.push(`${house},${day},${here.length},${here.reduce((sum, stay) => sum + stay.guests, 0)}`);
    }
  }
  return rows;
}

module.exports = { occupancy };
"""

REPORT = r"""#!/bin/bash
# occupancy for the board's screen; five years since the meeting of 9 March (was: 1)
set -u
out=/srv/inn/reports
mkdir -p $out
curl -s -m 900 -A board-report "http://127.0.0.1:3040/internal/reports/occupancy.csv?years=5" > $out/occupancy.csv.new \
    && mv $out/occupancy.csv.new $out/occupancy.csv
"""

DUMP = r"""#!/bin/bash
# dump of the database into the backup volume
name=inn-$(date +%Y%m%d-%H%M).sql.gz
sleep 40
echo "$(date '+%F %T') $name done, 11 MB" >> /var/log/inn-dump.log
"""

COMPOSE = """name: inn
services:
  app:
    image: registry.example.it/inn:7.2.1
    network_mode: host
    restart: unless-stopped
    logging: { driver: json-file }
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./nginx/nginx.conf:/etc/nginx/nginx.conf:ro
      - /var/log/nginx:/var/log/nginx
"""

NGINX = """worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time $upstream_response_time';
    access_log /var/log/nginx/access.log timed;
    upstream app { server 127.0.0.1:3040; }
    server {
        listen 80;
        server_name locanda.example.it;
        location /internal/ { return 404; }
        location / {
            proxy_pass http://app;
            proxy_set_header Host $host;
            proxy_connect_timeout 10s;
            proxy_read_timeout 30s;
        }
    }
}
"""
CRONTAB = """MAILTO=ced@locanda.example.it
# board's screen
4,34 * * * * /srv/inn/bin/board-report.sh
# backup
4,34 * * * * /srv/inn/bin/dump-db.sh
*/15 * * * * /srv/inn/bin/channel-sync.sh
30 3 * * * docker image prune -f
"""

INCIDENT = Incident(
    host="locanda", start="2026-03-18T10:22:00+01:00", minutes=136, factor=36, zone="Europe/Rome", apps=["/srv/inn/app"],
    files={"/srv/inn/app/server.js": SERVER, "/srv/inn/app/lib/report.js": LIBRARY, "/srv/inn/bin/board-report.sh": REPORT, "/srv/inn/bin/dump-db.sh": DUMP, "/srv/inn/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/inn/bin/channel-sync.sh": "#!/bin/bash\n# availability to the booking portals\nsleep 9\nlogger -t channel-sync '3 portals, 0 conflicts'\n"},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /srv/inn/reports",
    services={"app": {"container": "inn-app-1", "image": "registry.example.it/inn:7.2.1", "command": ["node", "server.js"], "directory": "/srv/inn/app", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/inn-app-json.log"}, "wait": 6},
              "web": {**NGINX_CONTAINER, "container": "inn-web-1"}},
    project={"project": "inn", "config_files": "/srv/inn/compose.yaml", "working_dir": "/srv/inn"},
    visitors={"base": "http://127.0.0.1", "host": "locanda.example.it", "delay": 80, "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.004, "paths": [[6, "GET", "/api/rooms/{n}"], [1, "POST", "/api/stays", '{"room":{n}}'], [2, "GET", "/"]]}]},
    collect="""mkdir -p logs nginx bin app/lib; cp /var/log/inn-app-json.log /var/log/inn-dump.log logs/; grep -v rsyslogd /var/log/syslog > logs/syslog; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/inn/bin/*.sh bin/; cp /srv/inn/app/server.js app/; cp /srv/inn/app/lib/report.js app/lib/; cp /srv/inn/compose.yaml .; crontab -l > crontab.root; docker ps > docker-ps.txt; docker inspect inn-app-1 > docker-inspect-app.json; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    app, errors, tab, job = "logs/inn-app-json.log", "nginx/error.log", "crontab.root", "bin/board-report.sh"
    ask, work, called = (
        case.at(job, "/internal/reports/occupancy.csv?years=5"),
        case.at("app/lib/report.js", "all.filter("),
        case.at("app/server.js", "const csv = occupancy("),
    )
    line, start, blocked = (
        case.at(tab, "board-report.sh"),
        case.at(app, "report occupancy: start"),
        case.at(app, "event loop was blocked"),
    )
    done, timeout, failed = (
        case.at(app, " rows, "),
        case.at(errors, "upstream timed out (110"),
        case.at("nginx/access.log.1.gz", '" 504 '),
    )
    begun = case.times(app, "report occupancy: start", 1)
    return {
        "root_cause_kind": "report-blocks-event-loop",
        "root_cause": "At :04 and :34 cron's board-report.sh asks the application for five years of occupancy; the route computes them synchronously (a filter over all stays for each house and day) in Node's only thread. For a minute or more no other request is answered: nginx gives up after 30 s, 504. Nothing is restarted.",
        "verdict": "root-cause", "culprit": ask, "culprit_alternatives": [work, called, line, case.at(job, "five years since"), case.at("app/server.js", "/internal/reports/occupancy.csv"), start, done], "culprit_related": [blocked, case.at("app/lib/report.js", "day < 365 * years"), case.at("app/lib/report.js", "900 * years")],
        "chain": [
            hop("job_runs_script", line, case.at("logs/syslog", "CMD (/srv/inn/bin/board-report.sh)")),
            hop("job_stalls_service", blocked, start, done, ask, work, called),
            hop("timeout_closes_connection", timeout, case.at("nginx/nginx.conf", "proxy_read_timeout 30s")),
            hop("failure_reaches_clients", failed, case.at("nginx/access.log", '" 504 '), timeout),
        ],
        "mechanism": ["cron at 4 and 34: board-report.sh", "curl /internal/reports/occupancy.csv?years=5, straight to the application's port", "report occupancy: start ... rows, N s; then: event loop was blocked for N s", "nginx: upstream timed out (110) while reading response header, 504 for everything asked meanwhile", "afterwards all goes on; the container never restarted"],
        "contributing": [case.at(job, "five years since", why="five years are twenty-five times the work of one")],
        "innocent": [case.at(tab, "dump-db.sh", why="same minutes; writes a file, 40 s, and the application was already blocked by its own report"), case.whole("bin/dump-db.sh", "touches nothing of the application"), case.at(tab, "channel-sync.sh", why="each quarter of an hour, only logs"), case.at(tab, "docker image prune", why="at 3:30, not in these logs"), case.at("compose.yaml", "restart: unless-stopped", why="nothing ended")],
        "period_s": 1800, "lag_s": case.lag(begun, case.times(errors, "upstream timed out"), 240),
        "lags": {"report starts -> first 504": case.lag(begun, case.times(errors, "upstream timed out"), 240)},
        "measured": [case.measure(app, "report occupancy: start"), case.measure(app, "event loop was blocked", join=600), case.measure(errors, "upstream timed out", join=600), case.measure("nginx/access.log.1.gz", '" 504 ', join=600), case.measure("nginx/access.log", '" 504 ', join=600)],
        "timezones": {app: "UTC (Z)", "docker-inspect-app.json": "UTC (Z)", "others": "Europe/Rome (+01:00)"},
        "how_made": REAL + " (with express, winston), and the report really was computed; docker is the lab's supervisor.",
    }  # fmt: skip
