"""A probe that can never get the answer it waits for asks somewhere else: the service's own port, docker, or through https."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from logcorr.fixes import Change, Folder, asked, fix
from logcorr.fixes.code import Code, added, compared, plain, replaced, variable
from logcorr.fixes.text import Text
from logcorr.grammar.shell import Node
from logcorr.grammar.shell.tree import Case, CaseItem, Pipeline, Test
from logcorr.model.behaviour import Probe
from logcorr.model.case import ProbeAnswer, ProvedEffect
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Edit, Finding
from logcorr.semantics.probing import LOCAL_HOSTS

EQUAL, DIFFERENT = {"=": "=", "==": "==", "-eq": "="}, {"!=": "!=", "-ne": "!="}
HEALTHY, STARTING = "healthy", "starting"
"""What docker says of a container that works, and of one that is not to be judged yet."""


@fix("unsatisfiable_probe")
def probe_address(finding: Finding, folder: Folder) -> Iterator[Change]:
    """The least change first: the address alone, then who is asked, then the way through https."""
    for answered, proved in asked.probes(finding, folder.case):
        text = folder.text(answered.probe.span.path)
        if text and answered.probe.tool in ("curl", "wget"):
            yield from _own_port(answered, folder)
            yield from _health(answered, proved, Code(text), folder)
            yield from _https(answered, Code(text), folder)
        return


def _own_port(answered: ProbeAnswer, folder: Folder) -> Iterator[Change]:
    """The service's port, where the host can reach it."""
    reached, service = asked.destination(answered, folder), asked.service(answered, folder)
    if not reached or not reached[1].upstream:
        return
    host, _, port = reached[1].upstream.rpartition(":")
    here = urlsplit(answered.probe.url or "")
    published = [entry.published for entry in service.ports if str(entry.target) == port] if service else []
    at = f"{here.hostname}:{published[0]}" if published else f"{host}:{port}" if host in LOCAL_HOSTS else None
    if at and port.isdigit():
        url = f"http://{at}{reached[1].upstream_uri or here.path}"
        said = claim("patch.own_port", "the probe asks the service itself, at {url}", url=url)
        yield from _moved(answered.probe, url, folder, said, safe=True)


def _https(answered: ProbeAnswer, code: Code, folder: Folder) -> Iterator[Change]:
    """What the redirect leads to, asked of this host; its certificate is for another name."""
    reached = asked.destination(answered, folder)
    command = code.command(answered.probe.span, "curl")
    if not reached or not command or not (reached[0].url or "").startswith("https:"):
        return
    named = [value for name, value in reached[0].headers if name == "Host" and reached[0].headers != answered.probe.headers]
    options = ("" if not answered.probe.checks_certificate else " -k") + "".join(f" -H 'Host: {name}'" for name in named)
    program = next(word for word in command.words if plain(word).rpartition("/")[2] == "curl")
    said = claim("patch.https", "the probe asks {url}, where the redirect leads", url=str(reached[0].url))
    yield from _moved(answered.probe, str(reached[0].url), folder, said, more=[added(program.end, options)] if options else [])


def _moved(
    probe: Probe, url: str, folder: Folder, said: Claim, *, safe: bool = False, more: list[Edit] | None = None
) -> Iterator[Change]:
    """The probe's address becomes another, where it is written as one piece in the file that asks."""
    place = probe.url_span or probe.span
    text = folder.text(place.path)
    found = _written(probe.url or "", text, place.line, place.end_line) if text else None
    if found and place.path == probe.span.path:
        yield Change(path=place.path, edits=(Edit(start=found[0], end=found[1], text=url), *(more or ())), claim=said, safe=safe)


