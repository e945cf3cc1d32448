"""Settlement legs: what we told a provider to do with money, under which key, and what became of it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from store.database import Database
from store.errors import KeyReused, NotFound
from store.records import Record

LegState = Literal["intended", "unknown", "settled", "refused"]


class Intent(Record):
    """A leg about to be started; `digest` (SHA-256, hexadecimal) is that of what the provider is asked."""

    dispute_id: UUID
    leg: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    payment_id: str
    amount_minor: int = Field(ge=0)
    currency: str


class Leg(Intent):
    """A stored leg; `amount_minor` is in minor units, the instants are real time."""

    state: LegState
    provider_ref: str | None
    detail: str | None
    intended_at: AwareDatetime
    concluded_at: AwareDatetime | None


async def intend(database: Database, intent: Intent) -> Leg:
    """Write down a leg before the provider is asked, or give the one written before.

    Raises:
        KeyReused: this leg of this dispute was written with other content (rule: same key with other input
            is an error, never a second payment).
    """
    rows = await database.fetch(
        # The update changes nothing: it makes the statement return the row that is there.
        """
        insert into legs (dispute_id, leg, digest, payment_id, amount_minor, currency)
        values (%(dispute_id)s, %(leg)s, decode(%(digest)s, 'hex'), %(payment_id)s, %(amount_minor)s,
                %(currency)s)
        on conflict (dispute_id, leg) do update set leg = excluded.leg
        returning dispute_id, leg, encode(digest, 'hex') as digest, payment_id, amount_minor, currency, state,
                  provider_ref, detail, intended_at, concluded_at
        """,
        intent.model_dump(),
    )
    stored = Leg.model_validate(rows[0])
    if stored.digest != intent.digest:
        raise KeyReused(f"{intent.dispute_id}:{intent.leg}")
    return stored


async def conclude(
    database: Database,
    dispute_id: UUID,
    leg: str,
    state: Literal["unknown", "settled", "refused"],
    *,
    provider_ref: str | None = None,
    detail: str | None = None,
) -> Leg:
    """Write down what became of a leg and give it as it now stands.

    A settled leg stays as it is, so compare the state; a refused one may be asked again under its own key.

    Raises:
        NotFound: the leg was never intended.
    """
    await database.fetch(
        """
        update legs
           set state = %(state)s, provider_ref = coalesce(%(provider_ref)s, provider_ref),
               detail = coalesce(%(detail)s, detail),
               concluded_at = case when %(state)s <> 'unknown' then clock_timestamp() end
         where dispute_id = %(dispute_id)s and leg = %(leg)s and state <> 'settled'
        returning leg
        """,
        {
            "dispute_id": dispute_id,
            "leg": leg,
            "state": state,
            "provider_ref": provider_ref,
            "detail": detail,
        },
    )
    return await get(database, dispute_id, leg)


async def get(database: Database, dispute_id: UUID, leg: str) -> Leg:
    """The leg as stored.

    Raises:
        NotFound: the leg was never intended.
    """
    rows = await database.fetch(
        """
        select dispute_id, leg, encode(digest, 'hex') as digest, payment_id, amount_minor, currency, state,
               provider_ref, detail, intended_at, concluded_at
          from legs
         where dispute_id = %(dispute_id)s and leg = %(leg)s
        """,
        {"dispute_id": dispute_id, "leg": leg},
    )
    if not rows:
        raise NotFound("leg", f"{dispute_id}:{leg}")
    return Leg.model_validate(rows[0])
