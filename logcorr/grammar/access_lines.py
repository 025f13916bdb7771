"""The layout of lines of requests whose `log_format` nobody collected, inferred from the lines themselves.

A line is cut into values: in quotes, in brackets, behind a label, a time, or a word. Most lines must be cut alike. What a column
holds is told by its label, or by what all its values look like.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from logcorr.grammar import stamps
from logcorr.grammar.log_format import TRIES, LogFormat
from logcorr.grammar.shape import Clock, Shape
from logcorr.lazily import regex

_METHOD = r"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|PROPFIND|TRACE)"
_ASKS = regex(rf"\b{_METHOD}\b")
_IP = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[?(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F.]{0,15}\]?)"
_LIST = rf"{_IP}(?::\d+)?(?:,? +{_IP}(?::\d+)?)*"

FEWEST = 0.3
"""So many of a column's values are requests, where it holds them: clients may send what is none."""

FEWEST_MARKS = 4
"""So many bars or tabs on a line are what separates its values: there may be blanks within them."""

_LABEL = regex(r"[A-Za-z_@][\w.-]{0,40}=")
_LTSV = regex(r"[A-Za-z_@][\w.-]{0,40}: ?")
_QUOTED = regex(r'"((?:[^"\\]|\\.)*)"')
_BRACKETED = regex(r"\[([^\[\]]*)\]")
_WORD = regex(r"[^\s|\"]+")
_MARKED = regex(r"[^\t|\"]*[^\t|\"\s]")
_BEGINS = regex(r"\d|[A-Z][a-z]{2}[ ,]")
"""How a time may begin."""

_APART = regex(r"[\s|,;]*")

_NAMES: dict[str, tuple[str, ...]] = {
    "remote_addr": ("client", "client_ip", "ip", "remote_ip", "addr", "remote"),
    "request": ("req", "request_line"),
    "request_method": ("method", "verb", "http_method"),
    "request_uri": ("uri", "path", "url", "request_path"),
    "status": ("code", "status_code", "response_code", "http_status"),
    "body_bytes_sent": ("size", "bytes", "length", "bytes_out", "body_bytes"),
    "http_referer": ("referer", "referrer", "ref"),
    "http_user_agent": ("ua", "user_agent", "agent", "useragent"),
    "request_time": ("rt", "reqtime", "request_duration", "req_time"),
    "upstream_connect_time": ("uct",),
    "upstream_header_time": ("uht",),
    "upstream_response_time": ("urt", "apptime", "upstream_time"),
    "upstream_addr": ("upstream", "ups", "backend", "uaddr", "upstream_host"),
    "upstream_status": ("ust", "upstream_code"),
    "http_x_forwarded_for": ("forwardedfor", "xff", "x_forwarded_for"),
}
VARIABLES = {label: name for name, labels in _NAMES.items() for label in labels}
"""nginx's variables by the labels that people and ltsv.org give them."""


class _Value(Struct, frozen=True):
    """A value on a line: the text before it, its label, what encloses it, and the shape of its stamp if it is a time."""

    before: str
    label: str
    mark: str
    text: str
    shape: Shape | None = None

    @property
    def form(self) -> tuple[str, str, str]:
        """What it has in common with the same column's values on other lines."""
        return self.label, self.mark, self.shape.name if self.shape else ""


class _Column(Struct, frozen=True):
    """The values of one place, and the first of them."""

    first: _Value
    texts: tuple[str, ...]

    def all_are(self, pattern: str, but: str = "-|") -> bool:
        """Whether the values are such, or nothing, and some of them are."""
        own = re.compile(pattern)
        told = [text for text in self.texts if text not in but.split("|")]
        return bool(told) and all(map(own.fullmatch, told))

    def share(self, pattern: str) -> float:
        """How many of the values begin so."""
        return sum(re.match(pattern, text) is not None for text in self.texts) / len(self.texts)


