# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: an announced penetration test fills the logs with attacks, every one refused; the rest is routine."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('node:fs');
const express = require('express');
const winston = require('winston');
const { combine, timestamp, json } = winston.format;
const log = winston.createLogger({ level: 'debug', format: combine(timestamp(), json()), transports: [new winston.transports.File({ filename: '/var/log/sorfozo/web.log' })] });

let settings = JSON.parse(fs.readFileSync('/srv/sorfozo/beallitasok.json'));
const app = express();
app.get('/elet', (req, res) => res.status(204).end());
app.use(express.json({ limit: '64kb' }));
app.get('/sorok/:n', (req, res) => {
  if (!/^\d+$/.test(req.params.n)) {
    log.error('ervenytelen azonosito, lehetseges SQL injection', { path: req.originalUrl, ip: req.headers['x-real-ip'] });
    return res.status(400).json({ hiba: 'azonosito' });
  }
  return setTimeout(() => res.json({ n: req.params.n, fok: 4.5 + (req.params.n % 30) / 10 }), 50 + Math.random() * 300);
});
app.post('/foglalas', (req, res) => {
  if (!Number.isInteger(req.body.asztal) || req.body.asztal > 860) {
    log.warn('foglalas elutasitva', { asztal: req.body.asztal });
    return res.status(422).end();
  }
  return setTimeout(() => res.status(201).end(), 200);
});
app.post('/belepes', (req, res) => { log.warn('hibas jelszo', { nev: req.body.nev, ip: req.headers['x-real-ip'] }); res.status(401).end(); });
app.use((error, req, res, next) => { // broken JSON, too large a body
  log.error(error.message, { stack: error.stack, path: req.path });
  res.status(error.status || 500).end();
});
app.listen(4040, '127.0.0.1', () => log.info('sorfozo web 3.11 elindult'));
process.on('SIGHUP', () => { settings = JSON.parse(fs.readFileSync('/srv/sorfozo/beallitasok.json')); log.info('beallitasok ujraolvasva', { nyitva: settings.nyitva }); });
process.on('SIGTERM', () => { log.warn('SIGTERM, leallas'); process.exit(0); });
// the beer menu's printer in the cellar is often off
setInterval(() => log.error('nyomtato nem erheto el: connect ETIMEDOUT 10.20.0.61:9100, kesobb ujra'), 540000);
"""

WATCH = r"""#!/bin/bash
# or.sh: el-e a weboldal? Ha ketszer nem, ujrainditjuk.
for i in 1 2; do
    kod=$(curl -s -m 15 -o /dev/null -w '%{http_code}' -H 'Host: sorfozo.example.hu' http://127.0.0.1/elet)
    case $kod in
        2??) logger -t or "rendben ($kod)"; exit 0 ;;
    esac
    sleep 5
done
logger -t or "nem valaszol ($kod), ujrainditas"
systemctl restart sorfozo
"""
OPENING = r"""#!/bin/bash
# nyitvatartas a naptarbol; csak ujraolvastatjuk
sleep 4
echo "{ \"nyitva\": \"16-$((RANDOM % 2 + 23))\" }" > /srv/sorfozo/beallitasok.json
pkill -HUP -f '^/usr/bin/node /srv/sorfozo/server.js'
logger -t nyitvatartas "beallitasok frissitve"
"""
EXPORT = r"""#!/bin/bash
# konyveles: legfeljebb 3 perc, a tobbi holnap
timeout 180 sleep $((RANDOM % 120 + 130))
[ $? = 124 ] && logger -p user.warning -t konyveles "idotullepes, leallitva (timeout), a tobbi holnap" || logger -t konyveles "kesz"
"""
PENTEST = r"""#!/bin/bash
# what the hired testers do for half an hour
ua='Mozilla/5.0 (pentest; ticket 2217; kapcsolat@biztonsag.example)'
ask() { curl -s -o /dev/null -m 20 -A "$ua" --interface 192.0.2.99 -H 'Host: sorfozo.example.hu' "$@"; sleep 2; }
u=http://127.0.0.1
for round in $(seq 1 14); do
    for p in "/sorok/1'%20or%20'1'='1" "/sorok/1%20union%20select%20null,version()" "/sorok/sleep(30)" "/.env" "/.git/config" "/admin/" "/../../etc/passwd" "/server-status" "/sorok/%27;drop%20table%20sorok;--" "/backup.sql" "/wp-login.php"; do ask --path-as-is "$u$p"; done
    for n in admin root tulaj $round; do ask -H 'Content-Type: application/json' -d "{\"nev\":\"$n\",\"jelszo\":\"x\"}" $u/belepes; done
    ask -H 'Content-Type: application/json' -d '{"asztal":' $u/foglalas
    ask -H 'Content-Type: application/json' -d '{"asztal":"<script>alert(1)</script>"}' $u/foglalas
    head -c 400000 /dev/zero | ask -H 'Content-Type: application/json' --data-binary @- $u/foglalas
    ask -X TRACE $u/
    seq 1 60 | xargs -P 12 -I{} curl -s -o /dev/null -A "$ua" --interface 192.0.2.99 -H 'Host: sorfozo.example.hu' $u/sorok/{}
    sleep 60
