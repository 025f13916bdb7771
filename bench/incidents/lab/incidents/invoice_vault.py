# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The nightly backup holds the lock that every write needs for minutes: 504 at night, nobody restarts."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const { execFile } = require('child_process');
const express = require('express');
const pino = require('pino');

const log = pino({ base: { name: 'invoices' } }, pino.destination('/var/log/invoices/app.log'));
const LOCK = '/srv/invoices/.write.lock';
const app = express();
app.use(express.json());

app.get('/api/invoices/:id', (req, res) => setTimeout(() => res.json({ id: req.params.id }), 80 + Math.random() * 400));

// the journal is one file: writers take turns
app.post('/api/invoices', (req, res) => {
  const begin = Date.now();
  execFile('flock', [LOCK, '-c', `echo ${Number(req.body.amount)} >> /srv/invoices/data/journal`], (error) => {
    const ms = Date.now() - begin;
    if (error) {
      log.error({ err: error.message }, 'journal write failed');
      return res.status(500).end();
    }
    if (ms > 10000) log.warn({ ms }, 'slow journal write');
    else log.info({ ms }, 'invoice stored');
    return res.status(201).end();
  });
});
app.listen(6060, '127.0.0.1', () => log.info('invoices listening on 6060'));
"""

BACKUP = r"""#!/bin/bash
# nightly backup of the invoice store; nobody may write while it is copied
set -euo pipefail
STORE=/srv/invoices
TARGET=/srv/backup/$(date +%Y%m%d)
mkdir -p "$TARGET"
echo "$(date '+%Y-%m-%d %H:%M:%S') backup begins"
exec 9> "$STORE/.write.lock"
flock 9
for year in "$STORE"/data/*; do
    tar czf "$TARGET/$(basename "$year").tgz" -C "$STORE/data" "$(basename "$year")"
    sleep 12    # be gentle to the disk
done
flock -u 9
echo "$(date '+%Y-%m-%d %H:%M:%S') backup done, $(ls "$TARGET" | wc -l) archives"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/invoices-error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/invoices-access.log;
    server {
        listen 80;
        server_name rechnung.example.com;
        location /api/ {
            proxy_pass http://127.0.0.1:6060;
            proxy_read_timeout 60s;
        }
    }
}
"""

CRONTAB = """# m h dom mon dow command
30 2 * * *  /opt/invoices/backup.sh >> /var/log/invoices/backup.log 2>&1
30 2 * * *  /opt/invoices/rates.sh >> /var/log/invoices/rates.log 2>&1
*/10 * * * * /opt/invoices/health.sh >> /var/log/invoices/health.log 2>&1
"""

HEALTH = r"""#!/bin/bash
# restart when reads fail
if curl -fs -m 10 -H 'Host: rechnung.example.com' http://127.0.0.1/api/invoices/1 > /dev/null; then
    echo "$(date '+%F %T') fine"
else
    echo "$(date '+%F %T') restarting"
    systemctl restart invoices
fi
"""

INCIDENT = Incident(
    host="beleg3", start="2026-01-19T02:22:30+00:00", minutes=80, factor=26, kind="systemd", zone="Etc/UTC", apps=["/opt/invoices"],
    files={"/opt/invoices/server.js": SERVER, "/opt/invoices/backup.sh": BACKUP, "/opt/invoices/health.sh": HEALTH,
           "/opt/invoices/rates.sh": "#!/bin/bash\nsleep 9\necho \"$(date '+%F %T') exchange rates loaded\"\n", "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRONTAB},
    prepare="""mkdir -p /var/log/invoices /srv/invoices/data
