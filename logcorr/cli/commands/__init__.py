"""One module is one command, of the same name. To add one: the module, and its part of `docs/cli.md`."""
