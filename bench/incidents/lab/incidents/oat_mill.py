# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The certificate between nginx and the service runs out: its renewal has failed every quarter of an hour, into a log nobody reads."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const https = require('https');
const fs = require('fs');
const pino = require('pino');
const log = pino({ name: 'oats' });
const pair = () => ({ cert: fs.readFileSync('/etc/mill/tls/oats.crt'), key: fs.readFileSync('/etc/mill/tls/oats.key') });
const server = https.createServer(pair(), (req, res) => setTimeout(() => res.end(JSON.stringify({ path: req.url, sacks: 12 })), 80));
server.listen(8443, '127.0.0.1', () => log.info('https on 8443'));
server.on('tlsClientError', (error) => log.warn({ code: error.code }, 'tls client error'));
fs.watchFile('/etc/mill/tls/oats.crt', { interval: 30000 }, () => { server.setSecureContext(pair()); log.info('certificate read again'); });
setInterval(() => log.info({ rss: Math.round(process.memoryUsage().rss / 1e6) }, 'alive'), 300000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

RENEW = r"""#!/bin/bash
# reissues the inner certificates when less than two hours are left; the service reads them by itself
cd /etc/mill/tls || exit 1
say() { echo "[$(date '+%d/%b/%Y:%H:%M:%S %z')] $*"; }
for name in oats; do
    if openssl x509 -checkend 7200 -noout -in $name.crt > /dev/null; then
        say "$name: good"
        continue
    fi
    say "$name: due"
    if openssl x509 -req -in $name.csr -CA ../ca/ca.crt -CAkey ../ca/private/ca.key -set_serial 0x$(openssl rand -hex 8) -days 90 -out $name.new; then
        mv $name.new $name.crt
        say "$name: renewed"
    fi
done
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format edge '$remote_addr [$time_local] "$request" $status us=$upstream_status ut=$upstream_response_time';
    access_log /var/log/nginx/access.log edge;
    upstream oats { server 127.0.0.1:8443; }
    server {
        listen 80;
        server_name muehle.example.de;
        location / {
            proxy_pass https://oats;
            proxy_ssl_name oats.mill.internal;
            proxy_ssl_trusted_certificate /etc/mill/ca/ca.crt;
            proxy_ssl_verify on;
            proxy_ssl_session_reuse off;
        }
    }
}
"""

COMPOSE = """services:
  oats:
    image: mill/oats:9
    network_mode: host
    restart: always
    volumes: ["/etc/mill/tls:/etc/mill/tls:ro"]
  edge:
    image: nginx:1.22
    network_mode: host
    restart: always
    volumes: ["/etc/mill/ca:/etc/mill/ca:ro", "./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""

CRONTAB = """*/15 * * * * /opt/mill/renew-inner.sh >> /var/log/mill/renew-inner.log 2>&1
*/15 * * * * /opt/mill/sacks.sh
30 * * * * /opt/mill/restart-labels.sh
"""

INCIDENT = Incident(
    host="muehle", start="2026-08-19T09:03:00+02:00", minutes=128, factor=42, zone="Europe/Berlin", users=["mill"], apps=["/opt/mill"],
    files={"/opt/mill/server.js": SERVER, "/opt/mill/renew-inner.sh": RENEW, "/etc/nginx/nginx.conf": NGINX, "/opt/mill/compose.yaml": COMPOSE,
           "/opt/mill/sacks.sh": "#!/bin/sh\nsleep 5\nlogger -t sacks '240 on the floor'\n", "/opt/mill/restart-labels.sh": "#!/bin/sh\n# the label printer, not the site\nlogger -t labels 'printer restarted'\n",
           "/opt/mill/CHANGES": "2026-08-12  9    flour types\n2026-08-18  -    ca key moved to root only, as the audit asked\n2026-08-19  -    new labels 09:40\n"},
    crontabs={"mill": CRONTAB},
    prepare=r"""mkdir -p /var/log/mill /etc/mill/tls /etc/mill/ca/private; cd /etc/mill/ca
openssl req -x509 -newkey rsa:2048 -nodes -keyout private/ca.key -out ca.crt -subj /CN=Mill-CA -days 900 2>/dev/null
cd ../tls; openssl req -newkey rsa:2048 -nodes -keyout oats.key -out oats.csr -subj /CN=oats.mill.internal 2>/dev/null
touch index.txt; echo 01 > serial
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=DNS:oats.mill.internal\n' > ca.conf
openssl ca -batch -config ca.conf -cert ../ca/ca.crt -keyfile ../ca/private/ca.key -in oats.csr -out oats.crt -notext -startdate "$(date -u -d '-90 day' +%Y%m%d%H%M%SZ)" -enddate 20260819081500Z 2>/dev/null
rm -f index* serial* ca.conf 01.pem; chown -R mill: /etc/mill/tls /var/log/mill; chmod 700 /etc/mill/ca/private; chmod 755 /etc/mill /etc/mill/ca""",
    services={"oats": {"container": "mill-oats-1", "image": "mill/oats:9", "command": ["node", "server.js"], "directory": "/opt/mill", "restart": "always", "log": {"kind": "json", "path": "/var/log/mill/oats-json.log"}, "wait": 8},
              "edge": {**NGINX_CONTAINER, "container": "mill-edge-1"}},
    visitors={"base": "http://127.0.0.1", "host": "muehle.example.de", "delay": 60, "visits": [{"perSecond": 0.25, "bots": 0.05, "paths": [[4, "GET", "/sacks/{n}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 120, "path": "/", "address": "192.0.2.9", "agent": "uptime/4", "log": "/var/log/uptime.log", "name": "muehle"}]},
    collect="""mkdir -p inner edge; cp /var/log/mill/* inner/; cp /opt/mill/renew-inner.sh /opt/mill/sacks.sh /opt/mill/restart-labels.sh /opt/mill/compose.yaml /opt/mill/server.js /opt/mill/CHANGES inner/; crontab -u mill -l > inner/crontab; cp /var/log/nginx/*.log /etc/nginx/nginx.conf edge/; mv /var/log/uptime.log .
openssl x509 -in /etc/mill/tls/oats.crt -noout -subject -dates > inner/oats.crt.txt; stat -c '%A %U:%G %n' /etc/mill/ca /etc/mill/ca/* /etc/mill/tls/* > inner/modes.txt; cp /var/log/syslog host-syslog; docker ps > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, renewed, tab = "edge/error.log", "inner/renew-inner.log", "inner/crontab"
    expired, ends, due = (
        case.at(errors, "upstream SSL certificate verify error: (10:certificate has expired)"),
        case.at("inner/oats.crt.txt", "notAfter=Aug 19 08:15:00 2026 GMT"),
        case.at(renewed, "oats: due"),
    )
    denied, issue, job = (
        case.at(renewed, "Permission denied"),
        case.at("inner/renew-inner.sh", "-CAkey ../ca/private/ca.key"),
        case.at(tab, "renew-inner.sh"),
    )
    down, failed = case.at("uptime.log", "DOWN 502"), case.at("edge/access.log", '" 502 ')
    return {
        "root_cause_kind": "upstream-certificate-expired",
        "root_cause": "The certificate with which nginx knows the service ended at 08:15 UTC (10:15 local): proxy_ssl_verify refuses it, 502 for everything since. Its renewal has been failing every quarter of an hour because mill can no longer read the CA's key, made root's the day before.",
        "verdict": "root-cause", "culprit": ends, "culprit_alternatives": [denied, issue, job, expired, case.at("inner/CHANGES", "ca key moved to root only"), due, case.at("edge/nginx.conf", "proxy_ssl_verify on")],
        "culprit_related": [case.at("inner/modes.txt", "/etc/mill/ca/private")],
        "chain": [
            hop("certificate_fails", expired, ends, denied, due),
            hop("failure_reaches_clients", failed, down, expired),
        ],
        "mechanism": ["2026-08-18: the CA's key becomes readable for root alone", "cron of mill, every quarter of an hour: 'oats: due', then openssl: Permission denied", "08:15:00 UTC: the certificate ends", "nginx: upstream SSL certificate verify error: (10:certificate has expired), 502 for everybody; the service itself is well"],
        "innocent": [case.at(tab, "sacks.sh", why="every quarter of an hour, only logs"), case.at(tab, "restart-labels.sh", why="at :30, a label printer"), case.whole("inner/restart-labels.sh", "only logs"), case.at("inner/CHANGES", "new labels", why="after the expiry or before it, nothing to do with it"),
                     case.at("inner/compose.yaml", "restart: always", why="nothing ended"), case.whole("inner/oats-json.log", "the service is well; it hears nothing any more")],
        "period_s": None, "lag_s": 0, "step_change_at": str(case.times(errors, "certificate has expired")[0]),
        "measured": [case.measure(errors, "certificate has expired"), case.measure("edge/access.log", '" 502 '), case.measure("uptime.log", "DOWN 502"), case.measure(renewed, "oats: due")],
        "timezones": {"nginx, cron, renew-inner.log": "Europe/Berlin (+02:00)", "oats.crt.txt": "GMT", "uptime.log": "UTC (Z)", "oats-json.log": "epoch ms and UTC"},
        "how_made": REAL.replace("curl", "openssl") + " (with pino); docker is the lab's supervisor.",
    }  # fmt: skip
