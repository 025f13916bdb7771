"""Patches for findings: which files can be changed, and the case as it would be with other texts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from hashlib import sha256

from msgspec import Struct, field
from msgspec.structs import replace

from logcorr import fixes
from logcorr.fixes.text import Text
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.facts import Fact
from logcorr.model.result import Finding, Judgement, Patch
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import ConfigurationParser, Parser
from logcorr.rules import Rule
from logcorr.semantics.probing import World

LARGEST = 1 << 20
"""Bytes of a file that a person wrote, at most."""

ENCODINGS = ("utf-8", "utf-8-sig")

Facts = tuple[Fact, ...]


class Repair(Struct, frozen=True, dict=True):
    """What is needed to propose patches for a case; `interpret` makes the case that other facts would give.

    `rules` are those that did not crash on it.
    """

    case: Case
    world: World
    artifacts: Sequence[Artifact]
    parsers: Mapping[str, Parser]
    rules: Sequence[Rule]
    interpret: Callable[[Facts], Case]
    _texts: dict[str, Text | None] = field(default_factory=dict)

    def patches(self, findings: Sequence[Finding]) -> tuple[tuple[Patch, ...], tuple[Problem, ...]]:
        """A proved patch for each finding that has one, the gravest first; they can be applied together. And fixes that crash."""
        folder = fixes.Folder(self.case, self.world, self.text)
        return fixes.suggest(findings, folder, fixes.Proof(self._read, self._find, self._defects))

    def together(self, patches: Sequence[Patch]) -> dict[str, str]:
        """The text of each file that patches change, all applied."""
        return fixes.together(patches, self.text)

    def text(self, path: str) -> Text | None:
        """The text of a configuration file as it was analysed, if it is whole, plain and small; None for any other."""
        if path not in self._texts:
            artifact = self._files.get(path)
            self._texts[path] = _text(artifact) if artifact else None
        return self._texts[path]

    @cached_property
    def _files(self) -> dict[str, Artifact]:
        """The configuration files that hold one writer's text, by path."""
        paths = [artifact.path for artifact in self.artifacts]
        return {
            artifact.path: artifact
            for artifact in self.artifacts
            if paths.count(artifact.path) == 1 and isinstance(self.parsers.get(artifact.format or ""), ConfigurationParser)
        }

    def _read(self, changed: Mapping[str, str]) -> Case:
        """The case with some files' texts replaced."""
        facts = self.case.facts
        for path, text in changed.items():
            facts = tuple(self._replaced(facts, self._files[path], text))
        return self.interpret(facts) if changed else self.case

    def _replaced(self, facts: Facts, artifact: Artifact, text: str) -> Iterator[Fact]:
        """The facts with those of one file as another text of it says them, in their place."""
        parser = self.parsers[artifact.format or ""]
        assert isinstance(parser, ConfigurationParser)  # `_files` holds no others
        new = [fact for fact in parser.read(_with(artifact, text)) if isinstance(fact, Fact)]
        first = next((at for at, fact in enumerate(facts) if fact.span.path == artifact.path), len(facts))
        yield from facts[:first]
        yield from new
        yield from (fact for fact in facts[first:] if fact.span.path != artifact.path)

    def _find(self, name: str, case: Case) -> list[Finding]:
        return [finding for rule in self.rules if rule.name == name for finding in rule.run(case)]

    def _defects(self, case: Case) -> list[Finding]:
        """What is wrong in the files alone: no log is read for it."""
        return [finding for rule in self.rules if rule.static and rule.role == "defect" for finding in rule.run(case)]


def mended(judgement: Judgement, findings: Sequence[Finding], repair: Repair) -> tuple[Judgement, tuple[Problem, ...]]:
    """The judgement, its actions with the patches that do what they say; and which fixes crash."""
    asked = {action.finding for action in judgement.actions}
    patches, problems = repair.patches([finding for finding in findings if finding.id in asked])
    patch_of = {patch.finding: patch for patch in patches}
    actions = tuple(replace(action, patch=patch_of.get(action.finding)) for action in judgement.actions)
    diffs = tuple((path, text.diff(after)) for path, after in repair.together(patches).items() if (text := repair.text(path)))
    return replace(judgement, actions=actions, diffs=diffs), problems


def _text(artifact: Artifact) -> Text | None:
    if artifact.envelopes or artifact.size > LARGEST or artifact.encoding not in ENCODINGS:
        return None
    raw = b"".join(artifact.read())
    if sha256(raw).hexdigest() != artifact.sha256:  # changed since it was analysed
        return None
    try:
        text = Text(artifact.path, raw.decode(artifact.encoding))
    except UnicodeDecodeError:
        return None
    return text if text.plain.removesuffix("\n") == artifact.text().removesuffix("\n") else None


def _with(artifact: Artifact, text: str) -> Artifact:
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    sample = Sample(artifact.path, tuple(lines[:100]))
    return replace(artifact, scan=partial(_frame, lines), whole=partial("\n".join, lines), line_count=len(lines), sample=sample)


def _frame(lines: Sequence[str]) -> pl.LazyFrame:
    return pl.LazyFrame({"line": range(1, len(lines) + 1), "text": lines}, schema={"line": pl.UInt32, "text": pl.String})
