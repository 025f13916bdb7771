"""A command cuts somebody off from what they need: a firewall's rule, a route, a name, a password."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_network

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._deeds import JUST_BEFORE, LATE, ran
from logcorr.rules._targets import UNRESOLVED, target
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import cite, instants, texts

NETWORK = regex(
    r"\bip6?tables\b.*(?:DROP|REJECT|(?:-D|--delete)\b.*ACCEPT)|\bnft\b.*\b(?:drop|reject)\b|\bipset\s+(?:-A|add)\b"
    r"|\bufw\b.*\b(?:deny|reject|delete\s+allow|enable)\b|\bfirewall-cmd\b.*(?:--remove-\w|reject|drop|--panic-on)"
    r"|\bip\s+(?:route|rule)\s+(?:add\s+(?:blackhole|unreachable|prohibit)|del|replace|change)\b|\broute\s+(?:del|add)\b.*\breject\b"
    r"|\bip\s+link\s+set\b.*\bdown\b|\bifdown\b|\btc\s+qdisc\s+(?:add|replace|change)\b|\bdocker\s+network\s+(?:disconnect|rm)\b"
)
"""Commands that keep packets from where they go."""

NAMES = regex(
    r"(?:>|\btee\b|\bsed\b.*-i|\bcp\b|\bmv\b|\bln\b).*/etc/(?:hosts|resolv\.conf|nsswitch\.conf)\b|\bresolvectl\s+(?:dns|domain)\b"
)
"""Commands that change what names mean."""

CREDENTIALS = regex(
    r"(?i)\balter\s+(?:user|role)\b|\brevoke\b|\bset\s+password\b|\bdrop\s+(?:user|role)\b|\bidentified\s+by\b|\bacl\s+setuser\b"
    r"|\brequirepass\b|\bchpasswd\b|\bpasswd\b|\buserdel\b|\busermod\b|\brabbitmqctl\s+(?:change_password|delete_user|clear_permissions)"
)
"""Commands that change who is let in."""

EDITS = regex(
    r"\bsed\b.*\s-i|\btee\b(?!.*\.log\b)|\b(?:envsubst|crudini|augtool|yq)\b|>\s*\S+\.(?:conf|cfg|cnf|env|ya?ml|json|ini|toml)\b|>\s*\S*/\.env\b"
    r"|(?i:\bconfig\s+set\b|\balter\s+system\b)"
)
"""Commands that write settings."""

ASKS = regex(r"\b(?:curl|wget|nc|ncat|wait-for-it|pg_isready)\b")
REPLACED = regex(r"\bs(?P<mark>[/|#,@])(?:\\.|(?!(?P=mark)).)*(?P=mark)")
"""What `sed` takes away: it is not asked for any more."""

WIDE = regex(
    r"-P\s+\w+\s+(?:DROP|REJECT)|\bufw\b.*\b(?:enable|default)\b|policy drop|--panic-on|\bip\s+link\b|\bifdown\b|\bdefault\b"
    r"|\bnetem\b|resolv\.conf|nsswitch|resolvectl|requirepass|^(?!.*--[ds]?port\b)(?!.*\s-[sdmi]\s).*-j\s+(?:DROP|REJECT)\s*$"
)
"""Commands that name nobody, and hit all."""

REACHED = ("dependency.failed", "dependency.timeout", "upstream.timeout", "upstream.refused", "upstream.unreachable")
LET_IN = ("dependency.denied",)
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
IPV4 = regex(rf"(?<![\w.]){_BYTE}(?:\.{_BYTE}){{3}}(?:/(?:3[0-2]|[12]?\d))?(?![\w.])")
SENDER = regex(r"(?:\s-s|\s--source|\bfrom)\s")
"""Addresses and networks of a firewall's rules, and what says that one of them is who sends."""

COMMANDED = regex(r"COMMAND=(?P<command>.+)$")
"""sudo's own line of what somebody ran."""

FEWEST = 3
RAN, NAMED, WIDELY = 0.92, 0.7, 0.85
"""How sure it is: it names what cannot be reached, and ran just before; it names it; it ran just before, and names nobody."""


class _Cut(Struct, frozen=True):
    """The command and where it stands; the rows that tell that it ran, None where nothing does."""

    span: Span
    text: str
    told: pl.DataFrame | None


