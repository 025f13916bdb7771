"""Files by whose being there a proxy shuts a site, and captures that show them there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span

CAPTURES = (".txt", ".out", ".md", ".log")
ASKS = ("-f", "-e", "-d")


def flags(case: Case) -> Iterator[tuple[str, Span]]:
    """The files for which `if` of nginx looks, and where it does.

    https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#if
    """
    for file in case.of(NginxFile):
        for one in (each for top in file.directives for each in top.walk()):
            if one.name == "if" and len(one.args) > 1 and one.args[0].lstrip("(") in ASKS:
                yield one.args[1].rstrip(")"), one.span


def shown(case: Case, path: str) -> Iterator[Span]:
    """The lines of listings that end in the file's name."""
    name = path.rpartition("/")[2]
    logs = {source.path for source in case.sources}
    ends = rf"(?:^|[\s/]){re.escape(name)}\s*$"
    for capture in sorted(one for one in case.files - logs if one.endswith(CAPTURES)) if "." in name else ():
        yield from (
            Span(capture, line) for line in case.lines(capture).filter(pl.col("text").str.contains(ends)).collect()["line"]
        )
