# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The cache moves to another machine and its name with it in DNS; a forgotten line in the application's /etc/hosts still names the old address."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

SERVER = r"""const express = require('express');
const Redis = require('ioredis');
const winston = require('winston');
const pad = (n) => String(n).padStart(2, '0');
const stamp = () => { const t = new Date(); return `${pad(t.getDate())}.${pad(t.getMonth() + 1)}.${t.getFullYear()} ${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}`; };
const log = winston.createLogger({
  format: winston.format.printf((i) => `${stamp()} ${i.level.toUpperCase().padEnd(5)} varaus: ${i.message}`),
  transports: [new winston.transports.File({ filename: '/var/log/varaus/varaus.log' })],
});
const redis = new Redis({ host: process.env.CACHE_HOST, port: 6379, maxRetriesPerRequest: 1, retryStrategy: (times) => Math.min(times * 2000, 20000) });
redis.on('error', (error) => log.error(`cache: ${error.message}`));
redis.on('ready', () => log.info(`cache ${process.env.CACHE_HOST} ready`));
redis.on('close', () => log.warn('cache connection closed'));
const app = express();
app.get('/', (req, res) => res.send('<h1>Sauna</h1>'));
app.get('/vuorot/:n', async (req, res) => {
  try {
    res.json({ vuoro: req.params.n, varattu: await redis.incr(`vuoro:${req.params.n}`) });
  } catch (error) {
    log.error(`GET ${req.url}: ${error.message}`);
    res.status(503).json({ virhe: 'ei yhteyttä' });
  }
});
app.listen(5060, '127.0.0.1', () => log.info(`release ${process.env.RELEASE} listening on 5060`));
process.on('SIGTERM', () => { log.info('SIGTERM, bye'); process.exit(0); });
"""

NOTIFIER = r"""const Redis = require('ioredis');
const redis = new Redis(process.env.CACHE_URL, { retryStrategy: () => 5000 });
redis.on('error', (error) => console.log(`cache: ${error.message}`));
setInterval(async () => console.log(`queue of letters: ${await redis.llen('letters')}`), 180000);
process.on('SIGTERM', () => process.exit(0));
"""

MOVE = r"""#!/bin/bash
# move-cache.sh: the cache goes from kelo (172.18.0.10) to honka (172.18.0.20)
set -e
say() { echo "$(date '+%F %T%z') $*" | tee -a /srv/varaus/ops/move-cache.log; }
say "honka becomes primary: $(redis-cli -h 172.18.0.20 replicaof no one)"
sed -i 's/^172.18.0.10 /172.18.0.20 /' /etc/dnsmasq.hosts/sauna
say "dnsmasq.hosts: $(grep cache /etc/dnsmasq.hosts/sauna)"
systemctl stop redis-kelo
say "kelo stopped, done"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format v '[$time_local] $remote_addr "$request" $status rt=$request_time urt=$upstream_response_time ref="$http_referer" ua="$http_user_agent"';
    access_log /var/log/nginx/access.log v;
    server {
        listen 80;
        server_name sauna.example.fi;
        location / { proxy_pass http://127.0.0.1:5060; }
    }
}
"""
HOSTS = """127.0.0.1	localhost
127.0.1.1	tupa
# kunnes dnsmasq on valmis / until dnsmasq works -- Pekka 11/2024
172.18.0.10	cache.sauna.internal
172.18.0.40	printer.sauna.internal
"""
UNIT = "[Unit]\nDescription={}\nAfter=network.target\n\n[Service]\nWorkingDirectory=/srv/varaus\nEnvironmentFile=/etc/varaus/{}.env\nExecStart=/usr/bin/node {}.js\nRestart=always\nRestartSec=3\n"
CRON = """*/10 * * * * root /srv/varaus/ops/stones
*/10 * * * * root /srv/varaus/ops/invoices
5 * * * * root /srv/varaus/ops/backup-cache
"""


def redis(address: str, name: str, *more: str) -> dict[str, Any]:
    command = [
        "redis-server",
        "--bind",
        address,
        "--protected-mode",
        "no",
        "--save",
        "",
        "--dir",
        "/var/lib/redis",
        "--logfile",
        f"/var/log/redis/{name}.log",
        *more,
    ]
    return {"description": f"redis {name}", "command": command, "restart": "on-failure", "wait": 4}


