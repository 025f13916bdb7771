"""Event frames of many files become one timeline."""

from logcorr.timeline.blocks import Log, Query, scan
from logcorr.timeline.merge import Timeline, build, logs_of, timed

__all__ = ["Log", "Query", "Timeline", "build", "logs_of", "scan", "timed"]
