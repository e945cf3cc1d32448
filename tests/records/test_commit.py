"""The commit: appended as a whole at the expected version, or told what stands in its way."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import ValidationError

from store import inbox, reading
from store.clock import dispute_now, intake_now
from store.commit import Behind, Commit, Done, Early, Known, Signal, commit
from store.database import Database
from store.errors import KeyReused, NoInboxRow, NotFound, TimelineShort
from store.records import Entry, Event, Policy
from tests.records.cases import a_command, a_commit, a_dispute, a_group, a_head, a_lapse, an_event, digest


async def answered(database: Database, dispute_id: UUID, version: int, **changes: object) -> Commit:
    command = a_command(dispute_id)
    await inbox.receive(database, command, daily_limit=1000)
    return a_commit(dispute_id, version, command_id=command.command_id, answer='{"ok":true}', **changes)


async def test_entries_are_numbered_and_only_events_have_versions(database: Database) -> None:
    dispute_id = await a_dispute(database)
    entries = (
        Entry(kind="fact", body="f"),
        an_event("e2"),
        Entry(kind="receipt", body="r"),
        an_event("e3"),
        Entry(kind="refusal", body="no"),
    )
    change = await answered(database, dispute_id, 1, entries=entries, head=a_head(phase="review", amount_minor=5))
    assert await commit(database, change) == Done(version=3, entry=6)
    stored = await reading.timeline(database, dispute_id, after_entry=1)
    assert [(e.entry, e.version, e.kind, e.body) for e in stored] == [
        (2, None, "fact", "f"),
        (3, 2, "event", "e2"),
        (4, None, "receipt", "r"),
        (5, 3, "event", "e3"),
        (6, None, "refusal", "no"),
    ]
    assert {e.command_id for e in stored} == {change.command_id}
    head = await reading.head(database, dispute_id)
    assert (head.version, head.entry, head.phase, head.amount_minor) == (3, 6, "review", 5)
    assert (await reading.answer(database, dispute_id, str(change.command_id)))[0] == change.answer


async def test_a_second_commit_of_a_command_gives_the_stored_answer(database: Database) -> None:
    change = await answered(database, await a_dispute(database), 1, entries=(an_event("mine"),))
    await commit(database, change)
    again = await commit(database, change.model_copy(update={"answer": "another", "entries": (an_event("again"),)}))
    assert again == Known(answer='{"ok":true}', entries=(Event(version=2, body="mine"),))
    assert (await reading.head(database, change.dispute_id)).version == 2


async def test_a_refusal_is_an_answer_and_known_too(database: Database) -> None:
    refusal = (Entry(kind="refusal", body="no"),)
    change = await answered(database, await a_dispute(database), 1, entries=refusal)
    assert await commit(database, change) == Done(version=1, entry=2)
    assert await commit(database, change) == Known(answer='{"ok":true}', entries=())


async def test_a_commit_that_is_behind_gets_what_it_lacks(database: Database) -> None:
    dispute_id = await a_dispute(database)
    for version in (1, 2):
        await commit(database, a_commit(dispute_id, version, entries=(an_event(f"e{version + 1}"),)))
    change = await answered(database, dispute_id, 1)
    assert await commit(database, change) == Behind(entries=(Event(version=2, body="e2"), Event(version=3, body="e3")))
    assert (await reading.answer(database, dispute_id, str(change.command_id)))[0] is None
    assert await commit(database, change.model_copy(update={"expected_version": 3})) == Done(version=4, entry=4)


async def test_a_workflow_ahead_of_the_timeline_is_a_fault(database: Database) -> None:
    dispute_id = await a_dispute(database)
    with pytest.raises(TimelineShort) as fault:
        await commit(database, a_commit(dispute_id, 7))
    assert (fault.value.expected, fault.value.stored) == (7, 1)
    with pytest.raises(NoInboxRow):
        await commit(database, a_commit(dispute_id, command_id="never received", answer="{}"))
    with pytest.raises(NotFound):
        await commit(database, a_commit(uuid4()))


async def test_eight_committers_leave_no_gap(database: Database) -> None:
    dispute_id = await a_dispute(database)
    repeats = 0

    async def work(name: int) -> None:
        nonlocal repeats
        version = 1
        for step in range(6):
            change = await answered(database, dispute_id, version, entries=(an_event(f"{name}.{step}"),))
            while True:
                result = await commit(database, change)
                if isinstance(result, Done):
                    version = result.version
                    break
                assert isinstance(result, Behind)
                repeats += 1
                assert [event.version for event in result.entries] == [
                    version + n for n in range(1, len(result.entries) + 1)
                ]
                version = result.entries[-1].version
                change = change.model_copy(update={"expected_version": version})

    await asyncio.gather(*(work(name) for name in range(8)))
    assert repeats > 0, "nobody was ever behind, so nothing was tried"
    stored = await reading.timeline(database, dispute_id)
    assert [entry.version for entry in stored] == list(range(1, 50))
    assert [entry.entry for entry in stored] == list(range(1, 50))
    assert {entry.body for entry in stored[1:]} == {f"{name}.{step}" for name in range(8) for step in range(6)}


async def test_a_signal_writes_its_row_in_its_commit(database: Database) -> None:
    dispute_id = await a_dispute(database)
    at = await intake_now(database)
    signal = Signal(name="decide", actor_role="arbiter", actor_id="a1", body="{}", digest=digest("{}"), received_at=at)
    change = a_commit(dispute_id, command_id="tool-1", answer="done", signal=signal)
    assert await commit(database, change) == Done(version=2, entry=2)
    assert isinstance(await commit(database, change), Known)
    assert await reading.answer(database, dispute_id, "tool-1") == ("done", at)
    assert (await reading.backlog(database)).unacknowledged == 0
    assert (await inbox.receive(database, a_command(dispute_id), daily_limit=9)).receipt == 3
    other = signal.model_copy(update={"digest": digest("other")})
    with pytest.raises(KeyReused):
        await commit(database, change.model_copy(update={"signal": other}))


async def test_a_signal_may_answer_a_row_that_came_by_intake(database: Database) -> None:
    command = a_command(await a_dispute(database))
    received = await inbox.receive(database, command, daily_limit=9)
    signal = Signal(
        name=command.name,
        actor_role=command.actor_role,
        actor_id=command.actor_id,
        body=command.body,
        digest=command.digest,
        received_at=received.received_at + timedelta(seconds=1),
    )
    change = a_commit(command.dispute_id, command_id=command.command_id, answer="a", signal=signal)
    assert isinstance(await commit(database, change), Done)
    assert await reading.answer(database, command.dispute_id, command.command_id) == ("a", received.received_at)
    assert (await reading.backlog(database)).unacknowledged == 0


async def test_a_move_to_another_policy_brings_it_along(database: Database) -> None:
    dispute_id = await a_dispute(database)
    newer = Policy(digest="p2", id="marketplace-default", version="2", body="{}")
    await commit(database, a_commit(dispute_id, policy=newer, head=a_head(policy_digest="p2")))
    assert await reading.policy(database, "p2") == newer
    assert (await reading.head(database, dispute_id)).policy_digest == "p2"


async def test_every_commit_moves_a_test_clock_whatever_its_result(database: Database) -> None:
    dispute_id = await a_dispute(database, test_clock=True)
    virtual = await intake_now(database) + timedelta(days=9)
    early = await commit(
        database, a_lapse(dispute_id, virtual + timedelta(days=1)).model_copy(update={"virtual_now": virtual})
    )
    assert isinstance(early, Early)
    assert await dispute_now(database, dispute_id) >= virtual
    with pytest.raises(psycopg.errors.RaiseException, match="real clock"):
        await commit(database, a_commit(await a_dispute(database), virtual_now=virtual))


async def test_the_timeline_cannot_be_rewritten(dsn: str, database: Database) -> None:
    await a_dispute(database)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        for statement in ("update timeline set body = ''", "delete from timeline", "truncate timeline"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                await connection.execute(statement)


@pytest.mark.parametrize(
    "origin",
    [
        {"command_id": "c"},
        {"answer": "a"},
        {"signal": {"name": "n", "actor_role": "r", "actor_id": "i", "body": "b", "digest": "0" * 64}},
        {"command_id": "c", "answer": "a", "move": {"at": "2026-01-01T00:00:00Z"}},
    ],
)
def test_a_commit_has_one_origin(origin: dict[str, object]) -> None:
    fields: dict[str, object] = {"dispute_id": uuid4(), "expected_version": 1, "entries": ()}
    if isinstance(signal := origin.get("signal"), dict):
        signal["received_at"] = "2026-01-01T00:00:00Z"
    if isinstance(move := origin.get("move"), dict):
        move |= {"late_after_seconds": 1, "graced": False}
    with pytest.raises(ValidationError, match=r"Give|either"):
        Commit.model_validate(fields | origin)


async def test_what_a_command_costs(dsn: str, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    group = a_group()
    dispute_id = await a_dispute(database, group)

    async def standing() -> dict[str, int]:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            rows = await connection.execute(
                "select pg_current_wal_lsn() - '0/0'::pg_lsn, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
            )
            wal, transactions = await rows.fetchone() or (0, 0)
            return {"wal": int(wal), "transactions": int(transactions)}

    commands = 20
    body = '{"text":"' + "x" * 200 + '"}'
    before = await standing()
    for version in range(1, commands + 1):
        command = a_command(dispute_id, body=body)
        await inbox.receive(database, command, daily_limit=1000)
        change = a_commit(
            dispute_id, version, command_id=command.command_id, answer=body, entries=(an_event(body),), head=a_head()
        )
        assert isinstance(await commit(database, change), Done)
        await inbox.acknowledge(database, [(dispute_id, command.command_id)])
    after = await standing()
    wal = (after["wal"] - before["wal"]) / commands
    transactions = (after["transactions"] - before["transactions"]) / commands
    with capsys.disabled():
        sys.stdout.write(f"\none command: {wal:.0f} bytes of WAL, {transactions:.1f} writing transactions\n")
    assert transactions == 3
