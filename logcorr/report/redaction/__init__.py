"""Take out what must not leave: secrets for good, identities as pseudonyms that stay the same within one document.

Secrets become `<SECRET-kind>`, all alike: a tag for each would be a fingerprint. Addresses, e-mails, hosts and users become
`<IP-1>`, `<EMAIL-1>`, … numbered in order of appearance. Loopback and private addresses, names without a dot (services,
containers) and users that every system has are kept: the diagnosis needs them, and they point at nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from logcorr.lazily import pl
from logcorr.model.claim import Claim, claim
from logcorr.report.cite import Document, state
from logcorr.report.redaction.identities import KINDS, Pseudonyms, pseudonyms
from logcorr.report.redaction.secrets import without_secrets

__all__ = ["Redactor", "redacted", "redacted_frame"]


class Redactor:
    """Redacts one thing after another, by one numbering for all of them; `secrets` counts the texts that lost one."""

    def __init__(self) -> None:
        self.names = Pseudonyms()
        self.secrets = 0

    def texts(self, texts: Sequence[str]) -> list[str]:
        """The texts without secrets and identities."""
        told = pl.DataFrame({"text": texts}, schema={"text": pl.String})
        clean = _without_secrets(told)
        self.names = pseudonyms(clean["text"], self.names)
        self.secrets += int((clean["text"] != told["text"]).sum())
        return clean.select(self.names.written(pl.col("text"))).to_series().to_list()

    def tree(self, part: Any) -> Any:  # noqa: ANN401  # what JSON can hold
        """A part of a document without them, and without the hash of any line, by which a short one could be guessed."""
        texts = list(dict.fromkeys(_texts(part)))
        return _rewritten(part, dict(zip(texts, self.texts(texts), strict=True)))


def redacted(document: Document) -> Document:
    """The document without secrets, identities and hashes of lines.

    The hashes of whole files stay. The last of its assumptions says how much was replaced.
    """
    redactor = Redactor()
    result: Document = redactor.tree(document)
    return {**result, "assumptions": [*result["assumptions"], state(_told(redactor.names, redactor.secrets))]}


def _told(names: Pseudonyms, secrets: int) -> Claim:
    return claim(
        "assumption.redacted",
        "redacted: {ip} addresses, {email} e-mails, {host} hosts and {user} users have pseudonyms here, "
        "{secrets} texts lost a secret",
        secrets=secrets,
        **{kind: names.counts.get(kind, 0) for kind in KINDS},
    )


BARE = ("host", "hostname", "server", "user")
"""Columns that hold a bare name."""


def redacted_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with all its text columns redacted, by one numbering for all of them."""
    bare = [name for name in BARE if frame.schema.get(name) == pl.String]
    clean = _without_secrets(frame).with_columns(_in_place(name).alias(name) for name in bare)
    names = pseudonyms(pl.concat([pl.Series("text", [], pl.String), *(clean[name].alias("text") for name in _columns(clean))]))
    written = clean.with_columns(names.written(pl.col(name)) for name in _columns(clean))
    return written.with_columns(
        pl.col(name).str.replace(r"^(?:USER=|host=|Jan  1 00:00:00 )", "").str.strip_suffix(" -: ") for name in bare
    )


def _in_place(column: str) -> pl.Expr:
    """A column's bare names as they stand in lines, where they are known for what they are."""
    if column == "user":
        return pl.concat_str(pl.lit("USER="), column)
    machine = pl.lit(column != "server") & ~pl.col(column).str.contains(r"\.[A-Za-z]")
    syslog = pl.concat_str(pl.lit("Jan  1 00:00:00 "), column, pl.lit(" -: "))
    return pl.when(machine).then(syslog).otherwise(pl.concat_str(pl.lit("host="), column))


def _columns(frame: pl.DataFrame) -> list[str]:
    return [name for name, dtype in frame.schema.items() if dtype == pl.String]


def _without_secrets(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(without_secrets(pl.col(name)) for name in _columns(frame))


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


def _rewritten(part: Any, texts: dict[str, str]) -> Any:  # noqa: ANN401  # what JSON can hold
    if isinstance(part, str):
        return texts[part]
    if isinstance(part, list):
        return [_rewritten(one, texts) for one in part]
    if isinstance(part, dict):
        hashed = "quote" in part and "sha256" in part
        return {name: None if hashed and name == "sha256" else _rewritten(one, texts) for name, one in part.items()}
    return part
