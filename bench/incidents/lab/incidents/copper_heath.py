# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two troubles: the deployer's git clean -x removes the folder the receipts are written to, and the payment company calls from a new address that nginx does not allow."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('node:fs');
const path = require('node:path');
const express = require('express');
const bunyan = require('bunyan');

const log = bunyan.createLogger({ name: 'hede', src: false });
const RECEIPTS = path.join(__dirname, 'var', 'kvitteringer');
fs.mkdirSync(RECEIPTS, { recursive: true });
let number = 7000;

const app = express();
app.use(express.json());
app.get('/', (req, res) => res.sendFile(path.join(__dirname, 'sider', 'forside.html')));
app.get('/honning/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, glas: req.params.n % 7 }), 50 + Math.random() * 250));
app.post('/koeb', (req, res, next) => {
  number += 1;
  const receipt = { number, vare: req.body.vare, betalt: false };
  fs.writeFile(path.join(RECEIPTS, `${number}.json`), JSON.stringify(receipt), (error) => {
    if (error) return next(error);
    log.info({ number }, 'koeb gemt');
    return res.status(201).json({ number });
  });
});
app.post('/hooks/betaling', (req, res) => { log.info({ ref: req.body.ref }, 'betaling bekraeftet'); res.status(204).end(); });
app.use((error, req, res, next) => { log.error({ code: error.code, path: error.path }, `${req.method} ${req.url}: ${error.message}`); res.status(500).end(); });
app.listen(4950, '127.0.0.1', () => log.info('hede klar'));
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""

PULL = """#!/bin/bash
# hent.sh: nyt paa main? saa ud med det (cron, hvert tiende minut)
cd /srv/hede/site || exit 1
git fetch -q origin
if [ "$(git rev-parse HEAD)" = "$(git rev-parse origin/main)" ]; then
    exit 0
fi
fra=$(git rev-parse --short HEAD)
git reset -q --hard origin/main
git clean -fdxq            # rester fra gamle versioner
echo "$(date '+%d-%m-%Y %H:%M:%S') $fra -> $(git rev-parse --short HEAD): $(git log -1 --format=%s)"
if git diff --name-only "$fra" HEAD | grep -qE '\\.js$|package'; then
    systemctl restart hede
    echo "$(date '+%d-%m-%Y %H:%M:%S') hede genstartet"
fi
"""
STOCK = """#!/bin/bash
# lager fra vaegten i laden
sleep 6
logger -t lager "$((RANDOM % 300 + 900)) glas"
"""
MAIL = """#!/bin/bash
# nyhedsbrev til dem der har bedt om det
sleep 9
logger -t nyhedsbrev "$((RANDOM % 20 + 80)) sendt, 2 afvist"
"""
CRON = """# m h dom mon dow user kommando
*/10 * * * * root /srv/hede/bin/hent.sh >> /var/log/hede/hent.log 2>&1
*/10 * * * * nobody /srv/hede/bin/lager.sh
30 10 * * * nobody /srv/hede/bin/nyhedsbrev.sh
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
    log_format hede '$remote_addr $host [$time_local] $status "$request" $body_bytes_sent "$http_user_agent"';
    access_log /var/log/nginx/access.log hede;
    server {
        listen 80;
        server_name honning.example.dk;
        location / { proxy_pass http://127.0.0.1:4950; }
        location /hooks/betaling {
            # kun betalingsfirmaet
            allow 203.0.113.20;
            deny all;
            proxy_pass http://127.0.0.1:4950;
        }
    }
}
"""
MAILBOX = """Fra: drift@betaling.example
Til: kontor@honning.example.dk
Dato: 12. maj 2026 09:02
Emne: Nye afsenderadresser for webhooks

Hej. Den 2. juni 2026 kl. 10.55 flytter vi. Derefter kommer vores kald fra 198.51.100.128/27 og
ikke laengere fra 203.0.113.20. Ret venligst jeres firewall. Kald der afvises, gentages i 72 timer.

--
Fra: Mette (butikken)
Til: web@honning.example.dk
Dato: 2. juni 2026 11:20
Emne: kunder kan ikke koebe?!

To kunder har ringet, de faar en fejl naar de trykker Koeb. Og to betalinger staar som ventende.
"""
HOOKS = """n=4000
while true; do
    n=$((n + 1))
    from=203.0.113.20; [ -e /run/moved ] && from=198.51.100.139
    curl -s -o /dev/null -m 10 -A 'Betaling-Webhook/3' --interface $from -H 'Host: honning.example.dk' -H 'Content-Type: application/json' -d "{\\"ref\\":\\"b$n\\"}" http://127.0.0.1/hooks/betaling
    sleep $((RANDOM % 70 + 30))
done
"""
COMMIT = "git -c user.name='{1}' -c user.email={2}@honning.example.dk commit -q -a -m '{0}'"

INCIDENT = Incident(
    host="hede", start="2026-06-02T09:58:00+02:00", minutes=92, factor=28, kind="systemd", zone="Europe/Copenhagen", apps=["/srv/hede"],
    files={"/root/skab/server.js": SERVER, "/root/skab/sider/forside.html": "<h1>Hedens honning</h1>\n<p>Aabent 10-17</p>\n", "/root/skab/.gitignore": "node_modules/\nvar/\n", "/srv/hede/bin/hent.sh": PULL, "/srv/hede/bin/lager.sh": STOCK, "/srv/hede/bin/nyhedsbrev.sh": MAIL, "/etc/cron.d/hede": CRON, "/etc/nginx/nginx.conf": NGINX, "/root/mails.txt": MAILBOX, "/usr/lib/lab/hooks.sh": HOOKS,
           "/etc/systemd/system/hede.service": "[Unit]\nDescription=Hedens honning\n\n[Service]\nWorkingDirectory=/srv/hede/site\nExecStart=/usr/bin/node server.js\nStandardOutput=append:/var/log/hede/hede.log\nRestart=on-failure\n"},
    prepare="mkdir -p /var/log/hede; export HOME=/root; cd /root/skab; git init -q -b main .; git add .; " + COMMIT.format("butikken som den er", "Jens", "jens") + "; git clone -q --bare /root/skab /srv/git-hede; git remote add origin /srv/git-hede; git clone -q /srv/git-hede /srv/hede/site; setsid bash /usr/lib/lab/hooks.sh > /dev/null 2>&1 &",
    services={"hede": {"description": "Hedens honning", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/hede/site", "restart": "on-failure", "log": {"kind": "plain", "path": "/var/log/hede/hede.log"}, "wait": 10}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "honning.example.dk", "delay": 60,
              "visits": [{"perSecond": 0.32, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.15, "paths": [[4, "GET", "/honning/{n}"], [2, "GET", "/"], [2, "POST", "/koeb", '{"vare":{n}}']]}]},
    during=[(26.5, "cd /root/skab; export HOME=/root; sed -i 's/Aabent 10-17/Aabent 10-18/' sider/forside.html; " + COMMIT.format("sommertid: aabent til 18", "Mette", "mette") + "; git push -q origin main"),
            (57, "touch /run/moved")],
    collect="""mkdir -p log bin; cp /var/log/nginx/*.log log/; cp /var/log/hede/*.log /var/log/syslog log/; cp /srv/hede/bin/*.sh bin/; cp /etc/cron.d/hede cron.d-hede; cp /etc/nginx/nginx.conf nginx.conf; cp /etc/systemd/system/hede.service /root/mails.txt .; cp /srv/hede/site/server.js .; cd /srv/hede/site; git log --stat --date=iso > /collected/git-log.txt; cp .gitignore /collected/gitignore; ls -A > /collected/ls-site.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log, access, errors, pulls, system = (
        "bin/hent.sh",
        "log/hede.log",
        "log/access.log",
        "log/error.log",
        "log/hent.log",
        "log/syslog",
    )
    clean, did, missing, failed, made = (
        case.at(script, "git clean -fdxq"),
        case.at(pulls, "sommertid"),
        case.at(log, "ENOENT"),
        case.at(access, '500 "POST /koeb'),
        case.at("server.js", "fs.mkdirSync(RECEIPTS"),
    )
    job, ran, ignored = (
        case.at("cron.d-hede", "hent.sh"),
        case.at(system, "CMD (/srv/hede/bin/hent.sh"),
        case.at("gitignore", "var/"),
    )
    allow, deny, forbidden, refused, mail = (
        case.at("nginx.conf", "allow 203.0.113.20;"),
        case.at("nginx.conf", "deny all;"),
        case.at(errors, "access forbidden by rule"),
        case.at(access, '403 "POST /hooks/betaling'),
        case.at("mails.txt", "198.51.100.128/27"),
    )
    pulled, broken = case.times(pulls, "sommertid"), case.times(access, '500 "POST /koeb')
    return {
        "root_cause_kind": "deploy-clean-removes-data-folder",
        "root_cause": "hent.sh brings a new version out with git clean -fdx; -x also removes what .gitignore names, and var/ with the receipts is in there. At 10:30 a changed opening hour was on main: the folder var/kvitteringer went (the service, which makes it at its start, was not restarted, as no .js changed), and since then every purchase fails with ENOENT, 500. Apart from that, since 10:55 the payment company calls from 198.51.100.139, which nginx' allow does not know: 403.",
        "verdict": "root-cause", "culprit": clean, "culprit_alternatives": [missing, did], "culprit_related": [job, ignored, made, case.at("git-log.txt", "sommertid"), case.at("server.js", "const RECEIPTS")],
        "chain": [
            hop("job_runs_script", job, ran, did),
            hop("effect_hits_service", clean, did, missing, ignored),
            hop("failure_reaches_clients", failed, missing),
        ],
        "mechanism": ["10:24 a changed page is pushed to main", "10:30 cron's hent.sh: git reset, git clean -fdxq, which deletes var/kvitteringer with all receipts", "no .js changed, so no restart, which would have made the folder anew", "POST /koeb: ENOENT, 500; everything else is well"],
        "innocent": [case.at("cron.d-hede", "nyhedsbrev.sh", why="at 10:30, the minute of the onset; sends mail"), case.whole("bin/nyhedsbrev.sh", "touches nothing"), case.at("cron.d-hede", "lager.sh", why="every ten minutes; a line"), case.at("git-log.txt", "sommertid", why="one word in a page; any commit would have done the same"), case.at("hede.service", "Restart=on-failure", why="the process runs through")],
        "period_s": None, "lag_s": case.lag(pulled, broken, 300), "lags": {}, "step_change_at": str(pulled[0]),
        "measured": [case.measure(access, '500 "POST /koeb', join=600), case.measure(log, "ENOENT"), case.measure(access, '201 "POST /koeb'), case.measure(access, '403 "POST /hooks/betaling'), case.measure(access, '204 "POST /hooks/betaling'), case.measure(pulls, " -> ")],
        "other_causes": [{
            "root_cause_kind": "allow-list-lacks-new-address",
            "root_cause": "nginx allows /hooks/betaling to 203.0.113.20 alone; the payment company announced that from 2 June 10:55 its calls come from 198.51.100.128/27, and so they do: access forbidden by rule, 403, payments stay pending.",
            "culprit": allow, "culprit_alternatives": [deny, forbidden, mail], "period_s": None, "lag_s": None,
            "chain": [hop("configuration_mismatch", allow, deny, mail, forbidden), hop("limit_rejects_requests", forbidden, allow, deny), hop("failure_reaches_clients", refused, forbidden)],
        }],
        "timezones": {"hede.log": "UTC (Z)", "others": "Europe/Copenhagen (+02:00)"},
        "how_made": REAL + " with express and bunyan, and git; systemctl is the lab's supervisor.",
    }  # fmt: skip
