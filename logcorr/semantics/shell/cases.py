"""`case`: which item a word takes."""

from __future__ import annotations

from logcorr.grammar.shell.tree import Case, Word
from logcorr.semantics.shell.conditions import matches
from logcorr.semantics.shell.expansion import pattern, single
from logcorr.semantics.shell.guards import unguarded
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import SUCCESS, Path
from logcorr.semantics.shell.values import Value


def case(machine: Machine, node: Case, path: Path) -> list[Path]:
    """Every way through the items, from a path that the statement may change."""
    before, results = path.guards, list[Path]()
    subject: list[tuple[Path, Value]] = []

    def expand(way: Path) -> None:
        subject.append((way, single(machine, way, node.word)))

    for item in node.items:
        machine.skip(item.body, path)
    machine.alternatives(path, expand)
    waiting = subject
    for item_index in range(len(node.items)):
        still: list[tuple[Path, Value]] = []
        for way, value in waiting:
            for branch, answer in _item_matches(machine, node, item_index, way, value):
                if answer:
                    results.extend(_case_body(machine, node, item_index, branch))
                else:
                    still.append((branch, value))
        waiting = still
    for way, _ in waiting:
        way.status = SUCCESS
    return unguarded(machine, node, before, [*results, *(way for way, _ in waiting)])


def _item_matches(machine: Machine, node: Case, index: int, path: Path, value: Value) -> list[tuple[Path, bool]]:
    answers: list[tuple[Path, bool]] = []
    described = f"case {machine.source.text[node.word.start : node.word.end]}"

    def ask(way: Path) -> None:
        answers.append((way, any(_matches(machine, way, value, word, described) for word in node.items[index].patterns)))

    machine.alternatives(path, ask)
    for way, answer in answers:
        first = node.items[index].patterns[0]
        words = machine.source.text[first.start : node.items[index].patterns[-1].end]
        if answer:
            way.guards = (*way.guards, (f"{described} in {words}", machine.span(first)))
    return answers


def _matches(machine: Machine, path: Path, value: Value, word: Word, described: str) -> bool:
    wanted = pattern(machine, path, word)
    answer = matches(machine, value, wanted) if wanted is not None else None
    if answer is not None:
        return answer
    key = (
        ("case", value, wanted)
        if all(getattr(part, "key", "") or hasattr(part, "text") for part in value) and wanted is not None
        else ()
    )
    return machine.decide(path, described, key=key)


def _case_body(machine: Machine, node: Case, index: int, path: Path) -> list[Path]:
    path.status = SUCCESS
    paths = machine.run(node.items[index].body, path)
    terminator = node.items[index].terminator
    if terminator == ";;" or index + 1 == len(node.items):
        return paths
    if terminator == ";&":
        return [after for way in paths for after in (_case_body(machine, node, index + 1, way) if way.flow is None else [way])]
    machine.record.complain(machine.span(node), "case with ;;& is not followed")
    for way in paths:
        way.doubts |= {"a case with ;;&"}
    return [*paths, *(after for way in paths if way.flow is None for after in _case_body(machine, node, index + 1, way.copy()))]
