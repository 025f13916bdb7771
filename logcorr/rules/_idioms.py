"""What the rules on scripts share: which commands ask, which act, which tests look at a status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.written import AndOr, If, Loop, Node, Pipeline, Redirected, Written, commands, compound, following
from logcorr.timeline.scripts import script_at

ASKING = frozenset({"curl", "wget", "nc", "pg_isready", "mysqladmin", "ping", "pgrep", "pidof"})
ASKING_WITH = {
    "systemctl": {"is-active", "is-failed", "status"},
    "docker": {"inspect", "ps"},
    "service": {"status"},
}

STATES = regex(
    r"(?i)(?<![\w.])(?:ping|info|rs\.status|serverstatus|hello|ismaster)(?!\w)|\.(?:ping|serverstatus|hello|ismaster)\b"
)
"""What a database is asked for its own state by, and not for what it keeps."""

ENDLESS = regex(r"\s*(?:true|:|\[\[? ?(?:1|true) ?\]\]?|\(\( ?1 ?\)\)|sleep\b.*);?\s*")


DUMPING = frozenset({"pg_dump", "pg_dumpall", "pg_basebackup", "mysqldump", "mariadb-dump", "mongodump", "mysqlpump"})

TELLING = frozenset({"echo", "printf", "[", "test", "true", ":", "false", "date", "cat", "tee", "logger", "tput"})
"""Programs that do no more than tell, or ask."""


def written(case: Configuration) -> Iterator[Written]:
    """The commands of all collected scripts and cron lines."""
    for script in case.of(Script):
        yield from commands(script)


def asks(command: Written) -> bool:
    """Whether it is a question about health, whose failure is an answer."""
    if command.name in ("redis-cli", "mongosh", "mongo"):
        return any(STATES.search(word) for word in command.words)
    return command.name in ASKING or bool(ASKING_WITH.get(command.name, set()) & set(command.words[:2]))


def dumps(command: Written) -> str | None:
    """The program that writes a backup, called directly or in a container."""
    words = command.words if command.name in ("docker", "docker-compose", "podman", "kubectl") else (command.name,)
    return next((word for word in words if word in DUMPING), None)


def only_tells(command: Written, seen: frozenset[str] = frozenset()) -> bool:
    """Whether it says something and does no more, or leaves with a failure; a function by all that stands in it."""
    if command.name in TELLING:
        return True
    if command.name in ("exit", "return"):
        return bool(command.words) and command.words[0] != "0"
    body = [one for one in commands(command.script) if one.function == command.name]
    return bool(body) and command.name not in seen and all(only_tells(one, seen | {command.name}) for one in body)


def excused(command: Written) -> bool:
    """Whether all that is done where it fails is nothing: `|| true`."""
    end = (command.pipeline or command.node).end
    return bool(re.match(r"[^|&;\n]*\|\|\s*(?:true|:)(?!\w)", command.script.text[end:]))


def forgiven(command: Written) -> bool:
    """Whether no more is done where it fails than to say so: `|| echo …`."""
    node = command.pipeline or command.node
    outer = next((one for one in reversed(command.around) if one is not node), None)
    if not isinstance(outer, AndOr) or outer.operator != "||" or outer.left is not node:
        return False
    others = list(compound(command.script, outer.right))
    return bool(others) and all(only_tells(one) and not leaves(one) for one in others)


def leaves(command: Written) -> bool:
    """Whether it ends the script or the function it stands in: by itself, or as a function in which that stands."""
    body = (one for one in commands(command.script) if one.function == command.name)
    return command.name in ("exit", "return") or any(one.name == "exit" for one in body)


def compose_verb(command: Written) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """What compose is told to do, its own options before that, and the words after; None for any other command."""
    words = list(command.words)
    if command.name == "docker" and words[:1] == ["compose"]:
        words = words[1:]
    elif command.name not in ("docker-compose", "podman-compose"):
        return None
    options: list[str] = []
    while words and words[0].startswith("-"):
        takes_value = "=" not in words[0] and not re.fullmatch(r"--(compatibility|verbose|dry-run|all-resources)", words[0])
        options += words[: 1 + takes_value]
        words = words[1 + takes_value :]
    return (words[0], tuple(options), tuple(words[1:])) if words else None


def compose_files(options: tuple[str, ...]) -> tuple[str, ...]:
    """The values of compose's `-f`, in order."""
    pairs = zip(options, (*options[1:], ""), strict=False)
    return tuple(
        value if option in ("-f", "--file") else option.partition("=")[2]
        for option, value in pairs
        if option in ("-f", "--file") or option.startswith("--file=")
    )


def next_test(command: Written) -> Written | None:
    """The test of `$?` in the very next command, if that is one."""
    after = next(following(command), None)
    if after is None:
        return None
    return next((one for one in compound(command.script, _head(after)) if _tests_status(one)), None)


def _head(node: Node) -> Node:
    """The part of a command that runs first."""
    if isinstance(node, If):
        return node.arms[0][0]
    if isinstance(node, AndOr):
        return _head(node.left)
    return node.condition if isinstance(node, Loop) else node


def _tests_status(command: Written) -> bool:
    return command.name in ("[", "test") and any("$?" in word for word in command.words)


def watch_loop(command: Written) -> Loop | None:
    """The loop around it that never ends by itself (`while true` without `break`), and waits for no person in each round."""
    loops = (node for node in command.around if isinstance(node, Loop) and not node.until)
    text = command.script.text
    endless = next((one for one in loops if ENDLESS.fullmatch(text[one.condition.start : one.condition.end])), None)
    inside = list(compound(command.script, endless)) if endless else []
    ends = any(one.name == "break" for one in inside) or any(endless and _asks_a_person(one, endless) for one in inside)
    return None if ends else endless


def _asks_a_person(command: Written, loop: Loop) -> bool:
    """Whether it reads what somebody types: no file, no pipe, no limit of time."""
    at = next(place for place, node in enumerate(command.around) if node is loop)
    fed = command.node.redirects or any(isinstance(node, Pipeline | Redirected) for node in command.around[at:])
    return command.name == "read" and not fed and "t" not in command.flags()


def command_at(scripts: Iterable[Script], place: Span, name: str) -> Written | None:
    """The command of that name that stands at these lines; None where several do."""
    script = script_at(scripts, place)
    found = [one for one in commands(script) if one.name == name and one.span == place] if script else []
    return found[0] if len(found) == 1 else None
