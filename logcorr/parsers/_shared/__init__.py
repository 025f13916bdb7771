"""What log parsers share; no parser stands here."""
