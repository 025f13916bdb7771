"""An image holds a cron table and nothing that reads it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Image, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._images import start_script, tables_in

STARTS = regex(r"\b(?:crond?|supercronic|anacron|yacron|busybox|dcron|runsvdir|my_init|s6-\w+|init|systemd|supervisord)\b")
PASSES_ON = regex(r"\$(?:@|\*|\{@|1\b)")
BASES = regex(r"baseimage|s6|supervisor|cron|systemd|linuxserver")
"""Images that start more than one program by themselves."""


@rule(code="CRON021", title="An image holds a cron table that nothing reads", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for images with a table in /etc/cron.d or its like whose containers start something else than cron."""
    composed = [service for file in case.of(ComposeFile) for service in file.services]
    overridden = " ".join(word for service in composed for word in (*service.entrypoint, *service.command))
    for image in case.of(Image):
        tables = list(tables_in(image))
        if (
            tables
            and not BASES.search(image.base)
            and _known(case, image)
            and not STARTS.search(f"{_runs(case, image)} {overridden}")
        ):
            yield _finding(image, *tables[0])


def _known(case: Configuration, image: Image) -> bool:
    """Whether all that its containers start can be read, and is no script that runs whatever it is given."""
    words, script = image.entrypoint or image.command, start_script(case, image)
    if script:
        return not PASSES_ON.search(script.text)
    return bool(words) and ".sh" not in " ".join(words) and not words[0].startswith("$")


def _runs(case: Configuration, image: Image) -> str:
    """What its containers run, and the script that begins it with all others that this may call."""
    words = " ".join((*image.entrypoint, *image.command))
    first = start_script(case, image)
    called = [one.text for one in case.of(Script) if first and one.span.path.rpartition("/")[2] in first.text]
    return "\n".join((words, first.text if first else "", *called))


def _finding(image: Image, at: Span, sources: tuple[str, ...], target: str) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "table_without_daemon.found",
            "no job of {table} ever runs: the image's containers start {program}, and nothing starts cron",
            table=" ".join(sources),
            program=(image.entrypoint or image.command)[0],
        ),
        evidence=(Evidence(at, f"copied to {target}"),),
        would_refute=claim("table_without_daemon.refute", "ps in a container, which shows cron"),
        subject=image.span.path,
        fix=claim("table_without_daemon.fix", "run the jobs in a container of their own, whose command is cron -f"),
    )
