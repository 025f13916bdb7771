"""Artifacts without their envelopes, one for each writer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.collect import envelopes, markdown, transcript
from logcorr.collect.lines import cleaned, without_escapes
from logcorr.collect.syslog import INTERPRETERS
from logcorr.lazily import pl
from logcorr.model.source import Artifact, Sample

DEEPEST = 3
"""Envelopes within envelopes."""

SAMPLE_LINES = 100

AMONG_OTHERS = 0.2
"""So many lines are requests where a server logs them beside what its application says."""


def peeled(artifact: Artifact, *, errors: bool) -> list[Artifact]:
    """The artifact without what is wrapped around its lines; several, where several writers take turns.

    `errors`: some of its lines may be a proxy's errors, if not one of the first; what was wrapped is looked through in any case.
    """
    for _ in range(DEEPEST):
        envelope = markdown.around(artifact.sample) if not artifact.envelopes else None
        session = transcript.TRANSCRIPT.name in artifact.envelopes
        envelope = envelope or (None if session else transcript.around(artifact.sample))
        envelope = envelope or envelopes.around(artifact.sample.lines)
        if envelope is None and errors and _tells_errors_later(artifact):
            envelope = envelopes.NGINX_STREAMS
        if envelope is None and _tells_of_itself(artifact, errors=errors):
            envelope = envelopes.APPLICATION_STREAMS
        if envelope is None:
            break
        inner = [envelope.inner(line) or "" for line in artifact.sample.lines]
        plain = [cleaned(line) for line in inner]
        coloured = plain != inner
        frame = envelope.peel(artifact.lines)
        artifact = replace(
            artifact,
            sample=Sample(artifact.path, tuple(plain), "logged_at" in frame.collect_schema()),
            scan=(without_escapes(frame) if coloured else frame).lazy,
            whole=None,
            envelopes=(*artifact.envelopes, envelope.name, *(("ansi",) if coloured else ())),
        )
        errors = True
        if "writer" in frame.collect_schema():
            return [part for writer in _writers(artifact) for part in peeled(writer, errors=True)]
    return [artifact]


def _tells_errors_later(artifact: Artifact) -> bool:
    """Whether an access log holds errors too, as a container's does in which the proxy was well at first."""
    if envelopes.NGINX_STREAMS.name in artifact.envelopes or not envelopes.are_requests(artifact.sample.lines):
        return False
    return artifact.lines.filter(pl.col("text").str.contains(envelopes.ERROR)).head(1).collect().height > 0


def _tells_of_itself(artifact: Artifact, *, errors: bool) -> bool:
    """Whether an application's own lines stand among those of its server, requests or what it says of itself.

    Each bears a stamp, or wears one. `errors`: all lines are looked through for such, and not only the first.
    """
    lines = artifact.sample.lines
    if envelopes.APPLICATION_STREAMS.name in artifact.envelopes:
        return False
    requests = envelopes.are_requests(lines, envelopes.REQUESTS, AMONG_OTHERS)
    served = requests or any(re.match(envelopes.SERVER, line) for line in lines)
    own = envelopes.OWN if artifact.sample.stamped else envelopes.OWN_STAMPED
    if not served or any(re.match(own, line) and not re.match(envelopes.SERVER, line) for line in lines):
        return served
    return requests and errors and artifact.lines.filter(pl.col("text").str.contains(own)).head(1).collect().height > 0


def _writers(artifact: Artifact) -> Iterator[Artifact]:
    """An artifact for each writer, in the order of their names.

    nginx's two streams, interpreters, what was pasted into Markdown and what commands showed bear no service's name.
    """
    streams = (envelopes.NGINX_STREAMS.name, envelopes.APPLICATION_STREAMS.name)
    named = artifact.envelopes[-1] not in (*streams, markdown.MARKDOWN.name, transcript.TRANSCRIPT.name)
    counts = artifact.lines.group_by("writer").len().sort("writer").collect()
    for writer, count in counts.iter_rows():
        own = artifact.lines.filter(pl.col("writer").eq_missing(pl.lit(writer, pl.String))).drop("writer")
        whole = writer is None and artifact.envelopes[-1] == envelopes.SYSLOG  # with its stamps in its lines, as they were
        own = own.drop("logged_at", strict=False) if whole else own
        first = own.head(SAMPLE_LINES).select("text").collect()["text"]
        yield replace(
            artifact,
            sample=Sample(artifact.path, tuple(first), artifact.sample.stamped and not whole),
            scan=own.lazy,
            line_count=count,
            service=writer if named and writer not in INTERPRETERS else artifact.service,
        )
