# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: five times redis answers nobody for half a minute to two; a backup of redis looks guilty, but its runs do no harm and the one spell that meets one began before it."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const Redis = require('ioredis');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), printf((i) => `${i.timestamp} ${i.level.toUpperCase().padEnd(5)} [rooms] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/home/ford/log/rooms.log' })],
});
const redis = new Redis({ host: process.env.REDIS_HOST, port: 6379, commandTimeout: 8000, maxRetriesPerRequest: 2 });
redis.on('error', (error) => log.error(`redis: ${error.message}`));
redis.on('ready', () => log.info(`redis ${process.env.REDIS_HOST} ready`));
http.createServer(async (req, res) => {
  const begin = Date.now();
  try {
    if (req.method === 'POST') { const n = await redis.incr('booking'); if (n % 4 === 0) log.info(`booking ${n}`); } else await redis.get(req.url);
    const ms = Date.now() - begin;
    if (ms > 1000) log.warn(`slow: ${req.method} ${req.url} ${ms} ms`);
    res.end('{"ok":true}');
  } catch (error) {
    log.error(`${req.method} ${req.url}: ${error.message} (${Date.now() - begin} ms)`);
    res.statusCode = 503;
    res.end('{"error":"busy"}');
  }
}).listen(8181, '127.0.0.1', () => log.info('rooms on 8181'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
BACKUP = r"""#!/bin/bash
# redis-backup.sh - snapshot of the store, every quarter of an hour
# (saving blocks redis while it forks, so keep it short)
log() { echo "$(date '+%Y-%m-%d %H:%M:%S') $*" >> /home/ford/log/redis-backup.log; }
before=$(redis-cli -h cache lastsave)
redis-cli -h cache bgsave > /dev/null
for i in $(seq 20); do
    sleep 2
    [ "$(redis-cli -h cache lastsave)" != "$before" ] && break
done
log "snapshot done after $((i * 2)) s"
"""
CRON = """*/15 * * * * /home/ford/bin/redis-backup.sh
*/5 * * * * /home/ford/bin/ical-sync.sh
"""
ICAL = """#!/bin/bash
sleep 5
logger -t ical "$((RANDOM % 6)) calendars"
"""
NGINX = """server {
    listen 80 default_server;
    server_name ford-house.example.co.nz;
    access_log /var/log/nginx/rooms-access.log;
    error_log /var/log/nginx/rooms-error.log warn;
    location / {
        proxy_pass http://127.0.0.1:8181;
        proxy_read_timeout 30s;
    }
}
"""
MAIN = "user www-data;\nworker_processes 1;\npid /run/nginx.pid;\nevents { worker_connections 512; }\nhttp { include /etc/nginx/conf.d/*.conf; }\n"


def hold(seconds: int) -> str:
    return f"redis-cli -h 172.18.0.9 client pause {seconds * 1000} all > /dev/null"


INCIDENT = Incident(
    host="web", start="2026-11-17T18:34:00+13:00", minutes=98, factor=32, kind="systemd", zone="Pacific/Auckland", apps=["/home/ford/rooms"], users=["ford"],
    files={"/home/ford/rooms/server.js": SERVER, "/home/ford/bin/redis-backup.sh": BACKUP, "/home/ford/bin/ical-sync.sh": ICAL, "/etc/nginx/nginx.conf": MAIN, "/etc/nginx/conf.d/rooms.conf": NGINX},
    owners={"/home/ford": "ford"}, crontabs={"ford": CRON}, prepare="mkdir -p /home/ford/log /var/lib/store; echo 172.18.0.9 cache >> /etc/hosts",
    services={"store": {"description": "store", "command": ["redis-server", "--port", "6379", "--bind", "172.18.0.9", "--dir", "/var/lib/store", "--save", "", "--protected-mode", "no"], "restart": "always", "wait": 5},
              "rooms": {"description": "Rooms", "command": ["/usr/bin/node", "server.js"], "directory": "/home/ford/rooms", "user": "ford", "environment": {"REDIS_HOST": "cache"}, "restart": "always", "wait": 15}, "nginx": NGINX_UNIT},
    during=[(14.3, hold(70)), (27.05, hold(100)), (49.7, hold(45)), (73.2, hold(120)), (86.1, hold(60))],
    visitors={"base": "http://127.0.0.1", "host": "ford-house.example.co.nz", "delay": 60, "visits": [{"perSecond": 0.4, "bots": 0.05, "aborts": 0.008, "abortAfter": 2, "paths": [[5, "GET", "/rooms/{n}"], [2, "POST", "/bookings", '{"room":{n}}'], [1, "GET", "/"]]}]},
    collect="""cp /home/ford/log/rooms.log /home/ford/log/redis-backup.log .; cp /home/ford/bin/redis-backup.sh .; cp /etc/nginx/conf.d/rooms.conf /var/log/nginx/rooms-*.log .; crontab -u ford -l > crontab; rotate rooms-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log = "rooms.log"
    return {
        "root_cause_kind": "unknown-cache-stall",
        "root_cause": "Not to be known: five times redis at `cache`, another machine, answers nobody for three quarters of a minute to two minutes (Command timed out, 503), at no special moments. (In truth somebody sent CLIENT PAUSE from elsewhere.) Its log, its host's load and the network were not handed over. "
        "redis-backup.sh looks guilty, its comment even says so, but its runs end after 2 s without harm, four of the five spells are at other minutes, and that of 20:00 began some ten seconds before the backup did.",
        "verdict": "undetermined", "verdict_accepted": [], "expected_confidence": "low",
        "innocent": [
            case.at("crontab", "redis-backup.sh", why="every quarter of an hour; the spells come at other minutes, and most runs pass without a slow request"), case.at("redis-backup.sh", "bgsave", why="saves in the background"), case.whole("redis-backup.log", "snapshots done after two seconds each; the one of 20:00 was itself held up"),
            case.at("crontab", "ical-sync.sh", why="every five minutes, at other moments as well"), case.at("rooms.conf", "proxy_read_timeout 30s", why="never reached"),
        ],
        "ask_for": ["the log of redis and SLOWLOG / INFO of the machine `cache`", "memory, load and kernel log of that machine", "who else uses this redis (CLIENT LIST, other hosts' crontabs)", "the network between web and cache"],
        "measured": [case.measure(log, "Command timed out", join=60), case.measure("redis-backup.log", "snapshot done"), case.measure("rooms-access.log", '" 503 ', join=60), case.measure(log, "slow: ")],
        "timezones": {"all": "Pacific/Auckland (+13:00), without zone but in rooms-access.log"},
        "how_made": REAL.replace("and curl", "and redis 7.0") + " (with ioredis, winston); systemctl is the lab's supervisor. What paused redis, its log and the syslog were left out on purpose.",
    }  # fmt: skip
