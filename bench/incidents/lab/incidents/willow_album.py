# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""pm2 watches the application's folder; since a release the uploads are written into it, so each picture restarts the application."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const fs = require('fs');
const path = require('path');

const UPLOADS = path.resolve(__dirname, process.env.UPLOAD_DIR);
fs.mkdirSync(UPLOADS, { recursive: true });
const app = express();
app.get('/', (req, res) => res.send('<h1>Album</h1>'));
app.get('/album/:n', (req, res) => setTimeout(() => res.json({ album: req.params.n, pictures: 12 }), 150 + Math.random() * 1200));
app.post('/album/:n/pictures', express.raw({ type: '*/*', limit: '8mb' }), (req, res) => {
  const name = `${req.params.n}-${Date.now()}.jpg`;
  fs.writeFile(path.join(UPLOADS, name), req.body, (error) => {
    if (error) { console.error(`upload failed: ${error.message}`); return res.status(500).end(); }
    console.log(`stored ${name} (${req.body.length} bytes)`);
    return setTimeout(() => res.status(201).json({ name }), 1500); // small preview
  });
});
console.log(`uploads go to ${UPLOADS}`);
setTimeout(() => app.listen(4600, '127.0.0.1', () => console.log('album listening on 4600')), 5000); // read the tags
process.on('SIGINT', () => { console.log('SIGINT received, closing'); process.exit(0); });
"""

ECOSYSTEM = """// pm2 startOrReload ecosystem.config.js
module.exports = {
  apps: [
    {
      name: 'album',
      cwd: '/srv/album/current',
      script: 'server.js',
      watch: true, // pick up hotfixes copied in by hand
      ignore_watch: ['node_modules', 'logs', '.git'],
      time: true,
      env: { NODE_ENV: 'production', UPLOAD_DIR: '%s' },
    },
  ],
};
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh VERSION
set -e
cp /srv/album/releases/$1/ecosystem.config.js /srv/album/current/ecosystem.config.js
cd /srv/album/current
pm2 startOrReload ecosystem.config.js --update-env > /dev/null
echo "$(date '+%F %T') $1 live" >> /srv/album/deploy.log
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 8m;
    server {
        listen 80;
        server_name album.example.ie;
        location / {
            proxy_pass http://127.0.0.1:4600;
            proxy_set_header X-Real-IP $remote_addr;
        }
    }
}
"""

NOTES = """Album, handover

