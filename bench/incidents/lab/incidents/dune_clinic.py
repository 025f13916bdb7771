# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A name was added and certbot made a second lineage, -0001; that one is renewed and reloaded as it should be, but nginx' portal still names the first, which expires."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'portal', streams: [{ path: '/var/log/portal/portal.log' }] });
const app = express();
app.get('/tider/:n', (req, res) => setTimeout(() => res.json({ tid: req.params.n }), 120));
app.get('/', (req, res) => res.send('<h1>Klinik</h1>'));
app.get('/status', (req, res) => res.json({ ok: true }));
app.post('/booking', express.json(), (req, res) => {
  if (req.body.tid % 45 === 0) { log.warn({ tid: req.body.tid }, 'tid optaget'); return res.status(409).end(); }
  log.info({ tid: req.body.tid }, 'booking');
  return res.status(201).end();
});
const server = app.listen(4600, '127.0.0.1', () => log.info('portal lytter'));
process.on('SIGTERM', () => { log.info('SIGTERM'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

CERTBOT = r"""#!/bin/bash
# stands in for certbot: one lineage, really issued by the machine's own CA
name=klinik.example.dk-0001
live=/etc/letsencrypt/live/$name
line='- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -'
note() { echo "$(date '+%F %T'),$(date +%N | cut -c1-3):$*" >> /var/log/letsencrypt/letsencrypt.log; }
if [ "$1" = certificates ]; then
    printf '%s\nFound the following certs:\n  Certificate Name: %s\n    Domains: klinik.example.dk www.klinik.example.dk\n    Expiry Date: %s\n    Certificate Path: %s/fullchain.pem\n    Private Key Path: %s/privkey.pem\n%s\n' "$line" $name "$(openssl x509 -enddate -noout -in $live/fullchain.pem | cut -d= -f2)" $live $live "$line"
    exit
fi
note "DEBUG:certbot._internal.main:certbot version: 2.1.0"
note "DEBUG:certbot._internal.main:Arguments: ['-q', '--deploy-hook', 'systemctl reload nginx']"
note "INFO:certbot._internal.renewal:Processing /etc/letsencrypt/renewal/$name.conf"
note "INFO:certbot._internal.renewal:Certificate is due for renewal, auto-renewing..."
note "INFO:certbot._internal.client:Renewing an existing certificate for klinik.example.dk and www.klinik.example.dk"
sleep 9
openssl x509 -req -in /root/ca/request.pem -CA /root/ca/ca.pem -CAkey /root/ca/ca-key.pem -CAcreateserial -days 90 -out $live/new.pem 2> /dev/null
mv $live/new.pem $live/fullchain.pem
note "DEBUG:certbot._internal.storage:Writing new certificate to $live/fullchain.pem"
note "INFO:certbot.compat.misc:Running deploy-hook command: systemctl reload nginx"
systemctl reload nginx
note "DEBUG:certbot._internal.display.obj:Notifying user: all renewals succeeded: $live/fullchain.pem (success)"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log info;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    include /etc/nginx/sites-enabled/*.conf;
}
"""
PORTAL = """# bookingportal (2024)
server {
    listen 443 ssl;
    server_name klinik.example.dk;
    ssl_certificate     /etc/letsencrypt/live/klinik.example.dk/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/klinik.example.dk/privkey.pem;
    location / {
        proxy_pass http://127.0.0.1:4600;
        proxy_set_header Host $host;
    }
}
"""
WWW = """# hjemmesiden, april 2026
server {
    listen 443 ssl;
    server_name www.klinik.example.dk;
    ssl_certificate     /etc/letsencrypt/live/klinik.example.dk-0001/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/klinik.example.dk-0001/privkey.pem;
    root /var/www/klinik;
}
"""
RENEWAL = """# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/klinik.example.dk-0001
cert = /etc/letsencrypt/live/klinik.example.dk-0001/cert.pem
privkey = /etc/letsencrypt/live/klinik.example.dk-0001/privkey.pem
chain = /etc/letsencrypt/live/klinik.example.dk-0001/chain.pem
fullchain = /etc/letsencrypt/live/klinik.example.dk-0001/fullchain.pem

[renewalparams]
authenticator = webroot
webroot_path = /var/www/klinik
server = https://acme-v02.api.letsencrypt.org/directory
"""
CRON = """# /etc/cron.d/klinik
12 0,12 * * * root certbot -q renew --deploy-hook "systemctl reload nginx"
*/15 * * * * root /usr/local/bin/sms-reminder >> /var/log/portal/sms.log 2>&1
35 * * * * root /usr/local/bin/db-dump >> /var/log/portal/dump.log 2>&1
"""

INCIDENT = Incident(
    host="klinik", start="2026-07-02T11:51:00+02:00", minutes=74, factor=27, kind="systemd", zone="Europe/Copenhagen", apps=["/srv/portal"],
    files={"/srv/portal/server.js": SERVER, "/usr/local/bin/certbot": CERTBOT, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-enabled/portal.conf": PORTAL, "/etc/nginx/sites-enabled/www.conf": WWW, "/etc/letsencrypt/renewal/klinik.example.dk-0001.conf": RENEWAL,
           "/etc/cron.d/klinik": "PATH=/usr/local/bin:/usr/bin:/bin\n" + CRON, "/usr/local/bin/sms-reminder": "#!/bin/sh\nsleep 5\necho \"$(date '+%F %T') 3 reminders sent\"\n", "/usr/local/bin/db-dump": "#!/bin/sh\nsleep 20\necho \"$(date '+%F %T') dump ok\"\n", "/var/www/klinik/index.html": "<h1>Klinik</h1>\n"},
    prepare="""mkdir -p /var/log/portal /var/log/letsencrypt /root/ca; mkdir -p /etc/letsencrypt/live/klinik.example.dk /etc/letsencrypt/live/klinik.example.dk-0001; chmod 755 /root; cd /root/ca
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=R10 -days 900 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=klinik.example.dk 2>/dev/null
touch index.txt; echo 01 > serial
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nunique_subject=no\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca.conf
L=/etc/letsencrypt/live
openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca-key.pem -in request.pem -out $L/klinik.example.dk/fullchain.pem -notext -startdate 20260403103500Z -enddate 20260702103500Z 2>/dev/null
openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca-key.pem -in request.pem -out $L/klinik.example.dk-0001/fullchain.pem -notext -startdate 20260423081000Z -enddate 20260722081000Z 2>/dev/null
cp key.pem $L/klinik.example.dk/privkey.pem; cp key.pem $L/klinik.example.dk-0001/privkey.pem""",
    services={"portal": {"description": "Bookingportal", "command": ["node", "server.js"], "directory": "/srv/portal", "restart": "always", "wait": 12}, "nginx": NGINX_UNIT},
    during=[(31, 'systemctl restart portal; echo "$(date \'+%F %T\') portal 5.4.1 (tekst paa forsiden)" >> /var/log/portal/deploy.log')],
    visitors={"base": "https://127.0.0.1", "host": "klinik.example.dk", "ca": "/root/ca/ca.pem", "delay": 80,
              "visits": [{"perSecond": 0.4, "bots": 0.04, "aborts": 0.005, "paths": [[4, "GET", "/tider/{n}"], [2, "POST", "/booking", '{"tid":{n}}'], [2, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/status", "address": "192.0.2.80", "agent": "Uptime-Kuma/1.23", "log": "/var/log/kuma.log", "name": "portal"}]},
    collect="""mkdir -p etc/nginx/sites-enabled etc/letsencrypt/renewal etc/cron.d log/nginx log/portal; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/sites-enabled/* etc/nginx/sites-enabled/; cp /etc/letsencrypt/renewal/* etc/letsencrypt/renewal/; tail -n +2 /etc/cron.d/klinik > etc/cron.d/klinik
cp /var/log/nginx/*.log log/nginx/; cp /var/log/portal/*.log log/portal/; cp /var/log/letsencrypt/letsencrypt.log /var/log/syslog log/; mv /var/log/kuma.log uptime-kuma.log; certbot certificates > certbot-certificates.txt
for name in klinik.example.dk www.klinik.example.dk; do echo "== $name"; echo | openssl s_client -connect 127.0.0.1:443 -servername $name 2>/dev/null | openssl x509 -noout -subject -startdate -enddate; done > s_client.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    portal, tab, error, cert = (
        "etc/nginx/sites-enabled/portal.conf",
        "etc/cron.d/klinik",
        "log/nginx/error.log",
        "log/letsencrypt.log",
    )
    line, key = (
        case.at(portal, "ssl_certificate     /etc/letsencrypt/live/klinik.example.dk/fullchain.pem"),
        case.at(portal, "ssl_certificate_key"),
    )
    served, down = (
        case.at("s_client.txt", "notAfter=Jul  2 10:35:00 2026 GMT"),
        case.at("uptime-kuma.log", "DOWN CERT_HAS_EXPIRED"),
    )
    lineage = case.at("certbot-certificates.txt", "Certificate Name: klinik.example.dk-0001")
    renewed, closed = (
        case.at(cert, "all renewals succeeded"),
        case.at(error, "client closed connection while waiting for request", nth=1),
    )
    expired = [
        time
        for time in case.times(error, "client closed connection while waiting")
        if time.hour * 60 + time.minute >= 12 * 60 + 35
    ]
    return {
        "root_cause_kind": "certificate-other-lineage",
        "root_cause": "nginx' portal.conf serves /etc/letsencrypt/live/klinik.example.dk/, a lineage certbot renews no more since -0001 took its place (renewal/ holds only that one). -0001 is renewed at 12:12 and nginx reloaded, but the portal goes on with the first, which expires at 10:35 UTC (12:35).",
        "verdict": "root-cause", "culprit": line, "culprit_alternatives": [key, served], "culprit_related": [lineage, renewed, case.at("etc/letsencrypt/renewal/klinik.example.dk-0001.conf", "fullchain = "), case.at("etc/nginx/sites-enabled/www.conf", "ssl_certificate     ")],
        "chain": [
            hop("configuration_mismatch", line, lineage, case.at("etc/letsencrypt/renewal/klinik.example.dk-0001.conf", "fullchain = "), renewed, served),
            hop("certificate_fails", down, served, closed),
            hop("failure_reaches_clients", down, closed),
        ],
        "mechanism": ["two lineages: klinik.example.dk (old, no renewal file) and klinik.example.dk-0001", "12:12 certbot renews -0001, the deploy hook reloads nginx: all right for www", "portal.conf still names the first; it expires at 12:35:00", "clients end the handshake or hang up at once; Kuma: CERT_HAS_EXPIRED; hardly a request in the access log any more"],
        "innocent": [case.at(tab, "certbot -q renew", why="renews and reloads as it should, the other lineage"), case.at(tab, "db-dump", why="starts at 12:35, the minute of the expiry, and every hour before; only dumps"), case.at(tab, "sms-reminder", why="every quarter of an hour"), case.at("log/portal/deploy.log", "5.4.1", why="a short restart at 12:22, well again at once"),
                     case.whole("log/portal/portal.log", "the application is well")],
        "period_s": None, "lag_s": None, "lags": {}, "step_change_at": str(expired[0]) if expired else None,
        "measured": [case.measure("uptime-kuma.log", "DOWN CERT_HAS_EXPIRED"), case.measure(error, "client closed connection while waiting"), case.measure(cert, "all renewals succeeded")],
        "timezones": {"nginx, cron, letsencrypt.log, deploy.log": "Europe/Copenhagen (+02:00), mostly without zone", "portal.log, uptime-kuma.log": "UTC (Z)", "s_client.txt": "GMT"},
        "how_made": REAL + " (with express, bunyan, openssl); clients are Node's https with the CA's certificate. certbot is a stand-in that really issues with openssl and writes certbot's kind of log; systemctl is the lab's supervisor; the deploy's line was written by its command.",
    }  # fmt: skip
