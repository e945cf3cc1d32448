"""Money: split over payments and disputes, and moved once whatever the provider does."""

from __future__ import annotations

import asyncio

import pytest

from starter.failures import Refused
from tests.stage import Case, Stage
from tests.stories import payments
from tests.stories.acting import closed, code_of, happened, refunds


async def test_a_refund_goes_back_to_every_payment_in_proportion(scene: Stage) -> None:
    case = await payments.several_payments(scene)
    assert await refunds(case) == [("refund", 3_501), ("refund.2", 1_500)]
    books = (await scene.world.get("/books", params={"dispute_id": str(case.id)})).json()
    order_id = (await case.now()).order.order_id
    assert [refund["payment_id"] for refund in books["refunds"]] == [f"payment-{order_id}-1", f"payment-{order_id}-3"]


async def test_an_order_of_two_sellers_is_two_disputes(scene: Stage) -> None:
    first, second = await payments.two_sellers(scene)
    assert (await refunds(first), await refunds(second)) == ([("refund", 6_000)], [])
    assert [(await case.now()).outcome for case in (first, second)] == ["settled", "withdrawn"]


async def test_each_seller_is_a_stranger_in_the_others_dispute(scene: Stage) -> None:
    first, second = await payments.open_order(scene, [("seller-a", 6_000), ("seller-b", 4_000)], paid=[10_000])
    assert await code_of(second.act("say", first.seller, text="And what about me?")) == "not_a_party"


async def test_two_openings_on_one_unit_leave_one_dispute(scene: Stage) -> None:
    order_id, buyer = await payments.put_order(scene, [("seller-a", 10_000)], [10_000])
    claim = {"order_id": order_id, "lines": [{"line": 1}], "reason": "defective", "statement": "It does not work."}

    async def opened(key: str) -> str:
        try:
            (view,) = await scene.client.open(claim, actor=buyer, key=key, test_clock=True)
        except Refused as refused:
            return refused.code.value
        return view.phase.value

    assert sorted(await asyncio.gather(opened("first"), opened("second"))) == ["negotiation", "unit_in_dispute"]


@pytest.fixture(scope="module")
async def faulty(scene: Stage) -> dict[str, Case]:
    return await payments.faulty_providers(scene, list(payments.FAULTS))


@pytest.mark.parametrize("fault", list(payments.FAULTS))
async def test_the_provider_fails_and_the_refund_is_made_once(faulty: dict[str, Case], fault: str) -> None:
    case = faulty[fault]
    dispute = await closed(case)
    assert dispute.outcome == "settled"
    assert await refunds(case) == [("refund", 10_000)]


@pytest.mark.usefixtures("faulty")
async def test_every_scripted_fault_was_met(scene: Stage) -> None:
    script = (await scene.world.get("/script")).json()
    assert script["left"] == []
    assert {one["fault"] for one in script["fired"]} == set(payments.FAULTS)


async def test_another_amount_stops_the_leg_until_it_is_asked_for_again(faulty: dict[str, Case]) -> None:
    case = faulty["other_amount"]
    course = [event.type for event in await happened(case)][-4:]
    assert course == ["leg_stuck", "leg_retried", "leg_settled", "closed"]
