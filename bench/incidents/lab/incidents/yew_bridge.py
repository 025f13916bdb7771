# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Logins move to a machine whose clock is a minute and a half ahead: its tokens are not valid yet where they are used, and everybody is refused as soon as the old token has run out."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

TOKEN = r"""'use strict';
const { createHmac, timingSafeEqual } = require('crypto');
const KEY = process.env.TOKEN_KEY || 'bridge';
const sign = (text) => createHmac('sha256', KEY).update(text).digest('base64url');
exports.issue = (user) => {
  const now = Math.floor(Date.now() / 1000);
  const body = Buffer.from(JSON.stringify({ sub: user, nbf: now, exp: now + 900 })).toString('base64url');
  return `${body}.${sign(body)}`;
};
exports.check = (token, leeway = 30) => {
  const [body, mac] = String(token).split('.');
  if (!mac || !timingSafeEqual(Buffer.from(mac), Buffer.from(sign(body)))) throw new Error('signature');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const now = Math.floor(Date.now() / 1000);
  if (claims.exp < now) throw new Error('expired');
  if (claims.nbf > now + leeway) throw Object.assign(new Error('not active'), { claims });
  return claims;
};
"""
AUTH = r"""'use strict';
const express = require('express');
const winston = require('winston');
const { issue } = require('./token');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), winston.format.json()),
  transports: [new winston.transports.File({ filename: `/srv/yew/log/${process.env.NAME}.log` })],
});
const app = express();
app.post('/auth/login', express.json(), (req, res) => { log.info('login', { user: req.body.user, from: req.get('x-real-ip') }); res.json({ token: issue(req.body.user) }); });
app.listen(4100, process.env.LISTEN, () => log.info('auth service up', { listen: `${process.env.LISTEN}:4100`, version: '2.2.0' }));
"""
API = r"""'use strict';
const express = require('express');
const winston = require('winston');
const { check } = require('./token');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), winston.format.json()),
  transports: [new winston.transports.File({ filename: '/srv/yew/log/api.log' })],
});
const app = express();
app.get('/api/status', (req, res) => res.json({ ok: true }));
app.use('/api', (req, res, next) => {
  try { req.user = check((req.get('authorization') || '').slice(7)).sub; next(); }
  catch (error) { log.warn('token refused', { reason: error.message, user: error.claims && error.claims.sub, path: req.originalUrl }); res.status(401).json({ error: 'unauthorized' }); }
});
app.get('/api/spans/:n', (req, res) => setTimeout(() => res.json({ span: req.params.n, load: 0.4 }), 90 + Math.random() * 200));
app.listen(4000, '172.18.0.10', () => log.info('api up', { version: '5.8.1' }));
setInterval(() => log.info('inspections queued', { n: Math.floor(Math.random() * 5) }), 300000);
"""
TERMINALS = r"""'use strict';
// the world outside: inspectors' tablets, each with its own address
const http = require('http');
const sleep = (s) => new Promise((done) => setTimeout(done, s * 1000));
const ask = (method, path, address, headers, body) => new Promise((done) => {
  const req = http.request({ host: '127.0.0.1', method, path, localAddress: address, agent: false, headers: { Host: 'yew.example.ie', 'User-Agent': 'YewInspect/3.4 (Android 14)', ...headers } },
    (res) => { let text = ''; res.on('data', (d) => { text += d; }); res.on('end', () => done({ status: res.statusCode, text })); });
  req.on('error', () => done({ status: 0, text: '' }));
  req.end(body);
});
async function tablet(n) {
  const address = `203.0.113.${20 + n}`;
  await sleep(50 + n * 37);
  for (let token; ;) {
    if (!token) {
      const reply = await ask('POST', '/auth/login', address, { 'Content-Type': 'application/json' }, JSON.stringify({ user: `inspector${n}` }));
      if (reply.status === 200) token = JSON.parse(reply.text).token; else { await sleep(30); continue; }
    }
    const reply = await ask('GET', `/api/spans/${1 + Math.floor(Math.random() * 80)}`, address, { Authorization: `Bearer ${token}` });
    if (reply.status === 401) { token = undefined; await sleep(40 + Math.random() * 30); continue; }
    await sleep(24 + Math.random() * 40);
  }
}
for (let n = 1; n <= 9; n += 1) tablet(n);
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    proxy_set_header X-Real-IP $remote_addr;
    server {
        listen 80;
        server_name yew.example.ie;
        location /auth/ { proxy_pass http://172.18.0.21:4100; }   # auth1
        location /api/  { proxy_pass http://172.18.0.10:4000; }
        location / { return 200 "Yew Bridge inspections\\n"; }
    }
}
"""
CHANGES = """2026-10-06 10:15 aoife   api 5.8.1: photos of expansion joints
2026-10-12 16:30 declan  auth2 installed (Debian image from the hoster), auth 2.2.0 on it, same key
"""
MOVE = r"""sed -i 's|172.18.0.21:4100; }   # auth1|172.18.0.22:4100; }   # auth2|' /etc/nginx/nginx.conf; nginx -s reload
echo "$(date '+%F %H:%M') declan  logins to auth2, auth1 goes back to the hoster on Friday. Tried: POST /auth/login gives a token" >> /srv/yew/CHANGES"""
CRON = """# m h dom mon dow user command
*/10 * * * * root /srv/yew/bin/probe >> /srv/yew/log/probe.log
*/30 * * * * root /srv/yew/bin/rotate-key --dry-run >> /srv/yew/log/rotate-key.log
"""


