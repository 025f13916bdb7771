# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A certificate lives two hours; the renewal's deploy hook restarts nginx and the service where a reload would do, and every gauge reconnects."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const { createServer } = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} ${i.level}: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/weir/weir.log' })],
});
const server = createServer((req, res) => setTimeout(() => res.end('{"level":1.84}'), 60));
const io = new Server(server);
io.on('connection', (socket) => {
  log.info(`gauge ${socket.id} online (${io.engine.clientsCount})`);
  socket.on('disconnect', (reason) => log.info(`gauge ${socket.id} offline: ${reason}`));
});
server.listen(7350, '127.0.0.1', () => log.info('weir service ready'));
process.on('SIGTERM', () => { log.info('SIGTERM received'); process.exit(0); });
"""

RENEW = r"""#!/bin/bash
# internal certificates live for two hours; run half-hourly, renews when less than 70 minutes are left
set -e
dir=/etc/pki/weir
log() { echo "$(date '+%Y-%m-%d %H:%M:%S %z') $*" >> /var/log/weir/renew.log; }
if openssl x509 -checkend 4200 -noout -in $dir/weir.crt > /dev/null; then
    log "weir.crt: not yet due"
    exit 0
fi
from=$(date -u -d '-1 min' +%Y%m%d%H%M%SZ)
to=$(date -u -d '+119 min' +%Y%m%d%H%M%SZ)
openssl ca -batch -config $dir/ca.conf -in $dir/weir.csr -out $dir/weir.crt -notext -startdate "$from" -enddate "$to" 2> /dev/null
log "weir.crt: renewed until $to"
for hook in $dir/deploy.d/*; do
    log "hook ${hook##*/}"
    "$hook"
