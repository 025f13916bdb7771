"""The commands that collect what logcorr reads, as a script for a POSIX shell: they only read, and leave secrets out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from logcorr.errors import LogcorrError
from logcorr.report.cite import Document
from logcorr.report.escape import line

ALL = {
    "the clock, and the host": """\
date '+%Y-%m-%dT%H:%M:%S%z %Z' > date.txt
if has timedatectl; then timedatectl > timedatectl.txt; fi
uptime > uptime.txt
df -h > df.txt
ps -eo pid,ppid,lstart,rss,args > ps.txt
""",
    "what runs by the clock": """\
mkdir -p cron
for user in $(cut -d: -f1 /etc/passwd); do
    crontab -l -u "$user" > "cron/$user" 2>/dev/null || rm -f "cron/$user"
done
if [ "$(id -u)" != 0 ]; then crontab -l > "cron/$(id -un)" 2>/dev/null || rm -f "cron/$(id -un)"; fi
for name in crontab anacrontab cron.d cron.hourly cron.daily cron.weekly cron.monthly logrotate.conf logrotate.d; do
    keep "/etc/$name"
done
if has systemctl; then
    systemctl list-timers --all --no-pager > timers.txt
    systemctl cat --no-pager '*.timer' > units.txt
    systemctl status --no-pager --all > systemctl-status.txt
fi
""",
    "the scripts that it runs": """\
cat cron/* etc/crontab etc/cron.d/* units.txt 2>/dev/null | grep -ohE "/[^][ ;|&<>\\"'()*?=]+" | sort -u | while read -r file; do
    case $file in
        /bin/* | /usr/bin/* | /usr/sbin/* | /sbin/* | /dev/* | /etc/passwd | /etc/shadow) ;;
        *) if [ -f "$file" ] && [ "$(wc -c < "$file")" -lt 200000 ]; then keep "$file"; fi ;;
    esac
done
""",
    "containers": """\
if has docker; then
    docker ps -a --no-trunc > docker-ps.txt
    docker ps -aq | xargs -r docker inspect | sed -E '/"Env": \\[/,/\\]/ s/^( *"[^="]*)=.*"(,?)$/\\1="\\2/' > docker-inspect.json
    docker events --since "$since" --until "$(date +%s)" > docker-events.txt
    docker ps -a --format '{{.Label "com.docker.compose.project.config_files"}}' | tr , '\\n' | sort -u | while read -r file; do
        if [ -f "$file" ]; then
            keep "$file"
            folder=$(dirname "$file")
            ls -l "$folder" > "listing$(printf %s "$folder" | tr / -).txt"
            if [ -f "$folder/.env" ]; then mkdir -p ".$folder" && sed 's/=.*/=/' "$folder/.env" > ".$folder/.env"; fi
        fi
    done
    mkdir -p docker-logs
    docker ps -a --format '{{.Names}}' | while read -r name; do
        docker logs -t --since "$since" "$name" > "docker-logs/$name.log" 2>&1
    done
fi
""",
    "nginx": """\
if has nginx; then nginx -T > nginx-T.txt 2>&1; fi
if has docker; then
    docker ps --format '{{.Names}} {{.Image}}' | grep nginx | cut -d' ' -f1 | while read -r name; do
        docker exec "$name" nginx -T > "nginx-T-$name.txt" 2>&1
    done
fi
for file in /var/log/nginx/*; do keep "$file"; done
for file in /etc/letsencrypt/live/*/fullchain.pem; do
    if [ -f "$file" ] && has openssl; then openssl x509 -noout -subject -dates -in "$file"; fi
done > certificates.txt
keep /etc/letsencrypt/renewal-hooks
""",
    "applications": """\
