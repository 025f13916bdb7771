# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A rule against dot files also forbids /.well-known/acme-challenge: the CA cannot validate, each renewal fails, and the short-lived certificate runs out."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const pino = require('pino');
const log = pino({ name: 'biglie' });
http.createServer((req, res) => {
  const end = (status, body) => { res.writeHead(status, { 'content-type': 'application/json' }); res.end(body); };
  if (req.url === '/api/stato') return end(200, '{"stato":"ok"}');
  if (req.method === 'POST' && req.url === '/api/ordini') return setTimeout(() => { log.info('ordine registrato'); end(201, '{}'); }, 250);
  if (/^\/api\/piste\/\d+$/.test(req.url)) return setTimeout(() => end(200, '{"pezzi":48}'), 70);
  return end(404, '{}');
}).listen(3900, '127.0.0.1', () => log.info('biglie in ascolto su 3900'));
"""

RENEW = r"""#!/bin/bash
# rinnova il certificato di biglie.example.it presso la CA interna (http-01), quando restano meno di 8 ore
set -u
dir=/etc/ssl/biglie
webroot=/var/www/acme
ca=http://ca.interna.example.it:9000
name=biglie.example.it
if openssl x509 -checkend 28800 -noout -in $dir/fullchain.pem > /dev/null; then
    echo "$name: certificato ancora valido, $(openssl x509 -enddate -noout -in $dir/fullchain.pem)"
    exit 0
fi
token=$(curl -s -m 20 "$ca/order?name=$name")
mkdir -p $webroot/.well-known/acme-challenge
echo "$token.ok" > "$webroot/.well-known/acme-challenge/$token"
answer=$(curl -s -m 60 -o $dir/new.pem -w '%{http_code}' --data-binary @$dir/request.pem "$ca/finalize?name=$name&token=$token")
rm -f "$webroot/.well-known/acme-challenge/$token"
if [ "$answer" != 200 ]; then
    echo "$name: ordine non valido ($answer): $(head -c 200 $dir/new.pem)"
    exit 1
fi
mv $dir/new.pem $dir/fullchain.pem
systemctl reload nginx
echo "$name: rinnovato"
"""

CA = r"""#!/usr/bin/python3
import http.server
import secrets
import subprocess
import urllib.error
import urllib.parse
import urllib.request


class Authority(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, secrets.token_urlsafe(24).encode())

    def do_POST(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        token, name = asked["token"][0], asked["name"][0]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = f"http://{name}/.well-known/acme-challenge/{token}"
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "interna-ca/0.27 (http-01)"})
            proof = urllib.request.urlopen(request, timeout=20).read().decode().strip()
        except urllib.error.URLError as error:
            return self.answer(403, f"unauthorized: {url}: {error}".encode())
        if proof != f"{token}.ok":
            return self.answer(403, b"unauthorized: wrong key authorization")
        done = subprocess.run(["openssl", "x509", "-req", "-CA", "/etc/ssl/ca/ca.pem", "-CAkey", "/etc/ssl/ca/ca-key.pem", "-CAcreateserial", "-days", "1"], input=body, capture_output=True)
        self.answer(200, done.stdout)

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("172.18.0.10", 9000), Authority).serve_forever()
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    include conf.d/*.conf;
}
"""

SITE = """server {
    listen 80;
    server_name biglie.example.it;
    include snippets/hardening.conf;
    location /.well-known/acme-challenge/ { root /var/www/acme; }
    location / { return 301 https://$host$request_uri; }
}
server {
    listen 443 ssl;
    server_name biglie.example.it;
    ssl_certificate     /etc/ssl/biglie/fullchain.pem;
    ssl_certificate_key /etc/ssl/biglie/key.pem;
    include snippets/hardening.conf;
    location / { proxy_pass http://127.0.0.1:3900; }
}
"""

HARDENING = """# dopo l'audit di novembre
server_tokens off;
add_header X-Frame-Options DENY;
# niente .git, .env e simili
location ~ /\\. {
    deny all;
}
"""

NOTES = """2026-11-26  biglie-web1: snippets/hardening.conf attivo su tutti i siti (audit, punto 4)
2026-11-19  biglie-web1: nginx 1.22.1-9+deb12u3
2026-11-12  biglie-web1: copia dei dati ogni 15 minuti
"""

SERVICE = """[Unit]
Description=Rinnovo certificato

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/rinnova-cert
"""

TIMER = """[Timer]
OnCalendar=*:0/30

[Install]
WantedBy=timers.target
"""

CRONTAB = """*/15 * * * * /srv/biglie/copia.sh
30 * * * * /srv/biglie/listino.sh
"""

INCIDENT = Incident(
    host="biglie-web1", start="2026-11-27T06:40:30+01:00", minutes=112, factor=32, kind="systemd", zone="Europe/Rome", apps=["/srv/biglie"],
    files={"/srv/biglie/server.js": SERVER, "/usr/local/sbin/rinnova-cert": RENEW, "/usr/lib/partner/ca.py": CA, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/biglie.conf": SITE, "/etc/nginx/snippets/hardening.conf": HARDENING, "/root/diario.txt": NOTES,
           "/etc/systemd/system/rinnova-cert.service": SERVICE, "/etc/systemd/system/rinnova-cert.timer": TIMER,
           "/srv/biglie/copia.sh": "#!/bin/sh\nsleep 10\nlogger -t copia 'copiati 3 file'\n", "/srv/biglie/listino.sh": "#!/bin/sh\nsleep 4\nlogger -t listino 'listino aggiornato'\n"},
    crontabs={"root": CRONTAB},
    prepare="""echo "hosts: files" > /etc/nsswitch.conf; echo "passwd: files" >> /etc/nsswitch.conf; echo "group: files" >> /etc/nsswitch.conf
