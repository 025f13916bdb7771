# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release gives the whole shared folder to another user, redis' data among it; redis can save no more and refuses every write."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const Redis = require('ioredis');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), winston.format.printf((i) => `${i.timestamp} ${i.level.toUpperCase()} [${i.label || 'api'}] ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const redis = new Redis({ host: '127.0.0.1', port: 6379, maxRetriesPerRequest: 2 });
redis.on('ready', () => log.info('redis 已就緒', { label: 'redis' }));
redis.on('error', (error) => log.error(error.message, { label: 'redis' }));
const app = express();
app.use(express.json());
app.get('/songs/:id', async (req, res) => res.json({ id: req.params.id, votes: Number(await redis.get(`votes:${req.params.id}`)) }));
app.post('/songs/:id/vote', async (req, res, next) => {
  try {
    res.json({ votes: await redis.incr(`votes:${req.params.id}`) });
  } catch (error) {
    log.error(`投票失敗 song=${req.params.id}: ${error.message}`, { label: 'vote' });
    res.status(500).json({ error: 'vote' });
  }
});
app.get('/healthz', (req, res) => res.send('ok'));
app.listen(3000, '127.0.0.1', () => log.info('點歌伺服器啟動, port 3000'));
process.on('SIGTERM', () => { log.info('收到 SIGTERM'); process.exit(0); });
"""

RELEASE = """#!/usr/bin/env bash
# 發版: ./release.sh <版本>
set -eu
cd /srv/band
VER=$1
echo "[$(date '+%Y-%m-%d %H:%M:%S')] release $VER start" >> shared/log/release.log
sed -i "s/^VERSION=.*/VERSION=$VER/" .env
# 上傳的樂譜圖檔要讓 web 讀得到
chown -R www-data:www-data shared
chmod -R u=rwX,go=rX shared
docker compose up -d app
echo "[$(date '+%Y-%m-%d %H:%M:%S')] release $VER done" >> shared/log/release.log
"""

COMPOSE = """services:
  app:
    image: registry.example.tw/band/app:${VERSION}
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./shared/scores:/app/scores
  redis:
    image: redis:7.0
    network_mode: host
    user: redis
    restart: unless-stopped
    command: redis-server /etc/redis/redis.conf
    volumes:
      - ./shared/redis:/data
      - ./redis.conf:/etc/redis/redis.conf:ro
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""

REDIS = """bind 127.0.0.1
port 6379
dir /srv/band/shared/redis
dbfilename votes.rdb
# 五分鐘內有 10 次寫入就存檔
save 300 10
maxmemory 64mb
maxmemory-policy noeviction
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format main '$remote_addr [$time_local] $host "$request" $status $body_bytes_sent $upstream_status $request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log main;
    server {
        listen 80;
        server_name band.example.tw;
        client_max_body_size 8m;
        location / { proxy_pass http://127.0.0.1:3000; }
    }
}
"""

