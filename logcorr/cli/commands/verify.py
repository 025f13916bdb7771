"""`logcorr verify`: does what a report cites still stand where it says?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from logcorr.cli import options

if TYPE_CHECKING:
    from logcorr.report.verify import Citation, Files


@click.command()
@click.argument("report", type=options.PLACE, callback=options.existing_file)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=options.PLACE,
    metavar="DIR",
    default=(".",),
    callback=options.existing,
    help=options.ROOT_HELP,
)
def verify(report: str, roots: tuple[str, ...]) -> int:
    """Read every line again that a report cites, and compare.

    REPORT is what `analyze -o` wrote: JSON, Markdown (people may have edited it), or HTML. The first citation that does not hold
    is named, and the exit code is 1.
    """
    from logcorr.report import verify

    cited = verify.read(_text(report))
    files = _files(cited, roots)
    held = [citation for citation in cited if verify.is_one(citation, files)]
    for citation in held:
        if wrong := verify.fault(citation, files):
            _say(citation, wrong)
            return 1
    places = {(citation.path, citation.line, citation.end_line) for citation in held}
    click.echo(f"{len(places)} citations in {len({path for path, _, _ in places})} files: all hold")
    return 0


def _text(report: str) -> str:
    from pathlib import Path

    from logcorr.errors import LogcorrError

    try:
        return Path(report).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise LogcorrError(f"cannot read {report}: {reason}", "name a report that logcorr wrote: .json, .md or .html") from error


def _files(cited: Sequence[Citation], roots: Sequence[str]) -> Files:
    """What there is of the cited files, and of their cited lines; nothing else is opened."""
    from collections import Counter
    from pathlib import Path

    from logcorr.collect import collect, quotes
    from logcorr.report.redaction.tags import TAG, agrees
    from logcorr.report.verify import Files, same

    names = {same(citation.path) for citation in cited}
    parts = [name.split("!") for name in names]
    wanted = {"!".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}
    masked = [name for name in wanted if TAG.search(name)]
    found = collect(
        [Path(root) for root in roots],
        {},
        passed_over=lambda path: None if same(path) in wanted or any(agrees(name, same(path)) for name in masked) else "",
    )
    lines = Counter[str]()
    for artifact in found.artifacts:  # of several writers in one file each has its own
        lines[artifact.path] += artifact.line_count
    files = Files(lines=lines, refused=found.skipped, quotes={})
    spans = {span for citation in cited if (span := files.span(citation))}
    return Files(lines=lines, refused=found.skipped, quotes=quotes(found.artifacts, spans))


def _say(citation: Citation, wrong: str) -> None:
    from logcorr.report import write
    from logcorr.report.escape import line

    place = write.place({"path": citation.path, "line": citation.line, "end_line": citation.end_line})
    click.echo(f"{line(place)}: {line(wrong)}")
