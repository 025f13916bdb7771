# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release moves the session files to their own volume and the cleaning job still sweeps the old folder: the volume has room, but no inode left."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const sessions = require('./lib/sessions');
const { version } = require('./package.json');

const say = (level, text) => console.log(`${new Date().toISOString().slice(11, 23)} ${level.padEnd(5)} ${text}`);
const app = express();
app.use(express.json());
app.get('/ping', (req, res) => res.end('pong'));
app.use(sessions({ dir: process.env.SESSION_DIR, ttl: Number(process.env.SESSION_TTL || 900) }));
app.get('/', (req, res) => res.send('<h1>Driftwood Furniture</h1>'));
app.get('/chairs/:n', (req, res) => setTimeout(() => res.send(`<h1>Chair ${req.params.n}</h1>`), 25));
app.post('/basket', (req, res) => {
  say('info', `basket ${req.session.id.slice(0, 8)}: + chair ${req.body.chair}`);
  res.status(204).end();
});
app.use((req, res) => res.status(404).send('not found'));
app.use((error, req, res, next) => {
  say('error', `${req.method} ${req.path} ${error.message}`);
  res.status(500).send('sorry');
});
app.listen(process.env.PORT, '127.0.0.1', () => say('info', `driftwood ${version} on ${process.env.PORT}, sessions in ${process.env.SESSION_DIR}`));
process.on('SIGTERM', () => { say('info', 'SIGTERM'); process.exit(0); });
"""

SESSIONS = r"""const fs = require('node:fs');
const path = require('node:path');
const crypto = require('node:crypto');

// one small file a session, NAME is sess_<end of life>_<id>; whoever comes without our cookie gets a new one
module.exports = ({ dir, ttl }) => (req, res, next) => {
  const name = /\bdw=(sess_\d+_[0-9a-f]+)/.exec(req.headers.cookie || '')?.[1];
  if (name && fs.existsSync(path.join(dir, name))) {
    req.session = JSON.parse(fs.readFileSync(path.join(dir, name)));
    return next();
  }
  req.session = { id: crypto.randomBytes(12).toString('hex'), basket: [] };
  const file = `sess_${Math.floor(Date.now() / 1000) + ttl}_${req.session.id}`;
  return fs.writeFile(path.join(dir, file), JSON.stringify(req.session), (error) => {
    if (error) return next(error);
    res.setHeader('Set-Cookie', `dw=${file}; Path=/; HttpOnly`);
    return next();
  });
};
"""

CLEAN = r"""#!/bin/bash
# remove sessions whose time is over (sess_<end of life>_<id>)
DIR=/var/lib/driftwood/sessions
now=$(date +%s)
gone=0 kept=0
for file in "$DIR"/sess_*; do
    [ -e "$file" ] || break
    end=${file##*/sess_}
    if [ "${end%%_*}" -lt "$now" ]; then rm -f "$file"; gone=$((gone + 1)); else kept=$((kept + 1)); fi
done
echo "$(date '+%Y-%m-%d %H:%M:%S') sessions: $gone removed, $kept kept" >> /var/log/driftwood/clean-sessions.log
"""

SPACE = r"""#!/bin/bash
# warn before a disk is full
for mount in / /data; do
    used=$(df -P "$mount" | awk 'NR == 2 { sub("%", "", $5); print $5 }')
    if [ "$used" -ge 90 ]; then
        logger -p user.warning -t space "$mount is at $used %"
    else
        logger -t space "$mount $used % used, fine"
    fi
done
"""

PHOTOS = r"""#!/bin/sh
# product photographs for the shop window, into /data/photos
sleep 9
d=/data/photos/$(date +%H%M)
mkdir -p $d && head -c 90000 /dev/zero > $d/window.jpg || logger -t photos "cannot write $d"
logger -t photos "window done"
"""

DEPLOY = r"""#!/bin/sh
# deploy.sh VERSION: unpacked release under /srv/driftwood/releases, environment from releases/VERSION/env
set -e
cd /srv/driftwood
echo "== $(date '+%Y-%m-%d %H:%M:%S') $1"
diff current/env releases/$1/env || true
ln -sfn releases/$1 current
install -m 640 current/env /etc/default/driftwood
systemctl restart driftwood
sleep 60
echo "== $(date '+%H:%M:%S') ping: $(curl -s -m 9 http://127.0.0.1:4480/ping)"
"""

UNIT = """[Unit]
Description=Driftwood shop

[Service]
EnvironmentFile=/etc/default/driftwood
WorkingDirectory=/srv/driftwood/current
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/driftwood/shop.log
StandardError=append:/var/log/driftwood/shop.log
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

NGINX = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 768; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80 default_server;
        server_name driftwood.example.co.nz;
        location / { proxy_pass http://127.0.0.1:4480; }
    }
}
"""

CRON = """# m h dom mon dow user command
*/10 * * * *   root   /srv/driftwood/bin/clean-sessions.sh
*/15 * * * *   root   /srv/driftwood/bin/space.sh
7,27,47 * * * * root  /srv/driftwood/bin/photos.sh
"""

FSTAB = """UUID=7a1f0c52-1d3c-4c8e-9a55-0c3e3b6f2d11 /      ext4 errors=remount-ro 0 1
LABEL=data                                /data  ext4 noatime           0 2
"""

VERSIONS = {"6.2.0": "/var/lib/driftwood/sessions", "6.3.0": "/data/sessions"}

INCIDENT = Incident(
    host="nelson", start="2026-10-20T11:52:00+13:00", minutes=78, factor=32, kind="systemd", zone="Pacific/Auckland",
    apps=[f"/srv/driftwood/releases/{version}" for version in VERSIONS],
    files={f"/srv/driftwood/releases/{version}/{name}": text for version, folder in VERSIONS.items()
           for name, text in {"server.js": SERVER, "lib/sessions.js": SESSIONS, "package.json": f'{{ "name": "driftwood", "version": "{version}" }}\n', "env": f"NODE_ENV=production\nPORT=4480\nSESSION_DIR={folder}\nSESSION_TTL=900\n"}.items()}
    | {"/srv/driftwood/bin/clean-sessions.sh": CLEAN, "/srv/driftwood/bin/space.sh": SPACE, "/srv/driftwood/bin/photos.sh": PHOTOS, "/srv/driftwood/bin/deploy.sh": DEPLOY, "/etc/cron.d/driftwood": CRON,
       "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/driftwood.service": UNIT, "/etc/fstab": FSTAB},
    prepare="""mkdir -p /var/log/driftwood /var/lib/driftwood/sessions /data; mount -t tmpfs -o size=40m,nr_inodes=1100 /dev/vdb1 /data; mkdir /data/sessions /data/photos
