"""Which commands bring a database's tables to what a release needs."""

from __future__ import annotations

from logcorr.lazily import regex
from logcorr.semantics.written import Written

MIGRATIONS = regex(
    r"""(?x)
    (?P<alembic>\balembic\b.*\supgrade\b)           | (?P<prisma>\bprisma\s+(?:migrate\s+deploy|db\s+push)\b)
    | (?P<django>\bmanage\.py\s+migrate\b)          | (?P<flask>\bflask\s+db\s+upgrade\b)
    | (?P<npm>\b(?:npm\s+run|pnpm(?:\s+run)?|yarn(?:\s+run)?)\s+(?:[\w-]+:)?
      migrat(?:e|ions?)(?::(?:deploy|run|up|latest|prod|all))?(?=\s|$))
    | (?P<knex>\bknex\s+migrate:latest\b)           | (?P<sequelize>\bsequelize(?:-cli)?\s+db:migrate(?=\s|$))
    | (?P<rails>\b(?:rails|rake)\s+db:migrate(?=\s|$)) | (?P<artisan>\bartisan\s+migrate(?=\s|$))
    | (?P<flyway>\bflyway\b.*\smigrate\b)           | (?P<typeorm>\btypeorm\b.*\bmigration:run\b)
    | (?P<doctrine>\bdoctrine:migrations:migrate\b)  | (?P<supabase>\bsupabase\s+db\s+push\b)
    | (?P<drizzle>\bdrizzle-kit\s+(?:migrate|push)\b) | (?P<sqlx>\b(?:sqlx\s+migrate|diesel\s+migration)\s+run\b)
    | (?P<dotnet>\bef\s+database\s+update\b)
    """
)


BY_NAME = regex(
    r"(?:[\w./$\"{}-]*/)?((?:run|apply|db|prod|do)?[_-]?migrat(?:e|ions?)(?:[_-](?:all|db|prod|up))?\.(?:sh|js|mjs|cjs|ts|py))"
)
"""A script called after what it does: not one that lists, checks or makes migrations."""

RUNNERS = frozenset({"bash", "sh", "node", "python", "python3", "tsx", "ts-node", "bun"})


def _script(command: Written) -> str | None:
    words = (command.words[:1] if command.name in RUNNERS else ()) or (command.name,)
    found = BY_NAME.fullmatch(words[0])
    return found[1] if found else None


def migrates(command: Written) -> str | None:
    """The migration that it runs, directly or in a container, in as many words as tell it."""
    found = MIGRATIONS.search(" ".join((command.name, *command.words)))
    if not found:
        return _script(command)
    words = found[0].split()
    return " ".join(words if len(words) <= 3 else (words[0], words[-1]))
