# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a health check that would restart the service every five minutes always passes."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const app = express();
const stamp = () => new Date().toISOString();
app.get('/health', (req, res) => res.json({ ok: true }));
app.get('/letters/:n', (req, res) => setTimeout(() => res.send('<p>Dear choir</p>'), 200));
app.post('/subscribe', (req, res) => {
  if (Math.random() < 0.1) { console.error(`${stamp()} warn: mail address refused`); return res.status(422).end(); }
  console.log(`${stamp()} info: subscribed`);
  return res.status(201).end();
});
app.listen(4321, '127.0.0.1', () => console.log(`${stamp()} info: letters on 4321`));
"""

CHECK = r"""#!/bin/bash
# restart the stack when the site does not answer
cd /opt/choir || exit 1
code=$(curl -sL -k -o /dev/null -w '%{http_code}' --max-time 15 http://localhost/health)
if [ "$code" != "200" ]; then
    echo "$(date '+%F %T') FAILED with $code, restarting everything"
    docker compose -f docker-compose.yml restart
    exit 1
fi
echo "$(date '+%F %T') passed"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80 default_server;
        location / { return 301 https://$host$request_uri; }
    }
    server {
        listen 443 ssl default_server;
        ssl_certificate /opt/choir/tls/cert.pem;
        ssl_certificate_key /opt/choir/tls/key.pem;
        location / { proxy_pass http://127.0.0.1:4321; }
    }
}
"""

INCIDENT = Incident(
    host="chor", start="2026-12-19T17:42:00+01:00", minutes=56, factor=28, zone="Europe/Prague", apps=["/opt/choir"],
    files={"/opt/choir/server.js": SERVER, "/opt/choir/check.sh": CHECK, "/etc/nginx/nginx.conf": NGINX,
           "/opt/choir/docker-compose.yml": "services:\n  letters:\n    image: choir/letters\n    restart: always\n  nginx:\n    image: nginx:1.22\n    restart: always\n",
           "/opt/choir/digest.sh": "#!/bin/bash\nsleep 10\necho \"$(date '+%F %T') digest ready\"\n"},
    crontabs={"root": "*/5 * * * * /opt/choir/check.sh >> /var/log/choir-check.log 2>&1\n0,30 * * * * /opt/choir/digest.sh >> /var/log/choir-digest.log\n"},
    prepare="""mkdir /opt/choir/tls; cd /opt/choir/tls
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=chor.example.cz -days 60 2>/dev/null""",
    services={"letters": {"image": "choir/letters", "command": ["node", "server.js"], "directory": "/opt/choir", "restart": "always",
                          "log": {"kind": "plain", "path": "/var/log/letters.log"}},
              "nginx": {**NGINX_CONTAINER}},
    visitors={"base": "https://127.0.0.1", "host": "chor.example.cz",
              "visits": [{"perSecond": 0.35, "bots": 0.12, "aborts": 0.02, "paths": [[5, "GET", "/letters/{n}"], [1, "POST", "/subscribe", "{}"]]}]},
    collect="""cp /var/log/letters.log /var/log/choir-*.log .; mkdir nginx; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
cp /opt/choir/*.sh /opt/choir/docker-compose.yml .; crontab -l > crontab; docker ps > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    passed, failed = case.measure("choir-check.log", "passed"), case.measure("choir-check.log", "FAILED")
    assert failed["lines"] == 0, failed
    return {
        "root_cause": "No incident: the health check could restart the whole stack, but follows the redirect (-L) and always gets 200.",
        "expected_no_incident": True,
        "innocent": [
            case.at("check.sh", "docker compose -f docker-compose.yml restart", why="never reached: choir-check.log says 'passed' each time"),
            case.at("crontab", "check.sh", why="every 5 minutes"), case.at("crontab", "digest.sh", why="twice an hour"),
            case.at("nginx/nginx.conf", "return 301", why="wanted, and followed by the check"),
            case.at("letters.log", "mail address refused", why="rejected input (422)"),
        ],
        "measured": [passed, failed, case.measure("letters.log", "letters on 4321"), case.measure("nginx/access.log", '" 404 '),
                     case.measure("nginx/access.log", '" 50[0-9] ')],
        "how_made": REAL + "; docker is the lab's supervisor.",
    }  # fmt: skip
