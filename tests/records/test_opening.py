"""Opening: all groups or none, one live dispute a unit, the same key gives the same disputes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from store import inbox, reading
from store.clock import dispute_now, intake_now
from store.commit import commit
from store.database import Database
from store.errors import KeyReused, NotFound, UnitTaken
from store.opening import Opened, open_disputes
from tests.records.cases import (
    POLICY,
    a_commit,
    a_group,
    a_head,
    a_message,
    an_event,
    an_opening,
    digest,
    opened,
    units,
)


async def test_an_open_leaves_head_timeline_start_and_policy(database: Database) -> None:
    event = '{"ä":"\\u0000 字 \\\\","b": 1.0}'  # kept byte for byte, an escaped NUL included
    group = a_group(event=event, order_id="o1", units=units(1, 2))
    stored = await opened(database, group)

    assert stored.fresh
    assert [(d.dispute_id, d.answer, d.started) for d in stored.disputes] == [(group.dispute_id, group.answer, False)]
    head = await reading.head(database, group.dispute_id)
    assert (head.version, head.entry, head.phase, head.order_id) == (1, 1, "negotiation", group.order_id)
    [entry] = await reading.timeline(database, group.dispute_id)
    assert (entry.version, entry.kind, entry.body) == (1, "event", event)
    assert await reading.policy(database, POLICY.digest) == POLICY
    [start] = await inbox.lease(database, limit=10, lease=timedelta(seconds=5), grace=timedelta(0))
    assert (start.name, start.receipt, start.body, start.answer) == ("open", 1, group.start, group.answer)


async def test_the_same_key_gives_the_same_disputes_in_their_order(database: Database) -> None:
    opening = await an_opening(database, a_group(), a_group(), a_group())
    first = await open_disputes(database, opening)
    assert [d.dispute_id for d in first.disputes] == [g.dispute_id for g in opening.groups]
    # A client that asks again makes new ids; the stored ones count.
    again = await open_disputes(database, opening.model_copy(update={"groups": (a_group(), a_group(), a_group())}))
    assert not again.fresh
    assert again.disputes == first.disputes
    with pytest.raises(KeyReused):
        await open_disputes(database, opening.model_copy(update={"digest": digest("another claim")}))
    other_actor = opening.model_copy(update={"actor_id": "b2", "groups": (a_group(),)})
    assert (await open_disputes(database, other_actor)).fresh


async def test_fifty_opens_with_one_key_make_one_dispute(database: Database) -> None:
    opening = await an_opening(database)

    async def attempt() -> Opened:
        return await open_disputes(database, opening.model_copy(update={"groups": (a_group(),)}))

    answers = await asyncio.gather(*(attempt() for _ in range(50)))
    assert sum(answer.fresh for answer in answers) == 1
    assert len({answer.disputes for answer in answers}) == 1
    assert len((await reading.list_disputes(database, reading.Filters(), limit=10)).disputes) == 1


async def test_opens_that_race_for_a_unit_have_one_winner(database: Database) -> None:
    async def attempt(first: int) -> Opened | UnitTaken:
        try:
            return await opened(database, a_group(order_id="o1", units=units(first, 5)))
        except UnitTaken as taken:
            return taken

    answers = await asyncio.gather(*(attempt(first) for first in (1, 2, 3, 4) * 5))
    [winner] = [answer for answer in answers if isinstance(answer, Opened)]
    for answer in answers:
        if isinstance(answer, UnitTaken):
            assert (answer.code, answer.dispute_id) == ("unit_in_dispute", winner.disputes[0].dispute_id)


async def test_one_taken_unit_refuses_all_groups(database: Database) -> None:
    first = await opened(database, a_group(order_id="o1", units=units(2)))
    free, taken = a_group(order_id="o1", units=units(1)), a_group(order_id="o1", units=units(3, 2))
    with pytest.raises(UnitTaken) as refusal:
        await opened(database, free, taken)
    assert (refusal.value.line, refusal.value.unit) == ("1", 2)
    assert refusal.value.dispute_id == first.disputes[0].dispute_id
    for group in (free, taken):
        with pytest.raises(NotFound):
            await reading.head(database, group.dispute_id)
    await opened(database, free)


@pytest.mark.parametrize(("ending", "code"), [("spent", "unit_spent"), ("free", None)])
async def test_units_after_the_end(database: Database, ending: str, code: str | None) -> None:
    group = a_group(order_id="o1", units=units(1, 2))
    await opened(database, group)
    closing = a_head(phase="closed", outcome="withdrawn", closed_at=await intake_now(database))
    await commit(
        database,
        a_commit(group.dispute_id, entries=(an_event(),), head=closing, units=ending),
    )
    if code is None:
        assert (await opened(database, a_group(order_id="o1", units=units(1, 2)))).fresh
    else:
        with pytest.raises(UnitTaken) as refusal:
            await opened(database, a_group(order_id="o1", units=units(2)))
        assert (refusal.value.code, refusal.value.unit) == (code, 2)


async def test_a_test_clock_may_start_ahead(database: Database) -> None:
    ahead = timedelta(days=30)
    group = a_group()
    now = await intake_now(database)
    await opened(database, group, test_clock=True, clock_offset=ahead, received_at=now + ahead)
    assert await dispute_now(database, group.dispute_id) - now > ahead
    head = await reading.head(database, group.dispute_id)
    assert (head.test_clock, head.clock_offset, head.opened_at) == (True, ahead, now + ahead)


async def test_messages_of_an_open_are_stored_with_it(database: Database) -> None:
    dispute_id = uuid4()
    message = a_message(dispute_id, await intake_now(database), kind="notice")
    await opened(database, a_group(dispute_id, messages=(message,)))
    assert (await reading.backlog(database)).due_messages == 1
