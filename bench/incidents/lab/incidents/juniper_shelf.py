# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The monthly job gives the database role a new password and writes it where the service looks no more; half an hour later a harmless release restarts the service."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { Pool } = require('pg');
const { version } = require('./package.json');

const log = (level, text) => console.log(`<${level}> ${text}`);
// two connections are enough for us; they are opened at the start and kept
const pool = new Pool({ host: '127.0.0.1', database: 'biblio', user: 'biblio', password: process.env.DB_PASSWORD, max: 2, idleTimeoutMillis: 0, connectionTimeoutMillis: 15000 });
pool.on('error', (error) => log('warn', `conexiune pierduta: ${error.message}`));

const app = express();
app.use(express.json());
const run = (handler) => (req, res) => handler(req, res).catch((error) => {
  log('error', `${req.method} ${req.path}: ${error.message}`);
  res.status(500).json({ eroare: 'interna' });
});
app.get('/stare', (req, res) => res.send('bine'));
app.get('/carti/:n', run(async (req, res) => {
  const { rows } = await pool.query('select titlu, exemplare from carti where n = $1', [req.params.n]);
  if (!rows.length) return res.status(404).end();
  return res.json(rows[0]);
}));
app.post('/imprumuturi', run(async (req, res) => {
  await pool.query('insert into imprumuturi (carte) values ($1)', [req.body.carte]);
  log('info', `imprumut: cartea ${req.body.carte}`);
  res.status(201).end();
}));
app.listen(4700, '127.0.0.1', () => log('info', `biblio ${version}, port 4700`));
Promise.all([pool.query('select pg_sleep(0.2)'), pool.query('select pg_sleep(0.2)')]).then(() => log('info', 'baza de date: 2 conexiuni'), (error) => log('error', `baza de date: ${error.message}`));
process.on('SIGTERM', () => { log('info', 'oprire (SIGTERM)'); process.exit(0); });
"""

ROTATE = r"""#!/bin/bash
# roteste-parola: parola noua pentru rolul biblio, in prima zi a lunii (cerinta auditului)
set -euo pipefail
export PATH=$PATH:/usr/lib/postgresql/15/bin
noua=$(openssl rand -hex 12)
psql -q -h 127.0.0.1 -U postgres -d postgres -v ON_ERROR_STOP=1 -c "ALTER ROLE biblio PASSWORD '$noua'"
umask 027
printf 'DB_PASSWORD=%s\n' "$noua" > /etc/biblio/db.env
echo "$(date '+%d.%m.%Y %H:%M:%S') parola rolului biblio schimbata, scrisa in /etc/biblio/db.env"
"""

DEPLOY = r"""#!/bin/bash
# publica VERSIUNE
set -eu
cd /srv/biblio
echo "$(date '+%d.%m.%Y %H:%M:%S') publica $1 (era $(basename "$(readlink current)"))"
ln -sfn releases/$1 current
systemctl restart biblio
sleep 10
echo "$(date '+%d.%m.%Y %H:%M:%S') stare: $(curl -s -m 10 http://127.0.0.1:4700/stare)"
"""

UNIT = """[Unit]
Description=Biblioteca judeteana
After=postgresql.service

[Service]
User=biblio
WorkingDirectory=/srv/biblio/current
# din septembrie: configuratia sta langa aplicatie, nu in /etc/biblio
EnvironmentFile=/srv/biblio/shared/.env
ExecStart=/usr/bin/node server.js
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
PGCONF = """listen_addresses = '127.0.0.1'
max_connections = 30
shared_buffers = 32MB
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = 'Europe/Bucharest'
log_statement = 'ddl'
log_connections = on
unix_socket_directories = ''
fsync = off
"""
HBA = """# TYPE  DATABASE  USER      ADDRESS        METHOD
host    all       postgres  127.0.0.1/32   trust
host    biblio    biblio    127.0.0.1/32   scram-sha-256
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name biblio.example.ro;
        location / { proxy_pass http://127.0.0.1:4700; }
    }
}
"""
CRON = """SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
20 11 1 * *   root  /usr/local/sbin/roteste-parola >> /var/log/biblio/intretinere.log 2>&1
*/15 * * * *  root  /usr/local/sbin/catalog-national >> /var/log/biblio/intretinere.log 2>&1
50 * * * *    root  /usr/local/sbin/statistica >> /var/log/biblio/intretinere.log 2>&1
"""
CATALOG = """#!/bin/bash
# intreaba catalogul national de titluri noi
sleep 9
[ $((RANDOM % 4)) -gt 0 ] || { echo "$(date '+%d.%m.%Y %H:%M:%S') catalog: EROARE 429 de la catalogul national, data viitoare"; exit 0; }
echo "$(date '+%d.%m.%Y %H:%M:%S') catalog: $((RANDOM % 30)) titluri noi"
"""
STAT = """#!/bin/bash
# cititori pe ora, din jurnalul nginx
echo "$(date '+%d.%m.%Y %H:%M:%S') statistica: $(wc -l < /var/log/nginx/access.log) cereri azi"
"""

