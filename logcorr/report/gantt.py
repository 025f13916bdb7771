"""The timeline as Mermaid draws it: a section a source, a milestone an instant, named by its rows in the table beside it."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.report.cite import Document
from logcorr.report.escape import line

NAME_SIGNS = 24
"""A section's name is cut to so many signs."""

HARMLESS = " ._-/()"
"""What may stand in a section's name beside letters and digits: Mermaid knows no way to write the others there."""

Milestones = dict[str, list[int]]
"""Rows of the table, from 1, by their time: UTC, written as `YYYY-MM-DDTHH:mm:ss.SSS`."""


def sections(timeline: Sequence[Document]) -> dict[str, Milestones]:
    """The events of each source, in the order of their first ones; nothing where a drawing would show a single instant."""
    found: dict[str, Milestones] = {}
    if len({event["time"] for event in timeline}) > 1:
        for number, event in enumerate(timeline, 1):
            milestones = found.setdefault(_name(event["service"] or event["source"]), {})
            milestones.setdefault(_stamp(event["time"]), []).append(number)
    return found


def axis(timeline: Sequence[Document]) -> str:
    """How the axis writes times: with the date where there are several."""
    return "%H:%M:%S" if len({event["time"][:10] for event in timeline}) == 1 else "%m-%d %H:%M"


def _name(source: str) -> str:
    return "".join(sign if sign.isalnum() or sign in HARMLESS else "·" for sign in line(source)[:NAME_SIGNS])


def _stamp(instant: str) -> str:
    """Without a zone: Mermaid reads and writes stamps in the reader's own, and so shows what is written."""
    whole, _, fraction = instant.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:3]:0<3}"
