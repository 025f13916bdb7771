"""Event frames of many files become one timeline."""

from logcorr.timeline.merge import Timeline, build

__all__ = ["Timeline", "build"]
