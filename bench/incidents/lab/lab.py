"""Runs the incidents: boots a machine for one, lets it live, collects what an operator would hand over, writes the truth.

    lab.py run NAME --home DIRECTORY     boot, live, collect into tests/fixtures/cases/NAME/input (needs root)
    lab.py truth NAME                    write tests/fixtures/cases/NAME/truth.json from the final input

DIRECTORY is what setup.sh filled. README.md tells what is real and what stands in.
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CASES = HERE.parents[2] / "tests" / "fixtures" / "cases"
INSIDE = ["init.sh", "supervisor.py", "tools.py", "visitors.mjs"]
# For an incident's `collect`: the older three quarters of a log become FILE.1.gz, as logrotate would leave them.
ROTATE = """rotate() { local older=$(( $(wc -l < "$1") * 3 / 4 ))
head -n $older "$1" | gzip -n > "$1.1.gz"; tail -n +$((older + 1)) "$1" > "$1.new"; mv "$1.new" "$1"; }"""
EMPTY = ["/usr/local/bin", "/etc/cron.d", "/etc/logrotate.d", "/var/log", "/var/lib/logrotate", "/var/spool/cron/crontabs"]
RSYSLOG = """module(load="imuxsock" SysSock.UseSysTimeStamp="off" SysSock.RateLimit.Interval="0")
$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat
*.*;auth,authpriv.none -/var/log/syslog
"""


@dataclass
class Incident:
    """One machine and its life. Times are the machine's own (scaled) seconds and minutes."""

    host: str
    start: str  # ISO 8601 with offset: the wall clock at boot
    minutes: float
    factor: float
    services: dict[str, Any]  # name -> what supervisor.py needs
    kind: str = "docker"  # or "systemd"
    zone: str = "Etc/UTC"
    users: list[str] = field(default_factory=lambda: ["deploy"])
    apps: list[str] = field(default_factory=list)  # directories that get node_modules
    files: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # path -> user (recursively)
    crontabs: dict[str, str] = field(default_factory=dict)
    visitors: dict[str, Any] = field(default_factory=dict)
    prepare: str = ""  # shell, before the services start
    during: list[tuple[float, str]] = field(default_factory=list)  # (minute, shell); "leap SECONDS" moves the wall clock
    collect: str = ""  # shell in an empty directory which becomes the case's input
    project: dict[str, str] = field(default_factory=dict)  # compose project, its file and directory


def write(root: Path, path: str, text: str) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o755 if text.startswith("#!") else 0o644)


def build_disk(incident: Incident, disk: Path, layer: Path) -> None:
    """The machine's own files, as the upper layer over the host's."""
    upper = disk / "upper"
    shutil.copytree(layer, upper, symlinks=True, ignore=shutil.ignore_patterns("node_modules", "var", "etc"))
    for directory in (disk / "work", disk / "root"):
        directory.mkdir()
    for path in EMPTY:
        (upper / path[1:]).mkdir(parents=True)
        os.setxattr(upper / path[1:], "trusted.overlay.opaque", b"y")
    (upper / "var/spool/cron/crontabs").chmod(0o1730)
    (upper / "var/log/nginx").mkdir()
    passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for number, user in enumerate(incident.users, 1001):
        passwd += f"{user}:*:{number}:{number}::/home/{user}:/bin/bash\n"
        group += f"{user}:x:{number}:\n"
    owners = [f"chown -R {user}: {path}" for path, user in incident.owners.items()]
    owners += [f"chown {user}:crontab /var/spool/cron/crontabs/{user}" for user in incident.crontabs]
    for path, text in {
        "/etc/passwd": passwd,
        "/etc/group": group,
        "/etc/hostname": incident.host + "\n",
        "/etc/hosts": f"127.0.0.1 localhost {incident.host}\n",
        "/etc/timezone": incident.zone + "\n",
        "/etc/rsyslog.conf": RSYSLOG,
        "/etc/services.json": json.dumps({"kind": incident.kind, **incident.project, "services": incident.services}),
        "/usr/lib/lab/visitors.json": json.dumps(incident.visitors),
        "/usr/lib/lab/prepare.sh": "\n".join(["#!/bin/bash", incident.prepare, *owners, ""]),
        **{
            f"/usr/lib/lab/{name}": (HERE / name).read_text() for name in ("init.sh", "supervisor.py", "tools.py", "visitors.mjs")
        },
        **{f"/var/spool/cron/crontabs/{user}": text for user, text in incident.crontabs.items()},
        **incident.files,
    }.items():
        write(upper, path, text)
    for user in incident.crontabs:
        (upper / f"var/spool/cron/crontabs/{user}").chmod(0o600)
    (upper / "etc/localtime").symlink_to(f"/usr/share/zoneinfo/{incident.zone}")


