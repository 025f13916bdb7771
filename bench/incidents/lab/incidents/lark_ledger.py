# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The statements' job asks the database from fourteen lanes at once; nothing is left of its connections for the web application: 503 for a minute or two, nobody restarts."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');
const { Pool } = require('pg');

const log = pino({ name: 'kassenbuch' }, pino.destination({ dest: '/var/log/kassenbuch/app.log', sync: true }));
const pool = new Pool({ host: '/run/postgresql', user: 'lerche', database: 'lerche', max: 4, idleTimeoutMillis: 3000, connectionTimeoutMillis: 60000 });
pool.on('error', (err) => log.warn({ err: err.message }, 'Verbindung verloren'));
const app = express();

const frage = (sql, werte) => async (req, res) => {
  const t0 = Date.now();
  try {
    const { rows } = await pool.query(sql, werte(req));
    if (rows.length === 0) { res.status(404).json({ fehler: 'unbekannt' }); } else res.json(rows);
    log.info({ url: req.originalUrl, ms: Date.now() - t0, status: res.statusCode }, 'anfrage');
  } catch (err) {
    log.error({ url: req.originalUrl, ms: Date.now() - t0, code: err.code, err: err.message }, 'datenbank nicht erreichbar');
    res.status(503).json({ fehler: 'bitte gleich noch einmal' });
  }
};
app.get('/konten/:id', frage('select * from konten where id = $1', (req) => [req.params.id]));
app.get('/konten', frage('select id, name from konten order by id limit 20', () => []));
app.post('/buchungen', frage('insert into buchungen (konto, betrag) values ((random() * 700)::int, 12.5) returning id', () => []));
app.listen(5050, '127.0.0.1', () => log.info('kassenbuch hört auf 5050'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

JOB = r"""#!/bin/bash
# auszuege.sh - Kontoauszüge je Filiale, dreimal in der Stunde (seit die Filialen sie tagsüber wollen)
# Jede Filiale ist eine lange Abfrage, darum nebeneinander.

export PGHOST=/run/postgresql PGUSER=lerche PGDATABASE=lerche
ZIEL=/var/lib/kassenbuch/auszuege

auszug() {
    until psql -qAt -o "$ZIEL/filiale-$1.csv" -c "select auszug_filiale($1)" 2> /dev/null; do
        echo "Filiale $1: Datenbank besetzt, gleich noch einmal"
        sleep 5
    done
}
export -f auszug; export ZIEL

echo "--- $(date '+%d.%m.%Y %H:%M:%S') Auszüge beginnen"
seq 1 36 | xargs -P 14 -I{} bash -c 'auszug {}'
echo "--- $(date '+%d.%m.%Y %H:%M:%S') Auszüge fertig"
"""
DUMP = """#!/bin/bash
# sicherung.sh
set -eo pipefail
pg_dump -h /run/postgresql -U lerche lerche | gzip > /var/lib/kassenbuch/sicherung/lerche-$(date +%H%M).sql.gz
find /var/lib/kassenbuch/sicherung -name 'lerche-*.sql.gz' -mmin +2880 -delete
echo "$(date '+%d.%m.%Y %H:%M:%S') Sicherung geschrieben"
"""
VACUUM = """#!/bin/sh
# nach den Buchungen aufräumen
psql -q -h /run/postgresql -U lerche -d lerche -c 'vacuum (analyze) buchungen' && logger -t vakuum 'buchungen aufgeräumt'
"""
PGCONF = """# kassenbuch: kleine Maschine, 2 GB
listen_addresses = ''
unix_socket_directories = '/run/postgresql'
max_connections = 15
superuser_reserved_connections = 3
shared_buffers = 64MB
autovacuum = off
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = 'Europe/Vienna'
log_checkpoints = off
log_min_duration_statement = 20s
lc_messages = 'C'
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format zeit '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time us=$upstream_status';
    access_log /var/log/nginx/access.log zeit;
    server {
        listen 80;
        server_name buch.example.at;
        location = /robots.txt { return 200 "User-agent: *\\nDisallow: /\\n"; }
        location / {
            proxy_pass http://127.0.0.1:5050;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_read_timeout 90s;
        }
    }
}
"""
CRON = """SHELL=/bin/bash
PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/postgresql/15/bin
# m   h  dom mon dow user      command
10,30,50 * * * *     kasse     /opt/kassenbuch/auszuege.sh >> /var/log/kassenbuch/auszuege.log 2>&1
20 *     * * *       kasse     /opt/kassenbuch/sicherung.sh >> /var/log/kassenbuch/sicherung.log 2>&1
*/10 *   * * *       kasse     /opt/kassenbuch/vakuum.sh
"""
PREPARE = r"""mkdir -p /run/postgresql /srv/pg /var/log/kassenbuch /var/lib/kassenbuch/auszuege /var/lib/kassenbuch/sicherung; chown postgres: /run/postgresql /srv/pg
chown -R kasse: /var/log/kassenbuch /var/lib/kassenbuch
single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
printf 'create role lerche login;\ncreate database lerche owner lerche;\n' | single postgres
printf "create table konten as select g as id, 'Konto ' || g as name from generate_series(1, 860) g;\ncreate table buchungen (id serial, konto int, betrag numeric);\nalter table konten owner to lerche;\nalter table buchungen owner to lerche;\ncreate function auszug_filiale(int) returns text language sql as 'select pg_sleep(24 + \$1 %% 7)::text';\n" | single lerche
cat /etc/postgresql/kassenbuch.conf >> /srv/pg/postgresql.conf"""

INCIDENT = Incident(
    host="lerche", start="2026-06-03T09:01:00+02:00", minutes=76, factor=26, kind="systemd", zone="Europe/Vienna", users=["kasse"], apps=["/opt/kassenbuch"],
    files={"/opt/kassenbuch/server.js": SERVER, "/opt/kassenbuch/auszuege.sh": JOB, "/opt/kassenbuch/sicherung.sh": DUMP, "/opt/kassenbuch/vakuum.sh": VACUUM, "/etc/postgresql/kassenbuch.conf": PGCONF, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/kassenbuch": CRON,
           "/etc/systemd/system/kassenbuch.service": "[Unit]\nDescription=Kassenbuch\nAfter=postgresql.service\n\n[Service]\nUser=kasse\nWorkingDirectory=/opt/kassenbuch\nExecStart=/usr/bin/node server.js\nRestart=on-failure\n",
           "/root/LIESMICH.txt": "Mi 3. Juni: Filialen melden immer wieder 'bitte gleich noch einmal'. Postgres läuft aber durch, kassenbuch auch.\nVerdacht Resi: das Vakuum alle zehn Minuten sperrt die Buchungen.\n"},
    prepare=PREPARE,
    services={"postgresql": {"description": "PostgreSQL 15", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"], "user": "postgres", "stop_signal": "INT", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/postgresql.log"}, "wait": 60},
              "kassenbuch": {"description": "Kassenbuch", "command": ["/usr/bin/node", "server.js"], "directory": "/opt/kassenbuch", "user": "kasse", "restart": "on-failure", "wait": 15}, "nginx": NGINX_UNIT},
    during=[(44.3, "nginx -s reload")],
    visitors={"base": "http://127.0.0.1", "host": "buch.example.at", "delay": 240,
              "visits": [{"perSecond": 0.4, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.6, "paths": [[5, "GET", "/konten/{n}"], [2, "GET", "/konten"], [2, "POST", "/buchungen", "{}"]]}]},
    collect="""mkdir -p etc/nginx etc/postgresql opt log/nginx log/kassenbuch; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/postgresql/kassenbuch.conf etc/postgresql/; cp /etc/cron.d/kassenbuch etc/cron.d-kassenbuch; cp /etc/systemd/system/kassenbuch.service etc/
cp /opt/kassenbuch/*.sh /opt/kassenbuch/server.js opt/; cp /var/log/nginx/*.log log/nginx/; cp /var/log/kassenbuch/* log/kassenbuch/; cp /var/log/postgresql.log /var/log/syslog log/; cp /root/LIESMICH.txt .; systemctl status kassenbuch postgresql nginx > systemctl-status.txt; rotate log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    job, tab, app, db, access = (
        "opt/auszuege.sh",
        "etc/cron.d-kassenbuch",
        "log/kassenbuch/app.log",
        "log/postgresql.log",
        "log/nginx/access.log",
    )
    lanes, limit, entry = (
        case.at(job, "xargs -P 14"),
        case.at("etc/postgresql/kassenbuch.conf", "max_connections = 15"),
        case.at(tab, "auszuege.sh"),
    )
    fatal, failed, told = (
        case.at(db, "remaining connection slots are reserved"),
        case.at(app, "datenbank nicht erreichbar"),
        case.at("log/kassenbuch/auszuege.log", "Auszüge beginnen"),
    )
    own = case.at("log/kassenbuch/auszuege.log", "Datenbank besetzt")
    begins = case.times("log/syslog", r"CMD \( */opt/kassenbuch/auszuege")
    return {
        "root_cause_kind": "job-takes-all-database-connections",
        "root_cause": "auszuege.sh (cron.d, minutes 10, 30, 50) runs fourteen psql side by side for two to four minutes. PostgreSQL allows 15 connections less 3 reserved ones, so the web application, whose pool gives its connections back after 3 s, gets no new one: "
        "FATAL: remaining connection slots are reserved, and, whenever no place is free, it answers 503 until the job is done. Nothing is restarted.",
        "verdict": "root-cause", "culprit": lanes, "culprit_alternatives": [entry, limit, case.at("etc/postgresql/kassenbuch.conf", "superuser_reserved_connections")],
        "culprit_related": [told, own, fatal, case.at(db, "auszug_filiale"), case.at("opt/server.js", "idleTimeoutMillis: 3000")],
        "chain": [
            hop("job_runs_script", entry, told, case.at("log/syslog", "auszuege.sh")),
            hop("job_stalls_service", lanes, told, fatal, failed),
            hop("resource_exhausted", fatal, limit, own, failed),
            hop("failure_reaches_clients", case.at("log/nginx/access.log.1.gz", '" 503 '), failed),
        ],
        "mechanism": ["cron starts auszuege.sh at :10, :30, :50", "xargs -P 14: fourteen long queries at once; even some of the job's own psql are refused", "PostgreSQL has 15 - 3 connections: FATAL: remaining connection slots are reserved (53300)", "the web application needs a connection where none is free: 503, each between 'beginnen' and 'fertig' of the job", "then the job ends and all is well; no process was restarted"],
        "innocent": [
            case.at(tab, "vakuum.sh", why="every ten minutes, also at :00, :20, :40, when nothing fails; VACUUM does not block reading or inserting"), case.whole("opt/vakuum.sh", "one connection for a moment"), case.at("LIESMICH.txt", "Verdacht Resi", why="a guess"),
            case.at(tab, "sicherung.sh", why="at :20, when nothing fails"), case.whole("opt/sicherung.sh", "one connection for a moment"), case.at("etc/nginx/nginx.conf", "proxy_read_timeout 90s", why="no request runs into it"),
            case.at(access, '" 404 ', why="unknown accounts and bots"),
        ],
        "period_s": 1200, "lag_s": case.lag(begins, case.times(app, "datenbank nicht erreichbar", hours=2), 120),
        "lags": {"cron -> first FATAL": case.lag(begins, case.times(db, "remaining connection slots"), 120)},
        "measured": [case.measure(db, "remaining connection slots are reserved", join=200), case.measure(app, "datenbank nicht erreichbar", join=200), case.measure("log/nginx/access.log.1.gz", '" 503 ', join=200), case.measure("log/syslog", r"CMD \( */opt/kassenbuch/auszuege"), case.measure("log/kassenbuch/auszuege.log", "Datenbank besetzt")],
        "timezones": {"all": "Europe/Vienna (+02:00)", "app.log": "epoch milliseconds"},
        "how_made": REAL.replace(" and curl", "") + " (with express, pg, pino), and PostgreSQL 15; the statement's work is a pg_sleep of 24 to 30 s; systemctl is the lab's supervisor.",
    }  # fmt: skip
