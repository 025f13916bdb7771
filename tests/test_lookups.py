"""Scripts that look whom to end by a port: that is no check of health, and who is only connected to it is a bystander."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import logcorr

START = datetime(2026, 6, 9, 6, tzinfo=UTC)
RUNS = range(1800, 9 * 3600, 3600)
"""Each hour, at half past, something is run; seconds after the start."""

UNIT = "[Unit]\nDescription={name}\n\n[Service]\nExecStart=/usr/bin/node /srv/{name}.js\nRestart=always\n"
PDF = "const app = require('express')();\napp.get('/pdf', (req, res) => res.send(make(req.query.n)));\napp.listen(4100);\n"
PORTAL = (
    "const app = require('express')();\n"
    "app.get('/bills/:n', async (req, res) => res.send(await fetch(`http://127.0.0.1:4100/pdf?n=${req.params.n}`)));\n"
    "app.listen(3000);\n"
)
BOTH = """#!/bin/bash
for pid in $(ss -tnp | grep ':4100 ' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u); do
  kill "$pid"
done
"""
HANDED = "#!/bin/sh\nPORT=4100\nlsof -t -i :$PORT | xargs -r kill\n"
LISTENERS = '#!/bin/sh\npids=$(lsof -t -iTCP:4100 -sTCP:LISTEN)\n[ -n "$pids" ] || exit 0\nkill $pids\n'
SERVERS = "#!/bin/sh\nfuser -k 4100/tcp\n"


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def ended(name: str, second: float) -> list[tuple[float, str]]:
    words = ((0, "{}.service: Deactivated successfully."), (2, "Started {}.service - {}."))
    return [
        (second + after, f"{at(second + after):%b %e %H:%M:%S} desk systemd[1]: {text.format(name, name)}")
        for after, text in words
    ]


def incident(folder: Path, script: str, names: tuple[str, ...]) -> None:
    """At each run these services end, and come back; nobody gets an answer for a few seconds."""
    for name, source in (("pdf", PDF), ("portal", PORTAL)):
        (folder / f"srv/{name}.js").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"srv/{name}.js").write_text(source)
        (folder / f"{name}.service").write_text(UNIT.format(name=name))
    (folder / "renew-pdf").write_text(script)
    (folder / "crontab").write_text("30 * * * * root /usr/local/sbin/renew-pdf\n")
    rows = [(run, f"{at(run):%b %e %H:%M:%S} desk CRON[811]: (root) CMD (/usr/local/sbin/renew-pdf)") for run in RUNS]
    rows += [row for run in RUNS for name in names for row in ended(name, run + 1)]
    (folder / "syslog").write_text("".join(f"{text}\n" for _, text in sorted(rows)))
    line = '192.0.2.8 - - [{:%d/%b/%Y:%H:%M:%S +0000}] "GET /bills/7 HTTP/1.1" {} 90 "-" "Mozilla/5.0"\n'
    asked = sorted({*range(4, 9 * 3600, 11), *(run + 2 for run in RUNS)})
    answers = [(one, 502 if any(1 <= one - run < 4 for run in RUNS) else 200) for one in asked]
    (folder / "access.log").write_text("".join(line.format(at(one), status) for one, status in answers))


def judged(folder: Path):
    result = logcorr.analyze(folder).result
    cause = result["causes"][0]
    return result["verdict"], cause["kind"], (cause["culprit"]["path"], cause["culprit"]["line"])


@pytest.mark.parametrize(("script", "line"), [(BOTH, 2), (HANDED, 3)], ids=["ss", "lsof"])
def test_who_is_only_connected_is_ended_too(tmp_path, script, line):
    incident(tmp_path, script, ("pdf", "portal"))
    assert judged(tmp_path) == ("root-cause", "bystander_ended", ("renew-pdf", line))


@pytest.mark.parametrize(("script", "line"), [(LISTENERS, 4), (SERVERS, 2)], ids=["lsof -sTCP:LISTEN", "fuser"])
def test_who_serves_there_is_meant_and_no_bystander(tmp_path, script, line):
    incident(tmp_path, script, ("pdf",))
    verdict, kind, culprit = judged(tmp_path)
    assert (kind, culprit) == ("scheduled_stop", ("renew-pdf", line))
    assert verdict != "undetermined"
