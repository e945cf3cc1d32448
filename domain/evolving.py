"""How events change the state of a dispute: the one fold that the workflow, the read side and replays share."""

from __future__ import annotations

from typing import Any, assert_never

from domain import events
from domain.commands import Role
from domain.dispute import (
    Complaint,
    Dispute,
    Leg,
    LegState,
    OfferState,
    Phase,
    Review,
    StandingOffer,
    WaitKind,
)
from domain.events import Event, Opened
from domain.facts import Facts
from domain.policy import Policy
from domain.waits import other, side
from domain.working_time import Calendar

Changes = dict[str, Any]
"""New values of a dispute's fields, by name."""


def begin(opened: Opened, policy: Policy, calendar: Calendar, *, test_clock: bool = False) -> Dispute:
    """The dispute at version 1, under the policy and calendar that stay pinned to it."""
    return Dispute(
        dispute_id=opened.dispute_id,
        policy=policy,
        policy_digest=opened.policy_digest,
        calendar=calendar,
        order=opened.order,
        seller_id=opened.seller_id,
        buyer_id=opened.order.buyer_id,
        opened_by=opened.by,
        opened_at=opened.at,
        test_clock=test_clock,
        claim=opened.claim,
        waits=opened.began,
        parcel_facts=opened.parcel_facts,
    )


def evolve(dispute: Dispute, event: Event) -> Dispute:
    """The dispute one version later: clocks first, then what the event itself says, then the phase.

    Raises ValueError for a second opening; every other event of a dispute's own timeline folds.
    """
    moved = {wait.wait_id: wait for wait in event.began}
    kept = {wait.wait_id: wait for wait in dispute.waits if wait.wait_id not in event.ended}
    changes: Changes = {"version": dispute.version + 1, "waits": tuple((kept | moved).values())}
    if WaitKind.FIRST_ANSWER in event.ended and event.by.role is Role.SYSTEM and dispute.first_answer is None:
        changes["first_answer"] = "silent"
    if event.phase is not None:
        changes |= _entered(dispute, event.phase)
    return dispute.model_copy(update=changes | _own(dispute, event))


def _entered(dispute: Dispute, phase: Phase) -> Changes:
    """A review's alarm ends with the review; the cap's alarm ends when the outcome is fixed."""
    fixed = phase in (Phase.EXECUTION, Phase.CLOSED)
    reviewed = dispute.phase is Phase.REVIEW and dispute.needs_attention != "cap_alarm"
    return {"phase": phase} | ({"needs_attention": None} if fixed or reviewed else {})


def _own(dispute: Dispute, event: Event) -> Changes:
    match event:
        case events.Opened():
            raise ValueError(f"{dispute.dispute_id} is open already: an opening is the first event and the only one")
        case events.Said() | events.Extended():
            return {}
        case events.ClaimRefused():
            seen = _evidence(dispute, 1) if event.proof else {}
            return {"first_answer": "refused", "negotiation_left_ms": event.negotiation_left_ms, **seen}
        case events.Offered():
            return _offered(dispute, event)
        case events.OfferDeclined():
            return {"offers": _marked(dispute, event.offer_id, OfferState.DECLINED)}
        case events.OfferLapsed():
            return {"offers": _marked(dispute, event.offer_id, OfferState.LAPSED)}
        case events.Complained():
            return {"complaint": Complaint(by=event.by.role, at=event.at), **_evidence(dispute, 0)}
        case events.ComplaintAnswered():
            return _complaint_answered(dispute, event)
        case events.EvidenceSubmitted():
            return _evidence(dispute, len(event.items))
        case events.ReviewBegan():
            return _review_began(event)
        case events.AnswerMissed():
            return _in_review(dispute, owes_answer=None)
        case events.FactsGathered():
            return _gathered(dispute, event.facts)
        case events.Taken():
            return _in_review(dispute, arbiter_id=event.by.id)
        case events.LeaseLapsed():
            return _in_review(dispute, arbiter_id=None)
        case events.ReviewOverdue():
            if not event.hard:
                return {"needs_attention": "review_overdue"}
            assert dispute.review is not None
            holder = dispute.review.arbiter_id
            lost_by = (*dispute.review.lost_by, *((holder,) if holder else ()))
            return {"needs_attention": "review_escalated", **_in_review(dispute, arbiter_id=None, lost_by=lost_by)}
        case events.Decided():
            return {"decisions": (*dispute.decisions, event.decision), "proposal": event.proposal}
        case events.Confirmed():
            assert dispute.proposal is not None
            confirmed = (*dispute.proposal.confirmed_by, event.by.role)
            return {"proposal": dispute.proposal.model_copy(update={"confirmed_by": confirmed})}
        case events.Rejected():
            # The proposal falls as a whole, and with it what the other side had confirmed.
            return {"proposal": None, **_evidence(dispute, len(event.items))}
        case events.CapAlarmed():
            return {"needs_attention": "cap_alarm"}
        case events.ExecutionBegan():
            return {"settlement": event.settlement, "offers": _ended(dispute, event.accepted_offer_id)}
        case events.LegSettled():
            settled = {"state": LegState.SETTLED, "provider_reference": event.provider_reference, "stuck_because": None}
            return _leg(dispute, event.leg, settled)
        case events.LegStuck():
            refusals = next(leg.refusals for leg in _legs(dispute) if leg.leg == event.leg) + 1
            stuck = {"state": LegState.STUCK, "stuck_because": event.because, "refusals": refusals}
            return _leg(dispute, event.leg, stuck)
        case events.LegRetried():
            return _leg(dispute, event.leg, {"state": LegState.PLANNED})
        case events.RefundOverdue():
            return {"needs_attention": "refund_manual" if event.hard else "refund_overdue"}
        case events.Closed():
            return {
                "outcome": event.outcome,
                "how": event.how,
                "closed_at": event.at,
                "offers": _ended(dispute, event.accepted_offer_id),
            }
        case _:
            assert_never(event)


