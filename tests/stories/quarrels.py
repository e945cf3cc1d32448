"""Stories of what people do to each other: offers, withdrawals, reviews, appeals, and two acts in one second."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Literal

from domain.commands import Actor
from tests.stage import ARBITER, SECOND_ARBITER, Case, Stage
from tests.stories.acting import (
    closed,
    code_of,
    decide,
    eventually,
    keep_silent,
    offer,
    photo,
    refusals,
    refuse,
    reject,
    ruling,
    to_proposal,
    to_review,
)

Answer = Literal["confirms", "rejects", "silent"]


async def crossing_offers(scene: Stage) -> Case:
    """The seller offers more than the buyer then asks: settled at the ask, with nobody accepting anything."""
    case = await scene.open()
    await offer(case, case.seller, 6_000)
    await offer(case, case.buyer, 5_000)
    await closed(case)
    return case


async def claim_accepted(scene: Stage) -> Case:
    case = await scene.open()
    await case.act("say", case.buyer, text="Please have a look.")
    await case.act("answer", case.seller, verdict="accept")
    await closed(case)
    return case


async def offers_declined_then_accepted(scene: Stage) -> Case:
    case = await scene.open()
    await offer(case, case.seller, 2_000)
    await case.act("decline_offer", case.buyer, offer_id="o1")
    await offer(case, case.seller, 3_000)
    await offer(case, case.buyer, 9_000)
    await offer(case, case.buyer, 8_000)
    assert await code_of(case.act("accept_offer", case.seller, offer_id="o3")) == "offer_not_live"
    assert await code_of(case.act("accept_offer", case.buyer, offer_id="o4")) == "own_offer"
    assert await code_of(case.act("answer", case.seller, verdict="accept")) == "claim_replaced"
    await case.act("accept_offer", case.seller, offer_id="o4")
    await closed(case)
    return case


async def offers_crossing_in_one_second(scene: Stage) -> Case:
    case = await scene.open()
    await asyncio.gather(offer(case, case.seller, 5_000), offer(case, case.buyer, 5_000))
    await closed(case)
    return case


async def withdrawn_in_negotiation(scene: Stage) -> Case:
    return await _withdrawn(await scene.open())


async def withdrawn_in_complaint(scene: Stage) -> Case:
    case = await scene.open()
    await refuse(case)
    await case.act("complain", case.buyer, statement="It came damaged.")
    return await _withdrawn(case)


async def withdrawn_in_review(scene: Stage) -> Case:
    case = await scene.open()
    await to_review(case)
    return await _withdrawn(case)


async def withdrawn_in_proposal(scene: Stage) -> Case:
    case = await scene.open()
    await to_proposal(case)
    return await _withdrawn(case)


async def _withdrawn(case: Case) -> Case:
    await case.act("withdraw", case.buyer, reason="It was my mistake.")
    await closed(case)
    return case


async def confirmation(scene: Stage, buyer: Answer, seller: Answer) -> Case:
    """One of the nine cells: each side confirms, rejects or stays silent; what is rejected is decided again."""
    case = await scene.open()
    await to_proposal(case)
    if "rejects" in (buyer, seller):
        await _rejected(case, buyer, seller)
        await case.act("take", SECOND_ARBITER)
        await decide(case, 9_000, SECOND_ARBITER)
    else:
        for party, answer in ((case.buyer, buyer), (case.seller, seller)):
            if answer == "confirms":
                await case.act("confirm", party, proposal_id="p1")
        if "silent" in (buyer, seller):
            await keep_silent(case)
    await closed(case)
    return case


async def _rejected(case: Case, buyer: Answer, seller: Answer) -> None:
    """A confirmation comes first and falls; of two rejections the first is the appeal and the second too late."""
    if "confirms" in (buyer, seller):
        await case.act("confirm", case.buyer if buyer == "confirms" else case.seller, proposal_id="p1")
    first, second = (case.buyer, case.seller) if buyer == "rejects" else (case.seller, case.buyer)
    await reject(case, first)
    if buyer == seller:
        assert await code_of(reject(case, second)) == "wrong_phase"


async def both_confirm_in_one_second(scene: Stage) -> Case:
    case = await scene.open()
    await to_proposal(case)
    await asyncio.gather(*(case.act("confirm", side, proposal_id="p1") for side in (case.buyer, case.seller)))
    await closed(case)
    return case


async def appeal_decided(scene: Stage) -> Case:
    """The loser brings new evidence, the other side answers, and an arbiter without a part in it dismisses."""
    case = await scene.open()
    await to_proposal(case)
    await reject(case, case.seller)
    await case.act("submit_evidence", case.buyer, items=[photo(7)])
    await case.act("answer_complaint", case.buyer, statement="That is another parcel.")
    assert await code_of(case.act("answer_complaint", case.buyer, statement="And more.")) == "not_your_turn"
    assert await code_of(case.act("take", ARBITER)) == "had_a_part"
    await case.act("take", SECOND_ARBITER)
    await decide(case, 0, SECOND_ARBITER)
    await closed(case)
    return case


async def review_with_refusals(scene: Stage) -> Case:
    """An arbiter does everything wrong once; each refusal is on record and changes nothing."""
    case = await scene.open()
    await case.act("submit_evidence", case.buyer, items=[photo(1), photo(2)])
    await to_review(case)
    now = (await case.now()).evidence_version

    async def refused(by: Actor, fields: dict[str, object]) -> str:
        return await code_of(case.act("decide", by, **fields))

    good = ruling(7_000, now)
    await case.act("take", ARBITER)
    assert await code_of(case.act("take", SECOND_ARBITER)) == "taken_by_other"
    assert await refused(SECOND_ARBITER, good) == "taken_by_other"
    assert await refused(ARBITER, ruling(7_000, now - 1)) == "stale_evidence"
    assert await refused(ARBITER, ruling(15_001, now)) == "decision_exceeds_disputed"
    assert await refused(ARBITER, {**good, "reasons": "Because."}) == "reasons_too_short"
    assert await refused(case.seller, good) == "not_your_role"
    assert await code_of(case.act("submit_evidence", case.buyer, items=[photo(3)])) == "evidence_closed"
    assert await code_of(case.act("confirm", case.buyer, proposal_id="p1")) == "wrong_phase"
    await case.act("decide", ARBITER, **ruling(15_000, now))
    assert await code_of(case.act("confirm", case.buyer, proposal_id="p2")) == "proposal_not_found"
    await case.act("confirm", case.buyer, proposal_id="p1")
    assert await code_of(case.act("confirm", case.buyer, proposal_id="p1")) == "already_confirmed"
    assert await code_of(reject(case, case.buyer)) == "already_confirmed"
    await case.act("confirm", case.seller, proposal_id="p1")
    await closed(case)
    return case


async def decided_by_signal(scene: Stage) -> Case:
    """A tool that can only signal: its first decision is refused, its second one takes the case and counts."""
    case = await scene.open()
    await to_review(case)
    now = (await case.now()).evidence_version
    await signal_decision(case, "tool-1", ruling(7_000, now - 1))
    await eventually_recorded(case, "stale_evidence")
    await signal_decision(case, "tool-2", ruling(7_000, now))
    await eventually(case, lambda dispute: dispute.proposal is not None)
    await keep_silent(case)
    return case


async def signal_decision(case: Case, command_id: str, fields: dict[str, object]) -> None:
    envelope = {"command_id": command_id, "actor": ARBITER.model_dump(mode="json"), "command": fields}
    await case.handle.signal("decision", envelope)


async def eventually_recorded(case: Case, code: str) -> None:
    """Waits until a refusal with this code stands on the timeline."""
    async with asyncio.timeout(20):
        while not any(told.body["code"] == code for told in await refusals(case)):
            await asyncio.sleep(0.02)


async def long_talk(scene: Stage) -> Case:
    """Forty commands in one dispute: messages, every offer there may be, and a claim accepted at last."""
    case = await scene.open()
    for number in range(16):
        await case.act("say", case.buyer, text=f"Message {number}")
        await case.act("say", case.seller, text=f"Answer {number}")
    for step in range(4):
        await offer(case, case.seller, 2_000 + step)
        await offer(case, case.buyer, 9_000 - step)
    await case.skip(timedelta(hours=1))
    await case.act("accept_offer", case.seller, offer_id="o8")
    await closed(case)
    return case
