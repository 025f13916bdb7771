# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""logrotate, asked each twenty minutes, rotates nginx' log when it is big enough and then restarts nginx where USR1 would do; all sockets drop."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const { createServer } = require('http');
const { Server } = require('socket.io');
const pino = require('pino');
const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.epochTime });
const server = createServer((req, res) => {
  if (req.url === '/healthz') return res.end('ok');
  return setTimeout(() => res.end(JSON.stringify({ pool: req.url, level: 0.82 })), 80);
});
const io = new Server(server, { pingInterval: 25000, pingTimeout: 20000 });
io.on('connection', (socket) => {
  log.info({ sid: socket.id, open: io.engine.clientsCount }, 'angler connected');
  socket.on('message', () => socket.emit('level', 0.82));
  socket.on('disconnect', (reason) => log.info({ sid: socket.id, reason }, 'angler disconnected'));
});
server.listen(4480, '127.0.0.1', () => log.info({ port: 4480 }, 'brook up'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

ROTATE = """/var/log/nginx/*.log {
    size 90k
    rotate 12
    missingok
    notifempty
    compress
    delaycompress
    create 0640 www-data adm
    sharedscripts
    postrotate
        systemctl restart nginx
    endscript
}
"""

NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    log_format brook '$remote_addr - [$time_iso8601] "$request" $status $body_bytes_sent "$http_user_agent" rt=$request_time';
    access_log /var/log/nginx/access.log brook;
    server {
        listen 80;
        server_name brook.example.ie;
        location / {
            proxy_pass http://127.0.0.1:4480;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 120s;
        }
    }
}
"""
NGINX_SERVICE = "[Unit]\nDescription=A high performance web server and a reverse proxy server\nAfter=network-online.target\n\n[Service]\nType=forking\nPIDFile=/run/nginx.pid\nExecStart=/usr/sbin/nginx -g 'daemon on; master_process on;'\nExecReload=/usr/sbin/nginx -g 'daemon on; master_process on;' -s reload\nKillSignal=SIGQUIT\nTimeoutStopSec=5\nKillMode=mixed\n"
UNIT = "[Unit]\nDescription={}\n\n[Service]\nUser=otter\nExecStart=/usr/bin/node /srv/otter/{}.js\nRestart=on-failure\nRestartSec=2\n"
CRON = """SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
*/20 * * * * root logrotate -s /var/lib/logrotate/status /etc/logrotate.d/nginx
*/20 * * * * otter /srv/otter/bin/levels-to-s3
*/10 * * * * otter /srv/otter/bin/alive
50 4 * * * root systemctl restart otter-mailer
"""
ALIVE = r"""#!/bin/sh
# one line a check for the monthly figures
code=$(curl -s -m 40 -o /dev/null -w '%{http_code}' http://127.0.0.1:4480/healthz)
echo "$(date '+%Y-%m-%d %H:%M:%S') brook $code" >> /var/log/otter/alive.log
"""
HOOK = "#!/bin/sh\n# certbot: a new certificate\nsystemctl reload nginx\n"

INCIDENT = Incident(
    host="otter-1", start="2026-08-12T09:04:00+01:00", minutes=178, factor=46, kind="systemd", zone="Europe/Dublin", apps=["/srv/otter"], users=["otter"],
    files={"/srv/otter/server.js": SERVER, "/srv/otter/mailer.js": "setInterval(() => console.log('mail queue: 0'), 600000);\nprocess.on('SIGTERM', () => process.exit(0));\n", "/etc/logrotate.d/nginx": ROTATE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/otter": CRON, "/srv/otter/bin/alive": ALIVE,
           "/srv/otter/bin/levels-to-s3": "#!/bin/sh\nsleep 15\nlogger -t levels-to-s3 'put 1 object, 8 kB'\n", "/etc/systemd/system/nginx.service": NGINX_SERVICE, "/etc/systemd/system/otter.service": UNIT.format("Otter brook", "server"), "/etc/systemd/system/otter-mailer.service": UNIT.format("Otter mailer", "mailer"),
           "/etc/letsencrypt/renewal-hooks/deploy/nginx.sh": HOOK},
    prepare="mkdir -p /var/log/otter; chown otter: /var/log/otter; touch /var/log/nginx/access.log; chown www-data:adm /var/log/nginx/*.log",
    services={"otter": {"description": "Otter brook", "command": ["/usr/bin/node", "/srv/otter/server.js"], "user": "otter", "restart": "on-failure", "restart_seconds": 2, "log": {"kind": "plain", "path": "/var/log/otter/otter.log"}, "wait": 8},
              "otter-mailer": {"description": "Otter mailer", "command": ["/usr/bin/node", "/srv/otter/mailer.js"], "restart": "on-failure", "log": {"kind": "syslog", "tag": "otter-mailer"}}, "nginx": {**NGINX_UNIT, "description": "A high performance web server and a reverse proxy server", "grace": 5}},
    during=[(66.3, "systemctl restart otter; echo \"$(date '+%F %R') ciara: otter 1.19 (colours of the gauge)\" >> /srv/otter/CHANGES")],
    visitors={"base": "http://127.0.0.1", "host": "brook.example.ie", "delay": 90, "visits": [{"perSecond": 0.35, "bots": 0.04, "aborts": 0.003, "paths": [[5, "GET", "/pools/{n}"], [2, "GET", "/"]]}],
              "browsers": [{"count": 11, "spread": 5, "emitEvery": 70, "log": "/var/log/angler.txt", "tag": "brook"}]},
    collect="""mkdir -p etc/logrotate.d etc/cron.d etc/nginx etc/systemd etc/letsencrypt-deploy-hooks log/nginx srv; cp /etc/logrotate.d/nginx etc/logrotate.d/; cp /etc/cron.d/otter etc/cron.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/systemd/system/nginx.service /etc/systemd/system/otter*.service etc/systemd/; cp /etc/letsencrypt/renewal-hooks/deploy/nginx.sh etc/letsencrypt-deploy-hooks/
cp /var/log/nginx/* log/nginx/; cp /var/log/otter/*.log /var/log/syslog log/; cp /var/lib/logrotate/status log/logrotate-status; cp /srv/otter/server.js /srv/otter/CHANGES /srv/otter/bin/* srv/; mv /var/log/angler.txt browser-console.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    rotate, tab, console, system, app = (
        "etc/logrotate.d/nginx",
        "etc/cron.d/otter",
        "browser-console.txt",
        "log/syslog",
        "log/otter.log",
    )
    restart, job, size = case.at(rotate, "systemctl restart nginx"), case.at(tab, "root logrotate"), case.at(rotate, "size 90k")
    stopping, killed = (
        case.at(system, "Stopping nginx.service"),
        case.at(system, "nginx.service: State 'stop-sigterm' timed out. Killing."),
    )
    closed, lost = case.at(app, '"reason":"transport close"'), case.at(console, "disconnected: transport close")
    refused = case.at(console, "connect_error")
    begun = case.times(system, "Stopping nginx.service")
    return {
        "root_cause_kind": "logrotate-restarts-web-server",
        "root_cause": "logrotate runs each twenty minutes; whenever the access log is over 90 kB it rotates, and its postrotate does `systemctl restart nginx` where Debian's has the USR1 that only reopens logs. nginx is asked to quit, cannot while websockets are open, is killed after five seconds, "
        "and all anglers lose their socket in the same second. The application runs on.",
        "verdict": "root-cause", "culprit": restart, "culprit_alternatives": [case.at(rotate, "postrotate")], "culprit_related": [job, size, stopping, case.at(system, "CMD (logrotate")],
        "chain": [
            hop("job_runs_script", job, case.at(system, "CMD (logrotate")),
            hop("effect_hits_service", restart, stopping, case.at(system, "Started nginx.service", nth=2)),
            hop("process_terminates", killed, stopping, case.at(system, "Stopped nginx.service")),
            hop("termination_closes_connections", closed, lost, killed),
            hop("failure_reaches_clients", lost, refused, closed),
        ],
        "mechanism": ["cron, */20: logrotate for nginx' logs, size 90k", "some runs find the log big enough and rotate: then postrotate restarts nginx", "SIGQUIT; the workers wait for the websockets; after 5 s they are killed", "all sockets: transport close, in one second; browsers find nobody for some seconds", "the next restart is 20 or 40 minutes later, as the traffic goes", "apart from that: release 1.19 at 10:10 restarted the application once, which is where the 502 come from"],
        "innocent": [case.at(tab, "levels-to-s3", why="same minutes, also when nothing drops; only sends"), case.at(tab, "bin/alive", why="every ten minutes, only looks"), case.at(tab, "otter-mailer", why="at 4:50, not in these logs"), case.whole("etc/letsencrypt-deploy-hooks/nginx.sh", "reloads, and only with a new certificate"),
                     case.at("etc/nginx/nginx.conf", "proxy_read_timeout 120s", why="longer than socket.io's ping"), case.whole("srv/levels-to-s3", "touches nothing"), case.at("etc/systemd/nginx.service", "TimeoutStopSec=5", why="Debian's own; only makes the stop short")],
        "period_s": None, "lag_s": None,
        "lags": {"Stopping nginx -> transport close": case.lag(begun, case.times(app, "transport close", 1), 60)},
        "measured": [case.measure(system, "Stopping nginx.service"), case.measure(system, r"CMD \(logrotate"), case.measure(console, "disconnected: transport close"), case.measure(app, '"reason":"transport close"', join=30)],
        "timezones": {app: "milliseconds since 1970", console: "UTC (Z)", "others": "Europe/Dublin (+01:00)"},
        "how_made": REAL + " (with socket.io, pino), and logrotate; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
