# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: phones that fall asleep close their sockets, logs are rotated and reopened, a bot knocks."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), printf((i) => `[${i.timestamp}] ${i.level}: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/moss/moss.log' })],
});
const app = express();
const server = createServer(app);
const io = new Server(server);
app.get('/beds/:n', (req, res) => res.json({ n: req.params.n, moisture: 0.62 }));
app.get('/', (req, res) => res.send('<h1>苔庭</h1>'));
io.on('connection', (socket) => {
  log.info(`接続 ${socket.id} (${io.engine.clientsCount})`);
  socket.on('disconnect', (reason) => log.info(`切断 ${socket.id}: ${reason}`));
});
server.listen(7400, '127.0.0.1', () => log.info('起動しました'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name moss.example.jp;
        location / {
            proxy_pass http://127.0.0.1:7400;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 120s;  # ping は 25 秒ごと
        }
    }
}
"""

INCIDENT = Incident(
    host="koke", start="2026-04-11T13:05:00+09:00", minutes=84, factor=30, kind="systemd", zone="Asia/Tokyo", apps=["/srv/moss"],
    files={"/srv/moss/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX,
           "/etc/logrotate.d/nginx": "/var/log/nginx/access.log {\n    size 60k\n    rotate 9\n    missingok\n    create 640 www-data adm\n    sharedscripts\n    postrotate\n        [ ! -f /run/nginx.pid ] || kill -USR1 $(cat /run/nginx.pid)\n    endscript\n}\n",
           "/srv/moss/mizu.sh": "#!/bin/sh\n# 水やりの予定\nsleep 4\nlogger -t mizu '予定なし'\n",
           "/srv/moss/saikidou.sh": "#!/bin/sh\n# 手動用: 再起動\nsystemctl restart moss\n"},
    crontabs={"root": "# 分 時 日 月 曜日\n*/30 * * * * /usr/sbin/logrotate -s /var/lib/logrotate/status /etc/logrotate.d/nginx\n*/12 * * * * /srv/moss/mizu.sh\n#*/15 * * * * /srv/moss/saikidou.sh\n"},
    prepare="mkdir -p /var/log/moss; chmod 755 /var/log/nginx",
    services={"moss": {"description": "Moss garden", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/moss", "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "moss.example.jp", "delay": 60, "visits": [{"perSecond": 0.25, "bots": 0.08, "paths": [[4, "GET", "/beds/{n}"], [1, "GET", "/"]]}],
              "browsers": [{"count": 9, "spread": 15, "emitEvery": 50, "asleep": 240}]},
    collect="""mkdir log conf; cp /srv/moss/server.js /srv/moss/*.sh .; cp /etc/nginx/nginx.conf conf/; cp /etc/logrotate.d/nginx conf/logrotate-nginx; crontab -l > conf/crontab; cp /var/log/moss/moss.log /var/log/syslog log/; cp /var/log/nginx/* log/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause": "No incident: single sockets close (transport close) when a phone goes to sleep and come back at once, never many together; logrotate renames the access log and nginx reopens it; bots get 404. "
        "The restart job in the crontab is commented out.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at("conf/crontab", "logrotate", why="USR1 reopens logs, cuts nothing"), case.at("conf/logrotate-nginx", "kill -USR1", why="reopens logs"), case.at("conf/crontab", "saikidou.sh", why="commented out"),
                     case.whole("saikidou.sh", "for use by hand; did not run"), case.at("conf/crontab", "mizu.sh", why="only logs"), case.whole("mizu.sh", "touches nothing"), case.at("conf/nginx.conf", "proxy_read_timeout 120s", why="longer than the ping")],
        "measured": [case.measure("log/moss.log", "切断"), case.measure("log/moss.log", "起動しました"), case.measure("log/access.log", '" 5[0-9][0-9] ')],
        "how_made": REAL + " (with express, socket.io, winston), and logrotate; systemctl is the lab's supervisor.",
    }  # fmt: skip