done
"""

HOOK = """#!/bin/sh
# everything that has read the certificate must read it again
systemctl restart nginx.service weir.service
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    log_format tls '$remote_addr [$time_local] $ssl_protocol "$request" $status $body_bytes_sent $request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log tls;
    server {
        listen 443 ssl;
        server_name weir.example.net;
        ssl_certificate /etc/pki/weir/weir.crt;
        ssl_certificate_key /etc/pki/weir/weir.key;
        location / {
            proxy_pass http://127.0.0.1:7350;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 10m;
        }
    }
}
"""

CRONTAB = """# m h dom mon dow command
MAILTO=""
*/30 * * * * /usr/local/sbin/renew-weir
*/30 * * * * /usr/local/sbin/levels-to-hq
*/30 * * * * /usr/local/sbin/sluice-report
5 0 * * * /usr/local/sbin/restart-radio
"""

INCIDENT = Incident(
    host="weir1", start="2026-10-14T05:10:20+02:00", minutes=250, factor=70, kind="systemd", zone="Europe/Brussels", apps=["/srv/weir"],
    files={"/srv/weir/server.js": SERVER, "/usr/local/sbin/renew-weir": RENEW, "/etc/pki/weir/deploy.d/50-services": HOOK, "/etc/nginx/nginx.conf": NGINX,
           "/etc/pki/weir/deploy.d/10-modes": "#!/bin/sh\nchmod 640 /etc/pki/weir/weir.key\n", "/etc/pki/weir/deploy.d/90-note": "#!/bin/sh\nlogger -t renew-weir 'certificate deployed'\n",
           "/usr/local/sbin/levels-to-hq": "#!/bin/sh\nsleep 8\nlogger -t levels 'sent 48 readings'\n", "/usr/local/sbin/sluice-report": "#!/bin/sh\nsleep 20\nlogger -t sluice 'report 2 pages'\n",
           "/usr/local/sbin/restart-radio": "#!/bin/sh\nsystemctl restart radio-link\n"},
    crontabs={"root": CRONTAB},
    prepare=r"""mkdir -p /var/log/weir; cd /etc/pki/weir
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=Weir-CA -days 900 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout weir.key -out weir.csr -subj /CN=weir.example.net 2>/dev/null
touch index.txt; echo unique_subject=no > index.txt.attr; echo 01 > serial; chmod 755 deploy.d/*
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=/etc/pki/weir/index.txt\nserial=/etc/pki/weir/serial\nnew_certs_dir=/etc/pki/weir\ncertificate=/etc/pki/weir/ca.pem\nprivate_key=/etc/pki/weir/ca.key\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' > ca.conf
openssl ca -batch -config ca.conf -in weir.csr -out weir.crt -notext -startdate "$(date -u -d '-1 min' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d '+100 min' +%Y%m%d%H%M%SZ)" 2>/dev/null""",
    services={"weir": {"description": "Weir service", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/weir", "restart": "on-failure", "wait": 10}, "nginx": {**NGINX_UNIT, "grace": 15}},
    visitors={"base": "https://127.0.0.1", "host": "weir.example.net", "delay": 90, "visits": [{"perSecond": 0.12, "bots": 0.02, "paths": [[3, "GET", "/levels/{n}"], [1, "GET", "/"]]}],
              "browsers": [{"count": 12, "spread": 8, "emitEvery": 60}]},
    collect="""mkdir -p pki/deploy.d sbin logs/nginx; cp /etc/pki/weir/deploy.d/* pki/deploy.d/; cp /usr/local/sbin/* sbin/; crontab -l > root-crontab.txt; cp /var/log/weir/*.log logs/; cp /var/log/syslog logs/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf logs/nginx/
openssl x509 -in /etc/pki/weir/weir.crt -noout -subject -dates > pki/weir.crt.txt; cp /srv/weir/server.js .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    hook, renew, app = "pki/deploy.d/50-services", "sbin/renew-weir", "logs/weir.log"
    restart, job, said = (
        case.at(hook, "systemctl restart nginx.service weir.service"),
        case.at("root-crontab.txt", "renew-weir"),
        case.at("logs/renew.log", "hook 50-services"),
    )
    stopped, stopping, refused = (
        case.at(app, "SIGTERM received"),
        case.at("logs/syslog", "Stopping nginx.service"),
        case.at("logs/nginx/error.log", "111: Connection refused"),
    )
    renewals = case.times("logs/renew.log", "hook 50-services")
    return {
        "root_cause_kind": "certificate-hook-restarts",
        "root_cause": "The certificate of two hours is renewed every hour, and the deploy hook 50-services answers that with `systemctl restart nginx weir` where `reload nginx` would do (weir does not even read the certificate): every gauge loses its socket and visitors meet closed ports.",
        "verdict": "root-cause", "culprit": restart, "culprit_alternatives": [case.at(renew, '    "$hook"')], "culprit_related": [job, said, case.at(renew, "for hook in")],
        "chain": [
            hop("job_runs_script", job),
            hop("script_calls_script", case.at(renew, "for hook in"), case.at(renew, '    "$hook"'), said),
            hop("effect_hits_service", restart, said, stopping),
            hop("process_terminates", stopped, stopping, case.at("logs/syslog", "Stopping weir.service")),
            hop("termination_refuses_connections", refused, stopped, stopping),
            hop("failure_reaches_clients", case.at("logs/nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["cron runs renew-weir each half hour; every second time less than 70 minutes are left", "a new certificate; the hooks run in order", "50-services restarts nginx and weir: all sockets end", "weir takes most of a minute to be there again: connect() failed (111), 502 for every gauge that comes back",
                      "`systemctl reload nginx` would have been enough"],
        "innocent": [case.at("root-crontab.txt", "levels-to-hq", why="same half hours, only logs"), case.at("root-crontab.txt", "sluice-report", why="same half hours, only logs"), case.at("root-crontab.txt", "restart-radio", why="not in these hours, another service"),
                     case.whole("pki/deploy.d/10-modes", "only a mode"), case.whole("pki/deploy.d/90-note", "only logs"), case.at("logs/nginx/nginx.conf", "proxy_read_timeout 10m", why="longer than socket.io's ping")],
        "period_s": 3600, "lag_s": 42,
        "lags": {"hook -> SIGTERM": case.lag(renewals, case.times(app, "SIGTERM received"), 60)},
        "measured": [case.measure("logs/renew.log", "hook 50-services"), case.measure(app, "SIGTERM received"), case.measure("logs/nginx/error.log", "111: Connection refused", join=120), case.measure("logs/nginx/access.log", '" 502 ', join=120)],
        "timezones": {"all": "Europe/Brussels; syslog, weir.log and nginx's error log without zone"},
        "how_made": REAL.replace("curl", "openssl") + " (with socket.io, winston); systemctl is the lab's supervisor; an inner CA that renews hourly stands for certbot with a deploy hook.",
    }  # fmt: skip
