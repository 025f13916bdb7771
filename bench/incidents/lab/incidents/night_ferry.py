# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The nightly backup asks redis for SAVE where BGSAVE is meant: the store answers nobody until the dump is written."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

API = r"""const http = require('http');
const Redis = require('ioredis');
const pino = require('pino');
const log = pino({ name: 'ferry-api', level: 'info' });
const redis = new Redis(process.env.REDIS_URL, { commandTimeout: 3000 });
redis.on('error', (error) => log.warn({ code: error.code }, error.message));
let sold = 0;
const server = http.createServer(async (req, res) => {
  try {
    const seats = await redis.incr(`sailing:${req.url.split('/').pop()}`);
    res.setHeader('Content-Type', 'application/json');
    if (req.method === 'POST') sold += 1;
    return res.end(JSON.stringify({ seats: 400 - (seats % 400) }));
  } catch (error) {
    log.error({ url: req.url, err: { message: error.message } }, 'store');
    return res.writeHead(503).end();
  }
});
server.listen(9310, '127.0.0.1', () => log.info('ferry-api listening'));
setInterval(() => log.info({ sold }, 'tickets'), 120000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

BACKUP = r"""#!/bin/bash
# redis -> /backup, keeps a week
set -u
out=/backup/redis
mkdir -p $out
redis-cli -p 6390 save > /dev/null
gzip -1 -c /data/redis/dump.rdb > "$out/dump-$(date +%a).rdb.gz"
find $out -name '*.gz' -mtime +7 -delete
"""

ARCHIVE = """#!/bin/bash
# yesterday's timetable to the archive
sleep 11
echo "$(date -u '+%Y-%m-%dT%H:%M:%SZ') archived timetable $(date -d yesterday +%F)" >> /home/ops/log/archive.log
"""

MANIFEST = """#!/bin/bash
# passenger manifest for the harbour office
sleep 25
echo "$(date -u '+%Y-%m-%dT%H:%M:%SZ') manifest sent" >> /home/ops/log/manifest.log
"""

COMPOSE = """name: ferry
services:
  redis:
    image: redis:7.0-bookworm
    command: redis-server /etc/redis/redis.conf
    network_mode: host
    volumes: ["/data/redis:/data/redis", "./redis.conf:/etc/redis/redis.conf:ro"]
    restart: unless-stopped
  api:
    image: ferry/api:2026.4
    environment:
      REDIS_URL: redis://127.0.0.1:6390
    network_mode: host
    restart: unless-stopped
    depends_on: [redis]
  nginx:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""

REDIS = """bind 127.0.0.1
port 6390
dir /data/redis
save ""
appendonly no
logfile /var/log/ferry/redis.log
slowlog-log-slower-than 500000
maxmemory 1gb
enable-debug-command local
"""

NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format main escape=json '{"time":"$time_iso8601","ip":"$remote_addr","request":"$request","status":$status,"request_time":$request_time,"upstream_time":"$upstream_response_time","agent":"$http_user_agent"}';
    access_log /var/log/nginx/access.json main;
    server {
        listen 80;
        location / { proxy_pass http://127.0.0.1:9310; proxy_read_timeout 30s; }
    }
}
"""

CRONTAB = """# crontab of ops
40 2 * * * /home/ops/bin/archive-timetable
40 2 * * * /home/ops/bin/backup-redis
40 2 * * * /home/ops/bin/manifest
*/20 * * * * /home/ops/bin/fares >/dev/null 2>&1
0 5 * * 0 sudo docker system prune -f
"""
NIGHT = "leap 84960"

INCIDENT = Incident(
    host="nacht", start="2026-06-08T02:28:00+00:00", minutes=120, factor=32, apps=["/srv/ferry"], users=["ops"],
    files={"/srv/ferry/api.js": API, "/srv/ferry/compose.yml": COMPOSE, "/srv/ferry/redis.conf": REDIS, "/etc/nginx/nginx.conf": NGINX, "/home/ops/bin/backup-redis": BACKUP, "/home/ops/bin/archive-timetable": ARCHIVE, "/home/ops/bin/manifest": MANIFEST,
           "/home/ops/bin/fares": "#!/bin/sh\nsleep 4\nlogger -t fares unchanged\n"},
    crontabs={"ops": CRONTAB}, owners={"/home/ops": "ops", "/backup": "ops"}, prepare="mkdir -p /var/log/ferry /data/redis /backup /home/ops/log",
    services={"redis": {"container": "ferry-redis-1", "image": "redis:7.0-bookworm", "command": ["redis-server", "/srv/ferry/redis.conf"], "restart": "unless-stopped", "wait": 10},
              "api": {"container": "ferry-api-1", "image": "ferry/api:2026.4", "command": ["node", "api.js"], "directory": "/srv/ferry", "environment": {"REDIS_URL": "redis://127.0.0.1:6390"}, "restart": "unless-stopped",
                      "log": {"kind": "plain", "path": "/var/log/ferry/api.ndjson"}, "wait": 6},
              "nginx": {**NGINX_CONTAINER, "container": "ferry-nginx-1"}},
    during=[(1.0, "until redis-cli -p 6390 ping > /dev/null 2>&1; do sleep 2; done; redis-cli -p 6390 debug populate 1600000 booking 60"), (24, NIGHT), (48, NIGHT), (72, NIGHT), (96, NIGHT)],
    visitors={"base": "http://127.0.0.1", "host": "tickets.example.fi", "delay": 330, "visits": [{"perSecond": 0.35, "bots": 0.05, "aborts": 0.01, "paths": [[4, "GET", "/sailings/{n}"], [2, "POST", "/sailings/{n}", "{}"]]}]},
    collect="""mkdir -p host/ops-bin containers; crontab -u ops -l > host/crontab-ops.txt; cp /home/ops/bin/* host/ops-bin/; cp /home/ops/log/* host/; cp /var/log/syslog host/; cp /srv/ferry/compose.yml /srv/ferry/redis.conf .
sed -i '/enable-debug/d' redis.conf; cp /var/log/ferry/* containers/; cp /var/log/nginx/access.json /var/log/nginx/error.log containers/; docker ps > containers/ps.txt; redis-cli -p 6390 slowlog get 5 > containers/redis-slowlog.txt; rotate containers/access.json""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, tab, log = "host/ops-bin/backup-redis", "host/crontab-ops.txt", "containers/api.ndjson"
    save, job, failed = case.at(script, "redis-cli -p 6390 save"), case.at(tab, "backup-redis"), case.at(log, "Command timed out")
    saved, slow = case.at("containers/redis.log", "DB saved on disk"), case.at("containers/redis-slowlog.txt", "save")
    answer, older = case.at("containers/access.json", '"status":503'), case.at("containers/access.json.1.gz", '"status":503')
    return {
        "root_cause_kind": "backup-blocks-store",
        "root_cause": "backup-redis, at 02:40 from ops' crontab, runs `redis-cli save`: SAVE writes the whole dump in redis' only thread, which answers nobody meanwhile (BGSAVE would fork). The API gives a command three seconds, then answers 503, for as long as the dump takes, each night.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": save, "culprit_alternatives": [job], "culprit_related": [saved, slow, case.at("compose.yml", "redis-server /etc/redis/redis.conf")],
        "chain": [
            hop("job_runs_script", job, case.at("host/syslog", "/home/ops/bin/backup-redis")),
            hop("job_stalls_service", save, slow, saved, failed),
            hop("failure_reaches_clients", failed, answer, older),
        ],
        "mechanism": ["cron of ops, 02:40: three jobs", "backup-redis: redis-cli save; redis' log says 'DB saved on disk' at its end, SLOWLOG holds SAVE with its duration", "ioredis: Command timed out after 3 s; 503 to visitors", "nothing restarts; all is well again when the dump is written"],
        "innocent": [case.at(tab, "archive-timetable", why="same minute, every night; sleeps and logs"), case.at(tab, "manifest", why="same minute, every night; sleeps and logs"), case.at(tab, "fares", why="every 20 minutes, 02:40 too"), case.at(tab, "docker system prune", why="Sundays at five"),
                     case.whole("host/ops-bin/archive-timetable", "touches nothing"), case.whole("host/ops-bin/manifest", "touches nothing"), case.at(script, "gzip -1", why="after the dump"), case.at("redis.conf", "maxmemory 1gb", why="never reached")],
        "period_s": 86400, "lag_s": None,
        "measured": [case.measure(log, "Command timed out", join=600), case.measure("containers/redis.log", "DB saved on disk")],
        "timezones": {"all": "UTC; redis' log without zone, pino in epoch ms"},
        "how_made": REAL.replace(" and curl", "") + " (with ioredis, pino), redis 7.0 with 1.6 million keys, filled in the first minute (the five warnings at 02:29); docker is the lab's supervisor. Between the nights the wall clock leapt by 23 h 36 min.",
    }  # fmt: skip
