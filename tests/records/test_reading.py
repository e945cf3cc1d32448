"""The read side: lists by filter and page, timelines by part, backlogs for operators."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from store import inbox, reading
from store.clock import intake_now
from store.commit import commit
from store.database import Database
from store.errors import NotFound
from store.heartbeat import beat
from store.reading import Filters
from tests.records.cases import a_command, a_commit, a_dispute, a_group, a_head, an_event


async def test_pages_hold_every_dispute_once_and_the_newest_first(database: Database) -> None:
    now = await intake_now(database)
    # Three at each instant: pages end between equals too.
    born = [now - timedelta(minutes=n // 3) for n in range(10)]
    ids = [await a_dispute(database, received_at=at) for at in born]
    seen: list[reading.StoredHead] = []
    last: UUID | None = None
    while True:
        page = await reading.list_disputes(database, Filters(), limit=4, starting_after=last)
        seen += page.disputes
        if not page.has_more:
            break
        last = page.disputes[-1].dispute_id
    assert sorted(head.dispute_id for head in seen) == sorted(ids)
    assert [head.opened_at for head in seen] == sorted(born, reverse=True)
    with pytest.raises(NotFound):
        await reading.list_disputes(database, Filters(), limit=4, starting_after=uuid4())


@pytest.mark.parametrize(
    "narrowing",
    [
        {"phase": "review"},
        {"reason": "counterfeit"},
        {"seller_id": "s9"},
        {"buyer_id": "b9"},
        {"arbiter_id": "a9"},
        {"order_id": "o9"},
        {"needs_attention": True},
        {"due_before": timedelta(hours=2)},
    ],
)
async def test_each_filter_narrows(database: Database, narrowing: dict[str, Any]) -> None:
    now = await intake_now(database)
    await a_dispute(database, a_group(head=a_head(due_at=now + timedelta(hours=3))))
    fields: dict[str, Any] = {"due_at": now + timedelta(hours=1)}
    for name in ("phase", "reason", "arbiter_id", "needs_attention"):
        if name in narrowing:
            fields[name] = narrowing[name]
    parties = {name: narrowing[name] for name in ("seller_id", "buyer_id", "order_id") if name in narrowing}
    wanted = await a_dispute(database, a_group(head=a_head(**fields), **parties))
    if "due_before" in narrowing:
        # A closed dispute is never due.
        await a_dispute(database, a_group(head=a_head(**fields, closed_at=now)))
        narrowing = {"due_before": now + narrowing["due_before"]}
    found = await reading.list_disputes(database, Filters(**narrowing), limit=9)
    assert [head.dispute_id for head in found.disputes] == [wanted]
    assert not found.has_more


async def test_a_head_is_what_was_committed_last(database: Database) -> None:
    dispute_id = await a_dispute(database)
    due: datetime = await intake_now(database) + timedelta(days=3)
    head = a_head(
        phase="proposal",
        waiting_for="confirmation",
        whose_turn="buyer",
        due_at=due,
        arbiter_id="a1",
        amount_minor=5_000_000_000_000,
        evidence_version=4,
        needs_attention=True,
    )
    await commit(database, a_commit(dispute_id, head=head))
    stored = await reading.head(database, dispute_id)
    assert {name: getattr(stored, name) for name in type(head).model_fields} == head.model_dump()
    await commit(database, a_commit(dispute_id, 2))
    assert (await reading.head(database, dispute_id)) == stored.model_copy(update={"version": 3, "entry": 3})


async def test_a_timeline_is_read_in_parts(database: Database) -> None:
    dispute_id = await a_dispute(database)
    await commit(database, a_commit(dispute_id, entries=tuple(an_event(str(n)) for n in range(2, 8))))
    part = await reading.timeline(database, dispute_id, after_entry=2, limit=3)
    assert [entry.entry for entry in part] == [3, 4, 5]
    assert await reading.timeline(database, dispute_id, after_entry=7) == []


async def test_what_operators_see(database: Database) -> None:
    empty = await reading.backlog(database)
    assert (empty.unacknowledged, empty.oldest_unacknowledged_seconds, empty.last_beat_at) == (0, None, None)
    assert (empty.due_messages, empty.oldest_due_message_seconds) == (0, None)
    await inbox.receive(database, a_command(await a_dispute(database)), daily_limit=9)
    await beat(database)
    backlog = await reading.backlog(database)
    assert backlog.unacknowledged == 1
    assert backlog.oldest_unacknowledged_seconds is not None
    assert 0 <= backlog.oldest_unacknowledged_seconds < 10
    assert backlog.last_beat_at is not None


async def test_what_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound):
        await reading.head(database, uuid4())
    with pytest.raises(NotFound):
        await reading.policy(database, "unknown")
    with pytest.raises(NotFound):
        await reading.answer(database, uuid4(), "unknown")
