"""Correlate logs and configuration into a postmortem whose every sentence can be checked."""
