#!/usr/bin/python3
"""The lab's `docker`, `docker-compose` and `systemctl`: ask supervisor.py and answer in those tools' shapes."""

import json
import re
import socket
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from supervisor import SOCKET, ago


def ask(action: str, names: list[str], option: str = "") -> list[Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(SOCKET)
        connection.send(json.dumps([action, names, option]).encode() + b"\n")
        reply: list[Any] | dict[str, str] = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    if isinstance(reply, dict):
        sys.exit(f"Error: {reply['error']}")
    return reply


def print_table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) + 3 for column in range(len(head))]
    for row in [head, *rows]:
        print("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def systemctl(arguments: list[str]) -> None:
    action, *names = [word for word in arguments if not word.startswith("-")]
    services = ask(action, names)
    if action == "status":
        for s in services:
            since = f"{datetime.fromtimestamp(s['started']).astimezone():%a %Y-%m-%d %H:%M:%S %Z}"
            print(f"● {s['unit']}\n     Active: active (running) since {since}; {ago(time.time() - s['started'])} ago")
            print(f"   Main PID: {s['pid']}")
    elif action == "is-active":
        print("active" if services[0]["status"] == "running" else "inactive")
        sys.exit(0 if services[0]["status"] == "running" else 3)


def docker(arguments: list[str]) -> None:
    action, *rest = arguments
    if action == "compose":
        return compose(rest)
    valued = {"-t", "--time", "-s", "--signal", "--since", "--until", "--filter", "-f", "--format"}
    names = [word for before, word in zip(["", *rest], rest, strict=False) if word[0] != "-" and before not in valued]
    if action == "ps":
        return docker_ps(rest)
    if action == "inspect":
        return print(json.dumps(ask("inspect", names), indent=4))
    if action == "events":
        return print("\n".join(ask("events", [])))
    signals = [word for before, word in zip(["", *rest], rest, strict=False) if before in ("-s", "--signal")]
    ask(action, names, (signals or ["KILL"])[0].removeprefix("SIG"))
    return print("\n".join(names))


def docker_ps(options: list[str]) -> None:
    services = [s for s in ask("ps", []) if not s["timer"] and ("-a" in options or s["status"] in ("running", "restarting"))]
    if any("health=unhealthy" in word for word in options):
        print("\n".join(s["container"] for s in services if s["health"] == "unhealthy"))
        return
    shortened = ['"' + (s["command"] if len(s["command"]) <= 20 else s["command"][:19] + "…") + '"' for s in services]
    print_table(
        ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"],
        [[s["id"][:12], s["image"], command, s["created"], s["state"], s["ports"], s["container"]]
         for s, command in zip(services, shortened, strict=True)],
    )  # fmt: skip


def compose(arguments: list[str]) -> None:
    words, project, file = list(arguments), "", ""
    while words[0] in ("-f", "--file", "-p", "--project-name", "--project-directory"):
        if words[0] in ("-f", "--file"):
            if not Path(words[1]).exists():
                sys.exit(f"open {Path(words[1]).absolute()}: no such file or directory")
            file = str(Path(words[1]).absolute())
            project = project or next(iter(re.findall(r"^name: (\S+)", Path(file).read_text(), re.MULTILINE)), "")
        elif words[0] != "--project-directory":
            project = words[1]
        words = words[2:]
    action, names = words[0], [word for word in words[1:] if not word.startswith("-") and not word.isdigit()]
    if action == "ps" and "-q" in words:  # the ids of what runs under this project's name
        running = [s["id"] for s in ask("ps", []) if s["status"] == "running" and project in ("", s["project"])]
        return print("".join(f"{number}\n" for number in running), end="")
    if action == "ps":
        return docker_ps(["-a"])
    done = {"restart": "Started", "up": "Started", "start": "Started", "stop": "Stopped"}[action]
    for service in ask(action, names, f"{project} {file}" if action == "up" and project and file else ""):
        print(f" Container {service['container']}  {done}", file=sys.stderr)
    return None


def main() -> None:
    {"systemctl": systemctl, "docker": docker, "docker-compose": compose}[Path(sys.argv[0]).name](sys.argv[1:])


if __name__ == "__main__":
    main()
