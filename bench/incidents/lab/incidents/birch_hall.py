# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A name that is given up cannot be renewed, so certbot tries twice a day; its post hook restarts the whole stack after every try."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const pino = require('pino');
const Redis = require('ioredis');
const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination('/srv/hall/log/varaus.log'));
const redis = new Redis({ host: '127.0.0.1', port: 6379, maxRetriesPerRequest: 1 });
redis.on('error', (error) => log.error({ err: error.message }, 'redis'));
redis.on('ready', () => log.info('redis ready'));
const server = http.createServer(async (req, res) => {
  const begin = Date.now();
  res.on('close', () => log.info({ method: req.method, url: req.url, status: res.statusCode, ms: Date.now() - begin }, res.writableFinished ? 'request' : 'client closed'));
  try {
    if (req.url.startsWith('/varaus')) await redis.incr('varaukset');
    setTimeout(() => res.end('{"ok":true}'), 80);
  } catch (error) { res.statusCode = 503; res.end(); }
});
log.info({ version: require('fs').readFileSync('VERSION', 'utf8').trim() }, 'starting, reading the calendars');
setTimeout(() => server.listen(3300, '127.0.0.1', () => log.info('listening on 3300')), 24000); // six halls, three years
process.on('SIGTERM', () => { log.info('SIGTERM, draining'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

COMPOSE = """name: hall
services:
  redis:
    image: redis:7-alpine
    restart: unless-stopped
    volumes: ["./redis:/data"]
  varaus:
    image: ghcr.io/birch-hall/varaus:2
    restart: unless-stopped
    depends_on: [redis]
    volumes: ["./log:/srv/hall/log"]
    network_mode: host
  nginx:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    volumes:
      - ./nginx/nginx.conf:/etc/nginx/nginx.conf:ro
      - /etc/letsencrypt:/etc/letsencrypt:ro
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 443 ssl default_server;
        server_name hall.example.fi;
        ssl_certificate     /etc/letsencrypt/live/hall.example.fi/fullchain.pem;
        ssl_certificate_key /etc/letsencrypt/live/hall.example.fi/privkey.pem;
        location / {
            proxy_pass http://127.0.0.1:3300;
            proxy_set_header Host $host;
            proxy_read_timeout 30s;
        }
    }
}
"""

POST = """#!/bin/sh
# certbot: after a renewal everything must see the new files
cd /srv/hall && docker compose restart
"""
DEPLOY_HOOK = """#!/bin/sh
# new certificate in place: nginx reads it again
logger -t certbot-deploy "$RENEWED_LINEAGE"
docker kill -s HUP hall-nginx-1
"""

# Stands for certbot: what it decides, tries, runs and writes into its log; the CA is not asked.
CERTBOT = r"""#!/usr/bin/python3
import os, subprocess, sys, time
from datetime import datetime, timezone
from pathlib import Path

LOG = open("/var/log/letsencrypt/letsencrypt.log", "a")


def say(level, where, text):
    now = datetime.now()
    LOG.write(f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}:{level}:certbot.{where}:{text}\n")
    LOG.flush()


def hooks(kind, **more):
    for hook in sorted(Path(f"/etc/letsencrypt/renewal-hooks/{kind}").iterdir()):
        say("INFO", "compat.misc", f"Running {kind}-hook command: {hook}")
        done = subprocess.run([str(hook)], capture_output=True, text=True, env={**os.environ, **more})
        if done.stderr:
            say("ERROR", "compat.misc", f"Hook '{kind}-hook' ran with error output:\n" + "\n".join(f" {line}" for line in done.stderr.splitlines()))


say("DEBUG", "_internal.main", "certbot version: 2.1.0")
say("DEBUG", "_internal.main", "Location of certbot entry point: /usr/bin/certbot")
say("DEBUG", "_internal.main", f"Arguments: {sys.argv[1:]}")
failed, skipped = [], []
for path in sorted(Path("/etc/letsencrypt/renewal").glob("*.conf")):
    name = path.stem
    say("DEBUG", "_internal.display.obj", f"Notifying user: Processing {path}")
    end = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", f"/etc/letsencrypt/live/{name}/fullchain.pem"], capture_output=True, text=True).stdout
    expiry = datetime.fromisoformat(end.strip().removeprefix("notAfter=").replace("Z", "+00:00"))
    left = (expiry - datetime.now(timezone.utc)).total_seconds() / 86400
    if left > 30:
        say("DEBUG", "_internal.display.obj", "Notifying user: Certificate not yet due for renewal")
        skipped.append(name)
        continue
    say("DEBUG", "_internal.renewal", f"Should renew, less than 30 days before certificate expiry {expiry:%Y-%m-%d %H:%M:%S} UTC.")
    say("INFO", "_internal.renewal", "Certificate is due for renewal, auto-renewing...")
    say("INFO", "_internal.display.obj", f"Renewing an existing certificate for {name}")
    say("INFO", "_internal.auth_handler", "Performing the following challenges:")
    say("INFO", "_internal.auth_handler", f"http-01 challenge for {name}")
    time.sleep(14)
    say("WARNING", "_internal.auth_handler", f"Challenge failed for domain {name}")
    say("INFO", "_internal.display.obj", f"\nCertbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:\n  Domain: {name}\n  Type:   dns\n  Detail: DNS problem: NXDOMAIN looking up A for {name} - check that a DNS record exists for this domain")
    say("ERROR", "_internal.renewal", f"Failed to renew certificate {name} with error: Some challenges have failed.")
    failed.append(name)
if failed:
    hooks("post")
    say("ERROR", "_internal.renewal", f"All renewals failed. The following certificates could not be renewed:")
    say("ERROR", "_internal.renewal", "".join(f"  /etc/letsencrypt/live/{name}/fullchain.pem (failure)" for name in failed))
    say("ERROR", "_internal.log", f"{len(failed)} renew failure(s), 0 parse failure(s)")
    sys.exit(1)
say("DEBUG", "_internal.renewal", "no renewal failures")
"""

CRON = """# /etc/cron.d/hall
MAILTO=""
15 3,15 * * *   root    /srv/hall/bin/kopio.sh
17 3,15 * * *   root    certbot -q renew
17 3,15 * * *   root    /srv/hall/bin/lampotila.sh
0 4 * * 1       root    docker restart hall-redis-1
"""
COPY = """#!/bin/bash
# redis-kopio, taustalla
redis-cli -p 6379 bgsave > /dev/null
sleep 40
cp /srv/hall/redis/dump.rdb "/srv/hall/redis/kopio-$(date +%u).rdb" && logger -t kopio "valmis"
"""
HEAT = """#!/bin/bash
# salien lampotilat tauluun
sleep 6
logger -t lampotila "sali A 19.4, sali B 20.1"
"""
NOTES = """# Muistiinpanot

- 2025-11-22 varmenteet uusittu kasin (molemmat)
- 2025-12-30 vanha osoite vanha-hall.example.fi irtisanottu, DNS poistettu. TODO: siivoa certbot
- 2026-01-14 certbot: post-hook lisatty, koska nginx ei viime kerralla huomannut uutta varmennetta
- 2026-01-19 varaus 2.6.2 (kalenterin varit)
- 2026-01-22 asiakas: "iltapaivalla ja yolla varaus ei vastaa hetkeen", taas
"""
RENEWAL = """# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/{0}
cert = /etc/letsencrypt/live/{0}/cert.pem
privkey = /etc/letsencrypt/live/{0}/privkey.pem
chain = /etc/letsencrypt/live/{0}/chain.pem
fullchain = /etc/letsencrypt/live/{0}/fullchain.pem

[renewalparams]
authenticator = webroot
webroot_path = /var/www/letsencrypt,
server = https://acme-v02.api.letsencrypt.org/directory
key_type = ecdsa
"""
PREPARE = r"""mkdir -p /srv/hall/log /var/log/letsencrypt; cd /srv/hall
make() { mkdir -p /etc/letsencrypt/live/$1; cd /etc/letsencrypt/live/$1
openssl req -newkey rsa:2048 -nodes -keyout privkey.pem -out r.csr -subj /CN=$1 2>/dev/null
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=i\nserial=s\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' > ca.conf; touch i; echo 01 > s
openssl ca -batch -selfsign -config ca.conf -keyfile privkey.pem -in r.csr -out fullchain.pem -notext -startdate 20251122090000Z -enddate $2 2>/dev/null; }
make hall.example.fi 20260322090000Z; make vanha-hall.example.fi 20260219113000Z"""
HALF_DAY = "leap 42540"

INCIDENT = Incident(
    host="koivu", start="2026-01-19T03:09:00+02:00", minutes=88, factor=32, zone="Europe/Helsinki", apps=["/srv/hall/app"],
    project={"project": "hall", "config_files": "/srv/hall/compose.yaml", "working_dir": "/srv/hall"},
    files={"/srv/hall/app/server.js": SERVER, "/srv/hall/app/VERSION": "2.6.1\n", "/srv/hall/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/letsencrypt/renewal-hooks/post/10-stack.sh": POST, "/etc/letsencrypt/renewal-hooks/deploy/nginx.sh": DEPLOY_HOOK, "/usr/bin/certbot": CERTBOT,
           "/etc/letsencrypt/renewal/hall.example.fi.conf": RENEWAL.format("hall.example.fi"), "/etc/letsencrypt/renewal/vanha-hall.example.fi.conf": RENEWAL.format("vanha-hall.example.fi"), "/etc/cron.d/hall": CRON, "/srv/hall/bin/kopio.sh": COPY, "/srv/hall/bin/lampotila.sh": HEAT, "/srv/hall/muistiinpanot.md": NOTES},
    prepare=PREPARE + "; mkdir -p /srv/hall/redis",
    services={"redis": {"container": "hall-redis-1", "image": "redis:7-alpine", "command": ["redis-server", "--port", "6379", "--dir", "/srv/hall/redis", "--save", ""], "restart": "unless-stopped", "log": {"kind": "plain", "path": "/srv/hall/log/redis.log"}, "wait": 5, "ports": "6379/tcp"},
              "varaus": {"container": "hall-varaus-1", "image": "ghcr.io/birch-hall/varaus:2", "command": ["node", "server.js"], "directory": "/srv/hall/app", "restart": "unless-stopped", "wait": 32},
              "nginx": {**NGINX_CONTAINER, "container": "hall-nginx-1"}},
    during=[(11, HALF_DAY), (14.2, 'echo 2.6.2 > /srv/hall/app/VERSION; docker-compose -f /srv/hall/compose.yaml up -d varaus 2> /dev/null; logger -t deploy "varaus 2.6.2"'), (22, HALF_DAY), (33, HALF_DAY), (44, HALF_DAY), (55, HALF_DAY), (66, HALF_DAY), (77, HALF_DAY)],
    visitors={"base": "https://127.0.0.1", "host": "hall.example.fi", "delay": 60, "visits": [{"perSecond": 0.45, "bots": 0.09, "aborts": 0.01, "paths": [[5, "GET", "/salit/{n}"], [2, "POST", "/varaus", '{"sali":{n}}'], [1, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/", "address": "198.51.100.23", "agent": "Uptime-Kuma/1.23.16", "log": "/srv/hall/log/kuma.txt", "name": "hall"}]},
    collect="""mkdir -p letsencrypt/renewal nginx log bin; cp -r /etc/letsencrypt/renewal-hooks letsencrypt/; cp /etc/letsencrypt/renewal/*.conf letsencrypt/renewal/; cp /var/log/letsencrypt/letsencrypt.log log/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /srv/hall/log/varaus.log /var/log/syslog log/; mv /srv/hall/log/kuma.txt uptime-kuma.txt
for name in hall.example.fi vanha-hall.example.fi; do echo "# $name"; openssl x509 -noout -subject -dates -in /etc/letsencrypt/live/$name/fullchain.pem; done > letsencrypt/dates.txt; cp /srv/hall/bin/*.sh bin/; cp /srv/hall/compose.yaml /srv/hall/muistiinpanot.md .; cp /etc/cron.d/hall cron.d-hall; docker ps > docker-ps.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    hook, tab, letters, app, errors = (
        "letsencrypt/renewal-hooks/post/10-stack.sh",
        "cron.d-hall",
        "log/letsencrypt.log",
        "log/varaus.log",
        "nginx/error.log",
    )
    restart, job = case.at(hook, "docker compose restart"), case.at(tab, "certbot -q renew")
    ran, effect, tried = (
        case.at(letters, "Running post-hook command"),
        case.at(letters, "Container hall-varaus-1  Started"),
        case.at(letters, "Challenge failed for domain vanha-hall"),
    )
    due, name = (
        case.at(letters, "Should renew"),
        case.at("letsencrypt/renewal/vanha-hall.example.fi.conf", "/etc/letsencrypt/live/vanha-hall.example.fi/fullchain.pem"),
    )
    given_up, gone = case.at("muistiinpanot.md", "irtisanottu"), case.at(app, "SIGTERM, draining", nth=2)
    refused, failed = case.at(errors, "111: Connection refused"), case.at("nginx/access.log", '" 502 ')
    hooks, terms = case.times(letters, "Running post-hook"), case.times(app, "SIGTERM", hours=2)
    return {
        "root_cause_kind": "certificate-hook-restarts",
        "root_cause": "cron runs `certbot -q renew` at 03:17 and 15:17. The certificate of vanha-hall.example.fi, a name given up in December, has been due since 20 January 13:30, so every run tries it and fails (NXDOMAIN); certbot runs its post hooks after every try, also a failed one, "
        "and the hook of 14 January is `docker compose restart`: redis, varaus and nginx all go down twice a day though no certificate was renewed.",
        "verdict": "root-cause", "culprit": restart, "culprit_alternatives": [ran, job], "culprit_related": [tried, due, name, given_up, effect, case.at("muistiinpanot.md", "post-hook lisatty"), case.at(letters, "NXDOMAIN")],
        "chain": [
            hop("job_runs_script", job, case.at("log/syslog", "certbot -q renew"), case.at(letters, "Arguments: ['-q', 'renew']")),
            hop("script_calls_script", ran, tried, due),
            hop("effect_hits_service", restart, effect, ran),
            hop("process_terminates", gone, effect),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused, case.at("nginx/access.log.1.gz", '" 502 ')),
        ],
        "mechanism": ["since 14 Jan a post hook restarts the stack, but nothing is due and no hook runs (19 Jan twice, 20 Jan 03:17)", "20 Jan 13:30: vanha-hall has less than 30 days; from 15:17 on certbot tries it at each run", "its DNS was removed in December: Challenge failed", "post-hook all the same: docker compose restart of redis, varaus and nginx",
                      "SIGTERM; nginx itself is away some seconds, then connect() failed (111) for some twenty seconds while varaus reads its calendars: 502"],
        "contributing": [given_up | {"why": "the name was given up, its renewal file stayed"}, case.at(app, "starting, reading the calendars", why="a start takes half a minute")],
        "innocent": [case.at(tab, "kopio.sh", why="two minutes before, also on the days without trouble; bgsave and a copy"), case.at(tab, "lampotila.sh", why="same minute, only logs"), case.at(tab, "docker restart hall-redis-1", why="Mondays at 04:00, not in these logs"),
                     case.at("log/syslog", "deploy: varaus 2.6.2", why="release on 19 January 15:12: one ordered restart of varaus alone"), case.whole("letsencrypt/renewal-hooks/deploy/nginx.sh", "reloads nginx as it should be; never ran, as nothing was renewed"), case.whole("bin/kopio.sh", "saves in the background"), case.at("log/syslog", "Running @reboot jobs", why="the host came up at 03:09 on the 19th; the refused connections of 03:11 are of that")],
        "period_s": 43200, "lag_s": case.lag(case.times("log/syslog", "certbot -q renew"), terms, 60), "step_change_at": str(hooks[0]),
        "lags": {"post-hook -> SIGTERM": case.lag(hooks, terms, 30), "SIGTERM -> first refused": case.lag(terms, case.times(errors, "111: Connection refused"), 60)},
        "measured": [case.measure(letters, "Running post-hook command"), case.measure(app, "SIGTERM, draining"), case.measure(errors, "111: Connection refused", join=300), case.measure("nginx/access.log", '" 502 ', join=300)],
        "timezones": {"varaus.log, uptime-kuma.txt": "UTC (Z)", "others": "Europe/Helsinki (+02:00); letsencrypt.log, syslog and error.log without zone"},
        "how_made": REAL.replace("curl", "openssl") + " (with pino, ioredis), and redis 7.0; docker is the lab's supervisor. certbot is a stand-in: it reads the real certificates' dates, decides, fails as for a missing name, runs the real hooks and writes certbot's words; no CA was asked. "
        "Between the half days the wall clock leapt; the logs hold eleven minutes of each.",
    }  # fmt: skip
