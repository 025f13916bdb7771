"""Shell scripts: files that begin with `#!/bin/bash`, are called `*.sh`, or read like shell.

POSIX.1-2024 XCU 2, bash(1). A file yields one `Script`, and a `Problem` for every place that is no shell.
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Script
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_SHEBANG = regex(r"#!\s*\S*?(?:/env(?:\s+-\S+)*\s+(?:\S*/)?|/)?(?P<name>[\w.+-]+)(?:\s|$)")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "bats"})
_SUFFIXES = (".sh", ".bash", ".ksh", ".zsh")
_OTHERS = (".py", ".js", ".mjs", ".cjs", ".ts", ".ps1", ".yaml", ".yml", ".json", ".rb", ".php", ".pl", ".lua")
_TEXTS = (".md", ".markdown", ".txt")
"""Names of other languages and of texts for people, in whose files a shell's lines are a quotation."""

_MARKS = tuple(
    regex(expression)
    for expression in (
        r"\s*(?:if|elif)\s+(?:!\s+)?(?:\[\[?\s|test\s|\w).*;\s*then\s*$",
        r"\s*(?:for\s+\w+\s+in\s.*|(?:while|until)\s.+);\s*do\s*$",
        r"\s*(?:fi|done|esac)\s*$",
        r"\s*set\s+-[euxo]+\b",
        r"\s*(?:export\s+|local\s+|readonly\s+)?[A-Za-z_]\w*=(?:\"?\$[({]|\$\w)",
        r"(?:function\s+)?[\w-]+\s*\(\)\s*\{\s*$",
    )
)


def _recognise(sample: Sample) -> float:
    first = sample.lines[0] if sample.lines else ""
    shebang = _SHEBANG.match(first)
    if shebang and sample.name.endswith(_TEXTS) and sum(line.startswith("#!") for line in sample.lines) > 1:
        return 0.0  # several files in one
    if shebang:
        return 0.95 if shebang["name"] in _SHELLS else 0.0
    if first.strip() == "{" and any("ENC[AES256_GCM" in line for line in sample.lines):
        return 0.0  # encrypted by sops: the script is a text in the JSON
    if sample.name.removesuffix(".txt").endswith(_SUFFIXES):
        return 0.9
    if sample.name.endswith(_OTHERS + _TEXTS):
        return 0.0
    marks = sum(any(mark.match(line) for line in sample.lines) for mark in _MARKS)
    return 0.5 if marks >= 3 else 0.0


def _interpreter(text: str) -> str:
    shebang = _SHEBANG.match(text)
    return shebang["name"] if shebang and shebang["name"] in _SHELLS else "sh"


@configuration_parser(title="shell script", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """One script, whose directory nobody knows, and what in it is no shell."""
    from logcorr.grammar.shell import Broken, parse  # slow to import, and few runs need it

    text = artifact.text()
    span = artifact.span(1, text.count("\n") + 1)
    yield Script(span=span, name=artifact.sample.name, text=text, interpreter=_interpreter(text))
    for node in parse(text).commands:
        if isinstance(node, Broken):
            yield Problem(artifact.path, f"no shell syntax: {node.message}", text.count("\n", 0, max(node.end - 1, 0)) + 1)
