"""The shell interpreter against real bash: what it calls proved is what really happens, whatever the probes answer.

Scripts are generated (`oracle_bash_scripts`), run under bash with recording stubs in every combination of answers
(`oracle_bash`), and compared with the interpreter, which is told nothing about the answers. LOGCORR_SEED chooses other scripts.
"""

from __future__ import annotations

import os
import time
from itertools import islice

import oracle_bash
import pytest
from oracle_bash_scripts import make

from logcorr.model.behaviour import Reach
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.shell import interpret

FIRST_SEED = int(os.environ.get("LOGCORR_SEED", "1"))
SECONDS = float(os.environ.get("LOGCORR_SECONDS", "25"))
MOST_WORLDS = 12

pytestmark = pytest.mark.skipif(oracle_bash.BASH is None, reason="needs bash")


def happened(made, sandbox):
    """For each effect, by its token, in which of the worlds it ran; of many worlds, some spread evenly over them."""
    worlds = list(islice(oracle_bash.worlds(made.asked, made.environment, made.files), 5_000))
    worlds = worlds[:: max(1, len(worlds) // MOST_WORLDS)]
    runs = [[" ".join(call) for call in sandbox.run(made.text, world)] for world in worlds]
    return {token: [any(token in call for call in calls) for calls in runs] for token in made.effects}


def claimed(made, root):
    """For each effect, by its token, how far the interpreter says that it is reached; what it did not see is never reached."""
    text = made.text.replace("@ROOT@", str(root / "state"))
    read = interpret(Script(span=Span("script.sh", 1), name="script.sh", text=text, interpreter="bash"))
    reached = {}
    for effect in read.effects:
        named = " ".join((*effect.targets, *effect.compose_files, effect.project or ""))
        for token in made.effects:
            if token in named.replace("/", " ").replace(".", " ").split():
                reached.setdefault(token, []).append(read.reach(effect, {}).reach)
    return reached


def test_nothing_is_proved_that_bash_refutes():
    sandbox = oracle_bash.Sandbox()
    end = time.monotonic() + SECONDS
    wrong, proved, tried = [], 0, 0
    try:
        for seed in range(FIRST_SEED, FIRST_SEED + 100_000):
            if time.monotonic() > end:
                break
            made = make(seed)
            truth = happened(made, sandbox)
            for token, reaches in claimed(made, sandbox.root).items():
                ran = truth.get(token)
                if ran is None:
                    continue
                if Reach.MUST in reaches and not all(ran):
                    wrong.append((seed, token, "called MUST", ran))
                if set(reaches) == {Reach.NEVER} and any(ran):
                    wrong.append((seed, token, "called NEVER", ran))
                tried += 1
                proved += Reach.MUST in reaches or set(reaches) == {Reach.NEVER}
    finally:
        sandbox.close()
    assert not wrong, wrong[:5]
    assert tried >= 10, "too slow a machine to say anything"
    assert proved, "not by silence"
