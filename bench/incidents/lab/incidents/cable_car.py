# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: an access log with two short outages and a crontab whose scripts were not handed over."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = """const http = require('http');
const server = http.createServer((req, res) => setTimeout(() => res.end('{"cabin":true}'), 60));
setTimeout(() => server.listen(3600, '127.0.0.1'), 35000); // waits for the radio
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
events {}
http {
    log_format seil '$time_iso8601|$remote_addr|$request_method|$request_uri|$status|$body_bytes_sent|$request_time|$http_user_agent';
    access_log /var/log/nginx/gondel.log seil;
    server { listen 80; server_name gondel.example.li; location / { proxy_pass http://127.0.0.1:3600; } }
}
"""
TABLE = """# m h  dom mon dow   command
*/15 * * * * /opt/gondel/bin/weather
0 * * * * /opt/gondel/bin/report
10 5-22 * * * /opt/gondel/bin/reload-timetable
25 6 * * * /usr/bin/certbot -q renew
30 3 * * 0 /opt/gondel/bin/vacuum
"""
HAND = "systemctl restart gondel"

INCIDENT = Incident(
    host="gondel", start="2026-07-02T05:01:30+02:00", minutes=122, factor=44, kind="systemd", zone="Europe/Vaduz",
    files={"/srv/gondel/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, **{f"/opt/gondel/bin/{name}": "#!/bin/sh\nexit 0\n" for name in ("weather", "report", "reload-timetable", "vacuum")}},
    crontabs={"root": TABLE.replace("/usr/bin/certbot -q renew", "true")},
    services={"gondel": {"description": "Gondel", "command": ["node", "server.js"], "directory": "/srv/gondel", "restart": "on-failure", "wait": 45}, "nginx": NGINX_UNIT},
    during=[(35.3, HAND), (91.7, HAND)],
    visitors={"base": "http://127.0.0.1", "host": "gondel.example.li", "delay": 100, "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.01, "paths": [[5, "GET", "/cabins/{n}"], [2, "POST", "/tickets/{n}", "{}"], [1, "GET", "/queue"]]}]},
    collect=f"cp /var/log/nginx/gondel.log access-0702.log; cat > crontab-root.txt <<'TABLE'\n{TABLE}TABLE\nrotate access-0702.log",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    table = "crontab-root.txt"
    return {
        "root_cause_kind": "unknown-upstream-down",
        "root_cause": "Not to be known: twice, some 57 minutes apart, every request was answered 502 for about half a minute, so nothing answered behind nginx. No job of the crontab starts at or shortly before both moments, its scripts are missing, and so are the application's log, nginx's error log and its configuration "
        "(in truth two restarts by hand).",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.at(table, "reload-timetable", why="reloads by its name, at :10, where nothing happens"), case.at(table, "bin/weather", why="each quarter of an hour; nothing happens then"), case.at(table, "bin/report", why="hourly; nothing happens then"),
                     case.at(table, "certbot", why="nine minutes before the second outage, none before the first"), case.at(table, "vacuum", why="on Sundays; this was a Thursday")],
        "ask_for": ["the application's log", "nginx' error log and configuration", "the host's journal", "the scripts of the crontab"],
        "measured": [case.measure("access-0702.log.1.gz", r"\|502\|", join=120), case.measure("access-0702.log", r"\|502\|", join=120)],
        "timezones": {"access log": "Europe/Vaduz (+02:00)", table: "no zone given"},
        "how_made": REAL.replace(" and curl", "") + "; systemctl is the lab's supervisor. The crontab's certbot line ran `true`; the other scripts did nothing.",
    }  # fmt: skip
