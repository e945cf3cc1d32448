"""Everything PostgreSQL holds, as of one instant, and the world's books before and after it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """One dispute's rows; `timeline` in the order of entries, `inbox` in the order of receipts."""

    head: Row
    timeline: list[Row]
    inbox: list[Row]
    legs: list[Row]

    @property
    def dispute_id(self) -> str:
        return str(self.head["dispute_id"])

    @property
    def closed(self) -> bool:
        return self.head["closed_at"] is not None


@dataclass(frozen=True)
class Snapshot:
    """All disputes by id; `refunds_before` and `refunds_after` are the world's books around the instant of the rest."""

    at: datetime
    disputes: dict[str, Stored]
    refunds_before: list[Row]
    refunds_after: list[Row]


async def take_snapshot(dsn: str, world_url: str) -> Snapshot:
    """Reads all of it in one transaction that sees one instant."""
    before = await _refunds(world_url)
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        at = await (await connection.execute("select clock_timestamp() as at")).fetchone()
        heads = await (await connection.execute("select * from disputes")).fetchall()
        entries = await (await connection.execute("select * from timeline order by dispute_id, entry")).fetchall()
        rows = await (await connection.execute("select * from inbox order by dispute_id, receipt")).fetchall()
        legs = await (await connection.execute("select * from legs order by dispute_id, leg")).fetchall()
    assert at is not None
    of_dispute = [_by_dispute(table) for table in (entries, rows, legs)]
    return Snapshot(
        at=at["at"],
        disputes={
            str(head["dispute_id"]): Stored(head, *(table[str(head["dispute_id"])] for table in of_dispute))
            for head in heads
        },
        refunds_before=before,
        refunds_after=await _refunds(world_url),
    )


def _by_dispute(rows: list[Row]) -> defaultdict[str, list[Row]]:
    grouped: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[str(row["dispute_id"])].append(row)
    return grouped


async def _refunds(world_url: str) -> list[Row]:
    async with httpx.AsyncClient(base_url=world_url, trust_env=False) as world:
        books = (await world.get("/books")).raise_for_status().json()
    refunds: list[Row] = books["refunds"]
    return refunds
