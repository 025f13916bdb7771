# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A tidy-up deletes the log that the application has open: the space stays taken, the volume runs full, and the space watch, which adds up the files it can see, says that all is fine."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const fs = require('fs');
const express = require('express');
const journal = fs.openSync('/data/log/court.log', 'a');
const line = (what) => { try { fs.writeSync(journal, `${new Date().toISOString()} ${JSON.stringify(what)}\n`); } catch { /* never let logging break a request */ } };
const app = express();
app.use((req, res, next) => {
  res.on('finish', () => line({ method: req.method, url: req.url, status: res.statusCode, headers: req.headers, trace: 'span '.repeat(1300) }));
  next();
});
app.get('/fixtures/:n', (req, res) => setTimeout(() => res.json({ fixture: req.params.n, court: 4 }), 80 + Math.random() * 300));
app.post('/scorecards/:n', express.raw({ type: '*/*', limit: '2mb' }), (req, res, next) => {
  try { fs.writeFileSync(`/data/cards/${req.params.n}-${Date.now()}.bin`, Buffer.alloc(36000, 7)); res.status(201).end(); } catch (error) { next(error); }
});
app.use((error, req, res, next) => {
  console.error(`${req.method} ${req.url}: ${error.code || ''} ${error.message}`);
  res.status(500).json({ error: 'could not be saved' });
});
app.listen(3350, '127.0.0.1', () => console.log('court 2.0.3 ready on 3350'));
process.on('SIGTERM', () => process.exit(0));
"""
TIDY = r"""#!/bin/bash
# tidy-logs: no log on /data may grow beyond 2 MB
shopt -s nullglob
for log in /data/log/*.log; do
    size=$(stat -c %s "$log")
    if [ "$size" -gt 2000000 ]; then
        rm -f "$log"
        logger -t tidy-logs "$log had $size bytes, removed"
    fi
done
"""
SPACE = r"""#!/bin/bash
# space-watch: warns at 90 % of the data volume (18 MB)
used=$(du -sk /data | cut -f1)
percent=$(( used * 100 / 18432 ))
if [ "$percent" -ge 90 ]; then
    logger -p user.warning -t space-watch "/data at $percent %"
else
    logger -t space-watch "/data: files of $used kB, $percent %, fine"
fi
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/court.access.log combined;
    client_max_body_size 2m;
    server {
        listen 80;
        server_name court.example.com.mt;
        location / { proxy_pass http://127.0.0.1:3350; proxy_set_header Host $host; }
    }
}
"""
UNIT = """[Unit]
Description=Lemon Court fixtures
RequiresMountsFor=/data

[Service]
WorkingDirectory=/srv/court
ExecStart=/usr/bin/node server.js
Restart=always
RestartSec=4
"""
CRON = """*/30 * * * * root /usr/local/sbin/tidy-logs
*/10 * * * * root /usr/local/sbin/space-watch
20 * * * * root /usr/local/sbin/thin-cards
"""
THIN = r"""#!/bin/bash
# thin-cards: score cards older than a season
n=$(find /data/cards -name '*.bin' -mtime +120 -delete -print | wc -l)
logger -t thin-cards "$n old cards removed"
"""

INCIDENT = Incident(
    host="court", start="2026-10-03T09:06:00+02:00", minutes=112, factor=30, kind="systemd", zone="Europe/Malta", apps=["/srv/court"],
    files={"/srv/court/server.js": SERVER, "/usr/local/sbin/tidy-logs": TIDY, "/usr/local/sbin/space-watch": SPACE, "/usr/local/sbin/thin-cards": THIN, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/court.service": UNIT, "/etc/cron.d/court": CRON},
    prepare="mkdir -p /data; mount -t tmpfs -o size=18m /dev/vdb1 /data; mkdir /data/log /data/cards; for n in $(seq 1 60); do head -c 36000 /dev/zero > /data/cards/$n-1790000000000.bin; done",
    services={"court": {"description": "Lemon Court fixtures", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/court", "restart": "always", "restart_seconds": 4, "log": {"kind": "syslog", "tag": "node"}, "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "court.example.com.mt", "delay": 50,
              "visits": [{"perSecond": 0.42, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.15, "paths": [[16, "GET", "/fixtures/{n}"], [1, "POST", "/scorecards/{n}", '{"set":[6,4]}']]}]},
    collect="""mkdir -p etc usr-local-sbin var-log srv; cp /etc/nginx/nginx.conf /etc/systemd/system/court.service etc/; cp /etc/cron.d/court etc/cron.d-court; cp /usr/local/sbin/{tidy-logs,space-watch,thin-cards} usr-local-sbin/; cp /srv/court/server.js srv/
