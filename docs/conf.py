"""The site: `sphinx-build -W -b html docs site`. Its pages are the Markdown files that are read in the repository too.

What only a site needs, a table of contents and the reference drawn from docstrings, is added while building, so that the pages
read well without it.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

import logcorr

HERE = Path(__file__).parent
project = "logcorr"
author = "the logcorr authors"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "logcorr"
html_show_copyright = html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
autodoc_typehints = "description"
default_role = "code"
"""Docstrings are written with single backticks around code."""
suppress_warnings = [
    "misc.highlighting_failure",  # quoted logs and transcripts are no programs
    "myst.xref_missing",  # links to files of the repository that are no pages; a test follows every link
]

FIRST = ["tutorial", "how-to", "cli", "api"]
CHAPTERS = {"Rules": "rules", "Formats": "parsers"}


def contents() -> str:
    """The site's navigation: the pages, then a chapter for the rules and one for the formats."""
    others = sorted(page.stem for page in HERE.glob("*.md") if page.stem not in (*FIRST, "index"))
    chapters = {"Pages": [*FIRST, *others]} | {
        title: sorted(f"{folder}/{page.stem}" for page in (HERE / folder).glob("*.md")) for title, folder in CHAPTERS.items()
    }
    return "\n".join(
        f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(pages) + "\n```\n" for title, pages in chapters.items()
    )


def reference() -> str:
    """What is public, from its docstrings."""
    members = {name: getattr(logcorr, name) for name in logcorr.__all__}
    directives = [
        f".. auto{'class' if isinstance(member, type) else 'function'}:: logcorr.{name}\n"
        for name, member in members.items()
        if callable(member)
    ]
    return "\n## Reference\n\n```{eval-rst}\n" + "\n".join(directives) + "```\n"


def complete(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page what only the site has."""
    source[0] += {"index": contents, "api": reference}.get(page, str)()


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", complete)
