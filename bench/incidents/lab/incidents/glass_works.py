# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A larger pool was meant to shorten the queue; the database allows fewer connections than the pool may open."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const { Pool } = require('pg');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `${i.timestamp} [${process.env.ROLE}] ${i.level}: ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const max = Number(process.env.DB_POOL_MAX || 6);
const pool = new Pool({ host: process.env.PGHOST, database: 'sklo', user: 'sklo', max, idleTimeoutMillis: 0 });
const app = express();
app.get('/furnaces/:n', async (req, res) => {
  try {
    await pool.query('select pg_sleep(0.2)');
    res.json({ n: req.params.n, celsius: 1130 });
  } catch (error) {
    log.error(`${req.method} ${req.url} -> ${error.code} ${error.message}`);
    res.status(500).end();
  }
});
app.get('/reports/:n', async (req, res) => {
  try {
    await pool.query('select melt_report($1)', [req.params.n]);
    res.json({ n: req.params.n });
  } catch (error) {
    log.error(`${req.method} ${req.url} -> ${error.code} ${error.message}`);
    res.status(500).end();
  }
});
app.listen(4300, '127.0.0.1', () => log.info(`listening, pool of ${max}`));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

COMPOSE = """services:
  api:
    image: sklo/api:${API_TAG}
    network_mode: host
    restart: unless-stopped
    env_file: api.env
  db:
    image: postgres:15
    network_mode: host
    restart: unless-stopped
    command: postgres -c config_file=/etc/postgresql/postgresql.conf
    volumes:
      - ./postgresql.conf:/etc/postgresql/postgresql.conf:ro
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""

PGCONF = """listen_addresses = ''
unix_socket_directories = '/run/postgresql'
# 1 GB machine: each connection costs memory
max_connections = 12
superuser_reserved_connections = 3
shared_buffers = 32MB
log_line_prefix = '%t [%p] %q%u@%d '
log_timezone = 'Europe/Prague'
log_checkpoints = off
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format main '$time_iso8601 $remote_addr "$request" $status $body_bytes_sent rt=$request_time urt=$upstream_response_time';
    access_log /var/log/nginx/access.log main;
    server {
        listen 80;
        server_name sklo.example.cz;
        location / { proxy_pass http://127.0.0.1:4300; }
        location /reports/ { proxy_pass http://127.0.0.1:4300; proxy_read_timeout 300s; }
    }
}
"""

PREPARE = r"""mkdir -p /run/postgresql /srv/pg; chown postgres: /run/postgresql /srv/pg
single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
printf 'create role sklo login;\ncreate database sklo owner sklo;\n' | single postgres
printf "create function melt_report(text) returns void language sql as 'select pg_sleep(22)';\n" | single sklo
cat /srv/sklo/postgresql.conf >> /srv/pg/postgresql.conf"""
ROLL = """cd /srv/sklo && sed -i 's/^DB_POOL_MAX=.*/DB_POOL_MAX=25/' api.env && docker compose up -d api"""
LOG = {"kind": "compose", "path": "/srv/sklo/compose.log"}

INCIDENT = Incident(
    host="tavirna", start="2026-04-07T08:30:00+02:00", minutes=72, factor=26, zone="Europe/Prague", apps=["/srv/sklo"],
    files={"/srv/sklo/server.js": SERVER, "/srv/sklo/compose.yaml": COMPOSE, "/srv/sklo/postgresql.conf": PGCONF, "/srv/sklo/api.env": "ROLE=api\nPGHOST=/run/postgresql\nDB_POOL_MAX=6\n", "/etc/nginx/nginx.conf": NGINX,
           "/srv/sklo/ZMENY.txt": "2026-03-19  api 41  grafy pecí\n2026-04-07 09:05  api.env: DB_POOL_MAX 6 -> 25, sestavy čekají ve frontě (Marek)\n",
           "/srv/sklo/teploty.sh": "#!/bin/sh\n# odečet teplot\nsleep 5\nlogger -t teploty 'ok'\n", "/srv/sklo/zaloha.sh": "#!/bin/sh\npg_dump -h /run/postgresql -U sklo sklo > /srv/sklo/zaloha.sql && logger -t zaloha 'hotovo'\n"},
    crontabs={"root": "*/5 * * * * /srv/sklo/teploty.sh\n50 * * * * /srv/sklo/zaloha.sh\n"}, prepare=PREPARE,
    services={"db": {"container": "sklo-db-1", "image": "postgres:15", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"], "user": "postgres", "stop_signal": "INT", "restart": "unless-stopped", "log": LOG, "wait": 50},
              "api": {"container": "sklo-api-1", "image": "sklo/api:41", "command": ["node", "server.js"], "directory": "/srv/sklo", "environment_file": "/srv/sklo/api.env", "restart": "unless-stopped", "log": LOG, "wait": 8},
              "web": {**NGINX_CONTAINER, "container": "sklo-web-1"}},
    during=[(35.2, ROLL)],
    visitors={"base": "http://127.0.0.1", "host": "sklo.example.cz", "delay": 240, "visits": [{"perSecond": 0.25, "bots": 0.03, "paths": [[1, "GET", "/furnaces/{n}"]]},
                                                                                              {"perSecond": 0.22, "bots": 0, "paths": [[1, "GET", "/reports/{n}"]]}]},
    collect="""cp /srv/sklo/compose.yaml /srv/sklo/postgresql.conf /srv/sklo/api.env /srv/sklo/server.js /srv/sklo/ZMENY.txt /srv/sklo/*.sh .; cp /srv/sklo/compose.log compose_logs.txt; mkdir web; cp /etc/nginx/nginx.conf /var/log/nginx/*.log web/
docker events > docker_events.txt; crontab -l > crontab.txt; grep -v rsyslogd /var/log/syslog > syslog""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    pool, limit = case.at("api.env", "DB_POOL_MAX=25"), case.at("postgresql.conf", "max_connections = 12")
    log = "compose_logs.txt"
    fatal, refused = case.at(log, "remaining connection slots are reserved"), case.at(log, "-> 53300")
    change, failed = case.at("ZMENY.txt", "DB_POOL_MAX 6 -> 25"), case.at("web/access.log", '" 500 ')
    onset = case.times(log, "-> 53300")[0]
    return {
        "root_cause_kind": "pool-larger-than-database-allows",
        "root_cause": "DB_POOL_MAX was raised from 6 to 25 (09:05, api recreated), but PostgreSQL takes 12 connections, three of them reserved: as soon as nine queries run at once further connections end in "
        "FATAL: remaining connection slots are reserved for non-replication superuser connections (53300) and the request in 500.",
        "verdict": "root-cause", "culprit": pool, "culprit_alternatives": [limit, change, case.at("postgresql.conf", "superuser_reserved_connections"), case.at("server.js", "process.env.DB_POOL_MAX")], "culprit_related": [fatal],
        "chain": [
            hop("deploy_changes_configuration", change, pool, case.at(log, "listening, pool of 25"), case.at("docker_events.txt", "container create", nth=4)),
            hop("resource_exhausted", fatal, limit, pool, refused),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["the pool may open 25 connections since 09:05", "the database allows 12 - 3", "reports of 22 s take nine at once: FATAL: remaining connection slots are reserved", "500 for whoever needs another one"],
        "innocent": [case.at("crontab.txt", "teploty.sh", why="every five minutes, only logs"), case.at("crontab.txt", "zaloha.sh", why="hourly dump; fits no burst"), case.whole("teploty.sh", "touches nothing"),
                     case.whole("zaloha.sh", "one connection for a moment"), case.at("web/nginx.conf", "proxy_read_timeout 300s", why="long enough")],
        "period_s": None, "lag_s": None, "step_change_at": str(onset),
        "measured": [case.measure(log, "remaining connection slots are reserved"), case.measure(log, " 53300 "), case.measure("web/access.log", '" 500 ')],
        "how_made": REAL + " (with express, pg, winston), and PostgreSQL 15; docker is the lab's supervisor, the report a pg_sleep.",
    }  # fmt: skip
