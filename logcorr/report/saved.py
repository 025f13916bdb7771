"""Documents that were written before."""

from __future__ import annotations

import json

from logcorr.errors import LogcorrError
from logcorr.report.cite import Document


def loaded(text: str) -> Document:
    """The document in a text. Raises LogcorrError for what is none of ours."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LogcorrError("the report is broken: its document is no JSON", "write it again") from error
    if not isinstance(document, dict) or not str(document.get("schema", "")).startswith("logcorr."):
        raise LogcorrError("this is no document of logcorr", "name a report that logcorr wrote: .json, .md or .html")
    return document
