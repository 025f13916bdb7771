# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A partner's reader asks for changes since a date that is none; the server meets it in a timer's callback, where no handler catches, and the process ends."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');

const log = pino({ name: 'kiosk' }, pino.destination({ dest: '/var/log/rail/kiosk.log', sync: true }));
const app = express();
app.use(express.json());

app.get('/departures/:station', (req, res) => {
  if (Number(req.params.station) > 850) { log.warn({ station: req.params.station }, 'unknown station'); return res.status(404).json({ error: 'unknown station' }); }
  return setTimeout(() => res.json({ station: req.params.station, next: ['IC 712', 'S4'] }), 50 + Math.random() * 180);
});

app.get('/export/changes', (req, res) => {
  const since = new Date(req.query.since || Date.now() - 3600e3);
  setTimeout(() => { // the timetable store answers late
    const from = since.toISOString();
    res.json({ from, changes: [] });
    log.info({ from, partner: req.get('x-partner') }, 'changes exported');
  }, 120);
});

app.post('/tickets', (req, res) => setTimeout(() => { log.info('ticket sold'); res.status(201).end(); }, 180));
app.use((req, res) => res.status(404).end());
app.use((error, req, res, next) => { log.error({ err: error.message }, 'request failed'); res.status(500).end(); });

process.on('uncaughtException', (err) => {
  log.fatal({ err }, 'uncaught exception');
  process.exit(1);
});
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
log.info('loading timetables');
setTimeout(() => app.listen(5050, '127.0.0.1', () => log.info('kiosk ready on 5050')), 12000);
"""

UNIT = """[Unit]
Description=Station kiosks

[Service]
WorkingDirectory=/srv/rail
ExecStart=/usr/bin/node server.js
Restart=on-failure
RestartSec=3