cp /var/log/syslog /var/log/nginx/error.log /var/log/nginx/court.access.log var-log/; { echo '$ df -h /data'; df -h /data; echo; echo '$ du -sh /data/*'; du -sh /data/*; echo; echo '$ ls -l /data/log'; ls -l /data/log; echo; echo '$ lsof +L1'; lsof +L1 2> /dev/null | grep -e COMMAND -e /data; } > disk.txt; rotate var-log/court.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    system, access, disk = "var-log/syslog", "var-log/court.access.log", "disk.txt"
    remove, job, removed = (
        case.at("usr-local-sbin/tidy-logs", 'rm -f "$log"'),
        case.at("etc/cron.d-court", "tidy-logs"),
        case.at(system, "bytes, removed"),
    )
    held, full = case.at(disk, "(deleted)"), case.at(disk, "100%")
    nospace, failed = case.at(system, "ENOSPC"), case.at(access, '" 500 ')
    return {
        "root_cause_kind": "open-log-deleted-space-not-freed",
        "root_cause": "At 09:30 tidy-logs removed /data/log/court.log, which node has open and goes on writing to (lsof: deleted): the name is gone, the space is not given back, and the file grows by some 7 kB a request, unseen. When the 18 MB volume is full, every score card fails with ENOSPC, 500; pages, which write nothing but the log, go on. space-watch adds up visible files with du and says fine.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": remove, "culprit_alternatives": [held, job, removed, case.at("srv/server.js", "fs.openSync('/data/log/court.log'"), case.at("srv/server.js", "trace: 'span '")],
        "culprit_related": [full, case.at("usr-local-sbin/space-watch", "du -sk /data")],
        "chain": [
            hop("job_runs_script", job, removed, case.at(system, "CMD (/usr/local/sbin/tidy-logs)")),
            hop("resource_exhausted", nospace, full, held, remove),
            hop("failure_reaches_clients", failed, nospace),
        ],
        "mechanism": ["09:30 cron: tidy-logs removes court.log (over 2 MB) while node has it open", "node writes on into the nameless file, 7 kB for each request", "df: 100 %, du: a few MB; lsof shows the deleted file", "POST /scorecards/N: ENOSPC, 500; GET goes on"],
        "contributing": [case.at("usr-local-sbin/space-watch", "du -sk /data", why="does not see a deleted file, so nobody was warned")],
        "innocent": [case.at("etc/cron.d-court", "space-watch", why="only adds up"), case.at("etc/cron.d-court", "thin-cards", why="removes old cards, there were none"), case.at("etc/nginx.conf", "client_max_body_size 2m", why="no card is that large"), case.at("etc/court.service", "Restart=always", why="the process never ended")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(system, "ENOSPC")[0]),
        "measured": [case.measure(system, "ENOSPC"), case.measure(access, '" 500 '), case.measure(system, "bytes, removed"), case.measure(system, "space-watch: .*fine")],
        "timezones": {"all": "Europe/Malta (+02:00)"},
        "how_made": REAL + " (with express), lsof, df and du; systemctl is the lab's supervisor; the volume is a tmpfs of 18 MB.",
    }  # fmt: skip
