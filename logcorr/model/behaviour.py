"""What configuration would do, once interpreted: probes, effects, answers, and how far an effect is reached."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.facts import Fact
from logcorr.model.source import Span

ENDING_ACTIONS = frozenset({"restart", "stop", "down", "kill", "recreate", "delete", "reboot"})
"""Actions of an effect that end processes."""


class Reach(Enum):
    """Whether an effect runs, over every outcome its probes can have. Only MUST and NEVER are proved."""

    MUST = "must"
    CONDITIONAL = "conditional"
    MAY = "may"
    NEVER = "never"


class Probe(Fact, frozen=True, kw_only=True):
    """A question that a script asks about the health of something.

    `span` is the command's. `tool` is the program (`curl`, `docker inspect`, `pg_isready`); `url` is set where it is fully
    known, and `url_span` is the line that holds its text: the assignment when it came through a variable. `yields` says
    what the script looks at: `status` (`%{http_code}`), `body`, or `exit`. `expects` holds the values it is compared
    with (`200`), or nothing. `asks` names the target of a probe without URL (a container, a unit, host:port).
    `unknown` says why the URL is not known: what to collect (`argument 1`, `.env`). `purpose` tells a health check (`asks`)
    from a request that sends a message (`sends`: a webhook) or gets a file (`fetches`: an installer). `prints` is what it
    writes to standard output, in order: `headers`, `body`, `status`, `unknown`, or `=` and literal text.
    """

    id: int
    tool: str
    url: str | None = None
    url_span: Span | None = None
    asks: str | None = None
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    yields: str = "exit"
    expects: tuple[str, ...] = ()
    follows_redirects: bool = False
    fails_on_error: bool = False
    checks_certificate: bool = True
    timeout_s: float | None = None
    unknown: str | None = None
    purpose: str = "asks"
    prints: tuple[str, ...] = ()


class Effect(Fact, frozen=True, kw_only=True):
    """Something a script does to the running system.

    `action` is `restart`, `stop`, `down`, `start`, `kill`, `reload`, `recreate`, `delete`, `truncate`, `reboot`, …;
    `manager` is who does it: `compose`, `docker`, `systemd`, `pm2`, `supervisor`, `process`, `nginx`, `kubernetes`, `host`,
    `file`. No `targets` means the manager's whole scope (all services of the project). `compose_files` are the `-f` values
    as written, variables resolved. `directory` is the working directory in force, None where it is not known.
    `argv0` is the program that must be found for the effect to happen. `guard` is the text of the conditions on the way
    here, outermost first, each with its span. `remote` names the host of an ssh, `container` that of an exec. `by_name`: targets
    are looked for in the names of processes, and not in their whole command lines (pkill without `-f`, killall).
    """

    id: int
    action: str
    manager: str
    targets: tuple[str, ...] = ()
    signal: str | None = None
    compose_files: tuple[str, ...] = ()
    project: str | None = None
    directory: str | None = None
    argv0: str = ""
    guard: tuple[tuple[str, Span], ...] = ()
    remote: str | None = None
    container: str | None = None
    by_name: bool = False

    @property
    def ends_processes(self) -> bool:
        """Whether it ends something that runs; deleting a file does not."""
        return self.action in ENDING_ACTIONS and self.manager != "file"


class Call(Fact, frozen=True, kw_only=True):
    """A script that another one runs or sources; `path` as written, variables resolved, None where unknown."""

    path: str | None
    arguments: tuple[str, ...] = ()


class Outcome(Struct, frozen=True, kw_only=True):
    """One way a probe can turn out: what it prints (`301`), its exit code, and why that can happen."""

    printed: str
    exit_code: int
    why: str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """What a server would answer to one request.

    `status` is None where it cannot be known from configuration (the upstream's own answer). `location` is a redirect's
    target. `at` is the directive that decides, `server` the server block's line; `trace` lists every step with its line.
    `upstream` is the address the request is handed to, or all of a group's, separated by `, `; `upstream_uri` is the path
    it is asked for, as nginx sends it. `assumes` lists what must hold for this answer. `closed`: the client gets no HTTP
    answer it can read (`return 444`, then `status` is 444; TLS that fails, then it is None). `unknown` says why no answer
    can be given: what to collect.
    """

    status: int | None
    at: Span
    server: Span | None = None
    location: str | None = None
    upstream: str | None = None
    trace: tuple[tuple[str, Span], ...] = ()
    assumes: tuple[str, ...] = ()
    upstream_uri: str | None = None
    closed: bool = False
    unknown: str | None = None


WELL = regex(r": (?:HTTP [23]\d\d|active|open|accepting|running|answers|healthy|alive)(?:;|$)")
"""The outcomes of probes, in the interpreter's words, that are no failure."""


class ReachProof(Struct, frozen=True, kw_only=True):
    """How far an effect is reached, outcome by outcome.

    `cases` pairs a description of the probes' outcomes with what happens: True runs, False does not, None unknown.
    A proof (MUST, NEVER) holds under `assumes`; `unknown` says what stood in the way of one. `once_run` is how far it is reached
    when its script runs, where that hangs on something else (a renewal).
    """

    reach: Reach
    cases: tuple[tuple[str, bool | None], ...] = ()
    assumes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    once_run: Reach | None = None

    @property
    def if_well(self) -> set[bool | None]:
        """What happens where probes find that all is well."""
        return {runs for outcome, runs in self.cases if WELL.search(outcome)}