def inside(machine: "subprocess.Popen[bytes]", command: str) -> None:
    """Run a shell command on the machine."""
    children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children").read_text().split()
    first = next(child for child in children if b"init.sh" in Path(f"/proc/{child}/cmdline").read_bytes())
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    enter = ["nsenter", "-t", first, "-m", "-p", "-u", "-n", "-i", "-r", "-w", "/bin/bash", "-c", command]
    subprocess.run(enter, env=environment, check=False)


def leap(seconds: float) -> str:
    """The command that moves the machine's wall clock (not the monotonic one), as if it had been suspended."""
    read = "page = open('/run/clock', 'r+b'); values = list(struct.unpack('4d', page.read()))"
    write = "page.seek(0); page.write(struct.pack('4d', *values))"
    return f'/usr/bin/python3 -c "import struct; {read}; values[1] += {seconds}; {write}"'


def live(incident: Incident, disk: Path, layer: Path) -> None:
    """Boot, wait through the incident's minutes and its planned moments, collect inside, switch off."""
    start = datetime.fromisoformat(incident.start).timestamp()
    boot = ["unshare", "--mount", "--net", "--uts", "--ipc", "bash", str(HERE / "boot.sh"), str(disk), str(layer)]
    with (disk / "boot.log").open("w") as log:
        machine = subprocess.Popen(
            [*boot, incident.host, " ".join(incident.apps), str(incident.factor), str(start)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    begin = time.monotonic()
    end = (incident.minutes, f"{ROTATE}\nmkdir /collected; cd /collected; {incident.collect}")
    try:
        for minute, command in [*incident.during, end]:
            time.sleep(max(0.0, begin + minute * 60 / incident.factor - time.monotonic()))
            inside(machine, leap(float(command.split()[1])) if command.startswith("leap ") else command)
        inside(machine, "cat /run/*.out")
    finally:
        os.killpg(machine.pid, signal.SIGKILL)
    machine.wait()


def keep(collected: Path, target: Path) -> None:
    """Copy what was collected beside the truth, the host's kernel version made Debian's. Empty files stay."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(collected, target)
    for path in sorted(target.rglob("*")):
        if path.is_file():
            data = path.read_bytes().replace(os.uname().release.encode(), b"6.1.0-37-amd64")
            path.write_bytes(data)
            path.chmod(0o755 if data.startswith(b"#!") else 0o644)


def run(name: str, home: Path) -> None:
    incident: Incident = importlib.import_module(f"incidents.{name.replace('-', '_')}").INCIDENT
    disk = home / "machines" / name
    shutil.rmtree(disk, ignore_errors=True)
    build_disk(incident, disk, home / "layer")
    live(incident, disk, home / "layer")
    keep(disk / "upper" / "collected", CASES / name / "input")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "truth"])
    parser.add_argument("name")
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "run":
        return run(arguments.name, arguments.home)
    from truth import write_truth

    return write_truth(arguments.name)


if __name__ == "__main__":
    sys.modules["lab"] = sys.modules["__main__"]
    main()
