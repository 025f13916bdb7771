# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Zones: the app writes local time (+08:00) without saying so, nginx UTC; an hourly reindex ends by restarting the search."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const http = require('http');
const { Server } = require('socket.io');
const winston = require('winston');

const { combine, timestamp, printf } = winston.format;
const logger = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), printf((i) => `${i.timestamp} [${i.level}]: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/srv/market/logs/combined.log' })],
});
const app = express();
const server = http.createServer(app);
const io = new Server(server);
app.get('/api/stalls', (req, res) => setTimeout(() => res.json({ open: 41 }), 100 + Math.random() * 400));
app.get('/api/stalls/:id', (req, res) => res.json({ id: req.params.id }));
io.on('connection', (socket) => {
  logger.info(`使用者連線 ${socket.id}`);
  socket.on('disconnect', (reason) => logger.info(`使用者離線 ${socket.id} (${reason})`));
});
server.listen(3001, '127.0.0.1', () => logger.info('夜市地圖服務啟動於 3001'));
process.on('SIGTERM', () => {
  logger.info('收到 SIGTERM，準備關閉');
  io.close();
  setTimeout(() => process.exit(0), 2000);
});
"""

REINDEX = r"""#!/bin/bash
# 重建攤位索引
set -e
cd /srv/market
echo "[$(date '+%Y-%m-%d %H:%M:%S')] reindex start"
sleep 35
touch data/index.bin
# 讓服務讀新的索引
docker compose restart market
echo "[$(date '+%Y-%m-%d %H:%M:%S')] reindex done"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server {
        listen 80;
        server_name yeshi.example.tw;
        location /socket.io/ {
            proxy_pass http://127.0.0.1:3001;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 3600s;
        }
        location /api/ { proxy_pass http://127.0.0.1:3001; }
    }
}
"""

CRONTAB = """CRON_TZ=Asia/Taipei
15,45 * * * * /srv/market/reindex.sh >> /srv/market/logs/reindex.log 2>&1
15,45 * * * * /srv/market/backup.sh >> /srv/market/logs/backup.log 2>&1
*/5 * * * * /srv/market/health.sh >> /srv/market/logs/health.log 2>&1
"""

HEALTH = r"""#!/bin/bash
code=$(curl -sL -o /dev/null -w '%{http_code}' -m 10 http://127.0.0.1:3001/api/stalls)
echo "[$(date '+%Y-%m-%d %H:%M:%S')] health $code"
if [ "$code" != 200 ]; then
  docker compose -f /srv/market/docker-compose.yml restart market
fi
"""

COMPOSE = """services:
  market:
    image: yeshi/market:0.9
    container_name: market
    restart: unless-stopped
    environment:
      TZ: Asia/Taipei
  nginx:
    image: nginx:1.22
    container_name: nginx
    restart: unless-stopped
"""

INCIDENT = Incident(
    host="yeshi", start="2026-10-17T18:08:40+08:00", minutes=130, factor=44, zone="Asia/Taipei", apps=["/srv/market/app"],
    files={"/srv/market/app/server.js": SERVER, "/srv/market/reindex.sh": REINDEX, "/srv/market/health.sh": HEALTH, "/etc/nginx/nginx.conf": NGINX,
           "/srv/market/backup.sh": "#!/bin/bash\nsleep 50\necho \"[$(date '+%F %T')] backup ok\"\n", "/srv/market/docker-compose.yml": COMPOSE},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /srv/market/logs /srv/market/data",
    services={"market": {"image": "yeshi/market:0.9", "command": ["node", "server.js"], "directory": "/srv/market/app", "restart": "unless-stopped",
                         "environment": {"TZ": "Asia/Taipei"}},
              "nginx": {**NGINX_CONTAINER, "environment": {"TZ": "UTC"}}},
    visitors={"base": "http://127.0.0.1", "host": "yeshi.example.tw",
              "visits": [{"perSecond": 0.18, "bots": 0.05, "paths": [[3, "GET", "/api/stalls"], [2, "GET", "/api/stalls/{n}"]]}],
              "browsers": [{"count": 5, "log": "/var/log/console.log", "tag": "地圖"}]},
    collect="""mkdir -p logs nginx; cp /srv/market/logs/*.log logs/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
cp /srv/market/*.sh /srv/market/docker-compose.yml .; crontab -l > crontab.txt; mv /var/log/console.log browser-console.txt
docker ps > docker-ps.txt; date > date.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    restart, job = case.at("reindex.sh", "docker compose restart market"), case.at("crontab.txt", "reindex.sh")
    term, log = case.at("logs/combined.log", "收到 SIGTERM"), "logs/combined.log"
    refused = case.at("nginx/error.log", "111: Connection refused")
    starts, terms = case.times("logs/reindex.log", "reindex start"), case.times(log, "收到 SIGTERM")
    return {
        "root_cause_kind": "job-restarts-service",
        "root_cause": "reindex.sh, at minutes 15 and 45, ends by restarting the market container; its app log is in Asia/Taipei without a zone, "
        "nginx's logs are UTC, so the same restart stands at 18:15 in one and at 10:15 in the other.",
        "verdict": "root-cause", "culprit": restart, "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, case.at("logs/reindex.log", "reindex start")),
            hop("effect_hits_service", restart, term),
            hop("process_terminates", term),
            hop("termination_closes_connections", case.at(log, "使用者離線"), case.at("browser-console.txt", "disconnected: transport close"), term,
                refused),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), case.at("browser-console.txt", "disconnected: transport close"), refused),
        ],
        "mechanism": [
            "cron runs reindex.sh at :15 and :45", "after 35 s of work it runs docker compose restart market",
            "the app logs 收到 SIGTERM, closes the socket.io connections, exits 2 s later",
            "browsers log transport close; nginx (UTC) logs connect() failed (111) until the service is back: 502",
        ],
        "innocent": [
            case.at("crontab.txt", "backup.sh", why="same minutes; sleeps 50 s and logs"),
            case.at("crontab.txt", "health.sh", why="every 5 minutes; follows redirects, gets 200 every time it can be seen"),
            case.at("health.sh", "restart market", why="never reached: health.log holds 200 only"),
        ],
        "period_s": 1800, "lag_s": 49, "lags": {"reindex start -> SIGTERM": case.lag(starts, terms),
                                                "SIGTERM -> first refused": case.lag(terms, case.times("nginx/error.log", "111: Conn", hours=8))},
        "measured": [case.measure(log, "收到 SIGTERM"), case.measure("logs/reindex.log", "reindex start"),
                     case.measure("nginx/error.log", "111: Connection refused", join=60), case.measure("logs/health.log", "health 200"),
                     case.measure("logs/health.log", "health (?!200)")],
        "timezones": {"logs/, crontab": "Asia/Taipei (+08:00), not written in the lines", "nginx/access.log": "UTC (+0000)",
                      "nginx/error.log": "UTC, not written", "browser-console.txt": "UTC (Z)"},
        "how_made": REAL + " with socket.io; docker is the lab's supervisor.",
    }  # fmt: skip
