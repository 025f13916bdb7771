# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A carrier's webhook is acknowledged first and worked on later; a parcel without a recipient throws there, outside every handler, and ends the process."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const hooks = require('./src/hooks');

const logger = winston.createLogger({
  level: 'info',
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.Console()],
});
const app = express();
app.use(express.json({ limit: '256kb' }));
app.get('/status', (req, res) => res.json({ status: 'ok', uptime: Math.round(process.uptime()) }));
app.get('/parcels/:n', (req, res) => setTimeout(() => res.json({ parcel: Number(req.params.n), state: 'in transit' }), 80 + Math.random() * 240));
app.post('/labels', (req, res) => setTimeout(() => { logger.info('label printed'); res.status(201).end(); }, 400));
app.use('/hooks', hooks(logger));
app.use((error, req, res, next) => { // eslint-disable-line no-unused-vars
  logger.warn('request failed', { url: req.originalUrl, reason: error.message });
  res.status(error.status ?? 500).end();
});
app.listen(4300, '127.0.0.1', () => logger.info('dispatch api up', { port: 4300, node: process.version }));
process.on('SIGTERM', () => { logger.info('SIGTERM'); process.exit(0); });
"""

HOOKS = r"""const { Router } = require('express');

const places = new Map();

async function store(event) {
  await new Promise((done) => setTimeout(done, 150)); // geocoder
  const key = event.recipient.postcode.replace(/\s/g, '');
  places.set(key, event.state);
}

module.exports = (logger) => {
  const router = Router();
  // carriers want their answer within a second: take it, say thanks, work later
  router.post('/:carrier', (req, res) => {
    const event = req.body;
    logger.info('hook accepted', { carrier: req.params.carrier, event: event.event, parcel: event.parcel });
    res.status(202).end();
    setImmediate(() => store(event));
  });
  return router;
};
"""

COMPOSE = """name: dispatch
services:
  api:
    image: ghcr.example.com/dispatch/api:5.4
    network_mode: host
    restart: always
    environment:
      NODE_ENV: production
    healthcheck:
      test: ["CMD", "curl", "-fsS", "http://127.0.0.1:4300/status"]
      interval: 30s
      timeout: 5s
      retries: 3
  web:
    image: nginx:1.22
    network_mode: host
    restart: always
"""

WATCH = r"""#!/bin/bash
# every five minutes: is it there, and is it the version we think?
state=$(docker inspect dispatch-api-1 | sed -n 's/.*"Status": "\(running\|restarting\|exited\)".*/\1/p' | head -1)
if [ "$state" = "exited" ]; then
    echo "$(date -u +%FT%TZ) api is $state, starting"
    docker start dispatch-api-1
else
    echo "$(date -u +%FT%TZ) api is $state"
fi
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format json_combined escape=json '{"time":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":$status,"bytes":$body_bytes_sent,"request_length":$request_length,"request_time":$request_time,"upstream_status":"$upstream_status","user_agent":"$http_user_agent"}';
    access_log /var/log/nginx/access.json json_combined;
    server {
        listen 80;
        server_name dispatch.example.com;
        location / { proxy_pass http://127.0.0.1:4300; }
    }
}
"""

CRONTAB = """*/5 * * * * /opt/dispatch/watch.sh >> /opt/dispatch/watch.log 2>&1
*/30 * * * * /opt/dispatch/close-manifest.sh
0 5 * * * docker restart dispatch-api-1
"""
GOOD = '{"event":"parcel.scanned","parcel":"ZX{n}{n}","state":"depot","recipient":{"postcode":"1010 AB"}}'
SIGNED = '{"event":"parcel.delivered","parcel":"ZX{n}{n}","state":"delivered","recipient":{"postcode":"3011 CD"},"signature":"on file"}'
LOST = '{"event":"parcel.unclaimed","parcel":"RT%d","state":"return","recipient":null}'

INCIDENT = Incident(
    host="dispatch-01", start="2026-10-14T12:33:00+00:00", minutes=118, factor=40, apps=["/opt/dispatch/app"], users=["ops"],
    files={"/opt/dispatch/app/server.js": SERVER, "/opt/dispatch/app/src/hooks.js": HOOKS, "/opt/dispatch/compose.yaml": COMPOSE, "/opt/dispatch/watch.sh": WATCH, "/etc/nginx/nginx.conf": NGINX,
           "/opt/dispatch/close-manifest.sh": "#!/bin/sh\nsleep 12\nlogger -t manifest 'closed, 0 parcels left over'\n"},
    crontabs={"ops": CRONTAB}, owners={"/opt/dispatch": "ops"},
    services={"api": {"container": "dispatch-api-1", "image": "ghcr.example.com/dispatch/api:5.4", "command": ["node", "server.js"], "directory": "/opt/dispatch/app", "restart": "always", "log": {"kind": "json", "path": "/var/log/dispatch-api-json.log"}, "wait": 8,
                      "health": {"command": "curl -fsS http://127.0.0.1:4300/status", "interval": 30, "timeout": 5, "retries": 3}},
              "web": {**NGINX_CONTAINER, "container": "dispatch-web-1", "restart": "always"}},
    visitors={"base": "http://127.0.0.1", "host": "dispatch.example.com", "delay": 40,
              "visits": [{"perSecond": 0.22, "bots": 0.06, "aborts": 0.03, "abortAfter": 0.2, "paths": [[5, "GET", "/parcels/{n}"], [2, "POST", "/labels", "{}"]]}],
              "monitors": [{"every": 60, "path": "/status", "address": "192.0.2.21", "agent": "Better Stack Better Uptime Bot"},
                           *({"every": every, "jitter": every // 2, "offset": offset, "method": "POST", "path": "/hooks/zipex", "body": body.replace("{n}", str(offset)), "address": address, "agent": "ZipEx-Webhooks/2.4"}
                             for every, offset, body, address in [(40, 11, GOOD, "203.0.113.14"), (70, 47, SIGNED, "203.0.113.15"), (66, 30, GOOD, "203.0.113.15")]),
                           *({"every": 20000, "offset": offset, "method": "POST", "path": "/hooks/zipex", "body": LOST % number, "address": "203.0.113.14", "agent": "ZipEx-Webhooks/2.4"}
                             for number, offset in [(440121, 1015), (440133, 1690), (440178, 3104), (440179, 3420), (440230, 4907), (440266, 6022), (440301, 6333)])]},
    collect="""mkdir -p log src; cp /var/log/dispatch-api-json.log log/api-json.log; cp /var/log/nginx/access.json log/nginx-access.json; cp /var/log/nginx/error.log log/nginx-error.log; cp /opt/dispatch/watch.log log/; grep CRON /var/log/syslog > log/cron
