"""Property tests draw the same examples every time, and take the time that a busy machine needs."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("logcorr", deadline=None, derandomize=True)
settings.load_profile("logcorr")
