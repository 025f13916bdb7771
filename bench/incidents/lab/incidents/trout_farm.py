# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""One certificate, two servers: the renewal reloads nginx alone, the Node service for the pond loggers goes on with the old one, which runs out a week later."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('fs');
const http = require('http');
const https = require('https');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'ponds' });

const tls = '/etc/ssl/orret';
const last = new Map();
const readings = https.createServer({ key: fs.readFileSync(`${tls}/privkey.pem`), cert: fs.readFileSync(`${tls}/fullchain.pem`) }, (req, res) => {
  if (req.method !== 'POST') { res.statusCode = 404; return res.end(); }
  let body = '';
  req.on('data', (part) => { body += part; });
  return req.on('end', () => {
    const { pond, o2 } = JSON.parse(body);
    last.set(pond, { at: new Date(), up: process.uptime() });
    log.info({ pond, o2 }, 'reading');
    res.statusCode = 204;
    res.end();
  });
});
readings.on('secureConnection', (socket) => socket.on('close', () => {
  if (socket.bytesRead === 0) log.debug({ from: socket.remoteAddress }, 'closed without a request');
}));
readings.on('tlsClientError', (error, socket) => log.warn({ from: socket.remoteAddress, code: error.code }, 'tls client error'));
readings.listen(8443, () => log.info('readings on 8443 (tls)'));

// for the office, behind nginx
http.createServer((req, res) => setTimeout(() => {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(Object.fromEntries([...last].map(([pond, { at }]) => [pond, at]))));
}, 150)).listen(8090, '127.0.0.1');