echo "127.0.0.1 biglie.example.it" >> /etc/hosts; echo "172.18.0.10 ca.interna.example.it" >> /etc/hosts; mkdir -p /etc/ssl/ca /etc/ssl/biglie /var/www/acme; cd /etc/ssl/ca
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=CA-interna -days 900 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout ../biglie/key.pem -out ../biglie/request.pem -subj /CN=biglie.example.it -addext subjectAltName=DNS:biglie.example.it 2>/dev/null
touch index.txt; echo 01 > serial
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\ncopy_extensions=copy\\n[p]\\ncommonName=supplied\\n' > ca.conf
openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca-key.pem -in ../biglie/request.pem -out ../biglie/fullchain.pem -notext -startdate 20261126063700Z -enddate 20261127063700Z 2>/dev/null
/usr/bin/python3 /usr/lib/partner/ca.py > /run/ca.out 2>&1 &""",
    services={"biglie": {"description": "Biglie API", "command": ["node", "server.js"], "directory": "/srv/biglie", "restart": "always", "log": {"kind": "syslog", "tag": "node"}},
              "nginx": NGINX_UNIT, "rinnova-cert": {"description": "Rinnovo certificato", "command": ["/usr/local/sbin/rinnova-cert"], "every": 1800}},
    visitors={"base": "https://127.0.0.1", "host": "biglie.example.it", "ca": "/etc/ssl/ca/ca.pem", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.06, "paths": [[4, "GET", "/api/piste/{n}"], [1, "POST", "/api/ordini", "{}"]]}],
              "monitors": [{"every": 60, "path": "/api/stato", "address": "192.0.2.33", "agent": "blackbox/0.25", "log": "/var/log/blackbox.log", "name": "https://biglie.example.it"},
                           {"every": 240, "jitter": 100, "base": "http://127.0.0.1", "path": "/.git/config", "address": "198.51.100.8", "agent": "Mozilla/5.0 zgrab/0.x"},
                           {"every": 300, "jitter": 90, "base": "http://127.0.0.1", "path": "/", "address": "203.0.113.77", "agent": "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)"}]},
    collect="""mkdir -p nginx/snippets nginx/conf.d systemd log srv; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/snippets/hardening.conf nginx/snippets/; cp /etc/nginx/conf.d/* nginx/conf.d/; cp /etc/systemd/system/rinnova-cert.* systemd/
cp /usr/local/sbin/rinnova-cert srv/rinnova-cert; cp /srv/biglie/*.sh srv/; cp /root/diario.txt .; crontab -l > crontab.txt; cp /var/log/syslog log/; cp /var/log/nginx/access.log log/nginx_access.log; cp /var/log/nginx/error.log log/nginx_error.log; mv /var/log/blackbox.log log/blackbox.log
openssl x509 -in /etc/ssl/biglie/fullchain.pem -noout -subject -startdate -enddate > cert.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    syslog, hardening, errors, access, box = (
        "log/syslog",
        "nginx/snippets/hardening.conf",
        "log/nginx_error.log",
        "log/nginx_access.log",
        "log/blackbox.log",
    )
    rule, deny, included = (
        case.at(hardening, "location ~ /\\."),
        case.at(hardening, "deny all"),
        case.at("nginx/conf.d/biglie.conf", "include snippets/hardening.conf"),
    )
    failed, forbidden, asked = (
        case.at(syslog, "ordine non valido (403)"),
        case.at(errors, "acme-challenge"),
        case.at(access, "interna-ca/0.27"),
    )
    down, until, note = (
        case.at(box, "DOWN CERT_HAS_EXPIRED"),
        case.at("cert.txt", "notAfter="),
        case.at("diario.txt", "hardening.conf attivo"),
    )
    return {
        "root_cause_kind": "certificate-renewal-blocked",
        "root_cause": "snippets/hardening.conf, active since the day before, denies every path with a dot after a slash by a regular expression, which in nginx wins over the plain prefix location of /.well-known/acme-challenge/: the CA is answered 403, each renewal since fails, and the certificate runs out at 06:37 UTC (07:37 local); from then on every client that verifies turns away.",
        "verdict": "root-cause", "culprit": rule, "culprit_alternatives": [deny, included, forbidden, note], "culprit_related": [failed, asked, until, case.at("nginx/conf.d/biglie.conf", "location /.well-known/acme-challenge/"), case.at("srv/rinnova-cert", "/finalize")],
        "chain": [
            hop("job_runs_script", case.at("systemd/rinnova-cert.timer", "OnCalendar="), case.at("systemd/rinnova-cert.service", "ExecStart="), case.at(syslog, "Starting rinnova-cert.service"), failed),
            hop("configuration_mismatch", rule, deny, included, forbidden, asked, failed, note),
            hop("certificate_fails", down, until, case.at("nginx/conf.d/biglie.conf", "ssl_certificate   ")),
            hop("failure_reaches_clients", down),
        ],
        "mechanism": ["the timer runs rinnova-cert every half hour; less than eight hours are left", "the CA asks http://biglie.example.it/.well-known/acme-challenge/TOKEN and gets 403: access forbidden by rule", "rinnova-cert: ordine non valido (403), status 1, each time", "06:37:00 UTC: the certificate runs out; blackbox: CERT_HAS_EXPIRED; no https request reaches the access log any more", "the service itself is well; nothing restarts"],
        "innocent": [
            case.at("crontab.txt", "copia.sh", why="every 15 minutes, only logs"), case.at("crontab.txt", "listino.sh", why="hourly, only logs"), case.at(access, "/.git/config", why="a scanner, rightly refused"), case.at("diario.txt", "nginx 1.22.1-9", why="a week earlier; renewals went on daily since"), case.at("diario.txt", "copia dei dati", why="two weeks earlier"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(box, "DOWN CERT_HAS_EXPIRED")[0]),
        "measured": [case.measure(syslog, "ordine non valido"), case.measure(access, "interna-ca/0.27"), case.measure(box, "DOWN CERT_HAS_EXPIRED"), case.measure(box, " up 200")],
        "timezones": {"blackbox.log": "UTC (Z)", "cert.txt": "GMT", "others": "Europe/Rome (+01:00)"},
        "how_made": REAL + " (with pino), openssl; the CA is a small Python server that really asks for the challenge; systemctl and the timer are the lab's supervisor; the clients are Node's https with the CA's certificate.",
    }  # fmt: skip
