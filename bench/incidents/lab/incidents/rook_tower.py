# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A preview job clears "its" port with `fuser -k 4000/tcp` and then takes it; since a release the API listens there."""

import re
from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""'use strict';
const http = require('node:http');
const winston = require('winston');

const log = winston.createLogger({
  level: 'info',
  format: winston.format.combine(
    winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }),
    winston.format.printf((i) => `${i.timestamp} [${process.pid}] ${i.level.toUpperCase()} ${i.message}`),
  ),
  transports: [new winston.transports.Console()],
});
const port = Number(process.env.PORT);

const server = http.createServer((req, res) => {
  if (req.url === '/healthz') return res.end('ok\n');
  const visit = /^\/api\/(?:visits|towers)\/(\d+)$/.exec(req.url);
  if (!visit && req.url !== '/') { res.statusCode = 404; return res.end(); }
  if (req.method === 'POST') log.info(`visit noted, tower ${visit?.[1]}`);
  setTimeout(() => res.end(JSON.stringify({ id: visit?.[1] ?? null })), 150 + Math.random() * 900);
});
server.on('error', (error) => { log.error(error.message); process.exit(1); });
server.listen(port, '127.0.0.1', () => log.info(`tower api listening on ${port}`));
process.on('SIGTERM', () => { log.info('SIGTERM, going down'); process.exit(0); });
"""

PREVIEW = r"""// static preview of the new look, for screenshots only
const http = require('node:http');
http.createServer((req, res) => {
  const known = ['/', '/kartta', '/tornit'].includes(req.url);
  res.statusCode = known ? 200 : 404;
  res.end(known ? `<h1>uusi ilme ${req.url}</h1>` : 'ei ole');
}).listen(4000, '127.0.0.1', () => console.log('preview on 4000'));
"""

SHOTS = r"""#!/bin/bash
# Kuvat uudesta ilmeestä suunnittelijalle (Tomi): esikatselu käyntiin, kuvat, esikatselu pois.
cd /srv/preview || exit 1
exec >> /var/log/preview.log 2>&1
echo "$(date '+%F %T') kuvat alkaa"
fuser -k -TERM 4000/tcp     # vanha esikatselu jää joskus päälle
node preview.js &
preview=$!
sleep 25
for page in '' kartta tornit; do curl -s -m 10 -o "shots/${page:-etusivu}.html" "http://127.0.0.1:4000/$page"; done
sleep 20
kill $preview
echo "$(date '+%F %T') kuvat valmis"
"""

WATCH = r"""#!/bin/bash
# restart the api only if it does not answer three times running
f=/run/rook-watch.count
n=$(cat $f 2>/dev/null || echo 0)
if curl -fsS -m 15 -H 'Host: tornit.example.fi' http://127.0.0.1/healthz > /dev/null 2>&1; then
    n=0
else
    n=$((n + 1)); logger -t rook-watch "no answer ($n/3)"
    if [ $n -ge 3 ]; then logger -t rook-watch "restarting rook"; systemctl restart rook; n=0; fi
fi
echo $n > $f
"""

RELEASE = r"""#!/bin/bash
# release.sh PORT: nginx and the api change over to PORT together
set -e
sed -i "s/^PORT=.*/PORT=$1/" /etc/default/rook
sed -i "s/server 127.0.0.1:[0-9]*;/server 127.0.0.1:$1;/" /etc/nginx/nginx.conf
nginx -t -q
systemctl restart rook
sleep 8
systemctl reload nginx
echo "$(date '+%F %T') $SUDO_USER 4.2.0 -> port $1, ok" >> /srv/rook/RELEASES
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    upstream rook { server 127.0.0.1:3900; }
    server {
        listen 80 default_server;
        server_name tornit.example.fi;
        location / {
            proxy_pass http://rook;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }
    }
}
"""

UNIT = """[Unit]
Description=Tower visits API
After=network.target

[Service]
User=rook
EnvironmentFile=/etc/default/rook
WorkingDirectory=/srv/rook
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/rook/api.log
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""

CRON = """# m h dom mon dow command
*/5 * * * * /usr/local/bin/rook-watch
4,24,44 * * * * /srv/preview/shots.sh
11 * * * * /usr/local/bin/export-visits
"""

