"""Messages that others leave with the world, each kept once under its own id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox.problem import Problem
from sandbox.shapes import read_instant, write_instant
from sandbox.world import World


@dataclass(frozen=True)
class Received:
    """When a message came for the first time, and whether that is now."""

    received_at: datetime
    new: bool


def receive(
    world: World,
    kind: Literal["notice", "order_event"],
    message_id: str,
    dispute_id: str,
    content: dict[str, Any],
    at: datetime,
) -> Received:
    """Keeps the message once; raises Problem 409 when the id is there with other content."""
    text = json.dumps(content, sort_keys=True)
    with world.effect() as sql:
        there = sql.execute(
            "select content, received_at from messages where kind = ? and id = ?", (kind, message_id)
        ).fetchone()
        if there is None:
            sql.execute(
                "insert into messages (kind, id, dispute_id, content, received_at) values (?, ?, ?, ?, ?)",
                (kind, message_id, dispute_id, text, write_instant(at)),
            )
            return Received(at, new=True)
    if there["content"] != text:
        raise Problem(409, f"{kind}_exists", f"{message_id} was received before with other content.")
    return Received(read_instant(there["received_at"]), new=False)


def received(world: World, kind: str) -> list[dict[str, Any]]:
    """All messages of one kind, oldest first, each with `received_at`."""
    rows = world.sql.execute("select content, received_at from messages where kind = ? order by seq", (kind,))
    return [{**json.loads(row["content"]), "received_at": row["received_at"]} for row in rows]
