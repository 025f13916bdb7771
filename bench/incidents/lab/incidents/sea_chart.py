# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A scanner asks for %c0%ae: decodeURIComponent throws outside any handler and the process ends; nobody here did anything."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const charts = require('./charts');

const log = (...words) => console.log(new Date().toLocaleString('en-GB', { timeZone: 'Europe/Lisbon' }).replace(',', ''), ...words);
const server = http.createServer((req, res) => {
  const [path] = req.url.split('?');
  const name = decodeURIComponent(path.slice(1));
  setTimeout(() => {
    const chart = charts.find(name);
    if (!chart) return res.writeHead(404).end();
    return res.end(JSON.stringify(chart));
  }, 140);
});
setTimeout(() => server.listen(5522, '127.0.0.1', () => log('charts on 5522')), 5000); // the index
process.on('SIGTERM', () => { log('SIGTERM'); process.exit(0); });
"""

CHARTS = """exports.find = (name) => {
  const number = Number(name.replace('chart/', ''));
  return number > 0 && number % 29 ? { number, scale: 75000 } : null;
};
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name cartas.example.pt;
        client_max_body_size 1m;
        location / {
            proxy_pass http://127.0.0.1:5522;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
    }
}
"""

UNIT = """[Unit]
Description=Sea charts

[Service]
User=www-data
WorkingDirectory=/srv/charts
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/charts/out.log
StandardError=append:/var/log/charts/out.log
Restart=always
RestartSec=8

[Install]
WantedBy=multi-user.target
"""

CRONTAB = """*/20 * * * * /usr/local/bin/tides
*/20 * * * * /usr/local/bin/restart-plotter
*/7 * * * * /usr/local/bin/chart-check >> /var/log/charts/check.log 2>&1
"""
CHECK = r"""#!/bin/sh
# asks for a chart; restarts after three failures in a row
state=/run/chart-check
if curl -fs -m 10 -o /dev/null http://127.0.0.1:5522/chart/7; then
    echo "$(date '+%d/%m/%Y %H:%M:%S') ok"; rm -f $state; exit
fi
echo x >> $state
echo "$(date '+%d/%m/%Y %H:%M:%S') failed $(wc -l < $state) of 3"
[ "$(wc -l < $state)" -ge 3 ] && systemctl restart charts
"""
SCANS = [("198.51.100.77", 380, 700, 130), ("203.0.113.140", 900, 1500, 800)]

INCIDENT = Incident(
    host="mar", start="2026-03-05T20:34:00+00:00", minutes=108, factor=34, kind="systemd", zone="Europe/Lisbon",
    files={"/srv/charts/server.js": SERVER, "/srv/charts/charts.js": CHARTS, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/charts.service": UNIT, "/usr/local/bin/chart-check": CHECK,
           "/srv/charts/package.json": '{\n  "name": "charts",\n  "private": true,\n  "scripts": { "start": "node server.js", "restart": "systemctl restart charts" }\n}\n', "/usr/local/bin/tides": "#!/bin/sh\nsleep 5\nlogger -t tides 'Cascais 3.4 m 22:10'\n", "/usr/local/bin/restart-plotter": "#!/bin/sh\n# the plotter hangs now and then\nlogger -t restart-plotter 'plotter was idle, reset'\n"},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/charts; chown www-data /var/log/charts",
    services={"charts": {"description": "Sea charts", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/charts", "user": "www-data", "restart": "always", "restart_seconds": 8, "log": {"kind": "plain", "path": "/var/log/charts/out.log"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "cartas.example.pt", "delay": 60, "visits": [{"perSecond": 0.4, "bots": 0.06, "aborts": 0.02, "paths": [[1, "GET", "/chart/{n}"]]}],
              "monitors": [{"every": every, "jitter": jitter, "offset": offset, "path": path, "address": address, "agent": "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)"}
                           for (address, every, jitter, offset), path in zip(SCANS, ["/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd", "/cgi-bin/%%32%65%%32%65/bin/sh"], strict=True)]
              + [{"every": 210, "jitter": 200, "offset": 44, "path": path, "address": "198.51.100.77", "agent": "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)"} for path in ("/actuator/health", "/owa/auth/logon.aspx")]},
    collect="""mkdir -p app logs sys; cp /srv/charts/*.js /srv/charts/package.json app/; cp /etc/os-release sys/; cp /etc/systemd/system/charts.service /usr/local/bin/* sys/; crontab -l > sys/crontab; cp /etc/nginx/nginx.conf sys/; cp /var/log/charts/*.log logs/; cp /var/log/nginx/access.log logs/; cp /var/log/nginx/error.log logs/nginx-error.log; cp /var/log/syslog logs/; rotate logs/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, access, errors = "logs/out.log", "logs/access.log", "logs/nginx-error.log"
    decode, thrown, asked = (
        case.at("app/server.js", "decodeURIComponent(path.slice(1))"),
        case.at(log, "URIError: URI malformed"),
        case.at(access, "%c0%ae"),
    )
    older, early, refused = (
        case.at("logs/access.log.1.gz", "%c0%ae"),
        case.at(errors, "upstream prematurely closed connection"),
        case.at(errors, "111: Connection refused"),
    )
    exited = case.at("logs/syslog", "charts.service: Main process exited, code=exited, status=1/FAILURE")
    return {
        "root_cause_kind": "request-crashes-process",
        "root_cause": "A scanner (198.51.100.77) asks now and then for /%c0%ae%c0%ae/...: decodeURIComponent throws URIError in the request handler, nothing catches it and Node ends with status 1. systemd starts it again after eight seconds, the index takes five more; meanwhile 502.",
        "verdict": "root-cause", "culprit": decode, "culprit_alternatives": [thrown, asked, older, early], "culprit_related": [exited],
        "chain": [
            hop("request_crashes_process", decode, thrown, asked, older, early),
            hop("crash_ends_process", exited, thrown),
            hop("supervisor_restarts_process", case.at("sys/charts.service", "Restart=always"), case.at("sys/charts.service", "RestartSec=8"), case.at("logs/syslog", "charts.service: Scheduled restart job")),
            hop("termination_refuses_connections", refused, early, exited),
            hop("failure_reaches_clients", case.at(access, '" 502 '), case.at("logs/access.log.1.gz", '" 502 '), refused, early),
        ],
        "mechanism": ["GET /%c0%ae%c0%ae/... through nginx, which passes the address on as it came", "decodeURIComponent: URIError: URI malformed, uncaught", "Main process exited, status=1/FAILURE; nginx: upstream prematurely closed connection: 502 to the scanner", "connect() failed (111): 502 to everybody for some fifteen seconds"],
        "innocent": [case.at("sys/crontab", "tides", why="every 20 minutes, only logs"), case.at("sys/crontab", "restart-plotter", why="every 20 minutes, only logs; a plotter"), case.at("sys/crontab", "chart-check", why="needs three failures in a row, never had them"),
                     case.whole("sys/restart-plotter", "only logs"), case.at("sys/chart-check", "systemctl restart charts", why="never reached"), case.at("sys/charts.service", "Restart=always", why="brings it back")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure(log, "URIError: URI malformed"), case.measure("logs/syslog", "Main process exited"), case.measure(errors, "prematurely closed"), case.measure(errors, "111: Connection refused", join=60)],
        "timezones": {"all": "Europe/Lisbon (+00:00); the application's log day/month/year"},
        "how_made": REAL + "; the scanner is the lab's; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
