"""What callers read: a dispute folded from its stored timeline, as this actor may see it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from domain.commands import Actor, Role
from domain.dispute import Dispute
from domain.envelope import DisputeInput
from domain.events import EVENT
from domain.evolving import begin, evolve
from domain.model import Frozen, Identifier, Instant
from starter.failures import NotFound
from store import reading
from store.clock import dispute_now
from store.database import Database
from store.opened import stored_start
from store.reading import TimelineEntry
from store.records import EntryKind

_PAGE = 1000
_BODY: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class Told(Frozen):
    """One entry of a timeline as it is told; only events have a version."""

    entry: int
    version: int | None = None
    kind: EntryKind
    command_id: Identifier | None = None
    recorded_at: Instant
    body: dict[str, JsonValue]


async def read_dispute(database: Database, dispute_id: UUID, *, actor: Actor | None) -> tuple[Dispute, datetime]:
    """The dispute as its timeline stands, and its clock; `actor` None sees what an operator sees.

    Raises:
        NotFound: no such dispute, or none of this buyer or seller.
        StoreUnavailable: PostgreSQL does not answer.
    """
    entries = await _entries(database, dispute_id)
    # The timeline knows neither policy nor calendar; what the workflow starts from pins both.
    start = DisputeInput.model_validate_json((await stored_start(database, dispute_id)).start)
    assert start.opened
    assert start.policy
    assert start.calendar
    dispute = begin(start.opened, start.policy, start.calendar, test_clock=start.test_clock)
    for entry in entries:
        if entry.version is not None and entry.version > 1:
            dispute = evolve(dispute, EVENT.validate_json(entry.body))
    _check_party(dispute, actor)
    return dispute, await dispute_now(database, dispute_id)


async def read_timeline(database: Database, dispute_id: UUID, *, actor: Actor | None) -> list[Told]:
    """Everything on the dispute's timeline, in order: events, refusals, facts, receipts.

    Raises:
        NotFound: no such dispute, or none of this buyer or seller.
        StoreUnavailable: PostgreSQL does not answer.
    """
    head = await reading.head(database, dispute_id)
    if actor is not None and actor.role in _PARTIES and actor.id != _party_id(head.buyer_id, head.seller_id, actor):
        raise NotFound(dispute_id)
    return [
        Told(
            entry=entry.entry,
            version=entry.version,
            kind=entry.kind,
            command_id=entry.command_id,
            recorded_at=entry.recorded_at,
            body=_BODY.validate_json(entry.body),
        )
        for entry in await _entries(database, dispute_id)
        if actor is None or _concerns(entry, actor)
    ]


def _concerns(entry: TimelineEntry, actor: Actor) -> bool:
    """What a party may read: all that happened, and of the refused attempts its own alone."""
    if actor.role not in _PARTIES or entry.kind != "refusal":
        return True
    return _BODY.validate_json(entry.body).get("by") == actor.model_dump(mode="json")


_PARTIES = (Role.BUYER, Role.SELLER)


def _party_id(buyer_id: str, seller_id: str, actor: Actor) -> str:
    return buyer_id if actor.role is Role.BUYER else seller_id


def _check_party(dispute: Dispute, actor: Actor | None) -> None:
    if actor is not None and actor.role in _PARTIES and not dispute.party(actor):
        raise NotFound(dispute.dispute_id)


async def _entries(database: Database, dispute_id: UUID) -> list[TimelineEntry]:
    entries: list[TimelineEntry] = []
    while True:
        last = entries[-1].entry if entries else 0
        page = await reading.timeline(database, dispute_id, after_entry=last, limit=_PAGE)
        entries += page
        if len(page) < _PAGE:
            return entries
