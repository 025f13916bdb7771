"""The languages there are. The command line's help names them, so this imports next to nothing."""

from __future__ import annotations

import os.path

HOME = os.path.join(os.path.dirname(__file__), "locale")  # noqa: PTH118, PTH120  # pathlib is slow to import


def languages(home: str = HOME) -> dict[str, str]:
    """The catalogue of each language by its tag: every folder of `locale/` is one, and English needs none."""
    return {"en": "en"} | {name.replace("_", "-"): name for name in sorted(os.listdir(home))}  # noqa: PTH208


LOCALES = languages()
"""What `--lang` takes."""