done
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 256k;
    limit_req_zone $binary_remote_addr zone=ip:1m rate=1r/s;
    limit_req_status 429;
    server {
        listen 80;
        server_name sorfozo.example.hu;
        location ~ /\\. { deny all; }
        location /admin/ { allow 10.20.0.0/16; deny all; }
        location / {
            limit_req zone=ip burst=15 nodelay;
            proxy_pass http://127.0.0.1:4040;
            proxy_set_header X-Real-IP $remote_addr;
        }
    }
}
"""
ROTATE = """/var/log/nginx/access.log {
    size 120k
    rotate 2
    nocompress
    create 0640 www-data adm
    postrotate
        kill -USR1 $(cat /run/nginx.pid)
    endscript
}
"""
CRON = """# m h dom mon dow user command
*/5 * * * * root /srv/sorfozo/bin/or.sh
7,37 * * * * root /srv/sorfozo/bin/nyitvatartas.sh
15 * * * * nobody /srv/sorfozo/bin/konyveles.sh
25 * * * * root /usr/sbin/logrotate -s /var/lib/logrotate/hourly /etc/logrotate.d/sorfozo
"""
TICKET = """#2217  Biztonsagi vizsgalat (pentest)
Bejelento: Zsofi
Allapot: utemezve, 2026-09-22 14:10-15:00
A biztonsag.example 192.0.2.99-rol probalkozik, User-Agent: "pentest; ticket 2217". Riasztasokat varunk, nem kell tenni semmit, csak ha az oldal lassul.

