# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""An outside monitor asks an odd query every ten minutes; it throws outside the handler and ends the process."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const forecast = require('./lib/forecast');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'HH:mm:ss DD-MM-YYYY' }), winston.format.simple()),
  transports: [new winston.transports.Console({ format: winston.format.printf((i) => `${new Date().toISOString()} ${i.level}: ${i.message}`) })],
});
const app = express();
app.get('/widget', (req, res) => {
  setImmediate(() => res.json(forecast.forStation(req.query.station, req.query.units))); // keep the event loop fair
});
app.get('/stations', (req, res) => res.json(Object.keys(forecast.stations)));
app.listen(8600, '127.0.0.1', () => log.info(`weather-widget up, pid ${process.pid}`));
setInterval(() => log.info('model run loaded'), 300000);
"""

FORECAST = r"""const stations = { north: [4, 6], south: [9, 12], coast: [7, 8] };

function forStation(name, units) {
  const range = stations[name];
  const [low, high] = units === 'f' ? range.map((c) => c * 1.8 + 32) : range;
  return { name, low, high };
}

module.exports = { forStation, stations };
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name widget.example.is;
        location / { proxy_pass http://127.0.0.1:8600; proxy_connect_timeout 3s; }
    }
}
"""

UNIT = """[Unit]
Description=Weather widget

[Service]
WorkingDirectory=/srv/widget
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/widget/widget.log
StandardError=append:/var/log/widget/widget.log
Restart=always
RestartSec=4
"""

INCIDENT = Incident(
    host="vedur-w1", start="2026-12-05T21:06:12+00:00", minutes=102, factor=32, kind="systemd", zone="Atlantic/Reykjavik", apps=["/srv/widget"],
    files={"/srv/widget/server.js": SERVER, "/srv/widget/lib/forecast.js": FORECAST, "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/weather-widget.service": UNIT,
           "/srv/widget/bin/model-run.sh": "#!/bin/sh\nsleep 6\nlogger -t model-run 'fetched'\n",
           "/srv/widget/bin/restart-if-dead.sh": "#!/bin/sh\nsystemctl is-active --quiet weather-widget || systemctl restart weather-widget\n"},
    crontabs={"root": "*/10 * * * * /srv/widget/bin/model-run.sh\n*/10 * * * * /srv/widget/bin/restart-if-dead.sh\n"},
    prepare="mkdir -p /var/log/widget",
    services={"weather-widget": {"description": "Weather widget", "command": ["node", "server.js"], "directory": "/srv/widget", "restart": "always",
                                 "restart_seconds": 4, "log": {"kind": "plain", "path": "/var/log/widget/widget.log"}},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "widget.example.is", "delay": 30,
              "visits": [{"perSecond": 0.35, "bots": 0, "paths": [[3, "GET", "/widget?station=north"], [3, "GET", "/widget?station=coast&units=f"],
                                                                  [2, "GET", "/widget?station=south&units=c"], [1, "GET", "/stations"]]}],
              "monitors": [{"every": 600, "offset": 192, "path": "/widget?station=Akureyri", "agent": "PartnerCheck/1.7 (+https://partner.example)",
                            "address": "198.51.100.201"},
                           {"every": 60, "path": "/stations", "agent": "UptimeRobot/2.0", "address": "192.0.2.60"}]},
    collect="""mkdir -p log bin lib etc
cp /var/log/widget/widget.log /var/log/syslog log/; cp /var/log/nginx/access.log log/nginx-access.log; cp /var/log/nginx/error.log log/nginx-error.log
cp /srv/widget/server.js .; cp /srv/widget/lib/* lib/; cp /srv/widget/bin/* bin/; crontab -l > etc/crontab
cp /etc/nginx/nginx.conf /etc/systemd/system/weather-widget.service etc/; rotate log/nginx-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    code, error = case.at("lib/forecast.js", "const [low, high]"), case.at("log/widget.log", "TypeError: ")
    exited = case.at("log/syslog", "weather-widget.service: Main process exited, code=exited, status=1/FAILURE")
    request = case.at("log/nginx-access.log", "PartnerCheck/1.7")
    asks, deaths = case.times("log/nginx-access.log", "PartnerCheck"), case.times("log/syslog", "Main process exited")
    return {
        "root_cause_kind": "poison-request-crashes-process",
        "root_cause": "A partner's monitor (198.51.100.201) asks /widget?station=Akureyri every 10 minutes; the station is unknown, "
        "lib/forecast.js takes the undefined range apart and throws in setImmediate, outside Express: the process ends, systemd restarts it.",
        "verdict": "root-cause", "culprit": code,
        "culprit_alternatives": [case.at("lib/forecast.js", "const range = stations[name];"), case.at("server.js", "setImmediate(() =>"), error],
        "culprit_related": [request],
        "chain": [
            hop("request_crashes_process", request, code, error, case.at("log/nginx-error.log", "station=Akureyri"),
                case.at("server.js", "setImmediate(() =>")),
            hop("crash_ends_process", error, exited),
            hop("supervisor_restarts_process", case.at("log/syslog", "weather-widget.service: Scheduled restart job"),
                case.at("etc/weather-widget.service", "Restart=always"), case.at("log/widget.log", "weather-widget up", nth=2)),
            hop("termination_refuses_connections", case.at("log/nginx-error.log", "111: Connection refused"), exited),
            hop("failure_reaches_clients", case.at("log/nginx-access.log", '" 502 '), case.at("log/nginx-error.log", "111: Connection refused"), case.at("log/nginx-error.log", "prematurely closed")),
        ],
        "mechanism": [
            "every 600 s, 19 s past each tenth minute, PartnerCheck asks for station=Akureyri",
            "stations['Akureyri'] is undefined; destructuring it throws a TypeError in a setImmediate callback",
            "Node prints the stack and exits 1; the request itself gets 502 (prematurely closed connection)",
            "systemd restarts after 4 s; meanwhile connect() failed (111), 502 for visitors",
        ],
        "innocent": [
            case.at("etc/crontab", "model-run.sh", why="every 10 minutes too, always 19 s before; only sleeps and logs"),
            case.at("etc/crontab", "restart-if-dead.sh", why="every 10 minutes; the unit is always active then, so it does nothing"),
            case.at("log/nginx-access.log", "UptimeRobot", why="a harmless monitor"),
        ],
        "period_s": 600, "lag_s": 0, "lags": {"PartnerCheck -> main process exited": case.lag(asks, deaths)},
        "measured": [case.measure("log/widget.log", "TypeError: "), case.measure("log/syslog", "Main process exited, code=exited, status=1"),
                     case.measure("log/nginx-access.log", "PartnerCheck"), case.measure("log/nginx-access.log.1.gz", "PartnerCheck"), case.measure("log/nginx-error.log", "111: Connection refused", join=60)],
        "how_made": REAL + "; systemd[1]'s lines are the lab's supervisor; the partner's monitor is one of the lab's visitors.",
    }  # fmt: skip
