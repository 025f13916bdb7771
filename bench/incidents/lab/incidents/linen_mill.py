# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release's migration wants NOT NULL where old rows hold nulls; the entrypoint migrates before it serves, so the container ends at each start and Docker waits ever longer."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

ENTRYPOINT = """#!/bin/sh
# container entrypoint: schema first, then the shop
set -e
cd /srv/linen/current
node migrate.js
exec node server.js
"""

MIGRATE = r"""const fs = require('fs');
const path = require('path');
const { Client } = require('pg');

async function main() {
  const db = new Client({ host: '127.0.0.1', database: 'linen', user: 'linen' });
  await db.connect();
  await db.query('CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied timestamptz DEFAULT now())');
  const { rows } = await db.query('SELECT name FROM schema_migrations');
  const done = new Set(rows.map((row) => row.name));
  const folder = path.join(__dirname, 'migrations');
  for (const name of fs.readdirSync(folder).sort()) {
    if (done.has(name)) continue;
    console.log(`[migrate] applying ${name}`);
    await db.query('BEGIN');
    await db.query(fs.readFileSync(path.join(folder, name), 'utf8'));
    await db.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name]);
    await db.query('COMMIT');
  }
  console.log('[migrate] schema is up to date');
  await db.end();
}

main().catch((error) => {
  console.error(`[migrate] failed: ${error.message}`);
  process.exit(1);
});
"""

SERVER = r"""const express = require('express');
const { Pool } = require('pg');

const pool = new Pool({ host: '127.0.0.1', database: 'linen', user: 'linen', max: 5 });
const app = express();
const say = (text) => console.log(`[shop] ${text}`);
app.get('/cloth/:n', async (req, res, next) => {
  try {
    const { rows } = await pool.query('SELECT $1::int AS cloth, count(*)::int AS orders FROM orders', [req.params.n]);
    res.json(rows[0]);
  } catch (error) { next(error); }
});
app.post('/orders', async (req, res, next) => {
  try {
    await pool.query("INSERT INTO orders (email, metres) VALUES ('guest@example.com', 4)");
    say('order taken');
    res.status(201).end();
  } catch (error) { next(error); }
});
app.get('/', (req, res) => res.send('<h1>linen</h1>'));
app.listen(8060, '127.0.0.1', () => say(`release ${require('./release.json').name} on 8060`));
process.on('SIGTERM', () => { say('SIGTERM'); process.exit(0); });
"""

DEPLOY = r"""#!/usr/bin/env bash
# deploy <release>
set -eu
log() { printf '%s %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$*" | tee -a /srv/linen/deploy.log; }
log "deploying $1 by ${SUDO_USER:-$USER}"
ln -sfn "/srv/linen/releases/$1" /srv/linen/current
docker compose -f /srv/linen/compose.yml restart shop
log "deployed $1"
"""

COMPOSE = """services:
  shop:
    image: node:20-bookworm-slim
    entrypoint: /srv/linen/entrypoint.sh
    network_mode: host
    restart: unless-stopped
    volumes:
      - /srv/linen:/srv/linen:ro
    depends_on: [db]
  db:
    image: postgres:15
    network_mode: host
    restart: unless-stopped
    volumes:
      - /srv/linen-db:/var/lib/postgresql/data
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name leinen.example.com;
        location / { proxy_pass http://127.0.0.1:8060; }
    }
}
"""

CRONTAB = """*/10 * * * * /srv/linen/jobs/abandoned-carts.sh
20 * * * *   /srv/linen/jobs/dump.sh >> /srv/linen/jobs/dump.log 2>&1
"""

DUMP = """#!/bin/bash
# hourly copy of the orders
/usr/lib/postgresql/15/bin/pg_dump -h 127.0.0.1 -U linen linen | gzip > /tmp/linen-latest.sql.gz
echo "$(date '+%F %T') dump $(stat -c %s /tmp/linen-latest.sql.gz) bytes"
"""

