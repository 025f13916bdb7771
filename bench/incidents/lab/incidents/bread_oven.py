# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The database ends sessions that are idle for five minutes; the application's pool keeps idle connections for ever and nobody listens to its errors: the process ends."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');
const db = require('./db');

const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
app.use(express.json());

const wrap = (handler) => (req, res, next) => handler(req, res).catch(next);

app.get('/api/orders/:n', wrap(async (req, res) => {
  const { rows } = await db.query('select n, loaves, shelf from orders where n = $1', [req.params.n]);
  return rows.length ? res.json(rows[0]) : res.status(404).end();
}));
app.post('/api/orders', wrap(async (req, res) => {
  await db.query('insert into orders (loaves, shelf) values ($1, 1 + random() * 12)', [req.body.loaves]);
  log.info({ loaves: req.body.loaves }, 'order taken');
  res.status(201).end();
}));
// label sheet for the next trays: four lists at once
app.get('/internal/labels', wrap(async (req, res) => {
  const shelves = [1, 4, 7, 10];
  const lists = await Promise.all(shelves.map((s) => db.query('select count(*), pg_sleep(1.5) from orders where shelf between $1 and $1 + 2', [s])));
  log.info({ labels: lists.reduce((sum, list) => sum + Number(list.rows[0].count), 0) }, 'label sheet');
  res.json(lists.map((list) => list.rows[0].count));
}));
app.get('/healthz', (req, res) => res.send('ok'));
app.use((error, req, res, next) => {
  log.error({ err: error }, 'request failed');
  res.status(500).end();
});

