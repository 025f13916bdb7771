"""What a person sees when something goes wrong: one line `error:`, one line `tip:`, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from logcorr.errors import LogcorrError, NothingRecognised

USAGE, NOTHING, INTERNAL, INTERRUPTED = 2, 3, 5, 130


def guarded(run: Callable[[], object]) -> int:
    """Run a command and give its exit code; errors end as a line on stderr, a closed pipe in silence."""
    try:
        code = run()
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _report(error.format_message(), _tip(error), USAGE)
    except NothingRecognised as error:
        return _report(str(error), error.tip, NOTHING)
    except LogcorrError as error:
        return _report(str(error), error.tip, USAGE)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except SystemExit:  # what click makes of a closed pipe
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return 0
    except Exception as error:  # the one place where a bug becomes a message
        if os.environ.get("LOGCORR_DEBUG"):
            raise
        kind = f"{type(error).__name__}: {error}".splitlines()[0]
        return _report(
            f"internal error: {kind}", "this is a bug; LOGCORR_DEBUG=1 in the environment shows the traceback", INTERNAL
        )
    return code if isinstance(code, int) else 0


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that was most likely meant."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1)), None)


def _report(message: str, tip: str, code: int) -> int:
    color = False if os.environ.get("NO_COLOR") else True if os.environ.get("FORCE_COLOR") else None  # None: on a terminal
    click.echo(f"{click.style('error:', fg='red', bold=True)} {_one_line(message)}", err=True, color=color)
    if tip:
        click.echo(f"{click.style('tip:', fg='cyan', bold=True)} {_one_line(tip)}", err=True, color=color)
    return code


def _tip(error: click.ClickException) -> str:
    """What was probably meant, or where to read on."""
    if isinstance(error, click.exceptions.NoSuchCommand) and os.path.exists(error.command_name):  # noqa: PTH110  # pathlib is slow to import
        return f"say what to do with it: logcorr analyze {error.command_name}"
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption) and context and context.parent and _has(context.parent.command, error.option_name):
        return f"it stands before the command: {context.parent.command_path} {error.option_name} … {context.info_name}"
    if isinstance(error, click.BadParameter) and error.param and context and _by_environment(context, error.param):
        return f"the environment variable {error.param.envvar} says so"
    return f"`{context.command_path} --help` lists what there is" if context else ""


def _has(command: click.Command, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)


def _by_environment(context: click.Context, parameter: click.Parameter) -> bool:
    return context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.ENVIRONMENT


def _one_line(text: str) -> str:
    from logcorr.report.escape import line

    return line(text)
