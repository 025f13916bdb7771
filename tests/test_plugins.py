"""Plug-ins are found by module and by entry point; clashes and crashes name who is to blame."""

from importlib.metadata import EntryPoint

import pytest

import logcorr.plugins
from logcorr import plugins
from logcorr.errors import LogcorrError
from logcorr.parsers import ConfigurationParser

MINE = ConfigurationParser("mine", "Mine", lambda sample: 0.0, lambda artifact: iter(()))
NOT_A_PARSER = 7


def installed(monkeypatch, *entries):
    monkeypatch.setattr(logcorr.plugins, "_declared", lambda group: [EntryPoint(name, value, group) for name, value in entries])


def test_ours_are_found_in_order_and_named_like_their_module():
    found = plugins.parsers()
    assert list(found) == sorted(found)
    assert all(name == parser.name for name, parser in found.items())
    assert found.problems == ()


def test_an_entry_point_adds_a_parser(monkeypatch):
    installed(monkeypatch, ("mine", "test_plugins:MINE"))
    assert plugins.parsers()["mine"].title == "Mine"


def test_two_of_one_name_are_both_named(monkeypatch):
    installed(monkeypatch, ("a", "test_plugins:MINE"), ("b", "test_plugins:MINE"))
    with pytest.raises(LogcorrError, match=r"named mine: test_plugins:MINE and test_plugins:MINE"):
        plugins.parsers()


def test_the_wrong_type_is_an_error(monkeypatch):
    installed(monkeypatch, ("seven", "test_plugins:NOT_A_PARSER"))
    with pytest.raises(LogcorrError, match=r"seven \(test_plugins:NOT_A_PARSER\) is a int, not a LogParser"):
        plugins.parsers()


def test_a_crashing_plug_in_is_a_problem_and_the_rest_runs(monkeypatch):
    installed(monkeypatch, ("broken", "no_such_module_anywhere:x"), ("mine", "test_plugins:MINE"))
    found = plugins.parsers()
    assert "mine" in found
    assert [problem.path for problem in found.problems] == ["no_such_module_anywhere:x"]
    assert "plug-in broken cannot be loaded: ModuleNotFoundError" in found.problems[0].message
