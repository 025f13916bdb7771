"""Why a container's own health check fails although the container answers everybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Probe
from logcorr.model.case import Case, ProbeAnswer
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Container, Healthcheck, Service, Setting
from logcorr.model.source import Span
from logcorr.semantics import healthchecks
from logcorr.semantics.paths import folder_of, normal
from logcorr.semantics.topology import is_nginx
from logcorr.semantics.understanding import running_nginx
from logcorr.timeline.select import lines_like, spans

TEST = r"^\s*(?:test|HEALTHCHECK|httpGet|exec|tcpSocket)\b"
"""The line of a stanza, or of a Dockerfile, that holds the command."""

PROBED = r'(?i)\bprobe (?:(?:failed|errored): |failed" |for ".*" failed \()'
PRINTED = r'"Output": ?"'
NOT_FOUND = regex(
    r"""["'\s:](?P<name>[\w./-]+): (?:command )?not found|exec: \W*(?P<program>[\w./-]+)\W*: executable file not found"""
)
"""What shells and container engines print for want of a program; a health record keeps it as the check's `Output`."""

STATUS = regex(r"(?i)(?:HTTP/[\d.]+ |returned error: |error |response code: ?|status[ _]?(?:code)?[:= ]+)(?P<status>[345]\d\d)\b")
REFUSED = regex(r"(?i)connection refused|failed to connect|(?:could not|couldn't|can't) connect|ECONNREFUSED")
BUSYBOX = regex(r"wget: can't connect to remote host|wget: server returned error")
EXCEEDED = regex(r"(?i)exceeded timeout|Client\.Timeout exceeded|context deadline exceeded|timed out")
LISTENS = regex(r"(?i)(?:^|_)(?:host|listen|bind|addr(?:ess)?|ip)(?:_|$|name$)")
ADDRESS = regex(r"(?P<host>\[?::1?\]?|\d+\.\d+\.\d+\.\d+|localhost)(?::\d+)?")
SETS = regex(
    r"""(?P<name>[A-Za-z][\w-]*)['"]?(?:\s*[:=]\s*|['",\s]+)['"]?(?P<value>\[?[\da-f.:]+\]?(?::\d+)?|localhost)(?=['",\s\]]|$)"""
)
SHOWN, LACKING, PROVED = 0.95, 0.95, 0.92


class Why(Struct, frozen=True):
    """What may be said of the check, the lines that show it, how sure it is, what to do, and the settings it disagrees with."""

    said: Claim
    shown: tuple[Evidence, ...]
    sure: float
    fix: Claim
    settings: tuple[Span, ...] = ()


def checked(case: Case) -> dict[str, tuple[Service, Healthcheck]]:
    """Every service (or container, where no stack is known) that has a check, by name: its own, else its image's."""
    stack = case.stack.services if case.stack else ()
    contained = [Service(span=one.span, name=one.name, image=one.image) for one in case.of(Container)]
    loose = sorted(
        case.of(Service), key=lambda one: one.span.path.endswith((".yml", ".yaml"))
    )  # what is written has the last word
    services = [*(stack or contained), *loose]
    images = list(case.of(Healthcheck))
    checks = ((one, one.healthcheck or _of_image(one, services, images)) for one in services)
    return {one.name: (one, check) for one, check in checks if check}


def _of_image(service: Service, services: Sequence[Service], images: Sequence[Healthcheck]) -> Healthcheck | None:
    """The check of the Dockerfile that bears the service's name, or of the only one, where one service alone is built."""
    named = [one for one in images if re.search(rf"(?:^|[/._-]){re.escape(service.name)}(?:[/._-]|$)", one.span.path)]
    built = [one for one in services if not one.image]
    return named[0] if len(named) == 1 else images[0] if len(images) == 1 and built == [service] else None