setInterval(() => {
  for (const [pond, { at, up }] of last) if (process.uptime() - up > 600) log.error({ pond, since: at }, 'no reading for ten minutes, calling the watchman');
}, 300000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

RENEW = r"""#!/bin/bash
# Sertifikat for orret.example.no fra vår egen CA (90 dager). Daglig; fornyer når det er en uke igjen.
set -euo pipefail
cd /etc/ssl/orret
left=$(( ($(date -d "$(openssl x509 -enddate -noout -in fullchain.pem | cut -d= -f2)" +%s) - $(date +%s)) / 86400 ))
echo "$(date '+%Y-%m-%d %H:%M:%S') $left dager igjen"
(( left > 6 )) && exit 0
openssl req -new -newkey rsa:2048 -nodes -keyout new.key -out new.csr -subj /CN=orret.example.no 2> /dev/null
openssl x509 -req -in new.csr -CA ca/ca.pem -CAkey ca/ca.key -CAcreateserial -days 90 -extfile ca/san.cnf -out new.pem 2> /dev/null
chown root:orret new.key && chmod 640 new.key
mv new.key privkey.pem && mv new.pem fullchain.pem && rm new.csr
echo "$(date '+%Y-%m-%d %H:%M:%S') fornyet: $(openssl x509 -noout -enddate -in fullchain.pem)"
run-parts --exit-on-error deploy.d
echo "$(date '+%Y-%m-%d %H:%M:%S') deploy.d ok"
"""

DEPLOY = "#!/bin/sh\n# ta det nye sertifikatet i bruk\n/usr/sbin/nginx -t -q && systemctl reload nginx\n"

OXYGEN = r"""#!/bin/bash
# the fixed probe at the outlet (pond 0) has no logger of its own
o2=$(( 88 + RANDOM % 9 ))
curl -sS -m 30 --cacert /etc/ssl/orret/ca/ca.pem -o /dev/null -d "{\"pond\":0,\"o2\":$o2}" https://orret.example.no:8443/v1/readings 2>&1 | logger -t outlet-probe
exit 0
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name orret.example.no;
        return 301 https://$host$request_uri;
    }
    server {
        listen 443 ssl;
        server_name orret.example.no;
        ssl_certificate     /etc/ssl/orret/fullchain.pem;
        ssl_certificate_key /etc/ssl/orret/privkey.pem;
        location / { proxy_pass http://127.0.0.1:8090; }
    }
}
"""

NOTES = """2026-11-03  pond logger 5 moved to the new basin (Kari)
2026-11-09  ca. 08:30  logger firmware 2.4 rolled out to all six (Kari)
2026-11-09  09:03  watchman called: no oxygen from any pond. Web page is fine, certificate in the browser valid until February.
                   Rolled logger 2 back to firmware 2.3, no difference. (Kari)
"""

PREPARE = """cd /etc/ssl/orret && mkdir -p ca
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca/ca.key -out ca/ca.pem -days 3650 -subj '/CN=Orret CA' 2> /dev/null
echo 'subjectAltName=DNS:orret.example.no' > ca/san.cnf
openssl req -new -newkey rsa:2048 -nodes -keyout privkey.pem -out /tmp/o.csr -subj /CN=orret.example.no 2> /dev/null
CLOCK_SKEW=-7254900 openssl x509 -req -in /tmp/o.csr -CA ca/ca.pem -CAkey ca/ca.key -CAcreateserial -days 90 -extfile ca/san.cnf -out fullchain.pem 2> /dev/null
chown root:orret privkey.pem; chmod 640 privkey.pem; rm /tmp/o.csr; mkdir -p /var/log/loggers"""

LOGGER = {
    "base": "https://127.0.0.1:8443",
    "path": "/v1/readings",
    "method": "POST",
    "agent": "pondlog/2.3",
    "every": 150,
    "jitter": 20,
}

INCIDENT = Incident(
    host="orret", start="2026-11-03T08:00:00+01:00", minutes=90, factor=30, kind="systemd", zone="Europe/Oslo", users=["orret"], apps=["/srv/ponds"],
    files={"/srv/ponds/ponds.js": SERVER, "/etc/ssl/orret/renew.sh": RENEW, "/etc/ssl/orret/deploy.d/nginx": DEPLOY, "/usr/local/bin/outlet-probe": OXYGEN, "/etc/nginx/nginx.conf": NGINX, "/srv/ponds/NOTES": NOTES, "/etc/hosts": "127.0.0.1 localhost orret orret.example.no\n",
           "/etc/systemd/system/ponds.service": "[Unit]\nDescription=Pond readings\n\n[Service]\nUser=orret\nWorkingDirectory=/srv/ponds\nExecStart=/usr/bin/node ponds.js\nStandardOutput=append:/var/log/ponds.log\nRestart=always\n",
           "/usr/local/bin/backup": "#!/bin/sh\nsleep 20\nlogger -t backup 'ponds.log and configuration to the office NAS, ok'\n"},
    crontabs={"root": "# m h dom mon dow command\n10 8 * * * /etc/ssl/orret/renew.sh >> /var/log/renew.log 2>&1\n*/5 * * * * /usr/local/bin/outlet-probe\n50 * * * * /usr/local/bin/backup\n"}, prepare=PREPARE,
    services={"ponds": {"description": "Pond readings", "command": ["/usr/bin/node", "ponds.js"], "directory": "/srv/ponds", "user": "orret", "restart": "always", "log": {"kind": "plain", "path": "/var/log/ponds.log"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "https://127.0.0.1", "host": "orret.example.no", "ca": "/etc/ssl/orret/ca/ca.pem", "delay": 70,
              "visits": [{"perSecond": 0.12, "bots": 0.1, "aborts": 0.03, "abortAfter": 0.3, "paths": [[4, "GET", "/"], [3, "GET", "/ponds/{n}"]]}],
              "monitors": [*({**LOGGER, "offset": 11 * n, "address": f"198.51.100.{20 + n}", "body": f'{{"pond":{n},"o2":{88 + n}}}', **({"log": f"/var/log/loggers/logger-{n}.log", "name": f"logger-{n}"} if n in (2, 5) else {})} for n in range(1, 7)),
                           {"path": "/robots.txt", "base": "http://127.0.0.1", "every": 170, "jitter": 60, "address": "192.0.2.88", "agent": "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)"}]},
    during=[(21, "leap 518400"), (88.5, "(echo '== disk'; openssl x509 -noout -serial -dates -in /etc/ssl/orret/fullchain.pem; for p in 443 8443; do echo \"== orret.example.no:$p\"; openssl s_client -connect 127.0.0.1:$p -servername orret.example.no < /dev/null 2> /dev/null | openssl x509 -noout -serial -dates; done) > /root/tls.txt; date >> /root/tls.txt")],
    collect="""mkdir -p etc/ssl/orret/deploy.d etc/nginx var/log/nginx srv bin; cp /etc/ssl/orret/renew.sh etc/ssl/orret/; cp /etc/ssl/orret/deploy.d/nginx etc/ssl/orret/deploy.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/systemd/system/ponds.service etc/; cp /var/log/nginx/*.log var/log/nginx/
cp /var/log/ponds.log /var/log/renew.log /var/log/syslog var/log/; cp /var/log/loggers/*.log .; cp /srv/ponds/ponds.js /srv/ponds/NOTES srv/; cp /usr/local/bin/outlet-probe /usr/local/bin/backup bin/; crontab -l > crontab-root; cp /root/tls.txt .; systemctl status ponds nginx > systemctl-status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, told, system, renewed = "var/log/ponds.log", "logger-2.log", "var/log/syslog", "var/log/renew.log"
    hook, read = (
        case.at("etc/ssl/orret/deploy.d/nginx", "systemctl reload nginx"),
        case.at("srv/ponds.js", "readFileSync(`${tls}/fullchain.pem`)"),
    )
    fresh, since = case.at(renewed, "fornyet: notAfter="), case.at("systemctl-status.txt", "2026-11-03")
    served = case.at("tls.txt", "notAfter=Nov  9")
    down, curl = case.at(told, "DOWN CERT_HAS_EXPIRED"), case.at(system, "certificate has expired")
    silent = case.at(log, "no reading for ten minutes")
    return {
        "root_cause_kind": "renewed-certificate-not-loaded",
        "root_cause": "On 3 November renew.sh put a new certificate on the disk and deploy.d reloaded nginx alone. ponds.service reads the same files once, at its start, and was not restarted: on 8443 it went on with the old certificate, which ran out on 9 November at 08:46; "
        "from then on every pond logger and the outlet's curl refuse it, and no reading arrives.",
        "verdict": "root-cause", "culprit": hook, "culprit_alternatives": [read, served, case.at("etc/ssl/orret/renew.sh", "run-parts --exit-on-error deploy.d")], "culprit_related": [fresh, since, case.at("crontab-root", "renew.sh"), down, curl],
        "chain": [
            hop("job_runs_script", case.at("crontab-root", "renew.sh"), case.at(system, "CMD (/etc/ssl/orret/renew.sh"), fresh),
            hop("script_calls_script", case.at("etc/ssl/orret/renew.sh", "run-parts --exit-on-error deploy.d"), hook, case.at(renewed, "deploy.d ok")),
            hop("configuration_mismatch", hook, read, served, since, fresh),
            hop("certificate_fails", down, curl, served),
            hop("failure_reaches_clients", down, silent, curl),
        ],
        "mechanism": ["3 November 08:10: six days left, renew.sh renews, deploy.d reloads nginx", "ponds.js read key and certificate at its start (before) and has run ever since", "9 November 08:46: notAfter of what 8443 serves; 443 serves the new one",
                      "loggers: CERT_HAS_EXPIRED, curl: (60) certificate has expired", "no reading for ten minutes, for every pond"],
        "innocent": [case.at("srv/NOTES", "logger firmware 2.4", why="half an hour before; readings arrived after it, and curl on the server fails as well"), case.at("srv/NOTES", "pond logger 5 moved", why="a week before"), case.at("crontab-root", "/usr/local/bin/backup", why="only copies"),
                     case.at("etc/nginx/nginx.conf", "ssl_certificate     ", why="nginx was reloaded and serves the new one"), case.at(system, "Reloaded nginx", why="as it should be"), case.at("crontab-root", "outlet-probe", why="a victim")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(told, "CERT_HAS_EXPIRED", 1)[0]),
        "measured": [case.measure(told, "CERT_HAS_EXPIRED"), case.measure("logger-5.log", "CERT_HAS_EXPIRED"), case.measure(told, "up 204"), case.measure(system, "certificate has expired"), case.measure(log, '"msg":"tls client error"'), case.measure(log, '"msg":"reading"')],
        "timezones": {"logger-*.log, var/log/ponds.log": "UTC", "others": "Europe/Oslo (+01:00)"},
        "how_made": REAL + " with bunyan and openssl; systemctl is the lab's supervisor. After twenty-one minutes of 3 November the wall clock leapt to 9 November.",
    }  # fmt: skip
