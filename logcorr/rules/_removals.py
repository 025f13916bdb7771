"""Commands of scripts that remove a folder with what is in it: by its name, by one above it, or where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.timeline.scripts import code_of

REMOVES = regex(
    r"\brm\b(?=.* -\w*[rR]|.*\*)|\s-delete\b|\bmv\b|--delete\b|\bgit\b.* clean\b|\btmp(?:reaper|watch)\b|\btrash\b"
    r"|\bshutil\.rmtree\(|\brimraf\b|\bln\b.* -\w*[sfn]+"
)
"""Commands after which what was in a folder is there no more; a link that is set anew shows another one."""

CD = regex(r"(?:^|[;&|({]\s*)\s*(?:cd|pushd)\s+(?:--\s+)?[\"']?(?P<folder>[^\s\"';&|)]+)")
CLEAN = regex(r"\bgit\b(?:.* -C[ =]?(?P<folder>\S+))?.* clean\b(?P<options>.*)")
IGNORED = regex(r"(?:^|\s)-\w*[xX]")
FOUND = regex(r"\bfind\b.* -i?name[ =][\"']?(?P<name>[^\s\"']+)")
WORD = regex(r"[^\s\"'=;&|<>(){},]+")
ENDS = regex(r"\\?[;&|]+")
REDIRECTED = regex(r"\d*>+&?\s*\S+")
MOVES, LINKS = regex(r"(?:^|\s)mv\s"), regex(r"(?:^|\s)ln\s")
INTO = regex(r"\s(?:-t|--target-directory)[ =]\S+")
KEPT = r"(?:--exclude|--filter|-e|!\s+-path|!\s+-name|-not\s+-(?:path|name))[ =]*[\"']?(?:\S*/)?"
LEAST_DEPTH = 2
"""A folder at the root holds everybody's."""


class Removal(Struct, frozen=True):
    """A command that takes a folder away, and how deep the folder lies."""

    span: Span
    script: Script
    depth: int


def removals(case: Case, paths: Sequence[str]) -> list[Removal]:
    """Those that take away what the first of these paths lies in, what names the nearest folder first; not what keeps it."""
    found = [one for script in case.of(Script) for one in _of_script(case, script, paths[0])] if paths else []
    return sorted(found, key=lambda one: (-one.depth, one.span))


def _of_script(case: Case, script: Script, path: str) -> Iterator[Removal]:
    here = ""
    for span, line in code_of(script, filled=True):
        text = line.partition(" #")[0]
        entered = CD.search(text)
        here = _below(here, entered["folder"]) if entered else here
        if REMOVES.search(text):
            depth = max((_depth(folder, path) for folder in _targets(text, here)), default=0)
            if depth >= LEAST_DEPTH and not _keeps(case, text, path):
                yield Removal(span, script, depth)


def _targets(text: str, here: str) -> Iterator[str]:
    """The folders that the command names, or the one in which it works."""
    cleaned = CLEAN.search(text)
    if cleaned:
        yield _below(here, cleaned["folder"] or ".")
        return
    command = text[next(iter(REMOVES.finditer(text))).start() :] if not re.search(r"\b(?:rsync|find)\b", text) else text
    named = (word for one in ENDS.split(REDIRECTED.sub("", command)) for word in _operands(one))
    yield from (_below(here, word) for word in named if "/" in word or re.fullmatch(r"[\w.*][\w.*-]*", word))


def _operands(command: str) -> list[str]:
    """The words of one command, but of `mv` those that name what it takes, of `ln` the one that names the link."""
    words = WORD.findall(INTO.sub("", command))
    if MOVES.search(command):
        return words if INTO.search(command) else words[:-1]
    return words[-1:] if LINKS.search(command) else words


def _below(here: str, name: str) -> str:
    """A path as seen from a folder."""
    path = name if name.startswith(("/", "$", "~")) else f"{here}/{name}"
    return re.sub(r"/\.(?=/|$)", "", path).rstrip("/*")


def _depth(folder: str, path: str) -> int:
    """How deep a folder lies that holds the path; 0 if it does not."""
    return folder.count("/") if folder.startswith("/") and path.startswith(f"{folder}/") else 0


def _keeps(case: Case, text: str, path: str) -> bool:
    """Whether the command leaves the path alone: by an option, by the name it looks for, or as git ignores it."""
    parts = [part for part in path.split("/") if part]
    if any(re.search(rf"{KEPT}{re.escape(part)}(?:[/*\"'\s]|$)", text) for part in parts):
        return True
    sought = FOUND.search(text)
    if sought and not any(fnmatchcase(part, sought["name"]) for part in parts):
        return True
    cleaned = CLEAN.search(text)
    return cleaned is not None and not IGNORED.search(cleaned["options"]) and bool(list(ignoring(case, path)))


def ignoring(case: Case, path: str) -> Iterator[Span]:
    """The lines of a collected `.gitignore` that name a part of the path."""
    parts = set(path.split("/")) - {""}
    for file in sorted(one for one in case.files if one.rpartition("/")[2].lstrip(".") == "gitignore"):
        named = case.lines(file).filter(pl.col("text").str.strip_chars("/ *").is_in(parts))
        yield from (Span(file, line) for line in named.collect()["line"])
