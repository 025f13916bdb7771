"""Folders and files become artifacts: walk, decode, recognise."""