megjegyzes 2026-09-22 14:31 (Gabor, ugyelet): tele a log hibaval, "SQL injection", 401, 429... feltortek minket??
"""

INCIDENT = Incident(
    host="sorfozo", start="2026-09-22T13:41:00+02:00", minutes=94, factor=28, kind="systemd", zone="Europe/Budapest", apps=["/srv/sorfozo"],
    files={"/srv/sorfozo/server.js": SERVER, "/srv/sorfozo/beallitasok.json": '{ "nyitva": "16-23" }\n', "/srv/sorfozo/bin/or.sh": WATCH, "/srv/sorfozo/bin/nyitvatartas.sh": OPENING, "/srv/sorfozo/bin/konyveles.sh": EXPORT, "/usr/lib/lab/pentest.sh": PENTEST, "/etc/nginx/nginx.conf": NGINX, "/etc/logrotate.d/sorfozo": ROTATE, "/etc/cron.d/sorfozo": CRON, "/root/ticket.txt": TICKET,
           "/etc/systemd/system/sorfozo.service": "[Unit]\nDescription=Sorfozo weboldal\n\n[Service]\nExecStart=/usr/bin/node /srv/sorfozo/server.js\nExecReload=/bin/kill -HUP $MAINPID\nRestart=on-failure\n"},
    prepare="mkdir -p /var/log/sorfozo; chmod 644 /etc/logrotate.d/sorfozo",
    services={"sorfozo": {"description": "Sorfozo weboldal", "command": ["/usr/bin/node", "/srv/sorfozo/server.js"], "restart": "on-failure", "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "sorfozo.example.hu", "delay": 70,
              "visits": [{"perSecond": 0.26, "bots": 0.05, "aborts": 0.04, "abortAfter": 0.15, "paths": [[5, "GET", "/sorok/{n}"], [2, "POST", "/foglalas", '{"asztal":{n}}']]}],
              "monitors": [{"path": "/elet", "every": 120, "address": "198.51.100.7", "agent": "UptimeRobot/2.0", "log": "/var/log/uptime.log", "name": "UptimeRobot"}]},
    during=[(30, "setsid bash /usr/lib/lab/pentest.sh > /dev/null 2>&1 &")],
    collect="""mkdir -p nginx logok bin; cp /var/log/nginx/* nginx/; cp /etc/nginx/nginx.conf nginx/; cp /var/log/sorfozo/web.log /var/log/syslog /var/log/uptime.log logok/; cp /srv/sorfozo/bin/*.sh bin/; cp /etc/cron.d/sorfozo bin/cron.d-sorfozo; cp /etc/logrotate.d/sorfozo bin/logrotate-sorfozo; cp /etc/systemd/system/sorfozo.service /srv/sorfozo/server.js .; cp /root/ticket.txt jegy-2217.txt; systemctl status sorfozo nginx > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    web, system, up = "logok/web.log", "logok/syslog", "logok/uptime.log"
    logs = [f"nginx/{path.name}" for path in sorted((case.root / "nginx").glob("access.log*"))]
    for log in logs:
        assert case.measure(log, '" 5[0-9][0-9] ')["lines"] == 0, log
    assert case.measure(up, "DOWN")["lines"] == 0
    assert not case.times(system, "ujrainditas")
    assert not case.times(web, "SIGTERM")
    return {
        "root_cause": "No incident: an announced penetration test (ticket 2217, 192.0.2.99, 14:10-15:00) tried injections, passwords, oversized bodies and floods, and each was refused: 400, 401, 403, 404, 413, 422, 429. No answer of 5xx, no restart, the monitor up throughout; visitors were served as before.",
        "expected_no_incident": True,
        "innocent": [case.at("jegy-2217.txt", "pentest", why="ordered and announced"), case.at(web, "lehetseges SQL injection", why="the testers' tries, refused with 400"), case.at(web, "hibas jelszo", why="the testers' passwords, 401"), case.at("nginx/error.log", "limiting requests", why="the testers' floods, 429; no visitor's address among them"), case.at("nginx/error.log", "too large body", why="the testers' 400 kB, 413"),
                     case.at(web, "nyomtato nem erheto el", why="a printer in the cellar, all day; no visitor needs it"), case.at("bin/or.sh", "systemctl restart sorfozo", why="never reached: 204 is taken as it should"), case.at("bin/nyitvatartas.sh", "pkill -HUP", why="only makes the service read its settings"), case.at("bin/konyveles.sh", "timeout 180", why="ends its own export as meant"),
                     case.at("bin/logrotate-sorfozo", "kill -USR1", why="nginx reopens its log"), case.at("bin/cron.d-sorfozo", "or.sh", why="asks every five minutes")],
        "measured": [case.measure(web, "SQL injection"), case.measure(web, "hibas jelszo"), case.measure(up, " up "), case.measure(system, "rendben"), case.measure(web, "ujraolvasva"), case.measure("nginx/access.log", '" 429 '), case.measure("nginx/access.log", '" 5[0-9][0-9] ')],
        "timezones": {"web.log, uptime.log": "UTC (Z)", "others": "Europe/Budapest (+02:00)"},
        "how_made": REAL + " with express and winston, and logrotate; systemctl is the lab's supervisor. The testers are a script of curl calls.",
    }  # fmt: skip
