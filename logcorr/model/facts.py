"""Facts of configuration, free of the format they were read from.

A systemd timer that yields a `ScheduledJob` feeds every rule written for cron. Every fact says where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import Struct

from logcorr.model.source import Span


class Fact(Struct, frozen=True, kw_only=True):
    """Something that is so, and the lines that say it."""

    span: Span


class ScheduledJob(Fact, frozen=True, kw_only=True):
    """A command that a scheduler runs by the clock.

    `schedule` is the text as written (`*/5 * * * *`, `@daily`, `*:0/15`), `scheduler` the dialect that reads it
    (`cron`, `systemd`). `environment` is what the table sets above the line, in order. `stdin` is what follows an
    unescaped `%` in a cron command. `zone` is the table's own time zone (CRON_TZ), if it names one. A run may begin up
    to `slack_s` seconds after its time (systemd's AccuracySec and RandomizedDelaySec). `unterminated`: no newline ends its line,
    which is the table's last.
    """

    schedule: str
    scheduler: str
    command: str
    user: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    stdin: str | None = None
    zone: str | None = None
    slack_s: float = 0.0
    unterminated: bool = False


class Script(Fact, frozen=True, kw_only=True):
    """Text that a shell would run: a file, a step of a workflow, a hook, a cron command.

    `text`'s first line is line `span.line` of `span.path`; `column` is where a command inside a line begins (from 0).
    `interpreter` is `bash`, `sh`, …; `directory` the working directory it starts in, if that is known.
    """

    name: str
    text: str
    interpreter: str = "sh"
    directory: str | None = None
    column: int = 0


class Step(Fact, frozen=True, kw_only=True):
    """One thing that a program in another language than a shell's does; a NUL in a word stands for what is not literal.

    It `asks` for a URL, `runs` a command given as words, has a `shell` run code, or `says` a message beside such a command.
    `when` is the line of the condition under which that is reached, None where it always is, and `condition` what it says there.
    A question is given up after `timeout_s`, and `follows` redirects; its address may be `named` on a line of its own.
    """

    does: str
    words: tuple[str, ...]
    when: Span | None = None
    condition: str = ""
    timeout_s: float | None = None
    follows: bool = True
    named: Span | None = None


class Program(Fact, frozen=True, kw_only=True):
    """A program that runs commands, by line what of it could be told.

    `checks_status`: it looks at what it is answered, not only at whether it is.
    """

    steps: tuple[Step, ...] = ()
    checks_status: bool = False


class Port(Fact, frozen=True, kw_only=True):
    """A container's port published on the host; `host_ip` is empty for all addresses."""

    published: int
    target: int
    host_ip: str = ""
    protocol: str = "tcp"


class Mount(Fact, frozen=True, kw_only=True):
    """A host path (or volume name) seen inside a container at `target`."""

    source: str
    target: str


class Healthcheck(Fact, frozen=True, kw_only=True):
    """A container's own health check; times in seconds."""

    test: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0


class Image(Fact, frozen=True, kw_only=True):
    """An image that a Dockerfile builds: the `base` of its last stage, and what is run and copied on top of that.

    A base that is a stage of the same file is followed to the image below it. `entrypoint` and `command` are what its containers
    run, which the instruction in line `started_at` says last; `steps_at` are the first lines of the steps.
    """

    base: str
    steps: tuple[str, ...] = ()
    steps_at: tuple[int, ...] = ()
    started_at: int = 0
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class Service(Fact, frozen=True, kw_only=True):
    """One service of a compose file; `span` covers its stanza.

    `dockerfile` is the file that its image is built from, as a path from the compose file; None for a stage that is not the last.
    """

    name: str
    container_name: str | None = None
    image: str | None = None
    dockerfile: str | None = None
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    expose: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    healthcheck: Healthcheck | None = None
    restart: str | None = None
    depends_on: tuple[str, ...] = ()
    stop_grace_s: float = 10.0
    stop_signal: str = "SIGTERM"
    network_mode: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


class ComposeFile(Fact, frozen=True, kw_only=True):
    """A compose file by itself, before merging with others; `project` only if the file names it.

    `draws_from` holds the paths of the files that it includes or extends, as written.
    In `services` variables have their defaults, and stay as written (`${TAG}`) where they have none. `text` is the
    file's own: merging and the environment's values need what was written.
    """

    services: tuple[Service, ...]
    project: str | None = None
    draws_from: tuple[str, ...] = ()
    text: str = ""


class Directive(Fact, frozen=True, kw_only=True):
    """One nginx directive; `children` is None for a simple one, a tuple for a block.

    `span` goes from the name to the `;`, of a block to the `{`: what a person would quote.
    """

    name: str
    args: tuple[str, ...] = ()
    children: tuple[Directive, ...] | None = None

    def walk(self) -> Iterator[Directive]:
        """Itself and what it holds, in the order of the text."""
        yield self
        for child in self.children or ():
            yield from child.walk()


class NginxFile(Fact, frozen=True, kw_only=True):
    """The directives of one nginx configuration file, in order, `include` not followed.

    `name` is the path nginx itself knows the file by, where a dump (`nginx -T`) says so.
    """

    directives: tuple[Directive, ...]
    name: str | None = None


class Container(Fact, frozen=True, kw_only=True):
    """A container as a capture (`docker ps`, `docker inspect`) showed it.

    `up_s` and `created_s` are ages in seconds, as the capture gave them; `age_resolution_s` is the unit they are rounded
    down to. `compose_files` and `directory` come from compose's labels; `label_span` is the line that names the files.
    `id` is as long as the capture shows it.
    """

    name: str
    image: str | None = None
    status: str = ""
    up_s: float | None = None
    created_s: float | None = None
    age_resolution_s: float = 1.0
    healthy: bool | None = None
    restart_count: int | None = None
    oom_killed: bool | None = None
    exit_code: int | None = None
    started_at: str | None = None
    project: str | None = None
    service: str | None = None
    compose_files: tuple[str, ...] = ()
    directory: str | None = None
    label_span: Span | None = None
    id: str | None = None


class Unit(Fact, frozen=True, kw_only=True):
    """Something that `manager` (`systemd`, `pm2`, `supervisord`) keeps running, as its configuration or `systemctl status` shows.

    pm2 restarts what takes more than `memory_limit` bytes. systemd ends what is not up `start_timeout_s` after its start.
    `oneshot`: it is no service but work that is done and ends. `logs` are the files that its output is written to.
    `listens` are the ports that its own lines tell it to listen on, `environment_files` may tell it of others.
    """

    name: str
    manager: str = "systemd"
    description: str = ""
    state: str | None = None
    restart: str | None = None
    restart_s: float | None = None
    command: str | None = None
    memory_limit: int | None = None
    oneshot: bool = False
    start_timeout_s: float | None = None
    logs: tuple[str, ...] = ()
    listens: tuple[int, ...] = ()
    environment_files: tuple[str, ...] = ()


class Process(Fact, frozen=True, kw_only=True):
    """A process as `ps` or `pm2 ls` showed it.

    `name` is its manager's for it. `started` is as written; `up_s` is its age in seconds, cut to the unit the capture gave;
    `restarts` is how often its manager began it again.
    """

    name: str | None = None
    command: str | None = None
    pid: int | None = None
    user: str | None = None
    state: str | None = None
    started: str | None = None
    up_s: float | None = None
    restarts: int | None = None


class Setting(Fact, frozen=True, kw_only=True):
    """A name and value from an environment file or capture, the host's time zone among them (`TZ`)."""

    name: str
    value: str


class ExistingFile(Fact, frozen=True, kw_only=True):
    """A file that a listing (`ls -l`) shows to exist on the host, with its full host path where the listing gives it."""

    host_path: str
    size: int | None = None


class LineTemplate(Fact, frozen=True, kw_only=True):
    """How an application's source writes the lines of its log: `{timestamp} [{level}]: {message}`.

    `text` is in the syntax of `str.format`: values by the names of their properties, `{}` for what would have to be computed.
    """

    text: str


F = TypeVar("F", bound=Fact)


def of_kind(kind: type[F], facts: Iterable[Fact]) -> Iterator[F]:
    """The facts of one kind, in the order they were read."""
    return (fact for fact in facts if isinstance(fact, kind))
