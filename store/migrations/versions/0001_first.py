"""Disputes, their timelines, inbox, outbox, units, legs and heartbeats."""

from __future__ import annotations

from store.migrations.sql_files import run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0001/up")


def downgrade() -> None:
    run("0001/down")
