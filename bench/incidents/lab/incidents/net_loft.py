# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""An hourly tidy job deletes old things from a folder in which the application also keeps the unix socket nginx talks to."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""const fs = require('fs');
const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.printf((i) => `${i.level}: ${i.message}`),
  transports: [new winston.transports.Console()],
});
const socket = process.env.LISTEN;
const app = express();
app.get('/nets/:n', (req, res) => setTimeout(() => res.json({ net: Number(req.params.n), mesh: 40 + (req.params.n % 60) }), 70));
app.post('/scans', express.json(), (req, res) => {
  const file = `/srv/loft/work/scan-${Date.now()}.tif`;
  fs.writeFile(file, 'II*\0'.padEnd(900, '.'), (error) => {
    if (error) { log.error(`scan: ${error.message}`); return res.status(500).end(); }
    log.info(`scan kept as ${file}`);
    return res.status(201).end();
  });
});
if (fs.existsSync(socket)) fs.unlinkSync(socket); // left by a kill
const server = app.listen(socket, () => { fs.chmodSync(socket, 0o777); log.info(`ready on ${socket}`); });
setInterval(() => log.info(`alive, ${Math.round(process.memoryUsage().rss / 1048576)} MB`), 600000);
process.on('SIGTERM', () => { log.info('asked to stop'); server.close(() => process.exit(0)); server.closeAllConnections(); });
"""

TIDY = r"""#!/bin/bash
# scans are fetched by the archive within half an hour; what is older may go
WORK=/srv/loft/work
before=$(ls -A $WORK | wc -l)
find $WORK -mindepth 1 -not -type d -mmin +35 -delete
after=$(ls -A $WORK | wc -l)
logger -t tidy "work: $before before, $after after"
"""

SITE = """upstream loft {
    server unix:/srv/loft/work/loft.sock;
}
server {
    listen 80;
    server_name nets.example.is;
    access_log /var/log/nginx/nets.access.log loft;
    error_log /var/log/nginx/nets.error.log;
    location / {
        proxy_pass http://loft;
        proxy_read_timeout 30s;
    }
}
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
events {}
http {
    log_format loft '$remote_addr [$time_local] "$request" $status $body_bytes_sent rt=$request_time up=$upstream_response_time "$http_user_agent"';
    include /etc/nginx/conf.d/*.conf;
}
"""

UNIT = """[Unit]
Description=Net loft
After=network.target

[Service]
User=loft
Environment=LISTEN=/srv/loft/work/loft.sock
ExecStart=/usr/bin/node /srv/loft/app/server.js
Restart=on-failure
RestartSec=5
"""
TABLE = """MAILTO=""
# m h dom mon dow command
17 * * * * /srv/loft/bin/tidy
17 * * * * /srv/loft/bin/twine-prices
17 * * * * /srv/loft/bin/fetch-scans
*/20 * * * * /srv/loft/bin/wind
"""
# The kernel stamps files with the host's clock: what is new in work/ gets the machine's own time instead.
STAMP = """import contextlib, os, time
while True:
    for entry in os.scandir('/srv/loft/work'):
        with contextlib.suppress(FileNotFoundError):
            if abs(entry.stat(follow_symlinks=False).st_mtime - time.time()) > 5e6:
                os.utime(entry.path, (time.time(), time.time()))
    time.sleep(20)
"""
RESTART = "logger -t sudo 'sigga : TTY=pts/0 ; PWD=/home/sigga ; USER=root ; COMMAND=/usr/bin/systemctl restart loft'; systemctl restart loft"

INCIDENT = Incident(
    host="netaloft", start="2026-08-20T07:48:00+00:00", minutes=258, factor=66, kind="systemd", zone="Atlantic/Reykjavik", users=["loft"], apps=["/srv/loft/app"],
    files={"/srv/loft/app/server.js": SERVER, "/srv/loft/bin/tidy": TIDY, "/usr/lib/lab/stamp.py": STAMP, "/etc/nginx/conf.d/nets.conf": SITE, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/loft.service": UNIT, "/etc/rsyslog.conf": JOURNAL_ISO,
           "/srv/loft/bin/twine-prices": "#!/bin/sh\nsleep 8\nlogger -t twine-prices 'nylon 412 ISK'\n", "/srv/loft/bin/wind": "#!/bin/sh\nlogger -t wind \"NA $(( $(date +%M) % 11 + 4 )) m/s\"\n",
           "/srv/loft/bin/fetch-scans": "#!/bin/sh\n# tells the archive that there are scans to fetch\nsleep 5\nlogger -t fetch-scans 'archive told'\n",
           "/srv/loft/NOTES": "13.08. scans now go to /srv/loft/work instead of the shared disk (Sigga)\n19.08. app listens on a socket in work/ now, port 3400 is free again; tidy gets -not -type d so that the folders stay\n20.08. site down this morning? restart helps, for a while\n"},
    owners={"/srv/loft": "loft"}, prepare="mkdir -p /srv/loft/work/lost+old; touch /srv/loft/work/scan-1787200001111.tif; python3 /usr/lib/lab/stamp.py > /dev/null 2>&1 &\ntrue",
    crontabs={"loft": TABLE},
    services={"loft": {"description": "Net loft", "command": ["/usr/bin/node", "/srv/loft/app/server.js"], "user": "loft", "environment": {"LISTEN": "/srv/loft/work/loft.sock"}, "restart": "on-failure", "restart_seconds": 5, "log": {"kind": "syslog", "tag": "node"}, "wait": 10},
              "nginx": NGINX_UNIT},
    during=[(96.5, RESTART), (158.2, RESTART), (215.4, RESTART)],
    visitors={"base": "http://127.0.0.1", "host": "nets.example.is", "delay": 90, "visits": [{"perSecond": 0.16, "bots": 0.04, "paths": [[6, "GET", "/nets/{n}"], [1, "POST", "/scans", "{}"]]}]},
    collect="""mkdir -p srv-loft nginx systemd; cp -r /srv/loft/app/server.js /srv/loft/bin /srv/loft/NOTES srv-loft/; cp /etc/nginx/nginx.conf /etc/nginx/conf.d/nets.conf nginx/; cp /var/log/nginx/nets.* nginx/; cp /etc/systemd/system/loft.service systemd/
crontab -u loft -l > crontab-loft.txt; cp /var/log/syslog journal.log; ls -lA --time-style=long-iso /srv/loft/work | head -28 > ls-work.txt; rotate nginx/nets.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, table, log = "srv-loft/bin/tidy", "crontab-loft.txt", "journal.log"
    errors, access = "nginx/nets.error.log", "nginx/nets.access.log.1.gz"
    delete, folder, job = (
        case.at(script, "-mmin +35 -delete"),
        case.at(script, "WORK=/srv/loft/work"),
        case.at(table, "/srv/loft/bin/tidy"),
    )
    ran, said = case.at(log, "(/srv/loft/bin/tidy)"), case.at(log, "work: ")
    gone, failed = case.at(errors, "2: No such file or directory"), case.at(access, " 502 ")
    listens, proxy = (
        case.at("systemd/loft.service", "LISTEN=/srv/loft/work/loft.sock"),
        case.at("nginx/nets.conf", "server unix:/srv/loft/work/loft.sock"),
    )
    starts = case.times(errors, "2: No such file")
    tidies = case.times(log, "tidy: work:|tidy work:|work: [0-9]+ before")
    return {
        "root_cause_kind": "cleanup-deletes-socket",
        "root_cause": "tidy, at :17 of each hour, deletes whatever in /srv/loft/work is older than 35 minutes and is no folder: also loft.sock, the unix socket the application listens on and nginx connects to. The process lives on, but nobody reaches it "
        "(connect() to unix:... failed (2: No such file or directory), 502) until somebody restarts the service, which makes the socket anew.",
        "verdict": "root-cause", "culprit": delete, "culprit_alternatives": [folder, job, listens, proxy], "culprit_related": [ran, said, case.at("srv-loft/NOTES", "19.08.")],
        "chain": [
            hop("job_runs_script", job, ran),
            hop("effect_hits_service", delete, said, folder, case.at(script, "find $WORK")),
            hop("termination_refuses_connections", gone, delete, proxy, listens),
            hop("failure_reaches_clients", failed, gone, case.at("nginx/nets.access.log", " 502 ")),
        ],
        "mechanism": ["cron of user loft at :17: tidy", "find ... -not -type d -mmin +35 -delete takes the socket with it", "nginx: connect() to unix:/srv/loft/work/loft.sock failed (2: No such file or directory): 502, until a restart by hand",
                      "the application says alive all the time and is asked for nothing", "a restart by hand makes the socket anew; at the next :17 it is old enough again"],
        "contributing": [case.at("srv-loft/NOTES", "app listens on a socket in work/", why="since the day before the socket stands where tidy sweeps")],
        "innocent": [case.at(table, "twine-prices", why="same minute, only logs"), case.at(table, "fetch-scans", why="same minute, only logs"), case.at(table, "/srv/loft/bin/wind", why="every twenty minutes, only logs"), case.whole("srv-loft/bin/twine-prices", "only logs"),
                     case.at(log, "COMMAND=/usr/bin/systemctl restart loft", why="mends: each restart ends an outage"), case.at("systemd/loft.service", "Restart=on-failure", why="nothing crashed"), case.at("nginx/nets.conf", "proxy_read_timeout 30s", why="nothing waits that long")],
        "period_s": 3600, "lag_s": case.lag(tidies, starts, 120),
        "lags": {"tidy's line -> first failed connect": case.lag(tidies, starts, 120), "restart by hand -> ready": case.lag(case.times(log, "COMMAND=/usr/bin/systemctl restart"), case.times(log, "ready on"), 120)},
        "measured": [case.measure(errors, "2: No such file or directory", join=600), case.measure(log, "CMD \\(/srv/loft/bin/tidy\\)"), case.measure(log, "ready on /srv/loft"), case.measure(log, "COMMAND=/usr/bin/systemctl restart loft")],
        "timezones": {"all": "Atlantic/Reykjavik (UTC)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, winston), find; the files in work/ got their times from the scaled clock; systemctl and systemd[1]'s lines are the lab's supervisor, the journal's form is rsyslog's template.",
    }  # fmt: skip
