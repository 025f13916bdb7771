# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Sessions that never expire fill redis up to its limit; from then on it takes no write and nobody can log in."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const crypto = require('crypto');
const express = require('express');
const Redis = require('ioredis');
const winston = require('winston');
const log = winston.createLogger({ format: winston.format.combine(winston.format.timestamp(), winston.format.json()), transports: [new winston.transports.Console()] });
const redis = new Redis({ host: '127.0.0.1' });
const HOUR = 3600;
const app = express();
app.use(express.json());
// "angemeldet bleiben": ab 4.3 behalten wir den Warenkorb über den Tag hinaus
async function remember(id, session, stay) {
  const text = JSON.stringify(session);
  return stay ? redis.set(`sess:${id}`, text) : redis.set(`sess:${id}`, text, 'EX', 12 * HOUR);
}
app.post('/anmelden', async (req, res) => {
  const id = crypto.randomBytes(16).toString('hex');
  try {
    await remember(id, { kunde: req.body.kunde, korb: Array.from({ length: 400 }, (_, n) => ({ artikel: 4000 + n, menge: 1, notiz: 'Marmelade, Erdbeer, 340 g' })) }, req.body.bleiben !== false);
    res.json({ id });
  } catch (error) {
    log.error('Anmeldung fehlgeschlagen', { kunde: req.body.kunde, fehler: error.message });
    res.status(500).end();
  }
});
app.get('/sorten/:n', (req, res) => res.json({ n: req.params.n, sorte: 'Erdbeer' }));
app.listen(3030, '127.0.0.1', () => log.info('Laden offen', { version: '4.3.1' }));
process.on('SIGTERM', () => process.exit(0));
"""

REDIS = """bind 127.0.0.1
port 6379
save ""
logfile /var/log/redis/redis-server.log
# Sitzungen und Warenkörbe; mehr gibt der kleine Server nicht her
maxmemory 16mb
maxmemory-policy noeviction
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name marmelade.example.de;
        location / { proxy_pass http://127.0.0.1:3030; }
    }
}
"""

INCIDENT = Incident(
    host="glas", start="2026-07-09T11:00:00+02:00", minutes=80, factor=30, kind="systemd", zone="Europe/Berlin", users=["redis"], apps=["/srv/marmelade"],
    files={"/srv/marmelade/server.js": SERVER, "/etc/redis/redis.conf": REDIS, "/etc/nginx/nginx.conf": NGINX,
           "/srv/marmelade/AENDERUNGEN": "4.3.1 (7. Juli)  Tippfehler\n4.3.0 (6. Juli)  angemeldet bleiben\n4.2.7 (20. Juni) Kasse\n",
           "/usr/local/bin/redis-mem": "#!/bin/sh\n# Speicher von redis, alle 10 Minuten\necho \"$(date '+%F %H:%M') $(redis-cli info memory | tr -d '\\r' | grep -E '^used_memory:|^maxmemory:' | tr '\\n' ' ')keys=$(redis-cli dbsize)\" >> /var/log/redis-mem.log\n",
           "/usr/local/bin/bestand": "#!/bin/sh\nsleep 4\nlogger -t bestand 'Bestand gelesen'\n"},
    owners={"/var/log/redis": "redis"}, prepare="mkdir -p /var/log/redis", crontabs={"root": "*/10 * * * * /usr/local/bin/redis-mem\n*/15 * * * * /usr/local/bin/bestand\n"},
    services={"redis": {"description": "Advanced key-value store", "command": ["redis-server", "/etc/redis/redis.conf"], "user": "redis", "restart": "always", "wait": 4},
              "marmelade": {"description": "Marmeladenladen", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/marmelade", "restart": "always", "log": {"kind": "syslog", "tag": "node"}, "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "marmelade.example.de", "delay": 60, "visits": [{"perSecond": 0.1, "bots": 0.08, "paths": [[1, "GET", "/sorten/{n}"]]},
                                                                                                   {"perSecond": 0.22, "bots": 0, "paths": [[5, "POST", "/anmelden", '{"kunde": {n}}'], [1, "POST", "/anmelden", '{"kunde": {n}, "bleiben": false}']]}]},
    collect="""cp /etc/redis/redis.conf /etc/nginx/nginx.conf /srv/marmelade/server.js /srv/marmelade/AENDERUNGEN /usr/local/bin/redis-mem /usr/local/bin/bestand .; crontab -l > crontab
cp /var/log/redis-mem.log /var/log/redis/redis-server.log .; cp /var/log/syslog syslog; cp /var/log/nginx/access.log nginx-access.log; cp /var/log/nginx/error.log nginx-error.log; rotate nginx-access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    keep, limit, policy = (
        case.at("server.js", "return stay ? redis.set("),
        case.at("redis.conf", "maxmemory 16mb"),
        case.at("redis.conf", "maxmemory-policy noeviction"),
    )
    full, failed = (
        case.at("syslog", "OOM command not allowed when used memory > 'maxmemory'"),
        case.at("nginx-access.log", '"POST /anmelden HTTP/1.1" 500 '),
    )
    return {
        "root_cause_kind": "redis-memory-exhausted",
        "root_cause": "Sessions with 'angemeldet bleiben' are stored without an expiry (server.js, remember()), redis is limited to 16 MB with noeviction: once it is full every write ends as OOM command not allowed and nobody can log in (500); pages are served.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": keep, "culprit_alternatives": [limit, policy, full, case.at("server.js", "await remember(")], "culprit_related": [case.at("AENDERUNGEN", "4.3.0")],
        "chain": [hop("resource_exhausted", full, keep, limit, policy, case.at("redis-mem.log", "used_memory:")), hop("failure_reaches_clients", failed, full)],
        "mechanism": ["each login that stays writes a key without EX", "used_memory grows to maxmemory (redis-mem.log)", "OOM command not allowed when used memory > 'maxmemory'", "POST /anmelden: 500 until the end of the log"],
        "innocent": [case.at("crontab", "redis-mem", why="every ten minutes, only reads"), case.at("crontab", "bestand", why="every quarter of an hour, only logs"), case.whole("redis-mem", "only reads"), case.whole("bestand", "touches nothing")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times("syslog", "OOM command not allowed", hours=2)[0]),
        "measured": [case.measure("syslog", "OOM command not allowed"), case.measure("nginx-access.log", '" 500 ')],
        "how_made": REAL + " (with express, ioredis, winston), and redis 7.0; systemctl is the lab's supervisor.",
    }  # fmt: skip
