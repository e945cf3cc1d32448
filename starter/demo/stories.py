"""The four stories of the demo, each about an order of its own, told while they happen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple, cast

from domain.commands import Actor, Role
from domain.money import Money
from starter.client import DisputeClient
from starter.demo.case import OtherThanTold, soon
from starter.demo.scene import Scene
from starter.demo.teller import Teller, words
from starter.demo.voice import CRASH, SILENCE, Voice, money
from starter.failures import Refused, Unknown

_IMPATIENT_SECONDS = 2.0
"""How long the caller of the last story waits for an answer while no worker is there."""

_ARBITER = Actor(role=Role.ARBITER, id="arbiter-lu")


class Story(NamedTuple):
    """One story: its name in the record, its title, and how it goes."""

    name: str
    title: str
    tell: Callable[[Scene, Voice], Awaitable[None]]


async def crossing_offers(scene: Scene, voice: Voice) -> None:
    teller = await Teller.open(
        scene,
        voice,
        story="crossing_offers",
        sku="teapot",
        price_minor=15_000,
        state="delivered",
        reason="not_as_described",
        statement="The pot is green, the picture showed blue.",
    )
    case = teller.case
    await teller.turn()
    await case.act("offer", case.seller, terms={"amount": case.money(6_000)}, text="Keep it and take 60 back?")
    await teller.line("Seller", f"offers {_cny(6_000)} (offer o1). That counts as an answer to the claim.")
    try:
        await case.act("accept_offer", case.buyer, offer_id="o7")
    except Refused as refused:
        await teller.line("Buyer", "accepts offer o7, by mistake: there is none.")
        await teller.line("System", f"refuses with the code {refused.code}, in the buyer's language:")
        await teller.line("", f"“{refused.told('zh-CN')}”")
        await teller.line("", f"“{refused.told('en')}”")
    else:
        raise OtherThanTold("the acceptance of an offer that was never made was not refused")
    await teller.skip(timedelta(days=1), "is moved on by a day: every dispute here has a clock of its own.")
    await case.act("offer", case.buyer, terms={"amount": case.money(9_000)})
    await teller.line("Buyer", f"asks for {_cny(9_000)} instead (offer o2).")
    await teller.turn()
    await case.act("offer", case.seller, terms={"amount": case.money(10_000)})
    await teller.line("Seller", f"offers {_cny(10_000)}, before reading that (offer o3).")
    await teller.line("System", f"The offers have crossed: settled at what the buyer asks, {_cny(9_000)}, at once.")
    await teller.end()


async def seller_silent(scene: Scene, voice: Voice) -> None:
    teller = await Teller.open(
        scene,
        voice,
        story="seller_silent",
        sku="raincoat",
        price_minor=25_900,
        state="unshipped",
        reason="not_shipped",
        statement="Paid eight days ago, and still not sent.",
    )
    case = teller.case
    notice = await soon(lambda: _notice(scene, str(case.id), "seller"), "the seller has no notice")
    await teller.line("System", "writes to the seller, in both languages:")
    await teller.line("", f"“{notice['zh-CN']}”")
    await teller.line("", f"“{notice['en']}”")
    foreseen = await case.forecast()
    assert foreseen.closes_at is not None
    assert foreseen.amount is not None
    await teller.line(
        "System",
        f"Forecast if nobody acts: at {teller.since_opening(foreseen.closes_at)} "
        f"{SILENCE[foreseen.deadlines[-1].on_silence]}; {money(foreseen.amount)} back, {words(foreseen.outcome)} "
        f"by {foreseen.how}.",
    )
    await teller.skip(timedelta(hours=48), "is moved on by 48 hours. The seller says nothing.")
    await teller.line("System", "The goods were never shipped, so the silence accepts the claim.")
    view = await teller.end()
    came = (view.outcome, view.settlement and view.settlement.how, view.money.refunded)
    if came != (foreseen.outcome, foreseen.how, foreseen.amount):
        raise OtherThanTold(f"the forecast of dispute {view.id} did not come true: it ended as {came}")
    voice.say("The forecast came true.")


async def complaint_and_decision(scene: Scene, voice: Voice) -> None:
    teller = await Teller.open(
        scene,
        voice,
        story="complaint_and_decision",
        sku="camera",
        price_minor=88_000,
        state="delivered",
        reason="defective",
        statement="The shutter sticks in the cold.",
    )
    case = teller.case
    await case.act("answer", case.seller, verdict="refuse", reason="It worked when it left the shop.")
    await teller.line("Seller", "refuses: “It worked when it left the shop.”")
    await teller.turn()
    await case.act("complain", case.buyer, statement="It never worked below ten degrees.")
    await teller.line("Buyer", "takes the case to the platform: “It never worked below ten degrees.”")
    await teller.turn()
    await case.act("answer_complaint", case.seller, statement="Cold is not what this camera is made for.")
    await teller.line("Seller", "answers: “Cold is not what this camera is made for.” Both have spoken: review begins.")
    parcels = await _parcels(teller)
    await teller.line(
        "System",
        f"looks up itself what it can, and asks no party for it. The carrier on the parcel to the buyer: "
        f"{parcels['out']}; on one back to the seller: {parcels['back']}. Unknown is never taken for a no.",
    )
    await case.act("take", _ARBITER)
    await teller.line("Arbiter", "takes the case from the queue.")
    await case.act(
        "decide",
        _ARBITER,
        amount=case.money(35_200),
        liable="seller",
        reason_code="defect_in_part",
        reasons="The camera fails in the cold and works otherwise; the listing does not name any limit.",
        evidence_version=(await case.look()).evidence_version,
    )
    await teller.line("Arbiter", f"decides: {_cny(35_200)} of {_cny(88_000)}. It is a proposal to both.")
    await teller.turn()
    await case.act("confirm", case.buyer, proposal_id="p1")
    await teller.line("Buyer", "confirms.")
    await teller.skip(timedelta(days=1), "is moved on by a day.")
    await teller.turn()
    await case.act("confirm", case.seller, proposal_id="p1")
    await teller.line("Seller", "confirms: both agree, the decision is carried out.")
    await teller.end()


async def worker_killed(scene: Scene, voice: Voice) -> None:
    teller = await Teller.open(
        scene,
        voice,
        story="worker_killed",
        sku="headphones",
        price_minor=32_000,
        state="delivered",
        reason="damaged_in_transit",
        statement="The left side arrived broken.",
    )
    case = teller.case
    await case.act("offer", case.seller, terms={"amount": case.money(20_000)})
    await teller.line("Seller", f"offers {_cny(20_000)} (offer o1).")
    killed = scene.worker.pid
    await scene.worker.kill()
    await teller.line(CRASH, f"The only worker, process {killed}, is killed with kill -9. Nothing can be decided now.")
    key = "accept-after-the-crash"
    impatient = scene.lines.settings.model_copy(update={"update_timeout_seconds": _IMPATIENT_SECONDS})
    async with DisputeClient.connect(impatient) as client:
        await teller.line("Buyer", f"accepts offer o1, under the key {key}.")
        try:
            await case.act("accept_offer", case.buyer, key=key, through=client, offer_id="o1")
        except Unknown as unknown:
            await teller.line("System", f"has received it and cannot say more: {unknown}")
        else:
            raise OtherThanTold("a command was answered while no worker was running")
    await scene.restart_worker()
    await teller.line(CRASH, f"A new worker starts as process {scene.worker.pid} and reads on where the old one died.")
    answered = await case.act("accept_offer", case.buyer, key=key, offer_id="o1")
    await teller.line("Buyer", f"asks again with the same key and has the answer: {answered.status}.")
    again = await case.act("accept_offer", case.buyer, key=key, offer_id="o1")
    if again != answered:
        raise OtherThanTold(f"the key {key} gave two answers, {answered} and {again}")
    await teller.line("Buyer", "asks a third time: the same answer, and nothing happens twice.")
    await teller.end()


STORIES = (
    Story("crossing_offers", "Two offers cross, and the dispute settles by itself", crossing_offers),
    Story("seller_silent", "The seller says nothing, and silence has a meaning", seller_silent),
    Story("complaint_and_decision", "Complaint, review, a decision, and both confirm it", complaint_and_decision),
    Story("worker_killed", "A worker is killed with -9 in the middle", worker_killed),
)


async def _notice(scene: Scene, dispute_id: str, role: str) -> dict[str, str] | None:
    """The first notice that the outside world has for this party, in both languages."""
    notices = (await scene.books(dispute_id=dispute_id))["notices"]
    return next((notice["text"] for notice in notices if notice["to"]["role"] == role), None)


async def _parcels(teller: Teller) -> dict[str, str]:
    """What the carrier said of the parcel in each direction: at opening, and what the review found out since."""
    at_opening, gathered = await teller.case.event("opened"), await teller.case.event("facts_gathered")
    facts: list[Any] = [
        *cast("list[Any]", at_opening.body["parcel_facts"]),
        *cast("dict[str, list[Any]]", gathered.body["facts"])["parcels"],
    ]
    return {fact["direction"]: words(fact["state"]) for fact in facts}


def _cny(minor: int) -> str:
    return money(Money(amount_minor=minor, currency="CNY"))
