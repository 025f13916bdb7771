"""Documents that were written before."""

from __future__ import annotations

import json

from logcorr.errors import LogcorrError
from logcorr.report.cite import Document


def loaded(text: str, *holding: str) -> Document:
    """The document in a text. Raises LogcorrError for what is none of ours, or of a sort that does not hold these members."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LogcorrError("the report is broken: its document is no JSON", "write it again") from error
    if not isinstance(document, dict) or not str(document.get("schema", "")).startswith("logcorr."):
        raise LogcorrError("this is no document of logcorr", "name a report that logcorr wrote: .json, .md or .html")
    lacking = [name for name in holding if not isinstance(document.get(name), list)]
    if lacking:
        raise LogcorrError(f"the document has no {lacking[0]}", "name a result that `logcorr analyze -o result.json` wrote")
    return document
