"""What programs say that they lack, and the files that should have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._given import CHANGES, ENVIRONMENT, last_setting, ungiven
from logcorr.timeline.scripts import code_of

NAME = r"(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z][A-Z0-9]{3,})"
IS = r"(?:(?:is|was|are|must be|must|ist|wurde|est|n['’]est|è|é|jest) )?"
BARE = r"(?:(?<![\w.])|(?<=\benv\.))"
NOT = r"nicht|pas|not?|non|não|niet|nie|inte|ikke|не"
SET = (
    r"(?:set|defined|provided|configured|gesetzt|definiert|konfiguriert|angegeben|définie?|renseignée?|configurée?|definid[ao]"
    r"|configurad[ao]|establecid[ao]|impostat[ao]|definit[ao]|configurat[ao]|ingesteld|gezet|gedefinieerd|ustawion[ay]"
    r"|zdefiniowan[ay]|satt|задан[ао]?|установлен[ао]?|определен[ао]?)"
)
LACKING = (
    rf"(?:(?:{NOT}) (?:[^\s:]+ )?{SET}|undefined|unset|missing|required|empty|fehlt|benötigt|manquante?|requise?|obligatoire"
    r"|falta|requerid[ao]|obligatori[ao]|manca(?:nte)?|obbligatori[ao]|ausente|ontbreekt|brak|отсутствует)\b|未設定|未设置|未定义|必須|設定されていません"
)
VARIABLE = (
    r"variable (?:de )?(?:entorno|d['’]environnement)|umgebungsvariable|variabile d['’]ambiente|vari[áa]vel de ambiente"
    r"|переменн\w+ (?:среды|окружения)|环境变量|環境變數|環境変数"
)
"""What an environment's variable is called in Spanish, French, German, Italian, Portuguese, Russian, Chinese and Japanese."""

MISSING = (
    ("variable", regex(rf"{BARE}{NAME}['\"`]?:? ?{IS}(?:{LACKING})")),
    ("variable", regex(rf"(?i:{LACKING})[^:=]{{0,40}}(?i:variables?|env|settings?)[:= '\"`]+{NAME}")),
    ("variable", regex(r"(?i:missing|fehlt|falta|manque|manca|ontbreekt|缺少)[: '\"`]+(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b")),
    ("variable", regex(rf"(?:KeyError: '|key not found: \"|resolve placeholder '){NAME}['\"]")),
    ("variable", regex(rf"\b[Ss]et the {NAME} (?:environment )?(?:variable|setting)")),
    ("variable", regex(rf"(?i:{VARIABLE})[^:=]{{0,30}}?[: '\"`“«]+{NAME}")),
    ("module", regex(r"Cannot find (?:module|package) '(?P<name>[^']+)'")),
    ("module", regex(r"No module named '?(?P<name>[\w.]+)")),
    ("file", regex(r"ENOENT: no such file or directory, \w+ '(?P<name>[^']+)'")),
    ("file", regex(r"No such file or directory: '(?P<name>[^']+)'")),
)
"""How programs say what they lack, and what sort of thing it is."""

BELOW_ITS_NAME = regex(
    r"Field required \[type=missing|\"message\": \"(?:Required|Invalid input: expected \w+, received undefined)\""
)
ALONE, ABOVE = regex(r"(?:^|\]: )\s*\"?(?P<name>[A-Za-z][A-Za-z0-9]*_\w+|[A-Z][A-Z0-9]{3,})\"?,?\s*$"), 3
"""How pydantic and zod tell of a setting that is missing: below its name, which may be in small letters."""

NEEDLE = (
    rf"(?i){LACKING}|KeyError|key not found|resolve placeholder|set the \w+ |manque|缺少|cannot find |no module named"
    rf"|no such file or directory|{VARIABLE}"
)
ECHO = regex(r"^\s*(?:throw|raise|if)\b")
"""A line of code that an engine prints before the exception itself."""

CONDITION = r"(?i)\b(?:when|if|unless|while|because)\b"
WITHOUT_IT = (
    r"(?i)\b(?:disabled|off|skipp(?:ing|ed)|ignor(?:ing|ed)|fall(?:ing|s)? ?back|using (?:the |a )?default|defaults? to)\b"
)
"""By which a line tells that the program does without it, where that is no condition on which it would be needed."""

