"""Leases of inbox and outbox: nobody shares a row, an abandoned one comes back, a voided one never goes out."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from store import inbox, outbox, reading
from store.clock import dispute_now, intake_now, set_clock
from store.commit import commit
from store.database import Database
from tests.records.cases import a_command, a_commit, a_dispute, a_group, a_message, opened, until

NOW = timedelta(0)
LONG = timedelta(seconds=30)


async def test_two_relays_never_lease_one_row(dsn: str, database: Database) -> None:
    for _ in range(4):
        dispute_id = await a_dispute(database)
        for _ in range(25):
            await inbox.receive(database, a_command(dispute_id), daily_limit=99)

    async def relay(store: Database) -> list[inbox.Delivery]:
        rows: list[inbox.Delivery] = []
        while leased := await inbox.lease(store, limit=7, lease=LONG, grace=NOW):
            assert [(r.dispute_id, r.receipt) for r in leased] == sorted((r.dispute_id, r.receipt) for r in leased)
            rows += leased
        return rows

    async with Database(dsn) as other:
        first, second = await asyncio.gather(relay(database), relay(other))
    ids = [row.command_id for row in first + second]
    assert len(ids) == len(set(ids)) == 100
    assert first
    assert second


async def test_a_lease_ends_and_grows(database: Database) -> None:
    command = a_command(await a_dispute(database))
    await inbox.receive(database, command, daily_limit=9)

    async def leased() -> list[inbox.Delivery]:
        return await inbox.lease(database, limit=9, lease=timedelta(milliseconds=300), grace=NOW)

    assert [row.tries for row in await leased()] == [1]
    assert await leased() == []
    assert [row.tries for row in await until(leased)] == [2]
    await inbox.note_failure(database, command.dispute_id, command.command_id, error="no worker")
    waits = "select extract(epoch from next_try - now())::float8 as s, last_error from inbox where name <> 'open'"
    [row] = await database.fetch(waits, {})
    assert 0.3 < row["s"] <= 0.6
    assert row["last_error"] == "no worker"
    await database.fetch("update inbox set tries = 30, next_try = now() returning tries", {})
    await leased()
    [row] = await database.fetch(waits, {})
    assert 50 < row["s"] <= 60


async def test_a_young_row_is_left_to_its_client(database: Database) -> None:
    await inbox.receive(database, a_command(await a_dispute(database)), daily_limit=9)
    assert await inbox.lease(database, limit=9, lease=LONG) == []

    async def leased() -> list[inbox.Delivery]:
        return await inbox.lease(database, limit=9, lease=LONG, grace=timedelta(milliseconds=50))

    assert len(await until(leased)) == 1


async def test_nothing_is_delivered_before_the_workflow_has_started(database: Database) -> None:
    group = a_group()
    await opened(database, group)
    command = a_command(group.dispute_id)
    assert not (await inbox.receive(database, command, daily_limit=9)).started
    [start] = await inbox.lease(database, limit=9, lease=LONG, grace=NOW)
    assert (start.name, start.body) == ("open", group.start)

    assert await inbox.acknowledge(database, [(group.dispute_id, start.command_id)]) == 1
    assert (await reading.head(database, group.dispute_id)).started_at is not None
    [row] = await inbox.lease(database, limit=9, lease=LONG, grace=NOW)
    assert (row.command_id, row.digest, row.body) == (command.command_id, command.digest, command.body)


async def test_an_acknowledged_row_is_done_and_an_unanswered_one_cannot_be(database: Database) -> None:
    dispute_id = await a_dispute(database)
    answered, waiting = a_command(dispute_id), a_command(dispute_id)
    for command in (answered, waiting):
        await inbox.receive(database, command, daily_limit=9)
    await commit(database, a_commit(dispute_id, command_id=answered.command_id, answer="{}"))
    both = [(dispute_id, answered.command_id), (dispute_id, waiting.command_id)]
    assert await inbox.acknowledge(database, both) == 1
    assert await inbox.acknowledge(database, both) == 0
    [row] = await inbox.lease(database, limit=9, lease=LONG, grace=NOW)
    assert row.command_id == waiting.command_id


async def test_an_undeliverable_row_is_shown_and_not_leased(database: Database) -> None:
    command = a_command(await a_dispute(database))
    await inbox.receive(database, command, daily_limit=9)
    await inbox.mark_undeliverable(database, command.dispute_id, command.command_id, reason="unknown command")
    assert await inbox.lease(database, limit=9, lease=LONG, grace=NOW) == []
    [shown] = await reading.undeliverable(database)
    assert (shown.command_id, shown.reason) == (command.command_id, "unknown command")
    backlog = await reading.backlog(database)
    assert (backlog.unacknowledged, backlog.undeliverable) == (0, 1)


async def test_messages_are_due_by_the_clock_of_their_dispute(database: Database) -> None:
    real, ahead = await a_dispute(database), await a_dispute(database, test_clock=True)
    now = await intake_now(database)
    past, soon = now - timedelta(seconds=1), now + timedelta(hours=5)
    for dispute_id in (real, ahead):
        messages = tuple(a_message(dispute_id, due_at) for due_at in (soon, past))
        await commit(database, a_commit(dispute_id, messages=messages))

    first = await outbox.lease(database, limit=9, lease=LONG)
    assert {(message.dispute_id, message.due_at) for message in first} == {(real, past), (ahead, past)}
    assert {m.dispute_id: m.virtual_now is not None for m in first} == {real: False, ahead: True}
    await set_clock(database, ahead, await dispute_now(database, ahead) + timedelta(hours=6))
    assert (await reading.backlog(database)).due_messages == 3
    [second] = await outbox.lease(database, limit=9, lease=LONG)
    assert (second.dispute_id, second.due_at) == (ahead, soon)
    assert second.virtual_now is not None
    assert second.virtual_now > soon


async def test_two_relays_never_lease_one_message(dsn: str, database: Database) -> None:
    dispute_id = await a_dispute(database)
    now = await intake_now(database)
    await commit(database, a_commit(dispute_id, messages=tuple(a_message(dispute_id, now) for _ in range(60))))

    async def relay(store: Database) -> list[str]:
        sent: list[str] = []
        while leased := await outbox.lease(store, limit=7, lease=LONG):
            sent += [message.message_id for message in leased]
        return sent

    async with Database(dsn) as other:
        first, second = await asyncio.gather(relay(database), relay(other))
    assert len(first + second) == len(set(first + second)) == 60


async def test_the_end_of_a_wait_voids_what_was_not_sent(database: Database) -> None:
    dispute_id = await a_dispute(database)
    now = await intake_now(database)
    sent, voided, other = (
        a_message(dispute_id, now, wait_id="w1"),
        a_message(dispute_id, now, wait_id="w1"),
        a_message(dispute_id, now, wait_id="w2"),
    )
    await commit(database, a_commit(dispute_id, messages=(sent, voided, other)))
    await outbox.mark_sent(database, [sent.message_id])
    # The wait moves: its old reminders go, the new one of the same commit stays.
    moved = a_message(dispute_id, now, wait_id="w1")
    await commit(database, a_commit(dispute_id, 2, messages=(moved,), void_waits=("w1",)))
    leased = await outbox.lease(database, limit=9, lease=timedelta(milliseconds=50))
    assert {message.message_id for message in leased} == {moved.message_id, other.message_id}

    # Leased and not sent is still voided, and never given out again.
    await outbox.note_failure(database, moved.message_id, error="timed out")
    await commit(database, a_commit(dispute_id, 3, void_waits=("w1",)))

    async def again() -> list[outbox.DueMessage]:
        return await outbox.lease(database, limit=9, lease=LONG)

    assert [message.message_id for message in await until(again)] == [other.message_id]
    rows = await database.fetch(
        "select message_id, last_error from outbox where voided_at is not null order by last_error", {}
    )
    assert [(row["message_id"], row["last_error"]) for row in rows] == [
        (moved.message_id, "timed out"),
        (voided.message_id, None),
    ]


async def test_a_message_is_stored_once(database: Database) -> None:
    dispute_id = await a_dispute(database)
    message = a_message(dispute_id, await intake_now(database))
    await commit(database, a_commit(dispute_id, messages=(message,)))
    await commit(database, a_commit(dispute_id, 2, messages=(message.model_copy(update={"body": "other"}),)))
    [stored] = await outbox.lease(database, limit=9, lease=LONG)
    assert stored.body == message.body
