# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The team's own catalogue report asks its API without a pause and tries refused calls again at once; the API's own limiter, per key, answers 429."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const bunyan = require('bunyan');
const { limiter } = require('./lib/limiter');

const log = bunyan.createLogger({ name: 'album-api' });
const app = express();
app.get('/ping', (req, res) => res.send('pong'));
app.use('/v2', limiter(log));
app.get('/v2/stamps/:n', (req, res) => setTimeout(() => res.json({ stamp: Number(req.params.n), value: 3.5 }), 30 + Math.random() * 60));
app.get('/v2/search', (req, res) => setTimeout(() => res.json([]), 200 + Math.random() * 300));
app.listen(7400, '127.0.0.1', () => log.info({ port: 7400 }, 'album api listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

LIMITER = r"""// a bucket per API key, or per address without one
const limits = require('../config/limits.json');

const buckets = new Map();

function take(key, { perMinute, burst }) {
  const now = Date.now();
  const bucket = buckets.get(key) ?? { tokens: burst, at: now };
  bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 60000) * perMinute);
  bucket.at = now;
  buckets.set(key, bucket);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

exports.limiter = (log) => (req, res, next) => {
  const key = req.get('x-api-key') ?? req.get('x-forwarded-for') ?? 'nobody';
  if (take(key, limits[key] ?? limits.default)) return next();
  log.warn({ key, url: req.originalUrl }, 'rate limit exceeded');
  return res.set('Retry-After', '20').status(429).json({ error: 'rate limit exceeded' });
};
"""

LIMITS = """{
  "default": { "perMinute": 60, "burst": 40 },
  "auction-house": { "perMinute": 240, "burst": 120 }
}
"""

REPORT = r'''#!/usr/bin/python3
"""Valuation report for the board: asks the API for each stamp of the album and adds up."""
import json
import logging
import sys
import urllib.error
import urllib.request

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s valuation: %(message)s")
BASE = "http://127.0.0.1/v2/stamps/"
ALBUM = range(2001, 2181)
TRIES = 3


def value_of(stamp):
    for attempt in range(TRIES):
        request = urllib.request.Request(f"{BASE}{stamp}", headers={"X-Api-Key": "reports", "Host": "album.example.fi", "User-Agent": "valuation/0.4"})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}"
        except OSError as error:
            reason = str(error)
    logging.warning("stamp %s skipped after %d tries: %s", stamp, TRIES, reason)
    return None


values = [value_of(stamp) for stamp in ALBUM]
known = [value for value in values if value is not None]
logging.info("%d of %d stamps valued, total %.2f EUR", len(known), len(values), sum(known))
'''

WARM = """#!/bin/sh
# keeps the search index in memory
for q in penny black inverted; do
    curl -s -m 20 -o /dev/null -A warm-search "http://127.0.0.1/v2/search?q=$q" -H 'Host: album.example.fi'
    sleep 3
done
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    log_format album '$time_iso8601 $remote_addr "$request" $status $body_bytes_sent $request_time "$http_user_agent" key=$http_x_api_key';
    access_log /var/log/nginx/album.log album;
    limit_req_zone $binary_remote_addr zone=login:1m rate=10r/m;
    server {
        listen 80;
        server_name album.example.fi;
        location /login { limit_req zone=login burst=5; return 302 https://id.example.fi/; }
        location / {
            proxy_pass http://127.0.0.1:7400;
            proxy_set_header X-Forwarded-For $remote_addr;
        }
    }
}
"""

UNIT = """[Unit]
Description=Stamp album API

[Service]
User=album
WorkingDirectory=/srv/album
ExecStart=/usr/bin/node server.js
Restart=on-failure
StandardOutput=append:/var/log/album/api.log
"""

CRONTAB = """SHELL=/bin/sh
*/20 * * * * /srv/album/jobs/warm-search.sh
10,40 * * * * /srv/album/jobs/valuation.py >> /var/log/album/valuation.log 2>&1
*/5 * * * * /srv/album/jobs/thumbs.sh
"""

INCIDENT = Incident(
    host="merkki", start="2026-03-17T14:22:00+02:00", minutes=112, factor=30, kind="systemd", zone="Europe/Helsinki", users=["album"], apps=["/srv/album"],
    files={"/srv/album/server.js": SERVER, "/srv/album/lib/limiter.js": LIMITER, "/srv/album/config/limits.json": LIMITS, "/srv/album/jobs/valuation.py": REPORT, "/srv/album/jobs/warm-search.sh": WARM, "/etc/nginx/nginx.conf": NGINX,
           "/srv/album/jobs/thumbs.sh": "#!/bin/sh\nsleep 9\nlogger -t thumbs '0 new pictures'\n", "/etc/systemd/system/album-api.service": UNIT},
    crontabs={"album": CRONTAB}, prepare="mkdir -p /var/log/album; chown album: /var/log/album",
    services={"album-api": {"description": "Stamp album API", "command": ["node", "server.js"], "directory": "/srv/album", "user": "album", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/album/api.log"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(58.3, "systemctl restart album-api; logger -t kaisa 'album-api 2.8.1 installed'")],
    visitors={"base": "http://127.0.0.1", "host": "album.example.fi", "delay": 50,
              "visits": [{"perSecond": 0.2, "bots": 0.08, "aborts": 0.03, "abortAfter": 0.2, "paths": [[5, "GET", "/v2/stamps/{n}"], [2, "GET", "/v2/search?q={n}"], [1, "GET", "/login"]]}],
              "monitors": [{"every": 60, "path": "/ping", "address": "192.0.2.9", "agent": "UptimeRobot/2.0"},
                           {"every": 15, "jitter": 10, "path": "/v2/stamps/77", "address": "198.51.100.140", "agent": "okhttp/4.12.0", "headers": {"X-Api-Key": "auction-house"}}]},
    collect="""mkdir -p log srv/jobs srv/lib srv/config etc; cp /var/log/album/*.log /var/log/syslog log/; cp /var/log/nginx/album.log log/nginx-album.log; cp /var/log/nginx/error.log log/nginx-error.log
cp /srv/album/jobs/* srv/jobs/; cp /srv/album/lib/* srv/lib/; cp /srv/album/config/* srv/config/; cp /srv/album/server.js srv/; cp /etc/nginx/nginx.conf /etc/systemd/system/album-api.service etc/; crontab -u album -l > etc/crontab.album; rotate log/nginx-album.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, api, report, access = "srv/jobs/valuation.py", "log/api.log", "log/valuation.log", "log/nginx-album.log"
    loop, retry, job = (
        case.at(script, "values = [value_of(stamp) for stamp in ALBUM]"),
        case.at(script, "for attempt in range(TRIES)"),
        case.at("etc/crontab.album", "valuation.py"),
    )
    limit, code, said = (
        case.at("srv/config/limits.json", '"default"'),
        case.at("srv/lib/limiter.js", "status(429)"),
        case.at(api, "rate limit exceeded"),
    )
    turned, older, skipped = (
        case.at(access, '" 429 '),
        case.at(access + ".1.gz", '" 429 '),
        case.at(report, "skipped after 3 tries: HTTP 429"),
    )
    return {
        "root_cause_kind": "own-batch-rate-limited",
        "root_cause": "valuation.py, at :10 and :40, asks the API for 180 stamps one after the other without a pause and tries each refused one twice more at once; its key 'reports' has no entry in limits.json, so the default of 60 a minute (burst 40) holds: the API's own limiter answers 429 and most stamps are skipped.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": loop, "culprit_alternatives": [retry, limit, job, case.at(script, '"X-Api-Key": "reports"'), case.at(script, "def value_of"), case.at("srv/lib/limiter.js", "limits.default"), case.at(script, "ALBUM = range")],
        "culprit_related": [said, code, skipped],
        "chain": [
            hop("job_runs_script", job),
            hop("limit_rejects_requests", said, limit, code, turned, older, loop, retry, case.at("srv/lib/limiter.js", "limits.default")),
            hop("failure_reaches_clients", turned, older, skipped),
        ],
        "mechanism": ["cron of album at :10 and :40: valuation.py", "180 stamps, no pause, up to three tries each, Retry-After is not read", "limiter.js: bucket of key 'reports' is empty after about 40 calls: 429, 'rate limit exceeded'", "visitors and the auction house have buckets of their own and are served; the report is wrong by the skipped stamps"],
        "innocent": [
            case.at("etc/crontab.album", "warm-search.sh", why="every 20 minutes, three requests"), case.at("etc/crontab.album", "thumbs.sh", why="every 5 minutes, only logs"), case.at("etc/nginx.conf", "limit_req zone=login", why="only for /login"), case.at("etc/nginx.conf", "limit_req_zone", why="only for /login"),
            case.at("log/syslog", "album-api 2.8.1 installed", why="a planned restart between two runs"), case.at(access, "key=auction-house", why="a partner below its limit"), case.at("etc/album-api.service", "Restart=on-failure", why="nothing ended by itself"),
        ],
        "period_s": 1800, "lag_s": None,
        "measured": [case.measure(access + ".1.gz", '" 429 ', join=300), case.measure(access, '" 429 ', join=300), case.measure(api, "rate limit exceeded"), case.measure(report, "skipped after"), case.measure(report, "stamps valued")],
        "timezones": {"all": "Europe/Helsinki (+02:00); api.log UTC (Z)"},
        "how_made": REAL + " (with express, bunyan), Python 3.11's urllib; systemctl is the lab's supervisor.",
    }  # fmt: skip