LOG = {"kind": "compose", "path": "/srv/band/compose.log"}
INCIDENT = Incident(
    host="band-1", start="2026-04-18T19:31:00+08:00", minutes=46, factor=24, zone="Asia/Taipei", users=["redis"], apps=["/srv/band"],
    files={"/srv/band/server.js": SERVER, "/srv/band/release.sh": RELEASE, "/srv/band/compose.yaml": COMPOSE, "/srv/band/redis.conf": REDIS, "/srv/band/.env": "VERSION=1.8.2\nTZ=Asia/Taipei\n",
           "/etc/nginx/nginx.conf": NGINX,
           "/srv/band/setlist.sh": "#!/bin/sh\n# 每 10 分鐘公布目前歌單\nsleep 4\nlogger -t setlist '已公布'\n", "/srv/band/shared/scores/march.svg": "<svg/>\n", "/srv/band/shared/redis/.keep": "", "/srv/band/shared/log/release.log":
           "[2026-03-28 21:10:44] release 1.8.1 start\n[2026-03-28 21:10:49] release 1.8.1 done\n[2026-04-02 10:05:13] release 1.8.2 start\n[2026-04-02 10:05:20] release 1.8.2 done\n"},
    owners={"/srv/band/shared/redis": "redis"}, crontabs={"root": "# 歌單\n*/10 * * * * /srv/band/setlist.sh\n15 4 * * 1 docker image prune -f\n"},
    services={"redis": {"container": "redis-1", "image": "redis:7.0", "command": ["redis-server", "/srv/band/redis.conf"], "user": "redis", "directory": "/srv/band/shared/redis", "restart": "unless-stopped", "log": LOG, "wait": 4},
              "app": {"container": "app-1", "image": "registry.example.tw/band/app:1.8.3", "command": ["node", "server.js"], "directory": "/srv/band", "environment": {"TZ": "Asia/Taipei"}, "restart": "unless-stopped", "log": LOG, "wait": 8},
              "web": NGINX_CONTAINER},
    during=[(22.4, "/srv/band/release.sh 1.8.3")],
    visitors={"base": "http://127.0.0.1", "host": "band.example.tw", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.04, "paths": [[4, "GET", "/songs/{n}"], [3, "POST", "/songs/{n}/vote", "{}"]]}]},
    collect="""mkdir nginx; cp /srv/band/compose.yaml /srv/band/redis.conf /srv/band/release.sh /srv/band/setlist.sh /srv/band/server.js /srv/band/.env .; cp /srv/band/compose.log compose-logs.txt
cp /srv/band/shared/log/release.log .; (cd /srv/band && stat -c '%A %U:%G %s %n' shared shared/* shared/redis/*) > stat-shared.txt; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; crontab -l > crontab; docker ps > docker-ps.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    chown, log = case.at("release.sh", "chown -R www-data:www-data shared"), "compose-logs.txt"
    denied, refused = case.at(log, "Failed opening the temp RDB file"), case.at(log, "投票失敗")
    failed = case.at("nginx/access.log", '/vote HTTP/1.1" 500 ')
    start = case.at("release.log", "release 1.8.3 start")
    onset = case.times(log, "投票失敗")[0]
    return {
        "root_cause_kind": "deploy-changes-owner",
        "root_cause": "release.sh gives everything under shared/ to www-data, redis' data directory shared/redis among it; redis (user redis) can write no RDB file there any more (Permission denied), "
        "its next background save fails, and with stop-writes-on-bgsave-error it refuses every write (MISCONF): votes get 500 until the end of the log, reads go on.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": chown, "culprit_alternatives": [case.at("release.sh", "chmod -R u=rwX")], "culprit_related": [denied, start],
        "chain": [
            hop("deploy_changes_configuration", chown, start, case.at("release.log", "release 1.8.3 done")),
            hop("configuration_mismatch", denied, chown, case.at("redis.conf", "dir /srv/band/shared/redis"), case.at(log, "Background saving error"), case.at("compose.yaml", "./shared/redis:/data"), case.at("compose.yaml", "user: redis")),
            hop("failure_reaches_clients", refused, failed),
        ],
        "mechanism": ["release.sh 1.8.3: chown -R www-data:www-data shared, with shared/redis in it", "the next save: Failed opening the temp RDB file … Permission denied, Background saving error",
                      "MISCONF: redis refuses every write", "POST /songs/N/vote: 500; GET is answered"],
        "innocent": [case.at("crontab", "setlist.sh", why="every ten minutes, only logs"), case.whole("setlist.sh", "touches nothing"), case.at("redis.conf", "maxmemory 64mb", why="never reached: the answer is MISCONF, not OOM"),
                     case.at("release.log", "release 1.8.2 start", why="sixteen days earlier"), case.at("compose.yaml", "restart: unless-stopped", why="mends")],
        "period_s": None, "lag_s": case.lag(case.times("release.log", "release 1.8.3 start"), [onset], 1200), "step_change_at": str(onset),
        "measured": [case.measure(log, "Failed opening the temp RDB file"), case.measure(log, "投票失敗"), case.measure("nginx/access.log", '" 500 ')],
        "timezones": {"nginx/access.log": "Asia/Taipei (+08:00)", "compose-logs.txt": "app: Asia/Taipei, unmarked; redis: UTC+8 as the host's"},
        "how_made": REAL + " (with winston, ioredis), and redis 7.0; docker is the lab's supervisor. That earlier releases did no harm (older ones had no redis in shared/) cannot be seen in the folder.",
    }  # fmt: skip
