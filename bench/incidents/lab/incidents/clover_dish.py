# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The nightly tally is moved to four o'clock and its minute becomes a star: sixty tallies in one hour, each holding node's only thread."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const bunyan = require('bunyan');
const rekap = require('./rekap');

const log = bunyan.createLogger({ name: 'warung', streams: [{ path: '/var/log/warung/app.log' }] });
const app = express();
app.use(express.json());
app.get('/menu', (req, res) => setTimeout(() => res.json({ menu: 48 }), 120));
app.get('/pesanan/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, status: 'dimasak' }), 60));
app.post('/pesanan', (req, res) => {
  if (req.body.meja > 880) { log.warn({ meja: req.body.meja }, 'meja tidak dikenal'); return res.status(422).end(); }
  return setTimeout(() => res.status(201).end(), 180);
});
// once a night: yesterday's sales of all stalls, hour by hour
app.post('/internal/rekap', (req, res) => {
  const begin = Date.now();
  const total = rekap.all();
  log.info({ total, ms: Date.now() - begin }, 'rekap penjualan');
  res.json({ total });
});
app.listen(8070, '127.0.0.1', () => log.info('warung siap di 8070'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
TALLY = r"""// all stalls x hours x sales, in memory: the sales of one day fit easily
const STALLS = 210;
const HOURS = 24;
const SALES = 40000;
exports.all = () => {
  let total = 0;
  for (let stall = 1; stall <= STALLS; stall += 1) {
    for (let hour = 0; hour < HOURS; hour += 1) {
      for (let sale = 0; sale < SALES; sale += 1) total = (total + ((sale * stall) ^ hour)) % 1000003;
    }
  }
  return total;
};
"""
RUN = r"""#!/bin/bash
# rekap penjualan kemarin, sekali semalam
mulai=$(date '+%Y-%m-%d %H:%M:%S')
hasil=$(curl -sS -m 600 -X POST http://127.0.0.1:8070/internal/rekap)
echo "$mulai rekap $hasil selesai $(date '+%H:%M:%S')" >> /var/log/warung/rekap.log
"""
BACKUP = r"""#!/bin/bash
# cadangan basis data ke kantor
sleep 140
logger -t cadangan "cadangan selesai, $((RANDOM % 30 + 410)) MB"
"""
STOCK = r"""#!/bin/bash
# stok bahan dari pemasok
sleep 5
logger -t stok "stok: $((RANDOM % 9)) bahan habis"
"""
CRON_OLD = """# m h dom mon dow user perintah
30 3 * * * root /srv/warung/ops/bin/rekap.sh
10 4 * * * root /srv/warung/ops/bin/cadangan.sh
*/5 * * * * root /srv/warung/ops/bin/stok.sh
"""
CRON_MID = CRON_OLD.replace("10 4 * * * root", "30 3 * * * root")
CRON = """# m h dom mon dow user perintah
* 4 * * * root /srv/warung/ops/bin/rekap.sh
30 3 * * * root /srv/warung/ops/bin/cadangan.sh
*/5 * * * * root /srv/warung/ops/bin/stok.sh
0 4 * * * root /srv/warung/ops/bin/sertifikat.sh
"""
CERT = r"""#!/bin/sh
# certbot renew (dry)
sleep 3
logger -t sertifikat "Cert not yet due for renewal"
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format json escape=json '{"t":"$time_iso8601","ip":"$remote_addr","m":"$request_method","u":"$request_uri","s":$status,"rt":$request_time,"up":"$upstream_response_time","ua":"$http_user_agent"}';
    access_log /var/log/nginx/access.json json;
    server {
        listen 80;
        server_name warung.example.id;
        location /internal/ { return 404; }
        location / {
            proxy_pass http://127.0.0.1:8070;
            proxy_read_timeout 15s;
        }
    }
}
"""
COMMIT = """GIT_AUTHOR_DATE='{0} +0700' GIT_COMMITTER_DATE='{0} +0700' git -c user.name='{1}' -c user.email={2}@warung.example.id commit -q -a -m '{3}'"""

INCIDENT = Incident(
    host="warung", start="2026-11-18T03:38:00+07:00", minutes=96, factor=30, kind="systemd", zone="Asia/Jakarta", users=["warung"], apps=["/srv/warung/app"],
    files={"/srv/warung/app/server.js": SERVER, "/srv/warung/app/rekap.js": TALLY, "/srv/warung/ops/bin/rekap.sh": RUN, "/srv/warung/ops/bin/cadangan.sh": BACKUP, "/srv/warung/ops/bin/stok.sh": STOCK, "/srv/warung/ops/bin/sertifikat.sh": CERT, "/srv/warung/ops/cron.d/warung": CRON_OLD, "/root/mid": CRON_MID.replace("30 3 * * * root /srv/warung/ops/bin/rekap.sh", "* 4 * * * root /srv/warung/ops/bin/rekap.sh"), "/root/new": CRON, "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/warung.service": "[Unit]\nDescription=Warung Bu Tini\n\n[Service]\nWorkingDirectory=/srv/warung/app\nExecStart=/usr/bin/node server.js\nRestart=on-failure\n"},
    prepare="mkdir -p /var/log/warung; cd /srv/warung/ops; export HOME=/root; git init -q -b main .; git add .; " + "; ".join([
        COMMIT.format("2026-08-02 10:11:40", "Tini", "tini", "skrip dan cron ke git"), "cp /root/mid cron.d/warung",
        COMMIT.format("2026-11-17 16:26:09", "Agus", "agus", "cadangan ke 03:30, rekap pindah ke jam 4 supaya tidak bentrok"), "cp /root/new cron.d/warung",
        COMMIT.format("2026-11-17 16:41:53", "Agus", "agus", "cek sertifikat jam 4 pagi"), "cp cron.d/warung /etc/cron.d/warung"]),
    services={"warung": {"description": "Warung Bu Tini", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/warung/app", "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "warung.example.id", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.4, "paths": [[3, "GET", "/menu"], [3, "GET", "/pesanan/{n}"], [2, "POST", "/pesanan", '{"meja":{n}}']]}]},
    collect="""mkdir -p log nginx ops/bin app; cp /var/log/nginx/* /var/log/syslog log/; cp /var/log/warung/* log/; cp /etc/nginx/nginx.conf nginx/; cp /srv/warung/ops/bin/*.sh ops/bin/; cp /etc/cron.d/warung ops/cron.d-warung; cp /srv/warung/app/*.js app/; cp /etc/systemd/system/warung.service ops/; cd /srv/warung/ops; git log -p --date=iso -- cron.d > /collected/ops/git-log-cron.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    star, history, log, access, errors, system = (
        case.at("ops/cron.d-warung", "* 4 * * * root /srv/warung/ops/bin/rekap.sh"),
        "ops/git-log-cron.txt",
        "log/rekap.log",
        "log/access.json",
        "log/error.log",
        "log/syslog",
    )
    change, subject = case.at(history, "+* 4 * * * root /srv/warung/ops/bin/rekap.sh"), case.at(history, "rekap pindah ke jam 4")
    ran, ask, handler, took = (
        case.at(system, "CMD (/srv/warung/ops/bin/rekap.sh)"),
        case.at("ops/bin/rekap.sh", "curl -sS -m 600"),
        case.at("app/server.js", "rekap.all()"),
        case.at("log/app.log", "rekap penjualan"),
    )
    late, failed = case.at(errors, "110: Connection timed out"), case.at(access, '"s":504')
    runs = case.times(system, r"CMD \(/srv/warung/ops/bin/rekap")
    return {
        "root_cause_kind": "cron-minute-star",
        "root_cause": "On 17 November 16:26 rekap moved from `30 3` to `* 4`: a star where the minute should be, so cron starts rekap.sh every minute from 04:00 to 04:59. Each run makes the application count all sales synchronously in node's only thread; nobody is answered meanwhile, and beyond 15 s nginx gives up: upstream timed out (110), 504. One run a night, at 03:30, nobody had noticed.",
        "verdict": "root-cause", "culprit": star, "culprit_alternatives": [change, subject, case.at("ops/bin/rekap.sh", "/internal/rekap"), handler], "culprit_related": [case.at(history, "-30 3 * * * root /srv/warung/ops/bin/rekap.sh"), case.at("app/rekap.js", "for (let sale")],
        "chain": [
            hop("deploy_changes_configuration", change, subject, star),
            hop("job_runs_script", star, ran, case.at(log, "rekap {")),
            hop("job_stalls_service", handler, ask, took, late, case.at(log, "rekap {"), case.at("app/server.js", "app.post('/internal/rekap'"), case.at("app/rekap.js", "for (let sale")),
            hop("failure_reaches_clients", failed, late),
        ],
        "mechanism": ["17 November 16:26: `30 3 * * *` becomes `* 4 * * *`", "04:00-04:59 cron starts rekap.sh sixty times", "POST /internal/rekap counts synchronously: node answers nobody for a third of a minute and more", "upstream timed out (110) after 15 s, 504; others wait", "05:00 it is over"],
        "contributing": [handler | {"why": "synchronous in the process that serves the guests"}],
        "innocent": [case.at("ops/cron.d-warung", "sertifikat.sh", why="at 04:00, once; asks for a renewal that is not due"), case.whole("ops/bin/sertifikat.sh", "writes a line"), case.at("ops/cron.d-warung", "cadangan.sh", why="at 03:30, over before"), case.at("ops/cron.d-warung", "stok.sh", why="every five minutes all night"), case.at("log/app.log", "meja tidak dikenal", why="tables that do not exist, 422"),
                     case.at(history, "cek sertifikat jam 4 pagi", why="the last change, but a job that only logs"), case.at("ops/warung.service", "Restart=on-failure", why="nothing ended")],
        "period_s": 60, "lag_s": case.lag(runs, case.times(errors, "110: Connection timed out"), 60), "lags": {}, "step_change_at": str(runs[0]),
        "measured": [case.measure(system, r"CMD \(/srv/warung/ops/bin/rekap"), case.measure("log/app.log", "rekap penjualan"), case.measure(access, '"s":504', join=600), case.measure(errors, "110: Connection timed out", join=600)],
        "timezones": {"app.log": "UTC (Z)", "others": "Asia/Jakarta (+07:00)"},
        "how_made": REAL + " (with express, bunyan) and git; systemctl is the lab's supervisor. The two commits were made with the dates they carry.",
    }  # fmt: skip
