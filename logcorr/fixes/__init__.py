"""Suggested patches, each re-proved by the interpreter."""
