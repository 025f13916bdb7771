"""The results that others build on: the worked examples of the how-to page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from logcorr.statistics import Schedule, attribute, detect

MIDNIGHT = 1_760_572_800.0  # 2025-10-16T00:00:00Z
NINE = MIDNIGHT + 9 * 3600
SIGTERMS = [NINE + 300 * tick + late for tick, late in enumerate([3, 2, 4, 3, 2, 2, 3, 4, 2, 3, 3])]


def cron(name, period, offset=0, weight=1.0):
    return Schedule(name, np.arange(MIDNIGHT - 86400 + offset, MIDNIGHT + 2 * 86400, period), weight)


def test_eleven_of_eleven_sigterms_follow_a_five_minute_tick():
    listed = [cron("*/5", 300), cron("2-59/5", 300, 120), cron("*/10", 600), cron("0 *", 3600)]
    found = attribute(SIGTERMS, listed, start=NINE - 60, end=NINE + 3240)
    best = found.groups[0]
    assert [job.name for job in best.jobs] == ["*/5"]
    assert (best.evidence.explained, best.evidence.events, best.evidence.hits) == (11, 11, 11)
    assert (best.evidence.lag_low_s, best.evidence.lag_median_s, best.evidence.lag_high_s) == (2, 3, 4)
    assert best.probability > 0.95
    assert best.evidence.chance < 1e-9


def test_a_train_of_sigterms_is_locked_to_the_wall_clock():
    found = detect(SIGTERMS, start=NINE - 60, end=NINE + 3240)
    assert (found.mechanism, found.period_s) == ("wall_clock", 300)
    assert (found.explained, found.hits, found.phase_s) == (11, 11, 2)
    assert found.confidence > 0.99


def test_the_example_of_the_how_to_page_prints_what_the_page_says(capsys):
    page = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    exec(compile(code, "statistics.md", "exec"), {})
    said = code.strip().splitlines()[-1].removeprefix("# ")
    assert capsys.readouterr().out.strip() == said
