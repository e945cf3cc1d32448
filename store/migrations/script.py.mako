"""${message}."""

from __future__ import annotations

from store.migrations.sql_files import run

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("${up_revision}/up")


def downgrade() -> None:
    run("${up_revision}/down")
