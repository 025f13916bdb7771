#!/usr/bin/python3
"""The lab's stand-in for dockerd and systemd.

It really starts, signals, kills and restarts the processes that /etc/services.json names, runs health checks, keeps
Docker's restart back-off and a container's memory limit, and writes systemd's lines to syslog. tools.py asks it.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import pwd
import signal
import socket
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SOCKET = "/run/supervisor.sock"
MACHINE: dict[str, Any] = json.loads(Path("/etc/services.json").read_text())
SYSTEMD = MACHINE["kind"] == "systemd"
EVENTS: list[str] = []
SIGNAL_NAMES = {1: "HUP", 2: "INT", 6: "ABRT", 9: "KILL", 15: "TERM"}


def stamp(moment: float | None = None) -> str:
    moment = time.time() if moment is None else moment
    whole = datetime.fromtimestamp(int(moment), UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{int(moment % 1 * 1e9):09d}Z"


def syslog(tag: str, message: str) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect("/dev/log")
        log.send(f"<30>{tag}: {message}".encode())


def ago(seconds: float) -> str:
    """A duration as `docker ps` words it."""
    seconds = int(seconds)
    if seconds < 2:
        return "Less than a second" if seconds < 1 else "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if seconds < 3600:
        return "About a minute" if seconds < 120 else f"{seconds // 60} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    return f"{hours // 24} days"


class Service:
    """One container or unit: what services.json says of it, and its process."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name, self.settings = name, settings
        self.container = settings.get("container", name)
        self.process: asyncio.subprocess.Process | None = None
        self.keeper: asyncio.Task[None] | None = None
        self.wanted = False
        self.status, self.health, self.failures = "created", "", 0
        self.probes: list[dict[str, Any]] = []
        self.started = self.finished = 0.0
        self.exit_code, self.restarts, self.generation, self.out_of_memory = 0, 0, 0, False
        self.addresses = list(settings.get("addresses", []))
        self.tasks: set[asyncio.Task[None]] = set()
        self.create()

    def create(self) -> None:
        """A new container: a new id and, where the network has several, the next address."""
        self.created = time.time()
        self.id = hashlib.sha256(f"{self.container}{self.created}".encode()).hexdigest()
        if self.addresses:
            self.address = self.addresses.pop(0)
            hosts = [line for line in Path("/etc/hosts").read_text().splitlines() if not line.endswith(" " + self.name)]
            Path("/etc/hosts").write_text("\n".join([*hosts, f"{self.address} {self.name}"]) + "\n")
        self.event("create")

    def event(self, action: str, **attributes: object) -> None:
        words = {**attributes, "image": self.settings.get("image", ""), "name": self.container}
        EVENTS.append(f"{stamp()} container {action} {self.id} ({', '.join(f'{k}={v}' for k, v in words.items())})")

    @property
    def unit(self) -> str:
        return f"{self.name}.service - {self.settings.get('description', self.name)}"

    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def environment(self) -> dict[str, str]:
        values = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        values |= self.settings.get("environment", {})
        file = Path(self.settings.get("environment_file", "/nonexistent"))
        if file.exists():
            values |= dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line and line[0] != "#")
        return values | ({"BIND_ADDRESS": self.address} if hasattr(self, "address") else {})

    def become(self) -> None:
        os.setsid()
        if user := self.settings.get("user"):
            entry = pwd.getpwnam(user)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)

    async def spawn(self) -> None:
        logged = asyncio.subprocess.PIPE if "log" in self.settings else asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(
            *self.settings["command"], cwd=self.settings.get("directory", "/"), env=self.environment(),
            preexec_fn=self.become, stdin=asyncio.subprocess.DEVNULL, stdout=logged, stderr=logged, limit=1 << 20,
        )  # fmt: skip
        self.started, self.status, self.failures = time.time(), "running", 0
        self.generation += 1
        if SYSTEMD:
            syslog("systemd[1]", f"Started {self.unit}.")
        self.event("start")
        for name in ("stdout", "stderr") if "log" in self.settings else ():
            self.background(self.copy_output(getattr(self.process, name), name, self.process.pid))
        if "health" in self.settings:
            self.health = "starting"
            self.background(self.check_health(self.generation))
        if "memory_limit" in self.settings:
            self.background(self.limit_memory(self.generation))

    def background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def copy_output(self, pipe: asyncio.StreamReader, stream: str, pid: int) -> None:
        log = self.settings["log"]
        while line := await pipe.readline():
            text = line.decode("utf-8", "replace")
            if log["kind"] == "syslog":
                syslog(f"{log['tag']}[{pid}]", text.rstrip("\n"))
                continue
            with Path(log["path"]).open("a") as file:
                if log["kind"] == "json":
                    file.write(json.dumps({"log": text, "stream": stream, "time": stamp()}, separators=(",", ":")) + "\n")
                elif log["kind"] == "compose":
                    file.write(f"{self.container}  | {text}")
                else:
                    file.write(text)

    def start(self) -> None:
        self.wanted = True
        if self.keeper is None or self.keeper.done():
            self.keeper = asyncio.create_task(self.keep_running())

    async def keep_running(self) -> None:
        pause = 0.1
        while self.wanted:
            self.out_of_memory = False
            await self.spawn()
            assert self.process
            code = await self.process.wait()
            self.finished, self.status = time.time(), "exited"
            self.exit_code = code if code >= 0 else 128 - code
            self.event("die", exitCode=self.exit_code)
            if not self.wanted or self.settings.get("restart", "no") == "no":
                return
            self.restarts += 1
            if SYSTEMD:
                if not await self.systemd_wait(code):
                    return
            else:  # Docker doubles the pause, up to a minute, until a run has lasted ten seconds
                pause = 0.1 if self.finished - self.started > 10 else min(60, pause * 2)
                self.status = "restarting"
                await asyncio.sleep(pause)

    async def systemd_wait(self, code: int) -> bool:
        """systemd's lines about an end nobody ordered, and RestartSec; False if the policy wants no restart."""
        if code < 0:
            how = "dumped" if code == -6 else "killed"
            syslog("systemd[1]", f"{self.name}.service: Main process exited, code={how}, status={-code}/{SIGNAL_NAMES[-code]}")
        elif code > 0:
            syslog("systemd[1]", f"{self.name}.service: Main process exited, code=exited, status={code}/FAILURE")
        clean = code in (0, -1, -2, -15)
        result = "exit-code" if code > 0 else "core-dump" if code == -6 else "signal"
        how = "Deactivated successfully." if clean else f"Failed with result '{result}'."
        syslog("systemd[1]", f"{self.name}.service: {how}")
        if clean and self.settings["restart"] == "on-failure":
            self.wanted = False
            return False
        await asyncio.sleep(self.settings.get("restart_seconds", 0.1))
        if self.wanted:
            syslog("systemd[1]", f"{self.name}.service: Scheduled restart job, restart counter is at {self.restarts}.")
            syslog("systemd[1]", f"Stopped {self.unit}.")
        return self.wanted

    async def run_by_timer(self) -> None:
        """A oneshot unit that a timer starts at each multiple of `every` seconds, as OnCalendar=*:0/N does."""
        every = self.settings["every"]
        while True:
            await asyncio.sleep(every - time.time() % every)
            syslog("systemd[1]", f"Starting {self.unit}...")
            self.process = await asyncio.create_subprocess_exec(
                *self.settings["command"], env=self.environment(), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            assert self.process.stdout
            while line := await self.process.stdout.readline():
                syslog(f"{Path(self.settings['command'][0]).name}[{self.process.pid}]", line.decode().rstrip("\n"))
            if code := await self.process.wait():
                syslog("systemd[1]", f"{self.name}.service: Main process exited, code=exited, status={code}/FAILURE")
                syslog("systemd[1]", f"{self.name}.service: Failed with result 'exit-code'.")
                syslog("systemd[1]", f"Failed to start {self.unit}.")
            else:
                syslog("systemd[1]", f"{self.name}.service: Deactivated successfully.")
                syslog("systemd[1]", f"Finished {self.unit}.")

    async def stop(self) -> None:
        self.wanted = False
        if SYSTEMD:
            syslog("systemd[1]", f"Stopping {self.unit}...")
        if self.running():
            assert self.process
            stop_signal = signal.Signals["SIG" + self.settings.get("stop_signal", "TERM")]
            self.event("kill", signal=int(stop_signal))
            self.process.send_signal(stop_signal)
            try:
                await asyncio.wait_for(self.process.wait(), self.settings.get("grace", 10))
            except TimeoutError:
                if SYSTEMD:
                    syslog("systemd[1]", f"{self.name}.service: State 'stop-sigterm' timed out. Killing.")
                self.event("kill", signal=9)
                os.killpg(self.process.pid, signal.SIGKILL)
                await self.process.wait()
        if self.keeper:
            self.keeper.cancel() if self.status == "restarting" else await asyncio.wait([self.keeper], timeout=5)
        self.status = "exited"
        self.event("stop")
        if SYSTEMD:
            syslog("systemd[1]", f"{self.name}.service: Deactivated successfully.")
            syslog("systemd[1]", f"Stopped {self.unit}.")

    async def check_health(self, generation: int) -> None:
        check = self.settings["health"]
        while True:
            await asyncio.sleep(check["interval"])
            if self.generation != generation or not self.running():
                return
            begin = time.time()
            probe = await asyncio.create_subprocess_shell(
                check["command"], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            try:
                output, _ = await asyncio.wait_for(probe.communicate(), check["timeout"])
                code, text = probe.returncode, output.decode()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    probe.kill()
                code, text = -1, f"Health check exceeded timeout ({check['timeout']}s)"
            if self.generation != generation:
                return
            self.probes = [*self.probes, {"Start": stamp(begin), "End": stamp(), "ExitCode": code, "Output": text}][-5:]
            self.failures = 0 if code == 0 else self.failures + 1
            health = "healthy" if code == 0 else "unhealthy" if self.failures >= check["retries"] else self.health
            if health != self.health:
                self.health = health
                self.event(f"health_status: {health}")

    async def limit_memory(self, generation: int) -> None:
        """The kernel's part for a container over its limit: SIGKILL. (A real cgroup would need the host's own.)"""
        assert self.process
        statm = Path(f"/proc/{self.process.pid}/statm")
        while self.generation == generation and self.running():
            resident = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            if resident > self.settings["memory_limit"]:
                self.out_of_memory = True
                self.event("oom")
                self.process.kill()
                return
            await asyncio.sleep(1)

    def state(self) -> str:
        if self.status == "running":
            up = f"Up {ago(time.time() - self.started)}"
            return up + (f" ({'health: ' if self.health == 'starting' else ''}{self.health})" if self.health else "")
        word = "Restarting" if self.status == "restarting" else "Exited"
        return f"{word} ({self.exit_code}) {ago(time.time() - self.finished)} ago"

    def inspect(self) -> dict[str, Any]:
        running = self.running()
        health = {"Health": {"Status": self.health, "FailingStreak": self.failures, "Log": self.probes}} if self.health else {}
        check = self.settings.get("health")
        labels = {
            "com.docker.compose.project": MACHINE.get("project", ""),
            "com.docker.compose.project.config_files": MACHINE.get("config_files", ""),
            "com.docker.compose.project.working_dir": MACHINE.get("working_dir", ""),
            "com.docker.compose.service": self.name,
        }
        return {
            "Id": self.id, "Created": stamp(self.created),
            "Path": self.settings["command"][0], "Args": self.settings["command"][1:],
            "State": {
                "Status": self.status, "Running": running, "Restarting": self.status == "restarting",
                "OOMKilled": self.out_of_memory, "Pid": self.process.pid if running and self.process else 0,
                "ExitCode": 0 if running else self.exit_code,
                "StartedAt": stamp(self.started), "FinishedAt": stamp(self.finished) if self.finished else "0001-01-01T00:00:00Z",
                **health,
            },
            "Name": "/" + self.container, "RestartCount": self.restarts,
            "HostConfig": {
                "RestartPolicy": {"Name": self.settings.get("restart", "no"), "MaximumRetryCount": 0},
                "Memory": self.settings.get("memory_limit", 0),
            },
            "Config": {
                "Hostname": self.id[:12], "Image": self.settings.get("image", ""), "Labels": labels,
                **({"Healthcheck": {"Test": ["CMD-SHELL", check["command"]], "Interval": int(check["interval"] * 1e9),
                                    "Timeout": int(check["timeout"] * 1e9), "Retries": check["retries"]}} if check else {}),
            },
            **({"NetworkSettings": {"IPAddress": self.address}} if hasattr(self, "address") else {}),
        }  # fmt: skip


SERVICES: dict[str, Service] = {}


def named(names: list[str]) -> list[Service]:
    if not names:
        return list(SERVICES.values())
    wanted = [name.removesuffix(".service") for name in names]
    known = [s for s in SERVICES.values() if any(n in (s.name, s.container) or s.id.startswith(n) for n in wanted)]
    if len(known) < len(wanted):
        raise KeyError(f"No such container or unit: {' '.join(names)}")
    return known


async def change(action: str, chosen: list[Service]) -> None:
    """Stop, create anew and start, as far as the action asks for it."""
    if action in ("restart", "up", "stop"):
        await asyncio.gather(*(service.stop() for service in chosen))
    for service in chosen if action == "up" else ():
        service.create()
    for service in chosen if action != "stop" else ():
        service.start()
    await asyncio.sleep(0.3)


def signal_to(action: str, service: Service, name: str) -> None:
    """Send a running process the signal that the action means."""
    meant = {"pause": "STOP", "unpause": "CONT", "reload": "HUP", "kill": name}[action]
    number = signal.Signals["SIG" + meant]
    assert service.process
    if action == "reload":
        syslog("systemd[1]", f"Reloading {service.unit}...")
    else:
        service.event(action, **({"signal": int(number)} if action == "kill" else {}))
    service.process.send_signal(number)
    if action == "reload":
        syslog("systemd[1]", f"Reloaded {service.unit}.")


async def perform(action: str, names: list[str], option: str) -> list[Any]:
    chosen = named(names)
    if action == "up" and option:
        MACHINE["project"], MACHINE["config_files"] = option.split()
    if action in ("restart", "up", "start", "stop"):
        await change(action, chosen)
    elif action in ("kill", "pause", "unpause", "reload"):
        for service in chosen:
            signal_to(action, service, option)
    elif action == "events":
        return EVENTS
    elif action == "inspect":
        return [service.inspect() for service in chosen]
    return [
        {"name": s.name, "container": s.container, "id": s.id, "image": s.settings.get("image", ""), "unit": s.unit,
         "command": " ".join(s.settings["command"]), "created": ago(time.time() - s.created) + " ago", "state": s.state(),
         "status": s.status, "health": s.health, "ports": s.settings.get("ports", ""), "started": s.started,
         "pid": s.process.pid if s.process else 0, "timer": "every" in s.settings, "project": MACHINE.get("project", "")}
        for s in chosen
    ]  # fmt: skip


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    action, names, option = json.loads(await reader.readline())
    reply: list[Any] | dict[str, str]
    try:
        reply = await perform(action, names, option)
    except KeyError as error:
        reply = {"error": error.args[0]}
    writer.write(json.dumps(reply).encode())
    writer.close()


async def daemon() -> None:
    server = await asyncio.start_unix_server(answer, SOCKET)
    Path(SOCKET).chmod(0o777)
    for name, settings in MACHINE["services"].items():
        SERVICES[name] = Service(name, settings)
        if "every" in settings:
            SERVICES[name].background(SERVICES[name].run_by_timer())
            continue
        SERVICES[name].start()
        await asyncio.sleep(settings.get("wait", 2))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(daemon())
