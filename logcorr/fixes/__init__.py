"""Suggested patches, each re-proved by the interpreter.

One module is one kind of change. A fix takes a finding of the rules it names and proposes changes, the best first. A change is
offered if the case, read and interpreted again with the file as it would be, no longer gives the finding, gives no new one, and
reaches no effect further than before, nor loses one: what a check is there to do it must still do.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from logcorr.fixes.text import Text, overlap
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case
from logcorr.model.claim import Claim
from logcorr.model.result import SEVERITIES, Edit, Finding, Patch
from logcorr.model.source import Problem
from logcorr.semantics.probing import World

BADNESS = (Reach.NEVER, Reach.CONDITIONAL, Reach.MAY, Reach.MUST)
"""How bad it is that an effect is reached so far, rising."""


class Change(Struct, frozen=True, kw_only=True):
    """What a fix proposes.

    `ends` tells whether the finding's matter is mended, where its rule cannot: it reads old logs. `leaves` names rules that say
    afterwards what the finding said as well.
    """

    path: str
    edits: tuple[Edit, ...]
    claim: Claim
    safe: bool = False
    ends: Callable[[Case], bool] | None = None
    leaves: tuple[str, ...] = ()


class Folder(Struct, frozen=True):
    """What fixes see: the case, what answers on its host, and the text of each file that can be changed (None for any other)."""

    case: Case
    world: World
    text: Callable[[str], Text | None]


class Fix(Struct, frozen=True):
    """A function that proposes changes for findings of some rules."""

    rules: tuple[str, ...]
    propose: Callable[[Finding, Folder], Iterator[Change]]


def fix(*rules: str) -> Callable[[Callable[[Finding, Folder], Iterator[Change]]], Fix]:
    """Make a function a fix for the findings of these rules."""
    return lambda propose: Fix(rules, propose)


class Proof(Struct, frozen=True, dict=True):
    """How a change is proved: `read` gives the case with some files' texts (as on disk) replaced, `find` what one rule, and
    `defects` what all rules that read configuration alone say of a case."""

    read: Callable[[Mapping[str, str]], Case]
    find: Callable[[str, Case], Sequence[Finding]]
    defects: Callable[[Case], Sequence[Finding]]

    @cached_property
    def known(self) -> Mapping[object, int]:
        """What is told of the case as it is."""
        return _told(self.defects(self.read({})))


def suggest(findings: Sequence[Finding], folder: Folder, proof: Proof) -> tuple[tuple[Patch, ...], tuple[Problem, ...]]:
    """At most one patch a finding, the gravest first; together they are as good as each of them alone. And what went wrong.

    What a patch ends by the way, or where it stands in the way of another, is left for the next time.
    """
    taken: list[Patch] = []
    problems: list[Problem] = []
    fixes = tuple(_fixes()) if findings else ()
    for finding in sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity), reverse=True):
        for each in (one for one in fixes if finding.rule in one.rules):
            made = _tried(each, finding, folder, proof, taken)
            if isinstance(made, Patch):
                taken.append(made)
                break
            problems += [made] if made else []
    return tuple(taken), tuple(problems)


def _tried(each: Fix, finding: Finding, folder: Folder, proof: Proof, taken: Sequence[Patch]) -> Patch | Problem | None:
    """The first of the changes that one fix proposes that is proved and goes with those taken; a problem if it crashes."""
    try:
        patches = (_proved(change, finding, folder, proof) for change in each.propose(finding, folder))
        return next((patch for patch in patches if patch and _joins(patch, taken, folder, proof)), None)
    except Exception as error:  # the same boundary as that of rules: what breaks in one fix must not end the analysis
        place = finding.evidence[0].span
        told = f"the fix {each.propose.__module__.rpartition('.')[2]} for {finding.code} crashes: {type(error).__name__}: {error}"
        return Problem(place.path, told, place.line)


def together(patches: Sequence[Patch], text: Callable[[str], Text | None]) -> dict[str, str]:
    """The text on disk of each file that patches change, all of them applied. Their edits must not overlap."""
    changed = {}
    for path in dict.fromkeys(patch.path for patch in patches):
        before = text(path)
        if before:
            changed[path] = before.edited(edit for patch in patches if patch.path == path for edit in patch.edits)
    return changed


def _fixes() -> Iterator[Fix]:
    """The fixes that the modules of this package hold, by the names of the modules."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        yield from (member for member in members if isinstance(member, Fix))