PREPARE = r"""mkdir -p /srv/pg /var/log/biblio /etc/biblio /srv/biblio/shared; chown postgres: /srv/pg; cp /root/pg_hba.conf /root/postgresql.conf /etc/biblio/; ln -sfn releases/2.4.0 /srv/biblio/current
for v in 2.4.0 2.4.1; do echo "{ \"name\": \"biblio\", \"version\": \"$v\" }" > /srv/biblio/releases/$v/package.json; done
old=$(openssl rand -hex 12); echo "DB_PASSWORD=$old" > /srv/biblio/shared/.env; echo "DB_PASSWORD=$old" > /etc/biblio/db.env; touch -d '2026-09-14 16:02:11' /srv/biblio/shared/.env; touch -d '2026-09-01 11:20:03' /etc/biblio/db.env; chown biblio: /srv/biblio/shared/.env
single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
printf "create role biblio login password '$old';\ncreate database biblio owner biblio;\n" | single postgres
printf 'create table carti (n int primary key, titlu text, exemplare int);\ninsert into carti select n, n::text, n %% 5 from generate_series(1, 880) n;\ncreate table imprumuturi (carte int, la timestamptz default now());\nalter table carti owner to biblio;\nalter table imprumuturi owner to biblio;\n' | single biblio
cat /root/postgresql.conf >> /srv/pg/postgresql.conf; cp /root/pg_hba.conf /srv/pg/pg_hba.conf; chown postgres: /srv/pg/pg_hba.conf"""
HISTORY = r"""echo "#$(date +%s)" >> /root/hist; echo '{}' >> /root/hist; {}"""

