"""What a script really does: real bash, with a PATH of stubs that write down how they were called and answer as told.

Nothing here knows the interpreter under test. An answer is `200`, `e7` (curl's exit code) or `text|code`; the stub works out
from the options it is given what curl would print. Answers given as a list are used one a call, the last one for good.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

BASH = shutil.which("bash")
REAL = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dirname",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "flock",
    "grep",
    "head",
    "hostname",
    "id",
    "jq",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "nohup",
    "printf",
    "readlink",
    "realpath",
    "rmdir",
    "sed",
    "seq",
    "sh",
    "sort",
    "tail",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "uname",
    "uniq",
    "wc",
    "which",
    "xargs",
    "nice",
    "setsid",
    "stdbuf",
]
STUBS = [
    "curl",
    "wget",
    "docker",
    "docker-compose",
    "systemctl",
    "service",
    "pm2",
    "supervisorctl",
    "pkill",
    "killall",
    "kubectl",
    "nginx",
    "reboot",
    "certbot",
    "logrotate",
    "rm",
    "truncate",
    "nc",
    "pg_isready",
    "redis-cli",
    "pgrep",
    "sudo",
    "ssh",
    "sleep",
    "logger",
    "mail",
    "custom-check",
    "kill-app",
]

_STUB = r"""#!BASH
name=${0##*/}
if [ "$name" = sleep ]; then
  printf . >> "$ORACLE/naps"
  [ "$(wc -c < "$ORACLE/naps")" -gt 25 ] && kill -9 0
  exit 0
fi
printf -v call '%s\x1f' "$name" "${@//$'\n'/ }"
printf '%s\n' "$call" >> "$ORACLE/log"  # one write: stubs may run side by side
case $name in
  sudo) exec "$@" ;;
  ssh) while [[ $1 == -* ]]; do case $1 in -[oipl]) shift ;; esac; shift; done
       shift; if (($#)); then exec bash -c "$*"; else exec bash -s; fi ;;
esac
if [ "$name" = docker ] && [ "$1" = exec ]; then shift; while [[ $1 == -* ]]; do shift; done; shift; exec "$@"; fi
answer=
if [ -f "$ORACLE/answers/$name" ]; then
  while IFS=$'\t' read -r key list; do
    case " $* " in *"$key"*)
      count=0; [ -f "$ORACLE/count.$name.${key//\//_}" ] && read -r count < "$ORACLE/count.$name.${key//\//_}"
      echo $((count + 1)) > "$ORACLE/count.$name.${key//\//_}"
      IFS=, read -ra answers <<< "$list"
      ((count >= ${#answers[@]})) && count=$((${#answers[@]} - 1))
      answer=${answers[count]}; break ;;
    esac
  done < "$ORACLE/answers/$name"
fi
[ -n "$answer" ] || exit 0
if [ "$name" != curl ] && [ "$name" != wget ]; then
  quiet=; for word in "$@"; do case $word in -q|--quiet|-z|-zv) quiet=1 ;; esac; done
  [ -n "$quiet" ] || printf '%b' "${answer%|*}"
  exit "${answer##*|}"
fi
fail= out= format= head= include=
while (($#)); do
  case $1 in
    --fail|--fail-with-body) fail=1 ;;
    --head|--spider) head=1 ;;
    --output) out=$2; shift ;;
    --write-out) format=$2; shift ;;
    --max-time|--connect-timeout|--header|--request|--retry|--retry-delay|--data|--timeout|--tries) shift ;;
    --*) ;;
    -*) letters=${1#-}
        while [ -n "$letters" ]; do
          letter=${letters:0:1}; letters=${letters:1}
          case $letter in
            f) fail=1 ;; I) head=1 ;; i) include=1 ;;
            o|O) if [ -n "$letters" ]; then out=$letters; else out=$2; shift; fi; letters= ;;
            w) if [ -n "$letters" ]; then format=$letters; else format=$2; shift; fi; letters= ;;
            m|H|X|A|u|d|T|t) [ -n "$letters" ] || shift; letters= ;;
          esac
        done ;;
  esac
  shift
