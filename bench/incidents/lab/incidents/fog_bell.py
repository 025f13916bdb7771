# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong, in a bundle: workers that are recycled on purpose; somebody tries passwords, scanners, and visitors who leave."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT

APP = """import logging
import re
import time

log = logging.getLogger("gunicorn.error")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if re.fullmatch(r"/(?:buoys/\\d+)?", path):
        time.sleep(0.03)
        start_response("200 OK", [("Content-Length", "5")])
        return [b"bell\\n"]
    if re.fullmatch(r"/admin/.*", path):
        start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="harbour"'), ("Content-Length", "0")])
        return []
    log.warning("no such page: %s", path)
    start_response("404 Not Found", [("Content-Length", "0")])
    return []
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format fog '$time_local\t$remote_addr\t$host\t$request_method\t$request_uri\t$status\t$body_bytes_sent\t$request_time\t$http_user_agent';
    access_log /var/log/nginx/access.log fog;
    server {
        listen 80;
        server_name fog.example.ca;
        location / { proxy_pass http://127.0.0.1:8200; }
    }
}
"""

CONFIG = """bind = "127.0.0.1:8200"
workers = 2
max_requests = 150
max_requests_jitter = 40
errorlog = "/var/log/fog/gunicorn.log"
"""

INCIDENT = Incident(
    host="fogbell", start="2026-06-08T21:33:00-03:00", minutes=74, factor=28, kind="systemd", zone="America/Halifax", users=["fog"],
    files={"/srv/fog/app.py": APP, "/etc/fog/gunicorn.conf.py": CONFIG, "/etc/nginx/nginx.conf": NGINX,
           "/srv/fog/moon.sh": "#!/bin/sh\nsleep 4\nlogger -t moon 'waning gibbous'\n", "/srv/fog/weekly.sh": "#!/bin/sh\nsystemctl restart fog # leaks a bit\n",
           "/etc/cron.d/fog": "# m h dom mon dow user command\n*/10 * * * * fog /srv/fog/moon.sh\n30 4 * * 1 root /srv/fog/weekly.sh\n*/5 * * * * root curl -fsS -o /dev/null -A check -H 'Host: fog.example.ca' http://127.0.0.1/ || logger -t check 'no answer'\n",
           "/etc/systemd/system/fog.service": "[Unit]\nDescription=Fog bell\n\n[Service]\nUser=fog\nWorkingDirectory=/srv/fog\nExecStart=/usr/bin/gunicorn -c /etc/fog/gunicorn.conf.py app:application\nRestart=on-failure\n"},
    owners={"/var/log/fog": "fog", "/home/fog": "fog"}, prepare="mkdir -p /var/log/fog /home/fog",
    services={"fog": {"description": "Fog bell", "command": ["/usr/bin/gunicorn", "-c", "/etc/fog/gunicorn.conf.py", "app:application"], "directory": "/srv/fog", "user": "fog", "environment": {"HOME": "/home/fog"}, "restart": "on-failure", "wait": 14},
              "nginx": NGINX_UNIT},
    during=[(44.2, "nginx -s reload")],
    visitors={"base": "http://127.0.0.1", "host": "fog.example.ca", "delay": 90, "visits": [{"perSecond": 0.4, "bots": 0.12, "aborts": 0.02, "abortAfter": 0.3, "paths": [[3, "GET", "/buoys/{n}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 9, "offset": 1900, "path": "/admin/", "address": "203.0.113.230", "agent": "Mozilla/5.0 (Hydra)"}]},
    collect="""mkdir -p /tmp/b/etc/nginx /tmp/b/etc/cron.d /tmp/b/etc/fog /tmp/b/etc/systemd/system /tmp/b/var/log/nginx /tmp/b/var/log/fog /tmp/b/srv/fog; b=/tmp/b
cp /etc/nginx/nginx.conf $b/etc/nginx/; cp /etc/cron.d/fog $b/etc/cron.d/; cp /etc/fog/* $b/etc/fog/; cp /etc/systemd/system/fog.service $b/etc/systemd/system/; cp /srv/fog/*.sh /srv/fog/app.py $b/srv/fog/
cp /var/log/syslog $b/var/log/; cp /var/log/nginx/*.log $b/var/log/nginx/; cp /var/log/fog/*.log $b/var/log/fog/; tar -C $b --mtime='2026-06-08 22:47:30' --owner=0 --group=0 -czf fogbell-sosreport.tar.gz .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause": "No incident: gunicorn recycles its workers after some 150 requests, as configured (Autorestarting worker), and loses no request; somebody tries passwords at /admin/ and gets 401; the rest are scanners' 404 and "
        "visitors who left (499).",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [{"file": "fogbell-sosreport.tar.gz", "line": None, "why": "whatever is in it: nothing failed"}],
        "measured": [],
        "how_made": "nginx 1.22, gunicorn, Python 3.11, cron and curl really ran; systemctl is the lab's supervisor. Everything was handed over in one tar archive; weekly.sh did not run in these hours.",
    }  # fmt: skip
