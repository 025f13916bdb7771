"""What could not be read is never taken for a sign that all is well; settings that a script sources are followed."""

import logcorr
from logcorr.reading import read
from logcorr.semantics.understanding import understand

ACCESS = "".join(
    f'192.0.2.7 - - [04/May/2026:10:{n // 60:02}:{n % 60:02} +0000] "GET /fares HTTP/1.1" 200 9 "-" "x"\n' for n in range(200)
)
UNKNOWN = "".join(f"~{n}~ fare|{n % 7}|served\n" for n in range(150))


def judged(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return logcorr.analyze(folder).result


def test_a_log_in_no_known_format_forbids_healthy_and_is_asked_for(tmp_path):
    result = judged(tmp_path, {"nginx/access.log": ACCESS, "logs/fares.log": UNKNOWN})
    assert result["verdict"] == "undetermined"
    assert [one["what"]["params"] for one in result["missing"]] == [{"path": "logs/fares.log"}]


def test_what_is_no_log_and_a_log_of_few_lines_forbid_nothing(tmp_path):
    result = judged(tmp_path, {"nginx/access.log": ACCESS, "fares.dat": UNKNOWN, "logs/short.log": UNKNOWN[:200]})
    assert (result["verdict"], result["missing"]) == ("healthy", [])


NGINX = """
http {
    log_format own escape=json '{"w":"$time_iso8601","m":"$request_method","u":"$request_uri","r":$status,"t":$request_time}';
    access_log /var/log/nginx/ferry.log own;
}
"""


def test_an_access_log_in_json_is_read_by_the_collected_format(tmp_path):
    line = '{{"w":"2026-05-04T10:00:{:02}+02:00","m":"GET","u":"/berths/{}","r":{},"t":0.020}}\n'
    log = "".join(line.format(n, n, 504 if n % 5 == 0 else 200) for n in range(40))
    result = judged(tmp_path, {"nginx.conf": NGINX, "ferry.log": log})
    felt = {finding["rule"]: finding["measured"]["count"] for finding in result["findings"] if finding["role"] == "symptom"}
    assert felt == {"server_errors": 8}


WATCH = """#!/bin/sh
cd "$(dirname "$0")/../share"
. ../settings/quay.conf
curl -fsS "$QUAY_URL/ready" || systemctl restart quay
"""


def test_settings_that_a_script_sources_are_followed_from_its_own_place(tmp_path):
    files = {"opt/quay/tools/watch": WATCH, "opt/quay/settings/quay.conf": "# where\nQUAY_URL=http://127.0.0.1:7001\n"}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "crontab.txt").write_text("*/5 * * * * /opt/quay/tools/watch\n")
    given = read(tmp_path)
    understood = understand(given.facts, given.files)
    probes = {(probe.url, str(probe.url_span)) for behaviour in understood.behaviours for probe in behaviour.probes}
    assert probes == {("http://127.0.0.1:7001/ready", "opt/quay/settings/quay.conf:2")}


def batch(line, ends):
    """A table with one line, and the log of its worker `labels`, which begins at each quarter and ends `ends` seconds later."""
    begun = "2026-05-04 1{}:{:02}:01,000 - labels - INFO - worker started\n"
    ended = "2026-05-04 1{}:{:02}:{:02},000 - labels - WARNING - received SIGTERM, shutting down\n"
    log = "".join(begun.format(h, m) + ended.format(h, m + ends // 60, ends % 60) for h in range(3) for m in (0, 15, 30, 45))
    return {"crontab.txt": line, "logs/labels.log": log, "nginx/access.log": ACCESS}


def test_a_worker_that_timeout_ends_is_no_service_that_is_stopped(tmp_path):
    bounded = "*/15 * * * * timeout -k 5 2m python3 /srv/print/labels.py\n"
    assert judged(tmp_path, batch(bounded, 122))["verdict"] == "healthy"


def test_what_ends_before_its_time_is_up_is_stopped_by_something_else(tmp_path):
    bounded = "*/15 * * * * timeout 10m /srv/print/labels.py\n"
    assert judged(tmp_path, batch(bounded, 122))["verdict"] != "healthy"
