"""Whom a script looks up before it ends them: by a port, at either end of its connections, or by name; no check of health."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Effect
from logcorr.model.case import Behaviour, Case, ProvedEffect
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.timeline.lifecycles import Downtime, listened_at, stopped
from logcorr.timeline.scripts import said
from logcorr.timeline.select import lines_like, spans

TOOL = regex(r"\b(?P<tool>lsof|ss|netstat|pgrep|pidof|fuser)\b(?P<rest>.*)")
PORT = regex(r"(?:[:=]|\bdport |\bsport |\bgrep\b[^|]*\D)['\"]?:?(?P<port>\d{2,5}|\$\{?\w+\}?)(?!\d)")
LISTENING = regex(r"LISTEN|listen|\b(?:ss|netstat)\s+(?:\S+ )*?-\w*l|\bsport\b")
"""What lets a lookup name only those who listen, and not who is connected to them."""

PASSED = r"\b(?:server|\w+_pass)\s+(?:\w+://)?[^\s;]*:{port}\b"
ASKED = r"(?i)(?:\w\]?:{port}\b|\bhost(?:name)?\b.*\bport\W{{1,4}}{port}\b)"
SERVED = r"(?i)\blisten\(\s*{port}\b|\bport\b['\"]?\s*(?:=|\|\|)\s*\W{{0,2}}{port}\b|--port[ =]{port}\b|\s-p {port}\b"
"""How a program is told whom to ask at a port, and that it is to serve there itself."""

WORD = regex(r"\$\{?(?P<name>\w+)\}?")
NUMBER = regex(r"(?<![\d/:.-])\d{3,7}(?![\d/:-]|\.\d)")
"""How the number of a process is written."""

SOON = timedelta(seconds=60)
MOST_LINES = 400
OFTEN = 0.5


class Lookup(Struct, frozen=True):
    """Where a script looks whom to end; by which port, if it is one; and whether it finds `both` ends of its connections."""

    span: Span
    port: str = ""
    both: bool = False
    variable: str = ""


def lookup(case: Case, effect: Effect) -> Lookup | None:
    """What a kill got its processes from: its own line, or the one that set its variable last."""
    if effect.action != "kill" or effect.span.path not in case.files:
        return None
    lines = dict(_lines(case, effect.span.path))
    own = lines.get(effect.span.line, "")
    names = [found["name"] for found in WORD.finditer(own)]
    places = [(effect.span.line, ""), *((at, name) for name in names if (at := _set_at(lines, name, effect.span.line)))]
    for at, name in places:
        found = TOOL.search(lines[at])
        if found:
            port = PORT.search(found["rest"]) if found["tool"] in ("lsof", "ss", "netstat") else None
            number = _value(lines, port["port"], at) if port else ""
            both = bool(number) and not LISTENING.search(lines[at])
            return Lookup(Span(effect.span.path, at), number, both, name)
    return None


def _lines(case: Case, path: str) -> Iterator[tuple[int, str]]:
    yield from case.lines(path).head(MOST_LINES).select("line", "text").collect().iter_rows()


def _set_at(lines: dict[int, str], name: str, before: int) -> int:
    """The last line before that sets the variable; 0 where none does."""
    sets = re.compile(rf"^\s*(?:local |export |readonly )?{name}=|\bfor {name} in\b|\bread (?:-r )?{name}\b")
    return max((line for line, text in lines.items() if line <= before and sets.search(text)), default=0)


def _value(lines: dict[int, str], port: str, before: int) -> str:
    if port.isdigit():
        return port
    name = port.strip("${}")
    set_at = _set_at(lines, name, before)
    found = re.search(rf"\b{name}=['\"]?(\d{{2,5}})\b", lines.get(set_at, ""))
    return found[1] if found else ""


def by_lookup(case: Case, behaviour: Behaviour, proved: ProvedEffect, service: str) -> ProvedEffect:
    """The effect with the service among those whom it hits, if the lookup finds it; that there was somebody is no condition."""
    found = lookup(case, proved.effect)
    if found is None:
        return proved
    mentions = re.compile(rf"\$\{{?{found.variable}\b" if found.variable else r"$^")
    guard = tuple(one for one in proved.effect.guard if not mentions.search(one[0]))
    probes = tuple(one for one in proved.probes if one.probe.span.line != found.span.line)
    mine = service not in proved.hits and found.port and uses(case, behaviour, found, service)
    return replace(
        proved,
        effect=replace(proved.effect, guard=guard),
        probes=probes,
        hits=(*proved.hits, service) if mine else proved.hits,
    )


def uses(case: Case, behaviour: Behaviour, found: Lookup, service: str) -> bool:
    """Whether the lookup finds the service: it listens there, or is connected by its settings or by the script's own words."""
    if listened_at(case, service, found.port):
        return True
    return found.both and (any(True for _ in connected(case, found, service)) or bool(named(case, behaviour, service)))


def connected(case: Case, found: Lookup, service: str) -> Iterator[Span]:
    """The lines by which the service is told to connect to the port: nginx's, or those of a file called like it."""
    if any(one.source == "nginx" and one.service == service for one in case.sources):
        yield from _holding(case, {file.span.path for file in case.of(NginxFile)}, PASSED.format(port=found.port))
        return
    own = _called(case, service) - {found.span.path}
    if not any(True for _ in _holding(case, own, SERVED.format(port=found.port))):
        yield from _holding(case, own, ASKED.format(port=found.port))


def _holding(case: Case, paths: set[str], pattern: str) -> Iterator[Span]:
    for path in sorted(paths):
        yield from (span for span, _ in lines_like(case, Span(path, 1, 2**31), pattern))


def _called(case: Case, service: str) -> set[str]:
    """The collected files, no logs, whose name or folder is the service's."""
    logs = {source.path for source in case.sources}
    return {path for path in case.files - logs if service in re.split(r"[/.]", path)}


def named(case: Case, behaviour: Behaviour, service: str) -> tuple[Span, ...]:
    """What the script wrote of whom it ends, where that names the very processes of which a log tells that they ended."""
    rows = said(case, [behaviour]).drop_nulls("time")
    stops = [one for one in case.once(stopped) if one.service == service]
    told = [span for one in stops for span in _naming(case, rows, one)]
    return tuple(dict.fromkeys(told)) if len(told) >= max(OFTEN * len(stops), 1) else ()


def _naming(case: Case, rows: pl.DataFrame, stop: Downtime) -> tuple[Span, ...]:
    """The line of the script that names the process that this stop ended; none where no log numbers it."""
    ended = set(NUMBER.findall(" ".join(text for _, text in lines_like(case, stop.end, r"(?i)\b(?:process|pid|worker)\b"))))
    near = rows.filter((pl.col("time") - stop.ended).abs() <= SOON)
    lines = (line for place in spans(near) for line in lines_like(case, place, ""))
    return next(((span,) for span, text in lines if ended & set(NUMBER.findall(text))), ())
