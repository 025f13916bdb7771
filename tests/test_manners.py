"""How the program behaves towards shells, terminals and impatient people."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LOGCORR = Path(sys.executable).with_name("logcorr")
SLOW = """
import sys, time
import logcorr
from logcorr.cli import main, waiting
def slow(*_, **__):
    time.sleep(1.5)
    raise logcorr.LogcorrError("slow", "")
logcorr.check = slow
main(sys.argv[1:])
"""


def bash(*words):
    """What bash offers for the last of these words."""
    script = """source <(logcorr completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _logcorr_completion logcorr
printf '%s\\n' "${COMPREPLY[@]}" """
    environment = {**os.environ, "PATH": f"{LOGCORR.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script, "bash", *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("logcorr", "ana"), ["analyze"]),
        (("logcorr", "analyze", "--lan"), ["--lang"]),
        (("logcorr", "analyze", "--lang", ""), ["en", "zh-TW"]),
        (("logcorr", "explain", "CRON00"), ["CRON001"]),
    ],
)
def test_bash_completes(words, offered):
    assert set(offered) <= set(bash(*words))


@pytest.mark.parametrize("words", ["logcorr analyze ./do", "logcorr analyze . -o re", "logcorr --config lo", "logcorr verify re"])
def test_a_path_is_left_to_the_shell(words):
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_LOGCORR_COMPLETE": "bash_complete"}
    done = subprocess.run([LOGCORR], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout == f"file,{words.split()[-1]}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one(shell, tmp_path):
    done = subprocess.run([LOGCORR, "completion", shell], capture_output=True, text=True, check=True)
    assert "_LOGCORR_COMPLETE" in done.stdout
    if shutil.which(shell):
        (tmp_path / "script").write_text(done.stdout)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def on_a_terminal(*arguments, program=("-m", "logcorr"), **environment):
    """What the program writes to a terminal that is its standard error, its standard output being a pipe."""
    ours, theirs = pty.openpty()
    clean = {name: text for name, text in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run(
        [sys.executable, *program, *arguments], env={**clean, **environment}, stdout=subprocess.PIPE, stderr=theirs, check=False
    )
    os.close(theirs)
    told = os.read(ours, 100_000).decode()
    os.close(ours)
    return told


def test_what_takes_long_is_told_and_wiped_out():
    told = on_a_terminal("check", ".", program=("-c", SLOW))
    assert "\rchecking … 1 s\x1b[K" in told
    assert told.rindex("\r\x1b[K") < told.index("error:")
    assert "checking" not in on_a_terminal("--no-progress", "check", ".", program=("-c", SLOW))


def test_nothing_is_told_where_nobody_looks():
    done = subprocess.run([sys.executable, "-c", SLOW, "check", "."], capture_output=True, text=True, check=False)
    assert done.stderr == "error: slow\n"


RED = "\x1b[31m"


def test_color_is_for_terminals_and_can_be_chosen():
    asked = ("rules", "--nosuch")
    assert RED in on_a_terminal(*asked)
    assert RED not in on_a_terminal(*asked, NO_COLOR="1")
    assert RED not in on_a_terminal("--color", "never", *asked, FORCE_COLOR="1")
    assert RED not in on_a_terminal(*asked, LOGCORR_COLOR="never")
    for arguments, environment in ((("--color", "always"), {"NO_COLOR": "1"}), ((), {"FORCE_COLOR": "1", "NO_COLOR": ""})):
        done = subprocess.run(
            [sys.executable, "-m", "logcorr", *arguments, *asked],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert RED in done.stderr
