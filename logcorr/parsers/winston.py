r"""Application logs as winston writes them: `printf` templates, `simple`, JSON lines.

`2025-10-16 09:55:03 [info]: Received SIGTERM, shutting down gracefully...`

winston has no single format; logform's `printf` lets everyone write their own (https://github.com/winstonjs/logform). Time,
level and message are found in any usual order of brackets; what follows an event without a stamp (stack traces,
`util.inspect` blocks) belongs to it, unless it says itself that a process ends or begins; one with a stamp alone is an
event too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from logcorr.grammar import inspected, messages, printf, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.grammar.printf import Agreed
from logcorr.grammar.stamps import Shape
from logcorr.grammar.winston import Layout, Template, cased, head_pattern, layout_of, template_of
from logcorr.lazily import pl, regex
from logcorr.model.events import event_schema
from logcorr.model.facts import Fact, LineTemplate, of_kind
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import (
    LEVELS,
    LONGEST_LEVEL,
    died_at,
    dies,
    dying,
    events,
    failure,
    folded,
    groups_of,
    lived,
    no,
    patched,
    severity_of,
    with_failures,
)
from logcorr.parsers._shared.records import members, records


def _recognise(sample: Sample) -> float:
    found = members(sample.lines)
    if found:
        own = [record for record in found if isinstance(record.get("level"), str) and "message" in record]
        return 0.9 * len(own) / len(found)
    if inspected.is_written(sample.lines):
        return 0.8
    layout = layout_of(sample.lines, LEVELS)
    if layout.shape is None or stamps.share(sample.lines, _SIMPLE.match) >= 0.6:
        bare = re.compile(head_pattern(Layout(None), LEVELS), re.ASCII)
        return 0.4 if stamps.share(sample.lines, bare.match) >= 0.6 else 0.0
    head = re.compile(head_pattern(layout, LEVELS), re.ASCII)
    levelled = sum(head.match(line) is not None for line in sample.lines)
    stamped = levelled + sum(stamps.at_head(line) is not None and not head.match(line) for line in sample.lines)
    return 0.8 * levelled / stamped if levelled and levelled >= 0.6 * stamped else 0.0


def _recognise_by(sample: Sample, facts: Sequence[Fact]) -> bool:
    agreed = _agreed(sample.lines, facts)
    return agreed is not None and agreed.count >= 0.3 * sum(bool(line) and not line[0].isspace() for line in sample.lines)


def _agreed(lines: Sequence[str], facts: Sequence[Fact]) -> Agreed | None:
    return printf.agreed(lines, [fact.text for fact in of_kind(LineTemplate, facts)], cased(LEVELS))


_SIMPLE = regex(rf"^(?:{LEVELS}): ")
_SIMPLE_TIME = r'"timestamp":"([^"\\]+)"[^"]*\}$'


@log_parser(
    title="winston and other application logs",
    source="app",
    recognise=_recognise,
    emits=messages.emitted(messages.APPLICATION),
    recognise_by=_recognise_by,
)
def winston(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written), label and pid; of JSON lines with service, label and stack."""
    if members(context.sample.lines):
        return records(lines, context, {"service_name": "service", "label": "label", "stack": "stack"})
    if inspected.is_written(context.sample.lines):
        return _inspected(lines, context)
    layout = layout_of(context.sample.lines, LEVELS)
    agreed = _agreed(context.sample.lines, context.facts)
    if agreed and _tells_more(agreed, layout, context.sample.lines):
        return _templated(lines, context, agreed)
    if layout.before != "level" and stamps.share(context.sample.lines, _SIMPLE.match) >= 0.6:
        return _simple(lines, context)
    return _text(lines, context, layout)


def _tells_more(agreed: Agreed, layout: Layout, lines: Sequence[str]) -> bool:
    """Whether a template from source reads more lines than their own layout, or finds another message in one."""
    own, head = re.compile(agreed.pattern, re.ASCII), re.compile(head_pattern(layout, LEVELS), re.ASCII)
    read = [(own.match(line), head.match(line)) for line in lines]
    differ = any(by_own and by_head and by_own.start("message") != by_head.end() for by_own, by_head in read)
    return differ or agreed.count > sum(by_head is not None for _, by_head in read)


