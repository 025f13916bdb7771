"""Periods, schedules, clocks and onsets from event times. Numbers in, numbers out; knows no logs.

Times are epoch seconds (float), windows are the first and last time that a log covers, results are small frozen
records whose numbers a person can check by eye. Everything is a pure function: same input, same output.
"""

from logcorr.statistics.assessment import Mechanisms
from logcorr.statistics.attribution import Attribution, Evidence, Group, Job, attribute
from logcorr.statistics.clocks import ClockOffset, offset
from logcorr.statistics.dependence import Dependence, dependence
from logcorr.statistics.detection import Periodicity, detect
from logcorr.statistics.lags import Lag, lag
from logcorr.statistics.onset import Change, onsets
from logcorr.statistics.peeling import peel
from logcorr.statistics.schedules import Schedule
from logcorr.statistics.timeouts import Timeout, timeouts
from logcorr.statistics.trains import Bursts, collapse, resolution

__all__ = [
    "Attribution",
    "Bursts",
    "Change",
    "ClockOffset",
    "Dependence",
    "Evidence",
    "Group",
    "Job",
    "Lag",
    "Mechanisms",
    "Periodicity",
    "Schedule",
    "Timeout",
    "attribute",
    "collapse",
    "dependence",
    "detect",
    "lag",
    "offset",
    "onsets",
    "peel",
    "resolution",
    "timeouts",
]
