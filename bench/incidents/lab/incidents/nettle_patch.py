# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""After a security scan /status asks for a password; the probe in cron goes the public way, gets 401 and restarts the shop under pm2 each five minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const app = express();
const server = createServer(app);
const io = new Server(server);
const started = Date.now();
app.get('/status', (req, res) => res.json({ release: process.env.RELEASE, up: Math.round((Date.now() - started) / 1000), clients: io.engine.clientsCount }));
app.get('/planten/:n', (req, res) => setTimeout(() => res.json({ plant: Number(req.params.n), voorraad: 14 }), 70));
app.post('/winkelmand', express.json(), (req, res) => setTimeout(() => { console.log(`mand +1 (plant ${req.body.plant})`); res.status(201).end(); }, 90));
app.get('/', (req, res) => res.send('<h1>Kwekerij</h1>'));
io.on('connection', (socket) => socket.on('disconnect', (reason) => { if (reason !== 'client namespace disconnect') console.log(`kassa ${socket.id} weg: ${reason}`); }));
server.listen(3170, '127.0.0.1', () => console.log(`winkel ${process.env.RELEASE} luistert op 3170`));
process.on('SIGINT', () => { console.log('SIGINT, sluiten'); process.exit(0); });
"""

ECOSYSTEM = """module.exports = {
  apps: [{
    name: 'winkel',
    script: 'server.js',
    cwd: '/srv/winkel',
    max_memory_restart: '900M',
    time: true,
    env: { RELEASE: '5.2.0' },
  }],
};
"""

PROBE = r"""#!/bin/bash
# Kijkt of de winkel nog leeft, zoals een klant hem ziet (dus door nginx heen).
URL=http://localhost/status
LOG=/srv/winkel/log/probe.log

code=$(curl -s -o /dev/null -m 60 -H 'Host: kwekerij.example.nl' -w '%{http_code}' "$URL")
if [ "$code" != "200" ]; then
    echo "$(date '+%d-%m-%Y %H:%M:%S') status $code - herstart winkel" >> "$LOG"
    pm2 restart winkel --silent
else
    echo "$(date '+%d-%m-%Y %H:%M:%S') ok" >> "$LOG"
