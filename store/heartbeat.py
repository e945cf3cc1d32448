"""Intake's heartbeat: the proof that parties could reach us, kept for forty days."""

from __future__ import annotations

from datetime import timedelta

from store.database import Database

BEAT_INTERVAL = timedelta(seconds=60)
"""How often intake calls `beat`; a lapse forgives two missed beats (`intake_was_down` in the migrations)."""


async def beat(database: Database) -> None:
    """Record that intake can receive now, and forget beats older than forty days."""
    await database.fetch(
        """
        with forgotten as (
          delete from heartbeats where beat_at < statement_timestamp() - interval '960 hours'
        )
        insert into heartbeats (beat_at) values (clock_timestamp()) on conflict do nothing returning beat_at
        """,
        {},
    )
