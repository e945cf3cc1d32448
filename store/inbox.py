"""The inbox: where a command is received, and from where it is delivered until somebody has its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import AwareDatetime

from store.database import Database
from store.errors import KeyReused, NoInboxRow, NotClosed, NotFound, TooMany
from store.records import Command, Record


class Receipt(Record):
    """A received command: when, on the dispute's clock, and what is known of its answer.

    `started` says whether the dispute's workflow is known to run; `fresh` is false for a repeated command.
    """

    dispute_id: UUID
    command_id: str
    receipt: int
    received_at: AwareDatetime
    fresh: bool
    answer: str | None
    acknowledged: bool
    version: int
    phase: str
    test_clock: bool
    started: bool


class Delivery(Record):
    """A leased inbox row; the row named `open` carries what the workflow is started from."""

    dispute_id: UUID
    command_id: str
    receipt: int
    name: str
    actor_role: str
    actor_id: str
    body: str
    digest: str
    seen_version: int | None
    received_at: AwareDatetime
    answer: str | None
    tries: int
    test_clock: bool


async def receive(database: Database, command: Command, *, daily_limit: int) -> Receipt:
    """Write a command to the inbox and stamp its receipt, which is the `now` it is judged by.

    The stamp is taken under the dispute's lock, on the dispute's clock, and never goes back. The same command
    again gives the stored receipt, with its answer once there is one.

    Args:
        daily_limit: how many commands this role may send in 24 hours of the dispute's clock.

    Raises:
        NotFound: no such dispute.
        KeyReused: the command id was used for other content, another command or by another actor.
        TooMany: the daily limit is reached.
        StoreUnavailable: nothing can be received; the outcome of this call is unknown.
    """
    request = command.model_dump(mode="json")
    request["daily_limit"] = daily_limit
    answer = await database.call("receive_command", request)
    match answer.pop("kind"):
        case "not_found":
            raise NotFound("dispute", command.dispute_id)
        case "key_reused":
            raise KeyReused(command.command_id)
        case "too_many":
            raise TooMany(command.actor_role, daily_limit)
    return Receipt.model_validate(answer)


async def close_unanswered(database: Database, dispute_id: UUID, command_id: str, *, answer: str, refusal: str) -> str:
    """Answer a command that reached a closed dispute, and acknowledge it.

    Args:
        answer: the answer to store when the command has none.
        refusal: the body of the timeline entry that records it.

    Returns:
        The stored answer: the workflow's own when it had answered before it closed, otherwise `answer`.

    Raises:
        NotClosed: the dispute is open.
        NoInboxRow: the command was never received.
        NotFound: no such dispute.
    """
    request = {
        "dispute_id": str(dispute_id),
        "command_id": command_id,
        "answer": answer,
        "refusal": refusal,
    }
    stored = await database.call("close_unanswered", request)
    match stored["kind"]:
        case "not_found":
            raise NotFound("dispute", dispute_id)
        case "no_row":
            raise NoInboxRow(dispute_id, command_id)
        case "not_closed":
            raise NotClosed(dispute_id)
    return str(stored["answer"])


async def lease(
    database: Database, *, limit: int, lease: timedelta, grace: timedelta = timedelta(seconds=2)
) -> list[Delivery]:
    """Lease rows to deliver, ordered by dispute and receipt; nobody else gets them until the lease ends.

    Rows younger than `grace` are left to the client that sent them. Each further lease of a row lasts twice
    as long, at most a minute. Until a dispute's `open` is acknowledged no other row of it is given out.
    """
    rows = await database.fetch(
        """
        with due as (
          select i.dispute_id, i.command_id, d.test_clock
            from inbox i join disputes d using (dispute_id)
           where i.acknowledged_at is null and i.undeliverable_at is null
             and i.next_try <= statement_timestamp()
             and i.real_received_at <= statement_timestamp() - make_interval(secs => %(grace)s)
             and (i.name = 'open' or d.started_at is not null)
           order by i.next_try
           limit %(limit)s
             for update of i skip locked
        ), leased as (
          update inbox i
             set next_try = statement_timestamp()
                          + make_interval(secs => least(60, %(lease)s * 2 ^ least(i.tries, 10))),
                 tries = i.tries + 1
            from due
           where i.dispute_id = due.dispute_id and i.command_id = due.command_id
          returning i.dispute_id, i.command_id, i.receipt, i.name, i.actor_role, i.actor_id, i.body,
                    encode(i.digest, 'hex') as digest, i.seen_version, i.received_at, i.answer, i.tries,
                    due.test_clock
        )
        select * from leased order by dispute_id, receipt
        """,
        {"limit": limit, "lease": lease.total_seconds(), "grace": grace.total_seconds()},
    )
    return [Delivery.model_validate(row) for row in rows]


async def acknowledge(database: Database, delivered: Sequence[tuple[UUID, str]]) -> int:
    """Record that a deliverer has the results of these (dispute id, command id); answers how many were new.

    Acknowledging an `open` records that the workflow has started. A row without an answer is left alone:
    taking it out of the relay's hands would lose it.
    """
    rows = await database.fetch(
        """
        with named as (
          select i.dispute_id, i.command_id
            from inbox i
            join unnest(%(disputes)s::uuid[], %(commands)s::text[]) as t (dispute_id, command_id)
              on i.dispute_id = t.dispute_id and i.command_id = t.command_id
           where i.acknowledged_at is null and i.answered_at is not null
           order by i.dispute_id, i.command_id
             for update of i
        ), told as (
          update inbox i set acknowledged_at = clock_timestamp()
            from named
           where i.dispute_id = named.dispute_id and i.command_id = named.command_id
          returning i.dispute_id, i.name
        ), started as (
          update disputes d set started_at = clock_timestamp()
            from told
           where told.name = 'open' and d.dispute_id = told.dispute_id and d.started_at is null
        )
        select count(*) as acknowledged from told
        """,
        {"disputes": [dispute for dispute, _ in delivered], "commands": [command for _, command in delivered]},
    )
    return int(rows[0]["acknowledged"])


async def mark_undeliverable(database: Database, dispute_id: UUID, command_id: str, *, reason: str) -> None:
    """Take a row that can never be delivered out of the relay's hands and show it to operators."""
    await database.fetch(
        """
        update inbox set undeliverable_at = clock_timestamp(), last_error = %(reason)s
         where dispute_id = %(dispute)s and command_id = %(command)s and acknowledged_at is null
        returning command_id
        """,
        {"dispute": dispute_id, "command": command_id, "reason": reason},
    )


async def note_failure(database: Database, dispute_id: UUID, command_id: str, *, error: str) -> None:
    """Keep the last delivery error for operators; the lease decides when the row is tried again."""
    await database.fetch(
        """
        update inbox set last_error = %(error)s
         where dispute_id = %(dispute)s and command_id = %(command)s
        returning command_id
        """,
        {"dispute": dispute_id, "command": command_id, "error": error},
    )
