# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The renewal hook copies the new key readable for root alone and restarts the server, which runs as another user."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const https = require('https');
const fs = require('fs');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'MMM D HH:mm:ss' }), winston.format.errors({ stack: true }), winston.format.printf((i) => `${i.timestamp} wool[${process.pid}] ${i.level}: ${i.stack || i.message}`)),
  transports: [new winston.transports.Console()],
});
const tls = '/srv/wool/tls';
try {
  https.createServer({ key: fs.readFileSync(`${tls}/key.pem`), cert: fs.readFileSync(`${tls}/cert.pem`) }, (req, res) => setTimeout(() => res.end('<h1>wool</h1>'), 40))
    .listen(8443, '127.0.0.1', () => log.info('wool shop on 8443'));
} catch (error) {
  log.error(error);
  process.exitCode = 1;
}
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

RENEW = """#!/bin/bash
# Renews the certificate of the inner connection (proxy -> shop), from our own CA
set -euo pipefail
cd /etc/inner-ca
left=$(( ($(date -d "$(openssl x509 -enddate -noout -in issued/wool.pem | cut -d= -f2)" +%s) - $(date +%s)) / 86400 ))
logger -t inner-ca "wool.pem: $left days left"
(( left > 10 )) && exit 0
openssl req -new -newkey rsa:2048 -nodes -keyout issued/wool.key -out /tmp/wool.csr -subj /CN=wool.inner 2> /dev/null
openssl x509 -req -in /tmp/wool.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -out issued/wool.pem 2> /dev/null
logger -t inner-ca "wool.pem: renewed"
for hook in hooks/*.sh; do "$hook"; done
"""

HOOK = """#!/bin/bash
# the shop reads its certificate only at start
install -m 600 /etc/inner-ca/issued/wool.key /srv/wool/tls/key.pem
install -m 644 /etc/inner-ca/issued/wool.pem /srv/wool/tls/cert.pem
systemctl restart wool
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name wool.example.co.uk;
        location / { proxy_pass https://127.0.0.1:8443; }
    }
}
"""

PREPARE = """cd /etc/inner-ca && mkdir -p issued
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -subj '/CN=Inner CA' 2> /dev/null
openssl req -new -newkey rsa:2048 -nodes -keyout issued/wool.key -out /tmp/w.csr -subj /CN=wool.inner 2> /dev/null
openssl x509 -req -in /tmp/w.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -out issued/wool.pem 2> /dev/null
mkdir -p /srv/wool/tls; cp issued/wool.key /srv/wool/tls/key.pem; cp issued/wool.pem /srv/wool/tls/cert.pem; chmod 640 /srv/wool/tls/key.pem; chown root:wool /srv/wool/tls/key.pem"""

