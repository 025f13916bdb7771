"""What both formats share: where templates are found, what they may call, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import SandboxedEnvironment

from logcorr.errors import LogcorrError
from logcorr.report import write
from logcorr.report.cite import Document
from logcorr.report.language import Language
from logcorr.report.shipped import shipped

SHORT_HASH = 12
"""Hexadecimal digits of a hash that a reader sees."""


def environment(
    spoken: Language, templates: Path | None, *, autoescape: bool = False, finalize: Callable[[Any], Any] | None = None
) -> Environment:
    """An environment in a language, with the filters that no format has for itself.

    `templates` is a folder whose files replace the bundled ones of the same name, or extend them as `bundled/NAME`.
    `finalize` sees every value that a template prints. Raises LogcorrError for a folder that holds no file of a bundled name.
    """
    bundled = FileSystemLoader(shipped("templates"))
    own = [FileSystemLoader(templates)] if templates else []
    if templates and not any((templates / name).is_file() for name in bundled.list_templates()):
        raise LogcorrError(
            f"{templates} holds no template",
            f"a template is named as the one that it replaces: {', '.join(bundled.list_templates())}",
        )
    made = SandboxedEnvironment(  # a template may come from somebody else: it reaches nothing of Python's own
        loader=ChoiceLoader([*own, bundled, PrefixLoader({"bundled": bundled})]),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=autoescape,
        finalize=finalize,
    )
    gettext, ngettext = spoken.catalogue.gettext, spoken.catalogue.ngettext
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by i18n
    made.filters.update(_filters(spoken))
    return made


def fill(made: Environment, name: str, templates: Path | None, **values: object) -> str:
    """What a template makes of the values. Raises LogcorrError for a mistake in a template of the user's own."""
    try:
        return made.get_template(name).render(**values)
    except TemplateError as error:
        if templates is None:
            raise
        place = _place(error, templates)
        raise LogcorrError(f"{place}: {error.message}", "docs/templates.md says what a template may use") from error


def citations(document: Document) -> list[Document]:
    """Every citation once, by path and line."""
    cited = {(each["path"], each["line"], each["end_line"]): each for each in write.citing(document)}
    return [cited[key] for key in sorted(cited)]


def _filters(spoken: Language) -> dict[str, Callable[..., Any]]:
    return {
        "duration": spoken.duration,
        "parents": write.parents,
        "place": write.place,
        "when": write.when,
        "score": write.score,
        "lines": lambda lines: "-".join(map(str, dict.fromkeys(lines))),
        "short": lambda sha256: sha256[:SHORT_HASH] if sha256 else "–",
        "citations": citations,
    }


def _place(error: TemplateError, templates: Path) -> str:
    """File and line of the mistake, as far as they are known."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or templates}:{error.lineno}"
    inside = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    own = [f"{name}:{line}" for name, line in inside if Path(name).is_relative_to(templates)]
    return own[-1] if own else str(templates)
