"""Every word and claim has its Chinese, with the same placeholders; the compiled catalogue is the written one."""

from __future__ import annotations

import ast
import io
import re
import string
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from logcorr.model.events import KINDS
from logcorr.report.language import LOCALES, UNITS, language

ROOT = Path(__file__).parent.parent
CATALOGUES = ROOT / "logcorr" / "report" / "locale"
WORDS = [*(unit for _, unit in UNITS), "must", "conditional", "may", "timing", "error", "warning", "info", "found nothing"]
"""Words that are looked up by a value: units, proofs, severities, outcomes."""


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
    for template in sorted((ROOT / "templates").iterdir()):
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


def notes() -> dict[str, str]:
    """What literal pieces of evidence are said to show, and where that stands."""
    calls = [(where, call) for where, call in source() if called(call) == "Evidence" and len(call.args) > 1]
    return {str(note): where for where, call in calls if (note := literals(call)[1])}


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
    assert messages(compiled) == messages(committed), "run: pybabel compile -d logcorr/report/locale -D logcorr"


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