fi
"""

PRICES = r"""#!/bin/bash
# prijslijst van de veiling
sleep 12
echo "$(date '+%d-%m-%Y %H:%M:%S') 0 gewijzigd, 812 gelijk" >> /srv/winkel/log/prijzen.log
"""

RELEASE = r"""#!/bin/bash
# uitrollen.sh VERSIE
set -e
cd /srv/winkel
sed -i "s/RELEASE: '.*'/RELEASE: '$1'/" ecosystem.config.js
pm2 restart ecosystem.config.js --update-env --silent
echo "$(date '+%d-%m-%Y %H:%M') $1 uitgerold ($USER)" >> /srv/winkel/log/wijzigingen.txt
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 768; }
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    server_tokens off;
    include /etc/nginx/conf.d/*.conf;
}
"""
SITE = """server {
    listen 80;
    server_name kwekerij.example.nl;

    location = /status {
        proxy_pass http://127.0.0.1:3170;
    }
    location / {
        proxy_pass http://127.0.0.1:3170;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $host;
    }
}
"""
CRONTAB = """PATH=/usr/local/bin:/usr/bin:/bin
# m h dom mon dow
*/5 * * * * /srv/winkel/bin/probe.sh
*/5 * * * * /srv/winkel/bin/prijzen.sh
10 2 * * * /srv/winkel/bin/kopie.sh
"""
LOCK = r"""sed -i '/location = .status/a\        auth_basic "beheer";\n        auth_basic_user_file /etc/nginx/beheer.htpasswd;' /etc/nginx/conf.d/winkel.conf
systemctl reload nginx
echo "$(date '+%d-%m-%Y %H:%M') bevinding 4 van de beveiligingsscan: /status stond open, nu alleen met wachtwoord (marieke)" >> /srv/winkel/log/wijzigingen.txt"""
DEPLOY = "runuser -u deploy -- env HOME=/home/deploy USER=joost PATH=$PATH /srv/winkel/bin/uitrollen.sh 5.3.0"

INCIDENT = Incident(
    host="kweek2", start="2026-11-10T13:37:00+01:00", minutes=73, factor=20, kind="systemd", zone="Europe/Amsterdam", apps=["/srv/winkel", "/usr/lib/pm2"],
    files={"/srv/winkel/server.js": SERVER, "/srv/winkel/ecosystem.config.js": ECOSYSTEM, "/srv/winkel/bin/probe.sh": PROBE, "/srv/winkel/bin/prijzen.sh": PRICES, "/srv/winkel/bin/uitrollen.sh": RELEASE,
           "/srv/winkel/bin/kopie.sh": "#!/bin/bash\n# 's nachts naar de NAS\nrsync -a /srv/winkel/data/ nas:/winkel/\n", "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/winkel.conf": SITE,
           "/srv/winkel/log/wijzigingen.txt": "03-11-2026 09:12 5.2.0 uitgerold (joost)\n"},
    crontabs={"deploy": CRONTAB}, owners={"/srv/winkel/log": "deploy"},
    prepare="mkdir -p /home/deploy/.pm2; chown -R deploy: /home/deploy; chown deploy: /srv/winkel /srv/winkel/ecosystem.config.js; echo \"beheer:$(openssl passwd -apr1 geheim)\" > /etc/nginx/beheer.htpasswd",
    services={"pm2-deploy": {"description": "PM2 process manager", "command": ["pm2", "start", "/srv/winkel/ecosystem.config.js", "--no-daemon"], "directory": "/srv/winkel", "user": "deploy",
                             "environment": {"PM2_HOME": "/home/deploy/.pm2", "HOME": "/home/deploy"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/pm2.log"}, "wait": 45}, "nginx": NGINX_UNIT},
    during=[(11.4, DEPLOY), (31.6, LOCK)],
    visitors={"base": "http://127.0.0.1", "host": "kwekerij.example.nl", "delay": 100, "visits": [{"perSecond": 0.4, "bots": 0.06, "aborts": 0.004, "paths": [[6, "GET", "/planten/{n}"], [2, "POST", "/winkelmand", '{"plant":{n}}'], [2, "GET", "/"]]}],
              "browsers": [{"count": 5, "spread": 6, "log": "/var/log/kassa1-console.txt", "tag": "kassa1"}]},
    collect="""mkdir -p bin nginx logs pm2; cp /srv/winkel/bin/*.sh bin/; cp /srv/winkel/server.js /srv/winkel/ecosystem.config.js .; crontab -u deploy -l > crontab-deploy.txt; cp /etc/nginx/nginx.conf /etc/nginx/conf.d/winkel.conf nginx/; cp /var/log/nginx/*.log nginx/
cp /srv/winkel/log/* logs/; cp /home/deploy/.pm2/logs/* /home/deploy/.pm2/pm2.log pm2/ 2>/dev/null; cp /var/log/pm2.log pm2/pm2-daemon.log; cp /var/log/syslog logs/; cp /var/log/kassa1-console.txt .; pm2list=$(runuser -u deploy -- env HOME=/home/deploy pm2 ls --no-color 2>/dev/null); echo "$pm2list" > pm2/pm2-ls.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    probe, tab, site, notes, log, daemon = (
        "bin/probe.sh",
        "crontab-deploy.txt",
        "nginx/winkel.conf",
        "logs/wijzigingen.txt",
        "logs/probe.log",
        "pm2/pm2-daemon.log",
    )
    test, restart, url, ask = (
        case.at(probe, '"$code" != "200"'),
        case.at(probe, "pm2 restart winkel"),
        case.at(probe, "URL=http://localhost/status"),
        case.at(probe, "code=$(curl"),
    )
    lock, told = case.at(site, 'auth_basic "beheer"'), case.at(notes, "/status stond open")
    said, answer = case.at(log, "status 401"), case.at("nginx/access.log", '"GET /status HTTP/1.1" 401')
    job, gone = case.at(tab, "probe.sh"), case.at("pm2/winkel-out.log", "SIGINT, sluiten", nth=2)
    failed, console = case.at("nginx/access.log", '" 502 '), case.at("kassa1-console.txt", "disconnected: transport close", nth=2)
    restarts = case.times(log, "status 401")
    return {
        "root_cause_kind": "probe-meets-login",
        "root_cause": "At 14:08 /status got a password in nginx (auth_basic, finding of a security scan). probe.sh, each five minutes from deploy's crontab, asks that page through nginx, gets 401, takes everything but 200 for a dead shop and runs `pm2 restart winkel`: "
        "every five minutes from 14:10 on the shop, which is well, is ended with SIGINT, the tills lose their sockets and visitors get 502 until it listens again.",
        "verdict": "root-cause", "culprit": test, "culprit_alternatives": [lock, restart, ask, url, told], "culprit_related": [job, said, answer, case.at(site, "location = /status")],
        "chain": [
            hop("deploy_changes_configuration", told, lock, case.at("logs/syslog", "Reloading nginx.service")),
            hop("job_runs_script", job, case.at("logs/syslog", "(deploy) CMD (/srv/winkel/bin/probe.sh)")),
            hop("probe_gets_answer", answer, said, lock, ask, case.at("nginx/access.log.1.gz", '"GET /status HTTP/1.1" 401')),
            hop("answer_takes_branch", test, said),
            hop("effect_hits_service", restart, said, case.at(daemon, "Stopping app:winkel", nth=2)),
            hop("process_terminates", gone, case.at(daemon, "SIGINT, sluiten", nth=2), case.at(daemon, "exited with code", nth=2)),
            hop("termination_closes_connections", console, gone),
            hop("termination_refuses_connections", case.at("nginx/error.log", "111: Connection refused"), gone),
            hop("failure_reaches_clients", failed, case.at("nginx/access.log.1.gz", '" 502 '), case.at("kassa1-console.txt", "HTTP 502")),
        ],
        "mechanism": ["14:08 nginx: /status wants a password; reload", "cron, */5: probe.sh asks http://localhost/status without one", "401, logged by the probe and by nginx (127.0.0.1, curl)", "pm2 restart winkel: SIGINT, a new process some seconds later", "sockets: transport close; connect() failed (111), 502", "13:40 to 14:05: the same probe said ok"],
        "contributing": [case.at(site, "auth_basic_user_file", why="the change that the probe was not told of")],
        "innocent": [case.at(notes, "5.3.0 uitgerold", why="release at 13:48: one ordered restart, then the probe said ok four times"), case.at(tab, "prijzen.sh", why="same five minutes all day, only logs, also before 14:08"), case.at(tab, "kopie.sh", why="at 2:10, not in these logs"), case.whole("bin/prijzen.sh", "touches nothing"),
                     case.whole("bin/uitrollen.sh", "ran once, at 13:48"), case.at("ecosystem.config.js", "max_memory_restart: '900M'", why="never reached, pm2 shows some 60 MB")],
        "period_s": 300, "lag_s": case.lag(restarts, case.times("pm2/winkel-out.log", "SIGINT, sluiten"), 60), "step_change_at": "2026-11-10 14:08:29",
        "lags": {"status 401 -> SIGINT": case.lag(restarts, case.times("pm2/winkel-out.log", "SIGINT, sluiten"), 60), "status 401 -> first refused": case.lag(restarts, case.times("nginx/error.log", "111: Connection refused"), 60)},
        "measured": [case.measure(log, "status 401"), case.measure(log, " ok$"), case.measure("pm2/winkel-out.log", "SIGINT, sluiten"), case.measure("nginx/error.log", "111: Connection refused", join=120), case.measure("nginx/access.log", '" 502 ', join=120)],
        "timezones": {"kassa1-console.txt": "UTC (Z)", "others": "Europe/Amsterdam (+01:00)"},
        "how_made": REAL + " (with express, socket.io), under pm2; systemctl is the lab's supervisor.",
    }  # fmt: skip