INCIDENT = Incident(
    host="loom", start="2026-03-24T13:32:00+00:00", minutes=62, factor=26, kind="systemd", zone="Europe/London", users=["wool"], apps=["/srv/wool"],
    files={"/srv/wool/server.js": SERVER, "/etc/inner-ca/renew.sh": RENEW, "/etc/inner-ca/hooks/wool.sh": HOOK, "/etc/nginx/nginx.conf": NGINX,
           "/srv/wool/yarn-feed.sh": "#!/bin/sh\nsleep 6\nlogger -t yarn-feed '210 yarns'\n",
           "/etc/cron.d/wool": "# m h dom mon dow user command\n17 2,14 * * * root /etc/inner-ca/renew.sh\n*/15 * * * * wool /srv/wool/yarn-feed.sh\n",
           "/etc/systemd/system/wool.service": "[Unit]\nDescription=Wool shop\n\n[Service]\nUser=wool\nWorkingDirectory=/srv/wool\nExecStart=/usr/bin/node server.js\nStandardOutput=append:/var/log/wool.log\nStandardError=inherit\nRestart=always\nRestartSec=10\n"},
    prepare=PREPARE,
    services={"wool": {"description": "Wool shop", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/wool", "user": "wool", "restart": "always", "restart_seconds": 10, "log": {"kind": "plain", "path": "/var/log/wool.log"}, "wait": 8},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "wool.example.co.uk", "delay": 120, "visits": [{"perSecond": 0.25, "bots": 0.04, "paths": [[1, "GET", "/"], [3, "GET", "/yarn/{n}"]]}]},
    collect="""mkdir -p etc/inner-ca/hooks etc/cron.d etc/nginx etc/systemd/system srv/wool/tls var/log/nginx; cp /etc/inner-ca/renew.sh etc/inner-ca/; cp /etc/inner-ca/hooks/wool.sh etc/inner-ca/hooks/; cp /etc/cron.d/wool etc/cron.d/
cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/systemd/system/wool.service etc/systemd/system/; cp /srv/wool/server.js /srv/wool/yarn-feed.sh srv/wool/; cp /srv/wool/tls/cert.pem srv/wool/tls/; cp /var/log/wool.log /var/log/syslog var/log/; cp /var/log/nginx/*.log var/log/nginx/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log = "etc/inner-ca/hooks/wool.sh", "var/log/wool.log"
    mode, restart, job = (
        case.at(script, "install -m 600"),
        case.at(script, "systemctl restart wool"),
        case.at("etc/cron.d/wool", "renew.sh"),
    )
    renewed, error = (
        case.at("var/log/syslog", "wool.pem: renewed"),
        case.at(log, "EACCES: permission denied, open '/srv/wool/tls/key.pem'"),
    )
    exited, refused = (
        case.at("var/log/syslog", "wool.service: Main process exited, code=exited, status=1/FAILURE"),
        case.at("var/log/nginx/error.log", "111: Connection refused"),
    )
    failed = case.at("var/log/nginx/access.log", '" 502 ')
    return {
        "root_cause_kind": "renewal-hook-key-unreadable",
        "root_cause": "The renewal at 14:17 ran hooks/wool.sh, which installs the new key with mode 600 for root and restarts the shop; the unit runs as User=wool, which may not read it: EACCES at each start, "
        "a crash loop every ten seconds and 502 for everybody until the end of the log.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": mode, "culprit_alternatives": [restart, case.at("etc/systemd/system/wool.service", "User=wool")], "culprit_related": [job, renewed, error],
        "chain": [
            hop("job_runs_script", job, case.at("var/log/syslog", "CMD (/etc/inner-ca/renew.sh)"), renewed),
            hop("script_calls_script", case.at("etc/inner-ca/renew.sh", "for hook in hooks/*.sh"), mode, restart),
            hop("effect_hits_service", restart, mode, case.at("var/log/syslog", "Stopping wool.service")),
            hop("crash_ends_process", error, exited),
            hop("supervisor_restarts_process", case.at("var/log/syslog", "wool.service: Scheduled restart job"), case.at("etc/systemd/system/wool.service", "Restart=always")),
            hop("termination_refuses_connections", refused, exited, error),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron runs renew.sh at 14:17, eight days are left, it renews and runs its hooks", "wool.sh: install -m 600 (root), systemctl restart wool", "the server runs as wool: EACCES: permission denied, open key.pem, exit status 1",
                      "systemd starts it again every ten seconds, in vain", "connect() failed (111), 502"],
        "innocent": [case.at("etc/cron.d/wool", "yarn-feed.sh", why="every quarter of an hour, only logs"), case.whole("srv/wool/yarn-feed.sh", "touches nothing"), case.at("etc/systemd/system/wool.service", "Restart=always", why="repeats the crash, is not its cause"),
                     case.whole("srv/wool/tls/cert.pem", "new and valid")],
        "period_s": None, "lag_s": case.lag(case.times("var/log/syslog", "wool.pem: renewed"), case.times(log, "EACCES"), 300), "step_change_at": str(case.times(log, "EACCES")[0]),
        "measured": [case.measure(log, "EACCES.*key.pem"), case.measure("var/log/syslog", "status=1/FAILURE"), case.measure("var/log/nginx/error.log", "111: Connection refused"), case.measure("var/log/nginx/access.log", '" 502 ')],
        "how_made": REAL + " (with winston) and openssl; systemctl is the lab's supervisor.",
    }  # fmt: skip
