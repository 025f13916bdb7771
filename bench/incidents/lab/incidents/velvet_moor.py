# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A sender's script starts a missing bridge process in the background; the process inherits the lock's descriptor, so no later run gets the lock, the queue fills and the service refuses orders."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('node:fs');
const path = require('node:path');
const express = require('express');
const pino = require('pino');

const QUEUE = '/srv/hytte/ko';
const MAX = 90; // the bridge takes about forty a run; more than this and something is wrong, better say so
const log = pino({ name: 'hytte', timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: '/var/log/hytte/bestilling.log', sync: true }));
let number = 100000;

const app = express();
app.use(express.json());
app.get('/hytter/:n', (req, res) => setTimeout(() => res.json({ hytte: req.params.n, ledig: Boolean(req.params.n % 3) }), 70 + Math.random() * 300));
app.post('/bestillinger', (req, res) => {
  const waiting = fs.readdirSync(QUEUE).length;
  if (waiting >= MAX) {
    log.error({ waiting }, 'køen er full, bestilling avvist');
    return res.status(503).json({ feil: 'prøv igjen senere' });
  }
  number += 1;
  fs.writeFileSync(path.join(QUEUE, `${number}.json`), JSON.stringify({ number, hytte: req.body.hytte }));
  log.info({ number, waiting: waiting + 1 }, 'bestilling i kø');
  return res.status(202).json({ number });
});
app.listen(6100, '127.0.0.1', () => log.info('bestilling klar, port 6100'));
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""

BRIDGE = r"""// bro.js: speaks to the huts' old booking register, keeps one session open
const http = require('node:http');
const stamp = () => new Date().toLocaleString('sv-SE');
http.createServer((req, res) => {
  let body = '';
  req.on('data', (part) => { body += part; });
  req.on('end', () => setTimeout(() => {
    if (req.url === '/ping') return res.end('ok');
    const { number, hytte } = JSON.parse(body);
    if (hytte > 880) { console.log(`${stamp()} ${number}: hytte ${hytte} finnes ikke i registeret`); res.statusCode = 404; }
    return res.end();
  }, 150));
}).listen(6199, '127.0.0.1', () => console.log(`${stamp()} bro oppe, nokkel ${process.env.KEY_FILE || '/srv/hytte/nokkel.pem'}`));
"""

SEND = r"""#!/bin/bash
# send.sh: køen -> registeret, hvert andre minutt fra cron
KO=/srv/hytte/ko
exec >> /var/log/hytte/send.log 2>&1

# aldri to samtidig
exec 9> /run/lock/hytte-send.lock
if ! flock -n 9; then
    echo "$(date '+%d.%m %H:%M:%S') forrige kjøring er ikke ferdig, hopper over ($(ls $KO | wc -l) i kø)"
    exit 0
fi

# broen skal alltid være oppe
if ! pgrep -f /srv/hytte/bro.js > /dev/null; then
    echo "$(date '+%d.%m %H:%M:%S') bro.js er nede, starter den"
    setsid node /srv/hytte/bro.js >> /var/log/hytte/bro.log 2>&1 < /dev/null &
    sleep 10
fi

sendt=0
for fil in $(ls $KO | head -40); do
    kode=$(curl -s -m 20 -o /dev/null -w '%{http_code}' --data-binary @$KO/$fil http://127.0.0.1:6199/bestilling)
    [ "$kode" = 200 ] || [ "$kode" = 404 ] || continue
    rm -f $KO/$fil
    sendt=$((sendt + 1))
done
echo "$(date '+%d.%m %H:%M:%S') sendt $sendt, $(ls $KO | wc -l) igjen"
"""

CRON = """# m h dom mon dow user command
*/2 * * * * root /srv/hytte/bin/send.sh
*/10 * * * * root /srv/hytte/bin/vaer.sh
0 * * * * root /srv/hytte/bin/rydd.sh
"""
WEATHER = """#!/bin/bash
# vær for fjellet
sleep 7
logger -t vaer "$((RANDOM % 12 + 20)) stasjoner, 1 uten svar"
"""
TIDY = """#!/bin/bash
# gamle kvitteringer (ikke køen)
find /srv/hytte/kvitteringer -name '*.pdf' -mtime +30 -delete
logger -t rydd "kvitteringer ryddet"
"""
UNIT = """[Unit]
Description=Hyttebestilling

[Service]
WorkingDirectory=/srv/hytte
ExecStart=/usr/bin/node server.js
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format hytte '$time_iso8601 $remote_addr "$request" $status $request_time $upstream_status "$http_user_agent"';
    access_log /var/log/nginx/access.log hytte;
    server {
        listen 80;
        server_name hytter.example.no;
        location / { proxy_pass http://127.0.0.1:6100; }
    }
}
"""
NOTES = """vaktlogg
21.06 kl. {} ny nøkkel fra registeret lagt i /srv/hytte/nokkel.pem, stoppet broen (pkill -f bro.js) så den leser den. send.sh starter den selv igjen. (Kari)
"""
LATER = "echo '21.06 kl. {} {}' >> /srv/hytte/vaktlogg.txt"

