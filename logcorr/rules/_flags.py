"""Files by whose being there a proxy shuts a site, and captures that show them there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span

CAPTURES = (".txt", ".out", ".md", ".log")
ASKS = ("-f", "-e", "-d")
LISTED = regex(r"\s*[dl-][rwxsStT-]{9}")


def flags(case: Case) -> Iterator[tuple[str, Span]]:
    """The files for which `if` of nginx looks, and where it does.

    https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#if
    """
    for file in case.of(NginxFile):
        for one in (each for top in file.directives for each in top.walk()):
            if one.name == "if" and len(one.args) > 1 and one.args[0].lstrip("(") in ASKS:
                yield one.args[1].rstrip(")"), one.span


def shown(case: Case, path: str) -> Iterator[Span]:
    """The lines of `ls -l` and `stat` that show the file: by its path, or by its name below a line that names its folder.

    Of a folder that nginx puts in when it is asked (`$document_root`), only the name is known.
    """
    folder, _, name = path.rpartition("/")
    there = re.compile(rf"(?<![\w./-]){re.escape(folder)}/?(?![\w./-])")
    row = re.compile(rf"\s*(?:-[rwxsStT-]{{9}}\S*\s(?:.*\s)?|File: ['\"‘]?)(?P<folder>\S*/)?{re.escape(name)}['\"’]?\s*")
    logs = {source.path for source in case.sources}
    for capture in sorted(one for one in case.files - logs if one.endswith(CAPTURES)) if "." in name else ():
        listed = ""
        told = pl.col("text").str.contains("/", literal=True) | pl.col("text").str.contains(name, literal=True)
        for line, text in case.lines(capture).filter(told).select("line", "text").collect().iter_rows():
            found = row.fullmatch(text)
            if found and ("$" in folder or there.search(found["folder"] or listed)):
                yield Span(capture, line)
            listed = listed if LISTED.match(text) else text