def why(case: Case, service: Service, check: Healthcheck, count: int, events: pl.DataFrame) -> Why | None:
    """The reason, by what the check printed where a capture or event keeps it, and by what configuration says of whom it asks."""
    probed = events.filter(pl.col("message").str.contains(PROBED))
    printed = (*_printed(case, service), *zip(spans(probed), probed["message"], strict=True))
    told: dict[str, str | int] = {"service": service.name, "count": count}
    at = next((span for span, _ in lines_like(case, check.span, TEST)), check.span)
    lacking = _lacking(check, printed, told)
    probe = None if lacking else healthchecks.probe_of(check, at, tuple(service.environment))
    return lacking or (_asking(case, service, probe, printed, told) if probe else None)


def _printed(case: Case, service: Service) -> Iterator[tuple[Span, str]]:
    """What health records say that checks printed, in the captures that name the service."""
    names = case.called(service.name)
    for path in sorted(case.files):
        rows = case.lines(path).filter(pl.col("text").str.contains(PRINTED)).select("line", "text").collect()
        if rows.height and _names(case, path, names):
            yield from ((Span(path, line), text) for line, text in rows.iter_rows())


def _names(case: Case, path: str, names: frozenset[str]) -> bool:
    """Whether a capture is of a container of that name, or does not say of which it is."""
    named = case.lines(path).filter(pl.col("text").str.contains(r'^\s*"Name": ?"/')).select("text").collect()["text"]
    return not len(named) or any(re.search(rf"[/_-]{re.escape(name)}(?:[_-]\d+)?\"", text) for text in named for name in names)


def _lacking(check: Healthcheck, printed: tuple[tuple[Span, str], ...], told: dict[str, str | int]) -> Why | None:
    """The program that the check calls and did not find."""
    words = re.split(r"[\s;|&()'\"]+", " ".join(check.test))
    called = {word.rpartition("/")[2] for word in words if "://" not in word}
    found = [
        (name, span)
        for span, text in printed
        if (match := NOT_FOUND.search(text)) and (name := (match["name"] or match["program"]).rpartition("/")[2]) in called
    ]
    if not found:
        return None
    program = min(found)[0]
    return Why(
        claim(
            "strict_healthcheck.lacking",
            "{service} was restarted as unhealthy {count} times while it answered requests: its health check calls {program}, "
            "which the container does not have",
            **told,
            program=program,
        ),
        _shown([span for name, span in found if name == program]),
        LACKING,
        claim("strict_healthcheck.install", "check with a program that the image has, or add {program} to it", program=program),
    )


def _shown(spans: list[Span]) -> tuple[Evidence, ...]:
    return tuple(Evidence(span, "what the health check printed", shows="probe_gets_answer") for span in spans[:2])


def _asking(
    case: Case, service: Service, probe: Probe, printed: tuple[tuple[Span, str], ...], told: dict[str, str | int]
) -> Why | None:
    """What it asks for is answered as a failure, or nothing listens where it asks."""
    statuses = [(span, match["status"]) for span, text in printed if (match := STATUS.search(text)) and not REFUSED.search(text)]
    answer = healthchecks.answered(probe, running_nginx(case.facts, case.stack)) if is_nginx(service) else None
    proved = answer if answer and healthchecks.fails(answer) else None
    if statuses or proved:
        return _refusing(probe, statuses, proved, told)
    waited = [span for span, text in printed if EXCEEDED.search(text)]
    if waited:
        return _waiting(probe, waited, told)
    refused = [span for span, text in printed if REFUSED.search(text)]
    first_only = any(BUSYBOX.search(text) for _, text in printed) or healthchecks.tries_first_only(probe, service)
    return _elsewhere(case, service, probe, refused, told, first_only=first_only)


def _waiting(probe: Probe, waited: list[Span], told: dict[str, str | int]) -> Why:
    return Why(
        claim(
            "strict_healthcheck.waiting",
            "{service} was restarted as unhealthy {count} times while it answered requests: its health check asks {url} and "
            "gives up before that is answered",
            **told,
            url=str(probe.url or probe.asks),
        ),
        _shown(waited),
        PROVED,
        claim("strict_healthcheck.wait", "let the check ask for something that is quick, or wait longer"),
    )


