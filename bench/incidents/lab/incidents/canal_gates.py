# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A partner's handset reports a level of null when its gauge is dry; the async handler throws, nobody catches, node ends: at irregular moments."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const bodyParser = express.json({ limit: '20kb', strict: false });

const say = (...words) => console.log(...words);
const app = express();
const levels = new Map();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function store(gate, level, by) {
  await pause(40); // the gauge database
  levels.set(gate, { level: level.toFixed(2), by });
}

app.get('/', (req, res) => res.send('<h1>Sluizen</h1>'));
app.get('/gates/:id', async (req, res) => { await pause(60); res.json(levels.get(req.params.id) || { level: null }); });
app.put('/gates/:id/level', bodyParser, async (req, res) => {
  say(`PUT gate ${req.params.id} level=${JSON.stringify(req.body.level)} by=${req.body.by}`);
  await store(req.params.id, req.body.level, req.body.by);
  res.status(204).end();
});
app.get('/passages', async (req, res) => {
  if (Math.random() < 0.03) { say('passages: slow query 2.2 s'); await pause(2200); }
  res.json([]);
});
const server = app.listen(6060, '127.0.0.1', () => say(`gates api up on 6060, pid ${process.pid}`));
process.on('SIGTERM', () => { say('SIGTERM, closing'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

UNIT = """[Unit]
Description=Canal gates API
After=network.target

[Service]
User=gates
WorkingDirectory=/opt/gates
ExecStart=/usr/bin/node server.js
Restart=always
RestartSec=15

[Install]
WantedBy=multi-user.target
"""
NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 1m;
    upstream gates { server 127.0.0.1:6060 max_fails=0; }
    server {
        listen 80;
        server_name sluizen.example.nl;
        location / {
            proxy_pass http://gates;
            proxy_read_timeout 30s;
        }
    }
}
"""
CRON = """# /etc/cron.d/gates
*/12 * * * * gates /opt/gates/bin/tide-import
*/20 * * * * root /opt/gates/bin/gates-guard
5 3 * * * root systemctl restart gates
"""
TIDE = """#!/bin/sh
# waterstanden van Rijkswaterstaat
sleep 8
logger -t tide-import '41 stations, 0 missing'
"""
GUARD = """#!/bin/bash
# restart only when the port stays closed for three tries, half a minute apart
for try in 1 2 3; do
    if curl -s -m 20 -o /dev/null http://127.0.0.1:6060/; then
        logger -t gates-guard "ok (try $try)"
        exit 0
    fi
    sleep 30
done
logger -t gates-guard 'no answer three times, restarting'
systemctl restart gates
"""
README = """Levels come from two sides:
- our own gauges (agent gauge-box/3), every minute and a half, gates 1 to 40
- the lock keepers' handsets of the waterschap (agent SluisMobiel/5.2), whenever a keeper presses "send";
  field `level` in metres
Handsets get app 5.2 in the week of 18 May (Marloes).
"""


def gauge(number: int) -> dict[str, Any]:
    return {
        "every": 90,
        "jitter": 10,
        "offset": number * 11,
        "method": "PUT",
        "path": f"/gates/{number}/level",
        "body": f'{{"level":{1.1 + number / 10:.1f},"by":"gauge"}}',
        "address": "192.0.2.17",
        "agent": "gauge-box/3",
    }


def handset(path: str, body: str, every: int, jitter: int, offset: int) -> dict[str, Any]:
    return {
        "every": every,
        "jitter": jitter,
        "offset": offset,
        "method": "PUT",
        "path": path,
        "body": body,
        "address": "203.0.113.90",
        "agent": "SluisMobiel/5.2 (Android 14)",
    }


INCIDENT = Incident(
    host="sluis", start="2026-05-20T07:31:00+02:00", minutes=92, factor=36, kind="systemd", zone="Europe/Amsterdam", apps=["/opt/gates"], users=["gates"],
    files={"/opt/gates/server.js": SERVER, "/etc/systemd/system/gates.service": UNIT, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/gates": CRON, "/opt/gates/bin/tide-import": TIDE, "/opt/gates/bin/gates-guard": GUARD, "/opt/gates/README.txt": README, "/etc/rsyslog.conf": JOURNAL_ISO},
    services={"gates": {"description": "Canal gates API", "command": ["node", "server.js"], "directory": "/opt/gates", "user": "gates", "restart": "always", "restart_seconds": 15, "log": {"kind": "syslog", "tag": "node"}, "wait": 10}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "sluizen.example.nl", "delay": 90,
              "visits": [{"perSecond": 0.25, "bots": 0.05, "aborts": 0.004, "paths": [[4, "GET", "/gates/{n}"], [2, "GET", "/passages"], [2, "GET", "/"]]}],
              "monitors": [*(gauge(n) for n in (3, 8, 12, 27)), handset("/gates/14/level", '{"level":2.35,"by":"keeper"}', 160, 320, 70), handset("/gates/31/level", '{"level":0.8,"by":"keeper"}', 200, 400, 200),
                           handset("/gates/19/level", '{"level":null,"by":"keeper"}', 240, 1000, 640)]},
    collect="""mkdir -p etc/cron.d etc/systemd etc/nginx opt-gates/bin log/nginx; cp /etc/cron.d/gates etc/cron.d/; cp /etc/systemd/system/gates.service etc/systemd/; cp /etc/nginx/nginx.conf etc/nginx/; cp /opt/gates/bin/* opt-gates/bin/; cp /opt/gates/server.js /opt/gates/README.txt opt-gates/
cp /var/log/syslog log/journal.log; cp /var/log/nginx/*.log log/nginx/; systemctl status gates nginx > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    code, journal, access, error, tab = (
        "opt-gates/server.js",
        "log/journal.log",
        "log/nginx/access.log",
        "log/nginx/error.log",
        "etc/cron.d/gates",
    )
    throws, calls = case.at(code, "level.toFixed(2)"), case.at(code, "await store(req.params.id, req.body.level")
    bad, trace = (
        case.at(journal, "PUT gate 19 level=null"),
        case.at(journal, "TypeError: Cannot read properties of null (reading 'toFixed')"),
    )
    exited, again = (
        case.at(journal, "gates.service: Main process exited, code=exited, status=1"),
        case.at(journal, "gates.service: Scheduled restart job"),
    )
    asked, cut = (
        case.at(access, 'PUT /gates/19/level HTTP/1.1" 502'),
        case.at(error, "upstream prematurely closed connection while reading response header"),
    )
    refused = case.at(error, "111: Connection refused")
    puts, crashes = case.times(journal, "PUT gate 19 level=null"), case.times(journal, "gates.service: Main process exited")
    return {
        "root_cause_kind": "request-crashes-process",
        "root_cause": "Now and then a handset (SluisMobiel/5.2) sends PUT /gates/19/level with level null; store() calls null.toFixed() in an async handler, the rejection is handled nowhere and ends node (status 1). systemd starts it again after 15 s; meanwhile 502.",
        "verdict": "root-cause", "culprit": throws, "culprit_alternatives": [calls, trace, bad, asked], "culprit_related": [exited, cut, case.at("opt-gates/README.txt", "SluisMobiel/5.2")],
        "chain": [
            hop("request_crashes_process", bad, asked, trace, throws, calls),
            hop("crash_ends_process", trace, exited),
            hop("termination_closes_connections", cut, asked),
            hop("supervisor_restarts_process", again, case.at("etc/systemd/gates.service", "Restart=always")),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", case.at(access, '" 502 '), cut, refused),
        ],
        "mechanism": ["PUT gate 19 level=null by=keeper, from 203.0.113.90", "TypeError: Cannot read properties of null (reading 'toFixed') at store: an unhandled rejection ends the process", "Main process exited, code=exited, status=1; RestartSec=15", "the request itself: upstream prematurely closed, 502; others 111, 502 until it listens again"],
        "innocent": [case.at(tab, "tide-import", why="every twelve minutes, only logs"), case.at(tab, "gates-guard", why="restarts only after three failures, never did"), case.at(tab, "systemctl restart gates", why="at 03:05; nothing here is so early"), case.whole("opt-gates/bin/gates-guard", "said ok each time"), case.whole("opt-gates/bin/tide-import", "touches nothing"),
                     case.at(journal, "PUT gate 14 level=2.35", why="the same handset's other requests are well"), case.at(journal, "passages: slow query", why="slow, harmless")],
        "period_s": None, "lag_s": case.lag(puts, crashes, 30), "lags": {"exit -> listening again": case.lag(crashes, case.times(journal, "gates api up on 6060"), 120)},
        "measured": [case.measure(journal, "PUT gate 19 level=null"), case.measure(journal, "TypeError: Cannot read properties of null"), case.measure(journal, "gates.service: Main process exited"), case.measure(error, "upstream prematurely closed connection while reading response"), case.measure(error, "111: Connection refused", join=120)],
        "timezones": {"log/journal.log, cron": "UTC (+0000)", error: "Europe/Amsterdam without zone", access: "+02:00"},
        "how_made": REAL + " (with express); systemctl and systemd[1]'s lines are the lab's supervisor, the journal's form is rsyslog's template. Partner and gauges are the lab's clients.",
    }  # fmt: skip
