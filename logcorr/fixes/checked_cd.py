"""A script ends where it cannot go to the folder in which it deletes."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import Code, added
from logcorr.model.claim import claim
from logcorr.model.result import Finding


@fix("unchecked_cd")
def checked_cd(finding: Finding, folder: Folder) -> Iterator[Change]:
    """`|| exit 1` behind the command."""
    place = finding.evidence[0].span
    text = folder.text(place.path)
    command = Code(text).command(place, "cd") if text else None
    if text and command:
        said = claim("patch.checked_cd", "the script ends where that folder is missing")
        yield Change(path=text.path, edits=(added(command.words[-1].end, " || exit 1"),), claim=said, safe=True)
