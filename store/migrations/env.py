"""Runs migrations on the connection it is given, one migrator at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

# Any constant will do, as long as every migrator of this schema takes the same.
_LOCK = 7_421_900_311

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
with connection.begin():
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    # A migration that waits for a table behind a long query would make every other caller wait behind it.
    connection.execute(text("set local lock_timeout = '5s'"))
    context.run_migrations()
