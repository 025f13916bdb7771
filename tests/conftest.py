"""Property tests draw the same examples every time, and take the time that a busy machine needs.

As many tests run at a time as there are cores; polars with threads for each core beside that only takes longer.
"""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read when polars is first imported

settings.register_profile("logcorr", deadline=None, derandomize=True)
settings.load_profile("logcorr")