INCIDENT = Incident(
    host="biblio1", start="2026-10-01T10:58:00+03:00", minutes=88, factor=30, kind="systemd", zone="Europe/Bucharest", users=["biblio"], apps=["/srv/biblio/releases/2.4.0", "/srv/biblio/releases/2.4.1"],
    files={"/srv/biblio/releases/2.4.0/server.js": SERVER, "/srv/biblio/releases/2.4.1/server.js": SERVER.replace("res.json(rows[0])", "res.set('Cache-Control', 'no-cache').json(rows[0])"), "/usr/local/sbin/roteste-parola": ROTATE, "/usr/local/sbin/catalog-national": CATALOG, "/usr/local/sbin/statistica": STAT, "/srv/biblio/bin/publica": DEPLOY,
           "/etc/systemd/system/biblio.service": UNIT, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/biblio": CRON, "/root/postgresql.conf": PGCONF, "/root/pg_hba.conf": HBA},
    prepare=PREPARE,
    services={"postgresql": {"description": "PostgreSQL 15", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"], "user": "postgres", "stop_signal": "INT", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/postgresql.log"}, "wait": 60},
              "biblio": {"description": "Biblioteca judeteana", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/biblio/current", "user": "biblio", "environment_file": "/srv/biblio/shared/.env", "restart": "on-failure", "restart_seconds": 5, "log": {"kind": "syslog", "tag": "biblio"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "biblio.example.ro", "delay": 150,
              "visits": [{"perSecond": 0.32, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.2, "paths": [[5, "GET", "/carti/{n}"], [1, "POST", "/imprumuturi", '{"carte":{n}}']]}],
              "monitors": [{"path": "/stare", "every": 300, "address": "198.51.100.40", "agent": "Uptime-Kuma/1.23"}]},
    during=[(52.4, HISTORY.format("/srv/biblio/bin/publica 2.4.1", "/srv/biblio/bin/publica 2.4.1 >> /var/log/biblio/publica.log 2>&1")),
            (64, HISTORY.format("journalctl -u biblio -n 50", "true")),
            (68.2, HISTORY.format("/srv/biblio/bin/publica 2.4.0", "/srv/biblio/bin/publica 2.4.0 >> /var/log/biblio/publica.log 2>&1")),
            (80, HISTORY.format("tail -f /var/log/nginx/access.log", "true"))],
    collect="""mkdir -p log nginx cron sbin unit; cp /var/log/nginx/*.log log/; cp /var/log/syslog /var/log/postgresql.log /var/log/biblio/*.log log/; cp /etc/nginx/nginx.conf nginx/; cp /etc/cron.d/biblio cron/; cp /usr/local/sbin/* sbin/; cp /srv/biblio/bin/publica sbin/; cp /etc/systemd/system/biblio.service unit/; cp /srv/pg/pg_hba.conf /root/postgresql.conf unit/; cp /srv/biblio/current/server.js .; cp /root/hist bash_history; touch -d \"$(sed -n 's/^\\(..\\).\\(..\\).\\(....\\) \\(.*\\) parola rolului.*/\\3-\\2-\\1 \\4/p' log/intretinere.log)\" /etc/biblio/db.env; ls -l --time-style=long-iso /etc/biblio/db.env /srv/biblio/shared/.env > ls-l.txt; diff -r /srv/biblio/releases/2.4.0 /srv/biblio/releases/2.4.1 -x node_modules > diff-2.4.0-2.4.1.txt; rotate log/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, system, db, access = "sbin/roteste-parola", "log/syslog", "log/postgresql.log", "log/access.log"
    alter, wrote, reads = (
        case.at(script, "ALTER ROLE biblio PASSWORD"),
        case.at(script, "> /etc/biblio/db.env"),
        case.at("unit/biblio.service", "EnvironmentFile=/srv/biblio/shared/.env"),
    )
    job, told, done = (
        case.at("cron/biblio", "roteste-parola"),
        case.at("log/intretinere.log", "parola rolului biblio schimbata"),
        case.at(db, "ALTER ROLE biblio PASSWORD"),
    )
    fatal, failed, client = (
        case.at(db, 'password authentication failed for user "biblio"'),
        case.at(system, "password authentication failed"),
        case.at(access, '" 500 '),
    )
    ran, back, release = (
        case.at(system, "CMD ( /usr/local/sbin/roteste-parola"),
        case.at("log/publica.log", "publica 2.4.0"),
        case.at("log/publica.log", "publica 2.4.1"),
    )
    old = case.at("ls-l.txt", "/srv/biblio/shared/.env")
    begun, broken = case.times(db, "ALTER ROLE"), case.times(db, "FATAL:  password authentication")
    assert 1500 < (broken[0] - begun[0]).total_seconds() < 2400, (begun, broken[:1])
    return {
        "root_cause_kind": "rotated-password-not-read-by-service",
        "root_cause": "At 11:20 the monthly job roteste-parola gave the role biblio a new password and wrote it to /etc/biblio/db.env; the unit has read /srv/biblio/shared/.env since September (file of 14 September). The pool's two open connections went on working. At 11:50 release 2.4.1 restarted the service: every new connection ends in password authentication failed, 500 for all pages with data, also after 2.4.0 was back at 12:06.",
        "verdict": "root-cause", "culprit": wrote, "culprit_alternatives": [alter, reads, done, told, job], "culprit_related": [ran, old, case.at("server.js", "idleTimeoutMillis: 0"), case.at("ls-l.txt", "/etc/biblio/db.env")],
        "chain": [
            hop("job_runs_script", job, ran, told),
            hop("configuration_mismatch", reads, wrote, done, told, alter, old, fatal, failed),
            hop("failure_reaches_clients", client, failed, case.at(access + ".1.gz", '" 500 ')),
        ],
        "mechanism": ["1 October 11:20 cron: roteste-parola: ALTER ROLE biblio PASSWORD, new password into /etc/biblio/db.env", "the service's EnvironmentFile is /srv/biblio/shared/.env, unchanged since 14 September", "until 11:50 its two kept connections go on", "11:50 release 2.4.1: restart, new connections: FATAL password authentication failed", "12:06 back to 2.4.0: the same"],
        "contributing": [case.at("server.js", "idleTimeoutMillis: 0", why="hid it for half an hour")],
        "innocent": [release | {"why": "only a header more; it restarted the service, and 2.4.0, restarted at 12:06, fails as well"}, back | {"why": "going back changes nothing"}, case.at("cron/biblio", "statistica", why="at :50, the minute of the onset; counts lines"), case.whole("sbin/statistica", "counts lines"),
                     case.at("cron/biblio", "catalog-national", why="every quarter of an hour, talks to another library"), case.at("server.js", "app.get('/stare'", why="answers 200 without the database, so the monitor saw nothing"), case.at("unit/pg_hba.conf", "scram-sha-256", why="as it always was")],
        "period_s": None, "lag_s": None, "lags": {"new password -> first refused login": round((broken[0] - begun[0]).total_seconds(), 1)}, "step_change_at": str(broken[0]),
        "measured": [case.measure(db, "FATAL:  password authentication failed"), case.measure(db, "ALTER ROLE biblio"), case.measure(access, '" 500 '), case.measure(access + ".1.gz", '" 500 '), case.measure("log/publica.log", "publica 2"), case.measure(system, "password authentication failed")],
        "timezones": {"all": "Europe/Bucharest (+03:00)"},
        "how_made": REAL + " with express and pg, and PostgreSQL 15; systemctl is the lab's supervisor. The password in PostgreSQL's log was made for this run. The file's time in ls-l.txt was set to the moment its job logged, as files carry the host's time.",
    }  # fmt: skip