WORD = regex(r"[\w-]{4,}(?:\.[\w-]+)*")
COMMENT = r"^\s*(?:--|#|//|/?\*|$)"
MOST_BEFORE = 12
"""What a process was at work on it says in one of so many lines before its last words."""

CODE = (".js", ".mjs", ".cjs", ".ts", ".py", ".sh", ".json", ".yml", ".yaml", ".conf", ".md")
PACKAGE = regex(r"package(?:[-._](?!lock)[\w.-]+)?\.json")
"""npm's list of dependencies, or a copy of it that bears a version."""

DEPLOYS = regex(r"deploy|release|rollout|publish|upgrade|update", re.IGNORECASE)
BRINGS = regex(
    r"^(?!\s*#).*\b(?:docker(?:-compose)? .*(?:\bpull\b|--build\b|--pull\b)|git .*\b(?:pull|fetch|checkout|reset)\b"
    r"|(?:npm|yarn|pnpm|pip3?|bundle|composer) (?:ci|install)\b)",
    re.MULTILINE,
)
"""What a script that deploys is called, and what it does: it brings code or images, whatever its language calls it."""

OMITS = regex(r"--exclude(?:=|\s+)(?P<quote>['\"]?)(?P<what>[^\s'\"]+)(?P=quote)")
"""What tar and rsync are told to leave out."""

LEFT_OUT = "the deployment leaves it out"
FEWEST = 3


class Lack(Struct, frozen=True, kw_only=True):
    """What a log says is missing, how often, where first, in which lines and since when."""

    sort: str
    name: str
    first: Span
    count: int
    since: datetime | None
    lines: tuple[int, ...] = ()

    @property
    def told(self) -> str:
        """What its first line shows."""
        return "its last words" if self.sort == "words" else f"{self.name} is missing"


def deploys(script: Script) -> bool:
    """Whether a script brings a new version."""
    return bool(DEPLOYS.search(script.name) or BRINGS.search(script.text))


def does_without(text: pl.Expr) -> pl.Expr:
    """Whether a line tells that the program goes on without what it lacks."""
    return text.str.contains(WITHOUT_IT) & ~text.str.contains(CONDITION)


def lacks(case: Case) -> Iterator[Lack]:
    """What logs say is missing, three times or more, and not as a mere warning; also logs that nothing could read."""
    proxy = {source.path for source in case.sources if source.format.startswith("nginx")}
    for path in sorted(case.files - proxy):
        if not path.endswith(CODE):
            yield from _lacks_of(case, path)


def _lacks_of(case: Case, path: str) -> Iterator[Lack]:
    rows = case.lines(path).filter(pl.col("text").str.contains(NEEDLE) & ~does_without(pl.col("text"))).collect()
    mild = (pl.col("file") == path) & (pl.col("severity") < "error")
    warned = set(case.timeline.filter(mild).select("line").collect()["line"]) if rows.height else ()
    found: dict[tuple[str, str], list[int]] = {}
    for line, text in rows.select("line", "text").iter_rows():
        named = next(((sort, match["name"]) for sort, pattern in MISSING if (match := pattern.search(text))), None)
        named = named or (_named_above(case, path, line) if BELOW_ITS_NAME.search(text) else None)
        if named and line not in warned and not ECHO.match(text):
            found.setdefault(named, []).append(line)
    for (sort, name), lines in found.items():
        if len(lines) >= FEWEST:
            first, since = Span(path, lines[0]), _time(case, path, lines[0])
            yield Lack(sort=sort, name=name, first=first, count=len(lines), since=since, lines=tuple(lines))


def _named_above(case: Case, path: str, line: int) -> tuple[str, str] | None:
    """The setting that stands alone in one of the lines above, by the name that the environment has for it."""
    near = case.lines(path).filter(pl.col("line").is_between(line - ABOVE, line - 1)).select("text").collect()["text"]
    found = next((match for text in reversed(near) if (match := ALONE.search(text))), None)
    return ("variable", found["name"].upper()) if found else None