done
status=$answer code=0
case $answer in e*) status=000 code=${answer#e} ;; esac
body=
if [ "$status" != 000 ] && [ "$status" != 204 ]; then body='<p>sorry</p>'; [ "$status" = 200 ] && body='{"status":"ok"}'; fi
if [ "$name" = wget ]; then
  case $answer in e*) exit 4 ;; 2*) [ "$out" = - ] && [ -z "$head" ] && printf '%s' "$body"; exit 0 ;; *) exit 8 ;; esac
fi
headers=
[ "$status" != 000 ] && headers=$'HTTP/1.1 '"$status"$' Reason\r\nServer: x\r\n\r\n'
if [ -n "$fail" ] && [ "$status" -ge 400 ]; then body=; code=22; fi
shown=
{ [ -n "$head" ] || [ -n "$include" ]; } && shown=$headers
[ -n "$head" ] || shown+=$body
if [ -z "$out" ] || [ "$out" = - ]; then printf '%s' "$shown"; fi
if [ -n "$format" ]; then format=${format//'%{http_code}'/$status}; printf '%b' "${format//'%{response_code}'/$status}"; fi
exit "$code"
"""


@dataclass(frozen=True)
class Asked:
    """A probe of a script: the stub that is called, text among its arguments, and the answers it can get."""

    tool: str
    key: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """Everything about one run that the script does not decide."""

    answers: tuple[tuple[Asked, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass
class Sandbox:
    """A folder with the stubs; `root` is where scripts may write."""

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="oracle-")))

    def __post_init__(self) -> None:
        (self.root / "bin").mkdir()
        stub = self.root / "stub"
        stub.write_text(_STUB.replace("BASH", BASH or "bash"))
        stub.chmod(0o755)
        for name in STUBS:
            (self.root / "bin" / name).symlink_to(stub)
        for name in REAL:
            found = shutil.which(name)
            if found:
                (self.root / "bin" / name).symlink_to(found)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, text: str, world: World, interpreter: str = "bash") -> list[list[str]]:
        """The stubs' calls, in order, when the script runs in this world."""
        state = self.root / "state"
        shutil.rmtree(state, ignore_errors=True)
        (state / "answers").mkdir(parents=True)
        home = state / "home"
        home.mkdir()
        for asked, answer in world.answers:
            with (state / "answers" / asked.tool).open("a") as file:
                file.write(f"{asked.key}\t{answer}\n")
        for name in world.files:
            path = Path(name.replace("@ROOT@", str(state)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        (state / "srv").mkdir(exist_ok=True)
        script = state / "script.sh"
        script.write_text(text.replace("@ROOT@", str(state)))
        environment = {
            "PATH": str(self.root / "bin"), "ORACLE": str(state), "HOME": str(home), **dict(world.environment),
        }  # fmt: skip
        process = subprocess.Popen(
            [interpreter, str(script), *world.arguments], cwd=home, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(timeout=20)
            self._wait_for_group(process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log = state / "log"
        return [line.split("\x1f")[:-1] for line in log.read_text().splitlines()] if log.exists() else []

    @staticmethod
    def _wait_for_group(group: int) -> None:
        """What runs in the background may take a moment longer than the script."""
        for _ in range(200):
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.01)


def worlds(asked: Sequence[Asked], environment: Mapping[str, Sequence[str | None]], files: Sequence[str]) -> Iterable[World]:
    """Every combination of answers, of environment values (None: not set), and of files that exist or not."""
    names = list(environment)
    for answers in product(*(probe.answers for probe in asked)):
        for values in product(*(environment[name] for name in names)):
            for present in product((False, True), repeat=len(files)):
                yield World(
                    answers=tuple(zip(asked, answers, strict=True)),
                    environment=tuple((name, value) for name, value in zip(names, values, strict=True) if value is not None),
                    files=tuple(name for name, there in zip(files, present, strict=True) if there),
                )
