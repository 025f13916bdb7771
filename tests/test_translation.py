"""Every word and claim has its Chinese, with the same placeholders; the compiled catalogue is the written one.

Run as a program, this compiles the catalogues.
"""

from __future__ import annotations

import ast
import io
import re
import shutil
import string
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from logcorr.model.events import KINDS
from logcorr.report.language import UNITS, language
from logcorr.report.locales import LOCALES, languages

ROOT = Path(__file__).parent.parent
CATALOGUES = ROOT / "logcorr" / "report" / "locale"
WORDS = [*(unit for _, unit in UNITS), "must", "conditional", "may", "timing", "error", "warning", "info", ", ", "; "]
"""Words that are looked up by a value: units, proofs, severities, what joins a list."""


def catalogue(locale) -> Catalog:
    with (CATALOGUES / locale / "LC_MESSAGES" / "logcorr.po").open("rb") as file:
        return read_po(file, locale=locale)


TRANSLATED = {locale: catalogue(locale) for tag, locale in LOCALES.items() if tag != "en"}


def source() -> list[tuple[str, ast.Call]]:
    """Every call in the package, with where it stands."""
    files = sorted((ROOT / "logcorr").rglob("*.py"))
    return [
        (f"{file.relative_to(ROOT)}:{node.lineno}", node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]


def called(call) -> str | None:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", None)


def literals(call) -> list[object]:
    return [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]


def claims() -> dict[str, tuple[str, str]]:
    """The English template of every claim, and where it stands, by id."""
    found = {f"kind.{kind}": (text, "logcorr/model/events.py") for kind, text in KINDS.items()}
    for where, call in source():
        if called(call) == "claim" and len(call.args) >= 2:
            id, template = literals(call)[:2]
            assert {type(id), type(template)} == {str}, f"{where}: write a claim's id and template as literals"
            assert found.get(id, (template, ""))[0] == template, f"{where}: another claim is named {id}, with another text"
            found[id] = (template, where)
    return found


def words() -> list[str | tuple[str, str]]:
    """Every text that templates and renderers look up; pairs have a plural."""
    options = {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true"}
    found: list[str | tuple[str, str]] = [*WORDS]
    for template in sorted((ROOT / "templates").glob("*.j2")):
        with template.open("rb") as file:
            for _, function, text, _ in babel_extract(file, ("_", "ngettext"), [], options):
                parts = [part for part in ([text] if isinstance(text, str) else text) if part]
                found.append((parts[0], parts[1]) if function == "ngettext" else parts[0])
    for _, call in source():
        if called(call) == "word":
            found += [text for text in literals(call)[:1] if isinstance(text, str)]
        if called(call) == "ngettext":
            found += [(str(one), str(many)) for one, many, *_ in [literals(call)] if one]
    return found


def messages(file) -> dict[object, str]:
    """All messages of a compiled catalogue but its header, which names the compiler's version."""
    file.seek(0)
    read = dict(vars(GNUTranslations(file))["_catalog"])
    read.pop("")
    return read


SAID = {"Evidence": "note", "cite": "note", "Problem": "message", "Placement": "reason", "replace": "reason"}
"""Calls that put English text into the document: as their second argument, or by this name."""


def notes() -> dict[str, str]:
    """What the document holds as text: literal, or with `{}` for each value; and where that stands."""
    found = {}
    for where, call in source():
        name = SAID.get(called(call) or "")
        named = [keyword.value for keyword in call.keywords if keyword.arg == name]
        for said in [*(call.args[1:2] if called(call) != "replace" else []), *named] if name else []:
            for text in filter(None, map(sentence, [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said])):
                found[text.removeprefix("{}; ")] = where
    return {text: where for text, where in found.items() if re.search(r"[a-z]{2}", text.replace("{}", ""))}


def sentence(node) -> str:
    """A text's source with `{}` for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def fields(template) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def percents(text) -> set[str]:
    return set(re.findall(r"%\(\w+\)s|%s", text))


def entry(context, id, english) -> str:
    head = f'msgctxt "{context}"\n' if context else ""
    return f'{head}msgid "{id}"\nmsgstr ""  <- translate: {english}\n'


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_claim_is_translated(locale):
    missing = [
        f"# {where}\n" + entry("claim", id, english)
        for id, (english, where) in claims().items()
        if not (found := TRANSLATED[locale].get(id, context="claim")) or not found.string
    ]
    assert not missing, f"add to {locale}/LC_MESSAGES/logcorr.po, then compile it (docs/templates.md):\n\n" + "\n".join(missing)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_claims_keep_their_placeholders(locale):
    english = {id: template for id, (template, _) in claims().items()}
    wrong = [
        f"{id}: {sorted(fields(message.string))}, in English {sorted(fields(english[id]))}"
        for message in TRANSLATED[locale]
        if message.context == "claim" and (id := str(message.id)) in english and fields(message.string) != fields(english[id])
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_word_is_translated(locale):
    missing = [
        entry("", text if isinstance(text, str) else text[0], text)
        for text in words()
        if not (found := TRANSLATED[locale].get(text)) or not found.string
    ]
    assert not missing, f"add to {locale}/LC_MESSAGES/logcorr.po, then compile it (docs/templates.md):\n\n" + "\n".join(missing)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_note_is_translated(locale):
    missing = [
        f"# {where}\n" + entry("note", note, note) for note, where in notes().items() if not TRANSLATED[locale].get(note, "note")
    ]
    assert not missing, f"add to {locale}/LC_MESSAGES/logcorr.po, then compile it (docs/templates.md):\n\n" + "\n".join(missing)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_notes_use_every_value_once(locale):
    for message in TRANSLATED[locale]:
        if message.context == "note":
            numbers = [str(number) for number in range(str(message.id).count("{}"))]
            assert sorted(fields(message.string)) == numbers, message.id


@pytest.mark.parametrize("locale", TRANSLATED)
def test_words_keep_their_placeholders(locale):
    for message in TRANSLATED[locale]:
        if message.id and message.context is None:
            texts = message.id if isinstance(message.id, tuple) else (message.id,)
            strings = message.string if isinstance(message.string, tuple) else (message.string,)
            assert {frozenset(percents(text)) for text in strings} == {frozenset(percents(text)) for text in texts}, texts[0]


@pytest.mark.parametrize("locale", TRANSLATED)
def test_the_compiled_catalogue_is_the_written_one(locale):
    compiled = io.BytesIO()
    write_mo(compiled, TRANSLATED[locale])
    committed = io.BytesIO((CATALOGUES / locale / "LC_MESSAGES" / "logcorr.mo").read_bytes())
    assert messages(compiled) == messages(committed), "run: python tests/test_translation.py"


def test_a_claim_is_said_in_each_language():
    claim = {"id": "chain.answers", "text": "nginx answers the probe of /x with 301", "params": {"url": "/x", "status": 301}}
    assert language("en").say(claim) == "nginx answers the probe of /x with 301"
    assert language("zh-TW").say(claim) == "nginx 以 301 回應對 /x 的探測"


@pytest.mark.parametrize(
    "claim",
    [
        {"id": "someone.elses", "text": "their claim", "params": {}},
        {"id": "chain.answers", "text": "their claim", "params": {"url": "/x"}},
        {"id": "", "text": "their claim", "params": {}},
    ],
)
def test_a_claim_without_translation_is_said_in_english(claim):
    assert language("zh-TW").say(claim) == "their claim"


def test_a_parameter_that_names_an_action_is_translated():
    claim = {
        "id": "whole_stack_restart.found",
        "text": "",
        "params": {"action": "restart", "count": 2, "services": ["web", "db"]},
    }
    assert language("zh-TW").say(claim) == "只要一次檢查失敗，就會重啟 2 個服務：web、db"
    joined = {**claim, "params": {**claim["params"], "services": "web, db"}}
    assert language("zh-TW").say(joined) == language("zh-TW").say(claim)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("found 12", "有 12 項發現"),
        ("skipped: empty", "略過：空檔案"),
        ("not read: Permission denied", "未讀取：沒有權限"),
        ("skipped: who knows", "略過：who knows"),
        ("the probe; runs on */5 * * * *", "探測；排程：*/5 * * * *"),
        ("the stamps of a.log say so; the year is that of the other logs", "依 a.log 的時間戳記；年份比照其他日誌"),
        ("host port 80 is published by service web", "主機的連接埠 80 由服務 web 對外開放"),
        ("{0} {} %s; x{", "{0} {} %s; x{"),
        ("nobody wrote this", "nobody wrote this"),
        ("", ""),
    ],
)
def test_text_of_the_document_is_said_in_each_language(english, chinese):
    assert language("zh-TW").text(english) == chinese.replace("; ", "；")
    assert language("en").text(english) == english


def test_a_folder_is_a_language(tmp_path):
    home = tmp_path / "locale"
    shutil.copytree(CATALOGUES / "zh_TW", home / "eo")
    assert languages(str(home)) == {"en": "en", "eo": "eo"}


if __name__ == "__main__":
    for written in TRANSLATED:
        with (CATALOGUES / written / "LC_MESSAGES" / "logcorr.mo").open("wb") as file:
            write_mo(file, TRANSLATED[written])
