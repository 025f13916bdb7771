"""What people write into a report: kept when the report is written again.

A report asks for what only people know, each question between two comments, alike in Markdown and HTML:

    <!-- human: lessons -->
    _✎ What went well, …_
    <!-- /human: lessons -->

Boxes that were ticked stay ticked. The last line holds the hash of everything else, which tells whether people wrote there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

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

TICK = re.compile(r"^(?P<box>[ \t]*- \[)(?P<sign>[ xX])(?P<item>\].*)$", re.MULTILINE)
"""An item of a check list in Markdown."""

SEAL = re.compile(r"^<!-- logcorr: .*sha256:(?P<hash>[0-9a-f]{64}) -->\s*\Z", re.MULTILINE)
"""The last line of a report."""


def sealed(report: str) -> str:
    """A report with a last line that tells later whether people changed it elsewhere than between marks."""
    kept = "what stands between human marks is kept when this is written again; the rest was"
    return f"{report}<!-- logcorr: {kept} sha256:{_rest(report)} -->\n"


def changed(report: str) -> bool:
    """Whether people wrote elsewhere than between marks, or it is none of our reports; nothing at all is no change."""
    text = report.replace("\r\n", "\n")
    seal = SEAL.search(text)
    return bool(text.strip()) and (not seal or seal["hash"] != _rest(text[: seal.start()]))


def _rest(report: str) -> str:
    """The hash of what no person is asked for: without the blocks, the ticks, and blanks at the ends of lines."""
    plain = TICK.sub(r"\g<box> \g<item>", BLOCK.sub("", report))
    return sha256("\n".join(line.rstrip() for line in plain.strip().split("\n")).encode()).hexdigest()


def blocks(report: str) -> dict[str, str]:
    """What stands between the marks of each name."""
    return {found["name"]: found["text"] for found in BLOCK.finditer(report)}


def keep(old: str, new: str, untouched: Iterable[str]) -> str:
    """The new report with what people wrote into the old one, and ticked in it.

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
    ticked = {found["item"].rstrip() for found in TICK.finditer(old) if found["sign"] != " "}
    new = TICK.sub(lambda found: f"{found['box']}x{found['item']}" if found["item"] in ticked else found[0], new)
    return BLOCK.sub(lambda found: _filled(found, written.get(found["name"], found["text"])), new)


def _filled(block: re.Match[str], text: str) -> str:
    before, after = block.start("text") - block.start(), block.end("text") - block.start()
    return block[0][:before] + text + block[0][after:]
