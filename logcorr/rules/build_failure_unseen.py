"""A build fails where `set -e` does not look, and the script starts the service all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._errexit import ends_script
from logcorr.rules._idioms import leaves
from logcorr.rules._migrations import migrates
from logcorr.rules._steps import acts, is_risky
from logcorr.semantics.written import (
    AndOr,
    Background,
    Commands,
    Function,
    Node,
    Simple,
    Written,
    commands,
    compound,
    function_of,
    in_program,
    placed,
    switched_on,
)

STARTING = ("start", "up", "restart", "reload", "startOrRestart", "startOrReload")

OF_THE_HOST = frozenset({"apt-get", "certbot"})
"""What brings nothing that the service is made of."""


@rule(code="SH027", title="set -e does not see a build fail", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for builds before `&&`, and in the background before a bare `wait`, with the start of a service behind them."""
    for script in case.of(Script):
        yield from _chained(script)
        yield from _in_background(script)


def _chained(script: Script) -> Iterator[Finding]:
    for chain, around in placed(script, AndOr):
        links = _links(chain) if around and isinstance(around[-1], Commands) else []
        step = next((one for link in links[:-1] for one in _risky(script, link)), None)
        if step and switched_on(script, chain, function_of(around), "e") and ends_script(script, chain, around):
            started = _start(script, _behind(around[-1], chain))
            if started:
                yield _finding(_of_chain(step, started), (Evidence(step.span, "stands before &&"),), started)


def _links(chain: Node) -> list[Node]:
    """What `&&` joins, in turn; nothing where a `||` answers."""
    if not isinstance(chain, AndOr):
        return [chain]
    before = _links(chain.left) if chain.operator == "&&" else []
    return [*before, chain.right] if before else []


def _in_background(script: Script) -> Iterator[Finding]:
    jobs = [(node, function_of(around)) for node, around in placed(script, Background)]
    waits = [one for one in commands(script) if one.name == "wait"] if jobs else []
    for before, wait in zip((None, *waits), waits, strict=False):
        since = before.node.end if before else 0
        awaited = [node for node, function in jobs if since <= node.start < wait.node.start and function == wait.function]
        step = next((one for node in awaited for one in _unanswered(script, node)), None)
        if step and not wait.words and in_program(wait, "e") and ends_script(script, wait.node, wait.around):
            started = _start(script, _behind(wait.around[-1], wait.node))
            if started:
                how = Evidence(wait.span, "succeeds whatever they did"), Evidence(step.span, "runs in the background")
                yield _finding(_of_wait(step, started), how, started)


def _unanswered(script: Script, job: Node) -> Iterator[Written]:
    """The builds of a job, where nothing in it answers a failure."""
    chained = (node for node, _ in placed(script, AndOr) if job.start <= node.start < job.end)
    if not any(node.operator == "||" for node in chained):
        yield from _risky(script, job)


def _risky(script: Script, node: Node) -> Iterator[Written]:
    steps = (one for one in compound(script, node) if one.pipeline is None and one.name not in OF_THE_HOST)
    return (one for one in steps if is_risky(one) or migrates(one))


def _behind(outer: Node, node: Node) -> Sequence[Node]:
    """What runs after it, in the same list."""
    listed = outer.commands if isinstance(outer, Commands) else ()
    return listed[listed.index(node) + 1 :] if node in listed else ()


def _start(script: Script, behind: Sequence[Node]) -> Written | None:
    """The first start of a service, if the script does not leave before it."""
    for node in behind:
        for command in () if isinstance(node, Function) else compound(script, node):
            if leaves(command) or (isinstance(node, Simple) and command.name in ("[", "test")):
                return None
            if acts(command, *STARTING):
                return command
    return None


def _of_chain(step: Written, started: Written) -> Claim:
    return claim(
        "build_failure_unseen.chained",
        "set -e does not look at what stands before &&: where `{step}` fails, the script goes on "
        "and starts the service in line {line}",
        step=re.sub(r"\s+", " ", step.text),
        line=started.span.line,
    )


def _of_wait(step: Written, started: Written) -> Claim:
    return claim(
        "build_failure_unseen.background",
        "this wait succeeds whatever became of `{step}`: the script goes on and starts the service in line {line}",
        step=re.sub(r"\s+", " ", step.text),
        line=started.span.line,
    )


def _finding(said: Claim, how: tuple[Evidence, ...], started: Written) -> Finding:
    return Finding(
        confidence=0.93,
        claim=said,
        evidence=(*how, Evidence(started.span, "starts it")),
        would_refute=claim("build_failure_unseen.refute", "a run in which it fails and the service is not started"),
        subject=started.script.span.path,
        measured={"start_line": started.span.line},
        fix=claim("build_failure_unseen.fix", 'one command a line; wait for each job by its number: wait "$first"'),
    )