INCIDENT = Incident(
    host="torni1", start="2026-10-06T12:58:00+03:00", minutes=97, factor=32, kind="systemd", zone="Europe/Helsinki", users=["rook"], apps=["/srv/rook"],
    files={"/etc/rsyslog.conf": JOURNAL_ISO, "/srv/rook/server.js": SERVER, "/srv/rook/release.sh": RELEASE, "/srv/rook/RELEASES": "2026-09-22 10:12:40 jussi 4.1.3 -> port 3900, ok\n",
           "/srv/preview/preview.js": PREVIEW, "/srv/preview/shots.sh": SHOTS, "/usr/local/bin/rook-watch": WATCH, "/usr/local/bin/export-visits": "#!/bin/sh\n# the day's visits for the tourist office\nsleep 12\nlogger -t export-visits 'visits.csv written'\n",
           "/etc/nginx/nginx.conf": NGINX, "/etc/default/rook": "NODE_ENV=production\nPORT=3900\n", "/etc/systemd/system/rook.service": UNIT},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/rook /srv/preview/shots; chown rook: /var/log/rook",
    services={"rook": {"description": "Tower visits API", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/rook", "user": "rook", "environment_file": "/etc/default/rook", "restart": "always", "restart_seconds": 5,
                       "log": {"kind": "plain", "path": "/var/log/rook/api.log"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "tornit.example.fi", "delay": 80,
              "visits": [{"perSecond": 0.4, "bots": 0.06, "aborts": 0.04, "abortAfter": 0.7, "paths": [[6, "GET", "/api/towers/{n}"], [2, "POST", "/api/visits/{n}", "{}"], [1, "GET", "/"]]}]},
    during=[(29.3, "SUDO_USER=jussi /srv/rook/release.sh 4000")],
    collect="""mkdir -p nginx srv/rook srv/preview bin etc; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/rook/server.js /srv/rook/release.sh /srv/rook/RELEASES srv/rook/; cp /srv/preview/*.* srv/preview/; cp /usr/local/bin/rook-watch /usr/local/bin/export-visits bin/
cp /etc/default/rook etc/default-rook; cp /etc/systemd/system/rook.service etc/; cp /var/log/syslog journal.txt; cp /var/log/preview.log /var/log/rook/api.log .; crontab -l > crontab-root.txt; systemctl status rook > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, journal, told, access, errors = "api.log", "journal.txt", "preview.log", "nginx/access.log", "nginx/error.log"
    kill, entry = case.at("srv/preview/shots.sh", "fuser -k -TERM 4000/tcp"), case.at("crontab-root.txt", "/srv/preview/shots.sh")
    pid, gone, taken = case.at(told, "4000/tcp:"), case.at(log, "SIGTERM, going down", nth=2), case.at(log, "EADDRINUSE")
    port, released = case.at("etc/default-rook", "PORT=4000"), case.at("srv/rook/RELEASES", "4.2.0 -> port 4000")
    exited, again = (
        case.at(journal, "rook.service: Main process exited, code=exited, status=1"),
        case.at(journal, "rook.service: Scheduled restart job"),
    )
    refused, failed = case.at(errors, 'upstream: "http://127.0.0.1:4000/'), case.at(access, '" 502 ', nth=3)
    answers = re.findall(r'"[A-Z]+ /api/[a-z]+/\d+ HTTP/1\.1" 404', "\n".join(case.lines(access)))
    strange = [case.at(access, answer, why="the preview answers in the API's place") for answer in answers[:8]]
    return {
        "root_cause_kind": "port-kill-hits-service",
        "root_cause": "shots.sh, from root's crontab at minutes 4, 24 and 44, clears port 4000 with fuser -k before it starts its preview there. Since release 4.2.0 (13:27) the API itself listens on 4000: it is ended with SIGTERM, "
        "the preview takes the port, and the API fails with EADDRINUSE each time systemd starts it, until the preview is ended most of a minute later.",
        "verdict": "root-cause", "culprit": kill, "culprit_alternatives": [port, released, entry, case.at("srv/preview/preview.js", ".listen(4000")],
        "culprit_related": [pid, taken, case.at("srv/rook/release.sh", "s/^PORT=.*/PORT=$1/"), case.at("nginx/nginx.conf", "server 127.0.0.1:4000;")],
        "chain": [
            hop("deploy_changes_configuration", released, port, case.at(log, "listening on 4000"), case.at("srv/rook/release.sh", "s/^PORT=.*/PORT=$1/")),
            hop("job_runs_script", entry, case.at(journal, "CMD (/srv/preview/shots.sh)"), case.at(told, "kuvat alkaa")),
            hop("effect_terminates_process", kill, pid, gone),
            hop("process_terminates", gone, case.at(journal, "rook.service: Deactivated successfully", nth=2)),
            hop("crash_ends_process", taken, exited, case.at("srv/preview/preview.js", ".listen(4000")),
            hop("supervisor_restarts_process", again, case.at("etc/rook.service", "Restart=always")),
            hop("termination_refuses_connections", refused, gone, taken),
            hop("failure_reaches_clients", failed, refused, *strange),
        ],
        "mechanism": ["release 4.2.0 moves the API from 3900 to 4000, nginx with it", "cron runs shots.sh at :04, :24, :44", "fuser -k -TERM 4000/tcp prints and ends the API's process id", "the preview listens on 4000 first; the API: listen EADDRINUSE, exit status 1, again and again",
                      "some 45 s later the preview is ended, the next start of the API succeeds", "in between 502, or the preview's own 404"],
        "contributing": [case.at(told, "preview on 4000", nth=3)],
        "innocent": [case.at("crontab-root.txt", "rook-watch", why="every five minutes; would restart after three failures, never gets there"), case.at("bin/rook-watch", "systemctl restart rook", why="never reached"),
                     case.at("crontab-root.txt", "export-visits", why="hourly, only logs"), case.whole("bin/export-visits", "touches nothing"), case.at("etc/rook.service", "Restart=always", why="mends, once the port is free"),
                     case.at("srv/rook/release.sh", "systemctl restart rook", why="one planned restart at the release")],
        "period_s": 1200, "lag_s": case.lag(case.times(told, "kuvat alkaa"), case.times(log, "SIGTERM, going down")),
        "lags": {"SIGTERM -> listening": case.lag(case.times(log, "SIGTERM, going down")[1:], case.times(log, "api listening"), 200)},
        "measured": [case.measure(told, "kuvat alkaa"), case.measure(told, "^4000/tcp:"), case.measure(log, "SIGTERM, going down"), case.measure(log, "EADDRINUSE", join=120), case.measure(errors, "111: Connection refused", join=120), case.measure(access, '" 502 ', join=120), case.measure(access, r'/api/(towers|visits)/\d+ HTTP/1\.1" 404 ', join=120)],
        "timezones": {"all": "Europe/Helsinki (+03:00)"},
        "how_made": REAL + ", psmisc's fuser and winston too; systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
