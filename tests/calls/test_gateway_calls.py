"""What the gateways send and give back when the other side is well, and its refusals."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways.errors import Rejected
from gateways.payments import RefundReceipt

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


async def test_an_order_becomes_a_snapshot(world: Any, gateways: Any) -> None:
    order = world.put_order()
    snapshot = await gateways.orders.get(order["order_id"], at=AT)
    assert snapshot.order_id == order["order_id"]
    assert snapshot.paid_at == datetime(2026, 11, 1, 8, 1, tzinfo=UTC)
    assert snapshot.paid_minor == 10_000
    assert snapshot.lines[0].unit_price_minor == 4500
    assert snapshot.parcels[0].lines == (1,)
    assert snapshot.selling_rules == "cn-1"


async def test_refusals_carry_the_other_sides_code(world: Any, gateways: Any) -> None:
    with pytest.raises(Rejected) as raised:
        await gateways.orders.get("none", at=None)
    assert raised.value.code == "order_not_found"
    order = world.put_order()
    payment_id = order["payments"][0]["payment_id"]
    for amount, currency, code in ((10_001, "CNY", "amount_exceeds_payment"), (1, "BRL", "currency_mismatch")):
        with pytest.raises(Rejected) as raised:
            await gateways.payments.refund(f"{payment_id}-{code}", payment_id, amount, currency, "r", at=None)
        assert raised.value.code == code
    with pytest.raises(Rejected) as raised:
        await gateways.orders.tell("e-none", "opened", "d-none", "none", {}, at=None)
    assert raised.value.code == "order_not_found"


async def test_the_test_clock_goes_with_every_call(world: Any, gateways: Any) -> None:
    order = world.put_order()
    order_id, payment_id = order["order_id"], order["payments"][0]["payment_id"]
    at = AT + timedelta(days=30, microseconds=5)
    receipt = await gateways.payments.refund("clock-1", payment_id, 1, "CNY", "clock-1", at=at)
    assert receipt.created_at == at
    assert (await gateways.payments.lookup("clock-1", at=at)) == receipt
    assert (await gateways.carrier.parcel(f"par-{order_id}", "out", at=at)).as_of == at
    await gateways.orders.tell("clock-e", "opened", "clock-d", order_id, {}, at=at)
    await gateways.notices.send(
        "clock-n",
        role="seller",
        party_id="seller-1",
        kind="opened",
        dispute_id="clock-d",
        text={"zh-CN": "纠纷", "en": "Dispute"},
        issued_at=AT,
        at=at,
    )
    books = world.books(dispute_id="clock-d")
    assert {books[kind][0]["received_at"] for kind in ("notices", "order_events")} == {"2026-12-22T08:00:00.000005Z"}
    assert books["notices"][0]["at"] == "2026-11-22T08:00:00Z"


async def test_a_parcel_without_data_is_unknown(world: Any, gateways: Any) -> None:
    fact = await gateways.carrier.parcel("never-heard-of", "back", at=AT)
    assert (fact.state, fact.direction, fact.as_of) == ("unknown", "back", AT)
    scan = {"state": "in_transit", "first_scan_at": "2026-11-21T08:00:00Z"}
    world.http.put("/parcels/moving", json=scan).raise_for_status()
    assert (await gateways.carrier.parcel("moving", "out", at=AT)).first_scan_at == AT - timedelta(days=1)
    assert (await gateways.carrier.parcel("moving", "out", at=AT - timedelta(days=2))).state == "label_created"


async def test_a_payment_tells_what_was_refunded_of_it(world: Any, gateways: Any) -> None:
    payment = world.put_order()["payments"][0]
    payment_id, amount = payment["payment_id"], payment["amount_minor"]
    await gateways.payments.refund("told-1", payment_id, 1, "CNY", "told-1", at=None)
    standing = await gateways.payments.payment(payment_id, at=None)
    assert (standing.amount_minor, standing.refunded_minor) == (amount, 1)
    with pytest.raises(Rejected, match="payment_not_found"):
        await gateways.payments.payment("never-made", at=None)


async def test_a_look_up_of_nothing_is_none(gateways: Any) -> None:
    assert await gateways.payments.lookup("never-used", at=None) is None


async def test_one_key_asked_at_once_is_one_refund(world: Any, gateways: Any) -> None:
    payment_id = world.put_order()["payments"][0]["payment_id"]
    receipts = await asyncio.gather(
        *(gateways.payments.refund("at-once", payment_id, 700, "CNY", "at-once", at=AT) for _ in range(20))
    )
    assert len(set(receipts)) == 1
    assert len(world.books(reference="at-once")["refunds"]) == 1


async def test_many_keys_at_once_stay_within_the_payment(world: Any, gateways: Any) -> None:
    payment_id = world.put_order()["payments"][0]["payment_id"]
    outcomes = await asyncio.gather(
        *(gateways.payments.refund(f"{payment_id}-{n}", payment_id, 1500, "CNY", "cap", at=AT) for n in range(15)),
        return_exceptions=True,
    )
    made = [outcome for outcome in outcomes if isinstance(outcome, RefundReceipt)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert (len(made), len(refused)) == (6, 9)
    assert sum(refund["amount_minor"] for refund in world.books(reference="cap")["refunds"]) == 9000
