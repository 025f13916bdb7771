# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a web shop on PostgreSQL with the errors every database log holds, each handled."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { Pool } = require('pg');
const pino = require('pino');
const log = pino({ name: 'molino', timestamp: pino.stdTimeFunctions.epochTime });
const pool = new Pool({ host: '/run/postgresql', database: 'molino', user: 'molino', max: 6, idleTimeoutMillis: 30000 });
pool.on('error', (error) => log.error({ code: error.code }, error.message));
const app = express();
app.use((req, res, next) => { res.on('finish', () => log.info({ method: req.method, url: req.url, status: res.statusCode }, 'request')); next(); });
app.get('/harinas/:n', async (req, res) => {
  const { rows } = await pool.query('select n, name from flour where n = $1', [req.params.n]);
  return rows.length ? res.json(rows[0]) : res.status(404).end();
});
app.post('/clientes/:n', async (req, res) => {
  try {
    await pool.query('insert into customer (n, since) values ($1, now())', [req.params.n]);
    return res.status(201).end();
  } catch (error) {
    if (error.code === '23505') { log.warn({ n: req.params.n }, 'customer exists already'); return res.status(409).end(); }
    throw error;
  }
});
app.listen(3600, '127.0.0.1', () => log.info('tienda abierta'));
process.on('SIGTERM', () => process.exit(0));
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format vhost '$host:$server_port $remote_addr - - [$time_local] "$request" $status $body_bytes_sent "-" "$http_user_agent"';
    access_log /var/log/nginx/access.log vhost;
    server {
        listen 80;
        server_name molino.example.es;
        location / { proxy_pass http://127.0.0.1:3600; }
        location ~ /\\. { deny all; }
    }
}
"""

PREPARE = """mkdir -p /run/postgresql /var/log/postgresql; chown postgres: /run/postgresql /var/log/postgresql
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
cat >> /srv/pg/postgresql.conf <<'X'
listen_addresses = ''
unix_socket_directories = '/run/postgresql'
max_connections = 20
log_line_prefix = '%m [%p] %q%u@%d '
log_timezone = 'Europe/Madrid'
log_checkpoints = on
log_min_duration_statement = 2000
log_autovacuum_min_duration = 0
autovacuum_naptime = 300
checkpoint_timeout = 600
X
"""
SCHEMA = r"""single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
printf 'create role molino login;\ncreate database molino owner molino;\n' | single postgres
printf "create table flour as select n, 'harina ' || n as name from generate_series(1, 860) n;\ncreate table customer (n int primary key, since timestamptz);\nalter table flour owner to molino;\nalter table customer owner to molino;\n" | single molino
"""
POSTGRES = {
    "description": "PostgreSQL Cluster 15-main",
    "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"],
    "user": "postgres",
    "stop_signal": "INT",
    "restart": "on-failure",
    "log": {"kind": "plain", "path": "/var/log/postgresql/postgresql-15-main.log"},
    "wait": 60,
}

INCIDENT = Incident(
    host="molino", start="2026-11-03T05:40:00+01:00", minutes=84, factor=28, kind="systemd", zone="Europe/Madrid", apps=["/srv/molino"],
    files={"/srv/molino/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX,
           "/srv/molino/copia.sh": "#!/bin/sh\n# copia de cada hora\nset -e\npg_dump -h /run/postgresql -U molino molino | gzip > /var/backups/molino-$(date +%H).sql.gz\nlogger -t copia \"hecha: $(stat -c %s /var/backups/molino-$(date +%H).sql.gz) bytes\"\n",
           "/srv/molino/resumen.sh": "#!/bin/sh\n# cuántos clientes nuevos\npsql -tAqh /run/postgresql -U molino molino -c 'select count(*), pg_sleep(3) from customer' | logger -t resumen\n"},
    crontabs={"root": "MAILTO=\"\"\n0 * * * * /srv/molino/copia.sh\n*/30 * * * * /srv/molino/resumen.sh\n"}, prepare="mkdir -p /srv/pg /var/backups; chown postgres: /srv/pg\n" + PREPARE + SCHEMA,
    services={"postgresql": POSTGRES, "molino": {"description": "Tienda del molino", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/molino", "restart": "on-failure",
                                                   "log": {"kind": "plain", "path": "/var/log/molino.log"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(23, "timeout -s KILL 20 psql -h /run/postgresql -U molino molino -c 'select pg_sleep(60)'; true")],
    visitors={"base": "http://127.0.0.1", "host": "molino.example.es", "delay": 440, "visits": [{"perSecond": 0.35, "bots": 0.08, "aborts": 0.02, "abortAfter": 0.1, "paths": [[6, "GET", "/harinas/{n}"], [2, "POST", "/clientes/{n}", "{}"]]}]},
    collect="""mkdir -p var/log/nginx var/log/postgresql etc; cp /etc/nginx/nginx.conf etc/; crontab -l > etc/crontab-root; cp /srv/pg/postgresql.conf etc/postgresql-full.conf; tail -n 10 etc/postgresql-full.conf > etc/postgresql.conf; rm etc/postgresql-full.conf
cp /srv/molino/server.js /srv/molino/*.sh .; cp /var/log/molino.log /var/log/syslog var/log/; cp /var/log/postgresql/*.log var/log/postgresql/; cp /var/log/nginx/*.log var/log/nginx/; rotate var/log/nginx/access.log; rotate var/log/molino.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause": "No incident: duplicate customers are refused by the database and answered 409, unknown flours 404, dot files 403; one client of the database went away once; nothing ended, nobody got a 5xx.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at("etc/crontab-root", "copia.sh", why="hourly copy; reads"), case.at("etc/crontab-root", "resumen.sh", why="a slow query each half hour, seen in the database's log; harms nobody"),
                     case.at("var/log/postgresql/postgresql-15-main.log", "duplicate key value", why="handled: 409"), case.whole("copia.sh", "reads"), case.whole("resumen.sh", "reads")],
        "measured": [case.measure("var/log/postgresql/postgresql-15-main.log", "duplicate key value"), case.measure("var/log/molino.log", '"status":409'), case.measure("var/log/molino.log", '"status":5'),
                     case.measure("var/log/nginx/access.log", '" 404 ')],
        "how_made": REAL + " (with express, pg, pino), and PostgreSQL 15; systemctl is the lab's supervisor.",
    }  # fmt: skip
