"""Intake: received once, stamped on the dispute's clock, never backwards, and no more than a side may send."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from store import inbox, reading
from store.clock import dispute_now, intake_now, set_clock
from store.commit import commit
from store.database import Database
from store.errors import KeyReused, NoInboxRow, NotClosed, NotFound, RealClock, TooMany
from tests.records.cases import a_command, a_commit, a_dispute, a_head


async def test_a_command_is_received_once(database: Database) -> None:
    command = a_command(await a_dispute(database), seen_version=1)
    first = await inbox.receive(database, command, daily_limit=10)
    again = await inbox.receive(database, command, daily_limit=10)
    assert (first.fresh, first.receipt, first.version, first.phase, first.started) == (True, 2, 1, "negotiation", True)
    assert again == first.model_copy(update={"fresh": False})

    await commit(database, a_commit(command.dispute_id, command_id=command.command_id, answer='{"ok":1}'))
    answered = await inbox.receive(database, command, daily_limit=10)
    assert (answered.answer, answered.acknowledged, answered.version) == ('{"ok":1}', False, 2)


@pytest.mark.parametrize(
    "change",
    [{"body": "{}", "digest": "0" * 64}, {"name": "offer"}, {"actor_id": "s2"}, {"actor_role": "buyer"}],
)
async def test_an_id_is_not_taken_for_other_content(database: Database, change: dict[str, str]) -> None:
    command = a_command(await a_dispute(database))
    await inbox.receive(database, command, daily_limit=10)
    with pytest.raises(KeyReused):
        await inbox.receive(database, command.model_copy(update=change), daily_limit=10)


async def test_fifty_at_once_are_one_receipt(database: Database) -> None:
    command = a_command(await a_dispute(database))
    receipts = await asyncio.gather(*(inbox.receive(database, command, daily_limit=10) for _ in range(50)))
    assert sum(receipt.fresh for receipt in receipts) == 1
    assert len({(receipt.receipt, receipt.received_at) for receipt in receipts}) == 1


async def test_fifty_at_once_with_two_contents(database: Database) -> None:
    dispute_id = await a_dispute(database)

    async def attempt(body: str) -> str:
        try:
            await inbox.receive(database, a_command(dispute_id, "c1", body), daily_limit=10)
        except KeyReused:
            return "reused"
        return body

    answers = await asyncio.gather(*(attempt(body) for body in ("1", "2") * 25))
    assert len(set(answers) - {"reused"}) == 1
    assert answers.count("reused") == 25


async def test_receipts_never_go_back(database: Database) -> None:
    dispute_id = await a_dispute(database)
    receipts = await asyncio.gather(
        *(inbox.receive(database, a_command(dispute_id), daily_limit=100) for _ in range(40))
    )
    in_order = sorted(receipts, key=lambda receipt: receipt.receipt)
    assert [receipt.receipt for receipt in in_order] == list(range(2, 42))
    assert [r.received_at for r in in_order] == sorted(r.received_at for r in in_order)

    # The machine's clock was an hour ahead, until a failover.
    ahead = await intake_now(database) + timedelta(hours=1)
    await database.fetch(
        "update disputes set clock_floor = %(ahead)s where dispute_id = %(id)s returning 1 as one",
        {"ahead": ahead, "id": dispute_id},
    )
    assert (await inbox.receive(database, a_command(dispute_id), daily_limit=100)).received_at == ahead


async def test_a_side_may_send_so_many_a_day(database: Database) -> None:
    dispute_id = await a_dispute(database, test_clock=True)
    for _ in range(3):
        await inbox.receive(database, a_command(dispute_id), daily_limit=3)
    with pytest.raises(TooMany):
        await inbox.receive(database, a_command(dispute_id), daily_limit=3)
    await inbox.receive(database, a_command(dispute_id, actor_role="buyer"), daily_limit=3)
    await set_clock(database, dispute_id, await dispute_now(database, dispute_id) + timedelta(hours=24))
    await inbox.receive(database, a_command(dispute_id), daily_limit=3)


async def test_an_unknown_dispute(database: Database) -> None:
    with pytest.raises(NotFound):
        await inbox.receive(database, a_command(uuid4()), daily_limit=3)


async def test_a_test_clock_stamps_its_own_time_and_never_goes_back(database: Database) -> None:
    dispute_id = await a_dispute(database, test_clock=True)
    later = await intake_now(database) + timedelta(days=200)
    await set_clock(database, dispute_id, later)
    await set_clock(database, dispute_id, later - timedelta(days=100))
    receipt = await inbox.receive(database, a_command(dispute_id), daily_limit=3)
    assert later <= receipt.received_at < later + timedelta(minutes=1)


async def test_only_test_clocks_are_set(database: Database) -> None:
    dispute_id = await a_dispute(database)
    with pytest.raises(RealClock):
        await set_clock(database, dispute_id, await intake_now(database))
    with pytest.raises(NotFound):
        await set_clock(database, uuid4(), await intake_now(database))


async def test_a_command_to_a_closed_dispute_is_answered_once(database: Database) -> None:
    dispute_id = await a_dispute(database)
    late, never = a_command(dispute_id), a_command(dispute_id)
    await inbox.receive(database, late, daily_limit=10)
    with pytest.raises(NotClosed):
        await inbox.close_unanswered(database, dispute_id, late.command_id, answer="no", refusal="{}")
    closing = a_head(phase="closed", outcome="settled", closed_at=await intake_now(database))
    await commit(database, a_commit(dispute_id, head=closing))

    told = [
        await inbox.close_unanswered(database, dispute_id, late.command_id, answer=answer, refusal='{"code":"closed"}')
        for answer in ("closed", "another answer")
    ]
    assert told == ["closed", "closed"]
    entries = await reading.timeline(database, dispute_id)
    assert [(e.entry, e.version, e.kind) for e in entries] == [(1, 1, "event"), (2, 2, "event"), (3, None, "refusal")]
    assert (await reading.head(database, dispute_id)).entry == 3
    assert (await reading.backlog(database)).unacknowledged == 0
    with pytest.raises(NoInboxRow):
        await inbox.close_unanswered(database, dispute_id, never.command_id, answer="no", refusal="{}")
    with pytest.raises(NotFound):
        await inbox.close_unanswered(database, uuid4(), late.command_id, answer="no", refusal="{}")
