"""What happened to a dispute: one frozen model per kind of event, each naming its rule and the clocks it moved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain.commands import Actor, EvidenceReference, Terms
from domain.dispute import (
    Claim,
    Decision,
    How,
    Outcome,
    Phase,
    Proposal,
    Settlement,
    Side,
    Wait,
)
from domain.facts import Facts
from domain.model import Frozen, Identifier, Instant, Text
from domain.order import OrderSnapshot, ParcelFact
from domain.policy import Liable


class Happened(Frozen):
    """What every event carries: when, by whom, by which rule, which rule came nearest, and its clocks.

    `at` is the receipt of the command, or the instant a lapse took effect. `began` are waits that start or move,
    `ended` the ids of waits that are over; `phase` is set when the dispute moved there.
    """

    at: Instant
    by: Actor
    rule: Identifier
    nearest: Identifier | None = None
    began: tuple[Wait, ...] = ()
    ended: tuple[Identifier, ...] = ()
    phase: Phase | None = None


class Opened(Happened):
    """Version 1: the claim against the order as it stood; the policy by its digest."""

    type: Literal["opened"] = "opened"
    dispute_id: Identifier
    order: OrderSnapshot
    seller_id: Identifier
    claim: Claim
    statement: Text
    parcel_facts: tuple[ParcelFact, ...] = ()
    policy_id: Identifier
    policy_version: Identifier
    policy_digest: Identifier


class Said(Happened):
    type: Literal["said"] = "said"
    text: Text


class ClaimRefused(Happened):
    """The seller's refusal; in negotiation it stops the 7-day clock with this much (milliseconds) left."""

    type: Literal["claim_refused"] = "claim_refused"
    reason: Text
    proof: EvidenceReference | None = None
    negotiation_left_ms: int | None = None


class Offered(Happened):
    """An offer; the side's former one is replaced. `answers` tells whether it was the seller's first answer."""

    type: Literal["offered"] = "offered"
    offer_id: Identifier
    terms: Terms
    text: Text | None = None
    answers: bool = False


class OfferDeclined(Happened):
    type: Literal["offer_declined"] = "offer_declined"
    offer_id: Identifier
    reason: Text | None = None


class OfferLapsed(Happened):
    type: Literal["offer_lapsed"] = "offer_lapsed"
    offer_id: Identifier


class Complained(Happened):
    """The claim goes to the platform; by the system, without a statement, when negotiation ran out."""

    type: Literal["complained"] = "complained"
    statement: Text | None = None


class ComplaintAnswered(Happened):
    type: Literal["complaint_answered"] = "complaint_answered"
    statement: Text


class EvidenceSubmitted(Happened):
    type: Literal["evidence_submitted"] = "evidence_submitted"
    items: tuple[EvidenceReference, ...]


class ReviewBegan(Happened):
    """Level 1, or level 2 after a rejection; `silent` is the side that owed an answer and gave none."""

    type: Literal["review_began"] = "review_began"
    level: Literal[1, 2]
    silent: Side | None = None


class AnswerMissed(Happened):
    """At level 2 the side that owed an answer to the rejection gave none in time; the review goes on without it."""

    type: Literal["answer_missed"] = "answer_missed"
    silent: Side


class FactsGathered(Happened):
    """What the platform looked up itself; unknown is a value of its own (Facts are three-valued)."""

    type: Literal["facts_gathered"] = "facts_gathered"
    facts: Facts


class Taken(Happened):
    type: Literal["taken"] = "taken"


class LeaseLapsed(Happened):
    type: Literal["lease_lapsed"] = "lease_lapsed"


class ReviewOverdue(Happened):
    """The platform is late itself: the queue is told, and at the hard limit another arbiter is wanted."""

    type: Literal["review_overdue"] = "review_overdue"
    hard: bool


class Decided(Happened):
    """A decision; `proposal` is what both sides are asked to confirm, None when it is final."""

    type: Literal["decided"] = "decided"
    decision: Decision
    reasons: Text
    proposal: Proposal | None = None


class Confirmed(Happened):
    type: Literal["confirmed"] = "confirmed"
    proposal_id: Identifier


class Rejected(Happened):
    """A rejection: review at level 2; the other side's confirmation falls and it has its time to answer."""

    type: Literal["rejected"] = "rejected"
    proposal_id: Identifier
    ground: Identifier
    statement: Text
    items: tuple[EvidenceReference, ...] = ()


class CapAlarmed(Happened):
    """Day 45, or daily after day 60 while no decision can be executed: somebody must look."""

    type: Literal["cap_alarmed"] = "cap_alarmed"


class ExecutionBegan(Happened):
    """The settlement is fixed: by agreement, acceptance, silence, decision; `liable` where somebody decided it."""

    type: Literal["execution_began"] = "execution_began"
    settlement: Settlement
    accepted_offer_id: Identifier | None = None
    liable: Liable | None = None


class LegSettled(Happened):
    type: Literal["leg_settled"] = "leg_settled"
    leg: Identifier
    provider_reference: Identifier


class LegStuck(Happened):
    """The provider refused the leg; the same key is asked again when its clock `refund_retry` runs out."""

    type: Literal["leg_stuck"] = "leg_stuck"
    leg: Identifier
    because: Identifier


class LegRetried(Happened):
    """A refused leg is planned again, under its own key."""

    type: Literal["leg_retried"] = "leg_retried"
    leg: Identifier


class RefundOverdue(Happened):
    """The money is late: an operator must look, and at the hard limit pay by hand (protocol, Money)."""

    type: Literal["refund_overdue"] = "refund_overdue"
    hard: bool


class Extended(Happened):
    """A deadline moved because we were late ourselves, once a deadline (protocol, Clocks and silence)."""

    type: Literal["extended"] = "extended"
    wait_id: Identifier
    cause: Literal["worker", "intake"]
    late_seconds: int


class Closed(Happened):
    """The end; `accepted_offer_id` when the parties agreed on no money at all, so that nothing is executed."""

    type: Literal["closed"] = "closed"
    outcome: Outcome
    how: How
    reason: Text | None = None
    accepted_offer_id: Identifier | None = None


Event = Annotated[
    Opened
    | Said
    | ClaimRefused
    | Offered
    | OfferDeclined
    | OfferLapsed
    | Complained
    | ComplaintAnswered
    | EvidenceSubmitted
    | ReviewBegan
    | AnswerMissed
    | FactsGathered
    | Taken
    | LeaseLapsed
    | ReviewOverdue
    | Decided
    | Confirmed
    | Rejected
    | CapAlarmed
    | ExecutionBegan
    | LegSettled
    | LegStuck
    | LegRetried
    | RefundOverdue
    | Extended
    | Closed,
    Field(discriminator="type"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads an event back from its canonical JSON: `EVENT.validate_json(body)`."""
