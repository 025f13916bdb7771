"""Failures that whoever tells of them mends by trying again: nobody else need know of those."""

from __future__ import annotations

from datetime import timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case

AGAIN = (
    r"(?i)\bretry(?:ing)?(?:[^\w-]|-\W|$)|\bwill retry\b|\b(?:try|trying) again\b|\bnext (?:try|attempt)\b|\breconnecting\b"
    r"|\b(?:attempt|try|versuch|tentative|intento|tentativa|tentativo|poging) \d+ ?(?:/|of|von|sur|de|di|van) ?\d+"
    r"|\b(?:neuer|erneuter|n[äa]chster) versuch\b|\bnouvelle tentative\b|\breintent(?:o|ando|amos)\b|\bnuevo intento\b"
    r"|\bnova tentativa\b|\btentando (?:de novo|novamente)\b|\bnuovo tentativo\b|\briprovo\b|\bnieuwe poging\b"
    r"|\bnytt f[öo]rs[öo]k\b|\bponawiam\b|重試|重试|再試行|リトライ|재시도"
)
"""How a line tells that what failed is tried again; `retry-after` is only what the other side said."""

_TRY = r"(?:retry|retries|try|tries|attempts?)\b"
WELL = (
    r"(?i)\b(?:recovered|re-?established|reconnected|connected again|is back|back online|restored)\b"
    r"|\b(?:paid|sent|done|ok|okay|delivered|synced|saved|worked|succeeded|successful(?:ly)?) (?:after|on|at|with) (?:\S+ ){0,3}"
    rf"{_TRY}|\bafter (?:\S+ )?{_TRY}.*\b(?:ok|done|sent|paid|saved)\b|\bretry (?:ok|worked|succeeded)\b"
    r"|\b(?:steht|l[äa]uft|geht) wieder\b|\bwieder (?:da|verbunden|erreichbar|hergestellt)\b|\br[ée]tablie?\b|\brestablecid[oa]\b"
    r"|\brestabelecid[oa]\b|\bripristinat[oa]\b|\bhersteld\b|\b[åa]terst[äa]lld\b|\bprzywr[óo]cono?\b"
    r"|恢復|恢复|復旧|重連成功|重连成功|복구"
)
NONE_FAILED = (
    r"(?i)\b(?:errors?|failed|failures?|fehler|erreurs?|errores|erros|errori|fouten) ?[:=] ?0\b"
    r"|\b(?:0|no) (?:errors?|failed|failures?|fehler|erreurs?|errores|erros|errori|fouten)\b"
)
"""How a later line tells that it went well in the end; the second may as well be counts that come all the time."""

GIVES_UP = (
    r"(?i)\b(?:giv(?:e|es|ing)|gave) up\b|\bout of (?:retries|tries|attempts)\b|\b(?:retries|attempts) (?:exhausted|exceeded)\b"
    r"|\b(?:no more|too many) (?:retries|tries|attempts)\b|\baufgegeben\b|\babandon\b|\bme rindo\b|\bdesist\w+\b"
    r"|放棄|放弃|諦め|포기"
)
COUNTED = r"\b(\d+) ?(?:/|of|von|sur|de|di|van) ?(\d+)\b"
"""How a try is counted; the last one is followed by no other."""

SOON = timedelta(minutes=5)
"""It goes well within so long."""

NEARLY_ALL = 0.9
"""Of such tries so many must, or the others tell nothing either."""


def recovered(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """Those of the rows that announce another try, after which their own log tells of success before the next one is given up.

    None where not nearly all of a log's tries end so.
    """
    tries = rows.filter(pl.col("message").str.contains(AGAIN) & pl.col("time").is_not_null())
    found = [_in_one_log(case, str(path), own) for (path,), own in tries.group_by("file", maintain_order=True)]
    return pl.concat([rows.clear(), *found])


def _in_one_log(case: Case, path: str, tries: pl.DataFrame) -> pl.DataFrame:
    message = pl.col("message")
    tried = tries.select("line", failed=_is_last())
    ends = f"{WELL}|{NONE_FAILED}|{GIVES_UP}"
    told = case.timeline.filter((pl.col("file") == path) & message.str.contains(ends)).select("line", "time", "message")
    ended = _none_goes_on(told.collect().join(tried, on="line", how="anti"), tries)
    others = ended.select("line", "time", failed=message.str.contains(GIVES_UP))
    last = tries.filter(_is_last()).select("line", "time", failed=pl.lit(True))
    known = pl.concat([others, last]).rename({"time": "ended"}).sort("line")
    found = tries.sort("line").join_asof(known, on="line", strategy="forward")
    well = found.filter(~pl.col("failed") & (pl.col("ended") - pl.col("time") <= SOON))
    return well.select(tries.columns) if well.height >= NEARLY_ALL * tries.height else tries.clear()


def _none_goes_on(told: pl.DataFrame, tries: pl.DataFrame) -> pl.DataFrame:
    """Without the counts of no failure soon after which it is tried again all the same."""
    again = tries.select("line", again="time").sort("line")
    following = told.sort("line").join_asof(again, on="line", strategy="forward")
    only_counts = ~pl.col("message").str.contains(f"{WELL}|{GIVES_UP}")
    goes_on = ((pl.col("again") - pl.col("time")) <= SOON).fill_null(False)
    return following.filter(~(only_counts & goes_on)).drop("again")


def _is_last() -> pl.Expr:
    """Whether a line tells of the last try itself, or that there will be none."""
    number, of = (pl.col("message").str.extract(COUNTED, group) for group in (1, 2))
    return ((number == of) | pl.col("message").str.contains(GIVES_UP)).fill_null(False)
