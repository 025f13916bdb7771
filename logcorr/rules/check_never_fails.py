"""A container's check runs what succeeds whatever the service does."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Healthcheck, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.compose.conditions import Waiting, waiting
from logcorr.semantics.written import AndOr, Commands, Node, Pipeline, Simple, Written, commands, tree

SUCCEEDING = frozenset({"true", ":", "echo", "printf"})
VERSIONS = frozenset({"--version", "-V", "version", "--help"})
SHORT = frozenset({"node", "npm", "nginx", "php"})
"""Programs that tell their version by `-v`."""

CODE = regex(
    r"\s*(?:import\s+(?:sys|os)\s*;\s*)?"
    r"(?:(?:sys\.|process\.|os\._)?exit\(0?\)|pass|(?:print|console\.log)\(['\"][^'\"]*['\"]\)|(?:echo|print)?[\s(]*@?file_get_contents\([^()]*\)\)?)"
    r"\s*;?\s*"
)
"""A line of Python, JavaScript or PHP that ends well in any case; PHP only warns of an address that does not answer."""

OPERATORS = frozenset({"|", "||", "&&", ";", ">", "<"})
"""Words that only a shell understands: that there is none is told by another rule."""

TESTS = {
    "nginx": frozenset({"-t", "-T", "-tq", "-qt"}), "httpd": frozenset({"-t"}), "apache2ctl": frozenset({"-t", "configtest"}),
    "apachectl": frozenset({"-t", "configtest"}), "haproxy": frozenset({"-c"}), "caddy": frozenset({"validate"}),
    "php-fpm": frozenset({"-t", "-tt"}),
}  # fmt: skip
"""What servers are told by to read their configuration and no more."""

RUNS_CODE = frozenset({"-c", "-e", "-r", "-p"})


@rule(code="COMP017", title="A health check succeeds whatever the service does", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for containers' checks that only print a version or a word, read a configuration, exit with 0, or end in `|| exit 0`.

    A warning where another service waits for that health."""
    for file in case.of(ComposeFile):
        waiters = {one.dependency: one for one in waiting(file) if one.condition == "service_healthy"}
        for service in file.services:
            said = _said(service.healthcheck) if service.healthcheck else None
            if service.healthcheck and said:
                yield _finding(service.healthcheck, said, service.name, waiters.get(service.name))
    for test in case.of(Healthcheck):
        said = _said(test)
        if said:
            yield _finding(test, said, test.span.path, None)


def _said(test: Healthcheck) -> Claim | None:
    """What is to be said of a check that asks nothing of the service."""
    if _never_fails(test):
        return claim(
            "check_never_fails.found",
            "this check succeeds whatever the service does: it is healthy for as long as its container runs",
        )
    if _reads_configuration(test):
        return claim(
            "check_never_fails.configuration",
            "this check only reads the configuration: a service that answers nobody is healthy as long as its container runs",
        )
    return None


def _reads_configuration(test: Healthcheck) -> bool:
    """Whether all it does is to have a server read its configuration."""
    words = test.test[1:] if test.test[:1] == ("CMD",) else ()
    found = [(words[0].rpartition("/")[2], words[1:])] if words else [(one.name, one.words) for one in commands(_script(test))]
    doing = [(name, given) for name, given in found if name not in ("exit", *SUCCEEDING)]
    return len(doing) == 1 and bool(TESTS.get(doing[0][0], frozenset()) & set(doing[0][1]))


def _never_fails(test: Healthcheck) -> bool:
    if test.test[:1] == ("CMD",):
        words = test.test[1:]
        return bool(words) and not OPERATORS & set(words) and _succeeds(words[0].rpartition("/")[2], words[1:])
    script = _script(test)
    found = commands(script)
    leaving = any(one.name == "exit" and one.words != ("0",) for one in found) or any(one.name == "set" for one in found)
    return bool(found) and not leaving and _holds(found, tree(script))


def _script(test: Healthcheck) -> Script:
    """The text that a shell runs."""
    text = test.test[-1] if test.test[:1] != ("NONE",) and test.test else ""
    return Script(span=test.span, name="health check", text=text, interpreter="sh")


def _holds(found: tuple[Written, ...], node: Node) -> bool:
    """Whether this part of a check succeeds in any case."""
    if isinstance(node, Commands):
        return bool(node.commands) and _holds(found, node.commands[-1])
    if isinstance(node, Pipeline):
        return not node.negated and _holds(found, node.commands[-1])
    if isinstance(node, AndOr):
        right = _holds(found, node.right)
        return right and (node.operator == "||" or _holds(found, node.left))
    one = next((one for one in found if one.node is node), None)
    return isinstance(node, Simple) and one is not None and _succeeds(one.name, one.words)


def _succeeds(name: str, words: tuple[str, ...]) -> bool:
    if name in SUCCEEDING or (name == "exit" and words == ("0",)):
        return True
    if len(words) == 1:
        return words[0] in VERSIONS or (words[0] == "-v" and name in SHORT)
    return len(words) == 2 and words[0] in RUNS_CODE and CODE.fullmatch(words[1]) is not None


def _finding(test: Healthcheck, said: Claim, subject: str, waiter: Waiting | None) -> Finding:
    waits = (Evidence(waiter.span, "waits until it is healthy"),) if waiter else ()
    return Finding(
        severity="warning" if waiter else "info",
        confidence=0.95,
        claim=said,
        evidence=(Evidence(test.span, "asks nothing of the service"), *waits),
        would_refute=claim("check_never_fails.refute", "a container that is up and was once called unhealthy"),
        subject=subject,
        fix=claim("check_never_fails.fix", "ask the service for what it is there to do, or leave the check out"),
    )
