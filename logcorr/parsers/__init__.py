"""One module, one format."""