def _written(url: str, text: Text, line: int, end_line: int) -> tuple[int, int] | None:
    """Where the address stands on these lines, with its scheme or without."""
    start, end = text.bounds(line)[0], text.bounds(end_line)[1]
    for form in (url, url.removeprefix("http://"), url.removesuffix("/")):
        found = [one.start() for one in re.finditer(re.escape(form) + r"(?![\w./?&=-])", text.plain[start:end])]
        if len(found) == 1:
            return start + found[0], start + found[0] + len(form)
    return None


def _health(answered: ProbeAnswer, proved: ProvedEffect, code: Code, folder: Folder) -> Iterator[Change]:
    """What docker's own health check found, where the script has docker at hand and looks at what the probe prints."""
    service, probe = asked.service(answered, folder), answered.probe
    command = code.command(probe.span, probe.tool)
    name = asked.container(service, folder.case) if service and service.healthcheck else None
    taken = code.assigned(command) if command else None
    if not name or not command or not taken or proved.effect.manager not in ("compose", "docker") or proved.effect.remote:
        return
    hoped = tuple(text for text in probe.expects if text.isdigit() and 200 <= int(text) < 400)
    edits = [edit for node in code.nodes for edit in _judged(node, taken, hoped, code)]
    asks = f"docker inspect --format '{{{{.State.Health.Status}}}}' {name} 2>/dev/null"
    said = claim("patch.docker_health", "the probe asks docker for the health of {container}", container=name)
    if edits:
        yield Change(path=probe.span.path, edits=(replaced(command, asks), *edits, *_unused(probe, code)), claim=said, safe=True)


def _judged(node: Node, name: str, hoped: tuple[str, ...], code: Code) -> Iterator[Edit]:
    """A comparison of the variable with the status hoped for, as one with docker's words."""
    if isinstance(node, Case) and variable(node.word) == name:
        yield from (edit for item in node.items for edit in _pattern(item, hoped))
    sides = compared(node)
    if sides is None:
        return
    wanted = [plain(side) for side in (sides[0], sides[2]) if plain(side) in hoped]
    operator = EQUAL.get(sides[1]) or DIFFERENT.get(sides[1])
    source = code.source(node)
    if len(wanted) == 1 and operator and name in map(variable, (sides[0], sides[2])) and source.count(wanted[0]) == 1:
        source = source.replace(f" {sides[1]} ", f" {operator} ")
        joint = " || " if sides[1] in EQUAL else " && "
        yield replaced(node, _enclosed(joint.join(source.replace(wanted[0], word) for word in (HEALTHY, STARTING)), node, code))


def _enclosed(both: str, node: Node, code: Code) -> str:
    """Two comparisons, held together where more than a condition stands around them."""
    around = next(code.around(node), None)
    if isinstance(node, Test) and isinstance(around, Test):
        return f"( {both} )"
    alone = code.is_condition(node) and not isinstance(around, Pipeline)
    return both if alone else f"{{ {both}; }}"


def _pattern(item: CaseItem, hoped: tuple[str, ...]) -> Iterator[Edit]:
    """Of the patterns hoped for the first becomes docker's words; the others, if any, go."""
    wanted = [pattern for pattern in item.patterns if plain(pattern) in hoped]
    if wanted and all(pattern in wanted for pattern in item.patterns):
        yield Edit(start=wanted[0].start, end=wanted[-1].end, text=f"{HEALTHY}|{STARTING}")


def _unused(probe: Probe, code: Code) -> Iterator[Edit]:
    """The line that sets the address, when nothing else takes it."""
    place = probe.url_span
    if not place or place == probe.span or place.line != place.end_line:
        return
    start, end = code.text.bounds(place.line)
    line = re.fullmatch(r"\s*(?:(?:export|readonly|local)\s+)?(?P<name>\w+)=\S+\s*(?:#.*)?", code.text.plain[start:end])
    if line and code.uses(line["name"]) == 1 and end < len(code.text.plain):
        alone = code.text.plain[:start].endswith("\n\n") and code.text.plain[end:].startswith("\n\n")
        yield Edit(start=start, end=end + 1 + alone, text="")
