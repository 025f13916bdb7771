# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: four times redis is gone for a while and the brewery's taps answer 503; nothing of redis itself was collected, and one job only happens to run then."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');
const Redis = require('ioredis');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.File({ filename: '/var/log/brine/brine.log' })],
});
const redis = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: 1, enableOfflineQueue: false, retryStrategy: () => 4000 });
redis.on('error', (error) => log.error('redis', { code: error.code, error: error.message }));
redis.on('ready', () => log.info('redis ready'));
redis.on('end', () => log.warn('redis connection ended'));
const app = express();
app.get('/up', (req, res) => res.send('up'));
app.get('/tanks/:n', async (req, res) => {
  if (Number(req.params.n) > 860) return res.status(404).json({ error: 'no such tank' });
  try { const value = await redis.incr(`tank:${req.params.n % 40}`); return res.json({ tank: req.params.n, reads: value }); }
  catch (error) { log.error('tank not read', { tank: req.params.n, error: error.message }); return res.status(503).json({ error: 'try again' }); }
});
app.post('/tanks/:n/salt', express.json(), async (req, res) => {
  if (req.params.n % 31 === 0) { log.warn('sensor says salt 0, ignored', { tank: req.params.n }); return res.status(422).end(); }
  try { await redis.lpush('salt', req.params.n); await redis.ltrim('salt', 0, 500); return res.status(201).end(); }
  catch (error) { log.error('salt not stored', { tank: req.params.n, error: error.message }); return res.status(503).end(); }
});
app.listen(4400, '127.0.0.1', () => log.info('brine listening on 4400'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80 default_server;
        server_name tanks.example.dk;
        location / { proxy_pass http://127.0.0.1:4400; proxy_read_timeout 15s; }
    }
}
"""
CRON = """# m h  dom mon dow   command
*/15 * * * *   /opt/brine/bin/salt-report
23,53 * * * *  /opt/brine/bin/trim-queue --keep 500
0 3 * * *      /opt/brine/bin/night
"""
NOTE = """From: Karen (tanks)
Four times this morning the wall screen said "try again" for a minute or so, then it was fine by itself.
I took what is under /var/log/nginx, our application's log, the application and the crontab of brine.
The redis belongs to the hosting people, I may not look at it.
"""
INCIDENT = Incident(
    host="brine", start="2026-09-15T07:04:00+02:00", minutes=98, factor=32, kind="systemd", zone="Europe/Copenhagen", users=["brine"], apps=["/opt/brine"],
    files={"/opt/brine/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/opt/brine/NOTE.txt": NOTE,
           "/opt/brine/bin/salt-report": "#!/bin/sh\nsleep 9\nlogger -t salt-report 'report: 40 tanks'\n", "/opt/brine/bin/trim-queue": "#!/bin/sh\nredis-cli ltrim salt 0 500 > /dev/null; logger -t trim-queue trimmed\n", "/opt/brine/bin/night": "#!/bin/sh\nexit 0\n"},
    crontabs={"brine": CRON}, prepare="mkdir -p /var/log/brine /srv/redis; chown brine: /var/log/brine",
    services={"redis": {"description": "Advanced key-value store", "command": ["redis-server", "--bind", "127.0.0.1", "--port", "6379", "--dir", "/srv/redis", "--save", ""], "restart": "on-failure", "wait": 8},
              "brine": {"description": "Brine tanks", "command": ["/usr/bin/node", "server.js"], "directory": "/opt/brine", "user": "brine", "environment": {"REDIS_URL": "redis://127.0.0.1:6379/0"}, "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT},
    during=[(17.2, "systemctl stop redis"), (18.6, "systemctl start redis"), (34.4, "systemctl restart brine"), (43.6, "systemctl stop redis"), (44.7, "systemctl start redis"), (49.05, "systemctl stop redis"), (51.0, "systemctl start redis"), (81.2, "systemctl stop redis"), (82.1, "systemctl start redis")],
    visitors={"base": "http://127.0.0.1", "host": "tanks.example.dk", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.07, "aborts": 0.02, "abortAfter": 0.05, "paths": [[6, "GET", "/tanks/{n}"], [3, "POST", "/tanks/{n}/salt", "{\"salt\": {n}}"]]}],
              "monitors": [{"every": 60, "path": "/up", "address": "192.0.2.30", "agent": "Pingdom.com_bot_version_1.4"}]},
    collect="""mkdir -p nginx app; cp /opt/brine/NOTE.txt .; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /var/log/brine/brine.log app/; cp /opt/brine/server.js app/; cp /var/spool/cron/crontabs/brine crontab-brine.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, access, cron = "app/brine.log", "nginx/access.log", "crontab-brine.txt"
    lost, refused, failed = (
        case.at(log, "redis connection ended")
        if any("redis connection ended" in line for line in case.lines(log))
        else case.at(log, "ECONNREFUSED"),
        case.at(log, "ECONNREFUSED"),
        case.at(access, '" 503 '),
    )
    return {
        "root_cause_kind": "too-little-evidence",
        "root_cause": "Not to be known: four times, at no regular distance, nothing listens on 127.0.0.1:6379 (ECONNREFUSED) for about one to two minutes and the application answers 503; then redis is there again. The application runs on. Why redis was gone (in truth somebody stopped and started it by hand) would be in redis' or systemd's log, which were not handed over; "
        "no job of the crontab fits all four, and the scripts are not there.",
        "verdict": "undetermined", "verdict_accepted": ["suspected"], "culprit": {"file": None, "line": None},
        "culprit_alternatives": [refused], "culprit_related": [lost, failed, case.at("app/server.js", "new Redis(process.env.REDIS_URL")],
        "chain": [],
        "mechanism": ["redis on 6379 goes away", "the application's reads and writes fail: 503", "redis comes back one to two minutes later; what ended it does not show"],
        "innocent": [
            case.at(cron, "trim-queue", why="its :53 comes at one outage by chance, and at :23 as well as the other times nothing happens"), case.at(cron, "salt-report", why="every quarter of an hour, the outages are elsewhere"), case.at(cron, "/opt/brine/bin/night", why="at 03:00"),
            case.at(log, '"message":"SIGTERM"', why="the application was restarted by hand between two outages, which changed nothing (two answers of 503 until it had its connection)"), case.at(log, "sensor says salt 0", why="sensors, all the time"), case.at(access, '" 404 ', why="bots"),
        ],
        "expected_confidence": "low", "ask_for": ["redis' log", "journalctl -u redis", "syslog", "/opt/brine/bin/trim-queue, salt-report", "root's crontab and timers", "what the hosting people did at these times"],
        "period_s": None, "lag_s": None, "lags": {},
        "measured": [case.measure(log, "ECONNREFUSED", join=60), case.measure(access, '" 503 ', join=60), case.measure(log, '"redis ready"')],
        "timezones": {log: "UTC (Z)", "nginx, crontab": "Europe/Copenhagen (+02:00)"},
        "how_made": REAL + " (with express, winston and ioredis), and so did redis 7.0; systemd is the lab's supervisor. redis was stopped and started by hand at minutes chosen beforehand.",
    }  # fmt: skip
