"""The courses that disputes about orders take in the demo: what each side does, until the dispute is closed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from domain.commands import Actor, Role
from domain.dispute import Phase
from domain.forecast import Forecast
from domain.order import Goods
from starter.demo.case import Case, OtherThanTold
from starter.demo.order_rows import Course

_FIRST, _SECOND = (Actor(role=Role.ARBITER, id=f"arbiter-{name}") for name in ("lu", "mei"))
_MOMENT = timedelta(seconds=1)


async def silence(case: Case) -> None:
    """Nobody acts, and it ends as the forecast says; where it foresees no ending, an arbiter decides meanwhile."""
    foreseen = await case.forecast()
    if foreseen.closes_at is None:
        await case.skip(_until(foreseen, Phase.REVIEW))
        await _decide(case, _FIRST, _part(case, 50))
        foreseen = await case.forecast()
    assert foreseen.closes_at is not None
    await case.skip(foreseen.closes_at - foreseen.as_of + _MOMENT)
    view = await case.ended()
    if (view.outcome, view.money.refunded) != (foreseen.outcome, foreseen.amount):
        raise OtherThanTold(f"dispute {case.id} ended as {view.outcome}, foreseen was {foreseen.outcome}")


async def offer_accepted(case: Case) -> None:
    """The seller offers more than half, and a day later the buyer takes it."""
    offered = await case.act("offer", case.seller, terms={"amount": case.money(_part(case, 60))})
    if "execution_began" not in offered.events:
        await case.skip(timedelta(days=1))
        await case.act("accept_offer", case.buyer, offer_id="o1")


async def decision(case: Case) -> None:
    """Refusal, complaint, an arbiter's decision, and both confirm it."""
    await _to_review(case)
    await _decide(case, _FIRST, _part(case, 70))
    await case.act("confirm", case.buyer, proposal_id="p1")
    await case.act("confirm", case.seller, proposal_id="p1")


async def appeal(case: Case) -> None:
    """The buyer rejects the first decision, and another arbiter decides for good."""
    await _to_review(case)
    await _decide(case, _FIRST, _part(case, 30))
    await case.act(
        "reject",
        case.buyer,
        proposal_id="p1",
        ground="error_of_amount",
        statement="The goods are of no use to me at all.",
    )
    await case.act("answer_complaint", case.seller, statement="The first decision was right.")
    await _decide(case, _SECOND, _part(case, 100))


async def withdrawal(case: Case) -> None:
    """The seller explains, and a day later the buyer withdraws."""
    await case.act("say", case.seller, text="Please look again, it should be all right.")
    await case.skip(timedelta(days=1))
    await case.act("withdraw", case.buyer, reason="It was my mistake.")


COURSES: dict[Course, Callable[[Case], Awaitable[None]]] = {
    Course.SILENCE: silence,
    Course.OFFER_ACCEPTED: offer_accepted,
    Course.DECISION: decision,
    Course.APPEAL: appeal,
    Course.WITHDRAWAL: withdrawal,
}


async def _to_review(case: Case) -> None:
    proof: dict[str, Any] = {}
    if case.opened.claim.goods is Goods.UNSHIPPED:
        label = hashlib.sha256(f"label of {case.opened.order.order_id}".encode()).hexdigest()
        proof = {"proof_of_dispatch": {"kind": "tracking", "sha256": label}}
    await case.act("answer", case.seller, verdict="refuse", reason="The goods were as they should be.", **proof)
    await case.act("complain", case.buyer, statement="They were not.")
    await case.act("answer_complaint", case.seller, statement="We stand by it.")


async def _decide(case: Case, arbiter: Actor, minor: int) -> None:
    await case.act("take", arbiter)
    await case.act(
        "decide",
        arbiter,
        amount=case.money(minor),
        liable="seller",
        reason_code="weighed",
        reasons="Both statements and the carrier's record were weighed against each other and the listing.",
        evidence_version=(await case.look()).evidence_version,
    )


def _part(case: Case, percent: int) -> int:
    """A part of what was asked, in minor units, at least one."""
    return max(1, case.opened.claim.terms.amount.amount_minor * percent // 100)


def _until(foreseen: Forecast, phase: Phase) -> timedelta:
    at = next(deadline.at for deadline in foreseen.deadlines if deadline.phase is phase)
    return at - foreseen.as_of + _MOMENT
