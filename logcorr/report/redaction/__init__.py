"""Take out what must not leave: secrets for good, identities as pseudonyms that stay the same within one document.

Secrets become `<SECRET:kind>`, all alike: a tag for each would be a fingerprint. Addresses, e-mails, hosts and users become
`<IP-1>`, `<EMAIL-1>`, … numbered in order of appearance. Loopback and private addresses, names without a dot (services,
containers) and users that every system has are kept: the diagnosis needs them, and they point at nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from logcorr.model.claim import claim
from logcorr.report.cite import Document, state
from logcorr.report.redaction.identities import KINDS, pseudonyms
from logcorr.report.redaction.secrets import without_secrets

__all__ = ["redacted", "redacted_frame"]


def redacted(document: Document) -> Document:
    """The document without secrets and identities, and without the hash of any line, by which a short one could be guessed.

    The hashes of whole files stay. The last of its assumptions says how much was replaced.
    """
    texts = list(dict.fromkeys(_texts(document)))
    told = pl.Series("text", texts, dtype=pl.String)
    clean = told.to_frame().select(without_secrets(pl.col("text"))).to_series()
    names = pseudonyms(clean)
    replaced = clean.str.replace_many(names.literals, names.tags, leftmost=True)
    written: Document = _rewritten(document, dict(zip(texts, replaced, strict=True)))
    counts = {kind: names.counts.get(kind, 0) for kind in KINDS}
    secrets = int((clean != told).sum())
    note = claim(
        "assumption.redacted",
        "redacted: {ip} addresses, {email} e-mails, {host} hosts, {user} users have pseudonyms; texts with a secret removed: {secrets}",
        secrets=secrets,
        **counts,
    )
    return {**written, "assumptions": [*written["assumptions"], state(note)]}


def redacted_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with all its text columns redacted, by one numbering for all of them."""
    columns = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    clean = frame.with_columns(without_secrets(pl.col(name)) for name in columns)
    names = pseudonyms(pl.concat([clean[name].alias("text") for name in columns])) if columns else None
    if names is None:
        return frame
    return clean.with_columns(pl.col(name).str.replace_many(names.literals, names.tags, leftmost=True) for name in columns)


def _texts(part: object) -> Iterator[str]:
    """Every text of a document, in the order of its JSON."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for name in sorted(part):
            yield from _texts(part[name])
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)


def _rewritten(part: Any, texts: dict[str, str]) -> Any:
    if isinstance(part, str):
        return texts[part]
    if isinstance(part, list):
        return [_rewritten(one, texts) for one in part]
    if isinstance(part, dict):
        hashed = "quote" in part and "sha256" in part
        return {name: None if hashed and name == "sha256" else _rewritten(one, texts) for name, one in part.items()}
    return part
