# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""For forty minutes every upload ends in 500, everything else is well; neither the application's log nor nginx's error log was handed over."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const fs = require('node:fs');
const path = require('node:path');
const express = require('express');
const dir = '/srv/attic/media';
const app = express();
app.get('/', (req, res) => res.send('<h1>Attic</h1>'));
app.get('/finds/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, found: 1890 + (req.params.n % 90) }), 50 + Math.random() * 400));
app.post('/finds/:n/photo', express.raw({ type: () => true, limit: '4mb' }), (req, res, next) => {
  fs.writeFile(path.join(dir, `${req.params.n}-${Date.now()}.jpg`), Buffer.alloc(3000), (error) => (error ? next(error) : res.status(201).end()));
});
app.use((error, req, res, next) => { console.log(`${new Date().toISOString()} ${req.method} ${req.path} ${error.message}`); res.status(500).send('error'); });
app.listen(5150, '127.0.0.1', () => console.log(`${new Date().toISOString()} up`));
process.on('SIGTERM', () => process.exit(0));
"""
THUMBS = """#!/bin/bash
# thumbnails of new photographs
sleep 10
n=$(find /srv/attic/media -name '*.jpg' -newer /srv/attic/.last | wc -l)
touch /srv/attic/.last
echo "$(date -u '+%F %T') thumbs: $n new"
"""
REPORT = """#!/bin/bash
# mail to the curator
sleep 5
echo "$(date -u '+%F %T') report sent"
"""
CRONTAB = """# deploy@attic
*/12 * * * * /srv/attic/bin/thumbs.sh >> /srv/attic/log/jobs.log 2>&1
20 * * * * /srv/attic/bin/report.sh >> /srv/attic/log/jobs.log 2>&1
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 4m;
    server {
        listen 80;
        server_name attic.example.org;
        location / { proxy_pass http://127.0.0.1:5150; }
    }
}
"""
COMPOSE = """name: attic
services:
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
  app:
    image: registry.example.org/attic/app:${TAG}
    network_mode: host
    restart: unless-stopped
    user: "1001"
    volumes: ["/srv/attic/media:/srv/attic/media"]
"""
TICKET = """From: curator@attic.example.org
To: help@attic.example.org
Date: Thu, 14 May 2026 12:12:31 +0000
Subject: photos

Between about half past eleven and noon none of our photos would upload, "error" each time, from the phones and from
the office. Looking at finds worked all the time. Now it works again. Did you change something? The release this
morning was before that and we had uploaded a lot after it.

> From: help@attic.example.org
> Date: Thu, 14 May 2026 12:24:07 +0000
> Not that I know. The container was not restarted (docker ps says so). The disk is at 41 %. Attached what I could get;
> the app's log level is "silent" in production. Nobody else has been on the machine today, as far as I know.
"""

INCIDENT = Incident(
    host="attic", start="2026-05-14T10:50:00+00:00", minutes=96, factor=28, users=["deploy"], apps=["/srv/attic/app"],
    files={"/srv/attic/app/server.js": SERVER, "/srv/attic/bin/thumbs.sh": THUMBS, "/srv/attic/bin/report.sh": REPORT, "/etc/nginx/nginx.conf": NGINX, "/srv/attic/compose.yml": COMPOSE, "/root/mail.txt": TICKET},
    owners={"/srv/attic/media": "deploy", "/srv/attic/log": "deploy"}, crontabs={"deploy": CRONTAB},
    prepare="install -d -o deploy /home/deploy; mkdir -p /srv/attic/media /srv/attic/log; touch /srv/attic/.last; chmod 666 /srv/attic/.last",
    services={"web": {**NGINX_CONTAINER, "container": "attic-web-1"}, "app": {"container": "attic-app-1", "image": "registry.example.org/attic/app:0.44", "command": ["node", "server.js"], "directory": "/srv/attic/app", "user": "deploy", "restart": "unless-stopped", "wait": 10}},
    project={"project": "attic", "config_files": "/srv/attic/compose.yml", "working_dir": "/srv/attic"},
    visitors={"base": "http://127.0.0.1", "host": "attic.example.org", "delay": 40,
              "visits": [{"perSecond": 0.32, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.2, "paths": [[5, "GET", "/finds/{n}"], [2, "GET", "/"], [2, "POST", "/finds/{n}/photo", '{"jpg":{n}}']]}]},
    during=[(14, "docker compose -f /srv/attic/compose.yml up -d app 2> /dev/null; echo \"$(date -u '+%F %T') TAG=0.44 -> up\" >> /srv/attic/log/deploy.log"), (35.7, "chown root: /srv/attic/media; chmod 755 /srv/attic/media"), (71.4, "chown deploy: /srv/attic/media")],
    collect="""cp /var/log/nginx/access.log access.log; cp /srv/attic/log/jobs.log /srv/attic/log/deploy.log .; crontab -u deploy -l > crontab.txt; cp /srv/attic/bin/*.sh /srv/attic/compose.yml /etc/nginx/nginx.conf .; docker ps > docker-ps.txt; cp /root/mail.txt mail.txt; rotate access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    access = "access.log.1.gz"
    bad = case.measure(access, r'"POST [^"]+" 500 ', join=300)
    rest = case.measure("access.log", '" 5[0-9][0-9] ')
    assert bad["lines"] > 20, (bad, rest)
    return {
        "root_cause_kind": "unknown",
        "root_cause": "Not to be known: from 11:25:37 to 12:00:40 every POST /finds/N/photo ends in 500, while every GET is answered; the process was not restarted, and it came and went by itself as far as the files say. Whatever the application could not do then (write the file, most likely) stands in its own log, which was not handed over. (In truth somebody gave the folder media to root and, later, back.) No job starts or ends at those two moments, and their scripts touch no right or file of the uploads.",
        "verdict": "undetermined",
        "innocent": [case.at("deploy.log", "TAG=0.44", why="twenty minutes before; uploads worked after it"), case.at("crontab.txt", "thumbs.sh", why="every twelve minutes all day, at 11:24 too; looks at files and writes a line"), case.whole("thumbs.sh", "reads only"), case.at("crontab.txt", "report.sh", why="at 11:20 and 12:20; a mail"), case.whole("report.sh", "touches nothing"),
                     case.at("nginx.conf", "client_max_body_size 4m", why="would be 413")],
        "measured": [bad, case.measure(access, r'"POST [^"]+" 201 '), rest, case.measure("access.log", r'"POST [^"]+" 201 ')],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " with express; docker is the lab's supervisor. The folder was given away and back by hand.",
    }  # fmt: skip