cp /opt/dispatch/app/src/hooks.js src/; cp /opt/dispatch/app/server.js src/; cp /opt/dispatch/*.sh /opt/dispatch/compose.yaml .; crontab -u ops -l > crontab_ops; docker ps > docker_ps.txt; docker inspect dispatch-api-1 > docker_inspect_api.json; rotate log/nginx-access.json""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    api, hooks = "log/api-json.log", "src/hooks.js"
    code, later = case.at(hooks, "event.recipient.postcode"), case.at(hooks, "setImmediate(() => store(event))")
    error, event, request = (
        case.at(api, "TypeError: Cannot read properties of null"),
        case.at(api, "parcel.unclaimed"),
        case.at("log/nginx-access.json", "/hooks/zipex"),
    )
    refused, failed, older = (
        case.at("log/nginx-error.log", "111: Connection refused"),
        case.at("log/nginx-access.json", '"status":502'),
        case.at("log/nginx-access.json.1.gz", '"status":502'),
    )
    return {
        "root_cause_kind": "poison-request-crashes-process",
        "root_cause": "The carrier's webhook POST /hooks/zipex with event parcel.unclaimed has recipient null; hooks.js answers 202 first and reads event.recipient.postcode later in setImmediate, where nobody catches: the rejected promise ends the process with status 1 and Docker starts it again.",
        "verdict": "root-cause", "culprit": code, "culprit_alternatives": [later, error, case.at(hooks, "async function store(event)"), event], "culprit_related": [request, case.at(hooks, "res.status(202).end()")],
        "chain": [
            hop("request_crashes_process", event, code, error, later, request, case.at("log/nginx-access.json.1.gz", "/hooks/zipex")),
            hop("crash_ends_process", error),
            hop("supervisor_restarts_process", case.at("compose.yaml", "restart: always"), case.at(api, "dispatch api up", nth=2), case.at("docker_inspect_api.json", '"RestartCount"')),
            hop("termination_refuses_connections", refused, error),
            hop("failure_reaches_clients", failed, older, refused),
        ],
        "mechanism": ["ZipEx posts parcel.unclaimed with recipient null, at irregular moments; the other events of the same sender do no harm", "hooks.js: 202 at once, store() in setImmediate", "TypeError: Cannot read properties of null (reading 'postcode') at src/hooks.js: unhandled rejection, exit 1", "Docker: restart: always; connect() failed (111), 502 until it listens again"],
        "innocent": [
            case.at("crontab_ops", "watch.sh", why="every 5 minutes; starts only an exited container and never found one"), case.at("watch.sh", "docker start", why="never reached"), case.at("crontab_ops", "close-manifest.sh", why="every half hour, only logs"),
            case.at("crontab_ops", "docker restart", why="at five in the morning, not in these logs"), case.at("log/nginx-access.json", "Better Uptime Bot", why="a harmless monitor"), case.at("compose.yaml", "healthcheck:", why="Docker restarts nothing for it"),
        ],
        "period_s": None, "lag_s": 0,
        "lags": {"parcel.unclaimed -> TypeError": case.lag(case.times(api, "parcel.unclaimed"), case.times(api, "TypeError: "))},
        "measured": [case.measure(api, "parcel.unclaimed"), case.measure(api, "TypeError: Cannot read properties of null"), case.measure(api, "dispatch api up"), case.measure("log/nginx-error.log", "111: Connection refused", join=60)],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor; the carrier is one of the lab's visitors.",
    }  # fmt: skip