cd /srv/driftwood; ln -s releases/6.2.0 current; cp current/env /etc/default/driftwood""",
    services={"driftwood": {"description": "Driftwood shop", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/driftwood/current", "environment_file": "/etc/default/driftwood", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/driftwood/shop.log"}, "wait": 30},
              "nginx": NGINX_UNIT},
    during=[(30.6, "cd /srv/driftwood; bin/deploy.sh 6.3.0 >> /var/log/driftwood/deploy.log 2>&1 &")],
    visitors={"base": "http://127.0.0.1", "host": "driftwood.example.co.nz", "delay": 90,
              "visits": [{"perSecond": 0.75, "bots": 0.06, "aborts": 0.01, "abortAfter": 0.3, "paths": [[5, "GET", "/chairs/{n}"], [3, "GET", "/"], [1, "POST", "/basket", '{"chair":{n}}']]}],
              "monitors": [{"every": 60, "jitter": 2, "path": "/ping", "address": "192.0.2.77", "agent": "uptime-check/2"}]},
    collect="""mkdir -p etc/nginx etc/cron.d bin current/lib logs; cp /etc/cron.d/driftwood etc/cron.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/systemd/system/driftwood.service /etc/fstab etc/; cp /etc/default/driftwood etc/default-driftwood; cp /srv/driftwood/bin/*.sh bin/
cp /srv/driftwood/current/server.js current/; cp /srv/driftwood/current/lib/sessions.js current/lib/; cp /var/log/driftwood/*.log logs/; grep -v rsyslogd /var/log/syslog > logs/syslog; cp /var/log/nginx/access.log logs/nginx-access.log; [ -s /var/log/nginx/error.log ] && cp /var/log/nginx/error.log logs/nginx-error.log
{ echo '$ df -h /data'; df -h /data; echo; echo '$ df -i /data'; df -i /data; echo; echo '$ ls /data/sessions | wc -l; ls /var/lib/driftwood/sessions | wc -l'; ls /data/sessions | wc -l; ls /var/lib/driftwood/sessions | wc -l; } | sed 's/^tmpfs /\\/dev\\/vdb1 /' > df.txt; rotate logs/nginx-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    clean, swept, shop, access = "bin/clean-sessions.sh", "logs/clean-sessions.log", "logs/shop.log", "logs/nginx-access.log"
    folder, moved = (
        case.at(clean, "DIR=/var/lib/driftwood/sessions"),
        case.at("etc/default-driftwood", "SESSION_DIR=/data/sessions"),
    )
    diff, full = (
        case.at("logs/deploy.log", "> SESSION_DIR=/data/sessions"),
        case.at(shop, "ENOSPC: no space left on device, open"),
    )
    inodes, nothing = case.at("df.txt", "100% /data"), case.at(swept, ": 0 removed, 0 kept")
    deployed, failures = case.times("logs/deploy.log", "6.3.0"), case.times(access, '" 500 ')
    return {
        "root_cause_kind": "inodes-exhausted-cleanup-on-old-path",
        "root_cause": "Release 6.3.0 (12:22) moved the session files to /data/sessions; clean-sessions.sh goes on sweeping /var/lib/driftwood/sessions. Nothing removes the new ones, one small file a cookieless visit, until /data has no inode left (df -i 100 %, "
        "while df -h shows ample room): each new session fails with ENOSPC, 500.",
        "verdict": "root-cause", "culprit": folder, "culprit_alternatives": [moved, diff, full, inodes],
        "culprit_related": [case.at("etc/cron.d/driftwood", "clean-sessions.sh"), nothing, case.at("current/lib/sessions.js", "return fs.writeFile("), case.at(shop, "sessions in /data/sessions")],
        "chain": [
            hop("deploy_changes_configuration", moved, diff, case.at(shop, "sessions in /data/sessions")),
            hop("configuration_mismatch", folder, nothing),
            hop("resource_exhausted", full, inodes),
            hop("failure_reaches_clients", case.at(access, '" 500 '), full),
        ],
        "mechanism": ["12:22 release 6.3.0: SESSION_DIR from /var/lib/driftwood/sessions to /data/sessions", "cron, */10: clean-sessions.sh sweeps the old folder, soon '0 removed, 0 kept'", "every visit without the cookie makes one more file on /data", "no inode left: ENOSPC at open, though a few per cent of the blocks are used", "each visitor without a valid session: 500; /ping, before the sessions, still answers 200"],
        "contributing": [case.at("bin/space.sh", "df -P", why="looks at blocks alone and calls the volume fine"), case.at("current/server.js", "app.get('/ping'", why="the monitor's page needs no session: it stays green")],
        "innocent": [case.at("etc/cron.d/driftwood", "photos.sh", why="a few files an hour on the same volume"), case.at("bin/deploy.sh", "systemctl restart driftwood", why="one planned restart"), case.at("logs/syslog", "fine", why="true of the blocks")],
        "period_s": None, "lag_s": case.lag(deployed, failures + case.times(f"{access}.1.gz", '" 500 '), 6000), "step_change_at": str(min(failures + case.times(f"{access}.1.gz", '" 500 '))),
        "lags": {"release -> first 500": case.lag(deployed, failures + case.times(f"{access}.1.gz", '" 500 '), 6000)},
        "measured": [case.measure(shop, "ENOSPC"), case.measure(swept, "removed"), case.measure(swept, ": 0 removed, 0 kept"), case.measure(access, '" 500 '), case.measure(f"{access}.1.gz", '" 500 ')],
        "timezones": {shop: "UTC, time of day only", "others": "Pacific/Auckland (+13:00)"},
        "how_made": REAL + " (with express); /data is a tmpfs of 40 MB with 1100 inodes that really ran out of them (shown as /dev/vdb1 in df.txt, fstab is as on the real server); systemctl is the lab's supervisor.",
    }  # fmt: skip
