"""Legs: written down before the provider is asked, and settled for good."""

from __future__ import annotations

import asyncio

import pytest

from store import legs
from store.database import Database
from store.errors import KeyReused, NotFound
from tests.records.cases import a_dispute, digest


async def an_intent(database: Database) -> legs.Intent:
    return legs.Intent(
        dispute_id=await a_dispute(database),
        leg="refund",
        digest=digest("refund 1999 CNY"),
        payment_id="pay-1",
        amount_minor=10**15,
        currency="CNY",
    )


async def test_a_leg_is_intended_once(database: Database) -> None:
    intent = await an_intent(database)
    stored = await asyncio.gather(*(legs.intend(database, intent) for _ in range(10)))
    assert len(set(stored)) == 1
    assert (stored[0].state, stored[0].amount_minor) == ("intended", 10**15)
    with pytest.raises(KeyReused):
        await legs.intend(database, intent.model_copy(update={"digest": digest("refund 2000 CNY")}))
    other = await legs.intend(database, intent.model_copy(update={"leg": "compensation"}))
    assert other.leg == "compensation"


async def test_an_unknown_leg_is_looked_up_until_it_is_settled_for_good(database: Database) -> None:
    intent = await an_intent(database)
    await legs.intend(database, intent)
    unknown = await legs.conclude(database, intent.dispute_id, "refund", "unknown", detail="timed out")
    assert (unknown.state, unknown.detail, unknown.concluded_at) == ("unknown", "timed out", None)
    settled = await legs.conclude(database, intent.dispute_id, "refund", "settled", provider_ref="re_1")
    assert (settled.state, settled.provider_ref) == ("settled", "re_1")
    assert settled.concluded_at is not None
    for later in ("refused", "unknown", "settled"):
        assert await legs.conclude(database, intent.dispute_id, "refund", later, provider_ref="re_2") == settled
    assert await legs.intend(database, intent) == settled
    assert await legs.get(database, intent.dispute_id, "refund") == settled


async def test_a_leg_nobody_intended(database: Database) -> None:
    dispute_id = await a_dispute(database)
    with pytest.raises(NotFound):
        await legs.get(database, dispute_id, "refund")
    with pytest.raises(NotFound):
        await legs.conclude(database, dispute_id, "refund", "settled")
