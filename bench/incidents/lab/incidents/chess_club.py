# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: two short outages, three jobs that ran near them, none of whose scripts does anything to the service."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const app = express();
const log = (text) => console.log(`${new Date().toISOString()} ${text}`);
app.get('/games/:n', (req, res) => setTimeout(() => res.json({}), 150));
app.post('/games/:n/move', (req, res) => { log(`move in game ${req.params.n}`); res.status(201).end(); });
app.listen(3456, '127.0.0.1', () => log('chess club ready'));
"""

INCIDENT = Incident(
    host="chess", start="2026-04-18T19:51:00+02:00", minutes=52, factor=30, kind="systemd", zone="Europe/Budapest", apps=["/srv/chess"],
    files={"/srv/chess/server.js": SERVER,
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n"
           "access_log /var/log/nginx/access.log;\nserver { listen 80; location / { proxy_pass http://127.0.0.1:3456; } }\n}\n",
           "/srv/chess/ratings.sh": "#!/bin/bash\nsleep 3\necho \"$(date '+%F %T') ratings updated\"\n",
           "/srv/chess/pairings.sh": "#!/bin/bash\nsleep 2\necho \"$(date '+%F %T') pairings checked\"\n"},
    crontabs={"root": "*/10 * * * * /srv/chess/ratings.sh >> /var/log/ratings.log\n3-59/5 * * * * /srv/chess/pairings.sh >> /var/log/pairings.log\n"},
    services={"chess": {"description": "Chess club", "command": ["node", "server.js"], "directory": "/srv/chess", "restart": "always",
                        "restart_seconds": 5, "log": {"kind": "plain", "path": "/var/log/chess.log"}},
              "nginx": NGINX_UNIT},
    during=[(17.05, "kill -9 $(pgrep -f 'node server.js')"), (38.4, "kill -9 $(pgrep -f 'node server.js')")],
    visitors={"base": "http://127.0.0.1", "host": "chess.example.hu",
              "visits": [{"perSecond": 0.4, "bots": 0.03, "paths": [[2, "GET", "/games/{n}"], [1, "POST", "/games/{n}/move", "{}"]]}]},
    collect="""cp /var/log/chess.log /var/log/ratings.log /var/log/pairings.log .; cp /var/log/nginx/error.log nginx-error.log
cp /var/log/nginx/access.log nginx-access.log; cp /srv/chess/*.sh .; crontab -l > crontab; cp /etc/nginx/nginx.conf .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-termination",
        "root_cause": "Not to be known: twice the process was gone and started again within seconds, without a word (in truth it was killed by hand with "
        "SIGKILL at 20:08 and 20:29); two events prove no schedule, and the two jobs' scripts touch nothing.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [
            case.at("crontab", "ratings.sh", why="its script only sleeps and logs"), case.at("crontab", "pairings.sh", why="the same; :08 is one of its minutes"),
            case.whole("ratings.sh", "touches nothing"), case.whole("pairings.sh", "touches nothing"),
        ],
        "ask_for": ["syslog or journal: how the process ended (signal, exit status)", "kernel log (out of memory?)", "auth log or shell history", "longer logs"],
        "measured": [case.measure("chess.log", "chess club ready"), case.measure("nginx-error.log", "111: Connection refused", join=120),
                     case.measure("nginx-access.log", '" 502 ', join=120)],
        "how_made": REAL + "; systemd is the lab's supervisor. syslog was left out on purpose.",
    }  # fmt: skip
