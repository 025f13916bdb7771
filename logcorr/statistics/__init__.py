"""Periods, schedules, clocks and onsets from event times. Numbers in, numbers out; knows no logs.

Times are epoch seconds (float), windows are the first and last time that a log covers, results are small frozen records whose
numbers a person can check by eye. Everything is a pure function: same input, same output.
"""

from logcorr.statistics.assessment import Mechanisms
from logcorr.statistics.attribution import Attribution, Evidence, Group, Job, attribute
from logcorr.statistics.detection import Periodicity, detect
from logcorr.statistics.schedules import Schedule
from logcorr.statistics.trains import Bursts, collapse, resolution

__all__ = [
    "Attribution",
    "Bursts",
    "Evidence",
    "Group",
    "Job",
    "Mechanisms",
    "Periodicity",
    "Schedule",
    "attribute",
    "collapse",
    "detect",
    "resolution",
]
