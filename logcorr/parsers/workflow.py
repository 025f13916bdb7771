"""Workflows of GitHub Actions and GitLab CI: the shell text of every step.

    - name: Deploy
      run: |
        cd /srv/shop
        docker-compose -f docker-compose.prod.yml up -d

Formats: GitHub's workflow syntax, GitLab's `.gitlab-ci.yml` keyword reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob, Script
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

if TYPE_CHECKING:
    from logcorr.grammar.yaml_tree import Node

_GITHUB_PATH = regex(r"(^|/)\.?(github|gitea|forgejo)/workflows/[^/]+\.ya?ml$")
_GITLAB_PATH = regex(r"(^|/)\.?gitlab-ci[^/]*\.ya?ml$")
_STEP = regex(r"\s*-?\s*(run|uses|script|before_script|after_script):(\s|$)")
_GITLAB_SCRIPTS = ("before_script", "script", "after_script")
_GITLAB_KEYWORDS = frozenset({"default", "include", "stages", "variables", "workflow", "image", "services", "cache"})
_REMOTE_SHELL = regex(r"\bssh-action(@|$)")
_BLOCK = regex(r"([|>])[-+\d]*\s*(?:#.*)?$")


def _recognise(sample: Sample) -> float:
    lines = [line for line in sample.lines if line.strip() and not line.lstrip().startswith("#")]
    if not any(map(_STEP.match, lines)):
        return 0.0
    top = {match[1] for line in lines if (match := re.match(r"['\"]?([\w.-]+)['\"]?:", line))}
    if {"on", "jobs"} <= top:
        return 0.95
    if _GITHUB_PATH.search(sample.path) or _GITLAB_PATH.search(sample.path):
        return 0.9
    return 0.8 if _like_gitlab(lines, top) else 0.0


def _like_gitlab(lines: Sequence[str], top: set[str]) -> bool:
    staged = "stages" in top or any(re.match(r"\s+stage:", line) for line in lines)
    return staged and "services" not in top and any(re.match(r"\s+script:(\s|$)", line) for line in lines)


@configuration_parser(title="CI workflow", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """Every step's text as a script at its own lines; schedules as jobs."""
    from logcorr.grammar.yaml_tree import NotYaml, load  # slow to import, and few runs need it

    text = artifact.text()
    try:
        document = load(text, artifact.path)
    except NotYaml as error:
        yield Problem(artifact.path, str(error), error.line)
        return
    reader = _Steps(artifact, text.split("\n"))
    if document.get("jobs"):
        yield from reader.schedules(document)
        yield from reader.github(document)
    else:
        yield from reader.gitlab(document)


class _Steps:
    """Finds scripts in a document; needs the raw lines to say where a step's text begins."""

    def __init__(self, artifact: Artifact, lines: list[str]) -> None:
        self._artifact = artifact
        self._lines = lines

    def schedules(self, document: Node) -> Iterator[ScheduledJob]:
        """`on: schedule:`, which GitHub runs by UTC."""
        triggers = document.get("on") or document.get("true")  # YAML 1.1 takes a bare `on` for a truth value
        crons = triggers.get("schedule") if triggers else None
        for item in crons.each() if crons else ():
            cron = item.get("cron")
            if cron:
                span = self._artifact.span(cron.line)
                yield ScheduledJob(span=span, schedule=cron.text, scheduler="github", command=self._artifact.path, zone="UTC")

    def github(self, document: Node) -> Iterator[Script]:
        """The `run` of every step, and what an ssh step runs on the host."""
        jobs = document.get("jobs")
        for name, job in jobs.entries if jobs else ():
            directory = _default(job, "working-directory") or _default(document, "working-directory")
            shell = _default(job, "shell") or _default(document, "shell") or "bash"
            for number, step in enumerate(_items(job.get("steps")), 1):
                yield from self._step(step, f"{name}/{_text(step.get('name')) or number}", shell, directory)

    def _step(self, step: Node, name: str, shell: str, directory: str | None) -> Iterator[Script]:
        run, given = step.get("run"), step.get("with")
        remote = given.get("script") if given and _REMOTE_SHELL.search(_text(step.get("uses")) or "") else None
        if run is not None:
            yield self._script([run], name, _text(step.get("shell")) or shell, _text(step.get("working-directory")) or directory)
        elif remote is not None:
            yield self._script([remote], name, "bash", None)

    def gitlab(self, document: Node) -> Iterator[Script]:
        """`before_script`, `script` and `after_script`: a job runs the lines of each in one shell."""
        for name, job in document.entries:
            if job.tag != "map" or (name in _GITLAB_KEYWORDS and name != "default"):
                continue
            for key in _GITLAB_SCRIPTS:
                written = job.get(key)
                items = [line for item in written.each() for line in item.each()] if written else []
                for together in _in_order(items):
                    yield self._script(together, f"{name}/{key}", "sh", None)

    def _script(self, nodes: Sequence[Node], name: str, interpreter: str, directory: str | None) -> Script:
        placed = [self._placed(node) for node in nodes]
        lines = {number: text for found, _ in placed for number, text in found.items()}
        first, last = min(lines), max(lines)
        return Script(
            span=self._artifact.span(first, last),
            name=name,
            text="\n".join(lines.get(number, "") for number in range(first, last + 1)),
            interpreter=interpreter.split()[0].rpartition("/")[2],
            directory=directory,
            column=placed[0][1],
        )

    def _placed(self, node: Node) -> tuple[dict[int, str], int]:
        """A step's text by the lines of the file, and the column at which it begins."""
        opening = self._lines[node.line - 1]
        block = _BLOCK.search(opening)
        body = self._lines[node.line : node.end_line]
        if block and body:
            depth = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
            texts = _folded(body) if block[1] == ">" else body
            return {node.line + 1 + index: line[depth:] for index, line in enumerate(texts)}, depth
        return {node.line: " ".join(node.text.split("\n"))}, max(opening.find(node.text.partition("\n")[0]), 0)


def _folded(lines: list[str]) -> list[str]:
    """A folded block, whose line ends are blanks, with the shell's own sign for that, so that its lines stay its lines."""
    after = [*lines[1:], ""]
    return [f"{line} \\" if line.strip() and following.strip() else line for line, following in zip(lines, after, strict=True)]


def _in_order(nodes: Iterable[Node]) -> Iterator[list[Node]]:
    """The nodes in runs that go down the file; an alias leads elsewhere."""
    run: list[Node] = []
    for node in nodes:
        if run and node.line <= run[-1].end_line:
            yield run
            run = []
        run.append(node)
    if run:
        yield run


def _default(node: Node, key: str) -> str | None:
    """A value of `defaults: run:`."""
    defaults = node.get("defaults")
    run = defaults.get("run") if defaults else None
    return _text(run.get(key)) if run else None


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if node is not None else ()


def _text(node: Node | None) -> str | None:
    return node.text if node is not None and node.is_scalar else None
