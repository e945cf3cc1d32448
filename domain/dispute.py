"""The state of one dispute: what `evolve` folds from its events and `decide` reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from domain.commands import Actor, Role, Terms
from domain.facts import OrderFact, PaymentFact
from domain.model import Frozen, Identifier, Instant
from domain.money import Money
from domain.order import Goods, OrderSnapshot, ParcelFact
from domain.policy import Liable, Policy, Reason, Remedy
from domain.working_time import Calendar

Side = Literal[Role.BUYER, Role.SELLER]


class Phase(StrEnum):
    NEGOTIATION = "negotiation"
    COMPLAINT = "complaint"
    REVIEW = "review"
    PROPOSAL = "proposal"
    EXECUTION = "execution"
    CLOSED = "closed"


class Outcome(StrEnum):
    SETTLED = "settled"
    UPHELD = "upheld"
    PARTLY_UPHELD = "partly_upheld"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class How(StrEnum):
    """How an outcome came about (protocol, Five phases)."""

    AGREEMENT = "agreement"
    ACCEPTANCE = "acceptance"
    SILENCE = "silence"
    ARBITER = "arbiter"
    APPEAL = "appeal"
    BUYER = "buyer"
    PLATFORM = "platform"


class WaitKind(StrEnum):
    """What is waited for; the order is the order in which clocks that fall due at one instant are settled."""

    FIRST_ANSWER = "first_answer"
    AFTER_REFUSAL = "after_refusal"
    OFFER = "offer"
    NEGOTIATION = "negotiation"
    COMPLAINT_ANSWER = "complaint_answer"
    CONFIRMATION = "confirmation"
    LEASE = "lease"
    REVIEW_TARGET = "review_target"
    REVIEW_HARD = "review_hard"
    APPEAL_TARGET = "appeal_target"
    APPEAL_HARD = "appeal_hard"
    APPEAL_CAP = "appeal_cap"
    REFUND_RETRY = "refund_retry"
    REFUND_TARGET = "refund_target"
    REFUND_MANUAL = "refund_manual"
    CAP_ALARM = "cap_alarm"
    CAP = "cap"


class Wait(Frozen):
    """One running clock: whose act ends it, the instant it lapses at, and whether grace for our lateness was given.

    `wait_id` is the kind, and for repeated kinds a number or an offer's id behind a dot. `actors` is empty when the
    clock is about the platform or the whole case.
    """

    wait_id: Identifier
    kind: WaitKind
    actors: tuple[Role, ...]
    began: Instant
    until: Instant
    graced: bool = False

    @property
    def awaits_a_party(self) -> bool:
        """Whether a side's silence lapses here: only then does lateness of ours deserve a reminder and 24 h."""
        return self.kind is WaitKind.NEGOTIATION or Role.BUYER in self.actors or Role.SELLER in self.actors


class Claim(Frozen):
    """What the buyer asks: reason, units per line, terms; it stands as the first offer until replaced."""

    reason: Reason
    lines: tuple[tuple[int, int], ...]
    terms: Terms
    disputed: Money
    goods: Goods


class OfferState(StrEnum):
    LIVE = "live"
    REPLACED = "replaced"
    DECLINED = "declined"
    ACCEPTED = "accepted"
    LAPSED = "lapsed"


class StandingOffer(Frozen):
    offer_id: Identifier
    by: Side
    terms: Terms
    state: OfferState = OfferState.LIVE


class Complaint(Frozen):
    """`by` took it to the platform (the system files in the buyer's name); `answered` are the sides that spoke."""

    by: Role
    at: Instant
    answered: tuple[Role, ...] = ()


class Review(Frozen):
    """`level` 2 is the appeal. `arbiter_id` holds the case while its lease runs; `lost_by` let it pass a hard limit."""

    level: Literal[1, 2]
    since: Instant
    facts_gathered: bool = False
    arbiter_id: Identifier | None = None
    lost_by: tuple[Identifier, ...] = ()
    rejected_by: Side | None = None
    owes_answer: Side | None = None


class Resolution(Frozen):
    """What is to be done: the refund of `amount` (zero dismisses the claim), who is liable and why."""

    remedy: Remedy
    amount: Money
    liable: Liable
    reason_code: Identifier


class Decision(Frozen):
    level: Literal[1, 2]
    arbiter_id: Identifier
    resolution: Resolution
    evidence_version: int
    at: Instant


class Proposal(Frozen):
    proposal_id: Identifier
    resolution: Resolution
    confirmed_by: tuple[Role, ...] = ()


class LegState(StrEnum):
    PLANNED = "planned"
    SETTLED = "settled"
    STUCK = "stuck"


class Leg(Frozen):
    """One movement of money: its key is `dispute_id:leg`, for ever (house fact 7).

    `refusals` counts how often the provider refused it; each time it is asked again later, under the same key.
    """

    leg: Identifier
    payment_id: Identifier
    amount: Money
    state: LegState = LegState.PLANNED
    provider_reference: Identifier | None = None
    stuck_because: Identifier | None = None
    refusals: int = 0


class Settlement(Frozen):
    """The plan that execution carries out, and the outcome it will close with."""

    outcome: Outcome
    how: How
    amount: Money
    legs: tuple[Leg, ...]


class Dispute(Frozen):
    """Everything `decide` may look at. `version` counts events; `evidence_version` what an arbiter must have seen."""

    dispute_id: Identifier
    policy: Policy
    policy_digest: Identifier
    calendar: Calendar
    order: OrderSnapshot
    seller_id: Identifier
    buyer_id: Identifier
    opened_by: Actor
    opened_at: Instant
    test_clock: bool = False
    version: int = 1
    phase: Phase = Phase.NEGOTIATION
    claim: Claim
    waits: tuple[Wait, ...] = ()
    first_answer: Literal["offered", "refused", "complaint_answered", "silent"] | None = None
    negotiation_left_ms: int | None = None
    offers: tuple[StandingOffer, ...] = ()
    complaint: Complaint | None = None
    review: Review | None = None
    decisions: tuple[Decision, ...] = ()
    proposal: Proposal | None = None
    settlement: Settlement | None = None
    parcel_facts: tuple[ParcelFact, ...] = ()
    payment_facts: tuple[PaymentFact, ...] = ()
    order_fact: OrderFact | None = None
    evidence_version: int = 0
    evidence_items: int = 0
    needs_attention: Identifier | None = None
    outcome: Outcome | None = None
    how: How | None = None
    closed_at: Instant | None = None

    def wait(self, wait_id: str) -> Wait | None:
        return next((wait for wait in self.waits if wait.wait_id == wait_id), None)

    def offer(self, offer_id: str) -> StandingOffer | None:
        return next((offer for offer in self.offers if offer.offer_id == offer_id), None)

    def live_terms(self, side: Side) -> Terms | None:
        """The side's terms on the table: its live offer, else for the buyer the claim while no offer replaced it."""
        live = [offer for offer in self.offers if offer.by == side and offer.state is OfferState.LIVE]
        if live:
            return live[-1].terms
        made_any = any(offer.by == side for offer in self.offers)
        return self.claim.terms if side is Role.BUYER and not made_any else None

    @property
    def disputed_parcels(self) -> tuple[str, ...]:
        """The ids of the parcels that carried disputed lines."""
        lines = {line for line, _ in self.claim.lines}
        return tuple(parcel.parcel_id for parcel in self.order.parcels if lines.intersection(parcel.lines))

    def party(self, actor: Actor) -> bool:
        """Whether this actor is a party here, by role and id."""
        return actor.id == {Role.BUYER: self.buyer_id, Role.SELLER: self.seller_id}.get(actor.role)
