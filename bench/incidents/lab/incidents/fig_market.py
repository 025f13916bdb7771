# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""At lunch the two workers have a queue; a timer's probe stands in it like everybody else, gives up after five seconds and restarts a shop that is only busy."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = r'''"""Figueira: o mercado encomenda aqui."""
import json
import logging
import random
import time

logging.basicConfig(filename="/var/log/figs/loja.log", level=logging.INFO, format="%(asctime)s %(levelname)s %(process)d %(message)s")
log = logging.getLogger("loja")
SLOW = 2.5


def application(environ, start_response):
    path, begin = environ["PATH_INFO"], time.monotonic()
    if path == "/status":
        body = {"estado": "ok"}
    elif path.startswith("/cesto"):
        time.sleep(random.uniform(1.2, 3.2))  # precos do dia, do sistema do mercado
        body = {"total": round(random.uniform(4, 90), 2)}
    else:
        time.sleep(random.uniform(0.3, 0.9))
        body = {"bancas": 31}
    took = time.monotonic() - begin
    if took > SLOW:
        log.warning("%s demorou %.1f s", path, took)
    if path.startswith("/cesto/") and path.endswith("77"):
        log.error("preco em falta: %s", path)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
'''

PROBE = r"""#!/bin/bash
# sonda: a loja responde? (figs-probe.timer, de dois em dois minutos)
# Pergunta como um cliente, pelo nginx.
code=$(curl -s -m 5 -o /dev/null -w '%{http_code}' -A figs-probe http://localhost/status)
if [ "$code" = "200" ]; then
    echo "loja ok"
else
    echo "loja sem resposta (codigo $code), a reiniciar"
    systemctl restart figs.service
fi
"""

UNIT = """[Unit]
Description=Loja dos figos
After=network.target

[Service]
User=figs
WorkingDirectory=/srv/figs
ExecStart=/usr/bin/gunicorn --workers 2 --bind 127.0.0.1:8090 --timeout 60 --log-file /var/log/figs/gunicorn.log loja:application
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
PROBE_UNIT = """[Unit]
Description=Sonda da loja

[Service]
Type=oneshot
ExecStart=/usr/local/bin/figs-probe
"""
TIMER = """[Unit]
Description=Sonda da loja, de dois em dois minutos

[Timer]
OnCalendar=*:0/2
AccuracySec=1s

[Install]
WantedBy=timers.target
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format t '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" rt=$request_time urt=$upstream_response_time';
    access_log /var/log/nginx/access.log t;
    server {
        listen 80 default_server;
        server_name figos.example.pt;
        location / {
            proxy_pass http://127.0.0.1:8090;
            proxy_read_timeout 60s;
        }
    }
}
"""
CRON = """# m h dom mon dow user command
*/10 * * * * figs /srv/figs/bin/precos.sh >> /var/log/figs/precos.log 2>&1
0 * * * * figs /srv/figs/bin/relatorio.sh >> /var/log/figs/relatorio.log 2>&1
0 12 * * * root /srv/figs/bin/almoco.sh
"""
PRICES = """#!/bin/bash
# tabela de precos para o painel da praca
sleep 7
echo "$(date '+%d/%m/%Y %H:%M:%S') $((RANDOM % 90 + 300)) precos"
"""
REPORT = """#!/bin/bash
# vendas da ultima hora
sleep 25
echo "$(date '+%d/%m/%Y %H:%M:%S') relatorio enviado"
"""
LUNCH = """#!/bin/bash
# o menu do almoco entra na pagina ao meio-dia
sleep 2
logger -t almoco "menu publicado"
"""
RUSH = """{"base": "http://127.0.0.1", "host": "figos.example.pt", "delay": 1, "visits": [{"perSecond": 1.02, "bots": 0, "aborts": 0.02, "abortAfter": 6, "paths": [[3, "GET", "/cesto/{n}"], [2, "GET", "/bancas"]]}]}"""

INCIDENT = Incident(
    host="figueira", start="2026-09-08T11:24:30+01:00", minutes=88, factor=26, kind="systemd", zone="Europe/Lisbon", users=["figs"],
    files={"/srv/figs/loja.py": APP, "/usr/local/bin/figs-probe": PROBE, "/etc/systemd/system/figs.service": UNIT, "/etc/systemd/system/figs-probe.service": PROBE_UNIT, "/etc/systemd/system/figs-probe.timer": TIMER, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/figs": CRON,
           "/srv/figs/bin/precos.sh": PRICES, "/srv/figs/bin/relatorio.sh": REPORT, "/srv/figs/bin/almoco.sh": LUNCH, "/usr/lib/lab/rush.json": RUSH},
    owners={"/srv/figs": "figs", "/var/log/figs": "figs"}, prepare="mkdir -p /var/log/figs; install -d -o figs /home/figs",
    services={"figs": {"description": "Loja dos figos", "command": ["/usr/bin/gunicorn", "--workers", "2", "--bind", "127.0.0.1:8090", "--timeout", "60", "--log-file", "/var/log/figs/gunicorn.log", "loja:application"], "directory": "/srv/figs", "user": "figs", "restart": "on-failure", "grace": 30, "wait": 25}, "nginx": {**NGINX_UNIT, "wait": 4},
              "figs-probe": {"description": "Sonda da loja", "command": ["/usr/local/bin/figs-probe"], "every": 120}},
    during=[(12.5, "systemctl restart figs; echo \"$(date '+%d/%m/%Y %H:%M') loja 1.9 (fotografias das bancas)\" >> /var/log/figs/alteracoes.txt"), (37, "setsid node /usr/lib/lab/visitors.mjs /usr/lib/lab/rush.json > /dev/null 2>&1 &"), (72, "pkill -f rush.json")],
    visitors={"base": "http://127.0.0.1", "host": "figos.example.pt", "delay": 60, "visits": [{"perSecond": 0.16, "bots": 0.1, "aborts": 0.02, "abortAfter": 2, "paths": [[3, "GET", "/cesto/{n}"], [3, "GET", "/bancas"], [1, "GET", "/"]]}]},
    collect="""mkdir -p systemd cron nginx log; cp /etc/systemd/system/figs* systemd/; cp /usr/local/bin/figs-probe systemd/; cp /etc/cron.d/figs cron/; cp /srv/figs/bin/*.sh cron/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /var/log/figs/* /var/log/syslog log/; cp /srv/figs/loja.py .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    probe, syslog, errors, access, gun = (
        "systemd/figs-probe",
        "log/syslog",
        "nginx/error.log",
        "nginx/access.log",
        "log/gunicorn.log",
    )
    ask, test, act, timer = (
        case.at(probe, "code=$(curl -s -m 5"),
        case.at(probe, 'if [ "$code" = "200" ]'),
        case.at(probe, "systemctl restart figs.service"),
        case.at("systemd/figs-probe.timer", "OnCalendar=*:0/2"),
    )
    said, gone = case.at(syslog, "loja sem resposta (codigo 000)"), case.at(gun, "Handling signal: term", nth=2)
    refused, failed, left = (
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
        case.at(access, '"GET /status HTTP/1.1" 499'),
    )
    workers = case.at("systemd/figs.service", "--workers 2")
    alarms, terms = case.times(syslog, "loja sem resposta"), case.times(gun, "Handling signal: term")
    return {
        "root_cause_kind": "probe-timeout-too-short",
        "root_cause": "figs-probe (timer, every two minutes) gives /status five seconds. /status is worked on by the same two gunicorn workers as everything else; from 12:01 on the lunch orders keep both busy and people wait four seconds on average and up to a quarter of a minute, but are served. curl gives up (000, nginx: 499 after 5 s) and the script restarts a busy, healthy shop, "
        "which throws away those in the queue and closes the port for a while.",
        "verdict": "root-cause", "culprit": ask, "culprit_alternatives": [test, act], "culprit_related": [timer, said, left, workers, case.at("systemd/figs-probe.service", "ExecStart=/usr/local/bin/figs-probe")],
        "chain": [
            hop("job_runs_script", timer, case.at("systemd/figs-probe.service", "ExecStart="), case.at(syslog, "Starting figs-probe.service")),
            hop("probe_gets_answer", ask, said, left, case.at("nginx/access.log.1.gz", '"GET /status HTTP/1.1" 499')),
            hop("answer_takes_branch", test, said),
            hop("effect_hits_service", act, said, case.at(syslog, "Stopping figs.service", nth=2)),
            hop("process_terminates", gone, case.at(syslog, "Stopping figs.service", nth=2)),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused, case.at("nginx/access.log.1.gz", '" 502 ')),
        ],
        "mechanism": ["12:01 the lunch rush: about one request a second for two workers that need 1.6 s each", "rt= in nginx' access log climbs from 1.5 s to 4 s on average, up to 10-26 s at times, status 200", "figs-probe stands in the same queue, -m 5: codigo 000", "systemctl restart figs: term, the queue gets 502, the port refuses until gunicorn is back", "after 12:37 the rush is over and the probe says ok again"],
        "contributing": [workers | {"why": "two workers for the lunch hour"}],
        "innocent": [case.at("cron/figs", "almoco.sh", why="at 12:00, publishes a menu, once; the trouble goes on for half an hour"), case.at("cron/figs", "relatorio.sh", why="at 12:00; waits and logs"), case.at("cron/figs", "precos.sh", why="every ten minutes all day"), case.at("log/alteracoes.txt", "loja 1.9", why="release at 11:37: one ordered restart, then the probe said ok for twenty minutes"),
                     case.whole("cron/relatorio.sh", "touches nothing"), case.at("log/loja.log", "demorou", why="the market's price system takes up to three seconds all day"), case.at("nginx/nginx.conf", "proxy_read_timeout 60s", why="never reached"), case.at("systemd/figs.service", "--timeout 60", why="no WORKER TIMEOUT in gunicorn.log")],
        "period_s": None, "lag_s": case.lag(case.times(syslog, "Starting figs-probe"), alarms, 30), "lags": {"sem resposta -> term": case.lag(alarms, terms, 30), "term -> first refused": case.lag(terms, case.times(errors, "111: Connection refused"), 60)},
        "measured": [case.measure(syslog, "loja sem resposta"), case.measure(syslog, "loja ok"), case.measure(gun, "Handling signal: term"), case.measure("nginx/access.log.1.gz", r'"GET /status HTTP/1.1" 499'), case.measure(errors, "111: Connection refused", join=60)],
        "timezones": {"nginx, syslog, log/*": "Europe/Lisbon (+01:00)", "gunicorn.log": "with its offset, +0100"},
        "how_made": "nginx 1.22, gunicorn with a WSGI application, cron, bash and curl really ran; systemctl, the timer and systemd[1]'s lines are the lab's supervisor; the rush is a second set of visitors, the market's price system a sleep.",
    }  # fmt: skip
