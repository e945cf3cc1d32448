"""Keys: the same key is the same command, whoever sends it again and however often."""

from __future__ import annotations

import asyncio

import pytest

from domain.envelope import Answered
from starter.failures import KeyReused
from tests.stage import Case, Stage
from tests.stories.acting import cny, happened, refusals


async def offered(case: Case, key: str, minor: int) -> Answered:
    fields = {"terms": {"amount": cny(minor)}}
    return await case.stage.client.send(case.id, "offer", fields, actor=case.seller, key=key)


async def test_the_same_key_gives_the_same_answer_and_happens_once(scene: Stage) -> None:
    case = await scene.open()
    first = await offered(case, "my-offer", 6_000)
    answers = await asyncio.gather(*(offered(case, "my-offer", 6_000) for _ in range(3)))
    assert answers == [first] * 3
    assert [event.type for event in await happened(case)] == ["opened", "offered"]


async def test_the_same_key_sent_twice_at_once_happens_once(scene: Stage) -> None:
    case = await scene.open()
    one, other = await asyncio.gather(offered(case, "at-once", 6_000), offered(case, "at-once", 6_000))
    assert one == other
    assert [event.type for event in await happened(case)] == ["opened", "offered"]


async def test_the_same_key_with_other_content_is_an_error_and_leaves_no_trace(scene: Stage) -> None:
    case = await scene.open()
    await offered(case, "my-offer", 6_000)
    with pytest.raises(KeyReused, match="my-offer"):
        await offered(case, "my-offer", 6_001)
    assert [event.type for event in await happened(case)] == ["opened", "offered"]
    assert await refusals(case) == []


async def test_two_people_may_use_the_same_key(scene: Stage) -> None:
    case = await scene.open()
    for party in (case.seller, case.buyer):
        await scene.client.send(case.id, "say", {"text": "Hello?"}, actor=party, key="hello")
    assert [event.by for event in (await happened(case))[1:]] == [case.seller, case.buyer]


async def test_a_key_keeps_its_answer_after_the_dispute_has_closed(scene: Stage) -> None:
    case = await scene.open()
    first = await offered(case, "my-offer", 6_000)
    await case.act("withdraw", case.buyer)
    await case.handle.result()
    assert await offered(case, "my-offer", 6_000) == first


async def test_the_same_opening_gives_the_same_dispute(scene: Stage) -> None:
    case = await scene.open()
    order_id = (await case.now()).order.order_id
    claim = {
        "order_id": order_id,
        "lines": [{"line": 1}],
        "reason": "not_as_described",
        "statement": "This is not what I paid for.",
    }
    key = f"open-{order_id[-12:]}"
    (again,) = await scene.client.open(claim, actor=case.buyer, key=key, test_clock=True)
    assert str(again.id) == str(case.id)
    with pytest.raises(KeyReused):
        await scene.client.open({**claim, "statement": "Other."}, actor=case.buyer, key=key, test_clock=True)
