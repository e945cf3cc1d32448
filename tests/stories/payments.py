"""Stories of money: several payments, several groups of one order, and a provider that fails in every way it can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

from domain.commands import Actor, Role
from domain.dispute import Settlement
from tests.stage import Case, Stage
from tests.stories.acting import closed, cny, eventually

FAULTS = {
    "timeout_before": 1,
    "timeout_after": 1,
    "error_500": 2,
    "error_500_after": 1,
    "rate_limited": 2,
    "garbage": 1,
    "other_amount": 1,
}
"""What goes wrong with the refund, and how many times in a row."""


async def several_payments(scene: Stage) -> Case:
    """Paid in three parts, one of them nothing: the refund goes back to the two that paid, in proportion."""
    (case,) = await open_order(scene, [("seller-a", 10_000)], paid=[7_000, 0, 3_000])
    await case.act("offer", case.seller, terms={"amount": cny(5_001)})
    await case.act("accept_offer", case.buyer, offer_id="o1")
    await closed(case)
    return case


async def two_sellers(scene: Stage) -> tuple[Case, ...]:
    """One claim on an order of two sellers is two disputes, each with its own seller and its own end."""
    cases = await open_order(scene, [("seller-a", 6_000), ("seller-b", 4_000)], paid=[10_000])
    first, second = cases
    await asyncio.gather(
        first.act("answer", first.seller, verdict="accept"), second.act("withdraw", second.buyer, reason="Found it.")
    )
    await asyncio.gather(closed(first), closed(second))
    return cases


async def one_of_two_sellers(scene: Stage) -> Case:
    return (await two_sellers(scene))[0]


async def faulty_provider(scene: Stage, fault: str) -> Case:
    """The refund meets one kind of fault, and the dispute is closed all the same."""
    return (await faulty_providers(scene, [fault]))[fault]


async def faulty_providers(scene: Stage, faults: Sequence[str]) -> dict[str, Case]:
    """One dispute for each fault, all refunded at once: most of the time a fault takes is waiting."""
    cases = {fault: (await open_order(scene, [("seller-a", 10_000)], paid=[10_000]))[0] for fault in faults}
    calls = [
        {"kind": "refund", "fault": fault, "times": FAULTS[fault], "match": {"reference": f"{case.id}:refund"}}
        for fault, case in cases.items()
    ]
    (await scene.world.put("/script", json={"calls": calls})).raise_for_status()
    await asyncio.gather(*(_settled(case, fault) for fault, case in cases.items()))
    return cases


async def _settled(case: Case, fault: str) -> None:
    await case.act("answer", case.seller, verdict="accept")
    if fault == "other_amount":
        # Not what was asked for: the leg stands still where people see it, until the clock asks for it again.
        await eventually(case, lambda dispute: stuck_legs(dispute.settlement) == [STUCK])
        assert (await case.stage.client.view(case.id)).money.refunded.amount_minor == 0
        await case.skip(timedelta(minutes=2))
    await closed(case)


STUCK = ("refund", "provider_answered_another_refund")


def stuck_legs(settlement: Settlement | None) -> list[tuple[str, str]]:
    """The legs that stand still, each with the reason."""
    legs = settlement.legs if settlement else ()
    return [(leg.leg, leg.stuck_because) for leg in legs if leg.stuck_because]


async def open_order(scene: Stage, lines: Sequence[tuple[str, int]], *, paid: Sequence[int]) -> tuple[Case, ...]:
    """One claim on all lines (seller, fen) of a fresh delivered order, one parcel a line; a case for each dispute."""
    order_id, buyer = await put_order(scene, lines, paid)
    claim = {
        "order_id": order_id,
        "lines": [{"line": number} for number, _ in enumerate(lines, start=1)],
        "reason": "not_as_described",
        "statement": "None of this is what I paid for.",
    }
    opened = await scene.client.open(claim, actor=buyer, key="open", test_clock=True)
    return tuple(
        Case(scene, UUID(str(view.id)), buyer, Actor(role=Role.SELLER, id=view.parties.seller_id), count(1))
        for view in opened
    )


async def put_order(scene: Stage, lines: Sequence[tuple[str, int]], paid: Sequence[int]) -> tuple[str, Actor]:
    """Puts a delivered order into the world and answers its id and its buyer."""
    order_id, now = f"order-{uuid4()}", datetime.now(UTC)
    order = {
        "order_id": order_id,
        "currency": "CNY",
        "market": "CN",
        "buyer_id": f"buyer-{order_id[-6:]}",
        "status": "shipped",
        "purchased_at": (now - timedelta(days=8)).isoformat(),
        "paid_at": (now - timedelta(days=8)).isoformat(),
        "promised_by": (now - timedelta(days=2)).isoformat(),
        "lines": [
            {"line": number, "sku": f"sku-{number}", "seller_id": seller, "unit_price_minor": price}
            for number, (seller, price) in enumerate(lines, start=1)
        ],
        "payments": [
            {"payment_id": f"payment-{order_id}-{number}", "method": "wallet", "amount_minor": minor}
            for number, minor in enumerate(paid, start=1)
        ],
        "selling_rules": {"version": "test-1", "no_reason_return_days": 7},
        "parcels": [
            {"parcel_id": f"{order_id}-{number}", "lines": [number], "carrier": "test-express", "tracking": "TX1"}
            for number, _ in enumerate(lines, start=1)
        ],
    }
    (await scene.world.put(f"/orders/{order_id}", json=order)).raise_for_status()
    facts = {
        "state": "delivered",
        "first_scan_at": (now - timedelta(days=6)).isoformat(),
        "delivered_at": (now - timedelta(days=1)).isoformat(),
    }
    for number, _ in enumerate(lines, start=1):
        (await scene.world.put(f"/parcels/{order_id}-{number}", json=facts)).raise_for_status()
    return order_id, Actor(role=Role.BUYER, id=f"buyer-{order_id[-6:]}")
