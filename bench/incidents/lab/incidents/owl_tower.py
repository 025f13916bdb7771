# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: from one minute on all webhooks of a partner carry a signature that does not fit; nothing was changed here."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const crypto = require('crypto');
const express = require('express');
const pino = require('pino');
const log = pino({ name: 'hooks', timestamp: pino.stdTimeFunctions.isoTime });
const SECRET = process.env.HOOK_SECRET;
const app = express();
app.use(express.text({ type: () => true }));
app.post('/hooks/nestbox', (req, res) => {
  const wanted = crypto.createHmac('sha256', SECRET).update(req.body).digest('hex');
  if (req.headers['x-signature'] !== wanted) {
    log.warn({ from: req.headers['x-forwarded-for'], delivery: req.headers['x-delivery'] }, 'signature mismatch');
    return res.status(401).end();
  }
  log.info({ delivery: req.headers['x-delivery'] }, 'hook taken');
  return res.status(204).end();
});
app.get('/boxes/:n', (req, res) => res.json({ n: req.params.n, owls: 2 }));
app.listen(4500, '127.0.0.1', () => log.info('hooks on 4500'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

SENDER = """key=eule-2024; n=8800
while sleep 14; do
  [ -e /run/new-key ] && key=eule-2026
  n=$((n + 1)); body="{\\"box\\":$((RANDOM % 90)),\\"seq\\":$n}"
  sign=$(printf %s "$body" | openssl dgst -sha256 -hmac $key -r | cut -d' ' -f1)
  curl -s -o /dev/null -A nestbox-hooks/2 --interface 198.51.100.66 -H 'Host: eulen.example.de' -H "X-Signature: $sign" -H "X-Delivery: d-$n" -H 'Content-Type: application/json' --data "$body" http://127.0.0.1/hooks/nestbox
done &"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name eulen.example.de;
        location / { proxy_pass http://127.0.0.1:4500; proxy_set_header X-Forwarded-For $remote_addr; }
    }
}
"""

INCIDENT = Incident(
    host="uhu", start="2026-03-05T14:12:00+01:00", minutes=88, factor=32, kind="systemd", zone="Europe/Berlin", apps=["/srv/hooks"],
    files={"/srv/hooks/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/usr/lib/partner/send.sh": "#!/bin/bash\n" + SENDER + "\n",
           "/srv/hooks/deploy.log": "2026-02-26 10:20:12 hooks 5.1\n2026-03-05 11:31:40 hooks 5.2 (pino 9)\n",
           "/srv/hooks/karte.sh": "#!/bin/sh\nsleep 5\nlogger -t karte 'gezeichnet'\n"},
    crontabs={"root": "*/15 * * * * /srv/hooks/karte.sh\n55 14 * * * /usr/bin/certbot renew -q\n"},
    services={"hooks": {"description": "Hooks", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/hooks", "environment": {"HOOK_SECRET": "eule-2024"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/hooks.log"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(2.5, "setsid /usr/lib/partner/send.sh < /dev/null > /dev/null 2>&1 &"), (45.8, "touch /run/new-key")],
    visitors={"base": "http://127.0.0.1", "host": "eulen.example.de", "delay": 60, "visits": [{"perSecond": 0.15, "bots": 0.05, "paths": [[1, "GET", "/boxes/{n}"]]}]},
    collect="""cp /srv/hooks/server.js /srv/hooks/deploy.log /srv/hooks/karte.sh /var/log/hooks.log /var/log/nginx/access.log /etc/nginx/nginx.conf .; cp /var/log/syslog .; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    onset = case.times("hooks.log", "signature mismatch", hours=1)[0]
    return {
        "root_cause_kind": "unknown-signature-mismatch",
        "root_cause": "Not to be known: from one minute on every webhook of 198.51.100.66 gets 401 (signature mismatch), without restart or deploy here at that time. The partner's secret may have changed (in truth it did), or its bodies; "
        "nothing here can tell. The deploy was three hours earlier and hooks were taken after it.",
        "verdict": "undetermined", "verdict_accepted": ["suspected"], "expected_confidence": "low", "step_change_at": str(onset),
        "innocent": [case.at("deploy.log", "hooks 5.2", why="hooks were taken for hours after it"), case.at("crontab", "certbot", why="ran three minutes earlier; nothing was restarted or reloaded here"), case.at("crontab", "karte.sh", why="every quarter of an hour, only logs"),
                     case.whole("karte.sh", "touches nothing")],
        "ask_for": ["did the partner rotate its secret?", "the environment of the service (HOOK_SECRET)", "one delivery with headers and body"],
        "measured": [case.measure("hooks.log", "signature mismatch"), case.measure("hooks.log", "hook taken"), case.measure("access.log", '" 401 ')],
        "how_made": REAL + " (with express, pino) and openssl; the partner is a shell loop; systemctl is the lab's supervisor.",
    }  # fmt: skip
