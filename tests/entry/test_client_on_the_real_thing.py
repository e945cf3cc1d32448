"""The client on real servers: one key is one command, refusals are told, reads fold the timeline."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from pydantic import SecretStr

from domain.commands import Actor, Offer, Role, Say, Terms
from domain.money import Money
from domain.refusals import Code
from starter.client import DisputeClient
from starter.connecting import connect
from starter.failures import BadCommand, KeyReused, NotFound, Refused, Unavailable, Unknown
from store import reading
from store.opened import refusals_of_a_day
from tests.entry.conftest import eventually, written
from tests.stage import Stage, put_order
from worker.running import working

NOBODY = "postgresql://nobody:secret@127.0.0.1:1/nothing"


def claim_about(order_id: str) -> dict[str, object]:
    return {"order_id": order_id, "lines": [{"line": 1}], "reason": "not_as_described", "statement": "Not that."}


def buyer_of(order_id: str) -> Actor:
    return Actor(role=Role.BUYER, id=f"buyer-{order_id[-6:]}")


async def test_the_same_open_again_is_the_same_dispute(scene: Stage) -> None:
    order_id = await put_order(scene.world)
    first = await scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="once")
    before = await written(scene.database)
    again = await scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="once")
    assert [view.id for view in first] == [view.id for view in again]
    assert await written(scene.database) == before
    with pytest.raises(KeyReused):
        await scene.client.open(
            {**claim_about(order_id), "statement": "Other words."}, actor=buyer_of(order_id), key="once"
        )
    with pytest.raises(KeyReused):
        await scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="once", test_clock=True)
    with pytest.raises(Refused) as caught:
        await scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="twice")
    assert caught.value.code is Code.UNIT_IN_DISPUTE
    assert await written(scene.database) == before


async def test_ten_opens_with_one_key_at_once_are_one_dispute(scene: Stage) -> None:
    order_id = await put_order(scene.world)
    opened = await asyncio.gather(
        *(scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="at-once") for _ in range(10))
    )
    assert len({view.id for views in opened for view in views}) == 1


async def test_an_order_nobody_knows_is_refused_and_opens_nothing(scene: Stage) -> None:
    before = await written(scene.database)
    with pytest.raises(Refused) as caught:
        await scene.client.open(claim_about("no-such-order"), actor=buyer_of("no-such-order"), key="k")
    assert caught.value.code is Code.ORDER_NOT_FOUND
    assert await written(scene.database) == before


async def test_a_refused_opening_is_on_record(scene: Stage) -> None:
    claim = {"order_id": f"nobody-{uuid4()}", "lines": [{"line": 1}], "reason": "late", "statement": "Where is it?"}
    before = (await refusals_of_a_day(scene.database)).get("order_not_found", 0)
    with pytest.raises(Refused):
        await scene.client.open(claim, actor=Actor(role=Role.BUYER, id="b-1"), key="refused-1")
    assert (await refusals_of_a_day(scene.database))["order_not_found"] == before + 1
    rows = await scene.database.fetch(
        "select actor_role, actor_id, key, code from refused_openings where order_id = %(order)s",
        {"order": claim["order_id"]},
    )
    assert [tuple(row.values()) for row in rows] == [("buyer", "b-1", "refused-1", "order_not_found")]


async def test_an_order_system_that_fails_is_unavailable_and_the_same_key_works_later(scene: Stage) -> None:
    order_id = await put_order(scene.world)
    script = {"calls": [{"kind": "order", "match": {"order_id": order_id}, "fault": "error_500"}]}
    (await scene.world.put("/script", json=script)).raise_for_status()
    with pytest.raises(Unavailable, match="order system"):
        await scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="later")
    assert await scene.client.open(claim_about(order_id), actor=buyer_of(order_id), key="later")


async def test_the_same_command_again_has_the_same_answer(scene: Stage) -> None:
    case = await scene.open()
    offer = Offer(terms=Terms(amount=Money(amount_minor=2_000, currency="CNY")))
    first = await scene.client.send(case.id, offer, actor=case.seller, key="o")
    before = await written(scene.database)
    again = await asyncio.gather(*(scene.client.send(case.id, offer, actor=case.seller, key="o") for _ in range(5)))
    assert again == [first] * 5
    assert await written(scene.database) == before
    other = Offer(terms=Terms(amount=Money(amount_minor=2_001, currency="CNY")))
    with pytest.raises(KeyReused):
        await scene.client.send(case.id, other, actor=case.seller, key="o")
    assert await written(scene.database) == before


async def test_two_actors_may_choose_one_key(scene: Stage) -> None:
    case = await scene.open()
    await scene.client.send(case.id, Say(text="one"), actor=case.buyer, key="same")
    await scene.client.send(case.id, Say(text="two"), actor=case.seller, key="same")
    said = [entry.body for entry in await scene.client.timeline(case.id) if entry.body.get("type") == "said"]
    assert [body["text"] for body in said] == ["one", "two"]


async def test_a_refusal_is_told_in_both_languages_and_stands_on_the_timeline(scene: Stage) -> None:
    case = await scene.open()
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await scene.client.send(case.id, "take", {}, actor=case.seller, key="t", seen_version=1)
        assert (caught.value.code, caught.value.version) == (Code.NOT_YOUR_ROLE, 1)
        assert caught.value.told("zh-CN") != caught.value.told("en")
    refusals = [entry for entry in await scene.client.timeline(case.id) if entry.kind == "refusal"]
    assert [entry.body["code"] for entry in refusals] == ["not_your_role"]


async def test_a_closed_dispute_refuses_for_ever_and_keeps_its_answers(scene: Stage) -> None:
    case = await scene.open()
    told = await scene.client.send(case.id, "withdraw", {}, actor=case.buyer, key="w")
    await case.handle.result()
    assert await scene.client.send(case.id, "withdraw", {}, actor=case.buyer, key="w") == told
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await scene.client.send(case.id, Say(text="late"), actor=case.buyer, key="late")
        assert (caught.value.code, caught.value.version) == (Code.CLOSED, told.version)
    late = [entry for entry in await scene.client.timeline(case.id) if entry.kind == "refusal"]
    assert [(entry.body["name"], entry.body["code"]) for entry in late] == [("say", "closed")]


async def test_foreign_disputes_are_not_found(scene: Stage) -> None:
    case = await scene.open()
    stranger = Actor(role=Role.BUYER, id="stranger")
    for read in (scene.client.view, scene.client.timeline, scene.client.forecast, scene.client.allowed):
        with pytest.raises(NotFound):
            await read(case.id, actor=stranger)
    assert (await scene.client.view(case.id, actor=case.buyer)).parties.seller_id == case.seller.id


async def test_reads_agree_with_each_other(scene: Stage) -> None:
    case = await scene.open()
    await case.act("offer", case.seller, terms={"amount": {"amount_minor": 5_000, "currency": "CNY"}})
    view = await scene.client.view(case.id, actor=case.buyer)
    events = [entry for entry in await scene.client.timeline(case.id) if entry.kind == "event"]
    forecast = await scene.client.forecast(case.id)
    actions = await scene.client.allowed(case.id, actor=case.buyer)
    assert view.version == len(events) == forecast.version == 2
    assert forecast.deadlines[0].at == min(one.at for one in view.deadlines)
    assert actions.allowed == view.allowed_actions
    assert {"accept_offer", "withdraw"} <= {one.command for one in actions.allowed}


async def test_lists_come_in_pages_without_gap_or_repeat(scene: Stage) -> None:
    cases = [await scene.open() for _ in range(3)]
    seen: list[str] = []
    after = None
    while True:
        page = await scene.client.list({"phase": "negotiation"}, limit=2, starting_after=after)
        seen += [str(one.dispute_id) for one in page.disputes]
        if not page.has_more:
            break
        after = page.disputes[-1].dispute_id
    assert len(seen) == len(set(seen))
    assert {str(case.id) for case in cases} <= set(seen)
    (mine,) = (await scene.client.list({"seller_id": cases[0].seller.id})).disputes
    assert mine.dispute_id == cases[0].id
    with pytest.raises(BadCommand, match="colour"):
        await scene.client.list({"colour": "red"})
    with pytest.raises(BadCommand, match="limit"):
        await scene.client.list(limit=0)


async def test_without_a_worker_the_outcome_is_unknown_and_asking_again_tells_it(scene: Stage) -> None:
    settings = scene.settings.model_copy(update={"task_queue": "nobody-listens", "update_timeout_seconds": 1.0})
    order_id = await put_order(scene.world)
    buyer = buyer_of(order_id)
    async with DisputeClient.connect(settings) as client:
        (opened,) = await client.open(claim_about(order_id), actor=buyer, key="o")
        with pytest.raises(Unknown, match="same key s"):
            await client.send(opened.id, Say(text="Is anybody there?"), actor=buyer, key="s")
        async with working(await connect(settings), settings):
            answered = await client.send(opened.id, Say(text="Is anybody there?"), actor=buyer, key="s")
    assert answered.events == ("said",)


async def test_without_temporal_a_dispute_is_opened_and_its_first_command_starts_it_later(scene: Stage) -> None:
    away = scene.settings.model_copy(update={"temporal_address": "127.0.0.1:1", "update_timeout_seconds": 2.0})
    order_id = await put_order(scene.world)
    buyer = buyer_of(order_id)
    async with DisputeClient.connect(away) as client:
        (opened,) = await client.open(claim_about(order_id), actor=buyer, key="o")
        with pytest.raises(Unknown, match="Temporal does not answer"):
            await client.send(opened.id, Say(text="Hello?"), actor=buyer, key="s")
    answered = await scene.client.send(opened.id, Say(text="Hello?"), actor=buyer, key="s")
    assert answered.events == ("said",)


async def test_without_postgresql_nothing_is_received(scene: Stage) -> None:
    away = scene.settings.model_copy(update={"database_dsn": SecretStr(NOBODY)})
    with pytest.raises(Unavailable) as caught:
        async with DisputeClient.connect(away):
            pytest.fail("a client without a database must not connect")
    assert "secret" not in str(caught.value)


async def test_connecting_to_no_temporal_is_one_sentence(scene: Stage) -> None:
    away = scene.settings.model_copy(update={"temporal_address": "127.0.0.1:1"})
    with pytest.raises(Unavailable, match=r"^Temporal does not answer at 127\.0\.0\.1:1; start it, or set"):
        await connect(away)


async def test_answers_are_acknowledged_in_the_background_and_on_leaving(scene: Stage) -> None:
    case = await scene.open()
    async with DisputeClient.connect(scene.settings) as client:
        await client.send(case.id, Say(text="one"), actor=case.buyer, key="one")

        async def acknowledged() -> bool:
            return (await reading.backlog(scene.database)).unacknowledged == waiting

        waiting = (await reading.backlog(scene.database)).unacknowledged - 1
        await eventually(acknowledged, "the acknowledgement of the first command")
        await client.send(case.id, Say(text="two"), actor=case.buyer, key="two")
    rows = await scene.database.fetch(
        "select count(*) as waiting from inbox where dispute_id = %(d)s and acknowledged_at is null", {"d": case.id}
    )
    assert rows[0]["waiting"] == 0


async def test_a_side_reads_its_own_refused_attempts_and_not_the_others(scene: Stage) -> None:
    case = await scene.open()
    for actor in (case.buyer, case.seller):
        with pytest.raises(Refused):
            await case.act("confirm", actor, proposal_id="p9")
    for actor in (case.buyer, case.seller):
        told = await scene.client.timeline(case.id, actor=actor)
        assert [entry.body["by"] for entry in told if entry.kind == "refusal"] == [actor.model_dump(mode="json")]
    assert len([entry for entry in await scene.client.timeline(case.id) if entry.kind == "refusal"]) == 2