@rule(code="NET005", title="A command cuts somebody off from what they need", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Commands of scripts, jobs and sudo's log by which an address, a name or a user is refused that fails since it ran."""
    for kinds, pattern in ((REACHED, NETWORK), (REACHED, NAMES), (LET_IN, CREDENTIALS), (REACHED, EDITS)):
        lines = list(_commands(case, pattern)) if sum(case.kinds.get(kind, 0) for kind in kinds) >= FEWEST else []
        for name, rows in _by_target(case, case.happened(*kinds).drop_nulls("time"), pattern) if lines else ():
            cut = _cut(case, lines, name, rows["time"][0]) if rows.height >= FEWEST else None
            if cut and (pattern is not EDITS or (cut[1] == RAN and not _written_otherwise(case, cut[0].text, name))):
                yield _finding(name, rows, *cut, edited=pattern is EDITS)


def _commands(case: Case, pattern: re.Pattern[str]) -> Iterator[tuple[Span, str, Script | None]]:
    """The lines of scripts and of sudo's log that hold such a command, variables that were set to plain text put in."""
    for script in case.of(Script):
        for place, text in code_of(script, filled=True):
            code = text.partition(" #")[0]
            if pattern.search(code):
                yield place, code, script
    for source in (one for one in case.sources if one.format == "syslog"):
        rows = case.lines(source.path).filter(pl.col("text").str.contains("sudo.*COMMAND=")).select("line", "text").collect()
        for line, text in rows.iter_rows():
            found = COMMANDED.search(text)
            if found and pattern.search(found["command"]):
                yield Span(source.path, line), found["command"], None


def _by_target(case: Case, failed: pl.DataFrame, pattern: re.Pattern[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The failures by what could not be reached; of names only those that do not resolve."""
    whole = texts(case, failed)
    names = [target(message) or target(text) for message, text in zip(failed["message"], whole, strict=True)]
    unresolved = [bool(UNRESOLVED.search(text)) for text in whole]
    named = failed.with_columns(target=pl.Series(names, dtype=pl.String), unresolved=pl.Series(unresolved, dtype=pl.Boolean))
    wanted = pl.col("unresolved") if pattern is NAMES else ~pl.col("unresolved")
    for (name,), rows in named.filter(wanted & (pl.col("target") != "")).group_by("target", maintain_order=True):
        yield str(name), rows.drop("target", "unresolved")


def _cut(case: Case, lines: Sequence[tuple[Span, str, Script | None]], name: str, since: datetime) -> tuple[_Cut, float] | None:
    """The command that did it: one that ran just before and names it, else the only one that does, else one that hits all."""
    known = [_Cut(span, text, _told(case, span, script, since)) for span, text, script in lines]
    whole = {span: REPLACED.sub("", _code(script) if script and "$" in text else text) for span, text, script in lines}
    naming = [one for one in known if _names(whole[one.span], name) and not _of_others(one.text, name)]
    done = [one for one in naming if one.told is not None]
    wide = [one for one in known if one.told is not None and WIDE.search(one.text)]
    if done:
        return done[0], RAN
    if len(naming) == 1:
        return naming[0], NAMED
    return (wide[0], WIDELY) if wide else None


def _code(script: Script) -> str:
    """What a variable of the command may hold: all that the script says, but for what it asks itself."""
    return "\n".join(line.partition(" #")[0] for _, line in code_of(script) if not ASKS.search(line))


def _told(case: Case, span: Span, script: Script | None, since: datetime) -> pl.DataFrame | None:
    if script:
        return ran(case, script, since)
    own = (pl.col("file") == span.path) & (pl.col("line") == span.line)
    rows = case.timeline.filter(own & pl.col("time").is_between(since - JUST_BEFORE, since + LATE)).collect()
    return rows if rows.height else None


def _names(command: str, name: str) -> bool:
    """Whether the command speaks of this address (its host or its port) or user."""
    host, _, port = name.rpartition(":")
    words = [word for word in (host.strip("[]"), port) if word and word not in ("localhost", "127.0.0.1", "::1")]
    return any(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-]*\w)", command) for word in words)


def _of_others(command: str, name: str) -> bool:
    """Whether the command forbids something to or from addresses, and none of them is that of the target.

    Of a target that is called by name only a sender's address is known to be another's.
    """
    host = name.rpartition(":")[0].strip("[]")
    networks = [ip_network(found[0], strict=False) for found in IPV4.finditer(command)]
    if not networks or " ! " in command:
        return False
    try:
        return not any(ip_address(host) in network for network in networks)
    except ValueError:
        return SENDER.search(command) is not None


def _written_otherwise(case: Case, command: str, name: str) -> bool:
    """Whether a collected file that the command writes does not name the target: then something else asks it."""
    written = {path for path in case.files if re.search(rf"[/\s]{re.escape(path.rpartition('/')[2])}(?:[\s\"';]|$)", command)}
    texts = ("\n".join(case.lines(path).collect()["text"]) for path in written - {one.path for one in case.sources})
    return bool(written) and not any(_names(text, name) for text in texts)


def _finding(name: str, rows: pl.DataFrame, cut: _Cut, sure: float, *, edited: bool) -> Finding:
    told = cut.told if cut.told is not None else rows.clear()
    return Finding(
        confidence=sure,
        claim=_claim(name, rows.height, edited=edited),
        evidence=(
            Evidence(cut.span, "writes it" if edited else "forbids it", shows="deploy_changes_configuration"),
            *cite(told, "it ran", most=2, shows="deploy_changes_configuration"),
            *cite(rows, shows="dependency_fails"),
        ),
        would_refute=claim("cut_off_by_command.refute", "{target} reached after the command had run", target=name),
        subject=str(rows["service"][0] or ""),
        measured={"count": rows.height, "target": name},
        times=instants(rows),
        fix=claim("cut_off_by_command.fix", "undo it, and try such a command with an end of its own (at, systemd-run) first"),
    )


def _claim(name: str, count: int, *, edited: bool) -> Claim:
    if edited:
        return claim(
            "cut_off_by_command.changed",
            "{target} is asked since a command set it, and nothing answers there ({count}×)",
            target=name,
            count=count,
        )
    return claim(
        "cut_off_by_command.found",
        "{target} cannot be reached or used ({count}×) since a command forbids it",
        target=name,
        count=count,
    )
