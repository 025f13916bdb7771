# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A colleague left `redis-cli monitor` writing into the data volume; it fills, redis can save no more and refuses every write: baskets answer 500."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const bunyan = require('bunyan');
const Redis = require('ioredis');
const log = bunyan.createLogger({ name: 'oyster', streams: [{ path: '/var/log/oyster/oyster.log' }] });
const redis = new Redis({ host: '127.0.0.1', port: 6379, maxRetriesPerRequest: 2 });
redis.on('error', (err) => log.warn({ err: err.message }, 'redis'));
const app = express();
app.use(express.json());

app.get('/oysters/:n', (req, res) => (Number(req.params.n) > 880 ? res.sendStatus(404) : setTimeout(() => res.json({ kind: req.params.n, size: 2 }), 90)));
app.get('/baskets/:n', async (req, res) => {
  const basket = await redis.get(`basket:${req.params.n}`);
  return basket ? res.type('json').send(basket) : res.status(404).json({ error: 'no such basket' });
});
app.put('/baskets/:n', async (req, res) => {
  const lines = Array.from({ length: 9 }, (_, i) => ({ oyster: (req.params.n * 7 + i) % 97, dozen: 1 + (i % 3), from: 'north bed', on: '2026-10-26' }));
  try {
    await redis.set(`basket:${req.params.n}`, JSON.stringify({ basket: req.params.n, lines }), 'EX', 7200);
    log.info({ basket: req.params.n }, 'basket kept');
    return res.status(204).end();
  } catch (err) {
    log.error({ basket: req.params.n, err: err.message }, 'basket not kept');
    return res.status(500).json({ error: 'could not keep your basket' });
  }
});
app.listen(7070, '127.0.0.1', () => log.info('oyster listens on 7070'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
REDIS = """bind 127.0.0.1
port 6379
dir /data/redis
dbfilename dump.rdb
save 120 5
stop-writes-on-bgsave-error yes
logfile /var/log/redis/redis-server.log
"""
BACKUP = """#!/bin/bash
# backup-redis: the last dump, three kept
set -e
cp /data/redis/dump.rdb "/data/backup/dump-$(date +%Y%m%d-%H%M).rdb"
ls -1t /data/backup/dump-*.rdb | tail -n +4 | xargs -r rm --
logger -t backup-redis "kept $(ls /data/backup | wc -l) dumps"
"""
LABELS = """#!/bin/sh
# labels for the boxes of the day; the PDF files stay until the evening
n=$(date +%H%M)
head -c 9000 /dev/urandom > "/data/labels/box-$n.pdf"
logger -t labels "box-$n.pdf"
"""
HISTORY = """  488  2026-10-26 09:31:15 systemctl status oyster redis
  489  2026-10-26 09:58:02 tail -f /var/log/oyster/oyster.log
  490  2026-10-26 10:12:20 redis-cli info memory
  491  2026-10-26 10:12:51 mkdir -p /data/debug
  492  2026-10-26 10:13:24 nohup redis-cli monitor > /data/debug/why-so-many-gets.txt 2>&1 &
  493  2026-10-26 10:13:50 tail /data/debug/why-so-many-gets.txt
  494  2026-10-26 10:14:33 exit
  495  2026-10-26 11:08:41 df -h /data
"""
CRON = """PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
*/10 * * * * root df --output=pcent,avail /data | tail -1 | logger -t df-data
25 * * * *   root /usr/local/sbin/backup-redis
*/12 * * * * root /usr/local/sbin/labels
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name oysters.example.ca;
        location / {
            proxy_pass http://127.0.0.1:7070;
            proxy_set_header Host $host;
        }
    }
}
"""

INCIDENT = Incident(
    host="oyster1", start="2026-10-26T10:02:00-03:00", minutes=76, factor=26, kind="systemd", zone="America/Halifax", users=["oyster", "redis"], apps=["/srv/oyster"],
    files={"/srv/oyster/server.js": SERVER, "/etc/redis/redis.conf": REDIS, "/usr/local/sbin/backup-redis": BACKUP, "/usr/local/sbin/labels": LABELS, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/oyster": CRON, "/root/history.txt": HISTORY},
    prepare="mkdir -p /data /var/log/oyster /var/log/redis; mount -t tmpfs -o size=860k data /data; mkdir -p /data/redis /data/backup /data/labels; chown redis: /data/redis /var/log/redis; chown oyster: /var/log/oyster; head -c 120000 /dev/urandom > /data/labels/box-0855.pdf",
    services={"redis": {"description": "Advanced key-value store", "command": ["redis-server", "/etc/redis/redis.conf"], "user": "redis", "restart": "always", "wait": 8},
              "oyster": {"description": "Oyster baskets", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/oyster", "user": "oyster", "restart": "always", "wait": 10}, "nginx": NGINX_UNIT},
    during=[(11.4, "mkdir -p /data/debug; (setsid nohup redis-cli monitor > /data/debug/why-so-many-gets.txt 2>&1 &)")],
    visitors={"base": "http://127.0.0.1", "host": "oysters.example.ca", "delay": 70,
              "visits": [{"perSecond": 0.55, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.4, "paths": [[3, "GET", "/oysters/{n}"], [2, "GET", "/baskets/{n}"], [4, "PUT", "/baskets/{n}", "{}"]]}]},
    collect="""mkdir -p etc log/nginx log/redis log/oyster bin; cp /etc/redis/redis.conf /etc/nginx/nginx.conf etc/; cp /etc/cron.d/oyster etc/cron.d-oyster; cp /usr/local/sbin/backup-redis /usr/local/sbin/labels bin/; cp /srv/oyster/server.js .; cp /root/history.txt history-jo.txt
cp /var/log/nginx/*.log log/nginx/; cp /var/log/redis/* log/redis/; cp /var/log/oyster/* log/oyster/; cp /var/log/syslog log/; df -h /data > df.txt; du -ab /data | sort -rn > du-data.txt; ps -C redis-cli,redis-server -o user,pid,args > ps-redis.txt; rotate log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    store, app, access, older = (
        "log/redis/redis-server.log",
        "log/oyster/oyster.log",
        "log/nginx/access.log",
        "log/nginx/access.log.1.gz",
    )
    command, grown, running = (
        case.at("history-jo.txt", "nohup redis-cli monitor > /data/debug"),
        case.at("du-data.txt", "/data/debug/why-so-many-gets.txt"),
        case.at("ps-redis.txt", "redis-cli monitor"),
    )
    unsaved, refused, full = case.at(store, "No space left on device"), case.at(app, "MISCONF"), case.at("df.txt", "94%")
    level = case.at("log/syslog", "92%")
    return {
        "root_cause_kind": "debug-capture-fills-data-volume",
        "root_cause": "At 10:13 somebody left `redis-cli monitor` running in the background, writing every command of redis to /data/debug/why-so-many-gets.txt, on the volume where redis saves. The file grows until what is left on /data is less than a new dump needs beside the old one; redis' background save fails (No space left on device), it refuses writes (MISCONF), and every basket that is put answers 500.",
        "verdict": "root-cause", "culprit": command, "culprit_alternatives": [grown, running], "culprit_related": [unsaved, full, level, case.at("etc/redis.conf", "dir /data/redis"), case.at("etc/redis.conf", "stop-writes-on-bgsave-error yes"), refused],
        "chain": [
            hop("resource_exhausted", unsaved, full, level, grown, case.at(store, "Background saving error"), refused),
            hop("failure_reaches_clients", case.at(access, '" 500 '), case.at(older, '" 500 ') if case.times(older, '" 500 ') else refused, refused),
        ],
        "mechanism": ["10:13: nohup redis-cli monitor > /data/debug/why-so-many-gets.txt", "the file takes by far the most of /data (du), df's line in syslog climbs every ten minutes, to 92 and 93 %: 52 kB are left, the dump has 92 (what redis refuses the monitor does not see, so it grows slower from then on)", "redis: Write error saving DB on disk: No space left on device; Background saving error", "MISCONF: writes are refused; reading goes on", "PUT /baskets: 500"],
        "innocent": [
            case.at("etc/cron.d-oyster", "backup-redis", why="keeps three dumps, small ones"), case.whole("bin/backup-redis", "prunes what it writes"), case.at("etc/cron.d-oyster", "labels", why="9 kB every twelve minutes; nothing beside the capture's 488 kB"), case.whole("bin/labels", "small files"),
            case.at("etc/cron.d-oyster", "df --output", why="only measures"), case.at("history-jo.txt", "df -h /data", why="somebody looked, afterwards"), case.at(older, '" 404 ', why="baskets that never were, and bots"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(store, "No space left on device")[0]), "lags": {},
        "measured": [case.measure(store, "No space left on device"), case.measure(store, "Background saving error"), case.measure(app, "MISCONF"), case.measure(access, '" 500 '), case.measure(older, '" 500 '), case.measure("log/syslog", "df-data")],
        "timezones": {"nginx, redis, syslog": "America/Halifax (-03:00)", "oyster.log": "UTC"},
        "how_made": REAL.replace(" and curl", "") + " (with express, ioredis, bunyan), and redis 7.0; /data is a tmpfs of 860 kB that really ran too full to save; history-jo.txt was written by hand for the command that the lab started at that minute; systemctl is the lab's supervisor.",
    }  # fmt: skip