[Install]
WantedBy=multi-user.target
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format kiosk '$remote_addr - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time us=$upstream_status';
    access_log /var/log/nginx/access.log kiosk;
    server {
        listen 80;
        server_name kiosk.example.ch;
        proxy_connect_timeout 3s;
        location / { proxy_pass http://127.0.0.1:5050; }
    }
}
"""

CRON = """# rail kiosk
MAILTO=""
*/12 * * * * root /srv/rail/bin/timetable.sh
*/4 * * * *  root /srv/rail/bin/heartbeat.sh
30 * * * *   root /srv/rail/bin/prune.sh
"""
HEARTBEAT = """#!/bin/bash
# tells the wall display whether we are up; no more than that
state=$(curl -s -m 5 -o /dev/null -w '%{http_code}' http://127.0.0.1:5050/departures/1)
logger -t heartbeat "kiosk $state"
"""

INCIDENT = Incident(
    host="rail", start="2026-10-06T06:07:00+02:00", minutes=96, factor=48, kind="systemd", zone="Europe/Zurich", apps=["/srv/rail"],
    files={"/srv/rail/server.js": SERVER, "/etc/systemd/system/kiosk.service": UNIT, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/rail": CRON, "/srv/rail/bin/heartbeat.sh": HEARTBEAT,
           "/srv/rail/bin/timetable.sh": "#!/bin/sh\n# tomorrow's timetable from the network's server\nsleep 14\nlogger -t timetable \"$(shuf -i 3100-3200 -n 1) trips, $(shuf -i 0-3 -n 1) without platform\"\n",
           "/srv/rail/bin/prune.sh": "#!/bin/sh\nsleep 6\nlogger -t prune '412 old trips pruned'\n",
           "/srv/rail/CHANGES": "2026-10-05 17:30 4.3 beat: partners may ask /export/changes?since=DATE\n2026-10-06 06:02 4.3.1 beat: platform letters larger\n"},
    prepare="mkdir -p /var/log/rail",
    services={"kiosk": {"description": "Station kiosks", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/rail", "restart": "on-failure", "restart_seconds": 3, "wait": 14}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "kiosk.example.ch", "delay": 60,
              "visits": [{"perSecond": 0.35, "bots": 0.06, "aborts": 0.03, "abortAfter": 0.08, "paths": [[8, "GET", "/departures/{n}"], [3, "POST", "/tickets", '{"to":{n}}']]}],
              "monitors": [{"path": "/departures/1", "every": 300, "address": "198.51.100.61", "agent": "Better Uptime Bot"},
                           {"path": "/export/changes?since=2026-10-06", "every": 420, "offset": 100, "address": "192.0.2.30", "agent": "bahnblick-sync/2.0", "headers": {"X-Partner": "bahnblick"}},
                           {"path": "/export/changes?since=0000-00-00", "every": 660, "jitter": 40, "offset": 1710, "address": "203.0.113.118", "agent": "gleis-reader/0.9", "headers": {"X-Partner": "gleis"}}]},
    collect="""mkdir -p logs etc bin; cp /var/log/nginx/*.log /var/log/syslog /var/log/rail/* logs/; cp /etc/cron.d/rail etc/cron.d-rail; cp /etc/nginx/nginx.conf /etc/systemd/system/kiosk.service etc/; cp /srv/rail/bin/*.sh bin/; cp /srv/rail/server.js /srv/rail/CHANGES .; systemctl status kiosk > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    app, system, errors, access = "logs/kiosk.log", "logs/syslog", "logs/error.log", "logs/access.log"
    line, parse, route = (
        case.at("server.js", "since.toISOString()"),
        case.at("server.js", "new Date(req.query.since"),
        case.at("server.js", "app.get('/export/changes'"),
    )
    poison, fatal = case.at(access, "since=0000-00-00"), case.at(app, "Invalid time value")
    reset = case.at(errors, "prematurely closed connection")
    exited, refused, failed = (
        case.at(system, "kiosk.service: Main process exited, code=exited, status=1"),
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
    )
    return {
        "root_cause_kind": "request-with-invalid-date-crashes-process",
        "root_cause": "From 06:36 a partner's reader (gleis-reader, 203.0.113.118) asks /export/changes?since=0000-00-00 every eleven minutes. new Date() of that is invalid, since.toISOString() throws RangeError: Invalid time value in a timer's callback, out of reach of express; the process exits 1, systemd restarts it, and for fifteen seconds everybody gets 502.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": line, "culprit_alternatives": [parse, route, poison, fatal, case.at("CHANGES", "4.3 beat")], "culprit_related": [case.at("server.js", "process.on('uncaughtException'"), reset],
        "chain": [
            hop("request_crashes_process", poison, line, fatal, reset, route),
            hop("crash_ends_process", fatal, exited),
            hop("supervisor_restarts_process", case.at(system, "kiosk.service: Scheduled restart job"), case.at("etc/kiosk.service", "Restart=on-failure")),
            hop("termination_refuses_connections", refused, exited, fatal),
            hop("failure_reaches_clients", failed, refused, reset),
        ],
        "mechanism": ["the partner's reader sends since=0000-00-00 about every 11 minutes", "120 ms later toISOString() throws RangeError in the timer's callback", "uncaughtException: logged, exit 1", "systemd: 3 s, then 12 s of loading timetables: prematurely closed, then connect() failed (111), 502"],
        "contributing": [case.at("server.js", "}, 120)", why="a throw in the route itself would have been a 500")],
        "innocent": [
            case.at("etc/cron.d-rail", "timetable.sh", why="every twelve minutes, drifts past the ends; only reads"), case.whole("bin/timetable.sh", "only reads"), case.at("etc/cron.d-rail", "heartbeat.sh", why="one GET, and it only tells"), case.at("etc/cron.d-rail", "prune.sh", why="hourly; nothing falls then"),
            case.at("CHANGES", "4.3.1", why="half an hour before the first end; styles"), case.at(access, "bahnblick-sync", why="the other partner's dates are dates"), case.at(app, "unknown station", why="404s all day"), case.at("etc/kiosk.service", "Restart=on-failure", why="brings it back"),
        ],
        "period_s": 660, "lag_s": case.lag(case.times(access, "since=0000-00-00"), case.times(system, "Main process exited"), 30), "step_change_at": str(case.times(access, "since=0000-00-00")[0]),
        "lags": {"exit -> ready": case.lag(case.times(app, "uncaught exception"), case.times(app, "kiosk ready"))},
        "measured": [case.measure(access, "since=0000-00-00"), case.measure(app, "Invalid time value"), case.measure(system, "Main process exited"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60)],
        "timezones": {"logs/kiosk.log": "epoch ms", "others": "Europe/Zurich (+02:00)"},
        "how_made": REAL + " (with express and pino); systemctl is the lab's supervisor; the store's answer and the loading are waits.",
    }  # fmt: skip