- pm2 runs as deploy (PM2_HOME=/home/deploy/.pm2), started by systemd
- 2026-10-20 v31 albums can be shared
- 2026-10-27 v32 uploads move from /srv/album-uploads (old NFS mount, goes away) to ./uploads beside the code
- 2026-10-27 afternoon: people say the page is "gone for a moment" again and again, more so during the school fair. Memory is fine (pm2 ls: 60 MB).
"""

INCIDENT = Incident(
    host="album1", start="2026-10-27T12:34:00+00:00", minutes=88, factor=26, kind="systemd", zone="Europe/Dublin", apps=["/srv/album/current", "/usr/lib/pm2"],
    files={"/srv/album/current/server.js": SERVER, "/srv/album/current/ecosystem.config.js": ECOSYSTEM % "/srv/album-uploads", "/srv/album/releases/v32/ecosystem.config.js": ECOSYSTEM % "./uploads", "/srv/album/deploy.sh": DEPLOY, "/srv/album/HANDOVER": NOTES,
           "/srv/album/deploy.log": "2026-10-20 10:41:13 v31 live\n", "/etc/nginx/nginx.conf": NGINX,
           "/srv/album/bin/digest.sh": "#!/bin/sh\n# who uploaded what, for the mail in the evening\nsleep 6\nlogger -t digest 'queued'\n", "/srv/album/bin/mem.sh": "#!/bin/sh\n# would restart a fat album\nrss=$(ps -C node -o rss= | sort -n | tail -1)\nlogger -t mem \"$((rss / 1024)) MB\"\n[ \"$rss\" -lt 600000 ] || runuser -u deploy -- env PM2_HOME=/home/deploy/.pm2 pm2 restart album\n"},
    crontabs={"root": "*/5 * * * * /srv/album/bin/mem.sh\n*/15 * * * * /srv/album/bin/digest.sh\n"},
    prepare="mkdir -p /home/deploy/.pm2 /srv/album-uploads; chown -R deploy: /home/deploy /srv/album-uploads; chown deploy: /srv/album /srv/album/current /srv/album/current/* /srv/album/deploy.log || true",
    services={"pm2-deploy": {"description": "PM2 process manager", "command": ["pm2", "start", "/srv/album/current/ecosystem.config.js", "--no-daemon"], "directory": "/srv/album/current", "user": "deploy", "environment": {"PM2_HOME": "/home/deploy/.pm2", "HOME": "/home/deploy"}, "restart": "always",
                             "log": {"kind": "plain", "path": "/var/log/pm2.log"}, "wait": 40}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "album.example.ie", "delay": 100,
              "visits": [{"perSecond": 0.33, "bots": 0.05, "aborts": 0.04, "abortAfter": 0.6, "paths": [[4, "GET", "/album/{n}"], [2, "GET", "/"]]}, {"perSecond": 0.0075, "bots": 0, "paths": [[1, "POST", "/album/{n}/pictures", "/9j4" * 3000]]}]},
    during=[(34, "runuser -u deploy -- env PM2_HOME=/home/deploy/.pm2 HOME=/home/deploy /srv/album/deploy.sh v32")],
    collect="""mkdir -p pm2/logs nginx bin; cp /var/log/pm2.log pm2/; cp /home/deploy/.pm2/logs/* pm2/logs/; cp /srv/album/current/server.js /srv/album/current/ecosystem.config.js /srv/album/deploy.sh /srv/album/deploy.log /srv/album/HANDOVER .; cp /srv/album/bin/*.sh bin/; ls /srv/album/current > ls-current.txt
cp /etc/nginx/nginx.conf /var/log/nginx/access.log /var/log/nginx/error.log nginx/; cp /var/log/syslog .; crontab -l > crontab; runuser -u deploy -- env PM2_HOME=/home/deploy/.pm2 HOME=/home/deploy pm2 ls > pm2/ls.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, out, access, errors = "pm2/pm2.log", "pm2/logs/album-out.log", "nginx/access.log", "nginx/error.log"
    watch, ignore, folder = (
        case.at("ecosystem.config.js", "watch: true"),
        case.at("ecosystem.config.js", "ignore_watch:"),
        case.at("ecosystem.config.js", "UPLOAD_DIR: './uploads'"),
    )
    seen, gone = case.at(log, "Change detected on path uploads/"), case.at(out, "SIGINT received", nth=2)
    stored, exited = case.at(out, "stored "), case.at(log, "exited with code [0]", nth=2)
    closed, refused, failed = (
        case.at(errors, "prematurely closed connection"),
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
    )
    moved = case.at("HANDOVER", "v32 uploads move")
    return {
        "root_cause_kind": "watch-restarts-on-own-writes",
        "root_cause": "pm2 watches the application's own folder (watch: true). Release v32 (13:08) moved the uploads into ./uploads beside the code, which ignore_watch does not name: each picture is a change, pm2 ends the application with SIGINT and starts it again, "
        "the upload itself and everybody else meet 502 for some half a minute.",
        "verdict": "root-cause", "culprit": watch, "culprit_alternatives": [ignore, folder, moved], "culprit_related": [seen, stored, case.at("deploy.log", "v32 live"), case.at("server.js", "fs.writeFile(")],
        "chain": [
            hop("deploy_changes_configuration", folder, moved, case.at("deploy.log", "v32 live"), case.at(out, "uploads go to /srv/album/current/uploads")),
            hop("configuration_mismatch", watch, ignore, folder, seen),
            hop("effect_hits_service", seen, watch, stored),
            hop("process_terminates", gone, exited),
            hop("supervisor_restarts_process", case.at(log, "starting in -fork mode-", nth=2), case.at(out, "album listening on 4600", nth=3)),
            hop("termination_refuses_connections", refused, closed, gone),
            hop("failure_reaches_clients", failed, case.at(access, '/pictures HTTP/1.1" 502'), refused, closed),
        ],
        "mechanism": ["13:08 v32: UPLOAD_DIR ./uploads, inside the watched folder", "a visitor uploads a picture, it is stored", "pm2: Change detected on path uploads/... for app album - restarting", "SIGINT, exit 0, start again; five seconds and more until it listens", "the upload: prematurely closed, 502; others: connect() failed (111), 502",
                      "at the visitors' own moments: no period"],
        "innocent": [case.at("crontab", "mem.sh", why="every five minutes; would restart, but the application is never large"), case.at("bin/mem.sh", "pm2 restart album", why="never reached"), case.at("crontab", "digest.sh", why="only logs"), case.whole("bin/digest.sh", "touches nothing"), case.at(access, '" 499 ', why="people who left")],
        "period_s": None, "lag_s": case.lag(case.times(log, "Change detected on path uploads/"), case.times(out, "SIGINT received")), "step_change_at": str(case.times("deploy.log", "v32 live")[0]),
        "lags": {"SIGINT -> listening": case.lag(case.times(out, "SIGINT received"), case.times(out, "album listening"))},
        "measured": [case.measure(log, "PM2 log: Change detected on path uploads/"), case.measure(out, "SIGINT received"), case.measure(out, "stored "), case.measure(errors, "111: Connection refused", join=60), case.measure(errors, "prematurely closed connection"), case.measure(access, '"POST /album/[0-9]+/pictures HTTP/1.1" 201 '), case.measure(access, '" 502 ', join=60)],
        "timezones": {"all": "Europe/Dublin (+00:00)"},
        "how_made": REAL.replace(" and curl", "") + ", express and pm2 too; systemctl is the lab's supervisor.",
    }  # fmt: skip