if has pm2; then
    pm2 ls > pm2-ls.txt
    for file in "${PM2_HOME:-$HOME/.pm2}"/pm2.log "${PM2_HOME:-$HOME/.pm2}"/logs/*; do keep "$file"; done
fi
""",
    "the system's own log": """\
if has journalctl; then journalctl --no-pager -o short-iso-precise --since "@$since" > journal.txt; fi
for file in /var/log/syslog /var/log/syslog.1 /var/log/messages /var/log/cron.log; do keep "$file"; done
dmesg -T > dmesg.txt 2>/dev/null || rm -f dmesg.txt
""",
}
"""What to collect, and how, in order."""

DECIDED_BY = {
    "missing.script": ("the scripts that it runs",),
    "missing.compose_file": ("containers",),
    "missing.logs": ("containers", "nginx", "applications", "the system's own log"),
    "missing.longer_logs": ("containers", "applications", "the system's own log"),
    "missing.dependency": ("containers", "applications", "the system's own log"),
    "missing.called": ("applications",),
    "missing.end": ("containers", "the system's own log"),
    "missing.felt": ("nginx", "applications", "the system's own log"),
    "missing.refused": ("nginx", "applications"),
    "missing.scheduler_log": ("the system's own log",),
    "missing.zone": ("the clock, and the host",),
}
"""By what each kind of missing evidence is collected, beside a file that it names."""

HEAD = """\
#!/bin/sh
# Collects what logcorr reads into a new folder and an archive of it. It only reads; values of containers' variables are left out.
# Read it, run it on the host (as root it sees more), look through what it collected, then: logcorr analyze FOLDER
folder=${{1:-incident-$(date -u +%Y%m%dT%H%M%SZ)}}
since={since}
mkdir "$folder" && cd "$folder" || exit 1
has() {{ command -v "$1" > /dev/null; }}
keep() {{
    case $1/ in */../*) return ;; esac
    if [ -e "$1" ]; then mkdir -p ".$(dirname "$1")" && cp -pR "$1" ".$1"; fi
}}
"""
FOOT = """\

cd .. && tar czf "$folder.tar.gz" "$folder" && echo "collected: $folder.tar.gz"
"""


def script(since: datetime | None = None, result: Document | None = None) -> str:
    """The script: for everything, or for what the result of an analysis says is missing, what decides most first.

    Logs of containers and of the system are collected from `since` on (aware; a day where it is None). Raises LogcorrError for a
    result that says it in other words than ours.
    """
    begin = str(int(since.astimezone(UTC).timestamp())) if since else "$(($(date +%s) - 86400))"
    try:
        parts = list(_everything() if result is None else _missing(result["missing"]))
    except (AttributeError, KeyError, TypeError) as error:
        raise LogcorrError(
            "the document does not say in our words what is missing", "`logcorr analyze -o result.json` writes one"
        ) from error
    return HEAD.format(since=begin) + "".join(parts) + FOOT


def _everything() -> Iterator[str]:
    return (f"\n# {title}\n{commands}" for title, commands in ALL.items())


def _missing(missing: Iterable[Document]) -> Iterator[str]:
    """Each missing piece with the files it names, and the parts that would hold it, once each."""
    told: dict[str, None] = {}
    for piece in missing:
        yield f"\n# {line(piece['what']['text'])}: {line(piece['would_decide']['text'])}\n"
        yield from (f"keep {shlex.quote(file)}\n" for file in _named(piece["what"]["params"]))
        told |= dict.fromkeys(DECIDED_BY.get(piece["what"]["id"], ()))
    wanted = [title for title in ALL if title in told]
    if "the scripts that it runs" in told:  # they are found by what runs them
        wanted = [title for title in ALL if title in told or title == "what runs by the clock"]
    yield from (f"\n# {title}\n{ALL[title]}" for title in wanted)


def _named(params: Mapping[str, object]) -> Iterator[str]:
    """The absolute paths among the words of what is missing."""
    for value in params.values():
        yield from (word for word in str(value).split() if word.startswith("/") and not word.startswith("/dev/"))
