"""Reads of what intake has stored: the opening behind a key, and what a dispute's workflow is started from."""

from __future__ import annotations

from uuid import UUID

from store.database import Database
from store.errors import NotFound
from store.opening import Opened
from store.records import Record


class KnownOpening(Record):
    """An `open` that was stored before: the digest of its content and its disputes."""

    digest: str
    opened: Opened


class StoredStart(Record):
    """The inbox row a dispute was born with; `start` is the canonical JSON of its `DisputeInput`."""

    command_id: str
    start: str
    started: bool


async def known_opening(database: Database, actor_role: str, actor_id: str, key: str) -> KnownOpening | None:
    """What this actor opened under this key, None when it has not been used.

    Raises:
        StoreUnavailable: no answer.
    """
    rows = await database.fetch(
        """
        select encode(digest, 'hex') as digest, opened_disputes(dispute_ids, false) as opened
          from openings
         where actor_role = %(role)s and actor_id = %(id)s and key = %(key)s
        """,
        {"role": actor_role, "id": actor_id, "key": key},
    )
    if not rows:
        return None
    opened = {name: value for name, value in rows[0]["opened"].items() if name != "kind"}
    return KnownOpening(digest=rows[0]["digest"], opened=Opened.model_validate(opened))


async def stored_start(database: Database, dispute_id: UUID) -> StoredStart:
    """What the dispute's workflow is started from, and whether it is known to have been.

    Raises:
        NotFound: no such dispute.
        StoreUnavailable: no answer.
    """
    rows = await database.fetch(
        """
        select i.command_id, i.body as start, d.started_at is not null as started
          from inbox i join disputes d using (dispute_id)
         where i.dispute_id = %(dispute)s and i.receipt = 1
        """,
        {"dispute": dispute_id},
    )
    if not rows:
        raise NotFound("dispute", dispute_id)
    return StoredStart.model_validate(rows[0])


async def taken_units(database: Database, order_id: str) -> frozenset[tuple[str, int]]:
    """The pieces (line, number) of an order that belong to a dispute, live or decided.

    Raises:
        StoreUnavailable: no answer.
    """
    rows = await database.fetch("select line, unit from units where order_id = %(order)s", {"order": order_id})
    return frozenset((row["line"], row["unit"]) for row in rows)


async def note_refusal(
    database: Database, *, actor_role: str, actor_id: str, key: str, digest: str, order_id: str, code: str
) -> None:
    """Put a refused opening on record: who asked for what, when, and why not; `digest` as in `opening.Opening`.

    Raises:
        StoreUnavailable: no answer; the refusal may not be on record.
    """
    await database.fetch(
        """
        insert into refused_openings (actor_role, actor_id, key, digest, order_id, code)
        values (%(actor_role)s, %(actor_id)s, %(key)s, decode(%(digest)s, 'hex'), %(order_id)s, %(code)s)
        returning code
        """,
        {
            "actor_role": actor_role,
            "actor_id": actor_id,
            "key": key,
            "digest": digest,
            "order_id": order_id,
            "code": code,
        },
    )


async def refusals_of_a_day(database: Database) -> dict[str, int]:
    """How many openings were refused in the last 24 hours, by code.

    Raises:
        StoreUnavailable: no answer.
    """
    rows = await database.fetch(
        """
        select code, count(*) as times from refused_openings
         where refused_at > clock_timestamp() - interval '24 hours'
         group by code order by code
        """,
        {},
    )
    return {row["code"]: row["times"] for row in rows}