def _time(case: Case, path: str, line: int) -> datetime | None:
    """When a line was written: as its envelope says, or the last event up to it."""
    own = case.lines(path).filter(pl.col("line") == line).collect()
    if "logged_at" in own.columns:
        stamp: datetime | None = own["logged_at"][0]
        return stamp
    told = case.timeline.filter((pl.col("file") == path) & (pl.col("line") <= line)).select(pl.col("time").max()).collect()
    last: datetime | None = told["time"][0]
    return last


def files_without(case: Case, lack: Lack, service: str) -> tuple[Evidence, ...]:
    """The files that should have it and do not; the one that a deployment copies from first, with the line that does."""
    if lack.sort == "words":
        return tuple(_at_work(case, lack))
    if lack.sort in ("module", "file"):
        return (*_omissions(case, lack.name), *(_packages(case, lack.name) if lack.sort == "module" else ()))
    environment = [path for path in sorted(case.files) if ENVIRONMENT.search(path.rpartition("/")[2])]
    uses = {path: use for path in environment if (use := _use(case, path))}
    return (
        *ungiven(case, lack.name, service, uses),
        *(
            Evidence(use, "what the deployment writes", shows=CHANGES)
            for path, use in uses.items()
            if last_setting(case, path, lack.name)
        ),
    )


def _at_work(case: Case, lack: Lack) -> Iterator[Evidence]:
    """The collected file that the lines up to the last words name last, as a migration: its first line that is no comment."""
    near = pl.col("line").is_between(lack.first.line - MOST_BEFORE, lack.first.line)
    said = " ".join(case.lines(lack.first.path).filter(near).select("text").collect()["text"])
    files = [(path, path.rpartition("/")[2]) for path in sorted(case.files - {lack.first.path})]
    named = ([path for path, name in files if _is_named(name, word)] for word in reversed(WORD.findall(said)))
    for path in next((paths for paths in named if len(paths) == 1), ()):
        lines = case.lines(path).filter(~pl.col("text").str.contains(COMMENT)).select("line").head(1).collect()["line"]
        yield from (Evidence(Span(path, line), "what it was at work on", shows=CHANGES) for line in lines)


def _is_named(name: str, word: str) -> bool:
    """Whether a word names a file: as it is called, without its ending, or by the number that it begins with."""
    stem = name.rpartition(".")[0] or name
    number = re.match(r"\w*?\d\w*?(?=_)", stem)
    numbered = {name, stem, *([number[0]] if number else [])} if re.search(r"\d", stem) else set()
    return not numbered.isdisjoint({word, word.rpartition(".")[2]}) or (name == word and name.endswith(".sql"))


def _use(case: Case, path: str) -> Span | None:
    """The line of a deploy script that reads this file."""
    name = re.compile(rf"(?<![\w.-]){re.escape(path.rpartition('/')[2])}(?![\w.-])")
    scripts = (script for script in case.of(Script) if deploys(script))
    return next((place for script in scripts for place, line in code_of(script) if name.search(line)), None)


def _omissions(case: Case, name: str) -> Iterator[Evidence]:
    """The lines of deploy scripts that leave out a directory or file of the missing path."""
    parts = name.split("/")
    for script in case.of(Script):
        for place, line in code_of(script) if deploys(script) else ():
            left_out = [match["what"].strip("/").removeprefix("./") for match in OMITS.finditer(line.partition("#")[0])]
            if any(what in parts for what in left_out):
                yield Evidence(place, LEFT_OUT, shows=CHANGES)


def _packages(case: Case, module: str) -> Iterator[Evidence]:
    """Where the dependencies of a package are listed without the module."""
    for path in sorted(case.files):
        lines = case.lines(path).select("line", "text").collect() if PACKAGE.fullmatch(path.rpartition("/")[2]) else None
        if lines is None or module.startswith((".", "/")):
            continue
        section = None
        for line, text in lines.iter_rows():
            section = (line, text.strip().strip('": {')) if text.rstrip().endswith("{") else section
            if f'"{module}"' in text and section:
                if section[1] == "devDependencies":
                    yield Evidence(Span(path, line), "needed only for development", shows="configuration_mismatch")
                return
        listed = [line for line, text in lines.iter_rows() if '"dependencies"' in text]
        yield from (Evidence(Span(path, line), f"does not list {module}", shows="configuration_mismatch") for line in listed)
