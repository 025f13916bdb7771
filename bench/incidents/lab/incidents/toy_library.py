# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A backup keeps the tables locked while it sends its file over a slow line: every reader waits until nginx gives up; nothing restarts."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""import express from 'express';
import pg from 'pg';

const pool = new pg.Pool({ host: '/run/postgresql', database: 'ludo', user: 'ludo', max: 10, application_name: 'ludo-web' });
const app = express();
app.disable('x-powered-by');
app.use((req, res, next) => {
  const debut = Date.now();
  res.on('close', () => {
    const duree = Date.now() - debut;
    if (duree > 3000) console.warn(`LENT ${req.method} ${req.url} ${duree} ms${res.writableFinished ? '' : ' (client parti)'} attente=${pool.waitingCount}`);
  });
  next();
});
app.get('/sante', (req, res) => res.send('ok'));
app.get('/', (req, res) => res.send('<h1>Ludothèque des Tilleuls</h1>'));
app.get('/jeux/:n', async (req, res) => {
  const { rows } = await pool.query('select n, titre from jeu where n = $1', [req.params.n]);
  return rows.length ? res.json(rows[0]) : res.status(404).json({ erreur: 'inconnu' });
});
app.get('/lecteurs/:n/prets', async (req, res) => {
  const { rows } = await pool.query('select jeu, depuis from pret where lecteur = $1 limit 20', [req.params.n]);
  res.json(rows);
});
app.post('/prets/:n', async (req, res) => {
  await pool.query('insert into pret (lecteur, jeu, depuis, note) values (1, $1, now(), $2)', [req.params.n, 'comptoir']);
  console.log(`prêt du jeu ${req.params.n}`);
  res.status(201).end();
});
app.listen(7070, '127.0.0.1', () => console.log('ludo-web écoute sur 7070'));
process.on('SIGTERM', () => process.exit(0));
"""

BACKUP = r"""#!/bin/bash
# Sauvegarde des prêts. Les tables sont verrouillées pour que les deux fichiers
# correspondent (on a eu une fois un prêt sans jeu).
set -euo pipefail
DEST=/var/backups/ludo
NAS=http://192.0.2.50:8090/ludo
log() { echo "$(date '+%Y-%m-%d %H:%M:%S') $*" >> /var/log/ludo/sauvegarde.log; }

