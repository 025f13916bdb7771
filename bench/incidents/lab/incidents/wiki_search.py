# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A session map that is never emptied fills the heap; V8 aborts, systemd starts it again; a restart job never gets to act."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { remember, size } = require('./src/sessions');
const app = express();
app.get('/search', (req, res) => {
  remember(req.query.q, req.headers['user-agent']);
  setTimeout(() => res.json({ hits: 12 }), 150 + Math.random() * 500);
});
app.get('/live', (req, res) => res.send('ok'));
app.listen(3200, '127.0.0.1', () => console.log('wiki-search: ready on 3200'));
setInterval(() => {
  const { heapUsed } = process.memoryUsage();
  console.log(`wiki-search: sessions=${size()} heap=${Math.round(heapUsed / 1048576)}M`);
}, 60000);
"""

SESSIONS = r"""// what people searched for, so that we can suggest it again
const sessions = new Map();
let serial = 0;

function remember(query, agent) {
  serial += 1;
  sessions.set(`${agent}-${serial}`, { query, at: Date.now(), page: Array.from({ length: 26000 }, (_, i) => i * serial * 0.5) });
}

module.exports = { remember, size: () => sessions.size };
"""

UNIT = """[Unit]
Description=Wiki search

[Service]
WorkingDirectory=/srv/wiki
ExecStart=/usr/bin/node --max-old-space-size=64 server.js
Restart=on-failure
RestartSec=3

[Install]
WantedBy=multi-user.target
"""

KEEPER = r"""#!/bin/sh
# restart the search when it is down
if [ "$(curl -s -m 20 http://127.0.0.1:3200/live)" != "ok" ]; then
    sleep 30
    [ "$(curl -s -m 20 http://127.0.0.1:3200/live)" = "ok" ] || { logger -t keeper "search is down, restarting"; systemctl restart wiki-search; }
fi
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name wiki.example.edu;
        location /search { proxy_pass http://127.0.0.1:3200; }
        location / { root /srv/wiki/public; }
    }
}
"""

INCIDENT = Incident(
    host="wiki-2", start="2026-04-01T11:11:05-04:00", minutes=95, factor=30, kind="systemd", zone="America/Toronto", apps=["/srv/wiki"],
    files={"/srv/wiki/server.js": SERVER, "/srv/wiki/src/sessions.js": SESSIONS, "/etc/systemd/system/wiki-search.service": UNIT,
           "/srv/wiki/bin/keeper.sh": KEEPER, "/srv/wiki/bin/sitemap.sh": "#!/bin/sh\nlogger -t sitemap written\n", "/etc/nginx/nginx.conf": NGINX,
           "/srv/wiki/public/index.html": "<h1>Wiki</h1>\n"},
    crontabs={"root": "*/10 * * * * /srv/wiki/bin/keeper.sh\n*/15 * * * * /srv/wiki/bin/sitemap.sh\n"},
    services={"wiki-search": {"description": "Wiki search", "command": ["node", "--max-old-space-size=64", "server.js"], "directory": "/srv/wiki",
                              "restart": "on-failure", "restart_seconds": 3, "log": {"kind": "syslog", "tag": "wiki-search"}},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "wiki.example.edu",
              "visits": [{"perSecond": 0.42, "bots": 0.06, "paths": [[3, "GET", "/search?q={n}"], [2, "GET", "/"]]}]},
    collect="""cp /var/log/syslog .; cp /var/log/nginx/access.log nginx-access.log; cp /var/log/nginx/error.log nginx-error.log
mkdir -p etc bin src; cp /etc/nginx/nginx.conf /etc/systemd/system/wiki-search.service etc/; cp /srv/wiki/bin/*.sh bin/; cp /srv/wiki/server.js .
cp /srv/wiki/src/sessions.js src/; crontab -l > crontab; rotate nginx-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    leak = case.at("src/sessions.js", "sessions.set(`${agent}-${serial}`")
    fatal, limit = case.at("syslog", "FATAL ERROR: "), case.at("etc/wiki-search.service", "--max-old-space-size=64")
    exited = case.at("syslog", "wiki-search.service: Main process exited, code=dumped, status=6/ABRT")
    return {
        "root_cause_kind": "memory-leak-heap-limit",
        "root_cause": "src/sessions.js keeps every search in a Map that is never emptied (sessions= and heap= grow with every request) until V8 "
        "reaches --max-old-space-size=64 and aborts; systemd starts it again.",
        "verdict": "root-cause", "culprit": leak,
        "culprit_alternatives": [case.at("src/sessions.js", "const sessions = new Map()"), fatal, limit],
        "chain": [
            hop("resource_exhausted", case.at("syslog", "sessions="), fatal, leak, limit, case.at("src/sessions.js", "const sessions = new Map()")),
            hop("crash_ends_process", fatal, exited),
            hop("supervisor_restarts_process", case.at("syslog", "wiki-search.service: Scheduled restart job"),
                case.at("etc/wiki-search.service", "Restart=on-failure"), case.at("syslog", "Started wiki-search.service", nth=2)),
            hop("termination_refuses_connections", case.at("nginx-error.log", "111: Connection refused"), exited),
            hop("failure_reaches_clients", case.at("nginx-access.log", '" 502 '), case.at("nginx-error.log", "111: Connection refused")),
        ],
        "mechanism": [
            "each /search adds an entry with a page of numbers to the Map", "sessions= and heap= in syslog grow",
            "V8 aborts near 64 MB: FATAL ERROR … heap out of memory; SIGABRT", "systemd: code=dumped, status=6/ABRT, restart after 3 s",
            "recv() failed (104) or prematurely closed for requests in flight, connect() failed (111) until it is back: 502",
            "the time to the next crash depends on traffic: no fixed period",
        ],
        "contributing": [limit | {"why": "small heap; a larger one only delays it"}],
        "innocent": [
            case.at("crontab", "keeper.sh", why="would restart, but asks twice 30 s apart and always finds it up again: no 'keeper' line in syslog"),
            case.at("crontab", "sitemap.sh", why="every 15 minutes"),
            case.at("bin/keeper.sh", "systemctl restart wiki-search", why="never reached"),
        ],
        "period_s": None, "lag_s": None, "lags": {},
        "measured": [case.measure("syslog", "FATAL ERROR"), case.measure("syslog", "Main process exited, code=dumped"),
                     case.measure("nginx-access.log", '" 502 ', join=60), case.measure("syslog", r"CMD \(/srv/wiki/bin/keeper.sh\)")],
        "how_made": REAL + "; Node really reached its heap limit; systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
