"""Disputes, commands and commits to test the store with."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from store.clock import intake_now
from store.commit import Commit, Move
from store.database import Database
from store.inbox import acknowledge
from store.opening import Group, Opened, Opening, Unit, open_disputes
from store.records import Command, Entry, Head, Message, Policy

T = TypeVar("T")

TABLES = (
    "disputes",
    "heartbeats",
    "inbox",
    "legs",
    "openings",
    "outbox",
    "policies",
    "timeline",
    "units",
)

POLICY = Policy(digest="p1", id="marketplace-default", version="1", body='{"days":7}')


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def a_head(**changes: Any) -> Head:
    fields: dict[str, Any] = {
        "phase": "negotiation",
        "reason": "not_received",
        "amount_minor": 1999,
        "currency": "CNY",
        "policy_digest": POLICY.digest,
    }
    return Head(**(fields | changes))


def a_group(dispute_id: UUID | None = None, **changes: Any) -> Group:
    dispute_id = dispute_id or uuid4()
    fields: dict[str, Any] = {
        "dispute_id": dispute_id,
        "command_id": f"open-{dispute_id}",
        "digest": digest("open"),
        "start": '{"start":1}',
        "event": '{"type":"opened"}',
        "answer": '{"opened":true}',
        "order_id": f"order-{dispute_id}",
        "seller_id": "s1",
        "buyer_id": "b1",
        "market": "CN",
        "head": a_head(),
    }
    return Group(**(fields | changes))


async def an_opening(database: Database, *groups: Group, **changes: Any) -> Opening:
    fields: dict[str, Any] = {
        "actor_role": "buyer",
        "actor_id": "b1",
        "key": str(uuid4()),
        "digest": digest("claim"),
        "received_at": await intake_now(database),
        "policy": POLICY,
        "groups": groups or (a_group(),),
    }
    return Opening(**(fields | changes))


async def opened(database: Database, *groups: Group, **changes: Any) -> Opened:
    return await open_disputes(database, await an_opening(database, *groups, **changes))


async def a_dispute(database: Database, group: Group | None = None, **changes: Any) -> UUID:
    """A dispute at version 1 whose workflow is known to run."""
    stored = await opened(database, group or a_group(), **changes)
    dispute = stored.disputes[0]
    await acknowledge(database, [(dispute.dispute_id, dispute.command_id)])
    return dispute.dispute_id


def a_command(dispute_id: UUID, command_id: str | None = None, body: str = '{"text":"hi"}', **changes: Any) -> Command:
    fields: dict[str, Any] = {
        "dispute_id": dispute_id,
        "command_id": command_id or str(uuid4()),
        "name": "say",
        "actor_role": "seller",
        "actor_id": "s1",
        "body": body,
        "digest": digest(body),
    }
    return Command(**(fields | changes))


def an_event(body: str = '{"type":"said"}') -> Entry:
    return Entry(kind="event", body=body)


def a_commit(dispute_id: UUID, expected_version: int = 1, **changes: Any) -> Commit:
    fields: dict[str, Any] = {
        "dispute_id": dispute_id,
        "expected_version": expected_version,
        "entries": (an_event(),),
    }
    return Commit(**(fields | changes))


def a_lapse(dispute_id: UUID, at: datetime, *, late_after: float = 3600, graced: bool = False) -> Commit:
    return a_commit(dispute_id, move=Move(at=at, late_after_seconds=late_after, graced=graced))


def a_message(dispute_id: UUID, due_at: datetime, **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "message_id": str(uuid4()),
        "kind": "reminder",
        "recipient_role": "seller",
        "recipient_id": "s1",
        "body": "{}",
        "due_at": due_at,
        "wait_id": f"{dispute_id}:first-answer",
    }
    return Message(**(fields | changes))


def units(*numbers: int) -> tuple[Unit, ...]:
    return tuple(Unit(line="1", unit=number) for number in numbers)


async def until(look: Callable[[], Awaitable[T]], *, within: timedelta = timedelta(seconds=5)) -> T:
    """What `look` gives as soon as it gives something; fails when it gives nothing in time."""
    give_up_at = time.monotonic() + within.total_seconds()
    while not (seen := await look()):
        assert time.monotonic() < give_up_at, "nothing was seen in time"
        await asyncio.sleep(0.005)
    return seen