app.listen(3015, '127.0.0.1', () => log.info('bakery api 1.18.3 on 3015'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

DB = r"""'use strict';
const { Pool } = require('pg');

// connections are dear on this machine: open them once and keep them
module.exports = new Pool({
  host: '127.0.0.1',
  user: 'bakery',
  database: 'bakery',
  max: 6,
  idleTimeoutMillis: 0,
});
"""

PGCONF = """# bakery, mounted over conf.d
listen_addresses = '127.0.0.1'
max_connections = 40
shared_buffers = 32MB
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = 'Etc/UTC'
log_min_duration_statement = 10s
# PGO-88: psql sessions left open over the weekend hold old snapshots
idle_session_timeout = '5min'
idle_in_transaction_session_timeout = '2min'
unix_socket_directories = ''
fsync = off
"""

LABELS = r"""#!/bin/sh
# the label printer in the bakehouse, thrice an hour
exec curl -fsS -m 60 -o /var/spool/labels.json http://127.0.0.1:3015/internal/labels
"""

TILL = r"""#!/bin/bash
# sales of the shop's till, fetched from the till's own box
set -u
t=$(date '+%F %T')
sleep 6
echo "$t till: $((RANDOM % 60 + 5)) receipts" >> /var/log/till-sync.log
"""

DUMP = r"""#!/bin/bash
set -o pipefail
if pg_dump -h 127.0.0.1 -U bakery bakery | gzip > /var/backups/bakery.sql.gz; then
    logger -t dump "bakery.sql.gz $(stat -c %s /var/backups/bakery.sql.gz) bytes"
else
    logger -t dump "FAILED"
fi
"""

COMPOSE = """name: bakery
services:
  db:
    image: postgres:15
    network_mode: host
    restart: unless-stopped
    volumes:
      - /srv/pg:/var/lib/postgresql/data
      - ./db/bakery.conf:/etc/postgresql/conf.d/bakery.conf:ro
  api:
    image: ghcr.example.org/bakery/api:1.18.3
    network_mode: host
    restart: unless-stopped
    depends_on: [db]
    healthcheck:
      test: ["CMD-SHELL", "curl -fs -m 20 http://127.0.0.1:3015/healthz"]
      interval: 60s
      timeout: 30s
      retries: 5
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./nginx/bakery.conf:/etc/nginx/conf.d/bakery.conf:ro
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    log_format main '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent rt=$request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log main;
    include /etc/nginx/conf.d/bakery.conf;
}
"""
SITE = """server {
    listen 80;
    server_name bakery.example.org;
    location /internal/ { return 404; }
    location / {
        proxy_pass http://127.0.0.1:3015;
        proxy_read_timeout 60s;
    }
}
"""

CRONTAB = """PATH=/usr/local/bin:/usr/lib/postgresql/15/bin:/usr/bin:/bin
*/20 * * * * /srv/bakery/bin/labels.sh
5-59/20 * * * * /srv/bakery/bin/till-sync.sh
50 * * * * /srv/bakery/bin/dump.sh
"""

LOG = "/var/log/bakery"
PREPARE = r"""mkdir -p /srv/pg /var/log/bakery /var/backups /etc/postgresql/conf.d; cp /srv/bakery/db/bakery.conf /etc/postgresql/conf.d/; chown postgres: /srv/pg; ln -sf /srv/bakery/nginx/bakery.conf /etc/nginx/conf.d/bakery.conf
single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
printf 'create role bakery login;\ncreate database bakery owner bakery;\n' | single postgres
printf 'create table orders (n serial primary key, loaves int, shelf int);\ninsert into orders (loaves, shelf) select n %% 9 + 1, n %% 12 + 1 from generate_series(1, 700) n;\nalter table orders owner to bakery;\n' | single bakery
echo "include_dir = '/etc/postgresql/conf.d'" >> /srv/pg/postgresql.conf"""

INCIDENT = Incident(
    host="bakehouse", start="2026-09-16T08:46:00+00:00", minutes=100, factor=34, apps=["/srv/bakery/api"],
    files={"/srv/bakery/api/server.js": SERVER, "/srv/bakery/api/db.js": DB, "/srv/bakery/db/bakery.conf": PGCONF, "/srv/bakery/bin/labels.sh": LABELS, "/srv/bakery/bin/till-sync.sh": TILL, "/srv/bakery/bin/dump.sh": DUMP,
           "/srv/bakery/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/bakery/nginx/bakery.conf": SITE},
    crontabs={"root": CRONTAB}, prepare=PREPARE,
    services={"db": {"container": "bakery-db-1", "image": "postgres:15", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"], "user": "postgres", "stop_signal": "INT", "restart": "unless-stopped", "log": {"kind": "plain", "path": f"{LOG}/db.log"}, "wait": 60},
              "api": {"container": "bakery-api-1", "image": "ghcr.example.org/bakery/api:1.18.3", "command": ["node", "server.js"], "directory": "/srv/bakery/api", "restart": "unless-stopped", "log": {"kind": "plain", "path": f"{LOG}/api.log"}, "wait": 20,
                      "health": {"command": "curl -fs -m 20 http://127.0.0.1:3015/healthz", "interval": 60, "timeout": 30, "retries": 5}},
              "web": {**NGINX_CONTAINER, "container": "bakery-web-1"}},
    project={"project": "bakery", "config_files": "/srv/bakery/compose.yml", "working_dir": "/srv/bakery"},
    visitors={"base": "http://127.0.0.1", "host": "bakery.example.org", "delay": 150,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.01, "abortAfter": 0.1, "paths": [[5, "GET", "/api/orders/{n}"], [2, "POST", "/api/orders", '{"loaves":{n}}']]}]},
    collect=f"""mkdir -p logs nginx db bin api; cp {LOG}/db.log logs/docker-logs-db.txt; cp {LOG}/api.log logs/docker-logs-api.txt; cp /var/log/till-sync.log logs/; grep -v rsyslogd /var/log/syslog > logs/syslog; cp /var/log/nginx/*.log /srv/bakery/nginx/bakery.conf nginx/
cp /srv/bakery/db/bakery.conf db/; cp /srv/bakery/bin/*.sh bin/; cp /srv/bakery/api/*.js api/; cp /srv/bakery/compose.yml .; crontab -l > crontab.txt; docker ps -a > docker-ps.txt; docker inspect bakery-api-1 > inspect-api.json; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    api, db, errors = "logs/docker-logs-api.txt", "logs/docker-logs-db.txt", "nginx/error.log"
    timeout, kept, pool = (
        case.at("db/bakery.conf", "idle_session_timeout = '5min'"),
        case.at("api/db.js", "idleTimeoutMillis: 0"),
        case.at("api/db.js", "new Pool("),
    )
    ended, thrown = (
        case.at(db, "terminating connection due to idle-session timeout"),
        case.at(api, "terminating connection due to idle-session timeout"),
    )
    unheard, again, refused = (
        case.at(api, "Unhandled 'error' event"),
        case.at(api, "bakery api 1.18.3 on 3015", nth=2),
        case.at(errors, "111: Connection refused"),
    )
    sheets, ends = case.times(api, "label sheet"), case.times(db, "idle-session timeout")
    return {
        "root_cause_kind": "idle-timeout-unhandled-pool-error",
        "root_cause": "PostgreSQL ends sessions that are idle for five minutes (idle_session_timeout in db/bakery.conf); the API's pool keeps its idle connections without end (idleTimeoutMillis: 0) and has no 'error' listener. Whenever several queries ran at once (each label sheet, some visitors), "
        "the connections opened for them lie idle; five minutes later they are cut (57P05), the pool's unheard 'error' event ends the process, and Docker starts it again.",
        "verdict": "root-cause", "culprit": timeout, "culprit_alternatives": [kept, pool, ended, thrown, unheard],
        "culprit_related": [case.at("api/db.js", "open them once and keep them"), case.at("api/server.js", "await Promise.all("), case.at("bin/labels.sh", "/internal/labels"), case.at("crontab.txt", "labels.sh")],
        "chain": [
            hop("timeout_closes_connection", ended, timeout, thrown),
            hop("crash_ends_process", unheard, thrown, case.at(api, "57P05")),
            hop("supervisor_restarts_process", again, case.at("compose.yml", "restart: unless-stopped", nth=2)),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", case.at("nginx/access.log.1.gz", '" 502 '), case.at("nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["several queries at once open several connections: cron's labels.sh (*/20) asks for four, and now and then two visitors come together", "the day's few requests use one of them again and again, the others lie idle", "five minutes later PostgreSQL: terminating connection due to idle-session timeout (57P05)", "pg's pool emits 'error', nobody listens: node ends with status 1", "Docker starts it anew; meanwhile connect() failed (111), 502"],
        "contributing": [case.at("api/server.js", "Promise.all(", why="opens the connections that then lie idle")],
        "innocent": [case.at("crontab.txt", "till-sync.sh", why="at :05, :25, :45, the very minutes of half the crashes; talks to the till and writes a line"), case.whole("bin/till-sync.sh", "touches neither API nor database"), case.at("crontab.txt", "dump.sh", why="hourly, its session is never idle"),
                     case.at("compose.yml", "healthcheck:", why="nothing acts on it, and it stays healthy"), case.at("db/bakery.conf", "idle_in_transaction_session_timeout", why="no transaction was left open")],
        "period_s": None, "lag_s": case.lag(ends, case.times(errors, "111: Connection refused"), 120),
        "lags": {"label sheet -> session ended": case.lag(sheets, ends, 400), "session ended -> first refused": case.lag(ends, case.times(errors, "111: Connection refused"), 120)},
        "measured": [case.measure(db, "idle-session timeout", join=60), case.measure(api, "Unhandled 'error' event"), case.measure(api, "label sheet"), case.measure(api, "bakery api 1.18.3 on 3015"), case.measure(errors, "111: Connection refused", join=120)],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " (with express, pino, pg), and PostgreSQL 15; docker is the lab's supervisor.",
    }  # fmt: skip