@lru_cache(maxsize=64)
def infer(lines: tuple[str, ...]) -> LogFormat | None:
    """The format of most of these lines, if each tells of a request with its time and status."""
    if stamps.share(lines, _ASKS.search) < FEWEST:
        return None
    cut = [values for values in map(_cut, lines) if any(value.shape for value in values)]
    counts = Counter(tuple(value.form for value in values) for values in cut)
    if not counts or counts.most_common(1)[0][1] < 0.5 * sum(bool(line and not line.isspace()) for line in lines):
        return None
    alike = [values for values in cut if tuple(value.form for value in values) == counts.most_common(1)[0][0]]
    columns = [_Column(values[0], tuple(value.text for value in values)) for values in zip(*alike, strict=True)]
    names = _named(columns)
    asked = {"request", "request_uri"} & set(names)
    return _format(columns, names) if asked and "status" in names and "time_local" in names else None


def _cut(line: str) -> list[_Value]:
    labels = _LTSV if len(re.findall(r"(?:^|[\t|])[A-Za-z_@][\w.-]*:", line)) >= 4 else _LABEL
    marked = labels is _LTSV or any(line.count(mark) >= FEWEST_MARKS for mark in "|\t")
    values, end = [], 0
    while end < len(line):
        apart = _APART.match(line, end)
        begin = apart.end() if apart else end
        label = labels.match(line, begin)
        at = label.end() if label else begin
        if at == len(line):
            break
        value, after = _value(line, at, marked=marked)
        if after == at:
            return []
        values.append(_Value(line[end:begin], label[0] if label else "", *value))
        end = after
    return values


def _value(line: str, at: int, *, marked: bool) -> tuple[tuple[str, str, Shape | None], int]:
    """What encloses the value that begins here, its text, its stamp's shape; and where it ends."""
    for mark, enclosed in (('"', _QUOTED), ("[", _BRACKETED)):
        found = enclosed.match(line, at)
        if found:
            return (mark, found[1], _shape(found[1], whole=True)), found.end()
    shape = _shape(line[at : at + 60], whole=False)
    stamp = re.match(shape.pattern, line[at:]) if shape else None
    if shape and stamp and (shape.format or "." in stamp[0] or marked):
        return ("", stamp[0], shape), at + stamp.end()
    word = (_MARKED if marked else _WORD).match(line, at)
    return ("", word[0] if word else "", None), word.end() if word else at


def _finest(columns: Sequence[_Column], stamped: Sequence[int]) -> int:
    """The first of the stamps that tells parts of a second (`$msec` beside `$time_local`), or else the first."""
    return next((number for number in stamped if "." in columns[number].first.text), stamped[0])


def _shape(text: str, *, whole: bool) -> Shape | None:
    head = stamps.at_head(text) if _BEGINS.match(text) else None
    if head is None or head[0].clock is Clock.TIME_OF_DAY or (whole and head[1].strip()):
        return None
    return head[0]


