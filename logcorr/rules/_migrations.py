"""Which commands bring a database's tables to what a release needs."""

from __future__ import annotations

from logcorr.lazily import regex
from logcorr.semantics.written import Written

MIGRATIONS = regex(
    r"""(?x)
    (?P<alembic>\balembic\b.*\supgrade\b)           | (?P<prisma>\bprisma\s+(?:migrate\s+deploy|db\s+push)\b)
    | (?P<django>\bmanage\.py\s+migrate\b)          | (?P<flask>\bflask\s+db\s+upgrade\b)
    | (?P<npm>\b(?:npm\s+run|pnpm(?:\s+run)?|yarn(?:\s+run)?)\s+(?:[\w-]+:)?migrat(?:e|ions?)(?::(?:deploy|run|up|latest|prod|all))?(?=\s|$))
    | (?P<knex>\bknex\s+migrate:latest\b)           | (?P<sequelize>\bsequelize(?:-cli)?\s+db:migrate(?=\s|$))
    | (?P<rails>\b(?:rails|rake)\s+db:migrate(?=\s|$)) | (?P<artisan>\bartisan\s+migrate(?=\s|$))
    | (?P<flyway>\bflyway\b.*\smigrate\b)           | (?P<typeorm>\btypeorm\b.*\bmigration:run\b)
    | (?P<doctrine>\bdoctrine:migrations:migrate\b)  | (?P<supabase>\bsupabase\s+db\s+push\b)
    | (?P<drizzle>\bdrizzle-kit\s+(?:migrate|push)\b) | (?P<sqlx>\b(?:sqlx\s+migrate|diesel\s+migration)\s+run\b)
    | (?P<dotnet>\bef\s+database\s+update\b)
    """
)


def migrates(command: Written) -> str | None:
    """The migration that it runs, directly or in a container, in as many words as tell it."""
    found = MIGRATIONS.search(" ".join((command.name, *command.words)))
    if not found:
        return None
    words = found[0].split()
    return " ".join(words if len(words) <= 3 else (words[0], words[-1]))
