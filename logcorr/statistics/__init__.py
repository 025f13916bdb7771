"""Periods, schedules, clocks and onsets from event times. Numbers in, numbers out; knows no logs."""
