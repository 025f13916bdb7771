# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Event streams with a 45 s heartbeat behind nginx's 30 s proxy_read_timeout: each dies by its own clock."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""import http from 'node:http';
import pino from 'pino';

const log = pino({ timestamp: pino.stdTimeFunctions.isoTime, base: undefined }, pino.destination('/var/log/sensor/gateway.log'));
const HEARTBEAT = 45_000; // was 15_000; fewer wake-ups for the field tablets
const open = new Map();
let next = 1;

http.createServer((req, res) => {
  if (req.url === '/readings') {
    log.info('reading accepted');
    return setTimeout(() => res.writeHead(204).end(), 60 + Math.random() * 300);
  }
  if (!req.url.startsWith('/events')) return res.writeHead(404).end();
  const id = next++;
  open.set(id, Date.now());
  log.info({ stream: id, site: req.url.split('=')[1] }, 'stream opened');
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.write(': hello\n\n');
  const beat = setInterval(() => res.write(': beat\n\n'), HEARTBEAT);
  const busy = req.url.endsWith('harbour') && setInterval(() => res.write(`data: ${Math.random()}\n\n`), 7000);
  res.on('close', () => {
    clearInterval(beat);
    clearInterval(busy);
    log.info({ stream: id, seconds: Math.round((Date.now() - open.get(id)) / 100) / 10 }, 'stream closed by peer');
    open.delete(id);
  });
}).listen(8300, '127.0.0.1', () => log.info('gateway ready'));
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format stream '$time_iso8601 $remote_addr "$request" $status $bytes_sent $request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log stream;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_read_timeout 30s;

    server {
        listen 80;
        server_name sensors.example.io;
        location /events {
            proxy_pass http://127.0.0.1:8300;
            proxy_buffering off;
        }
        location /readings {
            proxy_pass http://127.0.0.1:8300;
        }
    }
}
"""

CRONTAB = """* * * * * /opt/sensor/poll-modbus.sh
*/2 * * * * /opt/sensor/aggregate.sh >> /var/log/sensor/aggregate.log
"""

INCIDENT = Incident(
    host="gw-north", start="2026-08-14T14:20:00+03:00", minutes=42, factor=20, kind="systemd", zone="Europe/Helsinki", apps=["/opt/sensor"],
    files={"/opt/sensor/gateway.mjs": SERVER, "/opt/sensor/poll-modbus.sh": "#!/bin/sh\ncurl -s -X POST http://127.0.0.1:8300/readings\n",
           "/opt/sensor/aggregate.sh": "#!/bin/sh\nsleep 5\necho \"$(date -Iseconds) aggregated\"\n", "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/sensor",
    services={"gateway": {"description": "Sensor gateway", "command": ["node", "gateway.mjs"], "directory": "/opt/sensor", "restart": "always"},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "sensors.example.io",
              "visits": [{"perSecond": 0.15, "bots": 0.1, "paths": [[1, "POST", "/readings", '{"t":{n}}']]}],
              "streams": [{"path": "/events?site=quarry", "count": 4, "spread": 7}, {"path": "/events?site=harbour", "count": 3, "spread": 5}]},
    collect="""cp /var/log/sensor/*.log .; mkdir nginx; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /opt/sensor/* .; rm -rf node_modules
crontab -l > crontab.txt; cp /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, beat = case.at("nginx/nginx.conf", "proxy_read_timeout 30s"), case.at("gateway.mjs", "const HEARTBEAT = 45_000")
    timeout = case.at("nginx/error.log", "upstream timed out (110: Connection timed out) while reading upstream")
    closed = case.at("gateway.log", "stream closed by peer")
    return {
        "root_cause_kind": "proxy-read-timeout-idle-stream",
        "root_cause": "The gateway's heartbeat on quiet event streams is 45 s, nginx's proxy_read_timeout 30 s: a quiet stream dies 30 s after it "
        "was opened, each by its own clock; busy streams (site=harbour) live on.",
        "verdict": "root-cause", "culprit": beat, "culprit_alternatives": [limit],
        "culprit_related": [case.at("gateway.mjs", "setInterval(() => res.write(': beat")],
        "chain": [
            hop("configuration_mismatch", limit, beat),
            hop("timeout_closes_connection", timeout, closed),
            hop("failure_reaches_clients", closed, timeout, case.at("nginx/access.log", "site=quarry")),
        ],
        "mechanism": [
            "a tablet opens /events?site=quarry; the gateway writes a greeting and then nothing for 45 s",
            "30 s after the last byte nginx gives up: upstream timed out (110) while reading upstream",
            "the gateway logs 'stream closed by peer' with about 30 seconds; the tablet opens the next one 3 s later",
        ],
        "innocent": [
            case.at("crontab.txt", "poll-modbus.sh", why="every minute; the deaths follow each stream's start, not the wall clock"),
            case.at("crontab.txt", "aggregate.sh", why="every 2 minutes"),
        ],
        "period_s": None, "lag_s": 30, "lags": {"stream opened -> upstream timed out (median)": lifetime(case)},
        "measured": [case.measure("nginx/error.log", "while reading upstream"), case.measure("gateway.log", "stream closed by peer"),
                     case.measure("gateway.log", r'"seconds":(29|3[0-2])(\.|,|})')],
        "timezones": {"gateway.log": "UTC (Z)", "nginx": "Europe/Helsinki (+03:00)"},
        "how_made": REAL + " (with pino). No process restarts.",
    }  # fmt: skip


def lifetime(case: Case) -> float:
    """Median of the lifetimes the gateway logs, s."""
    import json
    import statistics

    lines = [json.loads(line) for line in case.lines("gateway.log") if '"seconds"' in line]
    return statistics.median(line["seconds"] for line in lines)
