"""Renderers of the result document."""
