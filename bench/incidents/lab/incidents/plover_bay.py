# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A list against bad bots meets the watchdog's own curl: 403 for the probe, and a timer restarts a healthy API every five minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');

const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  level: 'info',
  format: combine(timestamp(), printf((i) => `${i.timestamp} ${i.level.padEnd(5)} [${i.part || 'api'}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/plover/api.log' })],
});
let booked = 0;

const app = express();
app.use(express.json());
app.get('/api/health', (req, res) => res.json({ status: 'up', booked }));
app.get('/api/hides/:n', (req, res) => {
  const n = Number(req.params.n);
  if (n > 850) return res.status(404).json({ error: 'no such hide' });
  const slow = Math.random() < 0.02;
  return setTimeout(() => {
    if (slow) log.warn(`slow: hide ${n}, tide table not in cache`, { part: 'tides' });
    res.json({ hide: n, free: n % 7 });
  }, slow ? 2600 : 60);
});
app.post('/api/bookings', (req, res) => setTimeout(() => {
  booked += 1;
  if (booked % 9 === 0) log.error(`confirmation for booking ${booked} not sent: 550 mailbox unavailable`, { part: 'mail' });
  res.status(201).json({ booking: booked });
}, 160));
app.use((req, res) => res.status(404).json({ error: 'not found' }));

log.info(`plover-api ${process.env.RELEASE || '4.1.3'} starting, reading the season's bookings`);
setTimeout(() => app.listen(3050, '127.0.0.1', () => log.info('listening on 3050')), 11000);
process.on('SIGTERM', () => { log.info(`SIGTERM after ${Math.round(process.uptime())} s, bye`); setTimeout(() => process.exit(0), 300); });
"""

WATCH = r"""#!/bin/bash
# plover-watch: is the booking API there? Started by plover-watch.timer every five minutes.
# Through nginx, as the visitors come, so that we notice a broken site file as well.
URL=http://127.0.0.1/api/health
SITE=hides.example.nz

for try in 1 2; do
    if answer=$(curl -fsS -m 20 -H "Host: $SITE" -o /dev/null "$URL" 2>&1); then
        exit 0
    fi
    echo "try $try: $answer"
    sleep 6
done
echo "plover-api does not answer, restarting it"
systemctl restart plover-api.service
"""

TIDES = r"""#!/bin/bash
# tide-import: heights of the next hours from the harbour board, into a file the API reads when it likes
sleep 3
if [ $((10#$(date +%M) % 15)) -eq 0 ]; then
    echo "harbour board: HTTP 503, keeping the old table" >&2
    exit 0
fi
echo "tides: 96 heights"
"""

SITE = """server {
    listen 80 default_server;
    server_name hides.example.nz;
    root /srv/plover/public;

    location /api/ {
        proxy_pass http://127.0.0.1:3050;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_read_timeout 30s;
    }
    location / { return 200 "Plover Bay hides\\n"; }
}
"""

SITE_NEW = SITE.replace("    root /srv", "    if ($bad_bot) { return 403; }\n    root /srv")

BOTS = r"""# conf.d/bad-bots.conf
# 2026-08-18 tama: from the list on the forum; the scrapers of last weekend were python-requests and zgrab
map $http_user_agent $bad_bot {
    default            0;
    ~*semrush          1;
    ~*ahrefs           1;
    ~*python-requests  1;
    ~*zgrab            1;
    ~*(curl|wget|libwww|Go-http-client)  1;
}
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    server_tokens off;
    access_log /var/log/nginx/access.log combined;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
"""


def unit(what: str, command: str, more: str = "Type=oneshot\n") -> str:
    return f"[Unit]\nDescription={what}\n\n[Service]\n{more}ExecStart={command}\n"


def timer(what: str, calendar: str) -> str:
    return f"[Unit]\nDescription={what}\n\n[Timer]\nOnCalendar={calendar}\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"


UNITS = {
    "plover-api.service": unit(
        "Plover Bay booking API",
        "/usr/bin/node /srv/plover/api/server.js",
        "User=plover\nWorkingDirectory=/srv/plover/api\nEnvironmentFile=/etc/plover/env\nRestart=on-failure\nRestartSec=3\n",
    ),
    "plover-watch.service": unit("Watch the booking API", "/usr/local/sbin/plover-watch"),
    "plover-watch.timer": timer("Watch the booking API every five minutes", "*:0/5"),
    "tide-import.service": unit("Import tide heights", "/usr/local/sbin/tide-import"),
    "tide-import.timer": timer("Import tide heights", "*:0/5"),
}
CRON = """# /etc/cron.d/plover
40 * * * *    plover  tar -C /srv/plover -czf /var/backups/plover-public.tgz public && logger -t plover-copy "public copied"
*/10 * * * *  root    find /var/log/plover -name '*.log' -size +20M -exec logger -t loglook 'large: {}' \\;
"""
DEPLOY = r"""echo RELEASE=4.2.0 > /etc/plover/env; systemctl restart plover-api; echo "$(date '+%F %T') tama 4.2.0: new hides at the spit, API restarted" >> /srv/plover/CHANGES"""
BLOCK = r"""cp /usr/lib/lab/bots.conf /etc/nginx/conf.d/bad-bots.conf; cp /usr/lib/lab/site.new /etc/nginx/sites-enabled/hides; nginx -s reload; echo "$(date '+%F %T') tama nginx: bad-bots.conf, scrapers get 403 (reload)" >> /srv/plover/CHANGES"""

INCIDENT = Incident(
    host="plover", start="2026-08-18T09:22:00+12:00", minutes=67, factor=24, kind="systemd", zone="Pacific/Auckland", users=["plover"], apps=["/srv/plover/api"],
    files={"/srv/plover/api/server.js": SERVER, "/usr/local/sbin/plover-watch": WATCH, "/usr/local/sbin/tide-import": TIDES, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-enabled/hides": SITE, "/usr/lib/lab/site.new": SITE_NEW, "/usr/lib/lab/bots.conf": BOTS,
           "/etc/cron.d/plover": CRON, "/etc/plover/env": "RELEASE=4.1.3\n", "/srv/plover/public/index.html": "<h1>hides</h1>\n", "/srv/plover/CHANGES": "2026-08-03 20:15:02 tama 4.1.3: slower polling of tides\n",
           **{f"/etc/systemd/system/{name}": text for name, text in UNITS.items()}},
    prepare="mkdir -p /var/log/plover /var/backups /etc/nginx/conf.d; chown plover: /var/log/plover /var/backups; rm -f /etc/nginx/sites-enabled/default",
    services={"plover-api": {"description": "Plover Bay booking API", "command": ["/usr/bin/node", "/srv/plover/api/server.js"], "directory": "/srv/plover/api", "user": "plover", "environment_file": "/etc/plover/env", "restart": "on-failure", "restart_seconds": 3, "wait": 14},
              "nginx": NGINX_UNIT,
              "plover-watch": {"description": "Watch the booking API", "command": ["/usr/local/sbin/plover-watch"], "every": 300},
              "tide-import": {"description": "Import tide heights", "command": ["/usr/local/sbin/tide-import"], "every": 300}},
    during=[(13.2, DEPLOY), (31.4, BLOCK)],
    visitors={"base": "http://127.0.0.1", "host": "hides.example.nz", "delay": 50,
              "visits": [{"perSecond": 0.4, "bots": 0.07, "aborts": 0.03, "abortAfter": 0.1, "paths": [[7, "GET", "/api/hides/{n}"], [3, "POST", "/api/bookings", "{\"hide\": {n}}"], [2, "GET", "/"]]}],
              "monitors": [{"every": 60, "offset": 20, "path": "/api/health", "address": "192.0.2.90", "agent": "StatusCake/1.0", "log": "/var/log/statuscake.log", "name": "statuscake"}]},
    collect="""mkdir -p etc/nginx/conf.d etc/nginx/sites-enabled etc/systemd etc/cron.d sbin log; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/conf.d/*.conf etc/nginx/conf.d/; cp /etc/nginx/sites-enabled/hides etc/nginx/sites-enabled/; cp /etc/cron.d/plover etc/cron.d/
cp /etc/systemd/system/plover-* /etc/systemd/system/tide-* etc/systemd/; cp /usr/local/sbin/plover-watch /usr/local/sbin/tide-import sbin/; cp /srv/plover/CHANGES .; cp /srv/plover/api/server.js .; cp /var/log/nginx/*.log log/; cp /var/log/plover/api.log log/; cp /var/log/syslog log/syslog; cp /var/log/statuscake.log log/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, bots, site, log, journal, errors, access = (
        "sbin/plover-watch", "etc/nginx/conf.d/bad-bots.conf", "etc/nginx/sites-enabled/hides", "log/api.log", "log/syslog", "log/error.log", "log/access.log",
    )  # fmt: skip
    rule, deny, use, probe, restart = (
        case.at(bots, "curl|wget"),
        case.at(site, "return 403"),
        case.at("CHANGES", "bad-bots.conf, scrapers"),
        case.at(script, "curl -fsS -m 20"),
        case.at(script, "systemctl restart plover-api.service"),
    )
    timed, unit_, said, gave_up = (
        case.at("etc/systemd/plover-watch.timer", "OnCalendar=*:0/5"),
        case.at("etc/systemd/plover-watch.service", "ExecStart="),
        case.at(journal, "returned error: 403"),
        case.at(journal, "does not answer, restarting it"),
    )
    asked = next(
        case.at(access, line)
        for line in case.lines(access)
        if line.startswith("127.0.0.1") and "/api/health" in line and '" 403 ' in line
    )
    asked["text"] = '"GET /api/health HTTP/1.1" 403'
    number = int(gave_up["line"])
    stopped = next(
        {"file": journal, "line": n, "text": "Stopping plover-api.service"}
        for n, line in enumerate(case.lines(journal), 1)
        if n > number and "Stopping plover-api.service" in line
    )
    begin = case.times(journal, "does not answer, restarting it")[0]
    terms = [n for n, line in enumerate(case.lines(log), 1) if "SIGTERM after" in line]
    term = {"file": log, "line": terms[1], "text": "SIGTERM after"}  # the first is the release's
    refused = case.at(
        errors, "111: Connection refused", nth=sum("111: Connection refused" in line for line in case.lines(errors))
    )
    failed = case.at(access, '" 502 ', nth=sum('" 502 ' in line for line in case.lines(access)))
    return {
        "root_cause_kind": "watchdog-probe-403-by-user-agent-block",
        "root_cause": "At 09:53 nginx got bad-bots.conf, whose list of user agents holds curl, and the site answers those with 403. plover-watch (systemd timer, every five minutes) asks /api/health through nginx with a plain curl -f: both tries get 403, "
        "it takes that for a dead API and restarts plover-api.service, which answers everybody else; it reads bookings for 11 s at each start and nginx is refused (111) and answers 502 meanwhile.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": rule,
        "culprit_alternatives": [deny, probe, use, restart, said, gave_up, asked, case.at(script, "URL=http://127.0.0.1/api/health"), case.at(bots, "map $http_user_agent")],
        "culprit_related": [timed, unit_, case.at(script, 'echo "try $try')],
        "chain": [
            hop("deploy_changes_configuration", use, rule, deny),
            hop("job_runs_script", timed, unit_, case.at(journal, "Starting Watch the booking API") if any("Starting Watch" in line for line in case.lines(journal)) else case.at(journal, "Starting plover-watch")),
            hop("probe_gets_answer", said, asked, probe, rule, deny),
            hop("answer_takes_branch", gave_up, probe, said, case.at(script, 'echo "plover-api does not answer')),
            hop("effect_hits_service", restart, stopped, gave_up),
            hop("process_terminates", term, stopped),
            hop("termination_refuses_connections", refused, term),
            hop("failure_reaches_clients", failed, refused, case.at("log/statuscake.log", "DOWN") if any("DOWN" in line for line in case.lines("log/statuscake.log")) else failed),
        ],
        "mechanism": ["09:53: nginx refuses user agents on a list with 403, curl among them", "plover-watch.timer, every five minutes: curl -f asks /api/health through nginx, twice 403", "'plover-api does not answer, restarting it': systemctl restart plover-api.service", "SIGTERM, 11 s of reading; connect() failed (111), 502"],
        "contributing": [case.at("server.js", "setTimeout(() => app.listen", why="11 seconds until it listens make each restart felt")],
        "innocent": [
            case.at("etc/systemd/tide-import.timer", "OnCalendar=*:0/5", why="on the same schedule; writes a file and restarts nothing"), case.whole("sbin/tide-import", "restarts nothing"), case.at(journal, "harbour board: HTTP 503", why="the harbour board's, an old table is kept"),
            case.at("CHANGES", "4.2.0: new hides", why="a quarter of an hour before the first restart; one planned restart, the watch was content afterwards"), case.at(log, "mailbox unavailable", why="mail addresses that do not exist, before and after"), case.at(log, "slow: hide", why="answered"),
            case.at("etc/cron.d/plover", "plover-public.tgz", why="once an hour, only reads"), case.at("etc/cron.d/plover", "find /var/log/plover", why="only looks"), case.at("etc/systemd/plover-api.service", "Restart=on-failure", why="each stop was ordered, nothing crashed"),
            case.at(access, '" 404 ', why="bots and hides that do not exist"), case.at(access, '" 499 ', why="people who left"),
        ],
        "period_s": 300, "lag_s": case.lag(case.times(journal, "try 1: curl"), case.times(journal, "Stopping plover-api"), 60), "step_change_at": str(begin),
        "lags": {"first 403 -> stop": case.lag(case.times(journal, "try 1: curl"), case.times(journal, "Stopping plover-api"), 60)},
        "measured": [case.measure(journal, "does not answer, restarting it"), case.measure(journal, "Stopping plover-api"), case.measure(log, "SIGTERM after"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60), case.measure(access, r'^127\.0\.0\.1 .*"GET /api/health HTTP/1.1" 403')],
        "timezones": {"log/api.log, log/statuscake.log": "UTC (Z)", "nginx, syslog, CHANGES": "Pacific/Auckland (+12:00)"},
        "how_made": REAL + " (with express and winston); systemd is the lab's supervisor. Reading the bookings is a wait in the server.",
    }  # fmt: skip
