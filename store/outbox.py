"""The outbox: notices, reminders and order events, sent when the dispute's own clock says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import AwareDatetime

from store.database import Database
from store.records import MessageKind, Record


class DueMessage(Record):
    """A leased message; `virtual_now` is the dispute's time and set only on a test clock."""

    message_id: str
    dispute_id: UUID
    kind: MessageKind
    wait_id: str | None
    recipient_role: str
    recipient_id: str
    body: str
    due_at: AwareDatetime
    tries: int
    virtual_now: AwareDatetime | None


async def lease(database: Database, *, limit: int, lease: timedelta) -> list[DueMessage]:
    """Lease messages whose time has come, by each dispute's own clock, the longest due first.

    Nobody else gets them until the lease ends; each further lease lasts twice as long, at most a minute. A
    message of a wait that has ended is never given out.
    """
    # Virtual time is never behind real time, so what is due by the real clock is due anyway and comes from
    # the index on due_at; only disputes whose clock runs ahead are looked at one by one.
    rows = await database.fetch(
        """
        with by_real_clock as (
          select message_id, due_at
            from outbox
           where sent_at is null and voided_at is null
             and next_try <= statement_timestamp() and due_at <= statement_timestamp()
           order by due_at
           limit %(limit)s
             for update skip locked
        ), by_test_clock as (
          select o.message_id, o.due_at
            from disputes d join outbox o using (dispute_id)
           where d.clock_offset > '0' and o.sent_at is null and o.voided_at is null
             and o.next_try <= statement_timestamp() and o.due_at <= statement_timestamp() + d.clock_offset
           order by o.due_at
           limit %(limit)s
             for update of o skip locked
        ), due as (
          select message_id, due_at from by_real_clock
          union
          select message_id, due_at from by_test_clock
          order by due_at
          limit %(limit)s
        ), leased as (
          update outbox o
             set next_try = statement_timestamp()
                          + make_interval(secs => least(60, %(lease)s * 2 ^ least(o.tries, 10))),
                 tries = o.tries + 1
            from due
           where o.message_id = due.message_id
          returning o.message_id, o.dispute_id, o.kind, o.wait_id, o.recipient_role, o.recipient_id, o.body,
                    o.due_at, o.tries
        )
        select leased.*, case when d.test_clock then statement_timestamp() + d.clock_offset end as virtual_now
          from leased join disputes d using (dispute_id)
         order by leased.due_at, leased.message_id
        """,
        {"limit": limit, "lease": lease.total_seconds()},
    )
    return [DueMessage.model_validate(row) for row in rows]


async def mark_sent(database: Database, message_ids: Sequence[str]) -> None:
    """Record that these messages were sent; they are never leased again."""
    await database.fetch(
        """
        update outbox set sent_at = clock_timestamp()
         where message_id = any(%(messages)s) and sent_at is null
        returning message_id
        """,
        {"messages": list(message_ids)},
    )


async def note_failure(database: Database, message_id: str, *, error: str) -> None:
    """Keep the last sending error for operators; the lease decides when the message is tried again."""
    await database.fetch(
        "update outbox set last_error = %(error)s where message_id = %(message)s returning message_id",
        {"message": message_id, "error": error},
    )
