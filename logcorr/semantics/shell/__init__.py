"""What would this script do?

`interpret` follows a script along every path it can take, without running anything, and lists the probes, effects, calls,
pauses and messages it meets. `Interpretation.reach` then says how far an effect is reached, given what the probes can get.
"""

from logcorr.semantics.shell.facts import Message, Sleep
from logcorr.semantics.shell.interpretation import Interpretation, interpret, no_scripts
from logcorr.semantics.shell.outcomes import UNKNOWN_TEXT, any_outcomes, outcomes

__all__ = ["UNKNOWN_TEXT", "Interpretation", "Message", "Sleep", "any_outcomes", "interpret", "no_scripts", "outcomes"]
