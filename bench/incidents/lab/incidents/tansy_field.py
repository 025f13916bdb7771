# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release puts the maintenance page up, its smoke test fails for a reason of its own, set -e ends the script and nobody takes the page down."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');
const { version } = require('./package.json');
const log = pino({ base: { v: version }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } });
const app = express();
app.use(express.json());
app.get('/api/saglik', (req, res) => res.json({ durum: 'iyi', surum: version }));
app.get('/api/kurslar', (req, res) => setTimeout(() => res.json([{ ad: 'seramik' }, { ad: 'ebru' }]), 80 + Math.random() * 300));
app.get('/api/kurslar/:n', (req, res) => {
  if (req.params.n > 850) { log.warn({ kurs: req.params.n }, 'kurs bulunamadi'); return res.status(404).end(); }
  return setTimeout(() => res.json({ n: req.params.n, yer: req.params.n % 12 }), 60);
});
app.post('/api/kayit', (req, res) => { log.info({ kurs: req.body.kurs }, 'kayit alindi'); setTimeout(() => res.status(201).end(), 200); });
app.listen(5600, '127.0.0.1', () => log.info('dinliyorum 5600'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

RELEASE = r"""#!/usr/bin/env bash
# yayinla.sh SURUM
set -euo pipefail
SURUM=$1
KOK=/srv/atolye
say() { echo "$(date '+%Y-%m-%d %H:%M:%S') [$SURUM] $*"; }

say "bakim sayfasi acildi"
touch $KOK/ortak/bakim.acik
ln -sfn $KOK/surumler/$SURUM $KOK/guncel
systemctl restart atolye
sleep 15
say "duman testi"
cd $KOK/guncel && node duman.js
say "bakim sayfasi kapandi"
rm -f $KOK/ortak/bakim.acik
say "tamam"
"""

SMOKE = r"""// duman.js: does the new release answer what the site needs?
const base = 'http://127.0.0.1:5600';
(async () => {
  const health = await (await fetch(`${base}/api/saglik`)).json();
  console.log(`  saglik: ${health.durum}, surum ${health.surum}`);
  const list = await (await fetch(`${base}/api/kurslar`)).json();
  console.log(`  kurslar: ${list.length}`);
EXTRA})().catch((error) => { console.error(`  HATA ${error.message}`); process.exit(1); });
"""
EXTRA = """  const course = await fetch(`${base}/api/kurslar/901`);
  if (!course.ok) throw new Error(`kurs 901: ${course.status}`); // the course of the test school
  console.log('  kurs 901: var');
"""

NGINX = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 768; }
http {
    log_format main '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "-" "$http_user_agent" $request_time $upstream_status';
    access_log /var/log/nginx/access.log main;
    include /etc/nginx/sites-enabled/*;
}
"""
SITE = """upstream atolye { server 127.0.0.1:5600; }

server {
    listen 80;
    server_name atolye.example.com.tr;
    error_page 503 @bakim;

    location / {
        if (-f /srv/atolye/ortak/bakim.acik) { return 503; }
        proxy_pass http://atolye;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_read_timeout 30s;
    }
    location @bakim {
        root /srv/atolye/ortak;
        rewrite ^ /bakim.html break;
    }
}
"""
UNIT = """[Unit]
Description=Atolye kurslari
After=network.target

[Service]
User=atolye
WorkingDirectory=/srv/atolye/guncel
ExecStart=/usr/bin/node sunucu.js
Restart=on-failure
RestartSec=4

[Install]
WantedBy=multi-user.target
"""
WATCH = """#!/bin/sh
# uygulama ayakta mi (nginx'e degil, dogrudan porta sorar)
if curl -fsS -m 20 -o /dev/null http://127.0.0.1:5600/api/saglik; then
    logger -t bekci "atolye ayakta"
else
    logger -t bekci "atolye cevap vermiyor, yeniden baslatiliyor"
    systemctl restart atolye
fi
"""
MAIL = """#!/bin/sh
# kurs hatirlatmalari
sleep 8
logger -t hatirlatma "$(($(date +%M) + 3)) e-posta, 1 adres reddedildi (550 5.1.1)"
"""
CRON = """*/10 * * * * root /usr/local/bin/bekci
14,44 * * * * root /usr/local/bin/hatirlatma
30 3 * * * root /usr/local/bin/yedekle
"""

PACKAGE = '{{ "name": "atolye", "version": "{}" }}\n'
VERSIONS = {f"/srv/atolye/surumler/{v}/{file}": text for v, smoke in (("4.6.0", ""), ("4.6.1", ""), ("4.7.0", EXTRA)) for file, text in
            (("sunucu.js", SERVER), ("duman.js", SMOKE.replace("EXTRA", smoke)), ("package.json", PACKAGE.format(v)))}  # fmt: skip

INCIDENT = Incident(
    host="atolye1", start="2026-10-06T13:24:00+03:00", minutes=88, factor=30, kind="systemd", zone="Europe/Istanbul", users=["atolye", "selin"], apps=[f"/srv/atolye/surumler/{v}" for v in ("4.6.0", "4.6.1", "4.7.0")],
    files={**VERSIONS, "/srv/atolye/bin/yayinla.sh": RELEASE, "/srv/atolye/ortak/bakim.html": "<h1>Kisa bir bakim, hemen donuyoruz</h1>\n", "/usr/local/bin/bekci": WATCH, "/usr/local/bin/hatirlatma": MAIL, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-enabled/atolye": SITE, "/etc/systemd/system/atolye.service": UNIT, "/etc/cron.d/atolye": CRON},
    prepare="mkdir -p /var/log/atolye; ln -sfn /srv/atolye/surumler/4.6.0 /srv/atolye/guncel",
    services={"atolye": {"description": "Atolye kurslari", "command": ["/usr/bin/node", "sunucu.js"], "directory": "/srv/atolye/guncel", "user": "atolye", "restart": "on-failure", "restart_seconds": 4, "log": {"kind": "plain", "path": "/var/log/atolye/atolye.log"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "atolye.example.com.tr", "delay": 80,
              "visits": [{"perSecond": 0.36, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.3, "paths": [[4, "GET", "/api/kurslar/{n}"], [3, "GET", "/api/kurslar"], [1, "POST", "/api/kayit", '{"kurs":{n}}']]}],
              "monitors": [{"path": "/api/saglik", "every": 300, "address": "192.0.2.77", "agent": "StatusCake"}]},
    during=[(9, "/srv/atolye/bin/yayinla.sh 4.6.1 >> /var/log/atolye/yayin.log 2>&1"), (50.3, "/srv/atolye/bin/yayinla.sh 4.7.0 >> /var/log/atolye/yayin.log 2>&1; true")],
    collect="""mkdir -p etc/nginx/sites-enabled var/log srv/bin usr-local-bin; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/sites-enabled/atolye etc/nginx/sites-enabled/; cp /etc/cron.d/atolye etc/cron.d-atolye; cp /etc/systemd/system/atolye.service etc/; cp /var/log/nginx/*.log /var/log/syslog var/log/; cp /var/log/atolye/* var/log/; cp /srv/atolye/bin/yayinla.sh srv/bin/; cp /srv/atolye/guncel/*.js srv/; cp /usr/local/bin/bekci /usr/local/bin/hatirlatma usr-local-bin/; ls /srv/atolye/ortak /srv/atolye > ls-srv.txt; systemctl status atolye nginx > systemctl-status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log, access, smoke = "srv/bin/yayinla.sh", "var/log/yayin.log", "var/log/access.log", "srv/duman.js"
    strict, up, down, run = (
        case.at(script, "set -euo pipefail"),
        case.at(script, "touch $KOK/ortak/bakim.acik"),
        case.at(script, "rm -f $KOK/ortak/bakim.acik"),
        case.at(script, "node duman.js"),
    )
    flag, rule, shut = (
        case.at("ls-srv.txt", "bakim.acik"),
        case.at("etc/nginx/sites-enabled/atolye", "if (-f /srv/atolye/ortak/bakim.acik)"),
        case.at(access, '" 503 '),
    )
    wrong, opened, expected = (
        case.at(log, "HATA kurs 901: 404"),
        case.at(log, "[4.7.0] bakim sayfasi acildi"),
        case.at(smoke, "kurs 901: ${course.status}"),
    )
    assert not any("4.7.0] bakim sayfasi kapandi" in line for line in case.lines(log))
    return {
        "root_cause_kind": "maintenance-flag-left-by-aborted-release",
        "root_cause": "yayinla.sh opens the maintenance page (touch bakim.acik) and removes it only at its end. At 14:14 the smoke test of 4.7.0 failed (it wants course 901, which this site does not have: 404), set -e ended the script, and the file stayed: nginx answers 503 to everything from then on, while the application is well.",
        "verdict": "root-cause", "culprit": up, "culprit_alternatives": [strict, down, run, wrong, expected, rule, flag, opened], "culprit_related": [case.at("srv/sunucu.js", "req.params.n > 850")],
        "chain": [
            hop("deploy_changes_configuration", opened, up, wrong, flag, strict, run),
            hop("configuration_mismatch", rule, flag, up, down, wrong),
            hop("failure_reaches_clients", shut, rule),
        ],
        "mechanism": ["14:14 yayinla.sh 4.7.0: touch bakim.acik, release switched, service restarted", "duman.js: kurs 901: 404, exit 1", "set -e: no rm -f bakim.acik, no 'kapandi', no 'tamam'", "nginx: if (-f bakim.acik) return 503 for everybody until the end of the log; upstream status '-'", "the watchdog asks the port itself and says 'ayakta'"],
        "innocent": [case.at("etc/cron.d-atolye", "hatirlatma", why="at :14, the minute of the onset; reminders only"), case.whole("usr-local-bin/hatirlatma", "touches nothing"), case.at("var/log/syslog", "550 5.1.1", why="a mail address that does not exist, every half hour"), case.at("etc/cron.d-atolye", "bekci", why="its question is answered 200 each time, so it never restarts"),
                     case.at(log, "[4.6.1] bakim sayfasi acildi", why="the release at 13:33 took its page down again"), case.at("var/log/atolye.log", "kurs bulunamadi", why="courses that do not exist, all day"), case.at("etc/atolye.service", "Restart=on-failure", why="nothing crashed")],
        "period_s": None, "lag_s": case.lag(case.times(log, r"4\.7\.0. bakim sayfasi acildi"), case.times(access, '" 503 '), 120), "lags": {}, "step_change_at": str(case.times(log, r"4\.7\.0. bakim sayfasi acildi")[0]),
        "measured": [case.measure(access, '" 503 ', join=300), case.measure(log, "bakim sayfasi"), case.measure("var/log/syslog", "atolye ayakta"), case.measure("var/log/atolye.log", "SIGTERM")],
        "timezones": {"atolye.log": "UTC (Z)", "others": "Europe/Istanbul (+03:00)"},
        "how_made": REAL + " with express and pino; systemctl is the lab's supervisor. The releases stop the application for some seconds; nobody saw that but as 503.",
    }  # fmt: skip
