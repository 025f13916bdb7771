# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A tidy-up rewrites the largest table with VACUUM FULL during the day: whoever asks for it waits, the pool is used up by those who wait, nginx gives up with 504."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');
const { Pool } = require('pg');
const log = pino({ base: { name: 'teasel' }, timestamp: pino.stdTimeFunctions.isoTime });
const pool = new Pool({ host: '/run/postgresql', database: 'teasel', user: 'teasel', max: 8, application_name: 'teasel-web' });
pool.on('error', (error) => log.error({ err: { message: error.message, code: error.code } }, 'idle client'));

const app = express();
app.use((req, res, next) => {
  const begin = Date.now();
  res.on('close', () => {
    const ms = Date.now() - begin;
    if (ms > 4000) log.warn({ url: req.originalUrl, ms, gone: !res.writableFinished, waiting: pool.waitingCount }, 'slow request');
  });
  next();
});
app.get('/alive', (req, res) => res.send('yes'));
app.get('/', (req, res) => res.send('<h1>Teasel wool and dyes</h1>'));
app.get('/goods/:n', async (req, res) => {
  const { rows } = await pool.query('select sku, price from goods where sku = $1', [req.params.n]);
  if (!rows.length) return res.status(404).json({ error: 'no such goods' });
  return res.json(rows[0]);
});
app.get('/goods/:n/seen', async (req, res) => {
  const { rows } = await pool.query('select at, what from events where sku = $1 limit 10', [req.params.n]);
  res.json(rows);
});
app.post('/basket/:n', async (req, res) => {
  await pool.query("insert into events (sku, at, what) values ($1, now(), 'basket')", [req.params.n]);
  if (req.params.n % 53 === 0) log.error({ sku: req.params.n }, 'stock service says -1, counted as 0');
  res.status(201).end();
});
app.listen(3600, '127.0.0.1', () => log.info({ port: 3600 }, 'teasel-web listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

TIDY = r"""#!/bin/bash
# tidy-events: throw old events away and give the space back (disk was 91 % full in April)
set -eu
LOG=/srv/teasel/log/tidy.log
say() { echo "$(date '+%d/%b/%Y %T') $*" >> $LOG; }
size() { psql -At teasel -c "select pg_size_pretty(pg_total_relation_size('events'))"; }

say "start, events $(size)"
psql -q teasel -c "delete from events where at < now() - interval '400 days'"
psql -q teasel -c "vacuum full analyze events"
say "end, events $(size)"
"""

EXPORT = r"""#!/bin/sh
# prices for the wholesalers, a small file
psql -At teasel -c 'select sku, price from goods' > /srv/teasel/export/prices.csv && logger -t prices "$(wc -l < /srv/teasel/export/prices.csv) prices"
"""

PROBE = r"""#!/bin/sh
# looks; tells the office, restarts nothing
code=$(curl -s -m 50 -o /dev/null -w '%{http_code}' http://127.0.0.1/alive)
echo "$(date '+%F %T') /alive $code" >> /srv/teasel/log/look.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format shop '$remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" rt=$request_time';
    access_log /var/log/nginx/access.log shop;
    server {
        listen 80 default_server;
        server_name teasel.example.ie;
        location / {
            proxy_pass http://127.0.0.1:3600;
            proxy_read_timeout 25s;
        }
    }
}
"""

PGCONF = """# what differs from the image's postgresql.conf
listen_addresses = ''
unix_socket_directories = '/run/postgresql'
max_connections = 30
shared_buffers = 64MB
log_line_prefix = '%m [%p] %q%u@%d %a '
log_timezone = 'UTC'
log_lock_waits = on
deadlock_timeout = 2s
log_min_duration_statement = 5000
autovacuum_naptime = 300
max_wal_size = 2GB
checkpoint_timeout = 1200
log_checkpoints = off
"""

COMPOSE = """name: teasel
services:
  db:
    image: postgres:15
    restart: always
    network_mode: host
    volumes: ["./pg:/var/lib/postgresql/data", "/run/postgresql:/run/postgresql"]
  web:
    image: ghcr.example.ie/teasel/web:12.1
    restart: always
    network_mode: host
    volumes: ["/run/postgresql:/run/postgresql"]
  nginx:
    image: nginx:1.22
    restart: always
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

PREPARE = r"""mkdir -p /srv/pg /run/postgresql /srv/teasel/log /srv/teasel/export; chown postgres: /srv/pg /run/postgresql; chown -R postgres: /srv/teasel/log /srv/teasel/export
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
cat /srv/teasel/postgresql.conf >> /srv/pg/postgresql.conf
single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
printf 'create role teasel login;\ncreate database teasel owner teasel;\n' | single postgres
printf "create table goods as select n as sku, n %% 90 + 4 as price from generate_series(1, 860) n;\ncreate unlogged table events as select n %% 900 as sku, now() - (n %% 560000) * interval '1 minute' as at, 'seen ' || md5(n::text) as what from generate_series(1, ROWS) n;\ncreate index on goods (sku);\ncreate index on events (sku);\ncreate index on events (at);\nalter table goods owner to teasel;\nalter table events owner to teasel;\n" | sed 's/ROWS/2500000/' | single teasel
"""
CRON = """# /etc/cron.d/teasel   (2026-06-02 fergal: tidy-events from 04:30 to every half hour, the disk fills up in the sale)
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
12,42 * * * *   postgres  /srv/teasel/bin/tidy-events
*/10 * * * *    postgres  /srv/teasel/bin/prices
*/5 * * * *     postgres  /srv/teasel/bin/look
"""

INCIDENT = Incident(
    host="teasel", start="2026-06-03T10:52:00+01:00", minutes=87, factor=24, zone="Europe/Dublin", apps=["/srv/teasel"],
    project={"project": "teasel", "config_files": "/srv/teasel/compose.yml", "working_dir": "/srv/teasel"},
    files={"/srv/teasel/server.js": SERVER, "/srv/teasel/bin/tidy-events": TIDY, "/srv/teasel/bin/prices": EXPORT, "/srv/teasel/bin/look": PROBE, "/srv/teasel/postgresql.conf": PGCONF, "/srv/teasel/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/teasel": CRON,
           "/srv/teasel/NOTES": "2026-05-29  12.1 deployed: what others looked at (/goods/N/seen)\n"},
    prepare=PREPARE,
    services={"db": {"container": "teasel-db-1", "image": "postgres:15", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"], "user": "postgres", "stop_signal": "INT", "restart": "always", "log": {"kind": "plain", "path": "/srv/teasel/log/db.log"}, "wait": 25},
              "web": {"container": "teasel-web-1", "image": "ghcr.example.ie/teasel/web:12.1", "command": ["node", "server.js"], "directory": "/srv/teasel", "restart": "always", "log": {"kind": "plain", "path": "/srv/teasel/log/web.log"}, "wait": 12},
              "nginx": {**NGINX_CONTAINER, "container": "teasel-nginx-1"}},
    during=[(34.2, "docker restart web > /dev/null; echo \"$(date '+%F %T')  fergal: web restarted, cookie secret\" >> /srv/teasel/NOTES")],
    visitors={"base": "http://127.0.0.1", "host": "teasel.example.ie", "delay": 330,
              "visits": [{"perSecond": 0.45, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.1, "paths": [[5, "GET", "/goods/{n}"], [3, "GET", "/goods/{n}/seen"], [2, "POST", "/basket/{n}", "{}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p nginx bin log; cp /srv/teasel/compose.yml /srv/teasel/postgresql.conf /srv/teasel/server.js /srv/teasel/NOTES .; cp /srv/teasel/bin/* bin/; cp /etc/nginx/nginx.conf nginx/; cp /var/log/nginx/*.log nginx/; cp /srv/teasel/log/* log/; cp /var/log/syslog log/; cp /etc/cron.d/teasel cron.d-teasel; docker ps > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, base, errors, access, web = "bin/tidy-events", "log/db.log", "nginx/error.log", "nginx/access.log", "log/web.log"
    full, job, ran = (
        case.at(script, "vacuum full analyze events"),
        case.at("cron.d-teasel", "/srv/teasel/bin/tidy-events"),
        case.at("log/syslog", "/srv/teasel/bin/tidy-events)"),
    )
    began, waits, took = (
        case.at("log/tidy.log", "start, events"),
        case.at(base, "on relation"),
        case.at(base, "vacuum full analyze events"),
    )
    changed = case.at("cron.d-teasel", "from 04:30 to every half hour")
    timed, failed, slow = case.at(errors, "110: Connection timed out"), case.at(access, '" 504 '), case.at(web, "slow request")
    return {
        "root_cause_kind": "vacuum-full-locks-table-in-daytime",
        "root_cause": "Since 2 June cron runs tidy-events every half hour (:12, :42) by day. Its `vacuum full` rewrites the table events and holds ACCESS EXCLUSIVE for the whole of it; every request that reads or writes events waits, after 25 s nginx answers 504; towards the end the waiting ones hold all 8 connections of the pool and plain goods wait too. Nothing restarts.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": full,
        "culprit_alternatives": [job, changed, took, case.at(script, 'say "start'), ran],
        "culprit_related": [began, waits, case.at("server.js", "max: 8")],
        "chain": [
            hop("job_runs_script", job, ran, began, changed),
            hop("job_stalls_service", full, took, waits, slow, began),
            hop("timeout_closes_connection", timed, case.at("nginx/nginx.conf", "proxy_read_timeout 25s"), slow),
            hop("failure_reaches_clients", failed, timed),
        ],
        "mechanism": ["cron, :12 and :42: tidy-events", "vacuum full events: ACCESS EXCLUSIVE until the table is written anew", "reads and inserts of events wait, in the end the pool's 8 connections all wait", "nginx: upstream timed out (110) after 25 s, 504", "the lock goes, all is well until the next half hour"],
        "contributing": [case.at("server.js", "max: 8", why="goods and start share the pool with what waits"), case.at("nginx/nginx.conf", "proxy_read_timeout 25s", why="shorter than the vacuum; a longer one would only make visitors wait")],
        "innocent": [
            case.at("cron.d-teasel", "/srv/teasel/bin/prices", why="every ten minutes, a small read of goods"), case.whole("bin/prices", "a small read"), case.at("cron.d-teasel", "/srv/teasel/bin/look", why="looks, restarts nothing"), case.whole("bin/look", "looks, restarts nothing"),
            case.at("NOTES", "web restarted, cookie secret", why="once, between two runs; the first stall was before it"), case.at("NOTES", "12.1 deployed", why="days before"), case.at(errors, "111: Connection refused", why="the second of that restart"), case.at("log/look.log", "/alive 000", why="before the first start, at the boot"), case.at(web, "stock service says -1", why="of another kind, at all times"), case.at("log/web.log", "SIGTERM", why="the restart by hand"),
            case.at("compose.yml", "restart: always", why="nothing crashed"), case.at(access, '" 404 ', why="bots and goods that do not exist"),
        ],
        "period_s": 1800, "lag_s": case.lag(case.times("log/syslog", "/srv/teasel/bin/tidy-events"), case.times(errors, "110: Connection timed out"), 150), "step_change_at": None,
        "lags": {"start said -> first 504": case.lag(case.times("log/tidy.log", "start, events"), case.times(access, '" 504 '), 150)},
        "measured": [case.measure("log/tidy.log", "start, events"), case.measure(errors, "110: Connection timed out", join=120), case.measure(access, '" 504 ', join=120), case.measure(base, "still waiting for", join=120), case.measure(base, r"duration: .*vacuum full"), case.measure(web, "slow request", join=120)],
        "timezones": {"log/db.log, log/web.log": "UTC", "nginx, cron, syslog, log/tidy.log": "Europe/Dublin (+01:00)"},
        "how_made": REAL + " (with express, pino and pg), and so did PostgreSQL 15; docker is the lab's supervisor. The vacuum's time is real work, longer by the factor of the clock.",
    }  # fmt: skip