for y in 2009 2010 2011 2012 2013 2014 2015 2016 2017 2018 2019 2020 2021 2022 2023 2024 2025; do
mkdir -p /srv/invoices/data/$y; head -c 200000 /dev/urandom > /srv/invoices/data/$y/pages; done""",
    services={"invoices": {"description": "Invoice vault", "command": ["node", "server.js"], "directory": "/opt/invoices", "restart": "on-failure"},
              "nginx": NGINX_UNIT},
    during=[(20, f"leap {24 * 3600 - 20 * 60}"), (40, f"leap {24 * 3600 - 20 * 60}"), (60, f"leap {24 * 3600 - 20 * 60}")],
    visitors={"base": "http://127.0.0.1", "host": "rechnung.example.com",
              "visits": [{"perSecond": 0.45, "bots": 0.03, "paths": [[7, "GET", "/api/invoices/{n}"], [2, "POST", "/api/invoices", '{"amount":{n}}']]}]},
    collect="""mkdir -p log nginx
cp /var/log/invoices/*.log log/; cp /var/log/nginx/*.log log/; cp /var/log/syslog log/; cp /etc/nginx/nginx.conf nginx/
cp /opt/invoices/*.sh /opt/invoices/server.js .; crontab -l > crontab.root; systemctl status invoices nginx > status.txt; rotate log/invoices-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    lock, job = case.at("backup.sh", "flock 9"), case.at("crontab.root", "backup.sh")
    slow, timeout = case.at("log/app.log", "slow journal write"), case.at("log/invoices-error.log", "110: Connection timed out")
    pause = case.at("backup.sh", "sleep 12")
    begins, timeouts = (
        case.times("log/backup.log", "backup begins"),
        case.times("log/invoices-error.log", "110: Connection timed out"),
    )
    return {
        "root_cause_kind": "backup-job-stalls-service",
        "root_cause": "backup.sh, nightly at 02:30, takes the write lock and keeps it for the whole copy (18 archives with 12 s pauses, about "
        "3.8 minutes); every POST waits for the lock, and after 60 s nginx gives up: upstream timed out, 504. Nothing restarts.",
        "verdict": "root-cause", "culprit": lock, "culprit_alternatives": [pause, case.at("backup.sh", 'exec 9> "$STORE/.write.lock"')],
        "culprit_related": [job, case.at("server.js", "execFile('flock'"), case.at("backup.sh", "flock -u 9"),
                            case.at("nginx/nginx.conf", "proxy_read_timeout 60s")],
        "chain": [
            hop("job_runs_script", job, case.at("log/backup.log", "backup begins")),
            hop("job_stalls_service", lock, slow, pause, case.at("server.js", "execFile('flock'"), case.at("server.js", "const LOCK =")),
            hop("timeout_closes_connection", timeout, case.at("nginx/nginx.conf", "proxy_read_timeout 60s")),
            hop("failure_reaches_clients", case.at("log/invoices-access.log", '" 504 '), timeout),
        ],
        "mechanism": [
            "cron starts backup.sh at 02:30", "it takes flock on .write.lock and copies year after year with pauses of 12 s",
            "POST /api/invoices runs flock on the same file and waits; GETs go on as ever",
            "60 s later nginx logs upstream timed out (110) and answers 504; the app finishes the write when the lock is free ('slow journal write')",
        ],
        "innocent": [
            case.at("crontab.root", "rates.sh", why="same minute; sleeps 9 s and logs"),
            case.at("crontab.root", "health.sh", why="would restart, but asks a read, which always works: it logs 'fine' every time"),
            case.at("health.sh", "systemctl restart invoices", why="never reached"),
        ],
        "period_s": 86400, "lag_s": 67, "lags": {"backup begins -> first upstream timeout": case.lag(begins, timeouts, 200)},
        "measured": [case.measure("log/backup.log", "backup begins"), case.measure("log/backup.log", "backup done"),
                     case.measure("log/invoices-error.log", "110: Connection timed out", join=600),
                     case.measure("log/invoices-access.log", '" 504 ', join=600), case.measure("log/app.log", "slow journal write", join=600)],
        "how_made": REAL + " (with pino); flock(1) really blocked the writers; systemctl is the lab's supervisor. Between the nights the "
        "machine's wall clock leapt ahead (as if suspended), so the logs hold 20 minutes a night.",
    }  # fmt: skip
