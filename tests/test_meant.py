"""Restarts that a schedule orders, one instance after the other, and whether anybody felt them; reasoned by hand."""

from datetime import UTC, datetime, timedelta

import pytest

import logcorr

START = datetime(2026, 4, 7, 0, tzinfo=UTC)
PORTS = (7001, 7002)
RUNS = [2 * 3600 + day * 86400 for day in range(4)]
ROLL = """#!/bin/bash
set -e
for port in 7001 7002; do
    systemctl restart quay@$port
    sleep 30
    curl -fsS -o /dev/null -m 5 http://127.0.0.1:$port/ready
done
"""

NGINX = """http {
  log_format main '$remote_addr - - [$time_local] "$request" $status 12 "$upstream_addr" "$upstream_status"';
  access_log /var/log/nginx/access.log main;
  upstream quay { server 127.0.0.1:7001; server 127.0.0.1:7002; }
  server { listen 80; server_name quay.example; location / { proxy_pass http://quay; } }
}
"""


def at(second):
    return START + timedelta(seconds=second)


def rolled(folder, *, retried):
    """Every night both instances are restarted, the second once the first is up again; nginx asks the other one, or does not."""
    (folder / "crontab").write_text("0 2 * * * root /usr/local/bin/roll\n")
    (folder / "roll").write_text(ROLL)
    stops = [(run + 1 + 30 * nth, port) for run in RUNS for nth, port in enumerate(PORTS)]
    unit = "{:%b %e %H:%M:%S} pier systemd[1]: {} quay@{}.service - Quay on {}."
    told = [
        (end + after, unit.format(at(end + after), word, port, port))
        for end, port in stops
        for after, word in ((0, "Stopping"), (3, "Started"))
    ]
    told += [(run, f"{at(run):%b %e %H:%M:%S} pier CRON[91]: (root) CMD (/usr/local/bin/roll)") for run in RUNS]
    (folder / "syslog").write_text("".join(f"{line}\n" for _, line in sorted(told)))
    for port in PORTS:
        own = [
            f"{at(end):%Y-%m-%d %H:%M:%S} INFO shutting down\n{at(end + 3):%Y-%m-%d %H:%M:%S} INFO listening on {port}\n"
            for end, one in stops
            if one == port
        ]
        (folder / f"quay-{port}.log").write_text("".join(own))
    asked = [(second, 200, "127.0.0.1:7001", "200") for second in range(0, 4 * 86400, 60)]
    for end, port in stops:
        other = next(one for one in PORTS if one != port)
        tried = (200, f"127.0.0.1:{port}, 127.0.0.1:{other}", "502, 200") if retried else (502, f"127.0.0.1:{port}", "502")
        asked += [(end + one, *tried) for one in (1, 2)]
    access = '192.0.2.9 - - [{:%d/%b/%Y:%H:%M:%S +0000}] "GET /berths/{} HTTP/1.1" {} 12 "{}" "{}"'
    rows = [access.format(at(row[0]), row[0], *row[1:]) for row in sorted(asked)]
    (folder / "access.log").write_text("".join(f"{row}\n" for row in rows))
    (folder / "error.log").write_text("".join(refused(end + one, port) for end, port in stops for one in (1, 2)))
    (folder / "nginx.conf").write_text(NGINX)


def refused(second, port):
    return (
        f"{at(second):%Y/%m/%d %H:%M:%S} [error] 9#9: *{second} connect() failed (111: Connection refused) while connecting to "
        f'upstream, client: 192.0.2.9, server: quay.example, request: "GET /berths/{second} HTTP/1.1", '
        f'upstream: "http://127.0.0.1:{port}/berths/{second}", host: "quay.example"\n'
    )


@pytest.mark.parametrize("retried", [True, False], ids=["asked of the other", "felt"])
def test_a_roll_out_that_goes_on_while_all_is_well(tmp_path, retried):
    """Nobody felt it where the other instance answered; and in no case does it restart the second because the first fails."""
    rolled(tmp_path, retried=retried)
    result = logcorr.analyze(tmp_path).result
    claims = [cause["claim"]["id"] for cause in result["causes"]]
    assert (result["verdict"] == "healthy", claims[:1]) == (retried, [] if retried else ["cause.scheduled_stop"])
    assert "cause.scheduled_check_fails" not in claims
