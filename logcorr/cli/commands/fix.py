"""`logcorr fix`: the proved patches, as a diff or into the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logcorr.cli import options

if TYPE_CHECKING:
    from logcorr import Analysis
    from logcorr.model.result import Patch
    from logcorr.model.source import Problem
    from logcorr.repair import Repair


BOM = b"\xef\xbb\xbf"


@click.command()
@options.PATHS
@click.option("--diff/--write", "show", default=True, help="Show the patches, or write the safe ones.  [default: --diff]")
@click.option("--allow-dirty", is_flag=True, help="Write also what git does not hold as it is.")
def fix(paths: tuple[str, ...], *, show: bool, allow_dirty: bool) -> None:
    """Suggest patches for what is wrong in scripts and configuration.

    A patch is offered only if, read and interpreted with it, the collected configuration no longer gives the finding and gives no
    new one. --write applies those that rest on nothing but the collected files; the others need somebody's look.
    """
    import logcorr
    from logcorr.cli.accepting import accepted
    from logcorr.cli.waiting import waiting

    with waiting("analysing"):
        analysis = logcorr.analyze(paths, accept=accepted())
        repair = analysis.repair
        assert repair is not None  # an analysis of files has one
        patches, crashes = repair.patches(analysis.findings)
    _name(crashes)
    places = _places(paths)
    patches = _own(patches, places)
    if show:
        _report(analysis, patches)
        _show(repair, patches)
    else:
        safe = [patch for patch in patches if patch.safe]
        _write(repair, safe, places, allow_dirty=allow_dirty)
        _report(analysis, safe)
    click.echo(f"patches: {len(patches)}, safe to write unseen: {sum(patch.safe for patch in patches)}", err=True)


def _name(crashes: Sequence[Problem]) -> None:
    from logcorr.report.escape import line

    for problem in crashes:
        click.echo(line(f"{problem.path}:{problem.line}: {problem.message}"), err=True)


def _places(paths: Sequence[str]) -> dict[str, Path]:
    """The files that were analysed, by their paths in it; those in archives are none."""
    from logcorr.collect.walk import Found, walk

    return {found.path: found.file for found in walk([Path(path) for path in paths if path != "-"]) if isinstance(found, Found)}


def _own(patches: Sequence[Patch], places: Mapping[str, Path]) -> tuple[Patch, ...]:
    """The patches of files, without those of links to files that are changed under their own name."""
    files = {patch.path: places[patch.path] for patch in patches if patch.path in places}
    real = {file.resolve() for file in files.values() if not file.is_symlink()}
    links = {path for path, file in files.items() if file.is_symlink() and file.resolve() in real}
    return tuple(patch for patch in patches if patch.path not in links)


def _show(repair: Repair, patches: Sequence[Patch]) -> None:
    """A diff a file, as `patch -p1` takes it."""
    import sys

    from logcorr.report.escape import visible

    for path, after in repair.together(patches).items():
        before = repair.text(path)
        if before:
            diff = before.diff(after)
            click.echo(visible(diff) if sys.stdout.isatty() else diff, nl=False)


def _report(analysis: Analysis, patches: Sequence[Patch]) -> None:
    from logcorr.report.escape import line

    findings = {finding.id: finding for finding in analysis.findings}
    for patch in patches:
        finding = findings[patch.finding]
        told = patch.reach_before != patch.reach_after
        reach = f" (reach: {patch.reach_before} → {patch.reach_after})" if told else ""
        look = "" if patch.safe else " [look at it first]"
        click.echo(line(f"{finding.evidence[0].span}: {finding.code}: {patch.change}{reach}{look}"), err=True)


def _write(repair: Repair, patches: Sequence[Patch], places: Mapping[str, Path], *, allow_dirty: bool) -> None:
    """Write files, each at once; none if one of them cannot be written, or is not what was read."""
    from logcorr.cli import git
    from logcorr.errors import LogcorrError

    files: dict[Path, bytes] = {}
    for path, text in repair.together(patches).items():
        if path not in places:
            raise LogcorrError(f"cannot write {path}: it is not a file of its own", "unpack it, or apply the diff by hand")
        if not allow_dirty and git.holds(places[path]) is False:
            raise LogcorrError(f"git does not hold {path} as it is", "commit it, or add --allow-dirty")
        before = repair.text(path)
        file, old = places[path].resolve(), places[path].read_bytes()
        mark = BOM if old.startswith(BOM) else b""
        if before is None or old != mark + before.raw.encode():
            raise LogcorrError(f"{path} has changed meanwhile", "run it again")
        if files.setdefault(file, mark + text.encode()) != mark + text.encode():
            raise LogcorrError(f"{path} is a link to another file that would be changed", "run it with one of them")
    for file, new in files.items():
        _replace(file, new)


def _replace(file: Path, content: bytes) -> None:
    """Write a file's new content beside it, and put it in its place: who reads it meanwhile sees the old one or the new one."""
    import os
    import shutil
    import tempfile
    from contextlib import suppress

    from logcorr.errors import LogcorrError

    beside = None
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
            beside = Path(new.name)
            new.write(content)
        shutil.copymode(file, beside)
        with suppress(PermissionError):
            os.chown(beside, file.stat().st_uid, file.stat().st_gid)
        beside.replace(file)
    except OSError as error:
        if beside:
            beside.unlink(missing_ok=True)
        raise LogcorrError(f"cannot write {file}: {error.strerror}", "apply the diff by hand") from error
