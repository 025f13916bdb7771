"""The shell interpreter against real bash: what it calls proved is what really happens, whatever the probes answer.

Scripts are generated (`oracle_bash_scripts`), run under bash with recording stubs in every combination of answers
(`oracle_bash`), and compared with the interpreter, which is told nothing, or which answers each probe can get in one such
world. LOGCORR_SEED chooses other scripts, LOGCORR_SECONDS how long to go on.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from itertools import islice
from pathlib import Path

import oracle_bash
import pytest
from oracle_bash_scripts import make

from logcorr.grammar.shell import Broken, parse
from logcorr.model.behaviour import Reach
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.shell import interpret, outcomes

FIRST_SEED = int(os.environ.get("LOGCORR_SEED", "1"))
SECONDS = float(os.environ.get("LOGCORR_SECONDS", "25"))
MOST_WORLDS = 12
PROVED = {Reach.MUST: True, Reach.NEVER: False}

pytestmark = pytest.mark.skipif(oracle_bash.BASH is None, reason="needs bash")


def named(effect):
    return re.findall(r"svc\d+", " ".join((*effect.targets, *effect.compose_files, effect.project or "")))


def read(made, root):
    text = made.text.replace("@ROOT@", str(root / "state"))
    script = Script(span=Span("script.sh", 1, text.count("\n") + 1), name="script.sh", text=text, interpreter="bash")
    return interpret(script)


def reached(interpretation, token, given):
    """How far the effects with a token are reached; what the interpreter did not see is never reached."""
    reaches = {interpretation.reach(effect, given).reach for effect in interpretation.effects if token in named(effect)}
    return Reach.MUST if Reach.MUST in reaches else reaches.pop() if len(reaches) == 1 else Reach.MAY if reaches else Reach.NEVER


def allowed(interpretation, world):
    """What the HTTP probes can get in one world; the others can get anything."""
    given = {}
    for probe in interpretation.probes:
        answers = [answer for asked, answer in world.answers if asked.tool == probe.tool and asked.key in f"{probe.url or ''}/"]
        if answers:
            given[probe.id] = [
                outcomes(probe, None, refused=one == "e7", timed_out=one == "e28")
                if one.startswith("e")
                else outcomes(probe, int(one))
                for one in answers[0].split(",")
            ]
    return given


def ran(calls, token):
    return any(re.search(rf"\b{token}\b", word) for call in calls if call[0] not in ("ssh", "sudo") for word in call[1:])


def mostly(found, of):
    """Whether nine tenths were found, or so nearly that a small sample can have missed the rest by chance (two deviations)."""
    return found >= 0.9 * of - 2 * (0.09 * of) ** 0.5


def test_what_is_proved_is_what_bash_does():
    sandbox = oracle_bash.Sandbox()
    end = time.monotonic() + SECONDS
    wrong, always, never = [], [], []
    try:
        for seed in range(FIRST_SEED, FIRST_SEED + 100_000):
            made = make(seed)
            worlds = list(islice(oracle_bash.worlds(made.asked, made.environment, made.files), MOST_WORLDS + 1))
            if time.monotonic() > end:
                break
            if len(worlds) > MOST_WORLDS:
                continue
            runs = [sandbox.run(made.text, world) for world in worlds]
            interpretation = read(made, sandbox.root)
            for token in made.effects:
                truth = [ran(calls, token) for calls in runs]
                claim = reached(interpretation, token, {})
                if claim in PROVED and any(one != PROVED[claim] for one in truth):
                    wrong.append((seed, token, claim, truth))
                if (all(truth) or not any(truth)) and not made.outside:
                    (always if truth[0] else never).append(claim)
                for world, happened in list(zip(worlds, truth, strict=True))[:2]:
                    claim = reached(interpretation, token, allowed(interpretation, world))
                    if claim in PROVED and PROVED[claim] != happened:
                        wrong.append((seed, token, claim, world))
    finally:
        sandbox.close()
    assert not wrong, wrong[:5]
    assert len(always) + len(never) >= 10, "too slow a machine to say anything"
    assert mostly(always.count(Reach.MUST), len(always)), "not by silence"
    assert mostly(never.count(Reach.NEVER), len(never)), "not by silence"


BROKEN = (
    "if true; then\n  echo\n",
    'echo "never closed\n',
    "for x in a b; echo $x; done\n",
    "case $x in a) echo;;\n",
    "echo $(ls\n",
    "fi\n",
    "f() {\n echo\n",
    "while true; do echo; fi\n",
    "a | | b\n",
    "x=(1 2\n",
)


@pytest.mark.parametrize("text", BROKEN)
def test_bash_refuses_it_too(text):
    assert subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False).returncode
    assert any(isinstance(node, Broken) for node in parse(text).commands)


def test_bash_reads_what_the_grammar_reads():
    scripts = [make(seed).text for seed in range(FIRST_SEED, FIRST_SEED + 40)]
    fixtures = sorted((Path(__file__).parent / "fixtures/shell").glob("*.sh"))
    scripts += [path.read_text() for path in fixtures if path.stem != "unreadable"]
    for text in scripts:
        assert subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False).returncode == 0
        assert not any(isinstance(node, Broken) for node in parse(text).commands), text
