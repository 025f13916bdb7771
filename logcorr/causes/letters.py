"""Letters among what was collected: somebody saw something wrong, or wonders what numbers mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.announced import WORDS

SUBJECT = regex(
    r"^(?:Subject|Betreff|Onderwerp|Objet|Oggetto|Asunto|Assunto|Emne|Ämne|Aihe|Temat|Předmět|主旨|主题|件名)"
    r" ?[:\uff1a] *(?P<said>\S.*)"
)
OF_NO_PERSON = regex(
    r"^Cron <|^\[PATCH|\b(?:OK|UP|RECOVERY|RECOVERED|RESOLVED|[Rr]esolved|[Ss]uccessful|[Nn]ewsletter)\b"
    r"|\b(?:[Rr]elease|[Mm]aintenance|[Aa]nnounc|[Ii]nvit|[Mm]inutes of)"
)
"""What jobs and monitors write when all is well, patches, and what is announced."""

ALL_WELL = regex(
    r"(?i)\b(?:site|page|app|shop|service|portal|everything|it|all)\b.{0,30}\b(?:works?|runs?|loads?|looks?|is|seems)\b.{0,20}"
    r"\b(?:fine|normal(?:ly)?|ok(?:ay)?|as (?:usual|ever)|well)\b"
    r"|\b(?:seems?|appears?|continues?|still) (?:to )?(?:work|run|sell|load|be|come in)\w*\b.{0,20}"
    r"\b(?:as usual|as ever|fine|normal(?:ly)?)\b"
    r"|\b(?:no(?:body| one| (?:users?|customers?|clients?|members?|guests?|visitors?)))\b.{0,20}\b"
    r"(?:complain\w*|noticed|affected|called|reported)\b"
    r"|\b(?:no|without|keine?) (?:user |customer )?(?:complaints?|impact|beschwerden|reklamationen)\b"
    r"|\b(?:seite|shop|portal|app|alles|dienst|es)\b.{0,30}\b(?:geht|l[äa]uft|funktioniert|l[äa]dt)\b.{0,20}"
    r"\b(?:normal|gut|einwandfrei|problemlos|wie immer|tadellos)\b|\bniemand\b.{0,20}\b(?:beschwert|gemeldet|bemerkt)\b"
    r"|\b(?:site|page|tout|service|appli\w*)\b.{0,30}\b(?:fonctionne|marche|tourne)\w*\b.{0,20}\b(?:normalement|bien)\b"
    r"|\b(?:p[áa]gina|sitio|web|todo|tienda|servicio)\b.{0,30}\b(?:funciona|va|anda|carga)\b.{0,20}\b(?:bien|normal\w*)\b"
    r"|\b(?:site|p[áa]gina|tudo|loja)\b.{0,30}\bfunciona(?:ndo)?\b.{0,20}\b(?:bem|normalmente)\b"
    r"|\b(?:sito|pagina|tutto)\b.{0,30}\bfunziona\b.{0,20}\b(?:bene|normalmente)\b"
    r"|\b(?:site|pagina|alles|winkel)\b.{0,30}\b(?:werkt|doet het|draait)\b.{0,20}\b(?:gewoon|normaal|goed|prima)\b"
    r"|(?:網站|网站|服務|服务).{0,12}正常"
)
NOT_ALL_WELL = regex(
    r"(?i)\b(?:but(?! (?:please|can|could|would))|however|though"
    r"|except|aber|jedoch|allerdings|mais|pero|mas|però|maar|can(?:not|'t|no longer)|unable"
    r"|timed? ?out"
    r"|unavailable|slow|down|again|now|wieder|geht nicht|l[äa]dt nicht|kaputt|langsam"
    r"|before(?! (?:the|our|next|tomorrow)\b)|until|since|was|had|kunden"
    r"|customers? (?:say|call|wr)"
    r"|50[0-4]|not (?:work|load|fine|ok))\b|但|不過|可是"
)
"""How a letter tells that nothing was felt: somebody saw numbers, and asks. One that says more may tell of what was felt, too."""

COMPLAINS = regex(
    r"(?i)\b(?:many|several|some|two|three|\d+|our) (?:customers?|users?|clients?|members?|colleagues?|visitors?|people|guests?)"
    r"\b.{0,20}\b(?:reports?|reported|says?|said|writes?|wrote|calls?|called|complain\w*|were logged out|lost)\b"
    r"|\b(?:customers?|users?|clients?|members?|colleagues?|visitors?|people|we|i)\b.{0,40}\b(?:can ?not|can't|could ?n[o']t"
    r"|unable|got (?:an? )?error|complain(?:ed|ing|s)?|lost|waiting|see (?:an? )?error)\b"
    r"|\b(?:kunden|nutzer|benutzer|mitglieder|kollegen|wir|ich)\b.{0,40}\b(?:k(?:ö|oe)nnen|kann|konnten?|komm\w*)\b.{0,40}"
    r"\b(?:nicht|kein\w*)\b"
    r"|\b(?:does|did|do|is|are)(?: not|n't) (?:work|load|open|respond|answer)|\bgeht (?:gerade )?nicht\b"
    r"|\bne (?:marche|fonctionne) p"
    r"|\bno funciona\b|\bn[ãa]o funciona\b|\bnon funziona\b|\bwerkt niet\b|\bunavailable\b|\boutage\b|\bwas down\b|\bis down\b"
)
"""How one tells that somebody was kept from something."""

WRITTEN = regex(r"(?i)(?:^|[/._-])(?:tickets?|support|complaints?|e?mails?|inbox|letters?|helpdesk|beschwerden?)(?=[/._-])")
SENDER = regex(r"(?:From|Von|De|Da|Van|寄件者|发件人) ?[:\uff1a] *\S")
"""What tickets and letters are called, or how they begin."""

HEADER_LINES, LETTER_LINES, SHOWN = 10, 60, 80


def letters(case: Case) -> tuple[tuple[Span, str], ...]:
    """The letters among what was collected, by their subject: somebody saw something wrong; of other notes by what they say."""
    return tuple(_letters(case))


def _letters(case: Case) -> Iterator[tuple[Span, str]]:
    read = {source.path for source in case.sources} | {fact.span.path for fact in case.facts}
    for path in sorted(case.files - read):
        lines = case.lines(path).head(HEADER_LINES).select("line", "text").collect().rows()
        line, subject = next(((line, one["said"]) for line, text in lines if (one := SUBJECT.match(text))), (0, ""))
        announces = OF_NO_PERSON.search(subject) or re.search(WORDS, subject)
        if line and not announces and not _all_well(case, path, line):
            yield Span(path, line), subject
        elif not line and (WRITTEN.search(path) or any(SENDER.match(text) for _, text in lines)):
            yield from _complaint(case, path)


def _complaint(case: Case, path: str) -> Iterator[tuple[Span, str]]:
    """The first line by which a ticket or a chat tells that somebody was kept from something."""
    lines = case.lines(path).head(LETTER_LINES).select("line", "text").collect().iter_rows()
    well = (OF_NO_PERSON, ALL_WELL)
    found = ((line, text) for line, text in lines if COMPLAINS.search(text) and not any(one.search(text) for one in well))
    yield from ((Span(path, line), text.strip()[:SHOWN]) for line, text in islice(found, 1))


def _all_well(case: Case, path: str, subject: int) -> bool:
    """Whether the letter itself says that everything works, and nothing else of it."""
    below = case.lines(path).filter(pl.col("line") > subject).head(LETTER_LINES).select("text").collect()["text"]
    said = [one for text in below for one in re.split(r"(?<=[.!?])\s", text) if ALL_WELL.search(one)]
    return bool(said) and not any(NOT_ALL_WELL.search(one) for one in said) and not any(COMPLAINS.search(text) for text in below)
