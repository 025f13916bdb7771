"""What people write into a report: kept when the report is written again.

A report asks for what only people know, each question between two comments, alike in Markdown and HTML:

    <!-- human: lessons -->
    _✎ What went well, …_
    <!-- /human: lessons -->

Boxes that were ticked stay ticked. The last line holds hashes of the report's own lines, which tell them from those that people
wrote elsewhere: in Markdown these are kept too, each after the line of the report that it stood after.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from hashlib import sha256
from itertools import groupby

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

SEAL = re.compile(r"^<!-- logcorr: .*lines:(?P<lines>[\w+/=]*) -->\s*\Z", re.MULTILINE)
"""The last line of a report."""

DIGEST = 4
"""Bytes of a line's hash in the seal: among a thousand lines of people one in four thousand reports would lose one."""


def sealed(report: str) -> str:
    """A report with a last line that tells its own lines later from those that people wrote."""
    own = b64encode(b"".join(dict.fromkeys(map(_digest, _bare(report).split("\n"))))).decode()
    return f"{report}<!-- logcorr: what people write here is kept when this is written again; the report's own lines:{own} -->\n"


def ours(report: str) -> bool:
    """Whether it is a report of ours, edited or not, or nothing at all."""
    return not report.strip() or bool(SEAL.search(report.replace("\r\n", "\n")))


def added(report: str) -> list[str]:
    """The lines that people wrote elsewhere than between marks; a line of the report that was changed counts."""
    lines, own = _unsealed(report)
    return [line for line in lines if line.strip() and _digest(line) not in own]


def _unsealed(report: str) -> tuple[list[str], set[bytes]]:
    """A report's lines, its marks with nothing between them, and the digests of its own; nothing if it has no seal."""
    text = report.replace("\r\n", "\n")
    seal = SEAL.search(text)
    if not seal:
        return [], set()
    own = b64decode(seal["lines"])
    return _bare(text[: seal.start()]).split("\n"), {own[at : at + DIGEST] for at in range(0, len(own), DIGEST)}


def _bare(report: str) -> str:
    """A report with nothing between its marks."""
    return BLOCK.sub(lambda found: _filled(found, ""), report)


def _digest(line: str) -> bytes:
    """What tells a line from others, whether its box is ticked or not."""
    return sha256(TICK.sub(r"\g<box> \g<item>", line).rstrip().encode()).digest()[:DIGEST]


def blocks(report: str) -> dict[str, str]:
    """What stands between the marks of each name."""
    return {found["name"]: found["text"] for found in BLOCK.finditer(report)}


def keep(old: str, new: str, untouched: Iterable[str]) -> str:
    """The new report with what people wrote into the old one, and ticked in it.

    `untouched` are the new report as it is in any language: what stands in one of them was not written by people, and gives
    way. Raises LogcorrError if something written between marks has no place in the new report.
    """
    empty = blocks(new)
    asked = {name: {blocks(report).get(name) for report in untouched} for name in empty}
    written = {name: text for name, text in blocks(old.replace("\r\n", "\n")).items() if text not in asked.get(name, ())}
    lost = [name for name in written if name not in asked]
    if lost:
        raise LogcorrError(
            f"what people wrote under {', '.join(lost)} has no place in the new report",
            "write to another file, or use the template that the report was made with",
        )
    ticked = {found["item"].rstrip() for found in TICK.finditer(old) if found["sign"] != " "}
    new = TICK.sub(lambda found: f"{found['box']}x{found['item']}" if found["item"] in ticked else found[0], new)
    grown = "\n".join(_with_added(*_unsealed(old), _bare(new).split("\n")))
    return BLOCK.sub(lambda found: _filled(found, written.get(found["name"], empty[found["name"]])), grown)


def _with_added(old: Sequence[str], own: set[bytes], new: Sequence[str]) -> Iterator[str]:
    """The new lines, and after each those that people wrote after it, or after what stood after it and is gone."""
    same = SequenceMatcher(None, [line.rstrip() for line in old], [line.rstrip() for line in new], autojunk=False)
    place = {block.a + step: block.b + step for block in same.get_matching_blocks() for step in range(block.size)}
    theirs: dict[int, list[str]] = {}
    after = -1
    for loose, numbered in groupby(enumerate(old), lambda line: line[0] not in place and _loose(line[1], own)):
        run = list(numbered)
        if loose and any(line.strip() for _, line in run):
            theirs.setdefault(after, []).extend(line for _, line in run)
        after = next((place[number] for number, _ in reversed(run) if number in place), after)
    yield from theirs.get(-1, [])
    for number, line in enumerate(new):
        yield line
        yield from theirs.get(number, [])


def _loose(line: str, own: set[bytes]) -> bool:
    """Whether a line that is not in the new report is people's: theirs, or a blank one that may stand beside."""
    return not line.strip() or _digest(line) not in own


def _filled(block: re.Match[str], text: str) -> str:
    before, after = block.start("text") - block.start(), block.end("text") - block.start()
    return block[0][:before] + text + block[0][after:]
