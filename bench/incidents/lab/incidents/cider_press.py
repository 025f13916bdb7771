# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""An environment file saved on Windows: the start script sources it and the database's name ends in a carriage return."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { Pool } = require('pg');
const pino = require('pino');
const log = pino({ name: 'cidre', base: undefined, timestamp: pino.stdTimeFunctions.isoTime });
const { DB_HOST, DB_NAME, DB_USER, RELEASE } = process.env;
const pool = new Pool({ host: DB_HOST, database: DB_NAME, user: DB_USER, max: 4, connectionTimeoutMillis: 8000 });
const app = express();
app.get('/cuves/:n', async (req, res) => {
  try {
    const { rows } = await pool.query('select $1::int as cuve, 11.5 as temperature', [req.params.n]);
    res.json(rows[0]);
  } catch (error) {
    log.error({ url: req.url, code: error.code, err: error.message }, 'lecture impossible');
    res.status(500).json({ erreur: 'lecture' });
  }
});
app.get('/', (req, res) => res.send('<h1>cidre</h1>'));
app.listen(Number(process.env.PORT), '127.0.0.1', () => log.info({ release: RELEASE }, 'pressoir prêt'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

START = """#!/bin/sh
# démarre l'application avec son environnement
cd /srv/cidre || exit 1
set -a
. ./app.env
set +a
exec node server.js
"""

ENV = """PORT=6200
RELEASE=2026.{}
DB_HOST=base.cidre.lan
DB_NAME=cidre
DB_USER=cidre
"""

DEPLOY = """#!/bin/bash
# livraison.sh ARCHIVE : remplace l'application et la redémarre
set -e
echo "$(date '+%d/%m/%Y %H:%M:%S') livraison de $1" >> livraison.log
tar -xf "$1" -C /srv/cidre
systemctl restart cidre
echo "$(date '+%d/%m/%Y %H:%M:%S') terminé" >> livraison.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name cidre.example.fr;
        location / { proxy_pass http://127.0.0.1:6200; }
    }
}
"""
PREPARE = r"""mkdir -p /run/postgresql /srv/pg; chown postgres: /run/postgresql /srv/pg
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
printf 'create role cidre login;\ncreate database cidre owner cidre;\n' | su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg postgres" > /run/schema.out 2>&1
echo "hosts: files" > /etc/nsswitch.conf; echo "passwd: files" >> /etc/nsswitch.conf; echo "group: files" >> /etc/nsswitch.conf
echo "127.0.0.1 base.cidre.lan" >> /etc/hosts
cd /srv/cidre; cp app.env.old app.env; sed 's/$/\r/' app.env.new > /tmp/app.env; cp server.js /tmp/; cd /tmp; tar -cf /srv/cidre/cidre-2026.9.tar server.js app.env; rm /srv/cidre/app.env.*"""

INCIDENT = Incident(
    host="pressoir", start="2026-09-30T15:20:00+02:00", minutes=52, factor=24, kind="systemd", zone="Europe/Paris", apps=["/srv/cidre"],
    files={"/srv/cidre/server.js": SERVER, "/srv/cidre/start.sh": START, "/srv/cidre/app.env.old": ENV.format(8), "/srv/cidre/app.env.new": ENV.format(9), "/srv/cidre/livraison.sh": DEPLOY, "/etc/nginx/nginx.conf": NGINX,
           "/srv/cidre/livraison.log": "02/09/2026 09:12:40 livraison de cidre-2026.8.tar\n02/09/2026 09:12:43 terminé\n",
           "/srv/cidre/temperatures.sh": "#!/bin/sh\n# relevé des cuves\nsleep 4\nlogger -t temperatures '12 cuves relevées'\n",
           "/etc/systemd/system/cidre.service": "[Unit]\nDescription=Pressoir\nAfter=postgresql.service\n\n[Service]\nExecStart=/srv/cidre/start.sh\nStandardOutput=append:/var/log/cidre.log\nRestart=on-failure\n"},
    crontabs={"root": "*/6 * * * * /srv/cidre/temperatures.sh\n"}, prepare=PREPARE,
    services={"postgresql": {"description": "PostgreSQL Cluster 15-main", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg", "-c", "unix_socket_directories=/run/postgresql"], "user": "postgres", "stop_signal": "INT",
                             "restart": "on-failure", "wait": 60},
              "cidre": {"description": "Pressoir", "command": ["/srv/cidre/start.sh"], "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/cidre.log"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(26.3, "cd /srv/cidre; ./livraison.sh cidre-2026.9.tar")],
    visitors={"base": "http://127.0.0.1", "host": "cidre.example.fr", "delay": 200, "visits": [{"perSecond": 0.3, "bots": 0.04, "paths": [[4, "GET", "/cuves/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p srv/cidre etc log; cp /srv/cidre/*.sh /srv/cidre/app.env /srv/cidre/server.js /srv/cidre/livraison.log srv/cidre/; cp /etc/nginx/nginx.conf /etc/systemd/system/cidre.service etc/; crontab -l > etc/crontab
cp /var/log/cidre.log /var/log/syslog log/; cp /var/log/nginx/access.log log/nginx_access.log; cp /var/log/nginx/error.log log/nginx_error.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    host, source = case.at("srv/cidre/app.env", "DB_HOST=base.cidre.lan"), case.at("srv/cidre/start.sh", ". ./app.env")
    begin, deploy = (
        case.at("srv/cidre/livraison.log", "livraison de cidre-2026.9.tar"),
        case.at("srv/cidre/livraison.sh", "tar -xf"),
    )
    error, failed = case.at("log/cidre.log", "getaddrinfo ENOTFOUND base.cidre.lan"), case.at("log/nginx_access.log", '" 500 ')
    onset = case.times("log/cidre.log", "ENOTFOUND", hours=2)[0]
    return {
        "root_cause_kind": "environment-file-carriage-returns",
        "root_cause": "Release 2026.9 brought an app.env with Windows line ends; start.sh sources it, so DB_HOST is 'base.cidre.lan\\r', which no resolver knows: getaddrinfo ENOTFOUND, 500 for every page that reads the database.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": host, "culprit_alternatives": [source, case.whole("srv/cidre/app.env", "every line ends in CR LF"), deploy], "culprit_related": [begin, error],
        "chain": [
            hop("deploy_changes_configuration", begin, deploy, case.at("srv/cidre/livraison.sh", "systemctl restart cidre"), case.at("log/cidre.log", '"release":"2026.9'), host),
            hop("configuration_mismatch", host, source, error),
            hop("failure_reaches_clients", failed, error),
        ],
        "mechanism": ["livraison.sh unpacks cidre-2026.9.tar with an app.env whose lines end in CR LF, and restarts", "start.sh sources it: DB_HOST ends in a carriage return", "getaddrinfo ENOTFOUND base.cidre.lan\\r", "500 for /cuves/N; / is answered"],
        "innocent": [case.at("etc/crontab", "temperatures.sh", why="every six minutes, only logs"), case.whole("srv/cidre/temperatures.sh", "touches nothing"), case.at("srv/cidre/livraison.log", "cidre-2026.8.tar", why="four weeks earlier"),
                     case.at("etc/cidre.service", "Restart=on-failure", why="nothing failed at start")],
        "period_s": None, "lag_s": case.lag(case.times("srv/cidre/livraison.log", "livraison de cidre-2026.9"), [onset], 600), "step_change_at": str(onset),
        "measured": [case.measure("log/cidre.log", "ENOTFOUND"), case.measure("log/nginx_access.log", '" 500 ')],
        "how_made": REAL + " (with express, pg, pino), and PostgreSQL 15; systemctl is the lab's supervisor. The carriage returns were put in with sed.",
    }  # fmt: skip