INCIDENT = Incident(
    host="tupa", start="2026-03-05T08:41:00+02:00", minutes=96, factor=30, kind="systemd", zone="Europe/Helsinki", apps=["/srv/varaus"],
    files={"/srv/varaus/server.js": SERVER, "/srv/varaus/notifier.js": NOTIFIER, "/srv/varaus/ops/move-cache.sh": MOVE, "/etc/nginx/nginx.conf": NGINX, "/etc/hosts": HOSTS, "/etc/cron.d/varaus": CRON,
           "/etc/dnsmasq.hosts/sauna": "172.18.0.10 cache.sauna.internal\n172.18.0.40 printer.sauna.internal\n172.18.0.41 stove.sauna.internal\n", "/etc/dnsmasq.conf": "no-resolv\nserver=192.0.2.53\n# read anew by itself when a file changes\nhostsdir=/etc/dnsmasq.hosts\n",
           "/etc/varaus/server.env": "RELEASE=2.14\nCACHE_HOST=cache.sauna.internal\n", "/etc/varaus/notifier.env": "CACHE_URL=redis://172.18.0.20:6379/0\n",
           "/etc/systemd/system/varaus.service": UNIT.format("Sauna booking", "server", "server"), "/etc/systemd/system/notifier.service": UNIT.format("Letters", "notifier", "notifier"),
           "/srv/varaus/ops/stones": "#!/bin/sh\nsleep 4\nlogger -t stones \"$(( $(date +%M) + 310 )) C\"\n", "/srv/varaus/ops/invoices": "#!/bin/sh\nsleep 9\nlogger -t invoices 'none due'\n",
           "/srv/varaus/ops/backup-cache": "#!/bin/sh\n# a copy of what the replica holds\nsleep 5\nlogger -t backup-cache \"$(redis-cli -h 172.18.0.20 dbsize) keys\"\n",
           "/srv/varaus/ops/deploys.csv": "date,release,who\n2026-02-26 10:05,2.13,oona\n"},
    prepare="mkdir -p /var/log/redis /var/log/varaus /var/lib/redis",
    services={"redis-kelo": redis("172.18.0.10", "kelo"), "redis-honka": redis("172.18.0.20", "honka", "--replicaof", "172.18.0.10", "6379"),
              "varaus": {"description": "Sauna booking", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/varaus", "environment_file": "/etc/varaus/server.env", "restart": "always", "restart_seconds": 3, "wait": 6},
              "notifier": {"description": "Letters", "command": ["/usr/bin/node", "notifier.js"], "directory": "/srv/varaus", "environment_file": "/etc/varaus/notifier.env", "restart": "always", "restart_seconds": 3, "log": {"kind": "syslog", "tag": "notifier"}},
              "nginx": NGINX_UNIT},
    during=[(21.3, "sed -i 's/2.14/2.15/' /etc/varaus/server.env; systemctl restart varaus; echo \"$(date '+%F %H:%M'),2.15,oona\" >> /srv/varaus/ops/deploys.csv"), (47.4, "/srv/varaus/ops/move-cache.sh")],
    visitors={"base": "http://127.0.0.1", "host": "sauna.example.fi", "delay": 60, "visits": [{"perSecond": 0.4, "bots": 0.04, "paths": [[5, "GET", "/vuorot/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p tupa/etc/systemd tupa/etc/varaus tupa/etc/cron.d tupa/log/nginx tupa/ops kelo-honka dns; cp /etc/hosts tupa/etc/hosts; cp /etc/systemd/system/varaus.service /etc/systemd/system/notifier.service tupa/etc/systemd/; cp /etc/varaus/* tupa/etc/varaus/; cp /etc/cron.d/varaus tupa/etc/cron.d/; cp /etc/nginx/nginx.conf tupa/etc/
cp /var/log/varaus/varaus.log /var/log/syslog tupa/log/; cp /var/log/nginx/*.log tupa/log/nginx/; cp /srv/varaus/ops/* tupa/ops/; cp /var/log/redis/*.log kelo-honka/; cp /etc/dnsmasq.conf dns/; cp /etc/dnsmasq.hosts/sauna dns/hosts-sauna; cp /srv/varaus/server.js tupa/; rotate tupa/log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, ops, move = "tupa/log/varaus.log", "tupa/ops/move-cache.log", "tupa/ops/move-cache.sh"
    pinned, name, dns = (
        case.at("tupa/etc/hosts", "172.18.0.10"),
        case.at("tupa/etc/varaus/server.env", "CACHE_HOST=cache.sauna.internal"),
        case.at("dns/hosts-sauna", "172.18.0.20"),
    )
    stop, done = case.at(move, "systemctl stop redis-kelo"), case.at(ops, "kelo stopped, done")
    refused, failed = case.at(log, "ECONNREFUSED 172.18.0.10:6379"), case.at("tupa/log/nginx/access.log", '" 503 ')
    gone, lost = case.at("kelo-honka/kelo.log", "ready to exit"), case.at(log, "GET /vuorot/")
    return {
        "root_cause_kind": "stale-hosts-entry-after-move",
        "root_cause": "At 09:28 the cache moved from kelo (172.18.0.10) to honka (172.18.0.20): honka became primary, dnsmasq's file got the new address, kelo was stopped. But the application's machine still has 172.18.0.10 for cache.sauna.internal in /etc/hosts, which wins over DNS: "
        "the application goes on asking kelo (ECONNREFUSED 172.18.0.10:6379) and answers 503 for everything that needs the cache. No process was restarted for it, nor would that help.",
        "verdict": "root-cause", "culprit": pinned, "culprit_alternatives": [stop, name, done, case.at(move, "sed -i"), refused, dns], "culprit_related": [case.at("tupa/etc/hosts", "until dnsmasq works"), gone, case.at(ops, "honka becomes primary")],
        "chain": [
            hop("deploy_changes_configuration", stop, done, gone, dns, case.at(move, "sed -i"), case.at(ops, "honka becomes primary"), case.at("tupa/log/syslog", "Stopping redis-kelo.service")),
            hop("configuration_mismatch", pinned, name, dns, refused),
            hop("termination_refuses_connections", refused, gone, lost),
            hop("failure_reaches_clients", failed, lost, case.at("tupa/log/nginx/access.log.1.gz", '" 503 ')),
        ],
        "mechanism": ["move-cache.sh: honka primary, dnsmasq.hosts changed, redis-kelo stopped", "/etc/hosts on tupa keeps 172.18.0.10 cache.sauna.internal", "cache: connect ECONNREFUSED 172.18.0.10:6379, again and again", "GET /vuorot/...: 503 until the end; / is served"],
        "innocent": [case.at("tupa/ops/deploys.csv", "2.15", why="release 26 minutes before: three 502 while it restarted, then the cache was ready and all was well"), case.at("tupa/etc/cron.d/varaus", "stones", why="only logs"), case.at("tupa/etc/cron.d/varaus", "invoices", why="only logs"), case.at("tupa/etc/cron.d/varaus", "backup-cache", why="only reads, from honka"),
                     case.at("tupa/etc/varaus/notifier.env", "172.18.0.20", why="the right address, well all the time"), case.whole("kelo-honka/honka.log", "primary and well"), case.at("tupa/etc/systemd/varaus.service", "Restart=always", why="nothing crashed")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(log, "ECONNREFUSED")[0]),
        "lags": {"kelo stopped -> first refused": case.lag(case.times(ops, "kelo stopped"), case.times(log, "ECONNREFUSED"), 120)},
        "measured": [case.measure(log, "ECONNREFUSED 172.18.0.10:6379"), case.measure(log, "ERROR varaus: GET"), case.measure("tupa/log/nginx/access.log", '" 503 ')],
        "timezones": {"kelo.log, honka.log, varaus.log": "Europe/Helsinki (+02:00) without zone", "others": "+02:00"},
        "how_made": "nginx 1.22, Node 20 (with express, ioredis, winston), redis 7.0, cron and bash really ran; names were resolved from the machine's /etc/hosts. dnsmasq itself did not run: the lab's machine reads /etc/hosts first anyway. systemctl is the lab's supervisor; all machines are addresses on one loopback.",
    }  # fmt: skip
