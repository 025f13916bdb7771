# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two independent causes: the copy job stops redis for half a minute each half hour, and silent streams are closed after nginx's default minute."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""// Club boats: who has which boat, and a stream that tells the boathouse screens about changes
const express = require('express');
const Redis = require('ioredis');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'DD/MM/YYYY HH:mm:ss' }), printf((i) => `[${i.timestamp}] (${i.level}) ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/boats/boats.log' })],
});
const redis = new Redis({ host: '127.0.0.1', maxRetriesPerRequest: 1, retryStrategy: () => 2000 });
let broken = false;
redis.on('ready', () => { broken = false; log.info('redis: ready'); });
redis.on('error', (error) => { if (!broken) log.error(`redis: ${error.message}`); broken = true; });
const app = express();
const screens = new Set();
app.get('/boats/:n', async (req, res) => {
  try {
    res.json({ boat: req.params.n, by: await redis.get(`boat:${req.params.n}`) });
  } catch (error) {
    log.error(`GET ${req.url}: ${error.message}`);
    res.status(500).end();
  }
});
app.post('/boats/:n', async (req, res) => {
  try {
    await redis.set(`boat:${req.params.n}`, 'taken');
    if (Number(req.params.n) % 60 === 0) screens.forEach((screen) => screen.write(`data: ${req.params.n}\n\n`));
    res.status(204).end();
  } catch (error) {
    log.error(`POST ${req.url}: ${error.message}`);
    res.status(500).end();
  }
});
app.get('/screen', (req, res) => {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' });
  res.write(': hello\n\n');
  screens.add(res);
  res.on('close', () => screens.delete(res));
});
app.listen(9200, '127.0.0.1', () => log.info('boats on 9200'));
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format club '$time_iso8601|$remote_addr|$request_method $uri|$status|$request_time|$http_user_agent';
    access_log /var/log/nginx/club.log club;
    server {
        listen 80;
        server_name rowing.example.ie;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location /screen {
            proxy_pass http://127.0.0.1:9200;
            proxy_buffering off;
        }
        location / {
            proxy_pass http://127.0.0.1:9200;
            proxy_read_timeout 15s;
        }
    }
}
"""

COPY = """#!/bin/bash
# A consistent copy of the boat list
set -e
systemctl stop redis
tar -C /var/lib/redis -czf "/var/backups/boats-$(date +%u).tar.gz" .
sleep 25 # rclone copy /var/backups remote:boats
systemctl start redis
logger -t boat-copy "copied"
"""

INCIDENT = Incident(
    host="slipway", start="2026-05-23T06:50:00+01:00", minutes=112, factor=40, kind="systemd", zone="Europe/Dublin", users=["redis"], apps=["/srv/boats"],
    files={"/srv/boats/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/usr/local/sbin/boat-copy": COPY, "/etc/redis/redis.conf": "bind 127.0.0.1\ndir /var/lib/redis\nsave 900 1\nlogfile /var/log/redis/redis-server.log\n",
           "/usr/local/sbin/tide-board": "#!/bin/sh\nsleep 8\nlogger -t tide-board 'HW Kingstown 12:41 3.6m'\n", "/var/lib/redis/.keep": "",
           "/etc/cron.d/boats": "# m h dom mon dow user command\n14,44 * * * * root /usr/local/sbin/boat-copy\n*/2 * * * * root /usr/local/sbin/tide-board\n"},
    owners={"/var/lib/redis": "redis", "/var/log/redis": "redis"}, prepare="mkdir -p /var/log/redis /var/log/boats /var/backups",
    services={"redis": {"description": "Advanced key-value store", "command": ["redis-server", "/etc/redis/redis.conf"], "user": "redis", "restart": "always", "wait": 4},
              "boats": {"description": "Club boats", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/boats", "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "rowing.example.ie", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.04, "paths": [[4, "GET", "/boats/{n}"], [2, "POST", "/boats/{n}", "{}"]]}],
              "streams": [{"path": "/screen", "count": 5, "spread": 13}]},
    collect="""mkdir logs config; cp /etc/nginx/nginx.conf /etc/redis/redis.conf config/; cp /etc/cron.d/boats config/cron.d_boats; cp /usr/local/sbin/boat-copy /usr/local/sbin/tide-board /srv/boats/server.js .
cp /var/log/boats/boats.log /var/log/redis/redis-server.log /var/log/syslog /var/log/nginx/club.log logs/; cp /var/log/nginx/error.log logs/nginx_error.log; rotate logs/club.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    stop, wait, job = (
        case.at("boat-copy", "systemctl stop redis"),
        case.at("boat-copy", "sleep 25"),
        case.at("config/cron.d_boats", "boat-copy"),
    )
    stopping, gone = case.at("logs/syslog", "Stopping redis.service"), case.at("logs/redis-server.log", "User requested shutdown")
    lost, refused, failed = (
        case.at("logs/boats.log", "redis: connect ECONNREFUSED"),
        case.at("logs/boats.log", "(error) GET"),
        case.at("logs/club.log", "|500|"),
    )
    silent, closed = (
        case.at("config/nginx.conf", "location /screen"),
        case.at("logs/nginx_error.log", "110: Connection timed out) while reading upstream"),
    )
    return {
        "root_cause_kind": "backup-job-stops-service",
        "root_cause": "boat-copy, run by cron at :14 and :44, stops redis for its copy, half a minute; meanwhile the API answers 500. Apart from that, each silent stream of the boathouse screens is closed after 60 s: "
        "location /screen leaves proxy_read_timeout at its default and the server sends no heartbeat.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": stop, "culprit_alternatives": [wait], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, case.at("logs/syslog", "CMD (/usr/local/sbin/boat-copy)")),
            hop("effect_hits_service", stop, stopping),
            hop("process_terminates", gone, stopping),
            hop("termination_refuses_connections", lost, refused, gone),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron runs boat-copy at :14 and :44", "systemctl stop redis, tar, an upload of 25 s, systemctl start redis", "ECONNREFUSED 127.0.0.1:6379: GET and POST of boats end as 500",
                      "independently: each /screen stream is silent for more than 60 s, nginx: upstream timed out (110) while reading upstream; the screen connects again"],
        "innocent": [case.at("config/cron.d_boats", "tide-board", why="every two minutes, so at :14 and :44 too; only logs"), case.whole("tide-board", "touches nothing"), case.at("config/redis.conf", "save 900 1", why="saves quietly"),
                     case.at("config/nginx.conf", "proxy_read_timeout 15s", why="for the rest, which answers at once")],
        "period_s": 1800, "lag_s": case.lag(case.times("logs/syslog", "CMD \\(/usr/local/sbin/boat-copy"), case.times("logs/redis-server.log", "User requested shutdown")),
        "measured": [case.measure("logs/redis-server.log", "User requested shutdown"), case.measure("logs/club.log", "\\|500\\|", join=120), case.measure("logs/nginx_error.log", "timed out\\) while reading upstream"),
                     case.measure("logs/club.log", "GET /screen\\|")],
        "other_causes": [{
            "root_cause_kind": "proxy-read-timeout-idle-stream",
            "root_cause": "proxy_read_timeout is left at its default of 60 s for /screen, where the server often says nothing for longer: upstream timed out (110) while reading upstream, the stream is cut.",
            "culprit": silent, "culprit_alternatives": [case.at("server.js", "app.get('/screen'"), case.at("server.js", "res.write(': hello"), case.at("config/nginx.conf", "proxy_buffering off")], "period_s": None, "lag_s": 60,
            "chain": [hop("configuration_mismatch", silent, case.at("server.js", "app.get('/screen'"), case.at("server.js", "% 60 === 0")), hop("timeout_closes_connection", closed),
                      hop("failure_reaches_clients", closed, case.at("logs/club.log", "GET /screen|"))],
        }],
        "how_made": REAL + " (with express, winston, ioredis), and redis 7.0; systemctl is the lab's supervisor, the upload a sleep.",
    }  # fmt: skip