def _templated(lines: pl.LazyFrame, context: Context, agreed: Agreed) -> pl.LazyFrame:
    """Lines by the template in their application's source: a column for each of its values."""
    shape = agreed.shape
    part = pl.col("groups").struct.field
    groups = pl.col("text").str.extract_groups(ascii_only(agreed.pattern)).alias("groups")
    read = lines.with_columns(groups)
    read = read.with_columns(dying(context, part("message").is_not_null(), part("message")).alias("dying"))
    headless = pl.when(part("message").is_null()).then(pl.col("text"))
    bare = messages.kind_of(headless, messages.bare(messages.APPLICATION)).is_not_null() | dies()
    cut = folded(with_failures(read, headless), part("message").is_not_null() | bare, context)
    message = pl.coalesce(part("message"), pl.col("text"))
    time = shape.time(part("stamp")) if shape else no(pl.Datetime("us"))
    offset = shape.utc_offset_s(part("stamp")) if shape else None
    level = part("level") if "(?P<level>" in agreed.pattern else no(pl.String)
    return events(
        cut.with_columns(time.alias("time")),
        time=died_at(context),
        severity=severity_of(level),
        kind=pl.coalesce(messages.kind_of(message, messages.APPLICATION), failure(), lived(context)),
        message=message,
        parsed=part("message").is_not_null(),
        count=pl.col("lines"),
        own={"level": level}
        | {_column(name): part(name) for name in agreed.names}
        | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _column(name: str) -> str:
    """A property's column; those whose names mean something else here are `…_text`."""
    if name == "service":
        return "service_name"
    return f"{name}_text" if name in (*event_schema(), "source", "file", "logged_at", "utc_offset_s") else name


def _simple(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """`info: message {"timestamp":"2026-01-31 12:00:00"}`: the time is in the metadata at the event's end, if anywhere."""
    sample = [match[1] for match in (re.search(_SIMPLE_TIME, line) for line in context.sample.lines) if match]
    shape = stamps.shape_of(tuple(sample))
    level = pl.col("text").str.extract(rf"^({LEVELS}): ", 1)
    row = pl.when(pl.col("stamp").is_not_null()).then(pl.int_range(pl.len()))
    read = lines.with_columns(level.alias("level"), pl.col("text").str.extract(_SIMPLE_TIME, 1).alias("stamp"))
    reached = read.with_columns(pl.col("stamp").backward_fill(), row.backward_fill().alias("stamped_at"))
    message = pl.col("text").str.slice(pl.col("level").str.len_chars().fill_null(-2) + 2).alias("message")
    failing = with_failures(reached, pl.when(pl.col("level").is_null()).then(pl.col("text")))
    cut = folded(failing, pl.col("level").is_not_null(), context).with_columns(message)
    own_stamp = pl.when(pl.col("stamped_at") < pl.col("row") + pl.col("lines")).then(pl.col("stamp"))
    return events(
        cut,
        time=shape.time(shape.text(own_stamp)) if shape else no(pl.Datetime("us")),
        severity=severity_of(pl.col("level")),
        kind=pl.coalesce(messages.kind_of(pl.col("message"), messages.APPLICATION), failure()),
        message=pl.col("message"),
        parsed=pl.col("level").is_not_null(),
        count=pl.col("lines"),
        own={"level": pl.col("level")},
    )


def _inspected(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """`prettyPrint`: an object a block, its members in any order."""
    times = [match[1] for line in context.sample.lines if (match := re.match(r"  timestamp: ['\"](.+)['\"]", line))]
    shape = stamps.shape_of(tuple(times))
    opens = pl.col("text") == inspected.OPEN
    block = lines.with_columns(opens.cum_sum().alias("block"))
    of_block = block.group_by("block", maintain_order=True).agg(
        pl.col("line").first(),
        pl.len().cast(pl.UInt32).alias("lines"),
        pl.col("text").str.join("\n"),
        pl.col("^logged_at$").first(),
    )
    names = ("level", "message", "timestamp", "service", "label")
    read = of_block.with_columns(inspected.member(pl.col("text"), name).alias(name) for name in names)
    return events(
        read,
        time=shape.time(shape.text(pl.col("timestamp"))) if shape else no(pl.Datetime("us")),
        severity=severity_of(pl.col("level")),
        kind=pl.coalesce(
            messages.kind_of(pl.col("message"), messages.APPLICATION), messages.kind_of(pl.col("text"), messages.FAILURES)
        ),
        message=pl.coalesce("message", pl.col("text")),
        parsed=pl.col("text").str.starts_with(inspected.OPEN),
        count=pl.col("lines"),
        own={"level": pl.col("level"), "label": pl.col("label"), "service_name": pl.col("service")},
    )


def _text(lines: pl.LazyFrame, context: Context, layout: Layout) -> pl.LazyFrame:
    shape = layout.shape
    read = _heads(lines, context.sample.lines, layout)
    read = read.with_columns(dying(context, pl.col("is_head"), pl.col("message")).alias("dying"))
    headless = pl.when(~pl.col("is_head")).then(pl.col("text"))
    bare = messages.kind_of(headless, messages.bare(messages.APPLICATION)).is_not_null() | dies()
    cut = folded(with_failures(read, headless), pl.col("is_head") | bare, context)
    offset = shape.utc_offset_s(pl.col("stamp")) if shape else None
    return events(
        cut,
        time=died_at(context),
        severity=severity_of(pl.col("level")),
        kind=pl.coalesce(messages.kind_of(pl.col("message"), messages.APPLICATION), failure(), lived(context)),
        message=pl.col("message"),
        parsed=pl.col("is_head") | bare,
        count=pl.col("lines"),
        own={"level": pl.col("level"), "label": pl.col("label"), "pid": pl.col("pid").cast(pl.Int32, strict=False)}
        | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _heads(lines: pl.LazyFrame, sample: tuple[str, ...], layout: Layout) -> pl.LazyFrame:
    """The lines with `is_head`, time, stamp, level, label, pid and message: cut by the file's template, or found by pattern."""
    shape = layout.shape
    pattern = head_pattern(layout, LEVELS, always=False)
    template = template_of(sample, head_pattern(layout, LEVELS)) if not layout.before else None
    raw = lines.with_columns(pl.col("text").cast(pl.Binary).alias("raw"))
    tried = _cut(raw, template, shape) if template and shape else raw.with_columns(pl.lit(False).alias("fits"))
    part = groups_of(pl.when(~pl.col("fits") & ~_continues(layout)).then(pl.col("text")), ascii_only(pattern)).alias("groups")
    found = pl.col("groups").struct.field
    begin = found("head").str.len_bytes().fill_null(0)
    whole = {"stamp": found("stamp"), "level": pl.coalesce(found("level"), found("word"), found("plain"))}
    if template and shape:
        whole = {name: patched(pl.col(f"cut_{name}"), column, ~pl.col("fits")) for name, column in whole.items()}
        begin = pl.when("fits").then(pl.col("cut_begin")).otherwise(begin)
    message = pl.col("raw").bin.slice(begin).cast(pl.String).str.strip_chars_start(" ")
    ready = tried.with_columns(part).with_columns(
        (pl.col("fits") | found("head").is_not_null()).alias("is_head"),
        message.alias("message"),
        found("label").alias("label"),
        found("pid").alias("pid"),
        *(column.alias(name) for name, column in whole.items()),
    )
    if not shape:
        return ready.with_columns(no(pl.Datetime("us")).alias("time"))
    if not template:
        return ready.with_columns(shape.time(pl.col("stamp")).alias("time"))
    others = shape.time(pl.when(~pl.col("fits")).then(pl.col("stamp")))
    return ready.with_columns(pl.when("fits").then(pl.col("cut_time")).otherwise(others).alias("time"))


def _continues(layout: Layout) -> pl.Expr:
    """Whether a line cannot begin an event: it is indented, and what begins with a stamp is not."""
    indented = pl.col("text").str.starts_with(" ") | pl.col("text").str.starts_with("\t")
    return indented if layout.shape and not layout.before else pl.lit(False)


def _cut(lines: pl.LazyFrame, template: Template, shape: Shape) -> pl.LazyFrame:
    """Cuts at the template's places; `fits` where that gives a time and a level with the template's text around it.

    All before the message is ASCII then, so that places in characters are places in bytes.
    """
    stamp = pl.col("text").str.slice(template.lead, template.width)
    between = pl.col("text").str.slice(template.lead + template.width, len(template.between)) == template.between
    near = pl.col("text").str.slice(template.level_at, LONGEST_LEVEL + len(template.close))
    placed = lines.with_columns(stamp.alias("cut_stamp"), pl.when(between).then(near).alias("near"))
    end = pl.col("near").str.find(template.close, literal=True)
    level = placed.with_columns(end.alias("end")).with_columns(
        pl.col("near").str.slice(0, pl.col("end")).alias("cut_level"), shape.time(pl.col("cut_stamp")).alias("cut_time")
    )
    fits = severity_of(pl.col("cut_level")).is_not_null() & pl.col("cut_time").is_not_null()
    begin = pl.col("end") + template.level_at + len(template.close)
    return level.with_columns(fits.fill_null(False).alias("fits"), begin.alias("cut_begin"))
