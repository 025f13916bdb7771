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


def drawn(timeline: Sequence[Document]) -> range:
    """Which events are drawn: those from the first run of the trigger to the next, for all would lie too close; or else all."""
    runs = [row for row, event in enumerate(timeline) if event["inferred"]]
    return range(runs[0], runs[1] if len(runs) > 1 else len(timeline)) if runs else range(len(timeline))


def sections(timeline: Sequence[Document], schedule: str) -> dict[str, Milestones]:
    """The drawn events of each source, in the order of their first ones, those of the trigger under the name `schedule`.

    Nothing where a drawing would show a single instant.
    """
    found: dict[str, Milestones] = {}
    events = [(row + 1, timeline[row]) for row in drawn(timeline)]
    if len({event["time"] for _, event in events}) > 1:
        for row, event in events:
            name = schedule if event["inferred"] else event["service"] or event["source"]
            found.setdefault(_name(name), {}).setdefault(_stamp(event["time"]), []).append(row)
    return found


def axis(timeline: Sequence[Document]) -> str:
    """How the axis writes times: with the date where there are several."""
    days = {timeline[row]["time"][:10] for row in drawn(timeline)}
    return "%H:%M:%S" if len(days) == 1 else "%m-%d %H:%M"


def _name(source: str) -> str:
    return "".join(sign if sign.isalnum() or sign in HARMLESS else "·" for sign in line(source)[:NAME_SIGNS])


def _stamp(instant: str) -> str:
    """Without a zone: Mermaid reads and writes stamps in the reader's own, and so shows what is written."""
    whole, _, fraction = instant.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:3]:0<3}"