log "début"
psql -q -v ON_ERROR_STOP=1 ludo <<SQL
begin;
lock table jeu, pret in access exclusive mode;
\copy jeu to '$DEST/jeu.csv' csv header
\copy pret to '$DEST/pret.csv' csv header
\! cd $DEST && tar cf ludo.tar jeu.csv pret.csv
\! curl -sS --limit-rate 45k -T $DEST/ludo.tar $NAS/ludo-\$(date +%H%M).tar
commit;
SQL
log "fin, $(stat -c %s $DEST/ludo.tar) octets envoyés au NAS"
"""

STATS = r"""#!/bin/sh
# les dix jeux les plus empruntés, pour l'écran du hall
psql -At ludo -c 'select jeu, count(*) from pret group by jeu order by 2 desc limit 10' > /var/lib/ludo/top10.txt && logger -t top10 "$(wc -l < /var/lib/ludo/top10.txt) jeux"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format duree '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time/$upstream_response_time';
    access_log /var/log/nginx/access.log duree;
    server {
        listen 80;
        server_name ludo.example.be;
        location / {
            proxy_pass http://127.0.0.1:7070;
            proxy_read_timeout 25s;
        }
    }
}
"""

PGCONF = """# postgresql.conf (ce qui diffère de Debian)
listen_addresses = ''
unix_socket_directories = '/run/postgresql'
max_connections = 40
log_line_prefix = '%m [%p] %q%u@%d/%a '
log_timezone = 'Europe/Brussels'
log_lock_waits = on
deadlock_timeout = 2s
log_connections = off
autovacuum_naptime = 240
checkpoint_timeout = 900
"""

PREPARE = r"""mkdir -p /srv/pg /run/postgresql /var/log/postgresql /var/log/ludo /var/backups/ludo /var/lib/ludo; chown postgres: /srv/pg /run/postgresql /var/log/postgresql /var/log/ludo /var/backups/ludo /var/lib/ludo
su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/initdb -D /srv/pg --auth=trust --no-sync -E UTF8 --locale=C" > /run/initdb.out 2>&1
cat /etc/postgresql/15/main/ludo.conf >> /srv/pg/postgresql.conf
single() { su postgres -s /bin/sh -c "/usr/lib/postgresql/15/bin/postgres --single -D /srv/pg $1" > /run/schema.out 2>&1; }
printf 'create role ludo login;\ncreate database ludo owner ludo;\n' | single postgres
printf "create table jeu as select n, 'Jeu ' || n as titre from generate_series(1, 870) n;\ncreate table pret as select n %% 900 as lecteur, n %% 870 as jeu, now() - n * interval '7 minutes' as depuis, md5(n::text) as note from generate_series(1, 46000) n;\ncreate index on jeu (n);\ncreate index on pret (lecteur);\nalter table jeu owner to ludo;\nalter table pret owner to ludo;\n" | single ludo
node -e "require('http').createServer((q, r) => { q.resume(); q.on('end', () => { r.statusCode = 201; r.end(); }); }).listen(8090, '192.0.2.50')" > /run/nas.out 2>&1 &
"""
CRON = """# ludothèque
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
8,28,48 * * * *  postgres  /opt/ludo/bin/sauvegarde
*/20 * * * *     postgres  /opt/ludo/bin/top10
*/5 * * * *      root      curl -fsS -m 5 -o /dev/null http://127.0.0.1:7070/sante || systemctl restart ludo-web
"""

INCIDENT = Incident(
    host="tilleuls", start="2026-03-17T10:01:00+01:00", minutes=71, factor=20, kind="systemd", zone="Europe/Brussels", users=["ludo"], apps=["/opt/ludo"],
    files={"/opt/ludo/web.mjs": SERVER, "/opt/ludo/bin/sauvegarde": BACKUP, "/opt/ludo/bin/top10": STATS, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/ludo": CRON, "/etc/postgresql/15/main/ludo.conf": PGCONF, "/etc/rsyslog.conf": JOURNAL_ISO},
    prepare=PREPARE,
    services={"postgresql@15-main": {"description": "PostgreSQL Cluster 15-main", "command": ["/usr/lib/postgresql/15/bin/postgres", "-D", "/srv/pg"], "user": "postgres", "stop_signal": "INT", "restart": "on-failure",
                                     "log": {"kind": "plain", "path": "/var/log/postgresql/postgresql-15-main.log"}, "wait": 40},
              "ludo-web": {"description": "Ludothèque", "command": ["/usr/bin/node", "web.mjs"], "directory": "/opt/ludo", "user": "ludo", "restart": "always", "log": {"kind": "syslog", "tag": "ludo-web"}, "wait": 12}, "nginx": NGINX_UNIT},
    during=[(36.2, "systemctl restart ludo-web")],
    visitors={"base": "http://127.0.0.1", "host": "ludo.example.be", "delay": 130,
              "visits": [{"perSecond": 0.42, "bots": 0.06, "aborts": 0.03, "abortAfter": 0.7, "paths": [[5, "GET", "/jeux/{n}"], [3, "GET", "/lecteurs/{n}/prets"], [2, "POST", "/prets/{n}", "{}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p etc/nginx etc/cron.d etc/postgresql opt/ludo/bin var/log/nginx var/log/postgresql var/log/ludo; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/cron.d/ludo etc/cron.d/; cp /etc/postgresql/15/main/ludo.conf etc/postgresql/; cp /opt/ludo/web.mjs opt/ludo/; cp /opt/ludo/bin/* opt/ludo/bin/
cp /var/log/nginx/*.log var/log/nginx/; cp /var/log/postgresql/*.log var/log/postgresql/; cp /var/log/ludo/* var/log/ludo/; cp /var/log/syslog var/log/journal.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, base, errors, access, journal = (
        "opt/ludo/bin/sauvegarde",
        "var/log/postgresql/postgresql-15-main.log",
        "var/log/nginx/error.log",
        "var/log/nginx/access.log",
        "var/log/journal.txt",
    )
    lock, slow, entry = (
        case.at(script, "lock table jeu, pret in access exclusive mode"),
        case.at(script, "curl -sS --limit-rate 45k"),
        case.at("etc/cron.d/ludo", "/opt/ludo/bin/sauvegarde"),
    )
    waits, holder, late = case.at(base, "still waiting for"), case.at(base, "Process holding the lock"), case.at(base, "acquired")
    begun, done = case.at("var/log/ludo/sauvegarde.log", "début"), case.at("var/log/ludo/sauvegarde.log", "octets envoyés")
    timeout, failed = case.at(errors, "110: Connection timed out"), case.at(access, '" 504 ')
    return {
        "root_cause_kind": "backup-locks-tables",
        "root_cause": "The backup at minutes 8, 28 and 48 locks both tables in ACCESS EXCLUSIVE MODE and keeps the transaction open while it sends its 3 MB file to the NAS at 45 kB/s: for seventy seconds and more every query for a game or a loan waits, the pool's ten connections are taken by waiting ones, and nginx gives up after 25 s (504). Nothing ends or restarts; when the backup commits all answers come at once.",
        "verdict": "root-cause", "culprit": lock, "culprit_alternatives": [slow, case.at(script, "begin;"), entry],
        "culprit_related": [begun, done, waits, holder, case.at(script, "commit;"), case.at("etc/nginx/nginx.conf", "proxy_read_timeout 25s"), case.at("opt/ludo/web.mjs", "max: 10")],
        "chain": [
            hop("job_runs_script", entry, case.at(journal, "CMD ( /opt/ludo/bin/sauvegarde)"), begun),
            hop("job_stalls_service", lock, waits, holder, late, slow, begun),
            hop("timeout_closes_connection", timeout, case.at("etc/nginx/nginx.conf", "proxy_read_timeout 25s")),
            hop("failure_reaches_clients", failed, timeout, case.at(journal, "(client parti)")),
        ],
        "mechanism": ["cron runs sauvegarde at minutes 8, 28, 48", "it takes both tables for itself and sends its file within the transaction", "PostgreSQL: still waiting for AccessShareLock / RowExclusiveLock, process holding the lock", "25 s later nginx: upstream timed out (110), 504", "commit: acquired the lock after tens of seconds; LENT lines; all is well again"],
        "innocent": [
            case.at("etc/cron.d/ludo", "/opt/ludo/bin/top10", why="every twenty minutes as well, at 0, 20, 40; a short read"), case.whole("opt/ludo/bin/top10", "a short read"), case.at("etc/cron.d/ludo", "systemctl restart ludo-web", why="/sante asks no table and answers each time"),
            case.at(journal, "Stopping ludo-web.service", why="somebody's one restart, between two backups"), case.at(access, '" 404 ', why="bots and unknown games"), case.at("etc/postgresql/ludo.conf", "autovacuum_naptime", why="vacuum takes no such lock"),
        ],
        "period_s": 1200, "lag_s": case.lag(case.times(journal, r"CMD \( */opt/ludo/bin/sauvegarde"), case.times(errors, "110: Connection timed out")),
        "lags": {"backup begins -> first query waits": case.lag(case.times("var/log/ludo/sauvegarde.log", "début"), case.times(base, "still waiting for")), "backup begins -> ends": case.lag(case.times("var/log/ludo/sauvegarde.log", "début"), case.times("var/log/ludo/sauvegarde.log", "octets"), within=400)},
        "measured": [case.measure("var/log/ludo/sauvegarde.log", "début"), case.measure("var/log/ludo/sauvegarde.log", "octets envoyés"), case.measure(base, "still waiting for", join=120), case.measure(errors, "110: Connection timed out", join=120), case.measure(access, '" 504 ', join=120), case.measure(journal, "Stopping ludo-web.service"), case.measure(journal, "LENT ", join=120)],
        "timezones": {"all": "Europe/Brussels (+01:00)"},
        "how_made": REAL + " (with express, pg), PostgreSQL 15 with its real locks; the NAS is a small receiver on the machine's own network; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