FIRST = "CREATE TABLE orders (id serial PRIMARY KEY, email text, metres int NOT NULL);\nINSERT INTO orders (email, metres) SELECT CASE WHEN n % 9 = 0 THEN NULL ELSE 'c' || n || '@example.com' END, n % 12 + 1 FROM generate_series(1, 260) n;\n"
SECOND = "CREATE INDEX orders_metres ON orders (metres);\n"
THIRD = "-- guests must leave an address from now on\nALTER TABLE orders ALTER COLUMN email SET NOT NULL;\n"
RELEASES = {
    "2026.10.1": {"001_orders.sql": FIRST},
    "2026.10.2": {"001_orders.sql": FIRST, "002_index_metres.sql": SECOND},
    "2026.10.3": {"001_orders.sql": FIRST, "002_index_metres.sql": SECOND, "003_email_required.sql": THIRD},
}
PREPARE = r"""mkdir -p /run/postgresql /srv/linen-db; chown postgres: /run/postgresql /srv/linen-db
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/linen-db --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
printf 'create role linen login;\ncreate database linen owner linen;\n' | su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/linen-db postgres" > /run/schema.out 2>&1
ln -s releases/2026.10.1 /srv/linen/current"""

INCIDENT = Incident(
    host="leinen", start="2026-10-21T18:02:00+02:00", minutes=62, factor=17, zone="Europe/Warsaw", apps=["/srv/linen"],
    files={**{f"/srv/linen/releases/{name}/{file}": text for name in RELEASES for file, text in {"server.js": SERVER, "migrate.js": MIGRATE, "release.json": f'{{ "name": "{name}" }}\n'}.items()},
           **{f"/srv/linen/releases/{name}/migrations/{file}": text for name, files in RELEASES.items() for file, text in files.items()},
           "/srv/linen/entrypoint.sh": ENTRYPOINT, "/srv/linen/deploy": DEPLOY, "/srv/linen/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/linen/jobs/dump.sh": DUMP,
           "/srv/linen/jobs/abandoned-carts.sh": "#!/bin/sh\nsleep 7\nlogger -t carts 'none abandoned'\n"},
    crontabs={"root": CRONTAB}, prepare=PREPARE,
    services={"db": {"container": "linen-db-1", "image": "postgres:15", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/linen-db", "-c", "unix_socket_directories=/run/postgresql", "-c", "log_line_prefix=%m [%p] %u@%d "], "user": "postgres", "stop_signal": "INT",
                     "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/linen-db-json.log"}, "wait": 70},
              "shop": {"container": "linen-shop-1", "image": "node:20-bookworm-slim", "command": ["/srv/linen/entrypoint.sh"], "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/linen-shop-json.log"}, "wait": 30},
              "web": {**NGINX_CONTAINER, "container": "linen-web-1"}},
    during=[(14.2, "USER=kasia /srv/linen/deploy 2026.10.2"), (29.6, "USER=kasia /srv/linen/deploy 2026.10.3"), (57.2, "until docker ps -a | grep -q Restarting; do sleep 3; done; docker ps -a > /root/ps.txt; docker inspect linen-shop-1 > /root/inspect.json")],
    visitors={"base": "http://127.0.0.1", "host": "leinen.example.com", "delay": 220,
              "visits": [{"perSecond": 0.26, "bots": 0.05, "paths": [[5, "GET", "/cloth/{n}"], [2, "POST", "/orders", "{}"], [2, "GET", "/"]]}],
              "monitors": [{"every": 180, "path": "/", "address": "192.0.2.40", "agent": "HetrixTools Uptime Monitoring Bot"}]},
    collect="""mkdir -p docker nginx srv/jobs srv/current/migrations; cp /var/log/linen-shop-json.log /var/log/linen-db-json.log docker/; cp /root/ps.txt docker/ps.txt; cp /root/inspect.json docker/inspect-shop.json; cp /var/log/nginx/access.log /var/log/nginx/error.log /etc/nginx/nginx.conf nginx/
cp /srv/linen/entrypoint.sh /srv/linen/deploy /srv/linen/deploy.log /srv/linen/compose.yml srv/; cp /srv/linen/current/*.js* srv/current/; cp /srv/linen/current/migrations/* srv/current/migrations/; cp /srv/linen/jobs/* srv/jobs/; crontab -l > srv/crontab; grep -v rsyslogd /var/log/syslog > syslog""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    shop, db = "docker/linen-shop-json.log", "docker/linen-db-json.log"
    statement, failed = (
        case.at("srv/current/migrations/003_email_required.sql", "SET NOT NULL"),
        case.at(shop, "[migrate] failed: "),
    )
    applying, said, told = (
        case.at(shop, "applying 003_email_required.sql"),
        case.at(db, "contains null values"),
        case.at("srv/deploy.log", "deploying 2026.10.3"),
    )
    step, switch, nulls = (
        case.at("srv/entrypoint.sh", "node migrate.js"),
        case.at("srv/deploy", "ln -sfn"),
        case.at("srv/current/migrations/001_orders.sql", "THEN NULL"),
    )
    refused, lost = case.at("nginx/error.log", "111: Connection refused"), case.at("nginx/access.log", '" 502 ')
    onset = case.times(shop, r"\[migrate\] failed", hours=2)[0]
    return {
        "root_cause_kind": "migration-fails-at-start",
        "root_cause": "Release 2026.10.3 brings 003_email_required.sql, which sets orders.email NOT NULL while old rows hold null; the entrypoint migrates before it serves, PostgreSQL refuses, the container ends with 1 and Docker starts it again and again with a pause that doubles to a minute.",
        "verdict": "root-cause", "culprit": statement, "culprit_alternatives": [failed, said, applying, told, step, switch, nulls], "culprit_related": [case.at("srv/entrypoint.sh", "set -e"), case.at("srv/deploy", "restart shop")],
        "chain": [
            hop("deploy_changes_configuration", told, switch, case.at("srv/deploy", "restart shop"), applying, statement, case.at("srv/deploy.log", "deployed 2026.10.3")),
            hop("configuration_mismatch", statement, failed, said, nulls),
            hop("crash_ends_process", failed, step, case.at("docker/ps.txt", "Restarting (1)"), case.at("srv/current/migrate.js", "process.exit(1)")),
            hop("supervisor_restarts_process", case.at("srv/compose.yml", "restart: unless-stopped"), applying, case.at("docker/ps.txt", "Restarting (1)"), case.at("docker/inspect-shop.json", '"RestartCount"')),
            hop("termination_refuses_connections", refused, failed),
            hop("failure_reaches_clients", lost, refused),
        ],
        "mechanism": ["deploy 2026.10.3: link moved, container restarted", "entrypoint.sh: node migrate.js applies 003_email_required.sql", "PostgreSQL: column \"email\" of relation \"orders\" contains null values", "exit 1; restart: unless-stopped, with a pause that doubles until it is a minute, which looks like cron", "nobody listens on 8060: connect() failed (111), 502 for everybody until the end of the logs"],
        "contributing": [case.at("srv/deploy", 'log "deployed $1"', why="says deployed without looking")],
        "innocent": [
            case.at("srv/crontab", "abandoned-carts.sh", why="every ten minutes, only logs"), case.at("srv/crontab", "dump.sh", why="hourly; only reads"), case.at("srv/deploy.log", "deploying 2026.10.2", why="a release that worked"),
            case.whole("srv/jobs/dump.sh", "only reads"), case.whole("srv/jobs/abandoned-carts.sh", "touches nothing"), case.whole("srv/current/migrations/002_index_metres.sql", "was applied and did no harm"),
        ],
        "period_s": None, "lag_s": case.lag(case.times("srv/deploy.log", "deploying 2026.10.3"), [onset], 300), "step_change_at": str(onset),
        "measured": [case.measure(shop, r"\[migrate\] failed"), case.measure(db, "contains null values"), case.measure("nginx/error.log", "111: Connection refused", join=120), case.measure("nginx/access.log", '" 502 ', join=120)],
        "timezones": {"docker/": "UTC (Z), PostgreSQL's own lines in the machine's zone", "others": "Europe/Warsaw (+02:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, pg), and PostgreSQL 15; docker is the lab's supervisor.",
    }  # fmt: skip
