"""The postmortem as one HTML file that needs nothing else: no network, one style, one script, both named by hash in its policy.

Takes the Result document, computes nothing, and carries it as data: the timeline is drawn from it, and `logcorr verify` reads
it. Every value that a template prints is escaped, and its control characters are shown as signs.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from html import escape as quoted
from pathlib import Path
from textwrap import dedent
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from logcorr.report import escape, human, template, write
from logcorr.report.chart import bins, chart
from logcorr.report.cite import Document
from logcorr.report.language import Language, language

TEMPLATE = "postmortem.html.j2"
STYLE, SCRIPT = "report.css", "report.js"

FRAME_HEIGHT = 800
"""Pixels of a notebook that a report takes."""


def render(document: Document, lang: str = "en", templates: Path | None = None) -> str:
    """The postmortem of a Result document in a language of `locales.LOCALES`; `templates` as in `markdown.render`.

    A folder of templates may also hold its own `report.css` and `report.js`. Raises LogcorrError for an unknown language or a
    wrong template.
    """
    made = _environment(language(lang).tag, templates)
    style, script = (_source(made, name) for name in (STYLE, SCRIPT))
    page = template.fill(
        made,
        TEMPLATE,
        templates,
        document=document,
        lang=language(lang).tag,
        style=Markup(style),  # ours, or the user's own
        script=Markup(script),
        policy=policy(style, script),
        data=data(document),
        chart=chart(document),
        numbers={_place(piece): number for number, piece in enumerate(template.citations(document), 1)},
    )
    return human.sealed(page)


def frame(page: str) -> str:
    """A page inside another one (a notebook), apart from it: it can read nothing there."""
    return (
        f'<iframe sandbox="allow-scripts" width="100%" height="{FRAME_HEIGHT}" frameborder="0" srcdoc="{quoted(page)}"></iframe>'
    )


def policy(style: str, script: str) -> str:
    """The content security policy: nothing may be loaded, no other script or style may run."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    allowed = f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def data(document: Document) -> Markup:
    """The document as JSON that no HTML parser takes for the end of its block."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@lru_cache
def _environment(tag: str, templates: Path | None) -> Environment:
    spoken = language(tag)
    made = template.environment(spoken, templates, autoescape=True, finalize=_visible)
    made.filters.update(_filters(spoken))
    return made


def _source(made: Environment, name: str) -> str:
    assert made.loader
    return made.loader.get_source(made, name)[0]


def _visible(value: Any) -> Any:  # noqa: ANN401  # whatever a template prints
    """Text with its control characters as signs; markup is ours already."""
    return escape.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _filters(spoken: Language) -> dict[str, Callable[..., Any]]:
    return {
        "place": _place,
        "say": lambda claim: _prose(spoken.say(claim)),
        "say_plain": lambda claim: escape.line(spoken.say(claim)),
        "text": lambda english: _prose(spoken.text(english)),
        "part": lambda part: spoken.catalogue.pgettext("part", part) if part else part,
        "numbered": write.numbered,
        "told": write.told,
        "dedent": lambda text: dedent(text).strip("\n"),
        "diff": _diff,
        "bins": bins,
    }


def _place(where: Document) -> str:
    return escape.line(write.place(where))


def _prose(text: str) -> Markup:
    """A sentence on one line, its technical names as code."""
    pieces = escape.pieces(text)
    return Markup("").join(Markup("<code>{}</code>").format(piece) if technical else piece for technical, piece in pieces)


def _diff(text: str) -> list[tuple[str, str]]:
    """Each line of a unified diff, with what it is: `added`, `removed`, or neither."""
    kinds = {"+": "added", "-": "removed"}
    heads = ("+++", "---")
    return [("" if line.startswith(heads) else kinds.get(line[:1], ""), line) for line in text.rstrip("\n").split("\n")]
