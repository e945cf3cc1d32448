"""Intake whose transaction stays open: stamped now, to be seen by others only when the block ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from domain.canonical import canonical
from domain.commands import COMMANDS, Actor
from domain.envelope import content_digest
from starter.intake import command_id
from store.records import Command as InboxCommand


@asynccontextmanager
async def held_intake(
    connection: psycopg.AsyncConnection, dispute_id: UUID, name: str, fields: dict[str, Any], actor: Actor, key: str
) -> AsyncIterator[datetime]:
    """Receives a command as `starter.intake` does and gives its receipt; commits on leaving."""
    body = canonical(COMMANDS[name].model_validate(fields))
    row = InboxCommand(
        dispute_id=dispute_id,
        command_id=command_id(actor, key),
        name=name,
        actor_role=actor.role.value,
        actor_id=actor.id,
        body=body,
        digest=content_digest(name, actor, body),
    )
    async with connection.transaction():
        request = row.model_dump(mode="json") | {"daily_limit": 10_000}
        answered = await (await connection.execute("select receive_command(%s)", [Jsonb(request)])).fetchone()
        assert answered is not None
        yield datetime.fromisoformat(answered[0]["received_at"])
