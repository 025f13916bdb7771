# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A job warms the cache with eight requests at once; PHP-FPM has four children, and visitors wait behind it."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

SHOW = """<?php
// a colour card
usleep(40000);
header('Content-Type: application/json');
echo json_encode(['card' => $_GET['n'] ?? 0, 'hex' => '#c0ffee']);
"""

SHEET = """<?php
// the whole fan as a PDF, made anew each time
set_time_limit(120);
sleep(24);
header('Content-Type: application/pdf');
echo '%PDF-1.7';
"""

WARM = """#!/bin/bash
# makes the fans before anybody asks for them
cd /srv/farben || exit 1
begin=$(date +%s)
seq 1 32 | xargs -P 8 -I{} curl -fsS -m 300 -A warm-fans -H 'Host: farben.example.at' -o /dev/null "http://127.0.0.1/sheet.php?fan={}" 2>> warm.err
echo "$(date '+%Y-%m-%d %H:%M:%S') 32 Faecher in $(( $(date +%s) - begin )) s" >> warm.log
"""

POOL = """[global]
error_log = /var/log/php-fpm.log
daemonize = no

[www]
user = www-data
group = www-data
listen = 127.0.0.1:9001
pm = dynamic
pm.max_children = 4
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
"""

NGINX = r"""user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format farben '$remote_addr [$time_local] "$request" $status $request_time "$http_user_agent"';
    access_log /var/log/nginx/farben.log farben;
    server {
        listen 80;
        server_name farben.example.at;
        root /srv/farben/www;
        index card.php;
        location ~ \.php$ {
            fastcgi_pass 127.0.0.1:9001;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_read_timeout 30s;
        }
        location = /sheet.php {
            fastcgi_pass 127.0.0.1:9001;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_read_timeout 300s;
        }
    }
}
"""

INCIDENT = Incident(
    host="pigment", start="2026-08-19T09:50:00+02:00", minutes=96, factor=34, kind="systemd", zone="Europe/Vienna",
    files={"/srv/farben/www/card.php": SHOW, "/srv/farben/www/sheet.php": SHEET, "/srv/farben/warm-fans.sh": WARM, "/etc/php/8.2/fpm/php-fpm.conf": POOL, "/etc/nginx/nginx.conf": NGINX,
           "/srv/farben/lieferanten.sh": "#!/bin/sh\nsleep 12\nlogger -t lieferanten 'Preise gelesen'\n"},
    crontabs={"root": "# m h dom mon dow\n10,40 * * * * /srv/farben/warm-fans.sh\n*/10 * * * * /srv/farben/lieferanten.sh\n40 * * * * find /var/lib/php/sessions -type f -mmin +60 -delete\n"},
    prepare="mkdir -p /var/lib/php/sessions",
    services={"php8.2-fpm": {"description": "The PHP 8.2 FastCGI Process Manager", "command": ["php-fpm8.2", "--nodaemonize", "--fpm-config", "/etc/php/8.2/fpm/php-fpm.conf"], "restart": "on-failure", "stop_signal": "QUIT", "wait": 8},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "farben.example.at", "delay": 60, "visits": [{"perSecond": 0.25, "bots": 0.04, "paths": [[8, "GET", "/card.php?n={n}"]]}, {"perSecond": 0.004, "bots": 0, "paths": [[1, "GET", "/sheet.php?fan={n}"]]}]},
    collect="""mkdir -p etc/php etc/nginx var/log srv/farben/www; cp /etc/php/8.2/fpm/php-fpm.conf etc/php/; cp /etc/nginx/nginx.conf etc/nginx/; cp /srv/farben/*.sh /srv/farben/warm.log srv/farben/; cp /srv/farben/www/* srv/farben/www/
cp /var/log/php-fpm.log /var/log/syslog var/log/; cp /var/log/nginx/farben.log var/log/; cp /var/log/nginx/error.log var/log/nginx-error.log; crontab -l > etc/crontab-root; rotate var/log/farben.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script = "srv/farben/warm-fans.sh"
    many, job, limit = (
        case.at(script, "xargs -P 8"),
        case.at("etc/crontab-root", "warm-fans.sh"),
        case.at("etc/php/php-fpm.conf", "pm.max_children = 4"),
    )
    full, late, failed = (
        case.at("var/log/php-fpm.log", "server reached pm.max_children setting (4)"),
        case.at("var/log/nginx-error.log", "110: Connection timed out"),
        case.at("var/log/farben.log", '" 504 '),
    )
    return {
        "root_cause_kind": "job-exhausts-worker-pool",
        "root_cause": "warm-fans.sh, run by cron at :10 and :40, asks for eight fans of 24 s each at once; PHP-FPM has pm.max_children = 4, so for three to four minutes no child is free: visitors' pages wait behind it and end as 504 after 30 s.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": many, "culprit_alternatives": [limit, case.at("srv/farben/www/sheet.php", "sleep(24)")], "culprit_related": [job, full],
        "chain": [
            hop("job_runs_script", job, case.at("var/log/syslog", "CMD (/srv/farben/warm-fans.sh)")),
            hop("resource_exhausted", full, many, limit),
            hop("failure_reaches_clients", failed, late),
        ],
        "mechanism": ["cron runs warm-fans.sh at :10 and :40", "eight requests at once, 24 s each; server reached pm.max_children setting (4)", "pages of visitors wait for a child: upstream timed out (110) after 30 s, 504", "after 32 fans it is over"],
        "innocent": [case.at("etc/crontab-root", "lieferanten.sh", why="every ten minutes, so at :10 and :40 too; only logs"), case.whole("srv/farben/lieferanten.sh", "touches nothing"),
                     case.at("etc/crontab-root", "find /var/lib/php/sessions", why="at :40 too; deletes old files")],
        "period_s": 1800, "lag_s": case.lag(case.times("var/log/syslog", "CMD \\(/srv/farben/warm-fans"), case.times("var/log/nginx-error.log", "110: Connection timed out"), 300),
        "measured": [case.measure("var/log/php-fpm.log", "max_children"), case.measure("var/log/farben.log", '" 504 ', join=200), case.measure("var/log/syslog", "CMD \\(/srv/farben/warm-fans")],
        "how_made": "nginx 1.22, PHP-FPM 8.2, cron, bash and curl really ran; systemctl is the lab's supervisor; making a PDF is a sleep.",
    }  # fmt: skip
