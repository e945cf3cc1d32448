"""The read side: heads, timelines and lists for people, backlogs for operators."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import sql
from pydantic import AwareDatetime

from store.database import Database
from store.errors import NotFound
from store.records import EntryKind, Head, Policy, Record


class StoredHead(Head):
    """A dispute's head row; `clock_offset` is how far its test clock is ahead of real time."""

    dispute_id: UUID
    version: int
    entry: int
    order_id: str
    seller_id: str
    buyer_id: str
    market: str
    test_clock: bool
    clock_offset: timedelta
    opened_at: AwareDatetime
    started_at: AwareDatetime | None


class TimelineEntry(Record):
    """One entry as stored, byte for byte; only events have a version."""

    entry: int
    version: int | None
    kind: EntryKind
    command_id: str | None
    recorded_at: AwareDatetime
    body: str


class Filters(Record):
    """What a list is narrowed to; a field that is None does not narrow."""

    phase: str | None = None
    reason: str | None = None
    seller_id: str | None = None
    buyer_id: str | None = None
    arbiter_id: str | None = None
    order_id: str | None = None
    due_before: AwareDatetime | None = None
    needs_attention: bool | None = None


class Page(Record):
    """A page of a list, newest first; ask on with `starting_after` the last one's id."""

    disputes: tuple[StoredHead, ...]
    has_more: bool


class Undeliverable(Record):
    """A command that can never be delivered, for operators to look at."""

    dispute_id: UUID
    command_id: str
    name: str
    received_at: AwareDatetime
    undeliverable_at: AwareDatetime
    reason: str | None


class Backlog(Record):
    """What waits: commands not yet acknowledged, messages due and not sent, the last heartbeat."""

    unacknowledged: int
    oldest_unacknowledged_seconds: float | None
    undeliverable: int
    due_messages: int
    oldest_due_message_seconds: float | None
    last_beat_at: AwareDatetime | None


_HEAD = sql.SQL(
    "dispute_id, version, entry, phase, outcome, how, reason, order_id, seller_id, buyer_id, arbiter_id, market, "
    "amount_minor, currency, waiting_for, whose_turn, due_at, needs_attention, evidence_version, "
    "policy_digest, test_clock, clock_offset, opened_at, closed_at, started_at"
)


async def head(database: Database, dispute_id: UUID) -> StoredHead:
    """The dispute's head row.

    Raises:
        NotFound: no such dispute.
    """
    rows = await database.fetch(
        sql.SQL("select {} from disputes where dispute_id = %(dispute)s").format(_HEAD),
        {"dispute": dispute_id},
    )
    if not rows:
        raise NotFound("dispute", dispute_id)
    return StoredHead.model_validate(rows[0])


async def timeline(
    database: Database, dispute_id: UUID, *, after_entry: int = 0, limit: int = 1000
) -> list[TimelineEntry]:
    """Entries after `after_entry`, in order, at most `limit`; empty when there are none."""
    rows = await database.fetch(
        """
        select entry, version, kind, command_id, recorded_at, body
          from timeline
         where dispute_id = %(dispute)s and entry > %(after)s
         order by entry
         limit %(limit)s
        """,
        {"dispute": dispute_id, "after": after_entry, "limit": limit},
    )
    return [TimelineEntry.model_validate(row) for row in rows]


async def list_disputes(
    database: Database, filters: Filters, *, limit: int, starting_after: UUID | None = None
) -> Page:
    """One page of disputes, newest first.

    Raises:
        NotFound: `starting_after` is no dispute.
    """
    parameters: dict[str, Any] = {"limit": limit + 1}
    conditions: list[sql.Composable] = [sql.SQL("true")]
    for name, wanted in filters.model_dump(exclude_none=True).items():
        parameters[name] = wanted
        if name == "due_before":
            conditions.append(sql.SQL("closed_at is null and due_at < %(due_before)s"))
        else:
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)))
    if starting_after is not None:
        last = await head(database, starting_after)
        parameters |= {"last_opened_at": last.opened_at, "last_id": last.dispute_id}
        conditions.append(sql.SQL("(opened_at, dispute_id) < (%(last_opened_at)s, %(last_id)s)"))
    rows = await database.fetch(
        sql.SQL("select {} from disputes where {} order by opened_at desc, dispute_id desc limit %(limit)s").format(
            _HEAD, sql.SQL(" and ").join(conditions)
        ),
        parameters,
    )
    found = tuple(StoredHead.model_validate(row) for row in rows)
    return Page(disputes=found[:limit], has_more=len(found) > limit)


async def policy(database: Database, digest: str) -> Policy:
    """A policy document that some dispute has pinned.

    Raises:
        NotFound: no dispute ever used it.
    """
    rows = await database.fetch(
        "select digest, id, version, body from policies where digest = %(digest)s", {"digest": digest}
    )
    if not rows:
        raise NotFound("policy", digest)
    return Policy.model_validate(rows[0])


async def undeliverable(database: Database, *, limit: int = 100) -> list[Undeliverable]:
    """Commands that can never be delivered, the latest first."""
    rows = await database.fetch(
        """
        select dispute_id, command_id, name, received_at, undeliverable_at, last_error as reason
          from inbox
         where undeliverable_at is not null and acknowledged_at is null
         order by undeliverable_at desc
         limit %(limit)s
        """,
        {"limit": limit},
    )
    return [Undeliverable.model_validate(row) for row in rows]


async def backlog(database: Database) -> Backlog:
    """Counters for operators; ages are in seconds of real time, message ages on the dispute's clock."""
    rows = await database.fetch(
        """
        select waiting.*, due.*,
               (select count(*) from inbox where acknowledged_at is null and undeliverable_at is not null)
                 as undeliverable,
               (select max(beat_at) from heartbeats) as last_beat_at
          from (select count(*) as unacknowledged,
                       extract(epoch from statement_timestamp() - min(real_received_at))
                         as oldest_unacknowledged_seconds
                  from inbox
                 where acknowledged_at is null and undeliverable_at is null) waiting,
               (select count(*) as due_messages,
                       extract(epoch from max(statement_timestamp() + d.clock_offset - o.due_at))
                         as oldest_due_message_seconds
                  from outbox o join disputes d using (dispute_id)
                 where o.sent_at is null and o.voided_at is null
                   and o.due_at <= statement_timestamp() + d.clock_offset) due
        """,
        {},
    )
    return Backlog.model_validate(rows[0])


async def answer(database: Database, dispute_id: UUID, command_id: str) -> tuple[str | None, datetime]:
    """A command's stored answer, None while there is none, and its receipt on the dispute's clock.

    Raises:
        NotFound: the command was never received.
    """
    rows = await database.fetch(
        "select answer, received_at from inbox where dispute_id = %(dispute)s and command_id = %(command)s",
        {"dispute": dispute_id, "command": command_id},
    )
    if not rows:
        raise NotFound("command", f"{dispute_id}:{command_id}")
    return rows[0]["answer"], rows[0]["received_at"]
