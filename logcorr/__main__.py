"""`python -m logcorr`."""

from logcorr.cli import main

main()
