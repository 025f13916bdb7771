"""What people write into a report: kept when the report is written again.

A report asks for what only people know, each question between two comments, alike in Markdown and HTML:

    <!-- human: lessons -->
    _✎ What went well, …_
    <!-- /human: lessons -->
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from logcorr.errors import LogcorrError

MARK = "<!-- human: "
"""What every block begins with."""

BLOCK = re.compile(
    r"""
    ^<!--\ human:\ (?P<name>[\w-]+)\ -->[ \t]*\n
    (?P<text>.*?)
    ^<!--\ /human:\ (?P=name)\ -->[ \t]*$
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def blocks(report: str) -> dict[str, str]:
    """What stands between the marks of each name."""
    return {found["name"]: found["text"] for found in BLOCK.finditer(report)}


def keep(old: str, new: str, untouched: Iterable[str]) -> str:
    """The new report with what people wrote into the old one.

    `untouched` are the new report as it is in any language: what stands in one of them was not written by people, and gives
    way. Raises LogcorrError if something written has no place in the new report.
    """
    asked = {name: {blocks(report).get(name) for report in untouched} for name in blocks(new)}
    written = {name: text for name, text in blocks(old.replace("\r\n", "\n")).items() if text not in asked.get(name, ())}
    lost = [name for name in written if name not in asked]
    if lost:
        raise LogcorrError(
            f"what people wrote under {', '.join(lost)} has no place in the new report",
            "write to another file, or use the template that the report was made with",
        )
    return BLOCK.sub(lambda found: _filled(found, written.get(found["name"], found["text"])), new)


def _filled(block: re.Match[str], text: str) -> str:
    before, after = block.start("text") - block.start(), block.end("text") - block.start()
    return block[0][:before] + text + block[0][after:]
