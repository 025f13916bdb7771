"""What is remembered of scripts: nothing is interpreted twice, and nothing is told of a text that has changed."""

from __future__ import annotations

import pytest

from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.reader import Reader

DEPLOY = "#!/bin/bash\n/opt/app/restart.sh\n"
RESTART = "#!/bin/bash\ndocker restart web\n"
STOP = "#!/bin/bash\ndocker stop api\n"


def scripts(**texts):
    """A folder of scripts; `a__b` stands for the path `a/b.sh`."""
    named = ((name.replace("__", "/") + ".sh", text) for name, text in texts.items())
    return {path: Script(span=Span(path, 1), name=path, text=text, interpreter="bash") for path, text in named}


def told(read):
    return [(effect.action, effect.targets) for effect in read.effects]


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def first(reader):
    """What `deploy.sh` is known to do: it restarts web."""
    folder = scripts(deploy=DEPLOY, restart=RESTART)
    return reader.read((folder["deploy.sh"], (), ()), folder)


def again(reader, **texts):
    folder = scripts(**texts)
    return reader.read((folder["deploy.sh"], (), ()), folder)


def test_the_first_reading_tells_what_is_called(first):
    assert told(first) == [("restart", ("web",))]


def test_the_same_texts_are_not_interpreted_again(reader, first):
    assert again(reader, deploy=DEPLOY, restart=RESTART) is first


def test_a_script_that_it_does_not_lead_to_may_change(reader, first):
    assert again(reader, deploy=DEPLOY, restart=RESTART, backup=STOP) is first


@pytest.mark.parametrize(
    ("texts", "effects"),
    [
        ({"deploy": STOP, "restart": RESTART}, [("stop", ("api",))]),
        ({"deploy": DEPLOY, "restart": STOP}, [("stop", ("api",))]),
        ({"deploy": DEPLOY, "restart": "#!/bin/bash\n/opt/app/stop.sh\n", "stop": STOP}, [("stop", ("api",))]),
        ({"deploy": DEPLOY}, []),
        ({"deploy": DEPLOY, "one__restart": RESTART, "two__restart": STOP}, []),  # which of them is meant, nobody knows
        ({"deploy": DEPLOY, "restart": RESTART, "app__restart": STOP}, [("stop", ("api",))]),  # the nearer one to /opt/app
    ],
    ids=["itself", "what it calls", "what that calls", "no longer there", "two of the name", "a better match"],
)
def test_what_it_leads_to_has_changed(reader, first, texts, effects):
    assert told(again(reader, **texts)) == effects


def test_what_was_known_before_a_change_is_known_after_it_is_taken_back(reader, first):
    assert told(again(reader, deploy=DEPLOY, restart=STOP)) == [("stop", ("api",))]
    assert again(reader, deploy=DEPLOY, restart=RESTART) is first


def test_other_arguments_and_variables_are_other_questions(reader):
    folder = scripts(act='#!/bin/bash\ndocker "$VERB" "$1"\n')

    def ask(variables, *arguments):
        return reader.read((folder["act.sh"], variables, arguments), folder)

    assert told(ask((("VERB", "stop"),), "web")) == [("stop", ("web",))]
    assert told(ask((("VERB", "stop"),), "api")) == [("stop", ("api",))]
    assert told(ask((("VERB", "restart"),), "web")) == [("restart", ("web",))]
    assert ask((("VERB", "stop"),), "web") is ask((("VERB", "stop"),), "web")


def test_a_bare_name_is_a_collected_script_of_a_folder_of_programs(reader):
    found = {"usr/local/bin/again": Script(span=Span("usr/local/bin/again", 1), name="again", text=RESTART, interpreter="bash")}
    asked = Script(span=Span("crontab", 3), name="again", text="again", interpreter="sh")
    assert told(reader.read((asked, (), ()), found)) == [("restart", ("web",))]
    elsewhere = {"notes/again": Script(span=Span("notes/again", 1), name="again", text=RESTART, interpreter="bash")}
    assert told(reader.read((asked, (), ()), elsewhere)) == []
