"""Negotiation: the seller's answer to the claim, the buyer's withdrawal, and what either side's silence means."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.case_file import check_items
from domain.commands import Actor, Answer, Role, Withdraw
from domain.complaint import filed
from domain.dispute import Dispute, How, Outcome, Phase, Wait, WaitKind
from domain.events import ClaimRefused, Closed, Event
from domain.money import Money
from domain.offers import accept_claim, claim_stands
from domain.order import Goods, carried
from domain.refusals import Code, Refused
from domain.review import first_review
from domain.settlement import settle
from domain.waits import BOTH, SYSTEM, left_behind, running, start


def answer_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """In negotiation while there is something to accept or refuse, in complaint while the first answer is owed."""
    if dispute.phase is Phase.COMPLAINT and not running(dispute, WaitKind.FIRST_ANSWER):
        raise Refused(Code.ALREADY_ANSWERED)
    if dispute.first_answer == "refused" and not claim_stands(dispute):
        raise Refused(Code.ALREADY_ANSWERED)


def answer(dispute: Dispute, command: Answer, actor: Actor, now: datetime) -> list[Event]:
    if command.verdict == "accept":
        return accept_claim(dispute, actor, now)
    proof = command.proof_of_dispatch or command.agreed_later
    if dispute.first_answer == "refused":
        raise Refused(Code.ALREADY_ANSWERED)
    if command.reason is None or not command.reason.strip():
        raise Refused(Code.REFUSAL_NEEDS_REASON)
    if proof is None and _unshipped(dispute, now):
        raise Refused(Code.REFUSAL_NEEDS_DISPATCH)
    check_items(dispute, 1 if proof else 0)
    ended, left = running(dispute, WaitKind.FIRST_ANSWER), None
    began: tuple[Wait, ...] = ()
    negotiation = dispute.wait(WaitKind.NEGOTIATION)
    if negotiation is not None:
        ended += (negotiation.wait_id,)
        began = (start(dispute, WaitKind.AFTER_REFUSAL, dispute.policy.clocks.after_refusal, now, Role.BUYER),)
        left = max(0, (negotiation.until - now) // timedelta(milliseconds=1))
    return [
        ClaimRefused(
            at=now,
            by=actor,
            rule=f"{dispute.phase}.claim-refused",
            began=began,
            ended=ended,
            reason=command.reason,
            proof=proof,
            negotiation_left_ms=left,
        )
    ]


def _unshipped(dispute: Dispute, now: datetime) -> bool:
    """Unshipped at opening, and no carrier has scanned a parcel of it by `now`."""
    scanned = any(
        fact.direction == "out" and carried(fact, now) in (Goods.SHIPPED, Goods.DELIVERED)
        for fact in dispute.parcel_facts
    )
    return dispute.claim.goods is Goods.UNSHIPPED and not scanned


def withdraw(dispute: Dispute, command: Withdraw, actor: Actor, now: datetime) -> list[Event]:
    return [
        Closed(
            at=now,
            by=actor,
            rule=f"{dispute.phase}.withdrawn",
            ended=left_behind(dispute, Phase.CLOSED),
            phase=Phase.CLOSED,
            outcome=Outcome.WITHDRAWN,
            how=How.BUYER,
            reason=command.reason,
        )
    ]


def first_answer_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """The seller's silence accepts as far as it may; beyond that the case goes to review with "no answer"."""
    accepted = f"{dispute.phase}.silence-accepted"
    asked = dispute.live_terms(Role.BUYER)
    # Notice and reminders were about the claim: silence never accepts more than they said.
    amount = min((asked or dispute.claim.terms).amount, dispute.claim.terms.amount, key=lambda one: one.amount_minor)
    if asked is not None and _silence_accepts(dispute, amount):
        return settle(dispute, amount, Outcome.SETTLED, How.SILENCE, by=SYSTEM, at=now, rule=accepted)
    to_review = f"{dispute.phase}.silence-to-review"
    return [first_review(dispute, SYSTEM, now, to_review, nearest=accepted, silent=Role.SELLER)]


def _silence_accepts(dispute: Dispute, amount: Money) -> bool:
    policy = dispute.policy
    if not policy.reasons[dispute.claim.reason].silence_accepts:
        return False
    reach = policy.silence_accepts.get(dispute.claim.goods, "nothing")
    small = policy.amounts[amount.currency].small_claim
    return reach == "full" or (reach == "small_claim" and amount.amount_minor <= small)


def after_refusal_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """The buyer did not go on."""
    return [
        Closed(
            at=now,
            by=SYSTEM,
            rule="negotiation.buyer-silent",
            ended=left_behind(dispute, Phase.CLOSED),
            phase=Phase.CLOSED,
            outcome=Outcome.LAPSED,
            how=How.SILENCE,
        )
    ]


def negotiation_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """The platform takes the claim up in the buyer's name; both sides have their time to speak."""
    return [filed(dispute, SYSTEM, now, "negotiation.time-over", BOTH)]
