"""What was brought by an entry of a record: a version that a service says it is, a package that the lines of a cause call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.causes.touched import Tie, Touched, said, texts_at
from logcorr.causes.versions import CHANGES, VERSION
from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.timeline.notes import Entry
from logcorr.timeline.select import cite

PACKAGE = regex(
    r"(?<![\w/.-])(?P<name>[a-z][a-z0-9.+-]+):(?:amd64|arm64|armhf|i386|all)\b"
    r"|(?<![\w/.-])(?P<rpm>[a-z][a-z0-9+-]+?)-(?:\d+:)?\d[\w.~+-]*\.(?:x86_64|aarch64|noarch)\b"
)
"""Packages as apt, dpkg, yum and dnf log them."""

RUNS = {
    (".js", ".mjs", ".cjs", ".ts"): ("nodejs", "node"), (".py",): ("python3", "python"), (".php",): ("php", "php-fpm"),
    (".rb",): ("ruby",), (".pl",): ("perl",), (".jar", ".java"): ("openjdk", "java"),
}  # fmt: skip
"""By the endings of its programs, the packages that run them."""


def released(case: Case, before: Sequence[Entry], touched: Touched) -> Iterator[Tie]:
    """The entries of a list of releases that name a version, and where a service says that it is the one."""
    versions = {version for one in before for version in VERSION.findall(one.texts[0])}
    at = pl.col("time").dt.epoch("us") / 1e6
    theirs = pl.col("service").is_in(sorted(touched.services)).fill_null(False) & at.is_between(touched.released, touched.until)
    near = case.timeline.filter(theirs & pl.col("message").str.contains_any(sorted(versions) or ["\0"])).collect()
    for version in sorted(versions):
        says = pl.col("message").str.contains(rf"(?:^|[^\d.]){re.escape(version)}(?:$|[^\d.])")
        rows = near.filter(says).head(1)
        for evidence, service in zip(cite(rows, "says which version it is", shows=CHANGES), rows["service"], strict=True):
            yield from (Tie(Evidence(one.place, "its release", CHANGES), service) for one in before if version in one.texts[0])
            yield Tie(evidence, service)


def packages(case: Case, before: Sequence[Entry], touched: Touched) -> Iterator[Tie]:
    """The entries that name a package which one of the lines calls, or which runs the program that they stand in."""
    texts = "\n".join(text for span in touched.lines for text in texts_at(case, span))
    running = {name for span in touched.lines for endings, names in RUNS.items() if span.path.endswith(endings) for name in names}
    for one in before:
        named = {found["name"] or found["rpm"] for found in PACKAGE.finditer("\n".join(one.texts))}
        called = sorted(named & running) or said(texts, frozenset(named))
        if called:
            yield Tie(Evidence(one.place, "another version of it", CHANGES), called[0])