INCIDENT = Incident(
    host="fjell", start="2026-06-21T12:04:30+02:00", minutes=92, factor=28, kind="systemd", zone="Europe/Oslo", apps=["/srv/hytte"],
    files={"/srv/hytte/server.js": SERVER, "/srv/hytte/bro.js": BRIDGE, "/srv/hytte/bin/send.sh": SEND, "/srv/hytte/bin/vaer.sh": WEATHER, "/srv/hytte/bin/rydd.sh": TIDY, "/etc/cron.d/hytte": CRON, "/etc/systemd/system/hytte.service": UNIT, "/etc/nginx/nginx.conf": NGINX, "/root/notes": NOTES.format("12.41")},
    prepare="mkdir -p /var/log/hytte /srv/hytte/ko /srv/hytte/kvitteringer; setsid node /srv/hytte/bro.js >> /var/log/hytte/bro.log 2>&1 < /dev/null &",
    services={"hytte": {"description": "Hyttebestilling", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/hytte", "restart": "on-failure", "wait": 10}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "hytter.example.no", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.2, "paths": [[4, "GET", "/hytter/{n}"], [1, "POST", "/bestillinger", '{"hytte":{n}}']]}],
              "monitors": [{"path": "/hytter/1", "every": 300, "address": "198.51.100.61", "agent": "Pingdom.com_bot_version_1.4"}]},
    during=[(36.8, "cp /root/notes /srv/hytte/vaktlogg.txt; pkill -f '/srv/hytte/[b]ro.js'"), (70, LATER.format("13.14", "gjester får 503 på bestilling, visning virker. broen svarer på /ping. minne og disk fint. (Jon)")), (82, LATER.format("13.26", "startet hytte på nytt, hjalp ikke (Jon)") + "; systemctl restart hytte")],
    collect="""mkdir -p log bin etc; cp /var/log/nginx/*.log log/; cp /var/log/hytte/* /var/log/syslog log/; cp /srv/hytte/bin/*.sh bin/; cp /etc/cron.d/hytte etc/cron.d-hytte; cp /etc/nginx/nginx.conf /etc/systemd/system/hytte.service etc/; cp /srv/hytte/server.js /srv/hytte/bro.js /srv/hytte/vaktlogg.txt .
(echo '$ lsof /run/lock/hytte-send.lock'; lsof -w /run/lock/hytte-send.lock; echo '$ ls /srv/hytte/ko | wc -l'; ls /srv/hytte/ko | wc -l; echo '$ ps -C node -o pid,ppid,args'; ps -C node -o pid,ppid,args | grep -v visitors) > sjekk.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log, sends, access, system = "bin/send.sh", "log/bestilling.log", "log/send.log", "log/access.log", "log/syslog"
    start, lock, gate, holder = (
        case.at(script, "setsid node /srv/hytte/bro.js"),
        case.at(script, "exec 9> /run/lock/hytte-send.lock"),
        case.at(script, "if ! flock -n 9"),
        case.at("sjekk.txt", "9w"),
    )
    began, skipped, full, failed = (
        case.at(sends, "bro.js er nede, starter den"),
        case.at(sends, "forrige kjøring er ikke ferdig"),
        case.at(log, "køen er full"),
        case.at(access, '" 503 '),
    )
    job, ran, limit, ended = (
        case.at("etc/cron.d-hytte", "send.sh"),
        case.at(system, "CMD (/srv/hytte/bin/send.sh)"),
        case.at("server.js", "waiting >= MAX"),
        case.at("vaktlogg.txt", "pkill -f bro.js"),
    )
    begun, refused = case.times("log/bro.log", "bro oppe")[1:], case.times(access, '" 503 ')
    return {
        "root_cause_kind": "lock-inherited-by-background-process",
        "root_cause": "send.sh holds its lock on descriptor 9 and, when bro.js is missing, starts it in the background without closing 9. After somebody ended bro.js at 12:41 for a new key, the 12:42 run did so: since then bro.js itself holds the lock (lsof: node 9w), every later run says the last one is not done, nothing is sent, and from ninety waiting orders on the service answers 503.",
        "verdict": "root-cause", "culprit": start, "culprit_alternatives": [lock, began, holder, skipped], "culprit_related": [gate, job, ended, limit],
        "chain": [
            hop("job_runs_script", job, ran, began),
            hop("job_stalls_service", start, began, holder, lock, gate, skipped),
            hop("resource_exhausted", full, skipped, limit),
            hop("limit_rejects_requests", limit, full),
            hop("failure_reaches_clients", failed, full),
        ],
        "mechanism": ["12:41 pkill -f bro.js, for a new key", "12:42 send.sh: bro.js er nede, starter den; bro.js inherits descriptor 9, the flock lives as long as bro.js", "from 12:44 on: forrige kjøring er ikke ferdig, hopper over, the queue grows by some three a minute", "ninety waiting: POST /bestillinger 503, GET is well", "a restart of the service changes nothing"],
        "contributing": [ended | {"why": "as planned; it only let the script's start run for the first time"}],
        "innocent": [case.at("etc/cron.d-hytte", "vaer.sh", why="every ten minutes; a line"), case.at("etc/cron.d-hytte", "rydd.sh", why="at 13:00; receipts only, not the queue"), case.whole("bin/rydd.sh", "not the queue"), case.at(system, "1 uten svar", why="a weather station, all day"),
                     case.at("vaktlogg.txt", "startet hytte på nytt", why="by hand, afterwards"), case.at("etc/hytte.service", "Restart=on-failure", why="nothing crashed")],
        "period_s": None, "lag_s": None, "lags": {"bro.js started by send.sh -> first 503": round((refused[0] - begun[0]).total_seconds(), 1)}, "step_change_at": str(begun[0]),
        "measured": [case.measure(sends, "forrige kjøring"), case.measure(sends, "sendt [0-9]"), case.measure(sends, "starter den"), case.measure(log, "bestilling avvist"), case.measure(access, '" 503 ', join=300)],
        "timezones": {"bestilling.log": "UTC (Z)", "others": "Europe/Oslo (+02:00)"},
        "how_made": REAL + " with express and pino, and flock, lsof, procps; systemctl is the lab's supervisor. The descriptor was really inherited.",
    }  # fmt: skip
