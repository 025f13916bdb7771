# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The certificate was renewed on disk days ago, but nginx was never reloaded: the old one expires and clients turn away."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `${i.timestamp} - ${i.level} - ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/payroll/payroll.log' })],
});
const app = express();
app.get('/payslips/:n', (req, res) => setTimeout(() => res.send('pdf'), 200));
app.post('/hours', (req, res) => { log.info('hours booked'); res.status(201).end(); });
app.listen(7070, '127.0.0.1', () => log.info('payroll on 7070'));
"""

RENEW = r"""#!/bin/sh
# renew the certificate of payroll.example.com when less than a day is left
cd /etc/ssl/payroll
if openssl x509 -checkend 86400 -noout -in fullchain.pem > /dev/null; then
    echo "$(date '+%F %T') certificate still good: $(openssl x509 -enddate -noout -in fullchain.pem)"
    exit 0
fi
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 60 -out new.pem 2> /dev/null
mv new.pem fullchain.pem
echo "$(date '+%F %T') certificate renewed: $(openssl x509 -enddate -noout -in fullchain.pem)"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log info;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 443 ssl;
        server_name payroll.example.com;
        ssl_certificate     /etc/ssl/payroll/fullchain.pem;
        ssl_certificate_key /etc/ssl/payroll/key.pem;
        location / { proxy_pass http://127.0.0.1:7070; }
    }
}
"""

CRONTAB = """40 * * * * /usr/local/sbin/renew-payroll-cert.sh >> /var/log/payroll/renew.log 2>&1
*/15 * * * * /usr/local/sbin/sync-hours.sh >> /var/log/payroll/sync.log 2>&1
"""

INCIDENT = Incident(
    host="payroll", start="2026-05-28T12:34:20+01:00", minutes=62, factor=28, kind="systemd", zone="Europe/London", apps=["/srv/payroll"],
    files={"/srv/payroll/server.js": SERVER, "/usr/local/sbin/renew-payroll-cert.sh": RENEW, "/etc/nginx/nginx.conf": NGINX,
           "/usr/local/sbin/sync-hours.sh": "#!/bin/sh\nsleep 4\necho \"$(date '+%F %T') hours in sync\"\n"},
    crontabs={"root": CRONTAB},
    prepare="""mkdir -p /var/log/payroll; cd /etc/ssl; mkdir payroll; cd payroll
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=Payroll-CA -days 900 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=payroll.example.com 2>/dev/null
printf 'subjectAltName=DNS:payroll.example.com' > san
touch index.txt; echo 01 > serial
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca.conf
openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca-key.pem -in request.pem -out fullchain.pem -notext \
  -startdate "$(date -u -d '-1 day' +%Y%m%d%H%M%SZ)" -enddate 20260528120000Z 2>/dev/null""",
    services={"payroll": {"description": "Payroll", "command": ["node", "server.js"], "directory": "/srv/payroll", "restart": "always"}, "nginx": NGINX_UNIT},
    visitors={"base": "https://127.0.0.1", "host": "payroll.example.com", "ca": "/etc/ssl/payroll/ca.pem",
              "visits": [{"perSecond": 0.45, "bots": 0, "paths": [[3, "GET", "/payslips/{n}"], [2, "POST", "/hours", "{}"]]}],
              "monitors": [{"every": 60, "path": "/payslips/1", "address": "192.0.2.33", "agent": "blackbox/0.25", "log": "/var/log/blackbox.log",
                            "name": "https-payroll"}]},
    collect="""mkdir logs nginx sbin; cp /var/log/payroll/*.log /var/log/syslog logs/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
cp /usr/local/sbin/*.sh sbin/; crontab -l > crontab; mv /var/log/blackbox.log monitor.log
openssl x509 -in /etc/ssl/payroll/fullchain.pem -noout -subject -startdate -enddate > certificate-on-disk.txt
echo | openssl s_client -connect 127.0.0.1:443 -servername payroll.example.com 2>/dev/null | openssl x509 -noout -subject -startdate -enddate > certificate-served.txt
systemctl status nginx payroll > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    renew = "sbin/renew-payroll-cert.sh"
    move, job = case.at(renew, "mv new.pem fullchain.pem"), case.at("crontab", "renew-payroll-cert.sh")
    closed = case.at("nginx/error.log", "client closed connection while waiting for request")
    served = case.at("certificate-served.txt", "notAfter=May 28 12:00:00 2026 GMT")
    down = case.at("monitor.log", "DOWN CERT_HAS_EXPIRED")
    return {
        "root_cause_kind": "certificate-not-reloaded",
        "root_cause": "renew-payroll-cert.sh renewed the certificate on disk at 12:40 but never reloads nginx, which goes on serving the old one; "
        "that one expired at 12:00 UTC (13:00 local), and from then on every verifying client hangs up.",
        "verdict": "root-cause", "culprit": move, "culprit_alternatives": [case.at(renew, "certificate renewed:"),
                                                                           case.at(renew, "openssl x509 -req -in request.pem"), served],
        "culprit_related": [job, case.at("nginx/nginx.conf", "ssl_certificate     "), case.at("certificate-on-disk.txt", "notAfter=")],
        "chain": [
            hop("job_runs_script", job, case.at("logs/renew.log", "certificate renewed")),
            hop("configuration_mismatch", served, move, case.at("certificate-on-disk.txt", "notAfter="), case.at("status.txt", "Active:"),
                case.at("logs/renew.log", "certificate renewed")),
            hop("certificate_fails", down, served, closed),
            hop("failure_reaches_clients", down, closed),
        ],
        "mechanism": [
            "cron runs renew-payroll-cert.sh hourly; at 12:40 less than a day is left, it writes a new fullchain.pem",
            "nginx read the old file at its start and is not reloaded", "12:00:00 UTC: the certificate nginx serves expires",
            "clients finish the TLS 1.3 handshake, see the date and hang up: nginx only notes 'client closed connection while waiting for request' "
            "(level info), no request reaches the access log any more; the monitor says CERT_HAS_EXPIRED",
        ],
        "innocent": [
            case.at("crontab", "sync-hours.sh", why="every 15 minutes, also at 13:00"),
            case.whole("logs/payroll.log", "the application is well; it just hears nothing any more"),
        ],
        "period_s": None, "lag_s": None, "lags": {}, "step_change_at": str(case.times("nginx/error.log", "client closed connection while waiting")[0]),
        "measured": [case.measure("nginx/error.log", "client closed connection while waiting"), case.measure("monitor.log", "DOWN"),
                     case.measure("logs/renew.log", "certificate renewed")],
        "timezones": {"nginx, cron": "Europe/London (+01:00, nginx's error log without zone)", "payroll.log, monitor.log": "UTC (Z)",
                      "certificate-*.txt": "GMT"},
        "how_made": REAL + "; the clients are Node's https with the CA's certificate, openssl issued; systemctl is the lab's supervisor.",
    }  # fmt: skip
