# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Every picture leaves a file open; after an hour the process has no descriptor left and answers 500 until it is restarted by hand."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const fs = require('fs');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.File({ filename: '/var/log/coins/coins.log' })],
});
const app = express();
app.get('/coins/:n', (req, res) => res.json({ n: req.params.n, metal: 'Ag' }));
app.get('/coins/:n/picture', (req, res) => {
  fs.open('/srv/coins/denar.png', 'r', (error, file) => {
    if (error) {
      log.error(`picture ${req.params.n}: ${error.message}`);
      return res.status(500).end();
    }
    const size = fs.fstatSync(file).size;
    const head = Buffer.alloc(8);
    fs.readSync(file, head, 0, 8, 0);
    res.json({ size, head: head.toString('hex') });
  });
});
app.listen(7777, '127.0.0.1', () => log.info('catalogue ready'));
"""

UNIT = """[Unit]
Description=Coin catalogue

[Service]
WorkingDirectory=/srv/coins
ExecStart=/usr/bin/node server.js
Restart=always
LimitNOFILE=160
"""

INCIDENT = Incident(
    host="numis", start="2026-04-29T19:03:00+03:00", minutes=64, factor=28, kind="systemd", zone="Europe/Athens", apps=["/srv/coins"],
    files={"/srv/coins/server.js": SERVER, "/srv/coins/denar.png": "\x89PNG picture of a coin\n", "/etc/systemd/system/coins.service": UNIT,
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log;\n"
           "    server {\n        listen 80;\n        server_name nomisma.example.gr;\n        location / { proxy_pass http://127.0.0.1:7777; }\n    }\n}\n",
           "/srv/coins/auction-feed.sh": "#!/bin/sh\nsleep 4\nlogger -t auction-feed 'feed read'\n"},
    crontabs={"root": "*/15 * * * * /srv/coins/auction-feed.sh\n"}, prepare="mkdir -p /var/log/coins",
    services={"coins": {"description": "Coin catalogue", "command": ["/bin/bash", "-c", "ulimit -n 160; exec node server.js"], "directory": "/srv/coins", "restart": "always"},
              "nginx": NGINX_UNIT},
    during=[(34, "systemctl restart coins")],
    visitors={"base": "http://127.0.0.1", "host": "nomisma.example.gr", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.02, "paths": [[3, "GET", "/coins/{n}"], [1, "GET", "/coins/{n}/picture"]]}]},
    collect="""mkdir log; cp /var/log/coins/coins.log /var/log/syslog log/; cp /var/log/nginx/access.log log/nginx-access.log; cp /var/log/nginx/error.log log/nginx-error.log
cp /srv/coins/server.js /srv/coins/auction-feed.sh /etc/nginx/nginx.conf /etc/systemd/system/coins.service .; crontab -l > crontab.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    leak, limit = case.at("server.js", "fs.open('/srv/coins/denar.png'"), case.at("coins.service", "LimitNOFILE=160")
    full, failed = case.at("log/coins.log", "EMFILE: too many open files"), case.at("log/nginx-access.log", '" 500 ')
    return {
        "root_cause_kind": "descriptors-exhausted",
        "root_cause": "The handler of /coins/:n/picture opens a file and never closes it; at LimitNOFILE=160 every further open fails with EMFILE and pictures get 500, "
        "until a restart by hand frees them and it begins anew.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": leak,
        "culprit_alternatives": [limit, case.at("server.js", "fs.readSync"), full], "culprit_related": [],
        "chain": [hop("resource_exhausted", leak, limit, full), hop("failure_reaches_clients", failed, full)],
        "mechanism": ["each picture request opens denar.png and leaves it open", "some 130 pictures later: EMFILE: too many open files", "pictures get 500, the rest is served",
                      "an operator restarts the unit; some time later the same"],
        "innocent": [case.at("crontab.txt", "auction-feed.sh", why="every 15 minutes, only logs"), case.whole("auction-feed.sh", "touches nothing"),
                     case.at("log/syslog", "Stopping coins.service", why="an operator's remedy, not the cause")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure("log/coins.log", "EMFILE", join=600), case.measure("log/nginx-access.log", '" 500 ', join=600), case.measure("log/coins.log", "catalogue ready")],
        "how_made": REAL + " (with winston); systemctl is the lab's supervisor, LimitNOFILE was set with ulimit.",
    }  # fmt: skip
