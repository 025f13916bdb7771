"""What the commands print and write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from logcorr.cli.errors import nearest
from logcorr.errors import LogcorrError
from logcorr.report.cite import Document
from logcorr.report.shipped import shipped

if TYPE_CHECKING:
    from logcorr import Analysis, Checked, Facts
    from logcorr.rules import Rule


class Style(Struct, frozen=True):
    """How reports are written: in which language, by whose templates, in how many bytes at most (Markdown).

    On a terminal also how much is told: `quiet` is the verdict alone, `whole` everything.
    """

    lang: str
    templates: Path | None = None
    most: int | None = None
    quiet: bool = False
    whole: bool = False


def show(analysis: Analysis, form: str, style: Style, paths: Sequence[str]) -> None:
    """Print an analysis in one of the formats of `--format`."""
    if form == "markdown":
        click.echo(analysis.to_markdown(style.lang, templates=style.templates, most=style.most), nl=False)
    elif form == "html":
        click.echo(analysis.to_html(style.lang, templates=style.templates), nl=False)
    elif not _show_for_machines(analysis, form, style.lang, paths):
        from logcorr.cli import concise, terminal
        from logcorr.report.language import language

        spoken = language(style.lang)
        if style.quiet:
            concise.show_causes(analysis.result, spoken)
        elif form == "concise":
            concise.show(analysis.result, spoken)
        else:
            terminal.show(analysis.result, spoken, paths, whole=style.whole)


def _show_for_machines(found: Analysis | Checked, form: str, lang: str, paths: Sequence[str]) -> bool:
    """Print what was found in a format that other programs read; False for any other format.

    Where code hosts read it, paths are those from the working directory, which there is the repository's root.
    """
    from logcorr.report import annotations, document, sarif
    from logcorr.report.language import language

    if form == "json":
        text = found.to_json()
    elif form == "jsonl":
        text = document.to_json_lines(found.result)
    elif form == "sarif":
        text = sarif.render(_here(found.result, paths))
    elif form == "github":
        text = annotations.render(_here(found.result, paths), language(lang))
    else:
        return False
    click.echo(text, nl=False)
    return True


def _here(document: Document, paths: Sequence[str]) -> Document:
    """A document whose paths are seen from the working directory, not from what was analysed."""
    from logcorr.cli.places import relocated

    return relocated(document, paths)


def save(analysis: Analysis, path: str, style: Style, paths: Sequence[str]) -> None:
    """Write an analysis to a file; its suffix decides the format."""
    if path.endswith(".sarif"):
        analysis = replace(analysis, result=_here(analysis.result, paths))
    _written(path, lambda: analysis.write(path, style.lang, templates=style.templates, most=style.most))


def _written(path: str, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise LogcorrError(f"cannot write {path}: {error.strerror}", "name a folder that can be written to") from error
    click.echo(f"wrote {path}", err=True)


def show_check(checked: Checked, form: str, style: Style, paths: Sequence[str]) -> None:
    """Print a check in one of the formats of its `--format`."""
    if not _show_for_machines(checked, form, style.lang, paths):
        from logcorr.cli import concise, terminal
        from logcorr.report.language import language

        document, spoken = _here(checked.result, paths), language(style.lang)
        if style.quiet:
            terminal.show_counts(document, spoken)
        elif form == "concise":
            concise.show_findings(document, spoken)
        else:
            terminal.show_check(document, spoken, whole=style.whole)


def save_check(checked: Checked, path: str, paths: Sequence[str]) -> None:
    """Write a check to a file; its suffix decides the format."""
    from logcorr.report import sarif

    text = sarif.render(_here(checked.result, paths)) if path.endswith(".sarif") else checked.to_json()
    _written(path, lambda: Path(path).write_text(text, encoding="utf-8", newline="\n"))


def show_sources(document: Document) -> None:
    """Print what was read and what was not."""
    from logcorr.cli import listing

    listing.show_sources(document)


def show_collected(paths: Sequence[str]) -> None:
    """Print what was seen where nothing was recognised."""
    from logcorr.collect import collect
    from logcorr.report.document import inputs, state_problems

    collection = collect([Path(path) for path in paths], {})
    show_sources({"inputs": inputs((), collection.artifacts), "problems": state_problems(collection.skipped)})


def show_rules(rules: Iterable[Rule]) -> None:
    """Print a line a rule."""
    from logcorr.cli import listing

    listing.show_rules(rules)


def show_page(wanted: str, rules: Mapping[str, Rule]) -> None:
    """Print the page of the rule of that name or code. Raises LogcorrError for any other."""
    from logcorr.cli import listing

    names = {rule.code.lower(): name for name, rule in rules.items()} | {name.lower(): name for name in rules}
    name = names.get(wanted.lower().replace("-", "_"))
    if name is None:
        meant = nearest(wanted.lower(), sorted(names))
        raise LogcorrError(f"no such rule: {wanted}", f"did you mean {names[meant]}?" if meant else "`logcorr rules` lists them")
    page = shipped("docs/rules") / f"{name}.md"
    listing.show_page(page.read_text("utf-8") if page.is_file() else f"# {name}\n\n{rules[name].title}\n")


def show_facts(facts: Facts, form: str) -> None:
    """Print what was understood, as text or JSON."""
    if form == "json":
        click.echo(facts.to_json(), nl=False)
    else:
        from logcorr.cli import understood

        understood.show(facts.result)