def _proved(change: Change, finding: Finding, folder: Folder, proof: Proof) -> Patch | None:
    before = folder.text(change.path)
    if before is None or not change.edits or overlap(change.edits):
        return None
    after = before.edited(change.edits)
    case = proof.read({change.path: after})
    if not _ended(change, finding, folder, case, proof) or _worse(_told(proof.defects(case), change.leaves), proof.known):
        return None
    reached = _reached(finding, folder.case, case)
    if reached is None:
        return None
    return Patch(
        finding=finding.id,
        change=change.claim,
        path=change.path,
        edits=change.edits,
        diff=before.diff(after),
        safe=change.safe,
        leaves=change.leaves,
        reach_before=reached[0],
        reach_after=reached[1],
    )


def _ended(change: Change, finding: Finding, folder: Folder, case: Case, proof: Proof) -> bool:
    """Whether the rule says this less often than before, and nothing else more often; or the fix knows that it is mended."""
    if change.ends:
        return change.ends(case)
    was, now = (_said(proof.find(finding.rule, one)) for one in (folder.case, case))
    return now[finding.claim.text] < was[finding.claim.text] and not _worse(now, was)


def _joins(patch: Patch, taken: Sequence[Patch], folder: Folder, proof: Proof) -> bool:
    """Whether a patch goes with those taken before: they touch different places, and give no new finding together."""
    beside = [one for one in taken if one.path == patch.path]
    if not beside:
        return True
    if overlap([edit for one in (*beside, patch) for edit in one.edits]):
        return False
    case = proof.read(together([*taken, patch], folder.text))
    leaves = {rule for one in (*taken, patch) for rule in one.leaves}
    return not _worse(_told(proof.defects(case), leaves), proof.known)


def _told(findings: Sequence[Finding], but: Collection[str] = ()) -> Counter[object]:
    """How often each rule, `but` some, says each sort of thing of each file; a number in it may change with a patch."""
    return Counter((one.rule, one.claim.id, one.evidence[0].span.path) for one in findings if one.rule not in but)


def _said(findings: Sequence[Finding]) -> Counter[object]:
    """How often each sentence is said."""
    return Counter(finding.claim.text for finding in findings)


def _worse(after: Mapping[object, int], before: Mapping[object, int]) -> bool:
    return any(count > before.get(key, 0) for key, count in after.items())


def _reached(finding: Finding, before: Case, after: Case) -> tuple[str | None, str | None] | None:
    """How far the effects are reached that a finding speaks of; None if that gets worse, or if one is lost."""
    spans = {evidence.span for evidence in finding.evidence}
    path = finding.evidence[0].span.path
    was, now = _effects(before, path), _effects(after, path)
    if not was and not now:
        return None, None
    if len(was) != len(now):
        return None
    pairs = list(zip(was, now, strict=True))
    if any(_rank(new[1]) > _rank(old[1]) or (new[1] is Reach.NEVER) > (old[1] is Reach.NEVER) for old, new in pairs):
        return None
    spoken = [pair for pair in pairs if spans & pair[0][2]] or pairs
    worst = max(spoken, key=lambda pair: _rank(pair[0][1]))
    return worst[0][1].value, worst[1][1].value


def _effects(case: Case, path: str) -> list[tuple[int, Reach, set[object]]]:
    """What ends processes in a file: its line, the worst reach of it, and the places it depends on."""
    found: dict[int, tuple[int, Reach, set[object]]] = {}
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            if proved.effect.span.path == path and proved.effect.ends_processes:
                line = proved.effect.span.line
                asked = {place for one in proved.probes for place in (one.probe.span, one.probe.url_span)}
                old = found.get(line, (line, proved.proof.reach, set[object]()))
                reach = max(old[1], proved.proof.reach, key=_rank)
                found[line] = line, reach, old[2] | asked | {proved.effect.span}
    return [found[line] for line in sorted(found)]


def _rank(reach: Reach) -> int:
    return BADNESS.index(reach)