def _named(columns: Sequence[_Column]) -> list[str]:
    """A name for each column; empty where there is nothing to tell."""
    names = [_labelled(column) for column in columns]
    stamped = [number for number, column in enumerate(columns) if column.first.shape]
    if stamped:
        names[_finest(columns, stamped)] = "time_local"
        if stamped[0] > 2 and set(columns[stamped[0] - 2].texts) == {"-"}:
            names[stamped[0] - 1] = "remote_user"  # as in Apache's and nginx's `combined`
    asked = _request(columns, names)
    answered = _place(columns, names, "status", lambda column: column.all_are(r"[1-5]\d\d", "-"), asked)
    _place(columns, names, "remote_addr", lambda column: column.all_are(_LIST, "-"), -1)
    if answered is not None:
        if answered + 1 < len(columns) and columns[answered + 1].all_are(r"\d+") and not names[answered + 1]:
            names[answered + 1] = "body_bytes_sent"
        for name, told in _AFTER.items():
            _place(columns, names, name, told, answered)
    _place(columns, names, "host", lambda column: column.all_are(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?|localhost(?::\d+)?"), -1)
    return _unique([name or _numbered(columns[number], number) for number, name in enumerate(names)])


_AFTER: dict[str, Callable[[_Column], bool]] = {
    "http_referer": lambda column: column.first.mark == '"' and column.all_are(r"(?:https?|android-app)://.*|-|", ""),
    "http_user_agent": lambda column: any(
        re.match(r"[\w. -]+/v?\d" if column.first.mark == '"' else r"Mozilla/\d", text) for text in column.texts
    ),
    "upstream_addr": lambda column: column.all_are(rf"{_IP}:\d+(?:[,:]? .*)?|unix:\S+"),
    "http_x_forwarded_for": lambda column: column.first.mark == '"' and column.all_are(_LIST),
    "request_time": lambda column: column.all_are(r"\d+\.\d{1,6}", ""),
    "upstream_response_time": lambda column: column.all_are(r"\d+\.\d{3}(?:[,:]? .*)?"),
}
"""What stands behind the status, by what its values look like."""


def _labelled(column: _Column) -> str:
    label = re.sub(r"\W", "_", column.first.label.rstrip("=: ")).strip("_").lower()
    if column.first.label.endswith((":", ": ")) and label == "host":
        return "remote_addr"
    return VARIABLES.get(label, label)


def _request(columns: Sequence[_Column], names: list[str]) -> int:
    """Where the request stands; its method and path may be columns of their own."""
    for number, column in enumerate(columns):
        if names[number] in ("request", "request_uri"):
            return number
        if not names[number] and column.share(rf"{_METHOD} \S") >= FEWEST:
            names[number] = "request"
            return number
        following = columns[number + 1] if number + 1 < len(columns) else None
        if following and not names[number] and column.all_are(_METHOD, "") and following.all_are(r"(?:/|https?://|\*).*", ""):
            names[number], names[number + 1] = "request_method", "request_uri"
            return number + 1
    return -1


def _place(columns: Sequence[_Column], names: list[str], name: str, told: Callable[[_Column], bool], after: int) -> int | None:
    """Where a column of this name stands: the first behind another that looks so, else the last before it."""
    if name in names:
        return names.index(name)
    fits = [number for number, column in enumerate(columns) if not names[number] and told(column)]
    found = next((number for number in fits if number > after), fits[-1] if fits and name == "status" else None)
    if found is not None:
        names[found] = name
    return found


def _numbered(column: _Column, number: int) -> str:
    return f"field_{number + 1}" if column.all_are(".*") else ""


def _unique(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += bool(name)
        unique.append(f"{name}_{seen[name]}" if name and seen[name] > 1 else name)
    return unique


def _format(columns: Sequence[_Column], names: Sequence[str]) -> LogFormat:
    """Of lines that end early, what there is is read; all must have what leads up to the status."""
    parts, answered = list(_parts(columns, names)), names.index("status") + 1
    rest = parts[answered:]
    pattern = "".join([*parts[:answered], *(f"(?:{part}" for part in rest), ")?" * len(rest)])
    shape = columns[names.index("time_local")].first.shape
    text = " ".join(f"${{{name}}}" for name in names if name)
    return LogFormat("inferred", text, rf"^{pattern}(?:[\s|].*)?$", shape)


def _parts(columns: Sequence[_Column], names: Sequence[str]) -> Iterator[str]:
    stamped = names.index("time_local")
    mark = next((mark for mark in "|\t" if sum(mark in column.first.before for column in columns) >= FEWEST_MARKS), "")
    for number, (column, name) in enumerate(zip(columns, names, strict=True)):
        value = column.first
        opening, closing = {'"': ('"', '"'), "[": (r"\[", r"\]")}.get(value.mark, ("", ""))
        held = _inside(value, name, mark, timed=number == stamped)
        group = f"({held})" if name else f"(?:{held})"
        yield rf"{_between(value.before)}{re.escape(value.label)}{opening}{group}{closing}"


def _between(literal: str) -> str:
    return re.sub(r"(?:\\?\s)+", lambda _: r"\s*", re.escape(literal)) if literal.strip() else r"\s+" * bool(literal)


def _inside(value: _Value, name: str, mark: str, *, timed: bool) -> str:
    """What a value may hold: no bar or tab where these stand between all values."""
    if timed and value.shape:
        return value.shape.pattern
    if value.mark:
        return r'(?:[^"\\]|\\.)*' if value.mark == '"' else r"[^\[\]]*"
    if name == "status":
        return r"\d{3}|-"
    if value.label.endswith((":", ": ")):
        return r"[^\t|]*"
    if mark:
        return rf'(?:[^{mark}"]*[^{mark}"\s])?'
    return TRIES