def _refusing(probe: Probe, statuses: list[tuple[Span, str]], answer: ProbeAnswer | None, told: dict[str, str | int]) -> Why:
    status = statuses[0][1] if statuses else str(answer.answers[0].status if answer else "")
    deciding = [Evidence(one.at, "decides the answer", shows="probe_gets_answer") for one in answer.answers] if answer else []
    return Why(
        claim(
            "strict_healthcheck.refusing",
            "{service} was restarted as unhealthy {count} times while it answered requests: its health check asks {url} and is "
            "answered {status}, which {tool} takes for a failure",
            **told,
            url=str(probe.url or probe.asks),
            status=status,
            tool=probe.tool or "it",
        ),
        (*deciding, *_shown([span for span, _ in statuses])),
        SHOWN if statuses else PROVED,
        claim("strict_healthcheck.ask", "let the check ask for what the service answers to it with 200"),
    )


def _elsewhere(
    case: Case, service: Service, probe: Probe, refused: list[Span], told: dict[str, str | int], *, first_only: bool
) -> Why | None:
    """Nothing listens where it asks: another port, or but one of the addresses that `localhost` has."""
    place = healthchecks.where(probe)
    own = list(_own_settings(case, service)) if place else []
    bound = [(span, value) for span, name, value in own if LISTENS.search(name) and ADDRESS.fullmatch(value)]
    ports = [(span, value) for span, name, value in own if name.lower().endswith("port") and value.isdigit()]
    apart = [pair for pair in bound if place and _apart(place[0], pair[1], first_only=first_only)]
    wrong = [pair for pair in ports if place and len(ports) == 1 and int(pair[1]) != place[1]]
    if not place or not (refused or apart or wrong):
        return None
    return Why(
        _nobody(probe, apart[0][1] if apart and place[0] == "localhost" else "", told),
        _shown(refused),
        SHOWN if refused and (apart or wrong) else PROVED,
        claim("strict_healthcheck.address", "let the check ask the very address and port on which the service listens"),
        tuple(span for span, _ in (apart or wrong)[:2]),
    )


def _nobody(probe: Probe, bound: str, told: dict[str, str | int]) -> Claim:
    if bound:
        return claim(
            "strict_healthcheck.loopback",
            "{service} was restarted as unhealthy {count} times while it answered requests: its health check asks {url}, where "
            "{tool} tries ::1 alone, and it listens on {bound}",
            **told,
            url=str(probe.url or probe.asks),
            tool=probe.tool,
            bound=bound,
        )
    return claim(
        "strict_healthcheck.elsewhere",
        "{service} was restarted as unhealthy {count} times while it answered requests: its health check asks {url}, "
        "where nothing listens",
        **told,
        url=str(probe.url or probe.asks),
    )


def _apart(asked: str, bound: str, *, first_only: bool) -> bool:
    """Whether who asks there never reaches who listens there; `localhost` is `::1` to those who try only the first address."""
    host = ADDRESS.fullmatch(bound)
    listening = host["host"].strip("[]") if host else bound
    wanted = ("::1" if first_only else "") if asked == "localhost" else asked
    return bool(wanted) and (":" in wanted) != (":" in listening) and listening not in ("::", "localhost")


def _own_settings(case: Case, service: Service) -> Iterator[tuple[Span, str, str]]:
    """What its environment files, its stanza and its command set."""
    files = {normal(file, folder_of(service.span.path)) for file in service.env_files}
    yield from ((one.span, one.name, one.value) for one in case.of(Setting) if one.span.path in files)
    for span, text in lines_like(case, service.span, r"[\w-]+['\"]?\s*[:=, ]\s*['\"]?[\w.:\[]"):
        yield from ((span, found["name"], found["value"]) for found in SETS.finditer(text))
