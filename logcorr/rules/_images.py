"""What an image's containers run, and what is copied into it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.facts import ComposeFile, Image, Script, Service
from logcorr.model.source import Span
from logcorr.semantics.paths import collected, folder_of, normal
from logcorr.semantics.written import AndOr, Node, Simple, Written, commands, tree

SHELLS = frozenset({"sh", "bash", "dash", "ash"})
COPIES = regex(r"\s*(?:COPY|ADD)\s+(?:--\S+\s+)*(?P<sources>\S.*?)\s+(?P<target>\S+)\s*")
TABLES = regex(r"/etc/(?:cron\.d|crontabs)(?:/|$)|/etc/crontab$|/var/spool/cron/")
SERVES = frozenset({
    "gunicorn", "uvicorn", "hypercorn", "daphne", "uwsgi", "celery", "flask", "streamlit", "python", "python3", "node", "npm",
    "yarn", "pnpm", "npx", "bun", "deno", "java", "php", "php-fpm", "apache2ctl", "httpd", "nginx", "caddy", "ruby", "rails",
    "bundle", "puma", "sidekiq", "dotnet", "go", "redis-server", "postgres", "mysqld", "supervisord", "cron", "crond",
})  # fmt: skip
"""Programs that a container is there to run; what others are, a name does not tell."""


def built_by(case: Configuration, file: ComposeFile, service: Service) -> Image | None:
    """The image that a service is built as; Docker takes a `dockerfile` where there is no `Dockerfile`."""
    if service.dockerfile is None:
        return None
    images = {image.span.path: image for image in case.of(Image)}
    built = normal(service.dockerfile, folder_of(file.span.path))
    lower = normal("dockerfile", folder_of(built)) if built.rpartition("/")[2] == "Dockerfile" else built
    return images.get(built, images.get(lower))


def start_script(case: Configuration, image: Image) -> Script | None:
    """The collected script that is the first process of the image's containers; None where something else is."""
    words = image.entrypoint or image.command
    if words[:1] and words[0].rpartition("/")[2] in SHELLS and len(words) == 1:
        words = image.command
    elif words[:1] and words[0].rpartition("/")[2] in SHELLS:
        words = words[2:] if words[1] == "-c" else words[1:]
    named = words[0].split()[0].removeprefix("exec ") if words and words[0].split() else ""
    if not named.endswith(".sh"):
        return None
    whole = {script.span.path: script for script in case.of(Script) if script.span.line == 1 and not script.column}
    found = collected(named, whole, None, asker=image.span.path)
    return whole[found] if found else None


def last_command(script: Script) -> Written | None:
    """The command that a script ends with, where that is a plain one."""
    nodes = tree(script).commands
    return at(script, nodes[-1]) if nodes else None


def last_of_list(words: tuple[str, ...], path: str, line: int) -> Written | None:
    """The last command of `sh -c 'one && two'`, where the shell stays and it does not take its place.

    A shell that is given one command alone becomes it, and so does bash with the last of several.
    """
    shell = words[:1] and words[0].rpartition("/")[2] in SHELLS - {"bash"}
    if not shell or len(words) < 3 or words[1] not in ("-c", "-ec", "-lc"):
        return None
    script = Script(span=Span(path, line), name=path, text=words[2], interpreter="sh")
    nodes = tree(script).commands
    last = nodes[-1] if nodes else None
    joined = isinstance(last, AndOr) and last.operator == "&&"
    command = (
        at(script, last.right) if isinstance(last, AndOr) and joined else at(script, last) if len(nodes) > 1 and last else None
    )
    return command if command and "exec" not in command.wrappers else None


def at(script: Script, node: Node) -> Written | None:
    """A plain command as written."""
    return next((one for one in commands(script) if isinstance(node, Simple) and one.node is node), None)


def tables_in(image: Image) -> Iterator[tuple[Span, tuple[str, ...], str]]:
    """The steps that copy cron tables to where cron looks for them: their lines, what is copied, and to where."""
    for line, step in zip(image.steps_at, image.steps, strict=True):
        copied = COPIES.fullmatch(step)
        if copied and TABLES.search(copied["target"]):
            yield Span(image.span.path, line), tuple(copied["sources"].split()), copied["target"]
