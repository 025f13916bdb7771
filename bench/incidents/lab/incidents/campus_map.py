# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: scanners, dead links and a missing favicon fill the logs with 404, 403 and 405."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/map.error.log;
events { worker_connections 512; }
http {
    include /etc/nginx/mime.types;
    access_log /var/log/nginx/map.access.log combined;
    server {
        listen 80;
        server_name karte.example.edu;
        root /srv/map;
        location = /report { return 204; }
        location ~ /\\. { deny all; }
        location / { try_files $uri $uri/ =404; }
    }
}
"""

INCIDENT = Incident(
    host="karte", start="2026-05-21T03:40:00+02:00", minutes=66, factor=34, kind="systemd", zone="Europe/Zurich",
    files={"/etc/nginx/nginx.conf": NGINX, "/srv/map/index.html": "<h1>Campus</h1>\n", "/srv/map/tiles/1.png": "x" * 300, "/srv/map/map.js": "//\n" * 400,
           "/srv/map-tools/tiles.sh": "#!/bin/sh\nsleep 6\nlogger -t tiles 'nothing changed'\n",
           "/srv/map-tools/linkcheck.sh": "#!/bin/sh\nfor p in / /map.js /tiles/1.png /old/plan.pdf; do curl -s -o /dev/null "
           "-w \"%{http_code} $p\\n\" http://127.0.0.1$p; done | logger -t linkcheck\n"},
    crontabs={"root": "*/15 * * * * /srv/map-tools/tiles.sh\n*/10 * * * * /srv/map-tools/linkcheck.sh\n"},
    services={"nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "karte.example.edu",
              "visits": [{"perSecond": 0.45, "bots": 0.35, "paths": [[4, "GET", "/"], [3, "GET", "/map.js"], [3, "GET", "/tiles/1.png"], [2, "GET", "/favicon.ico"],
                                                                     [1, "GET", "/old/plan.pdf"], [1, "GET", "/tiles/{n}.png"]]}]},
    collect="""mkdir log etc tools; cp /var/log/nginx/*.log /var/log/syslog log/; cp /etc/nginx/nginx.conf etc/; cp /srv/map-tools/* tools/
crontab -l > etc/crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    access = "log/map.access.log"
    return {
        "root_cause": "No incident: the errors are scanners' probes (403, 404), a dead link, a missing favicon and tiles that never existed.",
        "expected_no_incident": True,
        "innocent": [
            case.at("etc/crontab", "tiles.sh", why="every 15 minutes"), case.at("etc/crontab", "linkcheck.sh", why="every 10 minutes; its 404 for /old/plan.pdf is known"),
            case.at("log/map.access.log", '" 404 ', why="probes, a favicon, a dead link, tiles that never existed"),
            case.at("log/map.error.log", "access forbidden by rule", why="dot files are denied on purpose"),
        ],
        "measured": [case.measure(access, '" 404 '), case.measure(access, '" 403 '), case.measure(access, '" 200 '), case.measure(access, '" 5[0-9][0-9] ')],
        "how_made": REAL + ".",
    }  # fmt: skip
