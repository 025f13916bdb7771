"""Event frames of many files become one timeline."""
