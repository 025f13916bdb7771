"""Event frames of many files become one timeline."""

from logcorr.timeline.blocks import Log, Parsed, Query, scan
from logcorr.timeline.merge import Timeline, build, logs_of, timed

__all__ = ["Log", "Parsed", "Query", "Timeline", "build", "logs_of", "scan", "timed"]
