"""Test clocks: moved in the sandbox only, and told by database and workflow alike."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from starter.client import DisputeClient
from starter.clock import ClockRefused, advance
from starter.connecting import connect
from starter.failures import BadCommand, NotFound
from store.clock import dispute_now
from tests.entry.test_client_on_the_real_thing import buyer_of, claim_about
from tests.stage import Stage, put_order

DAY = timedelta(days=1)


async def test_a_skip_that_meets_no_deadline_moves_the_receipts_too(scene: Stage) -> None:
    case = await scene.open()
    before = await dispute_now(scene.database, case.id)
    now = await case.skip(timedelta(hours=5))
    assert timedelta(hours=5) <= now - before < timedelta(hours=5, minutes=1)
    await case.act("say", case.buyer, text="five hours later")
    said = (await scene.client.timeline(case.id))[-1].body
    assert str(said["at"]) >= now.isoformat()[:19]


async def test_a_deadline_on_the_way_fires(scene: Stage) -> None:
    case = await scene.open()
    await case.act("offer", case.seller, terms={"amount": {"amount_minor": 5_000, "currency": "CNY"}})
    await case.skip(3 * DAY + timedelta(hours=1))
    kinds = [entry.body["type"] for entry in await scene.client.timeline(case.id)]
    assert kinds == ["opened", "offered", "offer_lapsed"]


async def test_a_real_clock_is_not_moved(scene: Stage) -> None:
    case = await scene.open(test_clock=False)
    with pytest.raises(ClockRefused, match="real clock"):
        await case.skip(DAY)


async def test_a_closed_dispute_is_not_moved(scene: Stage) -> None:
    case = await scene.open()
    await case.act("withdraw", case.buyer)
    with pytest.raises(ClockRefused, match="closed"):
        await case.skip(DAY)


@pytest.mark.parametrize("by", [timedelta(0), -DAY, 366 * DAY])
async def test_a_clock_moves_forward_and_not_too_far(scene: Stage, by: timedelta) -> None:
    case = await scene.open()
    with pytest.raises(ClockRefused, match="365 days"):
        await case.skip(by)


async def test_a_dispute_nobody_knows_is_not_found(scene: Stage) -> None:
    with pytest.raises(NotFound):
        await advance(scene.database, scene.temporal, scene.settings, uuid4(), DAY)


async def test_outside_the_sandbox_there_are_no_test_clocks(scene: Stage) -> None:
    case = await scene.open()
    real = scene.settings.model_copy(update={"sandbox": False})
    with pytest.raises(ClockRefused, match="sandbox"):
        await advance(scene.database, scene.temporal, real, case.id, DAY)
    order_id = await put_order(scene.world)
    async with DisputeClient.connect(real) as client:
        with pytest.raises(BadCommand, match="test_clock"):
            await client.open(claim_about(order_id), actor=buyer_of(order_id), key="k", test_clock=True)


async def test_without_a_worker_the_clock_stops_and_says_so(scene: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starter.clock.SKIP_SECONDS", 2.0)
    alone = scene.settings.model_copy(update={"task_queue": f"alone-{uuid4()}"})
    order_id = await put_order(scene.world)
    async with DisputeClient.connect(alone) as client:
        (opened,) = await client.open(claim_about(order_id), actor=buyer_of(order_id), key="k", test_clock=True)
    with pytest.raises(ClockRefused, match="no worker is running"):
        await advance(scene.database, await connect(alone), alone, UUID(opened.id), 30 * DAY)
