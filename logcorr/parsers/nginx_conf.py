"""nginx's configuration: its main file, snippets from `conf.d` and `sites-enabled`, and the dumps of `nginx -T`.

    server {
        listen 80 default_server;
        location = /health { return 200 "ok\\n"; }
    }

The format: https://nginx.org/en/docs/beginners_guide.html#conf_structure and `ngx_conf_file.c`. Text alone is read: no
`include` is followed and no file is opened. A dump holds several files, each below its own `# configuration file …:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct, field

from logcorr.lazily import regex
from logcorr.model.facts import Directive, Fact, NginxFile
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

Token = tuple[str, int, bool]
"""Text, its first line (from 1), and whether it stood in quotes."""

DUMPED_FILE = regex(r"# configuration file (?P<name>/.+):\s*$")

KNOWN_LINE = regex(
    r"""
    \s* (?:
        (?P<block> (?: server | http | events | stream | (?:upstream|location|map|geo|split_clients)\s[^;=]* ) \s* \{ )
      | (?P<simple> (?: listen | server_name | root | alias | index | try_files | return | rewrite | include | upstream
          | error_page | add_header | access_log | error_log | log_format | worker_\w+ | keepalive_\w+ | client_\w+
          | proxy_\w+ | fastcgi_\w+ | uwsgi_\w+ | ssl_\w+ | gzip\w* | auth_\w+ | limit_\w+ | resolver | sendfile | tcp_\w+
          | allow | deny | expires | default_type | set | server ) \s+ [^=(]* (?: ; | = )? .* ; )
    ) """,
    re.VERBOSE,
)
FOLDERS = regex(r"(?:^|/)(?:nginx|conf\.d|sites-(?:enabled|available)|openresty)/")
ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
DEEPEST = 64
"""Blocks nested deeper than this are not nginx's; the limit keeps hostile input from exhausting the stack."""


def _recognise(sample: Sample) -> float:
    """Sure of a dump's mark; else by the share of lines that are well-known directives, and by name and folder."""
    lines = [line for line in sample.lines if line.strip() and line.strip() not in "{};" and not line.lstrip().startswith("#")]
    if any(DUMPED_FILE.match(line) for line in sample.lines):
        return 0.99
    known = sum(1 for line in lines if KNOWN_LINE.match(line))
    if not known:
        return 0.0
    share = known / len(lines)
    named = sample.name == "nginx.conf" or bool(FOLDERS.search(sample.path)) or ".conf" in sample.name
    if named:
        return 0.95 if share >= 0.2 else 0.6
    return 0.8 if share >= 0.5 and known >= 2 else 0.0


@configuration_parser(title="nginx configuration", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """One `NginxFile` a file; of a dump, one for each file in it, with the dump's own lines."""
    lines = artifact.text().split("\n")
    starts = [(number, mark["name"]) for number, line in enumerate(lines) if (mark := DUMPED_FILE.match(line))]
    if not starts:
        yield from _read_file(artifact.path, lines, 1, None)
    for (start, name), (end, _) in pairwise([*starts, (len(lines), "")]):
        yield from _read_file(artifact.path, lines[start:end], start + 1, name)


def _read_file(path: str, lines: list[str], first_line: int, name: str | None) -> Iterator[Fact | Problem]:
    builder = _Builder(path)
    for item in _tokens(path, lines, first_line):
        if isinstance(item, Problem):
            yield item
        elif problem := builder.take(item):
            yield problem
    yield from builder.unfinished()
    span = Span(path, first_line, first_line + len(lines) - 1)
    yield NginxFile(span=span, name=name, directives=tuple(builder.levels[0]))


def _tokens(path: str, lines: list[str], first_line: int) -> Iterator[Token | Problem]:
    """All tokens but comments; after a syntax error, reading goes on at the next line, in the block it was in."""
    import crossplane  # slow to import, and few runs need it
    from crossplane.errors import NgxParserSyntaxError

    done, depth = 0, 0
    while True:
        # The lexer counts braces itself: the blocks that are still open are opened anew before the rest.
        opened, last = depth, done + 1
        try:
            for text, line, quoted in crossplane.lex_string("{" * opened + "\n".join(lines[done:])):
                if opened:
                    opened -= 1
                    continue
                last = done + line
                depth += 0 if quoted else (text == "{") - (text == "}")
                if quoted or not text.startswith("#"):
                    yield text, first_line + last - 1, quoted
            return
        except NgxParserSyntaxError as error:
            done = max(last, done + (error.lineno or 1))
            yield Problem(path, error.strerror, min(first_line + done - 1, first_line + len(lines) - 1))
        if not any(line.strip() for line in lines[done:]):
            return


class _Builder(Struct):
    """Tokens to directives: a stack of the blocks that are open, and the words of the directive being read."""

    path: str
    levels: list[list[Directive]] = field(default_factory=lambda: [[]])
    heads: list[tuple[list[str], Span]] = field(default_factory=list)
    words: list[Token] = field(default_factory=list)

    def take(self, token: Token) -> Problem | None:
        """The next token; a problem if nginx would not take it here."""
        text, line, quoted = token
        if quoted or text not in ("{", "}", ";"):
            self.words.append(token)
            return None
        if text == "}":
            return self._close(line)
        if not self.words:
            return Problem(self.path, f'unexpected "{text}"', line) if text == ";" else self._open(["{"], Span(self.path, line))
        words, span = [_unescaped(word) for word, _, _ in self.words], Span(self.path, self.words[0][1], line)
        self.words = []
        if text == "{":
            return self._open(words, span)
        self.levels[-1].append(Directive(span=span, name=words[0], args=tuple(words[1:])))
        return None

    def unfinished(self) -> Iterator[Problem]:
        """What the end of the file cuts off; open blocks are closed and kept."""
        if self.words:
            yield Problem(self.path, f'"{self.words[0][0]}" is not terminated by ";"', self.words[0][1])
        while self.heads:
            self._pop()

    def _open(self, words: list[str], span: Span) -> Problem | None:
        self.heads.append((words, span))
        self.levels.append([])
        return Problem(self.path, "blocks are nested too deeply", span.line) if len(self.heads) == DEEPEST else None

    def _close(self, line: int) -> Problem | None:
        problem = None
        if self.words:
            problem = Problem(self.path, f'"{self.words[0][0]}" is not terminated by ";"', line)
            self.words = []
        if not self.heads:
            return Problem(self.path, 'unexpected "}"', line)
        self._pop()
        return problem

    def _pop(self) -> None:
        (name, *args), span = self.heads.pop()
        children = tuple(self.levels.pop())
        if len(self.heads) < DEEPEST:
            self.levels[-1].append(Directive(span=span, name=name, args=tuple(args), children=children))


def _unescaped(word: str) -> str:
    """What nginx makes of backslashes (`ngx_conf_read_token`): `\\"`, `\\'`, `\\\\`, `\\t`, `\\r`, `\\n`; others stay."""
    return re.sub(r"""\\(["'\\trn])""", lambda match: ESCAPES.get(match[1], match[1]), word)
