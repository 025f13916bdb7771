"""Shell syntax: text to a tree, after POSIX.1-2024 XCU 2 and bash(1). Nothing is expanded or run.

A parser of our own, since the trees of tree-sitter-bash mislead an interpreter without saying so: `A=1 B=2`, a newline and
`cmd` become one command; `cmd <<A <<B` and `cmd <<E >out | other` lose their redirections; `[[ a == b && c =~ d ]]` nests
wrongly. Broken text becomes a `Broken` node and reading goes on with the next line.
"""

from logcorr.grammar.shell.script import parse
from logcorr.grammar.shell.tree import Broken, Node

__all__ = ["Broken", "Node", "parse"]
