"""How well does logcorr.statistics answer, next to the usual methods, on trains whose cause is known."""