def auth(name: str, address: str, skew: str) -> dict[str, Any]:
    return {
        "container": name,
        "command": ["node", "auth.js"],
        "directory": "/srv/yew",
        "environment": {"NAME": name, "LISTEN": address, **({"CLOCK_SKEW": skew} if skew else {})},
        "restart": "always",
        "wait": 6,
    }


INCIDENT = Incident(
    host="yew-web", start="2026-10-13T13:06:00+01:00", minutes=92, factor=28, zone="Europe/Dublin", apps=["/srv/yew"],
    files={"/srv/yew/token.js": TOKEN, "/srv/yew/auth.js": AUTH, "/srv/yew/api.js": API, "/opt/outside/tablets.js": TERMINALS, "/etc/nginx/nginx.conf": NGINX, "/srv/yew/CHANGES": CHANGES, "/etc/cron.d/yew": CRON,
           "/srv/yew/bin/probe": "#!/bin/sh\n# api and logins from this machine\necho \"$(date '+%F %T') api $(curl -s -m 10 -o /dev/null -w '%{http_code}' http://172.18.0.10:4000/api/status)\"\n",
           "/srv/yew/bin/rotate-key": "#!/bin/sh\n# new token key for auth and api (both at once); with --dry-run only says what it would do\n[ \"$1\" = --dry-run ] && { echo \"$(date '+%F %T') dry run: key of 2026-09-01 would stay until 2026-12-01\"; exit 0; }\nexit 3\n"},
    prepare="mkdir -p /srv/yew/log",
    services={"auth1": auth("auth1", "172.18.0.21", ""), "auth2": auth("auth2", "172.18.0.22", "94"), "api": {"command": ["node", "api.js"], "directory": "/srv/yew", "restart": "always", "wait": 6}, "web": NGINX_CONTAINER, "outside": {"command": ["node", "/opt/outside/tablets.js"], "restart": "always"}},
    during=[(34.6, MOVE)],
    visitors={"base": "http://127.0.0.1", "host": "yew.example.ie", "delay": 60, "visits": [{"perSecond": 0.06, "bots": 0.4, "paths": [[2, "GET", "/"], [1, "GET", "/api/status"]]}]},
    collect="""mkdir -p web/nginx api auth1 auth2; cp /etc/nginx/nginx.conf /var/log/nginx/*.log web/nginx/; cp /srv/yew/CHANGES web/; cp /etc/cron.d/yew web/cron.d-yew; cp /srv/yew/bin/* web/; cp /srv/yew/log/probe.log /srv/yew/log/rotate-key.log web/
cp /srv/yew/api.js /srv/yew/token.js /srv/yew/log/api.log api/; cp /srv/yew/auth.js /srv/yew/log/auth1.log auth1/; cp /srv/yew/log/auth2.log auth2/
{ for h in web api auth1; do printf '%-6s' $h; date '+%F %T %Z'; done; printf '%-6s' auth2; CLOCK_SKEW=94 date '+%F %T %Z'; } > clocks.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    access, log = "web/nginx/access.log", "api/api.log"
    moved, change, clock = (
        case.at("web/nginx/nginx.conf", "172.18.0.22:4100"),
        case.at("web/CHANGES", "logins to auth2"),
        case.at("clocks.txt", "auth2"),
    )
    refused, failed = (
        case.at(log, '"reason":"not active"'),
        case.at(access, '" 401 ', nth=sum('" 401 ' in line for line in case.lines(access)) // 2),
    )
    login = case.at("auth2/auth2.log", '"message":"login"')
    rule = case.at("api/token.js", "claims.nbf > now + leeway")
    return {
        "root_cause_kind": "clock-ahead-on-new-host",
        "root_cause": "At 13:40 nginx was told to send logins to auth2, whose clock is 94 s ahead of the other machines. Its tokens carry nbf in the API's future, beyond the 30 s of leeway, so each is refused (401, not active); the tablets log in anew and get another such token. Tokens of auth1 were good for fifteen minutes, so tablets fell out one after the other within that time. By auth2's own log each login comes a minute and a half after nginx passed it on.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": moved, "culprit_alternatives": [change, clock, refused, login], "culprit_related": [rule, case.at("api/token.js", "leeway = 30")],
        "chain": [
            hop("deploy_changes_configuration", change, moved),
            hop("configuration_mismatch", moved, clock, refused, rule, login, case.at("api/token.js", "nbf: now")),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["13:40: /auth/ passes to auth2 (172.18.0.22)", "auth2's clock is 94 s ahead: nbf lies in the future", "the API allows 30 s: 401 'not active'", "the tablet logs in again and gets another such token; no tablet works once its old token has run out"],
        "innocent": [case.at("web/cron.d-yew", "rotate-key --dry-run", why="only says what it would do; the signature is never refused"), case.at("web/cron.d-yew", "bin/probe", why="asks /api/status, which wants no token: 200 always"), case.at("web/CHANGES", "5.8.1", why="a week ago"),
                     case.at(log, '"reason":"expired"', why="every fifteen minutes, as meant; the tablet logs in again")],
        "period_s": None, "lag_s": None, "clock_skew_s": 94, "step_change_at": str(case.times(log, "not active")[0]),
        "measured": [case.measure(log, '"reason":"not active"'), case.measure(log, '"reason":"expired"'), case.measure(access, '" 401 '), case.measure("auth2/auth2.log", '"message":"login"'), case.measure("auth1/auth1.log", '"message":"login"')],
        "timezones": {"all": "Europe/Dublin (+01:00)", "auth2": "the same, 94 s ahead"},
        "how_made": REAL + " (with express, winston); all four hosts are one machine, auth2's process alone had its wall clock moved by 94 s.",
    }  # fmt: skip