def _gathered(dispute: Dispute, facts: Facts) -> Changes:
    parcels = {(fact.parcel_id, fact.direction): fact for fact in (*dispute.parcel_facts, *facts.parcels)}
    payments = {fact.payment_id: fact for fact in (*dispute.payment_facts, *facts.payments)}
    changes: Changes = {"parcel_facts": tuple(parcels.values()), "payment_facts": tuple(payments.values())}
    if facts.order is not None:
        changes["order_fact"] = facts.order
    return changes | (_in_review(dispute, facts_gathered=True) if dispute.review else {})


def _offered(dispute: Dispute, event: events.Offered) -> Changes:
    by = side(event.by)
    former = tuple(
        offer.model_copy(update={"state": OfferState.REPLACED})
        if offer.by == by and offer.state is OfferState.LIVE
        else offer
        for offer in dispute.offers
    )
    changes: Changes = {"offers": (*former, StandingOffer(offer_id=event.offer_id, by=by, terms=event.terms))}
    if event.answers:
        changes["first_answer"] = "offered"
    if any(wait.kind is WaitKind.NEGOTIATION for wait in event.began):
        changes["negotiation_left_ms"] = None
    return changes


def _marked(dispute: Dispute, offer_id: str, state: OfferState) -> tuple[StandingOffer, ...]:
    return tuple(
        offer.model_copy(update={"state": state}) if offer.offer_id == offer_id else offer for offer in dispute.offers
    )


def _ended(dispute: Dispute, accepted_id: str | None) -> tuple[StandingOffer, ...]:
    """No offer outlives the dispute's way to its outcome: the agreed one is accepted, other live ones lapse."""
    return tuple(
        offer.model_copy(update={"state": OfferState.ACCEPTED if offer.offer_id == accepted_id else OfferState.LAPSED})
        if offer.state is OfferState.LIVE
        else offer
        for offer in dispute.offers
    )


def _evidence(dispute: Dispute, items: int) -> Changes:
    return {"evidence_version": dispute.evidence_version + 1, "evidence_items": dispute.evidence_items + items}


def _complaint_answered(dispute: Dispute, event: events.ComplaintAnswered) -> Changes:
    changes = _evidence(dispute, 0)
    if dispute.phase is Phase.REVIEW:
        return changes | _in_review(dispute, owes_answer=None)
    assert dispute.complaint is not None
    answered = (*dispute.complaint.answered, event.by.role)
    changes["complaint"] = dispute.complaint.model_copy(update={"answered": answered})
    if event.by.role is Role.SELLER and dispute.first_answer is None:
        changes["first_answer"] = "complaint_answered"
    return changes


def _review_began(event: events.ReviewBegan) -> Changes:
    if event.level == 1:
        return {"review": Review(level=1, since=event.at)}
    by = side(event.by)
    return {"review": Review(level=2, since=event.at, rejected_by=by, owes_answer=other(by))}


def _in_review(dispute: Dispute, **update: object) -> Changes:
    assert dispute.review is not None
    return {"review": dispute.review.model_copy(update=update)}


def _legs(dispute: Dispute) -> tuple[Leg, ...]:
    assert dispute.settlement is not None
    return dispute.settlement.legs


def _leg(dispute: Dispute, name: str, update: Changes) -> Changes:
    assert dispute.settlement is not None
    legs = tuple(leg.model_copy(update=update) if leg.leg == name else leg for leg in _legs(dispute))
    return {"settlement": dispute.settlement.model_copy(update={"legs": legs})}
