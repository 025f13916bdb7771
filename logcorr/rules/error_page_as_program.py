"""curl without `-f` saves the page of an error, and the script makes a program of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.semantics.written import Redirected, Written, commands, plain

JUDGING = frozenset({"f", "fail", "fail-with-body", "w", "write-out", "I", "head"})
ELSEWHERE = regex(r"^\$\{?\w*(?i:opt|arg|flag|curl)\w*|^\$\{?\w+\[[@*]\]")
"""Options that are kept in a variable."""

UNAME = regex(r"\$\(uname\b[^)]*\)|`uname\b[^`]*`")
"""What is the same on every machine of a kind."""

LOOKS = frozenset(
    {"sha256sum", "sha512sum", "shasum", "md5sum", "sha1sum", "gpg", "gpgv", "cosign", "minisign", "file", "grep", "head"}
)
EXECUTABLE = regex(r"[ugoa]*\+[rwst]*x[rwst]*|0?[0-7]*[1357][0-7]*")


@rule(code="SH030", title="An error page is saved as a program", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for curl without `-f` that saves what an address with variables in it gives, where that is made executable."""
    for command in everywhere(case):
        target = _saved(command) if command.name == "curl" else None
        after = [one for one in commands(command.script) if one.node.start > command.node.end] if target else []
        made = next((one for one in after if _makes_program(one, target or "")), None)
        if made and not any(one.name in LOOKS and target in one.words for one in after):
            yield _finding(command, made)


def _saved(command: Written) -> str | None:
    """The file to which it saves whatever is answered by an address that need not be right."""
    address = next((word for word in command.words if re.match(r"(?:https?|ftp)://", word)), "")
    if JUDGING & command.flags() or any(map(ELSEWHERE.match, command.words)) or "$" not in _settled(command, address):
        return None
    words = [*command.words, ""]
    short = (words[at + 1] for at, word in enumerate(words[:-1]) if re.fullmatch(r"-[a-zA-Z]*o|--output", word))
    outer = command.around[-1] if command.around else None
    redirects = (*command.node.redirects, *(outer.redirects if isinstance(outer, Redirected) else ()))
    sent = (plain(command.script, one.target) for one in redirects if one.operator == ">" and one.descriptor in ("", "1"))
    named = (address.rpartition("/")[2] for word in words if re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word))
    return next((one for one in (*short, *sent, *named) if one and one != "/dev/null"), None)


def _settled(command: Written, address: str) -> str:
    """The address without what is the same in every run: `uname`, and variables that the script gives one plain value."""
    left = UNAME.sub("", address)
    for name in re.findall(r"\$\{?(\w+)\}?", left):
        given = re.findall(rf"""(?m)(?:^|[\s;]){name}=(["']?)([^"'\s]*)\1""", command.script.text)
        if len(given) == 1 and given[0][1] and "$" not in given[0][1] and "`" not in given[0][1]:
            left = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", given[0][1], left)
    return left


def _makes_program(command: Written, target: str) -> bool:
    return command.name == "chmod" and target in command.words and any(map(EXECUTABLE.fullmatch, command.words[:2]))


def _finding(command: Written, made: Written) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "error_page_as_program.found",
            "curl without -f saves an error's page, too: where the address is wrong, line {line} makes a program of that",
            line=made.span.line,
        ),
        evidence=(Evidence(command.span, "succeeds with a 404"), Evidence(made.span, "makes it a program")),
        would_refute=claim("error_page_as_program.refute", "a run with an address that answers 404 and that ends there"),
        subject=command.script.span.path,
        measured={"line": made.span.line},
        fix=claim("error_page_as_program.fix", "curl -f, which fails at a status of 400 and above and saves nothing"),
    )
